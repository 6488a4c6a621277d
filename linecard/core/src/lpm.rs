//! Longest prefix match: a multibit trie whose slots already hold the longest match (leaf pushing).
//!
//! A slot is one word: nothing, a route (prefix length and path list), or the number of a child
//! node. Lookups read one slot a level and never lock; one writer changes slots in place. A reader
//! that races with the writer finds, for every address, either the route before the change or the
//! one after it: a new child is filled before its number is stored, nodes never move, and a node is
//! never used again for another prefix. So memory grows with the distinct long prefixes that a
//! table has ever held, and goes back when the table is replaced.

use bytemuck::allocation::try_zeroed_slice_box;
use fabric_proto::fib::{Family, PATH_LISTS_MAX, PathListId};
use std::{
    fmt,
    marker::PhantomData,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// How many address bits each level of a trie consumes.
pub trait Shape {
    /// The family whose addresses it holds.
    const FAMILY: Family;
    /// Bits a level, the root first; they add up to the family's width.
    const STRIDES: &'static [u8];
}

/// DIR-24-8: nearly every IPv4 route is a /24 or shorter, so nearly every lookup is one memory access.
#[derive(Debug)]
pub enum V4 {}

impl Shape for V4 {
    const FAMILY: Family = Family::V4;
    const STRIDES: &'static [u8] = &[24, 8];
}

/// The global table lives in a few dozen /16s and ends at /48: two wide levels reach the /32s that
/// registries hand out, three narrow ones keep the many sparse nodes below them small.
#[derive(Debug)]
pub enum V6 {}

impl Shape for V6 {
    const FAMILY: Family = Family::V6;
    const STRIDES: &'static [u8] = &[16, 16, 6, 6, 4, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8];
}

/// A trie of one family.
pub struct Trie<S> {
    root: Box<[AtomicU32]>,
    levels: Box<[Level]>,
    shape: PhantomData<S>,
}

/// No node can be added: memory, or the node numbers of a level, ran out. The table is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {family} forwarding table has no room for another node at level {level}; aggregate routes or reset the card"
)]
pub struct TrieFull {
    /// The table.
    pub family: Family,
    /// Level without room, the root being 0.
    pub level: usize,
}

/// Addresses looked up side by side, so that their memory accesses overlap: more than a core has
/// outstanding cache misses (10 to 16) gains nothing.
const LANES: usize = 16;

/// Slots of a chunk: 1 MiB, which the system hands out page by page.
const CHUNK_BITS: u32 = 18;

/// Most nodes of one level, as a power of two: four million, of up to 1 KiB each. Memory ends first.
const NODES_BITS_MAX: u32 = 22;

/// A slot that holds the number of a child; otherwise `length + 1` (8 bits) and the path list (23 bits).
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

/// A prefix on its way down: left-aligned bits and length.
#[derive(Clone, Copy)]
struct Span {
    bits: u128,
    len: u8,
}

/// The nodes of one level below the root, in chunks that never move.
struct Level {
    /// Address bits that levels above consume.
    start: u32,
    stride: u32,
    chunks: Box<[OnceLock<Box<[AtomicU32]>>]>,
    used: AtomicU32,
}

impl Level {
    fn new(start: u32, stride: u32) -> Self {
        let slots = start.min(NODES_BITS_MAX) + stride;
        let chunks = 1usize << slots.saturating_sub(CHUNK_BITS);
        Self { start, stride, chunks: (0..chunks).map(|_| OnceLock::new()).collect(), used: AtomicU32::new(0) }
    }

    fn slot(&self, node: u32, index: usize) -> Option<&AtomicU32> {
        let at = (node as usize) << self.stride | index;
        self.chunks.get(at >> CHUNK_BITS)?.get()?.get(at & ((1 << CHUNK_BITS) - 1))
    }

    /// A node whose slots all hold `value`, not yet reachable. `None` when there is no room.
    fn grow(&self, value: u32) -> Option<u32> {
        let node = self.used.load(Ordering::Relaxed);
        let chunk = self.chunks.get((node as usize) << self.stride >> CHUNK_BITS)?;
        if chunk.get().is_none() {
            // The one writer: nobody else can have set it in between.
            let _ = chunk.set(try_zeroed_slice_box(1 << CHUNK_BITS).ok()?);
        }
        if value != EMPTY {
            for index in 0..1 << self.stride {
                self.slot(node, index)?.store(value, Ordering::Relaxed);
            }
        }
        self.used.store(node + 1, Ordering::Relaxed);
        Some(node)
    }
}

impl<S: Shape> Default for Trie<S> {
    fn default() -> Self {
        let mut start = 0;
        let mut levels = Vec::with_capacity(S::STRIDES.len());
        for stride in S::STRIDES.iter().map(|stride| u32::from(*stride)) {
            if start > 0 {
                levels.push(Level::new(start, stride));
            }
            start += stride;
        }
        // Without memory for an empty table there is no card: the allocator's error is right.
        let root = bytemuck::allocation::zeroed_slice_box(1 << S::STRIDES[0]);
        Self { root, levels: levels.into(), shape: PhantomData }
    }
}

impl<S: Shape> Trie<S> {
    const ROOT_SHIFT: u32 = 128 - S::STRIDES[0] as u32;

