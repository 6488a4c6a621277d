//! Where cards run: what a runtime can do to a card's program.
//!
//! A runtime keeps no state of its own: what belongs to a lab is found again by the labels that it was
//! started with, so any later orchestrator can go on where one was killed. It never starts anything
//! by itself, either: nothing may resurrect what an experiment killed.

pub mod choose;
pub mod docker;
pub mod foreign;
mod heir;
pub mod process;

use crate::{
    images::ImageError,
    plan::{CardPlan, LabPlan, NodePlan, Placement, Program},
};
use fabric_proto::{
    deploy::CardConfig,
    id::{CardId, Unit},
    time::Instant,
};
pub use heir::{Farewell, Heir};
use std::{fmt, io, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

/// Where cards run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// Docker when an engine answers, else processes.
    Auto,
    /// Containers.
    Docker,
    /// Child processes on loopback addresses.
    Process,
}

impl RuntimeKind {
    /// As the command line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Docker => "docker",
            Self::Process => "process",
        }
    }
}

/// A runtime's answer under way.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How long a program that was asked to end may take before it is killed.
pub const STOP_GRACE: Duration = Duration::from_secs(2);

/// What can be sent to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGKILL: it is gone without a word.
    Kill,
    /// SIGTERM: it may say goodbye.
    Terminate,
    /// SIGSTOP: it stands still, its sockets stay.
    Pause,
    /// SIGCONT.
    Resume,
}

/// Why a runtime could not do something.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// An installation without the program.
    #[error("program '{}' is not in {}: build it (cargo build), or name its folder in SWACT_BIN_DIR", program, searched.display())]
    NoProgram {
        /// Its name.
        program: String,
        /// Where it was looked for.
        searched: PathBuf,
    },
    /// The card has no running program.
    #[error("{0} is not running")]
    NotRunning(CardId),
    /// The card's program runs already.
    #[error("{0} is running already")]
    Running(CardId),
    /// No container engine that can be used.
    #[error("no container engine can be used: {0}")]
    NoEngine(String),
    /// An image that the engine does not have, or that is not what it should be.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A program that the system does not start.
    #[error("program '{}' cannot be started: {source}: install the release again", program.display())]
    Program {
        /// Its file.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name on the engine that somebody else's container has.
    #[error("{0}")]
    Taken(String),
    /// A node that is none of ours, which did not come up.
    #[error("{node} did not come up: {why}\n{log}")]
    Node {
        /// Which.
        node: CardId,
        /// What is known.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// The engine refused.
    #[error("{what}: {why}")]
    Engine {
        /// What was tried.
        what: String,
        /// What it said.
        why: String,
    },
    /// The system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl RuntimeError {
    /// Whether the user's machine, files or arguments are to blame, and the text says what to do.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::NoProgram { .. } | Self::Program { .. } | Self::NoEngine(_) => true,
            Self::Image(_) | Self::Taken(_) | Self::Node { .. } => true,
            Self::NotRunning(_) | Self::Running(_) | Self::Engine { .. } | Self::System { .. } => false,
        }
    }
}

/// The runtime of a lab.
pub async fn of_plan(plan: &LabPlan) -> Result<Arc<dyn Runtime>, RuntimeError> {
    Ok(match &plan.placement {
        Placement::Process => Arc::new(process::ProcessRuntime::new(&plan.lab, &plan.dir)),
        Placement::Docker { prefix, .. } => {
            let engine = docker::Engine::find().await?;
            Arc::new(docker::DockerRuntime::new(engine, prefix, &plan.lab, &plan.dir))
        }
    })
}

/// One kind of place where cards run. Methods answer when the thing is done.
pub trait Runtime: Send + Sync + fmt::Debug {
    /// `process` or `docker`, for reports.
    fn name(&self) -> &'static str;

    /// Checks what can be checked before anything is made: programs, images, names.
    fn check<'a>(&'a self, plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>>;

    /// What a card's configuration says where the card sees its files: paths in its container.
    fn told(&self, card: &CardPlan) -> CardConfig {
        card.config.clone()
    }

    /// Makes what the plan's cards need before any starts, once their folders are furnished: networks, containers.
    fn create<'a>(&'a self, plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>>;

