//! Two runs side by side: what improved, what is worse, and by how much.

use super::{
    Cell, Report, RunRecord,
    format::{self, NOT_MEASURED, figure, maybe},
    summary::valid,
    tables::TableData,
    terminal,
};
use measure::{
    stats::Difference,
    verdict::{Quantity, Verdict},
};
use notation::text::line;
use serde::Serialize;
use std::{collections::BTreeSet, fmt::Write};

/// Name and version of the layout.
const SCHEMA: &str = "swact.compare/1";

/// How something changed from the earlier run to the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Less than before, beyond chance, resolution and tolerance.
    Improved,
    /// Neither.
    Unchanged,
    /// Too few trials to tell, or nothing to compare with any more.
    Undecided,
    /// More than before, beyond chance, resolution and tolerance.
    Worse,
}

/// Two runs compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareReport {
    /// `swact.compare/1`.
    pub schema: &'static str,
    /// Begin of the earlier run and of the later one, UTC.
    pub started: [String; 2],
    /// Changes of less than this share of the earlier median are none.
    pub tolerance_percent: f64,
    /// What was not the same in both runs, so that a change may have another reason than the software.
    pub conditions: Vec<String>,
    /// One entry a mode and fault that both have.
    pub cells: Vec<CellChange>,
    /// Modes and faults, traffic and quantities that only one of them has. What the earlier run had and the later one has not
    /// is undecided at best.
    pub only_in_one: Vec<String>,
    /// Worse if anything is worse; else undecided if anything is; else improved if anything is.
    pub change: Change,
}

/// What changed in one mode under one fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellChange {
    /// The mode.
    pub mode: String,
    /// The fault.
    pub fault: String,
    /// Valid trials before and after.
    pub trials: [usize; 2],
    /// Verdicts before and after.
    pub verdicts: [Verdict; 2],
    /// A verdict that is no pass any more is worse.
    pub verdict_change: Change,
    /// Quantity by quantity.
    pub quantities: Vec<QuantityChange>,
}

/// What changed in one quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantityChange {
    /// Its name, as thresholds have it.
    pub quantity: &'static str,
    /// Median before.
    pub before: f64,
    /// Median after.
    pub after: f64,
    /// After less before, with its 95 % interval.
    pub difference: Difference,
    /// The same in percent of the median before; `None` when that is 0.
    pub percent: Option<f64>,
    /// What that amounts to.
    pub change: Change,
}

/// Compares a later run with an earlier one.
pub fn compare(before: &RunRecord, after: &RunRecord, tolerance_percent: f64) -> CompareReport {
    let (a, b) = (Report::of(before), Report::of(after));
    let twin = |cell: &Cell, of: &Report| {
        of.cells.iter().find(|other| other.mode == cell.mode && other.fault == cell.fault).cloned()
    };
    let mut cells = Vec::new();
    let mut only_in_one = Vec::new();
    for cell in &a.cells {
        match twin(cell, &b) {
            Some(later) => cells.push(compare_cells((before, cell), (after, &later), tolerance_percent)),
            None => only_in_one.push(a.cell_label(cell)),
        }
    }
    let both = a.cells.iter().filter_map(|cell| Some((cell, twin(cell, &b)?)));
    only_in_one.extend(both.flat_map(|(cell, later)| vanished(&a.cell_label(cell), (before, cell), (after, &later))));
    let paths_after = paths(after);
    only_in_one.extend(paths(before).difference(&paths_after).map(|path| format!("traffic {path}")));
    let vanished = !only_in_one.is_empty();
    only_in_one.iter_mut().for_each(|what| what.push_str(": only in the earlier run"));
    let new = b.cells.iter().filter(|cell| twin(cell, &a).is_none());
    only_in_one.extend(new.map(|cell| format!("{}: only in the later run", b.cell_label(cell))));
    let all = || cells.iter().flat_map(|cell| cell.quantities.iter().map(|of| of.change).chain([cell.verdict_change]));
    let any = |change: Change| all().any(|other| other == change);
    let cut_short = !a.reasons.is_empty() || !b.reasons.is_empty();
    let change = match () {
        () if any(Change::Worse) => Change::Worse,
        // A run that was cut short proves neither that nothing changed nor that anything is better.
        () if any(Change::Undecided) || cells.is_empty() || vanished || cut_short => Change::Undecided,
        () if any(Change::Improved) => Change::Improved,
        () => Change::Unchanged,
    };
    CompareReport {
        schema: SCHEMA,
        started: [a.started.clone(), b.started.clone()],
        tolerance_percent,
        conditions: conditions(&a, &b),
        cells,
        only_in_one,
        change,
    }
}

