//! Ports and their interfaces as packets see them.

use fabric_proto::{
    fib::Mac,
    id::TableId,
    linecard::{InterfaceConfig, PortConfig},
};

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
    /// Where packets of its subinterfaces are, by VLAN, in order.
    vlans: Vec<(u16, TableId)>,
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
}

/// The card's ports by number.
#[derive(Clone, Debug, Default)]
pub struct Ports(Vec<Option<Port>>);

impl Ports {
    /// Ports as configured; those not named do not exist for packets. `interfaces` has their subinterfaces, and what is
    /// not in the default table.
    pub fn new(configs: &[PortConfig], interfaces: &[InterfaceConfig]) -> Self {
        let mut ports = Vec::new();
        for config in configs {
            let at = usize::from(config.port);
            if ports.len() <= at {
                ports.resize(at + 1, None);
            }
            let mut port = Port {
                mac: config.mac,
                enabled: config.enabled,
                mtu: config.mtu,
                table: TableId::DEFAULT,
                vlans: Vec::new(),
            };
            for interface in interfaces.iter().filter(|interface| interface.port == config.port) {
                match interface.vlan {
                    0 => port.table = interface.table,
                    vlan => port.vlans.push((vlan, interface.table)),
                }
            }
            port.vlans.sort_unstable();
            port.vlans.dedup_by_key(|(vlan, _)| *vlan);
            ports[at] = Some(port);
        }
        Self(ports)
    }

    /// A port, if it is configured.
    #[inline]
    pub fn port(&self, number: u8) -> Option<&Port> {
        self.0.get(usize::from(number))?.as_ref()
    }
}
