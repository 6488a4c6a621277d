//! The upgrade itself: what each command may do, and what follows from it.
//!
//! ```text
//! Init ── loadversion ──► Load Version ── runversion ──► Run Version ── commitversion ──► Init, on the new release
//!  ▲                           │                              │ acceptversion stops the rollback timer
//!  └─────── abortversion ──────┴──── abortversion, or the ────┘
//!                                    rollback timer ends
//! ```
//!
//! The standby is renewed first and becomes active; the unit that was active stays on the old release, ready to take
//! over, until the upgrade is committed. What both units know of it ([`Upgrade`]) is checkpointed, so that whoever is active
//! after a switchover, planned or not, goes on by one rule ([`Procedure::took_over`]).

use super::refused::Refused;
use fabric_proto::{id::RpSlot, time::Instant};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// How long a new release may run before it is accepted (the field's default).
pub const ROLLBACK_DEFAULT: Duration = Duration::from_secs(45 * 60);

/// Longest time that can be set.
pub const ROLLBACK_MAX: Duration = Duration::from_secs(7200);

/// How long a unit that is reset with another release may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(600);

/// An upgrade under way, as both units know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Upgrade {
    /// The release before.
    pub from: String,
    /// The new one.
    pub to: String,
    /// How far it is.
    pub phase: Phase,
}

/// How far an upgrade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// The standby is being renewed.
    Loading,
    /// It is ready on the new release.
    Loaded,
    /// The new release is active, or about to be.
    Running,
    /// It stays active until somebody says otherwise.
    Accepted,
    /// The unit that still has the old release is being renewed.
    Committing,
    /// Back to the old release.
    Aborting,
}

/// The state of an upgrade as operators know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// None is under way.
    Init,
    /// `loadversion` was given.
    LoadVersion,
    /// `runversion` was given, or the active has failed after `loadversion`.
    RunVersion,
    /// It is being taken back.
    SystemReset,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "Init",
            Self::LoadVersion => "Load Version",
            Self::RunVersion => "Run Version",
            Self::SystemReset => "System Reset",
        })
    }
}

/// A unit and a release, as commands name them. What is left out is what it must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The unit.
    pub slot: Option<RpSlot>,
    /// The release.
    pub release: Option<String>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `issu loadversion`.
    Load {
        /// The active, and the release that it is to have in the end.
        active: Named,
        /// The standby, and the same.
        standby: Named,
        /// Whether a loss of state is accepted.
        forced: bool,
    },
    /// `issu runversion`: of the standby.
    Run(Named),
    /// `issu acceptversion`: of the active.
    Accept(Named),
    /// `issu commitversion`: of the standby.
    Commit(Named),
    /// `issu abortversion`.
    Abort(Named),
}

/// One of the two units, as the active sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit<'a> {
    /// Its slot.
    pub slot: RpSlot,
    /// The release that it runs.
    pub release: &'a str,
    /// Which run of its program it is.
    pub boot: u64,
}

/// Both, and what else matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units<'a> {
    /// The active.
    pub own: Unit<'a>,
    /// The other one, if it is there.
    pub peer: Option<Unit<'a>>,
    /// Whether that can take over as the operating mode promises.
    pub ready: bool,
    /// What keeps commands from being carried out, if anything.
    pub busy: Option<&'static str>,
}

/// What is known of a release that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its name.
    pub release: String,
    /// Why state would be lost on the way between it and the active's release; `None` where none is.
    pub loses: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Backplane: reset this unit with this release.
    Reset {
        /// The unit.
        slot: RpSlot,
        /// The release.
        release: String,
        /// Why.
        reason: String,
    },
    /// Hand over to the standby.
    Switchover,
    /// For the log.
    Log(String),
}

/// The upgrade of one chassis, on one of its units. Only an active is given commands; a standby follows what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure {
    upgrade: Option<Upgrade>,
    rollback: Duration,
    /// When the new release is taken back unless it is accepted.
    until: Option<Instant>,
    awaited: Option<Awaited>,
    /// A switchover was asked for, and has not happened.
    handing_over: bool,
}

