//! Negotiation and fencing, checked exhaustively: every interleaving of two RPs, line cards, messages, timers, crashes,
//! partitions and pauses up to a bound.
//!
//! The machines are the real ones: `Rf` and `LineCard`. A state of the model holds numbers of machines that have
//! been seen; what a machine does with an input is found out by stepping it, once (`machines.rs`).
//!
//! What is abstracted, and it is more than reality allows: the RPs' clocks run as far apart as they like (any timer may
//! fire before any message arrives); clients and the bulk sync answer at once. What is less than reality: one heartbeat is on
//! its way in each direction, and a newer one replaces it, which is how heartbeats get lost; runs of a program are
//! numbered modulo four; terms end at a bound; an RP's connection to a line card comes up with the `Adopt` that it was
//! made for (an end of the RP between the two loses it, as if it had never been made).

mod machines;
mod recovery;

pub use machines::Machines;

use fabric_proto::{
    id::{Epoch, RpSlot},
    redundancy::Mode,
};
use machines::{CardInput, Cause, Effect, UnitInput};
use rp_core::redundancy::LastTerm;
use stateright::{Model, Property};
use std::sync::Arc;

/// Line cards of the model.
pub const CARDS: usize = 2;

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    /// Crashes of an RP.
    pub crashes: u8,
    /// Crashes of a line card, which forgets whom it obeyed.
    pub card_crashes: u8,
    /// Times that the two RPs are cut off from each other.
    pub cuts: u8,
    /// Times that an RP stands still until all its timers are long due.
    pub pauses: u8,
    /// Switchovers that the operator forces.
    pub forced: u8,
    /// Highest term.
    pub terms: u64,
    /// Timers that fire, heartbeats among them; `None`: any number.
    pub timers: Option<u8>,
}

/// Where every run of the model begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Begin {
    /// Nothing runs yet.
    Cold,
    /// One active, a ready standby, all line cards adopted.
    Whole,
}

/// An RP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    /// Number of the machine; `None` while the program does not run.
    running: Option<u32>,
    /// Number of the run, modulo four.
    boot: u8,
    /// What its disk remembers of terms.
    disk: LastTerm,
    /// Why the next run begins.
    cause: Cause,
    /// Its term, while it acts as active.
    term: Option<Epoch>,
}

/// A connection between an RP and a line card, and what is on its way there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct CardLink {
    /// The term in whose name it was dialled.
    term: Option<Epoch>,
    /// `Refused` is on its way back.
    refused: Option<Epoch>,
}

/// The whole chassis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    units: [Unit; 2],
    cards: [u32; CARDS],
    links: [[CardLink; CARDS]; 2],
    /// The heartbeat on its way to each unit.
    beats: [Option<u32>; 2],
    /// Messages on their way to each unit, in order.
    stream: [Vec<u32>; 2],
    /// The connection between the units.
    connected: bool,
    /// Units that have not noticed yet that it is gone.
    unnoticed: [bool; 2],
    cut: bool,
    left: Bound,
    /// The highest epoch that each unit has claimed so far.
    claimed: [Epoch; 2],
    /// What was violated on the way here.
    broken: Option<&'static str>,
}

impl State {
    /// Line cards have no names: two states that differ in which is which are one.
    fn sort_cards(&mut self) {
        let key = |state: &Self, card: usize| (state.cards[card], state.links[0][card], state.links[1][card]);
        if key(self, 1) < key(self, 0) {
            self.cards.swap(0, 1);
            self.links.iter_mut().for_each(|links| links.swap(0, 1));
        }
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A dead RP's program starts.
    Boot(usize),
    /// A unit's next timer fires.
    Timer(usize),
    /// A unit stands still for long, and goes on.
    Pause(usize),
    /// A unit hears the heartbeat that is on its way.
    Beat(usize),
    /// A unit gets the next message.
    Message(usize),
    /// The units' connection comes up.
    Connect,
    /// A unit notices that it is gone.
    Notice(usize),
    /// The program of an RP ends.
    Crash(usize),
    /// Nothing passes between the units any more.
    Cut,
    /// It does again.
    Heal,
    /// The operator forces a switchover.
    Force(usize),
    /// An active reaches a line card, which gets `Adopt`.
    Adopt(usize, usize),
    /// An RP gets `Refused`.
    Refused(usize, usize),
    /// The program of a line card ends, and another one starts.
    CardCrash(usize),
}

/// The model.
#[derive(Clone)]
pub struct Chassis {
    /// The real machines.
    pub machines: Arc<Machines>,
    /// How much may happen.
    pub bound: Bound,
    /// From one state in so many, a fair run must lead to a whole chassis.
    pub recover_every: u64,
    /// Where every run begins.
    pub begin: Begin,
}

const SLOTS: [RpSlot; 2] = [RpSlot::A, RpSlot::B];

impl Chassis {
    /// A chassis whose RPs are configured for `mode`.
    pub fn new(mode: Mode, bound: Bound, recover_every: u64) -> Self {
        Self { machines: Arc::new(Machines::new(mode)), bound, recover_every, begin: Begin::Cold }
    }

