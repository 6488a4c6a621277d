//! The standby's side.

use super::CfStandbyOutput as Output;
use fabric_proto::{checkpoint::CfMessage, machine::Machine, redundancy::Mode, time::Instant};

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

/// The standby's side of the checkpointing facility; its input is what the active says.
#[derive(Debug, Default)]
pub struct CfStandby {
    phase: Phase,
    mode: Option<Mode>,
    /// Number of the last record applied.
    seq: u64,
}

impl CfStandby {
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
    type Input = CfMessage;
    type Output = Output;

    fn step(&mut self, _now: Instant, input: Option<CfMessage>, out: &mut Vec<Output>) {
        let Some(message) = input else { return };
        match (message, self.phase) {
            (CfMessage::BulkBegin { mode, after, .. }, _) => {
                self.seq = after;
                self.phase = Phase::Bulk { records: 0 };
                self.mode = Some(mode);
                out.push(Output::Begin { mode });
            }
            // A sync that broke: what is still under way counts for nothing.
            (CfMessage::Record { .. } | CfMessage::BulkEnd { .. }, Phase::Idle) => {}
            (CfMessage::Record { seq, .. } | CfMessage::BulkEnd { seq, .. }, _) if seq != self.seq + 1 => {
                let why = format!("record {seq} follows record {}", self.seq);
                self.broken(why, out);
            }
            (CfMessage::Record { bulk: true, .. }, Phase::InSync) => {
                self.broken("a bulk record came after the end of the bulk".to_owned(), out);
            }
            (CfMessage::Record { seq, client, bulk, data }, phase) => {
                if let Phase::Bulk { records } = phase {
                    self.phase = Phase::Bulk { records: records + u64::from(bulk) };
                }
                out.push(Output::Apply { client, data, bulk });
                self.confirm(seq, out);
            }
            (CfMessage::BulkEnd { seq, records }, Phase::Bulk { records: applied }) if records == applied => {
                self.phase = Phase::InSync;
                out.push(Output::End);
                self.confirm(seq, out);
            }
            (CfMessage::BulkEnd { records, .. }, _) => {
                self.broken(format!("the bulk's end does not fit its {records} records"), out);
            }
            (CfMessage::Ack { .. } | CfMessage::Broken { .. }, _) => {
                self.broken("the active sent a standby's message".to_owned(), out);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl CfStandby {
    fn confirm(&mut self, seq: u64, out: &mut Vec<Output>) {
        self.seq = seq;
        out.push(Output::Send(CfMessage::Ack { seq }));
    }

    fn broken(&mut self, why: String, out: &mut Vec<Output>) {
        self.phase = Phase::Idle;
        out.push(Output::Send(CfMessage::Broken { why }));
    }
}
