//! Cards as containers, each with a network namespace of its own, through the engine's API.
//!
//! * Containers are called `<prefix>-<lab>-<node>-<slot>`; who they are is in their [`label`]s, and whoever looks for
//!   them later finds them by these.
//! * Nothing secret is in an image, an environment or a label: a card's folder (configuration, certificate, NVRAM)
//!   and the folders of its own wires are mounted from the lab's folder.
//! * No capabilities, a read-only root, an unprivileged user, no restart policy.
//!
//! A client that was killed leaves requests behind that the engine still serves. Whoever removes a lab therefore
//! claims the names and addresses that are missing: the engine serves one request for a name at a time.

pub mod build;
mod container;
mod engine;
pub mod image;
mod network;
mod node;
mod upgrade;

pub use engine::Engine;
use engine::{reason, refused, status};

use super::{Heir, Runtime, RuntimeError, Signal, Task, slot_label};
use crate::{
    images,
    plan::{CardPlan, LabPlan, NodePlan, Placement},
    topology::{HOST, MACVLAN},
};
use bollard::{
    errors::Error,
    models::{ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum, RestartPolicyNameEnum},
    query_parameters::{
        CreateContainerOptionsBuilder, EventsOptionsBuilder, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
        LogsOptionsBuilder, RemoveContainerOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use container::name_of;
use fabric_proto::{
    deploy::CardConfig,
    id::{CardId, Unit},
    time::Instant,
};
use futures_util::{
    StreamExt,
    future::{join_all, try_join_all},
};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

/// Labels of containers and networks.
pub mod label {
    /// Name of the lab.
    pub const LAB: &str = "swact.lab";
    /// Name of the node.
    pub const NODE: &str = "swact.node";
    /// Slot, or `tester`.
    pub const SLOT: &str = "swact.slot";
    /// The lab's folder: it tells labs of one name apart.
    pub const DIR: &str = "swact.dir";
}

/// Rounds of looking and removing until a lab is given up: each ends with a proof that nothing was left, or with
/// something that has appeared meanwhile.
const ROUNDS: usize = 50;
/// Between them.
const BREATH: Duration = Duration::from_millis(100);

/// The containers of one lab.
#[derive(Clone, Debug)]
pub struct DockerRuntime {
    engine: Engine,
    prefix: String,
    lab: String,
    dir: PathBuf,
}

impl DockerRuntime {
    /// For the lab whose folder is `dir`.
    pub fn new(engine: Engine, prefix: &str, lab: &str, dir: &Path) -> Self {
        let dir = super::process::find::plain(dir);
        Self { engine, prefix: prefix.to_owned(), lab: lab.to_owned(), dir }
    }

    fn name(&self, id: &CardId) -> String {
        name_of(&self.prefix, id)
    }

    fn network(&self) -> String {
        format!("{}-{}", self.prefix, self.lab)
    }

    fn filters(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![format!("{}={}", label::DIR, self.dir.display())])])
    }

    /// The lab's containers, those that do not run too.
    async fn containers(&self) -> Result<Vec<ContainerSummary>, RuntimeError> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&self.filters()).build();
        self.engine.api.list_containers(Some(options)).await.map_err(refused("cannot list containers"))
    }

    /// A card's container; one of another lab by the same name is an error.
    async fn find(&self, id: &CardId) -> Result<Option<ContainerInspectResponse>, RuntimeError> {
        let name = self.name(id);
        let found = match self.engine.api.inspect_container(&name, None).await {
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(refused(format!("cannot look at container {name}"))(error)),
        };
        let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
        let dir = labels.and_then(|labels| labels.get(label::DIR));
        if dir.is_some_and(|dir| Path::new(dir) == self.dir) {
            return Ok(Some(found));
        }
        Err(RuntimeError::Taken(match dir {
            Some(dir) => format!("container {name} belongs to the lab in {dir}: rename one of the labs, or its prefix"),
            None => format!("there is a container {name} that is not of this lab: remove it, or set another prefix"),
        }))
    }

    /// Makes a card's container for the release that its configuration names; it does not run yet.
    async fn make(&self, card: &CardPlan, preferred: bool) -> Result<(), RuntimeError> {
        let name = self.name(&card.config.id);
        let image = images::reference(card.program, &self.release(card));
        let body = container::body(card, &image, &self.network(), &self.dir, preferred)?;
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        match self.engine.api.create_container(Some(options), body).await {
            Ok(_) => Ok(()),
            Err(error) if status(&error) == Some(404) => Err(images::ImageError::Missing(image).into()),
            Err(error) => Err(refused(format!("cannot create container {name}"))(error)),
        }
    }

    /// The release that a card is to run from its next start on: its configuration says so, not the plan, which
    /// knows only what it ran at first.
    fn release(&self, card: &CardPlan) -> String {
        images::told_release(&card.folder).filter(|_| !card.release.is_empty()).unwrap_or_else(|| card.release.clone())
    }

    async fn start_card(&self, card: &CardPlan) -> Result<(), RuntimeError> {
        let id = &card.config.id;
        let name = self.name(id);
        let image = images::reference(card.program, &self.release(card));
        container::hand_over(card)?;
        match self.find(id).await? {
            Some(found) if is_up(&found) => return Err(RuntimeError::Running(id.clone())),
            Some(found) if found.config.as_ref().and_then(|config| config.image.as_ref()) == Some(&image) => {
                never_restarts(&name, &found)?;
            }
            found => {
                if found.is_some() {
                    self.drop_container(card).await?;
                }
                self.make(card, true).await?;
                if let Some(found) = self.find(id).await? {
                    never_restarts(&name, &found)?;
                }
            }
        }
        let start = || self.engine.api.start_container(&name, None);
        let started = match start().await {
            // An engine that may not raise limits itself: the tester says in every report how it is scheduled.
            Err(error) if id.unit == Unit::Tester && reason(&error).contains("rlimit") => {
                tracing::debug!(name, "an ordinary tester: {}", reason(&error));
                self.remove(&name).await?;
                self.make(card, false).await?;
                start().await
            }
            started => started,
        };
        started.map_err(refused(format!("cannot start container {name}")))
    }

    /// Removes a card's container; what it logged is kept.
    async fn drop_container(&self, card: &CardPlan) -> Result<(), RuntimeError> {
        self.fetch_log(card).await?;
        let earlier = earlier(&card.log);
        fs::rename(&card.log, &earlier)
            .map_err(|source| RuntimeError::System { what: format!("log {}", earlier.display()), source })?;
        self.remove(&self.name(&card.config.id)).await
    }

    async fn remove(&self, name: &str) -> Result<(), RuntimeError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.engine.api.remove_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            // Gone, or going.
            Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(refused(format!("cannot remove container {name}"))(error)),
        }
    }

    async fn output(&self, card: &CardId, tail: &str) -> Vec<u8> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(tail).build();
        let mut lines = pin!(self.engine.api.logs(&self.name(card), Some(options)));
        let mut text = Vec::new();
        while let Some(Ok(line)) = lines.next().await {
            text.extend_from_slice(&line.into_bytes());
        }
        text
    }

    /// Writes the card's log file: what containers before this one said, then what this one did.
    async fn fetch_log(&self, card: &CardPlan) -> Result<(), RuntimeError> {
        let mut text = fs::read(earlier(&card.log)).unwrap_or_default();
        text.extend(self.output(&card.config.id, "all").await);
        let wrong = |source| RuntimeError::System { what: format!("log {}", card.log.display()), source };
        fs::write(&card.log, text).map_err(wrong)
    }

    /// Waits until a container does not run.
    async fn gone(&self, name: &str) {
        loop {
            let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
            match pin!(self.engine.api.wait_container(name, Some(options))).next().await {
                // An exit code other than zero is an error to the client.
                None | Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => return,
                Some(Err(Error::RequestTimeoutError)) => {}
                Some(Err(error)) => {
                    if status(&error) != Some(404) {
                        tracing::warn!(name, "cannot wait for a container: {}", reason(&error));
                    }
                    return;
                }
            }
        }
    }

    async fn send(&self, id: &CardId, signal: Signal) -> Result<Instant, RuntimeError> {
        let (name, api) = (self.name(id), &self.engine.api);
        let kill = |signal| {
            let options = KillContainerOptionsBuilder::new().signal(signal).build();
            api.kill_container(&name, Some(options))
        };
        let at = fabric::clock::now();
        let done = match signal {
            Signal::Kill => kill("SIGKILL").await,
            Signal::Terminate => kill("SIGTERM").await,
            Signal::Pause => api.pause_container(&name).await,
            Signal::Resume => api.unpause_container(&name).await,
        };
        let Err(error) = done else { return Ok(at) };
        let Some(found) = self.find(id).await?.filter(is_up) else { return Err(RuntimeError::NotRunning(id.clone())) };
        let paused = found.state.and_then(|state| state.paused).unwrap_or_default();
        match signal {
            Signal::Pause if paused => Ok(at),
            Signal::Resume if !paused => Ok(at),
            Signal::Kill if paused => {
                // An engine that kills nothing that stands still.
                api.unpause_container(&name).await.map_err(refused(format!("cannot resume container {name}")))?;
                kill("SIGKILL").await.map_err(refused(format!("cannot kill container {name}")))?;
                Ok(at)
            }
            Signal::Kill | Signal::Terminate | Signal::Pause | Signal::Resume => {
                Err(refused(format!("cannot send {signal:?} to container {name}"))(error))
            }
        }
    }

    /// Asks for every container of the plan. A name that is refused although nobody has it belongs to a request that
    /// is still being served: the answer is true, and it is to be looked at again.
    async fn claim_names(&self, plan: &LabPlan) -> Result<bool, RuntimeError> {
        let claims = plan.cards.iter().map(async |card| match self.make(card, false).await {
            Err(RuntimeError::Engine { why, .. }) if why.contains("(409)") => {
                matches!(self.find(&card.config.id).await, Ok(None))
            }
            // This lab's now: it goes in the next round. Or it can never be made.
            Ok(()) | Err(_) => false,
        });
        let nodes = plan.nodes.iter().filter(|node| node.has_node());
        let nodes = nodes.map(async |node| match node::make(self, node).await {
            Err(RuntimeError::Engine { why, .. }) if why.contains("(409)") => {
                matches!(self.find(&node.id).await, Ok(None))
            }
            Ok(()) | Err(_) => false,
        });
        Ok(join_all(claims).await.contains(&true) | join_all(nodes).await.contains(&true))
    }

    /// Removes every container and network of the lab. With the plan of a lab that is not whole, also what a
    /// killed client's requests may yet bring.
    pub async fn sweep(&self, plan: Option<&LabPlan>) -> Result<(), RuntimeError> {
        let mut claimed = false;
        for _ in 0..ROUNDS {
            let found = self.containers().await?;
            let nodes = |plan: &LabPlan| plan.nodes.iter().filter(|node| node.has_node()).count();
            let whole = plan.is_none_or(|plan| found.len() >= plan.cards.len() + nodes(plan));
            let names = found.iter().filter_map(|container| container.id.as_deref());
            try_join_all(names.map(|id| self.remove(id))).await?;
            if let Some(plan) = plan.filter(|_| !whole && !claimed) {
                claimed = !self.claim_names(plan).await?;
                continue;
            }
            claimed = true;
            let left = !self.containers().await?.is_empty() || network::sweep(self, plan).await?;
            if !left {
                return Ok(());
            }
            tokio::time::sleep(BREATH).await;
        }
        let left = self.containers().await?;
        let names: Vec<_> = left.into_iter().flat_map(|container| container.names.unwrap_or_default()).collect();
        let why = format!("still there: {} and network {}", names.join(", "), self.network());
        Err(RuntimeError::Engine { what: format!("cannot remove lab {}", self.lab), why })
    }
}

