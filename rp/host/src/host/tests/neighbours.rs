//! Resolution, age, bounds.

use super::*;
use crate::{Reachability, adjacency::ATTEMPTS};
use std::net::Ipv4Addr;

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    [2, 1, a, b, c, d]
}

fn nth(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 8, 0, 2)) + number)
}

/// A world with one network large enough for everybody.
fn wide(limits: Limits) -> World {
    let mut world = World::new(Settings { neighbours: limits, ..Settings::default() });
    world.up(1, interface(&["10.8.0.1/13"]));
    world.up(2, interface(&["10.0.1.1/24"]));
    world.pass(10_000);
    world.take();
    world
}

fn want(world: &mut World, address: Ipv4Addr, packet: Option<&[u8]>) {
    world.step(Some(Input::Resolve { interface: port(1), address: address.into(), packet }));
}

/// The neighbours that requests among these frames ask for.
fn asked(world: &mut World) -> Vec<Ipv4Addr> {
    let requests = world.sent();
    let requests = requests.iter().filter_map(|(_, frame)| Arp::parse(Frame::parse(frame)?.payload));
    requests.map(|arp| arp.target.1).collect()
}

#[test]
fn packets_wait_and_are_sent_in_order_the_oldest_gives_way() {
    let mut world = wide(Limits::default());
    let waiting: Vec<Vec<u8>> = (0..5)
        .map(|number| datagram("192.0.2.1", "10.8.0.2", 9, &[number]))
        .map(|packet| packet.packets(1500, 0).unwrap().remove(0))
        .collect();
    for packet in &waiting {
        want(&mut world, nth(0), Some(packet));
    }
    assert_eq!(asked(&mut world), [nth(0)], "one question for all");
    world.arp(1, reply((PEER, nth(0)), ip("10.8.0.1")));
    let out = world.take();
    assert_eq!(out[0], Output::Adjacency(port(1), nth(0).into(), Some(PEER)));
    let sent: Vec<&[u8]> = out[1..]
        .iter()
        .map(|output| match output {
            Output::Send(_, frame) => Frame::parse(frame).unwrap().payload,
            output => panic!("{output:?}"),
        })
        .collect();
    assert_eq!(sent, waiting[2..].iter().map(Vec::as_slice).collect::<Vec<_>>());
    // Then nothing waits.
    want(&mut world, nth(0), Some(&waiting[0]));
    assert_eq!(Frame::parse(&world.only()).unwrap().destination, PEER);
}

/// RFC 1122 §2.3.2.1: no more than one question a second; RFC 1812 §5.2.7.1: who does not answer is unreachable.
#[test]
fn who_does_not_answer_is_unreachable_and_is_asked_anew_later() {
    let mut world = wide(Limits::default());
    world.learn(2, "10.0.1.2", [2, 0, 0, 0, 0, 7]);
    let packet = datagram("10.0.1.2", "10.8.0.2", 9, b"x").packets(1500, 0).unwrap().remove(0);
    want(&mut world, nth(0), Some(&packet));
    for second in 1..=u64::from(ATTEMPTS) {
        assert_eq!(asked(&mut world), [nth(0)], "second {second}");
        world.pass(999);
        assert!(asked(&mut world).is_empty());
        world.pass(1);
    }
    let error = world.only();
    assert_eq!(inner(&error).destination, ip("10.0.1.2"));
    assert_eq!((message(&error).kind, message(&error).code), (3, 1));
    assert_eq!(world.neighbour(1, "10.8.0.2").unwrap().reachability, Reachability::Unreachable);
    // Whoever sends on meanwhile is told at once, and nobody is asked.
    want(&mut world, nth(0), Some(&packet));
    assert_eq!(message(&world.only()).code, 1);
    assert_eq!(world.host.refused().unreachable, 1);
    world.pass(2_000);
    assert_eq!(world.neighbour(1, "10.8.0.2"), None);
    want(&mut world, nth(0), Some(&packet));
    assert_eq!(asked(&mut world), [nth(0)]);
    // It speaks while it is not being asked: that counts.
    world.arp(1, reply((PEER, nth(0)), ip("10.8.0.1")));
    assert_eq!(world.neighbour(1, "10.8.0.2").unwrap().station, Some(PEER));
}

#[test]
fn an_arp_entry_is_asked_after_by_unicast_before_it_is_too_old() {
    let mut world = World::usual();
    world.learn(1, "10.0.0.2", PEER);
    world.pass(3 * 60 * 60 * 1000);
    assert_eq!(world.take(), []);
    let mut requests = Vec::new();
    while requests.is_empty() {
        world.pass(100);
        requests = world.sent();
    }
    assert_eq!(Frame::parse(&requests[0].1).unwrap().destination, PEER, "it alone is asked");
    world.arp(1, reply((PEER, Ipv4Addr::new(10, 0, 0, 2)), ip("10.0.0.1")));
    world.pass(3 * 60 * 60 * 1000);
    assert_eq!(world.take(), [], "it is believed for as long again, and the forwarding table is told nothing");
    // It does not answer any more: then all are asked, for it may have moved; then it is gone.
    let mut frames = Vec::new();
    while world.neighbour(1, "10.0.0.2").is_some() {
        world.pass(1_000);
        frames.extend(world.out.iter().filter_map(|output| match output {
            Output::Send(_, frame) => Some(Frame::parse(frame).unwrap().destination),
            _ => None,
        }));
        if world.neighbour(1, "10.0.0.2").is_some() {
            world.take();
        }
    }
    assert_eq!(frames, [PEER, PEER, PEER, wire::BROADCAST, wire::BROADCAST, wire::BROADCAST]);
    assert!(world.take().contains(&Output::Adjacency(port(1), ip("10.0.0.2"), None)));
}

