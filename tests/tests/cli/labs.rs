//! Several who want the same lab, and what is left of one.

use crate::{
    bench::{Bench, Experiment, LAB, eventually, send},
    follow::Follower,
};
use chassis_tests::ended::Ended;
use nix::sys::signal::Signal;
use std::{fs, process::Stdio};

/// Every card of the lab, each with its process, and that all of them answer.
#[track_caller]
fn assert_whole(bench: &Bench) {
    let cards = bench.inspect();
    assert_eq!(cards.len(), 5, "{cards:#?}");
    assert!(cards.values().all(|stats| !stats.is_null()), "{cards:#?}");
    assert_eq!(bench.processes().len(), cards.len() + 1, "and the backplane's");
}

/// Goal: of two deployments at once one wins whole, and the other touches nothing. Method: three at once, of the same
/// file.
#[test]
fn of_deployments_at_once_one_wins_and_leaves_a_whole_lab() {
    let bench = Bench::new(2_000);
    let file = format!("{LAB}.chassis.yml");
    let deploy = || bench.command(&["deploy", &file]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let all: Vec<_> = [deploy(), deploy(), deploy()].into_iter().collect();
    let ended: Vec<Ended> = all.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect();
    let mut codes: Vec<_> = ended.iter().map(|ended| ended.code).collect();
    codes.sort();
    assert_eq!(codes, [Some(0), Some(2), Some(2)]);
    for refused in ended.iter().filter(|ended| ended.code == Some(2)) {
        assert!(refused.err.contains(&format!("lab {LAB} is in use by process ")), "{}", refused.err);
        assert!(refused.err.contains("(swact deploy"), "{}", refused.err);
    }
    bench.settled();
    assert_whole(&bench);
    bench.destroy().with(0);
    bench.assert_nothing_runs();
    assert!(!bench.path("labs").exists(), "claims leave nothing behind");
}

/// Goal: a run has its lab for itself, and leaves alone what it did not deploy. Method: a run, another, a deployment and
/// a destruction beside one that goes on; then a run over a lab that was deployed.
#[test]
fn a_run_destroys_nothing_that_it_did_not_deploy() {
    let bench = Bench::new(2_000);
    bench.write_experiment(&Experiment {
        method: "{at: 60s, fault: kill, target: pe1/active-rp}",
        ..Experiment::default()
    });
    let mut run = Follower::of_run(&bench);
    run.line("the trial begins", |line| line.contains("trial 1"));
    let before = bench.processes();
    let file = format!("{LAB}.chassis.yml");
    for other in [
        &["run", "test.experiment.yml"][..],
        &["deploy", &file],
        &["destroy", LAB],
        &["soak", "test.experiment.yml"],
        &["throughput", &file],
    ] {
        bench.swact(other).with(2).says(&format!("in use by process {} (swact run", run.child.id()));
    }
    assert_eq!(bench.processes(), before);
    send(run.child.id() as i32, Signal::SIGINT);
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
    bench.assert_nothing_runs();

    bench.deploy();
    let before = bench.processes();
    for other in [&["run", "test.experiment.yml"][..], &["soak", "test.experiment.yml"], &["throughput", &file]] {
        bench.swact(other).with(2).says("runs already");
    }
    assert_eq!(bench.processes(), before);
    assert_whole(&bench);
}

/// Goal: another topology does not take a running lab's place unasked; the same one may change. Method: a copy of the file
/// under another name; then the file itself, with a card more.
#[test]
fn another_topology_of_the_same_name_is_refused_unless_it_is_told_to_replace() {
    let bench = Bench::new(2_000);
    bench.deploy();
    let before = bench.processes();
    fs::copy(bench.path(&format!("{LAB}.chassis.yml")), bench.path("other.chassis.yml")).unwrap();
    for more in [&[][..], &["--dry-run"]] {
        let refused = bench.swact(&[&["deploy", "other.chassis.yml"], more].concat()).with(2);
        refused.says(&format!("{LAB}.chassis.yml, not from ")).says("--replace");
    }
    assert_eq!(bench.processes(), before);
    bench.change("{slot: B}, ", "{slot: B}, {slot: 3, ports: 1}, ");
    bench.deploy();
    assert_eq!(bench.processes().len(), before.len() + 1, "the same file converges");
    bench.swact(&["deploy", "other.chassis.yml", "--replace"]).with(0);
    assert_eq!(bench.processes().len(), before.len());
    bench.swact(&["deploy", &format!("{LAB}.chassis.yml")]).with(2).says("other.chassis.yml, not from ");
}

/// Goal: a deployment of what runs already touches nothing, whatever the release, and a release that was added to those there
/// are starts no card again. Method: deploy a chassis of each release twice, then once more with a release more.
#[test]
fn deploying_what_runs_already_touches_nothing() {
    for release in ["1.0", "2.0"] {
        let bench = Bench::new(2_000);
        bench.releases(&["1.0", "2.0"]);
        bench.change("image: \"2.0\"", &format!("image: \"{release}\""));
        bench.deploy();
        // The shelf, which resets slots, is no card.
        let cards = || bench.processes().into_iter().filter(|(card, _)| card != "-/shelf").collect::<Vec<_>>();
        let before = cards();
        bench.deploy();
        assert_eq!(cards(), before, "release {release}");
        let images = bench.path("images");
        let manifest = fs::read_to_string(images.join("2.0/manifest.yml")).unwrap();
        fs::create_dir(images.join("2.0.9")).unwrap();
        let manifest = manifest.replace("version: \"2.0\"", "version: \"2.0.9\"");
        fs::write(images.join("2.0.9/manifest.yml"), manifest).unwrap();
        bench.deploy();
        assert_eq!(cards(), before, "a release more than {release}");
        let told = fs::read_to_string(bench.lab().join("pe1/A/config.json")).unwrap();
        assert_eq!(told.contains("2.0.9"), release != "1.0", "what it knows after its next start: {told}");
        bench.swact(&["destroy", LAB]).with(0);
    }
}

/// Goal: what a restart of the host left is no lab that runs. Method: everything is killed at once, the folder stays; then
/// a run, which needs no `destroy` before it.
#[test]
fn after_a_restart_of_the_host_a_run_begins_anew() {
    let bench = Bench::new(2_000);
    bench.deploy();
    // First the shelf, which would start cards again.
    let mut processes: Vec<_> = bench.processes().into_iter().collect();
    processes.sort_by_key(|(card, _)| card != "-/shelf");
    processes.iter().for_each(|(_, pid)| send(*pid, Signal::SIGKILL));
    eventually("all are gone", || {
        let left = bench.processes();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    assert!(bench.lab().join("plan.json").exists());
    bench.swact(&["--format", "json", "inspect"]).with(2).says("nothing of lab small runs");
    bench.run(&Experiment::default()).with(0);
    bench.assert_nothing_runs();
}
