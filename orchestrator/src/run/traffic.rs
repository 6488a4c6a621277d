//! From an experiment's traffic to flows: destinations out of the table in the chassis, and where the RIB
//! demands that they arrive.

use super::RunError;
use crate::experiment::{Experiment, Traffic};
use fabric_proto::{
    fib::{Family, port_mac},
    operator::{Exit, FlowSpec, TrafficSpec},
};
use lab::{
    plan::{Neighbour, PlacedNeighbour, TesterPort, next_hops, table_spec, tester_ports},
    topology::{Chassis, LinkEnd, Topology},
};
use measure::signature::{self, min_frame};
use notation::{
    document::BadInput,
    units::{PacketRate, Rate},
};
use report::FlowPath;
use route_table::Table;
use std::{collections::BTreeSet, net::IpAddr};

/// A load, and the table that it goes to.
#[derive(Clone, Debug)]
pub struct Load {
    /// What the tester is told.
    pub spec: TrafficSpec,
    /// Routes of the table, IPv4 and IPv6.
    pub routes: [usize; 2],
    /// Where each flow goes, for the report.
    pub paths: Vec<FlowPath>,
}

/// Builds the load of an experiment. Loads the table, which takes a second at a million routes.
pub fn build(experiment: &Experiment) -> Result<Load, BadInput> {
    let rate_pps = experiment.traffic.iter().map(|traffic| pps(experiment, traffic)).sum::<Result<f64, _>>()?;
    let mut load = draw(experiment)?;
    load.spec.rate_pps = rate_pps;
    Ok(load)
}

/// The same in a thread of its own: it must not keep an interrupt waiting.
pub async fn build_aside(experiment: Experiment) -> Result<Load, RunError> {
    let built = tokio::task::spawn_blocking(move || build(&experiment)).await;
    Ok(built.map_err(|error| RunError::Evidence(format!("drawing destinations failed: {error}")))??)
}

/// The load without its rate, which is not known where it is a share of one that is not settled.
pub fn draw(experiment: &Experiment) -> Result<Load, BadInput> {
    let place = || experiment.document.path().display().to_string();
    let first = &experiment.traffic[0];
    let (chassis, ports) = chassis_behind(experiment, first).ok_or_else(|| {
        let message = format!("port {} of {} is not linked to a chassis", first.to, first.tester);
        BadInput::new(place(), message, "name ports that are linked to a chassis")
    })?;
    let Some(routes) = &chassis.routes else {
        let message = format!("{} has no 'routes': there are no destinations to draw", chassis.name);
        return Err(BadInput::new(experiment.topology.document.path().display(), message, "add 'routes' to it"));
    };
    let spec = table_spec(&experiment.topology, &chassis.name, routes);
    let table = route_table::load(&spec)
        .map_err(|error| BadInput::new("routes", error, "give another table with 'routes.table' or --table FILE"))?;
    let hops = next_hops(&experiment.topology, &chassis.name, routes.next_hops);
    let (mut flows, mut paths) = (Vec::new(), Vec::new());
    for (number, traffic) in experiment.traffic.iter().enumerate() {
        let seed = experiment.seed.wrapping_add(number as u64);
        let entry = entry_flows(&table, &hops, &ports, (&experiment.topology, &chassis.name), traffic, seed).map_err(
            |message| BadInput::new(place(), message, "choose another 'to' port, or a table with more routes"),
        )?;
        for (flow, path) in entry {
            flows.push(flow);
            paths.push(path);
        }
    }
    let spec = TrafficSpec { flows, rate_pps: 0.0, frame_size: first.frame_size, at_most_ms: 0 };
    Ok(Load { spec, routes: Family::ALL.map(|family| table.count(family)), paths })
}

/// An entry's rate, packets a second.
fn pps(experiment: &Experiment, traffic: &Traffic) -> Result<f64, BadInput> {
    match traffic.rate {
        Rate::Absolute(PacketRate(rate)) => Ok(rate),
        Rate::OfZeroLoss(share) => {
            let message = format!("traffic '{}': {share} of a zero-loss rate that was not looked up", traffic.name);
            Err(BadInput::new(experiment.document.path().display(), message, "give a rate in packets a second"))
        }
    }
}

