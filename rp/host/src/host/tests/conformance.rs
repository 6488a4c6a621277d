//! Vectors for rules of standards: the section is beside each.

use super::*;
use crate::wire::arp::Operation;
use std::net::{Ipv4Addr, Ipv6Addr};

const PROBER: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn v6a(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// RFC 826, "Packet Reception": a request for an own address is answered with hardware and protocol addresses swapped.
#[test]
fn rfc826_a_request_is_answered_byte_for_byte() {
    let mut world = World::usual();
    let request = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 0x08, 0x06, // Ethernet
        0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, request
        2, 0, 0, 0, 0, 2, 10, 0, 0, 2, // sender
        0, 0, 0, 0, 0, 0, 10, 0, 0, 1, // target
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // padding
    ];
    world.frame(1, Reason::Ours, &request);
    let answer = [
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, //
        0, 1, 8, 0, 6, 4, 0, 2, // reply
        2, 0, 0, 0, 0, 1, 10, 0, 0, 1, //
        2, 0, 0, 0, 0, 2, 10, 0, 0, 2,
    ];
    assert_eq!(world.only(), answer);
    // The sender is known from then on, and nothing is said of it to the forwarding table.
    let peer = world.neighbour(1, "10.0.0.2").unwrap();
    assert_eq!((peer.station, peer.programmed), (Some(PEER), false));
}

/// RFC 826: nobody else's address is answered for, and nobody is learned who does not want us.
#[test]
fn rfc826_others_questions_are_others() {
    let mut world = World::usual();
    world.arp(1, Arp::request((PEER, v4("10.0.0.2")), v4("10.0.0.3")));
    assert_eq!(world.take(), []);
    assert_eq!(world.neighbour(1, "10.0.0.2"), None);
    // Nor is one who has no address on this network.
    world.arp(1, Arp::request((PEER, v4("192.0.2.2")), v4("10.0.0.1")));
    assert_eq!(world.take(), []);
    assert_eq!(world.neighbour(1, "192.0.2.2"), None);
    // Nor is a group of stations anybody.
    world.arp(1, Arp::request(([3, 0, 0, 0, 0, 2], v4("10.0.0.2")), v4("10.0.0.1")));
    assert_eq!(world.take(), []);
}

/// RFC 826: a tag is kept, and frames with a tag are read.
#[test]
fn ieee8021q_a_tag_goes_out_again() {
    let mut world = World::new(Settings::default());
    let tagged = Interface { link: Some(Link { mac: ROUTER, vlan: Some(100) }), ..interface(&["10.0.0.1/24"]) };
    world.up(1, tagged);
    world.take();
    let arp = Arp::request((PEER, v4("10.0.0.2")), v4("10.0.0.1"));
    let link = Link { mac: PEER, vlan: Some(100) };
    world.frame(1, Reason::Ours, &wire::frame(&link, wire::BROADCAST, ether_type::ARP, &arp.to_bytes()));
    let answer = world.only();
    assert_eq!(answer[12..16], [0x81, 0, 0, 100]);
    assert_eq!(Arp::parse(Frame::parse(&answer).unwrap().payload).unwrap().sender, (ROUTER, v4("10.0.0.1")));
}

/// RFC 5227 §2.3: two announcements, two seconds apart.
#[test]
fn rfc5227_an_address_is_announced_twice() {
    let mut world = World::new(Settings::default());
    world.up(1, interface(&["10.0.0.1/24"]));
    let announcement = Arp::request((ROUTER, v4("10.0.0.1")), v4("10.0.0.1"));
    let is = |frame: &[u8]| Arp::parse(Frame::parse(frame).unwrap().payload) == Some(announcement);
    assert!(is(&world.only()));
    world.pass(1_999);
    assert_eq!(world.take(), []);
    world.pass(1);
    assert!(is(&world.only()));
    world.pass(600_000);
    assert_eq!(world.take(), []);
}