/// From and to which ports of the chassis a run's traffic goes.
fn paths(run: &RunRecord) -> BTreeSet<String> {
    run.flows.iter().map(|flow| format!("{} → {}", flow.ingress, flow.egress)).collect()
}

/// What a quantity is in each valid trial of a cell.
fn samples(run: &RunRecord, cell: &Cell, quantity: Quantity) -> Vec<f64> {
    valid(run, &cell.mode, &cell.fault).filter_map(|trial| quantity.of(trial)).collect()
}

/// Quantities that were measured before and are not any more.
fn vanished(label: &str, before: (&RunRecord, &Cell), after: (&RunRecord, &Cell)) -> Vec<String> {
    let counted = |cell: &Cell| cell.trials - cell.invalid_trials;
    if counted(after.1) == 0 {
        let had = counted(before.1) > 0;
        return had.then(|| format!("{label}, valid trials")).into_iter().collect();
    }
    let there = |(run, cell): (&RunRecord, &Cell), quantity| !samples(run, cell, quantity).is_empty();
    let gone = Quantity::ALL.iter().filter(|quantity| there(before, **quantity) && !there(after, **quantity));
    gone.map(|quantity| format!("{label}, {}", quantity.name())).collect()
}

fn compare_cells(before: (&RunRecord, &Cell), after: (&RunRecord, &Cell), tolerance: f64) -> CellChange {
    let ((run_a, a), (run_b, b)) = (before, after);
    let resolution = a.resolution_ms.into_iter().chain(b.resolution_ms).fold(0.0, f64::max);
    let of_quantity = |quantity: &Quantity| {
        let (of_a, of_b) = (samples(run_a, a, *quantity), samples(run_b, b, *quantity));
        let nothing = *quantity != Quantity::Lost && of_a.iter().chain(&of_b).all(|value| *value == 0.0);
        if nothing {
            return None;
        }
        let difference = Difference::of(&of_a, &of_b, run_a.seed)?;
        let median = |samples| measure::Stat::of(samples, run_a.seed).median;
        let (before, after) = (median(of_a)?, median(of_b)?);
        let outage = matches!(quantity, Quantity::Outage | Quantity::Longest | Quantity::Total | Quantity::ArrivalGap);
        let floor = (before.abs() * tolerance / 100.0).max(if outage { resolution } else { 0.0 });
        let change = match difference.significant() {
            None => Change::Undecided,
            Some(true) if difference.median > floor => Change::Worse,
            Some(true) if difference.median < -floor => Change::Improved,
            Some(_) => Change::Unchanged,
        };
        let percent = (before != 0.0).then(|| difference.median / before * 100.0);
        Some(QuantityChange { quantity: quantity.name(), before, after, difference, percent, change })
    };
    let rank = |verdict: Verdict| u8::from(verdict != Verdict::Pass) + u8::from(verdict == Verdict::Fail);
    CellChange {
        mode: a.mode.clone(),
        fault: a.fault.clone(),
        trials: [a.trials - a.invalid_trials, b.trials - b.invalid_trials],
        verdicts: [a.verdict, b.verdict],
        verdict_change: match rank(b.verdict).cmp(&rank(a.verdict)) {
            std::cmp::Ordering::Greater if b.verdict == Verdict::Inconclusive => Change::Undecided,
            std::cmp::Ordering::Greater => Change::Worse,
            std::cmp::Ordering::Equal => Change::Unchanged,
            std::cmp::Ordering::Less => Change::Improved,
        },
        quantities: Quantity::ALL.iter().filter_map(of_quantity).collect(),
    }
}

