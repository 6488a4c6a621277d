//! Copies of packets, read back by another program where there is one; and probes.

use crate::bench::{Bench, Experiment, LAB, eventually, send, shipped};
use chassis_tests::ended::Ended;
use nix::sys::signal::Signal;
use pcap_file::pcapng::{
    Block, PcapNgReader,
    blocks::{
        enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
        interface_description::InterfaceDescriptionOption,
        interface_statistics::InterfaceStatisticsOption,
        opt_common::CommonOption,
    },
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
};

/// A capture that was read back.
#[derive(Default)]
struct Read {
    /// By name: packets.
    packets: BTreeMap<String, Vec<Packet>>,
    /// By name: what the end says was missed.
    missed: BTreeMap<String, u64>,
}

struct Packet {
    inbound: bool,
    comment: String,
    frame: Vec<u8>,
}

fn packet(block: &EnhancedPacketBlock<'_>) -> Packet {
    let comment = block.options.iter().find_map(|option| match option {
        EnhancedPacketOption::Common(CommonOption::Comment(text)) => Some(text.to_string()),
        _ => None,
    });
    let inbound = block.options.contains(&EnhancedPacketOption::Flags(1));
    assert!(inbound || block.options.contains(&EnhancedPacketOption::Flags(2)), "neither in nor out");
    Packet { inbound, comment: comment.unwrap_or_default(), frame: block.data.to_vec() }
}

/// Reads a capture: all of it, whatever the end.
fn read(bytes: &[u8]) -> Read {
    let (mut read, mut names) = (Read::default(), Vec::new());
    let mut reader = PcapNgReader::new(bytes).unwrap();
    while let Some(block) = reader.next_block() {
        match block.unwrap().0 {
            Block::InterfaceDescription(interface) => {
                let name = interface.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                    _ => None,
                });
                names.push(name.unwrap());
                read.packets.insert(names.last().unwrap().clone(), Vec::new());
            }
            Block::EnhancedPacket(block) => {
                read.packets.get_mut(&names[block.interface_id as usize]).unwrap().push(packet(&block));
            }
            Block::InterfaceStatistics(block) => {
                let drop = block.options.iter().find_map(|option| match option {
                    InterfaceStatisticsOption::IsbIfDrop(count) => Some(*count),
                    _ => None,
                });
                read.missed.insert(names[block.interface_id as usize].clone(), drop.unwrap());
            }
            other => panic!("{other:?}"),
        }
    }
    read
}

fn read_file(path: &Path) -> Read {
    read(&fs::read(path).unwrap())
}

