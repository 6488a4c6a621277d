//! Finding the other end of a wire.

use super::Shared;
use crate::device::Device;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{setsockopt, sockopt},
};
use std::{
    fs, io,
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
};

/// Between attempts to reach the other end.
const RETRY_MS: u16 = 20;
/// Between looks whether an interface is there that does not say so itself.
const LOOK_MS: u16 = 200;
/// What the kernel is asked to hold for a reader that is not scheduled.
const SOCKET_BUFFER: usize = 4 << 20;

impl Shared {
    /// Connects, or waits for whoever connects; `None` when there is something else to see, and an error when the interface is
    /// gone meanwhile.
    pub(super) fn connect(&self, device: &Device) -> io::Result<Option<UnixStream>> {
        let path = &self.port.wire;
        let listener = if self.port.listen {
            match listen(path) {
                Ok(listener) => Some(Listening { listener, path }),
                Err(error) => {
                    tracing::warn!(path = %path.display(), "cannot listen on the wire: {error}");
                    self.rest(PollTimeout::from(LOOK_MS));
                    return Ok(None);
                }
            }
        } else {
            None
        };
        loop {
            let found = match &listener {
                Some(listening) => listening.listener.accept().map(|(stream, _)| stream),
                None => UnixStream::connect(path),
            };
            if let Ok(stream) = found {
                stream.set_nonblocking(true)?;
                grow_buffers(&stream);
                return Ok(Some(stream));
            }
            let mut waits = vec![
                PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
                PollFd::new(device.as_fd(), PollFlags::empty()),
            ];
            let timeout = match &listener {
                Some(listening) => {
                    waits.push(PollFd::new(listening.listener.as_fd(), PollFlags::POLLIN));
                    LOOK_MS
                }
                None => RETRY_MS,
            };
            // Interrupted looks again.
            let _ = poll(&mut waits, PollTimeout::from(timeout));
            if waits[1].any().unwrap_or(true) || !device.is_there() {
                return Err(io::Error::other("it does not answer"));
            }
            if waits[0].any().unwrap_or(true) {
                self.awake();
                return Ok(None);
            }
        }
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    // A predecessor that was killed leaves its socket behind.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A listening socket whose name goes with it.
struct Listening<'a> {
    listener: UnixListener,
    path: &'a Path,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        // Gone already is gone.
        let _ = fs::remove_file(self.path);
    }
}

/// Best effort: without privileges the kernel gives less.
fn grow_buffers(stream: &UnixStream) {
    if setsockopt(stream, sockopt::SndBufForce, &SOCKET_BUFFER).is_err() {
        let _ = setsockopt(stream, sockopt::SndBuf, &SOCKET_BUFFER);
    }
    if setsockopt(stream, sockopt::RcvBufForce, &SOCKET_BUFFER).is_err() {
        let _ = setsockopt(stream, sockopt::RcvBuf, &SOCKET_BUFFER);
    }
}
