//! What the procedure of an upgrade is told, and what it orders.

use fabric_proto::id::RpSlot;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An upgrade under way, as both units know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Upgrade {
    /// The release before.
    pub from: String,
    /// The new one.
    pub to: String,
    /// Whether a loss of state was accepted.
    pub forced: bool,
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
    /// What of the state a switchover to it would lose; `None` where it loses none, or where the two have not met.
    pub loses: Option<&'a str>,
    /// How often the other unit has failed since this one is active: it fell silent, or crashed. One that restarts by itself has
    /// not failed.
    pub failures: u32,
    /// What keeps commands from being carried out, if anything.
    pub busy: Option<Busy>,
}

/// What keeps commands from being carried out, and when they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// A switchover, planned or not.
    #[error("a switchover is in progress; wait until it is over")]
    Switchover,
    /// The standby is given everything.
    #[error("bulk sync to the standby RP is in progress; retry when %HA-6-STANDBY_READY is logged")]
    BulkSync,
    /// Somebody is changing the configuration.
    #[error("a session is in configuration mode; leave it there with end, then retry")]
    Configuration,
}

/// What is known of a release that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loadable {
    /// Its name.
    pub release: String,
    /// Whether it negotiates. One that does not knows of no upgrade.
    pub negotiates: bool,
    /// What state would be lost on the way between it and the active's release; `None` where none is, or where only the two
    /// route processors find that out.
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
