//! Output filters: `| include`, `| exclude`, `| begin`, `| section`, `| count`, `| json`.

use super::show::Shown;
use crate::grammar::{
    Command, Grammar, Help, Line, LineError, Shape,
    Token::{Argument as A, Keyword as K},
    Value, command, words,
};
use regex_lite::Regex;
use std::sync::LazyLock;

/// A filter that a show command's output goes through.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    None,
    Include(Regex),
    Exclude(Regex),
    Begin(Regex),
    /// Lines that match, and the indented lines under each.
    Section(Regex),
    /// How many lines match, or are there.
    Count(Option<Regex>),
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Include,
    Exclude,
    Begin,
    Section,
    Count,
    CountAll,
    Json,
}

/// What can follow a `|`.
pub(super) static COMMANDS: &[Command<Kind>] = &[
    command(&[K("begin"), A(Shape::Rest)], Kind::Begin),
    command(&[K("count")], Kind::CountAll),
    command(&[K("count"), A(Shape::Rest)], Kind::Count),
    command(&[K("exclude"), A(Shape::Rest)], Kind::Exclude),
    command(&[K("include"), A(Shape::Rest)], Kind::Include),
    command(&[K("json")], Kind::Json),
    command(&[K("section"), A(Shape::Rest)], Kind::Section),
];

pub(super) const HELP: Help = &[
    ("begin", "Begin with the line that matches a regular expression"),
    ("count", "How many lines match a regular expression"),
    ("exclude", "Leave out lines that match a regular expression"),
    ("include", "Keep lines that match a regular expression"),
    ("json", "As JSON"),
    ("section", "Keep the sections that match a regular expression"),
];

pub(super) static PIPE: LazyLock<Grammar<Kind>> = LazyLock::new(|| Grammar::new(COMMANDS, &[HELP]));

/// Splits a line at the first `|` that stands alone or begins a word.
pub(super) fn split(line: &str) -> (&str, Option<&str>) {
    let at = line
        .char_indices()
        .find(|(at, letter)| *letter == '|' && line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    match at {
        Some((at, _)) => (&line[..at], Some(&line[at + 1..])),
        None => (line, None),
    }
}

/// Reads what follows the `|`; columns of errors count within it.
pub(super) fn parse(text: &str) -> Result<Filter, LineError> {
    let (kind, line) = PIPE.parse(&words(text))?;
    let pattern = |line: &Line| {
        let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
        let (text, found) = line.find(text)?;
        Regex::new(&text).map_err(|error| found.refused(format!("not a regular expression: {error}")))
    };
    Ok(match kind {
        Kind::Include => Filter::Include(pattern(&line)?),
        Kind::Exclude => Filter::Exclude(pattern(&line)?),
        Kind::Begin => Filter::Begin(pattern(&line)?),
        Kind::Section => Filter::Section(pattern(&line)?),
        Kind::Count => Filter::Count(Some(pattern(&line)?)),
        Kind::CountAll => Filter::Count(None),
        Kind::Json => Filter::Json,
    })
}

/// Sends output through a filter.
pub(super) fn apply(filter: &Filter, shown: Shown) -> String {
    let keep = |wanted: &mut dyn FnMut(&str) -> bool| {
        shown.text.lines().filter(|line| wanted(line)).flat_map(|line| [line, "\n"]).collect()
    };
    match filter {
        Filter::None => shown.text,
        Filter::Include(pattern) => keep(&mut |line| pattern.is_match(line)),
        Filter::Exclude(pattern) => keep(&mut |line| !pattern.is_match(line)),
        Filter::Begin(pattern) => {
            let mut begun = false;
            keep(&mut |line| {
                begun |= pattern.is_match(line);
                begun
            })
        }
        Filter::Section(pattern) => {
            let mut inside = None;
            keep(&mut |line| {
                let depth = line.len() - line.trim_start().len();
                if pattern.is_match(line) && inside.is_none_or(|outer| depth <= outer) {
                    inside = Some(depth);
                    return true;
                }
                inside = inside.filter(|outer| depth > *outer);
                inside.is_some()
            })
        }
        Filter::Count(pattern) => {
            let matches = |line: &&str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(line));
            let count = shown.text.lines().filter(matches).count();
            format!("Number of lines which match regexp = {count}\n")
        }
        Filter::Json => format!("{:#}\n", shown.json),
    }
}
