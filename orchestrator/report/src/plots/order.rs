//! Every trial in the order in which it was run: drift would show here.

use super::{LEFT, RIGHT, WIDTH, ZERO_BAND, legend};
use crate::{
    Report, RunRecord,
    format::{figure, mode_label},
    summary::mode_rank,
    svg::{Anchor, LogScale, Plot, class},
};
use measure::TrialRecord;
use std::collections::BTreeSet;

const HEIGHT: f64 = 330.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 280.0;

/// Total outage of the worst flow, trial by trial.
pub(super) fn plot(run: &RunRecord, report: &Report) -> Plot {
    let caption = "Total outage of the worst flow, trial by trial in run order. Hollow: invalid trial; \
                   grey: no fault. A trend here would be drift of the machine, not of the modes.";
    let mut plot = Plot::new("trials", caption.to_owned(), WIDTH, HEIGHT);
    let mut all: Vec<(&TrialRecord, f64)> =
        run.trials.iter().chain(&run.noise_floor).map(|trial| (trial, trial.outage().total_ns / 1e6)).collect();
    all.sort_by_key(|(trial, _)| trial.index);
    let y =
        LogScale::new(all.iter().map(|(_, outage)| *outage), BOTTOM - ZERO_BAND / 6.0, BOTTOM - ZERO_BAND * 0.6, TOP);
    for (value, label) in y.ticks() {
        plot.line("grid", (LEFT, y.at(value)), (RIGHT, y.at(value)));
        plot.text("soft", (LEFT - 8.0, y.at(value) + 4.0), Anchor::End, label);
    }
    plot.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    let order: BTreeSet<u32> = all.iter().map(|(trial, _)| trial.index).collect();
    let (first, last) = (order.first().copied().unwrap_or(1), order.last().copied().unwrap_or(1));
    let x =
        |index: u32| LEFT + 20.0 + f64::from(index - first) / f64::from((last - first).max(1)) * (RIGHT - LEFT - 40.0);
    for index in BTreeSet::from([first, u32::midpoint(first, last), last]) {
        plot.text("soft", (x(index), BOTTOM + 18.0), Anchor::Middle, index);
    }
    plot.text("soft", ((LEFT + RIGHT) / 2.0, BOTTOM + 40.0), Anchor::Middle, "trial, in run order");
    plot.data = vec![["trial", "mode", "fault", "total outage ms", "valid"].map(str::to_owned).to_vec()];
    for (trial, outage) in &all {
        let colour = if trial.fault.is_empty() { "other" } else { class(&trial.mode) };
        let shape = if trial.valid() { "dot" } else { "hollow" };
        let fault = if trial.fault.is_empty() { "no fault" } else { &trial.fault };
        let why = trial.invalid.first().map_or_else(String::new, |why| format!(", invalid: {why}"));
        let title = format!("trial {}: {}, {fault}: {} ms{why}", trial.index, mode_label(&trial.mode), figure(*outage));
        plot.dot(&format!("{shape} {colour}"), (x(trial.index), y.at(*outage)), &title);
        let valid = if trial.valid() { "yes" } else { "no" };
        let row =
            [trial.index.to_string(), mode_label(&trial.mode), fault.to_owned(), figure(*outage), valid.to_owned()];
        plot.data.push(row.to_vec());
    }
    let mut modes: Vec<&str> = run.trials.iter().map(|trial| trial.mode.as_str()).collect();
    modes.sort_by_key(|mode| (mode_rank(mode), *mode));
    modes.dedup();
    let labels: Vec<String> = modes.iter().map(|mode| report.label(mode)).collect();
    legend(&mut plot, labels.iter().zip(modes).map(|(label, mode)| (label.as_str(), class(mode))));
    plot
}
