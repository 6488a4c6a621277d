//! Why a command of an upgrade is refused, and what is the next right step.

use super::procedure::State;
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
    #[error("{0}; retry when that is over")]
    Busy(&'static str),
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
    #[error("both units get one release; two were named")]
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
    #[error("the active RP runs release {0} already")]
    Same(String),
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
    #[error("slot {given} is not the {role} RP: that is slot {is}")]
    WrongSlot {
        /// The slot that was named.
        given: RpSlot,
        /// What it was named as.
        role: &'static str,
        /// The slot that is.
        is: RpSlot,
    },
    /// Another release is being loaded.
    #[error("this upgrade is to release {is}, not {given}")]
    WrongRelease {
        /// What was named.
        given: String,
        /// What it is.
        is: String,
    },
    /// There is none.
    #[error("no upgrade is under way: there is nothing to take back")]
    NothingToAbort,
    /// Too late.
    #[error("the upgrade is being committed: the old release is not there any more; load it as another upgrade")]
    Committing,
    /// Too long.
    #[error("the rollback timer is at most 2 hours")]
    Timer,
}
