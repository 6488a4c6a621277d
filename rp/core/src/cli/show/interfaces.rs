//! `show interfaces`, `show ip interface brief` and others of their kind. Counters are on the line cards, and
//! never on a route processor: they are not shown here.

use super::{INTERFACE, IP, IPV6, SHOW, Shown, family, lines, show};
use crate::{
    cli::{
        InterfaceView, NeighbourView, View,
        commands::Exec,
        text::{address, age},
    },
    config::{Interface, ResolvedNeighbour, VrfName, dotted},
    grammar::{
        Command, Help, Line,
        Token::{Keyword as K, Optional},
    },
};
use fabric_proto::{
    fib::{Family, Mac},
    id::InterfaceId,
};
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};

pub(super) static COMMANDS: &[Command<Exec>] = &[
    show(&[SHOW, K("interfaces"), Optional(&[INTERFACE])], interfaces),
    show(&[SHOW, K("interfaces"), K("description")], |view, _| Ok(description(view))),
    show(&[SHOW, IP, K("interface"), K("brief")], |view, line| Ok(brief(view, family(line)))),
    show(&[SHOW, IPV6, K("interface"), K("brief")], |view, line| Ok(brief(view, family(line)))),
    show(&[SHOW, Optional(&[IP]), K("arp")], |view, line| Ok(neighbours(view, family(line)))),
    show(&[SHOW, IPV6, K("neighbors")], |view, line| Ok(neighbours(view, family(line)))),
    show(&[SHOW, K("snmp"), K("mib"), K("ifmib")], |view, _| Ok(if_mib(view))),
];

pub(super) const HELP: Help = &[
    ("interfaces", "Ports"),
    ("description", "Their descriptions"),
    ("interface", "Ports"),
    ("brief", "A line a port"),
    ("arp", "ARP entries"),
    ("neighbors", "Neighbor discovery entries"),
    ("snmp", "Data that an SNMP agent would serve"),
    ("mib", "Of a MIB"),
    ("ifmib", "Interfaces (RFC 2863)"),
];

/// Most interfaces that one command lists; the rest is counted, as with routes.
const LISTED_MAX: usize = 1000;

/// An interface as configured, and how it is.
struct Row<'a> {
    id: InterfaceId,
    is: InterfaceView,
    configured: &'a Interface,
    /// Neither it nor the port that it is on is shut down.
    enabled: bool,
}

/// The first interfaces, those with hardware before the others, and how many there are in all.
fn rows<'a>(view: &'a View<'_>) -> (Vec<Row<'a>>, usize) {
    let all = &view.running.interfaces;
    let hardware = |id: &InterfaceId| id.port().is_some();
    let ids = all.keys().filter(|id| hardware(id)).chain(all.keys().filter(|id| !hardware(id)));
    (ids.take(LISTED_MAX).filter_map(|id| row(view, *id)).collect(), all.len())
}

fn row<'a>(view: &'a View<'_>, id: InterfaceId) -> Option<Row<'a>> {
    let all = &view.running.interfaces;
    Some(Row { id, is: view.tables.interface(id), configured: all.get(&id)?, enabled: all.is_enabled(id) })
}

/// The line that stands for the interfaces not listed.
fn more(listed: &[Row<'_>], count: usize) -> Option<String> {
    (listed.len() < count).then(|| format!("... {} more: name an interface", count - listed.len()))
}

impl Row<'_> {
    /// Status of the interface and of its line protocol.
    fn status(&self) -> (&'static str, &'static str) {
        match (self.enabled, self.is.link) {
            (false, _) => ("administratively down", "down"),
            (true, Some(true)) => ("up", "up"),
            (true, Some(false) | None) => ("down", "down"),
        }
    }

    fn mac(&self) -> Option<String> {
        self.is.mac.map(dotted)
    }
}

fn interfaces(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let (chosen, count) = match line.interface() {
        Ok(id) => (vec![row(view, id).ok_or_else(|| format!("{id} is not configured"))?], 1),
        Err(_) => rows(view),
    };
    let text = chosen.iter().map(entry).collect::<String>() + &lines(more(&chosen, count));
    Ok(Shown { text, json: rows_json(&chosen, count) })
}

