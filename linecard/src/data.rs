//! The data thread: wires, links, and the pipeline between them.
//!
//! One thread, one `current_thread` runtime, one task for each wire and link. They share `card::Card`, and
//! only [`forward_batch`](linecard_core::pipeline::forward_batch) touches packets. The control thread
//! publishes tables through a cell and says the rest by [`Command`]; the data thread answers with
//! [`DataEvent`]. Work is done a batch at a time: what one read brings is forwarded, then writers
//! take their turn. An idle card sleeps in the kernel.

mod card;
mod estate;
mod link;
mod pump;
mod punt;
mod queue;
mod tap;
mod wire;

pub use card::TablesCell;
pub use estate::{DataLeft, NotWhole};
pub use fabric_proto::outage::Dropped;

use card::{Card, Outlet};
use fabric::{
    FabricError,
    data::{DataConnection, DataEndpoint},
    impair::ImpairTable,
    tls::Identity,
};
use fabric_proto::{
    capture::{CaptureOrder, Captured},
    deploy::{CardConfig, WireEnd},
    flow::FlowSeed,
    id::{CardId, LcSlot, RpSlot, Slot, Unit},
    operator::DropOrder,
    platform::{Forwarding, NATIVE, Profile},
    time::Instant,
    trace::{TraceOrder, Traced},
};
use linecard_core::counters::Counters;
use link::{Mode, Peer, Reach};
use punt::PuntLink;
use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, UdpSocket},
    rc::Rc,
    thread,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinSet, LocalSet},
    time::timeout,
};
use wire::{Want, WireLeft};

/// What the control thread tells the data thread.
pub enum Command {
    /// Ports that are to be up; all others are shut down.
    Ports(Vec<u8>),
    /// The RP that packets are punted to from now on, if there is one.
    Punt(Option<RpSlot>),
    /// Report how things stand.
    Report(oneshot::Sender<DataReport>),
    /// Drop packets by a known measure; answered with the instant at which that began.
    Drop(DropOrder, oneshot::Sender<Instant>),
    /// Hand out copies of packets until nobody takes them; or say why not.
    Capture(CaptureOrder, mpsc::Sender<Captured>, oneshot::Sender<Result<Instant, String>>),
    /// Say what would become of a packet.
    Trace(TraceOrder, oneshot::Sender<Traced>),
    /// Count everything as `lc_resetting`, half-close wires and links, read what is under way, and end.
    Drain(oneshot::Sender<Counters>),
    /// Stop where nothing is in anybody's hands, and leave everything to whoever goes on. Answered when the thread has ended;
    /// or at once with why it goes on.
    Yield(oneshot::Sender<Result<Box<DataLeft>, String>>),
}

/// How the data plane stands.
#[derive(Default)]
pub struct DataReport {
    /// Counters.
    pub counters: Counters,
    /// Packets held.
    pub queued: u64,
    /// As in [`fabric_proto::operator::CardStats::unlinked`].
    pub unlinked: Vec<LcSlot>,
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
    left: DataLeft,
    forwarding: Forwarding,
    seed: FlowSeed,
    /// RPs, and where they take packets.
    rps: BTreeMap<RpSlot, (CardId, SocketAddr)>,
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
    /// Takes what the data thread needs out of the card's configuration. It goes on with what was left; where that is no
    /// more than counters, it begins.
    pub fn new(card: &CardConfig, identity: Identity, tables: TablesCell, left: DataLeft) -> Result<Self, DataError> {
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
        let rp = |address: &fabric_proto::deploy::CardAddress| match (address.slot, address.data) {
            (Slot::Rp(rp), Some(data)) => Some((rp, (CardId::card(&card.id.lab, &card.id.node, address.slot), data))),
            _ => None,
        };
        let rps = card.cards.iter().filter_map(rp).collect();
        let seed = FlowSeed::of(&card.id);
        Ok(Self { identity, address, wires: card.wires.clone(), peers, callers, tables, left, forwarding, seed, rps })
    }

    /// Starts the thread; returns when its endpoint is bound.
    pub async fn spawn(self) -> Result<DataHandle, DataError> {
        let (commands, inbox) = mpsc::channel(CHANNEL);
        let (outbox, events) = mpsc::channel(CHANNEL);
        let (ready, bound) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("data".to_owned()).spawn(move || {
            let local = LocalSet::new();
            let left = runtime.block_on(local.run_until(run(self, inbox, outbox, ready)));
            // Nothing of this thread touches a socket any more.
            drop((local, runtime));
            if let Some((left, reply)) = left {
                // Whoever asked has an end that takes care of itself.
                let _ = reply.send(Ok(left));
            }
        })?;
        let impair = bound.await.map_err(|_| io::Error::other("it ended at once"))??;
        Ok(DataHandle { commands, events, impair })
    }
}

/// What is left, and who wants it.
type Left = (Box<DataLeft>, oneshot::Sender<Result<Box<DataLeft>, String>>);

