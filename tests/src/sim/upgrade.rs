//! Software upgrades in the lives of chassis: every one ends in a commit, an abort or a rollback.

use super::{Fault, Life, Violation, World};
use rp_core::issu::Phase;
use std::time::Duration;

/// A rollback within this long may coincide with another fault: SSO promises nothing for two.
const SOON: Duration = Duration::from_secs(300);

/// Longest time until an upgrade that waits for no operator has ended: one that is not ready in ten minutes is given up.
const ENDS: Duration = Duration::from_secs(900);

impl World {
    /// How far the active is with an upgrade, if one is under way.
    fn phase(&self) -> Option<Phase> {
        let rp = self.rps[self.active()?.index()].rp.as_ref()?;
        Some(rp.procedure().upgrade()?.phase)
    }

    /// Whether a new release that is not accepted is taken back soon.
    pub(super) fn rolls_back_soon(&self) -> bool {
        let node = self.active().map(|slot| &self.rps[slot.index()]);
        let at = node.and_then(|node| Some(node.clock.true_time(node.rp.as_ref()?.procedure().rolls_back_at()?)));
        at.is_some_and(|at| at < self.now + SOON)
    }

    /// Whether an upgrade goes on by itself.
    pub(super) fn upgrade_moves(&self) -> bool {
        match self.phase() {
            Some(Phase::Loading | Phase::Committing | Phase::Aborting) => true,
            Some(Phase::Loaded | Phase::Running | Phase::Accepted) | None => false,
        }
    }

    /// The chassis is at rest: what waits for an operator is taken back, everything else ends by itself. An upgrade that says that it has
    /// ended leaves both units on one release, unless somebody gave them two by hand. One that nobody knows of any more says nothing: the
    /// unit that was being loaded has booted alone, because the one that knew has died, or cannot be heard.
    pub(super) fn upgrade_ends(&mut self, life: &Life) -> Result<(), Violation> {
        if !self.rolls_back_soon() && !self.upgrade_moves() && self.phase().is_some() {
            self.strike(&Fault::Issu("issu abortversion"));
        }
        if !self.run(ENDS, |world| world.active().is_some() && world.phase().is_none())? {
            return Err(Violation(format!("an upgrade does not end: it is {:?}", self.phase())));
        }
        self.rest()?;
        let by_hand = life.steps.iter().any(|step| matches!(step.fault, Fault::Image(..)));
        let [a, b] = [0, 1].map(|at| self.rps[at].release.as_str());
        if a != b && !by_hand && self.checker.upgrade_ended {
            return Err(Violation(format!("an upgrade leaves two releases: A has {a}, B has {b}")));
        }
        Ok(())
    }
}
