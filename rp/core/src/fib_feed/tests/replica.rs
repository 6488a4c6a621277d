//! The standby's copy.

use super::model::{Change, Owner, assert_equal, change, content, given, key, meaning};
use crate::fib_feed::{BulkCursor, CheckpointError, FibMaster, Level};
use fabric_proto::{compat::v1_0::checkpoint::FibPiece, fib::Batch, id::Epoch};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Change(Change),
    Bulk,
    Incremental,
    /// The standby went away and came back.
    Again,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => change().prop_map(Step::Change),
        2 => Just(Step::Bulk),
        2 => Just(Step::Incremental),
        1 => Just(Step::Again),
    ]
}

fn master() -> FibMaster {
    let mut fib = FibMaster::default();
    fib.begin_term(Epoch(4));
    fib
}

/// The standby takes a record. In the words of release 1.0 it has that release's shape, and nothing that it does not know.
fn take(standby: &mut FibMaster, bytes: &[u8], level: Level) -> bool {
    if level == Level::Base {
        let piece: FibPiece = rmp_serde::from_slice(bytes).unwrap();
        for batch in piece.changes.iter().map(|(_, batch)| batch).chain(&piece.part) {
            assert!(Batch::from(batch.clone()).routes().all(|op| op.unwrap().0.plain().is_some()));
        }
        assert_eq!(rmp_serde::to_vec(&piece).unwrap(), bytes);
    }
    standby.apply_checkpoint(bytes).unwrap()
}

/// Brings the bulk transfer to its end from `cursor`.
fn finish(active: &mut FibMaster, standby: &mut FibMaster, mut cursor: Option<BulkCursor>, level: Level) {
    loop {
        let (bytes, next) = active.bulk_chunk(cursor, level);
        let whole = take(standby, &bytes, level);
        assert_eq!(whole, next.is_none());
        match next {
            Some(next) => cursor = Some(next),
            None => return,
        }
    }
}

proptest! {
    /// Bulk and incremental changes, however they are mixed, give the same table, list by list; or what release 1.0 knows of
    /// it.
    #[test]
    fn a_copy_equals_its_original(
        steps in proptest::collection::vec(step(), 1..150),
        log in 500..4000usize,
        level in prop_oneof![Just(Level::Full), Just(Level::Base)],
    ) {
        let (mut active, mut standby, mut owner) = (master(), FibMaster::default(), Owner::default());
        active.log = crate::fib_feed::log::Log::of(log);
        let mut cursor = None;
        for step in &steps {
            match step {
                Step::Change(change) => owner.apply(change, &mut active),
                Step::Bulk => {
                    let (bytes, next) = active.bulk_chunk(cursor, level);
                    take(&mut standby, &bytes, level);
                    cursor = next;
                }
                Step::Incremental => while let Some(bytes) = active.take_checkpoint(level) {
                    take(&mut standby, &bytes, level);
                },
                Step::Again => {
                    active.stop_checkpoint();
                    cursor = None;
                }
            }
        }
        finish(&mut active, &mut standby, cursor, level);
        prop_assert!(active.take_checkpoint(level).is_none());
        let wanted = given(active.table(), level);
        assert_equal(&wanted, standby.table());
        prop_assert_eq!(active.position(), standby.position());
        let (ours, theirs): (Vec<_>, Vec<_>) = (wanted.routes().collect(), standby.table().routes().collect());
        prop_assert_eq!(ours, theirs);
        prop_assert!(wanted.all_paths().eq(standby.table().all_paths()));
    }

    #[test]
    fn a_damaged_checkpoint_is_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut standby = FibMaster::default();
        prop_assert!(standby.apply_checkpoint(&bytes).is_err());
        let mut active = master();
        let mut owner = Owner::default();
        for n in 0..20 {
            owner.apply(&Change::Set(n, n as usize % 5), &mut active);
        }
        let mut piece = active.bulk_chunk(None, Level::Full).0.to_vec();
        let at = at.index(piece.len());
        piece[at] ^= flip;
        // Whatever it means now, it must not bring the standby down.
        let _ = standby.apply_checkpoint(&piece);
    }

    /// After a switchover, what is learned again costs nothing, and the sweep takes the rest.
    #[test]
    fn a_relearned_table_costs_no_route(
        routes in proptest::collection::btree_map(0..200u32, 0..5usize, 1..100),
        gone in proptest::collection::btree_set(0..200u32, 0..20),
    ) {
        let (mut active, mut standby, mut owner) = (master(), FibMaster::default(), Owner::default());
        for (n, list) in &routes {
            owner.apply(&Change::Set(*n, *list), &mut active);
        }
        finish(&mut active, &mut standby, None, Level::Full);
        standby.begin_term(Epoch(9));
        standby.mark_stale();
        let mut owner = Owner::default();
        for (n, list) in routes.iter().filter(|(n, _)| !gone.contains(n)) {
            owner.apply(&Change::Set(*n, *list), &mut standby);
        }
        standby.flush();
        prop_assert_eq!(standby.position().seq, 0, "learning again makes no batch");
        let sent = |fib: &FibMaster| (1..=fib.position().seq).map(|seq| fib.batch(seq).unwrap().count).sum::<u32>();
        let swept = standby.sweep(|k| routes.keys().any(|n| key(*n) == k && !gone.contains(n)));
        standby.flush();
        prop_assert_eq!(sent(&standby) as usize, swept);
        prop_assert_eq!(swept, routes.keys().filter(|n| gone.contains(n)).count());
        prop_assert_eq!(meaning(standby.table()).len(), routes.len() - swept);
        let used: BTreeSet<_> = routes.iter().filter(|(n, _)| !gone.contains(n)).map(|(_, list)| list).collect();
        prop_assert_eq!(standby.table().all_paths().count(), used.len(), "lists that nobody wants are gone");
    }
}

