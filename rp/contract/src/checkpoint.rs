//! The state of a client that a standby is given: first in bulk, by pieces, then change by change.

use crate::Effect;
use bytes::Bytes;
use fabric_proto::{checkpoint::CfClientId, redundancy::Mode, version::Versions};
use std::fmt;

/// A client's state on both units.
///
/// On the active: [`Checkpointed::chunk`] from the first on until nothing is left, then [`Checkpointed::change`] until it has
/// nothing to say, after every step. Both may be mixed once the first chunk was given: records arrive in the order in
/// which they were made. On the standby: [`Checkpointed::begin`], then [`Checkpointed::apply`] of every record.
///
/// What the standby then holds must behave as what the active holds. A property test tries that over every client
/// in every version that it speaks.
pub trait Checkpointed {
    /// Who it is, and when it takes part.
    fn member(&self) -> Member;

    /// The next piece of all that it holds. The first one begins anew; from then on changes are kept for the standby.
    fn chunk(&mut self, ask: &Ask) -> Chunk;

    /// What has changed since it was given: one record, `None` when there is nothing. A client that keeps what has changed by
    /// its key, and not every change, needs no bound of its own while the standby is slow.
    fn change(&mut self, version: u8) -> Result<Option<Bytes>, Lost>;

    /// Nobody is given anything any more: nothing need be kept.
    fn stop(&mut self);

    /// A bulk begins: what an earlier one brought counts for nothing.
    fn begin(&mut self);

    /// Takes a record; where [`Member::in_pieces`], a piece of one, and `more` says that others follow.
    fn apply(&mut self, record: &[u8], more: bool, version: u8, out: &mut Vec<Effect>) -> Result<(), Unapplied>;

    /// Equal for states that a standby could not tell apart which is given records of this version, and hardly ever for others.
    fn digest(&self, version: u8) -> u64;
}

/// What the facility knows of a client that is checkpointed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number in messages: the same in every release.
    pub number: CfClientId,
    /// Its name for people, as in `the link states take 70 MiB`.
    pub title: &'static str,
    /// The lowest operating mode in which it takes part.
    pub from: Mode,
    /// The versions of its records that it speaks.
    pub versions: Versions,
    /// Whether an operator waits until a change of it is safe.
    pub awaited: bool,
    /// Whether it reads a long record as it comes, and not joined: its state is large in one record.
    pub in_pieces: bool,
}

impl Member {
    /// One in the versions of its first release, that nobody waits for and that takes records whole.
    pub const fn new(number: CfClientId, title: &'static str, from: Mode) -> Self {
        Self { number, title, from, versions: Versions::FIRST, awaited: false, in_pieces: false }
    }
}

/// What the facility wants of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// From the beginning.
    pub first: bool,
    /// The mode that the standby is brought up for.
    pub mode: Mode,
    /// In which version.
    pub version: u8,
    /// About how many bytes; one row at least. A client whose records cannot be cut need not heed it.
    pub room: usize,
}

/// A piece of all that a client holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its own encoding.
    pub data: Bytes,
    /// Whether there is more.
    pub more: bool,
}

/// Changes were forgotten before the standby was given them: only a new bulk helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("changes were forgotten before the standby took them")]
pub struct Lost;

/// Why a record cannot be applied: the other unit is to blame, and this one does not hold what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unapplied(pub String);

impl Unapplied {
    /// What an error says.
    pub fn because(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}
