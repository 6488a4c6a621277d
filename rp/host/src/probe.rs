//! Questions that an operator has about the way to an address: `ping`, `traceroute`. What they print is the command line's: from here come
//! events.

mod ping;
mod traceroute;

pub use ping::{Ping, PingEvent, Summary};
pub use traceroute::{Says, TraceEvent, Traceroute};

use crate::wire::{
    icmp::Message,
    ip::{Outgoing, Packet},
};
use fabric_proto::{
    id::{InterfaceId, TableId},
    time::Instant,
};
use ping::Pinging;
use std::{collections::BTreeMap, net::IpAddr};
use traceroute::Tracing;

/// Number of a question: whoever asks chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

/// What has come of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeEvent {
    /// Of a ping.
    Ping(PingEvent),
    /// Of a traceroute.
    Trace(TraceEvent),
}

/// Why a packet of a question was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// There is no route to it.
    #[error("no route")]
    NoRoute,
    /// There is no own address of its family that it could come from, or the one named is not used.
    #[error("no source address")]
    NoSource,
    /// It is larger than the link takes, and may not be cut.
    #[error("larger than the MTU of {mtu} bytes")]
    TooBig {
        /// What the link takes.
        mtu: u16,
    },
    /// A link-local address says nothing without its interface; a group is nobody.
    #[error("not a destination")]
    NotADestination,
}

/// What is to be done for a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Send(ProbeId, Wanted),
    Event(ProbeId, ProbeEvent),
}

/// A packet to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) table: TableId,
    pub(crate) via: Option<InterfaceId>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) class: u8,
    pub(crate) dont_fragment: bool,
    pub(crate) content: Content,
}

/// What is in it: checksums follow once its source is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Echo { identifier: u16, sequence: u16, data: Vec<u8> },
    Datagram { source: u16, destination: u16, data: Vec<u8> },
}

impl Wanted {
    /// The packet, from a source.
    pub(crate) fn from(&self, source: IpAddr) -> Option<Outgoing> {
        use crate::wire::{icmp, udp::Udp};
        let destination = self.destination;
        let (protocol, payload) = match &self.content {
            Content::Echo { identifier, sequence, data } => {
                let kind = if destination.is_ipv4() { icmp::v4::ECHO } else { icmp::v6::ECHO };
                let word = icmp::echo_word(*identifier, *sequence);
                let message = Message { kind, code: 0, word, body: data };
                (icmp::protocol(destination), message.to_bytes(source, destination))
            }
            Content::Datagram { source: from, destination: to, data } => {
                let datagram = Udp { source: *from, destination: *to, payload: data };
                (etherparse::ip_number::UDP, datagram.to_bytes(source, destination)?)
            }
        };
        let (ttl, class, dont_fragment) = (self.ttl, self.class, self.dont_fragment);
        Some(Outgoing { source, destination, ttl, class, dont_fragment, protocol, payload })
    }
}

/// An answer, or what somebody says of a question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    /// An echo's reply.
    Echo { identifier: u16, sequence: u16 },
    /// A message about a packet of ours.
    Error { message: Message<'a>, about: Packet<'a> },
}

/// The questions that are open.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    open: BTreeMap<ProbeId, Probe>,
    /// Tells packets of one question from those of another.
    next: u16,
}

#[derive(Debug)]
enum Probe {
    Ping(Pinging),
    Trace(Tracing),
}

impl Probes {
    pub(crate) fn new(random: u64) -> Self {
        Self { next: random as u16, ..Self::default() }
    }

    pub(crate) fn ping(&mut self, now: Instant, id: ProbeId, ping: Ping, out: &mut Vec<Act>) {
        self.next = self.next.wrapping_add(1);
        let pinging = Pinging::new(ping, self.next);
        self.open.insert(id, Probe::Ping(pinging));
        self.go_on(now, id, out);
    }

    pub(crate) fn traceroute(&mut self, now: Instant, id: ProbeId, trace: Traceroute, out: &mut Vec<Act>) {
        self.next = self.next.wrapping_add(1);
        let tracing = Tracing::new(trace, 0xc000 | self.next);
        self.open.insert(id, Probe::Trace(tracing));
        self.go_on(now, id, out);
    }

    /// Nobody wants to know any more.
    pub(crate) fn stop(&mut self, id: ProbeId) {
        self.open.remove(&id);
    }

    /// A packet of a question was not sent.
    pub(crate) fn unsent(&mut self, now: Instant, id: ProbeId, why: Unsent, out: &mut Vec<Act>) {
        match self.open.get_mut(&id) {
            Some(Probe::Ping(ping)) => {
                ping.unsent(now, why, &mut |event| out.push(Act::Event(id, ProbeEvent::Ping(event))))
            }
            Some(Probe::Trace(trace)) => {
                trace.unsent(why, &mut |event| out.push(Act::Event(id, ProbeEvent::Trace(event))))
            }
            None => {}
        }
        self.go_on(now, id, out);
    }

    /// Something has arrived for this router that may be an answer.
    pub(crate) fn heard(
        &mut self,
        now: Instant,
        table: TableId,
        packet: &Packet<'_>,
        heard: Heard<'_>,
        out: &mut Vec<Act>,
    ) {
        let mut meant = None;
        for (id, probe) in &mut self.open {
            let taken = match probe {
                Probe::Ping(ping) if ping.table() == table => {
                    ping.heard(now, packet, heard, &mut |event| out.push(Act::Event(*id, ProbeEvent::Ping(event))))
                }
                Probe::Trace(trace) if trace.table() == table => {
                    trace.heard(now, packet, heard, &mut |event| out.push(Act::Event(*id, ProbeEvent::Trace(event))))
                }
                Probe::Ping(_) | Probe::Trace(_) => false,
            };
            if taken {
                meant = Some(*id);
                break;
            }
        }
        if let Some(id) = meant {
            self.go_on(now, id, out);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let deadline = |probe: &Probe| match probe {
            Probe::Ping(ping) => ping.deadline(),
            Probe::Trace(trace) => trace.deadline(),
        };
        self.open.values().filter_map(deadline).min()
    }

    pub(crate) fn due(&mut self, now: Instant, out: &mut Vec<Act>) {
        let open: Vec<ProbeId> = self.open.keys().copied().collect();
        open.into_iter().for_each(|id| self.go_on(now, id, out));
    }

    /// Sends what is to be sent next, gives up what is late, ends what is done.
    fn go_on(&mut self, now: Instant, id: ProbeId, out: &mut Vec<Act>) {
        let Some(probe) = self.open.get_mut(&id) else { return };
        let mut sent = None;
        let done = match probe {
            Probe::Ping(ping) => {
                ping.go_on(now, &mut sent, &mut |event| out.push(Act::Event(id, ProbeEvent::Ping(event))))
            }
            Probe::Trace(trace) => {
                trace.go_on(now, &mut sent, &mut |event| out.push(Act::Event(id, ProbeEvent::Trace(event))))
            }
        };
        out.extend(sent.map(|wanted| Act::Send(id, wanted)));
        if done {
            self.open.remove(&id);
        }
    }
}
