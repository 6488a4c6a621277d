//! Questions before commands that interrupt service, for sessions that want them (`terminal confirm`).

use super::{Action, CliSession, Outcome, View};
use crate::config::Config;
use std::fmt;

/// What the next line answers.
#[derive(Clone)]
pub(super) enum Question {
    /// The running configuration differs from the startup configuration: save it first?
    Save(Action),
    /// Overwrite a startup configuration that was not understood as a whole?
    Overwrite,
    /// Do it?
    Proceed(Action),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Save(_) => "System configuration has been modified. Save? [yes/no]:",
            Self::Overwrite => {
                "Warning: lines of startup-config were not understood and would be lost. Overwrite it? [confirm]"
            }
            Self::Proceed(Action::ForceSwitchover) => {
                "The active unit restarts and the standby takes over. Proceed? [confirm]"
            }
            Self::Proceed(Action::Reload) => "The whole chassis restarts, line cards too. Proceed? [confirm]",
            Self::Proceed(Action::ReloadPeer) => "The standby restarts. Proceed? [confirm]",
            Self::Proceed(_) => "Proceed? [confirm]",
        })
    }
}

impl CliSession {
    /// Keeps back an action that wants a question first.
    pub(super) fn ask_first(&mut self, mut outcome: Outcome, view: &View<'_>) -> Outcome {
        let refused_anyway = |action: &Action| match action {
            Action::ForceSwitchover => view.redundancy.manual_swact_refused.is_some(),
            _ => !view.redundancy.my.state.is_active(),
        };
        if !self.confirm || outcome.action.as_ref().is_some_and(refused_anyway) {
            return outcome;
        }
        self.asked = match outcome.action.take() {
            // "System configuration is saved" by these two (seeds/002, startup synchronization): if so desired.
            Some(action @ (Action::ForceSwitchover | Action::Reload)) if modified(view) => Some(Question::Save(action)),
            Some(action @ (Action::ForceSwitchover | Action::Reload | Action::ReloadPeer | Action::ResetSlot(_))) => {
                Some(Question::Proceed(action))
            }
            Some(Action::WriteMemory { force: false }) if view.config.unread.is_some() => Some(Question::Overwrite),
            other => {
                outcome.action = other;
                None
            }
        };
        if matches!(self.asked, Some(Question::Overwrite)) {
            outcome.text.clear();
        }
        outcome
    }

    /// The answer to a question.
    pub(super) fn answered(&mut self, question: Question, line: &str) -> Outcome {
        let answer = line.trim().to_ascii_lowercase();
        let yes = !answer.is_empty() && "yes".starts_with(&answer);
        let no = !answer.is_empty() && "no".starts_with(&answer);
        match question {
            Question::Save(action) if yes => {
                self.asked = Some(Question::Proceed(action));
                let text = "Building configuration...\n[OK]\n".to_owned();
                Outcome { text, failed: false, action: Some(Action::WriteMemory { force: false }) }
            }
            Question::Save(action) if no => {
                self.asked = Some(Question::Proceed(action));
                Outcome::default()
            }
            Question::Save(action) if answer.is_empty() => {
                self.asked = Some(Question::Save(action));
                Outcome { text: "% Please answer 'yes' or 'no'.\n".to_owned(), failed: true, action: None }
            }
            Question::Overwrite if yes || answer.is_empty() => {
                let text = "Building configuration...\n[OK]\n".to_owned();
                Outcome { text, failed: false, action: Some(Action::WriteMemory { force: true }) }
            }
            Question::Proceed(action) if yes || answer.is_empty() => {
                Outcome { action: Some(action), ..Outcome::default() }
            }
            Question::Save(_) | Question::Overwrite | Question::Proceed(_) => {
                Outcome { text: "% Cancelled: nothing was done.\n".to_owned(), failed: true, action: None }
            }
        }
    }
}

/// Whether a restart would lose configuration.
fn modified(view: &View<'_>) -> bool {
    let startup = view.startup.and_then(|text| Config::parse(text, "startup-config").ok());
    startup.as_ref() != Some(view.running)
}
