//! RP ↔ line card: adoption and fencing, ports, FIB, reset. One ordered stream, only to the active RP.
//!
//! | message | from → to | answered by |
//! | --- | --- | --- |
//! | `Adopt` | active → LC | `Adopted`, or `Refused` by a card that has seen a higher epoch |
//! | `Ports`, `Interfaces` | active → LC | – (`PortState` of each port that is to be up, and when one changes) |
//! | `Fib` | active → LC | `Ack` |
//! | `EndOfTable` | active → LC | – |
//! | `WantDigests` | active → LC | `Digests` |
//! | `Converged` | active → LC | `InSync`, or `Digests` where the tables differ |
//! | `Reset` | active → LC | the card restarts; the connection ends |

mod compat;

use crate::{
    codec::{self, Body, BodyError, Class, Message},
    compat::v1_0::linecard as v1,
    fib::{Batch, Family, Mac, PATHS_NARROW, Position},
    id::{Epoch, RpSlot, TableId},
    version::Inexpressible,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What an active RP says to a line card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToLc {
    /// First message of a connection: "I am the active of this epoch."
    Adopt {
        /// The sender's term.
        epoch: Epoch,
        /// The sender's slot.
        rp: RpSlot,
        /// What to do with the tables that the card holds.
        how: Adoption,
    },
    /// The card's ports as configured; ports not named are shut down.
    Ports(Vec<PortConfig>),
    /// A part of the table; acknowledged by number.
    Fib(FibUpdate),
    /// The whole family has been sent (both families and, later, labels share one stream).
    EndOfTable(Family),
    /// Ask for every bucket's digest.
    WantDigests,
    /// The active's protocols have converged and its table is at `position` with this digest: what
    /// is still stale is swept, if the card's table agrees.
    Converged {
        /// Where the active's table is.
        position: Position,
        /// [`crate::fib::FibTable::root_digest`] of the active's table.
        root: u64,
    },
    /// Restart from nothing.
    Reset {
        /// Why, for logs.
        reason: String,
    },
    /// The card's ports with their subinterfaces and VRFs, in one step: in the place of `Ports`, where there are any. From
    /// release 2.0 on.
    Interfaces {
        /// As in `Ports`.
        ports: Vec<PortConfig>,
        /// What of them is not in the default table, or has a tag.
        interfaces: Vec<InterfaceConfig>,
    },
    /// What has changed of the card's ports and their subinterfaces, in one step; all others are as they were. From release
    /// 2.0 on.
    Changed {
        /// Ports that are new, or not as they were.
        ports: Vec<PortConfig>,
        /// Ports that are not configured any more: their interfaces go with them.
        gone: Vec<u8>,
        /// Interfaces that are new, gone, or not as they were, of ports that are there.
        interfaces: Vec<InterfaceChange>,
    },
}

/// What a line card does with its tables when an active adopts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adoption {
    /// Keep forwarding on them, all of it marked stale (SSO).
    Keep,
    /// Empty them: a download follows (boot, RPR+).
    Flush,
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "keep",
            Self::Flush => "flush",
        })
    }
}

/// Text that names no way of adoption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no way to adopt a line card (keep, flush)")]
pub struct AdoptionError(String);

impl FromStr for Adoption {
    type Err = AdoptionError;
    fn from_str(text: &str) -> Result<Self, AdoptionError> {
        match text {
            "keep" => Ok(Self::Keep),
            "flush" => Ok(Self::Flush),
            other => Err(AdoptionError(other.to_owned())),
        }
    }
}

/// A part of the FIB on its way to a line card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FibUpdate {
    /// Number within this session, from 1; acknowledged.
    pub number: u64,
    /// What the batch stands for.
    pub kind: FibPart,
    /// The changes.
    pub batch: Batch,
}

/// What a batch stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FibPart {
    /// Path lists or routes of a download or a reconciliation in progress.
    Part,
    /// The whole content of one bucket: routes of the bucket that are not in the batch go away.
    Bucket(u16),
    /// The next batch of the active's log: afterwards the table is at this position.
    Log(Position),
}

/// A port as the running configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortConfig {
    /// Port number, from 1.
    pub port: u8,
    /// `no shutdown`.
    pub enabled: bool,
    /// The port's own address: frames to another one are dropped as `not_for_us`.
    pub mac: Mac,
    /// Longest IP packet, bytes.
    pub mtu: u16,
}

