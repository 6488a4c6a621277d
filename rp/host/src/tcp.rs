//! TCP (RFC 9293): smoltcp's sockets, each on an interface of its own, and what stands before them.
//!
//! A segment reaches a socket only if it is for a connection that there is, or a SYN that somebody listens for; if its source is
//! one that may speak, if it has come no further than that source may be (GTSM, RFC 5082), and if it is signed where that is
//! agreed (RFC 2385, RFC 5925). Whatever else arrives is dropped and counted, or answered with a reset where nobody listens, within a limit. So no
//! socket sees another one's segments, and no stranger a socket.
//!
//! Initial sequence numbers come from the host's seed, which is another one in every term: a new active's connections are not
//! taken for the old one's.

mod ao;
mod connection;
mod segment;
mod words;

pub use ao::AoKey;
pub use segment::Md5Key;
pub use words::{Connect, Listener, TcpCounters, TcpEvent, TcpId, TcpInput, TcpKey, TcpRules};

use crate::{
    limit::Bucket,
    wire::ip::{Outgoing, Packet},
};
use connection::Connection;
use etherparse::ip_number;
use fabric_proto::{
    id::{InterfaceId, TableId},
    random,
    special::is_link_local,
    time::Instant,
};
use segment::Segment;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

/// What is to be done for TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Send { table: TableId, via: Option<InterfaceId>, packet: Outgoing },
    Event(TcpId, TcpEvent),
}

/// Connections at once.
const CONNECTIONS: usize = 4_096;
/// Those of them whose other side has not answered.
const HALF_OPEN: usize = 256;

/// A connection's ends, and the table.
type Ends = (TableId, SocketAddr, SocketAddr);

/// All connections, and all who listen.
#[derive(Debug)]
pub(crate) struct Tcp {
    listeners: BTreeMap<TcpId, Listener>,
    connections: BTreeMap<TcpId, Connection>,
    by_ends: BTreeMap<Ends, TcpId>,
    timers: BTreeSet<(Instant, TcpId)>,
    accepted: u64,
    resets: Bucket,
    random: u64,
    counters: TcpCounters,
}

impl Tcp {
    pub(crate) fn new(random: u64) -> Self {
        Self {
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            by_ends: BTreeMap::new(),
            timers: BTreeSet::new(),
            accepted: TcpId::ACCEPTED.0,
            resets: Bucket::new(100, 20),
            random,
            counters: TcpCounters::default(),
        }
    }

    pub(crate) fn counters(&self) -> TcpCounters {
        self.counters
    }

    pub(crate) fn listen(&mut self, id: TcpId, listener: Listener) {
        self.listeners.insert(id, listener);
    }

