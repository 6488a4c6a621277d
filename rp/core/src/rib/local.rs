//! Routes out of the configuration: interfaces, neighbours, static routes.

use super::{
    Interface, Local, LocalChange, Protocol,
    feed::{Feed, Learned},
    hops::{Hop, SetId, Width},
    recursion::{LearnedRoute, Recursion},
    sets::{Resolver, Via},
    table::Table,
    work::SLICE,
};
use crate::fib_feed::FibMaster;
use fabric_proto::{fib::Prefix, id::InterfaceId};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
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

    /// From here on a route has at most so many paths; only differences reach the FIB.
    pub(super) fn set_width(&mut self, width: Width, fib: &mut FibMaster) {
        if width != self.resolver.width {
            self.resolver.width = width;
            self.refresh(fib);
        }
    }

    /// Takes over single changes of the configuration. The work grows with them and with the numbers of static routes and
    /// of next-hop sets; not with the number of interfaces.
    pub(super) fn change(&mut self, changes: Vec<LocalChange>, fib: &mut FibMaster) {
        let mut touched: BTreeSet<Candidate> = BTreeSet::new();
        let mut statics = !self.local.statics.is_empty();
        for change in changes {
            match change {
                LocalChange::Interface(id, new) => self.change_interface(id, new, &mut touched),
                LocalChange::Neighbor(id, address, mac) => {
                    match mac {
                        Some(mac) => self.local.neighbors.insert((id, address), mac),
                        None => self.local.neighbors.remove(&(id, address)),
                    };
                    self.resolver.direct.set_neighbor((id, address), mac);
                    touched.insert(adjacency(address));
                }
                LocalChange::Static(route, is_there) => {
                    statics = true;
                    match is_there {
                        true => self.local.statics.insert(route),
                        false => self.local.statics.remove(&route),
                    };
                }
            }
        }
        if statics {
            touched.extend(statics_of(&self.resolver));
            self.resolver.statics = self.recursion();
            touched.extend(statics_of(&self.resolver));
        }
        self.take_over(&touched, fib);
    }

    fn change_interface(&mut self, id: InterfaceId, new: Option<Interface>, touched: &mut BTreeSet<Candidate>) {
        let neighbors = self.local.neighbors.range((id, ANY_FIRST)..).take_while(|((on, _), _)| *on == id);
        touched.extend(neighbors.map(|((_, address), _)| adjacency(*address)));
        if let Some(new) = &new {
            touched.extend(candidates_of(new));
        }
        let old = match new.clone() {
            Some(new) => self.local.interfaces.insert(id, new),
            None => self.local.interfaces.remove(&id),
        };
        if let Some(old) = &old {
            touched.extend(candidates_of(old));
            self.resolver.direct.remove(id, old);
        }
        if let Some(new) = &new {
            self.resolver.direct.add(id, new);
        }
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
        self.with_learned(|learned| Resolver::new(&self.local, learned, self.resolver.width))
    }

    /// How next hops of static routes are, with what is directly there as it is now.
    fn recursion(&self) -> Recursion {
        let Resolver { direct, width, .. } = &self.resolver;
        self.with_learned(|learned| Recursion::new(&self.local.statics, direct, learned, *width))
    }

    fn with_learned<T>(&self, f: impl FnOnce(&LearnedRoute<'_>) -> T) -> T {
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
        f(&learned)
    }

    fn refresh_with(&mut self, resolver: Resolver, fib: &mut FibMaster) {
        let held = self.candidates.iter();
        let held =
            held.flat_map(|(prefix, all)| all.keys().map(|(distance, protocol)| (*prefix, *distance, *protocol)));
        let mut touched: BTreeSet<Candidate> = held.collect();
        self.resolver = resolver;
        touched.extend(self.local.interfaces.values().flat_map(candidates_of));
        touched.extend(self.local.neighbors.keys().map(|(_, address)| adjacency(*address)));
        touched.extend(statics_of(&self.resolver));
        self.take_over(&touched, fib);
    }

    /// Brings path lists, these candidates and the FIB in line with the configuration.
    fn take_over(&mut self, touched: &BTreeSet<Candidate>, fib: &mut FibMaster) {
        let flips = self.sets.resolve(&self.resolver, fib);
        let mut given_up = Vec::new();
        for candidate in touched {
            let (prefix, distance, protocol) = *candidate;
            let key = (distance, protocol);
            let set = wanted(*candidate, &self.resolver).map(|via| self.sets.hold(via, &self.resolver, fib));
            let all = self.candidates.entry(prefix).or_default();
            given_up.extend(match set {
                Some(set) => all.insert(key, set),
                None => all.remove(&key),
            });
            if all.is_empty() {
                self.candidates.remove(&prefix);
            }
        }
        let prefixes: BTreeSet<Prefix> = touched.iter().map(|(prefix, ..)| *prefix).collect();
        for prefix in prefixes {
            self.select(prefix, fib);
        }
        self.select_local_routes_of(&flips.sets, fib);
        self.select_feed_routes_of(&flips.sets);
        self.work.give_up(given_up, flips.release);
        self.work(SLICE, fib);
    }

    /// Selects anew the static routes and neighbours that may use one of `sets`.
    fn select_local_routes_of(&mut self, sets: &[SetId], fib: &mut FibMaster) {
        if sets.is_empty() {
            return;
        }
        let neighbor = |hop: &Hop| if let Hop::Learned(address) = hop { Some(Prefix::host(*address)) } else { None };
        let hops = sets.iter().filter_map(|set| match self.sets.via(*set)? {
            Via::NextHops(hops) => Some(hops),
            Via::Receive | Via::Network(_) => None,
        });
        let statics = self.resolver.statics.routes().map(|(prefix, ..)| prefix);
        let mut prefixes: BTreeSet<Prefix> = hops.flatten().filter_map(neighbor).chain(statics).collect();
        prefixes.retain(|prefix| self.candidates.contains_key(prefix));
        for prefix in prefixes {
            self.select(prefix, fib);
        }
    }

    /// Selects anew the routes of feeds that use one of `sets` (sorted).
    fn select_feed_routes_of(&mut self, sets: &[SetId]) {
        for learned in self.feeds.values().flat_map(|feed| [&feed.fresh, &feed.stale]) {
            let is_touched = |(number, set): (&u32, &SetId)| sets.binary_search(set).is_ok().then_some(*number);
            let numbers: BTreeSet<u32> = learned.sets.iter().filter_map(is_touched).collect();
            if numbers.is_empty() {
                continue;
            }
            self.work.select(learned.prefixes(|number| numbers.contains(&number)));
        }
    }
}

