//! Everything that happens because time has passed.

use super::{
    BootCause, Output, Rf, Role,
    role::{BringUp, Handover},
};
use fabric_proto::{redundancy::SwitchoverReason, time::Instant};

impl Rf {
    /// The earliest instant at which something is due.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let role = match &self.role {
            Role::Gone | Role::Disabled => return None,
            Role::Start => return Some(self.started),
            Role::Initialization => None,
            Role::Negotiation { until } => Some(self.negotiation_end(*until)),
            Role::Standby(standby) => self.silence_due().into_iter().chain(standby.broken).min(),
            Role::Active(active) => {
                let bring_up = match active.bring_up {
                    BringUp::Peer { until, .. } => Some(until),
                    _ => None,
                };
                let handover = active.handover.map(|(Handover::Draining { until } | Handover::Asked { until })| until);
                let restore = active.restore.map(|restore| restore.until);
                [bring_up, handover, restore, active.resync.not_before, self.silence_due()].into_iter().flatten().min()
            }
        };
        let visit = self.visit.map(|visit| visit.until);
        [Some(self.beat), role, visit].into_iter().flatten().min()
    }

    /// Does what is due. Every branch moves its timer or leaves its role.
    pub(super) fn run_timers(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Some(visit) = self.visit
            && visit.until <= now
        {
            self.client_overdue(now, visit, out);
        }
        match &self.role {
            Role::Start | Role::Initialization | Role::Disabled | Role::Gone => {}
            Role::Negotiation { until } => {
                if self.negotiation_end(*until) <= now {
                    self.peer_gone(now, "heartbeats stopped", out);
                    self.alone_or_first(now, out);
                }
            }
            Role::Standby(standby) => {
                let broken = standby.broken.is_some_and(|until| until <= now);
                if self.silent(now) {
                    self.take_over(now, SwitchoverReason::ActiveUnitFailed, out);
                } else if broken {
                    self.restart_self("out of sync with the active", BootCause::Cold, out);
                }
            }
            Role::Active(_) => self.run_active_timers(now, out),
        }
        self.beat(now, out);
    }

    /// Sends the heartbeat that is due, and judges nothing: its owner may have inputs before it, each of them a long step,
    /// and the peer must not wait for all of them.
    pub fn beat(&mut self, now: Instant, out: &mut Vec<Output>) {
        let speaks = !matches!(self.role, Role::Start | Role::Disabled | Role::Gone);
        if speaks && self.beat <= now {
            self.beats.sent.record(now.since(self.beat));
            self.beat_now(now, out);
        }
    }

    fn run_active_timers(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.silent(now) {
            self.standby_lost(now, out);
        }
        let Role::Active(active) = &mut self.role else { return };
        let resync = active.resync.not_before.take_if(|until| *until <= now).is_some();
        let (bring_up, handover, restore) = (active.bring_up, active.handover, active.restore);
        if restore.is_some_and(|restore| restore.until <= now) {
            self.restore_peer(now, "crashdump-timeout is over", out);
        }
        match handover {
            Some(Handover::Draining { until }) if until <= now => self.ask_handover(now, out),
            Some(Handover::Asked { until }) if until <= now => self.handover_overdue(out),
            _ => {}
        }
        if matches!(bring_up, BringUp::Peer { until, .. } if until <= now) {
            self.standby_stuck(now, out);
        }
        if resync {
            self.drive(now, out);
        }
    }

    /// A peer that is heard decides before this unit's own patience ends.
    fn negotiation_end(&self, until: Instant) -> Instant {
        self.peer.as_ref().map_or(until, |peer| until.max(peer.heard + self.config.switchover))
    }

    fn silence_due(&self) -> Option<Instant> {
        let peer = self.peer.as_ref()?;
        Some(peer.grace.unwrap_or(peer.heard + self.config.switchover))
    }

    /// Whether the peer has been silent for too long.
    ///
    /// A program that was itself stopped or starved cannot tell: its peer's heartbeats may lie unread. It gives
    /// them one heartbeat interval to come in before it believes in the silence.
    fn silent(&mut self, now: Instant) -> bool {
        let Some(due) = self.silence_due() else { return false };
        if now < due {
            return false;
        }
        let late = now.since(due) > self.config.heartbeat;
        if late
            && let Some(peer) = &mut self.peer
            && peer.grace.is_none()
        {
            peer.grace = Some(now + self.config.heartbeat);
            self.counters.graces += 1;
            return false;
        }
        true
    }
}
