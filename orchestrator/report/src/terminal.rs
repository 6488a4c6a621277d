//! The tables on the terminal: at most 100 columns, colour only where it is wanted.

use super::{
    Report, accuracy,
    tables::{self, TableData},
};
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use notation::text::line;
use std::{
    fmt::{Display, Write},
    io::{IsTerminal, stdout},
};

/// Columns that a table may take.
const WIDTH: u16 = 100;
/// Reasons shown below the tables; the report has all.
const REASONS_MAX: usize = 6;

/// When to colour what people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColourChoice {
    /// Whether to colour what goes to standard output.
    pub fn wanted(self) -> bool {
        let allowed = || std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match self {
            Self::Auto => stdout().is_terminal() && allowed(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The report in a few tables and lines.
pub fn terminal(report: &Report, colour: bool) -> String {
    let mut out = format!("{}: {}\n", line(&report.title), line(&tables::faults(report)));
    let _ = writeln!(out, "{}", draw(&verdicts(report), colour));
    let delays = Some(tables::delays(report));
    for table in [
        delays,
        tables::switchovers(report),
        tables::upgrades(report),
        tables::upgrade_steps(report),
        accuracy::table(&report.known_outages),
    ]
    .into_iter()
    .flatten()
    {
        let _ = writeln!(out, "\n{}\n{}", table.title, draw(&table, colour));
    }
    out.push('\n');
    for (name, value) in tables::facts(report) {
        let _ = writeln!(out, "{name:<12} {}", line(&value));
    }
    reasons(&mut out, report);
    out
}

/// Width of a row's sparkline.
const SPARKS: usize = 14;

/// The verdicts, with every trial's outage in a line of small bars.
fn verdicts(report: &Report) -> TableData {
    let header =
        ["mode", "trials", "lost: median, worst", "outage ms [95 % CI]", "worst flow ms", "by trial", "verdict"];
    let mut table = TableData::new("", "", &header);
    let outages = || report.cells.iter().flat_map(|cell| cell.outage_ms_by_trial.iter().copied());
    let low = outages().filter(|outage| *outage > 0.0).fold(f64::INFINITY, f64::min);
    let high = outages().fold(0.0, f64::max);
    for (cell, row) in report.cells.iter().zip(tables::outages(report).rows) {
        let [mode, trials, median, worst, outage, flow, verdict] = row.as_slice() else { continue };
        let lost = if median == worst { median.clone() } else { format!("{median}, {worst}") };
        let sparks = sparkline(&cell.outage_ms_by_trial, low, high);
        table.rows.push([mode, trials, &lost, outage, flow, &sparks, verdict].map(Clone::clone).to_vec());
    }
    table
}

/// A bar a trial in run order, or a few trials' worst where there are too many; the scale is logarithmic and the
/// same for all modes. A dot lost nothing.
fn sparkline(outages: &[f64], low: f64, high: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let some = outages.len().div_ceil(SPARKS).max(1);
    let bar = |outage: f64| {
        if outage <= 0.0 {
            return '·';
        }
        let share = if high > low { (outage / low).ln() / (high / low).ln() } else { 1.0 };
        BARS[((share * 7.0).round() as usize).min(7)]
    };
    outages.chunks(some).map(|some| bar(some.iter().copied().fold(0.0, f64::max))).collect()
}

/// A table as a terminal shows it.
pub fn draw(data: &TableData, colour: bool) -> impl Display + use<> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(data.header.iter().enumerate().map(|(at, text)| {
        let cell = Cell::new(text);
        place(if colour { cell.add_attribute(Attribute::Bold) } else { cell }, at, text)
    }));
    for row in &data.rows {
        table.add_row(row.iter().zip(&data.header).enumerate().map(|(at, (text, head))| {
            let cell = place(Cell::new(line(text)), at, head);
            match head.as_str() {
                "verdict" | "change" if colour => cell.fg(meaning(text)),
                _ => cell,
            }
        }));
    }
    table
}

/// Names and verdicts stand left, figures right.
fn place(cell: Cell, column: usize, head: &str) -> Cell {
    let words = column == 0 || head == "by trial" || tables::WORDS.contains(&head);
    if words { cell } else { cell.set_alignment(CellAlignment::Right) }
}

/// Green is good, red is bad, yellow is not known; what stayed as it was has no colour.
fn meaning(text: &str) -> Color {
    match text {
        "pass" | "improved" => Color::Green,
        "fail" | "worse" => Color::Red,
        "unchanged" => Color::Reset,
        _ => Color::Yellow,
    }
}

fn reasons(out: &mut String, report: &Report) {
    let all = tables::reasons(report);
    if !all.is_empty() {
        out.push('\n');
    }
    for reason in all.iter().take(REASONS_MAX) {
        let _ = writeln!(out, "! {}", line(reason));
    }
    if all.len() > REASONS_MAX {
        let _ = writeln!(out, "! and {} more in report.md", all.len() - REASONS_MAX);
    }
}
