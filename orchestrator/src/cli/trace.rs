//! `swact trace`: a packet's way, as a table or as JSON.

use super::{
    CliError, Exit,
    args::{Format, TraceArgs},
    labs::attach,
    output,
};
use crate::{
    capture::wires::{WireEnd, opposite},
    trace::{OnCard, Stop, probe, walk},
};
use fabric_proto::{
    fib::{BaseMac, Family, Mac},
    id::{InterfaceId, PortId, TableId},
    trace::{QueueState, TraceFate, TraceFrom, TraceHop, TraceStep},
};
use lab::{
    Lab,
    plan::{LabPlan, Routing},
    topology::{TesterInterface, Topology},
};
use notation::document::BadInput;
use serde::Serialize;

/// Station of whoever sends a probe: nobody's.
const SENDER: Mac = [0x02, 0x53, 0x57, 0x54, 0xff, 0x01];

#[derive(Serialize)]
struct Shown {
    from: String,
    /// The packet as it enters, in hexadecimal digits.
    frame: String,
    decisions: Vec<Decision>,
    /// `delivered`, `punted` or `dropped`.
    outcome: &'static str,
    /// Where it arrives, why it is punted, or by which cause it is dropped.
    what: String,
}

#[derive(Serialize)]
struct Decision {
    at: String,
    step: &'static str,
    says: String,
    /// The card's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Said>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Step(TraceStep),
    Fate(TraceFate),
}

/// Walks one packet through the lab.
pub(super) async fn trace(args: TraceArgs, format: Format) -> Result<Exit, CliError> {
    let lab = attach(&args.lab).await?;
    // What is not in the lab's own plan: names of VRFs, addresses of testers. A lab goes on without its file.
    let topology = Topology::load(&lab.plan().topology).ok();
    let ingress = Ingress::named(&lab, &args.from)?;
    let frame = match &args.frame {
        Some(text) => probe::from_hex(text)?,
        None => made(&args, &ingress, topology.as_ref())?.frame()?,
    };
    let digits: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    let stops = walk(&lab, &ingress.node, ingress.port, frame).await?;
    let (mut decisions, mut outcome, mut what) = (Vec::new(), "dropped", "no_way".to_owned());
    for stop in &stops {
        match stop {
            Stop::Card(card) => {
                let (fate, why) = on_card(card, topology.as_ref(), &mut decisions);
                (outcome, what) = (fate, why);
            }
            Stop::Relay { node } => {
                decisions.push(Decision::plain(format!("{node}/active-rp"), "relay", "passes it on".to_owned()))
            }
            Stop::Arrived(end) => {
                decisions.push(Decision::plain(end.clone(), "arrival", "the end of the way".to_owned()));
                (outcome, what) = ("delivered", end.clone());
            }
            Stop::NoWire(port) => (outcome, what) = ("dropped", format!("{port} has no wire")),
        }
    }
    let shown = Shown { from: args.from, frame: digits, decisions, outcome, what };
    let row = |decision: &Decision| vec![decision.at.clone(), decision.step.to_owned(), decision.says.clone()];
    let rows = shown.decisions.iter().map(row).collect();
    output::print(format, &["Where", "Step", "Decision"], rows, &shown);
    if format == Format::Table {
        output::text(&format!("{}: {}\n", shown.outcome, shown.what));
        output::text("a probe: decided by the cards' tables, sent to nobody, and in no counter of packets\n");
    }
    Ok(if shown.outcome == "dropped" { Exit::Missed } else { Exit::Pass })
}

/// Where a packet enters a chassis.
struct Ingress {
    node: String,
    port: PortId,
    interface: InterfaceId,
}

