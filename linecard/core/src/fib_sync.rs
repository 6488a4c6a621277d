//! The card's copy of the FIB: control table, forwarding tables, position and staleness, kept in step.

mod heir;

use crate::{
    lists::Lists,
    lpm::TrieFull,
    tables::{Tables, TablesWriter},
};
use fabric_proto::{
    fib::{
        BUCKETS, BadBatch, Batch, Bucket, Family, FibKey, FibTable, ListUpdate, PATH_LISTS_MAX, PathListId, Position,
        Prefix, RouteOp, bucket_of,
    },
    id::{LcSlot, TableId},
    linecard::{Adoption, FibPart, FibUpdate, InterfaceChange, InterfaceConfig, PortConfig},
    sabotage::{self, Sabotage},
};
use heir::Untold;
use std::{collections::BTreeMap, sync::Arc};

/// A copy of the active's FIB. Its path lists go by the card's own index, not by the active's number.
#[derive(Debug)]
pub struct FibCopy {
    table: FibTable,
    lists: Lists,
    writer: TablesWriter,
    /// Routes of each VRF that has any: its forwarding table goes with the last.
    vrfs: BTreeMap<TableId, usize>,
    /// A flag a bucket: marking a million routes stale costs [`BUCKETS`] stores.
    stale: Vec<bool>,
    /// Number of flags set.
    stale_count: usize,
    /// Known only when the table is exactly the active's at some batch.
    position: Option<Position>,
    /// Families whose end has been seen since the table was last empty.
    complete: [bool; 2],
    /// What a program that is to take this one's place has yet to be told.
    untold: Untold,
}

