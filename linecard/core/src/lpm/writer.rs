//! The one writer of a trie, and the storage that it hands out.

use super::{
    CHILD, EMPTY, ROOT_BITS, Shape, Trie, TrieFull, leaf, rank,
    store::{GROUP, GROUPS, Group, Store},
};
use arc_swap::ArcSwap;
use fabric_proto::fib::PathListId;
use std::{
    marker::PhantomData,
    ops::Range,
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
}

/// A change of all slots that a prefix covers.
#[derive(Clone, Copy)]
struct Change {
    /// Left-aligned.
    bits: u128,
    len: u32,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// This leaf, where no longer route stands.
    Set(u32),
    /// The leaf `cover`, where the route of this rank stands.
    Clear { rank: u32, cover: u32 },
}

impl Change {
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
        let first = (self.bits >> (128 - start - bits)) as usize & ((1 << bits) - 1);
        first..first + (1 << (start + bits).saturating_sub(self.len))
    }
}

impl<S: Shape> Default for TrieWriter<S> {
    fn default() -> Self {
        let space = Space::default();
        let trie = Trie {
            store: ArcSwap::new(Arc::clone(&space.store)),
            bytes: AtomicUsize::new(space.bytes()),
            shape: PhantomData,
        };
        Self { trie: Arc::new(trie), space }
    }
}

impl<S: Shape> TrieWriter<S> {
    /// The trie, for readers.
    pub fn trie(&self) -> &Arc<Trie<S>> {
        &self.trie
    }

    /// Sets the route `bits/len`.
    pub fn set(&mut self, bits: u128, len: u8, id: PathListId) -> Result<(), TrieFull> {
        self.change(Change { bits, len: u32::from(len), what: What::Set(leaf(len, id)) })
    }

    /// Withdraws the route `bits/len`; `cover` is the longest route that covers it now, if any.
    pub fn clear(&mut self, bits: u128, len: u8, cover: Option<(u8, PathListId)>) -> Result<(), TrieFull> {
        let cover = cover.map_or(EMPTY, |(len, id)| leaf(len, id));
        self.change(Change { bits, len: u32::from(len), what: What::Clear { rank: rank(leaf(len, 0)), cover } })
    }

