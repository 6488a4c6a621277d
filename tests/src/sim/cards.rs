//! The cards of a simulated chassis: real machines, simulated memory, and what their shells do.

use super::{
    Chassis, Random, World,
    clock::Clock,
    disk::Disk,
    fabric::{Pair, Parcel, Stream},
    hands::Hands,
    wire::{FIRST, LATEST, built, releases},
};
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage},
    deploy::RedundancyTimers,
    flow::FlowSeed,
    id::{CardId, Epoch, LcSlot, RpSlot, Slot},
    issu::Image,
    operator::{CommandOutput, EventKind, RpStats},
    platform::Profile,
    redundancy::Mode,
    time::Instant,
};
use linecard_core::linecard::{Input as LcInput, LineCard, LineCardConfig, Output as LcOutput, STALE_TIME};
use rp_core::rp::{Boot, Input as RpInput, NextLife, Output as RpOutput, Rp};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// A reset of a program takes this long.
const RESTART: Duration = Duration::from_millis(30);

/// A reset takes this long at most until it is done.
const BACKPLANE: Duration = Duration::from_millis(60);

/// A chassis has to be found by checkers after this long: its operator's own session has this number.
pub(super) const OPERATOR: u64 = 1;

/// What cards choose among equal paths by: taken from a card's name, as its shell does.
pub(super) fn flow_seed(slot: Slot) -> FlowSeed {
    FlowSeed::of(&CardId::card("sim", "pe1", slot))
}

/// One route processor: its disk, and its program while it runs.
pub(super) struct RpNode {
    pub(super) slot: RpSlot,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    /// What it runs, and what it will run from its next start on.
    pub(super) release: String,
    profile: &'static Profile,
    legacy: BTreeSet<LcSlot>,
    pub(super) next_release: String,
    line_cards: Vec<LcSlot>,
    deployed: String,
    timers: RedundancyTimers,
    life: NextLife,
    boots: u64,
    pub(super) generation: u64,
    pub(super) rp: Option<Rp>,
    pub(super) owns: bool,
    pub(super) paused: bool,
    pub(super) held: VecDeque<RpInput>,
    /// What it looked like after its last step.
    pub(super) due: Option<Instant>,
    pub(super) active: bool,
    pub(super) redundant: bool,
    /// The mode that it would take over in.
    pub(super) standby_mode: Mode,
    /// Its disk has told a lie once: what was saved may be lost.
    pub(super) ever_lied: bool,
    /// The text saved last, and one whose save may be half done.
    pub(super) saved: String,
    pub(super) saving: Option<String>,
}

impl RpNode {
    pub(super) fn new(slot: RpSlot, chassis: &Chassis, line_cards: &[LcSlot], clock_offset: u64) -> Self {
        let ppm = chassis.drift_ppm[slot.index()];
        Self {
            slot,
            clock: Clock::new(if ppm == 0 { 0 } else { clock_offset }, ppm),
            disk: Disk::default(),
            profile: chassis.profile,
            legacy: chassis.legacy.clone(),
            release: LATEST.to_owned(),
            next_release: LATEST.to_owned(),
            line_cards: line_cards.to_vec(),
            deployed: chassis.startup.clone(),
            timers: RedundancyTimers {
                heartbeat_ms: chassis.heartbeat.as_millis() as u64,
                switchover_ms: chassis.switchover.as_millis() as u64,
            },
            life: NextLife::default(),
            boots: 0,
            generation: 0,
            rp: None,
            owns: false,
            paused: false,
            held: VecDeque::new(),
            due: None,
            active: false,
            redundant: false,
            standby_mode: Mode::Hsa,
            ever_lied: false,
            saved: chassis.startup.clone(),
            saving: None,
        }
    }

    fn start(&mut self, now: Instant, startup: String) {
        self.boots += 1;
        self.release.clone_from(&self.next_release);
        let boot = Boot {
            slot: self.slot,
            boot: self.boots * 4 + self.slot.index() as u64,
            release: self.release.clone(),
            issu: Image { negotiates: self.release != FIRST, built: built(&self.release), ..Image::default() },
            profile: self.profile,
            modelled: false,
            legacy: self.legacy.clone(),
            timers: self.timers,
            startup: Some(startup),
            last_term: self.disk.term(),
            upgrade: self.disk.upgrade(),
            line_cards: self.line_cards.clone(),
            base_mac: Default::default(),
            flow_seed: flow_seed(Slot::Rp(self.slot)),
            releases: releases(),
            feeds: 1,
            life: std::mem::take(&mut self.life),
            clock_offset: 0,
        };
        self.rp = Some(Rp::new(self.clock.local(now), boot));
        self.look(now);
    }

    /// Number of the program's run.
    pub(super) fn boots(&self) -> u64 {
        self.boots
    }

