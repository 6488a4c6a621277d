//! A run held against itself, before anything is drawn of it.

use super::{RunRecord, Status, Wanted};
use measure::{TrialRecord, audit::Audit};
use std::fmt::Write;

/// Lines of an answer.
const LINES_MAX: usize = 12;

/// What is wrong with a run; empty: nothing contradicts anything.
pub(super) fn contradictions(run: &RunRecord) -> String {
    let mut found: Vec<String> = numbers(run).into_iter().chain(missing(run)).collect();
    let mut more = 0;
    for trial in run.trials.iter().chain(&run.noise_floor) {
        let audit = Audit::of(trial);
        more += audit.count - audit.told.len();
        found.extend(audit.told.iter().map(|told| format!("trial {}: {told}", trial.index)));
        found.extend(paths(run, trial));
    }
    let faulty = |(trial, floor): (&TrialRecord, bool)| trial.fault.is_empty() != floor;
    let trials = run.trials.iter().map(|trial| (trial, false)).chain(run.noise_floor.iter().map(|trial| (trial, true)));
    found.extend(trials.filter(|of| faulty(*of)).map(|(trial, floor)| {
        let list = if floor { "noise_floor" } else { "trials" };
        format!("trial {}: fault is {:?}, but it is one of {list}", trial.index, trial.fault)
    }));
    more += found.len().saturating_sub(LINES_MAX);
    let mut text = String::new();
    for line in found.iter().take(LINES_MAX) {
        let _ = write!(text, "\n  {line}");
    }
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}

/// Trials are numbered from 1 in the order in which they ran: one that is not there any more leaves a hole. A soak keeps
/// one trial only, whatever its number.
fn numbers(run: &RunRecord) -> Option<String> {
    let mut numbers: Vec<u32> = run.trials.iter().chain(&run.noise_floor).map(|trial| trial.index).collect();
    if numbers.len() == 1 {
        return None;
    }
    numbers.sort_unstable();
    let (wanted, found) = (1..).zip(numbers).find(|(wanted, found)| wanted != found)?;
    Some(if found < wanted {
        format!("trial {found} is there twice")
    } else {
        format!("trial {wanted} is missing, but there is a trial {found}")
    })
}

/// A run that was completed holds what was asked for, and nothing else.
fn missing(run: &RunRecord) -> Vec<String> {
    if run.status != Some(Status::Completed) || run.wanted.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, Wanted { mode, fault, trials, baseline }) in run.wanted.iter().enumerate() {
        let held = run.trials.iter().filter(|trial| trial.mode == *mode && trial.fault == *fault).count();
        let floor = run.noise_floor.iter().filter(|trial| trial.mode == *mode).count();
        for (name, wanted, held) in [("trials", *trials, held), ("baseline", *baseline, floor)] {
            if held < wanted {
                found.push(format!("wanted[{at}].{name} is {wanted}, but the completed run holds {held} of {mode:?}"));
            }
        }
    }
    let asked = |trial: &TrialRecord| {
        let of_mode = |wanted: &&Wanted| wanted.mode == trial.mode;
        run.wanted.iter().filter(of_mode).any(|wanted| trial.fault.is_empty() || wanted.fault == trial.fault)
    };
    let strangers = run.trials.iter().chain(&run.noise_floor).filter(|trial| !asked(trial));
    found.extend(strangers.map(|trial| {
        format!("trial {}: mode is {:?}, but nobody asked for that under its fault", trial.index, trial.mode)
    }));
    found
}

fn paths(run: &RunRecord, trial: &TrialRecord) -> Option<String> {
    let flows: usize = trial.traffic.iter().map(|traffic| traffic.flows.len()).sum();
    let known = run.flows.len();
    let differ = known > 0 && !trial.traffic.is_empty() && flows != known;
    differ.then(|| format!("trial {}: traffic has {flows} flows, but the run names {known}", trial.index))
}
