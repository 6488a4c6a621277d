mod demands;
mod identity;
mod slices;
mod statics;
mod vrfs;

use super::*;
use crate::fib_feed::Level;
use bytes::Bytes;
use fabric_proto::{
    fib::{BatchBuilder, Path, RouteOp},
    id::{Epoch, LcSlot},
};

const FEED: FeedId = FeedId(0);
const NOW: Instant = Instant(0);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn port(port: u8) -> PortId {
    PortId { slot: LcSlot(1), port }
}

fn id(n: u8) -> InterfaceId {
    port(n).into()
}

fn link(n: u8) -> Option<Link> {
    Some(Link { port: port(n), mac: mac(n), vlan: None })
}

fn mac(n: u8) -> Mac {
    [2, 0, 0, 0, 0, n]
}

fn interface(n: u8, enabled: bool) -> Interface {
    let addresses = vec![(ip(&format!("10.0.{n}.1")), 24), (ip(&format!("2001:db8:{n}::1")), 64)];
    Interface { addresses, link: link(n), enabled }
}

/// Two interfaces with two neighbours each.
fn local() -> Local {
    let neighbors = [1, 2]
        .into_iter()
        .flat_map(|n| [2, 3].map(|host| ((id(n), ip(&format!("10.0.{n}.{host}"))), mac(n * 16 + host))));
    Local {
        interfaces: [1, 2].map(|n| (id(n), interface(n, true))).into(),
        neighbors: neighbors.collect(),
        statics: BTreeSet::new(),
    }
}

fn via(n: u8, host: u8) -> Path {
    Path::ethernet(port(n), ip(&format!("10.0.{n}.{host}")), mac(n * 16 + host), mac(n))
}

fn packed(ops: impl IntoIterator<Item = RouteOp>) -> (u32, Bytes) {
    let mut builder = BatchBuilder::default();
    ops.into_iter().for_each(|op| builder.route(op));
    let batch = builder.take();
    (batch.count, batch.packed)
}

/// One change of the configuration.
impl Rib {
    fn set_interface(&mut self, id: InterfaceId, interface: Interface, fib: &mut FibMaster) {
        self.change(TableId::DEFAULT, vec![LocalChange::Interface(id, Some(interface))], fib);
    }

    fn remove_interface(&mut self, id: InterfaceId, fib: &mut FibMaster) {
        self.change(TableId::DEFAULT, vec![LocalChange::Interface(id, None)], fib);
    }

    fn set_neighbor(&mut self, on: InterfaceId, address: IpAddr, mac: Mac, fib: &mut FibMaster) {
        self.change(TableId::DEFAULT, vec![LocalChange::Neighbor(on, address, Some(mac))], fib);
    }

    fn remove_neighbor(&mut self, on: InterfaceId, address: IpAddr, fib: &mut FibMaster) {
        self.change(TableId::DEFAULT, vec![LocalChange::Neighbor(on, address, None)], fib);
    }

    fn add_static(&mut self, route: StaticRoute, fib: &mut FibMaster) {
        self.change(TableId::DEFAULT, vec![LocalChange::Static(route, true)], fib);
    }

    fn remove_static(&mut self, route: StaticRoute, fib: &mut FibMaster) {
        self.change(TableId::DEFAULT, vec![LocalChange::Static(route, false)], fib);
    }
}

struct Router {
    rib: Rib,
    fib: FibMaster,
}

impl Router {
    fn new() -> Self {
        let mut router = Self { rib: Rib::default(), fib: FibMaster::default() };
        router.fib.begin_term(Epoch(4));
        router.rib.configure(local(), &mut router.fib);
        router
    }

    fn open(&mut self) {
        self.rib.feed_open(NOW, FEED, &mut self.fib);
        let sets =
            vec![(1, vec![ip("10.0.1.2")]), (2, vec![ip("10.0.1.2"), ip("10.0.2.2")]), (3, vec![ip("192.0.2.1")])];
        self.rib.feed_next_hops(FEED, sets, &mut self.fib).unwrap();
    }

