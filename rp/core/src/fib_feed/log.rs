//! The last batches of the term, for line cards that follow and for the standby.

use fabric_proto::fib::Batch;
use std::{collections::VecDeque, sync::Arc};

/// Most bytes of batches kept. A table of 1.2 million routes takes about 10 MB: a reader further behind
/// than two of them is served better, and sooner, by a comparison of digests.
pub const LOG_BYTES_MAX: usize = 24 << 20;

/// Batches by number, the oldest forgotten first.
#[derive(Debug)]
pub(super) struct Log {
    batches: VecDeque<Arc<Batch>>,
    /// Number of the newest batch.
    newest: u64,
    bytes: usize,
    limit: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self::of(LOG_BYTES_MAX)
    }
}

impl Log {
    /// An empty log of another size.
    pub(super) fn of(limit: usize) -> Self {
        Self { batches: VecDeque::new(), newest: 0, bytes: 0, limit }
    }

    /// Forgets everything: numbers begin again.
    pub(super) fn clear(&mut self) {
        *self = Self::of(self.limit);
    }

    /// Appends batch number `seq`, and forgets old ones beyond the limit.
    pub(super) fn push(&mut self, seq: u64, batch: Arc<Batch>) {
        assert_eq!(seq, self.newest + 1, "batches of a term are numbered without gaps");
        self.newest = seq;
        self.bytes += size(&batch);
        self.batches.push_back(batch);
        while self.bytes > self.limit && self.batches.len() > 1 {
            if let Some(old) = self.batches.pop_front() {
                self.bytes -= size(&old);
            }
        }
    }

    /// Batch number `seq`; `None` when it is forgotten or does not exist yet.
    pub(super) fn batch(&self, seq: u64) -> Option<&Arc<Batch>> {
        let oldest = self.newest + 1 - self.batches.len() as u64;
        usize::try_from(seq.checked_sub(oldest)?).ok().and_then(|at| self.batches.get(at))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Bytes that a batch holds, about.
pub(super) fn size(batch: &Batch) -> usize {
    let paths: usize = batch.paths.iter().map(|list| 48 + list.paths.paths().len() * 48).sum();
    size_of::<Batch>() + batch.packed.len() + paths + batch.forget.len() * 4
}
