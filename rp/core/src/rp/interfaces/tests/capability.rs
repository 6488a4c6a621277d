//! More than 16 paths: only while every card of the chassis can hold them, and the upgrade is committed.

use super::*;
use crate::{
    issu::{Phase, ROLLBACK_DEFAULT, Upgrade},
    rib::Width,
};
use fabric_proto::{codec, fib::PATHS_MAX, issu::Image, release::Release};

/// A route with forty next hops, by the neighbours of a port.
fn startup() -> String {
    let mut text = "interface 1/1\n ip address 10.0.1.1 255.255.255.0\n".to_owned();
    for n in 100..140 {
        text += &format!("ip route 20.0.0.0 255.0.0.0 10.0.1.{n}\n");
    }
    text + "end\n"
}

/// A chassis of two line cards under an RP of release 2.1, which nobody has called yet.
fn chassis() -> Chassis {
    Chassis::of(&startup(), Image { built: Release::V2_1, ..Image::default() })
}

fn of(release: Release) -> Offer {
    Offer::new_in(release.name(), release)
}

/// The paths of 20.0.0.0/8.
fn count(chassis: &Chassis) -> usize {
    chassis.ports().len()
}

/// As both units know it from `loadversion` on.
fn upgrade(from: &str, to: &str) -> Upgrade {
    Upgrade { from: from.to_owned(), to: to.to_owned(), forced: false, phase: Phase::Running }
}

fn under_way(chassis: &mut Chassis, upgrade: Option<Upgrade>) {
    chassis.rp.clients.issu.procedure.follow(upgrade, ROLLBACK_DEFAULT);
    chassis.step(None);
}

#[test]
fn a_route_is_wide_once_every_card_was_met_and_can_hold_it() {
    let mut chassis = chassis();
    chassis.adopt_of(1, 7, of(Release::V2_1));
    chassis.report("1/1", true);
    assert_eq!(count(&chassis), 16, "the other card may be of any release");
    chassis.adopt_of(2, 7, of(Release::V2_1));
    assert_eq!(count(&chassis), PATHS_MAX);
    let line = "%ISSU-6-CAPABILITY: routes have up to 32 paths: every card can hold them";
    assert_eq!(chassis.logged().iter().filter(|logged| *logged == line).count(), 1);
    let shown = chassis.rp.line(NOW, 1, "show ip route summary", &mut Vec::new()).text;
    assert!(shown.contains("maximum-paths is 32\n"), "{shown}");
}

/// A card of the release before is told nothing that it has no words for, whenever it comes.
#[test]
fn an_older_card_ends_it_before_it_is_told_of_the_table() {
    let mut chassis = chassis();
    for slot in [1, 2] {
        chassis.adopt_of(slot, 7, of(Release::V2_1));
    }
    chassis.report("1/1", true);
    assert_eq!(count(&chassis), PATHS_MAX);
    chassis.step(Some(Input::LcLost(LcSlot(2))));
    assert_eq!(count(&chassis), PATHS_MAX);
    chassis.said.clear();
    chassis.logged();
    chassis.adopt_of(2, 8, of(Release::V2_0));
    assert_eq!(count(&chassis), 16);
    let line = "%ISSU-6-CAPABILITY: routes have up to 16 paths: slot 2 runs release 2.0, which cannot hold more";
    assert!(chassis.logged().iter().any(|logged| logged == line));
    let to_it: Vec<&ToLc> = chassis.said.iter().filter(|(slot, _)| *slot == LcSlot(2)).map(|(_, said)| said).collect();
    assert!(to_it.iter().any(|said| matches!(said, ToLc::Fib(_))), "it was told of the table");
    for said in to_it {
        codec::encode_at(said, 2).unwrap_or_else(|why| panic!("{why}: {said:?}"));
    }
    // It comes back renewed; or not at all.
    chassis.step(Some(Input::LcLost(LcSlot(2))));
    assert_eq!(count(&chassis), 16, "who has gone may come back as it was");
    chassis.adopt_of(2, 9, of(Release::V2_1));
    assert_eq!(count(&chassis), PATHS_MAX);
    chassis.step(Some(Input::LcLost(LcSlot(2))));
    chassis.adopt_of(2, 10, of(Release::V2_0));
    assert_eq!(count(&chassis), 16);
    chassis.step(Some(Input::LcLost(LcSlot(2))));
    chassis.step(Some(Input::Oir { slot: Slot::Lc(LcSlot(2)), inserted: false }));
    assert_eq!(count(&chassis), PATHS_MAX, "a card that was taken out holds nothing");
}

