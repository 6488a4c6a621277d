//! What the traffic of an experiment must hold: ends that there are, a load that can be offered and kept.

use super::{
    super::{FLOWS_MAX, FRAME_MAX, FRAME_MIN, LOAD_FLOWS_MAX, RATE_MAX, TRIAL_PACKETS_MAX, Traffic, file::Entry},
    foreign,
};
use lab::{
    plan::Routing,
    topology::{LinkEnd, NodePort, TesterInterface, Topology},
};
use notation::{
    document::{BadInput, Document},
    units::{PacketRate, Rate, Share, Span},
};
use serde_saphyr::{Location, Spanned};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The entries, and where each says where it goes to.
pub(super) fn check_traffic(
    document: &Document,
    topology: &Topology,
    entries: &Spanned<Vec<Entry>>,
) -> Result<(Vec<Traffic>, Vec<Location>), BadInput> {
    let mut names = BTreeSet::new();
    let mut routing = BTreeMap::new();
    let mut traffic: Vec<Traffic> = Vec::new();
    for entry in &entries.value {
        if !names.insert(&entry.name.value) {
            let message = format!("traffic '{}' is there twice", entry.name.value);
            return Err(document.wrong(entry.name.referenced, message, "give it another name"));
        }
        let mut checked = check_entry(document, topology, entry)?;
        let way = (checked.tester.as_str(), checked.from, checked.to);
        checked.through = foreign::check(document, topology, entry, way)?;
        check_ends(document, topology, &mut routing, entry, &checked)?;
        if let Some(first) = traffic.first()
            && (first.tester != checked.tester || first.frame_size != checked.frame_size)
        {
            let message = "all traffic of an experiment uses one tester and one frame size";
            return Err(document.wrong(entry.from.referenced, message, "make it agree with the first entry"));
        }
        let flows = traffic.iter().map(|entry| entry.flows).sum::<u32>() + checked.flows;
        if flows > LOAD_FLOWS_MAX {
            let message = format!("{flows} flows with those of the entries before");
            let remedy = format!("all entries may have {LOAD_FLOWS_MAX} together");
            return Err(document.wrong(entry.flows.referenced, message, remedy));
        }
        traffic.push(checked);
        check_even(&traffic).map_err(|message| document.wrong(entry.rate.referenced, message, EVEN))?;
    }
    if traffic.is_empty() {
        return Err(document.wrong(entries.referenced, "no traffic: nothing could be measured", "add an entry"));
    }
    Ok((traffic, entries.value.iter().map(|entry| entry.to.referenced).collect()))
}

/// What to do about a load that [`check_packets`] refuses.
pub(in crate::experiment) const FEWER_PACKETS: &str =
    "lower the rates or 'at-most': the tester keeps four bytes of every packet";

/// Whether the tester has memory for a trial that takes its longest. What a share of the zero-loss rate comes to is known
/// only when it is settled.
pub(in crate::experiment) fn check_packets(traffic: &[Traffic], longest: Duration) -> Result<(), String> {
    let rate = |traffic: &Traffic| match traffic.rate {
        Rate::Absolute(PacketRate(rate)) => rate,
        Rate::OfZeroLoss(_) => 0.0,
    };
    let rate: f64 = traffic.iter().map(rate).sum();
    if rate * longest.as_secs_f64() <= TRIAL_PACKETS_MAX {
        return Ok(());
    }
    Err(format!("a trial of {} at {} could come to more packets than are kept", Span(longest), PacketRate(rate)))
}

/// What to do about traffic that [`check_even`] refuses.
pub(in crate::experiment) const EVEN: &str = "give every entry the same rate a flow";

/// Packets go round robin over all flows, so every flow has the same share of the rate. What a share of the zero-loss rate
/// comes to is known only when it is settled.
pub(in crate::experiment) fn check_even(traffic: &[Traffic]) -> Result<(), String> {
    let per_flow = |traffic: &Traffic| match traffic.rate {
        Rate::Absolute(PacketRate(rate)) => (false, rate / f64::from(traffic.flows)),
        Rate::OfZeroLoss(Share(share)) => (true, share / f64::from(traffic.flows)),
    };
    let Some((is_share, first)) = traffic.first().map(per_flow) else { return Ok(()) };
    let differs = |other: &&Traffic| {
        let (other_is_share, other) = per_flow(other);
        is_share == other_is_share && (first - other).abs() > 1e-6 * first
    };
    match traffic.iter().find(differs) {
        None => Ok(()),
        Some(other) => {
            Err(format!("{} over {} flows is another rate a flow than the first entry's", other.rate, other.flows))
        }
    }
}

