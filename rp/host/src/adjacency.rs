//! Neighbours of every interface: ARP (RFC 826) and neighbour unreachability detection (RFC 4861 §7.3) in one table.
//!
//! An entry is made when somebody wants to send (a packet waits: a few per neighbour, oldest dropped first), or when somebody
//! speaks to us first. Of the latter nothing is said to the forwarding table before they are wanted: a flood of questions from
//! invented addresses fills a part of this table, and neither the forwarding table nor the place of what is used.
//!
//! Who does not answer is asked by timers of his own, and questions are paced for the whole router by classes and interfaces in
//! turn ([`pace`]): a dead neighbour, or ten thousand, costs a live one nothing but its turn.
//!
//! Use is what this machine sees: packets that it sends, packets that wait. What line cards forward it does not see. ARP entries are
//! therefore asked after by unicast before they are too old; entries of neighbour discovery become stale as the RFC has it, are verified
//! once they are used here, and asked after before they expire.

mod entry;
mod learn;
pub(crate) mod pace;
mod saved;
mod timers;

pub use entry::{Neighbour, Reachability};
pub use saved::Saved;

use crate::interface::NeighbourSettings;
use entry::{Entry, State};
use fabric_proto::{fib::Mac, id::InterfaceId, time::Instant};
use pace::{Class, Pace};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

/// Who a neighbour is.
pub(crate) type Key = (InterfaceId, IpAddr);

/// Bounds of the table, and the pace of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Neighbours of an interface.
    pub neighbours: usize,
    /// Those of them that nobody has wanted yet.
    pub unwanted: usize,
    /// Packets that wait for one neighbour (RFC 1122 §2.3.2.2: one at least).
    pub waiting: usize,
    /// Packets that wait for any.
    pub waiting_in_all: usize,
    /// Questions a second, of all interfaces.
    pub questions: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { neighbours: 16_384, unwanted: 2_048, waiting: 3, waiting_in_all: 16_384, questions: 8_000 }
    }
}

/// What was refused, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Neighbours for whom there was no place.
    pub full: u64,
    /// Entries that gave way: nobody wanted them, or they did not answer.
    pub evicted: u64,
    /// Packets that waited and had to go: too many for one neighbour, or in all.
    pub waiting: u64,
    /// Packets to neighbours that had not answered shortly before.
    pub unreachable: u64,
}

/// What is to be done about neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Ask for it: everybody, or the station that had it.
    Solicit { key: Key, station: Option<Mac> },
    /// Send what waited, or what need not wait.
    Deliver { key: Key, station: Mac, packet: Vec<u8> },
    /// The forwarding table is to have it, or not any more.
    Adjacency { key: Key, station: Option<Mac> },
    /// It does not answer: this packet does not reach it.
    Unreachable { key: Key, packet: Vec<u8> },
}

/// The neighbours of all interfaces.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    limits: Limits,
    entries: BTreeMap<Key, Entry>,
    /// Those of them that are configured.
    fixed: BTreeMap<Key, Mac>,
    settings: BTreeMap<InterfaceId, Shelf>,
    timers: BTreeSet<(Instant, Key)>,
    /// Entries that give way when there is no place, the oldest first.
    spare: BTreeSet<(InterfaceId, u64, IpAddr)>,
    pace: Pace,
    /// Packets that wait.
    waiting: usize,
    /// Numbers entries in the order in which they were made.
    made: u64,
    random: u64,
    refused: Refused,
}

/// What is counted and configured of an interface.
#[derive(Clone, Copy, Debug, Default)]
struct Shelf {
    settings: NeighbourSettings,
    count: usize,
    unwanted: usize,
}

/// Between questions (RFC 4861 §10, RETRANS_TIMER; RFC 1122 §2.3.2.1 has no more than one a second).
pub(crate) const RETRANSMIT: Duration = Duration::from_secs(1);
/// Questions to everybody (MAX_MULTICAST_SOLICIT).
pub(crate) const ATTEMPTS: u8 = 3;
/// Questions to the station that had it (MAX_UNICAST_SOLICIT); then everybody is asked once more: it may have moved (RFC 7048 §3).
pub(crate) const UNICAST_ATTEMPTS: u8 = 3;
/// How long a neighbour is used on the strength of old knowledge before it is asked (DELAY_FIRST_PROBE_TIME).
const DELAY: Duration = Duration::from_secs(5);
/// How long nobody is asked again who has not answered.
const HELD: Duration = Duration::from_secs(2);
/// How long before its end an entry is asked after.
const AHEAD: Duration = Duration::from_secs(60);

impl Neighbours {
    pub(crate) fn new(limits: Limits, random: u64) -> Self {
        Self { limits, random, pace: Pace::new(limits.questions), ..Self::default() }
    }

    pub(crate) fn refused(&self) -> Refused {
        self.refused
    }

    /// An interface can have neighbours, with these settings; `None`: it has none any more.
    pub(crate) fn interface(&mut self, id: InterfaceId, settings: Option<NeighbourSettings>, out: &mut Vec<Ask>) {
        match settings {
            Some(settings) => self.settings.entry(id).or_default().settings = settings,
            None => {
                self.forget_all(Some(id), out);
                let fixed = |entry: &Entry| matches!(entry.state, State::Static { .. });
                if self.of(id).all(|(_, entry)| !fixed(entry)) {
                    self.settings.remove(&id);
                }
            }
        }
    }

