//! Handshakes that nobody means to end, from any user of the host: the chassis switches over as if there were none.

use crate::bench::{Bench, Experiment};
use fabric::{
    control::ControlEndpoint,
    tls::{Authority, Identity},
};
use fabric_proto::{deploy::TlsFiles, id::CardId};
use serde_json::Value;
use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// First packets a second to each endpoint of the chassis.
const RATE: u64 = 1_000;
/// Different ones: the same one twice is an old one.
const POOL: usize = 400;
/// Local addresses that send.
const SOURCES: usize = 16;

/// The first packets of handshakes, as somebody without a certificate of the lab makes them.
fn first_packets(dir: &Path) -> Vec<Vec<u8>> {
    let card: CardId = "strange/pe1/1".parse().unwrap();
    let files = TlsFiles { ca: dir.join("ca.pem"), cert: dir.join("cert.pem"), key: dir.join("key.pem") };
    let authority = Authority::new("strange").unwrap();
    authority.save(dir).unwrap();
    authority.issue(&card).unwrap().save(&files.cert, &files.key).unwrap();
    let identity = Identity::load(&card, &files).unwrap();
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    executor.block_on(async {
        let sink = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let stranger = ControlEndpoint::bind(&identity, "127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, mut packets, mut buffer) = (sink.local_addr().unwrap(), Vec::new(), [0; 2048]);
        while packets.len() < POOL {
            tokio::select! {
                _ = stranger.connect(&card, address) => {}
                received = sink.recv_from(&mut buffer) => packets.push(buffer[..received.unwrap().0].to_vec()),
            }
        }
        packets
    })
}

/// Every endpoint of the lab that is there now.
fn endpoints(lab: &Path) -> Vec<SocketAddr> {
    let Ok(text) = fs::read(lab.join("plan.json")) else { return Vec::new() };
    let Ok(plan) = serde_json::from_slice::<Value>(&text) else { return Vec::new() };
    let cards = plan["cards"].as_array().cloned().unwrap_or_default();
    let address = |card: &Value, plane: &str| card["config"][plane].as_str().and_then(|text| text.parse().ok());
    cards
        .iter()
        .flat_map(|card| ["control", "data"].into_iter().filter_map(move |plane| address(card, plane)))
        .collect()
}

/// A flood, for as long as it is kept.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn of(bench: &Bench) -> Self {
        let folder = bench.path("stranger");
        fs::create_dir(&folder).unwrap();
        let (packets, lab) = (first_packets(&folder), bench.lab());
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            let from = |n: usize| UdpSocket::bind((format!("127.0.0.{}", 1 + n), 0)).unwrap();
            let sources: Vec<UdpSocket> = (0..SOURCES).map(from).collect();
            let (mut begun, mut due, mut targets) = (Instant::now(), 0_u64, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                if targets.is_empty() {
                    (begun, due) = (Instant::now(), 0);
                    targets = endpoints(&lab);
                }
                while due < begun.elapsed().as_millis() as u64 * RATE / 1_000 {
                    for target in &targets {
                        let packet = &packets[due as usize % POOL];
                        // A card that is away at the moment answers by an error.
                        if sources[due as usize % SOURCES].send_to(packet, target).is_ok() {
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    due += 1;
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self { stop, sent, thread: Some(thread) }
    }

    fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Milliseconds from the fault until the last line card obeyed the new active, in a run that lost nothing.
fn adoption(bench: &Bench) -> f64 {
    bench.run(&Experiment::default()).with(0);
    let sso = bench.cell("sso");
    assert_eq!((&sso["packets"]["lost"], &sso["packets"]["unaccounted"]), (&0.into(), &0.into()), "{sso:#}");
    sso["switchover_ms"]["adopt"]["median"].as_f64().unwrap()
}

/// Goal: nobody without a certificate holds the chassis' doors shut. Method: an SSO switchover under load, quiet, and while
/// a thousand first packets a second go to every endpoint; no packet is lost, and adoption takes at most twice as long.
#[test]
fn a_flood_of_half_open_handshakes_delays_no_switchover() {
    let bench = Bench::new(2_000);
    let quiet = adoption(&bench);
    let flood = Flood::of(&bench);
    let flooded = adoption(&bench);
    let sent = flood.end();
    eprintln!("adoption {quiet:.0} ms quiet, {flooded:.0} ms under {sent} first packets");
    assert!(sent > 5 * RATE, "only {sent} packets were sent");
    assert!(flooded <= 2.0 * quiet, "adoption took {flooded:.0} ms, {quiet:.0} ms without the flood");
}
