//! The command line of this RP: sessions, the configuration lock, and what commands do.

use super::{Output, Rp, show};
use crate::{
    cli::{Action, CliSession, Completion, Configure},
    clients::{Change, card_changes},
    config::{CONFIG_MAX, Config, ConfigChange, Edit, unsupported},
    fib_feed, redundancy as rf,
};
use fabric_proto::{
    id::Slot,
    machine::Machine as _,
    operator::{CommandOutput, EventKind},
    platform::Profile,
    redundancy::{Mode, RfState},
    time::Instant,
};
use std::time::Duration;

/// Why a platform does not take these edits.
fn platform_refusal(profile: &Profile, config: &Config, edits: &[Edit]) -> Option<String> {
    let name = profile.name;
    let tftp = |images: &[String]| images.iter().filter(|image| image.starts_with("tftp")).count();
    let more = |edit: &Edit| matches!(edit, Edit::BootSystem(new) if tftp(new) > tftp(&config.boot_system));
    let over_tftp = |edit: &Edit| config.redundancy.mode == Mode::Sso && more(edit);
    let over_tftp = !profile.tftp_boot && edits.iter().any(over_tftp);
    unsupported(profile, config, edits).or_else(|| {
        over_tftp.then(|| format!("{name} does not boot over TFTP in SSO: put the image on the unit's own flash"))
    })
}

impl Rp {
    /// Runs one line of a session's command line.
    pub fn line(&mut self, now: Instant, session: u64, line: &str, out: &mut Vec<Output>) -> CommandOutput {
        let begun = out.len();
        let mut cli = self.sessions.remove(&session).unwrap_or_default();
        let outcome = show::with_view(self, now, |view| cli.line(line, view));
        let mut text = outcome.text;
        let mut failed = outcome.failed;
        let closed = outcome.action == Some(Action::Close);
        if let Some(action) = outcome.action
            && let Err(refusal) = self.act(now, session, &mut cli, action, out)
        {
            text = format!("% {refusal}\n");
            failed = true;
        }
        // No prompt says that the session is over.
        let prompt = if closed { String::new() } else { show::with_view(self, now, |view| cli.prompt(view)) };
        self.sessions.insert(session, cli);
        self.settle(now, out);
        self.log.keep(now, &out[begun..]);
        CommandOutput { text, prompt, failed }
    }

    /// The words that can complete a line of a session.
    pub fn complete(&self, session: u64, line: &str) -> Vec<Completion> {
        match self.sessions.get(&session) {
            Some(cli) => cli.complete(line),
            None => CliSession::default().complete(line),
        }
    }

    /// A session's stream has ended.
    pub fn session_closed(&mut self, now: Instant, session: u64, out: &mut Vec<Output>) {
        self.sessions.remove(&session);
        self.unlock(session);
        self.stop_asking(now, session, out);
        self.settle(now, out);
    }

    fn unlock(&mut self, session: u64) {
        if self.config_lock == Some(session) {
            self.config_lock = None;
        }
    }

    fn act(
        &mut self,
        now: Instant,
        session: u64,
        cli: &mut CliSession,
        action: Action,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        match action {
            Action::ForceSwitchover => self.ask_rf(now, rf::Input::ForceSwitchover, out),
            Action::Reload => self.ask_rf(now, rf::Input::Reload, out),
            Action::ReloadPeer => self.ask_rf(now, rf::Input::ReloadPeer, out),
            Action::ResetSlot(Slot::Lc(slot)) if self.role.owns_chassis() => {
                self.reset_one(now, slot, out);
                Ok(())
            }
            Action::ResetSlot(Slot::Lc(_)) => Err("only the active RP resets line cards".to_owned()),
            Action::ResetSlot(Slot::Rp(slot)) if Some(slot) == self.boot.slot.peer() => {
                self.ask_rf(now, rf::Input::ReloadPeer, out)
            }
            Action::ResetSlot(Slot::Rp(_)) => Err("use reload to restart this unit".to_owned()),
            Action::WriteMemory { force } => {
                if let Some(refusal @ rf::Refusal::NotActive(_)) = self.rf.config_refusal() {
                    return Err(refusal.to_string());
                }
                if self.rf.view().state != RfState::Active {
                    return Err(rf::Refusal::SwitchoverInProgress.to_string());
                }
                if let Some(refusal) = self.clients.startup.refusal().filter(|_| !force) {
                    return Err(refusal);
                }
                let text = self.config().render();
                out.push(Output::SaveStartup(text.clone()));
                self.clients.startup.take(text);
                self.give_startup();
                Ok(())
            }
            Action::Debug(kinds, on) => {
                self.debugging.kinds.set(kinds, on);
                Ok(())
            }
            Action::EnterConfig => self.enter_config(session, cli),
            Action::LeaveConfig => {
                self.unlock(session);
                Ok(())
            }
            Action::Configure(change) => self.configure(now, change, out),
            Action::Close => {
                self.unlock(session);
                Ok(())
            }
            Action::Issu(command) => self.upgrade(now, command, out),
            Action::SetRollback(timer) => self.set_rollback(timer),
            Action::Ask(question) => self.ask(now, session, question, out),
            Action::ClearNeighbours { v4, interface } => {
                self.step_host(now, Some(rp_host::Input::Clear { v4, interface }), out);
                Ok(())
            }
        }
    }

