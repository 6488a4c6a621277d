//! What the operator asks and the configuration changes, clients that fail, and what is shown.

use super::{super::*, log::*, world::*};
use fabric_proto::{
    id::{Epoch, RpSlot},
    operator::EventKind,
    redundancy::{Code, Heartbeat, Mode, RfMessage, SwitchoverReason},
};
use std::time::Duration;

const A: RpSlot = RpSlot::A;
const B: RpSlot = RpSlot::B;
const BOOTED: [Mode; 3] = [Mode::Rpr, Mode::RprPlus, Mode::Sso];

/// Rule 4: the configuration is locked while bulk sync runs, and only then.
#[test]
fn rule_4_configuration_changes_are_refused_during_bulk_sync() {
    for mode in BOOTED {
        let mut world = World::new(13, mode);
        world.sync_takes = None;
        world.power_on(A);
        world.power_on(B);
        world.run(ms(5000));
        assert_eq!(world.rf(A).config_refusal(), Some(Refusal::BulkSync));
        world.input(A, Input::SetMode(Mode::Hsa));
        assert_eq!(refusals(&world), [(Request::SetMode, Refusal::BulkSync)]);
        world.input(A, Input::CfReady);
        world.run(ms(500));
        world.assert_redundant();
        assert_eq!(world.rf(A).config_refusal(), None);
        assert!(matches!(world.rf(B).config_refusal(), Some(Refusal::NotActive(_))));
    }
}

/// Rule 6: refused, harmlessly, and typed.
#[test]
fn rule_6_a_forced_switchover_needs_a_ready_standby() {
    let mut world = World::new(17, Mode::Sso);
    world.sync_takes = None;
    world.power_on(A);
    world.run(ms(2000));
    world.input(A, Input::ForceSwitchover);
    world.power_on(B);
    world.run(ms(3000));
    world.input(A, Input::ForceSwitchover);
    world.input(B, Input::ForceSwitchover);
    let not_ready = Refusal::StandbyNotReady { state: RfState::StandbyColdBulk, operating: Mode::Sso };
    let not_active = Refusal::NotActive(RfState::StandbyColdBulk);
    let whys: Vec<_> = refusals(&world).into_iter().map(|(_, why)| why).collect();
    assert_eq!(whys, [Refusal::StandbyAbsent, not_ready, not_active]);
    // Even an active that believes otherwise is refused by a standby that is not ready.
    world.input(B, Input::Message(RfMessage::Handover { epoch: Epoch(4) }));
    assert_eq!(world.sent(|message| matches!(message, RfMessage::HandoverRefused { .. })), 1);
    assert_eq!(world.actives(), [A]);
}

#[test]
fn rule_6_back_to_back_switchovers_are_refused() {
    for mode in BOOTED {
        let mut world = World::redundant(19, mode);
        world.input(A, Input::ForceSwitchover);
        assert_eq!(world.rf(A).config_refusal(), Some(Refusal::SwitchoverInProgress));
        world.input(A, Input::ForceSwitchover);
        assert_eq!(refusals(&world), [(Request::ForceSwitchover, Refusal::SwitchoverInProgress)]);
        world.run(ms(40));
        assert_eq!(world.actives(), [B], "a forced switchover waits for no timer");
        world.input(B, Input::ForceSwitchover);
        assert_eq!(refusals(&world).len(), 2);
        world.run(ms(5000));
        world.assert_redundant();
        assert_eq!(takeovers(&world)[1].2, SwitchoverReason::UserForced);
        assert_eq!(peer_resets(&world), 0, "the old active restarts by itself");
        world.input(B, Input::ForceSwitchover);
        world.run(ms(5000));
        world.assert_redundant();
        assert_eq!((world.actives(), refusals(&world).len()), (vec![A], 2));
        assert_eq!(world.rf(B).view().switchover_count, 2);
    }
}

#[test]
fn rule_6_an_hsa_chassis_can_be_switched_over_too() {
    let mut world = World::redundant(19, Mode::Hsa);
    world.input(A, Input::ForceSwitchover);
    world.run(ms(6000));
    world.assert_redundant();
    assert_eq!((world.actives(), world.rf(B).view().last_reason), (vec![B], SwitchoverReason::UserForced));
}

/// A standby that does not answer is no reason to lose the active.
#[test]
fn rule_6_a_handover_without_an_answer_is_called_off() {
    let mut world = World::redundant(19, Mode::Sso);
    world.input(A, Input::ForceSwitchover);
    world.input(A, Input::CfDrained);
    world.pause(B);
    let beat = Heartbeat { seq: 1 << 40, ..world.rf(B).heartbeat() };
    world.run(ms(300));
    world.input(A, Input::Heartbeat(beat));
    world.run(SWITCHOVER - ms(300));
    assert_eq!(refusals(&world), [(Request::ForceSwitchover, Refusal::NoAnswer)]);
    assert_eq!(world.state(A), RfState::Active);
}

