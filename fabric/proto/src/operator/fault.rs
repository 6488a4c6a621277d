//! Faults that only the program itself can do: to die at a point of its own course, to lose its storage.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A point in a route processor's course at which it can be made to crash (SIGABRT, without a word to anybody).
///
/// An armed point survives restarts, and goes off once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    pub const ALL: [Self; 6] = [
        Self::BulkSync,
        Self::UpdateBeforeCheckpoint,
        Self::CheckpointBeforeUpdate,
        Self::Switchover,
        Self::Adoption,
        Self::SaveConfig,
    ];

    /// As files and the command line have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BulkSync => "bulk-sync",
            Self::UpdateBeforeCheckpoint => "update-before-checkpoint",
            Self::CheckpointBeforeUpdate => "checkpoint-before-update",
            Self::Switchover => "switchover",
            Self::Adoption => "adoption",
            Self::SaveConfig => "save-config",
        }
    }
}

/// Text that names no crash point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCrashPoint(pub String);

impl fmt::Display for NoCrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown crash point '{}': they are {}", self.0, CrashPoint::ALL.map(CrashPoint::name).join(", "))
    }
}

impl std::error::Error for NoCrashPoint {}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CrashPoint {
    type Err = NoCrashPoint;
    fn from_str(text: &str) -> Result<Self, NoCrashPoint> {
        Self::ALL.into_iter().find(|point| point.name() == text).ok_or_else(|| NoCrashPoint(text.to_owned()))
    }
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
