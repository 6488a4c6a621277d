//! Flows through nodes that are none of ours. What such a node does with packets is its own affair: where they arrive, and after
//! how many routers, is what the experiment says, and the tester holds every packet against it.

use super::{Network, short_of};
use crate::experiment::{Experiment, Through, Traffic};
use fabric_proto::{
    fib::Family,
    load::tester_mac,
    operator::{Exit, FlowSpec},
};
use lab::{
    plan::Routing,
    topology::{Behind, Chassis, TesterInterface},
};
use measure::signature::{self, min_frame};
use notation::document::BadInput;
use report::FlowPath;
use std::{net::IpAddr, rc::Rc};

/// Where packets enter: at a node, or at a chassis by an interface.
enum Entry<'a> {
    Node(String),
    Chassis(&'a Chassis, fabric_proto::id::InterfaceId, Rc<Routing<'a>>),
}

/// One destination: its prefix, where its packets arrive, and by which interface and table they leave.
struct Drawn {
    destination: IpAddr,
    prefix: String,
    expect: Vec<Exit>,
    egress: String,
    vrf: Option<String>,
}

/// The flows of an entry, as many as it asks for.
pub(super) fn flows<'a>(
    network: &mut Network<'a>,
    experiment: &'a Experiment,
    number: usize,
    through: Through,
) -> Result<Vec<(FlowSpec, FlowPath)>, BadInput> {
    let traffic = &experiment.traffic[number];
    let Traffic { name, tester, from, to, .. } = traffic;
    let wrong = |message: String, remedy: &str| {
        let message = format!("traffic '{name}': {message}");
        experiment.document.wrong(experiment.places[number], message, remedy)
    };
    let behind = |at: &TesterInterface| {
        let unlinked = || wrong(format!("{tester}:{at} is linked to nothing"), "add a link to the topology");
        experiment.topology.behind(tester, *at).ok_or_else(unlinked)
    };
    let (near, far) = (behind(from)?, behind(to)?);
    let entry = match near {
        Behind::Node(end) => Entry::Node(end.to_string()),
        Behind::Chassis(chassis, interface) => Entry::Chassis(chassis, interface, network.routing(chassis)),
    };
    let source = |family| match &entry {
        Entry::Node(_) => own(experiment, traffic, *from).find(|own| Family::of(*own) == family),
        Entry::Chassis(_, interface, routing) => routing.host(*interface, family),
    };
    let fits = |family| {
        let least = match family {
            Family::V4 => min_frame(signature::Family::V4),
            Family::V6 => min_frame(signature::Family::V6),
        };
        traffic.frame_size >= least && source(family).is_some()
    };
    let drawn = match far {
        Behind::Node(end) => at_node(experiment, traffic, through, &end.to_string(), fits),
        Behind::Chassis(..) => at_chassis(network, experiment, number, fits)?,
    };
    if drawn.is_empty() {
        let message = format!("no address behind {tester}:{to} fits the frames and the sources of {tester}:{from}");
        return Err(wrong(message, "give both ports addresses of one family, or larger frames"));
    }
    let wanted = traffic.flows as usize;
    let mut flows = Vec::with_capacity(wanted);
    for one in drawn.iter().cycle().take(wanted) {
        if let Entry::Chassis(chassis, interface, _) = &entry {
            // A chassis' own part of the way is known; what is behind it is the experiment's word.
            network.trace(chassis, *interface, one.destination)?.map_err(|why| {
                let message =
                    format!("packets from {tester}:{from} to {} do not get to a node: {why}", one.destination);
                wrong(message, "correct the startup configurations on the way, or choose other ends")
            })?;
        }
        let (vlan, mac, ingress) = match &entry {
            Entry::Node(end) => (None, through.next_hop, end.clone()),
            Entry::Chassis(chassis, interface, routing) => {
                let base = experiment.topology.base_mac(&chassis.name);
                let mac = interface.port().map(|port| base.of(port)).unwrap_or_default();
                (routing.vlan(*interface), mac, interface.number())
            }
        };
        flows.push((
            FlowSpec {
                from: from.port,
                vlan,
                port_mac: mac,
                // Only families that have one were drawn.
                source: source(Family::of(one.destination)).unwrap_or(one.destination),
                destination: one.destination,
                expect: one.expect.clone(),
                hops: through.hops,
            },
            FlowPath {
                destination: one.destination.to_string(),
                prefix: one.prefix.clone(),
                ingress,
                egress: one.egress.clone(),
                vrf: one.vrf.clone(),
            },
        ));
    }
    Ok(flows)
}

