//! Faults that only the program itself can do: to die at a point of its own course, to lose its storage.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// A point in a route processor's course at which it can be made to crash (SIGABRT, without a word to anybody).
///
/// An armed point survives restarts, and goes off once.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = NoCrashPoint, parse_err_fn = NoCrashPoint::named)]
pub enum CrashPoint {
    /// In the middle of a bulk sync: the active after its first record, the standby when it gets one.
    BulkSync,
    /// A line card has acknowledged a change of the table that the standby has not heard of.
    UpdateBeforeCheckpoint,
    /// The standby has acknowledged a change of the table that no line card has heard of.
    CheckpointBeforeUpdate,
    /// The unit has taken a term as active, and no line card has heard of it.
    Switchover,
    /// The first line card obeys the new active, the others do not yet.
    Adoption,
    /// Half of the startup configuration is written.
    SaveConfig,
}

impl CrashPoint {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// As files and the command line have it.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Text that names no crash point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown crash point '{0}': they are {list}", list = names())]
pub struct NoCrashPoint(pub String);

impl NoCrashPoint {
    fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
}

fn names() -> String {
    CrashPoint::ALL.iter().map(|point| point.name()).collect::<Vec<_>>().join(", ")
}

/// What is done to the storage of a route processor's startup configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageFault {
    /// A byte in the middle of every copy is turned over; what was there is put aside.
    Corrupt,
    /// No room is left: nothing can be saved.
    Fill,
    /// What was put aside is put back, and the room is given back.
    Repair,
}
