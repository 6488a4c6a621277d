//! The simulated fabric: connections, streams that keep their order, datagrams that do not, partitions.

use super::{World, life::Undo};
use fabric_proto::{
    checkpoint::CfMessage,
    feed::{FromFeed, ToFeed},
    id::{Epoch, LcSlot, PortId, RpSlot, Slot},
    linecard::{FromLc, ToLc},
    offer::Agreed,
    redundancy::{Heartbeat, RfMessage},
    time::Instant,
};
use linecard_core::linecard::Input as LcInput;
use rp_core::rp::Input as RpInput;
use std::{cmp::Reverse, sync::Arc, time::Duration};

/// QUIC's idle timeout in the real fabric: a connection over a partition ends after it.
const IDLE: Duration = Duration::from_secs(30);

/// What the shell of an RP waits between two attempts to reach a card.
const REDIAL: Duration = Duration::from_millis(20);

/// Most messages that may be on their way at once. The machines' own windows are far below: 32 updates a card, a
/// few megabytes of checkpoints. More than this is a queue that grows without bound.
pub(super) const UNDER_WAY_MAX: usize = 20_000;

/// A message on its way, or something that is due.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    /// A program starts, unless it was started or ended otherwise since.
    Boot(Slot, u64),
    /// A slot is reset, as an active wished in this epoch.
    Reset(RpSlot, Epoch, Option<String>),
    /// A line card looks at the wire of a port, in this run of its program.
    Carrier(LcSlot, u64, u8),
    /// A dialled connection comes up.
    Connect(Pair),
    /// The other end has gone; this one notices.
    Disconnect(Pair, u64, Slot),
    /// Nothing has passed for [`IDLE`].
    Idle(Pair, u64),
    Heartbeat(u64, RpSlot, Heartbeat),
    Redundancy(u64, RpSlot, RfMessage),
    Checkpoint(u64, RpSlot, CfMessage),
    ToLc(u64, RpSlot, LcSlot, ToLc),
    FromLc(u64, RpSlot, LcSlot, FromLc),
    ToFeed(u64, RpSlot, ToFeed),
    FromFeed(u64, RpSlot, FromFeed),
    /// A frame reaches a line card over the wire of a port.
    Arrives(PortId, Vec<u8>),
    /// A packet reaches the line card that it leaves by.
    Cell(PortId, Vec<u8>),
    /// A frame reaches the neighbour at the end of a port's wire.
    Leaves(PortId, Vec<u8>),
    /// A fault that lasts for a while ends.
    End(Undo),
}

/// Two ends of a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pair {
    /// Between RPs A and B; forward is from A.
    Peers,
    /// From an RP to a line card.
    Card(RpSlot, LcSlot),
    /// From an RP to the route feed.
    Feed(RpSlot),
}

impl Pair {
    pub(super) fn count(line_cards: usize) -> usize {
        1 + 3 * (line_cards + 1)
    }

    fn index(self, line_cards: usize) -> usize {
        match self {
            Self::Peers => 0,
            Self::Card(rp, lc) => 1 + rp.index() * line_cards + usize::from(lc.0) - 1,
            Self::Feed(rp) => 1 + 3 * line_cards + rp.index(),
        }
    }

    fn ends(self) -> [Option<Slot>; 2] {
        match self {
            Self::Peers => [Some(Slot::Rp(RpSlot::A)), Some(Slot::Rp(RpSlot::B))],
            Self::Card(rp, lc) => [Some(Slot::Rp(rp)), Some(Slot::Lc(lc))],
            Self::Feed(rp) => [Some(Slot::Rp(rp)), None],
        }
    }
}

/// A stream of a connection: messages of two of them may overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Main = 0,
    Checkpoint = 1,
}

/// A connection that is up.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    number: u64,
    /// What its ends speak, as each of them sees it.
    agreed: [Arc<Agreed>; 2],
    /// When the last message of a direction and stream arrives: a stream does not reorder.
    tails: [[Instant; 2]; 2],
}

impl World {
    pub(super) fn post(&mut self, delay: Duration, parcel: Parcel) {
        self.post_at(self.now + delay, parcel);
    }

