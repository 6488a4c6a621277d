//! The standby: led up by the active, taking over when the active is gone.

use super::{
    BootCause, Output, Rf, Role, TakeOver, What,
    negotiation::log,
    role::{Restore, bring_up, valid_transition},
};
use fabric_proto::{
    id::Epoch,
    operator::EventKind,
    platform::Unready,
    redundancy::{Code, Mode, RfMessage, SwitchoverReason, SwitchoverRecord},
    sabotage::{self, Sabotage},
    time::Instant,
};
use std::time::Duration;

/// An old active that was told to restart does so well within this; else it is reset.
const SELF_RESTART: Duration = Duration::from_secs(3);

impl Rf {
    /// The active wants this unit's clients to see an event.
    pub(super) fn progression(&mut self, now: Instant, event: Code, out: &mut Vec<Output>) {
        let Role::Standby(standby) = &mut self.role else { return };
        if self.visit.is_some() {
            standby.pending = Some(event);
            return;
        }
        let on_the_way = bring_up(standby.operating).iter().any(|step| step.event == event);
        match event.state() {
            None if on_the_way => {}
            Some(state) if on_the_way && valid_transition(standby.stage, state) => {
                standby.stage = state;
                self.moved(now, out);
            }
            None | Some(_) => {
                self.counters.messages_unexpected += 1;
                return;
            }
        }
        self.visit(now, event, out);
    }

    /// This unit's clients have all seen the event.
    pub(super) fn standby_visited(&mut self, now: Instant, event: Code, out: &mut Vec<Output>) {
        let Role::Standby(standby) = &mut self.role else { return };
        let pending = standby.pending.take();
        if standby.stage == standby.operating.promised_state() && !standby.ready && standby.broken.is_none() {
            standby.ready = true;
            self.beat_now(now, out);
        }
        // The active did not ask for the first one.
        if event != Code::StandbyCold {
            self.send(RfMessage::ProgressionDone(event), out);
        }
        if let Some(event) = pending {
            self.progression(now, event, out);
        }
    }

    /// This unit could not take what the active gave it: it does not take over with what it holds, and restarts once
    /// the active has been told by the facility that found it.
    pub(super) fn standby_broken(&mut self, now: Instant, why: &str, out: &mut Vec<Output>) {
        let Role::Standby(standby) = &mut self.role else { return };
        // The active is told on another stream; it may be the one that cannot be reached.
        let until = now + self.config.switchover;
        standby.ready = false;
        standby.broken.get_or_insert(until);
        self.counters.sync_failures += 1;
        self.history.note(now, What::Code { code: Code::ClientProgression, client: None, op: 0 });
        log(out, format!("%RF-3-SYNC_FAILED: this unit is out of sync with the active and not ready: {why}"));
        self.beat_now(now, out);
    }

    /// The operator forces a switchover on the active.
    pub(super) fn handover(&mut self, now: Instant, epoch: Epoch, out: &mut Vec<Output>) {
        let Role::Standby(standby) = &self.role else { return };
        if !standby.ready || self.visit.is_some() || epoch < self.highest {
            let state = standby.stage;
            self.send(RfMessage::HandoverRefused { state }, out);
            return;
        }
        self.take_over(now, SwitchoverReason::UserForced, out);
    }

    /// The active is gone, or leaves: take over, as the operating mode and this unit's state allow.
    pub(super) fn take_over(&mut self, now: Instant, reason: SwitchoverReason, out: &mut Vec<Output>) {
        let Role::Standby(standby) = &self.role else { return };
        let (operating, ready) = (standby.operating, standby.ready);
        let same = sabotage::is(Sabotage::SameEpoch);
        let epoch = if same { self.highest } else { self.highest.takeover_by(self.config.slot) };
        let ready = ready || sabotage::is(Sabotage::TakeOverUnready);
        let operating = match (ready, self.config.profile.unready) {
            (true, _) => operating,
            (false, Unready::TakeOverAsRpr) => Mode::Rpr,
            (false, Unready::ResetChassis) => {
                self.recover(epoch, reason, out);
                return;
            }
        };
        let removal = self.config.profile.removal.filter(|_| reason == SwitchoverReason::ActiveUnitRemoved);
        let operating = removal.map_or(operating, |mode| mode.min(operating));
        self.raise(epoch, out);
        if reason == SwitchoverReason::UserForced {
            self.send(RfMessage::HandoverAccepted { epoch }, out);
        }
        self.record_switchover(now, epoch, reason, out);
        let failed = self.peer.as_ref().map(|peer| peer.last.boot);
        let failed = failed.filter(|_| reason != SwitchoverReason::ActiveUnitRemoved);
        let how = match operating {
            Mode::Hsa => {
                let next = BootCause::Takeover {
                    epoch,
                    reason,
                    failed,
                    switchovers: self.history.switchovers().to_vec(),
                    chassis_since: Some(self.chassis_since),
                };
                out.push(Output::ColdBoot { epoch, reason, next });
                self.gone();
                return;
            }
            Mode::Rpr => TakeOver::Cold,
            Mode::RprPlus => TakeOver::Warm,
            Mode::Sso => TakeOver::Hot,
        };
        // A standby runs in the active's mode, and goes on in it.
        if let Some(peer) = &self.peer {
            self.config.configured = peer.last.configured;
        }
        let restore = failed.map(|boot| self.restore_after(now, reason, boot));
        // An old active that hands over is there until it says goodbye; the answer is on its way to it.
        if reason != SwitchoverReason::UserForced {
            self.peer_gone(now, &reason.to_string(), out);
        }
        self.become_active(now, epoch, reason, how, restore, out);
    }

    /// When the old active is to be reset.
    pub(super) fn restore_after(&self, now: Instant, reason: SwitchoverReason, boot: u64) -> Restore {
        let own = if reason == SwitchoverReason::UserForced { SELF_RESTART } else { Duration::ZERO };
        Restore { until: now + self.config.crashdump.max(own), boot }
    }

    /// The active is gone and this unit cannot take over: the chassis starts again, with this unit active.
    fn recover(&mut self, epoch: Epoch, reason: SwitchoverReason, out: &mut Vec<Output>) {
        self.raise(epoch, out);
        let text = format!("{reason} while the standby was {}, full reset", self.shown);
        log(out, format!("%RF-2-NOT_READY: {text}"));
        let next = BootCause::Takeover { epoch, reason, failed: None, switchovers: Vec::new(), chassis_since: None };
        out.push(Output::ResetChassis { reason: text, next });
        self.gone();
    }

    fn record_switchover(&mut self, now: Instant, epoch: Epoch, reason: SwitchoverReason, out: &mut Vec<Output>) {
        let current = self.config.slot;
        if let Some(previous) = current.peer() {
            let index = self.history.switchover_count() + 1;
            self.history.add_switchover(SwitchoverRecord { index, previous, current, reason, at: now });
        }
        out.push(Output::Event(EventKind::Switchover { epoch, reason: reason.to_string() }));
    }
}
