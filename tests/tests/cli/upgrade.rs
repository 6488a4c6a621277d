//! Line cards that change their release while they forward.

use crate::bench::{Bench, Experiment, LAB, shipped_images};
use std::fs;

/// Goal: a line card's release is changed under load, and not a packet is lost or unaccounted for. Method: two releases of
/// the same programs; while a trial offers its load, and kills its standby twice, both cards go from one to the other and back for as long as it runs.
#[test]
fn line_cards_are_upgraded_under_load_and_lose_nothing() {
    let bench = Bench::new(2_000);
    bench.change("image: \"1.0\"", "image: \"2.0\"");
    let images = bench.path("images");
    for release in ["2.0", "2.1"] {
        fs::create_dir_all(images.join(release)).unwrap();
        let manifest = format!("{release}/manifest.yml");
        fs::copy(shipped_images().join(&manifest), images.join(&manifest)).unwrap();
    }
    let kill = "{at: 0s, fault: kill, target: pe1/standby-rp}\n  - {at: 2s, fault: kill, target: pe1/standby-rp}";
    bench.write_experiment(&Experiment { method: kill, ..Experiment::default() });
    let mut run = bench.command(&["run", "test.experiment.yml"]).env("SWACT_IMAGES", &images).spawn().unwrap();
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
        if bench.command(&arguments).env("SWACT_IMAGES", &images).output().unwrap().status.success() {
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
