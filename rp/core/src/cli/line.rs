//! One line of a session, from text to outcome.

use super::{
    Action, CliSession, Configure, Debug, Mode, Outcome, View, ask,
    commands::{self, Exec},
    issu,
    pipe::{self, Filter},
    show::Shows,
};
use crate::{
    config::ConfigSession,
    grammar::{HelpRow, Line, LineError, Problem, words},
};
use fabric_proto::{id::Slot, platform::Profile};
use std::time::Duration;

impl Outcome {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn failed(text: impl Into<String>) -> Self {
        Self { text: text.into(), failed: true, action: None }
    }

    fn action(text: impl Into<String>, action: Action) -> Self {
        Self { text: text.into(), failed: false, action: Some(action) }
    }
}

/// An error as terminals show it: a marker under the word, which stands after a prompt of `indent`
/// columns, then the message.
pub(super) fn report(error: &LineError, indent: usize) -> Outcome {
    let marker = format!("{}^\n", " ".repeat(indent + error.column - 1));
    Outcome::failed(match &error.problem {
        Problem::Invalid => format!("{marker}% Invalid input detected at '^' marker.\n"),
        Problem::Ambiguous => format!("% Ambiguous command: \"{}\" ({})\n", error.word, error.expected.join(", ")),
        Problem::Incomplete => "% Incomplete command.\n".to_owned(),
        Problem::Unsupported(_) | Problem::Value(_) => format!("{marker}% {error}\n"),
    })
}

impl CliSession {
    /// Takes one line in exec mode.
    pub(super) fn exec_line(&mut self, line: &str, indent: usize, view: &View<'_>) -> Outcome {
        let (command, filter) = pipe::split(line);
        let words = words(command);
        // An empty line, and a comment in pasted text.
        if filter.is_none() && words.first().is_none_or(|first| first.text.starts_with('!')) {
            return Outcome::default();
        }
        let (does, said) = match commands::grammar(!self.disabled).parse(&words) {
            Ok(parsed) => parsed,
            Err(error) => return report(&error, indent),
        };
        let (Exec::Show(_) | Exec::ShowConfiguration(_), Some(rest)) = (does, filter) else {
            return match filter {
                // Only what is shown can be filtered.
                Some(_) => report(&shifted(nothing_to_filter(), command), indent),
                None => self.obey(does, &said, view),
            };
        };
        match pipe::parse(rest) {
            Ok(filter) => perform(does, &said, &filter, view),
            Err(error) => report(&shifted(error, command), indent),
        }
    }

    /// Does what is not shown. What concerns the session alone ends here.
    fn obey(&mut self, does: Exec, said: &Line, view: &View<'_>) -> Outcome {
        if let Exec::TerminalConfirm(on) = does {
            self.confirm = on;
        } else if let Exec::Enable(on) = does {
            if !on && self.in_config() {
                return Outcome::failed("% Not from configuration mode.\n");
            }
            self.disabled = !on;
        } else {
            return perform(does, said, &Filter::None, view);
        }
        Outcome::default()
    }

    /// Takes one line in configuration mode.
    pub(super) fn config_line(&mut self, line: &str, indent: usize, view: &View<'_>) -> Outcome {
        if let Some(rest) = after_do(line) {
            let outcome = self.exec_line(rest, indent + line.len() - rest.len(), view);
            return match outcome.action {
                Some(Action::EnterConfig | Action::Close) => Outcome::failed("% Not from configuration mode.\n"),
                _ => outcome,
            };
        }
        let Mode::Config(session) = &mut self.mode else { return Outcome::default() };
        let path = session.place().path();
        match session.apply_line(view.running, line) {
            Err(error) => report(&error, indent),
            Ok(applied) if applied.left => {
                self.mode = Mode::Exec;
                Outcome::action("", Action::LeaveConfig)
            }
            Ok(applied) if applied.edits.is_empty() => Outcome::default(),
            Ok(applied) => {
                let text: String = applied.notes.into_iter().map(|note| note + "\n").collect();
                let lines = path + line.trim() + "\n";
                let configure = Configure { edits: applied.edits, changes: applied.changes, lines };
                Outcome::action(text, Action::Configure(configure))
            }
        }
    }

    /// What `?` answers: after a space the words that can follow, after a letter its completions.
    pub(super) fn help_line(&self, line: &str, indent: usize) -> Outcome {
        match self.help_rows(line) {
            (_, Err(error)) => report(&error, indent),
            (_, Ok(rows)) if rows.is_empty() => Outcome::failed("% Unrecognized command\n"),
            (true, Ok(rows)) => {
                let width = rows.iter().map(|row| row.label.len()).max().unwrap_or_default();
                let line = |row: &HelpRow| format!("  {:width$}  {}", row.label, row.text).trim_end().to_owned() + "\n";
                Outcome::text(rows.iter().map(line).collect::<String>())
            }
            (false, Ok(rows)) => {
                let words: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
                Outcome::text(words.join("  ") + "\n")
            }
        }
    }

