//! Which of several equal paths a packet takes: one function for line cards, which forward by it, and for route
//! processors, which show it.
//!
//! All packets of a flow hash alike, so that none overtakes another. The hash is seeded by the chassis: were it the
//! same everywhere, all flows that the first tier sends one way would go one way at the second tier too (polarisation).
//! The seed follows from the chassis' name in its lab, which both route processors and all line cards know from their
//! certificates: no switchover, restart or reset can change it, and nothing has to be synchronised.

use crate::{id::CardId, random::mix};

/// What sets the hash of one chassis apart from another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowSeed(u64);

impl FlowSeed {
    /// The seed of the chassis that a card is part of: the same for all its cards.
    pub fn of(card: &CardId) -> Self {
        // A separator that names cannot hold, so that no two pairs of names run together to the same text.
        let name = card.lab.bytes().chain(*b"/").chain(card.node.bytes());
        Self(name.fold(0, |hash, byte| mix(hash ^ u64::from(byte)).wrapping_add(0x9e37_79b9_7f4a_7c15)))
    }

    /// The hash of an IPv4 flow. `ports` is source and destination port as they stand in TCP's and UDP's header, and 0
    /// for packets without ports.
    #[inline]
    pub fn hash_v4(self, source: u32, destination: u32, ports: u32) -> u32 {
        self.hash(u64::from(source) << 32 | u64::from(destination), 0, ports)
    }

    /// The hash of an IPv6 flow.
    #[inline]
    pub fn hash_v6(self, source: u128, destination: u128, ports: u32) -> u32 {
        let addresses = source.rotate_left(61) ^ destination;
        self.hash(addresses as u64, (addresses >> 64) as u64, ports)
    }

    /// Mixes so that the high bits, which choose the path, depend on every input bit (SplitMix64's finaliser). The seed
    /// comes before the mixing: what differs in it differs everywhere.
    #[inline]
    fn hash(self, low: u64, high: u64, ports: u32) -> u32 {
        let x = self.0 ^ high ^ low.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(ports);
        (mix(x) >> 32) as u32
    }
}

/// Which of `paths` equal paths a flow takes; 0 where there is none. Scales the hash instead of dividing by the number.
#[inline]
pub fn choose(hash: u32, paths: usize) -> usize {
    ((u64::from(hash) * paths as u64) >> 32) as usize
}

#[cfg(test)]
mod tests;