/// A unit that was told to reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    /// The run that ends; 0 where none was there.
    old: u64,
    /// The run that came instead.
    new: Option<u64>,
    until: Instant,
}

impl Default for Procedure {
    fn default() -> Self {
        Self { upgrade: None, rollback: ROLLBACK_DEFAULT, until: None, awaited: None, handing_over: false }
    }
}

impl Procedure {
    /// What is under way.
    pub fn upgrade(&self) -> Option<&Upgrade> {
        self.upgrade.as_ref()
    }

    /// Its state, as operators know it.
    pub fn state(&self) -> State {
        match self.upgrade.as_ref().map(|upgrade| upgrade.phase) {
            None => State::Init,
            Some(Phase::Loading | Phase::Loaded) => State::LoadVersion,
            Some(Phase::Running | Phase::Accepted | Phase::Committing) => State::RunVersion,
            Some(Phase::Aborting) => State::SystemReset,
        }
    }

    /// How long a new release may run before it is accepted; zero: as long as it likes.
    pub fn rollback(&self) -> Duration {
        self.rollback
    }

    /// When the new release is taken back unless it is accepted.
    pub fn rolls_back_at(&self) -> Option<Instant> {
        self.until
    }

    /// When [`Procedure::look`] is to be called at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.until.into_iter().chain(self.awaited.map(|awaited| awaited.until)).min()
    }

    /// A standby is told how far the active is.
    pub fn follow(&mut self, upgrade: Option<Upgrade>, rollback: Duration) {
        *self = Self { upgrade, rollback, ..Self::default() };
    }

    /// `issu set rollback-timer`.
    pub fn set_rollback(&mut self, rollback: Duration) -> Result<(), Refused> {
        if rollback > ROLLBACK_MAX {
            return Err(Refused::Timer);
        }
        // Of an upgrade that runs, it is not changed: the operator knows how long he has.
        match &self.upgrade {
            Some(_) => Err(Refused::UnderWay(self.state())),
            None => {
                self.rollback = rollback;
                Ok(())
            }
        }
    }

    /// Carries out a command, or refuses it and changes nothing.
    pub fn command(
        &mut self,
        now: Instant,
        command: Command,
        units: &Units<'_>,
        images: &[Image],
    ) -> Result<Vec<Order>, Refused> {
        if let Some(busy) = units.busy {
            return Err(Refused::Busy(busy));
        }
        match command {
            Command::Load { active, standby, forced } => self.load(now, (&active, &standby), forced, units, images),
            Command::Run(named) => self.run(&named, units),
            Command::Accept(named) => self.accept(&named, units),
            Command::Commit(named) => self.commit(now, &named, units),
            Command::Abort(_) => self.abort(now, "as asked for", units),
        }
    }

    fn load(
        &mut self,
        now: Instant,
        (active, standby): (&Named, &Named),
        forced: bool,
        units: &Units<'_>,
        images: &[Image],
    ) -> Result<Vec<Order>, Refused> {
        if self.upgrade.is_some() {
            return Err(Refused::UnderWay(self.state()));
        }
        let peer = Self::ready(units)?;
        slot_is(active, units.own.slot, "active")?;
        slot_is(standby, peer.slot, "standby")?;
        let to = standby.release.as_deref().or(active.release.as_deref()).ok_or(Refused::NoRelease)?;
        if active.release.as_deref().is_some_and(|release| release != to) {
            return Err(Refused::TwoReleases);
        }
        let known = || images.iter().map(|image| image.release.as_str()).collect::<Vec<_>>().join(", ");
        let image = images.iter().find(|image| image.release == to);
        let image = image.ok_or_else(|| Refused::Unknown { release: to.to_owned(), known: known() })?;
        if to == units.own.release {
            return Err(Refused::Same(to.to_owned()));
        }
        if let Some(loses) = image.loses.as_ref().filter(|_| !forced) {
            return Err(Refused::Loses { release: to.to_owned(), what: loses.clone() });
        }
        let from = units.own.release.to_owned();
        self.upgrade = Some(Upgrade { from, to: to.to_owned(), phase: Phase::Loading });
        Ok(vec![self.reset(now, units, to.to_owned(), "is loaded")])
    }

    fn run(&mut self, named: &Named, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let to = self.in_phase(&[Phase::Loaded], "loadversion")?.to.clone();
        let peer = Self::ready(units)?;
        named_is(named, peer.slot, &to, "standby")?;
        self.enter(Phase::Running);
        self.handing_over = true;
        Ok(vec![Order::Switchover])
    }

    fn accept(&mut self, named: &Named, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let to = self.in_phase(&[Phase::Running], "runversion")?.to.clone();
        named_is(named, units.own.slot, &to, "active")?;
        self.enter(Phase::Accepted);
        self.until = None;
        Ok(vec![Order::Log(format!("%ISSU_PROCESS-6-ACCEPTED: release {to} stays active: commitversion is next"))])
    }

    fn commit(&mut self, now: Instant, named: &Named, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let to = self.in_phase(&[Phase::Running, Phase::Accepted], "runversion")?.to.clone();
        if units.own.release != to {
            return Err(Refused::Busy("the switchover to the new release is not over"));
        }
        let other = units.own.slot.peer().ok_or(Refused::NoStandby)?;
        named_is(named, other, &to, "standby")?;
        self.enter(Phase::Committing);
        self.until = None;
        Ok(vec![self.reset(now, units, to, "is committed")])
    }

    fn abort(&mut self, now: Instant, why: &str, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let Some(upgrade) = &self.upgrade else { return Err(Refused::NothingToAbort) };
        let (from, to) = (upgrade.from.clone(), upgrade.to.clone());
        match upgrade.phase {
            Phase::Aborting => return Err(Refused::UnderWay(self.state())),
            // The other unit no longer has the old release to go back to.
            Phase::Committing => return Err(Refused::Committing),
            Phase::Loading | Phase::Loaded => {}
            Phase::Running | Phase::Accepted => {
                Self::ready(units)?;
            }
        }
        self.enter(Phase::Aborting);
        self.until = None;
        let log = Order::Log(format!("%ISSU_PROCESS-5-ABORT: back from release {to} to {from}: {why}"));
        Ok([log].into_iter().chain(self.go_back(now, units)).collect())
    }

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
    fn go_back(&mut self, now: Instant, units: &Units<'_>) -> Vec<Order> {
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

    fn reset(&mut self, now: Instant, units: &Units<'_>, release: String, what: &str) -> Order {
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
        let renewed = units.peer.is_some_and(|peer| {
            peer.release == release && self.awaited.is_none_or(|awaited| awaited.old != peer.boot)
        });
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

    fn ready<'a>(units: &Units<'a>) -> Result<Unit<'a>, Refused> {
        let peer = units.peer.ok_or(Refused::NoStandby)?;
        if units.ready { Ok(peer) } else { Err(Refused::NotReady(peer.slot)) }
    }

    fn in_phase(&self, wanted: &[Phase], first: &'static str) -> Result<&Upgrade, Refused> {
        let upgrade = self.upgrade.as_ref().ok_or(Refused::OutOfOrder { state: State::Init, first: "loadversion" })?;
        match wanted.contains(&upgrade.phase) {
            true => Ok(upgrade),
            false if upgrade.phase == Phase::Loading => Err(Refused::StillLoading),
            false => Err(Refused::OutOfOrder { state: self.state(), first }),
        }
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.phase = phase;
        }
    }
}

enum Outcome {
    Waiting,
    Ready,
    Failed(&'static str),
}

fn slot_is(named: &Named, slot: RpSlot, role: &'static str) -> Result<(), Refused> {
    match named.slot {
        Some(given) if given != slot => Err(Refused::WrongSlot { given, role, is: slot }),
        Some(_) | None => Ok(()),
    }
}

fn named_is(named: &Named, slot: RpSlot, release: &str, role: &'static str) -> Result<(), Refused> {
    slot_is(named, slot, role)?;
    match &named.release {
        Some(given) if given != release => {
            Err(Refused::WrongRelease { given: given.clone(), is: release.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
