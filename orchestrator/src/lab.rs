//! A running lab: what the run engine and the commands do to it.
//!
//! A lab is its folder, its cards' programs (processes, or containers), and its *shelf*: a background process (`swact shelf DIR`) that stands
//! for the chassis' backplane and resets slots when the active RP asks for it. A [`Lab`] is only a
//! handle: it can be dropped, or its process killed, and another one takes hold of the lab by its folder.

mod converge;
mod error;
mod event;
mod layout;
mod link;
mod shelf;
mod slot;

pub use crate::runtime::RuntimeKind;
pub use converge::{Change, Step, changes};
pub use error::LabError;
pub use event::LabEvent;
pub use link::{Session, farewell};
pub use shelf::shelf;

use crate::{
    pki,
    plan::{CardPlan, LabPlan, Placement},
    runtime::{self, Runtime, RuntimeError, docker, process::ProcessRuntime},
};
use event::Hub;
use fabric_proto::{
    id::{CardId, Slot, Unit},
    operator::{CardStats, Reply, Request},
    time::Instant,
};
use futures_util::future::try_join_all;
use link::Operator;
use slot::Slots;
use std::{fmt, path::Path, sync::Arc, time::Duration};
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
    /// Brings a lab up: folders, certificates, NVRAM, programs. Fails when the lab is there already, and leaves
    /// nothing behind when it fails. Returns when every card answers.
    pub async fn deploy(plan: LabPlan) -> Result<Self, LabError> {
        let runtime = runtime::of_plan(&plan).await?;
        runtime.check(&plan).await?;
        layout::claim(&plan, runtime.running().await.is_empty())?;
        let dir = plan.dir.clone();
        match Self::bring_up(plan, runtime).await {
            Ok(lab) => Ok(lab),
            Err(error) => {
                if let Err(left) = destroy_dir(&dir).await {
                    tracing::warn!("rolling back: {left}");
                }
                Err(error)
            }
        }
    }

    async fn bring_up(plan: LabPlan, runtime: Arc<dyn Runtime>) -> Result<Self, LabError> {
        pki::issue(&plan)?;
        layout::furnish(&plan, &*runtime)?;
        runtime.create(&plan).await?;
        start_shelf(&plan)?;
        try_join_all(plan.cards.iter().map(|card| runtime.start(card))).await?;
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

    /// Counters and state of a card; `None` when it does not answer (dead, paused, removed) within a second.
    pub async fn stats(&self, card: &CardId) -> Option<CardStats> {
        self.operator.stats(card).await
    }

    /// A command line session.
    pub async fn session(&self, card: &CardId) -> Result<Session, LabError> {
        self.operator.session(card).await
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
        let mut card = self.plan.card(card).ok_or_else(|| LabError::NoCard(card.clone()))?.clone();
        release.clone_into(&mut card.release);
        card.config.image = manifest.to_owned();
        // First whether the image is there: a configuration for one that is not would leave the card dead.
        self.runtime.swap_image(&card).await?;
        layout::write_config(&card, &*self.runtime)
    }

    /// The cards whose programs run, stopped ones too.
    pub async fn running(&self) -> Vec<CardId> {
        self.runtime.running().await
    }

    /// Stops everything and removes every trace.
    pub async fn destroy(self) -> Result<(), LabError> {
        let dir = self.plan.dir.clone();
        drop(self);
        destroy_dir(&dir).await
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

/// Where the cards of the lab in `dir` run; `None` when no lab is there, or one that is going.
pub fn placement(dir: &Path) -> Result<Option<Placement>, LabError> {
    match layout::read_plan(dir) {
        Ok(plan) => Ok((!layout::is_going(dir)).then_some(plan.placement)),
        Err(LabError::NoLab(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Brings the log files of the lab in `dir` up to date, before they are copied; nothing there is fine.
pub async fn collect_logs(dir: &Path) -> Result<(), LabError> {
    let plan = match layout::read_plan(dir) {
        Err(LabError::NoLab(_)) => return Ok(()),
        other => other?,
    };
    Ok(runtime::of_plan(&plan).await?.collect_logs(&plan).await?)
}

/// Destroys a lab that may be half there, without a handle: what its folder and its labels say.
pub async fn destroy_dir(dir: &Path) -> Result<(), LabError> {
    // The lab's name plays no part: processes are found by their folder. First the shelf, which would start cards
    // again.
    layout::condemn(dir)?;
    ProcessRuntime::new("", dir).destroy().await?;
    match layout::read_plan(dir) {
        Ok(plan) => {
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
    layout::remove(dir)
}
