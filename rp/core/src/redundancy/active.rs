//! The active: its own way to ACTIVE, the standby's way up, and the operator's requests.

use super::{
    BootCause, Output, Refusal, Request, Rf, Role, What,
    negotiation::log,
    role::{BringUp, Handover, Restore, Resync, bring_up, next_active},
};
use fabric_proto::{
    operator::EventKind,
    redundancy::{Code, Mode, RfMessage, RfState},
    sabotage::{self, Sabotage},
    time::Instant,
};
use std::time::Duration;

/// The peer skips a silent client after one notification time. One that has more of them than this is hung.
const PEER_NOTIFICATIONS: u32 = 4;

/// A peer that is reset by order is reset again only if it does not come back for so long: an engine that is busy takes seconds
/// to end a container and start another one.
const RESET_TAKES: Duration = Duration::from_secs(60);

impl Rf {
    /// Own clients have seen an event.
    pub(super) fn active_visited(&mut self, now: Instant, event: Code, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        if event == Code::Active {
            active.silent.clear();
        }
        if let Some((next, stage)) = next_active(event) {
            active.stage = stage;
            let epoch = active.epoch;
            self.moved(now, out);
            if stage == RfState::Active {
                out.push(Output::Event(EventKind::TookOver { epoch }));
            }
            self.visit(now, next, out);
        } else if let BringUp::Own { at } = active.bring_up {
            let until = now + self.config.client_notification * PEER_NOTIFICATIONS;
            active.bring_up = BringUp::Peer { at, until };
            self.send(RfMessage::Progression(event), out);
        } else {
            self.drive(now, out);
        }
    }

    /// Begins the standby's way up when both units are where it begins.
    pub(super) fn drive(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        let Some(peer) = &mut self.peer else { return };
        let waits = active.resync.not_before.is_some_and(|until| now < until);
        let idle = active.stage == RfState::Active && self.visit.is_none() && active.bring_up == BringUp::Waiting;
        if !idle || waits || peer.last.state.is_active() {
            return;
        }
        match (active.operating, peer.last.state) {
            // Not booted, but its boot monitor keeps the startup configuration.
            (Mode::Hsa, RfState::Disabled) if self.connected => self.begin_sync(0, out),
            (Mode::Hsa, _) => {}
            (operating, RfState::StandbyCold) if self.connected && peer.last.operating != operating => {
                // It would come to nothing, or this unit would count on what the standby does not hold.
                let (theirs, known) = (peer.last.operating, std::mem::replace(&mut peer.disagrees, true));
                let line = format!("%HA-3-MODE: the standby operates in {theirs}, this unit in {operating}: it waits");
                if !known {
                    log(out, line);
                }
            }
            (_, RfState::StandbyCold) if self.connected => self.begin_step(now, 0, out),
            (_, state) if state.is_standby() && self.connected => {
                // Brought up by an earlier term, or by this one before the units lost sight of each other.
                active.bring_up = BringUp::Useless { boot: peer.last.boot };
                let reason = "the standby was not brought up in this term".to_owned();
                self.send(RfMessage::Restart { reason }, out);
            }
            // It is still booting, or about to restart into the operating mode.
            _ => {}
        }
    }

    fn begin_step(&mut self, now: Instant, at: usize, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        let Some(step) = bring_up(active.operating).get(at) else {
            self.complete(out);
            return;
        };
        active.bring_up = BringUp::Own { at };
        self.history.note(now, What::Code { code: Code::ClientProgression, client: None, op: 1 });
        self.visit(now, step.event, out);
    }

    /// The standby's clients have seen a step's event.
    pub(super) fn progression_done(&mut self, now: Instant, event: Code, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        let mode = active.operating;
        let BringUp::Peer { at, .. } = active.bring_up else {
            self.counters.messages_unexpected += 1;
            return;
        };
        let step = &bring_up(mode)[at];
        if step.event != event {
            self.counters.messages_unexpected += 1;
        } else if step.sync {
            self.begin_sync(at, out);
        } else {
            self.begin_step(now, at + 1, out);
        }
    }

