//! In-service software upgrade.

mod procedure;
mod refused;

pub use procedure::{Command, Image, Named, Order, Phase, Procedure, ROLLBACK_MAX, State, Unit, Units, Upgrade};
pub use refused::Refused;
