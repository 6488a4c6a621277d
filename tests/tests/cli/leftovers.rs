//! Whatever happens to the orchestrator, nothing of a lab is left.

use crate::{
    bench::{Bench, Experiment, send},
    follow::Follower,
};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;

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
