use super::*;
use crate::{encap::HEADROOM, explain::explain, fib_sync::FibCopy, paths::Hop, tables::TablesWriter};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket};
use fabric_proto::{
    cell::FRAME_MAX,
    fib::{BatchBuilder, Birth, FibKey, HEADER_MAX, ListUpdate, Path, PathList, Prefix, ProtocolField, Rewrite},
    flow,
    id::{CardId, LcSlot, PortId, Slot, TableId},
    linecard::{FibPart, FibUpdate, InterfaceConfig, PortConfig},
    trace::{TraceHop, TraceStep},
};
use proptest::prelude::*;
use std::sync::Arc;

const PORT_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const NEIGHBOUR: [u8; 6] = [2, 0, 0, 0, 9, 9];
const EGRESS_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];

fn way(slot: u8, port: u8) -> Path {
    Path::ethernet(PortId { slot: LcSlot(slot), port }, [192, 0, 2, port].into(), NEIGHBOUR, EGRESS_MAC)
}

fn path(slot: u8, port: u8) -> PathList {
    PathList::new(vec![way(slot, port)])
}

fn seed(node: &str) -> FlowSeed {
    FlowSeed::of(&CardId::card("lab", node, Slot::Lc(LcSlot(1))))
}

fn net(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn list(id: u32, paths: PathList) -> ListUpdate {
    ListUpdate { id, birth: Birth { index: id.into(), ..Birth::default() }, paths }
}

/// Card 1 with ports 1 (up), 2 (up, small MTU) and 3 (shut down).
fn writer() -> TablesWriter {
    let mut writer = TablesWriter::new(LcSlot(1));
    let port = |port, enabled, mtu| PortConfig { port, enabled, mac: PORT_MAC, mtu };
    writer.set_ports(&[port(1, true, 1500), port(2, true, 100), port(3, false, 1500)], &[]);
    let lists = [
        (1, path(2, 1)),
        (2, path(1, 2)),
        (3, path(1, 3)),
        (4, path(1, 9)),
        (5, PathList::new(vec![Path::Receive])),
        (6, PathList::new(vec![Path::Discard])),
        (7, PathList::new(vec![Path::Unresolved { next_hop: [192, 0, 2, 77].into() }])),
    ];
    writer.set_paths(&lists.map(|(id, paths)| list(id, paths)), 0);
    for (prefix, list) in [
        ("10.0.0.0/8", 1),
        ("10.2.0.0/16", 2),
        ("10.3.0.0/16", 3),
        ("10.4.0.0/16", 4),
        ("10.5.0.0/16", 5),
        ("10.6.0.0/16", 6),
        ("10.7.0.0/16", 7),
        ("10.8.0.0/16", 8),
        ("2001:db8::/32", 1),
        ("2001:db8:2::/48", 2),
    ] {
        writer.set(net(prefix), list).unwrap();
    }
    writer
}

fn v4(destination: [u8; 4], ttl: u8, payload: usize) -> Vec<u8> {
    v4_from([198, 51, 100, 1], destination, ttl, payload)
}

fn v4_from(source: [u8; 4], destination: [u8; 4], ttl: u8, payload: usize) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(NEIGHBOUR, PORT_MAC).ipv4(source, destination, ttl).udp(7, 9);
    let mut frame = Vec::new();
    builder.write(&mut frame, &vec![0xab; payload]).unwrap();
    frame
}

fn v6(destination: &str, hop_limit: u8, payload: usize) -> Vec<u8> {
    v6_from("2001:db8::1", destination, hop_limit, payload)
}

fn v6_from(source: &str, destination: &str, hop_limit: u8, payload: usize) -> Vec<u8> {
    let [source, destination] = [source, destination].map(|text| text.parse::<std::net::Ipv6Addr>().unwrap().octets());
    let builder = PacketBuilder::ethernet2(NEIGHBOUR, PORT_MAC).ipv6(source, destination, hop_limit).udp(7, 9);
    let mut frame = Vec::new();
    builder.write(&mut frame, &vec![0xab; payload]).unwrap();
    frame
}

/// Forwards alone and in a batch, among others, which must agree; returns what the first made of the frame.
fn both(frame: &[u8], ingress: u8, tables: &Tables) -> (Verdict, Vec<u8>) {
    let mut alone = [&[0; HEADROOM], frame].concat();
    let (verdict, left) = forward(&mut alone, HEADROOM..HEADROOM + frame.len(), ingress, tables, seed("pe1"));
    let left = alone[left].to_vec();
    let mut seen = Vec::new();
    batch(&[frame, frame, frame], ingress, tables, |verdict, frame| seen.push((verdict, frame.to_vec())));
    assert_eq!(seen.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), [verdict; 3]);
    // A probe is told what packets are.
    let (_, told, shown) = explain(frame, ingress, tables, seed("pe1"));
    assert_eq!((told, &shown), (verdict, &left));
    let is_dropped = matches!(verdict, Verdict::Drop(_));
    assert!(is_dropped || seen.iter().all(|(_, other)| *other == left), "{left:?} and {seen:?}");
    (verdict, left)
}

