//! Loss over time of one trial a mode, with the fault and the spans of the switchover below it, on one time axis.
//!
//! The spans are the cards' own (OpenTelemetry). A run without them (an earlier release, `OTEL_SDK_DISABLED`) is drawn
//! with the ends of its phases, which come from the same events.

use super::{
    Report, RunRecord,
    format::figure,
    summary::valid,
    svg::{Anchor, Plot, class, step},
};
use measure::{TrialRecord, evidence::BIN_NS, trial::SpanLine};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 760.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 150.0;
/// Height of a phase's row.
const ROW: f64 = 17.0;
/// Where the first row begins, below the labels of the axis.
const ROWS: f64 = BOTTOM + 30.0;

/// The new active's spans, in the order in which a switchover goes; one of many line cards has a row each.
const SPANS: [&str; 9] =
    ["negotiate", "take over", "adopt", "reconcile", "download", "converge", "standby back", "bulk sync", "redundant"];
/// Line cards that have rows of their own; more share one.
const CARDS_APART: usize = 8;

const PHASES: [&str; 6] = ["detect", "take over", "adopt", "reconcile", "converge", "redundant"];

/// One picture a cell: its median trial.
pub(super) fn plots(run: &RunRecord, report: &Report) -> Vec<Plot> {
    let picture = |cell: &super::Cell| {
        let mut trials: Vec<_> =
            valid(run, &cell.mode, &cell.fault).map(|trial| (trial.outage().total_ns, trial)).collect();
        trials.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (_, trial) = trials.get(trials.len().checked_sub(1)? / 2)?;
        // Two faults of one mode would otherwise share a file.
        let again = report.cells.iter().filter(|other| other.mode == cell.mode).position(|other| other == cell)?;
        let name = if again == 0 { format!("loss-{}", cell.mode) } else { format!("loss-{}-{}", cell.mode, again + 1) };
        Some(plot(&name, &report.label(&cell.mode), trial))
    };
    report.cells.iter().filter_map(picture).collect()
}

/// Offered and lost packets of a trial, by seconds after the fault.
struct Loss {
    bins: Vec<(f64, f64)>,
}

impl Loss {
    fn of(trial: &TrialRecord) -> Self {
        let mut bins = Vec::new();
        // The testers of a trial start together; their bins are laid side by side.
        let longest = trial.traffic.iter().map(|traffic| traffic.loss_over_time.len()).max().unwrap_or(0);
        let fault = fault_offset_s(trial);
        for at in 0..longest {
            let of_bin = trial.traffic.iter().filter_map(|traffic| traffic.loss_over_time.get(at));
            let (offered, lost) =
                of_bin.fold((0.0, 0.0), |sum, bin| (sum.0 + f64::from(bin.offered), sum.1 + f64::from(bin.lost)));
            let share = if offered > 0.0 { lost / offered } else { 0.0 };
            bins.push(((at as u64 * BIN_NS) as f64 / 1e9 - fault, share));
        }
        Self { bins }
    }

    /// Seconds after the fault at which loss ended.
    fn end(&self) -> Option<f64> {
        self.bins.iter().rev().find(|(_, share)| *share > 0.0).map(|(at, _)| at + BIN_NS as f64 / 1e9)
    }
}

fn fault_offset_s(trial: &TrialRecord) -> f64 {
    let start = trial.traffic.iter().map(|traffic| traffic.schedule.start).min().unwrap_or(0);
    trial.fault_at_ns.map_or(0.0, |at| at.saturating_sub(start) as f64 / 1e9)
}

