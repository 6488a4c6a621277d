//! Evidence held against itself: what it says twice must be the same twice.
//!
//! A report is computed from evidence, and evidence is a file that anybody can change. So everything in it that follows
//! from something else in it is computed again: accounting from flows, flows from the schedule and from their loss periods,
//! bins from both. What does not fit is named; nothing here trusts a number before it has been looked at.

mod traffic;

use crate::trial::{Accounting, Fsu, Invalid, TESTER_PORT_DOWN, TESTER_SKIPPED, TrialRecord, accounting, lost_by_step};
use std::{collections::BTreeMap, fmt::Display};

/// Contradictions that are told in full; the others are counted. One is enough to refuse, some show the pattern.
const TOLD_MAX: usize = 12;
/// Longest name of a mode.
const NAME_MAX: usize = 64;

/// A field that contradicts what else the evidence says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, but {against}")]
pub struct Contradiction {
    /// Which field, as the evidence's JSON names it: `traffic[0].flows[17].delivered`.
    pub field: String,
    /// What it says.
    pub value: String,
    /// What says otherwise, and what that is.
    pub against: String,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The first contradictions.
    pub told: Vec<Contradiction>,
    /// How many there are.
    pub count: usize,
}

impl Audit {
    /// Holds a trial against itself.
    pub fn of(trial: &TrialRecord) -> Self {
        let mut audit = Self::default();
        audit.names(trial);
        for (at, evidence) in trial.traffic.iter().enumerate() {
            audit.traffic(&format!("traffic[{at}]"), evidence);
        }
        // What follows is computed from the flows: those must be right first.
        if audit.count == 0 {
            audit.account(trial);
            audit.drops(trial);
            audit.judged(trial);
        }
        audit
    }

