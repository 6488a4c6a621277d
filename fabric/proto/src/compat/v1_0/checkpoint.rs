//! RP ↔ RP: clients' state. Frozen.

use super::fib::Batch;
use crate::{fib::Position, redundancy::Mode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CfMessage {
    BulkBegin { round: u32, after: u64, mode: Mode },
    Record { seq: u64, client: u16, bulk: bool, data: Bytes },
    BulkEnd { seq: u64, records: u64 },
    Ack { seq: u64 },
    Broken { why: String },
}

/// What the client of the forwarding table puts into a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FibPiece {
    pub begins: Option<Position>,
    pub changes: Vec<(Position, Batch)>,
    pub part: Option<Batch>,
    pub ends: bool,
}
