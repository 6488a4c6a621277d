//! FIB distribution: the active RP's forwarding table, its copy on the standby, and its copies on
//! every line card.
//!
//! * [`FibMaster`] is the table with its path lists and the log of batches that made it. The standby
//!   keeps one too: it applies what the active's [`FibMaster::take_checkpoint`] and
//!   [`FibMaster::bulk_chunk`] produce.
//! * [`FibFeed`] is the active's machine towards line cards: adoption, download, reconciliation by
//!   digests, the log, and the confirmation that a card's table equals the RP's.
//!
//! * [`Level`] is what of the table somebody of another release is given.
//!
//! One rule makes every interleaving exact: whoever is sent a piece of the table has been sent every
//! batch of the log before it, so the piece fits the position that the receiver has reached.

mod checkpoint;
mod chunk;
mod level;
mod lists;
mod log;
mod master;
mod session;

pub use checkpoint::{BulkCursor, CheckpointError};
pub use level::Level;
pub use log::LOG_BYTES_MAX;
pub use master::{BATCH_ROUTES_MAX, FibMaster, ListsFull};
pub use session::{Beyond, CardChange, FibFeed, Input, Output, ResetReason, SessionStatus, WINDOW};

#[cfg(test)]
pub(crate) mod tests;
