//! RP ↔ RP: clients' state, in bulk and then change by change.
//!
//! | message | from → to | answered by |
//! | --- | --- | --- |
//! | `BulkBegin` | active → standby | – (the standby forgets what the clients held) |
//! | `Bulk`, `Change` | active → standby | `Ack` once it is applied |
//! | `Piece` | active → standby | `Ack` once it is taken: a `Bulk` or a `Change` of the same client ends it |
//! | `BulkEnd` | active → standby | `Ack`: from here on the standby is in sync |
//! | `Ack` | standby → active | – (cumulative) |
//! | `Broken` | standby → active | the sync fails |

mod compat;

use crate::{
    codec::{self, Body, BodyError, Class, Message},
    compat::{v1_0::checkpoint as v1, v2_0::checkpoint as v2},
    redundancy::Mode,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A client's number in messages, the same in every release. Another release may have clients that this one does not.
///
/// Those that came after the first five have the number by which the field knows them as clients of ISSU
/// ([`crate::platform::IssuClient`]), so that no two releases give one number to two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CfClientId(pub u16);

impl CfClientId {
    /// The startup configuration, as text.
    pub const STARTUP_CONFIG: Self = Self(1);
    /// The running configuration: whole in bulk, then command by command.
    pub const RUNNING_CONFIG: Self = Self(2);
    /// Which cards are inserted.
    pub const CHASSIS: Self = Self(3);
    /// The forwarding table.
    pub const FIB: Self = Self(4);
    /// Link states of the ports.
    pub const LINKS: Self = Self(5);
    /// What is counted of ports. From release 2.1 on.
    pub const PORT_COUNTS: Self = Self(2023);
    /// Neighbours that were learned, and own addresses. From release 2.1 on.
    pub const NEIGHBOURS: Self = Self(2024);
    /// The software upgrade under way.
    pub const UPGRADE: Self = Self(2054);
}

impl fmt::Display for CfClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of no client: the releases do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this release has no checkpoint client {0}")]
pub struct UnknownCfClient(pub CfClientId);

/// Most bytes in one record; leaves room for the rest of the message under its cap. What is longer goes in pieces.
pub const RECORD_MAX: usize = (4 << 20) - 64;

/// Bytes of a piece: taking one is a short step, so that heartbeats need not wait for the whole.
pub const PIECE: usize = 256 << 10;

/// What the checkpointing facilities of two RPs say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CfMessage {
    /// A bulk sync begins, or begins again: what was applied before counts for nothing.
    BulkBegin {
        /// The sync's number in this run of the active, from 1.
        round: u32,
        /// Number of the last record before it: the next one follows it.
        after: u64,
        /// Operating mode: it decides which clients take part.
        mode: Mode,
    },
    /// Of all that a client holds; strictly in order.
    Bulk {
        /// Number in this run of the active, from 1, without gaps; `BulkEnd` takes one too.
        seq: u64,
        /// The client.
        client: CfClientId,
        /// The client's own encoding.
        data: Bytes,
    },
    /// What has changed of a client since; strictly in order, and from when its bulk has begun.
    Change {
        /// Number among the records.
        seq: u64,
        /// The client.
        client: CfClientId,
        /// The client's own encoding.
        data: Bytes,
    },
    /// Every client has sent all that it had.
    BulkEnd {
        /// Number among the records.
        seq: u64,
        /// Bulk records of this round: the standby checks it.
        records: u64,
    },
    /// Everything up to and including this number is applied.
    Ack {
        /// The number.
        seq: u64,
    },
    /// The standby cannot go on.
    Broken {
        /// What it found, for logs.
        why: String,
    },
    /// The next piece of what is longer than a record takes; the client's next record is the last one.
    Piece {
        /// Number among the records.
        seq: u64,
        /// The client.
        client: CfClientId,
        /// [`PIECE`] bytes.
        data: Bytes,
    },
}

impl CfMessage {
    /// A client's record, of the bulk or a change.
    pub fn of_record(seq: u64, client: CfClientId, bulk: bool, data: Bytes) -> Self {
        if bulk { Self::Bulk { seq, client, data } } else { Self::Change { seq, client, data } }
    }
}

impl Message for CfMessage {
    const CLASS: Class = Class::Checkpoint;
    const CAP: usize = 4 << 20;

    fn write(&self, version: u8, body: &mut Body) -> Result<(), BodyError> {
        match version {
            1 => codec::write_as::<v1::CfMessage, _>(self, body),
            2 => codec::write_as::<v2::CfMessage, _>(self, body),
            _ => Ok(rmp_serde::encode::write(body, self)?),
        }
    }

    fn read(version: u8, body: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        match version {
            1 => codec::read_as::<v1::CfMessage, _>(body),
            2 => codec::read_as::<v2::CfMessage, _>(body),
            _ => rmp_serde::from_slice(body),
        }
    }
}

#[cfg(test)]
mod tests;
