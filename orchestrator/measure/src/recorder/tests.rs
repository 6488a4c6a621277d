use super::*;
use crate::{FlowDelay, stats::SplitMix64};
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

/// Ten flows at 1,000 packets a second each for three seconds; from one second on nothing is forwarded for `frozen`, and then
/// all that waited comes at once.
fn frozen(frozen: Duration) -> TrafficEvidence {
    let schedule = Schedule::new(1_000_000, 10_000.0, 10).expect("a good schedule");
    let mut recorder = Recorder::new(schedule, 7, Duration::from_secs(3));
    let (from, until) = (1_000_000_000, 1_000_000_000 + frozen.as_nanos() as u64);
    for slot in schedule.cursor(0).take(30_000) {
        let packet = Signature { trial: 7, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
        let at = if (from..until).contains(&slot.offset) { until } else { slot.offset + 20_000 };
        recorder.arrived(&packet, schedule.start + at);
    }
    recorder.finish(30_000, 0, 128, Generator::default())
}

#[test]
fn forwarding_that_stands_still_without_loss_is_an_arrival_gap_of_that_length() {
    for ms in [121, 250, 500, 1000, 1500] {
        let evidence = frozen(Duration::from_millis(ms));
        assert_eq!((evidence.lost(), evidence.outage().longest_ns), (0, 0.0), "no outage by loss");
        let (gap, latency) = (evidence.arrival_gap_ns().unwrap(), evidence.latency_max_ns().unwrap());
        let ns = ms * 1_000_000;
        assert!((ns..=ns + 1_000_000).contains(&gap), "{ms} ms: a gap of {gap} ns, to the resolution");
        assert!((ns - 1_000_000..=ns).contains(&latency), "{ms} ms: {latency} ns");
        // What waited for more than the threshold, of 10,000 packets a second.
        assert_eq!(evidence.impaired(), Some((ms - 100) * 10), "{ms} ms");
    }
}

#[test]
fn a_flow_stands_still_before_its_first_and_after_its_last_arrival_too() {
    let gap = |arrives: fn(u32) -> bool| {
        let mut recorder = recorder(2);
        for slot in recorder.schedule().cursor(0).take(10_000) {
            let packet = packet(&recorder, slot.flow, slot.sequence);
            if slot.flow == 0 || arrives(slot.sequence) {
                recorder.arrived(&packet, 1_000_000 + slot.offset + 20_000);
            }
        }
        let evidence = recorder.finish(10_000, 0, 128, Generator::default());
        (evidence.flows[0].delay.unwrap().gap_ns, evidence.flows[1].delay.unwrap())
    };
    let (steady, first) = gap(|sequence| sequence >= 1000);
    assert_eq!((steady, first.gap_ns), (200_000, 200_020_000));
    assert_eq!(
        gap(|sequence| sequence < 4000).1.gap_ns,
        199_980_000,
        "a lower bound: to the last packet's intended time"
    );
    let none = gap(|_| false).1;
    assert_eq!(none, FlowDelay { gap_ns: 999_800_000, latency_max_ns: None, impaired: 5000 });
}

#[test]
fn a_packet_is_impaired_once_however_much_is_wrong_with_it() {
    let mut recorder = recorder(1);
    let late = 1_000_000 + FORWARDING_DELAY_THRESHOLD_NS;
    for (sequence, at) in [(0, 1_000_000), (2, late), (1, late + 200_000), (1, late + 200_000), (4, late + 400_001)] {
        recorder.arrived(&packet(&recorder, 0, sequence), at);
    }
    // 1 was overtaken and too late and came twice, 3 was lost, 4 a nanosecond later than the threshold.
    assert_eq!(recorder.finish(5, 0, 128, Generator::default()).impaired(), Some(4));
}

#[test]
fn a_packet_that_arrives_before_it_is_due_tells_of_two_clocks() {
    let mut recorder = recorder(1);
    recorder.arrived(&packet(&recorder, 0, 0), 1_000_000);
    assert_eq!(recorder.finish(1, 0, 128, Generator::default()).early_max_ns, None);
    recorder.arrived(&packet(&recorder, 0, 30), 1_000_000 + 500_000);
    assert_eq!(recorder.finish(31, 0, 128, Generator::default()).early_max_ns, Some(2_500_000));
}

/// What a channel did, told without any of the recorder's means.
#[derive(Default)]
struct Oracle {
    seen: BTreeSet<u32>,
    duplicated: u32,
    reordered: u32,
    impaired: u32,
    latency: Option<u64>,
    /// When packets arrived for the first time, in this order.
    arrivals: Vec<u64>,
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
        seed in any::<u64>(), packets in 1..3000_u64, flows in 1..6_u32, loss in 0..101_u64, delay in 0..300_000_000_u64,
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
                oracle.impaired += 1;
                continue;
            }
            let latency = at - packet.intended;
            oracle.reordered += u32::from(overtaken);
            oracle.impaired += u32::from(overtaken || latency > FORWARDING_DELAY_THRESHOLD_NS);
            oracle.latency = oracle.latency.max(Some(latency / 1000 * 1000));
            oracle.arrivals.push(at / 1000 * 1000);
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
            let sent = |sequence: u32| recorder.schedule().offset(recorder.schedule().packet(number as u32, sequence));
            let edges = flow.offered.checked_sub(1).map(|last| [sent(0), sent(last)].map(|at| at / 1000 * 1000));
            let gap = edges.map_or(0, |[first, last]| {
                let mut times = vec![first];
                times.extend(&oracle.arrivals);
                // Traffic that came after the last one was due stood still for no longer.
                times.push(last.max(*times.last().unwrap_or(&0)));
                times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
            });
            let impaired = oracle.impaired + missing.len() as u32;
            let wanted = FlowDelay { gap_ns: gap, latency_max_ns: oracle.latency, impaired };
            prop_assert_eq!(flow.delay, Some(wanted), "flow {}", number);
        }
        prop_assert_eq!(evidence.lost(), lost);
        prop_assert_eq!(evidence.loss_over_time.iter().map(|bin| u64::from(bin.offered)).sum::<u64>(), packets);
        prop_assert_eq!(evidence.loss_over_time.iter().map(|bin| u64::from(bin.lost)).sum::<u64>(), lost);
    }
}
