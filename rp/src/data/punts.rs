//! Packets that line cards give up to this RP, and frames that it has them send.
//!
//! A line card calls, and is shown by a stream that it is heard. Nothing here waits for the owner: what it does not take in
//! time is dropped and counted, and so is a frame that a line card does not take.

use fabric::{
    FabricError,
    data::{CellReceiver, CellSender, DataConnection, DataEndpoint},
};
use fabric_proto::{
    cell::{self, BadRecord, FRAME_MAX, FRAME_MIN, RECORD_HEADER},
    id::{CardId, LcSlot, PortId, Slot, Unit},
    punt::{PuntCounts, PuntReason},
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// Bytes read at once.
const READ: usize = 64 << 10;
/// Packets of each of the two kinds that wait for the owner: what line cards let pass in a few hundredths of a second.
const TAKEN: usize = 1024;
/// Packets that the owner takes in one turn: a fraction of a millisecond, and then heartbeats have theirs.
const TURN: usize = 32;
/// Frames that wait for one line card.
const GIVEN: usize = 1024;
/// A frame that has waited for so long for a line card that calls is not what it would be said now.
const HOLD: Duration = Duration::from_secs(1);
/// Bytes of frames that are written at once.
const WRITE: usize = 32 << 10;

/// A packet that a line card has given up.
#[derive(Debug)]
pub(crate) struct Punted {
    /// Where it came in.
    pub(crate) port: PortId,
    /// Why.
    pub(crate) reason: PuntReason,
    /// All of it.
    pub(crate) frame: Box<[u8]>,
}

/// A frame on its way to a port.
#[derive(Debug)]
struct Injected {
    since: Instant,
    port: u8,
    frame: Vec<u8>,
}

/// What links and neighbours are kept by has a queue of its own: a flood to one of our addresses is not in its way.
#[derive(Debug)]
struct Kinds<T> {
    links: T,
    others: T,
}

impl<T> Kinds<T> {
    fn of(&self, reason: PuntReason) -> &T {
        match reason {
            PuntReason::Arp
            | PuntReason::NeighborDiscovery
            | PuntReason::ControlMulticast
            | PuntReason::LinkProtocol => &self.links,
            PuntReason::ForUs
            | PuntReason::TtlExpired
            | PuntReason::TooBig
            | PuntReason::Unreachable
            | PuntReason::Glean
            | PuntReason::RouterAlert => &self.others,
        }
    }
}

/// Packets that wait for the owner.
#[derive(Debug)]
pub(crate) struct Punts(Kinds<mpsc::Receiver<Punted>>);

impl Punts {
    /// The next ones: as many as one turn of the owner's may have. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Vec<Punted> {
        let Kinds { links, others } = &mut self.0;
        let first = tokio::select! {
            biased;
            Some(punted) = links.recv() => punted,
            Some(punted) = others.recv() => punted,
            // The thread has ended.
            else => std::future::pending().await,
        };
        let rest = std::iter::from_fn(|| links.try_recv().or_else(|_| others.try_recv()).ok());
        std::iter::once(first).chain(rest).take(TURN).collect()
    }
}

type Counts = Arc<Mutex<PuntCounts>>;

fn lock(counts: &Counts) -> MutexGuard<'_, PuntCounts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The owner's side of frames.
#[derive(Debug)]
pub(crate) struct Injector {
    queues: BTreeMap<LcSlot, mpsc::Sender<Injected>>,
    counts: Counts,
}

impl Injector {
    pub(super) fn inject(&self, port: PortId, frame: Vec<u8>) {
        let fits = (FRAME_MIN..=FRAME_MAX).contains(&frame.len());
        let queue = self.queues.get(&port.slot).filter(|_| fits);
        let frame = Injected { since: Instant::now(), port: port.port, frame };
        let sent = queue.is_some_and(|queue| queue.try_send(frame).is_ok());
        let mut counts = lock(&self.counts);
        counts.injected += 1;
        counts.not_injected += u64::from(!sent);
    }

    pub(super) fn counts(&self) -> PuntCounts {
        lock(&self.counts).clone()
    }
}

/// One line card: what comes from it, and what goes to it.
pub(super) struct Way {
    slot: LcSlot,
    id: CardId,
    taken: Arc<Kinds<mpsc::Sender<Punted>>>,
    frames: mpsc::Receiver<Injected>,
    counts: Counts,
}

/// The ways to line cards, and the owner's ends of them.
pub(super) fn ways(cards: impl Iterator<Item = (LcSlot, CardId)>) -> (Vec<Way>, Injector, Punts) {
    let (links, from_links) = mpsc::channel(TAKEN);
    let (others, from_others) = mpsc::channel(TAKEN);
    let taken = Arc::new(Kinds { links, others });
    let counts = Counts::default();
    let mut queues = BTreeMap::new();
    let way = |(slot, id)| {
        let (queue, frames) = mpsc::channel(GIVEN);
        queues.insert(slot, queue);
        Way { slot, id, taken: Arc::clone(&taken), frames, counts: Arc::clone(&counts) }
    };
    let ways = cards.map(way).collect();
    (ways, Injector { queues, counts }, Punts(Kinds { links: from_links, others: from_others }))
}

