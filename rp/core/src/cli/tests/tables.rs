//! Listings of large tables, times and dates.

use crate::{
    cli::{
        CliSession, FibCounts, InterfaceView, LISTED_ROUTES_MAX, RouteSource, RouteView, SpokenView, Tables, View,
        tests::fixture::{Chassis, negotiated, offer},
        text::{age, clock, snake_case, uptime},
    },
    issu,
};
use fabric_proto::{
    fib::{Family, PathList, Prefix},
    id::{InterfaceId, TableId},
};
use std::{cell::Cell, net::IpAddr, time::Duration};

/// A table of `0..count` host routes in 10.0.0.0/8, in a scattered order; counts the routes asked for.
struct Large {
    count: u32,
    looked_up: Cell<usize>,
}

impl Tables for Large {
    fn issu(&self) -> issu::View {
        negotiated(&offer("2.0", &[]), None)
    }

    fn spoken(&self) -> Vec<SpokenView> {
        Vec::new()
    }

    fn interface(&self, _: InterfaceId) -> InterfaceView {
        InterfaceView { index: None, mac: None, link: None, since: None }
    }

    fn visit_routes(&self, _: TableId, _: Family, visit: &mut dyn FnMut(Prefix)) {
        // A step without a common factor with the (odd) count visits every number once.
        let mut at = 0u64;
        for _ in 0..self.count {
            visit(Prefix::from_bits(Family::V4, u128::from(0x0a00_0000 + at as u32) << 96, 32));
            at = (at + 65_536) % u64::from(self.count);
        }
    }

    fn route(&self, _: TableId, prefix: Prefix) -> Option<RouteView> {
        self.looked_up.set(self.looked_up.get() + 1);
        let (distance, metric, age, paths) = (0, 0, None, vec![Default::default()]);
        Some(RouteView { prefix, source: RouteSource::Connected, distance, metric, age, paths })
    }

    fn route_to(&self, _: TableId, _: IpAddr) -> Option<RouteView> {
        None
    }

    fn route_counts(&self, _: TableId, _: Family) -> Vec<(RouteSource, u64)> {
        Vec::new()
    }

    fn visit_fib(&self, _: TableId, family: Family, visit: &mut dyn FnMut(Prefix)) {
        self.visit_routes(TableId::DEFAULT, family, visit);
    }

    fn fib(&self, _: TableId, _: Prefix) -> Option<PathList> {
        Some(PathList::default())
    }

    fn fib_to(&self, _: TableId, _: IpAddr) -> Option<(Prefix, PathList)> {
        None
    }

    fn fib_counts(&self, _: Family) -> FibCounts {
        FibCounts::default()
    }
}

fn run(tables: &Large, line: &str) -> String {
    let chassis = Chassis::default();
    let view = View { tables, ..chassis.view() };
    CliSession::default().line(line, &view).text
}

#[test]
fn a_full_table_is_cut_and_says_so() {
    let tables = Large { count: 100_001, looked_up: Cell::new(0) };
    let text = run(&tables, "show ip route");
    let routes: Vec<&str> = text.lines().filter(|line| line.starts_with("C   ")).collect();
    assert_eq!(routes.len(), LISTED_ROUTES_MAX);
    assert!(routes[0].starts_with("C        10.0.0.0/32 ") && routes[999].starts_with("C        10.0.3.231/32 "));
    assert!(text.ends_with("... 99001 more: name a prefix with longer-prefixes, or ask for the summary\n"));
    assert!(tables.looked_up.get() <= LISTED_ROUTES_MAX + 1, "the rest is counted, not rendered");
    let text = run(&tables, "show ip cef");
    assert_eq!(text.lines().count(), LISTED_ROUTES_MAX + 2);
    let text = run(&tables, "show ip route 10.0.8.0/24 longer-prefixes");
    assert_eq!(text.lines().filter(|line| line.contains(" 10.0.8.")).count(), 256);
    assert!(!text.contains("more:"));
}

#[test]
fn times_read_as_the_field_writes_them() {
    let seconds = Duration::from_secs;
    assert_eq!(uptime(seconds(59)), "0 minutes");
    assert_eq!(uptime(seconds(60)), "1 minute");
    assert_eq!(uptime(seconds(15 * 86_400 + 23 * 3600 + 41 * 60)), "2 weeks, 1 day, 23 hours, 41 minutes");
    assert_eq!(uptime(seconds(365 * 86_400)), "1 year, 0 minutes");
    assert_eq!(age(seconds(62)), "00:01:02");
    assert_eq!(age(seconds(93_600)), "1d02h");
    assert_eq!(age(seconds(25 * 86_400)), "3w4d");
    assert!(age(Duration::MAX).contains('y'));
    assert_eq!(snake_case("Client (buffers) tx"), "client_buffers_tx");
}

#[test]
fn dates_follow_the_calendar() {
    for (unix, text) in [
        (0, "00:00:00 UTC Thu Jan 1 1970"),
        (951_782_400, "00:00:00 UTC Tue Feb 29 2000"),
        (951_868_799, "23:59:59 UTC Tue Feb 29 2000"),
        (951_868_800, "00:00:00 UTC Wed Mar 1 2000"),
        (1_600_831_569, "03:26:09 UTC Wed Sep 23 2020"),
        (1_704_067_199, "23:59:59 UTC Sun Dec 31 2023"),
        (4_107_542_400, "00:00:00 UTC Mon Mar 1 2100"),
    ] {
        assert_eq!(clock(Duration::from_secs(unix)), text);
    }
    clock(Duration::MAX);
}
