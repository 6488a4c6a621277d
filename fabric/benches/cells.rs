//! Cells over loopback: each end on its own thread and runtime, as line cards run them.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use divan::{Bencher, counter::BytesCount};
use fabric::{
    data::DataEndpoint,
    tls::{Authority, Identity},
};
use fabric_proto::{
    deploy::TlsFiles,
    id::{CardId, LcSlot, Slot},
};
use std::{
    io::{self, Write as _},
    path::Path,
    thread,
};
use tokio::runtime::{Builder, Runtime};

fn main() {
    divan::main();
}

const TOTAL: usize = 64 << 20;

fn identity(authority: &Authority, dir: &Path, slot: u8) -> Identity {
    let id = CardId::card("bench", "pe1", Slot::Lc(LcSlot(slot)));
    let files = TlsFiles {
        ca: dir.join("ca.pem"),
        cert: dir.join(format!("{slot}.pem")),
        key: dir.join(format!("{slot}.key")),
    };
    authority.issue(&id).unwrap().save(&files.cert, &files.key).unwrap();
    Identity::load(&id, &files).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Payload sizes: Ethernet, and the largest that segmentation offload carries.
#[divan::bench(args = [1452, 6500], sample_count = 20, sample_size = 1)]
fn stream(bencher: Bencher<'_, '_>, payload: u16) {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("bench").unwrap();
    authority.save(dir.path()).unwrap();
    let (one, two) = (identity(&authority, dir.path(), 1), identity(&authority, dir.path(), 2));
    let peer = two.id().clone();
    let (address_out, address_in) = std::sync::mpsc::channel();
    let (done_out, mut done_in) = tokio::sync::mpsc::unbounded_channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let local = "127.0.0.1:0".parse().unwrap();
            let endpoint = DataEndpoint::bind_with_payload(&two, local, payload).unwrap();
            address_out.send(endpoint.local_address().unwrap()).unwrap();
            let connection = endpoint.accept().await.unwrap();
            let mut receiver = connection.accept_cells().await.unwrap();
            let mut at = 0;
            while let Ok(Some(chunk)) = receiver.read_chunk(1 << 20).await {
                at += chunk.len();
                if at >= TOTAL {
                    at -= TOTAL;
                    done_out.send(()).unwrap();
                }
            }
        });
    });
    let address = address_in.recv().unwrap();
    let runtime = runtime();
    let (connection, mut sender, _endpoint) = runtime.block_on(async {
        let endpoint = DataEndpoint::bind_with_payload(&one, "127.0.0.1:0".parse().unwrap(), payload).unwrap();
        let connection = endpoint.connect(&peer, address).await.unwrap();
        let sender = connection.open_cells().await.unwrap();
        (connection, sender, endpoint)
    });
    let cells = vec![0u8; 64 << 10];
    bencher.counter(BytesCount::new(TOTAL)).bench_local(|| {
        runtime.block_on(async {
            for _ in 0..TOTAL / cells.len() {
                sender.write_all(&cells).await.unwrap();
            }
            done_in.recv().await
        })
    });
    let _ = writeln!(io::stderr(), "payload {payload}: {:?}", connection.counters());
}