async fn run(
    config: DataConfig,
    mut inbox: mpsc::Receiver<Command>,
    events: mpsc::Sender<DataEvent>,
    ready: oneshot::Sender<Result<ImpairTable, FabricError>>,
) -> Option<Left> {
    let mut thread = match Thread::start(config, &events) {
        Ok(thread) => thread,
        Err(error) => {
            let _ = ready.send(Err(error));
            return None;
        }
    };
    let _ = ready.send(Ok(thread.endpoint.impair().clone()));
    let card = Rc::clone(&thread.card);
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Ports(up) => thread.set_ports(&up, &events),
            Command::Punt(active) => thread.punt_to(active),
            Command::Report(reply) => {
                let _ = reply.send(thread.report());
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
            Command::Capture(order, queue, reply) => {
                // An operator that has gone needs no answer, and takes no copies.
                let _ = reply.send(tap::start(&card, order, queue).map(|()| fabric::clock::now()));
            }
            Command::Trace(order, reply) => {
                let _ = reply.send(card.trace(&order));
            }
            Command::Yield(reply) => match thread.leave().await {
                Ok(left) => {
                    report_drop(&events, card.end_drop(fabric::clock::now()));
                    return Some((left, reply));
                }
                Err(why) => {
                    let _ = reply.send(Err(why));
                }
            },
            Command::Drain(reply) => {
                thread.drain().await;
                let _ = reply.send(card.counters().0);
                return None;
            }
        }
    }
    None
}

/// What runs on the data thread.
struct Thread {
    card: Rc<Card>,
    endpoint: DataEndpoint,
    /// The endpoint's socket, for whoever goes on with it.
    socket: UdpSocket,
    acceptor: AbortHandle,
    wants: BTreeMap<u8, watch::Sender<Want>>,
    wires: JoinSet<Option<WireLeft>>,
    links: JoinSet<()>,
    outlets: Vec<Outlet>,
    mode: watch::Sender<Mode>,
    yielded: mpsc::UnboundedReceiver<()>,
    rps: BTreeMap<RpSlot, (CardId, SocketAddr)>,
    punts: Option<PuntLink>,
}

impl Thread {
    fn start(config: DataConfig, events: &mpsc::Sender<DataEvent>) -> Result<Self, FabricError> {
        let DataLeft { counters, socket, ports, links: held } = config.left;
        let socket = match socket {
            Some(socket) => socket,
            None => fabric::udp(config.address)?,
        };
        let endpoint = DataEndpoint::on(&config.identity, &socket)?;
        endpoint.expect(config.callers);
        let card = Rc::new(Card::new(config.tables, counters, config.forwarding, config.seed));
        held.iter().for_each(|(outlet, unsent)| card.inherit(*outlet, unsent));
        let mut left = BTreeMap::new();
        for (wire, unsent) in ports {
            card.inherit(Outlet::Port(wire.port), &unsent);
            left.insert(wire.port, wire);
        }

        let (mut wants, mut wires, mut links) = (BTreeMap::new(), JoinSet::new(), JoinSet::new());
        for wire in config.wires {
            let left = left.remove(&wire.port);
            let (want, wanted) = watch::channel(if left.is_some() { Want::Up } else { Want::Down });
            wants.insert(wire.port, want);
            wires.spawn_local(wire::run(Rc::clone(&card), wire, left, wanted, events.clone()));
        }
        for port in left.into_keys() {
            // The configuration is another one than the wire's.
            card.close(Outlet::Port(port));
        }
        let (mode, wanted) = watch::channel(Mode::Run);
        let (ended, yielded) = mpsc::unbounded_channel();
        let (mut callers, mut outlets) = (Callers::default(), Vec::new());
        for peer in config.peers {
            let (sender, accepted) = mpsc::channel(1);
            if let Reach::Accept = peer.reach {
                callers.insert(peer.id.clone(), sender);
            }
            outlets.push(peer.outlet);
            let (endpoint, wanted, ended) = (endpoint.clone(), wanted.clone(), ended.clone());
            // The sender of a peer that is called is dropped: nothing is ever accepted from it.
            links.spawn_local(link::run(Rc::clone(&card), endpoint, peer, accepted, wanted, ended));
        }
        let acceptor = tokio::task::spawn_local(accept(endpoint.clone(), callers)).abort_handle();
        let rps = config.rps;
        Ok(Self { card, endpoint, socket, acceptor, wants, wires, links, outlets, mode, yielded, rps, punts: None })
    }

    /// What waits for the RP before waits in vain.
    fn punt_to(&mut self, active: Option<RpSlot>) {
        self.punts = None;
        if let Some((rp, address)) = active.and_then(|active| self.rps.get(&active)) {
            self.punts = Some(PuntLink::start(&self.card, &self.endpoint, rp.clone(), *address));
        }
    }

    fn set_ports(&self, up: &[u8], events: &mpsc::Sender<DataEvent>) {
        let unwired: Vec<u8> = up.iter().copied().filter(|port| !self.wants.contains_key(port)).collect();
        let events = events.clone();
        tokio::task::spawn_local(async move {
            for port in unwired {
                wire::report(&events, port, false).await;
            }
        });
        for (port, want) in &self.wants {
            let new = if up.contains(port) { Want::Up } else { Want::Down };
            // A repetition must not disturb a port that is just connecting.
            want.send_if_modified(|want| std::mem::replace(want, new) != new);
        }
    }

    fn report(&self) -> DataReport {
        let (counters, queued) = self.card.counters();
        DataReport { counters, queued, unlinked: self.card.unlinked(&self.outlets) }
    }

    async fn drain(&mut self) {
        self.card.begin_reset();
        self.punts = None;
        self.mode.send_replace(Mode::End);
        for want in self.wants.values() {
            want.send_replace(Want::End);
        }
        let all = async {
            while self.wires.join_next().await.is_some() {}
            while self.links.join_next().await.is_some() {}
        };
        if timeout(DRAIN_ALL, all).await.is_err() {
            tracing::warn!("some wires or links did not end in time");
        }
        self.acceptor.abort();
        self.endpoint.close("line card ends");
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
