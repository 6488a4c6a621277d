//! Redundancy modes as topologies and experiments name them.

use fabric_proto::platform::Profile;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

/// A redundancy mode, or an upgrade procedure that is measured beside the modes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(try_from = "String", into = "String")]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownMode, parse_err_fn = UnknownMode::named)]
pub enum Mode {
    /// High system availability: the standby is not booted.
    Hsa,
    /// Route processor redundancy: the standby is cold.
    Rpr,
    /// RPR+: the standby is warm.
    RprPlus,
    /// Stateful switchover: the standby is hot.
    Sso,
    /// Fast software upgrade: a procedure, not a mode of the chassis.
    Fsu,
    /// In-service software upgrade: likewise.
    Issu,
    /// There is no chassis, and so no mode: what is measured is the redundancy of somebody else's routers.
    #[strum(serialize = "none")]
    NoChassis,
}

impl Mode {
    /// As files, reports and the RP's command line have it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether a platform has it. The upgrade procedures are every platform's.
    pub fn supported_by(self, profile: &Profile) -> bool {
        profile.modes.iter().any(|mode| Self::from(*mode) == self) || self.is_upgrade()
    }

    /// Whether it is a procedure that renews software.
    pub const fn is_upgrade(self) -> bool {
        matches!(self, Self::Fsu | Self::Issu)
    }

    /// Whether a chassis can be configured to it.
    pub const fn is_configurable(self) -> bool {
        match self {
            Self::Hsa | Self::Rpr | Self::RprPlus | Self::Sso => true,
            Self::Fsu | Self::Issu | Self::NoChassis => false,
        }
    }
}

/// Text that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode '{0}': the modes are hsa, rpr, rpr-plus, sso and, in experiments, fsu and issu")]
pub struct UnknownMode(String);

impl UnknownMode {
    fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<fabric_proto::redundancy::Mode> for Mode {
    fn from(mode: fabric_proto::redundancy::Mode) -> Self {
        use fabric_proto::redundancy::Mode as Field;
        match mode {
            Field::Hsa => Self::Hsa,
            Field::Rpr => Self::Rpr,
            Field::RprPlus => Self::RprPlus,
            Field::Sso => Self::Sso,
        }
    }
}

impl TryFrom<String> for Mode {
    type Error = UnknownMode;
    fn try_from(text: String) -> Result<Self, UnknownMode> {
        text.parse()
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.name().to_owned()
    }
}
