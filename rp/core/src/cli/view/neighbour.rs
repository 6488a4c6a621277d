//! Neighbours, as commands show them.

use fabric_proto::{fib::Mac, id::InterfaceId};
use std::{net::IpAddr, time::Duration};

/// A neighbour that was learned, or is being looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourView {
    /// Its address.
    pub address: IpAddr,
    /// The interface that it is on.
    pub interface: InterfaceId,
    /// Its station, where it has answered.
    pub station: Option<Mac>,
    /// How far it is believed, as a word of RFC 4861 §7.3.2: `REACH`, `STALE`, `DELAY`, `PROBE`, `INCMP`.
    pub state: &'static str,
    /// Since it was heard of last; `None` where it never was.
    pub age: Option<Duration>,
}