#[test]
fn a_probe_is_told_each_decision() {
    let mut writer = writer();
    let ways = [way(2, 1), way(2, 2), way(3, 1)];
    writer.set_paths(&[list(9, PathList::new(ways.to_vec()))], 0);
    writer.set(net("10.9.0.0/16"), 9).unwrap();
    writer.set_paths(&[list(10, PathList::new(vec![Path::Lookup { table: TableId::of_vrf("red") }]))], 0);
    writer.set(net("10.10.0.0/16"), 10).unwrap();
    let tables = writer.tables();
    let steps = |destination, ttl| explain(&v4(destination, ttl, 40), 1, tables, seed("pe1")).0;
    let mut chosen = std::collections::BTreeSet::new();
    for last in 0..40 {
        let (steps, verdict, _) = explain(&v4([10, 9, 0, last], 64, 40), 1, tables, seed("pe1"));
        let [TraceStep::Classified { table: TableId::DEFAULT, flow, barred: None, .. }, looked_up, path] = &steps[..]
        else {
            panic!("{steps:?}")
        };
        assert_eq!(*looked_up, TraceStep::LookedUp { table: TableId::DEFAULT, prefix: Some(net("10.9.0.0/16")) });
        let TraceStep::Chosen { path, paths: 3, hop: TraceHop::Port(port) } = path else { panic!("{path:?}") };
        assert_eq!(usize::from(*path), flow::choose(*flow, 3));
        assert_eq!(verdict, Verdict::Fabric { slot: port.slot.0, port: port.port });
        chosen.insert(*path);
    }
    assert_eq!(chosen, [0, 1, 2].into());
    let unrouted = steps([192, 0, 2, 1], 64);
    assert_eq!(unrouted[1..], [TraceStep::LookedUp { table: TableId::DEFAULT, prefix: None }]);
    assert!(matches!(steps([10, 1, 0, 1], 1)[0], TraceStep::Classified { barred: Some(DropCause::TtlExpired), .. }));
    // Into a table that has no route for it.
    let red = TableId::of_vrf("red");
    let steps = steps([10, 10, 0, 1], 64);
    assert!(matches!(steps[2], TraceStep::Chosen { hop: TraceHop::Lookup(table), .. } if table == red));
    assert_eq!(steps[3..], [TraceStep::LookedUp { table: red, prefix: None }]);
    // What is no packet is decided about before anything is looked up.
    assert_eq!(explain(&[0; 10], 1, tables, seed("pe1")), (vec![], Verdict::Drop(DropCause::Malformed), vec![0; 10]));
}

/// Forwards frames that lie as they come from a wire, two bytes between them.
fn batch(frames: &[&[u8]], ingress: u8, tables: &Tables, sink: impl FnMut(Verdict, &[u8])) {
    let (mut buffer, mut ranges) = (vec![0; HEADROOM], Vec::new());
    for frame in frames {
        buffer.extend_from_slice(&[0xee; 2]);
        ranges.push(buffer.len()..buffer.len() + frame.len());
        buffer.extend_from_slice(frame);
    }
    forward_batch(&mut buffer, &ranges, ingress, tables, seed("pe1"), &mut Scratch::default(), sink);
}

fn verdict(frame: &[u8]) -> Verdict {
    both(frame, 1, writer().tables()).0
}

#[test]
fn every_cause_is_found() {
    let drop = Verdict::Drop;
    assert_eq!(verdict(&v4([10, 0, 0, 1], 64, 20)), Verdict::Fabric { slot: 2, port: 1 });
    assert_eq!(verdict(&v4([10, 2, 0, 1], 64, 20)), Verdict::Local { port: 2 });
    assert_eq!(verdict(&v4([10, 2, 0, 1], 64, 73)), drop(DropCause::TooBig), "it says DF");
    assert_eq!(verdict(&without_df(v4([10, 2, 0, 1], 64, 73))), drop(DropCause::NotFragmented));
    assert_eq!(verdict(&v4([10, 2, 0, 1], 64, 72)), Verdict::Local { port: 2 });
    assert_eq!(verdict(&v4([10, 3, 0, 1], 64, 20)), drop(DropCause::PortDown));
    assert_eq!(verdict(&v4([10, 4, 0, 1], 64, 20)), drop(DropCause::NoSuchPort));
    assert_eq!(verdict(&v4([10, 5, 0, 1], 64, 20)), Verdict::Punt(PuntReason::ForUs));
    assert_eq!(verdict(&v4([10, 6, 0, 1], 64, 20)), drop(DropCause::Discard));
    assert_eq!(verdict(&v4([10, 7, 0, 1], 64, 20)), Verdict::Punt(PuntReason::Glean));
    assert_eq!(verdict(&v4([10, 8, 0, 1], 64, 20)), drop(DropCause::NoAdjacency), "a path list never sent");
    assert_eq!(verdict(&v4([11, 0, 0, 1], 64, 20)), drop(DropCause::NoRoute));
    assert_eq!(verdict(&v4([10, 0, 0, 1], 1, 20)), drop(DropCause::TtlExpired));
    assert_eq!(verdict(&v4([10, 0, 0, 1], 0, 20)), drop(DropCause::TtlExpired));
    assert_eq!(verdict(&v6("2001:db8::5", 64, 20)), Verdict::Fabric { slot: 2, port: 1 });
    assert_eq!(verdict(&v6("2001:db8:2::5", 64, 20)), Verdict::Local { port: 2 });
    assert_eq!(verdict(&v6("2001:db8:2::5", 64, 60)), drop(DropCause::TooBig));
    assert_eq!(verdict(&v6("2001:db8:2::5", 1, 20)), drop(DropCause::TtlExpired));
    assert_eq!(verdict(&v6("2a00::1", 64, 20)), drop(DropCause::NoRoute));
}

