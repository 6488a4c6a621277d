//! The real machines, stepped once for every state and input, and remembered.

use fabric_proto::{
    id::{Epoch, LcSlot, RpSlot},
    issu::Compatibility,
    linecard::{Adoption, FromLc, ToLc},
    machine::Machine as _,
    operator::LcStats,
    redundancy::{Heartbeat, Hello, Mode, RfMessage, SwitchoverReason},
    time::Instant,
};
use linecard_core::linecard::{Input as LcInput, LineCard, LineCardConfig, Output as LcOutput, STALE_TIME};
use rp_core::redundancy::{BootCause, Config, Input, LastTerm, Met, Output, Rf};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

/// Every machine's clock shows this before a step: only differences matter.
const NOON: Instant = Instant(1 << 50);

/// A heartbeat interval; everything else is a multiple, so that few distances between timers exist.
const BEAT: Duration = Duration::from_millis(100);
const SWITCHOVER: Duration = Duration::from_millis(200);

/// Of both units.
const RELEASE: &str = "1.0";

/// Why a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    Cold,
    Fenced,
    Takeover(Epoch),
}

/// What a unit may be told. Messages and heartbeats go by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum UnitInput {
    Timer,
    Pause,
    /// Time passes and nothing is due.
    Wait(Duration),
    Beat(u32),
    Message(u32),
    Connected,
    Lost,
    Fenced(Epoch),
    Force,
}

/// What a unit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Effect {
    Beat(u32),
    Send(u32),
    SaveTerm(LastTerm),
    Active(Epoch),
    /// A term is taken that the next run begins with.
    Taken(Epoch),
    Restart(Cause),
    ResetPeer,
}

/// What a line card may be told. A session is named by the RP and the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CardInput {
    Up { rp: u8, term: Epoch },
    Adopt { rp: u8, term: Epoch },
    Down { rp: u8, term: Epoch },
}

/// All that decides what a line card will do with sessions and adoptions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Card {
    highest: Epoch,
    /// The session that rules it.
    ruler: Option<u64>,
    /// Sessions that have not adopted it.
    waiting: BTreeMap<u64, RpSlot>,
}

/// A machine after a step, and what it asked for.
type Stepped<Asked> = (u32, Arc<[Asked]>);

#[derive(Default)]
struct Seen {
    units: Vec<Arc<Rf>>,
    unit_numbers: HashMap<String, u32>,
    unit_memo: HashMap<(u32, UnitInput), Stepped<Effect>>,
    boot_memo: HashMap<(RpSlot, u8, LastTerm, Cause), Stepped<Effect>>,
    beats: Vec<Heartbeat>,
    beat_numbers: HashMap<String, u32>,
    messages: Vec<RfMessage>,
    message_numbers: HashMap<String, u32>,
    cards: Vec<Card>,
    card_numbers: HashMap<Card, u32>,
    card_memo: HashMap<(u32, CardInput), Stepped<(u8, Epoch)>>,
}

/// Every machine, message and step seen so far.
pub struct Machines {
    mode: Mode,
    seen: RwLock<Seen>,
}

