//! Packets that wait for one writer, as bytes in the form in which they leave.

use fabric_proto::{cell, wire};
use std::rc::Rc;
use tokio::sync::Notify;

/// Bytes that may wait for one egress line card or one port: a tenth of a second at the 400 Mbit/s
/// of a lab port. More would only make late packets later.
pub(crate) const QUEUE_MAX: usize = 4 << 20;

/// How packets are laid out on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Records of a cell stream.
    Cells,
    /// Records of a cell stream to an RP, which passes them on.
    Relay,
    /// Records of a wire.
    Wire,
}

impl Framing {
    fn header(self) -> usize {
        match self {
            Self::Cells => cell::RECORD_HEADER,
            Self::Relay => cell::RELAY_HEADER,
            Self::Wire => wire::RECORD_HEADER,
        }
    }

    /// Records that end within the first `done` of `bytes`, and where the record that contains byte
    /// `done` ends: a writer that is to stop stops there, and never inside a frame.
    pub(crate) fn boundary(self, bytes: &[u8], done: usize) -> (u64, usize) {
        let (mut whole, mut at) = (0, 0);
        while at < done {
            let body = at + self.header();
            // The length is the last field of every header.
            let Some(length) = bytes.get(body - 2..body) else { return (whole, bytes.len()) };
            at = body + usize::from(u16::from_be_bytes([length[0], length[1]]));
            whole += u64::from(at <= done);
        }
        (whole, at)
    }
}

/// A bounded queue with one writer.
#[derive(Debug)]
pub(crate) struct Queue {
    framing: Framing,
    /// Whether there is a writer that packets can go to.
    open: bool,
    pending: Vec<u8>,
    pending_packets: u64,
    /// With the writer: taken, and not yet accounted for.
    flying: usize,
    flying_packets: u64,
    wake: Rc<Notify>,
}

/// Why a queue did not take a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotQueued {
    /// There is no writer.
    Closed,
    /// [`QUEUE_MAX`] is reached.
    Full,
}

impl Queue {
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            open: false,
            pending: Vec::new(),
            pending_packets: 0,
            flying: 0,
            flying_packets: 0,
            wake: Rc::default(),
        }
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// Wakes the writer: something is pending, or the queue was closed.
    pub(crate) fn wake(&self) -> Rc<Notify> {
        Rc::clone(&self.wake)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Packets held, the writer's included.
    pub(crate) fn packets(&self) -> u64 {
        self.pending_packets + self.flying_packets
    }

    /// A writer is there.
    pub(crate) fn open(&mut self) {
        self.open = true;
    }

    /// Takes no more packets; returns how many of the pending were thrown away.
    pub(crate) fn close(&mut self) -> u64 {
        self.open = false;
        self.pending = Vec::new();
        self.wake.notify_one();
        std::mem::take(&mut self.pending_packets)
    }

    /// Appends a packet; `slot` and `port` are the egress that its record names, as far as its framing does.
    pub(crate) fn push(&mut self, slot: u8, port: u8, frame: &[u8]) -> Result<(), NotQueued> {
        if !self.open {
            return Err(NotQueued::Closed);
        }
        if self.pending.len() + self.flying + self.framing.header() + frame.len() > QUEUE_MAX {
            return Err(NotQueued::Full);
        }
        if self.pending.is_empty() {
            self.wake.notify_one();
        }
        match self.framing {
            Framing::Cells => cell::push(&mut self.pending, port, frame),
            Framing::Relay => cell::push_relay(&mut self.pending, slot, port, frame),
            Framing::Wire => wire::push(&mut self.pending, frame),
        }
        self.pending_packets += 1;
        Ok(())
    }

    /// Gives everything pending to the writer, in exchange for its empty `buffer`. False when there is nothing.
    pub(crate) fn take(&mut self, buffer: &mut Vec<u8>) -> bool {
        debug_assert!(self.flying_packets == 0, "the writer has settled what it took before");
        buffer.clear();
        std::mem::swap(buffer, &mut self.pending);
        self.flying = buffer.len();
        self.flying_packets = std::mem::take(&mut self.pending_packets);
        !buffer.is_empty()
    }

    /// Accounts for what the writer took: `(sent, lost)` when `done` bytes of `buffer` went out.
    pub(crate) fn settle(&mut self, buffer: &[u8], done: usize) -> (u64, u64) {
        let sent = if done == buffer.len() { self.flying_packets } else { self.framing.boundary(buffer, done).0 };
        (sent, self.abandon() - sent)
    }

    /// The writer is gone: how many packets it had.
    pub(crate) fn abandon(&mut self) -> u64 {
        self.flying = 0;
        std::mem::take(&mut self.flying_packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(framing: Framing) -> (Queue, Vec<u8>) {
        let mut queue = Queue::new(framing);
        assert_eq!(queue.push(2, 1, &[0; 20]), Err(NotQueued::Closed));
        queue.open();
        for length in [20, 30, 40] {
            queue.push(2, 1, &vec![7; length]).unwrap();
        }
        assert_eq!(queue.packets(), 3);
        let mut buffer = Vec::new();
        assert!(queue.take(&mut buffer));
        assert_eq!(queue.packets(), 3, "what the writer holds is still here");
        (queue, buffer)
    }

    #[test]
    fn a_writer_that_stops_stops_between_frames() {
        for (framing, header) in [(Framing::Cells, 3), (Framing::Relay, 4), (Framing::Wire, 2)] {
            let (_, buffer) = filled(framing);
            let ends = [20 + header, 50 + 2 * header, 90 + 3 * header];
            assert_eq!(framing.boundary(&buffer, 0), (0, 0));
            assert_eq!(framing.boundary(&buffer, 1), (0, ends[0]));
            assert_eq!(framing.boundary(&buffer, ends[0]), (1, ends[0]));
            assert_eq!(framing.boundary(&buffer, ends[0] + 1), (1, ends[1]));
            assert_eq!(framing.boundary(&buffer, ends[2]), (3, ends[2]));
        }
    }

    #[test]
    fn every_packet_is_settled_once() {
        let (mut queue, buffer) = filled(Framing::Wire);
        queue.push(2, 1, &[1; 14]).unwrap();
        assert_eq!(queue.settle(&buffer, 23), (1, 2));
        assert_eq!(queue.packets(), 1);
        assert_eq!(queue.close(), 1);
        assert_eq!(queue.packets(), 0);
        let (mut queue, buffer) = filled(Framing::Cells);
        assert_eq!(queue.settle(&buffer, buffer.len()), (3, 0));
        let (mut queue, _) = filled(Framing::Cells);
        assert_eq!((queue.abandon(), queue.packets()), (3, 0));
    }

    #[test]
    fn the_bound_counts_what_the_writer_holds() {
        let mut queue = Queue::new(Framing::Wire);
        queue.open();
        let frame = vec![0; 9000];
        let mut pushed = 0;
        while queue.push(2, 1, &frame).is_ok() {
            pushed += 1;
        }
        assert_eq!(pushed, QUEUE_MAX / 9002);
        let mut buffer = Vec::new();
        queue.take(&mut buffer);
        assert_eq!(queue.push(2, 1, &frame), Err(NotQueued::Full));
        queue.settle(&buffer, buffer.len());
        assert_eq!(queue.push(2, 1, &frame), Ok(()));
    }
}
