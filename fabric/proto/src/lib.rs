//! What the programs of a swact chassis say to each other, and nothing that does I/O.
//!
//! * [`id`]: slots, ports, cards, epochs
//! * [`time`] and [`machine`]: the clock as an input, and the contract of every protocol machine
//! * [`codec`]: frames with a class, a version and a size cap; [`version`] and [`offer`]: which versions two cards speak;
//!   [`compat`]: the shapes of releases that were shipped; [`issu`]: what two releases come to on two route processors
//! * one module a message class: [`redundancy`], [`checkpoint`], [`linecard`], [`feed`], [`operator`]
//! * [`fib`]: prefixes, path lists, the bucketed route table and its digests, shared by RPs and line cards
//! * [`cell`] and [`wire`]: the data plane's framing; [`load`]: test packets on a wire
//! * [`capture`] and [`mod@trace`]: what an operator is shown of packets
//! * [`deploy`]: what a card is told when it is started
//! * [`platform`]: what sets router families apart
//! * [`drops`]: every cause for which a packet may be dropped; [`special`]: addresses that nothing is forwarded from or to
//! * [`flow`]: which of several equal paths a packet takes
//! * [`impair`] and [`outage`]: what is done to packets on purpose
//! * [`lateness`]: how late heartbeats were
//! * [`sabotage`]: deliberate faults, which the shipped programs do not contain
// A new variant must be thought of everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod capture;
pub mod cell;
pub mod checkpoint;
pub mod codec;
pub mod compat;
pub mod deploy;
pub mod drops;
pub mod feed;
pub mod fib;
pub mod flow;
pub mod id;
pub mod impair;
pub mod issu;
pub mod lateness;
pub mod linecard;
pub mod load;
pub mod machine;
pub mod offer;
pub mod operator;
pub mod outage;
pub mod platform;
pub mod punt;
pub mod random;
pub mod redundancy;
pub mod release;
pub mod sabotage;
pub mod special;
pub mod time;
pub mod trace;
pub mod version;
pub mod wire;
mod word;
