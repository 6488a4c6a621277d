use super::*;
use fabric_proto::{
    fib::{FibTable, Prefix},
    id::TableId,
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

/// Routes near each other, so that they nest, share nodes and part in every level.
fn prefix(family: Family) -> impl Strategy<Value = Prefix> {
    let width = family.width();
    let bits = prop_oneof![
        any::<u128>(),
        any::<u8>().prop_map(|low| 0x2001_0db8_0000_0000_u128 << 64 | u128::from(low) << 64 | u128::from(low)),
        (0..128u32).prop_map(|bit| 0x2001_0db8_0000_0001_0000_0000_0000_0001_u128 ^ (1 << bit)),
    ];
    // Short prefixes fill the whole root: a few are enough.
    let len = prop_oneof![1 => 0..=12u8, 9 => 12..=width];
    (bits, len).prop_map(move |(bits, len)| Prefix::from_bits(family, bits, len))
}

fn oracle(routes: &BTreeMap<Prefix, PathListId>, address: u128) -> Option<PathListId> {
    routes
        .iter()
        .filter(|(prefix, _)| Prefix::from_bits(prefix.family(), address, prefix.len()) == **prefix)
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, id)| *id)
}

/// Applies the operations, and compares with brute force at every edge of every prefix.
fn agrees<S: Shape>(ops: &[(Prefix, Option<PathListId>)], probes: &[u128]) -> Result<(), TestCaseError> {
    let mut writer = TrieWriter::<S>::default();
    let trie = Arc::clone(writer.trie());
    let mut fib = FibTable::default();
    let mut routes = BTreeMap::new();
    for (prefix, id) in ops {
        fib.set(*prefix, *id);
        match id {
            Some(id) => {
                routes.insert(*prefix, *id);
                writer.set(prefix.bits(), prefix.len(), *id).unwrap();
            }
            None => {
                routes.remove(prefix);
                let cover = fib.covering(TableId::DEFAULT, *prefix).map(|(cover, id)| (cover.len(), id));
                writer.clear(prefix.bits(), prefix.len(), cover).unwrap();
            }
        }
    }
    let width = u32::from(S::FAMILY.width());
    let unit = 1u128 << (128 - width);
    let edges = ops.iter().flat_map(|(prefix, _)| {
        let last = prefix.bits() | u128::MAX.checked_shr(u32::from(prefix.len())).unwrap_or(0) & !(unit - 1);
        [prefix.bits(), last, prefix.bits().wrapping_sub(unit), last.wrapping_add(unit)]
    });
    let addresses: Vec<u128> = edges.chain(probes.iter().map(|probe| probe & !(unit - 1))).collect();
    let mut batch = Vec::new();
    trie.lookup_batch(&addresses, &mut batch);
    for (address, batched) in addresses.iter().zip(&batch) {
        let want = oracle(&routes, *address);
        prop_assert_eq!(trie.lookup(*address), want, "{:#x}", address);
        prop_assert_eq!(*batched, want);
    }
    Ok(())
}

