use super::*;
use etherparse::{Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};

const OURS: Mac = [2, 0x53, 0x57, 0x54, 0, 1];
const ASKER: Mac = [0xaa, 0xc1, 0xab, 1, 2, 3];

fn own() -> Vec<IpAddr> {
    vec!["10.1.0.10".parse().unwrap(), "fd00:1::10".parse().unwrap()]
}

fn request(from: [u8; 4], wanted: [u8; 4]) -> Vec<u8> {
    [&[0xff; 6][..], &ASKER, &ARP, &ARP_KIND, &[0, REQUEST], &ASKER, &from, &[0; 6], &wanted].concat()
}

fn solicitation(from: &str, wanted: &str) -> Vec<u8> {
    let (from, wanted): (Ipv6Addr, Ipv6Addr) = (from.parse().unwrap(), wanted.parse().unwrap());
    let to: Ipv6Addr = "ff02::1:ff00:10".parse().unwrap();
    let mut message = [&[SOLICITATION, 0, 0, 0, 0, 0, 0, 0][..], &wanted.octets(), &[1, 1], &ASKER].concat();
    let sum = checksum(from, to, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header =
        [&[0x60, 0, 0, 0, 0, message.len() as u8, ICMPV6, HOP_LIMIT][..], &from.octets(), &to.octets()].concat();
    [&[0x33, 0x33, 0xff, 0, 0, 0x10][..], &ASKER, &IPV6, &header, &message].concat()
}

#[test]
fn a_request_for_an_own_address_is_answered_to_who_asked() {
    let reply = answer(OURS, &own(), &request([10, 1, 0, 1], [10, 1, 0, 10])).unwrap();
    let expected =
        [&ASKER[..], &OURS, &ARP, &ARP_KIND, &[0, REPLY], &OURS, &[10, 1, 0, 10], &ASKER, &[10, 1, 0, 1]].concat();
    assert_eq!(reply, expected);
    // Padded as short frames are.
    let padded = [request([10, 1, 0, 1], [10, 1, 0, 10]), vec![0; 18]].concat();
    assert_eq!(answer(OURS, &own(), &padded), Some(expected));
}

#[test]
fn others_addresses_announcements_and_replies_are_nobodys_question() {
    let asks = |frame: &[u8]| answer(OURS, &own(), frame).is_some();
    assert!(!asks(&request([10, 1, 0, 1], [10, 1, 0, 11])));
    assert!(!asks(&request([10, 1, 0, 10], [10, 1, 0, 10])), "an announcement");
    let mut reply = request([10, 1, 0, 1], [10, 1, 0, 10]);
    reply[21] = REPLY;
    assert!(!asks(&reply));
    assert!(!asks(&solicitation("fe80::1", "fd00:1::11")));
    for whole in [request([10, 1, 0, 1], [10, 1, 0, 10]), solicitation("fe80::1", "fd00:1::10")] {
        assert!(asks(&whole));
        assert!((0..whole.len()).all(|length| !asks(&whole[..length])), "one that is cut off");
    }
}

#[test]
fn a_solicitation_is_answered_with_the_address_as_an_option() {
    for (from, to, flags) in [("fe80::1", "fe80::1", SOLICITED), ("::", "ff02::1", OVERRIDE)] {
        let reply = answer(OURS, &own(), &solicitation(from, "fd00:1::10")).unwrap();
        let packet = SlicedPacket::from_ethernet(&reply).unwrap();
        let Some(NetSlice::Ipv6(ip)) = &packet.net else { panic!("{packet:?}") };
        assert_eq!(ip.header().source_addr(), "fd00:1::10".parse::<Ipv6Addr>().unwrap());
        assert_eq!(ip.header().destination_addr(), to.parse::<Ipv6Addr>().unwrap());
        assert_eq!(ip.header().hop_limit(), 255);
        let Some(TransportSlice::Icmpv6(icmp)) = &packet.transport else { panic!("{packet:?}") };
        assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
        assert!(matches!(
            icmp.icmp_type(),
            Icmpv6Type::Unknown { type_u8: 136, .. } | Icmpv6Type::NeighborAdvertisement(_)
        ));
        assert_eq!(reply[58], flags);
        assert_eq!(reply[78..], [&[2, 1][..], &OURS].concat());
    }
}

#[test]
fn what_has_crossed_a_router_or_is_damaged_is_not_answered() {
    let good = solicitation("fe80::1", "fd00:1::10");
    for (at, value) in [(21, 64), (56, 1), (70, 0xff)] {
        let mut bad = good.clone();
        bad[at] = value;
        assert_eq!(answer(OURS, &own(), &bad), None, "byte {at}");
    }
}
