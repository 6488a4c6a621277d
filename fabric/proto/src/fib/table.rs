//! A whole FIB with digests: the control side's copy on every card.

use super::{
    Birth, Family, FibKey, ListUpdate, PathList, PathListId, Prefix,
    routes::{BUCKETS, Bucket, RouteMap, bucket_of, hash},
};
use crate::{id::TableId, random::mix};
use std::collections::BTreeMap;

/// A whole FIB: path lists and bucketed routes, with digests that are kept as it changes.
///
/// A route's digest is its key's hash times its path list's factor. Sums of them need no order and can be undone,
/// and where a list changes, the sum of all its routes changes by one multiplication, however many they are. Lists
/// that hold the same differ by birth: one of them may change, and routes that are by the wrong one would follow it.
#[derive(Clone, Debug, Default)]
pub struct FibTable {
    lists: BTreeMap<PathListId, (Birth, PathList)>,
    uses: Uses,
    /// Lists that release 1.0 has no words for.
    beyond: usize,
    routes: RouteMap,
    /// Sum of all routes' digests: comparing two tables must cost nothing, however large they are.
    root: u64,
    /// A list has changed under its routes, and their buckets' digests do not say so yet.
    behind: bool,
}

/// Who depends on a path list. Routes may name a list that is not there (yet, or any more): they mean nothing
/// then, and the digests say so.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// Stands for the list and its content: odd, so that no two hashes are mapped to one.
    factor: u64,
    /// Sum of the hashes of its routes' keys.
    sum: u64,
    /// The part of it that is of no routes of the default table.
    others: u64,
    routes: usize,
}

impl Default for Use {
    fn default() -> Self {
        Self { factor: factor(0), sum: 0, others: 0, routes: 0 }
    }
}

/// The factor of a list with this digest; 0 stands for a list that is not there.
fn factor(digest: u64) -> u64 {
    mix(digest ^ 0x2545_f491_4f6c_dd1d) | 1
}

fn digest(birth: Birth, paths: &PathList) -> u64 {
    mix(mix(paths.digest() ^ birth.epoch.0).wrapping_add(birth.index))
}

/// [`Use`] by path list. Every change of a route asks for one, so that a search would show: numbers lie close
/// together, so they index chunks directly.
#[derive(Clone, Debug, Default)]
struct Uses(Vec<Option<Box<[Use; CHUNK]>>>);

const CHUNK: usize = 64;

impl Uses {
    fn get(&self, id: PathListId) -> Use {
        match self.0.get(id as usize / CHUNK) {
            Some(Some(chunk)) => chunk[id as usize % CHUNK],
            Some(None) | None => Use::default(),
        }
    }

    fn entry(&mut self, id: PathListId) -> &mut Use {
        let at = id as usize / CHUNK;
        if at >= self.0.len() {
            self.0.resize(at + 1, None);
        }
        &mut self.0[at].get_or_insert_with(|| Box::new([Use::default(); CHUNK]))[id as usize % CHUNK]
    }

    /// All of those that routes may depend on.
    fn iter(&self) -> impl Iterator<Item = (PathListId, &Use)> + '_ {
        let chunks = self.0.iter().enumerate().filter_map(|(at, chunk)| Some((at * CHUNK, chunk.as_ref()?)));
        chunks.flat_map(|(first, chunk)| chunk.iter().enumerate().map(move |(at, list)| ((first + at) as u32, list)))
    }
}

impl FibTable {
    /// Sets a path list. Changing one that routes use changes all those routes at once, at a cost that does not
    /// depend on how many they are.
    pub fn set_paths(&mut self, ListUpdate { id, birth, paths }: ListUpdate) {
        self.set_factor(id, factor(digest(birth, &paths)));
        self.beyond += usize::from(!paths.is_in_release_1());
        if let Some((_, old)) = self.lists.insert(id, (birth, paths)) {
            self.beyond -= usize::from(!old.is_in_release_1());
        }
    }

