use super::*;
use crate::{recorder::Recorder, signature::Signature};
use std::time::Duration;

/// Two flows at 1,000 packets a second each for a second; flow 0 loses 200 ms, flow 1 twice one packet.
fn evidence() -> TrafficEvidence {
    let schedule = Schedule::new(0, 2000.0, 2).expect("a good schedule");
    let mut recorder = Recorder::new(schedule, 0, Duration::from_secs(1));
    for slot in schedule.cursor(0).take(2000) {
        let lost = match slot.flow {
            0 => (300..500).contains(&slot.sequence),
            _ => [400, 600].contains(&slot.sequence),
        };
        if !lost {
            let packet = Signature { trial: 0, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
            recorder.arrived(&packet, slot.offset + 50_000);
        }
    }
    recorder.finish(2000, 0, 128, Generator::default())
}

#[test]
fn the_outage_tells_longest_count_and_total() {
    let outage = evidence().outage();
    assert_eq!(outage.loss_derived_ns, 101e6, "202 packets of 2,000 a second");
    assert_eq!(outage.longest_ns, 200e6);
    assert_eq!(outage.total_ns, 200e6);
    assert_eq!(outage.timestamp_derived_ns, 201e6);
    assert_eq!((outage.count, outage.flows_hit, outage.never_recovered), (2, 2, 0));
}

#[test]
fn loss_is_told_by_intended_time() {
    let evidence = evidence();
    assert_eq!(evidence.loss_over_time.len(), 100);
    assert_eq!(evidence.loss_over_time[30], LossBin { offered: 20, lost: 10 });
    assert_eq!(evidence.loss_over_time[60], LossBin { offered: 20, lost: 1 });
    assert_eq!(evidence.lost_before(300_000_000), 0);
    assert_eq!(evidence.lost_before(400_000_000), 90, "the last bin before is left out");
}

#[test]
fn outages_of_two_testers_join_by_rate() {
    let one = Outage { loss_derived_ns: 100.0, longest_ns: 5.0, flows_hit: 1, ..Outage::default() };
    let two = Outage { loss_derived_ns: 400.0, longest_ns: 3.0, flows_hit: 2, ..Outage::default() };
    let both = one.with(200.0, &two, 100.0);
    assert_eq!((both.loss_derived_ns, both.longest_ns, both.flows_hit), (200.0, 5.0, 3));
}

#[test]
fn evidence_survives_json() {
    let evidence = evidence();
    let json = serde_json::to_string(&evidence).expect("it serialises");
    let read: TrafficEvidence = serde_json::from_str(&json).expect("it reads back");
    assert_eq!(read, evidence);
}

#[test]
fn only_so_many_loss_periods_are_listed_but_all_are_counted() {
    let schedule = Schedule::new(0, 100_000.0, 300).expect("a good schedule");
    let mut recorder = Recorder::new(schedule, 0, Duration::from_secs(1));
    for slot in schedule.cursor(0).take(60_000).filter(|slot| slot.sequence % 2 == 0) {
        let packet = Signature { trial: 0, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
        recorder.arrived(&packet, slot.offset);
    }
    let evidence = recorder.finish(60_000, 0, 128, Generator::default());
    assert_eq!(evidence.flows[0].periods.len(), PERIODS_LISTED_MAX);
    assert_eq!(evidence.flows.iter().map(|flow| flow.periods.len()).sum::<usize>(), PERIODS_LISTED_IN_ALL_MAX);
    assert_eq!((evidence.flows[299].period_count, evidence.lost()), (100, 30_000));
}

#[test]
fn json_says_little_of_flows_that_lost_nothing_and_all_of_the_others() {
    let schedule = Schedule::new(0, 100_000.0, 1000).expect("a good schedule");
    let mut recorder = Recorder::new(schedule, 0, Duration::from_secs(1));
    let lost = |flow: u32, sequence: u32| flow == 700 && (40..60).contains(&sequence) || flow == 999 && sequence >= 90;
    for slot in schedule.cursor(0).take(100_000).filter(|slot| !lost(slot.flow, slot.sequence)) {
        let packet = Signature { trial: 0, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
        recorder.arrived(&packet, slot.offset + 50_000);
    }
    recorder.misdelivered(Some(3), Misdelivery::WrongMac);
    let evidence = recorder.finish(100_000, 0, 128, Generator::default());
    let json = serde_json::to_string(&evidence).expect("it serialises");
    assert!(json.len() < 2_300, "{} bytes: {json}", json.len());
    assert_eq!(serde_json::from_str::<TrafficEvidence>(&json).expect("it reads back"), evidence);
    assert!(evidence.flows[999].never_recovered && evidence.flows[3].misdelivered == 1);
}

#[test]
fn evidence_of_more_flows_than_any_tester_has_is_refused() {
    let json = r#"{"schedule":{"start":0,"rate_milli_pps":1000,"flows":1},"frame_size":64,"offered":0,"port_down":0,
        "generator":{"sent":0,"skipped":0,"late_max_ns":0,"late_p99_ns":0,"late_limit_ns":0,"kept_pace":true},
        "misdelivered":{},"flows":{"offered":[[1,4294967295],[2,4294967295]],"told":[]},"loss_over_time":[],"latency_ns":[]}"#;
    assert!(serde_json::from_str::<TrafficEvidence>(json).unwrap_err().to_string().contains("more flows"));
}

#[test]
fn delays_of_all_flows_or_of_none_are_kept() {
    let mut evidence = evidence();
    assert_eq!(evidence.latency_max_ns(), Some(50_000));
    let json = serde_json::to_string(&evidence).expect("it serialises");
    assert!(
        json.contains(
            r#""delays":{"gap_ns":[[201000000,1],[2000000,1]],"latency_max_ns":[[50000,2]],"impaired":[[200,1],[2,1]]}"#
        ),
        "{json}"
    );
    let cut = json.replace("[[50000,2]]", "[[50000,1]]");
    let error = serde_json::from_str::<TrafficEvidence>(&cut).unwrap_err().to_string();
    assert!(error.contains("2 flows, and delays of 1"), "{error}");
    // An earlier release did not measure them.
    evidence.flows.iter_mut().for_each(|flow| flow.delay = None);
    let json = serde_json::to_string(&evidence).expect("it serialises");
    let read = serde_json::from_str::<TrafficEvidence>(&json).expect("it reads back");
    assert_eq!((read.arrival_gap_ns(), read.latency_max_ns(), read.impaired()), (None, None, None));
    assert_eq!(read, evidence);
}

#[test]
fn a_flow_cannot_lose_more_than_it_was_offered() {
    let json = serde_json::to_string(&evidence()).expect("it serialises");
    let more = json.replace(r#""lost":2,"#, r#""lost":4000000000,"#);
    let error = serde_json::from_str::<TrafficEvidence>(&more).unwrap_err().to_string();
    assert!(error.contains("flow 1 lost 4000000000 of 1000 packets"), "{error}");
    let flow = FlowEvidence { offered: 5, delivered: 10, ..FlowEvidence::default() };
    assert_eq!(flow.lost(), 0, "in the old form, which is refused by its audit");
}

#[test]
fn loss_between_two_instants_is_that_of_whole_bins() {
    let ms = 1_000_000;
    let lost = |from: u64, to: u64| evidence().lost_between(from * ms, to * ms);
    assert_eq!(lost(0, 1_000), 202);
    assert_eq!(lost(300, 310), 10);
    assert_eq!(lost(301, 319), 0, "no whole bin");
    assert_eq!(lost(500, 2_000), 1);
    assert_eq!(lost(900, 100), 0);
}
