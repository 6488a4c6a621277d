//! What a topology must hold beyond its shape.

use super::{
    Chassis, HOST, Limits, LineCard, LinkEnd, MACVLAN, NodePort, Redundancy, Startup, Tester, Topology,
    file::{Addresses, Component, File, Kind, Node, RedundancyEntry},
    links, linux, platform, routes,
};
use fabric_proto::{deploy::RedundancyTimers, id::Slot, platform::Profile};
use notation::{
    document::{BadInput, Document},
    units::{Bytes, Span},
};
use serde_saphyr::{Location, Spanned};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Ports of one line card; `slot/port` addresses and neighbour addresses have room for these.
const PORTS_MAX: u8 = 64;
/// What names of containers begin with, where the topology does not say it.
const PREFIX: &str = "swact";
/// No program of a card runs with less.
const MEMORY_MIN: u64 = 16 << 20;
/// Of a configuration's refused lines, so many are named beside the first.
const LINES_NAMED: usize = 8;
/// Longest name of a lab or a prefix, and of a node: both are in the paths of sockets.
const LAB_NAME_MAX: usize = 32;
const NODE_NAME_MAX: usize = 16;

pub(super) fn check(document: Document) -> Result<Topology, BadInput> {
    let file: File = document.parse()?;
    check_name(&document, "lab", &file.name.value, LAB_NAME_MAX, file.name.referenced)?;
    if let Some(prefix) = &file.prefix {
        check_name(&document, "prefix", &prefix.value, LAB_NAME_MAX, prefix.referenced)?;
    }
    let prefix = file.prefix.map_or_else(|| PREFIX.to_owned(), |prefix| prefix.value);
    let mut chassis = Vec::new();
    let (mut testers, mut linux) = (Vec::new(), Vec::new());
    for (name, node) in &file.topology.nodes {
        check_name(&document, "node", name, NODE_NAME_MAX, node.referenced)?;
        if [HOST, MACVLAN].contains(&name.as_str()) {
            let message = format!("'{name}' names interfaces of this machine in links");
            return Err(document.wrong(node.referenced, message, "give the node another name"));
        }
        match node.value.kind.value {
            Kind::Chassis => chassis.push(check_chassis(&document, name, node)?),
            Kind::Tester => testers.push(check_tester(&document, name, node)?),
            Kind::Linux => linux.push(linux::check(&document, name, node)?),
        }
    }
    let mut topology = Topology {
        document,
        name: file.name.value,
        prefix,
        chassis,
        testers,
        linux,
        links: Vec::new(),
        host_ends: Vec::new(),
    };
    let mut used = BTreeMap::new();
    for entry in &file.topology.links {
        let link = links::check_link(&topology, entry, &mut used)?;
        let ends = links::check_host_ends(&topology, &link, entry)?;
        topology.host_ends.extend(ends);
        topology.links.push(link);
    }
    check_addressed_links(&topology, &file.topology.nodes)?;
    for chassis in &topology.chassis {
        routes::check_neighbours(&topology, chassis, &file.topology.nodes[&chassis.name])?;
    }
    Ok(topology)
}

/// What becomes part of names of folders, certificates and containers: one rule for all of them.
fn check_name(
    document: &Document,
    what: &'static str,
    name: &str,
    most: usize,
    location: Location,
) -> Result<(), BadInput> {
    if name.len() <= most && fabric::tls::check_name(what, name).is_ok() {
        return Ok(());
    }
    let message = format!("{what} name '{name}' cannot be used");
    let remedy = format!("use 1 to {most} of a-z, 0-9 and '-', and a letter or digit first and last");
    Err(document.wrong(location, message, remedy))
}

/// Complains about a key that the node's kind does not have: of those that only some kinds have, it has `own`.
pub(super) fn check_keys(document: &Document, node: &Node, kind: &str, own: &[&str]) -> Result<(), BadInput> {
    let written = node.keys_of_kinds().into_iter().filter_map(|(key, at)| Some((key, at?)));
    match written.into_iter().find(|(key, _)| !own.contains(key)) {
        None => Ok(()),
        Some((key, at)) => {
            Err(document.wrong(at, format!("a {kind} has no '{key}'"), "remove the key, or change the node's kind"))
        }
    }
}

