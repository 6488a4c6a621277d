//! A packet whose way through a line card is watched: real bytes, the card's own pipeline.

use super::{
    packets::through,
    reference::{self, Demand},
};
use etherparse::PacketBuilder;
use fabric_proto::{
    fib::{BaseMac, Path},
    id::{LcSlot, PortId},
};
use linecard_core::{pipeline::Verdict, tables::Tables};
use std::{fmt, net::IpAddr};

/// What became of a packet: where it goes, and the frame as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forwarded {
    verdict: Verdict,
    frame: Vec<u8>,
}

/// A packet that comes in at the first port of a line card.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    at: PortId,
    to: IpAddr,
    frame: Vec<u8>,
}

impl Probe {
    /// A UDP packet to `to`. IPv6 ones come from a documentation address, as do IPv4 ones.
    pub(super) fn new(slot: LcSlot, to: IpAddr) -> Self {
        let at = PortId { slot, port: 1 };
        let ethernet = PacketBuilder::ethernet2([2; 6], BaseMac::FIRST.of(at));
        let mut frame = Vec::new();
        // Writing to a vector cannot fail.
        let _ = match to {
            IpAddr::V4(to) => ethernet.ipv4([192, 0, 2, slot.0], to.octets(), 64).udp(7, 7).write(&mut frame, &[0; 8]),
            IpAddr::V6(to) => {
                let from = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, slot.0];
                ethernet.ipv6(from, to.octets(), 64).udp(7, 7).write(&mut frame, &[0; 8])
            }
        };
        Self { at, to, frame }
    }

    /// What a card with these tables makes of it.
    pub(super) fn send(&self, tables: &Tables) -> Forwarded {
        let (verdict, frame) = through(&self.frame, self.at, tables);
        Forwarded { verdict, frame }
    }

    /// Whether that is one of the things that may become of it, where its port is not shut down.
    pub(super) fn may_become(&self, got: &Forwarded, demand: &Demand) -> bool {
        let mut paths = reference::paths(demand, self.to).iter();
        let (slot, port) = match got.verdict {
            Verdict::Local { port } => (self.at.slot.0, port),
            Verdict::Fabric { slot, port } => (slot, port),
            Verdict::Punt(_) | Verdict::Drop(_) => return paths.all(|path| !matches!(path, Path::Port { .. })),
        };
        paths.any(|path| match path {
            Path::Port { port: by, rewrite, .. } => {
                *by == PortId { slot: LcSlot(slot), port } && got.frame.starts_with(rewrite.header())
            }
            Path::Unresolved { .. } | Path::Receive | Path::Discard | Path::Lookup { .. } => false,
        })
    }

    /// The port that it comes in at.
    pub(super) fn at(&self) -> PortId {
        self.at
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a packet to {}", self.to)
    }
}
