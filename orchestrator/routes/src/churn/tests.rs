use super::*;
use crate::{Neighbours, Origin, generate};
use fabric_proto::fib::Family;
use proptest::prelude::*;
use std::{collections::BTreeSet, num::NonZeroU32};

fn spec(seed: u64, ppm: u32) -> TableSpec {
    TableSpec { churn_ppm: NonZeroU32::new(ppm), seed, ..crate::tests::spec("internet") }
}

fn table(seed: u64, ipv4: usize, ipv6: usize) -> Table {
    generate::internet(seed, ipv4, ipv6, Neighbours { v4: 3, v6: 2 }).unwrap()
}

fn prefixes(routes: &[(Prefix, u32)]) -> BTreeSet<Prefix> {
    routes.iter().map(|(prefix, _)| *prefix).collect()
}

#[test]
fn a_table_without_churn_stands_still_and_an_empty_one_has_none() {
    assert!(churned(&table(1, 100, 20), &spec(1, 0)).is_empty());
    assert!(churned(&Table::new(Vec::new(), Origin::default()), &spec(1, 1_000_000)).is_empty());
}

#[test]
fn another_seed_churns_other_routes_and_both_families_churn() {
    let table = table(1, 4000, 1000);
    let (one, two) = (churned(&table, &spec(1, 100_000)), churned(&table, &spec(2, 100_000)));
    assert_ne!(prefixes(&one), prefixes(&two));
    let v4 = one.iter().filter(|(prefix, _)| prefix.family() == Family::V4).count();
    assert!((350..450).contains(&v4), "{v4} of 500, of which 400 are expected");
    assert!(!one.is_sorted(), "in no order of addresses");
}

proptest! {
    #[test]
    fn as_many_as_the_share_says_and_always_the_same(
        seed in any::<u64>(), ipv4 in 1usize..400, ipv6 in 0usize..100, ppm in 1u32..=1_000_000,
    ) {
        let table = table(7, ipv4, ipv6);
        let routes = churned(&table, &spec(seed, ppm));
        let exact = (ipv4 + ipv6) as f64 * f64::from(ppm) / 1e6;
        prop_assert_eq!(routes.len(), exact.ceil() as usize);
        prop_assert_eq!(prefixes(&routes).len(), routes.len(), "each of them once");
        let all: BTreeSet<_> = table.routes().iter().copied().collect();
        prop_assert!(routes.iter().all(|route| all.contains(route)));
        prop_assert_eq!(churned(&table, &spec(seed, ppm)), routes);
    }
}
