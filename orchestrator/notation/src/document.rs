//! Files that users write: read once, kept with their text, so that every complaint shows the place.

mod node;

use crate::text::printable;
use miette::{Diagnostic, NamedSource, SourceSpan};
use node::Node;
use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Spanned};
use std::path::{Path, PathBuf};

/// Something a user wrote that cannot be used: where, what, and what to do about it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error(transparent)]
#[diagnostic(transparent)]
pub struct BadInput(Box<Complaint>);

#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{place}: {message}")]
struct Complaint {
    place: String,
    message: String,
    #[help]
    remedy: Option<String>,
    #[source_code]
    source_code: Option<NamedSource<String>>,
    #[label("here")]
    span: Option<SourceSpan>,
}

impl BadInput {
    /// A complaint about something that has no position: a whole file, a flag, a name.
    pub fn new(place: impl ToString, message: impl ToString, remedy: impl ToString) -> Self {
        Self(Box::new(Complaint {
            place: shown(&place.to_string()),
            message: shown(&message.to_string()),
            remedy: Some(shown(&remedy.to_string())),
            source_code: None,
            span: None,
        }))
    }

    /// A complaint about a text that was given on a line, from byte `at` of it on.
    pub fn in_text(place: &str, text: &str, at: usize, message: impl ToString, remedy: impl ToString) -> Self {
        let column = text.get(..at).map_or(0, |before| before.chars().count()) + 1;
        let mut bad = Self::new(format!("{place}, character {column}"), message, remedy);
        // A terminal is shown the text; what could command it is not.
        if text.chars().all(|letter| !letter.is_control()) {
            let length = text.get(at..).and_then(|rest| rest.split_whitespace().next()).map_or(0, str::len);
            bad.0.source_code = Some(NamedSource::new(place, text.to_owned()));
            bad.0.span = Some(SourceSpan::from((at, length)));
        }
        bad
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// Place, complaint and remedy on plain lines: what is printed where nobody looks at a terminal.
    pub fn plain(&self) -> String {
        match &self.0.remedy {
            Some(remedy) => format!("{self}\n  {remedy}"),
            None => self.to_string(),
        }
    }
}

/// A YAML file and its text.
#[derive(Clone, Debug)]
pub struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// Reads a file; `what` names it in complaints ("topology").
    pub fn read(path: &Path, what: &str) -> Result<Self, BadInput> {
        let text = user_files::read_text(path).map_err(|error| {
            BadInput::new(
                path.display(),
                format!("cannot read the {what}: {error}"),
                "check the path and its permissions",
            )
        })?;
        Ok(Self::from_text(path, &text))
    }

    /// A document that is in memory already. A byte order mark before it is no part of it: places are counted without.
    pub fn from_text(path: &Path, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that its relative paths start from.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads it as a `T`; a complaint carries line, column and the text around it.
    ///
    /// A key with nothing behind it is refused, whatever `T` would make of it: it is something that was forgotten.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, BadInput> {
        let options = serde_saphyr::options! { with_snippet: false };
        let document = serde_saphyr::from_str_with_options::<Spanned<Node>>(&self.text, options.clone());
        if let Some(blank) = document.as_ref().ok().and_then(|document| document.value.blank()) {
            return Err(self.wrong(
                blank.location,
                format!("{} has nothing in it", blank.name),
                "give a value, or remove it",
            ));
        }
        let parsed = serde_saphyr::from_str_with_options(&self.text, options).map_err(|error| self.unread(error))?;
        // What no document can hold may still be taken for text; then nobody has looked for what is empty.
        document.map_err(|error| self.unread(error))?;
        Ok(parsed)
    }

    /// A complaint of the parser.
    fn unread(&self, error: serde_saphyr::Error) -> BadInput {
        let error = error.without_snippet();
        let message =
            error.render_with_options(serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off });
        // The position stands in front already; the parser repeats it at the end.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        self.complain(place(error.location().unwrap_or(Location::UNKNOWN)), message, None)
    }

    /// A complaint about the value at `location`.
    pub fn wrong(&self, location: Location, message: impl ToString, remedy: impl ToString) -> BadInput {
        self.complain(place(location), &message.to_string(), Some(remedy.to_string()))
    }

    /// A complaint about what begins in a line and a column, both from 1, in characters.
    pub fn wrong_at(&self, line: usize, column: usize, message: impl ToString, remedy: impl ToString) -> BadInput {
        self.complain(Some((line, column)), &message.to_string(), Some(remedy.to_string()))
    }

    fn complain(&self, at: Option<(usize, usize)>, message: &str, remedy: Option<String>) -> BadInput {
        let path = shown(&self.path.display().to_string());
        let place = at.map_or_else(|| path.clone(), |(line, column)| format!("{path}:{line}:{column}"));
        // The text around the place must not steer the terminal either.
        let text = shown(&self.text.replace("\r\n", "\n"));
        let span = at.map(|(line, column)| span(&text, line, column));
        let source_code = Some(NamedSource::new(path, text));
        let remedy = remedy.as_deref().map(shown);
        BadInput(Box::new(Complaint { place, message: shown(message), remedy, source_code, span }))
    }
}

/// What a user wrote, or what a card answered, as a complaint shows it.
fn shown(text: &str) -> String {
    printable(text).into_owned()
}

/// Where a line and a column lie in a text.
fn span(text: &str, line: usize, column: usize) -> SourceSpan {
    let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let line = text[line_start..].lines().next().unwrap_or_default();
    let offset = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let length = line[offset..].find([',', '}', ']', '#']).unwrap_or(line.len() - offset);
    (line_start + offset, line[offset..offset + length].trim_end().len().max(1)).into()
}

/// Line and column of a place that the parser knows.
fn place(location: Location) -> Option<(usize, usize)> {
    (location.line() > 0).then(|| (location.line() as usize, location.column() as usize))
}
