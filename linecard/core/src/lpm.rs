//! Longest prefix match: a trie of bytes whose slots already hold the longest match (leaf pushing), with runs
//! of equal slots kept once.
//!
//! An address's first bits are the number of a node, and every node resolves 8 bits more. They are the first 16 in the
//! default table, and none in those of VRFs, which begin at one node: a small one takes kilobytes, and every address
//! two nodes more. A node is one cache
//! line of 8 groups of 32 slots, and a group one word: a bitmap of where its runs begin and the place of the runs'
//! entries, or, when all its slots are equal, the entry itself. An entry is nothing, a route (prefix length and
//! path list), or the number of a child node. So an IPv4 address whose route is no longer than /24 takes two
//! loads, and a full table a sixth of the 64 MiB of one that is indexed by 24 bits and takes one.
//! Bitmaps and counting are Poptrie's (Asai and Ohara, SIGCOMM 2015), shortened so that one word says it all.
//!
//! Look-ups never lock and never wait. One writer ([`TrieWriter`]) changes entries and words in place, each by
//! one store; what a word leads to is complete before the word is stored. A reader that races with the writer
//! finds, for every address, either the route before the change or the one after it.
//!
//! Storage that nothing leads to any more is used again, under a new *generation*. Readers compare the
//! generation before and after a batch, and look up again what they may have read from reused storage.

mod batch;
mod space;
mod store;
mod writer;

pub use writer::TrieWriter;

use arc_swap::ArcSwap;
use batch::{LANES, find_all};
use fabric_proto::fib::{Family, PATH_LISTS_MAX, PathListId, Prefix};
use std::{
    fmt,
    marker::PhantomData,
    sync::atomic::{AtomicUsize, Ordering},
};
use store::Store;

/// Whose addresses a trie holds, and how it begins.
pub trait Shape: Send + Sync + 'static {
    /// The family.
    const FAMILY: Family;
    /// Bits that are the number of the first node.
    const FIRST_BITS: u32;
    /// Nodes and entries that there is room for at first.
    const ROOM: [usize; 2];
    /// Storage that is retired at once is used again together, at most so much of it.
    const RETIRED_MAX: usize;
    /// Nodes on the longest way down: one for each byte after the first bits.
    const LEVELS: usize = (Self::FAMILY.width() as usize - Self::FIRST_BITS as usize) / 8;
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident: $family:ident from $base:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Shape for $name {
            const FAMILY: Family = Family::$family;
            const FIRST_BITS: u32 = $base::FIRST_BITS;
            const ROOM: [usize; 2] = $base::ROOM;
            const RETIRED_MAX: usize = $base::RETIRED_MAX;
        }
    )*};
}
shapes! {
    /// The default table's IPv4.
    V4: V4 from large,
    /// The default table's IPv6.
    V6: V6 from large,
    /// A VRF's IPv4, and whatever else has keys of 32 bits.
    SmallV4: V4 from small,
    /// A VRF's IPv6.
    SmallV6: V6 from small,
}

mod large {
    pub(super) const FIRST_BITS: u32 = 16;
    /// 32 MiB of nodes are more than an allocator keeps for itself: they come from the system, zeroed, page by page as
    /// they are used, and an empty table costs nothing.
    pub(super) const ROOM: [usize; 2] = [1 << 19, 1 << 14];
    /// A generation lasts milliseconds, a batch of look-ups microseconds. At most half a MiB waits.
    pub(super) const RETIRED_MAX: usize = 8192;
}

mod small {
    pub(super) const FIRST_BITS: u32 = 0;
    pub(super) const ROOM: [usize; 2] = [1, 0];
    /// A table that changes and stays small stays so: 8 KiB.
    pub(super) const RETIRED_MAX: usize = 128;
}

/// A trie of one family, as readers see it.
pub struct Trie<S> {
    /// Replaced by a larger copy when it is full; readers keep the one that they began with.
    store: ArcSwap<Store>,
    bytes: AtomicUsize,
    shape: PhantomData<S>,
}

/// No room for what a route needs. The table is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {family} forwarding table has no room for another route; aggregate routes or reset the card")]
pub struct TrieFull {
    /// The table.
    pub family: Family,
}

/// An entry that is the number of a child; otherwise `length + 1` (8 bits) and the path list (23 bits).
const CHILD: u32 = 1 << 31;
const ID_BITS: u32 = 23;
const ID_MASK: u32 = PATH_LISTS_MAX as u32 - 1;
const EMPTY: u32 = 0;

fn leaf(len: u8, id: PathListId) -> u32 {
    debug_assert!(id <= ID_MASK);
    (u32::from(len) + 1) << ID_BITS | (id & ID_MASK)
}

/// Length plus one of a leaf's route; 0 where there is none.
fn rank(leaf: u32) -> u32 {
    leaf >> ID_BITS
}

fn path_list(leaf: u32) -> Option<PathListId> {
    (leaf != EMPTY).then_some(leaf & ID_MASK)
}

/// The number of an address's first node.
#[inline(always)]
fn first_node<S: Shape>(address: u128) -> u32 {
    address.checked_shr(128 - S::FIRST_BITS).unwrap_or(0) as u32
}

/// The slot of an address in a node of `level`; the first node has level 0.
#[inline(always)]
fn slot<S: Shape>(address: &u128, level: usize) -> u8 {
    let place = S::FIRST_BITS as usize / 8 + level;
    let bytes = bytemuck::bytes_of(address);
    if cfg!(target_endian = "little") { bytes[size_of::<u128>() - 1 - place] } else { bytes[place] }
}

/// Whether two routes end in one group of a trie of this shape, and are not the whole of it.
pub fn near<S: Shape>(one: Prefix, other: Prefix) -> bool {
    // Three bits of a node's eight choose the group. Shorter prefixes are whole first nodes.
    let group = |prefix: Prefix| {
        let len = prefix.node_len() + 3;
        (prefix.len() > len && u32::from(prefix.len()) > S::FIRST_BITS).then(|| prefix.shortened(len))
    };
    group(one).is_some_and(|one| group(other) == Some(one))
}

impl<S: Shape> Trie<S> {
    /// The path list of the longest route that covers an address (left-aligned bits).
    pub fn lookup(&self, address: u128) -> Option<PathListId> {
        path_list(self.find(address))
    }

    /// The longest route that covers an address: its length and its path list.
    pub fn longest(&self, address: u128) -> Option<(u8, PathListId)> {
        let leaf = self.find(address);
        path_list(leaf).map(|id| ((rank(leaf) - 1) as u8, id))
    }

    fn find(&self, address: u128) -> u32 {
        self.store.load().steady(|store| {
            let mut entry = CHILD | first_node::<S>(address);
            for level in 0..S::LEVELS {
                if entry & CHILD == 0 {
                    break;
                }
                let slot = slot::<S>(&address, level);
                entry = store.below(store.group(entry, slot), slot);
            }
            entry
        })
    }

    /// [`Trie::lookup`] of many addresses at once; `found` is overwritten.
    pub fn lookup_batch(&self, addresses: &[u128], found: &mut Vec<Option<PathListId>>) {
        found.clear();
        found.reserve(addresses.len());
        let store = self.store.load();
        let mut entries = [EMPTY; LANES];
        for lanes in addresses.chunks(LANES) {
            store.steady(|store| find_all::<S>(store, lanes, &mut entries));
            found.extend(entries[..lanes.len()].iter().map(|entry| path_list(*entry)));
        }
    }

    /// Bytes in use, without pages that were never touched.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl<S> fmt::Debug for Trie<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trie({} bytes)", self.bytes.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
