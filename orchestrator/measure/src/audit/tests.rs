use super::*;
use crate::{
    TrafficEvidence,
    evidence::{FlowEvidence, LossBin},
    trial::{Failure, tests::trial},
};

fn sound() -> TrialRecord {
    let mut trial = trial(500..520, 15);
    trial.drops_by_card = BTreeMap::from([("pe1/1".to_owned(), BTreeMap::from([("no_route".to_owned(), 15)]))]);
    trial.judge(true, 0);
    trial
}

fn traffic(trial: &mut TrialRecord) -> &mut TrafficEvidence {
    &mut trial.traffic[0]
}

fn flow(trial: &mut TrialRecord) -> &mut FlowEvidence {
    &mut trial.traffic[0].flows[0]
}

#[test]
fn what_was_recorded_does_not_contradict_itself() {
    assert_eq!(Audit::of(&sound()), Audit::default());
    for lost in [0..0, 0..1, 999..1000, 900..1000, 0..1000, 3..999] {
        let mut trial = trial(lost.clone(), u64::from(lost.end - lost.start));
        trial.judge(false, 0);
        assert_eq!(Audit::of(&trial), Audit::default(), "{lost:?}");
    }
    let missing =
        TrialRecord { mode: "rpr-plus".to_owned(), invalid: vec![Invalid::Interrupted], ..TrialRecord::default() };
    assert_eq!(Audit::of(&missing), Audit::default(), "a trial that was not held");
}

/// Everything that can be changed by itself, and the field that must be named for it.
#[test]
fn every_figure_that_follows_from_others_is_held_against_them() {
    type Tamper = fn(&mut TrialRecord);
    let cases: &[(&str, Tamper)] = &[
        ("accounting.lost", |trial| {
            trial.accounting.lost = 0;
            trial.accounting.delivered = 1000;
        }),
        ("accounting.delivered", |trial| trial.accounting.delivered = u64::MAX),
        ("accounting.offered", |trial| trial.accounting.offered = 1),
        ("accounting.misdelivered", |trial| trial.accounting.misdelivered = 1),
        ("accounting.dropped", |trial| trial.accounting.dropped = 16),
        ("accounting.unaccounted", |trial| trial.accounting.unaccounted = 7),
        ("accounting.unaccounted", |trial| trial.accounting.lost_with_card = 0),
        ("accounting.unaccounted", |trial| trial.accounting.lost_with_card = u64::MAX),
        ("drops.no_route", |trial| drop(trial.drops_by_card.insert("pe1/2".to_owned(), trial.drops.clone()))),
        ("drops.tester_skipped", |trial| {
            trial.drops.insert(TESTER_SKIPPED.to_owned(), 5);
            trial.accounting.dropped += 5;
            trial.accounting.lost_with_card -= 5;
        }),
        ("duration_ms", |trial| trial.duration_ms = -5.0),
        ("duration_ms", |trial| trial.duration_ms = f64::NAN),
        ("mode", |trial| trial.mode = "../../escape".to_owned()),
        ("mode", |trial| trial.mode = String::new()),
        ("mode", |trial| trial.mode = "sso,\u{1b}[31m".to_owned()),
        ("invalid", |trial| trial.traffic.clear()),
        ("traffic[0].schedule.rate_milli_pps", |trial| traffic(trial).schedule.rate_milli_pps = 0),
        ("traffic[0].schedule.flows", |trial| traffic(trial).schedule.flows = 0),
        ("traffic[0].schedule.flows", |trial| traffic(trial).flows.clear()),
        ("traffic[0].flows[0].offered", |trial| traffic(trial).offered = u64::MAX),
        ("traffic[0].offered", |trial| traffic(trial).generator.sent = 1),
        ("traffic[0].offered", |trial| traffic(trial).port_down = u64::MAX),
        ("traffic[0].flows: misdelivered", |trial| flow(trial).misdelivered = 1),
        ("traffic[0].flows[0].offered", |trial| flow(trial).offered = 5),
        ("traffic[0].flows[0].delivered", |trial| flow(trial).delivered = 1001),
        ("traffic[0].flows[0].lost", |trial| flow(trial).delivered = 1000),
        ("traffic[0].flows[0].lost", |trial| {
            *flow(trial) = FlowEvidence { offered: 1000, delivered: 980, ..FlowEvidence::default() }
        }),
        ("traffic[0].flows[0].reordered", |trial| flow(trial).reordered = 981),
        ("traffic[0].flows[0].late", |trial| flow(trial).late = u32::MAX),
        ("traffic[0].flows[0].period_count", |trial| flow(trial).period_count = 2),
        ("traffic[0].flows[0].longest", |trial| flow(trial).longest = None),
        ("traffic[0].flows[0].timestamp_total_ns", |trial| flow(trial).timestamp_total_ns = 0),
        ("traffic[0].flows[0].never_recovered", |trial| flow(trial).never_recovered = true),
        ("traffic[0].flows[0].periods[0]", |trial| flow(trial).periods[0].length = 0),
        ("traffic[0].flows[0].periods[0]", |trial| flow(trial).periods[0].length = u32::MAX),
        ("traffic[0].flows[0].periods[0]: sent first", |trial| flow(trial).periods[0].first = 400),
        ("traffic[0].flows[0].periods[0]: sent last", |trial| flow(trial).periods[0].sent_last = 3),
        ("traffic[0].flows[0].periods[0]: sent after", |trial| flow(trial).periods[0].sent_after = None),
        ("traffic[0].flows[0].periods[0]", |trial| flow(trial).periods[0].arrived_before = None),
        ("traffic[0].flows[0].gap_ns", |trial| flow(trial).delay.as_mut().unwrap().gap_ns = 1_000_000),
        ("traffic[0].flows[0].latency_max_ns", |trial| flow(trial).delay.as_mut().unwrap().latency_max_ns = None),
        ("traffic[0].flows: latency_max_ns", |trial| flow(trial).delay.as_mut().unwrap().latency_max_ns = Some(5)),
        ("traffic[0].flows[0].impaired", |trial| flow(trial).delay.as_mut().unwrap().impaired = 19),
        ("traffic[0].loss_over_time", |trial| {
            traffic(trial).loss_over_time = vec![LossBin { offered: 1, lost: 1 }; 9999]
        }),
        ("traffic[0].loss_over_time[3].offered", |trial| traffic(trial).loss_over_time[3].offered += 1),
        ("traffic[0].loss_over_time[3].lost", |trial| traffic(trial).loss_over_time[3].lost = 11),
        ("traffic[0].loss_over_time: lost", |trial| traffic(trial).loss_over_time[50].lost = 0),
        ("traffic[0].latency_ns", |trial| traffic(trial).latency_ns.0[0].1 = u64::MAX),
        ("traffic[0].latency_ns", |trial| traffic(trial).latency_ns.0.clear()),
    ];
    for (number, (field, tamper)) in cases.iter().enumerate() {
        let mut trial = sound();
        tamper(&mut trial);
        let audit = Audit::of(&trial);
        assert!(audit.told.iter().any(|told| told.field == *field), "case {number}, {field}: {:?}", audit.told);
        // What contradicts itself must not stop a program that looks at it all the same.
        let _ = (
            trial.outage(),
            trial.arrival_gap_ms(),
            trial.latency_max_ms(),
            trial.impaired(),
            trial.traffic.iter().map(TrafficEvidence::lost).sum::<u64>(),
        );
    }
}

