//! The chassis with the cards that the fault hit, the one that took over, and what each line card dropped.

use super::WIDTH;
use crate::{
    Cell, ChassisSummary, LineCardSummary, Report, RunRecord,
    format::count,
    svg::{Anchor, Plot},
};
use std::collections::BTreeMap;

/// Pictures at most: faults of one experiment are few.
const PICTURES_MAX: usize = 6;
const RP: (f64, f64) = (190.0, 62.0);
const LC: (f64, f64) = (172.0, 74.0);
const MARGIN: f64 = 34.0;

/// One picture a fault and chassis.
pub(super) fn plots(run: &RunRecord, report: &Report) -> Vec<Plot> {
    let mut faults: Vec<&str> = report.cells.iter().map(|cell| cell.fault.as_str()).collect();
    faults.dedup();
    faults.sort_unstable();
    faults.dedup();
    let built = if run.topology.chassis.is_empty() { vec![from_counts(run)] } else { run.topology.chassis.clone() };
    let wanted = faults.iter().flat_map(|fault| built.iter().map(move |chassis| (*fault, chassis)));
    let plots = wanted.take(PICTURES_MAX).enumerate().map(|(at, (fault, chassis))| {
        let name = if at == 0 { "chassis".to_owned() } else { format!("chassis-{}", at + 1) };
        plot(&name, fault, chassis, report)
    });
    plots.collect()
}

/// What a run of an earlier release tells of its chassis.
fn from_counts(run: &RunRecord) -> ChassisSummary {
    let card = |slot: u32| LineCardSummary { slot: slot.to_string(), ports: 0, links: Vec::new() };
    let rps = (b'A'..=b'Z').take(run.topology.route_processors as usize);
    ChassisSummary {
        name: run.topology.name.clone(),
        route_processors: rps.map(|letter| char::from(letter).to_string()).collect(),
        line_cards: (1..=run.topology.line_cards).map(card).collect(),
    }
}

/// What the trials of one fault say of the cards.
#[derive(Default)]
struct Story {
    trials: usize,
    hit: BTreeMap<String, usize>,
    took_over: BTreeMap<String, usize>,
    dropped: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Story {
    fn of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Self {
        let mut story = Self::default();
        for cell in cells {
            story.trials += cell.trials;
            cell.hit.iter().for_each(|(card, n)| *story.hit.entry(card.clone()).or_default() += n);
            cell.took_over.iter().for_each(|(card, n)| *story.took_over.entry(card.clone()).or_default() += n);
            for (card, drops) in &cell.packets.dropped_by_card {
                let of_card = story.dropped.entry(card.clone()).or_default();
                drops.iter().for_each(|(cause, n)| *of_card.entry(cause.clone()).or_default() += n);
            }
        }
        story
    }
}

fn plot(name: &str, fault: &str, chassis: &ChassisSummary, report: &Report) -> Plot {
    let cells = || report.cells.iter().filter(|cell| cell.fault == fault);
    let story = Story::of(cells());
    let modes: Vec<String> = cells().map(|cell| report.label(&cell.mode)).collect();
    let what = if fault.is_empty() { "no fault" } else { fault };
    let caption = format!(
        "{}: {what} ({}). Crossed out: hit by the fault. Green: took over. Below each line card: packets that it \
         dropped in all trials, by cause.",
        chassis.name,
        modes.join(", ")
    );
    let columns = (((WIDTH - 2.0 * MARGIN) / (LC.0 + 16.0)) as usize).clamp(1, chassis.line_cards.len().max(1));
    let rows = chassis.line_cards.len().div_ceil(columns);
    let testers = 58.0;
    let height = 132.0 + rows as f64 * (LC.1 + testers);
    let mut plot = Plot::new(name, caption, WIDTH, height);
    plot.text("strong", (MARGIN, 24.0), Anchor::Start, format!("{}: {what}", chassis.name));
    let frame = (WIDTH - MARGIN, 118.0 + rows as f64 * (LC.1 + testers) - testers);
    plot.rect("frame", (MARGIN / 2.0, 32.0), frame, &format!("chassis {}", chassis.name));
    plot.data = vec![["card", "what happened", "packets dropped"].map(str::to_owned).to_vec()];
    let rps = chassis.route_processors.len() as f64;
    let from = WIDTH / 2.0 - (rps * (RP.0 + 40.0) - 40.0) / 2.0;
    let fabric = 120.0;
    for (at, slot) in chassis.route_processors.iter().enumerate() {
        let x = from + at as f64 * (RP.0 + 40.0);
        plot.line("wire", (x + RP.0 / 2.0, 40.0 + RP.1), (x + RP.0 / 2.0, fabric));
        card(&mut plot, &story, &format!("{}/{slot}", chassis.name), &format!("RP {slot}"), (x, 40.0), RP);
    }
    plot.line("wire", (MARGIN, fabric), (WIDTH - MARGIN, fabric));
    plot.text("soft small", (WIDTH - MARGIN, fabric - 5.0), Anchor::End, "fabric");
    for (at, line_card) in chassis.line_cards.iter().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let in_row = columns.min(chassis.line_cards.len() - row * columns) as f64;
        let first = WIDTH / 2.0 - (in_row * (LC.0 + 16.0) - 16.0) / 2.0;
        let x = first + column as f64 * (LC.0 + 16.0);
        let y = fabric + 22.0 + row as f64 * (LC.1 + testers);
        if row == 0 {
            plot.line("wire", (x + LC.0 / 2.0, fabric), (x + LC.0 / 2.0, y));
        }
        card(
            &mut plot,
            &story,
            &format!("{}/{}", chassis.name, line_card.slot),
            &format!("LC {}", line_card.slot),
            (x, y),
            LC,
        );
        ports(&mut plot, line_card, (x, y + LC.1));
    }
    plot
}

