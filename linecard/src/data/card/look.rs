//! What operators are shown of packets: copies where they pass, and what would become of one.

use super::{Batch, Card, Outlet, State};
use crate::data::tap::{Arrived, Taps};
use fabric_proto::{
    capture::{CapturePoint, Direction, Fate, Seen},
    cell::FRAME_MAX,
    drops::DropCause,
    id::{LcSlot, PortId},
    trace::{QueueState, TraceFate, TraceFrom, TraceOrder, Traced},
};
use linecard_core::{
    explain::explain,
    pipeline::{Verdict, egress, forward_batch},
};

impl Card {
    /// Whoever looks.
    pub(crate) fn taps<R>(&self, with: impl FnOnce(&mut Taps) -> R) -> R {
        with(&mut self.state.borrow_mut().taps)
    }

    /// [`Card::ingress`]'s part while somebody looks at the port: the same, and each frame is shown as it arrived, with what
    /// became of it.
    #[cold]
    pub(super) fn ingress_watched(&self, state: &mut State, port: u8, bytes: &mut [u8], batch: &mut Batch) {
        let mut arrived = Arrived::new(bytes, &batch.frames);
        let point = CapturePoint::Port(port);
        if state.resetting {
            while let Some(frame) = arrived.next(None) {
                state.show(point, Direction::In, port, Fate::Dropped(DropCause::LcResetting), frame);
            }
            return;
        }
        state.inject(&mut batch.frames);
        let tables = self.tables.load();
        let Batch { frames, scratch } = batch;
        let mut starts = frames.iter().map(|frame| frame.start).collect::<Vec<_>>().into_iter();
        let injected = Fate::Dropped(DropCause::Injected);
        forward_batch(bytes, frames, port, &tables, self.seed, scratch, |verdict, frame| {
            // An injected outage has taken those before it.
            let start = starts.next();
            while let Some(frame) = arrived.next(start) {
                state.show(point, Direction::In, port, injected, frame);
            }
            let fate = state.dispatch(verdict, port, frame);
            if let Some(frame) = arrived.next(None) {
                state.show(point, Direction::In, port, fate, frame);
            }
        });
        while let Some(frame) = arrived.next(None) {
            state.show(point, Direction::In, port, injected, frame);
        }
    }

    /// Shows what has left by an outlet, where anybody looks: the whole records within the first `done` of a cell.
    pub(super) fn show_sent(&self, outlet: Outlet, bytes: &[u8], done: usize) {
        let state = self.state.borrow();
        let point = match outlet {
            Outlet::Port(port) => CapturePoint::Port(port),
            Outlet::Link(_) | Outlet::Relay(_) => CapturePoint::Fabric,
            Outlet::Punt => CapturePoint::Punt,
        };
        if state.taps.at(point) {
            state.show_records(point, outlet, bytes, done);
        }
    }

    /// What would become of a packet that came now.
    pub(crate) fn trace(&self, order: &TraceOrder) -> Traced {
        self.traced.set(self.traced.get() + 1);
        let (number, tables) = (self.traced.get(), self.tables.load());
        let state = self.state.borrow();
        let (steps, verdict, frame) = match order.from {
            // No wire carries it: it would end the wire.
            _ if order.frame.len() > FRAME_MAX => {
                (Vec::new(), Verdict::Drop(DropCause::Malformed), order.frame.to_vec())
            }
            TraceFrom::Wire(port) => explain(&order.frame, port, &tables, self.seed),
            TraceFrom::Fabric(port) => {
                let verdict = egress(&order.frame, port, &tables.ports());
                (Vec::new(), verdict.map_or_else(Verdict::Drop, |()| Verdict::Local { port }), order.frame.to_vec())
            }
        };
        let verdict = if state.resetting { Verdict::Drop(DropCause::LcResetting) } else { verdict };
        Traced { number, steps, fate: state.fate(verdict, order.from), frame: frame.into() }
    }
}

impl State {
    /// Shows a packet to whoever looks at a point; `port` is this card's.
    pub(super) fn show(&self, point: CapturePoint, direction: Direction, port: u8, fate: Fate, frame: &[u8]) {
        let port = PortId { slot: LcSlot(self.own), port };
        self.taps.see(point, &Seen { at: self.now, direction, fate, port, length: frame.len() as u16, frame });
    }

    /// Shows a packet that has come from another card, or from the route processor that passes it on.
    pub(super) fn show_arrival(&self, from: Outlet, port: u8, fate: Fate, frame: &[u8]) {
        let slot = match from {
            Outlet::Link(slot) => LcSlot(slot),
            Outlet::Relay(_) | Outlet::Punt | Outlet::Port(_) => LcSlot(0),
        };
        let (port, length) = (PortId { slot, port }, frame.len() as u16);
        let seen = Seen { at: self.now, direction: Direction::In, fate, port, length, frame };
        self.taps.see(CapturePoint::Fabric, &seen);
    }

    #[cold]
    fn show_records(&self, point: CapturePoint, outlet: Outlet, bytes: &[u8], done: usize) {
        let (at, own) = (fabric::clock::now(), LcSlot(self.own));
        for ([first, second], frame) in outlet.framing().records(bytes, done) {
            let (direction, port, fate) = match outlet {
                Outlet::Port(port) => (Direction::Out, PortId { slot: own, port }, Fate::Sent),
                Outlet::Link(slot) => (Direction::Out, PortId { slot: LcSlot(slot), port: second }, Fate::Sent),
                Outlet::Relay(_) => (Direction::Out, PortId { slot: LcSlot(first), port: second }, Fate::Sent),
                // They are the route processor's now.
                Outlet::Punt => {
                    let fate = fabric_proto::punt::PuntReason::numbered(first).map_or(Fate::Unknown, Fate::Punted);
                    (Direction::In, PortId { slot: own, port: second }, fate)
                }
            };
            self.taps.see(point, &Seen { at, direction, fate, port, length: frame.len() as u16, frame });
        }
    }

    /// What [`State::dispatch`] would do, and how the queue stands that it would choose.
    fn fate(&self, verdict: Verdict, from: TraceFrom) -> TraceFate {
        let own = LcSlot(self.own);
        let through = |queue: QueueState, fate: TraceFate, closed: DropCause| match queue.open {
            true => fate,
            false => TraceFate::Dropped(closed),
        };
        let relay = |to| {
            let queue = self.relay.map(|rp| self.relays[usize::from(rp)].state()).unwrap_or_default();
            through(queue, TraceFate::Relay { to, queue }, DropCause::NoActiveRp)
        };
        let from_wire = matches!(from, TraceFrom::Wire(_));
        match verdict {
            Verdict::Fabric { slot, port } if self.forwarding.passes_rp(false) => {
                relay(PortId { slot: LcSlot(slot), port })
            }
            Verdict::Local { port } if from_wire && self.forwarding.passes_rp(true) => {
                relay(PortId { slot: own, port })
            }
            Verdict::Fabric { slot, port } => {
                let queue = self.links[usize::from(slot)].state();
                let to = PortId { slot: LcSlot(slot), port };
                through(queue, TraceFate::Fabric { to, queue }, DropCause::FabricDown)
            }
            Verdict::Local { port } => {
                let queue = self.ports[usize::from(port)].state();
                through(queue, TraceFate::Port { port, queue }, DropCause::PortDown)
            }
            Verdict::Punt(reason) => {
                let queue = self.punts.state();
                let closed = reason.unless_given().unwrap_or(DropCause::PuntNoRp);
                through(queue, TraceFate::Punted { reason, queue }, closed)
            }
            Verdict::Drop(cause) => TraceFate::Dropped(cause),
        }
    }
}
