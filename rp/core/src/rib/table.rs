//! One table: its configuration, its feeds, and the best source of each prefix.

use super::{
    FeedId, Local, Protocol,
    feed::{Feed, Source},
    hops::SetId,
    sets::{Resolver, Sets},
    work::Work,
};
use crate::fib_feed::FibMaster;
use fabric_proto::{
    fib::{FibKey, PathListId, Prefix},
    id::TableId,
    time::Instant,
};
use std::collections::BTreeMap;

/// Routes of the default table, or of a VRF.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) id: TableId,
    pub(super) local: Local,
    pub(super) resolver: Resolver,
    pub(super) sets: Sets,
    /// Candidates out of the local configuration, by prefix.
    pub(super) candidates: BTreeMap<Prefix, Candidates>,
    pub(super) feeds: BTreeMap<FeedId, Feed>,
    /// What the FIB does not have yet.
    pub(super) work: Work,
    /// Whether nobody is waited for: what is not there now will not come.
    pub(super) settled: bool,
}

/// Local candidates of one prefix, best first.
pub(super) type Candidates = BTreeMap<(u8, Protocol), SetId>;

/// The best source of a prefix.
pub(super) struct Best {
    pub(super) protocol: Protocol,
    pub(super) distance: u8,
    pub(super) metric: u32,
    pub(super) set: SetId,
    pub(super) paths: PathListId,
    pub(super) stale: bool,
}

impl Table {
    pub(super) fn new(id: TableId) -> Self {
        Self {
            id,
            local: Local::default(),
            resolver: Resolver::default(),
            sets: Sets::default(),
            candidates: BTreeMap::new(),
            feeds: BTreeMap::new(),
            work: Work::default(),
            settled: false,
        }
    }

    pub(super) fn key(&self, prefix: Prefix) -> FibKey {
        FibKey::Ip(self.id, prefix)
    }

    /// When the first stale routes go.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.feeds.values().filter_map(|feed| feed.stale_until).min()
    }

    /// Withdraws stale routes of feeds that did not return in time.
    pub(super) fn expire(&mut self, now: Instant, fib: &mut FibMaster) {
        let due = |(id, feed): (&FeedId, &Feed)| feed.stale_until.is_some_and(|at| at <= now).then_some(*id);
        let due: Vec<FeedId> = self.feeds.iter().filter_map(due).collect();
        for id in due {
            self.drop_stale(id, fib);
        }
    }

    /// Number of its routes in the FIB; `None` where only a look at each of them would tell.
    pub(super) fn count(&self) -> Option<usize> {
        let mut feeds = self.feeds.values();
        let learned = match (feeds.next(), feeds.next()) {
            (None, _) => None,
            (Some(feed), None) if feed.stale.routes.is_empty() => Some(&feed.fresh),
            (Some(_), _) => return None,
        };
        if learned.is_some_and(|learned| learned.sets.values().any(|set| self.sets.list(*set).is_none())) {
            return None;
        }
        let is_local = |prefix: &Prefix| {
            learned.is_none_or(|learned| learned.get(*prefix).is_none()) && self.best(*prefix).is_some()
        };
        let local = self.candidates.keys().filter(|prefix| is_local(prefix)).count();
        Some(learned.map_or(0, |learned| learned.len()) + local)
    }

    /// Puts the best routes of all prefixes that the configuration names into the FIB.
    pub(super) fn select_local(&mut self, fib: &mut FibMaster) {
        let prefixes: Vec<Prefix> = self.candidates.keys().copied().collect();
        for prefix in prefixes {
            self.select(prefix, fib);
        }
    }

    /// Puts the best route of a prefix into the FIB.
    pub(super) fn select(&mut self, prefix: Prefix, fib: &mut FibMaster) {
        let key = self.key(prefix);
        if fib.is_stale()
            && let Some(best) = self.best(prefix)
        {
            self.sets.recognise(best.set, key, fib);
        }
        match self.best(prefix) {
            // After a switchover, a feed that has yet to be heard may own what the FIB holds: a route that it
            // would beat, such as a floating one, must wait, and so must one whose next hops it may lead to.
            Some(best)
                if (best.distance > Protocol::Feed.distance() || self.resolver.statics.is_recursive(prefix))
                    && !self.settled
                    && fib.is_stale()
                    && fib.table().get(key).is_some() => {}
            Some(best) => fib.set(key, best.paths),
            None => fib.withdraw(key),
        }
    }

    pub(super) fn best(&self, prefix: Prefix) -> Option<Best> {
        let local = self.candidates.get(&prefix).and_then(|candidates| {
            candidates.iter().find_map(|((distance, protocol), set)| {
                let paths = self.sets.list(*set)?;
                let (protocol, distance) = (*protocol, *distance);
                Some(Best { protocol, distance, metric: 0, set: *set, paths, stale: false })
            })
        });
        let learned = self.feeds.values().filter_map(|feed| {
            let Source { distance, metric, .. } = feed.source;
            if local.as_ref().is_some_and(|local| local.distance < distance) {
                return None;
            }
            let (set, stale) = feed.get(prefix)?;
            let paths = self.sets.list(set)?;
            Some(Best { protocol: Protocol::Feed, distance, metric, set, paths, stale })
        });
        // Of equals the one with the lowest number.
        learned.min_by_key(|best| (best.distance, best.metric)).or(local)
    }
}
