//! Versions of what cards say to each other: ranges, and what two of them come to.
//!
//! [`crate::offer`] has what is offered on a connection; `docs/versions.md` how a shape is changed in a later release.

use std::fmt;

/// Versions that a side reads and writes of one thing: at least one, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Versions {
    oldest: u8,
    newest: u8,
}

impl Versions {
    /// From the first release on, without a change.
    pub const FIRST: Self = Self::new(1, 1);

    /// From `oldest` to `newest`, both included.
    ///
    /// # Panics
    /// When they are the wrong way round, or there is a version 0.
    pub const fn new(oldest: u8, newest: u8) -> Self {
        assert!(oldest > 0 && oldest <= newest, "versions count from 1, the oldest first");
        Self { oldest, newest }
    }

    /// The same of numbers that somebody else chose; `None` where they are no range.
    pub fn checked(oldest: u8, newest: u8) -> Option<Self> {
        (oldest > 0 && oldest <= newest).then_some(Self { oldest, newest })
    }

    /// The oldest version.
    pub const fn oldest(self) -> u8 {
        self.oldest
    }

    /// The newest version.
    pub const fn newest(self) -> u8 {
        self.newest
    }

    /// All of them, the oldest first.
    pub fn all(self) -> impl Iterator<Item = u8> {
        self.oldest..=self.newest
    }

    /// Whether `version` is one of them.
    pub const fn contains(self, version: u8) -> bool {
        self.oldest <= version && version <= self.newest
    }

    /// Those up to `newest`; the oldest one, where all are later.
    #[must_use]
    pub const fn up_to(self, newest: u8) -> Self {
        let newest = if newest < self.newest { newest } else { self.newest };
        Self { oldest: self.oldest, newest: if newest < self.oldest { self.oldest } else { newest } }
    }

    /// The highest version that both sides have; `None` when there is none.
    pub fn common(self, other: Self) -> Option<u8> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

/// `1`, or `1-2`.
impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.oldest == self.newest {
            true => write!(f, "{}", self.newest),
            false => write!(f, "{}-{}", self.oldest, self.newest),
        }
    }
}

/// What came of two offers for one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both sides speak this version.
    Agreed(u8),
    /// One side does not have the group: nothing of it is said.
    OneSided,
    /// Both have it, and no version in common.
    Nothing {
        /// What this side speaks.
        ours: Versions,
        /// What the other one does.
        theirs: Versions,
    },
}

impl Verdict {
    /// The version agreed on.
    pub fn version(self) -> Option<u8> {
        match self {
            Self::Agreed(version) => Some(version),
            Self::OneSided | Self::Nothing { .. } => None,
        }
    }
}

/// Of two offers, what they come to. The one place where versions are chosen.
pub fn verdict(ours: Option<Versions>, theirs: Option<Versions>) -> Verdict {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours.common(theirs).map_or(Verdict::Nothing { ours, theirs }, Verdict::Agreed),
        (None | Some(_), None) | (None, Some(_)) => Verdict::OneSided,
    }
}

/// A value that an older version has no words for. Whoever is to be given it is at *base level* without it, or
/// *incompatible*: the owner of the value decides, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("version {version} has no words for {what}")]
pub struct Inexpressible {
    /// The older version.
    pub version: u8,
    /// What is missing there.
    pub what: &'static str,
}

#[cfg(test)]
mod tests;
