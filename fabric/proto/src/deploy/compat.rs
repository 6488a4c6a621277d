//! Card configurations that cards of older releases read.

use super::{CardConfig, v1};
use crate::{
    fib::BaseMac,
    id::Slot,
    platform::{NATIVE, Profile},
    version::{Inexpressible, Versions},
};
use serde::Serialize;

/// Version 1: a card refuses keys that it does not know. From version 2 on it passes over them, and says so: another key
/// needs no other version, unless a card that passes over it would go wrong.
pub const CONFIG_VERSIONS: Versions = Versions::new(1, 2);

/// A configuration as it is written for a card.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Told<'a> {
    /// In the words of release 1.0.
    V1(Box<v1::CardConfig>),
    /// In today's.
    Latest(&'a CardConfig),
}

impl CardConfig {
    /// For a card that reads this version.
    pub fn told(&self, version: u8) -> Result<Told<'_>, Inexpressible> {
        match version {
            1 => v1::CardConfig::try_from(self).map(|config| Told::V1(Box::new(config))),
            _ => Ok(Told::Latest(self)),
        }
    }
}

impl TryFrom<&CardConfig> for v1::CardConfig {
    type Error = Inexpressible;

    fn try_from(config: &CardConfig) -> Result<Self, Inexpressible> {
        let CardConfig {
            id,
            control,
            data,
            tls,
            image,
            nvram,
            cards,
            redundancy,
            wires,
            feeds,
            table,
            platform,
            modelled,
            base_mac,
            releases: _,
        } = config.clone();
        if base_mac != BaseMac::FIRST {
            return Err(Inexpressible {
                version: 1,
                what: "a second chassis, whose ports have addresses of their own",
            });
        }
        let super::TlsFiles { ca, cert, key } = tls;
        // A route processor of release 1.0 that has an address for packets passes them from card to card.
        let relays = Profile::named(&platform).unwrap_or(&NATIVE).forwarding.uses_rp();
        let data_of = |slot: Option<Slot>, data| match slot {
            Some(Slot::Rp(_)) if !relays => None,
            _ => data,
        };
        let data = data_of(id.slot(), data);
        let cards = cards.into_iter().map(|super::CardAddress { slot, control, data, legacy }| v1::CardAddress {
            slot,
            control,
            data: data_of(Some(slot), data),
            legacy,
        });
        let wires = wires.into_iter().map(|super::WireEnd { port, path, listen, addresses: _ }| v1::WireEnd {
            port,
            path,
            listen,
        });
        let feeds = feeds.into_iter().map(|super::FeedAddress { id, control }| v1::FeedAddress { id, control });
        if table.as_ref().is_some_and(|table| table.churn_ppm.is_some()) {
            return Err(Inexpressible { version: 1, what: "routes that churn" });
        }
        let table = table.map(
            |super::TableSpec { source, seed, ipv4, ipv6, next_hops_v4, next_hops_v6, rate, churn_ppm: _ }| {
                v1::TableSpec { source, seed, ipv4, ipv6, next_hops_v4, next_hops_v6, rate }
            },
        );
        let super::RedundancyTimers { heartbeat_ms, switchover_ms } = redundancy;
        Ok(Self {
            id,
            control,
            data,
            tls: v1::TlsFiles { ca, cert, key },
            image,
            nvram,
            cards: cards.collect(),
            redundancy: v1::RedundancyTimers { heartbeat_ms, switchover_ms },
            wires: wires.collect(),
            feeds: feeds.collect(),
            table,
            platform,
            modelled,
        })
    }
}
