//! The table as it is told to a program that is to take this one's place: whole, and then what changes.
//!
//! To that program this copy is what an active is to a line card: path lists by number (this copy's own index) and birth,
//! and whole buckets. What is changed before it was told is told once, as it is then.

use super::FibCopy;
use fabric_proto::{
    fib::{BUCKETS, Batch, BatchBuilder, FibKey, ListUpdate, PathListId, Position, bucket_of},
    linecard::FibPart,
};
use std::collections::BTreeSet;

/// Path lists told at once.
const LISTS: usize = 256;

/// What has yet to be told; nothing, and nothing is noted, while nobody listens.
#[derive(Debug, Default)]
pub(super) struct Untold(Option<Rest>);

#[derive(Debug)]
struct Rest {
    lists: BTreeSet<PathListId>,
    buckets: BTreeSet<u16>,
}

impl Untold {
    pub(super) fn lists(&mut self, lists: &[ListUpdate]) {
        if let Some(rest) = &mut self.0 {
            rest.lists.extend(lists.iter().map(|list| list.id));
        }
    }

    pub(super) fn entry(&mut self, key: impl Into<FibKey>) {
        if let Some(rest) = &mut self.0 {
            rest.buckets.insert(bucket_of(key) as u16);
        }
    }

    pub(super) fn flushed(&mut self) {
        if let Some(rest) = &mut self.0 {
            rest.buckets.extend(0..BUCKETS as u16);
        }
    }
}

impl FibCopy {
    /// From here on, [`FibCopy::next_part`] tells all of the table to somebody who has nothing.
    pub fn tell(&mut self) {
        let lists = self.table.lists_from(0).map(|list| list.id).collect();
        let full = (0..BUCKETS as u16).filter(|bucket| !self.table.bucket(usize::from(*bucket)).is_empty());
        self.untold = Untold(Some(Rest { lists, buckets: full.collect() }));
    }

    /// Nobody is told any more.
    pub fn tell_nobody(&mut self) {
        self.untold = Untold::default();
    }

    /// The next part for [`FibCopy::apply`] of another copy; `None` when that has all of the table as it is now.
    pub fn next_part(&mut self) -> Option<(FibPart, Batch)> {
        let rest = self.untold.0.as_mut()?;
        if !rest.lists.is_empty() {
            let mut batch = BatchBuilder::default();
            // One that has gone meanwhile is told nobody: what used it is told anew.
            for id in std::iter::from_fn(|| rest.lists.pop_first()).take(LISTS) {
                self.table.lists_from(id).take(1).filter(|list| list.id == id).for_each(|list| batch.paths(list));
            }
            return Some((FibPart::Part, batch.take()));
        }
        let bucket = rest.buckets.pop_first()?;
        let mut batch = BatchBuilder::default();
        let routes = self.table.bucket(usize::from(bucket)).routes();
        routes.for_each(|(key, list)| batch.route((key, Some(list))));
        Some((FibPart::Bucket(bucket), batch.take()))
    }

    /// Which families have been sent to their end.
    pub fn complete(&self) -> [bool; 2] {
        self.complete
    }

    /// What the copy that all parts came from knew besides its entries.
    pub(crate) fn stands_at(&mut self, position: Option<Position>, complete: [bool; 2]) {
        self.position = position;
        self.complete = complete;
    }
}