    /// A unit gets an input; what it asks for is done.
    fn step(&self, state: &mut State, at: usize, input: UnitInput) {
        let Some(machine) = state.units[at].running else { return };
        let (after, effects) = self.machines.unit(machine, input);
        state.units[at].running = Some(after);
        for effect in effects.iter() {
            self.perform(state, at, *effect);
        }
        if let UnitInput::Fenced(highest) = input
            && state.units[at].term.is_some_and(|term| term < highest)
        {
            state.broken = Some("a unit that was refused stays active");
        }
    }

    fn perform(&self, state: &mut State, at: usize, effect: Effect) {
        let peer = 1 - at;
        match effect {
            Effect::Beat(beat) => {
                if state.connected && !state.cut {
                    state.beats[peer] = Some(beat);
                }
            }
            Effect::Send(message) => {
                if state.connected {
                    state.stream[peer].push(message);
                }
            }
            Effect::SaveTerm(term) => {
                if term.epoch < state.units[at].disk.epoch {
                    state.broken = Some("an epoch on disk shrinks");
                }
                state.units[at].disk = term;
            }
            Effect::Active(epoch) => {
                let again = matches!(state.units[at].cause, Cause::Takeover(taken) if taken == epoch);
                // An epoch names its owner, so only a unit's own claims could meet: each is above those before.
                if epoch.owner() != Some(SLOTS[at]) || (epoch <= state.claimed[at] && !again) {
                    state.broken = Some("two runs claim one epoch");
                }
                state.claimed[at] = epoch;
                state.units[at].cause = Cause::Cold;
                state.units[at].term = Some(epoch);
            }
            Effect::Taken(epoch) => {
                if epoch.owner() != Some(SLOTS[at]) || epoch <= state.claimed[at] {
                    state.broken = Some("two runs claim one epoch");
                }
                state.claimed[at] = epoch;
            }
            Effect::Restart(cause) => {
                self.end(state, at);
                state.units[at].cause = cause;
            }
            Effect::ResetPeer => {
                self.end(state, peer);
                state.units[peer].cause = Cause::Cold;
            }
        }
    }

    /// A program ends. What it has sent still arrives; its peer notices then.
    fn end(&self, state: &mut State, at: usize) {
        state.units[at].running = None;
        state.units[at].term = None;
        state.stream[at].clear();
        state.beats[at] = None;
        state.unnoticed[at] = false;
        if std::mem::take(&mut state.connected) && state.units[1 - at].running.is_some() {
            state.unnoticed[1 - at] = true;
        }
        for card in 0..CARDS {
            if let Some(term) = state.links[at][card].term.take() {
                self.card(state, card, CardInput::Down { rp: at as u8, term });
            }
            state.links[at][card] = CardLink::default();
        }
    }

    fn card(&self, state: &mut State, card: usize, input: CardInput) {
        let before = self.machines.card_highest(state.cards[card]);
        let (after, refused) = self.machines.card(state.cards[card], input);
        state.cards[card] = after;
        if self.machines.card_highest(after) < before {
            state.broken = Some("a line card goes back to an older epoch");
        }
        if let CardInput::Adopt { term, .. } = input
            && term < before
            && self.machines.card_ruler(after) == Some(term)
        {
            state.broken = Some("a line card obeys an older epoch");
        }
        for (rp, highest) in refused.iter() {
            let link = &mut state.links[usize::from(*rp)][card];
            link.refused = Some(*highest);
        }
    }

    /// The events that a state allows, faults aside.
    fn ordinary(&self, state: &State, events: &mut Vec<Event>) {
        for at in 0..2 {
            let unit = &state.units[at];
            if unit.running.is_none() {
                events.push(Event::Boot(at));
                continue;
            }
            if state.left.timers != Some(0) && self.machines.wait(unit.running).is_some() {
                events.push(Event::Timer(at));
            }
            if state.beats[at].is_some() {
                events.push(Event::Beat(at));
            }
            if !state.stream[at].is_empty() && !state.cut {
                events.push(Event::Message(at));
            } else if state.unnoticed[at] {
                events.push(Event::Notice(at));
            }
            for card in 0..CARDS {
                let link = &state.links[at][card];
                if link.refused.is_some() {
                    events.push(Event::Refused(at, card));
                } else if unit.term.is_some() && link.term.is_none() {
                    events.push(Event::Adopt(at, card));
                }
            }
        }
        let both = state.units.iter().all(|unit| unit.running.is_some());
        if both && !state.connected && !state.cut && state.unnoticed == [false; 2] {
            events.push(Event::Connect);
        }
    }

