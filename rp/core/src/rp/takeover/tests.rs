use super::*;
use crate::rp::{Boot, Input, NextLife, tests::take_over};
use fabric_proto::{
    deploy::RedundancyTimers,
    id::RpSlot,
    machine::Machine as _,
    offer::Agreed,
    platform::Profile,
    redundancy::{Code, SwitchoverReason},
};
use std::sync::Arc;

const NOW: Instant = Instant(1_000_000_000);
const EPOCH: Epoch = Epoch(5);

fn slots(slots: &[u8]) -> BTreeSet<LcSlot> {
    slots.iter().map(|slot| LcSlot(*slot)).collect()
}

/// A standby in slot B of a chassis with four line cards, of which `online` are known to be online.
fn standby(platform: &str, legacy: &[u8], online: &[u8]) -> Rp {
    let mut rp = Rp::new(NOW, boot(platform, legacy));
    for slot in online {
        rp.clients.chassis.card(LcSlot(*slot), true);
    }
    rp
}

fn boot(platform: &str, legacy: &[u8]) -> Boot {
    Boot {
        slot: RpSlot::B,
        boot: 1,
        release: "1.0".to_owned(),
        issu: Default::default(),
        profile: Profile::named(platform).unwrap(),
        modelled: false,
        legacy: slots(legacy),
        timers: RedundancyTimers::default(),
        startup: None,
        last_term: Default::default(),
        upgrade: None,
        line_cards: slots(&[1, 2, 3, 4]).into_iter().collect(),
        base_mac: Default::default(),
        flow_seed: Default::default(),
        releases: Vec::new(),
        feeds: 1,
        life: NextLife::default(),
        clock_offset: 0,
    }
}

/// The connection to a line card of the same release is up.
fn connected(rp: &mut Rp, slot: LcSlot, out: &mut Vec<Output>) {
    let agreed = Arc::new(Agreed::alike(rp.offer()));
    rp.step(NOW, Some(Input::LcConnected(slot, agreed)), out);
}

#[test]
fn what_a_switchover_resets_is_what_the_family_resets() {
    let all = slots(&[1, 2, 3, 4]);
    for (platform, how, expected) in [
        ("native", TakeOver::Cold, &[1, 2, 3, 4][..]),
        ("native", TakeOver::Warm, &[]),
        ("native", TakeOver::Hot, &[]),
        ("c7304", TakeOver::Warm, &[1, 2, 3, 4]),
        ("c7500", TakeOver::Warm, &[1, 2, 3, 4]),
        ("c10000", TakeOver::Warm, &[]),
        ("c12000", TakeOver::Warm, &[]),
        ("c7500", TakeOver::Hot, &[]),
        ("asr1000", TakeOver::Cold, &[1, 2, 3, 4]),
        ("asr1000", TakeOver::Boot, &[]),
    ] {
        let rp = standby(platform, &[], &[1, 2, 3, 4]);
        assert_eq!(rp.clients.chassis.to_reset(how), slots(expected), "{platform} {how:?}");
    }
    // A 12000 resets what was not online; elsewhere it is left alone.
    assert_eq!(standby("c12000", &[], &[1, 2, 4]).clients.chassis.to_reset(TakeOver::Hot), slots(&[3]));
    assert_eq!(standby("c10000", &[], &[1, 2, 4]).clients.chassis.to_reset(TakeOver::Hot), slots(&[]));
    // Legacy cards of a 7500 are reset; three of them take all others with them.
    assert_eq!(standby("c7500", &[2, 3], &[1, 2, 3, 4]).clients.chassis.to_reset(TakeOver::Hot), slots(&[2, 3]));
    assert_eq!(standby("c7500", &[1, 2, 3], &[1, 2, 3, 4]).clients.chassis.to_reset(TakeOver::Hot), all);
}

#[test]
fn a_card_that_is_to_be_reset_is_reset_when_it_answers() {
    let mut rp = standby("c12000", &[], &[1, 2, 4]);
    let mut out = Vec::new();
    take_over(&mut rp, NOW, EPOCH, TakeOver::Hot, &mut out);
    for slot in 1..=4 {
        out.clear();
        connected(&mut rp, LcSlot(slot), &mut out);
        let reset = out.iter().any(|output| matches!(output, Output::Lc(_, ToLc::Reset { .. })));
        assert_eq!(reset, slot == 3, "{out:?}");
    }
}

