//! What a chassis must do, said in the simplest way: no path lists, no batches, no shared state with the code under test.

use super::wire::FIRST;
use fabric_proto::{
    fib::{Family, FibKey, FibTable, Path, PathList, Prefix, left_aligned, port_mac},
    platform::{Legacy, Profile},
    redundancy::Mode,
};
use rp_core::config::{Config, InterfaceAddress, RouteTarget};
use std::{collections::BTreeMap, net::IpAddr};

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

fn host(address: IpAddr) -> Prefix {
    let family = Family::of(address);
    Prefix::from_bits(family, left_aligned(address), family.width())
}

/// Where packets to a next hop go: out of the port that reaches it, if its neighbour is known there.
fn via(config: &Config, hop: IpAddr) -> Option<Path> {
    let reaches = |own: InterfaceAddress| Prefix::covering(own.address, own.len).is_ok_and(|net| net.contains(hop));
    config.interfaces.values().find(|interface| !interface.shutdown && interface.addresses().any(reaches))?;
    let known = config.resolved_neighbours().find(|neighbour| neighbour.address == hop);
    let known = known.and_then(|neighbour| Some((neighbour.mac, neighbour.interface.as_port()?)));
    let unresolved = Path::Unresolved { next_hop: hop };
    Some(known.map_or(unresolved, |(mac, port)| Path::ethernet(port, hop, mac, port_mac(port))))
}

/// Every route that a configuration and a feed demand, and where it leads.
pub(super) type Demand = BTreeMap<Prefix, PathList>;

/// What a configuration and a feed demand. Networks of interfaces lead to themselves.
pub(super) fn demand(config: &Config, feed: &[(Prefix, Vec<IpAddr>)]) -> Demand {
    let mut best: BTreeMap<Prefix, (u8, PathList)> = BTreeMap::new();
    let mut put = |prefix: Prefix, distance: u8, paths: Vec<Path>| {
        let better = best.get(&prefix).is_none_or(|(held, _)| distance < *held);
        if better {
            best.insert(prefix, (distance, PathList::new(paths)));
        }
    };
    for interface in config.interfaces.values().filter(|interface| !interface.shutdown) {
        for own in interface.addresses() {
            put(host(own.address), 0, vec![Path::Receive]);
            if let Ok(network) = Prefix::covering(own.address, own.len) {
                put(network, 0, vec![Path::Unresolved { next_hop: network.address() }]);
            }
        }
    }
    for neighbour in config.resolved_neighbours() {
        if let Some(path) = via(config, neighbour.address) {
            put(host(neighbour.address), 255, vec![path]);
        }
    }
    let mut statics: BTreeMap<(Prefix, u8), Vec<Path>> = BTreeMap::new();
    for (route, distance) in config.routes_in(None) {
        let path = match route.target {
            RouteTarget::Via(hop) | RouteTarget::On(_, hop) => via(config, hop),
            RouteTarget::Null0 => Some(Path::Discard),
        };
        statics.entry((route.prefix, distance)).or_default().extend(path);
    }
    for ((prefix, distance), paths) in statics.into_iter().filter(|(_, paths)| !paths.is_empty()) {
        put(prefix, distance, paths);
    }
    for (prefix, hops) in feed {
        let paths: Vec<Path> = hops.iter().filter_map(|hop| via(config, *hop)).collect();
        if !paths.is_empty() {
            put(*prefix, 20, paths);
        }
    }
    best.into_iter().map(|(prefix, (_, paths))| (prefix, paths)).collect()
}

/// Where packets to an address may go.
pub(super) fn paths(demand: &Demand, to: IpAddr) -> &[Path] {
    let longest = demand.iter().filter(|(prefix, _)| prefix.contains(to)).max_by_key(|(prefix, _)| prefix.len());
    longest.map_or(&[], |(_, paths)| paths.paths())
}

/// Compares a table with what is demanded; the error says where they part.
pub(super) fn compare(table: &FibTable, demand: &Demand) -> Result<(), String> {
    for (prefix, want) in demand {
        let got = table.get(*prefix).and_then(|id| table.paths(id));
        if got != Some(want) {
            return Err(format!("{prefix} leads to {got:?}, it should be {want:?}"));
        }
    }
    let demanded = |key: FibKey| key.plain().is_some_and(|prefix| demand.contains_key(&prefix));
    let extra = table.routes().map(|(key, _)| key).find(|key| !demanded(*key));
    extra.map_or(Ok(()), |key| Err(format!("{key} is nobody's route")))
}