fn plot(name: &str, label: &str, trial: &TrialRecord) -> Plot {
    let loss = Loss::of(trial);
    let (from, to) = window(trial, &loss);
    let x = |seconds: f64| LEFT + (seconds.clamp(from, to) - from) / (to - from) * (RIGHT - LEFT);
    let rows = rows(trial);
    let bottom = ROWS + ROW * rows.len() as f64;
    let height = bottom + 8.0;
    let lost = trial.accounting.lost;
    let caption = format!("{label}, trial {} (median): share of packets lost, by intended send time", trial.index);
    let mut plot = Plot::new(name, caption, WIDTH, height);
    let lost = if lost == 0 { "no packet lost".to_owned() } else { format!("{} packets lost", figure(lost as f64)) };
    plot.text("strong", (LEFT, 18.0), Anchor::Start, format!("{label}: {lost}"));
    axes(&mut plot, from, to, x);
    curve(&mut plot, trial, &loss, (from, to), x);
    for (begin, end) in bands(trial) {
        let title = format!("fault in force: {} ms to {} ms after it began", figure(begin * 1e3), figure(end * 1e3));
        plot.rect("band", (x(begin), TOP), (x(end) - x(begin), BOTTOM - TOP), &title);
    }
    if trial.fault_at_ns.is_some() {
        // The line leaves out the axis' labels.
        plot.line("fault", (x(0.0), TOP - 6.0), (x(0.0), BOTTOM));
        plot.line("fault", (x(0.0), ROWS - 4.0), (x(0.0), bottom));
        plot.text("fault", (x(0.0) - 5.0, TOP + 4.0), Anchor::End, "fault");
    }
    bars(&mut plot, trial, &rows, to, x);
    plot
}

/// Seconds after the fault between which something was broken: a line card dropped packets because it was told to, by its
/// own clock; else, a card that was hit is not yet back.
fn bands(trial: &TrialRecord) -> Vec<(f64, f64)> {
    let Some(fault) = trial.fault_at_ns else { return Vec::new() };
    if trial.known_outages.is_empty() {
        let back = trial.spans.iter().find(|span| span.name == "standby back" && span.to_ms > 0.0);
        return back.map(|span| (0.0, span.to_ms / 1e3)).into_iter().collect();
    }
    let after = |ns: u64| (ns as f64 - fault as f64) / 1e9;
    trial.known_outages.iter().map(|known| (after(known.began_ns), after(known.ended_ns))).collect()
}

/// From a little before the fault until loss has ended and tables have converged; restoring redundancy may take
/// far longer and is cut off, with its time beside it.
fn window(trial: &TrialRecord, loss: &Loss) -> (f64, f64) {
    let phases = &trial.switchover;
    let settled = [phases.detect, phases.take_over, phases.adopt, phases.reconcile, phases.converge];
    let settled = settled.into_iter().flatten().map(|ms| ms / 1e3).reduce(f64::max);
    let end = loss.end().into_iter().chain(settled).fold(0.1, f64::max);
    (-0.15 * end, 1.15 * end)
}

fn axes(plot: &mut Plot, from: f64, to: f64, x: impl Fn(f64) -> f64) {
    for percent in [0, 50, 100] {
        let y = height_of(f64::from(percent) / 100.0);
        plot.line("grid", (LEFT, y), (RIGHT, y));
        plot.text("soft", (LEFT - 8.0, y + 4.0), Anchor::End, format!("{percent} %"));
    }
    let step = step(to - from, 8.0);
    let unit = if to < 2.0 { (1e3, "ms") } else { (1.0, "s") };
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    for tick in first..=last {
        let seconds = tick as f64 * step;
        plot.line("axis", (x(seconds), BOTTOM), (x(seconds), BOTTOM + 4.0));
        let value = seconds * unit.0;
        let decimals = usize::from(step * unit.0 < 1.0);
        plot.text("soft", (x(seconds), BOTTOM + 18.0), Anchor::Middle, format!("{value:.decimals$}"));
    }
    plot.text("soft", (RIGHT + 10.0, BOTTOM + 18.0), Anchor::Start, format!("{} after fault", unit.1));
}

