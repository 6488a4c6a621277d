//! `swact trace`: one packet's way through the real cards, decision by decision.
//!
//! Each line card on the way is asked what it makes of the packet ([`fabric_proto::trace`]); what it makes of it is what the next one is
//! asked about. Where a wire leads, the lab's plan says. Nothing is sent: the packet is a probe, and cards count it apart.

pub mod probe;

use crate::capture::wires::{WireEnd, opposite};
use fabric_proto::{
    id::{CardId, LcSlot, PortId, Slot},
    operator::{Reply, Request},
    trace::{TraceFate, TraceFrom, TraceOrder, Traced},
};
use lab::{Lab, LabError};

/// Line cards that a packet passes: its TTL ends it sooner.
const CARDS_MAX: usize = 512;

/// Where a packet is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// On a line card, which makes this of it.
    Card(Box<OnCard>),
    /// In the hands of the active route processor, which passes it on.
    Relay {
        /// The chassis.
        node: String,
    },
    /// At the end: a tester's port, or an interface of a node that is none of ours.
    Arrived(String),
    /// It leaves by a port whose wire ends nowhere.
    NoWire(String),
}

/// What a line card makes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCard {
    /// The chassis.
    pub node: String,
    /// The card.
    pub slot: LcSlot,
    /// How it comes to the card.
    pub from: TraceFrom,
    /// The packet as it comes.
    pub frame: Vec<u8>,
    /// What becomes of it.
    pub traced: Traced,
}

/// Walks a packet from a chassis' port on, to where it ends.
pub async fn walk(lab: &Lab, node: &str, port: PortId, frame: Vec<u8>) -> Result<Vec<Stop>, LabError> {
    let (mut stops, mut at) = (Vec::new(), (node.to_owned(), port.slot, TraceFrom::Wire(port.port)));
    let mut frame = frame;
    while stops.len() < CARDS_MAX {
        let (node, slot, from) = at;
        let id = CardId::card(&lab.plan().lab, &node, Slot::Lc(slot));
        let order = TraceOrder { from, frame: frame.clone().into() };
        let traced = match lab.request(&id, Request::Trace(order)).await? {
            Reply::Traced(traced) => *traced,
            Reply::Refused(why) => return Err(LabError::Refused { card: id, why }),
            other => return Err(LabError::Answer { card: id, answer: format!("{other:?}") }),
        };
        let (fate, next) = (traced.fate, traced.frame.to_vec());
        stops.push(Stop::Card(Box::new(OnCard { node: node.clone(), slot, from, frame, traced })));
        frame = next;
        at = match fate {
            TraceFate::Punted { .. } | TraceFate::Dropped(_) => return Ok(stops),
            TraceFate::Fabric { to, .. } => (node, to.slot, TraceFrom::Fabric(to.port)),
            TraceFate::Relay { to, .. } => {
                stops.push(Stop::Relay { node: node.clone() });
                (node, to.slot, TraceFrom::Fabric(to.port))
            }
            TraceFate::Port { port, .. } => {
                let port = PortId { slot, port };
                match opposite(lab.plan(), &WireEnd::Chassis(node.clone(), port)) {
                    Some(WireEnd::Chassis(node, port)) => (node, port.slot, TraceFrom::Wire(port.port)),
                    Some(end) => {
                        stops.push(Stop::Arrived(end.to_string()));
                        return Ok(stops);
                    }
                    None => {
                        stops.push(Stop::NoWire(format!("{node}:{port}")));
                        return Ok(stops);
                    }
                }
            }
        };
    }
    Ok(stops)
}
