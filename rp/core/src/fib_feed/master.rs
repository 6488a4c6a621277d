//! The RP's forwarding table, and the log of batches that made it.

use super::{
    checkpoint::Replica,
    lists::{ListState, Lists},
    log::Log,
};
use fabric_proto::{
    fib::{Batch, BatchBuilder, FibKey, FibTable, ListUpdate, PathList, PathListId, Position},
    id::Epoch,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A batch is closed at this many routes: about 40 KiB, large enough to be cheap a route, small enough
/// that a line card answers within a millisecond or two.
pub const BATCH_ROUTES_MAX: u32 = 4096;

/// A batch is closed at this many path lists, so that it stays far below a message's size cap.
pub(super) const BATCH_LISTS_MAX: usize = 1024;

/// Every path-list number is taken: the routing table uses more next-hop sets than line cards have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no path-list number is free; reduce the number of different next-hop sets")]
pub struct ListsFull;

/// The RP's forwarding table.
///
/// On the active, the RIB changes it ([`FibMaster::acquire`] … [`FibMaster::withdraw`]); changes gather
/// into batches, and every closed batch moves the [`Position`] by one. On the standby, it follows the
/// active's through [`FibMaster::apply_checkpoint`].
#[derive(Debug, Default)]
pub struct FibMaster {
    pub(super) table: FibTable,
    pub(super) lists: Lists,
    pub(super) position: Position,
    pub(super) log: Log,
    /// Path lists without an owner, by what they hold.
    orphans: BTreeMap<PathList, BTreeSet<PathListId>>,
    /// Path lists with several owners, and how many those are.
    shared: BTreeMap<PathList, (PathListId, usize)>,
    pending: BatchBuilder,
    pending_lists: usize,
    /// Path lists changed in place since the last flush.
    changed: BTreeMap<PathListId, PathList>,
    stale: bool,
    pub(super) replica: Replica,
}

impl FibMaster {
    /// Begins a term as active: batches are numbered anew, under `epoch`.
    pub fn begin_term(&mut self, epoch: Epoch) {
        self.pending = BatchBuilder::default();
        self.pending_lists = 0;
        self.changed.clear();
        self.log.clear();
        self.position = Position { epoch, seq: 0 };
        self.replica = Replica::None;
        self.lists.begin_term(epoch);
    }

    /// An empty copy of a table that stands at `position`.
    pub(super) fn copy_from(position: Position) -> Self {
        Self { position, replica: Replica::Copying, ..Self::default() }
    }

    /// After an SSO switchover: nobody owns what the checkpoint brought, until the RIB learns it again.
    ///
    /// A path list is found again by its content; a route learned with the path list that it already
    /// has costs line cards nothing. What was not learned again goes with [`FibMaster::sweep`].
    /// Costs time by the number of path lists, not of routes.
    pub fn mark_stale(&mut self) {
        self.stale = true;
        self.shared.clear();
        self.orphans.clear();
        for id in self.lists.orphan_all() {
            if let Some(paths) = self.table.paths(id) {
                self.orphans.entry(paths.clone()).or_default().insert(id);
            }
        }
    }

    /// Whether the table may hold routes that the RIB has not learned again.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// A path list of this content, owned by the caller until [`FibMaster::release`].
    pub fn acquire(&mut self, paths: PathList) -> Result<PathListId, ListsFull> {
        if let Some(id) = self.take_orphan(&paths) {
            self.lists.set_state(id, ListState::Owned);
            return Ok(id);
        }
        let (id, birth) = self.lists.allocate()?;
        let list = ListUpdate { id, birth, paths };
        self.table.set_paths(list.clone());
        self.pending.paths(list);
        self.pending_lists += 1;
        self.flush_if_full();
        Ok(id)
    }

    /// A path list of this content that any number of owners have together, and none of them changes: each of them gives it
    /// up with [`FibMaster::release`]. What leads to the chassis itself is the same list in every table.
    pub fn share(&mut self, paths: PathList) -> Result<PathListId, ListsFull> {
        if let Some((id, owners)) = self.shared.get_mut(&paths) {
            *owners += 1;
            return Ok(*id);
        }
        let id = self.acquire(paths.clone())?;
        self.shared.insert(paths, (id, 1));
        Ok(id)
    }

    /// Changes an owned path list in place: one object for all the routes that use it.
    pub fn change(&mut self, id: PathListId, paths: PathList) {
        if self.table.paths(id) == Some(&paths) {
            self.changed.remove(&id);
        } else {
            self.changed.insert(id, paths);
        }
    }

    /// Whether two path lists hold the same, and will after the next flush.
    pub fn hold_the_same(&self, one: PathListId, other: PathListId) -> bool {
        let changes = [one, other].iter().any(|id| self.changed.contains_key(id));
        !changes && self.table.paths(one).is_some() && self.table.paths(one) == self.table.paths(other)
    }

    /// The owner of `mine` owns `theirs` in its place, if nobody does. Both hold the same.
    pub fn exchange(&mut self, mine: PathListId, theirs: PathListId) -> bool {
        if self.lists.state(theirs) != ListState::Orphan {
            return false;
        }
        self.take_out(theirs);
        self.lists.set_state(theirs, ListState::Owned);
        self.release(mine);
        true
    }

    /// Gives up a path list: it goes when no route uses it any more.
    pub fn release(&mut self, id: PathListId) {
        if self.is_still_shared(id) {
            return;
        }
        if self.table.users(id) == 0 {
            self.forget(id);
            return;
        }
        if self.changed.contains_key(&id) {
            self.apply_changed();
        }
        self.lists.set_state(id, ListState::Orphan);
        if let Some(paths) = self.table.paths(id) {
            self.orphans.entry(paths.clone()).or_default().insert(id);
        }
    }

    /// One owner of a shared list fewer; whether there are others.
    fn is_still_shared(&mut self, id: PathListId) -> bool {
        let Some(paths) = self.table.paths(id) else { return false };
        let Some((_, owners)) = self.shared.get_mut(paths).filter(|(shared, _)| *shared == id) else { return false };
        *owners -= 1;
        if *owners == 0 {
            self.shared.remove(paths);
            return false;
        }
        true
    }

    /// Sets an entry; costs line cards nothing when the table has it so already.
    pub fn set(&mut self, key: impl Into<FibKey>, id: PathListId) {
        debug_assert!(matches!(self.lists.state(id), ListState::Owned), "path list {id} is not owned");
        let key = key.into();
        let old = self.table.set(key, Some(id));
        if old == Some(id) {
            return;
        }
        self.record(key, Some(id), old);
    }

    /// Withdraws an entry, if it is there.
    pub fn withdraw(&mut self, key: impl Into<FibKey>) {
        let key = key.into();
        let old = self.table.set(key, None);
        if old.is_some() {
            self.record(key, None, old);
        }
    }

    /// Withdraws every entry for which `owned` says no; returns how many. Nothing is stale afterwards.
    pub fn sweep(&mut self, owned: impl Fn(FibKey) -> bool) -> usize {
        let unowned: Vec<FibKey> = self.table.routes().map(|(key, _)| key).filter(|key| !owned(*key)).collect();
        for key in &unowned {
            self.withdraw(*key);
        }
        self.all_fresh();
        unowned.len()
    }

    /// Every route is owned: nothing is stale any more, and path lists that nobody found again go.
    pub fn all_fresh(&mut self) {
        for id in std::mem::take(&mut self.orphans).into_values().flatten() {
            match self.lists.state(id) {
                ListState::Orphan if self.table.users(id) == 0 => self.forget(id),
                ListState::Orphan => {
                    if let Some(paths) = self.table.paths(id) {
                        self.orphans.entry(paths.clone()).or_default().insert(id);
                    }
                }
                ListState::Free | ListState::Leaving | ListState::Owned => {}
            }
        }
        self.stale = false;
    }

    /// Closes the batch that is being gathered, if it holds anything.
    pub fn flush(&mut self) {
        self.apply_changed();
        self.close_batch();
    }

    /// Makes the table's digests cheap to take, for all the cards that are to be compared.
    pub(super) fn renew_digests(&mut self) {
        self.table.renew_digests();
    }

    /// Where the table stands: the last closed batch.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The table. It may be ahead of [`FibMaster::position`] by the batch that is being gathered.
    pub fn table(&self) -> &FibTable {
        &self.table
    }

    /// A batch of this term by number; `None` when it is forgotten or not closed yet.
    pub fn batch(&self, seq: u64) -> Option<&Arc<Batch>> {
        self.log.batch(seq)
    }

    /// Bytes of batches kept.
    pub fn log_bytes(&self) -> usize {
        self.log.bytes()
    }

    fn record(&mut self, key: FibKey, new: Option<PathListId>, old: Option<PathListId>) {
        self.pending.route((key, new));
        if let Some(old) = old
            && self.lists.state(old) == ListState::Orphan
            && self.table.users(old) == 0
        {
            self.forget(old);
        }
        self.flush_if_full();
    }

    fn flush_if_full(&mut self) {
        if self.pending.count() >= BATCH_ROUTES_MAX || self.pending_lists >= BATCH_LISTS_MAX {
            self.flush();
        }
    }

    fn close_batch(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.pending_lists = 0;
        self.position.seq += 1;
        self.log.push(self.position.seq, Arc::new(self.pending.take()));
        self.lists.close_batch();
    }

    /// Where several lists hold the same, the one with the fewest routes: neighbors are learned before the sets of them
    /// that many routes use, and every route that gets another list than it had costs line cards something.
    fn take_orphan(&mut self, paths: &PathList) -> Option<PathListId> {
        let ids = self.orphans.get_mut(paths)?;
        let id = ids.iter().copied().min_by_key(|id| self.table.users(*id))?;
        ids.remove(&id);
        if ids.is_empty() {
            self.orphans.remove(paths);
        }
        Some(id)
    }

    /// Takes a list out of those without an owner.
    fn take_out(&mut self, id: PathListId) {
        if let Some(paths) = self.table.paths(id)
            && let Some(ids) = self.orphans.get_mut(paths)
        {
            ids.remove(&id);
            if ids.is_empty() {
                let paths = paths.clone();
                self.orphans.remove(&paths);
            }
        }
    }

    fn forget(&mut self, id: PathListId) {
        self.take_out(id);
        self.changed.remove(&id);
        self.table.remove_paths(id);
        self.pending.forget(id);
        self.lists.leave(id);
    }

    fn apply_changed(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        for (id, paths) in std::mem::take(&mut self.changed) {
            let Some(birth) = self.table.birth(id) else { continue };
            let list = ListUpdate { id, birth, paths };
            self.table.set_paths(list.clone());
            self.pending.paths(list);
            self.pending_lists += 1;
            if self.pending_lists >= BATCH_LISTS_MAX {
                self.close_batch();
            }
        }
    }
}
