//! Packets for the route processor: why a line card gives one up to it, and how many of each kind it may have a second.
//!
//! A punted packet is out of the line card's hands: it is in the account as punted. A packet that a router answers with an
//! error is dropped by its own cause all the same; the route processor is given a copy of it.
//!
//! The record of a punted packet, on a stream of its own to the active RP, is that of [`crate::cell::push_relay`] with the
//! reason's number where the slot stands. What the RP injects comes back as records of [`crate::cell::push`].

use crate::drops::DropCause;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::{IntoStaticStr, VariantArray};

/// Why a packet goes to the route processor.
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
    strum::FromRepr,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[repr(u8)]
pub enum PuntReason {
    /// To an address of the chassis itself.
    ForUs,
    /// Its TTL or hop limit is used up (RFC 1812 §5.3.1, RFC 4443 §3.3): a copy.
    TtlExpired,
    /// Longer than the MTU of where it would leave (RFC 1191 §4, RFC 4443 §3.2): a copy.
    TooBig,
    /// No route, or one that says discard (RFC 1812 §5.2.7.1): a copy.
    Unreachable,
    /// Its next hop is a neighbour whose address is not known yet.
    Glean,
    /// ARP.
    Arp,
    /// Neighbour discovery (RFC 4861) to a multicast address.
    NeighborDiscovery,
    /// To a multicast address of this link: 224.0.0.0/24, ff02::/16, or all IS-IS systems.
    ControlMulticast,
    /// What protocols of the link itself say: LLDP, LACP, CDP.
    LinkProtocol,
    /// With a router alert (RFC 2113, RFC 2711).
    RouterAlert,
}

/// How many packets may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// A second.
    pub packets: u32,
    /// At once, after a silence.
    pub burst: u32,
}

impl PuntReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its name in commands and reports.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// As one byte of a record.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Why the packet of a record was punted.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::from_repr(number)
    }

    /// What a line card lets pass (modelled; vendors have values of this size in their default policies of the control
    /// plane). Answers to a few thousand neighbours, and a routing table's transfer, fit; a flood does not.
    pub const fn rate(self) -> Rate {
        let (packets, burst) = match self {
            Self::ForUs => (50_000, 5_000),
            Self::ControlMulticast => (10_000, 2_000),
            Self::Arp | Self::NeighborDiscovery | Self::Glean => (5_000, 1_000),
            Self::LinkProtocol => (2_000, 500),
            Self::TtlExpired | Self::TooBig | Self::Unreachable | Self::RouterAlert => (1_000, 100),
        };
        Rate { packets, burst }
    }

    /// By which cause a packet that the route processor is not given is dropped, where that says more than that it was not given.
    pub const fn unless_given(self) -> Option<DropCause> {
        if matches!(self, Self::Glean) { Some(DropCause::NoAdjacency) } else { None }
    }

    /// Why a copy of a packet that is dropped by this cause goes to the route processor, which may answer with an error.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is answered, whatever comes")]
    pub const fn of_drop(cause: DropCause) -> Option<Self> {
        match cause {
            DropCause::TtlExpired => Some(Self::TtlExpired),
            DropCause::TooBig => Some(Self::TooBig),
            DropCause::NoRoute | DropCause::Discard => Some(Self::Unreachable),
            _ => None,
        }
    }
}

/// What became of packets of one reason: on a line card, or on a route processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PuntCount {
    /// Put into the queue towards the RP; on an RP: into its own.
    pub passed: u64,
    /// More than [`PuntReason::rate`] allows.
    pub policed: u64,
    /// No active RP was there, or the queue towards it was full; on an RP: its own queue was.
    pub lost: u64,
}

/// Packets to and from the route processor, as one card has counted them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PuntCounts {
    /// By reason, without those of which there was nothing.
    pub reasons: BTreeMap<PuntReason, PuntCount>,
    /// Of those that passed: the RP went away before they were with it.
    pub undelivered: u64,
    /// From the route processor, to be sent on a port; on an RP: made by it.
    pub injected: u64,
    /// Of these, what was dropped before the port; on an RP: before its line card.
    pub not_injected: u64,
    /// Test packets ([`crate::load`]) among those that passed to be forwarded by the route processor.
    pub load_punted: u64,
    /// Test packets that it has given back.
    pub load_injected: u64,
}

impl PuntCounts {
    /// The count of a reason, to be changed.
    pub fn of(&mut self, reason: PuntReason) -> &mut PuntCount {
        self.reasons.entry(reason).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_known_by_its_number_and_its_name() {
        for (at, reason) in PuntReason::ALL.iter().enumerate() {
            assert_eq!((usize::from(reason.number()), PuntReason::numbered(at as u8)), (at, Some(*reason)));
            assert_eq!(serde_json::to_string(reason).unwrap(), format!("\"{}\"", reason.name()));
            let Rate { packets, burst } = reason.rate();
            assert!(burst > 0 && burst <= packets, "{reason}");
        }
        assert_eq!(PuntReason::numbered(PuntReason::ALL.len() as u8), None);
    }

    #[test]
    fn what_is_answered_is_dropped_by_its_cause() {
        let answered = |cause: &&DropCause| PuntReason::of_drop(**cause).is_some();
        let causes: Vec<_> = DropCause::ALL.iter().filter(answered).copied().collect();
        assert_eq!(causes, [DropCause::TtlExpired, DropCause::NoRoute, DropCause::Discard, DropCause::TooBig]);
    }
}
