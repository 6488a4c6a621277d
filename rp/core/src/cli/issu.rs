//! `issu …`: the steps of a software upgrade.

use crate::{
    grammar::{
        Line,
        Token::{self, Keyword as K},
        Value,
    },
    issu::{Command, Named},
};

/// A step of an upgrade.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Load,
    Run,
    Accept,
    Commit,
    Abort,
}

pub(super) const FORCED: Token = K("forced");

/// What a line asks for.
pub(super) fn command(step: Step, line: &Line) -> Command {
    let mut named = named(line).into_iter();
    let mut next = || named.next().unwrap_or_default();
    match step {
        Step::Load => Command::Load { active: next(), standby: next(), forced: line.has(FORCED) },
        Step::Run => Command::Run(next()),
        Step::Accept => Command::Accept(next()),
        Step::Commit => Command::Commit(next()),
        Step::Abort => Command::Abort(next()),
    }
}

/// The units that a line names, each with the release behind it.
fn named(line: &Line) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    for found in line.values() {
        if let Value::RpSlot(slot) = &found.value {
            all.push(Named { slot: Some(*slot), release: None });
        } else if let (Value::Text(release), Some(last)) = (&found.value, all.last_mut()) {
            last.release = Some(release.clone());
        }
    }
    all
}
