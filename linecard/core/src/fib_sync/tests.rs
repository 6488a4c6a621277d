use super::*;
use fabric_proto::{
    fib::{BatchBuilder, Birth, Path, PathList},
    id::{CircuitId, Label},
};
use proptest::prelude::*;

fn net(text: &str) -> Prefix {
    text.parse().unwrap()
}

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

    /// What a withdrawn route hid comes up again, however routes nest, and in its own table only.
    #[test]
    fn forwarding_agrees_with_the_table(
        ops in proptest::collection::vec((0..3u32, prefix(), proptest::option::weighted(0.6, 0u32..50)), 1..80),
        again in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
    ) {
        let mut copy = FibCopy::new(LcSlot(1));
        let mut builder = BatchBuilder::default();
        let key = |table: u32, prefix| FibKey::Ip(TableId(table), prefix);
        (0..50).for_each(|id| builder.paths(list(id)));
        ops.iter().for_each(|(table, prefix, id)| builder.route((key(*table, *prefix), *id)));
        for at in &again {
            let (table, prefix, _) = ops[at.index(ops.len())];
            builder.route((key(table, prefix), None));
        }
        copy.apply(&FibUpdate { number: 1, kind: FibPart::Part, batch: builder.take() }).unwrap();
        for (_, prefix, _) in &ops {
            let unit = 1u128 << (128 - u32::from(prefix.family().width()));
            let last = prefix.bits() | u128::MAX.checked_shr(u32::from(prefix.len())).unwrap_or(0) & !(unit - 1);
            for address in [prefix.bits(), last, prefix.bits().wrapping_sub(unit), last.wrapping_add(unit)] {
                let host = Prefix::from_bits(prefix.family(), address, prefix.family().width());
                for table in (0..3).map(TableId) {
                    let want = copy.table().covering(table, host);
                    prop_assert_eq!(copy.tables().longest(table, prefix.family(), address), want);
                    let list = copy.tables().lookup_in(table, prefix.family(), address);
                    prop_assert_eq!(list, want.map(|(_, list)| list));
                    let mut batch = vec![];
                    copy.tables().lookup_batch(table, prefix.family(), &[address; 2], &mut batch);
                    prop_assert_eq!(batch, [list; 2]);
                }
            }
        }
    }

    /// Entries of every kind come, change and go; the data plane has what the table has.
    #[test]
    fn labels_and_circuits_agree_with_the_table(
        ops in proptest::collection::vec((any::<bool>(), 0..40u32, proptest::option::weighted(0.6, 0u32..50)), 1..200),
        swept in any::<bool>(),
    ) {
        let mut copy = FibCopy::new(LcSlot(1));
        let label = |n: u32| Label::try_from(Label::MAX - n).unwrap();
        let mut builder = BatchBuilder::default();
        (0..50).for_each(|id| builder.paths(list(id)));
        for (is_label, n, id) in &ops {
            let key = if *is_label { FibKey::Label(label(*n)) } else { FibKey::Circuit(CircuitId(u32::MAX - n)) };
            builder.route((key, *id));
        }
        copy.apply(&FibUpdate { number: 1, kind: FibPart::Part, batch: builder.take() }).unwrap();
        if swept {
            // All but one bucket are vouched for.
            copy.mark_stale();
            for bucket in 1..BUCKETS {
                let mut content = BatchBuilder::default();
                (0..50).for_each(|id| content.paths(list(id)));
                copy.table().bucket(bucket).routes().for_each(|(key, id)| content.route((key, Some(id))));
                if copy.table().bucket(bucket).is_empty() {
                    content = BatchBuilder::default();
                }
                let update = FibUpdate { number: 2, kind: FibPart::Bucket(bucket as u16), batch: content.take() };
                copy.apply(&update).unwrap();
            }
            copy.sweep().unwrap();
            prop_assert!(copy.table().bucket(0).is_empty());
        }
        for n in 0..41 {
            prop_assert_eq!(copy.tables().label(label(n)), copy.table().get(label(n)));
            let circuit = CircuitId(u32::MAX - n);
            prop_assert_eq!(copy.tables().circuit(circuit), copy.table().get(FibKey::Circuit(circuit)));
        }
    }
}

/// A thousand VRFs of ten routes: kilobytes each, given back with their last route.
#[test]
fn a_small_vrf_takes_kilobytes() {
    const VRFS: u32 = 1000;
    let mut copy = FibCopy::new(LcSlot(1));
    let empty = copy.tables().small_bytes();
    let keys: Vec<FibKey> = (1..=VRFS)
        .flat_map(|vrf| {
            let customer =
                |n: u32| Prefix::from_bits(Family::V4, u128::from(0x0a00_0000 + (n << 16) + (vrf << 8)) << 96, 24);
            let site = |n: u32| Prefix::from_bits(Family::V6, 0x2001_0db8 << 96 | u128::from(n) << 64, 64);
            let routes = (0..7).map(customer).chain((0..2).map(site)).chain([net("0.0.0.0/0")]);
            routes.map(move |prefix| FibKey::Ip(TableId(vrf), prefix)).collect::<Vec<_>>()
        })
        .collect();
    let mut builder = BatchBuilder::default();
    builder.paths(list(1));
    keys.iter().for_each(|key| builder.route((*key, Some(1))));
    copy.apply(&FibUpdate { number: 1, kind: FibPart::Part, batch: builder.take() }).unwrap();
    let each = (copy.tables().small_bytes() - empty) / VRFS as usize;
    assert!((500..16_000).contains(&each), "{each} bytes a VRF");
    assert_eq!(
        copy.tables().lookup_in(TableId(7), Family::V4, 0x0a00_0701 << 96),
        Some(0),
        "the first list has index 0"
    );
    keys.iter().for_each(|key| builder.route((*key, None)));
    copy.apply(&FibUpdate { number: 2, kind: FibPart::Part, batch: builder.take() }).unwrap();
    assert_eq!(copy.tables().small_bytes(), empty);
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
    ops.iter().for_each(|(prefix, id)| builder.route((net(prefix), *id)));
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
    let kept = bucket_of(net("10.0.0.0/8"));
    for bucket in 0..BUCKETS {
        assert!(copy.is_stale());
        let batch = if bucket == kept { content.clone() } else { Batch::default() };
        copy.apply(&FibUpdate { number: 2, kind: FibPart::Bucket(bucket as u16), batch }).unwrap();
    }
    assert!(!copy.is_stale());
    assert_eq!(copy.routes(), [1, 0]);
    let held = copy.table().get(net("10.0.0.0/8")).and_then(|id| copy.table().paths(id));
    assert_eq!(held, Some(&list(3).paths));
}
