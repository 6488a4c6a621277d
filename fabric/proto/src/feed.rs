//! RP ↔ route feed: a peer that sends its table, says when it is complete, and sends it again to whoever asks anew.

use crate::{
    codec::{Class, Message},
    fib::Family,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What the active RP says to the peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToFeed {
    /// Open the session: send everything, from the beginning.
    Open {
        /// Whether the RP kept its forwarding state over a restart (the F bit of RFC 4724 §3).
        forwarding_kept: bool,
    },
}

/// What the peer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromFeed {
    /// Next-hop sets: `(number, next hops)`. Sent before the routes that use them.
    NextHops(Vec<(u32, Vec<IpAddr>)>),
    /// Route operations packed as in [`crate::fib::Batch`], whose path-list numbers are next-hop set numbers.
    Routes {
        /// How many.
        count: u32,
        /// The operations.
        packed: Bytes,
    },
    /// The family's table is complete (RFC 4724 §2).
    EndOfRib(Family),
}

impl Message for ToFeed {
    const CLASS: Class = Class::Feed;
    const CAP: usize = 1024;
}

impl Message for FromFeed {
    const CLASS: Class = Class::Feed;
    /// A feed message packs a few thousand routes.
    const CAP: usize = 1 << 20;
}
