//! Reading a whole configuration file: what is understood is applied, and every line that is not is named.
//!
//! A boot and the check before it read alike. A line that is refused takes with it what is indented below it: the lines of an
//! interface that there is not must not become those of the one before.

use super::{Config, ConfigError, Edit, Place, place::Next, session::Read};
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
    place: Place,
    profile: Option<&'a Profile>,
    /// After `end`.
    over: bool,
    /// For each mode of the place, the columns before the line that led into it.
    opened: Vec<usize>,
    /// The last line that was refused, and the columns before it: what is indented more belongs to it.
    refused: Option<(usize, usize)>,
}

impl<'a> Reader<'a> {
    /// Begins to read over a configuration; lines that a platform does not take are refused where one is given.
    pub(super) fn over(config: Config, profile: Option<&'a Profile>) -> Self {
        Self { config, place: Place::default(), profile, over: false, opened: Vec::new(), refused: None }
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
        self.apply(line, indent).inspect_err(|_| {
            self.refused = Some((number, indent));
            // Not below the line that began a mode: it was to begin another one.
            while self.opened.last().is_some_and(|opened| indent <= *opened) {
                self.opened.pop();
                self.place.go(self.opened.len(), Next::Stay);
            }
        })
    }

    /// Applies a line; an error leaves place and configuration as they are.
    fn apply(&mut self, line: &str, indent: usize) -> Result<(), LineError> {
        let Read { asked, depth } = self.place.read(&self.config, line)?;
        if let Some(why) = self.profile.and_then(|profile| unsupported(profile, &self.config, &asked.edits)) {
            return Err(refusal(line, why));
        }
        for edit in asked.edits {
            self.config.apply(edit);
        }
        self.opened.truncate(depth);
        self.over = self.place.go(depth, asked.next);
        self.opened.resize(self.place.keys().len(), indent);
        Ok(())
    }
}

/// That a whole line is refused.
fn refusal(line: &str, why: String) -> LineError {
    let column = words(line).first().map_or(1, |word| word.column);
    LineError { column, word: line.trim().to_owned(), problem: Problem::Value(why), expected: Vec::new() }
}

/// Why a platform does not take what a line asks for, whatever lines are around it.
pub(crate) fn unsupported(profile: &Profile, config: &Config, edits: &[Edit]) -> Option<String> {
    let name = profile.name;
    let refusal = |edit: &Edit| {
        if let Edit::Redundancy(new) = edit
            && new.mode != config.redundancy.mode
            && !profile.supports(new.mode)
        {
            let (mode, modes) = (new.mode, profile.mode_names());
            return Some(format!("mode {mode} is not supported on {name}; its modes are {modes}"));
        }
        if let Edit::SlotImages(_, images) = edit
            && !images.is_empty()
            && !profile.hw_module_image
        {
            return Some(format!("hw-module slot image is not supported on {name}: use boot system"));
        }
        None
    };
    edits.iter().find_map(refusal)
}

#[cfg(test)]
mod tests;