    /// Forgets a path list. Where routes still use it, they mean nothing from here on.
    pub fn remove_paths(&mut self, id: PathListId) {
        if let Some((_, old)) = self.lists.remove(&id) {
            self.set_factor(id, factor(0));
            self.beyond -= usize::from(!old.is_in_release_1());
        }
    }

    fn set_factor(&mut self, id: PathListId, factor: u64) {
        let list = self.uses.entry(id);
        self.root = self.root.wrapping_add(list.sum.wrapping_mul(factor.wrapping_sub(list.factor)));
        self.behind |= list.routes > 0 && list.factor != factor;
        list.factor = factor;
    }

    /// A path list.
    pub fn paths(&self, id: PathListId) -> Option<&PathList> {
        self.lists.get(&id).map(|(_, paths)| paths)
    }

    /// Which list a number stands for.
    pub fn birth(&self, id: PathListId) -> Option<Birth> {
        self.lists.get(&id).map(|(birth, _)| *birth)
    }

    /// Number of routes that use a path list.
    pub fn users(&self, id: PathListId) -> usize {
        self.uses.get(id).routes
    }

    /// All path lists, by number.
    pub fn all_paths(&self) -> impl ExactSizeIterator<Item = (PathListId, &PathList)> + '_ {
        self.lists.iter().map(|(id, (_, paths))| (*id, paths))
    }

    /// The path lists from number `from` on, as updates that make them.
    pub fn lists_from(&self, from: PathListId) -> impl Iterator<Item = ListUpdate> + '_ {
        self.lists.range(from..).map(|(id, (birth, paths))| ListUpdate { id: *id, birth: *birth, paths: paths.clone() })
    }

    /// Sets (`Some`) or withdraws (`None`) an entry; returns what stood there.
    pub fn set(&mut self, key: impl Into<FibKey>, id: Option<PathListId>) -> Option<PathListId> {
        let key = key.into();
        let hash = hash(key);
        let bucket = bucket_of(key);
        let old = self.routes.set_in(bucket, key, id);
        if old == id {
            return old;
        }
        let other = if key.plain().is_some() { 0 } else { hash };
        let mut change = 0u64;
        if let Some(id) = id {
            let list = self.uses.entry(id);
            list.routes += 1;
            list.sum = list.sum.wrapping_add(hash);
            list.others = list.others.wrapping_add(other);
            change = hash.wrapping_mul(list.factor);
        }
        if let Some(id) = old {
            let list = self.uses.entry(id);
            list.routes -= 1;
            list.sum = list.sum.wrapping_sub(hash);
            list.others = list.others.wrapping_sub(other);
            change = change.wrapping_sub(hash.wrapping_mul(list.factor));
        }
        let digest = &mut self.routes.buckets[bucket].digest;
        *digest = digest.wrapping_add(change);
        self.root = self.root.wrapping_add(change);
        old
    }

    /// The path list of exactly this key.
    pub fn get(&self, key: impl Into<FibKey>) -> Option<PathListId> {
        self.routes.get(key)
    }

    /// The longest prefix of the default table that covers `address`.
    pub fn lookup(&self, address: std::net::IpAddr) -> Option<(Prefix, PathListId)> {
        self.lookup_in(TableId::DEFAULT, address)
    }

    /// The longest prefix of a table that covers `address`: one search a length, for show commands, tests and
    /// withdrawals; packets use the line card's trie.
    pub fn lookup_in(&self, table: TableId, address: std::net::IpAddr) -> Option<(Prefix, PathListId)> {
        self.covering(table, Prefix::host(address))
    }

    /// The longest route of a table that covers `prefix` (itself included).
    pub fn covering(&self, table: TableId, prefix: Prefix) -> Option<(Prefix, PathListId)> {
        (0..=prefix.len()).rev().find_map(|len| {
            let shorter = Prefix::from_bits(prefix.family(), prefix.bits(), len);
            self.get(FibKey::Ip(table, shorter)).map(|id| (shorter, id))
        })
    }

    /// One bucket.
    pub fn bucket(&self, index: usize) -> &Bucket {
        self.routes.bucket(index)
    }

    /// Every bucket's digest, in order. Where path lists have changed under their routes since
    /// [`FibTable::renew_digests`], this costs a pass over the table.
    pub fn digests(&self) -> Vec<u64> {
        let digest = |index| if self.behind { self.sum(self.bucket(index)) } else { self.bucket(index).digest };
        (0..BUCKETS).map(digest).collect()
    }

    /// Makes [`FibTable::digests`] cheap again, for whoever needs them more than once.
    pub fn renew_digests(&mut self) {
        if std::mem::take(&mut self.behind) {
            let digests: Vec<u64> = self.routes.buckets.iter().map(|bucket| self.sum(bucket)).collect();
            for (bucket, digest) in self.routes.buckets.iter_mut().zip(digests) {
                bucket.digest = digest;
            }
        }
    }

    fn sum(&self, bucket: &Bucket) -> u64 {
        let digest = |(key, id)| hash(key).wrapping_mul(self.uses.get(id).factor);
        bucket.routes().map(digest).fold(0, u64::wrapping_add)
    }

    /// One digest of the whole table. A route's digest holds its key, so that the sum needs no order.
    pub fn root_digest(&self) -> u64 {
        mix(self.root)
    }

    /// Number of routes of a family, in all tables.
    pub fn len(&self, family: Family) -> usize {
        self.routes.len(family)
    }

    /// Number of all entries: routes of both families in all tables, labels and circuits.
    pub fn count(&self) -> usize {
        self.routes.count()
    }

    /// Whether it has no entry at all.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// All entries, bucket by bucket.
    pub fn routes(&self) -> impl Iterator<Item = (FibKey, PathListId)> + '_ {
        self.routes.iter()
    }
}

