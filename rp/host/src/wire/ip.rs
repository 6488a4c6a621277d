//! IP packets of both families: read (RFC 791, RFC 8200), and written in as many fragments as a link needs.

use etherparse::{
    IpDscp, IpEcn, IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header, checksum::Sum16BitWords,
    ip_number,
};
use std::net::IpAddr;

/// Part of a datagram that came in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) identification: u32,
    /// Bytes before this part.
    pub(crate) offset: usize,
    /// Whether more follow.
    pub(crate) more: bool,
}

/// A packet as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Time to live, or hop limit.
    pub(crate) ttl: u8,
    /// Type of service, or traffic class.
    pub(crate) class: u8,
    pub(crate) dont_fragment: bool,
    pub(crate) fragment: Option<Fragment>,
    /// What `payload` is.
    pub(crate) protocol: IpNumber,
    /// Where the header that is not understood is named (RFC 4443 §3.4).
    pub(crate) protocol_at: usize,
    pub(crate) payload: &'a [u8],
    /// All of it, without what the link padded it with.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` for one whose header is not valid (RFC 1812 §5.2.2).
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            _ => None,
        }
    }

    fn parse_v4(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = Ipv4Header::from_slice(bytes).ok()?;
        let whole = bytes.get(..usize::from(header.total_len))?;
        let payload = whole.get(header.header_len()..)?;
        if header.calc_header_checksum() != header.header_checksum {
            return None;
        }
        let offset = usize::from(header.fragment_offset.value()) * 8;
        let more = header.more_fragments;
        let identification = header.identification.into();
        Some(Self {
            source: IpAddr::from(header.source),
            destination: IpAddr::from(header.destination),
            ttl: header.time_to_live,
            class: header.dscp.value() << 2 | header.ecn.value(),
            dont_fragment: header.dont_fragment,
            fragment: (more || offset > 0).then_some(Fragment { identification, offset, more }),
            protocol: header.protocol,
            protocol_at: 9,
            payload,
            bytes: whole,
        })
    }

    fn parse_v6(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = Ipv6Header::from_slice(bytes).ok()?;
        let payload = rest.get(..usize::from(header.payload_length))?;
        let whole = &bytes[..Ipv6Header::LEN + payload.len()];
        let mut packet = Self {
            source: IpAddr::from(header.source),
            destination: IpAddr::from(header.destination),
            ttl: header.hop_limit,
            class: header.traffic_class,
            dont_fragment: true,
            fragment: None,
            protocol: header.next_header,
            protocol_at: 6,
            payload,
            bytes: whole,
        };
        packet.skip_extensions()?;
        Some(packet)
    }

    /// Goes on to what the extension headers lead to (RFC 8200 §4): the upper layer, or the first fragment header of a part.
    fn skip_extensions(&mut self) -> Option<()> {
        loop {
            let at = self.bytes.len() - self.payload.len();
            let len = match self.protocol {
                ip_number::IPV6_HEADER_HOP_BY_HOP if self.protocol_at != 6 => return Some(()),
                ip_number::IPV6_HEADER_HOP_BY_HOP | ip_number::IPV6_DESTINATION_OPTIONS => {
                    usize::from(*self.payload.get(1)?)
                }
                // A routing header without segments left is passed over (§4.4); one with some is for the caller to refuse.
                ip_number::IPV6_ROUTE_HEADER if *self.payload.get(3)? == 0 => usize::from(*self.payload.get(1)?),
                ip_number::IPV6_FRAGMENTATION_HEADER => {
                    let (header, rest) = Ipv6FragmentHeader::from_slice(self.payload).ok()?;
                    let offset = usize::from(header.fragment_offset.value()) * 8;
                    let more = header.more_fragments;
                    (self.protocol, self.protocol_at, self.payload) = (header.next_header, at, rest);
                    // An atomic fragment is a whole packet (RFC 6946).
                    if more || offset > 0 {
                        self.fragment = Some(Fragment { identification: header.identification, offset, more });
                        return Some(());
                    }
                    continue;
                }
                _ => return Some(()),
            };
            let next = IpNumber(*self.payload.first()?);
            let rest = self.payload.get((len + 1) * 8..)?;
            (self.protocol, self.protocol_at, self.payload) = (next, at, rest);
        }
    }

    /// Reads the beginning of a packet that somebody else's message is about: the rest may be missing, its checksum may be wrong.
    pub(crate) fn quoted(bytes: &'a [u8]) -> Option<Self> {
        let whole = |source, destination, protocol, payload| Self {
            source,
            destination,
            ttl: 0,
            class: 0,
            dont_fragment: false,
            fragment: None,
            protocol,
            protocol_at: 0,
            payload,
            bytes,
        };
        if bytes.first()? >> 4 == 4 {
            let (header, rest) = Ipv4Header::from_slice(bytes).ok()?;
            let first = header.fragment_offset.value() == 0;
            return first.then(|| whole(header.source.into(), header.destination.into(), header.protocol, rest));
        }
        let (header, mut rest) = Ipv6Header::from_slice(bytes).ok()?;
        let mut protocol = header.next_header;
        if protocol == ip_number::IPV6_FRAGMENTATION_HEADER {
            let (fragment, after) = Ipv6FragmentHeader::from_slice(rest).ok()?;
            if fragment.fragment_offset.value() > 0 {
                return None;
            }
            (protocol, rest) = (fragment.next_header, after);
        }
        Some(whole(header.source.into(), header.destination.into(), protocol, rest))
    }

    /// Whether it is a later part of a datagram: nothing is known of it.
    pub(crate) fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset > 0)
    }

    /// Whether the upper layer's checksum over pseudo-header and payload is right.
    pub(crate) fn is_sum_right(&self, protocol: IpNumber) -> bool {
        sum(self.source, self.destination, protocol, self.payload) == 0
    }
}

