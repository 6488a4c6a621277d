//! Checkpoint messages in older versions.

use super::{CfClientId, CfMessage, v1, v2};
use crate::version::Inexpressible;

/// Version 1 has no pieces: what is longer than a record cannot be said in it.
impl TryFrom<&CfMessage> for v1::CfMessage {
    type Error = Inexpressible;

    fn try_from(message: &CfMessage) -> Result<Self, Inexpressible> {
        Ok(match message.clone() {
            CfMessage::BulkBegin { round, after, mode } => Self::BulkBegin { round, after, mode },
            CfMessage::Bulk { seq, client, data } => Self::Record { seq, client: client.0, bulk: true, data },
            CfMessage::Change { seq, client, data } => Self::Record { seq, client: client.0, bulk: false, data },
            CfMessage::BulkEnd { seq, records } => Self::BulkEnd { seq, records },
            CfMessage::Ack { seq } => Self::Ack { seq },
            CfMessage::Broken { why } => Self::Broken { why },
            CfMessage::Piece { .. } => {
                return Err(Inexpressible { version: 1, what: "a piece of what is longer than a record" });
            }
        })
    }
}

impl From<v1::CfMessage> for CfMessage {
    fn from(message: v1::CfMessage) -> Self {
        match message {
            v1::CfMessage::BulkBegin { round, after, mode } => Self::BulkBegin { round, after, mode },
            v1::CfMessage::Record { seq, client, bulk, data } => Self::of_record(seq, CfClientId(client), bulk, data),
            v1::CfMessage::BulkEnd { seq, records } => Self::BulkEnd { seq, records },
            v1::CfMessage::Ack { seq } => Self::Ack { seq },
            v1::CfMessage::Broken { why } => Self::Broken { why },
        }
    }
}

/// Version 2 has one message for a record of the bulk and for a change, and a flag in it.
impl TryFrom<&CfMessage> for v2::CfMessage {
    type Error = Inexpressible;

    fn try_from(message: &CfMessage) -> Result<Self, Inexpressible> {
        Ok(match message.clone() {
            CfMessage::BulkBegin { round, after, mode } => Self::BulkBegin { round, after, mode },
            CfMessage::Bulk { seq, client, data } => Self::Record { seq, client: client.0, bulk: true, data },
            CfMessage::Change { seq, client, data } => Self::Record { seq, client: client.0, bulk: false, data },
            CfMessage::BulkEnd { seq, records } => Self::BulkEnd { seq, records },
            CfMessage::Ack { seq } => Self::Ack { seq },
            CfMessage::Broken { why } => Self::Broken { why },
            CfMessage::Piece { seq, client, data } => Self::Piece { seq, client: client.0, data },
        })
    }
}

impl From<v2::CfMessage> for CfMessage {
    fn from(message: v2::CfMessage) -> Self {
        match message {
            v2::CfMessage::BulkBegin { round, after, mode } => Self::BulkBegin { round, after, mode },
            v2::CfMessage::Record { seq, client, bulk, data } => Self::of_record(seq, CfClientId(client), bulk, data),
            v2::CfMessage::BulkEnd { seq, records } => Self::BulkEnd { seq, records },
            v2::CfMessage::Ack { seq } => Self::Ack { seq },
            v2::CfMessage::Broken { why } => Self::Broken { why },
            v2::CfMessage::Piece { seq, client, data } => Self::Piece { seq, client: CfClientId(client), data },
        }
    }
}
