//! Messages to line cards in older versions. What line cards say has not changed.

use super::{FibPart, FibUpdate, PortConfig, ToLc, v1};
use crate::version::Inexpressible;

/// Version 1 knows ports without subinterfaces, and one table.
impl TryFrom<&ToLc> for v1::ToLc {
    type Error = Inexpressible;

    fn try_from(message: &ToLc) -> Result<Self, Inexpressible> {
        Ok(match message {
            ToLc::Adopt { epoch, rp, how } => Self::Adopt { epoch: *epoch, rp: *rp, how: *how },
            ToLc::Ports(ports) => Self::Ports(ports.iter().map(v1::PortConfig::from).collect()),
            ToLc::Fib(FibUpdate { number, kind, batch }) => {
                Self::Fib(v1::FibUpdate { number: *number, kind: (*kind).into(), batch: batch.try_into()? })
            }
            ToLc::EndOfTable(family) => Self::EndOfTable(*family),
            ToLc::WantDigests => Self::WantDigests,
            ToLc::Converged { position, root } => Self::Converged { position: *position, root: *root },
            ToLc::Reset { reason } => Self::Reset { reason: reason.clone() },
            ToLc::Interfaces { .. } | ToLc::Changed { .. } => {
                return Err(Inexpressible { version: 1, what: "an interface with a tag or in a VRF" });
            }
        })
    }
}

impl From<v1::ToLc> for ToLc {
    fn from(message: v1::ToLc) -> Self {
        match message {
            v1::ToLc::Adopt { epoch, rp, how } => Self::Adopt { epoch, rp, how },
            v1::ToLc::Ports(ports) => Self::Ports(ports.into_iter().map(PortConfig::from).collect()),
            v1::ToLc::Fib(v1::FibUpdate { number, kind, batch }) => {
                Self::Fib(FibUpdate { number, kind: kind.into(), batch: batch.into() })
            }
            v1::ToLc::EndOfTable(family) => Self::EndOfTable(family),
            v1::ToLc::WantDigests => Self::WantDigests,
            v1::ToLc::Converged { position, root } => Self::Converged { position, root },
            v1::ToLc::Reset { reason } => Self::Reset { reason },
        }
    }
}

impl From<&PortConfig> for v1::PortConfig {
    fn from(config: &PortConfig) -> Self {
        let PortConfig { port, enabled, mac, mtu } = *config;
        Self { port, enabled, mac, mtu }
    }
}

impl From<v1::PortConfig> for PortConfig {
    fn from(config: v1::PortConfig) -> Self {
        let v1::PortConfig { port, enabled, mac, mtu } = config;
        Self { port, enabled, mac, mtu }
    }
}

impl From<FibPart> for v1::FibPart {
    fn from(part: FibPart) -> Self {
        match part {
            FibPart::Part => Self::Part,
            FibPart::Bucket(bucket) => Self::Bucket(bucket),
            FibPart::Log(position) => Self::Log(position),
        }
    }
}

impl From<v1::FibPart> for FibPart {
    fn from(part: v1::FibPart) -> Self {
        match part {
            v1::FibPart::Part => Self::Part,
            v1::FibPart::Bucket(bucket) => Self::Bucket(bucket),
            v1::FibPart::Log(position) => Self::Log(position),
        }
    }
}