/// RFC 5227 §2.1.1: three probes, then silence, then it is used; a conflict before that and it is not.
#[test]
fn rfc5227_an_address_is_probed_where_that_is_wanted() {
    let probing = || Interface {
        neighbours: NeighbourSettings { probe: true, ..NeighbourSettings::default() },
        ..interface(&["10.0.0.1/24"])
    };
    let own = ip("10.0.0.1");
    let mut world = World::new(Settings::default());
    world.up(1, probing());
    world.pass(5_000);
    let probes = world.sent();
    let probe = Arp::request((ROUTER, PROBER), v4("10.0.0.1"));
    assert!((2..=3).contains(&probes.len()), "{probes:?}");
    assert!(probes.iter().all(|(_, frame)| Arp::parse(Frame::parse(frame).unwrap().payload) == Some(probe)));
    world.pass(3_000);
    assert!(world.take().contains(&Output::Own(port(1), own, Some(OwnState::Valid))));

    for conflict in [
        // §2.1.1: any packet with the address as sender; or another one's probe for it.
        Arp::request((PEER, v4("10.0.0.1")), v4("10.0.0.9")),
        Arp::request((PEER, PROBER), v4("10.0.0.1")),
    ] {
        let mut world = World::new(Settings::default());
        world.up(1, probing());
        world.pass(1_500);
        world.take();
        world.arp(1, conflict);
        let out = world.take();
        assert!(out.contains(&Output::Own(port(1), own, Some(OwnState::Duplicate))), "{out:?}");
        world.pass(60_000);
        assert_eq!(world.take(), [], "nothing is said of it any more");
        world.arp(1, Arp::request((PEER, v4("10.0.0.2")), v4("10.0.0.1")));
        assert_eq!(world.take(), [], "and nothing answered");
    }
}

/// RFC 5227 §2.4 c: an address that is used is defended, once in ten seconds.
#[test]
fn rfc5227_an_address_is_defended() {
    let mut world = World::usual();
    let claim = Arp::request((PEER, v4("10.0.0.1")), v4("10.0.0.1"));
    let mut defended = 0;
    for _ in 0..21 {
        world.arp(1, claim);
        let out = world.take();
        let logged = out.iter().any(|output| matches!(output, Output::Log(line) if line.contains("DUPADDR")));
        assert_eq!(logged, out.len() == 2, "{out:?}");
        defended += usize::from(logged);
        world.pass(1_000);
    }
    assert_eq!(defended, 3);
    assert!(world.neighbour(1, "10.0.0.1").is_none());
    // A prober is answered: it is to look for another address (§2.1.1).
    world.arp(1, Arp::request((PEER, PROBER), v4("10.0.0.1")));
    let answer = world.only();
    assert_eq!(Arp::parse(Frame::parse(&answer).unwrap().payload).unwrap().operation, Operation::Reply);
    assert!(world.neighbour(1, "0.0.0.0").is_none());
}

/// RFC 1027 §2: only where it is wanted, only for what another interface leads to.
#[test]
fn rfc1027_proxies_are_off_and_can_be_on() {
    let mut world = World::usual();
    let request = Arp::request((PEER, v4("10.0.0.2")), v4("10.0.1.9"));
    world.arp(1, request);
    assert_eq!(world.take(), []);
    let neighbours = NeighbourSettings { proxy_arp: true, ..NeighbourSettings::default() };
    world.up(1, Interface { neighbours, ..interface(&["10.0.0.1/24", "2001:db8::1/64"]) });
    world.take();
    world.arp(1, request);
    assert_eq!(Arp::parse(Frame::parse(&world.only()).unwrap().payload).unwrap().sender, (ROUTER, v4("10.0.1.9")));
    world.arp(1, Arp::request((PEER, v4("10.0.0.2")), v4("10.0.0.9")));
    assert_eq!(world.take(), [], "whoever is on the same link answers for himself");
    world.arp(1, Arp::request((PEER, v4("10.0.0.2")), v4("192.0.2.9")));
    assert_eq!(world.take(), [], "there is no route");
}

/// RFC 4862 §5.4.2: solicitations from the unspecified address, of the solicited-node group; then it is used and said to all.
#[test]
fn rfc4862_an_address_is_tentative_first() {
    let mut world = World::new(Settings::default());
    world.up(1, interface(&["2001:db8::1/64"]));
    let own = ip("2001:db8::1");
    assert_eq!(world.host.own(port(1), own), Some(OwnState::Tentative));
    // §5.4: nobody is answered meanwhile.
    let question =
        nd::solicitation(v6a("2001:db8::2"), nd::solicited_node(v6a("2001:db8::1")), v6a("2001:db8::1"), PEER);
    world.packet(1, Reason::Ours, &question);
    assert_eq!(world.sent(), []);
    world.pass(1_000);
    let probes = world.sent();
    assert_eq!(probes.len(), 2, "the link-local one too: {probes:02x?}");
    for (_, frame) in &probes {
        let packet = inner(frame);
        assert_eq!((packet.source, packet.ttl), (ip("::"), 255));
        assert_eq!(Frame::parse(frame).unwrap().destination[..3], [0x33, 0x33, 0xff]);
    }
    world.pass(1_001);
    assert_eq!(world.host.own(port(1), own), Some(OwnState::Valid));
    // RFC 4861 §7.2.6.
    let said = world.sent();
    assert!(said.iter().all(|(_, frame)| message(frame).kind == v6::NEIGHBOR_ADVERTISEMENT), "{said:02x?}");
    assert_eq!(world.host.own(port(1), ip("fe80::ff:fe00:1")), Some(OwnState::Valid));
}

