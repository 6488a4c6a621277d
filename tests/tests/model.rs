//! Negotiation and fencing: every interleaving, to bounds that a minute holds.
#![allow(missing_docs, clippy::print_stderr, reason = "a test")]

use chassis_tests::model::{Bound, Chassis};
use fabric_proto::redundancy::Mode;
use stateright::{Checker as _, Model as _};

/// Checks all states up to the bound, or the first `states` of them.
fn check(mode: Mode, bound: Bound, states: usize) {
    let chassis = Chassis::new(mode, bound, 500);
    let machines = chassis.machines.clone();
    let checker = chassis.checker().threads(2).target_state_count(states).spawn_bfs().join();
    let [units, cards, steps] = machines.counts();
    eprintln!(
        "{mode}, {bound:?}: {} states, depth {}; {units} states of an RP, {cards} of a line card, {steps} steps of real machines",
        checker.unique_state_count(),
        checker.max_depth()
    );
    for property in
        ["nothing is broken on the way", "line cards of one epoch obey one RP", "a fair run makes the chassis whole"]
    {
        if let Some(path) = checker.discovery(property) {
            panic!("{property}: violated\n{path}");
        }
    }
    assert!(checker.unique_state_count() > 1_000, "the model does not move");
}

const NONE: Bound = Bound { crashes: 0, card_crashes: 0, cuts: 0, pauses: 0, forced: 0, terms: 6, timers: None };

#[test]
fn crashes_and_partitions_never_split_the_line_cards() {
    check(Mode::Sso, Bound { crashes: 1, cuts: 1, ..NONE }, 150_000);
}

#[test]
fn pauses_and_forced_switchovers_neither() {
    check(Mode::Sso, Bound { pauses: 1, forced: 1, ..NONE }, 100_000);
}

#[test]
fn nor_does_a_standby_that_boots_the_chassis() {
    check(Mode::Hsa, Bound { crashes: 1, card_crashes: 1, ..NONE }, 100_000);
}
