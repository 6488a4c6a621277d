//! Packets that pass this RP, where its platform has it so ([`fabric_proto::platform::Forwarding`]).
//!
//! While this RP is active it holds a link to every line card, reads what they give it and passes each frame on to its
//! egress card. It keeps no queue: a card that does not read makes those who send to it
//! wait, so that nothing is lost here but with this program. That is the point: an RP that is gone forwards nothing.
//! So does a card whose link has ended in good order, for a moment: another program may be taking its place.

use super::Want;
use fabric::data::{CellReceiver, CellSender, DataEndpoint};
use fabric_proto::{
    cell,
    drops::DropCause,
    id::{CardId, LcSlot},
    operator::LcStats,
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, Notify, watch},
    time::{Instant, sleep, timeout_at},
};

/// Bytes read at once.
const READ: usize = 256 << 10;
/// Between attempts to reach a line card.
const RETRY: Duration = Duration::from_millis(10);
/// A card whose link has ended in good order may have its next one so much later, as among line cards.
const HELD: Duration = Duration::from_millis(250);

/// Packets passed, counted by the thread and read by anybody.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: AtomicU64,
    passed: AtomicU64,
    /// The egress card has no link to this RP.
    dropped: AtomicU64,
    /// Line cards with a link.
    links: AtomicU64,
}

impl Counters {
    /// Whether so many line cards have a link: before, the chassis does not forward as it should.
    pub(super) fn reaches(&self, cards: usize) -> bool {
        self.links.load(Ordering::Relaxed) >= cards as u64
    }

    /// The counters, in a line card's words.
    pub(super) fn stats(&self) -> LcStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What leaves is read first: what is held is never less than nothing.
        let (passed, dropped) = (read(&self.passed), read(&self.dropped));
        let received = read(&self.received);
        let mut stats = LcStats { received, from_fabric: received, to_fabric: passed, ..LcStats::default() };
        stats.drops.add(DropCause::FabricDown, dropped);
        stats.queued = received - passed - dropped;
        stats
    }
}

/// Calls line cards, and passes packets between them, for as long as it is wanted; inside the thread's local set.
pub(super) fn start(
    endpoint: &DataEndpoint,
    cards: Vec<(LcSlot, CardId, SocketAddr)>,
    counters: &Arc<Counters>,
    wanted: &watch::Receiver<Want>,
) {
    let links = Rc::<Links>::default();
    for (slot, id, address) in cards {
        let card = Card { slot: slot.0, id, address, links: Rc::clone(&links), counters: Arc::clone(counters) };
        tokio::task::spawn_local(card.run(endpoint.clone(), wanted.clone()));
    }
}

/// A link is written by one reader at a time, a whole batch of records at once.
type Outlet = Rc<Mutex<CellSender>>;

/// Links to line cards, by slot.
#[derive(Default)]
struct Links {
    outlets: RefCell<BTreeMap<u8, Outlet>>,
    /// Until when packets wait for the next link of a card whose last one has ended in good order.
    held: RefCell<BTreeMap<u8, Instant>>,
    /// A link came.
    came: Notify,
}

impl Links {
    fn open(&self, slot: u8, sender: CellSender) {
        self.held.borrow_mut().remove(&slot);
        self.outlets.borrow_mut().insert(slot, Rc::new(Mutex::new(sender)));
        self.came.notify_waiters();
    }

    fn close(&self, slot: u8) -> Option<Outlet> {
        self.outlets.borrow_mut().remove(&slot)
    }

    /// The same, and the card may be back soon.
    fn hold(&self, slot: u8) -> Option<Outlet> {
        self.held.borrow_mut().insert(slot, Instant::now() + HELD);
        self.close(slot)
    }

    /// The link to a card; waits for one that is held.
    async fn outlet(&self, slot: u8) -> Option<Outlet> {
        loop {
            // Before looking: nothing is missed in between.
            let came = self.came.notified();
            if let Some(outlet) = self.outlets.borrow().get(&slot) {
                return Some(Rc::clone(outlet));
            }
            let until = self.held.borrow().get(&slot).copied()?;
            if timeout_at(until, came).await.is_err() {
                self.held.borrow_mut().remove(&slot);
                return None;
            }
        }
    }
}

/// One line card and the link to it.
struct Card {
    slot: u8,
    id: CardId,
    address: SocketAddr,
    links: Rc<Links>,
    counters: Arc<Counters>,
}

impl Card {
    async fn run(self, endpoint: DataEndpoint, mut wanted: watch::Receiver<Want>) {
        if wanted.wait_for(|want| *want != Want::Nothing).await.is_err() {
            return;
        }
        while *wanted.borrow() == Want::Active {
            if let Err(error) = self.link(&endpoint).await {
                tracing::debug!(card = %self.id, "relay link: {error}");
            }
            self.links.close(self.slot);
            sleep(RETRY).await;
        }
    }

    /// One link's life.
    async fn link(&self, endpoint: &DataEndpoint) -> Result<(), fabric::FabricError> {
        let connection = endpoint.connect(&self.id, self.address).await?;
        let sender = connection.open_cells().await?;
        let mut receiver = connection.accept_cells().await?;
        self.links.open(self.slot, sender);
        self.counters.links.fetch_add(1, Ordering::Relaxed);
        tracing::info!(card = %self.id, "relay link up");
        let ended = self.pass(&mut receiver).await;
        self.counters.links.fetch_sub(1, Ordering::Relaxed);
        // The card half-closed its stream: what was passed to it meanwhile is to arrive.
        let finished = matches!(ended, Ok(true));
        let outlet = if finished { self.links.hold(self.slot) } else { self.links.close(self.slot) };
        if let Some(outlet) = outlet {
            outlet.lock().await.finished().await;
        }
        connection.close("link ended");
        tracing::info!(card = %self.id, "relay link down");
        ended.map(drop)
    }

    /// Passes on what the card sends, until it ends its stream: whether it did so in good order.
    async fn pass(&self, receiver: &mut CellReceiver) -> Result<bool, fabric::FabricError> {
        let mut buffer = vec![0; READ];
        let mut filled = 0;
        // By egress slot: packets and their bytes.
        let mut batches: BTreeMap<u8, (u64, Vec<u8>)> = BTreeMap::new();
        while let Some(count) = receiver.read(&mut buffer[filled..]).await? {
            filled += count;
            let mut rest = &buffer[..filled];
            loop {
                match cell::split_relay(rest) {
                    Ok(Some((slot, record, after))) => {
                        let batch = batches.entry(slot).or_default();
                        batch.0 += 1;
                        batch.1.extend_from_slice(record);
                        rest = after;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(card = %self.id, "the card does not keep to the framing: {error}");
                        receiver.stop();
                        return Ok(false);
                    }
                }
            }
            let used = filled - rest.len();
            buffer.copy_within(used..filled, 0);
            filled -= used;
            for (slot, (packets, bytes)) in &mut batches {
                self.hand_over(*slot, std::mem::take(packets), bytes).await;
                bytes.clear();
            }
        }
        Ok(true)
    }

    async fn hand_over(&self, slot: u8, packets: u64, bytes: &[u8]) {
        if packets == 0 {
            return;
        }
        self.counters.received.fetch_add(packets, Ordering::Relaxed);
        let written = match self.links.outlet(slot).await {
            Some(outlet) => outlet.lock().await.write_all(bytes).await.is_ok(),
            None => false,
        };
        let counter = if written { &self.counters.passed } else { &self.counters.dropped };
        counter.fetch_add(packets, Ordering::Relaxed);
    }
}