    /// Whether a new word begins after `line`, and what can stand there.
    pub(super) fn help_rows(&self, line: &str) -> (bool, Result<Vec<HelpRow>, LineError>) {
        let (config, line) = match &self.mode {
            Mode::Exec => (None, line),
            Mode::Config(session) => match after_do(line) {
                Some(rest) => (None, rest),
                None => (Some(session), line),
            },
        };
        let (command, filter) = if config.is_some() { (line, None) } else { pipe::split(line) };
        let text = filter.unwrap_or(command);
        let mut before = words(text);
        let partial = match text.chars().next_back() {
            Some(last) if !last.is_whitespace() => before.pop().map_or("", |word| word.text),
            _ => "",
        };
        let rows = match (config, filter) {
            (Some(session), _) => ConfigSession::help(session, &before, partial),
            (None, Some(_)) => pipe::PIPE.help(&before, partial),
            (None, None) => commands::grammar(!self.disabled).help(&before, partial),
        };
        (partial.is_empty(), rows)
    }
}

/// What follows the `do` that runs a command of exec mode from configuration mode.
fn after_do(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("do ")
}

/// An error in what follows the `|` of `command`, counted in the whole line.
fn shifted(mut error: LineError, command: &str) -> LineError {
    error.column += command.chars().count() + 1;
    error
}

fn nothing_to_filter() -> LineError {
    LineError { column: 0, word: "|".to_owned(), problem: Problem::Invalid, expected: Vec::new() }
}

fn perform(does: Exec, line: &Line, filter: &Filter, view: &View<'_>) -> Outcome {
    match does {
        Exec::Show(shows) | Exec::ShowConfiguration(shows) => shown(shows, line, filter, view),
        Exec::ForceSwitchover => {
            let demanded = Profile::named(view.platform).is_some_and(|profile| profile.main_cpu_keyword);
            if demanded && !line.has(commands::MAIN_CPU) {
                return Outcome::failed("% Incomplete command: this platform wants the keyword main-cpu.\n");
            }
            Outcome::action("", Action::ForceSwitchover)
        }
        Exec::Reload => Outcome::action("", Action::Reload),
        Exec::ReloadPeer => Outcome::action("", Action::ReloadPeer),
        Exec::ResetSlot => match line.slot() {
            Ok(slot) => reset(slot, view),
            Err(_) => Outcome::failed("% Incomplete command.\n"),
        },
        Exec::WriteMemory => {
            let force = line.has(commands::FORCE);
            Outcome::action("Building configuration...\n[OK]\n", Action::WriteMemory { force })
        }
        Exec::Issu(step) => Outcome::action("", Action::Issu(issu::command(step, line))),
        Exec::RollbackTimer => match line.number() {
            Ok(seconds) => Outcome::action("", Action::SetRollback(Duration::from_secs(seconds.into()))),
            Err(_) => Outcome::failed("% Incomplete command.\n"),
        },
        Exec::Configure => {
            Outcome::action("Enter configuration commands, one per line.  End with END.\n", Action::EnterConfig)
        }
        Exec::Debug(kinds, on) => {
            let state = if on { "on" } else { "off" };
            let names = Debug::KINDS.iter().filter(|(kind, _)| kinds.contains(*kind));
            let lines = names.map(|(_, name)| format!("Redundancy {name} debugging is {state}\n"));
            Outcome::action(lines.collect::<String>(), Action::Debug(kinds, on))
        }
        Exec::NoSuchDebug => {
            Outcome::failed("% This chassis has no such hardware; all, fsm, msg, progression and ui can be debugged.\n")
        }
        Exec::Ask(asks) => match ask::question(asks, line, view) {
            Ok(question) => Outcome::action("", Action::Ask(question)),
            Err(why) => Outcome::failed(format!("% {why}\n")),
        },
        Exec::ClearNeighbours { v4 } => {
            Outcome::action("", Action::ClearNeighbours { v4, interface: line.interface().ok() })
        }
        Exec::Exit => Outcome::action("", Action::Close),
        Exec::Nothing | Exec::TerminalConfirm(_) | Exec::Enable(_) => Outcome::default(),
    }
}

fn reset(slot: Slot, view: &View<'_>) -> Outcome {
    let present = match slot {
        Slot::Lc(slot) => view.line_cards.iter().any(|card| card.slot == slot),
        Slot::Rp(slot) => slot == view.slot || slot == view.redundancy.peer.slot,
    };
    if present {
        Outcome::action("", Action::ResetSlot(slot))
    } else {
        Outcome::failed(format!("% There is no slot {slot} in this chassis.\n"))
    }
}

fn shown(shows: Shows, line: &Line, filter: &Filter, view: &View<'_>) -> Outcome {
    match shows(view, line) {
        Ok(shown) => Outcome::text(pipe::apply(filter, shown)),
        Err(message) => Outcome::failed(format!("% {message}\n")),
    }
}
