//! What a platform, a crash and the backplane do to a chassis of real programs.

use crate::{
    bench::{Bench, Experiment, send},
    follow::Follower,
};
use nix::sys::signal::Signal;
use std::fs;

/// Goal: a crash is no silence, and the core is dumped before the slot is reset, under a name that says the slot.
/// Method: make the active's software crash, with a crashdump-timeout of minutes that nobody would wait for.
#[test]
fn a_crashed_active_dumps_its_core_before_it_is_reset() {
    let bench = Bench::new(2_000);
    bench.deploy();
    assert_eq!(bench.settled(), "pe1/A");
    bench.exec("pe1", &["configure terminal", "redundancy", "crashdump-timeout 9", "end"]).with(0);
    bench.settled();
    let events = Follower::of_events(&bench);
    send(bench.processes()["pe1/A"], Signal::SIGQUIT);
    let taken = events.event(0, "switchover", |_| true);
    assert_eq!((&taken["card"], &taken["kind"]["reason"]), (&"pe1/B".into(), &"active unit failed".into()));
    events.event(taken["at"].as_u64().unwrap(), "reset_slot", |event| {
        event["kind"]["reason"].as_str().unwrap().contains("core is dumped")
    });
    assert_eq!(bench.settled(), "pe1/B");
    let nvram = bench.lab().join("pe1/A/nvram");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let dump =
        fs::read_dir(&nvram).unwrap().map(|entry| name(entry.unwrap())).find(|name| name.starts_with("crashinfo_"));
    let dump = dump.expect("the failed life left a dump");
    assert!(dump.starts_with("crashinfo_RP_A_"), "{dump}");
    let text = fs::read_to_string(nvram.join(dump)).unwrap();
    assert!(text.contains("software-forced crash") && text.contains("hostname pe1"), "{text}");
    bench.exec("pe1", &["show redundancy switchover history"]).with(0).says("active unit failed");
}

/// Goal: the backplane says that the active was pulled out; nobody waits for silence. Method: remove it, look at the
/// reason, put it back.
#[test]
fn an_active_that_is_pulled_out_is_replaced_for_that_reason() {
    let bench = Bench::new(2_000);
    // So long that silence could not be the reason.
    bench.change("switchover-timer: 300ms, heartbeat: 50ms", "switchover-timer: 60s, heartbeat: 500ms");
    bench.deploy();
    assert_eq!(bench.settled(), "pe1/A");
    let events = Follower::of_events(&bench);
    let fault = bench.fault("remove", "pe1/active-rp");
    let taken = events.event(fault, "switchover", |_| true);
    assert_eq!(taken["kind"]["reason"], "active unit removed");
    bench.fault("insert", "pe1/rp:A");
    assert_eq!(bench.settled(), "pe1/B");
    bench.exec("pe1", &["show redundancy switchover history"]).with(0).says("active unit removed");
}

/// Goal: where packets pass the active RP, they stop with it, even in SSO; where they do not, none is lost. Method:
/// kill the active of the same chassis on a 10000 and on a 12000.
#[test]
fn packets_that_pass_the_rp_stop_with_it() {
    for (platform, stops) in [("c10000", true), ("c12000", false)] {
        let bench = Bench::new(2_000);
        bench.change("platform: native", &format!("platform: {platform}"));
        bench.run(&Experiment { modes: "sso", thresholds: "{sso: {unaccounted: 0}}", ..Experiment::default() });
        let packets = &bench.cell("sso")["packets"];
        assert_eq!(packets["lost"].as_u64().unwrap() > 0, stops, "{platform}: {packets}");
        assert_eq!(packets["unaccounted"], 0, "{platform}: {packets}");
    }
}
