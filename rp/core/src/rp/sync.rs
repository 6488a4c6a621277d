//! Clients' state on its way to the standby, and as it comes there. What each gives and takes is its own affair
//! ([`crate::clients`]); when it is asked is said here.

use super::{Output, Rp, takeover::Role, versions::named};
use crate::{
    checkpoint::{CfInput, CfOutput, CfStandbyInput, CfStandbyOutput},
    clients::Change,
    redundancy as rf,
};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage},
    machine::Machine as _,
    operator::EventKind,
    redundancy::Mode,
    sabotage::{self, Sabotage},
    time::Instant,
};
use std::collections::BTreeSet;

/// Checkpoint bytes under way beyond which clients keep their changes to themselves for a while: they merge
/// them at no cost, whereas the facility's queue would overflow. Not those that an operator waits for.
const BACKLOG: usize = 4 << 20;

/// As active.
impl Rp {
    pub(super) fn start_bulk_sync(&mut self, now: Instant, mode: Mode, out: &mut Vec<Output>) {
        self.left_out.clear();
        let (members, longest) = (self.clients.given(), self.clients.longest());
        self.step_cf(now, Some(CfInput::Start { mode, members, longest }), out);
    }

    pub(super) fn stop_sync(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.clients.stop();
        self.wanted_chunk = None;
        self.step_cf(now, Some(CfInput::Stop), out);
    }

    pub(super) fn drain_sync(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.push_checkpoints(now, out);
        self.step_cf(now, Some(CfInput::Drain), out);
    }

    /// The connection to the peer is gone: what it carried begins anew on the next one.
    pub(super) fn peer_lost(&mut self, now: Instant, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Active(_)) {
            self.stop_sync(now, out);
        }
        self.replica.reset();
        self.step_rf(now, Some(rf::Input::PeerDisconnected), out);
    }

    /// The active's side, and what it asks for.
    pub(super) fn step_cf(&mut self, now: Instant, input: Option<CfInput>, out: &mut Vec<Output>) {
        let mut asked = Vec::new();
        self.cf.step(now, input, &mut asked);
        for output in asked {
            match output {
                // One chunk a step: heartbeats must not wait for a whole table.
                CfOutput::WantChunk { client, cursor } => self.wanted_chunk = Some((now, client, cursor)),
                CfOutput::Send(message) => out.push(Output::Checkpoint(message)),
                CfOutput::Complete => self.for_rf.push_back(rf::Input::CfReady),
                CfOutput::Failed { why, config } => {
                    let why = why.to_string();
                    self.unconfirmed = config.then(|| why.clone());
                    self.for_rf.push_back(rf::Input::CfFailed { why });
                }
                CfOutput::Drained => self.for_rf.push_back(rf::Input::CfDrained),
            }
        }
    }

    /// Gives the facility the chunk that it asked for.
    pub(super) fn give_chunk(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some((_, client, cursor)) = self.wanted_chunk.take() else { return };
        let mode = self.rf.view().operating;
        // The facility asks for its members only.
        let Ok(chunk) = self.clients.chunk(client, cursor == 0, mode) else { return };
        self.note_given(client, out);
        let next = chunk.more.then_some(cursor + 1);
        self.step_cf(now, Some(CfInput::Chunk { client, data: chunk.data, next }), out);
    }

    /// Says what the standby's release has no words for: each line once, for as long as it is there.
    fn note_given(&mut self, client: CfClientId, out: &mut Vec<Output>) {
        let Some((what, left_out)) = self.clients.left_out(client) else { return };
        let left_out: BTreeSet<String> = left_out.into_iter().collect();
        let said = std::mem::replace(self.left_out.entry(client).or_default(), left_out);
        let news: Vec<&String> = self.left_out[&client].difference(&said).collect();
        if !news.is_empty() {
            let (count, lines) = (news.len(), named(news.into_iter().cloned(), "; "));
            let line = format!(
                "%ISSU-4-BASE_LEVEL: the standby's release has no words for {count} line(s) of {what}, and is without them: {lines}"
            );
            out.push(Output::Event(EventKind::Log { line }));
        }
    }

    /// Hands on what clients have changed, while the standby takes it.
    pub(super) fn push_checkpoints(&mut self, now: Instant, out: &mut Vec<Output>) {
        if !matches!(self.role, Role::Active(_)) {
            return;
        }
        for at in 0..self.clients.members().len() {
            let member = self.clients.members()[at];
            let client = member.number;
            // Its bulk begins anew, and holds what has changed.
            let not_begun = self.wanted_chunk.is_some_and(|(_, wanted, cursor)| (wanted, cursor) == (client, 0));
            loop {
                let (window, queue) = self.cf.under_way();
                let full = !member.awaited && window + queue > BACKLOG;
                if not_begun || full || !self.cf.wants(client) {
                    break;
                }
                match self.clients.change(&member) {
                    Ok(Some(data)) => {
                        self.note_given(client, out);
                        self.step_cf(now, Some(CfInput::Change { client, data }), out);
                    }
                    Ok(None) => break,
                    Err(lost) => {
                        self.for_rf.push_back(rf::Input::CfFailed { why: format!("{}: {lost}", member.title) });
                        break;
                    }
                }
            }
        }
    }

    /// After a save. `no auto-sync startup-config` leaves the standby with what it has.
    pub(super) fn give_startup(&mut self) {
        self.count_change();
        if self.config().redundancy.auto_sync.startup_config {
            self.clients.startup.give();
        }
    }

    /// An operator has changed the running configuration.
    pub(super) fn changed(&mut self, change: Change<'_>) {
        self.count_change();
        if !sabotage::is(Sabotage::ForgetConfig) {
            self.clients.running.changed(change);
        }
    }

    /// Another change whose operator waits until it is safe.
    fn count_change(&mut self) {
        self.config_revision += 1;
        self.unconfirmed = None;
    }
}

/// As standby.
impl Rp {
    /// From the peer's checkpointing facility: ours is the active's side while we are active.
    pub(super) fn checkpoint_message(&mut self, now: Instant, message: CfMessage, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Active(_)) {
            self.step_cf(now, Some(CfInput::Message(message)), out);
            return;
        }
        let mut next = Some(CfStandbyInput::Message(message));
        let mut asked = Vec::new();
        while let Some(input) = next.take() {
            self.replica.step(now, Some(input), &mut asked);
            for output in asked.drain(..) {
                match output {
                    CfStandbyOutput::Begin { mode } => self.clients.begin(mode),
                    CfStandbyOutput::Apply { client, data, more } => {
                        next = Some(CfStandbyInput::Applied(self.apply(now, client, data, more, out)));
                    }
                    CfStandbyOutput::End => {}
                    CfStandbyOutput::Send(message) => out.push(Output::Checkpoint(message)),
                    // This unit does not hold what the active thinks it does: it must not take over with it.
                    CfStandbyOutput::Broken { why } => {
                        let line = format!("%CHKPT-3-APPLY: checkpoint refused: {why}");
                        out.push(Output::Event(EventKind::Log { line }));
                        self.for_rf.push_back(rf::Input::CfFailed { why });
                    }
                }
            }
        }
    }

    /// One piece of the active's state.
    fn apply(
        &mut self,
        now: Instant,
        client: CfClientId,
        data: Bytes,
        more: bool,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let mut asked = Vec::new();
        let applied = self.clients.apply(client, data, more, &mut asked);
        self.follow(now, asked, out);
        applied.map_err(|unapplied| unapplied.to_string())
    }
}
