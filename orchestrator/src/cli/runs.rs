//! `swact run`, `swact analyze`, `swact compare`.

use super::{
    CliError, Exit,
    args::{AnalyzeArgs, CompareArgs, Format, RunArgs},
    files, labs, output,
};
use crate::{
    experiment::{Experiment, Overrides},
    run::{self, RunError, RunOptions},
};
use lab::Claim;
use measure::verdict::Verdict;
use notation::document::BadInput;
use report::{self, Change, Report, RunRecord, Status};
use std::path::Path;

/// `swact run`: all files are checked, and all labs claimed, before the first experiment begins.
pub(super) async fn run(args: RunArgs, format: Format, colour: bool) -> Result<Exit, CliError> {
    let overrides =
        Overrides { modes: args.bench.mode, trials: args.trials, table: args.bench.table, seed: args.bench.seed };
    let (mut due, mut claims) = (Vec::new(), Vec::new());
    for path in &args.experiments {
        let mut experiment = Experiment::load(path)?;
        experiment.apply(&overrides)?;
        experiment.settle_rates(&args.bench.store)?;
        let images = files::images(&args.bench.images, experiment.topology.document.path())?;
        files::check_images(&experiment, &images)?;
        let name = &experiment.topology.name;
        if !claims.iter().any(|claim: &Claim| claim.lab() == name) {
            claims.push(labs::claim_free(name).await?);
        }
        due.push((experiment, images));
    }
    let command: Vec<_> = std::env::args().collect();
    let options = RunOptions {
        runtime: args.bench.runtime.into(),
        store: args.bench.store,
        quiet: args.bench.quiet,
        command: command.join(" "),
    };
    let several = due.len() > 1;
    let (mut reports, mut worst) = (Vec::new(), Exit::Pass);
    for (experiment, images) in due {
        let Some(claim) = claims.iter().find(|claim| claim.lab() == experiment.topology.name) else { continue };
        let outcome = run::run(&experiment, &images, &options, claim).await?;
        if !args.bench.quiet {
            output::say(format_args!("reports: {}", outcome.folder.display()));
        }
        let exit = match (several, format) {
            (true, Format::Json) => verdict(&outcome.report),
            _ => print(&outcome.report, format, colour),
        };
        // A run that was cut short is no pass; what was measured may still prove a fault.
        let exit = if outcome.status == Status::Interrupted { Exit::Interrupted } else { exit };
        // A miss is proven whatever else is not.
        worst = if worst == Exit::Missed && exit != Exit::Interrupted { worst } else { worst.max(exit) };
        reports.push(outcome.report);
        if exit == Exit::Interrupted {
            break;
        }
    }
    if several {
        match format {
            Format::Table => output::text(&report::side_by_side(&reports)),
            Format::Json => output::json(&reports),
        }
    }
    Ok(worst)
}

/// `swact analyze`: from the evidence alone.
pub(super) fn analyze(args: &AnalyzeArgs, format: Format, colour: bool) -> Result<Exit, CliError> {
    let record = load(&args.run)?;
    let report = report::draw(&args.run, &record).map_err(RunError::from)?;
    Ok(print(&report, format, colour))
}

/// `swact compare`.
pub(super) fn compare(args: &CompareArgs, format: Format, colour: bool) -> Result<Exit, CliError> {
    if !(args.tolerance.is_finite() && args.tolerance >= 0.0) {
        let message = format!("{} is no tolerance", args.tolerance);
        return Err(BadInput::new("--tolerance", message, "give a number of percent from 0 on").into());
    }
    let comparison = report::compare(&load(&args.before)?, &load(&args.after)?, args.tolerance);
    match format {
        Format::Table => output::text(&comparison.text(colour)),
        Format::Json => output::json(&comparison),
    }
    Ok(match comparison.change {
        Change::Improved | Change::Unchanged => Exit::Pass,
        Change::Worse => Exit::Missed,
        Change::Undecided => Exit::Inconclusive,
    })
}

fn load(run: &Path) -> Result<RunRecord, BadInput> {
    report::load(run).map_err(|error| BadInput::new(run.display(), &error, error.remedy()))
}

fn print(report: &Report, format: Format, colour: bool) -> Exit {
    match format {
        Format::Table => output::text(&report::terminal(report, colour)),
        Format::Json => output::json(report),
    }
    verdict(report)
}

fn verdict(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Missed,
        Verdict::Inconclusive => Exit::Inconclusive,
    }
}
