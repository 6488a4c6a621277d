//! `ping`: one echo after the other.

use super::{Content, Heard, Unsent, Wanted};
use crate::wire::{
    icmp::{v4, v6},
    ip::Packet,
};
use fabric_proto::{
    id::{InterfaceId, TableId},
    time::Instant,
};
use std::{net::IpAddr, time::Duration};

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The table that the destination is looked up in.
    pub table: TableId,
    /// Whom.
    pub destination: IpAddr,
    /// From which own address; `None`: the one of the interface that leads there.
    pub source: Option<IpAddr>,
    /// By which interface: a link-local destination needs one.
    pub via: Option<InterfaceId>,
    /// Bytes of the IP packet.
    pub size: u16,
    /// How often.
    pub count: u32,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// The least time from one to the next; without any, the next follows the answer.
    pub interval: Duration,
    /// Whether nobody may cut it.
    pub dont_fragment: bool,
    /// Hops that it may take.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub class: u8,
}

impl Ping {
    /// As `ping ADDRESS` has it.
    pub fn new(table: TableId, destination: IpAddr) -> Self {
        Self {
            table,
            destination,
            source: None,
            via: None,
            size: 100,
            count: 5,
            timeout: Duration::from_secs(2),
            interval: Duration::ZERO,
            dont_fragment: false,
            ttl: 255,
            class: 0,
        }
    }
}

/// What has come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PingEvent {
    /// An answer to the echo with this number.
    Answer {
        /// Which.
        sequence: u16,
        /// Who answered.
        from: IpAddr,
        /// After how long.
        after: Duration,
    },
    /// None in time.
    Timeout {
        /// To which.
        sequence: u16,
    },
    /// Somebody says that it did not arrive.
    Error {
        /// Which.
        sequence: u16,
        /// Who says so.
        from: IpAddr,
        /// How the command line marks that.
        mark: char,
    },
    /// It was not sent.
    Unsent {
        /// Which.
        sequence: u16,
        /// Why not.
        why: Unsent,
    },
    /// That was all.
    Done(Summary),
}

impl PingEvent {
    /// The character that stands for it; `None` for the end.
    pub fn mark(&self) -> Option<char> {
        match self {
            Self::Answer { .. } => Some('!'),
            Self::Timeout { .. } => Some('.'),
            Self::Unsent { why: Unsent::TooBig { .. }, .. } => Some('M'),
            Self::Unsent { .. } => Some('.'),
            Self::Error { mark, .. } => Some(*mark),
            Self::Done(_) => None,
        }
    }
}

/// All answers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many were sent.
    pub sent: u32,
    /// How many were answered.
    pub answered: u32,
    /// The quickest answer.
    pub min: Duration,
    /// The slowest.
    pub max: Duration,
    /// All of them.
    pub sum: Duration,
}

impl Summary {
    /// The mean.
    pub fn mean(&self) -> Duration {
        self.sum.checked_div(self.answered).unwrap_or_default()
    }

    /// How many of a hundred were answered.
    pub fn percent(&self) -> u32 {
        (u64::from(self.answered) * 100 / u64::from(self.sent.max(1))) as u32
    }
}

/// As a router says it.
impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Success rate is {} percent ({}/{})", self.percent(), self.answered, self.sent)?;
        if self.answered == 0 {
            return Ok(());
        }
        let ms = |time: Duration| time.as_micros().div_ceil(1000);
        write!(f, ", round-trip min/avg/max = {}/{}/{} ms", ms(self.min), ms(self.mean()), ms(self.max))
    }
}

/// One that goes on.
#[derive(Debug)]
pub(super) struct Pinging {
    ping: Ping,
    identifier: u16,
    /// The one that is waited for, since when.
    awaited: Option<(u16, Instant)>,
    /// When the next one may be sent.
    next: Instant,
    summary: Summary,
}

impl Pinging {
    pub(super) fn new(ping: Ping, identifier: u16) -> Self {
        Self { ping, identifier, awaited: None, next: Instant(0), summary: Summary::default() }
    }

