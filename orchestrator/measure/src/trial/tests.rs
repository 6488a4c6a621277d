use super::*;
use crate::{Pace, Recorder, Schedule, Signature, pace::LATENESS_P99_MAX_NS};
use std::time::Duration;

/// One flow, 1,000 packets a second for a second, from 1 s on; `lost` sequences do not arrive.
fn evidence(lost: std::ops::Range<u32>) -> TrafficEvidence {
    let schedule = Schedule::new(1_000_000_000, 1000.0, 1).expect("a good schedule");
    let mut recorder = Recorder::new(schedule, 0, Duration::from_secs(1));
    let mut pace = Pace::default();
    for slot in schedule.cursor(0).take(1000) {
        pace.sent(slot.offset, 1000, false);
        if !lost.contains(&slot.sequence) {
            let packet = Signature { trial: 0, flow: 0, sequence: slot.sequence, intended: slot.offset };
            recorder.arrived(&packet, schedule.start + slot.offset + 10_000);
        }
    }
    recorder.finish(1000, 0, 128, pace.finish(LATENESS_P99_MAX_NS))
}

pub(crate) fn trial(lost: std::ops::Range<u32>, no_route: u64) -> TrialRecord {
    TrialRecord {
        index: 1,
        mode: "sso".to_owned(),
        fault: "kill pe1/active-rp".to_owned(),
        duration_ms: 1000.0,
        fault_at_ns: Some(1_400_000_000),
        traffic: vec![evidence(lost)],
        drops: BTreeMap::from([("no_route".to_owned(), no_route)]),
        ..TrialRecord::default()
    }
}

fn judged(lost: std::ops::Range<u32>, no_route: u64, card_died: bool) -> TrialRecord {
    let mut trial = trial(lost, no_route);
    trial.judge(card_died, 0);
    trial
}

#[test]
fn every_packet_has_its_place() {
    let trial = judged(500..520, 20, false);
    let expected = Accounting { offered: 1000, delivered: 980, lost: 20, dropped: 20, ..Accounting::default() };
    assert_eq!(trial.accounting, expected);
    assert!(trial.valid() && trial.failures.is_empty());
}

#[test]
fn what_no_cause_explains_makes_the_trial_invalid() {
    assert_eq!(judged(500..520, 19, false).invalid, [Invalid::Unaccounted { packets: 1 }]);
    assert_eq!(judged(500..520, 22, false).invalid, [Invalid::Unaccounted { packets: -2 }]);
}

#[test]
fn a_dead_card_explains_what_it_held_but_no_surplus() {
    let held = judged(500..520, 5, true);
    assert_eq!((held.accounting.lost_with_card, held.accounting.unaccounted), (15, 0));
    assert!(held.valid());
    assert_eq!(judged(500..520, 25, true).accounting.unaccounted, -5);
}

#[test]
fn packets_without_a_carrier_are_a_cause_of_their_own() {
    let mut trial = trial(500..520, 0);
    trial.traffic[0].port_down = 20;
    trial.judge(false, 0);
    assert_eq!(trial.drops[TESTER_PORT_DOWN], 20);
    assert!(trial.valid());
}

#[test]
fn traffic_that_never_came_back_is_a_failure() {
    let trial = judged(900..1000, 100, false);
    assert_eq!(trial.failures, [Failure::NeverRecovered { flows: 1 }]);
    assert!(trial.outage().longest_ns >= 100e6);
}

#[test]
fn packets_that_went_astray_are_a_failure_that_says_how() {
    let mut trial = trial(500..512, 0);
    trial.traffic[0].misdelivered = [(Misdelivery::WrongTag, 8), (Misdelivery::WrongPort, 4)].into();
    trial.judge(false, 0);
    assert_eq!(trial.failures.len(), 1);
    let said = trial.failures[0].to_string();
    assert_eq!(said, "12 packets were delivered wrongly: wrong_port 4, wrong_tag 8");
    let json = serde_json::to_string(&trial.failures[0]).expect("it serialises");
    let (before, _) = json.split_once(",\"how\"").expect("it is said how");
    let earlier: Failure = serde_json::from_str(&format!("{before}}}")).expect("an earlier release's is read");
    assert_eq!(earlier.to_string(), "12 packets were delivered wrongly");
}

