//! Loading, asking and drawing from tables of the Internet's size.

use divan::{Bencher, black_box, counter::ItemsCount};
use route_table::{Neighbours, Table, generate::internet};

const NEIGHBOURS: Neighbours = Neighbours { v4: 64, v6: 64 };

fn main() {
    divan::main();
}

fn table(ipv4: usize, ipv6: usize) -> Table {
    internet(1, ipv4, ipv6, NEIGHBOURS).expect("within the limit")
}

#[divan::bench(args = [(1_000_000, 200_000), (100_000, 20_000)])]
fn generate((ipv4, ipv6): (usize, usize)) -> Table {
    table(ipv4, ipv6)
}

#[divan::bench]
fn lookup(bencher: Bencher) {
    let table = table(1_000_000, 200_000);
    let drawn = table.destinations(1000, 1, |_, _| true);
    bencher
        .counter(ItemsCount::new(drawn.len()))
        .bench(|| drawn.iter().map(|(address, ..)| table.lookup(black_box(*address))).filter(Option::is_some).count());
}

#[divan::bench]
fn ten_thousand_destinations(bencher: Bencher) {
    let table = table(1_000_000, 200_000);
    bencher.bench(|| table.destinations(10_000, 1, |_, _| true));
}
