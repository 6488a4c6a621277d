#![expect(clippy::disallowed_methods, reason = "an instant that is counted from")]

use super::*;

fn fates(impairment: Impairment, n: usize) -> Vec<Fate> {
    let mut dice = Dice::new(impairment);
    let start = Instant::now();
    (0..n).map(|i| dice.roll(start + Duration::from_micros(i as u64), 1000)).collect()
}

#[test]
fn the_same_seed_gives_the_same_fates_and_another_seed_others() {
    let rough =
        Impairment { loss: 0.2, duplicate: 0.1, reorder: 0.1, delay_ms: 5.0, jitter_ms: 2.0, ..Default::default() };
    let first = fates(Impairment { seed: 7, ..rough }, 1000);
    assert_eq!(first, fates(Impairment { seed: 7, ..rough }, 1000));
    assert_ne!(first, fates(Impairment { seed: 8, ..rough }, 1000));
}

#[test]
fn probabilities_are_kept() {
    let fates = fates(Impairment { loss: 0.25, duplicate: 0.5, ..Default::default() }, 20_000);
    let lost = fates.iter().filter(|fate| **fate == Fate::Drop).count();
    assert!((4500..5500).contains(&lost), "{lost}");
    let twice = fates.iter().filter(|fate| matches!(fate, Fate::Send { copies: 2, .. })).count();
    assert!((7000..8000).contains(&twice), "{twice}");
}

#[test]
fn nothing_set_sends_at_once_and_a_partition_never() {
    assert!(fates(Impairment::default(), 100).iter().all(|f| *f == Fate::Send { delay: Duration::ZERO, copies: 1 }));
    assert!(fates(Impairment { partition: true, ..Default::default() }, 100).iter().all(|f| *f == Fate::Drop));
}

#[test]
fn a_rate_spaces_packets_and_its_queue_is_bounded() {
    // 8 Mbit/s: 1000 bytes take a millisecond.
    let fates = fates(Impairment { rate_bps: 8_000_000, ..Default::default() }, 400);
    assert_eq!(fates[0], Fate::Send { delay: Duration::from_millis(1), copies: 1 });
    let sent = fates.iter().filter(|fate| matches!(fate, Fate::Send { .. })).count();
    assert!((200..=202).contains(&sent), "{sent}");
    assert_eq!(fates[399], Fate::Overflow);
}

#[test]
fn senseless_numbers_do_no_harm() {
    let odd =
        Impairment { delay_ms: f64::NAN, jitter_ms: f64::INFINITY, loss: f64::NAN, rate_bps: 1, ..Default::default() };
    assert_eq!(fates(odd, 100).len(), 100);
}

#[test]
fn what_is_held_comes_by_its_time_and_then_in_order() {
    let begun = Instant::now();
    let at = |millis| begun + Duration::from_millis(millis);
    let mut line = Line::default();
    let firsts: Vec<_> = [(5, 'c'), (3, 'a'), (3, 'b'), (9, 'd')].map(|(due, what)| line.hold(at(due), what)).into();
    assert_eq!(firsts, [Some(true), Some(true), Some(false), Some(false)]);
    assert_eq!((line.pop(at(2)), line.due()), (None, Some(at(3))));
    let out: Vec<_> = std::iter::from_fn(|| line.pop(at(5))).collect();
    assert_eq!(out, ['a', 'b', 'c']);
    assert_eq!(line.drain().collect::<Vec<_>>(), ['d']);
    assert!((0..HELD_MAX).all(|_| line.hold(at(1), 'x').is_some()));
    assert_eq!(line.hold(at(1), 'x'), None, "there is a limit");
}
