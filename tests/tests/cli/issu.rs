//! A chassis that is upgraded in service, step by step.

use crate::bench::{Bench, Experiment, LAB};
use serde_json::Value;
use std::fs;

/// The releases of the cards, by name.
fn releases(bench: &Bench) -> Vec<(String, String)> {
    let shown = bench.swact(&["--format", "json", "inspect", LAB]).with(0);
    let rows: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| (text(&row["card"]), text(&row["stats"]["release"]));
    rows.iter().map(row).filter(|(card, _)| card.starts_with("pe1")).collect()
}

fn all_run(bench: &Bench, release: &str) {
    for (card, found) in releases(bench) {
        assert_eq!(found, release, "{card}");
    }
}

/// Goal: an operator goes through an upgrade at his own pace, and back out of it. Method: stop after each step, look, abort, begin
/// again, and go on to the end.
#[test]
fn a_chassis_is_upgraded_step_by_step_and_taken_back() {
    let bench = Bench::new(2_000);
    bench.releases(&["2.0", "2.1"]);
    bench.deploy();
    let issu = |arguments: &[&str]| bench.swact(&[&["issu", LAB], arguments].concat());
    issu(&["--dry-run", "--to", "2.1"]).with(0).says("release 2.0 to 2.1: compatible: all state is kept (SSO)");
    all_run(&bench, "2.0");
    issu(&["--to", "9.9"]).with(2).says("there is no release '9.9'");
    issu(&["pe2", "--to", "2.1"]).with(2).says("name one of pe1");
    issu(&[]).with(2).says("name the release that it is to run");
    issu(&["--abort"]).with(2).says("no upgrade of pe1 is under way");

    issu(&["--to", "2.1", "--stop-after", "load"]).with(0).says("stopped before 'run'");
    let mixed = |bench: &Bench| {
        releases(bench).into_iter().map(|(card, release)| format!("{card} {release}")).collect::<Vec<_>>()
    };
    assert_eq!(mixed(&bench), ["pe1/1 2.0", "pe1/2 2.0", "pe1/A 2.0", "pe1/B 2.1"]);
    bench.exec("pe1", &["show issu state"]).with(0).says("ISSU State = Load Version");
    issu(&["--to", "2.0"]).with(2).says("an upgrade of pe1 to release 2.1 is under way");
    issu(&["--abort"]).with(0).says("pe1 is back on release 2.0");
    all_run(&bench, "2.0");

    issu(&["--to", "2.1", "--stop-after", "run"]).with(0).says("stopped before 'accept'");
    assert_eq!(bench.settled(), "pe1/B");
    bench.exec("pe1", &["show issu rollback-timer"]).with(0).says("In progress");
    issu(&["--abort"]).with(0);
    assert_eq!(bench.settled(), "pe1/A");
    all_run(&bench, "2.0");

    issu(&["--to", "2.1", "--stop-after", "accept"]).with(0).says("stopped before 'commit'");
    issu(&[]).with(0).says("line card pe1/2: hand-over");
    all_run(&bench, "2.1");
    issu(&["--to", "2.1"]).with(0).says("pe1 runs release 2.1 already");
}

/// Goal: an upgrade in service between compatible releases costs nothing, and the report says what each step took. Method: beside a
/// fast upgrade and a killed active, under load; then the evidence is held against what was reported, and against a lie.
#[test]
fn an_upgrade_in_service_loses_nothing() {
    let bench = Bench::new(2_000);
    bench.releases(&["2.0", "2.1"]);
    let thresholds = "{sso: {lost: 0, unaccounted: 0}, fsu: {lost: 0, unaccounted: 0}, issu: {lost: 0, duplicated: 0, unaccounted: 0}}";
    bench.run(&Experiment { modes: "fsu, issu, sso", thresholds, ..Experiment::default() }).with(0).says("line-cards");
    let fsu = &bench.cell("issu")["fsu"];
    assert_eq!(fsu["stateful"], true, "{fsu}");
    let steps: Vec<&str> = fsu["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["load", "run", "accept", "commit", "line-cards"]);
    assert!(fsu["t4_ms"]["median"].as_f64().unwrap() > 0.0, "{fsu}");
    let handed_over = |event: &&Value| event.to_string().contains("HANDOVER-6-TAKEN");
    assert!(bench.run_events().iter().filter(handed_over).count() >= 2);
    bench.swact(&["analyze", "store/latest"]).with(0);
}

fn with(method: &str) -> Experiment<'_> {
    let thresholds = "{issu: {lost: 0, duplicated: 0, unaccounted: 0}}";
    Experiment { modes: "issu", thresholds, method, ..Experiment::default() }
}

/// Goal: who dies while a chassis is upgraded costs nothing either, as long as the other unit is ready. Method: kill the active in the
/// steps in which it has a peer that is ready; the sibling kills a line card.
#[test]
fn an_active_that_dies_during_an_upgrade_costs_nothing() {
    let bench = Bench::new(2_000);
    bench.releases(&["2.0", "2.1"]);
    for (during, then) in [
        ("load", "state Run Version, active 2.1, standby 2.0"),
        ("run", "state Init, active 2.0, standby 2.0"),
        ("commit", "state Init, active 2.1, standby 2.1"),
    ] {
        let method = format!("{{during: {during}, at: 2s, fault: kill, target: pe1/active-rp}}");
        bench.run(&with(&method)).with(0);
        let steps = &bench.cell("issu")["fsu"]["steps"];
        let found = steps.as_array().unwrap().last().unwrap()["found"].to_string();
        assert_eq!(found, format!("[\"{then}\"]"), "during {during}");
    }
    bench.run(&with("{during: line-cards, at: 0s, fault: kill, target: \"pe1/lc:1\"}")).with(1);
    assert!(bench.cell("issu")["packets"]["lost"].as_u64().unwrap() > 0);
}

/// Goal: what cannot be upgraded in service is not begun. Method: a release that does not negotiate; faults during steps that no
/// trial takes.
#[test]
fn an_upgrade_that_cannot_be_is_refused_before_anything_runs() {
    let bench = Bench::new(2_000);
    let validate = |experiment: &Experiment<'_>| {
        bench.write_experiment(experiment);
        bench.swact(&["validate", "test.experiment.yml"])
    };
    let experiment = Experiment { modes: "issu", thresholds: "{issu: {lost: 0}}", ..Experiment::default() };
    validate(&experiment).with(2).says("release 1.0 does not negotiate");
    let during = Experiment { method: "{during: load, fault: kill, target: pe1/active-rp}", ..Experiment::default() };
    validate(&during).with(2).says("test.experiment.yml:11:14").says("add 'issu' to the modes");
    assert!(fs::read_dir(bench.path("labs")).is_err(), "nothing was deployed");
}
