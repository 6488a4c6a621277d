//! What a test packet costs the instrument: made, and checked on arrival. With the tag of a VLAN, and without.

use divan::{Bencher, black_box, counter::ItemsCount};
use fabric_proto::operator::{Exit, FlowSpec};
use measure::Signature;
use tester::frame::{Received, Template, receive};

const PACKETS: u32 = 1024;
const MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const VLAN: u16 = 100;

fn main() {
    divan::main();
}

fn templates(frame_size: u16, vlan: Option<u16>) -> Vec<Template> {
    let flow = |n: u32| FlowSpec {
        from: 1,
        vlan,
        port_mac: MAC,
        source: [10, 0, 0, 1].into(),
        destination: (0x0800_0000 + n).to_be_bytes().into(),
        expect: vec![Exit { port: 2, vlan, mac: MAC }],
        hops: 1,
    };
    (0..PACKETS).map(|n| Template::new(n, &flow(n), MAC, frame_size).expect("a possible flow")).collect()
}

fn push_all(templates: &[Template], out: &mut Vec<u8>) {
    out.clear();
    for (flow, template) in (0..).zip(templates) {
        template.push(&Signature { trial: 1, flow, sequence: 9, intended: 77 }, out);
    }
}

#[divan::bench(args = [64, 128, 512, 1518])]
fn make(bencher: Bencher<'_, '_>, frame_size: u16) {
    make_all(bencher, &templates(frame_size, None));
}

#[divan::bench(args = [64, 128, 512, 1518])]
fn make_tagged(bencher: Bencher<'_, '_>, frame_size: u16) {
    make_all(bencher, &templates(frame_size, Some(VLAN)));
}

fn make_all(bencher: Bencher<'_, '_>, templates: &[Template]) {
    let mut out = Vec::with_capacity(4 << 20);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| push_all(black_box(templates), &mut out));
}

#[divan::bench(args = [64, 128, 512, 1518])]
fn check(bencher: Bencher<'_, '_>, frame_size: u16) {
    check_all(bencher, &templates(frame_size, None), 12);
}

#[divan::bench(args = [64, 128, 512, 1518])]
fn check_tagged(bencher: Bencher<'_, '_>, frame_size: u16) {
    check_all(bencher, &templates(frame_size, Some(VLAN)), 16);
}

/// `ethertype` is where it lies in a frame.
fn check_all(bencher: Bencher<'_, '_>, templates: &[Template], ethertype: usize) {
    let mut records = Vec::new();
    push_all(templates, &mut records);
    let length = records.len() / PACKETS as usize;
    // As one router leaves them (RFC 1141).
    let (ttl, sum) = (2 + ethertype + 10, 2 + ethertype + 12);
    for record in records.chunks_mut(length) {
        record[ttl] -= 1;
        let checksum = u16::from_be_bytes([record[sum], record[sum + 1]]);
        let (checksum, carry) = checksum.overflowing_add(0x100);
        record[sum..sum + 2].copy_from_slice(&(checksum + u16::from(carry)).to_be_bytes());
    }
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        for record in records.chunks(length) {
            let received = receive(templates, 1, 2, black_box(&record[2..]));
            assert!(matches!(received, Received::Packet(_)), "{received:?}");
        }
    });
}
