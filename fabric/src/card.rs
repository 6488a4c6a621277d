//! What every card program shares: how it starts and ends, what it hands to its next life, and the events
//! that it tells operators of.

mod events;
pub mod process;
mod start;
pub mod telemetry;

pub use events::Events;
pub use start::{BadFile, End, FileKind, configuration, manifest, own_manifest, run};
