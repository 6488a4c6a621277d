//! The program as the orchestrator and a route processor see it: over mutual TLS, with signals and exit codes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in helpers too")]

use fabric::{
    control::{Connection, ControlEndpoint, Receiver, Sender},
    tls::{Authority, Identity},
};
use fabric_proto::{
    codec::Class,
    deploy::{CardConfig, RedundancyTimers, TableSpec, TlsFiles, WireEnd},
    feed::{FromFeed, ToFeed},
    fib::{Batch, Family},
    id::{CardId, LcSlot, RpSlot, Slot},
    operator::{EventKind, Exit, FlowSpec, Reply, Request, TrafficSpec},
};
use measure::TrafficEvidence;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    net::{SocketAddr, UdpSocket},
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};
use tempfile::TempDir;

const LAB: &str = "bench";

/// A lab of one tester, running.
struct Lab {
    folder: TempDir,
    authority: Authority,
    address: SocketAddr,
    child: Child,
}

impl Lab {
    fn start(table: Option<TableSpec>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(LAB).unwrap();
        authority.save(folder.path()).unwrap();
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let id = CardId::tester(LAB, "t1");
        let config = CardConfig {
            tls: issue(&authority, folder.path(), &id),
            id,
            control: address,
            data: None,
            image: PathBuf::new(),
            nvram: PathBuf::new(),
            cards: Vec::new(),
            redundancy: RedundancyTimers::default(),
            wires: vec![WireEnd { port: 1, path: folder.path().join("p1"), listen: true, addresses: Vec::new() }],
            feeds: Vec::new(),
            table,
            platform: String::new(),
            modelled: false,
            base_mac: Default::default(),
            releases: Vec::new(),
        };
        let file = folder.path().join("card.json");
        std::fs::write(&file, serde_json::to_vec(&config).unwrap()).unwrap();
        let child = tester(&file).spawn().unwrap();
        Self { folder, authority, address, child }
    }

    async fn connect(&self, id: &CardId) -> (ControlEndpoint, Connection) {
        let files = issue(&self.authority, self.folder.path(), id);
        let identity = Identity::load(id, &files).unwrap();
        let endpoint = ControlEndpoint::bind(&identity, "127.0.0.1:0".parse().unwrap()).unwrap();
        // The program may not listen yet.
        let connected = async {
            loop {
                if let Ok(connection) = endpoint.connect(&CardId::tester(LAB, "t1"), self.address).await {
                    break connection;
                }
            }
        };
        let connection = tokio::time::timeout(Duration::from_secs(20), connected).await.expect("the tester answers");
        (endpoint, connection)
    }

