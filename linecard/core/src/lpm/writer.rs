//! The one writer of a trie.

use super::{
    CHILD, EMPTY, Shape, Trie, TrieFull, leaf, rank,
    space::Space,
    store::{GROUP, GROUPS, Group},
};
use arc_swap::ArcSwap;
use fabric_proto::fib::PathListId;
use std::{
    marker::PhantomData,
    ops::Range,
    slice,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The single writer of a [`Trie`].
#[derive(Debug)]
pub struct TrieWriter<S> {
    trie: Arc<Trie<S>>,
    space: Space,
    /// Changes of one group, kept for their storage.
    changes: Vec<Change>,
}

/// A change of all slots that a prefix covers.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Left-aligned.
    bits: u128,
    len: u32,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// This leaf, where no longer route stands.
    Set(u32),
    /// The leaf `cover`, where the route of this rank stands.
    Clear { rank: u32, cover: u32 },
}

impl Change {
    fn to(bits: u128, len: u8, id: PathListId) -> Self {
        Self { bits, len: u32::from(len), what: What::Set(leaf(len, id)) }
    }

    fn of(&self, old: u32) -> u32 {
        match self.what {
            What::Set(new) if rank(old) <= rank(new) => new,
            What::Clear { rank: gone, cover } if rank(old) == gone => cover,
            What::Set(_) | What::Clear { .. } => old,
        }
    }

    /// The slots, of those that `bits` bits from bit `start` on choose, that the prefix covers or leads through.
    fn slots(&self, start: u32, bits: u32) -> Range<usize> {
        if self.len <= start {
            return 0..1 << bits;
        }
        let first = self.bits.checked_shr(128 - start - bits).unwrap_or(0) as usize & ((1 << bits) - 1);
        first..first + (1 << (start + bits).saturating_sub(self.len))
    }

    /// The slots of a group whose node chooses by the eight bits before `end`.
    fn part(&self, end: u32) -> Range<usize> {
        let slots = self.slots(end - 8, 8);
        slots.start % GROUP..slots.start % GROUP + slots.len()
    }
}

impl<S: Shape> Default for TrieWriter<S> {
    fn default() -> Self {
        let space = Space::new::<S>();
        let trie = Trie {
            store: ArcSwap::new(Arc::clone(&space.store)),
            bytes: AtomicUsize::new(space.bytes()),
            shape: PhantomData,
        };
        Self { trie: Arc::new(trie), space, changes: Vec::new() }
    }
}

impl<S: Shape> TrieWriter<S> {
    /// The trie, for readers.
    pub fn trie(&self) -> &Arc<Trie<S>> {
        &self.trie
    }

    /// Sets the route `bits/len`.
    pub fn set(&mut self, bits: u128, len: u8, id: PathListId) -> Result<(), TrieFull> {
        self.change(&[Change::to(bits, len, id)])
    }

    /// Sets routes that are near each other ([`near`](super::near)), the later of two equal ones last: their group
    /// is written once.
    pub fn set_near(&mut self, routes: impl IntoIterator<Item = (u128, u8, PathListId)>) -> Result<(), TrieFull> {
        let mut changes = std::mem::take(&mut self.changes);
        changes.clear();
        changes.extend(routes.into_iter().map(|(bits, len, id)| Change::to(bits, len, id)));
        let done = self.change(&changes);
        self.changes = changes;
        done
    }

    /// Withdraws the route `bits/len`; `cover` is the longest route that covers it now, if any.
    pub fn clear(&mut self, bits: u128, len: u8, cover: Option<(u8, PathListId)>) -> Result<(), TrieFull> {
        let cover = cover.map_or(EMPTY, |(len, id)| leaf(len, id));
        self.change(&[Change { bits, len: u32::from(len), what: What::Clear { rank: rank(leaf(len, 0)), cover } }])
    }

    /// One change, or several that set routes near each other.
    fn change(&mut self, changes: &[Change]) -> Result<(), TrieFull> {
        let Some(first) = changes.first() else { return Ok(()) };
        let grown = self.space.reserve(S::LEVELS).ok_or(TrieFull { family: S::FAMILY })?;
        if grown {
            self.trie.store.store(Arc::clone(&self.space.store));
        }
        for node in first.slots(0, S::FIRST_BITS) {
            self.node(node as u32, S::FIRST_BITS, changes);
        }
        // Only when it changes: readers use the same cache line.
        if self.trie.bytes() != self.space.bytes() {
            self.trie.bytes.store(self.space.bytes(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// What takes the place of an entry, whose child, if it has one, chooses by the bits from `start` on.
    fn entry(&mut self, old: u32, start: u32, changes: &[Change]) -> u32 {
        let node = if old & CHILD != 0 {
            old & !CHILD
        } else if changes[0].len <= start {
            return changes[0].of(old);
        } else if let What::Clear { .. } = changes[0].what {
            return old;
        } else {
            self.space.take_node(old)
        };
        self.node(node, start, changes);
        match self.space.uniform(node) {
            // Not one that only looks the same in every slot: a longer route must be found by its own length.
            Some(leaf) if rank(leaf) <= start + 1 => {
                self.space.retire_node(node);
                leaf
            }
            Some(_) | None => CHILD | node,
        }
    }

    fn node(&mut self, node: u32, start: u32, changes: &[Change]) {
        let first = node as usize * GROUPS;
        let slots = changes[0].slots(start, 8);
        if slots.len() >= GROUP {
            // Such a change is near no other.
            for group in slots.start / GROUP..slots.end / GROUP {
                self.whole_group(first + group, start + 8, changes);
            }
        } else {
            self.part_of_group(first + slots.start / GROUP, start + 8, changes);
        }
    }

    /// Equal slots stay equal, so that the runs stay where they are.
    fn whole_group(&mut self, at: usize, start: u32, changes: &[Change]) {
        let group = self.space.group(at);
        if group.starts() == 0 {
            let new = self.entry(group.value(), start, changes);
            if new != group.value() {
                self.space.store.groups[at].store(Group::uniform(new).0, Ordering::Release);
            }
            return;
        }
        let count = group.starts().count_ones() as usize;
        let mut first = EMPTY;
        let mut uniform = true;
        for run in 0..count {
            let place = group.value() as usize + run;
            let old = self.space.store.entries[place].load(Ordering::Relaxed);
            let new = self.entry(old, start, changes);
            if new != old {
                self.space.store.entries[place].store(new, Ordering::Release);
            }
            if run == 0 {
                first = new;
            }
            uniform &= new == first;
        }
        if uniform {
            self.space.store.groups[at].store(Group::uniform(first).0, Ordering::Release);
            self.space.retire_entries(group.value(), count);
        }
    }

    fn part_of_group(&mut self, at: usize, start: u32, changes: &[Change]) {
        let group = self.space.group(at);
        let part = changes[0].part(start);
        // On the way down one slot leads to all changes; at its end a single one is mostly of one slot.
        if changes[0].len > start || (changes.len() == 1 && part.len() == 1) {
            let old = self.space.slot(group, part.start);
            let new = self.entry(old, start, changes);
            if new != old {
                let mut slots = self.space.slots(group);
                slots[part.start] = new;
                self.space.put(at, group, &slots);
            }
            return;
        }
        let mut slots = self.space.slots(group);
        let mut changed = false;
        for change in changes {
            for slot in &mut slots[change.part(start)] {
                let new = self.entry(*slot, start, slice::from_ref(change));
                changed |= new != *slot;
                *slot = new;
            }
        }
        if changed {
            self.space.put(at, group, &slots);
        }
    }
}
