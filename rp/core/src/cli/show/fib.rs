//! `show ip cef`, `show ipv6 cef`: what the line cards are given.

use super::{Select, Shown, first_prefixes, more, prefix_text};
use crate::{
    cli::{View, text::address},
    config::{dotted, interface_name},
};
use fabric_proto::{
    fib::{Family, Path, PathList, Prefix},
    id::Epoch,
};
use serde_json::{Value, json};

pub(super) fn show(view: &View<'_>, family: Family, select: Select) -> Result<Shown, String> {
    let tables = view.tables;
    let missing = || "Prefix not found".to_owned();
    match select {
        Select::All | Select::Port(_) | Select::Slot(_) => Ok(list(view, family, None)),
        Select::Within(prefix) => Ok(list(view, family, Some(prefix))),
        Select::To(address) => tables.fib_to(address).map(|(prefix, paths)| entry(prefix, &paths)).ok_or_else(missing),
        Select::Exactly(prefix) => tables.fib(prefix).map(|paths| entry(prefix, &paths)).ok_or_else(missing),
    }
}

fn list(view: &View<'_>, family: Family, within: Option<Prefix>) -> Shown {
    let (prefixes, count) = first_prefixes(|visit| view.tables.visit_fib(family, visit), within);
    let entries: Vec<(Prefix, PathList)> =
        prefixes.iter().filter_map(|prefix| Some((*prefix, view.tables.fib(*prefix)?))).collect();
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
        Path::Port { port, next_hop, .. } => (address(*next_hop), interface_name(*port)),
        Path::Unresolved { next_hop } => (address(*next_hop), "unresolved".to_owned()),
        Path::Receive => ("receive".to_owned(), String::new()),
        Path::Discard => ("attached".to_owned(), "Null0".to_owned()),
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
        };
    }
    Shown { text, json: entry_json(prefix, paths) }
}

pub(super) fn summary(view: &View<'_>, family: Family) -> Shown {
    let counts = view.tables.fib_counts(family);
    let epoch = Epoch(counts.epoch).to_string();
    Shown {
        text: format!(
            "{family} CEF is enabled for distributed and running\n  {} prefixes, {} path lists\n  \
             Table epoch {epoch}, batch {}\n",
            counts.prefixes, counts.path_lists, counts.seq
        ),
        json: json!({
            "family": family.to_string(),
            "prefixes": counts.prefixes,
            "path_lists": counts.path_lists,
            "epoch": epoch,
            "seq": counts.seq,
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
        Path::Port { port, next_hop, dst_mac, src_mac } => json!({
            "type": "port",
            "next_hop": next_hop,
            "interface": interface_name(*port),
            "destination_mac": dotted(*dst_mac),
            "source_mac": dotted(*src_mac),
        }),
        Path::Unresolved { next_hop } => json!({"type": "unresolved", "next_hop": next_hop}),
        Path::Receive => json!({"type": "receive"}),
        Path::Discard => json!({"type": "discard"}),
    }
}
