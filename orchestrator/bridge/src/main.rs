//! `bridge serve --config FILE`: joins wires of a swact lab to interfaces; `bridge enter --pid PID -- COMMAND`: runs a
//! command beside a node's own.
//!
//! Exit codes: 0 after SIGTERM or SIGINT, 2 when the configuration cannot be used, 70 when something broke here; of `enter`
//! the command's.

use bridge::{config::Config, init, namespace, serve};
use clap::{Parser, Subcommand};
use nix::sys::signal::SigSet;
use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Bridge of a swact lab: joins wires to network interfaces. The orchestrator starts it.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Joins wires to interfaces, and runs a node's command.
    Serve {
        /// As the orchestrator writes it.
        #[arg(long)]
        config: PathBuf,
    },
    /// Runs a command in the namespaces of a process.
    Enter {
        /// The process.
        #[arg(long)]
        pid: i32,
        /// Program and arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Makes the namespaces of a node.
    #[command(hide = true)]
    Node {
        #[arg(long)]
        config: PathBuf,
    },
    /// Is the first process in them.
    #[command(hide = true)]
    First {
        #[arg(long)]
        config: PathBuf,
    },
}

const USAGE: u8 = 2;
const BROKEN: u8 = 70;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
    // A bridge waits for its signals; what it starts has them as anybody has.
    if let Err(error) = SigSet::all().thread_unblock() {
        tracing::debug!("signals: {error}");
    }
    match Arguments::parse().verb {
        Verb::Serve { config: file } => match load(&file) {
            Ok(config) => ended(serve::serve(config, &file).map(|()| 0)),
            Err(code) => code,
        },
        Verb::Node { config } => ended(init::make(&config)),
        Verb::First { config: file } => match load(&file) {
            Ok(Config { node, command: Some(command), .. }) => ended(init::first(&node, &command)),
            Ok(_) => ended(Err(init::InitError::NoCommand)),
            Err(code) => code,
        },
        Verb::Enter { pid, command } => ended(enter(pid, &command)),
    }
}

fn load(file: &Path) -> Result<Config, ExitCode> {
    let read = fs::read(file).and_then(|text| Ok(serde_json::from_slice(&text)?));
    read.map_err(|error| {
        tracing::error!("{}: {error}", file.display());
        ExitCode::from(USAGE)
    })
}

fn ended<E: std::error::Error>(result: Result<u8, E>) -> ExitCode {
    result.map_or_else(
        |error| {
            tracing::error!("{error}");
            ExitCode::from(BROKEN)
        },
        ExitCode::from,
    )
}

fn enter(pid: i32, command: &[String]) -> std::io::Result<u8> {
    namespace::enter(pid)?;
    let (program, arguments) = command.split_first().ok_or_else(|| std::io::Error::other("no command"))?;
    let status = match Command::new(program).args(arguments).status() {
        Ok(status) => status,
        Err(error) => {
            tracing::error!("cannot run '{program}': {error}");
            return Ok(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 });
        }
    };
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()).clamp(0, 255) as u8)
}
