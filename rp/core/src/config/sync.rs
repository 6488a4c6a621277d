//! How the running configuration gets to the standby: whole at first, then command by command.
//!
//! "In effect, the command is run on both": after the bulk sync the active sends what was typed, with the
//! mode that it was typed in, and the standby runs it. A digest says whether both now hold the same
//! configuration; a standby that does not must not take over with it.

use super::{Config, ConfigError, Edit, LineError, Place, SectionId, check::Reader, session::Read};
use std::{fmt, mem};

/// What the active sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncRecord {
    /// The whole configuration.
    Whole(String),
    /// A command.
    Command {
        /// The commands that lead into the mode, and the command, a line each.
        lines: String,
        /// What the active's configuration comes to after it.
        digest: Digest,
    },
}

/// What a configuration comes to, as a record says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// As release 1.0 says it: of the whole text.
    Text(u32),
    /// Of each section. Those that a release does not know are not compared by it.
    Sections(Vec<(SectionId, u64)>),
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
/// As release 1.0 says it, with the digest of the whole text.
const COMMAND: &str = "command ";
/// With the digests of the sections.
const CHANGE: &str = "change ";
/// As errors name it.
const RUNNING: &str = "running-config";

impl SyncRecord {
    /// As it travels.
    pub fn encode(&self) -> String {
        match self {
            Self::Whole(text) => format!("{WHOLE}{text}"),
            Self::Command { lines, digest } => format!("{digest}\n{lines}"),
        }
    }

    /// Reads what the peer sent.
    pub fn decode(bytes: &[u8]) -> Result<Self, SyncError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SyncError::Malformed)?;
        if let Some(text) = text.strip_prefix(WHOLE) {
            return Ok(Self::Whole(text.to_owned()));
        }
        let (head, lines) = text.split_once('\n').ok_or(SyncError::Malformed)?;
        Ok(Self::Command { lines: lines.to_owned(), digest: Digest::decode(head).ok_or(SyncError::Malformed)? })
    }
}

/// The first line of a record.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(digest) => write!(f, "{COMMAND}{digest:08x}"),
            Self::Sections(sections) => {
                f.write_str(CHANGE.trim_end())?;
                sections.iter().try_for_each(|(id, digest)| write!(f, " {id}={digest:016x}"))
            }
        }
    }
}

impl Digest {
    fn decode(text: &str) -> Option<Self> {
        if let Some(digest) = text.strip_prefix(COMMAND) {
            return u32::from_str_radix(digest, 16).ok().map(Self::Text);
        }
        let mut sections = Vec::new();
        for section in text.strip_prefix(CHANGE)?.split(' ') {
            let (name, digest) = section.split_once('=')?;
            let digest = u64::from_str_radix(digest, 16).ok()?;
            // One that this release does not know is not compared.
            sections.extend(name.parse().ok().map(|id| (id, digest)));
        }
        Some(Self::Sections(sections))
    }

    /// Whether a configuration comes to this.
    fn fits(&self, config: &Config) -> bool {
        match self {
            Self::Text(digest) => config.text_digest() == *digest,
            Self::Sections(sections) => {
                let own = config.digests();
                sections.iter().all(|section| own.contains(section))
            }
        }
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

impl Config {
    /// The digest of the whole text, as release 1.0 compares it.
    pub fn text_digest(&self) -> u32 {
        crc32fast::hash(self.render().as_bytes())
    }

    /// Follows a record of the active's. After an error it is as before.
    pub fn follow(&mut self, record: &SyncRecord) -> Result<(), SyncError> {
        let (lines, digest) = match record {
            SyncRecord::Whole(text) => {
                *self = Self::parse(text, RUNNING)?;
                return Ok(());
            }
            SyncRecord::Command { lines, digest } => (lines, digest),
        };
        let mut place = Place::default();
        let mut undo: Vec<Edit> = Vec::new();
        for line in lines.lines() {
            match place.read(self, line) {
                Ok(Read { asked, depth }) => {
                    undo.splice(0..0, self.apply_all(asked.edits));
                    place.go(depth, asked.next);
                }
                Err(error) => {
                    self.apply_all(undo);
                    return Err(SyncError::Command { line: line.to_owned(), error });
                }
            }
        }
        if digest.fits(self) {
            return Ok(());
        }
        self.apply_all(undo);
        Err(SyncError::Differs { line: lines.lines().last().unwrap_or_default().to_owned() })
    }
}
