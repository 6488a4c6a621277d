//! Prefixes of both families in one shape.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4 (AFI 1).
    V4,
    /// IPv6 (AFI 2).
    V6,
}

impl Family {
    /// Both, IPv4 first.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Bits in an address.
    pub const fn width(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// A canonical prefix: no bit set beyond its length. Ordered by address, then length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix {
    family: Family,
    /// The address, left-aligned: bit 127 is the first bit of either family.
    bits: u128,
    len: u8,
}

/// Text or numbers that are not a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Not `address/length`.
    #[error("'{0}' is not a prefix (address/length)")]
    Syntax(String),
    /// Longer than the family's addresses.
    #[error("length {len} is more than {family} has bits")]
    Length {
        /// The family.
        family: Family,
        /// The length given.
        len: u8,
    },
    /// Host bits are set.
    #[error("{given} has bits set beyond its length; did you mean {canonical}?")]
    HostBits {
        /// As given.
        given: String,
        /// With the host bits cleared.
        canonical: Prefix,
    },
}

impl Prefix {
    /// The prefix of one address alone.
    pub fn host(address: IpAddr) -> Self {
        let family = Family::of(address);
        Self::from_bits(family, left_aligned(address), family.width())
    }

    /// The prefix of `len` bits that `address` lies in: host bits are cleared.
    pub fn covering(address: IpAddr, len: u8) -> Result<Self, PrefixError> {
        let family = Family::of(address);
        if len > family.width() {
            return Err(PrefixError::Length { family, len });
        }
        Ok(Self::from_bits(family, left_aligned(address), len))
    }

    /// From left-aligned bits; bits beyond `len` are cleared.
    ///
    /// # Panics
    /// When `len` is more than the family has bits.
    #[inline]
    pub fn from_bits(family: Family, bits: u128, len: u8) -> Self {
        assert!(len <= family.width(), "{len} bits in an {family} prefix");
        Self { family, bits: bits & mask(len), len }
    }

    /// Its family.
    #[inline]
    pub fn family(self) -> Family {
        self.family
    }

    /// Its bits, left-aligned in 128.
    #[inline]
    pub fn bits(self) -> u128 {
        self.bits
    }

    /// Its length in bits.
    #[allow(clippy::len_without_is_empty, reason = "a prefix length, not a container's")]
    pub fn len(self) -> u8 {
        self.len
    }

    /// The first `len` bits of it.
    #[inline]
    pub fn shortened(self, len: u8) -> Self {
        Self::from_bits(self.family, self.bits, len.min(self.len))
    }

    /// Bits before the last eight, rounded up to whole bytes: those that lead to its node in a trie of bytes.
    #[inline]
    pub fn node_len(self) -> u8 {
        self.len.saturating_sub(1) / 8 * 8
    }

    /// The network address.
    pub fn address(self) -> IpAddr {
        address_of(self.family, self.bits)
    }

    /// The address `offset` after the network address; it may lie outside the prefix.
    pub fn nth(self, offset: u128) -> IpAddr {
        address_of(self.family, self.bits.wrapping_add(offset << (128 - u32::from(self.family.width()))))
    }

    /// Whether `address` lies in it.
    pub fn contains(self, address: IpAddr) -> bool {
        Family::of(address) == self.family && left_aligned(address) & mask(self.len) == self.bits
    }
}

/// An address as the first bits of 128.
pub fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

fn address_of(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from((bits >> 96) as u32)),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(bits)),
    }
}

fn mask(len: u8) -> u128 {
    if len == 0 { 0 } else { u128::MAX << (128 - u32::from(len)) }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.len)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let wrong = || PrefixError::Syntax(text.to_owned());
        let (address, len) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let len = len.parse().map_err(|_| wrong())?;
        let prefix = Self::covering(address, len)?;
        if prefix.bits != left_aligned(address) {
            return Err(PrefixError::HostBits { given: text.to_owned(), canonical: prefix });
        }
        Ok(prefix)
    }
}

impl TryFrom<String> for Prefix {
    type Error = PrefixError;
    fn try_from(text: String) -> Result<Self, PrefixError> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}
