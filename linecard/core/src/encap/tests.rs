use super::*;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use fabric_proto::id::Label;
use proptest::prelude::*;

const TO: [u8; 6] = [2, 0, 0, 0, 9, 9];
const FROM: [u8; 6] = [2, 0, 0, 0, 1, 1];

/// An IPv4 or IPv6 packet with this TTL.
fn packet(family: Family, ttl: u8) -> Vec<u8> {
    let builder = match family {
        Family::V4 => etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], ttl),
        Family::V6 => etherparse::PacketBuilder::ipv6([1; 16], [0x20; 16], ttl),
    };
    let mut packet = Vec::new();
    builder.udp(7, 9).write(&mut packet, &[0x5a; 33]).unwrap();
    packet
}

/// The frame that a rewrite makes of a packet.
fn put(rewrite: &Rewrite, packet: &[u8], family: Family) -> Vec<u8> {
    let mut buffer = [&[0xee; HEADROOM], packet].concat();
    let end = buffer.len();
    let at = put_any(rewrite, &mut buffer, HEADROOM, end, family).unwrap();
    assert!(buffer[..at].iter().all(|byte| *byte == 0xee), "nothing is written before the frame");
    assert_eq!(&buffer[HEADROOM..], packet, "nor over the packet");
    buffer.split_off(at)
}

fn put_any(rewrite: &Rewrite, buffer: &mut [u8], packet: usize, end: usize, family: Family) -> Option<usize> {
    match Encap::from(rewrite) {
        Encap::Short(encap) => encap.put(buffer, packet, end, family),
        Encap::Long(encap) => encap.put(buffer, packet, end, family),
    }
}

fn is_plain(rewrite: &Rewrite) -> bool {
    matches!(Encap::from(rewrite), Encap::Short(encap) if encap.is_plain())
}

fn label(value: u32) -> Label {
    value.try_into().unwrap()
}

#[test]
fn ethernet_says_what_it_carries() {
    for (family, ethertype) in [(Family::V4, [0x08, 0x00]), (Family::V6, [0x86, 0xdd])] {
        let packet = packet(family, 9);
        let plain = Rewrite::ethernet(TO, FROM);
        assert!(is_plain(&plain));
        assert_eq!(put(&plain, &packet, family), [&TO[..], &FROM, &ethertype, &packet].concat());
        let tagged = Rewrite::tagged(TO, FROM, 0x123);
        assert!(!is_plain(&tagged));
        let frame = put(&tagged, &packet, family);
        assert_eq!(frame, [&TO[..], &FROM, &[0x81, 0, 1, 0x23], &ethertype, &packet].concat());
        let read = SlicedPacket::from_ethernet(&frame).unwrap();
        assert_eq!(
            read.vlan_ids().iter().map(|id| id.value()).collect::<Vec<_>>(),
            [0x123],
            "as another reader has it"
        );
    }
}

#[test]
fn ppp_says_what_it_carries() {
    let rewrite = Rewrite::new(&[0xff, 0x03], ProtocolField::Ppp).unwrap();
    for (family, number) in [(Family::V4, [0x00, 0x21]), (Family::V6, [0x00, 0x57])] {
        let packet = packet(family, 9);
        assert_eq!(put(&rewrite, &packet, family), [&[0xff, 0x03], &number[..], &packet].concat());
    }
    let silent = Rewrite::new(&[1, 2, 3], ProtocolField::None).unwrap();
    let packet = packet(Family::V4, 9);
    assert_eq!(put(&silent, &packet, Family::V4), [&[1, 2, 3], &packet[..]].concat());
}

/// RFC 3032 §2.1: the last label has the bottom-of-stack bit; RFC 3443 §3.1: all have the packet's TTL.
#[test]
fn labels_stand_between_header_and_packet() {
    for count in 0..=LABELS_MAX {
        let labels: Vec<Label> = (0..count as u32).map(|n| label(0xfffff - n)).collect();
        let rewrite = Rewrite::ethernet(TO, FROM).with_labels(&labels).unwrap();
        let inline = matches!(Encap::from(&rewrite), Encap::Short(_));
        assert_eq!(inline, count <= 2, "two labels lie in the path");
        for (family, ttl) in [(Family::V4, 1), (Family::V6, 200)] {
            let packet = packet(family, ttl);
            let frame = put(&rewrite, &packet, family);
            assert_eq!(&frame[frame.len() - packet.len()..], packet);
            let stack = &frame[14..frame.len() - packet.len()];
            let read: Vec<(u32, bool, u8)> = stack
                .chunks(4)
                .map(|entry| u32::from_be_bytes(entry.try_into().unwrap()))
                .map(|entry| (entry >> 12, entry >> 8 & 1 == 1, entry as u8))
                .collect();
            let bottom = |n| n + 1 == count;
            let expected: Vec<_> =
                labels.iter().enumerate().map(|(n, label)| (label.value(), bottom(n), ttl)).collect();
            assert_eq!(read, expected);
            assert_eq!(frame[12..14] == [0x88, 0x47], count > 0);
        }
    }
    let five = vec![label(1); LABELS_MAX + 1];
    assert!(Rewrite::ethernet(TO, FROM).with_labels(&five).is_err());
}