impl Machines {
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode, seen: RwLock::new(Seen::default()) }
    }

    fn seen(&self) -> RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self) -> RwLockWriteGuard<'_, Seen> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Different machines of an RP, and of a line card, seen so far; and steps taken with the real ones.
    pub fn counts(&self) -> [usize; 3] {
        let seen = self.seen();
        [seen.units.len(), seen.cards.len(), seen.unit_memo.len() + seen.boot_memo.len() + seen.card_memo.len()]
    }

    /// A program starts.
    pub(super) fn boot(&self, slot: RpSlot, boot: u8, disk: LastTerm, cause: Cause) -> Stepped<Effect> {
        if let Some(known) = self.seen().boot_memo.get(&(slot, boot, disk, cause)) {
            return known.clone();
        }
        let mut seen = self.fill();
        let config = Config {
            configured: self.mode,
            last_term: disk,
            heartbeat: BEAT,
            switchover: SWITCHOVER,
            client_notification: BEAT,
            fenced_wait: SWITCHOVER * 2,
            clients: Vec::new(),
            cause: match cause {
                Cause::Cold => BootCause::Cold,
                Cause::Fenced => BootCause::Fenced,
                Cause::Takeover(epoch) => BootCause::Takeover {
                    epoch,
                    reason: SwitchoverReason::ActiveUnitFailed,
                    failed: None,
                    switchovers: Vec::new(),
                    chassis_since: None,
                },
            },
            ..Config::new(slot, u64::from(boot), RELEASE)
        };
        let mut rf = Rf::new(config, NOON);
        let mut out = Vec::new();
        rf.step(NOON, None, &mut out);
        let result = seen.after(rf, NOON, out);
        seen.boot_memo.insert((slot, boot, disk, cause), result.clone());
        result
    }

    /// A unit gets an input.
    pub(super) fn unit(&self, number: u32, input: UnitInput) -> Stepped<Effect> {
        if let Some(known) = self.seen().unit_memo.get(&(number, input)) {
            return known.clone();
        }
        let mut seen = self.fill();
        let mut rf = Rf::clone(&seen.units[number as usize]);
        let mut out = Vec::new();
        let mut now = NOON;
        let given = match input {
            UnitInput::Timer => {
                now = rf.deadline().unwrap_or(NOON).max(NOON);
                None
            }
            UnitInput::Pause => {
                now = NOON + SWITCHOVER * 20;
                None
            }
            UnitInput::Wait(time) => {
                let result = seen.after(rf, NOON + time, Vec::new());
                seen.unit_memo.insert((number, input), result.clone());
                return result;
            }
            // Never overtaken: the newest replaces an older one.
            UnitInput::Beat(beat) => Some(Input::Heartbeat(Heartbeat { seq: 1, ..seen.beats[beat as usize].clone() })),
            UnitInput::Message(message) => Some(Input::Message(fresh(&seen.messages[message as usize]))),
            // Both run one release: what it comes to beside itself decides nothing.
            UnitInput::Connected => {
                Some(Input::PeerConnected(Met { release: RELEASE.to_owned(), verdict: Compatibility::Compatible }))
            }
            UnitInput::Lost => Some(Input::PeerDisconnected),
            UnitInput::Fenced(highest) => Some(Input::Fenced { highest }),
            UnitInput::Force => Some(Input::ForceSwitchover),
        };
        rf.step(now, given, &mut out);
        let result = seen.after(rf, now, out);
        seen.unit_memo.insert((number, input), result.clone());
        result
    }

    /// Time until a unit's next timer.
    pub(super) fn wait(&self, number: Option<u32>) -> Option<Duration> {
        let seen = self.seen();
        let deadline = seen.units[number? as usize].deadline()?;
        Some(deadline.since(NOON))
    }

    /// Whether a unit says that the chassis is redundant.
    pub(super) fn is_redundant(&self, number: u32) -> bool {
        self.seen().units[number as usize].view().redundant
    }

    /// A line card that has just started and remembers nothing.
    pub(super) fn new_card(&self) -> u32 {
        self.fill().card_number(Card { highest: Epoch::NONE, ruler: None, waiting: BTreeMap::new() })
    }

    pub(super) fn card_highest(&self, number: u32) -> Epoch {
        self.seen().cards[number as usize].highest
    }

    /// The term of the session that rules a card.
    pub(super) fn card_ruler(&self, number: u32) -> Option<Epoch> {
        self.seen().cards[number as usize].ruler.map(Epoch)
    }

    /// Whom a card obeys, and in which epoch.
    pub(super) fn card_obeys(&self, number: u32) -> Option<(Option<RpSlot>, Epoch)> {
        let seen = self.seen();
        let card = &seen.cards[number as usize];
        card.ruler.map(|session| (Epoch(session).owner(), card.highest))
    }

    /// A line card gets an input; returned are the RPs that it refuses, and with what.
    pub(super) fn card(&self, number: u32, input: CardInput) -> Stepped<(u8, Epoch)> {
        if let Some(known) = self.seen().card_memo.get(&(number, input)) {
            return known.clone();
        }
        let mut seen = self.fill();
        let (card, refused) = step_card(&seen.cards[number as usize], input);
        let result = (seen.card_number(card), Arc::from(refused));
        seen.card_memo.insert((number, input), result.clone());
        result
    }
}

impl Seen {
    /// Puts away a machine after a step, with what it asked for. Clients and the bulk sync answer at once.
    fn after(&mut self, mut rf: Rf, now: Instant, mut out: Vec<Output>) -> Stepped<Effect> {
        let mut effects = Vec::new();
        while !out.is_empty() {
            let mut answers = Vec::new();
            for output in std::mem::take(&mut out) {
                match output {
                    Output::SendHeartbeat(heartbeat) => {
                        let heartbeat = Heartbeat { seq: 0, ..heartbeat };
                        effects.push(Effect::Beat(number(&mut self.beats, &mut self.beat_numbers, heartbeat)));
                    }
                    Output::Send(message) => {
                        let message = timeless(message);
                        effects.push(Effect::Send(number(&mut self.messages, &mut self.message_numbers, message)));
                    }
                    Output::NotifyClient { client, event } => answers.push(Input::ClientDone { client, event }),
                    Output::StartBulkSync { .. } => answers.push(Input::CfReady),
                    Output::DrainSync => answers.push(Input::CfDrained),
                    Output::SaveTerm(term) => effects.push(Effect::SaveTerm(term)),
                    Output::BecomeActive { epoch, .. } => effects.push(Effect::Active(epoch)),
                    Output::RestartSelf { next, .. } => effects.push(Effect::Restart(cause(&next))),
                    Output::ColdBoot { next, epoch, .. } => {
                        effects.extend([Effect::Taken(epoch), Effect::Restart(cause(&next))]);
                    }
                    Output::ResetChassis { next, .. } => {
                        if let Cause::Takeover(epoch) = cause(&next) {
                            effects.push(Effect::Taken(epoch));
                        }
                        effects.extend([Effect::ResetPeer, Effect::Restart(cause(&next))]);
                    }
                    Output::ResetPeer { .. } => effects.push(Effect::ResetPeer),
                    Output::BecomeStandby { .. } | Output::StopSync | Output::Event(_) | Output::Refuse { .. } => {}
                }
            }
            for answer in answers {
                rf.step(now, Some(answer), &mut out);
            }
        }
        let same = rf.canonical(now, NOON);
        let name = format!("{same:?}");
        let number = match self.unit_numbers.get(&name) {
            Some(number) => *number,
            None => {
                self.units.push(Arc::new(same));
                let number = (self.units.len() - 1) as u32;
                self.unit_numbers.insert(name, number);
                number
            }
        };
        (number, Arc::from(effects))
    }

