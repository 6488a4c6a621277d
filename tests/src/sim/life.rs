//! A life: a chassis and a schedule of faults, both out of one seed.

use super::{
    Chassis, Pair, Random, Record, Violation, Weather, World, vpn,
    wire::{FIRST, LATEST, NEXT},
};
use fabric_proto::{
    id::{LcSlot, PortId, RpSlot, Slot},
    platform::Legacy,
    redundancy::Mode,
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// Longest time until a chassis that nothing disturbs is whole again. The longest chain of waits is a fenced unit's
/// minute alone, client notifications, and ten seconds for absent cards.
const REST: Duration = Duration::from_secs(240);

/// Longest time for which a fault lasts, a crash that was prepared lies in wait.
const FAULTS: Duration = Duration::from_secs(8);

/// How long a schedule waits for a takeover: an active that is dead or cut off is replaced by then.
const SOON: Duration = Duration::from_secs(2);

/// After this long, the operator starts what is dead and nobody else will start.
const OPERATOR: Duration = Duration::from_secs(20);

/// How much of everything a life has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Two RPs, two line cards, a handful of routes, mostly SSO, hundreds of switchovers.
    Light,
    /// Two or three RPs, many line cards, hundreds of routes, every fault, every mode.
    Heavy,
    /// As heavy, of a router family that is not swact's own; with cards of an older kind where it has any.
    Family,
}

/// Whom a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The active, or A while there is none.
    Active,
    /// The other one.
    Standby,
}

/// Which way nothing passes between two cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Neither way.
    Both,
    /// From the active, or from the RP.
    Out,
    /// To it.
    In,
}

/// What strikes a chassis. Durations are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// SIGKILL.
    Kill(Who),
    /// SIGKILL, and what was not synced to its disk may be lost or torn.
    PowerCut(Who),
    /// SIGKILL, or a power cut, in the middle of what it is doing: after this many more things done.
    DieAfter(Who, u32, bool),
    /// SIGSTOP, then SIGCONT.
    Pause(Who, u64),
    /// Nothing passes between the RPs.
    CutPeers(Way, u64),
    /// Nothing passes between an RP and a line card.
    CutCard(Who, LcSlot, Way, u64),
    /// The active hears nobody and nobody hears it.
    Isolate(u64),
    /// `redundancy force-switchover` on the active.
    Force,
    /// `reload`.
    Reload,
    /// `redundancy reload peer`.
    ReloadPeer,
    /// Another host name, and a static route added or removed.
    Configure {
        /// Which route: 0 to 5.
        route: u8,
        /// Whether it goes.
        remove: bool,
    },
    /// A VRF, subinterfaces and what is routed by them, added or removed: what release 1.0 has no words for.
    Vpn(bool),
    /// An interface is shut down or brought back.
    Shut(LcSlot, bool),
    /// `redundancy` `mode`.
    SetMode(Mode),
    /// `write memory`.
    Save,
    /// The wire of a line card's port is pulled, or plugged in again. The chassis may come to rest in between.
    Pull(LcSlot, bool),
    /// A line card is killed, and started again after a while.
    KillCard(LcSlot, u64),
    /// A line card's control side stands still for a while.
    PauseCard(LcSlot, u64),
    /// A line card takes this many microseconds for every message, for a while.
    SlowCard(LcSlot, u64, u64),
    /// `hw-module slot N reset`.
    ResetCard(LcSlot),
    /// A step of a software upgrade, as a command of the active; `<active>` and `<standby>` are the slots.
    Issu(&'static str),
    /// From its next start on, an RP runs this release.
    Image(Who, &'static str),
    /// The same for a line card.
    CardImage(LcSlot, &'static str),
    /// An RP's disk says that data is safe when it is not, or stops doing so.
    Lie(Who, bool),
    /// Delays and losses of heartbeats (percent), for a while.
    Storm(u64, u8, u64),
    /// So many checkpoint records later, one cannot be applied: it is of a client that the standby does not have.
    Garble(u32),
}

/// Until when a schedule waits before it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until the chassis is whole.
    Rest,
    /// For so many milliseconds.
    For(u64),
    /// For so many milliseconds after the next takeover, if there is one soon.
    Takeover(u64),
}

/// One step of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// First this.
    pub wait: Wait,
    /// Then that.
    pub fault: Fault,
}

/// What route processors run: 1.0 is beside nobody else compatible, the others are with each other.
pub(super) const RELEASES: [&str; 3] = [FIRST, LATEST, NEXT];

/// What a fault that lasts for a while undoes.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    Resume(RpSlot),
    ResumeCard(LcSlot),
    Uncut(Pair, Way),
    Unslow(LcSlot),
    Calm,
}

