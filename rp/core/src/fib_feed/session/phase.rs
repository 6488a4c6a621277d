//! What a session with a line card is doing.

use fabric_proto::{
    fib::{PathListId, Position},
    time::Instant,
};
use std::ops::Range;

/// What a session is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// `Adopt` is sent; nothing else until the card answers.
    Adopting,
    /// Sends path lists from this number on.
    Lists { from: PathListId, then: AfterLists },
    /// Sends buckets from this one on to an empty card.
    Downloading { from: usize },
    /// Asked for digests, to be compared with those that the table had then.
    Comparing { digests: Vec<u64> },
    /// Sends these buckets, which replace the card's.
    Repairing(Repair),
    /// Everything is sent; waits until the RIB is complete.
    Following,
    /// Said `Converged`; the answer is about the table that had these digests.
    Confirming { position: Position },
    /// The card holds the complete table.
    Confirmed { audit_at: Option<Instant> },
    /// Told to reset; the connection is about to end.
    Resetting,
}

impl Phase {
    /// In a word or two, for show commands.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Adopting => "adopting",
            Self::Lists { .. } | Self::Downloading { .. } => "downloading",
            Self::Comparing { .. } => "comparing",
            Self::Repairing(_) => "repairing",
            Self::Following => "following",
            Self::Confirming { .. } => "confirming",
            Self::Confirmed { .. } => "in sync",
            Self::Resetting => "resetting",
        }
    }
}

/// What comes after the path lists.
#[derive(Clone, Copy, Debug)]
pub(super) enum AfterLists {
    /// The routes are equal.
    Follow,
    Download,
    Compare,
    SendAll,
}

/// Buckets to send again.
#[derive(Debug)]
pub(super) enum Repair {
    Some(std::vec::IntoIter<u16>),
    All(Range<u16>),
}

impl Iterator for Repair {
    type Item = u16;
    fn next(&mut self) -> Option<u16> {
        match self {
            Self::Some(buckets) => buckets.next(),
            Self::All(buckets) => buckets.next(),
        }
    }
}
