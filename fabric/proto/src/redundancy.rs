//! RP ↔ RP: heartbeats, negotiation, progressions, switchover.
//!
//! Heartbeats travel as datagrams, everything else on one ordered stream.
//!
//! | message | from → to | answered by |
//! | --- | --- | --- |
//! | [`Heartbeat`] | each → other, also at every state change | – |
//! | `Hello` | each → other, first on a connection | – |
//! | `Progression` | active → standby | `ProgressionDone` when the standby's clients have answered |
//! | `Handover` | active → standby | `HandoverAccepted` or `HandoverRefused` |
//! | `ModeChange`, `Restart` | active → standby | the standby restarts |
//! | `Reload` | active → standby | the standby restarts with the chassis and does not take over |
//! | `CrashdumpDone` | failed RP's crash handler → new active | the new active resets that RP |
//! | `Goodbye` | each → other | – |
//! | `Crashed` | each → other | a standby takes over, an active waits for `CrashdumpDone` |

use crate::{
    codec::{Class, Message},
    id::{Epoch, RpSlot},
    time::Instant,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

mod code;
mod state;

pub use code::Code;
pub use state::RfState;

/// A redundancy mode, least protection first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// High system availability: the standby is not booted and reboots the router.
    #[default]
    Hsa,
    /// Route processor redundancy: the standby is initialised as standby and knows the startup-config.
    Rpr,
    /// RPR+: the standby is fully initialised and knows the running-config too.
    RprPlus,
    /// Stateful switchover: the standby holds the clients' state too.
    Sso,
}

/// Text that names no redundancy mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a redundancy mode (hsa, rpr, rpr-plus, sso)")]
pub struct ModeError(String);

impl Mode {
    /// All modes, least protection first.
    pub const ALL: [Self; 4] = [Self::Hsa, Self::Rpr, Self::RprPlus, Self::Sso];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hsa => "hsa",
            Self::Rpr => "rpr",
            Self::RprPlus => "rpr-plus",
            Self::Sso => "sso",
        }
    }

    /// The state in which a standby can do what the mode promises.
    pub fn promised_state(self) -> RfState {
        match self {
            Self::Hsa => RfState::Disabled,
            Self::Rpr => RfState::StandbyCold,
            Self::RprPlus => RfState::StandbyWarm,
            Self::Sso => RfState::StandbyHot,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = ModeError;
    fn from_str(text: &str) -> Result<Self, ModeError> {
        Self::ALL.into_iter().find(|mode| mode.name() == text).ok_or_else(|| ModeError(text.to_owned()))
    }
}

/// Why the last switchover happened, in the RF MIB's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchoverReason {
    /// The platform cannot tell.
    Unsupported,
    /// There was none.
    None,
    /// Nobody knows.
    NotKnown,
    /// A safe switchover that the operator asked for.
    UserInitiated,
    /// A switchover that the operator forced.
    UserForced,
    /// The active crashed, restarted or fell silent.
    ActiveUnitFailed,
    /// The active was pulled out.
    ActiveUnitRemoved,
}

impl fmt::Display for SwitchoverReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unsupported => "unsupported",
            Self::None => "none",
            Self::NotKnown => "not known",
            Self::UserInitiated => "user initiated",
            Self::UserForced => "user forced",
            Self::ActiveUnitFailed => "active unit failed",
            Self::ActiveUnitRemoved => "active unit removed",
        })
    }
}

/// One line of `show redundancy switchover history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchoverRecord {
    /// Number since the chassis started, from 1.
    pub index: u32,
    /// The RP that was active.
    pub previous: RpSlot,
    /// The RP that took over.
    pub current: RpSlot,
    /// Why.
    pub reason: SwitchoverReason,
    /// When the standby decided to take over.
    pub at: Instant,
}

/// "I am here": sent at every heartbeat interval and whenever the sender's state changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The sender.
    pub slot: RpSlot,
    /// Identifies the run of the sender's program: another number means that it restarted.
    pub boot: u64,
    /// An active's own term; anybody else's highest one seen.
    pub epoch: Epoch,
    /// The sender's state.
    pub state: RfState,
    /// Release of the sender's image.
    pub release: String,
    /// Mode in the sender's configuration.
    pub configured: Mode,
    /// Mode that the sender operates in.
    pub operating: Mode,
    /// A standby's: whether it can take over as the operating mode promises.
    pub ready: bool,
    /// Number within the run: an overtaken heartbeat is ignored.
    pub seq: u64,
}

/// Versions of one message class that a release reads; the highest common one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionOffer {
    /// [`Class`] as a number: a neighbour may know more classes.
    pub class: u8,
    /// Oldest version read.
    pub oldest: u8,
    /// Newest version read and written.
    pub newest: u8,
}

/// First message of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// How the sender stands.
    pub heartbeat: Heartbeat,
    /// Message versions that the sender reads.
    pub versions: Vec<VersionOffer>,
    /// The sender's switchover history, oldest first; an active's replaces a standby's.
    pub switchovers: Vec<SwitchoverRecord>,
    /// When the chassis started, as far as the sender knows.
    pub chassis_since: Instant,
}

/// What RPs say to each other on the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RfMessage {
    /// Each → other: who I am.
    Hello(Box<Hello>),
    /// Active → standby: enter the event's state, show the event to your clients.
    Progression(Code),
    /// Standby → active: they have all answered.
    ProgressionDone(Code),
    /// Active → standby: take over from this term (`redundancy force-switchover`).
    Handover {
        /// The sender's term.
        epoch: Epoch,
    },
    /// Standby → active: I have taken this term, restart.
    HandoverAccepted {
        /// The new term.
        epoch: Epoch,
    },
    /// Standby → active: I am not ready.
    HandoverRefused {
        /// The standby's state.
        state: RfState,
    },
    /// Active → standby: the configured mode has changed, restart into it.
    ModeChange {
        /// The new mode.
        configured: Mode,
    },
    /// Active → standby: your state is of no use any more, restart.
    Restart {
        /// Why, for logs.
        reason: String,
    },
    /// Active → standby: the whole chassis restarts; this is not a switchover.
    Reload {
        /// Why, for logs.
        reason: String,
    },
    /// Failed RP → new active: my core is dumped, you may reset me.
    CrashdumpDone,
    /// Each → other: I am about to restart.
    Goodbye {
        /// Why, for logs.
        reason: String,
    },
    /// Each → other: I have crashed, and dump my core until I am reset.
    Crashed {
        /// Why, for logs.
        reason: String,
    },
}

impl Message for Heartbeat {
    const CLASS: Class = Class::Redundancy;
    /// One datagram.
    const CAP: usize = 1024;
}

impl Message for RfMessage {
    const CLASS: Class = Class::Redundancy;
    /// A Hello with a full switchover history is a few kilobytes.
    const CAP: usize = 64 << 10;
}

#[cfg(test)]
mod tests;
