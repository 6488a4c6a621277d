//! The line card's program as a library: its control side can be run on a simulated network.
//!
//! Two threads: the main thread runs the control side ([`control`]: the machine
//! [`linecard_core::linecard::LineCard`] over sockets), the data thread forwards ([`data`]). They share the
//! forwarding tables, which the one writes and the other reads, and a pair of channels.

pub mod control;
pub mod data;
pub mod handover;
pub mod life;
