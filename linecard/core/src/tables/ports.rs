//! Ports and their interfaces as packets see them.

use fabric_proto::{
    fib::Mac,
    id::TableId,
    linecard::{InterfaceChange, InterfaceConfig, PortConfig},
};
use std::{collections::BTreeMap, sync::Arc};

/// A port as packets see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its own address.
    pub mac: Mac,
    /// Whether it is not shut down.
    pub enabled: bool,
    /// Longest IP packet.
    pub mtu: u16,
    /// Where packets without a tag are looked up.
    pub table: TableId,
    /// Where packets of its subinterfaces are, by VLAN, in order. A change of other ports leaves it where it is.
    vlans: Arc<[(u16, TableId)]>,
}

impl Port {
    /// Where packets with the tag of a VLAN are looked up. A tag of VLAN 0 has a priority and no VLAN (IEEE 802.1Q
    /// §6.8): its packet is the port's own. `None` for a VLAN that no subinterface has.
    pub fn table_of(&self, vlan: u16) -> Option<TableId> {
        if vlan == 0 {
            return Some(self.table);
        }
        let at = self.vlans.binary_search_by_key(&vlan, |(vlan, _)| *vlan).ok()?;
        Some(self.vlans[at].1)
    }

    fn change_vlans(&mut self, changed: &BTreeMap<u16, Option<TableId>>) {
        let kept = self.vlans.iter().filter(|(vlan, _)| !changed.contains_key(vlan)).copied();
        let new = changed.iter().filter_map(|(vlan, table)| Some((*vlan, (*table)?)));
        let mut vlans: Vec<_> = kept.chain(new).collect();
        vlans.sort_unstable();
        self.vlans = vlans.into();
    }
}

/// The card's ports by number.
#[derive(Clone, Debug, Default)]
pub struct Ports(Vec<Option<Port>>);

impl Ports {
    /// Ports as configured; those not named do not exist for packets. `interfaces` has their subinterfaces, and what is
    /// not in the default table.
    pub fn new(configs: &[PortConfig], interfaces: &[InterfaceConfig]) -> Self {
        let mut ports = Self::default();
        let change = |interface: &InterfaceConfig| InterfaceChange {
            port: interface.port,
            vlan: interface.vlan,
            table: Some(interface.table),
        };
        ports.change(configs, &[], &interfaces.iter().map(change).collect::<Vec<_>>());
        ports
    }

    /// Changes some of them. Of several changes of one interface the last one counts.
    pub fn change(&mut self, configs: &[PortConfig], gone: &[u8], interfaces: &[InterfaceChange]) {
        for number in gone {
            if let Some(port) = self.0.get_mut(usize::from(*number)) {
                *port = None;
            }
        }
        for config in configs {
            let at = usize::from(config.port);
            if self.0.len() <= at {
                self.0.resize(at + 1, None);
            }
            let PortConfig { port: _, mac, enabled, mtu } = *config;
            let old = self.0[at].take();
            let (table, vlans) = old.map_or_else(Default::default, |port| (port.table, port.vlans));
            self.0[at] = Some(Port { mac, enabled, mtu, table, vlans });
        }
        let mut tagged: BTreeMap<u8, BTreeMap<u16, Option<TableId>>> = BTreeMap::new();
        for InterfaceChange { port, vlan, table } in interfaces {
            match vlan {
                0 => {
                    if let Some(port) = self.0.get_mut(usize::from(*port)).and_then(Option::as_mut) {
                        port.table = table.unwrap_or_default();
                    }
                }
                vlan => drop(tagged.entry(*port).or_default().insert(*vlan, *table)),
            }
        }
        for (number, changed) in tagged {
            if let Some(port) = self.0.get_mut(usize::from(number)).and_then(Option::as_mut) {
                port.change_vlans(&changed);
            }
        }
    }

    /// A port, if it is configured.
    #[inline]
    pub fn port(&self, number: u8) -> Option<&Port> {
        self.0.get(usize::from(number))?.as_ref()
    }

    /// What of them [`Ports::configs`] does not say: subinterfaces, and what is not in the default table.
    pub fn interfaces(&self) -> Vec<InterfaceConfig> {
        let of = |(number, port): (usize, &Option<Port>)| {
            let Port { table, vlans, .. } = port.as_ref()?;
            let own = (*table != TableId::DEFAULT).then_some((0, *table));
            let all = own.into_iter().chain(vlans.iter().copied());
            Some(all.map(|(vlan, table)| InterfaceConfig { port: number as u8, vlan, table }).collect::<Vec<_>>())
        };
        self.0.iter().enumerate().filter_map(of).flatten().collect()
    }

    /// The ports as they are configured.
    pub fn configs(&self) -> Vec<PortConfig> {
        let config = |(number, port): (usize, &Option<Port>)| {
            let Port { mac, enabled, mtu, .. } = *port.as_ref()?;
            Some(PortConfig { port: number as u8, enabled, mac, mtu })
        };
        self.0.iter().enumerate().filter_map(config).collect()
    }
}