fn check_tester(document: &Document, name: &str, node: &Spanned<Node>) -> Result<Tester, BadInput> {
    let Node { kind, ports, addresses, memory, cpu, .. } = &node.value;
    check_keys(document, &node.value, "tester", &["ports", "addresses"])?;
    let Some(ports) = ports else {
        let message = format!("tester {name} does not say how many ports it has");
        return Err(document.wrong(kind.referenced, message, "add 'ports: 2' to the node"));
    };
    let limits = check_limits(document, memory.as_ref(), cpu.as_ref(), Limits::default())?;
    let ports = port_count(document, ports)?;
    let addresses = check_addresses(document, name, ports, addresses.as_ref())?;
    Ok(Tester { name: name.to_owned(), ports, addresses, limits })
}

/// A tester's addresses, by port. Whether a port may have any is known when its links are.
fn check_addresses(
    document: &Document,
    tester: &str,
    ports: u8,
    entries: Option<&Spanned<Addresses>>,
) -> Result<BTreeMap<u8, Vec<IpAddr>>, BadInput> {
    let mut addresses = BTreeMap::new();
    let mut owner = BTreeMap::new();
    for (name, entry) in entries.iter().flat_map(|entries| &entries.value) {
        let number = name.strip_prefix('p').and_then(|number| number.parse::<u8>().ok());
        let Some(port) = number.filter(|port| (1..=ports).contains(port)) else {
            let message = format!("tester {tester} has no port '{name}'");
            return Err(document.wrong(entry.referenced, message, format!("its ports are p1 to p{ports}")));
        };
        let mut own = Vec::new();
        for text in &entry.value {
            let wrong = |message: String, remedy: &str| document.wrong(text.referenced, message, remedy);
            let address: Option<IpAddr> = text.value.parse().ok();
            let Some(address) = address.filter(|address| is_hosts(*address)) else {
                let message = format!("'{}' is no address of a host", text.value);
                return Err(wrong(message, "write '10.1.0.10' or 'fd00:1::10', without a prefix length"));
            };
            if let Some(first) = owner.insert(address, port) {
                let message = format!("{address} is there twice: port p{first} has it");
                return Err(wrong(message, "give every port its own"));
            }
            own.push(address);
        }
        if own.is_empty() {
            return Err(document.wrong(
                entry.referenced,
                format!("port {name} has no address"),
                "write one, or remove it",
            ));
        }
        addresses.insert(port, own);
    }
    Ok(addresses)
}

/// Whether packets go from an address, and to it, through a router.
fn is_hosts(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !v4.is_broadcast() && !v4.is_link_local() && !v4.is_multicast() && !v4.is_unspecified() && !v4.is_loopback()
        }
        IpAddr::V6(v6) => {
            !v6.is_unicast_link_local() && !v6.is_multicast() && !v6.is_unspecified() && !v6.is_loopback()
        }
    }
}

/// Addresses of a tester's port that is linked to a chassis would be two truths: its configuration says who is there.
fn check_addressed_links(topology: &Topology, nodes: &BTreeMap<String, Spanned<Node>>) -> Result<(), BadInput> {
    for tester in &topology.testers {
        for port in tester.addresses.keys() {
            let end = LinkEnd { node: tester.name.clone(), port: NodePort::Tester(*port) };
            let entries = nodes[&tester.name].value.addresses.as_ref().map(|entries| &entries.value);
            let place = entries.and_then(|entries| entries.get(&format!("p{port}"))).map(|entry| entry.referenced);
            let place = place.unwrap_or(nodes[&tester.name].referenced);
            let wrong = |message: String, remedy: &str| Err(topology.document.wrong(place, message, remedy));
            match topology.opposite(&end).map(|other| (other, other.port)) {
                Some((_, NodePort::Interface(_))) => {}
                Some((other, NodePort::Chassis(_) | NodePort::Tester(_))) => {
                    let message =
                        format!("{end} is linked to {other}: the chassis' configuration says which address is there");
                    return wrong(message, "remove the addresses of this port");
                }
                None => return wrong(format!("nothing is linked to {end}"), "add a link, or remove the addresses"),
            }
        }
    }
    Ok(())
}

