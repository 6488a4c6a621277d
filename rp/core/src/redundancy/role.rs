//! Roles and what may follow what.

use super::{ClientId, Config, Met};
use fabric_proto::{
    id::Epoch,
    platform::Legacy,
    redundancy::{Code, Mode, RfState},
    sabotage::{self, Sabotage},
    time::Instant,
};
use std::{collections::BTreeSet, time::Duration};

/// What this unit is, with what only matters while it is that.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Built, never stepped.
    Start,
    /// Clients initialise.
    Initialization,
    /// Listening for the peer.
    Negotiation {
        /// Nobody heard by then: this unit is alone.
        until: Instant,
    },
    /// A third unit: for ever.
    Disabled,
    /// Standby.
    Standby(Standby),
    /// Active.
    Active(Active),
    /// A restart was asked for.
    Gone,
}

/// A standby.
#[derive(Clone, Debug)]
pub(super) struct Standby {
    /// The mode that it is brought up for.
    pub(super) operating: Mode,
    pub(super) stage: RfState,
    /// Whether it can take over as the mode promises.
    pub(super) ready: bool,
    /// It does not hold what the active has, is never ready again in this run, and restarts by then if the active
    /// does not say so before.
    pub(super) broken: Option<Instant>,
    /// A progression that came while clients were busy with the one before; the active sends one at a time.
    pub(super) pending: Option<Code>,
}

/// An active.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) epoch: Epoch,
    pub(super) operating: Mode,
    pub(super) stage: RfState,
    pub(super) bring_up: BringUp,
    pub(super) handover: Option<Handover>,
    pub(super) restore: Option<Restore>,
    /// The run of the peer that is about to be reset, as somebody has ordered: that it falls silent is no failure.
    pub(super) ordered: Option<u64>,
    pub(super) resync: Resync,
    /// Clients that this takeover has waited for in vain, until it is over.
    pub(super) silent: BTreeSet<ClientId>,
}

/// How often a standby could not be brought up, one time after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resync {
    /// Bulk syncs that broke since one was complete; no more than [`RESYNC_WAITS`].
    pub(super) failures: u32,
    /// The next one does not begin before.
    pub(super) not_before: Option<Instant>,
}

/// Waits before another bulk sync: none, one second, two, four, up to a minute.
const RESYNC_WAITS: u32 = 8;

impl Resync {
    /// Another one broke; how long the next one waits.
    pub(super) fn failed(&mut self, now: Instant) -> Duration {
        self.failures = RESYNC_WAITS.min(self.failures + 1);
        let wait = match self.failures {
            // What broke it may be over: a cut, a queue that was full once.
            0 | 1 => Duration::ZERO,
            more => RESYNC_FIRST * (1 << (more - 2)),
        };
        self.not_before = (!wait.is_zero()).then(|| now + wait);
        wait
    }
}

/// The first wait; every further one is twice as long.
const RESYNC_FIRST: Duration = Duration::from_secs(1);

/// How far the standby is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BringUp {
    /// It is not there, or not far enough to begin.
    Waiting,
    /// A step's event is with this unit's own clients.
    Own {
        /// The step.
        at: usize,
    },
    /// A step's event is with the peer's clients.
    Peer {
        /// The step.
        at: usize,
        /// When the peer is given up.
        until: Instant,
    },
    /// The step's bulk sync is running.
    Sync {
        /// The step.
        at: usize,
    },
    /// The standby is as the operating mode promises.
    Complete,
    /// Its state is of no use any more: it was told to restart.
    Useless {
        /// The run that must end.
        boot: u64,
    },
}

/// A forced switchover under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handover {
    /// Changes under way to the standby are waited for.
    Draining {
        /// But no longer than this.
        until: Instant,
    },
    /// The standby was asked.
    Asked {
        /// When it is believed not to answer.
        until: Instant,
    },
}

/// A failed peer that will be reset once its core is dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Restore {
    /// No longer than this.
    pub(super) until: Instant,
    /// The run that failed: when another one is heard, there is nothing to reset.
    pub(super) boot: u64,
}

impl Role {
    /// The state to show; `None` when nothing is shown any more.
    pub(super) fn rf_state(&self) -> Option<RfState> {
        match self {
            Self::Start | Self::Initialization => Some(RfState::Initialization),
            Self::Negotiation { .. } => Some(RfState::Negotiation),
            Self::Disabled => Some(RfState::Disabled),
            Self::Standby(standby) => Some(standby.stage),
            Self::Active(active) => Some(active.stage),
            Self::Gone => None,
        }
    }
}

