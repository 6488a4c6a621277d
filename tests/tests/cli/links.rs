//! A chassis among neighbours: route processors and a line card as programs, and a wire whose other end is this test.

use crate::bench::{Bench, programs, send, shipped_images};
use etherparse::PacketBuilder;
use fabric::{
    control::ControlEndpoint,
    tls::{Authority, Identity},
};
use fabric_proto::{
    codec::Class,
    deploy::{CardAddress, CardConfig, INITIAL_CONFIG, RedundancyTimers, TlsFiles, WireEnd},
    fib::{BaseMac, Mac},
    id::{CardId, LcSlot, PortId, RpSlot, Slot},
    operator::{CardStats, Reply, Request},
    punt::PuntReason,
    wire,
};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const LC: Slot = Slot::Lc(LcSlot(1));
const SLOTS: [Slot; 3] = [Slot::Rp(RpSlot::A), Slot::Rp(RpSlot::B), LC];
const STARTUP: &str = "hostname pe1\nredundancy\n mode sso\ninterface 1/1\n ip address 10.0.0.1 255.255.255.0\n\
    interface 1/1.7\n encapsulation dot1Q 7\n ip address 10.7.0.1 255.255.255.0\nend\n";
/// Whom the test plays.
const PEER: Mac = [2, 0, 0, 0, 0, 2];
/// Longest wait for what must come: a loaded machine gets its time.
const SOON: Duration = Duration::from_secs(20);

struct Chassis {
    dir: TempDir,
    cards: BTreeMap<Slot, Child>,
    addresses: Vec<CardAddress>,
    operator: ControlEndpoint,
}

#[expect(clippy::print_stderr, reason = "what cards logged explains a failure")]
impl Drop for Chassis {
    fn drop(&mut self) {
        for card in self.cards.values_mut() {
            let _ = card.kill();
            let _ = card.wait();
        }
        if std::thread::panicking() {
            for slot in SLOTS {
                let log = fs::read_to_string(self.dir.path().join(format!("{slot}.log"))).unwrap_or_default();
                let from = log.len().saturating_sub(3000);
                eprintln!("--- {slot}\n{}", log.get(from..).unwrap_or(&log));
            }
        }
    }
}

fn issue(authority: &Authority, dir: &Path, id: &CardId) -> TlsFiles {
    let name = id.to_string().replace('/', "-");
    let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    authority.issue(id).unwrap().save(&cert, &key).unwrap();
    TlsFiles { ca: dir.join("ca.pem"), cert, key }
}

