//! Who may begin a handshake.
//!
//! A handshake costs a signature, and holds a place until it ends or is given up. Whoever can send a packet could hold
//! all of them, and the chassis' own cards would find the door shut when it matters. So:
//!
//! * only an address that has proven itself (QUIC's Retry, RFC 9000 §8.1.2) comes this far
//! * the card's configured peers, known by address *and* port, have places of their own: whoever answers there owns the
//!   peer's socket
//! * everybody else shares [`STRANGERS`] places, [`SOURCE`] of them for one IP address. A handshake that has had
//!   [`PATIENCE`] gives way to a newcomer, and so does one of a source that holds more than the newcomer's, so that the
//!   operator, whose port nobody knows beforehand, gets through too. Younger ones stay: otherwise whoever proves an
//!   address would have as many signatures of this card as it has packets.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::task::AbortHandle;

/// Handshakes under way for one configured peer. One is enough; a peer that was killed in the middle leaves some behind.
const PEER: usize = 4;
/// Handshakes under way for everybody else. A chassis has fewer cards than this.
const STRANGERS: usize = 64;
/// Of those, for one IP address.
const SOURCE: usize = 16;
/// A handshake on one host takes a few milliseconds; one that has not ended after this long may be meant never to end.
const PATIENCE: Duration = Duration::from_millis(100);

/// The handshakes under way.
#[derive(Debug, Default)]
pub(super) struct Gate {
    peers: BTreeSet<SocketAddr>,
    /// Oldest first.
    open: Vec<HalfOpen>,
    last: u64,
}

#[derive(Debug)]
struct HalfOpen {
    number: u64,
    from: SocketAddr,
    since: Instant,
    task: Option<AbortHandle>,
}

/// What becomes of a newcomer.
#[derive(Debug)]
pub(super) enum Decision {
    /// It may begin.
    Begin {
        /// Its number, until [`Gate::over`].
        number: u64,
        /// Whoever gave way to it.
        displaced: Option<Displaced>,
    },
    /// There is no place.
    Full,
}

/// A handshake that gave way.
#[derive(Debug)]
pub(super) struct Displaced {
    pub(super) from: SocketAddr,
    pub(super) task: Option<AbortHandle>,
}

impl Gate {
    /// These peers are expected: places are kept for them.
    pub(super) fn expect(&mut self, peers: impl IntoIterator<Item = SocketAddr>) {
        self.peers.extend(peers);
    }

    /// Handshakes under way.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// A caller whose address is proven wants to begin.
    pub(super) fn begin(&mut self, now: Instant, from: SocketAddr) -> Decision {
        let in_the_way = if self.peers.contains(&from) { Ok(self.peer_in_the_way(from)) } else { self.room(now, from) };
        let Ok(in_the_way) = in_the_way else { return Decision::Full };
        let displaced = in_the_way.map(|at| self.open.remove(at));
        self.last += 1;
        self.open.push(HalfOpen { number: self.last, from, since: now, task: None });
        let displaced = displaced.map(|old| Displaced { from: old.from, task: old.task });
        Decision::Begin { number: self.last, displaced }
    }

    /// The task that carries a handshake out, to be ended when it has to give way.
    pub(super) fn carried_by(&mut self, number: u64, task: AbortHandle) {
        if let Some(open) = self.open.iter_mut().find(|open| open.number == number) {
            open.task = Some(task);
        }
    }

    /// A handshake has ended.
    pub(super) fn over(&mut self, number: u64) {
        self.open.retain(|open| open.number != number);
    }

    /// A peer that calls again means its newest call.
    fn peer_in_the_way(&self, peer: SocketAddr) -> Option<usize> {
        let held = self.open.iter().filter(|open| open.from == peer).count();
        if held < PEER { None } else { self.open.iter().position(|open| open.from == peer) }
    }

    /// Room for a stranger: whoever has to give way to it, or an error when nobody does.
    fn room(&self, now: Instant, from: SocketAddr) -> Result<Option<usize>, ()> {
        let mut held: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for open in self.open.iter().filter(|open| !self.peers.contains(&open.from)) {
            *held.entry(open.from.ip()).or_default() += 1;
        }
        let own = held.get(&from.ip()).copied().unwrap_or(0);
        let (source, most) = if own >= SOURCE {
            (from.ip(), own)
        } else if held.values().sum::<usize>() >= STRANGERS {
            held.into_iter().max_by_key(|(_, count)| *count).ok_or(())?
        } else {
            return Ok(None);
        };
        let of_source = |open: &HalfOpen| open.from.ip() == source && !self.peers.contains(&open.from);
        let oldest = self.open.iter().position(of_source).ok_or(())?;
        let patience_is_over = now.saturating_duration_since(self.open[oldest].since) >= PATIENCE;
        if patience_is_over || own + 1 < most { Ok(Some(oldest)) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests;
