use super::*;
use etherparse::{EtherType, NetSlice, SingleVlanHeader, SlicedPacket, TransportSlice, VlanHeader, VlanId};
use proptest::prelude::*;

const MAC: Mac = [2, 0, 0, 0, 1, 1];
const SOURCE: Mac = [2, 0, 0, 0, 9, 9];
const NEXT: Mac = [2, 0, 0, 0, 2, 2];

fn flow(v6: bool) -> FlowSpec {
    let text = if v6 { ["fd00::1", "2001:db8::7"] } else { ["10.0.0.1", "203.0.113.7"] };
    let [source, destination] = text.map(|text| text.parse().unwrap());
    let exit = |port, mac| Exit { port, vlan: None, mac };
    let expect = vec![exit(2, NEXT), exit(3, SOURCE)];
    FlowSpec { from: 1, vlan: None, port_mac: MAC, source, destination, expect, hops: 1 }
}

/// Leaves by VLAN 100, arrives by VLAN 200.
fn tagged_flow(v6: bool) -> FlowSpec {
    let expect = vec![Exit { port: 2, vlan: Some(200), mac: NEXT }];
    FlowSpec { vlan: Some(100), expect, ..flow(v6) }
}

fn signature(flow: u32) -> Signature {
    Signature { trial: 5, flow, sequence: 77, intended: 123_456 }
}

fn templates(v6: bool, size: u16) -> Vec<Template> {
    (0..3).map(|n| Template::new(n, &flow(v6), SOURCE, size).unwrap()).collect()
}

/// The packet of flow 1 as sent.
fn sent(v6: bool, size: u16) -> Vec<u8> {
    let mut record = Vec::new();
    let template = &templates(v6, size)[1];
    template.push(&signature(1), &mut record);
    assert_eq!(record.len(), template.record_length());
    assert_eq!(usize::from(u16::from_be_bytes([record[0], record[1]])), record.len() - 2);
    record.split_off(2)
}

/// What a router makes of it: TTL one less, the checksum set anew, other Ethernet addresses.
fn routed(mut frame: Vec<u8>, to: Mac) -> Vec<u8> {
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&MAC);
    if frame[14] >> 4 == 4 {
        frame[22] -= 1;
        frame[24..26].fill(0);
        let checksum = !fold(sum(&frame[14..34]));
        frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    } else {
        frame[21] -= 1;
    }
    frame
}

