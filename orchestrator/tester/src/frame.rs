//! Test packets: Ethernet, with the tag of a VLAN or without, IPv4 or IPv6, UDP, and `measure`'s signature as payload.
//!
//! A flow's headers are made once, with the checksum's constant part; a packet costs a copy, the signature and
//! a sum over the payload. UDP ports are RFC 2544's (appendix C.2.6.4): to echo, from 0xC020 and up by flow,
//! so that flows between the same two hosts take different equal-cost paths.

use fabric_proto::{
    cell::FRAME_MAX,
    fib::Mac,
    load::{PORT_ECHO, PORTS},
    operator::{Exit, FlowSpec},
    wire::RECORD_HEADER,
};
use measure::{
    Misdelivery, Signature,
    signature::{Damaged, Family, min_frame},
};
use std::{net::IpAddr, ops::RangeInclusive};

/// Bytes of FCS that a frame size counts and a wire does not carry.
pub const FCS: u16 = 4;
/// TTL and hop limit of a test packet when it leaves.
pub const TTL: u8 = 64;

/// Bytes of the two Ethernet addresses.
const MACS: usize = 12;
/// Bytes of a tag (IEEE 802.1Q): they come before the EtherType.
const TAG: usize = 4;
const ETHERTYPE: usize = 2;
const ETHERNET: usize = MACS + ETHERTYPE;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;
/// Where the EtherType is among a flow's headers, tagged or not: room for a tag is before it.
const LINK: usize = MACS + TAG;
const HEADERS_MAX: usize = LINK + ETHERTYPE + IPV6 + UDP;

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const ETHERTYPE_DOT1Q: [u8; 2] = [0x81, 0x00];
const PROTOCOL_UDP: u8 = 17;
/// Source ports in use.
const SOURCES: u32 = (PORTS.end - PORTS.start) as u32;
/// VLANs that a tag can name (IEEE 802.1Q §9.6): 0 is none, and 4095 is reserved.
const VLANS: RangeInclusive<u16> = 1..=4094;

/// A flow that cannot be offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFlow {
    /// Addresses of two families.
    #[error("{0} to {1} mixes address families")]
    Families(IpAddr, IpAddr),
    /// No room for a signature.
    #[error("frames of {size} bytes are too short for a test packet to {to}: {min} at least")]
    Short {
        /// Where to.
        to: IpAddr,
        /// The size asked for.
        size: u16,
        /// The least that does.
        min: u16,
    },
    /// A tag that no frame has.
    #[error("no frame can have the tag of VLAN {0}: they are {first} to {last}", first = VLANS.start(), last = VLANS.end())]
    Vlan(u16),
    /// Longer than the chassis carries.
    #[error("frames of {size} bytes are longer than {max}, the most that a wire carries of such a flow")]
    Long {
        /// The size asked for.
        size: u16,
        /// The most there can be: a tag takes four bytes.
        max: usize,
    },
}

/// One flow's packets.
#[derive(Clone, Debug)]
pub struct Template {
    headers: [u8; HEADERS_MAX],
    /// Where they begin: what is not there of [`LINK`] is missing in front.
    start: u8,
    /// Where they end.
    end: u8,
    payload: u16,
    /// Sum of the pseudo header and the UDP header with a checksum of zero.
    sum: u64,
    expect: Vec<Exit>,
    /// TTL or hop limit that is left at the end.
    ttl: u8,
}

