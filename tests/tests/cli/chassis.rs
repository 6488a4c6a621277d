//! A lab that is left running: what its route processors do when they are told, and when they are killed.

use crate::{
    bench::{Bench, LAB, eventually, send},
    follow::Follower,
};
use nix::sys::signal::Signal;

/// Goal: an active that fails before the standby is ready takes the whole chassis with it, and all comes up again.
/// Method: kill the standby, and then the active as soon as bulk sync to the new standby begins.
#[test]
fn an_active_that_dies_during_bulk_sync_resets_the_chassis() {
    let bench = Bench::new(200_000);
    bench.deploy();
    let events = Follower::of_events(&bench);
    let (active, before) = (bench.settled(), bench.processes());
    let fault = bench.fault("kill", "pe1/standby-rp");
    let begun = events.event(fault, "bulk_sync", |event| event["kind"]["done"] == false);
    send(before[&active], Signal::SIGKILL);
    assert_eq!(begun["card"], active.as_str());
    events.event(fault, "reset_chassis", |_| true);
    bench.settled();
    let after = bench.processes();
    for card in ["pe1/A", "pe1/B", "pe1/1", "pe1/2"] {
        assert_ne!(before[card], after[card], "{card} was not started again");
    }
}

/// Goal: an operator can move the chassis over, but never onto a card that is not there. Method: force a switchover on the
/// standby, on the active, and on the new active while its standby is pulled out.
#[test]
fn a_forced_switchover_moves_the_roles_and_needs_a_standby() {
    let bench = Bench::new(2_000);
    bench.deploy();
    assert_eq!(bench.settled(), "pe1/A");
    let force = ["redundancy force-switchover"];
    let refused = bench.exec("pe1/B", &[force[0], "show clock"]).with(1);
    refused.says("not run, since the command before failed: 'show clock'");
    assert_eq!(bench.settled(), "pe1/A");
    bench.exec("pe1", &force).with(0);
    assert_eq!(bench.settled(), "pe1/B");
    bench.fault("remove", "pe1/standby-rp");
    eventually("the standby is gone", || {
        let shown = bench.exec("pe1/B", &["show redundancy states"]).with(0);
        if shown.out.contains("Manual Swact = disabled") { Ok(()) } else { Err(shown.out) }
    });
    bench.exec("pe1/B", &force).with(1);
    bench.fault("insert", "pe1/rp:A");
    assert_eq!(bench.settled(), "pe1/B");
    assert_eq!(bench.inspect()["pe1/B"]["rp"]["switchovers"], 1);
}

/// Goal: what was written to memory survives both route processors. Method: change and save the configuration, kill
/// both at once, start them again.
#[test]
fn a_saved_configuration_survives_the_death_of_both_processors() {
    let bench = Bench::new(2_000);
    bench.deploy();
    let route = "ip route 203.0.113.0 255.255.255.0 10.2.1.10";
    bench.exec("pe1", &["configure terminal", route, "end", "write memory"]).with(0);
    let before = bench.processes();
    for card in ["pe1/A", "pe1/B"] {
        send(before[card], Signal::SIGKILL);
    }
    bench.fault("restart", "pe1/rp:A");
    bench.fault("restart", "pe1/rp:B");
    bench.settled();
    bench.exec("pe1", &["show startup-config"]).with(0).says(route);
    bench.exec("pe1", &["show running-config"]).with(0).says(route);
    bench.swact(&["destroy", LAB]).with(0);
    bench.assert_nothing_runs();
}

/// Goal: nobody measures a chassis whose line cards do not reach each other: a load would be lost before any fault. Method:
/// cut their data connection, which no route processor has a part in.
#[test]
fn a_chassis_is_up_when_its_line_cards_reach_each_other() {
    let bench = Bench::new(2_000);
    bench.deploy();
    bench.settled();
    bench.swact(&["wait", LAB, "--at-most", "10s"]).with(0);
    bench.fault("partition", "pe1/lc:1<->lc:2");
    eventually("the data connection is gone", || {
        let waited = bench.swact(&["wait", LAB, "--at-most", "200ms"]);
        if waited.err.contains("pe1/1 has no data connection to pe1/2") { Ok(waited.with(1)) } else { Err(waited.err) }
    });
    bench.fault("heal", "pe1/lc:1<->lc:2");
    bench.swact(&["wait", LAB, "--at-most", "30s"]).with(0);
}
