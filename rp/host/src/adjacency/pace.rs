//! The pace of questions: so many a second, by classes in turn, and within a class by interfaces in turn.

use super::Key;
use crate::limit::Bucket;
use fabric_proto::{id::InterfaceId, time::Instant};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
};

/// Why a neighbour is asked. None of them waits for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// It is in use: what is known of it grows old.
    Refresh,
    /// Somebody wants it for the first time.
    First,
    /// It has not answered.
    Again,
}

/// Who is asked first, of those that wait: whoever is wanted anew is no later for those that do not answer.
const TURNS: [Class; 4] = [Class::First, Class::Refresh, Class::First, Class::Again];

/// How many questions may follow each other at once.
const BURST: u32 = 64;

/// Questions that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    queues: [Queue; 3],
    /// Whose turn it is.
    turn: usize,
    bucket: Bucket,
}

/// One class: interfaces in turn.
#[derive(Debug, Default)]
struct Queue {
    by_interface: BTreeMap<InterfaceId, VecDeque<IpAddr>>,
    /// Those that have any, in turn.
    turns: VecDeque<InterfaceId>,
    /// Who waits.
    there: BTreeSet<Key>,
}

impl Pace {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { bucket: Bucket::new(per_second, BURST.min(per_second.max(1))), ..Self::default() }
    }

    /// Queues a question.
    pub(crate) fn push(&mut self, class: Class, key: Key) {
        self.queues[class as usize].push(key);
    }

    /// Who is gone need not be asked.
    pub(crate) fn forget(&mut self, key: Key, class: Option<Class>) {
        if let Some(class) = class {
            self.queues[class as usize].there.remove(&key);
        }
    }

    /// Who is asked now; `None` while nobody is, or nobody may be.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Key> {
        if self.is_empty() || !self.bucket.take(now) {
            return None;
        }
        for _ in TURNS {
            let class = TURNS[self.turn];
            self.turn = (self.turn + 1) % TURNS.len();
            if let Some(key) = self.queues[class as usize].pop() {
                return Some(key);
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.there.is_empty())
    }

    /// When the next one may be asked.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.is_empty() { None } else { self.bucket.ready() }
    }
}

impl Queue {
    fn push(&mut self, key: Key) {
        if !self.there.insert(key) {
            return;
        }
        let of_interface = self.by_interface.entry(key.0).or_default();
        if of_interface.is_empty() {
            self.turns.push_back(key.0);
        }
        of_interface.push_back(key.1);
    }

    fn pop(&mut self) -> Option<Key> {
        while let Some(id) = self.turns.pop_front() {
            let Some(of_interface) = self.by_interface.get_mut(&id) else { continue };
            // Those that were forgotten are passed over.
            let next =
                std::iter::from_fn(|| of_interface.pop_front()).find(|address| self.there.remove(&(id, *address)));
            if of_interface.is_empty() {
                self.by_interface.remove(&id);
            } else {
                self.turns.push_back(id);
            }
            if let Some(address) = next {
                return Some((id, address));
            }
        }
        None
    }
}
