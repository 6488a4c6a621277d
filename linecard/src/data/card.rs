//! What all tasks of the data thread share: tables, queues, counters.

mod estate;
mod look;

use estate::Ending;
pub(crate) use estate::whole;

use super::{
    queue::{Cell, Framing, NotQueued, Queue},
    tap::Taps,
};
use arc_swap::ArcSwap;
use fabric_proto::{
    capture::{CapturePoint, Direction, Fate},
    cell::{self, BadRecord, FRAME_MAX, FRAME_MIN},
    drops::DropCause,
    flow::FlowSeed,
    id::{LcSlot, PortId, RpSlot},
    load::is_test_packet,
    operator::DropOrder,
    outage::{Dropped, Dropping},
    platform::Forwarding,
    punt::PuntReason,
    time::Instant,
    wire,
};
use linecard_core::{
    counters::Counters,
    encap::HEADROOM,
    pipeline::{Scratch, Verdict, egress, forward_batch, injected},
    punt::Policers,
    tables::Tables,
};
use std::{
    cell::{RefCell, RefMut},
    ops::Range,
    rc::Rc,
    sync::Arc,
};
use tokio::sync::Notify;

/// The forwarding tables in force: replaced whole by the control thread, read once a batch.
pub type TablesCell = Arc<ArcSwap<Tables>>;

/// The data thread's shared state. Its tasks take turns: no borrow outlives a step without `await`.
pub(crate) struct Card {
    tables: TablesCell,
    seed: FlowSeed,
    state: RefCell<State>,
    /// Wires that have ended and are read to their end.
    ending: Ending,
    /// Packets that operators have asked about.
    traced: std::cell::Cell<u64>,
}

struct State {
    counters: Counters,
    /// This card's slot.
    own: u8,
    forwarding: Forwarding,
    /// Virtual output queues by line-card slot.
    links: Vec<Queue>,
    /// Queues towards RPs, by slot, where packets pass the active one.
    relays: Vec<Queue>,
    /// The RP whose link came up last: the active one.
    relay: Option<u8>,
    /// Towards the active RP, for itself. Its packets are not in the account any more, but in [`PuntCounts`].
    ///
    /// [`PuntCounts`]: fabric_proto::punt::PuntCounts
    punts: Queue,
    policers: Policers,
    /// Transmit queues by port.
    ports: Vec<Queue>,
    /// Everything that arrives is counted as `lc_resetting`.
    resetting: bool,
    /// A known outage, while one is injected.
    fault: Option<Dropping>,
    /// When the batch in hand was read: packets of a batch came at one time.
    now: Instant,
    /// When packets were last read from a wire.
    read: Instant,
    /// Operators who look at packets.
    taps: Taps,
}

/// Where packets leave the data thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlet {
    /// Towards the line card in a slot.
    Link(u8),
    /// Towards the RP of this index, which passes packets on.
    Relay(u8),
    /// To the active RP itself.
    Punt,
    /// Out of a port.
    Port(u8),
}

/// A reader's working space.
#[derive(Default)]
pub(crate) struct Batch {
    frames: Vec<Range<usize>>,
    scratch: Scratch,
}

impl Card {
    pub(crate) fn new(tables: TablesCell, counters: Counters, forwarding: Forwarding, seed: FlowSeed) -> Self {
        let queues = |framing| (0..=u8::MAX).map(|_| Queue::new(framing)).collect();
        let state = State {
            counters,
            own: tables.load().slot().0,
            forwarding,
            links: queues(Framing::Cells),
            relays: RpSlot::ALL.iter().map(|_| Queue::new(Framing::Relay)).collect(),
            relay: None,
            punts: Queue::new(Framing::Relay),
            policers: Policers::default(),
            ports: queues(Framing::Wire),
            resetting: false,
            fault: None,
            now: Instant::default(),
            read: Instant::default(),
            taps: Taps::default(),
        };
        Self { tables, seed, state: RefCell::new(state), ending: Ending::default(), traced: std::cell::Cell::new(0) }
    }

