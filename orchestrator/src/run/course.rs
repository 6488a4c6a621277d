//! What is watched while a trial goes on, and what its phases leave for its record.

use super::{
    RunError,
    armed::Armed,
    bench::{Bench, not_ready},
    counters::{Account, Counters},
    phases::{first, new_active},
    tester::progress,
    timeline,
};
use crate::{expectation::Expected, experiment::Until, inject::Injected, standing};
use fabric_proto::{
    id::CardId,
    operator::{EventKind, RpStats},
    time::Instant as Clock,
};
use lab::LabEvent;
use measure::trial::{Fsu, UpgradeStep};
use std::time::Duration;
use tokio::time::Instant;

/// How often a chassis is asked how it stands.
const POLL: Duration = Duration::from_millis(20);
/// Traffic is back when this much of it passes without loss.
const BACK: Duration = Duration::from_millis(100);
/// Time for a fault to show at all, beyond two switchover timers.
const SHOWS_WITHIN: Duration = Duration::from_millis(500);
/// Longest wait for packets under way after the load stops.
const DRAIN: Duration = Duration::from_secs(1);
/// How long counters must stand still where the account cannot close: a card died with its own.
const STILL: Duration = Duration::from_millis(200);
/// What the phases of a trial leave for its record.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The instant of the fault.
    pub(super) fault_at: Option<Clock>,
    /// Cards that a fault hit.
    pub(super) hit: Vec<CardId>,
    /// Faults to take back: those with a time then, the others in the end.
    pub(super) injected: Vec<(Option<Instant>, Injected)>,
    /// Faults that could not be taken back.
    pub(super) left: Vec<Injected>,
    /// What must come of the method.
    pub(super) expected: Option<Expected>,
    /// Crash points that were armed.
    pub(super) armed: Vec<Armed>,
    /// What should have been done, and was not.
    pub(super) not_happened: Vec<String>,
    /// Packets that cards and tester had dropped, by their counts, when the first fault came.
    pub(super) dropped_before_fault: Option<u64>,
    /// Since when, and until when, the steady state was watched again.
    pub(super) after: Option<(Clock, Clock)>,
    /// What is wrong with the chassis when all is over.
    pub(super) aftermath: Vec<String>,
    /// Times of an upgrade.
    pub(super) fsu: Option<Fsu>,
    /// Its steps; what was lost in each, the evidence tells.
    pub(super) upgrade: Vec<UpgradeStep>,
    /// What did not come in time.
    pub(super) not_ended: Option<String>,
    /// What happened in the chassis before, or without, a fault.
    pub(super) unrest: Option<String>,
}

/// Watches the chassis for as long again, with nothing done to it.
pub(super) async fn quiet(bench: &mut Bench<'_>, begun: Clock, course: &mut Course) {
    bench.timeline.pass(Instant::now() + bench.experiment.steady_state.time.0).await;
    course.unrest = unrest(bench, begun);
}

/// The steady state after the aftermath, where the experiment asks for one. What was lost in it the evidence tells.
pub(super) async fn steady_again(bench: &mut Bench<'_>, course: &mut Course) {
    let after = bench.experiment.steady_state.after.0;
    if !after.is_zero() {
        let from = fabric::clock::now();
        bench.timeline.pass(Instant::now() + after).await;
        course.after = Some((from, fabric::clock::now()));
    }
}

/// Watches until the chassis is as the experiment wants it, and traffic flows again.
pub(super) async fn observe(bench: &mut Bench<'_>, fault: Clock) -> Result<(), RunError> {
    let observe = bench.experiment.observe;
    let wanted = match observe.until {
        Until::Redundant => "redundant and converged",
        Until::Converged => "converged",
        // Whatever the chassis say.
        Until::Traffic => return traffic_returns(bench, fault).await,
    };
    let deadline = Instant::now() + observe.at_most.0;
    shows(bench, fault).await;
    for node in bench.chassis() {
        loop {
            let active = standing::active_rp(&bench.lab, &node).await;
            let there = active.as_ref().is_some_and(|(id, rp)| is_over(bench, fault, id, rp, observe.until));
            if there {
                break;
            }
            if Instant::now() >= deadline {
                let found = standing::described(active.as_ref(), None);
                return Err(not_ready(&node, wanted, observe.at_most.0, found));
            }
            bench.timeline.pass(Instant::now() + POLL).await;
        }
    }
    traffic_back(bench, deadline).await
}