/// A card, with what became of it.
fn card(plot: &mut Plot, story: &Story, id: &str, name: &str, at: (f64, f64), size: (f64, f64)) {
    let ((x, y), (width, height)) = (at, size);
    let hit = story.hit.get(id).copied().unwrap_or(0);
    let heir = story.took_over.get(id).copied().unwrap_or(0);
    let drops = story.dropped.get(id);
    let dropped: u64 = drops.into_iter().flat_map(BTreeMap::values).sum();
    let of = |n: usize| {
        if n == story.trials { format!("all {n} trials") } else { format!("{n} of {} trials", story.trials) }
    };
    let mut said = Vec::new();
    if hit > 0 {
        said.push(format!("hit in {}", of(hit)));
    }
    if heir > 0 {
        said.push(format!("took over in {}", of(heir)));
    }
    let mut causes: Vec<(&String, &u64)> = drops.into_iter().flatten().filter(|(_, packets)| **packets > 0).collect();
    causes.sort_by_key(|(cause, packets)| (std::cmp::Reverse(**packets), *cause));
    let causes: Vec<String> =
        causes.into_iter().map(|(cause, packets)| format!("{} {}", count(*packets), cause.replace('_', " "))).collect();
    let title = [name.to_owned()].into_iter().chain(said.iter().cloned()).chain(causes.iter().cloned());
    let class = if hit > 0 {
        "dead"
    } else if heir > 0 {
        "heir"
    } else {
        "card"
    };
    plot.rect(class, at, size, &title.collect::<Vec<_>>().join("; "));
    plot.text("strong", (x + 10.0, y + 19.0), Anchor::Start, name);
    if hit > 0 {
        plot.line("cross", (x + width - 22.0, y + 8.0), (x + width - 8.0, y + 22.0));
        plot.line("cross", (x + width - 22.0, y + 22.0), (x + width - 8.0, y + 8.0));
    }
    let mut line = y + 36.0;
    for (at, text) in said.iter().enumerate() {
        let class = if hit > 0 && at == 0 { "fault small" } else { "heir small" };
        plot.text(class, (x + 10.0, line), Anchor::Start, text);
        line += 14.0;
    }
    let is_line_card = name.starts_with("LC");
    if is_line_card && drops.is_some() {
        let text = if dropped == 0 { "dropped nothing".to_owned() } else { format!("dropped {}", count(dropped)) };
        plot.text("soft small", (x + 10.0, line), Anchor::Start, text);
        if let [cause, rest @ ..] = causes.as_slice()
            && line + 13.0 < y + height
        {
            let more = if rest.is_empty() { String::new() } else { format!(" + {} more", rest.len()) };
            plot.text("soft small", (x + 10.0, line + 13.0), Anchor::Start, format!("{cause}{more}"));
        }
    }
    let happened = if said.is_empty() { "–".to_owned() } else { said.join("; ") };
    let packets = match (is_line_card, drops) {
        (true, Some(_)) if causes.is_empty() => "0".to_owned(),
        (true, Some(_)) => causes.join("; "),
        (true, None) | (false, _) => "–".to_owned(),
    };
    plot.data.push(vec![name.to_owned(), happened, packets]);
}

/// The ports below a line card, and what is linked to them.
fn ports(plot: &mut Plot, card: &LineCardSummary, at: (f64, f64)) {
    for port in 1..=card.ports {
        let x = at.0 + 10.0 + f64::from(port - 1) * 18.0;
        if x + 12.0 > at.0 + LC.0 {
            break;
        }
        let link = card.links.iter().find(|(number, _)| *number == port);
        let title = link.map_or_else(
            || format!("port {}/{port}, free", card.slot),
            |(_, end)| format!("port {}/{port}, linked to {end}", card.slot),
        );
        plot.rect(if link.is_some() { "port" } else { "free" }, (x, at.1 - 4.0), (12.0, 8.0), &title);
        if let Some((_, end)) = link {
            plot.line("wire", (x + 6.0, at.1 + 4.0), (x + 6.0, at.1 + 20.0));
            plot.text("soft small", (x + 6.0, at.1 + 32.0), Anchor::Middle, end);
        }
    }
}
