//! QUIC shell of the swact chassis.
//!
//! * [`tls`]: the lab's certificate authority, and what a card proves about itself
//! * [`control`]: message streams and heartbeat datagrams
//! * [`data`]: streams of cells
//! * [`impair`]: seeded loss, delay, partition, switchable at run time
//! * [`clock`]: the monotonic clock that all cards of a host share
//! * [`log`]: what a program says while it works
//! * [`card`]: what every card program shares: start, end, next life, events
//!
//! Control and data are two planes: each has its own endpoint, and the caller gives each its own
//! thread with a `current_thread` runtime, so that load on data never delays a heartbeat. QUIC's idle timeout
//! is not used for liveness: that is the redundancy machine's own deadline.
//!
//! What ends when: dropping an endpoint's last handle stops its acceptor; connections live on until
//! they are closed or their last handle is dropped, which closes them without a reason.

pub mod card;
pub mod clock;
mod congestion;
pub mod control;
pub mod data;
mod error;
pub mod impair;
pub mod log;
mod plane;
pub mod priority;
mod refusals;
mod socket;
pub mod tls;

pub use error::FabricError;
pub use socket::bind as udp;
