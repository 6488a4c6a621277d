//! Where a capture looks: a port, the fabric of a line card, or the way to the active route processor.

use super::wires::{WireEnd, opposite};
use crate::fault::{Target, TargetUnit};
use fabric_proto::{
    capture::{CapturePoint, Direction, Fate, Seen},
    id::{CardId, LcSlot, PortId, Slot, Unit},
};
use lab::{card_name, plan::LabPlan};
use notation::document::BadInput;

/// One place, and which card looks there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The interface's name in the file.
    pub name: String,
    /// The line card.
    pub card: CardId,
    /// Where on it.
    pub point: CapturePoint,
}

impl Place {
    /// What is seen there, in a line.
    pub fn description(&self) -> String {
        let card = written(&self.card);
        match self.point {
            CapturePoint::Port(_) => format!("the wire of port {}, as {card} sees it", self.name),
            CapturePoint::Fabric => format!("cells between {card} and other line cards, packet by packet"),
            CapturePoint::Punt => {
                format!("packets that {card} gives to the active RP (in), and that the RP sends by it (out)")
            }
        }
    }

    fn slot(&self) -> LcSlot {
        match self.card.unit {
            Unit::Card(Slot::Lc(slot)) => slot,
            Unit::Card(Slot::Rp(_)) | Unit::Tester | Unit::Linux | Unit::Operator => LcSlot(0),
        }
    }
}

/// The places that a word means: `pe1:1/1`, `pe1/lc:1`, `pe1/all-lc`, `pe1/active-rp`. What else there is has its other end named.
pub fn places(plan: &LabPlan, word: &str) -> Result<Vec<Place>, BadInput> {
    if let Some((node, port)) = word.split_once(':')
        && !node.contains('/')
    {
        return port_of(plan, word, node, port).map(|place| vec![place]);
    }
    let target: Target = word.parse().map_err(|_| nowhere(word, "it is neither a port nor a card"))?;
    let node = match &target.node {
        Some(node) => node.clone(),
        None => match plan.chassis.as_slice() {
            [only] => only.node.clone(),
            _ => return Err(nowhere(word, "the lab has several chassis: name one before it")),
        },
    };
    if !plan.chassis.iter().any(|chassis| chassis.node == node) {
        return Err(nowhere(word, &format!("the lab has no chassis '{node}'")));
    }
    let cards = || plan.line_cards(&node);
    let of = |card: &CardId, what: &str, point| Place {
        name: format!("{} {what}", written(card)),
        card: card.clone(),
        point,
    };
    let fabric = |card: &CardId| of(card, "fabric", CapturePoint::Fabric);
    let punt = |card: &CardId| of(card, "punt", CapturePoint::Punt);
    if target.peer.is_some() {
        return Err(nowhere(word, "a pair of cards has no place of its own"));
    }
    match target.unit {
        TargetUnit::ActiveRp => Ok(cards().map(punt).collect()),
        TargetUnit::AllLc => Ok(cards().map(fabric).collect()),
        TargetUnit::Lc(slot) => {
            let card = cards().find(|card| card.slot() == Some(Slot::Lc(slot)));
            let card = card.ok_or_else(|| nowhere(word, &format!("{node} has no line card in slot {slot}")))?;
            Ok(vec![fabric(card)])
        }
        TargetUnit::StandbyRp | TargetUnit::Rp(_) | TargetUnit::AllRp => {
            Err(nowhere(word, "packets go to and from whichever route processor is active: write active-rp"))
        }
        TargetUnit::Chassis | TargetUnit::Link(_) | TargetUnit::Into(_) | TargetUnit::OutOf(_) => {
            Err(nowhere(word, "it is neither a port nor a card"))
        }
    }
}

/// A card as it is written for a place.
pub fn written(card: &CardId) -> String {
    match card.unit {
        Unit::Card(Slot::Lc(slot)) => format!("{}/lc:{slot}", card.node),
        Unit::Card(Slot::Rp(_)) | Unit::Tester | Unit::Linux | Unit::Operator => card_name(card),
    }
}

fn port_of(plan: &LabPlan, word: &str, node: &str, port: &str) -> Result<Place, BadInput> {
    if plan.chassis.iter().any(|chassis| chassis.node == node) {
        let id: PortId = port.parse().map_err(|error| nowhere(word, &format!("{error}")))?;
        let card = plan.line_cards(node).find(|card| card.slot() == Some(Slot::Lc(id.slot)));
        let card = card.ok_or_else(|| nowhere(word, &format!("{node} has no line card in slot {}", id.slot)))?;
        return Ok(Place { name: format!("{node}:{id}"), card: card.clone(), point: CapturePoint::Port(id.port) });
    }
    match WireEnd::beside_chassis(plan, node, port).and_then(|end| opposite(plan, &end)) {
        Some(other @ WireEnd::Chassis(..)) => {
            let why = format!("{word} has no card that makes copies");
            let remedy = format!("capture the other end of its link, where in is out: {other}");
            Err(BadInput::new(format!("capture '{word}'"), why, remedy))
        }
        Some(WireEnd::Tester(..) | WireEnd::Linux(..)) => Err(nowhere(word, "no chassis is at either end of its link")),
        None => Err(nowhere(word, &format!("the lab has no port '{port}' of a node '{node}'"))),
    }
}

fn nowhere(word: &str, why: &str) -> BadInput {
    let remedy = "write a port (pe1:1/1), a line card for its fabric (pe1/lc:1, pe1/all-lc), or pe1/active-rp for what it is given \
                  and sends";
    BadInput::new(format!("capture '{word}'"), why, remedy)
}

/// What a packet's comment says: its fate, and on the fabric where it comes from and goes.
pub fn comment(place: &Place, seen: &Seen<'_>) -> Option<String> {
    let own = place.slot();
    let fate = match seen.fate {
        Fate::Sent => None,
        Fate::Port(port) => Some(format!("to {}", PortId { slot: own, port })),
        Fate::Fabric(to) => Some(format!("to {to} over the fabric")),
        Fate::Punted(reason) => Some(format!("punted: {reason}")),
        Fate::Dropped(cause) => Some(format!("dropped: {cause}")),
        Fate::Unknown => Some("something that this release has no word for".to_owned()),
    };
    let peer = |slot: LcSlot| match slot {
        LcSlot(0) => "the route processor".to_owned(),
        LcSlot(slot) => format!("lc:{slot}"),
    };
    let way = match (place.point, seen.direction) {
        (CapturePoint::Port(_), _) => None,
        (CapturePoint::Fabric, Direction::In) => Some(format!("from {}", peer(seen.port.slot))),
        (CapturePoint::Fabric, Direction::Out) => Some(format!("to {} by {}", seen.port, peer(seen.port.slot))),
        (CapturePoint::Punt, Direction::In) => Some(format!("from {}", seen.port)),
        (CapturePoint::Punt, Direction::Out) => Some("from the route processor".to_owned()),
    };
    match (way, fate) {
        (Some(way), Some(fate)) => Some(format!("{way}, {fate}")),
        (way, fate) => way.or(fate),
    }
}

#[cfg(test)]
mod tests;
