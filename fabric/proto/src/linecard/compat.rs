//! Messages to and of line cards in older versions.

use super::{FibPart, FibUpdate, FromLc, PortConfig, ToLc, v1};
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

/// What line cards say is in versions 1 and 2 the same: digests one by one.
impl TryFrom<&FromLc> for v1::FromLc {
    type Error = Inexpressible;

    fn try_from(message: &FromLc) -> Result<Self, Inexpressible> {
        Ok(match message.clone() {
            FromLc::Adopted { epoch, boot, position, root, routes } => {
                Self::Adopted { epoch, boot, position, root, routes }
            }
            FromLc::Refused { highest } => Self::Refused { highest },
            FromLc::Ack { number } => Self::Ack { number },
            FromLc::Digests(digests) => Self::Digests(digests),
            FromLc::InSync { position } => Self::InSync { position },
            FromLc::PortState { port, up } => Self::PortState { port, up },
        })
    }
}

impl From<v1::FromLc> for FromLc {
    fn from(message: v1::FromLc) -> Self {
        match message {
            v1::FromLc::Adopted { epoch, boot, position, root, routes } => {
                Self::Adopted { epoch, boot, position, root, routes }
            }
            v1::FromLc::Refused { highest } => Self::Refused { highest },
            v1::FromLc::Ack { number } => Self::Ack { number },
            v1::FromLc::Digests(digests) => Self::Digests(digests),
            v1::FromLc::InSync { position } => Self::InSync { position },
            v1::FromLc::PortState { port, up } => Self::PortState { port, up },
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
