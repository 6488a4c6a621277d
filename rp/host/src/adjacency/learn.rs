//! What neighbours say.

use super::{
    Ask, Key, Neighbours,
    entry::{Belief, Entry, NEVER, State},
};
use crate::wire::nd::Flags;
use fabric_proto::{fib::Mac, time::Instant};

impl Neighbours {
    /// An ARP packet comes from a station with this address (RFC 826, "Packet Reception"): what is known is brought up to date;
    /// something new is learned only of somebody who wants something of us.
    pub(crate) fn heard(&mut self, now: Instant, key: Key, station: Mac, wants_us: bool, out: &mut Vec<Ask>) {
        match self.entries.get(&key).map(|entry| &entry.state) {
            Some(State::Static { .. }) => {}
            Some(_) => self.resolve(now, key, station, Belief::Reachable, out),
            None if wants_us => self.meet(now, key, station, Belief::Reachable, out),
            None => {}
        }
    }

    /// A solicitation or a router advertisement names its sender's station (RFC 4861 §6.2.6, §6.3.4, §7.2.3). It does not prove
    /// that the sender hears us.
    pub(crate) fn introduced(&mut self, now: Instant, key: Key, station: Mac, out: &mut Vec<Ask>) {
        match self.entries.get(&key).map(|entry| &entry.state) {
            Some(State::Static { .. }) => {}
            Some(State::Known { station: known, .. }) if *known == station => {}
            Some(_) => self.resolve(now, key, station, Belief::Stale, out),
            None => self.meet(now, key, station, Belief::Stale, out),
        }
    }

    /// It says that it is a router, or a host (RFC 4861 §6.2.6, §6.3.4, §7.2.5).
    pub(crate) fn is_router(&mut self, key: Key, router: bool) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.router = router;
        }
    }

    /// A neighbour advertisement (RFC 4861 §7.2.5). One about somebody whom nobody has asked for says nothing.
    pub(crate) fn advertised(
        &mut self,
        now: Instant,
        key: Key,
        station: Option<Mac>,
        flags: Flags,
        out: &mut Vec<Ask>,
    ) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let belief = if flags.solicited { Belief::Reachable } else { Belief::Stale };
        match &mut entry.state {
            State::Static { .. } => return,
            State::Incomplete { .. } | State::Failed => {
                let Some(station) = station else { return };
                self.resolve(now, key, station, belief, out);
            }
            State::Known { station: known, belief: held } => {
                let known = *known;
                let other = station.filter(|station| *station != known);
                match other {
                    Some(_) if !flags.overrides => {
                        // Somebody else says so: what is known is in doubt, and stays.
                        if *held == Belief::Reachable {
                            *held = Belief::Stale;
                            let due = self.due_of(now, key, Belief::Stale);
                            self.set_due(key, due);
                        }
                        return;
                    }
                    Some(station) => self.resolve(now, key, station, belief, out),
                    None if flags.solicited => self.resolve(now, key, known, Belief::Reachable, out),
                    None => {}
                }
            }
        }
        self.is_router(key, flags.router);
    }

    /// What was sent to it has been answered (RFC 4861 §7.3.1).
    pub(crate) fn confirmed(&mut self, now: Instant, key: Key, out: &mut Vec<Ask>) {
        if let Some(State::Known { station, .. }) = self.entries.get(&key).map(|entry| &entry.state) {
            self.resolve(now, key, *station, Belief::Reachable, out);
        }
    }

    /// It is used: somebody who has not been heard of for long is to be asked (RFC 4861 §7.3.3).
    pub(crate) fn used(&mut self, now: Instant, key: Key) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if let State::Known { belief: belief @ Belief::Stale, .. } = &mut entry.state {
            *belief = Belief::Delay;
            let due = self.due_of(now, key, Belief::Delay);
            self.set_due(key, due);
        }
    }

    /// A neighbour is configured, or not any more.
    pub(crate) fn fix(&mut self, key: Key, station: Option<Mac>, out: &mut Vec<Ask>) {
        let is_static = |entry: &Entry| matches!(entry.state, State::Static { .. });
        let Some(station) = station else {
            if self.entries.get(&key).is_some_and(is_static) {
                self.remove(key, out);
            }
            return;
        };
        if let Some(Entry { state: State::Incomplete { waiting, .. }, .. }) = self.entries.get_mut(&key) {
            let waiting = std::mem::take(waiting);
            self.waiting -= waiting.len();
            out.extend(waiting.into_iter().map(|packet| Ask::Deliver { key, station, packet }));
        }
        self.remove(key, out);
        // There is always a place for what is configured.
        self.made += 1;
        self.shelf(key.0).count += 1;
        self.fixed.insert(key, station);
        let entry = Entry { number: self.made, ..Entry::new(State::Static { station }, true) };
        self.entries.insert(key, entry);
    }

    /// Somebody is met who was not asked for.
    fn meet(&mut self, now: Instant, key: Key, station: Mac, belief: Belief, out: &mut Vec<Ask>) {
        let entry = Entry { heard: now, ..Entry::new(State::Known { station, belief }, false) };
        if self.insert(key, entry, out) {
            let due = self.due_of(now, key, belief);
            self.set_due(key, due);
        }
    }

    /// There is an entry, and this is its station.
    fn resolve(&mut self, now: Instant, key: Key, station: Mac, belief: Belief, out: &mut Vec<Ask>) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let other = entry.station() != Some(station);
        let waiting = match std::mem::replace(&mut entry.state, State::Known { station, belief }) {
            State::Incomplete { waiting, .. } => waiting,
            State::Known { .. } | State::Static { .. } | State::Failed => Default::default(),
        };
        entry.heard = now;
        self.waiting -= waiting.len();
        let (wanted, number) = (entry.wanted, entry.number);
        self.pace.forget(key, entry.queued.take());
        if wanted {
            self.spare.remove(&(key.0, number, key.1));
        }
        if wanted && other {
            out.push(Ask::Adjacency { key, station: Some(station) });
        }
        out.extend(waiting.into_iter().map(|packet| Ask::Deliver { key, station, packet }));
        self.set_due(key, NEVER);
        let due = self.due_of(now, key, belief);
        self.set_due(key, due);
        // Whoever is wanted and is somewhere else now is used: it is asked whether that is so.
        if wanted && other {
            self.used(now, key);
        }
    }
}