fn height_of(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

fn curve(plot: &mut Plot, trial: &TrialRecord, loss: &Loss, window: (f64, f64), x: impl Fn(f64) -> f64) {
    let bin = BIN_NS as f64 / 1e9;
    let mut points = vec![(x(window.0), height_of(0.0))];
    for (at, share) in loss.bins.iter().filter(|(at, _)| (window.0 - bin..=window.1).contains(at)) {
        // A bin that is like the one before makes its step longer.
        if points.last().is_some_and(|(_, y)| (*y - height_of(*share)).abs() > 0.05) {
            if let Some((_, y)) = points.last().copied() {
                points.push((x(*at), y));
            }
            points.push((x(*at), height_of(*share)));
        }
    }
    let end = loss.bins.last().map_or(window.1, |(at, _)| (at + bin).min(window.1));
    if let Some((_, y)) = points.last().copied() {
        points.push((x(end), y));
    }
    let colour = class(&trial.mode);
    let mut area = points.clone();
    area.push((x(end), height_of(0.0)));
    plot.path(&format!("area {colour}"), &area);
    plot.path(&format!("curve {colour}"), &points);
}

/// A row of the waterfall: what happened, from when to when, milliseconds after the fault.
struct Row {
    name: String,
    bars: Vec<(f64, f64, String)>,
}

/// The waterfall's rows: spans where there are any, else phases.
fn rows(trial: &TrialRecord) -> Vec<Row> {
    let spans = span_rows(trial);
    if spans.is_empty() { phase_rows(trial) } else { spans }
}

/// The spans of the card that took over first after the fault.
fn span_rows(trial: &TrialRecord) -> Vec<Row> {
    if trial.fault_at_ns.is_none() {
        return Vec::new();
    }
    let after = || trial.spans.iter().filter(|span| span.to_ms >= 0.0);
    let Some(new_active) = after().find(|span| span.name == "take over").map(|span| &span.card) else {
        return Vec::new();
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |name: String, span: &SpanLine| {
        let attributes: Vec<_> = span.attributes.iter().map(|(key, value)| format!("{key} {value}")).collect();
        let bar = (span.from_ms, span.to_ms, format!("{} {}", span.card, attributes.join(", ")));
        match rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.bars.push(bar),
            None => rows.push(Row { name, bars: vec![bar] }),
        }
    };
    after().filter(|span| span.name == "detect").for_each(|span| add("detect".to_owned(), span));
    for name in SPANS {
        let mut of: Vec<_> = after().filter(|span| span.card == *new_active && span.name == name).collect();
        let line_card =
            |span: &SpanLine| span.attributes.get("swact.line_card").and_then(|slot| slot.parse::<u32>().ok());
        of.sort_by_key(|span| line_card(span));
        for span in &of {
            let row = match line_card(span) {
                Some(slot) if of.len() <= CARDS_APART => format!("{name} {slot}"),
                _ => name.to_owned(),
            };
            add(row, span);
        }
    }
    rows
}

/// A bar a phase, from the latest end of those before it to its own.
fn phase_rows(trial: &TrialRecord) -> Vec<Row> {
    let mut before = 0.0_f64;
    let row = |(name, (_, end)): (&str, (&str, Option<f64>))| {
        let bars = end.map(|end| {
            let from = before.min(end);
            before = before.max(end);
            (from, end, String::new())
        });
        Row { name: name.to_owned(), bars: bars.into_iter().collect() }
    };
    PHASES.into_iter().zip(trial.switchover.named()).map(row).collect()
}

fn bars(plot: &mut Plot, trial: &TrialRecord, rows: &[Row], to: f64, x: impl Fn(f64) -> f64) {
    for (at, row) in rows.iter().enumerate() {
        let y = ROWS + ROW * at as f64;
        plot.text("soft", (LEFT - 8.0, y + 11.0), Anchor::End, &row.name);
        if row.bars.is_empty() {
            plot.text("soft", (x(0.0) + 4.0, y + 11.0), Anchor::Start, "–");
        }
        for (from, end, who) in &row.bars {
            let left = x(from / 1e3);
            let width = (x(end / 1e3) - left).max(1.5);
            let title = format!("{}: {} ms to {} ms after the fault {who}", row.name, figure(*from), figure(*end));
            plot.rect(&format!("bar {}", class(&trial.mode)), (left, y + 2.0), (width, ROW - 5.0), title.trim_end());
        }
        let last = row.bars.iter().map(|(_, end, _)| *end).reduce(f64::max);
        let right = row.bars.iter().map(|(from, end, _)| x(end / 1e3).max(x(from / 1e3) + 1.5)).reduce(f64::max);
        if let (Some(end), Some(right)) = (last, right) {
            let label = if end / 1e3 > to { format!("→ {} ms", figure(end)) } else { format!("{} ms", figure(end)) };
            plot.text("", (right + 5.0, y + 11.0), Anchor::Start, label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(card: &str, name: &str, from_ms: f64, to_ms: f64, line_card: Option<u8>) -> SpanLine {
        let attributes = line_card.map(|slot| ("swact.line_card".to_owned(), slot.to_string()));
        SpanLine {
            card: card.to_owned(),
            name: name.to_owned(),
            from_ms,
            to_ms,
            attributes: attributes.into_iter().collect(),
        }
    }

    fn trial(spans: Vec<SpanLine>) -> TrialRecord {
        let mut trial = TrialRecord { mode: "sso".to_owned(), spans, fault_at_ns: Some(7), ..TrialRecord::default() };
        trial.switchover.detect = Some(300.0);
        trial
    }

    fn names(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn the_new_actives_spans_make_the_rows_one_a_line_card() {
        let rows = rows(&trial(vec![
            // Of the time before the fault, and of cards that did not take over.
            span("pe1/A", "take over", -900.0, -800.0, None),
            span("pe1/1", "reconcile", 305.0, 306.0, None),
            span("swact", "detect", 0.0, 300.0, None),
            span("pe1/B", "take over", 300.0, 301.0, None),
            span("pe1/B", "reconcile", 304.0, 306.0, Some(2)),
            span("pe1/B", "adopt", 301.0, 304.0, Some(2)),
            span("pe1/B", "adopt", 301.0, 303.0, Some(1)),
            span("pe1/B", "converge", 301.0, 310.0, None),
        ]));
        assert_eq!(names(&rows), ["detect", "take over", "adopt 1", "adopt 2", "reconcile 2", "converge"]);
        assert_eq!((rows[2].bars[0].0, rows[2].bars[0].1), (301.0, 303.0));
    }

    #[test]
    fn a_band_shows_how_long_something_was_broken() {
        assert!(bands(&trial(vec![span("pe1/B", "take over", 300.0, 301.0, None)])).is_empty(), "nobody knows");
        let mut killed = trial(vec![
            span("pe1/A", "standby back", -900.0, -800.0, None),
            span("pe1/B", "standby back", 300.0, 500.0, None),
        ]);
        assert_eq!(bands(&killed), [(0.0, 0.5)]);
        let known = |began_ns, ended_ns| measure::accuracy::KnownOutage { began_ns, ended_ns, ..Default::default() };
        killed.known_outages = vec![known(7, 1_000_000_007), known(2_000_000_007, 3_000_000_007)];
        assert_eq!(bands(&killed), [(0.0, 1.0), (2.0, 3.0)]);
        killed.fault_at_ns = None;
        assert!(bands(&killed).is_empty());
    }

    #[test]
    fn many_line_cards_share_a_row_and_a_run_without_spans_shows_its_phases() {
        let adopt = |slot| span("pe1/B", "adopt", 301.0, 302.0, Some(slot));
        let spans = std::iter::once(span("pe1/B", "take over", 300.0, 301.0, None)).chain((1..=9).map(adopt));
        let shared = rows(&trial(spans.collect()));
        assert_eq!(names(&shared), ["take over", "adopt"]);
        assert_eq!(shared[1].bars.len(), 9);

        let phases = rows(&trial(Vec::new()));
        assert_eq!(names(&phases), PHASES);
        assert_eq!((phases[0].bars[0].0, phases[0].bars[0].1), (0.0, 300.0));
        assert!(phases[1].bars.is_empty());
    }
}
