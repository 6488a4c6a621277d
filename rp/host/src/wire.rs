//! Frames and packets as bytes: everything that comes from outside is read here and in the files below, and never panics.

pub(crate) mod arp;
pub(crate) mod icmp;
pub(crate) mod ip;
pub(crate) mod nd;
pub(crate) mod udp;

use crate::interface::Link;
use etherparse::{EtherType, Ethernet2Header, SingleVlanHeader, VlanId, ether_type};
use fabric_proto::fib::Mac;

/// The address of every station.
pub(crate) const BROADCAST: Mac = [0xff; 6];

/// An Ethernet frame, taken apart as far as its network layer. Tags (IEEE 802.1Q, 802.1ad) were looked at by whoever chose the
/// interface, and are skipped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) destination: Mac,
    pub(crate) source: Mac,
    pub(crate) ether_type: EtherType,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut payload) = Ethernet2Header::from_slice(bytes).ok()?;
        let mut ether_type = header.ether_type;
        for _ in 0..2 {
            if ![ether_type::VLAN_TAGGED_FRAME, ether_type::PROVIDER_BRIDGING].contains(&ether_type) {
                break;
            }
            let (tag, rest) = SingleVlanHeader::from_slice(payload).ok()?;
            (ether_type, payload) = (tag.ether_type, rest);
        }
        Some(Self { destination: header.destination, source: header.source, ether_type, payload })
    }

    /// Whether it was sent to more than one station.
    pub(crate) fn is_group(&self) -> bool {
        is_group(self.destination)
    }
}

/// Whether an address is that of more than one station.
pub(crate) fn is_group(mac: Mac) -> bool {
    mac[0] & 1 != 0
}

/// Whether an address can be one station's.
pub(crate) fn is_station(mac: Mac) -> bool {
    !is_group(mac) && mac != [0; 6]
}

/// A frame as it goes out on a link.
pub(crate) fn frame(link: &Link, destination: Mac, ether_type: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(Ethernet2Header::LEN + SingleVlanHeader::LEN + payload.len());
    let tag = link.vlan.and_then(|vlan| VlanId::try_new(vlan).ok());
    let outer = if tag.is_some() { ether_type::VLAN_TAGGED_FRAME } else { ether_type };
    let header = Ethernet2Header { source: link.mac, destination, ether_type: outer };
    bytes.extend(header.to_bytes());
    if let Some(vlan_id) = tag {
        bytes.extend(SingleVlanHeader { vlan_id, ether_type, ..SingleVlanHeader::default() }.to_bytes());
    }
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests;
