//! The checkpointing facility: carries clients' state from the active to the standby.
//!
//! First everything in bulk, client by client; then change by change. Both go down one numbered stream of
//! records, so a change never overtakes the chunk that it changes. What the standby has not confirmed is
//! bounded ([`WINDOW_MAX`]), what waits behind it too ([`QUEUE_MAX`]).
//!
//! Whom they carry state for they are told: the clients that are registered ([`Member`]), in the order of the bulk sync, each with
//! the lowest operating mode in which it takes part. Counters and statistics are not among them, in any mode.
//!
//! [`CfActive`] pulls chunks out of the clients and pushes records; [`CfStandby`] hands them to the clients of
//! the other RP, in order, and confirms each once its client says that it is applied. What a client cannot apply is
//! never confirmed: the sync is broken then, on both sides.

use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage, RECORD_MAX, UnknownCfClient},
    redundancy::Mode,
};
pub use rp_contract::Member;

mod active;
mod standby;

pub use active::{CfActive, CfCounters};
pub use standby::{CfStandby, CfStandbyInput};

/// Bytes sent and not confirmed: three of the largest records, so that the standby is never idle.
pub const WINDOW_MAX: usize = 3 * RECORD_MAX;

/// Bytes of changes that wait for the window: the whole table of a million routes, once.
pub const QUEUE_MAX: usize = 64 << 20;

/// Most bytes that a client gives at once: a standby that joins the pieces holds so many.
pub const STATE_MAX: usize = 64 << 20;

/// Times that a bulk sync begins anew before the standby is given up.
pub const ROUNDS_MAX: u32 = 3;

/// Everything that can happen to the active's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CfInput {
    /// The redundancy facility asks for a bulk sync ([`crate::redundancy::Output::StartBulkSync`]).
    Start {
        /// Operating mode.
        mode: Mode,
        /// Those that the standby has, too: they take part, in this order, each from its mode on.
        members: Vec<Member>,
        /// Most bytes that the standby takes of a client at once: [`STATE_MAX`], or [`RECORD_MAX`] where it knows no pieces.
        longest: usize,
    },
    /// The standby is gone ([`crate::redundancy::Output::StopSync`]).
    Stop,
    /// A client answers [`CfOutput::WantChunk`].
    Chunk {
        /// The client.
        client: CfClientId,
        /// Its own encoding; at most [`STATE_MAX`] bytes.
        data: Bytes,
        /// Where to go on; `None`: that was all.
        next: Option<u64>,
    },
    /// A client's state has changed. Ignored while nothing is synced, and for a client whose bulk is still to
    /// come: it will hold the change.
    Change {
        /// The client.
        client: CfClientId,
        /// Its own encoding; at most [`STATE_MAX`] bytes.
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
    Failed {
        /// Why.
        why: CfFailure,
        /// Whether a change of a configuration was under way: its operator must not take it for confirmed.
        config: bool,
    },
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
    /// Hand this to the client; answered by [`CfStandbyInput::Applied`].
    Apply {
        /// The client.
        client: CfClientId,
        /// Its own encoding, or a piece of it.
        data: Bytes,
        /// Whether more pieces follow.
        more: bool,
    },
    /// The bulk is complete.
    End,
    /// To the active.
    Send(CfMessage),
    /// What this unit holds is not what the active has: it must not count as ready any more.
    Broken {
        /// Why.
        why: String,
    },
}

/// What a standby's side cannot go on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CfBreak {
    /// A record is missing.
    #[error("record {seq} follows record {last}")]
    Gap {
        /// Its number.
        seq: u64,
        /// The last one applied.
        last: u64,
    },
    /// A record of nobody.
    #[error(transparent)]
    Unknown(#[from] UnknownCfClient),
    /// A client cannot apply its record.
    #[error("{client}: {why}")]
    Apply {
        /// The client, by its title.
        client: &'static str,
        /// What it says.
        why: String,
    },
    /// Pieces of one client, and then something of another one.
    #[error("a piece of the {began} is followed by the {client}")]
    Mixed {
        /// Whose pieces came.
        began: &'static str,
        /// Whose record followed.
        client: &'static str,
    },
    /// A record before the one before is applied: the owner is to blame.
    #[error("record {0} came while another one was being applied")]
    Hasty(u64),
    /// Bulk after its end.
    #[error("a bulk record came after the end of the bulk")]
    LateBulk,
    /// The end does not fit.
    #[error("the bulk's end does not fit its {0} records")]
    End(u64),
    /// A message of the other direction.
    #[error("the active sent a standby's message")]
    Direction,
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
    /// A client of ours gave more than a standby takes.
    #[error("the {client} takes {bytes} bytes; at most {longest} can be given to the standby")]
    TooLong {
        /// The client, by its title.
        client: &'static str,
        /// Its size.
        bytes: usize,
        /// What the standby takes.
        longest: usize,
    },
    /// The standby says so.
    #[error("the standby gave up: {0}")]
    Standby(String),
}

#[cfg(test)]
mod tests;