#[test]
fn a_card_that_comes_or_goes_during_the_switchover_resets_the_chassis_of_some_families() {
    for (platform, resets) in [("c7500", true), ("c12000", true), ("c10000", false), ("native", false)] {
        for inserted in [false, true] {
            let mut rp = standby(platform, &[], &[1, 2, 3, 4]);
            let mut out = Vec::new();
            rp.oir(NOW, Slot::Lc(LcSlot(2)), inserted, &mut out);
            assert!(!rp.for_rf.contains(&rf::Input::FabricChanged), "{platform}: no switchover is under way");
            take_over(&mut rp, NOW, EPOCH, TakeOver::Hot, &mut out);
            rp.oir(NOW, Slot::Lc(LcSlot(2)), inserted, &mut out);
            assert_eq!(rp.for_rf.contains(&rf::Input::FabricChanged), resets, "{platform}");
        }
    }
}

/// Modelled times are waited for where they are asked for, and nowhere else: the platform's client answers when they are
/// over, and only then line cards are called.
#[test]
fn the_hardwares_own_time_is_waited_for_only_when_it_is_asked_for() {
    for modelled in [false, true] {
        let boot = Boot { modelled, ..boot("c7500", &[]) };
        let mut rp = Rp::new(NOW, boot);
        let mut out = Vec::new();
        rp.step(NOW, None, &mut out);
        // Nobody else is there: the unit takes a term once it has waited for a peer; the hardware is busy after a failure only.
        rp.become_active(rp_contract::Term {
            epoch: EPOCH,
            reason: SwitchoverReason::ActiveUnitFailed,
            how: TakeOver::Hot,
        });
        rp.lead(NOW, rf::ClientId::CHKPT, Code::ActiveFast, &mut out);
        let done = rf::Input::ClientDone { client: rf::ClientId::CHKPT, event: Code::ActiveFast };
        assert_eq!(rp.for_rf.contains(&done), !modelled);
        let labelled = out
            .iter()
            .any(|output| matches!(output, Output::Event(EventKind::Log { line }) if line.contains("MODELLED")));
        assert_eq!(labelled, modelled);
        if modelled {
            let until = NOW + Duration::from_secs(30);
            assert_eq!(rp.clients.deadline(), Some(until));
            rp.clients_due(Instant(until.0 - 1), &mut out);
            assert!(!rp.for_rf.contains(&done));
            rp.clients_due(until, &mut out);
            assert!(rp.for_rf.contains(&done));
            assert!(rp.rf.view().client_notification > Duration::from_secs(30), "it is not a client's silence");
        }
        assert!(!out.contains(&Output::Own));
        rp.lead(NOW, rf::ClientId::CHKPT, Code::Active, &mut out);
        assert!(out.contains(&Output::Own));
    }
}

#[test]
fn the_backplane_tells_a_standby_that_the_active_was_pulled_out() {
    let mut rp = standby("native", &[], &[]);
    let mut out = Vec::new();
    rp.step(NOW, Some(Input::Oir { slot: Slot::Rp(RpSlot::A), inserted: false }), &mut out);
    let logged = out
        .iter()
        .any(|output| matches!(output, Output::Event(EventKind::Log { line }) if line.starts_with("%OIR-6-REMCARD")));
    assert!(logged, "{out:?}");
}

/// What is joined to an RP itself is not stateful: the session with the route feed ends with the old active, and the
/// new one opens its own.
#[test]
fn what_is_joined_to_the_rp_itself_begins_anew() {
    let mut rp = standby("c7304", &[], &[1, 2, 3, 4]);
    let mut out = Vec::new();
    take_over(&mut rp, NOW, EPOCH, TakeOver::Hot, &mut out);
    assert!(out.contains(&Output::Own), "it dials the feed");
    assert!(!out.iter().any(|output| matches!(output, Output::Lc(_, ToLc::Reset { .. }))), "and resets no line card");
    out.clear();
    rp.step(NOW, Some(Input::FeedConnected), &mut out);
    assert!(out.contains(&Output::Event(EventKind::FeedUp)));
    let opened = out.iter().any(|output| matches!(output, Output::Feed(fabric_proto::feed::ToFeed::Open { .. })));
    assert!(opened, "{out:?}");
}

/// Single line card reload: the others are not touched.
#[test]
fn one_line_card_is_reset_alone() {
    let mut rp = standby("c7500", &[], &[1, 2, 3, 4]);
    let mut out = Vec::new();
    take_over(&mut rp, NOW, EPOCH, TakeOver::Hot, &mut out);
    (1..=4).for_each(|slot| connected(&mut rp, LcSlot(slot), &mut out));
    out.clear();
    rp.reset_one(Instant(1), LcSlot(2), &mut out);
    let told: Vec<_> =
        out.iter().filter_map(|output| if let Output::Lc(slot, _) = output { Some(*slot) } else { None }).collect();
    assert_eq!(told, [LcSlot(2)], "{out:?}");
    rp.lc_lost(NOW, LcSlot(2), &mut out);
    out.clear();
    connected(&mut rp, LcSlot(2), &mut out);
    assert!(out.iter().any(|output| matches!(output, Output::Lc(LcSlot(2), ToLc::Adopt { .. }))), "{out:?}");
}
