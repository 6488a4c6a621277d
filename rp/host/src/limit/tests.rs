use super::*;
use proptest::prelude::*;

#[test]
fn a_burst_and_then_so_many_a_second() {
    let mut bucket = Bucket::new(10, 3);
    let start = Instant::from_millis(5_000);
    let taken = (0..5).filter(|_| bucket.take(start)).count();
    assert_eq!(taken, 3);
    assert_eq!(bucket.ready(), Some(start + Duration::from_millis(100)));
    assert!(!bucket.take(start + Duration::from_millis(99)));
    assert!(bucket.take(start + Duration::from_millis(100)));
    assert!(!bucket.take(start + Duration::from_millis(100)));
    let mut never = Bucket::new(0, 1);
    assert!(never.take(start));
    assert_eq!(never.ready(), None);
    assert!(!never.take(start + Duration::from_secs(1_000_000)));
}

proptest! {
    /// In no window there are more than the burst and what the rate gives (RFC 4443 §2.4 f).
    #[test]
    fn the_rate_is_not_exceeded_in_any_window(
        per_second in 1..2_000u32,
        burst in 1..100u32,
        gaps in proptest::collection::vec(0..50_000_000u64, 1..400),
    ) {
        let mut bucket = Bucket::new(per_second, burst);
        let mut now = Instant::from_millis(1_000);
        let mut taken = Vec::new();
        for gap in gaps {
            now = Instant(now.0 + gap);
            if bucket.take(now) {
                taken.push(now);
            }
            // And whoever waits until it says so gets one.
            let ready = bucket.ready().unwrap();
            prop_assert!(bucket.clone().take(ready.max(now)));
        }
        for (first, from) in taken.iter().enumerate() {
            for (count, to) in (1u64..).zip(&taken[first..]) {
                let window = u128::from(to.since(*from).as_nanos() as u64);
                let most = u128::from(burst) + window * u128::from(per_second) / 1_000_000_000 + 1;
                prop_assert!(u128::from(count) <= most, "{count} in {window} ns");
            }
        }
    }
}
