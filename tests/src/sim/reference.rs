//! What a chassis must do, said in the simplest way: no path lists, no batches, no shared state with the code under test.

use super::wire::FIRST;
use fabric_proto::{
    fib::{BaseMac, FibKey, FibTable, Path, PathList, Prefix, Rewrite},
    id::{InterfaceId, TableId},
    platform::{Legacy, Profile},
    redundancy::Mode,
};
use rp_core::config::{Config, Interface, InterfaceAddress, RouteTarget, VrfName};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Whether images of two releases go together in SSO: one release with itself; of those that differ, all but the first one,
/// which does not negotiate.
pub(super) fn compatible(one: &str, other: &str) -> bool {
    one == other || (one != FIRST && other != FIRST)
}

/// The mode in which two units operate: the configured one, the family's best while their images are not compatible, or with
/// cards of an older kind; of the family's modes, the best that is no better.
pub(super) fn operating_mode(profile: &Profile, legacy: bool, configured: Mode, compatible: bool) -> Mode {
    let mut best = configured;
    if !compatible {
        best = best.min(profile.mixed_images);
    }
    if let Legacy::ForcesMode(mode) = profile.legacy
        && legacy
    {
        best = best.min(mode);
    }
    profile.modes.iter().copied().filter(|mode| *mode <= best).max().unwrap_or(profile.modes[0])
}

/// Where packets of a table to a next hop go: out of the interface that reaches it, if its neighbour is known there.
fn via(config: &Config, vrf: Option<&VrfName>, hop: IpAddr) -> Option<Path> {
    let reaches = |own: InterfaceAddress| Prefix::covering(own.address, own.len).is_ok_and(|net| net.contains(hop));
    let (id, on) = enabled(config, vrf).find(|(_, interface)| interface.addresses().any(reaches))?;
    let mut known = config.resolved_neighbours();
    let known = known.find(|neighbour| (neighbour.address, neighbour.interface) == (hop, id));
    let Some((mac, port)) = known.and_then(|neighbour| Some((neighbour.mac, id.port()?))) else {
        return Some(Path::Unresolved { next_hop: hop });
    };
    Some(match on.vlan {
        None => Path::ethernet(port, hop, mac, BaseMac::FIRST.of(port)),
        Some(vlan) => {
            Path::Port { port, next_hop: hop, rewrite: Arc::new(Rewrite::tagged(mac, BaseMac::FIRST.of(port), vlan)) }
        }
    })
}

