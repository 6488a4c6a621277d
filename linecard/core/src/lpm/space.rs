//! The storage of a trie, and who uses what of it.

use super::{
    CHILD, Shape,
    store::{GROUP, GROUPS, Group, Store},
};
use std::sync::{Arc, atomic::Ordering};

/// Sizes of runs of entries: one of each is at most a third too large.
const SIZES: [usize; 9] = [2, 3, 4, 6, 8, 12, 16, 24, GROUP];

/// What retired storage was.
#[derive(Clone, Copy, Debug)]
enum Retired {
    Node(u32),
    Entries { place: u32, class: u8 },
}

/// Who uses what of a [`Store`].
pub(super) struct Space {
    pub(super) store: Arc<Store>,
    /// The store before this one, kept so that no reader is the one to free it.
    before: Option<Arc<Store>>,
    nodes: usize,
    entries: usize,
    free_nodes: Vec<u32>,
    free_entries: [Vec<u32>; SIZES.len()],
    retired: Vec<Retired>,
    retired_max: usize,
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Space({} nodes, {} entries, {} retired)", self.nodes, self.entries, self.retired.len())
    }
}

/// The smallest of [`SIZES`] that holds so many entries, by number.
const CLASSES: [u8; GROUP + 1] = {
    let mut classes = [0; GROUP + 1];
    let mut count = 0;
    while count <= GROUP {
        while SIZES[classes[count] as usize] < count {
            classes[count] += 1;
        }
        count += 1;
    }
    classes
};

fn class_of(count: usize) -> usize {
    usize::from(CLASSES[count])
}

impl Space {
    pub(super) fn new<S: Shape>() -> Self {
        let [nodes, entries] = S::ROOM;
        // Without memory for an empty table there is no card: ending here is right.
        let store = Store::new(nodes, entries).expect("there is memory for an empty forwarding table");
        Self {
            store: Arc::new(store),
            before: None,
            nodes: 1 << S::FIRST_BITS,
            entries: 0,
            free_nodes: Vec::new(),
            free_entries: Default::default(),
            retired: Vec::new(),
            retired_max: S::RETIRED_MAX,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        8 * GROUPS * self.nodes + 4 * self.entries
    }

    /// Makes sure of room for one change: a node a level, and each group on its way anew. Says whether the store
    /// is another one now; `None` when there is no memory, and nothing has happened.
    pub(super) fn reserve(&mut self, levels: usize) -> Option<bool> {
        let (nodes, entries) = (levels, (levels + 1) * GROUP);
        if self.retired.len() >= self.retired_max {
            self.reuse();
        }
        let (nodes, entries) = (self.nodes + nodes, self.entries + entries);
        let (room, entries_room) = (self.store.groups.len() / GROUPS, self.store.entries.len());
        if nodes <= room && entries <= entries_room {
            return Some(false);
        }
        let grown = |needed: usize, room: usize| if needed > room { needed.max(room * 2) } else { room };
        let (nodes, entries) = (grown(nodes, room), grown(entries, entries_room));
        if nodes > CHILD as usize || entries > u32::MAX as usize {
            return None;
        }
        let new = Store::new(nodes, entries)?;
        for (old, new) in self.store.groups.iter().zip(&new.groups).take(self.nodes * GROUPS) {
            let old = old.load(Ordering::Relaxed);
            // A page that is not written is not there.
            if old != 0 {
                new.store(old, Ordering::Relaxed);
            }
        }
        for (old, new) in self.store.entries.iter().zip(&new.entries).take(self.entries) {
            new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
        }
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
    pub(super) fn take_node(&mut self, entry: u32) -> u32 {
        let node = self.free_nodes.pop().unwrap_or_else(|| {
            self.nodes += 1;
            self.nodes as u32 - 1
        });
        for word in &self.store.groups[node as usize * GROUPS..][..GROUPS] {
            word.store(Group::uniform(entry).0, Ordering::Release);
        }
        node
    }

    pub(super) fn retire_node(&mut self, node: u32) {
        self.retired.push(Retired::Node(node));
    }

    /// The leaf that all slots of a node hold, if that is so.
    pub(super) fn uniform(&self, node: u32) -> Option<u32> {
        let first = self.group(node as usize * GROUPS);
        let all = (1..GROUPS).all(|group| self.group(node as usize * GROUPS + group) == first);
        (all && first.starts() == 0 && first.value() & CHILD == 0).then_some(first.value())
    }

    pub(super) fn group(&self, at: usize) -> Group {
        Group(self.store.groups[at].load(Ordering::Relaxed))
    }

    /// What one slot of a group holds.
    pub(super) fn slot(&self, group: Group, slot: usize) -> u32 {
        if group.starts() == 0 {
            return group.value();
        }
        let runs = (group.starts() << (GROUP - 1 - slot)).count_ones();
        self.store.entries[(group.value() + runs - 1) as usize].load(Ordering::Relaxed)
    }

    /// The entries of a group's slots.
    pub(super) fn slots(&self, group: Group) -> [u32; GROUP] {
        if group.starts() == 0 {
            return [group.value(); GROUP];
        }
        let base = group.value() as usize;
        let runs = &self.store.entries[base..base + group.starts().count_ones() as usize];
        // Slot by slot without a branch: nobody can foretell where runs begin.
        let mut place = 0;
        std::array::from_fn(|slot| {
            place += (group.starts() >> slot & 1) as usize;
            runs[place - 1].load(Ordering::Relaxed)
        })
    }

    /// Gives a group other entries.
    pub(super) fn put(&mut self, at: usize, old: Group, slots: &[u32; GROUP]) {
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

    pub(super) fn retire_entries(&mut self, place: u32, count: usize) {
        self.retired.push(Retired::Entries { place, class: class_of(count) as u8 });
    }
}