    fn learn(&mut self, ops: impl IntoIterator<Item = (Prefix, Option<u32>)>) {
        let (count, bytes) = packed(ops.into_iter().map(|(prefix, set)| (prefix.into(), set)));
        self.rib.feed_routes(FEED, count, bytes, &mut self.fib).unwrap();
    }

    fn end(&mut self) -> Option<Converged> {
        let first = self.rib.feed_end_of_rib(FEED, Family::V4, &mut self.fib);
        assert_eq!(first, None);
        self.rib.feed_end_of_rib(FEED, Family::V6, &mut self.fib)
    }

    fn paths(&mut self, prefix: &str) -> Option<Vec<Path>> {
        self.fib.flush();
        let table = self.fib.table();
        Some(table.paths(table.get(net(prefix))?).expect("a list for every route").paths().to_vec())
    }

    /// Routes sent to line cards since the term began.
    fn sent(&mut self) -> u32 {
        self.fib.flush();
        (1..=self.fib.position().seq).map(|seq| self.fib.batch(seq).unwrap().count).sum()
    }
}

fn route(prefix: &str, distance: u8, hop: &str) -> StaticRoute {
    StaticRoute { prefix: net(prefix), distance, target: StaticTarget::NextHop(ip(hop)) }
}

#[test]
fn interfaces_and_neighbours_make_routes() {
    let mut router = Router::new();
    assert_eq!(router.paths("10.0.1.1/32"), Some(vec![Path::Receive]));
    assert_eq!(router.paths("2001:db8:1::1/128"), Some(vec![Path::Receive]));
    assert_eq!(router.paths("10.0.1.0/24"), Some(vec![Path::Unresolved { next_hop: ip("10.0.1.0") }]));
    assert_eq!(router.paths("10.0.1.2/32"), Some(vec![via(1, 2)]));
    router.rib.remove_neighbor(id(1), ip("10.0.1.2"), &mut router.fib);
    assert_eq!(router.paths("10.0.1.2/32"), None);
    router.rib.set_interface(id(1), interface(1, false), &mut router.fib);
    assert_eq!(router.paths("10.0.1.1/32"), None);
    assert_eq!(router.paths("10.0.1.3/32"), None);
    router.rib.remove_interface(id(2), &mut router.fib);
    router.fib.flush();
    assert!(router.fib.table().is_empty());
    assert_eq!(router.fib.table().all_paths().count(), 0, "path lists go with their routes");
}

#[test]
fn the_best_source_wins_and_the_others_are_kept() {
    let mut router = Router::new();
    router.open();
    router.learn([(net("198.51.100.0/24"), Some(1))]);
    let floating = route("198.51.100.0/24", 200, "10.0.2.3");
    router.rib.add_static(floating, &mut router.fib);
    assert_eq!(router.paths("198.51.100.0/24"), Some(vec![via(1, 2)]), "a feed is better than distance 200");
    let better = route("198.51.100.0/24", 1, "10.0.2.2");
    router.rib.add_static(better, &mut router.fib);
    assert_eq!(router.rib.get(TableId::DEFAULT, net("198.51.100.0/24")).unwrap().protocol, Protocol::Static);
    assert_eq!(router.paths("198.51.100.0/24"), Some(vec![via(2, 2)]));
    router.rib.remove_static(better, &mut router.fib);
    router.learn([(net("198.51.100.0/24"), None)]);
    assert_eq!(router.paths("198.51.100.0/24"), Some(vec![via(2, 3)]));
    router.rib.remove_static(floating, &mut router.fib);
    assert_eq!(router.paths("198.51.100.0/24"), None);
}

