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
    /// Resolution stated for outages: the time between two packets of a flow, milliseconds.
    pub resolution_ms: f64,
    /// Whether every one was found within that resolution.
    pub within_resolution: bool,
}

/// All known outages of a run, by their measure.
pub(super) fn accuracy(run: &RunRecord) -> Vec<Accuracy> {
    let mut groups: BTreeMap<(u32, u64), Vec<(&KnownOutage, Found)>> = BTreeMap::new();
    for trial in run.trials.iter().filter(|trial| trial.valid()) {
        for known in &trial.known_outages {
            for traffic in &trial.traffic {
                groups.entry((known.every, known.length_ns())).or_default().push((known, known.find(traffic)));
            }
        }
    }
    groups.into_iter().map(|((every, length_ns), of)| row(every, length_ns as f64 / 1e6, &of, run.seed)).collect()
}

fn row(every: u32, injected_ms: f64, of: &[(&KnownOutage, Found)], seed: u64) -> Accuracy {
    // Losing a share of the packets for a time is losing all of them for that share of it.
    let expected_ms = injected_ms / f64::from(every.max(1));
    let loss_derived: Vec<f64> = of.iter().map(|(_, found)| found.loss_derived_ns / 1e6).collect();
    let timestamps = of.iter().flat_map(|(_, found)| &found.timestamp_derived_ns).map(|ns| *ns as f64 / 1e6);
    let resolution_ms = of.iter().map(|(_, found)| found.resolution_ns / 1e6).fold(0.0, f64::max);
    let worst_error_ms = loss_derived.iter().map(|ms| (ms - expected_ms).abs()).fold(0.0, f64::max);
    Accuracy {
        every,
        injected_ms,
        n: of.len(),
        dropped: of.iter().map(|(known, _)| known.dropped).sum(),
        lost: of.iter().map(|(_, found)| found.lost).sum(),
        timestamp_derived_ms: Stat::of(timestamps, seed),
        loss_derived_ms: Stat::of(loss_derived, seed),
        worst_error_ms,
        resolution_ms,
        within_resolution: worst_error_ms <= resolution_ms,
    }
}

/// The table; `None` when no outage was injected by measure.
pub(super) fn table(rows: &[Accuracy]) -> Option<TableData> {
    let note = "A line card dropped by order, for a time on its own clock, and counted what it dropped; the finding \
                uses neither. Found: loss-derived, over all flows, the median; error: of the one that is farthest off. \
                Timestamps: timestamp-derived, shortest to longest flow, up to two resolutions above.";
    let header = ["injected", "n", "dropped", "lost", "found ms", "error ms", "timestamps ms", "within"];
    let mut table = TableData::new("Known outages, injected and found", note, &header);
    for row in rows {
        let share = if row.every == 1 { String::new() } else { format!("1 in {} for ", row.every) };
        let timestamps = match (row.timestamp_derived_ms.min, row.timestamp_derived_ms.max) {
            (Some(min), Some(max)) => format!("{}–{}", figure(min), figure(max)),
            _ => maybe(None),
        };
        table.rows.push(vec![
            format!("{share}{}", length(row.injected_ms)),
            row.n.to_string(),
            count(row.dropped),
            count(row.lost),
            maybe(row.loss_derived_ms.median),
            figure(row.worst_error_ms),
            timestamps,
            format!("{} ms: {}", figure(row.resolution_ms), if row.within_resolution { "yes" } else { "no" }),
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
        let found = Found { lost: 1000, loss_derived_ns: 1e8, resolution_ns: 1e6, ..Found::default() };
        let row = row(10, 1000.0, &[(&known, found)], 1);
        assert_eq!((row.worst_error_ms, row.within_resolution), (0.0, true));
        let table = table(&[row]).unwrap();
        assert_eq!(table.rows[0][0], "1 in 10 for 1 s");
        assert_eq!(table.rows[0][6], "–");
    }

    #[test]
    fn an_outage_that_is_found_too_long_is_said_to_be_outside() {
        let known = KnownOutage { every: 1, ended_ns: 10_000_000, dropped: 100, ..KnownOutage::default() };
        let timestamp_derived_ns = vec![11_000_000, 13_000_000];
        let found = Found { lost: 130, loss_derived_ns: 13e6, resolution_ns: 1e6, timestamp_derived_ns };
        let row = row(1, 10.0, &[(&known, found)], 1);
        assert!((row.worst_error_ms - 3.0).abs() < 1e-9 && !row.within_resolution);
        let table = table(&[row]).unwrap();
        assert_eq!((table.rows[0][6].as_str(), table.rows[0][7].as_str()), ("11–13", "1 ms: no"));
        assert!(super::table(&[]).is_none());
    }
}
