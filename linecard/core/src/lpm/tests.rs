use super::*;
use fabric_proto::fib::{FibTable, Prefix};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::atomic::AtomicBool};

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
    let trie = Trie::<S>::default();
    let mut fib = FibTable::default();
    let mut routes = BTreeMap::new();
    for (prefix, id) in ops {
        fib.set(*prefix, *id);
        match id {
            Some(id) => {
                routes.insert(*prefix, *id);
                trie.set(prefix.bits(), prefix.len(), *id).unwrap();
            }
            None => {
                routes.remove(prefix);
                let cover = fib.covering(*prefix).map(|(cover, id)| (cover.len(), id));
                trie.clear(prefix.bits(), prefix.len(), cover).unwrap();
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
    }

    #[test]
    fn ipv6_agrees_with_brute_force(ops in ops(Family::V6), probes in proptest::collection::vec(any::<u128>(), 8)) {
        agrees::<V6>(&ops, &probes)?;
    }
}

#[test]
fn strides_cover_every_bit_once() {
    assert_eq!(V4::STRIDES.iter().map(|stride| u32::from(*stride)).sum::<u32>(), 32);
    assert_eq!(V6::STRIDES.iter().map(|stride| u32::from(*stride)).sum::<u32>(), 128);
}

#[test]
fn a_flapping_route_uses_no_new_memory() {
    let trie = Trie::<V4>::default();
    trie.set(0, 0, 1).unwrap();
    trie.set(0x0a00_0001 << 96, 32, 2).unwrap();
    let before = trie.bytes();
    for _ in 0..100 {
        trie.clear(0x0a00_0001 << 96, 32, Some((0, 1))).unwrap();
        assert_eq!(trie.lookup(0x0a00_0001 << 96), Some(1));
        trie.set(0x0a00_0001 << 96, 32, 2).unwrap();
    }
    assert_eq!(trie.bytes(), before);
}

/// Under a standing /8, a more specific /28 comes and goes: a reader must always find one of the two.
#[test]
fn readers_never_see_a_hole_while_the_writer_works() {
    let trie = Trie::<V4>::default();
    let done = AtomicBool::new(false);
    trie.set(0x0a << 120, 8, 1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for host in 0..16u128 {
                    let found = trie.lookup((0x0a01_0200 | host) << 96);
                    assert!(matches!(found, Some(1 | 2)), "{found:?}");
                }
            }
        });
        for _ in 0..2000 {
            trie.set(0x0a01_0200 << 96, 28, 2).unwrap();
            trie.clear(0x0a01_0200 << 96, 28, Some((8, 1))).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}
