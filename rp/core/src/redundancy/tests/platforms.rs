//! What the families' restrictions do to the redundancy facility, one test each.

use super::{super::*, log::*, world::*};
use fabric_proto::{
    id::RpSlot,
    operator::EventKind,
    platform::{PROFILES, Profile},
    redundancy::{Mode, RfMessage, SwitchoverReason},
};
use std::time::Duration;

const A: RpSlot = RpSlot::A;
const B: RpSlot = RpSlot::B;

/// A chassis whose standby is on its way up when the active is killed.
fn killed_during_the_sync(platform: &str) -> World {
    let mut world = World::new(41, Mode::Sso);
    world.platform = Profile::named(platform).unwrap();
    world.sync_takes = None;
    world.power_on(A);
    world.run(ms(2000));
    world.power_on(B);
    world.run(ms(1500));
    assert_eq!(world.state(B), RfState::StandbyColdBulk, "{platform}");
    world
}

#[test]
fn every_platform_reaches_every_mode_that_it_has() {
    for profile in PROFILES {
        for mode in Mode::ALL {
            let world = World::redundant_on(profile.name, 40, mode);
            assert_eq!(world.rf(A).view().operating, profile.at_most(mode), "{} {mode}", profile.name);
        }
    }
}

/// 12000 and 10000: the router reloads. 7500: the switchover is one of RPR.
#[test]
fn a_switchover_before_the_sync_is_complete_ends_as_the_family_has_it() {
    for (platform, resets, how) in
        [("c12000", 1, TakeOver::Boot), ("c10000", 1, TakeOver::Boot), ("c7500", 0, TakeOver::Cold)]
    {
        let mut world = killed_during_the_sync(platform);
        world.kill(A);
        world.sync_takes = Some(ms(40));
        world.run(ms(10_000));
        assert_eq!(chassis_resets(&world), resets, "{platform}");
        assert_eq!(takeovers(&world).last().unwrap().3, how, "{platform}");
        world.assert_redundant();
        assert_eq!(world.actives(), [B], "{platform}");
    }
}

#[test]
fn a_7500_shows_rpr_until_its_standby_is_ready() {
    let mut world = killed_during_the_sync("c7500");
    assert_eq!((world.rf(A).view().operating, world.rf(A).view().configured), (Mode::Rpr, Mode::Sso));
    world.input(A, Input::CfReady);
    world.run(ms(2000));
    assert_eq!(world.rf(A).view().operating, Mode::Sso);
    assert_eq!(killed_during_the_sync("c12000").rf(A).view().operating, Mode::Sso);
}

/// 7304, 10000 and 12000: a stateful switchover. 7500: one of RPR.
#[test]
fn the_removal_of_the_active_is_the_switchover_that_the_family_has() {
    for (platform, how) in
        [("c7304", TakeOver::Hot), ("c10000", TakeOver::Hot), ("c12000", TakeOver::Hot), ("c7500", TakeOver::Cold)]
    {
        let mut world = World::redundant_on(platform, 43, Mode::Sso);
        world.kill(A);
        world.input(B, Input::Removed);
        let last = *takeovers(&world).last().unwrap();
        assert_eq!((last.2, last.3), (SwitchoverReason::ActiveUnitRemoved, how), "{platform}");
    }
}

#[test]
fn incompatible_images_force_a_10000_to_rpr_plus_and_the_others_to_rpr() {
    for (platform, mode) in [("c7304", Mode::Rpr), ("c10000", Mode::RprPlus), ("asr1000", Mode::Rpr)] {
        let mut world = World::redundant_on(platform, 45, Mode::Sso);
        world.unit_mut(B).release = "2.1".to_owned();
        world.input(A, Input::ReloadPeer);
        world.run(ms(5000));
        world.assert_redundant();
        assert_eq!(world.rf(A).view().operating, mode, "{platform}");
    }
}

#[test]
fn a_fabric_change_during_the_switchover_resets_the_chassis() {
    let mut world = World::redundant_on("c12000", 47, Mode::Sso);
    world.kill(A);
    world.run(SWITCHOVER + HEARTBEAT);
    assert_eq!(world.actives(), [B]);
    world.input(B, Input::FabricChanged);
    assert_eq!(chassis_resets(&world), 1);
    world.run(ms(8000));
    world.assert_redundant();
}

/// A crash is no silence: the standby takes over at once, and the new active waits for the dump.
#[test]
fn a_crashed_active_is_replaced_at_once_and_reset_when_its_core_is_dumped() {
    let mut world = World::redundant(49, Mode::Sso);
    world.input(B, Input::SetCrashdumpTimeout(Duration::from_secs(60)));
    world.kill(A);
    world.input(B, Input::Message(RfMessage::Crashed { reason: "test".to_owned() }));
    assert_eq!(world.actives(), [B]);
    assert_eq!(takeovers(&world).last().unwrap().2, SwitchoverReason::ActiveUnitFailed);
    world.run(ms(3000));
    assert_eq!(peer_resets(&world), 0, "it dumps its core");
    world.input(B, Input::Message(RfMessage::CrashdumpDone));
    assert_eq!(peer_resets(&world), 1);
    world.run(ms(5000));
    world.assert_redundant();
}

#[test]
fn a_crashed_standby_is_reset_when_its_core_is_dumped() {
    let mut world = World::redundant(51, Mode::Sso);
    world.input(A, Input::SetCrashdumpTimeout(Duration::from_secs(60)));
    world.kill(B);
    world.input(A, Input::Message(RfMessage::Crashed { reason: "test".to_owned() }));
    assert_eq!(world.events(|event| matches!(event, EventKind::Switchover { .. })), 0);
    world.run(ms(3000));
    assert_eq!(peer_resets(&world), 0);
    world.input(A, Input::PeerCrashdumpDone);
    world.run(ms(5000));
    world.assert_redundant();
    assert_eq!((peer_resets(&world), world.rf(A).view().standby_failures), (1, 1));
}

/// Reasons and times go on over every switchover, in both directions, on both units.
#[test]
fn the_switchover_history_is_kept_across_switchovers() {
    let mut world = World::redundant(53, Mode::Sso);
    world.kill(A);
    world.run(ms(8000));
    world.input(B, Input::ForceSwitchover);
    world.run(ms(8000));
    world.kill(A);
    world.input(B, Input::Removed);
    world.power_on(A);
    world.run(ms(8000));
    world.assert_redundant();
    for slot in [A, B] {
        let view = world.rf(slot).view();
        let kept: Vec<_> =
            view.history.switchovers().iter().map(|record| (record.index, record.current, record.reason)).collect();
        use SwitchoverReason as R;
        assert_eq!(kept, [(1, B, R::ActiveUnitFailed), (2, A, R::UserForced), (3, B, R::ActiveUnitRemoved)], "{slot}");
        assert!(view.history.switchovers().is_sorted_by_key(|record| record.at));
    }
}
