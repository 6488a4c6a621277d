//! Checkers outside of the code under test: they look at what machines send and hold, and keep their own books.

use super::{
    Chassis, World,
    cards::{LcNode, RpNode},
    probe::{Forwarded, Probe},
    reference::{self, Demand},
    vpn,
    wire::FIRST,
};
use fabric_proto::{
    fib::Position,
    id::{Epoch, InterfaceId, LcSlot, PortId, RpSlot},
    linecard::{FromLc, ToLc},
    operator::EventKind,
    redundancy::{Mode, RfState},
};
use linecard_core::linecard::LineCard;
use rp_core::{
    config::{Config, Interface},
    fib_feed::LOG_BYTES_MAX,
    rp::{Output as RpOutput, Rp},
};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Terms and positions that are remembered: far more than are ever alive at once.
const MEMORY: usize = 64;

/// Destinations whose packets are followed through a switchover.
const PROBES: usize = 8;

/// What the checkers remember.
pub(super) struct Checker {
    pub(super) violation: Option<Violation>,
    pub(super) switchovers: u64,
    /// Software upgrades that were committed, and that were taken back after they had begun.
    pub(super) upgrades: [u64; 2],
    /// The last that was said of one is that both units run one release.
    pub(super) upgrade_ended: bool,
    deep: bool,
    /// The highest epoch that each line card has obeyed.
    obeyed: Vec<Epoch>,
    /// Who has claimed an epoch before a line card.
    claims: BTreeMap<Epoch, RpSlot>,
    /// Number of the last configuration change that a switchover must not lose.
    safe: u64,
    /// Changes that an operator waits for: on which RP, in which run, which number.
    waiting: Vec<(RpSlot, u64, u64)>,
    acknowledged: u64,
    /// Hashes of all texts that were ever a startup configuration.
    texts: HashSet<u64>,
    /// Hashes of all routes, with their paths, that an active's table ever held; kept where routes are compared.
    made: HashSet<u64>,
    /// Digests of actives' tables by position.
    /// And of what release 1.0 is given of them.
    roots: VecDeque<(Position, [u64; 2])>,
    positions: [Position; 3],
    table_roots: Vec<u64>,
    /// What must become of packets on each card while a single fault strikes a chassis in SSO.
    guard: Option<Vec<Vec<(Probe, Forwarded)>>>,
    /// The table that was last compared with the reference, and the configuration that demanded it.
    verified: Option<(u64, Config)>,
    pub(super) guarded: u64,
    pub(super) acknowledgements: u64,
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The number in a host name that the simulated operator gave: `h12`.
fn number(config: &Config) -> u64 {
    config.hostname.strip_prefix('h').and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

impl Checker {
    /// What was found right is not right any more.
    pub(super) fn forget_verified(&mut self) {
        self.verified = None;
    }

    pub(super) fn new(chassis: &Chassis, line_cards: usize) -> Self {
        Self {
            violation: None,
            switchovers: 0,
            upgrades: [0; 2],
            upgrade_ended: false,
            deep: chassis.deep,
            obeyed: vec![Epoch::NONE; line_cards],
            claims: BTreeMap::new(),
            safe: 0,
            waiting: Vec::new(),
            acknowledged: 0,
            texts: [hash_of(&chassis.startup)].into(),
            made: HashSet::new(),
            roots: VecDeque::new(),
            positions: [Position::default(); 3],
            table_roots: vec![0; line_cards],
            guard: None,
            verified: None,
            guarded: 0,
            acknowledgements: 0,
        }
    }

    pub(super) fn accuse(&mut self, what: String) {
        self.violation.get_or_insert(Violation(what));
    }

    /// The highest term that any RP has claimed before a line card.
    pub(super) fn highest_claim(&self) -> Epoch {
        self.claims.last_key_value().map_or(Epoch::NONE, |(epoch, _)| *epoch)
    }

    pub(super) fn sent_to_lc(&mut self, from: RpSlot, message: &ToLc) {
        if let ToLc::Adopt { epoch, rp, .. } = message {
            let owner = *self.claims.entry(*epoch).or_insert(*rp);
            if owner != *rp || *rp != from {
                self.accuse(format!("two actives at one epoch: {owner} and {from} both claim {epoch}"));
            }
            if self.claims.len() > MEMORY {
                self.claims.pop_first();
            }
        }
    }

    pub(super) fn logged(&mut self, event: &EventKind) {
        match event {
            EventKind::Switchover { .. } => self.switchovers += 1,
            EventKind::ResetSlot { release: Some(_), .. } => self.upgrade_ended = false,
            EventKind::Log { line } if line.starts_with("%ISSU_PROCESS") => {
                self.upgrade_ended = line.contains("both units run");
                self.upgrades[0] += u64::from(line.starts_with("%ISSU_PROCESS-6-COMMITTED"));
                self.upgrades[1] += u64::from(line.contains("ABORT"));
            }
            _ => {}
        }
    }

    pub(super) fn rp_ended(&mut self, slot: RpSlot) {
        self.waiting.retain(|(rp, ..)| *rp != slot);
        self.positions[slot.index()] = Position::default();
    }

    pub(super) fn lc_ended(&mut self, slot: LcSlot, remembers: bool) {
        let at = usize::from(slot.0) - 1;
        self.table_roots[at] = 0;
        if !remembers {
            self.obeyed[at] = Epoch::NONE;
        }
        if remembers && self.guard.is_some() {
            self.accuse(format!("packets are lost: line card {slot} is reset in an SSO switchover"));
        }
    }
}

impl World {
    /// A command has changed the configuration; its operator waits for the prompt.
    pub(super) fn operator_waits(&mut self, slot: RpSlot) {
        let node = &self.rps[slot.index()];
        if let Some(rp) = &node.rp {
            let (boots, number) = (node.boots(), number(rp.config()));
            self.checker.waiting.push((slot, boots, number));
        }
    }

    /// After every step of an RP.
    pub(super) fn check_rp(&mut self, slot: RpSlot, out: &[RpOutput]) {
        let node = &self.rps[slot.index()];
        let checker = &mut self.checker;
        let Some(rp) = &node.rp else { return };
        if slot == RpSlot::C {
            if node.owns || node.active {
                checker.accuse("the third RP takes part".to_owned());
            }
            return;
        }
        if !checker.waiting.is_empty() && rp.config_confirmed() {
            let redundant = node.redundant && rp.redundancy().operating >= Mode::RprPlus;
            let boots = node.boots();
            let mut latest = None;
            checker.waiting.retain(|(rp, run, number)| {
                let mine = *rp == slot && *run == boots;
                if mine {
                    latest = latest.max(Some(*number));
                }
                !mine
            });
            // One that the standby could not follow is answered by saying so.
            if let Some(number) = latest.filter(|_| rp.config_unconfirmed().is_none()) {
                checker.acknowledgements += 1;
                checker.acknowledged = checker.acknowledged.max(number);
                if redundant {
                    checker.safe = checker.safe.max(number);
                }
            }
        }
        if !node.active {
            return;
        }
        let position = rp.fib().position();
        if checker.positions[slot.index()] == position {
            return;
        }
        let before = std::mem::replace(&mut checker.positions[slot.index()], position);
        if before.epoch != position.epoch {
            // A new term. One that began with everything must not have lost what was acknowledged.
            let operating = node.standby_mode;
            let switches = |output: &RpOutput| matches!(output, RpOutput::Event(EventKind::Switchover { .. }));
            let kept = out.iter().any(switches) && operating >= Mode::RprPlus;
            let now = number(rp.config());
            if kept && now < checker.safe {
                let safe = checker.safe;
                checker.accuse(format!(
                    "an acknowledged configuration change is lost: {slot} takes over in {operating} with change {now}, {safe} was acknowledged"
                ));
            }
            checker.safe = now;
        }
        let table = rp.fib().table();
        checker.roots.push_back((position, [table.root_digest(), table.root_digest_in_release_1()]));
        if checker.roots.len() > MEMORY {
            checker.roots.pop_front();
        }
        if checker.deep {
            for (key, id) in table.routes() {
                let Some(paths) = table.paths(id) else { continue };
                checker.made.insert(route_hash(key, paths.digest()));
                if !paths.is_in_release_1() {
                    checker.made.insert(route_hash(key, paths.for_release_1().digest()));
                }
            }
        }
        if rp.fib().log_bytes() > LOG_BYTES_MAX + (1 << 20) {
            checker.accuse(format!("a queue grows: {slot} keeps {} bytes of its log", rp.fib().log_bytes()));
        }
    }

    /// After every step of a line card, before what it asks for is done.
    pub(super) fn check_lc(&mut self, slot: LcSlot) {
        let at = usize::from(slot.0) - 1;
        let Some(card) = &self.lcs[at].card else { return };
        let checker = &mut self.checker;
        if card.highest() < checker.obeyed[at] {
            let (was, is) = (checker.obeyed[at], card.highest());
            checker.accuse(format!("an epoch shrinks: line card {slot} went back from {was} to {is}"));
        }
        checker.obeyed[at] = card.highest();
        if let Some(guard) = &checker.guard {
            checker.guarded += 1;
            for (probe, want) in &guard[at] {
                let got = probe.send(card.tables());
                if got != *want {
                    let what = format!(
                        "packets are lost: line card {slot} makes {got:?} of {probe} instead of {want:?} in SSO"
                    );
                    return checker.accuse(what);
                }
            }
        }
        if !checker.deep {
            return;
        }
        let table = card.fib().table();
        if std::mem::replace(&mut checker.table_roots[at], table.root_digest()) == table.root_digest() {
            return;
        }
        for (key, id) in table.routes() {
            // A route without paths forwards nothing: its download is under way.
            let Some(paths) = table.paths(id) else { continue };
            if !checker.made.contains(&route_hash(key, paths.digest())) {
                let what =
                    format!("line card {slot} forwards by a table that no active made: {key} to {:?}", paths.paths());
                return checker.accuse(what);
            }
        }
    }

    /// A line card says that its table is the active's: it is, or it must not say so.
    pub(super) fn check_from_lc(&mut self, slot: LcSlot, rp: RpSlot, message: &FromLc) {
        let FromLc::InSync { position } = message else { return };
        let at = usize::from(slot.0) - 1;
        let Some(card) = &self.lcs[at].card else { return };
        let wanted = self.checker.roots.iter().rev().find(|(known, _)| known == position);
        let root = card.fib().table().root_digest();
        if let Some((_, wanted)) = wanted
            && wanted[usize::from(self.is_of_release_1(rp, slot))] != root
        {
            let what = format!("line card {slot} confirms a table that is not the active's at {position:?}");
            self.checker.accuse(what);
        }
        if card.fib().is_stale() {
            self.checker.accuse(format!("line card {slot} confirms a table that is stale"));
        }
    }

    /// A route processor reads its startup configuration.
    pub(super) fn check_startup(&mut self, slot: RpSlot, found: Option<&str>) {
        let node = &mut self.rps[slot.index()];
        let known = |text: &str| text == node.saved || node.saving.as_deref() == Some(text);
        let fine = match found {
            Some(text) if node.ever_lied => known(text) || self.checker.texts.contains(&hash_of(text)),
            Some(text) => known(text),
            // Nothing was ever saved, or the disk lied: the text that was deployed is used.
            None => node.ever_lied || self.checker.texts.len() == 1 || node.saved_never(),
        };
        if !fine {
            let what =
                format!("the startup configuration of {slot} is not whole: {found:?}, saved was {:?}", node.saved);
            self.checker.accuse(what);
        }
        if let Some(text) = found {
            node.saved = text.to_owned();
        }
        node.saving = None;
    }

    /// Remembers a text that an RP was asked to save.
    pub(super) fn saves(&mut self, text: &str) {
        self.checker.texts.insert(hash_of(text));
    }

    /// From here on no packet may be lost, until [`World::unguard`].
    pub(super) fn guard(&mut self) {
        if self.checker.guard.is_some() {
            return;
        }
        let probed = |node: &LcNode| {
            let Some(card) = &node.card else { return Vec::new() };
            let send = |probe: Probe| {
                let sent = probe.send(card.tables());
                (probe, sent)
            };
            self.probes(node.slot).into_iter().map(send).collect()
        };
        self.checker.guard = Some(self.lcs.iter().map(probed).collect());
    }

    /// A packet to each of some destinations of the feed, as it comes in at a line card's first port.
    fn probes(&self, slot: LcSlot) -> Vec<Probe> {
        let every = (self.feed.routes.len() / PROBES).max(1);
        let probed = self.feed.routes.iter().step_by(every).map(|(prefix, _)| prefix.nth(9));
        // And where a configuration may lead by a tag.
        probed.chain(vpn::DESTINATIONS).map(|to| Probe::new(slot, to)).collect()
    }

    pub(super) fn unguard(&mut self) {
        self.checker.guard = None;
    }

    /// Whether the chassis is whole and at rest: [`World::settled`] without the words.
    pub fn is_settled(&mut self) -> bool {
        let Some(active) = self.active() else { return false };
        let node = &self.rps[active.index()];
        let Some(rp) = node.rp.as_ref().filter(|rp| node.redundant && !node.paused && rp.converged()) else {
            return false;
        };
        let held = |node: &LcNode, card: &LineCard| {
            card.fib().table().root_digest() == self.root_for(active, rp, node.slot) && !card.fib().is_stale()
        };
        self.lcs.iter().all(|node| node.card.as_ref().is_some_and(|card| held(node, card))) && self.settled().is_ok()
    }

    /// Digest of what a line card is to hold of an active's table.
    fn root_for(&self, active: RpSlot, rp: &Rp, slot: LcSlot) -> u64 {
        let table = rp.fib().table();
        if self.is_of_release_1(active, slot) { table.root_digest_in_release_1() } else { table.root_digest() }
    }

    /// What must hold once things are quiet: one active, its peer as the operating mode promises, every
    /// line card in its epoch with exactly its table, that table the one that configuration and feed demand, and
    /// the standby holding what the mode has it hold.
    pub fn settled(&mut self) -> Result<(), Violation> {
        let wrong = |what: String| Err(Violation(what));
        if self.resets > 0 {
            return wrong("a slot is about to be reset".to_owned());
        }
        if self.upgrade_moves() {
            return wrong("an upgrade is on its way".to_owned());
        }
        let Some(active) = self.active() else {
            return wrong(format!("there is not exactly one active: {:?}", self.standing()));
        };
        let Some(rp) = &self.rps[active.index()].rp else { return wrong("the active is dead".to_owned()) };
        let view = rp.redundancy();
        if !view.redundant || !rp.converged() || view.state != RfState::Active {
            return wrong(format!("{active} is not redundant and converged: {:?}", self.rp(active)));
        }
        for node in &self.lcs {
            let slot = node.slot;
            let Some(card) = node.card.as_ref().filter(|_| !node.paused) else {
                return wrong(format!("line card {slot} is down"));
            };
            if card.highest() != view.epoch {
                return wrong(format!("line card {slot} obeys {}, the active is {}", card.highest(), view.epoch));
            }
            if card.fib().table().root_digest() != self.root_for(active, rp, slot) || card.fib().is_stale() {
                return wrong(format!("line card {slot} holds another table than {active}"));
            }
        }
        if rp.confirmed_cards().len() != self.lcs.len() {
            return wrong(format!("{active} has not adopted every line card: {:?}", rp.confirmed_cards()));
        }
        if let Some(third) = self.rps.get(RpSlot::C.index()).and_then(|node| node.rp.as_ref())
            && third.redundancy().state != RfState::Disabled
        {
            return wrong(format!("the third RP is {}", third.redundancy().state));
        }
        self.standby_is_ready(active)?;
        self.table_is_right(active)?;
        self.clients_are_alike()
    }

    fn standby_is_ready(&self, active: RpSlot) -> Result<(), Violation> {
        let wrong = |what: String| Err(Violation(what));
        let nodes = active.peer().map(|peer| (&self.rps[active.index()], &self.rps[peer.index()]));
        let Some((RpNode { rp: Some(rp), .. }, standby)) = nodes else { return Ok(()) };
        let Some(other) = standby.rp.as_ref().filter(|_| !standby.paused) else {
            return wrong("there is no standby".to_owned());
        };
        let (view, peer) = (rp.redundancy(), other.redundancy());
        let compatible = reference::compatible(view.release, peer.release);
        let operating = self.promised_mode(rp.config().redundancy.mode, compatible);
        if view.operating != operating || view.configured != rp.config().redundancy.mode {
            return wrong(format!("{active} operates in {}, it should be {operating}", view.operating));
        }
        if peer.active || peer.operating != operating || peer.state != operating.promised_state() {
            return wrong(format!("the standby is {} in {}, not as {operating} promises", peer.state, peer.operating));
        }
        // A unit of release 1.0 has, and gives, what that release understands.
        let newest = view.release != FIRST && peer.release != FIRST;
        let understood = |text: &str| match Config::parse(text, "wanted") {
            Ok(config) if !newest => config.for_release_1_0(text).text,
            Ok(_) | Err(_) => text.to_owned(),
        };
        if rp.startup().map(understood).as_deref() != other.startup() {
            return wrong("the standby's startup configuration is not the active's".to_owned());
        }
        let running = |config: &Config| Config::parse(&understood(&config.render()), "wanted").ok();
        if operating >= Mode::RprPlus && running(rp.config()).as_ref() != Some(other.config()) {
            return wrong("the standby's running configuration is not the active's".to_owned());
        }
        let root = |rp: &Rp| {
            let table = rp.fib().table();
            if newest { table.root_digest() } else { table.root_digest_in_release_1() }
        };
        if operating == Mode::Sso && root(rp) != root(other) {
            return wrong("the standby's table is not the active's".to_owned());
        }
        Ok(())
    }

    /// Every client that takes part holds the same on both units.
    fn clients_are_alike(&mut self) -> Result<(), Violation> {
        let newest = self.rps[..2].iter().all(|node| node.release != FIRST);
        let held = self.rps[..2].iter_mut().filter_map(|node| {
            let rp = node.rp.as_mut()?;
            let mode = rp.redundancy().operating;
            let mut held = rp.checkpointed(mode);
            // What another release is given of these is looked at by itself.
            held.retain(|(title, _)| newest || !title.ends_with("configuration"));
            Some(held)
        });
        let held: Vec<_> = held.collect();
        let Some([ours, theirs]) = held.first_chunk::<2>() else { return Ok(()) };
        let titles = |held: &[(&'static str, u64)]| held.iter().map(|(title, _)| *title).collect::<Vec<_>>();
        if titles(ours) != titles(theirs) {
            let what = format!("the standby holds {:?}, the active gives {:?}", titles(theirs), titles(ours));
            return Err(Violation(what));
        }
        if let Some(((title, _), _)) = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs) {
            return Err(Violation(format!("the standby's {title} are not the active's")));
        }
        Ok(())
    }

    /// The mode in which the units must operate.
    fn promised_mode(&self, configured: Mode, compatible: bool) -> Mode {
        reference::operating_mode(self.profile, !self.legacy.is_empty(), configured, compatible)
    }

    fn table_is_right(&self, active: RpSlot) -> Result<(), Violation> {
        let Some(rp) = &self.rps[active.index()].rp else { return Ok(()) };
        let root = rp.fib().table().root_digest();
        let known = |(verified, config): &(u64, Config)| *verified == root && config == rp.config();
        if self.checker.verified.as_ref().is_some_and(known) {
            return Ok(());
        }
        let mut wired = rp.config().clone();
        let is_down = |id: &InterfaceId, interface: &Interface| {
            let beyond =
                |port: PortId| self.is_of_release_1(active, port.slot) && !reference::is_known_to_release_1(interface);
            id.as_port().is_some_and(|port| self.pulled.contains(&port)) || id.port().is_some_and(beyond)
        };
        let down: Vec<(InterfaceId, Interface)> = wired
            .interfaces
            .iter()
            .filter(|(id, interface)| is_down(id, interface))
            .map(|(id, down)| (*id, down.clone()))
            .collect();
        for (id, interface) in down {
            wired.interfaces.set(id, Some(Interface { shutdown: true, ..interface }));
        }
        let demand = reference::demand(&wired, &self.feed.routes);
        reference::compare(rp.fib().table(), &demand)
            .and_then(|()| self.cards_are_right(active, &wired, &demand))
            .map_err(|what| Violation(format!("{active} forwards otherwise than its routes demand: {what}")))
    }

    /// Cards of release 1.0 hold what that release knows; and what line cards make of packets is what configuration and feed
    /// demand: where they go, and with which addresses.
    fn cards_are_right(&self, active: RpSlot, wired: &Config, demand: &Demand) -> Result<(), String> {
        let known = reference::known_to_release_1(demand);
        let open = |port: PortId| wired.interfaces.get(&port.into()).is_some_and(|interface| !interface.shutdown);
        for node in &self.lcs {
            let Some(card) = &node.card else { continue };
            let older = self.is_of_release_1(active, node.slot);
            if older {
                reference::compare(card.fib().table(), &known)
                    .map_err(|what| format!("line card {}, of release 1.0: {what}", node.slot))?;
            }
            let demand = if older { &known } else { demand };
            for probe in self.probes(node.slot).into_iter().filter(|probe| open(probe.at())) {
                let got = probe.send(card.tables());
                if !probe.may_become(&got, demand) {
                    return Err(format!("line card {} makes {got:?} of {probe}", node.slot));
                }
            }
        }
        Ok(())
    }

    /// The chassis is at rest: what was found right need not be computed again, and what it holds is safe.
    pub(super) fn rested(&mut self) {
        let Some(active) = self.active() else { return };
        let Some(rp) = &self.rps[active.index()].rp else { return };
        let root = rp.fib().table().root_digest();
        if self.checker.verified.as_ref().is_none_or(|(known, config)| *known != root || config != rp.config()) {
            self.checker.verified = Some((root, rp.config().clone()));
        }
        if rp.redundancy().operating >= Mode::RprPlus {
            self.checker.safe = number(rp.config());
        }
        self.write_back();
    }

    /// The number that the operator's next change gets.
    pub(super) fn next_change(&mut self) -> u64 {
        let held = self.rps.iter().filter_map(|node| node.rp.as_ref()).map(|rp| number(rp.config())).max();
        self.checker.acknowledged.max(held.unwrap_or(0)) + 1
    }
}

fn route_hash(key: fabric_proto::fib::FibKey, paths: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, paths).hash(&mut hasher);
    hasher.finish()
}
