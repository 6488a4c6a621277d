//! Kinds of `debug redundancy`.

/// A set of kinds of debugging: the RF debug mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Debug(u8);

impl Debug {
    /// State changes.
    pub const FSM: Self = Self(1);
    /// Progressions, client by client.
    pub const PROGRESSION: Self = Self(2);
    /// Messages between the units; heartbeats are left out, there are too many.
    pub const MSG: Self = Self(4);
    /// Requests of operators, and their refusal.
    pub const UI: Self = Self(8);
    /// Everything.
    pub const ALL: Self = Self(15);

    /// Kinds and their names.
    pub const KINDS: [(Self, &'static str); 4] =
        [(Self::FSM, "fsm"), (Self::PROGRESSION, "progression"), (Self::MSG, "msg"), (Self::UI, "ui")];

    /// Whether nothing is debugged.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all kinds of `other` are debugged.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The mask as the field shows it.
    pub fn mask(self) -> u8 {
        self.0
    }

    /// Switches kinds on or off.
    pub fn set(&mut self, kinds: Self, on: bool) {
        if on { self.0 |= kinds.0 } else { self.0 &= !kinds.0 }
    }
}
