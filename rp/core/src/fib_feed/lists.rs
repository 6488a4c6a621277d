//! Numbers of path lists: what each stands for, and who owns it.

use super::master::ListsFull;
use fabric_proto::{
    fib::{Birth, PATH_LISTS_MAX, PathListId},
    id::Epoch,
    sabotage::{self, Sabotage},
};
use std::collections::BTreeSet;

/// What a number stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ListState {
    /// Nothing: it may be given out.
    #[default]
    Free,
    /// Forgotten in the batch that is being gathered. A batch sets path lists before it forgets any,
    /// so the number must not be given out before the batch is closed.
    Leaving,
    /// The RIB holds it.
    Owned,
    /// Nobody holds it any more; it goes with its last route, unless somebody wants the same paths.
    Orphan,
}

/// All numbers in use, and those free. A number that is given out again stands for a list of another [`Birth`].
#[derive(Debug, Default)]
pub(super) struct Lists {
    known: Vec<(ListState, Birth)>,
    free: BTreeSet<PathListId>,
    leaving: Vec<PathListId>,
    /// Of the list that is made next.
    next: Birth,
}

impl Lists {
    /// Begins a term: lists are born in it from here on.
    pub(super) fn begin_term(&mut self, epoch: Epoch) {
        self.next = Birth { epoch, index: 0 };
        self.close_batch();
        let free = |(id, (state, _)): (usize, &(ListState, _))| (*state == ListState::Free).then_some(id as PathListId);
        self.free = self.known.iter().enumerate().filter_map(free).collect();
    }

    /// Gives out a number, for a new list.
    pub(super) fn allocate(&mut self) -> Result<(PathListId, Birth), ListsFull> {
        let id = match self.free.pop_first() {
            Some(id) => id,
            None if self.known.len() < PATH_LISTS_MAX => self.known.len() as PathListId,
            None => return Err(ListsFull),
        };
        let birth = match sabotage::is(Sabotage::ReuseNumbers) {
            false => self.next,
            true => Birth { epoch: Epoch::NONE, index: u64::from(id) },
        };
        self.next.index += 1;
        self.own(id, birth);
        Ok((id, birth))
    }

    pub(super) fn state(&self, id: PathListId) -> ListState {
        self.known.get(id as usize).map_or(ListState::Free, |(state, _)| *state)
    }

    /// Which list a number stands for, or stood for last.
    pub(super) fn birth(&self, id: PathListId) -> Birth {
        self.known.get(id as usize).map_or(Birth::default(), |(_, birth)| *birth)
    }

    /// The number stands for the list of this birth, which the RIB holds.
    pub(super) fn own(&mut self, id: PathListId, birth: Birth) {
        let at = id as usize;
        if at >= self.known.len() {
            self.known.resize(at + 1, Default::default());
        }
        self.known[at] = (ListState::Owned, birth);
    }

    /// Changes the state of a number that was given out.
    pub(super) fn set_state(&mut self, id: PathListId, state: ListState) {
        if let Some(known) = self.known.get_mut(id as usize) {
            known.0 = state;
        }
    }

    /// The number leaves with the batch that is being gathered.
    pub(super) fn leave(&mut self, id: PathListId) {
        self.set_state(id, ListState::Leaving);
        self.leaving.push(id);
    }

    /// The batch is closed: the numbers that left with it may be given out again.
    pub(super) fn close_batch(&mut self) {
        for id in std::mem::take(&mut self.leaving) {
            self.set_state(id, ListState::Free);
            self.free.insert(id);
        }
    }

    /// Turns every list into an orphan and returns their numbers.
    pub(super) fn orphan_all(&mut self) -> Vec<PathListId> {
        let mut orphans = Vec::new();
        for (id, (state, _)) in self.known.iter_mut().enumerate() {
            match *state {
                ListState::Owned | ListState::Orphan => {
                    *state = ListState::Orphan;
                    orphans.push(id as PathListId);
                }
                ListState::Free | ListState::Leaving => {}
            }
        }
        orphans
    }
}
