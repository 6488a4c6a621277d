//! A switchover while a port is down: sets that lead to the same then keep each its own path list.

use super::*;

const A: &str = "198.51.100.0/24";
const B: &str = "203.0.113.0/24";

/// Behind both interfaces, and behind the second one.
fn sets() -> Vec<(u32, Vec<IpAddr>)> {
    vec![(2, vec![ip("10.0.1.2"), ip("10.0.2.2")]), (4, vec![ip("10.0.2.2")])]
}

/// The first interface is down.
fn half() -> Local {
    let mut local = local();
    local.interfaces.insert(id(1), interface(1, false));
    local
}

fn lists(router: &mut Router) -> [Option<PathListId>; 3] {
    router.fib.flush();
    [A, B, "10.0.2.2/32"].map(|prefix| router.fib.table().get(net(prefix)))
}

/// As it was before the switchover: both routes have lists of their own, which hold the same.
fn before() -> Router {
    let mut router = Router::new();
    router.rib.feed_open(NOW, FEED, &mut router.fib);
    router.rib.feed_next_hops(FEED, sets(), &mut router.fib).unwrap();
    router.learn([(net(A), Some(2)), (net(B), Some(4))]);
    router.rib.configure(half(), &mut router.fib);
    assert_eq!(router.paths(A), router.paths(B));
    let [a, b, ..] = lists(&mut router);
    assert_ne!(a, b);
    router
}

/// The next term, of a unit that holds the same table.
fn take_over(router: &mut Router) {
    router.fib.begin_term(Epoch(13));
    router.fib.mark_stale();
    router.rib = Rib::default();
    router.rib.configure(half(), &mut router.fib);
    router.rib.feed_open(NOW, FEED, &mut router.fib);
}

#[test]
fn whoever_is_named_first_each_set_finds_its_own_list() {
    for first in [0, 1] {
        let mut router = before();
        let held = lists(&mut router);
        take_over(&mut router);
        let mut named = sets();
        named.rotate_left(first);
        for set in named {
            router.rib.feed_next_hops(FEED, vec![set], &mut router.fib).unwrap();
        }
        router.learn([(net(B), Some(4)), (net(A), Some(2))]);
        assert_eq!(lists(&mut router), held, "set {first} was named first");
        assert_eq!(router.sent(), 0, "nothing has changed for line cards");
        // The port is back: only what leads there changes.
        router.rib.configure(local(), &mut router.fib);
        assert_eq!(router.paths(A), Some(vec![via(1, 2), via(2, 2)]));
        assert_eq!(router.paths(B), Some(vec![via(2, 2)]));
        assert_eq!(lists(&mut router), held);
    }
}

#[test]
fn a_list_that_may_be_another_sets_is_not_changed() {
    let mut router = before();
    let held = lists(&mut router);
    take_over(&mut router);
    router.rib.feed_next_hops(FEED, sets(), &mut router.fib).unwrap();
    // The port is back before a route has said which list is whose.
    router.rib.configure(local(), &mut router.fib);
    assert_eq!(router.paths(A), Some(vec![via(2, 2)]), "its route is still the old term's");
    assert_eq!(router.paths(B), Some(vec![via(2, 2)]));
    router.learn([(net(B), Some(4)), (net(A), Some(2))]);
    assert_eq!(router.paths(A), Some(vec![via(1, 2), via(2, 2)]));
    assert_eq!(router.paths(B), Some(vec![via(2, 2)]));
    assert_eq!(lists(&mut router)[1], held[1]);
}
