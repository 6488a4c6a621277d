use super::*;
use crate::{
    encap::HEADROOM,
    pipeline::{Verdict, forward},
    tables::TablesWriter,
};
use etherparse::PacketBuilder;
use fabric_proto::{
    flow::FlowSeed,
    id::{CardId, LcSlot, Slot, TableId},
    linecard::{InterfaceConfig, PortConfig},
};
use proptest::prelude::*;
use std::time::Duration;

const MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];

/// Port 1 with a subinterface of VLAN 7.
fn verdict(frame: &[u8]) -> Verdict {
    let mut writer = TablesWriter::new(LcSlot(1));
    let port = PortConfig { port: 1, enabled: true, mac: MAC, mtu: 1500 };
    writer.set_ports(&[port], &[InterfaceConfig { port: 1, vlan: 7, table: TableId::DEFAULT }]);
    let mut buffer = [&[0; HEADROOM], frame].concat();
    let seed = FlowSeed::of(&CardId::card("lab", "pe1", Slot::Lc(LcSlot(1))));
    forward(&mut buffer, HEADROOM..HEADROOM + frame.len(), 1, writer.tables(), seed).0
}

fn frame(to: [u8; 6], rest: &[u8]) -> Vec<u8> {
    [&to[..], &[2, 0, 0, 0, 9, 9], rest].concat()
}

/// An IPv4 header without options, of this protocol, to there.
fn ipv4(protocol: u8, to: [u8; 4]) -> Vec<u8> {
    let mut header = vec![0x45, 0xc0, 0, 20, 0, 0, 0, 0, 1, protocol, 0, 0, 10, 0, 0, 9];
    header.extend_from_slice(&to);
    header
}

fn ipv6(next: u8, to: [u8; 16], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, payload.len() as u8, next, 255];
    packet.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    packet.extend_from_slice(&to);
    packet.extend_from_slice(payload);
    packet
}

fn group(last: [u8; 4]) -> [u8; 16] {
    let mut to = [0; 16];
    (to[0], to[1]) = (0xff, 0x02);
    to[12..].copy_from_slice(&last);
    to
}

#[test]
fn what_is_for_all_of_a_link_is_for_the_route_processor() {
    let arp = [&[0x08, 0x06][..], &[0; 28]].concat();
    let with = |ethertype: u16, packet: &[u8]| [&ethertype.to_be_bytes(), packet].concat();
    let tagged = |vlan: u16, rest: &[u8]| [&[0x81, 0][..], &vlan.to_be_bytes(), rest].concat();
    let ospf = with(0x0800, &ipv4(89, [224, 0, 0, 5]));
    let solicitation = ipv6(58, group([0xff, 0, 0, 1]), &[135, 0, 0, 0]);
    let solicited = [0x33, 0x33, 0xff, 0, 0, 1];
    let to_group = [0x01, 0x00, 0x5e, 0, 0, 5];
    let punt = Verdict::Punt;
    let drop = Verdict::Drop;
    for (name, frame, want) in [
        ("ARP request", frame([0xff; 6], &arp), punt(PuntReason::Arp)),
        ("ARP request of a subinterface", frame([0xff; 6], &tagged(7, &arp)), punt(PuntReason::Arp)),
        ("ARP request of no subinterface", frame([0xff; 6], &tagged(8, &arp)), drop(DropCause::UnknownVlan)),
        ("ARP reply", frame(MAC, &arp), punt(PuntReason::Arp)),
        ("ARP reply to another", frame([2, 0, 0, 0, 1, 2], &arp), drop(DropCause::NotForUs)),
        ("OSPF hello", frame(to_group, &ospf), punt(PuntReason::ControlMulticast)),
        ("another group", frame(to_group, &with(0x0800, &ipv4(17, [239, 1, 0, 5]))), drop(DropCause::NotForUs)),
        ("solicitation", frame(solicited, &with(0x86dd, &solicitation)), punt(PuntReason::NeighborDiscovery)),
        (
            "OSPFv3 hello",
            frame([0x33, 0x33, 0, 0, 0, 5], &with(0x86dd, &ipv6(89, group([0, 0, 0, 5]), &[3, 1]))),
            punt(PuntReason::ControlMulticast),
        ),
        ("IS-IS hello", frame(ISIS[0], &with(27, &[0xfe; 27])), punt(PuntReason::ControlMulticast)),
        ("LLDP", frame([0x01, 0x80, 0xc2, 0, 0, 0x0e], &with(0x88cc, &[0; 40])), punt(PuntReason::LinkProtocol)),
        ("CDP", frame(CDP, &with(40, &[0; 40])), punt(PuntReason::LinkProtocol)),
        ("IPX broadcast", frame([0xff; 6], &with(0x8137, &[0; 40])), drop(DropCause::NotForUs)),
        ("IPX", frame(MAC, &with(0x8137, &[0; 40])), drop(DropCause::UnknownEthertype)),
        ("runt of a group", frame(to_group, &with(0x0800, &[0x45])), drop(DropCause::NotForUs)),
    ] {
        assert_eq!(verdict(&frame), want, "{name}");
    }
}

