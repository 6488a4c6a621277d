//! Look-ups, the pipeline and a download, on tables of today's size with the global table's mix of lengths.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use divan::{Bencher, counter::ItemsCount};
use etherparse::PacketBuilder;
use fabric_proto::{
    fib::{Batch, BatchBuilder, Family, Path, PathList, Prefix},
    id::{Epoch, LcSlot, PortId, RpSlot},
    linecard::{Adoption, FibPart, FibUpdate, PortConfig, ToLc},
    machine::Machine,
    time::Instant,
};
use linecard_core::{
    linecard::{Input, LineCard, LineCardConfig, STALE_TIME},
    pipeline::{Scratch, forward_batch},
    tables::TablesWriter,
};
use std::sync::LazyLock;

const V4_ROUTES: usize = 900_000;
const V6_ROUTES: usize = 220_000;
const PATH_LISTS: u32 = 64;
const PROBES: usize = 1 << 16;
const MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];

fn main() {
    divan::main();
}

/// SplitMix64: the same table in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A length by its share in percent.
    fn length(&mut self, shares: &[(u8, u64)]) -> u8 {
        let mut at = self.next() % 100;
        for (length, share) in shares {
            if at < *share {
                return *length;
            }
            at -= share;
        }
        shares[0].0
    }
}

fn routes() -> Vec<(Prefix, Option<u32>)> {
    let mut random = Random(1);
    let mut routes = Vec::with_capacity(V4_ROUTES + V6_ROUTES);
    for n in 0..V4_ROUTES {
        let length =
            random.length(&[(24, 62), (22, 11), (23, 10), (20, 5), (21, 5), (19, 3), (16, 2), (18, 1), (17, 1)]);
        let bits = (1 + random.next() % 222) << 24 | random.next() & 0xff_ffff;
        routes.push((Prefix::from_bits(Family::V4, u128::from(bits) << 96, length), Some(n as u32 % PATH_LISTS)));
    }
    // Registries hand out /32s of two dozen blocks; more specifics crowd below some of them.
    let blocks: Vec<u128> = (0..40_000).map(|_| 0x2400 + u128::from(random.next() % 24) * 0x40).collect();
    let allocations: Vec<u128> =
        blocks.iter().map(|block| (block << 16 | u128::from(random.next() % 0x4000)) << 96).collect();
    for n in 0..V6_ROUTES {
        let length = random.length(&[(48, 47), (44, 14), (32, 13), (40, 10), (36, 6), (46, 4), (42, 3), (47, 3)]);
        let allocation = allocations[random.next() as usize % allocations.len()];
        let bits = allocation | u128::from(random.next() & 0x3f_03ff) << 80;
        routes.push((Prefix::from_bits(Family::V6, bits, length), Some(n as u32 % PATH_LISTS)));
    }
    routes
}

fn path_lists() -> Vec<(u32, PathList)> {
    let list = |n: u32| {
        let port = PortId { slot: LcSlot(2 + (n % 4) as u8), port: 1 };
        let path = Path::Port { port, next_hop: n.to_be_bytes().into(), dst_mac: [4; 6], src_mac: [5; 6] };
        (n, PathList::new(vec![path]))
    };
    (0..PATH_LISTS).map(list).collect()
}

static ROUTES: LazyLock<Vec<(Prefix, Option<u32>)>> = LazyLock::new(routes);

static WRITER: LazyLock<TablesWriter> = LazyLock::new(|| {
    let mut writer = TablesWriter::new(LcSlot(1));
    writer.set_ports(&[PortConfig { port: 1, enabled: true, mac: MAC, mtu: 1500 }]);
    writer.set_paths(&path_lists());
    for (prefix, id) in ROUTES.iter() {
        writer.set(*prefix, id.unwrap()).unwrap();
    }
    let tables = writer.tables();
    eprintln!("nodes: IPv4 {} MiB, IPv6 {} MiB", tables.v4().bytes() >> 20, tables.v6().bytes() >> 20);
    writer
});

