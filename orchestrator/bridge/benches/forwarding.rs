//! Frames of 128 bytes from one wire through a node's own forwarding to another: what it costs the bridge in each direction.
//! Needs root. Each direction has a thread of its own; its processor time is the kernel's account of it.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use bridge::{
    config::{Config, Interface, NodeCommand, Port},
    request::{Answer, Request, ask},
};
use etherparse::PacketBuilder;
use fabric_proto::wire;
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const TIME: Duration = Duration::from_secs(3);
const ENDS: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 2, 1]];
const NODE: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 2], [2, 0, 0, 0, 2, 2]];

fn main() {
    if std::env::args().any(|word| word == "--test" || word == "--list") {
        return;
    }
    if !nix::unistd::Uid::effective().is_root() {
        println!("not run: it needs root");
        return;
    }
    println!("{:32} {:>12} {:>24} {:>24}", "", "through", "in: frames/s of a core", "out: frames/s of a core");
    measure("one frame at a time", |at| at as u16);
    measure("trains of one flow", |_| 7);
}

/// Offers datagrams whose source ports are `port`'s.
fn measure(what: &str, port: impl Fn(usize) -> u16) {
    let dir = tempfile::tempdir().unwrap();
    let mut bridge = start(dir.path());
    let path = |name: &str| dir.path().join(name);
    let first = UnixListener::bind(path("wire0")).unwrap();
    let first = first.accept().unwrap().0;
    let second = eventually(|| UnixStream::connect(path("wire1")).ok());
    let bytes: Vec<u8> = (0..1_024).flat_map(|at| record(port(at))).collect();
    thread::scope(|scope| {
        let end = Instant::now() + TIME;
        let (sink, source) = (second.try_clone().unwrap(), first.try_clone().unwrap());
        let read = scope.spawn(move || {
            let (mut buffer, mut total) = (vec![0; 1 << 20], 0);
            let mut stream = &sink;
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                total += count;
            }
            total / 130
        });
        scope.spawn(move || while Instant::now() < end && (&source).write_all(&bytes).is_ok() {});
        thread::sleep(Duration::from_millis(500));
        let before = (usage(bridge.id()), counters(dir.path()), Instant::now());
        thread::sleep(TIME - Duration::from_millis(1_000));
        let after = (usage(bridge.id()), counters(dir.path()), Instant::now());
        let seconds = (after.2 - before.2).as_secs_f64();
        let frames = [(after.1)[0] - (before.1)[0], (after.1)[1] - (before.1)[1]];
        let of_core = |side: usize| frames[side] as f64 / ((after.0)[side] - (before.0)[side]) / 1e6;
        println!(
            "{what:32} {:>7.2} Mpps {:>19.2} Mpps {:>19.2} Mpps",
            frames[1] as f64 / seconds / 1e6,
            of_core(0),
            of_core(1)
        );
        first.shutdown(std::net::Shutdown::Both).unwrap();
        second.shutdown(std::net::Shutdown::Both).unwrap();
        let _ = read.join();
    });
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(bridge.id() as i32), nix::sys::signal::Signal::SIGTERM);
    let _ = bridge.wait();
}

fn record(port: u16) -> Vec<u8> {
    let (mut frame, mut record) = (Vec::new(), Vec::new());
    let ip = PacketBuilder::ethernet2(ENDS[0], NODE[0]).ipv4([10, 0, 1, 2], [10, 0, 2, 2], 64);
    ip.udp(port, 9).write(&mut frame, &[0; 86]).unwrap();
    wire::push(&mut record, &frame);
    record
}

fn start(dir: &Path) -> Child {
    let port = |index: usize| Port {
        interface: Interface::Node { name: format!("eth{}", index + 1), mac: NODE[index] },
        wire: dir.join(format!("wire{index}")),
        listen: index == 1,
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut exec = vec![
        words("ip addr add 10.0.1.1/24 dev eth1"),
        words("ip addr add 10.0.2.1/24 dev eth2"),
        words("ip neigh add 10.0.2.2 lladdr 02:00:00:00:02:01 dev eth2"),
    ];
    exec.push(vec!["sh".into(), "-c".into(), "echo 1 > /proc/sys/net/ipv4/ip_forward".into()]);
    let command = NodeCommand { exec, log: dir.join("log"), ..NodeCommand::default() };
    let config = Config {
        node: "r1".to_owned(),
        socket: dir.join("socket"),
        ports: vec![port(0), port(1)],
        command: Some(command),
    };
    fs::write(dir.join("config"), serde_json::to_vec(&config).unwrap()).unwrap();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_bridge"));
    let serve = serve.args(["serve", "--config"]).arg(dir.join("config")).stdin(Stdio::null()).stderr(Stdio::null());
    let child = serve.spawn().unwrap();
    let started = eventually(|| ask(&dir.join("socket"), &Request::Start).ok());
    assert_eq!(started, Answer::Done, "{}", fs::read_to_string(dir.join("log")).unwrap());
    child
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < limit, "it does not come up"),
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Frames in on the first wire, and out on the second.
fn counters(dir: &Path) -> [u64; 2] {
    match ask(&dir.join("socket"), &Request::Status).unwrap() {
        Answer::Status(status) => [status.ports[0].counters.to_node, status.ports[1].counters.from_node],
        other => panic!("{other:?}"),
    }
}

/// Seconds of processor time of the two wires' threads.
fn usage(pid: u32) -> [f64; 2] {
    let mut used = [0.0; 2];
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap();
        let side = match name.trim() {
            "eth1" => 0,
            "eth2" => 1,
            _ => continue,
        };
        let ran = fs::read_to_string(task.path().join("schedstat")).unwrap();
        used[side] = ran.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9;
    }
    used
}
