//! RP ↔ RP: clients' state. Frozen.

use crate::redundancy::Mode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CfMessage {
    BulkBegin { round: u32, after: u64, mode: Mode },
    Record { seq: u64, client: u16, bulk: bool, data: Bytes },
    BulkEnd { seq: u64, records: u64 },
    Ack { seq: u64 },
    Broken { why: String },
    Piece { seq: u64, client: u16, data: Bytes },
}
