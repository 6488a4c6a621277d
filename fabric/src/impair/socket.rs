//! The table between an endpoint and its socket.

use super::Shared;
use fabric_proto::impair::Fate;
use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{RecvMeta, Transmit},
};
use std::{
    fmt,
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Weak, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// The runtime's clock, by which it sleeps: in a simulation it runs ahead of the machine's.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A socket whose sending side is impaired.
pub(super) struct ImpairedSocket {
    shared: Arc<Shared>,
    inner: Arc<dyn AsyncUdpSocket>,
}

impl ImpairedSocket {
    pub(super) fn wrap(shared: Arc<Shared>, inner: Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> {
        let socket = Arc::new(Self { shared, inner });
        tokio::spawn(release_held(Arc::downgrade(&socket), Arc::clone(&socket.shared)));
        socket
    }

    /// Offloaded segments are packets of their own: each has its own fate.
    fn send_impaired(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let now = now();
        let mut state = self.shared.lock();
        if state.dice_for(&transmit.destination).is_none() {
            drop(state);
            return self.inner.try_send(transmit);
        }
        let mut earlier = false;
        for contents in transmit.contents.chunks(transmit.segment_size.unwrap_or(usize::MAX)) {
            let Some(Fate::Send { delay, copies }) = state.decide(now, &transmit.destination, contents.len()) else {
                continue;
            };
            let packet = Transmit { contents, segment_size: None, ..transmit.clone() };
            for _ in 0..copies {
                // What cannot go at once, because the socket is full, goes the way of what must wait.
                if !delay.is_zero() || self.inner.try_send(&packet).is_err() {
                    earlier |= state.hold(delay, now, &packet);
                }
            }
        }
        drop(state);
        if earlier {
            self.shared.earlier.notify_one();
        }
        Ok(())
    }

    /// Sends what is due; when the next one is.
    fn release(&self) -> Option<Instant> {
        let mut state = self.shared.lock();
        loop {
            let now = now();
            let Some(held) = state.held.pop(now) else { return state.held.due() };
            if state.cut(&held.destination) {
                state.counters.dropped += 1;
                continue;
            }
            let transmit = Transmit {
                destination: held.destination,
                ecn: held.ecn,
                contents: &held.packet,
                segment_size: None,
                src_ip: None,
            };
            if self.inner.try_send(&transmit).is_err() {
                // The socket is full: it drains within a fraction of a millisecond.
                let due = now + Duration::from_micros(200);
                state.held.hold(due, held);
                return Some(due);
            }
        }
    }
}

/// Sends held packets when they are due, until the endpoint is gone. The receiving side's packets are
/// untouched, so nothing here can delay them.
async fn release_held(socket: Weak<ImpairedSocket>, shared: Arc<Shared>) {
    while let Some(next) = socket.upgrade().map(|socket| socket.release()) {
        // Woken now and then even when idle, to see that the endpoint is gone.
        let due = next.unwrap_or_else(|| now() + Duration::from_secs(1));
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = shared.earlier.notified() => {}
        }
    }
}

impl AsyncUdpSocket for ImpairedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.shared.active.load(Ordering::Relaxed) {
            self.send_impaired(transmit)
        } else {
            self.inner.try_send(transmit)
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

impl fmt::Debug for ImpairedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImpairedSocket").field("local", &self.inner.local_addr()).finish_non_exhaustive()
    }
}
