use super::*;
use crate::{fib_sync::FibCopy, tables::TablesWriter};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket};
use fabric_proto::{
    fib::{BatchBuilder, Birth, ListUpdate, Path, PathList},
    flow,
    id::{CardId, LcSlot, PortId, Slot},
    linecard::{FibPart, FibUpdate, PortConfig},
};
use proptest::prelude::*;

const PORT_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const NEIGHBOUR: [u8; 6] = [2, 0, 0, 0, 9, 9];
const EGRESS_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];

fn way(slot: u8, port: u8) -> Path {
    Path::Port {
        port: PortId { slot: LcSlot(slot), port },
        next_hop: [192, 0, 2, port].into(),
        dst_mac: NEIGHBOUR,
        src_mac: EGRESS_MAC,
    }
}

fn path(slot: u8, port: u8) -> PathList {
    PathList::new(vec![way(slot, port)])
}

fn seed(node: &str) -> FlowSeed {
    FlowSeed::of(&CardId::card("lab", node, Slot::Lc(LcSlot(1))))
}

fn list(id: u32, paths: PathList) -> ListUpdate {
    ListUpdate { id, birth: Birth { index: id.into(), ..Birth::default() }, paths }
}

/// Card 1 with ports 1 (up), 2 (up, small MTU) and 3 (shut down).
fn writer() -> TablesWriter {
    let mut writer = TablesWriter::new(LcSlot(1));
    let port = |port, enabled, mtu| PortConfig { port, enabled, mac: PORT_MAC, mtu };
    writer.set_ports(&[port(1, true, 1500), port(2, true, 100), port(3, false, 1500)]);
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
        writer.set(prefix.parse().unwrap(), list).unwrap();
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

/// Forwards alone and in a batch, which must agree; returns what the first did to the frame.
fn both(frame: &[u8], ingress: u8, tables: &Tables) -> (Verdict, Vec<u8>) {
    let mut alone = frame.to_vec();
    let verdict = forward(&mut alone, ingress, tables, seed("pe1"));
    let (mut buffer, mut verdicts) = (frame.to_vec(), Vec::new());
    forward_batch(
        &mut buffer,
        std::slice::from_ref(&(0..frame.len())),
        ingress,
        tables,
        seed("pe1"),
        &mut Scratch::default(),
        &mut verdicts,
    );
    assert_eq!(verdicts, [verdict]);
    assert_eq!(buffer, alone);
    (verdict, alone)
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
    assert_eq!(verdict(&v4([10, 5, 0, 1], 64, 20)), Verdict::Punt);
    assert_eq!(verdict(&v4([10, 6, 0, 1], 64, 20)), drop(DropCause::Discard));
    assert_eq!(verdict(&v4([10, 7, 0, 1], 64, 20)), drop(DropCause::NoAdjacency));
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
    writer.set("0.0.0.0/0".parse().unwrap(), 1).unwrap();
    writer.set("::/0".parse().unwrap(), 1).unwrap();
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
        ("fe80::1", DropCause::SourceLinkLocal, DropCause::DestinationLinkLocal),
        ("febf::1", DropCause::SourceLinkLocal, DropCause::DestinationLinkLocal),
        ("ff02::5", DropCause::SourceMulticast, DropCause::DestinationMulticast),
    ] {
        assert_eq!(verdict(&v6_from(address, "2a00::1", 64, 20)), Verdict::Drop(source), "from {address}");
        assert_eq!(verdict(&v6(address, 64, 20)), Verdict::Drop(destination), "to {address}");
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
    writer.set("169.254.7.1/32".parse().unwrap(), 5).unwrap();
    writer.set("2001:db8::1/128".parse().unwrap(), 5).unwrap();
    writer.set("fe80::7/128".parse().unwrap(), 5).unwrap();
    let verdict = |frame: &[u8]| both(frame, 1, writer.tables()).0;
    for ttl in [0, 1, 64] {
        assert_eq!(verdict(&v4([10, 5, 0, 1], ttl, 20)), Verdict::Punt, "TTL {ttl}");
        assert_eq!(verdict(&v4([169, 254, 7, 1], ttl, 20)), Verdict::Punt, "TTL {ttl}");
        assert_eq!(verdict(&v6("2001:db8::1", ttl, 20)), Verdict::Punt, "hop limit {ttl}");
        assert_eq!(verdict(&v6("fe80::7", ttl, 20)), Verdict::Punt, "hop limit {ttl}");
    }
    let martian = v4_from([127, 0, 0, 1], [10, 5, 0, 1], 64, 20);
    assert_eq!(verdict(&martian), Verdict::Drop(DropCause::SourceLoopback), "not even for the router itself");
    let frame = v4([10, 5, 0, 1], 1, 20);
    assert_eq!(both(&frame, 1, writer.tables()).1, frame, "what is received is not rewritten");
}

/// Tables with one route by several ports of another card.
fn ecmp(ports: u8) -> TablesWriter {
    let mut writer = writer();
    writer.set_paths(&[list(9, PathList::new((1..=ports).map(|port| way(2, port)).collect()))], 0);
    writer.set("20.0.0.0/8".parse().unwrap(), 9).unwrap();
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
    match forward(&mut frame.to_vec(), 1, tables, seed) {
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
    assert_eq!(damaged(13, 0x06), Verdict::Drop(DropCause::UnknownEthertype));
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
    forward_batch(&mut buffer, &ranges, 1, tables.tables(), seed("pe1"), &mut Scratch::default(), &mut verdicts);
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
        let held: Vec<_> = copy.table().routes().map(|(prefix, _)| (prefix, None)).collect();
        held.into_iter().for_each(|route| goes.route(route));
        goes.forget(1);
        let mut comes = BatchBuilder::default();
        number += 1;
        comes.paths(ListUpdate { id: 1, birth: Birth { index: number, ..Birth::default() }, paths: path(slot, 1) });
        comes.route((route.parse().unwrap(), Some(1)));
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