/// Clears DF, which the tests' packets have.
fn without_df(mut frame: Vec<u8>) -> Vec<u8> {
    let mut ip = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap().0;
    assert!(ip.dont_fragment);
    ip.dont_fragment = false;
    ip.header_checksum = ip.calc_header_checksum();
    frame[14..34].copy_from_slice(&ip.to_bytes());
    frame
}

/// Every route there can be: what is dropped is dropped for its addresses.
fn writer_with_default_routes() -> TablesWriter {
    let mut writer = writer();
    writer.set(net("0.0.0.0/0"), 1).unwrap();
    writer.set(net("::/0"), 1).unwrap();
    writer
}

#[test]
fn nothing_is_forwarded_from_or_to_addresses_that_are_set_apart() {
    let writer = writer_with_default_routes();
    let verdict = |frame: &[u8]| both(frame, 1, writer.tables()).0;
    let forwarded = Verdict::Fabric { slot: 2, port: 1 };
    for (address, source, destination) in [
        ([0, 0, 0, 0], DropCause::SourceUnspecified, DropCause::DestinationUnspecified),
        ([0, 9, 9, 9], DropCause::SourceUnspecified, DropCause::DestinationUnspecified),
        ([127, 0, 0, 1], DropCause::SourceLoopback, DropCause::DestinationLoopback),
        ([169, 254, 9, 9], DropCause::SourceLinkLocal, DropCause::DestinationLinkLocal),
        ([224, 0, 0, 5], DropCause::SourceMulticast, DropCause::DestinationMulticast),
        ([239, 255, 255, 250], DropCause::SourceMulticast, DropCause::DestinationMulticast),
        ([240, 0, 0, 1], DropCause::SourceReserved, DropCause::DestinationReserved),
        ([255, 255, 255, 255], DropCause::SourceBroadcast, DropCause::DestinationBroadcast),
    ] {
        assert_eq!(verdict(&v4_from(address, [10, 0, 0, 1], 64, 20)), Verdict::Drop(source), "from {address:?}");
        assert_eq!(verdict(&v4(address, 64, 20)), Verdict::Drop(destination), "to {address:?}");
        // The hellos of routing protocols have a TTL of one: that is not why they go no further.
        assert_eq!(verdict(&v4(address, 1, 20)), Verdict::Drop(destination), "to {address:?} with TTL 1");
    }
    for (address, source, destination) in [
        ("::", DropCause::SourceUnspecified, DropCause::DestinationUnspecified),
        ("::1", DropCause::SourceLoopback, DropCause::DestinationLoopback),
        ("::ffff:10.0.0.1", DropCause::SourceMapped, DropCause::DestinationMapped),
        ("ff02::5", DropCause::SourceMulticast, DropCause::DestinationMulticast),
    ] {
        assert_eq!(verdict(&v6_from(address, "2a00::1", 64, 20)), Verdict::Drop(source), "from {address}");
        assert_eq!(verdict(&v6(address, 64, 20)), Verdict::Drop(destination), "to {address}");
    }
    // Of the link only: whether it is one of the chassis' own the route processor knows.
    for address in ["fe80::1", "febf::1"] {
        assert_eq!(verdict(&v6_from(address, "2a00::1", 64, 20)), Verdict::Drop(DropCause::SourceLinkLocal));
        assert_eq!(verdict(&v6(address, 64, 20)), Verdict::Punt(PuntReason::ForUs), "to {address}");
    }
    for source in [[1, 0, 0, 1], [126, 0, 0, 1], [128, 0, 0, 1], [169, 253, 0, 1], [223, 255, 255, 255]] {
        assert_eq!(verdict(&v4_from(source, [11, 0, 0, 1], 64, 20)), forwarded, "from {source:?}");
    }
    for source in ["::2", "fec0::1", "fd00::1"] {
        assert_eq!(verdict(&v6_from(source, "2a00::1", 64, 20)), forwarded, "from {source}");
    }
}

