//! Two units, a backplane, one line card and a lossy network, on a virtual clock.

use super::super::*;
use fabric_proto::{
    id::{Epoch, RpSlot},
    issu::Compatibility,
    operator::EventKind,
    platform::{NATIVE, Profile},
    redundancy::{Code, Heartbeat, Mode, RfMessage},
    time::Instant,
};
use std::{collections::BTreeMap, time::Duration};

pub(super) const HEARTBEAT: Duration = Duration::from_millis(50);
pub(super) const SWITCHOVER: Duration = Duration::from_millis(500);
pub(super) const CRASHDUMP: Duration = Duration::from_millis(700);
pub(super) const BOOT: Duration = Duration::from_millis(300);

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[derive(Debug)]
enum Arrival {
    Boot,
    Connected,
    Input(Input),
    Beat(Heartbeat),
    /// The line card meets a term and obeys or refuses it.
    Adopt(Epoch),
}

pub(super) struct Unit {
    pub(super) rf: Option<Rf>,
    boot: u64,
    pub(super) release: String,
    pub(super) configured: Mode,
    nvram: LastTerm,
    cause: BootCause,
    pub(super) paused: bool,
    waiting: Vec<Arrival>,
    /// Where a connection's messages arrive in order.
    last_arrival: Instant,
}

pub(super) struct World {
    pub(super) now: Instant,
    dice: u64,
    pub(super) units: BTreeMap<RpSlot, Unit>,
    wire: BTreeMap<(Instant, u64), (RpSlot, u64, Arrival)>,
    number: u64,
    pub(super) loss_percent: u64,
    pub(super) partition: bool,
    link: bool,
    pub(super) line_card: Epoch,
    /// Who took which term in which run.
    pub(super) terms: BTreeMap<Epoch, (RpSlot, u64)>,
    pub(super) log: Vec<(Instant, RpSlot, Output)>,
    /// Whether clients and the checkpointing facility answer.
    pub(super) clients_answer: bool,
    /// A client of a unit that does not answer one event.
    pub(super) silent: Option<(RpSlot, ClientId, Code)>,
    pub(super) platform: &'static Profile,
    pub(super) sync_takes: Option<Duration>,
    /// What two releases come to that are not one, as each unit is told it.
    pub(super) verdicts: BTreeMap<RpSlot, Compatibility>,
}

impl World {
    pub(super) fn new(seed: u64, mode: Mode) -> Self {
        let units = [RpSlot::A, RpSlot::B].into_iter().map(|slot| (slot, Unit::new(mode))).collect();
        Self {
            now: Instant::from_millis(1000),
            dice: seed | 1,
            units,
            wire: BTreeMap::new(),
            number: 0,
            loss_percent: 0,
            partition: false,
            link: false,
            line_card: Epoch::NONE,
            terms: BTreeMap::new(),
            log: Vec::new(),
            clients_answer: true,
            silent: None,
            platform: &NATIVE,
            sync_takes: Some(ms(40)),
            verdicts: [RpSlot::A, RpSlot::B].into_iter().map(|slot| (slot, Compatibility::Incompatible)).collect(),
        }
    }

    /// What a unit finds out of the images when the two meet.
    pub(super) fn met(&self, slot: RpSlot) -> Met {
        let release = |slot: RpSlot| {
            let unit = self.unit(slot);
            unit.rf.as_ref().map_or(unit.release.clone(), |rf| rf.view().release.to_owned())
        };
        let (own, release) = (release(slot), slot.peer().map(release).unwrap_or_default());
        let verdict = if own == release { Compatibility::Compatible } else { self.verdicts[&slot] };
        Met { release, verdict }
    }

    /// A chassis in which both units were switched on and are as the mode promises.
    pub(super) fn redundant(seed: u64, mode: Mode) -> Self {
        Self::redundant_on("native", seed, mode)
    }

    /// The same of another family.
    pub(super) fn redundant_on(platform: &str, seed: u64, mode: Mode) -> Self {
        let mut world = Self::new(seed, mode);
        world.platform = Profile::named(platform).unwrap();
        world.power_on(RpSlot::A);
        world.power_on(RpSlot::B);
        world.run(ms(5000));
        world.assert_redundant();
        world
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % below
    }

    pub(super) fn unit(&self, slot: RpSlot) -> &Unit {
        &self.units[&slot]
    }

    pub(super) fn unit_mut(&mut self, slot: RpSlot) -> &mut Unit {
        self.units.get_mut(&slot).unwrap()
    }

    pub(super) fn rf(&self, slot: RpSlot) -> &Rf {
        self.unit(slot).rf.as_ref().unwrap()
    }

    pub(super) fn state(&self, slot: RpSlot) -> RfState {
        self.unit(slot).rf.as_ref().map_or(RfState::Unknown, |rf| rf.view().state)
    }

    pub(super) fn actives(&self) -> Vec<RpSlot> {
        [RpSlot::A, RpSlot::B].into_iter().filter(|&slot| self.state(slot).is_active()).collect()
    }

