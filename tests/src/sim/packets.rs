//! Packets of a simulated chassis, byte by byte: in at a port, through the line cards' own [`forward`] and [`egress`] on the
//! tables that packets read, out at a port, to the neighbour that sits there.
//!
//! A [`Neighbour`] is anything that speaks on a wire: a machine of its own, with the simulation's clock.

use super::{World, cards::flow_seed, fabric::Parcel};
use fabric_proto::{
    drops::DropCause,
    id::{LcSlot, PortId, Slot},
    platform::Forwarding,
    time::Instant,
};
use linecard_core::{
    encap::HEADROOM,
    pipeline::{Verdict, egress, forward},
    tables::Tables,
};
use std::{collections::BTreeMap, time::Duration};

/// A frame takes this long over a wire, and as long from line card to line card.
const WIRE: Duration = Duration::from_micros(50);

/// What sits at the other end of a port's wire.
pub trait Neighbour {
    /// A frame arrives, or the neighbour's deadline has come. What it sends is put into `out`.
    fn step(&mut self, now: Instant, frame: Option<&[u8]>, out: &mut Vec<Vec<u8>>);

    /// When it wants to be stepped without a frame.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// What became of packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// Came in at a port.
    pub offered: u64,
    /// Left by a port, and arrived.
    pub delivered: u64,
    /// For the chassis itself.
    pub punted: u64,
    /// Dropped by a card, by cause.
    pub dropped: BTreeMap<DropCause, u64>,
    /// On a wire that was pulled, or that nobody sits at the end of.
    pub unheard: u64,
    /// Met a card that was dead.
    pub lost_with_card: u64,
}

impl PacketCounts {
    /// Everything that is known of: what was offered, less what is under way.
    pub fn accounted(&self) -> u64 {
        self.delivered + self.punted + self.dropped.values().sum::<u64>() + self.unheard + self.lost_with_card
    }

    fn drop(&mut self, cause: DropCause) {
        *self.dropped.entry(cause).or_default() += 1;
    }
}

/// The seats at the ends of the wires, and the books.
#[derive(Default)]
pub(super) struct Packets {
    seats: BTreeMap<PortId, Box<dyn Neighbour>>,
    counts: PacketCounts,
}

impl Packets {
    /// The neighbour whose deadline is next.
    pub(super) fn next_timer(&self) -> Option<(Instant, PortId)> {
        let due = self.seats.iter().filter_map(|(port, seat)| Some((seat.deadline()?, *port)));
        due.min()
    }
}

/// What a line card with these tables makes of a frame that comes in at its port, and the frame as it leaves.
pub(super) fn through(frame: &[u8], at: PortId, tables: &Tables) -> (Verdict, Vec<u8>) {
    let mut buffer = [&[0; HEADROOM], frame].concat();
    let whole = HEADROOM..buffer.len();
    let (verdict, left) = forward(&mut buffer, whole, at.port, tables, flow_seed(Slot::Lc(at.slot)));
    (verdict, buffer[left].to_vec())
}

impl World {
    /// Seats a neighbour at the end of a port's wire.
    pub fn seat(&mut self, port: PortId, neighbour: impl Neighbour + 'static) {
        self.packets.seats.insert(port, Box::new(neighbour));
    }

    /// What became of packets so far.
    pub fn packets(&self) -> &PacketCounts {
        &self.packets.counts
    }

    /// Steps a neighbour, and puts what it sends on its wire.
    pub(super) fn step_neighbour(&mut self, port: PortId, frame: Option<&[u8]>) {
        let now = self.now;
        let Some(seat) = self.packets.seats.get_mut(&port) else { return };
        self.events += 1;
        let mut sent = Vec::new();
        seat.step(now, frame, &mut sent);
        for frame in sent {
            self.trace(17, || format!("neighbour at {port} sends {} bytes", frame.len()));
            self.post(WIRE, Parcel::Arrives(port, frame));
        }
    }

    /// A frame has reached the line card's end of a wire.
    pub(super) fn frame_arrives(&mut self, at: PortId, frame: Vec<u8>) {
        self.packets.counts.offered += 1;
        if self.pulled.contains(&at) {
            self.packets.counts.unheard += 1;
            return;
        }
        let Some(card) = &self.lcs[usize::from(at.slot.0) - 1].card else {
            self.packets.counts.lost_with_card += 1;
            return;
        };
        let (verdict, frame) = through(&frame, at, card.tables());
        let local = matches!(verdict, Verdict::Local { .. });
        match verdict {
            Verdict::Drop(cause) => self.packets.counts.drop(cause),
            Verdict::Punt(_) => self.packets.counts.punted += 1,
            Verdict::Local { .. } | Verdict::Fabric { .. } if !self.fabric_passes(local) => {
                self.packets.counts.drop(DropCause::NoActiveRp);
            }
            Verdict::Local { port } => self.frame_leaves(PortId { slot: at.slot, port }, frame),
            Verdict::Fabric { slot, port } => {
                self.post(WIRE, Parcel::Cell(PortId { slot: LcSlot(slot), port }, frame));
            }
        }
    }

    /// Whether packets get through the fabric of this family just now.
    fn fabric_passes(&self, local: bool) -> bool {
        let forwarding: Forwarding = self.profile.forwarding;
        !forwarding.passes_rp(local) || self.rps.iter().any(|node| node.owns && node.active && !node.paused)
    }

    /// A packet has crossed the fabric to the card that it leaves by.
    pub(super) fn cell_arrives(&mut self, to: PortId, frame: Vec<u8>) {
        let Some(card) = self.lcs.get(usize::from(to.slot.0) - 1).and_then(|node| node.card.as_ref()) else {
            self.packets.counts.lost_with_card += 1;
            return;
        };
        match egress(&frame, to.port, &card.tables().ports()) {
            Ok(()) => self.frame_leaves(to, frame),
            Err(cause) => self.packets.counts.drop(cause),
        }
    }

    fn frame_leaves(&mut self, by: PortId, frame: Vec<u8>) {
        if self.pulled.contains(&by) || !self.packets.seats.contains_key(&by) {
            self.packets.counts.unheard += 1;
            return;
        }
        self.packets.counts.delivered += 1;
        self.post(WIRE, Parcel::Leaves(by, frame));
    }
}
