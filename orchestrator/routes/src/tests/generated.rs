//! The generated Internet.

use super::*;
use crate::generate::{LENGTHS_V4, LENGTHS_V6, internet};

fn lengths(table: &Table, family: Family, len: u8) -> usize {
    table.family(family).iter().filter(|(prefix, _)| prefix.len() == len).count()
}

#[test]
fn sizes_are_exact_from_nothing_to_a_full_table() {
    for (v4, v6) in [(0, 0), (1, 0), (0, 1), (7, 3), (1000, 1000), (200_000, 60_000)] {
        let table = internet(1, v4, v6, NEIGHBOURS).unwrap();
        assert_eq!((table.count(Family::V4), table.count(Family::V6)), (v4, v6));
        assert_eq!(table.origin().duplicates, 0);
    }
}

#[test]
fn one_seed_gives_one_table() {
    let one = internet(1, 5000, 2000, NEIGHBOURS).unwrap();
    assert_eq!(one.routes(), internet(1, 5000, 2000, NEIGHBOURS).unwrap().routes());
    assert_ne!(one.routes(), internet(2, 5000, 2000, NEIGHBOURS).unwrap().routes());
}

#[test]
fn prefix_lengths_have_the_internets_shares() {
    let table = internet(9, 901_899, 160_147, NEIGHBOURS).unwrap();
    for (family, counts) in [(Family::V4, LENGTHS_V4), (Family::V6, LENGTHS_V6)] {
        for (len, count) in counts {
            assert_eq!(lengths(&table, family, *len), *count as usize, "{family} /{len}");
        }
    }
}

#[test]
fn a_table_beyond_the_internets_spills_into_longer_prefixes() {
    let table = internet(1, 3 << 20, 1 << 20, NEIGHBOURS).unwrap();
    assert_eq!(table.routes().len(), ROUTES_MAX);
    let error = internet(1, ROUTES_MAX, 1, NEIGHBOURS).unwrap_err();
    assert!(matches!(error, TableError::TooManyRoutes { .. }), "{error}");
}

#[test]
fn nothing_lies_in_or_over_reserved_space_and_prefixes_nest() {
    let table = internet(4, 100_000, 40_000, NEIGHBOURS).unwrap();
    let reserved = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "fd00::/8",
        "fe80::/10",
        "ff00::/8",
        "2001:db8::/32",
        "::/3",
        "4000::/2",
    ]
    .map(prefix);
    for (route, _) in table.routes() {
        for taken in reserved {
            assert!(!taken.contains(route.address()) && !route.contains(taken.address()), "{route} and {taken}");
        }
    }
    let nested = |family| {
        let covered = |(route, _): &&(Prefix, u32)| {
            (1..route.len()).any(|len| {
                let outer = Prefix::from_bits(route.family(), route.bits(), len);
                table.routes().binary_search_by_key(&outer, |(prefix, _)| *prefix).is_ok()
            })
        };
        table.family(family).iter().filter(covered).count() as f64 / table.count(family) as f64
    };
    assert!(nested(Family::V4) > 0.05, "{}", nested(Family::V4));
    assert!(nested(Family::V6) > 0.4, "{}", nested(Family::V6));
}

#[test]
fn next_hops_are_spread_evenly_and_depend_on_the_prefix_alone() {
    let table = internet(4, 80_000, 40_000, NEIGHBOURS).unwrap();
    for family in Family::ALL {
        let mut counts = vec![0usize; NEIGHBOURS.of(family)];
        for (_, next_hop) in table.family(family) {
            counts[*next_hop as usize] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
    }
    let larger = internet(5, 160_000, 0, NEIGHBOURS).unwrap();
    for (prefix, next_hop) in larger.routes() {
        if let Ok(at) = table.routes().binary_search_by_key(prefix, |(other, _)| *other) {
            assert_eq!(table.routes()[at].1, *next_hop);
        }
    }
}
