//! The machine that joins the others: what arrives is handed to whom it concerns, and what they want is done.

mod forward;
mod receive;
mod resolve;
mod send;
mod stream;

use crate::{
    Routes,
    adjacency::{Ask, Key, Limits, Neighbour, Neighbours, Refused, Saved},
    icmp::{Error, ErrorLimits, Limiter, Unreachable},
    interface::{Interface, Interfaces},
    own::{Act, Own, OwnState},
    probe::{self, Ping, ProbeEvent, ProbeId, Probes, Traceroute},
    reassembly::Reassembly,
    router::{Advertise, Advertiser},
    tcp::{Tcp, TcpCounters, TcpEvent, TcpId, TcpInput},
    udp::{Datagram, SocketId, Sockets},
};
use fabric_proto::{
    fib::Mac,
    id::{InterfaceId, TableId},
    random,
    time::Instant,
};
use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
};

/// Everything that can happen to a host.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// An interface is so now, or is not there any more.
    Interface(InterfaceId, Option<Interface>),
    /// A neighbour is configured, or not any more.
    Static(InterfaceId, IpAddr, Option<Mac>),
    /// A line card passes on a frame that came in by an interface, as it arrived.
    Frame {
        /// By which.
        interface: InterfaceId,
        /// Why.
        reason: Reason,
        /// All of it.
        frame: &'a [u8],
    },
    /// A packet waits for a neighbour, or somebody is going to want it.
    Resolve {
        /// Where it is.
        interface: InterfaceId,
        /// Who.
        address: IpAddr,
        /// The packet, as it is to go out: with its hop taken.
        packet: Option<&'a [u8]>,
    },
    /// Packets to a neighbour have been forwarded of late.
    Used(InterfaceId, IpAddr),
    /// Forget what was learned of neighbours, of one family, and on one interface or everywhere.
    Clear {
        /// Whether of IPv4.
        v4: bool,
        /// Where.
        interface: Option<InterfaceId>,
    },
    /// Packets of this protocol are somebody's.
    Listen(u8),
    /// An operator wants to know.
    Ping(ProbeId, Ping),
    /// An operator wants to know.
    Traceroute(ProbeId, Traceroute),
    /// An operator does not want to know any more.
    Stop(ProbeId),
    /// Datagrams to this port of a table, and of one address or any, are somebody's.
    Open(SocketId, TableId, Option<IpAddr>, u16),
    /// Nobody's any more.
    Close(SocketId),
    /// A datagram is to be sent.
    Datagram(&'a Datagram),
    /// For a connection, or somebody who waits for some.
    Tcp(TcpInput<'a>),
}

/// Why a line card passes on a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is for this router: own address, ARP, neighbour discovery, a protocol's group.
    Ours,
    /// Its time to live is over.
    Expired,
    /// It is larger than the next link takes.
    TooBig {
        /// What that takes.
        mtu: u16,
    },
    /// There is no way for it.
    Unreachable(Unreachable),
    /// The next hop's station is not known. It is to be forwarded from here: its hop has not been taken.
    Unresolved,
}

/// Everything that a host can ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this frame: all of it is there, its tag too.
    Send(InterfaceId, Vec<u8>),
    /// The forwarding table is to have this neighbour, or not any more. Static ones are not spoken of.
    Adjacency(InterfaceId, IpAddr, Option<Mac>),
    /// Whether an own address is used, once that is known; `None`: it is not there any more.
    Own(InterfaceId, IpAddr, Option<OwnState>),
    /// An answer to an operator.
    Probe(ProbeId, ProbeEvent),
    /// A datagram for somebody who listens.
    Datagram(Datagram),
    /// Something has become of a connection.
    Tcp(TcpId, TcpEvent),
    /// A packet of a protocol that somebody has asked for: whole, with its header.
    Packet(InterfaceId, Vec<u8>),
    /// A message as a router logs it.
    Log(String),
}

/// Bounds and rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Of neighbours.
    pub neighbours: Limits,
    /// Of what is said of packets that do not arrive.
    pub errors: ErrorLimits,
}

/// What outlives an active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Neighbours that the forwarding table has.
    pub neighbours: Vec<Saved>,
    /// Own addresses of which it is known whether they are used.
    pub own: Vec<(InterfaceId, IpAddr, OwnState)>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that could not be read, or whose interface is not there.
    pub malformed: u64,
    /// Packets that are for nobody here.
    pub not_ours: u64,
    /// Echoes that were answered.
    pub echoes: u64,
    /// Errors that were sent.
    pub errors: u64,
    /// Errors, and answers to echoes, that were not sent: there had been too many.
    pub limited: u64,
    /// ARP packets and solicitations that were answered.
    pub answers: u64,
    /// Questions after neighbours.
    pub questions: u64,
}

