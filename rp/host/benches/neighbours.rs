//! Ten thousand neighbours: from the first question to the last answer, and what a frame costs beside them.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use divan::{Bencher, black_box, counter::ItemsCount};
use fabric_proto::{
    id::{InterfaceId, LcSlot, PortId, TableId},
    time::Instant,
};
use rp_host::{Hop, Host, Input, Interface, Link, NeighbourSettings, Output, Reason, Routes, Settings};
use std::net::{IpAddr, Ipv4Addr};

const NEIGHBOURS: u32 = 10_000;

struct Nowhere;

impl Routes for Nowhere {
    fn route(&self, _table: TableId, _to: IpAddr) -> Option<Hop> {
        None
    }
}

fn port() -> InterfaceId {
    InterfaceId::from(PortId { slot: LcSlot(1), port: 1 })
}

fn nth(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a08_0002 + number)
}

fn host() -> Host {
    let mut host = Host::new(Settings::default(), 1);
    let interface = Interface {
        table: TableId::DEFAULT,
        link: Some(Link { mac: [2, 0, 0, 0, 0, 1], vlan: None }),
        mtu: 1500,
        addresses: vec![(IpAddr::from([10, 8, 0, 1]), 13)],
        up: true,
        neighbours: NeighbourSettings::default(),
    };
    host.step(Instant::from_millis(1_000), Some(Input::Interface(port(), Some(interface))), &Nowhere, &mut Vec::new());
    host
}

/// The answer to a request.
fn answer(request: &[u8]) -> Vec<u8> {
    let mut frame = request.to_vec();
    let target: [u8; 4] = frame[38..42].try_into().unwrap();
    let station = [2, 1, target[0], target[1], target[2], target[3]];
    frame[0..6].copy_from_slice(&request[6..12]);
    frame[6..12].copy_from_slice(&station);
    frame[21] = 2;
    frame[32..38].copy_from_slice(&request[22..28]);
    frame[38..42].copy_from_slice(&request[28..32]);
    frame[22..28].copy_from_slice(&station);
    frame[28..32].copy_from_slice(&target);
    frame
}

/// Everybody is wanted at once, and answers at once. Returns how long that took on the host's own clock.
fn resolve_all(host: &mut Host) -> Instant {
    let mut now = Instant::from_millis(60_000);
    let mut out = Vec::new();
    for number in 0..NEIGHBOURS {
        let input = Input::Resolve { interface: port(), address: nth(number).into(), packet: None };
        host.step(now, Some(input), &Nowhere, &mut out);
    }
    let mut resolved = 0;
    while resolved < NEIGHBOURS {
        for output in std::mem::take(&mut out) {
            match output {
                Output::Send(interface, request) => {
                    let frame = answer(&request);
                    let input = Input::Frame { interface, reason: Reason::Ours, frame: &frame };
                    host.step(now, Some(input), &Nowhere, &mut out);
                }
                Output::Adjacency(..) => resolved += 1,
                _ => {}
            }
        }
        if out.is_empty() && resolved < NEIGHBOURS {
            now = now.max(host.deadline().unwrap());
            host.step(now, None, &Nowhere, &mut out);
        }
    }
    now
}

#[divan::bench(sample_count = 20)]
fn resolve(bencher: Bencher) {
    bencher.counter(ItemsCount::new(NEIGHBOURS)).with_inputs(host).bench_values(|mut host| {
        let end = resolve_all(&mut host);
        assert!(end < Instant::from_millis(65_000));
        host
    });
}

/// A request of one of ten thousand, and its answer.
#[divan::bench]
fn a_request_beside_them(bencher: Bencher) {
    let mut host = host();
    resolve_all(&mut host);
    let mut request = vec![0xff; 6];
    request.extend([2, 1, 10, 8, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 1, 10, 8, 0, 9, 10, 8, 0, 9]);
    request.extend([0, 0, 0, 0, 0, 0, 10, 8, 0, 1]);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        out.clear();
        let input = Input::Frame { interface: port(), reason: Reason::Ours, frame: &request };
        host.step(Instant::from_millis(70_000), Some(black_box(input)), &Nowhere, &mut out);
        assert_eq!(out.len(), 1);
    });
}

fn main() {
    divan::main();
}
