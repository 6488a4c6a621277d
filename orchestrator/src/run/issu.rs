//! In-service software upgrade under load, measured as RFC 7654 §5 does: T1 staging (`issu loadversion`), T2 the upgrade run
//! (`issu runversion`, until traffic is back), T3 acceptance (`acceptversion`, `commitversion`, line cards one by one), TPL the
//! packets lost, in all and step by step.

use super::{
    RunError, aftermath,
    bench::Bench,
    course::{Course, observe, traffic_back},
    timeline::Timeline,
};
use crate::{
    fault::Step,
    inject::{self, Injected},
    issu::{IssuError, Plan, Stage, Taken, Walk},
};
use fabric_proto::time::Instant as Clock;
use measure::trial::{Fsu, UpgradeStep};
use notation::mode::Mode;
use std::{pin::pin, time::Duration};
use tokio::time::Instant;

/// Events are taken in at least so often while a step is under way.
const LISTEN: Duration = Duration::from_millis(100);

/// Upgrades the first chassis to the neighbouring release, its line cards too; what the method has `during` a step is done in it,
/// and ends the upgrade there. The bench must be deployed again afterwards.
pub(super) async fn upgrade(bench: &mut Bench<'_>, begun: Clock, course: &mut Course) -> Result<(), RunError> {
    let chassis = bench.lab.plan().chassis[0].clone();
    let target = bench.images.neighbour_of(&chassis.release)?.version.clone();
    let at_most = bench.experiment.observe.at_most.0;
    let plan = Plan::make(&bench.lab, bench.images, &chassis.node, Some(&target)).await.map_err(wrong)?;
    course.fsu = Some(Fsu::default());
    for stage in Stage::ALL {
        bench.progress.step(&format!("upgrade to {target}: {stage}"));
        let faults: Vec<&Step> = bench.experiment.method.iter().filter(|step| step.during == Some(*stage)).collect();
        let step = {
            let Bench { lab, images, timeline, .. } = &mut *bench;
            // Where state is lost, that is what is to be measured.
            let walk = Walk::new(lab, images, plan.clone(), plan.loses.is_some(), at_most);
            if faults.is_empty() {
                meanwhile(timeline, walk.take(*stage, |_| {})).await.map_err(wrong)?
            } else {
                let began = fabric::clock::now();
                let struck = meanwhile(timeline, disturb(&walk, *stage, &faults)).await;
                course.injected.extend(struck.injected.into_iter().map(|injected| (None, injected)));
                struck.result?;
                Taken { began, ended: fabric::clock::now() }
            }
        };
        if *stage == Stage::Run || !faults.is_empty() {
            course.fault_at.get_or_insert(step.began);
        }
        if *stage == Stage::Run && faults.is_empty() {
            traffic_back(bench, Instant::now() + at_most).await?;
        }
        note(course, *stage, begun, Taken { ended: fabric::clock::now(), ..step });
        if !faults.is_empty() {
            return weather(bench, &plan, (begun, step.began), course).await;
        }
        if *stage == Stage::Load {
            let (_, rp) = bench.until(&chassis.node, "an active RP", at_most, |_| true).await?;
            course.fsu.get_or_insert_default().stateful = Mode::from(rp.operating) == Mode::Sso;
        }
    }
    traffic_back(bench, Instant::now() + at_most).await
}

/// What was done during a step.
struct Struck {
    injected: Vec<Injected>,
    result: Result<(), RunError>,
}

/// Takes a step, and meanwhile does what the method has for it. What becomes of the step then is nobody's to say beforehand.
async fn disturb(walk: &Walk<'_>, stage: Stage, faults: &[&Step]) -> Struck {
    let mut struck = Struck { injected: Vec::new(), result: Ok(()) };
    let mut step = pin!(async {
        if let Err(error) = walk.take(stage, |_| {}).await {
            tracing::info!(%error, "disturbed during {stage}");
        }
        // It is over; what is done during it is not yet.
        std::future::pending::<()>().await;
    });
    let zero = Instant::now();
    for fault in faults {
        tokio::select! {
            () = &mut step => {}
            () = tokio::time::sleep_until(zero + fault.at.0) => {}
        }
        match inject::inject(walk.lab(), walk.images(), &fault.fault, &fault.target).await {
            Ok(injected) => struck.injected.push(injected),
            Err(missed) => {
                struck.injected.extend(missed.left);
                struck.result = Err(missed.error.into());
                return struck;
            }
        }
    }
    struck
}

/// Waits until the chassis has got over what was done during a step, and notes how the upgrade stands then.
async fn weather(
    bench: &mut Bench<'_>,
    plan: &Plan,
    (begun, fault): (Clock, Clock),
    course: &mut Course,
) -> Result<(), RunError> {
    observe(bench, fault).await?;
    course.aftermath = aftermath::look(bench).await;
    let walk = Walk::new(&bench.lab, bench.images, plan.clone(), false, bench.experiment.observe.at_most.0);
    let found = walk.found().await.map_err(wrong)?;
    bench.progress.step(&format!("afterwards: {found}"));
    if let Some(last) = course.upgrade.last_mut() {
        last.to_ms = fabric::clock::now().since(begun).as_secs_f64() * 1e3;
        last.found = Some(found);
    }
    Ok(())
}

/// A step is over.
fn note(course: &mut Course, stage: Stage, begun: Clock, taken: Taken) {
    let after = |at: Clock| at.since(begun).as_secs_f64() * 1e3;
    let (from_ms, to_ms) = (after(taken.began), after(taken.ended));
    course.upgrade.push(UpgradeStep { name: stage.to_string(), from_ms, to_ms, ..UpgradeStep::default() });
    let fsu = course.fsu.get_or_insert_default();
    let time = match stage {
        Stage::Load => &mut fsu.t1_ms,
        Stage::Run => &mut fsu.t2_ms,
        Stage::Accept | Stage::Commit | Stage::LineCards => &mut fsu.t3_ms,
    };
    *time.get_or_insert(0.0) += taken.ms();
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