    fn card_number(&mut self, card: Card) -> u32 {
        if let Some(number) = self.card_numbers.get(&card) {
            return *number;
        }
        self.cards.push(card.clone());
        let number = (self.cards.len() - 1) as u32;
        self.card_numbers.insert(card, number);
        number
    }
}

fn number<T: std::fmt::Debug>(all: &mut Vec<T>, numbers: &mut HashMap<String, u32>, one: T) -> u32 {
    let name = format!("{one:?}");
    *numbers.entry(name).or_insert_with(|| {
        all.push(one);
        (all.len() - 1) as u32
    })
}

/// A message without what is only for display.
fn timeless(message: RfMessage) -> RfMessage {
    match message {
        RfMessage::Hello(hello) => RfMessage::Hello(Box::new(Hello {
            heartbeat: Heartbeat { seq: 0, ..hello.heartbeat },
            switchovers: Vec::new(),
            chassis_since: NOON,
            versions: hello.versions,
        })),
        other => other,
    }
}

/// A message as it arrives: nothing in it is older than what was heard.
fn fresh(message: &RfMessage) -> RfMessage {
    match message {
        RfMessage::Hello(hello) => {
            let heartbeat = Heartbeat { seq: 1, ..hello.heartbeat.clone() };
            RfMessage::Hello(Box::new(Hello { heartbeat, ..Hello::clone(hello) }))
        }
        other => other.clone(),
    }
}

fn cause(next: &BootCause) -> Cause {
    match next {
        BootCause::Cold => Cause::Cold,
        BootCause::Fenced => Cause::Fenced,
        BootCause::Takeover { epoch, .. } => Cause::Takeover(*epoch),
    }
}

/// Brings a real line card to where `card` is, gives it the input, and looks where it went.
fn step_card(card: &Card, input: CardInput) -> (Card, Vec<(u8, Epoch)>) {
    let config = LineCardConfig { slot: LcSlot(1), boot: 1, highest: card.highest, stale_time: STALE_TIME };
    let mut machine = LineCard::new(config);
    let mut out = Vec::new();
    let adopt = |epoch: Epoch, rp| ToLc::Adopt { epoch, rp, how: Adoption::Keep };
    let mut before = Vec::new();
    if let Some(session) = card.ruler
        && let Some(rp) = Epoch(session).owner()
    {
        before.push(LcInput::SessionUp { session, rp });
        before.push(LcInput::Message { session, message: adopt(Epoch(session), rp) });
    }
    before.extend(card.waiting.iter().map(|(session, rp)| LcInput::SessionUp { session: *session, rp: *rp }));
    for input in before {
        machine.step(NOON, Some(input), &mut out);
    }
    out.clear();
    let mut after = card.clone();
    let given = match input {
        CardInput::Up { rp, term } => {
            let rp = RpSlot::ALL[usize::from(rp)];
            after.waiting.insert(term.0, rp);
            LcInput::SessionUp { session: term.0, rp }
        }
        CardInput::Adopt { rp, term } => {
            LcInput::Message { session: term.0, message: adopt(term, RpSlot::ALL[usize::from(rp)]) }
        }
        CardInput::Down { term, .. } => {
            after.waiting.remove(&term.0);
            LcInput::SessionDown { session: term.0 }
        }
    };
    machine.step(NOON, Some(given), &mut out);
    let mut refused = Vec::new();
    for output in out {
        match output {
            LcOutput::Send { session, message: FromLc::Refused { highest } } => {
                if let Some(rp) = Epoch(session).owner() {
                    refused.push((rp.index() as u8, highest));
                }
            }
            LcOutput::Send { session, message: FromLc::Adopted { .. } } => {
                after.waiting.remove(&session);
                after.ruler = Some(session);
            }
            LcOutput::CloseSession { session } => {
                after.waiting.remove(&session);
            }
            _ => {}
        }
    }
    let mut stats = LcStats::default();
    machine.report(&mut stats);
    after.highest = machine.highest();
    if stats.active.is_none() {
        after.ruler = None;
    }
    (after, refused)
}
