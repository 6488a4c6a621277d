//! Where wires lead, as the lab was deployed.

use fabric_proto::id::{PortId, Slot};
use lab::plan::LabPlan;
use std::path::Path;

/// An end of a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireEnd {
    /// A chassis' port.
    Chassis(String, PortId),
    /// A tester's port.
    Tester(String, u8),
    /// An interface of a node that is none of ours.
    Linux(String, String),
}

impl WireEnd {
    /// A port of a tester, or an interface of a node that is none of ours, by its name; whether there is one, [`opposite`] says.
    pub fn beside_chassis(plan: &LabPlan, node: &str, port: &str) -> Option<Self> {
        if plan.nodes.iter().any(|linux| linux.id.node == node) {
            return Some(Self::Linux(node.to_owned(), port.to_owned()));
        }
        let number = port.strip_prefix('p')?.parse().ok()?;
        plan.ids().any(|id| id.node == node).then(|| Self::Tester(node.to_owned(), number))
    }
}

/// The other end of a wire, as the lab was deployed.
pub fn opposite(plan: &LabPlan, end: &WireEnd) -> Option<WireEnd> {
    let ends = || ends(plan);
    let (_, wire) = ends().find(|(found, _)| found == end)?;
    ends().find(|(found, other)| *other == wire && found != end).map(|(found, _)| found)
}

/// All ends of wires, and which wire each is of.
fn ends(plan: &LabPlan) -> impl Iterator<Item = (WireEnd, &Path)> {
    let of_cards = plan.cards.iter().flat_map(|card| {
        let id = &card.config.id;
        card.config.wires.iter().map(move |wire| {
            let end = match id.slot() {
                Some(Slot::Lc(slot)) => WireEnd::Chassis(id.node.clone(), PortId { slot, port: wire.port }),
                Some(Slot::Rp(_)) | None => WireEnd::Tester(id.node.clone(), wire.port),
            };
            (end, wire.path.as_path())
        })
    });
    let of_nodes = plan.nodes.iter().flat_map(|node| {
        let port =
            |port: &'_ bridge::config::Port| WireEnd::Linux(node.id.node.clone(), port.interface.name().to_owned());
        node.bridge.ports.iter().map(move |own| (port(own), own.wire.as_path()))
    });
    of_cards.chain(of_nodes)
}

impl std::fmt::Display for WireEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chassis(node, port) => write!(f, "{node}:{port}"),
            Self::Tester(node, port) => write!(f, "{node}:p{port}"),
            Self::Linux(node, interface) => write!(f, "{node}:{interface}"),
        }
    }
}