    /// Opens a connection from an own address.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        id: TcpId,
        connect: Connect,
        own: IpAddr,
        mtu: u16,
        out: &mut Vec<Act>,
    ) {
        let Connect { table, via, other, rules, .. } = connect;
        // RFC 6335 §6, RFC 6056 §3.3: an ephemeral port that cannot be told.
        let free = |port: &u16| !self.by_ends.contains_key(&(table, SocketAddr::new(own, *port), other));
        let first = random::next(&mut self.random) as u16;
        let port = (0..16_384).map(|at| 0xc000 | (first.wrapping_add(at) & 0x3fff)).find(free);
        let seed = random::next(&mut self.random);
        let opened = port.filter(|_| self.connections.len() < CONNECTIONS && !self.connections.contains_key(&id));
        let opened = opened.and_then(|port| {
            let own = SocketAddr::new(own, port);
            Some((own, Connection::open(now, (table, via), own, other, (rules, mtu), seed)?))
        });
        match opened {
            Some((own, connection)) => self.add(now, id, (table, own, other), connection, out),
            None => {
                self.counters.full += 1;
                out.push(Act::Event(id, TcpEvent::Closed { reset: true }));
            }
        }
    }

    pub(crate) fn send(&mut self, now: Instant, id: TcpId, data: &[u8], out: &mut Vec<Act>) {
        self.with(now, id, out, |connection| connection.send(data));
    }

    pub(crate) fn close(&mut self, now: Instant, id: TcpId, out: &mut Vec<Act>) {
        if self.listeners.remove(&id).is_none() {
            self.with(now, id, out, Connection::close);
        }
    }

    pub(crate) fn abort(&mut self, now: Instant, id: TcpId, out: &mut Vec<Act>) {
        self.with(now, id, out, Connection::abort);
    }

    /// A segment for one of our addresses.
    pub(crate) fn arrived(
        &mut self,
        now: Instant,
        (id, table): (InterfaceId, TableId),
        packet: &Packet<'_>,
        mtu: u16,
        out: &mut Vec<Act>,
    ) {
        let segment = Segment::parse(packet.payload).filter(|_| packet.is_sum_right(ip_number::TCP));
        let Some(segment) = segment.filter(|segment| segment.source != 0 && segment.destination != 0) else {
            self.counters.malformed += 1;
            return;
        };
        let own = SocketAddr::new(packet.destination, segment.destination);
        let other = SocketAddr::new(packet.source, segment.source);
        if let Some(connection) = self.by_ends.get(&(table, own, other)).copied() {
            let Some(of) = self.connections.get_mut(&connection) else { return };
            let (rules, mut session) = (of.rules.clone(), of.session.take());
            let bytes = self.admit(&rules, session.as_mut(), packet, &segment);
            self.with(now, connection, out, |connection| {
                connection.session = session;
                bytes.iter().for_each(|bytes| connection.take(bytes));
            });
            return;
        }
        let listening = |(_, listener): &(&TcpId, &Listener)| {
            let named = listener.address.is_none_or(|address| address == own.ip());
            listener.table == table && listener.port == own.port() && named
        };
        let Some((listener, rules)) = self.listeners.iter().find(listening).map(|(id, listener)| {
            let may = listener.from.iter().filter(|(from, _)| from.contains(other.ip()));
            (*id, may.max_by_key(|(from, _)| from.len()).map(|(_, rules)| rules.clone()))
        }) else {
            return self.refuse(now, (id, table), packet, &segment, &TcpRules::default(), out);
        };
        let Some(rules) = rules else {
            self.counters.stranger += 1;
            return;
        };
        let mut session = rules.session();
        let Some(bytes) = self.admit(&rules, session.as_mut(), packet, &segment) else { return };
        if !segment.is_first() {
            // Of a connection that an active before had, perhaps: the other side is to know that it is gone.
            return self.refuse(now, (id, table), packet, &segment, &rules, out);
        }
        let half_open = self.connections.values().filter(|connection| connection.is_half_open()).count();
        if self.connections.len() >= CONNECTIONS || half_open >= HALF_OPEN {
            self.counters.full += 1;
            return;
        }
        let via = is_link_local(other.ip()).then_some(id);
        let seed = random::next(&mut self.random);
        let Some(mut connection) = Connection::listen(now, (table, via), own, other, (rules, mtu), seed) else {
            return;
        };
        (connection.listener, connection.session) = (Some(listener), session);
        connection.take(&bytes);
        let number = TcpId(self.accepted);
        self.accepted += 1;
        self.add(now, number, (table, own, other), connection, out);
    }

    /// Whether a segment may be heard, and its bytes without its signature.
    fn admit(
        &mut self,
        rules: &TcpRules,
        session: Option<&mut ao::Session>,
        packet: &Packet<'_>,
        segment: &Segment<'_>,
    ) -> Option<Vec<u8>> {
        if packet.ttl < rules.least_ttl {
            self.counters.ttl += 1;
            return None;
        }
        let other = SocketAddr::new(packet.source, segment.source);
        let own = SocketAddr::new(packet.destination, segment.destination);
        let payload = match session {
            Some(session) => session.verified(other, own, segment.bytes),
            None => segment.verified(packet.source, packet.destination, rules.md5()),
        };
        self.counters.unsigned += u64::from(payload.is_none());
        let (source, destination) = (packet.source, packet.destination);
        let bare = Outgoing {
            source,
            destination,
            ttl: packet.ttl,
            class: 0,
            dont_fragment: true,
            protocol: ip_number::TCP,
            payload: payload?,
        };
        bare.packets(u16::MAX, 0).ok()?.pop()
    }

    /// Nobody has this connection (RFC 9293 §3.10.7.1).
    fn refuse(
        &mut self,
        now: Instant,
        (id, table): (InterfaceId, TableId),
        packet: &Packet<'_>,
        segment: &Segment<'_>,
        rules: &TcpRules,
        out: &mut Vec<Act>,
    ) {
        let Some(reset) = segment.reset() else { return };
        // Whoever authenticates does not hear a reset that nobody can sign (RFC 5925 §7.7).
        if rules.session().is_some() || !self.resets.take(now) {
            return;
        }
        self.counters.reset += 1;
        let (source, destination) = (packet.destination, packet.source);
        let Some(payload) = segment::signed(source, destination, &reset, rules.md5()) else { return };
        let (ttl, class, protocol) = (rules.ttl, rules.class, ip_number::TCP);
        let packet = Outgoing { source, destination, ttl, class, dont_fragment: true, protocol, payload };
        let via = is_link_local(destination).then_some(id);
        out.push(Act::Send { table, via, packet });
    }

    fn add(&mut self, now: Instant, id: TcpId, ends: Ends, connection: Connection, out: &mut Vec<Act>) {
        self.by_ends.insert(ends, id);
        self.connections.insert(id, connection);
        self.with(now, id, out, |_| ());
    }

    /// Does something with a connection, and what follows.
    fn with(&mut self, now: Instant, id: TcpId, out: &mut Vec<Act>, change: impl FnOnce(&mut Connection)) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        change(connection);
        let before = connection.due;
        let over = connection.poll(now, id, out);
        let (due, ends) = (connection.due, (connection.table, connection.own, connection.other));
        self.timers.extend(due.map(|due| (due, id)));
        if let Some(before) = before.filter(|before| due != Some(*before)) {
            self.timers.remove(&(before, id));
        }
        if over {
            if let Some(due) = due {
                self.timers.remove(&(due, id));
            }
            self.connections.remove(&id);
            self.by_ends.remove(&ends);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
    }

    pub(crate) fn due(&mut self, now: Instant, out: &mut Vec<Act>) {
        while let Some((_, id)) = self.timers.first().filter(|(due, _)| *due <= now).copied() {
            self.with(now, id, out, |_| ());
        }
    }
}

#[cfg(test)]
mod tests;
