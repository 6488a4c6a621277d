//! The first processes of a node: one that makes its namespaces, and one that is the first in them, prepares them, runs the
//! node's command, and takes what would become nobody's children. With it all that runs in the node ends.

use crate::{config::NodeCommand, node::word};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::Signal,
        wait::{WaitStatus, wait},
    },
    unistd::{Pid, sethostname, setpgid},
};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// A command that prepares the node failed.
    #[error("exec '{command}': {why}")]
    Exec {
        /// The command.
        command: String,
        /// How it ended.
        why: String,
    },
    /// Nothing to run.
    #[error("the configuration has no command")]
    NoCommand,
}

fn system<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> InitError {
    let what = what.into();
    move |source| InitError::System { what, source: source.into() }
}

/// Makes the namespaces, waits for the interfaces, and starts the first process in them; ends as it ends.
pub fn make(config: &Path) -> Result<u8, InitError> {
    let all = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    unshare(all).map_err(system("cannot make namespaces"))?;
    say(word::READY)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(system("waiting for the interfaces"))?;
    if line.trim_end() != word::GO {
        // The bridge is gone, and with it the interfaces.
        return Ok(1);
    }
    let mut first = Command::new("/proc/self/exe");
    first.arg0("node-init").arg("first").arg("--config").arg(config).stdin(Stdio::null());
    let mut first = first.spawn().map_err(system("the node's first process"))?;
    // Whoever reads it waits for the first process' words.
    let closed = File::open("/dev/null").map_err(system("/dev/null"))?;
    nix::unistd::dup2_stdout(closed).map_err(system("closing stdout"))?;
    Ok(code_of(first.wait().map_err(system("waiting for the node"))?))
}

fn say(line: &str) -> Result<(), InitError> {
    let mut out = io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(system("talking to the bridge"))
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    code.clamp(0, 255) as u8
}

/// The first process: prepares the namespaces, runs the command, and ends with it.
pub fn first(node: &str, command: &NodeCommand) -> Result<u8, InitError> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(system("pdeathsig"))?;
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(system("setpgid"))?;
    sethostname(node).map_err(system("sethostname"))?;
    furnish(command)?;
    for words in &command.exec {
        run(words, command)?;
    }
    let child = match command.cmd.split_first() {
        None => None,
        Some((program, arguments)) => {
            let mut spawned = Command::new(program);
            spawned.args(arguments).envs(&command.env).stdin(Stdio::null()).stdout(log()?);
            let child = spawned.spawn().map_err(system(format!("cannot run '{program}'")))?;
            Some(Pid::from_raw(child.id() as i32))
        }
    };
    say(word::RUNS)?;
    let closed = File::open("/dev/null").map_err(system("/dev/null"))?;
    nix::unistd::dup2_stdout(closed).map_err(system("closing stdout"))?;
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if Some(pid) == child => return Ok(code.clamp(0, 255) as u8),
            Ok(WaitStatus::Signaled(pid, signal, _)) if Some(pid) == child => return Ok(128 + signal as u8),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            // Nothing runs, and nothing is to run: the namespaces stay until they are ended.
            Err(_) if child.is_none() => nix::unistd::pause(),
            Err(error) => return Err(system("waiting for the command")(error)),
        }
    }
}

/// What a node says goes to its log.
fn log() -> Result<Stdio, InitError> {
    let log = io::stderr().as_fd().try_clone_to_owned().map_err(system("the log"))?;
    Ok(log.into())
}

/// Gives the node files of its own: what it mounts nobody else sees.
fn furnish(command: &NodeCommand) -> Result<(), InitError> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(system("private mounts"))?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none).map_err(system("/proc"))?;
    // Where it may not be mounted, `/sys` shows the host's interfaces; tools ask the kernel otherwise.
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none);
    for bind in &command.binds {
        let what = || format!("bind {}:{}", bind.source.display(), bind.target.display());
        place(&bind.source, &bind.target).map_err(system(what()))?;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(&bind.source), &bind.target, none, flags, none).map_err(system(what()))?;
        if bind.read_only {
            let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            mount(none, &bind.target, none, flags, none).map_err(system(what()))?;
        }
    }
    Ok(())
}

/// A place for a bind: it must be there. In a node without files of its own it would be made on the host.
fn place(source: &Path, target: &Path) -> io::Result<()> {
    let (source, target) = (fs::metadata(source)?, fs::metadata(target)?);
    if source.is_dir() == target.is_dir() {
        return Ok(());
    }
    Err(io::Error::other("one is a folder, and the other a file"))
}

fn run(words: &[String], command: &NodeCommand) -> Result<(), InitError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let failed = |why: String| InitError::Exec { command: words.join(" "), why };
    let status = Command::new(program)
        .args(arguments)
        .envs(&command.env)
        .stdin(Stdio::null())
        .stdout(log()?)
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}