#[test]
fn static_routes_share_the_load_and_null_drops() {
    let mut router = Router::new();
    router.rib.add_static(route("203.0.113.0/24", 1, "10.0.1.2"), &mut router.fib);
    router.rib.add_static(route("203.0.113.0/24", 1, "10.0.2.2"), &mut router.fib);
    assert_eq!(router.paths("203.0.113.0/24"), Some(vec![via(1, 2), via(2, 2)]));
    router.rib.set_interface(id(1), interface(1, false), &mut router.fib);
    assert_eq!(router.paths("203.0.113.0/24"), Some(vec![via(2, 2)]));
    let null = StaticRoute { prefix: net("192.0.2.0/24"), distance: 1, target: StaticTarget::Null };
    router.rib.add_static(null, &mut router.fib);
    assert_eq!(router.paths("192.0.2.0/24"), Some(vec![Path::Discard]));
}

#[test]
fn a_route_without_a_way_to_its_next_hop_is_not_used() {
    let mut router = Router::new();
    router.open();
    router.learn([(net("198.51.100.0/24"), Some(3))]);
    assert_eq!(router.paths("198.51.100.0/24"), None);
    router.rib.set_interface(
        id(3),
        Interface { addresses: vec![(ip("192.0.2.2"), 24)], link: link(3), enabled: true },
        &mut router.fib,
    );
    assert_eq!(router.paths("198.51.100.0/24"), Some(vec![Path::Unresolved { next_hop: ip("192.0.2.1") }]));
    router.rib.remove_interface(id(3), &mut router.fib);
    assert_eq!(router.paths("198.51.100.0/24"), None);
}

#[test]
fn a_new_neighbour_address_costs_no_route() {
    let mut router = Router::new();
    router.open();
    router.learn((0..1000u32).map(|n| (Prefix::from_bits(Family::V4, u128::from(n << 8) << 96, 24), Some(2))));
    let before = router.sent();
    router.rib.set_neighbor(id(2), ip("10.0.2.2"), mac(99), &mut router.fib);
    assert_eq!(router.sent(), before);
    let list = router.paths("0.0.1.0/24").unwrap();
    let leads_to_99 =
        |path: &Path| matches!(path, Path::Port { rewrite, .. } if rewrite.macs() == Some((mac(99), mac(2))));
    assert!(list.iter().any(leads_to_99), "{list:?}");
}

#[test]
fn a_next_hop_set_named_anew_takes_its_routes_along() {
    let mut router = Router::new();
    router.open();
    router.learn([(net("198.51.100.0/24"), Some(1)), (net("203.0.113.0/24"), Some(2))]);
    router.rib.feed_next_hops(FEED, vec![(1, vec![ip("10.0.2.3")])], &mut router.fib).unwrap();
    assert_eq!(router.paths("198.51.100.0/24"), Some(vec![via(2, 3)]));
    assert_eq!(router.paths("203.0.113.0/24"), Some(vec![via(1, 2), via(2, 2)]));
}

/// RFC 4724 §4.2: routes stay over a restart of the feed; those not sent again go with End-of-RIB.
#[test]
fn a_feed_that_restarts_keeps_its_routes_until_end_of_rib() {
    let mut router = Router::new();
    assert_eq!(router.rib.start(NOW, &[FEED], &mut router.fib), None);
    router.open();
    router.learn([
        (net("198.51.100.0/24"), Some(1)),
        (net("203.0.113.0/24"), Some(2)),
        (net("2001:db8:f::/48"), Some(1)),
    ]);
    assert!(router.end().is_some());
    assert_eq!(router.rib.deadline(), None);
    let before = router.sent();
    router.rib.feed_closed(NOW, FEED, &mut router.fib);
    assert!(router.rib.get(TableId::DEFAULT, net("198.51.100.0/24")).unwrap().stale);
    router.open();
    router.learn([(net("198.51.100.0/24"), Some(1))]);
    assert!(!router.rib.get(TableId::DEFAULT, net("198.51.100.0/24")).unwrap().stale);
    assert_eq!(router.sent(), before, "nothing changed for line cards");
    router.rib.feed_end_of_rib(FEED, Family::V4, &mut router.fib);
    assert_eq!(router.paths("203.0.113.0/24"), None);
    assert!(router.paths("2001:db8:f::/48").is_some(), "the other family is not complete");
    router.rib.feed_end_of_rib(FEED, Family::V6, &mut router.fib);
    assert_eq!(router.paths("2001:db8:f::/48"), None);
    assert_eq!(router.rib.deadline(), None);
}

