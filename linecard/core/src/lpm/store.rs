//! The words and entries of one trie.

use super::{CHILD, EMPTY};
use bytemuck::allocation::try_zeroed_slice_box;
use std::{
    hint::select_unpredictable,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Slots of a group.
pub(super) const GROUP: usize = 32;
/// Groups of a node: 64 bytes of words.
pub(super) const GROUPS: usize = 8;

/// All that a look-up reads. The writer changes it in place; see the module's documentation for how.
pub(super) struct Store {
    /// [`Group`]s, [`GROUPS`] a node; the nodes that are numbered by an address's first bits come first.
    pub(super) groups: Box<[AtomicU64]>,
    /// Entries of groups with more than one run.
    pub(super) entries: Box<[AtomicU32]>,
    /// Moves on before retired storage is used again.
    pub(super) generation: AtomicU64,
}

/// The word of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Group(pub(super) u64);

impl Group {
    /// All slots hold one entry.
    pub(super) fn uniform(entry: u32) -> Self {
        Self(u64::from(entry) << 32)
    }

    /// Runs that begin where `starts` has a bit, the first of them at slot 0; their entries follow each other
    /// from place `base` on.
    pub(super) fn runs(starts: u32, base: u32) -> Self {
        debug_assert!(starts & 1 == 1);
        Self(u64::from(base) << 32 | u64::from(starts))
    }

    /// Where runs begin; none in a uniform group.
    pub(super) fn starts(self) -> u32 {
        self.0 as u32
    }

    /// The entry of a uniform group; else the place of the first run's.
    pub(super) fn value(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl Store {
    /// Zeroed storage, which the system hands out page by page; `None` without memory.
    pub(super) fn new(nodes: usize, entries: usize) -> Option<Self> {
        Some(Self {
            groups: try_zeroed_slice_box(nodes * GROUPS).ok()?,
            entries: try_zeroed_slice_box(entries).ok()?,
            generation: AtomicU64::new(0),
        })
    }

    /// What `read` finds while no storage is used for another purpose under its hands.
    #[inline(always)]
    pub(super) fn steady<T>(&self, mut read: impl FnMut(View<'_>) -> T) -> T {
        loop {
            let before = self.generation.load(Ordering::Acquire);
            let found = read(View { groups: &self.groups, entries: &self.entries });
            // Entries and words are loaded with `Acquire` and stored with `Release`, so that whoever has read
            // anything of a later generation finds that generation here.
            if self.generation.load(Ordering::Relaxed) == before {
                return found;
            }
        }
    }
}

/// A store's words and entries in the hands of one look-up, so that where they are stays in registers.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    groups: &'a [AtomicU64],
    entries: &'a [AtomicU32],
}

impl View<'_> {
    /// The word for a node's slot. A number from storage that is being used again may lead anywhere.
    #[inline(always)]
    pub(super) fn group(self, node: u32, slot: u8) -> Group {
        let at = (node & !CHILD) as usize * GROUPS + usize::from(slot) / GROUP;
        Group(self.groups.get(at).map_or(0, |word| word.load(Ordering::Acquire)))
    }

    /// What a slot of a group holds.
    #[inline(always)]
    pub(super) fn below(self, group: Group, slot: u8) -> u32 {
        // Runs that begin at the slot or before: its bit is moved to the highest place.
        let runs = group.starts().wrapping_shl(!u32::from(slot)).count_ones();
        // Nobody can foretell which groups are uniform: one of them reads some entry and does not use it.
        let uniform = group.starts() == 0;
        let place = select_unpredictable(uniform, 0, group.value().wrapping_add(runs).wrapping_sub(1));
        let entry = self.entries.get(place as usize).map_or(EMPTY, |entry| entry.load(Ordering::Acquire));
        select_unpredictable(uniform, group.value(), entry)
    }
}
