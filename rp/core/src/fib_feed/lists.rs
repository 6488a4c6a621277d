//! Numbers of path lists: who owns them.

use super::master::ListsFull;
use fabric_proto::{
    fib::{PATH_LISTS_MAX, PathListId},
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

/// All numbers in use, and those free for this term.
#[derive(Debug, Default)]
pub(super) struct Lists {
    states: Vec<ListState>,
    free: BTreeSet<PathListId>,
    leaving: Vec<PathListId>,
    parity: u32,
}

impl Lists {
    /// Begins a term: from here on, only numbers of the owner's parity are given out.
    ///
    /// A line card may know a path list that the old active made at its very end and that never
    /// reached this RP. With numbers of their own, two RPs cannot give one number two meanings.
    pub(super) fn begin_term(&mut self, epoch: Epoch) {
        self.parity = if sabotage::is(Sabotage::ReuseNumbers) { 0 } else { (epoch.0 & 1) as u32 };
        self.close_batch();
        let parity = self.parity;
        let free = |(id, state): (usize, &ListState)| {
            (*state == ListState::Free && id as u32 & 1 == parity).then_some(id as PathListId)
        };
        self.free = self.states.iter().enumerate().filter_map(free).collect();
    }

    /// Gives out a number.
    pub(super) fn allocate(&mut self) -> Result<PathListId, ListsFull> {
        let id = match self.free.pop_first() {
            Some(id) => id,
            None => {
                let end = self.states.len() as PathListId;
                let id = if end & 1 == self.parity { end } else { end + 1 };
                if id as usize >= PATH_LISTS_MAX {
                    return Err(ListsFull);
                }
                id
            }
        };
        self.put(id, ListState::Owned);
        Ok(id)
    }

    pub(super) fn state(&self, id: PathListId) -> ListState {
        self.states.get(id as usize).copied().unwrap_or_default()
    }

    pub(super) fn put(&mut self, id: PathListId, state: ListState) {
        let at = id as usize;
        if at >= self.states.len() {
            self.states.resize(at + 1, ListState::Free);
        }
        self.states[at] = state;
    }

    /// The number leaves with the batch that is being gathered.
    pub(super) fn leave(&mut self, id: PathListId) {
        self.put(id, ListState::Leaving);
        self.leaving.push(id);
    }

    /// The batch is closed: the numbers that left with it may be given out again.
    pub(super) fn close_batch(&mut self) {
        for id in std::mem::take(&mut self.leaving) {
            self.put(id, ListState::Free);
            if id & 1 == self.parity {
                self.free.insert(id);
            }
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
