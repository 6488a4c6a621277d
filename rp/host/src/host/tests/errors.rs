//! What is said of packets that do not arrive.

use super::*;
use crate::Unreachable;

/// A world that knows the stations of 10.0.0.2 and 2001:db8::2, from which packets come.
fn world() -> World {
    let mut world = World::usual();
    world.learn(1, "10.0.0.2", PEER);
    world.learn(1, "2001:db8::2", PEER);
    world
}

/// RFC 1812 §4.3.2, §5.3.1; RFC 4443 §3.3: from the address of the interface that it came in by, with as much as fits.
#[test]
fn rfc1812_time_exceeded_quotes_the_packet() {
    let mut world = world();
    for (from, to, own, kind, most) in
        [("10.0.0.2", "198.51.100.1", "10.0.0.1", 11, 576), ("2001:db8::2", "2001:db8:9::1", "2001:db8::1", 3, 1280)]
    {
        for len in [8, 1_400] {
            let mut packet = datagram(from, to, 33_434, &vec![7; len]);
            (packet.ttl, packet.class) = (1, 0x28);
            let bytes = packet.packets(1500, 5).unwrap().remove(0);
            world.packet(1, Reason::Expired, &Outgoing { ..packet });
            let error = world.only();
            assert_eq!(Frame::parse(&error).unwrap().destination, PEER);
            let outer = inner(&error);
            assert_eq!((outer.source, outer.destination, outer.ttl), (ip(own), ip(from), 255));
            assert_eq!(outer.class, 0xc8, "§4.3.2.5: internetwork control, and the type of service");
            assert!(outer.bytes.len() <= most);
            let message = message(&error);
            assert_eq!((message.kind, message.code, message.word), (kind, 0, [0; 4]));
            assert_eq!(message.body.len(), bytes.len().min(most - if kind == 11 { 28 } else { 48 }));
            // The identification is the sender's own.
            assert_eq!(message.body[6..], bytes_with_id(&bytes, message.body)[6..message.body.len()]);
        }
    }
}

/// The packet with the number that it was sent with.
fn bytes_with_id(bytes: &[u8], quoted: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes[0] >> 4 == 4 {
        bytes[4..6].copy_from_slice(&quoted[4..6]);
        bytes[10..12].copy_from_slice(&quoted[10..12]);
    }
    bytes
}

/// RFC 1812 §5.2.7.1, RFC 4443 §3.1.
#[test]
fn every_code_of_unreachable() {
    for why in Unreachable::ALL {
        let mut world = world();
        world.packet(1, Reason::Unreachable(why), &datagram("10.0.0.2", "198.51.100.1", 9, b"x"));
        let error = world.only();
        assert_eq!((message(&error).kind, message(&error).code), (3, why.code_v4()));
        world.packet(1, Reason::Unreachable(why), &datagram("2001:db8::2", "2001:db8:9::1", 9, b"x"));
        let error = world.only();
        assert_eq!((message(&error).kind, message(&error).code), (1, why.code_v6()));
    }
    let codes: BTreeSet<u8> = Unreachable::ALL.iter().map(|why| why.code_v4()).collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13]);
    let codes: BTreeSet<u8> = Unreachable::ALL.iter().map(|why| why.code_v6()).collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
}

/// RFC 1122 §3.3.1.1, RFC 4443 §3.1, §3.4: a port without anybody, a protocol without anybody.
#[test]
fn nobody_listens() {
    let mut world = world();
    world.packet(1, Reason::Ours, &datagram("10.0.0.2", "10.0.0.1", 9, b"x"));
    let error = world.only();
    assert_eq!((message(&error).kind, message(&error).code), (3, 3));
    world.packet(1, Reason::Ours, &datagram("2001:db8::2", "2001:db8::1", 9, b"x"));
    let error = world.only();
    assert_eq!((message(&error).kind, message(&error).code), (1, 4));
    world.packet(1, Reason::Ours, &packet("10.0.0.2", "10.0.0.1", IpNumber(200), vec![0; 8]));
    let error = world.only();
    assert_eq!((message(&error).kind, message(&error).code), (3, 2));
    world.packet(1, Reason::Ours, &packet("2001:db8::2", "2001:db8::1", IpNumber(200), vec![0; 8]));
    let error = world.only();
    assert_eq!((message(&error).kind, message(&error).code, message(&error).word), (4, 1, [0, 0, 0, 6]));
    // RFC 5095 §3: a routing header of type 0 with segments left: the pointer is at the field that says so.
    let routing = [vec![17, 2, 0, 1], vec![0; 20]].concat();
    world.packet(1, Reason::Ours, &packet("2001:db8::2", "2001:db8::1", ip_number::IPV6_ROUTE_HEADER, routing));
    let error = world.only();
    assert_eq!((message(&error).kind, message(&error).code, message(&error).word), (4, 0, [0, 0, 0, 43]));
    // Whoever listens gets it.
    world.step(Some(Input::Open(SocketId(3), TableId::DEFAULT, None, 9)));
    world.packet(1, Reason::Ours, &datagram("10.0.0.2", "10.0.0.1", 9, b"xyz"));
    let [Output::Datagram(come)] = &world.take()[..] else { panic!() };
    assert_eq!((come.socket, come.own, &come.data[..]), (SocketId(3), "10.0.0.1:9".parse().unwrap(), &b"xyz"[..]));
    // And answers.
    world.step(Some(Input::Datagram(&Datagram { data: b"abc".to_vec(), ..come.clone() })));
    let answer = world.only();
    let udp = wire::udp::Udp::parse(&inner(&answer)).unwrap();
    assert_eq!((udp.source, udp.destination, udp.payload), (9, 4_000, &b"abc"[..]));
    world.step(Some(Input::Listen(200)));
    world.packet(1, Reason::Ours, &packet("10.0.0.2", "10.0.0.1", IpNumber(200), vec![0; 8]));
    assert!(matches!(&world.take()[..], [Output::Packet(..)]));
}