    pub(super) fn power_on(&mut self, slot: RpSlot) {
        self.kill(slot);
        // Why the last run ended is known to a program that restarts by itself, and to none after a reset.
        self.unit_mut(slot).cause = BootCause::Cold;
        let delay = BOOT + ms(self.random(50));
        self.post(slot, delay, Arrival::Boot);
    }

    /// The program ends here and now.
    pub(super) fn kill(&mut self, slot: RpSlot) {
        let unit = self.unit_mut(slot);
        unit.rf = None;
        unit.paused = false;
        unit.waiting.clear();
        // Whatever was on its way to the old run, a boot under way included, is void.
        unit.boot += 1;
        self.cut(slot.peer().unwrap(), ms(1));
    }

    /// The stream breaks; a unit notices after `delay`.
    fn cut(&mut self, slot: RpSlot, delay: Duration) {
        if std::mem::take(&mut self.link) {
            self.disconnect(slot, delay);
        }
    }

    pub(super) fn set_partition(&mut self, partition: bool) {
        self.partition = partition;
        if partition && std::mem::take(&mut self.link) {
            for slot in [RpSlot::A, RpSlot::B] {
                self.disconnect(slot, ms(200));
            }
        }
    }

    fn disconnect(&mut self, slot: RpSlot, delay: Duration) {
        let at = (self.now + delay).max(self.unit(slot).last_arrival);
        self.unit_mut(slot).last_arrival = at;
        self.post_at(slot, at, Arrival::Input(Input::PeerDisconnected));
    }

    pub(super) fn pause(&mut self, slot: RpSlot) {
        let unit = self.unit_mut(slot);
        unit.paused = unit.rf.is_some();
    }

    /// The deadline is looked at first: the worst order.
    pub(super) fn resume(&mut self, slot: RpSlot) {
        let unit = self.unit_mut(slot);
        if std::mem::take(&mut unit.paused) {
            let waiting = std::mem::take(&mut unit.waiting);
            let boot = unit.boot;
            self.step(slot, None);
            for arrival in waiting {
                if self.unit(slot).boot == boot {
                    self.arrive(slot, arrival);
                }
            }
        }
    }

    pub(super) fn input(&mut self, slot: RpSlot, input: Input) {
        self.step(slot, Some(input));
    }

    fn post(&mut self, slot: RpSlot, delay: Duration, arrival: Arrival) {
        self.post_at(slot, self.now + delay, arrival);
    }

