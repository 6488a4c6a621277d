//! What is known of the peer, and what its heartbeats and messages lead to.

use super::{BootCause, Met, Output, Refusal, Request, Rf, Role, What, negotiation::log, role::BringUp};
use fabric_proto::{
    checkpoint::CfMessage,
    codec::Message,
    operator::EventKind,
    redundancy::{Code, Heartbeat, Hello, Mode, RfMessage, RfState, SwitchoverReason, VersionOffer},
    sabotage::{self, Sabotage},
    time::Instant,
};

/// A peer that is there.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) last: Heartbeat,
    pub(super) heard: Instant,
    pub(super) state_since: Instant,
    /// Set when this program itself was late: the peer may have spoken meanwhile.
    pub(super) grace: Option<Instant>,
    /// It was said that its operating mode is not this unit's.
    pub(super) disagrees: bool,
}

impl Rf {
    /// For the command line: a peer that is not there is DISABLED.
    pub(super) fn peer_state(&self) -> RfState {
        self.peer.as_ref().map_or(RfState::Disabled, |peer| peer.last.state)
    }

    pub(super) fn peer_connected(&mut self, now: Instant, met: Met, out: &mut Vec<Output>) {
        self.connected = true;
        self.met = Some(met);
        self.counters.connects += 1;
        self.history.note(now, What::Code { code: Code::PeerComm, client: None, op: 1 });
        let hello = Hello {
            heartbeat: self.heartbeat(),
            versions: vec![offer::<RfMessage>(), offer::<CfMessage>()],
            switchovers: self.history.switchovers().to_vec(),
            chassis_since: self.chassis_since,
        };
        self.send(RfMessage::Hello(Box::new(hello)), out);
        if let Role::Active(active) = &self.role
            && let BringUp::Useless { .. } = active.bring_up
        {
            let reason = "the standby has lost its synchronization with the active".to_owned();
            self.send(RfMessage::Restart { reason }, out);
        }
        if self.peer.is_some() {
            // Of one that was heard before it was met, nothing was known.
            self.refresh_operating(now, out);
        }
        self.drive(now, out);
    }

    pub(super) fn peer_disconnected(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.connected = false;
        self.counters.disconnects += 1;
        self.history.note(now, What::Code { code: Code::PeerComm, client: None, op: 0 });
        if self.operating() == Mode::Hsa {
            // A standby that is not booted can be synced again at any time.
            self.forget_bring_up(out);
        } else {
            self.bulk_failed(now, out);
            self.standby_useless(out);
        }
    }

    pub(super) fn heard(&mut self, now: Instant, heartbeat: Heartbeat, out: &mut Vec<Output>) {
        let known = self.peer.as_ref().map(|peer| (peer.last.boot, peer.last.seq));
        let overtaken = known.is_some_and(|(boot, seq)| heartbeat.boot == boot && heartbeat.seq <= seq);
        if self.config.slot.peer() != Some(heartbeat.slot) || overtaken {
            self.counters.heartbeats_ignored += 1;
            return;
        }
        self.counters.heartbeats_received += 1;
        let restarted = known.is_some_and(|(boot, _)| boot != heartbeat.boot);
        if let Some(peer) = self.peer.as_ref().filter(|_| !restarted) {
            // Both sides have the interval of one topology.
            self.beats.heard.record(now.since(peer.heard + self.config.heartbeat));
        }
        self.raise(heartbeat.epoch, out);
        self.note_peer(now, heartbeat, restarted, out);
        match &self.role {
            Role::Start | Role::Initialization | Role::Disabled | Role::Gone => {}
            Role::Negotiation { .. } => self.negotiate(now, out),
            Role::Standby(_) => self.active_heard(now, restarted, out),
            Role::Active(_) => self.standby_heard(now, out),
        }
    }

    fn note_peer(&mut self, now: Instant, heartbeat: Heartbeat, restarted: bool, out: &mut Vec<Output>) {
        let before = self.peer.take();
        let moved = before.as_ref().is_none_or(|peer| peer.last.state != heartbeat.state) || restarted;
        let state_since = before.as_ref().filter(|_| !moved).map_or(now, |peer| peer.state_since);
        let new = before.is_none();
        let disagrees = before.is_some_and(|peer| peer.disagrees) && !restarted;
        self.peer = Some(Peer { last: heartbeat, heard: now, state_since, grace: None, disagrees });
        if new {
            self.history.note(now, What::Code { code: Code::PeerPresence, client: None, op: 1 });
            out.push(Output::Event(EventKind::Peer { present: true, reason: "heard".to_owned() }));
        } else if restarted {
            out.push(Output::Event(EventKind::Peer { present: true, reason: "restarted".to_owned() }));
            self.forget_bring_up(out);
        }
        if moved {
            self.history.note(now, What::States { my: self.shown, my_changed: false, peer: self.peer_state() });
        }
    }

    /// The peer is not there any more.
    pub(super) fn peer_gone(&mut self, now: Instant, reason: &str, out: &mut Vec<Output>) {
        if self.peer.take().is_none() {
            return;
        }
        self.history.note(now, What::Code { code: Code::PeerPresence, client: None, op: 0 });
        out.push(Output::Event(EventKind::Peer { present: false, reason: reason.to_owned() }));
        self.forget_bring_up(out);
        if let Role::Active(active) = &mut self.role
            && active.handover.take().is_some()
        {
            self.refuse(Request::ForceSwitchover, Refusal::StandbyAbsent, out);
        }
    }

