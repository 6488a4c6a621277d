//! One trial, from the first packet to the account of the last.
//!
//! prepare → start → steady state → method → observe → stop → drain → evidence → judge

use super::{
    RunError, armed,
    bench::Bench,
    counters::Counters,
    course::{Course, drain, quiet, traffic_back, unrest},
    fsu, issu,
    method::{method, roll_back},
    observed,
    order::Due,
    phases::phases,
    tester::{evidence, request, started},
    timeline,
};
use crate::{expectation::Must, inject};
use fabric_proto::{
    id::{CardId, Slot, Unit},
    linecard::Adoption,
    operator::{EventKind, Request, TrafficSpec},
    time::Instant as Clock,
};
use lab::{Lab, LabEvent};
use measure::{
    Misdelivery, TrafficEvidence, TrialRecord,
    trial::{EventLine, Failure, Invalid, lost_by_step},
};
use notation::mode::Mode;
use std::time::Duration;
use tokio::time::Instant;

/// Time for answers, beyond what a trial's phases add up to, before the load stops by itself.
const LOAD_SLACK: Duration = Duration::from_secs(30);

/// Nodes that resolve their neighbours and load their routes forward within this.
const FORWARDS_WITHIN: Duration = Duration::from_secs(30);

/// Runs one trial. What goes wrong inside it becomes part of its record; an error means that the bench is broken.
pub(super) async fn run(bench: &mut Bench<'_>, index: u32, due: Due) -> Result<TrialRecord, RunError> {
    let mode = if due.mode.is_upgrade() { configured(bench) } else { due.mode };
    bench.timeline.forget();
    bench.enter(mode).await?;
    let tester = bench.tester();
    warm_up(bench, &tester).await?;
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
            quiet(bench, begun, &mut course).await;
            Ok(())
        }
        (false, procedure) => {
            // Whatever happens, or does not: it must be what the experiment says.
            course.expected = bench.experiment.expect;
            match procedure {
                Mode::Fsu => fsu::upgrade(bench, mode, &mut course).await,
                Mode::Issu => issu::upgrade(bench, begun, &before, &mut course).await,
                Mode::Hsa | Mode::Rpr | Mode::RprPlus | Mode::Sso | Mode::NoChassis => {
                    // Held again, it is the same storm again.
                    method(bench, (due.in_place_of.unwrap_or(index), begun), mode, &before, &mut course).await
                }
            }
        }
    };
    roll_back(bench, &mut course).await;
    let missed = armed::settle(bench, &mut course.armed).await;
    course.not_happened.extend(missed);
    if let Err(error) = result {
        course.not_ended.get_or_insert(error.to_string());
    }
    let ended = fabric::clock::now();
    request(&bench.lab, &tester, Request::Stop).await?;
    let account = drain(bench, &tester, &before).await?;
    let evidence = evidence(request(&bench.lab, &tester, Request::Evidence).await?)?;
    for left in &course.left {
        if let Err(error) = inject::put_back(&bench.lab, left).await {
            tracing::info!(%error, "rolling back a fault");
        }
    }
    let mut record = record(bench, index, due, &course, evidence);
    record.started_unix_ms = started_unix_ms;
    record.duration_ms = ended.since(begun).as_secs_f64() * 1e3;
    record.spans = observed::spans(bench, &record, begun, ended, course.fault_at).await;
    record.known_outages = observed::known_outages(bench, begun).await;
    record.drops = account.dropped.drops.iter().map(|(cause, count)| (cause.name().to_owned(), count)).collect();
    let by_cause = |drops: &fabric_proto::drops::DropCounts| {
        drops.iter().map(|(cause, count)| (cause.name().to_owned(), count)).collect()
    };
    record.drops_by_card =
        account.dropped.by_card.iter().map(|(card, drops)| (lab::card_name(card), by_cause(drops))).collect();
    record.hit = course.hit.iter().map(lab::card_name).collect();
    let renewed = renewed(bench.timeline.events(), course.fault_at);
    let card_hit = course.hit.iter().any(is_line_card);
    let died = card_hit || renewed || !account.dropped.died.is_empty();
    record.judge(died, bench.experiment.steady_state.lost);
    record.invalid.extend(unsteady_after(&record, &course, bench.experiment.steady_state.lost));
    excuse_covering_prefixes(&mut record, due.mode, card_hit || renewed || emptied(bench, &course));
    // A host that could not even send in time proves nothing against the chassis; a quiet one does.
    if let Some(detail) =
        course.unrest.clone().filter(|_| record.traffic.iter().all(|evidence| evidence.generator.kept_pace))
    {
        record.failures.push(Failure::Invariant { detail });
    }
    let spoilt = record.is_spoilt();
    let broken = broken(bench, &record, spoilt, &course, begun);
    if spoilt {
        // Another trial in its place must not make this be forgotten.
        record.invalid.extend(broken.into_iter().map(|detail| Invalid::Unexplained { detail }));
    } else {
        record.failures.extend(broken.into_iter().map(|detail| Failure::Invariant { detail }));
    }
    let begins: Vec<f64> = record.upgrade.iter().map(|step| step.from_ms).collect();
    for (step, lost) in record.upgrade.iter_mut().zip(lost_by_step(&record.traffic, &begins)) {
        step.lost = lost;
    }
    if let Some(fsu) = &mut record.fsu {
        fsu.tpl_frames = Some(record.accounting.lost);
        fsu.tpl_ms = Some(record.accounting.lost as f64 * 1e3 / bench.load.rate_pps);
    }
    Ok(record)
}

