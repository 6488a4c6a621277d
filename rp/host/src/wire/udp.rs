//! UDP (RFC 768, RFC 8200 §8.1).

use super::ip::{Packet, sum};
use etherparse::{UdpHeader, ip_number::UDP};
use std::net::IpAddr;

/// A datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Udp<'a> {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Reads one; `None` for one that is cut off or damaged. Over IPv4 a sender may do without a checksum (RFC 768).
    pub(crate) fn parse(packet: &Packet<'a>) -> Option<Self> {
        let (header, rest) = UdpHeader::from_slice(packet.payload).ok()?;
        let payload = rest.get(..usize::from(header.length).checked_sub(UdpHeader::LEN)?)?;
        let bare = Packet { payload: packet.payload.get(..header.length.into())?, ..*packet };
        let summed = header.checksum != 0 || packet.source.is_ipv6();
        (!summed || bare.is_sum_right(UDP)).then_some(Self {
            source: header.source_port,
            destination: header.destination_port,
            payload,
        })
    }

    /// Its bytes; `None` for more than a datagram holds.
    pub(crate) fn to_bytes(self, source: IpAddr, destination: IpAddr) -> Option<Vec<u8>> {
        let length = u16::try_from(UdpHeader::LEN + self.payload.len()).ok()?;
        let header = UdpHeader { source_port: self.source, destination_port: self.destination, length, checksum: 0 };
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend(self.payload);
        // One that comes to zero is written as its complement: zero says that there is none.
        let checksum = match sum(source, destination, UDP, &bytes) {
            0 => u16::MAX,
            checksum => checksum,
        };
        bytes[6..8].copy_from_slice(&checksum.to_be_bytes());
        Some(bytes)
    }
}
