//! The owner loop: wait → step → perform. Nothing else changes the route processor.

mod answers;
mod hands;
mod wake;

pub(crate) use wake::Ask;

use crate::{
    coredump,
    crash::{Course, Crash},
    data::{Data, Punts},
    links::{self, Inputs, Link, ToPeer},
    nvram::Nvram,
    operator,
    writer::Writer,
};
use fabric::{
    card::{Events, telemetry::Telemetry},
    control::{Connection, ControlEndpoint},
};
use fabric_proto::{
    checkpoint::CfMessage,
    deploy::{CardAddress, CardConfig},
    feed::ToFeed,
    id::{CardId, LcSlot, RpSlot, Slot, Unit},
    linecard::ToLc,
    machine::Machine as _,
    operator::EventKind,
    redundancy::RfMessage,
    time::Instant,
};
use rp_core::rp::{self, Input, NextLife, Output, Rp};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::mpsc;
use wake::{Rest, Wake};

/// Roles, line cards and operators: small messages, handled in microseconds each.
const URGENT: usize = 1024;
/// Routes and checkpoints: a feed message takes the owner about a millisecond, so that a full queue
/// is worth a tenth of a second, and QUIC's flow control holds back the rest.
const BULK: usize = 64;
/// Between two attempts to reach the peer.
const REDIAL: Duration = Duration::from_millis(20);

/// A step that takes this long is worth a line in the log: it is a good part of a heartbeat interval.
const LONG_STEP: Duration = Duration::from_millis(20);

/// The route processor and everything it holds on to.
pub(crate) struct Shell {
    rp: Rp,
    config: CardConfig,
    slot: RpSlot,
    release: String,
    boot: u64,
    nvram: Nvram,
    /// Where an experiment wants this program to die.
    crash: Option<Crash>,
    endpoint: ControlEndpoint,
    events: Events,
    inputs: Inputs,
    data: Option<Data>,
    peer: Option<Link<ToPeer>>,
    /// The one attempt to reach the peer that is under way: two would end as two connections, of which each side
    /// might keep another one.
    dialling: Option<tokio::task::AbortHandle>,
    line_cards: BTreeMap<LcSlot, Link<ToLc>>,
    feed: Option<Link<ToFeed>>,
    connections: mpsc::Sender<(Connection, bool)>,
    /// Of the step that is being performed: events have it.
    now: Instant,
    writer: Writer,
    /// What the checkpointing facility says while NVRAM is written: what it confirms is saved first. Its windows bound it.
    held: Vec<CfMessage>,
    /// Answers to commands that changed the configuration: an operator session waits for each, so that they are few.
    unacknowledged: Vec<answers::Unacknowledged>,
    /// Answers that take their time, by session: each waits for its own.
    asking: BTreeMap<u64, answers::Asking>,
}

/// What becomes of the process.
pub(crate) type End = fabric::card::End<NextLife>;

