//! The startup configuration as it lies in NVRAM: sealed, in two copies, so that half a file is
//! never taken for a whole one.
//!
//! A copy is one header line and the text:
//!
//! ```text
//! swact-nvram 1 <bytes> <checksum>\n<text>
//! ```
//!
//! The owner saves a text by [`SAVE`]: whatever step a crash comes after, one whole copy of the old
//! or the new text is there, and [`choose`] finds it. The second copy, which is the configuration
//! before, is for damage that no order of writing helps against.

use fabric_proto::sabotage::{self, Sabotage};

/// What is wrong with a sealed copy. All of these are the medium's fault or an interrupted write's;
/// the other copy, or an empty configuration, takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NvramError {
    /// Not one of ours.
    #[error("not a sealed configuration: the header is missing or damaged")]
    Header,
    /// From a release that this one does not understand.
    #[error("format version {found} is not understood (this release reads version {VERSION})")]
    Version {
        /// As found.
        found: u32,
    },
    /// Cut short, or grown.
    #[error("{found} bytes where the header says {expected}: the write was interrupted")]
    Length {
        /// As the header has it.
        expected: usize,
        /// As found.
        found: usize,
    },
    /// Damaged.
    #[error("the checksum does not fit: the content is damaged")]
    Checksum,
}

/// Which copy a configuration came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The configuration saved last.
    Primary,
    /// The one before.
    Backup,
}

/// What [`choose`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The configuration; `None` where no copy is whole.
    pub text: Option<String>,
    /// The copy that it came from.
    pub from: Option<Copy>,
    /// For the log: what was wrong with a copy that is there. `None` where all is well, and in a
    /// chassis that was never configured.
    pub complaint: Option<String>,
}

/// Version of the format.
pub const VERSION: u32 = 1;

const MAGIC: &str = "swact-nvram";

/// Name of the primary copy's file.
pub const PRIMARY_FILE: &str = "startup-config";

/// Name of the backup copy's file.
pub const BACKUP_FILE: &str = "startup-config.bak";

/// One step of saving a sealed text. A step that fails ends the save: what stood before still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the copy's bytes to a new file beside it.
    Write(Copy),
    /// `fsync` that file.
    Sync(Copy),
    /// Rename it to the copy's name, which replaces the old one at once.
    Rename(Copy),
    /// `fsync` the directory, so that the new name outlives a power cut.
    SyncDirectory,
}

/// The steps of saving, in order. The backup's bytes are the primary's before the save, and its steps
/// are left out where the primary is missing or damaged; the primary's bytes are the new text's.
pub const SAVE: [Step; 8] = [
    Step::Write(Copy::Backup),
    Step::Sync(Copy::Backup),
    Step::Rename(Copy::Backup),
    Step::SyncDirectory,
    Step::Write(Copy::Primary),
    Step::Sync(Copy::Primary),
    Step::Rename(Copy::Primary),
    Step::SyncDirectory,
];

impl Copy {
    /// Name of the copy's file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Primary => PRIMARY_FILE,
            Self::Backup => BACKUP_FILE,
        }
    }
}

/// Seals a text.
pub fn seal(text: &str) -> Vec<u8> {
    let checksum = crc32fast::hash(text.as_bytes());
    format!("{MAGIC} {VERSION} {} {checksum:08x}\n{text}", text.len()).into_bytes()
}

/// Opens a sealed copy.
pub fn open(bytes: &[u8]) -> Result<String, NvramError> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(NvramError::Header)?;
    let header = std::str::from_utf8(&bytes[..end]).map_err(|_| NvramError::Header)?;
    let content = &bytes[end + 1..];
    let mut fields = header.strip_prefix(MAGIC).ok_or(NvramError::Header)?.split(' ').skip(1);
    let found = fields.next().and_then(|field| field.parse().ok()).ok_or(NvramError::Header)?;
    if found != VERSION {
        return Err(NvramError::Version { found });
    }
    let expected = fields.next().and_then(|field| field.parse().ok()).ok_or(NvramError::Header)?;
    if sabotage::is(Sabotage::TrustTornFile) {
        return Ok(String::from_utf8_lossy(content).into_owned());
    }
    if content.len() != expected {
        return Err(NvramError::Length { expected, found: content.len() });
    }
    let text = std::str::from_utf8(content).map_err(|_| NvramError::Checksum)?;
    // Compared whole: a damaged header that still reads the same (another case, a leading zero) is damaged.
    if seal(text) == bytes { Ok(text.to_owned()) } else { Err(NvramError::Checksum) }
}

/// Chooses between the copies: the primary if it is whole, else the backup.
pub fn choose(primary: Option<&[u8]>, backup: Option<&[u8]>) -> Recovered {
    let mut complaints = Vec::new();
    for (copy, bytes) in [(Copy::Primary, primary), (Copy::Backup, backup)] {
        match bytes.map(open) {
            Some(Ok(text)) => {
                return Recovered { text: Some(text), from: Some(copy), complaint: complaint(&complaints) };
            }
            Some(Err(error)) => complaints.push(format!("{}: {error}", copy.file())),
            None => complaints.push(format!("{} is missing", copy.file())),
        }
    }
    let never_written = primary.is_none() && backup.is_none();
    Recovered { text: None, from: None, complaint: if never_written { None } else { complaint(&complaints) } }
}

fn complaint(complaints: &[String]) -> Option<String> {
    (!complaints.is_empty()).then(|| complaints.join("; "))
}

#[cfg(test)]
mod tests;
