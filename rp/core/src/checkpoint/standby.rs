//! The standby's side.

use super::{CfBreak, CfStandbyOutput as Output, Member};
use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage, UnknownCfClient},
    machine::Machine,
    redundancy::Mode,
    sabotage::{self, Sabotage},
    time::Instant,
};

/// Everything that can happen to the standby's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CfStandbyInput {
    /// From the active.
    Message(CfMessage),
    /// The client answers [`Output::Apply`]: it holds what it was given, or says why it cannot.
    Applied(Result<(), String>),
}

/// Where the standby's side is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// No sync has begun on this connection, or it broke.
    #[default]
    Idle,
    /// Chunks and changes come.
    Bulk {
        /// Bulk records of this round.
        records: u64,
    },
    /// Changes come.
    InSync,
}

/// What a client has been given and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Applying {
    seq: u64,
    client: &'static str,
}

/// The standby's side of the checkpointing facility.
#[derive(Debug)]
pub struct CfStandby {
    members: Vec<Member>,
    phase: Phase,
    mode: Option<Mode>,
    /// Number of the last record applied.
    seq: u64,
    applying: Option<Applying>,
    /// Whose pieces have come.
    pieces: Option<&'static str>,
}

impl CfStandby {
    /// Nothing has come. `members` are those that a record may be for.
    pub fn new(members: Vec<Member>) -> Self {
        Self { members, phase: Phase::Idle, mode: None, seq: 0, applying: None, pieces: None }
    }

    /// The connection is gone: what it carried begins anew on the next one.
    pub fn reset(&mut self) {
        *self = Self::new(std::mem::take(&mut self.members));
    }

    /// Whether everything that the active had is applied.
    pub fn in_sync(&self) -> bool {
        self.phase == Phase::InSync
    }

    /// Mode of the sync, once one has begun.
    pub fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// Number of the last record applied.
    pub fn applied(&self) -> u64 {
        self.seq
    }
}

impl Machine for CfStandby {
    type Input = CfStandbyInput;
    type Output = Output;

    fn step(&mut self, _now: Instant, input: Option<CfStandbyInput>, out: &mut Vec<Output>) {
        let went_on = match input {
            None => return,
            Some(CfStandbyInput::Message(message)) => self.message(message, out),
            Some(CfStandbyInput::Applied(result)) => self.answered(result, out),
        };
        if let Err(why) = went_on {
            self.broken(&why, out);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl CfStandby {
    fn message(&mut self, message: CfMessage, out: &mut Vec<Output>) -> Result<(), CfBreak> {
        match (message, self.phase) {
            (CfMessage::BulkBegin { mode, after, .. }, _) => {
                self.reset();
                (self.phase, self.mode, self.seq) = (Phase::Bulk { records: 0 }, Some(mode), after);
                out.push(Output::Begin { mode });
                Ok(())
            }
            // A sync that broke: what is still under way counts for nothing.
            (
                CfMessage::Bulk { .. } | CfMessage::Change { .. } | CfMessage::Piece { .. } | CfMessage::BulkEnd { .. },
                Phase::Idle,
            ) => Ok(()),
            (
                CfMessage::Bulk { seq, .. }
                | CfMessage::Change { seq, .. }
                | CfMessage::Piece { seq, .. }
                | CfMessage::BulkEnd { seq, .. },
                _,
            ) if self.applying.is_some() || seq != self.seq + 1 => Err(match self.applying {
                Some(_) => CfBreak::Hasty(seq),
                None => CfBreak::Gap { seq, last: self.seq },
            }),
            (CfMessage::Bulk { .. }, Phase::InSync) => Err(CfBreak::LateBulk),
            (CfMessage::Piece { seq, client, data }, _) => self.hand_over(seq, client, data, true, out),
            (CfMessage::Bulk { seq, client, data }, phase) => {
                if let Phase::Bulk { records } = phase {
                    self.phase = Phase::Bulk { records: records + 1 };
                }
                self.hand_over(seq, client, data, false, out)
            }
            (CfMessage::Change { seq, client, data }, _) => self.hand_over(seq, client, data, false, out),
            (CfMessage::BulkEnd { seq, records }, Phase::Bulk { records: applied }) if records == applied => {
                self.phase = Phase::InSync;
                out.push(Output::End);
                self.confirm(seq, out);
                Ok(())
            }
            (CfMessage::BulkEnd { records, .. }, _) => Err(CfBreak::End(records)),
            (CfMessage::Ack { .. } | CfMessage::Broken { .. }, _) => Err(CfBreak::Direction),
        }
    }

    /// Hands a record, or a piece of one, to its client.
    fn hand_over(
        &mut self,
        seq: u64,
        client: CfClientId,
        data: Bytes,
        more: bool,
        out: &mut Vec<Output>,
    ) -> Result<(), CfBreak> {
        let title = match self.members.iter().find(|member| member.number == client) {
            None if sabotage::is(Sabotage::ConfirmUnapplied) => {
                self.confirm(seq, out);
                return Ok(());
            }
            None => return Err(UnknownCfClient(client).into()),
            Some(member) => member.title,
        };
        if let Some(began) = self.pieces.filter(|began| *began != title) {
            return Err(CfBreak::Mixed { began, client: title });
        }
        self.pieces = more.then_some(title);
        self.applying = Some(Applying { seq, client: title });
        out.push(Output::Apply { client, data, more });
        Ok(())
    }

    /// The client has applied what it was given, or could not: only what it holds is confirmed.
    fn answered(&mut self, result: Result<(), String>, out: &mut Vec<Output>) -> Result<(), CfBreak> {
        // A sync that began anew meanwhile asked for nothing.
        let Some(Applying { seq, client }) = self.applying.take() else { return Ok(()) };
        if let Err(why) = result
            && !sabotage::is(Sabotage::ConfirmUnapplied)
        {
            return Err(CfBreak::Apply { client, why });
        }
        self.confirm(seq, out);
        Ok(())
    }

    fn confirm(&mut self, seq: u64, out: &mut Vec<Output>) {
        self.seq = seq;
        out.push(Output::Send(CfMessage::Ack { seq }));
    }

    fn broken(&mut self, why: &CfBreak, out: &mut Vec<Output>) {
        let (mode, seq) = (self.mode, self.seq);
        self.reset();
        (self.mode, self.seq) = (mode, seq);
        let why = why.to_string();
        out.push(Output::Send(CfMessage::Broken { why: why.clone() }));
        out.push(Output::Broken { why });
    }
}