impl Runtime for DockerRuntime {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn check<'a>(&'a self, plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            image::check(&self.engine, &image::needed(plan)).await?;
            try_join_all(plan.cards.iter().map(|card| self.find(&card.config.id))).await?;
            Ok(())
        })
    }

    fn told(&self, card: &CardPlan) -> CardConfig {
        container::told(card)
    }

    fn create<'a>(&'a self, plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            let Placement::Docker { subnet, .. } = &plan.placement else {
                return Err(RuntimeError::NoEngine("the lab was planned for processes".to_owned()));
            };
            network::create(self, subnet).await?;
            plan.cards.iter().try_for_each(container::hand_over)?;
            try_join_all(plan.cards.iter().map(async |card| match self.make(card, true).await {
                // Somebody was faster with the name: whose it is says `find`.
                Err(refused) => self.find(&card.config.id).await.and(Err(refused)),
                made => made,
            }))
            .await?;
            // One container of each image tells whether the engine stores the program that was put there.
            let samples = image::needed(plan).into_iter().filter_map(|needed| {
                let of = |card: &&CardPlan| images::reference(card.program, &card.release) == needed.reference;
                let name = self.name(&plan.cards.iter().find(of)?.config.id);
                Some((needed, name))
            });
            try_join_all(samples.map(|(needed, name)| image::verify(&self.engine, needed, name))).await?;
            Ok(())
        })
    }

    fn start<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(self.start_card(card))
    }

    fn start_node<'a>(&'a self, node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(node::start(self, node))
    }

    fn forget_node<'a>(&'a self, node: &'a NodePlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(node::forget(self, node))
    }

    fn signal<'a>(&'a self, card: &'a CardId, signal: Signal) -> Task<'a, Result<Instant, RuntimeError>> {
        Box::pin(async move {
            if is_process(card) { node::beside(self).signal(card, signal).await } else { self.send(card, signal).await }
        })
    }

    fn ended<'a>(&'a self, card: &'a CardId) -> Task<'a, ()> {
        Box::pin(async move {
            if is_process(card) { node::beside(self).ended(card).await } else { self.gone(&self.name(card)).await }
        })
    }

    fn running(&self) -> Task<'_, Vec<CardId>> {
        Box::pin(async move {
            let all = self.containers().await.unwrap_or_else(|error| {
                tracing::warn!("{error}");
                Vec::new()
            });
            let mut running: Vec<_> = all.iter().filter(|container| runs(container)).filter_map(card_of).collect();
            running.extend(node::beside(self).running().await.into_iter().filter(is_process));
            running
        })
    }

    fn swap_image<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            let needed = image::Needed::of(card);
            image::check(&self.engine, &[needed]).await
        })
    }

    fn take_over<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<Heir, RuntimeError>> {
        Box::pin(upgrade::take_over(self, card))
    }

    fn logs<'a>(&'a self, card: &'a CardPlan, lines: usize) -> Task<'a, String> {
        Box::pin(async move {
            let output = self.output(&card.config.id, &lines.to_string()).await;
            String::from_utf8_lossy(&output).trim_end().to_owned()
        })
    }

    fn logs_of_node<'a>(&'a self, node: &'a NodePlan, lines: usize) -> Task<'a, String> {
        Box::pin(async move {
            if is_process(&node.id) {
                return node::beside(self).logs_of_node(node, lines).await;
            }
            let output = self.output(&node.id, &lines.to_string()).await;
            String::from_utf8_lossy(&output).trim_end().to_owned()
        })
    }

    fn collect_logs<'a>(&'a self, plan: &'a LabPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            try_join_all(plan.cards.iter().map(|card| self.fetch_log(card))).await?;
            Ok(())
        })
    }

    fn forget<'a>(&'a self, card: &'a CardPlan) -> Task<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            match self.find(&card.config.id).await? {
                Some(_) => self.drop_container(card).await,
                None => Ok(()),
            }
        })
    }

    fn watch(&self) -> Task<'_, ()> {
        Box::pin(async move {
            let options = EventsOptionsBuilder::new().filters(&self.filters()).build();
            let mut events = pin!(self.engine.api.events(Some(options)));
            while let Some(Ok(event)) = events.next().await {
                let of = |name: &str| event.actor.as_ref()?.attributes.as_ref()?.get(name).cloned();
                let card = format!("{}/{}", of(label::NODE).unwrap_or_default(), of(label::SLOT).unwrap_or_default());
                match event.action.as_deref() {
                    Some("oom") => {
                        tracing::error!(%card, "out of memory: the engine kills it; raise 'memory' in the topology")
                    }
                    Some("die") => tracing::info!(%card, exit = of("exitCode").unwrap_or_default(), "container ended"),
                    Some(what @ ("start" | "pause" | "unpause")) => tracing::info!(%card, "container: {what}"),
                    _ => {}
                }
            }
            // The engine is gone: nothing more will be seen.
            std::future::pending().await
        })
    }

    fn destroy(&self) -> Task<'_, Result<(), RuntimeError>> {
        Box::pin(self.sweep(None))
    }
}

