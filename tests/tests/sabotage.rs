//! Do the checkers bite? Every deliberate fault is found by the simulation, within so many lives.
//!
//! `cargo test -p chassis-tests --features sabotage --test sabotage`
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use chassis_tests::sim::{Kind, Life, Record, shrink, tell};
use fabric_proto::sabotage::{Sabotage, commit};

/// Lives of each kind until a fault must have been found.
const LIVES: u64 = 150;

/// The first life that finds a fault, and what it says.
fn found(fault: Sabotage) -> Option<(u64, Kind, String)> {
    commit(Some(fault));
    for seed in 1..=LIVES {
        for kind in [Kind::Heavy, Kind::Light] {
            let mut life = Life::new(seed, kind);
            // Enough for a fault that shows at every switchover; the rest of a light life repeats itself.
            life.steps.truncate(40);
            if let Some(violation) = life.run(Record::Hash).violation {
                return Some((seed, kind, violation.0));
            }
        }
    }
    None
}

#[test]
fn every_deliberate_fault_is_found() {
    let mut missed = Vec::new();
    for fault in Sabotage::ALL {
        match found(fault) {
            Some((seed, kind, violation)) => {
                let words: String = violation.chars().take(150).collect();
                eprintln!("{fault:?}: found by life {seed} ({kind:?}): {words}");
            }
            None => missed.push(fault),
        }
    }
    commit(None);
    assert!(missed.is_empty(), "not found within {LIVES} lives of each kind: {missed:?}");
}

#[test]
fn without_a_fault_the_same_lives_find_nothing() {
    commit(None);
    for seed in 1..=20 {
        let outcome = Life::new(seed, Kind::Heavy).run(Record::Hash);
        assert_eq!(outcome.violation, None, "{}", tell(&Life::new(seed, Kind::Heavy), Kind::Heavy));
    }
}

#[test]
fn a_failing_schedule_is_shrunk_and_told() {
    commit(Some(Sabotage::FlushOnTakeover));
    let life = (1..50).map(|seed| Life::new(seed, Kind::Light)).find(|life| life.run(Record::Hash).violation.is_some());
    let life = life.unwrap();
    let short = shrink(&life);
    assert!(short.steps.len() <= 3, "{:?}", short.steps);
    assert!(short.run(Record::Hash).violation.is_some());
    let story = tell(&life, Kind::Light);
    assert!(story.contains("violated: packets are lost"), "{story}");
    assert!(story.contains("switches over"), "{story}");
    commit(None);
}
