//! How a running card's program (the *holder*) gives its card to the program that takes its place (the *heir*).
//!
//! ```text
//! heir                                holder
//! ask(versions, release, card)   ──▶
//!                                ◀──  welcome(version, release)       or refused(why)
//!                                ◀──  part(1), part(2), …             the table; the holder forwards and obeys
//! loaded(1), loaded(2), …        ──▶
//!                                     the heir has all of it: the holder stops at packet boundaries
//!                                ◀──  part(n), …                      what has changed since
//!                                ◀──  standing, port…, link…, end     each with the sockets that belong to it
//! taken                          ──▶
//!                                     the holder ends
//! ```
//!
//! Until the holder has read `taken`, the card is its own: it goes on with what it holds, whatever becomes of the heir. The
//! heir touches nothing before it has said it. So there is always one that forwards, and never two.
//!
//! [`Holder`] and [`Heir`] are machines; [`wire`](self) messages are frames `length u32 BE | rmp-serde body`, whose first
//! words ([`FromHeir::Ask`], [`FromHolder::Welcome`], [`FromHolder::Refused`]) keep their body for ever.

mod heir;
mod holder;
mod words;

pub use heir::{Differs, Estate, Heir, HeirError, Input as HeirInput, Output as HeirOutput};
pub use holder::{Ending, Holder, Input as HolderInput, Output as HolderOutput};
pub use words::{BadFrame, FromHeir, FromHolder, LinkLeft, PortLeft, Standing, Unsent, frame, read_frame};

use fabric_proto::version::Versions;
use std::time::Duration;

/// Versions of a hand-over that this release takes part in. A holder that has none in common with its heir refuses: its
/// card is reset to change its release.
pub const VERSIONS: Versions = Versions::FIRST;

/// Parts of the table that the heir has not confirmed: enough to keep it busy, and little work at once for the owner.
pub const WINDOW: u64 = 64;

/// How long the other program may say nothing.
pub const SILENCE: Duration = Duration::from_secs(10);

/// How long the heir may take to look at all that it was left. The card stands still meanwhile.
pub const TAKE_MAX: Duration = Duration::from_secs(1);

/// How long it may take until the heir has the table. A table that changes faster than it can be told is left alone.
pub const LOAD_MAX: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests;
