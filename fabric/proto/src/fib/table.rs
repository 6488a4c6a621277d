//! Routes in buckets, each with a digest: the control side's copy of the FIB on every card.

use super::{Family, PathList, PathListId, Prefix, mix};
use std::collections::BTreeMap;

/// Buckets over both families. At one million routes a bucket holds about 130, and all digests
/// together are 64 KiB: small enough to compare whole, fine enough to resend little.
pub const BUCKETS: usize = 8192;

/// The bucket that a prefix belongs to.
pub fn bucket_of(prefix: Prefix) -> usize {
    bucket_of_hash(hash(prefix))
}

fn bucket_of_hash(hash: u64) -> usize {
    (hash >> 51) as usize
}

fn hash(prefix: Prefix) -> u64 {
    let bits = prefix.bits();
    let family = match prefix.family() {
        Family::V4 => 0x9e37_79b9_7f4a_7c15,
        Family::V6 => 0xd1b5_4a32_d192_ed03,
    };
    mix(mix((bits >> 64) as u64 ^ family)
        ^ (bits as u64).rotate_left(17)
        ^ (u64::from(prefix.len()) << 56 | u64::from(prefix.len())))
}

/// What a route adds to its bucket's digest: addition is commutative and can be undone.
fn route_digest(hash: u64, paths: u64) -> u64 {
    mix(hash ^ paths)
}

/// Routes of one bucket, sorted by prefix.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    v4: Vec<(u32, u8, PathListId)>,
    v6: Vec<(u128, u8, PathListId)>,
    digest: u64,
}

impl Bucket {
    /// The sum of its routes' digests.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Its routes: IPv4 in order, then IPv6 in order.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix, PathListId)> + '_ {
        let v4 =
            self.v4.iter().map(|(bits, len, id)| (Prefix::from_bits(Family::V4, u128::from(*bits) << 96, *len), *id));
        let v6 = self.v6.iter().map(|(bits, len, id)| (Prefix::from_bits(Family::V6, *bits, *len), *id));
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
            Family::V6 => find(&self.v6, prefix.bits(), prefix.len()).ok().map(|at| self.v6[at].2),
        }
    }

    fn set(&mut self, prefix: Prefix, id: Option<PathListId>) -> Option<PathListId> {
        match prefix.family() {
            Family::V4 => set(&mut self.v4, (prefix.bits() >> 96) as u32, prefix.len(), id),
            Family::V6 => set(&mut self.v6, prefix.bits(), prefix.len(), id),
        }
    }
}

