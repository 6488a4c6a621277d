//! What follows when units come, go, and change their roles.

use super::{Awaited, Busy, Order, PAUSE, Phase, Procedure, READY_WITHIN, RUNS_MAX, Units, Upgrade};
use fabric_proto::time::Instant;

/// What became of the other unit.
#[derive(Clone, Copy)]
enum Outcome {
    Waiting,
    /// It runs the release that it is to run, and can take over.
    Ready,
    Failed(&'static str),
}

impl Procedure {
    /// This unit is active from here on, whether that was planned or not, and whether or not it has just booted.
    pub fn took_over(&mut self, now: Instant, own: &str) -> Vec<Order> {
        let Some(upgrade) = &mut self.upgrade else { return Vec::new() };
        self.handing_over = false;
        self.not_before = None;
        self.awaited = None;
        self.until = None;
        let (renewed, old) = (own == upgrade.to, own == upgrade.from);
        if !renewed && !old {
            // Somebody gave the unit a third release by hand: there is nothing to go on with, or back to.
            let Upgrade { from, to, .. } = upgrade;
            let log =
                format!("%ISSU_PROCESS-4-VOID: release {own} is active, the upgrade was from {from} to {to}: it ends");
            self.upgrade = None;
            return vec![Order::Log(log)];
        }
        let log = match (upgrade.phase, renewed) {
            (Phase::Loading | Phase::Loaded | Phase::Running, true) => {
                upgrade.phase = Phase::Running;
                self.until = (!self.rollback.is_zero()).then(|| now + self.rollback);
                format!("%ISSU_PROCESS-5-RUNVERSION: release {own} is active: acceptversion is next")
            }
            (Phase::Loading | Phase::Loaded, false) => {
                upgrade.phase = Phase::Aborting;
                format!("%ISSU_PROCESS-4-ABORTED: release {own} is active again before the new one was")
            }
            (Phase::Running | Phase::Accepted | Phase::Committing, false) => {
                upgrade.phase = Phase::Aborting;
                format!("%ISSU_PROCESS-4-ABORTED: release {} has failed: release {own} is active again", upgrade.to)
            }
            (Phase::Accepted | Phase::Committing | Phase::Aborting, true) | (Phase::Aborting, false) => {
                return Vec::new();
            }
        };
        vec![Order::Log(log)]
    }

    /// The standby was asked to take over and cannot.
    pub fn not_handed_over(&mut self, now: Instant, why: &str) -> Vec<Order> {
        if !std::mem::take(&mut self.handing_over) {
            return Vec::new();
        }
        if let Some(upgrade) = self.upgrade.as_mut().filter(|upgrade| upgrade.phase == Phase::Running) {
            upgrade.phase = Phase::Loaded;
        }
        self.not_before = Some(now + PAUSE);
        vec![Order::Log(format!("%ISSU_PROCESS-3-NO_SWITCHOVER: {why}"))]
    }

    /// Looks at both units: what was waited for may have come, or will not come any more. An active calls it after whatever
    /// may have changed them, and at [`Procedure::deadline`].
    pub fn look(&mut self, now: Instant, units: &Units<'_>) -> Vec<Order> {
        let Some(Upgrade { from, to, phase, .. }) = self.upgrade.clone() else { return Vec::new() };
        self.not_before = self.not_before.filter(|at| now < *at);
        let outcome = self.outcome(now, units, if phase == Phase::Aborting { &from } else { &to });
        match (phase, outcome) {
            (Phase::Loading, Outcome::Ready) => {
                self.enter(Phase::Loaded);
                let log =
                    format!("%ISSU_PROCESS-6-LOADVERSION: the standby is ready on release {to}: runversion is next");
                vec![Order::Log(log)]
            }
            (Phase::Loading, Outcome::Failed(why)) => {
                let log =
                    format!("%ISSU_PROCESS-4-ABORTED: release {to} was not loaded: {why}: back to release {from}");
                self.take_back(now, log, units)
            }
            (Phase::Loaded, Outcome::Waiting | Outcome::Failed(_)) => {
                // The chassis brings its standby back, on the release that it has. It is awaited as one that is loaded.
                self.enter(Phase::Loading);
                self.await_unit(now, units, false);
                let log = format!(
                    "%ISSU_PROCESS-4-STANDBY: the standby is not ready on release {to} any more: it is awaited"
                );
                vec![Order::Log(log)]
            }
            (Phase::Running, Outcome::Waiting | Outcome::Failed(_)) if self.until.is_some_and(|until| until <= now) => {
                // A standby that is not ready now is waited for: this way or that, the new release does not stay.
                let log =
                    format!("%ISSU_PROCESS-4-ROLLBACK: release {to} was not accepted in time: back to release {from}");
                self.take_back(now, log, units)
            }
            // However the other unit came by it: there is nothing left to go back to.
            (Phase::Running | Phase::Accepted | Phase::Committing, Outcome::Ready) if units.own.release == to => {
                self.end();
                vec![Order::Log(format!("%ISSU_PROCESS-6-COMMITTED: both units run release {to}"))]
            }
            (Phase::Committing, Outcome::Failed(why)) => {
                self.enter(Phase::Accepted);
                let log = format!(
                    "%ISSU_PROCESS-3-NOT_COMMITTED: the standby was not renewed to {to}: {why}: commitversion again"
                );
                vec![Order::Log(log)]
            }
            (Phase::Aborting, Outcome::Ready) if units.own.release == from => {
                self.end();
                vec![Order::Log(format!("%ISSU_PROCESS-6-ABORTED: both units run release {from}"))]
            }
            (Phase::Aborting, _) => self.go_back(now, units).into_iter().collect(),
            (Phase::Loading | Phase::Committing, Outcome::Waiting)
            | (Phase::Loaded | Phase::Committing, Outcome::Ready)
            | (Phase::Running | Phase::Accepted, _) => Vec::new(),
        }
    }

