//! From boot to a role, and out of every role by restarting.

use super::{
    BootCause, LastTerm, Output, Rf, Role, TakeOver, What,
    role::{Active, BringUp, Restore, Resync, Standby, valid_transition},
};
use fabric_proto::{
    id::{Epoch, RpSlot},
    operator::EventKind,
    redundancy::{Code, Heartbeat, Mode, RfMessage, RfState, SwitchoverReason},
    time::Instant,
};
use std::collections::BTreeSet;

impl Rf {
    pub(super) fn start(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.history.note(now, What::States { my: RfState::Initialization, my_changed: true, peer: self.peer_state() });
        if self.config.slot.peer().is_none() {
            self.role = Role::Disabled;
            self.moved(now, out);
            return;
        }
        self.role = Role::Initialization;
        self.beat_now(now, out);
        self.visit(now, Code::Initialization, out);
    }

    /// Clients have initialised.
    pub(super) fn initialized(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let BootCause::Takeover { epoch, reason, failed, .. } = self.config.cause {
            let newer = self.peer.as_ref().is_some_and(|peer| peer.last.state.is_active() && peer.last.epoch > epoch);
            if !newer {
                let epoch = if epoch >= self.highest { epoch } else { self.highest.next_for(self.config.slot) };
                let back = self.peer.is_some();
                let restore = failed.filter(|_| !back).map(|boot| self.restore_after(now, reason, boot));
                self.become_active(now, epoch, reason, TakeOver::Boot, restore, out);
                return;
            }
        }
        let demoted = self.fenced || self.config.cause == BootCause::Fenced;
        let wait = if demoted { self.config.fenced_wait } else { self.config.switchover };
        self.role = Role::Negotiation { until: now + wait };
        self.moved(now, out);
        self.negotiate(now, out);
    }

    /// Looks at what is known of the peer and settles the role if that is possible.
    pub(super) fn negotiate(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(peer) = &self.peer else { return };
        let state = peer.last.state;
        if state.is_active() {
            self.become_standby(now, out);
        } else if state == RfState::Negotiation && self.config.slot == RpSlot::A {
            self.alone_or_first(now, out);
        }
        // Otherwise the peer decides first. A peer in NEGOTIATION waits for us or we for it; one that boots
        // may be about to take over; a standby sees that its active, an earlier run of ours, is gone.
    }

    /// Nobody is active, and nobody comes before us: the chassis starts.
    pub(super) fn alone_or_first(&mut self, now: Instant, out: &mut Vec<Output>) {
        let epoch = self.highest.next_for(self.config.slot);
        self.become_active(now, epoch, SwitchoverReason::None, TakeOver::Boot, None, out);
    }

    pub(super) fn become_active(
        &mut self,
        now: Instant,
        epoch: Epoch,
        reason: SwitchoverReason,
        how: TakeOver,
        restore: Option<Restore>,
        out: &mut Vec<Output>,
    ) {
        // A line card must never meet a term that NVRAM does not know.
        self.remember(epoch, false, out);
        let release = self.peer.as_ref().map(|peer| peer.last.release.as_str());
        let operating = self.mode_beside(self.config.configured, release);
        self.history.note(now, What::Code { code: Code::GoActive, client: None, op: 0 });
        self.visit = None;
        self.role = Role::Active(Active {
            epoch,
            operating,
            stage: RfState::ActiveFast,
            bring_up: BringUp::Waiting,
            handover: None,
            restore,
            ordered: None,
            resync: Resync::default(),
            silent: BTreeSet::new(),
        });
        out.push(Output::BecomeActive { epoch, reason, how });
        self.moved(now, out);
        self.visit(now, Code::ActiveFast, out);
    }

    fn become_standby(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(peer) = &self.peer else { return };
        let operating = self.mode_beside(peer.last.configured, Some(&peer.last.release));
        let booted = operating != Mode::Hsa;
        let stage = if booted { RfState::StandbyCold } else { RfState::Disabled };
        self.history.note(now, What::Code { code: Code::GoStandby, client: None, op: 0 });
        self.remember(self.highest, false, out);
        self.role = Role::Standby(Standby { operating, stage, ready: !booted, broken: None, pending: None });
        out.push(Output::BecomeStandby { operating });
        self.moved(now, out);
        if booted {
            self.visit(now, Code::StandbyCold, out);
        }
    }

    /// Leaves the role by restarting the program.
    pub(super) fn restart_self(&mut self, reason: &str, next: BootCause, out: &mut Vec<Output>) {
        self.send(RfMessage::Goodbye { reason: reason.to_owned() }, out);
        out.push(Output::RestartSelf { reason: reason.to_owned(), next });
        self.gone();
    }

    /// The shell ends this run.
    pub(super) fn gone(&mut self) {
        self.role = Role::Gone;
        self.visit = None;
    }

    /// Shows a change of state to everybody; the only place where the state shown changes.
    pub(super) fn moved(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(to) = self.role.rf_state() else { return };
        let from = self.shown;
        if from == to {
            return;
        }
        assert!(valid_transition(from, to), "the redundancy facility must not go from {from} to {to}");
        self.shown = to;
        self.shown_since = now;
        self.history.note(now, What::States { my: to, my_changed: true, peer: self.peer_state() });
        out.push(Output::Event(EventKind::RfState { from, to }));
        self.beat_now(now, out);
    }

    /// Sends a heartbeat; a third unit is silent.
    pub(super) fn beat_now(&mut self, now: Instant, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Disabled | Role::Gone) {
            return;
        }
        self.seq += 1;
        self.beat = now + self.config.heartbeat;
        self.counters.heartbeats_sent += 1;
        out.push(Output::SendHeartbeat(self.heartbeat()));
    }

    pub(super) fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            slot: self.config.slot,
            boot: self.config.boot,
            epoch: self.epoch(),
            state: self.shown,
            release: self.config.release.clone(),
            configured: self.config.configured,
            operating: self.operating(),
            ready: matches!(&self.role, Role::Standby(standby) if standby.ready),
            seq: self.seq,
        }
    }

    /// The own term, or the highest one seen.
    pub(super) fn epoch(&self) -> Epoch {
        if let Role::Active(active) = &self.role { active.epoch } else { self.highest }
    }

    /// Remembers the highest epoch.
    pub(super) fn raise(&mut self, epoch: Epoch, out: &mut Vec<Output>) {
        self.remember(epoch, self.fenced, out);
    }

    /// Remembers the highest epoch, and whether this unit was fenced in it.
    pub(super) fn remember(&mut self, epoch: Epoch, fenced: bool, out: &mut Vec<Output>) {
        if epoch > self.highest || fenced != self.fenced {
            self.highest = self.highest.max(epoch);
            self.fenced = fenced;
            out.push(Output::SaveTerm(LastTerm { epoch: self.highest, fenced }));
        }
    }

    pub(super) fn send(&mut self, message: RfMessage, out: &mut Vec<Output>) {
        if self.connected {
            self.counters.messages_sent += 1;
            out.push(Output::Send(message));
        }
    }
}

pub(super) fn log(out: &mut Vec<Output>, line: String) {
    out.push(Output::Event(EventKind::Log { line }));
}
