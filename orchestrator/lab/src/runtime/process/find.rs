//! Processes found again by the labels in their environment.

use super::label;
use fabric_proto::id::CardId;
use rustix::process::{Pid, PidfdFlags, getpgid, pidfd_open};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

/// A process of a lab.
#[derive(Debug)]
pub struct Found {
    /// Name of the lab.
    pub lab: String,
    /// The lab's folder.
    pub dir: PathBuf,
    /// Name of the node; `-` for the shelf.
    pub node: String,
    /// Slot, `tester` or `shelf`.
    pub slot: String,
    /// Its number.
    pub pid: i32,
    /// Whether it is the program itself, and not a process that inherited its labels.
    pub leader: bool,
    /// Holds on to it, whoever gets its number later.
    pub pidfd: OwnedFd,
}

impl Found {
    /// The card; `None` for the shelf.
    pub fn card(&self) -> Option<CardId> {
        format!("{}/{}/{}", self.lab, self.node, self.slot).parse().ok()
    }
}

/// Every process of this user that carries labels. Processes that end meanwhile, and other users', are skipped.
pub fn all() -> impl Iterator<Item = Found> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(look_at)
}

/// The processes of the lab in `dir`.
pub fn in_dir(dir: &Path) -> impl Iterator<Item = Found> {
    let dir = plain(dir);
    all().filter(move |found| found.dir == dir)
}

/// The labs of which something runs: name and folder.
pub fn labs() -> BTreeSet<(String, PathBuf)> {
    all().map(|found| (found.lab, found.dir)).collect()
}

/// A folder's path without links and dots; the folder may be gone.
pub fn plain(dir: &Path) -> PathBuf {
    dir.canonicalize().or_else(|_| std::path::absolute(dir)).unwrap_or_else(|_| dir.to_owned())
}

fn look_at(pid: i32) -> Option<Found> {
    // Held before it is looked at, so that it can end, but not be mistaken for a later process, from here on.
    let number = Pid::from_raw(pid)?;
    let pidfd = pidfd_open(number, PidfdFlags::NONBLOCK).ok()?;
    let environment = environment(pid)?;
    let value = |name: &str| {
        let wanted = |entry: &&[u8]| entry.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
        environment.split(|byte| *byte == 0).find(wanted).map(|entry| &entry[name.len() + 1..])
    };
    let text = |name| Some(String::from_utf8_lossy(value(name)?).into_owned());
    Some(Found {
        lab: text(label::LAB)?,
        node: text(label::NODE)?,
        slot: text(label::SLOT)?,
        dir: Path::new(OsStr::from_bytes(value(label::DIR)?)).to_owned(),
        pid,
        leader: getpgid(Some(number)).is_ok_and(|group| group == number),
        pidfd,
    })
}

/// Looks at a process whose environment is empty this often: in the middle of its `execve` it has none for some
/// microseconds, though its program is known already. Kernel threads and zombies have no program.
const LOOKS: usize = 200;

fn environment(pid: i32) -> Option<Vec<u8>> {
    for _ in 0..LOOKS {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        if !environment.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            return Some(environment);
        }
        std::thread::yield_now();
    }
    None
}
