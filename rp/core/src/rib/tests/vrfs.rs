//! Tables beside the default one: no route, network or next hop of one is seen in another.

use super::*;
use fabric_proto::fib::PathList;

const RED: TableId = TableId(7);
const BLUE: TableId = TableId(8);

/// The interface and neighbours that port 1 has in the default table, on another port and with other MAC addresses.
fn customer(n: u8) -> Local {
    let neighbor = |host: u8| ((id(n), ip(&format!("10.0.1.{host}"))), mac(n * 16 + host));
    Local {
        interfaces: [(id(n), Interface { link: link(n), ..interface(1, true) })].into(),
        neighbors: [2, 3].map(neighbor).into(),
        statics: [route("20.0.0.0/8", 1, "10.0.1.2")].into(),
    }
}

fn leads(n: u8, host: u8) -> Path {
    Path::ethernet(port(n), ip(&format!("10.0.1.{host}")), mac(n * 16 + host), mac(n))
}

impl Router {
    fn with_vrfs() -> Self {
        let mut router = Self::new();
        let vrfs = [(RED, customer(3)), (BLUE, customer(4))];
        router.rib.configure_vrfs(vrfs.into(), &mut router.fib);
        router
    }

    fn paths_in(&mut self, table: TableId, prefix: &str) -> Option<Vec<Path>> {
        self.fib.flush();
        let fib = self.fib.table();
        Some(fib.paths(fib.get(FibKey::Ip(table, net(prefix)))?).expect("a list for every route").paths().to_vec())
    }
}

#[test]
fn the_same_addresses_lead_elsewhere_in_each_table() {
    let mut router = Router::with_vrfs();
    for (table, n) in [(TableId::DEFAULT, 1), (RED, 3), (BLUE, 4)] {
        assert_eq!(router.paths_in(table, "10.0.1.2/32"), Some(vec![leads(n, 2)]));
        assert_eq!(router.paths_in(table, "10.0.1.1/32"), Some(vec![Path::Receive]), "own addresses");
        let statics = (table != TableId::DEFAULT).then(|| vec![leads(n, 2)]);
        assert_eq!(router.paths_in(table, "20.0.0.0/8"), statics, "a static route is in its own table only");
    }
    assert_eq!(router.paths_in(TableId::DEFAULT, "10.0.2.1/32"), Some(vec![Path::Receive]));
    assert_eq!(router.paths_in(RED, "10.0.2.1/32"), None, "an own address is no address of another table");
    let route = router.rib.lookup(BLUE, ip("20.1.2.3")).unwrap();
    assert_eq!((route.prefix, route.protocol), (net("20.0.0.0/8"), Protocol::Static));
    assert_eq!(router.rib.interface_of(BLUE, Hop::Any(ip("10.0.1.2"))), Some(id(4)));
    assert_eq!(router.rib.lookup(TableId::DEFAULT, ip("20.1.2.3")), None);
    assert_eq!(router.rib.summary(RED).of(Protocol::Static), [1, 0]);
    assert_eq!(router.rib.routes(TableId(99), Family::V4).count(), 0, "a table that does not exist");
}

/// A next hop is found in the table of its route, whatever leads to it in others.
#[test]
fn a_next_hop_is_looked_up_in_its_own_table() {
    let mut router = Router::with_vrfs();
    let mut red = customer(3);
    red.statics.insert(route("30.0.0.0/8", 1, "10.0.2.2"));
    router.rib.configure_vrfs([(RED, red.clone()), (BLUE, customer(4))].into(), &mut router.fib);
    assert_eq!(router.paths_in(RED, "30.0.0.0/8"), None, "port 2 is in the default table");
    red.statics.insert(route("10.0.2.0/24", 1, "10.0.1.3"));
    router.rib.configure_vrfs([(RED, red), (BLUE, customer(4))].into(), &mut router.fib);
    assert_eq!(router.paths_in(RED, "30.0.0.0/8"), Some(vec![leads(3, 3)]));
}

#[test]
fn a_vrf_that_goes_takes_its_routes_along_and_no_others() {
    let mut router = Router::with_vrfs();
    router.rib.configure_vrfs([(BLUE, customer(4))].into(), &mut router.fib);
    assert_eq!(router.paths_in(RED, "20.0.0.0/8"), None);
    assert_eq!(router.paths_in(BLUE, "20.0.0.0/8"), Some(vec![leads(4, 2)]));
    router.rib.configure_vrfs(BTreeMap::new(), &mut router.fib);
    router.rib.configure(Local::default(), &mut router.fib);
    router.fib.flush();
    assert!(router.fib.table().is_empty());
    assert_eq!(router.fib.table().all_paths().count(), 0, "nor are path lists left behind");
}

