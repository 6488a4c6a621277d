//! Every route-processor machine of the swact chassis: no I/O

#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod checkpoint;
pub mod cli;
pub mod clients;
pub mod config;
pub mod fib_feed;
mod grammar;
pub mod issu;
pub mod nvram;
pub mod redundancy;
pub mod rib;
pub mod rp;
pub mod vpn;