    /// Forwards the whole frames of `bytes`, which were read from a wire, to behind [`HEADROOM`]; where the last one ends.
    pub(crate) fn ingress(&self, port: u8, bytes: &mut [u8], batch: &mut Batch) -> Result<usize, BadRecord> {
        batch.frames.clear();
        let mut at = HEADROOM;
        let broken = loop {
            match wire::peek(&bytes[at..]) {
                Ok(Some(length)) if bytes.len() - at >= wire::RECORD_HEADER + length => {
                    let start = at + wire::RECORD_HEADER;
                    at = start + length;
                    batch.frames.push(start..at);
                }
                Ok(_) => break None,
                Err(error) => break Some(error),
            }
        };
        let mut state = self.state.borrow_mut();
        state.now = fabric::clock::now();
        state.read = state.now;
        let count = batch.frames.len() as u64;
        state.counters.received += count;
        if state.resetting {
            state.counters.drops.add(DropCause::LcResetting, count);
        }
        if state.taps.at(CapturePoint::Port(port)) {
            self.ingress_watched(&mut state, port, bytes, batch);
        } else if !state.resetting && count > 0 {
            state.inject(&mut batch.frames);
            let tables = self.tables.load();
            let Batch { frames, scratch } = &mut *batch;
            let sink = |verdict, frame: &[u8]| _ = state.dispatch(verdict, port, frame);
            forward_batch(bytes, frames, port, &tables, self.seed, scratch, sink);
        }
        match broken {
            None => Ok(at),
            Some(error) => {
                // What cannot be read as a frame is one all the same: it came in, and is dropped.
                state.counters.received += 1;
                state.counters.drop(DropCause::Malformed);
                Err(error)
            }
        }
    }

    /// Queues the whole frames at the front of `bytes`, which came over the fabric by `from`, for their ports.
    pub(crate) fn arrive(&self, from: Outlet, bytes: &[u8]) -> Result<usize, BadRecord> {
        let tables = self.tables.load();
        let ports = tables.ports();
        let mut state = self.state.borrow_mut();
        state.now = fabric::clock::now();
        let watched = state.taps.at(CapturePoint::Fabric);
        let mut rest = bytes;
        loop {
            let (port, frame) = match cell::split(rest) {
                Ok(Some((port, frame, after))) => {
                    rest = after;
                    (port, frame)
                }
                Ok(None) => return Ok(bytes.len() - rest.len()),
                Err(error) => {
                    state.counters.from_fabric += 1;
                    state.counters.drop(DropCause::Malformed);
                    return Err(error);
                }
            };
            state.counters.from_fabric += 1;
            let allowed = if state.resetting { Err(DropCause::LcResetting) } else { egress(frame, port, &ports) };
            let fate = match allowed {
                Ok(()) => state.transmit(port, frame),
                Err(cause) => {
                    state.refuse(port, cause, frame);
                    state.dispatch(Verdict::Drop(cause), port, frame)
                }
            };
            if watched {
                state.show_arrival(from, port, fate, frame);
            }
        }
    }

