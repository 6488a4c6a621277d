//! The run store: `store/<lab>/<time>/`, and `latest` beside the runs and above the labs.

use super::format;
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Something is wrong with the run store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory could not be written.
    #[error("cannot write {}: check the directory's permissions and free space, or choose another with --store", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}: is this the directory of a run?", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is not evidence that this release of swact understands", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Something follows the end of a file.
    #[error("{} goes on after its end: it was damaged, or put together out of two", path.display())]
    Trailing {
        /// Which.
        path: PathBuf,
    },
    /// A file is not what it was.
    #[error("{}:{line}: {what}", path.display())]
    Changed {
        /// The list of digests.
        path: PathBuf,
        /// Line of the list.
        line: usize,
        /// Which file, and how it differs.
        what: String,
    },
    /// Evidence says two things about one.
    #[error("{} contradicts itself:{found}", path.display())]
    Contradiction {
        /// Which.
        path: PathBuf,
        /// What it says, a line a contradiction.
        found: String,
    },
    /// A name would leave the run's folder.
    #[error("a file of a run cannot be called {0:?}")]
    Name(String),
    /// A histogram could not be written.
    #[error(transparent)]
    Histogram(#[from] measure::histogram::LogError),
}

impl StoreError {
    /// What somebody can do who wanted to read a run.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Trailing { .. } | Self::Contradiction { .. } => {
                "nothing is drawn from it: use the folder as the run left it, or hold the run again"
            }
            Self::Changed { .. } => {
                "use the folder as the run left it; what was changed on purpose, take out of SHA256SUMS"
            }
            Self::Write { .. } | Self::Read { .. } | Self::Parse { .. } | Self::Name(_) | Self::Histogram(_) => {
                "name the folder of a run: store/<lab>/<time> or store/<lab>/latest"
            }
        }
    }
}

/// Directory of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDirectory {
    /// Where it is.
    pub path: PathBuf,
    store: PathBuf,
    lab: String,
    name: String,
}

impl RunDirectory {
    /// Makes `store/<lab>/<time>/` for a run that began at `started_unix_ms`. Two runs of one second get two
    /// directories.
    pub fn create(store: &Path, lab: &str, started_unix_ms: u64) -> Result<Self, StoreError> {
        let home = store.join(lab);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Write { path, source }
        };
        fs::create_dir_all(&home).map_err(failed(&home))?;
        let time = format::compact_utc(started_unix_ms);
        let mut name = time.clone();
        for again in 2.. {
            let path = home.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => name = format!("{time}-{again}"),
                Err(error) => return Err(failed(&path)(error)),
            }
        }
        Ok(Self { path: home.join(&name), store: store.to_owned(), lab: lab.to_owned(), name })
    }

    /// Points `store/<lab>/latest` and `store/latest` to this run.
    pub fn mark_latest(&self) -> Result<(), StoreError> {
        replace_link(&self.store.join(&self.lab).join("latest"), Path::new(&self.name))?;
        replace_link(&self.store.join("latest"), &Path::new(&self.lab).join(&self.name))
    }
}

/// Writes a file whole or not at all: into a temporary file beside it, then renamed. Makes its directory.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_with(path, |file| file.write_all(bytes))
}

/// `value` as JSON for people; `path` names it in complaints.
pub(super) fn json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|source| StoreError::Parse { path: path.to_owned(), source })?;
    text.push(b'\n');
    Ok(text)
}

/// Reads JSON.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let file = user_files::open(path).map_err(|source| StoreError::Read { path: path.to_owned(), source })?;
    serde_json::from_reader(BufReader::new(file)).map_err(|source| StoreError::Parse { path: path.to_owned(), source })
}

/// Writes `value` as JSON, compressed, atomically. The same value gives the same bytes.
pub(super) fn write_json_gz(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    write_with(path, |file| {
        let mut out = GzEncoder::new(io::BufWriter::new(file), Compression::default());
        serde_json::to_writer(&mut out, value)?;
        out.finish()?.flush()
    })
}

/// Reads compressed JSON, to the last byte of the file.
pub(super) fn read_json_gz<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let unreadable = |source| StoreError::Read { path: path.to_owned(), source };
    let mut decoder = GzDecoder::new(BufReader::new(user_files::open(path).map_err(unreadable)?));
    // The parser reads on to the end of the stream, and with it the checksum.
    let value = serde_json::from_reader(BufReader::new(&mut decoder))
        .map_err(|source| StoreError::Parse { path: path.to_owned(), source })?;
    let ended = decoder.get_mut().fill_buf().map_err(unreadable)?.is_empty();
    if ended { Ok(value) } else { Err(StoreError::Trailing { path: path.to_owned() }) }
}

fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), StoreError> {
    let write = || {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let temporary = beside(path);
        let written = File::create(&temporary).and_then(|mut file| {
            fill(&mut file)?;
            file.sync_all()?;
            fs::rename(&temporary, path)
        });
        if written.is_err() {
            // The failure to report is the one above; a leftover is not worth another.
            let _ = fs::remove_file(&temporary);
        }
        written
    };
    write().map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

fn replace_link(link: &Path, target: &Path) -> Result<(), StoreError> {
    let temporary = beside(link);
    let replace = || {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(target, &temporary)?;
        fs::rename(&temporary, link)
    };
    replace().map_err(|source| StoreError::Write { path: link.to_owned(), source })
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_of_one_second_do_not_meet_and_latest_is_the_last() {
        let store = tempfile::tempdir().unwrap();
        let one = RunDirectory::create(store.path(), "edge", 1_000).unwrap();
        one.mark_latest().unwrap();
        let two = RunDirectory::create(store.path(), "edge", 1_500).unwrap();
        assert_ne!(one.path, two.path);
        two.mark_latest().unwrap();
        write_atomically(&two.path.join("plots/x.svg"), b"hello").unwrap();
        assert_eq!(fs::read(store.path().join("latest/plots/x.svg")).unwrap(), b"hello");
        assert_eq!(fs::read(store.path().join("edge/latest/plots/x.svg")).unwrap(), b"hello");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let store = tempfile::tempdir().unwrap();
        let path = store.path().join("file");
        write_atomically(&path, b"old").unwrap();
        let failed = write_with(&path, |file| {
            file.write_all(b"ne")?;
            Err(io::Error::other("no space"))
        });
        assert!(matches!(failed, Err(StoreError::Write { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_run_is_named() {
        let error = super::super::load(Path::new("/nonexistent")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/evidence.json.gz"), "{error}");
    }
}
