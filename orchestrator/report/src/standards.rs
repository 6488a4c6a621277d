//! The run in the words of the benchmarking standards, each figure with the section that it comes from: RFC 6201
//! for resets, RFC 7654 for software upgrades, RFC 3357 for loss periods.

use super::{
    Cell, Report, RunRecord,
    format::{self, NOT_MEASURED, count, figure, maybe, mode_label},
    summary::{new_active, valid},
    tables::{TableData, known, trials},
};
use measure::{Stat, TrialRecord, loss};

/// Frames are forwarded at least this long before a reset (RFC 6201 §4.1.1, second step).
const VERIFIED_MS: u64 = 15_000;

/// What one standard has to say.
pub(super) struct Page {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) tables: Vec<TableData>,
}

/// The pages that apply to the run.
pub(super) fn pages(run: &RunRecord, report: &Report) -> Vec<Page> {
    [reset(run, report), upgrade(run, report), periods(run, report)].into_iter().flatten().collect()
}

/// The test of RFC 6201 §4 that a fault amounts to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    RpSwitchover,
    SingleRp,
    LineCard,
    OperatingSystem,
}

impl Test {
    /// The fault's first step decides.
    fn of(fault: &str, rps: u32) -> Option<Self> {
        let step = fault.split(',').next().unwrap_or_default();
        let (name, target) = step.split_once(' ')?;
        let resets = matches!(name, "kill" | "stop" | "restart" | "remove" | "insert" | "force-switchover" | "reload");
        let unit = target.rsplit('/').next().unwrap_or_default();
        match unit {
            _ if !resets => None,
            _ if name == "reload" => Some(Self::OperatingSystem),
            "all-lc" => Some(Self::LineCard),
            _ if unit.starts_with("lc:") => Some(Self::LineCard),
            "standby-rp" => None,
            _ if rps > 1 => Some(Self::RpSwitchover),
            _ => Some(Self::SingleRp),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::RpSwitchover => "RP switchover of a multiple-RP device (§4.1.1.2)",
            Self::SingleRp => "RP reset of a single-RP device (§4.1.1.1)",
            Self::LineCard => "Line card removal and insertion (§4.1.2)",
            Self::OperatingSystem => "Operating system reset (§4.2.1)",
        }
    }
}

/// RFC 6201, if any cell is one of its tests.
fn reset(run: &RunRecord, report: &Report) -> Option<Page> {
    let rps = report.topology.route_processors;
    let mut tests: Vec<(Test, &Cell)> =
        report.cells.iter().filter_map(|cell| Some((Test::of(&cell.fault, rps)?, cell))).collect();
    tests.sort_by_key(|(test, _)| *test);
    if tests.is_empty() {
        return None;
    }
    let mut tables = Vec::new();
    for of_test in tests.chunk_by(|a, b| a.0 == b.0) {
        let cells: Vec<&Cell> = of_test.iter().map(|(_, cell)| *cell).collect();
        tables.push(reset_statement(of_test[0].0, &cells, run, report));
    }
    tables.push(factors(report));
    tables.push(procedure(run, report));
    Some(Page {
        title: "RFC 6201: device reset".to_owned(),
        note: "Reset time by both methods of §1.3. The tester counts frames by stream and sends whatever the state of \
               the link, so the frame-loss method is the one to cite. Averages as §1.4 asks; medians with intervals \
               stand in the tables above. Without any loss only \"no loss\" is reported (§3)."
            .to_owned(),
        tables,
    })
}

