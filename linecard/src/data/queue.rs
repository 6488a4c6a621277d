//! Packets that wait for one writer, in cells: buffers of many packets in the form in which they leave.
//!
//! A queue is bounded in bytes and, towards the fabric, in time. Both bounds count every packet that they refuse.

use fabric_proto::{cell, time::Instant, trace::QueueState, wire};
use std::{collections::VecDeque, rc::Rc, time::Duration};
use tokio::sync::Notify;

/// Bytes that may wait for one egress line card or one port: a tenth of a second at the 400 Mbit/s
/// of a lab port. More would only make late packets later.
pub(crate) const QUEUE_MAX: usize = 4 << 20;

/// How long a packet may wait for the fabric: longer than a card goes unscheduled on a busy host, shorter than
/// anybody waits for an answer. What is older is worth less than what comes behind it.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(500);

/// Bytes of a full cell: some hundred packets a write, and a cell that was just filled is still in the cache when
/// it is written.
const CELL: usize = 64 << 10;

/// Packets that came this much later than a cell's first one go into another, so that its age is theirs.
const CELL_SPAN: Duration = Duration::from_millis(10);

/// Empty buffers kept for the cells to come.
const SPARE: usize = 8;

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
    pub(super) fn header(self) -> usize {
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

    /// Where the record that contains byte `done` begins, and how many records end before it.
    pub(crate) fn begins(self, bytes: &[u8], done: usize) -> (u64, usize) {
        let (mut whole, mut at) = (0, 0);
        loop {
            let body = at + self.header();
            let Some(length) = bytes.get(body - 2..body) else { return (whole, at) };
            let end = body + usize::from(u16::from_be_bytes([length[0], length[1]]));
            if end > done {
                return (whole, at);
            }
            (whole, at) = (whole + 1, end);
        }
    }

    /// How many records `bytes` are; `None` where they are no whole ones, or hold what is no frame.
    pub(crate) fn count(self, bytes: &[u8]) -> Option<u64> {
        let (mut count, mut rest) = (0, bytes);
        while !rest.is_empty() {
            let length = rest.get(self.header() - 2..self.header())?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            if !(cell::FRAME_MIN..=cell::FRAME_MAX).contains(&length) {
                return None;
            }
            rest = rest.get(self.header() + length..)?;
            count += 1;
        }
        Some(count)
    }
}

/// Packets that leave together.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    /// Whole records.
    pub(crate) bytes: Vec<u8>,
    packets: u64,
    /// When the first of them came.
    since: Instant,
}

/// Whether packets can come, and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// There is no writer: nothing comes.
    Closed,
    /// A writer is awaited: packets wait for it.
    Held,
    /// There is a writer.
    Open,
}

