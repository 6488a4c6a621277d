//! Identities of interfaces.

use super::{IdError, LcSlot, PortId};
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU32, str::FromStr};

/// An interface: what the configuration, the routing table and show commands name.
///
/// In the order of a running configuration: those without hardware first, then port after port, each before its
/// subinterfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum InterfaceId {
    /// An interface of the router itself, which is always there.
    Loopback(u32),
    /// An end of a tunnel.
    Tunnel(u32),
    /// One end of a session: there are as many as sessions.
    VirtualAccess(u32),
    /// A port, or one VLAN of it.
    Ethernet {
        /// The port.
        port: PortId,
        /// Number of the subinterface; `None` for the port itself.
        sub: Option<NonZeroU32>,
    },
}

/// Kinds as names write them; a name may be cut to its first letter.
const LOOPBACK: &str = "Loopback";
const TUNNEL: &str = "Tunnel";
const VIRTUAL_ACCESS: &str = "Virtual-Access";
const ETHERNET: &str = "GigabitEthernet";

impl InterfaceId {
    /// A subinterface of a port; 0 is the port itself.
    pub fn sub(port: PortId, number: u32) -> Self {
        Self::Ethernet { port, sub: NonZeroU32::new(number) }
    }

    /// The port that it is, or is on; `None` for one without hardware.
    pub fn port(self) -> Option<PortId> {
        match self {
            Self::Ethernet { port, .. } => Some(port),
            Self::Loopback(_) | Self::Tunnel(_) | Self::VirtualAccess(_) => None,
        }
    }

    /// The port that it is; `None` for a subinterface too.
    pub fn as_port(self) -> Option<PortId> {
        match self {
            Self::Ethernet { port, sub: None } => Some(port),
            Self::Ethernet { sub: Some(_), .. } | Self::Loopback(_) | Self::Tunnel(_) | Self::VirtualAccess(_) => None,
        }
    }

    /// The first and the last that one line card can have, for ranges.
    pub fn of_card(slot: LcSlot) -> std::ops::RangeInclusive<Self> {
        let port = |port| PortId { slot, port };
        Self::from(port(0))..=Self::Ethernet { port: port(u8::MAX), sub: Some(NonZeroU32::MAX) }
    }

    /// The short name, as columns of show commands have it: `Gi1/1.100`, `Lo0`.
    pub fn short(self) -> String {
        let (kind, number) = self.parts();
        format!("{}{number}", &kind[..2])
    }

    /// What follows the kind in its name: `1/1`, `1/1.100`, `0`.
    pub fn number(self) -> String {
        self.parts().1.to_string()
    }

    /// Whether `kind` is the name of a kind of interface, or its beginning; nothing is.
    pub fn is_kind(kind: &str) -> bool {
        [LOOPBACK, TUNNEL, VIRTUAL_ACCESS, ETHERNET].into_iter().any(|name| begins(kind, name))
    }

    fn parts(self) -> (&'static str, Number) {
        match self {
            Self::Loopback(number) => (LOOPBACK, Number::One(number)),
            Self::Tunnel(number) => (TUNNEL, Number::One(number)),
            Self::VirtualAccess(number) => (VIRTUAL_ACCESS, Number::One(number)),
            Self::Ethernet { port, sub } => (ETHERNET, Number::Port(port, sub)),
        }
    }
}

/// What follows the name of the kind.
enum Number {
    One(u32),
    Port(PortId, Option<NonZeroU32>),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(number) => number.fmt(f),
            Self::Port(port, None) => port.fmt(f),
            Self::Port(port, Some(sub)) => write!(f, "{port}.{sub}"),
        }
    }
}

/// The long name: `GigabitEthernet1/1.100`, `Loopback0`.
impl fmt::Display for InterfaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, number) = self.parts();
        write!(f, "{kind}{number}")
    }
}

fn begins(short: &str, word: &str) -> bool {
    word.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(short))
}

/// `GigabitEthernet1/1.100`, `gi1/1.100`, `1/1.100`, `Loopback0`, `lo0`.
impl FromStr for InterfaceId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::new(text, "an interface (for example GigabitEthernet1/1, Gi1/1.100 or Loopback0)");
        let number = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '-');
        let kind = &text[..text.len() - number.len()];
        if begins(kind, ETHERNET) {
            let (port, sub) = match number.split_once('.') {
                None => (number, None),
                Some((port, sub)) => (port, Some(digits(sub).and_then(NonZeroU32::new).ok_or_else(wrong)?)),
            };
            return Ok(Self::Ethernet { port: port.parse().map_err(|_| wrong())?, sub });
        }
        let number = digits(number).ok_or_else(wrong)?;
        match () {
            () if begins(kind, LOOPBACK) => Ok(Self::Loopback(number)),
            () if begins(kind, TUNNEL) => Ok(Self::Tunnel(number)),
            () if begins(kind, VIRTUAL_ACCESS) => Ok(Self::VirtualAccess(number)),
            () => Err(wrong()),
        }
    }
}

/// A number as names write it: digits only, no more than the field's interfaces have.
fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= InterfaceId::NUMBER_MAX)
}

impl InterfaceId {
    /// The highest number of a subinterface, and of an interface without hardware.
    pub const NUMBER_MAX: u32 = i32::MAX as u32;
}

impl From<PortId> for InterfaceId {
    fn from(port: PortId) -> Self {
        Self::Ethernet { port, sub: None }
    }
}

#[cfg(test)]
mod tests;
