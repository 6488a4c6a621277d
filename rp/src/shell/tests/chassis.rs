//! A chassis on a simulated network: the real shells of two RPs and two line cards, an operator.

use super::{
    data,
    seen::Seen,
    socket::{BUFFER, Socket},
};
use crate::{
    nvram::Nvram,
    shell::{End, Shell},
};
use arc_swap::ArcSwap;
use fabric::{
    clock,
    control::{Connection, ControlEndpoint, Receiver, Sender},
    tls::{Authority, Identity},
};
use fabric_proto::{
    codec::Class,
    deploy::{CardAddress, CardConfig, INITIAL_CONFIG, RedundancyTimers, TlsFiles},
    flow::FlowSeed,
    id::{CardId, Epoch, LcSlot, RpSlot, Slot},
    operator::{Reply, Request},
    platform::NATIVE,
    time::Instant,
};
use linecard::control::{Control, End as LineCardEnd};
use linecard_core::linecard::{LineCard, LineCardConfig, STALE_TIME};
use rp_core::rp::{Boot, Rp};
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

pub(super) const RPS: [RpSlot; 2] = [RpSlot::A, RpSlot::B];
pub(super) const CARDS: [LcSlot; 2] = [LcSlot(1), LcSlot(2)];
/// Every card of the chassis.
pub(super) const SLOTS: [Slot; 4] = [Slot::Rp(RPS[0]), Slot::Rp(RPS[1]), Slot::Lc(CARDS[0]), Slot::Lc(CARDS[1])];
/// How long a card that is alive takes to say how it stands, and to have a change saved by a slow disk.
const WATCHED: Duration = Duration::from_millis(200);
const CONFIGURED: Duration = Duration::from_secs(4);
const TIMERS: RedundancyTimers = RedundancyTimers { heartbeat_ms: 50, switchover_ms: 300 };
const CONFIG: &str = "hostname pe1\nredundancy\n mode sso\n!\n\
    interface 1/1\n ip address 10.1.1.1 255.255.255.0\n no shutdown\n!\n\
    interface 2/1\n ip address 10.2.1.1 255.255.255.0\n no shutdown\n!\n\
    arp 10.1.1.10 0200.0101.0010 arpa\nip route 203.0.113.0 255.255.255.0 10.1.1.10\n";

/// Where everything is.
struct Plan {
    dir: TempDir,
    identities: BTreeMap<CardId, Identity>,
    seen: RefCell<Seen>,
    /// Lines of configuration that the operator has yet to bring in.
    orders: RefCell<VecDeque<String>>,
    /// What the operator has yet to ask of an RP, and the last answer.
    demand: RefCell<Option<(RpSlot, Request)>>,
    answer: RefCell<Option<Reply>>,
}

