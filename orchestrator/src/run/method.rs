//! The method of a trial: its steps at their times, each taken back at its time, then the aftermath.

use super::{
    RunError, aftermath,
    armed::{self, Armed},
    bench::Bench,
    counters::{Account, Counters},
    course::{Course, disturbed, observe, quiet, shows, steady_again},
};
use crate::{
    expectation::{self, Expected, On},
    fault::{Fault, FaultName, Step, Storm, Target},
    inject::{self, Injected},
    standing, storm,
};
use fabric_proto::{id::CardId, time::Instant as Clock};
use notation::{mode::Mode, units::Span};
use tokio::time::Instant;

/// Does the method's steps at their times, then observes.
pub(super) async fn method(
    bench: &mut Bench<'_>,
    (index, load_began): (u32, Clock),
    mode: Mode,
    before: &Counters,
    course: &mut Course,
) -> Result<(), RunError> {
    let steps = steps(bench, index);
    let begun = fabric::clock::now();
    let active = match steps.first() {
        Some((first, _)) => active_of(bench, &first.target).await,
        None => None,
    };
    let zero = Instant::now();
    let mut weathered = false;
    for (step, stormy) in &steps {
        if !strike(bench, course, (step, *stormy), zero, before).await? {
            continue;
        }
        weathered |= *stormy;
        let Some((_, injected)) = course.injected.last() else { continue };
        if let Some(active) = &active {
            course.expected = course.expected.or_else(|| expected(bench, mode, &steps, step, injected, active));
        }
    }
    undo_all_due(bench, course).await;
    let stormy = steps.iter().filter(|(_, stormy)| *stormy).count();
    if stormy > 0 {
        if !weathered {
            course.not_happened.push(format!("none of the {stormy} faults of the storm could be done"));
        }
        // What could not be taken back in the storm can be now.
        roll_back(bench, course).await;
    }
    if course.fault_at.is_none() && !course.armed.is_empty() {
        // Nothing but crash points: they go off by themselves, or not at all.
        shows(bench, begun).await;
        course.fault_at = disturbed(bench, begun).map(|event| event.event.at);
    }
    let Some(fault) = course.fault_at else {
        quiet(bench, load_began, course).await;
        return Ok(());
    };
    observe(bench, fault).await?;
    course.aftermath = aftermath::look(bench).await;
    steady_again(bench, course).await;
    Ok(())
}

/// Does a step at its time after `zero`, and before it takes back what is due: whether it could be done, which only a fault of a
/// storm may not be.
pub(super) async fn strike(
    bench: &mut Bench<'_>,
    course: &mut Course,
    (step, stormy): (&Step, bool),
    zero: Instant,
    before: &Counters,
) -> Result<bool, RunError> {
    let at = zero + step.at.0;
    undo_due(bench, course, at).await;
    bench.timeline.pass(at).await;
    let prepares = step.fault.name.only_prepares();
    if !prepares && course.dropped_before_fault.is_none() {
        let account = Account::read(&bench.lab, &bench.tester(), before).await?;
        course.dropped_before_fault =
            Some(account.dropped.drops.total() - account.dropped.taken + account.progress.port_down);
    }
    // What arms a crash point takes away what was armed before.
    let fates = if step.fault.name.arms() { armed::fates(&bench.lab, &course.armed).await } else { Vec::new() };
    let tried = fabric::clock::now();
    let injected = match inject::inject(&bench.lab, bench.images, &step.fault, &step.target).await {
        Ok(injected) => injected,
        Err(missed) => {
            course.injected.extend(missed.left.map(|left| (None, left)));
            if !stormy {
                return Err(missed.error.into());
            }
            // A target may be gone already.
            tracing::info!(error = %missed.error, "a fault of the storm missed");
            course.fault_at.get_or_insert(tried);
            return Ok(false);
        }
    };
    armed::learn(&mut course.armed, &fates, &injected.cards);
    course.armed.extend(Armed::by(&step.fault, &injected));
    bench.progress.step(&format!("{} {}", step.fault, step.target));
    if !prepares {
        course.fault_at.get_or_insert(injected.at);
    }
    // Only a card whose program ends takes packets with it that it has not counted.
    if step.fault.name.ends_programs() || injected.reset {
        course.hit.extend(injected.cards.iter().cloned());
    }
    course.injected.push((step.time.map(|time| Instant::now() + time.0), injected));
    Ok(true)
}

