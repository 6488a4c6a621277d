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
    checkpoint::{CfInput, CfOutput, CfStandby, CfStandbyOutput},
    config::{Config, SyncError, SyncRecord, interface_name},
    fib_feed::FibMaster,
    redundancy as rf,
};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage},
    id::PortId,
    machine::Machine as _,
    operator::EventKind,
    redundancy::Mode,
    sabotage::{self, Sabotage},
    time::Instant,
};

/// Checkpoint bytes under way beyond which the FIB keeps its changes to itself for a while: it merges
/// them at no cost, whereas the facility's queue would overflow.
const FIB_BACKLOG: usize = 4 << 20;

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
                CfOutput::Failed(why) => self.for_rf.push_back(rf::Input::CfFailed { why: why.to_string() }),
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
    fn chunk(&mut self, client: CfClientId, cursor: u64) -> (Bytes, Option<u64>) {
        match client {
            CfClientId::STARTUP_CONFIG => (Bytes::from(self.startup.clone().unwrap_or_default()), None),
            CfClientId::RUNNING_CONFIG => (self.whole_configuration(), None),
            CfClientId::LINKS => (self.links.encode(), None),
            CfClientId::FIB => {
                let at = if cursor == 0 { None } else { self.bulk_at };
                let (data, next) = self.fib.bulk_chunk(at);
                self.bulk_at = next;
                (data, next.map(|_| cursor + 1))
            }
            _ => (self.chassis.encode(), None),
        }
    }

    fn checkpoint(&mut self, now: Instant, client: CfClientId, data: Bytes, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Active(_)) {
            self.step_cf(now, Some(CfInput::Change { client, data }), out);
        }
    }

    /// After a save. `no auto-sync startup-config` leaves the standby with what it has.
    pub(super) fn checkpoint_startup(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.config_revision += 1;
        if !self.config.redundancy.auto_sync.startup_config {
            return;
        }
        let text = Bytes::from(self.startup.clone().unwrap_or_default());
        self.checkpoint(now, CfClientId::STARTUP_CONFIG, text, out);
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

    /// The running configuration was `old`, and `lines` were run: "in effect, the command is run on both".
    pub(super) fn checkpoint_command(&mut self, now: Instant, old: &Config, lines: &str, out: &mut Vec<Output>) {
        self.config_revision += 1;
        if sabotage::is(Sabotage::ForgetConfig) {
            return;
        }
        let data = match (self.syncs_running(old), self.syncs_running(&self.config)) {
            (false, false) => return,
            (false, true) => self.whole_configuration(),
            (true, _) => {
                self.config_sync.commands += 1;
                let record = SyncRecord::Command { lines: lines.to_owned(), digest: self.config.digest() };
                Bytes::from(record.encode())
            }
        };
        self.checkpoint(now, CfClientId::RUNNING_CONFIG, data, out);
    }

    /// As standby: the active's running configuration, or its next command.
    fn follow_configuration(&mut self, data: &[u8]) -> Result<(), SyncError> {
        if data.is_empty() {
            return Ok(());
        }
        let record = SyncRecord::decode(data)?;
        self.config = self.config.follow(&record).inspect_err(|_| self.config_sync.failed += 1)?;
        match record {
            SyncRecord::Whole(_) => self.config_sync.whole += 1,
            SyncRecord::Command { .. } => self.config_sync.commands += 1,
        }
        self.set_facility_timers();
        Ok(())
    }

    /// The redundancy facility's timers, from the configuration.
    pub(super) fn set_facility_timers(&mut self) {
        let timer = switchover_timer(&self.config, &self.boot.timers);
        self.for_rf.push_back(rf::Input::SetSwitchoverTimer(timer));
        self.for_rf.push_back(rf::Input::SetCrashdumpTimeout(self.config.redundancy.crashdump_timeout));
    }

    /// A line card says how a port is.
    pub(super) fn port_reported(&mut self, now: Instant, port: PortId, up: bool, out: &mut Vec<Output>) {
        if self.links.report(now, port, up) {
            let state = if up { "up" } else { "down" };
            let line = format!("%LINK-3-UPDOWN: Interface {}, changed state to {state}", interface_name(port));
            out.push(Output::Event(EventKind::Log { line }));
            self.checkpoint_links(now, out);
        }
    }

    pub(super) fn checkpoint_links(&mut self, now: Instant, out: &mut Vec<Output>) {
        let links = self.links.encode();
        self.checkpoint(now, CfClientId::LINKS, links, out);
    }

    pub(super) fn checkpoint_chassis(&mut self, now: Instant, out: &mut Vec<Output>) {
        let state = self.chassis.encode();
        self.checkpoint(now, CfClientId::CHASSIS, state, out);
    }

    /// Hands the FIB's changes to the standby while it takes them.
    pub(super) fn push_checkpoints(&mut self, now: Instant, out: &mut Vec<Output>) {
        let not_begun = matches!(self.wanted_chunk, Some((_, CfClientId::FIB, 0)));
        if !matches!(self.role, Role::Active(_)) || not_begun {
            return;
        }
        loop {
            let (window, queue) = self.cf.under_way();
            if !self.cf.wants(CfClientId::FIB) || window + queue > FIB_BACKLOG {
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
            self.step_cf(now, Some(CfInput::Change { client: CfClientId::FIB, data }), out);
        }
    }

    /// From the peer's checkpointing facility: ours is the active's side while we are active.
    pub(super) fn checkpoint_message(&mut self, now: Instant, message: CfMessage, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Active(_)) {
            self.step_cf(now, Some(CfInput::Message(message)), out);
            return;
        }
        let mut asked = Vec::new();
        self.replica.step(now, Some(message), &mut asked);
        for output in asked {
            match output {
                CfStandbyOutput::Begin { mode } => {
                    self.chassis = Chassis::default();
                    if mode == Mode::Sso {
                        self.fib = FibMaster::default();
                    }
                }
                CfStandbyOutput::Apply { client, data, .. } => self.apply(client, &data, out),
                CfStandbyOutput::End => {}
                CfStandbyOutput::Send(message) => out.push(Output::Checkpoint(message)),
            }
        }
    }

    /// One piece of the active's state.
    fn apply(&mut self, client: CfClientId, data: &[u8], out: &mut Vec<Output>) {
        let result = match client {
            CfClientId::STARTUP_CONFIG => std::str::from_utf8(data).map_err(|error| error.to_string()).map(|text| {
                if !text.is_empty() && self.startup.as_deref() != Some(text) {
                    out.push(Output::SaveStartup(text.to_owned()));
                    self.startup = Some(text.to_owned());
                }
            }),
            CfClientId::RUNNING_CONFIG => self.follow_configuration(data).map_err(|error| error.to_string()),
            CfClientId::LINKS => Links::decode(data).map(|links| self.links = links).map_err(|error| error.to_string()),
            CfClientId::FIB => self.fib.apply_checkpoint(data).map(|_| ()).map_err(|error| error.to_string()),
            _ => {
                self.chassis = Chassis::decode(data);
                Ok(())
            }
        };
        if let Err(why) = result {
            // The replica does not hold what the active thinks it does: it must not take over with it.
            out.push(Output::Event(EventKind::Log { line: format!("%CHKPT-3-APPLY: checkpoint refused: {why}") }));
            out.push(Output::Checkpoint(CfMessage::Broken { why }));
        }
    }
}
