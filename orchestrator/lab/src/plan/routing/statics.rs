//! Static routes of one table, followed to neighbours.

use super::{Exit, Route, Routing};
use fabric_proto::fib::{Family, Prefix, left_aligned};
use rp_core::config::{RouteTarget, VrfName};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// A route of this distance is never used.
const UNBELIEVED: u8 = 255;
/// Next hops that a route uses; which of more is the route processor's affair.
const PATHS_MAX: usize = 16;
/// Routes that are followed one through the other: no configuration has such a chain, and a stack has its end.
const DEPTH_MAX: usize = 64;

/// The static routes of a table, and what is known of them.
pub(super) struct Statics<'r> {
    routing: &'r Routing<'r>,
    vrf: Option<&'r VrfName>,
    targets: BTreeMap<Prefix, BTreeMap<u8, Vec<RouteTarget>>>,
    /// Where prefixes lead that have been looked at; those that are being looked at cannot be told.
    known: BTreeMap<Prefix, (u8, Leads)>,
}

/// Where a route or a next hop leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Leads {
    /// It cannot be used.
    Nowhere,
    /// To a drop, or somewhere that the configuration alone does not say.
    Unsure,
    /// To these neighbours.
    To(BTreeSet<Exit>),
}

impl<'r> Statics<'r> {
    pub(super) fn of(routing: &'r Routing<'_>, vrf: Option<&'r VrfName>) -> Self {
        let mut targets: BTreeMap<Prefix, BTreeMap<u8, Vec<RouteTarget>>> = BTreeMap::new();
        for (route, distance) in routing.startup.config.routes_in(vrf).filter(|(_, distance)| *distance != UNBELIEVED) {
            targets.entry(route.prefix).or_default().entry(distance).or_default().push(route.target);
        }
        Self { routing, vrf, targets, known: BTreeMap::new() }
    }

    /// All of them. One that cannot be used hides what is behind it all the same: another source may make it usable.
    pub(super) fn routes(&mut self) -> Vec<Route> {
        let prefixes: Vec<Prefix> = self.targets.keys().copied().collect();
        let route = |prefix| {
            let (distance, leads) = self.follow(prefix, DEPTH_MAX);
            Route { prefix, distance, exits: leads.exits() }
        };
        prefixes.into_iter().map(route).collect()
    }

    /// Where packets to a next hop leave.
    pub(super) fn towards(&mut self, next_hop: IpAddr) -> Vec<Exit> {
        self.reached(next_hop, DEPTH_MAX).exits()
    }

    /// Where the route of a prefix leads: by the lowest distance of which a next hop can be used.
    fn follow(&mut self, prefix: Prefix, depth: usize) -> (u8, Leads) {
        if let Some(known) = self.known.get(&prefix) {
            return known.clone();
        }
        let targets = self.targets.get(&prefix).cloned().unwrap_or_default();
        let lowest = targets.keys().next().copied().unwrap_or(UNBELIEVED);
        if depth == 0 {
            return (lowest, Leads::Unsure);
        }
        self.known.insert(prefix, (lowest, Leads::Unsure));
        let mut found = (lowest, Leads::Nowhere);
        for (distance, targets) in targets {
            let leads = self.shared(&targets, depth);
            if leads != Leads::Nowhere {
                found = (distance, leads);
                break;
            }
        }
        self.known.insert(prefix, found.clone());
        found
    }

    /// Where next hops of equal distance lead together.
    fn shared(&mut self, targets: &[RouteTarget], depth: usize) -> Leads {
        let mut exits = BTreeSet::new();
        let mut sure = targets.len() <= PATHS_MAX;
        for target in targets {
            let leads = match target {
                RouteTarget::Via(next_hop) => self.reached(*next_hop, depth - 1),
                RouteTarget::On(interface, next_hop) => match self.routing.is_up(*interface) {
                    true => self.routing.neighbour(*interface, *next_hop),
                    false => Leads::Nowhere,
                },
                RouteTarget::Null0 => Leads::Unsure,
            };
            match leads {
                Leads::Nowhere => {}
                Leads::Unsure => sure = false,
                Leads::To(more) => exits.extend(more),
            }
        }
        match (sure, exits.is_empty()) {
            (false, _) => Leads::Unsure,
            (true, true) => Leads::Nowhere,
            (true, false) => Leads::To(exits),
        }
    }

    /// Where the longest route leads that covers a next hop and can be used.
    fn reached(&mut self, next_hop: IpAddr, depth: usize) -> Leads {
        let network = self.routing.network(self.vrf, next_hop);
        let family = Family::of(next_hop);
        for len in (0..=family.width()).rev() {
            if let Some((_, interface)) = network.filter(|(network, _)| network.len() == len) {
                return self.routing.neighbour(interface, next_hop);
            }
            let prefix = Prefix::from_bits(family, left_aligned(next_hop), len);
            if !self.targets.contains_key(&prefix) {
                continue;
            }
            let (_, leads) = self.follow(prefix, depth);
            if leads != Leads::Nowhere {
                return leads;
            }
        }
        Leads::Nowhere
    }
}

impl Leads {
    fn exits(self) -> Vec<Exit> {
        match self {
            Self::To(exits) => exits.into_iter().collect(),
            Self::Nowhere | Self::Unsure => Vec::new(),
        }
    }
}

impl Routing<'_> {
    fn is_own(&self, interface: fabric_proto::id::InterfaceId, address: IpAddr) -> bool {
        self.interface(interface).is_some_and(|own| own.addresses().any(|own| own.address == address))
    }

    /// A neighbour; one that nobody has named, and that is no node's, is not known.
    fn neighbour(&self, interface: fabric_proto::id::InterfaceId, address: IpAddr) -> Leads {
        let at_node = || self.nodes.get(&interface.port()?).filter(|_| !self.is_own(interface, address));
        match self.neighbours.get(&(interface, address)).or_else(at_node) {
            Some(mac) => Leads::To(BTreeSet::from([Exit { interface, mac: *mac }])),
            None => Leads::Unsure,
        }
    }
}
