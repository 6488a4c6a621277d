//! Soak: one experiment over and over, until it has been held so often, so long, or something is not as it must be.
//!
//! The lab is deployed once and used again; between two trials only redundancy is waited for. Of a trial that passed,
//! one line of `soak.csv` remains: neither memory nor the run's folder grows with what it has proven. The first trial
//! that does not pass ends the soak, and all that it left is kept: evidence, events, logs, and how to hold it again.

mod summary;

pub use summary::{Spread, Summary, Violation};

use super::{
    Outcome, RunError, RunOptions, bound_logs, interrupted, journal, keep_logs, missing, order::Due,
    progress::Progress, site::Site, store, timeline::Timeline, traffic, trial,
};
use crate::{experiment::Experiment, storm::Dice, telemetry::Collector};
use lab::{Claim, images::Images};
use measure::{
    TrialRecord,
    trial::Invalid,
    verdict::{Verdict, judge},
};
use report::{RunDirectory, RunRecord, Status, StoreError, write_atomically};
use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

/// Trials that this machine had no time for, in every hundred, before the soak proves nothing; three are always free.
const INVALID_PERCENT: u64 = 10;
/// Where nobody looks at a moving line, one is printed so often.
const SAY: Duration = Duration::from_secs(10);
/// A card's log that has grown beyond this is emptied after a trial that passed.
const LOG_MAX: u64 = 4 << 20;

/// How long a soak goes on.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// So many valid trials.
    Trials(u64),
    /// So long.
    Time(Duration),
}

/// How a soak is done.
#[derive(Clone, Debug)]
pub struct SoakOptions {
    /// As any run.
    pub run: RunOptions,
    /// How long it goes on.
    pub extent: Extent,
    /// Number of the first trial: seeds of storms and the order of modes come from trials' numbers.
    pub first: u32,
}

/// What a soak ended with.
#[derive(Debug)]
pub struct Soaked {
    /// The figures.
    pub summary: Summary,
    /// The reports of the trial that did not pass.
    pub outcome: Outcome,
}

/// Soaks the lab that is claimed. What was deployed is gone when this returns, whatever happened.
pub async fn soak(
    experiment: &Experiment,
    images: &Images,
    options: &SoakOptions,
    claim: &Claim,
) -> Result<Soaked, RunError> {
    let started = store::unix_ms();
    let mut record = journal::begin(experiment, &options.run.command, started);
    // It keeps the trial that did not pass, if there is one, and is asked for none.
    record.wanted.clear();
    let directory = RunDirectory::create(&options.run.store, &experiment.topology.name, started)?;
    let folder = directory.path.clone();
    write_atomically(&folder.join("experiment.yml"), experiment.document.text().as_bytes())?;
    write_atomically(&folder.join("topology.yml"), experiment.topology.document.text().as_bytes())?;
    let mut summary = Summary::new(experiment, options);
    let screen = Screen::new(options);
    let ended = {
        let engine = engine(experiment, images, options, claim, &folder, &screen, &mut record, &mut summary);
        tokio::select! {
            ended = engine => Some(ended),
            () = interrupted() => None,
        }
    };
    screen.progress.finish();
    if summary.violation.is_some() || matches!(ended, Some(Err(_))) {
        keep_logs(claim, &folder).await;
    }
    let destroyed = claim.roll_back().await;
    record.finished_unix_ms = store::unix_ms();
    let (status, error) = match &ended {
        None => (Status::Interrupted, None),
        Some(Err(error)) => (Status::Failed, Some(error)),
        Some(Ok(())) => (Status::Completed, None),
    };
    record.status = Some(status);
    record.error = error.map(ToString::to_string);
    summary.end(status, error, options.extent, record.finished_unix_ms - started);
    summary.write(&folder)?;
    let report = report::render(&folder, &record)?;
    directory.mark_latest()?;
    match ended {
        Some(Err(error)) if summary.passed == 0 => return Err(error),
        Some(Err(error)) => crate::output::say(format_args!("the soak ended before its time: {error}")),
        Some(Ok(())) => destroyed?,
        None => {}
    }
    Ok(Soaked { summary, outcome: Outcome { status, record, report, folder } })
}

