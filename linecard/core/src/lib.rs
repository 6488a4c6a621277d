//! Forwarding tables, pipeline and FIB sync of a swact line card: no I/O.
//!
//! * [`lpm`]: longest prefix match, one multibit trie for both families, read without locks while one writer changes it
//! * [`paths`] and [`tables`]: what the data plane reads: routes, path lists, ports
//! * [`packet`], [`encap`] and [`pipeline`]: a packet's way: check, look up, choose a path, rewrite
//! * [`explain`]: the same way, with every decision said
//! * [`punt`]: what is for the route processor, and how much of it
//! * [`linecard`] and [`fib_sync`]: the control side: whom the card obeys, and how its table follows the active's
//! * [`handover`]: how a running card's program gives all of that to the one that takes its place
//! * [`counters`]: every packet is accounted for
// A new variant must be thought of everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod counters;
pub mod encap;
pub mod explain;
pub mod fib_sync;
pub mod handover;
pub mod linecard;
mod lists;
pub mod lpm;
pub mod packet;
pub mod paths;
pub mod pipeline;
pub mod punt;
pub mod tables;
