//! The report's tables as plain text cells: terminal, Markdown and HTML draw the same ones.

use super::{
    Cell, DelayStats, NoiseFloor, Report, RunRecord,
    format::{self, NOT_MEASURED, count, figure, maybe, mode_label},
};
use measure::Stat;
use std::collections::BTreeSet;

/// A table; its first column names the row.
pub struct TableData {
    /// Heading.
    pub title: String,
    /// What a reader must know to read it; may be empty.
    pub note: String,
    /// Column heads.
    pub header: Vec<String>,
    /// Rows, as wide as the header.
    pub rows: Vec<Vec<String>>,
}

/// Heads of columns that hold words, which stand left.
pub(super) const WORDS: [&str; 22] = [
    "found",
    "limit",
    "lost to",
    "mode",
    "step",
    "verdict",
    "value",
    "section",
    "definition",
    "statistic",
    "quantity",
    "who",
    "cause",
    "why",
    "fault",
    "done",
    "met",
    "what happened",
    "packets dropped",
    "total outage",
    "change",
    "from → to",
];

impl TableData {
    /// A table without rows.
    pub fn new(title: impl Into<String>, note: impl Into<String>, header: &[&str]) -> Self {
        let (title, note) = (title.into(), note.into());
        Self { title, note, header: header.iter().map(|head| (*head).to_owned()).collect(), rows: Vec::new() }
    }
}

/// What was done, each fault once.
pub(super) fn faults(report: &Report) -> String {
    let faults: BTreeSet<&str> = report.cells.iter().map(|cell| cell.fault.as_str()).collect();
    faults.into_iter().collect::<Vec<_>>().join("; ")
}

/// The verdicts: what a reader wants first. The last column is the verdict.
pub(super) fn outages(report: &Report) -> TableData {
    let header = ["mode", "trials", "lost median", "lost worst", "outage ms [95 % CI]", "worst flow ms", "verdict"];
    let mut table = TableData::new("Outage", "", &header);
    for cell in &report.cells {
        table.rows.push(vec![
            report.cell_label(cell),
            trials(cell),
            maybe(cell.lost_per_trial.median),
            maybe(cell.lost_per_trial.max),
            median_with_interval(&cell.outage_ms.loss_derived),
            maybe(cell.delay.arrival_gap_ms.max),
            cell.verdict.to_string(),
        ]);
    }
    table
}

/// Traffic that stood still or came late, with loss or without.
pub(super) fn delays(report: &Report) -> TableData {
    let threshold = report.cells.first().map_or(0.0, |cell| cell.delay.delay_threshold_ms);
    let note = format!(
        "Median and worst over trials. Longest gap: time without an arrival in any one flow, so that it is never \
         shorter than the resolution. Greatest latency: of a packet that arrived, from its intended send time. Impaired: \
         lost, overtaken, arrived again, or more than {} ms late (RFC 6412 §3.8.1).",
        figure(threshold)
    );
    let header = ["mode", "longest gap ms", "greatest latency ms", "impaired packets"];
    let mut table = TableData::new("Standing still and late: median, worst of trials", note, &header);
    for cell in &report.cells {
        let DelayStats { arrival_gap_ms, latency_max_ms, impaired, .. } = &cell.delay;
        let figures = [arrival_gap_ms, latency_max_ms, impaired].map(median_and_worst);
        table.rows.push([report.cell_label(cell)].into_iter().chain(figures).collect());
    }
    table
}

