//! Token buckets: so many in any second, and a burst (RFC 4443 §2.4 f).

use fabric_proto::time::Instant;
use std::time::Duration;

/// A second, in the clock's unit: what a token costs is a share of it.
const SECOND: u64 = 1_000_000_000;

/// A bucket of tokens that fills at a steady rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    per_second: u32,
    burst: u32,
    /// How full it was, in tokens times a second, and when.
    level: u64,
    at: Instant,
}

impl Default for Bucket {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl Bucket {
    /// A full one. A rate of zero gives what the burst is, and nothing after it.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst, level: u64::from(burst) * SECOND, at: Instant(0) }
    }

    fn level(&self, now: Instant) -> u64 {
        let nanos = u64::try_from(now.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        let gained = nanos.saturating_mul(self.per_second.into());
        self.level.saturating_add(gained).min(u64::from(self.burst) * SECOND)
    }

    /// Takes a token; says whether there was one.
    pub fn take(&mut self, now: Instant) -> bool {
        let level = self.level(now);
        // A clock that is set back gives nothing twice.
        self.at = self.at.max(now);
        self.level = level;
        if level < SECOND {
            return false;
        }
        self.level -= SECOND;
        true
    }

    /// When there is one; `None`: never again.
    pub fn ready(&self) -> Option<Instant> {
        let missing = SECOND.saturating_sub(self.level);
        if self.per_second == 0 && missing > 0 {
            return None;
        }
        Some(self.at + Duration::from_nanos(missing.div_ceil(u64::from(self.per_second).max(1))))
    }
}

#[cfg(test)]
mod tests;
