//! RF states.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// State of a unit in the redundancy facility, with the command line's numbers (the RF MIB's are one higher).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum RfState {
    /// Only of a peer: nothing is known.
    #[default]
    Unknown = 0,
    /// Takes no part: a third RP, or an HSA standby that is not booted.
    Disabled = 1,
    /// Starting.
    Initialization = 2,
    /// Finding out who is active.
    Negotiation = 3,
    /// Standby, nothing synced: all that RPR promises.
    StandbyCold = 4,
    /// Standby, configuration being synced.
    StandbyColdConfig = 5,
    /// Standby, file systems being synced.
    StandbyColdFilesys = 6,
    /// Standby, clients' state being synced.
    StandbyColdBulk = 7,
    /// Standby with all state: what SSO promises.
    StandbyHot = 8,
    /// Taking over: urgent work.
    ActiveFast = 9,
    /// Taking over: what the old active left behind is worked off.
    ActiveDrain = 10,
    /// Taking over: before the configuration is parsed.
    ActivePreconfig = 11,
    /// Taking over: after the configuration was parsed.
    ActivePostconfig = 12,
    /// Active.
    Active = 13,
    /// Standby with all configuration: what RPR+ promises.
    StandbyWarm = 16,
}

/// A number that is no RF state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the number of an RF state")]
pub struct RfStateError(u8);

/// Text that names no RF state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not the name of an RF state")]
pub struct RfStateNameError(String);

impl FromStr for RfState {
    type Err = RfStateNameError;
    fn from_str(text: &str) -> Result<Self, RfStateNameError> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| RfStateNameError(text.to_owned()))
    }
}

impl RfState {
    /// All states.
    pub const ALL: [Self; 15] = [
        Self::Unknown,
        Self::Disabled,
        Self::Initialization,
        Self::Negotiation,
        Self::StandbyCold,
        Self::StandbyColdConfig,
        Self::StandbyColdFilesys,
        Self::StandbyColdBulk,
        Self::StandbyHot,
        Self::ActiveFast,
        Self::ActiveDrain,
        Self::ActivePreconfig,
        Self::ActivePostconfig,
        Self::Active,
        Self::StandbyWarm,
    ];

    /// Its number on the command line.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Disabled => "DISABLED",
            Self::Initialization => "INITIALIZATION",
            Self::Negotiation => "NEGOTIATION",
            Self::StandbyCold => "STANDBY COLD",
            Self::StandbyColdConfig => "STANDBY COLD-CONFIG",
            Self::StandbyColdFilesys => "STANDBY COLD-FILESYS",
            Self::StandbyColdBulk => "STANDBY COLD-BULK",
            Self::StandbyHot => "STANDBY HOT",
            Self::ActiveFast => "ACTIVE-FAST",
            Self::ActiveDrain => "ACTIVE-DRAIN",
            Self::ActivePreconfig => "ACTIVE_PRECONFIG",
            Self::ActivePostconfig => "ACTIVE_POSTCONFIG",
            Self::Active => "ACTIVE",
            Self::StandbyWarm => "STANDBY WARM",
        }
    }

    /// Whether the unit holds the active role, from the first moment of taking over.
    pub fn is_active(self) -> bool {
        matches!(
            self,
            Self::ActiveFast | Self::ActiveDrain | Self::ActivePreconfig | Self::ActivePostconfig | Self::Active
        )
    }

    /// Whether the unit is a booted standby, at whatever stage.
    pub fn is_standby(self) -> bool {
        matches!(
            self,
            Self::StandbyCold
                | Self::StandbyColdConfig
                | Self::StandbyColdFilesys
                | Self::StandbyColdBulk
                | Self::StandbyHot
                | Self::StandbyWarm
        )
    }
}

impl fmt::Display for RfState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<RfState> for u8 {
    fn from(state: RfState) -> Self {
        state.number()
    }
}

impl TryFrom<u8> for RfState {
    type Error = RfStateError;
    fn try_from(number: u8) -> Result<Self, RfStateError> {
        Self::ALL.into_iter().find(|state| state.number() == number).ok_or(RfStateError(number))
    }
}