/// What an active asks of a unit whose heartbeats it hears: nothing until they are connected, and in HSA nothing of one
/// that has booted. Nothing else keeps the one apart from the other.
#[test]
fn a_standby_is_brought_up_over_a_connection_and_from_where_its_mode_begins() {
    for mode in Mode::ALL {
        for state in [RfState::Disabled, RfState::StandbyCold, RfState::StandbyHot] {
            for connected in [false, true] {
                let mut world = World::new(23, mode);
                world.power_on(A);
                world.run(ms(2000));
                if connected {
                    let met = world.met(A);
                    world.input(A, Input::PeerConnected(met));
                }
                let asked = |output: &Output| match output {
                    Output::StartBulkSync { .. } | Output::NotifyClient { .. } => Some(()),
                    Output::Send(RfMessage::Restart { .. }) => Some(()),
                    _ => None,
                };
                let before = world.outputs(asked).len();
                let heartbeat = world.rf(A).heartbeat();
                world.input(A, Input::Heartbeat(Heartbeat { slot: B, boot: 999, seq: 1, state, ..heartbeat }));
                let begins = match (mode, state) {
                    (Mode::Hsa, state) => state == RfState::Disabled,
                    (_, state) => state.is_standby(),
                };
                let asked = world.outputs(asked).len() > before;
                assert_eq!(asked, connected && begins, "{mode}, {state}, connected: {connected}");
            }
        }
    }
}

/// The event that an upgrade and a report wait for: once a term, when the unit is ACTIVE.
#[test]
fn taking_over_is_told_once() {
    let mut world = World::redundant(23, Mode::Sso);
    let told = |event: &EventKind| matches!(event, EventKind::TookOver { .. });
    assert_eq!(world.events(told), 1);
    world.kill(A);
    world.run(SWITCHOVER + HEARTBEAT);
    assert_eq!((world.state(B), world.events(told)), (RfState::Active, 2));
}

/// A client that never answers is named and skipped: the chassis cannot wait.
#[test]
fn a_client_that_does_not_answer_is_skipped() {
    let mut world = World::new(31, Mode::Sso);
    world.clients_answer = false;
    world.power_on(A);
    // Ten clients at boot, and the same ten once more at the first event of the takeover.
    world.run(Duration::from_secs(30 * 10 * 2 - 1));
    assert_eq!(world.state(A), RfState::ActiveFast);
    world.run(Duration::from_secs(11));
    assert_eq!(world.state(A), RfState::Active);
    assert!(world.events(|event| matches!(event, EventKind::Log { line } if line.contains("IPROUTING"))) > 0);
    assert_eq!(world.rf(A).view().counters.client_timeouts, 10 * 2, "a takeover waits for each once");
    let named = world.rf(A).view().history.entries().any(|entry| entry.what.to_string().contains("timed out: CEF"));
    assert!(named, "the event log names it");
}

/// A client that carries state and does not answer on the way up fails the progression; another one is skipped.
#[test]
fn a_vital_client_that_does_not_answer_fails_the_bring_up() {
    for (client, slot, fails) in [
        (ClientId::CEF, B, true),
        (ClientId::CEF, A, true),
        (ClientId::HISTORY, B, false),
        (ClientId::HISTORY, A, false),
    ] {
        let mut world = World::new(31, Mode::Sso);
        world.power_on(A);
        world.run(ms(2000));
        world.silent = Some((slot, client, Code::StandbyBulk));
        world.power_on(B);
        world.run(Duration::from_secs(45));
        let view = world.rf(slot).view();
        let failed = world.log.iter().any(|(_, unit, output)| {
            *unit == slot
                && matches!(output, Output::Event(EventKind::Log { line }) if line.contains("the progression fails"))
        });
        assert_eq!(failed, fails, "{client:?} on {slot}");
        if fails {
            assert!(!world.rf(A).view().redundant, "a standby without that state is none");
            world.silent = None;
            world.run(Duration::from_secs(45));
        } else {
            assert_eq!(view.counters.client_timeouts, 1);
        }
        world.assert_redundant();
    }
}

/// A standby that was itself stopped first reads what came in meanwhile.
#[test]
fn a_unit_that_was_stopped_does_not_take_its_own_absence_for_silence() {
    let mut world = World::redundant(33, Mode::Sso);
    world.pause(B);
    world.run(SWITCHOVER - HEARTBEAT * 2);
    world.resume(B);
    world.run(ms(1000));
    world.assert_redundant();
    assert_eq!(world.actives(), [A]);
    // As long as the active has not given it up, even beyond the timer.
    let last = world.rf(B).view().counters.graces;
    let mut out = Vec::new();
    let late = world.now + SWITCHOVER * 3;
    let rf = world.unit_mut(B).rf.as_mut().unwrap();
    rf.step(late, None, &mut out);
    assert!(!rf.view().active);
    assert_eq!(rf.view().counters.graces, last + 1);
    rf.step(late + HEARTBEAT, None, &mut out);
    assert!(rf.view().active, "but not for ever");
}

/// Nothing of an entry is lost that `show redundancy history` prints, and the log is bounded.
#[test]
fn the_event_log_reads_as_in_the_field_and_is_bounded() {
    let mut world = World::redundant(35, Mode::Sso);
    let lines: Vec<_> = world.rf(B).view().history.entries().map(|entry| entry.what.to_string()).collect();
    for line in [
        "client added: CHKPT RF(25) seq=130",
        "*my state = INITIALIZATION(2) peer state = DISABLED(1)",
        "RF_PROG_INITIALIZATION(100) client 25 op=0",
        "RF_STATUS_PEER_PRESENCE(400) op=1",
        "RF_STATUS_PEER_COMM(401) op=1",
        "RF_EVENT_GO_STANDBY(512) op=0",
        "*my state = STANDBY HOT(8) peer state = ACTIVE(13)",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} is not in {lines:#?}");
    }
    for _ in 0..16 {
        world.input(A, Input::ReloadPeer);
        world.run(ms(3000));
    }
    world.assert_redundant();
    assert_eq!(world.rf(A).view().history.entries().count(), HISTORY_MAX);
}
