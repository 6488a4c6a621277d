use super::*;
use proptest::prelude::*;

#[test]
fn no_percentile_is_claimed_from_too_few_samples() {
    let of = |n: u32| Stat::of((0..n).map(f64::from), 1);
    assert_eq!((of(0).n, of(0).median, of(0).mean), (0, None, None));
    assert_eq!(of(9).p90, None);
    assert_eq!(of(10).p90, Some(8.0));
    assert_eq!(of(99).p99, None, "no p99 from fewer than 100 samples");
    assert_eq!(of(100).p99, Some(98.0));
    assert_eq!(of(5).ci95, None);
    assert!(of(6).ci95.is_some());
}

#[test]
fn the_median_of_an_even_number_lies_between() {
    assert_eq!(Stat::of([4.0, 1.0, 3.0, 2.0], 1).median, Some(2.5));
}

#[test]
fn the_interval_is_reproducible_and_covers_the_median_of_its_samples() {
    let samples: Vec<f64> = (0..40).map(|i| f64::from(i * i)).collect();
    let stat = Stat::of(samples.clone(), 42);
    assert_eq!(stat, Stat::of(samples, 42));
    let ([low, high], median) = (stat.ci95.expect("enough samples"), stat.median.expect("samples"));
    assert!(low < median && median < high, "{stat:?}");
}

#[test]
fn the_interval_covers_the_true_median_about_as_often_as_it_says() {
    let mut random = SplitMix64(7);
    let mut covered = 0;
    for seed in 0..200 {
        // Uniform between 0 and 1000: the median is 500.
        let samples = (0..20).map(|_| random.below(1_000_001) as f64 / 1000.0);
        let [low, high] = Stat::of(samples, seed).ci95.expect("enough samples");
        covered += u32::from(low <= 500.0 && 500.0 <= high);
    }
    assert!((180..=200).contains(&covered), "{covered} of 200");
}

#[test]
fn modes_that_differ_are_told_apart() {
    let fast: Vec<f64> = (0..10).map(f64::from).collect();
    let slow: Vec<f64> = (100..110).map(f64::from).collect();
    let difference = Difference::of(&fast, &slow, 1).expect("samples");
    assert_eq!(difference.median, 100.0);
    assert_eq!(difference.significant(), Some(true));
    assert_eq!(Difference::of(&fast, &fast, 1).and_then(|same| same.significant()), Some(false));
    assert_eq!(Difference::of(&fast[..3], &slow, 1).and_then(|few| few.significant()), None);
    assert_eq!(Difference::of(&[], &slow, 1), None);
}

#[test]
fn the_generator_is_the_published_one() {
    // First outputs for seed 1234567 of the reference implementation.
    let mut random = SplitMix64(1_234_567);
    assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
    assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
}

proptest! {
    #[test]
    fn figures_are_ordered(samples in prop::collection::vec(0.0..1e6_f64, 1..150)) {
        let stat = Stat::of(samples, 3);
        prop_assert!(stat.min <= stat.median && stat.median <= stat.max);
        if let Some([low, high]) = stat.ci95 {
            prop_assert!(Some(low) >= stat.min && Some(high) <= stat.max && low <= high);
        }
    }

    #[test]
    fn shuffling_loses_nothing(seed in any::<u64>(), n in 0..50_usize) {
        let mut items: Vec<usize> = (0..n).collect();
        SplitMix64(seed).shuffle(&mut items);
        items.sort_unstable();
        prop_assert_eq!(items, (0..n).collect::<Vec<_>>());
    }
}

#[test]
fn samples_of_one_group_do_not_pass_for_independent_ones() {
    // Eight trials of a hundred flows, all flows of a trial alike: there are eight observations, not 800.
    let groups: Vec<Vec<f64>> = (1..=8).map(|trial| vec![f64::from(trial); 100]).collect();
    let grouped = Stat::of_groups(&groups, 1);
    let naive = Stat::of(groups.iter().flatten().copied(), 1);
    assert_eq!((grouped.n, grouped.median, grouped.p99), (800, naive.median, naive.p99));
    let width = |stat: &Stat| stat.ci95.map(|[low, high]| high - low).unwrap();
    assert!(width(&grouped) >= 3.0 && width(&naive) < 2.0, "{grouped:?} {naive:?}");
    assert_eq!(Stat::of_groups(&groups[..5], 1).ci95, None, "five trials show no interval, whatever the flows");
    assert_eq!(Stat::of_groups(&[], 1), Stat::default());
}
