//! Link states of the ports, as line cards report them: what routing goes by.
//!
//! They are checkpointed in SSO (seeds/002: line-card events received at the active are synchronised), so that a new active
//! knows them before a card has spoken and nothing moves. With the running configuration they are what an SNMP agent would
//! serve of the IF-MIB.
//!
//! A card whose connection is lost goes on forwarding by itself for a while, and its ports stay as they were told
//! for as long. One that is removed, reset or restarted has none until it says so.

use fabric_proto::{
    checkpoint::CfClientId,
    fib::{BaseMac, Mac},
    id::{InterfaceId, LcSlot, PortId},
    redundancy::{Code, Mode},
    sabotage::{self, Sabotage},
    time::Instant,
};
use rp_contract::{Answer, Checkpointed, Client, Coding, Effect, Member, Progression, Table, Versions};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

/// How long a card that nobody hears keeps its ports: as long as it forwards without an active.
const CARD_ALONE: Duration = Duration::from_secs(120);

/// How a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without carrier.
    Down,
    /// With carrier.
    Up,
    /// With carrier, on a card of release 1.0: its packets have no tag, and are of the default table.
    Plain,
}

impl From<bool> for Line {
    fn from(up: bool) -> Self {
        if up { Self::Up } else { Self::Down }
    }
}

impl Line {
    fn has_carrier(self) -> bool {
        match self {
            Self::Up | Self::Plain => true,
            Self::Down => false,
        }
    }
}

/// The state of a port that no card knows any more.
const GONE: u8 = 2;
/// The state of one that is [`Line::Plain`].
const PLAIN: u8 = 3;

/// How a port is, and since when, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    line: Line,
    since: Option<Instant>,
}

/// Three bytes a port: card, port, whether it has carrier; from version 2 on [`GONE`] and [`PLAIN`], too. From version 3 on eight
/// more: since when, in nanoseconds of the clock that all cards share; 0 where that is not known.
#[derive(Debug)]
struct Carrier;

/// The first version that says since when.
const SINCE: u8 = 3;

impl Coding for Carrier {
    type Key = PortId;
    type Row = State;
    const MEMBER: Member =
        Member { versions: Versions::new(1, SINCE), ..Member::new(CfClientId::LINKS, "link states", Mode::Sso) };
    const WHOLE: u8 = 1;

    fn size(version: u8) -> usize {
        if version < SINCE { 3 } else { 11 }
    }

    fn write(port: PortId, state: Option<&State>, version: u8, out: &mut Vec<u8>) {
        let line = match state.map(|state| state.line) {
            None => GONE,
            Some(Line::Plain) if version > Self::WHOLE => PLAIN,
            Some(line) => u8::from(line.has_carrier()),
        };
        out.extend([port.slot.0, port.port, line]);
        if version >= SINCE {
            let since = state.and_then(|state| state.since).map_or(0, |since| since.0);
            out.extend(since.to_be_bytes());
        }
    }

    fn read(bytes: &[u8], version: u8) -> Option<(PortId, Option<State>)> {
        let ([slot, port, line], since) = bytes.split_first_chunk()?;
        let since = match version {
            SINCE.. => u64::from_be_bytes(since.try_into().ok()?),
            _ => since.is_empty().then_some(0)?,
        };
        let line = match *line {
            0 | 1 => Some(Line::from(*line == 1)),
            GONE if version > Self::WHOLE => None,
            PLAIN if version > Self::WHOLE => Some(Line::Plain),
            _ => return None,
        };
        let state = |line| State { line, since: (since > 0).then_some(Instant(since)) };
        Some((PortId { slot: LcSlot(*slot), port: *port }, line.map(state)))
    }
}

/// The client of interfaces.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// What their addresses begin with.
    base_mac: BaseMac,
    /// How the ports are. Since when is not known of a state that a peer of an earlier release reported.
    ports: Table<Carrier>,
    /// The cards' runs, where they are known.
    boots: BTreeMap<LcSlot, u64>,
    /// Cards whose connection is lost, and until when their ports stay as they were.
    alone: BTreeMap<LcSlot, Instant>,
    /// As standby, cards that the backplane saw go. Of their ports the active speaks, until there is none.
    removed: BTreeSet<LcSlot>,
}

impl Links {
    /// Those of a chassis of which no card has spoken.
    pub(crate) fn new(base_mac: BaseMac) -> Self {
        Self { base_mac, ..Self::default() }
    }

    /// A port's address on its link.
    pub(crate) fn mac(&self, port: PortId) -> Mac {
        self.base_mac.of(port)
    }