/// This machine's own interfaces, of which there is a bridge only.
fn is_process(id: &CardId) -> bool {
    id.unit == Unit::Linux && [HOST, MACVLAN].contains(&id.node.as_str())
}

/// Names and folders of the labs that have containers on an engine.
pub async fn labs(engine: &Engine) -> Vec<(String, PathBuf)> {
    let filters = HashMap::from([("label".to_owned(), vec![label::DIR.to_owned()])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let all = engine.api.list_containers(Some(options)).await.unwrap_or_default();
    let lab = |container: &ContainerSummary| {
        let labels = container.labels.as_ref()?;
        Some((labels.get(label::LAB)?.clone(), PathBuf::from(labels.get(label::DIR)?)))
    };
    let mut labs: Vec<_> = all.iter().filter_map(lab).collect();
    labs.sort();
    labs.dedup();
    labs
}

fn earlier(log: &Path) -> PathBuf {
    log.with_added_extension("earlier")
}

fn is_up(found: &ContainerInspectResponse) -> bool {
    found.state.as_ref().is_some_and(|state| state.running.unwrap_or_default() || state.paused.unwrap_or_default())
}

fn runs(container: &ContainerSummary) -> bool {
    matches!(container.state, Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED))
}

fn card_of(container: &ContainerSummary) -> Option<CardId> {
    let labels = container.labels.as_ref()?;
    let of = |name: &str| labels.get(name).map(String::as_str);
    format!("{}/{}/{}", of(label::LAB)?, of(label::NODE)?, of(label::SLOT)?).parse().ok()
}

/// Nothing may resurrect what an experiment killed, whatever the engine's defaults are.
fn never_restarts(name: &str, found: &ContainerInspectResponse) -> Result<(), RuntimeError> {
    let policy =
        found.host_config.as_ref().and_then(|host| host.restart_policy.as_ref()).and_then(|policy| policy.name);
    if matches!(policy, None | Some(RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY)) {
        return Ok(());
    }
    let why = format!("the engine gave it the restart policy {policy:?}: it would undo faults");
    Err(RuntimeError::Engine { what: format!("container {name}"), why })
}