/// RFC 4861 §7.3.3: reachable, stale, used: delay, probe by unicast, gone. Who is not used is not asked.
#[test]
fn a_neighbour_of_ipv6_becomes_stale_and_is_verified_once_it_is_used() {
    let mut world = World::usual();
    let address = ip("2001:db8::2");
    world.learn(1, "2001:db8::2", PEER);
    let state = |world: &World| world.neighbour(1, "2001:db8::2").map(|neighbour| neighbour.reachability);
    assert_eq!(state(&world), Some(Reachability::Reachable));
    world.pass(46_000);
    assert_eq!(state(&world), Some(Reachability::Stale));
    world.pass(60 * 60 * 1000);
    assert_eq!(world.take(), []);
    world.step(Some(Input::Used(port(1), address)));
    assert_eq!(state(&world), Some(Reachability::Delay));
    world.pass(4_999);
    assert_eq!(world.take(), []);
    world.pass(1);
    let probe = world.only();
    assert_eq!((Frame::parse(&probe).unwrap().destination, inner(&probe).destination), (PEER, address));
    assert_eq!(message(&probe).kind, v6::NEIGHBOR_SOLICITATION);
    let flags = nd::Flags { router: false, solicited: true, overrides: false };
    let IpAddr::V6(target) = address else { panic!() };
    world.packet(1, Reason::Ours, &nd::advertisement(target, "2001:db8::1".parse().unwrap(), PEER, flags));
    assert_eq!(state(&world), Some(Reachability::Reachable));
    // The answer to a ping is as good (§7.3.1).
    world.pass(60_000);
    world.step(Some(Input::Used(port(1), address)));
    let answer = Message { kind: v6::ECHO_REPLY, code: 0, word: [0; 4], body: b"" };
    let answer = answer.to_bytes(address, ip("2001:db8::1"));
    world.packet(1, Reason::Ours, &packet("2001:db8::2", "2001:db8::1", ip_number::IPV6_ICMP, answer));
    assert_eq!(state(&world), Some(Reachability::Reachable));
    world.pass(60_000);
    world.step(Some(Input::Used(port(1), address)));
    world.take();
    world.pass(12_000);
    assert_eq!(state(&world), None);
    assert!(world.take().contains(&Output::Adjacency(port(1), address, None)));
}

#[test]
fn ten_thousand_neighbours_resolve_in_under_five_seconds_beside_as_many_dead_ones() {
    let mut world = wide(Limits { neighbours: 32_768, ..Limits::default() });
    let begun = world.now;
    // Every second one is dead, and they were there first.
    for number in 0..10_000 {
        want(&mut world, nth(100_000 + number), None);
    }
    for number in 0..10_000 {
        want(&mut world, nth(number), None);
    }
    let mut resolved = 0;
    let mut most_in_a_second = 0;
    while resolved < 10_000 {
        world.pass(10);
        let mut seen = 0;
        for target in asked(&mut world) {
            seen += 1;
            let number = u32::from(target) - u32::from(nth(0));
            if number < 10_000 {
                world.arp(1, reply((mac(number), target), ip("10.8.0.1")));
                let told = Output::Adjacency(port(1), target.into(), Some(mac(number)));
                assert_eq!(world.take(), [told]);
                resolved += 1;
            }
        }
        most_in_a_second = most_in_a_second.max(seen);
        assert!(world.now.since(begun) < Duration::from_secs(5), "{resolved}");
    }
    assert!(most_in_a_second <= 64 + 80, "{most_in_a_second} questions at once");
    assert_eq!(world.host.refused().full, 0);
}

/// smoltcp#1101: a dead neighbour does not starve a live one.
#[test]
fn a_live_neighbour_waits_for_no_dead_one() {
    let mut world = wide(Limits { questions: 100, ..Limits::default() });
    // Ten thousand addresses of port 1 are scanned; then somebody on port 2 is wanted.
    for number in 0..10_000 {
        want(&mut world, nth(number), None);
    }
    world.pass(1_000);
    world.take();
    world.step(Some(Input::Resolve { interface: port(2), address: ip("10.0.1.2"), packet: None }));
    world.pass(100);
    let asked = asked(&mut world);
    assert!(asked.contains(&Ipv4Addr::new(10, 0, 1, 2)), "within its turn: {asked:?}");
}

