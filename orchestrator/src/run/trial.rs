//! One trial, from the first packet to the account of the last.
//!
//! prepare → start → steady state → method → observe → stop → drain → evidence → judge

use super::{
    RunError, aftermath,
    bench::{Bench, standing},
    counters::{Account, Counters},
    fsu, observed,
    order::Due,
    phases::{first, new_active, phases},
    timeline,
};
use crate::{
    expectation::{self, Expected, Must, On},
    experiment::{Step, Until},
    fault::{FaultName, Storm, Target},
    inject::{self, Injected},
    lab::{Lab, LabError, LabEvent},
    mode::Mode,
    storm,
    units::Span,
};
use fabric_proto::{
    id::{CardId, Slot, Unit},
    linecard::Adoption,
    operator::{EventKind, Reply, Request, RpStats, TrafficProgress, TrafficSpec},
    time::Instant as Clock,
};
use measure::{
    Misdelivery, TrafficEvidence, TrialRecord,
    trial::{EventLine, Failure, Fsu, Invalid},
};
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
/// Time for answers, beyond what a trial's phases add up to, before the load stops by itself.
const LOAD_SLACK: Duration = Duration::from_secs(30);

/// What the phases of a trial leave for its record.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The instant of the fault.
    pub(super) fault_at: Option<Clock>,
    /// Cards that a fault hit.
    pub(super) hit: Vec<CardId>,
    /// Faults to take back: those with a time then, the others in the end.
    pub(super) injected: Vec<(Option<Instant>, Injected)>,
    /// What must come of the method.
    pub(super) expected: Option<Expected>,
    /// What is wrong with the chassis when all is over.
    pub(super) aftermath: Vec<String>,
    /// Times of an upgrade.
    pub(super) fsu: Option<Fsu>,
    /// What did not come in time.
    pub(super) not_ended: Option<String>,
    /// What happened in the chassis before, or without, a fault.
    pub(super) unrest: Option<String>,
}

