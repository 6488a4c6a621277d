//! Copies of packets for operators who look ([`fabric_proto::capture`]).
//!
//! The data thread looks once a batch whether there is anybody; while there is not, nothing else is done. Copies wait in a buffer of
//! their own and are handed out by a task of their own: a reader who is slow misses copies, which are counted, and no packet waits.

use super::{card::Card, queue::Framing};
use bytes::Bytes;
use fabric_proto::capture::{self, CaptureOrder, CapturePoint, Captured, Seen};
use std::{cell::RefCell, ops::Range, rc::Rc};
use tokio::sync::{Notify, mpsc};

/// Copies that wait to be handed out, bytes: some milliseconds of a card's load. A capture is to show packets, not to keep them.
const WAITING_MAX: usize = 1 << 20;

/// Captures of one card at one time.
const TAPS_MAX: usize = 16;

/// Where copies are made, and for whom.
#[derive(Default)]
pub(super) struct Taps(Vec<Rc<Tap>>);

/// One capture.
pub(super) struct Tap {
    order: CaptureOrder,
    waiting: RefCell<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    records: Vec<u8>,
    missed: u64,
}

impl Tap {
    fn see(&self, seen: &Seen<'_>) {
        if !self.order.filter.matches(seen.frame) {
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        let frame = &seen.frame[..seen.frame.len().min(usize::from(self.order.keep))];
        // What is missed is missed after everything that waits: nothing is taken before all of that is handed out.
        if waiting.missed > 0 || waiting.records.len() + capture::HEADER + frame.len() > WAITING_MAX {
            waiting.missed += 1;
            return;
        }
        let first = waiting.records.is_empty();
        capture::push(&mut waiting.records, &Seen { frame, ..*seen });
        if first {
            self.wake.notify_one();
        }
    }

    fn take(&self) -> Captured {
        let Waiting { records, missed } = self.waiting.take();
        Captured { records: Bytes::from(records), missed }
    }
}

impl Taps {
    /// Whether anybody looks at this point.
    pub(super) fn at(&self, point: CapturePoint) -> bool {
        self.0.iter().any(|tap| tap.order.point == point)
    }

    /// Shows a packet to whoever looks at this point.
    pub(super) fn see(&self, point: CapturePoint, seen: &Seen<'_>) {
        self.0.iter().filter(|tap| tap.order.point == point).for_each(|tap| tap.see(seen));
    }

    fn add(&mut self, tap: &Rc<Tap>) -> Result<(), String> {
        if self.0.len() >= TAPS_MAX {
            return Err(format!("{TAPS_MAX} captures of this card run already: end one of them"));
        }
        self.0.push(Rc::clone(tap));
        Ok(())
    }

    fn remove(&mut self, tap: &Rc<Tap>) {
        self.0.retain(|other| !Rc::ptr_eq(tap, other));
    }
}

/// Begins a capture, which goes on until the other end of `queue` is dropped; or says why not.
pub(super) fn start(card: &Rc<Card>, order: CaptureOrder, queue: mpsc::Sender<Captured>) -> Result<(), String> {
    let tap = Rc::new(Tap { order, waiting: RefCell::default(), wake: Notify::new() });
    card.taps(|taps| taps.add(&tap))?;
    let card = Rc::clone(card);
    tokio::task::spawn_local(async move {
        loop {
            tokio::select! {
                () = queue.closed() => break,
                () = tap.wake.notified() => {}
            }
            if queue.send(tap.take()).await.is_err() {
                break;
            }
        }
        card.taps(|taps| taps.remove(&tap));
    });
    Ok(())
}

/// Frames as they came from a wire, for whoever looks at its port: forwarding writes where they lie.
pub(super) struct Arrived {
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
    next: usize,
}

impl Arrived {
    pub(super) fn new(bytes: &[u8], frames: &[Range<usize>]) -> Self {
        let end = frames.last().map_or(0, |frame| frame.end);
        Self { bytes: bytes[..end].to_vec(), frames: frames.to_vec(), next: 0 }
    }

    /// The next frame that has not been told of; with `before`, only if it begins before that place.
    pub(super) fn next(&mut self, before: Option<usize>) -> Option<&[u8]> {
        let frame = self.frames.get(self.next).filter(|frame| before.is_none_or(|before| frame.start < before))?;
        self.next += 1;
        Some(&self.bytes[frame.clone()])
    }
}

impl Framing {
    /// The whole records within the first `done` of `bytes`: the numbers that each begins with, and its frame.
    pub(super) fn records(self, bytes: &[u8], done: usize) -> impl Iterator<Item = ([u8; 2], &[u8])> {
        let mut rest = &bytes[..done];
        std::iter::from_fn(move || {
            let header = rest.get(..self.header())?;
            let (numbers, length) = header.split_at(self.header() - 2);
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let frame = rest.get(self.header()..self.header() + length)?;
            rest = &rest[self.header() + length..];
            let numbers = match *numbers {
                [first, second] => [first, second],
                [port] => [0, port],
                _ => [0; 2],
            };
            Some((numbers, frame))
        })
    }
}

#[cfg(test)]
mod tests;
