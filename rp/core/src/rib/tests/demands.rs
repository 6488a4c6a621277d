//! The FIB against an independent reading of the RIB.

use super::*;
use fabric_proto::fib::{FibKey, PathList};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Learn(u32, Option<u32>),
    Open,
    Close,
    Interface(u8, bool),
    Neighbor(u8, u8),
    NoNeighbor(u8),
    Static(u32, u8, u8),
    NoStatic(u32, u8, u8),
    Rename(u32, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..30u32, proptest::option::of(1..=3u32)).prop_map(|(n, set)| Step::Learn(n, set)),
        1 => Just(Step::Open),
        1 => Just(Step::Close),
        2 => (1..=2u8, any::<bool>()).prop_map(|(n, up)| Step::Interface(n, up)),
        1 => (1..=2u8, any::<u8>()).prop_map(|(n, mac)| Step::Neighbor(n, mac)),
        1 => (1..=2u8).prop_map(Step::NoNeighbor),
        2 => (0..30u32, prop_oneof![Just(1u8), Just(200)], 1..=2u8).prop_map(|(n, d, hop)| Step::Static(n, d, hop)),
        1 => (0..30u32, prop_oneof![Just(1u8), Just(200)], 1..=2u8).prop_map(|(n, d, hop)| Step::NoStatic(n, d, hop)),
        1 => (1..=3u32, 1..=2u8).prop_map(|(set, hop)| Step::Rename(set, hop)),
    ]
}

fn nth(n: u32) -> Prefix {
    Prefix::from_bits(Family::V4, u128::from(n << 8) << 96, 24)
}

proptest! {
    /// The FIB is always what the RIB demands, said independently: every route's next hops, resolved by hand.
    #[test]
    fn the_fib_is_what_the_rib_demands(steps in proptest::collection::vec(step(), 1..120)) {
        let mut router = Router::new();
        router.open();
        for step in steps {
            let Router { rib, fib } = &mut router;
            let hop = |n: u8| ip(&format!("10.0.{n}.2"));
            let fixed = |n, distance, to| {
                let target = StaticTarget::NextHop(hop(to));
                StaticRoute { prefix: nth(n), distance, target }
            };
            match step {
                Step::Learn(n, set) => {
                    let (count, bytes) = packed([(nth(n).into(), set)]);
                    let _ = rib.feed_routes(FEED, count, bytes, fib);
                }
                Step::Open => router.open(),
                Step::Close => rib.feed_closed(NOW, FEED, fib),
                Step::Interface(n, up) => rib.set_interface(id(n), interface(n, up), fib),
                Step::Neighbor(n, m) => rib.set_neighbor(id(n), hop(n), mac(m), fib),
                Step::NoNeighbor(n) => rib.remove_neighbor(id(n), hop(n), fib),
                Step::Static(n, distance, to) => rib.add_static(fixed(n, distance, to), fib),
                Step::NoStatic(n, distance, to) => rib.remove_static(fixed(n, distance, to), fib),
                Step::Rename(set, to) => {
                    let _ = rib.feed_next_hops(FEED, vec![(set, vec![hop(to)])], fib);
                }
            }
        }
        // After a switchover nobody but the RIB owns a route; it accounts for all, or the sweep finds those left over.
        let counted = router.rib.accounts_for(&router.fib);
        let owned = |key: FibKey| key.plain().is_some_and(|prefix| router.rib.default_table().best(prefix).is_some());
        prop_assert!(!counted || router.fib.table().routes().all(|(key, _)| owned(key)));
        router.fib.flush();
        let (rib, table) = (&router.rib, router.fib.table());
        let mut demanded = 0;
        for prefix in rib.default_table().prefixes().collect::<BTreeSet<_>>() {
            let Some(route) = rib.get(TableId::DEFAULT, prefix) else { continue };
            demanded += 1;
            let paths: Vec<Path> = match &route.via {
                Via::NextHops(hops) => hops.iter().map(|hop| by_hand(rib.local(), *hop).expect("in use")).collect(),
                Via::Receive => vec![Path::Receive],
                Via::Network(network) => vec![Path::Unresolved { next_hop: network.address() }],
            };
            let held = table.get(route.prefix).and_then(|id| table.paths(id));
            prop_assert_eq!(held, Some(&PathList::new(paths)), "{}", route.prefix);
        }
        prop_assert_eq!(table.count(), demanded);
        // And nothing is left behind by what came and went.
        let used: BTreeSet<_> = table.routes().map(|(_, id)| id).collect();
        prop_assert!(table.all_paths().count() <= used.len() + 6);
    }
}

fn by_hand(local: &Local, hop: Hop) -> Option<Path> {
    let (Hop::Any(hop) | Hop::Learned(hop)) = hop else { return None };
    let (id, interface) = local.interfaces.iter().find(|(_, interface)| {
        interface.enabled
            && interface.addresses.iter().any(|(address, len)| Prefix::covering(*address, *len).unwrap().contains(hop))
    })?;
    Some(match local.neighbors.get(&(*id, hop)) {
        Some(dst_mac) => {
            let Link { port, mac, .. } = interface.link?;
            Path::ethernet(port, hop, *dst_mac, mac)
        }
        None => Path::Unresolved { next_hop: hop },
    })
}
