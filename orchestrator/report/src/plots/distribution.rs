//! How outages are distributed over flows: histogram, cumulative share, percentiles. The axis of the outage is
//! logarithmic, with a place for zero beside it.

use super::{LEFT, RIGHT, Samples, WIDTH, ZERO_BAND, legend, resolution};
use crate::{
    Report,
    format::{count, figure, maybe},
    svg::{Anchor, LogScale, Plot, label_ms},
};

const HEIGHT: f64 = 330.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 280.0;
/// Bars in a decade of the histogram: each is a fifth wider than the one before.
const BARS: i32 = 12;
/// Height of a mode's row in the histogram.
const ROW: f64 = 64.0;

fn axis(report: &Report, samples: &[Samples]) -> LogScale {
    let values = samples.iter().flat_map(|of| of.sorted.iter().copied()).chain(resolution(report));
    LogScale::new(values, LEFT + ZERO_BAND / 4.0, LEFT + ZERO_BAND, RIGHT)
}

/// Grid lines and labels of the outage's axis, and the resolution.
fn outage_axis(plot: &mut Plot, report: &Report, x: &LogScale, bottom: f64) {
    time_axis(plot, x, bottom, "total outage of a flow");
    if let Some(resolution) = resolution(report) {
        plot.line("dash", (x.at(resolution), TOP), (x.at(resolution), bottom));
        plot.text("soft small", (x.at(resolution) + 4.0, TOP + 9.0), Anchor::Start, "resolution");
    }
}

fn time_axis(plot: &mut Plot, x: &LogScale, bottom: f64, what: &str) {
    for (value, label) in x.ticks() {
        plot.line("grid", (x.at(value), TOP), (x.at(value), bottom));
        plot.text("soft", (x.at(value), bottom + 18.0), Anchor::Middle, label);
    }
    plot.text("soft", ((LEFT + RIGHT) / 2.0, bottom + 40.0), Anchor::Middle, what);
}

/// How many flows were out how long, a row a mode.
pub(super) fn histogram(report: &Report, samples: &[Samples]) -> Plot {
    let caption = "How many flows were out how long, over all valid trials, a row a mode. Both a bar's place and its \
                   width are logarithmic; flows that lost nothing stand at 0. The dashed line is the resolution.";
    let bottom = TOP + ROW * samples.len().max(1) as f64;
    let mut plot = Plot::new("outage-histogram", caption.to_owned(), WIDTH, bottom + 50.0);
    let x = axis(report, samples);
    outage_axis(&mut plot, report, &x, bottom);
    bars(&mut plot, &x, samples, "total outage", "out for");
    plot
}

/// What the slowest packet of each flow took, a row a mode; `None` when no trial measured it.
pub(super) fn latencies(report: &Report, samples: &[Samples]) -> Option<Plot> {
    if samples.iter().all(|of| of.sorted.is_empty()) {
        return None;
    }
    let caption = "How late the slowest packet of each flow came, over all valid trials, a row a mode: greatest latency from \
                   the intended send time, of packets that arrived. Traffic that stood still without loss shows here. The \
                   dashed line is the Forwarding Delay Threshold.";
    let bottom = TOP + ROW * samples.len() as f64;
    let mut plot = Plot::new("latency-histogram", caption.to_owned(), WIDTH, bottom + 50.0);
    let threshold = report.cells.first()?.delay.delay_threshold_ms;
    let values = samples.iter().flat_map(|of| of.sorted.iter().copied()).chain([threshold]);
    let x = LogScale::new(values, LEFT + ZERO_BAND / 4.0, LEFT + ZERO_BAND, RIGHT);
    time_axis(&mut plot, &x, bottom, "greatest latency of a flow");
    plot.line("dash", (x.at(threshold), TOP), (x.at(threshold), bottom));
    // Where everything came early the threshold is the last thing on the axis.
    let (beside, anchor) =
        if x.at(threshold) > (LEFT + RIGHT) / 2.0 { (-4.0, Anchor::End) } else { (4.0, Anchor::Start) };
    plot.text("soft small", (x.at(threshold) + beside, TOP + 9.0), anchor, "threshold");
    bars(&mut plot, &x, samples, "greatest latency", "late by");
    Some(plot)
}

