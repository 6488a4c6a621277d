//! The active's sessions with line cards.

mod card;
mod phase;
mod ports;
mod without;

pub use ports::CardChange;

use super::{FibMaster, Level, chunk::Chunks};
use card::Card;
use fabric_proto::{
    id::{Epoch, LcSlot, RpSlot},
    linecard::{Adoption, FromLc, InterfaceConfig, PortConfig, ToLc},
    operator::EventKind,
    time::Instant,
};
use ports::Told;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Most updates that a line card may leave unanswered. With batches of up to 64 KiB that is 2 MiB in flight:
/// enough to keep a card busy over any fabric delay, little enough to let a slow one cost nothing but memory.
pub const WINDOW: u64 = 32;

/// What can happen to the sessions.
#[derive(Clone, Debug)]
pub enum Input {
    /// A line card's connection is up: adopt it.
    Connected {
        /// The card.
        slot: LcSlot,
        /// What it shall do with its tables; a card that comes back in the same term keeps them in any case.
        adoption: Adoption,
        /// What its release has words for.
        level: Level,
    },
    /// The card's connection ended.
    Disconnected {
        /// The card.
        slot: LcSlot,
    },
    /// A card's ports as configured: sent at once, and again after every adoption.
    Ports {
        /// The card.
        slot: LcSlot,
        /// Its ports.
        ports: Vec<PortConfig>,
        /// Their subinterfaces, and what is in a VRF.
        interfaces: Vec<InterfaceConfig>,
    },
    /// What may have changed of them.
    Changed {
        /// The card.
        slot: LcSlot,
        /// Ports and interfaces as they are now.
        changes: Vec<CardChange>,
    },
    /// A card said something.
    Message {
        /// The card.
        slot: LcSlot,
        /// What.
        message: FromLc,
    },
    /// The table has changed.
    TableChanged,
    /// The RIB is complete, and what was stale is withdrawn.
    Converged,
}

/// What the sessions ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send to a card, in order.
    Send {
        /// The card.
        slot: LcSlot,
        /// What.
        message: ToLc,
    },
    /// A card obeys this term.
    Adopted {
        /// The card.
        slot: LcSlot,
        /// What it did with its tables.
        how: Adoption,
    },
    /// A card's table equals the RP's: for the first time since its adoption, or after a repair.
    InSync {
        /// The card.
        slot: LcSlot,
        /// Buckets that had to be sent again.
        buckets: u32,
        /// Routes sent since adoption.
        routes: u64,
    },
    /// A card confirmed that it holds the complete table and that nothing in it is stale.
    Confirmed {
        /// The card.
        slot: LcSlot,
    },
    /// A port of a card came up or went down; one that the card has no words for is down.
    PortState {
        /// The card.
        slot: LcSlot,
        /// The port on it.
        port: u8,
        /// Whether it carries traffic.
        up: bool,
    },
    /// A card's release has no words for this, and the card goes on without. Said once, for as long as there is any of it.
    Without {
        /// The card.
        slot: LcSlot,
        /// What.
        what: Beyond,
    },
    /// A card obeys a newer active: this RP must demote itself.
    Fenced {
        /// The epoch that the card obeys.
        highest: Epoch,
    },
    /// A card was told to reset.
    Reset {
        /// The card.
        slot: LcSlot,
        /// Why.
        reason: ResetReason,
    },
    /// A card's connection ended.
    Lost {
        /// The card.
        slot: LcSlot,
    },
}

/// What the first release has no words for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// Entries of VRFs, labels and circuits.
    Entries,
    /// Path lists with other paths than by untagged Ethernet.
    Paths,
    /// Interfaces of the card's own.
    Interfaces(Vec<InterfaceConfig>),
}

/// Why a card is told to start from nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// Its table differs although all of it was sent.
    Irreconcilable,
    /// It answered something that makes no sense.
    Misbehaved,
}

impl fmt::Display for ResetReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Irreconcilable => "its forwarding table differs although all of it was sent",
            Self::Misbehaved => "it answered something that makes no sense",
        })
    }
}

impl Output {
    /// The event that it stands for, if it is one.
    pub fn event(&self) -> Option<EventKind> {
        match self {
            Self::Adopted { slot, how } => Some(EventKind::LcAdopted { slot: *slot, how: *how }),
            Self::InSync { slot, buckets, routes } => {
                Some(EventKind::LcInSync { slot: *slot, buckets: *buckets, routes: *routes })
            }
            Self::Reset { slot, reason } => Some(EventKind::LcReset { slot: *slot, reason: reason.to_string() }),
            Self::Lost { slot } => Some(EventKind::LcLost { slot: *slot }),
            // The owner logs its own fencing, and knows names; a line card tells of its ports itself.
            Self::Send { .. }
            | Self::Confirmed { .. }
            | Self::PortState { .. }
            | Self::Without { .. }
            | Self::Fenced { .. } => None,
        }
    }
}

/// How a session stands, for show commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// The card.
    pub slot: LcSlot,
    /// What it is doing, in a word or two.
    pub phase: &'static str,
    /// Whether it confirmed that it holds the complete table.
    pub confirmed: bool,
    /// What it is given: what its release has words for.
    pub level: Level,
    /// Last batch of the log that was sent.
    pub sent_seq: u64,
    /// Updates sent and not yet acknowledged.
    pub unacknowledged: u64,
    /// Routes sent since adoption.
    pub routes: u64,
    /// Buckets sent again since adoption.
    pub buckets: u32,
}