fn port_count(document: &Document, ports: &Spanned<u8>) -> Result<u8, BadInput> {
    if (1..=PORTS_MAX).contains(&ports.value) {
        return Ok(ports.value);
    }
    let message = format!("{} ports are not possible", ports.value);
    Err(document.wrong(ports.referenced, message, format!("give 1 to {PORTS_MAX}")))
}

fn check_chassis(document: &Document, name: &str, node: &Spanned<Node>) -> Result<Chassis, BadInput> {
    let Node {
        kind, platform, image, startup_config, redundancy, components, routes, modelled_times, memory, cpu, ..
    } = &node.value;
    let own = ["platform", "image", "startup-config", "redundancy", "components", "routes", "modelled-times"];
    check_keys(document, &node.value, "chassis", &own)?;
    let profile = platform::profile(document, platform.as_ref())?;
    let Some(image) = image else {
        let message = format!("chassis {name} does not say which release it runs");
        return Err(document.wrong(kind.referenced, message, "add 'image: \"1.0\"' (see 'swact images list')"));
    };
    let Some(components) = components else {
        let message = format!("chassis {name} has no components");
        return Err(document.wrong(kind.referenced, message, "add 'components:' with at least '- slot: A'"));
    };
    let mut chassis = Chassis {
        name: name.to_owned(),
        platform: profile,
        modelled_times: platform::modelled(document, profile, modelled_times.as_ref())?,
        image: image.value.clone(),
        startup_config: startup_config.as_ref().map(|path| read_startup(document, path, profile)).transpose()?,
        redundancy: check_redundancy(document, redundancy.as_ref(), profile)?,
        rps: Vec::new(),
        line_cards: Vec::new(),
        routes: routes.as_ref().map(|routes| routes::check(document, &routes.value)).transpose()?,
        limits: Vec::new(),
    };
    let limits = check_limits(document, memory.as_ref(), cpu.as_ref(), Limits::default())?;
    check_components(document, components, limits, &mut chassis)?;
    Ok(chassis)
}

fn check_components(
    document: &Document,
    components: &Spanned<Vec<Component>>,
    limits: Limits,
    chassis: &mut Chassis,
) -> Result<(), BadInput> {
    let mut seen: BTreeMap<Slot, Location> = BTreeMap::new();
    for Component { slot, ports, legacy, memory, cpu } in &components.value {
        platform::legacy(document, chassis.platform, slot.value, legacy.as_ref())?;
        if let Some(first) = seen.insert(slot.value, slot.referenced) {
            let message = format!("slot {} of {} is there twice", slot.value, chassis.name);
            return Err(document.wrong(
                slot.referenced,
                message,
                format!("it stands at line {} already", first.line()),
            ));
        }
        let limits = check_limits(document, memory.as_ref(), cpu.as_ref(), limits)?;
        if limits != Limits::default() {
            chassis.limits.push((slot.value, limits));
        }
        match (slot.value, ports) {
            (Slot::Rp(rp), None) => chassis.rps.push(rp),
            (Slot::Rp(rp), Some(ports)) => {
                let message = format!("route processor {rp} has no ports");
                return Err(document.wrong(ports.referenced, message, "remove 'ports', or make the slot a number"));
            }
            (Slot::Lc(lc), Some(ports)) => {
                chassis.line_cards.push(LineCard {
                    slot: lc,
                    ports: port_count(document, ports)?,
                    legacy: legacy.as_ref().is_some_and(|legacy| legacy.value),
                });
            }
            (Slot::Lc(lc), None) => {
                let message = format!("line card {lc} does not say how many ports it has");
                return Err(document.wrong(slot.referenced, message, "add 'ports: 4' to the component"));
            }
        }
    }
    chassis.rps.sort();
    chassis.line_cards.sort_by_key(|card| card.slot);
    if chassis.rps.is_empty() {
        let message = format!("chassis {} has no route processor", chassis.name);
        return Err(document.wrong(components.referenced, message, "add '- slot: A' to the components"));
    }
    Ok(())
}

