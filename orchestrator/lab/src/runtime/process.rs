//! Cards as child processes on loopback addresses: no privileges, no engine.
//!
//! Each has a process group of its own, so that Ctrl-C reaches the orchestrator alone and it decides
//! what becomes of the lab; a tester, which measures, has a session of its own. Processes are found by the
//! labels in their environment, and held by pidfd, so that a number that the kernel gave away again is never hit.

pub mod find;
mod heir;
mod session;
mod wait;

use super::{Heir, Runtime, RuntimeError, Signal, Task, foreign, label, slot_label};
use crate::{
    images,
    plan::{CardPlan, LabPlan, NodePlan, Program},
};
use bridge::request::Request;
use fabric_proto::{
    deploy::{CONFIG_FILE, CardConfig},
    id::{CardId, Unit},
    time::Instant,
};
use find::Found;
use rustix::process::{Signal as Number, pidfd_send_signal};
use session::begin_session;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::{Child, Command};
use wait::gone;

/// Of a log's end, at most this much is looked at.
const LOG_TAIL: u64 = 16 << 10;

/// The processes of one lab.
#[derive(Clone, Debug)]
pub struct ProcessRuntime {
    lab: String,
    dir: PathBuf,
    programs: PathBuf,
}

impl ProcessRuntime {
    /// For the lab whose folder is `dir`; programs are found in `SWACT_BIN_DIR`, or beside this one.
    pub fn new(lab: &str, dir: &Path) -> Self {
        Self::with_programs(lab, dir, &programs_dir())
    }

    /// The same with programs out of `programs`.
    pub fn with_programs(lab: &str, dir: &Path, programs: &Path) -> Self {
        Self { lab: lab.to_owned(), dir: find::plain(dir), programs: programs.to_owned() }
    }

    /// Starts the process that stands for the backplane.
    pub fn start_shelf(&self, log: &Path) -> Result<(), RuntimeError> {
        let mut command = self.command(self.program("swact")?, "-", label::SHELF, log)?;
        // Its log says which resets it obeyed, and whose it refused.
        command.arg("shelf").arg(&self.dir).env("SWACT_LOG", "info");
        self.spawn(command)
    }

    /// Ends the process that stands for the backplane, if it runs.
    pub async fn end_shelf(&self) -> Result<(), RuntimeError> {
        self.end_all(|found| found.slot == label::SHELF).await
    }

    pub(crate) fn program(&self, name: &str) -> Result<PathBuf, RuntimeError> {
        let path = self.programs.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(RuntimeError::NoProgram { program: name.to_owned(), searched: self.programs.clone() })
    }

    /// The program that a card runs next: its release's own, if it has one.
    fn program_of(&self, card: &CardPlan) -> Result<PathBuf, RuntimeError> {
        self.program_in(&next_image(card), card)
    }

    /// A card's program of the release whose manifest is `image`.
    fn program_in(&self, image: &Path, card: &CardPlan) -> Result<PathBuf, RuntimeError> {
        let own = images::fit_program(image, card.program)?;
        own.map_or_else(|| self.program(card.program.name()), Ok)
    }

    fn command(&self, program: PathBuf, node: &str, slot: &str, log: &Path) -> Result<Command, RuntimeError> {
        let open = |log: &Path| OpenOptions::new().create(true).append(true).open(log);
        let out = open(log).map_err(|source| system(format!("log {}", log.display()), source))?;
        let err = out.try_clone().map_err(|source| system("log".to_owned(), source))?;
        let tester = program.file_name().is_some_and(|name| name == Program::Tester.name());
        let mut command = Command::new(program);
        command
            .env(label::LAB, &self.lab)
            .env(label::NODE, node)
            .env(label::SLOT, slot)
            .env(label::DIR, &self.dir)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .kill_on_drop(false);
        if tester {
            begin_session(&mut command);
        } else {
            command.process_group(0);
        }
        Ok(command)
    }

    fn spawn(&self, mut command: Command) -> Result<(), RuntimeError> {
        let mut child = spawned(&mut command)?;
        // Only so that no zombie is left while this process lives; who waits for a card's end holds a pidfd.
        tokio::spawn(async move { child.wait().await });
        Ok(())
    }

    /// The programs of a card: two, while one takes the place of the other.
    fn find(&self, card: &CardId) -> Vec<Found> {
        let slot = slot_label(card);
        // Of a node that is none of ours every process is meant: it has groups of its own making.
        let is_one = |found: &Found| found.leader || card.unit == Unit::Linux;
        find::in_dir(&self.dir).filter(|found| is_one(found) && found.node == card.node && found.slot == slot).collect()
    }

    /// Starts a node's bridge, if it does not run. That of this machine's interfaces is all there is to the node.
    pub(super) fn start_bridge(&self, node: &NodePlan) -> Result<(), RuntimeError> {
        let slot = if node.has_node() { label::BRIDGE } else { label::LINUX };
        let runs = find::in_dir(&self.dir).any(|found| found.node == node.id.node && found.slot == slot);
        if runs {
            return Ok(());
        }
        // What one left that was killed is nobody's.
        let _ = std::fs::remove_file(&node.bridge.socket);
        let mut command = self.command(self.program("bridge")?, &node.id.node, slot, &node.log)?;
        command.arg("serve").arg("--config").arg(node.config_file());
        self.spawn(command)
    }

    /// Ends a node and its bridge.
    pub(super) async fn end_node(&self, node: &NodePlan) -> Result<(), RuntimeError> {
        self.end_all(|found| found.node == node.id.node).await?;
        foreign::tidy(node);
        Ok(())
    }