/// The same outage by both methods, never only the longest.
pub(super) fn methods(report: &Report) -> TableData {
    let note = "Medians over trials, ms [95 % interval]. Loss-derived: packets lost divided by the rate offered, over \
                all flows. Timestamp-derived: last arrival before to first arrival after, summed, in the worst flow; \
                up to one resolution longer for each loss period. Total and periods: the flow that lost most. Accuracy: \
                resolution, and how late the generator was while packets were lost, where that is most; where none was \
                lost, the longest outage that may have gone unseen.";
    let header = ["mode", "loss-derived", "timestamp-derived", "longest", "total", "periods", "resolution", "accuracy"];
    let mut table = TableData::new("Outage, both ways", note, &header);
    for cell in &report.cells {
        let outage = &cell.outage_ms;
        let mut row = vec![report.cell_label(cell)];
        row.extend(
            [&outage.loss_derived, &outage.timestamp_derived, &outage.longest, &outage.total].map(median_with_interval),
        );
        row.extend([outage.count.median, cell.resolution_ms, cell.accuracy_ms].map(maybe));
        table.rows.push(row);
    }
    table
}

/// The switchover taken apart; `None` when nothing of it was measured.
pub(super) fn switchovers(report: &Report) -> Option<TableData> {
    let header = ["mode", "detected", "took over", "LCs adopted", "tables right", "converged", "redundant"];
    let title = "The switchover, in ms after the fault (medians)";
    let mut table = TableData::new(title, "", &header);
    for cell in &report.cells {
        table.rows.push([report.cell_label(cell)].into_iter().chain(cell.switchover_ms.medians().map(maybe)).collect());
    }
    let measured = report.cells.iter().any(|cell| cell.switchover_ms.medians().iter().any(Option::is_some));
    measured.then_some(table)
}

