//! From a card's files to a program that runs, and from its end to an exit code.

use super::process;
use crate::{FabricError, log};
use fabric_proto::deploy::{CardConfig, Manifest};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt::{self, Display},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What the user gave cannot be used.
const USAGE: u8 = 2;
/// Something broke here.
const INTERNAL: u8 = 70;

/// A file that a card is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The card's configuration.
    Configuration,
    /// The manifest of its release.
    Manifest,
    /// The release's program.
    Program,
}

impl FileKind {
    fn remedy(self) -> &'static str {
        match self {
            Self::Configuration => "give the card configuration that the orchestrator wrote",
            Self::Manifest => "see `swact images list`",
            Self::Program => "install the release again",
        }
    }
}

impl Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "card configuration",
            Self::Manifest => "image manifest",
            Self::Program => "image",
        })
    }
}

/// A file that cannot be used: who wrote it is to blame.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {}: {why}; {}", file.display(), kind.remedy())]
pub struct BadFile {
    kind: FileKind,
    file: PathBuf,
    why: String,
}

impl BadFile {
    /// Says of the file what is wrong.
    pub fn new(kind: FileKind, file: &Path, why: impl Display) -> Self {
        Self { kind, file: file.to_owned(), why: why.to_string() }
    }
}

/// Reads a card's configuration. Another release may have written it: keys that this one does not know are passed over, and
/// the log names them. A program that restarts is told what it was told before ([`process::restart`]).
pub fn configuration(file: &Path) -> Result<CardConfig, BadFile> {
    let (config, unknown) = read(FileKind::Configuration, file, process::read_once(file), parse)?;
    if !unknown.is_empty() {
        tracing::warn!(file = %file.display(), keys = unknown.join(", "), "this release does not know these keys: passed over");
    }
    Ok(config)
}

/// A configuration, and the keys in it that mean nothing to this release.
fn parse(text: &str) -> Result<(CardConfig, Vec<String>), serde_json::Error> {
    let mut unknown = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let config = serde_ignored::deserialize(&mut json, |path| unknown.push(path.to_string()))?;
    json.end()?;
    Ok((config, unknown))
}

/// Reads the manifest of a release.
pub fn manifest(file: &Path) -> Result<Manifest, BadFile> {
    read_manifest(file, std::fs::read_to_string(file))
}

/// Reads the manifest of the release that this card runs. A program that restarts is still of the release that it was.
pub fn own_manifest(file: &Path) -> Result<Manifest, BadFile> {
    read_manifest(file, process::read_once(file))
}

fn read_manifest(file: &Path, text: io::Result<String>) -> Result<Manifest, BadFile> {
    read(FileKind::Manifest, file, text, |text| serde_saphyr::from_str(text))
}

fn read<T: DeserializeOwned, E: Display>(
    kind: FileKind,
    file: &Path,
    text: io::Result<String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, BadFile> {
    let text = text.map_err(|error| BadFile::new(kind, file, format_args!("cannot be read: {error}")))?;
    parse(&text).map_err(|error| BadFile::new(kind, file, format_args!("not a {kind}: {error}")))
}

/// What becomes of the process.
#[derive(Debug)]
pub enum End<L> {
    /// Leave.
    Stop,
    /// Start this program again, with this life ahead.
    Restart(L),
}

/// Runs a card program: logs to stderr, starts the card, and gives the exit code once it has ended.
///
/// Files that cannot be used and errors that `usage` recognises are the user's: exit code 2. What goes wrong
/// otherwise is ours: 70.
pub fn run<L: Serialize>(
    usage: impl FnOnce(&anyhow::Error) -> bool,
    start: impl FnOnce() -> anyhow::Result<End<L>>,
) -> ExitCode {
    log::to_stderr("info,quinn=warn");
    let restarted = start().and_then(|end| match end {
        End::Stop => Ok(()),
        End::Restart(life) => match process::restart(&life) {
            Err(error) => Err(anyhow::Error::new(error).context("cannot start this program again")),
        },
    });
    let Err(error) = restarted else { return ExitCode::SUCCESS };
    tracing::error!("{error:#}");
    let fabric = error.downcast_ref().is_some_and(FabricError::is_usage);
    ExitCode::from(if fabric || error.is::<BadFile>() || usage(&error) { USAGE } else { INTERNAL })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_another_release_are_passed_over_and_named() {
        let text = r#"{"id": "lab/pe1/1", "control": "127.0.0.1:1", "tls": {"ca": "a", "cert": "b", "key": "c", "crl": "d"},
            "image": "i", "nvram": "n", "redundancy": {"heartbeat_ms": 50, "hold_ms": 7}, "bridges": [{"port": 1}]}"#;
        let (config, unknown) = parse(text).unwrap();
        assert_eq!((config.redundancy.heartbeat_ms, config.redundancy.switchover_ms), (50, 3000));
        assert_eq!(unknown, ["tls.crl", "redundancy.hold_ms", "bridges"]);
        assert!(parse(&format!("{text} x")).is_err(), "one object, and nothing after it");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("card.json");
        let missing = configuration(&file).unwrap_err().to_string();
        assert!(missing.contains("card.json: cannot be read") && missing.contains("orchestrator wrote"), "{missing}");
        std::fs::write(&file, "{").unwrap();
        assert!(configuration(&file).unwrap_err().to_string().contains("not a card configuration"));
        assert!(manifest(&file).unwrap_err().to_string().contains("swact images list"));
    }
}
