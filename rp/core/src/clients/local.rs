//! From the running configuration to what routing and line cards need of it.

use super::links::Links;
use crate::{
    config::{Config, RouteTarget},
    rib::{Interface, Local, StaticRoute, StaticTarget},
};
use fabric_proto::{fib::port_mac, id::LcSlot, linecard::PortConfig};

/// Interfaces, neighbours and static routes. A port without carrier is as good as shut down.
pub(super) fn routing(config: &Config, links: &Links) -> Local {
    Local {
        interfaces: config
            .interfaces
            .iter()
            .map(|(port, interface)| {
                let addresses = interface.addresses().map(|own| (own.address, own.len)).collect();
                let enabled = !interface.shutdown && links.is_up(*port);
                (*port, Interface { addresses, mac: port_mac(*port), enabled })
            })
            .collect(),
        neighbors: config.resolved_neighbours().map(|(address, mac, port)| ((port, address), mac)).collect(),
        statics: config
            .routes
            .iter()
            .map(|(route, distance)| StaticRoute {
                prefix: route.prefix,
                distance: *distance,
                target: match route.target {
                    RouteTarget::Via(next_hop) => StaticTarget::NextHop(next_hop),
                    RouteTarget::OnPort(port, next_hop) => StaticTarget::OnPort(port, next_hop),
                    RouteTarget::Null0 => StaticTarget::Null,
                },
            })
            .collect(),
    }
}

/// The ports of one line card.
pub(crate) fn ports(config: &Config, slot: LcSlot) -> Vec<PortConfig> {
    config
        .interfaces
        .iter()
        .filter(|(port, _)| port.slot == slot)
        .map(|(port, interface)| PortConfig {
            port: port.port,
            enabled: !interface.shutdown,
            mac: port_mac(*port),
            mtu: interface.mtu,
        })
        .collect()
}
