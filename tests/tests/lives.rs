//! Chassis lives out of seeds, with every fault there is: how many of them CI lives, and that a seed is a whole life.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use chassis_tests::sim::{Fault, Kind, Life, Record, Step, Tally, Wait, Who, tell};

/// Lives in CI: a minute or so on two cores, of which the heavy ones take most.
const HEAVY: u64 = 240;
const LIGHT: u64 = 24;
const FAMILY: u64 = 60;

fn live(kind: Kind, seeds: std::ops::RangeInclusive<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let life = Life::new(seed, kind);
        let outcome = life.run(Record::Hash);
        assert_eq!(outcome.violation, None, "{}", tell(&life, kind));
        tally += outcome.tally;
    }
    eprintln!("{kind:?}: {tally:?}");
    tally
}

#[test]
fn every_promise_holds_in_heavy_lives() {
    let tally = live(Kind::Heavy, 1..=HEAVY);
    assert!(tally.switchovers > HEAVY && tally.acknowledged > 0 && tally.probes > 0, "{tally:?}");
    assert!(tally.upgrades.iter().all(|ends| *ends > HEAVY / 24), "committed, and taken back: {tally:?}");
}

/// What sets one family apart from another in the real machines: who is reset, which mode images that differ allow, what
/// an unready standby does.
#[test]
fn every_promise_holds_in_lives_of_every_family() {
    let tally = live(Kind::Family, 1..=FAMILY);
    assert!(tally.switchovers > FAMILY && tally.acknowledged > 0 && tally.probes > 0, "{tally:?}");
    let families: std::collections::BTreeSet<_> =
        (1..=FAMILY).map(|seed| Life::new(seed, Kind::Family).chassis.profile.platform).collect();
    assert_eq!(families.len(), 5);
}

#[test]
fn every_promise_holds_through_thousands_of_switchovers() {
    let tally = live(Kind::Light, 1..=LIGHT);
    assert!(tally.switchovers > 100 * LIGHT && tally.acknowledged > 0 && tally.probes > 0, "{tally:?}");
}

#[test]
fn a_seed_reproduces_a_life_to_the_last_event() {
    for kind in [Kind::Heavy, Kind::Light, Kind::Family] {
        let life = Life { steps: Life::new(5, kind).steps[..4].to_vec(), ..Life::new(5, kind) };
        let (one, other) = (life.run(Record::Everything), life.run(Record::Everything));
        assert!(one.world.recording().len() > 100);
        assert_eq!(one.world.recording(), other.world.recording());
        assert_eq!((one.world.hash(), one.tally), (other.world.hash(), other.tally));
        let next = Life { seed: 6, ..life };
        assert_ne!(next.run(Record::Hash).world.hash(), one.world.hash(), "another seed is another life");
    }
}

/// A crash between any two things that an RP does on its way from boot to hot, and in a switchover.
#[test]
fn an_rp_may_die_between_any_two_of_its_outputs() {
    for (who, power) in [(Who::Active, false), (Who::Standby, false), (Who::Active, true)] {
        for outputs in 0..60 {
            let base = Life::new(3, Kind::Light);
            let step = |wait, fault| Step { wait, fault };
            let steps = vec![
                step(Wait::Rest, Fault::Configure { route: 1, remove: false }),
                step(Wait::Rest, Fault::DieAfter(who, outputs, power)),
                step(Wait::For(0), Fault::Save),
                step(Wait::For(20), Fault::Force),
                step(Wait::Rest, Fault::Kill(Who::Active)),
            ];
            let life = Life { steps, ..base };
            let outcome = life.run(Record::Hash);
            assert_eq!(outcome.violation, None, "{who:?} after {outputs} outputs\n{}", tell(&life, Kind::Light));
        }
    }
}

/// Lives that found a defect, as they were shrunk: the defect is fixed, and stays fixed.
mod found {
    use super::*;

    /// An operator got the prompt back for a change that the standby did not hold yet; a crash of the active in the
    /// milliseconds between lost an acknowledged change.
    #[test]
    fn a_change_is_acknowledged_only_when_the_standby_holds_it() {
        for delay in 0..20 {
            let step = |wait, fault| Step { wait, fault };
            let base = Life::new(3, Kind::Light);
            let steps = vec![
                step(Wait::Rest, Fault::Configure { route: 1, remove: false }),
                step(Wait::For(delay), Fault::Kill(Who::Active)),
            ];
            let life = Life { steps, ..base };
            assert_eq!(life.run(Record::Hash).violation, None, "{}", tell(&life, Kind::Light));
        }
    }
}
