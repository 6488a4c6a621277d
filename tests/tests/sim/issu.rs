//! Software upgrades, step by step, between releases that are compatible but for one client.

use super::*;

const LOAD: &str = "issu loadversion A 2.1 B 2.1";
const RUN: &str = "issu runversion";
const ACCEPT: &str = "issu acceptversion";
const COMMIT: &str = "issu commitversion";
const ABORT: &str = "issu abortversion";
const SHORT: &str = "issu set rollback-timer 20";

/// A chassis in SSO at rest, and the steps of an upgrade, each at rest.
fn begun(steps: &[&str]) -> World {
    let mut world = World::new(6, &config("sso"), 3, routes(200));
    settle(&mut world);
    for step in steps {
        give(&mut world, step);
        settle(&mut world);
    }
    world
}

/// A command of the active's operator that is carried out.
fn give(world: &mut World, line: &str) {
    let active = world.active().unwrap();
    let given = world.exec(active, &[line]).remove(0);
    assert!(!given.failed, "{line}: {given:?}\n{}", story(world));
}

/// One that is refused, and what it says.
fn refused(world: &mut World, line: &str) -> String {
    let active = world.active().unwrap();
    let refused = world.exec(active, &[line]).remove(0);
    assert!(refused.failed, "{line}: {refused:?}\n{}", story(world));
    refused.text
}

fn logged(world: &World, what: &str) -> usize {
    happened(world, |_, event| matches!(event, EventKind::Log { line } if line.contains(what)))
}

fn shown(world: &mut World, line: &str) -> serde_json::Value {
    let active = world.active().unwrap();
    serde_json::from_str(&world.exec(active, &[line]).remove(0).text).unwrap()
}

/// State, and release of each unit, as an operator sees them.
fn state(world: &mut World) -> (String, [String; 2]) {
    let units = shown(world, "show issu state detail | json")["units"].clone();
    let text = |at: usize, key: &str| units[at][key].as_str().unwrap_or("N/A").to_owned();
    let mut releases = [0, 1].map(|at| (text(at, "slot"), text(at, "current_version")));
    releases.sort();
    (text(0, "issu_state"), releases.map(|(_, release)| release))
}

fn is(state: &str, releases: [&str; 2]) -> (String, [String; 2]) {
    (state.to_owned(), releases.map(str::to_owned))
}

/// Waits until the upgrade is over, and the chassis whole.
fn over(world: &mut World) {
    let ended = world.run(QUIET * 2, |world| world.is_settled() && state(world).0 == "Init");
    assert!(ended.unwrap(), "{:?}\n{}", state(world), story(world));
}

/// Line cards are looked at, packet by packet, from the first step to the last.
#[test]
fn an_upgrade_in_four_steps_loses_no_packet() {
    let steps = [LOAD, RUN, ACCEPT, COMMIT].map(Fault::Issu).into_iter().chain([Fault::Save]);
    let steps = steps.map(|fault| Step { wait: Wait::Rest, fault }).collect();
    let chassis = Chassis::new(3, config("sso"), routes(200));
    let life = Life { seed: 6, mode: Mode::Sso, chassis, weather: Weather::default(), steps };
    let outcome = life.run(Record::Story);
    let mut world = outcome.world;
    assert_eq!(outcome.violation, None, "{}", story(&world));
    assert!(outcome.tally.probes > 0, "nobody looked");
    assert_eq!(state(&mut world), is("Init", ["2.1", "2.1"]));
    assert_eq!((world.active(), world.switchovers()), (Some(RpSlot::B), 1), "{}", story(&world));
    for what in ["6-LOADVERSION", "5-RUNVERSION", "6-ACCEPTED", "6-COMMITTED"] {
        assert_eq!(logged(&world, &format!("%ISSU_PROCESS-{what}")), 1, "{what}: {}", story(&world));
    }
    assert_eq!(happened(&world, |_, event| matches!(event, EventKind::LcReset { .. })), 0);
}

/// What both units know is enough to go back, whoever is active.
#[test]
fn an_upgrade_is_taken_back_from_every_phase() {
    for (steps, switchovers) in [(&[LOAD][..], 0), (&[LOAD, RUN][..], 2), (&[LOAD, RUN, ACCEPT][..], 2)] {
        let mut world = begun(steps);
        give(&mut world, ABORT);
        assert_eq!(state(&mut world).0, "System Reset", "{steps:?}");
        over(&mut world);
        assert_eq!(state(&mut world), is("Init", ["2.0", "2.0"]));
        assert_eq!(world.switchovers(), switchovers, "{}", story(&world));
        assert_eq!(logged(&world, "%ISSU_PROCESS-6-ABORTED"), 1, "{}", story(&world));
    }
}

