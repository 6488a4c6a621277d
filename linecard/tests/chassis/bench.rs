//! The test bench: starts the cards and plays everything around them.

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use fabric::{
    control::{Connection, ControlEndpoint, Receiver, Sender},
    tls::{Authority, Identity},
};
use fabric_proto::{
    codec::Class,
    deploy::{CardAddress, CardConfig, RedundancyTimers, TlsFiles, WireEnd},
    fib::{Batch, BatchBuilder, Birth, FibKey, ListUpdate, Path as FibPath, PathList, Prefix, Rewrite},
    id::{CardId, Epoch, LcSlot, PortId, RpSlot, Slot, TableId},
    linecard::{Adoption, FibPart, FibUpdate, FromLc, InterfaceConfig, PortConfig, ToLc},
    operator::{CardStats, Event, EventKind, LcStats, Reply, Request},
    wire,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    cell::Cell,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

pub(crate) const PORT_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
pub(crate) const NEIGHBOUR: [u8; 6] = [2, 0, 0, 0, 9, 9];
pub(crate) const EGRESS_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];

/// Nothing here takes long; a hang is a failure.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("timed out")
}

/// A UDP packet to a destination, with a number in it.
pub(crate) fn frame(destination: [u8; 4], ttl: u8, number: u32) -> Vec<u8> {
    record(&packet(destination, ttl, number))
}

/// The same with the tag of a VLAN.
pub(crate) fn tagged_frame(vlan: u16, destination: [u8; 4], ttl: u8, number: u32) -> Vec<u8> {
    let mut packet = packet(destination, ttl, number);
    packet.splice(12..12, [[0x81, 0x00], vlan.to_be_bytes()].concat());
    record(&packet)
}

fn packet(destination: [u8; 4], ttl: u8, number: u32) -> Vec<u8> {
    let mut packet = Vec::new();
    let builder = PacketBuilder::ethernet2(NEIGHBOUR, PORT_MAC).ipv4([192, 0, 2, 1], destination, ttl).udp(1, 2);
    builder.write(&mut packet, &[&number.to_be_bytes()[..], &[0xa5; 60]].concat()).unwrap();
    packet
}

fn record(packet: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    wire::push(&mut record, packet);
    record
}

/// Chassis `lab/pe1` with line cards 1 and 2, or 1 to 3. Each has a port 1: card 1 listens on its wire, the others dial.
pub(crate) struct Chassis {
    dir: TempDir,
    cards: Vec<Child>,
    rp: ControlEndpoint,
    operator: ControlEndpoint,
    stranger: ControlEndpoint,
    addresses: Vec<CardAddress>,
    /// Packets that each card had received over the fabric when it was warm, by slot.
    warm: Cell<[u64; 4]>,
}

impl Drop for Chassis {
    fn drop(&mut self) {
        for card in &mut self.cards {
            let _ = card.kill();
            let _ = card.wait();
        }
    }
}

impl Chassis {
    /// Starts two cards on loopback addresses of this test's own.
    pub(crate) fn start(test: u8) -> Self {
        Self::with_cards(test, 2)
    }

    /// Starts so many cards, up to three.
    pub(crate) fn with_cards(test: u8, cards: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("lab").unwrap();
        authority.save(dir.path()).unwrap();
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let address =
            |unit: u8, port: u16| SocketAddr::from((Ipv4Addr::new(127, high | 1, low, test * 10 + unit), port));
        let slot = |slot: u8| CardAddress {
            slot: Slot::Lc(LcSlot(slot)),
            control: address(slot, 7000),
            data: Some(address(slot, 7001)),
            legacy: false,
        };
        let addresses: Vec<_> = (1..=cards).map(slot).collect();
        std::fs::write(dir.path().join("manifest.yml"), MANIFEST).unwrap();
        let endpoint = |id: &str, unit| {
            let id: CardId = id.parse().unwrap();
            ControlEndpoint::bind(
                &Identity::load(&id, &issue(&authority, dir.path(), &id)).unwrap(),
                address(unit, 7000),
            )
            .unwrap()
        };
        let (rp, operator) = (endpoint("lab/pe1/A", 4), endpoint("lab/-/operator", 5));
        let stranger = endpoint("lab/pe2/A", 6);
        let cards = addresses.iter().map(|card| spawn(&authority, dir.path(), card, &addresses)).collect();
        Self { dir, cards, rp, operator, stranger, addresses, warm: Cell::default() }
    }