/// Runs one trial. What goes wrong inside it becomes part of its record; an error means that the bench is broken.
pub(super) async fn run(bench: &mut Bench<'_>, index: u32, due: Due) -> Result<TrialRecord, RunError> {
    let mode = if due.mode.is_configurable() { due.mode } else { configured(bench) };
    bench.timeline.forget();
    bench.enter(mode).await?;
    let tester = bench.tester();
    request(&bench.lab, &tester, Request::Prepare(load(bench))).await?;
    let _live = match Lab::attach(&bench.lab.plan().dir).await {
        Ok(lab) => bench.progress.watch(lab, tester.clone()),
        // A trial is worth more than its moving line.
        Err(_) => None,
    };
    // What the cards did before belongs to no trial.
    bench.timeline.spans.pass_on(&bench.lab).await;
    let before = Counters::read(&bench.lab).await;
    let started_unix_ms = super::store::unix_ms();
    let begun = started(request(&bench.lab, &tester, Request::Start).await?)?;
    bench.timeline.pass(Instant::now() + bench.experiment.steady_state.time.0).await;
    let mut course = Course { unrest: unrest(bench, begun), ..Course::default() };
    let result = match (due.baseline || course.unrest.is_some(), due.mode) {
        (true, _) => {
            bench.timeline.pass(Instant::now() + bench.experiment.steady_state.time.0).await;
            course.unrest = unrest(bench, begun);
            Ok(())
        }
        (false, Mode::Fsu) => fsu::upgrade(bench, mode, &mut course).await,
        (false, Mode::Hsa | Mode::Rpr | Mode::RprPlus | Mode::Sso) => {
            // Held again, it is the same storm again.
            method(bench, due.in_place_of.unwrap_or(index), mode, &mut course).await
        }
    };
    roll_back(bench, &mut course).await;
    if let Err(error) = result {
        course.not_ended.get_or_insert(error.to_string());
    }
    let ended = fabric::clock::now();
    request(&bench.lab, &tester, Request::Stop).await?;
    let account = drain(bench, &tester, &before).await?;
    let evidence = evidence(request(&bench.lab, &tester, Request::Evidence).await?)?;
    let mut record = record(bench, index, due, &course, evidence);
    record.started_unix_ms = started_unix_ms;
    record.duration_ms = ended.since(begun).as_secs_f64() * 1e3;
    record.spans = observed::spans(bench, &record, begun, ended, course.fault_at).await;
    record.known_outages = observed::known_outages(bench, begun);
    record.drops = account.dropped.drops.iter().map(|(cause, count)| (cause.name().to_owned(), count)).collect();
    let by_cause = |drops: &fabric_proto::drops::DropCounts| {
        drops.iter().map(|(cause, count)| (cause.name().to_owned(), count)).collect()
    };
    record.drops_by_card =
        account.dropped.by_card.iter().map(|(card, drops)| (crate::lab_name(card), by_cause(drops))).collect();
    record.hit = course.hit.iter().map(crate::lab_name).collect();
    let renewed = renewed(bench.timeline.events(), course.fault_at);
    let card_hit = course.hit.iter().any(is_line_card);
    let died = card_hit || renewed || !account.dropped.died.is_empty();
    // What a card held when it died was sent before.
    let steady_loss_max = if died { u64::MAX } else { bench.experiment.steady_state.lost };
    record.judge(died, steady_loss_max);
    excuse_covering_prefixes(&mut record, due.mode, card_hit || renewed || emptied(bench, &course));
    // A host that could not even send in time proves nothing against the chassis; a quiet one does.
    if let Some(detail) =
        course.unrest.clone().filter(|_| record.traffic.iter().all(|evidence| evidence.generator.kept_pace))
    {
        record.failures.push(Failure::Invariant { detail });
    }
    record.failures.extend(broken(bench, &record, &course).into_iter().map(|detail| Failure::Invariant { detail }));
    if let Some(fsu) = &mut record.fsu {
        fsu.tpl_frames = Some(record.accounting.lost);
        fsu.tpl_ms = Some(record.accounting.lost as f64 * 1e3 / bench.load.rate_pps);
    }
    Ok(record)
}

/// What is not as it must be after the faults: in the chassis, or in what came of them. An invalid trial proves nothing.
fn broken(bench: &Bench<'_>, record: &TrialRecord, course: &Course) -> Vec<String> {
    let (Some(fault), true) = (course.fault_at, record.valid()) else { return Vec::new() };
    let mut broken = course.aftermath.clone();
    if let Some(expected) = course.expected {
        let switchovers = switchovers(bench.timeline.events(), fault);
        let after = |what| format!("after {}: {what}", record.fault);
        broken.extend(expected.violations(switchovers, record.accounting.lost).into_iter().map(after));
    }
    broken
}

/// Whether the backplane has started the whole chassis anew since the fault: line cards too, with what they held.
fn renewed(events: &[LabEvent], fault: Option<Clock>) -> bool {
    let reset = |event: &LabEvent| matches!(event.event.kind, EventKind::ResetChassis { .. });
    fault.is_some_and(|fault| events.iter().any(|event| event.event.at >= fault && reset(event)))
}

/// Takings of the active role by a standby since `fault`.
fn switchovers(events: &[LabEvent], fault: Clock) -> usize {
    let switchover = |event: &&LabEvent| matches!(event.event.kind, EventKind::Switchover { .. });
    events.iter().filter(switchover).filter(|event| event.event.at >= fault).count()
}

/// While a table that was emptied comes back, a packet may follow a shorter prefix whose longer one is still on its
/// way: to another neighbour than the whole table says. Such packets are lost, and counted, but a mode that empties
/// tables promises no better; one that keeps them does.
fn excuse_covering_prefixes(record: &mut TrialRecord, mode: Mode, emptied: bool) {
    let detours = |reason: &Misdelivery| matches!(reason, Misdelivery::WrongPort | Misdelivery::WrongMac);
    let empties = record.fault_at_ns.is_some() && (mode != Mode::Sso || emptied);
    if empties && record.traffic.iter().all(|evidence| evidence.misdelivered.keys().all(detours)) {
        record.failures.retain(|failure| !matches!(failure, Failure::Misdelivered { .. }));
    }
}

