//! Reading and rewriting Ethernet, IPv4 and IPv6 headers in place.

use crate::{punt, tables::Port};
use fabric_proto::{drops::DropCause, fib::Family, flow::FlowSeed, id::TableId, punt::PuntReason, special::Special};

/// Bytes of an Ethernet header without tags.
pub const ETHERNET: usize = 14;
/// Most bytes of a frame before its packet: a header of Ethernet with two tags.
pub const LINK_MAX: usize = ETHERNET + 2 * TAG;
const IPV4_MIN: usize = 20;
const IPV6: usize = 40;
pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(crate) const ETHERTYPE_DOT1Q: u16 = 0x8100;
const ETHERTYPE_MPLS: u16 = 0x8847;
/// Bytes of a tag of IEEE 802.1Q.
pub(crate) const TAG: usize = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What forwarding has to know about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its family.
    pub family: Family,
    /// Bytes of the frame before it.
    pub link: u8,
    /// Where it is looked up.
    pub table: TableId,
    /// Why it can only be received and never be forwarded, if that is so.
    pub barred: Option<DropCause>,
    /// Length of the IP packet, for comparison with an MTU.
    pub length: u16,
    /// A hash of its flow: source, destination and ports.
    pub flow: u32,
    /// Its destination, left-aligned.
    pub destination: u128,
}

/// Why a frame is not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is dropped.
    Drop(DropCause),
    /// It is for the route processor.
    Punt(PuntReason),
}

impl From<DropCause> for Stop {
    fn from(cause: DropCause) -> Self {
        Self::Drop(cause)
    }
}

/// Checks a frame that arrived on a port, and hashes its flow by the chassis' seed.
pub fn parse(frame: &[u8], port: &Port, seed: FlowSeed) -> Result<Packet, Stop> {
    let (ethernet, rest) = frame.split_at_checked(ETHERNET).ok_or(DropCause::Malformed)?;
    if ethernet[..6] != port.mac {
        return Err(punt::of_group(frame, port));
    }
    let behind = Behind { link: ETHERNET as u8, table: port.table };
    match be16(ethernet, 12) {
        ETHERTYPE_IPV4 => parse_v4(rest, behind, seed),
        ETHERTYPE_IPV6 => parse_v6(rest, behind, seed),
        ETHERTYPE_DOT1Q => parse_tagged(rest, port, seed),
        other => Err(punt::of_ethertype(other)),
    }
}

/// What a packet came behind.
#[derive(Clone, Copy)]
struct Behind {
    link: u8,
    table: TableId,
}

/// A frame with a tag of IEEE 802.1Q, from its VLAN on: it came in on a subinterface.
fn parse_tagged(tag: &[u8], port: &Port, seed: FlowSeed) -> Result<Packet, Stop> {
    let (tag, rest) = tag.split_first_chunk::<TAG>().ok_or(DropCause::Malformed)?;
    let table = port.table_of(be16(tag, 0) & 0x0fff).ok_or(DropCause::UnknownVlan)?;
    let behind = Behind { link: (ETHERNET + TAG) as u8, table };
    match be16(tag, 2) {
        ETHERTYPE_IPV4 => parse_v4(rest, behind, seed),
        ETHERTYPE_IPV6 => parse_v6(rest, behind, seed),
        other => Err(punt::of_ethertype(other)),
    }
}

/// The checks of RFC 1812 §5.2.2. Of the options, only a router alert is looked at.
fn parse_v4(ip: &[u8], behind: Behind, seed: FlowSeed) -> Result<Packet, Stop> {
    let fixed: &[u8; IPV4_MIN] = ip.first_chunk().ok_or(DropCause::Malformed)?;
    let header = usize::from(fixed[0] & 0x0f) * 4;
    let total = usize::from(be16(fixed, 2));
    if fixed[0] >> 4 != 4 || header < IPV4_MIN || total < header || total > ip.len() {
        return Err(DropCause::Malformed.into());
    }
    if sum(&ip[..header]) != 0xffff {
        return Err(DropCause::Malformed.into());
    }
    let source = u32::from_be_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]);
    let destination = u32::from_be_bytes([fixed[16], fixed[17], fixed[18], fixed[19]]);
    let sender = Special::of_v4(source).map(barred_source).transpose()?;
    if header > IPV4_MIN && punt::alerts_v4(&ip[IPV4_MIN..header]) {
        return Err(Stop::Punt(PuntReason::RouterAlert));
    }
    // Only a whole datagram has ports in every packet: its fragments must stay on one path.
    let fragment = be16(fixed, 6) & 0x3fff != 0;
    let ports = if fragment { 0 } else { ports(fixed[9], &ip[header..total]) };
    Ok(Packet {
        family: Family::V4,
        link: behind.link,
        table: behind.table,
        barred: sender.or_else(|| barred(Special::of_v4(destination), fixed[8])),
        length: total as u16,
        flow: seed.hash_v4(source, destination, ports),
        destination: u128::from(destination) << 96,
    })
}

fn parse_v6(ip: &[u8], behind: Behind, seed: FlowSeed) -> Result<Packet, Stop> {
    let fixed: &[u8; IPV6] = ip.first_chunk().ok_or(DropCause::Malformed)?;
    let total = IPV6 + usize::from(be16(fixed, 4));
    if fixed[0] >> 4 != 6 || total > ip.len() {
        return Err(DropCause::Malformed.into());
    }
    let (source, destination) = (be128(fixed, 8), be128(fixed, 24));
    let sender = Special::of_v6(source).map(barred_source).transpose()?;
    let special = Special::of_v6(destination);
    if special == Some(Special::LinkLocal) {
        // Of this link only, whatever table: the route processor knows its own ones (RFC 4291 §2.5.6).
        return Err(Stop::Punt(PuntReason::ForUs));
    }
    if fixed[6] == 0 && punt::alerts_v6(&ip[IPV6..total]) {
        return Err(Stop::Punt(PuntReason::RouterAlert));
    }
    Ok(Packet {
        family: Family::V6,
        link: behind.link,
        table: behind.table,
        barred: sender.or_else(|| barred(special, fixed[7])),
        // A frame is shorter than 64 KiB, and the packet fits into it.
        length: total as u16,
        flow: seed.hash_v6(source, destination, ports(fixed[6], &ip[IPV6..total])),
        destination,
    })
}

