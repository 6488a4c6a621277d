//! The writer of one queue.

use super::{
    card::{Card, Outlet},
    queue::Cell,
};
use fabric::data::CellSender;
use std::io;
use tokio::net::unix::OwnedWriteHalf;

/// Where a queue's bytes go.
pub(crate) trait Sink {
    /// Writes some bytes, at least one. Cancel-safe: what is not reported was not written.
    async fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

impl Sink for OwnedWriteHalf {
    async fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.writable().await?;
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                written => return written,
            }
        }
    }
}

impl Sink for CellSender {
    async fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes).await.map_err(io::Error::other)
    }
}

/// Writes what is queued for `outlet` until the queue is closed: then the frame under way is
/// finished, and the sink stands between two frames. An error says that the sink is gone.
pub(crate) async fn pump(card: &Card, outlet: Outlet, sink: &mut impl Sink) -> io::Result<()> {
    let wake = card.wake(outlet);
    let mut cell = Cell::default();
    loop {
        if !card.take(outlet, &mut cell) {
            if !card.is_open(outlet) {
                return Ok(());
            }
            wake.notified().await;
            continue;
        }
        let buffer = &cell.bytes;
        let (mut at, mut end) = (0, buffer.len());
        while at < end {
            tokio::select! {
                biased;
                written = sink.write_some(&buffer[at..end]) => match written {
                    Ok(written) => at += written,
                    Err(error) => {
                        card.settle(outlet, buffer, at);
                        return Err(error);
                    }
                },
                () = wake.notified() => {
                    if !card.is_open(outlet) {
                        end = card.framing(outlet).boundary(buffer, at).1;
                    }
                }
            }
        }
        card.settle(outlet, buffer, at);
    }
}
