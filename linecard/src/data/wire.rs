//! Wires: one local stream socket a port.
//!
//! A port's task waits until the port is to be up, connects, carries frames both ways, and ends as it
//! began: a port that goes down half-closes its side, and reads and counts until the other end has
//! half-closed, too. There is a listening socket only while the port waits for its other end, so
//! that whoever connects has found a port that is up.

use super::{
    DataEvent,
    card::{Batch, Card, Outlet},
    pump::pump,
};
use fabric_proto::deploy::WireEnd;
use linecard_core::encap::HEADROOM;
use nix::sys::socket::{setsockopt, sockopt};
use std::{
    convert::Infallible,
    fs,
    future::{self, Future},
    io,
    pin::pin,
    rc::Rc,
    time::Duration,
};
use tokio::{
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// How long the other end of a wire or link may take to answer the end: many times what a busy
/// machine takes to schedule it, and only ever waited out when it is dead.
pub(crate) const DRAIN: Duration = Duration::from_secs(1);

/// Between attempts to reach the other end.
pub(crate) const RETRY: Duration = Duration::from_millis(20);

/// A port that is to be up and has not found its other end after ten attempts has no carrier, and says so. Sooner would
/// take every port down that is only just connecting, and with it the routes that lead there.
const SETTLE: Duration = Duration::from_millis(200);

/// Read at once, at most; a frame fits many times.
pub(crate) const READ: usize = 256 << 10;

/// What the kernel is asked to hold for a reader that is not scheduled.
const SOCKET_BUFFER: usize = 4 << 20;

/// What is wanted of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Shut down.
    Down,
    /// Enabled.
    Up,
    /// The card restarts or ends: finish.
    End,
}

/// One port's life: until [`Want::End`].
pub(crate) async fn run(
    card: Rc<Card>,
    end: WireEnd,
    mut want: watch::Receiver<Want>,
    events: mpsc::Sender<DataEvent>,
) {
    let port = end.port;
    loop {
        let wanted = *want.borrow_and_update();
        match wanted {
            Want::End => return,
            Want::Up => {}
            Want::Down => {
                if want.changed().await.is_err() {
                    return;
                }
                continue;
            }
        }
        let stream = tokio::select! {
            stream = connect(&end) => stream,
            never = tell_of_silence(port, &events) => match never {},
            _ = want.changed() => continue,
        };
        tracing::info!(port, "carrier up");
        report(&events, port, true).await;
        carry(&card, port, stream, &mut want, &events).await;
    }
}

/// Tells whether a port has carrier. Nobody listens any more when the card ends.
pub(crate) async fn report(events: &mpsc::Sender<DataEvent>, port: u8, up: bool) {
    let _ = events.send(DataEvent::Port { port, up }).await;
}

/// Reports a port that goes without a carrier for [`SETTLE`].
async fn tell_of_silence(port: u8, events: &mpsc::Sender<DataEvent>) -> Infallible {
    sleep(SETTLE).await;
    report(events, port, false).await;
    future::pending().await
}

async fn connect(end: &WireEnd) -> UnixStream {
    let mut reported = false;
    loop {
        match attempt(end).await {
            Ok(stream) => {
                grow_buffers(&stream);
                return stream;
            }
            Err(error) => {
                if end.listen && !std::mem::replace(&mut reported, true) {
                    tracing::warn!(port = end.port, path = %end.path.display(), "cannot listen on the wire: {error}");
                }
                sleep(RETRY).await;
            }
        }
    }
}

async fn attempt(end: &WireEnd) -> io::Result<UnixStream> {
    if !end.listen {
        return UnixStream::connect(&end.path).await;
    }
    // A predecessor that was killed leaves its socket behind.
    match fs::remove_file(&end.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let _unlink = Unlink(end);
    let (stream, _) = UnixListener::bind(&end.path)?.accept().await?;
    Ok(stream)
}

/// Removes the socket's name when nobody listens on it any more.
struct Unlink<'a>(&'a WireEnd);

impl Drop for Unlink<'_> {
    fn drop(&mut self) {
        // Gone already is gone.
        let _ = fs::remove_file(&self.0.path);
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

/// Carries frames until either side ends it; then tells of it and drains.
async fn carry(
    card: &Card,
    port: u8,
    stream: UnixStream,
    want: &mut watch::Receiver<Want>,
    events: &mpsc::Sender<DataEvent>,
) {
    let outlet = Outlet::Port(port);
    let (read, write) = stream.into_split();
    card.open(outlet);
    let mut reader = pin!(read_frames(card, port, &read));
    let mut writer = pin!(write_frames(card, outlet, write));
    let (mut read_ended, mut write_ended) = (false, false);
    tokio::select! {
        () = &mut reader => read_ended = true,
        () = &mut writer => write_ended = true,
        () = not_up(want) => {}
    }
    card.close(outlet);
    tracing::info!(port, "carrier down");
    // At once: routes move away while the other end still drains.
    report(events, port, false).await;
    let rest = async {
        tokio::join!(unless(read_ended, reader), unless(write_ended, writer));
    };
    if timeout(DRAIN, rest).await.is_err() {
        tracing::debug!(port, "the other end of the wire did not answer the half-close");
    }
    card.abandon(outlet);
}

async fn unless(ended: bool, future: impl Future<Output = ()>) {
    if !ended {
        future.await;
    }
}

async fn not_up(want: &mut watch::Receiver<Want>) {
    // An error says that nobody wants anything any more.
    let _ = want.wait_for(|want| *want != Want::Up).await;
}

/// Reads and forwards until the other end's half-close, an error, or bytes that are no frames.
async fn read_frames(card: &Card, port: u8, read: &OwnedReadHalf) {
    // What is read begins behind room for the first packet's rewrite; the others have the place of those before them.
    let mut buffer = vec![0; HEADROOM + READ];
    let mut filled = HEADROOM;
    let mut batch = Batch::default();
    loop {
        if let Err(error) = read.readable().await {
            tracing::warn!(port, "wire: {error}");
            return;
        }
        match read.try_read(&mut buffer[filled..]) {
            Ok(0) => return,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => {
                tracing::debug!(port, "wire: {error}");
                return;
            }
        }
        match card.ingress(port, &mut buffer[..filled], &mut batch) {
            Ok(HEADROOM) => {}
            Ok(used) => {
                buffer.copy_within(used..filled, HEADROOM);
                filled -= used - HEADROOM;
            }
            Err(error) => {
                tracing::warn!(port, "wire closed, the other end does not keep to the framing: {error}");
                return;
            }
        }
        // Writers take their turn, or a fast wire would fill their queues.
        tokio::task::yield_now().await;
    }
}

/// Writes until the queue is closed, then half-closes: dropping the half does.
async fn write_frames(card: &Card, outlet: Outlet, mut write: OwnedWriteHalf) {
    if let Err(error) = pump(card, outlet, &mut write).await {
        tracing::debug!(?outlet, "wire: {error}");
    }
}
