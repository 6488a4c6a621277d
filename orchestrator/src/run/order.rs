//! In which order trials run: shuffled, so that nothing that drifts over a run favours a mode. Trials that the machine
//! has spoilt are held again at the end, so many and no more.

use crate::storm::Dice;
use notation::mode::Mode;
use std::collections::VecDeque;

/// One trial to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// What is measured.
    pub mode: Mode,
    /// Whether no fault is injected: a trial of the noise floor.
    pub baseline: bool,
    /// The place of the trial that it is held again for, if it is: of the first, where that was held again too.
    pub in_place_of: Option<u32>,
}

/// All trials of an experiment, in an order that `seed` alone decides.
pub fn order(modes: &[Mode], trials: u32, baseline: u32, seed: u64) -> Vec<Due> {
    let mut all = Vec::new();
    for mode in modes {
        let due = |baseline| Due { mode: *mode, baseline, in_place_of: None };
        all.extend((0..trials).map(|_| due(false)));
        // The noise floor of a procedure is that of the mode it starts from.
        if !mode.is_upgrade() {
            all.extend((0..baseline).map(|_| due(true)));
        }
    }
    shuffle(&mut all, &mut Dice(seed));
    all
}

fn shuffle(all: &mut [Due], dice: &mut Dice) {
    for left in (1..all.len()).rev() {
        all.swap(left, (dice.next() % (left as u64 + 1)) as usize);
    }
}

/// The trials still to come, each with its place in the run, from 1.
#[derive(Debug)]
pub struct Queue {
    left: VecDeque<Due>,
    /// To be held again, once the others are through.
    again: Vec<Due>,
    /// Trials that may yet be held again.
    repeats: usize,
    next: u32,
    dice: Dice,
}

impl Queue {
    /// All trials of an experiment, and half as many again at most for those that are spoilt: on a machine that spoils
    /// more there is no use in going on.
    pub fn new(modes: &[Mode], trials: u32, baseline: u32, seed: u64) -> Self {
        let left: VecDeque<Due> = order(modes, trials, baseline, seed).into();
        Self { repeats: left.len().div_ceil(2), left, again: Vec::new(), next: 1, dice: Dice(!seed) }
    }

    /// How many are still to come.
    pub fn len(&self) -> usize {
        self.left.len() + self.again.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next one.
    pub fn take(&mut self) -> Option<(u32, Due)> {
        if self.left.is_empty() {
            shuffle(&mut self.again, &mut self.dice);
            self.left.extend(self.again.drain(..));
        }
        let due = self.left.pop_front()?;
        self.next += 1;
        Some((self.next - 1, due))
    }

    /// The trial at place `index` was spoilt: whether it will be held again.
    pub fn again(&mut self, index: u32, due: Due) -> bool {
        let Some(left) = self.repeats.checked_sub(1) else { return false };
        self.repeats = left;
        self.again.push(Due { in_place_of: due.in_place_of.or(Some(index)), ..due });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trial_is_there_once_and_the_seed_decides_the_order() {
        let modes = [Mode::Hsa, Mode::Sso, Mode::Fsu];
        let one = order(&modes, 4, 1, 7);
        assert_eq!(one.len(), 3 * 4 + 2, "the noise floor of FSU is its mode's");
        assert_eq!(one, order(&modes, 4, 1, 7));
        let other = order(&modes, 4, 1, 8);
        assert_ne!(one, other);
        let sorted = |mut all: Vec<Due>| {
            all.sort();
            all
        };
        assert_eq!(sorted(one), sorted(other));
    }

    /// Holds all trials of a queue; `spoilt` says which ones the machine spoils.
    fn held(seed: u64, spoilt: impl Fn(u32) -> bool) -> Vec<(u32, Due)> {
        let mut queue = Queue::new(&[Mode::Hsa, Mode::Sso], 4, 1, seed);
        assert_eq!(queue.len(), 10);
        let mut held = Vec::new();
        while let Some((index, due)) = queue.take() {
            held.push((index, due));
            if spoilt(index) {
                queue.again(index, due);
            }
        }
        assert!(queue.is_empty());
        held
    }

    #[test]
    fn a_spoilt_trial_is_held_again_in_the_end_for_the_one_it_was() {
        let held = held(3, |index| [2, 5, 11].contains(&index));
        assert_eq!(held.iter().map(|(index, _)| *index).collect::<Vec<_>>(), (1..=13).collect::<Vec<_>>());
        assert!(held[..10].iter().all(|(_, due)| due.in_place_of.is_none()));
        let again: Vec<Due> = held[10..].iter().map(|(_, due)| *due).collect();
        for due in &again {
            let of = held[due.in_place_of.unwrap() as usize - 1].1;
            assert_eq!((due.mode, due.baseline), (of.mode, of.baseline));
        }
        // The eleventh was spoilt too, and the thirteenth is for the same trial as the eleventh.
        assert_eq!(again[2], again[0]);
        assert_ne!(again[1].in_place_of, again[0].in_place_of);
    }

    #[test]
    fn a_machine_that_spoils_everything_ends_the_run_after_half_as_many_again() {
        assert_eq!(held(3, |_| true).len(), 15);
        assert_eq!(held(3, |_| true), held(3, |_| true), "the seed decides this order, too");
        assert_ne!(held(3, |_| true), held(4, |_| true));
    }
}
