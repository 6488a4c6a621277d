//! Command grammars: a table of commands, each a row of keywords and typed arguments.
//!
//! Exec mode and the configuration modes are tables in this shape; matching, abbreviation, exact
//! errors and `?` help are written once, here. A keyword may be abbreviated to what is unique among
//! the keywords that can stand at its place; a word that is no keyword is tried as an argument.
//!
//! * [`Token`]: what a row is made of, parts that may be left out or chosen among included
//! * `graph.rs`: [`Grammar`], the rows of a mode merged, and what `?` answers
//! * `line.rs`: [`Line`], what a row has taken of a line
//! * `shape.rs`: how arguments are written

mod graph;
mod line;
mod shape;

pub(crate) use graph::{Grammar, HelpRow};
pub(crate) use line::{Found, Line};
pub(crate) use shape::{Shape, Value};
use std::fmt::{self, Write as _};

/// One element of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A fixed word.
    Keyword(&'static str),
    /// A value of a shape.
    Argument(Shape),
    /// All of these, or none.
    Optional(&'static [Self]),
    /// One of these rows.
    OneOf(&'static [&'static [Self]]),
    /// Any of these, each at most once, in any order.
    AnyOf(&'static [Self]),
}

/// A command: its words, and what it does.
#[derive(Clone, Copy)]
pub(crate) struct Command<C: 'static> {
    pub(crate) tokens: &'static [Token],
    pub(crate) does: C,
}

/// `("redundancy", text)`, or `("show redundancy", text)` where the word means something else after `show`: the
/// longer one counts.
pub(crate) type Help = &'static [(&'static str, &'static str)];

/// A row of a table.
pub(crate) const fn command<C>(tokens: &'static [Token], does: C) -> Command<C> {
    Command { tokens, does }
}

/// A word of a line and its column, from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) column: usize,
    /// The line from this word on, for arguments that take the rest.
    rest: &'a str,
}

/// An error in one line of input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LineError {
    /// Column of the offending word, from 1, in characters; past the end where a word is missing.
    pub column: usize,
    /// The offending word; empty where one is missing.
    pub word: String,
    /// What is wrong with it.
    pub problem: Problem,
    /// What could stand there: keywords, or the shape of a value.
    pub expected: Vec<String>,
}

/// What can be wrong with a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No command continues with it.
    Invalid,
    /// It abbreviates several keywords: [`LineError::expected`] lists them.
    Ambiguous,
    /// The line ends too early.
    Incomplete,
    /// The command is one that routers know and this one does not do.
    Unsupported(&'static str),
    /// The value has the right shape and cannot be used.
    Value(String),
}

/// Splits a line into words.
pub(crate) fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut column = 0;
    let mut start = None;
    for (at, letter) in line.char_indices() {
        column += 1;
        match (letter.is_whitespace(), start) {
            (false, None) => start = Some((at, column)),
            (true, Some((from, column))) => {
                words.push(Word { text: &line[from..at], column, rest: line[from..].trim_end() });
                start = None;
            }
            (true, None) | (false, Some(_)) => {}
        }
    }
    if let Some((from, column)) = start {
        words.push(Word { text: &line[from..], column, rest: &line[from..] });
    }
    words
}

impl LineError {
    /// Something stands where the input should be over.
    pub(crate) fn after_end(line: &str) -> Self {
        let first = words(line).first().map_or((1, ""), |word| (word.column, word.text));
        Self {
            column: first.0,
            word: first.1.to_owned(),
            problem: Problem::Invalid,
            expected: vec!["nothing after 'end'".to_owned()],
        }
    }
}

/// A row as documentation writes it: `[no] hostname WORD`, `{A | B}`.
pub(crate) fn syntax(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}{token}");
    }
    text
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword(word) => f.write_str(word),
            Self::Argument(shape) => f.write_str(&shape.label()),
            Self::Optional(tokens) => write!(f, "[{}]", syntax(tokens)),
            Self::OneOf(rows) => {
                let rows: Vec<String> = rows.iter().map(|row| syntax(row)).collect();
                write!(f, "{{{}}}", rows.join(" | "))
            }
            Self::AnyOf(tokens) => {
                let words: Vec<String> = tokens.iter().map(|token| format!("[{token}]")).collect();
                f.write_str(&words.join(" "))
            }
        }
    }
}

/// Whether `word` begins with what was typed.
fn abbreviates(short: &str, word: &str) -> bool {
    word.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(short))
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Invalid => write!(f, "'{}' is not valid here", self.word)?,
            Problem::Ambiguous => write!(f, "'{}' is ambiguous", self.word)?,
            Problem::Incomplete => write!(f, "the command is incomplete")?,
            Problem::Unsupported(why) => return write!(f, "'{}' is not supported: {why}", self.word),
            Problem::Value(why) => return write!(f, "'{}': {why}", self.word),
        }
        match self.expected.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "; expected {one}"),
            several => write!(f, "; expected one of: {}", several.join(", ")),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
