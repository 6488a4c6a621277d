//! Look-ups, updates, the pipeline and a download over a full table: `cargo bench -p linecard-core`.
//!
//! The table is the file that `SWACT_TABLE` names, else `../shared/data/tables/bart-prefixes.txt.gz` beside the
//! checkout, else one that is generated.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark reads the clock and prints"
)]

mod table;

use divan::{Bencher, counter::ItemsCount};
use etherparse::PacketBuilder;
use fabric_proto::{
    fib::{Batch, BatchBuilder, Birth, Family, FixUp, ListUpdate, Path, PathList, Prefix, ProtocolField, Rewrite},
    flow::FlowSeed,
    id::{CardId, Epoch, LcSlot, PortId, RpSlot, Slot},
    linecard::{Adoption, FibPart, FibUpdate, PortConfig, ToLc},
    machine::Machine,
    time::Instant,
};
use linecard_core::{
    encap::HEADROOM,
    linecard::{Input, LineCard, LineCardConfig, STALE_TIME},
    pipeline::{Scratch, forward_batch},
    tables::{Tables, TablesWriter},
};
use std::{
    hint::black_box,
    io::{self, Write as _},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};
use table::{BATCH, PATH_LISTS, PROBES, ROUTES, Random, hits, of_family};

const MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];

fn main() {
    let bytes = Family::ALL.map(|family| bytes(&WRITER, family));
    for (family, bytes) in Family::ALL.iter().zip(bytes) {
        let routes = of_family(*family).len();
        let _ = writeln!(
            io::stdout(),
            "{family}: {routes} routes in {:.1} MiB, {} bytes a route",
            mib(bytes),
            bytes / routes
        );
    }
    divan::main();
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn bytes(writer: &TablesWriter, family: Family) -> usize {
    match family {
        Family::V4 => writer.tables().v4().bytes(),
        Family::V6 => writer.tables().v6().bytes(),
    }
}

fn path_lists(count: u32) -> Vec<ListUpdate> {
    let list = |n: u32| {
        let port = PortId { slot: LcSlot(2 + (n % 4) as u8), port: 1 };
        let path = Path::ethernet(port, n.to_be_bytes().into(), [4; 6], [5; 6]);
        let birth = Birth { epoch: Epoch(4), index: n.into() };
        ListUpdate { id: n, birth, paths: PathList::new(vec![path]) }
    };
    (0..count).map(list).collect()
}

/// The whole table, with its routes spread over `lists` path lists.
fn full(lists: u32) -> TablesWriter {
    let mut writer = TablesWriter::new(LcSlot(1));
    writer.set_ports(&[PortConfig { port: 1, enabled: true, mac: MAC, mtu: 1500 }], &[]);
    writer.set_paths(&path_lists(lists), 0);
    for (n, (prefix, _)) in ROUTES.iter().enumerate() {
        writer.set(*prefix, (Random(n as u64).next() % u64::from(lists)) as u32).unwrap();
    }
    writer
}

static WRITER: LazyLock<TablesWriter> = LazyLock::new(|| full(PATH_LISTS));

#[divan::bench(args = [Family::V4, Family::V6])]
fn lookup_batch(bencher: Bencher<'_, '_>, family: Family) {
    let (tables, addresses) = (WRITER.tables(), hits(family));
    let mut found = Vec::new();
    bencher.counter(ItemsCount::new(PROBES)).bench_local(|| {
        for chunk in addresses.chunks(BATCH) {
            match family {
                Family::V4 => tables.v4().lookup_batch(chunk, &mut found),
                Family::V6 => tables.v6().lookup_batch(chunk, &mut found),
            }
            black_box(&found);
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

/// Routes in random order, each withdrawn and set again: two updates a route, while another thread looks up.
fn update(bencher: Bencher<'_, '_>, family: Family, read: bool) {
    const ROUNDS: usize = 100_000;
    let (mut writer, mut random) = (full(PATH_LISTS), Random(3));
    let routes = of_family(family);
    let addresses = hits(family);
    let known: std::collections::BTreeMap<Prefix, u32> =
        ROUTES.iter().map(|(prefix, id)| (*prefix, id.unwrap())).collect();
    let cover = |prefix: Prefix| {
        let shorter = |len| Prefix::from_bits(family, prefix.bits(), len);
        (0..prefix.len()).rev().map(shorter).find_map(|prefix| known.get(&prefix).map(|id| (prefix, *id)))
    };
    let chosen: Vec<_> = (0..ROUNDS).map(|_| routes[random.next() as usize % routes.len()]).collect();
    let chosen: Vec<_> = chosen.into_iter().map(|prefix| (prefix, cover(prefix), known[&prefix])).collect();
    let tables = writer.tables().clone();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut found, mut count, begin) = (Vec::new(), 0, std::time::Instant::now());
            while read && !done.load(Ordering::Relaxed) {
                for chunk in addresses.chunks(BATCH) {
                    match family {
                        Family::V4 => tables.v4().lookup_batch(chunk, &mut found),
                        Family::V6 => tables.v6().lookup_batch(chunk, &mut found),
                    }
                    black_box(&found);
                }
                count += addresses.len();
            }
            count as f64 / begin.elapsed().as_secs_f64()
        });
        bencher.counter(ItemsCount::new(2 * ROUNDS)).bench_local(|| {
            for (prefix, cover, id) in &chosen {
                writer.clear(*prefix, *cover).unwrap();
                writer.set(*prefix, *id).unwrap();
            }
        });
        done.store(true, Ordering::Relaxed);
        let rate = reader.join().unwrap();
        if read {
            let _ = writeln!(
                io::stderr(),
                "{family}: {:.0} million look-ups a second meanwhile, {:.1} MiB",
                rate / 1e6,
                mib(bytes(&writer, family))
            );
        }
    });
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [Family::V4, Family::V6])]
fn update_alone(bencher: Bencher<'_, '_>, family: Family) {
    update(bencher, family, false);
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [Family::V4, Family::V6])]
fn update_while_read(bencher: Bencher<'_, '_>, family: Family) {
    update(bencher, family, true);
}

