use super::*;
use crate::stats::SplitMix64;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn recorder(flows: u32) -> Recorder {
    let schedule = Schedule::new(1_000_000, 10_000.0, flows).expect("a good schedule");
    Recorder::new(schedule, 7, Duration::from_secs(10))
}

fn packet(recorder: &Recorder, flow: u32, sequence: u32) -> Signature {
    let schedule = recorder.schedule();
    Signature { trial: 7, flow, sequence, intended: schedule.offset(schedule.packet(flow, sequence)) }
}

#[test]
fn a_late_packet_takes_back_its_loss() {
    let mut recorder = recorder(1);
    for (sequence, expected) in
        [(0, Arrival::New), (2, Arrival::New), (1, Arrival::Reordered), (1, Arrival::Duplicate), (3, Arrival::New)]
    {
        let packet = packet(&recorder, 0, sequence);
        assert_eq!(recorder.arrived(&packet, 2_000_000), expected);
    }
    let evidence = recorder.finish(4, 0, 128, Generator::default());
    assert_eq!((evidence.lost(), evidence.duplicated(), evidence.reordered()), (0, 1, 1));
}

#[test]
fn what_was_never_offered_is_misdelivered() {
    let mut recorder = recorder(2);
    let good = packet(&recorder, 0, 0);
    assert_eq!(recorder.arrived(&Signature { trial: 6, ..good }, 0), Arrival::Refused(Misdelivery::Foreign));
    assert_eq!(recorder.arrived(&Signature { flow: 2, ..good }, 0), Arrival::Refused(Misdelivery::Impossible));
    let beyond = Signature { sequence: u32::MAX, ..good };
    assert_eq!(recorder.arrived(&beyond, 0), Arrival::Refused(Misdelivery::Impossible));
    recorder.misdelivered(Some(1), Misdelivery::WrongPort);
    let evidence = recorder.finish(2, 0, 128, Generator::default());
    assert_eq!(evidence.misdelivered(), 4);
    assert_eq!(evidence.flows[1].misdelivered, 1);
    assert_eq!(evidence.lost(), 2, "a misdelivered packet was not delivered");
}

#[test]
fn latency_counts_from_the_intended_time() {
    let mut recorder = recorder(1);
    let first = packet(&recorder, 0, 0);
    recorder.arrived(&first, 1_000_000 + 2_000_000_000);
    let evidence = recorder.finish(1, 0, 128, Generator::default());
    assert_eq!(evidence.flows[0].late, 1);
    assert!(evidence.latency_ns.0[0].0 >= 2_000_000_000 - 2_000_000);
}

/// What a channel did, told without any of the recorder's means.
#[derive(Default)]
struct Oracle {
    seen: BTreeSet<u32>,
    duplicated: u32,
    reordered: u32,
}

/// A seeded channel that loses, delays and doubles packets; the order of arrival is that of the delays.
fn channel(seed: u64, packets: u64, loss: u64, delay: u64) -> Vec<(u64, u64)> {
    let mut random = SplitMix64(seed);
    let mut arrivals = Vec::new();
    for k in 0..packets {
        let copies = 1 + u64::from(random.next_u64() % 100 < 5);
        for _ in 0..copies {
            if random.next_u64() % 100 >= loss {
                arrivals.push((k * 100_000 + random.next_u64() % (delay + 1), k));
            }
        }
    }
    arrivals.sort_unstable();
    arrivals
}

proptest! {
    #[test]
    fn the_recorder_agrees_with_an_oracle(
        seed in any::<u64>(), packets in 1..3000_u64, flows in 1..6_u32, loss in 0..101_u64, delay in 0..1_000_000_u64,
    ) {
        let mut recorder = recorder(flows);
        let mut oracles: Vec<Oracle> = (0..flows).map(|_| Oracle::default()).collect();
        for (at, k) in channel(seed, packets, loss, delay) {
            let (flow, sequence) = (recorder.schedule().flow(k), recorder.schedule().sequence(k));
            let packet = packet(&recorder, flow, sequence);
            recorder.arrived(&packet, 1_000_000 + at);
            let oracle = &mut oracles[flow as usize];
            let overtaken = oracle.seen.last().is_some_and(|highest| sequence < *highest);
            if !oracle.seen.insert(sequence) {
                oracle.duplicated += 1;
            } else if overtaken {
                oracle.reordered += 1;
            }
        }
        let evidence = recorder.finish(packets, 0, 128, Generator::default());
        let mut lost = 0;
        for (number, (flow, oracle)) in evidence.flows.iter().zip(&oracles).enumerate() {
            prop_assert_eq!(flow.delivered as usize, oracle.seen.len());
            prop_assert_eq!((flow.duplicated, flow.reordered), (oracle.duplicated, oracle.reordered));
            let missing: Vec<u32> = (0..flow.offered).filter(|s| !oracle.seen.contains(s)).collect();
            lost += missing.len() as u64;
            let runs = missing.chunk_by(|a, b| a + 1 == *b).count();
            prop_assert_eq!(flow.period_count as usize, runs);
            let longest = missing.chunk_by(|a, b| a + 1 == *b).map(<[u32]>::len).max().unwrap_or(0);
            prop_assert_eq!(flow.longest.as_ref().map_or(0, |period| period.length) as usize, longest);
            let tail_lost = missing.last().is_some_and(|last| last + 1 == flow.offered);
            prop_assert_eq!(flow.never_recovered, tail_lost, "flow {}", number);
        }
        prop_assert_eq!(evidence.lost(), lost);
        prop_assert_eq!(evidence.loss_over_time.iter().map(|bin| u64::from(bin.offered)).sum::<u64>(), packets);
        prop_assert_eq!(evidence.loss_over_time.iter().map(|bin| u64::from(bin.lost)).sum::<u64>(), lost);
    }
}
