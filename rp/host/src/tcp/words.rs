//! What is asked of TCP, and what it says.

use super::{AoKey, Md5Key, ao};
use fabric_proto::{
    fib::Prefix,
    id::{InterfaceId, TableId},
};
use std::net::{IpAddr, SocketAddr};

/// Number of a connection, or of somebody who listens. Whoever opens one chooses it, below [`TcpId::ACCEPTED`]; connections that
/// others open have numbers from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcpId(pub u64);

impl TcpId {
    /// The first number of connections that others open.
    pub const ACCEPTED: Self = Self(1 << 63);
}

/// What holds for the segments of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpRules {
    /// Hops that ours may take: 255 where the other side looks at that (RFC 5082 §3).
    pub ttl: u8,
    /// Hops that theirs must have left on arrival: 255 for a neighbour, 0 for anybody.
    pub least_ttl: u8,
    /// What both sign segments with; `None`: they do not.
    pub key: Option<TcpKey>,
    /// Type of service, or traffic class.
    pub class: u8,
}

/// What segments are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpKey {
    /// A password (RFC 2385).
    Md5(Md5Key),
    /// A key of the authentication option (RFC 5925).
    Ao(AoKey),
}

impl TcpRules {
    pub(super) fn md5(&self) -> Option<&Md5Key> {
        match &self.key {
            Some(TcpKey::Md5(key)) => Some(key),
            Some(TcpKey::Ao(_)) | None => None,
        }
    }

    /// A connection's own state of the authentication option.
    pub(super) fn session(&self) -> Option<ao::Session> {
        match &self.key {
            Some(TcpKey::Ao(key)) => Some(ao::Session::new(key.clone())),
            Some(TcpKey::Md5(_)) | None => None,
        }
    }
}

impl Default for TcpRules {
    fn default() -> Self {
        // Class selector 6 (RFC 4594 §3.1): what routers have to say to each other.
        Self { ttl: 64, least_ttl: 0, key: None, class: 0xc0 }
    }
}

/// Somebody who waits for connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The table that they come by.
    pub table: TableId,
    /// To which own address; `None`: any.
    pub address: Option<IpAddr>,
    /// To which port.
    pub port: u16,
    /// Who may connect, and what holds for them: the longest prefix counts. Nobody else is answered.
    pub from: Vec<(Prefix, TcpRules)>,
}

/// A connection to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The table that the other side is looked up in.
    pub table: TableId,
    /// By which interface: a link-local address needs one.
    pub via: Option<InterfaceId>,
    /// From which own address; `None`: the one of the interface that leads there.
    pub own: Option<IpAddr>,
    /// To whom.
    pub other: SocketAddr,
    /// What holds for it.
    pub rules: TcpRules,
}

/// What is asked of TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpInput<'a> {
    /// Wait for connections.
    Listen(TcpId, Listener),
    /// Open one.
    Connect(TcpId, Connect),
    /// Send this. What there is no room for waits; whoever sends heeds [`TcpEvent::Room`].
    Send(TcpId, &'a [u8]),
    /// All is sent: close it once that has arrived. Of somebody who listens: wait no more.
    Close(TcpId),
    /// Reset it.
    Abort(TcpId),
}

/// What has become of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpEvent {
    /// Somebody has connected.
    Accepted {
        /// To whom who listens.
        listener: TcpId,
        /// Our end.
        own: SocketAddr,
        /// Theirs.
        other: SocketAddr,
    },
    /// The other side has answered.
    Connected,
    /// It has sent this.
    Data(Vec<u8>),
    /// All that waited is on its way: there is room again.
    Room,
    /// It sends no more.
    Ended,
    /// It is over: both sides have closed it, or (`reset`) it was refused, reset or given up.
    Closed {
        /// Whether something may be lost.
        reset: bool,
    },
}

/// What is counted of segments that reach no socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpCounters {
    /// Damaged ones.
    pub malformed: u64,
    /// From further away than is allowed.
    pub ttl: u64,
    /// Not signed, or wrongly, or signed where nothing is agreed.
    pub unsigned: u64,
    /// From somebody who may not connect.
    pub stranger: u64,
    /// More connections than there is room for.
    pub full: u64,
    /// Answered with a reset.
    pub reset: u64,
}
