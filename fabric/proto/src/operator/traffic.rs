//! What a tester is to offer, and what must come of it.

use crate::fib::Mac;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Traffic for a tester to offer and to receive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrafficSpec {
    /// The flows; packets go round robin over them.
    pub flows: Vec<FlowSpec>,
    /// Total rate over all flows, packets a second.
    pub rate_pps: f64,
    /// Ethernet frame length including 4 bytes of FCS that a wire does not carry (RFC 2544 §9.1), and without the tag of a
    /// VLAN: a tagged frame is four bytes longer (IEEE 802.3 §3.2.7), and its packet as long as all others.
    pub frame_size: u16,
    /// The load stops itself after this long, whatever happens.
    pub at_most_ms: u64,
}

/// One flow: what is sent, and what the RIB demands at its arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSpec {
    /// Tester port that sends (from 1).
    pub from: u8,
    /// VLAN of the tag that its frames leave with (IEEE 802.1Q), priority 0; `None`: they leave without one.
    pub vlan: Option<u16>,
    /// Destination MAC: the chassis port's.
    pub port_mac: Mac,
    /// Source address.
    pub source: IpAddr,
    /// Destination address, out of the table in the chassis.
    pub destination: IpAddr,
    /// Where it may arrive: one for each equal-cost path.
    pub expect: Vec<Exit>,
    /// Routers on the way: each takes one off the TTL.
    pub hops: u8,
}

/// Where packets of a flow may arrive, and as whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exit {
    /// Tester port that receives (from 1).
    pub port: u8,
    /// VLAN of the tag that they arrive with, priority 0; `None`: they arrive without one.
    pub vlan: Option<u16>,
    /// Destination MAC: the neighbour's.
    pub mac: Mac,
}

/// A tester's totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficProgress {
    /// Whether it is sending.
    pub sending: bool,
    /// Packets offered: intended send time reached.
    pub offered: u64,
    /// Packets handed to the wire.
    pub sent: u64,
    /// Distinct packets that arrived where and as they should.
    pub delivered: u64,
    /// Offered packets whose port had no carrier.
    pub port_down: u64,
    /// Packets waiting for the wire.
    pub queued: u64,
}