fn find<B: Ord + Copy>(routes: &[(B, u8, PathListId)], bits: B, len: u8) -> Result<usize, usize> {
    routes.binary_search_by(|(b, l, _)| (*b, *l).cmp(&(bits, len)))
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

/// A whole FIB: path lists and bucketed routes, with digests that are kept as it changes.
#[derive(Clone, Debug, Default)]
pub struct FibTable {
    lists: BTreeMap<PathListId, List>,
    /// All of them, or none while the table has never held a route: most tables of a chassis' life are dropped empty.
    buckets: Vec<Bucket>,
    /// Sum of all buckets' digests: comparing two tables must cost nothing, however large they are.
    root: u64,
    routes: [usize; 2],
}

static EMPTY: Bucket = Bucket { v4: Vec::new(), v6: Vec::new(), digest: 0 };

/// A path list, and who depends on it. Routes may name a list that is not there (yet, or any more): they
/// mean nothing then, and the digests say so.
#[derive(Clone, Debug, Default)]
struct List {
    paths: Option<PathList>,
    digest: u64,
    routes: usize,
}

impl FibTable {
    /// Sets a path list; see [`FibTable::set_path_lists`].
    pub fn set_paths(&mut self, id: PathListId, paths: PathList) {
        self.set_path_lists([(id, paths)]);
    }

    /// Sets path lists. Changing some that routes use changes all those routes at once, and their
    /// digests: that costs one pass over the table's digests, however many lists changed, and none
    /// over the line card's trie.
    pub fn set_path_lists(&mut self, lists: impl IntoIterator<Item = (PathListId, PathList)>) {
        let mut changed = false;
        for (id, paths) in lists {
            let list = self.lists.entry(id).or_default();
            let digest = paths.digest();
            changed |= list.routes > 0 && list.digest != digest;
            list.paths = Some(paths);
            list.digest = digest;
        }
        if changed {
            self.renew_digests();
        }
    }

    /// Forgets a path list. Where routes still use it, they mean nothing from here on.
    pub fn remove_paths(&mut self, id: PathListId) {
        if let Some(list) = self.lists.remove(&id)
            && list.routes > 0
        {
            self.lists.insert(id, List { routes: list.routes, ..List::default() });
            self.renew_digests();
        }
    }

    /// A path list.
    pub fn paths(&self, id: PathListId) -> Option<&PathList> {
        self.lists.get(&id)?.paths.as_ref()
    }

    /// Number of routes that use a path list.
    pub fn users(&self, id: PathListId) -> usize {
        self.lists.get(&id).map_or(0, |list| list.routes)
    }

    /// All path lists, by number.
    pub fn all_paths(&self) -> impl Iterator<Item = (PathListId, &PathList)> + '_ {
        self.lists.iter().filter_map(|(id, list)| Some((*id, list.paths.as_ref()?)))
    }

    fn renew_digests(&mut self) {
        for bucket in &mut self.buckets {
            let digests = bucket
                .routes()
                .map(|(prefix, id)| route_digest(hash(prefix), self.lists.get(&id).map_or(0, |list| list.digest)));
            bucket.digest = digests.fold(0, u64::wrapping_add);
        }
        self.root = self.buckets.iter().map(Bucket::digest).fold(0, u64::wrapping_add);
    }

    /// Sets (`Some`) or withdraws (`None`) a route; returns what stood there.
    pub fn set(&mut self, prefix: Prefix, id: Option<PathListId>) -> Option<PathListId> {
        if self.buckets.is_empty() {
            id?;
            self.buckets.resize(BUCKETS, Bucket::default());
        }
        let hash = hash(prefix);
        let bucket = &mut self.buckets[bucket_of_hash(hash)];
        let before = bucket.digest;
        let old = bucket.set(prefix, id);
        if old == id {
            return old;
        }
        if let Some(id) = id {
            let list = self.lists.entry(id).or_default();
            list.routes += 1;
            bucket.digest = bucket.digest.wrapping_add(route_digest(hash, list.digest));
        }
        if let Some(id) = old
            && let Some(list) = self.lists.get_mut(&id)
        {
            list.routes -= 1;
            bucket.digest = bucket.digest.wrapping_sub(route_digest(hash, list.digest));
            if list.routes == 0 && list.paths.is_none() {
                self.lists.remove(&id);
            }
        }
        self.root = self.root.wrapping_sub(before).wrapping_add(bucket.digest);
        let count = &mut self.routes[prefix.family() as usize];
        *count = *count + usize::from(id.is_some()) - usize::from(old.is_some());
        old
    }

    /// The path list of exactly this prefix.
    pub fn get(&self, prefix: Prefix) -> Option<PathListId> {
        self.bucket(bucket_of(prefix)).get(prefix)
    }

    /// The longest prefix that covers `address`: one search a length, for show commands, tests and
    /// withdrawals; packets use the line card's trie.
    pub fn lookup(&self, address: std::net::IpAddr) -> Option<(Prefix, PathListId)> {
        let family = Family::of(address);
        self.covering(Prefix::from_bits(family, super::left_aligned(address), family.width()))
    }

    /// The longest route that covers `prefix` (itself included).
    pub fn covering(&self, prefix: Prefix) -> Option<(Prefix, PathListId)> {
        (0..=prefix.len()).rev().find_map(|len| {
            let shorter = Prefix::from_bits(prefix.family(), prefix.bits(), len);
            self.get(shorter).map(|id| (shorter, id))
        })
    }

    /// One bucket.
    pub fn bucket(&self, index: usize) -> &Bucket {
        self.buckets.get(index).unwrap_or(&EMPTY)
    }

    /// Every bucket's digest, in order.
    pub fn digests(&self) -> Vec<u64> {
        (0..BUCKETS).map(|index| self.bucket(index).digest).collect()
    }

    /// One digest of the whole table. A route's digest holds its prefix, so that the sum needs no order.
    pub fn root_digest(&self) -> u64 {
        mix(self.root)
    }

    /// Number of routes of a family.
    pub fn len(&self, family: Family) -> usize {
        self.routes[family as usize]
    }

    /// Whether it has no route of either family.
    pub fn is_empty(&self) -> bool {
        self.routes == [0, 0]
    }

    /// All routes, bucket by bucket.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix, PathListId)> + '_ {
        self.buckets.iter().flat_map(Bucket::routes)
    }
}
