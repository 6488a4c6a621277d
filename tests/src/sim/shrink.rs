//! The shortest schedule that still fails the same way.

use super::{Life, Record, Step, Wait};

/// Runs that shrinking may take: minutes at most, for a life of a thousand steps.
const RUNS: usize = 2_000;

/// Takes away steps of a failing life, then waits, for as long as it fails the same way; a life that does not
/// fail is returned as it is.
pub fn shrink(life: &Life) -> Life {
    let mut runs = 0;
    let mut fails = |candidate: &Life, wanted: &Option<String>| {
        runs += 1;
        let failed = (runs < RUNS).then(|| candidate.run(Record::Hash).violation).flatten();
        let sort = failed.map(|violation| sort(&violation.0));
        if wanted.is_some() { sort == *wanted } else { sort.is_some() }
    };
    let Some(first) = life.run(Record::Hash).violation else { return life.clone() };
    let wanted = Some(sort(&first.0));
    let mut best = life.clone();
    let mut size = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut shorter = false;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            candidate.steps.drain(at..(at + size).min(best.steps.len()));
            if fails(&candidate, &wanted) {
                best = candidate;
                shorter = true;
            } else {
                at += size;
            }
        }
        if size == 1 && !shorter {
            break;
        }
        size = (size / 2).max(1);
    }
    for at in 0..best.steps.len() {
        for wait in [Wait::Rest, Wait::For(0), Wait::For(100)] {
            let mut candidate = best.clone();
            candidate.steps[at] = Step { wait, ..candidate.steps[at].clone() };
            if best.steps[at].wait != wait && fails(&candidate, &wanted) {
                best = candidate;
                break;
            }
        }
    }
    best
}

/// What kind of violation it is: its words up to the first particular.
fn sort(violation: &str) -> String {
    violation.split([':', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']).next().unwrap_or_default().to_owned()
}
