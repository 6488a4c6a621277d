//! Numbers of VPNs, as configurations write them.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// A number out of an administrator's own space, as a route distinguisher (RFC 4364 §4.2) or a route target (RFC 4360)
/// has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VpnNumber {
    /// Type 0: of an AS with a short number.
    As(u16, u32),
    /// Type 1: of the holder of an address.
    Address(Ipv4Addr, u16),
    /// Type 2: of an AS whose number takes four bytes.
    LongAs(u32, u16),
}

/// Text that is no such number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no VPN number (AS:number or A.B.C.D:number; of the two, one has at most 65535)")]
pub struct VpnNumberError(String);

impl fmt::Display for VpnNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::As(administrator, number) => write!(f, "{administrator}:{number}"),
            Self::Address(administrator, number) => write!(f, "{administrator}:{number}"),
            Self::LongAs(administrator, number) => write!(f, "{administrator}:{number}"),
        }
    }
}

impl FromStr for VpnNumber {
    type Err = VpnNumberError;
    fn from_str(text: &str) -> Result<Self, VpnNumberError> {
        let wrong = || VpnNumberError(text.to_owned());
        let (administrator, number) = text.split_once(':').ok_or_else(wrong)?;
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(number) {
            return Err(wrong());
        }
        if let Ok(address) = administrator.parse() {
            return number.parse().map(|number| Self::Address(address, number)).map_err(|_| wrong());
        }
        if !plain(administrator) {
            return Err(wrong());
        }
        match (administrator.parse::<u16>(), number.parse::<u32>(), administrator.parse::<u32>(), number.parse::<u16>())
        {
            (Ok(administrator), Ok(number), ..) => Ok(Self::As(administrator, number)),
            (Err(_), _, Ok(administrator), Ok(number)) => Ok(Self::LongAs(administrator, number)),
            _ => Err(wrong()),
        }
    }
}
