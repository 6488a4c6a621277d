//! What holds whatever arrives.

use super::*;
use proptest::prelude::*;

/// Valid frames to begin with, so that what is changed in them is seen.
fn seeds() -> Vec<Vec<u8>> {
    let v4 = |packet: Outgoing| station(PEER, ROUTER, ether_type::IPV4, &packet.packets(1500, 7).unwrap()[0]);
    let v6 = |packet: Outgoing| station(PEER, ROUTER, ether_type::IPV6, &packet.packets(1500, 7).unwrap()[0]);
    let target: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
    let them: std::net::Ipv6Addr = "2001:db8::2".parse().unwrap();
    let flags = nd::Flags { router: true, solicited: true, overrides: true };
    let arp = Arp::request((PEER, [10, 0, 0, 2].into()), [10, 0, 0, 1].into());
    vec![
        station(PEER, wire::BROADCAST, ether_type::ARP, &arp.to_bytes()),
        station(PEER, ROUTER, ether_type::ARP, &arp.answered_by(PEER).to_bytes()),
        wire::frame(&Link { mac: PEER, vlan: Some(9) }, ROUTER, ether_type::ARP, &arp.to_bytes()),
        v4(echo("10.0.0.2", "10.0.0.1", b"data")),
        v4(echo("10.0.0.2", "10.0.0.1", &[1; 3_000])),
        v4(datagram("10.0.0.2", "10.0.0.1", 9, b"data")),
        v4(datagram("10.0.0.2", "198.51.100.1", 9, b"data")),
        v6(echo("2001:db8::2", "2001:db8::1", b"data")),
        v6(echo("2001:db8::2", "2001:db8::1", &[1; 3_000])),
        v6(datagram("2001:db8::2", "2001:db8:9::1", 9, b"data")),
        v6(nd::solicitation(them, nd::solicited_node(target), target, PEER)),
        v6(nd::advertisement(them, target, PEER, flags)),
        v6(nd::router_advertisement(
            "fe80::2".parse().unwrap(),
            nd::ALL_NODES,
            PEER,
            1800,
            1500,
            [(them, 64)].into_iter(),
        )),
        v6(packet(
            "2001:db8::2",
            "2001:db8::1",
            ip_number::IPV6_ROUTE_HEADER,
            [vec![17, 2, 0, 1], vec![0; 20]].concat(),
        )),
    ]
}

fn reasons() -> impl Strategy<Value = Reason> {
    prop_oneof![
        Just(Reason::Ours),
        Just(Reason::Expired),
        Just(Reason::Unresolved),
        (0..2_000u16).prop_map(|mtu| Reason::TooBig { mtu }),
        (0..Unreachable::ALL.len()).prop_map(|at| Reason::Unreachable(Unreachable::ALL[at])),
    ]
}

/// A valid frame with some bytes changed, cut, or none of it.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let seeds = seeds();
    let changed = (0..seeds.len(), proptest::collection::vec((any::<u16>(), any::<u8>()), 0..6), any::<Option<u16>>());
    let changed = changed.prop_map(move |(seed, changes, cut)| {
        let mut frame = seeds[seed].clone();
        for (at, byte) in changes {
            let at = usize::from(at) % frame.len();
            frame[at] = byte;
        }
        if let Some(cut) = cut {
            frame.truncate(usize::from(cut) % 100);
        }
        repaired(frame)
    });
    prop_oneof![4 => changed, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
}

/// Mends the header's checksum, so that what lies behind it is read.
fn repaired(mut frame: Vec<u8>) -> Vec<u8> {
    if frame.len() >= 34 && frame[12..14] == [8, 0] && frame[14] == 0x45 {
        let header =
            etherparse::Ipv4Header::from_slice(&frame[14..34]).map(|(header, _)| header.calc_header_checksum());
        if let Ok(sum) = header {
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
        }
    }
    frame
}

#[derive(Clone, Debug)]
enum Event {
    Frame(u8, Reason, Vec<u8>),
    Resolve(u8, IpAddr),
    Pass(u64),
    Down(u8),
    Up(u8),
    Clear(bool),
}

fn events() -> impl Strategy<Value = Event> {
    let near = prop_oneof![
        (0..20u8).prop_map(|last| IpAddr::from([10, 0, 0, last])),
        (0..20u16).prop_map(|last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])),
    ];
    prop_oneof![
        8 => (1..3u8, reasons(), frames()).prop_map(|(port, reason, frame)| Event::Frame(port, reason, frame)),
        3 => (1..3u8, near).prop_map(|(port, address)| Event::Resolve(port, address)),
        3 => (0..20_000u64).prop_map(Event::Pass),
        1 => (1..3u8).prop_map(Event::Down),
        1 => (1..3u8).prop_map(Event::Up),
        1 => any::<bool>().prop_map(Event::Clear),
    ]
}

