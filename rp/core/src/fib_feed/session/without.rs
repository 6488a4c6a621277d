//! A line card's ports, and what a card of an older release is without.

use super::{Beyond, Output};
use crate::fib_feed::Level;
use fabric_proto::{
    fib::FibTable,
    id::LcSlot,
    linecard::{InterfaceConfig, PortConfig, ToLc},
};
use std::collections::BTreeSet;

/// A card's ports and their interfaces, as configured.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    pub(super) ports: Vec<PortConfig>,
    pub(super) interfaces: Vec<InterfaceConfig>,
}

impl Ports {
    /// In the words of release 1.0, as long as it has words for them.
    pub(super) fn message(&self, level: Level) -> ToLc {
        let Self { ports, interfaces } = self.clone();
        match level {
            Level::Full if !interfaces.is_empty() => ToLc::Interfaces { ports, interfaces },
            Level::Full => ToLc::Ports(ports),
            Level::Base => {
                // What comes in there must not be looked up in the default table.
                let shut =
                    |port: PortConfig| PortConfig { enabled: port.enabled && !self.is_in_vrf(port.port), ..port };
                ToLc::Ports(ports.into_iter().map(shut).collect())
            }
        }
    }

    /// Ports that are shut down for a card at base level, and are not by configuration.
    fn closed(&self) -> impl Iterator<Item = u8> + '_ {
        self.ports.iter().filter(|port| port.enabled && self.is_in_vrf(port.port)).map(|port| port.port)
    }

    fn is_in_vrf(&self, port: u8) -> bool {
        self.interfaces.iter().any(|interface| (interface.port, interface.vlan) == (port, 0))
    }
}

/// What it was said that a card is without.
#[derive(Debug, Default)]
pub(super) struct Without {
    entries: bool,
    paths: bool,
    interfaces: BTreeSet<InterfaceConfig>,
}

impl Without {
    /// Its ports are as configured now. Those that it has no words for are down, whatever their wires carry.
    pub(super) fn ports(&mut self, slot: LcSlot, level: Level, ports: &Ports, out: &mut Vec<Output>) {
        if level == Level::Full {
            return;
        }
        out.extend(ports.closed().map(|port| Output::PortState { slot, port, up: false }));
        let before = std::mem::replace(&mut self.interfaces, ports.interfaces.iter().copied().collect());
        let news: Vec<InterfaceConfig> = self.interfaces.difference(&before).copied().collect();
        if !news.is_empty() {
            out.push(Output::Without { slot, what: Beyond::Interfaces(news) });
        }
    }

    /// The table is this now.
    pub(super) fn table(&mut self, slot: LcSlot, level: Level, table: &FibTable, out: &mut Vec<Output>) {
        let [entries, lists] = level.without(table);
        for (said, is, what) in
            [(&mut self.entries, entries > 0, Beyond::Entries), (&mut self.paths, lists > 0, Beyond::Paths)]
        {
            if is && !*said {
                out.push(Output::Without { slot, what });
            }
            *said = is;
        }
    }
}
