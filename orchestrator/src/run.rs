//! The run engine: a lab is deployed once, trials follow each other in seeded random order, what they find goes
//! into the run's folder.
//!
//! * `order`: which trial when; pure
//! * `traffic`: destinations out of the table
//! * `site`: what the lab is deployed from; `bench`: the lab, brought into a mode and waited for
//! * `load`: a load without a fault
//! * `trial`, `method`, `fsu`, `issu`: one trial; `course`: what is watched in it; `armed`: whether crash points went off;
//!   `phases`, `counters`: what its events and counters say; `tester`: what its instrument says
//! * `observed`: spans and known outages of a trial
//! * `timeline`, `journal`, `store`, `progress`: what is kept and shown
//!
//! A trial that breaks the lab never ends the run: the lab is deployed again. An interrupt always takes it down.

mod aftermath;
mod armed;
pub mod bench;
pub mod counters;
mod course;
mod fsu;
mod issu;
pub mod journal;
pub mod load;
mod method;
mod observed;
pub mod order;
pub mod phases;
pub mod progress;
pub mod site;
pub mod soak;
pub mod store;
mod tester;
pub mod timeline;
pub mod traffic;
mod trial;

use crate::telemetry::{Collector, Export};
use crate::{experiment::Experiment, inject::InjectError};
use bench::Bench;
use fabric_proto::id::CardId;
use journal::Journal;
use lab::{Claim, LabError, RuntimeKind, images::Images};
use measure::{TrialRecord, trial::Invalid};
use notation::document::BadInput;
use order::{Due, Queue};
use progress::Progress;
use report::{Kept, Report, RunDirectory, RunRecord, Status, StoreError, write_atomically};
use site::Site;
use std::path::{Path, PathBuf};
use timeline::Timeline;

/// A lab that cannot be brought up so often in a row is given up.
const DEPLOYS_MAX: u32 = 3;

/// How a run is done.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the cards run.
    pub runtime: RuntimeKind,
    /// Where runs are kept.
    pub store: PathBuf,
    /// Say nothing while running.
    pub quiet: bool,
    /// The command line, for the report.
    pub command: String,
}

/// A run that came to an end of some kind.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What it found out.
    pub record: RunRecord,
    /// The figures.
    pub report: Report,
    /// Its folder.
    pub folder: PathBuf,
}

