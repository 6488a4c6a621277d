//! `swact throughput`: the tests of RFC 2544 on a topology: throughput (§26.1), latency (§26.2), frame loss rate (§26.3).
//!
//! * `search`: which rate next; pure
//! * `engine`: deploys, holds the trials; the tester counts every packet
//! * `figures`: what was found, as it is stored and printed as JSON
//! * `tables`: for people
//!
//! What it finds is kept for experiments that say `rate: 80%` ([`crate::zero_loss`]).

mod engine;
mod figures;
mod search;
mod tables;

pub use engine::{Ended, Options, run};
pub use figures::{Figures, Purpose, SizeFigures, TrialFigures};
pub use search::Search;
pub use tables::text;

/// Frame sizes for Ethernet (RFC 2544 §9.1), FCS included.
pub const FRAME_SIZES: [u16; 7] = [64, 128, 256, 512, 1024, 1280, 1518];
