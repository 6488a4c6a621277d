//! What a card is told when it is started. Cards of release 1.0 refuse keys that are not here. Frozen.

use crate::id::{CardId, Slot};
use serde::{Deserialize, Serialize};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardConfig {
    pub id: CardId,
    pub control: SocketAddr,
    #[serde(default)]
    pub data: Option<SocketAddr>,
    pub tls: TlsFiles,
    pub image: PathBuf,
    pub nvram: PathBuf,
    #[serde(default)]
    pub cards: Vec<CardAddress>,
    #[serde(default)]
    pub redundancy: RedundancyTimers,
    #[serde(default)]
    pub wires: Vec<WireEnd>,
    #[serde(default)]
    pub feeds: Vec<FeedAddress>,
    #[serde(default)]
    pub table: Option<TableSpec>,
    #[serde(default)]
    pub platform: String,
    #[serde(default)]
    pub modelled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFiles {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAddress {
    pub slot: Slot,
    pub control: SocketAddr,
    pub data: Option<SocketAddr>,
    #[serde(default)]
    pub legacy: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAddress {
    pub id: CardId,
    pub control: SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireEnd {
    pub port: u8,
    pub path: PathBuf,
    pub listen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedundancyTimers {
    pub heartbeat_ms: u64,
    pub switchover_ms: u64,
}

impl Default for RedundancyTimers {
    fn default() -> Self {
        Self { heartbeat_ms: 500, switchover_ms: 3000 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSpec {
    pub source: String,
    pub seed: u64,
    pub ipv4: usize,
    pub ipv6: usize,
    pub next_hops_v4: Vec<Ipv4Addr>,
    pub next_hops_v6: Vec<Ipv6Addr>,
    pub rate: u64,
}
