//! Faults, through the command line: each leads to what `orchestrator/src/expectation.rs` says, each is taken back,
//! and a soak that meets something else stops and keeps it.
#![allow(missing_docs, dead_code, clippy::unwrap_used, reason = "a test; the bench is shared")]

#[path = "cli/bench.rs"]
mod bench;

use bench::{Bench, Experiment, LAB, eventually};
use std::fs;

/// One method each: what is done to a chassis in SSO under load. The engine holds the trial against the book.
const METHODS: &[&str] = &[
    "{fault: kill, target: pe1/standby-rp}",
    "{fault: stop, target: pe1/active-rp}",
    "{fault: kill, target: pe1/lc:2, for: 500ms}",
    "{fault: restart, target: pe1/active-rp}",
    "{fault: restart, target: pe1/lc:1}",
    "{fault: pause, target: pe1/active-rp, for: 50ms}",
    "{fault: pause, target: pe1/lc:1, for: 200ms}",
    "{fault: remove, target: pe1/active-rp, for: 1s}",
    "{fault: remove, target: pe1/lc:1, for: 500ms}",
    "{fault: force-switchover, target: pe1}",
    "{fault: reload, target: pe1}",
    "{fault: partition, target: \"pe1/rp:A<->rp:B\", for: 6s}",
    "{fault: partition, target: \"pe1/rp:A->rp:B\", for: 6s}",
    "{fault: partition, target: pe1/active-rp, for: 6s}",
    "{fault: partition, target: \"pe1/active-rp<->lc:1\", for: 1s}",
    "{fault: partition, target: \"pe1/lc:1->lc:2\", for: 300ms}",
    "{fault: impair, target: \"pe1/lc:1<->lc:2\", loss: 0.02, delay: 2ms, jitter: 1ms, duplicate: 0.05, reorder: 0.05, for: 1s}",
    "{fault: impair, target: \"pe1/active-rp<->all-lc\", delay: 5ms, for: 500ms}",
    "{fault: swap-image, target: pe1/standby-rp, image: \"2.0\", for: 200ms}",
    "{fault: kill, target: pe1/all-rp, for: 500ms}",
];

/// Crash points, each with what sets it off.
const CRASHES: &[[&str; 2]] = &[
    [
        "{fault: crash, target: pe1/active-rp, point: bulk-sync, for: 2s}",
        "{at: 50ms, fault: kill, target: pe1/standby-rp}",
    ],
    [
        "{fault: crash, target: pe1/active-rp, point: update-before-checkpoint, for: 2s}",
        "{at: 50ms, fault: exec, target: pe1/active-rp, lines: [configure terminal, ip route 203.0.113.0 255.255.255.0 10.2.1.10, end]}",
    ],
    [
        "{fault: crash, target: pe1/active-rp, point: checkpoint-before-update, for: 2s}",
        "{at: 50ms, fault: exec, target: pe1/active-rp, lines: [configure terminal, ip route 203.0.113.0 255.255.255.0 10.2.1.10, end]}",
    ],
    [
        "{fault: crash, target: pe1/active-rp, point: save-config, for: 2s}",
        "{at: 50ms, fault: exec, target: pe1/active-rp, lines: [write memory]}",
    ],
    [
        "{fault: crash, target: pe1/standby-rp, point: switchover, for: 2s}",
        "{at: 50ms, fault: kill, target: pe1/active-rp, for: 2s}",
    ],
    [
        "{fault: crash, target: pe1/standby-rp, point: adoption, for: 2s}",
        "{at: 50ms, fault: kill, target: pe1/active-rp, for: 2s}",
    ],
];

const ACCOUNTED: &str = "{sso: {unaccounted: 0}}";

/// Goal: every fault leads to what the book says, and its rollback brings the chassis back. Method: a trial each.
#[test]
fn every_fault_leads_to_what_the_book_says() {
    let bench = Bench::new(2_000);
    let mut wrong = Vec::new();
    for method in METHODS {
        let ended = bench.run(&Experiment { method, thresholds: ACCOUNTED, ..Experiment::default() });
        if ended.code != Some(0) {
            wrong.push(format!("{method}\n{}\n{}", ended.out, ended.err));
        }
    }
    bench.assert_nothing_runs();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), METHODS.len(), wrong.join("\n"));
}

