//! Command grammars: a table of commands, each a row of keywords and typed arguments.
//!
//! Exec mode and the configuration modes are tables in this shape; matching, abbreviation, exact
//! errors and `?` help are written once, here. A keyword may be abbreviated to what is unique among
//! the keywords that can stand at its place; a word that is no keyword is tried as an argument.

mod shape;

pub(crate) use shape::{Shape, Value};
use std::fmt;

/// One element of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A fixed word.
    Keyword(&'static str),
    /// A value of a shape.
    Argument(Shape),
}

/// A command: its words, and what it does.
pub(crate) struct Command<C: 'static> {
    pub(crate) tokens: &'static [Token],
    pub(crate) does: C,
}

/// The commands of one mode, with a help text a keyword.
pub(crate) struct Grammar<C: 'static> {
    pub(crate) commands: &'static [Command<C>],
    /// `("redundancy", text)`, or `("show redundancy", text)` where the word means something else
    /// after `show`: the longer one counts.
    pub(crate) help: &'static [(&'static str, &'static str)],
}

/// A word of a line and its column, from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) column: usize,
    /// The line from this word on, for arguments that take the rest.
    rest: &'a str,
}

/// A value and where it stood, for errors that only show later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) value: Value,
    pub(crate) word: String,
    pub(crate) column: usize,
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

impl Found {
    /// The error that this value is not acceptable.
    pub(crate) fn refused(&self, why: impl Into<String>) -> LineError {
        LineError {
            column: self.column,
            word: self.word.clone(),
            problem: Problem::Value(why.into()),
            expected: Vec::new(),
        }
    }
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

impl Token {
    /// As errors and help name it.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Keyword(word) => word.to_owned(),
            Self::Argument(shape) => shape.label(),
        }
    }
}

