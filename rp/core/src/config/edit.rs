//! What commands ask for: single entries of the configuration and what they are to become.
//!
//! A command looks at the configuration and changes nothing; its edits are put into force by whoever owns it. What they
//! cost grows with what they change, not with the configuration.

use super::{Config, Interface, LinkTraps, Neighbour, NeighbourKey, RedundancyConfig, StaticRoute, Vrf, VrfName};
use fabric_proto::{
    fib::Prefix,
    id::{InterfaceId, RpSlot},
};
use std::{collections::BTreeSet, mem};

/// One entry of the configuration, as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// `hostname`.
    Hostname(String),
    /// `version`.
    Version(Option<String>),
    /// Lines without effect.
    Tolerated(Vec<String>),
    /// `boot system`.
    BootSystem(Vec<String>),
    /// `config-register`.
    Register(u16),
    /// `hw-module slot N image`; without images, nothing is said of the slot.
    SlotImages(RpSlot, Vec<String>),
    /// `ipv6 unicast-routing`.
    Ipv6Routing(bool),
    /// `ipv6 cef distributed`.
    Ipv6Cef(bool),
    /// `redundancy`.
    Redundancy(RedundancyConfig),
    /// `vrf definition`.
    Vrf(VrfName, Option<Box<Vrf>>),
    /// `interface`; without a section, it is shut down.
    Interface(InterfaceId, Option<Box<Interface>>),
    /// `ip route`, `ipv6 route`, with its distance.
    Route(StaticRoute, Option<u8>),
    /// `arp`, `ipv6 neighbor`.
    Neighbour(NeighbourKey, Option<Neighbour>),
    /// `snmp-server enable traps snmp`.
    LinkTraps(LinkTraps),
}

/// One difference that an edit makes. The new value stands in the configuration that has it.
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
    /// A VRF came, went or changed in what it routes and exchanges.
    Vrf(VrfName),
    /// An interface's section came, went or changed in what it forwards.
    Interface(InterfaceId),
    /// Which notifications an SNMP agent would send, of all ports or of one.
    LinkTraps,
    /// IPv6 routing was switched on or off.
    Ipv6Routing,
    /// A static neighbour came, went or changed.
    Neighbour(NeighbourKey),
    /// The static routes to a prefix, of a VRF or of none, changed.
    Route(Option<VrfName>, Prefix),
    /// What is booted next time: images and the configuration register.
    Boot,
    /// Text only: hostname, version, services.
    Cosmetic,
}

impl Config {
    /// Puts an edit into force. Returns the one that takes it back.
    pub fn apply(&mut self, edit: Edit) -> Edit {
        match edit {
            Edit::Hostname(new) => Edit::Hostname(mem::replace(&mut self.hostname, new)),
            Edit::Version(new) => Edit::Version(mem::replace(&mut self.version, new)),
            Edit::Tolerated(new) => Edit::Tolerated(mem::replace(&mut self.tolerated, new)),
            Edit::BootSystem(new) => Edit::BootSystem(mem::replace(&mut self.boot_system, new)),
            Edit::Register(new) => Edit::Register(mem::replace(&mut self.config_register, new)),
            Edit::SlotImages(slot, new) => {
                let old = self.slot_images.remove(&slot).unwrap_or_default();
                if !new.is_empty() {
                    self.slot_images.insert(slot, new);
                }
                Edit::SlotImages(slot, old)
            }
            Edit::Ipv6Routing(new) => Edit::Ipv6Routing(mem::replace(&mut self.ipv6_routing, new)),
            Edit::Ipv6Cef(new) => Edit::Ipv6Cef(mem::replace(&mut self.ipv6_cef, new)),
            Edit::Redundancy(new) => Edit::Redundancy(mem::replace(&mut self.redundancy, new)),
            Edit::Vrf(name, new) => {
                let old = self.vrfs.set(name.clone(), new.map(|vrf| *vrf));
                Edit::Vrf(name, old.map(Box::new))
            }
            Edit::Interface(id, new) => {
                Edit::Interface(id, self.interfaces.set(id, new.map(|interface| *interface)).map(Box::new))
            }
            Edit::Route(route, new) => Edit::Route(route.clone(), self.routes.set(route, new)),
            Edit::Neighbour(key, new) => Edit::Neighbour(key.clone(), self.neighbours.set(key, new)),
            Edit::LinkTraps(new) => Edit::LinkTraps(mem::replace(&mut self.link_traps, new)),
        }
    }