/// Every millisecond of a load, from the command to the end of the bulk sync, and while the backplane has not done it yet.
#[test]
fn a_load_is_taken_back_whenever_that_is_asked_for() {
    for millis in 0..150 {
        let mut world = begun(&[]);
        give(&mut world, LOAD);
        world.run(Duration::from_millis(millis), |_| false).unwrap();
        give(&mut world, ABORT);
        over(&mut world);
        assert_eq!(state(&mut world), is("Init", ["2.0", "2.0"]), "after {millis} ms: {}", story(&world));
    }
}

#[test]
fn what_is_not_accepted_in_time_is_taken_back() {
    let mut world = begun(&[SHORT, LOAD, RUN]);
    assert_eq!(shown(&mut world, "show issu rollback-timer | json")["in_progress"], true);
    assert_eq!(state(&mut world), is("Run Version", ["2.0", "2.1"]));
    over(&mut world);
    assert_eq!(state(&mut world), is("Init", ["2.0", "2.0"]));
    assert_eq!(logged(&world, "%ISSU_PROCESS-4-ROLLBACK"), 1, "{}", story(&world));
    assert_eq!(world.active(), Some(RpSlot::A));
}

/// A unit that dies in a phase, and what becomes of the upgrade.
#[test]
fn a_unit_may_die_in_every_phase() {
    use Who::{Active, Standby};
    let cases: [(&[&str], Who, &str, [&str; 2]); 6] = [
        // Loaded: the standby comes back on what it was given; after the active, the new release runs and is not accepted.
        (&[LOAD], Standby, "Load Version", ["2.0", "2.1"]),
        (&[LOAD], Active, "Run Version", ["2.0", "2.1"]),
        // Running: the old release waits, or is active again.
        (&[LOAD, RUN], Standby, "Run Version", ["2.0", "2.1"]),
        (&[LOAD, RUN], Active, "Init", ["2.0", "2.0"]),
        (&[LOAD, RUN, ACCEPT], Standby, "Run Version", ["2.0", "2.1"]),
        (&[LOAD, RUN, ACCEPT], Active, "Init", ["2.0", "2.0"]),
    ];
    for (steps, who, ends, releases) in cases {
        let mut world = begun(steps);
        world.strike(&Fault::Kill(who));
        let wanted = is(ends, releases);
        let came = world.run(QUIET * 2, |world| world.is_settled() && state(world) == wanted).unwrap();
        assert!(came, "{steps:?} {who:?}: {:?}\n{}", state(&mut world), story(&world));
        // From there it goes on, or back.
        if ends != "Init" {
            give(&mut world, ABORT);
            over(&mut world);
            assert_eq!(state(&mut world), is("Init", ["2.0", "2.0"]), "{steps:?} {who:?}: {}", story(&world));
        }
    }
}

/// The standby dies while it comes up on the new release, or the active while it waits for that: redundant on the old one,
/// or on its way to the new one. And while the other unit is renewed, which ends on the new one.
#[test]
fn a_unit_may_die_while_the_other_one_is_awaited() {
    for (steps, last) in [(&[][..], LOAD), (&[LOAD, RUN, ACCEPT][..], COMMIT)] {
        for who in [Who::Active, Who::Standby] {
            for millis in [1, 5, 20, 40, 60, 80, 100, 120] {
                let mut world = begun(steps);
                give(&mut world, last);
                world.run(Duration::from_millis(millis), |_| false).unwrap();
                world.strike(&Fault::Kill(who));
                // Nobody starts a unit whose peer has never heard of it.
                let rested = world.rest();
                assert_eq!(rested, Ok(()), "{last} {who:?} {millis}: {}", story(&world));
                let (at, releases) = state(&mut world);
                let ended = at == "Init" && releases[0] == releases[1];
                let goes_on = at == "Load Version" || at == "Run Version";
                assert!(ended || goes_on, "{last} {who:?} {millis}: {at} {releases:?}\n{}", story(&world));
                if goes_on {
                    give(&mut world, ABORT);
                    over(&mut world);
                    assert_eq!(state(&mut world), is("Init", ["2.0", "2.0"]), "{}", story(&world));
                }
            }
        }
    }
}

/// A release that dies whenever it is loaded is not kept, and that is said.
#[test]
fn a_release_that_dies_while_it_is_loaded_is_taken_back() {
    let mut world = begun(&[]);
    give(&mut world, LOAD);
    // The second bulk sync: the first one was before the load.
    let synced = |world: &mut World| happened(world, |_, event| *event == EventKind::BulkSync { done: false }) == 2;
    assert!(world.run(QUIET, synced).unwrap());
    world.kill_rp(RpSlot::B);
    over(&mut world);
    assert_eq!(state(&mut world), is("Init", ["2.0", "2.0"]));
    let said = "%ISSU_PROCESS-4-ABORTED: release 2.1 was not loaded: it failed while it came up: back to release 2.0";
    assert_eq!(logged(&world, said), 1, "{}", story(&world));
}

