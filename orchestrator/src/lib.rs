//! Library and command of swact: faults, experiments, the run engine.
//!
//! * [`experiment`]: files that users write, checked
//! * [`fault`] and [`inject`]: the names of faults and targets, and what they do
//! * [`standing`]: how a chassis stands
//! * [`issu`]: an in-service software upgrade, step by step
//! * [`expectation`]: what must come of them
//! * [`run`]: the run engine; what it measured becomes files in the package `report`
//! * [`capture`]: copies of packets, as a file
//! * [`mod@trace`]: one packet's way, decision by decision
//! * [`throughput`]: RFC 2544; [`zero_loss`]: the rates that it stores
//! * [`cli`]: the `swact` command; [`output`]: what it says

pub mod capture;
pub mod chaos;
pub mod cli;
pub mod expectation;
pub mod experiment;
pub mod fault;
pub mod inject;
pub mod issu;
pub mod output;
pub mod run;
pub mod standing;
pub mod storm;
pub mod telemetry;
pub mod throughput;
pub mod trace;
pub mod zero_loss;
