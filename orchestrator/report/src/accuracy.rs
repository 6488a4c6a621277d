//! Known outages: what was injected, held against what the report finds.

use super::{
    RunRecord,
    format::{count, figure, maybe},
    tables::TableData,
};
use measure::{
    Stat,
    accuracy::{Found, KnownOutage},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Outages of one measure, over all valid trials.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Every so many-th packet was dropped; 1: all of them.
    pub every: u32,
    /// How long, milliseconds, by the clock of the card that dropped.
    pub injected_ms: f64,
    /// How many such outages.
    pub n: usize,
    /// Packets that the card dropped in them, by its own count.
    pub dropped: u64,
    /// Packets that the tester missed in them.
    pub lost: u64,
    /// Loss-derived outage, milliseconds: for a share of the packets, of that share.
    pub loss_derived_ms: Stat,
    /// Greatest distance of a loss-derived outage from what was injected, milliseconds.
    pub worst_error_ms: f64,
    /// Timestamp-derived outage over all flows, milliseconds; nothing when only a share was dropped.
    pub timestamp_derived_ms: Stat,
    /// The time between two packets of a flow, milliseconds.
    pub resolution_ms: f64,
    /// Whether every one was found within that resolution.
    pub within_resolution: bool,
    /// Accuracy stated for them, milliseconds, of the one where it is widest: the resolution, and how late, where the outage
    /// begins and ends, the generator sent and the card read.
    #[serde(default)]
    pub accuracy_ms: f64,
    /// Whether every one was found within the accuracy that is stated for it.
    #[serde(default)]
    pub within_accuracy: bool,
}

impl Accuracy {
    /// What was injected, in words.
    fn injected(&self) -> String {
        let share = if self.every == 1 { String::new() } else { format!("1 in {} for ", self.every) };
        format!("{share}{}", length(self.injected_ms))
    }

    /// What is wrong with the instrument, if something is.
    pub(super) fn reason(&self) -> Option<String> {
        let (injected, error) = (self.injected(), figure(self.worst_error_ms));
        let off = format!("known outages of {injected}: found up to {error} ms off, farther than was stated");
        (!self.within_accuracy).then_some(off)
    }
}

/// All known outages of a run, by their measure.
pub(super) fn accuracy(run: &RunRecord) -> Vec<Accuracy> {
    let mut measures: BTreeMap<(u32, u64), Vec<Vec<Known<'_>>>> = BTreeMap::new();
    for trial in run.trials.iter().filter(|trial| trial.valid()) {
        let mut of_trial: BTreeMap<(u32, u64), Vec<Known<'_>>> = BTreeMap::new();
        for known in &trial.known_outages {
            let found = trial.traffic.iter().map(|traffic| (known, known.find(traffic)));
            of_trial.entry((known.every, known.length_ns())).or_default().extend(found);
        }
        for (measure, of) in of_trial {
            measures.entry(measure).or_default().push(of);
        }
    }
    measures.into_iter().map(|((every, length_ns), of)| row(every, length_ns as f64 / 1e6, &of, run.seed)).collect()
}

/// A known outage, and what one tester found of it.
type Known<'a> = (&'a KnownOutage, Found);

