//! Topologies: `<lab>.chassis.yml`, in the shape that containerlab users know.
//!
//! [`Topology::load`] reads and checks one. What it returns is consistent: every link ends on a
//! port that exists, every chassis has a route processor, every file named is there.

mod check;
mod file;
mod links;
mod linux;
mod platform;
mod routes;

pub use linux::{HOST, InterfaceName, MACVLAN};

use bridge::config::Bind;
use fabric_proto::{
    fib::BaseMac,
    id::{InterfaceId, LcSlot, PortId, RpSlot, Slot},
    platform::Profile,
};
use notation::{
    document::{BadInput, Document},
    mode::Mode,
    units::{Bytes, Span},
};
use rp_core::config::{Config, ConfigError, Reading};
use serde::{Deserialize, Serialize};
use serde_saphyr::Location;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    num::NonZeroU32,
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
    /// Its nodes that are none of ours, by name.
    pub linux: Vec<Linux>,
    /// What joins them, in the file's order.
    pub links: Vec<Link>,
    /// Ends of links on interfaces of this machine.
    pub host_ends: Vec<HostEnd>,
}

/// Something, and where it stands in the file.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// What it is.
    pub value: T,
    /// Where it stands.
    pub at: Location,
}

/// A node that is none of ours: a container of anybody's, or a command in a network namespace.
#[derive(Clone, Debug)]
pub struct Linux {
    /// Name of the node.
    pub name: String,
    /// Where it stands.
    pub at: Location,
    /// The container's image.
    pub image: Option<Placed<String>>,
    /// What runs in it, in words; in a container, in place of what its image says.
    pub cmd: Option<Placed<Vec<String>>>,
    /// Commands that prepare it, in order, once its interfaces are there.
    pub exec: Vec<Placed<Vec<String>>>,
    /// Added to its environment.
    pub env: BTreeMap<String, String>,
    /// Files and folders of this machine that it sees.
    pub binds: Vec<Placed<Bind>>,
    /// Capabilities beyond those that the engine gives; containers only.
    pub cap_add: Vec<String>,
    /// What it may use of the host; containers only.
    pub limits: Limits,
}

/// An end of a link on an interface of this machine.
#[derive(Clone, Debug)]
pub struct HostEnd {
    /// The end: `host:eth1` or `macvlan:eth1`.
    pub end: LinkEnd,
    /// Where it stands.
    pub at: Location,
    /// Whether an interface with addresses, which this machine uses itself, will do.
    pub with_addresses: bool,
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
    pub startup_config: Option<Startup>,
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

/// A startup configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// The file, as the topology names it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What its cards understand of it.
    pub config: Config,
}

impl Startup {
    /// Reads a text as the cards of a family do at their boot; the lines that they refuse come with it.
    pub fn read(file: &str, text: &str, profile: &Profile) -> (Self, Vec<ConfigError>) {
        let Reading { config, refused } = Reading::of_startup(text, file, profile);
        (Self { file: file.to_owned(), text: text.replace("\r\n", "\n"), config }, refused)
    }
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
    /// Millionths of the table that are withdrawn and announced again a minute (RFC 7654 §5.5); `None`: it stands still.
    pub churn_ppm: Option<NonZeroU32>,
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
    /// Its addresses on ports that are linked to nodes that are none of ours: it sends from them, is sent to at them, and
    /// answers whoever asks for them.
    pub addresses: BTreeMap<u8, Vec<IpAddr>>,
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
    /// Of a node that is none of ours, or of this machine.
    Interface(InterfaceName),
}

/// Where a tester sends and receives: a port of its own, or on it what belongs to a subinterface of the chassis port that it is
/// linked to. `p1`, or `p1.100` for what `interface 1/1.100` says, its VLAN too, where p1 is linked to port 1/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TesterInterface {
    /// The tester's port, from 1.
    pub port: u8,
    /// Number of the subinterface, as the chassis' configuration has it; `None`: the port itself, without a tag.
    pub sub: Option<NonZeroU32>,
}

