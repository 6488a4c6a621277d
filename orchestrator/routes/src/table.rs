//! The table itself: sorted routes, the longest-match oracle, destinations for flows.

use crate::{Neighbours, ROUTES_MAX, TableError, random::Random};
use fabric_proto::{
    fib::{Family, Prefix},
    random::mix,
    special::Special,
};
use std::{net::IpAddr, path::Path};

/// Where a table came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceFormat {
    /// Generated.
    #[default]
    Generated,
    /// A prefix list.
    List,
    /// An MRT dump, TABLE_DUMP or TABLE_DUMP_V2.
    Mrt,
}

/// What was read, and what of it is not in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The kind of source.
    pub format: SourceFormat,
    /// Repeated prefixes: the first one stands.
    pub duplicates: u64,
    /// MRT records that hold no unicast route (other types, other families, no entries).
    pub skipped: u64,
    /// Distinct next hops of an MRT dump, IPv4 and IPv6 routes.
    pub next_hops: [usize; 2],
}

/// Routes as they are read: what they cost is bounded by how many distinct ones there are. A dump with an entry a peer
/// repeats each prefix dozens of times.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    routes: Vec<(Prefix, u32)>,
    duplicates: u64,
}

impl Gathered {
    /// Takes one route; refuses the one that would be too many. `path` is for the message.
    pub(crate) fn push(&mut self, path: &Path, route: (Prefix, u32)) -> Result<(), TableError> {
        if self.routes.len() == ROUTES_MAX {
            self.duplicates += leave_first(&mut self.routes);
            // What is freed must be worth the sorting.
            if self.routes.len() > ROUTES_MAX / 8 * 7 {
                return Err(TableError::TooManyRoutes { table: path.display().to_string(), routes: self.routes.len() });
            }
        }
        self.routes.push(route);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The table of them, announced by the lab's neighbours. Each route's number is that of its next hop among the
    /// source's own ([`Origin::next_hops`]).
    pub(crate) fn into_table(self, mut origin: Origin, neighbours: Neighbours) -> Table {
        origin.duplicates += self.duplicates;
        let mut table = Table::new(self.routes, origin);
        table.share_out(neighbours);
        table
    }
}

/// Sorts by prefix and keeps the first of equal ones; says how many others there were.
fn leave_first(routes: &mut Vec<(Prefix, u32)>) -> u64 {
    let before = routes.len();
    // The sort is stable, so the first of equal prefixes stays first.
    routes.sort_by_key(|(prefix, _)| *prefix);
    routes.dedup_by_key(|(prefix, _)| *prefix);
    (before - routes.len()) as u64
}

/// An address to send to: `(address, the prefix that is its longest match, next-hop index)`.
pub type Destination = (IpAddr, Prefix, u32);

/// Routes of both families, sorted by prefix, each prefix once. A route is a prefix and the index of its next
/// hop among the lab's neighbours of that family.
#[derive(Clone, Debug, Default)]
pub struct Table {
    routes: Vec<(Prefix, u32)>,
    /// Position of the next shorter prefix that covers a route, or [`NONE`].
    parents: Vec<u32>,
    v4: usize,
    origin: Origin,
}

const NONE: u32 = u32::MAX;

impl Table {
    /// Sorts; of a repeated prefix the first stands and the others are counted in [`Origin::duplicates`].
    pub fn new(mut routes: Vec<(Prefix, u32)>, mut origin: Origin) -> Self {
        assert!(routes.len() < NONE as usize, "route numbers have 32 bits");
        origin.duplicates += leave_first(&mut routes);
        let v4 = routes.partition_point(|(prefix, _)| prefix.family() == Family::V4);
        let parents = parents(&routes);
        Self { routes, parents, v4, origin }
    }

    /// Puts the lab's neighbours in place of the source's next hops.
    ///
    /// Where the source has as many as the lab or more, its i-th is neighbour i mod n. Where it has fewer, those
    /// neighbours that are i modulo the source's number share the i-th's routes, one each in turn, the last neighbour
    /// first. So all neighbours announce something as long as there are routes for them, and even a table of one
    /// route is behind a tester's last port, to which the smallest experiments send.
    fn share_out(&mut self, neighbours: Neighbours) {
        let (v4, v6) = self.routes.split_at_mut(self.v4);
        for (family, routes) in [(Family::V4, v4), (Family::V6, v6)] {
            let (own, there) = (self.origin.next_hops[family as usize].max(1), neighbours.of(family));
            let mut turns = vec![0usize; own];
            for (_, hop) in routes {
                let number = *hop as usize;
                *hop = if own >= there {
                    neighbours.wrap(family, number as u64)
                } else {
                    let sharing = (there - number).div_ceil(own);
                    let turn = turns[number] % sharing;
                    turns[number] += 1;
                    (number + own * (sharing - 1 - turn)) as u32
                };
            }
        }
    }

    /// The routes, sorted: IPv4 before IPv6, then by address, then by length.
    pub fn routes(&self) -> &[(Prefix, u32)] {
        &self.routes
    }

