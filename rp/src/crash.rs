//! Crash points: the program aborts when its own course reaches a named point.
//!
//! The shell shows an armed [`Crash`] every input before the machine takes it and every output before it is carried
//! out. What is armed lies in NVRAM, so that it survives a restart, and is removed just before it goes off.

use fabric_proto::{
    checkpoint::{CfClientId, CfMessage},
    linecard::{FibPart, FibUpdate, FromLc, ToLc},
    operator::{CrashPoint, EventKind},
    time::Instant,
};
use rp_core::rp::{Input, Output};
use std::time::Duration;

/// How long the other side of an update is held back for an acknowledgement that may never come.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);

/// What becomes of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// It is carried out.
    Go,
    /// It is not: the program will be dead before it would have been.
    Hold,
    /// The program ends here.
    Crash,
}

/// An armed crash point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    point: CrashPoint,
    /// Since when one half of an update is held back, and which record of the other half is to be acknowledged.
    half_done: Option<(Instant, u64)>,
}

impl Crash {
    pub(crate) fn at(point: CrashPoint) -> Self {
        Self { point, half_done: None }
    }

    pub(crate) fn point(self) -> CrashPoint {
        self.point
    }

    /// Whether the program ends before it takes this input.
    pub(crate) fn on_input(&self, now: Instant, input: &Input) -> bool {
        if let Some((since, _)) = self.half_done
            && now.since(since) >= ACKNOWLEDGED_WITHIN
        {
            return true;
        }
        match (self.point, self.half_done, input) {
            // The standby's side of a bulk sync; the active never gets a record.
            (CrashPoint::BulkSync, _, Input::Checkpoint(CfMessage::Bulk { .. })) => true,
            (CrashPoint::UpdateBeforeCheckpoint, Some(_), Input::Lc(_, FromLc::Ack { .. })) => true,
            (CrashPoint::CheckpointBeforeUpdate, Some((_, record)), Input::Checkpoint(CfMessage::Ack { seq })) => {
                *seq >= record
            }
            _ => false,
        }
    }

    /// What becomes of an output.
    pub(crate) fn on_output(&mut self, now: Instant, output: &Output) -> Course {
        use CrashPoint::{Adoption, BulkSync, CheckpointBeforeUpdate, SaveConfig, Switchover, UpdateBeforeCheckpoint};
        match (self.point, output) {
            (BulkSync, Output::Checkpoint(CfMessage::Bulk { .. })) => match self.half_done {
                None => {
                    self.half_done = Some((now, 0));
                    Course::Go
                }
                Some(_) => Course::Crash,
            },
            (BulkSync, Output::Checkpoint(CfMessage::BulkEnd { .. })) => Course::Crash,
            (UpdateBeforeCheckpoint, Output::Lc(_, message)) if is_change(message) => {
                self.half_done.get_or_insert((now, 0));
                Course::Go
            }
            // Without an update that went before it, it is only late.
            (UpdateBeforeCheckpoint, Output::Checkpoint(message)) if checkpointed(message).is_some() => {
                if self.half_done.is_some() { Course::Hold } else { Course::Go }
            }
            (CheckpointBeforeUpdate, Output::Lc(_, message)) if is_change(message) => {
                self.half_done.get_or_insert((now, u64::MAX));
                Course::Hold
            }
            (CheckpointBeforeUpdate, Output::Checkpoint(message)) => {
                if let (Some(seq), Some((_, wanted))) = (checkpointed(message), &mut self.half_done) {
                    *wanted = seq.min(*wanted);
                }
                Course::Go
            }
            (Switchover, Output::Own) | (Adoption, Output::Event(EventKind::LcAdopted { .. })) => Course::Crash,
            (BulkSync | UpdateBeforeCheckpoint | CheckpointBeforeUpdate | Switchover | Adoption | SaveConfig, _) => {
                Course::Go
            }
        }
    }
}

/// Whether a message carries a change of the table, not a part of a download.
fn is_change(message: &ToLc) -> bool {
    matches!(message, ToLc::Fib(FibUpdate { kind: FibPart::Log(_), .. }))
}