    fn post_at(&mut self, at: Instant, parcel: Parcel) {
        self.order += 1;
        let index = match self.free.pop() {
            Some(index) => {
                self.parcels[index as usize] = Some(parcel);
                index
            }
            None => {
                self.parcels.push(Some(parcel));
                (self.parcels.len() - 1) as u32
            }
        };
        self.queue.push(Reverse((at, self.order, index)));
        if self.under_way() > UNDER_WAY_MAX {
            self.checker.accuse(format!("a queue grows: more than {UNDER_WAY_MAX} messages are on their way"));
        }
    }

    pub(super) fn delay(&mut self) -> Duration {
        let longest = self.weather.delay.as_nanos() as u64;
        Duration::from_nanos(longest / 10 + self.random.below(longest * 9 / 10))
    }

    pub(super) fn connection(&self, pair: Pair) -> Option<u64> {
        self.connections[pair.index(self.lcs.len())].as_ref().map(|connection| connection.number)
    }

    /// What the ends of a connection speak.
    pub(super) fn agreed(&self, pair: Pair) -> Option<Arc<Agreed>> {
        let connection = self.connections[pair.index(self.lcs.len())].as_ref();
        connection.map(|connection| Arc::clone(&connection.agreed[0]))
    }

    fn is(&self, pair: Pair, number: u64) -> bool {
        self.connection(pair) == Some(number)
    }

    /// Whether `to` still reads the connection: what was said before the other end hung up arrives.
    fn reaches(&self, pair: Pair, number: u64, to: Slot) -> bool {
        self.is(pair, number) || self.unnoticed.contains(&(pair, number, to))
    }

    fn is_cut(&self, pair: Pair, forward: bool) -> bool {
        !self.cut.is_empty() && self.cut.contains(&(pair, forward))
    }

    /// Sends on a connection's stream, in order.
    pub(super) fn stream(&mut self, pair: Pair, forward: bool, stream: Stream, parcel: Parcel) {
        if let Some(parcel) = self.wire(pair, parcel) {
            self.pass(pair, forward, stream, parcel);
        }
    }

    fn pass(&mut self, pair: Pair, forward: bool, stream: Stream, parcel: Parcel) {
        if self.is_cut(pair, forward) {
            // A stream is reliable: what a partition holds up arrives after it, if the connection lives.
            self.held.push((pair, forward, stream, parcel));
            return;
        }
        let at = self.now + self.delay();
        let service = match pair {
            Pair::Card(_, lc) if forward => self.slow[usize::from(lc.0) - 1],
            _ => Duration::ZERO,
        };
        let index = pair.index(self.lcs.len());
        let Some(connection) = &mut self.connections[index] else { return };
        let tail = &mut connection.tails[usize::from(forward)][stream as usize];
        *tail = at.max(*tail + service);
        let at = *tail;
        self.post_at(at, parcel);
    }

    /// Sends a datagram to the peer, if it is not lost.
    pub(super) fn datagram(&mut self, from: RpSlot, heartbeat: Heartbeat) {
        let (Some(to), Some(number)) = (from.peer(), self.connection(Pair::Peers)) else { return };
        let lost = self.random.chance(self.weather.heartbeat_loss);
        if !lost && !self.is_cut(Pair::Peers, from < to) {
            let delay = self.delay();
            if let Some(parcel) = self.wire(Pair::Peers, Parcel::Heartbeat(number, to, heartbeat)) {
                self.post(delay, parcel);
            }
        }
    }

