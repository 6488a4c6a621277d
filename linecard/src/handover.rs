//! Giving a running card to another program, and taking one: the shell around [`linecard_core::handover`].
//!
//! Both programs share a folder with a socket in it, [`socket_of`] the card's configuration. Sockets (wires, and those of
//! the two endpoints) travel through it as file descriptors, so that what the kernel holds is never anybody's to lose; they
//! stay in the network namespace that they were made in, whichever that of the new program is.

mod guard;
mod offer;
mod pipe;
mod take;

pub use guard::guard;
pub use offer::{Offered, offer};
pub use take::{TakeOverError, Taken, take_over};

use fabric_proto::{deploy::CardConfig, id::Unit};
use std::path::PathBuf;

/// Where the program of a card lets in the one that is to take its place.
pub fn socket_of(config: &CardConfig) -> PathBuf {
    let slot = match config.id.unit {
        Unit::Card(slot) => slot.to_string(),
        Unit::Tester | Unit::Linux | Unit::Operator => "-".to_owned(),
    };
    config.nvram.join(format!("handover-{slot}"))
}
