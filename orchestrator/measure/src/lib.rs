//! Flow records, loss periods, outages, histograms and statistics: no I/O, no clock.
//!
//! Read it in the order in which a trial uses it:
//!
//! * [`signature`]: what a test packet carries, and how damage is found
//! * [`schedule`]: when each packet is due: open loop, constant rate, exact integers
//! * [`pace`]: how late the generator ran against that schedule
//! * [`recorder`]: what arrived, by flow and sequence
//! * [`loss`]: loss periods (RFC 3357) and the outages they stand for (RFC 6201)
//! * [`evidence`]: all of it in one serialisable piece, as a tester hands it over
//! * [`trial`]: one trial with its accounting: `offered = delivered + Σ dropped by cause`
//! * [`audit`]: evidence held against itself
//! * [`accuracy`]: what is found of outages whose measure is known
//! * [`stats`] and [`verdict`]: many trials: medians with intervals, pass, fail or inconclusive
//! * [`histogram`]: HdrHistogram over flows and trials, and its text formats
// A new variant must be thought of everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod accuracy;
pub mod audit;
pub mod evidence;
pub mod histogram;
pub mod loss;
pub mod pace;
pub mod recorder;
pub mod schedule;
pub mod signature;
pub mod stats;
pub mod trial;
pub mod verdict;

pub use evidence::{FlowDelay, FlowEvidence, Misdelivery, TrafficEvidence};
pub use pace::Pace;
pub use recorder::Recorder;
pub use schedule::Schedule;
pub use signature::Signature;
pub use stats::Stat;
pub use trial::TrialRecord;
