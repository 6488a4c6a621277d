//! How late the generator ran against its schedule.
//!
//! A paused or slow generator must show as late or as skipped packets, never as a quieter load.

use crate::{histogram, schedule::BIN_NS};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{ops::RangeInclusive, time::Duration};

/// Lateness that 99 of 100 packets must stay under, whatever was lost, for a trial to be valid.
pub const LATENESS_P99_MAX_NS: u64 = 10_000_000;
/// Lateness over time is kept to this, rounded up, nanoseconds: about a turn of the generator.
const LATENESS_STEP_NS: u64 = 100_000;

/// Collects lateness while the generator runs.
#[derive(Debug)]
pub struct Pace {
    lateness: Histogram<u64>,
    /// Greatest lateness by intended time, a value a bin.
    over_time: Vec<u32>,
    skipped: u64,
    skipped_last_ns: Option<u64>,
    held_back: u64,
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
    /// Greatest lateness of the packets that were due in each bin of [`BIN_NS`] from the start, tenths of a millisecond,
    /// rounded up. Evidence of earlier releases has none.
    #[serde(default, with = "runs")]
    pub late_over_time: Vec<u32>,
    /// Packets over [`LATENESS_P99_MAX_NS`] late that the wire had pushed back. Evidence of earlier releases does not tell.
    #[serde(default)]
    pub held_back: u64,
    /// How the generator was scheduled, for people: `real-time priority 1`. Empty: not known.
    #[serde(default)]
    pub priority: String,
}

impl Generator {
    /// Greatest lateness of packets that were due in this time, nanoseconds since the start; what is not known by time
    /// is the greatest of all.
    pub fn late_within(&self, due_ns: RangeInclusive<u64>) -> u64 {
        if self.late_over_time.is_empty() {
            return self.late_max_ns;
        }
        let (from, to) = ((due_ns.start() / BIN_NS) as usize, (due_ns.end() / BIN_NS) as usize);
        let bins = self.late_over_time.iter().take(to.saturating_add(1)).skip(from);
        bins.max().map_or(0, |steps| u64::from(*steps) * LATENESS_STEP_NS)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::lasting(Duration::ZERO)
    }
}

impl Pace {
    /// For a load of at most this time.
    pub fn lasting(at_most: Duration) -> Self {
        let bins = at_most.as_nanos() / u128::from(BIN_NS) + 1;
        Self {
            lateness: histogram::empty(),
            over_time: Vec::with_capacity(usize::try_from(bins).unwrap_or_default()),
            skipped: 0,
            skipped_last_ns: None,
            held_back: 0,
        }
    }

    /// A packet that was due at `intended_ns`, since the start, was handed to the wire `late_ns` after that; `waited`:
    /// the wire had pushed back meanwhile.
    pub fn sent(&mut self, intended_ns: u64, late_ns: u64, waited: bool) {
        self.held_back += u64::from(waited && late_ns > LATENESS_P99_MAX_NS);
        self.lateness.saturating_record(late_ns);
        let bin = (intended_ns / BIN_NS) as usize;
        if bin >= self.over_time.len() {
            self.over_time.resize(bin + 1, 0);
        }
        let steps = u32::try_from(late_ns.div_ceil(LATENESS_STEP_NS)).unwrap_or(u32::MAX);
        self.over_time[bin] = self.over_time[bin].max(steps);
    }

    /// A packet that was due at `intended_ns`, since the start, will never be sent.
    pub fn skipped(&mut self, intended_ns: u64) {
        self.skipped += 1;
        self.skipped_last_ns = self.skipped_last_ns.max(Some(intended_ns));
    }

    /// How many packets will never be sent.
    pub fn skips(&self) -> u64 {
        self.skipped
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
            held_back: self.held_back,
            late_over_time: self.over_time.clone(),
            priority: String::new(),
        }
    }
}

/// In JSON `[[bins, value], …]`: runs of bins that are alike. Binary formats take the plain list.
mod runs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Bins of a trial of a day.
    const BINS_MAX: usize = 8_640_000;

    pub(super) fn serialize<S: Serializer>(bins: &[u32], serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return bins.serialize(serializer);
        }
        let runs: Vec<(usize, u32)> = bins.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).collect();
        runs.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
        if !deserializer.is_human_readable() {
            return Vec::deserialize(deserializer);
        }
        let runs = Vec::<(usize, u32)>::deserialize(deserializer)?;
        if runs.iter().try_fold(0, |sum: usize, (bins, _)| sum.checked_add(*bins)).is_none_or(|sum| sum > BINS_MAX) {
            return Err(D::Error::custom("more bins than a day has"));
        }
        Ok(runs.into_iter().flat_map(|(bins, value)| std::iter::repeat_n(value, bins)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_packet_in_a_hundred_is_forgiven_a_skipped_one_is_not() {
        let mut pace = Pace::default();
        (0..99).for_each(|_| pace.sent(0, 1_000, true));
        pace.sent(0, 50_000_000, true);
        let generator = pace.finish(LATENESS_P99_MAX_NS);
        assert!(generator.kept_pace, "{generator:?}");
        assert_eq!(generator.sent, 100);
        assert!(generator.late_max_ns >= 50_000_000);
        assert_eq!(generator.held_back, 1, "waiting for less does not matter");
        pace.skipped(7);
        assert_eq!(pace.finish(LATENESS_P99_MAX_NS).skipped_last_ns, Some(7));
        assert!(!pace.finish(LATENESS_P99_MAX_NS).kept_pace);
    }

    #[test]
    fn a_slow_generator_did_not_keep_pace() {
        let mut pace = Pace::default();
        (0..10).for_each(|_| pace.sent(0, 20_000_000, false));
        assert!(!pace.finish(LATENESS_P99_MAX_NS).kept_pace);
    }

    #[test]
    fn lateness_is_told_by_intended_time_and_never_too_small() {
        let mut pace = Pace::lasting(Duration::from_secs(1));
        for (due_ms, late_us) in [(5, 30), (9, 10), (250, 42_001), (255, 7), (900, 100)] {
            pace.sent(due_ms * 1_000_000, late_us * 1000, false);
        }
        let generator = pace.finish(LATENESS_P99_MAX_NS);
        let ms = |from: u64, to: u64| generator.late_within(from * 1_000_000..=to * 1_000_000);
        assert_eq!((ms(0, 10), ms(240, 249), ms(0, 250), ms(260, 5000)), (100_000, 0, 42_100_000, 100_000));
        let json = serde_json::to_string(&generator).unwrap();
        assert!(json.contains("[[1,1],[24,0],[1,421],[64,0],[1,1]]"), "{json}");
        assert_eq!(serde_json::from_str::<Generator>(&json).unwrap(), generator);
        let old = Generator { late_over_time: Vec::new(), ..generator };
        assert_eq!(old.late_within(0..=0), old.late_max_ns, "what is not known by time is the worst of all");
    }

    #[test]
    fn more_bins_than_a_day_has_are_refused() {
        let huge = format!(
            r#"{{"sent":0,"skipped":0,"late_max_ns":0,"late_p99_ns":0,"late_limit_ns":0,"kept_pace":true,
            "late_over_time":[[{0},1],[{0},2]]}}"#,
            usize::MAX
        );
        assert!(serde_json::from_str::<Generator>(&huge).unwrap_err().to_string().contains("more bins"));
    }
}
