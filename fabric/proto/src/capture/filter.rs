//! Which packets are copied: a program of tests in reverse Polish notation, so that neither reading nor running one recurses.
//!
//! What a test means is what pcap-filter(7) says of the word, but for one thing: tags of VLANs are always looked behind.

use crate::fib::{Mac, Prefix};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most tests and connectives of a filter: whoever types one has had enough long before, and a card looks at each of its packets by it.
pub const OPS_MAX: usize = 256;

/// Deepest stack of a program: one bit each.
const STACK_MAX: u32 = u64::BITS;

/// Which packets are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Op>", into = "Vec<Op>")]
pub struct Filter(Vec<Op>);

/// One step of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Puts the outcome of a test on the stack.
    Test(Term),
    /// Both of the two on top.
    And,
    /// Either of the two on top.
    Or,
    /// Not the one on top.
    Not,
}

/// A test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Term {
    /// What Ethernet carries, behind tags.
    EtherType(u16),
    /// The protocol in an IPv4 or IPv6 packet, behind IPv6's extension headers.
    Protocol(u8),
    /// With the tag of a VLAN, or of any.
    Vlan(Option<u16>),
    /// An address in a prefix: of an IP packet, or of who asks or is asked for by ARP.
    Net(End, Prefix),
    /// A port of TCP, UDP or SCTP, from the first to the last.
    Port(End, u16, u16),
    /// A station's address.
    Ether(End, Mac),
    /// At most so long.
    AtMost(u16),
    /// At least so long.
    AtLeast(u16),
}

/// Which end of a packet's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
    /// One of them.
    Either,
    /// Both of them.
    Both,
}

/// Steps that are no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// More than [`OPS_MAX`].
    #[error("a filter of {0} steps; there may be {OPS_MAX}")]
    Long(usize),
    /// Too much is open at once, or there are words without something to join.
    #[error("a filter whose steps do not come to one answer")]
    Unbalanced,
}

impl TryFrom<Vec<Op>> for Filter {
    type Error = FilterError;

    fn try_from(ops: Vec<Op>) -> Result<Self, FilterError> {
        if ops.len() > OPS_MAX {
            return Err(FilterError::Long(ops.len()));
        }
        let mut depth = 0u32;
        for op in &ops {
            let (needs, leaves) = match op {
                Op::Test(_) => (0, 1),
                Op::And | Op::Or => (2, 1),
                Op::Not => (1, 1),
            };
            depth = depth.checked_sub(needs).ok_or(FilterError::Unbalanced)? + leaves;
            if depth > STACK_MAX {
                return Err(FilterError::Unbalanced);
            }
        }
        if depth > 1 { Err(FilterError::Unbalanced) } else { Ok(Self(ops)) }
    }
}

impl From<Filter> for Vec<Op> {
    fn from(filter: Filter) -> Self {
        filter.0
    }
}

impl Filter {
    /// Whether a frame is meant; all are by a filter without steps.
    pub fn matches(&self, frame: &[u8]) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let view = View::of(frame);
        let mut stack = 0u64;
        for op in &self.0 {
            stack = match op {
                Op::Test(term) => stack << 1 | u64::from(view.satisfies(*term)),
                Op::And => stack >> 1 & (stack | !1),
                Op::Or => stack >> 1 | stack & 1,
                Op::Not => stack ^ 1,
            };
        }
        stack & 1 == 1
    }
}

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const TAGS: [u16; 2] = [0x8100, 0x88a8];
/// TCP, UDP, SCTP: ports are where all of them begin.
const WITH_PORTS: [u8; 3] = [6, 17, 132];
const FRAGMENT: u8 = 44;
/// Hop-by-hop, routing, destination options: length in eights beyond the first.
const EXTENSIONS: [u8; 3] = [0, 43, 60];
/// Extension headers that are passed over: more are no packet that anybody sends.
const EXTENSIONS_MAX: usize = 8;

/// What a filter sees of a frame.
#[derive(Default)]
struct View<'a> {
    frame: &'a [u8],
    vlan: Option<u16>,
    ethertype: Option<u16>,
    addresses: Option<[IpAddr; 2]>,
    protocol: Option<u8>,
    ports: Option<[u16; 2]>,
}

