//! What is too much for one step is done slice by slice.

use super::*;

/// More than two slices.
const ROUTES: u32 = 3 * SLICE as u32 - 5;

fn many(n: u32) -> Prefix {
    Prefix::from_bits(Family::V4, (0x1400_0000 + (n << 8) as u128) << 96, 24)
}

/// A router with many routes behind the first interface.
fn full() -> Router {
    let mut router = Router::new();
    router.open();
    router.learn((0..ROUTES).map(|n| (many(n), Some(1))));
    router
}

impl Router {
    fn carrier(&mut self, up: bool) {
        self.rib.set_interface(id(1), interface(1, up), &mut self.fib);
    }

    /// How many of the routes are there; all of them lead to the neighbour.
    fn held(&mut self) -> u32 {
        self.fib.flush();
        let table = self.fib.table();
        let lists: Vec<PathListId> = (0..ROUTES).filter_map(|n| table.get(many(n))).collect();
        assert!(lists.iter().all(|list| table.paths(*list).unwrap().paths() == [via(1, 2)]));
        lists.len() as u32
    }

    /// Steps until nothing is due; how many there were.
    fn finish(&mut self) -> u32 {
        let mut steps = 0;
        while self.rib.deadline() == Some(Instant(0)) {
            self.rib.expire(NOW, &mut self.fib);
            steps += 1;
        }
        steps
    }
}

#[test]
fn a_step_selects_no_more_than_a_slice() {
    let mut router = full();
    assert_eq!(router.held(), ROUTES);
    router.carrier(false);
    assert_eq!(router.held(), ROUTES - SLICE as u32, "the rest is done later");
    assert_eq!(router.finish(), 2);
    assert_eq!(router.held(), 0);
    router.carrier(true);
    assert_eq!(router.held(), SLICE as u32);
    assert_eq!(router.finish(), 2);
    assert_eq!(router.held(), ROUTES);
}

#[test]
fn what_changes_its_mind_half_way_ends_right() {
    let mut router = full();
    let lists = router.fib.table().all_paths().len();
    for up in [false, true, false, true] {
        router.carrier(up);
    }
    // A route that is withdrawn while it waits to be selected.
    router.learn([(many(1), None)]);
    router.learn([(many(1), Some(1))]);
    assert!(router.finish() > 2);
    assert_eq!(router.held(), ROUTES);
    assert_eq!(router.fib.table().all_paths().len(), lists, "path lists in between are given back");
}

#[test]
fn a_table_is_not_complete_before_all_of_it_is_in_the_forwarding_table() {
    let mut router = full();
    router.rib.start(NOW, &[FEED], &mut router.fib);
    router.carrier(false);
    router.carrier(true);
    assert_eq!(router.end(), None);
    assert!(!router.rib.converged());
    router.finish();
    assert!(router.rib.converged());
    assert_eq!(router.held(), ROUTES);
}
