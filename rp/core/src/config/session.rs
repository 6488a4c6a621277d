//! An interactive configuration session, and the reader of a file: a place, and a line at a time.

use super::{
    Config, ConfigChange, Edit, Place,
    left_out::{HEADINGS, TOLERATED, UNSUPPORTED},
    place::{Asked, At, misplaced},
    sections,
};
use crate::grammar::{HelpRow, LineError, Problem, Word, words};

/// A configuration session: only its place. The configuration itself stays the owner's, so that a
/// line that the owner refuses leaves no trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigSession {
    place: Place,
}

/// What a line of configuration came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What it asks for; nothing where all of it is so already.
    pub edits: Vec<Edit>,
    /// What is different then.
    pub changes: Vec<ConfigChange>,
    /// What the operator should know of what it does besides, a line each.
    pub notes: Vec<String>,
    /// Whether the session is over (`end`, or `exit` from the global mode).
    pub left: bool,
}

/// A line that was understood: what it asks for, and the depth of the mode that it is a command of.
pub(super) struct Read {
    pub(super) asked: Asked,
    pub(super) depth: usize,
}

impl ConfigSession {
    /// Where the session is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Applies one line to `running`, which stays as it is. An error does not change the session either.
    pub fn apply_line(&mut self, running: &Config, line: &str) -> Result<Applied, LineError> {
        let Read { asked, depth } = self.place.read(running, line)?;
        let left = self.place.go(depth, asked.next);
        let changes = running.changes(&asked.edits);
        Ok(Applied { edits: asked.edits, changes, notes: asked.notes, left })
    }

    /// What `?` answers.
    pub(crate) fn help(&self, words: &[Word<'_>], partial: &str) -> Result<Vec<HelpRow>, LineError> {
        let depth = self.place.keys().len();
        let inner = self.place.mode(depth).grammar().help(words, partial);
        // A global command is understood in every mode; it is offered where nothing else fits.
        if depth > 0 && inner.as_ref().map_or(true, Vec::is_empty) {
            return sections::GLOBAL.grammar().help(words, partial);
        }
        inner
    }
}

impl Place {
    /// Reads a line here: as a command of the innermost mode that has it.
    pub(super) fn read(&self, config: &Config, line: &str) -> Result<Read, LineError> {
        let words = words(line);
        let depth = self.keys().len();
        if comment(&words) {
            return Ok(Read { asked: Asked::default(), depth });
        }
        if let Some(stem) = tolerated(&words) {
            let edit = tolerate(config, &words, stem);
            return Ok(Read { asked: edit.map(Asked::from).unwrap_or_default(), depth });
        }
        let mut error: Option<LineError> = None;
        for depth in (0..=depth).rev() {
            match self.mode(depth).grammar().parse(&words) {
                Ok((does, line)) => {
                    let at = At { config, keys: &self.keys()[..depth] };
                    let mut asked = does(&at, &line)?;
                    asked.edits.retain(|edit| !config.holds(edit));
                    return Ok(Read { asked, depth });
                }
                Err(new) => error = Some(error.map_or_else(|| new.clone(), |old| nearer(old, new.clone()))),
            }
        }
        let error = error.unwrap_or_else(misplaced);
        // A command that is understood up to a later word is not the one that is left out.
        Err(unsupported(&words).filter(|(_, column)| error.column <= *column).map_or(error, |(left_out, _)| left_out))
    }
}

/// Keeps a line that has no effect; `None` where it is there already.
fn tolerate(config: &Config, words: &[Word<'_>], stem: &str) -> Option<Edit> {
    let line = words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
    if config.tolerated.contains(&line) {
        return None;
    }
    // A line takes its own negation back, and only that.
    let opposite = |have: &String| line.starts_with("no ") != have.starts_with("no ") && about(have, stem);
    let others = config.tolerated.iter().filter(|have| !opposite(have)).cloned();
    Some(Edit::Tolerated(others.chain([line.clone()]).collect()))
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
