use super::*;
use fabric_proto::fib::{Batch, Prefix};
use route_table::Origin;
use std::{collections::BTreeSet, num::NonZeroU32};

fn spec(rate: u64) -> TableSpec {
    TableSpec {
        source: "internet".to_owned(),
        seed: 3,
        ipv4: 9000,
        ipv6: 5000,
        next_hops_v4: (1..=3).map(|n| [10, 0, 0, n].into()).collect(),
        next_hops_v6: vec!["fd00::1".parse().unwrap(), "fd00::2".parse().unwrap()],
        rate,
        churn_ppm: None,
    }
}

/// Next-hop sets, routes, and families that are complete.
type Learned = (Vec<(u32, Vec<IpAddr>)>, Vec<(Prefix, u32)>, Vec<Family>);

/// What a route processor learns from the messages.
fn learn(frames: &Frames) -> Learned {
    let (mut sets, mut routes, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (frame, count) in &frames.messages {
        match codec::decode::<FromFeed>(frame).unwrap() {
            FromFeed::NextHops(more) => {
                assert!(routes.is_empty(), "next hops come before the routes that use them");
                sets.extend(more);
            }
            FromFeed::Routes { count: said, packed } => {
                assert_eq!(said, *count);
                let batch = Batch { packed, count: said, ..Batch::default() };
                let before = routes.len();
                routes
                    .extend(batch.routes().map(|op| op.unwrap()).map(|(key, id)| (key.plain().unwrap(), id.unwrap())));
                assert!(routes[before..].iter().all(|(prefix, _)| !ends.contains(&prefix.family())));
            }
            FromFeed::EndOfRib(family) => {
                ends.push(family);
            }
        }
    }
    (sets, routes, ends)
}

#[test]
fn the_messages_hold_the_whole_table_and_resolve_to_its_next_hops() {
    let spec = spec(0);
    let table = route_table::load(&spec).unwrap();
    let frames = Frames::pack(&table, Some(&spec)).unwrap();
    let (sets, routes, ends) = learn(&frames);
    assert_eq!(ends, Family::ALL);
    assert_eq!(sets.len(), 5);
    assert_eq!(routes.len(), table.routes().len());
    for ((prefix, set), (expected, hop)) in routes.iter().zip(table.routes()) {
        let hop = *hop as usize;
        let address = match prefix.family() {
            Family::V4 => IpAddr::from(spec.next_hops_v4[hop]),
            Family::V6 => IpAddr::from(spec.next_hops_v6[hop]),
        };
        assert_eq!((prefix, &sets[*set as usize]), (expected, &(*set, vec![address])));
    }
    assert_eq!(frames.messages(), 1 + 3 + 1 + 2 + 1, "4096 routes a message");
}

#[test]
fn a_feed_with_a_rate_sends_small_messages() {
    let spec = spec(50_000);
    let frames = Frames::pack(&route_table::load(&spec).unwrap(), Some(&spec)).unwrap();
    assert!(frames.messages.iter().all(|(_, count)| *count <= 500));
    assert_eq!(learn(&frames).1.len(), 14_000);
}

#[test]
fn what_churns_comes_back_with_the_next_hops_that_it_had() {
    let spec = TableSpec { churn_ppm: NonZeroU32::new(250_000), ..spec(0) };
    let table = route_table::load(&spec).unwrap();
    let frames = Frames::pack(&table, Some(&spec)).unwrap();
    let still = Frames::pack(&table, Some(&TableSpec { churn_ppm: None, ..spec })).unwrap();
    assert_eq!(frames.messages, still.messages, "the table itself is sent as ever");
    assert!(still.churn.routes.is_empty());
    let announced: BTreeSet<_> = learn(&frames).1.into_iter().collect();
    assert_eq!((frames.churn.routes.len(), frames.churn.pace), (3500, 14_000 * 250_000));
    assert!(frames.churn.routes.iter().all(|route| announced.contains(route)), "of both families");
    assert!(frames.churn.routes.iter().any(|(prefix, _)| prefix.family() == Family::V6));
}

#[test]
fn a_feed_without_a_table_says_that_it_is_complete() {
    let frames = Frames::pack(&Table::new(Vec::new(), Origin::default()), None).unwrap();
    assert_eq!(learn(&frames), (Vec::new(), Vec::new(), Family::ALL.to_vec()));
}