    /// Queues the whole frames at the front of `bytes`, which the active RP has made, for their ports.
    pub(crate) fn inject(&self, bytes: &[u8]) -> Result<usize, BadRecord> {
        let tables = self.tables.load();
        let ports = tables.ports();
        let mut state = self.state.borrow_mut();
        state.now = fabric::clock::now();
        let watched = state.taps.at(CapturePoint::Punt);
        let mut rest = bytes;
        while let Some((port, frame, after)) = cell::split(rest)? {
            rest = after;
            state.counters.punts.injected += 1;
            state.counters.punts.load_injected += u64::from(is_test_packet(frame));
            let allowed = if state.resetting { Err(DropCause::LcResetting) } else { injected(frame, port, &ports) };
            let fate = match allowed {
                Ok(()) => state.transmit(port, frame),
                Err(cause) => {
                    state.counters.drop(cause);
                    Fate::Dropped(cause)
                }
            };
            state.counters.punts.not_injected += u64::from(matches!(fate, Fate::Dropped(_)));
            if watched {
                state.show(CapturePoint::Punt, Direction::Out, port, fate, frame);
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Everything that arrives from now on is counted as `lc_resetting`.
    pub(crate) fn begin_reset(&self) {
        self.state.borrow_mut().resetting = true;
    }

    /// Takes an order to drop packets; what became of the one before it, if it was still in force.
    pub(crate) fn begin_drop(&self, now: Instant, order: DropOrder) -> Option<Dropped> {
        let mut state = self.state.borrow_mut();
        let read = state.read;
        let before = std::mem::replace(&mut state.fault, Dropping::new(now, read, order));
        before.map(|fault| fault.finish(now))
    }

    /// Ends a drop whose time is over; one that began meanwhile goes on.
    pub(crate) fn drop_over(&self, now: Instant) -> Option<Dropped> {
        let mut state = self.state.borrow_mut();
        state.fault.take_if(|fault| !fault.in_force(now)).map(|fault| fault.finish(now))
    }

    /// Ends a drop, whatever its time.
    pub(crate) fn end_drop(&self, now: Instant) -> Option<Dropped> {
        self.state.borrow_mut().fault.take().map(|fault| fault.finish(now))
    }

    /// Packets can leave by `outlet` from now on.
    pub(crate) fn open(&self, outlet: Outlet) {
        self.queue(outlet).open();
        if let Outlet::Relay(rp) = outlet {
            // Who calls later is the newer active; what waits for the one before waits in vain.
            let before = self.state.borrow_mut().relay.replace(rp);
            if let Some(before) = before.filter(|before| *before != rp) {
                self.close(Outlet::Relay(before));
            }
        }
    }

    /// No more packets for `outlet`; what is pending is dropped, its writer stops after the frame it is in.
    pub(crate) fn close(&self, outlet: Outlet) {
        let dropped = self.queue(outlet).close();
        self.lose(outlet, dropped);
        let mut state = self.state.borrow_mut();
        if let Outlet::Relay(rp) = outlet
            && state.relay == Some(rp)
        {
            state.relay = None;
        }
    }

    pub(crate) fn is_open(&self, outlet: Outlet) -> bool {
        self.queue(outlet).is_open()
    }

    /// The line cards among `outlets` that packets are to go to straight, and cannot.
    pub(crate) fn unlinked(&self, outlets: &[Outlet]) -> Vec<LcSlot> {
        let state = self.state.borrow();
        let missing = |outlet: &Outlet| match *outlet {
            Outlet::Link(slot) => (!state.links[usize::from(slot)].is_open()).then_some(LcSlot(slot)),
            Outlet::Relay(_) | Outlet::Punt | Outlet::Port(_) => None,
        };
        let straight = !state.forwarding.passes_rp(false);
        outlets.iter().filter_map(missing).filter(|_| straight).collect()
    }

    pub(crate) fn wake(&self, outlet: Outlet) -> Rc<Notify> {
        self.queue(outlet).wake()
    }

    pub(crate) fn framing(&self, outlet: Outlet) -> Framing {
        self.queue(outlet).framing()
    }

    /// Gives the oldest cell that is pending for `outlet` to its writer: whether there is one.
    pub(crate) fn take(&self, outlet: Outlet, cell: &mut Cell) -> bool {
        let (taken, aged) = self.queue(outlet).take(fabric::clock::now(), cell);
        let mut state = self.state.borrow_mut();
        match outlet {
            Outlet::Punt => state.counters.punts.undelivered += aged,
            Outlet::Link(_) | Outlet::Relay(_) | Outlet::Port(_) => state.counters.drops.add(DropCause::VoqAged, aged),
        }
        taken
    }

    /// `done` bytes of what the writer took went out; the rest is lost.
    pub(crate) fn settle(&self, outlet: Outlet, buffer: &[u8], done: usize) {
        self.show_sent(outlet, buffer, done);
        let (sent, lost) = self.queue(outlet).settle(buffer, done);
        self.count_sent(outlet, sent);
        self.lose(outlet, lost);
    }

    fn count_sent(&self, outlet: Outlet, sent: u64) {
        let mut state = self.state.borrow_mut();
        match outlet {
            Outlet::Link(_) | Outlet::Relay(_) => state.counters.to_fabric += sent,
            Outlet::Punt => {}
            Outlet::Port(_) => state.counters.sent += sent,
        }
    }

    /// The writer was given up with packets in its hands.
    pub(crate) fn abandon(&self, outlet: Outlet) {
        let lost = self.queue(outlet).abandon();
        self.lose(outlet, lost);
    }

    /// Counters, and packets held now.
    pub(crate) fn counters(&self) -> (Counters, u64) {
        let state = self.state.borrow();
        let queued = state.links.iter().chain(&state.relays).chain(&state.ports).map(Queue::packets).sum();
        debug_assert_eq!(state.counters.held(), i128::from(queued), "every packet is accounted for");
        (state.counters.clone(), queued)
    }

    fn lose(&self, outlet: Outlet, packets: u64) {
        let mut state = self.state.borrow_mut();
        let cause = match outlet {
            Outlet::Punt => return state.counters.punts.undelivered += packets,
            _ if state.resetting => DropCause::LcResetting,
            Outlet::Link(_) => DropCause::FabricDown,
            Outlet::Relay(_) => DropCause::NoActiveRp,
            Outlet::Port(_) => DropCause::PortDown,
        };
        state.counters.drops.add(cause, packets);
    }

    fn queue(&self, outlet: Outlet) -> RefMut<'_, Queue> {
        RefMut::map(self.state.borrow_mut(), |state| match outlet {
            Outlet::Link(slot) => &mut state.links[usize::from(slot)],
            Outlet::Relay(rp) => &mut state.relays[usize::from(rp)],
            Outlet::Punt => &mut state.punts,
            Outlet::Port(port) => &mut state.ports[usize::from(port)],
        })
    }
}

impl State {
    /// Takes out of a batch that was just read what an injected outage drops. Costs a branch when there is none.
    fn inject(&mut self, frames: &mut Vec<Range<usize>>) {
        let Some(fault) = &mut self.fault else { return };
        if fault.takes_of(self.now) {
            let before = frames.len();
            frames.retain(|_| !fault.takes_next());
            self.counters.drops.add(DropCause::Injected, (before - frames.len()) as u64);
        }
    }

    fn dispatch(&mut self, verdict: Verdict, ingress: u8, frame: &[u8]) -> Fate {
        match verdict {
            Verdict::Fabric { slot, port } if self.forwarding.passes_rp(false) => self.pass_rp(slot, port, frame),
            Verdict::Local { port } if self.forwarding.passes_rp(true) => self.pass_rp(self.own, port, frame),
            Verdict::Fabric { slot, port } => match self.links[usize::from(slot)].push(self.now, slot, port, frame) {
                Ok(aged) => {
                    self.counters.drops.add(DropCause::VoqAged, aged);
                    Fate::Fabric(PortId { slot: LcSlot(slot), port })
                }
                Err(NotQueued::Full) => self.drop(DropCause::VoqFull),
                Err(NotQueued::Closed) => self.drop(DropCause::FabricDown),
            },
            Verdict::Local { port } => self.transmit(port, frame),
            Verdict::Punt(reason) => match self.punt(reason, ingress, frame) {
                Ok(()) => {
                    self.counters.punted += 1;
                    self.counters.punts.load_punted += u64::from(is_test_packet(frame));
                    Fate::Punted(reason)
                }
                Err(cause) => self.drop(reason.unless_given().unwrap_or(cause)),
            },
            Verdict::Drop(cause) => {
                // It is dropped all the same: that the RP has no copy of it is in the counts of its reason.
                if let Some(reason) = PuntReason::of_drop(cause) {
                    let _ = self.punt(reason, ingress, frame);
                }
                self.drop(cause)
            }
        }
    }

    fn drop(&mut self, cause: DropCause) -> Fate {
        self.counters.drop(cause);
        Fate::Dropped(cause)
    }

    /// Gives a packet, as it arrived on a port, up to the active RP.
    #[cold]
    fn punt(&mut self, reason: PuntReason, ingress: u8, frame: &[u8]) -> Result<(), DropCause> {
        let count = self.counters.punts.of(reason);
        if !(FRAME_MIN..=FRAME_MAX).contains(&frame.len()) {
            count.lost += 1;
            return Err(DropCause::Malformed);
        }
        if !self.punts.takes() {
            count.lost += 1;
            return Err(DropCause::PuntNoRp);
        }
        if !self.policers.admit(self.now, reason) {
            count.policed += 1;
            return Err(DropCause::PuntPoliced);
        }
        match self.punts.push(self.now, reason.number(), ingress, frame) {
            Ok(aged) => {
                count.passed += 1;
                self.counters.punts.undelivered += aged;
                Ok(())
            }
            Err(NotQueued::Full | NotQueued::Closed) => {
                count.lost += 1;
                Err(DropCause::PuntQueueFull)
            }
        }
    }

    /// The packet goes by the active RP: where there is none, it goes nowhere.
    fn pass_rp(&mut self, slot: u8, port: u8, frame: &[u8]) -> Fate {
        let pushed = match self.relay {
            Some(rp) => self.relays[usize::from(rp)].push(self.now, slot, port, frame),
            None => Err(NotQueued::Closed),
        };
        match pushed {
            Ok(aged) => {
                self.counters.drops.add(DropCause::VoqAged, aged);
                Fate::Fabric(PortId { slot: LcSlot(slot), port })
            }
            Err(NotQueued::Full) => self.drop(DropCause::VoqFull),
            Err(NotQueued::Closed) => self.drop(DropCause::NoActiveRp),
        }
    }

    fn transmit(&mut self, port: u8, frame: &[u8]) -> Fate {
        let cause = match self.ports[usize::from(port)].push(self.now, self.own, port, frame) {
            // Packets for a port do not age: its wire pushes back for as long as its other end does not read.
            Ok(_) => return Fate::Port(port),
            Err(NotQueued::Full) => DropCause::PortQueueFull,
            Err(NotQueued::Closed) => DropCause::PortDown,
        };
        self.refuse(port, cause, frame);
        self.drop(cause)
    }

    /// A packet that was to leave by a port does not: shown to whoever looks at that one.
    #[cold]
    fn refuse(&self, port: u8, cause: DropCause, frame: &[u8]) {
        self.show(CapturePoint::Port(port), Direction::Out, port, Fate::Dropped(cause), frame);
    }
}
