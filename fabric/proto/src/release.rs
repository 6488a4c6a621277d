//! The releases whose words this code knows, and the one that a program is built as.
//!
//! Shapes of all of them are compiled into every program and tested in it. What a program *offers*, and so what it writes and
//! reads, is its own release's: [`Release::BUILT`], which the feature `release-2-1` decides and nothing else does. A program
//! of release 2.0 refuses a body of 2.1 like any other version that it did not offer. `docs/versions.md` has the table.

use crate::{checkpoint::CfClientId, version::Versions};

/// A release of this code; 1.0 has code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// Versions 1 and 2.
    V2_0,
    /// Version 3 of what has changed since.
    V2_1,
}

impl Release {
    /// All of them, the oldest first.
    pub const ALL: [Self; 2] = [Self::V2_0, Self::V2_1];

    /// The release that this program is built as.
    pub const BUILT: Self = if cfg!(feature = "release-2-1") { Self::V2_1 } else { Self::V2_0 };

    /// As manifests have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V2_1 => "2.1",
        }
    }

    /// The release of this code that is called so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|release| release.name() == name)
    }

    /// Of the versions of a checkpoint client's records that its code knows, those that this release speaks.
    pub fn records(self, client: CfClientId, known: Versions) -> Versions {
        match self {
            // 3: since when a port is as it is.
            Self::V2_0 if client == CfClientId::LINKS => known.up_to(2),
            Self::V2_0 | Self::V2_1 => known,
        }
    }
}

/// This program's.
impl Default for Release {
    fn default() -> Self {
        Self::BUILT
    }
}