    fn change(&mut self, change: Change) -> Result<(), TrieFull> {
        let grown = self.space.reserve(S::LEVELS).ok_or(TrieFull { family: S::FAMILY })?;
        if grown {
            self.trie.store.store(Arc::clone(&self.space.store));
        }
        for index in change.slots(0, ROOT_BITS) {
            let old = self.space.store.root[index].load(Ordering::Relaxed);
            let new = self.entry(old, ROOT_BITS, &change);
            if new != old {
                self.space.store.root[index].store(new, Ordering::Release);
            }
        }
        // Only when it changes: readers use the same cache line.
        if self.trie.bytes() != self.space.bytes() {
            self.trie.bytes.store(self.space.bytes(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// What takes the place of an entry, whose child, if it has one, chooses by the bits from `start` on.
    fn entry(&mut self, old: u32, start: u32, change: &Change) -> u32 {
        let node = if old & CHILD != 0 {
            old & !CHILD
        } else if change.len <= start {
            return change.of(old);
        } else if let What::Clear { .. } = change.what {
            return old;
        } else {
            self.space.take_node(old)
        };
        self.node(node, start, change);
        match self.space.uniform(node) {
            // Not one that only looks the same in every slot: a longer route must be found by its own length.
            Some(leaf) if rank(leaf) <= start + 1 => {
                self.space.retire_node(node);
                leaf
            }
            Some(_) | None => CHILD | node,
        }
    }

    fn node(&mut self, node: u32, start: u32, change: &Change) {
        let slots = change.slots(start, 8);
        if slots.len() >= GROUP {
            for group in slots.start / GROUP..slots.end / GROUP {
                self.whole_group(node as usize * GROUPS + group, start + 8, change);
            }
        } else {
            let first = slots.start % GROUP;
            self.part_of_group(
                node as usize * GROUPS + slots.start / GROUP,
                first..first + slots.len(),
                start + 8,
                change,
            );
        }
    }

    /// Equal slots stay equal, so that the runs stay where they are.
    fn whole_group(&mut self, at: usize, start: u32, change: &Change) {
        let group = self.space.group(at);
        if group.starts() == 0 {
            let new = self.entry(group.value(), start, change);
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
            let new = self.entry(old, start, change);
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

    fn part_of_group(&mut self, at: usize, part: Range<usize>, start: u32, change: &Change) {
        let group = self.space.group(at);
        let mut slots = self.space.slots(group);
        let mut changed = false;
        for slot in &mut slots[part] {
            let new = self.entry(*slot, start, change);
            changed |= new != *slot;
            *slot = new;
        }
        if changed {
            self.space.put(at, group, &slots);
        }
    }
}

/// Sizes of runs of entries: one of each is at most a third too large.
const SIZES: [usize; 9] = [2, 3, 4, 6, 8, 12, 16, 24, GROUP];

/// What retired storage was.
#[derive(Clone, Copy, Debug)]
enum Retired {
    Node(u32),
    Entries { place: u32, class: u8 },
}

/// Storage that is retired at once is used again together: a generation lasts milliseconds, a batch of look-ups
/// microseconds. At most half a MiB waits.
const RETIRED_MAX: usize = 8192;

/// Storage at first: untouched pages cost nothing.
const NODES_MIN: usize = 1 << 10;
const ENTRIES_MIN: usize = 1 << 14;

/// Who uses what of a [`Store`].
struct Space {
    store: Arc<Store>,
    /// The store before this one, kept so that no reader is the one to free it.
    before: Option<Arc<Store>>,
    nodes: usize,
    entries: usize,
    free_nodes: Vec<u32>,
    free_entries: [Vec<u32>; SIZES.len()],
    retired: Vec<Retired>,
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Space({} nodes, {} entries, {} retired)", self.nodes, self.entries, self.retired.len())
    }
}

impl Default for Space {
    fn default() -> Self {
        // Without memory for an empty table there is no card: ending here is right.
        let store = Store::new(NODES_MIN, ENTRIES_MIN).expect("there is memory for an empty forwarding table");
        Self {
            store: Arc::new(store),
            before: None,
            nodes: 0,
            entries: 0,
            free_nodes: Vec::new(),
            free_entries: Default::default(),
            retired: Vec::new(),
        }
    }
}

fn class_of(count: usize) -> usize {
    SIZES.partition_point(|size| *size < count)
}

impl Space {
    fn bytes(&self) -> usize {
        4 * self.store.root.len() + 8 * GROUPS * self.nodes + 4 * self.entries
    }

    /// Makes sure of room for one change: a node a level, and each group on its way anew. Says whether the store
    /// is another one now; `None` when there is no memory, and nothing has happened.
    fn reserve(&mut self, levels: usize) -> Option<bool> {
        let (nodes, entries) = (levels, (levels + 1) * GROUP);
        if self.retired.len() >= RETIRED_MAX {
            self.reuse();
        }
        let nodes_short = self.nodes + nodes > self.store.groups.len() / GROUPS;
        let entries_short = self.entries + entries > self.store.entries.len();
        if !nodes_short && !entries_short {
            return Some(false);
        }
        let double = |now: usize, short| if short { now * 2 } else { now };
        let nodes = double(self.store.groups.len() / GROUPS, nodes_short);
        let entries = double(self.store.entries.len(), entries_short);
        if nodes > CHILD as usize || entries > u32::MAX as usize {
            return None;
        }
        let new = Store::new(nodes, entries)?;
        copy(&self.store.root, &new.root);
        for (old, new) in self.store.groups.iter().zip(&new.groups).take(self.nodes * GROUPS) {
            new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        copy(&self.store.entries[..self.entries], &new.entries);
        self.before = Some(std::mem::replace(&mut self.store, Arc::new(new)));
        // Nobody reads from the new store yet.
        self.reuse();
        Some(true)
    }

    /// Retired storage may be used again, under a new generation.
    fn reuse(&mut self) {
        // The only other holders are readers that began before the store was replaced.
        self.before.take_if(|before| Arc::strong_count(before) == 1);
        let next = self.store.generation.load(Ordering::Relaxed) + 1;
        self.store.generation.store(next, Ordering::Release);
        for retired in self.retired.drain(..) {
            match retired {
                Retired::Node(node) => self.free_nodes.push(node),
                Retired::Entries { place, class } => self.free_entries[usize::from(class)].push(place),
            }
        }
    }

    /// A node whose slots all hold `entry`, which nothing leads to yet.
    fn take_node(&mut self, entry: u32) -> u32 {
        let node = self.free_nodes.pop().unwrap_or_else(|| {
            self.nodes += 1;
            self.nodes as u32 - 1
        });
        for word in &self.store.groups[node as usize * GROUPS..][..GROUPS] {
            word.store(Group::uniform(entry).0, Ordering::Release);
        }
        node
    }

    fn retire_node(&mut self, node: u32) {
        self.retired.push(Retired::Node(node));
    }

    /// The leaf that all slots of a node hold, if that is so.
    fn uniform(&self, node: u32) -> Option<u32> {
        let first = self.group(node as usize * GROUPS);
        let all = (1..GROUPS).all(|group| self.group(node as usize * GROUPS + group) == first);
        (all && first.starts() == 0 && first.value() & CHILD == 0).then_some(first.value())
    }

    fn group(&self, at: usize) -> Group {
        Group(self.store.groups[at].load(Ordering::Relaxed))
    }

    /// The entries of a group's slots.
    fn slots(&self, group: Group) -> [u32; GROUP] {
        if group.starts() == 0 {
            return [group.value(); GROUP];
        }
        let mut slots = [EMPTY; GROUP];
        let mut place = group.value() as usize;
        let mut entry = EMPTY;
        for (slot, out) in slots.iter_mut().enumerate() {
            if group.starts() >> slot & 1 == 1 {
                entry = self.store.entries[place].load(Ordering::Relaxed);
                place += 1;
            }
            *out = entry;
        }
        slots
    }

    /// Gives a group other entries.
    fn put(&mut self, at: usize, old: Group, slots: &[u32; GROUP]) {
        let mut starts = 1u32;
        for slot in 1..GROUP {
            starts |= u32::from(slots[slot] != slots[slot - 1]) << slot;
        }
        let count = starts.count_ones() as usize;
        let kept = old.starts() == starts;
        let new = if count == 1 {
            Group::uniform(slots[0])
        } else if kept {
            old
        } else {
            Group::runs(starts, self.take_entries(count))
        };
        if count > 1 {
            let mut rest = starts;
            for place in new.value() as usize.. {
                if rest == 0 {
                    break;
                }
                let slot = rest.trailing_zeros() as usize;
                self.store.entries[place].store(slots[slot], Ordering::Release);
                rest &= rest - 1;
            }
        }
        if new != old {
            self.store.groups[at].store(new.0, Ordering::Release);
            if old.starts() != 0 {
                self.retire_entries(old.value(), old.starts().count_ones() as usize);
            }
        }
    }

    fn take_entries(&mut self, count: usize) -> u32 {
        let class = class_of(count);
        self.free_entries[class].pop().unwrap_or_else(|| {
            let place = self.entries;
            self.entries += SIZES[class];
            place as u32
        })
    }

    fn retire_entries(&mut self, place: u32, count: usize) {
        self.retired.push(Retired::Entries { place, class: class_of(count) as u8 });
    }
}

fn copy(from: &[std::sync::atomic::AtomicU32], to: &[std::sync::atomic::AtomicU32]) {
    for (old, new) in from.iter().zip(to) {
        new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
