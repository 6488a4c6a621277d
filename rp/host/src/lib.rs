//! The route processor as a host on its links: neighbours (ARP, neighbour discovery), own addresses, ICMP, `ping` and
//! `traceroute`, UDP, TCP. A machine without I/O.
//!
//! [`Host`] is told of interfaces, of frames that line cards pass to the route processor, and of packets that wait for a neighbour; it
//! says which frames to send and which neighbours the forwarding table is to have. Where a packet goes it asks [`Routes`]. It joins
//! small machines of which each owns one thing: `adjacency` (neighbours), `own` (own addresses), `router` (advertisements), `icmp`
//! (errors and their limits), `reassembly`, `probe` (questions of operators), `udp` (who listens), `tcp` (connections).
//!
//! Other protocols' packets are handed out whole ([`Output::Packet`]) to whoever has asked for their number ([`Input::Listen`]).
//!
//! Deliberately absent: redirects, IPv4 options in what is sent, multicast groups beyond those of neighbour discovery, and inspection of
//! what line cards forward (see `adjacency`).

#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod adjacency;
mod host;
mod icmp;
mod interface;
mod limit;
mod own;
mod probe;
mod reassembly;
mod router;
mod tcp;
mod udp;
mod wire;

pub use adjacency::{Limits, Neighbour, Reachability, Refused, Saved};
pub use host::{Counters, Host, Input, Output, Reason, Settings, State};
pub use icmp::{Error, ErrorLimits, Unreachable};
pub use interface::{Interface, Link, NeighbourSettings};
pub use limit::Bucket;
pub use own::OwnState;
pub use probe::{Ping, PingEvent, ProbeEvent, ProbeId, Says, Summary, TraceEvent, Traceroute, Unsent};
pub use tcp::{AoKey, Connect, Listener, Md5Key, TcpCounters, TcpEvent, TcpId, TcpInput, TcpKey, TcpRules};
pub use udp::{Datagram, SocketId};

use fabric_proto::id::{InterfaceId, TableId};
use std::net::IpAddr;

/// Where packets go: the routing table, as whoever has one answers.
pub trait Routes {
    /// The next hop of packets to an address, looked up in a table; `None`: there is no route.
    fn route(&self, table: TableId, to: IpAddr) -> Option<Hop>;
}

/// Where a packet goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// To this neighbour; its own address where that is on the interface's network.
    Neighbour(InterfaceId, IpAddr),
    /// Nowhere: the route says so.
    Discard,
}
