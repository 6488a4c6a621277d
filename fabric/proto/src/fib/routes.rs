//! Routes in buckets: what every copy of a table on the control side is made of.

use super::{Family, FibKey, PathListId, Prefix};
use crate::{
    id::{CircuitId, Label, TableId},
    random::mix,
};

/// Buckets over both families. At one million routes a bucket holds about 130, and all digests
/// together are 64 KiB: small enough to compare whole, fine enough to resend little.
pub const BUCKETS: usize = 8192;

/// The bucket that an entry belongs to.
///
/// Prefixes that part in their last eight bits only (rounded up to whole bytes) are in one bucket: they are in one
/// node of a line card's trie, so that a table that comes bucket by bucket changes node after node. A bucket can
/// come by 510 prefixes of a table in this way, not by any number.
#[inline]
pub fn bucket_of(key: impl Into<FibKey>) -> usize {
    let near = match key.into() {
        FibKey::Ip(table, prefix) => FibKey::Ip(table, prefix.shortened(prefix.node_len())),
        key @ (FibKey::Label(_) | FibKey::Circuit(_)) => key,
    };
    (hash(near) >> 51) as usize
}

/// The same on every card and in every release.
#[inline]
pub(super) fn hash(key: FibKey) -> u64 {
    match key {
        FibKey::Ip(TableId::DEFAULT, prefix) => hash_prefix(prefix),
        FibKey::Ip(table, prefix) => mix(hash_prefix(prefix) ^ mix(u64::from(table.0) ^ 0x8c72_1a5e_6b9d_30f7)),
        FibKey::Label(label) => mix(u64::from(label.value()) ^ 0x51a8_cf43_d7e0_926b),
        FibKey::Circuit(circuit) => mix(u64::from(circuit.0) ^ 0x3e94_7f01_b25c_d8a3),
    }
}

#[inline]
fn hash_prefix(prefix: Prefix) -> u64 {
    let bits = prefix.bits();
    let family = match prefix.family() {
        Family::V4 => 0x9e37_79b9_7f4a_7c15,
        Family::V6 => 0xd1b5_4a32_d192_ed03,
    };
    mix(mix((bits >> 64) as u64 ^ family)
        ^ (bits as u64).rotate_left(17)
        ^ (u64::from(prefix.len()) << 56 | u64::from(prefix.len())))
}

/// The bits of an IPv6 prefix in two words: a 128-bit integer would align, and so pad, every route to 32 bytes.
type Wide = [u64; 2];

fn wide(bits: u128) -> Wide {
    [(bits >> 64) as u64, bits as u64]
}

fn whole(wide: Wide) -> u128 {
    u128::from(wide[0]) << 64 | u128::from(wide[1])
}

fn v4(bits: u32, len: u8) -> Prefix {
    Prefix::from_bits(Family::V4, u128::from(bits) << 96, len)
}

fn v6(bits: Wide, len: u8) -> Prefix {
    Prefix::from_bits(Family::V6, whole(bits), len)
}

/// Entries of one kind, sorted.
type Sorted<B> = Vec<(B, u8, PathListId)>;

/// Entries of one bucket, sorted by key.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    v4: Sorted<u32>,
    v6: Sorted<Wide>,
    /// What is no route of the default table. Most chassis have none: a word for all of it.
    others: Option<Box<Others>>,
    /// The sum of its entries' digests, in a table that keeps them.
    pub(super) digest: u64,
}

/// Routes of other tables than the default one, labels and circuits.
#[derive(Clone, Debug, Default)]
struct Others {
    v4: Sorted<(TableId, u32)>,
    v6: Sorted<(TableId, Wide)>,
    labels: Sorted<Label>,
    circuits: Sorted<CircuitId>,
}

pub(super) static EMPTY: Bucket = Bucket { v4: Vec::new(), v6: Vec::new(), others: None, digest: 0 };

impl Bucket {
    /// Its entries: routes of the default table, IPv4 and IPv6 in order, then all others.
    pub fn routes(&self) -> impl Iterator<Item = (FibKey, PathListId)> + '_ {
        let v4 = self.v4.iter().map(|(bits, len, id)| (FibKey::from(v4(*bits, *len)), *id));
        let v6 = self.v6.iter().map(|(bits, len, id)| (FibKey::from(v6(*bits, *len)), *id));
        v4.chain(v6).chain(self.others.iter().flat_map(|others| others.iter()))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, key: FibKey) -> Option<PathListId> {
        match key {
            FibKey::Ip(TableId::DEFAULT, prefix) => match prefix.family() {
                Family::V4 => get(&self.v4, (prefix.bits() >> 96) as u32, prefix.len()),
                Family::V6 => get(&self.v6, wide(prefix.bits()), prefix.len()),
            },
            FibKey::Ip(..) | FibKey::Label(_) | FibKey::Circuit(_) => self.others.as_ref()?.get(key),
        }
    }

    #[inline]
    fn set(&mut self, key: FibKey, id: Option<PathListId>) -> Option<PathListId> {
        match key {
            FibKey::Ip(TableId::DEFAULT, prefix) => match prefix.family() {
                Family::V4 => set(&mut self.v4, (prefix.bits() >> 96) as u32, prefix.len(), id),
                Family::V6 => set(&mut self.v6, wide(prefix.bits()), prefix.len(), id),
            },
            FibKey::Ip(..) | FibKey::Label(_) | FibKey::Circuit(_) => {
                if id.is_none() && self.others.is_none() {
                    return None;
                }
                let others = self.others.get_or_insert_default();
                let old = others.set(key, id);
                if others.len() == 0 {
                    self.others = None;
                }
                old
            }
        }
    }
}

