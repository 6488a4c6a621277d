//! A chassis that is upgraded in service, step by step.

use crate::bench::{Bench, Experiment, LAB, eventually};
use chassis_tests::ended::Ended;
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

/// `swact issu`.
fn issu(bench: &Bench, arguments: &[&str]) -> Ended {
    bench.swact(&[&["issu", LAB], arguments].concat())
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
    let issu = |arguments: &[&str]| issu(&bench, arguments);
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

/// Goal: what is done during a step is done to a step that goes on meanwhile, is taken back at its time, and is accounted for.
/// Method: nothing but a look at the very begin of a step; a line card that is dead for a while, and one that is started again
/// while it is being handed over.
#[test]
fn a_step_that_is_disturbed_is_taken_all_the_same() {
    let bench = Bench::new(2_000);
    bench.releases(&["2.0", "2.1"]);
    let last = |bench: &Bench| {
        let steps = bench.cell("issu")["fsu"]["steps"].as_array().unwrap().clone();
        (steps.last().unwrap()["name"].clone(), steps.last().unwrap()["found"][0].as_str().unwrap().to_owned())
    };
    let look = "{during: commit, at: 0s, fault: exec, target: pe1/active-rp, lines: [\"show clock\"]}";
    bench.run(&with(look)).with(0);
    assert_eq!(last(&bench), ("commit".into(), "state Init, active 2.1, standby 2.1".to_owned()));
    assert_eq!(bench.cell("issu")["fsu"]["t3_ms"]["median"], Value::Null, "it was not undisturbed");

    let killed = "{during: accept, at: 50ms, fault: kill, target: \"pe1/lc:1\", for: 1s}";
    bench.run(&Experiment { thresholds: "{issu: {unaccounted: 0}}", ..with(killed) }).with(0);
    let lost = bench.cell("issu")["packets"]["lost"].as_u64().unwrap();
    assert!((1_000..60_000).contains(&lost), "it came back: {lost}");

    // While the table of a card that was started again fills, a packet may follow a covering prefix.
    let restarted = "{during: line-cards, at: 20ms, fault: restart, target: \"pe1/lc:1\"}";
    let ended = bench.run(&Experiment { thresholds: "{issu: {unaccounted: 0}}", ..with(restarted) });
    assert!(ended.code == Some(0) || ended.code == Some(3), "{ended:?}");
    bench.assert_nothing_runs();
}

/// Goal: line cards do not become less, one by one. Method: a release whose program for them ends at once, to which they would be
/// reset; a card that is dead; one that was taken out.
#[test]
fn an_upgrade_does_not_take_line_cards_down() {
    let bench = Bench::new(2_000);
    bench.releases(&["2.0", "2.1"]);
    let manifest = bench.path("images/2.1/manifest.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    let without: String =
        text.lines().filter(|line| !line.contains("hand-over")).map(|line| format!("{line}\n")).collect();
    fs::write(&manifest, without).unwrap();
    let programs = bench.path("images/2.1/programs");
    fs::create_dir(&programs).unwrap();
    fs::copy("/bin/false", programs.join("linecard")).unwrap();
    bench.deploy();
    let issu = |arguments: &[&str]| issu(&bench, arguments);
    let before = bench.processes();
    issu(&["--to", "2.1"]).with(2).says("line card pe1/1 will be reset").says("does not run");
    let after = bench.processes();
    assert_eq!([&before["pe1/1"], &before["pe1/2"]], [&after["pe1/1"], &after["pe1/2"]], "both forward");
    // No upgrade is under way, but half of the chassis runs the old release: that is not forgotten.
    issu(&["--dry-run"]).with(0).says("line card pe1/2 will be reset");
    fs::remove_dir_all(&programs).unwrap();
    bench.fault("kill", "pe1/lc:1");
    eventually("it is dead", || {
        let left = bench.processes();
        if left.contains_key("pe1/1") { Err(format!("{left:?}")) } else { Ok(()) }
    });
    issu(&["--to", "2.1"]).with(2).says("line card pe1/1 does not answer");
    bench.fault("remove", "pe1/lc:1");
    issu(&["--to", "2.1"]).with(0).says("line card pe1/2: reset");
    assert_eq!(bench.inspect()["pe1/2"]["release"], "2.1");
}

/// Goal: whatever stopped an operator among the line cards, none of them falls back later. Method: what a card is told for its next
/// start is an old release, as it is when nobody came to write the new one.
#[test]
fn a_card_that_would_fall_back_is_seen_to() {
    let bench = Bench::new(2_000);
    bench.releases(&["2.0", "2.1"]);
    bench.deploy();
    let issu = |arguments: &[&str]| issu(&bench, arguments);
    issu(&["--to", "2.1"]).with(0);
    let config = bench.lab().join("pe1/1/config.json");
    let told = fs::read_to_string(&config).unwrap();
    fs::write(&config, told.replace("/2.1/", "/2.0/")).unwrap();
    issu(&["--to", "2.1"]).with(0);
    assert_eq!(fs::read_to_string(&config).unwrap(), told);
    issu(&["--to", "2.1"]).with(0).says("runs release 2.1 already");
}

/// Goal: what an upgrade will cost is said before anything starts, whatever the images come to. Method: a chassis whose mode keeps
/// nothing.
#[test]
fn a_mode_that_keeps_nothing_is_said_first() {
    let bench = Bench::new(2_000);
    bench.releases(&["2.0", "2.1"]);
    bench.change("mode: sso", "mode: rpr");
    bench.deploy();
    let issu = |arguments: &[&str]| issu(&bench, arguments);
    issu(&["--to", "2.1"]).with(2).says("all state is lost: the redundancy mode is rpr").says("or add 'forced'");
    all_run(&bench, "2.0");
    issu(&["--to", "2.1", "--forced", "--stop-after", "load"]).with(0);
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
    let kill = |during: &str| format!("{{during: {during}, fault: kill, target: pe1/active-rp}}");
    validate(&with(&kill("load"))).with(2).says("release 1.0 does not negotiate");
    let during = Experiment { method: "{during: load, fault: kill, target: pe1/active-rp}", ..Experiment::default() };
    validate(&during).with(2).says("test.experiment.yml:11:14").says("add 'issu' to the modes");
    bench.releases(&["2.0", "2.1"]);
    validate(&with("{at: 0s, fault: kill, target: pe1/active-rp}")).with(2).says("say in which step");
    let two = format!("{}\n  - {}", kill("load"), kill("commit"));
    validate(&with(&two)).with(2).says("no trial comes to 'commit'");
    bench.change("{slot: B}, ", "");
    validate(&with(&kill("load"))).with(2).says("pe1 has one route processor");
    assert!(fs::read_dir(bench.path("labs")).is_err(), "nothing was deployed");
}
