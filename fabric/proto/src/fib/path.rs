//! Paths: what becomes of a packet that takes a route.

use super::{FixUp, Fnv, Mac, ProtocolField, Rewrite, RewriteError};
use crate::id::{Label, LcSlot, PortId, TableId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, sync::Arc};

/// What happens to a packet that takes a path. Where the route was a label's, the label is gone by then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub enum Path {
    /// Put a rewrite before it and send it out of a port (an adjacency).
    Port {
        /// Egress port; its line card may be another one.
        port: PortId,
        /// The neighbour, for display and digests.
        next_hop: IpAddr,
        /// What goes before the packet; shared, for a neighbour is part of many paths.
        rewrite: Arc<Rewrite>,
    },
    /// The next hop is known and its rewrite is not (no ARP or ND entry): counted as `no_adjacency`.
    Unresolved {
        /// The neighbour.
        next_hop: IpAddr,
    },
    /// For the chassis itself (connected addresses): punt to the active RP.
    Receive,
    /// Null0.
    Discard,
    /// Look its destination up in another table.
    Lookup {
        /// The table.
        table: TableId,
    },
}

impl Path {
    /// To a neighbour on an untagged Ethernet.
    pub fn ethernet(port: PortId, next_hop: IpAddr, dst_mac: Mac, src_mac: Mac) -> Self {
        Self::Port { port, next_hop, rewrite: Arc::new(Rewrite::ethernet(dst_mac, src_mac)) }
    }

    /// The line card that the packet leaves by.
    pub fn egress(&self) -> Option<LcSlot> {
        match self {
            Self::Port { port, .. } => Some(port.slot),
            Self::Unresolved { .. } | Self::Receive | Self::Discard | Self::Lookup { .. } => None,
        }
    }

    /// Whether release 1.0 has a word for it: it knows untagged Ethernet without labels, and one table.
    pub fn is_in_release_1(&self) -> bool {
        match self {
            Self::Port { rewrite, .. } => rewrite.plain_ethernet().is_some(),
            Self::Unresolved { .. } | Self::Receive | Self::Discard => true,
            Self::Lookup { .. } => false,
        }
    }

    /// What tells paths apart, in bytes. Those that release 1.0 knows have the bytes that it gives them.
    pub(super) fn hash(&self, hash: &mut Fnv) {
        match self {
            Self::Port { port, next_hop, rewrite } => {
                let plain = rewrite.plain_ethernet();
                hash.bytes(&[if plain.is_some() { 1 } else { 5 }, port.slot.0, port.port]);
                hash.address(*next_hop);
                match plain {
                    Some((dst_mac, src_mac)) => {
                        hash.bytes(&dst_mac);
                        hash.bytes(&src_mac);
                    }
                    None => rewrite.hash(hash),
                }
            }
            Self::Unresolved { next_hop } => {
                hash.bytes(&[2]);
                hash.address(*next_hop);
            }
            Self::Receive => hash.bytes(&[3]),
            Self::Discard => hash.bytes(&[4]),
            Self::Lookup { table } => {
                hash.bytes(&[6]);
                hash.bytes(&table.0.to_be_bytes());
            }
        }
    }
}

/// A path in messages and checkpoints. What release 1.0 knows is said in its words.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Path")]
enum Wire {
    Port {
        port: PortId,
        next_hop: IpAddr,
        dst_mac: Mac,
        src_mac: Mac,
    },
    Unresolved {
        next_hop: IpAddr,
    },
    Receive,
    Discard,
    /// From release 2.0 on.
    Rewrite {
        port: PortId,
        next_hop: IpAddr,
        header: Bytes,
        protocol: ProtocolField,
        labels: Vec<Label>,
        fix_up: FixUp,
    },
    /// From release 2.0 on.
    Lookup {
        table: TableId,
    },
}

impl From<Path> for Wire {
    fn from(path: Path) -> Self {
        match path {
            Path::Port { port, next_hop, rewrite } => match rewrite.plain_ethernet() {
                Some((dst_mac, src_mac)) => Self::Port { port, next_hop, dst_mac, src_mac },
                None => Self::Rewrite {
                    port,
                    next_hop,
                    header: Bytes::copy_from_slice(rewrite.header()),
                    protocol: rewrite.protocol(),
                    labels: rewrite.labels().to_vec(),
                    fix_up: rewrite.fix_up(),
                },
            },
            Path::Unresolved { next_hop } => Self::Unresolved { next_hop },
            Path::Receive => Self::Receive,
            Path::Discard => Self::Discard,
            Path::Lookup { table } => Self::Lookup { table },
        }
    }
}

impl TryFrom<Wire> for Path {
    type Error = RewriteError;
    fn try_from(path: Wire) -> Result<Self, RewriteError> {
        Ok(match path {
            Wire::Port { port, next_hop, dst_mac, src_mac } => Self::ethernet(port, next_hop, dst_mac, src_mac),
            Wire::Unresolved { next_hop } => Self::Unresolved { next_hop },
            Wire::Receive => Self::Receive,
            Wire::Discard => Self::Discard,
            Wire::Rewrite { port, next_hop, header, protocol, labels, fix_up } => {
                let rewrite = Rewrite::new(&header, protocol)?.with_labels(&labels)?.with_fix_up(fix_up)?;
                Self::Port { port, next_hop, rewrite: Arc::new(rewrite) }
            }
            Wire::Lookup { table } => Self::Lookup { table },
        })
    }
}

#[cfg(test)]
mod tests;
