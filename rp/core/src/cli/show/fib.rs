//! `show ip cef`, `show ipv6 cef`: what the line cards are given.

use super::{
    A4, A6, IP, IPV6, LONGER, MASK, P4, P6, SHOW, SUMMARY, Select, Shown, VRF, family, first_prefixes, more,
    prefix_text, select, show, table as named_table,
};
use crate::{
    cli::{View, commands::Exec, text::address},
    config::dotted,
    grammar::{
        Command, Help, Line, Shape,
        Token::{self, Argument as A, Keyword as K, Optional},
        Value as Argument,
    },
};
use fabric_proto::{
    drops::DropCause,
    fib::{Family, Path, PathList, Prefix, left_aligned},
    flow,
    id::{Epoch, InterfaceId, TableId},
    special::Special,
};
use serde_json::{Value, json};
use std::net::IpAddr;

const CEF: Token = K("cef");
const EXACT: Token = K("exact-route");
const FROM: Token = K("src-port");
const TO: Token = K("dest-port");
const L4: Token = A(Shape::Number(0, 65_535));

pub(super) static COMMANDS: &[Command<Exec>] = &[
    show(&[SHOW, IP, CEF, VRF], table),
    show(&[SHOW, IP, CEF, SUMMARY], |view, line| Ok(summary(view, family(line)))),
    show(&[SHOW, IP, CEF, VRF, EXACT, A4, A4], exact_route),
    show(&[SHOW, IP, CEF, VRF, EXACT, A4, FROM, L4, A4, TO, L4], exact_route),
    show(&[SHOW, IP, CEF, VRF, A4], table),
    show(&[SHOW, IP, CEF, VRF, A4, MASK, Optional(&[LONGER])], table),
    show(&[SHOW, IP, CEF, VRF, P4, Optional(&[LONGER])], table),
    show(&[SHOW, IPV6, CEF, VRF], table),
    show(&[SHOW, IPV6, CEF, SUMMARY], |view, line| Ok(summary(view, family(line)))),
    show(&[SHOW, IPV6, CEF, VRF, EXACT, A6, A6], exact_route),
    show(&[SHOW, IPV6, CEF, VRF, EXACT, A6, FROM, L4, A6, TO, L4], exact_route),
    show(&[SHOW, IPV6, CEF, VRF, A6], table),
    show(&[SHOW, IPV6, CEF, VRF, P6, Optional(&[LONGER])], table),
];

pub(super) const HELP: Help = &[
    ("cef", "Forwarding table"),
    ("exact-route", "The path of one flow, as line cards choose it"),
    ("src-port", "With TCP's or UDP's source port"),
    ("dest-port", "With TCP's or UDP's ports"),
];

fn table(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let family = family(line);
    let (tables, (vrf, table)) = (view.tables, named_table(view, line)?);
    let missing = || "Prefix not found".to_owned();
    match select(line)? {
        Select::All => Ok(list(view, (vrf, table), family, None)),
        Select::Within(prefix) => Ok(list(view, (vrf, table), family, Some(prefix))),
        Select::To(address) => {
            tables.fib_to(table, address).map(|(prefix, paths)| entry(prefix, &paths)).ok_or_else(missing)
        }
        Select::Exactly(prefix) => tables.fib(table, prefix).map(|paths| entry(prefix, &paths)).ok_or_else(missing),
    }
}

fn list(view: &View<'_>, named: (Option<&str>, TableId), family: Family, within: Option<Prefix>) -> Shown {
    let (vrf, table) = named;
    let (prefixes, count) = first_prefixes(|visit| view.tables.visit_fib(table, family, visit), within);
    let entries: Vec<(Prefix, PathList)> =
        prefixes.iter().filter_map(|prefix| Some((*prefix, view.tables.fib(table, *prefix)?))).collect();
    let mut text = match family {
        Family::V4 => format!("{:<21}{:<21}Interface\n", "Prefix", "Next Hop"),
        Family::V6 => String::new(),
    };
    for (prefix, paths) in &entries {
        match family {
            Family::V4 => write_row(&mut text, *prefix, paths),
            Family::V6 => text += &entry(*prefix, paths).text,
        }
    }
    text.extend(more(entries.len(), count));
    let json = json!({
        "vrf": vrf,
        "family": family.to_string(),
        "count": count,
        "listed": entries.len(),
        "prefixes": entries.iter().map(|(prefix, paths)| entry_json(*prefix, paths)).collect::<Vec<_>>(),
    });
    Shown { text, json }
}

fn write_row(text: &mut String, prefix: Prefix, paths: &PathList) {
    let mut lead = prefix_text(prefix);
    if paths.paths().is_empty() {
        *text += &format!("{lead:<21}no route\n");
    }
    for path in paths.paths() {
        let (next_hop, interface) = columns(path);
        *text += format!("{lead:<21}{next_hop:<21}{interface}").trim_end();
        text.push('\n');
        lead.clear();
    }
}

/// Next hop and interface. A next hop without a rewrite is `unresolved`: its packets are dropped.
fn columns(path: &Path) -> (String, String) {
    match path {
        Path::Port { port, next_hop, .. } => (address(*next_hop), InterfaceId::from(*port).to_string()),
        Path::Unresolved { next_hop } => (address(*next_hop), "unresolved".to_owned()),
        Path::Receive => ("receive".to_owned(), String::new()),
        Path::Discard => ("attached".to_owned(), "Null0".to_owned()),
        Path::Lookup { table } => (format!("lookup in table {table}"), String::new()),
    }
}

