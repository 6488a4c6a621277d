//! How late the generator ran against its schedule.
//!
//! A paused or slow generator must show as late or as skipped packets, never as a quieter load.

use crate::histogram;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Lateness that 99 of 100 packets must stay under for a trial to be valid.
pub const LATENESS_P99_MAX_NS: u64 = 10_000_000;

/// Collects lateness while the generator runs.
#[derive(Debug)]
pub struct Pace {
    lateness: Histogram<u64>,
    skipped: u64,
    skipped_last_ns: Option<u64>,
}

/// How the generator kept its schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    /// Packets handed to the wire.
    pub sent: u64,
    /// Packets due that were never sent, whatever the reason, other than a port without carrier.
    pub skipped: u64,
    /// Intended time of the last of them, nanoseconds since the start. Evidence of earlier releases has none.
    #[serde(default)]
    pub skipped_last_ns: Option<u64>,
    /// Greatest lateness of a packet that was sent, nanoseconds.
    pub late_max_ns: u64,
    /// Lateness that 99 % stayed under, nanoseconds.
    pub late_p99_ns: u64,
    /// The lateness allowed at the 99th percentile, nanoseconds.
    pub late_limit_ns: u64,
    /// Whether it kept pace: nothing skipped, and the 99th percentile within the limit.
    pub kept_pace: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { lateness: histogram::empty(), skipped: 0, skipped_last_ns: None }
    }
}

impl Pace {
    /// `packets` were handed to the wire `late_ns` after their intended time.
    pub fn sent(&mut self, late_ns: u64, packets: u64) {
        self.lateness.saturating_record_n(late_ns, packets);
    }

    /// A packet that was due at `intended_ns`, since the start, will never be sent.
    pub fn skipped(&mut self, intended_ns: u64) {
        self.skipped += 1;
        self.skipped_last_ns = self.skipped_last_ns.max(Some(intended_ns));
    }

    /// The account.
    pub fn finish(&self, late_limit_ns: u64) -> Generator {
        let late_p99_ns = self.lateness.value_at_quantile(0.99);
        Generator {
            sent: self.lateness.len(),
            skipped: self.skipped,
            skipped_last_ns: self.skipped_last_ns,
            late_max_ns: self.lateness.max(),
            late_p99_ns,
            late_limit_ns,
            kept_pace: self.skipped == 0 && late_p99_ns <= late_limit_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_packet_in_a_hundred_is_forgiven_a_skipped_one_is_not() {
        let mut pace = Pace::default();
        pace.sent(1_000, 99);
        pace.sent(50_000_000, 1);
        let generator = pace.finish(LATENESS_P99_MAX_NS);
        assert!(generator.kept_pace, "{generator:?}");
        assert_eq!(generator.sent, 100);
        assert!(generator.late_max_ns >= 50_000_000);
        pace.skipped(7);
        assert_eq!(pace.finish(LATENESS_P99_MAX_NS).skipped_last_ns, Some(7));
        assert!(!pace.finish(LATENESS_P99_MAX_NS).kept_pace);
    }

    #[test]
    fn a_slow_generator_did_not_keep_pace() {
        let mut pace = Pace::default();
        pace.sent(20_000_000, 10);
        assert!(!pace.finish(LATENESS_P99_MAX_NS).kept_pace);
    }
}
