//! The rules of the redundancy design, one test each.

use super::{super::*, log::*, world::*};
use fabric_proto::{
    id::{Epoch, RpSlot},
    issu::Compatibility,
    operator::EventKind,
    redundancy::{Code, Heartbeat, Mode, RfMessage, SwitchoverReason},
};
use std::time::Duration;

const A: RpSlot = RpSlot::A;
const B: RpSlot = RpSlot::B;
const BOOTED: [Mode; 3] = [Mode::Rpr, Mode::RprPlus, Mode::Sso];

/// The primary unit wins the first negotiation, however late it comes within the timer.
#[test]
fn the_primary_unit_wins_a_tie() {
    let mut world = World::new(3, Mode::Sso);
    world.power_on(B);
    world.run(ms(100));
    world.power_on(A);
    world.run(ms(5000));
    world.assert_redundant();
    assert_eq!(world.actives(), [A]);
    assert_eq!(takeovers(&world), [(A, Epoch(4), SwitchoverReason::None, TakeOver::Boot)]);
}

#[test]
fn a_unit_that_hears_nobody_is_active_alone() {
    let mut world = World::new(3, Mode::Sso);
    world.power_on(B);
    world.run(ms(2000));
    let view = world.rf(B).view();
    assert_eq!((view.state, view.duplex, view.manual_swact), (RfState::Active, false, Some(Refusal::StandbyAbsent)));
}

#[test]
fn every_mode_takes_over_in_its_own_way() {
    for (mode, how) in [
        (Mode::Hsa, TakeOver::Boot),
        (Mode::Rpr, TakeOver::Cold),
        (Mode::RprPlus, TakeOver::Warm),
        (Mode::Sso, TakeOver::Hot),
    ] {
        let mut world = World::redundant(5, mode);
        world.kill(A);
        world.run(ms(10_000));
        world.assert_redundant();
        let last = *takeovers(&world).last().unwrap();
        let epoch = Epoch::NONE.next_for(A).takeover_by(B);
        assert_eq!(last, (B, epoch, SwitchoverReason::ActiveUnitFailed, how), "{mode}");
        let cold_boots = world.outputs(|output| matches!(output, Output::ColdBoot { .. }).then_some(())).len();
        assert_eq!(cold_boots, usize::from(mode == Mode::Hsa));
        // Kept over the switchover, and over the HSA standby's boot; told to the new standby.
        for slot in [A, B] {
            let view = world.rf(slot).view();
            let [record] = view.history.switchovers() else { panic!("{mode}: one switchover in the history") };
            assert_eq!((record.index, record.previous, record.current), (1, A, B));
            assert_eq!(view.last_reason, SwitchoverReason::ActiveUnitFailed);
        }
    }
}

/// Rule 1: a paused active comes back, meets a newer term and restarts as standby.
#[test]
fn rule_1_an_old_active_that_comes_back_ends_its_term() {
    let mut world = World::redundant(7, Mode::Sso);
    // No reset before it comes back.
    world.input(B, Input::SetCrashdumpTimeout(Duration::from_secs(60)));
    world.pause(A);
    world.run(SWITCHOVER + HEARTBEAT);
    assert_eq!(world.actives(), [A, B], "A does not run, so it does not know");
    world.resume(A);
    world.run(ms(20));
    assert_eq!(world.actives(), [B]);
    assert_eq!(world.events(|event| matches!(event, EventKind::Fenced { .. })), 1);
    world.run(ms(5000));
    world.assert_redundant();
    assert_eq!((world.actives(), peer_resets(&world)), (vec![B], 0));
}

/// Rule 1: a line card's refusal demotes; one of an older term does not.
#[test]
fn rule_1_a_line_cards_refusal_ends_a_term() {
    let mut world = World::redundant(7, Mode::Sso);
    world.input(A, Input::Fenced { highest: Epoch(4) });
    assert_eq!(world.actives(), [A]);
    world.input(A, Input::Fenced { highest: Epoch(21) });
    assert_eq!(world.actives(), []);
    world.run(ms(5000));
    world.assert_redundant();
    assert_eq!(world.actives(), [B], "the standby goes on at once");
}