fn entry(row: &Row<'_>) -> String {
    let (state, protocol) = row.status();
    let interface = row.configured;
    let mut text = format!("{} is {state}, line protocol is {protocol}\n", row.id);
    text += &match row.mac() {
        Some(mac) => format!("  Hardware is emulated Ethernet, address is {mac} (bia {mac})\n"),
        None => "  Hardware is Loopback\n".to_owned(),
    };
    if let Some(description) = &interface.description {
        text += &format!("  Description: {description}\n");
    }
    for own in interface.addresses() {
        text += &format!("  Internet address is {}/{}\n", address(own.address), own.len);
    }
    if let Some(vrf) = &interface.vrf {
        text += &format!("  VPN Routing/Forwarding \"{vrf}\"\n");
    }
    text += &format!("  MTU {} bytes\n", interface.mtu);
    text += &match (row.id.port(), interface.vlan) {
        (Some(_), Some(vlan)) => format!("  Encapsulation 802.1Q Virtual LAN, Vlan ID  {vlan}.\n"),
        (Some(_), None) => "  Encapsulation ARPA, loopback not set\n".to_owned(),
        (None, _) => "  Encapsulation LOOPBACK, loopback not set\n".to_owned(),
    };
    if let Some(since) = row.is.since {
        text += &format!("  Last link change {}\n", age(since));
    }
    if let Some(transitions) = row.is.transitions {
        text += &format!("     {transitions} carrier transitions\n");
    }
    text
}

fn row_json(row: &Row<'_>) -> Value {
    let (state, protocol) = row.status();
    let interface = row.configured;
    json!({
        "interface": row.id,
        "if_index": row.is.index,
        "status": state,
        "line_protocol": protocol,
        "mac_address": row.mac(),
        "description": interface.description,
        "vlan": interface.vlan,
        "vrf": interface.vrf.as_ref().map(VrfName::as_str),
        "mtu": interface.mtu,
        "addresses": interface.addresses().map(|own| format!("{}/{}", own.address, own.len)).collect::<Vec<_>>(),
        "link_known": row.is.link.is_some(),
        "last_link_change_seconds": row.is.since.map(|since: Duration| since.as_secs()),
        "carrier_transitions": row.is.transitions,
    })
}

fn description(view: &View<'_>) -> Shown {
    let (rows, count) = rows(view);
    let head = format!("{:<31}{:<15}{:<9}Description", "Interface", "Status", "Protocol");
    let line = |row: &Row<'_>| {
        let (state, protocol) = row.status();
        let state = if row.enabled { state } else { "admin down" };
        let text = row.configured.description.as_deref().unwrap_or_default();
        let name = row.id.short();
        format!("{name:<31}{state:<15}{protocol:<9}{text}").trim_end().to_owned()
    };
    let text = lines([head].into_iter().chain(rows.iter().map(line)).chain(more(&rows, count)));
    Shown { text, json: rows_json(&rows, count) }
}

fn brief(view: &View<'_>, family: Family) -> Shown {
    let (rows, count) = rows(view);
    let head = "Interface              IP-Address      OK? Method Status                Protocol";
    let v4 = |row: &Row<'_>| {
        let (state, protocol) = row.status();
        let own = row.configured.ipv4.map_or_else(|| "unassigned".to_owned(), |own| own.address.to_string());
        let method = if row.configured.ipv4.is_some() { "NVRAM" } else { "unset" };
        format!("{:<22} {own:<15} YES {method:<6} {state:<21} {protocol}", row.id.to_string())
    };
    let v6 = |row: &Row<'_>| {
        let (state, protocol) = row.status();
        let own = row.configured.ipv6.iter().map(|own| format!("    {}", address(own.address)));
        let none = row.configured.ipv6.is_empty().then(|| "    unassigned".to_owned());
        let head = format!("{:<22} [{state}/{protocol}]", row.id.to_string());
        [head].into_iter().chain(own).chain(none).collect::<Vec<_>>()
    };
    let text = match family {
        Family::V4 => lines([head.to_owned()].into_iter().chain(rows.iter().map(v4)).chain(more(&rows, count))),
        Family::V6 => lines(rows.iter().flat_map(v6).chain(more(&rows, count))),
    };
    Shown { text, json: rows_json(&rows, count) }
}

