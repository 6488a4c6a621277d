//! What is done to a wire's frames on purpose: impairments, as between the cards of a chassis, and known outages.
//!
//! An outage takes test packets only, so that its count is the load's; an impairment takes whatever comes, and says apart how much
//! of it was test packets. Neither ends with the connection: a wire that is plugged in again is as bad as before.

use super::{Shared, add};
use crate::request::{Outage, Ways};
use fabric_proto::{
    drops::DropCause,
    impair::{Dice, Fate, Line},
    load::is_test_packet,
    operator::{DropOrder, Impairment},
    outage::Dropping,
    time::Instant,
};
use nix::time::{ClockId, clock_gettime};
use std::{
    sync::{PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, Instant as Clock},
};

/// Outages that are remembered: more than a trial has.
const OUTAGES_MAX: usize = 4_096;

/// What somebody wants done to a wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    /// From now on; the default heals.
    Impair(Ways, Impairment),
    /// For a time; none ends the one in force.
    Drop(Ways, DropOrder),
}

/// A direction of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Into,
    OutOf,
}

impl Way {
    const ALL: [Self; 2] = [Self::Into, Self::OutOf];

    const fn is_among(self, ways: Ways) -> bool {
        match ways {
            Ways::Both => true,
            Ways::Into => matches!(self, Self::Into),
            Ways::OutOf => matches!(self, Self::OutOf),
        }
    }
}

/// What becomes of a frame now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meets {
    /// It goes on, so many times.
    Copies(u8),
    /// It is dropped under a cause.
    Gone(DropCause),
    /// It goes on later.
    Held,
}

#[derive(Debug, Default)]
struct Lane {
    dice: Option<Dice>,
    line: Line<Box<[u8]>>,
}

/// A wire's troubles, both ways.
#[derive(Debug)]
pub(super) struct Trouble {
    lanes: [Lane; 2],
    outage: Option<(Dropping, Ways)>,
    /// When frames were last read.
    read: Instant,
    now: Clock,
    is_none: bool,
}

impl Trouble {
    pub(super) fn new() -> Self {
        Self { lanes: Default::default(), outage: None, read: monotonic(), now: Clock::now(), is_none: true }
    }

    /// Whether nothing at all is to be done.
    pub(super) fn is_none(&self) -> bool {
        self.is_none
    }

    /// Frames are read now.
    pub(super) fn reads(&mut self) {
        self.read = monotonic();
        if !self.is_none {
            self.now = Clock::now();
            let read = self.read;
            if let Some((outage, _)) = &mut self.outage {
                outage.takes_of(read);
            }
        }
    }

    /// What becomes of a frame of those that were read last.
    pub(super) fn meets(&mut self, way: Way, frame: &[u8]) -> Meets {
        let (now, read) = (self.now, self.read);
        if let Some((outage, ways)) = &mut self.outage
            && way.is_among(*ways)
            && outage.in_force(read)
            && is_test_packet(frame)
            && outage.takes_next()
        {
            return Meets::Gone(DropCause::Injected);
        }
        let lane = &mut self.lanes[way as usize];
        let Some(dice) = &mut lane.dice else { return Meets::Copies(1) };
        match dice.roll(now, frame.len()) {
            Fate::Drop | Fate::Overflow => Meets::Gone(DropCause::WireImpaired),
            Fate::Send { delay: Duration::ZERO, copies } => Meets::Copies(copies),
            Fate::Send { delay, copies } => {
                let held = (0..copies).filter(|_| lane.line.hold(now + delay, frame.into()).is_some()).count();
                if held > 0 { Meets::Held } else { Meets::Gone(DropCause::WireImpaired) }
            }
        }
    }

    /// The next frame whose time has come; and, with the cause, one that a partition has cut off meanwhile.
    pub(super) fn due(&mut self, way: Way) -> Option<(Box<[u8]>, Option<DropCause>)> {
        let lane = &mut self.lanes[way as usize];
        let frame = lane.line.pop(Clock::now())?;
        let is_cut = lane.dice.as_ref().is_some_and(|dice| dice.impairment().partition);
        Some((frame, is_cut.then_some(DropCause::WireImpaired)))
    }

    /// How long until there is something to do; `None`: until something comes.
    pub(super) fn wait(&self) -> Option<Duration> {
        if self.is_none {
            return None;
        }
        let now = Clock::now();
        let held = self.lanes.iter().filter_map(|lane| lane.line.due()).map(|due| due.saturating_duration_since(now));
        let outage = self.outage.as_ref().and_then(|(outage, _)| outage.ends()).map(|end| end.since(monotonic()));
        held.chain(outage).min()
    }

    /// What was held back and cannot go any more.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Box<[u8]>> + '_ {
        self.lanes.iter_mut().flat_map(|lane| lane.line.drain())
    }

    /// Does as it is told; the outage that is over then.
    fn obey(&mut self, order: Order) -> Option<Outage> {
        let mut over = None;
        match order {
            Order::Impair(ways, impairment) => {
                for way in Way::ALL.into_iter().filter(|way| way.is_among(ways)) {
                    let dice = (impairment != Impairment::default()).then(|| Dice::new(impairment));
                    self.lanes[way as usize].dice = dice;
                }
            }
            Order::Drop(ways, order) => {
                let now = monotonic();
                over = self.outage.take().map(|(outage, ways)| Outage { ways, dropped: outage.finish(now) });
                self.outage = Dropping::new(now, self.read, order).map(|outage| (outage, ways));
            }
        }
        self.weigh();
        over
    }

    /// The outage whose time is up.
    fn over(&mut self) -> Option<Outage> {
        let now = monotonic();
        let over = self.outage.take_if(|(outage, _)| !outage.in_force(now));
        over.map(|(outage, ways)| Outage { ways, dropped: outage.finish(now) })
    }

    fn weigh(&mut self) {
        self.is_none =
            self.outage.is_none() && self.lanes.iter().all(|lane| lane.dice.is_none() && lane.line.due().is_none());
    }
}

impl Shared {
    /// Takes orders, and ends what is over.
    pub(super) fn settle(&self, trouble: &mut Trouble) {
        if self.ordered.swap(false, Relaxed) {
            let orders = std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner));
            for over in orders.into_iter().filter_map(|order| trouble.obey(order)) {
                self.remember(over);
            }
        }
        if !trouble.is_none {
            if let Some(over) = trouble.over() {
                self.remember(over);
            }
            trouble.weigh();
        }
    }

    fn remember(&self, over: Outage) {
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        if outages.len() < OUTAGES_MAX {
            outages.push(over);
        }
    }

    /// Counts frames that are dropped under a cause, as far as they are test packets.
    pub(super) fn lost(&self, cause: DropCause, tests: u64) {
        let counter = super::CAUSES.iter().position(|counted| *counted == cause);
        if let Some(counter) = counter.and_then(|at| self.counters.drops.get(at)) {
            add(counter, tests);
        }
    }
}

/// The clock that instants of all programs of a host are on.
fn monotonic() -> Instant {
    match clock_gettime(ClockId::CLOCK_MONOTONIC) {
        Ok(time) => Instant(time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs()),
        // Every Linux kernel has one.
        Err(_) => Instant(0),
    }
}

#[cfg(test)]
mod tests;
