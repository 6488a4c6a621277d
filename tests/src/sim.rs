//! A whole chassis without sockets: the real machines of two or three RPs and of line cards, a route feed, disks,
//! and a simulated fabric with virtual time.
//!
//! A run is a function of its seed: the seed decides every delay, every lost heartbeat, and when which fault strikes.
//! Checkers that share nothing with the code under test look on after every event (`check.rs`); [`World::settled`] says
//! what must be true once things are quiet.
//!
//! * `clock.rs`: clocks that run apart; `disk.rs`: writes that tear, fsync that lies
//! * `fabric.rs`: connections, streams, partitions; `wire.rs`: messages as bytes, in the version of two releases
//! * `cards.rs`: what the shells of the cards do; `wires.rs`: which ports have carrier; `feed.rs`: the peer that announces routes
//! * `packets.rs`: packets with bytes, and seats for neighbours at the ends of wires; `neighbours.rs`: a load, and who counts
//!   it; `probe.rs`: packets whose way is watched
//! * `hands.rs`: what an RP asks its shell for, said in `rp_core::rp::Shell`
//! * `check.rs`: what must never be; `reference.rs`: what the tables must hold, computed in the simplest way
//! * `upgrade.rs`: software upgrades end, one way or another
//! * `schedule.rs`: schedules of faults out of a seed; `vpn.rs`: what release 1.0 has no words for; `life.rs`: lives them; `shrink.rs`: the shortest one that still fails; `story.rs`: told to a person

mod cards;
mod check;
mod clock;
mod disk;
mod fabric;
mod feed;
mod hands;
mod life;
mod neighbours;
mod packets;
mod probe;
mod reference;
mod schedule;
mod shrink;
mod story;
mod upgrade;
mod vpn;
mod wire;
mod wires;

pub use check::Violation;
pub use fabric::Pair;
pub use life::{Fault, Kind, Life, Outcome, Step, Tally, Wait, Way, Who};
pub use neighbours::{Heard, Sink, Source};
pub use packets::{Neighbour, PacketCounts};
pub use shrink::shrink;
pub use story::tell;

use cards::{LcNode, OPERATOR, RpNode, flow_seed};
use check::Checker;
use fabric::{Connection, Parcel};
use fabric_proto::{
    fib::{Path, Prefix},
    id::{LcSlot, PortId, RpSlot, Slot},
    machine::Machine as _,
    operator::{CommandOutput, EventKind, RpStats},
    platform::{NATIVE, Profile},
    time::Instant,
};
use feed::Feed;
use linecard_core::{
    linecard::Output as LcOutput,
    pipeline::{Verdict, forward},
};
use rp_core::rp::Output as RpOutput;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    net::IpAddr,
    time::Duration,
};

/// How the simulated fabric treats what is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Longest delay of a message; every one takes between a tenth of it and all of it.
    pub delay: Duration,
    /// Probability that a heartbeat is lost.
    pub heartbeat_loss: f64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { delay: Duration::from_millis(2), heartbeat_loss: 0.0 }
    }
}

/// What a chassis is built of.
#[derive(Clone, Debug)]
pub struct Chassis {
    /// What its family does.
    pub profile: &'static Profile,
    /// Line cards of an older kind.
    pub legacy: BTreeSet<LcSlot>,
    /// Route processors: 2 or 3.
    pub rps: usize,
    /// Line cards.
    pub line_cards: u8,
    /// The startup configuration that it is deployed with.
    pub startup: String,
    /// What the feed announces.
    pub routes: Vec<(Prefix, Vec<IpAddr>)>,
    /// Between heartbeats.
    pub heartbeat: Duration,
    /// Silence after which a peer is dead.
    pub switchover: Duration,
    /// How far each RP's clock runs from true time, parts per million.
    pub drift_ppm: [i32; 3],
    /// Whether line cards' routes are compared one by one at every update, and not only at rest.
    pub deep: bool,
}

impl Chassis {
    /// An ordinary one: of swact's own family, with two RPs, clocks that are right, and everything looked at.
    pub fn new(line_cards: u8, startup: String, routes: Vec<(Prefix, Vec<IpAddr>)>) -> Self {
        Self {
            profile: &NATIVE,
            legacy: BTreeSet::new(),
            rps: 2,
            line_cards,
            startup,
            routes,
            heartbeat: Duration::from_millis(50),
            switchover: Duration::from_millis(300),
            drift_ppm: [0; 3],
            deep: true,
        }
    }
}

