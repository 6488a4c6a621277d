//! What one line of configuration costs beside 1,000 and beside 100,000 interfaces: read, put into force, and what the
//! standby is told; and what reading all of them costs.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use divan::{Bencher, black_box, counter::ItemsCount};
use rp_core::config::{Config, ConfigSession, Digest, SyncRecord};
use std::fmt::Write as _;

fn main() {
    divan::main();
}

const INTERFACES: [u32; 2] = [1000, 100_000];

/// Subinterfaces, 4,000 a port, each with a network of its own.
fn text(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let (port, vlan) = (number / 4000 + 1, number % 4000 + 1);
        if vlan == 1 {
            writeln!(text, "interface 1/{port}").unwrap();
        }
        let [_, a, b, c] = ((number + 1) * 4).to_be_bytes();
        let address = format!("10.{a}.{b}.{}", c + 1);
        writeln!(text, "interface 1/{port}.{vlan}\n encapsulation dot1Q {vlan}\n ip address {address} 255.255.255.252")
            .unwrap();
    }
    text
}

/// One more interface: three lines, each put into force and told to the standby.
#[divan::bench(args = INTERFACES)]
fn one_more_interface(bencher: Bencher<'_, '_>, count: u32) {
    let mut config = Config::parse(&text(count), "large").unwrap();
    let mut session = ConfigSession::default();
    bencher.counter(ItemsCount::new(3u32)).bench_local(|| {
        for line in ["interface 9/9.1", "encapsulation dot1Q 1", "ip address 11.0.0.1 255.255.255.0"] {
            let lines = session.place().path() + line;
            let applied = session.apply_line(&config, line).unwrap();
            let undo = config.apply_all(applied.edits);
            let digest = Digest::Sections(config.digests());
            black_box((SyncRecord::Command { lines, digest }.encode(), config.rendered_len(), undo));
        }
        let applied = session.apply_line(&config, "no interface 9/9.1").unwrap();
        config.apply_all(applied.edits);
    });
}

/// What the standby does with one command.
#[divan::bench(args = INTERFACES)]
fn following_a_command(bencher: Bencher<'_, '_>, count: u32) {
    let mut config = Config::parse(&text(count), "large").unwrap();
    let mut other = config.clone();
    let mut mtu = 1500;
    bencher.bench_local(|| {
        mtu = if mtu == 1500 { 9000 } else { 1500 };
        let lines = format!("interface 1/1\nmtu {mtu}\n");
        let mut session = ConfigSession::default();
        for line in lines.lines() {
            let applied = session.apply_line(&config, line).unwrap();
            config.apply_all(applied.edits);
        }
        other.follow(&SyncRecord::Command { lines, digest: Digest::Sections(config.digests()) }).unwrap();
    });
}

#[divan::bench(args = INTERFACES, sample_count = 5)]
fn reading_all(bencher: Bencher<'_, '_>, count: u32) {
    let text = text(count);
    bencher.counter(ItemsCount::new(count)).bench(|| Config::parse(&text, "large").unwrap());
}

#[divan::bench(args = INTERFACES, sample_count = 5)]
fn writing_all(bencher: Bencher<'_, '_>, count: u32) {
    let config = Config::parse(&text(count), "large").unwrap();
    bencher.counter(ItemsCount::new(count)).bench(|| config.render());
}
