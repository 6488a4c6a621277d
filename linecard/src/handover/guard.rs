//! A program that has given its card away and is the first one of its container: the container is to live as long as the
//! program that has the card.

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpid},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{PidfdFlags, pidfd_open},
};
use std::{fs, io};
use tokio::signal::unix::{SignalKind, signal};

/// Where this is the first program of a process namespace: stays until no other one is left there, and passes on to them
/// what ends it. Elsewhere it returns at once.
pub fn guard() -> io::Result<()> {
    if getpid().as_raw() != 1 {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            let Some(other) = other()? else { return Ok(()) };
            let gone = tokio::task::spawn_blocking(move || gone(other));
            tokio::select! {
                gone = gone => gone.map_err(io::Error::other)??,
                _ = terminate.recv() => {
                    // Everybody but this process, in this namespace.
                    let _ = kill(Pid::from_raw(-1), Signal::SIGTERM);
                }
            }
        }
    })
}

/// A process of this namespace that is not this one.
fn other() -> io::Result<Option<i32>> {
    let mut found = None;
    for entry in fs::read_dir("/proc")? {
        if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok())
            && number != 1
        {
            found = found.max(Some(number));
        }
    }
    Ok(found)
}

fn gone(process: i32) -> io::Result<()> {
    let Some(process) = rustix::process::Pid::from_raw(process) else { return Ok(()) };
    match pidfd_open(process, PidfdFlags::empty()) {
        Ok(pidfd) => {
            poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None::<&Timespec>)?;
            Ok(())
        }
        // It was faster.
        Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
