use crate::{Neighbours, Origin, ROUTES_MAX, SourceFormat, Table, TableError, load, source, table::Gathered};
use fabric_proto::{
    deploy::TableSpec,
    fib::{Family, Prefix},
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufReader, Cursor, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};

mod files;
mod fuzz;
mod generated;
mod mrt;

const NEIGHBOURS: Neighbours = Neighbours { v4: 8, v6: 4 };

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn parse(bytes: &[u8]) -> Result<Table, TableError> {
    source::read_from(Path::new("table"), BufReader::new(Cursor::new(bytes.to_vec())), NEIGHBOURS)
}

fn table(prefixes: &[&str]) -> Table {
    Table::new((0..).zip(prefixes).map(|(n, text)| (prefix(text), n)).collect(), Origin::default())
}

pub(crate) fn spec(source: &str) -> TableSpec {
    TableSpec {
        source: source.to_owned(),
        seed: 1,
        ipv4: 0,
        ipv6: 0,
        next_hops_v4: vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()],
        next_hops_v6: vec!["fd00::1".parse().unwrap()],
        rate: 0,
        churn_ppm: None,
    }
}

#[test]
fn longest_match_climbs_from_the_nearest_prefix_to_the_ones_that_cover_it() {
    let table = table(&["1.0.0.0/8", "1.2.0.0/16", "1.2.3.0/24", "1.2.3.4/32", "1.2.200.0/24", "2001:db8::/32"]);
    for (text, expected) in [
        ("1.2.3.4", Some("1.2.3.4/32")),
        ("1.2.3.5", Some("1.2.3.0/24")),
        ("1.2.4.0", Some("1.2.0.0/16")),
        ("1.2.201.1", Some("1.2.0.0/16")),
        ("1.3.0.0", Some("1.0.0.0/8")),
        ("0.255.255.255", None),
        ("2.0.0.0", None),
        ("2001:db8::1", Some("2001:db8::/32")),
        ("2001:db9::", None),
        ("::", None),
    ] {
        assert_eq!(table.lookup(address(text)).map(|(found, _)| found), expected.map(prefix), "{text}");
    }
}

#[test]
fn a_default_route_takes_the_rest_of_its_family_only() {
    let table = table(&["0.0.0.0/0", "8.0.0.0/8"]);
    assert_eq!(table.lookup(address("255.255.255.255")).unwrap().0, prefix("0.0.0.0/0"));
    assert_eq!(table.lookup(address("8.8.8.8")).unwrap().0, prefix("8.0.0.0/8"));
    assert_eq!(table.lookup(address("2001:db8::1")), None);
}

#[test]
fn the_first_of_repeated_prefixes_stands_and_the_others_are_counted() {
    let table = table(&["9.0.0.0/8", "1.0.0.0/8", "9.0.0.0/8", "1.0.0.0/8", "1.0.0.0/9"]);
    let routes = [("1.0.0.0/8", 1), ("1.0.0.0/9", 4), ("9.0.0.0/8", 0)].map(|(text, n)| (prefix(text), n));
    assert_eq!(table.routes(), routes);
    assert_eq!(table.origin().duplicates, 2);
}

#[test]
fn destinations_are_owned_by_their_prefix_and_use_every_prefix_before_one_twice() {
    // 1.0.0.0/30 is left one address of its own, 2.0.0.0/31 none, and the lab's own space is never drawn from.
    let table = table(&[
        "1.0.0.0/30",
        "1.0.0.0/31",
        "1.0.0.2/32",
        "2.0.0.0/31",
        "2.0.0.0/32",
        "2.0.0.1/32",
        "10.0.0.0/8",
        "fd00::/8",
        "224.0.0.0/4",
    ]);
    let drawn = table.destinations(12, 7, |_, _| true);
    assert_eq!(drawn.len(), 12);
    for (address, prefix, next_hop) in &drawn {
        assert_eq!(table.lookup(*address), Some((*prefix, *next_hop)));
    }
    let first: BTreeSet<_> = drawn.iter().take(5).map(|(_, prefix, _)| *prefix).collect();
    assert_eq!(first.len(), 5, "{drawn:?}");
    assert!(first.contains(&prefix("1.0.0.0/30")) && !first.contains(&prefix("2.0.0.0/31")), "{first:?}");
    assert!(table.destinations(3, 7, |prefix, _| prefix.len() == 31 && prefix.bits() >> 120 == 2).is_empty());
    assert!(table.destinations(3, 7, |_, next_hop| next_hop == 6 || next_hop == 7).is_empty(), "the lab's own space");
}

