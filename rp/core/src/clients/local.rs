//! From the running configuration to what routing and line cards need of it.

use super::{host, links::Links};
use crate::{
    config::{self, Config, Edit, NeighbourKey, NeighbourScope, RouteTarget, VrfName},
    fib_feed::CardChange,
    rib::{Interface, Link, Local, LocalChange, Rib, StaticRoute, StaticTarget},
};
use fabric_proto::{
    fib::Mac,
    id::{InterfaceId, LcSlot, PortId, TableId},
    linecard::{InterfaceChange, InterfaceConfig, PortConfig},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// The table of a VRF, or the router's own.
pub(super) fn table_of(vrf: Option<&VrfName>) -> TableId {
    vrf.map_or(TableId::DEFAULT, VrfName::table)
}

/// What routing goes by in each table: interfaces, neighbours, static routes.
pub(super) fn routing(config: &Config, links: &Links, learned: &host::Neighbours) -> BTreeMap<TableId, Local> {
    let vrfs = [None].into_iter().chain(config.vrfs.keys().map(Some));
    let mut tables: BTreeMap<TableId, Local> = vrfs.map(|vrf| (table_of(vrf), Local::default())).collect();
    for (id, configured) in config.interfaces.iter() {
        let table = tables.entry(table_of(configured.vrf.as_ref())).or_default();
        table.interfaces.insert(*id, interface(config, links, *id, configured));
    }
    for ((interface, address), mac) in learned.stations() {
        if let Some(on) = config.interfaces.get(&interface) {
            let table = tables.entry(table_of(on.vrf.as_ref())).or_default();
            table.neighbors.insert((interface, address), mac);
        }
    }
    // What is configured counts, whatever was learned.
    for neighbour in config.resolved_neighbours() {
        let on = config.interfaces.get(&neighbour.interface);
        let table = tables.entry(table_of(on.and_then(|on| on.vrf.as_ref()))).or_default();
        table.neighbors.insert((neighbour.interface, neighbour.address), neighbour.mac);
    }
    for (route, distance) in config.routes.iter() {
        let table = tables.entry(table_of(route.vrf.as_ref())).or_default();
        table.statics.insert(static_route(route, *distance));
    }
    tables
}

/// Changes of what routing goes by, table by table.
pub(super) type Changes = BTreeMap<TableId, Vec<LocalChange>>;

/// What differs for routing after a change of the configuration, of which `undo` would take back what it did. The work grows with what was changed, with what is on changed
/// ports, and with the number of static neighbours. `None` where tables came or went: then all is to be compared.
pub(super) fn changes(
    config: &Config,
    links: &Links,
    learned: &host::Neighbours,
    undo: &[Edit],
    rib: &Rib,
) -> Option<Changes> {
    let mut changes = Changes::new();
    let mut neighbours = false;
    for edit in undo {
        match edit {
            Edit::Vrf(..) => return None,
            Edit::Interface(id, old) => {
                neighbours = true;
                changed_interface(config, links, *id, old.as_deref(), &mut changes);
            }
            Edit::Neighbour(..) => neighbours = true,
            Edit::Route(route, old) => {
                let new = config.routes.get(route);
                let of = changes.entry(table_of(route.vrf.as_ref())).or_default();
                of.extend(old.map(|distance| LocalChange::Static(static_route(route, distance), false)));
                of.extend(new.map(|distance| LocalChange::Static(static_route(route, *distance), true)));
            }
            Edit::Hostname(_)
            | Edit::Version(_)
            | Edit::Tolerated(_)
            | Edit::BootSystem(_)
            | Edit::Register(_)
            | Edit::SlotImages(..)
            | Edit::Ipv6Routing(_)
            | Edit::Ipv6Cef(_)
            | Edit::Redundancy(_)
            | Edit::LinkTraps(_) => {}
        }
    }
    if neighbours {
        changed_neighbours(config, learned, rib, &mut changes);
    }
    Some(changes)
}

/// What differs for routing when a port's carrier comes or goes: the port and what is on it.
pub(super) fn carrier(config: &Config, links: &Links, learned: &host::Neighbours, port: PortId, rib: &Rib) -> Changes {
    let mut changes = Changes::new();
    for id in [port.into()].into_iter().chain(config.interfaces.vlans_of(port).map(|(_, id)| id)) {
        changed_interface(config, links, id, config.interfaces.get(&id), &mut changes);
    }
    changed_neighbours(config, learned, rib, &mut changes);
    changes
}

/// Neighbours of a table.
type Neighbours = BTreeMap<(InterfaceId, IpAddr), Mac>;

fn changed_interface(
    config: &Config,
    links: &Links,
    id: InterfaceId,
    old: Option<&config::Interface>,
    changes: &mut Changes,
) {
    let new = config.interfaces.get(&id);
    let mut put = |table: TableId, change| changes.entry(table).or_default().push(change);
    let table = |interface: &config::Interface| table_of(interface.vrf.as_ref());
    if let Some(left) = old.map(table).filter(|left| new.map(table) != Some(*left)) {
        put(left, LocalChange::Interface(id, None));
    }
    if let Some(new) = new {
        put(table(new), LocalChange::Interface(id, Some(interface(config, links, id, new))));
    }
    let open = |interface: Option<&config::Interface>| interface.is_some_and(|interface| !interface.shutdown);
    if let Some(port) = id.as_port().filter(|_| open(old) != open(new)) {
        for (_, on) in config.interfaces.vlans_of(port) {
            if let Some(sub) = config.interfaces.get(&on) {
                put(table(sub), LocalChange::Interface(on, Some(interface(config, links, on, sub))));
            }
        }
    }
}

fn changed_neighbours(config: &Config, learned: &host::Neighbours, rib: &Rib, changes: &mut Changes) {
    let known: BTreeMap<TableId, &Neighbours> = rib.neighbors().collect();
    let mut now: BTreeMap<TableId, Neighbours> = BTreeMap::new();
    for neighbour in config.resolved_neighbours() {
        let on = config.interfaces.get(&neighbour.interface);
        let of = now.entry(table_of(on.and_then(|on| on.vrf.as_ref()))).or_default();
        of.insert((neighbour.interface, neighbour.address), neighbour.mac);
    }
    let none = Neighbours::new();
    let tables: BTreeSet<TableId> = known.keys().chain(now.keys()).copied().collect();
    for table in tables {
        let (before, after) = (known.get(&table).copied().unwrap_or(&none), now.get(&table).unwrap_or(&none));
        // What was learned goes when the host says so.
        let gone = before.keys().filter(|key| !after.contains_key(key) && learned.station(**key).is_none());
        let gone = gone.map(|key| (*key, None));
        let new = after.iter().filter(|(key, mac)| before.get(key) != Some(mac)).map(|(key, mac)| (*key, Some(*mac)));
        let differ: Vec<LocalChange> =
            gone.chain(new).map(|((on, address), mac)| LocalChange::Neighbor(on, address, mac)).collect();
        if !differ.is_empty() {
            changes.entry(table).or_default().extend(differ);
        }
    }
}

/// What differs for routing once neighbours were learned, or are gone. What is configured counts, whatever was learned.
pub(super) fn adjacencies(config: &Config, learned: Vec<(host::Key, Option<Mac>)>, rib: &Rib) -> Changes {
    let mut changes = Changes::new();
    if learned.is_empty() {
        return changes;
    }
    let is_fixed = |(interface, address): &host::Key| {
        let vrf = config.interfaces.get(interface).and_then(|on| on.vrf.clone());
        let scopes = [NeighbourScope::Table(vrf), NeighbourScope::Interface(*interface)];
        scopes.into_iter().any(|scope| {
            let key = NeighbourKey { address: *address, scope };
            let resolved = config.neighbours.get(&key).and_then(|fixed| config.resolved(&key, fixed));
            resolved.is_some_and(|resolved| resolved.interface == *interface)
        })
    };
    let known: BTreeMap<TableId, &Neighbours> = rib.neighbors().collect();
    for (key, mac) in learned.into_iter().filter(|(key, _)| !is_fixed(key)) {
        let of_config = config.interfaces.get(&key.0).map(|on| table_of(on.vrf.as_ref()));
        let holds = |table: &TableId| known.get(table).is_some_and(|of_table| of_table.contains_key(&key));
        let table = match mac {
            Some(_) => of_config,
            // It may have been learned in another table than the interface is in now.
            None => of_config.filter(holds).or_else(|| known.keys().copied().find(holds)),
        };
        if let Some(table) = table {
            changes.entry(table).or_default().push(LocalChange::Neighbor(key.0, key.1, mac));
        }
    }
    changes
}

/// An interface as the host on the links knows it; `None` for one that is not there.
pub(crate) fn host_interface(config: &Config, links: &Links, id: InterfaceId) -> Option<rp_host::Interface> {
    let configured = config.interfaces.get(&id)?;
    let Interface { addresses, link, enabled } = interface(config, links, id, configured);
    // A subinterface takes what its port takes.
    let port = id.port().and_then(|port| config.interfaces.get(&port.into()));
    Some(rp_host::Interface {
        table: table_of(configured.vrf.as_ref()),
        link: link.map(|Link { mac, vlan, .. }| rp_host::Link { mac, vlan }),
        mtu: port.unwrap_or(configured).mtu,
        addresses,
        up: enabled,
        neighbours: rp_host::NeighbourSettings::default(),
    })
}

/// Whether every release knows what an interface is: it has no tag, and is in the default table.
pub(crate) fn is_plain(configured: &config::Interface) -> bool {
    configured.vlan.is_none() && configured.vrf.is_none()
}

/// A port without carrier is as good as shut down, and so is what is on it, and what its card has no words for.
fn interface(config: &Config, links: &Links, id: InterfaceId, configured: &config::Interface) -> Interface {
    let carrier = id.port().is_none_or(|port| links.carries(port, is_plain(configured)));
    Interface {
        addresses: configured.addresses().map(|own| (own.address, own.len)).collect(),
        link: id.port().map(|port| Link { port, mac: links.mac(port), vlan: configured.vlan }),
        enabled: carrier && config.interfaces.is_enabled(id),
    }
}

fn static_route(route: &config::StaticRoute, distance: u8) -> StaticRoute {
    let target = match route.target {
        RouteTarget::Via(next_hop) => StaticTarget::NextHop(next_hop),
        RouteTarget::On(interface, next_hop) => StaticTarget::On(interface, next_hop),
        RouteTarget::Null0 => StaticTarget::Null,
    };
    StaticRoute { prefix: route.prefix, distance, target }
}

/// The ports of one line card.
pub(crate) fn ports(config: &Config, links: &Links, slot: LcSlot) -> Vec<PortConfig> {
    config.interfaces.ports_of(slot).map(|(port, interface)| port_config(links, port, interface)).collect()
}

fn port_config(links: &Links, port: PortId, interface: &config::Interface) -> PortConfig {
    PortConfig { port: port.port, enabled: !interface.shutdown, mac: links.mac(port), mtu: interface.mtu }
}

/// The subinterfaces of one line card that are not shut down, and its ports that are in a VRF.
pub(crate) fn interfaces(config: &Config, slot: LcSlot) -> Vec<InterfaceConfig> {
    let row =
        |port: PortId, vlan, table: Option<TableId>| Some(InterfaceConfig { port: port.port, vlan, table: table? });
    let own = config.interfaces.ports_of(slot).filter_map(|(port, _)| row(port, 0, looked_up(config, port, 0)));
    let tagged = config.interfaces.vlans_of_card(slot);
    own.chain(tagged.filter_map(|(port, vlan)| row(port, vlan, looked_up(config, port, vlan)))).collect()
}

/// Where packets of a VLAN are looked up, if an interface takes them: one that is not shut down, and has an address. Without
/// one (`vrf forwarding` takes it away) nothing that comes in is anybody's to route. Packets without a tag (0) are their port's
/// own: that is worth a word where it is in a VRF.
fn looked_up(config: &Config, port: PortId, vlan: u16) -> Option<TableId> {
    let id = if vlan == 0 { Some(port.into()) } else { config.interfaces.with_vlan(port, vlan) };
    let interface = config.interfaces.get(&id?)?;
    let told =
        if vlan == 0 { interface.vrf.is_some() } else { !interface.shutdown && interface.addresses().next().is_some() };
    told.then(|| table_of(interface.vrf.as_ref()))
}

/// What line cards may have to be told after a change of the configuration, of which `undo` would take back what it did.
/// The work grows with what was changed, and with nothing else.
pub(crate) fn card_changes(config: &Config, links: &Links, undo: &[Edit]) -> BTreeMap<LcSlot, Vec<CardChange>> {
    let mut changes: BTreeMap<LcSlot, Vec<CardChange>> = BTreeMap::new();
    for edit in undo {
        let Edit::Interface(id, old) = edit else { continue };
        let (Some(port), new) = (id.port(), config.interfaces.get(id)) else { continue };
        let of_card = changes.entry(port.slot).or_default();
        let mut vlans = BTreeSet::new();
        if id.as_port().is_some() {
            of_card.push(CardChange::Port(port.port, new.map(|interface| port_config(links, port, interface))));
            vlans.insert(0);
        } else {
            vlans.extend([old.as_deref(), new].into_iter().flatten().filter_map(|interface| interface.vlan));
        }
        let now = |vlan| InterfaceChange { port: port.port, vlan, table: looked_up(config, port, vlan) };
        of_card.extend(vlans.into_iter().map(|vlan| CardChange::Interface(now(vlan))));
    }
    changes
}
