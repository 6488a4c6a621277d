//! Traffic through nodes that are none of ours: what an experiment must say of them, because nobody else knows it.

use super::super::{Through, file::Entry};
use fabric_proto::fib::{Family, Mac, Prefix};
use lab::{
    plan::node_mac,
    topology::{Behind, HOST, LinkEnd, MACVLAN, NodePort, TesterInterface, Topology},
};
use notation::document::{BadInput, Document};
use serde_saphyr::Spanned;

/// Routers on a way at most: a test packet leaves with a TTL of 64.
const HOPS_MAX: u8 = 63;

/// What there is to know of the way of an entry's packets that the chassis' configurations do not say; `None` where no node that
/// is none of ours is linked to its ends, and nothing is said of one.
pub(super) fn check(
    document: &Document,
    topology: &Topology,
    entry: &Entry,
    (tester, from, to): (&str, TesterInterface, TesterInterface),
) -> Result<Option<Through>, BadInput> {
    let behind = |at| topology.behind(tester, at);
    let (near, far) = (behind(from), behind(to));
    let is_node = |behind: &Option<Behind<'_>>| matches!(behind, Some(Behind::Node(_)));
    if !is_node(&near) && !is_node(&far) && entry.hops.is_none() {
        let none = [entry.next_hop.as_ref(), entry.destinations.as_ref()];
        if let Some(told) = none.into_iter().flatten().next() {
            let message = "the chassis' configurations say where these packets go";
            return Err(document.wrong(told.referenced, message, "remove it: neither end is linked to a node"));
        }
        return Ok(None);
    }
    let next_hop = match &near {
        Some(Behind::Node(end)) => {
            check_end(document, topology, &entry.from, (tester, from), end)?;
            first_hop(document, topology, entry, end)?
        }
        Some(Behind::Chassis(..)) | None => {
            if let Some(told) = &entry.next_hop {
                let message = format!("{} is linked to a chassis, whose address is known", entry.from.value);
                return Err(document.wrong(told.referenced, message, "remove 'next-hop'"));
            }
            Mac::default()
        }
    };
    if let Some(Behind::Node(end)) = &far {
        check_end(document, topology, &entry.to, (tester, to), end)?;
    }
    let destinations = destinations(document, entry, is_node(&far))?;
    check_families(document, topology, entry, (tester, from, to), destinations)?;
    Ok(Some(Through { hops: hops(document, topology, entry, (tester, from, to))?, next_hop, destinations }))
}

/// An end at a node: an address of the tester's own, and no tag.
fn check_end(
    document: &Document,
    topology: &Topology,
    text: &Spanned<String>,
    (tester, at): (&str, TesterInterface),
    end: &LinkEnd,
) -> Result<(), BadInput> {
    if at.sub.is_some() {
        let message =
            format!("{} is linked to {end}, which is no chassis: a number of a subinterface says nothing", text.value);
        return Err(document.wrong(text.referenced, message, format!("write '{tester}:p{}'", at.port)));
    }
    if addresses(topology, tester, at).is_empty() {
        let message =
            format!("{tester} has no address on p{}: what {} is configured with is not known", at.port, end.node);
        let remedy = format!("add 'addresses: {{p{}: [10.1.0.10]}}' to {tester} in the topology", at.port);
        return Err(document.wrong(text.referenced, message, remedy));
    }
    Ok(())
}

fn addresses<'t>(topology: &'t Topology, tester: &str, at: TesterInterface) -> &'t [std::net::IpAddr] {
    topology.tester(tester).and_then(|tester| tester.addresses.get(&at.port)).map_or(&[], Vec::as_slice)
}

/// The Ethernet address that packets leave to: that of the interface at the other end, or what the entry says.
fn first_hop(document: &Document, topology: &Topology, entry: &Entry, end: &LinkEnd) -> Result<Mac, BadInput> {
    if let Some(told) = &entry.next_hop {
        return parse_mac(&told.value).ok_or_else(|| {
            let message = format!("'{}' is no Ethernet address of one station", told.value);
            document.wrong(told.referenced, message, "write '00:00:5e:00:01:0a'")
        });
    }
    match end.port {
        NodePort::Interface(name) if ![HOST, MACVLAN].contains(&end.node.as_str()) => {
            Ok(node_mac(&topology.name, &end.node, name))
        }
        NodePort::Interface(_) | NodePort::Chassis(_) | NodePort::Tester(_) => {
            let message =
                format!("{} is linked to {end}: whose Ethernet address is behind it is not known", entry.from.value);
            Err(document.wrong(entry.from.referenced, message, "add 'next-hop: 00:00:5e:00:01:0a' to the entry"))
        }
    }
}

fn parse_mac(text: &str) -> Option<Mac> {
    let mut mac = Mac::default();
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    (parts.next().is_none() && mac[0] & 1 == 0).then_some(mac)
}

fn destinations(document: &Document, entry: &Entry, to_node: bool) -> Result<Option<Prefix>, BadInput> {
    let Some(told) = &entry.destinations else { return Ok(None) };
    if !to_node {
        let message = format!("{} is linked to a chassis, whose table says what is behind it", entry.to.value);
        return Err(document.wrong(told.referenced, message, "remove 'destinations'"));
    }
    let prefix = told.value.parse::<Prefix>();
    Ok(Some(prefix.map_err(|error| document.wrong(told.referenced, error, "write '10.9.0.0/16'"))?))
}

/// Between two nodes, packets have a family that both ends have.
fn check_families(
    document: &Document,
    topology: &Topology,
    entry: &Entry,
    (tester, from, to): (&str, TesterInterface, TesterInterface),
    destinations: Option<Prefix>,
) -> Result<(), BadInput> {
    let has = |at, family| addresses(topology, tester, at).iter().any(|own| Family::of(*own) == family);
    let receives = |family| destinations.map_or_else(|| has(to, family), |prefix| prefix.family() == family);
    let is_node = |at| matches!(topology.behind(tester, at), Some(Behind::Node(_)));
    let fits = |family: &Family| (!is_node(from) || has(from, *family)) && (!is_node(to) || receives(*family));
    if Family::ALL.iter().any(fits) {
        return Ok(());
    }
    let message = "its two ends have no address family in common";
    Err(document.wrong(entry.to.referenced, message, "give the tester addresses of one family on both ports"))
}

/// Routers on the way: as many as the entry says, else as the shortest way over links has.
fn hops(
    document: &Document,
    topology: &Topology,
    entry: &Entry,
    (tester, from, to): (&str, TesterInterface, TesterInterface),
) -> Result<u8, BadInput> {
    if let Some(told) = &entry.hops {
        if topology.linux.is_empty() && topology.host_ends.is_empty() {
            let message = "all routers on the way are chassis, which are counted";
            return Err(document.wrong(told.referenced, message, "remove 'hops'"));
        }
        if told.value > HOPS_MAX {
            let message = format!("{} routers are more than a test packet crosses", told.value);
            return Err(document.wrong(told.referenced, message, format!("give 0 to {HOPS_MAX}")));
        }
        return Ok(told.value);
    }
    let end = |at: TesterInterface| LinkEnd { node: tester.to_owned(), port: NodePort::Tester(at.port) };
    topology.nodes_between(&end(from), &end(to)).map_or_else(
        || {
            let message = format!("no links of the topology lead from {} to {}", entry.from.value, entry.to.value);
            Err(document.wrong(
                entry.to.referenced,
                message,
                "add a link, or say how many routers are on the way: 'hops: 2'",
            ))
        },
        |nodes| Ok(nodes.min(HOPS_MAX)),
    )
}

#[cfg(test)]
mod tests;
