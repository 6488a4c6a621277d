//! What differs between two configurations.

use super::{Config, Interface};
use fabric_proto::{fib::Prefix, id::PortId};
use std::{collections::BTreeMap, net::IpAddr};

/// One difference between two configurations. The new value stands in the new configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigChange {
    /// `redundancy mode`: the standby restarts in the new mode.
    RedundancyMode,
    /// `auto-sync`.
    AutoSync,
    /// `switchover timer`.
    SwitchoverTimer,
    /// `crashdump-timeout`.
    CrashdumpTimeout,
    /// A port's section came, went or changed in what it forwards.
    Interface(PortId),
    /// Which notifications an SNMP agent would send, of all ports or of one.
    LinkTraps,
    /// IPv6 routing was switched on or off.
    Ipv6Routing,
    /// A static neighbour came, went or changed.
    Neighbour(IpAddr),
    /// The static routes to a prefix changed.
    Route(Prefix),
    /// What is booted next time: images and the configuration register.
    Boot,
    /// Text only: hostname, version, services.
    Cosmetic,
}

/// What is different in `new`.
pub(super) fn diff(old: &Config, new: &Config) -> Vec<ConfigChange> {
    let mut changes = Vec::new();
    let mut when = |changed: bool, change: ConfigChange| {
        if changed {
            changes.push(change);
        }
    };
    when(old.redundancy.mode != new.redundancy.mode, ConfigChange::RedundancyMode);
    when(old.redundancy.auto_sync != new.redundancy.auto_sync, ConfigChange::AutoSync);
    when(old.redundancy.switchover_timer != new.redundancy.switchover_timer, ConfigChange::SwitchoverTimer);
    when(old.redundancy.crashdump_timeout != new.redundancy.crashdump_timeout, ConfigChange::CrashdumpTimeout);
    for port in different(&forwarding(&old.interfaces), &forwarding(&new.interfaces)) {
        when(true, ConfigChange::Interface(port));
    }
    let traps = |config: &Config| {
        let silent = config.interfaces.iter().filter(|(_, interface)| !interface.link_trap).map(|(port, _)| *port);
        (config.link_traps, silent.collect::<Vec<_>>())
    };
    when(traps(old) != traps(new), ConfigChange::LinkTraps);
    let ipv6 = |config: &Config| (config.ipv6_routing, config.ipv6_cef);
    when(ipv6(old) != ipv6(new), ConfigChange::Ipv6Routing);
    for address in different(&old.neighbours, &new.neighbours) {
        when(true, ConfigChange::Neighbour(address));
    }
    let mut prefixes: Vec<Prefix> = different(&old.routes, &new.routes).into_iter().map(|route| route.prefix).collect();
    prefixes.dedup();
    for prefix in prefixes {
        when(true, ConfigChange::Route(prefix));
    }
    let boot = |config: &Config| (config.boot_system.clone(), config.config_register, config.slot_images.clone());
    when(boot(old) != boot(new), ConfigChange::Boot);
    let text = |config: &Config| (config.hostname.clone(), config.version.clone(), config.tolerated.clone());
    when(text(old) != text(new), ConfigChange::Cosmetic);
    changes
}

/// The interfaces without what only an SNMP agent reads.
fn forwarding(interfaces: &BTreeMap<PortId, Interface>) -> BTreeMap<PortId, Interface> {
    interfaces.iter().map(|(port, interface)| (*port, Interface { link_trap: true, ..interface.clone() })).collect()
}

/// Keys whose values differ, in order.
fn different<K: Ord + Copy, V: PartialEq>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Vec<K> {
    let mut keys: Vec<K> = old.iter().filter(|(key, value)| new.get(key) != Some(value)).map(|(key, _)| *key).collect();
    keys.extend(new.keys().filter(|key| !old.contains_key(key)));
    keys.sort();
    keys
}