    fn end(&mut self) {
        self.generation += 1;
        self.rp = None;
        self.owns = false;
        self.paused = false;
        self.held.clear();
        self.due = None;
        self.active = false;
        self.redundant = false;
    }

    /// Notes what others look at often.
    pub(super) fn look(&mut self, now: Instant) {
        let Some(rp) = &self.rp else { return };
        let view = rp.redundancy();
        self.active = view.active;
        self.redundant = view.redundant;
        if !view.active {
            self.standby_mode = view.operating;
        }
        self.due = rp.deadline().filter(|_| !self.paused).map(|at| self.clock.true_time(at).max(now));
    }

    /// Whether its startup configuration is still the one that it was deployed with.
    pub(super) fn saved_never(&self) -> bool {
        self.saved == self.deployed
    }

    pub(super) fn stats(&self) -> Option<RpStats> {
        self.rp.as_ref().map(Rp::stats)
    }
}

use fabric_proto::machine::Machine as _;

/// One line card.
pub(super) struct LcNode {
    pub(super) slot: LcSlot,
    /// What it runs, and what it will run from its next start on.
    pub(super) release: String,
    pub(super) next_release: String,
    boots: u64,
    pub(super) generation: u64,
    pub(super) card: Option<LineCard>,
    highest: Epoch,
    pub(super) paused: bool,
    pub(super) held: VecDeque<LcInput>,
    pub(super) due: Option<Instant>,
    /// Ports that are to be up.
    pub(super) enabled: BTreeSet<u8>,
    /// What its shell has told of its ports.
    pub(super) told: BTreeMap<u8, bool>,
}

