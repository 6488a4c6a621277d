//! `swact run`: what it measures, keeps and answers.

use crate::{
    bench::{Bench, Experiment, LAB, eventually, send, topology},
    follow::Follower,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;

/// What a run store holds, besides plots, histograms and logs.
const FILES: &[&str] = &[
    "experiment.yml",
    "topology.yml",
    "journal.json",
    "events.ndjson",
    "trials.csv",
    "report.json",
    "report.html",
    "report.md",
    "junit.xml",
    "loss.hlog",
    "outage.hlog",
];

fn count(cell: &Value, what: &str) -> i64 {
    cell["packets"][what].as_i64().unwrap_or_else(|| panic!("no {what} in {cell:#}"))
}

/// Goal: every mode switches over and every packet is accounted for; SSO loses none. Method: a trial of each mode
/// and one without a fault; then look at the report, at the store, and for anything that still runs.
#[test]
fn every_mode_accounts_for_every_packet_and_sso_loses_none() {
    let bench = Bench::new(2_000);
    bench.run(&Experiment { modes: "hsa, rpr, rpr-plus, sso, fsu", baseline: 1, ..Experiment::default() }).with(0);
    let report = bench.report();
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 5, "{cells:#?}");
    for cell in cells {
        assert!(count(cell, "offered") > 0 && cell["invalid_trials"] == 0, "{cell:#}");
        assert_eq!(count(cell, "unaccounted"), 0, "{cell:#}");
    }
    let sso = bench.cell("sso");
    for what in ["lost", "duplicated", "misdelivered"] {
        assert_eq!(count(&sso, what), 0, "{what}: {sso:#}");
    }
    for name in FILES {
        assert!(fs::metadata(bench.run_file(name)).unwrap().len() > 0, "{name} is empty");
    }
    let listed = |folder: &str| fs::read_dir(bench.run_file(folder)).unwrap().map(|entry| entry.unwrap().path());
    assert!(listed("plots").any(|path| path.extension().is_some_and(|extension| extension == "svg")));
    for card in ["A", "B", "1", "2", "t1"] {
        assert!(bench.run_file(&format!("logs/{card}.log")).is_file(), "no log of {card}");
    }
    bench.assert_nothing_runs();
}

/// Goal: an active that was only asleep does no harm when it wakes. Method: pause it for a second, with time for
/// its core dump so that the chassis does not reset it meanwhile; it must find itself fenced and come back as standby.
#[test]
fn a_paused_active_is_fenced_and_comes_back_as_standby() {
    let bench = Bench::new(2_000);
    bench.swact(&["save", &format!("{LAB}.chassis.yml")]).with(0);
    let saved = fs::read_to_string(bench.path("pe1.cfg")).unwrap();
    bench.write("pe1.cfg", &saved.replace("\n mode sso\n", "\n mode sso\n crashdump-timeout seconds 5\n"));
    bench.write(&format!("{LAB}.chassis.yml"), &topology(2_000, "      startup-config: pe1.cfg\n"));
    let method = "{at: 0s, fault: pause, target: pe1/active-rp, for: 1s}";
    bench.run(&Experiment { method, ..Experiment::default() }).with(0);

    let sso = bench.cell("sso");
    assert_eq!((count(&sso, "lost"), count(&sso, "misdelivered")), (0, 0), "{sso:#}");
    let events = bench.run_events();
    let by = |card: &str| events.iter().filter(move |event| event["card"] == card).collect::<Vec<_>>();
    let fenced = ["pe1/1", "pe1/2"].iter().flat_map(|card| by(card)).any(|event| event["event"] == "fenced");
    assert!(fenced, "no line card refused the old active");
    let last = |card: &str| by(card).into_iter().rfind(|event| event["event"] == "rf_state").unwrap()["to"].clone();
    assert_eq!((last("pe1/A"), last("pe1/B")), ("STANDBY HOT".into(), "ACTIVE".into()));
}

