use super::*;
use proptest::prelude::*;

#[test]
fn what_cannot_be_offered_is_refused() {
    assert_eq!(Schedule::new(0, 0.0, 1), Err(BadSchedule::Rate(0.0)));
    assert!(matches!(Schedule::new(0, f64::NAN, 1), Err(BadSchedule::Rate(_))));
    assert_eq!(Schedule::new(0, 1.0, 0), Err(BadSchedule::Flows(0)));
}

#[test]
fn three_packets_a_second_do_not_drift() {
    let schedule = Schedule::new(0, 3.0, 1).expect("a good schedule");
    assert_eq!(schedule.offset(3_000_000), 1_000_000 * 1_000_000_000);
}

#[test]
fn the_first_packet_is_due_at_the_start() {
    let schedule = Schedule::new(1_000, 100_000.0, 10).expect("a good schedule");
    assert_eq!(schedule.due(999), 0);
    assert_eq!(schedule.due(1_000), 1);
    assert_eq!(schedule.due(10_999), 1);
    assert_eq!(schedule.due(11_000), 2);
}

proptest! {
    #[test]
    fn due_inverts_intended(start in 0..1_u64 << 50, milli in 1..1_000_000_000_000_u64, flows in 1..1000_u32, k in 0..1_u64 << 32) {
        let schedule = Schedule { start, rate_milli_pps: milli, flows };
        prop_assume!(u128::from(k) * KILOSECOND_NS / u128::from(milli) < 1 << 60);
        let at = schedule.intended(k);
        prop_assert!(schedule.due(at) > k);
        prop_assert!(at == start || schedule.due(at - 1) <= k);
    }

    #[test]
    fn the_cursor_walks_the_schedule(milli in 1000..1_000_000_000_000_u64, flows in 1..50_u32, first in 0..100_000_u64) {
        let schedule = Schedule { start: 5, rate_milli_pps: milli, flows };
        for (k, slot) in (first..first + 200).zip(schedule.cursor(first)) {
            let expected = Slot { flow: schedule.flow(k), sequence: schedule.sequence(k), offset: schedule.offset(k) };
            prop_assert_eq!(slot, expected);
            prop_assert_eq!(schedule.packet(slot.flow, slot.sequence), k);
        }
    }

    #[test]
    fn every_packet_belongs_to_one_flow(flows in 1..50_u32, offered in 0..1000_u64) {
        let schedule = Schedule { start: 0, rate_milli_pps: 1000, flows };
        let sum: u64 = (0..flows).map(|flow| u64::from(schedule.offered_to(flow, offered))).sum();
        prop_assert_eq!(sum, offered);
    }
}
