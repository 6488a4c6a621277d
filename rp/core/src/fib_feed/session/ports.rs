//! What a card is told of its ports: all of it when it is adopted, then what has changed. A card with a hundred thousand
//! subinterfaces is not told all of them because of one.

use crate::fib_feed::Level;
use fabric_proto::{
    id::TableId,
    linecard::{InterfaceChange, InterfaceConfig, PortConfig, ToLc},
};
use std::collections::BTreeMap;

/// A card's ports and their interfaces, as configured.
#[derive(Debug, Default)]
pub(super) struct Told {
    ports: BTreeMap<u8, PortConfig>,
    /// By port and VLAN. Those of a port that is not there wait for it.
    interfaces: BTreeMap<(u8, u16), TableId>,
}

/// What may have changed of a card's ports and their interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardChange {
    /// A port as it is now.
    Port(u8, Option<PortConfig>),
    /// An interface as it is now.
    Interface(InterfaceChange),
}

impl Told {
    pub(super) fn new(ports: Vec<PortConfig>, interfaces: Vec<InterfaceConfig>) -> Self {
        let by_vlan = |interface: InterfaceConfig| ((interface.port, interface.vlan), interface.table);
        Self {
            ports: ports.into_iter().map(|config| (config.port, config)).collect(),
            interfaces: interfaces.into_iter().map(by_vlan).collect(),
        }
    }

    /// All of it, in the words of release 1.0 as long as it has words for it.
    pub(super) fn whole(&self, level: Level) -> ToLc {
        let ports = self.ports.values().cloned();
        match level {
            Level::Full if !self.interfaces.is_empty() => {
                ToLc::Interfaces { ports: ports.collect(), interfaces: self.interfaces().collect() }
            }
            Level::Full => ToLc::Ports(ports.collect()),
            Level::Base => {
                // What comes in there must not be looked up in the default table.
                let shut =
                    |port: PortConfig| PortConfig { enabled: port.enabled && !self.is_in_vrf(port.port), ..port };
                ToLc::Ports(ports.map(shut).collect())
            }
        }
    }

    /// Subinterfaces, and what is in a VRF.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = InterfaceConfig> + '_ {
        let config = |(&(port, vlan), &table): (&(u8, u16), &TableId)| InterfaceConfig { port, vlan, table };
        self.interfaces.iter().map(config)
    }

    /// Ports that are shut down for a card at base level, and are not by configuration.
    pub(super) fn closed(&self) -> impl Iterator<Item = u8> + '_ {
        self.ports.values().filter(|port| port.enabled && self.is_in_vrf(port.port)).map(|port| port.port)
    }

    fn is_in_vrf(&self, port: u8) -> bool {
        self.interfaces.contains_key(&(port, 0))
    }

    /// Takes changes over. What a card at full level must be told, if anything is not as it was.
    pub(super) fn change(&mut self, changes: Vec<CardChange>) -> Option<ToLc> {
        let (mut ports, mut gone, mut interfaces) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match change {
                CardChange::Port(port, Some(config)) => {
                    let old = self.ports.insert(port, config.clone());
                    if old.is_none() {
                        let waiting = self.interfaces.range((port, 0)..=(port, u16::MAX));
                        interfaces.extend(waiting.map(|((port, vlan), table)| InterfaceChange {
                            port: *port,
                            vlan: *vlan,
                            table: Some(*table),
                        }));
                    }
                    if old.as_ref() != Some(&config) {
                        ports.push(config);
                    }
                }
                CardChange::Port(port, None) => gone.extend(self.ports.remove(&port).map(|_| port)),
                CardChange::Interface(change @ InterfaceChange { port, vlan, table }) => {
                    let old = match table {
                        Some(table) => self.interfaces.insert((port, vlan), table),
                        None => self.interfaces.remove(&(port, vlan)),
                    };
                    if old != table && self.ports.contains_key(&port) {
                        interfaces.push(change);
                    }
                }
            }
        }
        if ports.is_empty() && gone.is_empty() && interfaces.is_empty() {
            return None;
        }
        Some(if self.interfaces.is_empty() {
            self.whole(Level::Full)
        } else {
            ToLc::Changed { ports, gone, interfaces }
        })
    }
}

#[cfg(test)]
mod tests;
