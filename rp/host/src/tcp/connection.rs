//! One connection: a socket of smoltcp's, alone on an interface without a link.

use super::{Act, TcpEvent, TcpId, TcpKey, TcpRules, ao, segment};
use crate::wire::ip::{Outgoing, Packet};
use fabric_proto::{
    id::{InterfaceId, TableId},
    time::Instant,
};
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::tcp::{Socket, SocketBuffer, State},
    time::Instant as Clock,
    wire::{HardwareAddress, IpAddress, IpCidr, IpListenEndpoint},
};
use std::{
    collections::VecDeque,
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Bytes that may be under way in each direction. With them the window's scale is settled (RFC 7323 §2.2).
const BUFFER: usize = 64 << 10;
/// How long an other side is tried that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection, and where it stands for whoever has it.
pub(super) struct Connection {
    pub(super) table: TableId,
    pub(super) own: SocketAddr,
    pub(super) other: SocketAddr,
    pub(super) rules: TcpRules,
    /// Who listened for it.
    pub(super) listener: Option<TcpId>,
    /// Of the authentication option, where that is agreed.
    pub(super) session: Option<ao::Session>,
    /// When time has something to do for it.
    pub(super) due: Option<Instant>,
    via: Option<InterfaceId>,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    wire: Wire,
    /// What there was no room for.
    waiting: VecDeque<u8>,
    closes: bool,
    connected: bool,
    ended: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.sockets.get::<Socket<'_>>(self.socket).state();
        f.debug_struct("Connection").field("own", &self.own).field("other", &self.other).field("state", &state).finish()
    }
}

impl Connection {
    /// One that we open.
    pub(super) fn open(
        now: Instant,
        (table, via): (TableId, Option<InterfaceId>),
        own: SocketAddr,
        other: SocketAddr,
        rules: (TcpRules, u16),
        seed: u64,
    ) -> Option<Self> {
        let mut connection = Self::new(now, (table, via), own, other, rules, seed)?;
        let Self { interface, sockets, socket, .. } = &mut connection;
        let socket = sockets.get_mut::<Socket<'_>>(*socket);
        socket.connect(interface.context(), other, own).ok()?;
        Some(connection)
    }

    /// One that a SYN opens, which is the next that it takes.
    pub(super) fn listen(
        now: Instant,
        (table, via): (TableId, Option<InterfaceId>),
        own: SocketAddr,
        other: SocketAddr,
        rules: (TcpRules, u16),
        seed: u64,
    ) -> Option<Self> {
        let mut connection = Self::new(now, (table, via), own, other, rules, seed)?;
        let endpoint = IpListenEndpoint { addr: Some(own.ip().into()), port: own.port() };
        connection.socket().listen(endpoint).ok()?;
        Some(connection)
    }

    fn new(
        now: Instant,
        (table, via): (TableId, Option<InterfaceId>),
        own: SocketAddr,
        other: SocketAddr,
        (rules, mtu): (TcpRules, u16),
        seed: u64,
    ) -> Option<Self> {
        let signature = match &rules.key {
            Some(TcpKey::Md5(_)) => segment::SIGNED_MORE,
            Some(TcpKey::Ao(_)) => ao::OPTION_LEN,
            None => 0,
        };
        let session = rules.session();
        let mut wire =
            Wire { mtu: usize::from(mtu).checked_sub(signature)?, come: VecDeque::new(), gone: VecDeque::new() };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut wire, clock(now));
        let address = IpAddress::from(own.ip());
        interface.update_ip_addrs(|all| _ = all.push(IpCidr::new(address, if own.is_ipv4() { 32 } else { 128 })));
        // Where it goes is the host's to find: here everything goes out.
        match own.ip() {
            IpAddr::V4(own) => _ = interface.routes_mut().add_default_ipv4_route(own).ok()?,
            IpAddr::V6(own) => _ = interface.routes_mut().add_default_ipv6_route(own).ok()?,
        }
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_hop_limit(Some(rules.ttl.max(1)));
        socket.set_timeout(Some(PATIENCE.into()));
        socket.set_nagle_enabled(false);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        let (waiting, closes, connected, ended) = (VecDeque::new(), false, false, false);
        let (listener, due) = (None, None);
        Some(Self {
            table,
            own,
            other,
            rules,
            listener,
            session,
            due,
            via,
            interface,
            sockets,
            socket,
            wire,
            waiting,
            closes,
            connected,
            ended,
        })
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    /// Whether the other side has not answered yet.
    pub(super) fn is_half_open(&self) -> bool {
        !self.connected
    }

    /// A packet for it has come.
    pub(super) fn take(&mut self, packet: &[u8]) {
        self.wire.come.push_back(packet.to_vec());
    }

