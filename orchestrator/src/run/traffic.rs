//! From an experiment's traffic to flows: destinations out of the tables in the chassis, and where these demand that they
//! arrive.

mod foreign;
mod network;

use super::RunError;
use crate::experiment::{Experiment, Traffic};
use fabric_proto::{
    fib::Family,
    operator::{FlowSpec, TrafficSpec},
};
use measure::signature::{self, min_frame};
use network::Network;
use notation::{
    document::BadInput,
    units::{PacketRate, Rate},
};
use report::FlowPath;

/// A load, and the table that it goes to.
#[derive(Clone, Debug)]
pub struct Load {
    /// What the tester is told.
    pub spec: TrafficSpec,
    /// Routes that testers announce, IPv4 and IPv6.
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
    let mut network = Network::of(&experiment.topology);
    let (mut flows, mut paths) = (Vec::new(), Vec::new());
    for (number, traffic) in experiment.traffic.iter().enumerate() {
        let drawn = match traffic.through {
            Some(through) => foreign::flows(&mut network, experiment, number, through)?,
            None => entry_flows(&mut network, experiment, number, traffic)?,
        };
        for (flow, path) in drawn {
            flows.push(flow);
            paths.push(path);
        }
    }
    let frame_size = experiment.traffic[0].frame_size;
    let spec = TrafficSpec { flows, rate_pps: 0.0, frame_size, at_most_ms: 0 };
    Ok(Load { spec, routes: network.announced, paths })
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

/// The flows of one entry, as many as it asks for. Its packets leave the lab by the table of the interface that they go to.
fn entry_flows<'a>(
    network: &mut Network<'a>,
    experiment: &'a Experiment,
    number: usize,
    traffic: &Traffic,
) -> Result<Vec<(FlowSpec, FlowPath)>, BadInput> {
    let Traffic { name, tester, from, to, flows, frame_size, .. } = traffic;
    let wrong = |message: String, remedy: &str| {
        let message = format!("traffic '{name}': {message}");
        experiment.document.wrong(experiment.places[number], message, remedy)
    };
    let behind = |at| {
        let unlinked = || wrong(format!("{tester}:{at} is not linked to a chassis"), "add a link to the topology");
        experiment.topology.interface_behind(tester, at).ok_or_else(unlinked)
    };
    let ((entry, ingress), (exit, egress)) = (behind(*from)?, behind(*to)?);
    let (near, far) = (network.routing(entry), network.routing(exit));
    let table = network.table(exit, far.vrf(egress))?;
    let source = |family| near.host(ingress, family);
    let fits = |family| {
        let frame = match family {
            Family::V4 => min_frame(signature::Family::V4),
            Family::V6 => min_frame(signature::Family::V6),
        };
        *frame_size >= frame && source(family).is_some()
    };
    let families = Family::ALL.map(fits);
    let seed = experiment.seed.wrapping_add(number as u64);
    let churning = network.churning()?;
    let destinations = table.destinations(*flows as usize, seed, &churning, |prefix, exits| {
        let all = !exits.is_empty() && exits.iter().all(|exit| exit.interface == egress);
        all && families[prefix.family() as usize]
    });
    if destinations.len() < *flows as usize {
        let found = destinations.len();
        let message = format!("only {found} of {flows} flows find a destination behind {tester}:{to}");
        return Err(wrong(message, short_of(!churning.is_empty())));
    }
    let mut drawn = Vec::with_capacity(destinations.len());
    for (destination, prefix, _) in destinations {
        let arrival = network.trace(entry, ingress, destination)?.and_then(|arrival| {
            let here = |(by, exit): &(String, _)| by == tester && is_at(exit, to.port, far.vlan(egress));
            match &arrival.node {
                Some(node) => {
                    Err(format!("what {node} makes of packets is not known ('hops: 3' says that they get there)"))
                }
                None if arrival.exits.iter().all(here) => Ok(arrival),
                None => Err("they leave elsewhere".to_owned()),
            }
        });
        let arrival = arrival.map_err(|why| {
            let message = format!("packets from {tester}:{from} to {destination} do not get to {tester}:{to}: {why}");
            wrong(message, "correct the startup configurations on the way, or choose other ends")
        })?;
        // Only families that have one were drawn.
        let source = source(Family::of(destination)).unwrap_or(destination);
        drawn.push((
            FlowSpec {
                from: from.port,
                vlan: near.vlan(ingress),
                port_mac: ingress
                    .port()
                    .map(|port| experiment.topology.base_mac(&entry.name).of(port))
                    .unwrap_or_default(),
                source,
                destination,
                expect: arrival.exits.into_iter().map(|(_, exit)| exit).collect(),
                hops: arrival.hops,
            },
            FlowPath {
                destination: destination.to_string(),
                prefix: prefix.to_string(),
                ingress: ingress.number(),
                egress: egress.number(),
                vrf: far.vrf(egress).map(str::to_owned),
            },
        ));
    }
    Ok(drawn)
}

/// What to do where a table has too few routes to send to.
fn short_of(churns: bool) -> &'static str {
    if churns {
        "routes that churn are not sent to: lower 'churn', choose another 'to', or a table with more routes"
    } else {
        "choose another 'to', or a table with more routes"
    }
}

fn is_at(exit: &fabric_proto::operator::Exit, port: u8, vlan: Option<u16>) -> bool {
    (exit.port, exit.vlan) == (port, vlan)
}

#[cfg(test)]
mod tests;
