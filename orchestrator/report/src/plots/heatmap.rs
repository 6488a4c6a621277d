//! Which flows lost how much: a row some flows of one pair of line cards and neighbouring prefixes, a column some
//! trials of one mode.

use super::{LEFT, RIGHT, WIDTH};
use crate::{
    FlowPath, Report, RunRecord,
    format::figure,
    logs,
    summary::valid,
    svg::{Anchor, Plot, label_ms},
};

/// Rows and columns at most: more would be thinner than a line, and would make the page heavy.
const ROWS_MAX: usize = 48;
const COLUMNS_MAX: usize = 40;
const TOP: f64 = 44.0;
/// Begin of the cells, after the rows' names.
const CELLS: f64 = LEFT + 96.0;
/// Letters of a row's name that fit beside its cells.
const NAME_MAX: usize = 24;
/// Shades between the least and the most.
const SHADES: f64 = 7.0;

/// The picture; `None` when no trial is valid or no flow is known.
pub(super) fn plot(run: &RunRecord, report: &Report) -> Option<Plot> {
    let columns = columns(run, report);
    let flows = columns.first()?.worst.len();
    let rows = rows(run, flows);
    let values = rows.iter().flat_map(|row| columns.iter().map(|column| column.worst_of(row)));
    let positive = values.filter(|value| *value > 0.0);
    let (least, most) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let caption = "Which flows were out how long: each row holds neighbouring prefixes of one table between one pair of \
                   line cards, each column trials of one mode, in run order. Darker is longer, on a logarithmic scale; a cell shows \
                   its worst flow; pale cells lost nothing.";
    let height = (rows.len() as f64 * 16.0).clamp(120.0, 480.0);
    let row_height = height / rows.len() as f64;
    let gaps = columns.windows(2).filter(|pair| pair[0].label != pair[1].label).count() as f64;
    let width = (RIGHT - CELLS - gaps * 6.0) / columns.len() as f64;
    let mut plot = Plot::new("flows", caption.to_owned(), WIDTH, TOP + height + 46.0);
    plot.data = vec![vec!["flows".to_owned()]];
    plot.data[0].extend(columns.iter().map(|column| format!("{} {}", column.label, column.trials)));
    plot.data.extend(rows.iter().map(|row| vec![row.name.clone()]));
    let mut x = CELLS;
    let mut before: Option<&str> = None;
    for column in &columns {
        if before != Some(&column.label) {
            x += if before.is_some() { 6.0 } else { 0.0 };
            plot.text("small", (x, TOP - 8.0), Anchor::Start, &column.label);
            before = Some(&column.label);
        }
        // Neighbours that lost nothing are drawn as one.
        let mut quiet: Option<usize> = None;
        for (at, row) in rows.iter().enumerate() {
            let worst = column.worst_of(row);
            plot.data[at + 1].push(figure(worst));
            if worst <= 0.0 {
                quiet.get_or_insert(at);
            }
            let ends = worst > 0.0 || at + 1 == rows.len();
            if let (Some(from), true) = (quiet, ends) {
                let to = if worst > 0.0 { at } else { at + 1 };
                let title = format!("{}, {}: no packet lost", column.label, column.trials);
                let (top, high) = (TOP + row_height * from as f64, row_height * (to - from) as f64);
                plot.rect("none", (x, top), (width - 0.5, high - 0.5), &title);
                quiet = None;
            }
            if worst > 0.0 {
                let title = format!("{}, {}: {}: {} ms", column.label, column.trials, row.title, figure(worst));
                let top = TOP + row_height * at as f64;
                let class = format!("heat {}", shade(worst, least, most));
                plot.rect(&class, (x, top), (width - 0.5, row_height - 0.5), &title);
            }
        }
        x += width;
    }
    names(&mut plot, &rows, row_height);
    scale(&mut plot, least, most, TOP + height + 20.0);
    Some(plot)
}

/// Trials of one mode, or several neighbouring ones where there are too many.
struct Column {
    label: String,
    trials: String,
    /// Of each flow, milliseconds.
    worst: Vec<f64>,
}

impl Column {
    fn worst_of(&self, row: &Row) -> f64 {
        row.flows.iter().filter_map(|flow| self.worst.get(*flow)).copied().fold(0.0, f64::max)
    }
}

fn columns(run: &RunRecord, report: &Report) -> Vec<Column> {
    let per_cell = (COLUMNS_MAX / report.cells.len().max(1)).max(1);
    let mut columns = Vec::new();
    for cell in &report.cells {
        let trials: Vec<_> = valid(run, &cell.mode, &cell.fault).collect();
        for some in trials.chunks(trials.len().div_ceil(per_cell).max(1)) {
            let mut worst: Vec<f64> = Vec::new();
            for trial in some {
                let outages = logs::outages_ns(trial);
                worst.resize(worst.len().max(outages.len()), 0.0);
                worst.iter_mut().zip(outages).for_each(|(worst, ns)| *worst = worst.max(ns as f64 / 1e6));
            }
            let trials = match some {
                [one] => format!("trial {}", one.index),
                [first, .., last] => format!("trials {} to {}", first.index, last.index),
                [] => continue,
            };
            columns.push(Column { label: report.cell_label(cell), trials, worst });
        }
    }
    columns
}