fn ops(family: Family) -> impl Strategy<Value = Vec<(Prefix, Option<PathListId>)>> {
    let op = (prefix(family), any::<bool>(), 0..PATH_LISTS_MAX as u32);
    proptest::collection::vec(op, 1..40).prop_map(|ops| {
        // Half of the withdrawals are of routes that are there.
        let known: Vec<Prefix> = ops.iter().map(|op| op.0).collect();
        let again = ops.iter().filter(|op| !op.1).map(|op| (known[op.2 as usize % known.len()], None));
        let again: Vec<_> = again.collect();
        ops.iter().map(|op| (op.0, op.1.then_some(op.2))).chain(again).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ipv4_agrees_with_brute_force(ops in ops(Family::V4), probes in proptest::collection::vec(any::<u128>(), 8)) {
        agrees::<V4>(&ops, &probes)?;
        agrees::<SmallV4>(&ops, &probes)?;
    }

    #[test]
    fn ipv6_agrees_with_brute_force(ops in ops(Family::V6), probes in proptest::collection::vec(any::<u128>(), 8)) {
        agrees::<V6>(&ops, &probes)?;
        agrees::<SmallV6>(&ops, &probes)?;
    }
}

/// Routes in the order of a download, most of them near the one before, some under others' nodes.
fn downloaded(family: Family) -> impl Strategy<Value = Vec<(Prefix, PathListId)>> {
    let width = u32::from(family.width());
    let route = (0..1u128 << 14, 17..=32u8, 1..1000u32).prop_map(move |(bits, len, id)| {
        // Three sizes of the space that they share, so that they end in the first node, below it and deep.
        let place = [32, 26, width][bits as usize % 3];
        (Prefix::from_bits(family, 0x0a01 << 112 | bits << (128 - place), len.min(place as u8)), id)
    });
    proptest::collection::vec(route, 1..200).prop_map(|mut routes| {
        let half = routes.len() / 2;
        routes[..half].sort_unstable();
        routes
    })
}

fn a_download_agrees<S: Shape>(routes: &[(Prefix, PathListId)]) -> Result<(), TestCaseError> {
    let mut writer = crate::tables::TablesWriter::new(fabric_proto::id::LcSlot(1));
    writer.set_all(routes).unwrap();
    let known: BTreeMap<Prefix, PathListId> = routes.iter().copied().collect();
    for (prefix, _) in routes {
        let last = prefix.bits() | u128::MAX >> prefix.len() & u128::MAX << (128 - S::FAMILY.width());
        for address in [prefix.bits(), last, last.wrapping_add(1 << (128 - S::FAMILY.width()))] {
            prop_assert_eq!(writer.tables().lookup(S::FAMILY, address), oracle(&known, address), "{:#x}", address);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_ipv4_download_agrees_with_brute_force(routes in downloaded(Family::V4)) {
        a_download_agrees::<V4>(&routes)?;
    }

    #[test]
    fn an_ipv6_download_agrees_with_brute_force(routes in downloaded(Family::V6)) {
        a_download_agrees::<V6>(&routes)?;
    }
}

#[test]
fn a_flapping_route_uses_no_new_memory() {
    let mut writer = TrieWriter::<V4>::default();
    let trie = Arc::clone(writer.trie());
    writer.set(0, 0, 1).unwrap();
    writer.set(0x0a00_0001 << 96, 32, 2).unwrap();
    let flap = |writer: &mut TrieWriter<V4>| {
        for _ in 0..10_000 {
            writer.clear(0x0a00_0001 << 96, 32, Some((0, 1))).unwrap();
            assert_eq!(trie.lookup(0x0a00_0001 << 96), Some(1));
            writer.set(0x0a00_0001 << 96, 32, 2).unwrap();
        }
        trie.bytes()
    };
    let once = flap(&mut writer);
    assert_eq!(flap(&mut writer), once);
}

/// What changes in a small table does not make it a large one.
#[test]
fn a_small_table_stays_small() {
    let mut writer = TrieWriter::<SmallV4>::default();
    let address = |n: u128| (n % 50).wrapping_mul(0x9e37_79b1) << 96 & u128::MAX << 96;
    for n in 0..20_000 {
        writer.set(address(n), 32, 1).unwrap();
        writer.clear(address(n + 45), 32, None).unwrap();
    }
    assert!(writer.trie().bytes() < 40_000, "{} bytes", writer.trie().bytes());
}

#[test]
fn storage_of_withdrawn_routes_is_used_again() {
    let mut writer = TrieWriter::<V6>::default();
    let host = |n: u128| 0x2001_0db8 << 96 | (n % 50_000).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834) >> 32;
    let mut most = 0;
    for n in 0..200_000u128 {
        writer.set(host(n), 128, 1).unwrap();
        if n >= 1000 {
            writer.clear(host(n - 1000), 128, None).unwrap();
        }
        if n == 100_000 {
            most = writer.trie().bytes();
        }
    }
    assert!(most > 0 && writer.trie().bytes() <= most * 5 / 4, "{} over {most}", writer.trie().bytes());
    (199_000..200_000).for_each(|n| writer.clear(host(n), 128, None).unwrap());
    assert_eq!(writer.trie().lookup(host(199_500)), None);
}

/// A short route over many long ones, and back: every node is visited, none loses what it holds.
#[test]
fn a_default_route_comes_and_goes_under_long_ones() {
    let mut writer = TrieWriter::<V4>::default();
    let routes: Vec<(u128, u8)> = (0..5000u128).map(|n| (((n * 0x9e37_79b1) & 0xffff_ff00) << 96, 24)).collect();
    for (n, (bits, len)) in routes.iter().enumerate() {
        writer.set(*bits, *len, n as u32 + 1).unwrap();
    }
    for _ in 0..3 {
        writer.set(0, 0, 0).unwrap();
        assert_eq!(writer.trie().longest(u128::from(u32::MAX) << 96), Some((0, 0)));
        writer.clear(0, 0, None).unwrap();
        assert_eq!(writer.trie().lookup(u128::from(u32::MAX) << 96), None);
    }
    for (n, (bits, _)) in routes.iter().enumerate() {
        assert_eq!(writer.trie().lookup(*bits | 7 << 96), Some(n as u32 + 1));
    }
}

/// Longer routes come and go under standing ones, in storage that is used again and again and that grows
/// meanwhile. Readers must find, for every address, the standing route or one that may be there.
fn readers_find_what_may_be_there<S: Shape>(deep: u8) {
    let width = S::FAMILY.width();
    let address = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) & u128::MAX << (128 - width);
    let covering = |bits: u128, len: u8| bits & u128::MAX << (128 - u32::from(len));
    const PROBES: u128 = 256;
    // Path list 4n stands, 4n + 1 and 4n + 2 come and go, for the address with number n.
    let lens = [20, deep - 9, deep];
    let mut writer = TrieWriter::<S>::default();
    for n in 0..PROBES {
        writer.set(covering(address(n), lens[0]), lens[0], 4 * n as u32).unwrap();
    }
    let trie = Arc::clone(writer.trie());
    let (done, begun) = (AtomicBool::new(false), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            begun.wait();
            let addresses: Vec<u128> = (0..PROBES).map(address).collect();
            let mut found = Vec::new();
            let mut seen = [0u64; 3];
            while !done.load(Ordering::Relaxed) {
                trie.lookup_batch(&addresses, &mut found);
                for (n, found) in found.iter().enumerate() {
                    let one = trie.lookup(addresses[n]);
                    for id in [*found, one].map(|id| id.unwrap() as usize) {
                        assert!((4 * n..4 * n + 3).contains(&id), "{id} for address {n}");
                        seen[id % 4] += 1;
                    }
                }
            }
            seen
        });
        begun.wait();
        for round in 0..60u128 {
            for (which, len) in [(1, lens[1]), (2, lens[2])] {
                (0..PROBES).for_each(|n| writer.set(covering(address(n), len), len, 4 * n as u32 + which).unwrap());
            }
            for n in 0..PROBES {
                writer.clear(covering(address(n), lens[2]), lens[2], Some((lens[1], 4 * n as u32 + 1))).unwrap();
                writer.clear(covering(address(n), lens[1]), lens[1], Some((lens[0], 4 * n as u32))).unwrap();
            }
            // Elsewhere, so that the storage grows.
            (0..100).for_each(|n| writer.set(covering(address(1 << 20 | round << 8 | n), deep), deep, 3).unwrap());
        }
        done.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap();
        assert!(seen[0] > 0, "the reader never read");
    });
}

#[test]
fn ipv4_readers_never_see_half_an_update() {
    readers_find_what_may_be_there::<V4>(32);
    readers_find_what_may_be_there::<SmallV4>(32);
}

#[test]
fn ipv6_readers_never_see_half_an_update() {
    readers_find_what_may_be_there::<V6>(64);
    readers_find_what_may_be_there::<SmallV6>(64);
}
