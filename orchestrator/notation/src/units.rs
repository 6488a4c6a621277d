//! Quantities as people write them: `300ms`, `100kpps`.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// A time span: a number and `us`, `ms`, `s`, `m` or `h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

/// A packet rate: a number and `pps`, `kpps` or `Mpps`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PacketRate(pub f64);

/// A load: packets a second, or a share of the rate that the chassis forwards without loss (`80%`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Rate {
    /// Packets a second.
    Absolute(PacketRate),
    /// Of the zero-loss rate that `swact throughput` stored.
    OfZeroLoss(Share),
}

/// A share: a number and `%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share(pub f64);

/// An amount of memory: a number and `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

/// Text that is not a quantity of the kind wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {what}")]
pub struct UnitError {
    text: String,
    what: &'static str,
}

/// Longest time: a year. Nothing here lasts as long, and instants can be counted that far ahead.
const SPAN_MAX_SECONDS: f64 = 366.0 * 86_400.0;
/// Most memory: more than any host has, and a number that engines take.
const BYTES_MAX: f64 = (1u64 << 50) as f64;
/// Largest share: a hundred times.
const SHARE_MAX: f64 = 100.0;

/// Splits a non-negative number from its unit and scales it.
fn scaled(text: &str, units: &[(&str, f64)], what: &'static str) -> Result<f64, UnitError> {
    let wrong = || UnitError { text: text.to_owned(), what };
    let trimmed = text.trim();
    let at = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = trimmed.split_at(at);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(wrong)?;
    Ok(number * scale)
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let what = "a time (a number and its unit: 300ms, 2s, 10m)";
        let seconds = scaled(text, &units, what)?;
        if seconds > SPAN_MAX_SECONDS {
            return Err(UnitError { text: text.to_owned(), what: "a time that anything here takes: 8784h at most" });
        }
        // Whole microseconds, so that what was read prints as it was written.
        let micros = (seconds * 1e6).round();
        Ok(Self(Duration::from_micros(micros as u64)))
    }
}

impl FromStr for PacketRate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let what = "a packet rate (a number and its unit: 500pps, 100kpps, 1Mpps)";
        let rate = scaled(text, &[("pps", 1.0), ("kpps", 1e3), ("Mpps", 1e6)], what)?;
        if rate > 0.0 { Ok(Self(rate)) } else { Err(UnitError { text: text.to_owned(), what }) }
    }
}

impl FromStr for Share {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let what = "a share (a number and its sign: 80%)";
        let share = scaled(text, &[("%", 0.01)], what)?;
        if share > 0.0 && share <= SHARE_MAX { Ok(Self(share)) } else { Err(UnitError { text: text.to_owned(), what }) }
    }
}

impl FromStr for Rate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let what = "a rate (a number and its unit: 500pps, 100kpps, 1Mpps, or 80% of the zero-loss rate)";
        let wrong = |_| UnitError { text: text.to_owned(), what };
        if text.trim_end().ends_with('%') {
            text.parse().map(Self::OfZeroLoss).map_err(wrong)
        } else {
            text.parse().map(Self::Absolute).map_err(wrong)
        }
    }
}

impl FromStr for Bytes {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let units = [("KiB", 1024.0), ("MiB", 1048576.0), ("GiB", 1073741824.0)];
        let bytes = scaled(text, &units, "an amount of memory (a number and its unit: 512MiB, 2GiB)")?;
        if bytes > BYTES_MAX {
            return Err(UnitError { text: text.to_owned(), what: "memory that a host has: 1048576GiB at most" });
        }
        Ok(Self(bytes.round() as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes.is_multiple_of(1 << 30) => write!(f, "{}GiB", bytes >> 30),
            bytes if bytes > 0 && bytes.is_multiple_of(1 << 20) => write!(f, "{}MiB", bytes >> 20),
            bytes => write!(f, "{}KiB", bytes as f64 / 1024.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0 => f.write_str("0s"),
            _ if micros.is_multiple_of(60_000_000) => write!(f, "{}m", micros / 60_000_000),
            _ if micros.is_multiple_of(1_000_000) => write!(f, "{}s", micros / 1_000_000),
            _ if micros.is_multiple_of(1000) => write!(f, "{}ms", micros / 1000),
            _ => write!(f, "{micros}us"),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // To a thousandth of a percent, so that a share read prints as it was written.
        write!(f, "{}%", (self.0 * 1e5).round() / 1e3)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(rate) => rate.fmt(f),
            Self::OfZeroLoss(share) => share.fmt(f),
        }
    }
}

impl fmt::Display for PacketRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rate if rate >= 1e6 => write!(f, "{}Mpps", rate / 1e6),
            rate if rate >= 1e3 => write!(f, "{}kpps", rate / 1e3),
            rate => write!(f, "{rate}pps"),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = UnitError;
            fn try_from(text: String) -> Result<Self, UnitError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(quantity: $name) -> Self {
                quantity.to_string()
            }
        }
    )*};
}
as_text!(Span, PacketRate, Share, Rate, Bytes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates_read_as_they_print() {
        for text in ["300ms", "2s", "10m", "0s", "250us"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["500pps", "100kpps", "1.5Mpps"] {
            assert_eq!(text.parse::<PacketRate>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["80%", "0.5%", "110%", "33.3%"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["512MiB", "2GiB", "1.5KiB", "1536MiB"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["300", "", "ms", "-1s", "1.2.3s", "5 parsecs"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["9000h", "99999999999999999999999s", "1000000000m"] {
            assert!(text.parse::<Span>().unwrap_err().to_string().ends_with("8784h at most"), "{text}");
        }
        assert!("2000000GiB".parse::<Bytes>().is_err());
        assert!("10001%".parse::<Rate>().is_err());
        for text in ["0pps", "100", "100 Kpps", "fast", "0%", "%", "-5%"] {
            assert!(text.parse::<PacketRate>().is_err(), "{text}");
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
