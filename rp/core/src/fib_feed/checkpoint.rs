//! The standby's copy: in bulk, then batch by batch.

use super::{FibMaster, Level, chunk, lists::ListState, log};
use bytes::Bytes;
use fabric_proto::fib::{BadBatch, Batch, PATH_LISTS_MAX, PathListId, Position};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A piece is closed at about this many bytes of incremental changes.
const PIECE_BYTES: usize = 128 << 10;

/// Where a bulk transfer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkCursor {
    /// Path lists from this number on come next.
    Lists(PathListId),
    /// Buckets from this one on come next.
    Buckets(usize),
}

/// Why a checkpoint of the active's FIB cannot be applied. The active is to blame; the copy is worthless until
/// the next bulk transfer, which the standby asks for.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not a checkpoint.
    #[error("the active sent a FIB checkpoint that does not decode: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
    /// Routes that do not decode.
    #[error("the active sent a FIB checkpoint with damaged routes: {0}")]
    Routes(#[from] BadBatch),
    /// A change before any bulk transfer.
    #[error("the active sent a FIB change before a bulk transfer")]
    NotBegun,
    /// Changes are missing.
    #[error("the active sent FIB change {got:?} where the copy stands at {at:?}")]
    Gap {
        /// Where the copy stands.
        at: Position,
        /// What came.
        got: Position,
    },
    /// A route or a removal that does not fit the path lists held.
    #[error("the active sent a FIB change that does not fit path list {0}")]
    PathList(PathListId),
}

/// What the table has to do with the other RP's.
#[derive(Debug, Default)]
pub(super) enum Replica {
    /// Nothing.
    #[default]
    None,
    /// Active: the standby has been given every batch up to this one.
    Feeding {
        /// Number of the batch.
        sent: u64,
    },
    /// Standby: a bulk transfer is under way.
    Copying,
    /// Standby: the copy is whole.
    Whole,
}

/// What travels, in order: changes, then a piece of the table as it is after them. What release 1.0 knows is what it was
/// there; a standby of that release is given nothing else ([`Level::Base`]).
#[derive(Debug, Default, Serialize, Deserialize)]
struct Piece {
    /// A bulk transfer begins: the copy is emptied and stands here.
    begins: Option<Position>,
    /// Batches of the log.
    changes: Vec<(Position, Arc<Batch>)>,
    /// Path lists or whole buckets.
    part: Option<Batch>,
    /// The bulk transfer is complete.
    ends: bool,
}

impl FibMaster {
    /// The next piece of a bulk transfer to the standby, from the beginning when `cursor` is `None`; and the
    /// cursor of the piece after it, `None` when this one was the last. Pieces carry the incremental
    /// changes made before them, so they and [`FibMaster::take_checkpoint`] may be mixed as one likes,
    /// provided they arrive in order. All of them are of one `level`.
    pub fn bulk_chunk(&mut self, cursor: Option<BulkCursor>, level: Level) -> (Bytes, Option<BulkCursor>) {
        self.flush();
        let mut piece = Piece { changes: self.untaken(PIECE_BYTES), ..Piece::default() };
        let cursor = match cursor {
            Some(cursor) if matches!(self.replica, Replica::Feeding { .. }) => cursor,
            // A transfer whose changes were given up must begin again.
            Some(_) | None => {
                piece = Piece { begins: Some(self.position), ..Piece::default() };
                self.replica = Replica::Feeding { sent: self.position.seq };
                BulkCursor::Lists(0)
            }
        };
        if matches!(self.replica, Replica::Feeding { sent } if sent < self.position.seq) {
            return (encode(piece, level), Some(cursor));
        }
        let (part, next) = match cursor {
            BulkCursor::Lists(from) => {
                let (part, next) = chunk::lists(&self.table, from);
                (part, Some(next.map_or(BulkCursor::Buckets(0), BulkCursor::Lists)))
            }
            BulkCursor::Buckets(from) => {
                let (part, next) = chunk::buckets(&self.table, from);
                (part, next.map(BulkCursor::Buckets))
            }
        };
        piece.part = Some(part);
        piece.ends = next.is_none();
        (encode(piece, level), next)
    }