    /// A card reports a port. Says whether that is news.
    pub(crate) fn report(&mut self, now: Instant, port: PortId, line: impl Into<Line>) -> bool {
        let mut line = line.into();
        if line == Line::Down && sabotage::is(Sabotage::IgnoreCarrier) {
            line = Line::Up;
        }
        let known = self.ports.get(port).is_some_and(|state| state.line == line);
        !known && self.ports.set(port, Some(State { line, since: Some(now) }))
    }

    /// A card's ports are not known any more. Returns those that were, and whether they had carrier.
    pub(crate) fn forget(&mut self, slot: LcSlot) -> Vec<(PortId, bool)> {
        self.alone.remove(&slot);
        self.boots.remove(&slot);
        let of_card = self.ports.iter().filter(|(port, _)| port.slot == slot);
        let known: Vec<(PortId, bool)> = of_card.map(|(port, state)| (port, state.line.has_carrier())).collect();
        for (port, _) in &known {
            self.ports.set(*port, None);
        }
        known
    }

    /// A card answers, in this run of its program. Says whether it has restarted since it was heard last.
    pub(crate) fn heard(&mut self, slot: LcSlot, boot: u64) -> bool {
        self.alone.remove(&slot);
        self.boots.insert(slot, boot).is_some_and(|before| before != boot)
    }

    /// A card's connection is lost.
    pub(crate) fn lost(&mut self, now: Instant, slot: LcSlot) {
        self.alone.insert(slot, now + CARD_ALONE);
    }

    /// As standby: the backplane saw a card come or go.
    pub(crate) fn remember(&mut self, slot: LcSlot, inserted: bool) {
        if inserted {
            self.removed.remove(&slot)
        } else {
            self.removed.insert(slot)
        };
    }

    /// When the first card has been alone for too long.
    pub(crate) fn lonely(&self) -> Option<Instant> {
        self.alone.values().min().copied()
    }

    /// Cards that have been alone for too long.
    pub(crate) fn given_up(&self, now: Instant) -> Vec<LcSlot> {
        self.alone.iter().filter(|(_, until)| **until <= now).map(|(slot, _)| *slot).collect()
    }

    /// Whether a port has carrier, and since when; `None` where nobody has said it.
    pub(crate) fn get(&self, port: PortId) -> Option<(bool, Option<Instant>)> {
        self.ports.get(port).map(|state| (state.line.has_carrier(), state.since))
    }

    /// Whether a port is known to have carrier.
    pub(crate) fn is_up(&self, port: PortId) -> bool {
        self.ports.get(port).is_some_and(|state| state.line.has_carrier())
    }

    /// The same for an interface on it, which is `plain` or has a tag or a VRF.
    pub(crate) fn carries(&self, port: PortId, plain: bool) -> bool {
        self.is_up(port) && (plain || self.ports.get(port).is_none_or(|state| state.line != Line::Plain))
    }

    fn clear(&mut self) {
        self.ports.clear();
        self.boots.clear();
        self.alone.clear();
    }
}

/// An interface's `ifIndex`: it follows from what the interface is, so that it is the same on both units, in every term
/// and after any restart. `None` where the number of a subinterface or of a virtual one is too large for that: fifteen bits
/// say the port, and an index has thirty-one.
pub(crate) fn if_index(id: InterfaceId) -> Option<u32> {
    let virtual_one = |kind: u32, number: u32| (number < 1 << 28).then_some(1 << 30 | kind << 28 | number);
    match id {
        InterfaceId::Ethernet { port, sub } => {
            let port = u32::from(port.slot.0) << 8 | u32::from(port.port);
            let sub = sub.map_or(0, NonZeroU32::get);
            (sub < 1 << 15).then_some(sub << 15 | port)
        }
        InterfaceId::Loopback(number) => virtual_one(0, number),
        InterfaceId::Tunnel(number) => virtual_one(1, number),
        InterfaceId::VirtualAccess(number) => virtual_one(2, number),
    }
}

impl Client for Links {
    fn name(&self) -> &'static str {
        "links"
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        if let Some(how) = progression.takes_over(Code::ActiveFast) {
            if !how.has_everything() {
                self.clear();
            }
            for slot in std::mem::take(&mut self.removed) {
                self.forget(slot);
            }
        }
        if progression.takes_over(Code::ActivePostconfig).is_some() {
            out.push(Effect::Ports);
        }
        Answer::Done
    }

    fn checkpointed(&mut self) -> Option<&mut dyn Checkpointed> {
        Some(&mut self.ports)
    }
}

#[cfg(test)]
mod tests;