/// Starts a capture into a file, and waits until its cards make copies: the file has its head then, and the cards are asked.
fn start(bench: &Bench, arguments: &[&str]) -> Child {
    let mut command = bench.command(&[&["capture", LAB], arguments].concat());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ends a capture as a person does.
fn interrupt(capture: Child) -> Ended {
    send(capture.id() as i32, Signal::SIGINT);
    capture.wait_with_output().unwrap().into()
}

/// Waits until a file has so many packets.
#[track_caller]
fn wait_for(path: &Path, packets: usize) {
    eventually("packets were captured", || {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let count = count(&bytes);
        if count >= packets { Ok(()) } else { Err(format!("{count} packets")) }
    });
}

/// Packets of a file that is perhaps being written.
fn count(bytes: &[u8]) -> usize {
    let Ok(mut reader) = PcapNgReader::new(bytes) else { return 0 };
    std::iter::from_fn(|| reader.next_block()?.ok().map(|(block, _)| matches!(block, Block::EnhancedPacket(_))))
        .filter(|is_packet| *is_packet)
        .count()
}

/// A chassis whose route processors are given packets: release 1.0 does not know that.
fn with_punts() -> Bench {
    let bench = Bench::new(10);
    bench.change("image: \"1.0\"", "image: \"2.0\"");
    bench
}

/// What a lab is asked: a ping from the active RP to the tester, which does not answer: ARP is answered by nobody either, so that
/// each costs a question on the wire.
fn provoke(bench: &Bench) {
    bench.exec("pe1", &["ping 10.1.1.99 repeat 1 timeout 1"]);
}

/// Goal: a capture under load shows what passes, loses nothing of the load, and other programs read it. Method: an SSO kill under
/// load while the ingress port, the fabric and the punts are captured; every test packet is compared with the counts.
#[test]
fn a_capture_of_a_run_shows_it_and_costs_it_nothing() {
    let bench = Bench::new(100);
    bench.write_experiment(&Experiment { rate: "2kpps", ..Experiment::default() });
    // The lab of the run is the bench's own: captured from its begin to its end.
    let run =
        bench.command(&["run", "test.experiment.yml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let file = bench.path("run.pcapng");
    let path = file.to_str().unwrap().to_owned();
    let mut capture = None;
    eventually("the lab runs", || {
        let arguments = ["pe1:1/1", "pe1:2/1", "pe1/lc:1", "pe1/active-rp", "-w", &path];
        let mut started = start(&bench, &arguments);
        // It ends at once where there is no lab yet.
        for _ in 0..50 {
            if started.try_wait().unwrap().is_some() {
                let ended: Ended = started.wait_with_output().unwrap().into();
                return Err(ended.err);
            }
            if file.exists() {
                capture = Some(started);
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        capture = Some(started);
        Ok(())
    });
    let ended: Ended = run.wait_with_output().unwrap().into();
    ended.with(0);
    // The lab that it looked at is gone.
    let captured: Ended = capture.unwrap().wait_with_output().unwrap().into();
    captured.with(0).says("the lab is gone").says("pe1:1/1: ");
    let read = read_file(&file);
    let (ingress, egress) = (&read.packets["pe1:1/1"], &read.packets["pe1:2/1"]);
    let load = |packets: &[Packet], inbound| {
        packets.iter().filter(|one| one.inbound == inbound && one.frame.len() == 124).count()
    };
    assert!(load(ingress, true) > 500, "{} packets", load(ingress, true));
    assert!(load(egress, false) > 500, "{} packets", load(egress, false));
    assert!(ingress.iter().any(|packet| packet.comment == "to 2/1 over the fabric"));
    assert!(read.packets["pe1/lc:1 fabric"].iter().any(|packet| !packet.inbound && packet.comment == "to 2/1 by lc:2"));
    assert_eq!(read.missed.values().sum::<u64>(), 0);
    tshark_agrees(&file, &read);
}

/// The same file by tshark, where there is one.
#[allow(clippy::print_stdout, reason = "a test that does not run says so")]
fn tshark_agrees(file: &Path, read: &Read) {
    let fields = ["-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "frame.comment"];
    let shown = Command::new("tshark").arg("-r").arg(file).args(["-T", "fields"]).args(fields).output();
    let Ok(shown) = shown else {
        println!("not compared: there is no tshark");
        return;
    };
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    for (name, packets) in &read.packets {
        let lines: Vec<_> = text.lines().filter(|line| line.split('\t').next() == Some(name)).collect();
        assert_eq!(lines.len(), packets.len(), "{name}");
        for (line, packet) in lines.iter().zip(packets) {
            assert!(line.contains(&packet.comment), "{line} and {}", packet.comment);
        }
    }
}

/// Goal: what is dropped and what is punted is said on the packet; a filter takes what it means; --count ends a capture. Method: pings
/// of the active RP, whose questions cross the wire, seen on the port and on the way from the RP.
#[test]
fn a_count_ends_a_capture_and_a_filter_chooses() {
    let bench = with_punts();
    bench.deploy();
    bench.settled();
    let file = bench.path("arp.pcapng");
    let capture =
        start(&bench, &["pe1:1/1", "pe1/active-rp", "--filter", "arp", "--count", "4", "-w", file.to_str().unwrap()]);
    let ended = std::thread::spawn(move || Ended::from(capture.wait_with_output().unwrap()));
    while !ended.is_finished() {
        provoke(&bench);
    }
    ended.join().unwrap().with(0).says("pe1:1/1: ");
    let read = read_file(&file);
    assert_eq!(read.packets.values().map(Vec::len).sum::<usize>(), 4);
    for packet in read.packets.values().flatten() {
        assert_eq!(packet.frame[12..14], [8, 6], "the filter says ARP");
    }
    let injected = &read.packets["pe1/lc:1 punt"];
    assert!(injected.iter().all(|packet| packet.inbound || packet.comment == "from the route processor, to 1/1"));
}

/// Goal: drop causes are on the packets. Method: a load of which a known outage drops a part, captured at the ingress.
#[test]
fn dropped_packets_say_why() {
    let bench = Bench::new(100);
    bench.write_experiment(&Experiment {
        rate: "1kpps",
        method: "{at: 0s, fault: drop, target: lc:1, for: 200ms}",
        thresholds: "{sso: {unaccounted: 0}}",
        ..Experiment::default()
    });
    let run =
        bench.command(&["run", "test.experiment.yml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let file = bench.path("drops.pcapng");
    let path = file.to_str().unwrap().to_owned();
    let captured: Ended = eventually("the lab runs", || {
        let ended: Ended =
            start(&bench, &["pe1:1/1", "--filter", "udp port 7", "-w", &path]).wait_with_output().unwrap().into();
        if ended.code == Some(2) { Err(ended.err) } else { Ok(ended) }
    });
    captured.with(0);
    let _: Ended = Ended::from(run.wait_with_output().unwrap());
    let counted = bench.cell("sso");
    let read = read_file(&file);
    let injected = read.packets["pe1:1/1"].iter().filter(|packet| packet.comment == "dropped: injected").count();
    assert!(injected > 50, "{injected} of {}; {counted}", read.packets["pe1:1/1"].len());
    assert!(read.packets["pe1:1/1"].iter().any(|packet| packet.comment.starts_with("to 2/1")));
}

/// Goal: a card that dies ends no capture; a reader that leaves does. Method: kill the card that is looked at, start it, look for
/// packets behind its new life; a reader that takes some bytes and goes.
#[test]
fn a_capture_outlives_its_card_and_ends_with_its_reader() {
    let bench = with_punts();
    bench.deploy();
    bench.settled();
    let file = bench.path("lives.pcapng");
    let capture = start(&bench, &["pe1:1/1", "-w", file.to_str().unwrap()]);
    eventually("the head is written", || fs::metadata(&file).map(drop).map_err(|error| error.to_string()));
    provoke_until(&bench, &file, 1);
    bench.fault("kill", "pe1/lc:1");
    bench.fault("restart", "pe1/lc:1");
    bench.settled();
    let before = count(&fs::read(&file).unwrap());
    provoke_until(&bench, &file, before + 1);
    let ended = interrupt(capture);
    ended.with(0).says("pe1/lc:1 does not answer; the capture goes on").says("pe1/lc:1 is there again");
    assert!(read_file(&file).packets["pe1:1/1"].len() > before);

    // A closed pipe: no error, and no capture is left.
    let mut command = bench.command(&["capture", LAB, "pe1:1/1"]);
    let mut capture = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut head = [0; 28];
    capture.stdout.take().unwrap().read_exact(&mut head).unwrap();
    assert_eq!(head[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    let ended = std::thread::spawn(move || Ended::from(capture.wait_with_output().unwrap()));
    while !ended.is_finished() {
        provoke(&bench);
    }
    ended.join().unwrap().with(0);
}

#[track_caller]
fn provoke_until(bench: &Bench, file: &Path, packets: usize) {
    eventually("packets come", || {
        provoke(bench);
        let count = count(&fs::read(file).unwrap());
        if count >= packets { Ok(()) } else { Err(format!("{count} packets")) }
    });
    wait_for(file, packets);
}

/// Goal: what cannot be captured or traced is refused with what to do, before anything is asked.
#[test]
fn what_cannot_be_looked_at_is_refused() {
    let bench = Bench::new(10);
    bench.swact(&["capture", LAB, "pe1:1/1"]).with(2).says("does not run");
    bench.swact(&["capture", LAB, "pe1:1/1", "--filter", "udp prot 7"]).with(2).says("character 5").says("'prot'");
    bench.deploy();
    for (place, why) in [
        ("pe1:3/1", "pe1 has no line card in slot 3"),
        ("pe2:1/1", "the lab has no port '1/1' of a node 'pe2'"),
        ("t1:p1", "where in is out: pe1:1/1"),
        ("pe1/rp:A", "write active-rp"),
        ("pe1", "neither a port nor a card"),
        ("pe1/lc:9", "no line card in slot 9"),
    ] {
        bench.swact(&["capture", LAB, place]).with(2).says(why);
    }
    bench.swact(&["trace", LAB, "t1:p9", "192.0.2.1"]).with(2).says("no chassis is at the other end");
    bench.swact(&["trace", LAB, "t1:p1"]).with(2);
    bench.swact(&["trace", LAB, "t1:p1", "--frame", "0g"]).with(2).says("'g'");
}

fn trace(bench: &Bench, arguments: &[&str], code: i32) -> Value {
    let shown = bench.swact(&[&["--format", "json", "trace", LAB], arguments].concat()).with(code);
    serde_json::from_str(&shown.out).unwrap()
}

fn decision<'a>(traced: &'a Value, at: &str, step: &str) -> &'a str {
    let all = traced["decisions"].as_array().unwrap();
    let found = all.iter().find(|one| one["at"].as_str().unwrap().starts_with(at) && one["step"] == step);
    found.unwrap_or_else(|| panic!("no {step} at {at}: {traced:#}"))["says"].as_str().unwrap()
}

/// Goal: a probe is told the way that the load's packets take through two chassis with two wires between them. Method: capture the
/// load at both wires, trace each of its flows as it entered, and compare. What probes there were is in no counter.
#[test]
fn a_trace_goes_the_way_of_the_load() {
    let bench = Bench::new(10);
    for (name, text) in [
        (format!("{LAB}.chassis.yml"), shipped("core/core.chassis.yml").replace("name: core", &format!("name: {LAB}"))),
        ("pe1.cfg".to_owned(), shipped("core/pe1.cfg")),
        ("pe2.cfg".to_owned(), shipped("core/pe2.cfg")),
    ] {
        bench.write(&name, &text);
    }
    bench.write_experiment(&Experiment {
        rate: "1kpps",
        method: "{at: 500ms, fault: kill, target: pe1/active-rp}",
        ..Experiment::default()
    });
    let run =
        bench.command(&["run", "test.experiment.yml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let file = bench.path("core.pcapng");
    let path = file.to_str().unwrap().to_owned();
    let arguments = ["pe1:1/1", "pe1:2/1", "pe1:2/2", "--filter", "udp port 7", "-w", &path];
    let captured: Ended = eventually("the lab runs", || {
        let ended: Ended = start(&bench, &arguments).wait_with_output().unwrap().into();
        if ended.code == Some(2) { Err(ended.err) } else { Ok(ended) }
    });
    captured.with(0);
    Ended::from(run.wait_with_output().unwrap()).with(0);
    let read = read_file(&file);
    // Flows by what stays the same of them: addresses and ports.
    let flow = |frame: &[u8]| if frame[12..14] == [8, 0] { frame[26..38].to_vec() } else { frame[22..58].to_vec() };
    let inbound = read.packets["pe1:1/1"].iter().filter(|one| one.inbound);
    let entered: BTreeMap<_, _> = inbound.map(|one| (flow(&one.frame), &one.frame)).collect();
    assert!(entered.len() >= 40, "{} flows", entered.len());
    let wires = ["2/1", "2/2"].map(|wire| {
        let packets = &read.packets[&format!("pe1:{wire}")];
        (
            wire,
            packets
                .iter()
                .filter(|one| !one.inbound)
                .map(|one| flow(&one.frame))
                .collect::<std::collections::BTreeSet<_>>(),
        )
    });
    assert!(wires.iter().all(|(_, flows)| !flows.is_empty()), "both wires carry some of the load");

    bench.deploy();
    let before = received(&bench);
    let mut seen = std::collections::BTreeSet::new();
    for (flow, frame) in entered.iter().take(12) {
        let digits: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let traced = trace(&bench, &["t1:p1", "--frame", &digits], 0);
        let path = decision(&traced, "pe1:1/1", "path");
        let taken: Vec<_> = wires.iter().filter(|(_, flows)| flows.contains(flow)).map(|(wire, _)| *wire).collect();
        assert_eq!(taken.len(), 1, "one flow, one path");
        assert!(path.ends_with(&format!("of 2: by {}", taken[0])), "{path}, and the load took {taken:?}");
        assert_eq!((&traced["outcome"], &traced["what"]), (&"delivered".into(), &"t1:p2".into()));
        seen.insert(taken[0]);
    }
    assert_eq!(seen.len(), 2, "probes of both wires");
    assert_eq!(received(&bench), before, "probes are in no counter");
    bench.destroy().with(0);
}

/// What the line card has received by which all probes come in, and nothing else: chassis also speak to each other by themselves.
fn received(bench: &Bench) -> Value {
    let cards = bench.inspect().into_iter();
    let mut entry = cards.filter(|(name, _)| name == "pe1/1").map(|(_, stats)| stats["lc"]["received"].clone());
    entry.next().unwrap()
}

/// Goal: a probe that goes nowhere says why: no route, the chassis itself, no hop left. Method: one probe each.
#[test]
fn a_trace_that_ends_on_the_way_says_why() {
    let bench = with_punts();
    bench.deploy();
    bench.settled();
    let unrouted = trace(&bench, &["t1:p1", "240.9.9.9"], 1);
    assert_eq!(unrouted["what"], "destination_reserved");
    let unrouted = trace(&bench, &["t1:p1", "203.0.113.77"], 1);
    assert_eq!((&unrouted["outcome"], &unrouted["what"]), (&"dropped".into(), &"no_route".into()));
    assert!(decision(&unrouted, "pe1:1/1", "look-up").starts_with("no prefix covers it"));
    let own = trace(&bench, &["t1:p1", "10.2.1.1"], 0);
    assert_eq!((&own["outcome"], &own["what"]), (&"punted".into(), &"for-us".into()));
    let expired = trace(&bench, &["t1:p1", "10.2.1.10", "--ttl", "1"], 1);
    assert_eq!(expired["what"], "ttl_expired");
    let through = trace(&bench, &["t1:p1", "10.2.1.10"], 0);
    assert_eq!(through["what"], "t1:p2");
    assert!(decision(&through, "pe1:1/1", "rewrite").contains("TTL 64 to 63"));
    // People see the same.
    let shown = bench.swact(&["trace", LAB, "t1:p1", "203.0.113.77"]).with(1);
    shown.says("no_route").says("in no counter of packets");
    bench.fault("kill", "pe1/lc:2");
    let dead = trace_after_death(&bench);
    assert_eq!(dead["outcome"], "dropped", "{dead:#}");
}

/// Routes may move, and the link is known to be down a moment later.
fn trace_after_death(bench: &Bench) -> Value {
    eventually("the card is missed", || {
        let shown = bench.swact(&["--format", "json", "trace", LAB, "t1:p1", "10.2.1.10"]);
        let traced: Value = serde_json::from_str(&shown.out).map_err(|_| shown.err.clone())?;
        if traced["outcome"] == "dropped" { Ok(traced) } else { Err(format!("{traced:#}")) }
    })
}