/// The number of the record that carries a change of the table.
fn checkpointed(message: &CfMessage) -> Option<u64> {
    match message {
        CfMessage::Change { seq, client, .. } if *client == CfClientId::FIB => Some(*seq),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use fabric_proto::{
        fib::{Batch, Position},
        id::{Epoch, LcSlot},
    };

    const NOW: Instant = Instant(1);

    fn update() -> ToLc {
        ToLc::Fib(FibUpdate { number: 1, kind: FibPart::Log(Position::default()), batch: Batch::default() })
    }

    fn record(seq: u64, bulk: bool) -> CfMessage {
        CfMessage::of_record(seq, CfClientId::FIB, bulk, Bytes::new())
    }

    fn sent(crash: &mut Crash, message: CfMessage) -> Course {
        crash.on_output(NOW, &Output::Checkpoint(message))
    }

    #[test]
    fn a_bulk_sync_is_left_half_done_on_either_side() {
        let mut active = Crash::at(CrashPoint::BulkSync);
        assert_eq!(sent(&mut active, record(1, false)), Course::Go, "a change is no bulk sync");
        assert_eq!(sent(&mut active, record(2, true)), Course::Go);
        assert_eq!(sent(&mut active, record(3, true)), Course::Crash);
        let mut short = Crash::at(CrashPoint::BulkSync);
        assert_eq!(sent(&mut short, record(1, true)), Course::Go);
        assert_eq!(sent(&mut short, CfMessage::BulkEnd { seq: 2, records: 1 }), Course::Crash);
        let standby = Crash::at(CrashPoint::BulkSync);
        assert!(!standby.on_input(NOW, &Input::Checkpoint(record(1, false))));
        assert!(standby.on_input(NOW, &Input::Checkpoint(record(1, true))));
    }

    #[test]
    fn the_standby_waits_in_vain_for_an_update_that_a_line_card_has() {
        let mut crash = Crash::at(CrashPoint::UpdateBeforeCheckpoint);
        let update = Output::Lc(LcSlot(1), update());
        let acknowledged = Input::Lc(LcSlot(1), FromLc::Ack { number: 1 });
        assert_eq!(sent(&mut crash, record(1, false)), Course::Go);
        assert!(!crash.on_input(NOW, &acknowledged), "of an update before");
        assert_eq!(crash.on_output(NOW, &update), Course::Go);
        assert_eq!(sent(&mut crash, record(2, false)), Course::Hold);
        assert!(crash.on_input(NOW, &acknowledged));
    }

    #[test]
    fn the_line_cards_wait_in_vain_for_an_update_that_the_standby_has() {
        let mut crash = Crash::at(CrashPoint::CheckpointBeforeUpdate);
        let update = Output::Lc(LcSlot(1), update());
        assert_eq!(crash.on_output(NOW, &update), Course::Hold);
        assert_eq!(sent(&mut crash, record(8, false)), Course::Go);
        assert!(!crash.on_input(NOW, &Input::Checkpoint(CfMessage::Ack { seq: 7 })));
        assert!(crash.on_input(NOW, &Input::Checkpoint(CfMessage::Ack { seq: 8 })));
        assert!(crash.on_input(NOW + ACKNOWLEDGED_WITHIN, &Input::PeerLost), "nobody waits for ever");
    }

    #[test]
    fn a_new_active_ends_before_or_amid_the_adoption() {
        let adopted =
            Output::Event(EventKind::LcAdopted { slot: LcSlot(1), how: fabric_proto::linecard::Adoption::Keep });
        let took_over = Output::Event(EventKind::TookOver { epoch: Epoch(1) });
        let mut before = Crash::at(CrashPoint::Switchover);
        assert_eq!(before.on_output(NOW, &took_over), Course::Go);
        assert_eq!(before.on_output(NOW, &Output::Own), Course::Crash);
        let mut amid = Crash::at(CrashPoint::Adoption);
        assert_eq!(amid.on_output(NOW, &Output::Own), Course::Go);
        assert_eq!(amid.on_output(NOW, &adopted), Course::Crash);
    }
}
