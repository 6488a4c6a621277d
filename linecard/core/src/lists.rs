//! Which path list a number means.
//!
//! The active gives numbers out again, and a card may hold routes that are older than its active's term or session.
//! So a number means something only after the active has named its list since it adopted the card, and a list is
//! known by its [`Birth`]. Lists have an index of the card's own, which stays theirs while a route uses it.

use fabric_proto::fib::{Birth, PATH_LISTS_MAX, PathListId};
use std::collections::BTreeMap;

/// A card's path lists: by the active's number, by birth, and by the card's own index.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Index by number.
    named: Vec<Option<PathListId>>,
    births: BTreeMap<Birth, PathListId>,
    /// By index; `None` is free.
    lists: Vec<Option<List>>,
    free: Vec<PathListId>,
    reused: u64,
}

/// A path list that the card holds.
#[derive(Clone, Copy, Debug)]
struct List {
    birth: Birth,
    /// The active's number for it, if it has one.
    number: Option<PathListId>,
}

impl Lists {
    /// The index that a number means.
    pub(crate) fn index(&self, number: PathListId) -> Option<PathListId> {
        *self.named.get(number as usize)?
    }

    /// Whether the active has a number for the list. What it has none for stays while a route uses it.
    pub(crate) fn is_named(&self, index: PathListId) -> bool {
        matches!(self.lists.get(index as usize), Some(Some(List { number: Some(_), .. })))
    }

    /// From here on, a number means the list of this birth. Its index; `None` when there is room for no more.
    pub(crate) fn name(&mut self, number: PathListId, birth: Birth) -> Option<PathListId> {
        let index = match self.births.get(&birth) {
            Some(index) => *index,
            None => self.insert(birth)?,
        };
        if let Some(Some(List { number: Some(other), .. })) = self.lists.get(index as usize).copied() {
            self.unname(other);
        }
        self.unname(number);
        if self.named.len() <= number as usize {
            self.named.resize(number as usize + 1, None);
        }
        self.named[number as usize] = Some(index);
        self.lists[index as usize] = Some(List { birth, number: Some(number) });
        Some(index)
    }

    /// A number means nothing any more. The list that it meant, which goes if no route uses it.
    pub(crate) fn unname(&mut self, number: PathListId) -> Option<PathListId> {
        let index = self.named.get_mut(number as usize)?.take()?;
        if let Some(Some(list)) = self.lists.get_mut(index as usize) {
            list.number = None;
        }
        Some(index)
    }

    /// No number means anything any more.
    pub(crate) fn unname_all(&mut self) {
        self.named.clear();
        self.lists.iter_mut().flatten().for_each(|list| list.number = None);
    }

    /// All lists, as they are now.
    pub(crate) fn all(&self) -> std::vec::IntoIter<PathListId> {
        self.births.values().copied().collect::<Vec<_>>().into_iter()
    }

    /// How often an index was given to another list.
    pub(crate) fn reused(&self) -> u64 {
        self.reused
    }

    /// Forgets a list that has no number, and that no route uses.
    pub(crate) fn remove(&mut self, index: PathListId) {
        if let Some(list) = self.lists.get_mut(index as usize).and_then(Option::take) {
            self.births.remove(&list.birth);
            self.free.push(index);
        }
    }

    fn insert(&mut self, birth: Birth) -> Option<PathListId> {
        let index = match self.free.pop() {
            Some(index) => {
                self.reused += 1;
                index
            }
            None if self.lists.len() < PATH_LISTS_MAX => {
                self.lists.push(None);
                self.lists.len() as PathListId - 1
            }
            None => return None,
        };
        self.lists[index as usize] = Some(List { birth, number: None });
        self.births.insert(birth, index);
        Some(index)
    }
}
