//! How late something that recurs was, counted in buckets a quarter of an octave wide.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Buckets an octave: a quantile is at most a quarter above the truth.
const SHARE: u32 = 4;
/// Up to 2^26 µs, a minute; what is later is counted there.
const BUCKETS: usize = 27 * SHARE as usize;

/// Latenesses of heartbeats, from a microsecond to a minute. Counters only grow, so that two readings can be subtracted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<u8, u64>", from = "BTreeMap<u8, u64>")]
pub struct Lateness([u64; BUCKETS]);

impl Default for Lateness {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Lateness {
    /// Counts one that was `late`.
    pub fn record(&mut self, late: Duration) {
        self.0[bucket(late)] += 1;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The lateness that a share `quantile` (0 to 1) stayed at or below, as its bucket's upper end; `None`: none counted.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        let at = self.0.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(upper(at))
    }

    /// The greatest, as its bucket's upper end.
    pub fn max(&self) -> Option<Duration> {
        self.0.iter().rposition(|count| *count > 0).map(upper)
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// What came on top of an earlier reading of the same counters.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut out = self.clone();
        for (mine, theirs) in out.0.iter_mut().zip(&earlier.0) {
            *mine = mine.saturating_sub(*theirs);
        }
        out
    }
}

/// Within octave `o` (2^o to 2^(o+1) µs) there are [`SHARE`] equal parts; below a microsecond is the first bucket.
fn bucket(late: Duration) -> usize {
    let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX).max(1);
    let octave = micros.ilog2();
    // The latest times no clock reads would overflow 64 bits here.
    let part = (u128::from(micros - (1 << octave)) * u128::from(SHARE)) >> octave;
    (octave as usize * SHARE as usize + part as usize).min(BUCKETS - 1)
}

fn upper(bucket: usize) -> Duration {
    let (octave, part) = (bucket as u32 / SHARE, bucket as u64 % u64::from(SHARE));
    Duration::from_nanos((1000 << octave) * (u64::from(SHARE) + part + 1) / u64::from(SHARE))
}

impl From<Lateness> for BTreeMap<u8, u64> {
    fn from(lateness: Lateness) -> Self {
        lateness.0.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, count)| (at as u8, *count)).collect()
    }
}

impl From<BTreeMap<u8, u64>> for Lateness {
    fn from(map: BTreeMap<u8, u64>) -> Self {
        let mut lateness = Self::default();
        for (at, count) in map {
            lateness.0[usize::from(at).min(BUCKETS - 1)] += count;
        }
        lateness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        for micros in (0..200).chain([999, 1000, 1023, 1024, 49_999, 300_000, 59_000_000]) {
            let late = Duration::from_micros(micros);
            let top = upper(bucket(late));
            assert!(late < top, "{late:?} is not below {top:?}");
            assert!(
                micros < 4 || top.as_secs_f64() <= late.as_secs_f64() * 1.25 + 1e-6,
                "{late:?} is shown as {top:?}"
            );
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_count_from_the_smallest_and_readings_subtract() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.quantile(0.5), None);
        for _ in 0..999 {
            lateness.record(Duration::from_micros(90));
        }
        let before = lateness.clone();
        lateness.record(Duration::from_millis(40));
        assert!(lateness.quantile(0.999) < Some(Duration::from_micros(120)));
        assert!(lateness.quantile(1.0) > Some(Duration::from_millis(40)));
        assert_eq!(lateness.quantile(1.0), lateness.max());
        let since = lateness.since(&before);
        assert_eq!((since.count(), since.max()), (1, lateness.max()));
        let mut both = before.clone();
        both.merge(&since);
        assert_eq!(both, lateness);
        let map: BTreeMap<u8, u64> = lateness.clone().into();
        assert_eq!((map.len(), Lateness::from(map)), (2, lateness));
    }
}
