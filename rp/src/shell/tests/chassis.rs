//! A chassis on a simulated network: the real shell of two RPs, the real machine of two line cards, an operator.

use super::socket::{BUFFER, Socket};
use crate::{
    nvram::Nvram,
    shell::{End, Shell},
};
use fabric::{
    clock,
    control::{ControlEndpoint, Receiver, Sender},
    tls::{Authority, Identity},
};
use fabric_proto::{
    codec::Class,
    deploy::{CardAddress, CardConfig, INITIAL_CONFIG, RedundancyTimers, TlsFiles},
    fib::Family,
    id::{CardId, Epoch, LcSlot, RpSlot, Slot, Unit},
    linecard::{FromLc, ToLc},
    machine::Machine as _,
    operator::{Reply, Request, RpStats},
    platform::NATIVE,
    time::Instant,
};
use linecard_core::linecard::{Input, LineCard, LineCardConfig, Output, STALE_TIME};
use rp_core::rp::{Boot, NextLife, Rp};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    rc::Rc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

const RPS: [RpSlot; 2] = [RpSlot::A, RpSlot::B];
const CARDS: [LcSlot; 2] = [LcSlot(1), LcSlot(2)];
const TIMERS: RedundancyTimers = RedundancyTimers { heartbeat_ms: 50, switchover_ms: 300 };
const CONFIG: &str = "hostname pe1\nredundancy\n mode sso\n!\n\
    interface 1/1\n ip address 10.1.1.1 255.255.255.0\n no shutdown\n!\n\
    interface 2/1\n ip address 10.2.1.1 255.255.255.0\n no shutdown\n!\n\
    arp 10.1.1.10 0200.0101.0010 arpa\nip route 203.0.113.0 255.255.255.0 10.1.1.10\n";

/// A destination that is forwarded from the first download on.
const DESTINATION: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

/// What was seen of the cards.
#[derive(Default)]
pub(super) struct Seen {
    /// What each RP says of itself, and when it said so last, in simulated time.
    pub(super) rps: BTreeMap<RpSlot, (Duration, RpStats)>,
    pub(super) cards: BTreeMap<LcSlot, Card>,
    /// Who claimed an epoch before a line card.
    pub(super) claims: BTreeMap<Epoch, RpSlot>,
    /// Promises broken.
    pub(super) broken: Vec<String>,
    lives: BTreeMap<RpSlot, NextLife>,
    /// Runs of RPs that ended by themselves.
    pub(super) restarts: u32,
}

/// A line card after its last step.
#[derive(Clone, Copy, Default)]
pub(super) struct Card {
    pub(super) epoch: Epoch,
    /// Its table is the active's, and nothing of it is stale.
    pub(super) in_sync: bool,
    /// It forwards to [`DESTINATION`].
    pub(super) forwards: bool,
}

/// Where everything is.
struct Plan {
    dir: TempDir,
    identities: BTreeMap<CardId, Identity>,
    seen: RefCell<Seen>,
}

/// The chassis, and the network that it is on.
pub(super) struct Chassis {
    sim: turmoil::Sim<'static>,
    plan: Rc<Plan>,
    /// RPs that a fault ended.
    down: Vec<RpSlot>,
}

pub(super) fn at(slot: Slot) -> IpAddr {
    let last = match slot {
        Slot::Rp(rp) => 10 + rp.index() as u8,
        Slot::Lc(lc) => 20 + lc.0,
    };
    Ipv4Addr::new(192, 168, 1, last).into()
}

fn control(slot: Slot) -> SocketAddr {
    SocketAddr::new(at(slot), 7000)
}

fn id(slot: Slot) -> CardId {
    CardId::card("sim", "pe1", slot)
}

fn operator_id() -> CardId {
    CardId::operator("sim")
}

