//! In which order trials run: shuffled, so that nothing that drifts over a run favours a mode.

use crate::{mode::Mode, storm::Dice};

/// One trial to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// What is measured.
    pub mode: Mode,
    /// Whether no fault is injected: a trial of the noise floor.
    pub baseline: bool,
}

/// All trials of an experiment, in an order that `seed` alone decides.
pub fn order(modes: &[Mode], trials: u32, baseline: u32, seed: u64) -> Vec<Due> {
    let mut all = Vec::new();
    for mode in modes {
        all.extend((0..trials).map(|_| Due { mode: *mode, baseline: false }));
        // The noise floor of a procedure is that of the mode it starts from.
        if mode.is_configurable() {
            all.extend((0..baseline).map(|_| Due { mode: *mode, baseline: true }));
        }
    }
    let mut dice = Dice(seed);
    for left in (1..all.len()).rev() {
        all.swap(left, (dice.next() % (left as u64 + 1)) as usize);
    }
    all
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
}
