//! The table for show commands.

use super::{
    Hop, Protocol, Rib, Route, Summary, Via,
    table::{Best, Table},
};
use fabric_proto::{
    fib::{Family, Prefix, left_aligned},
    id::{InterfaceId, TableId},
};
use std::net::IpAddr;

impl Rib {
    /// The best route of exactly this prefix in a table.
    pub fn get(&self, table: TableId, prefix: Prefix) -> Option<Route> {
        self.tables.0.get(&table)?.get(prefix)
    }

    /// The port of a table's next hop that is a neighbour; `None` where another route leads to it, and for `Null0`.
    pub fn interface_of(&self, table: TableId, hop: Hop) -> Option<InterfaceId> {
        self.tables.0.get(&table)?.resolver.interface_of(hop)
    }

    /// The best route of a table towards an address: of the longest prefix that covers it.
    pub fn lookup(&self, table: TableId, address: IpAddr) -> Option<Route> {
        let table = self.tables.0.get(&table)?;
        let family = Family::of(address);
        let covering = |len| Prefix::from_bits(family, left_aligned(address), len);
        (0..=family.width()).rev().find_map(|len| table.get(covering(len)))
    }

    /// Every best route of a table and family, by prefix. Sorts the prefixes of the whole table: for show commands.
    pub fn routes(&self, table: TableId, family: Family) -> impl Iterator<Item = Route> + '_ {
        let table = self.tables.0.get(&table);
        let prefixes = table.map(Table::sorted_prefixes).unwrap_or_default();
        let of_family = prefixes.into_iter().filter(move |prefix| prefix.family() == family);
        of_family.filter_map(move |prefix| table?.get(prefix))
    }

    /// Counts of a table's best routes. Looks at every route: for show commands.
    pub fn summary(&self, table: TableId) -> Summary {
        self.tables.0.get(&table).map(Table::summary).unwrap_or_default()
    }

    /// Next-hop sets that are unusable because no path-list number was free.
    pub fn refused_sets(&self) -> u64 {
        self.tables.0.values().map(|table| table.sets.refused).sum()
    }
}

impl Table {
    fn get(&self, prefix: Prefix) -> Option<Route> {
        let Best { protocol, distance, metric, set, paths, stale } = self.best(prefix)?;
        let via = match self.sets.via(set)? {
            Via::NextHops(hops) => Via::NextHops(self.resolver.resolve_hops(hops).0),
            via => via.clone(),
        };
        Some(Route { prefix, protocol, distance, metric, via, paths, stale })
    }

    fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for prefix in self.sorted_prefixes() {
            if let Some(best) = self.best(prefix) {
                summary.best[best.protocol as usize][prefix.family() as usize] += 1;
            }
        }
        for family in Family::ALL {
            let learned = self.feeds.values().flat_map(|feed| [&feed.fresh, &feed.stale]);
            summary.feed[family as usize] = learned.map(|learned| learned.routes.len(family) as u64).sum();
        }
        summary
    }

    fn sorted_prefixes(&self) -> Vec<Prefix> {
        let mut prefixes: Vec<Prefix> = self.prefixes().collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes
    }

    /// Every prefix that has a candidate; some more than once.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        let learned = self.feeds.values().flat_map(|feed| [&feed.fresh, &feed.stale]);
        self.candidates.keys().copied().chain(learned.flat_map(|learned| learned.routes.plain().map(|(p, _)| p)))
    }
}

impl Summary {
    /// Best routes of one source, IPv4 and IPv6.
    pub fn of(&self, protocol: Protocol) -> [u64; 2] {
        self.best[protocol as usize]
    }
}