impl Chassis {
    /// Needs a runtime around it.
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("sw").tempdir().unwrap();
        let path = dir.path().to_owned();
        let authority = Authority::new("lab").unwrap();
        authority.save(&path).unwrap();
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let address = |unit: u8, port: u16| SocketAddr::from((Ipv4Addr::new(127, high | 1, low, 200 + unit), port));
        let addresses: Vec<CardAddress> = (1..)
            .zip(SLOTS)
            .map(|(unit, slot)| CardAddress {
                slot,
                control: address(unit, 7000),
                data: Some(address(unit, 7001)),
                legacy: false,
            })
            .collect();
        let id: CardId = "lab/-/operator".parse().unwrap();
        let identity = Identity::load(&id, &issue(&authority, &path, &id)).unwrap();
        let operator = ControlEndpoint::bind(&identity, address(9, 7000)).unwrap();
        let spawn = |own: &CardAddress| (own.slot, spawn(&authority, &path, own, &addresses));
        let cards = addresses.iter().map(spawn).collect();
        Self { dir, cards, addresses, operator }
    }

    async fn ask(&self, slot: Slot, request: &Request) -> Option<Reply> {
        let address = self.addresses.iter().find(|card| card.slot == slot)?;
        let connection = self.operator.connect(&CardId::card("lab", "pe1", slot), address.control).await.ok()?;
        let (mut sender, mut receiver) = connection.open(Class::Operator).await.ok()?;
        sender.send(request).await.ok()?;
        receiver.recv().await.ok()?
    }

    async fn stats(&self, slot: Slot) -> Option<CardStats> {
        match self.ask(slot, &Request::Stats).await? {
            Reply::Stats(stats) => Some(*stats),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until both route processors are there, and says who is active.
    async fn redundant(&self) -> RpSlot {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            for rp in RpSlot::ALL {
                let stats = self.stats(Slot::Rp(rp)).await.and_then(|stats| stats.rp);
                if stats.is_some_and(|stats| stats.active && stats.redundant && stats.converged) {
                    return rp;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the chassis is not redundant");
    }
}

fn spawn(authority: &Authority, dir: &Path, own: &CardAddress, all: &[CardAddress]) -> Child {
    let id = CardId::card("lab", "pe1", own.slot);
    let nvram = dir.join(own.slot.to_string());
    fs::create_dir(&nvram).unwrap();
    fs::write(nvram.join(INITIAL_CONFIG), STARTUP).unwrap();
    let is_card = matches!(own.slot, Slot::Lc(_));
    let config = CardConfig {
        tls: issue(authority, dir, &id),
        id,
        control: own.control,
        data: own.data,
        image: shipped_images().join("2.0/manifest.yml"),
        nvram,
        cards: all.iter().filter(|card| card.slot != own.slot).cloned().collect(),
        redundancy: RedundancyTimers { heartbeat_ms: 50, switchover_ms: 300 },
        wires: if is_card {
            vec![WireEnd { port: 1, path: dir.join("wire"), listen: true, addresses: Vec::new() }]
        } else {
            Vec::new()
        },
        feeds: Vec::new(),
        table: None,
        platform: "native".to_owned(),
        modelled: false,
        base_mac: Default::default(),
        releases: Vec::new(),
    };
    let file = dir.join(format!("{}.json", own.slot));
    fs::write(&file, serde_json::to_string(&config).unwrap()).unwrap();
    let log = File::create(dir.join(format!("{}.log", own.slot))).unwrap();
    let program = programs().join(if is_card { "linecard" } else { "rp" });
    Command::new(program).arg("--config").arg(file).stderr(log).spawn().unwrap()
}

/// A neighbour on a wire, who answers whoever asks for it.
struct Neighbour {
    wire: UnixStream,
    bytes: Vec<u8>,
    vlan: Option<u16>,
    own: Ipv4Addr,
}

impl Neighbour {
    fn dial(path: PathBuf) -> Self {
        let begun = Instant::now();
        let wire = loop {
            match UnixStream::connect(&path) {
                Ok(wire) => break wire,
                Err(error) => assert!(begun.elapsed() < SOON, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        wire.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self { wire, bytes: Vec::new(), vlan: None, own: Ipv4Addr::new(10, 0, 0, 2) }
    }

    fn send(&mut self, frame: &[u8]) {
        let mut frame = frame.to_vec();
        if let Some(vlan) = self.vlan {
            frame.splice(12..12, [[0x81, 0x00], vlan.to_be_bytes()].concat());
        }
        let mut record = Vec::new();
        wire::push(&mut record, &frame);
        self.wire.write_all(&record).unwrap();
    }

    /// The next frame, without its tag.
    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((frame, rest)) = wire::split(&self.bytes).unwrap() {
                let (mut frame, rest) = (frame.to_vec(), rest.to_vec());
                self.bytes = rest;
                let tag = (frame[12..14] == [0x81, 0]).then(|| u16::from_be_bytes([frame[14], frame[15]]));
                if tag == self.vlan {
                    if tag.is_some() {
                        frame.drain(12..16);
                    }
                    return Some(frame);
                }
                continue;
            }
            let mut more = [0; 4096];
            match self.wire.read(&mut more) {
                Ok(0) => panic!("the wire has ended"),
                Ok(count) => self.bytes.extend(&more[..count]),
                Err(_) => return None,
            }
        }
    }

    /// Says it again and again until there is the answer that is wanted; how long that took.
    #[track_caller]
    fn until(&mut self, what: &str, frame: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Duration {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            self.send(frame);
            let said = Instant::now();
            while said.elapsed() < Duration::from_millis(200) {
                let Some(heard) = self.next() else { continue };
                if wanted(&heard) {
                    return begun.elapsed();
                }
                let own = self.own.octets();
                if heard[12..14] == [8, 6] && heard[20..22] == [0, 1] && heard[38..42] == own {
                    let asker: Mac = heard[22..28].try_into().unwrap();
                    self.send(&arp(2, asker, self.own, heard[28..32].try_into().unwrap(), asker));
                }
            }
        }
        panic!("no answer: {what}");
    }
}

fn arp(operation: u8, to: Mac, own: Ipv4Addr, target: [u8; 4], station: Mac) -> Vec<u8> {
    let head = [&to[..], &PEER, &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation], &PEER].concat();
    [&head[..], &own.octets(), &station, &target].concat()
}

fn ping(port: Mac, from: Ipv4Addr, to: Ipv4Addr, ttl: u8) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(PEER, port).ipv4(from.octets(), to.octets(), ttl).icmpv4_echo_request(7, 1);
    builder.write(&mut frame, &[0xa5; 56]).unwrap();
    frame
}

/// An ICMP message of this kind from there.
fn icmp(kind: u8, from: Ipv4Addr) -> impl Fn(&[u8]) -> bool {
    move |frame| {
        frame[..6] == PEER
            && frame[12..14] == [8, 0]
            && frame[23] == 1
            && frame[26..30] == from.octets()
            && frame[34] == kind
    }
}

/// Goal: neighbours find a chassis, reach it and hear from it, and still do when its active route processor has died. Method: ask
/// for its address, ping it, send through it what has no hop left, on a port and on a VLAN of it; kill the active.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_are_answered_before_and_after_a_switchover() {
    // Its turn is this test's.
    let _turn = Bench::new(0);
    let chassis = Chassis::start();
    let mut neighbour = Neighbour::dial(chassis.dir.path().join("wire"));
    assert_eq!(chassis.redundant().await, RpSlot::A);
    let port = BaseMac::FIRST.of(PortId { slot: LcSlot(1), port: 1 });
    for (vlan, net) in [(None, 0), (Some(7), 7)] {
        let address = |host| Ipv4Addr::new(10, net, 0, host);
        let (peer, ours) = (address(2), address(1));
        (neighbour.vlan, neighbour.own) = (vlan, peer);
        let request = arp(1, [0xff; 6], peer, ours.octets(), [0; 6]);
        neighbour.until("who has our address", &request, |frame| {
            frame[..6] == PEER && frame[12..14] == [8, 6] && frame[20..22] == [0, 2] && frame[22..28] == port
        });
        neighbour.until("a ping", &ping(port, peer, ours, 64), icmp(0, ours));
        neighbour.until("time exceeded", &ping(port, peer, address(77), 1), icmp(11, ours));
        neighbour.until("host unreachable", &ping(port, peer, address(78), 9), icmp(3, ours));
        neighbour.until("no route", &ping(port, peer, Ipv4Addr::new(203, 0, 113, 9), 9), icmp(3, ours));
    }
    let counts = chassis.stats(Slot::Rp(RpSlot::A)).await.unwrap().punts;
    for reason in
        [PuntReason::ForUs, PuntReason::Arp, PuntReason::TtlExpired, PuntReason::Glean, PuntReason::Unreachable]
    {
        assert!(counts.reasons[&reason].passed >= 2, "{counts:?}");
    }

    let pid = chassis.cards[&Slot::Rp(RpSlot::A)].id();
    send(pid as i32, Signal::SIGKILL);
    (neighbour.vlan, neighbour.own) = (None, Ipv4Addr::new(10, 0, 0, 2));
    let ours = Ipv4Addr::new(10, 0, 0, 1);
    let took = neighbour.until("a ping of the new active", &ping(port, neighbour.own, ours, 64), icmp(0, ours));
    println!("answered again {} ms after the active was killed", took.as_millis());
    let stats = chassis.stats(Slot::Rp(RpSlot::B)).await.unwrap();
    assert!(stats.rp.unwrap().active && stats.punts.reasons[&PuntReason::ForUs].passed > 0);
}