/// Goal: a route processor that dies at the worst moment leaves a chassis that comes back. Method: arm a point, set it
/// off, hold the trial against the book.
#[test]
fn every_crash_point_leads_to_what_the_book_says() {
    let bench = Bench::new(2_000);
    let mut wrong = Vec::new();
    for steps in CRASHES {
        let method = steps.join("\n  - ");
        let ended = bench.run(&Experiment { method: &method, thresholds: ACCOUNTED, ..Experiment::default() });
        if ended.code != Some(0) {
            wrong.push(format!("{method}\n{}\n{}", ended.out, ended.err));
        }
        let crashed = ["A", "B"].iter().any(|rp| {
            fs::read_to_string(bench.run_file(&format!("logs/{rp}.log"))).unwrap().contains("crash point reached")
        });
        assert!(crashed, "nothing crashed: {method}");
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CRASHES.len(), wrong.join("\n"));
}

/// Goal: a fault that never happened proves nothing, and leaves nothing behind. Method: arm a point that nothing sets off,
/// with and without another fault, in a trial and in a soak.
#[test]
fn a_crash_that_nothing_sets_off_is_inconclusive() {
    let bench = Bench::new(2_000);
    let crash = "{fault: crash, target: pe1/active-rp, point: save-config, for: 500ms}";
    let experiment = Experiment { method: crash, ..Experiment::default() };
    bench.run_once(&experiment).with(3).says("crash at save-config of pe1/");
    bench.swact(&["analyze", "store/latest"]).with(3).says("never went off");
    let both = "{fault: crash, target: pe1/active-rp, point: save-config}\n  - \
                {at: 50ms, fault: kill, target: pe1/active-rp, for: 1s}";
    bench.run_once(&Experiment { method: both, ..Experiment::default() }).with(3).says("never went off");
    bench.write_experiment(&experiment);
    bench.swact(&["soak", "test.experiment.yml", "--trials", "5"]).with(3).says("it ended early: 0 of 5 trials passed");
    bench.assert_nothing_runs();
}

/// Goal: what an experiment expects is held against whatever happened, and against nothing having happened. Method:
/// expect a switchover and loss of a method that does nothing.
#[test]
fn an_expectation_that_is_not_met_fails_without_a_fault_too() {
    let bench = Bench::new(2_000);
    bench.write_experiment(&Experiment { thresholds: ACCOUNTED, ..Experiment::default() });
    let text = fs::read_to_string(bench.path("test.experiment.yml")).unwrap();
    let text = text.replace("method:\n  - {at: 0s, fault: kill, target: pe1/active-rp}\n", "method: []\n");
    assert!(text.contains("method: []"), "{text}");
    let run = |expect: &str| {
        bench.write("test.experiment.yml", &format!("{text}expect: {expect}\n"));
        bench.swact(&["run", "test.experiment.yml"])
    };
    let ended = run("{switchover: always, loss: always}").with(1);
    ended.says("no switchover, where there must be").says("no packet lost, where there must be");
    run("{switchover: if-long, loss: never}").with(2).says("test.experiment.yml:13:22: ");
    run("{switchover: never, loss: never}").with(0);
    bench.assert_nothing_runs();
}

/// Goal: faults to the storage are noticed, refused and repaired. Method: fill it and save, damage it and restart.
#[test]
fn a_full_or_damaged_store_costs_no_configuration() {
    let bench = Bench::new(2_000);
    bench.deploy();
    let active = bench.settled();
    bench.exec("pe1", &["write memory"]).with(0);
    bench.fault("fill", "pe1/active-rp");
    bench.exec("pe1", &["write memory"]).with(1).says("no room");
    bench.fault("repair", "pe1/active-rp");
    bench.exec("pe1", &["write memory"]).with(0);
    bench.fault("corrupt", "pe1/all-rp");
    bench.fault("repair", "pe1/all-rp");
    bench.fault("kill", "pe1/all-rp");
    bench.fault("insert", "pe1/all-rp");
    assert_eq!(bench.settled(), active, "A wins the tie");
    bench.exec("pe1", &["show startup-config"]).with(0).says("mode sso");
}

/// Goal: what was armed and disarmed does no harm, and a half-written configuration is never read. Method: arm, disarm
/// and save; arm, save and die; the next life has the old configuration, whole.
#[test]
fn a_crash_while_saving_leaves_the_old_configuration() {
    let bench = Bench::new(2_000);
    bench.deploy();
    let active = bench.settled();
    let arm = |target: &str| bench.swact(&["fault", "crash", LAB, target, "--point", "save-config"]).with(0);
    arm("pe1/active-rp");
    bench.fault("disarm", "pe1/active-rp");
    bench.exec("pe1", &["write memory"]).with(0);
    assert_eq!(bench.settled(), active);
    arm("pe1/active-rp").says("expected: switchover: always");
    let before = bench.processes()[&active];
    bench.swact(&["fault", "exec", LAB, "pe1/active-rp", "--line", "write memory"]).with(0);
    eventually("the active has crashed", || match bench.processes().get(&active) {
        Some(pid) if *pid == before => Err("it lives".to_owned()),
        _ => Ok(()),
    });
    assert_ne!(bench.settled(), active);
    bench.exec(&active, &["show startup-config"]).with(0).says("mode sso");
}