    /// The path list of the longest route that covers an address (left-aligned bits).
    pub fn lookup(&self, address: u128) -> Option<PathListId> {
        let mut entry = self.root[(address >> Self::ROOT_SHIFT) as usize].load(Ordering::Acquire);
        for level in &self.levels {
            if entry & CHILD == 0 {
                break;
            }
            entry = self.below(level, entry, address);
        }
        path_list(entry)
    }

    /// [`Trie::lookup`] of many addresses at once; `found` is overwritten.
    pub fn lookup_batch(&self, addresses: &[u128], found: &mut Vec<Option<PathListId>>) {
        found.clear();
        found.reserve(addresses.len());
        for lane in addresses.chunks(LANES) {
            let mut entries = [EMPTY; LANES];
            let mut children = 0;
            for (entry, address) in entries.iter_mut().zip(lane) {
                *entry = self.root[(address >> Self::ROOT_SHIFT) as usize].load(Ordering::Acquire);
                children |= *entry;
            }
            for level in &self.levels {
                if children & CHILD == 0 {
                    break;
                }
                children = 0;
                for (entry, address) in entries.iter_mut().zip(lane) {
                    // Whether a lane has come to its end is not predictable: all lanes load, and
                    // those that had ended keep what they had. A wrong guess would cost more than a load.
                    let child = *entry & CHILD != 0;
                    let below = self.below(level, if child { *entry } else { CHILD }, *address);
                    *entry = if child { below } else { *entry };
                    children |= *entry;
                }
            }
            found.extend(entries[..lane.len()].iter().map(|entry| path_list(*entry)));
        }
    }

    #[inline]
    fn below(&self, level: &Level, entry: u32, address: u128) -> u32 {
        let index = (address >> (128 - level.start - level.stride)) as usize & ((1 << level.stride) - 1);
        level.slot(entry & !CHILD, index).map_or(EMPTY, |slot| slot.load(Ordering::Acquire))
    }

    /// Sets the route `bits/len`. Only the one writer may call this.
    pub(crate) fn set(&self, bits: u128, len: u8, id: PathListId) -> Result<(), TrieFull> {
        let new = leaf(len, id);
        self.change(Span { bits, len }, true, &mut |old| if rank(old) <= rank(new) { new } else { old })
    }

    /// Withdraws the route `bits/len`; `cover` is the longest route that covers it now, if any.
    /// Only the one writer may call this.
    pub(crate) fn clear(&self, bits: u128, len: u8, cover: Option<(u8, PathListId)>) -> Result<(), TrieFull> {
        let gone = rank(leaf(len, 0));
        let new = cover.map_or(EMPTY, |(len, id)| leaf(len, id));
        self.change(Span { bits, len }, false, &mut |old| if rank(old) == gone { new } else { old })
    }

    fn change(&self, span: Span, grow: bool, change: &mut impl FnMut(u32) -> u32) -> Result<(), TrieFull> {
        let stride = u32::from(S::STRIDES[0]);
        for index in slots(span, 0, stride) {
            self.visit(&self.root[index], 0, span, grow, change)?;
        }
        Ok(())
    }

    /// Changes one slot of `depth`, or what hangs below it.
    fn visit(
        &self,
        slot: &AtomicU32,
        depth: usize,
        span: Span,
        grow: bool,
        change: &mut impl FnMut(u32) -> u32,
    ) -> Result<(), TrieFull> {
        let mut entry = slot.load(Ordering::Relaxed);
        let level = self.levels.get(depth);
        if entry & CHILD == 0 {
            let Some(level) = level.filter(|level| u32::from(span.len) > level.start) else {
                let new = change(entry);
                if new != entry {
                    slot.store(new, Ordering::Release);
                }
                return Ok(());
            };
            if !grow {
                return Ok(());
            }
            let child = level.grow(entry).ok_or(TrieFull { family: S::FAMILY, level: depth + 1 })?;
            entry = CHILD | child;
            slot.store(entry, Ordering::Release);
        }
        let Some(level) = level else { return Ok(()) };
        for index in slots(span, level.start, level.stride) {
            let Some(below) = level.slot(entry & !CHILD, index) else { break };
            self.visit(below, depth + 1, span, grow, change)?;
        }
        Ok(())
    }

    /// Bytes of nodes in use; pages never touched are not counted, those of the root are.
    pub fn bytes(&self) -> usize {
        let below = |level: &Level| (level.used.load(Ordering::Relaxed) as usize) << level.stride;
        4 * (self.root.len() + self.levels.iter().map(below).sum::<usize>())
    }
}

/// The slots of a node, `stride` bits from bit `start`, that a prefix covers or leads through.
fn slots(span: Span, start: u32, stride: u32) -> std::ops::Range<usize> {
    let len = u32::from(span.len);
    if len <= start {
        return 0..1 << stride;
    }
    let first = (span.bits >> (128 - start - stride)) as usize & ((1 << stride) - 1);
    first..first + (1 << (start + stride).saturating_sub(len))
}

impl<S: Shape> fmt::Debug for Trie<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trie({}, {} bytes)", S::FAMILY, self.bytes())
    }
}

#[cfg(test)]
mod tests;
