//! Seeded impairment of what an endpoint sends: loss, delay, jitter, duplication, reordering, rate,
//! partition, per peer and switchable at run time.
//!
//! Direction is the sending side: a cut in both directions is set on both cards. While nothing is
//! set, packets pass straight through, segmentation offload included, at the cost of one relaxed load.

mod socket;

use fabric_proto::{
    impair::{Dice, Fate, Line},
    operator::Impairment,
};
use quinn::AsyncUdpSocket;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// The impairments of one endpoint. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ImpairTable(Arc<Shared>);

/// What impairment has done so far, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImpairCounters {
    /// Packets that an impairment was applied to.
    pub seen: u64,
    /// Dropped by the dice or by a partition.
    pub dropped: u64,
    /// Dropped because too much was held back already, by the rate or by the delay.
    pub overflow: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Sent late.
    pub delayed: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether any impairment is set: the only thing that an unimpaired packet looks at.
    active: AtomicBool,
    state: Mutex<State>,
    /// Something was held back that may be due before all else.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct State {
    everyone: Option<Dice>,
    peers: BTreeMap<SocketAddr, Dice>,
    held: Line<Held>,
    counters: ImpairCounters,
}

/// A packet on its way.
#[derive(Debug)]
struct Held {
    destination: SocketAddr,
    ecn: Option<quinn::udp::EcnCodepoint>,
    packet: Box<[u8]>,
}

impl ImpairTable {
    /// Sets the impairment towards `peer`'s endpoint, or towards everyone, replacing what was set there.
    /// `None` also forgets what was set for single peers; [`Impairment::default`] heals. Packets that are held
    /// back already are sent when they are due, except towards a partition.
    pub fn set(&self, peer: Option<SocketAddr>, impairment: Impairment) {
        let mut state = self.0.lock();
        let dice = (impairment != Impairment::default()).then(|| Dice::new(impairment));
        match (peer, dice) {
            (None, dice) => {
                state.peers.clear();
                state.everyone = dice;
            }
            (Some(peer), Some(dice)) => {
                state.peers.insert(peer, dice);
            }
            // Healing one peer while everyone is impaired needs an entry that does nothing.
            (Some(peer), None) if state.everyone.is_some() => {
                state.peers.insert(peer, Dice::new(impairment));
            }
            (Some(peer), None) => {
                state.peers.remove(&peer);
            }
        }
        self.0.active.store(state.everyone.is_some() || !state.peers.is_empty(), Ordering::Relaxed);
    }

    /// What was done so far.
    pub fn counters(&self) -> ImpairCounters {
        self.0.lock().counters
    }

    /// Puts the table between an endpoint and its socket; needs a tokio runtime around it.
    pub(crate) fn wrap(&self, inner: Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> {
        socket::ImpairedSocket::wrap(Arc::clone(&self.0), inner)
    }
}

impl Shared {
    /// A panic while the lock was held leaves nothing half done that matters.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn dice_for(&mut self, peer: &SocketAddr) -> Option<&mut Dice> {
        self.peers.get_mut(peer).or(self.everyone.as_mut())
    }

    /// What becomes of a packet of `length` bytes; `None` when nothing is set for this peer.
    fn decide(&mut self, now: Instant, peer: &SocketAddr, length: usize) -> Option<Fate> {
        let fate = self.dice_for(peer)?.roll(now, length);
        self.counters.seen += 1;
        match fate {
            Fate::Drop => self.counters.dropped += 1,
            Fate::Overflow => self.counters.overflow += 1,
            Fate::Send { delay, copies } => {
                self.counters.delayed += u64::from(!delay.is_zero());
                self.counters.duplicated += u64::from(copies - 1);
            }
        }
        Some(fate)
    }

    /// Holds a packet back; whether it is now the first due.
    fn hold(&mut self, delay: Duration, now: Instant, packet: &quinn::udp::Transmit<'_>) -> bool {
        let held = Held { destination: packet.destination, ecn: packet.ecn, packet: packet.contents.into() };
        self.held.hold(now + delay, held).unwrap_or_else(|| {
            self.counters.overflow += 1;
            false
        })
    }

    /// Whether what is held for `peer` may still go: a partition also cuts what is under way.
    fn cut(&mut self, peer: &SocketAddr) -> bool {
        self.dice_for(peer).is_some_and(|dice| dice.impairment().partition)
    }
}