impl Template {
    /// The packets of flow number `flow`: `frame_size` counts the FCS, and no tag. `source` is the sending port's address.
    pub fn new(flow: u32, spec: &FlowSpec, source: Mac, frame_size: u16) -> Result<Self, BadFlow> {
        let family = match (spec.source, spec.destination) {
            (IpAddr::V4(_), IpAddr::V4(_)) => Family::V4,
            (IpAddr::V6(_), IpAddr::V6(_)) => Family::V6,
            (from, to) => return Err(BadFlow::Families(from, to)),
        };
        let min = min_frame(family);
        if frame_size < min {
            return Err(BadFlow::Short { to: spec.destination, size: frame_size, min });
        }
        let mut tags = spec.vlan.into_iter().chain(spec.expect.iter().filter_map(|exit| exit.vlan)).peekable();
        let max = FRAME_MAX + usize::from(FCS) - if tags.peek().is_some() { TAG } else { 0 };
        if let Some(vlan) = tags.find(|vlan| !VLANS.contains(vlan)) {
            return Err(BadFlow::Vlan(vlan));
        }
        if usize::from(frame_size) > max {
            return Err(BadFlow::Long { size: frame_size, max });
        }
        let frame = usize::from(frame_size - FCS);
        let start = if spec.vlan.is_some() { 0 } else { TAG };
        let mut headers = Vec::with_capacity(HEADERS_MAX);
        headers.resize(start, 0);
        headers.extend(spec.port_mac);
        headers.extend(source);
        if let Some(vlan) = spec.vlan {
            headers.extend(ETHERTYPE_DOT1Q);
            headers.extend(vlan.to_be_bytes());
        }
        let udp = match (spec.source, spec.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                ipv4(&mut headers, (frame - ETHERNET) as u16, from.octets(), to.octets());
                frame - ETHERNET - IPV4
            }
            (from, to) => {
                ipv6(&mut headers, (frame - ETHERNET - IPV6) as u16, octets(from), octets(to));
                frame - ETHERNET - IPV6
            }
        };
        headers.extend((PORTS.start + (flow % SOURCES) as u16).to_be_bytes());
        headers.extend(PORT_ECHO.to_be_bytes());
        headers.extend((udp as u16).to_be_bytes());
        headers.extend([0, 0]);
        let end = headers.len();
        // Addresses end where UDP begins; the pseudo header (RFC 768, RFC 8200 §8.1) adds protocol and length.
        let addresses = if family == Family::V4 { 8 } else { 32 };
        let sum = sum(&headers[end - UDP - addresses..]) + u64::from(PROTOCOL_UDP) + udp as u64;
        headers.resize(HEADERS_MAX, 0);
        let headers = headers.try_into().expect("resized to the array's length");
        Ok(Self {
            headers,
            start: start as u8,
            end: end as u8,
            payload: (udp - UDP) as u16,
            sum,
            expect: spec.expect.clone(),
            ttl: TTL.saturating_sub(spec.hops),
        })
    }

    /// Bytes that a packet takes on a wire, with its record header.
    pub fn record_length(&self) -> usize {
        RECORD_HEADER + self.headers().len() + usize::from(self.payload)
    }

    /// What a packet leaves with before its payload, but for the UDP checksum.
    fn headers(&self) -> &[u8] {
        &self.headers[usize::from(self.start)..usize::from(self.end)]
    }

    /// Appends a packet as a wire record.
    pub fn push(&self, signature: &Signature, out: &mut Vec<u8>) {
        let headers = self.headers();
        let frame = headers.len() + usize::from(self.payload);
        out.extend_from_slice(&(frame as u16).to_be_bytes());
        let start = out.len();
        out.extend_from_slice(headers);
        out.resize(start + frame, 0);
        let payload = &mut out[start + headers.len()..];
        signature.write(payload);
        let checksum = match !fold(self.sum + sum(payload)) {
            // Zero would say that there is none (RFC 768).
            0 => 0xffff,
            other => other,
        };
        out[start + headers.len() - 2..start + headers.len()].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Whether a received packet is what this flow's packets must look like after the routers on its way.
    fn check(&self, port: u8, frame: &Frame<'_>) -> Result<(), Misdelivery> {
        let (headers, packet) = (&self.headers[LINK..usize::from(self.end)], frame.packet);
        if packet.len() != headers.len() + usize::from(self.payload) {
            return Err(Misdelivery::Header);
        }
        let v6 = usize::from(self.end) == HEADERS_MAX;
        // Where TTL or hop limit stands, and what follows the IPv4 header checksum.
        let (ttl, rest) = if v6 {
            (ETHERTYPE + 7, ETHERTYPE + 8)
        } else {
            if fold(sum(&packet[ETHERTYPE..ETHERTYPE + IPV4])) != 0xffff {
                return Err(Misdelivery::Checksum);
            }
            (ETHERTYPE + 8, ETHERTYPE + 12)
        };
        let same = |from: usize, to: usize| packet[from..to] == headers[from..to];
        let protocol = v6 || packet[ttl + 1] == PROTOCOL_UDP;
        if !same(0, ttl) || !protocol || !same(rest, headers.len() - 2) {
            return Err(Misdelivery::Header);
        }
        if fold(self.sum + sum(&packet[headers.len() - 2..])) != 0xffff {
            return Err(Misdelivery::Checksum);
        }
        if packet[ttl] != self.ttl {
            return Err(Misdelivery::Ttl);
        }
        let fits = |exit: &Exit| exit.port == port && exit.vlan == frame.tag && exit.mac == *frame.to;
        if self.expect.iter().any(fits) { Ok(()) } else { Err(self.astray(port, frame.tag)) }
    }

    /// How a packet that arrived at none of the expected exits went astray: what is wrong first on the way to them.
    #[cold]
    fn astray(&self, port: u8, tag: Option<u16>) -> Misdelivery {
        let here = || self.expect.iter().filter(|exit| exit.port == port);
        match () {
            () if here().any(|exit| exit.vlan == tag) => Misdelivery::WrongMac,
            () if here().next().is_some() => Misdelivery::WrongTag,
            () => Misdelivery::WrongPort,
        }
    }
}