/// Whether line cards were told to begin with an empty table, in a course that may cost packets at all: after the loss of
/// both RPs, or on a platform that takes more from its line cards than the mode does.
fn emptied(bench: &Bench<'_>, course: &Course) -> bool {
    let empties = |kind: &EventKind| matches!(kind, EventKind::LcAdopted { how: Adoption::Flush, .. });
    let Some(fault) = course.fault_at else { return false };
    course.expected.is_none_or(|expected| expected.loss != Must::Never)
        && bench.timeline.events().iter().any(|event| event.event.at >= fault && empties(&event.event.kind))
}

fn is_line_card(id: &CardId) -> bool {
    matches!(id.unit, Unit::Card(Slot::Lc(_)))
}

/// The mode that a procedure starts from: the one of the topology.
fn configured(bench: &Bench<'_>) -> Mode {
    bench.experiment.topology.chassis.first().map_or(Mode::Sso, |chassis| chassis.redundancy.mode)
}

/// The load, with the time after which it stops even if nobody is left to stop it.
fn load(bench: &Bench<'_>) -> TrafficSpec {
    let experiment = bench.experiment;
    let lasts = |step: &Step| match step.fault.name {
        FaultName::Storm => step.fault.storm.over.0 + storm::LONGEST,
        _ => step.time.unwrap_or_default().0,
    };
    let method = experiment.method.iter().map(|step| step.at.0 + lasts(step)).max().unwrap_or_default();
    // An upgrade waits up to three times.
    let steady = 2 * experiment.steady_state.time.0 + experiment.steady_state.after.0;
    let at_most = steady + method + 4 * experiment.observe.at_most.0 + LOAD_SLACK;
    TrafficSpec { at_most_ms: at_most.as_millis() as u64, ..bench.load.clone() }
}

/// Does the method's steps at their times, then observes.
async fn method(bench: &mut Bench<'_>, index: u32, mode: Mode, course: &mut Course) -> Result<(), RunError> {
    let steps = steps(bench, index);
    let active = match steps.first() {
        Some((first, _)) => active_of(bench, &first.target).await,
        None => None,
    };
    let zero = Instant::now();
    for (step, stormy) in &steps {
        let at = zero + step.at.0;
        undo_due(bench, course, at).await;
        bench.timeline.pass(at).await;
        let begun = fabric::clock::now();
        let injected = match inject::inject(&bench.lab, bench.images, &step.fault, &step.target).await {
            Ok(injected) => injected,
            // In a storm a target may be gone already.
            Err(missed) => {
                course.injected.extend(missed.left.map(|left| (None, left)));
                if !stormy {
                    return Err(missed.error.into());
                }
                tracing::info!(error = %missed.error, "a fault of the storm missed");
                course.fault_at.get_or_insert(begun);
                continue;
            }
        };
        bench.progress.step(&format!("{} {}", step.fault, step.target));
        if !step.fault.name.only_prepares() {
            course.fault_at.get_or_insert(injected.at);
        }
        // Only a card whose program ends takes packets with it that it has not counted.
        if step.fault.name.ends_programs() {
            course.hit.extend(injected.cards.iter().cloned());
        }
        if let Some(active) = &active {
            course.expected = course.expected.or_else(|| expected(bench, mode, &steps, step, &injected, active));
        }
        course.injected.push((step.time.map(|time| Instant::now() + time.0), injected));
    }
    if let Some(last) = course.injected.iter().filter_map(|(at, _)| *at).max() {
        undo_due(bench, course, last).await;
    }
    if steps.iter().any(|(_, stormy)| *stormy) {
        // What could not be taken back in the storm can be now.
        roll_back(bench, course).await;
    }
    let Some(fault) = course.fault_at else { return Ok(()) };
    observe(bench, fault).await?;
    course.aftermath = aftermath::look(bench).await;
    steady_again(bench).await
}

