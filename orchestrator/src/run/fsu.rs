//! Fast software upgrade under load, measured as RFC 7654 §5 does: T1 staging, T2 the upgrade run, T3 until the
//! chassis is redundant again, T4 their sum, TPL the packets lost.

use super::{
    RunError,
    bench::{Bench, not_ready},
    course::{Course, traffic_back},
    phases::new_active,
};
use crate::{
    fault::{Fault, FaultName, Target, TargetUnit},
    inject,
    standing::ready_in,
};
use fabric_proto::{id::CardId, issu::Compatibility, operator::RpStats, platform::NATIVE, time::Instant as Clock};
use lab::CardAction;
use measure::trial::Fsu;
use notation::mode::Mode;
use std::{path::Path, time::Duration};
use tokio::time::Instant;

/// Upgrades the first chassis to the neighbouring release. The bench must be deployed again afterwards: its
/// chassis runs another release than the topology says.
pub(super) async fn upgrade(bench: &mut Bench<'_>, mode: Mode, course: &mut Course) -> Result<(), RunError> {
    let chassis = bench.lab.plan().chassis[0].clone();
    let target = bench.images.neighbour_of(&chassis.release)?.version.clone();
    let manifest = bench.images.manifest_path(&target)?;
    let at_most = bench.experiment.observe.at_most.0;
    let (active, standby) = pair(bench, &chassis.node, at_most).await?;
    let mut fsu = Fsu::default();

    bench.progress.step(&format!("upgrade to {target}: staging on {}", lab::card_name(&standby)));
    let begin = fabric::clock::now();
    renew(bench, &standby, &target, &manifest).await?;
    let platform = bench.experiment.topology.chassis(&chassis.node).map_or(&NATIVE, |chassis| chassis.platform);
    let mixed = match bench.images.compatibility(&chassis.release, &target)?.verdict {
        Compatibility::Compatible | Compatibility::BaseLevel => Some(mode),
        Compatibility::Incompatible => Some(mode.min(platform.mixed_images.into())),
        Compatibility::Dynamic => None,
    };
    fsu.stateful = staged(bench, (&chassis.node, &standby), &target, mixed, at_most).await? == Mode::Sso;
    fsu.t1_ms = Some(ms_since(begin));
    course.fsu = Some(fsu);

    bench.progress.step(&format!("upgrade to {target}: switchover"));
    let fault = Fault::plain(FaultName::ForceSwitchover);
    let unit = Target { node: Some(chassis.node.clone()), unit: TargetUnit::ActiveRp, peer: None, one_way: false };
    let injected = inject::inject(&bench.lab, bench.images, &fault, &unit).await.map_err(|missed| missed.error)?;
    let run = injected.at;
    course.fault_at = Some(run);
    converged(bench, &chassis.node, &standby, run, at_most).await?;
    traffic_back(bench, Instant::now() + at_most).await?;
    fsu.t2_ms = Some(ms_since(run));
    course.fsu = Some(fsu);

    bench.progress.step(&format!("upgrade to {target}: renewing {}", lab::card_name(&active)));
    let rest = fabric::clock::now();
    renew(bench, &active, &target, &manifest).await?;
    let wanted = format!("redundant in {mode} on release {target}");
    loop {
        let reached = ready(bench, &active, &target).await;
        let as_wanted = |rp: &RpStats| rp.redundant && rp.converged && Mode::from(rp.operating) == mode;
        bench.until(&chassis.node, &wanted, at_most, as_wanted).await?;
        if reached.map(Mode::from) == Some(mode) {
            break;
        }
        if fabric::clock::now().since(rest) > at_most {
            let found = "the old active still runs the old release, or is not ready".to_owned();
            return Err(not_ready(&chassis.node, &wanted, at_most, found));
        }
        bench.timeline.pass(Instant::now() + Duration::from_millis(20)).await;
    }
    fsu.t3_ms = Some(ms_since(rest));
    course.fsu = Some(fsu);
    Ok(())
}

fn ms_since(earlier: Clock) -> f64 {
    fabric::clock::now().since(earlier).as_secs_f64() * 1e3
}

/// The active RP and the one that stands by it.
async fn pair(bench: &mut Bench<'_>, node: &str, at_most: Duration) -> Result<(CardId, CardId), RunError> {
    let (active, _) = bench.until(node, "an active RP", at_most, |_| true).await?;
    match active.peer_rp().filter(|id| bench.lab.plan().card(id).is_some()) {
        Some(standby) => Ok((active, standby)),
        None => Err(not_ready(node, "two route processors", at_most, "a single one".to_owned())),
    }
}

/// Gives a card another release and restarts it.
async fn renew(bench: &Bench<'_>, card: &CardId, release: &str, manifest: &Path) -> Result<(), RunError> {
    bench.lab.swap_image(card, release, manifest).await?;
    bench.lab.act(card, CardAction::Restart).await?;
    Ok(())
}

/// Waits until the standby is ready on the new release, in the mode that is left while the images differ, where it is known
/// before. Says in which.
async fn staged(
    bench: &mut Bench<'_>,
    (node, standby): (&str, &CardId),
    target: &str,
    mixed: Option<Mode>,
    at_most: Duration,
) -> Result<Mode, RunError> {
    let deadline = Instant::now() + at_most;
    let mode = mixed.map_or_else(|| "some mode".to_owned(), |mode| mode.to_string());
    let wanted = format!("{} ready in {mode} on release {target}", lab::card_name(standby));
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // What the active says may be of the standby's last life: between compatible images nothing of the mode changes. So
        // the standby is asked first, which is nowhere in a new life before this active has led it there.
        let reached = ready(bench, standby, target).await;
        let as_wanted = |rp: &RpStats| rp.redundant && mixed.is_none_or(|mixed| Mode::from(rp.operating) == mixed);
        let (_, rp) = bench.until(node, &wanted, left, as_wanted).await?;
        if reached == Some(rp.operating) {
            return Ok(rp.operating.into());
        }
        if Instant::now() >= deadline {
            let found = "the standby still runs the old release, or is not ready".to_owned();
            return Err(not_ready(node, &wanted, at_most, found));
        }
        bench.timeline.pass(Instant::now() + Duration::from_millis(20)).await;
    }
}

/// The mode for which a standby is ready on a release, as it says itself.
async fn ready(bench: &Bench<'_>, standby: &CardId, target: &str) -> Option<fabric_proto::redundancy::Mode> {
    ready_in(&bench.lab.stats(standby).await.filter(|stats| stats.release == target)?)
}

/// Waits until the standby of before owns the chassis and has converged.
async fn converged(
    bench: &mut Bench<'_>,
    node: &str,
    new: &CardId,
    since: Clock,
    at_most: Duration,
) -> Result<(), RunError> {
    let deadline = Instant::now() + at_most;
    let wanted = format!("converged under {}", lab::card_name(new));
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let (active, _) = bench.until(node, &wanted, left, |rp| rp.converged).await?;
        let took_over = new_active(bench.timeline.events(), since).is_some_and(|(card, _)| card == new);
        if active == *new && took_over {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(not_ready(node, &wanted, at_most, format!("{} is active", lab::card_name(&active))));
        }
        bench.timeline.pass(Instant::now() + Duration::from_millis(20)).await;
    }
}
