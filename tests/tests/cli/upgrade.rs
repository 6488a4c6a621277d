//! Line cards that change their release while they forward.

use crate::bench::{Bench, Experiment, LAB, programs};
use chassis_tests::ended::Ended;
use std::{fs, os::unix::fs::PermissionsExt as _};

/// A bench whose cards run release 2.0 of `releases`, all of them the same programs.
fn bench_of(releases: &[&str]) -> Bench {
    let bench = Bench::new(2_000);
    bench.releases(releases);
    bench
}

/// A release's own line card.
fn own_program(bench: &Bench, release: &str, content: &[u8], mode: u32) {
    let program = bench.path("images").join(release).join("programs/linecard");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, content).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
}

fn upgrade(bench: &Bench, to: &str, more: &[&str]) -> Ended {
    bench.swact(&[&["upgrade-card", LAB, "pe1/1", "--to", to], more].concat())
}

/// Release and run of a card.
fn run_of(bench: &Bench) -> (String, u64) {
    let card = &bench.inspect()["pe1/1"];
    (card["release"].as_str().unwrap_or_default().to_owned(), card["boot"].as_u64().unwrap_or_default())
}

/// Goal: a release whose program is of no use changes nothing, is named, and is not reset into; the card is of its release
/// after a reset, too. Method: programs that are cut off, for another processor, not executable and no card at all.
#[test]
fn a_program_of_no_use_leaves_the_card_as_it_is() {
    let bench = bench_of(&["2.0", "3.0", "3.1", "3.2", "3.3"]);
    let program = fs::read(programs().join("linecard")).unwrap();
    own_program(&bench, "3.0", &program[..program.len() / 3], 0o755);
    let mut foreign = program[..1 << 16].to_vec();
    foreign[18] ^= 0xff;
    own_program(&bench, "3.1", &foreign, 0o755);
    own_program(&bench, "3.2", &program, 0o644);
    own_program(&bench, "3.3", &fs::read("/bin/false").unwrap(), 0o755);
    bench.deploy();
    bench.settled();
    let before = run_of(&bench);
    let config = || fs::read_to_string(bench.lab().join("pe1/1/config.json")).unwrap();
    let told = config();
    for (release, why) in
        [("3.0", "of no use"), ("3.1", "for a processor"), ("3.2", "Permission denied"), ("3.3", "exit status: 1")]
    {
        for more in [&[][..], &["--or-reset"]] {
            upgrade(&bench, release, more).with(2).says("keeps its program").says(why);
        }
        assert_eq!((run_of(&bench), config()), (before.clone(), told.clone()), "{release}");
    }
    bench.exec("pe1", &["hw-module slot 1 reset"]).with(0);
    bench.settled();
    assert_eq!(run_of(&bench).0, "2.0");
    bench.destroy().with(0);
}

/// Goal: what cannot be handed over is refused before anything starts, or reset where that is asked for, and said. Method: a
/// release without hand-overs, the one that runs, and a route processor.
#[test]
fn a_card_that_cannot_be_handed_over_is_reset_where_that_is_asked_for() {
    let bench = bench_of(&["1.0", "2.0", "2.1"]);
    bench.deploy();
    bench.settled();
    let before = run_of(&bench);
    upgrade(&bench, "1.0", &[]).with(2).says("do not hand over to release 1.0").says("--or-reset");
    upgrade(&bench, "2.0", &["--or-reset"]).with(2).says("runs release 2.0 already");
    bench.swact(&["upgrade-card", LAB, "pe1/A", "--to", "2.1"]).with(2).says("is no line card");
    assert_eq!(run_of(&bench), before);
    upgrade(&bench, "2.1", &["--or-reset"]).with(0).says("pe1/1 runs release 2.1\n");
    assert_eq!(run_of(&bench), ("2.1".to_owned(), before.1), "the same run");
    upgrade(&bench, "1.0", &["--or-reset"]).with(0).says("pe1/1 is reset with release 1.0").says("after a reset");
    let after = run_of(&bench);
    assert_eq!(after.0, "1.0");
    assert_ne!(after.1, before.1);
    bench.destroy().with(0);
}