/// A row a mode: how many flows have the figure `what` in which range.
fn bars(plot: &mut Plot, x: &LogScale, samples: &[Samples], what: &str, verb: &str) {
    plot.data = vec![["mode", what, "flows", "share"].map(str::to_owned).to_vec()];
    for (row, of) in samples.iter().enumerate() {
        let base = TOP + ROW * (row + 1) as f64;
        plot.line("axis", (LEFT, base), (RIGHT, base));
        plot.text("small", (LEFT - 6.0, base - 6.0), Anchor::End, short(&of.label));
        let bins = bins(&of.sorted, x.decades());
        let most = bins.iter().map(|bin| bin.flows).max().unwrap_or(0).max(1) as f64;
        for bin in &bins {
            let share = bin.flows as f64 / of.sorted.len().max(1) as f64 * 100.0;
            let (from, to) = bin.range.map_or((x.at(0.0) - 8.0, x.at(0.0) + 8.0), |(a, b)| (x.at(a), x.at(b)));
            let high = (bin.flows as f64 / most * (ROW - 16.0)).max(1.0);
            let range = bin.range.map_or("0 ms".to_owned(), |(a, b)| format!("{} to {} ms", figure(a), figure(b)));
            let flows = count(bin.flows as u64);
            let title = format!("{}: {flows} flows ({} %) {verb} {range}", of.label, figure(share));
            plot.rect(
                &format!("bar {}", of.class),
                (from + 0.5, base - high),
                ((to - from - 1.0).max(1.0), high),
                &title,
            );
            plot.data.push(vec![of.label.clone(), range, flows, format!("{} %", figure(share))]);
        }
        if of.sorted.is_empty() {
            plot.text("soft", (x.at(0.0) + 14.0, base - 8.0), Anchor::Start, "no valid trial");
        }
    }
}

struct Bin {
    /// From and to, milliseconds; `None`: zero.
    range: Option<(f64, f64)>,
    flows: usize,
}

/// Filled bins, ascending.
fn bins(sorted: &[f64], decades: (i32, i32)) -> Vec<Bin> {
    let zeros = sorted.partition_point(|value| *value <= 0.0);
    let mut bins = vec![Bin { range: None, flows: zeros }];
    let edge = |at: i32| 10_f64.powf(f64::from(decades.0) + f64::from(at) / f64::from(BARS));
    let last = (decades.1 - decades.0) * BARS;
    for at in 0..last {
        let (from, to) = (edge(at), edge(at + 1));
        // The last bin holds its upper edge as well.
        let below = |value: &f64| if at + 1 == last { *value <= to } else { *value < to };
        let flows = sorted.partition_point(below) - sorted.partition_point(|value| *value < from).max(zeros);
        bins.push(Bin { range: Some((from, to)), flows });
    }
    bins.retain(|bin| bin.flows > 0);
    bins
}

/// Share of flows whose total outage is at most so long.
pub(super) fn ecdf(report: &Report, samples: &[Samples]) -> Plot {
    let caption = "Share of flows (all valid trials) whose total outage is at most x. Further left is better; \
                   the dashed line is the resolution.";
    let mut plot = Plot::new("outage-ecdf", caption.to_owned(), WIDTH, HEIGHT);
    let x = axis(report, samples);
    outage_axis(&mut plot, report, &x, BOTTOM);
    let y = |share: f64| BOTTOM - share * (BOTTOM - TOP);
    for percent in [0, 25, 50, 75, 100] {
        let at = y(f64::from(percent) / 100.0);
        plot.line("grid", (LEFT, at), (RIGHT, at));
        plot.text("soft", (LEFT - 8.0, at + 4.0), Anchor::End, format!("{percent} %"));
    }
    for of in samples {
        plot.curve(&format!("curve {}", of.class), &steps(&of.sorted, &x, y), &of.label);
    }
    legend(&mut plot, samples.iter().map(|of| (of.label.as_str(), of.class.as_str())));
    let quartiles = [0.25, 0.5, 0.75, 1.0];
    plot.data = vec![["mode", "flows", "25 % at most", "50 %", "75 %", "100 %"].map(str::to_owned).to_vec()];
    plot.data.extend(samples.iter().map(|of| row(of, &quartiles)));
    plot
}

/// A line of data: the outage that a share of the flows stays within, milliseconds.
fn row(of: &Samples, shares: &[f64]) -> Vec<String> {
    let value = |share: &f64| maybe(quantile(&of.sorted, *share));
    let head = [of.label.clone(), count(of.sorted.len() as u64)];
    head.into_iter().chain(shares.iter().map(value)).collect()
}

fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    // A share that fewer samples than its inverse would have to show is not known.
    let known = share >= 1.0 || (1.0 - share) * sorted.len() as f64 >= 1.0 - 1e-9;
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().filter(|_| known)
}

