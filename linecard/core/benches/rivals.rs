//! Longest prefix match beside what others offer: `cargo bench -p linecard-core --bench rivals`.
//!
//! Each structure is asked for the same addresses, and must know all of them. swact's is asked as the data thread asks
//! (`lookup_batch`) and as the others are (`lookup`). `Flat` is no structure that could be used: one array that is
//! indexed by the first 24 bits, without longer prefixes and without updates, as a bound of what one load can do.

#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout, reason = "a benchmark prints")]

mod table;

use divan::{Bencher, counter::ItemsCount};
use fabric_proto::{
    fib::{Family, PathListId, Prefix},
    id::LcSlot,
};
use ip_network_table_deps_treebitmap::{IpLookupTable, address::Address};
use linecard_core::tables::TablesWriter;
use prefix_trie::PrefixMap;
use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use table::{BATCH, PATH_LISTS, PROBES, ROUTES, Random, hits};
use ts_bart::RoutingTable;

fn main() {
    divan::main();
}

/// Routes of a family with their path lists, in random order, as updates arrive.
fn routes(family: Family) -> Vec<(Prefix, PathListId)> {
    let mut random = Random(4);
    let route =
        |route: &(Prefix, Option<u32>)| (random.next(), route.0, (random.next() % u64::from(PATH_LISTS)) as u32);
    let of_family = ROUTES.iter().filter(|route| route.0.family() == family);
    let mut routes: Vec<_> = of_family.map(route).collect();
    routes.sort_unstable();
    routes.into_iter().map(|(_, prefix, id)| (prefix, id)).collect()
}

fn v4(address: u128) -> u32 {
    (address >> 96) as u32
}

fn ip(family: Family, address: u128) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from(v4(address)).into(),
        Family::V6 => Ipv6Addr::from(address).into(),
    }
}

/// What is looked up in. `new` does not count: it is what `build` times.
trait Table {
    fn new(family: Family) -> Self;
    fn set(&mut self, prefix: Prefix, id: PathListId);
    fn lookup(&self, address: u128) -> Option<PathListId>;
    /// All of them, and how many are known.
    fn lookup_all(&self, addresses: &[u128]) -> usize {
        addresses.iter().filter(|address| black_box(self.lookup(**address)).is_some()).count()
    }
}

struct Batched(TablesWriter, Family);

impl Table for Batched {
    fn new(family: Family) -> Self {
        Self(TablesWriter::new(LcSlot(1)), family)
    }
    fn set(&mut self, prefix: Prefix, id: PathListId) {
        self.0.set(prefix, id).unwrap();
    }
    fn lookup(&self, address: u128) -> Option<PathListId> {
        self.0.tables().lookup(self.1, address)
    }
    fn lookup_all(&self, addresses: &[u128]) -> usize {
        let (tables, mut found, mut count) = (self.0.tables(), Vec::new(), 0);
        for chunk in addresses.chunks(BATCH) {
            match self.1 {
                Family::V4 => tables.v4().lookup_batch(chunk, &mut found),
                Family::V6 => tables.v6().lookup_batch(chunk, &mut found),
            }
            count += black_box(&found).iter().filter(|id| id.is_some()).count();
        }
        count
    }
}

struct OneByOne(Batched);

impl Table for OneByOne {
    fn new(family: Family) -> Self {
        Self(Batched::new(family))
    }
    fn set(&mut self, prefix: Prefix, id: PathListId) {
        self.0.set(prefix, id);
    }
    fn lookup(&self, address: u128) -> Option<PathListId> {
        self.0.lookup(address)
    }
}

enum PrefixTrie {
    V4(PrefixMap<(u32, u8), PathListId>),
    V6(PrefixMap<(u128, u8), PathListId>),
}

impl Table for PrefixTrie {
    fn new(family: Family) -> Self {
        match family {
            Family::V4 => Self::V4(PrefixMap::new()),
            Family::V6 => Self::V6(PrefixMap::new()),
        }
    }
    fn set(&mut self, prefix: Prefix, id: PathListId) {
        match self {
            Self::V4(map) => map.insert((v4(prefix.bits()), prefix.len()), id),
            Self::V6(map) => map.insert((prefix.bits(), prefix.len()), id),
        };
    }
    fn lookup(&self, address: u128) -> Option<PathListId> {
        match self {
            Self::V4(map) => map.get_lpm(&(v4(address), 32)).map(|(_, id)| *id),
            Self::V6(map) => map.get_lpm(&(address, 128)).map(|(_, id)| *id),
        }
    }
}