impl Ingress {
    /// Behind `t1:p1`, `t1:p1.100` or `frr1:eth1`, or by `pe1:1/1` itself.
    fn named(lab: &Lab, word: &str) -> Result<Self, BadInput> {
        let bad = |why: &str| {
            let remedy =
                "write a tester's port (t1:p1, t1:p1.100), a chassis' port (pe1:1/1) or a node's interface (frr1:eth1)";
            BadInput::new(format!("trace '{word}'"), why, remedy)
        };
        let (node, port) = word.split_once(':').ok_or_else(|| bad("it names no port"))?;
        let plan = lab.plan();
        if plan.chassis.iter().any(|chassis| chassis.node == node) {
            let port: PortId = port.parse().map_err(|error| bad(&format!("{error}")))?;
            if !plan.line_cards(node).any(|card| card.slot() == Some(fabric_proto::id::Slot::Lc(port.slot))) {
                return Err(bad(&format!("{node} has no line card in slot {}", port.slot)));
            }
            return Ok(Self { node: node.to_owned(), port, interface: InterfaceId::Ethernet { port, sub: None } });
        }
        let (end, sub) = end_named(plan, node, port).ok_or_else(|| bad("the lab has no such port"))?;
        match opposite(plan, &end) {
            Some(WireEnd::Chassis(node, port)) => {
                Ok(Self { node, port, interface: InterfaceId::Ethernet { port, sub } })
            }
            Some(WireEnd::Tester(..) | WireEnd::Linux(..)) | None => {
                Err(bad("no chassis is at the other end of its link"))
            }
        }
    }
}

fn end_named(plan: &LabPlan, node: &str, port: &str) -> Option<(WireEnd, Option<std::num::NonZeroU32>)> {
    if plan.nodes.iter().any(|linux| linux.id.node == node) {
        return Some((WireEnd::Linux(node.to_owned(), port.to_owned()), None));
    }
    let at = TesterInterface::parse(port)?;
    plan.ids().any(|id| id.node == node).then(|| (WireEnd::Tester(node.to_owned(), at.port), at.sub))
}

/// The packet that the arguments describe, as a tester would send it.
fn made(args: &TraceArgs, ingress: &Ingress, topology: Option<&Topology>) -> Result<probe::Probe, BadInput> {
    let destination =
        args.destination.ok_or_else(|| BadInput::new("trace", "no destination", "write an address, or a --frame"))?;
    let chassis = topology.and_then(|topology| Some((topology, topology.chassis(&ingress.node)?)));
    let routing = chassis.map(|(topology, chassis)| Routing::of(topology, chassis));
    let host = || routing.as_ref()?.host(ingress.interface, Family::of(destination));
    let source = args.source.or_else(host).ok_or_else(|| {
        let message = format!("nobody with an address of {}'s family is known behind {}", destination, args.from);
        BadInput::new("trace", message, "name the packet's source with --source")
    })?;
    let vlan = routing.as_ref().and_then(|routing| routing.vlan(ingress.interface));
    let base = topology.map_or(BaseMac::FIRST, |topology| topology.base_mac(&ingress.node));
    let (to, ports) = (base.of(ingress.port), [args.source_port, args.destination_port]);
    Ok(probe::Probe { to, from: SENDER, vlan, source, destination, ports, ttl: args.ttl, length: args.size })
}

impl Decision {
    fn plain(at: String, step: &'static str, says: String) -> Self {
        Self { at, step, says, data: None }
    }
}

/// What a card decided, in order; how it ends there, and why.
fn on_card(card: &OnCard, topology: Option<&Topology>, decisions: &mut Vec<Decision>) -> (&'static str, String) {
    let OnCard { node, slot, from, frame, traced } = card;
    let (at, fabric) = match from {
        TraceFrom::Wire(port) => (PortId { slot: *slot, port: *port }, false),
        TraceFrom::Fabric(port) => (PortId { slot: *slot, port: *port }, true),
    };
    let at = if fabric { format!("{node}/lc:{slot}") } else { format!("{node}:{at}") };
    let mut say =
        |step: &'static str, says: String, data| decisions.push(Decision { at: at.clone(), step, says, data });
    for step in &traced.steps {
        let (name, says) = step_says(step, topology, node);
        say(name, says, Some(Said::Step(step.clone())));
    }
    let goes_on = !matches!(traced.fate, TraceFate::Punted { .. } | TraceFate::Dropped(_));
    if goes_on && !fabric {
        say("rewrite", rewrite_says(frame, &traced.frame), None);
    }
    let (step, says, outcome, what) = fate_says(&traced.fate, *slot, traced.number);
    say(step, says, Some(Said::Fate(traced.fate)));
    (outcome, what)
}

