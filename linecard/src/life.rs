//! What a line card leaves to its next life.

use fabric_proto::{id::Epoch, operator::Event};
use linecard_core::counters::Counters;
use serde::{Deserialize, Serialize};

/// Events handed over: a reader that is a second behind misses nothing, and the variable stays far
/// below the kernel's 128 KiB.
pub(crate) const EVENTS_KEPT: usize = 256;

/// What survives a reset of the card.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NextLife {
    /// Packet counters.
    pub counters: Counters,
    /// The highest epoch seen: the card stays fenced against older ones.
    pub highest: Epoch,
    /// Resets since the card was started.
    pub resets: u32,
    /// The newest events, which their readers may not have seen yet.
    pub events: Vec<Event>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::{drops::DropCause, operator::EventKind, time::Instant};

    #[test]
    fn the_next_life_survives_the_environment() {
        let mut life = NextLife { highest: Epoch(9), resets: 3, ..NextLife::default() };
        life.counters.received = u64::MAX;
        life.counters.drop(DropCause::VoqFull);
        life.events = vec![Event { number: 4, at: Instant(5), kind: EventKind::Port { port: 1, up: true } }];
        let read: NextLife = serde_json::from_str(&serde_json::to_string(&life).unwrap()).unwrap();
        assert_eq!((read.highest, read.resets, read.counters, read.events), (Epoch(9), 3, life.counters, life.events));
    }
}