/// Interfaces of a table that are up.
fn enabled<'a>(
    config: &'a Config,
    vrf: Option<&'a VrfName>,
) -> impl Iterator<Item = (InterfaceId, &'a Interface)> + 'a {
    let all = config.interfaces.iter().map(|(id, interface)| (*id, interface));
    all.filter(move |(id, interface)| interface.vrf.as_ref() == vrf && config.interfaces.is_enabled(*id))
}

/// Every route that a configuration and a feed demand, and where it leads.
pub(super) type Demand = BTreeMap<FibKey, PathList>;

/// What a configuration and a feed demand.
pub(super) fn demand(config: &Config, feed: &[(Prefix, Vec<IpAddr>)]) -> Demand {
    let vrfs = [None].into_iter().chain(config.vrfs.keys().map(Some));
    let of = |vrf: Option<&VrfName>| {
        let (table, feed) = vrf.map_or((TableId::DEFAULT, feed), |vrf| (vrf.table(), &[]));
        of_table(config, vrf, feed).into_iter().map(move |(prefix, paths)| (FibKey::Ip(table, prefix), paths))
    };
    vrfs.flat_map(of).collect()
}

/// What is demanded of one table. Networks of interfaces lead to themselves.
fn of_table(config: &Config, vrf: Option<&VrfName>, feed: &[(Prefix, Vec<IpAddr>)]) -> BTreeMap<Prefix, PathList> {
    let mut best: BTreeMap<Prefix, (u8, PathList)> = BTreeMap::new();
    let mut put = |prefix: Prefix, distance: u8, paths: Vec<Path>| {
        let better = best.get(&prefix).is_none_or(|(held, _)| distance < *held);
        if better {
            best.insert(prefix, (distance, PathList::new(paths)));
        }
    };
    for (id, interface) in enabled(config, vrf) {
        for own in interface.addresses() {
            put(Prefix::host(own.address), 0, vec![Path::Receive]);
            if let Ok(network) = Prefix::covering(own.address, own.len) {
                put(network, 0, vec![Path::Unresolved { next_hop: network.address() }]);
            }
        }
        for neighbour in config.resolved_neighbours().filter(|neighbour| neighbour.interface == id) {
            if let Some(path) = via(config, vrf, neighbour.address) {
                put(Prefix::host(neighbour.address), 255, vec![path]);
            }
        }
    }
    let mut statics: BTreeMap<(Prefix, u8), Vec<Path>> = BTreeMap::new();
    for (route, distance) in config.routes_in(vrf) {
        let path = match route.target {
            RouteTarget::Via(hop) | RouteTarget::On(_, hop) => via(config, vrf, hop),
            RouteTarget::Null0 => Some(Path::Discard),
        };
        statics.entry((route.prefix, distance)).or_default().extend(path);
    }
    for ((prefix, distance), paths) in statics.into_iter().filter(|(_, paths)| !paths.is_empty()) {
        put(prefix, distance, paths);
    }
    for (prefix, hops) in feed {
        let paths: Vec<Path> = hops.iter().filter_map(|hop| via(config, vrf, *hop)).collect();
        if !paths.is_empty() {
            put(*prefix, 20, paths);
        }
    }
    best.into_iter().map(|(prefix, (_, paths))| (prefix, paths)).collect()
}

/// Whether release 1.0 knows what an interface is.
pub(super) fn is_known_to_release_1(interface: &Interface) -> bool {
    (interface.vlan, &interface.vrf) == (None, &None)
}

/// What a line card of release 1.0 is to make of a demand: it knows the default table and two addresses before a packet. What
/// it could forward by nothing else it drops.
pub(super) fn known_to_release_1(demand: &Demand) -> Demand {
    let known = |path: &&Path| match path {
        Path::Port { rewrite, .. } => (rewrite.header().len(), rewrite.labels()) == (12, &[]),
        Path::Unresolved { .. } | Path::Receive | Path::Discard => true,
        Path::Lookup { .. } => false,
    };
    let dropped = |path: &Path| match path {
        Path::Port { next_hop, .. } => Path::Unresolved { next_hop: *next_hop },
        other => other.clone(),
    };
    let paths = |paths: &[Path]| {
        let kept: Vec<Path> = paths.iter().filter(known).cloned().collect();
        PathList::new(if kept.is_empty() { paths.iter().map(dropped).collect() } else { kept })
    };
    let plain = demand.iter().filter(|(key, _)| matches!(key, FibKey::Ip(TableId::DEFAULT, _)));
    plain.map(|(key, list)| (*key, paths(list.paths()))).collect()
}

/// Where packets to an address may go, from the default table.
pub(super) fn paths(demand: &Demand, to: IpAddr) -> &[Path] {
    let plain = demand.iter().filter_map(|(key, paths)| Some((key.plain()?, paths)));
    let longest = plain.filter(|(prefix, _)| prefix.contains(to)).max_by_key(|(prefix, _)| prefix.len());
    longest.map_or(&[], |(_, paths)| paths.paths())
}

/// Compares a table with what is demanded; the error says where they part.
pub(super) fn compare(table: &FibTable, demand: &Demand) -> Result<(), String> {
    for (key, want) in demand {
        let got = table.get(*key).and_then(|id| table.paths(id));
        if got != Some(want) {
            return Err(format!("{key} leads to {got:?}, it should be {want:?}"));
        }
    }
    let extra = table.routes().map(|(key, _)| key).find(|key| !demand.contains_key(key));
    extra.map_or(Ok(()), |key| Err(format!("{key} is nobody's route")))
}