impl<'a> View<'a> {
    fn of(frame: &'a [u8]) -> Self {
        let mut view = Self { frame, ..Self::default() };
        let mut at = 12;
        let mut ethertype = be16(frame, at);
        while ethertype.is_some_and(|ethertype| TAGS.contains(&ethertype)) {
            view.vlan = view.vlan.or(be16(frame, at + 2).map(|tag| tag & 0x0fff));
            at += 4;
            ethertype = be16(frame, at);
        }
        view.ethertype = ethertype;
        let packet = frame.get(at + 2..).unwrap_or_default();
        match ethertype {
            Some(IPV4) => view.ipv4(packet),
            Some(IPV6) => view.ipv6(packet),
            Some(ARP) => view.arp(packet),
            Some(_) | None => {}
        }
        view
    }

    fn ipv4(&mut self, packet: &[u8]) {
        let Some(header) = packet.first_chunk::<20>() else { return };
        let address = |at: usize| IpAddr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        self.addresses = Some([address(12), address(16)]);
        self.protocol = Some(header[9]);
        // Only the first fragment has ports.
        if be16(header, 6).is_some_and(|offset| offset & 0x1fff == 0) {
            self.ports_at(packet, usize::from(header[0] & 0x0f) * 4);
        }
    }

    fn ipv6(&mut self, packet: &[u8]) {
        let Some(header) = packet.first_chunk::<40>() else { return };
        let address = |at: usize| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&header[at..at + 16]);
            IpAddr::V6(Ipv6Addr::from(octets))
        };
        self.addresses = Some([address(8), address(24)]);
        let (mut next, mut at, mut first) = (header[6], 40, true);
        for _ in 0..EXTENSIONS_MAX {
            let Some(extension) = packet.get(at..at + 4) else { break };
            if EXTENSIONS.contains(&next) {
                at += 8 + 8 * usize::from(extension[1]);
            } else if next == FRAGMENT {
                first = first && be16(extension, 2).is_some_and(|offset| offset & 0xfff8 == 0);
                at += 8;
            } else {
                break;
            }
            next = extension[0];
        }
        self.protocol = Some(next);
        if first {
            self.ports_at(packet, at);
        }
    }

    fn arp(&mut self, packet: &[u8]) {
        let Some(arp) = packet.first_chunk::<28>() else { return };
        let address = |at: usize| IpAddr::V4(Ipv4Addr::new(arp[at], arp[at + 1], arp[at + 2], arp[at + 3]));
        self.addresses = Some([address(14), address(24)]);
    }

    fn ports_at(&mut self, packet: &[u8], at: usize) {
        if self.protocol.is_some_and(|protocol| WITH_PORTS.contains(&protocol)) {
            self.ports = be16(packet, at).zip(be16(packet, at + 2)).map(|(from, to)| [from, to]);
        }
    }

    fn satisfies(&self, term: Term) -> bool {
        match term {
            Term::EtherType(wanted) => self.ethertype == Some(wanted),
            Term::Protocol(wanted) => self.protocol == Some(wanted),
            Term::Vlan(wanted) => self.vlan.is_some() && (wanted.is_none() || self.vlan == wanted),
            Term::Net(end, prefix) => self.addresses.is_some_and(|pair| end.holds(pair, |one| prefix.contains(one))),
            Term::Port(end, first, last) => {
                self.ports.is_some_and(|pair| end.holds(pair, |one| (first..=last).contains(&one)))
            }
            Term::Ether(end, mac) => self
                .frame
                .first_chunk::<12>()
                .is_some_and(|macs| end.holds([&macs[6..], &macs[..6]], |one| *one == mac)),
            Term::AtMost(length) => self.frame.len() <= usize::from(length),
            Term::AtLeast(length) => self.frame.len() >= usize::from(length),
        }
    }
}

impl End {
    /// Whether something holds at this end of source and destination.
    fn holds<T>(self, [source, destination]: [T; 2], test: impl Fn(T) -> bool) -> bool {
        match self {
            Self::Source => test(source),
            Self::Destination => test(destination),
            Self::Either => test(source) || test(destination),
            Self::Both => test(source) && test(destination),
        }
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|field| u16::from_be_bytes([field[0], field[1]]))
}

#[cfg(test)]
mod tests;