/// A chassis and what happens to it.
#[derive(Clone, Debug)]
pub struct Life {
    /// All of it comes from this.
    pub seed: u64,
    /// Its mode at deployment.
    pub mode: Mode,
    /// What it is built of.
    pub chassis: Chassis,
    /// The weather it lives in.
    pub weather: Weather,
    /// The schedule.
    pub steps: Vec<Step>,
}

/// What a life had in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Schedules run.
    pub lives: u64,
    /// Switchovers.
    pub switchovers: u64,
    /// Faults injected.
    pub faults: u64,
    /// Steps of machines.
    pub events: u64,
    /// Virtual milliseconds.
    pub virtual_ms: u64,
    /// Times that a chassis was found whole and everything in it compared.
    pub rests: u64,
    /// Times that a line card's tables were probed while a single fault struck a chassis in SSO.
    pub probes: u64,
    /// Configuration changes acknowledged.
    pub acknowledged: u64,
    /// Software upgrades: committed, and taken back.
    pub upgrades: [u64; 2],
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lives += other.lives;
        self.switchovers += other.switchovers;
        self.faults += other.faults;
        self.events += other.events;
        self.virtual_ms += other.virtual_ms;
        self.rests += other.rests;
        self.probes += other.probes;
        self.acknowledged += other.acknowledged;
        self.upgrades.iter_mut().zip(other.upgrades).for_each(|(sum, more)| *sum += more);
    }
}

/// How a life ended.
pub struct Outcome {
    /// What was violated, if anything was.
    pub violation: Option<Violation>,
    /// What it had in it.
    pub tally: Tally,
    /// The world at its end.
    pub world: World,
}

impl Life {
    /// The life that a seed stands for.
    pub fn new(seed: u64, kind: Kind) -> Self {
        let mut dice = Random(seed ^ 0x5eed);
        match kind {
            Kind::Light => Self::light(seed, &mut dice),
            Kind::Heavy => Self::heavy(seed, &mut dice),
            Kind::Family => Self::family(seed, &mut dice),
        }
    }

    /// Lives it.
    pub fn run(&self, record: Record) -> Outcome {
        let mut world = World::build(self.seed, &self.chassis, record);
        world.set_weather(self.weather);
        let mut tally = Tally { lives: 1, ..Tally::default() };
        // A machine that asserts is found out too.
        let lived = catch_unwind(AssertUnwindSafe(|| world.live(self, &mut tally)));
        let violation = match lived {
            Ok(lived) => lived.err(),
            Err(panic) => Some(Violation(format!("a machine panics: {}", words(panic.as_ref())))),
        };
        tally.switchovers = world.switchovers();
        tally.events = world.events();
        tally.virtual_ms = world.now().0 / 1_000_000;
        tally.probes = world.checker.guarded;
        tally.acknowledged = world.checker.acknowledgements;
        tally.upgrades = world.checker.upgrades;
        Outcome { violation, tally, world }
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("in silence")
}

impl Fault {
    /// Whether it strikes one RP, or what is between the two, and nothing else: SSO loses no packet by it.
    fn is_single(&self) -> bool {
        matches!(
            self,
            Self::Kill(_)
                | Self::PowerCut(_)
                | Self::DieAfter(..)
                | Self::Pause(..)
                | Self::CutPeers(..)
                | Self::Force
                | Self::ReloadPeer
                | Self::Issu(_)
                | Self::Save
        )
    }
}

impl World {
    fn live(&mut self, life: &Life, tally: &mut Tally) -> Result<(), Violation> {
        for step in &life.steps {
            match step.wait {
                Wait::Rest => {
                    self.rest()?;
                    tally.rests += 1;
                    self.unaided = step.fault.is_single();
                    let alone = step.fault.is_single() && !self.rolls_back_soon();
                    if self.operates(Mode::Sso) && alone && !self.resets_legacy() {
                        self.guard();
                    } else {
                        self.unguard();
                    }
                }
                Wait::For(ms) | Wait::Takeover(ms) => {
                    if let Wait::Takeover(_) = step.wait {
                        let before = self.switchovers();
                        self.run(SOON, |world| world.switchovers() > before)?;
                    }
                    self.run(Duration::from_millis(ms), |_| false)?;
                    // A second fault before the first one is over: SSO promises nothing any more.
                    self.unguard();
                    self.unaided = false;
                }
            }
            tally.faults += 1;
            let heir = self.heir(step);
            self.strike(&step.fault);
            if let Some(heir) = heir {
                self.takes_over_in_time(heir)?;
            }
        }
        self.set_weather(Weather::default());
        self.heal();
        self.unguard();
        self.unaided = false;
        self.rest()?;
        tally.rests += 1;
        self.upgrade_ends(life)
    }

