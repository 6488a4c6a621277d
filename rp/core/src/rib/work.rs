//! Selections that are due, a slice at a time. An interface that comes up may make a million routes usable at once: all of
//! them in one step would keep heartbeats waiting for a tenth of a second.

use super::{hops::SetId, table::Table};
use crate::fib_feed::FibMaster;
use fabric_proto::fib::{PathListId, Prefix};
use std::collections::VecDeque;

/// Routes that are selected in one step: about a millisecond.
pub(super) const SLICE: usize = 4096;

/// What a table has still to do, in order.
#[derive(Debug, Default)]
pub(super) struct Work(VecDeque<Item>);

#[derive(Debug)]
enum Item {
    /// These prefixes may have another best route.
    Select(Vec<Prefix>),
    /// No route uses these any more, once everything before is done.
    GiveUp { sets: Vec<SetId>, lists: Vec<PathListId> },
}

impl Work {
    /// Whether nothing is due: the FIB has the best route of every prefix.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn select(&mut self, prefixes: Vec<Prefix>) {
        if !prefixes.is_empty() {
            self.0.push_back(Item::Select(prefixes));
        }
    }

    pub(super) fn give_up(&mut self, sets: Vec<SetId>, lists: Vec<PathListId>) {
        if !sets.is_empty() || !lists.is_empty() {
            self.0.push_back(Item::GiveUp { sets, lists });
        }
    }
}

impl Table {
    /// Selects at most so many routes of those that are due.
    pub(super) fn work(&mut self, slice: usize, fib: &mut FibMaster) {
        let mut left = slice;
        while let Some(item) = self.work.0.pop_front() {
            match item {
                Item::Select(mut prefixes) => {
                    let rest = prefixes.len().saturating_sub(left);
                    for prefix in prefixes.drain(rest..) {
                        self.select(prefix, fib);
                        left -= 1;
                    }
                    if !prefixes.is_empty() {
                        self.work.0.push_front(Item::Select(prefixes));
                        break;
                    }
                }
                Item::GiveUp { sets, lists } => {
                    sets.into_iter().for_each(|set| self.sets.let_go(set, fib));
                    lists.into_iter().for_each(|list| fib.release(list));
                }
            }
        }
    }
}
