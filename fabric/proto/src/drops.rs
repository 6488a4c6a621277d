//! Every cause for which a packet may be dropped, and a counter for each.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::{IntoStaticStr, VariantArray};

/// Why a packet was dropped. Every drop has exactly one cause and is counted where it happens.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[repr(u8)]
pub enum DropCause {
    /// Not a valid Ethernet, IPv4 or IPv6 packet: length, version, header checksum.
    Malformed,
    /// Destination MAC address is not the port's.
    NotForUs,
    /// An EtherType that this line card does not forward.
    UnknownEthertype,
    /// TTL or hop limit would reach zero.
    TtlExpired,
    /// No prefix covers the destination.
    NoRoute,
    /// The prefix's path has no resolved rewrite.
    NoAdjacency,
    /// The route says discard (Null0).
    Discard,
    /// Longer than the egress port's MTU, and not to be fragmented: IPv6, or IPv4 with DF.
    TooBig,
    /// The virtual output queue towards the egress line card is full.
    VoqFull,
    /// No data connection to the egress line card.
    FabricDown,
    /// The packet must pass the active RP, and there is none.
    NoActiveRp,
    /// The port is shut down or has no carrier.
    PortDown,
    /// The port's transmit queue is full.
    PortQueueFull,
    /// The queue towards the route processor is full.
    PuntQueueFull,
    /// The line card was being reset.
    LcResetting,
    /// A seeded impairment of the fabric took it.
    Impaired,
    /// Sent to a cell for a port that this line card does not have.
    NoSuchPort,
    /// An experiment told this line card to drop it (`fault: drop`): a known outage.
    Injected,
    /// Waited too long in a virtual output queue: the fabric did not take it.
    VoqAged,
    /// IPv4, longer than the egress port's MTU, without DF: a router that fragments would send it in pieces.
    NotFragmented,
    /// From 0.0.0.0/8 or `::` ([`crate::special::Special::Unspecified`]).
    SourceUnspecified,
    /// From 127.0.0.0/8 or `::1` ([`crate::special::Special::Loopback`]).
    SourceLoopback,
    /// From 169.254.0.0/16 or fe80::/10 ([`crate::special::Special::LinkLocal`]).
    SourceLinkLocal,
    /// From 224.0.0.0/4 or ff00::/8 ([`crate::special::Special::Multicast`]).
    SourceMulticast,
    /// From 240.0.0.0/4 ([`crate::special::Special::Reserved`]).
    SourceReserved,
    /// From 255.255.255.255 ([`crate::special::Special::Broadcast`]).
    SourceBroadcast,
    /// From ::ffff:0:0/96 ([`crate::special::Special::Mapped`]).
    SourceMapped,
    /// To 0.0.0.0/8 or `::` ([`crate::special::Special::Unspecified`]).
    DestinationUnspecified,
    /// To 127.0.0.0/8 or `::1` ([`crate::special::Special::Loopback`]).
    DestinationLoopback,
    /// To 169.254.0.0/16 or fe80::/10 ([`crate::special::Special::LinkLocal`]).
    DestinationLinkLocal,
    /// To 224.0.0.0/4 or ff00::/8 ([`crate::special::Special::Multicast`]).
    DestinationMulticast,
    /// To 240.0.0.0/4 ([`crate::special::Special::Reserved`]).
    DestinationReserved,
    /// To 255.255.255.255 ([`crate::special::Special::Broadcast`]).
    DestinationBroadcast,
    /// To ::ffff:0:0/96 ([`crate::special::Special::Mapped`]).
    DestinationMapped,
    /// Tagged with a VLAN that no subinterface of the port has.
    UnknownVlan,
    /// For the route processor, of which more of its kind came than a policer lets pass ([`crate::punt::PuntReason::rate`]).
    PuntPoliced,
    /// For the route processor, and no active one takes it: it has died, and no other one has taken over yet.
    PuntNoRp,
    /// An impairment of the wire at a node that is none of ours took it.
    WireImpaired,
    /// The wire at a node that is none of ours was not connected.
    WireNoCarrier,
    /// The interface of a node that is none of ours did not take it: it is down, or gone.
    NodeRefused,
    /// A node that is none of ours took it and did not give it back. Its kernel, or what runs in it, may know why.
    LostInNode,
    /// The route processor was to find the next hop's station first, and did not give it back: it waited in vain, had to make
    /// room for others, or was there when the route processor died.
    PuntLost,
}

impl DropCause {
    /// All causes, in the order of their numbers.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name that reports use.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Drops by cause. Serialised as a map from name to count, zeros left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<DropCause, u64>", from = "BTreeMap<DropCause, u64>")]
pub struct DropCounts([u64; DropCause::ALL.len()]);

impl Default for DropCounts {
    fn default() -> Self {
        Self([0; DropCause::ALL.len()])
    }
}

impl DropCounts {
    /// Counts `packets` more.
    pub fn add(&mut self, cause: DropCause, packets: u64) {
        self.0[cause as usize] += packets;
    }

    /// Drops for one cause.
    pub fn get(&self, cause: DropCause) -> u64 {
        self.0[cause as usize]
    }

    /// All drops.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Causes that dropped something.
    pub fn iter(&self) -> impl Iterator<Item = (DropCause, u64)> + '_ {
        DropCause::ALL.iter().map(|cause| (*cause, self.get(*cause))).filter(|(_, count)| *count > 0)
    }

    /// Adds another card's drops.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// What came on top of an earlier reading of the same counters.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut out = Self::default();
        for (i, slot) in out.0.iter_mut().enumerate() {
            *slot = self.0[i].saturating_sub(earlier.0[i]);
        }
        out
    }
}

impl From<DropCounts> for BTreeMap<DropCause, u64> {
    fn from(counts: DropCounts) -> Self {
        counts.iter().collect()
    }
}

impl From<BTreeMap<DropCause, u64>> for DropCounts {
    fn from(map: BTreeMap<DropCause, u64>) -> Self {
        let mut counts = Self::default();
        for (cause, count) in map {
            counts.add(cause, count);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cause that a user meets in a report must be explained somewhere.
    #[test]
    fn the_documentation_explains_every_cause() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/measurement.md");
        let page = std::fs::read_to_string(page).unwrap();
        for cause in DropCause::ALL {
            assert!(page.contains(&format!("`{cause}`")), "docs/measurement.md says nothing of {cause}");
        }
    }
}
