//! Rewrites: the bytes that go before a packet.
//!
//! A new encapsulation is data: a header, what its last field says of what follows, labels, and at most one thing that
//! depends on the packet and has to be filled in.

use super::{Fnv, Mac};
use crate::id::Label;
use serde::{Deserialize, Serialize};

/// Longest header, bytes: PPP over L2TP over UDP over IPv6 over a tagged Ethernet takes 76.
pub const HEADER_MAX: usize = 96;

/// Most labels that a path puts before a packet.
pub const LABELS_MAX: usize = 4;

/// The bytes before a packet: header, protocol field, labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rewrite {
    header: Box<[u8]>,
    protocol: ProtocolField,
    /// The outermost first.
    labels: Vec<Label>,
    fix_up: FixUp,
}

/// The field at a header's end that says what follows: IPv4, IPv6, or a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProtocolField {
    /// None: the header says it, and all packets of the path are alike.
    None,
    /// An EtherType, as Ethernet and Cisco's HDLC have it.
    EtherType,
    /// A PPP protocol number (RFC 1661 §2).
    Ppp,
}

/// What of a header depends on the packet behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FixUp {
    /// Nothing.
    None,
    /// An IPv4 header without options and a UDP header after it: their lengths, and IPv4's checksum. UDP goes
    /// without a checksum, as tunnels over IPv4 may (RFC 2661 §8.1).
    Ipv4Udp {
        /// Where in the header IPv4 begins.
        at: u8,
    },
}

/// Bytes that are no rewrite. Whoever made them is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// A header that no line card has room for.
    #[error("a rewrite's header of {0} bytes; the longest has {HEADER_MAX}")]
    TooLong(usize),
    /// More labels than a path may have.
    #[error("a rewrite with {0} labels; the most are {LABELS_MAX}")]
    TooManyLabels(usize),
    /// A fix-up of bytes that are not there.
    #[error("a rewrite with a fix-up at byte {at} of a header of {length}")]
    FixUp {
        /// Where.
        at: u8,
        /// Of how many.
        length: usize,
    },
}

/// Tag protocol identifier of IEEE 802.1Q.
const DOT1Q: [u8; 2] = [0x81, 0x00];
/// Bytes of an Ethernet header before its EtherType.
const MACS: usize = 12;
/// Bytes of an IPv4 header without options and a UDP header.
const IPV4_UDP: usize = 28;

impl Rewrite {
    /// A header, and the field that follows it.
    pub fn new(header: &[u8], protocol: ProtocolField) -> Result<Self, RewriteError> {
        if header.len() > HEADER_MAX {
            return Err(RewriteError::TooLong(header.len()));
        }
        Ok(Self { header: header.into(), protocol, labels: Vec::new(), fix_up: FixUp::None })
    }

    /// Ethernet without a tag.
    pub fn ethernet(dst_mac: Mac, src_mac: Mac) -> Self {
        Self::of_ethernet(&[&dst_mac, &src_mac])
    }

    /// Ethernet with a tag of IEEE 802.1Q, of priority 0.
    pub fn tagged(dst_mac: Mac, src_mac: Mac, vlan: u16) -> Self {
        Self::of_ethernet(&[&dst_mac, &src_mac, &DOT1Q, &(vlan & 0x0fff).to_be_bytes()])
    }

    fn of_ethernet(parts: &[&[u8]]) -> Self {
        Self {
            header: parts.concat().into(),
            protocol: ProtocolField::EtherType,
            labels: Vec::new(),
            fix_up: FixUp::None,
        }
    }

    /// The same with labels between header and packet, the outermost first.
    pub fn with_labels(self, labels: &[Label]) -> Result<Self, RewriteError> {
        if labels.len() > LABELS_MAX {
            return Err(RewriteError::TooManyLabels(labels.len()));
        }
        Ok(Self { labels: labels.to_vec(), ..self })
    }

    /// The same with something to be filled in.
    pub fn with_fix_up(self, fix_up: FixUp) -> Result<Self, RewriteError> {
        match fix_up {
            FixUp::Ipv4Udp { at } if usize::from(at) + IPV4_UDP > self.header.len() => {
                Err(RewriteError::FixUp { at, length: self.header.len() })
            }
            FixUp::Ipv4Udp { .. } | FixUp::None => Ok(Self { fix_up, ..self }),
        }
    }

    /// The header, up to its protocol field.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// What the header's last field is.
    pub fn protocol(&self) -> ProtocolField {
        self.protocol
    }

    /// Labels, the outermost first.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// What is to be filled in.
    pub fn fix_up(&self) -> FixUp {
        self.fix_up
    }

    /// Destination and source of an Ethernet, tagged or not.
    pub fn macs(&self) -> Option<(Mac, Mac)> {
        match (self.protocol, self.header.split_first_chunk::<6>()) {
            (ProtocolField::EtherType, Some((dst_mac, rest))) => Some((*dst_mac, *rest.first_chunk()?)),
            _ => None,
        }
    }

    /// The VLAN of a tagged Ethernet.
    pub fn vlan(&self) -> Option<u16> {
        match (self.protocol, self.header.get(MACS..)?) {
            (ProtocolField::EtherType, [0x81, 0x00, high, low]) => Some(u16::from_be_bytes([*high, *low]) & 0x0fff),
            _ => None,
        }
    }

    /// Destination and source, where there is nothing else: no tag, no label, nothing to fill in.
    pub fn plain_ethernet(&self) -> Option<(Mac, Mac)> {
        let plain = self.header.len() == MACS && self.labels.is_empty() && self.fix_up == FixUp::None;
        self.macs().filter(|_| plain)
    }

    pub(super) fn hash(&self, hash: &mut Fnv) {
        let protocol = match self.protocol {
            ProtocolField::None => 0,
            ProtocolField::EtherType => 1,
            ProtocolField::Ppp => 2,
        };
        let fix_up = match self.fix_up {
            FixUp::None => [0, 0],
            FixUp::Ipv4Udp { at } => [1, at],
        };
        hash.bytes(&[self.header.len() as u8, protocol, self.labels.len() as u8]);
        hash.bytes(&fix_up);
        hash.bytes(&self.header);
        for label in &self.labels {
            hash.bytes(&label.value().to_be_bytes());
        }
    }
}

impl ProtocolField {
    /// Its bytes before an IPv4 packet, an IPv6 packet, and a label.
    pub const fn values(self) -> Option<[u16; 3]> {
        match self {
            Self::None => None,
            Self::EtherType => Some([0x0800, 0x86dd, 0x8847]),
            Self::Ppp => Some([0x0021, 0x0057, 0x0281]),
        }
    }
}