fn check_entry(document: &Document, topology: &Topology, entry: &Entry) -> Result<Traffic, BadInput> {
    let (tester, from) = tester_interface(document, topology, &entry.from)?;
    let (receiver, to) = tester_interface(document, topology, &entry.to)?;
    if tester != receiver {
        let message = format!("traffic goes from {tester} to {receiver}: one tester must play both ends");
        return Err(document.wrong(entry.to.referenced, message, format!("name a port of {tester}")));
    }
    if !(1..=FLOWS_MAX).contains(&entry.flows.value) {
        let message = format!("{} flows are not possible", entry.flows.value);
        return Err(document.wrong(entry.flows.referenced, message, format!("give 1 to {FLOWS_MAX}")));
    }
    if matches!(entry.rate.value, Rate::Absolute(PacketRate(rate)) if rate > RATE_MAX) {
        let message = format!("a rate of {} cannot be reached", entry.rate.value);
        return Err(document.wrong(entry.rate.referenced, message, "give 20Mpps or less"));
    }
    if !(FRAME_MIN..=FRAME_MAX).contains(&entry.frame_size.value) {
        let message = format!("a frame of {} bytes is not possible", entry.frame_size.value);
        return Err(document.wrong(entry.frame_size.referenced, message, format!("give {FRAME_MIN} to {FRAME_MAX}")));
    }
    Ok(Traffic {
        name: entry.name.value.clone(),
        tester,
        from,
        to,
        flows: entry.flows.value,
        rate: entry.rate.value,
        frame_size: entry.frame_size.value,
        through: None,
    })
}

fn tester_interface(
    document: &Document,
    topology: &Topology,
    text: &Spanned<String>,
) -> Result<(String, TesterInterface), BadInput> {
    let complain = |message: String, remedy: String| document.wrong(text.referenced, message, remedy);
    let names: Vec<_> = topology.testers.iter().map(|tester| tester.name.as_str()).collect();
    let parsed = text.value.split_once(':').and_then(|(node, interface)| {
        let tester = topology.tester(node)?;
        Some((tester, TesterInterface::parse(interface)?))
    });
    let Some((tester, at)) = parsed else {
        let message = format!("'{}' is not a tester port", text.value);
        let remedy = format!("write 't1:p1', or 't1:p1.100' for a subinterface; the testers are {}", names.join(", "));
        return Err(complain(message, remedy));
    };
    if !(1..=tester.ports).contains(&at.port) {
        let message = format!("tester {} has no port p{}", tester.name, at.port);
        return Err(complain(message, format!("its ports are p1 to p{}", tester.ports)));
    }
    let end = LinkEnd { node: tester.name.clone(), port: NodePort::Tester(at.port) };
    if topology.opposite(&end).is_none() {
        return Err(complain(format!("nothing is linked to {end}"), "add a link to the topology".to_owned()));
    }
    Ok((tester.name.clone(), at))
}

/// The chassis' startup configurations have both ends, and a way from one to the other; `known` holds those that were read.
fn check_ends<'t>(
    document: &Document,
    topology: &'t Topology,
    known: &mut BTreeMap<&'t str, Routing<'t>>,
    entry: &Entry,
    traffic: &Traffic,
) -> Result<(), BadInput> {
    let mut end = |text: &Spanned<String>, at: TesterInterface| {
        // What is behind a node its own configuration says, which nobody has read.
        let Some((chassis, interface)) = topology.interface_behind(&traffic.tester, at) else { return Ok(None) };
        let routing = known.entry(&chassis.name).or_insert_with(|| Routing::of(topology, chassis));
        routing.check(interface).map_err(|why| document.wrong(text.referenced, &why, why.remedy()))?;
        Ok(Some((chassis, interface, routing.vrf(interface).map(str::to_owned))))
    };
    let enters = end(&entry.from, traffic.from)?;
    let Some((leaves, interface, to)) = end(&entry.to, traffic.to)? else { return Ok(()) };
    let routing = &known[leaves.name.as_str()];
    let table = routing.table_name(to.as_deref());
    if let Some((_, _, from)) = enters.filter(|(enters, ..)| enters.name == leaves.name && traffic.through.is_none())
        && from != to
    {
        let message = format!("traffic goes from {} to {table}", routing.table_name(from.as_deref()));
        let remedy = "no route leads from one table to another: name two ends of one";
        return Err(document.wrong(entry.to.referenced, message, remedy));
    }
    // Where announced routes lead is known when they are drawn from.
    if to.is_none() && leaves.routes.is_some() {
        return Ok(());
    }
    let (routes, _) = routing.table(to.as_deref(), &[]);
    let leads = |exits: &[lab::plan::Exit]| !exits.is_empty() && exits.iter().all(|exit| exit.interface == interface);
    if routes.iter().any(|route| leads(&route.exits)) {
        return Ok(());
    }
    let message = format!("nothing in {table} leads to {interface}");
    let announced = if to.is_none() { format!(", or {} 'routes'", leaves.name) } else { String::new() };
    let remedy = format!("give {} a static route and its neighbour there{announced}", routing.file());
    Err(document.wrong(entry.to.referenced, message, remedy))
}
