//! Static routes: the rules of docs/routing.md, a test a rule.

use super::*;
use fabric_proto::fib::{PATHS_MAX, PATHS_NARROW};
use proptest::prelude::*;

fn null(prefix: &str, distance: u8) -> StaticRoute {
    StaticRoute { prefix: net(prefix), distance, target: StaticTarget::Null }
}

fn on_port(prefix: &str, n: u8, hop: &str) -> StaticRoute {
    StaticRoute { prefix: net(prefix), distance: 1, target: StaticTarget::On(id(n), ip(hop)) }
}

fn unresolved(hop: &str) -> Path {
    Path::Unresolved { next_hop: ip(hop) }
}

impl Router {
    fn with(routes: &[StaticRoute]) -> Self {
        let mut router = Self::new();
        router.rib.configure(Local { statics: routes.iter().copied().collect(), ..local() }, &mut router.fib);
        router
    }

    fn port_up(&mut self, n: u8, up: bool) {
        self.rib.set_interface(id(n), interface(n, up), &mut self.fib);
    }

    /// What `show ip route` has of a prefix.
    fn shown(&self, prefix: &str) -> Option<Vec<Hop>> {
        match self.rib.get(TableId::DEFAULT, net(prefix))?.via {
            Via::NextHops(hops) => Some(hops),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_next_hop_is_reached_through_other_routes() {
    let mut router = Router::with(&[
        route("20.0.0.0/8", 1, "10.0.1.2"),
        route("30.0.0.0/8", 1, "20.0.0.9"),
        route("40.0.0.0/8", 1, "30.0.0.9"),
        route("2001:db8:20::/48", 1, "2001:db8:1::9"),
        route("2001:db8:30::/48", 1, "2001:db8:20::9"),
    ]);
    assert_eq!(router.paths("40.0.0.0/8"), Some(vec![via(1, 2)]));
    assert_eq!(router.paths("2001:db8:30::/48"), Some(vec![unresolved("2001:db8:1::9")]));
    router.port_up(1, false);
    assert_eq!([router.paths("20.0.0.0/8"), router.paths("40.0.0.0/8")], [None, None]);
    router.port_up(1, true);
    assert_eq!(router.paths("40.0.0.0/8"), Some(vec![via(1, 2)]));
    assert_eq!(router.shown("40.0.0.0/8"), Some(vec![Hop::Any(ip("30.0.0.9"))]));
}

#[test]
fn the_longest_route_leads_to_a_next_hop_and_the_default_route_too() {
    let mut router = Router::with(&[
        route("0.0.0.0/0", 1, "10.0.1.2"),
        route("20.1.0.0/16", 1, "10.0.2.2"),
        route("30.0.0.0/8", 1, "20.1.0.9"),
        route("40.0.0.0/8", 1, "20.2.0.9"),
        route("10.0.1.3/32", 1, "10.0.2.3"),
        route("50.0.0.0/8", 1, "10.0.1.3"),
    ]);
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(2, 2)]));
    assert_eq!(router.paths("40.0.0.0/8"), Some(vec![via(1, 2)]));
    assert_eq!(router.paths("50.0.0.0/8"), Some(vec![via(2, 3)]), "a host route says more than the network");
}

#[test]
fn learned_routes_lead_to_next_hops_as_they_come_and_go() {
    let mut router = Router::with(&[route("30.0.0.0/8", 1, "20.0.0.9"), route("30.0.0.0/8", 200, "10.0.2.3")]);
    router.open();
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(2, 3)]), "the floating one, as long as there is no way");
    router.learn([(net("20.0.0.0/16"), Some(1))]);
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(1, 2)]));
    router.learn([(net("20.0.0.0/24"), Some(2))]);
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(1, 2), via(2, 2)]), "a longer one");
    router.rib.feed_next_hops(FEED, vec![(2, vec![ip("10.0.2.3")])], &mut router.fib).unwrap();
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(2, 3)]), "its next hops have changed");
    router.learn([(net("20.0.0.0/24"), Some(3))]);
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(1, 2)]), "a route that cannot be used leads nowhere");
    // Over a restart of the feed its routes stay, and so does what they lead to; at its end both go.
    router.rib.feed_closed(NOW, FEED, &mut router.fib);
    router.open();
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(1, 2)]));
    router.rib.feed_end_of_rib(FEED, Family::V4, &mut router.fib);
    assert_eq!(router.paths("30.0.0.0/8"), Some(vec![via(2, 3)]));
}

