//! Software upgrades, step by step, between releases that are compatible but for one client.

use super::*;

const LOAD: &str = "issu loadversion A 2.1 B 2.1 forced";

/// A chassis in SSO at rest, and the steps of an upgrade, each at rest: line cards are looked at until the last is over.
fn lived(steps: &[&'static str]) -> World {
    let faults = steps.iter().map(|line| Fault::Issu(line)).chain([Fault::Save]);
    let steps = faults.map(|fault| Step { wait: Wait::Rest, fault }).collect();
    let chassis = Chassis::new(3, config("sso"), routes(200));
    let life = Life { seed: 6, mode: Mode::Sso, chassis, weather: Weather::default(), steps };
    let outcome = life.run(Record::Story);
    assert_eq!(outcome.violation, None, "{}", story(&outcome.world));
    assert!(outcome.tally.probes > 0, "nobody looked");
    outcome.world
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
    let text = |at: usize, key: &str| units[at][key].as_str().unwrap().to_owned();
    let mut releases = [0, 1].map(|at| (text(at, "slot"), text(at, "current_version")));
    releases.sort();
    (text(0, "issu_state"), releases.map(|(_, release)| release))
}

#[test]
fn an_upgrade_in_four_steps_loses_no_packet() {
    let mut world = lived(&[LOAD, "issu runversion", "issu acceptversion", "issu commitversion"]);
    assert_eq!(state(&mut world), ("Init".to_owned(), ["2.1".to_owned(), "2.1".to_owned()]));
    assert_eq!((world.active(), world.switchovers()), (Some(RpSlot::B), 1), "{}", story(&world));
    for what in ["6-LOADVERSION", "5-RUNVERSION", "6-ACCEPTED", "6-COMMITTED"] {
        assert_eq!(logged(&world, &format!("%ISSU_PROCESS-{what}")), 1, "{what}: {}", story(&world));
    }
    assert_eq!(happened(&world, |_, event| matches!(event, EventKind::LcReset { .. })), 0);
}

/// Its state is known to whoever is active: aborted before and after the switchover, both units run what they ran.
#[test]
fn an_upgrade_is_taken_back_and_loses_no_packet() {
    for (steps, switchovers) in [(&[LOAD][..], 0), (&[LOAD, "issu runversion"][..], 2)] {
        let mut world = lived(&[steps, &["issu abortversion"]].concat());
        assert_eq!(state(&mut world), ("Init".to_owned(), ["2.0".to_owned(), "2.0".to_owned()]));
        assert_eq!(world.switchovers(), switchovers, "{}", story(&world));
        assert_eq!(logged(&world, "%ISSU_PROCESS-6-ABORTED"), 1, "{}", story(&world));
    }
}

/// What nobody stored is found out when the two meet, and said before the switchover.
#[test]
fn a_loss_of_state_is_named_before_the_switchover() {
    let mut world = World::new(6, &config("sso"), 3, routes(20));
    settle(&mut world);
    let command = |world: &mut World, line: &str| world.exec(RpSlot::A, &[line]).remove(0);
    assert!(!command(&mut world, "issu loadversion A 2.1 B 2.1").failed);
    settle(&mut world);
    let refused = command(&mut world, "issu runversion");
    assert!(
        refused.failed && refused.text.contains("checkpoint client 900 (release 2.0 does not have it)"),
        "{refused:?}"
    );
    assert!(!command(&mut world, "issu abortversion").failed);
    settle(&mut world);
    assert_eq!(state(&mut world), ("Init".to_owned(), ["2.0".to_owned(), "2.0".to_owned()]));
}
