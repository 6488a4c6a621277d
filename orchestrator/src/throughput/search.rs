//! The search for the zero-loss rate (RFC 2544 §26.1): doubling until a rate fails, then halving the gap.

/// A chassis that forwards less than this without loss forwards nothing, packets a second.
const LEAST: f64 = 100.0;

/// Which rate is tried next, and what was found. Pure: whoever holds the trials tells what came of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    first: f64,
    ceiling: f64,
    resolution: f64,
    passed: Option<f64>,
    failed: Option<f64>,
}

impl Search {
    /// A search that begins at `first`, never exceeds `ceiling`, and ends when the greatest rate that passed and the
    /// least that failed are no further apart than a share `resolution` of the latter. Packets a second.
    pub fn new(first: f64, ceiling: f64, resolution: f64) -> Self {
        Self { first: first.min(ceiling), ceiling, resolution, passed: None, failed: None }
    }

    /// The rate to try; `None` when the search is over.
    pub fn next(&self) -> Option<f64> {
        match (self.passed, self.failed) {
            (None, None) => Some(self.first),
            (Some(passed), None) => (passed < self.ceiling).then(|| (2.0 * passed).min(self.ceiling)),
            (None, Some(failed)) => (failed > LEAST).then(|| (failed / 2.0).max(LEAST / 2.0)),
            (Some(passed), Some(failed)) => {
                (failed - passed > self.resolution * failed).then(|| f64::midpoint(passed, failed))
            }
        }
    }

    /// What came of the trial at `rate`.
    pub fn tell(&mut self, rate: f64, passed: bool) {
        if passed {
            self.passed = Some(self.passed.map_or(rate, |best| best.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |least| least.min(rate)));
        }
    }

    /// The greatest rate that passed.
    pub fn passed(&self) -> Option<f64> {
        self.passed
    }

    /// The least rate that failed; `None`: the ceiling passed.
    pub fn failed(&self) -> Option<f64> {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mut search: Search, truth: f64) -> (Search, usize) {
        let mut trials = 0;
        while let Some(rate) = search.next() {
            search.tell(rate, rate <= truth);
            trials += 1;
            assert!(trials < 100, "{search:?}");
        }
        (search, trials)
    }

    #[test]
    fn the_rate_is_found_to_the_resolution_wherever_it_lies() {
        for step in 0..200 {
            let truth = 150.0 * 1.07_f64.powi(step);
            let (search, trials) = run(Search::new(100_000.0, 20e6, 0.02), truth);
            let (found, limit) = (search.passed().unwrap(), truth.min(20e6));
            assert!(found <= limit && found >= limit * 0.975, "{truth}: {found}");
            assert!(trials <= 25, "{truth}: {trials} trials");
        }
    }

    #[test]
    fn a_chassis_that_forwards_nothing_or_everything_ends_the_search() {
        let (search, trials) = run(Search::new(100_000.0, 20e6, 0.02), 0.0);
        assert_eq!(search.passed(), None);
        assert!(trials < 15, "{trials}");
        let (search, _) = run(Search::new(100_000.0, 3e6, 0.02), f64::INFINITY);
        assert_eq!((search.passed(), search.failed()), (Some(3e6), None));
        assert_eq!(Search::new(5e6, 3e6, 0.02).next(), Some(3e6), "nothing beyond the ceiling is tried");
    }
}