#[test]
fn a_flood_of_invented_neighbours_evicts_nobody_who_is_used() {
    let limits = Limits { neighbours: 2_000, unwanted: 500, ..Limits::default() };
    let mut world = wide(limits);
    for number in 0..1_000 {
        want(&mut world, nth(number), None);
        world.arp(1, reply((mac(number), nth(number)), ip("10.8.0.1")));
    }
    world.pass(1_000);
    world.take();
    // Fifty thousand want something of us, and as many are looked for.
    for number in 0..50_000 {
        world.arp(1, Arp::request((mac(100_000 + number), nth(100_000 + number)), Ipv4Addr::new(10, 8, 0, 1)));
        want(&mut world, nth(200_000 + number), None);
        if number % 100 == 0 {
            world.pass(10);
        }
    }
    let told = world.take().into_iter().filter(|output| matches!(output, Output::Adjacency(..))).count();
    assert_eq!(told, 0, "the forwarding table hears of none of them");
    let all = world.host.neighbours().count();
    assert!(all <= 2_000, "{all}");
    let used =
        (0..1_000).filter(|number| world.neighbour(1, &nth(*number).to_string()).unwrap().station.is_some()).count();
    assert_eq!(used, 1_000);
    assert!(world.host.refused().full > 0 && world.host.refused().evicted > 0, "{:?}", world.host.refused());
    // And once those that were asked have had their second, there is a place for somebody who lives.
    world.pass(2_000);
    want(&mut world, nth(1_500), None);
    world.pass(10);
    assert!(asked(&mut world).contains(&nth(1_500)));
}

#[test]
fn static_neighbours_stand_beside_the_others_and_are_not_changed_by_what_arrives() {
    let mut world = World::usual();
    let fixed: Mac = [2, 0, 0, 0, 0, 0xaa];
    world.learn(1, "10.0.0.2", PEER);
    world.step(Some(Input::Static(port(1), ip("10.0.0.2"), Some(fixed))));
    assert_eq!(world.take(), [Output::Adjacency(port(1), ip("10.0.0.2"), None)], "the configuration's counts");
    world.arp(1, reply((PEER, Ipv4Addr::new(10, 0, 0, 2)), ip("10.0.0.1")));
    world.step(Some(Input::Clear { v4: true, interface: None }));
    assert_eq!(world.neighbour(1, "10.0.0.2").unwrap().station, Some(fixed));
    assert_eq!(world.take(), []);
    world.step(Some(Input::Static(port(1), ip("10.0.0.2"), None)));
    assert_eq!(world.neighbour(1, "10.0.0.2"), None);
    // One that packets wait for: they need not any more.
    let packet = datagram("10.0.1.2", "10.0.0.3", 9, b"x").packets(1500, 0).unwrap().remove(0);
    world.step(Some(Input::Resolve { interface: port(1), address: ip("10.0.0.3"), packet: Some(&packet) }));
    world.take();
    world.step(Some(Input::Static(port(1), ip("10.0.0.3"), Some(fixed))));
    assert_eq!(Frame::parse(&world.only()).unwrap().destination, fixed);
}

#[test]
fn clearing_and_carrier_forget_what_was_learned() {
    let mut world = World::usual();
    world.learn(1, "10.0.0.2", PEER);
    world.learn(1, "2001:db8::2", PEER);
    world.learn(2, "10.0.1.2", PEER);
    world.step(Some(Input::Clear { v4: true, interface: Some(port(1)) }));
    assert_eq!(world.take(), [Output::Adjacency(port(1), ip("10.0.0.2"), None)]);
    let down = Interface { up: false, ..interface(&["10.0.0.1/24", "2001:db8::1/64"]) };
    world.step(Some(Input::Interface(port(1), Some(down))));
    let out = world.take();
    assert_eq!(out[0], Output::Adjacency(port(1), ip("2001:db8::2"), None));
    assert!(out[1..].iter().all(|output| matches!(output, Output::Own(_, _, None))), "{out:?}");
    assert_eq!(world.host.neighbours().count(), 1);
    // An address that goes takes its network's neighbours with it.
    world.up(2, interface(&["10.0.7.1/24"]));
    assert!(world.take().contains(&Output::Adjacency(port(2), ip("10.0.1.2"), None)));
}

#[test]
fn after_a_switchover_nobody_is_asked_in_bulk() {
    let mut world = wide(Limits::default());
    for number in 0..5_000 {
        want(&mut world, nth(number), None);
        world.arp(1, reply((mac(number), nth(number)), ip("10.8.0.1")));
    }
    world.pass(2_000);
    let state = world.host.save();
    assert_eq!(state.neighbours.len(), 5_000);
    let mut taken = World { host: Host::new(Settings::default(), 2), ..World::new(Settings::default()) };
    taken.now = world.now;
    taken.host.restore(taken.now, &state);
    taken.up(1, interface(&["10.8.0.1/13"]));
    taken.up(2, interface(&["10.0.1.1/24"]));
    assert_eq!(taken.host.save(), state);
    taken.pass(50 * 60 * 1000);
    assert_eq!(taken.sent(), [], "nobody for the first fifty minutes; no announcement either");
    let mut most = 0;
    for _ in 0..200 {
        taken.pass(60_000);
        most = most.max(asked(&mut taken).len());
    }
    assert!((1..1_000).contains(&most), "{most} in one minute");
}