/// What is not as it must be after the faults: in the chassis, or in what came of them. A trial whose evidence cannot be
/// trusted proves nothing, one whose load only ran late shows it all the same; where a fault did not happen, what the
/// experiment itself expects of its method still holds.
fn broken(bench: &Bench<'_>, record: &TrialRecord, spoilt: bool, course: &Course, begun: Clock) -> Vec<String> {
    let only_not_happened = record.invalid.iter().all(|invalid| matches!(invalid, Invalid::NotHappened { .. }));
    if !only_not_happened && !spoilt {
        return Vec::new();
    }
    let happened = record.valid() || spoilt;
    let mut broken = course.aftermath.clone();
    if let Some(expected) = course.expected.filter(|_| happened || bench.experiment.expect.is_some()) {
        let switchovers = switchovers(bench.timeline.events(), course.fault_at.unwrap_or(begun));
        let after = |what| format!("after {}: {what}", record.fault);
        broken.extend(expected.violations(switchovers, record.accounting.lost).into_iter().map(after));
    }
    broken
}

/// Packets that were lost while the steady state was watched again, where those are too many.
fn unsteady_after(record: &TrialRecord, course: &Course, lost_max: u64) -> Option<Invalid> {
    let (from, to) = course.after?;
    let packets: u64 = record.traffic.iter().map(|evidence| evidence.lost_between(from.0, to.0)).sum();
    let waited_for = format!("a steady state after the fault: {packets} packets were lost in it");
    (packets > lost_max).then_some(Invalid::NotEnded { waited_for })
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

/// Where nodes that are none of ours are on the way, nobody says that they forward yet, or again: packets show it. They belong to
/// no trial.
async fn warm_up(bench: &mut Bench<'_>, tester: &CardId) -> Result<(), RunError> {
    if bench.experiment.traffic.iter().all(|traffic| traffic.through.is_none()) {
        return Ok(());
    }
    let before = Counters::read(&bench.lab).await;
    request(&bench.lab, tester, Request::Prepare(load(bench))).await?;
    started(request(&bench.lab, tester, Request::Start).await?)?;
    let back = traffic_back(bench, Instant::now() + FORWARDS_WITHIN).await;
    request(&bench.lab, tester, Request::Stop).await?;
    // What is still under way would be counted into a node before the trial, and out of it in the trial.
    drain(bench, tester, &before).await?;
    back
}

/// The load, with the time after which it stops even if nobody is left to stop it.
fn load(bench: &Bench<'_>) -> TrafficSpec {
    let at_most = bench.experiment.longest_trial() + LOAD_SLACK;
    TrafficSpec { at_most_ms: at_most.as_millis() as u64, ..bench.load.clone() }
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
    let not_happened = course.not_happened.iter().cloned().map(|detail| Invalid::NotHappened { detail });
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
        upgrade: course.upgrade.clone(),
        invalid: unsteady.into_iter().chain(not_ended).chain(not_happened).collect(),
        dropped_before_fault: course.dropped_before_fault,
        events: lines,
        ..TrialRecord::default()
    }
}