/// A neighbour's address on the link may be that of a packet for the chassis, and of none to be forwarded (RFC 4291 §2.5.6).
#[cold]
fn barred_source(special: Special) -> Result<DropCause, DropCause> {
    let cause = special.as_source();
    if special == Special::LinkLocal { Ok(cause) } else { Err(cause) }
}

/// What stands against forwarding, and does not stand against receiving: an address that the chassis may have itself,
/// and a TTL or hop limit that is used up (RFC 1812 §5.3.1, RFC 8200 §3).
#[inline]
fn barred(destination: Option<Special>, ttl: u8) -> Option<DropCause> {
    match destination {
        Some(special) => Some(special.as_destination()),
        None if ttl <= 1 => Some(DropCause::TtlExpired),
        None => None,
    }
}

fn ports(protocol: u8, payload: &[u8]) -> u32 {
    match (protocol, payload.first_chunk()) {
        (TCP | UDP, Some(ports)) => u32::from_be_bytes(*ports),
        _ => 0,
    }
}

/// Takes one off the TTL or hop limit of an IP packet that has passed [`parse`].
#[inline]
pub fn take_hop(ip: &mut [u8], family: Family) {
    match family {
        Family::V4 => {
            let Some(header) = ip.first_chunk_mut::<IPV4_MIN>() else { return };
            let before = be16(header, 8);
            header[8] = header[8].saturating_sub(1);
            let after = be16(header, 8);
            let checksum = update_checksum(be16(header, 10), before, after);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        Family::V6 => {
            if let Some(hop_limit) = ip.get_mut(7) {
                *hop_limit = hop_limit.saturating_sub(1);
            }
        }
    }
}

/// The TTL or hop limit of an IP packet; 0 where there is none.
pub fn ttl(ip: &[u8], family: Family) -> u8 {
    let at = match family {
        Family::V4 => 8,
        Family::V6 => 7,
    };
    ip.get(at).copied().unwrap_or(0)
}

/// Fills in the lengths and the checksum of the IPv4 header, and the length of the UDP header behind it, that
/// `datagram` begins with.
pub fn fill_ipv4_udp(datagram: &mut [u8]) {
    let total = datagram.len();
    let Some((ip, udp)) = datagram.split_first_chunk_mut::<IPV4_MIN>() else { return };
    // A frame is shorter than 64 KiB.
    ip[2..4].copy_from_slice(&(total as u16).to_be_bytes());
    ip[10..12].fill(0);
    let checksum = !sum(ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let length = udp.len() as u16;
    if let Some(header) = udp.first_chunk_mut::<8>() {
        header[4..6].copy_from_slice(&length.to_be_bytes());
    }
}

/// Where the packet in a frame begins, behind tags, and its EtherType.
fn behind_tags(frame: &[u8]) -> Result<(u16, usize), DropCause> {
    let mut at = ETHERNET;
    loop {
        match frame.get(at - 2..at).map(|field| be16(field, 0)) {
            Some(ETHERTYPE_DOT1Q) => at += TAG,
            Some(ethertype) => return Ok((ethertype, at)),
            None => return Err(DropCause::Malformed),
        }
    }
}

/// Length, for comparison with an MTU, of the packet in a frame that another line card has made: labels count.
pub fn packet_length(frame: &[u8]) -> Result<u16, DropCause> {
    let (ethertype, at) = behind_tags(frame)?;
    let packet = &frame[at..];
    if ethertype == ETHERTYPE_MPLS {
        return Ok(packet.len() as u16);
    }
    let header: &[u8; IPV4_MIN] = packet.first_chunk().ok_or(DropCause::Malformed)?;
    match ethertype {
        ETHERTYPE_IPV4 => Ok(be16(header, 2)),
        ETHERTYPE_IPV6 => Ok(be16(header, 4).saturating_add(IPV6 as u16)),
        _ => Err(DropCause::UnknownEthertype),
    }
}

/// Why a packet that is longer than the egress port's MTU is dropped: an IPv4 packet without DF could be sent in
/// fragments (RFC 1812 §4.2.2.7), which these cards do not make.
#[cold]
pub fn too_long(frame: &[u8]) -> DropCause {
    const DF: u8 = 0x40;
    match behind_tags(frame) {
        Ok((ETHERTYPE_IPV4, at)) if frame.get(at + 6).is_some_and(|flags| flags & DF == 0) => DropCause::NotFragmented,
        Ok(_) | Err(_) => DropCause::TooBig,
    }
}

/// HC' = ~(~HC + ~m + m') (RFC 1624 §3, equation 3).
fn update_checksum(checksum: u16, before: u16, after: u16) -> u16 {
    !fold(u32::from(!checksum) + u32::from(!before) + u32::from(after))
}

/// One's complement sum of 16-bit words; 0xffff for a header whose checksum is right (RFC 1071 §1).
fn sum(header: &[u8]) -> u16 {
    fold(header.chunks_exact(2).map(|word| u32::from(be16(word, 0))).sum())
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be128(bytes: &[u8; IPV6], at: usize) -> u128 {
    let mut out = [0; 16];
    out.copy_from_slice(&bytes[at..at + 16]);
    u128::from_be_bytes(out)
}
