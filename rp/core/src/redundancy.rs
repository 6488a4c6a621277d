//! The redundancy facility: finds the peer, settles who is active, takes clients through progressions,
//! brings the standby up and takes over when the active is gone.
//!
//! ```text
//!                       ┌────────── third unit ─────────► DISABLED
//! INITIALIZATION ► NEGOTIATION ─── the peer is active ──► standby ─── the active is gone ──┐
//!                       └─── nobody else, or we win ───► ACTIVE-FAST ► … ► ACTIVE ◄────────┘
//! ```
//!
//! Standby, by operating mode ([`bring_up`]): HSA stays DISABLED; RPR stays STANDBY COLD; RPR+ goes COLD ►
//! COLD-CONFIG ► COLD-FILESYS ► WARM; SSO goes on from COLD-FILESYS to COLD-BULK ► HOT. The active drives it.
//!
//! Nothing goes back: a unit that loses its role, or a standby whose state is of no use any more, asks to be
//! restarted ([`Output::RestartSelf`]) and negotiates anew. So every state is reached on one path only.
//!
//! Heartbeats alone carry roles and terms, so that a cut stream never decides who is active; the stream
//! carries progressions and the forced switchover.

use fabric_proto::{id::Epoch, machine::Machine, redundancy::RfState, time::Instant};

mod active;
mod canonical;
mod clients;
mod config;
mod contract;
mod history;
mod negotiation;
mod peer;
mod role;
mod standby;
mod timers;
mod view;

pub use clients::{Client, ClientId, field_clients};
pub use config::{BootCause, Config, LastTerm};
pub use contract::{Input, Met, Output, Refusal, Request};
pub use history::{HISTORY_MAX, History, HistoryEntry, SWITCHOVERS_MAX, What};
pub use role::{Step, bring_up, operating_mode, valid_transition};
pub use rp_contract::TakeOver;
pub use view::{Beats, Counters, View};

use clients::Visit;
use peer::Peer;
use role::Role;

/// The redundancy facility of one RP.
#[derive(Clone, Debug)]
pub struct Rf {
    config: Config,
    role: Role,
    /// State last shown to the world; the transition table is asserted against it.
    shown: RfState,
    shown_since: Instant,
    started: Instant,
    chassis_since: Instant,
    /// Highest epoch ever seen, of anybody.
    highest: Epoch,
    /// Fenced in it ([`LastTerm::fenced`]).
    fenced: bool,
    connected: bool,
    /// Of the last connection: a peer that is cut off for a while runs what it ran.
    met: Option<Met>,
    peer: Option<Peer>,
    visit: Option<Visit>,
    /// When the next heartbeat is due.
    beat: Instant,
    seq: u64,
    history: History,
    counters: Counters,
    beats: Beats,
}

impl Rf {
    /// A unit that has just been started; its first step may be called without an input.
    pub fn new(mut config: Config, now: Instant) -> Self {
        config.clients.sort_by_key(|client| (client.seq, client.id));
        let mut history = History::default();
        let mut chassis_since = now;
        if let BootCause::Takeover { switchovers, chassis_since: since, .. } = &config.cause {
            history.adopt_switchovers(switchovers);
            chassis_since = since.unwrap_or(now);
        }
        for client in &config.clients {
            history.note(now, What::ClientAdded { name: client.name.clone(), id: client.id, seq: client.seq });
        }
        Self {
            highest: config.last_term.epoch,
            fenced: config.last_term.fenced,
            config,
            role: Role::Start,
            shown: RfState::Initialization,
            shown_since: now,
            started: now,
            chassis_since,
            connected: false,
            met: None,
            peer: None,
            visit: None,
            beat: now,
            seq: 0,
            history,
            counters: Counters::default(),
            beats: Beats::default(),
        }
    }

    /// Everything that `show redundancy` needs.
    pub fn view(&self) -> View<'_> {
        view::of(self)
    }

    /// Why configuration changes are refused now, if they are.
    pub fn config_refusal(&self) -> Option<Refusal> {
        match &self.role {
            // Its configuration is still being read.
            Role::Active(active) if active.stage != RfState::Active => Some(Refusal::SwitchoverInProgress),
            Role::Active(active) if active.syncing() => Some(Refusal::BulkSync),
            Role::Active(active) if active.handover.is_some() => Some(Refusal::SwitchoverInProgress),
            Role::Active(_) | Role::Gone => None,
            Role::Start | Role::Initialization | Role::Negotiation { .. } | Role::Disabled | Role::Standby(_) => {
                Some(Refusal::NotActive(self.shown))
            }
        }
    }
}

impl Machine for Rf {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Instant, input: Option<Input>, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Start) {
            self.start(now, out);
        }
        if let Some(input) = input {
            self.take(now, input, out);
        }
        self.run_timers(now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_timer()
    }
}

impl Rf {
    fn take(&mut self, now: Instant, input: Input, out: &mut Vec<Output>) {
        if matches!(self.role, Role::Gone | Role::Disabled) {
            return;
        }
        match input {
            Input::PeerConnected(met) => self.peer_connected(now, met, out),
            Input::PeerDisconnected => self.peer_disconnected(now, out),
            Input::Heartbeat(heartbeat) => self.heard(now, heartbeat, out),
            Input::Message(message) => self.message(now, message, out),
            Input::ClientDone { client, event } => self.client_done(now, client, event, out),
            Input::SetMode(mode) => self.set_mode(now, mode, out),
            Input::SetSwitchoverTimer(timer) => self.config.switchover = timer,
            Input::SetCrashdumpTimeout(timeout) => self.config.crashdump = timeout,
            Input::ForceSwitchover => self.force_switchover(now, out),
            Input::ReloadPeer => self.reload_peer(now, out),
            Input::PeerIsReset => self.peer_is_reset(),
            Input::Reload => self.reload(now, out),
            Input::Fenced { highest } => self.fenced(now, highest, out),
            Input::CfReady => self.cf_ready(now, out),
            Input::CfFailed { why } => self.cf_failed(now, &why, out),
            Input::CfDrained => self.cf_drained(now, out),
            Input::PeerCrashdumpDone => self.crashdump_done(now, out),
            Input::Removed => self.peer_removed(now, out),
            Input::FabricChanged => self.fabric_changed(out),
        }
    }
}

#[cfg(test)]
mod tests;
