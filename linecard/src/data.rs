//! The data thread: wires, links, and the pipeline between them.
//!
//! One thread, one `current_thread` runtime, one task for each wire and link. They share `card::Card`, and
//! only [`forward_batch`](linecard_core::pipeline::forward_batch) touches packets. The control thread
//! publishes tables through a cell and says the rest by [`Command`]; the data thread answers with
//! [`DataEvent`]. Work is done a batch at a time: what one read brings is forwarded, then writers
//! take their turn. An idle card sleeps in the kernel.

mod card;
mod fault;
mod link;
mod pump;
mod queue;
mod wire;

pub use card::TablesCell;
pub use fault::Dropped;

use card::{Card, Outlet};
use fabric::{
    FabricError,
    data::{DataConnection, DataEndpoint},
    impair::ImpairTable,
    tls::Identity,
};
use fabric_proto::{
    deploy::{CardConfig, WireEnd},
    flow::FlowSeed,
    id::{CardId, Slot, Unit},
    operator::DropOrder,
    platform::{Forwarding, NATIVE, Profile},
    time::Instant,
};
use linecard_core::counters::Counters;
use link::{Peer, Reach};
use std::{collections::BTreeMap, io, net::SocketAddr, rc::Rc, thread, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinSet, LocalSet},
    time::timeout,
};
use wire::Want;

/// What the control thread tells the data thread.
pub enum Command {
    /// Ports that are to be up; all others are shut down.
    Ports(Vec<u8>),
    /// Report the counters and the packets held.
    Counters(oneshot::Sender<(Counters, u64)>),
    /// Drop packets by a known measure; answered with the instant at which that began.
    Drop(DropOrder, oneshot::Sender<Instant>),
    /// Count everything as `lc_resetting`, half-close wires and links, read what is under way, and end.
    Drain(oneshot::Sender<Counters>),
}

/// What the data thread tells the control thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataEvent {
    /// A wire came up or went down.
    Port {
        /// Its port.
        port: u8,
        /// Whether it carries traffic.
        up: bool,
    },
    /// An injected drop is over.
    Dropped(Dropped),
}

/// The control thread's side.
pub struct DataHandle {
    /// To the data thread.
    pub commands: mpsc::Sender<Command>,
    /// From the data thread.
    pub events: mpsc::Receiver<DataEvent>,
    /// Impairment of cells.
    pub impair: ImpairTable,
}

/// What the data thread is made with.
pub struct DataConfig {
    identity: Identity,
    address: SocketAddr,
    wires: Vec<WireEnd>,
    peers: Vec<Peer>,
    /// Where callers that are known beforehand call from.
    callers: Vec<SocketAddr>,
    tables: TablesCell,
    counters: Counters,
    forwarding: Forwarding,
    seed: FlowSeed,
}

