//! The bridge with real namespaces: what a wire carries gets to a node's kernel and back. Needs root; says so where it is not.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use bridge::{
    config::{Config, Interface, NodeCommand, Port},
    request::{Answer, PortStatus, Request, Status, ask},
};
use etherparse::{PacketBuilder, SlicedPacket};
use fabric_proto::wire;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A loaded machine gets its time.
const EVENTUALLY: Duration = Duration::from_secs(20);

/// Addresses of the two ends of the wires, and of the node's interfaces.
const ENDS: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 2, 1]];
const NODE: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 2], [2, 0, 0, 0, 2, 2]];

/// A node with two interfaces that forwards between them, and its bridge.
struct Node {
    dir: TempDir,
    bridge: Child,
    config: Config,
}

impl Node {
    /// `None` where this user may not have one.
    fn start() -> Option<Self> {
        if !Uid::effective().is_root() {
            println!("not run: namespaces need root here");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("br").tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let port = |index: usize| Port {
            interface: Interface::Node { name: format!("eth{}", index + 1), mac: NODE[index] },
            wire: path(&format!("wire{index}")),
            listen: index == 1,
        };
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let exec = [
            "ip addr add 10.0.1.1/24 dev eth1",
            "ip addr add 10.0.2.1/24 dev eth2",
            "ip neigh add 10.0.1.2 lladdr 02:00:00:00:01:01 dev eth1",
            "ip neigh add 10.0.2.2 lladdr 02:00:00:00:02:01 dev eth2",
        ];
        let mut exec: Vec<_> = exec.map(words).into();
        exec.push(vec!["sh".into(), "-c".into(), "echo 1 > /proc/sys/net/ipv4/ip_forward".into()]);
        let command = NodeCommand { exec, log: path("node.log"), ..NodeCommand::default() };
        let config = Config {
            node: "r1".to_owned(),
            socket: path("socket"),
            ports: vec![port(0), port(1)],
            command: Some(command),
        };
        std::fs::write(path("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
        let bridge = Command::new(env!("CARGO_BIN_EXE_bridge"))
            .args(["serve", "--config"])
            .arg(path("config.json"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let node = Self { dir, bridge, config };
        eventually("the bridge listens", || node.ask(&Request::Status).is_some());
        assert_eq!(node.ask(&Request::Start), Some(Answer::Done), "{}", node.log());
        Some(node)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("node.log")).unwrap_or_default()
    }

    fn ask(&self, request: &Request) -> Option<Answer> {
        ask(&self.config.socket, request).ok()
    }

    fn status(&self) -> Status {
        match self.ask(&Request::Status) {
            Some(Answer::Status(status)) => status,
            other => panic!("{other:?}"),
        }
    }

    fn port(&self, index: usize) -> PortStatus {
        self.status().ports[index].clone()
    }

    fn wire(&self, index: usize) -> PathBuf {
        self.config.ports[index].wire.clone()
    }

    /// The other ends of both wires.
    fn plug(&self) -> [UnixStream; 2] {
        let first = accept(&self.wire(0));
        let mut second = None;
        eventually("the bridge listens on its wire", || {
            second = UnixStream::connect(self.wire(1)).ok();
            second.is_some()
        });
        eventually("both have carrier", || self.port(0).carrier && self.port(1).carrier);
        [first, second.unwrap()]
    }

    /// What a command in the node says.
    fn run(&self, words: &[&str]) -> String {
        let pid = self.status().pid.unwrap().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bridge"));
        let output = command.args(["enter", "--pid", &pid, "--"]).args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.bridge.id() as i32), Signal::SIGTERM);
        let _ = self.bridge.wait();
    }
}

fn accept(path: &Path) -> UnixStream {
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).unwrap().accept().unwrap().0
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + EVENTUALLY;
    while !holds() {
        assert!(Instant::now() < limit, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Datagrams from one end to the other, through the node.
fn datagram(number: u16, ttl: u8) -> Vec<u8> {
    let mut frame = Vec::new();
    let ip = PacketBuilder::ethernet2(ENDS[0], NODE[0]).ipv4([10, 0, 1, 2], [10, 0, 2, 2], ttl);
    ip.udp(7, 9).write(&mut frame, &[&number.to_be_bytes()[..], &[0xa5; 84]].concat()).unwrap();
    frame
}

/// Reads frames until one satisfies.
fn read_until(stream: &UnixStream, mut enough: impl FnMut(&[u8]) -> bool) {
    stream.set_read_timeout(Some(EVENTUALLY)).unwrap();
    let (mut buffer, mut filled) = (vec![0; 1 << 20], 0);
    loop {
        let count = (&*stream).read(&mut buffer[filled..]).unwrap();
        assert!(count > 0, "the wire has ended");
        filled += count;
        let mut left = &buffer[..filled];
        while let Some((frame, rest)) = wire::split(left).unwrap() {
            if enough(frame) {
                return;
            }
            left = rest;
        }
        let rest = left.len();
        buffer.copy_within(filled - rest..filled, 0);
        filled = rest;
    }
}

/// Goal: a node forwards what comes on one wire to the other, every frame whole and in order, alone and in trains. Method: 5,000
/// datagrams of a flow; each is checked on arrival.
#[test]
fn a_node_forwards_between_two_wires() {
    let Some(node) = Node::start() else { return };
    let [first, second] = node.plug();
    let mut next = 0_u16;
    thread::scope(|scope| {
        scope.spawn(|| {
            for train in 0..50 {
                let mut bytes = Vec::new();
                (0..100).for_each(|at| wire::push(&mut bytes, &datagram(train * 100 + at, 64)));
                (&first).write_all(&bytes).unwrap();
                // The node's queue holds a thousand frames.
                thread::sleep(Duration::from_millis(2));
            }
        });
        read_until(&second, |frame| {
            let packet = SlicedPacket::from_ethernet(frame).unwrap();
            let Some(etherparse::NetSlice::Ipv4(ip)) = &packet.net else { return false };
            let Some(etherparse::TransportSlice::Udp(udp)) = &packet.transport else { return false };
            assert_eq!(frame[..12], [ENDS[1], NODE[1]].concat());
            assert_eq!(ip.header().ttl(), 63);
            let sum =
                udp.to_header().calc_checksum_ipv4_raw(ip.header().source(), ip.header().destination(), udp.payload());
            assert_eq!(sum.unwrap(), udp.checksum());
            assert_eq!(udp.payload()[..2], next.to_be_bytes());
            assert_eq!(udp.payload()[2..], [0xa5; 84]);
            next += 1;
            next == 5_000
        });
    });
    assert!(node.port(0).counters.to_node >= 5_000);
    assert!(node.port(1).counters.from_node >= 5_000);
}

/// Goal: what a node itself answers has whole checksums. Method: a packet that dies in it.
#[test]
fn what_a_node_answers_is_whole() {
    let Some(node) = Node::start() else { return };
    let [first, _second] = node.plug();
    let mut bytes = Vec::new();
    wire::push(&mut bytes, &datagram(1, 1));
    (&first).write_all(&bytes).unwrap();
    read_until(&first, |frame| {
        let packet = SlicedPacket::from_ethernet(frame).unwrap();
        let Some(etherparse::TransportSlice::Icmpv4(icmp)) = packet.transport else { return false };
        assert_eq!(icmp.header().calc_checksum(icmp.payload()), icmp.header().checksum);
        true
    });
}

trait CalcChecksum {
    fn calc_checksum(&self, payload: &[u8]) -> u16;
}

impl CalcChecksum for etherparse::Icmpv4Header {
    fn calc_checksum(&self, payload: &[u8]) -> u16 {
        self.icmp_type.calc_checksum(payload)
    }
}

/// Goal: the death of a wire's other end takes carrier away, and neither the interface nor its addresses. Method: close the
/// wire, look, connect again.
#[test]
fn carrier_follows_the_wire_and_the_interface_stays() {
    let Some(node) = Node::start() else { return };
    let [first, second] = node.plug();
    assert!(node.run(&["ip", "link", "show", "eth1"]).contains("LOWER_UP"));
    drop(first);
    eventually("no carrier", || !node.port(0).carrier);
    assert!(node.run(&["ip", "link", "show", "eth1"]).contains("NO-CARRIER"));
    let port = node.port(0);
    assert!(port.present && port.addresses.contains(&"10.0.1.1/24".to_owned()), "{port:?}");
    assert!(node.port(1).carrier, "the other wire has nothing to do with it");
    let _first = accept(&node.wire(0));
    eventually("carrier again", || node.port(0).carrier);
    assert_eq!(node.port(0).carriers, 2);
    // Pulled out by hand: the other end reads the end of the wire.
    assert_eq!(node.ask(&Request::Link { interface: "eth2".to_owned(), up: false }), Some(Answer::Done));
    read_to_end(&second);
    eventually("no carrier", || !node.port(1).carrier);
    assert!(UnixStream::connect(node.wire(1)).is_err(), "nobody listens on a wire that is pulled out");
}

fn read_to_end(mut stream: &UnixStream) {
    stream.set_read_timeout(Some(EVENTUALLY)).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

/// Goal: a node that dies takes its interfaces and wires with it, and comes up again behind the same bridge. Method: kill its
/// first process.
#[test]
fn a_node_comes_up_again_behind_its_bridge() {
    let Some(node) = Node::start() else { return };
    let [first, _second] = node.plug();
    kill(Pid::from_raw(node.status().pid.unwrap()), Signal::SIGKILL).unwrap();
    read_to_end(&first);
    eventually("it is gone", || node.status().pid.is_none() && !node.port(0).present && !node.port(1).present);
    assert_eq!(node.ask(&Request::Start), Some(Answer::Done), "{}", node.log());
    let _wires = node.plug();
    assert!(node.port(0).addresses.contains(&"10.0.1.1/24".to_owned()));
    assert_eq!(node.run(&["hostname"]).trim(), "r1");
}

/// Goal: a command that cannot be, or fails, is said. Method: a node whose preparation fails, and one whose command ends at once.
#[test]
fn a_node_that_does_not_come_up_says_why() {
    let Some(mut node) = Node::start() else { return };
    let refused = |node: &Node| match node.ask(&Request::Start) {
        Some(Answer::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    for (cmd, exec, said) in [
        (vec!["true".to_owned()], Vec::new(), "ended at once (exit status: 0)"),
        (Vec::new(), vec![vec!["false".to_owned()]], "it ended while it started (exit status: 70)"),
    ] {
        kill(Pid::from_raw(node.status().pid.unwrap_or_else(|| node.bridge.id() as i32)), Signal::SIGKILL).unwrap();
        let _ = node.bridge.kill();
        let _ = node.bridge.wait();
        let command = NodeCommand { cmd, exec, log: node.dir.path().join("node.log"), ..NodeCommand::default() };
        node.config.command = Some(command);
        let file = node.dir.path().join("config.json");
        std::fs::write(&file, serde_json::to_vec(&node.config).unwrap()).unwrap();
        let serve = ["serve", "--config"];
        node.bridge =
            Command::new(env!("CARGO_BIN_EXE_bridge")).args(serve).arg(file).stdin(Stdio::null()).spawn().unwrap();
        eventually("the bridge listens", || node.ask(&Request::Status).is_some());
        let why = refused(&node);
        assert!(why.contains(said), "{why}\n{}", node.log());
        eventually("nothing runs", || node.status().pid.is_none());
    }
    assert!(node.log().contains("exec 'false': exit status: 1"), "{}", node.log());
}
