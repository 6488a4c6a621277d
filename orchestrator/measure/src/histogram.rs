//! HdrHistogram: how it is made, kept in JSON, and written in the field's two text formats.

use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, Tag},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write,
    time::{Duration, UNIX_EPOCH},
};

/// Values up to an hour in nanoseconds; greater ones are counted there.
pub(crate) const HIGH: u64 = 3_600_000_000_000;
/// Decimal digits kept of every value.
const DIGITS: u8 = 3;

/// An empty histogram of values up to an hour in nanoseconds, three digits exact.
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGH, DIGITS).expect("1 to an hour with three digits are bounds that it takes")
}

/// A histogram of `values`.
pub fn of(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = empty();
    for value in values {
        histogram.saturating_record(value);
    }
    histogram
}

/// A histogram as its filled buckets: `(value, count)`, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch(pub Vec<(u64, u64)>);

impl Sketch {
    /// With two digits instead of three: a fraction of the buckets, where a distribution is kept for every trial.
    pub fn coarse(histogram: &Histogram<u64>) -> Self {
        const COARSE_DIGITS: u8 = 2;
        let mut coarse: Histogram<u64> = Histogram::new_with_bounds(1, HIGH, COARSE_DIGITS)
            .expect("1 to an hour with two digits are bounds that it takes");
        for step in histogram.iter_recorded() {
            coarse.saturating_record_n(step.value_iterated_to(), step.count_at_value());
        }
        (&coarse).into()
    }
}

impl From<&Histogram<u64>> for Sketch {
    fn from(histogram: &Histogram<u64>) -> Self {
        Self(histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect())
    }
}

impl From<&Sketch> for Histogram<u64> {
    fn from(sketch: &Sketch) -> Self {
        let mut histogram = empty();
        for (value, count) in &sketch.0 {
            histogram.saturating_record_n(*value, *count);
        }
        histogram
    }
}

/// One interval of a histogram log.
#[derive(Debug)]
pub struct Interval<'a> {
    /// What it belongs to: no comma, blank or line end.
    pub tag: &'a str,
    /// Its begin, since the epoch.
    pub start: Duration,
    /// Its length.
    pub length: Duration,
    /// Its values.
    pub histogram: &'a Histogram<u64>,
}

/// A log that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The tag would break the line.
    #[error("'{0}' cannot tag an interval: commas, blanks and line ends would break the log")]
    Tag(String),
    /// The histogram library refused.
    #[error("cannot write the histogram log: {0}")]
    Write(String),
}

/// An interval log (`.hlog`), version 1.3: V2 histograms, deflated, in base64, as Java's and Python's
/// readers take them. `divisor` scales `Interval_Max`: 1e6 shows nanoseconds as milliseconds.
pub fn hlog(start: Duration, divisor: f64, intervals: &[Interval<'_>]) -> Result<Vec<u8>, LogError> {
    let mut out = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let refused = |error: &dyn std::fmt::Debug| LogError::Write(format!("{error:?}"));
    {
        let mut builder = IntervalLogWriterBuilder::new();
        let mut log = builder
            .add_comment("[Histogram log format version 1.3]")
            .with_start_time(UNIX_EPOCH + start)
            .with_base_time(UNIX_EPOCH)
            .with_max_value_divisor(divisor)
            .begin_log_with(&mut out, &mut serializer)
            .map_err(|error| refused(&error))?;
        for interval in intervals {
            let tag = Tag::new(interval.tag).ok_or_else(|| LogError::Tag(interval.tag.to_owned()))?;
            log.write_histogram(interval.histogram, interval.start, interval.length, Some(tag))
                .map_err(|error| refused(&error))?;
        }
    }
    Ok(out)
}

/// The percentile distribution (`.hgrm`) as HdrHistogram's plotter reads it: four columns, values divided by
/// `divisor`, and `inf` in the last line, which the plotter skips.
pub fn hgrm(histogram: &Histogram<u64>, divisor: f64) -> String {
    /// Steps in each half of the remaining distance to 100 %: what other writers of the format use.
    const TICKS: u32 = 5;
    let mut out = String::from("       Value   Percentile   TotalCount 1/(1-Percentile)\n\n");
    let mut below = 0;
    for step in histogram.iter_quantiles(TICKS) {
        below += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / divisor;
        let quantile = step.quantile_iterated_to();
        let _ = write!(out, "{value:12.3} {quantile:12.6} {below:12} ");
        let _ = if quantile < 1.0 {
            writeln!(out, "{:12.2}", 1.0 / (1.0 - quantile))
        } else {
            writeln!(out, "{:>12}", "inf")
        };
    }
    let (mean, deviation) = (histogram.mean() / divisor, histogram.stdev() / divisor);
    let max = histogram.max() as f64 / divisor;
    let _ = writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(out, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.len());
    let (buckets, sub_buckets) = layout();
    let _ = writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]");
    out
}

/// Buckets and sub-buckets of [`empty`]'s layout: 2048 sub-buckets hold three digits, and each further
/// bucket doubles the range until [`HIGH`] fits.
fn layout() -> (u32, u32) {
    let sub_buckets = (2 * 10_u32.pow(u32::from(DIGITS))).next_power_of_two();
    let mut buckets = 1;
    while (u64::from(sub_buckets) << (buckets - 1)) <= HIGH {
        buckets += 1;
    }
    (buckets, sub_buckets)
}

#[cfg(test)]
mod tests;
