//! `show interfaces`, `show ip interface brief` and others of their kind. Counters are on the line cards, and
//! never on a route processor: they are not shown here.

use super::{Select, Shown, lines};
use crate::{
    cli::{
        PortView, View,
        text::{address, age},
    },
    config::{Interface, dotted, interface_name},
};
use fabric_proto::fib::Family;
use serde_json::{Value, json};
use std::time::Duration;

/// A configured port and its configuration.
fn ports<'a>(view: &'a View<'_>) -> impl Iterator<Item = (&'a PortView, &'a Interface)> {
    view.ports.iter().filter_map(|port| Some((port, view.running.interfaces.get(&port.port)?)))
}

/// Status of the port and of its line protocol.
fn status(port: &PortView, interface: &Interface) -> (&'static str, &'static str) {
    match (interface.shutdown, port.link) {
        (true, _) => ("administratively down", "down"),
        (false, Some(true)) => ("up", "up"),
        (false, Some(false) | None) => ("down", "down"),
    }
}

pub(super) fn show(view: &View<'_>, select: Select) -> Result<Shown, String> {
    let wanted = |port: &PortView| !matches!(select, Select::Port(wanted) if wanted != port.port);
    let chosen: Vec<_> = ports(view).filter(|(port, _)| wanted(port)).collect();
    if let (Select::Port(port), true) = (select, chosen.is_empty()) {
        return Err(format!("{} is not configured", interface_name(port)));
    }
    let text = chosen.iter().map(|(port, interface)| entry(port, interface)).collect();
    let rows: Vec<Value> = chosen.iter().map(|(port, interface)| row(port, interface)).collect();
    Ok(Shown { text, json: json!({"interfaces": rows}) })
}

fn entry(port: &PortView, interface: &Interface) -> String {
    let (state, protocol) = status(port, interface);
    let mac = dotted(port.mac);
    let mut text = format!(
        "{} is {state}, line protocol is {protocol}\n  Hardware is emulated Ethernet, address is {mac} (bia {mac})\n",
        interface_name(port.port)
    );
    if let Some(description) = &interface.description {
        text += &format!("  Description: {description}\n");
    }
    for own in interface.addresses() {
        text += &format!("  Internet address is {}/{}\n", address(own.address), own.len);
    }
    text += &format!("  MTU {} bytes\n  Encapsulation ARPA, loopback not set\n", interface.mtu);
    if let Some(since) = port.since {
        text += &format!("  Last link change {}\n", age(since));
    }
    text
}

fn row(port: &PortView, interface: &Interface) -> Value {
    let (state, protocol) = status(port, interface);
    json!({
        "interface": interface_name(port.port),
        "if_index": port.index,
        "status": state,
        "line_protocol": protocol,
        "mac_address": dotted(port.mac),
        "description": interface.description,
        "mtu": interface.mtu,
        "addresses": interface.addresses().map(|own| format!("{}/{}", own.address, own.len)).collect::<Vec<_>>(),
        "link_known": port.link.is_some(),
        "last_link_change_seconds": port.since.map(|since: Duration| since.as_secs()),
    })
}

pub(super) fn description(view: &View<'_>) -> Shown {
    let head = format!("{:<31}{:<15}{:<9}Description", "Interface", "Status", "Protocol");
    let rows = ports(view).map(|(port, interface)| {
        let (state, protocol) = status(port, interface);
        let state = if interface.shutdown { "admin down" } else { state };
        let text = interface.description.as_deref().unwrap_or_default();
        let name = short_name(port);
        format!("{name:<31}{state:<15}{protocol:<9}{text}").trim_end().to_owned()
    });
    let text = lines([head].into_iter().chain(rows));
    Shown { text, json: rows_json(view) }
}

