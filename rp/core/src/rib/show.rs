//! The table for show commands.

use super::{Best, Hop, Protocol, Rib, Route, Summary, Via};
use fabric_proto::{
    fib::{Family, Prefix, left_aligned},
    id::PortId,
};
use std::net::IpAddr;

impl Rib {
    /// The best route of exactly this prefix.
    pub fn get(&self, prefix: Prefix) -> Option<Route> {
        let Best { protocol, distance, set, paths, stale } = self.best(prefix)?;
        let via = match self.sets.via(set)? {
            Via::NextHops(hops) => Via::NextHops(self.resolver.resolve_hops(hops).0),
            via => via.clone(),
        };
        Some(Route { prefix, protocol, distance, via, paths, stale })
    }

    /// The port of a next hop that is a neighbour; `None` where another route leads to it, and for `Null0`.
    pub fn port_of(&self, hop: Hop) -> Option<PortId> {
        self.resolver.port_of(hop)
    }

    /// The best route towards an address: of the longest prefix that covers it.
    pub fn lookup(&self, address: IpAddr) -> Option<Route> {
        let family = Family::of(address);
        let covering = |len| Prefix::from_bits(family, left_aligned(address), len);
        (0..=family.width()).rev().find_map(|len| self.get(covering(len)))
    }

    /// Every best route of a family, by prefix. Sorts the prefixes of the whole table: for show commands.
    pub fn routes(&self, family: Family) -> impl Iterator<Item = Route> + '_ {
        let mut prefixes: Vec<Prefix> = self.prefixes().filter(|prefix| prefix.family() == family).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes.into_iter().filter_map(|prefix| self.get(prefix))
    }

    /// Counts of best routes. Looks at every route: for show commands.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        let mut prefixes: Vec<Prefix> = self.prefixes().collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        for prefix in prefixes {
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

    /// Next-hop sets that are unusable because no path-list number was free.
    pub fn refused_sets(&self) -> u64 {
        self.sets.refused
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
