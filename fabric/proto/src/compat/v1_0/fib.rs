//! The forwarding table on its way. Frozen.

use crate::{fib::Birth, id::PortId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// `packed` holds `flags u8 | length u8 | significant prefix bytes | path list varint` an operation, without the path
/// list for a withdrawal. Flags: 0x40 IPv6, 0x80 withdrawal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub paths: Vec<ListUpdate>,
    pub packed: Bytes,
    pub count: u32,
    pub forget: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListUpdate {
    pub id: u32,
    pub birth: Birth,
    pub paths: Vec<Path>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Path {
    Port { port: PortId, next_hop: IpAddr, dst_mac: [u8; 6], src_mac: [u8; 6] },
    Unresolved { next_hop: IpAddr },
    Receive,
    Discard,
}
