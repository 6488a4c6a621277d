//! Cells, and that they never stand in a heartbeat's way.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bytes::Bytes;
use common::{Lab, id, soon};
use fabric::data::{DataConnection, DataEndpoint};
use fabric_proto::operator::Impairment;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

async fn join(from: &DataEndpoint, to: &DataEndpoint, peer: &str) -> (DataConnection, DataConnection) {
    let (peer, address) = (id(peer), to.local_address().unwrap());
    let (called, accepted) = soon(async { tokio::join!(from.connect(&peer, address), to.accept()) }).await;
    (called.unwrap(), accepted.unwrap())
}

/// Writes `total` bytes whose values follow from their position, and checks them on the other side.
async fn transfer(from: &DataConnection, to: &DataConnection, total: usize) {
    let pattern: Vec<u8> = (0..65_521usize).map(|i| (i * 7 % 251) as u8).collect();
    let mut sender = from.open_cells().await.unwrap();
    let sending = async {
        let mut left = total;
        while left > 0 {
            let part = left.min(pattern.len());
            sender.write_all(&pattern[..part]).await.unwrap();
            left -= part;
        }
        sender.finished().await;
    };
    let receiving = async {
        let mut receiver = to.accept_cells().await.unwrap();
        let mut at = 0;
        while let Some(chunk) = receiver.read_chunk(1 << 20).await.unwrap() {
            for byte in &chunk {
                assert_eq!(*byte, pattern[at % pattern.len()]);
                at += 1;
            }
        }
        assert_eq!(at, total);
    };
    soon(async { tokio::join!(sending, receiving) }).await;
}

#[tokio::test]
async fn cells_arrive_whole_in_order_and_without_retransmission() {
    let lab = Lab::new("edge");
    let (one, two) = (lab.data("edge/pe1/1"), lab.data("edge/pe1/2"));
    let (from, to) = join(&one, &two, "edge/pe1/2").await;
    transfer(&from, &to, 8 << 20).await;
    assert_eq!(from.counters().packets_lost, 0);
    assert!(from.counters().packets_sent > 100);
}

#[tokio::test]
async fn cells_survive_a_lossy_fabric_and_a_partition() {
    let lab = Lab::new("edge");
    let (one, two) = (lab.data("edge/pe1/1"), lab.data("edge/pe1/2"));
    let (from, to) = join(&one, &two, "edge/pe1/2").await;
    one.impair().set(Some(two.local_address().unwrap()), Impairment { loss: 0.05, seed: 1, ..Default::default() });
    transfer(&from, &to, 2 << 20).await;
    assert!(from.counters().packets_lost > 0);
    one.impair().set(None, Impairment { partition: true, ..Default::default() });
    let mut sender = from.open_cells().await.unwrap();
    sender.write_all(b"under way").await.unwrap();
    one.impair().set(None, Impairment::default());
    let mut receiver = soon(to.accept_cells()).await.unwrap();
    assert_eq!(soon(receiver.read_chunk(64)).await.unwrap().unwrap(), &b"under way"[..]);
}

#[tokio::test]
async fn a_reader_that_stands_still_pushes_back() {
    let lab = Lab::new("edge");
    let (one, two) = (lab.data("edge/pe1/1"), lab.data("edge/pe1/2"));
    let (from, _to) = join(&one, &two, "edge/pe1/2").await;
    let mut sender = from.open_cells().await.unwrap();
    let flood = vec![0; 1 << 20];
    let written = tokio::time::timeout(std::time::Duration::from_millis(500), async {
        for _ in 0..64 {
            sender.write_all(&flood).await.unwrap();
        }
    })
    .await;
    assert!(written.is_err(), "64 MiB went somewhere");
}

/// A flood of cells on the data plane's own thread, heartbeats on this one: every one of them arrives.
#[tokio::test]
async fn heartbeats_arrive_under_a_flood_of_cells() {
    let lab = Lab::new("edge");
    let stop = Arc::new(AtomicBool::new(false));
    let (one, two) = (lab.identity("edge/pe1/1"), lab.identity("edge/pe1/2"));
    let flood = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let one = DataEndpoint::bind(&one, common::local()).unwrap();
                let two = DataEndpoint::bind(&two, common::local()).unwrap();
                let (from, to) = join(&one, &two, "edge/pe1/2").await;
                let mut sender = from.open_cells().await.unwrap();
                sender.write_all(&[0]).await.unwrap();
                let mut receiver = to.accept_cells().await.unwrap();
                let cells = Bytes::from(vec![0; 64 << 10]);
                let sending = async {
                    while !stop.load(Ordering::Relaxed) {
                        sender.write_chunk(cells.clone()).await.unwrap();
                    }
                    sender.finish();
                };
                let receiving = async {
                    let mut bytes = 0u64;
                    while let Some(chunk) = receiver.read_chunk(1 << 20).await.unwrap() {
                        bytes += chunk.len() as u64;
                    }
                    bytes
                };
                tokio::join!(sending, receiving).1
            })
        }
    });
    let (a, b) = (lab.control("edge/pe1/A"), lab.control("edge/pe1/B"));
    let (peer, address) = (id("edge/pe1/B"), b.local_address().unwrap());
    let (to_b, to_a) = soon(async { tokio::join!(a.connect(&peer, address), b.accept()) }).await;
    let (to_b, to_a) = (to_b.unwrap(), to_a.unwrap());
    for beat in 0..200u8 {
        to_b.send_datagram(Bytes::copy_from_slice(&[beat])).unwrap();
        assert_eq!(soon(to_a.recv_datagram()).await.unwrap(), &[beat][..]);
    }
    stop.store(true, Ordering::Relaxed);
    assert!(flood.join().unwrap() > 0);
}