/// The corners of a distribution's steps. Points closer than a quarter of a pixel are one.
fn steps(sorted: &[f64], x: &LogScale, y: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    const APART: f64 = 0.25;
    let mut points = Vec::new();
    let mut below = 0;
    while let Some(value) = sorted.get(below) {
        let at = x.at(*value);
        let same = sorted[below..].partition_point(|other| x.at(*other) <= at + APART);
        points.push((at, y(below as f64 / sorted.len() as f64)));
        below += same.max(1);
        points.push((at, y(below as f64 / sorted.len() as f64)));
    }
    if let Some((_, last)) = points.last().copied() {
        points.push((RIGHT, last));
    }
    points
}

/// The outage that a share of flows stays within, as HdrHistogram's plotter shows latencies: each further nine of
/// the share is as wide as the one before.
pub(super) fn percentiles(report: &Report, samples: &[Samples]) -> Plot {
    let caption = "Total outage by percentile of flows (all valid trials): each further nine is as wide as the one \
                   before. A curve ends where its number of flows allows no further percentile.";
    let mut plot = Plot::new("outage-percentiles", caption.to_owned(), WIDTH, HEIGHT);
    let values = samples.iter().flat_map(|of| of.sorted.iter().copied()).chain(resolution(report));
    let y = LogScale::new(values, BOTTOM - ZERO_BAND / 6.0, BOTTOM - ZERO_BAND * 0.6, TOP);
    for (value, label) in y.ticks() {
        plot.line("grid", (LEFT, y.at(value)), (RIGHT, y.at(value)));
        plot.text("soft", (LEFT - 8.0, y.at(value) + 4.0), Anchor::End, label);
    }
    let most = samples.iter().map(|of| of.sorted.len()).max().unwrap_or(0).max(10) as f64;
    let x = |share: f64| LEFT + -(1.0 - share).log10() / most.log10() * (RIGHT - LEFT);
    let known = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
    let shown: Vec<f64> = known.into_iter().filter(|share| (1.0 - share) * most >= 1.0 - 1e-9).collect();
    for share in &shown {
        plot.line("grid", (x(*share), TOP), (x(*share), BOTTOM));
        let percent = (share * 1e7).round() / 1e5;
        plot.text("soft", (x(*share), BOTTOM + 18.0), Anchor::Middle, format!("{percent} %"));
    }
    plot.text("soft", ((LEFT + RIGHT) / 2.0, BOTTOM + 40.0), Anchor::Middle, "percentile of flows");
    for of in samples {
        plot.curve(&format!("curve {}", of.class), &climb(&of.sorted, x, &y), &of.label);
    }
    if let Some(resolution) = resolution(report) {
        plot.line("dash", (LEFT, y.at(resolution)), (RIGHT, y.at(resolution)));
        let title = format!("resolution {}", label_ms(resolution));
        plot.text("soft small", (LEFT + 4.0, y.at(resolution) - 4.0), Anchor::Start, title);
    }
    legend(&mut plot, samples.iter().map(|of| (of.label.as_str(), of.class.as_str())));
    let shares = [0.5, 0.9, 0.99, 0.999, 1.0];
    plot.data = vec![["mode", "flows", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"].map(str::to_owned).to_vec()];
    plot.data.extend(samples.iter().map(|of| row(of, &shares)));
    plot
}

fn climb(sorted: &[f64], x: impl Fn(f64) -> f64, y: &LogScale) -> Vec<(f64, f64)> {
    const APART: f64 = 0.25;
    let n = sorted.len() as f64;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (at, value) in sorted.iter().enumerate() {
        let (from, height) = (x(at as f64 / n), y.at(*value));
        match points.last() {
            // The curve goes on as it was, or has hardly moved.
            Some((before, same)) if (*same - height).abs() < APART || from - before < APART => {}
            Some((_, before)) => {
                let before = *before;
                points.extend([(from, before), (from, height)]);
            }
            None => points.push((from, height)),
        }
    }
    if let Some(last) = sorted.last() {
        points.push((x(1.0 - 1.0 / n.max(2.0)).max(points.last().map_or(0.0, |(x, _)| *x)), y.at(*last)));
    }
    points
}

/// A label for the narrow column left of a row.
fn short(label: &str) -> String {
    let first = label.split([',', ' ']).next().unwrap_or_default().to_owned();
    if label.contains("(modelled)") { format!("{first} (m)") } else { first }
}
