//! More than 16 paths: only while every card of the chassis can hold them, and the upgrade is committed.

use super::*;
use crate::rib::Width;
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

fn hold_back(chassis: &mut Chassis, held: bool) {
    let mut out = Vec::new();
    chassis.rp.hold_back(chassis.now, held, &mut out);
    for output in out {
        match output {
            Output::Event(EventKind::Log { line }) => chassis.log.push(line),
            Output::Lc(slot, message) => chassis.said.push((slot, message)),
            _ => {}
        }
    }
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

/// An upgrade's procedure holds it back until it is committed, and may do so again.
#[test]
fn what_is_not_committed_is_held_back() {
    let mut chassis = chassis();
    hold_back(&mut chassis, true);
    for slot in [1, 2] {
        chassis.adopt_of(slot, 7, of(Release::V2_1));
    }
    chassis.report("1/1", true);
    assert_eq!(count(&chassis), 16);
    hold_back(&mut chassis, false);
    assert_eq!(count(&chassis), PATHS_MAX);
    let log = |log: &[(LcSlot, ToLc)]| log.iter().filter(|(_, said)| matches!(said, ToLc::Fib(_))).count();
    chassis.said.clear();
    hold_back(&mut chassis, true);
    assert_eq!(count(&chassis), 16);
    assert_eq!(log(&chassis.said), 2, "both cards are told at once");
    assert!(chassis.logged().iter().any(|line| line.ends_with("up to 16 paths: the upgrade is not committed")));
}

#[test]
fn release_2_0_never_has_it() {
    let mut chassis = Chassis::of(&startup(), Image { built: Release::V2_0, ..Image::default() });
    for slot in [1, 2] {
        chassis.adopt_of(slot, 7, of(Release::V2_1));
    }
    chassis.report("1/1", true);
    hold_back(&mut chassis, false);
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
