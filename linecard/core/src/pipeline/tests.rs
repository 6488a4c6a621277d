use super::*;
use crate::{fib_sync::FibCopy, tables::TablesWriter};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket};
use fabric_proto::{
    fib::{BatchBuilder, Birth, ListUpdate, Path, PathList},
    id::{LcSlot, PortId},
    linecard::{FibPart, FibUpdate, PortConfig},
};
use proptest::prelude::*;

const PORT_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const NEIGHBOUR: [u8; 6] = [2, 0, 0, 0, 9, 9];
const EGRESS_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];

fn path(slot: u8, port: u8) -> PathList {
    PathList::new(vec![Path::Port {
        port: PortId { slot: LcSlot(slot), port },
        next_hop: [192, 0, 2, port].into(),
        dst_mac: NEIGHBOUR,
        src_mac: EGRESS_MAC,
    }])
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
    let builder = PacketBuilder::ethernet2(NEIGHBOUR, PORT_MAC).ipv4([198, 51, 100, 1], destination, ttl).udp(7, 9);
    let mut frame = Vec::new();
    builder.write(&mut frame, &vec![0xab; payload]).unwrap();
    frame
}

fn v6(destination: &str, hop_limit: u8, payload: usize) -> Vec<u8> {
    let destination: std::net::Ipv6Addr = destination.parse().unwrap();
    let source = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let builder = PacketBuilder::ethernet2(NEIGHBOUR, PORT_MAC).ipv6(source, destination.octets(), hop_limit).udp(7, 9);
    let mut frame = Vec::new();
    builder.write(&mut frame, &vec![0xab; payload]).unwrap();
    frame
}

/// Forwards alone and in a batch, which must agree; returns what the first did to the frame.
fn both(frame: &[u8], ingress: u8, tables: &Tables) -> (Verdict, Vec<u8>) {
    let mut alone = frame.to_vec();
    let verdict = forward(&mut alone, ingress, tables);
    let (mut buffer, mut verdicts) = (frame.to_vec(), Vec::new());
    forward_batch(
        &mut buffer,
        std::slice::from_ref(&(0..frame.len())),
        ingress,
        tables,
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
    assert_eq!(verdict(&v4([10, 2, 0, 1], 64, 73)), drop(DropCause::TooBig));
    assert_eq!(verdict(&v4([10, 2, 0, 1], 64, 72)), Verdict::Local { port: 2 });
    assert_eq!(verdict(&v4([10, 3, 0, 1], 64, 20)), drop(DropCause::PortDown));
    assert_eq!(verdict(&v4([10, 4, 0, 1], 64, 20)), drop(DropCause::NoSuchPort));
    assert_eq!(verdict(&v4([10, 5, 0, 1], 64, 20)), Verdict::Punt);
    assert_eq!(verdict(&v4([10, 6, 0, 1], 64, 20)), drop(DropCause::Discard));
    assert_eq!(verdict(&v4([10, 7, 0, 1], 64, 20)), drop(DropCause::NoAdjacency));
    assert_eq!(verdict(&v4([10, 8, 0, 1], 64, 20)), drop(DropCause::NoAdjacency), "a path list never sent");
    assert_eq!(verdict(&v4([11, 0, 0, 1], 64, 20)), drop(DropCause::NoRoute));
    assert_eq!(verdict(&v4([224, 0, 0, 5], 64, 20)), drop(DropCause::NoRoute));
    assert_eq!(verdict(&v4([10, 0, 0, 1], 1, 20)), drop(DropCause::TtlExpired));
    assert_eq!(verdict(&v4([10, 0, 0, 1], 0, 20)), drop(DropCause::TtlExpired));
    assert_eq!(verdict(&v6("2001:db8::5", 64, 20)), Verdict::Fabric { slot: 2, port: 1 });
    assert_eq!(verdict(&v6("2001:db8:2::5", 64, 20)), Verdict::Local { port: 2 });
    assert_eq!(verdict(&v6("2001:db8:2::5", 64, 60)), drop(DropCause::TooBig));
    assert_eq!(verdict(&v6("2001:db8:2::5", 1, 20)), drop(DropCause::TtlExpired));
    assert_eq!(verdict(&v6("2a00::1", 64, 20)), drop(DropCause::NoRoute));
    assert_eq!(verdict(&v6("fe80::1", 64, 20)), drop(DropCause::NoRoute));
    assert_eq!(verdict(&v6("ff02::1", 64, 20)), drop(DropCause::NoRoute));
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
    forward_batch(&mut buffer, &ranges, 1, tables.tables(), &mut Scratch::default(), &mut verdicts);
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
