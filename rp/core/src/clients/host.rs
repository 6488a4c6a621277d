//! The route processor as a host on its links (`rp-host`), and what of it outlives an active: who is where, and which own
//! addresses are used. Nobody is asked for that after an SSO switchover; in other modes it is learned anew.

use crate::rib::Rib;
use fabric_proto::{
    checkpoint::CfClientId,
    fib::Mac,
    id::{InterfaceId, LcSlot, PortId},
    redundancy::{Code, Mode},
    time::Instant,
};
use rp_contract::{Answer, Checkpointed, Client, Coding, Effect, Member, Progression, Table};
use rp_host::{Host, Input, Output, OwnState, Saved, Settings, State};
use std::net::IpAddr;

/// An address on an interface: a neighbour's, or an own one.
pub(crate) type Key = (InterfaceId, IpAddr);

/// What is kept of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// A neighbour's, whose station this is.
    Neighbour {
        /// Where frames to it go.
        station: Mac,
        /// Whether it says that it is a router.
        router: bool,
    },
    /// Our own, and used, or somebody else's as well.
    Own {
        /// Whether it is used.
        used: bool,
    },
}

/// The client of neighbours and own addresses.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// From when a term begins to learn, where there is a way to links.
    host: Option<Host>,
    kept: Table<Kept>,
    /// Whether line cards pass on packets, and take them.
    linked: bool,
}

impl Neighbours {
    /// There is a way to links.
    pub(crate) fn link(&mut self) {
        self.linked = true;
    }

    /// A term begins to learn: with what is kept, or from nothing.
    pub(crate) fn begin(&mut self, now: Instant, seed: u64) {
        if !self.linked {
            return;
        }
        let mut host = Host::new(Settings::default(), seed);
        let mut state = State::default();
        for ((interface, address), kept) in self.kept.iter() {
            match *kept {
                Kept::Neighbour { station, router } => {
                    state.neighbours.push(Saved { interface, address, station, router });
                }
                Kept::Own { used } => {
                    let own = if used { OwnState::Valid } else { OwnState::Duplicate };
                    state.own.push((interface, address, own));
                }
            }
        }
        host.restore(now, &state);
        self.host = Some(host);
    }

    /// The host, once a term has begun to learn.
    pub(crate) fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// Lets the host go a step, and keeps what outlives it.
    pub(crate) fn step(&mut self, now: Instant, input: Option<Input<'_>>, routes: &Rib) -> Vec<Output> {
        let mut out = Vec::new();
        let Some(host) = &mut self.host else { return out };
        host.step(now, input, routes, &mut out);
        for output in &out {
            match *output {
                Output::Adjacency(interface, address, station) => {
                    let router = host.neighbour(interface, address).is_some_and(|neighbour| neighbour.router);
                    let kept = station.map(|station| Kept::Neighbour { station, router });
                    self.kept.set((interface, address), kept);
                }
                Output::Own(interface, address, state) => {
                    let used = |state| match state {
                        OwnState::Tentative => None,
                        OwnState::Valid => Some(true),
                        OwnState::Duplicate => Some(false),
                    };
                    let kept = state.and_then(used).map(|used| Kept::Own { used });
                    self.kept.set((interface, address), kept);
                }
                Output::Send(..)
                | Output::Probe(..)
                | Output::Datagram(_)
                | Output::Tcp(..)
                | Output::Packet(..)
                | Output::Log(_) => {}
            }
        }
        out
    }

    /// Keeps what is known of an address, for tests.
    #[cfg(test)]
    pub(super) fn keep(&mut self, key: Key, kept: Option<Kept>) {
        self.kept.set(key, kept);
    }

    /// When [`Neighbours::step`] wants to be called without an input.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.host.as_ref().and_then(Host::deadline)
    }

    /// The station of a neighbour that was learned.
    pub(crate) fn station(&self, key: Key) -> Option<Mac> {
        self.kept.get(key).and_then(station)
    }

    /// All neighbours that were learned.
    pub(crate) fn stations(&self) -> impl Iterator<Item = (Key, Mac)> + '_ {
        self.kept.iter().filter_map(|(key, kept)| Some((key, station(kept)?)))
    }
}

fn station(kept: &Kept) -> Option<Mac> {
    match kept {
        Kept::Neighbour { station, .. } => Some(*station),
        Kept::Own { .. } => None,
    }
}

impl Client for Neighbours {
    fn name(&self) -> &'static str {
        "neighbours"
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, _out: &mut Vec<Effect>) -> Answer {
        if progression.takes_over(Code::ActiveFast).is_some_and(|how| !how.has_everything()) {
            self.kept.clear();
        }
        Answer::Done
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(&mut self.kept)
    }
}

/// Interface, address, what it is, station: 7, 17, 1 and 6 bytes.
impl Coding for Kept {
    type Key = Key;
    type Row = Self;
    const MEMBER: Member = Member::new(CfClientId::NEIGHBOURS, "neighbours", Mode::Sso);

    fn size(_version: u8) -> usize {
        31
    }

    fn write((interface, address): Key, kept: Option<&Self>, _version: u8, out: &mut Vec<u8>) {
        let (kind, high, number) = match interface {
            InterfaceId::Loopback(number) => (0, [0; 2], number),
            InterfaceId::Tunnel(number) => (1, [0; 2], number),
            InterfaceId::VirtualAccess(number) => (2, [0; 2], number),
            InterfaceId::Ethernet { port, sub } => (3, [port.slot.0, port.port], sub.map_or(0, |sub| sub.get())),
        };
        out.push(kind);
        out.extend(high);
        out.extend(number.to_be_bytes());
        match address {
            IpAddr::V4(address) => {
                out.push(4);
                out.extend([0; 12]);
                out.extend(address.octets());
            }
            IpAddr::V6(address) => {
                out.push(6);
                out.extend(address.octets());
            }
        }
        let (what, station) = match kept {
            None => (0, [0; 6]),
            Some(Self::Neighbour { station, router }) => (1 + u8::from(*router), *station),
            Some(Self::Own { used }) => (3 + u8::from(*used), [0; 6]),
        };
        out.push(what);
        out.extend(station);
    }

    fn read(bytes: &[u8], _version: u8) -> Option<(Key, Option<Self>)> {
        let (&[kind, slot, port, a, b, c, d], rest) = bytes.split_first_chunk::<7>()?;
        let number = u32::from_be_bytes([a, b, c, d]);
        let interface = match kind {
            0 => InterfaceId::Loopback(number),
            1 => InterfaceId::Tunnel(number),
            2 => InterfaceId::VirtualAccess(number),
            3 => InterfaceId::sub(PortId { slot: LcSlot(slot), port }, number),
            _ => return None,
        };
        let (&[family, ref address @ ..], rest) = rest.split_first_chunk::<17>()?;
        let address: [u8; 16] = *address;
        let address = match family {
            4 => IpAddr::from(*address.last_chunk::<4>()?),
            6 => IpAddr::from(address),
            _ => return None,
        };
        let (&[what, ref station @ ..], []) = rest.split_first_chunk::<7>()? else { return None };
        let station: Mac = *station;
        let kept = match what {
            0 => None,
            1 | 2 => Some(Self::Neighbour { station, router: what == 2 }),
            3 | 4 => Some(Self::Own { used: what == 4 }),
            _ => return None,
        };
        Some(((interface, address), kept))
    }
}

#[cfg(test)]
mod tests;
