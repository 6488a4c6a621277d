//! A running lab: what the run engine and the commands do to it.
//!
//! A lab is its folder, its cards' programs (processes, or containers), and its *shelf*: a background process (`swact shelf DIR`) that stands
//! for the chassis' backplane and resets slots when the active RP asks for it. A [`Lab`] is only a
//! handle: it can be dropped, or its process killed, and another one takes hold of the lab by its folder.

mod claim;
mod converge;
mod error;
mod event;
mod files;
mod layout;
mod link;
mod nodes;
mod shelf;
mod slot;
mod upgrade;

pub use crate::runtime::RuntimeKind;
pub use claim::Claim;
pub use converge::{Change, Step, changes, placement};
pub use error::LabError;
pub use event::LabEvent;
pub use link::{Session, Stream, farewell};
pub use shelf::shelf;
pub use upgrade::{Upgraded, hands_over};

use crate::{
    pki,
    plan::{CardPlan, LabPlan, Placement, labs_dir},
    runtime::{self, Runtime, RuntimeError, docker, process::ProcessRuntime},
};
use event::Hub;
use fabric_proto::{
    id::{CardId, Slot, Unit},
    operator::{CardStats, CommandOutput, Reply, Request},
    time::Instant,
};
use futures_util::future::try_join_all;
use link::Operator;
use slot::Slots;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;

/// A card that does not answer after this long will not: a debug build on a loaded host takes a few seconds.
const READY: Duration = Duration::from_secs(30);
/// An RP that does not answer after this long is not looking at its backplane.
const PRESENCE: Duration = Duration::from_millis(500);
/// Lines of a card's log that an error shows.
const LOG_LINES: usize = 12;

/// What the backplane does to a card's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardAction {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Stop,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
    /// Start it, ending what runs.
    Restart,
    /// End it and keep its slot empty: resets of the slot are ignored.
    Remove,
    /// Undo a removal and start it.
    Insert,
}

/// A handle to a running lab. Dropping it leaves the lab as it is; needs a tokio runtime around it.
pub struct Lab {
    plan: Arc<LabPlan>,
    runtime: Arc<dyn Runtime>,
    slots: Slots,
    operator: Operator,
    hub: Arc<Hub>,
}

impl Lab {
    /// Brings the lab that is claimed up: folders, certificates, NVRAM, programs. What one left behind of which nothing
    /// runs makes room. Fails when the lab is there already, and leaves nothing behind when it fails. Returns when every card
    /// answers.
    pub async fn deploy(plan: LabPlan, claim: &Claim) -> Result<Self, LabError> {
        claim.covers(&plan)?;
        let runtime = runtime::of_plan(&plan).await?;
        runtime.check(&plan).await?;
        if claim.is_occupied().await? {
            return Err(LabError::Exists { lab: plan.lab, dir: plan.dir });
        }
        // Networks and containers that do not run may be left of it, too.
        if layout::look_at(&plan.dir)? {
            destroy(claim).await?;
        }
        claim.set_deployed(true);
        match Self::bring_up(plan, runtime).await {
            Ok(lab) => Ok(lab),
            Err(error) => {
                if let Err(left) = claim.roll_back().await {
                    tracing::warn!("rolling back: {left}");
                }
                Err(error)
            }
        }
    }

    async fn bring_up(plan: LabPlan, runtime: Arc<dyn Runtime>) -> Result<Self, LabError> {
        layout::found(&plan)?;
        pki::issue(&plan)?;
        layout::furnish(&plan, &*runtime)?;
        runtime.create(&plan).await?;
        start_shelf(&plan)?;
        try_join_all(plan.cards.iter().map(|card| runtime.start(card))).await?;
        try_join_all(plan.nodes.iter().map(|node| runtime.start_node(node))).await?;
        let lab = Self::open(plan, runtime)?;
        for card in &lab.plan.cards {
            lab.ready(card).await?;
        }
        Ok(lab)
    }

