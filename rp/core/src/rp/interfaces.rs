//! Link states of the ports, as line cards report them: what routing goes by.
//!
//! A port that has no carrier, or of which no card has said that it has, takes its networks and what leads there out of
//! the routing table. They are checkpointed in SSO (seeds/002: line-card events received at the active are
//! synchronised), so that a new active knows them before a card has spoken and nothing moves. With the running
//! configuration they are what an SNMP agent would serve of the IF-MIB.
//!
//! A card whose connection is lost goes on forwarding by itself for a while, and its ports stay as they were told
//! for as long. One that is removed, reset or restarted has none until it says so.

use super::{Output, Rp, local, takeover::Role};
use crate::config::interface_name;
use bytes::Bytes;
use fabric_proto::{
    id::{LcSlot, PortId},
    operator::EventKind,
    sabotage::{self, Sabotage},
    time::Instant,
};
use std::{collections::BTreeMap, time::Duration};

/// How long a card that nobody hears keeps its ports: as long as it forwards without an active.
const CARD_ALONE: Duration = Duration::from_secs(120);

/// What is known of the ports.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Whether a port has carrier, and since when; `None` for a state that the peer reported.
    ports: BTreeMap<PortId, (bool, Option<Instant>)>,
    /// The cards' runs, where they are known.
    boots: BTreeMap<LcSlot, u64>,
    /// Cards whose connection is lost, and until when their ports stay as they were.
    alone: BTreeMap<LcSlot, Instant>,
}

/// Bytes that do not say link states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("link states are three bytes a port: card, port, 0 or 1")]
pub(super) struct BadLinks;

impl Links {
    /// A card reports a port. Says whether that is news.
    pub(super) fn report(&mut self, now: Instant, port: PortId, up: bool) -> bool {
        let news = self.ports.get(&port).is_none_or(|(was, _)| *was != up);
        if news {
            self.ports.insert(port, (up, Some(now)));
        }
        news
    }

    /// A card's ports are not known any more. Returns those that had carrier.
    fn forget(&mut self, slot: LcSlot) -> Vec<PortId> {
        self.alone.remove(&slot);
        self.boots.remove(&slot);
        let up = self.ports.iter().filter(|(port, (up, _))| port.slot == slot && *up).map(|(port, _)| *port).collect();
        self.ports.retain(|port, _| port.slot != slot);
        up
    }

    /// A card answers, in this run of its program. Says whether it has restarted since it was heard last.
    fn heard(&mut self, slot: LcSlot, boot: u64) -> bool {
        self.alone.remove(&slot);
        self.boots.insert(slot, boot).is_some_and(|before| before != boot)
    }

    /// A card's connection is lost.
    pub(super) fn lost(&mut self, now: Instant, slot: LcSlot) {
        self.alone.insert(slot, now + CARD_ALONE);
    }

    /// When the first card has been alone for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.alone.values().min().copied()
    }

    /// Whether a port has carrier, and since when; `None` where nobody has said it.
    pub(super) fn get(&self, port: PortId) -> Option<(bool, Option<Instant>)> {
        self.ports.get(&port).copied()
    }

    /// Whether a port is known to have carrier.
    pub(super) fn is_up(&self, port: PortId) -> bool {
        self.ports.get(&port).is_some_and(|(up, _)| *up)
    }

    /// For the standby.
    pub(super) fn encode(&self) -> Bytes {
        self.ports.iter().flat_map(|(port, (up, _))| [port.slot.0, port.port, u8::from(*up)]).collect()
    }

    /// What the active knows, all of it.
    pub(super) fn decode(data: &[u8]) -> Result<Self, BadLinks> {
        let (rows, rest) = data.as_chunks::<3>();
        if !rest.is_empty() {
            return Err(BadLinks);
        }
        let port = |[slot, port, up]: &[u8; 3]| match up {
            0 | 1 => Ok((PortId { slot: LcSlot(*slot), port: *port }, (*up == 1, None))),
            _ => Err(BadLinks),
        };
        Ok(Self { ports: rows.iter().map(port).collect::<Result<_, _>>()?, ..Self::default() })
    }
}

impl Rp {
    /// A line card says how a port is.
    pub(super) fn port_reported(&mut self, now: Instant, port: PortId, up: bool, out: &mut Vec<Output>) {
        let up = up || sabotage::is(Sabotage::IgnoreCarrier);
        let was = self.links.is_up(port);
        if self.links.report(now, port, up) {
            self.log_link(port, was, up, out);
            self.links_changed(now, out);
        }
    }

    /// A card obeys this term. One that has restarted says anew which of its ports have carrier.
    pub(super) fn card_answers(&mut self, now: Instant, slot: LcSlot, boot: u64, out: &mut Vec<Output>) {
        if self.links.heard(slot, boot) {
            self.ports_gone(now, slot, out);
            self.links.heard(slot, boot);
        }
    }

    /// A card is not there any more, or starts anew: none of its ports has carrier.
    pub(super) fn ports_gone(&mut self, now: Instant, slot: LcSlot, out: &mut Vec<Output>) {
        let known = self.links.ports.keys().any(|port| port.slot == slot);
        for port in self.links.forget(slot) {
            self.log_link(port, true, false, out);
        }
        if known {
            self.links_changed(now, out);
        }
    }

    /// Cards that have been alone for too long have no ports.
    pub(super) fn links_due(&mut self, now: Instant, out: &mut Vec<Output>) {
        let due: Vec<LcSlot> =
            self.links.alone.iter().filter(|(_, until)| **until <= now).map(|(slot, _)| *slot).collect();
        for slot in due {
            self.ports_gone(now, slot, out);
        }
    }

    /// Whether every port that is to be up, of cards that hold the table, has been reported.
    pub(super) fn links_are_known(&self) -> bool {
        let confirmed = self.feed.confirmed();
        let open = |(port, interface): (&PortId, &crate::config::Interface)| {
            !interface.shutdown && confirmed.contains(&port.slot) && self.links.get(*port).is_none()
        };
        !self.config.interfaces.iter().any(open)
    }

    fn links_changed(&mut self, now: Instant, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Active(_)) {
            self.rib.configure(local::routing(&self.config, &self.links), &mut self.fib);
        }
        self.checkpoint_links(now, out);
    }

    fn log_link(&self, port: PortId, was: bool, up: bool, out: &mut Vec<Output>) {
        let name = interface_name(port);
        let mut log = |line: String| out.push(Output::Event(EventKind::Log { line }));
        let state = if up { "up" } else { "down" };
        if self.config.interfaces.get(&port).is_none_or(|interface| interface.shutdown) && !up {
            log(format!("%LINK-5-CHANGED: Interface {name}, changed state to administratively down"));
        } else {
            log(format!("%LINK-3-UPDOWN: Interface {name}, changed state to {state}"));
        }
        if was != up {
            log(format!("%LINEPROTO-5-UPDOWN: Line protocol on Interface {name}, changed state to {state}"));
        }
    }
}

/// A port's `ifIndex`: it follows from where the port is, so that it is the same on both units, in every term and
/// after any restart.
pub(super) fn if_index(port: PortId) -> u32 {
    u32::from(port.slot.0) << 8 | u32::from(port.port)
}

#[cfg(test)]
mod tests;