    /// A packet for a neighbour. It is sent, waits, or does not reach it.
    pub(crate) fn send(&mut self, now: Instant, key: Key, packet: Option<Vec<u8>>, out: &mut Vec<Ask>) {
        self.want(now, key, out);
        let Some(entry) = self.entries.get_mut(&key) else { return };
        match &mut entry.state {
            State::Static { station } | State::Known { station, .. } => {
                let station = *station;
                out.extend(packet.map(|packet| Ask::Deliver { key, station, packet }));
                self.used(now, key);
            }
            State::Incomplete { waiting, .. } => {
                let Some(packet) = packet else { return };
                if waiting.len() >= self.limits.waiting.max(1) {
                    // RFC 4861 §7.2.2: the new one takes the place of the oldest.
                    waiting.pop_front();
                } else if self.waiting < self.limits.waiting_in_all {
                    self.waiting += 1;
                } else {
                    self.refused.waiting += 1;
                    return;
                }
                waiting.push_back(packet);
            }
            State::Failed => {
                self.refused.unreachable += 1;
                out.extend(packet.map(|packet| Ask::Unreachable { key, packet }));
            }
        }
    }

    /// What is known of a station.
    pub(crate) fn station(&self, key: Key) -> Option<Mac> {
        self.entries.get(&key)?.station()
    }

    /// There is an entry, and it is wanted.
    fn want(&mut self, now: Instant, key: Key, out: &mut Vec<Ask>) {
        if let Some(entry) = self.entries.get(&key) {
            if !entry.wanted {
                self.spare.remove(&(key.0, entry.number, key.1));
                self.shelf(key.0).unwanted -= 1;
                let entry = self.entries.get_mut(&key).expect("it was there");
                entry.wanted = true;
                let station = entry.station();
                out.extend(station.map(|station| Ask::Adjacency { key, station: Some(station) }));
            }
        } else if self.insert(key, Entry::asked_for(), out) {
            self.ask_soon(now, key, Class::First);
        }
    }

    /// Makes an entry, if there is a place for it or one can be made.
    fn insert(&mut self, key: Key, entry: Entry, out: &mut Vec<Ask>) -> bool {
        let limits = self.limits;
        let shelf = *self.shelf(key.0);
        let full = shelf.count >= limits.neighbours || !entry.wanted && shelf.unwanted >= limits.unwanted;
        if full && !self.evict(key.0, out) {
            self.refused.full += 1;
            return false;
        }
        self.made += 1;
        let entry = Entry { number: self.made, ..entry };
        let shelf = self.shelf(key.0);
        shelf.count += 1;
        if !entry.wanted {
            shelf.unwanted += 1;
            self.spare.insert((key.0, entry.number, key.1));
        }
        self.entries.insert(key, entry);
        true
    }

    /// Removes the oldest entry of an interface that can be done without.
    fn evict(&mut self, id: InterfaceId, out: &mut Vec<Ask>) -> bool {
        let first = (id, 0, IpAddr::from([0; 4]));
        let Some((_, _, address)) = self.spare.range(first..).next().filter(|(of, ..)| *of == id).copied() else {
            return false;
        };
        self.refused.evicted += 1;
        self.remove((id, address), out);
        true
    }

    /// Removes an entry, whatever it is.
    fn remove(&mut self, key: Key, out: &mut Vec<Ask>) {
        let Some(entry) = self.entries.remove(&key) else { return };
        self.fixed.remove(&key);
        self.timers.remove(&(entry.due, key));
        self.spare.remove(&(key.0, entry.number, key.1));
        self.pace.forget(key, entry.queued);
        let shelf = self.shelf(key.0);
        shelf.count -= 1;
        shelf.unwanted -= usize::from(!entry.wanted);
        if entry.is_programmed() {
            out.push(Ask::Adjacency { key, station: None });
        }
        if let State::Incomplete { waiting, .. } = entry.state {
            self.waiting -= waiting.len();
            self.refused.waiting += waiting.len() as u64;
        }
    }

    /// Forgets what was learned: everywhere, or on an interface (`clear arp-cache`, `clear ipv6 neighbors`).
    pub(crate) fn forget_all(&mut self, id: Option<InterfaceId>, out: &mut Vec<Ask>) {
        self.forget(|key| id.is_none_or(|id| id == key.0), out);
    }

    /// Forgets those of whom this is so.
    pub(crate) fn forget(&mut self, which: impl Fn(Key) -> bool, out: &mut Vec<Ask>) {
        let learned = |(key, entry): (&Key, &Entry)| {
            (which(*key) && !matches!(entry.state, State::Static { .. })).then_some(*key)
        };
        let gone: Vec<Key> = self.entries.iter().filter_map(learned).collect();
        gone.into_iter().for_each(|key| self.remove(key, out));
    }

    fn shelf(&mut self, id: InterfaceId) -> &mut Shelf {
        self.settings.entry(id).or_default()
    }

    fn of(&self, id: InterfaceId) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.range((id, IpAddr::from([0; 4]))..).take_while(move |(key, _)| key.0 == id)
    }

    /// Those that are configured.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = (Key, Mac)> + '_ {
        self.fixed.iter().map(|(key, station)| (*key, *station))
    }

    /// One of them, as show commands have it.
    pub(crate) fn get(&self, key: Key) -> Option<Neighbour> {
        self.entries.get(&key).map(Entry::shown)
    }

    /// All of them, as show commands have it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (InterfaceId, IpAddr, Neighbour)> + '_ {
        self.entries.iter().map(|((id, address), entry)| (*id, *address, entry.shown()))
    }
}