/// RFC 1812 §5.3.1: a TTL that is used up is no reason not to receive; nor is an address that is not forwarded to.
#[test]
fn what_is_for_the_router_is_received_whatever_its_ttl() {
    let mut writer = writer();
    writer.set(net("169.254.7.1/32"), 5).unwrap();
    writer.set(net("2001:db8::1/128"), 5).unwrap();
    let verdict = |frame: &[u8]| both(frame, 1, writer.tables()).0;
    for ttl in [0, 1, 64] {
        assert_eq!(verdict(&v4([10, 5, 0, 1], ttl, 20)), Verdict::Punt(PuntReason::ForUs), "TTL {ttl}");
        assert_eq!(verdict(&v4([169, 254, 7, 1], ttl, 20)), Verdict::Punt(PuntReason::ForUs), "TTL {ttl}");
        assert_eq!(verdict(&v6("2001:db8::1", ttl, 20)), Verdict::Punt(PuntReason::ForUs), "hop limit {ttl}");
        assert_eq!(verdict(&v6("fe80::7", ttl, 20)), Verdict::Punt(PuntReason::ForUs), "hop limit {ttl}");
    }
    // From a neighbour by its address on the link, too; that goes no further.
    assert_eq!(verdict(&v6_from("fe80::9", "2001:db8::1", 255, 20)), Verdict::Punt(PuntReason::ForUs));
    assert_eq!(verdict(&v6_from("fe80::9", "2001:db8::5", 255, 20)), Verdict::Drop(DropCause::SourceLinkLocal));
    let martian = v4_from([127, 0, 0, 1], [10, 5, 0, 1], 64, 20);
    assert_eq!(verdict(&martian), Verdict::Drop(DropCause::SourceLoopback), "not even for the router itself");
    let frame = v4([10, 5, 0, 1], 1, 20);
    assert_eq!(both(&frame, 1, writer.tables()).1, frame, "what is received is not rewritten");
}

/// Tables with one route by several ports of another card.
fn ecmp(ports: u8) -> TablesWriter {
    let mut writer = writer();
    writer.set_paths(&[list(9, PathList::new((1..=ports).map(|port| way(2, port)).collect()))], 0);
    writer.set(net("20.0.0.0/8"), 9).unwrap();
    writer
}

/// A tester's flow: as `swact` makes them.
fn flow_frame(n: u32) -> Vec<u8> {
    let [_, a, b, c] = n.wrapping_mul(0x9e37_79b1).to_be_bytes();
    let ports = (0xc020 + (n % 0x2000) as u16, 7);
    let builder = PacketBuilder::ethernet2(NEIGHBOUR, PORT_MAC).ipv4([10, 1, 1, 10], [20, a, b, c], 64);
    let mut frame = Vec::new();
    builder.udp(ports.0, ports.1).write(&mut frame, &[0; 40]).unwrap();
    frame
}

fn egress_port(frame: &[u8], tables: &Tables, seed: FlowSeed) -> u8 {
    match forward(&mut frame.to_vec(), 0..frame.len(), 1, tables, seed).0 {
        Verdict::Fabric { port, .. } => port,
        other => panic!("{other:?}"),
    }
}

/// Two tiers of two ports each: 2,000 flows through r1, and from there through r2 or r3.
#[test]
fn two_tiers_use_every_port_of_the_second() {
    let writer = ecmp(2);
    let tables = writer.tables();
    let mut shares = [[0; 2]; 2];
    for frame in (0..2000).map(flow_frame) {
        let first = usize::from(egress_port(&frame, tables, seed("r1"))) - 1;
        let second = egress_port(&frame, tables, seed(["r2", "r3"][first]));
        shares[first][usize::from(second) - 1] += 1;
    }
    assert!(shares.as_flattened().iter().all(|share| (400..=600).contains(share)), "{shares:?}");
}

/// What the command line computes (`show ip cef exact-route`) is what a packet does.
#[test]
fn a_packet_takes_the_path_that_its_flow_is_given() {
    for ports in [2, 3, 16] {
        let writer = ecmp(ports);
        for frame in (0..300).map(flow_frame) {
            let [a, b, c, d] = *frame[30..].first_chunk().unwrap();
            let destination = u32::from_be_bytes([a, b, c, d]);
            let l4 = u32::from_be_bytes(*frame[34..].first_chunk().unwrap());
            let hash = seed("pe1").hash_v4(0x0a01_010a, destination, l4);
            let port = egress_port(&frame, writer.tables(), seed("pe1"));
            assert_eq!(usize::from(port) - 1, flow::choose(hash, ports.into()));
        }
    }
}

