//! `ping` and `traceroute`.

use super::*;
use crate::{PingEvent, Says, TraceEvent, Unsent};

fn events(world: &mut World) -> Vec<ProbeEvent> {
    let events = world.take().into_iter().filter_map(|output| match output {
        Output::Probe(_, event) => Some(event),
        _ => None,
    });
    events.collect()
}

/// Answers every echo that goes out after `ms`, and lets time pass until the question is answered.
fn run(
    world: &mut World,
    ping: Ping,
    ms: u64,
    mut answer: impl FnMut(&Packet<'_>, u16) -> Option<Outgoing>,
) -> Vec<PingEvent> {
    world.step(Some(Input::Ping(ProbeId(1), ping)));
    let mut all = Vec::new();
    for _ in 0..10_000 {
        let out = world.take();
        let mut answers = Vec::new();
        for output in out {
            match output {
                Output::Send(_, frame) if Frame::parse(&frame).unwrap().ether_type != ether_type::ARP => {
                    let packet = inner(&frame);
                    if let Some(message) = Message::parse(&packet)
                        && let Some(reply) = answer(&packet, message.echo().1)
                    {
                        answers.push(reply);
                    }
                }
                Output::Probe(_, ProbeEvent::Ping(event)) => all.push(event),
                _ => {}
            }
        }
        if matches!(all.last(), Some(PingEvent::Done(_))) {
            return all;
        }
        world.pass(ms);
        for answer in answers {
            world.packet(1, Reason::Ours, &answer);
        }
    }
    panic!("it does not end: {all:?}");
}

fn answered(packet: &Packet<'_>) -> Outgoing {
    let message = Message::parse(packet).unwrap();
    let kind = if packet.source.is_ipv4() { 0 } else { v6::ECHO_REPLY };
    let (source, destination) = (packet.destination, packet.source);
    let payload = Message { kind, ..message }.to_bytes(source, destination);
    Outgoing { source, destination, ttl: 64, class: 0, dont_fragment: false, protocol: packet.protocol, payload }
}

fn marks(events: &[PingEvent]) -> String {
    events.iter().filter_map(PingEvent::mark).collect()
}

#[test]
fn a_ping_is_answered_and_summed_up() {
    let mut world = World::usual();
    for to in ["10.0.0.2", "2001:db8::2"] {
        world.learn(1, to, PEER);
        let ping = Ping::new(TableId::DEFAULT, ip(to));
        let mut lens = BTreeSet::new();
        let events = run(&mut world, ping, 4, |packet, _| {
            lens.insert(packet.bytes.len());
            Some(answered(packet))
        });
        assert_eq!(marks(&events), "!!!!!");
        assert_eq!(lens, [100].into());
        let Some(PingEvent::Done(summary)) = events.last() else { panic!() };
        assert_eq!(summary.to_string(), "Success rate is 100 percent (5/5), round-trip min/avg/max = 4/4/4 ms");
    }
    assert_eq!(world.host.deadline().map(|due| due > world.now), Some(true));
}

#[test]
fn a_ping_that_nobody_answers_ends() {
    let mut world = World::usual();
    let begun = world.now;
    let events = run(&mut world, Ping::new(TableId::DEFAULT, ip("10.0.0.2")), 100, |_, _| None);
    assert_eq!(marks(&events), ".....");
    let Some(PingEvent::Done(summary)) = events.last() else { panic!() };
    assert_eq!(summary.to_string(), "Success rate is 0 percent (0/5)");
    assert_eq!(world.now.since(begun), Duration::from_secs(10));
}

#[test]
fn a_ping_shows_what_is_said_of_it() {
    let mut world = World::usual();
    world.learn(1, "10.0.0.9", PEER);
    world.learn(1, "2001:db8::9", PEER);
    let far = [("0.0.0.0/0", "10.0.0.9"), ("::/0", "2001:db8::9")];
    for (prefix, next) in far {
        let (address, len) = prefix.split_once('/').unwrap();
        let prefix = Prefix::covering(ip(address), len.parse().unwrap()).unwrap();
        world.routes.0.insert((TableId::DEFAULT, prefix), Hop::Neighbour(port(1), ip(next)));
    }
    let cases = [
        ("203.0.113.1", "10.0.0.9", 3, 1, 'U'),
        ("203.0.113.1", "10.0.0.9", 3, 4, 'M'),
        ("203.0.113.1", "10.0.0.9", 11, 0, '&'),
        ("2001:db8:f::1", "2001:db8::9", 1, 0, 'U'),
        ("2001:db8:f::1", "2001:db8::9", 1, 3, 'H'),
        ("2001:db8:f::1", "2001:db8::9", 2, 0, 'B'),
        ("2001:db8:f::1", "2001:db8::9", 3, 0, 'T'),
    ];
    for (to, from, kind, code, mark) in cases {
        let events = run(&mut world, Ping::new(TableId::DEFAULT, ip(to)), 1, |of, _| {
            let message = Message { kind, code, word: [0; 4], body: &of.bytes[..of.bytes.len().min(60)] };
            let payload = message.to_bytes(ip(from), of.source);
            let (destination, protocol) = (of.source, of.protocol);
            Some(Outgoing { destination, protocol, payload, ..packet(from, from, of.protocol, vec![]) })
        });
        assert_eq!(marks(&events), mark.to_string().repeat(5), "{to} {kind} {code}");
    }
}

#[test]
fn a_ping_to_ourselves_from_a_source_and_of_a_size() {
    let mut world = World::usual();
    let own = Ping::new(TableId::DEFAULT, ip("10.0.0.1"));
    assert_eq!(marks(&run(&mut world, own, 1, |_, _| None)), "!!!!!");
    assert_eq!(world.sent(), []);
    world.learn(1, "10.0.0.2", PEER);
    let from = Ping { source: Some(ip("10.0.1.1")), count: 2, ..Ping::new(TableId::DEFAULT, ip("10.0.0.2")) };
    let events = run(&mut world, from.clone(), 1, |packet, _| {
        assert_eq!(packet.source, ip("10.0.1.1"));
        Some(answered(packet))
    });
    assert_eq!(marks(&events), "!!");
    let wrong = Ping { source: Some(ip("10.0.1.2")), ..from.clone() };
    let events = run(&mut world, wrong, 1, |_, _| None);
    assert!(matches!(events[0], PingEvent::Unsent { why: Unsent::NoSource, .. }));
    let large = Ping { size: 1_600, dont_fragment: true, ..from };
    let events = run(&mut world, large, 1, |_, _| None);
    assert_eq!(events[0], PingEvent::Unsent { sequence: 0, why: Unsent::TooBig { mtu: 1_500 } });
    assert_eq!(marks(&events), "MM");
    let nowhere = Ping::new(TableId::DEFAULT, ip("203.0.113.1"));
    assert!(matches!(run(&mut world, nowhere, 1, |_, _| None)[0], PingEvent::Unsent { why: Unsent::NoRoute, .. }));
    let local = Ping::new(TableId::DEFAULT, ip("fe80::2"));
    assert!(matches!(
        run(&mut world, local, 1, |_, _| None)[0],
        PingEvent::Unsent { why: Unsent::NotADestination, .. }
    ));
    // Others' answers, and answers to others' questions, are nobody's.
    world.step(Some(Input::Ping(ProbeId(2), Ping::new(TableId::DEFAULT, ip("10.0.0.2")))));
    world.packet(
        1,
        Reason::Ours,
        &answered(&inner(&station(
            PEER,
            ROUTER,
            ether_type::IPV4,
            &echo("10.0.0.1", "10.0.0.2", b"").packets(1500, 1).unwrap()[0],
        ))),
    );
    assert_eq!(events_of(&mut world), 0);
    world.step(Some(Input::Stop(ProbeId(2))));
    world.pass(60_000);
    assert_eq!(events_of(&mut world), 0);
}

fn events_of(world: &mut World) -> usize {
    events(world).len()
}

#[test]
fn a_traceroute_names_the_hops() {
    for (to, hops, unreachable) in [
        ("203.0.113.1", ["10.0.0.9", "198.51.100.1", "203.0.113.1"], (3, 3)),
        ("2001:db8:f::1", ["2001:db8::9", "2001:db8:e::1", "2001:db8:f::1"], (1, 4)),
    ] {
        let mut world = World::usual();
        world.learn(1, hops[0], PEER);
        let all = if ip(to).is_ipv4() { "0.0.0.0" } else { "::" };
        let prefix = Prefix::covering(ip(all), 0).unwrap();
        world.routes.0.insert((TableId::DEFAULT, prefix), Hop::Neighbour(port(1), ip(hops[0])));
        world.step(Some(Input::Traceroute(ProbeId(1), Traceroute::new(TableId::DEFAULT, ip(to)))));
        let mut all = Vec::new();
        for _ in 0..100 {
            for output in world.take() {
                match output {
                    Output::Probe(_, ProbeEvent::Trace(event)) => all.push(event),
                    Output::Send(_, frame) => {
                        let of = inner(&frame);
                        let hop = usize::from(of.ttl);
                        // The second hop loses every third question.
                        if hop == 2 && all.len() % 3 == 2 {
                            continue;
                        }
                        let there = hop == 3;
                        let exceeded = if of.source.is_ipv4() { (11, 0) } else { (3, 0) };
                        let (kind, code) = if there { unreachable } else { exceeded };
                        let from = hops[hop - 1];
                        let message = Message { kind, code, word: [0; 4], body: of.bytes };
                        let payload = message.to_bytes(ip(from), of.source);
                        let protocol = wire::icmp::protocol(of.source);
                        let error =
                            Outgoing { destination: of.source, payload, ..packet(from, from, protocol, vec![]) };
                        world.pass(1);
                        world.packet(1, Reason::Ours, &error);
                    }
                    _ => {}
                }
            }
            if world.out.is_empty() {
                world.pass(3_000);
            }
        }
        let drawn: Vec<String> = all
            .iter()
            .map(|event| match event {
                TraceEvent::Answer { hop, from, says, .. } => format!(
                    "{hop} {from} {}",
                    match says {
                        Says::OnTheWay => "on",
                        Says::There => "there",
                        Says::NoFurther(_) => "no",
                    }
                ),
                TraceEvent::Timeout { hop } => format!("{hop} *"),
                event => format!("{event:?}"),
            })
            .collect();
        let [a, b, c] = hops;
        let (first, second, third) = (format!("1 {a} on"), format!("2 {b} on"), format!("3 {c} there"));
        let lost = "2 *".to_owned();
        let end = "Done { reached: true }".to_owned();
        let wanted = [&first, &first, &first, &second, &second, &lost, &third, &third, &third, &end];
        assert_eq!(drawn.iter().collect::<Vec<_>>(), wanted);
    }
}
