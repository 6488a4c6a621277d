use super::*;
use fabric_proto::{codec, fib::Batch};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn plan(routes: u32, pace: u64) -> Plan {
    let route = |n: u32| (Prefix::host(std::net::Ipv4Addr::from(0x0b00_0000 + n).into()), n);
    Plan { routes: (0..routes).map(route).collect(), pace }
}

/// That a route goes, or that it comes with its next-hop set.
type Operation = (Prefix, Option<u32>);

/// The operations of a message.
fn operations(message: FromFeed) -> Vec<Operation> {
    let FromFeed::Routes { count, packed } = message else { panic!("{message:?}") };
    let batch = Batch { packed, count, ..Batch::default() };
    batch.routes().map(|op| op.unwrap()).map(|(key, set)| (key.plain().unwrap(), set)).collect()
}

/// All that is due until `end`, each message as late as `late` says by its number, with the instant at which it is sent.
fn run(plan: &Plan, end: Duration, late: impl Fn(u64) -> Duration) -> Vec<(Duration, Vec<Operation>)> {
    let mut churn = Churn::begin(plan).unwrap();
    let (mut sent, mut now) = (Vec::new(), Duration::ZERO);
    while churn.deadline() <= end {
        now = now.max(churn.deadline() + late(sent.len() as u64));
        let message = churn.step(now);
        assert!(codec::encode(&message).unwrap().len() < 1 << 20);
        sent.push((now, operations(message)));
        assert!(!sent.last().unwrap().1.is_empty(), "nobody is woken for nothing");
    }
    sent
}

const NEVER_LATE: fn(u64) -> Duration = |_| Duration::ZERO;

#[test]
fn nothing_churns_in_a_table_that_stands_still() {
    assert!(Churn::begin(&Plan::default()).is_none());
}

#[test]
fn each_route_has_one_turn_a_minute_and_is_away_for_a_second() {
    let plan = plan(300, 300 * MILLION);
    let mut times: BTreeMap<Prefix, Vec<(Duration, Option<u32>)>> = BTreeMap::new();
    for (at, operations) in run(&plan, 2 * MINUTE + AWAY, NEVER_LATE) {
        assert!(operations.len() <= 2, "five come and five go a second");
        operations.into_iter().for_each(|(prefix, set)| times.entry(prefix).or_default().push((at, set)));
    }
    assert_eq!(times.len(), 300);
    for (number, (prefix, set)) in (1..).zip(&plan.routes) {
        let goes = number * MINUTE / 300;
        let at = [goes, goes + AWAY, goes + MINUTE, goes + MINUTE + AWAY];
        let expected: Vec<_> = at.into_iter().zip([None, Some(*set), None, Some(*set)]).collect();
        assert_eq!(times[prefix][..4], expected, "{prefix}");
    }
}

#[test]
fn a_share_of_less_than_a_route_a_minute_is_kept_over_minutes() {
    let plan = plan(1, MILLION / 4);
    let times: Vec<_> = run(&plan, 8 * MINUTE + AWAY, NEVER_LATE).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [4 * MINUTE, 4 * MINUTE + AWAY, 8 * MINUTE, 8 * MINUTE + AWAY]);
}

#[test]
fn a_full_table_goes_in_messages_of_a_hundredth_second() {
    let messages = run(&plan(1_200_000, 1_200_000 * MILLION), 2 * AWAY, NEVER_LATE);
    assert_eq!(messages.len(), 200);
    assert!(messages.iter().all(|(_, operations)| operations.len() <= 401), "20,000 go a second, and 20,000 come");
}

#[test]
fn what_is_due_after_a_long_wait_goes_in_messages_of_their_size() {
    let plan = plan(60_000, 60_000 * MILLION);
    let mut churn = Churn::begin(&plan).unwrap();
    let mut counts = Vec::new();
    while churn.deadline() <= 10 * AWAY {
        counts.push(operations(churn.step(10 * AWAY)).len());
    }
    assert_eq!(counts, [ROUTES_PACKED, ROUTES_PACKED, ROUTES_PACKED, ROUTES_PACKED, 19_000 - 4 * ROUTES_PACKED]);
}

proptest! {
    /// However late messages are: no rate is lost, each route goes before it comes, and comes before it goes again.
    #[test]
    fn lateness_delays_and_changes_nothing(routes in 1u32..2000, late in 0u64..5_000, seconds in 60u32..300) {
        let plan = plan(routes, u64::from(routes) * MILLION);
        let end = seconds * AWAY;
        let sent = run(&plan, end, |number| Duration::from_millis(if number % 7 == 3 { late } else { 0 }));
        let mut there = BTreeMap::new();
        let (mut gone, mut back) = (0u64, 0u64);
        for (prefix, set) in sent.into_iter().flat_map(|(_, operations)| operations) {
            prop_assert_eq!(there.insert(prefix, set.is_some()).unwrap_or(true), set.is_none(), "{}", prefix);
            if set.is_some() { back += 1 } else { gone += 1 }
        }
        let most = u64::from(routes) * (u64::from(seconds) * 1000 + late) / 60_000;
        let least = u64::from(routes) * u64::from(seconds) / 60;
        prop_assert!((least.saturating_sub(1)..=most).contains(&gone), "{} of {} to {}", gone, least, most);
        prop_assert!(back <= gone);
    }
}
