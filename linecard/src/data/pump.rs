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

/// What a writer has in its hands: it outlives a writer that is cancelled.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    cell: Cell,
    /// Bytes of the cell that are out.
    at: usize,
    /// Bytes of the first packet to come that an earlier program has written.
    begun: usize,
}

impl Flight {
    /// For a writer whose first packet has so many bytes out already.
    pub(crate) fn begun(begun: usize) -> Self {
        Self { begun, ..Self::default() }
    }

    /// The writer was cancelled: what it has waits for the next one. How many bytes of the first packet are out.
    pub(crate) fn land(mut self, card: &Card, outlet: Outlet) -> usize {
        if self.under_way() { card.give_back(outlet, &mut self.cell, self.at) } else { self.begun }
    }

    fn under_way(&self) -> bool {
        self.at < self.cell.bytes.len()
    }

    fn take(&mut self, card: &Card, outlet: Outlet) -> bool {
        let taken = card.take(outlet, &mut self.cell);
        self.at = if taken { std::mem::take(&mut self.begun) } else { self.cell.bytes.len() };
        taken
    }

    /// All of the cell that is to go has gone, or no more can.
    fn settle(&mut self, card: &Card, outlet: Outlet) {
        if self.under_way() && card.takes(outlet) && !card.is_open(outlet) {
            card.give_back(outlet, &mut self.cell, self.at);
        } else {
            card.settle(outlet, &self.cell.bytes, self.at);
        }
        self.at = self.cell.bytes.len();
    }
}

/// Writes what is queued for `outlet` until the queue is closed or held: then the frame under way is
/// finished, and the sink stands between two frames. An error says that the sink is gone.
pub(crate) async fn pump(card: &Card, outlet: Outlet, sink: &mut impl Sink, flight: &mut Flight) -> io::Result<()> {
    let wake = card.wake(outlet);
    loop {
        if !flight.take(card, outlet) {
            if !card.is_open(outlet) {
                return Ok(());
            }
            wake.notified().await;
            continue;
        }
        let mut end = flight.cell.bytes.len();
        while flight.at < end {
            tokio::select! {
                biased;
                written = sink.write_some(&flight.cell.bytes[flight.at..end]) => match written {
                    Ok(written) => flight.at += written,
                    Err(error) => {
                        card.settle(outlet, &flight.cell.bytes, flight.at);
                        flight.at = flight.cell.bytes.len();
                        return Err(error);
                    }
                },
                () = wake.notified() => {
                    if !card.is_open(outlet) {
                        end = card.framing(outlet).boundary(&flight.cell.bytes, flight.at).1;
                    }
                }
            }
        }
        flight.settle(card, outlet);
    }
}