    /// The routes of one family.
    pub fn family(&self, family: Family) -> &[(Prefix, u32)] {
        let (v4, v6) = self.routes.split_at(self.v4);
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// How many routes a family has.
    pub fn count(&self, family: Family) -> usize {
        self.family(family).len()
    }

    /// What the table was made of.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Longest match: the oracle for what a forwarding table must do.
    pub fn lookup(&self, address: IpAddr) -> Option<(Prefix, u32)> {
        let family = Family::of(address);
        let last = Prefix::covering(address, family.width()).ok()?;
        // Whatever covers the address is at or before it, and covers the last route at or before it as well.
        let mut at = self.routes.partition_point(|(prefix, _)| *prefix <= last).checked_sub(1)?;
        loop {
            let (prefix, next_hop) = self.routes[at];
            if prefix.contains(address) {
                return Some((prefix, next_hop));
            }
            at = self.parents[at] as usize;
            if at == NONE as usize {
                return None;
            }
        }
    }

    /// `n` destinations out of the routes that `filter(prefix, next_hop)` admits, each one's longest match being the
    /// named prefix. Every prefix is used once before one is used again. Fewer than `n` come back only where no
    /// admitted prefix has an address left for itself.
    ///
    /// Addresses that no router forwards ([`Special`]) and the lab's own ([`is_labs_own`]) are not drawn, whatever covers
    /// them.
    pub fn destinations(&self, n: usize, seed: u64, filter: impl Fn(Prefix, u32) -> bool) -> Vec<Destination> {
        self.destinations_among(n, seed, filter, |address, _| !is_labs_own(address))
    }

    /// The same, of addresses that `usable(address, next_hop)` admits in place of all but the lab's own.
    pub fn destinations_among(
        &self,
        n: usize,
        seed: u64,
        filter: impl Fn(Prefix, u32) -> bool,
        usable: impl Fn(IpAddr, u32) -> bool,
    ) -> Vec<Destination> {
        let mut random = Random::new(mix(seed ^ 0x6465_7374));
        let mut order: Vec<u32> = (0u32..)
            .zip(&self.routes)
            .filter(|(_, (prefix, next_hop))| filter(*prefix, *next_hop))
            .map(|(at, _)| at)
            .collect();
        let mut found = Vec::with_capacity(n);
        while found.len() < n && !order.is_empty() {
            let before = found.len();
            let round = order.len().min(n - before);
            // A partial Fisher-Yates shuffle: the first `round` are a fair draw without repetition.
            let mut at = 0;
            while at < order.len() && found.len() - before < round {
                let other = at + random.below((order.len() - at) as u64) as usize;
                order.swap(at, other);
                let route = order[at] as usize;
                let (prefix, next_hop) = self.routes[route];
                let usable = |address: IpAddr| usable(address, next_hop);
                let drawn = self.own_address(route, &mut random, usable);
                found.extend(drawn.map(|address| (address, prefix, next_hop)));
                at += 1;
            }
            if found.len() == before {
                break;
            }
        }
        found
    }

    /// An address whose longest match is route `at`, of those that are usable.
    fn own_address(&self, at: usize, random: &mut Random, usable: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
        let (prefix, _) = self.routes[at];
        let host_bits = u32::from(prefix.family().width() - prefix.len());
        let host_mask = 1u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1);
        let forwarded = |address: IpAddr| usable(address) && Special::of(address).is_none();
        let mine =
            |address: &IpAddr| forwarded(*address) && self.lookup(*address).is_some_and(|(found, _)| found == prefix);
        // Most prefixes have plenty of room of their own.
        const TRIES: usize = 16;
        let drawn = (0..TRIES).map(|_| prefix.nth(random.wide() & host_mask)).find(mine);
        drawn.or_else(|| self.gap(at).filter(mine))
    }

    /// The first address of route `at` that no longer prefix covers.
    fn gap(&self, at: usize) -> Option<IpAddr> {
        let (prefix, _) = self.routes[at];
        let mut free = prefix.bits();
        for (inner, _) in &self.routes[at + 1..] {
            if !prefix.contains(inner.address()) || inner.bits() > free {
                break;
            }
            // An inner prefix of an inner prefix ends before `free`.
            free = free.max(end(*inner)?);
        }
        let offset = (free - prefix.bits()) >> (128 - u32::from(prefix.family().width()));
        Some(prefix.nth(offset)).filter(|address| prefix.contains(*address))
    }
}

/// The left-aligned bits just after a prefix; `None` at the end of the address space.
fn end(prefix: Prefix) -> Option<u128> {
    1u128.checked_shl(128 - u32::from(prefix.len())).and_then(|size| prefix.bits().checked_add(size))
}

/// One pass with a stack of the prefixes that cover the current one.
fn parents(routes: &[(Prefix, u32)]) -> Vec<u32> {
    let mut covering: Vec<u32> = Vec::with_capacity(129);
    let mut parents = Vec::with_capacity(routes.len());
    for (at, (prefix, _)) in (0u32..).zip(routes) {
        while covering.last().is_some_and(|top| !covers(routes[*top as usize].0, *prefix)) {
            covering.pop();
        }
        parents.push(covering.last().copied().unwrap_or(NONE));
        covering.push(at);
    }
    parents
}

/// Whether `outer` covers `inner`, given that it is not longer (they come sorted).
pub(crate) fn covers(outer: Prefix, inner: Prefix) -> bool {
    outer.len() <= inner.len()
        && outer.family() == inner.family()
        && (outer.len() == 0 || (outer.bits() ^ inner.bits()) >> (128 - u32::from(outer.len())) == 0)
}

/// Whether an address is of the space that labs take their own addresses from (10.0.0.0/8, fd00::/8), and not of the
/// Internet.
pub fn is_labs_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.octets()[0] == 10,
        IpAddr::V6(a) => a.octets()[0] == 0xfd,
    }
}
