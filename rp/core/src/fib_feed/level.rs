//! How much of the forwarding table the other side has words for.

use fabric_proto::{
    fib::{Batch, FibTable},
    sabotage::{self, Sabotage},
};

/// What a line card, or a standby, is given of the forwarding table: what its release has words for.
///
/// The newer side transforms before it says anything. What a side at base level holds is exactly the table without the rest,
/// so that it is adopted, compared and confirmed by digests like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// All of it.
    #[default]
    Full,
    /// What release 1.0 knows: routes of the default table by untagged Ethernet, and ports.
    Base,
}

impl Level {
    /// Of who speaks a version of line-card messages, or of the forwarding table's records.
    pub fn of_version(version: u8) -> Self {
        match version {
            1 if !sabotage::is(Sabotage::IgnoreLevel) => Self::Base,
            _ => Self::Full,
        }
    }

    /// What is given of a batch.
    pub(super) fn batch(self, batch: Batch) -> Batch {
        match self {
            Self::Full => batch,
            Self::Base => batch.for_release_1(),
        }
    }

    /// Digest of what is given of a table.
    pub(crate) fn root(self, table: &FibTable) -> u64 {
        match self {
            Self::Full => table.root_digest(),
            Self::Base => table.root_digest_in_release_1(),
        }
    }

    /// Every bucket's digest of it.
    pub(super) fn digests(self, table: &FibTable) -> Vec<u64> {
        match self {
            Self::Full => table.digests(),
            Self::Base => table.digests_in_release_1(),
        }
    }

    /// How much is not given of a table: entries, and path lists.
    pub(super) fn without(self, table: &FibTable) -> [usize; 2] {
        match self {
            Self::Full => [0, 0],
            Self::Base => table.beyond_release_1(),
        }
    }
}
