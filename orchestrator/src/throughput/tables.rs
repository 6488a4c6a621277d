//! The figures as tables for people: at most 100 columns.

use super::{
    Figures, SizeFigures,
    figures::{LATENCY_AT, Purpose, TrialFigures},
};
use fabric_proto::lateness::Lateness;
use hdrhistogram::Histogram;
use report::{TableData, bytes, count, draw_table as draw, figure, rate};
use std::{collections::BTreeSet, fmt::Write, time::Duration};

/// From fewer heartbeats no such quantile is told.
const BEATS_FOR_P999: u64 = 1000;

/// Everything that was found.
pub fn text(figures: &Figures, colour: bool) -> String {
    let mut out = format!("{}: {}, {} flows\n", figures.lab, figures.ports.join(", "), count(figures.flows as u64));
    let _ = writeln!(out, "{}", draw(&throughput(figures), colour));
    for table in [latency(figures), loss_rate(figures), cards(figures)] {
        if !table.rows.is_empty() {
            let _ = writeln!(out, "\n{}\n{}", table.title, draw(&table, colour));
        }
    }
    out.push('\n');
    for (name, value) in facts(figures) {
        let _ = writeln!(out, "{name:<12} {value}");
    }
    out
}

fn throughput(figures: &Figures) -> TableData {
    let header = ["frame bytes", "zero loss", "Gbit/s", "trials", "limit"];
    let mut table = TableData::new("Throughput (RFC 2544 §26.1)", "", &header);
    for size in &figures.sizes {
        let trials = size.trials.iter().filter(|trial| trial.purpose == Purpose::Throughput).count();
        table.rows.push(vec![
            size.frame_size.to_string(),
            if size.zero_loss_pps > 0.0 { rate(size.zero_loss_pps) } else { "none".to_owned() },
            figure(size.zero_loss_pps * f64::from(size.frame_size) * 8.0 / 1e9),
            trials.to_string(),
            size.limit.clone().unwrap_or_else(|| "none: the highest rate passed".to_owned()),
        ]);
    }
    table
}

fn latency(figures: &Figures) -> TableData {
    let header = ["frame bytes", "load %", "rate", "lost", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "max µs"];
    let mut table = TableData::new("Latency from the intended send time (RFC 2544 §26.2)", "", &header);
    for (size, percent) in figures.sizes.iter().flat_map(|size| LATENCY_AT.map(|percent| (size, percent))) {
        let Some(trial) = size.at(percent) else { continue };
        let histogram: Histogram<u64> = (&trial.latency_ns).into();
        let micros = |quantile| figure(histogram.value_at_quantile(quantile) as f64 / 1e3);
        let mut row = vec![size.frame_size.to_string(), percent.to_string(), rate(trial.rate_pps), count(trial.lost())];
        row.extend([0.5, 0.9, 0.99, 0.999, 1.0].map(micros));
        table.rows.push(row);
    }
    table
}

fn loss_rate(figures: &Figures) -> TableData {
    let header = ["frame bytes", "load %", "rate", "loss %", "pushed back %", "lost to"];
    let mut table = TableData::new("Frame loss rate (RFC 2544 §26.3)", "", &header);
    for (size, trial) in figures.sizes.iter().flat_map(|size| size.trials.iter().map(move |trial| (size, trial))) {
        let Purpose::LossRate(percent) = trial.purpose else { continue };
        table.rows.push(vec![
            size.frame_size.to_string(),
            percent.to_string(),
            rate(trial.rate_pps),
            share(trial.loss()),
            share(trial.pushed_back()),
            trial.drops.keys().cloned().collect::<Vec<_>>().join(", "),
        ]);
    }
    table
}

fn share(share: f64) -> String {
    figure((share * 1e5).round() / 1e3)
}

/// What each card used, idle and at the zero-loss rate of each frame size, percent of one processor.
fn cards(figures: &Figures) -> TableData {
    let full: Vec<(&SizeFigures, &TrialFigures)> =
        figures.sizes.iter().filter_map(|size| Some((size, loaded(size)?))).collect();
    let mut header = vec!["card".to_owned(), "idle".to_owned()];
    header.extend(full.iter().map(|(size, _)| format!("{} B", size.frame_size)));
    header.push("memory".to_owned());
    let header: Vec<_> = header.iter().map(String::as_str).collect();
    let title = "Percent of one processor: idle, and at the zero-loss rate";
    let mut table = TableData::new(title, "", &header);
    let names: BTreeSet<_> = figures.idle.keys().chain(full.iter().flat_map(|(_, trial)| trial.cards.keys())).collect();
    for name in names {
        let percent = |cpu: Option<f64>| cpu.map_or_else(|| "–".to_owned(), |cpu| figure((cpu * 1e3).round() / 10.0));
        let mut row = vec![name.clone(), percent(figures.idle.get(name).map(|load| load.cpu))];
        row.extend(full.iter().map(|(_, trial)| percent(trial.cards.get(name).map(|load| load.cpu))));
        let last = full.last().and_then(|(_, trial)| trial.cards.get(name)).or_else(|| figures.idle.get(name));
        row.push(last.map_or_else(String::new, |load| bytes(load.memory_bytes)));
        table.rows.push(row);
    }
    table
}

