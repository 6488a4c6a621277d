//! The card's copy of the FIB: control table, forwarding tables, position and staleness, kept in step.

use crate::{
    lpm::TrieFull,
    tables::{Tables, TablesWriter},
};
use fabric_proto::{
    fib::{
        BUCKETS, BadBatch, Batch, Bucket, Family, FibTable, PATH_LISTS_MAX, PathListId, Position, Prefix, bucket_of,
    },
    id::LcSlot,
    linecard::{Adoption, FibPart, FibUpdate, PortConfig},
    sabotage::{self, Sabotage},
};
use std::{collections::BTreeMap, sync::Arc};

/// A copy of the active's FIB.
#[derive(Debug)]
pub struct FibCopy {
    table: FibTable,
    writer: TablesWriter,
    /// A flag a bucket: marking a million routes stale costs [`BUCKETS`] stores.
    stale: Vec<bool>,
    /// Number of flags set.
    stale_count: usize,
    /// Known only when the table is exactly the active's at some batch.
    position: Option<Position>,
    /// Families whose end has been seen since the table was last empty.
    complete: [bool; 2],
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
    /// A bucket that does not exist.
    #[error("bucket {0} does not exist; there are {BUCKETS}")]
    Bucket(u16),
    /// A route in the content of a bucket that it does not belong to.
    #[error("{prefix} was sent in bucket {bucket} and belongs to {}", bucket_of(*prefix))]
    Misplaced {
        /// The route.
        prefix: Prefix,
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
            writer: TablesWriter::new(slot),
            stale: vec![false; BUCKETS],
            stale_count: 0,
            position: None,
            complete: [false; 2],
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

    /// Replaces the port configuration.
    pub fn set_ports(&mut self, ports: &[PortConfig]) {
        self.writer.set_ports(ports);
    }

    /// The whole family has been sent.
    pub fn end_of_table(&mut self, family: Family) {
        self.complete[family as usize] = true;
    }

    /// What an adoption does to the table; the new forwarding tables, when there are new ones.
    pub fn adopt(&mut self, how: Adoption) -> Option<Arc<Tables>> {
        match how {
            Adoption::Keep => {
                self.mark_stale();
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
        for bucket in (0..BUCKETS).filter(|bucket| self.stale[*bucket]) {
            let gone: Vec<Prefix> = self.table.bucket(bucket).routes().map(|(prefix, _)| prefix).collect();
            for prefix in gone {
                withdraw(&mut self.table, &mut self.writer, prefix)?;
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
        if let Some((id, _)) = batch.paths.iter().find(|(id, _)| *id as usize >= PATH_LISTS_MAX) {
            return Err(UpdateError::PathList(*id));
        }
        self.writer.set_paths(&batch.paths);
        self.table.set_path_lists(batch.paths.iter().cloned());
        match update.kind {
            FibPart::Part => self.apply_routes(batch)?,
            FibPart::Bucket(bucket) => self.replace_bucket(bucket, batch)?,
            FibPart::Log(position) => {
                self.apply_routes(batch)?;
                self.position = before.filter(|before| follows(*before, position)).map(|_| position);
            }
        }
        for id in &batch.forget {
            self.table.remove_paths(*id);
        }
        Ok(())
    }

    fn apply_routes(&mut self, batch: &Batch) -> Result<(), UpdateError> {
        let mut sets = Vec::new();
        for op in batch.routes() {
            match op? {
                (prefix, Some(id)) => sets.push((prefix, id)),
                (prefix, None) => {
                    self.set_all(&mut sets)?;
                    withdraw(&mut self.table, &mut self.writer, prefix)?;
                }
            }
        }
        self.set_all(&mut sets)
    }

    /// Sets routes in both tables, and forgets them here.
    fn set_all(&mut self, routes: &mut Vec<(Prefix, PathListId)>) -> Result<(), UpdateError> {
        self.writer.set_all(routes)?;
        for (prefix, id) in routes.drain(..) {
            self.table.set(prefix, Some(id));
        }
        Ok(())
    }

    fn replace_bucket(&mut self, number: u16, batch: &Batch) -> Result<(), UpdateError> {
        let bucket = usize::from(number);
        if bucket >= BUCKETS {
            return Err(UpdateError::Bucket(number));
        }
        let mut content = BTreeMap::new();
        for op in batch.routes() {
            let (prefix, id) = op?;
            if bucket_of(prefix) != bucket {
                return Err(UpdateError::Misplaced { prefix, bucket: number });
            }
            content.insert(prefix, id);
        }
        let changed = |held: &Bucket| -> Vec<Prefix> {
            held.routes().map(|(prefix, _)| prefix).filter(|prefix| !content.contains_key(prefix)).collect()
        };
        let gone = changed(self.table.bucket(bucket));
        for (prefix, id) in &content {
            match id {
                Some(id) if self.table.get(*prefix) == Some(*id) => {}
                Some(id) => {
                    self.writer.set(*prefix, *id)?;
                    self.table.set(*prefix, Some(*id));
                }
                None => withdraw(&mut self.table, &mut self.writer, *prefix)?,
            }
        }
        for prefix in gone {
            withdraw(&mut self.table, &mut self.writer, prefix)?;
        }
        if std::mem::replace(&mut self.stale[bucket], false) {
            self.stale_count -= 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> Arc<Tables> {
        self.table = FibTable::default();
        self.clear_stale();
        self.position = None;
        self.complete = [false; 2];
        self.writer.flush().clone()
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

/// Takes a route out of both tables: what it hid comes up again.
fn withdraw(table: &mut FibTable, writer: &mut TablesWriter, prefix: Prefix) -> Result<(), TrieFull> {
    if table.set(prefix, None).is_some() {
        writer.clear(prefix, cover(table, writer.tables(), prefix))?;
    }
    Ok(())
}

/// The longest route that covers `prefix` and is shorter.
///
/// The forwarding table mostly knows it, without a search of every length: a route that covers the other
/// half of a shorter prefix, and is shorter than that half, covers this half as well.
fn cover(table: &FibTable, tables: &Tables, prefix: Prefix) -> Option<(Prefix, PathListId)> {
    for len in (1..=prefix.len()).rev() {
        let beside = prefix.bits() ^ 1 << (128 - u32::from(len));
        match tables.longest(prefix.family(), Prefix::from_bits(prefix.family(), beside, len).bits()) {
            Some((route, _)) if route.len() >= len => {}
            cover => return cover,
        }
        let shorter = Prefix::from_bits(prefix.family(), prefix.bits(), len - 1);
        if let Some(id) = table.get(shorter) {
            return Some((shorter, id));
        }
    }
    None
}

#[cfg(test)]
mod tests;