/// A set that many routes use is resolved once, and a learned route that leads to no next hop costs nothing.
#[test]
fn a_learned_route_that_leads_to_no_next_hop_changes_nothing_else() {
    let mut router = Router::with(&[route("30.0.0.0/8", 1, "20.0.0.9")]);
    router.open();
    router.learn([(net("20.0.0.0/16"), Some(1))]);
    let before = router.sent();
    router.learn(
        (0..1000u32).map(|n| (Prefix::from_bits(Family::V4, u128::from((0x2800 + n) << 16) << 96, 24), Some(2))),
    );
    assert_eq!(router.sent() - before, 1000);
    assert!(
        !router.rib.default_table().resolver.statics.tracks(net("40.0.0.0/8"))
            && router.rib.default_table().resolver.statics.tracks(net("20.0.0.0/8"))
    );
}

#[test]
fn learned_next_hops_are_reached_through_static_routes_and_not_through_learned_ones() {
    let mut router = Router::with(&[route("192.0.2.0/24", 1, "10.0.2.3")]);
    router.open();
    router.learn([(net("198.51.100.0/24"), Some(3)), (net("192.0.2.0/25"), Some(1))]);
    assert_eq!(router.paths("198.51.100.0/24"), Some(vec![via(2, 3)]));
    // The way to drop what a feed names: its next hop leads to Null0.
    router.rib.configure(Local { statics: [null("192.0.2.1/32", 1)].into(), ..local() }, &mut router.fib);
    assert_eq!(router.paths("198.51.100.0/24"), Some(vec![Path::Discard]));
    router.rib.configure(local(), &mut router.fib);
    assert_eq!(router.paths("198.51.100.0/24"), None, "192.0.2.0/25 was learned, too");
}

#[test]
fn a_route_is_not_reached_by_itself() {
    let mut router = Router::with(&[
        route("0.0.0.0/0", 1, "10.0.1.2"),
        route("20.0.0.0/8", 1, "20.0.0.9"),
        route("30.0.0.0/8", 1, "40.0.0.9"),
        route("40.0.0.0/8", 1, "30.0.0.9"),
        route("50.0.0.0/8", 1, "50.0.0.9"),
        route("50.0.0.0/8", 1, "10.0.2.2"),
        route("60.0.0.0/8", 1, "30.0.0.7"),
    ]);
    assert_eq!(router.paths("20.0.0.0/8"), None);
    assert_eq!([router.paths("30.0.0.0/8"), router.paths("40.0.0.0/8")], [None, None], "two that lead to each other");
    assert_eq!(router.paths("50.0.0.0/8"), Some(vec![via(2, 2)]), "another next hop of it is not harmed");
    assert_eq!(router.paths("60.0.0.0/8"), Some(vec![via(1, 2)]), "what led to it goes by the default route");
    // A more specific route within breaks the circle.
    router.rib.add_static(route("20.0.0.0/24", 1, "10.0.2.3"), &mut router.fib);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![via(2, 3)]));
}

/// The field's own example: the learned route's next hop would be reached by the static one.
#[test]
fn a_circle_through_a_learned_route_is_one_too() {
    let mut router = Router::with(&[route("192.0.2.0/24", 1, "198.51.100.9")]);
    router.open();
    router.learn([(net("198.51.100.0/24"), Some(3))]);
    assert_eq!([router.paths("192.0.2.0/24"), router.paths("198.51.100.0/24")], [None, None]);
    router.learn([(net("198.51.100.0/24"), Some(1))]);
    assert_eq!(router.paths("192.0.2.0/24"), Some(vec![via(1, 2)]), "the circle is gone");
}

#[test]
fn sixteen_next_hops_are_used_and_shown() {
    let hops: Vec<String> = (0..20).map(|n| format!("10.0.1.{}", 100 + n)).collect();
    let routes: Vec<StaticRoute> = hops.iter().map(|hop| route("20.0.0.0/8", 1, hop)).collect();
    let mut router = Router::with(&routes);
    let expected: Vec<Path> = hops[..PATHS_NARROW].iter().map(|hop| unresolved(hop)).collect();
    assert_eq!(router.paths("20.0.0.0/8"), Some(expected));
    let shown: Vec<Hop> = hops[..PATHS_NARROW].iter().map(|hop| Hop::Learned(ip(hop))).collect();
    assert_eq!(router.shown("20.0.0.0/8"), Some(shown));
    // One that goes makes room for the next.
    router.rib.remove_static(routes[3], &mut router.fib);
    assert_eq!(router.shown("20.0.0.0/8").unwrap().last(), Some(&Hop::Learned(ip("10.0.1.116"))));
}

