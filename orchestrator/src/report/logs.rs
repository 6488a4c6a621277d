//! The histograms' files: `loss.hlog`, `outage.hlog`, and `<mode>.hgrm` for each mode.

use super::{RunRecord, StoreError, summary::mode_rank};
use measure::{
    TrialRecord,
    histogram::{self, Interval},
};
use std::{collections::BTreeMap, time::Duration};

/// Names and contents. A log has one interval a trial, tagged with its mode: the distribution over flows.
pub(super) fn files(run: &RunRecord) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let start = Duration::from_millis(run.started_unix_ms);
    let mut files = vec![
        ("loss.hlog".to_owned(), log(run, start, 1.0, losses)?),
        ("outage.hlog".to_owned(), log(run, start, 1e6, outages_ns)?),
    ];
    let mut modes: BTreeMap<(usize, &str), Vec<u64>> = BTreeMap::new();
    for trial in run.trials.iter().filter(|trial| trial.valid()) {
        modes.entry((mode_rank(&trial.mode), &trial.mode)).or_default().extend(outages_ns(trial));
    }
    for ((_, mode), outages) in modes {
        let text = histogram::hgrm(&histogram::of(outages), 1e6);
        files.push((format!("{mode}.hgrm"), text.into_bytes()));
    }
    Ok(files)
}

/// Packets lost by each flow.
fn losses(trial: &TrialRecord) -> Vec<u64> {
    trial.traffic.iter().flat_map(|traffic| &traffic.flows).map(|flow| u64::from(flow.lost())).collect()
}

/// Total loss-derived outage of each flow, nanoseconds.
pub(super) fn outages_ns(trial: &TrialRecord) -> Vec<u64> {
    let of_flows = |traffic: &measure::TrafficEvidence| {
        let interval = traffic.schedule.flow_interval_ns();
        traffic.flows.iter().map(|flow| (f64::from(flow.lost()) * interval).round() as u64).collect::<Vec<_>>()
    };
    trial.traffic.iter().flat_map(of_flows).collect()
}

fn log(
    run: &RunRecord,
    start: Duration,
    divisor: f64,
    values: fn(&TrialRecord) -> Vec<u64>,
) -> Result<Vec<u8>, StoreError> {
    let valid: Vec<&TrialRecord> = run.trials.iter().filter(|trial| trial.valid()).collect();
    let histograms: Vec<_> = valid.iter().map(|trial| histogram::of(values(trial))).collect();
    let interval = |(trial, histogram)| {
        let trial: &&TrialRecord = trial;
        Interval {
            tag: &trial.mode,
            start: Duration::from_millis(trial.started_unix_ms),
            length: Duration::try_from_secs_f64(trial.duration_ms / 1e3).unwrap_or_default(),
            histogram,
        }
    };
    let intervals: Vec<Interval<'_>> = valid.iter().zip(&histograms).map(interval).collect();
    Ok(histogram::hlog(start, divisor, &intervals)?)
}
