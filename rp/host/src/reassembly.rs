//! Datagrams to this router that come in parts (RFC 791 §3.2, RFC 8200 §4.5). Bounded in datagrams and in bytes; parts that overlap
//! are an attack, and their datagram is dropped (RFC 5722, for both families).

use crate::wire::ip::{Fragment, Packet};
use etherparse::IpNumber;
use fabric_proto::{
    id::{InterfaceId, TableId},
    time::Instant,
};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Datagrams that are waited for at once, and bytes of all of them.
const DATAGRAMS: usize = 64;
const BYTES: usize = 1 << 20;
/// How long parts are waited for (RFC 8200 §4.5; RFC 1122 §3.3.2 has between one and two minutes).
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest payload.
const LARGEST: usize = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    table: TableId,
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    protocol: u8,
}

/// A datagram whose parts have not all come.
#[derive(Debug)]
struct Partial {
    until: Instant,
    interface: InterfaceId,
    /// Parts by where they begin.
    parts: BTreeMap<usize, Vec<u8>>,
    /// How long it is, once the last part is there.
    len: Option<usize>,
    held: usize,
    /// The first part with its header, as it came: what an error is about.
    first: Option<Vec<u8>>,
    /// Parts overlapped: what still comes of it is dropped.
    bad: bool,
}

/// Parts that wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    partial: BTreeMap<Key, Partial>,
    bytes: usize,
}

/// A datagram of which not all parts came in time, and its first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GivenUp {
    pub(crate) interface: InterfaceId,
    pub(crate) first: Option<Vec<u8>>,
}

impl Reassembly {
    /// Takes a part. Returns the payload once it is whole.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        (interface, table): (InterfaceId, TableId),
        packet: &Packet<'_>,
        fragment: Fragment,
    ) -> Option<(IpNumber, Vec<u8>)> {
        let len = packet.payload.len();
        let end = fragment.offset + len;
        // Every part but the last is of whole words.
        if len == 0 || end > LARGEST || fragment.more && !len.is_multiple_of(8) {
            return None;
        }
        let (source, destination) = (packet.source, packet.destination);
        // Parts of one datagram share the protocol in IPv4; in IPv6 only the first one's counts.
        let protocol = if source.is_ipv4() { packet.protocol.0 } else { 0 };
        let key = Key { table, source, destination, identification: fragment.identification, protocol };
        while !self.partial.contains_key(&key) && self.partial.len() >= DATAGRAMS || self.bytes + len > BYTES {
            self.drop_oldest()?;
        }
        let fresh = || Partial {
            until: now + PATIENCE,
            interface,
            parts: BTreeMap::new(),
            len: None,
            held: 0,
            first: None,
            bad: false,
        };
        let partial = self.partial.entry(key).or_insert_with(fresh);
        if partial.parts.get(&fragment.offset).is_some_and(|held| held == packet.payload) {
            return None;
        }
        let before = partial.parts.range(..end).next_back();
        let overlaps = before.is_some_and(|(at, part)| at + part.len() > fragment.offset);
        let ends = !fragment.more && partial.len.is_some_and(|len| len != end);
        let beyond = partial.len.is_some_and(|len| end > len);
        let short = !fragment.more && partial.parts.last_key_value().is_some_and(|(at, part)| at + part.len() > end);
        if partial.bad || overlaps || ends || beyond || short {
            self.bytes -= partial.held;
            let until = partial.until;
            *partial = Partial { bad: true, until, ..fresh() };
            return None;
        }
        if fragment.offset == 0 {
            partial.first = Some(packet.bytes.to_vec());
        }
        if !fragment.more {
            partial.len = Some(end);
        }
        partial.parts.insert(fragment.offset, packet.payload.to_vec());
        partial.held += len;
        self.bytes += len;
        if partial.len != Some(partial.held) {
            return None;
        }
        let whole = self.partial.remove(&key)?;
        self.bytes -= whole.held;
        let first = whole.first.as_deref().and_then(Packet::parse);
        let protocol = first.map_or(packet.protocol, |first| first.protocol);
        Some((protocol, whole.parts.into_values().flatten().collect()))
    }

    fn drop_oldest(&mut self) -> Option<()> {
        let oldest = self.partial.iter().min_by_key(|(_, partial)| partial.until).map(|(key, _)| *key)?;
        let gone = self.partial.remove(&oldest)?;
        self.bytes -= gone.held;
        Some(())
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.partial.values().map(|partial| partial.until).min()
    }

    /// Gives up those that have waited for too long.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<GivenUp> {
        let late = self.partial.iter().filter(|(_, partial)| partial.until <= now).map(|(key, _)| *key);
        let late: Vec<Key> = late.collect();
        let gone = late.iter().filter_map(|key| self.partial.remove(key));
        let gone: Vec<Partial> = gone.collect();
        self.bytes -= gone.iter().map(|gone| gone.held).sum::<usize>();
        gone.into_iter().map(|gone| GivenUp { interface: gone.interface, first: gone.first }).collect()
    }
}
