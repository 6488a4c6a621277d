use super::*;
use crate::id::{CircuitId, Label, LcSlot, TableId};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn prefix() -> impl Strategy<Value = Prefix> {
    prop_oneof![
        (any::<u32>(), 0..=32u8).prop_map(|(bits, len)| Prefix::from_bits(Family::V4, u128::from(bits) << 96, len)),
        (any::<u128>(), 0..=128u8).prop_map(|(bits, len)| Prefix::from_bits(Family::V6, bits, len)),
    ]
}

/// Keys of every kind, from few tables, so that they meet.
pub(super) fn key() -> impl Strategy<Value = FibKey> {
    prop_oneof![
        3 => prefix().prop_map(FibKey::from),
        2 => (0..4u32, prefix()).prop_map(|(table, prefix)| FibKey::Ip(TableId(table), prefix)),
        1 => any::<u32>().prop_map(|value| FibKey::Label((value & Label::MAX).try_into().unwrap())),
        1 => any::<u32>().prop_map(|number| FibKey::Circuit(CircuitId(number))),
    ]
}

fn discard_or_receive(n: u32) -> PathList {
    PathList::new(vec![Path::Unresolved { next_hop: IpAddr::from(n.to_be_bytes()) }])
}

fn ten() -> Prefix {
    "10.0.0.0/8".parse().unwrap()
}

fn list(id: PathListId, index: u32, paths: PathList) -> ListUpdate {
    ListUpdate { id, birth: Birth { epoch: Epoch(4), index: index.into() }, paths }
}

proptest! {
    #[test]
    fn prefixes_survive_text(prefix in prefix()) {
        prop_assert_eq!(prefix.to_string().parse::<Prefix>(), Ok(prefix));
        prop_assert!(prefix.contains(prefix.address()));
    }

    #[test]
    fn batches_survive_packing(ops in proptest::collection::vec((key(), proptest::option::of(0u32..1 << 23)), 0..200)) {
        let mut builder = BatchBuilder::default();
        for op in &ops {
            builder.route(*op);
        }
        let batch = builder.take();
        prop_assert_eq!(batch.routes().collect::<Result<Vec<_>, _>>().unwrap(), ops);
    }

    #[test]
    fn damaged_batches_end_in_an_error_or_in_routes(bytes in proptest::collection::vec(any::<u8>(), 0..100), count in 0..40u32) {
        let batch = Batch { packed: bytes.into(), count, ..Batch::default() };
        let read: Vec<_> = batch.routes().collect();
        prop_assert!(read.len() <= count as usize + 1);
        prop_assert!(read.iter().rev().skip(1).all(Result::is_ok));
    }

    /// Digests depend on content only: not on the order of changes, and not on path-list numbers.
    #[test]
    fn digests_say_what_a_table_means(
        ops in proptest::collection::vec((key(), proptest::option::of(0u32..5)), 1..60),
        renumber in 0u32..1000,
    ) {
        let mut content = BTreeMap::new();
        let (mut one, mut other) = (FibTable::default(), FibTable::default());
        for n in 0..5 {
            one.set_paths(list(n, n, discard_or_receive(n)));
            other.set_paths(list(n + renumber, n, discard_or_receive(n)));
        }
        for (key, id) in &ops {
            one.set(*key, *id);
            match id {
                Some(id) => content.insert(*key, *id),
                None => content.remove(key),
            };
        }
        for (key, id) in content.iter().rev() {
            other.set(*key, Some(id + renumber));
        }
        prop_assert_eq!(&one.routes().collect::<BTreeMap<_, _>>(), &content);
        prop_assert!(content.iter().all(|(key, id)| one.get(*key) == Some(*id)));
        prop_assert_eq!(one.root_digest(), other.root_digest());
        prop_assert_eq!(one.digests(), other.digests());
        // Changed in place on the one, there from the beginning in a table made anew.
        one.set_paths(list(2, 2, discard_or_receive(7)));
        one.remove_paths(3);
        let mut anew = FibTable::default();
        for n in [0, 1, 4] {
            anew.set_paths(list(n, n, discard_or_receive(n)));
        }
        anew.set_paths(list(2, 2, discard_or_receive(7)));
        for (key, id) in &content {
            anew.set(*key, Some(*id));
        }
        prop_assert_eq!(one.root_digest(), anew.root_digest());
        prop_assert_eq!(one.digests(), anew.digests());
        one.renew_digests();
        prop_assert_eq!(one.digests(), anew.digests());
        let touched = content.values().any(|id| [2, 3].contains(id));
        prop_assert_eq!(one.root_digest() != other.root_digest(), touched);
        one.set_paths(list(2, 2, discard_or_receive(2)));
        one.set_paths(list(3, 3, discard_or_receive(3)));
        prop_assert_eq!(one.root_digest(), other.root_digest());
        prop_assert_eq!(one.digests(), other.digests());
        prop_assert_eq!(one.count(), content.len());
        for family in Family::ALL {
            prop_assert_eq!(one.len(family), content.keys().filter(|key| key.family() == Some(family)).count());
        }
        prop_assert_eq!(one.is_in_release_1(), content.keys().all(|key| key.plain().is_some()));
        if let Some((key, _)) = content.first_key_value() {
            one.set(*key, None);
            prop_assert_ne!(one.root_digest(), other.root_digest());
        }
    }
}