/// Rule 1: a unit that was fenced, and was reset before it could restart by itself, does not claim the chassis while it
/// cannot hear who rules it.
#[test]
fn rule_1_a_reset_does_not_make_a_fenced_unit_forget() {
    let mut world = World::redundant(7, Mode::Sso);
    world.input(B, Input::SetCrashdumpTimeout(Duration::from_secs(60)));
    world.set_partition(true);
    world.run(SWITCHOVER + HEARTBEAT);
    assert_eq!(world.actives(), [B]);
    assert_eq!(world.events(|event| matches!(event, EventKind::Fenced { .. })), 1);
    world.power_on(A);
    world.run(BOOT + SWITCHOVER * 4);
    assert_eq!(world.actives(), [B], "A knows that it does not rule");
    world.set_partition(false);
    world.run(ms(1000));
    world.assert_redundant();
    // As standby it is told of every term: nothing is left of the fence.
    world.kill(B);
    world.run(SWITCHOVER + HEARTBEAT);
    assert_eq!(world.actives(), [A]);
}

/// Rule 2: the stream's loss alone is not a trigger, silence is, at its deadline and not before.
#[test]
fn rule_2_silence_is_a_trigger_and_a_broken_stream_is_not() {
    for mode in BOOTED {
        let mut world = World::redundant(9, mode);
        world.input(B, Input::PeerDisconnected);
        world.run(ms(2000));
        assert_eq!(world.actives(), [A]);

        let mut world = World::redundant(9, mode);
        world.kill(A);
        world.run(SWITCHOVER - HEARTBEAT - ms(10));
        assert_eq!(world.actives(), []);
        world.run(HEARTBEAT * 2 + ms(10));
        assert_eq!(world.actives(), [B]);
    }
}

/// Rule 2: an active that restarted is as good as dead, however fast it was.
#[test]
fn rule_2_a_restart_of_the_active_is_a_trigger() {
    let mut world = World::redundant(9, Mode::Sso);
    world.input(B, Input::SetCrashdumpTimeout(Duration::from_secs(60)));
    let heartbeat = Heartbeat { boot: 999, seq: 1, state: RfState::Initialization, ..world.rf(A).heartbeat() };
    world.input(B, Input::Heartbeat(heartbeat));
    assert_eq!(world.state(B), RfState::ActiveFast);
}

#[test]
fn rule_2_removal_of_the_active_is_a_trigger() {
    let mut world = World::redundant(9, Mode::Sso);
    world.kill(A);
    world.input(B, Input::Removed);
    world.run(ms(3000));
    assert_eq!(takeovers(&world)[1].2, SwitchoverReason::ActiveUnitRemoved);
    assert_eq!(peer_resets(&world), 0, "there is nothing in the slot to reset");
}

#[test]
fn rule_2_a_reload_restarts_the_chassis_and_switches_nothing_over() {
    for mode in Mode::ALL {
        let mut world = World::redundant(9, mode);
        world.input(A, Input::Reload);
        world.run(ms(6000));
        world.assert_redundant();
        assert_eq!((world.actives(), chassis_resets(&world)), (vec![A], 1));
        assert_eq!(world.rf(A).view().switchover_count, 0);
        assert_eq!(world.events(|event| matches!(event, EventKind::Switchover { .. })), 0);
    }
}

/// Rule 3: at every state before the promised one.
#[test]
fn rule_3_an_active_that_fails_too_early_takes_the_chassis_with_it() {
    for mode in [Mode::RprPlus, Mode::Sso] {
        let mut states = vec![];
        for wait in 0..250 {
            let mut world = World::new(11, mode);
            world.power_on(A);
            world.run(ms(2000));
            world.power_on(B);
            world.run(ms(300 + wait));
            let state = world.state(B);
            if !state.is_standby() || world.rf(B).view().redundant {
                continue;
            }
            world.kill(A);
            world.run(ms(50));
            if world.rf(B).view().redundant {
                // The last message was on its way already.
                continue;
            }
            states.push(state);
            world.run(ms(850));
            assert_eq!(chassis_resets(&world), 1, "{mode} {state}");
            world.run(ms(6000));
            world.assert_redundant();
            assert_eq!(world.actives(), [B], "the unit that noticed starts the chassis");
            assert_eq!(world.rf(B).view().switchover_count, 0);
        }
        states.dedup();
        let mut all = vec![RfState::StandbyCold];
        all.extend(bring_up(mode).iter().filter_map(|step| step.event.state()));
        // A standby that has come to the last one gets ready without the active.
        all.pop();
        assert_eq!(states, all, "every state on the way was tried");
    }
}

/// Rule 5: another image on the standby, that is not compatible.
#[test]
fn rule_5_incompatible_images_force_the_mode_down() {
    for mode in Mode::ALL {
        let mut world = World::redundant(15, mode);
        world.unit_mut(B).release = "2.1".to_owned();
        world.input(A, Input::ReloadPeer);
        world.run(ms(5000));
        world.assert_redundant();
        let view = world.rf(A).view();
        assert_eq!((view.configured, view.operating), (mode, mode.min(Mode::Rpr)));
        // The upgrade goes on: switch over, bring the old active up on the new image.
        world.unit_mut(A).release = "2.1".to_owned();
        world.input(A, Input::ForceSwitchover);
        world.run(ms(6000));
        world.assert_redundant();
        assert_eq!(world.actives(), [B]);
        assert_eq!(world.rf(B).view().operating, mode);
    }
}