/// Flows of one table and pair of line cards with neighbouring prefixes.
struct Row {
    /// The pair of line cards, behind the VRF.
    name: String,
    title: String,
    flows: Vec<usize>,
}

fn rows(run: &RunRecord, flows: usize) -> Vec<Row> {
    let unknown = FlowPath::default();
    let path = |flow: usize| run.flows.get(flow).unwrap_or(&unknown);
    let card = |port: &str| port.split('/').next().unwrap_or_default().to_owned();
    let pair = |flow: usize| match (card(&path(flow).ingress), card(&path(flow).egress), &path(flow).vrf) {
        (from, to, _) if from.is_empty() && to.is_empty() => "all flows".to_owned(),
        (from, to, None) => format!("LC {from} → LC {to}"),
        (from, to, Some(vrf)) => format!("{vrf}: LC {from} → LC {to}"),
    };
    let mut order: Vec<(String, u8, Vec<u8>, usize)> = (0..flows)
        .map(|flow| (pair(flow), family(&path(flow).destination), key(&path(flow).destination), flow))
        .collect();
    order.sort();
    let size = flows.div_ceil(ROWS_MAX).max(1);
    let mut rows: Vec<Row> = Vec::new();
    for of_pair in order.chunk_by(|a, b| a.0 == b.0) {
        for some in of_pair.chunks(size) {
            let flows: Vec<usize> = some.iter().map(|(.., flow)| *flow).collect();
            let span = match flows.as_slice() {
                [one] if path(*one).prefix.is_empty() => format!("flow {one}"),
                [one] => path(*one).prefix.clone(),
                [first, .., last] if path(*first).prefix.is_empty() => format!("flows {first} to {last}"),
                [first, .., last] => format!("{} to {}", path(*first).prefix, path(*last).prefix),
                [] => continue,
            };
            rows.push(Row { name: some[0].0.clone(), title: format!("{}, {span}", some[0].0), flows });
        }
    }
    rows
}

/// IPv4 before IPv6.
fn family(destination: &str) -> u8 {
    if destination.contains(':') { 6 } else { 4 }
}

fn key(destination: &str) -> Vec<u8> {
    match destination.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(std::net::IpAddr::V6(address)) => address.octets().to_vec(),
        Err(_) => Vec::new(),
    }
}

fn shade(value: f64, least: f64, most: f64) -> &'static str {
    let share = if most > least { (value / least).ln() / (most / least).ln() } else { 1.0 };
    match (share * (SHADES - 1.0)).round() as u32 {
        0 => "h1",
        1 => "h2",
        2 => "h3",
        3 => "h4",
        4 => "h5",
        5 => "h6",
        _ => "h7",
    }
}

/// What of a row's name there is room for: its end.
fn short(name: &str) -> String {
    match name.chars().count().checked_sub(NAME_MAX) {
        None | Some(0) => name.to_owned(),
        Some(over) => std::iter::once('…').chain(name.chars().skip(over + 1)).collect(),
    }
}

/// The pair of line cards beside its first row.
fn names(plot: &mut Plot, rows: &[Row], row_height: f64) {
    let mut before = "";
    for (at, row) in rows.iter().enumerate() {
        if row.name != before {
            let top = TOP + row_height * at as f64;
            plot.line("grid", (LEFT, top), (CELLS, top));
            plot.text("small", (CELLS - 8.0, top + 11.0), Anchor::End, short(&row.name));
            before = &row.name;
        }
    }
}

fn scale(plot: &mut Plot, least: f64, most: f64, y: f64) {
    plot.rect("none", (CELLS, y), (22.0, 12.0), "no packet lost");
    plot.text("soft", (CELLS + 28.0, y + 10.0), Anchor::Start, "no loss");
    if most <= 0.0 {
        return;
    }
    let from = CELLS + 150.0;
    plot.text("soft", (from - 8.0, y + 10.0), Anchor::End, label_ms(least));
    for (at, class) in ["h1", "h2", "h3", "h4", "h5", "h6", "h7"].into_iter().enumerate() {
        plot.rect(&format!("heat {class}"), (from + 24.0 * at as f64, y), (23.0, 12.0), "");
    }
    plot.text(
        "soft",
        (from + 24.0 * SHADES + 8.0, y + 10.0),
        Anchor::Start,
        format!("{}, worst flow of a cell", label_ms(most)),
    );
}
