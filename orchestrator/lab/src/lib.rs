//! Labs: from the files that describe them to programs that run.
//!
//! * [`topology`], [`images`]: files that users write, checked
//! * [`plan`]: from a topology to what every card is told; pure
//! * [`pki`]: who is who in a lab
//! * [`runtime`]: cards as processes or containers
//! * [`Lab`]: a lab that runs; [`Claim`]: whose it is

pub mod images;
mod lab;
pub mod pki;
pub mod plan;
pub mod runtime;
pub mod topology;

pub use self::lab::{
    CardAction, Change, Claim, Lab, LabError, LabEvent, RuntimeKind, Session, Step, Stream, Upgraded, changes,
    collect_logs, destroy, farewell, find, hands_over, names, placement, shelf,
};

use fabric_proto::id::{CardId, Unit};

/// A card as people say it inside one lab: `pe1/A`, `pe1/3`, `t1`.
pub fn card_name(id: &CardId) -> String {
    match id.unit {
        Unit::Card(slot) => format!("{}/{slot}", id.node),
        Unit::Tester | Unit::Linux => id.node.clone(),
        Unit::Operator => "orchestrator".to_owned(),
    }
}
