//! Batches of route changes: compact bytes that are encoded once and sent to every line card and to the standby.

use super::{Birth, Family, PathList, PathListId, Prefix};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Changes to a FIB, to be applied in order: path lists first, then routes, then forgotten path lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Path lists to set.
    pub paths: Vec<ListUpdate>,
    /// Packed route operations: read with [`Batch::routes`].
    pub packed: Bytes,
    /// How many operations `packed` holds.
    pub count: u32,
    /// Path lists that nothing uses any more.
    pub forget: Vec<PathListId>,
}

/// A path list to set. A number that is known by the same birth has changed in place, with all its routes; by another
/// birth, it stands for another list from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListUpdate {
    /// Its number.
    pub id: PathListId,
    /// Which list that is.
    pub birth: Birth,
    /// What it holds.
    pub paths: PathList,
}

/// One route operation: `Some` sets the route's path list, `None` withdraws it.
pub type RouteOp = (Prefix, Option<PathListId>);

/// Packed bytes that are not route operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("route batch is damaged at byte {at}: {what}")]
pub struct BadBatch {
    /// Where.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Packs route operations: `flags u8 | length u8 | significant prefix bytes | path list varint`, without
/// the path list for a withdrawal. Flags: 0x40 IPv6, 0x80 withdrawal.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    paths: Vec<ListUpdate>,
    packed: Vec<u8>,
    count: u32,
    forget: Vec<PathListId>,
}

const V6: u8 = 0x40;
const WITHDRAW: u8 = 0x80;

impl BatchBuilder {
    /// Adds a path list.
    pub fn paths(&mut self, list: ListUpdate) {
        self.paths.push(list);
    }

    /// Adds a route operation: flags, length, the prefix's significant bytes, the path list.
    pub fn route(&mut self, (prefix, id): RouteOp) {
        let family = match prefix.family() {
            Family::V4 => 0,
            Family::V6 => V6,
        };
        self.packed.push(family | if id.is_none() { WITHDRAW } else { 0 });
        self.packed.push(prefix.len());
        let bytes = prefix.bits().to_be_bytes();
        self.packed.extend_from_slice(&bytes[..usize::from(prefix.len()).div_ceil(8)]);
        if let Some(mut id) = id {
            while id >= 0x80 {
                self.packed.push(id as u8 | 0x80);
                id >>= 7;
            }
            self.packed.push(id as u8);
        }
        self.count += 1;
    }

    /// Adds a path list that nothing uses any more.
    pub fn forget(&mut self, id: PathListId) {
        self.forget.push(id);
    }

    /// Bytes packed so far.
    pub fn size(&self) -> usize {
        self.packed.len()
    }

    /// Operations so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.paths.is_empty() && self.forget.is_empty()
    }

    /// The batch; the builder is empty again.
    pub fn take(&mut self) -> Batch {
        let Self { paths, packed, count, forget } = std::mem::take(self);
        Batch { paths, packed: Bytes::from(packed), count, forget }
    }
}

impl Batch {
    /// The route operations, in order; ends after the first error.
    pub fn routes(&self) -> impl Iterator<Item = Result<RouteOp, BadBatch>> + '_ {
        let mut at = 0;
        let mut left = self.count;
        std::iter::from_fn(move || {
            if left == 0 {
                return (at < self.packed.len()).then(|| {
                    let error = BadBatch { at, what: "bytes after the last operation" };
                    at = self.packed.len();
                    Err(error)
                });
            }
            let op = read_op(&self.packed, &mut at);
            left = if op.is_ok() { left - 1 } else { 0 };
            if op.is_err() {
                at = self.packed.len();
            }
            Some(op)
        })
    }
}

fn read_op(bytes: &[u8], at: &mut usize) -> Result<RouteOp, BadBatch> {
    let start = *at;
    let bad = |what| BadBatch { at: start, what };
    let [flags, len] = *bytes.get(start..start + 2).and_then(|b| b.first_chunk()).ok_or(bad("cut off"))?;
    if flags & !(V6 | WITHDRAW) != 0 {
        return Err(bad("unknown flags"));
    }
    let family = if flags & V6 == 0 { Family::V4 } else { Family::V6 };
    if len > family.width() {
        return Err(bad("prefix too long"));
    }
    let significant = usize::from(len).div_ceil(8);
    let mut bits = [0; 16];
    bits[..significant].copy_from_slice(bytes.get(start + 2..start + 2 + significant).ok_or(bad("cut off"))?);
    *at = start + 2 + significant;
    let bits = u128::from_be_bytes(bits);
    let prefix = Prefix::from_bits(family, bits, len);
    if prefix.bits() != bits {
        return Err(bad("bits beyond the prefix length"));
    }
    if flags & WITHDRAW != 0 {
        return Ok((prefix, None));
    }
    let mut id = 0u32;
    for shift in [0, 7, 14, 21] {
        let byte = *bytes.get(*at).ok_or(bad("cut off"))?;
        *at += 1;
        id |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if (id as usize) < super::PATH_LISTS_MAX {
                Ok((prefix, Some(id)))
            } else {
                Err(bad("path list number too large"))
            };
        }
    }
    Err(bad("path list number too large"))
}