/// What happened, as the cards log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Instant,
    /// Where.
    pub slot: Slot,
    /// What.
    pub event: EventKind,
}

/// What is kept of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A hash of everything that was delivered.
    Hash,
    /// The cards' logs too.
    Story,
    /// Every delivery in words.
    Everything,
}

/// A chassis and everything around it.
pub struct World {
    now: Instant,
    random: Random,
    weather: Weather,
    heartbeat: Duration,
    switchover: Duration,
    rps: Vec<RpNode>,
    lcs: Vec<LcNode>,
    feed: Feed,
    queue: BinaryHeap<Reverse<(Instant, u64, u32)>>,
    parcels: Vec<Option<Parcel>>,
    free: Vec<u32>,
    order: u64,
    connections: Vec<Option<Connection>>,
    /// Ends of connections that have not noticed yet that theirs is over.
    unnoticed: Vec<(Pair, u64, Slot)>,
    /// Pairs between which nothing passes in one direction, and what streams hold back meanwhile.
    cut: Vec<(Pair, bool)>,
    held: Vec<(Pair, bool, fabric::Stream, Parcel)>,
    slow: Vec<Duration>,
    /// Ports whose wire is pulled.
    pulled: BTreeSet<PortId>,
    /// The RP that dies after this many more outputs, and whether its power goes too.
    fuse: Option<(RpSlot, u32, bool)>,
    /// Records that go by before one arrives as nobody's.
    garbled: Option<u32>,
    /// Resets that were wished and are not done yet.
    resets: u32,
    /// When the last of them will be done.
    backplane: Instant,
    /// Faults that have not ended yet.
    lasting: u32,
    /// One has ended since the chassis was last at rest.
    disturbed: bool,
    /// One fault struck a chassis at rest: it must be whole again without an operator.
    unaided: bool,
    record: Record,
    story: Vec<Line>,
    recording: Vec<String>,
    hash: u64,
    events: u64,
    /// Steps until a chassis that is not at rest by then never will be.
    patience: u64,
    checker: Checker,
    profile: &'static Profile,
    legacy: BTreeSet<LcSlot>,
    packets: packets::Packets,
    rp_out: Vec<Vec<RpOutput>>,
    lc_out: Vec<Vec<LcOutput>>,
}

/// Whose deadline it is.
#[derive(Clone, Copy, Debug)]
enum Timer {
    Card(Slot),
    Neighbour(PortId),
}

/// Most steps that machines take between a fault and rest: a hundred times what they do take.
const RESTLESS: u64 = 400_000;

/// SplitMix64: small, fast, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        fabric_proto::random::next(&mut self.0)
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.draw() % n.max(1)
    }

    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && (self.draw() >> 11) as f64 / (1u64 << 53) as f64 > 1.0 - probability
    }
}

impl World {
    /// A chassis of two RPs and `line_cards` cards whose feed announces `routes`, all of it just switched on.
    pub fn new(seed: u64, startup: &str, line_cards: u8, routes: Vec<(Prefix, Vec<IpAddr>)>) -> Self {
        let chassis = Chassis::new(line_cards, startup.to_owned(), routes);
        Self::build(seed, &chassis, Record::Story)
    }

    /// A chassis, just switched on.
    pub fn build(seed: u64, chassis: &Chassis, record: Record) -> Self {
        let slots: Vec<LcSlot> = (1..=chassis.line_cards).map(LcSlot).collect();
        let rps = RpSlot::ALL.into_iter().take(chassis.rps);
        let mut random = Random(seed);
        let mut world = Self {
            now: Instant::from_millis(1),
            weather: Weather::default(),
            heartbeat: chassis.heartbeat,
            switchover: chassis.switchover,
            rps: rps.map(|slot| RpNode::new(slot, chassis, &slots, random.below(1 << 40))).collect(),
            lcs: slots.iter().map(|slot| LcNode::new(*slot)).collect(),
            random,
            feed: Feed::new(chassis.routes.clone()),
            queue: BinaryHeap::new(),
            parcels: Vec::new(),
            free: Vec::new(),
            order: 0,
            connections: (0..Pair::count(slots.len())).map(|_| None).collect(),
            unnoticed: Vec::new(),
            cut: Vec::new(),
            held: Vec::new(),
            slow: vec![Duration::ZERO; slots.len()],
            pulled: BTreeSet::new(),
            fuse: None,
            garbled: None,
            resets: 0,
            backplane: Instant::default(),
            lasting: 0,
            disturbed: false,
            unaided: false,
            record,
            story: Vec::new(),
            recording: Vec::new(),
            hash: 0,
            events: 0,
            patience: u64::MAX,
            checker: Checker::new(chassis, slots.len()),
            profile: chassis.profile,
            legacy: chassis.legacy.clone(),
            packets: packets::Packets::default(),
            rp_out: Vec::new(),
            lc_out: Vec::new(),
        };
        for index in 0..world.rps.len() {
            world.power_on(Slot::Rp(RpSlot::ALL[index]), Duration::ZERO);
        }
        for slot in slots {
            world.power_on(Slot::Lc(slot), Duration::ZERO);
        }
        world
    }

