//! ICMP (RFC 792) and ICMPv6 (RFC 4443): messages of both, in one vocabulary.

use super::ip::{Packet, sum};
use etherparse::{IpNumber, checksum::Sum16BitWords, ip_number};
use std::net::IpAddr;

/// Bytes before what a message carries.
const HEADER: usize = 8;

/// A message as it lies in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u8,
    pub(crate) code: u8,
    /// What the second word is depends on the kind.
    pub(crate) word: [u8; 4],
    pub(crate) body: &'a [u8],
}

/// Numbers of ICMP for IPv4.
pub(crate) mod v4 {
    pub(crate) const ECHO_REPLY: u8 = 0;
    pub(crate) const UNREACHABLE: u8 = 3;
    pub(crate) const FRAGMENTATION_NEEDED: u8 = 4;
    pub(crate) const ECHO: u8 = 8;
    pub(crate) const TIME_EXCEEDED: u8 = 11;
    /// Questions and answers; everything else is an error, or may be one (RFC 1122 §3.2.2).
    pub(crate) const QUERIES: [u8; 10] = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18];
}

/// Numbers of ICMPv6.
pub(crate) mod v6 {
    pub(crate) const UNREACHABLE: u8 = 1;
    pub(crate) const TOO_BIG: u8 = 2;
    pub(crate) const TIME_EXCEEDED: u8 = 3;
    pub(crate) const PARAMETER_PROBLEM: u8 = 4;
    pub(crate) const ECHO: u8 = 128;
    pub(crate) const ECHO_REPLY: u8 = 129;
    pub(crate) const ROUTER_SOLICITATION: u8 = 133;
    pub(crate) const ROUTER_ADVERTISEMENT: u8 = 134;
    pub(crate) const NEIGHBOR_SOLICITATION: u8 = 135;
    pub(crate) const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    pub(crate) const REDIRECT: u8 = 137;
}

/// The protocol's number in packets of an address' family.
pub(crate) fn protocol(of: IpAddr) -> IpNumber {
    if of.is_ipv4() { ip_number::ICMP } else { ip_number::IPV6_ICMP }
}

impl<'a> Message<'a> {
    /// Reads the message in a packet; `None` where there is none, or a damaged one.
    pub(crate) fn parse(packet: &Packet<'a>) -> Option<Self> {
        let right = match packet.source {
            IpAddr::V4(_) => Sum16BitWords::new().add_slice(packet.payload).ones_complement() == 0,
            IpAddr::V6(_) => packet.is_sum_right(ip_number::IPV6_ICMP),
        };
        let (header, body) = packet.payload.split_first_chunk::<HEADER>()?;
        let [kind, code, _, _, word @ ..] = *header;
        (packet.protocol == protocol(packet.source) && right).then_some(Self { kind, code, word, body })
    }

    /// Whether a payload is one about somebody else's packet, or may be (RFC 1812 §4.3.2.7, RFC 4443 §2.4 e.1): of a kind that is
    /// not known that is taken to be so.
    pub(crate) fn is_error(packet: &Packet<'_>) -> bool {
        let kind = packet.payload.first();
        match packet.source {
            IpAddr::V4(_) => packet.protocol == ip_number::ICMP && kind.is_none_or(|kind| !v4::QUERIES.contains(kind)),
            IpAddr::V6(_) => {
                let redirect = v6::REDIRECT;
                packet.protocol == ip_number::IPV6_ICMP && kind.is_none_or(|kind| *kind < 128 || *kind == redirect)
            }
        }
    }

    /// Identifier and sequence number of an echo.
    pub(crate) fn echo(&self) -> (u16, u16) {
        let [a, b, c, d] = self.word;
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }

    /// Its bytes, in a packet between these two.
    pub(crate) fn to_bytes(self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let mut bytes = vec![self.kind, self.code, 0, 0];
        bytes.extend(self.word);
        bytes.extend(self.body);
        let checksum = match source {
            IpAddr::V4(_) => Sum16BitWords::new().add_slice(&bytes).ones_complement().to_be(),
            IpAddr::V6(_) => sum(source, destination, ip_number::IPV6_ICMP, &bytes),
        };
        bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }
}

/// The second word of an echo.
pub(crate) fn echo_word(identifier: u16, sequence: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    [a, b, c, d]
}
