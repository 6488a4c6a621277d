//! Slots: what starts and ends the programs in them, one at a time.
//!
//! Any process may act on a slot: a lock in the card's folder keeps them apart, and a mark says that
//! the slot is empty, so that the shelf does not fill it again.

use super::{CardAction, LabError, files, layout};
use crate::{
    images,
    plan::{CardPlan, LabPlan, NodePlan},
    runtime::{self, Runtime, RuntimeError, Signal},
};
use fabric_proto::{
    id::{CardId, Unit},
    time::Instant,
};
use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

/// The slots of a lab.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    plan: Arc<LabPlan>,
    runtime: Arc<dyn Runtime>,
}

impl Slots {
    pub(super) fn new(plan: Arc<LabPlan>, runtime: Arc<dyn Runtime>) -> Self {
        Self { plan, runtime }
    }

    /// Does something to the program of a card, or to a node that is none of ours; answers the instant just before it was done.
    pub(super) async fn act(&self, id: &CardId, action: CardAction) -> Result<Instant, LabError> {
        let place = self.place(id)?;
        let runtime = &*self.runtime;
        match action {
            CardAction::Kill => Ok(runtime.signal(id, Signal::Kill).await?),
            CardAction::Pause => Ok(runtime.signal(id, Signal::Pause).await?),
            CardAction::Resume => Ok(runtime.signal(id, Signal::Resume).await?),
            CardAction::Stop => Ok(runtime::stop(runtime, id).await?),
            CardAction::Restart => {
                let _lock = lock(place.folder()).await?;
                if is_empty(place.folder()) {
                    return Err(LabError::Empty(id.clone()));
                }
                self.restart(place).await
            }
            CardAction::Remove => {
                let _lock = lock(place.folder()).await?;
                files::mark(&layout::removed_mark(place.folder()))?;
                let at = fabric::clock::now();
                runtime::clear(runtime, id).await?;
                Ok(at)
            }
            CardAction::Insert => {
                let _lock = lock(place.folder()).await?;
                fill(place.folder())?;
                let at = fabric::clock::now();
                match place.start(runtime).await {
                    Ok(()) | Err(RuntimeError::Running(_)) => Ok(at),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Gives a card another image, from its next start on.
    pub(super) async fn swap_image(&self, id: &CardId, release: &str, manifest: &Path) -> Result<(), LabError> {
        let mut card = self.card(id)?.clone();
        release.clone_into(&mut card.release);
        card.config.image = manifest.to_owned();
        // First whether the image is there: a configuration for one that is not would leave the card dead.
        self.runtime.swap_image(&card).await?;
        layout::write_config(&card, &*self.runtime)
    }

    /// Ends what runs in a slot and starts it again, with another release where one is named; an empty slot stays empty, and
    /// the answer is false. A release that cannot be had leaves everything as it is.
    pub(super) async fn reset(&self, id: &CardId, release: Option<&str>) -> Result<bool, LabError> {
        let card = self.card(id)?;
        let _lock = lock(&card.folder).await?;
        if is_empty(&card.folder) {
            return Ok(false);
        }
        if let Some(release) = release {
            self.swap_image(id, release, &images::beside(&card.config.image, release)).await?;
        }
        self.restart(Place::Card(card)).await?;
        Ok(true)
    }

    /// Resets the cards of a chassis: all are down before the first comes up again.
    pub(super) async fn reset_chassis(&self, node: &str) -> Result<(), LabError> {
        let cards: Vec<&CardPlan> = self.plan.cards.iter().filter(|card| card.config.id.node == node).collect();
        // In the plan's order, as everybody who takes several locks.
        let mut locks = Vec::new();
        for card in &cards {
            locks.push(lock(&card.folder).await?);
        }
        for card in &cards {
            runtime::clear(&*self.runtime, &card.config.id).await?;
        }
        for card in cards.into_iter().filter(|card| !is_empty(&card.folder)) {
            self.runtime.start(card).await?;
        }
        Ok(())
    }

    async fn restart(&self, place: Place<'_>) -> Result<Instant, LabError> {
        let at = fabric::clock::now();
        runtime::clear(&*self.runtime, place.id()).await?;
        place.start(&*self.runtime).await?;
        Ok(at)
    }

    fn place(&self, id: &CardId) -> Result<Place<'_>, LabError> {
        match id.unit {
            Unit::Linux => self.plan.node(id).map(Place::Node).ok_or_else(|| LabError::NoCard(id.clone())),
            Unit::Card(_) | Unit::Tester | Unit::Operator => self.card(id).map(Place::Card),
        }
    }

    fn card(&self, id: &CardId) -> Result<&CardPlan, LabError> {
        self.plan.card(id).ok_or_else(|| LabError::NoCard(id.clone()))
    }
}

/// What has a folder, and is started and ended.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// A card in its slot.
    Card(&'a CardPlan),
    /// A node that is none of ours.
    Node(&'a NodePlan),
}

impl Place<'_> {
    fn id(&self) -> &CardId {
        match self {
            Self::Card(card) => &card.config.id,
            Self::Node(node) => &node.id,
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Card(card) => &card.folder,
            Self::Node(node) => &node.folder,
        }
    }

    pub(super) async fn start(&self, runtime: &dyn Runtime) -> Result<(), RuntimeError> {
        match self {
            Self::Card(card) => runtime.start(card).await,
            Self::Node(node) => runtime.start_node(node).await,
        }
    }
}

pub(super) fn is_empty(folder: &Path) -> bool {
    layout::removed_mark(folder).exists()
}

/// The slot is not empty any more.
pub(super) fn fill(folder: &Path) -> Result<(), LabError> {
    let mark = layout::removed_mark(folder);
    match fs::remove_file(&mark) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(layout::wrong(&mark)(error)),
        _ => Ok(()),
    }
}

/// Waits for the slot's lock; dropping the file lets go of it, and so does its holder's death.
pub(super) async fn lock(folder: &Path) -> Result<File, LabError> {
    let path = layout::slot_lock(folder);
    let wait = {
        let path = path.clone();
        move || -> io::Result<File> {
            let file = File::options().write(true).open(path)?;
            file.lock()?;
            Ok(file)
        }
    };
    let locked = tokio::task::spawn_blocking(wait).await.map_err(io::Error::other).flatten();
    locked.map_err(layout::wrong(&path))
}

#[cfg(test)]
mod tests;
