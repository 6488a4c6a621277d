//! What a command has taken of a line: its keywords, and the values of its arguments by type.

use super::{LineError, Problem, Token, Value};
use crate::vpn::VpnNumber;
use fabric_proto::{
    fib::{Mac, Prefix},
    id::{InterfaceId, RpSlot, Slot},
};
use std::net::IpAddr;

/// A value and where it stood, for errors that only show later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) value: Value,
    pub(crate) word: String,
    pub(crate) column: usize,
}

/// A line that was understood: what stands where its command allows several things.
///
/// Values are asked for by type. The grammar has checked their shapes; an error of a getter says that grammar and effect
/// disagree, which a test over all commands excludes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(super) keywords: Vec<&'static str>,
    pub(super) values: Vec<Found>,
}

impl Found {
    /// The error that this value is not acceptable.
    pub(crate) fn refused(&self, why: impl Into<String>) -> LineError {
        LineError {
            column: self.column,
            word: self.word.clone(),
            problem: Problem::Value(why.into()),
            expected: Vec::new(),
        }
    }
}

impl Line {
    /// Whether a keyword was said: whole, or abbreviated.
    pub(crate) fn has(&self, keyword: Token) -> bool {
        matches!(keyword, Token::Keyword(word) if self.keywords.contains(&word))
    }

    /// Whether it is the command's `no` form.
    pub(crate) fn no(&self) -> bool {
        self.keywords.first() == Some(&"no")
    }

    /// All values, in order.
    pub(crate) fn values(&self) -> &[Found] {
        &self.values
    }

    /// The first value of a kind, and where it stands.
    pub(crate) fn find<T>(&self, pick: impl Fn(&Value) -> Option<T>) -> Result<(T, &Found), LineError> {
        self.values.iter().find_map(|found| Some((pick(&found.value)?, found))).ok_or_else(|| self.mismatch())
    }

    pub(crate) fn text(&self) -> Result<&str, LineError> {
        let mut values = self.values.iter().map(|found| &found.value);
        let text = values.find_map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None });
        text.ok_or_else(|| self.mismatch())
    }

    pub(crate) fn number(&self) -> Result<u32, LineError> {
        Ok(self.find(|value| if let Value::Number(number) = value { Some(*number) } else { None })?.0)
    }

    pub(crate) fn interface(&self) -> Result<InterfaceId, LineError> {
        Ok(self.find(|value| if let Value::Interface(id) = value { Some(*id) } else { None })?.0)
    }

    pub(crate) fn vpn_number(&self) -> Result<VpnNumber, LineError> {
        Ok(self.find(|value| if let Value::VpnNumber(number) = value { Some(*number) } else { None })?.0)
    }

    pub(crate) fn rp(&self) -> Result<RpSlot, LineError> {
        Ok(self.find(|value| if let Value::RpSlot(slot) = value { Some(*slot) } else { None })?.0)
    }

    pub(crate) fn slot(&self) -> Result<Slot, LineError> {
        Ok(self.find(|value| if let Value::Slot(slot) = value { Some(*slot) } else { None })?.0)
    }

    /// An address, and where it stands.
    pub(crate) fn address(&self) -> Result<(IpAddr, &Found), LineError> {
        self.find(|value| if let Value::Address(address) = value { Some(*address) } else { None })
    }

    /// An Ethernet address, and where it stands.
    pub(crate) fn mac(&self) -> Result<(Mac, &Found), LineError> {
        self.find(|value| if let Value::Mac(mac) = value { Some(*mac) } else { None })
    }

    /// Address and mask, or address/length, where they come first: as given, and the prefix that they lie in.
    pub(crate) fn subnet(&self) -> Result<(IpAddr, Prefix), LineError> {
        let at = self.values.iter().position(|found| !matches!(found.value, Value::Text(_))).unwrap_or_default();
        let value = |at: usize| self.values.get(at).map(|found| &found.value);
        let (address, len) = match (value(at), value(at + 1)) {
            (Some(Value::AddressLength(address, len)), _)
            | (Some(Value::Address(address)), Some(Value::Length(len))) => (*address, *len),
            _ => return Err(self.mismatch()),
        };
        let prefix = Prefix::covering(address, len).map_err(|error| self.values[at].refused(error.to_string()))?;
        Ok((address, prefix))
    }

    /// The error that the first value that is no name is not acceptable: the subnet's.
    pub(crate) fn subnet_refused(&self, why: impl Into<String>) -> LineError {
        let named = |found: &&Found| !matches!(found.value, Value::Text(_));
        self.values.iter().find(named).map_or_else(|| self.mismatch(), |found| found.refused(why))
    }

    /// The error that the interface is not acceptable.
    pub(crate) fn interface_refused(&self, why: impl Into<String>) -> LineError {
        let interface = |found: &&Found| matches!(found.value, Value::Interface(_));
        self.values.iter().find(interface).map_or_else(|| self.mismatch(), |found| found.refused(why))
    }

    /// The error that the first value is not acceptable.
    pub(crate) fn refused(&self, why: impl Into<String>) -> LineError {
        self.values.first().map_or_else(|| self.mismatch(), |found| found.refused(why))
    }

    /// The error that a command is one that routers know and this one does not do.
    pub(crate) fn unsupported(command: &'static str, why: &'static str) -> LineError {
        LineError { column: 1, word: command.to_owned(), problem: Problem::Unsupported(why), expected: Vec::new() }
    }

    fn mismatch(&self) -> LineError {
        LineError {
            column: self.values.first().map_or(1, |found| found.column),
            word: self.values.first().map_or_else(String::new, |found| found.word.clone()),
            problem: Problem::Invalid,
            expected: Vec::new(),
        }
    }
}