    fn power_on(&mut self, card: Slot, after: Duration) {
        let delay = after + Duration::from_micros(self.random.below(5_000));
        self.boot_in(delay, card);
    }

    /// Changes how the fabric behaves from here on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// The true time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Everything that was logged so far.
    pub fn story(&self) -> &[Line] {
        &self.story
    }

    /// Every delivery in words, where that is recorded.
    pub fn recording(&self) -> &[String] {
        &self.recording
    }

    /// A hash of every delivery: two runs that agree in it did the same.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Steps of machines so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Switchovers so far, whatever became of them.
    pub fn switchovers(&self) -> u64 {
        self.checker.switchovers
    }

    /// A random number out of the run's seed.
    pub fn dice(&mut self, below: u64) -> u64 {
        self.random.below(below)
    }

    /// Lets time pass until `limit` after now, or until `done`. The first thing that must never be ends it.
    pub fn run(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> Result<bool, Violation> {
        let end = self.now + limit;
        loop {
            if let Some(violation) = self.checker.violation.take() {
                return Err(violation);
            }
            if self.events > self.patience {
                return Err(Violation(format!("a wait has no end: {RESTLESS} steps without rest")));
            }
            if done(self) {
                return Ok(true);
            }
            let parcel = self.queue.peek().map(|Reverse((at, ..))| *at);
            let timer = self.next_timer();
            let timer_first = match (parcel, timer) {
                (Some(parcel), Some((timer, _))) => timer < parcel,
                (None, timer) => timer.is_some(),
                (Some(_), None) => false,
            };
            let next = if timer_first { timer.map(|(at, _)| at) } else { parcel };
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return Ok(done(self));
            };
            self.now = self.now.max(next);
            if timer_first {
                if let Some((_, timer)) = timer {
                    self.wake(timer);
                }
            } else if let Some(Reverse((.., index))) = self.queue.pop()
                && let Some(parcel) = self.parcels[index as usize].take()
            {
                self.free.push(index);
                self.deliver(parcel);
            }
        }
    }

    /// Whose deadline is next, in true time.
    fn next_timer(&self) -> Option<(Instant, Timer)> {
        let rps = self.rps.iter().filter_map(|node| Some((node.due?, Timer::Card(Slot::Rp(node.slot)))));
        let lcs = self.lcs.iter().filter_map(|node| Some((node.due?, Timer::Card(Slot::Lc(node.slot)))));
        let seats = self.packets.next_timer().map(|(at, port)| (at, Timer::Neighbour(port)));
        rps.chain(lcs).chain(seats).min_by_key(|(at, _)| *at)
    }

    /// The RP that holds the active role, if there is exactly one.
    pub fn active(&self) -> Option<RpSlot> {
        let mut active = self.rps.iter().filter(|node| node.active).map(|node| node.slot);
        match (active.next(), active.next()) {
            (Some(slot), None) => Some(slot),
            _ => None,
        }
    }

    /// How an RP stands; `None` while it is dead.
    pub fn rp(&self, slot: RpSlot) -> Option<RpStats> {
        self.rps.get(slot.index())?.stats()
    }

    /// SIGKILL: an RP is gone from one instant to the next. Only the chassis brings it back.
    pub fn kill_rp(&mut self, slot: RpSlot) {
        self.end_rp(slot, None);
    }

    /// An RP loses its power: what was not on its disk is lost too.
    pub fn power_cut(&mut self, slot: RpSlot) {
        self.end_rp(slot, None);
        let node = &mut self.rps[slot.index()];
        node.disk.power_cut(&mut self.random);
    }

    /// The operator starts an RP that is dead.
    pub fn restart_rp(&mut self, slot: RpSlot) {
        self.end_rp(slot, Some(Duration::from_millis(1)));
    }

    /// An RP dies after `outputs` more things that its shell has done: in the middle of a step, of a save.
    pub fn light_fuse(&mut self, slot: RpSlot, outputs: u32, power: bool) {
        self.fuse = Some((slot, outputs, power));
    }

