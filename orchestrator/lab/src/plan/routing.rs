//! What a chassis' startup configuration makes of packets: the tag and the table of each interface, and where each route
//! leads.
//!
//! A tester expects what is worked out here. It is worked out from the configuration, by the rules of docs/routing.md, and
//! not by the route processor's own code: a mistake there must not be made here once more. A port with a wire counts
//! as up. What cannot be told from the configuration alone (a share of the load that is dropped, next hops in a circle)
//! leads nowhere here, so that no flow is drawn to it.

mod statics;

use super::{config::generated, nodes::node_mac};
use crate::topology::{Chassis, LinkEnd, NodePort, Startup, Topology};
use fabric_proto::{
    fib::{Family, Mac, Prefix},
    id::{InterfaceId, PortId},
    special::is_link_local,
};
use rp_core::config::{Interface, Neighbour, NeighbourKey, NeighbourScope, VrfName};
use statics::Statics;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// A neighbour's adjacency counts last: any route for exactly its address says more.
const ADJACENCY: u8 = 255;
/// The tester's own place in a network that is large enough for generated neighbours: the first of them.
const FIRST_NEIGHBOUR: u128 = 10;

/// Where packets leave a chassis: to a neighbour on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exit {
    /// The interface.
    pub interface: InterfaceId,
    /// The neighbour's address.
    pub mac: Mac,
}

/// A route out of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub prefix: Prefix,
    /// Administrative distance: against another route of the same prefix, the lower counts.
    pub distance: u8,
    /// Where it leads, over all its equal-cost paths; nowhere: to the chassis itself, to a drop, or it cannot be told.
    pub exits: Vec<Exit>,
}

/// Why no traffic can come or go by an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is not in the configuration.
    #[error("{chassis} has no interface {interface}")]
    Missing {
        /// The chassis.
        chassis: String,
        /// The interface.
        interface: InterfaceId,
        /// What to do.
        remedy: String,
    },
    /// It, or its port, is shut down.
    #[error("{shut} of {chassis} is shut down")]
    Shutdown {
        /// The chassis.
        chassis: String,
        /// The interface that says so.
        shut: InterfaceId,
        /// What to do.
        remedy: String,
    },
    /// A subinterface whose frames nothing tells apart.
    #[error("{interface} of {chassis} has no VLAN")]
    NoVlan {
        /// The chassis.
        chassis: String,
        /// The interface.
        interface: InterfaceId,
        /// What to do.
        remedy: String,
    },
    /// It has no network.
    #[error("{interface} of {chassis} has no address")]
    NoAddress {
        /// The chassis.
        chassis: String,
        /// The interface.
        interface: InterfaceId,
        /// What to do.
        remedy: String,
    },
}

impl Unusable {
    /// What its author can do about it.
    pub fn remedy(&self) -> &str {
        match self {
            Self::Missing { remedy, .. }
            | Self::Shutdown { remedy, .. }
            | Self::NoVlan { remedy, .. }
            | Self::NoAddress { remedy, .. } => remedy,
        }
    }
}

/// A chassis' startup configuration, asked about packets.
#[derive(Clone, Debug)]
pub struct Routing<'a> {
    chassis: &'a Chassis,
    startup: Cow<'a, Startup>,
    /// Ports with a wire.
    wired: BTreeSet<PortId>,
    /// Static neighbours on interfaces that are up.
    neighbours: BTreeMap<(InterfaceId, IpAddr), Mac>,
    /// Nodes that are none of ours at ports: whoever is in such a port's networks, and not named, answers for itself.
    nodes: BTreeMap<PortId, Mac>,
}

impl<'a> Routing<'a> {
    /// Of the configuration that a chassis boots with.
    pub fn of(topology: &'a Topology, chassis: &'a Chassis) -> Self {
        let startup = match &chassis.startup_config {
            Some(startup) => Cow::Borrowed(startup),
            None => Cow::Owned(generated(topology, chassis)),
        };
        let ends = topology.links.iter().flat_map(|link| &link.ends).filter(|end| end.node == chassis.name);
        let port = |port| match port {
            NodePort::Chassis(port) => Some(port),
            NodePort::Tester(_) | NodePort::Interface(_) => None,
        };
        let wired = ends.filter_map(|end| port(end.port)).collect();
        let nodes = nodes_at(topology, chassis);
        let mut routing = Self { chassis, startup, wired, neighbours: BTreeMap::new(), nodes };
        let all = routing.startup.config.neighbours.iter();
        let placed = all.filter_map(|(key, own)| Some(((routing.on(key, own)?, key.address), own.mac)));
        routing.neighbours = placed.collect();
        routing
    }