    fn happens(&self, last: &State, event: Event) -> State {
        let mut state = last.clone();
        match event {
            Event::Boot(at) => {
                let unit = &mut state.units[at];
                unit.boot = (unit.boot + 1) % 4;
                let (machine, effects) = self.machines.boot(SLOTS[at], unit.boot, unit.disk, unit.cause);
                unit.running = Some(machine);
                for effect in effects.iter() {
                    self.perform(&mut state, at, *effect);
                }
                if !matches!(state.units[at].cause, Cause::Takeover(_)) {
                    state.units[at].cause = Cause::Cold;
                }
            }
            Event::Timer(at) => {
                state.left.timers = state.left.timers.map(|left| left.saturating_sub(1));
                self.step(&mut state, at, UnitInput::Timer);
            }
            Event::Pause(at) => {
                state.left.pauses -= 1;
                self.step(&mut state, at, UnitInput::Pause);
            }
            Event::Beat(at) => {
                if let Some(beat) = state.beats[at].take() {
                    self.step(&mut state, at, UnitInput::Beat(beat));
                }
            }
            Event::Message(at) => {
                let message = state.stream[at].remove(0);
                self.step(&mut state, at, UnitInput::Message(message));
            }
            Event::Connect => {
                state.connected = true;
                for at in 0..2 {
                    self.step(&mut state, at, UnitInput::Connected);
                }
            }
            Event::Notice(at) => {
                state.unnoticed[at] = false;
                self.step(&mut state, at, UnitInput::Lost);
            }
            Event::Crash(at) => {
                state.left.crashes -= 1;
                self.end(&mut state, at);
                state.units[at].cause = Cause::Cold;
            }
            Event::Cut => {
                state.left.cuts -= 1;
                state.cut = true;
                state.beats = [None; 2];
            }
            Event::Heal => state.cut = false,
            Event::Force(at) => {
                state.left.forced -= 1;
                self.step(&mut state, at, UnitInput::Force);
            }
            Event::Adopt(at, card) => {
                let term = state.units[at].term;
                state.links[at][card] = CardLink { term, refused: None };
                if let Some(term) = term {
                    self.card(&mut state, card, CardInput::Up { rp: at as u8, term });
                    self.card(&mut state, card, CardInput::Adopt { rp: at as u8, term });
                }
            }
            Event::Refused(at, card) => {
                let link = std::mem::take(&mut state.links[at][card]);
                if let Some(highest) = link.refused {
                    self.step(&mut state, at, UnitInput::Fenced(highest));
                }
            }
            Event::CardCrash(card) => {
                state.left.card_crashes -= 1;
                state.cards[card] = self.machines.new_card();
                for at in 0..2 {
                    state.links[at][card] = CardLink::default();
                }
            }
        }
        state.sort_cards();
        state
    }
}

impl Model for Chassis {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        let unit = Unit { running: None, boot: 0, disk: LastTerm::default(), cause: Cause::Cold, term: None };
        let cold = State {
            units: [unit; 2],
            cards: [self.machines.new_card(); CARDS],
            links: Default::default(),
            beats: [None; 2],
            stream: Default::default(),
            connected: false,
            unnoticed: [false; 2],
            cut: false,
            left: self.bound,
            claimed: [Epoch::NONE; 2],
            broken: None,
        };
        match self.begin {
            Begin::Cold => vec![cold],
            Begin::Whole => {
                self.made_whole(cold).map(|whole| State { left: self.bound, ..whole }).into_iter().collect()
            }
        }
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        self.ordinary(state, events);
        for at in 0..2 {
            if state.units[at].running.is_some() {
                if state.left.crashes > 0 {
                    events.push(Event::Crash(at));
                }
                if state.left.pauses > 0 {
                    events.push(Event::Pause(at));
                }
                if state.left.forced > 0 && state.units[at].term.is_some() {
                    events.push(Event::Force(at));
                }
            }
        }
        if state.left.card_crashes > 0 {
            events.extend((0..CARDS).map(Event::CardCrash));
        }
        if state.cut {
            events.push(Event::Heal);
        } else if state.left.cuts > 0 {
            events.push(Event::Cut);
        }
    }

    fn next_state(&self, last: &State, event: Event) -> Option<State> {
        Some(self.happens(last, event))
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.units.iter().all(|unit| unit.disk.epoch.term() <= self.bound.terms)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing is broken on the way", |_, state: &State| state.broken.is_none()),
            Property::always("line cards of one epoch obey one RP", |model: &Self, state: &State| {
                let rulers = state.cards.map(|card| model.machines.card_obeys(card));
                match rulers {
                    [Some((one, epoch)), Some((other, same))] => epoch != same || one == other,
                    _ => true,
                }
            }),
            Property::always("a fair run makes the chassis whole", |model: &Self, state: &State| model.recovers(state)),
            Property::sometimes("a standby takes over", |_, state: &State| {
                state.units[1].term.is_some_and(|term| term.term() > 1)
            }),
            Property::sometimes("an old active is fenced", |_, state: &State| {
                state.links.iter().flatten().any(|link| link.refused.is_some())
            }),
        ]
    }
}