/// Port 2/1 by a rewrite of its own for 30/8, port 1/2 by the same for 31/8.
fn rewriting(rewrite: Rewrite) -> TablesWriter {
    let mut writer = writer();
    let rewrite = Arc::new(rewrite);
    for (id, slot, port) in [(20, 2, 1), (21, 1, 2)] {
        let port = PortId { slot: LcSlot(slot), port };
        let path = Path::Port { port, next_hop: [192, 0, 2, 1].into(), rewrite: Arc::clone(&rewrite) };
        writer.set_paths(&[list(id, PathList::new(vec![path]))], 0);
    }
    writer.set(net("30.0.0.0/8"), 20).unwrap();
    writer.set(net("31.0.0.0/8"), 21).unwrap();
    writer
}

/// Frames grow into the place of those before them, which have left by then.
#[test]
fn a_longer_rewrite_is_put_before_the_packet() {
    let labels = [16, 17].map(|label| label.try_into().unwrap());
    let tagged = Rewrite::tagged(NEIGHBOUR, EGRESS_MAC, 100);
    let tunnel = Rewrite::new(&[0x77; HEADER_MAX], ProtocolField::EtherType).unwrap();
    for (rewrite, grown) in [
        (tagged.clone(), 4),
        (Rewrite::ethernet(NEIGHBOUR, EGRESS_MAC).with_labels(&labels).unwrap(), 8),
        (tagged.with_labels(&labels).unwrap(), 12),
        (tunnel.with_labels(&labels).unwrap(), HEADER_MAX + 10 - 14),
    ] {
        let writer = rewriting(rewrite);
        let frame = v4([30, 0, 0, 1], 64, 20);
        let (verdict, left) = both(&frame, 1, writer.tables());
        assert_eq!(verdict, Verdict::Fabric { slot: 2, port: 1 });
        assert_eq!(left.len(), frame.len() + grown);
        let packet = &left[left.len() - (frame.len() - 14)..];
        assert_eq!((packet[8], &packet[12..]), (63, &frame[26..]), "one hop less, and the rest untouched");
    }
}

/// Of a short frame of Ethernet, what pads it is left where it came from.
#[test]
fn a_label_is_put_before_the_packet_and_not_before_its_padding() {
    let writer = rewriting(Rewrite::ethernet(NEIGHBOUR, EGRESS_MAC).with_labels(&[5.try_into().unwrap()]).unwrap());
    let mut frame = v4([30, 0, 0, 1], 64, 1);
    let length = frame.len();
    frame.resize(60, 0);
    assert_eq!(both(&frame, 1, writer.tables()).1.len(), length + 4);
}

#[test]
fn what_a_rewrite_makes_too_long_is_dropped() {
    let labels = [16, 17].map(|label| label.try_into().unwrap());
    let tables = rewriting(Rewrite::ethernet(NEIGHBOUR, EGRESS_MAC).with_labels(&labels).unwrap());
    let verdict = |payload| both(&v4([31, 0, 0, 1], 64, payload), 1, tables.tables()).0;
    assert_eq!(verdict(64), Verdict::Local { port: 2 }, "100 bytes with its labels");
    assert_eq!(verdict(65), Verdict::Drop(DropCause::TooBig));
    let tables = rewriting(Rewrite::tagged(NEIGHBOUR, EGRESS_MAC, 5));
    let verdict = |frame: Vec<u8>| both(&frame, 1, tables.tables()).0;
    assert_eq!(verdict(v4([31, 0, 0, 1], 64, 72)), Verdict::Local { port: 2 }, "a tag is no part of the packet");
    assert_eq!(verdict(v4([31, 0, 0, 1], 64, 73)), Verdict::Drop(DropCause::TooBig));
    assert_eq!(verdict(without_df(v4([31, 0, 0, 1], 64, 73))), Verdict::Drop(DropCause::NotFragmented));
    let longest = |grown: usize| v4([30, 0, 0, 1], 64, FRAME_MAX - grown - 42);
    assert_eq!(verdict(longest(4)), Verdict::Fabric { slot: 2, port: 1 });
    assert_eq!(verdict(longest(3)), Verdict::Drop(DropCause::TooBig), "longer than the chassis carries");
}

const RED: TableId = TableId(7);
const BLUE: TableId = TableId(8);

/// Port 1 with a subinterface in each VRF and one in the default table, port 2 in one of the VRFs.
fn with_vrfs() -> TablesWriter {
    let mut writer = writer();
    let port = |port| PortConfig { port, enabled: true, mac: PORT_MAC, mtu: 1500 };
    let interface = |port, vlan, table| InterfaceConfig { port, vlan, table };
    let interfaces =
        [interface(1, 100, RED), interface(1, 200, BLUE), interface(1, 300, TableId::DEFAULT), interface(2, 0, RED)];
    writer.set_ports(&[port(1), port(2)], &interfaces);
    for (id, slot, table) in [(30, 7, RED), (31, 8, BLUE)] {
        writer.set_paths(&[list(id, path(slot, 1))], 0);
        writer.set(FibKey::Ip(table, net("10.0.0.0/8")), id).unwrap();
        writer.set(FibKey::Ip(table, net("2001:db8::/32")), id).unwrap();
    }
    writer
}