    pub(crate) fn wire(&self, slot: u8) -> PathBuf {
        wire_path(self.dir.path(), slot)
    }

    async fn connect(&self, endpoint: &ControlEndpoint, slot: u8) -> Connection {
        let address = &self.addresses[usize::from(slot) - 1];
        let id = CardId::card("lab", "pe1", address.slot);
        let attempts = async {
            loop {
                if let Ok(connection) = endpoint.connect(&id, address.control).await {
                    return connection;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon(attempts).await
    }

    pub(crate) async fn session(&self, slot: u8) -> Session {
        let connection = self.connect(&self.rp, slot).await;
        let (sender, receiver) = soon(connection.open(Class::LineCard)).await.unwrap();
        Session { _connection: connection, sender, receiver, number: 0 }
    }

    /// Both cards, adopted with empty tables.
    pub(crate) async fn adopt(&self, epoch: Epoch) -> (Session, Session) {
        let (mut one, mut two) = (self.session(1).await, self.session(2).await);
        one.adopt(epoch, Adoption::Flush).await;
        two.adopt(epoch, Adoption::Flush).await;
        (one, two)
    }

    /// Both cards forward everything; the wires are those into the first and out of the second one.
    pub(crate) async fn wired(&self, epoch: Epoch) -> ((Session, Session), (Wire, Wire)) {
        let (mut one, mut two) = self.adopt(epoch).await;
        one.forward_everything().await;
        two.forward_everything().await;
        let ingress = Wire::dial(&self.wire(1)).await;
        let egress = Wire::accept(&self.wire(2)).await;
        ((one, two), (ingress, egress))
    }

    /// What a card is told at its next start is another release's, and of no use to this one.
    pub(crate) fn change_image(&self, slot: u8) {
        for file in [format!("card-{slot}.json"), "manifest.yml".to_owned()] {
            std::fs::write(self.dir.path().join(file), "of another release").unwrap();
        }
    }

    /// Sends a card what the kernel sends one that stands still when its starter ends.
    pub(crate) fn hang_up(&self, slot: u8) {
        kill(Pid::from_raw(self.cards[usize::from(slot) - 1].id() as i32), Signal::SIGHUP).unwrap();
    }

    /// Stops a card's program, or lets it go on.
    pub(crate) fn pause(&self, slot: u8, pause: bool) {
        let card = &self.cards[usize::from(slot) - 1];
        let signal = if pause { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(card.id() as i32), signal).unwrap();
    }

    /// Starts a program that is to take the place of a card's.
    pub(crate) fn heir(&self, slot: u8) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linecard"));
        command.arg("--config").arg(self.dir.path().join(format!("card-{slot}.json"))).arg("--take-over");
        command.stderr(std::process::Stdio::piped()).spawn().unwrap()
    }

    /// Waits until the card's program has ended by itself, and is another's; that one is the card's from here on.
    pub(crate) async fn succeed(&mut self, slot: u8, heir: Child) {
        let card = &mut self.cards[usize::from(slot) - 1];
        let ended = async {
            loop {
                if let Some(status) = card.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(soon(ended).await.success());
        *card = heir;
    }

    /// Where a card lets in who is to take its place.
    pub(crate) fn door(&self, slot: u8) -> PathBuf {
        self.dir.path().join(format!("handover-{slot}"))
    }

    pub(crate) fn kill(&mut self, slot: u8) {
        let card = &mut self.cards[usize::from(slot) - 1];
        card.kill().unwrap();
        card.wait().unwrap();
    }

    pub(crate) async fn ask(&self, slot: u8, request: &Request) -> Reply {
        let connection = self.connect(&self.operator, slot).await;
        let (mut sender, mut receiver) = soon(connection.open(Class::Operator)).await.unwrap();
        sender.send(request).await.unwrap();
        soon(receiver.recv()).await.unwrap().unwrap()
    }

    /// Events up to and including the card's `boots`th start.
    pub(crate) async fn events(&self, slot: u8, boots: usize) -> Vec<Event> {
        let mut seen = 0;
        let is_last = |kind: &EventKind| {
            seen += usize::from(matches!(kind, EventKind::Booted { .. }));
            seen == boots
        };
        self.events_until(slot, is_last).await
    }

    /// Events up to and including the first that is wanted.
    pub(crate) async fn events_until(&self, slot: u8, mut wanted: impl FnMut(&EventKind) -> bool) -> Vec<Event> {
        let connection = self.connect(&self.operator, slot).await;
        let (mut sender, mut receiver) = connection.open(Class::Operator).await.unwrap();
        sender.send(&Request::Events { after: 0 }).await.unwrap();
        let mut events: Vec<Event> = Vec::new();
        loop {
            match soon(receiver.recv()).await.unwrap() {
                Some(Reply::Event(event)) => events.push(event),
                other => panic!("{other:?}"),
            }
            if events.last().is_some_and(|event| wanted(&event.kind)) {
                return events;
            }
        }
    }

    pub(crate) async fn stats(&self, slot: u8) -> CardStats {
        match self.ask(slot, &Request::Stats).await {
            Reply::Stats(stats) => *stats,
            other => panic!("{other:?}"),
        }
    }

    /// Asks until the counters are as wanted.
    pub(crate) async fn until(&self, slot: u8, wanted: impl Fn(&LcStats) -> bool) -> LcStats {
        let asking = async {
            loop {
                let stats = self.stats(slot).await.lc.unwrap();
                if wanted(&stats) {
                    return stats;
                }
            }
        };
        soon(asking).await
    }

    /// Counters when nothing is queued any more.
    pub(crate) async fn settled(&self, slot: u8) -> LcStats {
        self.until(slot, |stats| stats.queued == 0).await
    }

    pub(crate) async fn restarted(&self, slot: u8, boot: u64) {
        let asking = async {
            loop {
                let connection = self.connect(&self.operator, slot).await;
                let Ok((mut sender, mut receiver)) = connection.open(Class::Operator).await else { continue };
                if sender.send(&Request::Stats).await.is_err() {
                    continue;
                }
                if let Ok(Some(Reply::Stats(stats))) = receiver.recv().await
                    && stats.boot != boot
                {
                    return;
                }
            }
        };
        soon(asking).await;
    }

    /// Sends until the first packet comes through: link, carrier and table are up.
    pub(crate) async fn warm_up(&self, ingress: &mut Wire, egress: &mut Wire) {
        self.warm_up_card(ingress, egress, 2).await;
    }

    /// The same for the way to the card in `slot`.
    pub(crate) async fn warm_up_card(&self, ingress: &mut Wire, egress: &mut Wire, slot: u8) {
        let net = if slot == 3 { 4 } else { slot };
        let warming = async {
            loop {
                ingress.send(&frame([10, net, 0, 1], 64, u32::MAX)).await;
                if tokio::time::timeout(Duration::from_millis(20), egress.recv()).await.is_ok() {
                    return;
                }
            }
        };
        soon(warming).await;
        let one = self.settled(1).await;
        let mut warm = self.warm.get();
        let others: u64 = (0_u8..).zip(warm).filter(|(other, _)| *other != slot).map(|(_, packets)| packets).sum();
        let all = |card: &LcStats| card.from_fabric == one.to_fabric - others && card.queued == 0;
        let card = self.until(slot, all).await;
        warm[usize::from(slot)] = card.from_fabric;
        self.warm.set(warm);
        let sent = card.sent;
        while egress.received < sent {
            soon(egress.recv()).await;
        }
    }

    pub(crate) async fn stranger_is_refused(&self, slot: u8) {
        let reason = self.connect(&self.stranger, slot).await.closed().await;
        assert!(reason.contains("route processors"), "{reason}");
    }
}

const MANIFEST: &str = "name: TEST\nversion: \"9.9\"\ndescription: x\nmessages: {}\nfeatures: []\nprograms: {rp: rp, linecard: linecard}\n";

fn issue(authority: &Authority, dir: &Path, id: &CardId) -> TlsFiles {
    let name = id.to_string().replace('/', "-");
    let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    authority.issue(id).unwrap().save(&cert, &key).unwrap();
    TlsFiles { ca: dir.join("ca.pem"), cert, key }
}

fn wire_path(dir: &Path, slot: u8) -> PathBuf {
    dir.join(format!("wire-{slot}"))
}

fn spawn(authority: &Authority, dir: &Path, card: &CardAddress, cards: &[CardAddress]) -> Child {
    let Slot::Lc(slot) = card.slot else { panic!("line cards only") };
    let id = CardId::card("lab", "pe1", card.slot);
    let config = CardConfig {
        tls: issue(authority, dir, &id),
        id,
        control: card.control,
        data: card.data,
        image: dir.join("manifest.yml"),
        nvram: dir.to_owned(),
        cards: cards.to_vec(),
        redundancy: RedundancyTimers::default(),
        wires: vec![WireEnd { port: 1, path: wire_path(dir, slot.0), listen: slot.0 == 1, addresses: Vec::new() }],
        feeds: Vec::new(),
        table: None,
        platform: "native".to_owned(),
        modelled: false,
        base_mac: Default::default(),
        releases: Vec::new(),
    };
    let file = dir.join(format!("card-{slot}.json"));
    std::fs::write(&file, serde_json::to_string(&config).unwrap()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_linecard")).arg("--config").arg(file).spawn().unwrap()
}

/// A session of RP A with a card.
pub(crate) struct Session {
    _connection: Connection,
    sender: Sender,
    receiver: Receiver,
    number: u64,
}

impl Session {
    pub(crate) async fn say(&mut self, message: &ToLc) {
        soon(self.sender.send(message)).await.unwrap();
    }

    /// The next answer that is not about a port.
    pub(crate) async fn next(&mut self) -> Option<FromLc> {
        loop {
            match self.receiver.recv().await.unwrap() {
                Some(FromLc::PortState { .. }) => {}
                other => return other,
            }
        }
    }

    pub(crate) async fn port_up(&mut self) {
        while self.port_state().await != (1, true) {}
    }

    /// The next word about a port: its number, and whether it has carrier.
    pub(crate) async fn port_state(&mut self) -> (u8, bool) {
        loop {
            match soon(self.receiver.recv()).await.unwrap() {
                Some(FromLc::PortState { port, up }) => return (port, up),
                Some(_) => {}
                None => panic!("the session has ended"),
            }
        }
    }

    /// Enables a port that has a wire, and one that has none.
    pub(crate) async fn enable_two_ports(&mut self) {
        let port = |port| PortConfig { port, enabled: true, mac: PORT_MAC, mtu: 1500 };
        self.say(&ToLc::Ports(vec![port(1), port(2)])).await;
    }

    pub(crate) async fn ask(&mut self, message: &ToLc) -> Option<FromLc> {
        self.say(message).await;
        soon(self.next()).await
    }

    pub(crate) async fn adopt(&mut self, epoch: Epoch, how: Adoption) {
        let answer = self.ask(&ToLc::Adopt { epoch, rp: RpSlot::A, how }).await;
        assert!(matches!(answer, Some(FromLc::Adopted { .. })), "{answer:?}");
    }

    fn port(enabled: bool) -> ToLc {
        ToLc::Ports(vec![PortConfig { port: 1, enabled, mac: PORT_MAC, mtu: 1500 }])
    }

    pub(crate) async fn shut_down(&mut self) {
        self.say(&Self::port(false)).await;
    }

    /// 10.2.0.0/16 leaves by 2/1, 10.3.0.0/16 is discarded, 10.4.0.0/16 leaves by 3/1, 10.9.0.0/16 by a port that does
    /// not exist.
    pub(crate) async fn forward_everything(&mut self) {
        self.say(&Self::port(true)).await;
        let path = |slot, port| {
            FibPath::ethernet(PortId { slot: LcSlot(slot), port }, [192, 0, 2, 9].into(), NEIGHBOUR, EGRESS_MAC)
        };
        let mut batch = BatchBuilder::default();
        for (id, path) in (1..).zip([path(2, 1), FibPath::Discard, path(2, 9), path(3, 1)]) {
            let birth = Birth { epoch: Epoch(4), index: id.into() };
            batch.paths(ListUpdate { id, birth, paths: PathList::new(vec![path]) });
        }
        for (prefix, list) in [("10.2.0.0/16", 1), ("10.3.0.0/16", 2), ("10.4.0.0/16", 4), ("10.9.0.0/16", 3)] {
            batch.route((prefix.parse::<Prefix>().unwrap(), Some(list)));
        }
        self.update(batch.take()).await;
    }

    /// In the VRFs of VLANs 100 and 200, 10.2.0.0/16 leaves by 2/1 as well: with the tag that is one more.
    pub(crate) async fn forward_vrfs(&mut self) {
        let interfaces = [100, 200].map(|vlan| InterfaceConfig { port: 1, vlan, table: TableId(vlan.into()) });
        let ports = vec![PortConfig { port: 1, enabled: true, mac: PORT_MAC, mtu: 1500 }];
        self.say(&ToLc::Interfaces { ports, interfaces: interfaces.to_vec() }).await;
        let mut batch = BatchBuilder::default();
        for (id, vlan) in [(11, 100), (12, 200)] {
            let port = PortId { slot: LcSlot(2), port: 1 };
            let rewrite = Rewrite::tagged(NEIGHBOUR, EGRESS_MAC, vlan + 1);
            let path = FibPath::Port { port, next_hop: [192, 0, 2, 9].into(), rewrite: rewrite.into() };
            let birth = Birth { epoch: Epoch(4), index: id.into() };
            batch.paths(ListUpdate { id, birth, paths: PathList::new(vec![path]) });
            let key = FibKey::Ip(TableId(vlan.into()), "10.2.0.0/16".parse().unwrap());
            batch.route((key, Some(id)));
        }
        self.update(batch.take()).await;
    }

    async fn update(&mut self, batch: Batch) {
        self.number += 1;
        let number = self.number;
        let update = FibUpdate { number, kind: FibPart::Part, batch };
        assert_eq!(self.ask(&ToLc::Fib(update)).await, Some(FromLc::Ack { number }));
    }
}

/// The far end of a wire.
pub(crate) struct Wire {
    stream: UnixStream,
    buffer: Vec<u8>,
    pub(crate) received: u64,
}

/// What a packet looked like at its arrival.
pub(crate) struct Arrival {
    pub(crate) ttl: u8,
    pub(crate) dst_mac: [u8; 6],
    pub(crate) src_mac: [u8; 6],
    /// Its VLAN, if it had a tag.
    pub(crate) vlan: Option<u16>,
    pub(crate) number: u32,
}

impl Wire {
    /// Dials a card that listens.
    pub(crate) async fn dial(path: &Path) -> Self {
        let dialling = async {
            loop {
                if let Ok(stream) = UnixStream::connect(path).await {
                    return stream;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        Self { stream: soon(dialling).await, buffer: Vec::new(), received: 0 }
    }

    /// The same from the other side: waits until the card dials.
    pub(crate) async fn accept(path: &Path) -> Self {
        let (stream, _) = soon(UnixListener::bind(path).unwrap().accept()).await.unwrap();
        Self { stream, buffer: Vec::new(), received: 0 }
    }

    pub(crate) async fn send(&mut self, records: &[u8]) {
        soon(self.stream.write_all(records)).await.unwrap();
    }

    /// Sends, where the wire still is.
    pub(crate) async fn try_send(&mut self, records: &[u8]) -> bool {
        soon(self.stream.write_all(records)).await.is_ok()
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.send(bytes).await;
    }

    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads up to the other end's half-close: how many bytes that were.
    pub(crate) async fn half_closed(&mut self) -> usize {
        let mut rest = Vec::new();
        // A wire that is closed with unread bytes ends in a reset.
        let _ = self.stream.read_to_end(&mut rest).await;
        rest.len()
    }

    /// The next packet; `None` when the wire is down. Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Option<Arrival> {
        loop {
            if let Some((packet, rest)) = wire::split(&self.buffer).unwrap() {
                let arrival = read(packet);
                self.buffer = rest.to_vec();
                self.received += 1;
                return Some(arrival);
            }
            // A wire whose other end was killed with something unread ends in a reset.
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

fn read(packet: &[u8]) -> Arrival {
    let sliced = SlicedPacket::from_ethernet(packet).unwrap();
    let vlan = sliced.vlan_ids().first().map(|id| id.value());
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) = (sliced.net, sliced.transport) else {
        panic!("not a UDP packet")
    };
    let header = ip.header().to_header();
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    Arrival {
        ttl: header.time_to_live,
        dst_mac: packet[..6].try_into().unwrap(),
        src_mac: packet[6..12].try_into().unwrap(),
        vlan,
        number: u32::from_be_bytes(udp.payload()[..4].try_into().unwrap()),
    }
}
