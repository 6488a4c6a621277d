//! Reports of a run that never was: evidence made by the real recorder from made-up channels.

use super::*;
use measure::{
    Pace, Recorder, Schedule, Signature,
    pace::LATENESS_P99_MAX_NS,
    stats::SplitMix64,
    trial::{EventLine, Failure, Fsu, Invalid, Phases},
    verdict::{Limits, Quantity, Statistic, Verdict},
};
use std::{fs, time::Duration};

mod compared;
mod forms;
mod judged;
mod schema;
mod stored;

const FLOWS: u32 = 50;
const FAULT_NS: u64 = 1_000_000_000;

/// A trial whose flows lose what is intended in `outage_ms` after the fault; half of them come back earlier.
pub(super) fn trial(index: u32, mode: &str, outage_ms: u64, random: &mut SplitMix64) -> TrialRecord {
    let schedule = Schedule::new(5_000_000_000, 5_000.0, FLOWS).unwrap();
    let seconds = 2 + outage_ms / 1000;
    let mut recorder = Recorder::new(schedule, index as u16, Duration::from_secs(seconds));
    let mut pace = Pace::default();
    let packets = schedule.due(schedule.start + seconds * 1_000_000_000 - 1);
    let ends: Vec<u64> = (0..FLOWS).map(|_| outage_ms * 1_000_000 * (80 + random.below(21) as u64) / 100).collect();
    for slot in schedule.cursor(0).take(packets as usize) {
        pace.sent(slot.offset, random.below(100_000) as u64, false);
        let lost = (FAULT_NS..FAULT_NS + ends[slot.flow as usize]).contains(&slot.offset);
        if !lost {
            let packet =
                Signature { trial: index as u16, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
            recorder.arrived(&packet, schedule.start + slot.offset + 60_000 + random.below(50_000) as u64);
        }
    }
    let evidence = recorder.finish(packets, 0, 128, pace.finish(LATENESS_P99_MAX_NS));
    let lost = evidence.lost();
    let drops = [("lc_resetting", lost / 3), ("no_route", lost - lost / 3)];
    let mut trial = TrialRecord {
        index,
        mode: mode.to_owned(),
        fault: "kill pe1/active-rp".to_owned(),
        started_unix_ms: 1_772_368_205_000 + u64::from(index) * 20_000,
        duration_ms: seconds as f64 * 1e3,
        fault_at_ns: Some(schedule.start + FAULT_NS),
        traffic: vec![evidence],
        drops: drops.into_iter().filter(|(_, n)| *n > 0).map(|(cause, n)| (cause.to_owned(), n)).collect(),
        drops_by_card: drops
            .into_iter()
            .zip(["pe1/1", "pe1/2"])
            .map(|((cause, n), card)| (card.to_owned(), BTreeMap::from([(cause.to_owned(), n)])))
            .collect(),
        hit: vec!["pe1/A".to_owned()],
        switchover: phases(outage_ms as f64, random),
        events: vec![
            EventLine { at_ms: 0.0, card: "orchestrator".to_owned(), text: "kill pe1/A".to_owned() },
            EventLine { at_ms: 301.0, card: "pe1/B".to_owned(), text: "took over, epoch 2B".to_owned() },
            EventLine { at_ms: 301.2, card: "pe1/B".to_owned(), text: "<switchover> & epoch 2B".to_owned() },
        ],
        ..TrialRecord::default()
    };
    trial.judge(false, 0);
    trial
}

fn phases(outage: f64, random: &mut SplitMix64) -> Phases {
    let detect = 300.0 + random.below(20) as f64 / 3.0;
    Phases {
        detect: Some(detect),
        take_over: Some(detect + 1.7 + outage * 0.3),
        adopt: Some(detect + 4.9 + outage * 0.4),
        reconcile: Some((detect + 11.3).max(outage)),
        converge: Some((detect + 15.0).max(outage + 5.0)),
        redundant: Some(3_000.0 + outage * 1.5),
    }
}

fn run() -> RunRecord {
    let mut random = SplitMix64(1);
    let mut order: Vec<(&str, u64)> = [("hsa", 4_000), ("rpr", 2_200), ("rpr-plus", 900), ("sso", 0), ("fsu", 2_500)]
        .into_iter()
        .flat_map(|mode| [mode; 8])
        .collect();
    random.shuffle(&mut order);
    let mut trials: Vec<TrialRecord> = Vec::new();
    for (at, (mode, outage)) in order.into_iter().enumerate() {
        let outage = outage + outage * random.below(20) as u64 / 100;
        trials.push(trial(at as u32 + 1, mode, outage, &mut random));
    }
    for upgrade in trials.iter_mut().filter(|trial| trial.mode == "fsu") {
        upgrade.fault = "software upgrade".to_owned();
        let lost = upgrade.accounting.lost;
        upgrade.fsu = Some(Fsu {
            t1_ms: Some(812.0),
            t2_ms: Some(2_700.0),
            t3_ms: Some(1_900.0),
            tpl_frames: Some(lost),
            tpl_ms: Some(lost as f64 / 5.0),
            stateful: false,
        });
    }
    let mut floor = trial(41, "sso", 0, &mut random);
    floor.fault = String::new();
    RunRecord {
        title: "Active RP killed under load".to_owned(),
        lab: "edge".to_owned(),
        seed: 1,
        runtime: "process".to_owned(),
        version: "0.1.0".to_owned(),
        host: Host {
            kernel: "6.8.0".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            engine: None,
            clock_source: "tsc".to_owned(),
        },
        topology: TopologySummary {
            name: "edge".to_owned(),
            platform: "native".to_owned(),
            image: "2.0".to_owned(),
            route_processors: 2,
            line_cards: 2,
            ports: 2,
            routes_ipv4: 1_000_000,
            routes_ipv6: 200_000,
            table: "internet, seed 1".to_owned(),
            protocol: "IPv4, IPv6".to_owned(),
            media: "Ethernet over local streams".to_owned(),
            heartbeat_ms: 50,
            switchover_timer_ms: 300,
            facts: vec![("next hops".to_owned(), "64".to_owned())],
            chassis: vec![ChassisSummary {
                name: "pe1".to_owned(),
                route_processors: vec!["A".to_owned(), "B".to_owned()],
                line_cards: vec![line_card("1", "t1:p1"), line_card("2", "t1:p2")],
            }],
        },
        command: "swact run topologies/edge/kill.experiment.yml".to_owned(),
        started_unix_ms: 1_772_368_205_000,
        finished_unix_ms: 1_772_368_205_000 + 820_000,
        thresholds: BTreeMap::from([(
            "sso".to_owned(),
            at_most(Quantity::Lost, 0.0).and(Quantity::Unaccounted, Statistic::Worst, 0.0),
        )]),
        trials,
        noise_floor: vec![floor],
        flows: (0..FLOWS).map(flow_path).collect(),
        steady_state_ms: 1_000,
        wanted: Vec::new(),
        status: None,
        error: None,
    }
}

fn at_most(quantity: Quantity, most: f64) -> Limits {
    Limits::default().and(quantity, Statistic::Worst, most)
}

fn line_card(slot: &str, tester: &str) -> LineCardSummary {
    LineCardSummary { slot: slot.to_owned(), ports: 4, links: vec![(1, tester.to_owned())] }
}

fn flow_path(flow: u32) -> FlowPath {
    let (destination, prefix) = match flow % 3 {
        0 => (format!("2001:db8:{flow:x}::1"), format!("2001:db8:{flow:x}::/48")),
        _ => (format!("198.51.{flow}.7"), format!("198.51.{flow}.0/24")),
    };
    FlowPath { destination, prefix, ingress: "1/1".to_owned(), egress: "2/1".to_owned(), vrf: None }
}

fn keys(value: &serde_json::Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The same run with the figure of one mode changed.
fn changed(mode: &str, change: impl Fn(&mut TrialRecord)) -> RunRecord {
    let mut run = run();
    run.trials.iter_mut().filter(|trial| trial.mode == mode).for_each(change);
    run
}
