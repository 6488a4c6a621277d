//! In-service software upgrade (ISSU).
//!
//! * `verdict.rs`: what two releases come to, a pure function of what both offer; both route processors compute the same
//! * `session.rs`: the same as the field shows it (`show issu …`)
//!
//! The words are in [`fabric_proto::issu`], a family's clients in its profile ([`fabric_proto::platform::IssuClient`]).

mod session;
mod verdict;

pub use session::{Negotiated, Registered, Type, View, transport_mtu};
pub use verdict::{ClientVerdict, Fault, Verdict, verdict};
