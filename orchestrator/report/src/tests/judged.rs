//! Figures and verdicts.

use super::*;

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