#[allow(clippy::too_many_arguments, reason = "the parts of a soak, put together once")]
async fn engine(
    experiment: &Experiment,
    images: &Images,
    options: &SoakOptions,
    claim: &Claim,
    folder: &Path,
    screen: &Screen,
    record: &mut RunRecord,
    summary: &mut Summary,
) -> Result<(), RunError> {
    screen.progress.step("drawing destinations out of the table");
    let load = traffic::build_aside(experiment.clone()).await?;
    journal::know_load(&mut record.topology, &load);
    let site = Site::choose(experiment, images, options.run.runtime, claim, load, &screen.progress).await?;
    let mut lines = Lines::create(folder)?;
    let quiet = Progress::Quiet;
    let mut index = options.first;
    while !summary.is_done(options.extent) {
        screen.progress.step("deploying the lab");
        let mut timeline = events(folder)?;
        let mut bench = site.deploy(&mut timeline, &quiet).await?;
        bench.runtime_name().clone_into(&mut record.runtime);
        bench.runtime_name().clone_into(&mut summary.runtime);
        let mut intact = true;
        while intact && !summary.is_done(options.extent) {
            let due = due(experiment, index);
            let begun = Instant::now();
            let trial = match trial::run(&mut bench, index, due).await {
                Ok(trial) => trial,
                Err(error) => missing(experiment, index, due, &error),
            };
            bench.timeline.flush();
            let limits = experiment.thresholds.get(&due.mode).cloned().unwrap_or_default();
            let judgement = judge([&trial], None, &limits);
            lines.write(&trial, begun.elapsed(), judgement.verdict)?;
            intact = judgement.verdict == Verdict::Pass || only_late(&trial);
            match judgement.verdict {
                Verdict::Fail => {
                    summary.violate(experiment, options, &trial, judgement.reasons);
                    record.trials.push(trial);
                    return Ok(());
                }
                Verdict::Inconclusive => {
                    summary.invalid(&trial, &judgement.reasons);
                    screen.progress.say(&judgement.reasons.join("; "));
                    if summary.invalid > 3 + summary.passed * INVALID_PERCENT / 100 {
                        record.trials.push(trial);
                        return Ok(());
                    }
                }
                Verdict::Pass => {
                    summary.pass(&trial, begun.elapsed());
                    // What has passed needs no evidence.
                    bench.timeline.restart(&folder.join(EVENTS)).map_err(wrong(folder))?;
                    bound_logs(bench.lab.plan(), LOG_MAX);
                }
            }
            screen.show(summary, options.extent);
            index = index.wrapping_add(1);
        }
        drop(bench);
        claim.roll_back().await?;
    }
    Ok(())
}

const EVENTS: &str = "events.ndjson";

fn events(folder: &Path) -> Result<Timeline, RunError> {
    Ok(Timeline::create(&folder.join(EVENTS), Collector::default()).map_err(wrong(folder))?)
}

fn wrong(folder: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = folder.to_owned();
    move |source| StoreError::Write { path, source }
}

/// Which mode a trial is held in: its number and the seed decide, so that it can be held again alone.
fn due(experiment: &Experiment, index: u32) -> Due {
    let mut dice = Dice(experiment.seed.wrapping_add(u64::from(index)));
    let modes = &experiment.modes;
    Due { mode: modes[(dice.next() % modes.len() as u64) as usize], baseline: false, in_place_of: None }
}

/// Whether nothing is wrong but that the machine had no time for the load: the lab is fit for the next trial.
fn only_late(trial: &TrialRecord) -> bool {
    trial.failures.is_empty() && trial.invalid.iter().all(Invalid::is_the_machines)
}

/// One line a trial.
struct Lines(File);

impl Lines {
    fn create(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("soak.csv");
        let mut file = File::create(&path).map_err(wrong(&path))?;
        file.write_all(b"trial,mode,offered,lost,redundant_ms,seconds,verdict\n").map_err(wrong(&path))?;
        Ok(Self(file))
    }

    fn write(&mut self, trial: &TrialRecord, took: Duration, verdict: Verdict) -> Result<(), StoreError> {
        self.0.write_all(soak_line(trial, took, verdict).as_bytes()).map_err(wrong(Path::new("soak.csv")))
    }
}

/// A trial's line in `soak.csv`, with the verdict that the soak goes by.
fn soak_line(trial: &TrialRecord, took: Duration, verdict: Verdict) -> String {
    let redundant = trial.switchover.redundant.map(|ms| format!("{ms:.1}")).unwrap_or_default();
    let account = &trial.accounting;
    format!(
        "{},{},{},{},{redundant},{:.3},{verdict}\n",
        trial.index,
        trial.mode,
        account.offered,
        account.lost,
        took.as_secs_f64()
    )
}

/// What a person sees meanwhile.
struct Screen {
    progress: Progress,
    said: std::cell::Cell<Option<Instant>>,
}

impl Screen {
    fn new(options: &SoakOptions) -> Self {
        let trials = match options.extent {
            Extent::Trials(trials) => trials,
            Extent::Time(_) => 0,
        };
        Self { progress: Progress::new(options.run.quiet, trials), said: std::cell::Cell::new(None) }
    }

    fn show(&self, summary: &Summary, extent: Extent) {
        let line = summary.line(extent);
        match &self.progress {
            Progress::Bar(bar) => {
                bar.set_position(summary.passed);
                bar.set_message(line);
            }
            Progress::Lines if self.said.get().is_none_or(|said| said.elapsed() >= SAY) => {
                self.said.set(Some(Instant::now()));
                self.progress.say(&line);
            }
            Progress::Lines | Progress::Quiet => {}
        }
    }
}