/// A column a configuration, a row a field.
fn reset_statement(test: Test, cells: &[&Cell], run: &RunRecord, report: &Report) -> TableData {
    let mut table = TableData::new(test.title(), "", &["field", "section"]);
    table.header.extend(cells.iter().map(|cell| report.cell_label(cell)));
    let mut row = |name: &str, section: &str, of: &dyn Fn(&Cell) -> String| {
        let head = [name.to_owned(), section.to_owned()];
        table.rows.push(head.into_iter().chain(cells.iter().map(|cell| of(cell))).collect());
    };
    let no_loss = |cell: &Cell| cell.lost_per_trial.max == Some(0.0);
    let unless = |cell: &Cell, stat: &Stat, unit: &str| match stat.mean {
        _ if no_loss(cell) => "no loss".to_owned(),
        Some(mean) => format!("{} {unit}", figure(mean)),
        None => NOT_MEASURED.to_owned(),
    };
    if test == Test::RpSwitchover {
        row("Configuration", "§4.1.1.2", &|cell| configuration(cell, cells));
        row("Redundancy scheme", "§4.1.1.2", &|cell| mode_label(&cell.mode));
    }
    row("Reset", "§4", &|cell| cell.fault.clone());
    row("Throughput", "§1.4", &|cell| throughput(cell));
    row("Loss (average)", "§1.4", &|cell| unless(cell, &cell.lost_per_trial, "frames"));
    row("Reset time, frame-loss method (average)", "§1.3", &|cell| unless(cell, &cell.outage_ms.loss_derived, "ms"));
    row("Reset time, timestamp method (average)", "§1.3", &|cell| {
        unless(cell, &cell.outage_ms.timestamp_derived, "ms")
    });
    row("Number of trials (valid of all)", "§1.4", &|cell| {
        format!("{} of {}", cell.trials - cell.invalid_trials, cell.trials)
    });
    row("Protocol", "§1.4", &|_| known(&report.topology.protocol));
    row("Frame size", "§1.4", &|cell| {
        cell.frame_size.map_or(NOT_MEASURED.to_owned(), |size| format!("{size} octets"))
    });
    row("Port media", "§1.4", &|_| format!("emulated Ethernet ({})", known(&report.topology.media)));
    row("Port speed", "§1.4", &|_| "not limited (emulated)".to_owned());
    row("Interface encapsulation", "§1.4", &|_| "Ethernet II".to_owned());
    if test == Test::LineCard {
        row("Time between removal and insertion", "§4.1", &|cell| absent(cell, run));
    }
    table
}

/// Which of the two configurations of §4.1.1.2 a cell is: the default, or the one that loses least.
fn configuration(cell: &Cell, cells: &[&Cell]) -> String {
    let least = cells
        .iter()
        .filter(|other| other.lost_per_trial.median.is_some())
        .min_by(|a, b| a.lost_per_trial.median.unwrap_or(0.0).total_cmp(&b.lost_per_trial.median.unwrap_or(0.0)));
    let default = cell.mode == "hsa";
    match (default, least.is_some_and(|least| least.mode == cell.mode && least.fault == cell.fault)) {
        (true, true) => "default (no switchover configured); loses least of those run",
        (true, false) => "default (no switchover configured)",
        (false, true) => "minimises frame loss, of those run",
        (false, false) => "in between",
    }
    .to_owned()
}

/// Median over trials of the time from the fault until the card's program runs again.
fn absent(cell: &Cell, run: &RunRecord) -> String {
    let back = |trial: &TrialRecord| {
        let booted = |event: &&measure::trial::EventLine| {
            event.at_ms >= 0.0 && event.text.starts_with("booted") && trial.hit.contains(&event.card)
        };
        trial.events.iter().find(booted).map(|event| event.at_ms)
    };
    let times: Vec<f64> = valid(run, &cell.mode, &cell.fault).filter_map(back).collect();
    let stat = Stat::of(times, run.seed);
    stat.median.map_or(NOT_MEASURED.to_owned(), |ms| format!("{} ms until its program ran again (median)", figure(ms)))
}

fn throughput(cell: &Cell) -> String {
    cell.offered_pps.zip(cell.frame_size).map_or(NOT_MEASURED.to_owned(), |(pps, size)| {
        let bits = figure(pps * f64::from(size) * 8.0 / 1e6);
        format!("offered {} frames/s, {bits} Mbit/s", figure(pps))
    })
}