/// What a received frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A test packet where and as it should be; or one of another trial or flow, which the recorder refuses.
    Packet(Signature),
    /// A test packet that is not as it should be; the flow, when it can be told.
    Wrong(Option<u32>, Misdelivery),
    /// No test packet.
    Stranger,
}

/// Looks at a frame that arrived at `port` during `trial`.
pub fn receive(templates: &[Template], trial: u16, port: u8, frame: &[u8]) -> Received {
    let Some((frame, payload)) = Frame::split(frame) else { return Received::Stranger };
    let known = |signature: &Signature| signature.trial == trial && (signature.flow as usize) < templates.len();
    match Signature::read(payload) {
        Ok(signature) if !known(&signature) => Received::Packet(signature),
        Ok(signature) => match templates[signature.flow as usize].check(port, &frame) {
            Ok(()) => Received::Packet(signature),
            Err(how) => Received::Wrong(Some(signature.flow), how),
        },
        Err(Damaged::Short(_) | Damaged::NotOurs(_)) => Received::Stranger,
        Err(Damaged::Signature) => Received::Wrong(None, Misdelivery::Payload),
        Err(Damaged::Fill(signature)) => {
            Received::Wrong(Some(signature.flow).filter(|_| known(&signature)), Misdelivery::Payload)
        }
    }
}

/// A frame that may be a test packet.
struct Frame<'a> {
    /// Whom it is for.
    to: &'a Mac,
    /// Its tag, priority included.
    tag: Option<u16>,
    /// What follows: the EtherType, and the packet.
    packet: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A frame and the payload of its UDP packet, without options or extension headers, which is all that a tester sends.
    fn split(frame: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (macs, packet) = frame.split_first_chunk::<MACS>()?;
        let to = macs.first_chunk()?;
        match *packet.first_chunk()? {
            ETHERTYPE_DOT1Q => {
                let (tag, packet) = packet.split_first_chunk::<TAG>()?;
                let tag = Some(u16::from_be_bytes([tag[2], tag[3]]));
                Some((Self { to, tag, packet }, udp(packet)?))
            }
            _ => Some((Self { to, tag: None, packet }, udp(packet)?)),
        }
    }
}

/// The payload of a UDP packet behind its EtherType.
fn udp(packet: &[u8]) -> Option<&[u8]> {
    let (length, protocol) = match *packet.first_chunk()? {
        ETHERTYPE_IPV4 if packet.get(ETHERTYPE) == Some(&0x45) => (ETHERTYPE + IPV4 + UDP, ETHERTYPE + 9),
        ETHERTYPE_IPV6 => (ETHERTYPE + IPV6 + UDP, ETHERTYPE + 6),
        _ => return None,
    };
    (*packet.get(protocol)? == PROTOCOL_UDP).then(|| packet.get(length..)).flatten()
}

/// EtherType and IPv4 header (RFC 791 §3.1): nothing set but what must be, not to be fragmented.
fn ipv4(out: &mut Vec<u8>, length: u16, from: [u8; 4], to: [u8; 4]) {
    out.extend(ETHERTYPE_IPV4);
    let start = out.len();
    out.extend([0x45, 0]);
    out.extend(length.to_be_bytes());
    out.extend([0, 0, 0x40, 0, TTL, PROTOCOL_UDP, 0, 0]);
    out.extend(from);
    out.extend(to);
    let checksum = !fold(sum(&out[start..]));
    out[start + 10..start + 12].copy_from_slice(&checksum.to_be_bytes());
}

/// EtherType and IPv6 header (RFC 8200 §3).
fn ipv6(out: &mut Vec<u8>, length: u16, from: [u8; 16], to: [u8; 16]) {
    out.extend(ETHERTYPE_IPV6);
    out.extend([0x60, 0, 0, 0]);
    out.extend(length.to_be_bytes());
    out.extend([PROTOCOL_UDP, TTL]);
    out.extend(from);
    out.extend(to);
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Sum of big-endian words of any width: one's complement sums agree modulo 0xffff (RFC 1071 §2).
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).map(|word| u64::from(u32::from_be_bytes(*word))).sum()
}

pub(crate) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests;
