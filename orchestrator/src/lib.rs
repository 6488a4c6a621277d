//! Library and command of swact: topology, plan, runtimes, faults, experiments, reports.
//!
//! * [`document`] and [`units`]: files that users write, and complaints that show the place
//! * [`topology`], [`experiment`], [`images`]: those files, checked
//! * [`plan`]: from a topology to what every card is told; pure
//! * [`lab`]: a lab that runs
//! * [`fault`] and [`inject`]: the names of faults and targets, and what they do
//! * [`run`]: the run engine
//! * [`throughput`]: RFC 2544, and the rates that it stores
//! * [`cli`]: the `swact` command; [`output`]: what it says

pub mod chaos;
pub mod cli;
pub mod document;
pub mod expectation;
pub mod experiment;
pub mod fault;
pub mod images;
pub mod inject;
pub mod lab;
pub mod mode;
pub mod output;
pub mod pki;
pub mod plan;
pub mod report;
pub mod run;
pub mod runtime;
pub mod storm;
pub mod telemetry;
pub mod text;
pub mod throughput;
pub mod topology;
pub mod units;

use fabric_proto::id::{CardId, Unit};

/// A card as people say it inside one lab: `pe1/A`, `pe1/3`, `t1`.
pub fn lab_name(id: &CardId) -> String {
    match id.unit {
        Unit::Card(slot) => format!("{}/{slot}", id.node),
        Unit::Tester => id.node.clone(),
        Unit::Operator => "orchestrator".to_owned(),
    }
}
