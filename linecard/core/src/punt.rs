//! What a line card keeps for the route processor, and how much of it.
//!
//! Frames to an address of the port itself are looked up as any others; what is decided here is off the way of packets
//! that are forwarded.

use crate::{
    packet::{ETHERNET, ETHERTYPE_ARP, ETHERTYPE_DOT1Q, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Stop, TAG, be16},
    tables::Port,
};
use fabric_proto::{
    drops::DropCause,
    punt::{PuntReason, Rate},
    time::Instant,
};

/// The longest EtherType field that is a length (IEEE 802.3 §3.2.6): an LLC frame, as IS-IS sends.
const LLC_MAX: u16 = 1500;
/// IPv4 multicast behind Ethernet (RFC 1112 §6.4), and IPv6 (RFC 2464 §7).
const GROUP_V4: [u8; 3] = [0x01, 0x00, 0x5e];
const GROUP_V6: [u8; 2] = [0x33, 0x33];
/// What bridges do not pass on (IEEE 802.1Q table 8-1): LACP, LLDP.
const LINK: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];
/// AllL1ISs, AllL2ISs (ISO/IEC 10589 §8.4.8).
const ISIS: [[u8; 6]; 2] = [[0x01, 0x80, 0xc2, 0x00, 0x00, 0x14], [0x01, 0x80, 0xc2, 0x00, 0x00, 0x15]];
const CDP: [u8; 6] = [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc];
/// Router solicitation to redirect (RFC 4861 §4).
const ND: std::ops::RangeInclusive<u8> = 133..=137;
const ICMPV6: u8 = 58;

/// A frame to another address than the port's: for the route processor where it is for all of a link.
#[cold]
pub(crate) fn of_group(frame: &[u8], port: &Port) -> Stop {
    let Some(to) = frame.first_chunk::<6>() else { return DropCause::Malformed.into() };
    if to[0] & 1 == 0 {
        return DropCause::NotForUs.into();
    }
    let mut at = ETHERNET;
    let mut ethertype = be16(frame, at - 2);
    if ethertype == ETHERTYPE_DOT1Q {
        let Some(tag) = frame.get(at..at + TAG) else { return DropCause::Malformed.into() };
        if port.table_of(be16(tag, 0) & 0x0fff).is_none() {
            return DropCause::UnknownVlan.into();
        }
        ethertype = be16(tag, 2);
        at += TAG;
    }
    let packet = &frame[at..];
    let reason = match ethertype {
        ETHERTYPE_ARP if *to == [0xff; 6] => Some(PuntReason::Arp),
        ETHERTYPE_IPV4 if to[..3] == GROUP_V4 => {
            // 224.0.0.0/24 (RFC 5771 §4) is of this link only.
            (packet.get(16..19) == Some(&[224, 0, 0])).then_some(PuntReason::ControlMulticast)
        }
        ETHERTYPE_IPV6 if to[..2] == GROUP_V6 => match packet.get(24..26) {
            Some([0xff, 0x01 | 0x02]) => {
                let discovery = packet[6] == ICMPV6 && packet.get(40).is_some_and(|kind| ND.contains(kind));
                Some(if discovery { PuntReason::NeighborDiscovery } else { PuntReason::ControlMulticast })
            }
            _ => None,
        },
        ..=LLC_MAX if ISIS.contains(to) => Some(PuntReason::ControlMulticast),
        _ if to[..5] == LINK && to[5] < 0x10 || *to == CDP => Some(PuntReason::LinkProtocol),
        _ => None,
    };
    reason.map_or(Stop::Drop(DropCause::NotForUs), Stop::Punt)
}

/// A frame to the port that is no IP packet.
#[cold]
pub(crate) fn of_ethertype(ethertype: u16) -> Stop {
    match ethertype {
        ETHERTYPE_ARP => Stop::Punt(PuntReason::Arp),
        _ => Stop::Drop(DropCause::UnknownEthertype),
    }
}

/// Whether a router alert is among the options of an IPv4 header (RFC 2113 §2.1).
#[cold]
pub(crate) fn alerts_v4(options: &[u8]) -> bool {
    let mut rest = options;
    while let Some((kind, after)) = rest.split_first() {
        rest = match (kind, after.first()) {
            (0, _) => return false,
            (1, _) => after,
            (148, _) => return true,
            (_, Some(length)) => match rest.get(usize::from((*length).max(2))..) {
                Some(rest) => rest,
                None => return false,
            },
            (_, None) => return false,
        };
    }
    false
}

/// Whether a router alert is among the hop-by-hop options that a packet begins with behind its header (RFC 2711 §2.1).
#[cold]
pub(crate) fn alerts_v6(payload: &[u8]) -> bool {
    let Some(length) = payload.get(1) else { return false };
    let Some(mut rest) = payload.get(2..8 * (usize::from(*length) + 1)) else { return false };
    while let Some((kind, after)) = rest.split_first() {
        rest = match (kind, after.first()) {
            (0, _) => after,
            (5, _) => return true,
            (_, Some(length)) => match after.get(1 + usize::from(*length)..) {
                Some(rest) => rest,
                None => return false,
            },
            (_, None) => return false,
        };
    }
    false
}

/// Lets so many packets of each reason pass: a token bucket each, in nanoseconds of credit.
#[derive(Debug, Default)]
pub struct Policers([Policer; PuntReason::ALL.len()]);

#[derive(Clone, Copy, Debug, Default)]
struct Policer {
    /// When the bucket is full again. Before then, it lacks what flows in until then.
    full_at: u64,
}

impl Policers {
    /// Whether a packet of this reason may pass now. Time that goes back brings nothing.
    pub fn admit(&mut self, now: Instant, reason: PuntReason) -> bool {
        let Rate { packets, burst } = reason.rate();
        let each = 1_000_000_000 / u64::from(packets);
        let policer = &mut self.0[reason as usize];
        let full_at = policer.full_at.max(now.0) + each;
        let admits = full_at - now.0 <= each * u64::from(burst);
        if admits {
            policer.full_at = full_at;
        }
        admits
    }
}

#[cfg(test)]
mod tests;
