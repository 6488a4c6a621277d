//! Pieces of a table, for whoever gets all of it.

use super::{
    FibMaster, WINDOW,
    master::{BATCH_LISTS_MAX, BATCH_ROUTES_MAX},
};
use fabric_proto::fib::{BUCKETS, Batch, BatchBuilder, FibTable, PathListId, Position};
use std::collections::BTreeMap;

/// A piece of the table is closed at this many bytes of routes.
const CHUNK_BYTES: usize = 64 << 10;

/// The path lists from number `from` on, as many as a batch takes, and the number to go on from.
pub(super) fn lists(table: &FibTable, from: PathListId) -> (Batch, Option<PathListId>) {
    let mut builder = BatchBuilder::default();
    let mut rest = table.lists_from(from);
    for list in rest.by_ref().take(BATCH_LISTS_MAX) {
        builder.paths(list);
    }
    (builder.take(), rest.next().map(|list| list.id))
}

/// Whole buckets from `from` on, as many as a batch takes, and the bucket to go on from.
pub(super) fn buckets(table: &FibTable, from: usize) -> (Batch, Option<usize>) {
    let mut builder = BatchBuilder::default();
    for index in from..BUCKETS {
        let bucket = table.bucket(index);
        let full = builder.count() as usize + bucket.len() > BATCH_ROUTES_MAX as usize || builder.size() > CHUNK_BYTES;
        if full && builder.count() > 0 {
            return (builder.take(), Some(index));
        }
        bucket.routes().for_each(|(key, id)| builder.route((key, Some(id))));
    }
    (builder.take(), None)
}

/// One bucket.
pub(super) fn bucket(table: &FibTable, index: u16) -> Batch {
    let mut builder = BatchBuilder::default();
    table.bucket(usize::from(index)).routes().for_each(|(key, id)| builder.route((key, Some(id))));
    builder.take()
}

/// Pieces of the table as it is now, packed once for all the cards that are downloading it.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    position: Position,
    chunks: BTreeMap<usize, (Batch, Option<usize>)>,
}

impl Chunks {
    /// Most pieces kept: twice a window, so that cards within a window of each other share. About 4 MiB.
    const MAX: usize = 2 * WINDOW as usize;

    /// Nobody is downloading.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// The piece that begins at bucket `from`, and the bucket to go on from.
    pub(super) fn at(&mut self, from: usize, fib: &FibMaster) -> (Batch, Option<usize>) {
        if self.position != fib.position() {
            self.position = fib.position();
            self.chunks.clear();
        }
        if let Some(chunk) = self.chunks.get(&from) {
            return chunk.clone();
        }
        if self.chunks.len() >= Self::MAX {
            // Cards walk upwards, so the lowest piece is the one that the fewest still need.
            self.chunks.pop_first();
        }
        let chunk = buckets(fib.table(), from);
        self.chunks.insert(from, chunk.clone());
        chunk
    }
}
