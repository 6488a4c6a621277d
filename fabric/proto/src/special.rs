//! Addresses that standards set apart: a router forwards nothing from them or to them, whatever its table says.

use crate::drops::DropCause;
use std::{fmt, net::IpAddr};

/// What an address is, if it is not one that packets are forwarded from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// "This network", 0.0.0.0/8 (RFC 1122 §3.2.1.3), and `::` (RFC 4291 §2.5.2).
    Unspecified,
    /// 127.0.0.0/8 (RFC 1122 §3.2.1.3) and `::1` (RFC 4291 §2.5.3).
    Loopback,
    /// 169.254.0.0/16 (RFC 3927 §7) and fe80::/10 (RFC 4291 §2.5.6).
    LinkLocal,
    /// 224.0.0.0/4 (RFC 1112 §4) and ff00::/8 (RFC 4291 §2.7). There is no multicast routing here.
    Multicast,
    /// 240.0.0.0/4 (RFC 1112 §4), without the limited broadcast.
    Reserved,
    /// The limited broadcast, 255.255.255.255 (RFC 1812 §5.3.5.1).
    Broadcast,
    /// An IPv4 address written as IPv6, ::ffff:0:0/96 (RFC 4291 §2.5.5.2, RFC 6890 table 20).
    Mapped,
}

impl Special {
    /// What an IPv4 address is; `None` for one like any other.
    #[inline]
    pub fn of_v4(address: u32) -> Option<Self> {
        let first = address >> 24;
        // Three comparisons for nearly every packet.
        if first.wrapping_sub(1) < 223 && first != 127 && address >> 16 != 0xa9fe {
            return None;
        }
        Some(match first {
            0 => Self::Unspecified,
            127 => Self::Loopback,
            169 => Self::LinkLocal,
            224..=239 => Self::Multicast,
            _ if address == u32::MAX => Self::Broadcast,
            _ => Self::Reserved,
        })
    }

    /// What an IPv6 address is; `None` for one like any other.
    #[inline]
    pub fn of_v6(address: u128) -> Option<Self> {
        match (address >> 112) as u16 {
            0 => match address {
                0 => Some(Self::Unspecified),
                1 => Some(Self::Loopback),
                _ if address >> 32 == 0xffff => Some(Self::Mapped),
                _ => None,
            },
            0xfe80..=0xfebf => Some(Self::LinkLocal),
            0xff00..=0xffff => Some(Self::Multicast),
            _ => None,
        }
    }

    /// What an address of either family is.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address.into()),
            IpAddr::V6(address) => Self::of_v6(address.into()),
        }
    }

    /// Why a packet from such an address is dropped (RFC 1812 §5.3.7, RFC 4291 §2.5 and §2.7).
    pub fn as_source(self) -> DropCause {
        match self {
            Self::Unspecified => DropCause::SourceUnspecified,
            Self::Loopback => DropCause::SourceLoopback,
            Self::LinkLocal => DropCause::SourceLinkLocal,
            Self::Multicast => DropCause::SourceMulticast,
            Self::Reserved => DropCause::SourceReserved,
            Self::Broadcast => DropCause::SourceBroadcast,
            Self::Mapped => DropCause::SourceMapped,
        }
    }

    /// Why a packet to such an address is dropped, unless it is the chassis' own.
    pub fn as_destination(self) -> DropCause {
        match self {
            Self::Unspecified => DropCause::DestinationUnspecified,
            Self::Loopback => DropCause::DestinationLoopback,
            Self::LinkLocal => DropCause::DestinationLinkLocal,
            Self::Multicast => DropCause::DestinationMulticast,
            Self::Reserved => DropCause::DestinationReserved,
            Self::Broadcast => DropCause::DestinationBroadcast,
            Self::Mapped => DropCause::DestinationMapped,
        }
    }
}

/// As messages to an operator say it.
impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Broadcast => "broadcast",
            Self::Mapped => "IPv4-mapped",
        })
    }
}

/// Whether an IPv6 address means nothing without the link that it is on (RFC 4291 §2.5.6). Of IPv4 addresses none is taken for
/// one: their networks are configured.
pub fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_from_its_first_address_to_its_last() {
        let ranges = [
            ("0.0.0.0", "0.255.255.255", Special::Unspecified),
            ("127.0.0.0", "127.255.255.255", Special::Loopback),
            ("169.254.0.0", "169.254.255.255", Special::LinkLocal),
            ("224.0.0.0", "239.255.255.255", Special::Multicast),
            ("240.0.0.0", "255.255.255.254", Special::Reserved),
            ("255.255.255.255", "255.255.255.255", Special::Broadcast),
            ("::", "::", Special::Unspecified),
            ("::1", "::1", Special::Loopback),
            ("::ffff:0:0", "::ffff:ffff:ffff", Special::Mapped),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Special::LinkLocal),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Special::Multicast),
        ];
        let of = |address: &str| Special::of(address.parse().unwrap());
        for (first, last, special) in ranges {
            assert_eq!((of(first), of(last)), (Some(special), Some(special)), "{first} to {last}");
        }
        let beside = [
            "1.0.0.0",
            "10.0.0.1",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "192.0.2.1",
            "223.255.255.255",
            "::2",
            "::fffe:ffff:ffff",
            "::1:0:0:0",
            "2001:db8::1",
            "fd00::1",
            "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fec0::",
            "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ];
        for address in beside {
            assert_eq!(of(address), None, "{address}");
        }
    }
}