/// Why there is no data thread.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The configuration names no data endpoint.
    #[error("configuration: a line card needs a `data` address")]
    NoAddress,
    /// The thread or its runtime could not be made.
    #[error("cannot start the data thread: {0}")]
    Thread(#[from] io::Error),
    /// The endpoint could not be bound.
    #[error(transparent)]
    Fabric(#[from] FabricError),
}

/// Commands and events under way: more than a card has ports, so that nobody waits in practice.
const CHANNEL: usize = 512;

/// All tasks end within their own drain time; this is for a task that does not.
const DRAIN_ALL: Duration = Duration::from_millis(1500);

impl DataConfig {
    /// Takes what the data thread needs out of the card's configuration.
    pub fn new(
        card: &CardConfig,
        identity: Identity,
        tables: TablesCell,
        counters: Counters,
    ) -> Result<Self, DataError> {
        let address = card.data.ok_or(DataError::NoAddress)?;
        let own = card.lc();
        let forwarding = Profile::named(&card.platform).unwrap_or(&NATIVE).forwarding;
        let peer = |address: &fabric_proto::deploy::CardAddress| {
            let id = CardId::card(&card.id.lab, &card.id.node, address.slot);
            match (address.slot, address.data) {
                (Slot::Lc(slot), Some(data)) if Some(slot) != own => {
                    let reach = if Some(slot) > own { Reach::Dial(data) } else { Reach::Accept };
                    Some(Peer { outlet: Outlet::Link(slot.0), id, reach })
                }
                (Slot::Rp(rp), Some(_)) if forwarding.uses_rp() => {
                    Some(Peer { outlet: Outlet::Relay(rp.index() as u8), id, reach: Reach::Accept })
                }
                _ => None,
            }
        };
        let peers = card.cards.iter().filter_map(peer).collect();
        let callers = card.data_peers().collect();
        let seed = FlowSeed::of(&card.id);
        Ok(Self { identity, address, wires: card.wires.clone(), peers, callers, tables, counters, forwarding, seed })
    }

    /// Starts the thread; returns when its endpoint is bound.
    pub async fn spawn(self) -> Result<DataHandle, DataError> {
        let (commands, inbox) = mpsc::channel(CHANNEL);
        let (outbox, events) = mpsc::channel(CHANNEL);
        let (ready, bound) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("data".to_owned()).spawn(move || {
            let local = LocalSet::new();
            runtime.block_on(local.run_until(run(self, inbox, outbox, ready)));
        })?;
        let impair = bound.await.map_err(|_| io::Error::other("it ended at once"))??;
        Ok(DataHandle { commands, events, impair })
    }
}

async fn run(
    config: DataConfig,
    mut inbox: mpsc::Receiver<Command>,
    events: mpsc::Sender<DataEvent>,
    ready: oneshot::Sender<Result<ImpairTable, FabricError>>,
) {
    let endpoint = match DataEndpoint::bind(&config.identity, config.address) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    endpoint.expect(config.callers);
    let _ = ready.send(Ok(endpoint.impair().clone()));
    let card = Rc::new(Card::new(config.tables, config.counters, config.forwarding, config.seed));
    let mut tasks = JoinSet::new();
    let (ending, end) = watch::channel(false);

    let mut wants = BTreeMap::new();
    for wire in config.wires {
        let (want, wanted) = watch::channel(Want::Down);
        wants.insert(wire.port, want);
        tasks.spawn_local(wire::run(Rc::clone(&card), wire, wanted, events.clone()));
    }
    let mut callers = Callers::default();
    for peer in config.peers {
        let (sender, accepted) = mpsc::channel(1);
        if let Reach::Accept = peer.reach {
            callers.insert(peer.id.clone(), sender);
        }
        // The sender of a peer that is called is dropped: nothing is ever accepted from it.
        tasks.spawn_local(link::run(Rc::clone(&card), endpoint.clone(), peer, accepted, end.clone()));
    }
    let acceptor = tokio::task::spawn_local(accept(endpoint.clone(), callers));

    while let Some(command) = inbox.recv().await {
        match command {
            Command::Ports(up) => {
                let unwired: Vec<u8> = up.iter().copied().filter(|port| !wants.contains_key(port)).collect();
                let events = events.clone();
                tokio::task::spawn_local(async move {
                    for port in unwired {
                        wire::report(&events, port, false).await;
                    }
                });
                for (port, want) in &wants {
                    let new = if up.contains(port) { Want::Up } else { Want::Down };
                    // A repetition must not disturb a port that is just connecting.
                    want.send_if_modified(|want| std::mem::replace(want, new) != new);
                }
            }
            Command::Counters(reply) => {
                let _ = reply.send(card.counters());
            }
            Command::Drop(order, reply) => {
                let now = fabric::clock::now();
                report_drop(&events, card.begin_drop(now, order));
                // An operator that has gone needs no answer.
                let _ = reply.send(now);
                let life = Duration::from_nanos(order.for_ns);
                if order.every > 0 && !life.is_zero() {
                    let (card, events) = (Rc::clone(&card), events.clone());
                    tokio::task::spawn_local(async move {
                        tokio::time::sleep(life).await;
                        report_drop(&events, card.drop_over(fabric::clock::now()));
                    });
                }
            }
            Command::Drain(reply) => {
                card.begin_reset();
                ending.send_replace(true);
                for want in wants.values() {
                    want.send_replace(Want::End);
                }
                let all = async { while tasks.join_next().await.is_some() {} };
                if timeout(DRAIN_ALL, all).await.is_err() {
                    tracing::warn!("some wires or links did not end in time");
                }
                acceptor.abort();
                endpoint.close("line card ends");
                let _ = reply.send(card.counters().0);
                return;
            }
        }
    }
}

/// Tells of a drop that is over. The control thread has more pressing things when its queue is full.
fn report_drop(events: &mpsc::Sender<DataEvent>, dropped: Option<Dropped>) {
    if let Some(dropped) = dropped
        && events.try_send(DataEvent::Dropped(dropped)).is_err()
    {
        tracing::warn!(?dropped, "the end of an injected drop could not be told");
    }
}

/// Links that wait for their peer's call.
type Callers = BTreeMap<CardId, mpsc::Sender<DataConnection>>;

/// Gives each caller to its link.
async fn accept(endpoint: DataEndpoint, callers: Callers) {
    while let Some(connection) = endpoint.accept().await {
        let Some(link) = callers.get(connection.peer()) else {
            tracing::warn!(peer = %connection.peer(), "data connection refused: not a card that calls this one");
            connection.turn_away("not a card of this chassis that calls this one");
            continue;
        };
        debug_assert!(matches!(connection.peer().unit, Unit::Card(_)));
        if let Err(error) = link.try_send(connection) {
            error.into_inner().close("a newer connection is being taken up");
        }
    }
}