struct Bart(ts_bart::Table<PathListId>, Family);

impl Table for Bart {
    fn new(family: Family) -> Self {
        Self(ts_bart::Table::default(), family)
    }
    fn set(&mut self, prefix: Prefix, id: PathListId) {
        self.0.insert(ipnet::IpNet::new(ip(self.1, prefix.bits()), prefix.len()).unwrap(), id);
    }
    fn lookup(&self, address: u128) -> Option<PathListId> {
        self.0.lookup(ip(self.1, address)).copied()
    }
}

enum TreeBitmap {
    V4(IpLookupTable<Ipv4Addr, PathListId>),
    V6(IpLookupTable<Ipv6Addr, PathListId>),
}

impl Table for TreeBitmap {
    fn new(family: Family) -> Self {
        match family {
            Family::V4 => Self::V4(IpLookupTable::new()),
            Family::V6 => Self::V6(IpLookupTable::new()),
        }
    }
    fn set(&mut self, prefix: Prefix, id: PathListId) {
        fn set<A: Address>(table: &mut IpLookupTable<A, PathListId>, address: A, len: u8, id: PathListId) {
            table.insert(address, len.into(), id);
        }
        match self {
            Self::V4(table) => set(table, Ipv4Addr::from(v4(prefix.bits())), prefix.len(), id),
            Self::V6(table) => set(table, Ipv6Addr::from(prefix.bits()), prefix.len(), id),
        }
    }
    fn lookup(&self, address: u128) -> Option<PathListId> {
        match self {
            Self::V4(table) => table.longest_match(Ipv4Addr::from(v4(address))).map(|(_, _, id)| *id),
            Self::V6(table) => table.longest_match(Ipv6Addr::from(address)).map(|(_, _, id)| *id),
        }
    }
}

/// An entry is the length plus one and the path list.
struct Flat(Vec<u32>);

impl Table for Flat {
    fn new(_: Family) -> Self {
        Self(vec![0; 1 << 24])
    }
    fn set(&mut self, prefix: Prefix, id: PathListId) {
        let (first, len) = ((prefix.bits() >> 104) as usize, prefix.len().min(24));
        let new = (u32::from(len) + 1) << 24 | id;
        for entry in &mut self.0[first..first + (1 << (24 - len))] {
            *entry = (*entry).max(new);
        }
    }
    fn lookup(&self, address: u128) -> Option<PathListId> {
        let entry = self.0[(address >> 104) as usize];
        (entry != 0).then_some(entry & 0x00ff_ffff)
    }
}

fn built<T: Table>(family: Family) -> T {
    let mut table = T::new(family);
    for (prefix, id) in routes(family) {
        table.set(prefix, id);
    }
    table
}

fn lookup<T: Table>(bencher: Bencher<'_, '_>, family: Family) {
    let (table, addresses) = (built::<T>(family), hits(family));
    bencher.counter(ItemsCount::new(PROBES)).bench_local(|| {
        assert_eq!(table.lookup_all(&addresses), PROBES, "every address is inside a route");
    });
}

#[divan::bench(sample_count = 30, types = [Batched, OneByOne, TreeBitmap, PrefixTrie, Bart, Flat])]
fn ipv4<T: Table>(bencher: Bencher<'_, '_>) {
    lookup::<T>(bencher, Family::V4);
}

#[divan::bench(sample_count = 30, types = [Batched, OneByOne, TreeBitmap, PrefixTrie, Bart])]
fn ipv6<T: Table>(bencher: Bencher<'_, '_>) {
    lookup::<T>(bencher, Family::V6);
}

fn build<T: Table>(bencher: Bencher<'_, '_>, family: Family) {
    let routes = routes(family);
    bencher.counter(ItemsCount::new(routes.len())).bench_local(|| {
        let mut table = T::new(family);
        for (prefix, id) in &routes {
            table.set(*prefix, *id);
        }
        table
    });
}

#[divan::bench(sample_count = 5, sample_size = 1, types = [Batched, TreeBitmap, PrefixTrie, Bart, Flat])]
fn build_ipv4<T: Table>(bencher: Bencher<'_, '_>) {
    build::<T>(bencher, Family::V4);
}

#[divan::bench(sample_count = 5, sample_size = 1, types = [Batched, TreeBitmap, PrefixTrie, Bart])]
fn build_ipv6<T: Table>(bencher: Bencher<'_, '_>) {
    build::<T>(bencher, Family::V6);
}