fn step_says(step: &TraceStep, topology: Option<&Topology>, node: &str) -> (&'static str, String) {
    match step {
        TraceStep::Classified { family, table, destination, flow, barred } => {
            let barred = barred.map(|cause| format!("; for the chassis itself or {cause}")).unwrap_or_default();
            let table = table_name(*table, topology, node);
            ("classify", format!("{family} to {destination}, in {table}, flow {flow:08x}{barred}"))
        }
        TraceStep::LookedUp { table, prefix } => {
            let found = prefix.map_or_else(|| "no prefix covers it".to_owned(), |prefix| prefix.to_string());
            let table = table_name(*table, topology, node);
            ("look-up", format!("{found} in {table}"))
        }
        TraceStep::Chosen { path, paths, hop } => {
            let hop = match hop {
                TraceHop::Port(port) => format!("by {port}"),
                TraceHop::Unresolved => "to a neighbour that is not resolved".to_owned(),
                TraceHop::Receive => "to the chassis itself".to_owned(),
                TraceHop::Discard => "nowhere (Null0)".to_owned(),
                TraceHop::Lookup(table) => format!("into {}", table_name(*table, topology, node)),
            };
            ("path", format!("{} of {paths}: {hop}", path + 1))
        }
    }
}

/// A table's name: its number follows from it, and not the other way round.
fn table_name(table: TableId, topology: Option<&Topology>, node: &str) -> String {
    if table == TableId::DEFAULT {
        return "the default table".to_owned();
    }
    let startup = topology.and_then(|topology| topology.chassis(node)?.startup_config.as_ref());
    let names = startup.into_iter().flat_map(|startup| startup.config.vrfs.keys().map(|name| name.as_str()));
    let mut named = names.filter(|name| TableId::of_vrf(name) == table);
    named.next().map_or_else(|| format!("VRF number {}", table.0), |name| format!("VRF {name}"))
}

fn fate_says(
    fate: &TraceFate,
    slot: fabric_proto::id::LcSlot,
    number: u64,
) -> (&'static str, String, &'static str, String) {
    let waits = |queue: &QueueState| match queue.waiting {
        0 => "nothing waits there".to_owned(),
        1 => "1 packet waits there".to_owned(),
        waiting => format!("{waiting} packets wait there"),
    };
    match fate {
        TraceFate::Port { port, queue } => {
            let out = PortId { slot, port: *port };
            ("egress", format!("out of {out}; {}", waits(queue)), "delivered", out.to_string())
        }
        TraceFate::Fabric { to, queue } => {
            ("fabric", format!("to lc:{}, for {to}; {}", to.slot, waits(queue)), "delivered", to.to_string())
        }
        TraceFate::Relay { to, queue } => {
            ("fabric", format!("to the active RP, for {to}; {}", waits(queue)), "delivered", to.to_string())
        }
        TraceFate::Punted { reason, queue } => {
            let says = format!("to the active RP: {reason}; {} (probe {number} of this card)", waits(queue));
            ("punt", says, "punted", reason.to_string())
        }
        TraceFate::Dropped(cause) => {
            ("drop", format!("{cause} (probe {number} of this card)"), "dropped", cause.to_string())
        }
    }
}

/// What is new about the headers of a packet.
fn rewrite_says(before: &[u8], after: &[u8]) -> String {
    let mac = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    let macs = after.get(..12).map(|macs| format!("to {} from {}", mac(&macs[..6]), mac(&macs[6..])));
    let tag = match after.get(12..16) {
        Some([0x81, 0x00, high, low]) => format!(", VLAN {}", u16::from_be_bytes([*high, *low]) & 0x0fff),
        Some([0x88, 0x47, ..]) => ", labels".to_owned(),
        _ => String::new(),
    };
    let ttl = match (ttl(before), ttl(after)) {
        (Some(before), Some(after)) => format!(", TTL {before} to {after}"),
        _ => String::new(),
    };
    format!("{}{tag}{ttl}, {} bytes", macs.unwrap_or_default(), after.len())
}

/// The TTL or hop limit of the packet in a frame.
fn ttl(frame: &[u8]) -> Option<u8> {
    let at = if frame.get(12..14)? == [0x81, 0x00] { 16 } else { 12 };
    match frame.get(at..at + 2)? {
        [0x08, 0x00] => frame.get(at + 10).copied(),
        [0x86, 0xdd] => frame.get(at + 9).copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