/// An update that cannot be applied. All but the last blame the sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// Bytes that are not route operations.
    #[error(transparent)]
    Damaged(#[from] BadBatch),
    /// A path list that no table entry could hold.
    #[error("path list {0} is too large a number; the limit is {PATH_LISTS_MAX}")]
    PathList(PathListId),
    /// A bucket's route by a path list that the active has not named since it adopted the card.
    #[error("{0} was sent before its path list")]
    Unnamed(FibKey),
    /// A bucket that does not exist.
    #[error("bucket {0} does not exist; there are {BUCKETS}")]
    Bucket(u16),
    /// A route in the content of a bucket that it does not belong to.
    #[error("{key} was sent in bucket {bucket} and belongs to {}", bucket_of(*key))]
    Misplaced {
        /// The route.
        key: FibKey,
        /// The bucket that it came in.
        bucket: u16,
    },
    /// The forwarding table has no room.
    #[error(transparent)]
    Full(#[from] TrieFull),
}

impl FibCopy {
    /// An empty copy for the card in `slot`.
    pub fn new(slot: LcSlot) -> Self {
        Self {
            table: FibTable::default(),
            lists: Lists::default(),
            writer: TablesWriter::new(slot),
            vrfs: BTreeMap::new(),
            stale: vec![false; BUCKETS],
            stale_count: 0,
            position: None,
            complete: [false; 2],
            untold: Untold::default(),
        }
    }

    /// The forwarding tables, for readers.
    pub fn tables(&self) -> &Arc<Tables> {
        self.writer.tables()
    }

    /// The control side's table.
    pub fn table(&self) -> &FibTable {
        &self.table
    }

    /// Every bucket's digest, in order.
    pub fn digests(&mut self) -> Vec<u64> {
        self.table.renew_digests();
        self.table.digests()
    }

    /// Where the table stands; `None` when it is empty or half downloaded.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Whether some of the table is stale.
    pub fn is_stale(&self) -> bool {
        self.stale_count > 0
    }

    /// Whether both families have been sent to their end since the table was last empty.
    pub fn is_complete(&self) -> bool {
        self.complete == [true; 2]
    }

    /// Routes held, IPv4 and IPv6.
    pub fn routes(&self) -> [u64; 2] {
        Family::ALL.map(|family| self.table.len(family) as u64)
    }

    /// Replaces the configuration of ports and their interfaces.
    pub fn set_ports(&mut self, ports: &[PortConfig], interfaces: &[InterfaceConfig]) {
        self.writer.set_ports(ports, interfaces);
    }

    /// Changes some of them.
    pub fn change_ports(&mut self, ports: &[PortConfig], gone: &[u8], interfaces: &[InterfaceChange]) {
        self.writer.change_ports(ports, gone, interfaces);
    }

    /// The whole family has been sent.
    pub fn end_of_table(&mut self, family: Family) {
        self.complete[family as usize] = true;
    }

    /// What an adoption does to the table; the new forwarding tables, when there are new ones.
    pub fn adopt(&mut self, how: Adoption) -> Option<Arc<Tables>> {
        self.lists.unname_all();
        match how {
            Adoption::Keep => {
                self.mark_stale();
                self.lists.all().for_each(|list| self.drop_unused(list));
                None
            }
            Adoption::Flush => Some(self.flush()),
        }
    }

    /// Marks everything stale: nobody vouches for it any more.
    pub fn mark_stale(&mut self) {
        if !self.table.is_empty() {
            self.stale.fill(true);
            self.stale_count = BUCKETS;
        }
    }

    /// The active vouches for the whole table, which is at `position`.
    pub fn confirm(&mut self, position: Position) {
        if !sabotage::is(Sabotage::KeepStale) {
            self.clear_stale();
        }
        self.position = Some(position);
    }

    /// Removes the routes of stale buckets; the new forwarding tables, when that was everything.
    pub fn sweep(&mut self) -> Result<Option<Arc<Tables>>, TrieFull> {
        match self.stale_count {
            0 => return Ok(None),
            BUCKETS => return Ok(Some(self.flush())),
            _ => {}
        }
        self.position = None;
        for bucket in 0..BUCKETS {
            if !self.stale[bucket] {
                continue;
            }
            let gone: Vec<FibKey> = self.table.bucket(bucket).routes().map(|(key, _)| key).collect();
            for key in gone {
                self.withdraw(key)?;
            }
        }
        self.clear_stale();
        Ok(None)
    }

    /// Applies an update: path lists, then routes, then forgotten path lists. After an error the
    /// table may hold a part of it, so that its position is not known.
    pub fn apply(&mut self, update: &FibUpdate) -> Result<(), UpdateError> {
        let before = self.position.take();
        let batch = &update.batch;
        let lists = batch.paths.iter().map(|list| self.name(list)).collect::<Result<Vec<_>, _>>()?;
        self.set_lists(lists);
        match update.kind {
            FibPart::Part => {
                self.apply_routes(batch)?;
            }
            FibPart::Bucket(bucket) => self.replace_bucket(bucket, batch)?,
            FibPart::Log(position) => {
                let whole = self.apply_routes(batch)?;
                self.position = before.filter(|before| whole && follows(*before, position)).map(|_| position);
            }
        }
        for number in &batch.forget {
            if let Some(list) = self.lists.unname(*number) {
                self.drop_unused(list);
            }
        }
        Ok(())
    }

    /// The list that a number means from here on, by the card's own index.
    fn name(&mut self, list: &ListUpdate) -> Result<ListUpdate, UpdateError> {
        let too_many = UpdateError::PathList(list.id);
        if list.id as usize >= PATH_LISTS_MAX {
            return Err(too_many);
        }
        let before = self.lists.index(list.id);
        let index = self.lists.name(list.id, list.birth).ok_or(too_many)?;
        if let Some(before) = before {
            self.drop_unused(before);
        }
        Ok(ListUpdate { id: index, ..list.clone() })
    }

    /// Sets lists, by the card's own index, in both tables.
    fn set_lists(&mut self, lists: Vec<ListUpdate>) {
        self.writer.set_paths(&lists, self.lists.reused());
        self.untold.lists(&lists);
        lists.into_iter().for_each(|list| self.table.set_paths(list));
    }

    /// A list goes when no route uses it and the active has no number for it.
    fn drop_unused(&mut self, list: PathListId) {
        if !self.lists.is_named(list) && self.table.users(list) == 0 {
            self.table.remove_paths(list);
            self.lists.remove(list);
        }
    }

    /// Applies routes in their order; whether that was all of them. What goes by a list that the active has yet to name
    /// is left as it was: the lists are under way, and then a comparison or a download, which brings it.
    fn apply_routes(&mut self, batch: &Batch) -> Result<bool, UpdateError> {
        let (mut sets, mut whole) = (Vec::new(), true);
        for op in batch.routes() {
            match self.meaning(op?) {
                Ok((FibKey::Ip(TableId::DEFAULT, prefix), Some(list))) => sets.push((prefix, list)),
                Ok((key, Some(list))) => self.set_other(key, list)?,
                Ok((key, None)) => {
                    self.set_all(&mut sets)?;
                    self.withdraw(key)?;
                }
                Err(UpdateError::Unnamed(_)) => whole = false,
                Err(error) => return Err(error),
            }
        }
        self.set_all(&mut sets)?;
        Ok(whole)
    }

    /// A route operation by the card's own index.
    fn meaning(&self, (key, number): RouteOp) -> Result<RouteOp, UpdateError> {
        match number {
            Some(number) => Ok((key, Some(self.lists.index(number).ok_or(UpdateError::Unnamed(key))?))),
            None => Ok((key, None)),
        }
    }

    /// Sets routes of the default table in both tables, and forgets them here.
    fn set_all(&mut self, routes: &mut Vec<(Prefix, PathListId)>) -> Result<(), UpdateError> {
        self.writer.set_all(routes)?;
        for (prefix, list) in routes.drain(..) {
            self.untold.entry(prefix);
            if let Some(before) = self.table.set(prefix, Some(list)) {
                self.drop_unused(before);
            }
        }
        Ok(())
    }

    /// Sets what is no route of the default table.
    fn set_other(&mut self, key: FibKey, list: PathListId) -> Result<(), UpdateError> {
        self.writer.set(key, list)?;
        self.untold.entry(key);
        match (self.table.set(key, Some(list)), key) {
            (Some(before), _) => self.drop_unused(before),
            (None, FibKey::Ip(table, _)) => *self.vrfs.entry(table).or_default() += 1,
            (None, FibKey::Label(_) | FibKey::Circuit(_)) => {}
        }
        Ok(())
    }

    /// Takes an entry out of both tables: what it hid comes up again.
    fn withdraw(&mut self, key: FibKey) -> Result<(), TrieFull> {
        let Some(list) = self.table.set(key, None) else { return Ok(()) };
        self.untold.entry(key);
        match key {
            FibKey::Ip(table, prefix) => {
                self.writer.clear(key, cover(&self.table, self.writer.tables(), table, prefix))?;
                self.one_less(table);
            }
            FibKey::Label(_) | FibKey::Circuit(_) => self.writer.clear(key, None)?,
        }
        self.drop_unused(list);
        Ok(())
    }

    fn one_less(&mut self, table: TableId) {
        if let Some(routes) = self.vrfs.get_mut(&table) {
            *routes -= 1;
            if *routes == 0 {
                self.vrfs.remove(&table);
                self.writer.drop_table(table);
            }
        }
    }

    fn replace_bucket(&mut self, number: u16, batch: &Batch) -> Result<(), UpdateError> {
        let bucket = usize::from(number);
        if bucket >= BUCKETS {
            return Err(UpdateError::Bucket(number));
        }
        let mut content = BTreeMap::new();
        for op in batch.routes() {
            let (key, list) = self.meaning(op?)?;
            if bucket_of(key) != bucket {
                return Err(UpdateError::Misplaced { key, bucket: number });
            }
            content.insert(key, list);
        }
        let changed = |held: &Bucket| -> Vec<FibKey> {
            held.routes().map(|(key, _)| key).filter(|key| !content.contains_key(key)).collect()
        };
        let gone = changed(self.table.bucket(bucket));
        let mut sets = Vec::new();
        for (key, list) in content {
            match (key, list) {
                (key, Some(list)) if self.table.get(key) == Some(list) => {}
                (FibKey::Ip(TableId::DEFAULT, prefix), Some(list)) => sets.push((prefix, list)),
                (key, Some(list)) => self.set_other(key, list)?,
                (key, None) => self.withdraw(key)?,
            }
        }
        self.set_all(&mut sets)?;
        for key in gone {
            self.withdraw(key)?;
        }
        if std::mem::replace(&mut self.stale[bucket], false) {
            self.stale_count -= 1;
        }
        Ok(())
    }

    /// Forgets all routes, and the lists that the active has not named.
    fn flush(&mut self) -> Arc<Tables> {
        let before = std::mem::take(&mut self.table);
        self.untold.flushed();
        self.lists.all().for_each(|list| self.drop_unused(list));
        let named = before.lists_from(0).filter(|list| self.lists.is_named(list.id)).collect();
        self.clear_stale();
        self.position = None;
        self.complete = [false; 2];
        self.vrfs.clear();
        self.writer.flush();
        self.set_lists(named);
        Arc::clone(self.writer.tables())
    }

    fn clear_stale(&mut self) {
        self.stale.fill(false);
        self.stale_count = 0;
    }
}

/// Whether a table at `before` stands at `after` once that batch of the log is applied. A new term
/// begins a log of its own, and only a comparison can say where it joins.
fn follows(before: Position, after: Position) -> bool {
    before.epoch == after.epoch && before.seq + 1 == after.seq
}

/// The longest route of a table that covers `prefix` and is shorter.
///
/// The forwarding table mostly knows it, without a search of every length: a route that covers the other
/// half of a shorter prefix, and is shorter than that half, covers this half as well.
fn cover(fib: &FibTable, tables: &Tables, table: TableId, prefix: Prefix) -> Option<(Prefix, PathListId)> {
    for len in (1..=prefix.len()).rev() {
        let beside = prefix.bits() ^ 1 << (128 - u32::from(len));
        match tables.longest(table, prefix.family(), Prefix::from_bits(prefix.family(), beside, len).bits()) {
            Some((route, _)) if route.len() >= len => {}
            cover => return cover,
        }
        let shorter = Prefix::from_bits(prefix.family(), prefix.bits(), len - 1);
        if let Some(id) = fib.get(FibKey::Ip(table, shorter)) {
            return Some((shorter, id));
        }
    }
    None
}

#[cfg(test)]
mod tests;
