//! An interactive configuration session, and the reader of a file: a mode, and a line at a time.

use super::{
    Config, ConfigChange,
    commands::Does,
    effect, interface_name,
    left_out::{HEADINGS, TOLERATED, UNSUPPORTED},
};
use crate::grammar::{Found, HelpRow, LineError, Problem, Word, words};
use fabric_proto::id::PortId;

/// Where in the configuration a session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfigMode {
    /// `(config)`.
    #[default]
    Global,
    /// `(config-red)`: `redundancy`.
    Redundancy,
    /// `(config-r-mc)`: `redundancy`, `main-cpu`.
    MainCpu,
    /// `(config-if)`: `interface`.
    Interface(PortId),
}

impl ConfigMode {
    /// The commands that lead into this mode from the global one, each with its line's end.
    pub fn path(self) -> String {
        match self {
            Self::Global => String::new(),
            Self::Redundancy => "redundancy\n".to_owned(),
            Self::MainCpu => "redundancy\nmain-cpu\n".to_owned(),
            Self::Interface(port) => format!("interface {}\n", interface_name(port)),
        }
    }

    /// What the prompt shows of it.
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Global => "(config)",
            Self::Redundancy => "(config-red)",
            Self::MainCpu => "(config-r-mc)",
            Self::Interface(_) => "(config-if)",
        }
    }
}

/// A configuration session: only its mode. The configuration itself stays the owner's, so that a
/// line that the owner refuses leaves no trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigSession {
    mode: ConfigMode,
}

/// What a line of configuration came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The configuration after it; `None` where it changes nothing.
    pub config: Option<Config>,
    /// What is different.
    pub changes: Vec<ConfigChange>,
    /// Whether the session is over (`end`, or `exit` from the global mode).
    pub left: bool,
}

/// Where a line leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Enter(ConfigMode),
    Up,
    Leave,
}

impl ConfigSession {
    /// Where the session is.
    pub fn mode(&self) -> ConfigMode {
        self.mode
    }

    /// Applies one line to `running`, which stays as it is. An error changes neither the session
    /// nor the configuration.
    pub fn apply_line(&mut self, running: &Config, line: &str) -> Result<Applied, LineError> {
        let mut config = running.clone();
        let left = self.apply_in_place(&mut config, line)?;
        let changes = running.diff(&config);
        Ok(Applied { config: (!changes.is_empty()).then_some(config), changes, left })
    }

    /// Applies one line and says whether it ends the session. After an error `config` is as before.
    pub(super) fn apply_in_place(&mut self, config: &mut Config, line: &str) -> Result<bool, LineError> {
        let words = words(line);
        if comment(&words) {
            return Ok(false);
        }
        if let Some(stem) = tolerated(&words) {
            let line = words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
            if !config.tolerated.contains(&line) {
                // A line takes its own negation back, and only that.
                let opposite = |have: &String| line.starts_with("no ") != have.starts_with("no ") && about(have, stem);
                config.tolerated.retain(|have| !opposite(have));
                config.tolerated.push(line);
            }
            return Ok(false);
        }
        let (mode, does, found) = self.find(&words)?;
        let next = effect::perform(config, mode, does, &found)?;
        self.mode = match next {
            Next::Stay => mode,
            Next::Enter(mode) => mode,
            Next::Up => match mode.outer() {
                Some(outer) => outer,
                None => return Ok(true),
            },
            Next::Leave => return Ok(true),
        };
        Ok(false)
    }

    /// What `?` answers.
    pub(crate) fn help(&self, words: &[Word<'_>], partial: &str) -> Result<Vec<HelpRow>, LineError> {
        let inner = self.mode.grammar().help(words, partial);
        match self.mode.outer() {
            // A global command is understood in every mode; it is offered where nothing else fits.
            Some(_) if inner.as_ref().map_or(true, Vec::is_empty) => ConfigMode::Global.grammar().help(words, partial),
            _ => inner,
        }
    }

    /// The command that the words make in this mode or in one around it.
    fn find(&self, words: &[Word<'_>]) -> Result<(ConfigMode, Does, Vec<Found>), LineError> {
        let mut mode = self.mode;
        let mut error: Option<LineError> = None;
        loop {
            match mode.grammar().parse(words) {
                Ok((does, found)) => return Ok((mode, does, found)),
                Err(new) => error = Some(error.map_or_else(|| new.clone(), |old| nearer(old, new.clone()))),
            }
            match mode.outer() {
                Some(outer) => mode = outer,
                None => break,
            }
        }
        let error = error.unwrap_or(LineError {
            column: 1,
            word: String::new(),
            problem: Problem::Invalid,
            expected: Vec::new(),
        });
        // A command that is understood up to a later word is not the one that is left out.
        Err(unsupported(words).filter(|(_, column)| error.column <= *column).map_or(error, |(left_out, _)| left_out))
    }
}

/// Of two errors about one line, the one that came further; of equals, one with both expectations.
fn nearer(old: LineError, new: LineError) -> LineError {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match old.column.cmp(&new.column) {
        Greater => old,
        Less => new,
        Equal => {
            let mut merged = old;
            for expected in new.expected {
                if !merged.expected.contains(&expected) {
                    merged.expected.push(expected);
                }
            }
            merged
        }
    }
}

/// Whether a line says nothing: empty, after `!`, or a heading.
fn comment(words: &[Word<'_>]) -> bool {
    let remark = words.first().is_none_or(|first| first.text.starts_with('!'));
    remark || HEADINGS.iter().any(|heading| starts_with(words, heading))
}

/// What a tolerated line is about, without its `no`.
fn tolerated(words: &[Word<'_>]) -> Option<&'static str> {
    let line = TOLERATED.iter().find(|line| starts_with(words, line))?;
    Some(line.strip_prefix("no ").unwrap_or(line))
}

fn about(line: &str, stem: &str) -> bool {
    line.strip_prefix("no ").unwrap_or(line).starts_with(stem)
}

/// The error for a command that is left out on purpose, and the column of the last word that makes it.
fn unsupported(words: &[Word<'_>]) -> Option<(LineError, usize)> {
    let positive = match words {
        [no, rest @ ..] if no.text == "no" => rest,
        all => all,
    };
    let (command, why) = UNSUPPORTED.iter().find(|(command, _)| abbreviated(positive, command))?;
    let error = LineError {
        column: positive.first()?.column,
        word: (*command).to_owned(),
        problem: Problem::Unsupported(why),
        expected: Vec::new(),
    };
    Some((error, positive.get(command.split(' ').count() - 1)?.column))
}

/// Whether the words begin with a command, each whole or cut to three letters or more.
fn abbreviated(words: &[Word<'_>], command: &str) -> bool {
    let mut words = words.iter().map(|word| word.text.to_ascii_lowercase());
    let fits = |word: String, want: &str| word == want || (word.len() >= 3 && want.starts_with(&word));
    command.split(' ').all(|want| words.next().is_some_and(|word| fits(word, want)))
}

fn starts_with(words: &[Word<'_>], line: &str) -> bool {
    let mut words = words.iter();
    line.split(' ').all(|want| words.next().is_some_and(|word| word.text == want))
}