impl LcNode {
    pub(super) fn new(slot: LcSlot) -> Self {
        Self {
            slot,
            release: LATEST.to_owned(),
            next_release: LATEST.to_owned(),
            boots: 0,
            generation: 0,
            card: None,
            highest: Epoch::NONE,
            paused: false,
            held: VecDeque::new(),
            due: None,
            enabled: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    fn end(&mut self) {
        self.generation += 1;
        self.card = None;
        self.paused = false;
        self.held.clear();
        self.due = None;
        self.enabled.clear();
        self.told.clear();
    }
}

impl World {
    /// Starts a card's program after a while, unless something else becomes of it.
    pub(super) fn boot_in(&mut self, delay: Duration, card: Slot) {
        let generation = match card {
            Slot::Rp(slot) => &mut self.rps[slot.index()].generation,
            Slot::Lc(slot) => &mut self.lcs[usize::from(slot.0) - 1].generation,
        };
        *generation += 1;
        let generation = *generation;
        self.post(delay, Parcel::Boot(card, generation));
    }

    pub(super) fn boot(&mut self, card: Slot, generation: u64) {
        match card {
            Slot::Rp(slot) => {
                let node = &mut self.rps[slot.index()];
                if node.generation != generation {
                    return;
                }
                let recovered = node.disk.startup();
                let startup = recovered.text.clone().unwrap_or_else(|| node.deployed.clone());
                self.check_startup(slot, recovered.text.as_deref());
                let now = self.now;
                self.checker.forget_verified();
                let node = &mut self.rps[slot.index()];
                node.start(now, startup);
                let release = node.release.clone();
                self.trace(10, || format!("{slot} boots release {release}"));
                self.note(card, EventKind::Booted { release });
                self.step_rp(slot, None);
                self.dial(Pair::Peers);
            }
            Slot::Lc(slot) => {
                let node = &mut self.lcs[usize::from(slot.0) - 1];
                if node.generation != generation {
                    return;
                }
                node.boots += 1;
                node.release.clone_from(&node.next_release);
                self.checker.forget_verified();
                let node = &mut self.lcs[usize::from(slot.0) - 1];
                node.card = Some(LineCard::new(LineCardConfig {
                    slot,
                    boot: node.boots,
                    highest: node.highest,
                    stale_time: STALE_TIME,
                }));
                self.trace(11, || format!("line card {slot} boots"));
                self.dial_card(slot);
            }
        }
    }

    fn dial_card(&mut self, slot: LcSlot) {
        for rp in [RpSlot::A, RpSlot::B] {
            if self.rps[rp.index()].owns {
                self.dial(Pair::Card(rp, slot));
            }
        }
    }

    pub(super) fn tell_rp(&mut self, slot: RpSlot, input: RpInput) {
        let node = &mut self.rps[slot.index()];
        if node.paused {
            node.held.push_back(input);
            return;
        }
        self.step_rp(slot, Some(input));
    }

    pub(super) fn tell_lc(&mut self, slot: LcSlot, input: LcInput) {
        let node = &mut self.lcs[usize::from(slot.0) - 1];
        if node.paused {
            node.held.push_back(input);
            return;
        }
        self.step_lc(slot, Some(input));
    }

    /// SIGSTOP: an RP stands still, and hears and says nothing; or goes on.
    pub fn pause_rp(&mut self, slot: RpSlot, paused: bool) {
        let node = &mut self.rps[slot.index()];
        if node.rp.is_none() || node.paused == paused {
            return;
        }
        node.paused = paused;
        node.look(self.now);
        if !paused {
            let held = std::mem::take(&mut node.held);
            let boots = node.boots;
            // The deadline is looked at first: the worst order.
            self.step_rp(slot, None);
            for input in held {
                if self.rps[slot.index()].boots == boots {
                    self.tell_rp(slot, input);
                }
            }
            self.redial(slot);
        }
    }

    fn redial(&mut self, slot: RpSlot) {
        self.dial(Pair::Peers);
        for card in 1..=self.lcs.len() as u8 {
            self.dial(Pair::Card(slot, LcSlot(card)));
        }
        self.dial(Pair::Feed(slot));
    }

    /// SIGSTOP or SIGCONT of a line card's control side.
    pub fn pause_lc(&mut self, slot: LcSlot, paused: bool) {
        let node = &mut self.lcs[usize::from(slot.0) - 1];
        if node.card.is_none() || node.paused == paused {
            return;
        }
        node.paused = paused;
        node.due = node.card.as_ref().and_then(LineCard::deadline).filter(|_| !paused);
        if !paused {
            let held = std::mem::take(&mut node.held);
            let boots = node.boots;
            for input in held {
                if self.lcs[usize::from(slot.0) - 1].boots == boots {
                    self.tell_lc(slot, input);
                }
            }
            self.dial_card(slot);
        }
    }

    /// Ends an RP's program at once, and starts it again after a while if that is wanted.
    pub(super) fn end_rp(&mut self, slot: RpSlot, restart: Option<Duration>) {
        if self.fuse.is_some_and(|(fused, ..)| fused == slot) {
            self.fuse = None;
        }
        self.trace(12, || format!("{slot} ends"));
        self.rps[slot.index()].end();
        // Only a program that restarts by itself tells the next one why.
        self.rps[slot.index()].life = NextLife::default();
        self.checker.rp_ended(slot);
        self.forget_ends(Slot::Rp(slot));
        if slot != RpSlot::C {
            self.hang_up(Pair::Peers, Some(Slot::Rp(slot)));
        }
        for card in 1..=self.lcs.len() as u8 {
            self.hang_up(Pair::Card(slot, LcSlot(card)), Some(Slot::Rp(slot)));
        }
        self.hang_up(Pair::Feed(slot), Some(Slot::Rp(slot)));
        if let Some(pause) = restart {
            self.boot_in(pause, Slot::Rp(slot));
        }
    }

    /// Ends a line card's program. SIGKILL leaves it no memory of whom it obeyed; a reset that it was asked for does.
    pub fn end_lc(&mut self, slot: LcSlot, remembers: bool, restart: Option<Duration>) {
        let node = &mut self.lcs[usize::from(slot.0) - 1];
        let highest = node.card.as_ref().map_or(node.highest, LineCard::highest);
        node.highest = if remembers { highest } else { Epoch::NONE };
        node.end();
        self.checker.lc_ended(slot, remembers);
        self.forget_ends(Slot::Lc(slot));
        for rp in [RpSlot::A, RpSlot::B] {
            self.hang_up(Pair::Card(rp, slot), Some(Slot::Lc(slot)));
        }
        if let Some(pause) = restart {
            self.boot_in(pause, Slot::Lc(slot));
        }
    }

    /// Whether the fuse of this RP burns down with one more thing done; if it does, the RP is dead.
    pub(super) fn fuse_burns(&mut self, slot: RpSlot) -> bool {
        match &mut self.fuse {
            Some((fused, left, power)) if *fused == slot => {
                if *left > 0 {
                    *left -= 1;
                    return false;
                }
                let power = *power;
                self.fuse = None;
                if power {
                    self.power_cut(slot);
                } else {
                    self.kill_rp(slot);
                }
                true
            }
            _ => false,
        }
    }

    /// Does what the shell of an RP would do, in order; a crash may come after any of it.
    pub(super) fn obey_rp(&mut self, slot: RpSlot, out: &mut Vec<RpOutput>) {
        for output in out.drain(..) {
            if self.fuse_burns(slot) {
                return;
            }
            if let RpOutput::Restart(life) = output {
                self.end_rp(slot, Some(RESTART));
                self.rps[slot.index()].life = life;
                return;
            }
            let Ok(()) = output.perform(&mut Hands { world: self, slot });
            if self.rps[slot.index()].rp.is_none() {
                return;
            }
        }
    }

    /// Makes a record nobody's, if it is its turn.
    pub(super) fn garble_record(&mut self, message: &mut CfMessage) {
        let (CfMessage::Bulk { client, .. } | CfMessage::Change { client, .. }) = message else { return };
        match self.garbled.take() {
            Some(0) => *client = CfClientId(u16::MAX),
            left => self.garbled = left.map(|left| left - 1),
        }
    }

    pub(super) fn tell_peer(&mut self, slot: RpSlot, stream: Stream, parcel: impl FnOnce(u64, RpSlot) -> Parcel) {
        if let (Some(peer), Some(number)) = (slot.peer(), self.connection(Pair::Peers)) {
            self.stream(Pair::Peers, slot < peer, stream, parcel(number, peer));
        }
    }

    pub(super) fn log(&mut self, slot: RpSlot, event: EventKind) {
        self.checker.logged(&event);
        // The runtime plays the backplane. Meanwhile the slot goes on: it may hear that it does not rule any more.
        if let EventKind::ResetSlot { slot: Slot::Rp(target), reason: _, release } = &event {
            let epoch = self.rps[slot.index()].rp.as_ref().map_or(Epoch::NONE, |rp| rp.redundancy().epoch);
            // In the order in which it is asked.
            let delay = Duration::from_nanos(self.random.below(BACKPLANE.as_nanos() as u64));
            self.backplane = self.backplane.max(self.now + delay);
            let delay = self.backplane.since(self.now);
            self.post(delay, Parcel::Reset(*target, epoch, release.clone()));
            self.resets += 1;
        }
        self.note(Slot::Rp(slot), event);
    }

    /// The backplane resets a slot, unless whoever wished it does not rule any more.
    pub(super) fn reset(&mut self, target: RpSlot, wished_in: Epoch, release: Option<String>) {
        self.resets -= 1;
        if wished_in >= self.checker.highest_claim() {
            if let Some(release) = release {
                self.set_release(Slot::Rp(target), &release);
            }
            self.end_rp(target, Some(RESTART));
        }
    }

    pub(super) fn obey_lc(&mut self, slot: LcSlot, out: &mut Vec<LcOutput>) {
        for output in out.drain(..) {
            match output {
                LcOutput::Send { session, message } => {
                    if let Some(rp) = self.rp_of(session, slot) {
                        self.check_from_lc(slot, rp, &message);
                        let parcel = Parcel::FromLc(session, rp, slot, message);
                        self.stream(Pair::Card(rp, slot), false, Stream::Main, parcel);
                    }
                }
                LcOutput::CloseSession { session } => {
                    if let Some(rp) = self.rp_of(session, slot) {
                        self.hang_up(Pair::Card(rp, slot), Some(Slot::Lc(slot)));
                    }
                }
                LcOutput::Publish(_) => {}
                LcOutput::PortsChanged(ports) => self.ports_changed(slot, &ports),
                LcOutput::Reset { .. } => {
                    self.end_lc(slot, true, Some(RESTART));
                    return;
                }
                LcOutput::Event(event) => self.note(Slot::Lc(slot), event),
            }
        }
    }

    fn rp_of(&self, session: u64, slot: LcSlot) -> Option<RpSlot> {
        [RpSlot::A, RpSlot::B].into_iter().find(|rp| self.connection(Pair::Card(*rp, slot)) == Some(session))
    }

    /// A line of the command line on an RP; `None` when that is dead or stands still.
    pub(super) fn line(&mut self, slot: RpSlot, session: u64, line: &str) -> Option<CommandOutput> {
        let node = &mut self.rps[slot.index()];
        if node.paused {
            return None;
        }
        let rp = node.rp.as_mut()?;
        self.events += 1;
        let mut out = self.rp_out.pop().unwrap_or_default();
        let revision = rp.config_revision();
        let output = rp.line(node.clock.local(self.now), session, line, &mut out);
        let changed = rp.config_revision() != revision;
        node.look(self.now);
        self.trace(13, || format!("{slot}# {line}"));
        self.check_rp(slot, &out);
        self.obey_rp(slot, &mut out);
        out.clear();
        self.rp_out.push(out);
        if changed {
            self.operator_waits(slot);
            self.check_rp(slot, &[]);
        }
        Some(output)
    }

    /// An operator's session begins anew.
    pub(super) fn new_session(&mut self, slot: RpSlot) {
        let node = &mut self.rps[slot.index()];
        let Some(rp) = node.rp.as_mut().filter(|_| !node.paused) else { return };
        let mut out = Vec::new();
        rp.session_closed(node.clock.local(self.now), OPERATOR, &mut out);
        node.look(self.now);
        self.obey_rp(slot, &mut out);
    }

    /// All disks have written what they hold: time has passed.
    pub(super) fn write_back(&mut self) {
        for node in &mut self.rps {
            node.disk.write_back();
        }
    }

    /// A card of each kind, by chance.
    pub(super) fn any_lc(random: &mut Random, count: usize) -> LcSlot {
        LcSlot(1 + random.below(count as u64) as u8)
    }
}