#[test]
fn packets_are_what_another_parser_takes_for_ethernet_ip_and_udp() {
    for (v6, size) in [(false, 64), (false, 65), (false, 1518), (true, 84), (true, 128), (true, 9220), (false, 9220)] {
        let frame = sent(v6, size);
        assert_eq!(frame.len(), usize::from(size) - 4, "the FCS is not carried");
        let packet = SlicedPacket::from_ethernet(&frame).unwrap();
        let Some(TransportSlice::Udp(udp)) = &packet.transport else { panic!("no UDP") };
        assert_eq!((udp.source_port(), udp.destination_port()), (0xc021, 7));
        let checksum = match packet.net.as_ref().unwrap() {
            NetSlice::Ipv4(ip) => {
                assert_eq!((ip.header().ttl(), ip.header().total_len()), (64, size - 18));
                assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
                udp.to_header().calc_checksum_ipv4(&ip.header().to_header(), udp.payload())
            }
            NetSlice::Ipv6(ip) => {
                assert_eq!((ip.header().hop_limit(), ip.header().payload_length()), (64, size - 58));
                udp.to_header().calc_checksum_ipv6(&ip.header().to_header(), udp.payload())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(udp.checksum(), checksum.unwrap());
    }
}

#[test]
fn a_packet_that_was_routed_right_is_taken_and_every_wrong_is_named() {
    for v6 in [false, true] {
        let templates = templates(v6, 128);
        let good = routed(sent(v6, 128), NEXT);
        let (ttl, source, payload) = if v6 { (21, 30, 90) } else { (22, 29, 70) };
        let with = |at: usize, value: u8| {
            let mut frame = good.clone();
            frame[at] = value;
            if !v6 && (14..34).contains(&at) {
                frame[24..26].fill(0);
                let checksum = !fold(sum(&frame[14..34]));
                frame[24..26].copy_from_slice(&checksum.to_be_bytes());
            }
            receive(&templates, 5, 2, &frame)
        };
        let wrong = |how| Received::Wrong(Some(1), how);
        assert_eq!(receive(&templates, 5, 2, &good), Received::Packet(signature(1)));
        assert_eq!(receive(&templates, 5, 9, &good), wrong(Misdelivery::WrongPort));
        assert_eq!(receive(&templates, 5, 3, &good), wrong(Misdelivery::WrongMac));
        assert_eq!(receive(&templates, 5, 3, &routed(sent(v6, 128), SOURCE)), Received::Packet(signature(1)));
        assert_eq!(receive(&templates, 6, 2, &good), Received::Packet(signature(1)), "the recorder refuses it");
        assert_eq!(with(ttl, 64), wrong(Misdelivery::Ttl));
        assert_eq!(with(ttl, 62), wrong(Misdelivery::Ttl));
        assert_eq!(with(source, 99), wrong(Misdelivery::Header));
        assert_eq!(with(payload, !good[payload]), wrong(Misdelivery::Payload));
        let udp_checksum = if v6 { 61 } else { 41 };
        assert_eq!(with(udp_checksum, !good[udp_checksum]), wrong(Misdelivery::Checksum));
        assert_eq!(receive(&templates, 5, 2, &good[..127 - 4]), wrong(Misdelivery::Header), "cut");
        assert_eq!(with(if v6 { 62 } else { 42 }, 0), Received::Stranger, "not a test packet any more");
        assert_eq!(with(12, 0x12), Received::Stranger);
    }
    let mut stale = routed(sent(false, 128), NEXT);
    stale[24] ^= 1;
    assert_eq!(receive(&templates(false, 128), 5, 2, &stale), Received::Wrong(Some(1), Misdelivery::Checksum));
}

/// The tag of a frame in place of the one that it has, or has not.
fn tagged(frame: &[u8], tag: &[u8]) -> Vec<u8> {
    let behind = if frame[12..14] == ETHERTYPE_DOT1Q { 16 } else { 12 };
    [&frame[..12], tag, &frame[behind..]].concat()
}

#[test]
fn a_tag_comes_before_the_same_packet() {
    for (v6, size) in [(false, 64), (true, 128), (false, 1518)] {
        let mut record = Vec::new();
        let template = Template::new(1, &tagged_flow(v6), SOURCE, size).unwrap();
        template.push(&signature(1), &mut record);
        assert_eq!(record.len(), template.record_length());
        let frame = record.split_off(2);
        assert_eq!(frame.len(), usize::from(size), "four bytes more, and no FCS");
        let packet = SlicedPacket::from_ethernet(&frame).unwrap();
        let vlan = packet.vlan().unwrap().to_header();
        assert_eq!(vlan, VlanHeader::Single(SingleVlanHeader { vlan_id: VlanId::try_new(100).unwrap(), ..tag_of(v6) }));
        assert_eq!(tagged(&frame, &[]), sent(v6, size), "what is behind the tag is as without one");
    }
}

/// A tag without priority.
fn tag_of(v6: bool) -> SingleVlanHeader {
    let ether_type = if v6 { EtherType::IPV6 } else { EtherType::IPV4 };
    SingleVlanHeader { ether_type, ..SingleVlanHeader::default() }
}

#[test]
fn a_packet_with_another_tag_than_the_exits_went_astray() {
    for v6 in [false, true] {
        let templates = [Template::new(0, &flow(v6), SOURCE, 128), Template::new(1, &tagged_flow(v6), SOURCE, 128)];
        let templates = templates.map(Result::unwrap);
        let mut record = Vec::new();
        templates[1].push(&signature(1), &mut record);
        let plain = routed(tagged(&record[2..], &[]), NEXT);
        let good = tagged(&plain, &[0x81, 0, 0, 200]);
        let wrong = |how| Received::Wrong(Some(1), how);
        assert_eq!(receive(&templates, 5, 2, &good), Received::Packet(signature(1)));
        assert_eq!(receive(&templates, 5, 3, &good), wrong(Misdelivery::WrongPort));
        assert_eq!(receive(&templates, 5, 2, &tagged(&plain, &[0x81, 0, 0, 100])), wrong(Misdelivery::WrongTag));
        assert_eq!(receive(&templates, 5, 2, &tagged(&plain, &[0x81, 0, 0x20, 200])), wrong(Misdelivery::WrongTag));
        assert_eq!(receive(&templates, 5, 2, &plain), wrong(Misdelivery::WrongTag));
        let elsewhere = routed(tagged(&record[2..], &[]), SOURCE);
        assert_eq!(receive(&templates, 5, 2, &tagged(&elsewhere, &[0x81, 0, 0, 200])), wrong(Misdelivery::WrongMac));
        assert_eq!(receive(&templates, 5, 2, &tagged(&good, &[0x81, 0, 0, 1, 0x81, 0, 0, 200])), Received::Stranger);
        // What is to arrive without a tag must not have one.
        let mut record = Vec::new();
        templates[0].push(&signature(0), &mut record);
        let plain = routed(record.split_off(2), NEXT);
        assert_eq!(receive(&templates, 5, 2, &plain), Received::Packet(signature(0)));
        let tagged = receive(&templates, 5, 2, &tagged(&plain, &[0x81, 0, 0, 200]));
        assert_eq!(tagged, Received::Wrong(Some(0), Misdelivery::WrongTag));
    }
}

#[test]
fn flows_without_possible_packets_are_refused() {
    let mut mixed = flow(false);
    mixed.destination = "2001:db8::1".parse().unwrap();
    assert!(matches!(Template::new(0, &mixed, SOURCE, 128), Err(BadFlow::Families(..))));
    assert!(matches!(Template::new(0, &flow(false), SOURCE, 63), Err(BadFlow::Short { min: 64, .. })));
    assert!(matches!(Template::new(0, &flow(true), SOURCE, 83), Err(BadFlow::Short { min: 84, .. })));
    for (flow, most) in [(flow(true), 9220), (tagged_flow(true), 9216)] {
        assert!(Template::new(0, &flow, SOURCE, most).is_ok());
        assert!(
            matches!(Template::new(0, &flow, SOURCE, most + 1), Err(BadFlow::Long { max, .. }) if max == usize::from(most))
        );
    }
    for vlan in [0, 4095, 0x2064] {
        let sends = FlowSpec { vlan: Some(vlan), ..flow(false) };
        let expects = FlowSpec { expect: vec![Exit { port: 2, vlan: Some(vlan), mac: NEXT }], ..flow(false) };
        for flow in [sends, expects] {
            assert_eq!(Template::new(0, &flow, SOURCE, 128).unwrap_err(), BadFlow::Vlan(vlan));
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_frames_never_panic(mut frame in proptest::collection::vec(any::<u8>(), 0..200), v6: bool, cut in 0usize..200) {
        let templates = templates(v6, 128);
        receive(&templates, 5, 2, &frame);
        let good = routed(sent(v6, 128), NEXT);
        frame.truncate(cut);
        for good in [tagged(&good, &[0x81, 0, 0, 1]), good] {
            frame.splice(..0, good[..good.len().min(cut)].iter().copied());
            receive(&templates, 5, 2, &frame);
        }
    }
}
