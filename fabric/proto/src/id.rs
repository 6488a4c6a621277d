//! Identities: slots, ports, interfaces, cards, epochs.

mod interface;

pub use interface::InterfaceId;

use crate::random::mix;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A position in the chassis: a letter for a route processor, an integer from 1 for a line card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Slot {
    /// A route processor: `A`, `B` (and `C` for a third one, which takes no part).
    Rp(RpSlot),
    /// A line card.
    Lc(LcSlot),
}

/// Slot of a route processor. `A` is the primary unit and wins a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RpSlot {
    /// Primary unit.
    A,
    /// Secondary unit.
    B,
    /// A third RP, idle after negotiation.
    C,
}

/// Slot of a line card, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LcSlot(pub u8);

/// A port of a line card, written `slot/port`, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortId {
    /// The line card.
    pub slot: LcSlot,
    /// The port on it, from 1.
    pub port: u8,
}

/// A table of routes: the default one, or a VRF's.
///
/// A VRF's number follows from its name, so that both route processors, in every term and release, have the same one
/// without telling each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableId(pub u32);

/// An interface whose packets are passed on unlooked at, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CircuitId(pub u32);

/// A label of MPLS: twenty bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Label(u32);

/// Number of one RP's term as active. It only grows and fences every older term.
///
/// The low two bits hold the slot that took the term, so that two RPs that cannot hear
/// each other never choose the same number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// Text that is not a slot, a port or a card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {what}")]
pub struct IdError {
    text: String,
    what: &'static str,
}

/// A number that is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no label; the largest is {max}", max = Label::MAX)]
pub struct LabelError(u32);

impl TableId {
    /// The table of everything that is in no VRF.
    pub const DEFAULT: Self = Self(0);

    /// The table of a VRF. Two names can have one number, if hardly ever: whoever defines VRFs refuses the second.
    pub fn of_vrf(name: &str) -> Self {
        let hash = name.bytes().fold(1, |hash, byte| mix(hash ^ u64::from(byte)).wrapping_add(1));
        Self(((hash >> 32) as u32).max(1))
    }
}

impl Label {
    /// The largest value.
    pub const MAX: u32 = (1 << 20) - 1;

    /// Its value.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Label {
    type Error = LabelError;
    fn try_from(value: u32) -> Result<Self, LabelError> {
        if value <= Self::MAX { Ok(Self(value)) } else { Err(LabelError(value)) }
    }
}

impl From<Label> for u32 {
    fn from(label: Label) -> Self {
        label.0
    }
}

macro_rules! as_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
as_number!(TableId, CircuitId, Label);

impl IdError {
    fn new(text: &str, what: &'static str) -> Self {
        Self { text: text.to_owned(), what }
    }
}

impl RpSlot {
    /// All slots, primary first.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// Position in [`RpSlot::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The other of the two units that take part in redundancy; `C` has none.
    pub fn peer(self) -> Option<Self> {
        match self {
            Self::A => Some(Self::B),
            Self::B => Some(Self::A),
            Self::C => None,
        }
    }
}

impl Epoch {
    /// No term yet: every real epoch is greater.
    pub const NONE: Self = Self(0);

    /// The first epoch after `self` that belongs to `slot`.
    #[must_use]
    pub fn next_for(self, slot: RpSlot) -> Self {
        Self(((self.0 >> 2) + 1) << 2 | slot.index() as u64)
    }

    /// The epoch in which `slot` takes over from an active: two terms on. An RP that boots and hears
    /// nobody claims only one, so that it never takes line cards from a term that it does not know of.
    #[must_use]
    pub fn takeover_by(self, slot: RpSlot) -> Self {
        self.next_for(slot).next_for(slot)
    }

    /// The RP that took this term; `None` for [`Epoch::NONE`] and for a number no RP could have taken.
    pub fn owner(self) -> Option<RpSlot> {
        if self.0 >> 2 == 0 { None } else { RpSlot::ALL.get((self.0 & 3) as usize).copied() }
    }

    /// The term alone, without its owner: 1 is a chassis' first.
    pub fn term(self) -> u64 {
        self.0 >> 2
    }
}

impl fmt::Display for RpSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(["A", "B", "C"][self.index()])
    }
}