/// What a word came to among the tokens that can stand at its place.
enum Choice {
    Keyword(&'static str),
    Argument(Shape, Value),
}

impl<C: Copy> Grammar<C> {
    /// Finds the one command that the words make.
    pub(crate) fn parse(&self, words: &[Word<'_>]) -> Result<(C, Vec<Found>), LineError> {
        self.parse_among(words, |_| true)
    }

    /// The same among the commands that `admits` lets through; the others are unknown.
    pub(crate) fn parse_among(
        &self,
        words: &[Word<'_>],
        admits: impl Fn(C) -> bool,
    ) -> Result<(C, Vec<Found>), LineError> {
        let mut candidates: Vec<&Command<C>> = self.commands.iter().filter(|command| admits(command.does)).collect();
        let mut found = Vec::new();
        let mut taken = 0;
        for (index, word) in words.iter().enumerate() {
            taken = index + 1;
            let (whole_line, value) = narrow(&mut candidates, index, *word)?;
            let text = if whole_line { word.rest } else { word.text };
            found.extend(value.map(|value| Found { value, word: text.to_owned(), column: word.column }));
            if whole_line {
                break;
            }
        }
        match candidates.iter().find(|command| command.tokens.len() == taken) {
            Some(command) if taken > 0 => Ok((command.does, found)),
            _ => Err(LineError {
                column: words.last().map_or(1, |word| word.column + word.text.chars().count() + 1),
                word: String::new(),
                problem: Problem::Incomplete,
                expected: labels(&tokens_at(&candidates, taken)),
            }),
        }
    }

    /// What `?` answers after `words`, where `partial` is the word under the cursor (empty after a
    /// space): rows of what can stand there and its meaning.
    pub(crate) fn help(&self, words: &[Word<'_>], partial: &str) -> Result<Vec<HelpRow>, LineError> {
        self.help_among(words, partial, |_| true)
    }

    /// The same among the commands that `admits` lets through.
    pub(crate) fn help_among(
        &self,
        words: &[Word<'_>],
        partial: &str,
        admits: impl Fn(C) -> bool,
    ) -> Result<Vec<HelpRow>, LineError> {
        let mut candidates: Vec<&Command<C>> = self.commands.iter().filter(|command| admits(command.does)).collect();
        for (index, word) in words.iter().enumerate() {
            if narrow(&mut candidates, index, *word)?.0 {
                return Ok(vec![HelpRow::end()]);
            }
        }
        let path: Vec<&str> = candidates.first().map_or(Vec::new(), |command| {
            command.tokens[..words.len()]
                .iter()
                .map(|token| match token {
                    Token::Keyword(word) => *word,
                    Token::Argument(_) => "",
                })
                .collect()
        });
        let mut rows: Vec<HelpRow> = tokens_at(&candidates, words.len())
            .into_iter()
            .filter_map(|token| match token {
                Token::Keyword(word) => abbreviates(partial, word).then(|| HelpRow {
                    label: word.to_owned(),
                    text: self.text(&path, word),
                    keyword: true,
                }),
                Token::Argument(shape) => {
                    partial.is_empty().then(|| HelpRow { label: shape.label(), text: shape.help(), keyword: false })
                }
            })
            .collect();
        rows.sort();
        if partial.is_empty() && candidates.iter().any(|command| command.tokens.len() == words.len()) {
            rows.push(HelpRow::end());
        }
        Ok(rows)
    }

    /// The help text of `word` after `path`.
    pub(crate) fn text(&self, path: &[&str], word: &str) -> &'static str {
        let long = path.last().map(|before| format!("{before} {word}"));
        let find = |key: &str| self.help.iter().find(|(name, _)| *name == key).map(|(_, text)| *text);
        long.and_then(|key| find(&key)).or_else(|| find(word)).unwrap_or_default()
    }
}

/// One row of what `?` answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HelpRow {
    /// The keyword, or how the value is written.
    pub(crate) label: String,
    /// What it means.
    pub(crate) text: &'static str,
    /// Whether it can be typed as it stands.
    pub(crate) keyword: bool,
}

impl HelpRow {
    /// "The line can end here", as the field writes it.
    fn end() -> Self {
        Self { label: "<cr>".to_owned(), text: "", keyword: false }
    }
}

/// Keeps the candidates that continue with `word`. Says whether the word's argument takes the whole
/// rest of the line, and the argument's value.
fn narrow<C>(
    candidates: &mut Vec<&Command<C>>,
    index: usize,
    word: Word<'_>,
) -> Result<(bool, Option<Value>), LineError> {
    let choice = choose(candidates, index, word)?;
    candidates.retain(|command| match (command.tokens.get(index), &choice) {
        (Some(Token::Keyword(have)), Choice::Keyword(want)) => have == want,
        (Some(Token::Argument(have)), Choice::Argument(want, _)) => have == want,
        (Some(_) | None, _) => false,
    });
    Ok(match choice {
        Choice::Keyword(_) => (false, None),
        Choice::Argument(shape, value) => (shape == Shape::Rest, Some(value)),
    })
}

fn choose<C>(candidates: &[&Command<C>], index: usize, word: Word<'_>) -> Result<Choice, LineError> {
    let error =
        |problem, expected| Err(LineError { column: word.column, word: word.text.to_owned(), problem, expected });
    let mut matches: Vec<&'static str> = Vec::new();
    for command in candidates {
        if let Some(Token::Keyword(keyword)) = command.tokens.get(index) {
            if keyword.eq_ignore_ascii_case(word.text) {
                return Ok(Choice::Keyword(keyword));
            }
            if abbreviates(word.text, keyword) && !matches.contains(keyword) {
                matches.push(keyword);
            }
        }
    }
    match matches.as_slice() {
        [] => {}
        [one] => return Ok(Choice::Keyword(one)),
        several => return error(Problem::Ambiguous, several.iter().map(|word| (*word).to_owned()).collect()),
    }
    let tokens = tokens_at(candidates, index);
    let mut refused = None;
    for token in &tokens {
        let Token::Argument(shape) = token else { continue };
        match shape.parse(if *shape == Shape::Rest { word.rest } else { word.text }) {
            Ok(value) => return Ok(Choice::Argument(*shape, value)),
            Err(Some(why)) => refused = Some(why),
            Err(None) => {}
        }
    }
    let expected = if tokens.is_empty() { vec!["the end of the line".to_owned()] } else { labels(&tokens) };
    error(refused.map_or(Problem::Invalid, Problem::Value), expected)
}

/// Distinct tokens at one place, in the table's order.
fn tokens_at<C>(candidates: &[&Command<C>], index: usize) -> Vec<Token> {
    let mut tokens = Vec::new();
    for token in candidates.iter().filter_map(|command| command.tokens.get(index)) {
        if !tokens.contains(token) {
            tokens.push(*token);
        }
    }
    tokens
}

fn labels(tokens: &[Token]) -> Vec<String> {
    tokens.iter().map(|token| token.label()).collect()
}

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
mod tests;
