//! ARP over Ethernet for IPv4 (RFC 826).

use etherparse::{ArpEthIpv4Packet, ArpOperation, ArpPacketSlice};
use fabric_proto::fib::Mac;
use std::net::Ipv4Addr;

/// What a packet asks or says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Request,
    Reply,
}

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    pub(crate) operation: Operation,
    pub(crate) sender: (Mac, Ipv4Addr),
    pub(crate) target: (Mac, Ipv4Addr),
}

impl Arp {
    /// Reads one; `None` for other hardware, other protocols, other operations and for what is cut off.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let arp = ArpPacketSlice::from_slice(bytes).ok()?.to_packet().try_eth_ipv4().ok()?;
        let operation = match arp.operation {
            ArpOperation::REQUEST => Operation::Request,
            ArpOperation::REPLY => Operation::Reply,
            _ => return None,
        };
        let sender = (arp.sender_mac, arp.sender_ipv4_addr());
        Some(Self { operation, sender, target: (arp.target_mac, arp.target_ipv4_addr()) })
    }

    /// A question after an address.
    pub(crate) fn request(sender: (Mac, Ipv4Addr), target: Ipv4Addr) -> Self {
        Self { operation: Operation::Request, sender, target: ([0; 6], target) }
    }

    /// The answer to one, in the name of `mac` (RFC 826, "Packet Reception").
    pub(crate) fn answered_by(self, mac: Mac) -> Self {
        Self { operation: Operation::Reply, sender: (mac, self.target.1), target: self.sender }
    }

    /// Whether nobody is asked and nothing answered: an announcement (RFC 5227 §1.1), as a request or as a reply.
    pub(crate) fn is_announcement(&self) -> bool {
        self.sender.1 == self.target.1
    }

    /// Whether it asks if an address is in use, for somebody who has none yet (RFC 5227 §1.1).
    pub(crate) fn is_probe(&self) -> bool {
        self.operation == Operation::Request && self.sender.1.is_unspecified()
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let operation = match self.operation {
            Operation::Request => ArpOperation::REQUEST,
            Operation::Reply => ArpOperation::REPLY,
        };
        let ((sender_mac, sender), (target_mac, target)) = (self.sender, self.target);
        let (sender_ipv4, target_ipv4) = (sender.octets(), target.octets());
        ArpEthIpv4Packet { operation, sender_mac, sender_ipv4, target_mac, target_ipv4 }.to_bytes().to_vec()
    }
}
