//! Next hops that are neighbours: on the network of an interface that is up.

use super::{Interface, Link, Local};
use crate::config::not_a_hosts;
use fabric_proto::{
    fib::{Family, Mac, Path, Prefix, Rewrite, left_aligned},
    id::InterfaceId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

/// Interfaces that are up, their networks, and the neighbours on them. What a change costs grows with what it changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Direct {
    /// How neighbours on each are reached.
    links: BTreeMap<InterfaceId, Option<Link>>,
    /// The interfaces that have a network.
    networks: BTreeMap<Prefix, BTreeSet<InterfaceId>>,
    /// How many networks have a length, by family.
    lengths: [BTreeMap<u8, u32>; 2],
    /// How many interfaces have an address.
    own: BTreeMap<IpAddr, u32>,
    neighbors: BTreeMap<(InterfaceId, IpAddr), Mac>,
}

impl Direct {
    pub(super) fn new(local: &Local) -> Self {
        let mut direct = Self { neighbors: local.neighbors.clone(), ..Self::default() };
        local.interfaces.iter().for_each(|(id, interface)| direct.add(*id, interface));
        direct
    }

    /// Takes an interface in, if it is up.
    pub(super) fn add(&mut self, id: InterfaceId, interface: &Interface) {
        if !interface.enabled {
            return;
        }
        self.links.insert(id, interface.link);
        for (address, network) in networks(interface) {
            *self.own.entry(address).or_default() += 1;
            let holders = self.networks.entry(network).or_default();
            if holders.is_empty() {
                *self.lengths[network.family() as usize].entry(network.len()).or_default() += 1;
            }
            holders.insert(id);
        }
    }

    /// Takes an interface out that was taken in as it is given.
    pub(super) fn remove(&mut self, id: InterfaceId, interface: &Interface) {
        if !interface.enabled {
            return;
        }
        self.links.remove(&id);
        for (address, network) in networks(interface) {
            decrement(&mut self.own, address);
            // An interface may have several addresses of a network.
            let Some(holders) = self.networks.get_mut(&network).filter(|holders| holders.contains(&id)) else {
                continue;
            };
            holders.remove(&id);
            if holders.is_empty() {
                self.networks.remove(&network);
                decrement(&mut self.lengths[network.family() as usize], network.len());
            }
        }
    }

    /// Takes a neighbour in, or out.
    pub(super) fn set_neighbor(&mut self, key: (InterfaceId, IpAddr), mac: Option<Mac>) {
        match mac {
            Some(mac) => self.neighbors.insert(key, mac),
            None => self.neighbors.remove(&key),
        };
    }

    /// The longest network that holds an address, and the first interface that has it. However many networks there are, it
    /// is one search for each length that they have.
    pub(super) fn network(&self, address: IpAddr) -> Option<(Prefix, InterfaceId)> {
        let family = Family::of(address);
        let lengths = self.lengths[family as usize].keys().rev();
        let mut holding = lengths.map(|len| Prefix::from_bits(family, left_aligned(address), *len));
        holding.find_map(|network| Some((network, *self.networks.get(&network)?.first()?)))
    }

    /// Whether a prefix is a network of an interface.
    pub(super) fn is_network(&self, prefix: Prefix) -> bool {
        self.networks.contains_key(&prefix)
    }

    /// Whether an address is an interface's.
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains_key(&address)
    }

    /// Whether a neighbour with this address is there, on the network that the address is of.
    pub(super) fn has_neighbor(&self, address: IpAddr) -> bool {
        let known = |(_, interface)| self.neighbors.contains_key(&(interface, address));
        self.network(address).is_some_and(known) && self.is_foreign(address)
    }

    /// Whether an address can be another router's: not this chassis' own, and no network's or broadcast address.
    pub(super) fn is_foreign(&self, address: IpAddr) -> bool {
        let at_an_edge = |network: Prefix| {
            let host_bits = network.family().width() - network.len();
            // Both addresses of a /31 are hosts (RFC 3021), and IPv6 has no broadcast.
            network.family() == Family::V4
                && host_bits > 1
                && (address == network.address() || address == network.nth((1 << host_bits) - 1))
        };
        not_a_hosts(address).is_none()
            && !self.is_own(address)
            && !self.network(address).is_some_and(|(network, _)| at_an_edge(network))
    }

    /// The path to a neighbour on an interface; `None` while that is down, and where nobody can have that address.
    pub(super) fn path(&self, interface: InterfaceId, next_hop: IpAddr) -> Option<Path> {
        let Link { port, mac, vlan } = (*self.links.get(&interface)?)?;
        if !self.is_foreign(next_hop) {
            return None;
        }
        Some(match (self.neighbors.get(&(interface, next_hop)), vlan) {
            (Some(dst_mac), None) => Path::ethernet(port, next_hop, *dst_mac, mac),
            (Some(dst_mac), Some(vlan)) => {
                Path::Port { port, next_hop, rewrite: Arc::new(Rewrite::tagged(*dst_mac, mac, vlan)) }
            }
            (None, _) => Path::Unresolved { next_hop },
        })
    }
}

/// Addresses of an interface, each with its network.
fn networks(interface: &Interface) -> impl Iterator<Item = (IpAddr, Prefix)> + '_ {
    interface.addresses.iter().filter_map(|(address, len)| Some((*address, Prefix::covering(*address, *len).ok()?)))
}

fn decrement<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}
