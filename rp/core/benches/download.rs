//! A full table on its way from a route feed to four line cards, stage by stage: `cargo bench -p rp-core --bench
//! download`. One thread does everything, so the sum is what the whole chassis has to compute; cards and route
//! processor share that work over the cores that there are.
//!
//! The table is the file that `SWACT_TABLE` names, else one of a million IPv4 and 200,000 IPv6 routes that is
//! generated.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock and prints")]

use bytes::Bytes;
use fabric_proto::{
    codec,
    deploy::TableSpec,
    fib::{BatchBuilder, Family, left_aligned},
    id::{Epoch, LcSlot, PortId, RpSlot, TableId},
    linecard::{Adoption, ToLc},
    machine::Machine,
    time::Instant,
};
use linecard_core::linecard::{self, LineCard, LineCardConfig, STALE_TIME};
use rp_core::{
    fib_feed::{FibFeed, FibMaster, Input, Level, Output},
    rib::{FeedId, Interface, Link, Local, Rib},
};
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant as Clock},
};

const CARDS: u8 = 4;
const NEXT_HOPS: u8 = 64;
const FEED: FeedId = FeedId(0);
const RUNS: usize = 5;

/// What each stage took, and what it moved.
#[derive(Default)]
struct Stages {
    times: BTreeMap<(u8, &'static str), Duration>,
    bytes: usize,
    messages: usize,
}

impl Stages {
    fn time<T>(&mut self, at: u8, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let begin = Clock::now();
        let done = work();
        *self.times.entry((at, stage)).or_default() += begin.elapsed();
        done
    }
}

fn v4(n: u8) -> Ipv4Addr {
    [10, 0, 0, 2 + n].into()
}

fn v6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n) + 2)
}

fn table() -> route_table::Table {
    let spec = TableSpec {
        source: std::env::var("SWACT_TABLE").unwrap_or_else(|_| route_table::INTERNET.to_owned()),
        seed: 1,
        ipv4: 1_000_000,
        ipv6: 200_000,
        next_hops_v4: (0..NEXT_HOPS).map(v4).collect(),
        next_hops_v6: (0..NEXT_HOPS).map(v6).collect(),
        rate: 0,
        churn_ppm: None,
    };
    route_table::load(&spec).unwrap_or_else(|error| panic!("{error}"))
}

/// The feed's messages.
fn announced(table: &route_table::Table) -> Vec<(u32, Bytes)> {
    let message = |routes: &[(fabric_proto::fib::Prefix, u32)]| {
        let mut builder = BatchBuilder::default();
        for (prefix, next_hop) in routes {
            let set = next_hop + if prefix.family() == Family::V4 { 0 } else { u32::from(NEXT_HOPS) };
            builder.route((*prefix, Some(set)));
        }
        let batch = builder.take();
        (batch.count, batch.packed)
    };
    table.routes().chunks(4096).map(message).collect()
}

fn local() -> Local {
    let hops = || (0..NEXT_HOPS).flat_map(|n| [IpAddr::from(v4(n)), IpAddr::from(v6(n))]);
    let addresses =
        vec![(IpAddr::from([10, 0, 0, 1]), 24), (IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), 64)];
    let port = PortId { slot: LcSlot(1), port: 1 };
    let link = Some(Link { port, mac: [2; 6], vlan: None });
    let interface = Interface { addresses, link, enabled: true };
    Local {
        interfaces: BTreeMap::from([(port.into(), interface)]),
        neighbors: hops().map(|hop| ((port.into(), hop), [2, 0, 0, 0, 0, 9])).collect(),
        ..Local::default()
    }
}

fn learn(messages: &[(u32, Bytes)]) -> (Rib, FibMaster) {
    let (mut rib, mut fib) = (Rib::default(), FibMaster::default());
    fib.begin_term(Epoch(4));
    rib.configure(local(), &mut fib);
    rib.start(Instant(0), &[FEED], &mut fib);
    rib.feed_open(Instant(0), FEED, &mut fib);
    let v4 = (0..NEXT_HOPS).map(|n| (u32::from(n), vec![IpAddr::from(v4(n))]));
    let v6 = (0..NEXT_HOPS).map(|n| (u32::from(NEXT_HOPS + n), vec![IpAddr::from(v6(n))]));
    rib.feed_next_hops(FEED, v4.chain(v6).collect(), &mut fib).expect("the session is open");
    for (count, packed) in messages {
        rib.feed_routes(FEED, *count, packed.clone(), &mut fib).expect("good routes");
    }
    for family in Family::ALL {
        rib.feed_end_of_rib(FEED, family, &mut fib);
    }
    fib.flush();
    (rib, fib)
}