    /// Kills all that match until none is found: a process may have been between fork and exec.
    async fn end_all(&self, matches: impl Fn(&Found) -> bool + Sync) -> Result<(), RuntimeError> {
        loop {
            let found: Vec<Found> = find::in_dir(&self.dir).filter(|found| matches(found)).collect();
            if found.is_empty() {
                return Ok(());
            }
            for process in &found {
                send(&process.pidfd, Signal::Kill)?;
            }
            for process in found {
                gone(process.pidfd).await;
            }
        }
    }
}

impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    fn check<'a>(&'a self, plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            if !plan.nodes.is_empty() {
                self.program("bridge")?;
            }
            plan.cards.iter().try_for_each(|card| self.program_of(card).map(|_| ()))
        })
    }

    fn create<'a>(&'a self, _plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn start<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            let id = &card.config.id;
            if !self.find(id).is_empty() {
                return Err(RuntimeError::Running(id.clone()));
            }
            let mut command = self.command(self.program_of(card)?, &id.node, &slot_label(id), &card.log)?;
            command.arg("--config").arg(card.folder.join(CONFIG_FILE));
            self.spawn(command)
        })
    }

    fn start_node<'a>(&'a self, node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            self.start_bridge(node)?;
            let request = if node.has_node() { Request::Start } else { Request::Status };
            foreign::first_request(node, request).await
        })
    }

    fn forget_node<'a>(&'a self, node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(self.end_node(node))
    }

    fn signal<'a>(&'a self, card: &'a CardId, signal: Signal) -> Task<'a, Result<Instant, RuntimeError>> {
        Box::pin(async move {
            let found = self.find(card);
            if found.is_empty() {
                return Err(RuntimeError::NotRunning(card.clone()));
            }
            let at = fabric::clock::now();
            found.iter().try_for_each(|found| send(&found.pidfd, signal))?;
            Ok(at)
        })
    }

    fn ended<'a>(&'a self, card: &'a CardId) -> Task<'a, ()> {
        // Found now, not when first polled: the caller may kill in between.
        let found = self.find(card);
        Box::pin(async move {
            for found in found {
                gone(found.pidfd).await;
            }
        })
    }

    fn running(&self) -> Task<'_, Vec<CardId>> {
        Box::pin(async move {
            let found = find::in_dir(&self.dir).filter(|found| found.leader).filter_map(|found| found.card());
            found.collect::<BTreeSet<_>>().into_iter().collect()
        })
    }

    fn swap_image<'a>(&'a self, _card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        // The manifest, named in the card's configuration, makes the difference, and leads to the program.
        Box::pin(async { Ok(()) })
    }

    fn take_over<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<Heir, RuntimeError>> {
        Box::pin(async { heir::take_over(self, card) })
    }

    fn forget<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move { super::clear(self, &card.config.id).await })
    }

    fn logs<'a>(&'a self, card: &'a CardPlan, lines: usize) -> Task<'a, String> {
        Box::pin(async move { tail(&card.log, lines).unwrap_or_default() })
    }

    fn logs_of_node<'a>(&'a self, node: &'a NodePlan, lines: usize) -> Task<'a, String> {
        Box::pin(async move { tail(&node.log, lines).unwrap_or_default() })
    }

    fn destroy(&self) -> Task<'_, Result<(), RuntimeError>> {
        Box::pin(async move {
            // First the one who would start cards again.
            self.end_shelf().await?;
            self.end_all(|_| true).await
        })
    }
}

/// The labels of a node's own processes, in the lab in `dir`.
pub(crate) fn labels(id: &CardId, dir: &Path) -> BTreeMap<String, String> {
    let labels = [
        (label::LAB, id.lab.clone()),
        (label::NODE, id.node.clone()),
        (label::SLOT, slot_label(id)),
        (label::DIR, find::plain(dir).to_string_lossy().into_owned()),
    ];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Manifest of the release that a card runs next: what its configuration says, which a swap of images changes.
fn next_image(card: &CardPlan) -> PathBuf {
    let told = std::fs::read(card.folder.join(CONFIG_FILE)).ok();
    let told = told.and_then(|text| serde_json::from_slice::<CardConfig>(&text).ok());
    told.map_or_else(|| card.config.image.clone(), |told| told.image)
}

fn send(pidfd: &OwnedFd, signal: Signal) -> Result<(), RuntimeError> {
    let number = match signal {
        Signal::Kill => Number::KILL,
        Signal::Terminate => Number::TERM,
        Signal::Pause => Number::STOP,
        Signal::Resume => Number::CONT,
    };
    match pidfd_send_signal(pidfd, number) {
        // It has ended in between.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(system("cannot send a signal".to_owned(), error.into())),
    }
}

pub(super) fn tail(log: &Path, lines: usize) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

/// `SWACT_BIN_DIR`, else this program's folder; a test program lies one below the programs.
fn programs_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("SWACT_BIN_DIR").filter(|dir| !dir.is_empty()) {
        return dir.into();
    }
    let own = std::env::current_exe().unwrap_or_default();
    let dir = own.parent().unwrap_or(Path::new("."));
    if dir.ends_with("deps") { dir.parent().unwrap_or(dir).to_owned() } else { dir.to_owned() }
}

fn spawned(command: &mut Command) -> Result<Child, RuntimeError> {
    let child = command.spawn();
    child.map_err(|source| RuntimeError::Program { program: command.as_std().get_program().into(), source })
}

fn system(what: String, source: io::Error) -> RuntimeError {
    RuntimeError::System { what, source }
}

#[cfg(test)]
mod tests;