/// Why a run, or a trial, could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The user's files.
    #[error(transparent)]
    Input(#[from] BadInput),
    /// The lab.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A fault that could not be injected.
    #[error(transparent)]
    Inject(#[from] InjectError),
    /// A chassis did not get where it should.
    #[error("{node} was not {wanted} within {seconds} s: {found}")]
    NotReady {
        /// Name of the chassis.
        node: String,
        /// What was waited for.
        wanted: String,
        /// How long.
        seconds: u64,
        /// How it stood in the end.
        found: String,
    },
    /// Traffic did not come back.
    #[error("traffic did not come back: {delivered} of the last {offered} packets arrived")]
    TrafficGone {
        /// Packets offered in the last window.
        offered: u64,
        /// Packets delivered in it.
        delivered: u64,
    },
    /// The chassis refused a command.
    #[error("{card} refused '{line}': {why}")]
    Command {
        /// Who.
        card: CardId,
        /// The command.
        line: String,
        /// Its answer.
        why: String,
    },
    /// An upgrade did not go on.
    #[error("{0}")]
    Upgrade(String),
    /// The tester refused a request.
    #[error("tester {tester} refused: {why}")]
    Tester {
        /// Which one.
        tester: CardId,
        /// Its words.
        why: String,
    },
    /// The tester's evidence cannot be used.
    #[error("no evidence: {0}")]
    Evidence(String),
    /// The run's folder.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs an experiment on the lab that is claimed. What was deployed is gone when this returns, whatever happened.
pub async fn run(
    experiment: &Experiment,
    images: &Images,
    options: &RunOptions,
    claim: &Claim,
) -> Result<Outcome, RunError> {
    let spans = collector()?;
    let started = store::unix_ms();
    let mut record = journal::begin(experiment, &options.command, started);
    let directory = RunDirectory::create(&options.store, &experiment.topology.name, started)?;
    let folder = directory.path.clone();
    write_atomically(&folder.join("experiment.yml"), experiment.document.text().as_bytes())?;
    write_atomically(&folder.join("topology.yml"), experiment.topology.document.text().as_bytes())?;
    let kept = Kept::begin(&folder, &record)?;
    let queue = Queue::new(&experiment.modes, experiment.trials, experiment.baseline, experiment.seed);
    let progress = Progress::new(options.quiet, queue.len() as u64);
    progress.say(&format!("{} trials, seed {}, into {}", queue.len(), experiment.seed, folder.display()));
    let engine = engine(experiment, images, options, claim, queue, &kept, &progress, &mut record, spans);
    let ended = tokio::select! {
        ended = engine => Some(ended),
        () = interrupted() => None,
    };
    progress.finish();
    keep_logs(claim, &folder).await;
    let destroyed = claim.roll_back().await;
    record.finished_unix_ms = store::unix_ms();
    let status = match &ended {
        None => Status::Interrupted,
        Some(Err(error)) => {
            record.error = Some(error.to_string());
            Status::Failed
        }
        Some(Ok(())) => Status::Completed,
    };
    record.status = Some(status);
    Journal::of(&record, status).write(experiment, &record, destroyed.is_ok(), &folder)?;
    let report = report::render(&folder, &record)?;
    kept.end();
    directory.mark_latest()?;
    match ended {
        // Nothing was measured: the reason is all there is to say.
        Some(Err(error)) if record.trials.is_empty() => return Err(error),
        Some(Err(error)) => crate::output::say(format_args!("the run ended before its time: {error}")),
        Some(Ok(())) => destroyed?,
        None => {}
    }
    Ok(Outcome { status, record, report, folder })
}

#[allow(clippy::too_many_arguments, reason = "the parts of a run, put together once")]
async fn engine(
    experiment: &Experiment,
    images: &Images,
    options: &RunOptions,
    claim: &Claim,
    mut left: Queue,
    kept: &Kept,
    progress: &Progress,
    record: &mut RunRecord,
    spans: Collector,
) -> Result<(), RunError> {
    progress.step("drawing destinations out of the table");
    let load = traffic::build_aside(experiment.clone()).await?;
    let folder = kept.folder();
    let events = folder.join("events.ndjson");
    let mut timeline =
        Timeline::create(&events, spans).map_err(|source| StoreError::Write { path: events.clone(), source })?;
    journal::know_load(&mut record.topology, &load);
    record.flows.clone_from(&load.paths);
    let site = Site::choose(experiment, images, options.runtime, claim, load, progress).await?;
    let mut broken = 0;
    while !left.is_empty() {
        progress.step("deploying the lab");
        match site.deploy(&mut timeline, progress).await {
            Ok(mut bench) => {
                broken = 0;
                if record.runtime.is_empty() {
                    bench.runtime_name().clone_into(&mut record.runtime);
                    kept.head(record)?;
                }
                trials(&mut bench, &mut left, record, kept).await?;
            }
            // Before the first trial there is nothing to save.
            Err(error) if record.trials.is_empty() || broken + 1 == DEPLOYS_MAX => return Err(error),
            Err(error) => {
                progress.say(&format!("deploying the lab: {error}"));
                broken += 1;
            }
        }
        // The handle is gone by now, so nothing of it disturbs the next deployment.
        keep_logs(claim, folder).await;
        claim.roll_back().await?;
    }
    if let Some(told) = timeline.spans.finish().await {
        progress.say(&format!("spans: {told}"));
    }
    Ok(())
}

/// Where spans go. A collector that is named and cannot be used is the user's to correct, before anything is begun.
fn collector() -> Result<Collector, BadInput> {
    let remedy = "correct OTEL_EXPORTER_OTLP_*, or set OTEL_SDK_DISABLED=true";
    Export::from_env().map(Collector::new).map_err(|error| BadInput::new("environment", error, remedy))
}

/// Runs trials until all are done, or one leaves a lab that is no place for the next. Each is on disk before the next
/// begins.
async fn trials(
    bench: &mut Bench<'_>,
    left: &mut Queue,
    record: &mut RunRecord,
    kept: &Kept,
) -> Result<(), StoreError> {
    while let Some((index, due)) = left.take() {
        let what = if due.baseline { format!("{} without a fault", due.mode) } else { due.mode.to_string() };
        bench.progress.step(&format!("trial {index}: {what}"));
        let trial = match trial::run(bench, index, due).await {
            Ok(trial) => trial,
            Err(error) => missing(bench.experiment, index, due, &error),
        };
        bench.progress.done(&summary(&trial, &what));
        if trial.is_spoilt() && left.again(index, due) {
            bench.progress.more("the machine was too busy for that trial: it is held again in the end");
        }
        bench.timeline.flush();
        let upgraded = due.mode.is_upgrade();
        // A machine that had no time for the load has done the lab no harm.
        let sound = trial.valid() && trial.failures.is_empty() || trial.is_spoilt();
        let intact = sound && !upgraded;
        let written = kept.trial(&trial, due.baseline);
        if due.baseline {
            record.noise_floor.push(trial)
        } else {
            record.trials.push(trial)
        }
        // What cannot be kept now could not be in the end.
        written?;
        if !intact {
            break;
        }
    }
    Ok(())
}

/// The record of a trial that could not be held.
fn missing(experiment: &Experiment, index: u32, due: Due, error: &RunError) -> TrialRecord {
    let invalid = match error {
        RunError::NotReady { .. } | RunError::Command { .. } | RunError::Upgrade(_) => {
            Invalid::NoSteadyState { waited_for: error.to_string() }
        }
        RunError::Input(_)
        | RunError::Lab(_)
        | RunError::Inject(_)
        | RunError::TrafficGone { .. }
        | RunError::Tester { .. }
        | RunError::Evidence(_)
        | RunError::Store(_) => Invalid::EvidenceMissing { detail: error.to_string() },
    };
    TrialRecord {
        index,
        in_place_of: due.in_place_of,
        mode: due.mode.name().to_owned(),
        fault: if due.baseline { String::new() } else { experiment.fault_name(due.mode) },
        started_unix_ms: store::unix_ms(),
        modelled: experiment.topology.chassis.iter().any(|chassis| chassis.modelled_times),
        invalid: vec![invalid],
        ..TrialRecord::default()
    }
}

/// A trial in one line.
fn summary(record: &TrialRecord, what: &str) -> String {
    let account = &record.accounting;
    let mut line = format!("trial {}: {what}: {} offered, {} lost", record.index, account.offered, account.lost);
    if account.lost > 0 {
        line += &format!(" ({:.1} ms)", record.outage().loss_derived_ns / 1e6);
    }
    for reason in record.failures.iter().map(ToString::to_string) {
        line += &format!("; failed: {reason}");
    }
    for reason in record.invalid.iter().map(ToString::to_string) {
        line += &format!("; invalid: {reason}");
    }
    line
}

/// The cards' logs are kept even when the run failed: then most of all.
pub(crate) async fn keep_logs(claim: &Claim, folder: &Path) {
    let plan = match lab::collect_logs(claim.dir()).await {
        Ok(Some(plan)) => plan,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(%error, "collecting logs");
            return;
        }
    };
    if let Err(error) = store::copy_logs(&plan, folder) {
        tracing::warn!(%error, "copying logs");
    }
}

/// Empties the logs that have grown beyond `most` bytes; the programs go on appending to them.
fn bound_logs(plan: &lab::plan::LabPlan, most: u64) {
    for card in &plan.cards {
        let Ok(file) = std::fs::File::options().append(true).open(&card.log) else { continue };
        if file.metadata().is_ok_and(|meta| meta.len() > most)
            && let Err(error) = file.set_len(0)
        {
            tracing::warn!(%error, "emptying a log");
        }
    }
}

/// Returns when a person, or the system, wants the run to end.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        tracing::warn!("signals cannot be caught: an interrupt will leave the lab behind; 'swact destroy' removes it");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
