//! Next hops that are neighbours: on the network of an interface that is up.

use super::Local;
use crate::config::not_a_hosts;
use fabric_proto::{
    fib::{Family, Mac, Path, Prefix, left_aligned},
    id::PortId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Interfaces that are up, their networks, and the neighbours on them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Direct {
    ports: BTreeMap<PortId, Mac>,
    /// The lowest port that has a network.
    networks: BTreeMap<Prefix, PortId>,
    /// Lengths of networks, by family.
    lengths: [BTreeSet<u8>; 2],
    own: BTreeSet<IpAddr>,
    neighbors: BTreeMap<(PortId, IpAddr), Mac>,
}

impl Direct {
    pub(super) fn new(local: &Local) -> Self {
        let mut direct = Self { neighbors: local.neighbors.clone(), ..Self::default() };
        for (port, interface) in local.interfaces.iter().filter(|(_, interface)| interface.enabled) {
            direct.ports.insert(*port, interface.mac);
            for (address, len) in &interface.addresses {
                direct.own.insert(*address);
                if let Ok(network) = Prefix::covering(*address, *len) {
                    direct.networks.entry(network).or_insert(*port);
                    direct.lengths[network.family() as usize].insert(*len);
                }
            }
        }
        direct
    }

    /// The longest network that holds an address, and its port. However many networks there are, it is one search for each
    /// length that they have.
    pub(super) fn network(&self, address: IpAddr) -> Option<(Prefix, PortId)> {
        let family = Family::of(address);
        let lengths = self.lengths[family as usize].iter().rev();
        let mut holding = lengths.map(|len| Prefix::from_bits(family, left_aligned(address), *len));
        holding.find_map(|network| Some((network, *self.networks.get(&network)?)))
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
            && !self.own.contains(&address)
            && !self.network(address).is_some_and(|(network, _)| at_an_edge(network))
    }

    /// The path to a neighbour on a port; `None` while the port is down, and where nobody can have that address.
    pub(super) fn path(&self, port: PortId, next_hop: IpAddr) -> Option<Path> {
        let src_mac = *self.ports.get(&port)?;
        if !self.is_foreign(next_hop) {
            return None;
        }
        Some(match self.neighbors.get(&(port, next_hop)) {
            Some(dst_mac) => Path::ethernet(port, next_hop, *dst_mac, src_mac),
            None => Path::Unresolved { next_hop },
        })
    }
}