    fn end(&mut self) {
        *self = Self { rollback: self.rollback, ..Self::default() };
    }

    /// Back to the old release, from whatever phase.
    pub(super) fn take_back(&mut self, now: Instant, log: String, units: &Units<'_>) -> Vec<Order> {
        self.enter(Phase::Aborting);
        self.until = None;
        // The backplane may not have come to it yet: then the unit has the old release, and not for long.
        let on_its_way = self.awaited.take().is_some_and(|awaited| awaited.reset && awaited.new.is_none());
        let from = self.upgrade.as_ref().map(|upgrade| upgrade.from.clone());
        let next = match from.filter(|_| on_its_way) {
            Some(from) => Some(self.reset(now, units, from, "is back")),
            None => self.go_back(now, units),
        };
        [Order::Log(log)].into_iter().chain(next).collect()
    }

    /// Whether a run of the other unit was told to end.
    fn ends(&self, boot: u64) -> bool {
        self.awaited.is_some_and(|awaited| awaited.reset && awaited.old == boot)
    }

    /// The next step back, if one can be taken now: the other unit gets the old release, unless it has it; then it is handed
    /// over to, unless this one has it.
    fn go_back(&mut self, now: Instant, units: &Units<'_>) -> Option<Order> {
        let from = self.upgrade.as_ref()?.from.clone();
        let has_it = units.peer.is_some_and(|peer| peer.release == from && !self.ends(peer.boot));
        if !has_it {
            // A unit that is on its way already is not reset twice; one that did not come is tried again after a while.
            let on_its_way = self.awaited.is_some_and(|awaited| now < awaited.until && awaited.new.is_none());
            return (!on_its_way).then(|| self.reset(now, units, from, "is back"));
        }
        let asked = self.handing_over || self.not_before.is_some() || units.busy == Some(Busy::Switchover);
        let hands_over = units.own.release != from && units.ready && !asked;
        self.handing_over |= hands_over;
        hands_over.then_some(Order::Switchover)
    }

    pub(super) fn reset(&mut self, now: Instant, units: &Units<'_>, release: String, what: &str) -> Order {
        self.await_unit(now, units, true);
        let slot = units.own.slot.peer().unwrap_or(units.own.slot);
        let reason = format!("release {release} {what}");
        Order::Reset { slot, release, reason }
    }

    fn await_unit(&mut self, now: Instant, units: &Units<'_>, reset: bool) {
        let old = units.peer.map_or(0, |peer| peer.boot);
        self.awaited = Some(Awaited { old, reset, new: None, runs: 0, failures: 0, until: now + READY_WITHIN });
    }

    /// What became of the other unit, which is to be ready on `release`.
    fn outcome(&mut self, now: Instant, units: &Units<'_>, release: &str) -> Outcome {
        let peer = units.peer;
        if let Some(awaited) = &mut self.awaited {
            // One of another release is from before the reset: the backplane takes its time, and the unit may restart meanwhile.
            let runs = peer.filter(|peer| peer.release == release).map(|peer| peer.boot);
            if let Some(boot) = runs.filter(|boot| *boot != awaited.old && Some(*boot) != awaited.new) {
                // What came before it was the end of the run that was told to.
                if awaited.new.is_none() {
                    awaited.failures = units.failures;
                }
                awaited.new = Some(boot);
                awaited.runs += 1;
            }
            let failed = awaited.new.is_some() && units.failures != awaited.failures;
            if failed || awaited.runs > RUNS_MAX {
                return self.failed("it failed while it came up");
            }
            if awaited.until <= now {
                return self.failed("it was not ready in time");
            }
        }
        if units.ready && peer.is_some_and(|peer| peer.release == release && !self.ends(peer.boot)) {
            self.awaited = None;
            return Outcome::Ready;
        }
        Outcome::Waiting
    }

    fn failed(&mut self, why: &'static str) -> Outcome {
        self.awaited = None;
        Outcome::Failed(why)
    }
}
