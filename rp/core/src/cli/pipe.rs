//! Output filters: `| include`, `| exclude`, `| begin`, `| section`, `| count`, `| json`.

use super::show::Shown;
use crate::grammar::{
    Command, Found, Grammar, LineError, Problem, Shape, Token::Argument as A, Token::Keyword as K, Value, words,
};
use regex_lite::Regex;

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
pub(super) static PIPE: Grammar<Kind> = Grammar {
    commands: &[
        Command { tokens: &[K("begin"), A(Shape::Rest)], does: Kind::Begin },
        Command { tokens: &[K("count")], does: Kind::CountAll },
        Command { tokens: &[K("count"), A(Shape::Rest)], does: Kind::Count },
        Command { tokens: &[K("exclude"), A(Shape::Rest)], does: Kind::Exclude },
        Command { tokens: &[K("include"), A(Shape::Rest)], does: Kind::Include },
        Command { tokens: &[K("json")], does: Kind::Json },
        Command { tokens: &[K("section"), A(Shape::Rest)], does: Kind::Section },
    ],
    help: &[
        ("begin", "Begin with the line that matches a regular expression"),
        ("count", "How many lines match a regular expression"),
        ("exclude", "Leave out lines that match a regular expression"),
        ("include", "Keep lines that match a regular expression"),
        ("json", "As JSON"),
        ("section", "Keep the sections that match a regular expression"),
    ],
};

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
    let (kind, found) = PIPE.parse(&words(text))?;
    let pattern = |found: &[Found]| match found.first() {
        Some(found) => match &found.value {
            Value::Text(text) => {
                Regex::new(text).map_err(|error| found.refused(format!("not a regular expression: {error}")))
            }
            _ => Err(found.refused("not a regular expression")),
        },
        None => Err(incomplete()),
    };
    Ok(match kind {
        Kind::Include => Filter::Include(pattern(&found)?),
        Kind::Exclude => Filter::Exclude(pattern(&found)?),
        Kind::Begin => Filter::Begin(pattern(&found)?),
        Kind::Section => Filter::Section(pattern(&found)?),
        Kind::Count => Filter::Count(Some(pattern(&found)?)),
        Kind::CountAll => Filter::Count(None),
        Kind::Json => Filter::Json,
    })
}

fn incomplete() -> LineError {
    LineError { column: 1, word: String::new(), problem: Problem::Incomplete, expected: Vec::new() }
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