/// Paths of which release 1.0 knows some, all, or none.
fn mixed(n: u32) -> PathList {
    let next_hop = IpAddr::from((n % 3).to_be_bytes());
    let port = PortId { slot: LcSlot(1), port: 1 };
    let tagged = Path::Port { port, next_hop, rewrite: Arc::new(Rewrite::tagged([2; 6], [4; 6], 100)) };
    let plain = Path::ethernet(port, next_hop, [2; 6], [4; 6]);
    PathList::new(match n % 5 {
        0 => vec![plain],
        1 => vec![plain, tagged],
        2 => vec![tagged],
        3 => vec![Path::Lookup { table: TableId(7) }],
        _ => vec![],
    })
}

/// Applies a batch as whoever is given it does.
fn apply(table: &mut FibTable, batch: &Batch) {
    batch.paths.iter().for_each(|list| table.set_paths(list.clone()));
    batch.routes().for_each(|op| {
        let (key, id) = op.unwrap();
        table.set(key, id);
    });
    batch.forget.iter().for_each(|id| table.remove_paths(*id));
}

proptest! {
    /// Whatever happens to a table in whatever batches: who is given each of them in the words of release 1.0 holds what
    /// the digests of that say, and can be told it.
    #[test]
    fn a_table_for_release_1_is_what_its_digests_say(
        batches in proptest::collection::vec(
            proptest::collection::vec((key(), proptest::option::of(0u32..5), 0..8u32), 1..12),
            1..12,
        ),
        forget in proptest::option::of(0u32..5),
    ) {
        let (mut all, mut older) = (FibTable::default(), FibTable::default());
        for changes in batches {
            let mut builder = BatchBuilder::default();
            for (key, id, content) in changes {
                id.into_iter().for_each(|id| builder.paths(list(id, id, mixed(content))));
                builder.route((key, id));
            }
            let batch = builder.take();
            apply(&mut all, &batch);
            let batch = batch.for_release_1();
            prop_assert!(crate::compat::v1_0::fib::Batch::try_from(&batch).is_ok());
            prop_assert_eq!(batch.clone().for_release_1(), batch.clone());
            apply(&mut older, &batch);
        }
        if let Some(id) = forget {
            all.remove_paths(id);
            older.remove_paths(id);
        }
        prop_assert!(older.is_in_release_1());
        prop_assert_eq!(all.root_digest_in_release_1(), older.root_digest());
        prop_assert_eq!(all.digests_in_release_1(), older.digests());
        let known = |(_, paths): (_, &PathList)| paths.is_in_release_1();
        prop_assert_eq!(all.is_in_release_1(), all.routes().all(|(key, _)| key.plain().is_some()) && all.all_paths().all(known));
        if all.is_in_release_1() {
            prop_assert_eq!(all.root_digest(), older.root_digest());
        }
        // What it has no words for has no traffic, and does not take another route instead.
        for (key, id) in all.routes().filter(|(key, _)| key.plain().is_some()) {
            prop_assert_eq!(older.get(key), Some(id));
        }
    }
}