/// The chassis that the entry's packets leave at, with its ports: its table has their destinations.
fn chassis_behind<'a>(experiment: &'a Experiment, traffic: &Traffic) -> Option<(&'a Chassis, Vec<TesterPort>)> {
    experiment.topology.chassis.iter().find_map(|chassis| {
        let ports = tester_ports(&experiment.topology, &chassis.name);
        let has = ports.iter().any(|port| port.tester == traffic.tester && port.tester_port == traffic.to);
        has.then_some((chassis, ports))
    })
}

/// The port that the entry's packets come in by, and the chassis that has it.
fn ingress(topology: &Topology, traffic: &Traffic) -> Option<(String, TesterPort)> {
    topology.chassis.iter().find_map(|chassis| {
        let mut ports = tester_ports(topology, &chassis.name).into_iter();
        let port = ports.find(|port| port.tester == traffic.tester && port.tester_port == traffic.from)?;
        Some((chassis.name.clone(), port))
    })
}

/// Chassis on the shortest way over wires, both ends counted; which way packets take is the configurations' business.
fn hops_between(topology: &Topology, from: &str, to: &str) -> Option<u8> {
    let mut reached = BTreeSet::from([from]);
    for hops in 1..=topology.chassis.len() as u8 {
        if reached.contains(to) {
            return Some(hops);
        }
        let chassis = |end: &LinkEnd| topology.chassis(&end.node).is_some();
        let wires = topology.links.iter().filter(|link| link.ends.iter().all(chassis));
        let next: Vec<&str> = wires
            .flat_map(|link| [(&link.ends[0], &link.ends[1]), (&link.ends[1], &link.ends[0])])
            .filter(|(near, _)| reached.contains(near.node.as_str()))
            .map(|(_, far)| far.node.as_str())
            .collect();
        reached.extend(next);
    }
    None
}

/// The flows of one entry: as many as it asks for, or an explanation.
fn entry_flows(
    table: &Table,
    hops: &[PlacedNeighbour],
    ports: &[TesterPort],
    (topology, exit): (&Topology, &str),
    traffic: &Traffic,
    seed: u64,
) -> Result<Vec<(FlowSpec, FlowPath)>, String> {
    let port_of = |number: u8| {
        let found = ports.iter().find(|port| port.tester == traffic.tester && port.tester_port == number);
        found.ok_or_else(|| format!("{}:p{number} is on another chassis than the first entry's 'to'", traffic.tester))
    };
    let to = port_of(traffic.to)?;
    let (entry, from) = ingress(topology, traffic)
        .ok_or_else(|| format!("{}:p{} is not linked to a chassis", traffic.tester, traffic.from))?;
    let routers = hops_between(topology, &entry, exit)
        .ok_or_else(|| format!("no wires lead from {}:p{} to p{}", traffic.tester, traffic.from, traffic.to))?;
    let v6_fits = traffic.frame_size >= min_frame(signature::Family::V6);
    let behind = |hop: u32| hops.get(hop as usize).is_some_and(|hop| hop.at == *to);
    let admit = |prefix: fabric_proto::fib::Prefix, hop: u32| behind(hop) && (v6_fits || prefix.family() == Family::V4);
    let destinations = table.destinations(traffic.flows as usize, seed, admit);
    if destinations.len() < traffic.flows as usize {
        return Err(format!(
            "traffic '{}': only {} of {} flows find a destination behind {}:p{}",
            traffic.name,
            destinations.len(),
            traffic.flows,
            traffic.tester,
            traffic.to
        ));
    }
    let source = Neighbour::on(from.port, 0);
    let flow = |(destination, prefix, hop): route_table::Destination| {
        let spec = FlowSpec {
            from: traffic.from,
            vlan: None,
            port_mac: port_mac(from.port),
            source: match destination {
                IpAddr::V4(_) => IpAddr::V4(source.ipv4),
                IpAddr::V6(_) => IpAddr::V6(source.ipv6),
            },
            destination,
            expect: vec![Exit { port: traffic.to, vlan: None, mac: hops[hop as usize].neighbour.mac }],
            hops: routers,
        };
        let path = FlowPath {
            destination: destination.to_string(),
            prefix: prefix.to_string(),
            ingress: from.port.to_string(),
            egress: to.port.to_string(),
        };
        (spec, path)
    };
    Ok(destinations.into_iter().map(flow).collect())
}
