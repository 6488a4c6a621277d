//! What is said of packets that do not arrive (RFC 792, RFC 1812 §4.3, RFC 4443), when nothing is said, and how often at most.
//! Redirects are not sent, and not heeded.

use crate::{
    interface::{Interface, is_host},
    limit::Bucket,
    wire::{
        icmp::{Message, v4, v6},
        ip::Packet,
    },
};
use fabric_proto::time::Instant;
use std::net::IpAddr;

/// What has become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It was on its way for too long (RFC 1812 §5.3.1, RFC 4443 §3.3).
    TimeExceeded,
    /// Its other fragments did not come (RFC 1122 §3.3.2, RFC 8200 §4.5).
    ReassemblyTimeExceeded,
    /// It is larger than its way takes: the largest that is not (RFC 1191 §4, RFC 4443 §3.2).
    TooBig {
        /// The next link's MTU.
        mtu: u16,
    },
    /// It cannot be delivered.
    Unreachable(Unreachable),
    /// Something in its header is not understood (RFC 4443 §3.4): IPv6 only.
    Parameter {
        /// 0: a field is wrong; 1: the next header is unknown.
        code: u8,
        /// Where that is.
        pointer: u32,
    },
}

/// Why a packet cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// There is no route.
    Network,
    /// The last router before it does not reach it.
    Host,
    /// Nobody speaks the protocol.
    Protocol,
    /// Nobody listens on the port.
    Port,
    /// A source route leads nowhere.
    SourceRoute,
    /// The network is known not to exist.
    NetworkUnknown,
    /// The host is known not to exist.
    HostUnknown,
    /// Packets to the network are forbidden.
    NetworkProhibited,
    /// Packets to the host are forbidden.
    HostProhibited,
    /// The network is not reached with this type of service.
    NetworkTos,
    /// The host is not reached with this type of service.
    HostTos,
    /// A filter forbids it.
    Prohibited,
    /// The destination is beyond the scope of the source (RFC 4443 §3.1).
    BeyondScope,
    /// A policy forbids the source.
    SourcePolicy,
    /// The route says that it is to be refused.
    RejectRoute,
}

impl Unreachable {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Network,
        Self::Host,
        Self::Protocol,
        Self::Port,
        Self::SourceRoute,
        Self::NetworkUnknown,
        Self::HostUnknown,
        Self::NetworkProhibited,
        Self::HostProhibited,
        Self::NetworkTos,
        Self::HostTos,
        Self::Prohibited,
        Self::BeyondScope,
        Self::SourcePolicy,
        Self::RejectRoute,
    ];

    /// Its code in IPv4 (RFC 1812 §5.2.7.1): the nearest for what only IPv6 tells apart.
    pub fn code_v4(self) -> u8 {
        match self {
            Self::Network => 0,
            Self::Host => 1,
            Self::Protocol => 2,
            Self::Port => 3,
            Self::SourceRoute => 5,
            Self::NetworkUnknown => 6,
            Self::HostUnknown => 7,
            Self::NetworkProhibited => 9,
            Self::HostProhibited => 10,
            Self::NetworkTos => 11,
            Self::HostTos => 12,
            Self::Prohibited | Self::BeyondScope | Self::SourcePolicy | Self::RejectRoute => 13,
        }
    }

    /// Its code in IPv6 (RFC 4443 §3.1): the nearest for what only IPv4 tells apart.
    pub fn code_v6(self) -> u8 {
        match self {
            Self::Network | Self::SourceRoute | Self::NetworkUnknown | Self::NetworkTos => 0,
            Self::Prohibited | Self::NetworkProhibited | Self::HostProhibited => 1,
            Self::BeyondScope => 2,
            Self::Host | Self::HostUnknown | Self::HostTos | Self::Protocol => 3,
            Self::Port => 4,
            Self::SourcePolicy => 5,
            Self::RejectRoute => 6,
        }
    }
}

/// How often errors are sent: each kind by a bucket of its own, for the whole router (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorLimits {
    /// Unreachable, a second and at once.
    pub unreachable: (u32, u32),
    /// Time exceeded.
    pub exceeded: (u32, u32),
    /// Fragmentation needed, packet too big. Without them, paths stay dark: they have the most.
    pub too_big: (u32, u32),
    /// Parameter problem.
    pub parameter: (u32, u32),
    /// Echo replies, which are no errors, and are limited as well.
    pub echo: (u32, u32),
}

