//! Routes in buckets: what every copy of a table on the control side is made of.

use super::{Family, PathListId, Prefix};
use crate::random::mix;

/// Buckets over both families. At one million routes a bucket holds about 130, and all digests
/// together are 64 KiB: small enough to compare whole, fine enough to resend little.
pub const BUCKETS: usize = 8192;

/// The bucket that a prefix belongs to.
///
/// Prefixes that part in their last eight bits only (rounded up to whole bytes) are in one bucket: they are in one
/// node of a line card's trie, so that a table that comes bucket by bucket changes node after node. A bucket can
/// come by 510 prefixes in this way, not by any number.
pub fn bucket_of(prefix: Prefix) -> usize {
    (hash(prefix.shortened(prefix.node_len())) >> 51) as usize
}

pub(super) fn hash(prefix: Prefix) -> u64 {
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

/// Routes of one bucket, sorted by prefix.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    v4: Vec<(u32, u8, PathListId)>,
    v6: Vec<(Wide, u8, PathListId)>,
    /// The sum of its routes' digests, in a table that keeps them.
    pub(super) digest: u64,
}

pub(super) static EMPTY: Bucket = Bucket { v4: Vec::new(), v6: Vec::new(), digest: 0 };

impl Bucket {
    /// Its routes: IPv4 in order, then IPv6 in order.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix, PathListId)> + '_ {
        let v4 =
            self.v4.iter().map(|(bits, len, id)| (Prefix::from_bits(Family::V4, u128::from(*bits) << 96, *len), *id));
        let whole = |bits: &Wide| u128::from(bits[0]) << 64 | u128::from(bits[1]);
        let v6 = self.v6.iter().map(move |(bits, len, id)| (Prefix::from_bits(Family::V6, whole(bits), *len), *id));
        v4.chain(v6)
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether it has no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, prefix: Prefix) -> Option<PathListId> {
        match prefix.family() {
            Family::V4 => find(&self.v4, (prefix.bits() >> 96) as u32, prefix.len()).ok().map(|at| self.v4[at].2),
            Family::V6 => find(&self.v6, wide(prefix.bits()), prefix.len()).ok().map(|at| self.v6[at].2),
        }
    }

    fn set(&mut self, prefix: Prefix, id: Option<PathListId>) -> Option<PathListId> {
        match prefix.family() {
            Family::V4 => set(&mut self.v4, (prefix.bits() >> 96) as u32, prefix.len(), id),
            Family::V6 => set(&mut self.v6, wide(prefix.bits()), prefix.len(), id),
        }
    }
}

fn find<B: Ord + Copy>(routes: &[(B, u8, PathListId)], bits: B, len: u8) -> Result<usize, usize> {
    match routes.last() {
        // Tables are announced, and downloaded, in order.
        Some((b, l, _)) if (*b, *l) < (bits, len) => Err(routes.len()),
        Some(_) => routes.binary_search_by(|(b, l, _)| (*b, *l).cmp(&(bits, len))),
        None => Err(0),
    }
}

fn set<B: Ord + Copy>(
    routes: &mut Vec<(B, u8, PathListId)>,
    bits: B,
    len: u8,
    id: Option<PathListId>,
) -> Option<PathListId> {
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

/// Routes of both families by prefix.
#[derive(Clone, Debug, Default)]
pub struct RouteMap {
    /// All of them, or none while there has never been a route: most tables of a chassis' life are dropped empty.
    pub(super) buckets: Vec<Bucket>,
    counts: [usize; 2],
}

impl RouteMap {
    /// Sets (`Some`) or withdraws (`None`) a route; returns what stood there.
    pub fn set(&mut self, prefix: Prefix, id: Option<PathListId>) -> Option<PathListId> {
        self.set_in(bucket_of(prefix), prefix, id)
    }

    /// The same, for a caller that knows the prefix's bucket.
    pub(super) fn set_in(&mut self, bucket: usize, prefix: Prefix, id: Option<PathListId>) -> Option<PathListId> {
        if self.buckets.is_empty() {
            id?;
            self.buckets.resize(BUCKETS, Bucket::default());
        }
        let old = self.buckets[bucket].set(prefix, id);
        let count = &mut self.counts[prefix.family() as usize];
        *count = *count + usize::from(id.is_some()) - usize::from(old.is_some());
        old
    }

    /// What stands at exactly this prefix.
    pub fn get(&self, prefix: Prefix) -> Option<PathListId> {
        self.bucket(bucket_of(prefix)).get(prefix)
    }

    /// One bucket.
    pub fn bucket(&self, index: usize) -> &Bucket {
        self.buckets.get(index).unwrap_or(&EMPTY)
    }

    /// Number of routes of a family.
    pub fn len(&self, family: Family) -> usize {
        self.counts[family as usize]
    }

    /// Whether it has no route of either family.
    pub fn is_empty(&self) -> bool {
        self.counts == [0, 0]
    }

    /// All routes, bucket by bucket.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, PathListId)> + '_ {
        self.buckets.iter().flat_map(Bucket::routes)
    }
}
