//! What an entry of the FIB is for.

use super::{Family, Prefix};
use crate::id::{CircuitId, Label, TableId};
use std::fmt;

/// What an entry of the FIB is for. All kinds share buckets, log, digests and path lists, so that whatever compares,
/// copies or sweeps a table need not know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FibKey {
    /// Packets to a prefix, looked up in a table.
    Ip(TableId, Prefix),
    /// Packets with this label on top.
    Label(Label),
    /// Everything that comes in on an interface, unlooked at.
    Circuit(CircuitId),
}

impl FibKey {
    /// The prefix, of a route in the default table: all that release 1.0 knows.
    pub fn plain(self) -> Option<Prefix> {
        match self {
            Self::Ip(TableId::DEFAULT, prefix) => Some(prefix),
            Self::Ip(..) | Self::Label(_) | Self::Circuit(_) => None,
        }
    }

    /// The table and prefix of a route.
    pub fn ip(self) -> Option<(TableId, Prefix)> {
        match self {
            Self::Ip(table, prefix) => Some((table, prefix)),
            Self::Label(_) | Self::Circuit(_) => None,
        }
    }

    /// The family of a route.
    pub fn family(self) -> Option<Family> {
        self.ip().map(|(_, prefix)| prefix.family())
    }
}

/// A route of the default table.
impl From<Prefix> for FibKey {
    fn from(prefix: Prefix) -> Self {
        Self::Ip(TableId::DEFAULT, prefix)
    }
}

impl From<Label> for FibKey {
    fn from(label: Label) -> Self {
        Self::Label(label)
    }
}

impl fmt::Display for FibKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(TableId::DEFAULT, prefix) => prefix.fmt(f),
            Self::Ip(table, prefix) => write!(f, "{prefix} in table {table}"),
            Self::Label(label) => write!(f, "label {label}"),
            Self::Circuit(circuit) => write!(f, "circuit {circuit}"),
        }
    }
}