/// What only some cards have words for is switched on and off for all tables at once, and for all routes.
#[test]
fn more_are_used_while_every_card_can_hold_them() {
    let hops: Vec<String> = (0..40).map(|n| format!("10.0.1.{}", 100 + n)).collect();
    let routes: Vec<StaticRoute> = hops.iter().map(|hop| route("20.0.0.0/8", 1, hop)).collect();
    let mut router = Router::with(&routes);
    let count = |router: &mut Router| router.paths("20.0.0.0/8").unwrap().len();
    assert_eq!(count(&mut router), PATHS_NARROW);
    router.rib.set_width(Width::Wide, &mut router.fib);
    assert_eq!(count(&mut router), PATHS_MAX);
    router.rib.remove_static(routes[3], &mut router.fib);
    assert_eq!(count(&mut router), PATHS_MAX, "a change does not make it narrow again");
    router.rib.set_width(Width::Narrow, &mut router.fib);
    assert_eq!(count(&mut router), PATHS_NARROW);
    assert!(router.fib.table().all_paths().all(|(_, list)| list.paths().len() <= PATHS_NARROW));
}

#[test]
fn null0_beside_a_next_hop_takes_its_share() {
    let mut router = Router::with(&[null("20.0.0.0/8", 1), route("20.0.0.0/8", 1, "10.0.1.2")]);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![via(1, 2), Path::Discard]));
    assert_eq!(router.shown("20.0.0.0/8"), Some(vec![Hop::Learned(ip("10.0.1.2")), Hop::Null]));
    router.port_up(1, false);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![Path::Discard]));
}

#[test]
fn the_lowest_distance_that_works_is_used_and_255_never() {
    let mut router = Router::with(&[
        route("20.0.0.0/8", 1, "10.0.1.2"),
        route("20.0.0.0/8", 5, "99.0.0.1"),
        route("20.0.0.0/8", 254, "10.0.2.2"),
        route("20.0.0.0/8", 255, "10.0.2.3"),
        route("30.0.0.0/8", 255, "10.0.2.3"),
    ]);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![via(1, 2)]));
    assert_eq!(router.paths("30.0.0.0/8"), None);
    router.port_up(1, false);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![via(2, 2)]), "5 leads nowhere");
    assert_eq!(router.rib.get(TableId::DEFAULT, net("20.0.0.0/8")).unwrap().distance, 254);
    router.port_up(2, false);
    assert_eq!(router.paths("20.0.0.0/8"), None);
}

/// A route that floats is held against what it would be if it were used.
#[test]
fn a_floating_route_is_not_reached_by_itself_either() {
    let mut router = Router::with(&[
        route("20.0.0.0/8", 1, "10.0.1.2"),
        route("20.0.0.0/8", 9, "20.0.0.9"),
        route("20.0.0.0/8", 10, "10.0.2.2"),
    ]);
    router.port_up(1, false);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![via(2, 2)]));
}

#[test]
fn next_hops_that_nobody_can_be_are_not_used() {
    for hop in [
        "10.0.1.1",   // this chassis
        "10.0.1.0",   // the network
        "10.0.1.255", // everybody on it
        "99.0.0.1",   // no way there
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.5",
        "255.255.255.255",
        "2001:db8:1::1", // this chassis
        "::",
        "::1",
        "ff02::1",
        "fe80::2", // on which link?
    ] {
        let prefix = if hop.contains(':') { "2001:db8:f::/48" } else { "20.0.0.0/8" };
        let default = if hop.contains(':') { "::/0" } else { "0.0.0.0/0" };
        let gateway = if hop.contains(':') { "2001:db8:2::2" } else { "10.0.2.2" };
        let mut router = Router::with(&[route(prefix, 1, hop), route(default, 1, gateway)]);
        let way_out = hop == "99.0.0.1";
        assert_eq!(router.paths(prefix).is_some(), way_out, "{hop}");
        let mut router = Router::with(&[on_port(prefix, 1, hop)]);
        let on_the_link = way_out || hop == "fe80::2";
        assert_eq!(router.paths(prefix).is_some(), on_the_link, "{hop} on a port");
    }
}