/// The twelve factors of RFC 6201 §3.
fn factors(report: &Report) -> TableData {
    let topology = &report.topology;
    let note = "Factors that may influence the time after a reset.";
    let mut table = TableData::new("Factors (§3)", note, &["factor", "value"]);
    let faults: std::collections::BTreeSet<&str> = report.cells.iter().map(|cell| cell.fault.as_str()).collect();
    let software = faults.iter().all(|fault| fault.starts_with("force-switchover") || fault.starts_with("software"));
    let kind = if software { "software" } else { "hardware: a card's program ends at once (SIGKILL or removal)" };
    let in_use = topology.chassis.iter().flat_map(|chassis| &chassis.line_cards).filter(|card| !card.links.is_empty());
    let in_use = if topology.chassis.is_empty() { NOT_MEASURED.to_owned() } else { in_use.count().to_string() };
    let automatic = "automatic: the orchestrator, no human operation time";
    let procedure = |cell: &&Cell| cell.fsu.is_none();
    let schemes: Vec<String> = report.cells.iter().filter(procedure).map(|cell| report.label(&cell.mode)).collect();
    let rates: Vec<String> = report.cells.iter().take(1).map(throughput).collect();
    let other = format!(
        "heartbeat {} ms, switchover timer {} ms; {} processors shared by tester and cards; runtime {}",
        topology.heartbeat_ms,
        topology.switchover_timer_ms,
        report.host.cpus,
        known(&report.runtime)
    );
    let rows = [
        ("1 Type of reset", kind.to_owned()),
        ("2 Manual or automatic", automatic.to_owned()),
        ("3 Scheduled or not", if software { "scheduled" } else { "not scheduled: no card is told before" }.to_owned()),
        ("4 Local or remote", "local".to_owned()),
        ("5 Line cards present, in use", format!("{}, {in_use}", topology.line_cards)),
        ("6 Physical and logical interfaces in use", topology.ports.to_string()),
        ("7 Routing protocol instances", "1 route feed (static forwarding state first, as §3 asks)".to_owned()),
        (
            "8 Routing table entries",
            format!("{} IPv4, {} IPv6", count(topology.routes_ipv4), count(topology.routes_ipv6)),
        ),
        ("9 Route processors available", topology.route_processors.to_string()),
        ("10 Redundancy strategy", format!("route processors: {}; line cards: none", schemes.join(", "))),
        ("11 Encapsulation, throughput", format!("Ethernet II, {}", rates.join(", "))),
        ("12 Other", other),
    ];
    table.rows.extend(rows.map(|(name, value)| vec![name.to_owned(), value]));
    table
}

/// What the procedure asks for, and what was done.
fn procedure(run: &RunRecord, report: &Report) -> TableData {
    let mut table = TableData::new("Procedure (§4)", "", &["asked for", "done", "met"]);
    let verdict = |met: bool| if met { "yes" } else { "no" }.to_owned();
    let steady = run.steady_state_ms;
    let (done, met) = match steady {
        0 => (NOT_MEASURED.to_owned(), NOT_MEASURED.to_owned()),
        ms => (format!("{} s", figure(ms as f64 / 1e3)), verdict(ms >= VERIFIED_MS)),
    };
    table.rows.push(vec!["traffic is forwarded at least 15 s before the reset".to_owned(), done, met]);
    let size = report.cells.iter().find_map(|cell| cell.frame_size);
    let least = if report.topology.protocol.contains("IPv6") { 84 } else { 64 };
    table.rows.push(vec![
        "smallest frame of the medium".to_owned(),
        size.map_or(NOT_MEASURED.to_owned(), |size| format!("{size} octets")),
        size.map_or(NOT_MEASURED.to_owned(), |size| verdict(size <= least)),
    ]);
    let rate = report.cells.iter().find_map(|cell| cell.offered_pps);
    table.rows.push(vec![
        "rate at which the device forwards most".to_owned(),
        rate.map_or(NOT_MEASURED.to_owned(), |pps| format!("{}, set by the experiment", format::rate(pps))),
        "the experiment's choice".to_owned(),
    ]);
    let repeated = report.cells.iter().map(|cell| cell.trials - cell.invalid_trials).min().unwrap_or(0);
    table.rows.push(vec![
        "several trials, averages reported (§1.4)".to_owned(),
        format!("{repeated} valid trials of the configuration with fewest"),
        verdict(repeated > 1),
    ]);
    let switchover = |cell: &&Cell| Test::of(&cell.fault, report.topology.route_processors) == Some(Test::RpSwitchover);
    let mut modes: Vec<&str> = report.cells.iter().filter(switchover).map(|cell| cell.mode.as_str()).collect();
    modes.sort_unstable();
    modes.dedup();
    if !modes.is_empty() {
        table.rows.push(vec![
            "switchover twice: default, and configured to lose least (§4.1.1.2)".to_owned(),
            modes.iter().map(|mode| mode_label(mode)).collect::<Vec<_>>().join(", "),
            verdict(modes.contains(&"hsa") && modes.len() > 1),
        ]);
    }
    table
}

