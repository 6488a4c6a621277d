//! The checkpointing facility: carries clients' state from the active to the standby.
//!
//! First everything in bulk, client by client; then change by change. Both go down one numbered stream of
//! records, so a change never overtakes the chunk that it changes. What the standby has not confirmed is
//! bounded ([`WINDOW_MAX`]), what waits behind it too ([`QUEUE_MAX`]).
//!
//! [`CfActive`] pulls chunks out of the clients and pushes records; [`CfStandby`] hands them to the clients of
//! the other RP, in order, and confirms each once it is applied.

use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage, RECORD_MAX},
    redundancy::Mode,
};

mod active;
mod standby;

pub use active::{CfActive, CfCounters};
pub use standby::CfStandby;

/// Bytes sent and not confirmed: three of the largest records, so that the standby is never idle.
pub const WINDOW_MAX: usize = 3 * RECORD_MAX;

/// Bytes of changes that wait for the window: the whole table of a million routes, once.
pub const QUEUE_MAX: usize = 64 << 20;

/// Times that a bulk sync begins anew before the standby is given up.
pub const ROUNDS_MAX: u32 = 3;

/// A client whose state is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CfClient {
    /// Its id.
    pub id: CfClientId,
    /// Lowest operating mode in which it takes part.
    pub from: Mode,
}

/// The clients in the order of the bulk sync. Counters and statistics are not among them, in any mode.
pub const CLIENTS: [CfClient; 5] = [
    CfClient { id: CfClientId::STARTUP_CONFIG, from: Mode::Hsa },
    CfClient { id: CfClientId::RUNNING_CONFIG, from: Mode::RprPlus },
    CfClient { id: CfClientId::CHASSIS, from: Mode::RprPlus },
    CfClient { id: CfClientId::FIB, from: Mode::Sso },
    CfClient { id: CfClientId::LINKS, from: Mode::Sso },
];

/// Everything that can happen to the active's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CfInput {
    /// The redundancy facility asks for a bulk sync ([`crate::redundancy::Output::StartBulkSync`]).
    Start {
        /// Operating mode.
        mode: Mode,
    },
    /// The standby is gone ([`crate::redundancy::Output::StopSync`]).
    Stop,
    /// A client answers [`CfOutput::WantChunk`].
    Chunk {
        /// The client.
        client: CfClientId,
        /// Its own encoding; at most [`RECORD_MAX`] bytes.
        data: Bytes,
        /// Where to go on; `None`: that was all.
        next: Option<u64>,
    },
    /// A client's state has changed. Ignored while nothing is synced, and for a client whose bulk is still to
    /// come: it will hold the change.
    Change {
        /// The client.
        client: CfClientId,
        /// Its own encoding; at most [`RECORD_MAX`] bytes.
        data: Bytes,
    },
    /// From the standby.
    Message(CfMessage),
    /// Say [`CfOutput::Drained`] once everything is confirmed ([`crate::redundancy::Output::DrainSync`]).
    Drain,
}

/// Everything that the active's side can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CfOutput {
    /// The client is to give its state from `cursor` on (0: the beginning); answered by [`CfInput::Chunk`].
    WantChunk {
        /// The client.
        client: CfClientId,
        /// Where to begin.
        cursor: u64,
    },
    /// To the standby.
    Send(CfMessage),
    /// The standby holds everything: [`crate::redundancy::Input::CfReady`].
    Complete,
    /// The sync is broken and has stopped: [`crate::redundancy::Input::CfFailed`].
    Failed(CfFailure),
    /// Nothing is under way: [`crate::redundancy::Input::CfDrained`].
    Drained,
}

/// Everything that the standby's side can ask for, to be done in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CfStandbyOutput {
    /// Forget what the clients of this mode hold: a bulk sync begins.
    Begin {
        /// Operating mode.
        mode: Mode,
    },
    /// Hand this to the client; only then do what follows.
    Apply {
        /// The client.
        client: CfClientId,
        /// Its own encoding.
        data: Bytes,
        /// Whether it belongs to the bulk.
        bulk: bool,
    },
    /// The bulk is complete.
    End,
    /// To the active.
    Send(CfMessage),
}

/// Why a sync broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CfFailure {
    /// The standby cannot keep up.
    #[error("the standby cannot keep up: {queued} bytes of changes wait, the limit is {QUEUE_MAX}")]
    QueueFull {
        /// Bytes waiting.
        queued: usize,
    },
    /// A client of ours gave more than a record takes.
    #[error("checkpoint client {} gave a record of {bytes} bytes, more than a message takes", client.0)]
    TooLong {
        /// The client.
        client: CfClientId,
        /// Its size.
        bytes: usize,
    },
    /// The standby says so.
    #[error("the standby gave up: {0}")]
    Standby(String),
}

#[cfg(test)]
mod tests;
