//! Routes out of feeds, and what becomes of them when a feed's session ends (RFC 4724 §4.2).

use super::{
    Completion, Converged, FeedId, Rib, STALE_TIME,
    feed::{FEED_ROUTES_MAX, FEED_SETS_MAX, Feed, FeedError, Learned, Session, Source},
    hops::Hop,
    sets::Via,
    table::Table,
    work::SLICE,
};
use crate::fib_feed::FibMaster;
use bytes::Bytes;
use fabric_proto::{
    fib::{Batch, Family, FibKey, Prefix},
    time::Instant,
};
use std::net::IpAddr;

impl Rib {
    /// Says what a feed's routes are, from its next session on. Without it they are those of external BGP.
    pub fn declare(&mut self, feed: FeedId, source: Source) {
        self.sources.insert(feed, source);
    }

    /// A feed's session is up: it will send its whole table. What it sent before is stale from here on.
    pub fn feed_open(&mut self, now: Instant, feed: FeedId, fib: &mut FibMaster) {
        let source = self.source(feed);
        self.table_mut(source.table).feed_open(now, feed, source, fib);
    }

    /// A feed's session ended: its routes stay, stale, until it sends them again or [`STALE_TIME`] is over. What
    /// was stale already is withdrawn, so that consecutive failures cannot keep a route alive for ever.
    pub fn feed_closed(&mut self, now: Instant, feed: FeedId, fib: &mut FibMaster) {
        let table = self.source(feed).table;
        self.table_mut(table).feed_closed(now, feed, fib);
    }

    /// A feed names next-hop sets. One that is named again takes its routes along.
    pub fn feed_next_hops(
        &mut self,
        feed: FeedId,
        sets: Vec<(u32, Vec<IpAddr>)>,
        fib: &mut FibMaster,
    ) -> Result<(), FeedError> {
        let table = self.source(feed).table;
        self.table_mut(table).feed_next_hops(feed, sets, fib)
    }

    /// A feed announces and withdraws routes. On an error, close its session.
    pub fn feed_routes(
        &mut self,
        feed: FeedId,
        count: u32,
        packed: Bytes,
        fib: &mut FibMaster,
    ) -> Result<(), FeedError> {
        let table = self.source(feed).table;
        self.table_mut(table).feed_routes(feed, count, packed, fib)
    }

    /// A feed's table of one family is complete: what it has not sent again is withdrawn (RFC 4724 §4.2).
    pub fn feed_end_of_rib(&mut self, feed: FeedId, family: Family, fib: &mut FibMaster) -> Option<Converged> {
        let table = self.source(feed).table;
        if !self.table_mut(table).feed_end_of_rib(feed, family, fib) {
            return None;
        }
        if let Completion::Learning { waiting, .. } = &mut self.completion {
            waiting.remove(&(feed, family));
        }
        self.complete_if_nothing_is_awaited(fib)
    }

    fn source(&self, feed: FeedId) -> Source {
        self.sources.get(&feed).copied().unwrap_or_default()
    }

    pub(super) fn feed(&self, feed: FeedId) -> Option<&Feed> {
        self.tables.0.get(&self.source(feed).table)?.feeds.get(&feed)
    }
}

impl Table {
    fn feed_open(&mut self, now: Instant, feed: FeedId, source: Source, fib: &mut FibMaster) {
        self.feed_closed(now, feed, fib);
        let state = self.feeds.entry(feed).or_default();
        state.session = Session::Open { ended: [false; 2] };
        state.source = source;
    }

    fn feed_closed(&mut self, now: Instant, feed: FeedId, fib: &mut FibMaster) {
        let Some(state) = self.feeds.get_mut(&feed) else { return };
        match state.session {
            Session::Closed => return,
            Session::Open { .. } => state.session = Session::Closed,
        }
        self.drop_stale(feed, fib);
        if let Some(state) = self.feeds.get_mut(&feed) {
            state.stale = std::mem::take(&mut state.fresh);
            state.stale_until = (state.stale.len() > 0).then_some(now + STALE_TIME);
        }
    }

