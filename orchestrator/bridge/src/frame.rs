//! Frames between a wire, where each is whole, and the kernel, which hands over several as one and leaves checksums
//! unfinished: pure, no I/O.

pub mod checksum;
pub mod coalesce;
pub mod expand;
pub mod vnet;

/// Length of an Ethernet header without a tag.
pub const ETHERNET: usize = 14;

/// The network header of a frame, wherever its tags end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4, from this offset.
    V4(usize),
    /// IPv6, from this offset.
    V6(usize),
}

impl Network {
    /// Finds it behind at most two VLAN tags.
    pub fn find(frame: &[u8]) -> Option<Self> {
        let mut at = 12;
        for _ in 0..3 {
            let kind = frame.get(at..at + 2)?;
            at += 2;
            match kind {
                [0x08, 0x00] => return Some(Self::V4(at)),
                [0x86, 0xdd] => return Some(Self::V6(at)),
                [0x81, 0x00] | [0x88, 0xa8] => at += 2,
                _ => return None,
            }
        }
        None
    }
}