    pub(super) fn table(&self) -> TableId {
        self.ping.table
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.awaited.map_or(self.next, |(_, since)| since + self.ping.timeout))
    }

    /// Says whether that was all.
    pub(super) fn go_on(&mut self, now: Instant, sent: &mut Option<Wanted>, say: &mut dyn FnMut(PingEvent)) -> bool {
        if let Some((sequence, since)) = self.awaited {
            if now < since + self.ping.timeout {
                return false;
            }
            self.awaited = None;
            say(PingEvent::Timeout { sequence });
        }
        if self.summary.sent >= self.ping.count {
            say(PingEvent::Done(self.summary));
            return true;
        }
        if now < self.next {
            return false;
        }
        let sequence = self.summary.sent as u16;
        self.summary.sent += 1;
        self.awaited = Some((sequence, now));
        self.next = now + self.ping.interval;
        let ping = &self.ping;
        let headers = if ping.destination.is_ipv4() { 28 } else { 48 };
        let data = [0xab, 0xcd].into_iter().cycle().take(usize::from(ping.size).saturating_sub(headers)).collect();
        *sent = Some(Wanted {
            table: ping.table,
            via: ping.via,
            source: ping.source,
            destination: ping.destination,
            ttl: ping.ttl,
            class: ping.class,
            dont_fragment: ping.dont_fragment,
            content: Content::Echo { identifier: self.identifier, sequence, data },
        });
        false
    }

    pub(super) fn unsent(&mut self, now: Instant, why: Unsent, say: &mut dyn FnMut(PingEvent)) {
        if let Some((sequence, _)) = self.awaited.take() {
            say(PingEvent::Unsent { sequence, why });
            // What cannot be sent is not tried again at once.
            self.next = self.next.max(now + Duration::from_millis(100));
        }
    }

    /// Says whether it is meant.
    pub(super) fn heard(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        heard: Heard<'_>,
        say: &mut dyn FnMut(PingEvent),
    ) -> bool {
        let Some((awaited, since)) = self.awaited else { return false };
        let from = packet.source;
        match heard {
            Heard::Echo { identifier, sequence } => {
                if (identifier, sequence) != (self.identifier, awaited) {
                    return false;
                }
                let after = now.since(since);
                let summary = &mut self.summary;
                summary.min = if summary.answered == 0 { after } else { summary.min.min(after) };
                summary.max = summary.max.max(after);
                summary.sum += after;
                summary.answered += 1;
                say(PingEvent::Answer { sequence, from, after });
            }
            Heard::Error { message, about } => {
                let echo = if about.source.is_ipv4() { v4::ECHO } else { v6::ECHO };
                let is_icmp = about.protocol == crate::wire::icmp::protocol(about.source);
                let Some([kind, _, _, _, a, b, c, d]) = about.payload.first_chunk::<8>() else {
                    return false;
                };
                let echoed = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
                let is_ours = is_icmp && about.destination == self.ping.destination;
                if !is_ours || *kind != echo || echoed != (self.identifier, awaited) {
                    return false;
                }
                let mark = mark(about.source, message.kind, message.code);
                say(PingEvent::Error { sequence: awaited, from, mark });
            }
        }
        self.awaited = None;
        true
    }
}

/// How the command line marks an error.
fn mark(family: IpAddr, kind: u8, code: u8) -> char {
    match (family, kind, code) {
        (IpAddr::V4(_), v4::UNREACHABLE, v4::FRAGMENTATION_NEEDED) => 'M',
        (IpAddr::V4(_), v4::UNREACHABLE, _) => 'U',
        (IpAddr::V4(_), v4::TIME_EXCEEDED, _) => '&',
        (IpAddr::V6(_), v6::TOO_BIG, _) => 'B',
        (IpAddr::V6(_), v6::TIME_EXCEEDED, _) => 'T',
        (IpAddr::V6(_), v6::PARAMETER_PROBLEM, _) => 'R',
        (IpAddr::V6(_), v6::UNREACHABLE, 0) => 'U',
        (IpAddr::V6(_), v6::UNREACHABLE, 1) => 'A',
        (IpAddr::V6(_), v6::UNREACHABLE, 2) => 'N',
        (IpAddr::V6(_), v6::UNREACHABLE, 3) => 'H',
        (IpAddr::V6(_), v6::UNREACHABLE, 4) => 'P',
        (IpAddr::V6(_), v6::UNREACHABLE, _) => '@',
        _ => '?',
    }
}