impl Plan {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("sim").unwrap();
        authority.save(dir.path()).unwrap();
        let slots = RPS.map(Slot::Rp).into_iter().chain(CARDS.map(Slot::Lc));
        let all = slots.map(id).chain([operator_id()]);
        let identities = all.map(|id| {
            let files = files(dir.path(), &id);
            authority.issue(&id).unwrap().save(&files.cert, &files.key).unwrap();
            (id.clone(), Identity::load(&id, &files).unwrap())
        });
        let identities = identities.collect();
        for rp in RPS {
            let nvram = dir.path().join(rp.to_string());
            std::fs::create_dir(&nvram).unwrap();
            std::fs::write(nvram.join(INITIAL_CONFIG), CONFIG).unwrap();
        }
        Self { dir, identities, seen: RefCell::default() }
    }

    async fn endpoint(&self, id: &CardId, address: SocketAddr) -> ControlEndpoint {
        let socket = Socket::bind(address.port()).await.unwrap();
        ControlEndpoint::over(&self.identities[id], address, std::sync::Arc::new(socket), BUFFER).unwrap()
    }

    fn config(&self, rp: RpSlot) -> CardConfig {
        let slots = RPS.map(Slot::Rp).into_iter().chain(CARDS.map(Slot::Lc));
        let cards = slots.filter(|slot| *slot != Slot::Rp(rp));
        CardConfig {
            id: id(Slot::Rp(rp)),
            control: control(Slot::Rp(rp)),
            data: None,
            tls: files(self.dir.path(), &id(Slot::Rp(rp))),
            image: "none".into(),
            nvram: self.dir.path().join(rp.to_string()),
            cards: cards.map(|slot| CardAddress { slot, control: control(slot), data: None, legacy: false }).collect(),
            redundancy: TIMERS,
            wires: Vec::new(),
            feeds: Vec::new(),
            table: None,
            platform: NATIVE.name.to_owned(),
            modelled: false,
        }
    }

    /// One run of an RP's program.
    async fn route_processor(&self, slot: RpSlot) -> anyhow::Result<()> {
        let config = self.config(slot);
        let endpoint = self.endpoint(&config.id, config.control).await;
        let nvram = Nvram::open(&config.nvram)?;
        let now = clock::now();
        let boot = Boot {
            slot,
            boot: now.0,
            release: "1.0".to_owned(),
            profile: &NATIVE,
            modelled: false,
            legacy: Default::default(),
            timers: TIMERS,
            startup: nvram.startup()?,
            last_term: nvram.term()?,
            line_cards: CARDS.to_vec(),
            feeds: 0,
            life: self.seen.borrow_mut().lives.remove(&slot).unwrap_or_default(),
            clock_offset: 0,
        };
        let rp = Rp::new(now, boot);
        let end = Shell::run(config, slot, "1.0".to_owned(), now.0, nvram, endpoint, None, rp).await?;
        let mut seen = self.seen.borrow_mut();
        seen.restarts += 1;
        if let End::Restart(life) = end {
            seen.lives.insert(slot, life);
        }
        Ok(())
    }

    /// One run of a line card's program: its control side.
    async fn line_card(&self, slot: LcSlot) {
        let endpoint = self.endpoint(&id(Slot::Lc(slot)), control(Slot::Lc(slot))).await;
        let (inputs, mut inbox) = mpsc::unbounded_channel();
        tokio::spawn(accept(endpoint, inputs));
        let config = LineCardConfig { slot, boot: 1, highest: Epoch::NONE, stale_time: STALE_TIME };
        let mut card = LineCard::new(config);
        let mut sessions = BTreeMap::new();
        let mut out = Vec::new();
        loop {
            let now = clock::now();
            let wait = async {
                match card.deadline() {
                    Some(deadline) => tokio::time::sleep(deadline.since(now)).await,
                    None => std::future::pending().await,
                }
            };
            let input = tokio::select! {
                Some((input, sender)) = inbox.recv() => {
                    if let (Input::SessionUp { session, .. }, Some(sender)) = (&input, sender) {
                        let (queue, outgoing) = mpsc::unbounded_channel();
                        tokio::spawn(write(sender, outgoing));
                        sessions.insert(*session, queue);
                    }
                    Some(input)
                }
                () = wait => None,
            };
            if let Some(Input::Message { message: ToLc::Adopt { epoch, rp, .. }, .. }) = &input {
                self.seen.borrow_mut().claimed(*epoch, *rp);
            }
            card.step(clock::now(), input, &mut out);
            let mut in_sync = None;
            for output in out.drain(..) {
                match output {
                    Output::Send { session, message } => {
                        in_sync = match &message {
                            FromLc::InSync { .. } => Some(true),
                            FromLc::Adopted { .. } | FromLc::Digests(_) => Some(false),
                            _ => in_sync,
                        };
                        // A session whose reader has gone is noticed by its end.
                        let _ = sessions.get(&session).map(|queue: &mpsc::UnboundedSender<_>| queue.send(message));
                    }
                    Output::CloseSession { session } => {
                        sessions.remove(&session);
                    }
                    Output::Reset { reason } => self.seen.borrow_mut().broken.push(format!("{slot} resets: {reason}")),
                    Output::Publish(_) | Output::PortsChanged(_) | Output::Event(_) => {}
                }
            }
            self.seen.borrow_mut().stepped(slot, &card, in_sync);
        }
    }

    /// Asks every RP how it stands, again and again.
    async fn operator(&self) {
        let own = SocketAddr::new(Ipv4Addr::new(192, 168, 1, 1).into(), 7000);
        let endpoint = self.endpoint(&operator_id(), own).await;
        loop {
            for rp in RPS {
                let slot = Slot::Rp(rp);
                let Ok(connection) = endpoint.connect(&id(slot), control(slot)).await else { continue };
                let Ok((mut sender, mut receiver)) = connection.open(Class::Operator).await else { continue };
                if sender.send(&Request::Stats).await.is_ok()
                    && let Ok(Ok(Some(Reply::Stats(stats)))) =
                        tokio::time::timeout(Duration::from_millis(200), receiver.recv()).await
                    && let Some(stats) = stats.rp
                {
                    let now = turmoil::sim_elapsed().unwrap_or_default();
                    self.seen.borrow_mut().rps.insert(rp, (now, stats));
                }
                connection.close("seen");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn files(dir: &Path, id: &CardId) -> TlsFiles {
    let name = id.to_string().replace('/', "-");
    TlsFiles { ca: dir.join("ca.pem"), cert: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) }
}

/// Sessions of RPs, and what they say.
async fn accept(endpoint: ControlEndpoint, inputs: mpsc::UnboundedSender<(Input, Option<Sender>)>) {
    let mut last = 0;
    while let Some(connection) = endpoint.accept().await {
        let Unit::Card(Slot::Rp(rp)) = connection.peer().unit else { continue };
        last += 1;
        tokio::spawn(serve(connection, rp, last, inputs.clone()));
    }
}

async fn serve(
    connection: fabric::control::Connection,
    rp: RpSlot,
    session: u64,
    inputs: mpsc::UnboundedSender<(Input, Option<Sender>)>,
) {
    let Ok((Class::LineCard, sender, receiver)) = connection.accept_stream().await else { return };
    let _ = inputs.send((Input::SessionUp { session, rp }, Some(sender)));
    let mut receiver: Receiver = receiver;
    while let Ok(Some(message)) = receiver.recv::<ToLc>().await {
        let _ = inputs.send((Input::Message { session, message }, None));
    }
    let _ = inputs.send((Input::SessionDown { session }, None));
}

async fn write(mut sender: Sender, mut outgoing: mpsc::UnboundedReceiver<FromLc>) {
    while let Some(message) = outgoing.recv().await {
        if sender.send(&message).await.is_err() {
            return;
        }
    }
    sender.finished().await;
}

impl Seen {
    fn claimed(&mut self, epoch: Epoch, rp: RpSlot) {
        let owner = *self.claims.entry(epoch).or_insert(rp);
        if owner != rp {
            self.broken.push(format!("two actives at one epoch: {owner} and {rp} both claim {epoch}"));
        }
    }

    fn stepped(&mut self, slot: LcSlot, card: &LineCard, in_sync: Option<bool>) {
        let known = self.cards.entry(slot).or_default();
        if card.highest() < known.epoch {
            self.broken.push(format!(
                "an epoch shrinks: line card {slot} went from {} to {}",
                known.epoch,
                card.highest()
            ));
        }
        let table = card.fib().table();
        let forwards = table.lookup(DESTINATION).is_some();
        // The mode is SSO and no line card dies: what was forwarded once is forwarded ever after.
        if known.forwards && !forwards {
            self.broken.push(format!("packets are lost: line card {slot} has no route to {DESTINATION} any more"));
        }
        if in_sync == Some(true) && (card.fib().is_stale() || table.len(Family::V4) == 0) {
            self.broken.push(format!("line card {slot} vouches for a table that is stale or empty"));
        }
        *known = Card { epoch: card.highest(), in_sync: in_sync.unwrap_or(known.in_sync), forwards };
    }

    /// The RP that every line card follows with the active's table, where its standby is ready.
    fn whole(&self, since: Duration) -> Option<RpSlot> {
        let fresh = |slot: &RpSlot| self.rps.get(slot).filter(|(at, _)| *at >= since).map(|(_, stats)| stats);
        let stats = RPS.map(|slot| fresh(&slot));
        let [Some(a), Some(b)] = stats else { return None };
        let (slot, active) = match (a.active, b.active) {
            (true, false) => (RpSlot::A, a),
            (false, true) => (RpSlot::B, b),
            _ => return None,
        };
        let follows = |card: &Card| card.epoch == active.epoch && card.in_sync && card.forwards;
        (active.redundant && active.converged && active.operating == "sso" && self.cards.values().all(follows))
            .then_some(slot)
    }
}

impl Chassis {
    /// A chassis that has just been switched on; the seed decides every packet's delay.
    pub(super) fn new(seed: u64) -> Self {
        clock::simulate(Some(|| {
            // Not the beginning of time: a run is numbered by it.
            let elapsed = turmoil::sim_elapsed().unwrap_or_default();
            Instant(1 << 40) + elapsed
        }));
        let mut sim = turmoil::Builder::new()
            .simulation_duration(Duration::from_secs(600))
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::from_micros(100))
            .max_message_latency(Duration::from_millis(8))
            .udp_capacity(1 << 14)
            .enable_tokio_io()
            .rng_seed(seed)
            .build();
        let plan = Rc::new(Plan::new());
        for rp in RPS {
            let plan = Rc::clone(&plan);
            sim.host(at(Slot::Rp(rp)), move || {
                let plan = Rc::clone(&plan);
                async move { plan.route_processor(rp).await.map_err(Into::into) }
            });
        }
        for lc in CARDS {
            let plan = Rc::clone(&plan);
            sim.host(at(Slot::Lc(lc)), move || {
                let plan = Rc::clone(&plan);
                async move {
                    plan.line_card(lc).await;
                    Ok(())
                }
            });
        }
        let eyes = Rc::clone(&plan);
        sim.host(IpAddr::from([192, 168, 1, 1]), move || {
            let plan = Rc::clone(&eyes);
            async move {
                plan.operator().await;
                Ok(())
            }
        });
        Self { sim, plan, down: Vec::new() }
    }

    pub(super) fn seen(&self) -> std::cell::Ref<'_, Seen> {
        self.plan.seen.borrow()
    }

    /// Lets a millisecond pass. A program that has ended to begin anew does so.
    fn step(&mut self) {
        self.sim.step().unwrap();
        for rp in RPS {
            if !self.down.contains(&rp) && !self.sim.is_host_running(at(Slot::Rp(rp))) {
                self.sim.bounce(at(Slot::Rp(rp)));
            }
        }
        let broken = &self.plan.seen.borrow().broken;
        assert!(broken.is_empty(), "at {:?}: {broken:?}", self.sim.elapsed());
    }

    /// Lets time pass until `done`; a wait without an end fails.
    pub(super) fn until(&mut self, limit: Duration, what: &str, done: impl Fn(&Seen) -> bool) {
        let end = self.sim.elapsed() + limit;
        while !done(&self.plan.seen.borrow()) {
            let standing: Vec<_> = self.seen().rps.values().map(|(at, stats)| format!("{at:?} {stats:?}")).collect();
            assert!(self.sim.elapsed() < end, "{what}: not within {limit:?}; {standing:#?}");
            self.step();
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step();
        }
    }

    /// Waits until the chassis is whole; returns its active.
    pub(super) fn whole(&mut self) -> RpSlot {
        let since = self.sim.elapsed();
        self.until(Duration::from_secs(120), "the chassis is whole", |seen| seen.whole(since).is_some());
        let active = self.seen().whole(since);
        active.unwrap()
    }

    /// The highest epoch that every line card obeys, if they agree.
    pub(super) fn term(&self) -> Option<Epoch> {
        let seen = self.seen();
        let mut epochs = seen.cards.values().map(|card| card.epoch);
        let first = epochs.next()?;
        epochs.all(|epoch| epoch == first).then_some(first)
    }

    pub(super) fn kill(&mut self, rp: RpSlot) {
        self.down.push(rp);
        self.sim.crash(at(Slot::Rp(rp)));
    }

    pub(super) fn start(&mut self, rp: RpSlot) {
        self.down.retain(|down| *down != rp);
        self.sim.bounce(at(Slot::Rp(rp)));
    }

    pub(super) fn partition(&mut self, one: Slot, other: Slot) {
        self.sim.partition(at(one), at(other));
    }

    pub(super) fn repair(&mut self, one: Slot, other: Slot) {
        self.sim.repair(at(one), at(other));
    }

    /// Packets between two cards are held back from here on.
    pub(super) fn hold(&mut self, one: Slot, other: Slot) {
        self.sim.hold(at(one), at(other));
    }

    /// What was held back arrives, all of it.
    pub(super) fn release(&mut self, one: Slot, other: Slot) {
        self.sim.release(at(one), at(other));
    }
}