#[test]
fn a_router_alert_is_found_among_options() {
    // No operation; record route; the alert.
    let options = [&[1, 7, 3, 4][..], &[148, 4, 0, 0]].concat();
    assert!(alerts_v4(&options) && !alerts_v4(&options[..4]));
    for broken in [&[7u8][..], &[7, 0], &[7, 40, 1], &[0, 148, 4, 0, 0]] {
        assert!(!alerts_v4(broken), "{broken:?}");
    }
    assert!(alerts_v6(&[59, 0, 5, 2, 0, 0, 1, 0]));
    assert!(alerts_v6(&[59, 0, 0, 0, 5, 2, 0, 0]));
    for broken in [&[59u8][..], &[59, 0, 1, 4, 0, 0, 0, 0], &[59, 1, 5, 2, 0, 0, 1, 0], &[59, 0, 1, 200, 5, 2, 0, 0]] {
        assert!(!alerts_v6(broken), "{broken:?}");
    }
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 9, 9], MAC).ip(etherparse::IpHeaders::Ipv4(
        etherparse::Ipv4Header {
            options: [148, 4, 0, 0].into(),
            ..etherparse::Ipv4Header::new(0, 64, etherparse::IpNumber::UDP, [198, 51, 100, 1], [10, 0, 0, 1]).unwrap()
        },
        etherparse::Ipv4Extensions::default(),
    ));
    builder.udp(7, 9).write(&mut frame, &[0; 20]).unwrap();
    assert_eq!(verdict(&frame), Verdict::Punt(PuntReason::RouterAlert), "whatever its route");
}

#[test]
fn each_reason_has_a_rate_of_its_own() {
    let mut policers = Policers::default();
    let begun = Instant(5_000_000_000);
    let rate = PuntReason::TtlExpired.rate();
    let passed = (0..10_000).filter(|_| policers.admit(begun, PuntReason::TtlExpired)).count();
    assert_eq!(passed, rate.burst as usize, "a burst, and no more");
    assert!(policers.admit(begun, PuntReason::Arp), "another reason has its own");
    assert!(!policers.admit(Instant(1), PuntReason::TtlExpired), "time that goes back brings nothing");
    let soon = begun + Duration::from_secs(1) / rate.packets;
    assert!(policers.admit(soon, PuntReason::TtlExpired) && !policers.admit(soon, PuntReason::TtlExpired));
}

proptest! {
    /// In no span of time pass more than the burst and what the rate brings meanwhile; where no more come than that, all pass.
    #[test]
    fn no_span_has_more_than_its_share(steps in prop::collection::vec((0u64..3_000_000, 0usize..40), 1..200)) {
        let reason = PuntReason::TtlExpired;
        let Rate { packets, burst } = reason.rate();
        let (mut policers, mut now, mut passed) = (Policers::default(), Instant(1), Vec::new());
        for (wait, count) in steps {
            now = Instant(now.0 + wait);
            passed.extend((0..count).filter(|_| policers.admit(now, reason)).map(|_| now.0));
        }
        for (at, first) in passed.iter().enumerate() {
            for (until, last) in passed.iter().enumerate().skip(at) {
                let most = u64::from(burst) + (last - first) * u64::from(packets) / 1_000_000_000 + 1;
                prop_assert!((until - at) as u64 <= most);
            }
        }
    }

    /// Bytes of any kind, to groups and not, stop no card.
    #[test]
    fn no_frame_stops_a_card(to in any::<[u8; 6]>(), which in 0usize..6, rest in prop::collection::vec(any::<u8>(), 0..120)) {
        let to = [to, [0xff; 6], [0x33, 0x33, to[2], to[3], to[4], to[5]], [1, 0, 0x5e, to[3], to[4], to[5]], MAC, ISIS[0]][which];
        for ethertype in [[0x08, 0x00], [0x86, 0xdd], [0x08, 0x06], [0x81, 0x00], [0, 40]] {
            verdict(&frame(to, &[&ethertype[..], &rest].concat()));
        }
        alerts_v4(&rest);
        alerts_v6(&rest);
    }
}