    /// Puts edits into force, in order. Returns those that take them back, in the order to do so.
    pub fn apply_all(&mut self, edits: Vec<Edit>) -> Vec<Edit> {
        let mut back: Vec<Edit> = edits.into_iter().map(|edit| self.apply(edit)).collect();
        back.reverse();
        back
    }

    /// Whether an edit asks for what is there already.
    pub(super) fn holds(&self, edit: &Edit) -> bool {
        match edit {
            Edit::Hostname(new) => self.hostname == *new,
            Edit::Version(new) => self.version == *new,
            Edit::Tolerated(new) => self.tolerated == *new,
            Edit::BootSystem(new) => self.boot_system == *new,
            Edit::Register(new) => self.config_register == *new,
            Edit::SlotImages(slot, new) => self.slot_images.get(slot).map_or(&[][..], Vec::as_slice) == new.as_slice(),
            Edit::Ipv6Routing(new) => self.ipv6_routing == *new,
            Edit::Ipv6Cef(new) => self.ipv6_cef == *new,
            Edit::Redundancy(new) => self.redundancy == *new,
            Edit::Vrf(name, new) => self.vrfs.get(name) == new.as_deref(),
            Edit::Interface(id, new) => self.interfaces.get(id) == new.as_deref(),
            Edit::Route(route, new) => self.routes.get(route) == new.as_ref(),
            Edit::Neighbour(address, new) => self.neighbours.get(address) == new.as_ref(),
            Edit::LinkTraps(new) => self.link_traps == *new,
        }
    }

    /// What is different once some edits are in force, in the order in which an owner should act on it.
    pub fn changes(&self, edits: &[Edit]) -> Vec<ConfigChange> {
        let changes: BTreeSet<ConfigChange> = edits.iter().flat_map(|edit| self.changes_of(edit)).collect();
        changes.into_iter().collect()
    }

    fn changes_of(&self, edit: &Edit) -> Vec<ConfigChange> {
        if self.holds(edit) {
            return Vec::new();
        }
        match edit {
            Edit::Hostname(_) | Edit::Version(_) | Edit::Tolerated(_) => vec![ConfigChange::Cosmetic],
            Edit::BootSystem(_) | Edit::Register(_) | Edit::SlotImages(..) => vec![ConfigChange::Boot],
            Edit::Ipv6Routing(_) | Edit::Ipv6Cef(_) => vec![ConfigChange::Ipv6Routing],
            Edit::Redundancy(new) => self.redundancy.changes(new),
            Edit::Vrf(name, new) => {
                // Without what only people read.
                let routing = |vrf: Option<&Vrf>| vrf.map(|vrf| Vrf { description: None, ..vrf.clone() });
                let same = routing(self.vrfs.get(name)) == routing(new.as_deref());
                vec![if same { ConfigChange::Cosmetic } else { ConfigChange::Vrf(name.clone()) }]
            }
            Edit::Interface(id, new) => {
                let old = self.interfaces.get(id);
                let silent = |interface: Option<&Interface>| interface.is_some_and(|interface| !interface.link_trap);
                // Without what only an SNMP agent reads.
                let forwarding = |interface: Option<&Interface>| {
                    interface.map(|interface| Interface { link_trap: true, ..interface.clone() })
                };
                let mut changes = Vec::new();
                if forwarding(old) != forwarding(new.as_deref()) {
                    changes.push(ConfigChange::Interface(*id));
                }
                if silent(old) != silent(new.as_deref()) {
                    changes.push(ConfigChange::LinkTraps);
                }
                changes
            }
            Edit::Route(route, _) => vec![ConfigChange::Route(route.vrf.clone(), route.prefix)],
            Edit::Neighbour(key, _) => vec![ConfigChange::Neighbour(key.clone())],
            Edit::LinkTraps(_) => vec![ConfigChange::LinkTraps],
        }
    }
}

impl RedundancyConfig {
    fn changes(&self, new: &Self) -> Vec<ConfigChange> {
        let all = [
            (self.mode != new.mode, ConfigChange::RedundancyMode),
            (self.auto_sync != new.auto_sync, ConfigChange::AutoSync),
            (self.switchover_timer != new.switchover_timer, ConfigChange::SwitchoverTimer),
            (self.crashdump_timeout != new.crashdump_timeout, ConfigChange::CrashdumpTimeout),
        ];
        all.into_iter().filter(|(differs, _)| *differs).map(|(_, change)| change).collect()
    }
}