/// Goal: an upgrade is a step of a method: nothing is lost, it is handed back, and the report shows both; a reset in its place
/// loses, as the book says of a restart. What cannot be is refused before anything is deployed.
#[test]
fn an_upgrade_is_a_step_of_an_experiment() {
    let bench = bench_of(&["1.0", "2.0", "2.1"]);
    let run = |method: &str, thresholds: &str| bench.run(&Experiment { method, thresholds, ..Experiment::default() });
    let strict = "{sso: {lost: 0, duplicated: 0, unaccounted: 0}}";
    run("{at: 0s, fault: upgrade-card, target: pe1/all-lc, image: \"2.1\", for: 500ms}", strict).with(0);
    let taken = |events: &[serde_json::Value]| {
        events.iter().filter(|event| event.to_string().contains("HANDOVER-6-TAKEN")).count()
    };
    assert_eq!(taken(&bench.run_events()), 4, "two cards, there and back");
    assert_eq!(bench.cell("sso")["fault"], "upgrade-card 2.1 pe1/all-lc");

    let to_old = "{at: 0s, fault: upgrade-card, target: pe1/lc:2, image: \"1.0\"";
    run(&format!("{to_old}}}"), strict).with(2).says("test.experiment.yml").says("do not hand over to release 1.0");
    run(&format!("{to_old}, or-reset: true}}"), "{sso: {unaccounted: 0}}").with(0).says("will be a reset");
    assert!(bench.cell("sso")["packets"]["lost"].as_u64() > Some(0), "{}", bench.cell("sso")["packets"]);
    bench.assert_nothing_runs();
}

/// Goal: where packets pass the active route processor, they wait for a card that is handed over, there too.
#[test]
fn a_card_behind_a_route_processor_is_upgraded_and_loses_nothing() {
    let bench = bench_of(&["2.0", "2.1"]);
    bench.change("platform: native", "platform: c7500");
    let ended = bench.run(&Experiment {
        method: "{at: 0s, fault: upgrade-card, target: pe1/lc:1, image: \"2.1\"}\n  - \
                 {at: 300ms, fault: upgrade-card, target: pe1/lc:2, image: \"2.1\", for: 300ms}",
        ..Experiment::default()
    });
    ended.with(0);
    assert!(bench.cell("sso")["packets"]["offered"].as_u64() > Some(1000));
}

/// Goal: a line card's release is changed under load, and not a packet is lost or unaccounted for. Method: two releases of
/// the same programs; while a trial offers its load, and kills its standby twice, both cards go from one to the other and back for as long as it runs.
#[test]
fn line_cards_are_upgraded_under_load_and_lose_nothing() {
    let bench = bench_of(&["2.0", "2.1"]);
    let kill = "{at: 0s, fault: kill, target: pe1/standby-rp}\n  - {at: 2s, fault: kill, target: pe1/standby-rp}";
    bench.write_experiment(&Experiment { method: kill, ..Experiment::default() });
    let mut run = bench.command(&["run", "test.experiment.yml"]).spawn().unwrap();
    let rps = || ["pe1/A", "pe1/B"].map(|rp| bench.processes().get(rp).copied());
    // A trial begins with a steady state, which is to be left in peace.
    let mut first = rps();
    while first.contains(&None) && run.try_wait().unwrap().is_none() {
        first = rps();
    }
    while rps() == first && run.try_wait().unwrap().is_none() {}
    let steps = ["2.1", "2.0"].into_iter().flat_map(|to| ["pe1/1", "pe1/2"].map(|card| (card, to)));
    let (mut upgraded, mut steps) = (0, steps.cycle());
    let mut step = steps.next().unwrap();
    let ended = loop {
        if let Some(ended) = run.try_wait().unwrap() {
            break ended;
        }
        // Refused when there is no lab any more.
        let arguments = ["upgrade-card", LAB, step.0, "--to", step.1];
        if bench.command(&arguments).output().unwrap().status.success() {
            upgraded += 1;
            step = steps.next().unwrap();
        }
    };
    assert_eq!(ended.code(), Some(0), "{upgraded} upgrades");
    assert!(upgraded >= 4, "{upgraded}");
    let kinds = bench.run_events();
    let taken = kinds.iter().filter(|event| event.to_string().contains("HANDOVER-6-TAKEN")).count();
    assert!(taken >= 4, "{taken}");
    println!("{upgraded} upgrades");
    assert!(!kinds.iter().any(|event| event.to_string().contains("changed state to down")), "no port went down");
}
