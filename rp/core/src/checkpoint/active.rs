//! The active's side.

use super::{CfFailure, CfInput, CfOutput, Member, QUEUE_MAX, ROUNDS_MAX, WINDOW_MAX};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage, PIECE, RECORD_MAX},
    machine::Machine,
    redundancy::Mode,
    time::Instant,
};
use std::collections::VecDeque;

/// What the active's side counts, since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CfCounters {
    /// Bulk syncs begun, repetitions included.
    pub rounds: u64,
    /// Rounds given up because too many changes waited.
    pub overflows: u64,
    /// Bulk syncs that the standby confirmed.
    pub completed: u64,
    /// Records sent; one in pieces counts once.
    pub records: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Changes that arrived while nothing was synced, or before their client's turn.
    pub skipped: u64,
    /// Confirmations and chunks that fit nothing under way.
    pub unexpected: u64,
}

/// Where a sync is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing is synced.
    #[default]
    Idle,
    /// Chunks are pulled.
    Bulk {
        /// Position among the members.
        at: usize,
        /// Where the client is to go on.
        cursor: u64,
        /// Whether a chunk has been asked for.
        asked: bool,
        /// Bulk records sent in this round.
        records: u64,
    },
    /// Everything is sent; the standby has not confirmed the end.
    Ending {
        /// Number of the end.
        seq: u64,
    },
    /// Change by change.
    InSync,
}

/// A record, or a piece of one.
#[derive(Debug)]
struct Part {
    client: CfClientId,
    awaited: bool,
    bulk: bool,
    /// Whether more of it follows.
    more: bool,
    data: Bytes,
}

/// The active's side of the checkpointing facility. It has no timers: the redundancy facility has them.
#[derive(Debug, Default)]
pub struct CfActive {
    members: Vec<Member>,
    mode: Mode,
    /// Most bytes of a client at once.
    longest: usize,
    phase: Phase,
    round: u32,
    /// Rounds of this sync given up.
    given_up: u32,
    /// Number of the last record sent.
    seq: u64,
    /// Sent and not confirmed: number and size.
    window: VecDeque<(u64, usize)>,
    window_bytes: usize,
    /// What waits for the window.
    queue: VecDeque<Part>,
    queue_bytes: usize,
    draining: bool,
    /// Number of the last change of a configuration that is sent and not confirmed.
    config_seq: Option<u64>,
    /// Changes of a configuration that are not sent yet.
    config_queued: usize,
    counters: CfCounters,
}

impl CfActive {
    /// Whether a bulk sync is running.
    pub fn in_bulk(&self) -> bool {
        matches!(self.phase, Phase::Bulk { .. } | Phase::Ending { .. })
    }

    /// Whether the standby holds everything, but for what is under way.
    pub fn in_sync(&self) -> bool {
        self.phase == Phase::InSync
    }

    /// Whether a change of this client would be sent on: a caller may save itself the encoding.
    pub fn wants(&self, client: CfClientId) -> bool {
        let takes_part = |member: &Member| member.number == client && member.from <= self.mode;
        let Some(position) = self.members.iter().position(takes_part) else {
            return false;
        };
        match self.phase {
            Phase::Idle => false,
            // Asked once, a client has begun to give its bulk.
            Phase::Bulk { at, cursor, asked, .. } => position < at || position == at && (asked || cursor > 0),
            Phase::Ending { .. } | Phase::InSync => true,
        }
    }

    /// Whether the standby has confirmed every change of a configuration that it was to be given.
    pub fn config_confirmed(&self) -> bool {
        self.config_seq.is_none() && self.config_queued == 0
    }

    /// Counters.
    pub fn counters(&self) -> &CfCounters {
        &self.counters
    }

    /// Bytes sent and not confirmed, and bytes waiting.
    pub fn under_way(&self) -> (usize, usize) {
        (self.window_bytes, self.queue_bytes)
    }
}

impl Machine for CfActive {
    type Input = CfInput;
    type Output = CfOutput;