impl Shell {
    /// Runs the route processor until it ends.
    #[allow(clippy::too_many_arguments, reason = "the parts of a card, put together once")]
    pub(crate) async fn run(
        config: CardConfig,
        slot: RpSlot,
        release: String,
        boot: u64,
        nvram: Nvram,
        endpoint: ControlEndpoint,
        data: Option<(Data, Punts)>,
        mut rp: Rp,
    ) -> anyhow::Result<End> {
        let (urgent, mut from_urgent) = mpsc::channel(URGENT);
        let (bulk, from_bulk) = mpsc::channel(BULK);
        let (asks, mut from_asks) = mpsc::channel(URGENT);
        let (connections, mut from_connections) = mpsc::channel(8);
        let events = Events::traced(Vec::new(), Telemetry::new(&config.id, &release, Instant(boot)));
        let inputs = Inputs { urgent, bulk };
        let (data, punts) = data.unzip();
        if data.is_some() {
            rp.link_host();
        }
        let mut rest = Rest::new(from_bulk, punts);
        let (writer, mut from_writer) = Writer::start(nvram.clone());
        tokio::spawn(accept(endpoint.clone(), config.id.clone(), asks, connections.clone(), events.clone()));
        let mut shell = Self {
            rp,
            config,
            slot,
            release,
            boot,
            crash: nvram.armed().map(Crash::at),
            nvram,
            now: fabric::clock::now(),
            writer,
            held: Vec::new(),
            endpoint,
            events,
            inputs,
            data,
            peer: None,
            dialling: None,
            line_cards: BTreeMap::new(),
            feed: None,
            connections,
            unacknowledged: Vec::new(),
            asking: BTreeMap::new(),
        };
        shell.events.push(fabric::clock::now(), EventKind::Booted { release: shell.release.clone() });
        shell.dial_peer();
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        fabric::card::process::outlive_starter()?;
        let mut quit = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::quit())?;
        let mut out = Vec::new();
        let mut now = fabric::clock::now();
        let reason = loop {
            let wait = wake::until(shell.rp.deadline(), now);
            // Biased: heartbeats, which come first on the urgent queue, are never starved by routes.
            let wake = tokio::select! {
                biased;
                _ = terminate.recv() => Wake::Stop,
                _ = quit.recv() => Wake::Crash,
                Some((connection, dialled)) = from_connections.recv() => Wake::Peer(connection, dialled),
                Some(input) = from_urgent.recv() => Wake::Input(input),
                Some(ask) = from_asks.recv() => Wake::Ask(ask),
                Some(written) = from_writer.recv() => Wake::Written(written),
                () = wait => Wake::Deadline,
                wake = rest.next() => wake,
            };
            now = fabric::clock::now();
            shell.now = now;
            let what = wake.name();
            if let Wake::Input(input) = &wake
                && shell.crash.is_some_and(|crash| crash.on_input(now, input))
            {
                shell.nvram.crash()?;
            }
            let stepped = match wake {
                Wake::Stop => {
                    shell.writer.finish(&mut from_writer).await;
                    return Ok(End::Stop);
                }
                Wake::Crash => Err("software-forced crash".to_owned()),
                wake => coredump::guard(|| shell.step(now, wake, &mut out)),
            };
            if let Err(reason) = stepped {
                break reason;
            }
            if let Some(end) = shell.perform(&mut out).await? {
                shell.writer.finish(&mut from_writer).await;
                return Ok(end);
            }
            shell.acknowledge();
            shell.complain_of(what);
        };
        shell.crashed(&reason)?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(End::Stop),
                () = tokio::time::sleep(coredump::RESET_WAIT) => return Ok(End::Restart(NextLife::Cold)),
                Some((connection, dialled)) = from_connections.recv() => shell.take_peer(connection, dialled),
                Some(input) = from_urgent.recv() => shell.after_crash(&input),
                // Nobody is there to read these, and to leave them would stop the link to the peer.
                () = rest.skip() => {}
                Some(_) = from_asks.recv() => {}
            }
        }
    }

    /// Logs a step that was long.
    fn complain_of(&self, what: &str) {
        let step = fabric::clock::now().since(self.now);
        if step > LONG_STEP {
            tracing::warn!(?step, what, "a long step: heartbeats had to wait");
        }
    }

    /// Hands one input to the machine.
    fn step(&mut self, now: Instant, wake: Wake, out: &mut Vec<Output>) {
        match wake {
            Wake::Deadline => self.rp.step(now, None, out),
            Wake::Input(input) => {
                let lost = matches!(input, Input::PeerLost);
                self.rp.step(now, Some(input), out);
                // The machine may have known no peer yet, and ask for nothing: the link is the shell's to keep.
                if lost {
                    self.renew_peer();
                }
            }
            Wake::Ask(ask) => self.answer(now, ask, out),
            Wake::Peer(connection, dialled) => self.take_peer(connection, dialled),
            Wake::Punts(packets) => {
                let packets = packets.iter().map(|packet| rp::Punted {
                    port: packet.port,
                    reason: packet.reason,
                    frame: &packet.frame,
                });
                self.rp.punted(now, packets, out);
            }
            Wake::Written(written) => self.written(now, written),
            // The loop has ended before these.
            Wake::Crash | Wake::Stop => {}
        }
    }

    fn take_peer(&mut self, connection: Connection, dialled: bool) {
        self.forget_peer();
        self.peer = Some(links::peer(connection, dialled, self.inputs.clone()));
        self.stop_dialling();
    }

    /// What waited for the disk was meant for this connection and no other.
    fn forget_peer(&mut self) {
        self.peer = None;
        self.held.clear();
    }

    /// Forgets a link that has ended, and looks for the peer again.
    fn renew_peer(&mut self) {
        if self.peer.as_ref().is_some_and(Link::is_over) {
            self.forget_peer();
            self.dial_peer();
        }
    }

    /// The machine is gone: tell the peer, serve nobody any more, dump the core.
    fn crashed(&mut self, reason: &str) -> anyhow::Result<()> {
        self.tell_peer(ToPeer::Redundancy(RfMessage::Crashed { reason: reason.to_owned() }));
        self.line_cards.clear();
        self.feed = None;
        if let Some(data) = &self.data {
            data.end();
        }
        self.log(format!("%SYS-2-CRASH: {reason}: dumping core"));
        let text = coredump::dump(&mut self.rp, self.slot, &self.release, self.boot, reason);
        let file = self.nvram.save_crashinfo(self.slot, self.boot, &text)?;
        self.log(format!("%SYS-5-COREDUMP: {} bytes written to {}", text.len(), file.display()));
        self.tell_peer(ToPeer::Redundancy(RfMessage::CrashdumpDone));
        Ok(())
    }

    /// After a crash only one thing is of interest: whether the peer can be told that the core is dumped.
    fn after_crash(&mut self, input: &Input) {
        match input {
            Input::PeerConnected(_) => self.tell_peer(ToPeer::Redundancy(RfMessage::CrashdumpDone)),
            Input::PeerLost => self.renew_peer(),
            _ => {}
        }
    }

    fn log(&self, line: String) {
        tracing::error!("{line}");
        self.events.push(fabric::clock::now(), EventKind::Log { line });
    }

    /// Carries out what the machine asked for, in order.
    async fn perform(&mut self, out: &mut Vec<Output>) -> anyhow::Result<Option<End>> {
        let now = self.now;
        for output in out.drain(..) {
            match self.crash.as_mut().map_or(Course::Go, |crash| crash.on_output(now, &output)) {
                Course::Go => {}
                Course::Hold => continue,
                Course::Crash => self.nvram.crash()?,
            }
            if let Output::Restart(life) = output {
                // What was said last (a refusal, a goodbye) is worth a moment: the links send it
                // before the endpoint closes.
                if let Some(data) = &self.data {
                    data.end();
                }
                self.endpoint.close("restarting");
                let _ = tokio::time::timeout(Duration::from_millis(50), self.endpoint.closed()).await;
                return Ok(Some(End::Restart(life)));
            }
            output.perform(self)?;
        }
        Ok(None)
    }

    fn tell_peer(&mut self, message: ToPeer) {
        if self.peer.as_ref().is_some_and(|peer| !peer.send(message)) {
            tracing::warn!("the peer does not read: connection dropped");
            self.forget_peer();
            self.dial_peer();
        }
    }

    /// Slot A dials, slot B waits to be dialled: one connection is enough.
    fn dial_peer(&mut self) {
        self.stop_dialling();
        let Some(peer) = self.slot.peer().filter(|peer| self.slot < *peer) else { return };
        let Some(address) = self.address_of(Slot::Rp(peer)).map(|card| card.control) else { return };
        let id = CardId { unit: Unit::Card(Slot::Rp(peer)), ..self.config.id.clone() };
        let (endpoint, connections) = (self.endpoint.clone(), self.connections.clone());
        let task = tokio::spawn(async move {
            while !connections.is_closed() {
                if let Ok(connection) = endpoint.connect(&id, address).await {
                    let _ = connections.send((connection, true)).await;
                    return;
                }
                tokio::time::sleep(REDIAL).await;
            }
        });
        self.dialling = Some(task.abort_handle());
    }

    fn stop_dialling(&mut self) {
        if let Some(task) = self.dialling.take() {
            task.abort();
        }
    }

    fn address_of(&self, slot: Slot) -> Option<&CardAddress> {
        self.config.cards.iter().find(|card| card.slot == slot)
    }

    fn dial_feed(&mut self) {
        self.feed = self.config.feeds.first().map(|feed| {
            links::dial(
                self.endpoint.clone(),
                feed.id.clone(),
                feed.control,
                self.inputs.bulk.clone(),
                links::feed_input,
            )
        });
    }

    fn dial_line_card(&mut self, slot: LcSlot) {
        let Some(card) = self.address_of(Slot::Lc(slot)) else { return };
        let id = CardId { unit: Unit::Card(Slot::Lc(slot)), ..self.config.id.clone() };
        let link = links::dial(
            self.endpoint.clone(),
            id,
            card.control,
            self.inputs.urgent.clone(),
            links::line_card_input(slot),
        );
        self.line_cards.insert(slot, link);
    }
}

/// Sorts out who has connected: the peer RP, an operator, or nobody who has any business here.
async fn accept(
    endpoint: ControlEndpoint,
    me: CardId,
    asks: mpsc::Sender<Ask>,
    peers: mpsc::Sender<(Connection, bool)>,
    events: Events,
) {
    while let Some(connection) = endpoint.accept().await {
        let peer = connection.peer().clone();
        match peer.unit {
            Unit::Operator => {
                tokio::spawn(operator::serve(connection, asks.clone(), events.clone()));
            }
            Unit::Card(Slot::Rp(_)) if peer.node == me.node => {
                if peers.send((connection, false)).await.is_err() {
                    return;
                }
            }
            Unit::Card(_) | Unit::Tester | Unit::Linux => {
                tracing::warn!(%peer, "refused: only the peer RP and the operator may connect here");
                connection.turn_away("a route processor dials line cards and feeds itself");
            }
        }
    }
}

#[cfg(test)]
mod tests;