/// The same frame with a tag.
fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    [&frame[..12], &[0x81, 0x00], &tag.to_be_bytes(), &frame[12..]].concat()
}

/// One destination, in as many tables as there are: each packet goes by the one that it came in to.
#[test]
fn the_interface_that_a_packet_comes_in_on_chooses_the_table() {
    let writer = with_vrfs();
    for frame in [v4([10, 0, 0, 1], 64, 20), v6("2001:db8::5", 64, 20)] {
        let verdict = |frame: &[u8], port| both(frame, port, writer.tables()).0;
        let to = |slot| Verdict::Fabric { slot, port: 1 };
        assert_eq!(verdict(&frame, 1), to(2), "without a tag, the port's own: the default table");
        assert_eq!(verdict(&frame, 2), to(7), "a port in a VRF");
        assert_eq!(verdict(&tagged(&frame, 100), 1), to(7));
        assert_eq!(verdict(&tagged(&frame, 200), 1), to(8));
        assert_eq!(verdict(&tagged(&frame, 300), 1), to(2));
        assert_eq!(verdict(&tagged(&frame, 0xe000 | 200), 1), to(8), "whatever its priority");
        assert_eq!(verdict(&tagged(&frame, 0xe000), 1), to(2), "a priority tag has no VLAN");
        assert_eq!(verdict(&tagged(&frame, 0), 2), to(7));
        let unknown = Verdict::Drop(DropCause::UnknownVlan);
        assert_eq!(verdict(&tagged(&frame, 101), 1), unknown);
        assert_eq!(verdict(&tagged(&frame, 100), 2), unknown, "another port's VLAN");
        assert_eq!(
            verdict(&tagged(&tagged(&frame, 5), 100), 1),
            Verdict::Drop(DropCause::UnknownEthertype),
            "two tags"
        );
        assert_eq!(verdict(&tagged(&frame, 100)[..17], 1), Verdict::Drop(DropCause::Malformed));
        // The tag it came with stays behind.
        let left = both(&tagged(&frame, 100), 1, writer.tables()).1;
        assert_eq!(left, both(&frame, 1, writer.tables()).1);
    }
    let elsewhere = tagged(&v4([11, 0, 0, 1], 64, 20), 100);
    assert_eq!(both(&elsewhere, 1, writer.tables()).0, Verdict::Drop(DropCause::NoRoute));
}

#[test]
fn a_batch_of_many_tables_keeps_its_order() {
    let writer = with_vrfs();
    let (one, other) = (v4([10, 0, 0, 1], 64, 20), v6("2001:db8::5", 64, 30));
    let frames: Vec<Vec<u8>> = [0, 100, 200, 0, 7, 300, 200, 100]
        .iter()
        .flat_map(|vlan| [tagged(&one, *vlan), tagged(&other, *vlan)])
        .collect();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let expected: Vec<_> = frames.iter().map(|frame| both(frame, 1, writer.tables()).0).collect();
    let mut seen = Vec::new();
    batch(&frames, 1, writer.tables(), |verdict, _| seen.push(verdict));
    assert_eq!(seen, expected);
}

/// `Lookup` leads from one table to another, once.
#[test]
fn a_path_can_lead_to_another_table() {
    let mut writer = with_vrfs();
    let paths = |table| PathList::new(vec![Path::Lookup { table }]);
    writer.set_paths(&[list(40, paths(TableId::DEFAULT)), list(41, paths(RED))], 0);
    writer.set(FibKey::Ip(RED, net("0.0.0.0/0")), 40).unwrap();
    writer.set(FibKey::Ip(BLUE, net("10.5.0.0/16")), 40).unwrap();
    writer.set(net("50.0.0.0/8"), 41).unwrap();
    let verdict = |to, vlan| both(&tagged(&v4(to, 64, 20), vlan), 1, writer.tables()).0;
    assert_eq!(verdict([10, 0, 0, 1], 100), Verdict::Fabric { slot: 7, port: 1 }, "the VRF's own route is longer");
    assert_eq!(verdict([11, 0, 0, 1], 100), Verdict::Drop(DropCause::NoRoute), "and neither has this one");
    assert_eq!(verdict([10, 5, 0, 1], 200), Verdict::Punt(PuntReason::ForUs), "an own address of the other table");
    assert_eq!(verdict([50, 0, 0, 1], 100), Verdict::Drop(DropCause::NoRoute), "tables that lead to each other");
}