#[test]
fn both_addresses_of_a_31_are_hosts() {
    let mut router = Router::with(&[route("20.0.0.0/8", 1, "10.9.0.0")]);
    let link = Interface { addresses: vec![(ip("10.9.0.1"), 31)], link: link(9), enabled: true };
    router.rib.set_interface(id(9), link, &mut router.fib);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![unresolved("10.9.0.0")]));
}

#[test]
fn a_next_hop_with_its_interface_needs_no_other_route() {
    let mut router = Router::with(&[
        on_port("20.0.0.0/8", 1, "10.0.1.2"),
        on_port("20.0.0.0/8", 2, "10.0.1.2"),
        on_port("2001:db8:f::/48", 1, "fe80::2"),
        route("10.0.1.2/32", 1, "10.0.2.3"),
    ]);
    router.rib.set_neighbor(id(1), ip("fe80::2"), mac(7), &mut router.fib);
    let here = Path::ethernet(port(1), ip("fe80::2"), mac(7), mac(1));
    assert_eq!(router.paths("2001:db8:f::/48"), Some(vec![here]));
    // The same address on another port is another neighbour, whom nobody knows.
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![via(1, 2), unresolved("10.0.1.2")]));
    router.port_up(1, false);
    assert_eq!(router.paths("20.0.0.0/8"), Some(vec![unresolved("10.0.1.2")]));
    assert_eq!(router.paths("2001:db8:f::/48"), None);
}

/// SSO: what a static route was reached by before the switchover has not been learned again yet.
#[test]
fn a_recursive_route_waits_for_the_feeds() {
    for still_announced in [true, false] {
        let statics = [
            route("30.0.0.0/8", 1, "20.0.0.9"),
            route("30.0.0.0/8", 1, "10.0.2.3"),
            route("40.0.0.0/8", 1, "20.0.0.9"),
        ];
        let mut old = Router::with(&statics);
        old.open();
        old.learn([(net("20.0.0.0/8"), Some(1))]);
        let mut new = Router { rib: Rib::default(), fib: taken_over(&mut old.fib) };
        new.rib.configure(Local { statics: statics.into(), ..local() }, &mut new.fib);
        new.rib.start(NOW, &[FEED], &mut new.fib);
        new.open();
        assert_eq!(new.paths("30.0.0.0/8"), Some(vec![via(1, 2), via(2, 3)]));
        assert_eq!(new.paths("40.0.0.0/8"), Some(vec![via(1, 2)]));
        new.learn(still_announced.then_some((net("20.0.0.0/8"), Some(1))));
        new.end().unwrap();
        if still_announced {
            assert_eq!(new.paths("30.0.0.0/8"), Some(vec![via(1, 2), via(2, 3)]));
            assert_eq!(new.paths("40.0.0.0/8"), Some(vec![via(1, 2)]));
            // Two static routes and two neighbours at most, which may get another list of the same paths.
            assert!(new.sent() <= 4, "{}", new.sent());
        } else {
            assert_eq!(new.paths("30.0.0.0/8"), Some(vec![via(2, 3)]));
            assert_eq!(new.paths("40.0.0.0/8"), None);
        }
    }
}

/// A chain and a circle as long as a configuration can be: no stack is deep enough for either.
#[test]
fn long_chains_and_circles_end() {
    let prefix = |n: u32| format!("20.{}.{}.0/24", n >> 8, n & 255);
    let hop = |n: u32| format!("20.{}.{}.9", n >> 8, n & 255);
    let chain = |last: &str| {
        let links = (0..9_999).map(|n| route(&prefix(n), 1, &hop(n + 1)));
        links.chain([route(&prefix(9_999), 1, last)]).collect::<Vec<_>>()
    };
    let mut router = Router::with(&chain("10.0.1.2"));
    assert_eq!(router.paths(&prefix(0)), Some(vec![via(1, 2)]));
    for nowhere in ["99.0.0.1", &hop(0)] {
        let mut router = Router::with(&chain(nowhere));
        assert_eq!(router.paths(&prefix(0)), None);
    }
}

