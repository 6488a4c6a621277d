//! Programs that are started to take the card of one that runs.

use crate::plan::CardPlan;
use fabric_proto::deploy::CardConfig;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitStatus,
};
use tokio::sync::oneshot;

/// What a program ends with that has no card because the one that runs keeps it, and has said why.
const KEPT: i32 = 2;

/// A program that has been started to take a card.
#[derive(Debug)]
pub struct Heir {
    /// Hears when it has ended.
    pub ended: oneshot::Receiver<Farewell>,
    /// Ends it, if it has not ended: to be told where it is not to have the card any more. Dropped, it leaves it alone.
    pub end: oneshot::Sender<()>,
}

/// How such a program has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// In its own words, or those of the system.
    pub why: String,
    /// Whether it was well, and the program that runs did not give it the card.
    pub refused: bool,
}

/// An heir as its runtime holds it.
#[derive(Debug)]
pub(super) struct Watched {
    /// To be told when it has ended.
    pub(super) ended: oneshot::Sender<Farewell>,
    /// Asks for its end.
    pub(super) end: oneshot::Receiver<()>,
}

impl Heir {
    pub(super) fn new() -> (Self, Watched) {
        let ((ended, hears), (end, asks)) = (oneshot::channel(), oneshot::channel());
        (Self { ended: hears, end }, Watched { ended, end: asks })
    }
}

impl Farewell {
    /// Of a program whose log ends with `line`.
    pub(super) fn new(line: &str, code: Option<i32>, status: &str) -> Self {
        let refused = code == Some(KEPT) && !line.is_empty();
        let why = if refused { message(line).to_owned() } else { format!("the new program ended with {status}") };
        let more = if refused || line.is_empty() { String::new() } else { format!(": {}", message(line)) };
        Self { why: why + &more, refused }
    }

    pub(super) fn of(line: &str, status: ExitStatus) -> Self {
        Self::new(line, status.code(), &status.to_string())
    }
}

/// A line of a log without when, how loud and by whom it was said.
fn message(line: &str) -> &str {
    let said = line.split_once(' ').filter(|(when, _)| when.contains('T') && when.ends_with('Z'));
    said.and_then(|(_, rest)| rest.split_once(": ")).map_or(line, |(_, message)| message)
}

/// The folder of a release's files for an heir, in the card's own. The card's configuration stays what it is: it is what the
/// program that runs was told, and is told at its next start.
pub(super) fn folder(card: &CardPlan) -> PathBuf {
    card.folder.join("upgrade").join(&card.release)
}

/// Puts a file in its place, whole or not at all: a program that runs cannot be written over, but may be replaced. `give` makes
/// it whose it is to be.
pub(super) fn put(path: &Path, content: &[u8], give: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let new = path.with_added_extension("new");
    let done = fs::write(&new, content).and_then(|()| give(&new)).and_then(|()| fs::rename(&new, path));
    // Where there is no room, none is to be taken by what is of no use.
    done.inspect_err(|_| drop(fs::remove_file(&new)))
}

/// A configuration in the words of the release that is to read it.
pub(super) fn told(config: &CardConfig, manifest: &Path) -> io::Result<Vec<u8>> {
    let manifest = fabric::card::manifest(manifest).map_err(io::Error::other)?;
    let version = manifest.configuration().ok_or_else(|| io::Error::other("it reads no configuration of ours"))?;
    Ok(serde_json::to_vec_pretty(&config.told(version).map_err(io::Error::other)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        put(&path, b"one", |_| Ok(())).unwrap();
        put(&path, b"two", |_| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!((fs::read(&path).unwrap(), fs::read_dir(folder.path()).unwrap().count()), (b"one".to_vec(), 1));
    }

    #[test]
    fn a_program_that_fell_over_is_not_one_that_was_refused() {
        let line = "2026-11-30T09:33:25.409586Z ERROR fabric::card::start: the running program keeps its card: why: so";
        let refused = Farewell::new(line, Some(2), "exit status: 2");
        assert_eq!((refused.why.as_str(), refused.refused), ("the running program keeps its card: why: so", true));
        let fell = Farewell::new("", None, "signal: 11 (SIGSEGV)");
        assert_eq!((fell.why.as_str(), fell.refused), ("the new program ended with signal: 11 (SIGSEGV)", false));
        let usage = Farewell::new("error: unexpected argument '--take-over'", Some(1), "exit status: 1");
        assert!(!usage.refused && usage.why.ends_with("'--take-over'"), "{}", usage.why);
        assert!(!Farewell::new("", Some(2), "exit status: 2").refused, "it has not said why");
    }
}
