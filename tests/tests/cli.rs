//! The programs themselves, through the command line, as their users have them.
//!
//! Each test has a folder of its own with topologies, labs and a run store ([`bench::Bench`]), and takes its turn:
//! what is measured must not compete for the processors. No test asserts how long something takes; it waits,
//! generously, for what must become true, and counts packets.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/capture.rs"]
mod capture;
#[path = "cli/chassis.rs"]
mod chassis;
#[path = "cli/churn.rs"]
mod churn;
#[path = "cli/experiments.rs"]
mod experiments;
#[path = "cli/flood.rs"]
mod flood;
#[path = "cli/follow.rs"]
mod follow;
#[path = "cli/foreign.rs"]
mod foreign;
#[path = "cli/goodbye.rs"]
mod goodbye;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/issu.rs"]
mod issu;
#[path = "cli/labs.rs"]
mod labs;
#[path = "cli/leftovers.rs"]
mod leftovers;
#[path = "cli/links.rs"]
mod links;
#[path = "cli/neighbours.rs"]
mod neighbours;
#[path = "cli/platforms.rs"]
mod platforms;
#[path = "cli/terminals.rs"]
mod terminals;
#[path = "cli/upgrade.rs"]
mod upgrade;
#[path = "cli/vpn.rs"]
mod vpn;
