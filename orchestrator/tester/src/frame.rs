//! Test packets: Ethernet, IPv4 or IPv6, UDP, and `measure`'s signature as payload.
//!
//! A flow's headers are made once, with the checksum's constant part; a packet costs a copy, the signature and
//! a sum over the payload. UDP ports are RFC 2544's (appendix C.2.6.4): to echo, from 0xC020 and up by flow,
//! so that flows between the same two hosts take different equal-cost paths.

use fabric_proto::{cell::FRAME_MAX, fib::Mac, operator::FlowSpec, wire::RECORD_HEADER};
use measure::{
    Misdelivery, Signature,
    signature::{Damaged, Family, min_frame},
};
use std::net::IpAddr;

/// Bytes of FCS that a frame size counts and a wire does not carry.
pub const FCS: u16 = 4;
/// TTL and hop limit of a test packet when it leaves.
pub const TTL: u8 = 64;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;
const HEADERS_MAX: usize = ETHERNET + IPV6 + UDP;

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const PROTOCOL_UDP: u8 = 17;
const PORT_ECHO: u16 = 7;
const PORT_FIRST: u16 = 0xc020;
/// Source ports in use.
const PORTS: u32 = 0x2000;

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
    /// Longer than the chassis carries.
    #[error("frames of {0} bytes are longer than {max}, the most that a wire carries", max = FRAME_MAX + FCS as usize)]
    Long(u16),
}

/// One flow's packets.
#[derive(Clone, Debug)]
pub struct Template {
    headers: [u8; HEADERS_MAX],
    /// Length of the headers in use.
    length: usize,
    payload: usize,
    /// Sum of the pseudo header and the UDP header with a checksum of zero.
    sum: u64,
    expect: Vec<(u8, Mac)>,
    /// TTL or hop limit that is left at the end.
    ttl: u8,
}

impl Template {
    /// The packets of flow number `flow`: `frame_size` counts the FCS. `source` is the sending port's address.
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
        let frame = usize::from(frame_size - FCS);
        if frame > FRAME_MAX {
            return Err(BadFlow::Long(frame_size));
        }
        let mut headers = Vec::with_capacity(HEADERS_MAX);
        headers.extend(spec.port_mac);
        headers.extend(source);
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
        headers.extend((PORT_FIRST + (flow % PORTS) as u16).to_be_bytes());
        headers.extend(PORT_ECHO.to_be_bytes());
        headers.extend((udp as u16).to_be_bytes());
        headers.extend([0, 0]);
        let length = headers.len();
        // Addresses end where UDP begins; the pseudo header (RFC 768, RFC 8200 §8.1) adds protocol and length.
        let addresses = if family == Family::V4 { 8 } else { 32 };
        let sum = sum(&headers[length - UDP - addresses..]) + u64::from(PROTOCOL_UDP) + udp as u64;
        headers.resize(HEADERS_MAX, 0);
        let headers = headers.try_into().expect("resized to the array's length");
        Ok(Self {
            headers,
            length,
            payload: udp - UDP,
            sum,
            expect: spec.expect.clone(),
            ttl: TTL.saturating_sub(spec.hops),
        })
    }

    /// Bytes that a packet takes on a wire, with its record header.
    pub fn record_length(&self) -> usize {
        RECORD_HEADER + self.length + self.payload
    }

    /// Appends a packet as a wire record.
    pub fn push(&self, signature: &Signature, out: &mut Vec<u8>) {
        let frame = self.length + self.payload;
        out.extend_from_slice(&(frame as u16).to_be_bytes());
        let start = out.len();
        out.extend_from_slice(&self.headers[..self.length]);
        out.resize(start + frame, 0);
        let payload = &mut out[start + self.length..];
        signature.write(payload);
        let checksum = match !fold(self.sum + sum(payload)) {
            // Zero would say that there is none (RFC 768).
            0 => 0xffff,
            other => other,
        };
        out[start + self.length - 2..start + self.length].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Whether a received packet is what this flow's packets must look like after the routers on its way.
    fn check(&self, port: u8, frame: &[u8]) -> Result<(), Misdelivery> {
        if frame.len() != self.length + self.payload {
            return Err(Misdelivery::Header);
        }
        // Where TTL or hop limit stands, and what follows the IPv4 header checksum.
        let (ttl, rest) = if self.length == HEADERS_MAX {
            (ETHERNET + 7, ETHERNET + 8)
        } else {
            if fold(sum(&frame[ETHERNET..ETHERNET + IPV4])) != 0xffff {
                return Err(Misdelivery::Checksum);
            }
            (ETHERNET + 8, ETHERNET + 12)
        };
        let same = |from: usize, to: usize| frame[from..to] == self.headers[from..to];
        let protocol = self.length == HEADERS_MAX || frame[ttl + 1] == PROTOCOL_UDP;
        if !same(ETHERNET - 2, ttl) || !protocol || !same(rest, self.length - 2) {
            return Err(Misdelivery::Header);
        }
        if fold(self.sum + sum(&frame[self.length - 2..])) != 0xffff {
            return Err(Misdelivery::Checksum);
        }
        if frame[ttl] != self.ttl {
            return Err(Misdelivery::Ttl);
        }
        let mut here = self.expect.iter().filter(|(expected, _)| *expected == port).peekable();
        if here.peek().is_none() {
            return Err(Misdelivery::WrongPort);
        }
        if here.all(|(_, mac)| frame[..6] != *mac) { Err(Misdelivery::WrongMac) } else { Ok(()) }
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
    let Some(payload) = payload(frame) else { return Received::Stranger };
    let known = |signature: &Signature| signature.trial == trial && (signature.flow as usize) < templates.len();
    match Signature::read(payload) {
        Ok(signature) if !known(&signature) => Received::Packet(signature),
        Ok(signature) => match templates[signature.flow as usize].check(port, frame) {
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

/// The payload of a UDP packet without options or extension headers, which is all that a tester sends.
fn payload(frame: &[u8]) -> Option<&[u8]> {
    let (length, protocol) = match *frame.get(ETHERNET - 2..ETHERNET)?.first_chunk()? {
        ETHERTYPE_IPV4 if frame.get(ETHERNET) == Some(&0x45) => (ETHERNET + IPV4 + UDP, ETHERNET + 9),
        ETHERTYPE_IPV6 => (HEADERS_MAX, ETHERNET + 6),
        _ => return None,
    };
    (*frame.get(protocol)? == PROTOCOL_UDP).then(|| frame.get(length..)).flatten()
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
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).map(|word| u64::from(u32::from_be_bytes(*word))).sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests;
