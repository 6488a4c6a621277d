//! Which state is checkpointed, and what the standby does with it.
//!
//! | client | bulk | change | standby |
//! | --- | --- | --- | --- |
//! | startup-config | its text | its text, when it is saved | saves it |
//! | running-config | its text | the command that changed it | runs it: the configuration that it takes over with |
//! | chassis | line cards online | the same | remembers it: those that are missing are known at a switchover |
//! | link states | all ports | the same | remembers them |
//! | FIB | path lists and buckets | batches | applies them |

use super::{Chassis, Output, Rp, interfaces::Links, switchover_timer, takeover::Role};
use crate::{
    checkpoint::{CfInput, CfOutput, CfStandby, CfStandbyInput, CfStandbyOutput, STATE_MAX},
    config::{Config, SyncError, SyncRecord, WholeReader},
    fib_feed::FibMaster,
    redundancy as rf,
};
use bytes::{Bytes, BytesMut};
use fabric_proto::{
    checkpoint::{CfClient, CfMessage},
    machine::Machine as _,
    operator::EventKind,
    redundancy::Mode,
    sabotage::{self, Sabotage},
    time::Instant,
};

/// Checkpoint bytes under way beyond which the FIB keeps its changes to itself for a while: it merges
/// them at no cost, whereas the facility's queue would overflow.
const FIB_BACKLOG: usize = 4 << 20;

/// What comes in pieces and has not come whole.
#[derive(Debug, Default)]
pub(super) struct Arriving {
    /// A running configuration is read as it comes.
    configuration: Option<WholeReader>,
    /// Anything else is joined.
    pieces: BytesMut,
}

impl Arriving {
    /// Takes a piece; the whole, once `more` is false.
    fn join(&mut self, data: Bytes, more: bool) -> Result<Option<Bytes>, String> {
        if self.pieces.is_empty() && !more {
            return Ok(Some(data));
        }
        if self.pieces.len() + data.len() > STATE_MAX {
            return Err(format!("its pieces are longer than {STATE_MAX} bytes"));
        }
        self.pieces.extend_from_slice(&data);
        Ok((!more).then(|| std::mem::take(&mut self.pieces).freeze()))
    }
}

impl Rp {
    pub(super) fn start_bulk_sync(&mut self, now: Instant, mode: Mode, out: &mut Vec<Output>) {
        self.step_cf(now, Some(CfInput::Start { mode }), out);
    }

    pub(super) fn stop_sync(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.fib.stop_checkpoint();
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
        self.replica = CfStandby::default();
        self.arriving = Arriving::default();
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
        if let Some((_, client, cursor)) = self.wanted_chunk.take() {
            let (data, next) = self.chunk(client, cursor);
            self.step_cf(now, Some(CfInput::Chunk { client, data, next }), out);
        }
    }

    /// A client's next piece of bulk state, and where it goes on.
    fn chunk(&mut self, client: CfClient, cursor: u64) -> (Bytes, Option<u64>) {
        match client {
            CfClient::StartupConfig => (Bytes::from(self.startup.clone().unwrap_or_default()), None),
            CfClient::RunningConfig => (self.whole_configuration(), None),
            CfClient::Chassis => (self.chassis.encode(), None),
            CfClient::Links => (self.links.encode(), None),
            CfClient::Fib => {
                let at = if cursor == 0 { None } else { self.bulk_at };
                let (data, next) = self.fib.bulk_chunk(at);
                self.bulk_at = next;
                (data, next.map(|_| cursor + 1))
            }
        }
    }

