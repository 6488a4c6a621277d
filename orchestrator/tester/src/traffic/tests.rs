//! The tester against a line card that is a thread: wires of port 1 and port 2, and what lies between them.

use super::*;
use fabric_proto::{
    fib::Mac,
    operator::{Event, Exit, FlowSpec},
    wire,
};
use measure::{Misdelivery, TrafficEvidence};
use std::{os::unix::net::UnixStream, path::PathBuf, thread::JoinHandle};
use tempfile::TempDir;

const CHASSIS: Mac = [2, 0, 0, 0, 1, 1];
const NEIGHBOUR: Mac = [2, 0, 0, 0, 2, 2];

struct Bench {
    runtime: tokio::runtime::Runtime,
    traffic: Traffic,
    events: Events,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let events = Events::default();
        let wires = [1, 2].map(|port| WireEnd { port, path: path(&folder, port), listen: true, addresses: Vec::new() });
        let (traffic, _) = Traffic::start(&wires, events.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, traffic, events, folder }
    }

    fn dial(&self, port: u8) -> UnixStream {
        UnixStream::connect(path(&self.folder, port)).unwrap()
    }

    fn call(&self, command: Command) -> Reply {
        self.runtime.block_on(self.traffic.call(command))
    }

    /// Waits for the next event after `after`.
    fn event(&self, after: u64) -> Event {
        self.runtime.block_on(self.events.after(after)).remove(0)
    }

    fn port_event(&self, after: u64, port: u8, up: bool) -> u64 {
        let event = self.event(after);
        assert_eq!(event.kind, EventKind::Port { port, up });
        event.number
    }

    fn load(&self, flows: u32, rate_pps: f64, frame_size: u16, at_most_ms: u64) {
        let flows = (0..flows)
            .map(|n| FlowSpec {
                from: 1,
                vlan: None,
                port_mac: CHASSIS,
                source: if n % 2 == 0 { "10.0.0.1".parse().unwrap() } else { "fd00::1".parse().unwrap() },
                destination: match n % 2 {
                    0 => std::net::Ipv4Addr::from(0x0800_0000 + n).into(),
                    _ => std::net::Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(n)).into(),
                },
                expect: vec![Exit { port: 2, vlan: None, mac: NEIGHBOUR }],
                hops: 1,
            })
            .collect();
        let spec = TrafficSpec { flows, rate_pps, frame_size, at_most_ms };
        assert_eq!(self.call(Command::Prepare(spec)), Reply::Done);
        assert!(matches!(self.call(Command::Start), Reply::Started(_)));
    }

    fn progress(&self) -> TrafficProgress {
        match self.call(Command::Progress) {
            Reply::Progress(progress) => progress,
            other => panic!("{other:?}"),
        }
    }

    /// Asks again and again until the load is as it should be.
    fn until(&self, reached: impl Fn(&TrafficProgress) -> bool) -> TrafficProgress {
        let begin = std::time::Instant::now();
        loop {
            let progress = self.progress();
            if reached(&progress) {
                return progress;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{progress:?}");
        }
    }

    fn evidence(&self) -> TrafficEvidence {
        match self.call(Command::Evidence) {
            Reply::Evidence(bytes) => rmp_serde::from_slice(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

fn path(folder: &TempDir, port: u8) -> PathBuf {
    folder.path().join(format!("wire{port}"))
}

/// The next frame; `None` at the end of the stream, also in the middle of a record.
fn read_frame(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut header = [0; wire::RECORD_HEADER];
    stream.read_exact(&mut header).ok()?;
    let mut frame = vec![0; wire::peek(&header).unwrap().unwrap()];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}

fn write_frame(stream: &mut UnixStream, frame: &[u8]) {
    let mut record = Vec::new();
    wire::push(&mut record, frame);
    stream.write_all(&record).unwrap();
}

/// One hop: Ethernet addresses anew, TTL one less, the IPv4 header checksum adjusted (RFC 1141).
fn route(frame: &mut [u8]) {
    frame[..6].copy_from_slice(&NEIGHBOUR);
    frame[6..12].copy_from_slice(&CHASSIS);
    if frame[12] == 8 {
        frame[22] -= 1;
        let sum = u32::from(u16::from_be_bytes([frame[24], frame[25]])) + 0x100;
        let sum = (sum + (sum >> 16)) as u16;
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    } else {
        frame[21] -= 1;
    }
}

/// Routes `count` frames from one wire to the other; `copies` says how often each is sent on. Then both ports go down.
fn line_card(
    mut from: UnixStream,
    mut to: UnixStream,
    count: u64,
    copies: impl Fn(u64) -> u64 + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        for n in 0..count {
            let mut frame = read_frame(&mut from).unwrap();
            route(&mut frame);
            (0..copies(n)).for_each(|_| write_frame(&mut to, &frame));
        }
        write_frame(&mut to, &[0xff; 60]);
        to.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_frame(&mut to), None, "nothing is sent that way");
        from.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_frame(&mut from), None, "every packet was read");
    })
}

