//! Kinds of `debug redundancy`.

bitflags::bitflags! {
    /// A set of kinds of debugging: the RF debug mask.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Debug: u8 {
        /// State changes.
        const FSM = 1;
        /// Progressions, client by client.
        const PROGRESSION = 2;
        /// Messages between the units; heartbeats are left out, there are too many.
        const MSG = 4;
        /// Requests of operators, and their refusal.
        const UI = 8;
    }
}

impl Debug {
    /// Everything.
    pub const ALL: Self = Self::all();

    /// Kinds and their names.
    pub const KINDS: [(Self, &'static str); 4] =
        [(Self::FSM, "fsm"), (Self::PROGRESSION, "progression"), (Self::MSG, "msg"), (Self::UI, "ui")];
}
