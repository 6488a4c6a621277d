//! A UDP socket of the simulated network, as QUIC wants one.

use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{RecvMeta, Transmit},
};
use std::{
    io::{self, IoSliceMut},
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc;

/// Bytes that the socket says it holds: what the fabric plans its window by.
pub(super) const BUFFER: usize = 1 << 20;

/// Longer than any packet.
const PACKET: usize = 2048;

#[derive(Debug)]
pub(super) struct Socket {
    inner: Arc<turmoil::net::UdpSocket>,
    arrived: Mutex<mpsc::UnboundedReceiver<(Vec<u8>, SocketAddr)>>,
}

/// The simulated network takes everything at once.
#[derive(Debug)]
struct Writable;

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Socket {
    /// A socket at this port of the host that it is bound on.
    pub(super) async fn bind(port: u16) -> io::Result<Self> {
        let inner = Arc::new(turmoil::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?);
        let (packets, arrived) = mpsc::unbounded_channel();
        let reading = Arc::clone(&inner);
        tokio::task::spawn_local(async move {
            let mut packet = [0; PACKET];
            while let Ok((length, from)) = reading.recv_from(&mut packet).await {
                if packets.send((packet[..length].to_vec(), from)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { inner, arrived: Mutex::new(arrived) })
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send_to(transmit.contents, transmit.destination).map(drop)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((packet, addr)) = ready!(arrived.poll_recv(cx)) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        bufs[0][..packet.len()].copy_from_slice(&packet);
        let len = packet.len();
        meta[0] = RecvMeta { addr, len, stride: len, ecn: None, dst_ip: None };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}