/// The method's steps by time, storms blown up into theirs, and whether they are of a storm. Every trial has a storm of its own.
fn steps(bench: &Bench<'_>, index: u32) -> Vec<(Step, bool)> {
    let mut steps = Vec::new();
    for step in bench.experiment.method.iter().filter(|step| step.during.is_none()) {
        if step.fault.name != FaultName::Storm {
            steps.push((step.clone(), false));
            continue;
        }
        let plan = bench.lab.plan();
        let node = step.target.node.clone().unwrap_or_else(|| plan.chassis[0].node.clone());
        let seed = step.fault.storm.seed.wrapping_add(u64::from(index));
        let storm = storm::of_chassis(Storm { seed, ..step.fault.storm }, plan, &node);
        steps.extend(storm.into_iter().map(|own| (Step { at: Span(step.at.0 + own.at.0), ..own }, true)));
    }
    steps.sort_by_key(|(step, _)| step.at);
    steps
}

/// The RP that is active before anything is done.
async fn active_of(bench: &Bench<'_>, target: &Target) -> Option<CardId> {
    let first = bench.lab.plan().chassis.first().map(|chassis| &chassis.node);
    let node = target.node.as_ref().or(first)?;
    standing::active_rp(&bench.lab, node).await.map(|(id, _)| id)
}

/// What the book says must come of a method of a single fault. A crash point and what sets it off are one fault.
fn expected(
    bench: &Bench<'_>,
    mode: Mode,
    steps: &[(Step, bool)],
    step: &Step,
    injected: &Injected,
    active: &CardId,
) -> Option<Expected> {
    let crashes = steps.iter().filter(|(step, _)| step.fault.name == FaultName::Crash).count();
    let single = steps.len() == 1 && crashes == 0;
    let crash = step.fault.name == FaultName::Crash && crashes == 1 && steps.len() == 2;
    if !(single || crash) {
        return None;
    }
    let on = On::of(&injected.cards, &injected.peers, active)?;
    let chassis = bench.experiment.topology.chassis(&active.node)?;
    // A card that was reset in place of a hand-over loses what such a card loses.
    let restart = Fault::plain(FaultName::Restart);
    let rule = expectation::of(if injected.reset { &restart } else { &step.fault }, on)?;
    Some(rule.expected(mode, step.time.map(|time| time.0), chassis))
}

/// Takes back, each at its time, what has one.
pub(super) async fn undo_all_due(bench: &mut Bench<'_>, course: &mut Course) {
    if let Some(last) = course.injected.iter().filter_map(|(at, _)| *at).max() {
        undo_due(bench, course, last).await;
    }
}

/// Takes back what is due until `limit`, each at its time.
async fn undo_due(bench: &mut Bench<'_>, course: &mut Course, limit: Instant) {
    loop {
        let due = |(_, (at, _)): &(usize, &(Option<Instant>, Injected))| at.is_some_and(|at| at <= limit);
        let next =
            course.injected.iter().enumerate().filter(due).min_by_key(|(_, (at, _))| *at).map(|(index, _)| index);
        let Some((at, mut injected)) = next.map(|index| course.injected.remove(index)) else { return };
        bench.timeline.pass(at.unwrap_or(limit)).await;
        let fates = armed::fates(&bench.lab, &course.armed).await;
        armed::learn(&mut course.armed, &fates, injected.disarms());
        // What ends by itself must not be ended in the middle of what came after it.
        if !injected.timed
            && let Err(error) = inject::undo(&bench.lab, &mut injected).await
        {
            // A card that stands still, or is gone, may be back in the end.
            tracing::info!(%error, "rolling back a fault");
            course.injected.push((None, injected));
        }
    }
}

/// Takes back every fault that is still in place.
pub(super) async fn roll_back(bench: &Bench<'_>, course: &mut Course) {
    armed::look(&bench.lab, &mut course.armed).await;
    for (_, mut injected) in course.injected.drain(..) {
        if let Err(error) = inject::undo(&bench.lab, &mut injected).await {
            tracing::info!(%error, "rolling back a fault");
            course.left.push(injected);
        }
    }
}