    /// Changes since the last piece, for the standby; `None` when there are none, or no bulk transfer was begun.
    /// Call until `None`.
    pub fn take_checkpoint(&mut self, level: Level) -> Option<Bytes> {
        self.flush();
        let changes = self.untaken(PIECE_BYTES);
        (!changes.is_empty()).then(|| encode(Piece { changes, ..Piece::default() }, level))
    }

    /// Whether a standby is being kept up to date. False after [`FibMaster::stop_checkpoint`], and when the changes
    /// were not taken before the log forgot them: then only a new bulk transfer helps.
    pub fn is_checkpointing(&self) -> bool {
        matches!(self.replica, Replica::Feeding { .. })
    }

    /// The standby is gone: nothing is kept for it.
    pub fn stop_checkpoint(&mut self) {
        self.replica = Replica::None;
    }

    /// Standby: applies a piece of a bulk transfer or an incremental change. True once the copy is whole.
    pub fn apply_checkpoint(&mut self, bytes: &[u8]) -> Result<bool, CheckpointError> {
        let result = rmp_serde::from_slice(bytes).map_err(CheckpointError::from).and_then(|piece| self.apply(piece));
        if result.is_err() {
            self.replica = Replica::None;
        }
        result
    }

    /// Standby: whether the copy is whole.
    pub fn is_whole(&self) -> bool {
        matches!(self.replica, Replica::Whole)
    }

    /// Batches that the standby was not given, up to about `bytes`.
    fn untaken(&mut self, bytes: usize) -> Vec<(Position, Arc<Batch>)> {
        let Replica::Feeding { sent } = &mut self.replica else { return Vec::new() };
        let (mut changes, mut total) = (Vec::new(), 0);
        while *sent < self.position.seq && total < bytes {
            let Some(batch) = self.log.batch(*sent + 1) else {
                self.replica = Replica::None;
                return Vec::new();
            };
            *sent += 1;
            total += log::size(batch);
            changes.push((Position { seq: *sent, ..self.position }, Arc::clone(batch)));
        }
        changes
    }

    fn apply(&mut self, piece: Piece) -> Result<bool, CheckpointError> {
        if let Some(at) = piece.begins {
            *self = Self::copy_from(at);
        }
        if matches!(self.replica, Replica::None | Replica::Feeding { .. }) {
            return Err(CheckpointError::NotBegun);
        }
        for (got, batch) in &piece.changes {
            let at = self.position;
            if *got != (Position { seq: at.seq + 1, ..at }) {
                return Err(CheckpointError::Gap { at, got: *got });
            }
            self.apply_batch(batch)?;
            self.position = *got;
        }
        if let Some(part) = &piece.part {
            self.apply_batch(part)?;
        }
        if piece.ends {
            self.replica = Replica::Whole;
        }
        Ok(self.is_whole())
    }

    fn apply_batch(&mut self, batch: &Batch) -> Result<(), CheckpointError> {
        for list in &batch.paths {
            if list.id as usize >= PATH_LISTS_MAX {
                return Err(CheckpointError::PathList(list.id));
            }
            self.lists.set_state(list.id, ListState::Owned);
            self.table.set_paths(list.clone());
        }
        for op in batch.routes() {
            let (key, id) = op?;
            if let Some(id) = id
                && self.lists.state(id) == ListState::Free
            {
                return Err(CheckpointError::PathList(id));
            }
            self.table.set(key, id);
        }
        for id in &batch.forget {
            if self.table.users(*id) > 0 {
                return Err(CheckpointError::PathList(*id));
            }
            self.lists.set_state(*id, ListState::Free);
            self.table.remove_paths(*id);
        }
        Ok(())
    }
}

fn encode(mut piece: Piece, level: Level) -> Bytes {
    if level == Level::Base {
        let given = |(at, batch): (Position, Arc<Batch>)| (at, Arc::new(level.batch(Arc::unwrap_or_clone(batch))));
        piece.changes = piece.changes.into_iter().map(given).collect();
        piece.part = piece.part.map(|part| level.batch(part));
    }
    Bytes::from(rmp_serde::to_vec(&piece).expect("numbers, bytes and addresses always encode"))
}