impl TesterInterface {
    /// Reads `p1` and `p1.100`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok())?;
        let (port, sub) = match text.strip_prefix('p')?.split_once('.') {
            None => (text.strip_prefix('p')?, None),
            Some((port, sub)) => {
                let sub = number(sub).filter(|sub| *sub <= InterfaceId::NUMBER_MAX)?;
                (port, Some(NonZeroU32::new(sub)?))
            }
        };
        Some(Self { port: number(port)?.try_into().ok()?, sub })
    }
}

impl fmt::Display for TesterInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.port)?;
        self.sub.map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}

/// What a tester's port is linked to.
#[derive(Clone, Copy, Debug)]
pub enum Behind<'t> {
    /// An interface of a chassis.
    Chassis(&'t Chassis, InterfaceId),
    /// An interface of a node that is none of ours, or of this machine.
    Node(&'t LinkEnd),
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

impl fmt::Display for NodePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chassis(port) => port.fmt(f),
            Self::Tester(port) => write!(f, "p{port}"),
            Self::Interface(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.port)
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

    /// What the addresses of a chassis' ports begin with: no two chassis of a topology have one.
    pub fn base_mac(&self, chassis: &str) -> BaseMac {
        let number = self.chassis.iter().position(|other| other.name == chassis).unwrap_or_default();
        // A topology of more chassis does not fit into any host.
        BaseMac::numbered(number as u16)
    }

    /// The chassis called `name`.
    pub fn chassis(&self, name: &str) -> Option<&Chassis> {
        self.chassis.iter().find(|chassis| chassis.name == name)
    }

    /// The tester called `name`.
    pub fn tester(&self, name: &str) -> Option<&Tester> {
        self.testers.iter().find(|tester| tester.name == name)
    }

    /// The node called `name` that is none of ours.
    pub fn linux(&self, name: &str) -> Option<&Linux> {
        self.linux.iter().find(|node| node.name == name)
    }

    /// What a tester's port is linked to.
    pub fn behind(&self, tester: &str, at: TesterInterface) -> Option<Behind<'_>> {
        let end = LinkEnd { node: tester.to_owned(), port: NodePort::Tester(at.port) };
        let behind = self.opposite(&end)?;
        match behind.port {
            NodePort::Chassis(port) => {
                Some(Behind::Chassis(self.chassis(&behind.node)?, InterfaceId::Ethernet { port, sub: at.sub }))
            }
            NodePort::Interface(_) => Some(Behind::Node(behind)),
            NodePort::Tester(_) => None,
        }
    }

    /// The interface of a chassis that what a tester sends and receives there goes through.
    pub fn interface_behind(&self, tester: &str, at: TesterInterface) -> Option<(&Chassis, InterfaceId)> {
        match self.behind(tester, at)? {
            Behind::Chassis(chassis, interface) => Some((chassis, interface)),
            Behind::Node(_) => None,
        }
    }

    /// Nodes on the shortest way over links between two ends, not counting those that the ends are of; `None`: there is none.
    /// Testers, and this machine's own interfaces, are no way to anywhere.
    pub fn nodes_between(&self, from: &LinkEnd, to: &LinkEnd) -> Option<u8> {
        let passes = |node: &str| self.chassis(node).is_some() || self.linux(node).is_some();
        let last = self.opposite(to)?.node.as_str();
        let mut at: BTreeSet<&str> = BTreeSet::from([self.opposite(from)?.node.as_str()]);
        let mut seen = BTreeSet::new();
        for nodes in 1..=u8::MAX {
            at.retain(|node| passes(node) && seen.insert(*node));
            if at.contains(last) {
                return Some(nodes);
            }
            if at.is_empty() {
                return None;
            }
            let ends =
                self.links.iter().flat_map(|link| [(&link.ends[0], &link.ends[1]), (&link.ends[1], &link.ends[0])]);
            at = ends.filter(|(end, _)| at.contains(end.node.as_str())).map(|(_, other)| other.node.as_str()).collect();
        }
        None
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
