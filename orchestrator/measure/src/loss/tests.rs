use super::*;

fn schedule() -> Schedule {
    // One flow, a packet a millisecond.
    Schedule::new(0, 1000.0, 1).expect("a good schedule")
}

/// Arrivals 100 µs after the intended time, except the lost ones.
fn periods_of(offered: u32, lost: &[u32]) -> Vec<LossPeriod> {
    periods(&schedule(), 0, offered, |sequence| (!lost.contains(&sequence)).then_some(sequence * 1000 + 100))
}

#[test]
fn the_example_of_rfc_3357_section_6_5() {
    // Ten packets from number 0; lost are the 2nd, 5th, 7th, 9th and 10th.
    let found = periods_of(10, &[1, 4, 6, 8, 9]);
    assert_eq!(found.len(), 4, "Loss-Period-Total");
    let lengths: Vec<u32> = found.iter().map(|period| period.length).collect();
    assert_eq!(lengths, [1, 1, 1, 2], "Loss-Period-Lengths");
    assert_eq!(inter_loss_period_lengths(&found), [0, 3, 2, 2], "Inter-Loss-Period-Lengths");
}

#[test]
fn both_outages_of_a_blackout() {
    let found = periods_of(100, &(20..50).collect::<Vec<_>>());
    let [period] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((period.first, period.length), (20, 30));
    assert_eq!((period.sent_first, period.sent_last, period.sent_after), (20_000_000, 49_000_000, Some(50_000_000)));
    assert_eq!((period.arrived_before, period.arrived_after), (Some(19_100_000), Some(50_100_000)));
    assert_eq!(period.loss_derived_ns(&schedule()), 30e6);
    assert_eq!(period.timestamp_derived_ns(), 31_000_000, "one interval longer: B − A");
    assert!(period.recovered());
}

#[test]
fn traffic_that_never_came_back_did_not_recover() {
    let found = periods_of(100, &(90..100).collect::<Vec<_>>());
    assert!(!found[0].recovered());
    assert_eq!(found[0].loss_derived_ns(&schedule()), 10e6, "a lower bound, not zero");
    assert_eq!(found[0].timestamp_derived_ns(), 99_000_000 - 89_100_000);
}

#[test]
fn a_flow_that_lost_everything_is_one_period() {
    let found = periods_of(10, &(0..10).collect::<Vec<_>>());
    assert_eq!((found.len(), found[0].length, found[0].recovered()), (1, 10, false));
    assert_eq!(found[0].timestamp_derived_ns(), 9_000_000);
}

#[test]
fn nothing_lost_is_no_period() {
    assert!(periods_of(10, &[]).is_empty());
    assert!(inter_loss_period_lengths(&[]).is_empty());
    assert!(periods_of(0, &[]).is_empty());
}
