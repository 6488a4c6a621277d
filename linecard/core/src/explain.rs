//! A packet's way through the pipeline, with every decision said: the same functions, watched.

use crate::{
    encap::HEADROOM,
    packet::Packet,
    paths::{Hop, PathTable},
    pipeline::{Observe, Verdict, forward_watched},
    tables::Tables,
};
use fabric_proto::{
    fib::{PathListId, Prefix},
    flow::{self, FlowSeed},
    id::{LcSlot, PortId, TableId},
    trace::{TraceHop, TraceStep},
};

/// Forwards a frame that is nobody's: what was decided, what becomes of it, and the frame as it goes on.
pub fn explain(frame: &[u8], ingress: u8, tables: &Tables, seed: FlowSeed) -> (Vec<TraceStep>, Verdict, Vec<u8>) {
    let mut buffer = [&[0; HEADROOM], frame].concat();
    let mut observer = Explanation { tables, steps: Vec::new() };
    let whole = HEADROOM..buffer.len();
    let (verdict, left) = forward_watched(&mut buffer, whole, ingress, tables, seed, &mut observer);
    (observer.steps, verdict, buffer.get(left).unwrap_or_default().to_vec())
}

struct Explanation<'a> {
    tables: &'a Tables,
    steps: Vec<TraceStep>,
}

impl Observe for Explanation<'_> {
    fn admitted(&mut self, packet: &Packet) {
        let &Packet { family, table, destination, flow, barred, link: _, length: _ } = packet;
        let destination = Prefix::from_bits(family, destination, family.width()).address();
        self.steps.push(TraceStep::Classified { family, table, destination, flow, barred });
    }

    fn looked_up(&mut self, table: TableId, packet: &Packet, route: Option<PathListId>, paths: &PathTable) {
        // A look-up answers with the route alone. A route that changed since is said as it is now.
        let longest = route.and_then(|_| self.tables.longest(table, packet.family, packet.destination));
        self.steps.push(TraceStep::LookedUp { table, prefix: longest.map(|(prefix, _)| prefix) });
        let Some(route) = route else { return };
        let (all, chosen) = (paths.hops(route).len(), paths.choose(route, packet.flow));
        if let Some(hop) = chosen {
            let path = flow::choose(packet.flow, all);
            self.steps.push(TraceStep::Chosen { path: path as u16, paths: all as u16, hop: hop.into() });
        }
    }
}

impl From<&Hop> for TraceHop {
    fn from(hop: &Hop) -> Self {
        match hop {
            Hop::Port { slot, port, encap: _ } => Self::Port(PortId { slot: LcSlot(*slot), port: *port }),
            Hop::PortLong { slot, port, encap: _ } => Self::Port(PortId { slot: LcSlot(*slot), port: *port }),
            Hop::Unresolved => Self::Unresolved,
            Hop::Receive => Self::Receive,
            Hop::Discard => Self::Discard,
            Hop::Lookup { table } => Self::Lookup(*table),
        }
    }
}
