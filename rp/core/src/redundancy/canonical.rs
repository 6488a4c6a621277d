//! For model checking: two units that will behave alike are made to look alike.

use super::{
    Beats, Counters, History, Rf, Role,
    role::{BringUp, Handover},
};
use fabric_proto::time::Instant;

impl Rf {
    /// The same machine with its clock moved from `now` to `to`, without what it only keeps for display: history,
    /// counters, numbers of heartbeats, since when things are as they are. Its `Debug` text is its identity.
    #[must_use]
    pub fn canonical(&self, now: Instant, to: Instant) -> Self {
        let moved = |at: Instant| Instant((at.0 + to.0).saturating_sub(now.0));
        let mut same = self.clone();
        same.history = History::default();
        same.counters = Counters::default();
        same.beats = Beats::default();
        same.seq = 0;
        (same.shown_since, same.started, same.chassis_since) = (to, to, to);
        same.beat = moved(self.beat);
        if let Some(peer) = &mut same.peer {
            peer.last.seq = 0;
            peer.state_since = to;
            peer.heard = moved(peer.heard);
            peer.grace = peer.grace.map(moved);
        }
        if let Some(visit) = &mut same.visit {
            visit.until = moved(visit.until);
        }
        match &mut same.role {
            Role::Negotiation { until } => *until = moved(*until),
            Role::Active(active) => {
                if let BringUp::Peer { until, .. } = &mut active.bring_up {
                    *until = moved(*until);
                }
                if let Some(Handover::Draining { until } | Handover::Asked { until }) = &mut active.handover {
                    *until = moved(*until);
                }
                active.resync.not_before = active.resync.not_before.map(moved);
                if let Some(restore) = &mut active.restore {
                    restore.until = moved(restore.until);
                }
            }
            Role::Standby(standby) => standby.broken = standby.broken.map(moved),
            Role::Start | Role::Initialization | Role::Disabled | Role::Gone => {}
        }
        same
    }
}