    fn post_at(&mut self, slot: RpSlot, at: Instant, arrival: Arrival) {
        self.number += 1;
        let boot = self.unit(slot).boot;
        self.wire.insert((at, self.number), (slot, boot, arrival));
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0_u64;
        loop {
            steps += 1;
            assert!(steps < 2_000_000, "the units do not come to rest at {}", self.now);
            self.dial();
            let timer = [RpSlot::A, RpSlot::B]
                .into_iter()
                .filter(|slot| !self.unit(*slot).paused)
                .filter_map(|slot| Some((self.unit(slot).rf.as_ref()?.deadline()?, slot)))
                .min();
            let arrival = self.wire.keys().next().map(|&(at, _)| at);
            let next = [timer.map(|(at, _)| at), arrival].into_iter().flatten().min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next)
                && let Some((_, (slot, boot, arrival))) = self.wire.pop_first()
            {
                if self.unit(slot).boot == boot {
                    self.arrive(slot, arrival);
                }
            } else if let Some((_, slot)) = timer {
                self.step(slot, None);
            }
        }
        self.now = end;
    }

    fn dial(&mut self) {
        let up = self.units.values().all(|unit| unit.rf.is_some() && !unit.paused);
        if up && !self.link && !self.partition {
            self.link = true;
            for slot in [RpSlot::A, RpSlot::B] {
                // Nothing of an older connection may arrive later than this.
                let at = (self.now + ms(2)).max(self.unit(slot).last_arrival);
                self.post_at(slot, at, Arrival::Connected);
            }
        }
    }

    fn arrive(&mut self, slot: RpSlot, arrival: Arrival) {
        if self.unit(slot).paused {
            self.unit_mut(slot).waiting.push(arrival);
            return;
        }
        match arrival {
            Arrival::Boot => self.boot(slot),
            Arrival::Connected => {
                let met = self.met(slot);
                self.step(slot, Some(Input::PeerConnected(met)));
            }
            Arrival::Input(input) => self.step(slot, Some(input)),
            Arrival::Beat(heartbeat) => self.step(slot, Some(Input::Heartbeat(heartbeat))),
            // A card tells the active that it obeyed before.
            Arrival::Adopt(epoch) if epoch >= self.line_card => {
                self.line_card = epoch;
                self.post(slot.peer().unwrap(), ms(2), Arrival::Input(Input::Fenced { highest: epoch }));
            }
            Arrival::Adopt(_) => self.step(slot, Some(Input::Fenced { highest: self.line_card })),
        }
    }

    fn boot(&mut self, slot: RpSlot) {
        let now = self.now;
        let profile = self.platform;
        let unit = self.unit_mut(slot);
        let config = Config {
            profile,
            configured: unit.configured,
            last_term: unit.nvram,
            heartbeat: HEARTBEAT,
            switchover: SWITCHOVER,
            crashdump: CRASHDUMP,
            fenced_wait: ms(5000),
            cause: std::mem::take(&mut unit.cause),
            ..Config::new(slot, unit.boot, &unit.release)
        };
        unit.rf = Some(Rf::new(config, now));
        self.step(slot, None);
    }

    fn step(&mut self, slot: RpSlot, input: Option<Input>) {
        let now = self.now;
        let Some(rf) = &mut self.unit_mut(slot).rf else { return };
        let mut out = Vec::new();
        rf.step(now, input, &mut out);
        for output in out {
            self.log.push((now, slot, output.clone()));
            self.perform(slot, output);
        }
    }

    fn perform(&mut self, slot: RpSlot, output: Output) {
        let peer = slot.peer().unwrap();
        match output {
            Output::SendHeartbeat(heartbeat) => {
                let lost = self.partition || self.random(100) < self.loss_percent;
                let delay = ms(1 + self.random(8));
                if !lost && self.unit(peer).rf.is_some() {
                    self.post(peer, delay, Arrival::Beat(heartbeat));
                }
            }
            Output::Send(message) if self.link => {
                let at = (self.now + ms(1 + self.random(8))).max(self.unit(peer).last_arrival);
                self.unit_mut(peer).last_arrival = at;
                self.post_at(peer, at, Arrival::Input(Input::Message(message)));
            }
            Output::NotifyClient { client, event }
                if self.clients_answer && self.silent != Some((slot, client, event)) =>
            {
                let delay = ms(self.random(3));
                self.post(slot, delay, Arrival::Input(Input::ClientDone { client, event }));
            }
            Output::SaveTerm(term) => self.unit_mut(slot).nvram = term,
            Output::BecomeActive { epoch, .. } => {
                let run = (slot, self.unit(slot).boot);
                let other = self.terms.insert(epoch, run);
                assert_eq!(other, None, "term {epoch} was taken twice");
                self.post(slot, ms(3), Arrival::Adopt(epoch));
            }
            Output::StartBulkSync { .. } => {
                if let Some(time) = self.sync_takes {
                    self.post(slot, time, Arrival::Input(Input::CfReady));
                }
            }
            Output::DrainSync => self.post(slot, ms(5), Arrival::Input(Input::CfDrained)),
            Output::ResetPeer { .. } => self.power_on(peer),
            Output::RestartSelf { next, .. } | Output::ColdBoot { next, .. } => {
                self.power_on(slot);
                self.unit_mut(slot).cause = next;
            }
            Output::ResetChassis { next, .. } => {
                self.power_on(slot);
                self.power_on(peer);
                self.unit_mut(slot).cause = next;
            }
            Output::Send(_)
            | Output::StopSync
            | Output::NotifyClient { .. }
            | Output::BecomeStandby { .. }
            | Output::Event(_)
            | Output::Refuse { .. } => {}
        }
    }

    pub(super) fn assert_redundant(&self) {
        let actives = self.actives();
        let [active] = actives[..] else { panic!("{} actives: {:?}", actives.len(), self.states()) };
        let view = self.rf(active).view();
        let standby = active.peer().unwrap();
        assert_eq!(self.state(active), RfState::Active);
        assert_eq!(self.state(standby), view.operating.promised_state(), "{:?}", self.states());
        assert!(view.redundant && self.rf(standby).view().redundant, "{:?}", self.states());
        assert_eq!(view.manual_swact, None);
        assert_eq!(self.rf(standby).view().operating, view.operating);
        assert_eq!(self.line_card, view.epoch, "the line card obeys another term");
    }

    pub(super) fn states(&self) -> Vec<String> {
        let show = |slot: &RpSlot| format!("{slot}: {}", self.state(*slot));
        self.units.keys().map(show).collect()
    }

    /// What the outputs of one kind held, oldest first.
    pub(super) fn outputs<T>(&self, pick: impl Fn(&Output) -> Option<T>) -> Vec<(Instant, RpSlot, T)> {
        self.log.iter().filter_map(|(at, slot, output)| Some((*at, *slot, pick(output)?))).collect()
    }

    pub(super) fn events(&self, pick: impl Fn(&EventKind) -> bool) -> usize {
        self.outputs(|output| if let Output::Event(kind) = output { pick(kind).then_some(()) } else { None }).len()
    }

    pub(super) fn sent(&self, pick: impl Fn(&RfMessage) -> bool) -> usize {
        self.outputs(|output| if let Output::Send(message) = output { pick(message).then_some(()) } else { None }).len()
    }
}

impl Unit {
    fn new(mode: Mode) -> Self {
        Self {
            rf: None,
            boot: 1,
            release: "2.0".to_owned(),
            configured: mode,
            nvram: LastTerm::default(),
            cause: BootCause::Cold,
            paused: false,
            waiting: Vec::new(),
            last_arrival: Instant(0),
        }
    }
}