#[test]
fn release_1_is_given_the_paths_that_it_knows_or_none_that_forwards() {
    let next_hop = IpAddr::from([0, 0, 0, 2]);
    let ways = |n: u32| mixed(n).for_release_1().paths().to_vec();
    assert_eq!(ways(10), mixed(10).paths());
    assert_eq!(ways(1), mixed(10).paths());
    assert_eq!(ways(2), [Path::Unresolved { next_hop }]);
    assert_eq!(ways(3), [Path::Discard]);
    assert_eq!(ways(4), []);
    let damaged = Batch { paths: vec![list(1, 1, mixed(2))], packed: vec![1, 2].into(), count: 1, forget: vec![] };
    assert_eq!(damaged.clone().for_release_1(), damaged);
}

#[test]
fn a_changed_path_list_changes_the_digests_of_its_routes() {
    let mut table = FibTable::default();
    table.set_paths(list(1, 1, discard_or_receive(1)));
    table.set(ten(), Some(1));
    let before = table.root_digest();
    table.set_paths(list(1, 1, discard_or_receive(2)));
    assert_ne!(table.root_digest(), before);
    table.set_paths(list(1, 1, discard_or_receive(1)));
    assert_eq!(table.root_digest(), before);
}

/// They mean the same until one of them changes.
#[test]
fn lists_that_hold_the_same_are_told_apart() {
    let tables = [1, 2].map(|used| {
        let mut table = FibTable::default();
        [1, 2].into_iter().for_each(|n| table.set_paths(list(n, n, discard_or_receive(7))));
        table.set(ten(), Some(used));
        table
    });
    assert_ne!(tables[0].root_digest(), tables[1].root_digest());
    assert_ne!(tables[0].digests(), tables[1].digests());
}

#[test]
fn routes_of_a_path_list_that_is_not_there_mean_nothing() {
    let (mut one, mut other) = (FibTable::default(), FibTable::default());
    for table in [&mut one, &mut other] {
        table.set_paths(list(1, 1, discard_or_receive(1)));
        table.set(ten(), Some(1));
    }
    let before = one.root_digest();
    one.remove_paths(1);
    assert_eq!((one.users(1), one.paths(1)), (1, None));
    assert_ne!(one.root_digest(), before);
    one.set_paths(list(1, 1, discard_or_receive(2)));
    other.set_paths(list(1, 1, discard_or_receive(2)));
    assert_eq!(one.root_digest(), other.root_digest());
    one.set(ten(), None);
    assert_eq!(one.root_digest(), FibTable::default().root_digest());
}

/// A route in the wrong VRF, or a label for another one, is a difference.
#[test]
fn entries_of_other_kinds_and_tables_are_told_apart() {
    let label = |value: u32| FibKey::Label(value.try_into().unwrap());
    let mut keys: Vec<FibKey> = (0..1000).map(|table| FibKey::Ip(TableId(table), ten())).collect();
    keys.extend((0..1000).map(label));
    keys.extend((0..1000).map(|number| FibKey::Circuit(CircuitId(number))));
    let mut roots = std::collections::BTreeSet::new();
    for key in keys {
        let mut table = FibTable::default();
        table.set_paths(list(1, 1, discard_or_receive(1)));
        assert_eq!(table.set(key, Some(1)), None);
        let digests = table.digests();
        assert!(digests.iter().enumerate().all(|(bucket, digest)| (*digest != 0) == (bucket == bucket_of(key))));
        assert!(roots.insert(table.root_digest()), "{key}");
        assert_eq!(table.set(key, None), Some(1));
        assert_eq!(table.root_digest(), FibTable::default().root_digest());
    }
}

