//! Reading and rewriting Ethernet, IPv4 and IPv6 headers in place.

use fabric_proto::{
    drops::DropCause,
    fib::{Family, Mac},
};

/// Bytes of an Ethernet header without tags.
pub const ETHERNET: usize = 14;
const IPV4_MIN: usize = 20;
const IPV6: usize = 40;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What forwarding has to know about a packet that may be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its family.
    pub family: Family,
    /// Its destination, left-aligned.
    pub destination: u128,
    /// A hash of its flow: source, destination, protocol and ports.
    pub flow: u32,
    /// Length of the IP packet, for comparison with an MTU.
    pub length: u16,
}

/// Checks a frame that arrived on a port with the address `mac`, up to and including its TTL.
pub fn parse(frame: &[u8], mac: Mac) -> Result<Packet, DropCause> {
    let (ethernet, ip) = frame.split_at_checked(ETHERNET).ok_or(DropCause::Malformed)?;
    if ethernet[..6] != mac {
        return Err(DropCause::NotForUs);
    }
    match be16(ethernet, 12) {
        ETHERTYPE_IPV4 => parse_v4(ip),
        ETHERTYPE_IPV6 => parse_v6(ip),
        _ => Err(DropCause::UnknownEthertype),
    }
}

/// The checks of RFC 1812 §5.2.2; the options themselves are not looked at.
fn parse_v4(ip: &[u8]) -> Result<Packet, DropCause> {
    let fixed: &[u8; IPV4_MIN] = ip.first_chunk().ok_or(DropCause::Malformed)?;
    let header = usize::from(fixed[0] & 0x0f) * 4;
    let total = usize::from(be16(fixed, 2));
    if fixed[0] >> 4 != 4 || header < IPV4_MIN || total < header || total > ip.len() {
        return Err(DropCause::Malformed);
    }
    if sum(&ip[..header]) != 0xffff {
        return Err(DropCause::Malformed);
    }
    let source = u32::from_be_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]);
    let destination = u32::from_be_bytes([fixed[16], fixed[17], fixed[18], fixed[19]]);
    if !may_forward_v4(destination) {
        return Err(DropCause::NoRoute);
    }
    if fixed[8] <= 1 {
        return Err(DropCause::TtlExpired);
    }
    // Only a whole datagram has ports in every packet: its fragments must stay on one path.
    let fragment = be16(fixed, 6) & 0x3fff != 0;
    let ports = if fragment { 0 } else { ports(fixed[9], &ip[header..total]) };
    let flow = flow_hash(u128::from(source) << 32 | u128::from(destination), fixed[9], ports);
    let destination = u128::from(destination) << 96;
    Ok(Packet { family: Family::V4, destination, flow, length: total as u16 })
}

fn parse_v6(ip: &[u8]) -> Result<Packet, DropCause> {
    let fixed: &[u8; IPV6] = ip.first_chunk().ok_or(DropCause::Malformed)?;
    let total = IPV6 + usize::from(be16(fixed, 4));
    if fixed[0] >> 4 != 6 || total > ip.len() {
        return Err(DropCause::Malformed);
    }
    let (source, destination) = (be128(fixed, 8), be128(fixed, 24));
    if !may_forward_v6(destination) {
        return Err(DropCause::NoRoute);
    }
    if fixed[7] <= 1 {
        return Err(DropCause::TtlExpired);
    }
    let flow = flow_hash(source.rotate_left(61) ^ destination, fixed[6], ports(fixed[6], &ip[IPV6..total]));
    // A frame is shorter than 64 KiB, and the packet fits into it.
    Ok(Packet { family: Family::V6, destination, flow, length: total as u16 })
}

/// Destinations that a router never forwards by its table: loopback (RFC 1812 §5.3.7), multicast and
/// class E with the limited broadcast (RFC 1812 §4.2.2.11). There is no multicast routing here.
fn may_forward_v4(destination: u32) -> bool {
    let first = destination >> 24;
    first != 127 && first < 224
}

/// The same for IPv6: unspecified and loopback (RFC 4291 §2.5.2, §2.5.3), link-local (§2.5.6), multicast (§2.7).
fn may_forward_v6(destination: u128) -> bool {
    destination > 1 && destination >> 120 != 0xff && destination >> 118 != 0x3fa
}

fn ports(protocol: u8, payload: &[u8]) -> u32 {
    match (protocol, payload.first_chunk()) {
        (TCP | UDP, Some(ports)) => u32::from_be_bytes(*ports),
        _ => 0,
    }
}

/// Mixes so that the high bits, which choose the path, depend on every input bit (SplitMix64's finaliser).
fn flow_hash(addresses: u128, protocol: u8, ports: u32) -> u32 {
    let mut x = (addresses >> 64) as u64 ^ (addresses as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= u64::from(ports) << 8 | u64::from(protocol);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 32) as u32
}

/// Writes the next Ethernet header and takes one off the TTL. The frame has passed [`parse`].
pub fn rewrite(frame: &mut [u8], family: Family, dst_mac: Mac, src_mac: Mac) {
    let Some((ethernet, ip)) = frame.split_at_mut_checked(ETHERNET) else { return };
    ethernet[..6].copy_from_slice(&dst_mac);
    ethernet[6..12].copy_from_slice(&src_mac);
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

/// Length of the IP packet in a frame that another line card has checked.
pub fn ip_length(frame: &[u8]) -> Result<u16, DropCause> {
    let (ethernet, ip) = frame.split_at_checked(ETHERNET).ok_or(DropCause::Malformed)?;
    let header: &[u8; IPV4_MIN] = ip.first_chunk().ok_or(DropCause::Malformed)?;
    match be16(ethernet, 12) {
        ETHERTYPE_IPV4 => Ok(be16(header, 2)),
        ETHERTYPE_IPV6 => Ok(be16(header, 4).saturating_add(IPV6 as u16)),
        _ => Err(DropCause::UnknownEthertype),
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
fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be128(bytes: &[u8; IPV6], at: usize) -> u128 {
    let mut out = [0; 16];
    out.copy_from_slice(&bytes[at..at + 16]);
    u128::from_be_bytes(out)
}