/// One prefix, at length.
fn entry(prefix: Prefix, paths: &PathList) -> Shown {
    let mut text = format!("{}\n", prefix_text(prefix));
    if paths.paths().is_empty() {
        text += "  no route\n";
    }
    for path in paths.paths() {
        text += &match path {
            Path::Port { .. } | Path::Unresolved { .. } => {
                let (next_hop, interface) = columns(path);
                format!("  nexthop {next_hop} {interface}\n")
            }
            Path::Receive => "  receive for this chassis\n".to_owned(),
            Path::Discard => "  discard, Null0\n".to_owned(),
            Path::Lookup { table } => format!("  lookup in table {table}\n"),
        };
    }
    Shown { text, json: entry_json(prefix, paths) }
}

/// The path of one flow: what a line card makes of it, by the function that line cards choose by.
fn exact_route(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let (source, destination, ports) = flow(line).ok_or("the source and the destination are wanted")?;
    let entry = view.tables.fib_to(named_table(view, line)?.1, destination);
    let hash = flow_hash(view, source, destination, ports);
    let path = entry.as_ref().and_then(|(_, paths)| paths.paths().get(flow::choose(hash, paths.paths().len())));
    let dropped = verdict(source, destination, entry.is_some(), path).err();
    let outcome = match (dropped, path) {
        (Some(cause), _) => format!("drop, {cause}"),
        (None, Some(Path::Port { port, next_hop, .. })) => {
            let adjacency = if next_hop.is_ipv4() { "IP" } else { "IPV6" };
            format!("{adjacency} adj out of {}, addr {}", InterfaceId::from(*port), address(*next_hop))
        }
        (None, Some(Path::Lookup { table })) => format!("lookup in table {table}"),
        (None, _) => "receive".to_owned(),
    };
    Ok(Shown {
        text: format!("{} -> {} =>{outcome}\n", address(source), address(destination)),
        json: json!({
            "source": source,
            "destination": destination,
            "source_port": ports.map(|ports| ports[0]),
            "destination_port": ports.map(|ports| ports[1]),
            "prefix": entry.as_ref().map(|(prefix, _)| prefix.to_string()),
            "paths": entry.as_ref().map_or(0, |(_, paths)| paths.paths().len()),
            "path": path.map(path_json),
            "dropped": dropped,
        }),
    })
}

/// Source, destination, and ports if it has any.
fn flow(line: &Line) -> Option<(IpAddr, IpAddr, Option<[u16; 2]>)> {
    let values: Vec<&Argument> =
        line.values().iter().map(|found| &found.value).filter(|value| !matches!(value, Argument::Text(_))).collect();
    match values.as_slice() {
        [Argument::Address(source), Argument::Address(destination)] => Some((*source, *destination, None)),
        [Argument::Address(source), Argument::Number(from), Argument::Address(destination), Argument::Number(to)] => {
            Some((*source, *destination, Some([*from as u16, *to as u16])))
        }
        _ => None,
    }
}

fn flow_hash(view: &View<'_>, source: IpAddr, destination: IpAddr, ports: Option<[u16; 2]>) -> u32 {
    let ports = ports.map_or(0, |[from, to]| u32::from(from) << 16 | u32::from(to));
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            view.flow_seed.hash_v4(source.into(), destination.into(), ports)
        }
        (source, destination) => view.flow_seed.hash_v6(left_aligned(source), left_aligned(destination), ports),
    }
}

/// Whether a line card forwards or receives a packet with these addresses and a TTL that suffices.
fn verdict(source: IpAddr, destination: IpAddr, found: bool, path: Option<&Path>) -> Result<(), DropCause> {
    if let Some(special) = Special::of(source) {
        return Err(special.as_source());
    }
    match (path, Special::of(destination)) {
        (Some(Path::Receive), _) => Ok(()),
        (_, Some(special)) => Err(special.as_destination()),
        (Some(Path::Port { .. } | Path::Lookup { .. }), None) => Ok(()),
        (Some(Path::Discard), None) => Err(DropCause::Discard),
        (Some(Path::Unresolved { .. }), None) => Err(DropCause::NoAdjacency),
        (None, None) if found => Err(DropCause::NoAdjacency),
        (None, None) => Err(DropCause::NoRoute),
    }
}

fn summary(view: &View<'_>, family: Family) -> Shown {
    let counts = view.tables.fib_counts(family);
    let epoch = Epoch(counts.epoch).to_string();
    Shown {
        text: format!(
            "{family} CEF is enabled for distributed and running\n  {} prefixes, {} path lists\n  \
             Table epoch {epoch}, batch {}\n  {} next-hop sets without a path list\n",
            counts.prefixes, counts.path_lists, counts.seq, counts.refused_sets
        ),
        json: json!({
            "family": family.to_string(),
            "prefixes": counts.prefixes,
            "path_lists": counts.path_lists,
            "epoch": epoch,
            "seq": counts.seq,
            "refused_sets": counts.refused_sets,
        }),
    }
}

fn entry_json(prefix: Prefix, paths: &PathList) -> Value {
    json!({
        "prefix": prefix.to_string(),
        "paths": paths.paths().iter().map(path_json).collect::<Vec<_>>(),
    })
}

fn path_json(path: &Path) -> Value {
    match path {
        Path::Port { port, next_hop, rewrite } => json!({
            "type": "port",
            "next_hop": next_hop,
            "interface": InterfaceId::from(*port),
            "destination_mac": rewrite.macs().map(|(to, _)| dotted(to)),
            "source_mac": rewrite.macs().map(|(_, from)| dotted(from)),
        }),
        Path::Unresolved { next_hop } => json!({"type": "unresolved", "next_hop": next_hop}),
        Path::Receive => json!({"type": "receive"}),
        Path::Discard => json!({"type": "discard"}),
        Path::Lookup { table } => json!({"type": "lookup", "table": table.0}),
    }
}