/// Tables of the two releases are compared by digests and bucket by bucket, so these are release 1.0's own.
#[test]
fn routes_of_the_default_table_have_the_digests_of_release_1() {
    let mut table = FibTable::default();
    table.set_paths(list(1, 1, discard_or_receive(1)));
    for (prefix, bucket) in
        [("10.0.0.0/8", 2308), ("0.0.0.0/0", 2308), ("192.0.2.7/32", 3203), ("2001:db8:7::/48", 6895)]
    {
        let prefix: Prefix = prefix.parse().unwrap();
        assert_eq!(bucket_of(prefix), bucket, "{prefix}");
        table.set(prefix, Some(1));
    }
    assert_eq!(table.root_digest(), 0xb850_47a6_d104_f069);
}

/// What a route of the default table is in a batch has not changed since release 1.0; what it did not know, it refuses.
#[test]
fn batches_say_what_release_1_knows_in_its_words() {
    let mut builder = BatchBuilder::default();
    builder.route((ten(), Some(300)));
    builder.route(("2001:db8::/32".parse::<Prefix>().unwrap(), None));
    assert_eq!(*builder.take().packed, [0, 8, 10, 0xac, 0x02, 0xc0, 32, 0x20, 0x01, 0x0d, 0xb8]);
    builder.route((FibKey::Ip(TableId(0x0102_0304), ten()), Some(1)));
    builder.route((FibKey::Label(0xabcde.try_into().unwrap()), Some(2)));
    builder.route((FibKey::Circuit(CircuitId(5)), None));
    assert_eq!(*builder.take().packed, [0x20, 1, 2, 3, 4, 8, 10, 1, 0x10, 0x0a, 0xbc, 0xde, 2, 0x88, 0, 0, 0, 5]);
}

#[test]
fn one_entry_has_one_form() {
    let read =
        |bytes: &'static [u8]| Batch { packed: bytes.into(), count: 1, ..Batch::default() }.routes().next().unwrap();
    assert_eq!(read(&[0x20, 0, 0, 0, 0, 8, 10, 1]).unwrap_err().what, "the default table by its number");
    assert_eq!(read(&[0x10, 0x10, 0, 0, 1]).unwrap_err().what, "label too large");
    for flags in [0x01, 0x02, 0x04, 0x18, 0x28, 0x30, 0x48, 0x50, 0x70] {
        let bytes: Vec<u8> = [&[flags][..], &[0; 9]].concat();
        let batch = Batch { packed: bytes.into(), count: 1, ..Batch::default() };
        assert_eq!(batch.routes().next().unwrap().unwrap_err().what, "unknown flags", "{flags:#x}");
    }
}

#[test]
fn host_bits_are_pointed_out() {
    let error = "10.0.0.1/8".parse::<Prefix>().unwrap_err();
    assert!(error.to_string().contains("did you mean 10.0.0.0/8"), "{error}");
}

#[test]
fn buckets_are_even() {
    let mut counts = vec![0u32; BUCKETS];
    for n in 0..BUCKETS as u32 * 100 {
        let bits = n.wrapping_mul(0x9e37_79b1) & 0xffff_ff00;
        counts[bucket_of(Prefix::from_bits(Family::V4, u128::from(bits) << 96, 24))] += 1;
    }
    assert!(counts.iter().all(|count| *count <= 300), "{:?}", counts.iter().minmax());
}

/// Neighbours are in one bucket, so that a download changes a line card's trie node by node; never too many of them.
#[test]
fn a_bucket_holds_whole_nodes_of_a_trie() {
    for (family, len) in [(Family::V4, 24), (Family::V4, 32), (Family::V6, 48), (Family::V6, 128)] {
        let prefix = |n: u128| Prefix::from_bits(family, 0x2001_0db8 << 96 ^ n << (128 - u32::from(len)), len);
        assert!((0..256).all(|n| bucket_of(prefix(n)) == bucket_of(prefix(0))));
        let buckets: std::collections::BTreeSet<_> = (0..100).map(|n| bucket_of(prefix(n << 8))).collect();
        assert!(buckets.len() > 90, "{} buckets", buckets.len());
    }
}

trait MinMax: Iterator + Sized {
    fn minmax(self) -> Option<(Self::Item, Self::Item)>
    where
        Self::Item: Ord + Copy,
    {
        self.fold(None, |seen, x| Some(seen.map_or((x, x), |(low, high)| (x.min(low), x.max(high)))))
    }
}
impl<I: Iterator> MinMax for I {}