    fn step(&mut self, _now: Instant, input: Option<CfInput>, out: &mut Vec<CfOutput>) {
        match input {
            None => return,
            Some(CfInput::Start { mode, members, longest }) => {
                self.reset();
                (self.mode, self.members, self.longest) = (mode, members, longest);
                self.begin_round(out);
            }
            Some(CfInput::Stop) => self.reset(),
            Some(CfInput::Chunk { client, data, next }) => self.chunk(client, data, next, out),
            Some(CfInput::Change { client, data }) => self.change(client, data, out),
            Some(CfInput::Message(message)) => self.message(message, out),
            Some(CfInput::Drain) => self.draining = true,
        }
        self.pump(out);
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl CfActive {
    fn reset(&mut self) {
        *self = Self { counters: self.counters, round: self.round, seq: self.seq, ..Self::default() };
    }

    fn begin_round(&mut self, out: &mut Vec<CfOutput>) {
        self.round += 1;
        self.counters.rounds += 1;
        self.queue.clear();
        self.queue_bytes = 0;
        if std::mem::take(&mut self.config_queued) > 0 {
            // The bulk will hold them: they are safe when all of it is.
            self.config_seq = Some(u64::MAX);
        }
        self.phase = Phase::Bulk { at: 0, cursor: 0, asked: false, records: 0 };
        out.push(CfOutput::Send(CfMessage::BulkBegin { round: self.round, after: self.seq, mode: self.mode }));
    }

    fn chunk(&mut self, client: CfClientId, data: Bytes, next: Option<u64>, out: &mut Vec<CfOutput>) {
        let Phase::Bulk { at, asked: true, records, .. } = self.phase else {
            self.counters.unexpected += 1;
            return;
        };
        let member = self.members[at];
        if member.number != client {
            self.counters.unexpected += 1;
            return;
        }
        if data.len() > self.longest {
            self.too_long(&member, data.len(), out);
            return;
        }
        self.phase = match next {
            Some(cursor) => Phase::Bulk { at, cursor, asked: false, records: records + 1 },
            None => Phase::Bulk { at: at + 1, cursor: 0, asked: false, records: records + 1 },
        };
        // Changes that were made before the chunk was cut wait before it.
        self.enqueue(&member, true, data);
    }

    fn change(&mut self, client: CfClientId, data: Bytes, out: &mut Vec<CfOutput>) {
        let wanted = self.members.iter().find(|member| member.number == client && self.wants(client));
        let Some(member) = wanted.copied() else {
            self.counters.skipped += 1;
            return;
        };
        self.config_queued += usize::from(member.awaited);
        if data.len() > self.longest {
            self.too_long(&member, data.len(), out);
            return;
        }
        self.enqueue(&member, false, data);
        if self.window_bytes >= WINDOW_MAX && self.queue_bytes > QUEUE_MAX {
            self.overflow(out);
        }
    }

    /// A bulk is begun anew, so that the changes need not be kept; a standby in sync is given up.
    fn overflow(&mut self, out: &mut Vec<CfOutput>) {
        self.counters.overflows += 1;
        self.given_up += 1;
        if self.in_bulk() && self.given_up < ROUNDS_MAX {
            self.begin_round(out);
        } else {
            self.fail(CfFailure::QueueFull { queued: self.queue_bytes }, out);
        }
    }

    fn message(&mut self, message: CfMessage, out: &mut Vec<CfOutput>) {
        match message {
            CfMessage::Ack { seq } if seq <= self.seq => {
                while let Some(&(first, bytes)) = self.window.front()
                    && first <= seq
                {
                    self.window.pop_front();
                    self.window_bytes -= bytes;
                }
                self.config_seq = self.config_seq.filter(|waiting| *waiting > seq);
                if let Phase::Ending { seq: end } = self.phase
                    && end <= seq
                {
                    self.phase = Phase::InSync;
                    self.counters.completed += 1;
                    self.config_seq = None;
                    out.push(CfOutput::Complete);
                }
            }
            CfMessage::Broken { why } if self.phase != Phase::Idle => self.fail(CfFailure::Standby(why), out),
            CfMessage::Ack { .. }
            | CfMessage::Broken { .. }
            | CfMessage::BulkBegin { .. }
            | CfMessage::Bulk { .. }
            | CfMessage::Change { .. }
            | CfMessage::Piece { .. }
            | CfMessage::BulkEnd { .. } => self.counters.unexpected += 1,
        }
    }

    fn too_long(&mut self, member: &Member, bytes: usize, out: &mut Vec<CfOutput>) {
        self.fail(CfFailure::TooLong { client: member.title, bytes, longest: self.longest }, out);
    }

    fn fail(&mut self, why: CfFailure, out: &mut Vec<CfOutput>) {
        let config = !self.config_confirmed();
        self.reset();
        out.push(CfOutput::Failed { why, config });
    }

    /// Cuts what is longer than a record takes.
    fn enqueue(&mut self, member: &Member, bulk: bool, mut data: Bytes) {
        let (client, awaited) = (member.number, member.awaited);
        self.queue_bytes += data.len();
        let in_pieces = data.len() > RECORD_MAX;
        while in_pieces && data.len() > PIECE {
            let piece = data.split_to(PIECE);
            self.queue.push_back(Part { client, awaited, bulk, more: true, data: piece });
        }
        self.queue.push_back(Part { client, awaited, bulk, more: false, data });
    }

    /// Sends what the window has room for and asks for what is missing.
    fn pump(&mut self, out: &mut Vec<CfOutput>) {
        while self.window_bytes < WINDOW_MAX
            && let Some(part) = self.queue.pop_front()
        {
            self.queue_bytes -= part.data.len();
            self.record(part, out);
        }
        if self.queue.is_empty()
            && self.window_bytes < WINDOW_MAX
            && let Phase::Bulk { at, cursor, asked: false, records } = self.phase
        {
            self.pull(at, cursor, records, out);
        }
        if self.draining && self.window.is_empty() && self.queue.is_empty() {
            self.draining = false;
            out.push(CfOutput::Drained);
        }
    }

    fn pull(&mut self, at: usize, cursor: u64, records: u64, out: &mut Vec<CfOutput>) {
        let next = self.members.iter().enumerate().skip(at).find(|(_, member)| member.from <= self.mode);
        if let Some((at, member)) = next {
            let client = member.number;
            self.phase = Phase::Bulk { at, cursor, asked: true, records };
            out.push(CfOutput::WantChunk { client, cursor });
        } else {
            self.seq += 1;
            let seq = self.seq;
            self.window.push_back((seq, 0));
            self.phase = Phase::Ending { seq };
            out.push(CfOutput::Send(CfMessage::BulkEnd { seq, records }));
        }
    }

    fn record(&mut self, part: Part, out: &mut Vec<CfOutput>) {
        let Part { client, awaited, bulk, more, data } = part;
        self.seq += 1;
        let seq = self.seq;
        if !bulk && !more && awaited {
            self.config_queued -= 1;
            self.config_seq = self.config_seq.max(Some(seq));
        }
        self.window.push_back((seq, data.len()));
        self.window_bytes += data.len();
        self.counters.records += u64::from(!more);
        self.counters.bytes += data.len() as u64;
        out.push(CfOutput::Send(if more {
            CfMessage::Piece { seq, client, data }
        } else {
            CfMessage::of_record(seq, client, bulk, data)
        }));
    }
}