#[test]
fn stale_routes_do_not_outlive_their_time_nor_a_second_failure() {
    let mut router = Router::new();
    for second_failure in [false, true] {
        router.open();
        router.learn([(net("198.51.100.0/24"), Some(1))]);
        router.rib.feed_closed(NOW, FEED, &mut router.fib);
        assert_eq!(router.rib.deadline(), Some(NOW + STALE_TIME));
        if second_failure {
            router.open();
            assert!(router.paths("198.51.100.0/24").is_some());
            router.rib.feed_closed(NOW, FEED, &mut router.fib);
        } else {
            router.rib.expire(NOW + STALE_TIME, &mut router.fib);
        }
        assert_eq!(router.paths("198.51.100.0/24"), None);
        assert_eq!(router.rib.deadline(), None);
    }
}

#[test]
fn what_a_feed_may_not_send_is_refused() {
    let mut router = Router::new();
    let (count, bytes) = packed([(net("198.51.100.0/24").into(), Some(9))]);
    assert_eq!(router.rib.feed_routes(FEED, count, bytes.clone(), &mut router.fib), Err(FeedError::NotOpen));
    router.open();
    assert_eq!(router.rib.feed_routes(FEED, count, bytes.clone(), &mut router.fib), Err(FeedError::UnknownNextHops(9)));
    let damaged = router.rib.feed_routes(FEED, count + 1, bytes.slice(..2), &mut router.fib);
    assert!(matches!(damaged, Err(FeedError::Damaged(_))));
    let sets = (0..=FEED_SETS_MAX as u32).map(|n| (n, vec![])).collect();
    assert_eq!(
        router.rib.feed_next_hops(FEED, sets, &mut router.fib),
        Err(FeedError::TooManySets { max: FEED_SETS_MAX })
    );
}

#[test]
fn a_chassis_without_feeds_is_complete_at_once_and_one_with_a_silent_feed_in_time() {
    let mut router = Router::new();
    assert!(router.rib.start(NOW, &[], &mut router.fib).is_some());
    let mut router = Router::new();
    assert_eq!(router.rib.start(NOW, &[FEED], &mut router.fib), None);
    let deadline = router.rib.deadline().unwrap();
    assert_eq!(router.rib.expire(NOW, &mut router.fib), None);
    assert!(router.rib.expire(deadline, &mut router.fib).is_some());
    assert!(router.rib.converged());
    assert_eq!(router.rib.deadline(), None);
}