/// RFC 1191 §4, RFC 4443 §3.2: with the MTU; only of what may not be cut.
#[test]
fn too_big_says_how_big() {
    let mut world = world();
    let mut large = datagram("10.0.0.2", "198.51.100.1", 9, &[0; 1_400]);
    let reason = Reason::TooBig { mtu: 1_300 };
    world.packet(1, reason, &large);
    assert_eq!(world.take(), [], "a line card cuts it");
    large.dont_fragment = true;
    world.packet(1, reason, &large);
    let error = world.only();
    assert_eq!((message(&error).kind, message(&error).code, message(&error).word), (3, 4, [0, 0, 5, 20]));
    world.packet(1, reason, &datagram("2001:db8::2", "2001:db8:9::1", 9, &[0; 1_400]));
    let error = world.only();
    assert_eq!((message(&error).kind, message(&error).code, message(&error).word), (2, 0, [0, 0, 5, 20]));
    // RFC 4443 §2.4 e.3: of a group too, over IPv6; and nothing else is.
    world.packet(1, reason, &datagram("2001:db8::2", "ff0e::1", 9, &[0; 1_400]));
    assert_eq!(message(&world.only()).kind, 2);
    world.packet(1, Reason::Expired, &datagram("2001:db8::2", "ff0e::1", 9, &[0; 1_400]));
    assert_eq!(world.take(), []);
}

/// RFC 1812 §4.3.2.7, RFC 4443 §2.4 e.
#[test]
fn nothing_is_said_of_these() {
    let error = |from: &str, to: &str, kind: u8| {
        let protocol = wire::icmp::protocol(ip(from));
        let message = Message { kind, code: 0, word: [0; 4], body: &[0; 28] };
        packet(from, to, protocol, message.to_bytes(ip(from), ip(to)))
    };
    let to = "198.51.100.1";
    let cases = [
        ("an error", error("10.0.0.2", to, 3)),
        ("time exceeded", error("10.0.0.2", to, 11)),
        ("a redirect", error("10.0.0.2", to, 5)),
        ("a kind that is not known", error("10.0.0.2", to, 99)),
        ("an error of IPv6", error("2001:db8::2", "2001:db8:9::1", 1)),
        ("an unknown one of IPv6", error("2001:db8::2", "2001:db8:9::1", 100)),
        ("a redirect of IPv6", error("2001:db8::2", "2001:db8:9::1", 137)),
        ("to a group", datagram("10.0.0.2", "224.1.1.1", 9, b"x")),
        ("to everybody", datagram("10.0.0.2", "255.255.255.255", 9, b"x")),
        ("to everybody on the network", datagram("10.0.0.2", "10.0.0.255", 9, b"x")),
        ("to nobody", datagram("10.0.0.2", "0.0.0.0", 9, b"x")),
        ("from nobody", datagram("0.0.0.0", to, 9, b"x")),
        ("from network zero", datagram("0.1.2.3", to, 9, b"x")),
        ("from a loopback", datagram("127.0.0.1", to, 9, b"x")),
        ("from a group", datagram("224.0.0.1", to, 9, b"x")),
        ("from everybody", datagram("10.0.0.255", to, 9, b"x")),
        ("from class E", datagram("240.0.0.1", to, 9, b"x")),
        ("from nobody, IPv6", datagram("::", "2001:db8:9::1", 9, b"x")),
        ("from a group, IPv6", datagram("ff02::1", "2001:db8:9::1", 9, b"x")),
    ];
    for (what, packet) in cases {
        let mut world = world();
        for reason in [Reason::Expired, Reason::Unreachable(Unreachable::Network)] {
            world.packet(1, reason, &packet);
            assert_eq!(world.take(), [], "{what}");
        }
    }
    // A later fragment; and what went to many stations.
    let mut world = world();
    let parts = datagram("10.0.0.2", to, 9, &[0; 3_000]).packets(1500, 1).unwrap();
    world.frame(1, Reason::Expired, &station(PEER, ROUTER, ether_type::IPV4, &parts[1]));
    assert_eq!(world.take(), []);
    world.frame(1, Reason::Expired, &station(PEER, ROUTER, ether_type::IPV4, &parts[0]));
    assert_eq!(message(&world.only()).kind, 11);
    let whole = datagram("10.0.0.2", to, 9, b"x").packets(1500, 1).unwrap();
    world.frame(1, Reason::Expired, &station(PEER, wire::BROADCAST, ether_type::IPV4, &whole[0]));
    assert_eq!(world.take(), []);
    // An echo is no error: of it something is said.
    world.packet(1, Reason::Expired, &echo("10.0.0.2", to, b"x"));
    assert_eq!(message(&world.only()).kind, 11);
}

