//! What a soak has shown so far: counts, sums and extremes; never a list that grows.

use super::{Extent, RunError, SoakOptions};
use crate::experiment::Experiment;
use measure::{
    TrialRecord,
    verdict::{Judgement, Verdict},
};
use report::{Status, StoreError, write_atomically};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

/// Name of the format.
const SCHEMA: &str = "swact.soak/1";

/// The figures of a soak: `soak.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name of the format.
    pub schema: &'static str,
    /// The experiment's title.
    pub title: String,
    /// The command line.
    pub command: String,
    /// Where the cards ran.
    pub runtime: String,
    /// Decides destinations, order and storms.
    pub seed: u64,
    /// Number of the first trial.
    pub first: u32,
    /// How it ended.
    pub status: Status,
    /// What the soak has shown.
    pub verdict: Verdict,
    /// Why it is no pass.
    pub reasons: Vec<String>,
    /// Valid trials in which everything was as it must be.
    pub passed: u64,
    /// The same by mode; a mode that never passed is in it, too.
    pub passed_by_mode: BTreeMap<String, u64>,
    /// Trials that prove nothing: this machine had no time for them.
    pub invalid: u64,
    /// Why the last invalid one was.
    pub last_invalid: Vec<String>,
    /// What ended the soak.
    pub violation: Option<Violation>,
    /// Packets offered in trials that passed.
    pub offered: u64,
    /// Of these, not delivered.
    pub lost: u64,
    /// Delivered more than once.
    pub duplicated: u64,
    /// Delivered where or as they should not.
    pub misdelivered: u64,
    /// A whole trial, seconds.
    pub trial_s: Spread,
    /// From the fault until the standby declared the active dead, milliseconds.
    pub detect_ms: Spread,
    /// From the fault until the last line card obeyed the new active, milliseconds.
    pub adopt_ms: Spread,
    /// From the fault until a standby was ready again, milliseconds.
    pub redundant_ms: Spread,
    /// The whole soak, milliseconds.
    pub elapsed_ms: u64,
    #[serde(skip)]
    begun: Instant,
}

/// The trial that ended a soak.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// Its number.
    pub trial: u32,
    /// Its mode.
    pub mode: String,
    /// What was not as it must be.
    pub reasons: Vec<String>,
    /// The command that holds it again.
    pub reproduce: String,
}

/// A quantity over many trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Trials that have it.
    pub n: u64,
    /// Least.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Most.
    pub max: f64,
}

impl Spread {
    /// One more.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        self.min = if self.n == 1 { value } else { self.min.min(value) };
        self.max = if self.n == 1 { value } else { self.max.max(value) };
        self.mean += (value - self.mean) / self.n as f64;
    }
}

impl Summary {
    pub(super) fn new(experiment: &Experiment, options: &SoakOptions) -> Self {
        Self {
            schema: SCHEMA,
            title: experiment.title.clone(),
            command: options.run.command.clone(),
            runtime: String::new(),
            seed: experiment.seed,
            first: options.first,
            status: Status::Running,
            verdict: Verdict::Inconclusive,
            reasons: Vec::new(),
            passed: 0,
            passed_by_mode: experiment.modes.iter().map(|mode| (mode.name().to_owned(), 0)).collect(),
            invalid: 0,
            last_invalid: Vec::new(),
            violation: None,
            offered: 0,
            lost: 0,
            duplicated: 0,
            misdelivered: 0,
            trial_s: Spread::default(),
            detect_ms: Spread::default(),
            adopt_ms: Spread::default(),
            redundant_ms: Spread::default(),
            elapsed_ms: 0,
            begun: Instant::now(),
        }
    }

    pub(super) fn is_done(&self, extent: Extent) -> bool {
        match extent {
            Extent::Trials(trials) => self.passed >= trials,
            Extent::Time(time) => self.begun.elapsed() >= time,
        }
    }

    pub(super) fn pass(&mut self, trial: &TrialRecord, took: Duration) {
        self.passed += 1;
        *self.passed_by_mode.entry(trial.mode.clone()).or_default() += 1;
        self.offered += trial.accounting.offered;
        self.lost += trial.accounting.lost;
        self.misdelivered += trial.accounting.misdelivered;
        self.duplicated += trial.duplicated();
        self.trial_s.add(took.as_secs_f64());
        let phases = &trial.switchover;
        for (spread, value) in [
            (&mut self.detect_ms, phases.detect),
            (&mut self.adopt_ms, phases.adopt),
            (&mut self.redundant_ms, phases.redundant),
        ] {
            if let Some(value) = value {
                spread.add(value);
            }
        }
    }

    pub(super) fn invalid(&mut self, _trial: &TrialRecord, reasons: &[String]) {
        self.invalid += 1;
        self.last_invalid = reasons.to_vec();
    }

    pub(super) fn violate(
        &mut self,
        experiment: &Experiment,
        options: &SoakOptions,
        trial: &TrialRecord,
        reasons: Vec<String>,
    ) {
        let reproduce = format!(
            "swact soak {} --mode {} --runtime {} --seed {} --first {} --trials 1",
            experiment.document.path().display(),
            trial.mode,
            if self.runtime.is_empty() { options.run.runtime.name() } else { &self.runtime },
            experiment.seed,
            trial.index
        );
        self.violation = Some(Violation { trial: trial.index, mode: trial.mode.clone(), reasons, reproduce });
    }