#[test]
fn loss_before_the_fault_makes_the_trial_invalid() {
    assert_eq!(judged(100..103, 3, false).invalid, [Invalid::SteadyStateLoss { packets: 3 }]);
}

#[test]
fn a_dead_card_explains_what_it_held_and_no_loss_before() {
    let died = |lost: std::ops::Range<u32>, counted: Option<u64>| {
        let fault_at_ns = Some(1_900_000_000);
        let mut trial = TrialRecord { fault_at_ns, dropped_before_fault: counted, ..trial(lost, 0) };
        trial.judge(true, 2);
        trial.invalid
    };
    assert_eq!(died(870..880, Some(0)), [], "it was under way when the card died");
    assert_eq!(died(870..880, Some(2)), [], "as much as the steady state allows");
    assert_eq!(died(870..880, Some(3)), [Invalid::SteadyStateLoss { packets: 3 }], "counted before the fault");
    assert_eq!(died(100..110, None), [Invalid::SteadyStateLoss { packets: 10 }], "older than anything a card holds");
}

#[test]
fn a_late_generator_makes_the_trial_invalid() {
    let mut trial = trial(700..704, 0);
    trial.traffic[0].generator.kept_pace = false;
    trial.traffic[0].generator.skipped = 4;
    trial.judge(false, 0);
    assert!(matches!(trial.invalid[..], [Invalid::GeneratorLate { skipped: 4, .. }]));
}

#[test]
fn a_chassis_is_not_blamed_for_an_end_that_was_never_sent() {
    let mut trial = trial(900..1000, 0);
    trial.traffic[0].generator.kept_pace = false;
    trial.traffic[0].generator.skipped = 100;
    trial.judge(false, 0);
    assert!(!trial.valid() && trial.failures.is_empty());
}

#[test]
fn a_packet_that_was_skipped_early_does_not_hide_that_traffic_never_came_back() {
    let mut trial = trial(900..1000, 0);
    trial.traffic[0].generator.kept_pace = false;
    trial.traffic[0].generator.skipped = 1;
    trial.traffic[0].generator.skipped_last_ns = Some(100_000_000);
    trial.judge(false, 0);
    assert_eq!(trial.failures, [Failure::NeverRecovered { flows: 1 }]);
    // One that was skipped at the very end says nothing.
    trial.failures.clear();
    trial.traffic[0].generator.skipped_last_ns = Some(999_000_000);
    trial.judge(false, 0);
    assert!(trial.failures.is_empty());
}

#[test]
fn the_maintenance_window_needs_all_its_parts() {
    let fsu = Fsu { t1_ms: Some(1.0), t2_ms: Some(2.0), t3_ms: Some(3.0), ..Fsu::default() };
    assert_eq!(fsu.t4_ms(), Some(6.0));
    assert_eq!(Fsu { t2_ms: None, ..fsu }.t4_ms(), None);
}

#[test]
fn records_survive_json() {
    let trial = judged(900..1000, 99, false);
    let json = serde_json::to_string(&trial).expect("it serialises");
    assert_eq!(serde_json::from_str::<TrialRecord>(&json).expect("it reads back"), trial);
}

#[test]
fn traffic_that_was_not_there_before_the_fault_cannot_come_back() {
    // From 0.1 s after the start to the end; the fault is at 0.4 s, and what was under way is left out.
    let trial = judged(100..1000, 900, false);
    assert_eq!(trial.invalid, [Invalid::SteadyStateLoss { packets: 290 }]);
    assert_eq!(trial.failures, []);
}

