//! Topologies: `<lab>.chassis.yml`, in the shape that containerlab users know.
//!
//! [`Topology::load`] reads and checks one. What it returns is consistent: every link ends on a
//! port that exists, every chassis has a route processor, every file named is there.

mod check;
mod file;
mod platform;

use fabric_proto::{
    id::{LcSlot, PortId, RpSlot, Slot},
    platform::Profile,
};
use notation::{
    document::{BadInput, Document},
    mode::Mode,
    units::{Bytes, Span},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A lab that can be built.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The file it came from.
    pub document: Document,
    /// Name of the lab.
    pub name: String,
    /// What names of its containers begin with.
    pub prefix: String,
    /// Its chassis, by name.
    pub chassis: Vec<Chassis>,
    /// Its testers, by name.
    pub testers: Vec<Tester>,
    /// What joins them, in the file's order.
    pub links: Vec<Link>,
}

/// A router chassis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chassis {
    /// Name of the node.
    pub name: String,
    /// Hardware whose behaviour it follows.
    pub platform: &'static Profile,
    /// Whether the profile's times of real hardware are waited for.
    pub modelled_times: bool,
    /// Release that its cards run.
    pub image: String,
    /// Startup configuration, when the topology names a file.
    pub startup_config: Option<String>,
    /// How its route processors stand in for each other.
    pub redundancy: Redundancy,
    /// Its route processors, in slot order: at least one.
    pub rps: Vec<RpSlot>,
    /// Its line cards, in slot order.
    pub line_cards: Vec<LineCard>,
    /// The routing table that its peers announce.
    pub routes: Option<Routes>,
    /// What its cards may use of the host, where the topology says it.
    pub limits: Vec<(Slot, Limits)>,
}

/// What a card's container may use of the host; processes are not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory; beyond it the card is killed.
    pub memory: Option<Bytes>,
    /// Processor time, in thousandths of a processor.
    pub milli_cpus: Option<u32>,
}

impl Chassis {
    /// What the card in `slot` may use of the host.
    pub fn limits_of(&self, slot: Slot) -> Limits {
        self.limits.iter().find(|(limited, _)| *limited == slot).map(|(_, limits)| *limits).unwrap_or_default()
    }

    /// Whether an RP that is lost may take packets with it even in SSO: where they pass the RP, or where cards of an
    /// older kind do not keep their tables.
    pub fn may_always_lose(&self) -> bool {
        self.platform.forwarding.uses_rp() || self.line_cards.iter().any(|card| card.legacy)
    }
}

/// How route processors stand in for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redundancy {
    /// Configured mode; never [`Mode::Fsu`].
    pub mode: Mode,
    /// Heartbeat silence after which the active is dead.
    pub switchover_timer: Span,
    /// Between heartbeats.
    pub heartbeat: Span,
}

/// A line card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineCard {
    /// Its slot.
    pub slot: LcSlot,
    /// Number of its ports, counted from 1.
    pub ports: u8,
    /// Whether it is of an older kind ([`fabric_proto::platform::Legacy`]).
    pub legacy: bool,
}

/// A routing table and who announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// Where the routes come from.
    pub source: TableSource,
    /// IPv4 routes of a generated table.
    pub ipv4: usize,
    /// IPv6 routes of a generated table.
    pub ipv6: usize,
    /// Neighbours that announce it, spread over the links to testers.
    pub next_hops: u16,
    /// Seed of a generated table.
    pub seed: u64,
    /// Routes a second; 0: as fast as the session takes them.
    pub rate: u64,
}

/// Where routes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableSource {
    /// Generated, with the prefix-length distribution of the real Internet.
    Internet,
    /// A prefix list or an MRT table dump that exists.
    File(PathBuf),
}

impl fmt::Display for TableSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet => f.write_str("internet"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A measuring instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tester {
    /// Name of the node.
    pub name: String,
    /// Number of its ports: `p1` to `p<n>`.
    pub ports: u8,
    /// What it may use of the host.
    pub limits: Limits,
}

/// A wire between two ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its ends, in the file's order.
    pub ends: [LinkEnd; 2],
}

/// One end of a wire: `pe1:1/1` or `t1:p1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkEnd {
    /// Name of the node.
    pub node: String,
    /// Port on it.
    pub port: NodePort,
}

/// A port of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodePort {
    /// Of a chassis.
    Chassis(PortId),
    /// Of a tester, from 1.
    Tester(u8),
}

/// A chassis port that a tester is linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TesterPort {
    /// The chassis' port.
    pub port: PortId,
    /// Name of the tester.
    pub tester: String,
    /// The tester's port.
    pub tester_port: u8,
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            NodePort::Chassis(port) => write!(f, "{}:{port}", self.node),
            NodePort::Tester(port) => write!(f, "{}:p{port}", self.node),
        }
    }
}

impl Topology {
    /// The first chassis whose platform does not have `mode`: what is wrong, and the remedy.
    pub fn lacks(&self, mode: Mode) -> Option<(String, String)> {
        self.chassis.iter().find_map(|chassis| platform::lacks(chassis.platform, mode))
    }

    /// Reads and checks a topology file.
    pub fn load(path: &Path) -> Result<Self, BadInput> {
        Self::from_document(Document::read(path, "topology")?)
    }

    /// Checks a topology that was read already.
    pub fn from_document(document: Document) -> Result<Self, BadInput> {
        check::check(document)
    }

    /// The chassis called `name`.
    pub fn chassis(&self, name: &str) -> Option<&Chassis> {
        self.chassis.iter().find(|chassis| chassis.name == name)
    }

    /// The tester called `name`.
    pub fn tester(&self, name: &str) -> Option<&Tester> {
        self.testers.iter().find(|tester| tester.name == name)
    }

    /// The other end of the wire that ends at `end`.
    pub fn opposite(&self, end: &LinkEnd) -> Option<&LinkEnd> {
        self.links.iter().find_map(|link| match &link.ends {
            [a, b] if a == end => Some(b),
            [a, b] if b == end => Some(a),
            _ => None,
        })
    }
}

/// A chassis' ports with a tester behind them, in slot and port order.
pub fn tester_ports(topology: &Topology, chassis: &str) -> Vec<TesterPort> {
    let mut ports = Vec::new();
    for link in &topology.links {
        let [a, b] = &link.ends;
        for (end, other) in [(a, b), (b, a)] {
            if let (NodePort::Chassis(port), NodePort::Tester(tester_port)) = (end.port, other.port)
                && end.node == chassis
            {
                ports.push(TesterPort { port, tester: other.node.clone(), tester_port });
            }
        }
    }
    ports.sort_by_key(|port| port.port);
    ports
}

#[cfg(test)]
mod tests;