#[test]
fn every_packet_is_accounted_for() {
    let bench = Bench::new();
    let (from, to) = (bench.dial(1), bench.dial(2));
    bench.event(1);
    // Packet n of 4000: every tenth is dropped, every twenty-fifth of the others sent twice.
    let card = line_card(from, to, 4000, |n| match n {
        n if n % 10 == 3 => 0,
        n if n % 25 == 0 => 2,
        _ => 1,
    });
    bench.load(20, 20_000.0, 128, 200);
    let down = bench.port_event(2, 2, false);
    bench.port_event(down, 1, false);
    card.join().unwrap();
    let progress = bench.until(|progress| !progress.sending);
    assert_eq!((progress.offered, progress.sent, progress.delivered), (4000, 4000, 3600));
    let evidence = bench.evidence();
    assert_eq!((evidence.offered, evidence.generator.sent, evidence.generator.skipped), (4000, 4000, 0));
    assert_eq!((evidence.delivered(), evidence.lost(), evidence.duplicated()), (3600, 400, 160));
    assert_eq!((evidence.reordered(), evidence.misdelivered(), evidence.port_down), (0, 0, 0));
    // Twenty flows, round robin: packets 3 and 13 of each twenty are flows 3 and 13.
    for (flow, evidence) in evidence.flows.iter().enumerate() {
        assert_eq!((evidence.offered, evidence.lost()), (200, if flow % 10 == 3 { 200 } else { 0 }), "flow {flow}");
    }
    let line = bench.event(4);
    assert_eq!(line.kind, EventKind::Log { line: "1 frames received are no test packets".to_owned() });
}

#[test]
fn a_port_that_goes_down_loses_nothing_in_silence_and_comes_back() {
    let bench = Bench::new();
    let (mut from, mut to) = (bench.dial(1), bench.dial(2));
    bench.event(1);
    bench.load(4, 50_000.0, 1024, 60_000);
    let forward = |from: &mut UnixStream, to: &mut UnixStream, count: u64| {
        for _ in 0..count {
            let mut frame = read_frame(from).unwrap();
            route(&mut frame);
            write_frame(to, &frame);
        }
    };
    forward(&mut from, &mut to, 500);
    // The card reads no more until packets wait in the tester, then takes its port down and reads the rest.
    bench.until(|progress| progress.queued > 100);
    from.shutdown(Shutdown::Write).unwrap();
    let down = bench.port_event(2, 1, false);
    let mut dropped = 0;
    while read_frame(&mut from).is_some() {
        dropped += 1;
    }
    let at_rest = bench.progress();
    assert_eq!(at_rest.sent, 500 + dropped, "what was handed to the wire is what the card read");
    assert!(at_rest.port_down > 100 && at_rest.queued == 0, "{at_rest:?}");

    let mut from = bench.dial(1);
    bench.port_event(down, 1, true);
    forward(&mut from, &mut to, 500);
    let Reply::Progress(stopped) = bench.call(Command::Stop) else { panic!("no progress") };
    assert!(!stopped.sending);
    from.shutdown(Shutdown::Write).unwrap();
    let mut rest = 0;
    while read_frame(&mut from).is_some() {
        rest += 1;
    }
    bench.until(|progress| progress.delivered == 1000 && progress.queued == 0);
    let evidence = bench.evidence();
    assert_eq!(evidence.offered, stopped.offered);
    assert_eq!(evidence.generator.sent, 500 + dropped + 500 + rest);
    assert_eq!(evidence.offered, evidence.generator.sent + evidence.port_down, "{:?}", evidence.generator);
    assert_eq!(evidence.delivered(), 1000);
}

#[test]
fn without_a_carrier_every_packet_is_port_down() {
    let bench = Bench::new();
    bench.load(3, 10_000.0, 84, 50);
    bench.until(|progress| !progress.sending);
    let evidence = bench.evidence();
    assert_eq!((evidence.offered, evidence.port_down, evidence.delivered()), (500, 500, 0));
    assert!(evidence.generator.kept_pace, "{:?}", evidence.generator);
}

#[test]
fn a_wire_that_pushes_back_makes_the_generator_skip_and_say_so() {
    let bench = Bench::new();
    let _unread = bench.dial(1);
    bench.port_event(0, 1, true);
    bench.load(2, 100_000.0, 1518, 500);
    let progress = bench.until(|progress| !progress.sending);
    let evidence = bench.evidence();
    assert!(progress.queued > 0 && evidence.generator.skipped > progress.queued, "{:?}", evidence.generator);
    assert!(!evidence.generator.kept_pace);
    assert_eq!(evidence.offered, 50_000);
    assert_eq!(evidence.offered, evidence.generator.sent + evidence.generator.skipped);
}

