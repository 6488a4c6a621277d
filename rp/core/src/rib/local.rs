//! Routes out of the configuration: interfaces, neighbours, static routes.

use super::{
    Local, Protocol,
    feed::{Feed, Learned},
    hops::{Hop, SetId},
    sets::{Resolver, Via},
    table::{Candidates, Table},
};
use crate::fib_feed::FibMaster;
use fabric_proto::fib::{Family, Prefix};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

impl Table {
    /// Replaces the whole local configuration; only differences reach the FIB.
    pub(super) fn configure(&mut self, local: Local, fib: &mut FibMaster) {
        if local == self.local {
            return;
        }
        self.local = local;
        self.refresh(fib);
    }

    /// Withdraws everything: the table goes.
    pub(super) fn clear(&mut self, fib: &mut FibMaster) {
        let learned: Vec<Learned> =
            std::mem::take(&mut self.feeds).into_values().flat_map(|feed| [feed.fresh, feed.stale]).collect();
        self.configure(Local::default(), fib);
        for prefix in learned.iter().flat_map(|learned| learned.prefixes(|_| true)) {
            self.select(prefix, fib);
        }
        for set in learned.into_iter().flat_map(|learned| learned.sets.into_values()) {
            self.sets.let_go(set, fib);
        }
    }

    /// Brings path lists, local candidates and the FIB in line with the configuration. The work grows with the
    /// configuration and the number of next-hop sets; with the number of routes only where a set became usable
    /// or unusable.
    pub(super) fn refresh(&mut self, fib: &mut FibMaster) {
        let resolver = self.resolver();
        self.refresh_with(resolver, fib);
    }

    /// Learned routes changed that next hops of static routes may be reached by. The work grows with the number of
    /// static routes, unless one does lead elsewhere now.
    pub(super) fn resolve_again(&mut self, fib: &mut FibMaster) {
        if !self.resolver.statics.tracks_any() {
            return;
        }
        let resolver = self.resolver();
        if resolver != self.resolver {
            self.refresh_with(resolver, fib);
        }
    }

    /// How next hops are resolved now.
    fn resolver(&self) -> Resolver {
        let learned = |prefix| {
            let of = |feed: &Feed| {
                let (set, _) = feed.get(prefix)?;
                match self.sets.via(set)? {
                    Via::NextHops(hops) => Some((feed.source, set, hops.as_slice())),
                    Via::Receive | Via::Network(_) => None,
                }
            };
            let best = self.feeds.values().filter_map(of).min_by_key(|(source, ..)| (source.distance, source.metric));
            best.map(|(source, set, hops)| (source.distance, set, hops))
        };
        Resolver::new(&self.local, &learned)
    }

    fn refresh_with(&mut self, resolver: Resolver, fib: &mut FibMaster) {
        self.resolver = resolver;
        let flips = self.sets.resolve(&self.resolver, fib);
        let mut candidates: BTreeMap<Prefix, Candidates> = BTreeMap::new();
        for ((prefix, distance, protocol), via) in wanted(&self.local, &self.resolver) {
            let set = self.sets.hold(via, &self.resolver, fib);
            candidates.entry(prefix).or_default().insert((distance, protocol), set);
        }
        let before = std::mem::replace(&mut self.candidates, candidates);
        let prefixes: BTreeSet<Prefix> = before.keys().chain(self.candidates.keys()).copied().collect();
        for prefix in prefixes {
            self.select(prefix, fib);
        }
        self.select_feed_routes_of(&flips.sets, fib);
        // Only now does no route use what is given up here.
        for set in before.into_values().flat_map(BTreeMap::into_values) {
            self.sets.let_go(set, fib);
        }
        for list in flips.release {
            fib.release(list);
        }
    }

    /// Selects anew the routes of feeds that use one of `sets` (sorted).
    fn select_feed_routes_of(&self, sets: &[SetId], fib: &mut FibMaster) {
        for learned in self.feeds.values().flat_map(|feed| [&feed.fresh, &feed.stale]) {
            let is_touched = |(number, set): (&u32, &SetId)| sets.binary_search(set).is_ok().then_some(*number);
            let numbers: BTreeSet<u32> = learned.sets.iter().filter_map(is_touched).collect();
            if numbers.is_empty() {
                continue;
            }
            for prefix in learned.prefixes(|number| numbers.contains(&number)) {
                self.select(prefix, fib);
            }
        }
    }
}

/// The candidates that a configuration stands for.
fn wanted(local: &Local, resolver: &Resolver) -> BTreeMap<(Prefix, u8, Protocol), Via> {
    let mut wanted = BTreeMap::new();
    let mut put = |prefix, protocol: Protocol, via| wanted.insert((prefix, protocol.distance(), protocol), via);
    for interface in local.interfaces.values().filter(|interface| interface.enabled) {
        for (address, len) in &interface.addresses {
            put(host(*address), Protocol::Local, Via::Receive);
            if let Ok(network) = Prefix::covering(*address, *len)
                && network != host(*address)
            {
                put(network, Protocol::Connected, Via::Network(network));
            }
        }
    }
    for (port, address) in local.neighbors.keys() {
        if resolver.direct.network(*address).is_some_and(|(_, on)| on == *port) && resolver.direct.is_foreign(*address)
        {
            put(host(*address), Protocol::Adjacency, Via::next_hops(vec![Hop::Learned(*address)]));
        }
    }
    for (prefix, distance, hops) in resolver.statics.routes() {
        let hops = hops.iter().map(|hop| resolver.statics.shared(*hop)).collect();
        wanted.insert((prefix, distance, Protocol::Static), Via::next_hops(hops));
    }
    wanted
}

/// The prefix of one address.
fn host(address: IpAddr) -> Prefix {
    let family = Family::of(address);
    Prefix::from_bits(family, fabric_proto::fib::left_aligned(address), family.width())
}
