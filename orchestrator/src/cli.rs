//! The `swact` command: arguments, and what each verb does.
//!
//! stdout is data, stderr is logs and progress ([`crate::output`]). Errors come up to [`main`] and are said once.

mod args;
mod capture;
mod chaos;
mod console;
mod faults;
mod files;
mod graph;
mod images;
mod issu;
mod labs;
mod output;
mod runs;
mod sessions;
mod soak;
mod throughput;
mod trace;

use crate::{inject::InjectError, issu::IssuError, run::RunError};
use args::{ChaosCommand, Cli, Command, ImagesCommand};
use clap::{ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};
use lab::LabError;
use notation::document::BadInput;
use report::ColourChoice;
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything as it should be.
    Pass = 0,
    /// A threshold was missed, or something broke.
    Missed = 1,
    /// The user's files or arguments cannot be used.
    BadInput = 2,
    /// Trials are missing or invalid: nothing is proven.
    Inconclusive = 3,
    /// Something that the user has no part in.
    Internal = 70,
    /// Stopped by a person, after rolling back.
    Interrupted = 130,
}

/// Whatever ended a command before its time.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Input(BadInput),
    #[error(transparent)]
    Run(Box<RunError>),
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error(transparent)]
    Inject(Box<InjectError>),
    #[error(transparent)]
    Issu(Box<IssuError>),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl From<BadInput> for CliError {
    fn from(error: BadInput) -> Self {
        Self::Input(error)
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Input(error) => error.into(),
            RunError::Lab(error) => error.into(),
            error => Self::Run(Box::new(error)),
        }
    }
}

impl From<InjectError> for CliError {
    fn from(error: InjectError) -> Self {
        match error {
            InjectError::Image(error) => error.into(),
            InjectError::Lab(error) => error.into(),
            error => Self::Inject(Box::new(error)),
        }
    }
}

impl CliError {
    fn io(what: impl ToString) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Io { what, source }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Input(_) => Exit::BadInput,
            Self::Inject(error) if error.is_the_users() => Exit::BadInput,
            Self::Lab(error) if error.is_usage() => Exit::BadInput,
            Self::Issu(error) => match **error {
                IssuError::Refused { .. } | IssuError::Input(_) => Exit::BadInput,
                IssuError::TakenBack { .. } | IssuError::Back { .. } | IssuError::NotOver { .. } => Exit::Missed,
                IssuError::Lab(_) => Exit::Internal,
            },
            Self::Run(_) | Self::Lab(_) | Self::Inject(_) | Self::Io { .. } => Exit::Internal,
        }
    }

    /// Says it on stderr: with the text around it where a person looks, in plain lines elsewhere.
    fn say(self) {
        match self {
            Self::Input(error) if io::stderr().is_terminal() => {
                crate::output::styled(&format!("{:?}", miette::Report::new(error)));
            }
            Self::Input(error) => output::say(format_args!("error: {}", error.plain())),
            error => output::say(format_args!("error: {error}")),
        }
    }
}

/// Runs the command; the process ends with what it returns.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    fabric::log::to_stderr("warn");
    let exit = dispatch(cli, &matches).unwrap_or_else(|error| {
        let exit = error.exit();
        error.say();
        exit
    });
    ExitCode::from(exit as u8)
}

/// Long names of the options that were written after a verb: not those that the environment gives, or nobody.
fn written(matches: &ArgMatches) -> Vec<String> {
    let command = Cli::command();
    let Some((verb, matches)) = matches.subcommand() else { return Vec::new() };
    let arguments = command.find_subcommand(verb).into_iter().flat_map(clap::Command::get_arguments);
    let written = arguments.filter(|one| matches.value_source(one.get_id().as_str()) == Some(ValueSource::CommandLine));
    written.filter_map(|one| one.get_long()).map(str::to_owned).collect()
}

fn dispatch(cli: Cli, matches: &ArgMatches) -> Result<Exit, CliError> {
    let format = cli.format;
    let colour = ColourChoice::from(cli.color).wanted();
    match cli.command {
        Command::Validate(args) => files::validate(&args, format),
        Command::Graph(args) => graph::graph(&args),
        Command::Images(args) => match args.command {
            ImagesCommand::List(args) => images::list(&args, format),
            ImagesCommand::Check(args) => images::check(&args, format),
            ImagesCommand::Build(args) => in_runtime(images::build(args, format)),
        },
        Command::Wait(args) => in_runtime(chaos::wait(args)),
        Command::Chaos(args) => match args.command {
            ChaosCommand::Export(args) => chaos::export(&args),
            ChaosCommand::Import(args) => chaos::import(&args),
        },
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "swact", &mut script);
            crate::output::data(&script);
            Ok(Exit::Pass)
        }
        Command::Shelf { dir } => lab::shelf(&dir).map(|()| Exit::Pass).map_err(Into::into),
        Command::Compare(args) => runs::compare(&args, format, colour),
        Command::Analyze(args) => runs::analyze(&args, format, colour),
        Command::Run(args) => in_runtime(runs::run(args, format, colour)),
        Command::Soak(args) => in_runtime(soak::soak(args, format)),
        Command::Throughput(args) => in_runtime(throughput::throughput(args, format, colour)),
        Command::Deploy(args) => in_runtime(labs::deploy(args, format)),
        Command::Destroy(args) => in_runtime(labs::destroy(args)),
        Command::Inspect(args) => in_runtime(labs::inspect(args, format)),
        Command::Save(args) => in_runtime(sessions::save(args)),
        Command::Issu(args) => in_runtime(issu::issu(args, format)),
        Command::UpgradeCard(args) => in_runtime(sessions::upgrade_card(args)),
        Command::Events(args) => in_runtime(labs::events(args, format)),
        Command::Capture(args) => in_runtime(capture::capture(args)),
        Command::Trace(args) => in_runtime(trace::trace(args, format)),
        Command::Logs(args) => in_runtime(sessions::logs(args)),
        Command::Exec(args) => in_runtime(sessions::exec(args, format)),
        Command::Console(args) => in_runtime(console::console(args)),
        Command::Fault(args) => in_runtime(faults::fault(args, &written(matches), format)),
    }
}

/// Two threads: one for the lab's connections, one for whoever computes.
fn in_runtime(work: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(CliError::io("cannot start"))?;
    let result = runtime.block_on(work);
    runtime.block_on(lab::farewell());
    // A read of stdin that nobody ends must not keep the process.
    runtime.shutdown_background();
    result
}
