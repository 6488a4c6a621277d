//! Reading a whole configuration file: what is understood is applied, and every line that is not is named.
//!
//! A boot and the check before it read alike. A line that is refused takes with it what is indented below it: the lines of an
//! interface that there is not must not become those of the one before.

use super::{Config, ConfigError, ConfigMode, ConfigSession};
use crate::grammar::{LineError, Problem, words};
use fabric_proto::platform::Profile;

/// What editors of some systems put before a text (Unicode 23.8): no part of it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What a configuration file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What was understood, over what was there before.
    pub config: Config,
    /// The lines that were not, in the file's order.
    pub refused: Vec<ConfigError>,
}

impl Reading {
    /// Reads the startup configuration of a chassis of a family, over what such a chassis has from the factory. Never fails:
    /// what is in [`Reading::refused`] is not in [`Reading::config`]. `file` is for the errors.
    pub fn of_startup(text: &str, file: &str, profile: &Profile) -> Self {
        read(Config::factory(profile), text, file, Some(profile))
    }
}

/// Reads a file over `base`; lines that a platform does not take are refused where one is given.
pub(super) fn read(base: Config, text: &str, file: &str, profile: Option<&Profile>) -> Reading {
    let mut reader = Reader::over(base, profile);
    let mut refused = Vec::new();
    for (index, line) in text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).lines().enumerate() {
        if let Err(error) = reader.line(index + 1, line) {
            refused.push(ConfigError { file: file.to_owned(), line: index + 1, error });
        }
    }
    Reading { config: reader.config, refused }
}

/// Reads line by line.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) config: Config,
    session: ConfigSession,
    profile: Option<&'a Profile>,
    /// After `end`.
    over: bool,
    /// Columns before the line that led into the session's mode.
    opened: usize,
    /// The last line that was refused, and the columns before it: what is indented more belongs to it.
    refused: Option<(usize, usize)>,
}

impl<'a> Reader<'a> {
    /// Begins to read over a configuration; lines that a platform does not take are refused where one is given.
    pub(super) fn over(config: Config, profile: Option<&'a Profile>) -> Self {
        Self { config, session: ConfigSession::default(), profile, over: false, opened: 0, refused: None }
    }

    /// The next line; one that is refused changes nothing.
    pub(super) fn line(&mut self, number: usize, line: &str) -> Result<(), LineError> {
        let words = words(line);
        let Some(first) = words.first().filter(|word| !word.text.starts_with('!')) else { return Ok(()) };
        if self.over {
            return Err(LineError::after_end(line));
        }
        let indent = first.column - 1;
        match self.refused {
            Some((above, before)) if indent > before => {
                return Err(refusal(line, format!("it belongs to line {above}, which was refused")));
            }
            _ => self.refused = None,
        }
        let mode = self.session.mode();
        match self.apply(line) {
            Ok(left) => {
                self.over = left;
                if self.session.mode() != mode {
                    self.opened = indent;
                }
                Ok(())
            }
            Err(error) => {
                self.refused = Some((number, indent));
                // Not below the line that began the section: it was to begin another one.
                if mode != ConfigMode::Global && indent <= self.opened {
                    self.session = ConfigSession::default();
                }
                Err(error)
            }
        }
    }

    /// Applies a line; after an error session and configuration are as before.
    fn apply(&mut self, line: &str) -> Result<bool, LineError> {
        let Some(profile) = self.profile else { return self.session.apply_in_place(&mut self.config, line) };
        // Of the configuration, all that a platform looks at.
        let before = Config {
            redundancy: self.config.redundancy.clone(),
            slot_images: self.config.slot_images.clone(),
            ..Config::default()
        };
        let session = self.session.clone();
        let left = self.session.apply_in_place(&mut self.config, line)?;
        let Some(why) = unsupported(profile, &before, &self.config) else { return Ok(left) };
        self.session = session;
        self.config.redundancy = before.redundancy;
        self.config.slot_images = before.slot_images;
        Err(refusal(line, why))
    }
}

/// That a whole line is refused.
fn refusal(line: &str, why: String) -> LineError {
    let column = words(line).first().map_or(1, |word| word.column);
    LineError { column, word: line.trim().to_owned(), problem: Problem::Value(why), expected: Vec::new() }
}

/// Why a platform does not take a line that leads from one configuration to another, whatever lines are around it.
pub(crate) fn unsupported(profile: &Profile, old: &Config, new: &Config) -> Option<String> {
    let (mode, name) = (new.redundancy.mode, profile.name);
    if mode != old.redundancy.mode && !profile.supports(mode) {
        return Some(format!("mode {mode} is not supported on {name}; its modes are {}", profile.mode_names()));
    }
    if new.slot_images != old.slot_images && !new.slot_images.is_empty() && !profile.hw_module_image {
        return Some(format!("hw-module slot image is not supported on {name}: use boot system"));
    }
    None
}

#[cfg(test)]
mod tests;
