//! The command line of a route processor: exec and configuration modes, as routers have them.
//!
//! A [`CliSession`] turns one line and a [`View`] into an [`Outcome`]: text to print, and an
//! [`Action`] for the owner of the route processor to carry out. It changes nothing itself: an
//! owner that refuses an action (bulk sync, standby, another session) prints why, and the session
//! and the configuration stand as before.
//!
//! Words may be abbreviated as long as they are unique (`sh red st`), `?` explains, `| include`,
//! `| exclude`, `| begin`, `| section`, `| count` filter, and `| json` gives every show command as data.

mod ask;
mod commands;
mod confirm;
mod debug;
mod issu;
mod line;
mod pipe;
mod show;
mod style;
mod text;
mod view;

pub use ask::Question;
pub use debug::Debug;
pub use show::LISTED_ROUTES_MAX;
pub use view::{
    ClientView, ConfigSyncCounts, ConfigView, CounterView, DebugView, FibCounts, GroupView, HistoryView, InterfaceView,
    LineCardState, LineCardView, LogView, NeighbourView, RedundancyView, RfStateView, RoutePath, RouteSource,
    RouteView, SpokenView, SwitchoverView, Tables, UnitView, UpgradeView, View,
};

use crate::{
    config::{ConfigChange, ConfigSession, Edit},
    issu::Command,
};
use fabric_proto::{
    id::{InterfaceId, Slot},
    operator::LINE_MAX,
};
use std::time::Duration;

/// One operator's session.
#[derive(Clone, Default)]
pub struct CliSession {
    mode: Mode,
    /// The question that the next line answers.
    asked: Option<confirm::Question>,
    /// `terminal confirm`.
    confirm: bool,
    /// `disable`: the session looks, and changes nothing, until it is enabled again. There is no password: who reaches
    /// a command line has a certificate of the lab.
    disabled: bool,
}

/// Where a session is.
#[derive(Clone, Default, PartialEq, Eq)]
enum Mode {
    /// Exec; privileged unless the session is disabled.
    #[default]
    Exec,
    /// Configuration, in one of its own modes.
    Config(ConfigSession),
}

/// What one line came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// To print; lines ended by `\n`. With an action: to print when the action is accepted.
    pub text: String,
    /// Whether the line was not understood or not possible: nothing is to be done.
    pub failed: bool,
    /// For the owner to carry out or to refuse.
    pub action: Option<Action>,
}

/// What a line asks of the owner of the route processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `redundancy force-switchover`.
    ForceSwitchover,
    /// `reload`, `redundancy reload shelf`: the whole chassis restarts.
    Reload,
    /// `redundancy reload peer`.
    ReloadPeer,
    /// `hw-module slot N reset`.
    ResetSlot(Slot),
    /// `write memory`, `copy running-config startup-config`.
    WriteMemory {
        /// Over a startup configuration that was not understood as a whole, too.
        force: bool,
    },
    /// `debug redundancy`: these kinds, on or off.
    Debug(Debug, bool),
    /// `configure terminal`: the owner takes the configuration lock and calls
    /// [`CliSession::enter_config`], or says why not.
    EnterConfig,
    /// The session has left configuration mode: the owner frees the lock.
    LeaveConfig,
    /// One line of configuration. The owner puts its edits into force and carries out its changes,
    /// or refuses and changes nothing.
    Configure(Configure),
    /// `issu loadversion`, `runversion`, `acceptversion`, `commitversion`, `abortversion`.
    Issu(Command),
    /// `issu set rollback-timer`.
    SetRollback(Duration),
    /// `ping`, `traceroute`: the answer takes its time.
    Ask(Question),
    /// `clear arp-cache`, `clear ipv6 neighbors`.
    ClearNeighbours {
        /// Whether of IPv4.
        v4: bool,
        /// Where; `None`: everywhere.
        interface: Option<InterfaceId>,
    },
    /// `exit` from exec mode: the session is over.
    Close,
}

/// A line of configuration that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configure {
    /// What it asks for.
    pub edits: Vec<Edit>,
    /// What is different then.
    pub changes: Vec<ConfigChange>,
    /// The commands that lead from the global mode to where it was typed, and what was typed: what the
    /// standby runs too.
    pub lines: String,
}

/// A word that can stand where the cursor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The keyword.
    pub word: String,
    /// What it means.
    pub help: &'static str,
}

impl CliSession {
    /// Enters configuration mode: the owner accepted [`Action::EnterConfig`].
    pub fn enter_config(&mut self) {
        self.mode = Mode::Config(ConfigSession::default());
    }

    /// Whether the session is in configuration mode and so holds the configuration lock.
    fn in_config(&self) -> bool {
        matches!(self.mode, Mode::Config(_))
    }

    /// The prompt: `pe1#`, `pe1-stby#`, `pe1>`, `pe1(config-if)#`; or the question that the next line answers.
    pub fn prompt(&self, view: &View<'_>) -> String {
        match &self.asked {
            Some(question) => question.to_string(),
            None => self.mode_prompt(view),
        }
    }

    fn mode_prompt(&self, view: &View<'_>) -> String {
        let standby = if view.redundancy.my.state.is_active() { "" } else { "-stby" };
        let mode = match &self.mode {
            Mode::Exec => "",
            Mode::Config(session) => session.place().prompt(),
        };
        let end = if self.disabled { '>' } else { '#' };
        format!("{}{standby}{mode}{end}", view.running.hostname)
    }

    /// Takes one line. Nothing that an operator can type panics.
    pub fn line(&mut self, line: &str, view: &View<'_>) -> Outcome {
        let indent = self.prompt(view).chars().count();
        let line = line.trim_end_matches(['\r', '\n']);
        if line.len() > LINE_MAX {
            return Outcome { text: "% The line is too long.\n".to_owned(), failed: true, action: None };
        }
        if let Some(question) = self.asked.take() {
            return self.answered(question, line);
        }
        let outcome = match (line.strip_suffix('?'), &self.mode) {
            (Some(before), _) => return self.help_line(before, indent),
            (None, Mode::Exec) => self.exec_line(line, indent, view),
            (None, Mode::Config(_)) => self.config_line(line, indent, view),
        };
        self.ask_first(outcome, view)
    }

    /// The keywords that can complete the last word of `line`, or follow it after a space.
    pub fn complete(&self, line: &str) -> Vec<Completion> {
        if self.asked.is_some() || line.len() > LINE_MAX {
            return Vec::new();
        }
        let (_, rows) = self.help_rows(line);
        let keywords = rows.unwrap_or_default().into_iter().filter(|row| row.keyword);
        keywords.map(|row| Completion { word: row.label, help: row.text }).collect()
    }
}

#[cfg(test)]
mod tests;
