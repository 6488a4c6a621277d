//! What the command line shows of the redundancy facility.

use super::{Client, History, Refusal, Rf, Role, role};
use fabric_proto::{
    id::{Epoch, RpSlot},
    lateness::Lateness,
    redundancy::{Heartbeat, Mode, RfState, SwitchoverReason},
    time::Instant,
};
use std::time::Duration;

/// Everything that `show redundancy [states|clients|counters|history|switchover history]` needs.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// This unit.
    pub slot: RpSlot,
    /// Its state.
    pub state: RfState,
    /// The peer's state; `Unknown` before it is first heard, `Disabled` when it is gone.
    pub peer_state: RfState,
    /// What the peer last said; `None` while there is none.
    pub peer: Option<&'a Heartbeat>,
    /// Since when the peer is in its state.
    pub peer_state_since: Option<Instant>,
    /// Whether this unit holds the active role.
    pub active: bool,
    /// This term, or the highest one seen.
    pub epoch: Epoch,
    /// `Duplex`: a peer is there.
    pub duplex: bool,
    /// Whether this is the primary unit.
    pub primary: bool,
    /// Whether the stream to the peer is up.
    pub communications: bool,
    /// Why a forced switchover would be refused; `None`: manual swact is enabled.
    pub manual_swact: Option<Refusal>,
    /// Configured mode.
    pub configured: Mode,
    /// Operating mode.
    pub operating: Mode,
    /// Whether the standby is as the operating mode promises; on the standby: whether it is ready.
    pub redundant: bool,
    /// Whether a bulk sync is in progress: configuration changes are refused.
    pub bulk_sync: bool,
    /// When this program started.
    pub started: Instant,
    /// When the chassis started.
    pub chassis_since: Instant,
    /// Since when this unit is in its state.
    pub state_since: Instant,
    /// Why the last switchover happened.
    pub last_reason: SwitchoverReason,
    /// Switchovers since the chassis started.
    pub switchover_count: u32,
    /// Standbys lost since this unit became active.
    pub standby_failures: u32,
    /// The clients in order.
    pub clients: &'a [Client],
    /// `client_notification_TMR`.
    pub client_notification: Duration,
    /// Release of this unit's image.
    pub release: &'a str,
    /// Event log and switchover history.
    pub history: &'a History,
    /// Counters.
    pub counters: &'a Counters,
    /// How late heartbeats were.
    pub beats: &'a Beats,
}

/// How late heartbeats were, since the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beats {
    /// Its own, after they were due.
    pub sent: Lateness,
    /// The peer's, beyond one interval after the one before. Those of a peer that was never heard before are none.
    pub heard: Lateness,
}

/// What `show redundancy counters` counts, since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Heartbeats sent.
    pub heartbeats_sent: u64,
    /// Heartbeats taken.
    pub heartbeats_received: u64,
    /// Heartbeats that were overtaken, doubled, or from a unit that takes no part.
    pub heartbeats_ignored: u64,
    /// Messages given to the stream.
    pub messages_sent: u64,
    /// Messages taken from the stream.
    pub messages_received: u64,
    /// Messages that make no sense in this state.
    pub messages_unexpected: u64,
    /// Times the stream came up.
    pub connects: u64,
    /// Times the stream went down.
    pub disconnects: u64,
    /// Clients that did not answer in time.
    pub client_timeouts: u64,
    /// Answers of clients that came too late or unasked.
    pub late_clients: u64,
    /// Bulk syncs begun.
    pub bulk_syncs: u64,
    /// Syncs that broke.
    pub sync_failures: u64,
    /// Standbys lost.
    pub standby_failures: u32,
    /// Progressions that failed because a vital client did not answer.
    pub progressions_failed: u64,
    /// Requests of the operator refused.
    pub refusals: u64,
    /// Times this program itself was too late to tell silence from its own absence.
    pub graces: u64,
}

impl Counters {
    /// Name and value of every counter, in order of display.
    pub fn lines(&self) -> [(&'static str, u64); 16] {
        [
            ("heartbeats sent", self.heartbeats_sent),
            ("heartbeats received", self.heartbeats_received),
            ("heartbeats ignored", self.heartbeats_ignored),
            ("messages sent", self.messages_sent),
            ("messages received", self.messages_received),
            ("messages unexpected", self.messages_unexpected),
            ("communications up", self.connects),
            ("communications down", self.disconnects),
            ("client timeouts", self.client_timeouts),
            ("late client answers", self.late_clients),
            ("progressions failed", self.progressions_failed),
            ("bulk syncs", self.bulk_syncs),
            ("sync failures", self.sync_failures),
            ("standby failures", u64::from(self.standby_failures)),
            ("requests refused", self.refusals),
            ("late timer graces", self.graces),
        ]
    }
}

pub(super) fn of(rf: &Rf) -> View<'_> {
    let peer = rf.peer.as_ref();
    let (redundant, bulk_sync) = match &rf.role {
        Role::Active(active) => (active.redundant(), active.syncing()),
        Role::Standby(standby) => (standby.ready, rf.shown == RfState::StandbyColdBulk),
        Role::Start | Role::Initialization | Role::Negotiation { .. } | Role::Disabled | Role::Gone => (false, false),
    };
    View {
        slot: rf.config.slot,
        state: rf.shown,
        peer_state: rf.peer_state(),
        peer: peer.map(|peer| &peer.last),
        peer_state_since: peer.map(|peer| peer.state_since),
        active: rf.shown.is_active(),
        epoch: rf.epoch(),
        duplex: peer.is_some(),
        primary: rf.config.slot == RpSlot::A,
        communications: rf.connected,
        manual_swact: rf.swact_refusal(),
        configured: rf.config.configured,
        operating: rf.shown_operating(redundant),
        redundant,
        bulk_sync,
        started: rf.started,
        chassis_since: rf.chassis_since,
        state_since: rf.shown_since,
        last_reason: rf.history.switchovers().last().map_or(SwitchoverReason::None, |last| last.reason),
        switchover_count: rf.history.switchover_count(),
        standby_failures: rf.counters.standby_failures,
        clients: &rf.config.clients,
        client_notification: rf.config.client_notification,
        release: &rf.config.release,
        history: &rf.history,
        counters: &rf.counters,
        beats: &rf.beats,
    }
}

impl Rf {
    /// The mode to show: some families show a lesser one until the standby is ready.
    fn shown_operating(&self, redundant: bool) -> Mode {
        let operating = self.operating();
        match self.config.profile.shown_while_syncing {
            Some(shown) if !redundant => operating.min(shown),
            _ => operating,
        }
    }

    /// The mode that this unit operates in: a standby's is the one it was brought up for.
    pub(super) fn operating(&self) -> Mode {
        match &self.role {
            Role::Standby(standby) => standby.operating,
            Role::Active(active) => active.operating,
            Role::Start | Role::Initialization | Role::Negotiation { .. } | Role::Disabled | Role::Gone => {
                self.mode_beside(self.config.configured, None)
            }
        }
    }

    /// The mode in which this unit operates beside a peer of this release, where the active's configuration has `configured`.
    pub(super) fn mode_beside(&self, configured: Mode, release: Option<&str>) -> Mode {
        role::operating_mode(&self.config, configured, release, self.met.as_ref())
    }
}
