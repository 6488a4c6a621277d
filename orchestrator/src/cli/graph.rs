//! `swact graph`: a topology as a drawing.

use super::{
    CliError, Exit,
    args::{Drawing, GraphArgs},
    output,
};
use lab::topology::{Chassis, LinkEnd, NodePort, Topology};
use std::{collections::BTreeSet, fmt::Write};

pub(super) fn graph(args: &GraphArgs) -> Result<Exit, CliError> {
    let topology = Topology::load(&args.topology)?;
    let drawing = match args.drawing {
        Drawing::Mermaid => mermaid(&topology),
        Drawing::Dot => dot(&topology),
    };
    output::text(&drawing);
    Ok(Exit::Pass)
}

/// Identifier of a card or tester in either language.
fn id(end: &LinkEnd) -> String {
    let node = end.node.replace('-', "_");
    match end.port {
        NodePort::Chassis(port) => format!("{node}_lc{}", port.slot),
        NodePort::Tester(_) | NodePort::Interface(_) => node,
    }
}

fn port(end: &LinkEnd) -> String {
    match end.port {
        NodePort::Chassis(port) => port.to_string(),
        NodePort::Tester(port) => format!("p{port}"),
        NodePort::Interface(name) => name.to_string(),
    }
}

/// Cards of a chassis: `(identifier, label)`.
fn cards(chassis: &Chassis) -> Vec<(String, String)> {
    let node = chassis.name.replace('-', "_");
    let rps = chassis.rps.iter().map(|slot| (format!("{node}_rp{slot}"), format!("RP {slot}")));
    let lcs = chassis.line_cards.iter().map(|card| (format!("{node}_lc{}", card.slot), format!("LC {}", card.slot)));
    rps.chain(lcs).collect()
}

/// Nodes that are none of ours, and this machine where links end on it.
fn others(topology: &Topology) -> BTreeSet<&str> {
    let host = topology.host_ends.iter().map(|host| host.end.node.as_str());
    topology.linux.iter().map(|node| node.name.as_str()).chain(host).collect()
}

// Writing to a String cannot fail, so the results below are dropped.

fn mermaid(topology: &Topology) -> String {
    let mut text = "graph TD\n".to_owned();
    for chassis in &topology.chassis {
        let node = chassis.name.replace('-', "_");
        let _ = writeln!(text, "  subgraph {node}[\"{} ({})\"]", chassis.name, chassis.redundancy.mode);
        for (id, label) in cards(chassis) {
            let _ = writeln!(text, "    {id}[\"{label}\"]");
        }
        if let [first, second, ..] = chassis.rps.as_slice() {
            let _ = writeln!(text, "    {node}_rp{first} === {node}_rp{second}");
        }
        for (rp, card) in chassis.rps.first().into_iter().flat_map(|rp| chassis.line_cards.iter().map(move |c| (rp, c)))
        {
            let _ = writeln!(text, "    {node}_rp{rp} --- {node}_lc{}", card.slot);
        }
        text += "  end\n";
    }
    for node in others(topology) {
        let _ = writeln!(text, "  {}[/\"{node}\"/]", node.replace('-', "_"));
    }
    for tester in &topology.testers {
        let _ = writeln!(text, "  {}([\"{}\"])", tester.name.replace('-', "_"), tester.name);
    }
    for link in &topology.links {
        let [a, b] = &link.ends;
        let _ = writeln!(text, "  {} ---|\"{} – {}\"| {}", id(a), port(a), port(b), id(b));
    }
    text
}

fn dot(topology: &Topology) -> String {
    let mut text = format!("graph \"{}\" {{\n  node [shape=box];\n", topology.name);
    for chassis in &topology.chassis {
        let node = chassis.name.replace('-', "_");
        let _ = writeln!(text, "  subgraph cluster_{node} {{");
        let _ = writeln!(text, "    label=\"{} ({})\";", chassis.name, chassis.redundancy.mode);
        for (id, label) in cards(chassis) {
            let _ = writeln!(text, "    {id} [label=\"{label}\"];");
        }
        if let [first, second, ..] = chassis.rps.as_slice() {
            let _ = writeln!(text, "    {node}_rp{first} -- {node}_rp{second} [style=bold];");
        }
        for (rp, card) in chassis.rps.first().into_iter().flat_map(|rp| chassis.line_cards.iter().map(move |c| (rp, c)))
        {
            let _ = writeln!(text, "    {node}_rp{rp} -- {node}_lc{};", card.slot);
        }
        text += "  }\n";
    }
    for node in others(topology) {
        let _ = writeln!(text, "  {} [label=\"{node}\", shape=box3d];", node.replace('-', "_"));
    }
    for tester in &topology.testers {
        let _ = writeln!(text, "  {} [label=\"{}\", shape=ellipse];", tester.name.replace('-', "_"), tester.name);
    }
    for link in &topology.links {
        let [a, b] = &link.ends;
        let _ = writeln!(text, "  {} -- {} [taillabel=\"{}\", headlabel=\"{}\"];", id(a), id(b), port(a), port(b));
    }
    text + "}\n"
}
