//! Storms: random faults out of a seed. The same seed and chassis give the same storm, in every release.

use crate::fault::{Fault, FaultName, Step, Storm, Target, TargetUnit};
use fabric_proto::{
    id::{CardId, LcSlot, RpSlot, Slot},
    operator::{Impairment, PlaneSet},
};
use lab::plan::LabPlan;
use notation::units::Span;
use std::time::Duration;

/// Shortest and longest time until a fault is taken back: below and above any switchover timer of a lab.
const LASTS_MS: [u64; 2] = [100, 2000];
/// The longest that a fault of a storm lasts.
pub const LONGEST: Duration = Duration::from_millis(LASTS_MS[1]);

/// What may happen, with how often: what real chassis see most comes most.
const MENU: [(u64, FaultName); 8] = [
    (4, FaultName::Kill),
    (2, FaultName::Stop),
    (3, FaultName::Pause),
    (2, FaultName::Restart),
    (2, FaultName::ForceSwitchover),
    (2, FaultName::Remove),
    (3, FaultName::Partition),
    (3, FaultName::Impair),
];

/// SplitMix64: a fixed function of the seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        fabric_proto::random::next(&mut self.0)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn between(&mut self, [least, most]: [u64; 2]) -> u64 {
        least + self.below(most - least + 1)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len() as u64) as usize])
    }
}

/// The faults of a storm over the cards of chassis `node`, by time. Everything that can be taken back is, two
/// seconds after the last fault at the latest.
pub fn steps(storm: Storm, node: &str, rps: &[RpSlot], line_cards: &[LcSlot]) -> Vec<Step> {
    let mut dice = Dice(storm.seed);
    let over = u64::try_from(storm.over.0.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut steps: Vec<Step> = (0..storm.faults).map(|_| step(&mut dice, over, node, rps, line_cards)).collect();
    steps.sort_by_key(|step| step.at);
    steps
}

/// The faults of a storm over a chassis of a lab.
pub fn of_chassis(storm: Storm, plan: &LabPlan, node: &str) -> Vec<Step> {
    let (mut rps, mut line_cards) = (Vec::new(), Vec::new());
    for slot in plan.cards.iter().map(|card| &card.config.id).filter(|id| id.node == node).filter_map(CardId::slot) {
        match slot {
            Slot::Rp(slot) => rps.push(slot),
            Slot::Lc(slot) => line_cards.push(slot),
        }
    }
    steps(storm, node, &rps, &line_cards)
}

fn step(dice: &mut Dice, over: u64, node: &str, rps: &[RpSlot], line_cards: &[LcSlot]) -> Step {
    let at = Span(Duration::from_millis(dice.below(over)));
    let time = Span(Duration::from_millis(dice.between(LASTS_MS)));
    let all: Vec<TargetUnit> = rps
        .iter()
        .map(|slot| TargetUnit::Rp(*slot))
        .chain(line_cards.iter().map(|slot| TargetUnit::Lc(*slot)))
        .collect();
    let name = choose(dice);
    // A chassis has an RP: the parser of topologies sees to it.
    let unit = dice.pick(&all).unwrap_or(TargetUnit::ActiveRp);
    let mut fault = Fault::plain(name);
    let mut target = Target { node: Some(node.to_owned()), unit, peer: None, one_way: false };
    match name {
        FaultName::ForceSwitchover => target.unit = TargetUnit::ActiveRp,
        FaultName::Partition | FaultName::Impair => {
            let others: Vec<TargetUnit> = all.iter().copied().filter(|other| *other != unit).collect();
            target.peer = dice.pick(&others);
            target.one_way = target.peer.is_some() && dice.below(3) == 0;
            fault.plane = PlaneSet::Both;
            fault.impairment = impairment(dice, name);
        }
        _ => {}
    }
    Step { at, during: None, time: name.undone_by().map(|_| time), fault, target }
}

fn choose(dice: &mut Dice) -> FaultName {
    let mut left = dice.below(MENU.iter().map(|(weight, _)| weight).sum());
    for (weight, name) in MENU {
        if left < weight {
            return name;
        }
        left -= weight;
    }
    unreachable!("the dice stay below the sum of the weights")
}

fn impairment(dice: &mut Dice, name: FaultName) -> Impairment {
    let seed = dice.next();
    if name == FaultName::Partition {
        return Impairment { partition: true, seed, ..Impairment::default() };
    }
    let share = |dice: &mut Dice, most: u64| dice.below(most) as f64 / 100.0;
    Impairment {
        loss: share(dice, 30),
        delay_ms: dice.below(40) as f64,
        jitter_ms: dice.below(20) as f64,
        duplicate: share(dice, 20),
        reorder: share(dice, 20),
        seed,
        ..Impairment::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::check::{check_pairing, check_planes};
    use std::collections::BTreeSet;

    const RPS: [RpSlot; 2] = [RpSlot::A, RpSlot::B];
    const LCS: [LcSlot; 2] = [LcSlot(1), LcSlot(2)];

    fn storm(seed: u64) -> Vec<Step> {
        steps(Storm { faults: 200, over: Span(Duration::from_secs(10)), seed }, "pe1", &RPS, &LCS)
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(storm(7), storm(7));
        assert_ne!(storm(7), storm(8));
    }

    #[test]
    fn every_fault_can_be_done_and_all_kinds_come() {
        let steps = storm(1);
        for step in &steps {
            check_pairing(step.fault.name, &step.target).unwrap();
            check_planes(&step.fault, &step.target).unwrap();
            assert_eq!(step.time.is_some(), step.fault.name.undone_by().is_some());
            assert!(step.at < Span(Duration::from_secs(10)));
        }
        assert!(steps.is_sorted_by_key(|step| step.at));
        let kinds: BTreeSet<_> = steps.iter().map(|step| step.fault.name).collect();
        assert_eq!(kinds.len(), MENU.len());
    }
}