#[test]
fn a_change_before_the_bulk_transfer_is_refused() {
    let mut active = master();
    active.bulk_chunk(None, Level::Full);
    let id = active.acquire(content(1)).unwrap();
    active.set(key(1), id);
    let bytes = active.take_checkpoint(Level::Full).unwrap();
    assert!(matches!(FibMaster::default().apply_checkpoint(&bytes), Err(CheckpointError::NotBegun)));
}

#[test]
fn a_missing_change_is_noticed() {
    let (mut active, mut standby) = (master(), FibMaster::default());
    finish(&mut active, &mut standby, None, Level::Full);
    let id = active.acquire(content(1)).unwrap();
    active.take_checkpoint(Level::Full).unwrap();
    active.set(key(1), id);
    let bytes = active.take_checkpoint(Level::Full).unwrap();
    assert!(matches!(standby.apply_checkpoint(&bytes), Err(CheckpointError::Gap { .. })));
    assert!(!standby.is_whole());
}

#[test]
fn a_next_hop_change_is_one_path_list() {
    let mut fib = master();
    let id = fib.acquire(content(1)).unwrap();
    for n in 0..1000 {
        fib.set(key(n), id);
    }
    fib.flush();
    let before = fib.position().seq;
    fib.change(id, content(2));
    fib.flush();
    assert_eq!(fib.position().seq, before + 1);
    let batch = fib.batch(before + 1).unwrap();
    assert_eq!((batch.paths.len(), batch.count), (1, 0));
    assert!(meaning(fib.table()).values().all(|paths| *paths == content(2)));
}

#[test]
fn a_number_that_is_given_out_again_has_another_birth() {
    let mut fib = master();
    let mut births = BTreeSet::new();
    let mut make = |fib: &mut FibMaster, n| {
        let id = fib.acquire(content(n)).unwrap();
        assert!(births.insert(fib.table().birth(id).unwrap()), "list {n}");
        id
    };
    let first = make(&mut fib, 0);
    fib.release(first);
    assert_ne!(make(&mut fib, 1), first, "the batch that forgets it is not closed");
    fib.flush();
    assert_eq!(make(&mut fib, 2), first);
    // The standby has not heard of the last list, and makes one of its own by the same number.
    let mut standby = FibMaster::default();
    standby.begin_term(Epoch(4).next_for(fabric_proto::id::RpSlot::B));
    assert_eq!(make(&mut standby, 3), first);
}