/// An interface of a port that [`PortConfig`] does not describe whole: a subinterface, or a port in a VRF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InterfaceConfig {
    /// Port number, from 1.
    pub port: u8,
    /// VLAN of its packets; 0 for those without a tag, which are the port's own.
    pub vlan: u16,
    /// Where they are looked up.
    pub table: TableId,
}

/// An interface of a port as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceChange {
    /// Port number, from 1.
    pub port: u8,
    /// VLAN of its packets; 0 for those without a tag, which are the port's own.
    pub vlan: u16,
    /// Where they are looked up; `None`: there is no such subinterface, or the port is in the default table.
    pub table: Option<TableId>,
}

/// What a line card answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromLc {
    /// "You are my active now."
    Adopted {
        /// The epoch obeyed from here on.
        epoch: Epoch,
        /// Identifies the card's run: another number means that it restarted.
        boot: u64,
        /// Where the table stands; `None` when it is empty or half downloaded.
        position: Option<Position>,
        /// Digest of the table.
        root: u64,
        /// Routes held, IPv4 and IPv6.
        routes: [u64; 2],
    },
    /// "A newer active rules me": the sender is fenced and must demote itself.
    Refused {
        /// The highest epoch seen.
        highest: Epoch,
    },
    /// Everything up to and including this [`FibUpdate::number`] is applied.
    Ack {
        /// The number.
        number: u64,
    },
    /// Every bucket's digest, in order ([`crate::fib::BUCKETS`] of them).
    Digests(#[serde(with = "packed")] Vec<u64>),
    /// The table agrees with the active's, nothing is stale.
    InSync {
        /// Where both stand.
        position: Position,
    },
    /// A port came up or went down, or is to be up and has no carrier. A card says it again of all ports that it has said it of,
    /// right after it was adopted.
    PortState {
        /// Port number.
        port: u8,
        /// Whether it carries traffic.
        up: bool,
    },
}

impl ToLc {
    /// Whether it sets a list of more paths than release 2.0 puts into one.
    fn has_wide_lists(&self) -> bool {
        match self {
            Self::Fib(update) => update.batch.paths.iter().any(|list| list.paths.paths().len() > PATHS_NARROW),
            Self::Adopt { .. }
            | Self::Ports(_)
            | Self::EndOfTable(_)
            | Self::WantDigests
            | Self::Converged { .. }
            | Self::Reset { .. }
            | Self::Interfaces { .. }
            | Self::Changed { .. } => false,
        }
    }
}

impl Message for ToLc {
    const CLASS: Class = Class::LineCard;
    /// A bucket or a batch is tens of kilobytes; path lists of a large table a few hundred.
    const CAP: usize = 4 << 20;

    fn write(&self, version: u8, body: &mut Body) -> Result<(), BodyError> {
        match version {
            1 | 2 if self.has_wide_lists() => {
                Err(Inexpressible { version, what: "a list of more than 16 paths" }.into())
            }
            1 => codec::write_as::<v1::ToLc, _>(self, body),
            _ => Ok(rmp_serde::encode::write(body, self)?),
        }
    }

    fn read(version: u8, body: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        match version {
            1 => codec::read_as::<v1::ToLc, _>(body),
            _ => rmp_serde::from_slice(body),
        }
    }
}

impl Message for FromLc {
    const CLASS: Class = Class::LineCard;
    /// All digests take 8 bytes each, and 9 in versions 1 and 2.
    const CAP: usize = 128 << 10;

    fn write(&self, version: u8, body: &mut Body) -> Result<(), BodyError> {
        match version {
            1 | 2 => codec::write_as::<v1::FromLc, _>(self, body),
            _ => Ok(rmp_serde::encode::write(body, self)?),
        }
    }

    fn read(version: u8, body: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        match version {
            1 | 2 => codec::read_as::<v1::FromLc, _>(body),
            _ => rmp_serde::from_slice(body),
        }
    }
}

/// Digests are spread evenly over all numbers: as bytes they are shorter than one by one, and one copy.
mod packed {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digests: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.to_be_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        let (digests, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom(format_args!("{} bytes, which are no digests", bytes.len())));
        }
        Ok(digests.iter().map(|digest| u64::from_be_bytes(*digest)).collect())
    }
}