/// RFC 1812 §4.3.2.8, RFC 4443 §2.4 f.
#[test]
fn errors_are_few() {
    let mut world = world();
    let limits = ErrorLimits::default();
    let packet = datagram("10.0.0.2", "198.51.100.1", 9, b"x");
    for _ in 0..1_000 {
        world.packet(1, Reason::Expired, &packet);
    }
    assert_eq!(world.sent().len(), limits.exceeded.1 as usize);
    assert_eq!(world.host.counters().limited, 1_000 - u64::from(limits.exceeded.1));
    for _ in 0..1_000 {
        world.packet(1, Reason::Expired, &packet);
        world.pass(1);
    }
    let sent = world.sent().len();
    assert!((95..=101).contains(&sent), "{sent}");
    // Others have buckets of their own.
    world.packet(1, Reason::Unreachable(Unreachable::Network), &packet);
    assert_eq!(message(&world.only()).kind, 3);
}

/// RFC 1122 §3.3.2, RFC 8200 §4.5: of a datagram whose first part is there.
#[test]
fn parts_that_do_not_come_are_told_of() {
    for (from, to, kind) in [("10.0.0.2", "10.0.0.1", 11), ("2001:db8::2", "2001:db8::1", 3)] {
        for first in [0, 1] {
            let mut world = World::usual();
            let ether = if kind == 11 { ether_type::IPV4 } else { ether_type::IPV6 };
            let parts = echo(from, to, &[0; 3_000]).packets(1500, 1).unwrap();
            world.frame(1, Reason::Ours, &station(PEER, ROUTER, ether, &parts[first]));
            world.pass(59_000);
            world.learn(1, from, PEER);
            world.pass(2_000);
            if first == 0 {
                let error = world.only();
                assert_eq!((message(&error).kind, message(&error).code), (kind, 1));
            } else {
                assert_eq!(world.sent(), [], "the first has not come");
            }
        }
    }
}

/// RFC 1812 §5.2.1: packets to a neighbour whose station is not known go on once it is; their hop is taken here.
#[test]
fn a_packet_for_an_unknown_neighbour_is_forwarded() {
    let mut world = world();
    let mut packet = datagram("10.0.0.2", "10.0.1.9", 9, b"payload");
    world.packet(1, Reason::Unresolved, &packet);
    let request = world.only();
    assert_eq!(Arp::parse(Frame::parse(&request).unwrap().payload).unwrap().target.1.to_string(), "10.0.1.9");
    world.arp(2, reply((PEER, [10, 0, 1, 9].into()), ip("10.0.1.1")));
    let (port_of, frame) = world.sent().remove(0);
    assert_eq!((port_of, inner(&frame).ttl), (port(2), 63));
    assert_eq!(inner(&frame).payload, packet.payload);
    packet.ttl = 1;
    world.packet(1, Reason::Unresolved, &packet);
    assert_eq!(message(&world.only()).kind, 11);
    world.packet(1, Reason::Unresolved, &datagram("10.0.0.2", "203.0.113.1", 9, b"x"));
    assert_eq!((message(&world.only()).kind, 0), (3, 0));
    world.up(2, Interface { mtu: 600, ..interface(&["10.0.1.1/24"]) });
    world.take();
    let mut large = datagram("10.0.0.2", "10.0.1.9", 9, &[0; 700]);
    large.dont_fragment = true;
    world.packet(1, Reason::Unresolved, &large);
    assert_eq!(message(&world.only()).word, [0, 0, 2, 88]);
}