    fn note(&mut self, field: impl Display, value: impl Display, against: impl Display) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            let (field, value, against) = (field.to_string(), value.to_string(), against.to_string());
            self.told.push(Contradiction { field, value, against });
        }
    }

    fn holds(&mut self, holds: bool, field: impl Display, value: impl Display, against: impl Display) -> bool {
        if !holds {
            self.note(field, value, against);
        }
        holds
    }

    /// `field` says `value`; `source` says how many there are.
    fn equal<T: PartialEq + Display>(&mut self, field: impl Display, value: T, source: impl Display, says: T) {
        if value != says {
            self.note(field, value, format_args!("{source} {says}"));
        }
    }

    /// Names become names of files, and marks in files of other programs.
    fn names(&mut self, trial: &TrialRecord) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '+';
        let mode = &trial.mode;
        let is_name = (1..=NAME_MAX).contains(&mode.len()) && mode.chars().all(plain);
        self.holds(is_name, "mode", format_args!("{mode:?}"), "a mode's name has letters, digits, - and + only");
        let lasted = trial.duration_ms;
        self.holds(lasted.is_finite() && lasted >= 0.0, "duration_ms", lasted, "time does not run backwards");
        for (at, known) in trial.known_outages.iter().enumerate() {
            let field = |name: &str| format!("known_outages[{at}].{name}");
            self.holds(known.every > 0, field("every"), known.every, "every so many-th packet is dropped");
            let begins_first = known.ended_ns >= known.began_ns;
            self.holds(begins_first, field("ended_ns"), known.ended_ns, format_args!("it began at {}", known.began_ns));
            let rate = known.rate_pps;
            self.holds(rate.is_finite() && rate >= 0.0, field("rate_pps"), rate, "that is no rate");
        }
    }

    fn account(&mut self, trial: &TrialRecord) {
        let Accounting { offered, delivered, lost, misdelivered, dropped, lost_with_card, unaccounted } =
            trial.accounting;
        let again = accounting(&trial.traffic, &trial.drops, false);
        for (name, value, source, says) in [
            ("offered", offered, "the testers offered", again.offered),
            ("delivered", delivered, "the flows delivered", again.delivered),
            ("lost", lost, "the flows lost", again.lost),
            ("misdelivered", misdelivered, "the testers counted", again.misdelivered),
            ("dropped", dropped, "the drops by cause add up to", again.dropped),
        ] {
            self.equal(format_args!("accounting.{name}"), value, source, says);
        }
        // What is left over was lost with a card or has no cause; never partly the one and partly the other.
        let left = again.unaccounted;
        let with_card = i64::try_from(lost_with_card).ok().filter(|packets| *packets > 0);
        let explained = with_card.map_or(left == unaccounted, |packets| packets == left && unaccounted == 0);
        let value = format_args!("{unaccounted}, with {lost_with_card} lost with a card");
        self.holds(explained, "accounting.unaccounted", value, format_args!("{left} packets are left over"));
        if let Some(Fsu { tpl_frames: Some(frames), .. }) = trial.fsu {
            self.equal("fsu.tpl_frames", frames, "the flows lost", again.lost);
        }
        let begins: Vec<f64> = trial.upgrade.iter().map(|step| step.from_ms).collect();
        for (step, lost) in trial.upgrade.iter().zip(lost_by_step(&trial.traffic, &begins)) {
            let name = format_args!("upgrade.{}.lost", step.name);
            self.equal(name, step.lost, "the bins of its time lost", lost);
        }
    }

    fn drops(&mut self, trial: &TrialRecord) {
        let sum = |of: fn(&crate::TrafficEvidence) -> u64| trial.traffic.iter().map(of).fold(0, u64::saturating_add);
        let own = [
            (TESTER_PORT_DOWN, sum(|evidence| evidence.port_down)),
            (TESTER_SKIPPED, sum(|evidence| evidence.generator.skipped)),
        ];
        for (cause, packets) in own {
            let told = trial.drops.get(cause).copied().unwrap_or(0);
            self.equal(format_args!("drops.{cause}"), told, "the testers counted", packets);
        }
        if trial.drops_by_card.is_empty() {
            return;
        }
        let mut by_cards: BTreeMap<&str, u64> = BTreeMap::new();
        for (cause, packets) in trial.drops_by_card.values().flatten() {
            let sum = by_cards.entry(cause).or_default();
            *sum = sum.saturating_add(*packets);
        }
        let by_card = |cause: &str| by_cards.get(cause).copied().unwrap_or(0);
        let of_cards = trial.drops.iter().filter(|(cause, _)| own.iter().all(|(tester, _)| cause != tester));
        for (cause, packets) in of_cards {
            self.equal(format_args!("drops.{cause}"), *packets, "drops_by_card adds up to", by_card(cause));
        }
        for (cause, packets) in by_cards.iter().filter(|(cause, _)| !trial.drops.contains_key(**cause)) {
            self.equal(format_args!("drops.{cause}"), 0, "drops_by_card adds up to", *packets);
        }
    }

    /// A trial that shows why it does not count must say so: else it would count.
    fn judged(&mut self, trial: &TrialRecord) {
        let says_so = !trial.valid() || !trial.failures.is_empty();
        let value = "empty, and failures too";
        let unaccounted = trial.accounting.unaccounted;
        let told =
            trial.invalid.iter().any(|why| matches!(why, Invalid::Unaccounted { packets } if *packets == unaccounted));
        self.holds(
            unaccounted == 0 || told,
            "invalid",
            "without them",
            format_args!("{unaccounted} packets are unaccounted for"),
        );
        self.holds(says_so || !trial.traffic.is_empty(), "invalid", value, "there is no evidence of any tester");
        let never: u32 = trial.traffic.iter().map(crate::TrafficEvidence::never_recovered).fold(0, u32::saturating_add);
        self.holds(says_so || never == 0, "invalid", value, format_args!("{never} flows never came back"));
        let skipped = trial.traffic.iter().map(|evidence| evidence.generator.skipped).fold(0, u64::saturating_add);
        self.holds(says_so || skipped == 0, "invalid", value, format_args!("{skipped} packets were never sent"));
    }
}

#[cfg(test)]
mod tests;