impl Default for ErrorLimits {
    fn default() -> Self {
        Self {
            unreachable: (100, 20),
            exceeded: (100, 20),
            too_big: (200, 50),
            parameter: (10, 10),
            echo: (2_000, 500),
        }
    }
}

/// The buckets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limiter {
    unreachable: Bucket,
    exceeded: Bucket,
    too_big: Bucket,
    parameter: Bucket,
    echo: Bucket,
}

impl Limiter {
    pub(crate) fn new(limits: &ErrorLimits) -> Self {
        let bucket = |(per_second, burst)| Bucket::new(per_second, burst);
        Self {
            unreachable: bucket(limits.unreachable),
            exceeded: bucket(limits.exceeded),
            too_big: bucket(limits.too_big),
            parameter: bucket(limits.parameter),
            echo: bucket(limits.echo),
        }
    }

    pub(crate) fn allows(&mut self, now: Instant, error: Error) -> bool {
        match error {
            Error::TimeExceeded | Error::ReassemblyTimeExceeded => self.exceeded.take(now),
            Error::TooBig { .. } => self.too_big.take(now),
            Error::Unreachable(_) => self.unreachable.take(now),
            Error::Parameter { .. } => self.parameter.take(now),
        }
    }

    pub(crate) fn allows_echo(&mut self, now: Instant) -> bool {
        self.echo.take(now)
    }
}

/// Bytes of an IPv4 packet with an error at most (RFC 1812 §4.3.2.3), and of an IPv6 one (RFC 4443 §2.4 c).
const LARGEST_V4: usize = 576;
const LARGEST_V6: usize = 1280;

impl Error {
    /// The message about a packet; `None` where its family has no words for it.
    pub(crate) fn about<'a>(self, packet: &Packet<'a>) -> Option<Message<'a>> {
        let bare = |kind, code| (kind, code, [0; 4]);
        let is_v4 = packet.source.is_ipv4();
        let (kind, code, word) = match (self, is_v4) {
            (Self::TimeExceeded, true) => bare(v4::TIME_EXCEEDED, 0),
            (Self::TimeExceeded, false) => bare(v6::TIME_EXCEEDED, 0),
            (Self::ReassemblyTimeExceeded, true) => bare(v4::TIME_EXCEEDED, 1),
            (Self::ReassemblyTimeExceeded, false) => bare(v6::TIME_EXCEEDED, 1),
            // Who lets routers cut a packet is not told that it is too big.
            (Self::TooBig { .. }, true) if !packet.dont_fragment => return None,
            (Self::TooBig { mtu }, true) => {
                let [high, low] = mtu.to_be_bytes();
                (v4::UNREACHABLE, v4::FRAGMENTATION_NEEDED, [0, 0, high, low])
            }
            (Self::TooBig { mtu }, false) => (v6::TOO_BIG, 0, u32::from(mtu).to_be_bytes()),
            (Self::Unreachable(why), true) => bare(v4::UNREACHABLE, why.code_v4()),
            (Self::Unreachable(why), false) => bare(v6::UNREACHABLE, why.code_v6()),
            (Self::Parameter { .. }, true) => return None,
            (Self::Parameter { code, pointer }, false) => (v6::PARAMETER_PROBLEM, code, pointer.to_be_bytes()),
        };
        let room = if is_v4 { LARGEST_V4 - 20 - 8 } else { LARGEST_V6 - 40 - 8 };
        Some(Message { kind, code, word, body: &packet.bytes[..packet.bytes.len().min(room)] })
    }

    /// Whether an error may be about this packet at all (RFC 1812 §4.3.2.7, RFC 4443 §2.4 e). `to_group`: its frame went to more
    /// than one station.
    pub(crate) fn may_be_about(self, packet: &Packet<'_>, interface: Option<&Interface>, to_group: bool) -> bool {
        let broadcast = |address| interface.is_some_and(|interface| interface.is_broadcast(address));
        // Path MTU discovery works for multicast over IPv6 (RFC 4443 §2.4 e.3).
        let of_group = packet.source.is_ipv6() && matches!(self, Self::TooBig { .. });
        let group = to_group || packet.destination.is_multicast() || broadcast(packet.destination);
        let unspecified = match packet.destination {
            IpAddr::V4(destination) => destination.octets()[0] == 0,
            IpAddr::V6(destination) => destination.is_unspecified(),
        };
        !Message::is_error(packet)
            && !packet.is_later_fragment()
            && is_host(packet.source)
            && !broadcast(packet.source)
            && !unspecified
            && (!group || of_group)
    }
}