/// The route processor as a host.
#[derive(Debug)]
pub struct Host {
    interfaces: Interfaces,
    own: Own,
    neighbours: Neighbours,
    advertiser: Advertiser,
    limiter: Limiter,
    reassembly: Reassembly,
    probes: Probes,
    sockets: Sockets,
    tcp: Tcp,
    listened: BTreeSet<u8>,
    identification: u32,
    counters: Counters,
}

/// What one step has at hand.
struct Step<'a> {
    now: Instant,
    routes: &'a dyn Routes,
    out: &'a mut Vec<Output>,
    /// Packets to ourselves.
    looped: VecDeque<(InterfaceId, Vec<u8>)>,
}

impl Host {
    /// A host without interfaces. `seed` decides what is random, and is not to be the same in two terms.
    pub fn new(settings: Settings, seed: u64) -> Self {
        let mut state = seed;
        let mut random = || random::next(&mut state);
        Self {
            interfaces: Interfaces::default(),
            own: Own::new(random()),
            neighbours: Neighbours::new(settings.neighbours, random()),
            advertiser: Advertiser::new(random()),
            limiter: Limiter::new(&settings.errors),
            reassembly: Reassembly::default(),
            probes: Probes::new(random()),
            sockets: Sockets::default(),
            tcp: Tcp::new(random()),
            listened: BTreeSet::new(),
            identification: random() as u32,
            counters: Counters::default(),
        }
    }

    /// What outlives it.
    pub fn save(&self) -> State {
        State { neighbours: self.neighbours.save().collect(), own: self.own.save().collect() }
    }

    /// Takes over what an active before knew, before it is told of interfaces. Nobody is asked for that, and nothing announced.
    pub fn restore(&mut self, now: Instant, state: &State) {
        state.neighbours.iter().for_each(|saved| self.neighbours.restore(now, *saved));
        state.own.iter().for_each(|(interface, address, own)| self.own.restore((*interface, *address), *own));
    }

    /// Takes one input (`None`: the deadline has passed) and pushes what follows into `out`.
    pub fn step(&mut self, now: Instant, input: Option<Input<'_>>, routes: &dyn Routes, out: &mut Vec<Output>) {
        let mut step = Step { now, routes, out, looped: VecDeque::new() };
        if let Some(input) = input {
            self.take(&mut step, input);
        }
        self.due(&mut step);
        // What is for ourselves is heard in the same step; an answer to an answer waits for nobody either, and there is an end.
        for _ in 0..64 {
            let Some((interface, packet)) = step.looped.pop_front() else { break };
            self.packet(&mut step, interface, &packet, false);
        }
    }

    /// When `step` wants to be called again without an input.
    pub fn deadline(&self) -> Option<Instant> {
        let of_neighbours = [self.own.deadline(), self.neighbours.deadline(), self.advertiser.deadline()];
        let others = [self.reassembly.deadline(), self.probes.deadline(), self.tcp.deadline()];
        of_neighbours.into_iter().chain(others).flatten().min()
    }

