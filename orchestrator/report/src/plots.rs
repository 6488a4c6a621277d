//! The pictures, but for loss over time, which is in [`super::waterfall`].

mod chassis;
mod distribution;
mod heatmap;
mod order;

use super::{
    Cell, Report, RunRecord, logs,
    summary::valid,
    svg::{Anchor, Plot, class},
    waterfall,
};
use measure::TrialRecord;

pub(super) const WIDTH: f64 = 860.0;
pub(super) const LEFT: f64 = 64.0;
pub(super) const RIGHT: f64 = 824.0;
/// Room for the zeros, which a logarithmic axis has no place for.
pub(super) const ZERO_BAND: f64 = 72.0;

/// All pictures of a run.
pub(super) fn all(run: &RunRecord, report: &Report) -> Vec<Plot> {
    let mut plots = waterfall::plots(run, report);
    plots.extend(chassis::plots(run, report));
    let samples = Samples::of(run, report, logs::outages_ns);
    plots.push(distribution::histogram(report, &samples));
    plots.push(distribution::ecdf(report, &samples));
    plots.push(distribution::percentiles(report, &samples));
    plots.extend(distribution::latencies(report, &Samples::of(run, report, logs::latencies_ns)));
    plots.extend(heatmap::plot(run, report));
    plots.push(order::plot(run, report));
    plots
}

/// A figure of every flow in every valid trial of a cell, milliseconds, ascending.
struct Samples {
    label: String,
    /// Classes that colour its marks; a second fault of one mode is dashed.
    class: String,
    sorted: Vec<f64>,
}

impl Samples {
    fn of(run: &RunRecord, report: &Report, figure_ns: fn(&TrialRecord) -> Vec<u64>) -> Vec<Self> {
        let of_cell = |(at, cell): (usize, &Cell)| {
            let trials = valid(run, &cell.mode, &cell.fault);
            let mut sorted: Vec<f64> = trials.flat_map(figure_ns).map(|ns| ns as f64 / 1e6).collect();
            sorted.sort_by(f64::total_cmp);
            let again = report.cells[..at].iter().any(|other| other.mode == cell.mode);
            let class = format!("{}{}", class(&cell.mode), if again { " alt" } else { "" });
            Self { label: report.cell_label(cell), class, sorted }
        };
        report.cells.iter().enumerate().map(of_cell).collect()
    }
}

/// The coarsest resolution of all cells, milliseconds.
fn resolution(report: &Report) -> Option<f64> {
    report.cells.iter().filter_map(|cell| cell.resolution_ms).reduce(f64::max)
}

fn legend<'a>(plot: &mut Plot, entries: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let mut x = LEFT;
    for (label, class) in entries {
        plot.rect(&format!("bar {class}"), (x, 10.0), (12.0, 12.0), label);
        plot.text("", (x + 17.0, 20.0), Anchor::Start, label);
        x += 36.0 + 7.5 * label.chars().count() as f64;
    }
}
