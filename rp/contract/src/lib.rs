//! What a *client* sees of its route processor, and what the route processor sees of a client: no I/O.
//!
//! A client is a part of the router that lives on two RPs. The redundancy facility leads it through progressions
//! ([`Client::progress`]); the checkpointing facility takes its state from the active to the standby ([`Checkpointed`]). It
//! changes nothing but itself: what else is to be done it asks for ([`Effect`]), and the route processor, which alone knows
//! all its machines, does it.
//!
//! docs/clients.md shows one, whole.

#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod checkpoint;
mod client;
mod effect;
mod rows;
mod table;

pub use checkpoint::{Ask, Checkpointed, Chunk, Lost, Member, Unapplied};
pub use client::{Answer, Client, News, Progression, TakeOver, Term};
pub use effect::Effect;
pub use fabric_proto::version::{Inexpressible, Versions};
pub use rows::Rows;
pub use table::{Coding, Table};
