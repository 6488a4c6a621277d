//! Waiting for the end of a process that may be nobody's child here.

#![allow(
    unsafe_code,
    reason = "tokio's registration of a file descriptor is unsafe for types that could close it early"
)]

use std::os::fd::OwnedFd;
use tokio::io::{Interest, unix::AsyncFd};

/// Waits until the process has ended: its pidfd is readable then.
pub(super) async fn gone(pidfd: OwnedFd) {
    // SAFETY: an `OwnedFd` is a valid descriptor for as long as it lives, always the same one, and it is moved in.
    let registered = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
    match registered {
        Ok(pidfd) => {
            let _ = pidfd.readable().await;
        }
        Err(error) => tracing::warn!("cannot wait for a process: {error}"),
    }
}
