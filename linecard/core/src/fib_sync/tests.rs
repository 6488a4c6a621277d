use super::*;
use fabric_proto::fib::{BatchBuilder, Birth, Path, PathList};
use proptest::prelude::*;

/// Prefixes that nest in and lie beside each other, with every length.
fn prefix() -> impl Strategy<Value = Prefix> {
    let bits = prop_oneof![(0..128u32).prop_map(|bit| 1 << bit), (0..4u128).prop_map(|n| n << 126), 0..1u128];
    let near = 0x2001_0db8_0000_0001_0000_0000_0000_0001_u128;
    (any::<bool>(), bits, 0..=128u8).prop_map(move |(v6, bits, len)| {
        let family = if v6 { Family::V6 } else { Family::V4 };
        Prefix::from_bits(family, near ^ bits, len.min(family.width()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a withdrawn route hid comes up again, however routes nest.
    #[test]
    fn forwarding_agrees_with_the_table(
        ops in proptest::collection::vec((prefix(), proptest::option::weighted(0.6, 0u32..50)), 1..80),
        again in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
    ) {
        let mut copy = FibCopy::new(LcSlot(1));
        let mut builder = BatchBuilder::default();
        (0..50).for_each(|id| builder.paths(list(id)));
        ops.iter().for_each(|op| builder.route(*op));
        again.iter().for_each(|at| builder.route((ops[at.index(ops.len())].0, None)));
        copy.apply(&FibUpdate { number: 1, kind: FibPart::Part, batch: builder.take() }).unwrap();
        for (prefix, _) in &ops {
            let unit = 1u128 << (128 - u32::from(prefix.family().width()));
            let last = prefix.bits() | u128::MAX.checked_shr(u32::from(prefix.len())).unwrap_or(0) & !(unit - 1);
            for address in [prefix.bits(), last, prefix.bits().wrapping_sub(unit), last.wrapping_add(unit)] {
                let host = Prefix::from_bits(prefix.family(), address, prefix.family().width());
                prop_assert_eq!(copy.tables().longest(prefix.family(), address), copy.table().covering(host));
            }
        }
    }
}

fn list(id: u32) -> ListUpdate {
    let paths = PathList::new(vec![Path::Unresolved { next_hop: id.to_be_bytes().into() }]);
    ListUpdate { id, birth: Birth { index: id.into(), ..Birth::default() }, paths }
}

fn routes(ops: &[(&str, Option<u32>)]) -> Batch {
    let mut builder = BatchBuilder::default();
    for id in ops.iter().filter_map(|(_, id)| *id) {
        builder.paths(list(id));
    }
    ops.iter().for_each(|(prefix, id)| builder.route((prefix.parse().unwrap(), *id)));
    builder.take()
}

/// A copy with a route in each of two buckets, whose place is known.
fn copy() -> (FibCopy, Position) {
    let mut copy = FibCopy::new(LcSlot(1));
    let held = routes(&[("10.0.0.0/8", Some(1)), ("192.0.2.0/24", Some(2))]);
    copy.apply(&FibUpdate { number: 1, kind: FibPart::Part, batch: held }).unwrap();
    let position = Position { epoch: fabric_proto::id::Epoch(4), seq: 9 };
    copy.confirm(position);
    (copy, position)
}

#[test]
fn a_copy_is_complete_when_both_families_have_ended() {
    let (mut copy, _) = copy();
    assert!(!copy.is_complete());
    copy.end_of_table(Family::V4);
    assert!(!copy.is_complete());
    copy.end_of_table(Family::V6);
    assert!(copy.is_complete());
    copy.adopt(Adoption::Flush);
    assert!(!copy.is_complete());
}

#[test]
fn a_sweep_with_nothing_stale_changes_nothing() {
    let (mut copy, position) = copy();
    assert!(copy.sweep().unwrap().is_none());
    assert_eq!((copy.position(), copy.routes()), (Some(position), [2, 0]));
}

#[test]
fn a_bucket_that_is_sent_again_is_not_stale() {
    let (mut copy, _) = copy();
    copy.mark_stale();
    let content = routes(&[("10.0.0.0/8", Some(3))]);
    let kept = bucket_of("10.0.0.0/8".parse().unwrap());
    for bucket in 0..BUCKETS {
        assert!(copy.is_stale());
        let batch = if bucket == kept { content.clone() } else { Batch::default() };
        copy.apply(&FibUpdate { number: 2, kind: FibPart::Bucket(bucket as u16), batch }).unwrap();
    }
    assert!(!copy.is_stale());
    assert_eq!(copy.routes(), [1, 0]);
    let held = copy.table().get("10.0.0.0/8".parse().unwrap()).and_then(|id| copy.table().paths(id));
    assert_eq!(held, Some(&list(3).paths));
}