#[test]
fn clocks_that_are_apart_make_the_trial_invalid() {
    let mut trial = trial(0..0, 0);
    trial.traffic[0].early_max_ns = Some(CLOCKS_APART_MAX_NS);
    trial.judge(false, 0);
    assert!(trial.valid(), "within the bound");
    trial.traffic[0].early_max_ns = Some(2_500_000);
    trial.judge(false, 0);
    assert_eq!(trial.invalid, [Invalid::Clock { detail: "a packet arrived 2.5 ms before it was due".to_owned() }]);
    assert!(trial.invalid[0].to_string().starts_with("clocks: "));
}

#[test]
fn lateness_is_held_against_the_outage_that_was_found() {
    // 300 ms lost: 3 ms late is a hundredth of it.
    let late = |lost: std::ops::Range<u32>, late_p99_ns: u64| {
        let no_route = u64::from(lost.end - lost.start);
        let mut trial = trial(lost, no_route);
        let generator = &mut trial.traffic[0].generator;
        (generator.kept_pace, generator.late_p99_ns) = (late_p99_ns <= 1_000_000, late_p99_ns);
        trial.judge(false, 0);
        trial
    };
    assert!(late(500..800, 3_000_000).valid());
    assert!(matches!(late(500..800, 3_000_001).invalid[..], [Invalid::GeneratorLate { late_p99_ns: 3_000_001, .. }]));
    assert!(!late(500..500, 3_000_000).valid(), "where nothing was lost, the limit is the limit");
    let mut skipped = trial(500..800, 300);
    skipped.traffic[0].generator.kept_pace = false;
    skipped.traffic[0].generator.skipped = 1;
    skipped.judge(false, 0);
    assert!(!skipped.valid(), "a packet that was never sent is another matter");
}

#[test]
fn only_what_lateness_alone_has_spoilt_is_held_again() {
    let late = || Invalid::GeneratorLate { skipped: 0, late_p99_ns: 20_000_000, held_back: 0 };
    let spoilt = |invalid: Vec<Invalid>, failures: Vec<Failure>| {
        TrialRecord { invalid, failures, ..TrialRecord::default() }.is_spoilt()
    };
    assert!(spoilt(vec![late()], vec![]));
    assert!(!spoilt(vec![], vec![]), "a valid trial");
    assert!(!spoilt(vec![late()], vec![Failure::NeverRecovered { flows: 1 }]), "a failure is passed over by nothing");
    let others = [
        Invalid::GeneratorLate { skipped: 1, late_p99_ns: 20_000_000, held_back: 0 },
        Invalid::GeneratorLate { skipped: 0, late_p99_ns: 20_000_000, held_back: 1 },
        Invalid::Unaccounted { packets: 1 },
        Invalid::SteadyStateLoss { packets: 1 },
        Invalid::NoSteadyState { waited_for: String::new() },
        Invalid::NotEnded { waited_for: String::new() },
        Invalid::EvidenceMissing { detail: String::new() },
        Invalid::Interrupted,
    ];
    for other in others {
        assert!(!spoilt(vec![late(), other.clone()], vec![]), "{other:?}");
        assert!(!spoilt(vec![other.clone()], vec![]), "{other:?}");
    }
}

#[test]
fn the_accuracy_is_what_lateness_leaves_of_the_resolution() {
    // Lateness in steps of 0.1 ms by bins of 10 ms: 7 ms late before, 2.5 ms at the outage, 4 ms after.
    let stated = |lost: std::ops::Range<u32>| {
        let mut trial = trial(lost, 0);
        let over_time = &mut trial.traffic[0].generator.late_over_time;
        over_time.fill(1);
        (over_time[20], over_time[50], over_time[60]) = (70, 25, 40);
        trial.accuracy_ms().unwrap()
    };
    assert_eq!(stated(500..520), 3.5);
    assert_eq!(stated(490..500), 3.5, "the first packet that is spared lies in the bin after");
    assert_eq!(stated(500..650), 5.0);
    assert_eq!(stated(700..700), 8.0, "nothing lost: the longest that may have gone unseen");
}
