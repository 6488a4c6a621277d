//! Show commands: each gives text for people and parsers, and the same as JSON.
//!
//! A file is a family of them: their grammar, their words, and what they show.

mod configuration;
mod fib;
mod interfaces;
mod issu;
mod logging;
mod overview;
mod parser;
mod redundancy;
mod routes;
mod system;
mod vrf;

use super::{View, commands::Exec, text::address};
use crate::config::VrfName;
use crate::grammar::{
    Command, Help, Line, Shape,
    Token::{self, Argument as A, Keyword as K, Optional},
    Value, command,
};
use fabric_proto::{
    fib::{Family, Prefix},
    id::TableId,
};
use std::{collections::BinaryHeap, net::IpAddr};

/// Most routes that one command lists; the rest is counted. A full table is a million lines, which
/// nobody reads and which would hold up the route processor.
pub const LISTED_ROUTES_MAX: usize = 1000;

/// Output of a show command.
pub(super) struct Shown {
    /// Lines, each ended.
    pub(super) text: String,
    /// The same as data.
    pub(super) json: serde_json::Value,
}

/// Which part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Select {
    All,
    /// The longest match.
    To(IpAddr),
    Exactly(Prefix),
    /// A prefix and everything in it.
    Within(Prefix),
}

pub(super) use configuration::running;

/// What a show command does. An error is a message for the operator.
pub(super) type Shows = fn(&View<'_>, &Line) -> Result<Shown, String>;

/// Every show command, family by family.
pub(super) static TABLES: &[&[Command<Exec>]] = &[
    overview::COMMANDS,
    redundancy::COMMANDS,
    system::COMMANDS,
    issu::COMMANDS,
    interfaces::COMMANDS,
    configuration::COMMANDS,
    logging::COMMANDS,
    routes::COMMANDS,
    fib::COMMANDS,
    vrf::COMMANDS,
    parser::COMMANDS,
];

/// Their words.
pub(super) const HELP: &[Help] = &[
    WORDS,
    redundancy::HELP,
    system::HELP,
    issu::HELP,
    interfaces::HELP,
    configuration::HELP,
    logging::HELP,
    routes::HELP,
    fib::HELP,
    vrf::HELP,
    parser::HELP,
];

/// Words of several families.
const WORDS: Help = &[
    ("show", "Show running system information"),
    ("ip", "IPv4"),
    ("ipv6", "IPv6"),
    ("all", "All of them"),
    ("summary", "Numbers only"),
    ("vrf", "Of the table of a VRF"),
    ("longer-prefixes", "The prefix and everything in it"),
];

/// A row of a show command.
const fn show(tokens: &'static [Token], shows: Shows) -> Command<Exec> {
    command(tokens, Exec::Show(shows))
}

const SHOW: Token = K("show");
const IP: Token = K("ip");
const IPV6: Token = K("ipv6");
const SUMMARY: Token = K("summary");
const LONGER: Token = K("longer-prefixes");
const A4: Token = A(Shape::Ipv4);
const MASK: Token = A(Shape::Mask);
const P4: Token = A(Shape::Ipv4Length);
const A6: Token = A(Shape::Ipv6);
const P6: Token = A(Shape::Ipv6Length);
const SLOT: Token = A(Shape::Slot);
const INTERFACE: Token = A(Shape::Interface);

/// The family that a line names.
fn family(line: &Line) -> Family {
    if line.has(IPV6) { Family::V6 } else { Family::V4 }
}

/// `vrf NAME`, where the table of a VRF may be shown.
const VRF: Token = Optional(&[K("vrf"), A(Shape::Word)]);

/// The VRF that a line names, and its table.
fn table<'a>(view: &View<'_>, line: &'a Line) -> Result<(Option<&'a str>, TableId), String> {
    let Ok(name) = line.text() else { return Ok((None, TableId::DEFAULT)) };
    let vrf = VrfName::from(name);
    match view.running.vrfs.contains_key(&vrf) {
        true => Ok((Some(name), vrf.table())),
        false => Err(format!("IP routing table {name} does not exist")),
    }
}

/// The part of a table that a line names.
fn select(line: &Line) -> Result<Select, String> {
    let values = line.values().iter().map(|found| &found.value);
    let mut values = values.filter(|value| !matches!(value, Value::Text(_)));
    let (address, len) = match (values.next(), values.next()) {
        (Some(Value::Address(address)), None) => return Ok(Select::To(*address)),
        (Some(Value::Address(address)), Some(Value::Length(len))) => (*address, *len),
        (Some(Value::AddressLength(address, len)), _) => (*address, *len),
        _ => return Ok(Select::All),
    };
    let prefix = Prefix::covering(address, len).map_err(|error| error.to_string())?;
    if prefix.address() != address {
        let given = Family::of(address);
        return Err(format!("{address}/{len} has bits set beyond its {given} mask; did you mean {prefix}?"));
    }
    Ok(if line.has(LONGER) { Select::Within(prefix) } else { Select::Exactly(prefix) })
}

/// The first prefixes of a table in order, and how many there are in all. The table is visited once
/// and never held: only the listed ones are kept.
fn first_prefixes(visit: impl FnOnce(&mut dyn FnMut(Prefix)), within: Option<Prefix>) -> (Vec<Prefix>, usize) {
    let mut kept = BinaryHeap::new();
    let mut count = 0;
    visit(&mut |prefix| {
        if within.is_some_and(|outer| prefix.len() < outer.len() || !outer.contains(prefix.address())) {
            return;
        }
        count += 1;
        if kept.len() < LISTED_ROUTES_MAX {
            kept.push(prefix);
        } else if let Some(mut last) = kept.peek_mut()
            && prefix < *last
        {
            *last = prefix;
        }
    });
    (kept.into_sorted_vec(), count)
}

/// The line that stands for the routes not listed.
fn more(listed: usize, count: usize) -> Option<String> {
    (listed < count)
        .then(|| format!("... {} more: name a prefix with longer-prefixes, or ask for the summary\n", count - listed))
}

/// A prefix as show commands print it.
fn prefix_text(prefix: Prefix) -> String {
    format!("{}/{}", address(prefix.address()), prefix.len())
}

/// Lines, each ended.
fn lines<I: IntoIterator<Item = String>>(lines: I) -> String {
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}
