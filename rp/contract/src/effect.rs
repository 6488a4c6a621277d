//! What a client can ask of its route processor.

use fabric_proto::{id::LcSlot, linecard::Adoption, operator::EventKind, redundancy::Code};
use std::collections::BTreeSet;

/// What a client can ask of its route processor, to be done in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The answer to an event that was answered [`crate::Answer::Later`].
    Done(Code),
    /// For the event log.
    Event(EventKind),
    /// Save this as startup configuration.
    SaveStartup(String),
    /// The running configuration is to be what the startup configuration says.
    ReadStartup,
    /// The redundancy facility's timers are to be those of the running configuration.
    Timers,
    /// The configured mode is to be the one of the running configuration.
    Mode,
    /// Reset these line cards when they are met.
    ResetCards(BTreeSet<LcSlot>),
    /// What line cards do with their tables when they are adopted first in this term.
    Adopt(Adoption),
    /// Tell line cards how the running configuration has their ports.
    Ports,
    /// Begin to learn routes: from the running configuration, from carrier, from feeds.
    Learn,
    /// Dial line cards and feeds, and keep dialling.
    Own,
}

impl Effect {
    /// A message as a router logs it.
    pub fn log(line: String) -> Self {
        Self::Event(EventKind::Log { line })
    }
}