    /// The RP that must take over from an active that is killed at rest, where the standby need not boot for it.
    fn heir(&self, step: &Step) -> Option<RpSlot> {
        let killed = matches!(step.fault, Fault::Kill(Who::Active) | Fault::PowerCut(Who::Active));
        let ready = killed && step.wait == Wait::Rest && !self.operates(Mode::Hsa);
        self.active().filter(|_| ready)?.peer()
    }

    /// Within the switchover timer and one heartbeat, as its own clock counts them.
    fn takes_over_in_time(&mut self, heir: RpSlot) -> Result<(), Violation> {
        let limit = (self.switchover + self.heartbeat + self.weather.delay * 2) * 11 / 10;
        if self.run(limit, |world| world.active() == Some(heir))? {
            return Ok(());
        }
        Err(Violation(format!("a takeover is late: {heir} is not active {limit:?} after the active was killed")))
    }

    /// Whether a switchover resets line cards even in SSO: those of an older kind.
    fn resets_legacy(&self) -> bool {
        matches!(self.profile.legacy, Legacy::Resets { .. }) && !self.legacy.is_empty()
    }

    fn operates(&self, mode: Mode) -> bool {
        let operating = |slot: RpSlot| self.rps[slot.index()].rp.as_ref().map(|rp| rp.redundancy().operating);
        self.active().and_then(operating) == Some(mode)
    }

    /// Waits until the chassis is whole. Every wait has an end; so has this.
    pub fn rest(&mut self) -> Result<(), Violation> {
        self.patience = self.events + super::RESTLESS;
        // What was begun ends first: a fault that lasts, a crash to come, a command on its way to a line card.
        self.run(FAULTS, |world| world.lasting == 0 && world.fuse.is_none())?;
        self.fuse = None;
        self.garbled = None;
        // What lasted may show only when a timer runs out.
        let quiet = if std::mem::take(&mut self.disturbed) {
            (self.switchover + self.heartbeat * 2) * 11 / 10
        } else {
            Duration::ZERO
        };
        self.run(quiet + self.weather.delay * 3, |_| false)?;
        if !self.run(OPERATOR, |world| world.is_settled())? {
            if self.unaided {
                let why = self.settled().err().map_or_else(String::new, |violation| violation.0);
                return Err(Violation(format!("the chassis does not restore its redundancy after one fault: {why}")));
            }
            // Both may be dead by now, or one may never have been known to the other: nobody else starts them.
            for slot in [RpSlot::A, RpSlot::B] {
                if self.rps[slot.index()].rp.is_none() {
                    self.restart_rp(slot);
                }
            }
            if !self.run(REST, |world| world.is_settled())? {
                let why = self.settled().err().map_or_else(|| "settled late".to_owned(), |violation| violation.0);
                return Err(Violation(format!("a wait has no end: after {} s {why}", REST.as_secs())));
            }
        }
        self.rested();
        self.patience = u64::MAX;
        Ok(())
    }

    fn at(&self, who: Who) -> RpSlot {
        let active = self.active().unwrap_or(RpSlot::A);
        match who {
            Who::Active => active,
            Who::Standby => active.peer().unwrap_or(RpSlot::B),
        }
    }

