//! Links: two ends that there are, and that nothing else is plugged into.

use super::{HOST, HostEnd, Link, LinkEnd, MACVLAN, NodePort, Topology, file::LinkEntry, linux};
use fabric_proto::id::PortId;
use notation::document::BadInput;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

pub(super) fn check_link(
    topology: &Topology,
    entry: &LinkEntry,
    used: &mut BTreeMap<LinkEnd, Location>,
) -> Result<Link, BadInput> {
    let document = &topology.document;
    let [a, b] = entry.endpoints.value.as_slice() else {
        let message = format!("a link has two endpoints, not {}", entry.endpoints.value.len());
        return Err(document.wrong(entry.endpoints.referenced, message, "write 'endpoints: [\"t1:p1\", \"pe1:1/1\"]'"));
    };
    let ends = [check_end(topology, a)?, check_end(topology, b)?];
    for (end, text) in ends.iter().zip([a, b]) {
        if let Some(first) = used.insert(end.clone(), text.referenced) {
            let message = format!("port {end} has a link already");
            return Err(document.wrong(
                text.referenced,
                message,
                format!("line {} uses it: a port takes one link", first.line()),
            ));
        }
    }
    if ends.iter().all(|end| matches!(end.port, NodePort::Tester(_))) {
        let message = "this link joins a tester to a tester";
        return Err(document.wrong(entry.endpoints.referenced, message, "one end must be a port of a chassis"));
    }
    if ends.iter().all(|end| [HOST, MACVLAN].contains(&end.node.as_str())) {
        let message = "this link joins this machine to itself";
        return Err(document.wrong(entry.endpoints.referenced, message, "one end must be a port of a node"));
    }
    Ok(Link { ends })
}

/// Of a link, the ends on interfaces of this machine.
pub(super) fn check_host_ends(topology: &Topology, link: &Link, entry: &LinkEntry) -> Result<Vec<HostEnd>, BadInput> {
    let with_addresses = entry.with_addresses.as_ref().is_some_and(|told| told.value);
    let ends: Vec<_> = link
        .ends
        .iter()
        .zip(&entry.endpoints.value)
        .filter(|(end, _)| [HOST, MACVLAN].contains(&end.node.as_str()))
        .map(|(end, text)| HostEnd { end: end.clone(), at: text.referenced, with_addresses })
        .collect();
    match &entry.with_addresses {
        Some(told) if ends.is_empty() => {
            let message = "no end of this link is an interface of this machine";
            Err(topology.document.wrong(told.referenced, message, "remove 'with-addresses'"))
        }
        _ => Ok(ends),
    }
}

fn check_end(topology: &Topology, text: &Spanned<String>) -> Result<LinkEnd, BadInput> {
    let document = &topology.document;
    let complain = |message: String, remedy: String| document.wrong(text.referenced, message, remedy);
    let Some((node, port)) = text.value.split_once(':') else {
        return Err(complain(format!("'{}' is not an endpoint", text.value), "write 'pe1:1/1' or 't1:p1'".to_owned()));
    };
    if let Some(chassis) = topology.chassis(node) {
        let id: PortId = port
            .parse()
            .map_err(|error| complain(format!("{error}"), format!("{node} is a chassis: write '{node}:1/1'")))?;
        return match chassis.line_cards.iter().find(|card| card.slot == id.slot) {
            Some(card) if id.port <= card.ports => Ok(LinkEnd { node: node.to_owned(), port: NodePort::Chassis(id) }),
            Some(card) => Err(complain(
                format!("{node} has no port {id}"),
                format!("line card {} has ports {}/1 to {}/{}", id.slot, id.slot, id.slot, card.ports),
            )),
            None => Err(complain(
                format!("{node} has no line card in slot {}", id.slot),
                "add the slot to its components, or correct the endpoint".to_owned(),
            )),
        };
    }
    if let Some(tester) = topology.tester(node) {
        let number = port.strip_prefix('p').and_then(|number| number.parse::<u8>().ok());
        return match number {
            Some(number) if (1..=tester.ports).contains(&number) => {
                Ok(LinkEnd { node: node.to_owned(), port: NodePort::Tester(number) })
            }
            _ => Err(complain(
                format!("tester {node} has no port '{port}'"),
                format!("its ports are p1 to p{}", tester.ports),
            )),
        };
    }
    if topology.linux(node).is_some() || [HOST, MACVLAN].contains(&node) {
        let name = linux::interface(node, port).map_err(|(message, remedy)| complain(message, remedy))?;
        return Ok(LinkEnd { node: node.to_owned(), port: NodePort::Interface(name) });
    }
    Err(complain(format!("there is no node '{node}'"), "add it to 'nodes', or correct the endpoint".to_owned()))
}