impl fmt::Display for LcSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rp(slot) => slot.fmt(f),
            Self::Lc(slot) => slot.fmt(f),
        }
    }
}

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.slot, self.port)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner() {
            Some(owner) => write!(f, "{}{owner}", self.term()),
            None => f.write_str("none"),
        }
    }
}

impl FromStr for RpSlot {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "A" | "a" => Ok(Self::A),
            "B" | "b" => Ok(Self::B),
            "C" | "c" => Ok(Self::C),
            _ => Err(IdError::new(text, "an RP slot (A, B or C)")),
        }
    }
}

impl FromStr for LcSlot {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.parse() {
            Ok(number @ 1..=64) => Ok(Self(number)),
            _ => Err(IdError::new(text, "a line card slot (1 to 64)")),
        }
    }
}

impl FromStr for Slot {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse()
            .map(Self::Rp)
            .or_else(|_| text.parse().map(Self::Lc))
            .map_err(|_: IdError| IdError::new(text, "a slot (A or B for a route processor, 1 to 64 for a line card)"))
    }
}

impl FromStr for PortId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::new(text, "a port (slot/port, for example 1/1)");
        let (slot, port) = text.split_once('/').ok_or_else(wrong)?;
        let slot = slot.parse().map_err(|_| wrong())?;
        match port.parse() {
            Ok(port @ 1..) => Ok(Self { slot, port }),
            _ => Err(wrong()),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )*};
}
as_text!(Slot, PortId, InterfaceId, CardId);

/// What a certificate names: one card, instrument or operator of one lab.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CardId {
    /// Name of the lab.
    pub lab: String,
    /// Name of the node in the topology; `-` for the operator.
    pub node: String,
    /// The position in that node.
    pub unit: Unit,
}

/// A position that a certificate can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// A card of a chassis.
    Card(Slot),
    /// A tester.
    Tester,
    /// A node that is none of ours: no certificate names it.
    Linux,
    /// The orchestrator.
    Operator,
}

impl CardId {
    /// The card in `slot` of `node`.
    pub fn card(lab: &str, node: &str, slot: Slot) -> Self {
        Self { lab: lab.to_owned(), node: node.to_owned(), unit: Unit::Card(slot) }
    }

    /// A tester.
    pub fn tester(lab: &str, node: &str) -> Self {
        Self { lab: lab.to_owned(), node: node.to_owned(), unit: Unit::Tester }
    }

    /// A node that is none of ours.
    pub fn linux(lab: &str, node: &str) -> Self {
        Self { lab: lab.to_owned(), node: node.to_owned(), unit: Unit::Linux }
    }

    /// The lab's operator.
    pub fn operator(lab: &str) -> Self {
        Self { lab: lab.to_owned(), node: "-".to_owned(), unit: Unit::Operator }
    }

    /// Its slot, if it is in a chassis.
    pub fn slot(&self) -> Option<Slot> {
        match self.unit {
            Unit::Card(slot) => Some(slot),
            Unit::Tester | Unit::Linux | Unit::Operator => None,
        }
    }

    /// The other route processor's place, for one of the two that make a pair.
    pub fn peer_rp(&self) -> Option<Self> {
        match self.slot()? {
            Slot::Rp(own) => Some(Self::card(&self.lab, &self.node, Slot::Rp(own.peer()?))),
            Slot::Lc(_) => None,
        }
    }
}

/// `lab/node/A`, `lab/node/1`, `lab/node/tester`, `lab/node/linux`, `lab/-/operator`.
impl fmt::Display for CardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/", self.lab, self.node)?;
        match self.unit {
            Unit::Card(slot) => slot.fmt(f),
            Unit::Tester => f.write_str("tester"),
            Unit::Linux => f.write_str("linux"),
            Unit::Operator => f.write_str("operator"),
        }
    }
}

impl FromStr for CardId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::new(text, "a card (lab/node/slot)");
        let mut parts = text.split('/');
        let (Some(lab), Some(node), Some(unit), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        if lab.is_empty() || node.is_empty() {
            return Err(wrong());
        }
        let unit = match unit {
            "tester" => Unit::Tester,
            "linux" => Unit::Linux,
            "operator" => Unit::Operator,
            slot => Unit::Card(slot.parse().map_err(|_| wrong())?),
        };
        Ok(Self { lab: lab.to_owned(), node: node.to_owned(), unit })
    }
}

#[cfg(test)]
mod tests;
