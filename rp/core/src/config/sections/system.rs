//! What the router is called, and lines that are kept for display.

use super::{Section, SectionId, WORD, short};
use crate::{
    config::{
        Config, Edit,
        place::{Asked, At, Does},
    },
    grammar::{Command, Help, Line, LineError, Token::Keyword as K, Token::Optional, command},
};
use std::fmt::{self, Write};

pub(super) const SECTION: Section =
    Section { id: SectionId::System, name: "system", write, tally: |config| short(config, write) };

pub(super) static COMMANDS: &[Command<Does>] = &[
    command(&[K("hostname"), WORD], hostname),
    command(&[K("no"), K("hostname"), Optional(&[WORD])], no_hostname),
    command(&[K("version"), WORD], version),
    command(&[K("no"), K("version")], version),
];

pub(super) const HELP: Help =
    &[("hostname", "Set the system's name"), ("version", "Release that wrote this configuration")];

/// A host name as the prompt and reports can bear it (RFC 1123 §2.1, and the underscore).
fn hostname(_: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let name = line.text()?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.len() > 63 || !name.chars().all(plain) {
        return Err(line.refused("a host name has letters, digits, '-', '_' and '.', at most 63"));
    }
    Ok(Edit::Hostname(name.to_owned()).into())
}

fn no_hostname(_: &At<'_>, _: &Line) -> Result<Asked, LineError> {
    Ok(Edit::Hostname(Config::default().hostname).into())
}

fn version(_: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let version = if line.no() { None } else { Some(line.text()?.to_owned()) };
    Ok(Edit::Version(version).into())
}

fn write(config: &Config, f: &mut dyn Write) -> fmt::Result {
    writeln!(f, "!")?;
    if let Some(version) = &config.version {
        writeln!(f, "version {version}")?;
    }
    for line in &config.tolerated {
        writeln!(f, "{line}")?;
    }
    writeln!(f, "!\nhostname {}\n!", config.hostname)
}