/// The method's steps by time, storms blown up into theirs, and whether they are of a storm. Every trial has a storm of its own.
fn steps(bench: &Bench<'_>, index: u32) -> Vec<(Step, bool)> {
    let mut steps = Vec::new();
    for step in &bench.experiment.method {
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
    inject::active_rp(&bench.lab, node).await.map(|(id, _)| id)
}

/// What must come of the method: what the experiment says; else, of a single fault, what the book says. A crash
/// point and what sets it off are one fault.
fn expected(
    bench: &Bench<'_>,
    mode: Mode,
    steps: &[(Step, bool)],
    step: &Step,
    injected: &Injected,
    active: &CardId,
) -> Option<Expected> {
    if bench.experiment.expect.is_some() {
        return bench.experiment.expect;
    }
    let crashes = steps.iter().filter(|(step, _)| step.fault.name == FaultName::Crash).count();
    let single = steps.len() == 1 && crashes == 0;
    let crash = step.fault.name == FaultName::Crash && crashes == 1 && steps.len() == 2;
    if !(single || crash) {
        return None;
    }
    let on = On::of(&injected.cards, &injected.peers, active)?;
    let chassis = bench.experiment.topology.chassis(&active.node)?;
    let rule = expectation::of(&step.fault, on)?;
    Some(rule.expected(mode, step.time.map(|time| time.0), chassis))
}

/// Takes back what is due until `limit`, each at its time.
async fn undo_due(bench: &mut Bench<'_>, course: &mut Course, limit: Instant) {
    loop {
        let due = |(_, (at, _)): &(usize, &(Option<Instant>, Injected))| at.is_some_and(|at| at <= limit);
        let next =
            course.injected.iter().enumerate().filter(due).min_by_key(|(_, (at, _))| *at).map(|(index, _)| index);
        let Some((at, mut injected)) = next.map(|index| course.injected.remove(index)) else { return };
        bench.timeline.pass(at.unwrap_or(limit)).await;
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
async fn roll_back(bench: &Bench<'_>, course: &mut Course) {
    for (_, mut injected) in course.injected.drain(..) {
        if let Err(error) = inject::undo(&bench.lab, &mut injected).await {
            tracing::info!(%error, "rolling back a fault");
        }
    }
}

/// The steady state after the aftermath, where the experiment asks for one.
async fn steady_again(bench: &mut Bench<'_>) -> Result<(), RunError> {
    let after = bench.experiment.steady_state.after.0;
    if after.is_zero() {
        return Ok(());
    }
    let tester = bench.tester();
    let one = progress(&bench.lab, &tester).await?;
    bench.timeline.pass(Instant::now() + after).await;
    let two = progress(&bench.lab, &tester).await?;
    let (offered, delivered) = (two.offered - one.offered, two.delivered - one.delivered);
    if is_back(offered, delivered + bench.experiment.steady_state.lost) {
        return Ok(());
    }
    Err(RunError::TrafficGone { offered, delivered })
}

/// Watches until the chassis is as the experiment wants it, and traffic flows again.
pub(super) async fn observe(bench: &mut Bench<'_>, fault: Clock) -> Result<(), RunError> {
    let observe = bench.experiment.observe;
    let wanted = match observe.until {
        Until::Redundant => "redundant and converged",
        Until::Converged => "converged",
    };
    let deadline = Instant::now() + observe.at_most.0;
    shows(bench, fault).await;
    for node in bench.chassis() {
        loop {
            let active = inject::active_rp(&bench.lab, &node).await;
            let there = active.as_ref().is_some_and(|(id, rp)| is_over(bench, fault, id, rp, observe.until));
            if there {
                break;
            }
            if Instant::now() >= deadline {
                return Err(RunError::NotReady {
                    node,
                    wanted: wanted.to_owned(),
                    seconds: observe.at_most.0.as_secs(),
                    found: active.map_or_else(|| "no active RP".to_owned(), |(id, rp)| standing(&id, &rp)),
                });
            }
            bench.timeline.pass(Instant::now() + POLL).await;
        }
    }
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

/// The first thing that disturbed a chassis since `begun`, without anybody having done anything to it.
pub(super) fn unrest(bench: &Bench<'_>, begun: Clock) -> Option<String> {
    let first = bench
        .timeline
        .events()
        .iter()
        .filter(|event| event.event.at >= begun && disturbs(&event.event.kind))
        .min_by_key(|event| event.event.at)?;
    let what = timeline::describe(&first.event.kind);
    Some(format!("{} without a fault: {what}", timeline::short(first)))
}

/// Waits until the cards notice the fault, so that what they say is not from before it.
async fn shows(bench: &mut Bench<'_>, fault: Clock) {
    let timers = bench.experiment.topology.chassis.iter().map(|chassis| chassis.redundancy.switchover_timer.0);
    let deadline = Instant::now() + 2 * timers.max().unwrap_or_default() + SHOWS_WITHIN;
    let seen = |bench: &Bench<'_>| {
        bench.timeline.events().iter().any(|event| event.event.at >= fault && disturbs(&event.event.kind))
    };
    while !seen(bench) && Instant::now() < deadline {
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

fn record(bench: &Bench<'_>, index: u32, due: Due, course: &Course, evidence: TrafficEvidence) -> TrialRecord {
    let events = bench.timeline.events();
    let zero = course.fault_at.unwrap_or(Clock(evidence.schedule.start));
    let line = |event: &LabEvent| EventLine {
        at_ms: (event.event.at.0 as f64 - zero.0 as f64) / 1e6,
        card: timeline::short(event),
        text: timeline::describe(&event.event.kind),
    };
    let mut lines: Vec<EventLine> = events.iter().map(line).collect();
    lines.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    let unsteady = course.unrest.clone().map(|waited_for| Invalid::NoSteadyState { waited_for });
    let not_ended = course.not_ended.clone().map(|waited_for| Invalid::NotEnded { waited_for });
    TrialRecord {
        index,
        in_place_of: due.in_place_of,
        mode: due.mode.name().to_owned(),
        fault: if due.baseline { String::new() } else { bench.experiment.fault_name(due.mode) },
        fault_at_ns: course.fault_at.map(|at| at.0),
        modelled: bench.experiment.topology.chassis.iter().any(|chassis| chassis.modelled_times),
        traffic: vec![evidence],
        switchover: course.fault_at.map(|at| phases(events, at)).unwrap_or_default(),
        fsu: course.fsu,
        invalid: unsteady.into_iter().chain(not_ended).collect(),
        events: lines,
        ..TrialRecord::default()
    }
}

/// A tester's totals now.
pub(super) async fn progress(lab: &Lab, tester: &CardId) -> Result<TrafficProgress, LabError> {
    match lab.request(tester, Request::Progress).await? {
        Reply::Progress(progress) => Ok(progress),
        other => Err(unexpected(tester, &other)),
    }
}

pub(super) async fn request(lab: &Lab, tester: &CardId, request: Request) -> Result<Reply, RunError> {
    match lab.request(tester, request).await? {
        Reply::Refused(why) => Err(RunError::Tester { tester: tester.clone(), why }),
        reply => Ok(reply),
    }
}

pub(super) fn started(reply: Reply) -> Result<Clock, RunError> {
    match reply {
        Reply::Started(at) => Ok(at),
        other => Err(RunError::Evidence(format!("'Start' was answered with {other:?}"))),
    }
}

pub(super) fn evidence(reply: Reply) -> Result<TrafficEvidence, RunError> {
    match reply {
        Reply::Evidence(bytes) => {
            rmp_serde::from_slice(&bytes).map_err(|error| RunError::Evidence(format!("it does not decode: {error}")))
        }
        other => Err(RunError::Evidence(format!("the tester answered {other:?}"))),
    }
}

fn unexpected(card: &CardId, reply: &Reply) -> LabError {
    LabError::Answer { card: card.clone(), answer: format!("{reply:?}") }
}
