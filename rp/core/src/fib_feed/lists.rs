//! Numbers of path lists: who owns them.

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
    states: Vec<ListState>,
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
        let free = |(id, state): (usize, &ListState)| (*state == ListState::Free).then_some(id as PathListId);
        self.free = self.states.iter().enumerate().filter_map(free).collect();
    }

    /// Gives out a number, for a new list.
    pub(super) fn allocate(&mut self) -> Result<(PathListId, Birth), ListsFull> {
        let id = match self.free.pop_first() {
            Some(id) => id,
            None if self.states.len() < PATH_LISTS_MAX => self.states.len() as PathListId,
            None => return Err(ListsFull),
        };
        let birth = match sabotage::is(Sabotage::ReuseNumbers) {
            false => self.next,
            true => Birth { epoch: Epoch::NONE, index: u64::from(id) },
        };
        self.next.index += 1;
        self.set_state(id, ListState::Owned);
        Ok((id, birth))
    }

    pub(super) fn state(&self, id: PathListId) -> ListState {
        self.states.get(id as usize).copied().unwrap_or_default()
    }

    pub(super) fn set_state(&mut self, id: PathListId, state: ListState) {
        let at = id as usize;
        if at >= self.states.len() {
            self.states.resize(at + 1, ListState::Free);
        }
        self.states[at] = state;
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
        for (id, state) in self.states.iter_mut().enumerate() {
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