    /// All neighbours, as show commands have them.
    pub fn neighbours(&self) -> impl Iterator<Item = (InterfaceId, IpAddr, Neighbour)> + '_ {
        self.neighbours.iter()
    }

    /// What is known of a neighbour.
    pub fn neighbour(&self, id: InterfaceId, address: IpAddr) -> Option<Neighbour> {
        self.neighbours.get((id, address))
    }

    /// An interface, as it was told.
    pub fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.get(id)
    }

    /// All interfaces that it was told of.
    pub fn interfaces(&self) -> impl Iterator<Item = InterfaceId> + '_ {
        self.interfaces.ids()
    }

    /// Neighbours that are configured.
    pub fn fixed(&self) -> impl Iterator<Item = (InterfaceId, IpAddr)> + '_ {
        self.neighbours.fixed().map(|(key, _)| key)
    }

    /// The station of one that is configured.
    pub fn fixed_station(&self, key: (InterfaceId, IpAddr)) -> Option<Mac> {
        self.neighbours.get(key).filter(|is| is.reachability == crate::Reachability::Static)?.station
    }

    /// Whether an own address is used.
    pub fn own(&self, id: InterfaceId, address: IpAddr) -> Option<OwnState> {
        self.own.state((id, address))
    }

    /// What is counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Segments that reached no connection.
    pub fn tcp_counters(&self) -> TcpCounters {
        self.tcp.counters()
    }

    /// What the table of neighbours refused.
    pub fn refused(&self) -> Refused {
        self.neighbours.refused()
    }

    fn take(&mut self, step: &mut Step<'_>, input: Input<'_>) {
        let mut asks = Vec::new();
        match input {
            Input::Interface(id, interface) => self.interface_is(step, id, interface),
            Input::Static(id, address, station) => self.neighbours.fix((id, address), station, &mut asks),
            Input::Frame { interface, reason, frame } => self.frame(step, interface, reason, frame),
            Input::Resolve { interface, address, packet } => {
                self.resolve(step, (interface, address), packet.map(<[u8]>::to_vec));
            }
            Input::Used(id, address) => self.neighbours.used(step.now, (id, address)),
            Input::Clear { v4, interface } => {
                let which = |key: Key| key.1.is_ipv4() == v4 && interface.is_none_or(|id| id == key.0);
                self.neighbours.forget(which, &mut asks);
            }
            Input::Listen(protocol) => {
                self.listened.insert(protocol);
            }
            Input::Ping(id, ping) => self.probing(step, |probes, now, out| probes.ping(now, id, ping, out)),
            Input::Traceroute(id, trace) => {
                self.probing(step, |probes, now, out| probes.traceroute(now, id, trace, out));
            }
            Input::Stop(id) => self.probes.stop(id),
            Input::Open(socket, table, address, port) => self.sockets.open(socket, table, address, port),
            Input::Close(socket) => self.sockets.close(socket),
            Input::Datagram(datagram) => self.send_datagram(step, datagram),
            Input::Tcp(input) => self.connection(step, input),
        }
        self.perform(step, asks);
    }

    fn interface_is(&mut self, step: &mut Step<'_>, id: InterfaceId, interface: Option<Interface>) {
        let (mut acts, mut asks) = (Vec::new(), Vec::new());
        let up = interface.as_ref().filter(|interface| interface.up);
        let linked = up.filter(|up| up.link.is_some());
        let stops = self.advertiser.interface(step.now, id, interface.as_ref());
        let old = self.interfaces.get(id);
        let farewell = stops.filter(|_| old.is_some_and(|old| old.link == interface.as_ref().and_then(|new| new.link)));
        let moved = old.is_some_and(|old| up.is_some_and(|up| old.link != up.link || old.table != up.table));
        if moved {
            // Another station, another VLAN or another VRF: nothing that was known is so any more.
            self.neighbours.interface(id, None, &mut asks);
            self.own.interface(step.now, id, None, &mut acts);
        }
        self.neighbours.interface(id, linked.map(|linked| linked.neighbours), &mut asks);
        if let Some(linked) = linked {
            // Who is not on a network of it any more is no neighbour.
            self.neighbours.forget(|key| key.0 == id && !linked.is_on_link(key.1), &mut asks);
        }
        self.own.interface(step.now, id, interface.as_ref(), &mut acts);
        self.interfaces.set(id, interface);
        self.perform(step, asks);
        self.act(step, acts);
        if let Some(farewell) = farewell {
            self.advertise(step, farewell);
        }
    }

    /// Does what time has brought.
    fn due(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        let mut acts = Vec::new();
        self.own.due(now, &mut acts);
        self.act(step, acts);
        for advertise in self.advertiser.due(now) {
            self.advertise(step, advertise);
        }
        for gone in self.reassembly.due(now) {
            let first = gone.first.as_deref().and_then(crate::wire::ip::Packet::parse);
            if let Some(first) = first {
                self.report(step, gone.interface, Error::ReassemblyTimeExceeded, &first, false);
            }
        }
        self.probing(step, |probes, now, out| probes.due(now, out));
        self.connecting(step, |tcp, now, out| tcp.due(now, out));
        let mut asks = Vec::new();
        self.neighbours.due(now, &mut asks);
        self.perform(step, asks);
    }

    /// Lets operators' questions go on, and does what they want.
    fn probing(&mut self, step: &mut Step<'_>, ask: impl FnOnce(&mut Probes, Instant, &mut Vec<probe::Act>)) {
        let mut acts = Vec::new();
        ask(&mut self.probes, step.now, &mut acts);
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            match act {
                probe::Act::Event(id, event) => step.out.push(Output::Probe(id, event)),
                probe::Act::Send(id, wanted) => {
                    if let Err(why) = self.send_wanted(step, &wanted) {
                        let mut more = Vec::new();
                        self.probes.unsent(step.now, id, why, &mut more);
                        acts.extend(more);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