/// A candidate out of the local configuration: prefix, distance, source.
type Candidate = (Prefix, u8, Protocol);

/// Before every address.
const ANY_FIRST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What an interface may stand for.
fn candidates_of(interface: &Interface) -> Vec<Candidate> {
    let of = |(address, len): &(IpAddr, u8)| {
        let own = (Prefix::host(*address), Protocol::Local.distance(), Protocol::Local);
        let network = Prefix::covering(*address, *len).ok();
        let network = network.map(|network| (network, Protocol::Connected.distance(), Protocol::Connected));
        [own].into_iter().chain(network)
    };
    interface.addresses.iter().flat_map(of).collect()
}

/// What a neighbour may stand for.
fn adjacency(address: IpAddr) -> Candidate {
    (Prefix::host(address), Protocol::Adjacency.distance(), Protocol::Adjacency)
}

/// What static routes stand for, as they are resolved.
fn statics_of(resolver: &Resolver) -> Vec<Candidate> {
    resolver.statics.routes().map(|(prefix, distance, _)| (prefix, distance, Protocol::Static)).collect()
}

/// Where a candidate leads, if it is one as things are.
fn wanted((prefix, distance, protocol): Candidate, resolver: &Resolver) -> Option<Via> {
    let address = prefix.address();
    let is_host = prefix == Prefix::host(address);
    match protocol {
        Protocol::Local => (is_host && resolver.direct.is_own(address)).then_some(Via::Receive),
        Protocol::Connected => {
            let is_shared = resolver.direct.is_network(prefix) && !(is_host && resolver.direct.is_own(address));
            is_shared.then_some(Via::Network(prefix))
        }
        Protocol::Adjacency => {
            (is_host && resolver.direct.has_neighbor(address)).then(|| Via::next_hops(vec![Hop::Learned(address)]))
        }
        Protocol::Static => {
            let hops = resolver.statics.route(prefix, distance)?;
            Some(Via::next_hops(hops.iter().map(|hop| resolver.statics.shared(*hop)).collect()))
        }
        Protocol::Feed => None,
    }
}