/// The tester's own addresses on a port.
fn own<'e>(experiment: &'e Experiment, traffic: &Traffic, at: TesterInterface) -> impl Iterator<Item = IpAddr> + 'e {
    let tester = experiment.topology.tester(&traffic.tester);
    tester.and_then(|tester| tester.addresses.get(&at.port)).into_iter().flatten().copied()
}

/// Behind a node: the tester's own addresses there, or those of the prefix that the entry names, from its first host on. The tester
/// is the last hop, so that packets are for it.
fn at_node(
    experiment: &Experiment,
    traffic: &Traffic,
    through: Through,
    egress: &str,
    fits: impl Fn(Family) -> bool,
) -> Vec<Drawn> {
    let exit = Exit { port: traffic.to.port, vlan: None, mac: tester_mac(traffic.to.port) };
    let drawn = |destination: IpAddr, prefix: String| Drawn {
        destination,
        prefix,
        expect: vec![exit],
        egress: egress.to_owned(),
        vrf: None,
    };
    match through.destinations {
        Some(prefix) => {
            let bits = u32::from(prefix.family().width() - prefix.len());
            let size = 1u128.checked_shl(bits).unwrap_or(u128::MAX);
            // The network's address is a host's only where there are but two (RFC 3021, RFC 6164); the last one is IPv4's
            // broadcast address.
            let (first, hosts) = match (bits, prefix.family()) {
                (0 | 1, _) => (0, size),
                (_, Family::V4) => (1, size - 2),
                (_, Family::V6) => (1, size - 1),
            };
            let many = u128::from(traffic.flows).min(hosts);
            let all = (first..first + many).map(|at| drawn(prefix.nth(at), prefix.to_string()));
            if fits(prefix.family()) { all.collect() } else { Vec::new() }
        }
        None => {
            let own = own(experiment, traffic, traffic.to).filter(|own| fits(Family::of(*own)));
            own.map(|own| drawn(own, fabric_proto::fib::Prefix::host(own).to_string())).collect()
        }
    }
}

/// Behind a chassis: out of the table of the interface that packets leave by.
fn at_chassis<'a>(
    network: &mut Network<'a>,
    experiment: &'a Experiment,
    number: usize,
    fits: impl Fn(Family) -> bool,
) -> Result<Vec<Drawn>, BadInput> {
    let traffic = &experiment.traffic[number];
    let Some((exit, egress)) = experiment.topology.interface_behind(&traffic.tester, traffic.to) else {
        return Ok(Vec::new());
    };
    let far = network.routing(exit);
    let table = network.table(exit, far.vrf(egress))?;
    let churning = network.churning()?;
    let seed = experiment.seed.wrapping_add(number as u64);
    let destinations = table.destinations(traffic.flows as usize, seed, &churning, |prefix, exits| {
        let all = !exits.is_empty() && exits.iter().all(|exit| exit.interface == egress);
        all && fits(prefix.family())
    });
    let mut drawn = Vec::with_capacity(destinations.len());
    for (destination, prefix, _) in destinations {
        let expect = network.leaving(exit, egress, destination)?.map_err(|why| {
            let message =
                format!("traffic '{}': packets to {destination} do not get to the tester: {why}", traffic.name);
            experiment.document.wrong(experiment.places[number], message, short_of(!churning.is_empty()))
        })?;
        drawn.push(Drawn {
            destination,
            prefix: prefix.to_string(),
            expect,
            egress: egress.number(),
            vrf: far.vrf(egress).map(str::to_owned),
        });
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests;
