//! The histograms' files: `loss.hlog`, `outage.hlog`, `latency.hlog`, `arrival-gap.hlog`, and `<mode>.hgrm` and
//! `<mode>.latency.hgrm` for each mode.

use super::{RunRecord, StoreError, summary::mode_rank};
use measure::{
    FlowDelay, TrialRecord,
    histogram::{self, Interval},
};
use std::{collections::BTreeMap, time::Duration};

/// Names and contents. A log has one interval a trial, tagged with its mode: the distribution over flows.
pub(super) fn files(run: &RunRecord) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let start = Duration::from_millis(run.started_unix_ms);
    let mut files = vec![
        ("loss.hlog".to_owned(), log(run, start, 1.0, losses)?),
        ("outage.hlog".to_owned(), log(run, start, 1e6, outages_ns)?),
        ("latency.hlog".to_owned(), log(run, start, 1e6, latencies_ns)?),
        ("arrival-gap.hlog".to_owned(), log(run, start, 1e6, gaps_ns)?),
    ];
    let mut modes: BTreeMap<(usize, &str), [Vec<u64>; 2]> = BTreeMap::new();
    for trial in run.trials.iter().filter(|trial| trial.valid()) {
        let [outages, latencies] = modes.entry((mode_rank(&trial.mode), &trial.mode)).or_default();
        outages.extend(outages_ns(trial));
        latencies.extend(latencies_ns(trial));
    }
    for ((_, mode), [outages, latencies]) in modes {
        let mut hgrm = |name: String, values: Vec<u64>| {
            files.push((name, histogram::hgrm(&histogram::of(values), 1e6).into_bytes()));
        };
        hgrm(format!("{mode}.hgrm"), outages);
        // What was not measured has no distribution.
        if !latencies.is_empty() {
            hgrm(format!("{mode}.latency.hgrm"), latencies);
        }
    }
    Ok(files)
}

/// Greatest latency of each flow of which something arrived, nanoseconds.
pub(super) fn latencies_ns(trial: &TrialRecord) -> Vec<u64> {
    delays(trial).filter_map(|delay| delay.latency_max_ns).collect()
}

/// Longest time without an arrival of each flow, nanoseconds.
fn gaps_ns(trial: &TrialRecord) -> Vec<u64> {
    delays(trial).map(|delay| delay.gap_ns).collect()
}

fn delays(trial: &TrialRecord) -> impl Iterator<Item = FlowDelay> + '_ {
    trial.traffic.iter().flat_map(|traffic| &traffic.flows).filter_map(|flow| flow.delay)
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