/// The active's sessions with line cards, for one term.
///
/// ```text
///                Keep, roots differ      Digests
///  Adopting ──► Lists ───────────► Comparing ──► Repairing ──┐
///     │          ▲ │ Flush, or an empty card                 │
///     │          │ ├─────────────► Downloading ──────────────┤
///     │          │ │ Keep, roots equal                       ▼
///     │          │ └───────────────────────────────────► Following
///     ▼          │ Digests: differs                          │ RIB converged
///  Refused:      └─────────────────── Confirming ◄───────────┘
///  fenced                              │       ▲ audit, some time after changes
///                                InSync ▼       │
///                                     Confirmed
/// ```
///
/// The log runs beside all of it: a card is always sent every batch before anything else. A card for which the log has
/// forgotten a batch is adopted once more.
#[derive(Debug)]
pub struct FibFeed {
    rp: RpSlot,
    /// What each card is to be told of its ports.
    ports: BTreeMap<LcSlot, Told>,
    cards: BTreeMap<LcSlot, Card>,
    /// Cards that obeyed this term before: their tables are this term's, more or less.
    known: BTreeSet<LcSlot>,
    chunks: Chunks,
    converged: bool,
}

impl FibFeed {
    /// No sessions yet, on the RP in `rp`, for the term that the table has begun ([`FibMaster::begin_term`]).
    pub fn new(rp: RpSlot) -> Self {
        Self {
            rp,
            ports: BTreeMap::new(),
            cards: BTreeMap::new(),
            known: BTreeSet::new(),
            chunks: Chunks::default(),
            converged: false,
        }
    }

    /// Takes one input (`None`: the deadline has passed), with the table that the sessions distribute; changes that
    /// are still being gathered in it are flushed.
    ///
    /// As [`fabric_proto::machine::Machine::step`], with the table lent for the step.
    pub fn step(&mut self, now: Instant, input: Option<Input>, fib: &mut FibMaster, out: &mut Vec<Output>) {
        fib.flush();
        match input {
            None => self.cards.values_mut().for_each(|card| card.audit(now, fib)),
            Some(Input::TableChanged) => {}
            Some(Input::Converged) => self.converged = true,
            Some(Input::Connected { slot, adoption, level }) => {
                self.connected(slot, adoption, level, fib.position().epoch, out);
            }
            Some(Input::Disconnected { slot }) => {
                if self.cards.remove(&slot).is_some() {
                    out.push(Output::Lost { slot });
                }
            }
            Some(Input::Ports { slot, ports, interfaces }) => {
                let told = Told::new(ports, interfaces);
                if let Some(card) = self.cards.get_mut(&slot) {
                    card.configure(&told, out);
                    card.say_ports(&told, out);
                }
                self.ports.insert(slot, told);
            }
            Some(Input::Changed { slot, changes }) => {
                let told = self.ports.entry(slot).or_default();
                if let (Some(message), Some(card)) = (told.change(changes), self.cards.get_mut(&slot)) {
                    card.reconfigure(told, message, out);
                    card.say_ports(told, out);
                }
            }
            Some(Input::Message { slot, message }) => self.heard(now, slot, message, fib, out),
        }
        if self.cards.values().any(Card::is_to_be_compared) {
            fib.renew_digests();
        }
        for card in self.cards.values_mut() {
            card.progress(now, self.converged, fib, &mut self.chunks, out);
            card.say_without(fib, out);
        }
        if !self.cards.values().any(Card::is_downloading) {
            self.chunks.clear();
        }
    }

    /// When [`FibFeed::step`] wants to be called again without an input.
    pub fn deadline(&self) -> Option<Instant> {
        self.cards.values().filter_map(Card::deadline).min()
    }

    /// Whether every connected card has confirmed that it holds the complete table.
    pub fn all_confirmed(&self) -> bool {
        self.cards.values().all(Card::is_confirmed)
    }

    /// Cards that confirmed that they hold the complete table.
    pub fn confirmed(&self) -> Vec<LcSlot> {
        self.cards.iter().filter(|(_, card)| card.is_confirmed()).map(|(slot, _)| *slot).collect()
    }

    /// Every session, by slot.
    pub fn status(&self) -> Vec<SessionStatus> {
        self.cards.values().map(Card::status).collect()
    }

    fn connected(&mut self, slot: LcSlot, how: Adoption, level: Level, epoch: Epoch, out: &mut Vec<Output>) {
        // A term empties a card once; a lost connection is no reason to stop forwarding.
        let how = if self.known.contains(&slot) { Adoption::Keep } else { how };
        let card = self.cards.entry(slot).insert_entry(Card::adopt(slot, self.rp, how, level, epoch, out)).into_mut();
        if let Some(told) = self.ports.get(&slot) {
            card.configure(told, out);
        }
    }

    fn heard(&mut self, now: Instant, slot: LcSlot, message: FromLc, fib: &FibMaster, out: &mut Vec<Output>) {
        let Some(card) = self.cards.get_mut(&slot) else { return };
        let before = card.is_adopted();
        card.heard(now, message, fib, out);
        if card.is_adopted() {
            self.known.insert(slot);
            if let Some(told) = self.ports.get(&slot).filter(|_| !before) {
                card.say_ports(told, out);
            }
        }
    }
}