#[test]
fn bad_frames_are_found() {
    let tables = writer();
    let good = v4([10, 0, 0, 1], 64, 20);
    let damaged = |at: usize, value: u8| {
        let mut frame = good.clone();
        frame[at] = value;
        both(&frame, 1, tables.tables()).0
    };
    assert_eq!(damaged(0, 0xff), Verdict::Drop(DropCause::NotForUs));
    assert_eq!(damaged(13, 0x06), Verdict::Punt(PuntReason::Arp));
    assert_eq!(damaged(13, 0x07), Verdict::Drop(DropCause::UnknownEthertype));
    assert_eq!(damaged(14, 0x44), Verdict::Drop(DropCause::Malformed), "header too short");
    assert_eq!(damaged(14, 0x65), Verdict::Drop(DropCause::Malformed), "version");
    assert_eq!(damaged(16, 0xff), Verdict::Drop(DropCause::Malformed), "longer than the frame");
    assert_eq!(damaged(24, 0x00), Verdict::Drop(DropCause::Malformed), "checksum");
    assert_eq!(both(&good[..13], 1, tables.tables()).0, Verdict::Drop(DropCause::Malformed));
    assert_eq!(both(&good[..30], 1, tables.tables()).0, Verdict::Drop(DropCause::Malformed));
    assert_eq!(both(&good, 3, tables.tables()).0, Verdict::Drop(DropCause::PortDown));
    assert_eq!(both(&good, 9, tables.tables()).0, Verdict::Drop(DropCause::PortDown));
}