/// `trials` holds a list a trial: outages of one trial are not independent, nor are flows of one outage, so that an
/// interval comes from resampling whole trials.
fn row(every: u32, injected_ms: f64, trials: &[Vec<Known<'_>>], seed: u64) -> Accuracy {
    // Losing a share of the packets for a time is losing all of them for that share of it.
    let expected_ms = injected_ms / f64::from(every.max(1));
    let loss_derived_ms = |(_, found): &Known<'_>| found.loss_derived_ns / 1e6;
    let timestamps_ms =
        |(_, found): &Known<'_>| found.timestamp_derived_ns.iter().map(|ns| *ns as f64 / 1e6).collect::<Vec<_>>();
    let by_trial = |ms: &dyn Fn(&Known<'_>) -> Vec<f64>| -> Vec<Vec<f64>> {
        trials.iter().map(|of| of.iter().flat_map(ms).collect()).collect()
    };
    let of = || trials.iter().flatten();
    let resolution_ms = of().map(|(_, found)| found.resolution_ns / 1e6).fold(0.0, f64::max);
    let accuracy_ms = of().map(|(_, found)| found.accuracy_ns / 1e6).fold(0.0, f64::max);
    let error_ms = |one: &Known<'_>| (loss_derived_ms(one) - expected_ms).abs();
    let worst_error_ms = of().map(error_ms).fold(0.0, f64::max);
    Accuracy {
        every,
        injected_ms,
        n: of().count(),
        dropped: of().map(|(known, _)| known.dropped).fold(0, u64::saturating_add),
        lost: of().map(|(_, found)| found.lost).sum(),
        timestamp_derived_ms: Stat::of_groups(&by_trial(&timestamps_ms), seed),
        loss_derived_ms: Stat::of_groups(&by_trial(&|one| vec![loss_derived_ms(one)]), seed),
        worst_error_ms,
        resolution_ms,
        within_resolution: worst_error_ms <= resolution_ms,
        accuracy_ms,
        // Each by its own: a wide one excuses no other.
        within_accuracy: of().all(|one| error_ms(one) <= one.1.accuracy_ns / 1e6),
    }
}

/// The table; `None` when no outage was injected by measure.
pub(super) fn table(rows: &[Accuracy]) -> Option<TableData> {
    let note = "A line card dropped by order, for a time on its own clock, and counted what it dropped; the finding \
                uses neither. Found: loss-derived, over all flows, the median; error: of the one that is farthest off. \
                Timestamps: timestamp-derived, shortest to longest flow, up to two resolutions above. Stated: resolution, \
                and how late tester and card were at the outage's ends, where that is most; within: each by its own.";
    let header = ["injected", "n", "dropped", "lost", "found ms", "error ms", "timestamps ms", "stated ms", "within"];
    let mut table = TableData::new("Known outages, injected and found", note, &header);
    for row in rows {
        let timestamps = match (row.timestamp_derived_ms.min, row.timestamp_derived_ms.max) {
            (Some(min), Some(max)) => format!("{}–{}", figure(min), figure(max)),
            _ => maybe(None),
        };
        table.rows.push(vec![
            row.injected(),
            row.n.to_string(),
            count(row.dropped),
            count(row.lost),
            maybe(row.loss_derived_ms.median),
            figure(row.worst_error_ms),
            timestamps,
            figure(row.accuracy_ms),
            if row.within_accuracy { "yes" } else { "no" }.to_owned(),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn length(ms: f64) -> String {
    if ms < 1e3 { format!("{} ms", figure(ms)) } else { format!("{} s", figure(ms / 1e3)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_packets_is_that_share_of_the_time() {
        let known = KnownOutage { every: 10, ended_ns: 1_000_000_000, dropped: 1000, ..KnownOutage::default() };
        let found =
            Found { lost: 1000, loss_derived_ns: 1e8, resolution_ns: 1e6, accuracy_ns: 1e6, ..Found::default() };
        let row = row(10, 1000.0, &[vec![(&known, found)]], 1);
        assert_eq!((row.worst_error_ms, row.within_resolution, row.reason()), (0.0, true, None));
        let table = table(&[row]).unwrap();
        assert_eq!(table.rows[0][0], "1 in 10 for 1 s");
        assert_eq!(table.rows[0][6], "–");
    }

    #[test]
    fn an_outage_that_is_found_too_long_is_said_to_be_outside() {
        let known = KnownOutage { every: 1, ended_ns: 10_000_000, dropped: 100, ..KnownOutage::default() };
        let timestamp_derived_ns = vec![11_000_000, 13_000_000];
        let found =
            Found { lost: 130, loss_derived_ns: 13e6, resolution_ns: 1e6, accuracy_ns: 1e6, timestamp_derived_ns };
        let late = Found { accuracy_ns: 9e6, ..found.clone() };
        let one = row(1, 10.0, &[vec![(&known, late.clone())]], 1);
        assert!(
            (one.worst_error_ms - 3.0).abs() < 1e-9 && one.within_accuracy && !one.within_resolution,
            "the host was late, and that is stated"
        );
        let both = row(1, 10.0, &[vec![(&known, found), (&known, late)]], 1);
        assert!(!both.within_accuracy && both.accuracy_ms == 9.0, "one that was stated wide excuses no other");
        assert_eq!(one.reason(), None);
        let reason = "known outages of 10 ms: found up to 3 ms off, farther than was stated";
        assert_eq!(both.reason().as_deref(), Some(reason));
        let table = table(&[both]).unwrap();
        assert_eq!(table.rows[0][6..], ["11–13", "9", "no"]);
        assert!(super::table(&[]).is_none());
    }

    #[test]
    fn an_interval_comes_from_trials_and_not_from_the_flows_of_one() {
        let known = KnownOutage { every: 1, ended_ns: 10_000_000, dropped: 100, ..KnownOutage::default() };
        let found = |at: u64| {
            let timestamp_derived_ns = (0..20).map(|flow| 10_000_000 + at * 100_000 + flow * 10_000).collect();
            Found { lost: 100, loss_derived_ns: 10e6 + at as f64, timestamp_derived_ns, ..Found::default() }
        };
        let of = |trials: u64, each: u64| {
            let trials: Vec<Vec<_>> = (0..trials).map(|at| (0..each).map(|_| (&known, found(at))).collect()).collect();
            row(1, 10.0, &trials, 1)
        };
        for (trials, each, interval) in [(1, 1, false), (1, 8, false), (5, 3, false), (6, 1, true)] {
            let row = of(trials, each);
            let drawn = (row.loss_derived_ms.ci95.is_some(), row.timestamp_derived_ms.ci95.is_some());
            assert_eq!((row.n as u64, drawn), (trials * each, (interval, interval)), "{trials} trials of {each}");
        }
    }
}