/// Goal: the standby's death is no concern of the traffic. Method: kill it under load, wait for it to be back.
#[test]
fn killing_the_standby_loses_nothing() {
    let bench = Bench::new(2_000);
    let method = "{at: 0s, fault: kill, target: pe1/standby-rp}";
    bench.run(&Experiment { method, ..Experiment::default() }).with(0);
    assert_eq!(count(&bench.cell("sso"), "lost"), 0);
}

/// Goal: a load that was not offered proves nothing. Method: ask for more packets than any machine sends.
#[test]
fn a_rate_that_is_not_reached_invalidates_the_trial() {
    let bench = Bench::new(2_000);
    let experiment = Experiment { rate: "20Mpps", at_most: "3s", ..Experiment::default() };
    bench.run_once(&experiment).with(3).says("did not keep pace");
    assert_eq!(bench.cell("sso")["invalid_trials"], 1);
}

/// Goal: traffic that stays away is a failure, not a zero. Method: kill the egress line card, which nobody replaces.
#[test]
fn traffic_that_never_comes_back_is_a_failure() {
    let bench = Bench::new(2_000);
    let method = "{at: 0s, fault: kill, target: pe1/lc:2}";
    bench.run_once(&Experiment { method, at_most: "3s", ..Experiment::default() }).with(1);
    let sso = bench.cell("sso");
    assert_eq!(sso["verdict"], "fail");
    assert!(sso["reasons"].to_string().contains("never"), "{sso:#}");
    bench.assert_nothing_runs();
}

/// Waits until packets reach line card 1.
#[track_caller]
fn load_runs(bench: &Bench) {
    let received = || bench.inspect()["pe1/1"]["lc"]["received"].as_u64();
    eventually("the load runs", || {
        let before = received();
        if received() > before { Ok(()) } else { Err(format!("{before:?} packets")) }
    });
}

/// Goal: the steady state holds before faults to line cards too: only what such a card held is lost with it. Method: the
/// other card drops packets for a while, and counts them; a line card dies seconds later.
#[test]
fn loss_before_a_line_card_dies_is_no_steady_state() {
    let bench = Bench::new(2_000);
    bench.write_experiment(&Experiment {
        method: "{at: 8s, fault: kill, target: pe1/lc:2, for: 500ms}",
        thresholds: "{sso: {unaccounted: 0}}",
        ..Experiment::default()
    });
    let mut run = Follower::of_run(&bench);
    run.line("the trial begins", |line| line.contains("trial 1"));
    load_runs(&bench);
    bench.swact(&["fault", "drop", LAB, "pe1/lc:1", "--for", "100ms"]).with(0);
    assert_eq!(run.child.wait().unwrap().code(), Some(3), "{:#}", bench.cell("sso"));
    let reasons = bench.cell("sso")["reasons"].to_string();
    assert!(reasons.contains("packets were lost before the fault"), "{reasons}");
}

/// Goal: the noise floor is judged, and what is said of it is true. Method: kill a standby in a trial without a fault.
#[test]
fn a_noise_floor_that_was_disturbed_is_no_pass() {
    let bench = Bench::new(2_000);
    bench.write_experiment(&Experiment {
        baseline: 1,
        method: "{fault: kill, target: pe1/standby-rp}",
        ..Experiment::default()
    });
    let text = fs::read_to_string(bench.path("test.experiment.yml")).unwrap();
    bench.write("test.experiment.yml", &text.replace("for: 300ms, lost: 0", "for: 3s, lost: 0"));
    let mut run = Follower::of_run(&bench);
    run.line("the trial without a fault begins", |line| line.contains("without a fault"));
    load_runs(&bench);
    send(bench.processes()["pe1/B"], Signal::SIGKILL);
    let code = run.child.wait().unwrap().code();
    assert_ne!(code, Some(0), "{:#}", bench.report());
    let reasons = bench.cell("sso")["reasons"].to_string();
    assert!(reasons.contains("without a fault"), "{reasons}");
    bench.swact(&["analyze", "store/latest"]).with(code.unwrap()).says("no trial without a fault counts");
}