/// Addresses inside random routes of a family.
fn hits(family: Family) -> Vec<u128> {
    let mut random = Random(2);
    let of_family: Vec<Prefix> = ROUTES.iter().map(|route| route.0).filter(|p| p.family() == family).collect();
    let hit = |_| {
        let prefix = of_family[random.next() as usize % of_family.len()];
        let host = u128::from(random.next()) << 64 | u128::from(random.next());
        let host = host.checked_shr(u32::from(prefix.len())).unwrap_or(0);
        (prefix.bits() | host) & (u128::MAX << (128 - u32::from(family.width())))
    };
    (0..PROBES).map(hit).collect()
}

#[divan::bench(args = [Family::V4, Family::V6])]
fn lookup_batch(bencher: Bencher<'_, '_>, family: Family) {
    let (tables, addresses) = (WRITER.tables(), hits(family));
    let mut found = Vec::new();
    bencher.counter(ItemsCount::new(PROBES)).bench_local(|| {
        for chunk in addresses.chunks(256) {
            match family {
                Family::V4 => tables.v4().lookup_batch(chunk, &mut found),
                Family::V6 => tables.v6().lookup_batch(chunk, &mut found),
            }
            divan::black_box(&found);
        }
    });
}

#[divan::bench(args = [Family::V4, Family::V6])]
fn lookup_one_by_one(bencher: Bencher<'_, '_>, family: Family) {
    let (tables, addresses) = (WRITER.tables(), hits(family));
    bencher
        .counter(ItemsCount::new(PROBES))
        .bench_local(|| addresses.iter().filter(|address| tables.lookup(family, **address).is_some()).count());
}

/// 128-byte packets, a batch at a time.
#[divan::bench]
fn pipeline(bencher: Bencher<'_, '_>) {
    let tables = WRITER.tables();
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for address in hits(Family::V4).iter().take(4096) {
        let start = buffer.len();
        let destination = ((address >> 96) as u32).to_be_bytes();
        let builder = PacketBuilder::ethernet2([9; 6], MAC).ipv4([1, 2, 3, 4], destination, 255).udp(1, 2);
        builder.write(&mut buffer, &[0; 82]).unwrap();
        frames.push(start..buffer.len());
    }
    let (mut work, mut scratch, mut verdicts) = (buffer.clone(), Scratch::default(), Vec::new());
    bencher.counter(ItemsCount::new(frames.len())).bench_local(|| {
        // A copy that stands for the read that brings packets in.
        work.copy_from_slice(&buffer);
        for chunk in frames.chunks(512) {
            forward_batch(&mut work, chunk, 1, tables, &mut scratch, &mut verdicts);
            divan::black_box(&verdicts);
        }
    });
}

fn download() -> Vec<Batch> {
    let mut builder = BatchBuilder::default();
    for (id, list) in path_lists() {
        builder.paths(id, list);
    }
    let mut batches = Vec::new();
    for route in ROUTES.iter() {
        builder.route(*route);
        if builder.count() == 4096 {
            batches.push(builder.take());
        }
    }
    batches.push(builder.take());
    batches
}

/// A whole table, from the first message to the last acknowledgement.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn apply_download(bencher: Bencher<'_, '_>) {
    let batches = download();
    bencher.counter(ItemsCount::new(ROUTES.len())).with_inputs(|| batches.clone()).bench_local_values(|batches| {
        let config = LineCardConfig { slot: LcSlot(1), boot: 1, highest: Epoch::NONE, stale_time: STALE_TIME };
        let mut card = LineCard::new(config);
        let mut out = Vec::new();
        let epoch = Epoch::NONE.next_for(RpSlot::A);
        card.step(Instant(1), Some(Input::SessionUp { session: 1, rp: RpSlot::A }), &mut out);
        let adopt = ToLc::Adopt { epoch, rp: RpSlot::A, how: Adoption::Flush };
        card.step(Instant(1), Some(Input::Message { session: 1, message: adopt }), &mut out);
        for (number, batch) in batches.into_iter().enumerate() {
            let update = FibUpdate { number: number as u64, kind: FibPart::Part, batch };
            card.step(Instant(1), Some(Input::Message { session: 1, message: ToLc::Fib(update) }), &mut out);
        }
        card
    });
}
