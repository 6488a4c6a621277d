//! Reports of a run that never was: evidence made by the real recorder from made-up channels.

use super::*;
use measure::{
    Pace, Recorder, Schedule, Signature,
    pace::LATENESS_P99_MAX_NS,
    stats::SplitMix64,
    trial::{EventLine, Failure, Fsu, Invalid, Phases},
    verdict::{Limits, Quantity, Statistic, Verdict},
};
use std::{fs, time::Duration};

mod stored;

const FLOWS: u32 = 50;
const FAULT_NS: u64 = 1_000_000_000;

/// A trial whose flows lose what is intended in `outage_ms` after the fault; half of them come back earlier.
pub(super) fn trial(index: u32, mode: &str, outage_ms: u64, random: &mut SplitMix64) -> TrialRecord {
    let schedule = Schedule::new(5_000_000_000, 5_000.0, FLOWS).unwrap();
    let seconds = 2 + outage_ms / 1000;
    let mut recorder = Recorder::new(schedule, index as u16, Duration::from_secs(seconds));
    let mut pace = Pace::default();
    let packets = schedule.due(schedule.start + seconds * 1_000_000_000 - 1);
    let ends: Vec<u64> = (0..FLOWS).map(|_| outage_ms * 1_000_000 * (80 + random.below(21) as u64) / 100).collect();
    for slot in schedule.cursor(0).take(packets as usize) {
        pace.sent(slot.offset, random.below(100_000) as u64, false);
        let lost = (FAULT_NS..FAULT_NS + ends[slot.flow as usize]).contains(&slot.offset);
        if !lost {
            let packet =
                Signature { trial: index as u16, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
            recorder.arrived(&packet, schedule.start + slot.offset + 60_000 + random.below(50_000) as u64);
        }
    }
    let evidence = recorder.finish(packets, 0, 128, pace.finish(LATENESS_P99_MAX_NS));
    let lost = evidence.lost();
    let drops = [("lc_resetting", lost / 3), ("no_route", lost - lost / 3)];
    let mut trial = TrialRecord {
        index,
        mode: mode.to_owned(),
        fault: "kill pe1/active-rp".to_owned(),
        started_unix_ms: 1_772_368_205_000 + u64::from(index) * 20_000,
        duration_ms: seconds as f64 * 1e3,
        fault_at_ns: Some(schedule.start + FAULT_NS),
        traffic: vec![evidence],
        drops: drops.into_iter().filter(|(_, n)| *n > 0).map(|(cause, n)| (cause.to_owned(), n)).collect(),
        drops_by_card: drops
            .into_iter()
            .zip(["pe1/1", "pe1/2"])
            .map(|((cause, n), card)| (card.to_owned(), BTreeMap::from([(cause.to_owned(), n)])))
            .collect(),
        hit: vec!["pe1/A".to_owned()],
        switchover: phases(outage_ms as f64, random),
        events: vec![
            EventLine { at_ms: 0.0, card: "orchestrator".to_owned(), text: "kill pe1/A".to_owned() },
            EventLine { at_ms: 301.0, card: "pe1/B".to_owned(), text: "took over, epoch 2B".to_owned() },
            EventLine { at_ms: 301.2, card: "pe1/B".to_owned(), text: "<switchover> & epoch 2B".to_owned() },
        ],
        ..TrialRecord::default()
    };
    trial.judge(false, 0);
    trial
}

fn phases(outage: f64, random: &mut SplitMix64) -> Phases {
    let detect = 300.0 + random.below(20) as f64 / 3.0;
    Phases {
        detect: Some(detect),
        take_over: Some(detect + 1.7 + outage * 0.3),
        adopt: Some(detect + 4.9 + outage * 0.4),
        reconcile: Some((detect + 11.3).max(outage)),
        converge: Some((detect + 15.0).max(outage + 5.0)),
        redundant: Some(3_000.0 + outage * 1.5),
    }
}

fn run() -> RunRecord {
    let mut random = SplitMix64(1);
    let mut order: Vec<(&str, u64)> = [("hsa", 4_000), ("rpr", 2_200), ("rpr-plus", 900), ("sso", 0), ("fsu", 2_500)]
        .into_iter()
        .flat_map(|mode| [mode; 8])
        .collect();
    random.shuffle(&mut order);
    let mut trials: Vec<TrialRecord> = Vec::new();
    for (at, (mode, outage)) in order.into_iter().enumerate() {
        let outage = outage + outage * random.below(20) as u64 / 100;
        trials.push(trial(at as u32 + 1, mode, outage, &mut random));
    }
    for upgrade in trials.iter_mut().filter(|trial| trial.mode == "fsu") {
        upgrade.fault = "software upgrade".to_owned();
        let lost = upgrade.accounting.lost;
        upgrade.fsu = Some(Fsu {
            t1_ms: Some(812.0),
            t2_ms: Some(2_700.0),
            t3_ms: Some(1_900.0),
            tpl_frames: Some(lost),
            tpl_ms: Some(lost as f64 / 5.0),
        });
    }
    let mut floor = trial(41, "sso", 0, &mut random);
    floor.fault = String::new();
    RunRecord {
        title: "Active RP killed under load".to_owned(),
        lab: "edge".to_owned(),
        seed: 1,
        runtime: "process".to_owned(),
        version: "0.1.0".to_owned(),
        host: Host {
            kernel: "6.8.0".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            engine: None,
            clock_source: "tsc".to_owned(),
        },
        topology: TopologySummary {
            name: "edge".to_owned(),
            platform: "native".to_owned(),
            image: "2.0".to_owned(),
            route_processors: 2,
            line_cards: 2,
            ports: 2,
            routes_ipv4: 1_000_000,
            routes_ipv6: 200_000,
            table: "internet, seed 1".to_owned(),
            protocol: "IPv4, IPv6".to_owned(),
            media: "Ethernet over local streams".to_owned(),
            heartbeat_ms: 50,
            switchover_timer_ms: 300,
            facts: vec![("next hops".to_owned(), "64".to_owned())],
            chassis: vec![ChassisSummary {
                name: "pe1".to_owned(),
                route_processors: vec!["A".to_owned(), "B".to_owned()],
                line_cards: vec![line_card("1", "t1:p1"), line_card("2", "t1:p2")],
            }],
        },
        command: "swact run topologies/edge/kill.experiment.yml".to_owned(),
        started_unix_ms: 1_772_368_205_000,
        finished_unix_ms: 1_772_368_205_000 + 820_000,
        thresholds: BTreeMap::from([(
            "sso".to_owned(),
            at_most(Quantity::Lost, 0.0).and(Quantity::Unaccounted, Statistic::Worst, 0.0),
        )]),
        trials,
        noise_floor: vec![floor],
        flows: (0..FLOWS).map(flow_path).collect(),
        steady_state_ms: 1_000,
        wanted: Vec::new(),
        status: None,
        error: None,
    }
}

fn at_most(quantity: Quantity, most: f64) -> Limits {
    Limits::default().and(quantity, Statistic::Worst, most)
}

fn line_card(slot: &str, tester: &str) -> LineCardSummary {
    LineCardSummary { slot: slot.to_owned(), ports: 4, links: vec![(1, tester.to_owned())] }
}

fn flow_path(flow: u32) -> FlowPath {
    let (destination, prefix) = match flow % 3 {
        0 => (format!("2001:db8:{flow:x}::1"), format!("2001:db8:{flow:x}::/48")),
        _ => (format!("198.51.{flow}.7"), format!("198.51.{flow}.0/24")),
    };
    FlowPath { destination, prefix, ingress: "1/1".to_owned(), egress: "2/1".to_owned() }
}

fn keys(value: &serde_json::Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn everything_is_written_and_the_report_can_be_made_again() {
    let store = tempfile::tempdir().unwrap();
    let run = run();
    let first = render(store.path(), &run).unwrap();
    let again = Report::of(&load(store.path()).unwrap());
    assert_eq!(again, first);
    let files = [
        "evidence.json.gz",
        "SHA256SUMS",
        "flows.csv",
        "loss-periods.csv",
        "standards.md",
        "report.json",
        "trials.csv",
        "report.md",
        "junit.xml",
        "report.html",
        "loss.hlog",
        "outage.hlog",
        "latency.hlog",
        "arrival-gap.hlog",
        "hsa.hgrm",
        "sso.hgrm",
        "sso.latency.hgrm",
        "plots/latency-histogram.svg",
        "plots/outage-ecdf.svg",
        "plots/outage-histogram.svg",
        "plots/outage-percentiles.svg",
        "plots/flows.svg",
        "plots/chassis.svg",
        "plots/trials.svg",
        "plots/loss-sso.svg",
    ];
    for file in files {
        assert!(fs::metadata(store.path().join(file)).unwrap().len() > 100, "{file}");
    }
    // For a look with one's own eyes: SWACT_REPORT_SAMPLE=DIR keeps the files.
    if let Some(directory) = std::env::var_os("SWACT_REPORT_SAMPLE") {
        render(Path::new(&directory), &run).unwrap();
    }
}

#[test]
fn report_json_keeps_its_schema() {
    let json = serde_json::to_value(Report::of(&run())).unwrap();
    assert_eq!(json["schema"], "swact.report/1");
    for key in ["schema", "title", "started", "finished", "seed", "runtime", "host", "topology", "command", "cells"] {
        assert!(keys(&json).contains(&key), "{key}");
    }
    assert_eq!(keys(&json["host"]), ["clock_source", "cpus", "engine", "kernel", "memory_bytes"]);
    let cell = &json["cells"][0];
    let wanted = [
        "mode",
        "fault",
        "trials",
        "invalid_trials",
        "modelled",
        "packets",
        "lost_per_trial",
        "outage_ms",
        "switchover_ms",
        "resolution_ms",
        "noise_floor",
        "verdict",
        "reasons",
    ];
    for key in wanted {
        assert!(keys(cell).contains(&key), "{key}");
    }
    for key in ["offered", "delivered", "lost", "duplicated", "reordered", "misdelivered", "unaccounted", "dropped"] {
        assert!(keys(&cell["packets"]).contains(&key), "{key}");
    }
    assert_eq!(keys(&cell["outage_ms"]), ["count", "longest", "loss_derived", "timestamp_derived", "total"]);
    assert_eq!(keys(&cell["switchover_ms"]), ["adopt", "converge", "detect", "reconcile", "redundant", "take_over"]);
    assert_eq!(keys(&cell["lost_per_trial"]), ["ci95", "max", "mean", "median", "min", "n", "p90", "p99"]);
    assert_eq!(cell["lost_per_trial"]["p99"], serde_json::Value::Null, "8 trials have no p99");
    assert_eq!(cell["verdict"], "pass");
}

#[test]
fn figures_are_those_of_the_channel() {
    let report = Report::of(&run());
    let cell = |mode: &str| report.cells.iter().find(|cell| cell.mode == mode).unwrap();
    let modes: Vec<&str> = report.cells.iter().map(|cell| cell.mode.as_str()).collect();
    assert_eq!(modes, ["hsa", "rpr", "rpr-plus", "sso", "fsu"]);
    assert_eq!(cell("sso").lost_per_trial.max, Some(0.0));
    assert_eq!(cell("sso").packets.offered, cell("sso").packets.delivered);
    let hsa = cell("hsa");
    let total = hsa.outage_ms.total.median.unwrap();
    assert!((4_000.0..4_900.0).contains(&total), "{total}");
    assert!(hsa.outage_ms.loss_derived.median < hsa.outage_ms.total.median, "not every flow was out as long");
    assert_eq!(hsa.packets.dropped.values().sum::<u64>(), hsa.packets.lost);
    assert_eq!(hsa.resolution_ms, Some(10.0));
    assert_eq!(report.comparisons.len(), 10);
    assert_eq!((report.accounted_trials, report.trials), (40, 40));
}

#[test]
fn the_terminal_table_fits_and_keeps_to_its_colours() {
    let report = Report::of(&run());
    let plain = terminal(&report, false);
    assert!(!plain.contains('\u{1b}'), "no colour when none is wanted");
    assert!(terminal(&report, true).contains('\u{1b}'));
    for line in plain.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    for words in
        ["RPR+", "noise floor", "no packet lost without a fault", "exact in all 40 trials", "resolution   10 ms"]
    {
        assert!(plain.contains(words), "{words} is missing in\n{plain}");
    }
}

#[test]
fn what_was_not_measured_is_a_dash_and_never_a_zero() {
    let mut run = run();
    run.noise_floor.clear();
    for trial in &mut run.trials {
        trial.switchover = Phases { detect: Some(300.0), ..Phases::default() };
        trial.fsu = None;
    }
    let report = Report::of(&run);
    let plain = terminal(&report, false);
    let row = plain.lines().skip_while(|line| !line.contains("took over")).find(|line| line.contains("SSO")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["SSO", "300", "–", "–", "–", "–", "–"]);
    assert!(plain.contains("noise floor  –"), "{plain}");
    assert!(report.cells.iter().all(|cell| cell.fsu.is_none()));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_trusts_no_text() {
    let mut run = run();
    run.title = "<script>alert(1)</script>".to_owned();
    let report = Report::of(&run);
    let page = html::page(&run, &report, &plots::all(&run, &report));
    for forbidden in ["https://", "<script>alert", "src=", "@import", "url(", "fetch(", "<link"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let addresses = page.replace("http://www.w3.org/2000/svg", "").matches("http://").count();
    assert_eq!(addresses, 0, "but for the name of SVG");
    assert!(page.contains("default-src 'none'"), "nor could it fetch anything");
    assert!(page.contains("&lt;switchover&gt; &amp; epoch 2B"));
    assert!(page.find("class=\"badge").unwrap() < page.find("<svg").unwrap(), "the verdict comes first");
    for plot in plots::all(&run, &report) {
        assert!(!plot.standalone().contains("NaN"), "{}", plot.name);
    }
}

#[test]
fn a_missed_limit_a_dead_flow_and_an_invalid_trial_reach_every_form() {
    let mut run = run();
    run.thresholds.insert("rpr".to_owned(), at_most(Quantity::Lost, 10.0));
    let of_mode = |run: &mut RunRecord, mode: &str| run.trials.iter().position(|trial| trial.mode == mode).unwrap();
    let (hsa, sso) = (of_mode(&mut run, "hsa"), of_mode(&mut run, "sso"));
    run.trials[hsa].failures.push(Failure::NeverRecovered { flows: 3 });
    run.trials[sso].invalid.push(Invalid::Unaccounted { packets: -2 });
    run.trials[sso].accounting.unaccounted = -2;
    let report = Report::of(&run);
    let verdicts: Vec<Verdict> = report.cells.iter().map(|cell| cell.verdict).collect();
    use Verdict::{Fail, Inconclusive, Pass};
    assert_eq!(verdicts, [Fail, Fail, Pass, Inconclusive, Pass]);
    assert_eq!(report.verdict, Fail);
    let sso = &report.cells[3];
    assert_eq!((sso.invalid_trials, sso.packets.unaccounted, sso.lost_per_trial.n), (1, 2, 7));
    let plain = terminal(&report, false);
    for words in ["exact in 39 of 40 trials", "traffic of 3 flows never came back", "8 (1 invalid)"] {
        assert!(plain.contains(words), "{words} is missing in\n{plain}");
    }
    let xml = junit::suite(&report);
    assert!(xml.contains("tests=\"5\" failures=\"2\" errors=\"1\""), "{xml}");
    assert!(xml.contains("lost packets"), "{xml}");
    assert!(markdown::page(&run, &report).contains("never came back"));
    assert!(csv::trials(&run).contains("traffic of 3 flows never came back"));
}

#[test]
fn what_a_platform_profile_touches_is_marked_as_modelled_everywhere() {
    let mut run = run();
    for trial in run.trials.iter_mut().filter(|trial| trial.mode == "hsa") {
        trial.modelled = true;
    }
    let report = Report::of(&run);
    assert!(report.cells[0].modelled && !report.cells[1].modelled);
    let text = terminal(&report, false);
    assert_eq!(text.matches("HSA (modelled)").count(), 3, "{text}");
    for plot in plots::all(&run, &report).iter().filter(|plot| plot.name != "loss-sso") {
        let others = plot.name == "chassis-2" || plot.name.starts_with("loss-") && plot.name != "loss-hsa";
        let about_hsa = !others;
        assert_eq!(plot.inline().contains("HSA (modelled)"), about_hsa, "{}", plot.name);
    }
}

#[test]
fn every_line_of_the_csv_has_every_column() {
    let csv = csv::trials(&run());
    let columns = csv.lines().next().unwrap().split(',').count();
    assert_eq!(csv.lines().count(), 42);
    for line in csv.lines() {
        assert_eq!(line.split(',').count(), columns, "{line}");
    }
}

/// What `run()` was asked for.
fn wanted() -> Vec<Wanted> {
    let of = |mode: &str| Wanted {
        mode: mode.to_owned(),
        fault: if mode == "fsu" { "software upgrade" } else { "kill pe1/active-rp" }.to_owned(),
        trials: 8,
        baseline: usize::from(mode == "sso"),
    };
    ["hsa", "rpr", "rpr-plus", "sso", "fsu"].map(of).to_vec()
}

#[test]
fn a_run_that_did_what_it_was_told_passes_and_one_that_was_cut_short_does_not_anywhere() {
    let whole = RunRecord { wanted: wanted(), status: Some(Status::Completed), ..run() };
    let report = Report::of(&whole);
    assert_eq!((report.verdict, report.reasons.len()), (Verdict::Pass, 0), "{:#?}", tables::reasons(&report));
    assert_eq!(compare(&whole, &whole, 5.0).change, Change::Unchanged);

    let mut short = RunRecord { status: Some(Status::Interrupted), ..whole.clone() };
    short.trials.retain(|trial| trial.mode == "sso");
    short.trials.truncate(1);
    short.noise_floor.clear();
    let store = tempfile::tempdir().unwrap();
    let report = render(store.path(), &short).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.cells.len(), 5, "a mode that was not tried has its place");
    assert!(report.cells.iter().all(|cell| cell.verdict == Verdict::Inconclusive));
    assert_eq!(report.cells[3].reasons, ["1 of 8 trials held", "0 of 1 trials without a fault held"]);
    let read = |name: &str| fs::read_to_string(store.path().join(name)).unwrap();
    for text in [read("report.md"), read("report.html"), terminal(&report, false)] {
        for words in ["inconclusive", "the run was interrupted (1 of 41 trials held)", "0 of 8 trials held", "1 of 8"] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
    }
    let xml = read("junit.xml");
    assert!(xml.contains("tests=\"6\" failures=\"0\" errors=\"6\""), "{xml}");
    assert_eq!(Report::of(&load(store.path()).unwrap()).verdict, Verdict::Inconclusive);
    let compared = compare(&whole, &short, 5.0);
    assert_eq!(compared.change, Change::Undecided);
    assert!(compared.text(false).contains("the later run: the run was interrupted"), "{}", compared.text(false));

    let all_held = RunRecord { status: Some(Status::Failed), error: Some("no lab".to_owned()), ..whole };
    let report = Report::of(&all_held);
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.reasons, ["the run ended before its time: no lab (41 of 41 trials held)"]);
}

#[test]
fn the_noise_floor_is_judged_and_its_text_is_true() {
    let mut disturbed = run();
    let detail = "pe1/B without a fault: switchover to epoch 2B".to_owned();
    disturbed.noise_floor[0].failures.push(Failure::Invariant { detail });
    let report = Report::of(&disturbed);
    assert_eq!(report.verdict, Verdict::Fail);
    let text = terminal(&report, false);
    assert!(text.contains("trial 41 without a fault: pe1/B without a fault"), "{text}");
    assert!(text.contains("– (no trial without a fault counts)"), "{text}");

    let mut invalid = run();
    invalid.noise_floor[0].invalid.push(Invalid::NoSteadyState { waited_for: "x".to_owned() });
    let report = Report::of(&invalid);
    let verdicts: Vec<Verdict> = report.cells.iter().map(|cell| cell.verdict).collect();
    use Verdict::{Inconclusive, Pass};
    assert_eq!((verdicts, report.verdict), (vec![Pass, Pass, Pass, Inconclusive, Pass], Inconclusive));
    assert!(terminal(&report, false).contains("trial 41 without a fault is invalid: no steady state: x"));

    let mut both = run();
    both.noise_floor.push(TrialRecord { index: 42, ..invalid.noise_floor[0].clone() });
    let text = terminal(&Report::of(&both), false);
    let words = "no packet lost without a fault; other trials without a fault do not count";
    assert!(text.contains(words), "{text}");

    let mut alone = run();
    alone.trials.retain(|trial| trial.mode != "sso");
    let report = Report::of(&alone);
    assert_eq!(report.verdict, Inconclusive, "a mode of which there is nothing but the noise floor");
}

#[test]
fn a_run_without_trials_is_inconclusive_and_still_has_a_report() {
    let store = tempfile::tempdir().unwrap();
    let report = render(store.path(), &RunRecord::default()).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(terminal(&report, false).contains('–'));
}

/// The run, of which forwarding in SSO stood still for `ms` after the fault, in every trial and without any loss.
fn frozen(ms: u64) -> RunRecord {
    changed("sso", |trial| {
        let schedule = trial.traffic[0].schedule;
        let mut recorder = Recorder::new(schedule, 0, Duration::from_secs(2));
        let until = FAULT_NS + ms * 1_000_000;
        for slot in schedule.cursor(0).take(trial.traffic[0].offered as usize) {
            let packet = Signature { trial: 0, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
            let at = if (FAULT_NS..until).contains(&slot.offset) { until } else { slot.offset + 60_000 };
            recorder.arrived(&packet, schedule.start + at);
        }
        let before = &trial.traffic[0];
        trial.traffic[0] = recorder.finish(before.offered, 0, 128, before.generator.clone());
    })
}

#[test]
fn traffic_that_stood_still_without_loss_is_seen_in_every_form_and_can_be_limited() {
    let steady = run();
    for ms in [121, 500, 900] {
        let mut run = frozen(ms);
        let cell = |run: &RunRecord| Report::of(run).cells.into_iter().find(|cell| cell.mode == "sso").unwrap();
        let sso = cell(&run);
        assert_eq!((sso.packets.lost, sso.outage_ms.longest.max), (0, Some(0.0)));
        let (gap, latency) = (sso.delay.arrival_gap_ms.max.unwrap(), sso.delay.latency_max_ms.max.unwrap());
        assert!((gap - ms as f64).abs() <= 10.0 && (latency - ms as f64).abs() <= 10.0, "{ms}: {gap}, {latency}");
        assert_eq!(sso.delay.impaired.max, Some((ms as f64 - 100.0) * 5.0), "what waited longer than the threshold");
        assert_eq!(sso.verdict, Verdict::Pass, "what is not limited does not fail");
        for (quantity, most) in [(Quantity::ArrivalGap, 50.0), (Quantity::LatencyMax, 100.0), (Quantity::Impaired, 0.0)]
        {
            run.thresholds.insert("sso".to_owned(), at_most(quantity, most));
            let sso = cell(&run);
            assert_eq!(sso.verdict, Verdict::Fail, "{}", quantity.name());
            assert!(sso.reasons[0].contains(quantity.words()), "{:?}", sso.reasons);
        }
        let report = Report::of(&run);
        let shown = figure(gap);
        for text in [terminal(&report, false), markdown::page(&run, &report)] {
            let sso = text.lines().find(|line| line.contains("SSO") && line.contains("fail")).unwrap();
            assert!(sso.contains(&shown), "worst flow ms in {sso}");
            assert!(text.contains("greatest latency ms"), "{text}");
        }
        let plot = plots::all(&run, &report).into_iter().find(|plot| plot.name == "latency-histogram").unwrap();
        assert!(plot.data.iter().any(|row| row[0] == "SSO" && row[2] == "400"), "{:?}", plot.data);
        let worse = compare(&steady, &frozen(ms), 5.0);
        let sso = worse.cells.iter().find(|cell| cell.mode == "sso").unwrap();
        let changes: Vec<_> =
            sso.quantities.iter().filter(|of| of.change == Change::Worse).map(|of| of.quantity).collect();
        assert_eq!(changes, ["impaired", "arrival-gap-ms", "latency-max-ms"]);
    }
}

/// The same run with the figure of one mode changed.
fn changed(mode: &str, change: impl Fn(&mut TrialRecord)) -> RunRecord {
    let mut run = run();
    run.trials.iter_mut().filter(|trial| trial.mode == mode).for_each(change);
    run
}

#[test]
fn two_runs_are_compared_and_a_regression_is_told_from_chance() {
    let slower = changed("sso", |trial| trial.switchover.detect = trial.switchover.detect.map(|ms| ms + 100.0));
    let same = compare(&run(), &run(), 5.0);
    assert_eq!((same.change, same.cells.len(), same.conditions.len()), (Change::Unchanged, 5, 0));
    let worse = compare(&run(), &slower, 5.0);
    assert_eq!(worse.change, Change::Worse);
    let sso = worse.cells.iter().find(|cell| cell.mode == "sso").unwrap();
    let detect = sso.quantities.iter().find(|of| of.quantity == "detect-ms").unwrap();
    assert_eq!(detect.change, Change::Worse);
    assert!((30.0..36.0).contains(&detect.percent.unwrap()), "{detect:?}");
    assert_eq!(compare(&slower, &run(), 5.0).change, Change::Improved);
    assert_eq!(compare(&run(), &slower, 50.0).change, Change::Unchanged, "within the tolerance");
    for line in worse.text(false).lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(worse.text(false).contains("+33"), "{}", worse.text(false));
}

#[test]
fn what_too_few_trials_show_is_no_proof() {
    let mut few = run();
    few.trials.truncate(10);
    assert_eq!(compare(&few, &few, 5.0).change, Change::Undecided);
    let nothing = compare(&run(), &RunRecord::default(), 5.0);
    assert_eq!(nothing.change, Change::Undecided);
    assert!(nothing.text(false).contains("no mode and fault in common"));
}

#[test]
fn what_vanished_from_the_later_run_is_named_and_undecided() {
    let whole = run();
    let without = |change: fn(&mut RunRecord)| {
        let mut run = whole.clone();
        change(&mut run);
        compare(&whole, &run, 5.0)
    };
    type Lose = fn(&mut RunRecord);
    let cases: [(Lose, &str); 4] = [
        (|run| run.trials.retain(|trial| trial.mode != "rpr"), "RPR"),
        (|run| run.flows.iter_mut().for_each(|flow| flow.egress = "2/2".to_owned()), "traffic 1/1 → 2/1"),
        (|run| run.trials.iter_mut().for_each(|trial| trial.switchover.redundant = None), "SSO, redundant-ms"),
        (
            |run| {
                let sso = run.trials.iter_mut().filter(|trial| trial.mode == "sso");
                sso.for_each(|trial| trial.invalid.push(Invalid::Interrupted));
            },
            "SSO, valid trials",
        ),
    ];
    for (change, named) in cases {
        let compared = without(change);
        assert_eq!(compared.change, Change::Undecided, "{named}");
        let line = format!("{named}: only in the earlier run");
        assert!(compared.only_in_one.contains(&line), "{named}: {:?}", compared.only_in_one);
        assert!(compared.text(false).contains(&line) && compared.text(false).contains("undecided"));
    }
    // What is new takes nothing away; what is worse is worse all the same.
    let mut fewer = run();
    fewer.trials.retain(|trial| trial.mode != "rpr");
    assert_eq!(compare(&fewer, &run(), 5.0).change, Change::Unchanged);
    fewer.trials.iter_mut().find(|trial| trial.mode == "sso").unwrap().accounting.lost = 1;
    assert_eq!(compare(&run(), &fewer, 5.0).change, Change::Worse);
}

#[test]
fn a_verdict_that_is_no_pass_any_more_is_worse_whatever_the_medians() {
    let mut lossy = run();
    let one = lossy.trials.iter_mut().find(|trial| trial.mode == "sso").unwrap();
    one.accounting.lost = 1;
    let comparison = compare(&run(), &lossy, 5.0);
    let sso = comparison.cells.iter().find(|cell| cell.mode == "sso").unwrap();
    assert_eq!((sso.verdict_change, comparison.change), (Change::Worse, Change::Worse));
}

#[test]
fn a_run_of_the_first_release_is_still_read_and_drawn() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/run-0.1");
    let run = load(&old).unwrap();
    assert_eq!((run.trials.len(), run.noise_floor.len()), (3, 2));
    let lost: Vec<u64> = run.trials.iter().map(|trial| trial.accounting.lost).collect();
    let seen: Vec<u64> = run.trials.iter().map(|trial| trial.traffic.iter().map(|of| of.lost()).sum()).collect();
    assert_eq!(lost, seen, "flows and bins are read as they were written");
    assert_eq!(run.thresholds["sso"], at_most(Quantity::Lost, 0.0).and(Quantity::Unaccounted, Statistic::Worst, 0.0));
    let delays = tables::delays(&Report::of(&run));
    assert!(
        delays.rows.iter().all(|row| row[1..].iter().all(|cell| cell == "–")),
        "it measured none: {:?}",
        delays.rows
    );
    let store = tempfile::tempdir().unwrap();
    let first = render(store.path(), &run).unwrap();
    let kept = fs::metadata(store.path().join(EVIDENCE)).unwrap().len();
    let before = fs::metadata(old.join("evidence.json")).unwrap().len();
    assert!(kept * 5 < before, "{kept} of {before} bytes");
    assert_eq!(load(store.path()).unwrap(), run, "and nothing of it is lost in today's format");
    assert_eq!(draw(store.path(), &load(store.path()).unwrap()).unwrap(), first);
}

#[test]
fn the_standards_have_their_pages() {
    let run = run();
    let report = Report::of(&run);
    let pages = markdown::standards(&run, &report);
    for words in [
        "## RFC 6201: device reset",
        "RP switchover of a multiple-RP device (§4.1.1.2)",
        "| default (no switchover configured) |",
        "minimises frame loss",
        "no loss",
        "12 Other",
        "| traffic is forwarded at least 15 s before the reset | 1 s | no |",
        "## RFC 7654: software upgrade",
        "T4 = T1 + T2 + T3",
        "## RFC 3357: loss periods",
        "Inter-Loss-Period-Lengths",
    ] {
        assert!(pages.contains(words), "{words} is missing in\n{pages}");
    }
}

#[test]
fn cards_and_tester_are_reconciled_to_the_packet() {
    let run = run();
    let report = Report::of(&run);
    let table = tables::reconciliation(&report).unwrap();
    let left: Vec<&String> = table.rows.iter().filter(|row| row[1] == "difference").map(|row| &row[3]).collect();
    assert_eq!(left, ["0"; 5]);
    let mut run = run;
    let dropped = run.trials[0].drops_by_card.get_mut("pe1/1").unwrap();
    *dropped.entry("lc_resetting".to_owned()).or_default() += 3;
    let table = tables::reconciliation(&Report::of(&run)).unwrap();
    assert_eq!(table.rows.iter().filter(|row| row[1] == "difference" && row[3] == "-3").count(), 1);
}

#[test]
fn every_loss_period_has_its_edges_in_the_csv() {
    let run = run();
    let periods = csv::loss_periods(&run);
    let columns = periods.lines().next().unwrap().split(',').count();
    let listed: usize =
        run.trials.iter().flat_map(|t| &t.traffic).flat_map(|t| &t.flows).map(|f| f.periods.len()).sum();
    assert!(listed > 100);
    assert_eq!(periods.lines().count(), listed + 1);
    assert!(periods.lines().all(|line| line.split(',').count() == columns));
    let flows = csv::flows(&run);
    let lossy: usize =
        run.trials.iter().flat_map(|t| &t.traffic).flat_map(|t| &t.flows).filter(|f| f.lost() > 0).count();
    assert_eq!(flows.lines().count(), lossy + 1);
    assert!(flows.contains("2001:db8:"), "{}", &flows[..400]);
}

#[test]
fn the_markdown_fits_a_comment_whatever_the_run() {
    let mut run = run();
    let trial = run.trials[0].clone();
    for index in 0..400 {
        let mut more = TrialRecord { index: 100 + index, ..trial.clone() };
        more.invalid.push(Invalid::NoSteadyState { waited_for: "x".repeat(300) });
        run.trials.push(more);
    }
    let page = markdown::page(&run, &Report::of(&run));
    assert!(page.len() < 65_536, "{}", page.len());
    assert!(page.contains("Too long for a comment"));
}

#[test]
fn two_faults_of_one_mode_are_two_cells_with_names_of_their_own() {
    let mut run = run();
    for trial in run.trials.iter_mut().filter(|trial| trial.mode == "sso").take(3) {
        trial.fault = "force-switchover pe1/active-rp".to_owned();
    }
    let report = Report::of(&run);
    assert_eq!(report.cells.len(), 6);
    let text = terminal(&report, false);
    assert!(text.contains("SSO, kill"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let mut names: Vec<String> = plots::all(&run, &report).iter().map(|plot| plot.name.clone()).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "every picture has a file of its own");
}

/// Every place where a document and its schema name different properties.
fn differences(
    schema: &serde_json::Value,
    root: &serde_json::Value,
    value: &serde_json::Value,
    at: &str,
) -> Vec<String> {
    let schema = match schema["$ref"].as_str() {
        Some(link) => root.pointer(link.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let schema = match schema["oneOf"].as_array() {
        Some(choices) if value.is_object() => choices.iter().find(|choice| choice["type"] == "object").unwrap(),
        Some(_) | None => schema,
    };
    match value {
        serde_json::Value::Object(object) if schema["properties"].is_object() => {
            let known = keys(&schema["properties"]);
            let given: Vec<&str> = object.keys().map(String::as_str).collect();
            let required = schema["required"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
            let missing = required.filter(|key| !given.contains(key)).map(|key| format!("{at}/{key} is missing"));
            let unknown = given.iter().filter(|key| !known.contains(key)).map(|key| format!("{at}/{key} is new"));
            let below = object.iter().filter(|(key, _)| known.contains(&key.as_str()));
            let below = below
                .flat_map(|(key, value)| differences(&schema["properties"][key], root, value, &format!("{at}/{key}")));
            missing.chain(unknown).chain(below).collect()
        }
        serde_json::Value::Array(items) => {
            items.iter().flat_map(|item| differences(&schema["items"], root, item, &format!("{at}[]"))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn what_is_written_is_what_the_published_schemas_say() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let schema =
        |name: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(docs.join(name)).unwrap()).unwrap() };
    let report = schema("swact.report-1.schema.json");
    let written = serde_json::to_value(Report::of(&run())).unwrap();
    assert_eq!(differences(&report, &report, &written, ""), Vec::<String>::new());
    let compared = schema("swact.compare-1.schema.json");
    let written = serde_json::to_value(compare(&run(), &run(), 5.0)).unwrap();
    assert_eq!(differences(&compared, &compared, &written, ""), Vec::<String>::new());
}