/// RFC 4862 §5.4.3, §5.4.4: another one's solicitation or advertisement for it, and it is not used.
#[test]
fn rfc4862_a_duplicate_is_not_used() {
    let target = v6a("2001:db8::1");
    let theirs = nd::solicitation(Ipv6Addr::UNSPECIFIED, nd::solicited_node(target), target, PEER);
    let flags = nd::Flags { router: false, solicited: false, overrides: true };
    let said = nd::advertisement(target, nd::ALL_NODES, PEER, flags);
    for conflict in [theirs, said] {
        let mut world = World::new(Settings::default());
        world.up(1, interface(&["2001:db8::1/64"]));
        world.packet(1, Reason::Ours, &conflict);
        assert!(world.take().contains(&Output::Own(port(1), IpAddr::V6(target), Some(OwnState::Duplicate))));
        world.pass(60_000);
        world.take();
        world.packet(1, Reason::Ours, &echo("2001:db8::2", "2001:db8::1", b"x"));
        assert_eq!(world.sent(), []);
    }
    // Our own question, come back from the link, is no conflict.
    let mut world = World::new(Settings::default());
    world.up(1, interface(&["2001:db8::1/64"]));
    world.pass(1_000);
    for (_, frame) in world.sent() {
        world.frame(1, Reason::Ours, &frame);
    }
    world.pass(2_000);
    assert_eq!(world.host.own(port(1), IpAddr::V6(target)), Some(OwnState::Valid));
}

/// RFC 4861 §7.2.4: an advertisement to who asked, solicited; to all nodes where that is nobody yet.
#[test]
fn rfc4861_a_solicitation_is_answered() {
    let mut world = World::usual();
    let target = v6a("2001:db8::1");
    let group = nd::solicited_node(target);
    world.packet(1, Reason::Ours, &nd::solicitation(v6a("2001:db8::2"), group, target, PEER));
    let answer = world.only();
    let (packet, said) = (inner(&answer), message(&answer));
    assert_eq!((packet.source, packet.destination), (IpAddr::V6(target), ip("2001:db8::2")));
    assert_eq!((said.kind, said.word[0], packet.ttl), (v6::NEIGHBOR_ADVERTISEMENT, 0xe0, 255));
    assert_eq!(said.body[16..], [2, 1, 2, 0, 0, 0, 0, 1]);
    let peer = world.neighbour(1, "2001:db8::2").unwrap();
    assert_eq!((peer.station, peer.reachability), (Some(PEER), crate::Reachability::Stale), "§7.2.3");

    world.packet(1, Reason::Ours, &nd::solicitation(Ipv6Addr::UNSPECIFIED, group, target, PEER));
    let answer = world.only();
    assert_eq!((inner(&answer).destination, message(&answer).word[0]), (ip("ff02::1"), 0xa0));
}

