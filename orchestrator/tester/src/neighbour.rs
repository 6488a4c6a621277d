//! A tester's port as a neighbour: whoever asks for one of its addresses is told where it is, by ARP (RFC 826) or neighbour
//! discovery (RFC 4861 §7.2.4). A chassis may be configured with its neighbours; a node that is none of ours asks.

use crate::frame::{fold, sum};
use fabric_proto::fib::Mac;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ETHERNET: usize = 14;
const ARP: [u8; 2] = [0x08, 0x06];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// Ethernet and IPv4, lengths of their addresses.
const ARP_KIND: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const IPV6_HEADER: usize = 40;
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// What has crossed no router has this hop limit; nothing else is believed (RFC 4861 §7.1.1).
const HOP_LIMIT: u8 = 255;
/// Solicited, and it stands whatever was known before.
const SOLICITED: u8 = 0x60;
const OVERRIDE: u8 = 0x20;
/// Whoever looks whether an address is free has none to be answered at.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];
/// Of an advertisement: its head, the target, and an option with the Ethernet address.
const ADVERTISEMENT_LENGTH: usize = 8 + 16 + 8;

/// The answer of the port with address `mac` to a frame that asks for one of `own`; `None`: it does not.
pub fn answer(mac: Mac, own: &[IpAddr], frame: &[u8]) -> Option<Vec<u8>> {
    let (head, packet) = frame.split_at_checked(ETHERNET)?;
    let asker: Mac = *head[6..].first_chunk()?;
    match [head[12], head[13]] {
        ARP => arp(mac, own, asker, packet),
        IPV6 => discovery(mac, own, asker, packet),
        _ => None,
    }
}

fn arp(mac: Mac, own: &[IpAddr], asker: Mac, packet: &[u8]) -> Option<Vec<u8>> {
    let packet: &[u8; 28] = packet.first_chunk()?;
    let sender = &packet[8..18];
    let [wanted, from] = [24, 14].map(|at| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]));
    // Who announces an address does not ask for it.
    let asks = packet[..6] == ARP_KIND && packet[6..8] == [0, REQUEST] && from != wanted;
    if !asks || !own.contains(&wanted.into()) {
        return None;
    }
    Some([&asker[..], &mac, &ARP, &ARP_KIND, &[0, REPLY], &mac, &wanted.octets(), sender].concat())
}

fn discovery(mac: Mac, own: &[IpAddr], asker: Mac, packet: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = packet.split_at_checked(IPV6_HEADER)?;
    let message = rest.get(..usize::from(u16::from_be_bytes([header[4], header[5]])))?;
    let wanted = Ipv6Addr::from(*message.get(8..)?.first_chunk::<16>()?);
    let from = Ipv6Addr::from(*header[8..].first_chunk::<16>()?);
    let to = Ipv6Addr::from(*header[24..].first_chunk::<16>()?);
    let asks = header[6] == ICMPV6
        && header[7] == HOP_LIMIT
        && message[..2] == [SOLICITATION, 0]
        && checksum(from, to, message) == 0;
    if !asks || !own.contains(&wanted.into()) {
        return None;
    }
    let (to, asker, flags) = match from.is_unspecified() {
        true => (ALL_NODES, ALL_NODES_MAC, OVERRIDE),
        false => (from, asker, SOLICITED),
    };
    let head = [ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    // Target link-layer address (RFC 4861 §4.6.1), in units of eight bytes.
    let mut message = [&head[..], &wanted.octets(), &[2, 1], &mac].concat();
    let sum = checksum(wanted, to, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let length = (ADVERTISEMENT_LENGTH as u16).to_be_bytes();
    let header = [&[0x60, 0, 0, 0][..], &length, &[ICMPV6, HOP_LIMIT], &wanted.octets(), &to.octets()].concat();
    Some([&asker[..], &mac, &IPV6, &header, &message].concat())
}

/// The checksum of a message whose field for it is zero; zero where the field holds the right one (RFC 4443 §2.3).
fn checksum(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> u16 {
    !fold(sum(&from.octets()) + sum(&to.octets()) + message.len() as u64 + u64::from(ICMPV6) + sum(message))
}

#[cfg(test)]
mod tests;