/// Drives cards until nobody says anything.
fn drive(stages: &mut Stages, fib: &mut FibMaster, cards: &mut [LineCard], adoption: Adoption) {
    let mut feed = FibFeed::new(RpSlot::A);
    let mut out = Vec::new();
    stages.time(1, "pack", || feed.step(Instant(0), Some(Input::Converged), fib, &mut out));
    for card in cards.iter() {
        let slot = card.tables().slot();
        feed.step(Instant(0), Some(Input::Connected { slot, adoption, level: Level::Full }), fib, &mut out);
    }
    while !out.is_empty() {
        for output in std::mem::take(&mut out) {
            let Output::Send { slot, message } = output else { continue };
            let frame = stages.time(2, "encode", || codec::encode(&message).expect("below the cap"));
            stages.bytes += frame.len();
            stages.messages += 1;
            let message = stages.time(3, "decode", || codec::decode::<ToLc>(&frame).expect("just encoded"));
            let mut said = Vec::new();
            let input = linecard::Input::Message { session: 1, message };
            let card = &mut cards[usize::from(slot.0) - 1];
            stages.time(4, "apply", || card.step(Instant(0), Some(input), &mut said));
            for said in said {
                if let linecard::Output::Send { message, .. } = said {
                    stages.time(1, "pack", || {
                        feed.step(Instant(0), Some(Input::Message { slot, message }), fib, &mut out)
                    });
                }
            }
        }
    }
    assert!(feed.all_confirmed() && feed.confirmed().len() == cards.len(), "every card holds the table");
}

fn cards() -> Vec<LineCard> {
    let new = |slot| {
        let config = LineCardConfig { slot: LcSlot(slot), boot: 1, highest: Epoch::NONE, stale_time: STALE_TIME };
        let mut card = LineCard::new(config);
        let up = linecard::Input::SessionUp { session: 1, rp: RpSlot::A };
        card.step(Instant(0), Some(up), &mut Vec::new());
        card
    };
    (1..=CARDS).map(new).collect()
}

fn main() {
    let table = table();
    let messages = announced(&table);
    let routes = table.routes().len();
    let _ = writeln!(
        io::stdout(),
        "{} IPv4 and {} IPv6 routes, {CARDS} line cards, one thread, median of {RUNS}\n",
        table.count(Family::V4),
        table.count(Family::V6)
    );
    let mut runs: Vec<Stages> = Vec::new();
    let mut adoptions = Vec::new();
    let mut changes = Vec::new();
    let mut bytes = [0; 2];
    for _ in 0..RUNS {
        let mut stages = Stages::default();
        let (mut rib, mut fib) = stages.time(0, "learn (feed to RIB and FIB)", || learn(&messages));
        let mut all = cards();
        drive(&mut stages, &mut fib, &mut all, Adoption::Flush);
        for (prefix, _) in table.routes().iter().step_by(1009) {
            let found = all[0].tables().longest(TableId::DEFAULT, prefix.family(), left_aligned(prefix.address()));
            assert!(found.is_some_and(|(found, _)| found.len() >= prefix.len()), "{prefix} is not forwarded");
        }
        bytes = [all[0].tables().v4().bytes(), all[0].tables().v6().bytes()];
        let mut moved = local();
        let hop = moved.neighbors.values_mut().next().expect("there are neighbours");
        hop[5] = 1;
        for local in [moved, local()] {
            let begin = Clock::now();
            rib.configure(local, &mut fib);
            fib.flush();
            changes.push(begin.elapsed());
        }
        // The same chassis after a switchover: the cards hold what the new active holds.
        fib.begin_term(Epoch(8));
        fib.mark_stale();
        fib.all_fresh();
        let begin = Clock::now();
        drive(&mut Stages::default(), &mut fib, &mut all, Adoption::Keep);
        adoptions.push(begin.elapsed());
        runs.push(stages);
    }
    let stages: Vec<(u8, &str)> = runs[0].times.keys().copied().collect();
    let mut total = Duration::ZERO;
    for key in stages {
        let mut times: Vec<Duration> = runs.iter().map(|run| run.times[&key]).collect();
        times.sort();
        let time = times[RUNS / 2];
        let copies = if key.0 < 2 { 1 } else { usize::from(CARDS) };
        let rate = (routes * copies) as f64 / time.as_secs_f64() / 1e6;
        let _ =
            writeln!(io::stdout(), "{:<28} {:>7.0} ms {:>8.1} million routes/s", key.1, time.as_secs_f64() * 1e3, rate);
        total += if key.0 > 0 { time } else { Duration::ZERO };
    }
    let _ = writeln!(io::stdout(), "{:<28} {:>7.0} ms", "download, all of it", total.as_secs_f64() * 1e3);
    let sent = runs[0].bytes as f64 / (routes * usize::from(CARDS)) as f64;
    let _ = writeln!(io::stdout(), "{:<28} {sent:>7.2} bytes a route in {} messages", "on the wire", runs[0].messages);
    let _ = writeln!(
        io::stdout(),
        "{:<28} {:>7.1} MiB IPv4, {:.1} MiB IPv6",
        "forwarding tables of a card",
        mib(bytes[0]),
        mib(bytes[1])
    );
    for (name, mut times) in [("one next hop changes, RP", changes), ("adoption, nothing to send", adoptions)] {
        times.sort();
        let _ = writeln!(io::stdout(), "{name:<28} {:>7.2} ms", times[times.len() / 2].as_secs_f64() * 1e3);
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
