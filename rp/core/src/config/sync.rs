//! How the running configuration gets to the standby: whole at first, then command by command.
//!
//! "In effect, the command is run on both": after the bulk sync the active sends what was typed, with the
//! mode that it was typed in, and the standby runs it. A digest says whether both now hold the same
//! configuration; a standby that does not must not take over with it.

use super::{Config, ConfigError, ConfigSession, LineError};

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

impl Config {
    /// Equal for equal configurations, and hardly ever for others.
    pub fn digest(&self) -> u32 {
        crc32fast::hash(self.render().as_bytes())
    }

    /// The configuration after a record of the active's; `self` stays as it is.
    pub fn follow(&self, record: &SyncRecord) -> Result<Self, SyncError> {
        let (lines, digest) = match record {
            SyncRecord::Whole(text) => return Ok(Self::parse(text, "running-config")?),
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