#[test]
fn a_trial_that_proves_nothing_must_say_so() {
    let mut dead = trial(900..1000, 100);
    dead.judge(false, 0);
    assert_eq!(dead.failures, [Failure::NeverRecovered { flows: 1 }]);
    dead.failures.clear();
    assert_eq!(Audit::of(&dead).told[0].to_string(), "invalid is empty, and failures too, but 1 flows never came back");
    let mut gap = trial(500..520, 19);
    gap.judge(false, 0);
    gap.invalid.clear();
    assert_eq!(Audit::of(&gap).told[0].to_string(), "invalid is without them, but 1 packets are unaccounted for");
}

#[test]
fn many_contradictions_are_counted_and_some_are_told() {
    let mut trial = sound();
    traffic(&mut trial).loss_over_time.iter_mut().for_each(|bin| bin.offered += 1);
    let audit = Audit::of(&trial);
    assert_eq!((audit.count, audit.told.len()), (100, TOLD_MAX));
}

#[test]
fn what_is_not_listed_is_held_against_what_it_must_at_least_be() {
    let schedule = crate::Schedule::new(0, 1000.0, 1).expect("a good schedule");
    let mut recorder = crate::Recorder::new(schedule, 0, std::time::Duration::from_secs(1));
    let mut pace = crate::Pace::default();
    for slot in schedule.cursor(0).take(1000) {
        pace.sent(slot.offset, 1000, false);
        if slot.sequence % 4 != 0 {
            let packet = crate::Signature { trial: 0, flow: 0, sequence: slot.sequence, intended: slot.offset };
            recorder.arrived(&packet, slot.offset + 10_000);
        }
    }
    let mut trial = TrialRecord {
        mode: "sso".to_owned(),
        traffic: vec![recorder.finish(1000, 0, 128, pace.finish(crate::pace::LATENESS_P99_MAX_NS))],
        drops: BTreeMap::from([("no_route".to_owned(), 250)]),
        ..TrialRecord::default()
    };
    trial.judge(false, 0);
    assert_eq!((flow(&mut trial).period_count, Audit::of(&trial)), (250, Audit::default()));
    let mut fewer = trial.clone();
    flow(&mut fewer).period_count = 251;
    assert_eq!(Audit::of(&fewer).told[0].field, "traffic[0].flows[0].lost");
    flow(&mut trial).periods.pop();
    assert_eq!(Audit::of(&trial).told[0].field, "traffic[0].flows[0].period_count");
}
