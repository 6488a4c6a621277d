//! Why a command of an upgrade is refused, and what is the next right step.

use super::procedure::{Busy, State};
use fabric_proto::id::RpSlot;

/// Why a command is refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another one is under way.
    #[error("an upgrade is under way, in state {0}: go on with it, or take it back with issu abortversion")]
    UnderWay(State),
    /// It is not this command's turn.
    #[error("the upgrade is in state {state}: issu {first} comes first")]
    OutOfOrder {
        /// The state.
        state: State,
        /// What comes before it.
        first: &'static str,
    },
    /// The standby is not ready on the new release.
    #[error(
        "the standby is still loading; wait for %ISSU_PROCESS-6-LOADVERSION, or take it back with issu abortversion"
    )]
    StillLoading,
    /// Something else goes on.
    #[error("{0}")]
    Busy(Busy),
    /// No peer.
    #[error("there is no standby RP; insert or restart it, and wait until it is ready")]
    NoStandby,
    /// The peer is not as the operating mode promises.
    #[error("the standby RP in slot {0} is not ready; wait for %HA-6-STANDBY_READY")]
    NotReady(RpSlot),
    /// No release was named.
    #[error("say which release: issu loadversion A 2.1 B 2.1")]
    NoRelease,
    /// Both units get the same one.
    #[error("both units get one release; name it twice")]
    TwoReleases,
    /// There is no such release.
    #[error("there is no release {release}: there are {known}")]
    Unknown {
        /// What was asked for.
        release: String,
        /// What there is.
        known: String,
    },
    /// It runs already.
    #[error(
        "the active RP runs release {0} already; name another one, show issu comp-matrix stored has those that are known"
    )]
    Same(String),
    /// It has no such upgrade.
    #[error("release {0} has no upgrade step by step; use fast software upgrade")]
    Unable(String),
    /// State would be lost.
    #[error("release {release}: {what}; use fast software upgrade, or add 'forced'")]
    Loses {
        /// The release.
        release: String,
        /// What, and of whom.
        what: String,
    },
    /// State would be lost, which nobody knew before the two units met.
    #[error("release {release}: {what}; take it back with issu abortversion, or load it again with 'forced'")]
    WouldLose {
        /// The release.
        release: String,
        /// What, and of whom.
        what: String,
    },
    /// Another unit is meant.
    #[error("slot {given} is not the {role} RP: that is slot {is}; name it, or leave it out")]
    WrongSlot {
        /// The slot that was named.
        given: RpSlot,
        /// What it was named as.
        role: &'static str,
        /// The slot that is.
        is: RpSlot,
    },
    /// Another release is being loaded.
    #[error("this upgrade is to release {is}, not {given}; name that, or leave it out")]
    WrongRelease {
        /// What was named.
        given: String,
        /// What it is.
        is: String,
    },
    /// There is none.
    #[error("no upgrade is under way: there is nothing to take back; issu loadversion begins one")]
    NothingToAbort,
    /// Too late.
    #[error(
        "the upgrade is being committed; wait for %ISSU_PROCESS-6-COMMITTED, the old release can be loaded as another upgrade then"
    )]
    Committing,
    /// It is on its way back.
    #[error("the upgrade is being taken back; wait for %ISSU_PROCESS-6-ABORTED")]
    Aborting,
    /// It is past this command's turn.
    #[error("the new release is active already; issu acceptversion or issu commitversion is next")]
    Runs,
    /// Too long.
    #[error("the rollback timer is at most 2 hours; say 7200 seconds or less, or 0 for none")]
    Timer,
}
