//! `traceroute`: datagrams that may take one hop, then two, and so on, to ports on which nobody listens.

use super::{Content, Heard, Unsent, Wanted};
use crate::wire::{
    icmp::{v4, v6},
    ip::Packet,
};
use etherparse::ip_number;
use fabric_proto::{
    id::{InterfaceId, TableId},
    time::Instant,
};
use std::{net::IpAddr, time::Duration};

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traceroute {
    /// The table that the destination is looked up in.
    pub table: TableId,
    /// The way to whom.
    pub destination: IpAddr,
    /// From which own address; `None`: the one of the interface that leads there.
    pub source: Option<IpAddr>,
    /// By which interface: a link-local destination needs one.
    pub via: Option<InterfaceId>,
    /// Questions a hop.
    pub probes: u8,
    /// The first hop, and the last.
    pub hops: (u8, u8),
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// The first port.
    pub port: u16,
}

impl Traceroute {
    /// As `traceroute ADDRESS` has it.
    pub fn new(table: TableId, destination: IpAddr) -> Self {
        let timeout = Duration::from_secs(3);
        Self { table, destination, source: None, via: None, probes: 3, hops: (1, 30), timeout, port: 33_434 }
    }
}

/// What has come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// An answer from this hop.
    Answer {
        /// How far.
        hop: u8,
        /// Who.
        from: IpAddr,
        /// After how long.
        after: Duration,
        /// What it says.
        says: Says,
    },
    /// None in time.
    Timeout {
        /// How far.
        hop: u8,
    },
    /// It was not sent: there is no use in going on.
    Unsent {
        /// How far.
        hop: u8,
        /// Why not.
        why: Unsent,
    },
    /// That was all.
    Done {
        /// Whether the destination has answered.
        reached: bool,
    },
}

/// What a hop says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It is on the way.
    OnTheWay,
    /// It is the destination.
    There,
    /// It goes no further: how the command line marks why.
    NoFurther(char),
}

/// One that goes on.
#[derive(Debug)]
pub(super) struct Tracing {
    trace: Traceroute,
    source_port: u16,
    hop: u8,
    /// How many of this hop were sent, and of all.
    of_hop: u8,
    sent: u16,
    awaited: Option<(u16, Instant)>,
    /// Somebody has said that it goes no further, or that it is there: after this hop's others nothing more is asked.
    last: bool,
    reached: bool,
    failed: bool,
}

impl Tracing {
    pub(super) fn new(trace: Traceroute, source_port: u16) -> Self {
        let hop = trace.hops.0;
        let (awaited, last, reached, failed) = (None, false, false, false);
        Self { trace, source_port, hop, of_hop: 0, sent: 0, awaited, last, reached, failed }
    }

    pub(super) fn table(&self) -> TableId {
        self.trace.table
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.awaited.map_or(Instant(0), |(_, since)| since + self.trace.timeout))
    }

    /// Says whether that was all.
    pub(super) fn go_on(&mut self, now: Instant, sent: &mut Option<Wanted>, say: &mut dyn FnMut(TraceEvent)) -> bool {
        if let Some((_, since)) = self.awaited {
            if now < since + self.trace.timeout {
                return false;
            }
            self.awaited = None;
            say(TraceEvent::Timeout { hop: self.hop });
        }
        if self.of_hop >= self.trace.probes {
            (self.hop, self.of_hop) = (self.hop.saturating_add(1), 0);
            self.failed |= self.last || self.hop > self.trace.hops.1 || self.hop == u8::MAX;
        }
        if self.failed {
            say(TraceEvent::Done { reached: self.reached });
            return true;
        }
        let trace = &self.trace;
        let port = trace.port.wrapping_add(self.sent);
        self.of_hop += 1;
        self.sent = self.sent.wrapping_add(1);
        self.awaited = Some((port, now));
        *sent = Some(Wanted {
            table: trace.table,
            via: trace.via,
            source: trace.source,
            destination: trace.destination,
            ttl: self.hop,
            class: 0,
            dont_fragment: false,
            content: Content::Datagram { source: self.source_port, destination: port, data: vec![0; 12] },
        });
        false
    }

    pub(super) fn unsent(&mut self, why: Unsent, say: &mut dyn FnMut(TraceEvent)) {
        if self.awaited.take().is_some() {
            self.failed = true;
            say(TraceEvent::Unsent { hop: self.hop, why });
        }
    }

    /// Says whether it is meant.
    pub(super) fn heard(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        heard: Heard<'_>,
        say: &mut dyn FnMut(TraceEvent),
    ) -> bool {
        let (Some((port, since)), Heard::Error { message, about }) = (self.awaited, heard) else { return false };
        let Some([a, b, c, d]) = about.payload.first_chunk::<4>() else { return false };
        let ports = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        let is_ours = about.protocol == ip_number::UDP && about.destination == self.trace.destination;
        if !is_ours || ports != (self.source_port, port) {
            return false;
        }
        let says = says(about.source, message.kind, message.code);
        self.last |= says != Says::OnTheWay;
        self.reached |= says == Says::There;
        self.awaited = None;
        say(TraceEvent::Answer { hop: self.hop, from: packet.source, after: now.since(since), says });
        true
    }
}

/// What a message says of the hop that it comes from.
fn says(family: IpAddr, kind: u8, code: u8) -> Says {
    match (family, kind, code) {
        (IpAddr::V4(_), v4::TIME_EXCEEDED, _) | (IpAddr::V6(_), v6::TIME_EXCEEDED, _) => Says::OnTheWay,
        (IpAddr::V4(_), v4::UNREACHABLE, 3) | (IpAddr::V6(_), v6::UNREACHABLE, 4) => Says::There,
        (IpAddr::V4(_), v4::UNREACHABLE, 0 | 6 | 11) | (IpAddr::V6(_), v6::UNREACHABLE, 0) => Says::NoFurther('N'),
        (IpAddr::V4(_), v4::UNREACHABLE, 1 | 7 | 12) | (IpAddr::V6(_), v6::UNREACHABLE, 3) => Says::NoFurther('H'),
        (IpAddr::V4(_), v4::UNREACHABLE, 2) => Says::NoFurther('P'),
        (IpAddr::V4(_), v4::UNREACHABLE, 4) | (IpAddr::V6(_), v6::TOO_BIG, _) => Says::NoFurther('M'),
        (IpAddr::V4(_), v4::UNREACHABLE, 9 | 10 | 13) | (IpAddr::V6(_), v6::UNREACHABLE, 1) => Says::NoFurther('A'),
        _ => Says::NoFurther('?'),
    }
}
