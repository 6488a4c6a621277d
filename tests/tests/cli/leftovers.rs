//! Whatever happens to the orchestrator, nothing of a lab is left.

use crate::{
    bench::{Bench, Experiment, LAB, send},
    follow::Follower,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// An experiment that is in the middle of its only trial for as long as it takes.
fn running(bench: &Bench) -> Follower {
    bench.write_experiment(&Experiment {
        method: "{at: 60s, fault: kill, target: pe1/active-rp}",
        ..Experiment::default()
    });
    let run = Follower::of_run(bench);
    run.line("the trial begins", |line| line.contains("trial 1"));
    assert!(bench.processes().len() > 5, "{:?}", bench.processes());
    run
}

/// Goal: Ctrl-C rolls back. Method: interrupt a run in the middle of a trial.
#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let bench = Bench::new(2_000);
    let mut run = running(&bench);
    send(run.child.id() as i32, Signal::SIGINT);
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
    bench.assert_nothing_runs();
}

/// A run in the middle of its second trial of three.
fn half_way(bench: &Bench) -> Follower {
    bench.write_experiment(&Experiment {
        modes: "rpr, sso",
        thresholds: "{sso: {unaccounted: 0}}",
        ..Experiment::default()
    });
    let text = fs::read_to_string(bench.path("test.experiment.yml")).unwrap();
    bench.write("test.experiment.yml", &text.replace("baseline: 0", "baseline: 2"));
    let run = Follower::of_run(bench);
    run.line("the second trial begins", |line| line.contains("trial 2: ") && !line.contains("offered"));
    run
}

/// What every form of a report says of a run that was cut short.
fn assert_no_pass(bench: &Bench, folder: &Path, why: &str) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(report["verdict"], "inconclusive", "{report:#}");
    assert_eq!(report["cells"].as_array().unwrap().len(), 2, "a mode that was not tried is named: {report:#}");
    assert!(report["reasons"].to_string().contains(why), "{report:#}");
    assert!(read("report.md").contains("**inconclusive**") && read("report.html").contains(why));
    assert!(read("junit.xml").contains("<error") && !read("trials.csv").is_empty());
    let trials = read("trials.csv").lines().count() - 1;
    assert_eq!(trials, 1, "{}", read("trials.csv"));
    bench.swact(&["analyze", folder.to_str().unwrap()]).with(3).says(why);
    bench.swact(&["compare", folder.to_str().unwrap(), folder.to_str().unwrap()]).with(3);
}

/// Goal: a run that did not do what it was told is no pass, wherever one looks. Method: interrupt it in its second trial.
#[test]
fn an_interrupted_run_is_inconclusive_everywhere() {
    let bench = Bench::new(2_000);
    let mut run = half_way(&bench);
    send(run.child.id() as i32, Signal::SIGINT);
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
    assert_no_pass(&bench, &bench.path("store/latest"), "the run was interrupted (1 of 6 trials held)");
    bench.assert_nothing_runs();
}

/// Goal: a killed run keeps what it finished, and is no pass. Method: SIGKILL it in its second trial, and analyze.
#[test]
fn a_killed_run_keeps_the_trials_that_it_finished() {
    let bench = Bench::new(2_000);
    let mut run = half_way(&bench);
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    let folder = fs::read_dir(bench.path("store").join(LAB)).unwrap().next().unwrap().unwrap().path();
    let why = "the run has not ended, or was killed (1 of 6 trials held)";
    bench.swact(&["analyze", folder.to_str().unwrap()]).with(3).says(why);
    assert_no_pass(&bench, &folder, why);
    bench.destroy().with(0);
    bench.assert_nothing_runs();
}

/// Goal: a lab outlives its orchestrator and is found again. Method: SIGKILL a run, then destroy the lab twice.
#[test]
fn a_lab_whose_orchestrator_was_killed_is_found_and_destroyed() {
    let bench = Bench::new(2_000);
    let mut run = running(&bench);
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    assert_ne!(bench.processes(), BTreeMap::new());
    bench.destroy().with(0);
    bench.assert_nothing_runs();
    bench.destroy().with(0);
}