    /// After `records` more, a checkpoint record arrives as one of a client that the standby does not have.
    pub fn garble(&mut self, records: u32) {
        self.garbled = Some(records);
    }

    /// Whether an RP's disk says that data is safe when it is not.
    pub fn set_lying_fsync(&mut self, slot: RpSlot, lies: bool) {
        let node = &mut self.rps[slot.index()];
        node.disk.set_lying(lies);
        node.ever_lied |= lies;
    }

    /// A line card takes this long for every message from here on.
    pub fn slow_card(&mut self, slot: LcSlot, each: Duration) {
        if let Some(slow) = self.slow.get_mut(usize::from(slot.0) - 1) {
            *slow = each;
        }
    }

    /// A line of the command line on an RP.
    pub fn exec(&mut self, slot: RpSlot, lines: &[&str]) -> Vec<CommandOutput> {
        self.exec_as(slot, OPERATOR, lines)
    }

    /// The same in a session of this number.
    pub fn exec_as(&mut self, slot: RpSlot, session: u64, lines: &[&str]) -> Vec<CommandOutput> {
        let mut printed = Vec::new();
        for line in lines {
            let Some(output) = self.line(slot, session, line) else { break };
            printed.push(output);
        }
        printed
    }

    /// The path that a line card gives an address.
    pub fn lookup(&self, slot: LcSlot, address: IpAddr) -> Option<Vec<Path>> {
        let table = self.lcs.get(usize::from(slot.0) - 1)?.card.as_ref()?.fib().table();
        let (_, id) = table.lookup(address)?;
        Some(table.paths(id)?.paths().to_vec())
    }

    /// What a line card makes of a frame that arrives on one of its ports.
    pub fn forward(&self, slot: LcSlot, port: u8, frame: &mut [u8]) -> Option<Verdict> {
        let card = self.lcs.get(usize::from(slot.0) - 1)?.card.as_ref()?;
        let all = 0..frame.len();
        Some(forward(frame, all, port, card.tables(), flow_seed(Slot::Lc(slot))).0)
    }

    /// Steps a machine at its deadline.
    fn wake(&mut self, timer: Timer) {
        match timer {
            Timer::Card(Slot::Rp(slot)) => self.step_rp(slot, None),
            Timer::Card(Slot::Lc(slot)) => self.step_lc(slot, None),
            Timer::Neighbour(port) => self.step_neighbour(port, None),
        }
    }

    fn step_rp(&mut self, slot: RpSlot, input: Option<rp_core::rp::Input>) {
        let node = &mut self.rps[slot.index()];
        let Some(rp) = &mut node.rp else { return };
        self.events += 1;
        let mut out = self.rp_out.pop().unwrap_or_default();
        rp.step(node.clock.local(self.now), input, &mut out);
        node.look(self.now);
        // Before anything of it is done: a crash in the middle must not make the checkers blind.
        self.check_rp(slot, &out);
        self.obey_rp(slot, &mut out);
        out.clear();
        self.rp_out.push(out);
    }

    fn step_lc(&mut self, slot: LcSlot, input: Option<linecard_core::linecard::Input>) {
        let node = &mut self.lcs[usize::from(slot.0) - 1];
        let Some(card) = &mut node.card else { return };
        self.events += 1;
        let mut out = self.lc_out.pop().unwrap_or_default();
        card.step(self.now, input, &mut out);
        node.due = card.deadline();
        self.check_lc(slot);
        self.obey_lc(slot, &mut out);
        out.clear();
        self.lc_out.push(out);
    }

    fn note(&mut self, slot: Slot, event: EventKind) {
        if self.record != Record::Hash {
            self.story.push(Line { at: self.now, slot, event });
        }
    }

    /// Adds to the recording: the hash always, words where they are wanted.
    fn trace(&mut self, code: u64, words: impl FnOnce() -> String) {
        self.hash = (self.hash ^ code ^ self.now.0).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        if self.record == Record::Everything {
            self.recording.push(format!("{} {}", self.now, words()));
        }
    }

    /// Every message that is on its way or held back.
    fn under_way(&self) -> usize {
        self.queue.len() + self.held.len()
    }

    fn standing(&self) -> BTreeMap<RpSlot, String> {
        let state = |node: &RpNode| match &node.rp {
            Some(_) if node.paused => "paused".to_owned(),
            Some(rp) => rp.redundancy().state.to_string(),
            None => "dead".to_owned(),
        };
        self.rps.iter().map(|node| (node.slot, state(node))).collect()
    }
}
