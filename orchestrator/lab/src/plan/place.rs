//! Where a lab's cards run, and at which addresses.

use crate::topology::Topology;
use fabric_proto::id::{CardId, Slot, Unit};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

/// The two endpoints of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Heartbeats and messages.
    Control,
    /// Cells.
    Data,
}

/// Where a lab's cards run. Kept in its plan: whoever takes hold of the lab later finds it there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Child processes on loopback addresses.
    #[default]
    Process,
    /// Containers on a network of their own.
    Docker {
        /// The network's addresses.
        subnet: Subnet,
        /// What names of containers and networks begin with.
        prefix: String,
    },
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its first address.
    pub base: Ipv4Addr,
    /// Length of its prefix.
    pub length: u8,
}

/// RFC 2544's addresses for benchmarks: no engine gives them away by itself.
const BENCHMARK: Subnet = Subnet { base: Ipv4Addr::new(198, 18, 0, 0), length: 15 };

/// Addresses of one node: at most 64 line cards, 3 RPs, a tester.
const NODE: u32 = 128;

impl Subnet {
    /// Networks for the lab in `dir`, in the order in which they should be tried: all that are large enough.
    pub fn candidates(topology: &Topology, dir: &Path) -> impl Iterator<Item = Self> + use<> {
        // The gateway has an address where nobody else has.
        let nodes = (topology.chassis.len() + topology.testers.len()).max(1) as u32;
        let size = (nodes * NODE).next_power_of_two();
        let count = BENCHMARK.size() / size;
        let first = hash(dir) as u32 % count.max(1);
        (0..count).map(move |at| Self {
            base: Ipv4Addr::from_bits(BENCHMARK.base.to_bits() + (first + at) % count * size),
            length: 32 - size.ilog2() as u8,
        })
    }

    /// Number of its addresses.
    pub const fn size(&self) -> u32 {
        1 << (32 - self.length)
    }

    /// Whether the two have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        let mask = |length: u8| u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        let shorter = mask(self.length.min(other.length));
        self.base.to_bits() & shorter == other.base.to_bits() & shorter
    }

    /// The host's own address in it: no card has it.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.to_bits() + unit_number(&Unit::Operator))
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.length)
    }
}

impl std::str::FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (base, length) = text.split_once('/').ok_or(())?;
        let subnet = Self { base: base.parse().map_err(|_| ())?, length: length.parse().map_err(|_| ())? };
        if subnet.length <= 32 { Ok(subnet) } else { Err(()) }
    }
}

impl Placement {
    /// The address of a card's endpoint.
    pub(super) fn address(&self, topology: &Topology, dir: &Path, id: &CardId, plane: Plane) -> SocketAddr {
        let nodes = topology
            .chassis
            .iter()
            .map(|chassis| &chassis.name)
            .chain(topology.testers.iter().map(|tester| &tester.name));
        let node = nodes.clone().position(|node| *node == id.node).unwrap_or(nodes.count()) as u32;
        let base = match self {
            Self::Process => loopback_block(dir),
            Self::Docker { subnet, .. } => subnet.base.to_bits(),
        };
        let port = match plane {
            Plane::Control => 7400,
            Plane::Data => 7401,
        };
        SocketAddr::from((Ipv4Addr::from_bits(base + node * NODE + unit_number(&id.unit)), port))
    }
}

/// A block of loopback addresses that the lab's folder decides, so that several labs, and several users' labs,
/// live side by side without asking each other.
fn loopback_block(dir: &Path) -> u32 {
    let hash = hash(dir);
    0x7f00_0000 | (64 + (hash as u32 % 128)) << 16 | ((hash >> 32) as u32 % 192) << 8
}

fn unit_number(unit: &Unit) -> u32 {
    match unit {
        Unit::Card(Slot::Lc(slot)) => u32::from(slot.0),
        Unit::Card(Slot::Rp(slot)) => 100 + slot.index() as u32,
        Unit::Tester => 110,
        Unit::Operator => 111,
        // It has no endpoint.
        Unit::Linux => 112,
    }
}

/// FNV-1a.
pub(super) fn hash(dir: &Path) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    dir.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step)
}
