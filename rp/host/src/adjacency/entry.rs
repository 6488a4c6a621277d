//! One neighbour.

use super::{Class, Key, Neighbours};
use fabric_proto::{fib::Mac, time::Instant};
use std::collections::VecDeque;

/// What is known of a neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) state: State,
    /// Whether somebody has wanted to send to it: only then the forwarding table has it.
    pub(super) wanted: bool,
    /// Whether it says that it is a router (RFC 4861 §7.2.5).
    pub(super) router: bool,
    /// When something is to be done about it; [`NEVER`] if nothing is.
    pub(super) due: Instant,
    /// When it was heard of last.
    pub(super) heard: Instant,
    /// The queue that it waits in to be asked.
    pub(super) queued: Option<Class>,
    /// Its place in the order in which entries were made.
    pub(super) number: u64,
}

/// No time at all.
pub(super) const NEVER: Instant = Instant(u64::MAX);

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Configured: nothing that arrives changes it.
    Static { station: Mac },
    /// It was asked so often, and has not answered.
    Incomplete { asked: u8, waiting: VecDeque<Vec<u8>> },
    /// It has a station.
    Known { station: Mac, belief: Belief },
    /// It has not answered. For a while it is not asked again.
    Failed,
}

/// How far a station is believed (RFC 4861 §7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// Heard of a short while ago.
    Reachable,
    /// Not heard of for long, and not used since.
    Stale,
    /// Used since: it is asked soon, unless it is heard of.
    Delay,
    /// It was asked so often: first itself, then everybody.
    Probe { asked: u8 },
}

/// A neighbour as show commands have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its station address, where that is known.
    pub station: Option<Mac>,
    /// How far it is believed.
    pub reachability: Reachability,
    /// Whether it says that it is a router.
    pub router: bool,
    /// Whether the forwarding table has it.
    pub programmed: bool,
    /// When it was heard of last; `None` where it never was.
    pub heard: Option<Instant>,
}

/// The states of RFC 4861 §7.3.2, and those of entries that are none of its.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// Configured.
    Static,
    /// Asked, and it has not answered yet.
    Incomplete,
    /// Heard of.
    Reachable,
    /// Not heard of for long.
    Stale,
    /// Used since.
    Delay,
    /// Asked after.
    Probe,
    /// It does not answer.
    Unreachable,
}

impl Entry {
    pub(super) fn new(state: State, wanted: bool) -> Self {
        Self { state, wanted, router: false, due: NEVER, heard: NEVER, queued: None, number: 0 }
    }

    /// One that somebody wants, and of whom nothing is known.
    pub(super) fn asked_for() -> Self {
        Self::new(State::Incomplete { asked: 0, waiting: VecDeque::new() }, true)
    }

    pub(super) fn station(&self) -> Option<Mac> {
        match self.state {
            State::Static { station } | State::Known { station, .. } => Some(station),
            State::Incomplete { .. } | State::Failed => None,
        }
    }

    /// Whether the forwarding table has it from here. Static ones it has from the configuration.
    pub(super) fn is_programmed(&self) -> bool {
        self.wanted && matches!(self.state, State::Known { .. })
    }

    pub(super) fn shown(&self) -> Neighbour {
        let reachability = match &self.state {
            State::Static { .. } => Reachability::Static,
            State::Incomplete { .. } => Reachability::Incomplete,
            State::Failed => Reachability::Unreachable,
            State::Known { belief, .. } => match belief {
                Belief::Reachable => Reachability::Reachable,
                Belief::Stale => Reachability::Stale,
                Belief::Delay => Reachability::Delay,
                Belief::Probe { .. } => Reachability::Probe,
            },
        };
        let heard = (self.heard != NEVER).then_some(self.heard);
        let programmed = self.is_programmed();
        Neighbour { station: self.station(), reachability, router: self.router, programmed, heard }
    }
}

impl Neighbours {
    /// Sets when something is to be done about a neighbour.
    pub(super) fn set_due(&mut self, key: Key, due: Instant) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let before = std::mem::replace(&mut entry.due, due);
        self.timers.remove(&(before, key));
        if due != NEVER {
            self.timers.insert((due, key));
        }
    }
}