    /// Starts a card's program; refuses when one runs.
    fn start<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>>;

    /// Starts a node that is none of ours behind its bridge, which is started where it does not run; refuses when the node
    /// runs. Answers when its interfaces are there and its commands have been run.
    fn start_node<'a>(&'a self, node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>>;

    /// Ends a node and its bridge, and removes what the runtime keeps of them.
    fn forget_node<'a>(&'a self, node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>>;

    /// Sends a signal; answers the instant just before it was sent, and does not wait for what follows.
    fn signal<'a>(&'a self, card: &'a CardId, signal: Signal) -> Task<'a, Result<Instant, RuntimeError>>;

    /// Waits until the card's program, as it runs now, has ended; at once when none runs.
    fn ended<'a>(&'a self, card: &'a CardId) -> Task<'a, ()>;

    /// The cards whose programs run, stopped ones too.
    fn running(&self) -> Task<'_, Vec<CardId>>;

    /// The card runs `card.release` from its next start on.
    fn swap_image<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>>;

    /// Starts the program of `card.release` beside the one that runs, to take its card. Answers when it has begun; whether it
    /// has the card, the card itself says. What the card is told at its next start does not change with it.
    fn take_over<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<Heir, RuntimeError>>;

    /// The last lines that the card's program logged.
    fn logs<'a>(&'a self, card: &'a CardPlan, lines: usize) -> Task<'a, String>;

    /// The last lines that a node that is none of ours logged.
    fn logs_of_node<'a>(&'a self, node: &'a NodePlan, lines: usize) -> Task<'a, String>;

    /// Brings the cards' log files up to date, where the runtime keeps logs elsewhere.
    fn collect_logs<'a>(&'a self, plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        let _ = plan;
        Box::pin(async { Ok(()) })
    }

    /// Ends a card and removes what the runtime keeps of it: it is no longer part of the lab.
    fn forget<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>>;

    /// Says what the runtime sees happening to the lab's cards, until the future is dropped.
    fn watch(&self) -> Task<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Ends everything that belongs to the lab, and removes it. Doing it again does no harm.
    fn destroy(&self) -> Task<'_, Result<(), RuntimeError>>;
}

/// Kills what runs in a slot and waits until it is gone; nothing running is fine.
pub async fn clear(runtime: &dyn Runtime, card: &CardId) -> Result<(), RuntimeError> {
    let gone = runtime.ended(card);
    match runtime.signal(card, Signal::Kill).await {
        Ok(_) => gone.await,
        Err(RuntimeError::NotRunning(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Asks a program to end, and kills it when it has not after [`STOP_GRACE`]; the instant of asking.
pub async fn stop(runtime: &dyn Runtime, card: &CardId) -> Result<Instant, RuntimeError> {
    let at = runtime.signal(card, Signal::Terminate).await?;
    if tokio::time::timeout(STOP_GRACE, runtime.ended(card)).await.is_err() {
        clear(runtime, card).await?;
    }
    Ok(at)
}

/// Labels that a card's program carries in its environment. Containers have the same as labels: see
/// [`docker::label`].
pub mod label {
    /// Name of the lab.
    pub const LAB: &str = "SWACT_LAB";
    /// Name of the node.
    pub const NODE: &str = "SWACT_NODE";
    /// Slot, `tester`, or [`SHELF`].
    pub const SLOT: &str = "SWACT_SLOT";
    /// The lab's folder: two users may have labs of one name.
    pub const DIR: &str = "SWACT_LAB_DIR";
    /// The slot of the process that stands for the backplane.
    pub const SHELF: &str = "shelf";
    /// The slot of a node that is none of ours.
    pub const LINUX: &str = "linux";
    /// The slot of the process that joins such a node to its wires.
    pub const BRIDGE: &str = "bridge";
}

/// A card's slot as labels have it.
pub fn slot_label(id: &CardId) -> String {
    match id.unit {
        Unit::Card(slot) => slot.to_string(),
        Unit::Tester => Program::Tester.name().to_owned(),
        Unit::Linux => label::LINUX.to_owned(),
        Unit::Operator => label::SHELF.to_owned(),
    }
}