/// Software upgrades; `None` when there was none.
pub(super) fn upgrades(report: &Report) -> Option<TableData> {
    let header = ["mode", "T1 ms", "T2 ms", "T3 ms", "T4 ms", "TPL frames", "TPL ms"];
    let mut table = TableData::new("Software upgrade (RFC 7654, medians)", "", &header);
    for cell in &report.cells {
        let Some(fsu) = &cell.fsu else { continue };
        let times = [fsu.t1_ms, fsu.t2_ms, fsu.t3_ms, fsu.t4_ms, fsu.tpl_frames, fsu.tpl_ms];
        table.rows.push([report.cell_label(cell)].into_iter().chain(times.map(|stat| maybe(stat.median))).collect());
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The steps of upgrades; `None` when there was none that was walked through.
pub(super) fn upgrade_steps(report: &Report) -> Option<TableData> {
    let note = "Medians. Lost are those of the packets that were due in the step, to 10 ms of intended time.";
    let mut table =
        TableData::new("The upgrade, step by step", note, &["mode", "step", "ms", "lost", "lost at most", "found"]);
    for cell in &report.cells {
        for step in cell.fsu.iter().flat_map(|fsu| &fsu.steps) {
            let figures = [step.ms.median, step.lost.median, step.lost.max].map(maybe);
            let found = step.found.iter().cloned().collect::<Vec<_>>().join("; or ");
            let words = [report.cell_label(cell), step.name.clone()];
            table.rows.push(words.into_iter().chain(figures).chain([found]).collect());
        }
    }
    // Only where something was done during a step is there anything to say.
    if table.rows.iter().all(|row| row.last().is_some_and(String::is_empty)) {
        table.header.pop();
        table.rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Where every packet went: a row a cause, a column a mode.
pub(super) fn accounting(report: &Report) -> TableData {
    let note = "Packets, summed over all trials, invalid ones too. Offered is delivered plus every drop by its cause; \
                what is left is unaccounted for, and makes a trial invalid.";
    let mut table = TableData::new("Where every packet went", note, &["packets"]);
    table.header.extend(report.cells.iter().map(|cell| report.cell_label(cell)));
    let mut row = |name: &str, of: &dyn Fn(&Cell) -> u64| {
        table.rows.push([name.to_owned()].into_iter().chain(report.cells.iter().map(|cell| count(of(cell)))).collect());
    };
    row("offered", &|cell| cell.packets.offered);
    row("delivered", &|cell| cell.packets.delivered);
    row("lost", &|cell| cell.packets.lost);
    let causes: BTreeSet<&String> = report.cells.iter().flat_map(|cell| cell.packets.dropped.keys()).collect();
    for cause in causes {
        let name = format!("dropped: {}", cause.replace('_', " "));
        row(&name, &|cell| cell.packets.dropped.get(cause).copied().unwrap_or(0));
    }
    row("lost with the card", &|cell| cell.packets.lost_with_card);
    row("misdelivered", &|cell| cell.packets.misdelivered);
    row("unaccounted", &|cell| cell.packets.unaccounted);
    row("delivered more than 1 s late", &|cell| cell.packets.late);
    row("delivered twice", &|cell| cell.packets.duplicated);
    row("out of order", &|cell| cell.packets.reordered);
    table
}

/// The distribution of each quantity over trials, and of the outage over flows.
pub(super) fn distributions(report: &Report) -> TableData {
    let note = "Over valid trials; the last row of a mode over all their flows, whose interval comes from resampling \
                whole trials, since flows of one trial are not independent. No 90th percentile from fewer than 10 \
                samples, no 99th from fewer than 100, no interval from fewer than 6 trials.";
    let header = ["mode", "quantity", "n", "min", "median", "95 % interval", "p90", "p99", "max"];
    let mut table = TableData::new("Distributions", note, &header);
    for cell in &report.cells {
        let outage = &cell.outage_ms;
        let rows: [(&str, &Stat); 9] = [
            ("packets lost", &cell.lost_per_trial),
            ("outage ms, loss-derived", &outage.loss_derived),
            ("outage ms, timestamp-derived", &outage.timestamp_derived),
            ("longest loss period ms", &outage.longest),
            ("total of the worst flow ms", &outage.total),
            ("longest arrival gap ms", &cell.delay.arrival_gap_ms),
            ("greatest latency ms", &cell.delay.latency_max_ms),
            ("packets impaired", &cell.delay.impaired),
            ("total of a flow ms, over flows", &cell.flow_outage_ms),
        ];
        for (name, stat) in rows {
            let interval = stat.ci95.map(|[low, high]| format!("{} to {}", figure(low), figure(high)));
            let mut row = vec![report.cell_label(cell), name.to_owned(), count(stat.n as u64)];
            row.extend([stat.min, stat.median].map(maybe));
            row.push(interval.unwrap_or_else(|| NOT_MEASURED.to_owned()));
            row.extend([stat.p90, stat.p99, stat.max].map(maybe));
            table.rows.push(row);
        }
    }
    table
}

/// Drops by cause at every card beside what the tester missed; `None` for runs of earlier releases.
pub(super) fn reconciliation(report: &Report) -> Option<TableData> {
    let note = "What the cards say they dropped, against what the tester missed (offered less delivered and \
                misdelivered), over all trials. Both are counted on their own; each difference must be 0.";
    let mut table = TableData::new("Cards and tester reconciled", note, &["mode", "who", "cause", "packets"]);
    for cell in report.cells.iter().filter(|cell| !cell.packets.dropped_by_card.is_empty()) {
        let label = report.cell_label(cell);
        let mut by_cards = 0;
        for (card, drops) in &cell.packets.dropped_by_card {
            for (cause, packets) in drops {
                by_cards += packets;
                table.rows.push(vec![label.clone(), card.clone(), cause.replace('_', " "), count(*packets)]);
            }
        }
        let by_tester = cell.packets.dropped.iter().filter(|(cause, _)| cause.starts_with("tester"));
        for (cause, packets) in by_tester {
            by_cards += packets;
            table.rows.push(vec![label.clone(), "tester".to_owned(), cause.replace('_', " "), count(*packets)]);
        }
        let packets = &cell.packets;
        let missed = packets.offered - packets.delivered - packets.misdelivered;
        let mut sum = |who: &str, what: &str, n: String| {
            table.rows.push(vec![label.clone(), who.to_owned(), what.to_owned(), n]);
        };
        if packets.lost_with_card > 0 {
            sum("killed line cards", "lost with the card", count(packets.lost_with_card));
        }
        sum("tester", "missed", count(missed));
        let left = i128::from(missed) - i128::from(by_cards) - i128::from(packets.lost_with_card);
        sum("difference", "unaccounted", left.to_string());
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Trials whose figures do not count; `None` when there are none.
pub(super) fn invalid(run: &RunRecord, report: &Report) -> Option<TableData> {
    let note = "Their packets are accounted for above; their figures count in nothing else. One that only the machine has \
                spoilt is held again in the end, as long as that makes no more than half as many trials again.";
    let mut table = TableData::new("Invalid trials", note, &["trial", "mode", "fault", "why", "held again as"]);
    let trials = || run.trials.iter().chain(&run.noise_floor);
    for trial in trials().filter(|trial| !trial.valid()) {
        let first = trial.in_place_of.unwrap_or(trial.index);
        let later = trials().filter(|later| later.in_place_of == Some(first) && later.index > trial.index);
        let again = later.map(|later| later.index).min().map_or(NOT_MEASURED.to_owned(), |index| index.to_string());
        let why: Vec<String> = trial.invalid.iter().map(ToString::to_string).collect();
        let fault = if trial.fault.is_empty() { "none" } else { &trial.fault };
        let (index, mode) = (trial.index.to_string(), report.label(&trial.mode));
        table.rows.push(vec![index, mode, fault.to_owned(), why.join("; "), again]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Every pair of modes; `None` when there is no pair.
pub(super) fn comparisons(report: &Report) -> Option<TableData> {
    let note = "Difference of the median total outages, ms, with its bootstrap 95 % interval. An interval that holds \
                zero shows no difference.";
    let mut table =
        TableData::new("Modes compared", note, &["from → to", "difference ms", "95 % interval", "beyond chance"]);
    for pair in &report.comparisons {
        let difference = &pair.total_outage_ms;
        let interval = difference.ci95.map(|[low, high]| format!("{} to {}", figure(low), figure(high)));
        let verdict = difference.significant().map(|significant| if significant { "yes" } else { "no" });
        table.rows.push(vec![
            format!("{} → {}", side(report, &pair.a, &pair.a_fault), side(report, &pair.b, &pair.b_fault)),
            figure(difference.median),
            interval.unwrap_or_else(|| NOT_MEASURED.to_owned()),
            verdict.unwrap_or(NOT_MEASURED).to_owned(),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn side(report: &Report, mode: &str, fault: &str) -> String {
    let cell = report.cells.iter().find(|cell| cell.mode == mode && cell.fault == fault);
    cell.map_or_else(|| report.label(mode), |cell| report.cell_label(cell))
}

/// Machine, chassis and command.
pub(super) fn environment(report: &Report) -> TableData {
    let (host, topology) = (&report.host, &report.topology);
    let mut table = TableData::new("Environment", "", &["what", "value"]);
    let ms = |ms: u64| if ms == 0 { NOT_MEASURED.to_owned() } else { format!("{} ms", count(ms)) };
    let late = report.cells.iter().filter_map(|cell| cell.generator_late_p99_ms).reduce(f64::max);
    let facts = [
        ("command", known(&report.command)),
        ("seed", report.seed.to_string()),
        ("swact", known(&report.version)),
        ("started, finished", format!("{}, {}", report.started, report.finished)),
        ("runtime", known(&report.runtime)),
        ("engine", known(host.engine.as_deref().unwrap_or(""))),
        ("kernel", known(&host.kernel)),
        ("clock", format!("CLOCK_MONOTONIC, source {}; one clock for tester and cards", known(&host.clock_source))),
        ("tester", known(&report.tester_priority.join("; "))),
        ("processors, memory", format!("{}, {}", host.cpus, format::bytes(host.memory_bytes))),
        ("chassis", known(&topology.name)),
        ("platform, image", format!("{}, {}", known(&topology.platform), known(&topology.image))),
        (
            "route processors, line cards, ports",
            format!("{}, {}, {}", topology.route_processors, topology.line_cards, topology.ports),
        ),
        ("routes IPv4, IPv6", format!("{}, {}", count(topology.routes_ipv4), count(topology.routes_ipv6))),
        ("protocol, media", format!("{}, {}", known(&topology.protocol), known(&topology.media))),
        ("table", known(&topology.table)),
        ("heartbeat, switchover timer", format!("{}, {}", ms(topology.heartbeat_ms), ms(topology.switchover_timer_ms))),
        (
            "generator, 99 % of packets at most late by",
            late.map_or(NOT_MEASURED.to_owned(), |ms| format!("{} ms", figure(ms))),
        ),
    ];
    table.rows.extend(facts.map(|(name, value)| vec![name.to_owned(), value]));
    let churn = (!topology.churn.is_empty()).then(|| vec!["churn".to_owned(), known(&topology.churn)]);
    table.rows.extend(churn);
    table.rows.extend(topology.facts.iter().map(|(name, value)| vec![name.clone(), value.clone()]));
    table
}

/// One line each: noise floor, resolution, accounting.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let floors = || report.cells.iter().map(|cell| &cell.noise_floor).filter(|floor| floor.lost_per_trial.n > 0);
    let lost = floors().filter_map(|floor| floor.lost_per_trial.max).reduce(f64::max);
    let longest = floors().filter_map(|floor| floor.longest_ms.max).reduce(f64::max);
    // A mode without a floor of its own is shown the others': none is counted twice.
    let most = |of: fn(&NoiseFloor) -> usize| report.cells.iter().map(|cell| of(&cell.noise_floor)).max().unwrap_or(0);
    let spoilt = match most(|floor| floor.invalid_trials) {
        0 => "",
        _ => "; other trials without a fault do not count",
    };
    let noise = match (lost, longest) {
        (Some(0.0), _) => format!("no packet lost without a fault{spoilt}"),
        (Some(lost), Some(longest)) => {
            let (lost, longest) = (figure(lost), figure(longest));
            format!("at most {lost} packets lost and {longest} ms of outage without a fault{spoilt}")
        }
        _ if most(|floor| floor.trials) > 0 => format!("{NOT_MEASURED} (no trial without a fault counts)"),
        _ => format!("{NOT_MEASURED} (no trial without a fault)"),
    };
    let gap = floors().filter_map(|floor| floor.arrival_gap_ms.max).reduce(f64::max);
    let latency = floors().filter_map(|floor| floor.latency_max_ms.max).reduce(f64::max);
    let noise = match (gap, latency) {
        (Some(gap), Some(latency)) => {
            format!("{noise}; longest gap {} ms, latency {} ms", figure(gap), figure(latency))
        }
        _ => noise,
    };
    let resolution = report.cells.iter().filter_map(|cell| cell.resolution_ms).reduce(f64::max);
    let load = report.cells.iter().find_map(|cell| Some((cell.offered_pps?, cell.flows?, cell.frame_size?)));
    let load = load.map_or_else(String::new, |(pps, flows, size)| {
        format!(" ({} over {} flows, {size}-byte frames)", format::rate(pps), count(flows as u64))
    });
    let resolution = resolution.map_or(NOT_MEASURED.to_owned(), |ms| format!("{} ms{load}", figure(ms)));
    let accounting = match (report.accounted_trials, report.trials) {
        (_, 0) => NOT_MEASURED.to_owned(),
        (exact, all) if exact == all => {
            format!("offered = delivered + misdelivered + dropped: exact in all {all} trials")
        }
        (exact, all) => format!("offered = delivered + misdelivered + dropped: exact in {exact} of {all} trials"),
    };
    let mut facts = vec![("noise floor", noise), ("resolution", resolution), ("accounting", accounting)];
    let astray: Vec<_> = report
        .cells
        .iter()
        .filter(|cell| cell.packets.misdelivered > 0)
        .map(|cell| format!("{} {}", report.label(&cell.mode), count(cell.packets.misdelivered)))
        .collect();
    if !astray.is_empty() {
        facts.push(("misdelivered", astray.join(", ")));
    }
    facts
}

/// Why verdicts are not passes.
pub(super) fn reasons(report: &Report) -> Vec<String> {
    let of_cell = |cell: &Cell| {
        let mode = mode_label(&cell.mode);
        cell.reasons.iter().map(|reason| format!("{mode}, {reason}")).collect::<Vec<_>>()
    };
    report.reasons.iter().cloned().chain(report.cells.iter().flat_map(of_cell)).collect()
}

/// How the figures came about.
pub(super) const METHOD: [&str; 8] = [
    "Load is open loop at a constant rate. Every packet has an intended send time; a generator that falls behind or \
     skips packets makes its trial invalid, not quieter.",
    "Packets are real Ethernet/IP/UDP frames with a signature and a pattern. A delivered packet arrived once, at the \
     port and with the rewrite that the routing table demands, its TTL one less and its payload intact.",
    "A loss period is a run of consecutive lost packets of one flow (RFC 3357). A packet that comes late takes back its \
     loss. Outages are derived from loss and from timestamps (RFC 6201).",
    "No outage is known better than the resolution: the time between two packets of one flow.",
    "Traffic that stands still without loss shows in the longest time without an arrival in any one flow, and in the \
     greatest latency, both counted from intended send times.",
    "Traffic that never came back is a failure, whatever the limits say.",
    "Trials of all modes run in random order, drawn from the seed. A limit holds for every trial, \
     not for an average, unless it names a median, mean or percentile.",
    "Intervals are bootstrap 95 % intervals of the median, from six trials on; no 90th percentile is given from fewer \
     than 10 samples and no 99th from fewer than 100. Invalid trials count in no figure.",
];

/// What the figures do not say.
pub(super) const LIMITS: [&str; 5] = [
    "A dash means not measured. It never means zero.",
    "Programs on a shared computer stand for cards: the mechanisms are real, the boot times are those of processes, not \
     of hardware. A mode marked modelled adds a platform's boot or load times.",
    "Tester and cards share processors: rates and latencies are those of this machine.",
    "A verdict is drawn from delay only where a threshold limits it: arrival-gap-ms, latency-max-ms, impaired. A host that \
     lets tester or cards wait delays packets too: trials without a fault show how much.",
    "Layer 1, optics and switching hardware are not part of the emulation.",
];

/// `median, worst`, once where they are the same.
fn median_and_worst(stat: &Stat) -> String {
    let (median, worst) = (maybe(stat.median), maybe(stat.max));
    if median == worst { median } else { format!("{median}, {worst}") }
}

/// `median [low–high]`, as far as known.
fn median_with_interval(stat: &Stat) -> String {
    match (stat.median, stat.ci95) {
        (None, _) => NOT_MEASURED.to_owned(),
        (Some(median), Some([low, high])) if low < high => {
            format!("{} [{}–{}]", figure(median), figure(low), figure(high))
        }
        (Some(median), _) => figure(median),
    }
}

pub(super) fn trials(cell: &Cell) -> String {
    let held = match cell.wanted_trials {
        Some(wanted) if wanted > cell.trials => format!("{} of {wanted}", cell.trials),
        Some(_) | None => cell.trials.to_string(),
    };
    match cell.invalid_trials {
        0 => held,
        invalid => format!("{held} ({invalid} invalid)"),
    }
}

pub(super) fn known(text: &str) -> String {
    if text.is_empty() { NOT_MEASURED.to_owned() } else { text.to_owned() }
}