    /// The interface that a static neighbour is on: the one that it names, if that is in its VRF, or the one whose network
    /// holds its address.
    fn on(&self, key: &NeighbourKey, neighbour: &Neighbour) -> Option<InterfaceId> {
        let id = match (&key.scope, neighbour.interface) {
            (NeighbourScope::Interface(id), _) => *id,
            (NeighbourScope::Table(vrf), Some(id)) => {
                let its_own = self.vrf(id) == vrf.as_ref().map(VrfName::as_str);
                its_own.then_some(id)?
            }
            (NeighbourScope::Table(vrf), None) => self.network(vrf.as_ref(), key.address)?.1,
        };
        self.is_up(id).then_some(id)
    }

    /// Whether traffic can come and go by an interface.
    pub fn check(&self, id: InterfaceId) -> Result<(), Unusable> {
        let (chassis, file) = (self.chassis.name.clone(), self.file());
        let Some(interface) = self.interface(id) else {
            return Err(Unusable::Missing { chassis, interface: id, remedy: self.instead_of(id) });
        };
        let shut = [id.port().map(InterfaceId::from), Some(id)].into_iter().flatten();
        if let Some(shut) = shut.into_iter().find(|id| self.interface(*id).is_none_or(|interface| interface.shutdown)) {
            let remedy = format!("give it 'no shutdown' in {file}, or take another one");
            return Err(Unusable::Shutdown { chassis, shut, remedy });
        }
        if let (InterfaceId::Ethernet { sub: Some(sub), .. }, None) = (id, interface.vlan) {
            let remedy = format!("give it 'encapsulation dot1Q {sub}' in {file}");
            return Err(Unusable::NoVlan { chassis, interface: id, remedy });
        }
        if interface.addresses().next().is_none() {
            let remedy = format!("give it an 'ip address' or 'ipv6 address' in {file}");
            return Err(Unusable::NoAddress { chassis, interface: id, remedy });
        }
        Ok(())
    }

    /// The VLAN of an interface's tag; `None` where its frames have none.
    pub fn vlan(&self, id: InterfaceId) -> Option<u16> {
        self.interface(id)?.vlan
    }

    /// The VRF whose table an interface's packets are looked up in; `None` for the chassis' own.
    pub fn vrf(&self, id: InterfaceId) -> Option<&str> {
        self.interface(id)?.vrf.as_ref().map(VrfName::as_str)
    }

    /// What a table is called in a complaint.
    pub fn table_name(&self, vrf: Option<&str>) -> String {
        let name = &self.chassis.name;
        vrf.map_or_else(|| format!("the default table of {name}"), |vrf| format!("VRF {vrf} of {name}"))
    }

    /// The file that the configuration is in, for a complaint.
    pub fn file(&self) -> &str {
        &self.startup.file
    }

    /// The interface, if it is up, that frames with this tag, or without one, come in on.
    pub fn interface_by(&self, port: PortId, vlan: Option<u16>) -> Option<InterfaceId> {
        let id = match vlan {
            None => Some(port.into()),
            Some(vlan) => self.startup.config.interfaces.with_vlan(port, vlan),
        };
        id.filter(|id| self.is_up(*id))
    }

    /// An address for the tester on an interface: the one that a generated configuration gives to its first neighbour
    /// where the network is so large, else the first that is not the chassis' own.
    pub fn host(&self, id: InterfaceId, family: Family) -> Option<IpAddr> {
        let interface = self.interface(id)?;
        let of_family = |address| Family::of(address) == family && !is_link_local(address);
        let own = interface.addresses().find(|own| of_family(own.address))?;
        let network = own.prefix();
        let bits = u32::from(family.width() - network.len());
        let last = 1u128.checked_shl(bits).map_or(u128::MAX, |size| size - 1);
        // The network's address is a host's only where there are but two (RFC 3021, RFC 6164); the last one is IPv4's
        // broadcast address.
        let is_host = |at: u128| match (bits, family) {
            (0 | 1, _) => at <= last,
            (_, Family::V4) => at > 0 && at < last,
            (_, Family::V6) => at > 0 && at <= last,
        };
        let taken = |address: IpAddr| interface.addresses().any(|own| own.address == address);
        let free = [FIRST_NEIGHBOUR, 1, 2, 0].into_iter().filter(|at| is_host(*at)).map(|at| network.nth(at));
        free.into_iter().find(|address| !taken(*address))
    }