/// What is said here, and for the rest `node`, what is said for all cards of the node.
pub(super) fn check_limits(
    document: &Document,
    memory: Option<&Spanned<Bytes>>,
    cpu: Option<&Spanned<f64>>,
    node: Limits,
) -> Result<Limits, BadInput> {
    if let Some(memory) = memory.filter(|memory| memory.value.0 < MEMORY_MIN) {
        let message = format!("{} of memory is less than a card needs to start", memory.value);
        return Err(document.wrong(memory.referenced, message, "give 16MiB or more"));
    }
    if let Some(cpu) = cpu.filter(|cpu| !(0.01..=1024.0).contains(&cpu.value)) {
        let message = format!("{} processors are not possible", cpu.value);
        return Err(document.wrong(cpu.referenced, message, "give 0.01 to 1024, as in 'cpu: 0.5'"));
    }
    Ok(Limits {
        memory: memory.map(|memory| memory.value).or(node.memory),
        milli_cpus: cpu.map(|cpu| (cpu.value * 1000.0).round() as u32).or(node.milli_cpus),
    })
}

/// A startup configuration of which a card understands every line: what it does not, it would boot without.
fn read_startup(document: &Document, path: &Spanned<String>, profile: &Profile) -> Result<Startup, BadInput> {
    let file = document.folder().join(&path.value);
    let text = user_files::read_text(&file).map_err(|error| {
        let message = format!("cannot read the startup configuration '{}': {error}", path.value);
        document.wrong(
            path.referenced,
            message,
            "correct the path (it starts from the topology's folder), or remove the key: one is generated then",
        )
    })?;
    let document = Document::from_text(&file, &text);
    let (startup, refused) = Startup::read(&path.value, document.text(), profile);
    let Some((first, more)) = refused.split_first() else { return Ok(startup) };
    let mut remedy = "correct or remove the line: a card would boot without it".to_owned();
    if !more.is_empty() {
        let lines: Vec<_> = more.iter().take(LINES_NAMED).map(|error| error.line.to_string()).collect();
        let rest = if more.len() > LINES_NAMED { ", ..." } else { "" };
        remedy += &format!("; refused too: line {}{rest}", lines.join(", "));
    }
    Err(document.wrong_at(first.line, first.error.column, &first.error, remedy))
}

fn check_redundancy(
    document: &Document,
    entry: Option<&Spanned<RedundancyEntry>>,
    profile: &Profile,
) -> Result<Redundancy, BadInput> {
    let field = RedundancyTimers::default();
    let mut redundancy = Redundancy {
        mode: profile.default_mode.into(),
        switchover_timer: Span(Duration::from_millis(field.switchover_ms)),
        heartbeat: Span(Duration::from_millis(field.heartbeat_ms)),
    };
    let Some(entry) = entry else { return Ok(redundancy) };
    let RedundancyEntry { mode, switchover_timer, heartbeat } = &entry.value;
    if let Some(mode) = mode {
        if !mode.value.is_configurable() {
            let message = format!("a chassis cannot be configured to '{}'", mode.value);
            return Err(document.wrong(mode.referenced, message, "the modes are hsa, rpr, rpr-plus and sso"));
        }
        platform::supported(document, profile, mode)?;
        redundancy.mode = mode.value;
    }
    if let Some(timer) = switchover_timer {
        redundancy.switchover_timer = timer.value;
        if heartbeat.is_none() {
            redundancy.heartbeat = Span((timer.value.0 / 6).min(redundancy.heartbeat.0));
        }
    }
    if let Some(heartbeat) = heartbeat {
        redundancy.heartbeat = heartbeat.value;
    }
    let shortest = Duration::from_millis(1);
    if redundancy.heartbeat.0 < shortest || redundancy.switchover_timer.0 < 2 * redundancy.heartbeat.0 {
        let message = format!(
            "a switchover timer of {} does not fit a heartbeat of {}",
            redundancy.switchover_timer, redundancy.heartbeat
        );
        return Err(document.wrong(
            entry.referenced,
            message,
            "heartbeats take 1ms or more, and the timer must cover at least two of them",
        ));
    }
    Ok(redundancy)
}