/// Watches until traffic flows again, once the fault has had its time to show.
async fn traffic_returns(bench: &mut Bench<'_>, fault: Clock) -> Result<(), RunError> {
    let deadline = Instant::now() + bench.experiment.observe.at_most.0;
    shows(bench, fault).await;
    traffic_back(bench, deadline).await
}

/// Whether an event says that the chassis is not as it was.
fn disturbs(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Switchover { .. }
            | EventKind::TookOver { .. }
            | EventKind::Peer { present: false, .. }
            | EventKind::LcLost { .. }
            | EventKind::LcReset { .. }
            | EventKind::ResetChassis { .. }
            | EventKind::Dropped { .. }
    )
}

/// The first thing that disturbed a chassis since `begun`.
pub(super) fn disturbed<'b>(bench: &'b Bench<'_>, begun: Clock) -> Option<&'b LabEvent> {
    let events = bench.timeline.events().iter();
    events.filter(|event| event.event.at >= begun && disturbs(&event.event.kind)).min_by_key(|event| event.event.at)
}

/// The same, in words, where nobody had done anything to it.
pub(super) fn unrest(bench: &Bench<'_>, begun: Clock) -> Option<String> {
    let first = disturbed(bench, begun)?;
    let what = timeline::describe(&first.event.kind);
    Some(format!("{} without a fault: {what}", timeline::short(first)))
}

/// Waits until the cards notice the fault, so that what they say is not from before it.
pub(super) async fn shows(bench: &mut Bench<'_>, fault: Clock) {
    let timers = bench.experiment.topology.chassis.iter().map(|chassis| chassis.redundancy.switchover_timer.0);
    let deadline = Instant::now() + 2 * timers.max().unwrap_or_default() + SHOWS_WITHIN;
    while disturbed(bench, fault).is_none() && Instant::now() < deadline {
        bench.timeline.pass((Instant::now() + POLL).min(deadline)).await;
    }
}

/// Whether the active says so, and, after a switchover, whether it has said so as an event since then: what it
/// answers in the very moment of taking over may still be from its life as a standby. Who took over and is not the
/// active any more has nothing to say.
fn is_over(bench: &Bench<'_>, fault: Clock, active: &CardId, rp: &RpStats, until: Until) -> bool {
    let events = bench.timeline.events();
    let said = match new_active(events, fault).filter(|(card, _)| *card == active) {
        None => true,
        Some((card, at)) => {
            let has = |wanted: fn(&EventKind) -> bool| first(events, card, at, wanted).is_some();
            has(|kind| matches!(kind, EventKind::Converged))
                && (until == Until::Converged || has(|kind| matches!(kind, EventKind::Redundant { .. })))
        }
    };
    said && rp.converged && (until == Until::Converged || rp.redundant)
}

/// Waits until what is offered is delivered again, and for every flow to have shown it.
pub(super) async fn traffic_back(bench: &mut Bench<'_>, deadline: Instant) -> Result<(), RunError> {
    let tester = bench.tester();
    let interval = Duration::from_secs_f64(bench.load.flows.len() as f64 / bench.load.rate_pps);
    let window = BACK.max(3 * interval);
    loop {
        let one = progress(&bench.lab, &tester).await?;
        bench.timeline.pass(Instant::now() + window).await;
        let two = progress(&bench.lab, &tester).await?;
        let offered = two.offered - one.offered;
        let delivered = two.delivered - one.delivered;
        if is_back(offered, delivered) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(RunError::TrafficGone { offered, delivered });
        }
    }
}

/// What is under way at either end of a window is not lost: a hundredth allows for it.
fn is_back(offered: u64, delivered: u64) -> bool {
    offered > 0 && delivered + offered.div_ceil(100) >= offered
}

/// Waits until every packet is accounted for, or nothing moves any more.
pub(super) async fn drain(bench: &mut Bench<'_>, tester: &CardId, before: &Counters) -> Result<Account, RunError> {
    let deadline = Instant::now() + DRAIN;
    let mut account = Account::read(&bench.lab, tester, before).await?;
    let mut moved = Instant::now();
    while !account.is_closed() && Instant::now() < deadline && moved.elapsed() < STILL {
        bench.timeline.pass(Instant::now() + POLL).await;
        let next = Account::read(&bench.lab, tester, before).await?;
        if next != account {
            moved = Instant::now();
        }
        account = next;
    }
    Ok(account)
}