    /// The routes of a table that the configuration makes, and where `learned` next hops, which are not in it, are reached.
    pub fn table(&self, vrf: Option<&str>, learned: &[IpAddr]) -> (Vec<Route>, Vec<Vec<Exit>>) {
        let vrf = vrf.map(VrfName::from);
        let mut statics = Statics::of(self, vrf.as_ref());
        let mut routes = Vec::new();
        for (_, interface) in self.interfaces_in(vrf.as_ref()) {
            let nowhere = |prefix| Route { prefix, distance: 0, exits: Vec::new() };
            routes.extend(interface.addresses().flat_map(|own| [Prefix::host(own.address), own.prefix()]).map(nowhere));
        }
        routes.extend(statics.routes());
        let neighbours = self.neighbours.keys().filter(|(id, _)| self.vrf(*id) == vrf.as_ref().map(VrfName::as_str));
        for (_, address) in neighbours {
            routes.push(Route {
                prefix: Prefix::host(*address),
                distance: ADJACENCY,
                exits: statics.towards(*address),
            });
        }
        let hops = learned.iter().map(|hop| statics.towards(*hop)).collect();
        (routes, hops)
    }

    fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.startup.config.interfaces.get(&id)
    }

    /// Neither shut down nor without a wire.
    fn is_up(&self, id: InterfaceId) -> bool {
        self.startup.config.interfaces.is_enabled(id) && id.port().is_none_or(|port| self.wired.contains(&port))
    }

    fn interfaces_in<'s>(
        &'s self,
        vrf: Option<&'s VrfName>,
    ) -> impl Iterator<Item = (InterfaceId, &'s Interface)> + 's {
        let all = self.startup.config.interfaces.iter().map(|(id, interface)| (*id, interface));
        all.filter(move |(id, interface)| interface.vrf.as_ref() == vrf && self.is_up(*id))
    }

    /// The network of an interface that is up which holds an address; none other of its table does.
    fn network(&self, vrf: Option<&VrfName>, address: IpAddr) -> Option<(Prefix, InterfaceId)> {
        let id = self.startup.config.interface_towards(vrf, address).filter(|id| self.is_up(*id))?;
        let networks = self.interface(id)?.addresses().map(|own| own.prefix());
        Some((networks.filter(|network| network.contains(address)).max_by_key(|network| network.len())?, id))
    }

    /// What there is in place of an interface that is not.
    fn instead_of(&self, id: InterfaceId) -> String {
        let file = self.file();
        if self.chassis.startup_config.is_none() {
            return format!("{file} has ports only: give the chassis a 'startup-config' that has it");
        }
        let Some(port) = id.port() else { return format!("add it to {file}") };
        let vlans = self.startup.config.interfaces.vlans_of(port);
        let there: Vec<_> = vlans.take(NAMED_MAX).map(|(vlan, id)| format!("{id} (VLAN {vlan})")).collect();
        match there.as_slice() {
            [] => format!("add it to {file}: port {port} has no subinterface there"),
            there => format!("add it to {file}, or take {}", there.join(" or ")),
        }
    }
}

/// The Ethernet addresses of nodes that are none of ours at a chassis' ports.
fn nodes_at(topology: &Topology, chassis: &Chassis) -> BTreeMap<PortId, Mac> {
    let ends = topology.links.iter().flat_map(|link| [(&link.ends[0], &link.ends[1]), (&link.ends[1], &link.ends[0])]);
    let at = ends.filter(|(end, other)| end.node == chassis.name && topology.linux(&other.node).is_some());
    let mac = |(end, other): (&LinkEnd, &LinkEnd)| {
        let (NodePort::Chassis(port), NodePort::Interface(name)) = (end.port, other.port) else { return None };
        Some((port, node_mac(&topology.name, &other.node, name)))
    };
    at.filter_map(mac).collect()
}

/// Of the subinterfaces that there are, so many are named.
const NAMED_MAX: usize = 4;

#[cfg(test)]
mod tests;