impl Others {
    fn iter(&self) -> impl Iterator<Item = (FibKey, PathListId)> + '_ {
        let v4 = self.v4.iter().map(|((table, bits), len, id)| (FibKey::Ip(*table, v4(*bits, *len)), *id));
        let v6 = self.v6.iter().map(|((table, bits), len, id)| (FibKey::Ip(*table, v6(*bits, *len)), *id));
        let labels = self.labels.iter().map(|(label, _, id)| (FibKey::Label(*label), *id));
        let circuits = self.circuits.iter().map(|(circuit, _, id)| (FibKey::Circuit(*circuit), *id));
        v4.chain(v6).chain(labels).chain(circuits)
    }

    fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + self.labels.len() + self.circuits.len()
    }

    fn get(&self, key: FibKey) -> Option<PathListId> {
        match key {
            FibKey::Ip(table, prefix) => match prefix.family() {
                Family::V4 => get(&self.v4, (table, (prefix.bits() >> 96) as u32), prefix.len()),
                Family::V6 => get(&self.v6, (table, wide(prefix.bits())), prefix.len()),
            },
            FibKey::Label(label) => get(&self.labels, label, 0),
            FibKey::Circuit(circuit) => get(&self.circuits, circuit, 0),
        }
    }

    fn set(&mut self, key: FibKey, id: Option<PathListId>) -> Option<PathListId> {
        match key {
            FibKey::Ip(table, prefix) => match prefix.family() {
                Family::V4 => set(&mut self.v4, (table, (prefix.bits() >> 96) as u32), prefix.len(), id),
                Family::V6 => set(&mut self.v6, (table, wide(prefix.bits())), prefix.len(), id),
            },
            FibKey::Label(label) => set(&mut self.labels, label, 0, id),
            FibKey::Circuit(circuit) => set(&mut self.circuits, circuit, 0, id),
        }
    }
}

fn get<B: Ord + Copy>(routes: &[(B, u8, PathListId)], bits: B, len: u8) -> Option<PathListId> {
    find(routes, bits, len).ok().map(|at| routes[at].2)
}

#[inline]
fn find<B: Ord + Copy>(routes: &[(B, u8, PathListId)], bits: B, len: u8) -> Result<usize, usize> {
    match routes.last() {
        // Tables are announced, and downloaded, in order.
        Some((b, l, _)) if (*b, *l) < (bits, len) => Err(routes.len()),
        Some(_) => routes.binary_search_by(|(b, l, _)| (*b, *l).cmp(&(bits, len))),
        None => Err(0),
    }
}

#[inline]
fn set<B: Ord + Copy>(routes: &mut Sorted<B>, bits: B, len: u8, id: Option<PathListId>) -> Option<PathListId> {
    match (find(routes, bits, len), id) {
        (Ok(at), Some(id)) => Some(std::mem::replace(&mut routes[at].2, id)),
        (Ok(at), None) => Some(routes.remove(at).2),
        (Err(at), Some(id)) => {
            routes.insert(at, (bits, len, id));
            None
        }
        (Err(_), None) => None,
    }
}

/// Entries by key.
#[derive(Clone, Debug, Default)]
pub struct RouteMap {
    /// All of them, or none while there has never been a route: most tables of a chassis' life are dropped empty.
    pub(super) buckets: Vec<Bucket>,
    /// Routes by family, in whatever table; labels and circuits.
    counts: [usize; 3],
    /// What is no route of the default table.
    others: usize,
}

impl RouteMap {
    /// Sets (`Some`) or withdraws (`None`) an entry; returns what stood there.
    pub fn set(&mut self, key: impl Into<FibKey>, id: Option<PathListId>) -> Option<PathListId> {
        let key = key.into();
        self.set_in(bucket_of(key), key, id)
    }

    /// The same, for a caller that knows the entry's bucket.
    #[inline]
    pub(super) fn set_in(&mut self, bucket: usize, key: FibKey, id: Option<PathListId>) -> Option<PathListId> {
        if self.buckets.is_empty() {
            id?;
            self.buckets.resize(BUCKETS, Bucket::default());
        }
        let old = self.buckets[bucket].set(key, id);
        let changed = |count: &mut usize| *count = *count + usize::from(id.is_some()) - usize::from(old.is_some());
        changed(&mut self.counts[key.family().map_or(2, |family| family as usize)]);
        if key.plain().is_none() {
            changed(&mut self.others);
        }
        old
    }

    /// What stands at exactly this key.
    pub fn get(&self, key: impl Into<FibKey>) -> Option<PathListId> {
        let key = key.into();
        self.bucket(bucket_of(key)).get(key)
    }

    /// One bucket.
    pub fn bucket(&self, index: usize) -> &Bucket {
        self.buckets.get(index).unwrap_or(&EMPTY)
    }

    /// Number of routes of a family, in all tables.
    pub fn len(&self, family: Family) -> usize {
        self.counts[family as usize]
    }

    /// Number of entries that are no routes of the default table: release 1.0 cannot have them.
    pub fn others(&self) -> usize {
        self.others
    }

    /// Number of all entries.
    pub fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Whether it has no entry at all.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// All entries, bucket by bucket.
    pub fn iter(&self) -> impl Iterator<Item = (FibKey, PathListId)> + '_ {
        self.buckets.iter().flat_map(Bucket::routes)
    }

    /// Prefixes of the default table, bucket by bucket.
    pub fn plain(&self) -> impl Iterator<Item = (Prefix, PathListId)> + '_ {
        self.iter().filter_map(|(key, id)| Some((key.plain()?, id)))
    }
}