/// What a reader must know before blaming the software.
fn conditions(a: &Report, b: &Report) -> Vec<String> {
    let load = |report: &Report| {
        let cell = report.cells.iter().find(|cell| cell.offered_pps.is_some());
        cell.map(|cell| (cell.offered_pps, cell.flows, cell.frame_size))
    };
    let text = |report: &Report| {
        let load = load(report).map_or(NOT_MEASURED.to_owned(), |(pps, flows, size)| {
            let (flows, size) = (flows.unwrap_or(0), size.unwrap_or(0));
            format!("{}, {flows} flows, {size} bytes", pps.map_or(NOT_MEASURED.to_owned(), format::rate))
        });
        let (topology, host) = (&report.topology, &report.host);
        [
            ("load", load),
            ("platform", topology.platform.clone()),
            ("image", topology.image.clone()),
            ("line cards", topology.line_cards.to_string()),
            ("routes", format!("{} IPv4, {} IPv6", topology.routes_ipv4, topology.routes_ipv6)),
            ("churn", topology.churn().to_owned()),
            ("timers", format!("{} ms, {} ms", topology.heartbeat_ms, topology.switchover_timer_ms)),
            ("runtime", report.runtime.clone()),
            ("processors", host.cpus.to_string()),
            ("kernel", host.kernel.clone()),
            ("swact", report.version.clone()),
        ]
    };
    let pairs = text(a).into_iter().zip(text(b));
    let differ = pairs.filter(|((_, a), (_, b))| a != b).map(|((name, a), (_, b))| format!("{name}: {a} → {b}"));
    let cut_short = [("the earlier run", a), ("the later run", b)]
        .into_iter()
        .flat_map(|(which, report)| report.reasons.iter().map(move |reason| format!("{which}: {reason}")));
    differ.chain(cut_short).collect()
}

impl CompareReport {
    fn table(&self) -> TableData {
        let header = ["mode", "quantity", "before", "after", "difference [95 %]", "percent", "change"];
        let mut table = TableData::new("Two runs compared", "", &header);
        for cell in &self.cells {
            let several = self.cells.iter().filter(|other| other.mode == cell.mode).count() > 1;
            let mode = format::mode_label(&cell.mode);
            let mode = if several { format!("{mode}, {}", cell.fault) } else { mode };
            let [before, after] = cell.verdicts.map(|verdict| verdict.to_string());
            let dash = || NOT_MEASURED.to_owned();
            table.rows.push(vec![
                mode.clone(),
                "verdict".to_owned(),
                before,
                after,
                dash(),
                dash(),
                words(cell.verdict_change).to_owned(),
            ]);
            for of in &cell.quantities {
                let interval = of
                    .difference
                    .ci95
                    .map_or(String::new(), |[low, high]| format!(" [{} to {}]", figure(low), figure(high)));
                let sign = if of.difference.median > 0.0 { "+" } else { "" };
                table.rows.push(vec![
                    mode.clone(),
                    of.quantity.to_owned(),
                    figure(of.before),
                    figure(of.after),
                    format!("{sign}{}{interval}", figure(of.difference.median)),
                    of.percent.map_or_else(dash, |percent| format!("{percent:+.1} %")),
                    words(of.change).to_owned(),
                ]);
            }
        }
        table
    }

    /// The comparison for people: a line a mode and quantity.
    pub fn text(&self, colour: bool) -> String {
        let [before, after] = &self.started;
        let mut out = format!("{before} → {after}: {}\n", words(self.change));
        if self.cells.is_empty() {
            out.push_str("the two runs have no mode and fault in common\n");
        } else {
            let trials: Vec<String> = self
                .cells
                .iter()
                .map(|cell| {
                    let [a, b] = cell.trials;
                    format!("{} {a} and {b}", format::mode_label(&cell.mode))
                })
                .collect();
            let _ = writeln!(out, "{}", terminal::draw(&self.table(), colour));
            let _ = writeln!(out, "valid trials: {}", trials.join("; "));
            let tolerance = maybe(Some(self.tolerance_percent));
            let _ = writeln!(
                out,
                "a change is one beyond chance (the interval leaves zero out), resolution and {tolerance} %"
            );
        }
        for what in &self.only_in_one {
            let _ = writeln!(out, "! {}", line(what));
        }
        for what in &self.conditions {
            let _ = writeln!(out, "! not the same conditions: {}", line(what));
        }
        out
    }
}

fn words(change: Change) -> &'static str {
    match change {
        Change::Improved => "improved",
        Change::Unchanged => "unchanged",
        Change::Worse => "worse",
        Change::Undecided => "undecided",
    }
}