/// RFC 4861 §7.1.1, §7.1.2: what is not valid is discarded.
#[test]
fn rfc4861_invalid_messages_are_discarded() {
    let target = v6a("2001:db8::1");
    let group = nd::solicited_node(target);
    let valid = nd::solicitation(v6a("2001:db8::2"), group, target, PEER);
    let with = |change: &dyn Fn(&mut Outgoing)| {
        let mut packet = valid.clone();
        change(&mut packet);
        // The checksum is right all the same, unless that is what is wrong.
        packet.payload[2..4].fill(0);
        let sum = wire::ip::sum(packet.source, packet.destination, packet.protocol, &packet.payload);
        packet.payload[2..4].copy_from_slice(&sum.to_be_bytes());
        packet
    };
    let mut world = World::usual();
    world.packet(1, Reason::Ours, &with(&|_| {}));
    assert_eq!(world.sent().len(), 1, "a valid one is answered");
    let wrong: [(&str, Outgoing); 7] = [
        ("hop limit is not 255", with(&|packet| packet.ttl = 254)),
        ("code is not 0", with(&|packet| packet.payload[1] = 1)),
        ("shorter than 24 bytes", with(&|packet| packet.payload.truncate(23))),
        ("target is a group", with(&|packet| packet.payload[8] = 0xff)),
        ("an option of length 0", with(&|packet| packet.payload[25] = 0)),
        ("unspecified source with a station", with(&|packet| packet.source = ip("::"))),
        ("checksum", {
            let mut packet = valid.clone();
            packet.payload[2] ^= 1;
            packet
        }),
    ];
    for (what, packet) in wrong {
        world.packet(1, Reason::Ours, &packet);
        assert_eq!(world.sent(), [], "{what}");
    }
    // §7.1.1: from the unspecified address only to the solicited-node group.
    let mut probe = nd::solicitation(Ipv6Addr::UNSPECIFIED, target, target, PEER);
    probe.destination = IpAddr::V6(target);
    world.packet(1, Reason::Ours, &probe);
    assert_eq!(world.sent(), []);
    // §7.1.2: an advertisement to a group is not solicited.
    world.step(Some(Input::Resolve { interface: port(1), address: ip("2001:db8::9"), packet: None }));
    world.take();
    let flags = nd::Flags { router: false, solicited: true, overrides: true };
    world.packet(1, Reason::Ours, &nd::advertisement(v6a("2001:db8::9"), nd::ALL_NODES, PEER, flags));
    assert_eq!(world.neighbour(1, "2001:db8::9").unwrap().station, None);
}

/// RFC 4861 §7.2.5: the table of the appendix C, for an entry that is there.
#[test]
fn rfc4861_an_advertisement_changes_what_it_may() {
    use crate::Reachability::*;
    const OTHER: Mac = [2, 0, 0, 0, 0, 9];
    let cases: [(bool, bool, Option<Mac>, Mac, crate::Reachability); 8] = [
        // solicited, override, station: what is known then.
        (true, false, Some(PEER), PEER, Reachable),
        (true, true, Some(OTHER), OTHER, Reachable),
        (true, false, Some(OTHER), PEER, Stale),
        (false, true, Some(OTHER), OTHER, Delay),
        (false, false, Some(OTHER), PEER, Stale),
        (false, true, Some(PEER), PEER, Reachable),
        (false, false, Some(PEER), PEER, Reachable),
        (true, false, None, PEER, Reachable),
    ];
    for (solicited, overrides, station, known, reachability) in cases {
        let mut world = World::usual();
        world.learn(1, "2001:db8::2", PEER);
        let flags = nd::Flags { router: true, solicited, overrides };
        let mut said = nd::advertisement(v6a("2001:db8::2"), v6a("2001:db8::1"), station.unwrap_or_default(), flags);
        if station.is_none() {
            let header = said.payload[4..8].first_chunk().copied().unwrap();
            let message =
                Message { kind: v6::NEIGHBOR_ADVERTISEMENT, code: 0, word: header, body: &said.payload[8..24] };
            said.payload = message.to_bytes(said.source, said.destination);
        }
        world.packet(1, Reason::Ours, &said);
        let neighbour = world.neighbour(1, "2001:db8::2").unwrap();
        let what = format!("solicited {solicited} override {overrides} {station:?}");
        assert_eq!((neighbour.station, neighbour.reachability), (Some(known), reachability), "{what}");
        let told = world.take().contains(&Output::Adjacency(port(1), ip("2001:db8::2"), Some(OTHER)));
        assert_eq!(told, known == OTHER, "{what}");
    }
}

/// RFC 4861 §6.2: off unless wanted; who asks is answered within half a second, and all know when it ends.
#[test]
fn rfc4861_a_router_advertises_itself() {
    let mut world = World::usual();
    world.pass(700_000);
    assert!(world.sent().iter().all(|(_, frame)| message(frame).kind != v6::ROUTER_ADVERTISEMENT));
    let neighbours = NeighbourSettings { advertise: true, ..NeighbourSettings::default() };
    let advertising = Interface { neighbours, ..interface(&["10.0.0.1/24", "2001:db8::1/64"]) };
    world.up(1, advertising.clone());
    world.pass(40_000);
    let sent = world.sent();
    assert_eq!(sent.len(), 3, "§6.2.4: the first three follow each other");
    let first = message(&sent[0].1);
    assert_eq!(inner(&sent[0].1).source, ip("fe80::ff:fe00:1"));
    assert_eq!((first.kind, &first.word), (v6::ROUTER_ADVERTISEMENT, &[64, 0, 7, 8]));
    // Station, MTU, prefix.
    assert_eq!(first.body[8..24], [1, 1, 2, 0, 0, 0, 0, 1, 5, 1, 0, 0, 0, 0, 5, 220]);
    assert_eq!(first.body[24..28], [3, 4, 64, 0xc0]);
    let solicitation = Message { kind: v6::ROUTER_SOLICITATION, code: 0, word: [0; 4], body: &[] };
    let (from, to) = ("fe80::2", "ff02::2");
    let mut asked = packet(from, to, ip_number::IPV6_ICMP, solicitation.to_bytes(ip(from), ip(to)));
    asked.ttl = 255;
    world.packet(1, Reason::Ours, &asked);
    world.pass(3_500);
    assert_eq!(world.sent().len(), 1);
    // §6.2.5: it ends.
    world.up(1, interface(&["10.0.0.1/24", "2001:db8::1/64"]));
    assert_eq!(message(&world.only()).word, [64, 0, 0, 0]);
}