    /// Lets a fault strike now.
    pub fn strike(&mut self, fault: &Fault) {
        self.trace(14, || format!("{fault:?}"));
        let ms = Duration::from_millis;
        match *fault {
            Fault::Kill(who) => self.kill_rp(self.at(who)),
            Fault::PowerCut(who) => self.power_cut(self.at(who)),
            Fault::DieAfter(who, outputs, power) => self.light_fuse(self.at(who), outputs, power),
            Fault::Pause(who, time) => {
                let slot = self.at(who);
                self.pause_rp(slot, true);
                self.later(ms(time), Undo::Resume(slot));
            }
            Fault::CutPeers(way, time) => {
                let way = self.seen_from_a(way);
                self.cut_for(Pair::Peers, way, ms(time));
            }
            Fault::CutCard(who, lc, way, time) => self.cut_for(Pair::Card(self.at(who), lc), way, ms(time)),
            Fault::Isolate(time) => {
                let active = self.at(Who::Active);
                self.cut_for(Pair::Peers, Way::Both, ms(time));
                for lc in 1..=self.lcs.len() as u8 {
                    self.cut_for(Pair::Card(active, LcSlot(lc)), Way::Both, ms(time));
                }
                self.cut_for(Pair::Feed(active), Way::Both, ms(time));
            }
            Fault::Force => self.operator(&["redundancy force-switchover"]),
            Fault::Reload => self.operator(&["reload"]),
            Fault::ReloadPeer => self.operator(&["redundancy reload peer"]),
            Fault::Configure { route, remove } => {
                let name = format!("hostname h{}", self.next_change());
                let no = if remove { "no " } else { "" };
                // Over two neighbours that nobody else forwards to together: path lists come and go with the route.
                let hops = match route {
                    0..3 => [format!("10.1.1.{}", 10 + route), "10.2.1.12".to_owned()],
                    _ => ["10.1.1.12".to_owned(), format!("10.2.1.{}", 7 + route)],
                };
                let route = hops.map(|hop| format!("{no}ip route 203.0.{route}.0 255.255.255.0 {hop}"));
                self.operator(&["configure terminal", &route[0], &route[1], &name, "end"]);
            }
            Fault::Vpn(there) => {
                let name = format!("hostname h{}", self.next_change());
                let lines = if there { vpn::ADDED } else { vpn::REMOVED };
                let lines = ["configure terminal"].into_iter().chain(lines.lines()).chain([&name[..], "end"]);
                self.operator(&lines.collect::<Vec<_>>());
            }
            Fault::Shut(lc, shut) => {
                let interface = format!("interface {lc}/1");
                let line = if shut { "shutdown" } else { "no shutdown" };
                self.operator(&["configure terminal", &interface, line, "end"]);
            }
            Fault::SetMode(mode) => {
                let line = format!("mode {mode}");
                self.operator(&["configure terminal", "redundancy", &line, "end"]);
            }
            Fault::Save => self.operator(&["write memory"]),
            Fault::Pull(slot, pulled) => self.pull_wire(PortId { slot, port: 1 }, pulled),
            Fault::KillCard(lc, time) => self.end_lc(lc, false, Some(ms(time))),
            Fault::PauseCard(lc, time) => {
                self.pause_lc(lc, true);
                self.later(ms(time), Undo::ResumeCard(lc));
            }
            Fault::SlowCard(lc, each, time) => {
                self.slow_card(lc, Duration::from_micros(each));
                self.later(ms(time), Undo::Unslow(lc));
            }
            Fault::ResetCard(lc) => self.operator(&[&format!("hw-module slot {lc} reset")]),
            Fault::Issu(line) => {
                let slot = |who| self.at(who).to_string();
                let line = line.replace("<active>", &slot(Who::Active)).replace("<standby>", &slot(Who::Standby));
                self.operator(&[&line]);
            }
            Fault::Image(who, release) => self.set_release(Slot::Rp(self.at(who)), release),
            Fault::CardImage(slot, release) => self.set_release(Slot::Lc(slot), release),
            Fault::Lie(who, lies) => self.set_lying_fsync(self.at(who), lies),
            Fault::Storm(delay, loss, time) => {
                self.set_weather(Weather { delay: ms(delay), heartbeat_loss: f64::from(loss) / 100.0 });
                self.later(ms(time), Undo::Calm);
            }
            Fault::Garble(records) => self.garble(records),
        }
    }

    /// A way named from the active, as the pair of RPs counts it: forward is from A.
    fn seen_from_a(&self, way: Way) -> Way {
        match (way, self.at(Who::Active)) {
            (Way::Out, RpSlot::B) => Way::In,
            (Way::In, RpSlot::B) => Way::Out,
            (way, _) => way,
        }
    }

    /// An operator's session on the active.
    fn operator(&mut self, lines: &[&str]) {
        let slot = self.at(Who::Active);
        self.new_session(slot);
        self.exec(slot, lines);
    }

    fn later(&mut self, delay: Duration, undo: Undo) {
        self.lasting += 1;
        self.post(delay, super::fabric::Parcel::End(undo));
    }

    fn cut_for(&mut self, pair: Pair, way: Way, time: Duration) {
        self.set_cut(pair, directions(way), true);
        self.later(time, Undo::Uncut(pair, way));
    }

    pub(super) fn undo(&mut self, undo: Undo) {
        self.lasting = self.lasting.saturating_sub(1);
        self.disturbed = true;
        self.trace(15, || format!("it ends: {undo:?}"));
        match undo {
            Undo::Resume(slot) => self.pause_rp(slot, false),
            Undo::ResumeCard(slot) => self.pause_lc(slot, false),
            Undo::Uncut(pair, way) => self.set_cut(pair, directions(way), false),
            Undo::Unslow(slot) => self.slow_card(slot, Duration::ZERO),
            Undo::Calm => self.set_weather(Weather::default()),
        }
    }
}

fn directions(way: Way) -> &'static [bool] {
    match way {
        Way::Both => &[true, false],
        Way::Out => &[true],
        Way::In => &[false],
    }
}

/// The slot of an RP, for stories.
pub(super) fn card(slot: RpSlot) -> Slot {
    Slot::Rp(slot)
}