    fn terminate(mut self) -> ExitStatus {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(!self.folder.path().join("p1").exists(), "its sockets are taken away");
        status
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tester(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tester"));
    command.arg("--config").arg(config).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn issue(authority: &Authority, folder: &Path, id: &CardId) -> TlsFiles {
    let name = id.to_string().replace('/', "_");
    let [cert, key] = ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")));
    authority.issue(id).unwrap().save(&cert, &key).unwrap();
    let ca = folder.join(format!("{name}.ca"));
    std::fs::write(&ca, authority.cert_pem()).unwrap();
    TlsFiles { ca, cert, key }
}

fn table(ipv4: usize, ipv6: usize) -> TableSpec {
    TableSpec {
        source: "internet".to_owned(),
        seed: 1,
        ipv4,
        ipv6,
        next_hops_v4: vec![[10, 0, 0, 1].into()],
        next_hops_v6: vec!["fd00::1".parse().unwrap()],
        rate: 0,
        churn_ppm: None,
    }
}

async fn ask(stream: &mut (Sender, Receiver), request: Request) -> Reply {
    stream.0.send(&request).await.unwrap();
    stream.1.recv().await.unwrap().expect("an answer")
}

/// Opens a route session and counts what comes until both families are complete.
async fn routes(stream: &mut (Sender, Receiver)) -> (usize, u32) {
    stream.0.send(&ToFeed::Open { forwarding_kept: false }).await.unwrap();
    let (mut hops, mut routes) = (0, 0);
    loop {
        match stream.1.recv::<FromFeed>().await.unwrap().expect("the table goes on") {
            FromFeed::NextHops(sets) => hops += sets.len(),
            FromFeed::Routes { count, .. } => routes += count,
            FromFeed::EndOfRib(Family::V4) => {}
            FromFeed::EndOfRib(Family::V6) => return (hops, routes),
        }
    }
}

#[tokio::test]
async fn an_operator_runs_a_load_and_follows_events() {
    let lab = Lab::start(None);
    let (_endpoint, connection) = lab.connect(&CardId::operator(LAB)).await;
    let open = || async {
        let (sender, receiver) = connection.open(Class::Operator).await.unwrap();
        (sender, receiver)
    };
    let mut stream = open().await;
    let Reply::Stats(stats) = ask(&mut stream, Request::Stats).await else { panic!("no counters") };
    assert!(stats.memory_bytes > 1 << 20 && stats.boot > 0, "{stats:?}");
    assert!(matches!(ask(&mut stream, Request::Exec("show version".to_owned())).await, Reply::Refused(_)));
    let flow = FlowSpec {
        from: 1,
        vlan: None,
        port_mac: [2, 0, 0, 0, 0, 1],
        source: "10.0.0.1".parse().unwrap(),
        destination: "8.8.8.8".parse().unwrap(),
        expect: vec![Exit { port: 1, vlan: None, mac: [2, 0, 0, 0, 0, 2] }],
        hops: 1,
    };
    let spec = TrafficSpec { flows: vec![flow], rate_pps: 1000.0, frame_size: 64, at_most_ms: 60_000 };
    assert_eq!(ask(&mut stream, Request::Prepare(spec)).await, Reply::Done);
    assert!(matches!(ask(&mut stream, Request::Start).await, Reply::Started(_)));
    assert!(matches!(ask(&mut stream, Request::Stop).await, Reply::Progress(progress) if !progress.sending));
    let Reply::Evidence(bytes) = ask(&mut stream, Request::Evidence).await else { panic!("no evidence") };
    let evidence: TrafficEvidence = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(evidence.offered, evidence.port_down, "the wire has no other end");

    let mut follower = open().await;
    let first = ask(&mut follower, Request::Events { after: 0 }).await;
    assert!(matches!(&first, Reply::Event(event) if matches!(event.kind, EventKind::Booted { .. })), "{first:?}");
    let _wire = std::os::unix::net::UnixStream::connect(lab.folder.path().join("p1")).unwrap();
    let second: Reply = follower.1.recv().await.unwrap().expect("a second event");
    assert!(
        matches!(&second, Reply::Event(event) if event.kind == EventKind::Port { port: 1, up: true }),
        "{second:?}"
    );

    assert_eq!(lab.terminate().code(), Some(0));
}

#[tokio::test]
async fn every_route_session_gets_the_whole_table_each_time_it_is_opened() {
    let lab = Lab::start(Some(table(60_000, 20_000)));
    let (_a, active) = lab.connect(&CardId::card(LAB, "pe1", Slot::Rp(RpSlot::A))).await;
    let (_b, successor) = lab.connect(&CardId::card(LAB, "pe1", Slot::Rp(RpSlot::B))).await;
    let mut one = active.open(Class::Feed).await.unwrap();
    let mut two = successor.open(Class::Feed).await.unwrap();
    let both = tokio::join!(routes(&mut one), routes(&mut two));
    assert_eq!(both, ((2, 80_000), (2, 80_000)));
    assert_eq!(routes(&mut one).await, (2, 80_000), "the session is opened again");

    let (_c, stranger) = lab.connect(&CardId::card(LAB, "pe1", Slot::Lc(LcSlot(1)))).await;
    let _stream = stranger.open(Class::Feed).await.unwrap();
    let reason = tokio::time::timeout(Duration::from_secs(20), stranger.closed()).await.expect("it is refused");
    assert!(reason.contains("route processors"), "{reason}");
    assert_eq!(lab.terminate().code(), Some(0));
}

/// Routes that go, and come, in what a churning feed says next.
async fn churned(stream: &mut (Sender, Receiver)) -> (usize, usize) {
    let message = stream.1.recv::<FromFeed>().await.unwrap().expect("churn goes on");
    let FromFeed::Routes { count, packed } = message else { panic!("{message:?}") };
    let batch = Batch { packed, count, ..Batch::default() };
    let (gone, back): (Vec<_>, Vec<_>) = batch.routes().map(|op| op.unwrap().1).partition(Option::is_none);
    (gone.len(), back.len())
}

#[tokio::test]
async fn a_session_that_is_opened_anew_gets_the_whole_table_before_it_churns_again() {
    let lab = Lab::start(Some(TableSpec { churn_ppm: NonZeroU32::new(1_000_000), ..table(4_000, 2_000) }));
    let (_a, active) = lab.connect(&CardId::card(LAB, "pe1", Slot::Rp(RpSlot::A))).await;
    let mut one = active.open(Class::Feed).await.unwrap();
    for _ in 0..2 {
        assert_eq!(routes(&mut one).await, (2, 6_000));
        let (mut gone, mut back) = churned(&mut one).await;
        assert!(gone > 0 && back == 0, "what goes first has not been away");
        while back == 0 {
            let more = churned(&mut one).await;
            (gone, back) = (gone + more.0, back + more.1);
        }
        assert!(gone >= 100, "{gone}: 100 go a second, and the first one is back after a second");
        // What was on its way when the session was opened anew belongs to the old one.
        one = active.open(Class::Feed).await.unwrap();
    }
    assert_eq!(lab.terminate().code(), Some(0));
}

#[test]
fn a_configuration_that_cannot_be_used_ends_with_2_and_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let output = tester(&folder.path().join("none.json")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be read"));

    let mut lab = Lab::start(Some(TableSpec { source: "/nonexistent/table".to_owned(), ..table(0, 0) }));
    assert_eq!(lab.child.wait().unwrap().code(), Some(2));

    let file = folder.path().join("card.json");
    let no_key = r#"{"id": "bench/t1/tester", "control": "127.0.0.1:0", "image": "", "nvram": "",
        "tls": {"ca": "none.ca", "cert": "none.crt", "key": "none.key"}}"#;
    std::fs::write(&file, no_key).unwrap();
    let output = tester(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "certificates are the user's files too");
    assert!(String::from_utf8_lossy(&output.stderr).contains("none.crt"));
}
