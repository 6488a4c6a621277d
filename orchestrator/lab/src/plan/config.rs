//! The startup configuration that a chassis gets when its topology names none.

use super::{next_hops, port_ipv4, port_ipv6};
use crate::topology::{Chassis, NodePort, Startup, Topology};
use fabric_proto::{fib::Mac, id::PortId};
use std::fmt::Write;

/// What a generated configuration is called in complaints.
const GENERATED: &str = "the generated configuration";

/// The generated configuration as its cards understand it.
pub(super) fn generated(topology: &Topology, chassis: &Chassis) -> Startup {
    Startup::read(GENERATED, &startup_config(topology, chassis), chassis.platform).0
}

/// Interfaces, neighbours, forwarding and redundancy, as `show startup-config` would list them.
pub fn startup_config(topology: &Topology, chassis: &Chassis) -> String {
    let mut text = format!("hostname {}\n!\n", chassis.name);
    let mut line = |content: &str| {
        text.push_str(content);
        text.push('\n');
    };
    line("redundancy");
    line(&format!(" mode {}", chassis.redundancy.mode));
    line("!");
    line("ip cef distributed");
    line("ipv6 unicast-routing");
    line("!");
    for card in &chassis.line_cards {
        for port in 1..=card.ports {
            let id = PortId { slot: card.slot, port };
            line(&format!("interface GigabitEthernet{id}"));
            if has_link(topology, &chassis.name, id) {
                line(&format!(" ip address {} 255.255.255.0", port_ipv4(id)));
                line(&format!(" ipv6 address {}/64", port_ipv6(id)));
                line(" no shutdown");
            } else {
                line(" no ip address");
                line(" shutdown");
            }
            line("!");
        }
    }
    let count = chassis.routes.as_ref().map_or(0, |routes| routes.next_hops);
    let hops = next_hops(topology, &chassis.name, count);
    for hop in &hops {
        line(&format!("arp {} {} ARPA", hop.neighbour.ipv4, dotted(hop.neighbour.mac)));
    }
    for hop in &hops {
        let port = hop.at.port;
        line(&format!("ipv6 neighbor {} GigabitEthernet{port} {}", hop.neighbour.ipv6, dotted(hop.neighbour.mac)));
    }
    line("!");
    line("end");
    text
}

fn has_link(topology: &Topology, chassis: &str, port: PortId) -> bool {
    topology
        .links
        .iter()
        .flat_map(|link| &link.ends)
        .any(|end| end.node == chassis && end.port == NodePort::Chassis(port))
}

/// A MAC address in groups of four digits, as routers write it.
fn dotted(mac: Mac) -> String {
    let mut text = String::with_capacity(14);
    for (index, byte) in mac.iter().enumerate() {
        if index > 0 && index % 2 == 0 {
            text.push('.');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