/// RFC 7654, if software was upgraded.
fn upgrade(run: &RunRecord, report: &Report) -> Option<Page> {
    let cells: Vec<&Cell> = report.cells.iter().filter(|cell| cell.fsu.is_some()).collect();
    if cells.is_empty() {
        return None;
    }
    let header = ["parameter", "section", "n", "median", "min", "max", "mean", "95 % interval of the median"];
    let mut tables = Vec::new();
    for cell in &cells {
        let Some(fsu) = &cell.fsu else { continue };
        let mut table = TableData::new(format!("{} (§7)", report.cell_label(cell)), "", &header);
        let rows = [
            ("T1: software download, secondary updated (ms)", "§5.2", &fsu.t1_ms),
            ("T2: upgrade run (ms)", "§5.3", &fsu.t2_ms),
            ("TPL_frames: traffic disruption (frames)", "§5.3", &fsu.tpl_frames),
            ("TPL_time: traffic impact (ms)", "§5.3", &fsu.tpl_ms),
            ("T3: both RPs on the new code, in sync (ms)", "§7", &fsu.t3_ms),
            ("T4 = T1 + T2 + T3: maintenance window (ms)", "§7", &fsu.t4_ms),
        ];
        table.rows.extend(rows.map(|(name, section, stat)| {
            let ci =
                stat.ci95.map_or(NOT_MEASURED.to_owned(), |[low, high]| format!("{} to {}", figure(low), figure(high)));
            let figures = [stat.median, stat.min, stat.max, stat.mean].map(maybe);
            [name.to_owned(), section.to_owned(), stat.n.to_string()].into_iter().chain(figures).chain([ci]).collect()
        }));
        tables.push(table);
    }
    tables.push(upgrade_conditions(run, report, &cells));
    Some(Page {
        title: "RFC 7654: software upgrade".to_owned(),
        note: "ISSU disruption impact in the terms of §7. TPL_time is TPL_frames divided by the offered load (§5.3)."
            .to_owned(),
        tables,
    })
}

/// What an upgrade was measured on, with and under.
fn upgrade_conditions(run: &RunRecord, report: &Report, cells: &[&Cell]) -> TableData {
    let mut table = TableData::new("What §7 asks to be reported with it", "", &["what", "value"]);
    let topology = &report.topology;
    let anomalies: Vec<&str> = cells.iter().flat_map(|cell| cell.reasons.iter().map(String::as_str)).collect();
    let anomalies = if anomalies.is_empty() { "none".to_owned() } else { anomalies.join("; ") };
    let heirs: std::collections::BTreeSet<&str> =
        run.trials.iter().filter(|trial| trial.fsu.is_some()).filter_map(new_active).collect();
    let load = cells.iter().map(|cell| throughput(cell)).next().unwrap_or_default();
    let rows = [
        (
            "DUT hardware and software",
            format!(
                "{}, {} RPs, {} line cards, from release {}",
                known(&topology.platform),
                topology.route_processors,
                topology.line_cards,
                known(&topology.image)
            ),
        ),
        ("Test topology", "the drawing of the chassis in this report; topology.yml".to_owned()),
        (
            "Load model",
            format!(
                "constant rate, {} flows to destinations of the routing table; {}",
                cells.iter().find_map(|cell| cell.flows).map_or(NOT_MEASURED.to_owned(), |flows| count(flows as u64)),
                known(&topology.protocol)
            ),
        ),
        ("Traffic load", load),
        ("Number of trials", cells.iter().map(|cell| trials(cell)).collect::<Vec<_>>().join(", ")),
        (
            "Protocols, frame size",
            format!(
                "{}, {}",
                known(&topology.protocol),
                cells
                    .iter()
                    .find_map(|cell| cell.frame_size)
                    .map_or(NOT_MEASURED.to_owned(), |size| format!("{size} octets"))
            ),
        ),
        (
            "Port media, speed, encapsulation",
            format!("emulated Ethernet ({}), not limited, Ethernet II", known(&topology.media)),
        ),
        ("Number of prefixes", format!("{} IPv4, {} IPv6", count(topology.routes_ipv4), count(topology.routes_ipv6))),
        ("Prefixes flapped (optional, §5.5)", topology.churn().to_owned()),
        ("Became active", heirs.into_iter().collect::<Vec<_>>().join(", ")),
        ("Anomalies during and after", anomalies),
        ("Source of the figures (§7.1)", "the tester for loss; the cards' own events only for T1 to T3".to_owned()),
    ];
    table.rows.extend(rows.map(|(name, value)| vec![name.to_owned(), known(&value)]));
    table
}

