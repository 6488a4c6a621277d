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
//!
//! * `words.rs`: what it is told and what it orders
//! * `steps.rs`: what follows when units come, go, and change their roles

mod steps;
mod words;

pub use words::{Busy, Command, Loadable, Named, Order, Phase, State, Unit, Units, Upgrade};

use super::refused::Refused;
use fabric_proto::{id::RpSlot, time::Instant};
use std::time::Duration;

/// How long a new release may run before it is accepted (the field's default).
pub const ROLLBACK_DEFAULT: Duration = Duration::from_secs(45 * 60);

/// Longest time that can be set.
pub const ROLLBACK_MAX: Duration = Duration::from_secs(7200);

/// How long a unit that is reset with another release may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(600);

/// Runs of its program until then. One may end itself and start anew: units that meet find out in which mode they operate.
const RUNS_MAX: u32 = 4;

/// Between two attempts to hand over on the way back.
const PAUSE: Duration = Duration::from_secs(1);

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
    /// It was refused: the next attempt is not before this.
    not_before: Option<Instant>,
}

/// A unit that is to come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    /// The run that was there; 0 where none was.
    old: u64,
    /// Whether that was told to end.
    reset: bool,
    /// The run that came instead.
    new: Option<u64>,
    /// How many have come.
    runs: u32,
    /// Failures of the other unit that had been counted when the first of them came.
    failures: u32,
    until: Instant,
}

impl Default for Procedure {
    fn default() -> Self {
        Self {
            upgrade: None,
            rollback: ROLLBACK_DEFAULT,
            until: None,
            awaited: None,
            handing_over: false,
            not_before: None,
        }
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
        [self.until, self.not_before, self.awaited.map(|awaited| awaited.until)].into_iter().flatten().min()
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
        images: &[Loadable],
    ) -> Result<Vec<Order>, Refused> {
        // On the way back, only what is on its way itself is waited for.
        let aborts = matches!(command, Command::Abort(_));
        if let Some(busy) = units.busy.filter(|busy| !aborts || *busy == Busy::Switchover) {
            return Err(Refused::Busy(busy));
        }
        match command {
            Command::Load { active, standby, forced } => self.load(now, (&active, &standby), forced, units, images),
            Command::Run(named) => self.run(&named, units),
            Command::Accept(named) => self.accept(&named, units),
            Command::Commit(named) => self.commit(now, &named, units),
            Command::Abort(named) => self.abort(now, &named, units),
        }
    }

    fn load(
        &mut self,
        now: Instant,
        (active, standby): (&Named, &Named),
        forced: bool,
        units: &Units<'_>,
        images: &[Loadable],
    ) -> Result<Vec<Order>, Refused> {
        match self.upgrade.as_ref().map(|upgrade| upgrade.phase) {
            Some(Phase::Committing) => return Err(Refused::Committing),
            Some(Phase::Aborting) => return Err(Refused::Aborting),
            Some(Phase::Loading | Phase::Loaded | Phase::Running | Phase::Accepted) => {
                return Err(Refused::UnderWay(self.state()));
            }
            None => {}
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
        // It would not know of the upgrade, and could neither go on with it nor back.
        if !image.negotiates {
            return Err(Refused::Unable(to.to_owned()));
        }
        if to == units.own.release {
            return Err(Refused::Same(to.to_owned()));
        }
        if let Some(loses) = image.loses.as_deref().or(units.loses).filter(|_| !forced) {
            return Err(Refused::Loses { release: to.to_owned(), what: loses.to_owned() });
        }
        let from = units.own.release.to_owned();
        self.upgrade = Some(Upgrade { from, to: to.to_owned(), forced, phase: Phase::Loading });
        Ok(vec![self.reset(now, units, to.to_owned(), "is loaded")])
    }

    fn run(&mut self, named: &Named, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let Upgrade { to, forced, .. } = self.in_phase(&[Phase::Loaded], "loadversion")?.clone();
        let peer = Self::ready(units)?;
        if peer.release != to {
            return Err(Refused::StillLoading);
        }
        named_is(named, peer.slot, &to, "standby")?;
        // What was stored of the two may be less than what they have found out when they met.
        if let Some(what) = units.loses.filter(|_| !forced) {
            return Err(Refused::WouldLose { release: to, what: what.to_owned() });
        }
        self.enter(Phase::Running);
        self.handing_over = true;
        Ok(vec![Order::Switchover])
    }

    fn accept(&mut self, named: &Named, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let to = self.in_phase(&[Phase::Running, Phase::Accepted], "runversion")?.to.clone();
        Self::runs(units, &to)?;
        named_is(named, units.own.slot, &to, "active")?;
        self.enter(Phase::Accepted);
        self.until = None;
        Ok(vec![Order::Log(format!("%ISSU_PROCESS-6-ACCEPTED: release {to} stays active: commitversion is next"))])
    }

    fn commit(&mut self, now: Instant, named: &Named, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let to = self.in_phase(&[Phase::Running, Phase::Accepted], "runversion")?.to.clone();
        Self::runs(units, &to)?;
        let other = units.own.slot.peer().ok_or(Refused::NoStandby)?;
        named_is(named, other, &to, "standby")?;
        self.enter(Phase::Committing);
        self.until = None;
        Ok(vec![self.reset(now, units, to, "is committed")])
    }

    fn abort(&mut self, now: Instant, named: &Named, units: &Units<'_>) -> Result<Vec<Order>, Refused> {
        let Some(upgrade) = &self.upgrade else { return Err(Refused::NothingToAbort) };
        let (from, to) = (upgrade.from.clone(), upgrade.to.clone());
        if let Some(given) = named.release.as_ref().filter(|given| **given != to) {
            return Err(Refused::WrongRelease { given: given.clone(), is: to });
        }
        match upgrade.phase {
            Phase::Aborting => return Err(Refused::Aborting),
            // The other unit no longer has the old release to go back to.
            Phase::Committing => return Err(Refused::Committing),
            Phase::Loading | Phase::Loaded => {}
            Phase::Running | Phase::Accepted => {
                Self::ready(units)?;
            }
        }
        let log = format!("%ISSU_PROCESS-5-ABORT: back from release {to} to {from}, as asked for");
        Ok(self.take_back(now, log, units))
    }

    fn ready<'a>(units: &Units<'a>) -> Result<Unit<'a>, Refused> {
        let peer = units.peer.ok_or(Refused::NoStandby)?;
        if units.ready { Ok(peer) } else { Err(Refused::NotReady(peer.slot)) }
    }

    /// The new release is active.
    fn runs(units: &Units<'_>, to: &str) -> Result<(), Refused> {
        if units.own.release == to { Ok(()) } else { Err(Refused::Busy(Busy::Switchover)) }
    }

    fn in_phase(&self, wanted: &[Phase], first: &'static str) -> Result<&Upgrade, Refused> {
        let upgrade = self.upgrade.as_ref().ok_or(Refused::OutOfOrder { state: State::Init, first: "loadversion" })?;
        match wanted.contains(&upgrade.phase) {
            true => Ok(upgrade),
            false if upgrade.phase == Phase::Loading => Err(Refused::StillLoading),
            false if upgrade.phase == Phase::Committing => Err(Refused::Committing),
            false if upgrade.phase == Phase::Aborting => Err(Refused::Aborting),
            false if self.state() == State::RunVersion => Err(Refused::Runs),
            false => Err(Refused::OutOfOrder { state: self.state(), first }),
        }
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.phase = phase;
        }
    }
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
        Some(given) if given != release => Err(Refused::WrongRelease { given: given.clone(), is: release.to_owned() }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