/// Goal: a soak that meets what must not be stops there, says so, and can be held again. Method: expect that a killed
/// active is not replaced.
#[test]
fn a_soak_stops_at_the_first_violation_and_keeps_it() {
    let bench = Bench::new(2_000);
    bench.write_experiment(&Experiment::default());
    let text = fs::read_to_string(bench.path("test.experiment.yml")).unwrap();
    bench.write("test.experiment.yml", &format!("{text}expect: {{switchover: never, loss: never}}\n"));
    let ended = bench.swact(&["soak", "test.experiment.yml", "--trials", "5"]).with(1);
    ended.says("1 × switchover, where there must be none");
    let reproduce = fs::read_to_string(bench.run_file("reproduce.txt")).unwrap();
    assert!(reproduce.contains("--seed 1 --first 1 --trials 1"), "{reproduce}");
    let lines = fs::read_to_string(bench.run_file("soak.csv")).unwrap();
    assert!(lines.lines().last().unwrap().ends_with(",fail"), "the line of the trial that violated: {lines}");
    for name in ["soak.json", "report.html", "events.ndjson", "logs/A.log"] {
        assert!(fs::metadata(bench.run_file(name)).unwrap().len() > 0, "{name} is empty");
    }
    bench.assert_nothing_runs();
}

/// Goal: what has passed leaves nothing but a line. Method: soak, and look at what is kept.
#[test]
fn a_soak_that_passes_keeps_a_line_a_trial() {
    let bench = Bench::new(2_000);
    bench.write_experiment(&Experiment::default());
    bench.swact(&["soak", "test.experiment.yml", "--trials", "3"]).with(0).says("trials passed");
    let lines = fs::read_to_string(bench.run_file("soak.csv")).unwrap();
    let passed = lines.lines().filter(|line| line.ends_with(",pass")).count();
    assert_eq!(passed, 3, "{lines}");
    assert_eq!(fs::metadata(bench.run_file("events.ndjson")).unwrap().len(), 0);
    bench.assert_nothing_runs();
}

/// Goal: a storm leaves a chassis that is itself again. Method: two storms, each out of its trial's number.
#[test]
fn a_chassis_weathers_storms() {
    let bench = Bench::new(2_000);
    let method = "{fault: storm, target: pe1, faults: 4, over: 2s}";
    bench.write_experiment(&Experiment { method, thresholds: ACCOUNTED, at_most: "60s", ..Experiment::default() });
    bench.swact(&["soak", "test.experiment.yml", "--trials", "2"]).with(0);
}

/// Goal: a fault with a time is taken back, and the lab can be waited for. Method: remove a card, pause another.
#[test]
fn what_is_done_for_a_time_is_taken_back() {
    let bench = Bench::new(2_000);
    bench.deploy();
    bench.settled();
    bench.swact(&["fault", "remove", LAB, "pe1/lc:1", "--for", "300ms"]).with(0).says("insert");
    bench.swact(&["wait", LAB]).with(0);
    bench.fault("remove", "pe1/lc:1");
    bench.swact(&["wait", LAB, "--at-most", "500ms"]).with(1).says("pe1/1 does not answer");
    bench.fault("insert", "pe1/lc:1");
    bench.swact(&["fault", "partition", LAB, "pe1/rp:A->rp:B", "--for", "200ms"]).with(0);
    bench.swact(&["wait", LAB]).with(0);
    bench.swact(&["fault", "partition", LAB, "pe1/rp:A<->lc:1", "--plane", "data"]).with(2).says("no data plane");
    bench.swact(&["fault", "crash", LAB, "pe1/rp:A"]).with(2).says("needs a point");
    let hang =
        |client: &str| bench.swact(&["fault", "hang", LAB, "pe1/active-rp", "--client", client, "--for", "100ms"]);
    hang("CEF").with(0).says("unhang");
    hang("bgp").with(2).says("no redundancy client is called 'bgp'");
    bench.swact(&["fault", "hang", LAB, "pe1/active-rp"]).with(2).says("needs a client");
}
