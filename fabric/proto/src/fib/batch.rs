//! Batches of route changes: compact bytes that are encoded once and sent to every line card and to the standby.

use super::{Birth, Family, FibKey, PathList, PathListId, Prefix};
use crate::id::{CircuitId, Label, TableId};
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
pub type RouteOp = (FibKey, Option<PathListId>);

/// Packed bytes that are not route operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("route batch is damaged at byte {at}: {what}")]
pub struct BadBatch {
    /// Where.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Packs route operations: `flags u8 | key | path list varint`, without the path list for a withdrawal.
///
/// | flags | key |
/// | --- | --- |
/// | 0, 0x40 for IPv6 | `length u8 | significant prefix bytes`: a route of the default table |
/// | and 0x20 | `table u32 BE | length u8 | significant prefix bytes`: one of another table |
/// | 0x10 | `label u24 BE` |
/// | 0x08 | `circuit u32 BE` |
///
/// and 0x80 for a withdrawal. Release 1.0 knows the first line, and refuses a batch with any other.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    paths: Vec<ListUpdate>,
    packed: Vec<u8>,
    count: u32,
    forget: Vec<PathListId>,
}

const WITHDRAW: u8 = 0x80;
const V6: u8 = 0x40;
const TABLE: u8 = 0x20;
const TABLE_V6: u8 = TABLE | V6;
const LABEL: u8 = 0x10;
const CIRCUIT: u8 = 0x08;

impl BatchBuilder {
    /// Adds a path list.
    pub fn paths(&mut self, list: ListUpdate) {
        self.paths.push(list);
    }

    /// Adds a route operation.
    #[inline]
    pub fn route(&mut self, (key, id): (impl Into<FibKey>, Option<PathListId>)) {
        let withdraw = if id.is_none() { WITHDRAW } else { 0 };
        match key.into() {
            FibKey::Ip(TableId::DEFAULT, prefix) => {
                self.packed.push(withdraw | flag(prefix));
                self.prefix(prefix);
            }
            FibKey::Ip(table, prefix) => {
                self.packed.push(withdraw | flag(prefix) | TABLE);
                self.packed.extend_from_slice(&table.0.to_be_bytes());
                self.prefix(prefix);
            }
            FibKey::Label(label) => {
                self.packed.push(withdraw | LABEL);
                self.packed.extend_from_slice(&label.value().to_be_bytes()[1..]);
            }
            FibKey::Circuit(circuit) => {
                self.packed.push(withdraw | CIRCUIT);
                self.packed.extend_from_slice(&circuit.0.to_be_bytes());
            }
        }
        if let Some(mut id) = id {
            while id >= 0x80 {
                self.packed.push(id as u8 | 0x80);
                id >>= 7;
            }
            self.packed.push(id as u8);
        }
        self.count += 1;
    }

    #[inline]
    fn prefix(&mut self, prefix: Prefix) {
        self.packed.push(prefix.len());
        let bytes = prefix.bits().to_be_bytes();
        self.packed.extend_from_slice(&bytes[..usize::from(prefix.len()).div_ceil(8)]);
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

fn flag(prefix: Prefix) -> u8 {
    match prefix.family() {
        Family::V4 => 0,
        Family::V6 => V6,
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
    let mut reader = Reader { bytes, start: *at, at: *at };
    let [flags] = reader.take()?;
    let key = match flags & !WITHDRAW {
        0 => reader.prefix(Family::V4)?.into(),
        V6 => reader.prefix(Family::V6)?.into(),
        TABLE => reader.route_of_table(Family::V4)?,
        TABLE_V6 => reader.route_of_table(Family::V6)?,
        LABEL => reader.label()?,
        CIRCUIT => FibKey::Circuit(CircuitId(u32::from_be_bytes(reader.take()?))),
        _ => return Err(reader.bad("unknown flags")),
    };
    let list = if flags & WITHDRAW == 0 { Some(reader.list()?) } else { None };
    *at = reader.at;
    Ok((key, list))
}

/// Takes one operation apart.
struct Reader<'a> {
    bytes: &'a [u8],
    /// Where the operation begins.
    start: usize,
    at: usize,
}

impl Reader<'_> {
    fn bad(&self, what: &'static str) -> BadBatch {
        BadBatch { at: self.start, what }
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadBatch> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        self.at += N;
        taken.copied().ok_or(self.bad("cut off"))
    }

    #[inline]
    fn prefix(&mut self, family: Family) -> Result<Prefix, BadBatch> {
        let [len] = self.take()?;
        if len > family.width() {
            return Err(self.bad("prefix too long"));
        }
        let significant = usize::from(len).div_ceil(8);
        let mut bits = [0; 16];
        let given = self.bytes.get(self.at..self.at + significant).ok_or(self.bad("cut off"))?;
        bits[..significant].copy_from_slice(given);
        self.at += significant;
        let bits = u128::from_be_bytes(bits);
        let prefix = Prefix::from_bits(family, bits, len);
        if prefix.bits() == bits { Ok(prefix) } else { Err(self.bad("bits beyond the prefix length")) }
    }

    fn route_of_table(&mut self, family: Family) -> Result<FibKey, BadBatch> {
        match TableId(u32::from_be_bytes(self.take()?)) {
            TableId::DEFAULT => Err(self.bad("the default table by its number")),
            table => Ok(FibKey::Ip(table, self.prefix(family)?)),
        }
    }

    fn label(&mut self) -> Result<FibKey, BadBatch> {
        let [high, middle, low] = self.take()?;
        let label = Label::try_from(u32::from_be_bytes([0, high, middle, low]));
        label.map(FibKey::Label).map_err(|_| self.bad("label too large"))
    }

    #[inline]
    fn list(&mut self) -> Result<PathListId, BadBatch> {
        let mut id = 0u32;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.take()?;
            id |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let fits = (id as usize) < super::PATH_LISTS_MAX;
                return if fits { Ok(id) } else { Err(self.bad("path list number too large")) };
            }
        }
        Err(self.bad("path list number too large"))
    }
}
