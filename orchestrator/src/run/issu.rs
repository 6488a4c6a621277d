//! In-service software upgrade under load, measured as RFC 7654 §5 does: T1 staging (`issu loadversion`), T2 the upgrade run
//! (`issu runversion`, until traffic is back), T3 acceptance (`acceptversion`, `commitversion`, line cards one by one), TPL the
//! packets lost, in all and step by step.

use super::{
    RunError, aftermath,
    bench::Bench,
    counters::Counters,
    course::{Course, observe, traffic_back},
    method::{strike, undo_all_due},
    timeline::Timeline,
};
use crate::{
    expectation::{self, Expected, Must, On},
    fault::{Fault, FaultName, Step},
    issu::{How, IssuError, Plan, Stage, Taken, Walk},
};
use fabric_proto::time::Instant as Clock;
use lab::Lab;
use measure::trial::{Fsu, UpgradeStep};
use notation::mode::Mode;
use std::{
    cell::{Cell, RefCell},
    pin::pin,
    time::Duration,
};
use tokio::time::Instant;

/// Events are taken in at least so often while a step is under way.
const LISTEN: Duration = Duration::from_millis(100);

/// Upgrades the first chassis to the neighbouring release, its line cards too; what the method has `during` a step is done in it,
/// and ends the upgrade there. The bench must be deployed again afterwards.
pub(super) async fn upgrade(
    bench: &mut Bench<'_>,
    begun: Clock,
    before: &Counters,
    course: &mut Course,
) -> Result<(), RunError> {
    let chassis = bench.lab.plan().chassis[0].clone();
    let target = bench.images.neighbour_of(&chassis.release)?.version.clone();
    let at_most = bench.experiment.observe.at_most.0;
    let plan = Plan::make(&bench.lab, bench.images, &chassis.node, Some(&target)).await.map_err(wrong)?;
    // A handle of its own: what is done to the chassis meanwhile needs the bench.
    let lab = Lab::attach(&bench.lab.plan().dir).await?;
    // Where state is lost, that is what is to be measured.
    let walk = Walk::new(&lab, bench.images, plan.clone(), plan.loses.is_some(), at_most);
    course.fsu = Some(Fsu::default());
    for stage in Stage::ALL {
        bench.progress.step(&format!("upgrade to {target}: {stage}"));
        let faults = bench.experiment.method.iter().filter(|step| step.during == Some(*stage));
        let mut faults: Vec<Step> = faults.cloned().collect();
        if !faults.is_empty() {
            faults.sort_by_key(|step| step.at);
            return disturbed(bench, &walk, *stage, &faults, (begun, before), course).await;
        }
        let step = meanwhile(bench.timeline, walk.take(*stage, |_| {})).await.map_err(wrong)?;
        if *stage == Stage::Run {
            course.fault_at.get_or_insert(step.began);
            traffic_back(bench, Instant::now() + at_most).await?;
        }
        note(course, *stage, begun, Taken { ended: fabric::clock::now(), ..step });
        if *stage == Stage::Load {
            let (_, rp) = bench.until(&chassis.node, "an active RP", at_most, |_| true).await?;
            course.fsu.get_or_insert_default().stateful = Mode::from(rp.operating) == Mode::Sso;
        }
    }
    course.expected = course.expected.or_else(|| expected(bench, &plan));
    traffic_back(bench, Instant::now() + at_most).await
}

/// What must come of an upgrade that nothing is done to: a switchover that was asked for, in the mode that the two releases leave.
fn expected(bench: &Bench<'_>, plan: &Plan) -> Option<Expected> {
    let rule = expectation::of(&Fault::plain(FaultName::ForceSwitchover), On::Active)?;
    let chassis = bench.experiment.topology.chassis(&plan.node)?;
    let expected = rule.expected(Mode::Sso, None, chassis);
    let kept = plan.loses.is_none() && plan.cards.iter().all(|card| card.how == How::HandOver);
    Some(if kept { expected } else { Expected { loss: Must::Maybe, ..expected } })
}

