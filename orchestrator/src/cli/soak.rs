//! `swact soak`.

use super::{
    CliError, Exit,
    args::{Format, SoakArgs},
    files, labs, output,
};
use crate::{
    experiment::{Experiment, Overrides},
    run::{
        RunOptions,
        soak::{self, Extent, SoakOptions, Summary},
    },
};
use measure::verdict::{Limits, Statistic, Verdict};
use notation::document::BadInput;
use report::Status;

/// An experiment over and over. 0: as often as was asked and never a violation; 1: a violation; 3: nothing proven.
pub(super) async fn soak(args: SoakArgs, format: Format) -> Result<Exit, CliError> {
    let mut experiment = Experiment::load(&args.experiment)?;
    let overrides = Overrides { modes: args.bench.mode, trials: None, table: args.bench.table, seed: args.bench.seed };
    experiment.apply(&overrides)?;
    experiment.settle_rates(&args.bench.store)?;
    if experiment.method.is_empty() {
        let message = "an experiment without a method: nothing would be soaked";
        return Err(BadInput::new(args.experiment.display(), message, "add a fault to 'method'").into());
    }
    if experiment.modes.iter().any(|mode| mode.is_upgrade()) {
        let message = "an upgrade leaves another release behind and cannot be soaked";
        return Err(BadInput::new(args.experiment.display(), message, "name the modes: --mode sso").into());
    }
    let several = |limits: &Limits| limits.iter().any(|(_, statistic, _)| statistic != Statistic::Worst);
    if experiment.thresholds.values().any(several) {
        let message = "a soak judges trial by trial: medians and percentiles say nothing about one";
        let remedy = "give thresholds for the worst trial, or use 'swact run'";
        return Err(BadInput::new(args.experiment.display(), message, remedy).into());
    }
    let images = files::images(&args.bench.images, experiment.topology.document.path())?;
    files::check_images(&experiment, &images)?;
    let claim = labs::claim_free(&experiment.topology.name).await?;
    let extent = match (args.trials, args.time) {
        (Some(0), _) => return Err(BadInput::new("--trials", "no trials", "give 1 or more").into()),
        (Some(trials), _) => Extent::Trials(trials),
        (None, Some(time)) => Extent::Time(time.0),
        (None, None) => Extent::Trials(1000),
    };
    let command: Vec<_> = std::env::args().collect();
    let options = SoakOptions {
        run: RunOptions {
            runtime: args.bench.runtime.into(),
            store: args.bench.store,
            quiet: args.bench.quiet,
            command: command.join(" "),
        },
        extent,
        first: args.first,
    };
    let soaked = soak::soak(&experiment, &images, &options, &claim).await?;
    let summary = &soaked.summary;
    output::print(format, &["Soak", &summary.title], summary.rows(), summary);
    if !args.bench.quiet {
        output::say(format_args!("kept in {}", soaked.outcome.folder.display()));
    }
    Ok(exit(summary))
}

fn exit(summary: &Summary) -> Exit {
    match (summary.verdict, summary.status) {
        (Verdict::Fail, _) => Exit::Missed,
        (Verdict::Pass | Verdict::Inconclusive, Status::Interrupted) => Exit::Interrupted,
        (Verdict::Pass, _) => Exit::Pass,
        (Verdict::Inconclusive, _) => Exit::Inconclusive,
    }
}
