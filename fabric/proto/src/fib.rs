//! The forwarding information base as RPs and line cards agree on it:
//! key → path list → adjacency, bucketed and digested.
//!
//! A key is a prefix in a table, a label, or a circuit ([`FibKey`]). A path list is shared by every key that uses the
//! same set of paths, so that a change of next hop costs one object. Routes live in [`BUCKETS`] buckets; each bucket's
//! digest depends only on what its routes *mean* (key, which path list, its paths), not on order or on path-list numbers,
//! so two cards can tell what differs without sending the table.

mod batch;
mod compat;
mod key;
mod path;
mod prefix;
mod rewrite;
mod routes;
mod table;

pub use batch::{BadBatch, Batch, BatchBuilder, ListUpdate, RouteOp};
pub use key::FibKey;
pub use path::Path;
pub use prefix::{Family, Prefix, PrefixError, left_aligned};
pub use rewrite::{FixUp, HEADER_MAX, LABELS_MAX, ProtocolField, Rewrite, RewriteError};
pub use routes::{BUCKETS, Bucket, RouteMap, bucket_of};
pub use table::FibTable;

use crate::id::{Epoch, PortId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Number of a path list, chosen by the RP that made it, carried to its standby and its line cards.
/// Below 2²³, so that a table entry has room for it. Numbers are given out again: [`Birth`] tells which list is meant.
pub type PathListId = u32;

/// Which path list a number stands for: no two lists of a chassis ever have the same.
///
/// A line card may hold routes that the active has withdrawn long ago: those of an earlier term, or of before it lost
/// its session. Their list's number may stand for another list by now, and they must not follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Birth {
    /// The term that made the list.
    pub epoch: Epoch,
    /// Lists that the term had made before.
    pub index: u64,
}

/// Most path-list numbers; the limit is the line card's table entry (23 bits).
pub const PATH_LISTS_MAX: usize = 1 << 23;

/// Most equal-cost paths in one list, as the field allows (`maximum-paths 32`).
pub const PATHS_MAX: usize = 32;

/// Most of them where a card is of a release before 2.1.
pub const PATHS_NARROW: usize = 16;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// What the Ethernet addresses of a chassis' ports begin with, as a backplane's memory holds it: both route processors read the
/// same, whatever their release, so that neighbours notice nothing of a switchover. Release 1.0 knows the first one only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseMac(u16);

impl BaseMac {
    /// Of a lab's first chassis.
    pub const FIRST: Self = Self(0);

    /// Of a lab's chassis, by its number there, from 0: no two of a lab have one address.
    pub const fn numbered(chassis: u16) -> Self {
        Self(chassis)
    }

    /// Whether it is the one that a chassis has that is told of none.
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }

    /// The address of a port: locally administered.
    pub const fn of(self, port: PortId) -> Mac {
        let [high, low] = self.0.to_be_bytes();
        [0x02, 0x5a, high, low, port.slot.0, port.port]
    }
}

/// Equal-cost paths, sorted and without repetitions, at most [`PATHS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PathList(Vec<Path>);

impl PathList {
    /// Sorts, removes repetitions, and keeps the first [`PATHS_MAX`].
    pub fn new(mut paths: Vec<Path>) -> Self {
        paths.sort();
        paths.dedup();
        paths.truncate(PATHS_MAX);
        Self(paths)
    }

    /// The paths, in order.
    pub fn paths(&self) -> &[Path] {
        &self.0
    }

    /// Whether release 1.0 has words for all of it.
    pub fn is_in_release_1(&self) -> bool {
        self.0.iter().all(Path::is_in_release_1)
    }

    /// A hash of the content, the same on every card and in every release that shares this encoding.
    pub fn digest(&self) -> u64 {
        let mut hash = Fnv::default();
        self.0.iter().for_each(|path| path.hash(&mut hash));
        crate::random::mix(hash.0)
    }
}

/// FNV-1a, 64 bits: a fixed function of the bytes, which the standard library's hashers do not promise.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.bytes(&address.octets()),
            IpAddr::V6(address) => self.bytes(&address.octets()),
        }
    }
}

/// How far a copy of the FIB has come: batch `seq` of the table that the term `epoch` began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The term whose active numbered the batches.
    pub epoch: Epoch,
    /// Batches applied since the term began; the first has number 1.
    pub seq: u64,
}

#[cfg(test)]
mod tests;
