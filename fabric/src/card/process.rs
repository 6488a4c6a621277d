//! A card's process: memory, processor time, and starting it anew.

use fabric_proto::operator::Refusals;
use nix::time::{ClockId, clock_gettime};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Mutex, PoisonError},
};
use tokio::signal::unix::{SignalKind, signal};

/// The environment variable that tells a restarted process what its last life left it with.
const NEXT_LIFE: &str = "SWACT_NEXT_LIFE";

/// The environment variable that tells a restarted process what was in its files when it was started: what is in them now is
/// for the next start, which may be that of another release.
const STARTED_WITH: &str = "SWACT_STARTED_WITH";

/// Files that this card was started with, and what was in them.
static FILES: LazyLock<Mutex<BTreeMap<PathBuf, String>>> = LazyLock::new(|| {
    let told = std::env::var(STARTED_WITH).ok().and_then(|text| serde_json::from_str(&text).ok());
    Mutex::new(told.unwrap_or_default())
});

/// What was in a file when this card was started, however often its program has restarted since.
pub(super) fn read_once(path: &Path) -> io::Result<String> {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = files.get(path) {
        return Ok(text.clone());
    }
    let text = fs::read_to_string(path)?;
    files.insert(path.to_owned(), text.clone());
    Ok(text)
}

/// Replaces this process by a fresh run of the same program (`execve`): same process id, nothing of
/// the old memory, every socket closed. It is the card that it was: the files that it was started with are read as they were
/// then. Returns only when that failed.
pub fn restart<L: Serialize>(life: &L) -> io::Result<Infallible> {
    let mut command = Command::new("/proc/self/exe");
    let mut arguments = std::env::args_os();
    command.arg0(arguments.next().unwrap_or_else(|| "card".into()));
    command.args(arguments);
    command.env(NEXT_LIFE, serde_json::to_string(life)?);
    command.env(STARTED_WITH, serde_json::to_string(&*FILES.lock().unwrap_or_else(PoisonError::into_inner))?);
    Err(command.exec())
}

/// From now on, SIGHUP is no order to end. The kernel sends it to a card that stands still while the program that has started
/// it ends (an orphaned process group, `setpgid(2)`): a pause would be a death. To be called where tokio runs.
pub fn outlive_starter() -> io::Result<()> {
    // Its handler stays; that nobody listens is the point.
    signal(SignalKind::hangup()).map(drop)
}

/// Whether this program was started again by [`restart`].
pub fn is_restarted() -> bool {
    std::env::var_os(NEXT_LIFE).is_some()
}

/// What the last life left, if there was one.
pub fn inherited<L: DeserializeOwned + Default>() -> L {
    let Ok(text) = std::env::var(NEXT_LIFE) else { return L::default() };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::warn!("{NEXT_LIFE} is not what this program leaves behind, starting from nothing: {error}");
        L::default()
    })
}

/// Peers that this process has refused, on any of its endpoints, by cause.
pub fn refusals() -> Refusals {
    crate::refusals::in_process()
}

/// Processor time of all threads of this process since it was started, nanoseconds; 0 when the kernel does not say.
pub fn cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map_or(0, |time| time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs())
}

/// Resident set of this process; 0 when the kernel does not say.
pub fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096) as u64
}
