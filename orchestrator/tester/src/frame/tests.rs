use super::*;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;

const MAC: Mac = [2, 0, 0, 0, 1, 1];
const SOURCE: Mac = [2, 0, 0, 0, 9, 9];
const NEXT: Mac = [2, 0, 0, 0, 2, 2];

fn flow(v6: bool) -> FlowSpec {
    let text = if v6 { ["fd00::1", "2001:db8::7"] } else { ["10.0.0.1", "203.0.113.7"] };
    let [source, destination] = text.map(|text| text.parse().unwrap());
    FlowSpec { from: 1, port_mac: MAC, source, destination, expect: vec![(2, NEXT), (3, SOURCE)], hops: 1 }
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

#[test]
fn flows_without_possible_packets_are_refused() {
    let mut mixed = flow(false);
    mixed.destination = "2001:db8::1".parse().unwrap();
    assert!(matches!(Template::new(0, &mixed, SOURCE, 128), Err(BadFlow::Families(..))));
    assert!(matches!(Template::new(0, &flow(false), SOURCE, 63), Err(BadFlow::Short { min: 64, .. })));
    assert!(matches!(Template::new(0, &flow(true), SOURCE, 83), Err(BadFlow::Short { min: 84, .. })));
    assert!(matches!(Template::new(0, &flow(true), SOURCE, 9221), Err(BadFlow::Long(9221))));
}

proptest! {
    #[test]
    fn arbitrary_frames_never_panic(mut frame in proptest::collection::vec(any::<u8>(), 0..200), v6: bool, cut in 0usize..200) {
        let templates = templates(v6, 128);
        receive(&templates, 5, 2, &frame);
        let good = routed(sent(v6, 128), NEXT);
        frame.truncate(cut);
        frame.splice(..0, good[..good.len().min(cut)].iter().copied());
        receive(&templates, 5, 2, &frame);
    }
}