/// RFC 3357: how loss was spread; and where the other outage figures are defined.
fn periods(run: &RunRecord, report: &Report) -> Option<Page> {
    if report.cells.is_empty() {
        return None;
    }
    let header = ["mode", "statistic", "section", "n", "min", "median", "p90", "p99", "max"];
    let note = "A loss period is a run of consecutive lost packets of one flow. Lengths and distances are in packets, \
                over the loss periods listed in the valid trials.";
    let mut table = TableData::new("Loss periods", note, &header);
    for cell in &report.cells {
        let label = report.cell_label(cell);
        let distances = Stat::of_groups(&distances(run, cell), run.seed);
        let rows = [
            ("Loss-Period-Total, in a trial", "§6.2", &cell.loss_periods_per_trial),
            ("Loss-Period-Lengths", "§6.3", &cell.loss_period_packets),
            ("Inter-Loss-Period-Lengths", "§6.4", &distances),
        ];
        for (name, section, stat) in rows {
            let figures = [stat.min, stat.median, stat.p90, stat.p99, stat.max].map(maybe);
            let head = [label.clone(), name.to_owned(), section.to_owned(), stat.n.to_string()];
            table.rows.push(head.into_iter().chain(figures).collect());
        }
    }
    let mut sources = TableData::new("Where each figure is defined", "", &["figure", "definition", "section"]);
    let rows = [
        (
            "outage, loss-derived",
            "packets lost divided by the rate offered",
            "RFC 6201 §1.3 (1); RFC 6414 §3.6.2 (PLBM); RFC 6412 §3.6.6",
        ),
        (
            "outage, timestamp-derived",
            "first arrival after less last arrival before",
            "RFC 6201 §1.3 (2); RFC 6414 §3.6.3 (TBM)",
        ),
        (
            "total outage of a flow",
            "its packets lost divided by its own rate: route loss of connectivity",
            "RFC 6412 §3.6.5",
        ),
        ("longest, count", "loss periods of one flow", "RFC 3357 §6.2, §6.3"),
        (
            "longest gap",
            "longest time between two arrivals of one flow",
            "RFC 6414 §3.6.3 (TBM), delayed packets included",
        ),
        (
            "impaired",
            "lost, beyond the Forwarding Delay Threshold of 100 ms, duplicated or reordered",
            "RFC 6412 §3.7.6, §3.8.1; RFC 6414 §3.5.1",
        ),
        ("resolution", "destinations divided by offered load: time between two packets of one flow", "RFC 6413 §6.3.3"),
        ("reordered", "arrived after a packet with a higher number", "RFC 4737 §3.3"),
        ("T1 to T4, TPL", "phases and loss of a software upgrade", "RFC 7654 §5.2, §5.3, §7"),
    ];
    sources
        .rows
        .extend(rows.map(|(figure, what, section)| vec![figure.to_owned(), what.to_owned(), section.to_owned()]));
    Some(Page {
        title: "RFC 3357: loss periods".to_owned(),
        note: "Every listed loss period, with intended send times and the arrivals around it, is in loss-periods.csv."
            .to_owned(),
        tables: vec![table, sources],
    })
}

/// Inter-loss-period lengths of each trial; the first period of a flow has none.
fn distances(run: &RunRecord, cell: &Cell) -> Vec<Vec<f64>> {
    let of_trial = |trial: &TrialRecord| {
        let flows = trial.traffic.iter().flat_map(|traffic| &traffic.flows);
        flows
            .flat_map(|flow| loss::inter_loss_period_lengths(&flow.periods).into_iter().skip(1))
            .map(f64::from)
            .collect()
    };
    valid(run, &cell.mode, &cell.fault).map(of_trial).collect()
}