pub(super) fn brief(view: &View<'_>, family: Family) -> Shown {
    let text = match family {
        Family::V4 => {
            let head = "Interface              IP-Address      OK? Method Status                Protocol".to_owned();
            let rows = ports(view).map(|(port, interface)| {
                let (state, protocol) = status(port, interface);
                let own = interface.ipv4.map_or_else(|| "unassigned".to_owned(), |own| own.address.to_string());
                let method = if interface.ipv4.is_some() { "NVRAM" } else { "unset" };
                format!("{:<22} {own:<15} YES {method:<6} {state:<21} {protocol}", interface_name(port.port))
            });
            lines([head].into_iter().chain(rows))
        }
        Family::V6 => lines(ports(view).flat_map(|(port, interface)| {
            let (state, protocol) = status(port, interface);
            let head = format!("{:<22} [{state}/{protocol}]", interface_name(port.port));
            let mut rows = vec![head];
            rows.extend(interface.ipv6.iter().map(|own| format!("    {}", address(own.address))));
            if interface.ipv6.is_empty() {
                rows.push("    unassigned".to_owned());
            }
            rows
        })),
    };
    Shown { text, json: rows_json(view) }
}

fn rows_json(view: &View<'_>) -> Value {
    json!({"interfaces": ports(view).map(|(port, interface)| row(port, interface)).collect::<Vec<_>>()})
}

fn short_name(port: &PortView) -> String {
    format!("Gi{}", port.port)
}

pub(super) fn neighbours(view: &View<'_>, family: Family) -> Shown {
    let entries: Vec<_> = view.running.resolved_neighbours().filter(|(own, ..)| Family::of(*own) == family).collect();
    let head = match family {
        Family::V4 => "Protocol  Address          Age (min)  Hardware Addr   Type   Interface",
        Family::V6 => "IPv6 Address                              Age Link-layer Addr State Interface",
    };
    let rows = entries.iter().map(|(neighbour, mac, port)| match family {
        Family::V4 => {
            let (neighbour, mac) = (neighbour.to_string(), dotted(*mac));
            format!("Internet  {neighbour:<15}         -   {mac}  ARPA   {}", interface_name(*port))
        }
        Family::V6 => format!("{:<40}    - {} REACH Gi{port}", address(*neighbour), dotted(*mac)),
    });
    Shown {
        text: lines([head.to_owned()].into_iter().chain(rows)),
        json: json!({
            "neighbors": entries
                .iter()
                .map(|(neighbour, mac, port)| json!({
                    "address": neighbour,
                    "mac_address": dotted(*mac),
                    "interface": interface_name(*port),
                    "type": "static",
                }))
                .collect::<Vec<_>>()
        }),
    }
}

/// What an SNMP agent would serve of the IF-MIB: the data that is kept and synchronised, under the names of
/// RFC 2863.
pub(super) fn if_mib(view: &View<'_>) -> Shown {
    let traps = view.running.link_traps;
    let switch = |on: bool| if on { "enabled" } else { "disabled" };
    let mut text = format!("linkDown: {}, linkUp: {}\n", switch(traps.down), switch(traps.up));
    text += &format!(
        "{:<9}{:<22}{:<15}{:<14}ifLinkUpDownTrapEnable\n",
        "ifIndex", "ifName", "ifAdminStatus", "ifOperStatus"
    );
    let admin = |interface: &Interface| if interface.shutdown { "down" } else { "up" };
    let oper = |port: &PortView| match port.link {
        Some(true) => "up",
        Some(false) => "down",
        None => "unknown",
    };
    text += &lines(ports(view).map(|(port, interface)| {
        format!(
            "{:<9}{:<22}{:<15}{:<14}{}",
            port.index,
            interface_name(port.port),
            admin(interface),
            oper(port),
            switch(interface.link_trap)
        )
    }));
    let rows = ports(view).map(|(port, interface)| {
        json!({
            "if_index": port.index,
            "if_name": interface_name(port.port),
            "if_admin_status": admin(interface),
            "if_oper_status": oper(port),
            "if_link_up_down_trap_enable": interface.link_trap,
            "if_last_change_seconds_ago": port.since.map(|since| since.as_secs()),
        })
    });
    let rows: Vec<Value> = rows.collect();
    Shown { text, json: json!({"link_down_trap": traps.down, "link_up_trap": traps.up, "if_table": rows}) }
}
