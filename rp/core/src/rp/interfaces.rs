//! Link states of the ports, as line cards report them.
//!
//! They are checkpointed in SSO (seeds/002: line-card events received at the active are synchronised), so that
//! a new active knows them before a card has spoken. With the running configuration they are what an SNMP
//! agent would serve of the IF-MIB.

use bytes::Bytes;
use fabric_proto::{
    id::{LcSlot, PortId},
    time::Instant,
};
use std::collections::BTreeMap;

/// What is known of the ports.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Whether a port has carrier, and since when; `None` for a state that the peer reported.
    ports: BTreeMap<PortId, (bool, Option<Instant>)>,
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

    /// A card is gone: nobody knows its ports.
    pub(super) fn forget(&mut self, slot: LcSlot) {
        self.ports.retain(|port, _| port.slot != slot);
    }

    /// Whether a port has carrier, and since when.
    pub(super) fn get(&self, port: PortId) -> Option<(bool, Option<Instant>)> {
        self.ports.get(&port).copied()
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
        Ok(Self { ports: rows.iter().map(port).collect::<Result<_, _>>()? })
    }
}

/// A port's `ifIndex`: it follows from where the port is, so that it is the same on both units, in every term and
/// after any restart.
pub(super) fn if_index(port: PortId) -> u32 {
    u32::from(port.slot.0) << 8 | u32::from(port.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standby_knows_what_the_active_knew() {
        let port = |text: &str| text.parse::<PortId>().unwrap();
        let mut links = Links::default();
        assert!(links.report(Instant(1), port("1/1"), true));
        assert!(!links.report(Instant(2), port("1/1"), true));
        assert!(links.report(Instant(3), port("2/4"), false));
        let replica = Links::decode(&links.encode()).unwrap();
        assert_eq!(replica.get(port("1/1")), Some((true, None)));
        assert_eq!(replica.get(port("2/4")), Some((false, None)));
        links.forget(LcSlot(1));
        assert_eq!(links.get(port("1/1")), None);
        assert!(Links::decode(&[1, 1]).is_err() && Links::decode(&[1, 1, 2]).is_err());
        assert_ne!(if_index(port("1/2")), if_index(port("2/1")));
    }
}