/// RFC 1122 §3.2.2.6, RFC 4443 §4.2: identifier, number and data come back, from the address that was asked.
#[test]
fn rfc1122_echoes_are_answered() {
    let mut world = World::usual();
    for (from, to, kind) in [("10.0.0.2", "10.0.0.1", 0), ("2001:db8::2", "2001:db8::1", v6::ECHO_REPLY)] {
        world.learn(1, from, PEER);
        let data: Vec<u8> = (0..=255).collect();
        world.packet(1, Reason::Ours, &echo(from, to, &data));
        let answer = world.only();
        assert_eq!(Frame::parse(&answer).unwrap().destination, PEER);
        assert_eq!((inner(&answer).source, inner(&answer).destination), (ip(to), ip(from)));
        assert_eq!(message(&answer), Message { kind, code: 0, word: [1, 2, 3, 4], body: &data });
    }
    // By another interface's address; and RFC 4443 §4.2 for a group, from an address of one.
    world.packet(1, Reason::Ours, &echo("10.0.0.2", "10.0.1.1", b"far"));
    assert_eq!(inner(&world.only()).source, ip("10.0.1.1"));
    world.packet(1, Reason::Ours, &echo("2001:db8::2", "ff02::1", b"all"));
    assert_eq!(inner(&world.only()).source, ip("2001:db8::1"));
    // Not to everybody's address, not to others', not from nobody or ourselves.
    for (from, to) in [
        ("10.0.0.2", "10.0.0.255"),
        ("10.0.0.2", "255.255.255.255"),
        ("10.0.0.2", "10.0.0.77"),
        ("0.0.0.0", "10.0.0.1"),
        ("127.0.0.1", "10.0.0.1"),
        ("224.0.0.9", "10.0.0.1"),
        ("10.0.0.255", "10.0.0.1"),
        ("10.0.1.1", "10.0.0.1"),
        ("::", "2001:db8::1"),
    ] {
        world.packet(1, Reason::Ours, &echo(from, to, b"x"));
        assert_eq!(world.sent(), [], "{from} to {to}");
    }
}

/// RFC 791 §3.2, RFC 8200 §4.5: what comes in parts is answered in parts, whatever their order.
#[test]
fn rfc791_large_echoes_are_put_together_and_cut() {
    for (from, to) in [("10.0.0.2", "10.0.0.1"), ("2001:db8::2", "2001:db8::1")] {
        let mut world = World::usual();
        world.learn(1, from, PEER);
        let data: Vec<u8> = (0..9_000u32).map(|at| at as u8).collect();
        let whole = echo(from, to, &data);
        let kind = if ip(from).is_ipv4() { ether_type::IPV4 } else { ether_type::IPV6 };
        let mut parts = whole.packets(1500, 99).unwrap();
        assert!(parts.len() > 6);
        parts.reverse();
        parts.swap(1, 3);
        for part in &parts {
            assert_eq!(world.sent(), []);
            world.frame(1, Reason::Ours, &station(PEER, ROUTER, kind, part));
        }
        let answer = world.sent();
        assert_eq!(answer.len(), parts.len());
        assert!(answer.iter().all(|(_, frame)| frame.len() <= 1514));
        // Put together by another host, it is what was sent.
        let mut other = World::usual();
        other.up(1, interface(&[&format!("{from}/24"), "10.9.9.9/32"]));
        let mut reassembly = Reassembly::default();
        let mut come = None;
        for (id, frame) in &answer {
            let packet = inner(frame);
            let fragment = packet.fragment.unwrap();
            come = come.or(reassembly.take(other.now, (*id, TableId::DEFAULT), &packet, fragment));
        }
        let (_, payload) = come.unwrap();
        assert_eq!(payload[8..], data);
    }
}