/// After a switchover: what is configured costs nothing, what is not any more is swept, in every table.
#[test]
fn a_new_active_keeps_vrfs_and_sweeps_what_is_nobodys() {
    let mut router = Router::with_vrfs();
    router.fib.flush();
    router.fib.begin_term(Epoch(9));
    router.fib.mark_stale();
    router.rib = Rib::default();
    router.rib.configure(local(), &mut router.fib);
    router.rib.configure_vrfs([(BLUE, customer(4))].into(), &mut router.fib);
    assert_eq!(router.sent(), 0);
    let before = router.fib.table().count();
    let converged = router.rib.start(NOW, &[], &mut router.fib).unwrap();
    assert_eq!(before as u64 - converged.routes, converged.swept);
    assert!(converged.swept > 0);
    assert_eq!(router.paths_in(RED, "20.0.0.0/8"), None);
    assert_eq!(router.paths_in(BLUE, "20.0.0.0/8"), Some(vec![leads(4, 2)]));
    assert_eq!(router.sent() as u64, converged.swept);
}

/// Feeds of two kinds in one VRF: the better distance, then the better metric, then the lower number.
#[test]
fn a_feed_has_its_table_distance_and_metric() {
    let mut router = Router::with_vrfs();
    let feeds = [FeedId(1), FeedId(2), FeedId(3)];
    for (feed, distance, metric) in [(feeds[0], 110, 20), (feeds[1], 110, 10), (feeds[2], 200, 0)] {
        router.rib.declare(feed, Source { table: RED, distance, metric });
        router.rib.feed_open(NOW, feed, &mut router.fib);
    }
    let say = |router: &mut Router, feed: FeedId, hop: &str, routes: &[(Prefix, Option<u32>)]| {
        router.rib.feed_next_hops(feed, vec![(1, vec![ip(hop)])], &mut router.fib).unwrap();
        let (count, bytes) = packed(routes.iter().map(|(prefix, set)| (FibKey::from(*prefix), *set)));
        router.rib.feed_routes(feed, count, bytes, &mut router.fib).unwrap();
    };
    let far = net("40.0.0.0/8");
    say(&mut router, feeds[2], "10.0.1.3", &[(far, Some(1)), (net("20.0.0.0/8"), Some(1))]);
    assert_eq!(router.paths_in(RED, "40.0.0.0/8"), Some(vec![leads(3, 3)]));
    assert_eq!(router.paths_in(RED, "20.0.0.0/8"), Some(vec![leads(3, 2)]), "the static route is better");
    assert_eq!(router.paths_in(TableId::DEFAULT, "40.0.0.0/8"), None);
    say(&mut router, feeds[0], "10.0.1.2", &[(far, Some(1))]);
    assert_eq!(router.paths_in(RED, "40.0.0.0/8"), Some(vec![leads(3, 2)]));
    say(&mut router, feeds[1], "10.0.1.3", &[(far, Some(1))]);
    assert_eq!(router.paths_in(RED, "40.0.0.0/8"), Some(vec![leads(3, 3)]));
    let best = router.rib.get(RED, far).unwrap();
    assert_eq!((best.distance, best.metric), (110, 10));
    say(&mut router, feeds[1], "10.0.1.3", &[(far, None)]);
    assert_eq!(router.rib.get(RED, far).unwrap().metric, 20);
    let held = router.fib.table().get(FibKey::Ip(RED, far)).and_then(|id| router.fib.table().paths(id));
    assert_eq!(held, Some(&PathList::new(vec![leads(3, 2)])));
}

/// Each family of each feed is waited for by itself.
#[test]
fn the_table_is_complete_when_every_family_of_every_feed_is() {
    let mut router = Router::with_vrfs();
    let feeds = [FEED, FeedId(1)];
    router.rib.declare(feeds[1], Source { table: RED, ..Source::default() });
    feeds.iter().for_each(|feed| router.rib.feed_open(NOW, *feed, &mut router.fib));
    assert_eq!(router.rib.start(NOW, &feeds, &mut router.fib), None);
    let steps = [(feeds[0], Family::V4), (feeds[1], Family::V6), (feeds[0], Family::V6), (feeds[1], Family::V4)];
    for (n, (feed, family)) in steps.into_iter().enumerate() {
        assert!(!router.rib.is_complete(feed, family));
        let converged = router.rib.feed_end_of_rib(feed, family, &mut router.fib);
        assert!(router.rib.is_complete(feed, family));
        assert_eq!(converged.is_some(), n == 3, "after {} of 4", n + 1);
    }
}