/// Takes line cards' calls for as long as the endpoint lives; inside the thread's local set.
pub(super) fn start(endpoint: &DataEndpoint, ways: Vec<Way>) {
    let mut callers = BTreeMap::new();
    for way in ways {
        let (caller, calls) = mpsc::channel(1);
        callers.insert(way.id.clone(), caller);
        tokio::task::spawn_local(way.run(calls));
    }
    tokio::task::spawn_local(accept(endpoint.clone(), callers));
}

/// Gives each caller to its way.
async fn accept(endpoint: DataEndpoint, callers: BTreeMap<CardId, mpsc::Sender<DataConnection>>) {
    while let Some(connection) = endpoint.accept().await {
        debug_assert!(callers.keys().all(|id| matches!(id.unit, Unit::Card(Slot::Lc(_)))));
        let Some(caller) = callers.get(connection.peer()) else {
            tracing::warn!(peer = %connection.peer(), "data connection refused: not a line card of this chassis");
            connection.turn_away("not a line card of this chassis");
            continue;
        };
        if let Err(error) = caller.try_send(connection) {
            error.into_inner().close("a newer connection is being taken up");
        }
    }
}

impl Way {
    /// One connection after the other; a newer one takes the place of the one before.
    async fn run(mut self, mut calls: mpsc::Receiver<DataConnection>) {
        let mut newer = None;
        loop {
            let next = match newer.take() {
                Some(connection) => Some(connection),
                None => calls.recv().await,
            };
            let Some(connection) = next else { return };
            tracing::info!(card = %self.id, "punt link up");
            let ended = tokio::select! {
                biased;
                call = calls.recv() => {
                    newer = call;
                    Ok(())
                }
                ended = self.carry(&connection) => ended,
            };
            connection.close("punt link ended");
            let why = ended.err().map(|error| error.to_string());
            tracing::info!(card = %self.id, "punt link down: {}", why.unwrap_or_default());
        }
    }

    /// One connection's life.
    async fn carry(&mut self, connection: &DataConnection) -> Result<(), FabricError> {
        // The card sends nothing before it sees this stream.
        let mut given = connection.open_cells().await?;
        let mut taken = connection.accept_cells().await?;
        let Self { slot, taken: queues, frames, counts, id } = self;
        let hand = Hand { counts, frames: Cell::new(0) };
        tokio::select! {
            ended = take(*slot, id, queues, counts, &mut taken) => ended,
            ended = give(frames, &hand, &mut given) => ended,
        }
    }
}

/// Frames that are being written: whatever ends that, they are not out.
struct Hand<'a> {
    counts: &'a Counts,
    frames: Cell<u64>,
}

impl Hand<'_> {
    fn put(&self, frames: u64) {
        self.frames.set(frames);
    }

    fn lost(&self, frames: u64) {
        lock(self.counts).not_injected += frames;
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        self.lost(self.frames.get());
    }
}

/// Reads what the card gives up until it ends its stream.
async fn take(
    slot: LcSlot,
    id: &CardId,
    queues: &Kinds<mpsc::Sender<Punted>>,
    counts: &Counts,
    cells: &mut CellReceiver,
) -> Result<(), FabricError> {
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    while let Some(count) = cells.read(&mut buffer[filled..]).await? {
        filled += count;
        match hand_over(slot, &buffer[..filled], queues, counts) {
            Ok(used) => {
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            Err(error) => {
                tracing::warn!(card = %id, "the card does not keep to the framing: {error}");
                cells.stop();
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Gives the whole records at the front of `bytes` to the owner; how many bytes they are.
fn hand_over(
    slot: LcSlot,
    bytes: &[u8],
    queues: &Kinds<mpsc::Sender<Punted>>,
    counts: &Counts,
) -> Result<usize, BadRecord> {
    let mut counts = lock(counts);
    let mut rest = bytes;
    while let Some((reason, record, after)) = cell::split_relay(rest)? {
        rest = after;
        // A reason of a later release is none that anything is done for.
        let Some(reason) = PuntReason::numbered(reason) else { continue };
        let port = PortId { slot, port: record[0] };
        let punted = Punted { port, reason, frame: record[RECORD_HEADER..].into() };
        match queues.of(reason).try_send(punted) {
            Ok(()) => counts.of(reason).passed += 1,
            Err(_) => counts.of(reason).lost += 1,
        }
    }
    Ok(bytes.len() - rest.len())
}

/// Writes frames as they come.
async fn give(
    frames: &mut mpsc::Receiver<Injected>,
    hand: &Hand<'_>,
    cells: &mut CellSender,
) -> Result<(), FabricError> {
    let mut buffer = Vec::with_capacity(WRITE + FRAME_MAX);
    while let Some(first) = frames.recv().await {
        let mut count = 0;
        let mut next = Some(first);
        while let Some(Injected { since, port, frame }) = next {
            if since.elapsed() < HOLD {
                cell::push(&mut buffer, port, &frame);
                count += 1;
            } else {
                hand.lost(1);
            }
            next = if buffer.len() < WRITE { frames.try_recv().ok() } else { None };
        }
        hand.put(count);
        cells.write_all(&buffer).await?;
        hand.put(0);
        buffer.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