/// PPP over L2TP over UDP over IPv4 over a tagged Ethernet.
fn l2tp() -> Rewrite {
    let mut header = Rewrite::tagged(TO, FROM, 7).header().to_vec();
    header.extend_from_slice(&[0x08, 0x00]);
    let at = header.len() as u8;
    etherparse::PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 255)
        .udp(1701, 1701)
        .write(&mut header, &[])
        .unwrap();
    // The checksum of another length, and UDP without one.
    header[usize::from(at) + 26..].fill(0);
    header.extend_from_slice(&[0x00, 0x02, 0, 1, 0, 2, 0xff, 0x03]);
    Rewrite::new(&header, ProtocolField::Ppp).unwrap().with_fix_up(FixUp::Ipv4Udp { at }).unwrap()
}

#[test]
fn lengths_and_checksum_are_filled_in() {
    for family in Family::ALL {
        let packet = packet(family, 64);
        let frame = put(&l2tp(), &packet, family);
        let read = SlicedPacket::from_ethernet(&frame).unwrap();
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) = (read.net, read.transport) else {
            panic!("not UDP over IPv4")
        };
        let header = ip.header().to_header();
        assert_eq!(usize::from(header.total_len), frame.len() - 18);
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        assert_eq!(usize::from(udp.length()), frame.len() - 18 - 20);
        assert!(udp.payload().ends_with(&packet));
    }
    let short = Rewrite::ethernet(TO, FROM);
    assert!(short.with_fix_up(FixUp::Ipv4Udp { at: 0 }).is_err(), "there is no header to be filled in");
}

#[test]
fn the_longest_rewrite_fits_the_room_before_a_packet_and_one_byte_less_does_not_do() {
    let labels = [label(1), label(2), label(3), label(4)];
    let rewrite = Rewrite::new(&[7; HEADER_MAX], ProtocolField::EtherType).unwrap().with_labels(&labels).unwrap();
    let packet = packet(Family::V4, 9);
    assert_eq!(put(&rewrite, &packet, Family::V4).len(), HEADROOM + packet.len());
    let mut tight = packet.clone();
    tight.splice(0..0, [0; HEADROOM - 1]);
    let end = tight.len();
    assert_eq!(put_any(&rewrite, &mut tight, HEADROOM - 1, end, Family::V4), None);
    assert!(Rewrite::new(&[7; HEADER_MAX + 1], ProtocolField::EtherType).is_err());
}

proptest! {
    /// Whatever a rewrite is, it is put before any packet, or not at all.
    #[test]
    fn no_packet_is_too_short(
        header in proptest::collection::vec(any::<u8>(), 0..=HEADER_MAX),
        labels in proptest::collection::vec(0..=Label::MAX, 0..=LABELS_MAX),
        protocol in prop_oneof![Just(ProtocolField::None), Just(ProtocolField::EtherType), Just(ProtocolField::Ppp)],
        fix_up in prop_oneof![Just(FixUp::None), any::<u8>().prop_map(|at| FixUp::Ipv4Udp { at })],
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        packet in 0..250usize,
        ipv6 in any::<bool>(),
    ) {
        let labels: Vec<Label> = labels.into_iter().map(label).collect();
        let rewrite = Rewrite::new(&header, protocol).unwrap().with_labels(&labels).unwrap();
        let Ok(rewrite) = rewrite.with_fix_up(fix_up) else { return Ok(()) };
        let mut buffer = bytes.clone();
        let family = if ipv6 { Family::V6 } else { Family::V4 };
        let at = put_any(&rewrite, &mut buffer, packet, bytes.len(), family);
        if let Some(at) = at {
            let field = if protocol == ProtocolField::None { 0 } else { 2 };
            prop_assert_eq!(packet - at, header.len() + field + 4 * labels.len());
            prop_assert_eq!(&buffer[packet..], &bytes[packet..]);
        }
    }
}
