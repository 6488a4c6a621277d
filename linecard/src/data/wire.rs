//! Wires: one local stream socket a port.
//!
//! A port's task waits until the port is to be up, connects, carries frames both ways, and ends as it
//! began: a port that goes down half-closes its side, and reads and counts until the other end has
//! half-closed, too. There is a listening socket only while the port waits for its other end, so
//! that whoever connects has found a port that is up.

use super::{
    DataEvent,
    card::{Batch, Card, Outlet},
    pump::{Flight, pump},
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
    /// Somebody else goes on: stop as it is, and leave the wire.
    Yield,
}

/// A wire, as one task leaves it to the next, whichever program that is in.
#[derive(Debug)]
pub(crate) struct WireLeft {
    /// Its port.
    pub(crate) port: u8,
    /// Its socket.
    pub(crate) stream: std::os::unix::net::UnixStream,
    /// The beginning of a record whose end has not been read.
    pub(crate) unread: Vec<u8>,
    /// Bytes of the first packet to be sent that are out.
    pub(crate) begun: usize,
}

/// One port's life: until [`Want::End`], or until it is left to somebody else. It begins with the wire that was left to it.
pub(crate) async fn run(
    card: Rc<Card>,
    end: WireEnd,
    mut left: Option<WireLeft>,
    mut want: watch::Receiver<Want>,
    events: mpsc::Sender<DataEvent>,
) -> Option<WireLeft> {
    let port = end.port;
    loop {
        let wanted = *want.borrow_and_update();
        match wanted {
            Want::End | Want::Yield => return None,
            Want::Up => {}
            // A wire that was left is carried, and ended in good order.
            Want::Down if left.is_some() => {}
            Want::Down => {
                if want.changed().await.is_err() {
                    return None;
                }
                continue;
            }
        }
        let carried = match left.take().map(|left| (UnixStream::from_std(left.stream), left.unread, left.begun)) {
            Some((Ok(stream), unread, begun)) => (stream, unread, begun),
            Some((Err(error), ..)) => {
                tracing::warn!(port, "the wire that was left cannot be used: {error}");
                card.close(Outlet::Port(port));
                continue;
            }
            None => {
                let stream = tokio::select! {
                    stream = connect(&end) => stream,
                    never = tell_of_silence(port, &events) => match never {},
                    _ = want.changed() => continue,
                };
                tracing::info!(port, "carrier up");
                (stream, Vec::new(), 0)
            }
        };
        report(&events, port, true).await;
        left = carry(&card, port, carried, &mut want, &events).await;
        if left.is_some() {
            return left;
        }
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

/// Carries frames until either side ends it; then tells of it and drains. What is left when somebody else is to go on.
async fn carry(
    card: &Card,
    port: u8,
    (stream, unread, begun): (UnixStream, Vec<u8>, usize),
    want: &mut watch::Receiver<Want>,
    events: &mpsc::Sender<DataEvent>,
) -> Option<WireLeft> {
    let outlet = Outlet::Port(port);
    let (read, write) = stream.into_split();
    let (mut write, mut inbound, mut flight) = (Some(write), Inbound::new(&unread), Flight::begun(begun));
    card.open(outlet);
    {
        let mut reader = pin!(read_frames(card, port, &read, &mut inbound));
        let mut writer = pin!(write_frames(card, outlet, &mut write, &mut flight));
        let (mut read_ended, mut write_ended, mut yields) = (false, false, false);
        tokio::select! {
            () = &mut reader => read_ended = true,
            () = &mut writer => write_ended = true,
            wanted = not_up(want) => yields = wanted == Want::Yield,
        }
        if !yields {
            let _draining = card.draining();
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
            return None;
        }
    }
    // Neither task has anything in its hands that is not in what they had borrowed.
    let begun = flight.land(card, outlet);
    let stream = write.and_then(|write| read.reunite(write).ok())?.into_std().ok()?;
    Some(WireLeft { port, stream, unread: inbound.unread(), begun })
}

/// Waits for one half of a connection, unless it has ended before.
pub(super) async fn unless<T>(ended: bool, future: impl Future<Output = T>) {
    if !ended {
        future.await;
    }
}

async fn not_up(want: &mut watch::Receiver<Want>) -> Want {
    // An error says that nobody wants anything any more.
    want.wait_for(|want| *want != Want::Up).await.map_or(Want::Down, |want| *want)
}

/// What a reader has read: it outlives one that is cancelled.
struct Inbound {
    buffer: Vec<u8>,
    filled: usize,
}

impl Inbound {
    /// A buffer that begins with what an earlier reader had of a record. What is read begins behind room for the first
    /// packet's rewrite; the others have the place of those before them.
    fn new(unread: &[u8]) -> Self {
        let mut buffer = vec![0; HEADROOM + READ.max(2 * unread.len())];
        let filled = HEADROOM + unread.len();
        buffer[HEADROOM..filled].copy_from_slice(unread);
        Self { buffer, filled }
    }

    fn unread(&self) -> Vec<u8> {
        self.buffer[HEADROOM..self.filled].to_vec()
    }
}

/// Reads and forwards until the other end's half-close, an error, or bytes that are no frames. Cancel-safe: between two
/// reads, all that was read and not forwarded is in `inbound`.
async fn read_frames(card: &Card, port: u8, read: &OwnedReadHalf, inbound: &mut Inbound) {
    let Inbound { buffer, filled } = inbound;
    let mut batch = Batch::default();
    loop {
        if let Err(error) = read.readable().await {
            tracing::warn!(port, "wire: {error}");
            return;
        }
        match read.try_read(&mut buffer[*filled..]) {
            Ok(0) => return,
            Ok(count) => *filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => {
                tracing::debug!(port, "wire: {error}");
                return;
            }
        }
        match card.ingress(port, &mut buffer[..*filled], &mut batch) {
            Ok(HEADROOM) => {}
            Ok(used) => {
                buffer.copy_within(used..*filled, HEADROOM);
                *filled -= used - HEADROOM;
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
async fn write_frames(card: &Card, outlet: Outlet, write: &mut Option<OwnedWriteHalf>, flight: &mut Flight) {
    if let Some(sink) = write
        && let Err(error) = pump(card, outlet, sink, flight).await
    {
        tracing::debug!(?outlet, "wire: {error}");
    }
    *write = None;
}
