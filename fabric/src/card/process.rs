//! A card's process: memory, processor time, and starting it anew.

use fabric_proto::operator::Refusals;
use nix::time::{ClockId, clock_gettime};
use serde::{Serialize, de::DeserializeOwned};
use std::{convert::Infallible, io, os::unix::process::CommandExt as _, process::Command};

/// The environment variable that tells a restarted process what its last life left it with.
const NEXT_LIFE: &str = "SWACT_NEXT_LIFE";

/// Replaces this process by a fresh run of the same program (`execve`): same process id, nothing of
/// the old memory, every socket closed. Returns only when that failed.
pub fn restart<L: Serialize>(life: &L) -> io::Result<Infallible> {
    let mut command = Command::new("/proc/self/exe");
    let mut arguments = std::env::args_os();
    command.arg0(arguments.next().unwrap_or_else(|| "card".into()));
    command.args(arguments);
    command.env(NEXT_LIFE, serde_json::to_string(life)?);
    Err(command.exec())
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
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096) as u64
}
