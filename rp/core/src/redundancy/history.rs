//! The event log and the switchover history.

use super::ClientId;
use fabric_proto::{
    redundancy::{Code, RfState, SwitchoverRecord},
    time::Instant,
};
use std::{collections::VecDeque, fmt};

/// Entries kept: a boot, a bring-up and a switchover take some three hundred.
pub const HISTORY_MAX: usize = 1024;

/// Switchovers kept, so that a Hello stays small.
pub const SWITCHOVERS_MAX: usize = 64;

/// One line of `show redundancy history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What a line of the event log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A client registered.
    ClientAdded {
        /// Its name.
        name: String,
        /// Its id.
        id: ClientId,
        /// Its place in the order.
        seq: u16,
    },
    /// One of the two states changed.
    States {
        /// This unit's.
        my: RfState,
        /// Whether it is the one that changed.
        my_changed: bool,
        /// The peer's.
        peer: RfState,
    },
    /// A client did not answer in time.
    Overdue {
        /// Its name.
        name: String,
        /// Its id.
        id: ClientId,
        /// What it was shown.
        code: Code,
    },
    /// Bulk syncs failed one after the other; the next one waits.
    SyncWaits {
        /// How many.
        failures: u32,
        /// How long.
        seconds: u64,
    },
    /// A progression, status or event.
    Code {
        /// The code.
        code: Code,
        /// The client that it was shown to.
        client: Option<ClientId>,
        /// Its operand.
        op: u32,
    },
}

/// `*my state = ACTIVE(13) peer state = UNKNOWN(0)`: the star marks what changed.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientAdded { name, id, seq } => write!(f, "client added: {name}({id}) seq={seq}"),
            Self::States { my, my_changed, peer } => {
                let (mine, theirs) = if *my_changed { ("*", "") } else { ("", "*") };
                write!(f, "{mine}my state = {my}({}) {theirs}peer state = {peer}({})", my.number(), peer.number())
            }
            Self::SyncWaits { failures, seconds } => write!(f, "bulk sync failed x{failures} next in {seconds}s"),
            Self::Overdue { name, id, code } => write!(f, "client timed out: {name}({id}) {code}"),
            Self::Code { code, client: Some(client), op } => write!(f, "{code} client {client} op={op}"),
            Self::Code { code, client: None, op } => write!(f, "{code} op={op}"),
        }
    }
}

/// Event log and switchover history, both bounded: the oldest entries go first.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: VecDeque<HistoryEntry>,
    switchovers: Vec<SwitchoverRecord>,
}

impl History {
    /// The event log, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.entries.iter()
    }

    /// The switchover history, oldest first.
    pub fn switchovers(&self) -> &[SwitchoverRecord] {
        &self.switchovers
    }

    /// Switchovers since the chassis started, kept or not.
    pub fn switchover_count(&self) -> u32 {
        self.switchovers.last().map_or(0, |last| last.index)
    }

    pub(super) fn note(&mut self, at: Instant, what: What) {
        if self.entries.len() == HISTORY_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(HistoryEntry { at, what });
    }

    /// Takes over what the active knows.
    pub(super) fn adopt_switchovers(&mut self, switchovers: &[SwitchoverRecord]) {
        self.switchovers = switchovers[switchovers.len().saturating_sub(SWITCHOVERS_MAX)..].to_vec();
    }

    pub(super) fn add_switchover(&mut self, record: SwitchoverRecord) {
        if self.switchovers.len() == SWITCHOVERS_MAX {
            self.switchovers.remove(0);
        }
        self.switchovers.push(record);
    }
}