#[test]
fn a_batch_keeps_its_order() {
    let tables = writer();
    let frames = [v6("2001:db8::5", 9, 20), v4([11, 0, 0, 1], 9, 1), v4([10, 2, 0, 1], 9, 2), v6("2a00::1", 9, 1)];
    let (mut buffer, mut ranges, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
    for frame in &frames {
        ranges.push(buffer.len()..buffer.len() + frame.len());
        buffer.extend_from_slice(frame);
    }
    ranges.push(7..usize::MAX);
    let sink = |verdict, _: &[u8]| verdicts.push(verdict);
    forward_batch(&mut buffer, &ranges, 1, tables.tables(), seed("pe1"), &mut Scratch::default(), sink);
    let no_route = Verdict::Drop(DropCause::NoRoute);
    let malformed = Verdict::Drop(DropCause::Malformed);
    let (fabric, local) = (Verdict::Fabric { slot: 2, port: 1 }, Verdict::Local { port: 2 });
    assert_eq!(verdicts, [fabric, no_route, local, no_route, malformed]);
}

#[test]
fn one_changed_path_list_moves_every_prefix_that_uses_it() {
    let mut writer = writer();
    let tables = writer.tables().clone();
    writer.set_paths(&[list(1, path(5, 6))], 0);
    for frame in [v4([10, 0, 0, 1], 64, 20), v4([10, 200, 0, 1], 64, 20), v6("2001:db8::5", 64, 20)] {
        assert_eq!(both(&frame, 1, &tables).0, Verdict::Fabric { slot: 5, port: 6 });
    }
}

/// While a packet is between its look-up and its path, its route goes, and another list gets the index.
#[test]
fn a_packet_does_not_follow_an_index_that_is_given_out_again() {
    let mut copy = FibCopy::new(LcSlot(1));
    let mut number = 0;
    let mut turn = |copy: &mut FibCopy, route: &str, slot| {
        let mut goes = BatchBuilder::default();
        let held: Vec<_> = copy.table().routes().map(|(key, _)| (key, None)).collect();
        held.into_iter().for_each(|route| goes.route(route));
        goes.forget(1);
        let mut comes = BatchBuilder::default();
        number += 1;
        comes.paths(ListUpdate { id: 1, birth: Birth { index: number, ..Birth::default() }, paths: path(slot, 1) });
        comes.route((net(route), Some(1)));
        for batch in [goes.take(), comes.take()] {
            copy.apply(&FibUpdate { number, kind: FibPart::Part, batch }).unwrap();
        }
    };
    turn(&mut copy, "10.2.0.0/16", 2);
    let (tables, mut found) = (copy.tables().clone(), Vec::new());
    let (route, paths) = tables.resolve(|| {
        let route = tables.lookup(Family::V4, 0x0a02_0001 << 96);
        found.push(route);
        if found.len() == 1 {
            turn(&mut copy, "10.3.0.0/16", 3);
        }
        route
    });
    assert_eq!((route, found.len()), (None, 2));
    let other = tables.lookup(Family::V4, 0x0a03_0001 << 96);
    assert_eq!(other, found[0], "the index of the list that went");
    assert!(matches!(paths.choose(other.unwrap(), 0), Some(Hop::Port { slot: 3, .. })));
}

#[test]
fn the_egress_card_checks_what_the_ingress_card_cannot_know() {
    let writer = writer();
    let ports = writer.tables().ports();
    assert_eq!(egress(&v4([10, 0, 0, 1], 64, 72), 2, &ports), Ok(()));
    assert_eq!(egress(&v4([10, 0, 0, 1], 64, 73), 2, &ports), Err(DropCause::TooBig));
    assert_eq!(egress(&without_df(v4([10, 0, 0, 1], 64, 73)), 2, &ports), Err(DropCause::NotFragmented));
    assert_eq!(egress(&v6("::5", 64, 52), 2, &ports), Ok(()));
    assert_eq!(egress(&v6("::5", 64, 53), 2, &ports), Err(DropCause::TooBig));
    assert_eq!(egress(&v4([10, 0, 0, 1], 64, 20), 3, &ports), Err(DropCause::PortDown));
    assert_eq!(egress(&v4([10, 0, 0, 1], 64, 20), 200, &ports), Err(DropCause::NoSuchPort));
    assert_eq!(egress(&[0; 14], 2, &ports), Err(DropCause::Malformed));
    let tagged = |payload| {
        [&v4([10, 0, 0, 1], 64, payload)[..12], &[0x81, 0, 0, 7], &v4([10, 0, 0, 1], 64, payload)[12..]].concat()
    };
    assert_eq!(egress(&tagged(72), 2, &ports), Ok(()));
    assert_eq!(egress(&tagged(73), 2, &ports), Err(DropCause::TooBig));
    let labelled = |length| [&[0; 12], &[0x88, 0x47][..], &vec![0; length]].concat();
    assert_eq!(egress(&labelled(100), 2, &ports), Ok(()));
    assert_eq!(egress(&labelled(101), 2, &ports), Err(DropCause::TooBig));
    assert_eq!(egress(&[0x81, 0].repeat(9), 2, &ports), Err(DropCause::Malformed), "tags without an end");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), ours in any::<bool>(), ipv6 in any::<bool>()) {
        if ours && bytes.len() > 14 {
            bytes[..6].copy_from_slice(&PORT_MAC);
            bytes[12..14].copy_from_slice(if ipv6 { &[0x86, 0xdd] } else { &[0x08, 0x00] });
            bytes[14] = if ipv6 { 0x60 } else { 0x45 };
        }
        let writer = writer();
        both(&bytes, 1, writer.tables());
        let _ = egress(&bytes, 1, &writer.tables().ports());
    }

    /// An independent reader finds the TTL one less, a checksum that is right, and the rest untouched.
    #[test]
    fn ipv4_is_rewritten_as_rfc_1812_demands(low in any::<[u8; 2]>(), ttl in 2..=255u8, payload in 0..1400usize, id in any::<u16>()) {
        let ip = etherparse::IpHeaders::Ipv4(
            etherparse::Ipv4Header {
                identification: id,
                options: [1, 1, 1, 1].into(),
                ..etherparse::Ipv4Header::new(8 + payload as u16, ttl, 17.into(), [1, 2, 3, 4], [10, 1, low[0], low[1]]).unwrap()
            },
            etherparse::Ipv4Extensions::default(),
        );
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(NEIGHBOUR, PORT_MAC).ip(ip).udp(1, 2).write(&mut frame, &vec![0x5a; payload]).unwrap();
        let writer = writer();
        let (verdict, out) = both(&frame, 1, writer.tables());
        prop_assert_eq!(verdict, Verdict::Fabric { slot: 2, port: 1 });
        let (before, after) = (SlicedPacket::from_ethernet(&frame).unwrap(), SlicedPacket::from_ethernet(&out).unwrap());
        let (Some(NetSlice::Ipv4(before)), Some(NetSlice::Ipv4(after))) = (before.net, after.net) else { panic!("not IPv4") };
        let (before, after) = (before.header().to_header(), after.header().to_header());
        prop_assert_eq!(after.time_to_live, ttl - 1);
        prop_assert_eq!(after.header_checksum, after.calc_header_checksum());
        prop_assert_eq!(etherparse::Ipv4Header { time_to_live: ttl, header_checksum: before.header_checksum, ..after.clone() }, before);
        prop_assert_eq!(&out[..6], &NEIGHBOUR);
        prop_assert_eq!(&out[6..12], &EGRESS_MAC);
        prop_assert_eq!(&out[14 + 24..], &frame[14 + 24..]);
    }

    #[test]
    fn ipv6_loses_one_hop_and_nothing_else(low in any::<u16>(), hops in 2..=255u8, payload in 0..1400usize) {
        let frame = v6(&format!("2001:db8:1::{low:x}"), hops, payload);
        let writer = writer();
        let (verdict, out) = both(&frame, 1, writer.tables());
        prop_assert_eq!(verdict, Verdict::Fabric { slot: 2, port: 1 });
        let mut want = frame.clone();
        want[..6].copy_from_slice(&NEIGHBOUR);
        want[6..12].copy_from_slice(&EGRESS_MAC);
        want[14 + 7] -= 1;
        prop_assert_eq!(out, want);
    }
}