    /// Design rule: one configuration session at a time, none during bulk sync, none on the standby.
    fn enter_config(&mut self, session: u64, cli: &mut CliSession) -> Result<(), String> {
        if let Some(refusal) = self.rf.config_refusal() {
            return Err(refusal.to_string());
        }
        if self.config_lock.is_some_and(|owner| owner != session) {
            return Err("another session is in configuration mode; only one is allowed at a time".to_owned());
        }
        self.config_lock = Some(session);
        cli.enter_config();
        Ok(())
    }

    fn configure(&mut self, now: Instant, change: Configure, out: &mut Vec<Output>) -> Result<(), String> {
        if change.changes.is_empty() {
            return Ok(());
        }
        if let Some(refusal) = self.rf.config_refusal() {
            return Err(refusal.to_string());
        }
        if let Some(refusal) = platform_refusal(self.boot.profile, self.config(), &change.edits) {
            return Err(refusal);
        }
        let heartbeat = self.boot.timers.heartbeat_ms;
        let least = Duration::from_millis(2 * heartbeat);
        let short = |timer: Option<Duration>| timer.is_some_and(|timer| timer < least);
        let too_short = |edit: &Edit| matches!(edit, Edit::Redundancy(new) if short(new.switchover_timer));
        if change.edits.iter().any(too_short) {
            return Err(format!("the topology's heartbeats are {heartbeat} ms apart: two must fit into the timer"));
        }
        let old = self.config().redundancy.auto_sync;
        let before = self.config().rendered_len();
        let config = &mut self.clients.running.config;
        let undo = config.apply_all(change.edits);
        let bytes = config.rendered_len();
        // What makes one that is too long shorter is welcome.
        if bytes > CONFIG_MAX && bytes > before {
            config.apply_all(undo);
            return Err(format!("the configuration would take {bytes} bytes; a standby RP can be given {CONFIG_MAX}"));
        }
        let mut routing = false;
        for changed in &change.changes {
            match changed {
                ConfigChange::Vrf(_)
                | ConfigChange::Interface(_)
                | ConfigChange::Ipv6Routing
                | ConfigChange::Neighbour(_)
                | ConfigChange::Route(..) => routing = true,
                ConfigChange::SwitchoverTimer | ConfigChange::CrashdumpTimeout => self.set_facility_timers(),
                ConfigChange::RedundancyMode => {
                    self.for_rf.push_back(rf::Input::SetMode(self.config().redundancy.mode));
                }
                ConfigChange::AutoSync => {
                    if !old.startup_config {
                        self.give_startup();
                    }
                }
                ConfigChange::LinkTraps | ConfigChange::Boot | ConfigChange::Cosmetic => {}
            }
        }
        if routing {
            self.clients.reroute_changed(&undo);
            self.tell_host_after(now, &undo, out);
        }
        for (slot, changes) in card_changes(self.config(), &self.clients.links, &undo) {
            self.step_feed(now, Some(fib_feed::Input::Changed { slot, changes }), out);
        }
        self.changed(Change { lines: &change.lines, old });
        Ok(())
    }

    /// Puts a request to the redundancy facility; its refusal is the command's output.
    fn ask_rf(&mut self, now: Instant, request: rf::Input, out: &mut Vec<Output>) -> Result<(), String> {
        self.debug_input(now, Some(&request), out);
        let mut asked = Vec::new();
        self.rf.step(now, Some(request), &mut asked);
        let mut refusal = None;
        for output in asked {
            self.debug_output(now, &output, out);
            if let rf::Output::Refuse { why, .. } = output {
                refusal = Some(why.to_string());
            } else {
                self.obey_rf(now, output, out);
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// A request was refused after its command had been answered.
    pub(super) fn refused(&mut self, now: Instant, what: rf::Request, why: rf::Refusal, out: &mut Vec<Output>) {
        out.push(Output::Event(EventKind::Log { line: format!("%RF-4-REFUSED: {what:?}: {why}") }));
        if what == rf::Request::ForceSwitchover {
            self.upgrade_refused(now, &why.to_string(), out);
        }
    }
}
