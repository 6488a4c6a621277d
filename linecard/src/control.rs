//! The owner loop of the control side: wait → step → perform. Nothing else changes the line card.
//!
//! Every stream has a task that turns what arrives into a `Wake`; sessions with RPs have a second
//! one that sends. A stream's tasks end with it, or when its session is closed here.

mod heir;
mod operator;
mod peers;

pub use heir::{HeirLink, Yielded};

use crate::{
    data::{Command, DataEvent, DataHandle, DataReport, TablesCell},
    life::{EVENTS_KEPT, NextLife},
};
use fabric::{
    card::{
        Events,
        process::{cpu_ns, outlive_starter, refusals, resident_bytes},
        telemetry::Telemetry,
    },
    control::{ControlEndpoint, Receiver, Sender},
    impair::ImpairTable,
};
use fabric_proto::{
    capture::{CaptureOrder, Captured},
    deploy::{CardAddress, CardConfig},
    id::{RpSlot, Slot},
    linecard::ToLc,
    machine::Machine as _,
    operator::{CardStats, DropOrder, EventKind, Impairment, LcStats, PlaneSet},
    time::Instant,
    trace::{TraceOrder, Traced},
};
use heir::{Door, Word};
use linecard_core::linecard::{Input, LineCard, Output, SessionId};
use peers::Session;
use std::{collections::BTreeMap, future, net::SocketAddr, path::Path, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Messages that wait for the owner. An update takes it about a millisecond, so a full queue is worth
/// some tens of them, and QUIC's flow control holds back the rest.
const WAKES: usize = 64;

/// The data thread answers a drain within half a second; this is for one that has died.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Peers are told of the end, and not waited for: time for the packet that tells them to leave.
const FAREWELL: Duration = Duration::from_millis(2);

/// Everything that can wake the owner.
pub(crate) enum Wake {
    /// An RP opened a line-card stream.
    Session { rp: RpSlot, sender: Sender, receiver: Receiver },
    /// A message arrived.
    Message { session: SessionId, message: ToLc },
    /// A session's stream ended.
    Down { session: SessionId },
    /// An operator asks for counters and state.
    Stats { answer: oneshot::Sender<Box<CardStats>> },
    /// An operator sets an impairment.
    Impair { to: Option<Slot>, plane: PlaneSet, impairment: Impairment, answer: oneshot::Sender<Result<(), String>> },
    /// An operator orders packets to be dropped.
    Drop { order: DropOrder, answer: oneshot::Sender<Instant> },
    /// An operator wants copies of packets.
    Capture { order: CaptureOrder, queue: mpsc::Sender<Captured>, answer: oneshot::Sender<Result<Instant, String>> },
    /// An operator asks what becomes of a packet.
    Trace { order: TraceOrder, answer: oneshot::Sender<Traced> },
    /// A port's wire came up or went down, or an injected drop is over.
    Data(DataEvent),
    /// The machine's deadline has come.
    Deadline,
    /// A program that is to take this one's place has come, or has said something.
    Heir(Word),
    /// SIGTERM or SIGINT.
    Stop,
}

/// What becomes of the process.
#[derive(Debug)]
pub enum End {
    /// Leave.
    Stop,
    /// Start this program again, with this life ahead.
    Restart(Box<NextLife>),
    /// The card stands still: it is another program's, if that one takes it.
    Yield(Box<Yielded>),
}

/// The line card and everything it holds on to.
pub struct Control {
    config: CardConfig,
    release: String,
    boot: u64,
    resets: u32,
    machine: LineCard,
    tables: TablesCell,
    data: DataHandle,
    endpoint: ControlEndpoint,
    events: Events,
    sessions: BTreeMap<SessionId, Session>,
    last_session: SessionId,
    /// Whom the data thread was told to punt to.
    punts_to: Option<RpSlot>,
    door: Door,
    /// What its log begins with.
    first: EventKind,
}

impl Control {
    /// Puts the parts of a card together: `boot` is the instant at which it began, `tables` is what the data thread
    /// behind `data` forwards by, `life` what the card's last run left.
    #[allow(clippy::too_many_arguments, reason = "the parts of a card, put together once")]
    pub fn new(
        config: CardConfig,
        release: String,
        boot: u64,
        machine: LineCard,
        tables: TablesCell,
        data: DataHandle,
        endpoint: ControlEndpoint,
        life: NextLife,
    ) -> Self {
        let spans = Telemetry::new(&config.id, &release, Instant(boot));
        let first = EventKind::Booted { release: release.clone() };
        Self {
            config,
            release,
            boot,
            resets: life.resets,
            machine,
            tables,
            data,
            endpoint,
            events: Events::traced(life.events, spans),
            sessions: BTreeMap::new(),
            last_session: 0,
            punts_to: None,
            door: Door::default(),
            first,
        }
    }

    /// Programs that are to take this one's place are let in here. A folder that only this card is given is their
    /// authentication.
    #[must_use]
    pub fn heirs_at(self, path: &Path) -> Self {
        Self { door: Door::open(path), ..self }
    }

    /// The card did not boot, but goes on.
    #[must_use]
    pub fn going_on(self, line: String) -> Self {
        Self { first: EventKind::Log { line }, ..self }
    }

    /// Runs the card until it ends.
    pub async fn run(mut self) -> anyhow::Result<End> {
        let (wakes, mut inbox) = mpsc::channel(WAKES);
        tokio::spawn(peers::accept(self.endpoint.clone(), self.config.id.clone(), wakes.clone(), self.events.clone()));
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        outlive_starter()?;
        let mut now = fabric::clock::now();
        self.events.push(now, self.first.clone());
        let up = self.machine.ports_up();
        if !up.is_empty() && self.data.commands.send(Command::Ports(up)).await.is_err() {
            tracing::error!("the data thread has ended");
        }
        tracing::info!(card = %self.config.id, release = self.release, resets = self.resets, "line card runs");
        self.punt_to_active().await;
        let mut out = Vec::new();
        loop {
            let due = [self.machine.deadline(), self.door.deadline()].into_iter().flatten().min();
            let deadline = async {
                match due {
                    Some(due) => tokio::time::sleep(due.since(now)).await,
                    None => future::pending().await,
                }
            };
            let wake = tokio::select! {
                _ = terminate.recv() => Wake::Stop,
                _ = interrupt.recv() => Wake::Stop,
                Some(wake) = inbox.recv() => wake,
                Some(event) = self.data.events.recv() => Wake::Data(event),
                word = self.door.next() => Wake::Heir(word),
                () = deadline => Wake::Deadline,
            };
            now = fabric::clock::now();
            if let Wake::Stop = wake {
                self.drain("line card stops").await?;
                return Ok(End::Stop);
            }
            let (word, wake) = match wake {
                Wake::Heir(word) => (Some(word), Wake::Deadline),
                wake => (None, wake),
            };
            if let Wake::Deadline = wake
                && let Some(left) = self.hear_heir(now, word).await
            {
                return self.leave(*left).await.map(End::Yield);
            }
            self.step(now, wake, &wakes, &mut out);
            self.punt_to_active().await;
            for output in std::mem::take(&mut out) {
                if let Some(reason) = self.perform(now, output).await {
                    tracing::warn!(reason, "line card resets");
                    return self
                        .drain(&format!("line card resets: {reason}"))
                        .await
                        .map(|life| End::Restart(Box::new(life)));
                }
            }
        }
    }

    /// A card that obeys another RP now gives its packets to that one.
    async fn punt_to_active(&mut self) {
        let active = self.machine.active();
        if self.punts_to != active {
            self.punts_to = active;
            if self.data.commands.send(Command::Punt(active)).await.is_err() {
                tracing::error!("the data thread has ended");
            }
        }
    }

    fn step(&mut self, now: Instant, wake: Wake, wakes: &mpsc::Sender<Wake>, out: &mut Vec<Output>) {
        let input = match wake {
            Wake::Session { rp, sender, receiver } => {
                self.last_session += 1;
                let session = self.last_session;
                self.sessions.insert(session, Session::start(session, sender, receiver, wakes.clone()));
                Some(Input::SessionUp { session, rp })
            }
            Wake::Message { session, message } => Some(Input::Message { session, message }),
            Wake::Down { session } => {
                self.sessions.remove(&session);
                Some(Input::SessionDown { session })
            }
            Wake::Data(DataEvent::Port { port, up }) => Some(Input::PortState { port, up }),
            Wake::Data(DataEvent::Dropped(over)) => {
                self.events.push(now, over.into());
                return;
            }
            Wake::Drop { order, answer } => {
                // Not waited for: the data thread answers the operator itself.
                if self.data.commands.try_send(Command::Drop(order, answer)).is_err() {
                    tracing::warn!("the data thread takes no orders");
                }
                return;
            }
            // The data thread answers these, too.
            Wake::Capture { order, queue, answer } => {
                if self.data.commands.try_send(Command::Capture(order, queue, answer)).is_err() {
                    tracing::warn!("the data thread takes no captures");
                }
                return;
            }
            Wake::Trace { order, answer } => {
                if self.data.commands.try_send(Command::Trace(order, answer)).is_err() {
                    tracing::warn!("the data thread takes no questions");
                }
                return;
            }
            Wake::Deadline => None,
            Wake::Stats { answer } => return self.stats(answer),
            Wake::Impair { to, plane, impairment, answer } => {
                // An operator that has gone needs no answer.
                let _ = answer.send(self.impair(to, plane, impairment));
                return;
            }
            // Taken care of before this.
            Wake::Heir(_) | Wake::Stop => return,
        };
        self.machine.step(now, input, out);
    }

    /// Performs an output; the reason when the card is to reset.
    async fn perform(&mut self, now: Instant, output: Output) -> Option<String> {
        match output {
            Output::Send { session, message } => {
                let full = self.sessions.get(&session).is_some_and(|link| !link.send(message));
                if full && let Some(link) = self.sessions.remove(&session) {
                    tracing::warn!(session, "the RP has stopped reading: session closed");
                    link.cut();
                }
            }
            Output::CloseSession { session } => {
                if let Some(link) = self.sessions.remove(&session) {
                    link.close();
                }
            }
            Output::Publish(tables) => self.tables.store(tables),
            Output::PortsChanged(ports) => {
                let up = ports.iter().filter(|port| port.enabled).map(|port| port.port).collect();
                if self.data.commands.send(Command::Ports(up)).await.is_err() {
                    tracing::error!("the data thread has ended");
                }
            }
            Output::Reset { reason } => return Some(reason),
            Output::Event(kind) => {
                if let EventKind::Log { line } = &kind {
                    tracing::warn!("{line}");
                }
                self.events.push(now, kind);
            }
        }
        None
    }

    /// The control side's part at once, the data side's as soon as that thread gets to it.
    fn stats(&self, answer: oneshot::Sender<Box<CardStats>>) {
        let mut lc = LcStats { resets: self.resets, ..LcStats::default() };
        self.machine.report(&mut lc);
        let (boot, release) = (self.boot, self.release.clone());
        let (refusals, connections) = (refusals(), self.endpoint.connections() as u64);
        let commands = self.data.commands.clone();
        tokio::spawn(async move {
            let (reply, report) = oneshot::channel();
            if commands.send(Command::Report(reply)).await.is_err() {
                return;
            }
            if let Ok(DataReport { counters, queued, unlinked }) = report.await {
                counters.report(queued, &mut lc);
                let punts = counters.punts;
                let stats = CardStats {
                    boot,
                    release,
                    rp: None,
                    lc: Some(lc),
                    memory_bytes: resident_bytes(),
                    cpu_ns: cpu_ns(),
                    refusals,
                    connections,
                    unlinked,
                    punts,
                };
                // An operator that has gone needs no answer.
                let _ = answer.send(Box::new(stats));
            }
        });
    }

    fn impair(&self, to: Option<Slot>, plane: PlaneSet, impairment: Impairment) -> Result<(), String> {
        let card = match to {
            None => None,
            Some(slot) => {
                let known = self.config.cards.iter().find(|card| card.slot == slot);
                Some(known.ok_or_else(|| format!("there is no card in slot {slot}"))?)
            }
        };
        if let PlaneSet::Control | PlaneSet::Both = plane {
            impair_towards(self.endpoint.impair(), card, |card| Some(card.control), impairment);
        }
        if let PlaneSet::Data | PlaneSet::Both = plane {
            impair_towards(&self.data.impair, card, |card| card.data, impairment);
        }
        Ok(())
    }

    /// Ends both sides of the card, with every packet accounted for.
    async fn drain(&mut self, reason: &str) -> anyhow::Result<NextLife> {
        let (reply, drained) = oneshot::channel();
        let counters = async {
            self.data.commands.send(Command::Drain(reply)).await.ok()?;
            // Port events are of no interest any more, but their senders must not wait.
            let idle = async { while self.data.events.recv().await.is_some() {} };
            let (counters, ()) = tokio::join!(drained, idle);
            counters.ok()
        };
        let counters = timeout(DRAIN_MAX, counters).await.ok().flatten();
        let counters = counters.ok_or_else(|| anyhow::anyhow!("the data thread does not answer: counters are lost"))?;
        self.endpoint.close(reason);
        // Whoever has not heard of it finds out soon enough.
        let _ = timeout(FAREWELL, self.endpoint.closed()).await;
        Ok(NextLife {
            counters,
            highest: self.machine.highest(),
            resets: self.resets + 1,
            events: self.events.newest(EVENTS_KEPT),
        })
    }
}

/// A card without an endpoint on the plane has nothing to be impaired.
fn impair_towards(
    table: &ImpairTable,
    card: Option<&CardAddress>,
    address: impl Fn(&CardAddress) -> Option<SocketAddr>,
    impairment: Impairment,
) {
    match card.map(address) {
        None => table.set(None, impairment),
        Some(Some(address)) => table.set(Some(address), impairment),
        Some(None) => {}
    }
}