impl World {
    fn usual_port(number: u8) -> Interface {
        let n = number - 1;
        interface(&[&format!("10.0.{n}.1/24"), &format!("2001:db8:{n}::1/64")])
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Frame(number, reason, frame) => self.frame(*number, *reason, frame),
            Event::Resolve(number, address) => {
                self.step(Some(Input::Resolve { interface: port(*number), address: *address, packet: None }));
            }
            Event::Pass(ms) => self.pass(*ms),
            Event::Down(number) => {
                let down = Interface { up: false, ..Self::usual_port(*number) };
                self.step(Some(Input::Interface(port(*number), Some(down))));
            }
            Event::Up(number) => self.step(Some(Input::Interface(port(*number), Some(Self::usual_port(*number))))),
            Event::Clear(v4) => self.step(Some(Input::Clear { v4: *v4, interface: None })),
        }
    }
}

/// Whether a frame carries a message about another packet.
fn is_error(frame: &[u8]) -> bool {
    Frame::parse(frame).and_then(|frame| Packet::parse(frame.payload)).is_some_and(|packet| Message::is_error(&packet))
}

/// Whether that packet is such a message itself.
fn is_about_an_error(frame: &[u8]) -> bool {
    let packet = Frame::parse(frame).and_then(|frame| Packet::parse(frame.payload));
    let about = packet.filter(Message::is_error).and_then(|packet| Packet::quoted(Message::parse(&packet)?.body));
    about.is_some_and(|about| Message::is_error(&about))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Nothing that arrives does any harm; what goes out can be read; the forwarding table knows what the host knows.
    #[test]
    fn whatever_happens(all in proptest::collection::vec(events(), 1..60)) {
        let mut world = World::usual();
        let mut programmed = BTreeMap::new();
        for event in &all {
            world.happens(event);
            for output in world.take() {
                match output {
                    Output::Send(_, frame) => {
                        let frame = Frame::parse(&frame).unwrap();
                        let readable = Arp::parse(frame.payload).is_some() || Packet::parse(frame.payload).is_some();
                        prop_assert!(readable);
                        prop_assert_eq!(frame.source, ROUTER);
                    }
                    Output::Adjacency(id, address, Some(mac)) => {
                        prop_assert_ne!(programmed.insert((id, address), mac), Some(mac), "said twice");
                    }
                    Output::Adjacency(id, address, None) => {
                        prop_assert!(programmed.remove(&(id, address)).is_some(), "it was not there");
                    }
                    _ => {}
                }
            }
            let shown: BTreeMap<_, _> = world.host.neighbours()
                .filter(|(.., neighbour)| neighbour.programmed)
                .map(|(id, address, neighbour)| ((id, address), neighbour.station.unwrap()))
                .collect();
            prop_assert_eq!(&programmed, &shown);
            prop_assert!(programmed.keys().all(|(id, address)| world.host.own(*id, *address).is_none()));
        }
    }

    /// Of what is said of a packet nothing is said (RFC 1812 §4.3.2.7), whatever becomes of it.
    #[test]
    fn no_error_about_an_error(frame in frames(), first in reasons(), second in reasons()) {
        let mut world = World::usual();
        world.learn(1, "10.0.0.2", PEER);
        world.learn(1, "2001:db8::2", PEER);
        world.frame(1, first, &frame);
        let sent = world.sent();
        prop_assert!(!is_error(&frame) || sent.iter().all(|(_, sent)| !is_about_an_error(sent)));
        for (_, sent) in sent.into_iter().filter(|(_, sent)| is_error(sent)) {
            world.frame(1, second, &sent);
            prop_assert!(world.sent().iter().all(|(_, sent)| !is_about_an_error(sent)));
        }
    }

    /// `restore(save(s))` behaves as `s`: told the same, it says the same, but for when it asks after whom by itself.
    #[test]
    fn restored_it_behaves_as_before(
        before in proptest::collection::vec(events(), 1..40),
        after in proptest::collection::vec((1..3u8, reasons(), frames()), 1..20),
    ) {
        let mut world = World::usual();
        before.iter().for_each(|event| world.happens(event));
        (1..3).for_each(|number| world.happens(&Event::Up(number)));
        world.pass(10_000);
        // Whom nobody has wanted is met again by the other one, and not taken over.
        let known = world.host.neighbours().filter(|(.., neighbour)| neighbour.station.is_some());
        let known: Vec<(InterfaceId, IpAddr)> = known.map(|(id, address, _)| (id, address)).collect();
        for (interface, address) in known {
            world.step(Some(Input::Resolve { interface, address, packet: None }));
        }
        let state = world.host.save();
        let mut other = World { host: Host::new(Settings::default(), 9), ..World::usual() };
        other.now = world.now;
        other.host.restore(other.now, &state);
        for number in 1..3 {
            other.up(number, World::usual_port(number));
        }
        prop_assert_eq!(&other.host.save(), &state);
        prop_assert_eq!(other.sent(), []);
        world.take();
        let told = |world: &mut World| {
            let out = world.take().into_iter().filter(|output| matches!(output, Output::Adjacency(..)));
            out.collect::<Vec<_>>()
        };
        for (number, reason, frame) in after {
            for world in [&mut world, &mut other] {
                world.frame(number, reason, &frame);
            }
            prop_assert_eq!(told(&mut world), told(&mut other));
            prop_assert_eq!(world.host.save(), other.host.save());
        }
    }
}
