//! One peer's impairment: what becomes of each packet, decided by a seed.

use fabric_proto::operator::Impairment;
use std::time::{Duration, Instant};

/// A rate's queue: a packet that would wait longer is dropped, as a router's port queue would.
const BACKLOG_MAX: Duration = Duration::from_millis(200);

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
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
pub(super) struct Dice {
    impairment: Impairment,
    random: u64,
    /// When the modelled line is free again.
    line_free: Option<Instant>,
}

impl Dice {
    pub(super) fn new(impairment: Impairment) -> Self {
        Self { random: impairment.seed, impairment, line_free: None }
    }

    pub(super) fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// Every call takes the same number of dice, whatever comes of them, so that changing one probability
    /// leaves the other decisions of a seed as they were.
    pub(super) fn roll(&mut self, now: Instant, length: usize) -> Fate {
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
        (fabric_proto::random::next(&mut self.random) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A day is as good as never, and fits a Duration; what is not a positive number is no delay.
fn seconds(seconds: f64) -> Duration {
    if seconds > 0.0 { Duration::from_secs_f64(seconds.min(86_400.0)) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests;
