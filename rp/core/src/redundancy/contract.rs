//! Inputs, outputs, refusals.

use super::{BootCause, ClientId, LastTerm, TakeOver};
use fabric_proto::{
    id::Epoch,
    issu::Compatibility,
    offer,
    operator::EventKind,
    redundancy::{Code, Heartbeat, Mode, RfMessage, RfState, SwitchoverReason},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everything that can happen to the facility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The stream to the peer is up, and this is what the two images come to.
    PeerConnected(Met),
    /// The stream to the peer is gone. Not a reason to switch over.
    PeerDisconnected,
    /// A datagram from the peer.
    Heartbeat(Heartbeat),
    /// A message on the stream.
    Message(RfMessage),
    /// A client answers [`Output::NotifyClient`].
    ClientDone {
        /// The client.
        client: ClientId,
        /// The event that it was shown.
        event: Code,
    },
    /// The configured mode is this now.
    SetMode(Mode),
    /// Silence after which the peer is dead is this now.
    SetSwitchoverTimer(Duration),
    /// The configured `crashdump-timeout` is this now.
    SetCrashdumpTimeout(Duration),
    /// `redundancy force-switchover`.
    ForceSwitchover,
    /// `redundancy reload peer`.
    ReloadPeer,
    /// Somebody else has ordered the peer's slot to be reset.
    PeerIsReset,
    /// `reload`: the whole chassis.
    Reload,
    /// A line card refused this unit's term.
    Fenced {
        /// The epoch that it obeys.
        highest: Epoch,
    },
    /// Bulk sync is done and the standby confirmed it.
    CfReady,
    /// The sync is broken, in bulk or later.
    CfFailed {
        /// Why, for logs.
        why: String,
    },
    /// The standby has confirmed everything that was under way when [`Output::DrainSync`] asked.
    CfDrained,
    /// The failed peer's core is dumped.
    PeerCrashdumpDone,
    /// The peer was pulled out of its slot.
    Removed,
    /// A line card was inserted or removed while this unit was taking over, on a family that cannot bear that.
    FabricChanged,
}

/// What two units have found out of their images when they met. Both find the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The peer's release, as it was offered.
    pub release: String,
    /// What it comes to beside this one's ([`crate::issu::verdict`]).
    pub verdict: Compatibility,
}

impl Met {
    /// Whether SSO is possible with a peer that runs this release. Of one that was not met, nothing is known.
    pub(super) fn allows_sso(&self, release: &str) -> bool {
        self.release == offer::named(release) && self.verdict.allows_sso()
    }
}

/// Everything that the facility can ask for, to be done in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Datagram to the peer.
    SendHeartbeat(Heartbeat),
    /// Message on the stream; dropped when there is none.
    Send(RfMessage),
    /// Show a client an event; answered by [`Input::ClientDone`].
    NotifyClient {
        /// The client.
        client: ClientId,
        /// The event.
        event: Code,
    },
    /// Write the term to NVRAM before anything that follows.
    SaveTerm(LastTerm),
    /// This RP is active from here on: adopt the line cards.
    BecomeActive {
        /// Its term.
        epoch: Epoch,
        /// Why; [`SwitchoverReason::None`] at a chassis' start.
        reason: SwitchoverReason,
        /// With what.
        how: TakeOver,
    },
    /// This RP is standby from here on.
    BecomeStandby {
        /// What will be synced: [`crate::checkpoint`] says what in which mode.
        operating: Mode,
    },
    /// Begin a bulk sync; answered by [`Input::CfReady`] or [`Input::CfFailed`].
    StartBulkSync {
        /// What to sync.
        mode: Mode,
    },
    /// Stop syncing: the standby is gone or useless.
    StopSync,
    /// Say [`Input::CfDrained`] once the standby has confirmed what is under way.
    DrainSync,
    /// Backplane: reset the peer's slot.
    ResetPeer {
        /// Why.
        reason: String,
    },
    /// Restart this program. The facility is dead after it, as after the next two.
    RestartSelf {
        /// Why.
        reason: String,
        /// For the next run.
        next: BootCause,
    },
    /// Backplane: reset every card, this one included.
    ResetChassis {
        /// Why.
        reason: String,
        /// For this unit's next run.
        next: BootCause,
    },
    /// HSA: reset the line cards, then boot this program again as active.
    ColdBoot {
        /// The term taken; `next` holds it too.
        epoch: Epoch,
        /// Why.
        reason: SwitchoverReason,
        /// For the next run.
        next: BootCause,
    },
    /// For the event log.
    Event(EventKind),
    /// The operator's request cannot be met; nothing has changed.
    Refuse {
        /// The request.
        what: Request,
        /// Why not.
        why: Refusal,
    },
}

/// A request that can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// [`Input::ForceSwitchover`].
    ForceSwitchover,
    /// [`Input::ReloadPeer`].
    ReloadPeer,
    /// [`Input::Reload`].
    Reload,
    /// [`Input::SetMode`].
    SetMode,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Only the active does this.
    #[error("this RP is {0}; enter the command on the active RP")]
    NotActive(RfState),
    /// There is nobody to switch over to.
    #[error("there is no standby RP; insert or restart it, and wait until it is ready")]
    StandbyAbsent,
    /// The standby is there but not as the operating mode promises.
    #[error("the standby RP is {state}, mode {operating} needs it in {}; wait until it is ready", .operating.promised_state())]
    StandbyNotReady {
        /// Its state.
        state: RfState,
        /// The operating mode.
        operating: Mode,
    },
    /// One is under way.
    #[error("a switchover is in progress; wait until it is over")]
    SwitchoverInProgress,
    /// Design rule: no configuration changes during bulk sync.
    #[error("bulk sync to the standby RP is in progress; retry when %HA-6-STANDBY_READY is logged")]
    BulkSync,
    /// The standby did not answer in time.
    #[error("the standby RP did not answer; retry, or look at it with show redundancy states")]
    NoAnswer,
}