/// 128-byte packets to random routes, a batch at a time; routes share so many next hops.
#[divan::bench(args = [PATH_LISTS, 300_000])]
fn pipeline(bencher: Bencher<'_, '_>, lists: u32) {
    forward(bencher, full(lists).tables());
}

/// The same where all paths end in another rewrite: a tag, two labels, or a tunnel's header.
#[divan::bench(args = ["tag", "two labels", "tunnel"])]
fn pipeline_behind(bencher: Bencher<'_, '_>, what: &str) {
    let labels = [16, 17].map(|label| label.try_into().unwrap());
    let rewrite = match what {
        "tag" => Rewrite::tagged([4; 6], [5; 6], 100),
        "two labels" => Rewrite::ethernet([4; 6], [5; 6]).with_labels(&labels).unwrap(),
        _ => {
            let header = [&[4; 12], &[0x08, 0x00][..], &[0x45; 20], &[0; 16]].concat();
            Rewrite::new(&header, ProtocolField::Ppp).unwrap().with_fix_up(FixUp::Ipv4Udp { at: 14 }).unwrap()
        }
    };
    let rewrite = Arc::new(rewrite);
    let mut writer = full(PATH_LISTS);
    let behind = |list: ListUpdate| {
        let path = |path: &Path| match path {
            Path::Port { port, next_hop, .. } => {
                Path::Port { port: *port, next_hop: *next_hop, rewrite: Arc::clone(&rewrite) }
            }
            other => other.clone(),
        };
        ListUpdate { paths: PathList::new(list.paths.paths().iter().map(path).collect()), ..list }
    };
    writer.set_paths(&path_lists(PATH_LISTS).into_iter().map(behind).collect::<Vec<_>>(), 0);
    forward(bencher, writer.tables());
}

fn forward(bencher: Bencher<'_, '_>, tables: &Tables) {
    let (mut buffer, mut frames) = (vec![0; HEADROOM], Vec::new());
    for address in hits(Family::V4).iter().take(1 << 16) {
        let start = buffer.len();
        let destination = ((address >> 96) as u32).to_be_bytes();
        let builder = PacketBuilder::ethernet2([9; 6], MAC).ipv4([1, 2, 3, 4], destination, 255).udp(1, 2);
        builder.write(&mut buffer, &[0; 82]).unwrap();
        frames.push(start..buffer.len());
    }
    let seed = FlowSeed::of(&CardId::card("lab", "pe1", Slot::Lc(LcSlot(1))));
    let (mut work, mut scratch) = (buffer.clone(), Scratch::default());
    bencher.counter(ItemsCount::new(frames.len())).bench_local(|| {
        // A copy that stands for the read that brings packets in.
        work.copy_from_slice(&buffer);
        for chunk in frames.chunks(512) {
            forward_batch(&mut work, chunk, 1, tables, seed, &mut scratch, |verdict, frame| {
                black_box((verdict, frame));
            });
        }
    });
}

fn download() -> Vec<Batch> {
    let mut builder = BatchBuilder::default();
    for list in path_lists(PATH_LISTS) {
        builder.paths(list);
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