/// Rule 5, the other way: images that differ and are compatible, or at base level, change nothing, there and back.
#[test]
fn rule_5_compatible_images_keep_the_mode() {
    for (mode, verdict) in
        Mode::ALL.into_iter().flat_map(|mode| [Compatibility::BaseLevel, Compatibility::Compatible].map(|v| (mode, v)))
    {
        let mut world = World::redundant(15, mode);
        world.verdicts.values_mut().for_each(|found| *found = verdict);
        world.unit_mut(B).release = "2.1".to_owned();
        world.input(A, Input::ReloadPeer);
        world.run(ms(5000));
        world.assert_redundant();
        assert_eq!(world.rf(A).view().operating, mode, "{verdict}");
        assert_eq!(world.rf(B).view().release, "2.1");
        world.input(A, Input::ForceSwitchover);
        world.run(ms(6000));
        world.assert_redundant();
        assert_eq!(world.actives(), [B]);
        assert_eq!(world.rf(B).view().operating, mode, "{verdict}: the old active follows the new one");
        // An image that is not compatible, in place of the other.
        world.verdicts.values_mut().for_each(|found| *found = Compatibility::Incompatible);
        world.unit_mut(A).release = "1.0".to_owned();
        world.input(B, Input::ReloadPeer);
        world.run(ms(5000));
        world.assert_redundant();
        assert_eq!(world.rf(B).view().operating, mode.min(Mode::Rpr), "{verdict}");
    }
}

/// Units that find different verdicts, which a pure function of two offers excludes, are not redundant, do not reset each
/// other again and again, and say once what parts them.
#[test]
fn units_that_disagree_on_the_mode_are_not_redundant() {
    use Compatibility::{Compatible, Incompatible};
    for [ours, theirs] in [[Compatible, Incompatible], [Incompatible, Compatible]] {
        let mut world = World::redundant(15, Mode::Sso);
        world.verdicts = [(A, ours), (B, theirs)].into();
        world.unit_mut(B).release = "2.1".to_owned();
        world.input(A, Input::ReloadPeer);
        let redundant = |event: &EventKind| matches!(event, EventKind::Redundant { .. });
        let before = world.events(redundant);
        world.run(ms(30_000));
        assert_eq!((world.events(redundant), world.state(B)), (before, RfState::StandbyCold), "{ours}, {theirs}");
        let said = world.events(|event| matches!(event, EventKind::Log { line } if line.starts_with("%HA-3-MODE")));
        assert_eq!((said, world.events(|event| matches!(event, EventKind::Fenced { .. }))), (1, 0));
    }
}

/// Rule 7: a third unit is disabled and silent, whatever it hears.
#[test]
fn rule_7_a_third_unit_takes_no_part() {
    let world = World::redundant(21, Mode::Sso);
    let now = world.now;
    let mut third = Rf::new(Config::new(RpSlot::C, 1, "2.0"), now);
    let mut out = Vec::new();
    third.step(now, None, &mut out);
    for input in [
        Input::PeerConnected(world.met(A)),
        Input::Heartbeat(world.rf(A).heartbeat()),
        Input::Message(RfMessage::Progression(Code::StandbyConfig)),
        Input::ForceSwitchover,
    ] {
        third.step(now, Some(input), &mut out);
    }
    assert_eq!(third.view().state, RfState::Disabled);
    assert!(out.iter().all(|output| matches!(output, Output::Event(EventKind::RfState { .. }))), "{out:?}");
    assert_eq!(third.deadline(), None);
}

#[test]
fn rule_7_nobody_listens_to_a_third_unit() {
    let mut world = World::redundant(21, Mode::Sso);
    let before = world.rf(A).view().counters.heartbeats_ignored;
    for slot in [A, B] {
        let stranger =
            Heartbeat { slot: RpSlot::C, state: RfState::Active, epoch: Epoch(400), ..world.rf(A).heartbeat() };
        world.input(slot, Input::Heartbeat(stranger));
    }
    assert_eq!(world.rf(A).view().counters.heartbeats_ignored, before + 1);
    world.run(ms(1000));
    world.assert_redundant();
    assert_eq!(world.actives(), [A]);
}