    fn checkpoint(&mut self, now: Instant, client: CfClient, data: Bytes, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Active(_)) {
            self.step_cf(now, Some(CfInput::Change { client, data }), out);
        }
    }

    /// After a save. `no auto-sync startup-config` leaves the standby with what it has.
    pub(super) fn checkpoint_startup(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.config_changed();
        if !self.config.redundancy.auto_sync.startup_config {
            return;
        }
        let text = Bytes::from(self.startup.clone().unwrap_or_default());
        self.checkpoint(now, CfClient::StartupConfig, text, out);
    }

    /// Whether the running configuration goes to the standby. SSO cannot do without: a hot standby with another
    /// configuration would be none.
    fn syncs_running(&self, config: &Config) -> bool {
        config.redundancy.auto_sync.running_config || self.rf.view().operating == Mode::Sso
    }

    /// The whole running configuration; nothing where the standby is not to have it.
    fn whole_configuration(&mut self) -> Bytes {
        if !self.syncs_running(&self.config) {
            return Bytes::new();
        }
        self.config_sync.whole += 1;
        Bytes::from(SyncRecord::Whole(self.config.render()).encode())
    }

    /// Another change whose operator waits until it is safe.
    fn config_changed(&mut self) {
        self.config_revision += 1;
        self.unconfirmed = None;
    }

    /// The running configuration was `old`, `lines` were run, and `digest` is that of what came of it: "in effect, the
    /// command is run on both".
    pub(super) fn checkpoint_command(
        &mut self,
        now: Instant,
        old: &Config,
        lines: &str,
        digest: u32,
        out: &mut Vec<Output>,
    ) {
        self.config_changed();
        if sabotage::is(Sabotage::ForgetConfig) {
            return;
        }
        let data = match (self.syncs_running(old), self.syncs_running(&self.config)) {
            (false, false) => return,
            (false, true) => self.whole_configuration(),
            (true, _) => {
                self.config_sync.commands += 1;
                let record = SyncRecord::Command { lines: lines.to_owned(), digest };
                Bytes::from(record.encode())
            }
        };
        self.checkpoint(now, CfClient::RunningConfig, data, out);
    }

    /// As standby: the active's running configuration, or its next command.
    fn follow_configuration(&mut self, data: &[u8], more: bool) -> Result<(), SyncError> {
        if more {
            return self.arriving.configuration.get_or_insert_default().feed(data);
        }
        let (config, whole) = match self.arriving.configuration.take() {
            Some(mut reader) => {
                reader.feed(data)?;
                (reader.finish()?, true)
            }
            // The standby is not to have it.
            None if data.is_empty() => return Ok(()),
            None => {
                let record = SyncRecord::decode(data)?;
                (self.config.follow(&record)?, matches!(record, SyncRecord::Whole(_)))
            }
        };
        self.config = config;
        let count = if whole { &mut self.config_sync.whole } else { &mut self.config_sync.commands };
        *count += 1;
        self.set_facility_timers();
        Ok(())
    }

    /// The redundancy facility's timers, from the configuration.
    pub(super) fn set_facility_timers(&mut self) {
        let timer = switchover_timer(&self.config, &self.boot.timers);
        self.for_rf.push_back(rf::Input::SetSwitchoverTimer(timer));
        self.for_rf.push_back(rf::Input::SetCrashdumpTimeout(self.config.redundancy.crashdump_timeout));
    }

    pub(super) fn checkpoint_links(&mut self, now: Instant, out: &mut Vec<Output>) {
        let links = self.links.encode();
        self.checkpoint(now, CfClient::Links, links, out);
    }

    pub(super) fn checkpoint_chassis(&mut self, now: Instant, out: &mut Vec<Output>) {
        let state = self.chassis.encode();
        self.checkpoint(now, CfClient::Chassis, state, out);
    }

    /// Hands the FIB's changes to the standby while it takes them.
    pub(super) fn push_checkpoints(&mut self, now: Instant, out: &mut Vec<Output>) {
        let not_begun = matches!(self.wanted_chunk, Some((_, CfClient::Fib, 0)));
        if !matches!(self.role, Role::Active(_)) || not_begun {
            return;
        }
        loop {
            let (window, queue) = self.cf.under_way();
            if !self.cf.wants(CfClient::Fib) || window + queue > FIB_BACKLOG {
                return;
            }
            let Some(data) = self.fib.take_checkpoint() else {
                if !self.fib.is_checkpointing() {
                    let why = "the log forgot changes before the standby took them".to_owned();
                    self.for_rf.push_back(rf::Input::CfFailed { why });
                }
                return;
            };
            if sabotage::is(Sabotage::ForgetUpdate) {
                continue;
            }
            self.step_cf(now, Some(CfInput::Change { client: CfClient::Fib, data }), out);
        }
    }

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
                    CfStandbyOutput::Begin { mode } => {
                        self.arriving = Arriving::default();
                        self.chassis = Chassis::default();
                        if mode == Mode::Sso {
                            self.fib = FibMaster::default();
                        }
                    }
                    CfStandbyOutput::Apply { client, data, more } => {
                        next = Some(CfStandbyInput::Applied(self.apply(client, data, more, out)));
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
    fn apply(&mut self, client: CfClient, data: Bytes, more: bool, out: &mut Vec<Output>) -> Result<(), String> {
        // The only one that is read as it comes: a large one takes longer than a heartbeat may wait.
        if client == CfClient::RunningConfig {
            let followed = self.follow_configuration(&data, more);
            return followed.inspect_err(|_| self.config_sync.failed += 1).map_err(|error| error.to_string());
        }
        let Some(data) = self.arriving.join(data, more)? else { return Ok(()) };
        match client {
            CfClient::RunningConfig => {}
            CfClient::StartupConfig => {
                let text = std::str::from_utf8(&data).map_err(|error| error.to_string())?;
                if !text.is_empty() && self.startup.as_deref() != Some(text) {
                    out.push(Output::SaveStartup(text.to_owned()));
                    self.take_startup(text.to_owned());
                }
            }
            CfClient::Chassis => self.chassis = Chassis::decode(&data),
            CfClient::Fib => {
                self.fib.apply_checkpoint(&data).map_err(|error| error.to_string())?;
            }
            CfClient::Links => self.links = Links::decode(&data).map_err(|error| error.to_string())?,
        }
        Ok(())
    }
}