fn rows_json(rows: &[Row<'_>], count: usize) -> Value {
    json!({"count": count, "interfaces": rows.iter().map(row_json).collect::<Vec<_>>()})
}

fn neighbours(view: &View<'_>, family: Family) -> Shown {
    let fixed = view.running.resolved_neighbours().map(Entry::from);
    let learned = view.tables.neighbours().into_iter().map(Entry::from);
    let of_family = |entry: &Entry| Family::of(entry.address) == family;
    let mut entries: Vec<Entry> = fixed.chain(learned).filter(of_family).collect();
    // What is configured stands before the others, as it always has.
    entries.sort_by_key(|entry| (entry.kind != "static", entry.interface, entry.address));
    let head = match family {
        Family::V4 => "Protocol  Address          Age (min)  Hardware Addr   Type   Interface",
        Family::V6 => "IPv6 Address                              Age Link-layer Addr State Interface",
    };
    let listed = entries.len().min(LISTED_MAX);
    let rows = entries[..listed].iter().map(|entry| entry.row(family));
    let rest = (listed < entries.len()).then(|| format!("... {} more", entries.len() - listed));
    let json = entries[..listed].iter().map(Entry::json);
    Shown {
        text: lines([head.to_owned()].into_iter().chain(rows).chain(rest)),
        json: json!({ "neighbors": json.collect::<Vec<_>>() }),
    }
}

/// A neighbour that is configured, or was learned.
struct Entry {
    address: IpAddr,
    interface: InterfaceId,
    station: Option<Mac>,
    state: &'static str,
    minutes: Option<u64>,
    kind: &'static str,
}

impl From<ResolvedNeighbour> for Entry {
    fn from(ResolvedNeighbour { address, mac, interface }: ResolvedNeighbour) -> Self {
        Self { address, interface, station: Some(mac), state: "REACH", minutes: None, kind: "static" }
    }
}

impl From<NeighbourView> for Entry {
    fn from(NeighbourView { address, interface, station, state, age }: NeighbourView) -> Self {
        let minutes = Some(age.map_or(0, |age| age.as_secs() / 60));
        Self { address, interface, station, state, minutes, kind: "dynamic" }
    }
}

impl Entry {
    fn row(&self, family: Family) -> String {
        let minutes = self.minutes.map_or_else(|| "-".to_owned(), |minutes| minutes.to_string());
        let interface = self.interface;
        match (family, self.station) {
            (Family::V4, station) => {
                let (own, station) = (self.address, station.map_or_else(|| "Incomplete    ".to_owned(), dotted));
                format!("Internet  {own:<15}{minutes:>10}   {station}  ARPA   {interface}")
            }
            (Family::V6, station) => {
                let station = station.map_or_else(|| "-             ".to_owned(), dotted);
                let (own, state, short) = (address(self.address), self.state, interface.short());
                format!("{own:<40} {minutes:>4} {station} {state} {short}")
            }
        }
    }

    fn json(&self) -> Value {
        let mut json = json!({
            "address": self.address,
            "mac_address": self.station.map(dotted),
            "interface": self.interface,
            "type": self.kind,
        });
        if let (Some(minutes), Some(members)) = (self.minutes, json.as_object_mut()) {
            members.insert("age_minutes".to_owned(), minutes.into());
            members.insert("state".to_owned(), self.state.into());
        }
        json
    }
}

/// What an SNMP agent would serve of the IF-MIB: the data that is kept and synchronised, under the names of
/// RFC 2863.
fn if_mib(view: &View<'_>) -> Shown {
    let traps = view.running.link_traps;
    let switch = |on: bool| if on { "enabled" } else { "disabled" };
    let mut text = format!("linkDown: {}, linkUp: {}\n", switch(traps.down), switch(traps.up));
    text += &format!(
        "{:<9}{:<22}{:<15}{:<14}ifLinkUpDownTrapEnable\n",
        "ifIndex", "ifName", "ifAdminStatus", "ifOperStatus"
    );
    let (rows, count) = rows(view);
    let admin = |row: &Row<'_>| if row.configured.shutdown { "down" } else { "up" };
    let oper = |row: &Row<'_>| match row.is.link {
        Some(true) if row.enabled => "up",
        Some(_) => "down",
        None => "unknown",
    };
    let line = |row: &Row<'_>| {
        let index = row.is.index.map_or_else(|| "-".to_owned(), |index| index.to_string());
        let (name, trap) = (row.id.to_string(), switch(row.configured.link_trap));
        format!("{index:<9}{name:<22}{:<15}{:<14}{trap}", admin(row), oper(row))
    };
    text += &lines(rows.iter().map(line).chain(more(&rows, count)));
    let row_json = |row: &Row<'_>| {
        json!({
            "if_index": row.is.index,
            "if_name": row.id,
            "if_admin_status": admin(row),
            "if_oper_status": oper(row),
            "if_link_up_down_trap_enable": row.configured.link_trap,
            "if_last_change_seconds_ago": row.is.since.map(|since| since.as_secs()),
        })
    };
    let rows: Vec<Value> = rows.iter().map(row_json).collect();
    Shown {
        text,
        json: json!({"link_down_trap": traps.down, "link_up_trap": traps.up, "count": count, "if_table": rows}),
    }
}