    /// The end, and what all of it shows: a soak that did not do what it was told is no pass.
    pub(super) fn end(&mut self, status: Status, error: Option<&RunError>, extent: Extent, elapsed_ms: u64) {
        self.status = status;
        self.elapsed_ms = elapsed_ms;
        let mut judgement = Judgement::default();
        if let Some(violation) = &self.violation {
            for reason in &violation.reasons {
                judgement.note(Verdict::Fail, reason.clone());
            }
        }
        let mut lack = |reason: String| judgement.note(Verdict::Inconclusive, reason);
        if let Some(error) = error {
            lack(format!("the soak ended before its time: {error}"));
        }
        let enough = match extent {
            Extent::Trials(trials) => self.passed >= trials,
            Extent::Time(time) => self.elapsed_ms >= time.as_millis() as u64,
        };
        if !enough && self.violation.is_none() {
            let of = match extent {
                Extent::Trials(trials) => format!("{} of {trials} trials passed", self.passed),
                Extent::Time(time) => format!("{:.0} of {} s", self.elapsed_ms as f64 / 1e3, time.as_secs()),
            };
            lack(format!("it ended early: {of}, {} invalid", self.invalid));
        }
        for (mode, _) in self.passed_by_mode.iter().filter(|(_, passed)| **passed == 0) {
            lack(format!("{mode}: no trial passed"));
        }
        self.verdict = judgement.verdict;
        self.reasons = judgement.reasons;
    }

    /// How it goes, in one line.
    pub(super) fn line(&self, extent: Extent) -> String {
        let of = match extent {
            Extent::Trials(trials) => format!(" of {trials}"),
            Extent::Time(_) => String::new(),
        };
        let mut line = format!(
            "{}{of} trials passed, {} of {} packets lost, {:.2} s a trial",
            self.passed, self.lost, self.offered, self.trial_s.mean
        );
        if self.invalid > 0 {
            line += &format!(", {} invalid", self.invalid);
        }
        let left = match extent {
            Extent::Trials(trials) => {
                Duration::from_secs_f64(self.trial_s.mean * trials.saturating_sub(self.passed) as f64)
            }
            Extent::Time(time) => time.saturating_sub(self.begun.elapsed()),
        };
        line + &format!(", {} min {:02} s left", left.as_secs() / 60, left.as_secs() % 60)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join("soak.json");
        let text =
            serde_json::to_vec_pretty(self).map_err(|source| StoreError::Parse { path: path.clone(), source })?;
        write_atomically(&path, &text)?;
        let Some(violation) = &self.violation else { return Ok(()) };
        let mut text = format!("Trial {} ({}) of '{}':\n", violation.trial, violation.mode, self.title);
        for reason in &violation.reasons {
            text += &format!("  {reason}\n");
        }
        text += &format!("\nIt is held again by\n\n  {}\n\n", violation.reproduce);
        text += "experiment.yml, topology.yml  what was run\nreport.html, report.json      its evidence\n";
        text += "events.ndjson                 what happened, event by event\nlogs/                         what every card said\n";
        write_atomically(&folder.join("reproduce.txt"), text.as_bytes())
    }

    /// Rows of a table for people.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let row = |what: &str, value: String| vec![what.to_owned(), value];
        let spread = |spread: &Spread, digits: usize| match spread.n {
            0 => "–".to_owned(),
            n => format!("{:.digits$} … {:.digits$} … {:.digits$}  (n = {n})", spread.min, spread.mean, spread.max),
        };
        let mut rows = vec![
            row("verdict", self.verdict.to_string()),
            row("trials passed", self.passed.to_string()),
            row("trials invalid", self.invalid.to_string()),
            row("violations", u32::from(self.violation.is_some()).to_string()),
            row("packets offered", self.offered.to_string()),
            row("packets lost", self.lost.to_string()),
            row("packets duplicated", self.duplicated.to_string()),
            row("packets misdelivered", self.misdelivered.to_string()),
            row("detected, ms: least … mean … most", spread(&self.detect_ms, 1)),
            row("line cards adopted, ms", spread(&self.adopt_ms, 1)),
            row("redundant again, ms", spread(&self.redundant_ms, 1)),
            row("a trial, s", spread(&self.trial_s, 2)),
            row("all of it, s", format!("{:.1}", self.elapsed_ms as f64 / 1e3)),
            row("runtime", self.runtime.clone()),
        ];
        if let Some(violation) = &self.violation {
            rows.push(row("violated in trial", format!("{} ({})", violation.trial, violation.mode)));
            rows.extend(violation.reasons.iter().map(|reason| row("", reason.clone())));
            rows.push(row("again", violation.reproduce.clone()));
        } else {
            rows.extend(self.reasons.iter().map(|reason| row("", reason.clone())));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_keeps_three_numbers_of_any_many() {
        let mut spread = Spread::default();
        for value in [3.0, 1.0, 2.0] {
            spread.add(value);
        }
        assert_eq!(spread, Spread { n: 3, min: 1.0, mean: 2.0, max: 3.0 });
    }
}
