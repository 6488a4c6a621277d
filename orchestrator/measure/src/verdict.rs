//! Pass, fail or inconclusive.

mod limits;

pub use limits::{Limits, Quantity, Statistic};

use crate::{
    stats::{P90_MIN, P99_MIN, Stat},
    trial::TrialRecord,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of a mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every trial that was asked for was held, is valid and within its limits.
    #[default]
    Pass,
    /// Trials are missing or invalid, or a limited quantity was not measured: nothing is proven.
    Inconclusive,
    /// A valid trial missed a limit, or something broke.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        })
    }
}

/// A verdict and what led to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not a pass, one sentence each.
    pub reasons: Vec<String>,
}

impl Judgement {
    /// Notes a reason for a verdict; the worst verdict stays.
    pub fn note(&mut self, verdict: Verdict, reason: String) {
        self.verdict = self.verdict.max(verdict);
        self.reasons.push(reason);
    }

    /// This one, and what another says.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.verdict = self.verdict.max(other.verdict);
        self.reasons.extend(other.reasons);
        self
    }

    /// Notes failures, invalid trials and missing ones; answers the valid ones. An invalid trial in whose place another
    /// was held is no lack, where nothing but the machine was the matter, and no limit was missed: that its packets left
    /// late does not explain it.
    fn attend<'a>(
        &mut self,
        trials: &[&'a TrialRecord],
        wanted: Option<usize>,
        limits: &Limits,
        what: &str,
    ) -> Vec<&'a TrialRecord> {
        let valid: Vec<&TrialRecord> = trials.iter().copied().filter(|trial| trial.valid()).collect();
        let enough = wanted.is_some_and(|wanted| valid.len() >= wanted);
        for trial in trials {
            let index = trial.index;
            for failure in &trial.failures {
                self.note(Verdict::Fail, format!("trial {index}{what}: {failure}"));
            }
            let missed = if trial.valid() { Vec::new() } else { missed(trial, limits) };
            if enough && trial.is_spoilt() && missed.is_empty() {
                continue;
            }
            for missed in missed {
                self.note(Verdict::Inconclusive, format!("trial {index}{what}, which is invalid: {missed}"));
            }
            for invalid in &trial.invalid {
                self.note(Verdict::Inconclusive, format!("trial {index}{what} is invalid: {invalid}"));
            }
        }
        if let Some(wanted) = wanted.filter(|wanted| *wanted > trials.len()) {
            self.note(Verdict::Inconclusive, format!("{} of {wanted} trials{what} held", trials.len()));
        }
        valid
    }
}

/// Judges the trials of one mode. A plain limit holds for every trial; one on a median, mean or percentile for
/// the valid trials together. `wanted`: how many valid trials were asked for, as far as that is known.
///
/// A failure of the chassis counts in an invalid trial as well, since an emulator that invalidates its own
/// failures would pass them. A missed limit counts only in a valid one.
pub fn judge<'a>(
    trials: impl IntoIterator<Item = &'a TrialRecord>,
    wanted: Option<usize>,
    limits: &Limits,
) -> Judgement {
    let trials: Vec<&TrialRecord> = trials.into_iter().collect();
    let mut judgement = Judgement::default();
    let valid = judgement.attend(&trials, wanted, limits, "");
    for trial in &valid {
        judge_each(trial, limits, &mut judgement);
    }
    for (quantity, statistic, limit) in limits.iter().filter(|(_, statistic, _)| *statistic != Statistic::Worst) {
        judge_together(&valid, quantity, statistic, limit, &mut judgement);
    }
    if trials.is_empty() && wanted.is_none() {
        judgement.note(Verdict::Inconclusive, "no trial was run".to_owned());
    }
    judgement
}

/// Judges the trials of one mode without a fault. No limit holds for them, but what cannot be trusted without a fault
/// cannot be with one.
pub fn judge_noise_floor<'a>(trials: impl IntoIterator<Item = &'a TrialRecord>, wanted: Option<usize>) -> Judgement {
    let trials: Vec<&TrialRecord> = trials.into_iter().collect();
    let mut judgement = Judgement::default();
    judgement.attend(&trials, wanted, &Limits::default(), " without a fault");
    judgement
}

fn judge_each(trial: &TrialRecord, limits: &Limits, judgement: &mut Judgement) {
    let index = trial.index;
    for (quantity, _) in each(limits).filter(|(quantity, _)| quantity.of(trial).is_none()) {
        judgement.note(Verdict::Inconclusive, format!("trial {index}: {} was not measured", quantity.words()));
    }
    for missed in missed(trial, limits) {
        judgement.note(Verdict::Fail, format!("trial {index}: {missed}"));
    }
}

/// The limits that hold for every trial.
fn each(limits: &Limits) -> impl Iterator<Item = (Quantity, f64)> {
    limits
        .iter()
        .filter(|(_, statistic, _)| *statistic == Statistic::Worst)
        .map(|(quantity, _, limit)| (quantity, limit))
}

/// Which of them a trial misses.
fn missed(trial: &TrialRecord, limits: &Limits) -> Vec<String> {
    let of = |(quantity, limit): (Quantity, f64)| {
        let value = quantity.of(trial).filter(|value| *value > limit)?;
        Some(format!("{} {} > {}", quantity.words(), plain(value), plain(limit)))
    };
    each(limits).filter_map(of).collect()
}

fn judge_together(
    valid: &[&TrialRecord],
    quantity: Quantity,
    statistic: Statistic,
    limit: f64,
    judgement: &mut Judgement,
) {
    let samples: Vec<f64> = valid.iter().filter_map(|trial| quantity.of(trial)).collect();
    let (what, n) = (format!("{statistic} of {}", quantity.words()), samples.len());
    if n < valid.len() {
        let missing = valid.len() - n;
        judgement.note(Verdict::Inconclusive, format!("{what}: not measured in {missing} of {} trials", valid.len()));
        return;
    }
    // The interval is not asked for, so its seed does not matter.
    let stat = Stat::of(samples, 0);
    let (value, wanted) = match statistic {
        Statistic::Worst => (stat.max, 1),
        Statistic::Median => (stat.median, 1),
        Statistic::Mean => (stat.mean, 1),
        Statistic::P90 => (stat.p90, P90_MIN),
        Statistic::P99 => (stat.p99, P99_MIN),
    };
    match value {
        None => {
            judgement.note(Verdict::Inconclusive, format!("{what}: needs {wanted} valid trials, there are {n}"));
        }
        Some(value) if value > limit => {
            judgement.note(Verdict::Fail, format!("{what} over {n} trials {} > {}", plain(value), plain(limit)));
        }
        Some(_) => {}
    }
}

fn plain(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests;
