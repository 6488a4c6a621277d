//! Shapes of arguments: how each is written, read and explained.

use crate::vpn::VpnNumber;
use fabric_proto::{
    fib::Mac,
    id::{InterfaceId, RpSlot, Slot},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an argument looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One word.
    Word,
    /// Everything up to the end of the line.
    Rest,
    /// A decimal number.
    Number(u32, u32),
    /// A time as `hh:mm`, at most eighteen hours; its value is in seconds.
    HoursMinutes,
    /// A configuration register.
    Register,
    /// An IPv4 address.
    Ipv4,
    /// An IPv4 mask; its value is the prefix length.
    Mask,
    /// An IPv4 address and a length.
    Ipv4Length,
    /// An IPv6 address.
    Ipv6,
    /// An IPv6 address and a length.
    Ipv6Length,
    /// An Ethernet address.
    Mac,
    /// Any slot.
    Slot,
    /// A route processor's slot.
    RpSlot,
    /// An interface; a port with or without the name of its kind.
    Interface,
    /// A port or a subinterface without the name of its kind, which stands before it.
    PortNumber,
    /// The number of a loopback interface.
    LoopbackNumber,
    /// A route distinguisher or a route target.
    VpnNumber,
}

/// What an argument says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u32),
    Address(IpAddr),
    /// A mask.
    Length(u8),
    /// An address and the length of its prefix; bits beyond it may be set.
    AddressLength(IpAddr, u8),
    Mac(Mac),
    Slot(Slot),
    RpSlot(RpSlot),
    Interface(InterfaceId),
    VpnNumber(VpnNumber),
}

impl Shape {
    /// Reads a word: `Err(None)` where it has another shape, `Err(Some(why))` where the shape is
    /// right and the value is not.
    pub(crate) fn parse(self, text: &str) -> Result<Value, Option<String>> {
        match self {
            Self::Word | Self::Rest => Ok(Value::Text(text.to_owned())),
            Self::Number(min, max) => match text.parse() {
                Ok(number) if (min..=max).contains(&number) => Ok(Value::Number(number)),
                Ok(_) => Err(Some(format!("not in the range {min} to {max}"))),
                Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Err(Some(format!("not in the range {min} to {max}")))
                }
                Err(_) => Err(None),
            },
            Self::HoursMinutes => hours_minutes(text),
            Self::Register => {
                let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or(None)?;
                let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                match u16::from_str_radix(digits, 16) {
                    Ok(register) if plain => Ok(Value::Number(u32::from(register))),
                    _ if plain && !digits.is_empty() => Err(Some("more than 0xFFFF".to_owned())),
                    _ => Err(None),
                }
            }
            Self::Ipv4 => text.parse().map(|address: Ipv4Addr| Value::Address(address.into())).map_err(|_| None),
            Self::Ipv6 => text.parse().map(|address: Ipv6Addr| Value::Address(address.into())).map_err(|_| None),
            Self::Mask => {
                let mask = u32::from(text.parse::<Ipv4Addr>().map_err(|_| None)?);
                if mask.leading_ones() + mask.trailing_zeros().min(32) < 32 {
                    return Err(Some("the mask has holes: its ones must stand together on the left".to_owned()));
                }
                Ok(Value::Length(mask.leading_ones() as u8))
            }
            Self::Ipv4Length => address_length::<Ipv4Addr>(text, 32),
            Self::Ipv6Length => address_length::<Ipv6Addr>(text, 128),
            Self::Mac => mac(text),
            Self::Slot => text.parse().map(Value::Slot).map_err(|_| None),
            Self::RpSlot => text.parse().map(Value::RpSlot).map_err(|_| None),
            Self::Interface => interface(text),
            Self::PortNumber if text.starts_with(|letter: char| letter.is_ascii_digit()) => interface(text),
            Self::PortNumber => Err(None),
            Self::VpnNumber => text.parse().map(Value::VpnNumber).map_err(|_| None),
            Self::LoopbackNumber => {
                let number = Self::Number(0, InterfaceId::NUMBER_MAX).parse(text)?;
                if let Value::Number(number) = number {
                    return Ok(Value::Interface(InterfaceId::Loopback(number)));
                }
                Err(None)
            }
        }
    }

    /// As help and errors write it.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Word => "WORD".to_owned(),
            Self::Rest => "LINE".to_owned(),
            Self::Number(min, max) => format!("<{min}-{max}>"),
            Self::HoursMinutes => "hh:mm".to_owned(),
            Self::Register => "<0x0-0xFFFF>".to_owned(),
            Self::Ipv4 => "A.B.C.D".to_owned(),
            Self::Mask => "A.B.C.D (mask)".to_owned(),
            Self::Ipv4Length => "A.B.C.D/<0-32>".to_owned(),
            Self::Ipv6 => "X:X:X:X::X".to_owned(),
            Self::Ipv6Length => "X:X:X:X::X/<0-128>".to_owned(),
            Self::Mac => "H.H.H".to_owned(),
            Self::Slot => "<A|B|1-64>".to_owned(),
            Self::RpSlot => "<A|B>".to_owned(),
            Self::Interface | Self::PortNumber => "<slot>/<port>".to_owned(),
            Self::LoopbackNumber => Self::Number(0, InterfaceId::NUMBER_MAX).label(),
            Self::VpnNumber => "ASN:nn or A.B.C.D:nn".to_owned(),
        }
    }

    /// What it means.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Word => "A name",
            Self::Rest => "Text up to the end of the line",
            Self::Number(..) => "A number in this range",
            Self::HoursMinutes => "Hours and minutes, at most 18:00",
            Self::Register => "The register's value, hexadecimal",
            Self::Ipv4 => "IPv4 address",
            Self::Mask => "IPv4 mask",
            Self::Ipv4Length => "IPv4 prefix",
            Self::Ipv6 => "IPv6 address",
            Self::Ipv6Length => "IPv6 address and prefix length",
            Self::Mac => "48-bit hardware address",
            Self::Slot => "Slot: a letter for a route processor, a number for a line card",
            Self::RpSlot => "Slot of a route processor",
            Self::Interface | Self::PortNumber => "Line card and port, for example 1/1",
            Self::LoopbackNumber => "Number of the interface",
            Self::VpnNumber => "Number of a VPN, in the space of an AS or of an address",
        }
    }
}