#[test]
fn stragglers_of_the_load_before_are_foreign_and_its_waiting_packets_forgotten() {
    let bench = Bench::new();
    let (mut from, mut to) = (bench.dial(1), bench.dial(2));
    bench.event(1);
    bench.load(2, 100_000.0, 1518, 200);
    bench.until(|progress| !progress.sending && progress.queued > 0);
    bench.load(2, 1000.0, 128, 100);
    // The card is slow: first come packets of the load before, whole, then those of this one.
    let mut routed = 0;
    loop {
        let mut frame = read_frame(&mut from).unwrap();
        let last = frame.len() == 124;
        route(&mut frame);
        write_frame(&mut to, &frame);
        routed += 1;
        if last {
            break;
        }
    }
    for _ in 1..100 {
        let mut frame = read_frame(&mut from).unwrap();
        assert_eq!(frame.len(), 124);
        route(&mut frame);
        write_frame(&mut to, &frame);
    }
    bench.until(|progress| progress.delivered == 100);
    let evidence = bench.evidence();
    assert_eq!((evidence.offered, evidence.generator.sent, evidence.delivered()), (100, 100, 100));
    assert_eq!(evidence.misdelivered.get(&Misdelivery::Foreign), Some(&(routed - 1)));
}

#[test]
fn commands_out_of_order_and_impossible_loads_are_refused() {
    let bench = Bench::new();
    let refused = |command| match bench.call(command) {
        Reply::Refused(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(Command::Start).contains("Prepare first"));
    assert!(refused(Command::Evidence).contains("no load was started"));
    assert_eq!(bench.progress(), TrafficProgress::default());
    let flow = FlowSpec {
        from: 1,
        vlan: None,
        port_mac: CHASSIS,
        source: "10.0.0.1".parse().unwrap(),
        destination: "8.8.8.8".parse().unwrap(),
        expect: vec![Exit { port: 2, vlan: None, mac: NEIGHBOUR }],
        hops: 1,
    };
    let good = TrafficSpec { flows: vec![flow], rate_pps: 1.0, frame_size: 64, at_most_ms: 60_000 };
    let with = |change: &dyn Fn(&mut TrafficSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        refused(Command::Prepare(spec))
    };
    assert!(with(&|spec| spec.flows[0].from = 9).contains("no port 9; it has [1, 2]"));
    assert!(with(&|spec| spec.flows[0].expect[0].port = 7).contains("no port 7"));
    assert!(with(&|spec| spec.flows[0].expect.clear()).contains("no port at which"));
    assert!(with(&|spec| spec.flows.clear()).contains("flows"));
    assert!(with(&|spec| spec.rate_pps = f64::NAN).contains("rate"));
    assert!(with(&|spec| spec.frame_size = 60).contains("too short"));
    assert!(with(&|spec| spec.at_most_ms = 0).contains("at_most_ms"));
    assert_eq!(bench.call(Command::Prepare(good)), Reply::Done);
    assert!(matches!(bench.call(Command::Start), Reply::Started(_)));
    assert!(refused(Command::Evidence).contains("send Stop first"));
}

#[test]
fn sockets_left_behind_are_replaced_and_taken_away_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let wires = [WireEnd { port: 1, path: path(&folder, 1), listen: true, addresses: Vec::new() }];
    drop(std::os::unix::net::UnixListener::bind(&wires[0].path).unwrap());
    let (traffic, ended) = Traffic::start(&wires, Events::default()).unwrap();
    traffic.end();
    ended.blocking_recv().unwrap().unwrap();
    assert!(!wires[0].path.exists());
    let nowhere = [WireEnd { port: 1, path: folder.path().join("none/wire"), listen: true, addresses: Vec::new() }];
    let error = Traffic::start(&nowhere, Events::default()).unwrap_err().to_string();
    assert!(error.contains("port 1: cannot listen at"), "{error}");
}

#[test]
fn whoever_asks_for_a_ports_address_is_answered_with_a_load_and_without() {
    let mut bench = Bench::new();
    let own: std::net::IpAddr = "10.1.0.10".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wires = [1, 2].map(|port| WireEnd { port, path: path(&folder, port), listen: true, addresses: vec![own] });
    let (traffic, _) = Traffic::start(&wires, bench.events.clone()).unwrap();
    (bench.traffic, bench.folder) = (traffic, folder);
    let (mut one, _two) = (bench.dial(1), bench.dial(2));
    let head = [&[0xff; 6][..], &CHASSIS, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &CHASSIS, &[10, 1, 0, 1]].concat();
    let mut asked = Vec::new();
    wire::push(&mut asked, &[&head[..], &[0; 6], &[10, 1, 0, 10]].concat());
    let is_answer = |frame: &[u8]| frame[..6] == CHASSIS && frame[12..14] == [8, 6] && frame[20..22] == [0, 2];
    one.write_all(&asked).unwrap();
    assert!(is_answer(&read_frame(&mut one).unwrap()), "without a load");
    bench.load(2, 1_000.0, 128, 60_000);
    one.write_all(&asked).unwrap();
    let mut frames = std::iter::from_fn(|| read_frame(&mut one));
    assert!(frames.any(|frame| is_answer(&frame)), "between test packets");
    bench.call(Command::Stop);
    let evidence = bench.evidence();
    assert_eq!(evidence.delivered() + evidence.misdelivered(), 0, "a question is no packet of the load");
}