    pub(super) fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Boot(card, generation) => self.boot(card, generation),
            Parcel::Reset(slot, epoch, release) => self.reset(slot, epoch, release),
            Parcel::Carrier(slot, generation, port) => self.carrier(slot, generation, port),
            Parcel::Connect(pair) => self.connect(pair),
            Parcel::Disconnect(pair, number, end) => {
                let known = self.unnoticed.iter().position(|waiting| *waiting == (pair, number, end));
                if let Some(at) = known {
                    self.unnoticed.remove(at);
                    self.disconnected(pair, number, end);
                }
            }
            Parcel::Idle(pair, number) => {
                if self.is(pair, number) && self.cut.iter().any(|(cut, _)| *cut == pair) {
                    self.hang_up(pair, None);
                }
            }
            Parcel::Heartbeat(number, to, heartbeat) => {
                if self.reaches(Pair::Peers, number, Slot::Rp(to)) {
                    self.trace(heartbeat.seq << 8 | 1, || format!("heartbeat to {to}: {heartbeat:?}"));
                    self.tell_rp(to, RpInput::Heartbeat(heartbeat));
                }
            }
            Parcel::Redundancy(number, to, message) => {
                if self.reaches(Pair::Peers, number, Slot::Rp(to)) {
                    self.trace(2, || format!("to {to}: {message:?}"));
                    self.tell_rp(to, RpInput::Peer(message));
                }
            }
            Parcel::Checkpoint(number, to, message) => {
                if self.reaches(Pair::Peers, number, Slot::Rp(to)) {
                    self.trace(3, || format!("to {to}: {message:?}"));
                    self.tell_rp(to, RpInput::Checkpoint(message));
                }
            }
            Parcel::ToLc(number, rp, slot, message) => {
                if self.reaches(Pair::Card(rp, slot), number, Slot::Lc(slot)) {
                    self.trace(4 | u64::from(slot.0) << 8, || format!("{rp} to {slot}: {message:?}"));
                    self.tell_lc(slot, LcInput::Message { session: number, message });
                }
            }
            Parcel::FromLc(number, rp, slot, message) => {
                if self.reaches(Pair::Card(rp, slot), number, Slot::Rp(rp)) {
                    self.trace(5 | u64::from(slot.0) << 8, || format!("{slot} to {rp}: {message:?}"));
                    self.tell_rp(rp, RpInput::Lc(slot, message));
                }
            }
            Parcel::ToFeed(number, rp, ToFeed::Open { .. }) => {
                if self.is(Pair::Feed(rp), number) {
                    self.trace(6, || format!("{rp} opens the feed"));
                    for message in self.feed.table().to_vec() {
                        self.stream(Pair::Feed(rp), false, Stream::Main, Parcel::FromFeed(number, rp, message));
                    }
                }
            }
            Parcel::FromFeed(number, rp, message) => {
                if self.is(Pair::Feed(rp), number) {
                    self.trace(7, || format!("feed to {rp}: {message:?}"));
                    self.tell_rp(rp, RpInput::Feed(message));
                }
            }
            Parcel::Arrives(port, frame) => self.frame_arrives(port, frame),
            Parcel::Cell(port, frame) => self.cell_arrives(port, frame),
            Parcel::Leaves(port, frame) => self.step_neighbour(port, Some(&frame)),
            Parcel::End(undo) => self.undo(undo),
        }
    }

    pub(super) fn dial(&mut self, pair: Pair) {
        let delay = self.delay();
        self.post(delay, Parcel::Connect(pair));
    }

    /// Ends a connection; the ends other than `by` notice after a while.
    pub(super) fn hang_up(&mut self, pair: Pair, by: Option<Slot>) {
        let index = pair.index(self.lcs.len());
        let Some(connection) = self.connections[index].take() else { return };
        let ends = pair.ends();
        for (end, towards_second) in ends.into_iter().zip([false, true]) {
            let Some(end) = end.filter(|end| Some(*end) != by) else { continue };
            // After what is under way to it on the same connection; and over a partition, nothing tells.
            let tail = connection.tails[usize::from(towards_second)].into_iter().max().unwrap_or_default();
            let silent = by.is_some() && self.is_cut(pair, towards_second);
            let delay = if silent { IDLE } else { self.delay() };
            self.unnoticed.push((pair, connection.number, end));
            self.post_at((self.now + delay).max(tail), Parcel::Disconnect(pair, connection.number, end));
        }
        self.held.retain(|(held, ..)| *held != pair);
    }

    /// Whether the ends of a pair would have a connection.
    fn wanted(&self, pair: Pair) -> bool {
        let runs = |rp: RpSlot| self.rps.get(rp.index()).is_some_and(|node| node.rp.is_some() && !node.paused);
        match pair {
            Pair::Peers => runs(RpSlot::A) && runs(RpSlot::B),
            Pair::Card(rp, lc) => {
                let card = &self.lcs[usize::from(lc.0) - 1];
                runs(rp) && self.rps[rp.index()].owns && card.card.is_some() && !card.paused
            }
            Pair::Feed(rp) => runs(rp) && self.rps[rp.index()].owns,
        }
    }

    fn connect(&mut self, pair: Pair) {
        if self.connection(pair).is_some() || !self.wanted(pair) || self.is_cut(pair, true) || self.is_cut(pair, false)
        {
            return;
        }
        // A shell notices the end of a connection before it has a new one.
        while let Some(at) = self.unnoticed.iter().position(|(other, ..)| *other == pair) {
            let (pair, number, end) = self.unnoticed.remove(at);
            self.disconnected(pair, number, end);
        }
        if self.connection(pair).is_some() || !self.wanted(pair) {
            return;
        }
        self.order += 1;
        let number = self.order;
        let index = pair.index(self.lcs.len());
        let agreed = self.agree(pair);
        let connection = Connection { number, agreed: agreed.clone(), tails: [[self.now; 2]; 2] };
        self.connections[index] = Some(connection);
        self.trace(8, || format!("{pair:?} connected"));
        match pair {
            Pair::Peers => {
                self.tell_rp(RpSlot::A, RpInput::PeerConnected(Arc::clone(&agreed[0])));
                self.tell_rp(RpSlot::B, RpInput::PeerConnected(Arc::clone(&agreed[1])));
            }
            Pair::Card(rp, card) => {
                self.tell_lc(card, LcInput::SessionUp { session: number, rp });
                self.tell_rp(rp, RpInput::LcConnected(card, Arc::clone(&agreed[0])));
            }
            Pair::Feed(rp) => self.tell_rp(rp, RpInput::FeedConnected),
        }
    }

    fn disconnected(&mut self, pair: Pair, number: u64, to: Slot) {
        self.trace(9, || format!("{to} notices the end of {pair:?}"));
        match (pair, to) {
            (Pair::Peers, Slot::Rp(rp)) => {
                self.tell_rp(rp, RpInput::PeerLost);
                self.dial(Pair::Peers);
            }
            (Pair::Card(_, card), Slot::Rp(rp)) => {
                self.tell_rp(rp, RpInput::LcLost(card));
                self.post(REDIAL, Parcel::Connect(pair));
            }
            (Pair::Card(..), Slot::Lc(card)) => self.tell_lc(card, LcInput::SessionDown { session: number }),
            (Pair::Feed(_), Slot::Rp(rp)) => {
                self.tell_rp(rp, RpInput::FeedLost);
                self.post(REDIAL, Parcel::Connect(pair));
            }
            (Pair::Peers | Pair::Feed(_), Slot::Lc(_)) => {}
        }
    }

    /// Forgets ends that will never notice: their program is gone.
    pub(super) fn forget_ends(&mut self, card: Slot) {
        self.unnoticed.retain(|(.., end)| *end != card);
    }

    /// Cuts one direction of a pair, or both, or lets messages pass again.
    pub fn set_cut(&mut self, pair: Pair, directions: &[bool], cut: bool) {
        for forward in directions {
            self.cut.retain(|other| *other != (pair, *forward));
            if cut {
                self.cut.push((pair, *forward));
            }
        }
        if cut {
            if let Some(number) = self.connection(pair) {
                self.post(IDLE, Parcel::Idle(pair, number));
            }
        } else {
            for (pair, forward, stream, parcel) in std::mem::take(&mut self.held) {
                // Still cut: it is held again.
                self.pass(pair, forward, stream, parcel);
            }
            self.dial(pair);
        }
    }

    /// Cuts every message between the two RPs, or lets them pass again.
    pub fn partition_rps(&mut self, cut: bool) {
        self.set_cut(Pair::Peers, &[false, true], cut);
    }

    /// Nothing is cut, paused or slow any more.
    pub(super) fn heal(&mut self) {
        for (pair, forward) in self.cut.clone() {
            self.set_cut(pair, &[forward], false);
        }
        self.slow.fill(Duration::ZERO);
    }
}