/// The trial that shows the zero-loss rate: where latency was looked at, or the search's.
fn loaded(size: &SizeFigures) -> Option<&TrialFigures> {
    let search = || {
        let found = |trial: &&TrialFigures| trial.passed() && trial.rate_pps >= size.zero_loss_pps;
        size.trials.iter().find(found)
    };
    size.at(100).or_else(search)
}

fn facts(figures: &Figures) -> Vec<(&'static str, String)> {
    let [v4, v6] = figures.routes;
    let mut facts = vec![
        ("table", format!("{} IPv4 and {} IPv6 routes", count(v4 as u64), count(v6 as u64))),
        (
            "trials",
            format!(
                "{} each, search to {} %, on {} processors, cards as {}",
                seconds(Duration::from_millis(figures.time_ms)),
                figure(figures.resolution * 100.0),
                figures.cpus,
                match figures.runtime.as_str() {
                    "docker" => "containers",
                    _ => "processes",
                }
            ),
        ),
        ("deployed", format!("{} ms until it forwarded and was redundant", figure(figures.deploy_ms))),
    ];
    let mut beats = Lateness::default();
    figures.sizes.iter().for_each(|size| beats.merge(&size.heartbeats_at_full_load()));
    if let Some(line) = heartbeats(&beats) {
        facts.push(("heartbeats", line));
    }
    facts
}

/// How late heartbeats were at 90 % of the zero-loss rate and more; `None` when there was none.
fn heartbeats(beats: &Lateness) -> Option<String> {
    let ms = |late: Duration| figure((late.as_secs_f64() * 1e6).round() / 1e3);
    let p999 = match beats.quantile(0.999) {
        Some(late) if beats.count() >= BEATS_FOR_P999 => format!("p99.9 {} ms", ms(late)),
        _ => format!("too few for p99.9 (n < {BEATS_FOR_P999})"),
    };
    let (median, max) = (ms(beats.quantile(0.5)?), ms(beats.max()?));
    Some(format!("late at full load: median {median} ms, {p999}, most {max} ms (n = {})", count(beats.count())))
}

fn seconds(time: Duration) -> String {
    format!("{} s", figure(time.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::load::CardLoad;
    use measure::histogram::Sketch;

    fn trial(purpose: Purpose, rate_pps: f64, offered: u64, delivered: u64) -> TrialFigures {
        let mut heartbeats = Lateness::default();
        (0..600).for_each(|_| heartbeats.record(Duration::from_micros(700)));
        TrialFigures {
            purpose,
            rate_pps,
            offered,
            delivered,
            latency_ns: Sketch(vec![(100_000, delivered)]),
            heartbeats,
            cards: [("pe1/1".to_owned(), CardLoad { cpu: 0.5, memory_bytes: 100 << 20 })].into(),
            ..TrialFigures::default()
        }
    }

    fn figures() -> Figures {
        let mut over = trial(Purpose::LossRate(100), 5e6, 1_000, 700);
        over.not_taken = 200;
        over.drops.insert("port_queue_full".to_owned(), 100);
        over.failed = vec!["100 lost (port_queue_full 100)".to_owned(), "200 not taken by the wire".to_owned()];
        let size = SizeFigures {
            frame_size: 128,
            zero_loss_pps: 2.5e6,
            limit: Some(over.failed.join(", ")),
            trials: vec![
                trial(Purpose::Throughput, 2.5e6, 1_000, 1_000),
                trial(Purpose::Latency(10), 0.25e6, 100, 100),
                trial(Purpose::Latency(100), 2.5e6, 1_000, 1_000),
                over,
            ],
        };
        Figures {
            lab: "edge".to_owned(),
            runtime: "process".to_owned(),
            cpus: 2,
            routes: [1_000_000, 200_000],
            ports: vec!["t1:p1 → p2".to_owned()],
            flows: 1000,
            time_ms: 2000,
            resolution: 0.02,
            idle: [("pe1/1".to_owned(), CardLoad { cpu: 0.004, memory_bytes: 90 << 20 })].into(),
            sizes: vec![size],
            ..Figures::default()
        }
    }

    #[test]
    fn everything_fits_into_a_hundred_columns() {
        let mut figures = figures();
        let all = super::super::FRAME_SIZES.map(|frame_size| SizeFigures { frame_size, ..figures.sizes[0].clone() });
        figures.sizes = all.to_vec();
        let text = text(&figures, false);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{widest:?}\n{text}");
        for wanted in ["2.50 Mpps", "2.56", "1,000,000 IPv4", "p99.9", "30", "port_queue_full", "§26.3"] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
    }

    #[test]
    fn loss_and_what_the_wire_did_not_take_are_told_apart() {
        let over = figures().sizes[0].trials[3].clone();
        assert_eq!((share(over.loss()), share(over.pushed_back())), ("10".to_owned(), "20".to_owned()));
    }

    #[test]
    fn heartbeats_count_only_under_full_load_and_a_quantile_needs_enough_of_them() {
        let beats = figures().sizes[0].heartbeats_at_full_load();
        assert_eq!(beats.count(), 3 * 600, "10 % of the rate is no full load");
        assert!(heartbeats(&beats).unwrap().contains("p99.9 0.768 ms"), "{:?}", heartbeats(&beats));
        let mut few = Lateness::default();
        few.record(Duration::from_millis(1));
        assert!(heartbeats(&few).unwrap().contains("too few"));
        assert_eq!(heartbeats(&Lateness::default()), None);
    }
}