/// The checksum over a pseudo-header (RFC 793 §3.1, RFC 8200 §8.1) and a payload: as it lies there, whose checksum counts too.
pub(crate) fn sum(source: IpAddr, destination: IpAddr, protocol: IpNumber, payload: &[u8]) -> u16 {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut sum = Sum16BitWords::new();
    for address in [source, destination] {
        sum = match address {
            IpAddr::V4(address) => sum.add_4bytes(address.octets()),
            IpAddr::V6(address) => sum.add_16bytes(address.octets()),
        };
    }
    sum.add_4bytes(len.to_be_bytes()).add_2bytes([0, protocol.0]).add_slice(payload).ones_complement().to_be()
}

/// A packet to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) class: u8,
    pub(crate) dont_fragment: bool,
    pub(crate) protocol: IpNumber,
    pub(crate) payload: Vec<u8>,
}

/// A packet that is larger than its link takes, and may not be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooBig;

impl Outgoing {
    /// Its bytes, in as many packets as the link needs (RFC 791 §3.2, RFC 8200 §4.5).
    pub(crate) fn packets(&self, mtu: u16, identification: u32) -> Result<Vec<Vec<u8>>, TooBig> {
        let (header, part_header) = match self.destination {
            IpAddr::V4(_) => (Ipv4Header::MIN_LEN, Ipv4Header::MIN_LEN),
            IpAddr::V6(_) => (Ipv6Header::LEN, Ipv6Header::LEN + Ipv6FragmentHeader::LEN),
        };
        let mtu = usize::from(mtu);
        if header + self.payload.len() <= mtu {
            return Ok(vec![self.packet(&self.payload, None, identification).ok_or(TooBig)?]);
        }
        let room = mtu.saturating_sub(part_header) / 8 * 8;
        if self.dont_fragment || room == 0 || header + self.payload.len() > usize::from(u16::MAX) {
            return Err(TooBig);
        }
        let parts = self.payload.chunks(room).enumerate().map(|(number, part)| {
            let offset = number * room;
            let more = offset + part.len() < self.payload.len();
            self.packet(part, Some(Fragment { identification, offset, more }), identification).ok_or(TooBig)
        });
        parts.collect()
    }

    fn packet(&self, payload: &[u8], fragment: Option<Fragment>, identification: u32) -> Option<Vec<u8>> {
        let offset = fragment.map_or(0, |fragment| fragment.offset / 8);
        let offset = IpFragOffset::try_new(u16::try_from(offset).ok()?).ok()?;
        let more = fragment.is_some_and(|fragment| fragment.more);
        let mut bytes = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut header = Ipv4Header {
                    dscp: IpDscp::try_new(self.class >> 2).ok()?,
                    ecn: IpEcn::try_new(self.class & 3).ok()?,
                    identification: identification as u16,
                    dont_fragment: self.dont_fragment,
                    more_fragments: more,
                    fragment_offset: offset,
                    time_to_live: self.ttl,
                    protocol: self.protocol,
                    source: source.octets(),
                    destination: destination.octets(),
                    ..Ipv4Header::default()
                };
                header.set_payload_len(payload.len()).ok()?;
                header.header_checksum = header.calc_header_checksum();
                header.to_bytes().to_vec()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let extension =
                    fragment.map(|part| Ipv6FragmentHeader::new(self.protocol, offset, more, part.identification));
                let next_header =
                    if extension.is_some() { ip_number::IPV6_FRAGMENTATION_HEADER } else { self.protocol };
                let extension = extension.map(|header| header.to_bytes());
                let mut header = Ipv6Header {
                    traffic_class: self.class,
                    next_header,
                    hop_limit: self.ttl,
                    source: source.octets(),
                    destination: destination.octets(),
                    ..Ipv6Header::default()
                };
                header.set_payload_length(payload.len() + extension.map_or(0, |extension| extension.len())).ok()?;
                let mut bytes = header.to_bytes().to_vec();
                bytes.extend(extension.into_iter().flatten());
                bytes
            }
            _ => return None,
        };
        bytes.extend(payload);
        Some(bytes)
    }
}
