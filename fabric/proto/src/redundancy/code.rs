//! Progression, status and event codes, as `show redundancy history` prints them.

use super::RfState;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// What the redundancy facility logs, and what it shows to its clients.
        ///
        /// The numbers are the field's; `StandbyWarm` has none there and takes the next free one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "u16", try_from = "u16")]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, without the number.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    /// Clients initialise themselves.
    Initialization = 100, "RF_PROG_INITIALIZATION";
    /// The unit is standby now.
    StandbyCold = 101, "RF_PROG_STANDBY_COLD";
    /// Configuration goes to the standby.
    StandbyConfig = 102, "RF_PROG_STANDBY_CONFIG";
    /// File systems go to the standby.
    StandbyFilesys = 103, "RF_PROG_STANDBY_FILESYS";
    /// Clients' state goes to the standby.
    StandbyBulk = 104, "RF_PROG_STANDBY_BULK";
    /// The standby is as SSO promises.
    StandbyHot = 105, "RF_PROG_STANDBY_HOT";
    /// The standby is as RPR+ promises.
    StandbyWarm = 106, "RF_PROG_STANDBY_WARM";
    /// Taking over: urgent work.
    ActiveFast = 200, "RF_PROG_ACTIVE_FAST";
    /// Taking over: work off what is left.
    ActiveDrain = 201, "RF_PROG_ACTIVE_DRAIN";
    /// Taking over: before the configuration.
    ActivePreconfig = 202, "RF_PROG_ACTIVE_PRECONFIG";
    /// Taking over: after the configuration.
    ActivePostconfig = 203, "RF_PROG_ACTIVE_POSTCONFIG";
    /// The unit is active now.
    Active = 204, "RF_PROG_ACTIVE";
    /// The platform's own state goes to the standby.
    PlatformSync = 300, "RF_PROG_PLATFORM_SYNC";
    /// The peer appeared (op 1) or is gone (op 0).
    PeerPresence = 400, "RF_STATUS_PEER_PRESENCE";
    /// The stream to the peer is up (op 1) or down (op 0).
    PeerComm = 401, "RF_STATUS_PEER_COMM";
    /// The operating mode changed.
    RedundancyModeChange = 405, "RF_STATUS_REDUNDANCY_MODE_CHANGE";
    /// The peer's clients are being taken through a progression.
    ClientProgression = 503, "RF_EVENT_CLIENT_PROGRESSION";
    /// This unit becomes active.
    GoActive = 511, "RF_EVENT_GO_ACTIVE";
    /// This unit becomes standby.
    GoStandby = 512, "RF_EVENT_GO_STANDBY";
}

/// A number that is no code of the redundancy facility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an RF progression, status or event")]
pub struct CodeError(u16);

impl Code {
    /// Its number.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The state that a unit enters with this progression; `None` for codes that change none.
    pub fn state(self) -> Option<RfState> {
        match self {
            Self::Initialization => Some(RfState::Initialization),
            Self::StandbyCold => Some(RfState::StandbyCold),
            Self::StandbyConfig => Some(RfState::StandbyColdConfig),
            Self::StandbyFilesys => Some(RfState::StandbyColdFilesys),
            Self::StandbyBulk => Some(RfState::StandbyColdBulk),
            Self::StandbyHot => Some(RfState::StandbyHot),
            Self::StandbyWarm => Some(RfState::StandbyWarm),
            Self::ActiveFast => Some(RfState::ActiveFast),
            Self::ActiveDrain => Some(RfState::ActiveDrain),
            Self::ActivePreconfig => Some(RfState::ActivePreconfig),
            Self::ActivePostconfig => Some(RfState::ActivePostconfig),
            Self::Active => Some(RfState::Active),
            Self::PlatformSync
            | Self::PeerPresence
            | Self::PeerComm
            | Self::RedundancyModeChange
            | Self::ClientProgression
            | Self::GoActive
            | Self::GoStandby => None,
        }
    }
}

/// `RF_PROG_INITIALIZATION(100)`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.number())
    }
}

impl From<Code> for u16 {
    fn from(code: Code) -> Self {
        code.number()
    }
}

impl TryFrom<u16> for Code {
    type Error = CodeError;
    fn try_from(number: u16) -> Result<Self, CodeError> {
        Self::ALL.iter().copied().find(|code| code.number() == number).ok_or(CodeError(number))
    }
}