    fn feed_next_hops(
        &mut self,
        feed: FeedId,
        sets: Vec<(u32, Vec<IpAddr>)>,
        fib: &mut FibMaster,
    ) -> Result<(), FeedError> {
        for (number, hops) in sets {
            let state = self.feeds.get_mut(&feed).ok_or(FeedError::NotOpen)?;
            if matches!(state.session, Session::Closed) {
                return Err(FeedError::NotOpen);
            }
            if state.fresh.sets.len() >= FEED_SETS_MAX && !state.fresh.sets.contains_key(&number) {
                return Err(FeedError::TooManySets { max: FEED_SETS_MAX });
            }
            let via = Via::next_hops(hops.into_iter().map(Hop::Learned).collect());
            let set = self.sets.hold(via, &self.resolver, fib);
            let Some(before) = state.fresh.sets.insert(number, set) else { continue };
            if before == set {
                self.sets.let_go(before, fib);
                continue;
            }
            self.work.select(state.fresh.prefixes(|n| n == number));
            self.work.give_up(vec![before], Vec::new());
        }
        self.work(SLICE, fib);
        self.resolve_again(fib);
        Ok(())
    }

    fn feed_routes(&mut self, feed: FeedId, count: u32, packed: Bytes, fib: &mut FibMaster) -> Result<(), FeedError> {
        let batch = Batch { packed, count, ..Batch::default() };
        let mut contested = Vec::new();
        let mut tracked = false;
        let learned = self.learn(feed, &batch, fib, &mut contested, &mut tracked);
        for prefix in contested {
            self.select(prefix, fib);
        }
        if tracked {
            self.resolve_again(fib);
        }
        learned
    }

    /// Takes routes of a feed over into the FIB, besides those of prefixes that other sources may have too. Says
    /// whether next hops of static routes may lead elsewhere for it.
    fn learn(
        &mut self,
        feed: FeedId,
        batch: &Batch,
        fib: &mut FibMaster,
        contested: &mut Vec<Prefix>,
        tracked: &mut bool,
    ) -> Result<(), FeedError> {
        let (table, alone) = (self.id, self.feeds.len() == 1);
        let state = self.feeds.get_mut(&feed).ok_or(FeedError::NotOpen)?;
        if matches!(state.session, Session::Closed) {
            return Err(FeedError::NotOpen);
        }
        for op in batch.routes() {
            let (key, number) = op?;
            let prefix = key.plain().ok_or(FeedError::NotARoute(key))?;
            let set = match number {
                Some(number) => Some(*state.fresh.sets.get(&number).ok_or(FeedError::UnknownNextHops(number))?),
                None => None,
            };
            *tracked = *tracked || self.resolver.statics.tracks(prefix);
            let before = state.fresh.routes.set(prefix, number);
            if before.is_none() && state.fresh.len() > FEED_ROUTES_MAX {
                state.fresh.routes.set(prefix, None);
                return Err(FeedError::TooManyRoutes { max: FEED_ROUTES_MAX });
            }
            if !state.stale.routes.is_empty() {
                state.stale.routes.set(prefix, None);
            }
            if !alone || self.candidates.contains_key(&prefix) {
                contested.push(prefix);
                continue;
            }
            let key = FibKey::Ip(table, prefix);
            if let Some(set) = set.filter(|_| fib.is_stale()) {
                self.sets.recognise(set, key, fib);
            }
            match set.and_then(|set| self.sets.list(set)) {
                Some(paths) => fib.set(key, paths),
                None => fib.withdraw(key),
            }
        }
        Ok(())
    }

    /// Says whether there is such a session.
    fn feed_end_of_rib(&mut self, feed: FeedId, family: Family, fib: &mut FibMaster) -> bool {
        let Some(state) = self.feeds.get_mut(&feed) else { return false };
        match &mut state.session {
            Session::Closed => return false,
            Session::Open { ended } => ended[family as usize] = true,
        }
        let complete = Family::ALL.iter().all(|family| state.is_complete(*family));
        let gone: Vec<Prefix> = state.stale.prefixes(|_| true).into_iter().filter(|p| p.family() == family).collect();
        for prefix in &gone {
            state.stale.routes.set(*prefix, None);
        }
        self.work.select(gone);
        self.work(SLICE, fib);
        self.resolve_again(fib);
        if complete {
            self.drop_stale(feed, fib);
        }
        true
    }

    /// Withdraws what a feed's earlier session left.
    pub(super) fn drop_stale(&mut self, feed: FeedId, fib: &mut FibMaster) {
        let Some(state) = self.feeds.get_mut(&feed) else { return };
        state.stale_until = None;
        let Learned { sets, routes } = std::mem::take(&mut state.stale);
        self.work.select(routes.plain().map(|(prefix, _)| prefix).collect());
        // While the sets are still there: a static route may have been reached by one of them.
        self.resolve_again(fib);
        self.work.give_up(sets.into_values().collect(), Vec::new());
        self.work(SLICE, fib);
    }
}
