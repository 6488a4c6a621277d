//! TCP (RFC 9293): smoltcp's sockets, each on an interface of its own, and what stands before them.
//!
//! A segment reaches a socket only if it is for a connection that there is, or a SYN that somebody listens for; if its source is
//! one that may speak, if it has come no further than that source may be (GTSM, RFC 5082), and if it is signed where that is
//! agreed (RFC 2385). Whatever else arrives is dropped and counted, or answered with a reset where nobody listens, within a limit. So no
//! socket sees another one's segments, and no stranger a socket. TCP-AO (RFC 5925) is not there.
//!
//! Initial sequence numbers come from the host's seed, which is another one in every term: a new active's connections are not
//! taken for the old one's.

mod connection;
mod segment;

pub use segment::Md5Key;

use crate::{
    limit::Bucket,
    wire::ip::{Outgoing, Packet},
};
use connection::Connection;
use etherparse::ip_number;
use fabric_proto::{
    fib::Prefix,
    id::{InterfaceId, TableId},
    random,
    time::Instant,
};
use segment::Segment;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

/// Number of a connection, or of somebody who listens. Whoever opens one chooses it, below [`TcpId::ACCEPTED`]; connections that
/// others open have numbers from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcpId(pub u64);

impl TcpId {
    /// The first number of connections that others open.
    pub const ACCEPTED: Self = Self(1 << 63);
}

/// What holds for the segments of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpRules {
    /// Hops that ours may take: 255 where the other side looks at that (RFC 5082 §3).
    pub ttl: u8,
    /// Hops that theirs must have left on arrival: 255 for a neighbour, 0 for anybody.
    pub least_ttl: u8,
    /// What both sign segments with (RFC 2385).
    pub md5: Option<Md5Key>,
    /// Type of service, or traffic class.
    pub class: u8,
}

impl Default for TcpRules {
    fn default() -> Self {
        // Class selector 6 (RFC 4594 §3.1): what routers have to say to each other.
        Self { ttl: 64, least_ttl: 0, md5: None, class: 0xc0 }
    }
}

/// Somebody who waits for connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The table that they come by.
    pub table: TableId,
    /// To which own address; `None`: any.
    pub address: Option<IpAddr>,
    /// To which port.
    pub port: u16,
    /// Who may connect, and what holds for them: the longest prefix counts. Nobody else is answered.
    pub from: Vec<(Prefix, TcpRules)>,
}

/// A connection to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The table that the other side is looked up in.
    pub table: TableId,
    /// By which interface: a link-local address needs one.
    pub via: Option<InterfaceId>,
    /// From which own address; `None`: the one of the interface that leads there.
    pub own: Option<IpAddr>,
    /// To whom.
    pub other: SocketAddr,
    /// What holds for it.
    pub rules: TcpRules,
}

/// What is asked of TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpInput<'a> {
    /// Wait for connections.
    Listen(TcpId, Listener),
    /// Open one.
    Connect(TcpId, Connect),
    /// Send this. What there is no room for waits; whoever sends heeds [`TcpEvent::Room`].
    Send(TcpId, &'a [u8]),
    /// All is sent: close it once that has arrived. Of somebody who listens: wait no more.
    Close(TcpId),
    /// Reset it.
    Abort(TcpId),
}

/// What has become of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpEvent {
    /// Somebody has connected.
    Accepted {
        /// To whom who listens.
        listener: TcpId,
        /// Our end.
        own: SocketAddr,
        /// Theirs.
        other: SocketAddr,
    },
    /// The other side has answered.
    Connected,
    /// It has sent this.
    Data(Vec<u8>),
    /// All that waited is on its way: there is room again.
    Room,
    /// It sends no more.
    Ended,
    /// It is over: both sides have closed it, or (`reset`) it was refused, reset or given up.
    Closed {
        /// Whether something may be lost.
        reset: bool,
    },
}

/// What is counted of segments that reach no socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpCounters {
    /// Damaged ones.
    pub malformed: u64,
    /// From further away than is allowed.
    pub ttl: u64,
    /// Not signed, or wrongly, or signed where nothing is agreed.
    pub unsigned: u64,
    /// From somebody who may not connect.
    pub stranger: u64,
    /// More connections than there is room for.
    pub full: u64,
    /// Answered with a reset.
    pub reset: u64,
}

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
            let rules = self.connections.get(&connection).map(|connection| connection.rules.clone());
            if let Some(bytes) = rules.and_then(|rules| self.admit(&rules, packet, &segment)) {
                self.with(now, connection, out, |connection| connection.take(&bytes));
            }
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
        let Some(bytes) = self.admit(&rules, packet, &segment) else { return };
        if !segment.is_first() {
            // Of a connection that an active before had, perhaps: the other side is to know that it is gone.
            return self.refuse(now, (id, table), packet, &segment, &rules, out);
        }
        let half_open = self.connections.values().filter(|connection| connection.is_half_open()).count();
        if self.connections.len() >= CONNECTIONS || half_open >= HALF_OPEN {
            self.counters.full += 1;
            return;
        }
        let via = crate::interface::is_link_local(other.ip()).then_some(id);
        let seed = random::next(&mut self.random);
        let Some(mut connection) = Connection::listen(now, (table, via), own, other, (rules, mtu), seed) else {
            return;
        };
        connection.listener = Some(listener);
        connection.take(&bytes);
        let number = TcpId(self.accepted);
        self.accepted += 1;
        self.add(now, number, (table, own, other), connection, out);
    }

    /// Whether a segment may be heard, and its bytes without its signature.
    fn admit(&mut self, rules: &TcpRules, packet: &Packet<'_>, segment: &Segment<'_>) -> Option<Vec<u8>> {
        if packet.ttl < rules.least_ttl {
            self.counters.ttl += 1;
            return None;
        }
        let payload = segment.verified(packet.source, packet.destination, rules.md5.as_ref());
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
        if !self.resets.take(now) {
            return;
        }
        self.counters.reset += 1;
        let (source, destination) = (packet.destination, packet.source);
        let Some(payload) = segment::signed(source, destination, &reset, rules.md5.as_ref()) else { return };
        let (ttl, class, protocol) = (rules.ttl, rules.class, ip_number::TCP);
        let packet = Outgoing { source, destination, ttl, class, dont_fragment: true, protocol, payload };
        let via = crate::interface::is_link_local(destination).then_some(id);
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
            due.into_iter().for_each(|due| drop(self.timers.remove(&(due, id))));
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
