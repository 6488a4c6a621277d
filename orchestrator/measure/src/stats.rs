//! Many trials in a few figures, without claiming more than they show.

use serde::{Deserialize, Serialize};

/// Samples below which no 90th percentile is given: it would be the maximum under another name.
pub const P90_MIN: usize = 10;
/// Samples below which no 99th percentile is given.
pub const P99_MIN: usize = 100;
/// Samples below which no interval is given: the range of five samples covers the median in less than 95 %
/// of cases (1 − 2·0.5⁵ = 93.75 %), so no interval drawn from them can.
pub const CI_MIN: usize = 6;
/// Bootstrap resamples.
const RESAMPLES: usize = 10_000;

/// Figures of one quantity over trials. What cannot be said from so few samples is `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stat {
    /// Number of samples.
    pub n: usize,
    /// Smallest.
    pub min: Option<f64>,
    /// Median.
    pub median: Option<f64>,
    /// 90th percentile, from [`P90_MIN`] samples on.
    pub p90: Option<f64>,
    /// 99th percentile, from [`P99_MIN`] samples on.
    pub p99: Option<f64>,
    /// Greatest.
    pub max: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Bootstrap 95 % confidence interval of the median, from [`CI_MIN`] samples on.
    pub ci95: Option<[f64; 2]>,
}

impl Stat {
    /// Figures of `samples`; the same seed gives the same interval.
    pub fn of(samples: impl IntoIterator<Item = f64>, seed: u64) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let enough = sorted.len() >= CI_MIN;
        let ci95 = enough.then(|| interval(bootstrap_medians(&sorted, &mut SplitMix64(seed))));
        Self { ci95, ..Self::without_interval(&sorted) }
    }
}

impl Stat {
    /// Figures of samples that come in groups, as the flows of each trial do. Samples of one group are not
    /// independent, so whole groups are resampled: the interval needs [`CI_MIN`] groups, however many samples.
    pub fn of_groups(groups: &[Vec<f64>], seed: u64) -> Self {
        let all = groups.iter().flatten().copied();
        let mut sorted: Vec<f64> = all.collect();
        sorted.sort_by(f64::total_cmp);
        let plain = Self::without_interval(&sorted);
        let filled = groups.iter().filter(|group| !group.is_empty()).count();
        Self { ci95: (filled >= CI_MIN).then(|| interval(grouped_medians(groups, &sorted, seed))), ..plain }
    }

    fn without_interval(sorted: &[f64]) -> Self {
        let n = sorted.len();
        Self {
            n,
            min: sorted.first().copied(),
            median: median_of_sorted(sorted),
            p90: (n >= P90_MIN).then(|| percentile(sorted, 0.90)),
            p99: (n >= P99_MIN).then(|| percentile(sorted, 0.99)),
            max: sorted.last().copied(),
            mean: (n > 0).then(|| sorted.iter().sum::<f64>() / n as f64),
            ci95: None,
        }
    }
}

/// Difference of two medians, `b − a`, with its bootstrap 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `b − a`.
    pub median: f64,
    /// 95 % interval; `None` when either side has fewer than [`CI_MIN`] samples.
    pub ci95: Option<[f64; 2]>,
}

impl Difference {
    /// Compares two sets of samples; `None` when one is empty.
    pub fn of(a: &[f64], b: &[f64], seed: u64) -> Option<Self> {
        let (a, b) = (sorted(a), sorted(b));
        let median = median_of_sorted(&b)? - median_of_sorted(&a)?;
        let enough = a.len() >= CI_MIN && b.len() >= CI_MIN;
        let ci95 = enough.then(|| {
            let mut random = SplitMix64(seed);
            let of_a = bootstrap_medians(&a, &mut random);
            let of_b = bootstrap_medians(&b, &mut random);
            interval(of_a.iter().zip(&of_b).map(|(a, b)| b - a).collect())
        });
        Some(Self { median, ci95 })
    }

    /// Whether the interval leaves zero out: the two differ by more than chance.
    pub fn significant(&self) -> Option<bool> {
        self.ci95.map(|[low, high]| low > 0.0 || high < 0.0)
    }
}

/// Steele, Lea and Flood's generator: small, seedable, good enough to resample.
#[derive(Clone, Debug)]
pub struct SplitMix64(
    /// The seed.
    pub u64,
);

impl SplitMix64 {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number less than `bound`, by multiplication; the bias of 1 in 2^64 / `bound` is immaterial here.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Shuffles in place (Fisher and Yates): run orders are drawn with it.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(sorted[middle - 1], upper)) }
}

/// Nearest rank: a value that really occurred.
fn percentile(sorted: &[f64], quantile: f64) -> f64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn bootstrap_medians(sorted: &[f64], random: &mut SplitMix64) -> Vec<f64> {
    // The samples are sorted, so a resample is a count of each index, and its median is found by walking.
    let n = sorted.len();
    // Very large sets need fewer resamples for the same figure, and must not take seconds.
    let resamples = RESAMPLES.min(20_000_000 / n.max(1)).max(1_000);
    let mut counts = vec![0_u32; n];
    (0..resamples)
        .map(|_| {
            counts.fill(0);
            for _ in 0..n {
                counts[random.below(n)] += 1;
            }
            f64::midpoint(nth(sorted, &counts, (n - 1) / 2), nth(sorted, &counts, n / 2))
        })
        .collect()
}

/// Medians of resampled groups. Each group is kept as counts of the distinct values, so that a resample adds up
/// a few numbers a group instead of all its samples.
fn grouped_medians(groups: &[Vec<f64>], sorted: &[f64], seed: u64) -> Vec<f64> {
    let mut values = sorted.to_vec();
    values.dedup();
    let place = |sample: &f64| values.partition_point(|value| value < sample);
    let counts: Vec<Vec<u32>> = groups
        .iter()
        .map(|group| {
            let mut counts = vec![0; values.len()];
            group.iter().for_each(|sample| counts[place(sample)] += 1);
            counts
        })
        .collect();
    // Bounds the work to a second however many flows lost how differently.
    let resamples = RESAMPLES.min(100_000_000 / (groups.len() * values.len()).max(1)).max(200);
    let mut random = SplitMix64(seed);
    let mut sum = vec![0_u32; values.len()];
    (0..resamples)
        .map(|_| {
            sum.fill(0);
            for _ in groups {
                let drawn = &counts[random.below(groups.len())];
                sum.iter_mut().zip(drawn).for_each(|(sum, count)| *sum += count);
            }
            let n: usize = sum.iter().map(|count| *count as usize).sum();
            f64::midpoint(nth(&values, &sum, n.saturating_sub(1) / 2), nth(&values, &sum, n / 2))
        })
        .collect()
}

/// The value at `rank` (from 0) of the multiset that takes each of `sorted` as often as `counts` says.
fn nth(sorted: &[f64], counts: &[u32], rank: usize) -> f64 {
    let mut below = 0;
    for (value, count) in sorted.iter().zip(counts) {
        below += *count as usize;
        if below > rank {
            return *value;
        }
    }
    sorted[sorted.len() - 1]
}

fn interval(mut estimates: Vec<f64>) -> [f64; 2] {
    estimates.sort_by(f64::total_cmp);
    [percentile(&estimates, 0.025), percentile(&estimates, 0.975)]
}

#[cfg(test)]
mod tests;