    /// Takes hold of a lab that runs, found by its folder. A shelf that was killed is started again.
    pub async fn attach(dir: &Path) -> Result<Self, LabError> {
        let plan = layout::read_plan(dir)?;
        if layout::is_going(dir) {
            return Err(LabError::Going(plan.lab));
        }
        let runtime = runtime::of_plan(&plan).await?;
        if !shelf::is_up(&plan.dir)? {
            if runtime.running().await.is_empty() {
                return Err(LabError::NotRunning(plan.lab));
            }
            start_shelf(&plan)?;
        }
        Self::open(plan, runtime)
    }

    fn open(plan: LabPlan, runtime: Arc<dyn Runtime>) -> Result<Self, LabError> {
        let plan = Arc::new(plan);
        let hub = Arc::new(Hub::default());
        let operator = Operator::connect(&plan, Arc::clone(&runtime), &hub)?;
        let slots = Slots::new(Arc::clone(&plan), Arc::clone(&runtime));
        Ok(Self { plan, runtime, slots, operator, hub })
    }

    /// Waits until a card answers; a program that has ended in place of that is an error with its last words.
    async fn ready(&self, card: &CardPlan) -> Result<(), LabError> {
        let id = &card.config.id;
        let why = tokio::select! {
            connected = tokio::time::timeout(READY, self.operator.connection(id)) => match connected {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => format!("it does not answer after {} s", READY.as_secs()),
            },
            () = self.runtime.ended(id) => "its program has ended".to_owned(),
        };
        let log = self.runtime.logs(card, LOG_LINES).await;
        Err(LabError::Start { card: id.clone(), why, log })
    }

    /// What was deployed.
    pub fn plan(&self) -> &LabPlan {
        &self.plan
    }

    /// `process` or `docker`.
    pub fn runtime(&self) -> &'static str {
        self.runtime.name()
    }

    /// One request to one card, on a stream of its own.
    pub async fn request(&self, card: &CardId, request: Request) -> Result<Reply, LabError> {
        self.operator.request(card, request).await
    }

    /// One request that is answered again and again.
    pub async fn stream(&self, card: &CardId, request: Request) -> Result<Stream, LabError> {
        self.operator.stream(card, request).await
    }

    /// Whether its folder is there, and nobody takes it down.
    pub fn is_there(&self) -> bool {
        layout::has_plan(&self.plan.dir) && !layout::is_going(&self.plan.dir)
    }

    /// Counters and state of a card; `None` when it does not answer (dead, paused, removed) within a second.
    pub async fn stats(&self, card: &CardId) -> Option<CardStats> {
        self.operator.stats(card).await
    }

    /// A command line session.
    pub async fn session(&self, card: &CardId) -> Result<Session, LabError> {
        self.operator.session(card).await
    }

    /// Whether a card was taken out of its slot.
    pub fn is_empty(&self, card: &CardId) -> bool {
        self.plan.card(card).is_some_and(|card| slot::is_empty(&card.folder))
    }

    /// One line, in a session of its own.
    pub async fn exec(&self, card: &CardId, line: &str) -> Result<CommandOutput, LabError> {
        let mut session = self.session(card).await?;
        let output = session.exec(line).await?;
        session.end().await;
        Ok(output)
    }

    /// Every event of every card from now on (`history`: and those kept), across restarts of the cards. The
    /// channel ends when its reader falls far behind.
    pub fn events(&self, history: bool) -> mpsc::Receiver<LabEvent> {
        self.hub.subscribe(history)
    }

    /// Does something to a card's program; answers the instant just before it was done.
    pub async fn act(&self, card: &CardId, action: CardAction) -> Result<Instant, LabError> {
        let at = self.slots.act(card, action).await?;
        match (action, card.unit) {
            (CardAction::Remove, Unit::Card(slot)) => self.oir(card, slot, false).await,
            (CardAction::Insert, Unit::Card(slot)) => self.oir(card, slot, true).await,
            _ => {}
        }
        Ok(at)
    }

    /// A backplane's presence pins: the route processors of the chassis see that a card came or went.
    async fn oir(&self, card: &CardId, slot: Slot, inserted: bool) {
        for rp in self.plan.rps(&card.node).filter(|rp| *rp != card) {
            let told = self.operator.request(rp, Request::Oir { slot, inserted });
            // One that is dead, or paused, does not look at its pins.
            if let Ok(Err(error)) = tokio::time::timeout(PRESENCE, told).await {
                tracing::debug!(%rp, %error, "presence of {slot}");
            }
        }
    }

    /// Gives a card another image, from its next start on; the manifest is named by `release` and `manifest`.
    pub async fn swap_image(&self, card: &CardId, release: &str, manifest: &Path) -> Result<(), LabError> {
        self.slots.swap_image(card, release, manifest).await
    }

    /// The cards whose programs run, stopped ones too.
    pub async fn running(&self) -> Vec<CardId> {
        self.runtime.running().await
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab").field("lab", &self.plan.lab).field("dir", &self.plan.dir).finish_non_exhaustive()
    }
}

