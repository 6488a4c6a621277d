//! What follows when units come, go, and change their roles.

use super::{Awaited, Order, Phase, Procedure, READY_WITHIN, Units, Upgrade};
use fabric_proto::time::Instant;

/// What became of the unit that was told to reset.
enum Outcome {
    Waiting,
    Ready,
    Failed(&'static str),
}

impl Procedure {
    /// This unit is active from here on, whether that was planned or not.
    pub fn took_over(&mut self, now: Instant, own: &str) -> Vec<Order> {
        let Some(upgrade) = &mut self.upgrade else { return Vec::new() };
        self.handing_over = false;
        self.awaited = None;
        let renewed = own == upgrade.to;
        let log = match (upgrade.phase, renewed) {
            (Phase::Loading | Phase::Loaded | Phase::Running, true) => {
                upgrade.phase = Phase::Running;
                self.until = (!self.rollback.is_zero()).then(|| now + self.rollback);
                format!("%ISSU_PROCESS-5-RUNVERSION: release {own} is active: acceptversion is next")
            }
            (Phase::Loading | Phase::Loaded, false) => {
                upgrade.phase = Phase::Aborting;
                format!("%ISSU_PROCESS-4-ABORTED: release {own} is active again before the new one was ready")
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
    pub fn not_handed_over(&mut self, why: &str) -> Vec<Order> {
        if !std::mem::take(&mut self.handing_over) {
            return Vec::new();
        }
        if let Some(upgrade) = self.upgrade.as_mut().filter(|upgrade| upgrade.phase == Phase::Running) {
            upgrade.phase = Phase::Loaded;
        }
        vec![Order::Log(format!("%ISSU_PROCESS-3-NO_SWITCHOVER: {why}"))]
    }

    /// Looks at both units: what was waited for may have come, or will not come any more. An active calls it after whatever
    /// may have changed them, and at [`Procedure::deadline`].
    pub fn look(&mut self, now: Instant, units: &Units<'_>) -> Vec<Order> {
        let Some(Upgrade { from, to, phase }) = self.upgrade.clone() else { return Vec::new() };
        let outcome = self.outcome(now, units, if phase == Phase::Aborting { &from } else { &to });
        match phase {
            Phase::Loading => match outcome {
                Outcome::Waiting => Vec::new(),
                Outcome::Ready => {
                    self.enter(Phase::Loaded);
                    vec![Order::Log(format!(
                        "%ISSU_PROCESS-6-LOADVERSION: the standby is ready on release {to}: runversion is next"
                    ))]
                }
                Outcome::Failed(why) => {
                    self.enter(Phase::Aborting);
                    let log = Order::Log(format!("%ISSU_PROCESS-4-ABORTED: release {to} was not loaded: {why}"));
                    [log].into_iter().chain(self.go_back(now, units)).collect()
                }
            },
            Phase::Running if self.until.is_some_and(|until| until <= now) => {
                self.until = None;
                // A standby that is not ready now is waited for: this way or that, the new release does not stay.
                self.enter(Phase::Aborting);
                let log = Order::Log(format!(
                    "%ISSU_PROCESS-4-ROLLBACK: release {to} was not accepted in time: back to release {from}"
                ));
                [log].into_iter().chain(self.go_back(now, units)).collect()
            }
            Phase::Loaded | Phase::Running | Phase::Accepted => Vec::new(),
            Phase::Committing => match outcome {
                Outcome::Waiting => Vec::new(),
                Outcome::Ready => {
                    *self = Self { rollback: self.rollback, ..Self::default() };
                    vec![Order::Log(format!("%ISSU_PROCESS-6-COMMITTED: both units run release {to}"))]
                }
                Outcome::Failed(why) => {
                    self.enter(Phase::Accepted);
                    vec![Order::Log(format!(
                        "%ISSU_PROCESS-3-NOT_COMMITTED: the standby was not renewed to {to}: {why}: commitversion again"
                    ))]
                }
            },
            Phase::Aborting => match outcome {
                Outcome::Ready if units.own.release == from => {
                    *self = Self { rollback: self.rollback, ..Self::default() };
                    vec![Order::Log(format!("%ISSU_PROCESS-6-ABORTED: both units run release {from}"))]
                }
                Outcome::Waiting | Outcome::Ready | Outcome::Failed(_) => self.go_back(now, units),
            },
        }
    }

    /// The next step back, if one can be taken now: to hand over to the old release, or to give it to the other unit.
    pub(super) fn go_back(&mut self, now: Instant, units: &Units<'_>) -> Vec<Order> {
        let Some(from) = self.upgrade.as_ref().map(|upgrade| upgrade.from.clone()) else { return Vec::new() };
        if units.own.release != from {
            let can = units.ready && units.peer.is_some_and(|peer| peer.release == from) && !self.handing_over;
            self.handing_over |= can;
            return can.then_some(Order::Switchover).into_iter().collect();
        }
        // A unit that is on its way already is not reset twice; one that did not come is tried again after a while.
        let on_its_way = self.awaited.is_some_and(|awaited| now < awaited.until && awaited.new.is_none());
        let has_it = units.peer.is_some_and(|peer| peer.release == from);
        if on_its_way || has_it { Vec::new() } else { vec![self.reset(now, units, from, "is back")] }
    }

    pub(super) fn reset(&mut self, now: Instant, units: &Units<'_>, release: String, what: &str) -> Order {
        let old = units.peer.map_or(0, |peer| peer.boot);
        self.awaited = Some(Awaited { old, new: None, until: now + READY_WITHIN });
        let slot = units.own.slot.peer().unwrap_or(units.own.slot);
        let reason = format!("release {release} {what}");
        Order::Reset { slot, release, reason }
    }

    /// What became of the other unit, which is to be ready on `release`.
    fn outcome(&mut self, now: Instant, units: &Units<'_>, release: &str) -> Outcome {
        if let Some(awaited) = &mut self.awaited {
            match (units.peer.map(|peer| peer.boot), awaited.new) {
                (Some(boot), None) if boot != awaited.old => awaited.new = Some(boot),
                (Some(boot), Some(new)) if boot != new => return self.failed("it failed while it came up"),
                (None, Some(_)) => return self.failed("it failed while it came up"),
                (Some(_) | None, None) | (Some(_), Some(_)) => {}
            }
            if awaited.new.is_some() && units.peer.is_some_and(|peer| peer.release != release) {
                return self.failed("it came up on another release");
            }
            if awaited.until <= now {
                return self.failed("it was not ready in time");
            }
        }
        let renewed = units
            .peer
            .is_some_and(|peer| peer.release == release && self.awaited.is_none_or(|awaited| awaited.old != peer.boot));
        if renewed && units.ready {
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