/// The table as release 1.0 is given it ([`Batch::for_release_1`](super::Batch::for_release_1)).
impl FibTable {
    /// Whether release 1.0 could have all of it: routes of the default table only, by paths that it knows.
    pub fn is_in_release_1(&self) -> bool {
        self.beyond_release_1() == [0, 0]
    }

    /// How much of it release 1.0 has no words for: entries that are no routes of the default table, and path lists.
    pub fn beyond_release_1(&self) -> [usize; 2] {
        [self.routes.others(), self.beyond]
    }

    /// [`FibTable::root_digest`] of what release 1.0 is given. Costs a pass over the path lists, where it is not given all.
    pub fn root_digest_in_release_1(&self) -> u64 {
        if self.is_in_release_1() {
            return self.root_digest();
        }
        let factors = self.factors_in_release_1();
        let plain = |(id, list): (PathListId, &Use)| {
            let factor = factors.get(&id).copied().unwrap_or(list.factor);
            list.sum.wrapping_sub(list.others).wrapping_mul(factor)
        };
        mix(self.uses.iter().map(plain).fold(0, u64::wrapping_add))
    }

    /// [`FibTable::digests`] of what release 1.0 is given. Costs a pass over the table, where it is not given all.
    pub fn digests_in_release_1(&self) -> Vec<u64> {
        if self.is_in_release_1() {
            return self.digests();
        }
        let factors = self.factors_in_release_1();
        let digest = |(key, id): (FibKey, PathListId)| {
            let factor = factors.get(&id).copied().unwrap_or(self.uses.get(id).factor);
            if key.plain().is_some() { hash(key).wrapping_mul(factor) } else { 0 }
        };
        (0..BUCKETS).map(|index| self.bucket(index).routes().map(digest).fold(0, u64::wrapping_add)).collect()
    }

    /// The factors of those lists that release 1.0 is given otherwise.
    fn factors_in_release_1(&self) -> BTreeMap<PathListId, u64> {
        let beyond = self.lists.iter().filter(|(_, (_, paths))| !paths.is_in_release_1());
        beyond.map(|(id, (birth, paths))| (*id, factor(digest(*birth, &paths.for_release_1())))).collect()
    }
}