/// Prefixes and next hops of a small world, so that they meet.
fn any_static() -> impl Strategy<Value = StaticRoute> {
    let prefix = (0..4u32, prop_oneof![Just(0u8), Just(8), Just(16)])
        .prop_map(|(n, len)| Prefix::from_bits(Family::V4, u128::from((20 + n) << 24) << 96, len));
    let hop = prop_oneof![
        3 => (0..4u32, 0..2u32).prop_map(|(n, m)| ip(&format!("{}.{}.0.9", 20 + n, m))),
        1 => (1..=2u8, 2..=3u8).prop_map(|(n, m)| ip(&format!("10.0.{n}.{m}"))),
    ];
    let target = prop_oneof![8 => hop.prop_map(StaticTarget::NextHop), 1 => Just(StaticTarget::Null)];
    (prefix, prop_oneof![Just(1u8), Just(200)], target).prop_map(|(prefix, distance, target)| StaticRoute {
        prefix,
        distance,
        target,
    })
}

proptest! {
    /// Looked up in the table that came of it, every next hop in use leads out, and none through its own route; the FIB
    /// says the same; and the order in which routes were configured and learned does not show.
    #[test]
    fn what_is_installed_holds_by_itself(
        statics in proptest::collection::vec(any_static(), 0..12),
        learned in proptest::collection::vec((0..4u32, 1..=2u32), 0..4),
    ) {
        let learn = |router: &mut Router| {
            router.open();
            router.rib.feed_next_hops(FEED, vec![(2, vec![ip("21.1.0.9"), ip("10.0.2.2")])], &mut router.fib).unwrap();
            router.learn(learned.iter().map(|(n, set)| {
                (Prefix::from_bits(Family::V4, u128::from((20 + n) << 24) << 96, 12), Some(*set))
            }));
        };
        let mut router = Router::with(&statics);
        learn(&mut router);
        let mut other = Router::new();
        learn(&mut other);
        statics.iter().rev().for_each(|route| other.rib.add_static(*route, &mut other.fib));
        router.fib.flush();
        other.fib.flush();
        for prefix in router.rib.default_table().prefixes().collect::<BTreeSet<_>>() {
            prop_assert_eq!(router.rib.get(TableId::DEFAULT, prefix).map(|route| route.via), other.rib.get(TableId::DEFAULT, prefix).map(|route| route.via));
            let Some(Route { via: Via::NextHops(hops), .. }) = router.rib.get(TableId::DEFAULT, prefix) else { continue };
            let mut paths = Vec::new();
            for hop in hops {
                prop_assert!(walk(&router.rib, prefix, hop, &mut vec![prefix], &mut paths), "{} by {:?}", prefix, hop);
            }
            let table = router.fib.table();
            let held = table.get(prefix).and_then(|id| table.paths(id)).map(|list| list.paths().to_vec());
            prop_assert_eq!(held, Some(fabric_proto::fib::PathList::new(paths).paths().to_vec()), "{}", prefix);
        }
    }
}

/// Follows a next hop through the table; false where it leads nowhere or back.
fn walk(rib: &Rib, of: Prefix, hop: Hop, on_the_way: &mut Vec<Prefix>, paths: &mut Vec<Path>) -> bool {
    let address = match hop {
        Hop::Null => {
            paths.push(Path::Discard);
            return true;
        }
        Hop::Any(address) | Hop::Learned(address) => address,
        Hop::On(..) => return false,
    };
    let longest = (0..=32u8).rev().find_map(|len| {
        let route = rib.get(TableId::DEFAULT, Prefix::covering(address, len).unwrap())?;
        let hidden = route.protocol == Protocol::Adjacency
            || (matches!(hop, Hop::Learned(_)) && route.protocol == Protocol::Feed);
        (!hidden).then_some(route)
    });
    match longest {
        Some(Route { via: Via::Network(_), .. }) => {
            paths.extend(
                rib.default_table()
                    .resolver
                    .direct
                    .path(rib.default_table().resolver.direct.network(address).unwrap().1, address),
            );
            true
        }
        Some(Route { prefix, via: Via::NextHops(hops), .. }) => {
            if on_the_way.contains(&prefix) || prefix == of {
                return false;
            }
            on_the_way.push(prefix);
            let all = hops.into_iter().all(|hop| walk(rib, of, hop, on_the_way, paths));
            on_the_way.pop();
            all
        }
        _ => false,
    }
}