/// Takes a step, and does meanwhile what the method has for it; then waits until the chassis has got over that, and notes how the
/// upgrade stands. What becomes of the step is nobody's to say beforehand, but it must have been begun.
async fn disturbed(
    bench: &mut Bench<'_>,
    walk: &Walk<'_>,
    stage: Stage,
    faults: &[Step],
    (begun, before): (Clock, &Counters),
    course: &mut Course,
) -> Result<(), RunError> {
    let began = fabric::clock::now();
    let (given, outcome) = (Cell::new(false), RefCell::new(None));
    let mut step = pin!(async {
        let taken = walk.take(stage, |_| given.set(true)).await;
        *outcome.borrow_mut() = Some(taken);
    });
    let done = {
        let mut method = pin!(async {
            let zero = Instant::now();
            for fault in faults {
                strike(bench, course, (fault, false), zero, before).await?;
            }
            undo_all_due(bench, course).await;
            let fault = course.fault_at.unwrap_or(began);
            observe(bench, fault).await?;
            course.aftermath = aftermath::look(bench).await;
            Ok::<_, RunError>(())
        });
        tokio::select! {
            done = &mut method => done,
            () = &mut step => method.await,
        }
    };
    // Of the line cards, those that are left have their turn yet.
    if stage == Stage::LineCards && outcome.borrow().is_none() {
        step.await;
    }
    course.upgrade.push(UpgradeStep {
        name: stage.to_string(),
        from_ms: after(begun, began),
        ..UpgradeStep::default()
    });
    let outcome = outcome.take();
    if let Some(Err(error)) = &outcome {
        tracing::info!(%error, "disturbed during {stage}");
    }
    match (given.get(), outcome) {
        (_, Some(Err(error @ IssuError::Refused { .. }))) => {
            course.not_happened.push(format!("step '{stage}': {error}"))
        }
        (false, Some(Err(error))) => course.not_happened.push(format!("step '{stage}' did not begin: {error}")),
        (false, None) => course.not_happened.push(format!("step '{stage}' did not begin")),
        (true, _) | (false, Some(Ok(_))) => {}
    }
    done?;
    let found = walk.found(stage).await.map_err(wrong)?;
    bench.progress.step(&format!("afterwards: {found}"));
    if let Some(last) = course.upgrade.last_mut() {
        last.to_ms = after(begun, fabric::clock::now());
        last.found = Some(found);
    }
    // It was not the step alone that took this long.
    *time_of(course.fsu.get_or_insert_default(), stage) = None;
    Ok(())
}

fn after(begun: Clock, at: Clock) -> f64 {
    at.since(begun).as_secs_f64() * 1e3
}

/// A step is over.
fn note(course: &mut Course, stage: Stage, begun: Clock, taken: Taken) {
    let (from_ms, to_ms) = (after(begun, taken.began), after(begun, taken.ended));
    course.upgrade.push(UpgradeStep { name: stage.to_string(), from_ms, to_ms, ..UpgradeStep::default() });
    *time_of(course.fsu.get_or_insert_default(), stage).get_or_insert(0.0) += taken.ms();
}

/// Which of RFC 7654's times a step is of.
fn time_of(fsu: &mut Fsu, stage: Stage) -> &mut Option<f64> {
    match stage {
        Stage::Load => &mut fsu.t1_ms,
        Stage::Run => &mut fsu.t2_ms,
        Stage::Accept | Stage::Commit | Stage::LineCards => &mut fsu.t3_ms,
    }
}

/// Takes in events while something is done.
async fn meanwhile<T>(timeline: &mut Timeline, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = timeline.pass(Instant::now() + LISTEN) => {}
        }
    }
}

fn wrong(error: IssuError) -> RunError {
    match error {
        IssuError::Input(error) => error.into(),
        IssuError::Lab(error) => error.into(),
        IssuError::Refused { card, line, why } => RunError::Command { card, line, why },
        error @ (IssuError::TakenBack { .. } | IssuError::Back { .. } | IssuError::NotOver { .. }) => {
            RunError::Upgrade(error.to_string())
        }
    }
}
