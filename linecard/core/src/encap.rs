//! Rewrites as the data plane has them: bytes, ready to be put before a packet.
//!
//! Those of Ethernet, with a tag or with two labels, lie in the path itself: no further step to memory. Longer ones are
//! shared. All are written into the buffer in front of the packet, over what it came behind and, where that is too
//! short, over the room before: a packet is not moved.

use crate::packet;
use fabric_proto::fib::{Family, FixUp, HEADER_MAX, LABELS_MAX, ProtocolField, Rewrite};
use std::sync::Arc;

/// Room before a packet that every rewrite fits into.
pub const HEADROOM: usize = HEADER_MAX + FIELD + LABELS_MAX * LABEL;

/// Bytes that a path keeps within itself.
const INLINE: usize = 22;
/// Bytes of a protocol field.
const FIELD: usize = 2;
/// Bytes of a label (RFC 3032 §2.1).
const LABEL: usize = 4;
/// Bytes before the EtherType of an Ethernet without a tag.
const MACS: usize = 12;

/// A rewrite, ready for packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encap {
    /// One that lies in the path.
    Short(Short),
    /// One that lies elsewhere.
    Long(Arc<Long>),
}

/// A rewrite that is short enough for the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// How many of the bytes count.
    len: u8,
    tail: Tail,
    /// The header; and its protocol field and labels, where there are labels.
    bytes: [u8; INLINE],
}

/// A rewrite that is too long for the path, or has something to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Long {
    bytes: Box<[u8]>,
    tail: Tail,
    fix_up: FixUp,
}

/// What follows a header's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// The packet.
    Nothing,
    /// An EtherType.
    EtherType,
    /// A PPP protocol number.
    Ppp,
    /// The packet; so many labels are part of the bytes, and have its TTL (RFC 3443 §3.1).
    Labels(u8),
}

impl From<&Rewrite> for Encap {
    fn from(rewrite: &Rewrite) -> Self {
        let mut bytes = rewrite.header().to_vec();
        let tail = match (rewrite.labels(), rewrite.protocol()) {
            ([], ProtocolField::None) => Tail::Nothing,
            ([], ProtocolField::EtherType) => Tail::EtherType,
            ([], ProtocolField::Ppp) => Tail::Ppp,
            (labels, protocol) => {
                if let Some([_, _, mpls]) = protocol.values() {
                    bytes.extend_from_slice(&mpls.to_be_bytes());
                }
                for (n, label) in labels.iter().enumerate() {
                    let bottom = u32::from(n + 1 == labels.len());
                    bytes.extend_from_slice(&(label.value() << 12 | bottom << 8).to_be_bytes());
                }
                Tail::Labels(labels.len() as u8)
            }
        };
        let mut inline = [0; INLINE];
        match (inline.get_mut(..bytes.len()), rewrite.fix_up()) {
            (Some(place), FixUp::None) => {
                place.copy_from_slice(&bytes);
                Self::Short(Short { len: bytes.len() as u8, tail, bytes: inline })
            }
            (_, fix_up) => Self::Long(Arc::new(Long { bytes: bytes.into(), tail, fix_up })),
        }
    }
}

/// What is put before packets.
pub trait Put {
    /// Whether it is an Ethernet header and nothing else.
    fn is_plain(&self) -> bool;

    /// Writes it before the packet that lies in `buffer` from `packet` to `end`, whose TTL is what it is to leave with.
    /// Says where it begins; `None` without room for it.
    fn put(&self, buffer: &mut [u8], packet: usize, end: usize, family: Family) -> Option<usize>;
}

impl Put for Short {
    #[inline]
    fn is_plain(&self) -> bool {
        usize::from(self.len) == MACS && self.tail == Tail::EtherType
    }

    #[inline]
    fn put(&self, buffer: &mut [u8], packet: usize, _end: usize, family: Family) -> Option<usize> {
        if !self.is_plain() {
            return write(&self.bytes[..usize::from(self.len)], self.tail, buffer, packet, family);
        }
        // What nearly every packet gets, at sizes that the compiler knows.
        let at = packet.checked_sub(MACS + FIELD)?;
        let place: &mut [u8; MACS + FIELD] = buffer.get_mut(at..)?.first_chunk_mut()?;
        place[..MACS].copy_from_slice(&self.bytes[..MACS]);
        place[MACS..].copy_from_slice(&field(ProtocolField::EtherType, family));
        Some(at)
    }
}

impl Put for Long {
    fn is_plain(&self) -> bool {
        false
    }

    fn put(&self, buffer: &mut [u8], packet: usize, end: usize, family: Family) -> Option<usize> {
        let at = write(&self.bytes, self.tail, buffer, packet, family)?;
        match self.fix_up {
            FixUp::None => {}
            FixUp::Ipv4Udp { at: offset } => packet::fill_ipv4_udp(buffer.get_mut(at + usize::from(offset)..end)?),
        }
        Some(at)
    }
}

/// The bytes of a protocol field before a packet of this family.
fn field(protocol: ProtocolField, family: Family) -> [u8; FIELD] {
    let [v4, v6, _] = protocol.values().unwrap_or_default();
    match family {
        Family::V4 => v4.to_be_bytes(),
        Family::V6 => v6.to_be_bytes(),
    }
}

fn write(bytes: &[u8], tail: Tail, buffer: &mut [u8], packet: usize, family: Family) -> Option<usize> {
    let protocol = match tail {
        Tail::Nothing | Tail::Labels(_) => None,
        Tail::EtherType => Some(ProtocolField::EtherType),
        Tail::Ppp => Some(ProtocolField::Ppp),
    };
    let mut end = packet;
    if let Some(protocol) = protocol {
        end = packet.checked_sub(FIELD)?;
        buffer.get_mut(end..packet)?.copy_from_slice(&field(protocol, family));
    }
    let at = end.checked_sub(bytes.len())?;
    buffer.get_mut(at..end)?.copy_from_slice(bytes);
    if let Tail::Labels(count) = tail {
        let ttl = packet::ttl(buffer.get(packet..)?, family);
        for label in buffer.get_mut(at..packet)?.rchunks_exact_mut(LABEL).take(usize::from(count)) {
            label[3] = ttl;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests;