/// Rule 8: the failed unit is reset when its core is dumped or the timeout ends, exactly once.
#[test]
fn rule_8_the_failed_unit_is_reset_once_its_core_is_dumped() {
    for mode in BOOTED {
        for dumped in [false, true] {
            let mut world = World::redundant(23, mode);
            world.kill(A);
            world.run(SWITCHOVER + HEARTBEAT);
            let at = world.outputs(|output| matches!(output, Output::BecomeActive { .. }).then_some(()))[1].0;
            assert_eq!(peer_resets(&world), 0);
            if dumped {
                world.input(B, Input::PeerCrashdumpDone);
            }
            world.run(ms(10_000));
            let resets = world.outputs(|output| matches!(output, Output::ResetPeer { .. }).then_some(()));
            let [(reset, B, ())] = resets[..] else { panic!("{mode}: {resets:?}") };
            assert_eq!(reset.since(at) == CRASHDUMP, !dumped);
            world.assert_redundant();
            assert_eq!(world.events(|event| matches!(event, EventKind::Redundant { .. })), 2);
        }
    }
}

#[test]
fn a_lost_standby_is_brought_back() {
    for mode in Mode::ALL {
        let mut world = World::redundant(25, mode);
        world.kill(B);
        world.run(ms(8000));
        world.assert_redundant();
        assert_eq!((world.actives(), peer_resets(&world)), (vec![A], 1));
        assert_eq!(world.rf(A).view().standby_failures, 1);
    }
}

/// A standby that is started again sooner than its silence is noticed may be connected before it is heard: it is not the run
/// that has lost its synchronization, and must not be restarted in its place.
#[test]
fn a_standby_that_was_reset_is_not_restarted_in_place_of_its_last_run() {
    for mode in [Mode::Rpr, Mode::RprPlus, Mode::Sso] {
        for seed in 1..200 {
            let mut world = World::redundant(seed, mode);
            world.power_on(B);
            world.run(ms(5000));
            world.assert_redundant();
            let restarts = world.outputs(|output| match output {
                Output::RestartSelf { reason, .. } => Some(reason.clone()),
                _ => None,
            });
            assert!(restarts.is_empty(), "{mode}, seed {seed}: {restarts:?}");
        }
    }
}

#[test]
fn a_change_of_mode_restarts_the_standby_into_it() {
    for from in Mode::ALL {
        for to in Mode::ALL {
            let mut world = World::redundant(27, from);
            world.input(A, Input::SetMode(to));
            world.run(ms(5000));
            world.assert_redundant();
            assert_eq!((world.actives(), world.rf(A).view().operating), (vec![A], to));
            let restarts = world.outputs(|output| matches!(output, Output::RestartSelf { .. }).then_some(()));
            assert_eq!(restarts.len(), usize::from(from != to), "{from} to {to}");
        }
    }
}

#[test]
fn a_broken_sync_restarts_the_standby_and_is_made_good() {
    let mut world = World::redundant(29, Mode::Sso);
    world.input(A, Input::CfFailed { why: "queue full".to_owned() });
    assert!(!world.rf(A).view().redundant);
    world.run(ms(5000));
    world.assert_redundant();
    assert_eq!(world.rf(A).view().counters.sync_failures, 1);
}

/// A standby whose bulk sync breaks every time is restarted at growing intervals, not for ever at once; when it no longer
/// breaks, the next one is complete, and the count begins anew.
#[test]
fn a_standby_that_cannot_be_synced_is_tried_ever_more_rarely() {
    let mut world = World::redundant(29, Mode::Sso);
    world.input(B, Input::CfFailed { why: "test".to_owned() });
    let restarts = |world: &World| world.outputs(|output| matches!(output, Output::RestartSelf { .. }).then_some(()));
    let end = world.now + Duration::from_secs(100);
    while world.now < end {
        if world.rf(A).view().bulk_sync {
            world.input(A, Input::CfFailed { why: "it does not fit".to_owned() });
        }
        world.run(ms(10));
    }
    // At once, after 1, 2, 4, 8, 16 and 32 seconds.
    let count = restarts(&world).len();
    assert!((7..=10).contains(&count), "{count} restarts");
    let waits = world.events(|event| matches!(event, EventKind::Log { line } if line.contains("SYNC_WAIT")));
    assert!(waits >= 5, "{waits} are logged");
    let noted =
        world.rf(A).view().history.entries().filter(|entry| matches!(entry.what, What::SyncWaits { .. })).count();
    assert!(noted >= 5, "{noted} are in the history");
    world.run(Duration::from_secs(70));
    world.assert_redundant();

    world.input(A, Input::CfFailed { why: "queue full".to_owned() });
    world.run(ms(5000));
    world.assert_redundant();
}

