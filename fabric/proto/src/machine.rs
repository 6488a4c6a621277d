//! The contract of every protocol and policy machine.

use crate::time::Instant;

/// A machine without I/O: it is told what happened and when, and says what to do.
///
/// The shell's loop is `wait → step → perform`: it waits for an input or for [`Machine::deadline`],
/// calls [`Machine::step`] with a fresh reading of the clock, and performs what was pushed into `out`,
/// in order. Nothing else changes a machine.
pub trait Machine {
    /// Everything that can happen to the machine.
    type Input;
    /// Everything that it can ask for.
    type Output;

    /// Takes one input (`None`: the deadline has passed) and pushes what follows into `out`.
    fn step(&mut self, now: Instant, input: Option<Self::Input>, out: &mut Vec<Self::Output>);

    /// When `step` wants to be called again without an input. After a call at or past it, it moves.
    fn deadline(&self) -> Option<Instant>;
}
