//! The routing table and its distribution at the Internet's size: `cargo bench -p rp-core`.

use bytes::Bytes;
use divan::Bencher;
use fabric_proto::{
    codec,
    fib::{BatchBuilder, Family, Path, PathList, Prefix},
    id::{Epoch, LcSlot, PortId, RpSlot},
    linecard::{Adoption, FromLc, ToLc},
    time::Instant,
};
use rp_core::{
    fib_feed::{FibFeed, FibMaster, Input, Level, Output},
    rib::{FeedId, Interface, Link, Local, Rib},
};
use std::{collections::BTreeMap, net::IpAddr};

const ROUTES: u32 = 1_000_000;
const NEXT_HOPS: u32 = 64;
const CARDS: u8 = 4;
const FEED: FeedId = FeedId(0);

fn main() {
    divan::main();
}

/// A million different prefixes, in an order without locality.
fn prefix(n: u32) -> Prefix {
    let n = n.wrapping_mul(0x9e37_79b1) >> 8;
    Prefix::from_bits(Family::V4, u128::from(n << 8) << 96, 24)
}

fn hop(n: u32) -> IpAddr {
    IpAddr::from([10, 0, 0, 2 + n as u8])
}

/// The feed's messages.
fn messages() -> Vec<(u32, Bytes)> {
    let message = |first: u32| {
        let mut builder = BatchBuilder::default();
        (first..ROUTES.min(first + 4096)).for_each(|n| builder.route((prefix(n), Some(n % NEXT_HOPS))));
        let batch = builder.take();
        (batch.count, batch.packed)
    };
    (0..ROUTES).step_by(4096).map(message).collect()
}

fn local() -> Local {
    let port = PortId { slot: LcSlot(1), port: 1 };
    let link = Some(Link { port, mac: [2; 6], vlan: None });
    let interface = Interface { addresses: vec![(IpAddr::from([10, 0, 0, 1]), 24)], link, enabled: true };
    Local {
        interfaces: BTreeMap::from([(port.into(), interface)]),
        neighbors: (0..NEXT_HOPS).map(|n| ((port.into(), hop(n)), [2, 0, 0, 0, 0, n as u8])).collect(),
        ..Local::default()
    }
}

/// Learns the whole table.
fn learn(mut fib: FibMaster, messages: &[(u32, Bytes)]) -> (Rib, FibMaster) {
    let mut rib = Rib::default();
    rib.configure(local(), &mut fib);
    rib.start(Instant(0), &[FEED], &mut fib);
    rib.feed_open(Instant(0), FEED, &mut fib);
    let sets = (0..NEXT_HOPS).map(|n| (n, vec![hop(n)])).collect();
    rib.feed_next_hops(FEED, sets, &mut fib).expect("the session is open");
    for (count, packed) in messages {
        rib.feed_routes(FEED, *count, packed.clone(), &mut fib).expect("good routes");
    }
    for family in Family::ALL {
        rib.feed_end_of_rib(FEED, family, &mut fib);
    }
    fib.flush();
    (rib, fib)
}

fn empty() -> FibMaster {
    let mut fib = FibMaster::default();
    fib.begin_term(Epoch(4));
    fib
}

fn full() -> FibMaster {
    learn(empty(), &messages()).1
}

/// Drives four cards that answer at once, until nobody says anything; returns the bytes sent.
fn drive(fib: &mut FibMaster, adoption: Adoption, root: u64, routes: u64) -> usize {
    let mut feed = FibFeed::new(RpSlot::A);
    let (mut out, mut bytes) = (Vec::new(), 0);
    let epoch = fib.position().epoch;
    feed.step(Instant(0), Some(Input::Converged), fib, &mut out);
    for slot in 1..=CARDS {
        let connected = Input::Connected { slot: LcSlot(slot), adoption, level: Level::Full };
        feed.step(Instant(0), Some(connected), fib, &mut out);
    }
    while !out.is_empty() {
        let mut answers = Vec::new();
        for output in out.drain(..) {
            let Output::Send { slot, message } = output else { continue };
            bytes += codec::encode(&message).expect("below the cap").len();
            let answer = match message {
                ToLc::Adopt { .. } => FromLc::Adopted { epoch, boot: 1, position: None, root, routes: [routes, 0] },
                ToLc::Fib(update) => FromLc::Ack { number: update.number },
                ToLc::Converged { position, .. } => FromLc::InSync { position },
                ToLc::Ports(_)
                | ToLc::Interfaces { .. }
                | ToLc::Changed { .. }
                | ToLc::EndOfTable(_)
                | ToLc::WantDigests
                | ToLc::Reset { .. } => continue,
            };
            answers.push((slot, answer));
        }
        for (slot, message) in answers {
            feed.step(Instant(0), Some(Input::Message { slot, message }), fib, &mut out);
        }
    }
    assert!(feed.all_confirmed());
    bytes
}

/// One million routes from a feed into the RIB and the FIB.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn learn_1m(bencher: Bencher<'_, '_>) {
    let messages = messages();
    bencher.with_inputs(empty).bench_local_values(|fib| learn(fib, &messages));
}

/// The same million again, after a switchover, into the FIB that the checkpoint brought.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn relearn_1m_after_switchover(bencher: Bencher<'_, '_>) {
    let messages = messages();
    let stale = || {
        let mut fib = full();
        fib.begin_term(Epoch(9));
        fib.mark_stale();
        fib
    };
    bencher.with_inputs(stale).bench_local_values(|fib| learn(fib, &messages));
}

/// What a new active does to its table before it adopts line cards.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn begin_term_over_1m(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(full).bench_local_values(|mut fib| {
        fib.begin_term(Epoch(9));
        fib.mark_stale();
        fib
    });
}

/// One million routes, downloaded to four cards at once, encoded.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn download_1m_to_4_cards(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(full).bench_local_refs(|fib| drive(fib, Adoption::Flush, 0, 0));
}

/// Four cards adopted that already hold the table's million routes.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn adopt_4_cards_with_1m_unchanged(bencher: Bencher<'_, '_>) {
    let mut fib = full();
    let root = fib.table().root_digest();
    bencher.bench_local(|| drive(&mut fib, Adoption::Keep, root, u64::from(ROUTES)));
}

/// Bulk transfer of one million routes: packed on the active, applied on the standby.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn copy_1m_to_standby(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(full).bench_local_refs(|active| {
        let (mut standby, mut cursor) = (FibMaster::default(), None);
        loop {
            let (bytes, next) = active.bulk_chunk(cursor, Level::Full);
            standby.apply_checkpoint(&bytes).expect("a good piece");
            cursor = next;
            if cursor.is_none() {
                return standby;
            }
        }
    });
}

/// One next hop's rewrite changes under a million routes.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn change_a_next_hop_of_1m(bencher: Bencher<'_, '_>) {
    let mut fib = empty();
    let list = |n: u8| PathList::new(vec![Path::Unresolved { next_hop: IpAddr::from([10, 0, 1, n]) }]);
    let id = fib.acquire(list(0)).expect("few lists");
    (0..ROUTES).for_each(|n| fib.set(prefix(n), id));
    fib.flush();
    let mut n = 0;
    bencher.bench_local(|| {
        n ^= 1;
        fib.change(id, list(n));
        fib.flush();
    });
}
