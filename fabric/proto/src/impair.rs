//! An impairment at work: what becomes of each packet, decided by a seed, and packets that are held back. The fabric's
//! endpoints and the wires of nodes that are none of ours use the same.

use crate::operator::Impairment;
use std::{
    cmp::Ordering,
    collections::{BinaryHeap, binary_heap::PeekMut},
    time::{Duration, Instant},
};

/// Packets held back at once: at 100 ms of delay that is more than a control connection sends, or 160,000 packets a second of a
/// load.
pub const HELD_MAX: usize = 16 << 10;

/// A rate's queue: a packet that would wait longer is dropped, as a router's port queue would.
const BACKLOG_MAX: Duration = Duration::from_millis(200);

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Lost.
    Drop,
    /// Lost because the rate's queue is full.
    Overflow,
    /// Sent `copies` times after `delay`.
    Send {
        /// How much later.
        delay: Duration,
        /// 1, or 2 for a duplicate.
        copies: u8,
    },
}

/// The same seed and the same packets at the same times give the same fates.
#[derive(Clone, Debug)]
pub struct Dice {
    impairment: Impairment,
    random: u64,
    /// When the modelled line is free again.
    line_free: Option<Instant>,
}

impl Dice {
    /// Dice of an impairment's seed.
    pub fn new(impairment: Impairment) -> Self {
        Self { random: impairment.seed, impairment, line_free: None }
    }

    /// The impairment.
    pub fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// What becomes of a packet of `length` bytes.
    ///
    /// Every call takes the same number of dice, whatever comes of them, so that changing one probability
    /// leaves the other decisions of a seed as they were.
    pub fn roll(&mut self, now: Instant, length: usize) -> Fate {
        let [lost, twice, overtakes, jitter] = std::array::from_fn(|_| self.uniform());
        let Impairment { partition, loss, delay_ms, jitter_ms, duplicate, reorder, .. } = self.impairment;
        if partition || lost < loss {
            return Fate::Drop;
        }
        let Some(queued) = self.queue(now, length) else { return Fate::Overflow };
        let late = if overtakes < reorder { 0.0 } else { delay_ms + jitter_ms * (2.0 * jitter - 1.0) };
        let late = seconds(late / 1e3);
        Fate::Send { delay: queued + late, copies: if twice < duplicate { 2 } else { 1 } }
    }

    /// How long the packet waits for the modelled line and takes on it; `None` when the queue is full.
    fn queue(&mut self, now: Instant, length: usize) -> Option<Duration> {
        if self.impairment.rate_bps == 0 {
            return Some(Duration::ZERO);
        }
        let bits = length as f64 * 8.0;
        let takes = seconds(bits / self.impairment.rate_bps as f64);
        let start = self.line_free.map_or(now, |free| free.max(now));
        if start - now > BACKLOG_MAX {
            return None;
        }
        self.line_free = Some(start + takes);
        Some(start + takes - now)
    }

    /// A number in [0, 1).
    fn uniform(&mut self) -> f64 {
        (crate::random::next(&mut self.random) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A day is as good as never, and fits a Duration; what is not a positive number is no delay.
fn seconds(seconds: f64) -> Duration {
    if seconds > 0.0 { Duration::from_secs_f64(seconds.min(86_400.0)) } else { Duration::ZERO }
}

/// Packets that are held back, by due time and then by order of arrival.
#[derive(Debug)]
pub struct Line<T> {
    held: BinaryHeap<Held<T>>,
    next: u64,
}

#[derive(Debug)]
struct Held<T> {
    due: Instant,
    order: u64,
    packet: T,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { held: BinaryHeap::new(), next: 0 }
    }
}

impl<T> Line<T> {
    /// Holds a packet back until `due`: whether it is now the first due; `None` where too much is held already.
    pub fn hold(&mut self, due: Instant, packet: T) -> Option<bool> {
        if self.held.len() >= HELD_MAX {
            return None;
        }
        let order = self.next;
        self.next += 1;
        self.held.push(Held { due, order, packet });
        Some(self.held.peek().is_some_and(|first| first.order == order))
    }

    /// When the first one is due.
    pub fn due(&self) -> Option<Instant> {
        self.held.peek().map(|first| first.due)
    }

    /// The first one, where it is due at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let first = self.held.peek_mut()?;
        (first.due <= now).then(|| PeekMut::pop(first).packet)
    }

    /// All of them, due or not.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.held.drain().map(|held| held.packet)
    }
}

impl<T> Ord for Held<T> {
    /// The heap's greatest is the one due first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Held<T> {}

#[cfg(test)]
mod tests;