/// The chassis, and the network that it is on.
pub(super) struct Chassis {
    sim: turmoil::Sim<'static>,
    plan: Rc<Plan>,
    /// Cards that a fault ended.
    down: Vec<Slot>,
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
        let all = SLOTS.into_iter().map(id).chain([operator_id()]);
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
        Self {
            dir,
            identities,
            seen: RefCell::default(),
            orders: RefCell::default(),
            demand: RefCell::default(),
            answer: RefCell::default(),
        }
    }

    async fn endpoint(&self, identity: &Identity, address: SocketAddr) -> ControlEndpoint {
        let socket = Socket::bind(address.port()).await.unwrap();
        ControlEndpoint::over(identity, address, Arc::new(socket), BUFFER).unwrap()
    }

    fn config(&self, own: Slot) -> CardConfig {
        let cards = SLOTS.into_iter().filter(|slot| *slot != own);
        CardConfig {
            id: id(own),
            control: control(own),
            data: None,
            tls: files(self.dir.path(), &id(own)),
            image: "none".into(),
            nvram: self.dir.path().join(own.to_string()),
            cards: cards.map(|slot| CardAddress { slot, control: control(slot), data: None, legacy: false }).collect(),
            redundancy: TIMERS,
            wires: Vec::new(),
            releases: Vec::new(),
            feeds: Vec::new(),
            table: None,
            platform: NATIVE.name.to_owned(),
            modelled: false,
            base_mac: Default::default(),
        }
    }

    /// One run of an RP's program.
    async fn route_processor(&self, slot: RpSlot) -> anyhow::Result<()> {
        let config = self.config(Slot::Rp(slot));
        let nvram = Nvram::open(&config.nvram)?;
        let now = clock::now();
        let boot = Boot {
            slot,
            boot: now.0,
            release: "1.0".to_owned(),
            issu: Default::default(),
            profile: &NATIVE,
            modelled: false,
            legacy: Default::default(),
            timers: TIMERS,
            startup: nvram.startup()?,
            last_term: nvram.term()?,
            upgrade: nvram.upgrade()?.map(Into::into),
            line_cards: CARDS.to_vec(),
            base_mac: Default::default(),
            flow_seed: FlowSeed::of(&config.id),
            releases: Vec::new(),
            feeds: 0,
            life: self.seen.borrow_mut().lives.remove(&slot).unwrap_or_default(),
            clock_offset: 0,
        };
        let rp = Rp::new(now, boot);
        let identity = self.identities[&config.id].clone().speaking(rp.offer());
        let endpoint = self.endpoint(&identity, config.control).await;
        let end = Shell::run(config, slot, "1.0".to_owned(), now.0, nvram, endpoint, None, rp).await?;
        let mut seen = self.seen.borrow_mut();
        seen.restarts += 1;
        if let End::Restart(life) = end {
            seen.lives.insert(slot, life);
        }
        Ok(())
    }

    /// One run of a line card's program: its control side.
    async fn line_card(&self, slot: LcSlot) -> anyhow::Result<()> {
        let config = self.config(Slot::Lc(slot));
        let endpoint = self.endpoint(&self.identities[&config.id], config.control).await;
        let life = self.seen.borrow_mut().line_card_lives.remove(&slot).unwrap_or_default();
        let boot = clock::now().0;
        let machine = LineCard::new(LineCardConfig { slot, boot, highest: life.highest, stale_time: STALE_TIME });
        let tables = Arc::new(ArcSwap::new(Arc::clone(machine.tables())));
        self.seen.borrow_mut().begins(slot, Arc::clone(&tables));
        let control = Control::new(config, "1.0".to_owned(), boot, machine, tables, data::side(), endpoint, life);
        let end = control.run().await?;
        if let LineCardEnd::Restart(life) = end {
            self.seen.borrow_mut().line_card_lives.insert(slot, *life);
        }
        Ok(())
    }

    /// Asks every card how it stands, and the active to change its configuration.
    async fn operator(&self) {
        let own = SocketAddr::new(Ipv4Addr::new(192, 168, 1, 1).into(), 7000);
        let endpoint = &self.endpoint(&self.identities[&operator_id()], own).await;
        let [a, b, one, two] = SLOTS.map(|slot| self.watch(endpoint, slot));
        tokio::join!(a, b, one, two, self.configure(endpoint), self.demand(endpoint));
    }

    async fn demand(&self, endpoint: &ControlEndpoint) {
        loop {
            let demand = self.demand.borrow().clone();
            if let Some((slot, request)) = demand
                && let Some(mut session) = Session::open(endpoint, Slot::Rp(slot)).await
            {
                let answer = session.ask(request, WATCHED).await;
                session.connection.close("answered");
                if answer.is_some() {
                    *self.demand.borrow_mut() = None;
                    *self.answer.borrow_mut() = answer;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn watch(&self, endpoint: &ControlEndpoint, slot: Slot) {
        loop {
            if let Some(mut session) = Session::open(endpoint, slot).await {
                while let Some(Reply::Stats(stats)) = session.ask(Request::Stats, WATCHED).await {
                    self.seen.borrow_mut().heard(slot, *stats);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                session.connection.close("no answer");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn configure(&self, endpoint: &ControlEndpoint) {
        loop {
            let order = self.orders.borrow().front().cloned();
            let active = self.seen.borrow().active();
            if let (Some(order), Some(active)) = (order, active) {
                let mut taken = false;
                if let Some(mut session) = Session::open(endpoint, Slot::Rp(active)).await {
                    for line in ["configure terminal", &order, "end"] {
                        let answer = session.ask(Request::Exec(line.to_owned()), CONFIGURED).await;
                        taken = matches!(answer, Some(Reply::Output(output)) if !output.failed);
                        if !taken {
                            break;
                        }
                    }
                    session.connection.close("configured");
                }
                if taken {
                    self.orders.borrow_mut().pop_front();
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// An operator's session with a card.
struct Session {
    connection: Connection,
    sender: Sender,
    receiver: Receiver,
}

impl Session {
    async fn open(endpoint: &ControlEndpoint, slot: Slot) -> Option<Self> {
        let connection = endpoint.connect(&id(slot), control(slot)).await.ok()?;
        let (sender, receiver) = connection.open(Class::Operator).await.ok()?;
        Some(Self { connection, sender, receiver })
    }

    async fn ask(&mut self, request: Request, limit: Duration) -> Option<Reply> {
        self.sender.send(&request).await.ok()?;
        tokio::time::timeout(limit, self.receiver.recv()).await.ok()?.ok()?
    }
}

fn files(dir: &Path, id: &CardId) -> TlsFiles {
    let name = id.to_string().replace('/', "-");
    TlsFiles { ca: dir.join("ca.pem"), cert: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) }
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
                async move { plan.line_card(lc).await.map_err(Into::into) }
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
        for slot in SLOTS {
            if !self.down.contains(&slot) && !self.sim.is_host_running(at(slot)) {
                self.sim.bounce(at(slot));
            }
        }
        self.plan.seen.borrow_mut().look();
        let broken = &self.plan.seen.borrow().broken;
        assert!(broken.is_empty(), "at {:?}: {broken:?}", self.sim.elapsed());
    }

    /// Has the operator bring in a line of configuration, and waits until the active has acknowledged it.
    pub(super) fn configure(&mut self, line: String) {
        self.plan.orders.borrow_mut().push_back(line);
        let plan = Rc::clone(&self.plan);
        self.until(Duration::from_secs(8), "a change is acknowledged", |_| plan.orders.borrow().is_empty());
    }

    /// Makes an RP's disk slow.
    pub(super) fn slow_disk(&self, rp: RpSlot, by: Duration) {
        self.nvram(rp).slow_down(by);
    }

    /// What an RP would start with.
    pub(super) fn startup(&self, rp: RpSlot) -> String {
        self.nvram(rp).startup().unwrap().unwrap()
    }

    fn nvram(&self, rp: RpSlot) -> Nvram {
        Nvram::open(&self.plan.dir.path().join(rp.to_string())).unwrap()
    }

    /// Has the operator ask something of an RP that is there, and waits for its answer.
    pub(super) fn ask(&mut self, slot: RpSlot, request: Request) -> Reply {
        *self.plan.demand.borrow_mut() = Some((slot, request));
        let plan = Rc::clone(&self.plan);
        self.until(Duration::from_secs(3), "an operator is answered", |_| plan.demand.borrow().is_none());
        plan.answer.borrow_mut().take().unwrap()
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
        self.plan.seen.borrow_mut().is_whole_again();
        active.unwrap()
    }

    /// The epoch that every line card obeys, if they agree.
    pub(super) fn term(&self) -> Option<Epoch> {
        let seen = self.seen();
        let mut epochs = CARDS.iter().map(|slot| seen.line_cards.get(slot).map(|(_, card)| card.epoch));
        let first = epochs.next()?;
        epochs.all(|epoch| epoch == first).then_some(first).flatten()
    }

    pub(super) fn kill(&mut self, slot: Slot) {
        self.down.push(slot);
        self.sim.crash(at(slot));
        self.plan.seen.borrow_mut().ends(slot);
    }

    pub(super) fn start(&mut self, slot: Slot) {
        self.down.retain(|down| *down != slot);
        self.sim.bounce(at(slot));
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