/// What every unit remembers outlives both: a chassis that lost its power in the middle goes back, or says where it is.
#[test]
fn a_chassis_that_lost_its_power_goes_on_or_back() {
    for steps in [&[LOAD][..], &[LOAD, RUN], &[LOAD, RUN, ACCEPT]] {
        for first in [RpSlot::A, RpSlot::B] {
            let mut world = begun(steps);
            world.power_cut(RpSlot::A);
            world.power_cut(RpSlot::B);
            world.restart_rp(first);
            world.run(Duration::from_secs(3), |_| false).unwrap();
            world.restart_rp(first.peer().unwrap());
            world.rest().unwrap();
            let (at, releases) = state(&mut world);
            let wanted =
                if first == RpSlot::A { is("Init", ["2.0", "2.0"]) } else { is("Run Version", ["2.0", "2.1"]) };
            let came = world.run(QUIET, |world| world.is_settled() && state(world) == wanted).unwrap();
            assert!(came, "{steps:?}, {first} first: {at} {releases:?}\n{}", story(&world));
        }
    }
}

/// `reload` restarts both units where they are, and forgets nothing.
#[test]
fn a_reload_of_the_chassis_leaves_no_half_upgrade() {
    let mut world = begun(&[LOAD]);
    give(&mut world, "reload");
    world.rest().unwrap();
    over(&mut world);
    assert_eq!(state(&mut world), is("Init", ["2.0", "2.0"]), "{}", story(&world));
    assert_eq!(logged(&world, "%ISSU_PROCESS-4-ABORTED"), 1, "{}", story(&world));
}

/// A unit that boots for its takeover goes on with the upgrade, too.
#[test]
fn an_upgrade_goes_through_its_steps_in_every_mode() {
    for mode in MODES {
        let mut world = World::new(6, &config(mode), 3, routes(20));
        settle(&mut world);
        let forced = format!("{LOAD} forced");
        // Where the mode keeps no state, that is to be accepted first.
        let keeps = mode == "sso";
        if !keeps {
            let text = refused(&mut world, LOAD);
            assert!(text.contains(&format!("all state is lost: the redundancy mode is {mode}")), "{text}");
        }
        for step in [if keeps { LOAD } else { &forced }, RUN, ACCEPT, COMMIT] {
            give(&mut world, step);
            world.rest().unwrap();
        }
        over(&mut world);
        assert_eq!(state(&mut world), is("Init", ["2.1", "2.1"]), "{mode}: {}", story(&world));
    }
}

#[test]
fn commands_are_refused_with_the_next_right_step() {
    let mut world = begun(&[]);
    let says = |world: &mut World, line: &str, what: &str| {
        let text = refused(world, line);
        assert!(text.contains(what), "{line}: {text}");
    };
    says(&mut world, RUN, "issu loadversion comes first");
    says(&mut world, ABORT, "issu loadversion begins one");
    says(&mut world, "issu loadversion A 2.0 B 2.0", "runs release 2.0 already; name another one");
    says(&mut world, "issu loadversion A 1.0 B 1.0 forced", "no upgrade step by step; use fast software upgrade");
    says(&mut world, "issu loadversion A 9.9 B 9.9", "there is no release 9.9: there are 1.0, 2.0");
    says(&mut world, "issu loadversion B 2.1 A 2.1", "slot B is not the active RP: that is slot A");
    give(&mut world, LOAD);
    says(&mut world, RUN, "wait for %ISSU_PROCESS-6-LOADVERSION");
    says(&mut world, LOAD, "under way, in state Load Version");
    settle(&mut world);
    says(&mut world, COMMIT, "issu runversion comes first");
    says(&mut world, "issu runversion B 2.0", "this upgrade is to release 2.1, not 2.0");
    give(&mut world, RUN);
    settle(&mut world);
    says(&mut world, RUN, "issu acceptversion or issu commitversion is next");
    give(&mut world, COMMIT);
    says(&mut world, ABORT, "wait for %ISSU_PROCESS-6-COMMITTED");
    over(&mut world);
}

/// What nobody stored is found out when the two meet, and said before the switchover. One client's state keeps nobody back.
#[test]
fn a_loss_of_state_is_named_before_the_switchover() {
    let mut world = begun(&[LOAD]);
    let named = "%ISSU-4-BASE_LEVEL: slot B runs release 2.1: a switchover loses the state of FIB HWIDB ISSU client (release 2.0 does not have it)";
    assert_eq!(logged(&world, named), 1, "{}", story(&world));
    give(&mut world, RUN);
    settle(&mut world);
    assert_eq!(state(&mut world), is("Run Version", ["2.0", "2.1"]));
}

/// Nobody hands over while somebody changes the configuration; the way back waits for nobody.
#[test]
fn a_session_in_configuration_mode_keeps_steps_back() {
    let mut world = begun(&[LOAD]);
    assert!(!world.exec_as(RpSlot::A, 7, &["configure terminal"]).remove(0).failed);
    let text = refused(&mut world, RUN);
    assert!(text.contains("a session is in configuration mode; leave it there with end"), "{text}");
    give(&mut world, ABORT);
}