/// The shelf is a process whatever the cards are.
fn start_shelf(plan: &LabPlan) -> Result<(), RuntimeError> {
    ProcessRuntime::new(&plan.lab, &plan.dir).start_shelf(&layout::shelf_log(&plan.dir))
}

/// Refuses what no lab can be called: a name becomes part of paths.
fn check_name(lab: &str) -> Result<(), LabError> {
    fabric::tls::check_name("lab", lab).map_err(|_| LabError::Name(lab.to_owned()))
}

/// The folder of the lab called `lab`, if one was deployed.
pub fn find(lab: &str) -> Result<Option<PathBuf>, LabError> {
    check_name(lab)?;
    let dir = labs_dir().join(lab);
    Ok((layout::look_at(&dir)? && layout::has_plan(&dir)).then_some(dir))
}

/// Names of the labs that were deployed, in order.
pub fn names() -> Result<Vec<String>, LabError> {
    let labs = labs_dir();
    if !files::look_at(&labs)? {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&labs).map_err(layout::wrong(&labs))?.flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| layout::has_plan(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Brings the log files of the lab in `dir` up to date, before they are copied, and answers with its plan; nothing there is
/// fine.
pub async fn collect_logs(dir: &Path) -> Result<Option<LabPlan>, LabError> {
    let plan = match layout::read_plan(dir) {
        Err(LabError::NoLab(_)) => return Ok(None),
        other => other?,
    };
    runtime::of_plan(&plan).await?.collect_logs(&plan).await?;
    Ok(Some(plan))
}

/// Destroys the lab that is claimed, which may be half there: what its folder and its labels say.
pub async fn destroy(claim: &Claim) -> Result<(), LabError> {
    let dir = claim.dir();
    if layout::look_at(dir)? && !layout::is_lab(dir)? {
        return Err(LabError::Foreign(dir.to_owned()));
    }
    // The lab's name plays no part: processes are found by their folder. First the shelf, which would start cards
    // again.
    layout::condemn(dir)?;
    ProcessRuntime::new("", dir).destroy().await?;
    match layout::read_plan(dir) {
        Ok(plan) => {
            plan.nodes.iter().for_each(runtime::foreign::tidy);
            if let Placement::Docker { prefix, .. } = &plan.placement {
                let engine = docker::Engine::find().await?;
                docker::DockerRuntime::new(engine, prefix, &plan.lab, &plan.dir).sweep(Some(&plan)).await?;
            }
        }
        // Without a plan the folder's path is all that is known. No engine, no containers.
        Err(_) => {
            if let Ok(engine) = docker::Engine::find().await {
                docker::DockerRuntime::new(engine, "", "", dir).destroy().await?;
            }
        }
    }
    layout::remove(dir)?;
    claim.set_deployed(false);
    Ok(())
}
