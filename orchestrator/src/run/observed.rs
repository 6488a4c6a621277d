//! What a trial's record holds beside the tester's evidence: the cards' spans, and outages that they made by order.

use super::{bench::Bench, phases::detected, timeline};
use crate::telemetry::{self, TrialSpan};
use bridge::request::{Outage, Ways};
use fabric_proto::{
    id::{CardId, Slot, Unit},
    operator::{EventKind, FlowSpec},
    time::Instant as Clock,
};
use lab::{LabEvent, plan::tester_ports, topology::NodePort};
use measure::{TrialRecord, accuracy::KnownOutage, trial::SpanLine};
use opentelemetry::KeyValue;

/// The trial's spans, of all cards that live.
pub(super) async fn spans(
    bench: &mut Bench<'_>,
    record: &TrialRecord,
    began: Clock,
    ended: Clock,
    fault: Option<Clock>,
) -> Vec<SpanLine> {
    let attributes = vec![
        KeyValue::new("swact.trial", i64::from(record.index)),
        KeyValue::new("swact.mode", record.mode.clone()),
        KeyValue::new("swact.fault", record.fault.clone()),
    ];
    let detected = fault.and_then(|fault| detected(bench.timeline.events(), fault));
    let trial = TrialSpan { attributes, began, ended, fault, detected };
    let mut spans = bench.timeline.spans.close_trial(&bench.lab, &trial).await;
    spans.retain(|span| span.from >= began);
    telemetry::lines(&spans, fault.unwrap_or(began))
}

/// Outages that line cards, and bridges of nodes, made by order since `begun`.
pub(super) async fn known_outages(bench: &Bench<'_>, begun: Clock) -> Vec<KnownOutage> {
    let known = |event: &LabEvent| match event.event.kind {
        EventKind::Dropped { began, ended, every, packets, unread_ns } if began >= begun => Some(KnownOutage {
            card: timeline::short(event),
            every,
            began_ns: began.0,
            ended_ns: ended.0,
            dropped: packets,
            unread_ns,
            rate_pps: rate_into(bench, &event.card),
        }),
        _ => None,
    };
    let mut all: Vec<KnownOutage> = bench.timeline.events().iter().filter_map(known).collect();
    for node in &bench.lab.plan().nodes {
        let Some(status) = bench.lab.node_status(&node.id).await else { continue };
        for port in status.ports {
            let since = port.outages.iter().filter(|outage| outage.dropped.began >= begun);
            all.extend(since.map(|outage| on_wire(bench, &node.id.node, &port.interface, outage)));
        }
    }
    all
}

/// An outage on the wire between a node and the tester.
fn on_wire(bench: &Bench<'_>, node: &str, interface: &str, outage: &Outage) -> KnownOutage {
    let topology = &bench.experiment.topology;
    let end = topology.links.iter().flat_map(|link| &link.ends);
    let end = end.into_iter().find(|end| end.node == node && end.port.to_string() == interface);
    let port = end.and_then(|end| topology.opposite(end)).and_then(|other| match other.port {
        NodePort::Tester(port) => Some(port),
        NodePort::Chassis(_) | NodePort::Interface(_) => None,
    });
    let flows = &bench.load.flows;
    let passes = |flow: &&FlowSpec| {
        let leaves = flow.expect.iter().any(|exit| Some(exit.port) == port);
        match outage.ways {
            Ways::Both => Some(flow.from) == port || leaves,
            Ways::Into => Some(flow.from) == port,
            Ways::OutOf => leaves,
        }
    };
    KnownOutage {
        card: format!("{node}:{interface}"),
        every: outage.dropped.every,
        began_ns: outage.dropped.began.0,
        ended_ns: outage.dropped.ended.0,
        dropped: outage.dropped.packets,
        unread_ns: outage.dropped.unread_ns,
        rate_pps: flows.iter().filter(passes).count() as f64 / flows.len() as f64 * bench.load.rate_pps,
    }
}

/// Packets a second that come in on a line card's wires: its share of the flows, which all have the same rate.
fn rate_into(bench: &Bench<'_>, card: &CardId) -> f64 {
    let Unit::Card(Slot::Lc(slot)) = card.unit else { return 0.0 };
    let tester = &bench.experiment.traffic[0].tester;
    let ports = tester_ports(&bench.experiment.topology, &card.node);
    let enters = |flow: &&FlowSpec| {
        ports.iter().any(|port| port.tester == *tester && port.tester_port == flow.from && port.port.slot == slot)
    };
    let flows = &bench.load.flows;
    flows.iter().filter(enters).count() as f64 / flows.len() as f64 * bench.load.rate_pps
}
