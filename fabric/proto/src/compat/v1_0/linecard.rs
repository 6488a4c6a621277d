//! RP ↔ line card. Frozen.

use super::fib::Batch;
use crate::{
    fib::{Family, Position},
    id::{Epoch, RpSlot},
    linecard::Adoption,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToLc {
    Adopt { epoch: Epoch, rp: RpSlot, how: Adoption },
    Ports(Vec<PortConfig>),
    Fib(FibUpdate),
    EndOfTable(Family),
    WantDigests,
    Converged { position: Position, root: u64 },
    Reset { reason: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FibUpdate {
    pub number: u64,
    pub kind: FibPart,
    pub batch: Batch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FibPart {
    Part,
    Bucket(u16),
    Log(Position),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortConfig {
    pub port: u8,
    pub enabled: bool,
    pub mac: [u8; 6],
    pub mtu: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromLc {
    Adopted { epoch: Epoch, boot: u64, position: Option<Position>, root: u64, routes: [u64; 2] },
    Refused { highest: Epoch },
    Ack { number: u64 },
    Digests(Vec<u64>),
    InSync { position: Position },
    PortState { port: u8, up: bool },
}