/// A bounded queue with one writer.
#[derive(Debug)]
pub(crate) struct Queue {
    framing: Framing,
    gate: Gate,
    /// Oldest first; only the last one grows.
    pending: VecDeque<Cell>,
    pending_bytes: usize,
    pending_packets: u64,
    /// With the writer: taken, and not yet accounted for.
    flying: usize,
    flying_packets: u64,
    spare: Vec<Vec<u8>>,
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
            gate: Gate::Closed,
            pending: VecDeque::new(),
            pending_bytes: 0,
            pending_packets: 0,
            flying: 0,
            flying_packets: 0,
            spare: Vec::new(),
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
        self.gate == Gate::Open
    }

    /// How it stands, for whoever asks.
    pub(super) fn state(&self) -> QueueState {
        QueueState { open: self.takes(), waiting: self.packets() }
    }

    /// Whether it takes packets.
    pub(crate) fn takes(&self) -> bool {
        self.gate != Gate::Closed
    }

    /// Packets held, the writer's included.
    pub(crate) fn packets(&self) -> u64 {
        self.pending_packets + self.flying_packets
    }

    /// A writer is there.
    pub(crate) fn open(&mut self) {
        self.gate = Gate::Open;
        if self.pending_packets > 0 {
            self.wake.notify_one();
        }
    }

    /// The writer is to stop after the frame it is in; what is pending, and what comes, waits for the next one.
    pub(crate) fn hold(&mut self) {
        if self.gate == Gate::Open {
            self.gate = Gate::Held;
            self.wake.notify_one();
        }
    }

    /// Takes no more packets; returns how many of the pending were thrown away.
    pub(crate) fn close(&mut self) -> u64 {
        self.gate = Gate::Closed;
        self.pending = VecDeque::new();
        self.spare = Vec::new();
        self.pending_bytes = 0;
        self.wake.notify_one();
        std::mem::take(&mut self.pending_packets)
    }

    /// Appends a packet that came at `now`; `slot` and `port` are the egress that its record names, as far as its framing
    /// does. Returns how many packets before it have waited for too long and gave way.
    pub(crate) fn push(&mut self, now: Instant, slot: u8, port: u8, frame: &[u8]) -> Result<u64, NotQueued> {
        if !self.takes() {
            return Err(NotQueued::Closed);
        }
        let length = self.framing.header() + frame.len();
        let mut aged = 0;
        let grows = |cell: &Cell| cell.bytes.len() + length <= CELL && now.since(cell.since) < CELL_SPAN;
        if !self.pending.back().is_some_and(grows) {
            aged = self.expire(now);
            self.begin_cell(now);
        }
        if self.pending_bytes + self.flying + length > QUEUE_MAX {
            return Err(NotQueued::Full);
        }
        let Some(cell) = self.pending.back_mut() else { return Err(NotQueued::Full) };
        match self.framing {
            Framing::Cells => cell::push(&mut cell.bytes, port, frame),
            Framing::Relay => cell::push_relay(&mut cell.bytes, slot, port, frame),
            Framing::Wire => wire::push(&mut cell.bytes, frame),
        }
        cell.packets += 1;
        self.pending_bytes += length;
        self.pending_packets += 1;
        if self.pending_packets == 1 {
            self.wake.notify_one();
        }
        Ok(aged)
    }

    /// An empty last cell stays the last one: it is stamped anew.
    fn begin_cell(&mut self, now: Instant) {
        match self.pending.back_mut().filter(|cell| cell.bytes.is_empty()) {
            Some(cell) => cell.since = now,
            None => {
                let bytes = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CELL));
                self.pending.push_back(Cell { bytes, packets: 0, since: now });
            }
        }
    }

    /// Throws away what has waited for longer than [`WAIT_MAX`], where packets do not wait for a port: how many.
    fn expire(&mut self, now: Instant) -> u64 {
        let mut aged = 0;
        while self.framing != Framing::Wire
            && let Some(cell) = self.pending.pop_front_if(|cell| now.since(cell.since) > WAIT_MAX)
        {
            aged += cell.packets;
            self.pending_packets -= cell.packets;
            self.pending_bytes -= cell.bytes.len();
            self.keep(cell.bytes);
        }
        aged
    }

    fn keep(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE && bytes.capacity() > 0 {
            bytes.clear();
            self.spare.push(bytes);
        }
    }

    /// Gives the oldest cell to the writer, in exchange for the one that it is done with: whether there was one, and
    /// how many packets have waited for too long and gave way.
    pub(crate) fn take(&mut self, now: Instant, cell: &mut Cell) -> (bool, u64) {
        debug_assert!(self.flying_packets == 0, "the writer has settled what it took before");
        let aged = self.expire(now);
        self.keep(std::mem::take(&mut cell.bytes));
        if self.gate == Gate::Held {
            return (false, aged);
        }
        let Some(next) = self.pending.pop_front_if(|cell| cell.packets > 0) else { return (false, aged) };
        *cell = next;
        self.flying = cell.bytes.len();
        self.flying_packets = cell.packets;
        self.pending_bytes -= self.flying;
        self.pending_packets -= self.flying_packets;
        (true, aged)
    }

    /// Accounts for what the writer took: `(sent, lost)` when `done` bytes of `buffer` went out.
    pub(crate) fn settle(&mut self, buffer: &[u8], done: usize) -> (u64, u64) {
        let sent = if done == buffer.len() { self.flying_packets } else { self.framing.boundary(buffer, done).0 };
        (sent, self.abandon() - sent)
    }

    /// The writer stops after `done` bytes of what it took. How many packets went, and how many bytes of the next one; that
    /// and all others are pending again, ahead of everything.
    pub(crate) fn give_back(&mut self, cell: &mut Cell, done: usize) -> (u64, usize) {
        let (sent, begins) = self.framing.begins(&cell.bytes, done);
        let mut rest = std::mem::take(cell);
        rest.bytes.drain(..begins);
        rest.packets = self.abandon() - sent;
        if rest.packets > 0 {
            self.pending_bytes += rest.bytes.len();
            self.pending_packets += rest.packets;
            self.pending.push_front(rest);
        }
        (sent, done - begins)
    }

    /// All that is pending, for another program; nothing more is taken.
    pub(crate) fn leave(&mut self) -> (Vec<u8>, u64) {
        let records = self.pending.iter().flat_map(|cell| &cell.bytes).copied().collect();
        (records, self.close())
    }

    /// What another program left, which waits for a writer here.
    pub(crate) fn inherit(&mut self, now: Instant, records: &[u8], packets: u64) {
        self.gate = Gate::Held;
        self.pending = VecDeque::from([Cell { bytes: records.to_vec(), packets, since: now }]);
        self.pending_bytes = records.len();
        self.pending_packets = packets;
    }

    /// The writer is gone: how many packets it had.
    pub(crate) fn abandon(&mut self) -> u64 {
        self.flying = 0;
        std::mem::take(&mut self.flying_packets)
    }
}

#[cfg(test)]
mod tests;
