//! The table that is looked up, and addresses in it.

use fabric_proto::{
    deploy::TableSpec,
    fib::{Family, Prefix},
};
use std::sync::LazyLock;

/// Path lists that routes are spread over.
pub(crate) const PATH_LISTS: u32 = 64;
/// Enough that no cache holds what they lead to.
pub(crate) const PROBES: usize = 1 << 20;
/// As many as the data thread forwards at once, about.
pub(crate) const BATCH: usize = 256;

/// SplitMix64: the same addresses in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        fabric_proto::random::next(&mut self.0)
    }
}

fn source() -> String {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/tables/bart-prefixes.txt.gz");
    let named = std::env::var("SWACT_TABLE").ok();
    let found = std::path::Path::new(beside).exists().then(|| beside.to_owned());
    named.or(found).unwrap_or_else(|| route_table::INTERNET.to_owned())
}

fn routes() -> Vec<(Prefix, Option<u32>)> {
    let spec = TableSpec {
        source: source(),
        seed: 1,
        ipv4: 900_000,
        ipv6: 160_000,
        next_hops_v4: (0..PATH_LISTS).map(|n| n.to_be_bytes().into()).collect(),
        next_hops_v6: (0..PATH_LISTS).map(|n| u128::from(n).to_be_bytes().into()).collect(),
        rate: 0,
        churn_ppm: None,
    };
    let table = route_table::load(&spec).unwrap_or_else(|error| panic!("{error}"));
    table.routes().iter().map(|(prefix, next_hop)| (*prefix, Some(*next_hop))).collect()
}

/// Routes and their path lists.
pub(crate) static ROUTES: LazyLock<Vec<(Prefix, Option<u32>)>> = LazyLock::new(routes);

/// Prefixes of one family.
pub(crate) fn of_family(family: Family) -> Vec<Prefix> {
    ROUTES.iter().map(|route| route.0).filter(|prefix| prefix.family() == family).collect()
}

/// Addresses inside random routes of a family.
pub(crate) fn hits(family: Family) -> Vec<u128> {
    let mut random = Random(2);
    let routes = of_family(family);
    let hit = |_| {
        let prefix = routes[random.next() as usize % routes.len()];
        let host = u128::from(random.next()) << 64 | u128::from(random.next());
        let host = host.checked_shr(u32::from(prefix.len())).unwrap_or(0);
        (prefix.bits() | host) & (u128::MAX << (128 - u32::from(family.width())))
    };
    (0..PROBES).map(hit).collect()
}