    pub(super) fn send(&mut self, data: &[u8]) {
        if !self.closes {
            self.waiting.extend(data);
        }
    }

    pub(super) fn close(&mut self) {
        self.closes = true;
    }

    pub(super) fn abort(&mut self) {
        self.closes = true;
        self.waiting.clear();
        self.socket().abort();
    }

    /// Lets it go on, and says what has become of it. Says whether it is over.
    pub(super) fn poll(&mut self, now: Instant, id: TcpId, out: &mut Vec<Act>) -> bool {
        let waited = !self.waiting.is_empty();
        loop {
            self.interface.poll(clock(now), &mut self.wire, &mut self.sockets);
            let moved = self.exchange(id, out);
            self.send_out(out);
            if !moved {
                break;
            }
        }
        if waited && self.waiting.is_empty() && self.connected {
            out.push(Act::Event(id, TcpEvent::Room));
        }
        let state = self.socket().state();
        if state == State::Closed || state == State::Listen {
            let reset = !(self.ended && self.closes);
            if self.connected || self.listener.is_none() {
                out.push(Act::Event(id, TcpEvent::Closed { reset }));
            }
            return true;
        }
        let next = self.interface.poll_at(clock(now), &self.sockets);
        // What is due at once has just been done: it is due again no earlier than the clock's next tick.
        let next = next.map(|at| Instant(u64::try_from(at.total_micros()).unwrap_or(0).saturating_mul(1_000)));
        self.due = next.map(|at| at.max(now + Duration::from_millis(1)));
        false
    }

    /// Hands data to and fro; says whether anything moved.
    fn exchange(&mut self, id: TcpId, out: &mut Vec<Act>) -> bool {
        let (own, other, listener) = (self.own, self.other, self.listener);
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        let mut moved = false;
        let established =
            !matches!(socket.state(), State::Closed | State::Listen | State::SynSent | State::SynReceived);
        if !self.connected && established {
            self.connected = true;
            let event = listener.map_or(TcpEvent::Connected, |listener| TcpEvent::Accepted { listener, own, other });
            out.push(Act::Event(id, event));
        }
        while socket.can_recv() {
            let data = socket.recv(|data| (data.len(), data.to_vec())).unwrap_or_default();
            if data.is_empty() {
                break;
            }
            moved = true;
            out.push(Act::Event(id, TcpEvent::Data(data)));
        }
        if self.connected && !self.ended && !socket.may_recv() && socket.state() != State::Closed {
            self.ended = true;
            out.push(Act::Event(id, TcpEvent::Ended));
        }
        while socket.can_send() && !self.waiting.is_empty() {
            let sent = socket.send_slice(self.waiting.as_slices().0).unwrap_or(0);
            if sent == 0 {
                break;
            }
            moved = true;
            self.waiting.drain(..sent);
        }
        if self.closes && self.waiting.is_empty() && socket.may_send() {
            moved = true;
            socket.close();
        }
        moved
    }

    fn signed(&mut self, source: IpAddr, destination: IpAddr, segment: &[u8]) -> Option<Vec<u8>> {
        match &mut self.session {
            Some(session) => session.signed(self.own, self.other, segment),
            None => segment::signed(source, destination, segment, self.rules.md5()),
        }
    }

    fn send_out(&mut self, out: &mut Vec<Act>) {
        while let Some(bytes) = self.wire.gone.pop_front() {
            let Some(Packet { source, destination, protocol, payload, .. }) = Packet::parse(&bytes) else { continue };
            let Some(payload) = self.signed(source, destination, payload) else {
                continue;
            };
            let (ttl, class) = (self.rules.ttl, self.rules.class);
            let packet = Outgoing { source, destination, ttl, class, dont_fragment: true, protocol, payload };
            out.push(Act::Send { table: self.table, via: self.via, packet });
        }
    }
}

fn clock(now: Instant) -> Clock {
    Clock::from_micros(i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX))
}

/// What smoltcp takes for a wire: two queues.
#[derive(Debug)]
struct Wire {
    mtu: usize,
    come: VecDeque<Vec<u8>>,
    gone: VecDeque<Vec<u8>>,
}

struct Come(Vec<u8>);
struct Gone<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for Come {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Gone<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Come;
    type TxToken<'a> = Gone<'a>;

    fn receive(&mut self, _: Clock) -> Option<(Come, Gone<'_>)> {
        Some((Come(self.come.pop_front()?), Gone(&mut self.gone)))
    }

    fn transmit(&mut self, _: Clock) -> Option<Gone<'_>> {
        Some(Gone(&mut self.gone))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}