/// The standby's copy, on its way to be the active's table.
fn taken_over(old: &mut FibMaster) -> FibMaster {
    let mut fib = FibMaster::default();
    let mut cursor = None;
    loop {
        let (bytes, next) = old.bulk_chunk(cursor, Level::Full);
        fib.apply_checkpoint(&bytes).unwrap();
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    fib.begin_term(Epoch(9));
    fib.mark_stale();
    fib
}

/// Nothing changed: nothing is sent, nothing is swept, and a path list that only the old active held goes.
#[test]
fn a_table_learned_again_whole_is_fresh() {
    let mut old = Router::new();
    old.open();
    old.learn([(net("198.51.100.0/24"), Some(1)), (net("10.0.1.2/32"), Some(2)), (net("2001:db8:f::/48"), Some(2))]);
    let mut new = Router { rib: Rib::default(), fib: taken_over(&mut old.fib) };
    new.rib.configure(local(), &mut new.fib);
    new.rib.start(NOW, &[FEED], &mut new.fib);
    new.open();
    new.learn([(net("198.51.100.0/24"), Some(1)), (net("10.0.1.2/32"), Some(2)), (net("2001:db8:f::/48"), Some(2))]);
    assert!(new.fib.is_stale());
    assert_eq!(new.end().map(|converged| converged.swept), Some(0));
    assert!(!new.fib.is_stale());
    assert_eq!(new.sent(), 0);
    assert_eq!(new.fib.table().root_digest(), old.fib.table().root_digest());
}

/// A floating route does not take over while the feed that beats it is learned again, only once it is missing.
#[test]
fn a_floating_route_waits_for_the_feeds() {
    for still_announced in [true, false] {
        let floating = route("198.51.100.0/24", 200, "10.0.2.3");
        let mut old = Router::new();
        old.open();
        old.rib.add_static(floating, &mut old.fib);
        old.learn([(net("198.51.100.0/24"), Some(1))]);
        let mut new = Router { rib: Rib::default(), fib: taken_over(&mut old.fib) };
        new.rib.configure(Local { statics: [floating].into(), ..local() }, &mut new.fib);
        new.rib.start(NOW, &[FEED], &mut new.fib);
        new.open();
        assert_eq!(new.paths("198.51.100.0/24"), Some(vec![via(1, 2)]));
        new.learn(still_announced.then_some((net("198.51.100.0/24"), Some(1))));
        new.end().unwrap();
        let expected = if still_announced { via(1, 2) } else { via(2, 3) };
        assert_eq!(new.paths("198.51.100.0/24"), Some(vec![expected]));
        assert_eq!(new.sent(), u32::from(!still_announced));
    }
}

/// SSO: the new active's RIB is empty, its FIB full. Learning the same table again changes nothing; what nobody
/// announces any more is swept once all is learned, and not before.
#[test]
fn after_a_switchover_only_differences_reach_the_line_cards() {
    let mut old = Router::new();
    old.open();
    old.learn([(net("198.51.100.0/24"), Some(1)), (net("203.0.113.0/24"), Some(2)), (net("192.0.2.0/24"), Some(2))]);
    let fib = taken_over(&mut old.fib);
    let mut new = Router { rib: Rib::default(), fib };
    new.rib.configure(local(), &mut new.fib);
    new.rib.start(NOW, &[FEED], &mut new.fib);
    new.open();
    new.learn([(net("198.51.100.0/24"), Some(1)), (net("203.0.113.0/24"), Some(2))]);
    assert_eq!(new.sent(), 0);
    assert!(new.paths("192.0.2.0/24").is_some());
    let converged = new.end().unwrap();
    assert_eq!(converged.swept, 1);
    assert_eq!(new.sent(), 1);
    assert_eq!(new.paths("192.0.2.0/24"), None);
    old.learn([(net("192.0.2.0/24"), None)]);
    assert_eq!(new.fib.table().root_digest(), old.fib.table().root_digest());
}

#[test]
fn the_table_can_be_read() {
    let mut router = Router::new();
    router.open();
    router.learn([(net("198.51.100.0/24"), Some(1)), (net("0.0.0.0/0"), Some(2)), (net("2001:db8:f::/48"), Some(1))]);
    assert_eq!(router.rib.lookup(TableId::DEFAULT, ip("198.51.100.7")).unwrap().prefix, net("198.51.100.0/24"));
    assert_eq!(router.rib.lookup(TableId::DEFAULT, ip("8.8.8.8")).unwrap().prefix, net("0.0.0.0/0"));
    assert_eq!(router.rib.lookup(TableId::DEFAULT, ip("2001:db9::1")), None);
    let routes: Vec<Prefix> = router.rib.routes(TableId::DEFAULT, Family::V4).map(|route| route.prefix).collect();
    assert!(routes.is_sorted());
    assert_eq!(routes.len(), 2 + 2 * 2 + 4);
    let summary = router.rib.summary(TableId::DEFAULT);
    assert_eq!((summary.of(Protocol::Feed), summary.of(Protocol::Connected)), ([2, 1], [2, 2]));
    assert_eq!((summary.of(Protocol::Adjacency), summary.feed), ([4, 0], [2, 1]));
}
