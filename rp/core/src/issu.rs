//! In-service software upgrade (ISSU).
//!
//! * `verdict.rs`: what two releases come to, a pure function of what both offer; both route processors compute the same
//! * `session.rs`: the same as the field shows it (`show issu …`)
//! * `procedure.rs`: the upgrade itself, command by command; `refused.rs`: why a command is refused, and what comes first
//!
//! The words are in [`fabric_proto::issu`], a family's clients in its profile ([`fabric_proto::platform::IssuClient`]).

mod procedure;
mod refused;
mod session;
mod verdict;

pub use procedure::{
    Busy, Command, Loadable, Named, Order, Phase, Procedure, ROLLBACK_DEFAULT, ROLLBACK_MAX, State, Unit, Units,
    Upgrade,
};
pub use refused::Refused;
pub use session::{Negotiated, Registered, Type, View, transport_mtu};
pub use verdict::{ClientVerdict, Fault, Verdict, verdict};