#[test]
fn the_other_route_processor_has_a_say() {
    let mut chassis = chassis();
    for slot in [1, 2] {
        chassis.adopt_of(slot, 7, of(Release::V2_1));
    }
    chassis.report("1/1", true);
    for (release, expected) in [(Release::V2_0, 16), (Release::V2_1, PATHS_MAX)] {
        let agreed = Agreed::between(chassis.rp.offer(), of(release));
        chassis.step(Some(Input::PeerConnected(Arc::new(agreed))));
        assert_eq!(count(&chassis), expected, "beside {release:?}");
        chassis.step(Some(Input::PeerLost));
        assert_eq!(count(&chassis), expected, "after {release:?}");
    }
}

/// Until `commitversion` the way back to a release without it is open. Where it is on, an upgrade to a release that has it as
/// well takes nothing away.
#[test]
fn it_comes_on_once_the_upgrade_is_committed_and_stays_on_through_the_next() {
    let mut chassis = chassis();
    under_way(&mut chassis, Some(upgrade("2.0", "2.1")));
    for slot in [1, 2] {
        chassis.adopt_of(slot, 7, of(Release::V2_1));
    }
    chassis.report("1/1", true);
    assert_eq!(count(&chassis), 16);
    under_way(&mut chassis, None);
    assert_eq!(count(&chassis), PATHS_MAX);
    let fed = |chassis: &Chassis| chassis.said.iter().filter(|(_, said)| matches!(said, ToLc::Fib(_))).count();
    chassis.said.clear();
    under_way(&mut chassis, Some(upgrade("2.1", "2.2")));
    assert_eq!((count(&chassis), fed(&chassis)), (PATHS_MAX, 0));
    // A card of the release before has its say all the same.
    chassis.step(Some(Input::LcLost(LcSlot(2))));
    chassis.adopt_of(2, 8, of(Release::V2_0));
    assert_eq!(count(&chassis), 16);
    chassis.step(Some(Input::LcLost(LcSlot(2))));
    chassis.adopt_of(2, 9, of(Release::V2_1));
    assert_eq!(count(&chassis), 16, "not committed");
}

#[test]
fn release_2_0_never_has_it() {
    let mut chassis = Chassis::of(&startup(), Image { built: Release::V2_0, ..Image::default() });
    for slot in [1, 2] {
        chassis.adopt_of(slot, 7, of(Release::V2_1));
    }
    chassis.report("1/1", true);
    assert_eq!((count(&chassis), chassis.rp.clients.routing.rib.width()), (16, Width::Narrow));
}

/// A unit that takes over with such routes has them from an active whose cards could all hold them: nothing is narrowed and
/// made wide again, so that line cards need nothing.
#[test]
fn a_takeover_moves_nothing() {
    let mut chassis = chassis();
    for slot in [1, 2] {
        chassis.adopt_of(slot, 7, of(Release::V2_1));
    }
    chassis.report("1/1", true);
    let root = chassis.rp.clients.cef.fib.table().root_digest();
    take_over(&mut chassis.rp, NOW, Epoch(6), TakeOver::Hot, &mut Vec::new());
    chassis.step(None);
    assert_eq!((count(&chassis), chassis.rp.clients.cef.fib.table().root_digest()), (PATHS_MAX, root));
}