fn address_length<A: std::str::FromStr + Into<IpAddr>>(text: &str, most: u8) -> Result<Value, Option<String>> {
    let (address, len) = text.split_once('/').ok_or(None)?;
    let address: A = address.parse().map_err(|_| None)?;
    match len.parse() {
        Ok(len) if len <= most => Ok(Value::AddressLength(address.into(), len)),
        _ => Err(Some(format!("the length after '/' must be a number from 0 to {most}"))),
    }
}

fn hours_minutes(text: &str) -> Result<Value, Option<String>> {
    let (hours, minutes) = text.split_once(':').ok_or(None)?;
    let number = |digits: &str| match digits.len() {
        1 | 2 => digits.parse::<u32>().map_err(|_| None),
        _ => Err(None),
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if minutes > 59 || hours * 60 + minutes > 18 * 60 {
        return Err(Some("not a time up to 18:00".to_owned()));
    }
    Ok(Value::Number((hours * 60 + minutes) * 60))
}

/// `0200.0a01.0001`.
fn mac(text: &str) -> Result<Value, Option<String>> {
    let mut mac = [0; 6];
    let mut groups = text.split('.');
    for pair in mac.chunks_exact_mut(2) {
        let group = groups.next().ok_or(None)?;
        if group.is_empty() || group.len() > 4 || !group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(None);
        }
        pair.copy_from_slice(&u16::from_str_radix(group, 16).map_err(|_| None)?.to_be_bytes());
    }
    if groups.next().is_some() { Err(None) } else { Ok(Value::Mac(mac)) }
}

/// `1/1`, `Gi1/1`, `GigabitEthernet1/1`.
fn interface(text: &str) -> Result<Value, Option<String>> {
    let number = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '-');
    match text.parse() {
        Ok(id) => Ok(Value::Interface(id)),
        Err(_) if InterfaceId::is_kind(&text[..text.len() - number.len()]) => Err(None),
        Err(_) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || b"/.".contains(&byte)) => {
            Err(Some("this chassis has GigabitEthernet and Loopback interfaces only".to_owned()))
        }
        Err(_) => Err(None),
    }
}