impl Active {
    /// Whether a bulk sync is running.
    pub(super) fn syncing(&self) -> bool {
        matches!(self.bring_up, BringUp::Sync { .. })
    }

    /// Whether the standby is as the operating mode promises, and is not just taking over.
    pub(super) fn redundant(&self) -> bool {
        self.bring_up == BringUp::Complete && self.handover.is_none()
    }
}

/// One step of a standby's way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Shown to the active's clients, then to the standby's.
    pub event: Code,
    /// Whether a bulk sync follows.
    pub sync: bool,
}

/// A standby's way from its first state to what `mode` promises. An HSA standby is not booted and sees no
/// event; only the startup configuration is synced to it.
pub fn bring_up(mode: Mode) -> &'static [Step] {
    const fn step(event: Code, sync: bool) -> Step {
        Step { event, sync }
    }
    match mode {
        Mode::Hsa => &[],
        Mode::Rpr => const { &[step(Code::PlatformSync, true)] },
        Mode::RprPlus => {
            const {
                &[
                    step(Code::PlatformSync, false),
                    step(Code::StandbyConfig, true),
                    step(Code::StandbyFilesys, false),
                    step(Code::StandbyWarm, false),
                ]
            }
        }
        Mode::Sso => {
            const {
                &[
                    step(Code::PlatformSync, false),
                    step(Code::StandbyConfig, false),
                    step(Code::StandbyFilesys, false),
                    step(Code::StandbyBulk, true),
                    step(Code::StandbyHot, false),
                ]
            }
        }
    }
}

/// The mode that two units can operate in: the configured one, unless the platform, a line card of an older kind or
/// a peer of another release forces it down, whose image is not compatible, or not known to be. Both units compute it from
/// the active's configured mode and what they found when they met, and agree.
pub fn operating_mode(config: &Config, configured: Mode, peer_release: Option<&str>, met: Option<&Met>) -> Mode {
    let profile = config.profile;
    let mut mode = configured;
    let fits = |release: &str| release == config.release || met.is_some_and(|met| met.allows_sso(release));
    if !peer_release.is_none_or(fits) && !sabotage::is(Sabotage::IgnoreImages) {
        mode = mode.min(profile.mixed_images);
    }
    if let Legacy::ForcesMode(best) = profile.legacy
        && config.legacy_cards > 0
    {
        mode = mode.min(best);
    }
    profile.at_most(mode)
}

/// Whether a unit may go from one state to another without restarting.
pub fn valid_transition(from: RfState, to: RfState) -> bool {
    use RfState as S;
    let next: &[RfState] = match from {
        S::Unknown => &[],
        S::Disabled => &[],
        // A unit that booted in order to take over does not negotiate.
        S::Initialization => &[S::Negotiation, S::Disabled, S::ActiveFast],
        S::Negotiation => &[S::Disabled, S::StandbyCold, S::ActiveFast],
        S::StandbyCold => &[S::StandbyColdConfig, S::ActiveFast],
        // Some families let a standby that is not ready take over as in RPR.
        S::StandbyColdConfig => &[S::StandbyColdFilesys, S::ActiveFast],
        S::StandbyColdFilesys => &[S::StandbyColdBulk, S::StandbyWarm, S::ActiveFast],
        S::StandbyColdBulk => &[S::StandbyHot, S::ActiveFast],
        S::StandbyWarm | S::StandbyHot => &[S::ActiveFast],
        S::ActiveFast => &[S::ActiveDrain],
        S::ActiveDrain => &[S::ActivePreconfig],
        S::ActivePreconfig => &[S::ActivePostconfig],
        S::ActivePostconfig => &[S::Active],
        S::Active => &[],
    };
    next.contains(&to)
}

/// How an active's way goes on after `event`.
pub(super) fn next_active(event: Code) -> Option<(Code, RfState)> {
    let way = [Code::ActiveFast, Code::ActiveDrain, Code::ActivePreconfig, Code::ActivePostconfig, Code::Active];
    let at = way.iter().position(|code| *code == event)?;
    let next = *way.get(at + 1)?;
    next.state().map(|state| (next, state))
}