    fn begin_sync(&mut self, at: usize, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        active.bring_up = BringUp::Sync { at };
        let mode = active.operating;
        self.counters.bulk_syncs += 1;
        out.push(Output::Event(EventKind::BulkSync { done: false }));
        out.push(Output::StartBulkSync { mode });
    }

    pub(super) fn cf_ready(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Role::Active(active) = &self.role else { return };
        if let BringUp::Sync { at } = active.bring_up {
            out.push(Output::Event(EventKind::BulkSync { done: true }));
            self.begin_step(now, at + 1, out);
        }
    }

    /// A bulk sync broke. A standby for which that happens again and again would restart again and again.
    pub(super) fn bulk_failed(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        if !active.syncing() {
            return;
        }
        let wait = active.resync.failed(now);
        let failures = active.resync.failures;
        if !wait.is_zero() {
            self.history.note(now, What::SyncWaits { failures, seconds: wait.as_secs() });
            log(
                out,
                format!(
                    "%RF-4-SYNC_WAIT: bulk sync failed {failures} times in a row: the standby waits {} s for the next",
                    wait.as_secs()
                ),
            );
        }
    }

    pub(super) fn cf_failed(&mut self, now: Instant, why: &str, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Standby(_)) {
            self.standby_broken(now, why, out);
            return;
        }
        self.bulk_failed(now, out);
        self.counters.sync_failures += 1;
        self.history.note(now, What::Code { code: Code::ClientProgression, client: None, op: 0 });
        log(out, format!("%RF-3-SYNC_FAILED: the standby is out of sync and restarts: {why}"));
        self.standby_useless(out);
        self.send(RfMessage::Restart { reason: format!("out of sync: {why}") }, out);
    }

    fn complete(&mut self, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        active.bring_up = BringUp::Complete;
        active.resync = Resync::default();
        let (mode, configured) = (active.operating, self.config.configured);
        out.push(Output::Event(EventKind::Redundant { mode }));
        log(out, format!("%HA-5-MODE: Operating mode is {mode}, configured mode is {configured}."));
        if let Some(slot) = self.config.slot.peer() {
            let name = mode.name().to_uppercase();
            log(out, format!("%HA-6-STANDBY_READY: Standby RP in slot {slot} is operational in {name} mode"));
        }
    }

    /// The standby that was being brought up is not there any more.
    pub(super) fn forget_bring_up(&mut self, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        match std::mem::replace(&mut active.bring_up, BringUp::Waiting) {
            BringUp::Waiting | BringUp::Useless { .. } => {}
            BringUp::Own { .. } => {
                self.visit = None;
                out.push(Output::StopSync);
            }
            BringUp::Peer { .. } | BringUp::Sync { .. } | BringUp::Complete => out.push(Output::StopSync),
        }
    }

    /// The standby is there, but what it holds cannot be brought up to date: it must restart.
    pub(super) fn standby_useless(&mut self, out: &mut Vec<Output>) {
        let boot = self.peer.as_ref().map(|peer| peer.last.boot);
        let Role::Active(active) = &self.role else { return };
        let begun = !matches!(active.bring_up, BringUp::Waiting | BringUp::Useless { .. });
        if let (true, Some(boot)) = (begun, boot) {
            self.forget_bring_up(out);
            if let Role::Active(active) = &mut self.role {
                active.bring_up = BringUp::Useless { boot };
            }
        }
    }

    /// The standby did not lead its clients through a step in time.
    pub(super) fn standby_stuck(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.counters.standby_failures += 1;
        self.forget_bring_up(out);
        self.peer_gone(now, "progression not answered", out);
        out.push(Output::ResetPeer { reason: "the standby did not finish its progression".to_owned() });
    }

    /// The standby fell silent.
    pub(super) fn standby_lost(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(peer) = &self.peer else { return };
        let boot = peer.last.boot;
        let ordered = matches!(&self.role, Role::Active(active) if active.ordered == Some(boot));
        self.counters.standby_failures += u32::from(!peer.last.state.is_active() && !ordered);
        self.peer_gone(now, if ordered { "reset" } else { "heartbeats stopped" }, out);
        let wait = match ordered {
            true => RESET_TAKES,
            // Time for a line card to say so if it is this unit that is cut off and fenced.
            false => self.config.crashdump.max(self.config.switchover * 2),
        };
        if let Role::Active(active) = &mut self.role {
            active.restore.get_or_insert(Restore { until: now + wait, boot });
        }
    }

    /// The standby crashed and dumps its core.
    pub(super) fn standby_crashed(&mut self, now: Instant, reason: &str, out: &mut Vec<Output>) {
        let Some(boot) = self.peer.as_ref().map(|peer| peer.last.boot) else { return };
        self.counters.standby_failures += 1;
        self.peer_gone(now, &format!("crashed: {reason}"), out);
        let until = now + self.config.crashdump;
        if let Role::Active(active) = &mut self.role {
            active.restore.get_or_insert(Restore { until, boot });
        }
    }

    pub(super) fn crashdump_done(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Role::Active(active) = &self.role
            && active.restore.is_some()
        {
            self.restore_peer(now, "its core is dumped", out);
        }
    }

    /// Resets the failed peer, once.
    pub(super) fn restore_peer(&mut self, now: Instant, why: &str, out: &mut Vec<Output>) {
        if let Role::Active(active) = &mut self.role
            && active.restore.take().is_some()
        {
            self.peer_gone(now, "reset", out);
            if sabotage::is(Sabotage::NeverRestore) {
                return;
            }
            out.push(Output::ResetPeer { reason: format!("restore redundancy: {why}") });
        }
    }

    /// Computes the operating mode anew: the peer or the configuration has changed.
    pub(super) fn refresh_operating(&mut self, now: Instant, out: &mut Vec<Output>) -> bool {
        let release = self.peer.as_ref().map(|peer| peer.last.release.as_str());
        let mode = self.mode_beside(self.config.configured, release);
        let Role::Active(active) = &mut self.role else { return false };
        if mode == active.operating {
            return false;
        }
        active.operating = mode;
        let configured = self.config.configured;
        self.history.note(now, What::Code { code: Code::RedundancyModeChange, client: None, op: mode as u32 });
        out.push(Output::Event(EventKind::OperatingMode { mode, configured }));
        log(out, format!("%HA-5-MODE: Operating mode is {mode}, configured mode is {configured}."));
        true
    }

    pub(super) fn set_mode(&mut self, now: Instant, mode: Mode, out: &mut Vec<Output>) {
        if let Role::Active(active) = &self.role {
            let why = if active.handover.is_some() {
                Some(Refusal::SwitchoverInProgress)
            } else {
                active.syncing().then_some(Refusal::BulkSync)
            };
            if let Some(why) = why {
                self.refuse(Request::SetMode, why, out);
                return;
            }
        }
        self.config.configured = mode;
        let before = self.operating();
        // What runs towards the standby belongs to the old mode.
        let release = self.peer.as_ref().map(|peer| peer.last.release.as_str());
        let outdated = self.mode_beside(mode, release) != before;
        if outdated && matches!(self.role, Role::Active(_)) {
            // What runs towards the standby belongs to the old mode; a peer that still boots meets the new one.
            self.forget_bring_up(out);
            self.refresh_operating(now, out);
            if let (Role::Active(active), Some(peer)) = (&mut self.role, &self.peer)
                && (peer.last.state.is_standby() || peer.last.state == RfState::Disabled)
            {
                active.bring_up = BringUp::Useless { boot: peer.last.boot };
            }
            self.send(RfMessage::ModeChange { configured: mode }, out);
            self.beat_now(now, out);
        }
    }

    /// Why a forced switchover is not possible now.
    pub(super) fn swact_refusal(&self) -> Option<Refusal> {
        let Role::Active(active) = &self.role else { return Some(Refusal::NotActive(self.shown)) };
        if active.stage != RfState::Active || active.handover.is_some() {
            return Some(Refusal::SwitchoverInProgress);
        }
        match &self.peer {
            None => Some(Refusal::StandbyAbsent),
            Some(peer) if peer.last.state.is_active() => Some(Refusal::StandbyAbsent),
            Some(_) if !self.connected => Some(Refusal::NoAnswer),
            Some(peer) if !active.redundant() => {
                Some(Refusal::StandbyNotReady { state: peer.last.state, operating: active.operating })
            }
            Some(_) => None,
        }
    }

    pub(super) fn force_switchover(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Some(why) = self.swact_refusal() {
            self.refuse(Request::ForceSwitchover, why, out);
            return;
        }
        let until = now + self.config.switchover;
        let Role::Active(active) = &mut self.role else { return };
        // A change made just before must not be lost with this unit.
        active.handover = Some(Handover::Draining { until });
        out.push(Output::DrainSync);
    }

    pub(super) fn cf_drained(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Role::Active(active) = &self.role
            && let Some(Handover::Draining { .. }) = active.handover
        {
            self.ask_handover(now, out);
        }
    }

    pub(super) fn ask_handover(&mut self, now: Instant, out: &mut Vec<Output>) {
        let until = now + self.config.switchover;
        let Role::Active(active) = &mut self.role else { return };
        active.handover = Some(Handover::Asked { until });
        let epoch = active.epoch;
        self.send(RfMessage::Handover { epoch }, out);
    }

    pub(super) fn handover_refused(&mut self, state: RfState, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        let operating = active.operating;
        if active.handover.take().is_some() {
            self.refuse(Request::ForceSwitchover, Refusal::StandbyNotReady { state, operating }, out);
        }
    }

    pub(super) fn handover_overdue(&mut self, out: &mut Vec<Output>) {
        let Role::Active(active) = &mut self.role else { return };
        active.handover = None;
        self.refuse(Request::ForceSwitchover, Refusal::NoAnswer, out);
    }

    /// The run of the peer that is heard now is going to be reset by order.
    pub(super) fn peer_is_reset(&mut self) {
        let boot = self.peer.as_ref().map(|peer| peer.last.boot);
        if let Role::Active(active) = &mut self.role {
            active.ordered = boot.or(active.ordered);
        }
    }

    pub(super) fn reload_peer(&mut self, now: Instant, out: &mut Vec<Output>) {
        match self.operator_refusal() {
            Some(why) => self.refuse(Request::ReloadPeer, why, out),
            None => {
                // The backplane takes its time: until then, it is heard again.
                self.peer_is_reset();
                self.peer_gone(now, "reloaded by the operator", out);
                if let Role::Active(active) = &mut self.role {
                    active.restore = None;
                    // Whoever asks for it has done something about it.
                    active.resync = Resync::default();
                }
                out.push(Output::ResetPeer { reason: "redundancy reload peer".to_owned() });
            }
        }
    }

    pub(super) fn reload(&mut self, _now: Instant, out: &mut Vec<Output>) {
        match self.operator_refusal() {
            Some(why) => self.refuse(Request::Reload, why, out),
            None => {
                let reason = "reload".to_owned();
                self.send(RfMessage::Reload { reason: reason.clone() }, out);
                out.push(Output::ResetChassis { reason, next: BootCause::Cold });
                self.gone();
            }
        }
    }

    /// The fabric changed during the switchover: the family starts the whole chassis anew.
    pub(super) fn fabric_changed(&mut self, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Active(_)) {
            let reason = "the fabric changed during the switchover".to_owned();
            log(out, format!("%RF-2-FABRIC: {reason}: the chassis resets"));
            self.send(RfMessage::Reload { reason: reason.clone() }, out);
            out.push(Output::ResetChassis { reason, next: BootCause::Cold });
            self.gone();
        }
    }

    /// Only the active acts on the chassis, and not while it hands it over.
    fn operator_refusal(&self) -> Option<Refusal> {
        let Role::Active(active) = &self.role else { return Some(Refusal::NotActive(self.shown)) };
        active.handover.map(|_| Refusal::SwitchoverInProgress)
    }

    pub(super) fn refuse(&mut self, what: Request, why: Refusal, out: &mut Vec<Output>) {
        self.counters.refusals += 1;
        out.push(Output::Refuse { what, why });
    }
}
