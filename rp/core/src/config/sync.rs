//! How the running configuration gets to the standby: whole at first, then command by command.
//!
//! "In effect, the command is run on both": after the bulk sync the active sends what was typed, with the
//! mode that it was typed in, and the standby runs it. A digest says whether both now hold the same
//! configuration; a standby that does not must not take over with it.

use super::{Config, ConfigError, ConfigSession, LineError, check::Reader};
use std::mem;

/// What the active sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncRecord {
    /// The whole configuration.
    Whole(String),
    /// A command.
    Command {
        /// The commands that lead into the mode, and the command, a line each.
        lines: String,
        /// Digest of the active's configuration after it.
        digest: u32,
    },
}

/// Why a standby cannot follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The bytes are no record.
    #[error("not a configuration record")]
    Malformed,
    /// The configuration does not parse.
    #[error(transparent)]
    Whole(#[from] ConfigError),
    /// The command was accepted by the active and is refused here.
    #[error("the standby refuses '{line}': {error}")]
    Command {
        /// The command.
        line: String,
        /// Why.
        error: LineError,
    },
    /// The command was run and both units hold different configurations.
    #[error("after '{line}' the configurations differ")]
    Differs {
        /// The command.
        line: String,
    },
}

const WHOLE: &str = "whole\n";
const COMMAND: &str = "command ";
/// As errors name it.
const RUNNING: &str = "running-config";

impl SyncRecord {
    /// As it travels.
    pub fn encode(&self) -> String {
        match self {
            Self::Whole(text) => format!("{WHOLE}{text}"),
            Self::Command { lines, digest } => format!("{COMMAND}{digest:08x}\n{lines}"),
        }
    }

    /// Reads what the peer sent.
    pub fn decode(bytes: &[u8]) -> Result<Self, SyncError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SyncError::Malformed)?;
        if let Some(text) = text.strip_prefix(WHOLE) {
            return Ok(Self::Whole(text.to_owned()));
        }
        let rest = text.strip_prefix(COMMAND).ok_or(SyncError::Malformed)?;
        let (digest, lines) = rest.split_once('\n').ok_or(SyncError::Malformed)?;
        let digest = u32::from_str_radix(digest, 16).map_err(|_| SyncError::Malformed)?;
        Ok(Self::Command { lines: lines.to_owned(), digest })
    }
}

/// A whole configuration that comes in pieces: each is read as it comes, so that no step takes long.
#[derive(Debug)]
pub struct WholeReader {
    reader: Reader<'static>,
    /// Lines read, that which says what it is not counted.
    line: usize,
    /// Whether that one was read.
    begun: bool,
    /// Of a line, what has come.
    rest: Vec<u8>,
}

impl Default for WholeReader {
    fn default() -> Self {
        Self { reader: Reader::over(Config::default(), None), line: 0, begun: false, rest: Vec::new() }
    }
}

impl WholeReader {
    /// Reads another piece; it may end in the middle of a line.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), SyncError> {
        let Some(end) = piece.iter().rposition(|byte| *byte == b'\n') else {
            self.rest.extend_from_slice(piece);
            return Ok(());
        };
        let (lines, rest) = piece.split_at(end + 1);
        self.rest.extend_from_slice(lines);
        let lines = mem::replace(&mut self.rest, rest.to_vec());
        self.lines(&lines)
    }

    /// The configuration, once the last piece was fed.
    pub fn finish(mut self) -> Result<Config, SyncError> {
        let rest = mem::take(&mut self.rest);
        self.lines(&rest)?;
        if self.begun { Ok(self.reader.config) } else { Err(SyncError::Malformed) }
    }

    fn lines(&mut self, lines: &[u8]) -> Result<(), SyncError> {
        let text = std::str::from_utf8(lines).map_err(|_| SyncError::Malformed)?;
        for line in text.lines() {
            if !mem::replace(&mut self.begun, true) {
                if line != WHOLE.trim_end() {
                    return Err(SyncError::Malformed);
                }
                continue;
            }
            self.line += 1;
            let at = |error| ConfigError { file: RUNNING.to_owned(), line: self.line, error };
            self.reader.line(self.line, line).map_err(at)?;
        }
        Ok(())
    }
}

/// The digest of a configuration whose text is there already.
pub fn digest_of(text: &str) -> u32 {
    crc32fast::hash(text.as_bytes())
}

impl Config {
    /// Equal for equal configurations, and hardly ever for others.
    pub fn digest(&self) -> u32 {
        digest_of(&self.render())
    }

    /// The configuration after a record of the active's; `self` stays as it is.
    pub fn follow(&self, record: &SyncRecord) -> Result<Self, SyncError> {
        let (lines, digest) = match record {
            SyncRecord::Whole(text) => return Ok(Self::parse(text, RUNNING)?),
            SyncRecord::Command { lines, digest } => (lines, *digest),
        };
        let mut config = self.clone();
        let mut session = ConfigSession::default();
        for line in lines.lines() {
            session
                .apply_in_place(&mut config, line)
                .map_err(|error| SyncError::Command { line: line.to_owned(), error })?;
        }
        let line = lines.lines().last().unwrap_or_default().to_owned();
        if config.digest() == digest { Ok(config) } else { Err(SyncError::Differs { line }) }
    }
}