#[test]
fn a_list_is_announced_by_all_neighbours_in_turn_the_last_one_first() {
    let list = |routes: u32| (0..routes).map(|n| format!("{}.0.0.0/8\n", 11 + n)).collect::<String>();
    for routes in [1, 3, 8, 20] {
        let table = parse(list(routes).as_bytes()).unwrap();
        let announced: Vec<u32> = table.routes().iter().map(|(_, next_hop)| *next_hop).collect();
        assert_eq!(announced, (0..routes).map(|n| 7 - n % 8).collect::<Vec<_>>());
    }
    // Lines that say the same again have no turn.
    let table = parse(b"11.0.0.0/8\n11.0.0.0/8\n12.0.0.0/8\n12.0.0.0/8\n").unwrap();
    assert_eq!(table.routes(), [(prefix("11.0.0.0/8"), 7), (prefix("12.0.0.0/8"), 6)]);
}

#[test]
fn few_prefixes_serve_many_flows_evenly() {
    let list = "11.0.0.0/8\n12.0.0.0/24\n13.0.0.1/32\n2a00::/128\n";
    let table = parse(list.as_bytes()).unwrap();
    let mut flows: BTreeMap<Prefix, u32> = BTreeMap::new();
    for (address, prefix, _) in table.destinations(1000, 3, |_, _| true) {
        assert_eq!(table.lookup(address).unwrap().0, prefix);
        *flows.entry(prefix).or_default() += 1;
    }
    assert_eq!(flows.into_values().collect::<Vec<_>>(), [250; 4]);
}

#[test]
fn a_prefix_that_comes_again_and_again_takes_no_place() {
    let mut routes = Gathered::default();
    for n in 0..ROUTES_MAX as u32 + 10 {
        let covering = Prefix::covering(IpAddr::from(((n % 1000) << 8).to_be_bytes()), 24).unwrap();
        routes.push(Path::new("table"), (covering, n)).unwrap();
    }
    let origin = Origin { next_hops: [ROUTES_MAX + 10, 0], ..Origin::default() };
    let table = routes.into_table(origin, Neighbours { v4: ROUTES_MAX + 10, v6: 0 });
    assert_eq!(table.routes().len(), 1000);
    assert_eq!(table.origin().duplicates, ROUTES_MAX as u64 + 10 - 1000);
    assert!(table.routes().iter().all(|(_, first)| *first < 1000), "the first one stands");
}

#[test]
fn destinations_come_from_the_seed_and_heed_the_filter() {
    let table = crate::generate::internet(3, 2000, 500, NEIGHBOURS).unwrap();
    let drawn = table.destinations(300, 5, |prefix, next_hop| prefix.family() == Family::V6 && next_hop == 1);
    assert_eq!(drawn, table.destinations(300, 5, |prefix, next_hop| prefix.family() == Family::V6 && next_hop == 1));
    assert_eq!(drawn.len(), 300);
    assert!(drawn.iter().all(|(address, _, next_hop)| address.is_ipv6() && *next_hop == 1));
    assert_ne!(table.destinations(9, 5, |_, _| true), table.destinations(9, 6, |_, _| true));
}

#[test]
fn a_family_without_neighbours_is_refused() {
    let mut lone = spec("internet");
    (lone.ipv4, lone.ipv6) = (10, 10);
    lone.next_hops_v6.clear();
    let error = load(&lone).unwrap_err();
    assert!(matches!(error, TableError::NoNeighbours { family: Family::V6, routes: 10, .. }), "{error}");
    lone.ipv6 = 0;
    assert_eq!(load(&lone).unwrap().count(Family::V4), 10);
}

proptest! {
    #[test]
    fn lookup_agrees_with_trying_every_route(
        routes in proptest::collection::vec((0u32..64, 0u8..=6), 1..40),
        probes in proptest::collection::vec(any::<u32>(), 20),
    ) {
        // Six bits at the top make prefixes nest often.
        let routes: Vec<_> = (0..)
            .zip(routes)
            .map(|(n, (bits, len))| (Prefix::covering(IpAddr::from((bits << 26).to_be_bytes()), len).unwrap(), n))
            .collect();
        let table = Table::new(routes, Origin::default());
        for probe in probes {
            let probe = IpAddr::from(probe.to_be_bytes());
            let best = table.routes().iter().filter(|(p, _)| p.contains(probe)).max_by_key(|(p, _)| p.len()).copied();
            prop_assert_eq!(table.lookup(probe), best);
        }
        for (at, prefix, _) in table.destinations(30, 1, |_, _| true) {
            prop_assert_eq!(table.lookup(at).unwrap().0, prefix);
        }
    }
}
