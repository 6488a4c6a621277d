//! What operators ask, and answers that wait until what they say is true.

use super::{Ask, Shell};
use crate::{
    crash::Crash,
    data::Data,
    links::ToPeer,
    writer::{Write, WriteId, Written},
};
use fabric_proto::{
    id::Slot,
    machine::Machine as _,
    operator::{CardStats, CommandOutput, Completion, CrashPoint, EventKind, Impairment, PlaneSet},
    time::Instant,
};
use rp_core::rp::{Input, Output};
use std::io;
use tokio::sync::oneshot;

/// The answer to a command that changed the configuration.
pub(super) struct Unacknowledged {
    answer: oneshot::Sender<CommandOutput>,
    output: CommandOutput,
    /// The save that the command asked for.
    write: Option<WriteId>,
}

/// The answer to a command that takes its time, as far as it is there.
pub(super) struct Asking {
    answer: oneshot::Sender<CommandOutput>,
    output: CommandOutput,
}

impl Shell {
    /// Begins a write to NVRAM. One that cannot even begin is logged.
    pub(super) fn write(&mut self, now: Instant, write: Write) -> io::Result<WriteId> {
        self.writer.begin(write).inspect_err(|error| self.not_written(now, "saved", error))
    }

    /// The startup configuration, to be saved; the program dies half way where an experiment wants it so.
    pub(super) fn startup(&self, text: String) -> Write {
        Write::Startup { text, torn: self.crash.is_some_and(|crash| crash.point() == CrashPoint::SaveConfig) }
    }

    fn not_written(&self, now: Instant, what: &str, error: &io::Error) {
        let line = format!("%SYS-4-NV_BLOCK_INITFAIL: startup-config was not {what}: {error}");
        self.events.push(now, EventKind::Log { line });
    }

    /// A write to NVRAM has ended: whoever asked for it is told if it failed, and what waited for it goes on.
    pub(super) fn written(&mut self, now: Instant, written: Written) {
        self.writer.ended();
        if let Err(error) = &written.result {
            match self.unacknowledged.iter_mut().find(|waiting| waiting.write == Some(written.id)) {
                Some(waiting) => unsaved(&mut waiting.output, error),
                None => self.not_written(now, written.what, error),
            }
        }
        if !self.writer.is_busy() {
            for message in std::mem::take(&mut self.held) {
                self.tell_peer(ToPeer::Checkpoint(message));
            }
        }
    }

    /// Answers those whose changes are saved and, where there is a standby to hold them, held by it too; or says
    /// that it could not follow.
    pub(super) fn acknowledge(&mut self) {
        if self.writer.is_busy() || !self.rp.config_confirmed() {
            return;
        }
        let failure = self.rp.config_unconfirmed().filter(|_| !self.unacknowledged.is_empty());
        let failure = failure
            .map(|why| format!("% In effect on this RP only: the standby RP could not follow, and restarts ({why})\n"));
        for Unacknowledged { answer, mut output, .. } in self.unacknowledged.drain(..) {
            if let Some(failure) = &failure {
                output.text += failure;
                output.failed = true;
            }
            let _ = answer.send(output);
        }
    }

    /// Runs a line of the command line, and answers once what the answer says is true.
    fn run_line(
        &mut self,
        now: Instant,
        session: u64,
        line: &str,
        answer: oneshot::Sender<CommandOutput>,
        out: &mut Vec<Output>,
    ) {
        let revision = self.rp.config_revision();
        self.rp.set_punts(self.data.as_ref().map(Data::punts).unwrap_or_default());
        let mut output = self.rp.line(now, session, line, out);
        let answered = |output: &Output| matches!(output, Output::Answered { session: of, .. } if *of == session);
        if self.rp.awaits(session) || out.iter().any(answered) {
            self.asking.insert(session, Asking { answer, output });
            return;
        }
        // It goes before what the same command says to the standby, which waits for it.
        let save = out.iter().position(|output| matches!(output, Output::SaveStartup(_)));
        let write = match save.map(|at| out.remove(at)) {
            Some(Output::SaveStartup(text)) => {
                let begun = self.write(now, self.startup(text));
                begun.inspect_err(|error| unsaved(&mut output, error)).ok()
            }
            _ => None,
        };
        if write.is_none() && self.rp.config_revision() == revision {
            let _ = answer.send(output);
        } else {
            self.unacknowledged.push(Unacknowledged { answer, output, write });
        }
    }

    /// The rest of an answer that took its time.
    pub(super) fn answered_at_last(&mut self, session: u64, text: &str) {
        if let Some(Asking { answer, mut output }) = self.asking.remove(&session) {
            output.text += text;
            let _ = answer.send(output);
        }
    }

    pub(super) fn answer(&mut self, now: Instant, ask: Ask, out: &mut Vec<Output>) {
        match ask {
            Ask::Line { session, line, answer } => self.run_line(now, session, &line, answer, out),
            Ask::Complete { session, line, answer } => {
                let words = self.rp.complete(session, &line).into_iter();
                let _ =
                    answer.send(words.map(|one| Completion { word: one.word, help: one.help.to_owned() }).collect());
            }
            Ask::SessionClosed(session) => {
                self.asking.remove(&session);
                self.rp.session_closed(now, session, out);
            }
            Ask::Oir { slot, inserted } => self.rp.step(now, Some(Input::Oir { slot, inserted }), out),
            Ask::Stats { answer } => {
                let _ = answer.send(Box::new(self.stats()));
            }
            Ask::Impair { to, plane, impairment, answer } => {
                let _ = answer.send(self.impair(to, plane, impairment));
            }
            Ask::CrashAt { point, answer } => {
                let armed = self.nvram.arm(point).map_err(|error| format!("NVRAM: {error}"));
                self.crash = point.map(Crash::at);
                let _ = answer.send(armed);
            }
            Ask::Hang { client, hangs, answer } => {
                let hung = self.rp.hang(now, &client, hangs, out);
                let _ = answer.send(hung.map_err(|unknown| unknown.to_string()));
            }
            Ask::Storage { fault, answer } => {
                let _ = self.write(now, Write::Fault { fault, answer });
            }
        }
    }

    fn stats(&self) -> CardStats {
        let refusals = fabric::card::process::refusals();
        let mut rp = self.rp.stats();
        rp.armed = self.crash.map(Crash::point);
        rp.converged &= self.data.as_ref().is_none_or(|data| data.reaches(rp.line_cards.len()));
        CardStats {
            boot: self.boot,
            release: self.release.clone(),
            rp: Some(rp),
            lc: self.data.as_ref().and_then(Data::relayed),
            memory_bytes: crate::process::resident_bytes(),
            cpu_ns: fabric::card::process::cpu_ns(),
            refusals,
            connections: self.endpoint.connections() as u64,
            unlinked: Vec::new(),
            punts: self.data.as_ref().map(Data::punts).unwrap_or_default(),
        }
    }

    fn impair(&self, to: Option<Slot>, plane: PlaneSet, impairment: Impairment) -> Result<(), String> {
        if plane == PlaneSet::Data {
            return Err("a route processor has no data plane: impair control, or a line card".to_owned());
        }
        match to {
            None => self.endpoint.impair().set(None, impairment),
            Some(slot) => {
                let card = self.address_of(slot).ok_or_else(|| format!("there is no card in slot {slot}"))?;
                self.endpoint.impair().set(Some(card.control), impairment);
            }
        }
        Ok(())
    }
}

fn unsaved(output: &mut CommandOutput, error: &io::Error) {
    output.text = format!("% Error writing startup-config: {error}\n");
    output.failed = true;
}
