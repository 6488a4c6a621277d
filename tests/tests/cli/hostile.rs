//! Those who do not belong: junk on every socket, and a card with another's certificate.

use crate::{
    bench::{Bench, LAB, eventually, programs},
    follow::Follower,
};
use fabric::{
    control::ControlEndpoint,
    tls::{Authority, Identity},
};
use fabric_proto::{
    deploy::{CardConfig, TlsFiles},
    id::CardId,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::UdpSocket,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Datagrams to each socket.
const DATAGRAMS: usize = 200;

/// Bytes out of a seed: xorshift, as Marsaglia has it.
struct Junk(u64);

impl Junk {
    fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..=self.number() % most).map(|_| self.number() as u8).collect()
    }
}

fn plan(bench: &Bench) -> Value {
    serde_json::from_slice(&fs::read(bench.lab().join("plan.json")).unwrap()).unwrap()
}

fn boots(bench: &Bench) -> BTreeMap<String, Value> {
    bench.inspect().into_iter().map(|(card, stats)| (card, stats["boot"].clone())).collect()
}

/// Goal: nobody without a certificate disturbs a chassis. Method: random datagrams to every control and data socket,
/// and junk into a wire whose card is away; all programs go on, and the wire carries again when its card is back.
#[test]
fn garbage_on_every_socket_disturbs_nothing() {
    let bench = Bench::new(2_000);
    bench.deploy();
    let (processes, booted) = (bench.processes(), boots(&bench));
    let mut junk = Junk(0x5eed);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for card in plan(&bench)["cards"].as_array().unwrap() {
        for address in ["control", "data"].iter().filter_map(|plane| card["config"][*plane].as_str()) {
            for _ in 0..DATAGRAMS {
                socket.send_to(&junk.bytes(1400), address).unwrap();
            }
        }
    }
    bench.settled();
    assert_eq!((bench.processes(), boots(&bench)), (processes.clone(), booted));

    let events = Follower::of_events(&bench);
    let killed = bench.fault("kill", "pe1/lc:2");
    let mut wire = eventually("the tester waits for its wire", || {
        let waiting = sockets(&bench.lab().join("wires")).find_map(|path| UnixStream::connect(path).ok());
        waiting.ok_or_else(|| format!("{:?}", sockets(&bench.lab().join("wires")).collect::<Vec<_>>()))
    });
    // The tester may hang up in the middle.
    let _ = wire.write_all(&junk.bytes(100_000));
    drop(wire);
    let restarted = bench.fault("restart", "pe1/lc:2");
    assert!(restarted > killed);
    events.event(restarted, "port", |event| event["card"] == "pe1/2" && event["kind"]["up"] == true);
    bench.settled();
    let after = bench.processes();
    for card in processes.keys().filter(|card| *card != "pe1/2") {
        assert_eq!(processes[card], after[card], "{card} was started again");
    }
}

fn sockets(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let wires = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("wire"));
    wires.filter(|path| path.exists())
}

/// Goal: a card does not run with another slot's certificate, and says whose it is. Method: take a card out and
/// start its program by hand with the files of another slot.
#[test]
fn a_certificate_for_another_slot_is_refused_at_the_start() {
    let bench = Bench::new(2_000);
    bench.deploy();
    for (target, card, other, program) in
        [("pe1/rp:B", "pe1/B", "pe1/A", "rp"), ("pe1/lc:2", "pe1/2", "pe1/1", "linecard")]
    {
        bench.fault("remove", target);
        let read = |card: &str| -> Value {
            serde_json::from_slice(&fs::read(bench.lab().join(card).join("config.json")).unwrap()).unwrap()
        };
        let mut config = read(card);
        config["tls"] = read(other)["tls"].clone();
        bench.write("config.json", &config.to_string());
        let ended = Command::new(programs().join(program)).arg("--config").arg(bench.path("config.json")).output();
        let name = |card: &str| format!("{LAB}/{card}");
        chassis_tests::ended::Ended::from(ended.unwrap()).with(2).says(&name(card)).says(&name(other));
    }
}

/// Goal: nobody speaks to a card who has no business with it, and the card counts who tried. Method: an operator of
/// another deployment of the same lab, and a line card that calls a route processor and another line card.
#[test]
fn strangers_and_cards_out_of_place_are_refused_and_counted() {
    let bench = Bench::new(2_000);
    bench.deploy();
    bench.settled();
    let files = |folder: PathBuf| TlsFiles {
        ca: folder.join("ca.pem"),
        cert: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    let operator = CardId::operator(LAB);
    let forged = bench.path("forged");
    fs::create_dir(&forged).unwrap();
    let at = files(forged);
    Authority::new(LAB).unwrap().issue(&operator).unwrap().save(&at.cert, &at.key).unwrap();
    fs::copy(bench.lab().join("operator/ca.pem"), &at.ca).unwrap();
    let stranger = Identity::load(&operator, &at).unwrap();
    let card: CardId = format!("{LAB}/pe1/2").parse().unwrap();
    let line_card = Identity::load(&card, &files(bench.lab().join("pe1/2/tls"))).unwrap();

    let refused = |bench: &Bench, card: &str| -> u64 {
        let refusals = &bench.inspect()[card]["refusals"];
        refusals.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
    };
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (who, to) in
        [(&stranger, "pe1/A"), (&stranger, "pe1/1"), (&stranger, "t1"), (&line_card, "pe1/A"), (&line_card, "pe1/1")]
    {
        let name = if to == "t1" { format!("{LAB}/t1/tester") } else { format!("{LAB}/{to}") };
        let name: CardId = name.parse().unwrap();
        let known = plan(&bench);
        let config = |card: &Value| serde_json::from_value::<CardConfig>(card["config"].clone()).unwrap();
        let mut configs = known["cards"].as_array().unwrap().iter().map(config);
        let address = configs.find(|config| config.id == name).unwrap().control;
        let before = refused(&bench, to);
        executor.block_on(async {
            let endpoint = ControlEndpoint::bind(who, "127.0.0.1:0".parse().unwrap()).unwrap();
            // A card of the lab gets through the handshake, and is shown the door.
            if let Ok(connection) = endpoint.connect(&name, address).await {
                let said = tokio::time::timeout(Duration::from_secs(20), connection.closed()).await.unwrap();
                assert!(who.id() == &card && said.contains("closed by peer"), "{} at {to}: {said}", who.id());
            }
        });
        eventually(&format!("{to} counts {}", who.id()), || {
            let now = refused(&bench, to);
            if now > before { Ok(()) } else { Err(format!("{now}")) }
        });
    }
    bench.settled();
}