/// The operator who reloads the standby need not wait for the next try.
#[test]
fn a_reload_of_the_standby_ends_the_wait() {
    let mut world = World::redundant(31, Mode::Sso);
    world.input(B, Input::CfFailed { why: "test".to_owned() });
    for _ in 0..3000 {
        if world.rf(A).view().bulk_sync {
            world.input(A, Input::CfFailed { why: "it does not fit".to_owned() });
        }
        world.run(ms(10));
    }
    assert!(!world.rf(A).view().redundant);
    world.input(A, Input::ReloadPeer);
    world.run(ms(5000));
    world.assert_redundant();
}

/// A standby that could not apply what it was given is not ready from then on: it is not handed the chassis, does not take it
/// over hot, and restarts even if the active hears nothing of it.
#[test]
fn a_standby_that_is_out_of_sync_is_not_ready_any_more() {
    for dies in [false, true] {
        let mut world = World::redundant(33, Mode::Sso);
        assert!(world.rf(B).view().redundant);
        world.input(B, Input::CfFailed { why: "half a batch".to_owned() });
        assert!(!world.rf(B).view().redundant);
        if dies {
            world.kill(A);
        } else {
            world.input(A, Input::ForceSwitchover);
            world.run(ms(100));
            assert_eq!(world.actives(), [A], "a handover is refused");
        }
        world.run(ms(10_000));
        world.assert_redundant();
        let hot = takeovers(&world).iter().any(|(.., how)| *how == TakeOver::Hot);
        assert!(!hot, "{:?}", takeovers(&world));
        let ours = |output: &Output| match output {
            Output::RestartSelf { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        let restarts = world.outputs(ours);
        assert_eq!(restarts.iter().any(|(.., reason)| reason.contains("out of sync")), !dies, "{restarts:?}");
    }
}

#[test]
fn late_heartbeats_are_counted_by_who_sent_and_by_who_heard_them_late() {
    let mut world = World::redundant(3, Mode::Sso);
    world.run(20 * HEARTBEAT);
    let before = [A, B].map(|slot| world.rf(slot).view().beats.clone());
    world.run(20 * HEARTBEAT);
    let late = HEARTBEAT + HEARTBEAT / 2;
    world.pause(A);
    world.run(late);
    world.resume(A);
    world.run(20 * HEARTBEAT);
    world.assert_redundant();
    let [a, b] = [A, B].map(|slot| world.rf(slot).view().beats.clone());
    let (sent, heard) = (a.sent.since(&before[0].sent), b.heard.since(&before[1].heard));
    assert!(sent.count() >= 40 && heard.count() >= 40, "{} sent, {} heard", sent.count(), heard.count());
    // One was late by up to the pause, and by half an interval at least; the others left when they were due.
    let [sent_max, heard_max] = [sent.max().unwrap(), heard.max().unwrap()];
    assert!(sent_max >= HEARTBEAT / 2 && sent_max <= 2 * late, "{sent_max:?}");
    assert!(heard_max >= HEARTBEAT / 2 && heard_max <= 2 * late, "{heard_max:?}");
    assert!(sent.quantile(0.9) < Some(HEARTBEAT / 10) && heard.quantile(0.9) < Some(HEARTBEAT / 2));
    assert!(b.sent.since(&before[1].sent).max() < Some(HEARTBEAT / 10), "the other one kept its time");
}

/// A backplane that takes its time, as one of containers does: who is told to end, and does, has not failed, and is reset once.
/// One that does not come back at all is reset again.
#[test]
fn a_standby_that_is_reset_by_order_is_not_reset_again_meanwhile() {
    for mode in BOOTED {
        let mut world = World::redundant(25, mode);
        world.input(A, Input::PeerIsReset);
        world.run(ms(100));
        world.kill(B);
        world.run(ms(5000));
        assert_eq!((peer_resets(&world), world.rf(A).view().standby_failures), (0, 0), "{mode}");
        world.power_on(B);
        world.run(ms(5000));
        world.assert_redundant();
        // The order was of that run: what becomes of the next one is a failure.
        world.kill(B);
        world.run(ms(5000));
        assert_eq!((peer_resets(&world), world.rf(A).view().standby_failures), (1, 1), "{mode}");
        world.assert_redundant();
        world.input(A, Input::PeerIsReset);
        world.kill(B);
        world.run(ms(70_000));
        assert_eq!(peer_resets(&world), 2, "{mode}: nobody has started it");
        world.assert_redundant();
    }
}