    pub(super) fn peer_removed(&mut self, now: Instant, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Standby(_)) {
            self.take_over(now, SwitchoverReason::ActiveUnitRemoved, out);
        } else {
            self.peer_gone(now, "removed", out);
            if let Role::Active(active) = &mut self.role {
                active.restore = None;
            }
        }
    }

    /// A standby hears its peer.
    fn active_heard(&mut self, now: Instant, restarted: bool, out: &mut Vec<Output>) {
        let (Role::Standby(standby), Some(peer)) = (&self.role, &self.peer) else { return };
        let operating = self.mode_beside(peer.last.configured, Some(&peer.last.release));
        if !peer.last.state.is_active() {
            self.take_over(now, SwitchoverReason::ActiveUnitFailed, out);
        } else if restarted {
            self.restart_self("the active has restarted", BootCause::Cold, out);
        } else if operating != standby.operating {
            self.restart_self(&format!("the operating mode is {operating} now"), BootCause::Cold, out);
        }
    }

    /// An active hears its peer.
    fn standby_heard(&mut self, now: Instant, out: &mut Vec<Output>) {
        let (Role::Active(active), Some(peer)) = (&mut self.role, &self.peer) else { return };
        if peer.last.state.is_active() {
            // Two actives: the lower term ends itself. The other one waits for that, or for the line cards to refuse it.
            if peer.last.epoch > active.epoch {
                let highest = peer.last.epoch;
                self.fenced(now, highest, out);
            }
            return;
        }
        // A run that failed and is heard as standby, or a new run: there is nothing to reset.
        active.restore = None;
        if let BringUp::Useless { boot } = active.bring_up
            && boot != peer.last.boot
        {
            active.bring_up = BringUp::Waiting;
        }
        self.refresh_operating(now, out);
        self.drive(now, out);
    }

    pub(super) fn message(&mut self, now: Instant, message: RfMessage, out: &mut Vec<Output>) {
        self.counters.messages_received += 1;
        let standby = matches!(self.role, Role::Standby(_));
        let active = matches!(self.role, Role::Active(_));
        match message {
            RfMessage::Hello(hello) => self.hello(now, *hello, out),
            RfMessage::Progression(event) if standby => self.progression(now, event, out),
            RfMessage::ProgressionDone(event) if active => self.progression_done(now, event, out),
            RfMessage::Handover { epoch } if standby => self.handover(now, epoch, out),
            RfMessage::HandoverAccepted { epoch } if active => self.fenced(now, epoch, out),
            RfMessage::HandoverRefused { state } if active => self.handover_refused(state, out),
            RfMessage::ModeChange { configured } if standby => {
                self.restart_self(&format!("redundancy mode changed to {configured}"), BootCause::Cold, out);
            }
            RfMessage::Restart { reason } | RfMessage::Reload { reason } if standby => {
                self.restart_self(&reason, BootCause::Cold, out);
            }
            RfMessage::CrashdumpDone if active => self.crashdump_done(now, out),
            RfMessage::Crashed { .. } if standby => self.take_over(now, SwitchoverReason::ActiveUnitFailed, out),
            RfMessage::Crashed { reason } if active => self.standby_crashed(now, &reason, out),
            RfMessage::Goodbye { .. } if standby => self.take_over(now, SwitchoverReason::ActiveUnitFailed, out),
            RfMessage::Goodbye { reason } => self.peer_gone(now, &reason, out),
            RfMessage::Progression(_)
            | RfMessage::ProgressionDone(_)
            | RfMessage::Handover { .. }
            | RfMessage::HandoverAccepted { .. }
            | RfMessage::HandoverRefused { .. }
            | RfMessage::ModeChange { .. }
            | RfMessage::Restart { .. }
            | RfMessage::Reload { .. }
            | RfMessage::Crashed { .. }
            | RfMessage::CrashdumpDone => self.counters.messages_unexpected += 1,
        }
    }

    fn hello(&mut self, now: Instant, hello: Hello, out: &mut Vec<Output>) {
        if hello.heartbeat.state.is_active() && !self.shown.is_active() {
            self.history.adopt_switchovers(&hello.switchovers);
            self.chassis_since = hello.chassis_since;
        }
        self.heard(now, hello.heartbeat, out);
    }

    /// This unit's term is over.
    pub(super) fn fenced(&mut self, now: Instant, highest: fabric_proto::id::Epoch, out: &mut Vec<Output>) {
        let Role::Active(active) = &self.role else { return self.raise(highest, out) };
        let epoch = active.epoch;
        if highest <= epoch || sabotage::is(Sabotage::IgnoreRefusal) {
            return self.raise(highest, out);
        }
        self.remember(highest, true, out);
        self.history.note(now, What::Code { code: Code::GoStandby, client: None, op: 1 });
        out.push(Output::Event(EventKind::Fenced { epoch, highest }));
        log(out, format!("%RF-3-FENCED: term {epoch} is over, term {highest} rules"));
        self.restart_self(&format!("term {highest} rules the chassis"), BootCause::Fenced, out);
    }
}

/// Hello has it from a time when nothing was agreed on before it; nobody goes by it.
fn offer<M: Message>() -> VersionOffer {
    let versions = M::CLASS.versions();
    VersionOffer { class: M::CLASS as u8, oldest: versions.oldest(), newest: versions.newest() }
}
