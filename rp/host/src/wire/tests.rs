use super::{
    icmp::Message,
    ip::{Outgoing, Packet},
    udp::Udp,
    *,
};
use etherparse::{SlicedPacket, ip_number};
use proptest::prelude::*;
use std::net::IpAddr;

fn outgoing(v4: bool, payload: Vec<u8>) -> Outgoing {
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let (source, destination) = if v4 { ("10.0.0.2", "10.0.0.1") } else { ("2001:db8::2", "2001:db8::1") };
    let (source, destination) = (address(source), address(destination));
    let protocol = ip_number::UDP;
    Outgoing { source, destination, ttl: 64, class: 0xb8, dont_fragment: false, protocol, payload }
}

#[test]
fn what_is_written_is_read_by_another_reader() {
    for v4 in [true, false] {
        let bare = outgoing(v4, Vec::new());
        let udp = Udp { source: 1, destination: 2, payload: b"seven" };
        let packet = Outgoing { payload: udp.to_bytes(bare.source, bare.destination).unwrap(), ..bare };
        let bytes = packet.packets(1500, 9).unwrap().remove(0);
        let link = Link { mac: [2; 6], vlan: Some(4_094) };
        let kind = if v4 { ether_type::IPV4 } else { ether_type::IPV6 };
        let whole = frame(&link, BROADCAST, kind, &bytes);
        let sliced = SlicedPacket::from_ethernet(&whole).unwrap();
        assert_eq!(sliced.vlan_ids().len(), 1);
        let Some(etherparse::TransportSlice::Udp(read)) = sliced.transport else { panic!() };
        assert_eq!((read.source_port(), read.destination_port(), read.payload()), (1, 2, &b"seven"[..]));
        let frame = Frame::parse(&whole).unwrap();
        let read = Packet::parse(frame.payload).unwrap();
        assert_eq!((read.class, read.ttl, read.source), (0xb8, 64, packet.source));
        assert_eq!(Udp::parse(&read), Some(udp));
    }
}

/// RFC 8200 §4: headers before the upper layer are passed over, in any number; an atomic fragment (RFC 6946) is whole.
#[test]
fn extension_headers_are_passed_over() {
    let inner = [60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 5, 0xaa, 0xbb];
    let mut packet = outgoing(false, inner.to_vec());
    packet.protocol = ip_number::IPV6_HEADER_HOP_BY_HOP;
    let bytes = packet.packets(1500, 0).unwrap().remove(0);
    let read = Packet::parse(&bytes).unwrap();
    assert_eq!((read.protocol, read.protocol_at, read.payload), (ip_number::UDP, 56, &[0xaa, 0xbb][..]));
    assert!(read.fragment.is_none());
    // One that is cut off is no packet.
    for cut in 41..bytes.len() - 2 {
        let mut short = bytes[..cut].to_vec();
        short[4..6].copy_from_slice(&(cut as u16 - 40).to_be_bytes());
        let read = Packet::parse(&short);
        assert!(read.is_none(), "{cut}: {read:?}");
    }
}

proptest! {
    #[test]
    fn readers_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), first in 0x40..0x70u8) {
        let mut bytes = bytes;
        let _ = Frame::parse(&bytes);
        let _ = arp::Arp::parse(&bytes);
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        for packet in [Packet::parse(&bytes), Packet::quoted(&bytes)].into_iter().flatten() {
            let _ = Udp::parse(&packet);
            let _ = Message::is_error(&packet);
            if let Some(message) = Message::parse(&packet) {
                let _ = nd::Nd::parse(&packet, &message);
            }
        }
        let packet = outgoing(false, bytes.clone());
        for kind in 133..=137 {
            let message = Message { kind, code: 0, word: [0; 4], body: &bytes };
            let payload = message.to_bytes(packet.source, packet.destination);
            let packet = Outgoing { ttl: 255, protocol: ip_number::IPV6_ICMP, payload, ..packet.clone() };
            let whole = packet.packets(1500, 0).unwrap().remove(0);
            let packet = Packet::parse(&whole).unwrap();
            let message = Message::parse(&packet).unwrap();
            let _ = nd::Nd::parse(&packet, &message);
        }
    }

    /// What is cut fits, and is whole again.
    #[test]
    fn parts_make_the_whole(len in 0..20_000usize, mtu in 100..9_000u16, v4: bool) {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let packet = outgoing(v4, payload.clone());
        let parts = packet.packets(mtu, 3).unwrap();
        let mut whole = vec![0; len];
        for part in &parts {
            prop_assert!(part.len() <= usize::from(mtu));
            let read = Packet::parse(part).unwrap();
            let at = read.fragment.map_or(0, |fragment| fragment.offset);
            whole[at..at + read.payload.len()].copy_from_slice(read.payload);
        }
        prop_assert_eq!(whole, payload);
    }
}
