//! Slots: what starts and ends the programs in them, one at a time.
//!
//! Any process may act on a slot: a lock in the card's folder keeps them apart, and a mark says that
//! the slot is empty, so that the shelf does not fill it again.

use super::{CardAction, LabError, files, layout};
use crate::{
    images,
    plan::{CardPlan, LabPlan},
    runtime::{self, Runtime, RuntimeError, Signal},
};
use fabric_proto::{id::CardId, time::Instant};
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

    /// Does something to a card's program; answers the instant just before it was done.
    pub(super) async fn act(&self, id: &CardId, action: CardAction) -> Result<Instant, LabError> {
        let card = self.card(id)?;
        let runtime = &*self.runtime;
        match action {
            CardAction::Kill => Ok(runtime.signal(id, Signal::Kill).await?),
            CardAction::Pause => Ok(runtime.signal(id, Signal::Pause).await?),
            CardAction::Resume => Ok(runtime.signal(id, Signal::Resume).await?),
            CardAction::Stop => Ok(runtime::stop(runtime, id).await?),
            CardAction::Restart => {
                let _lock = lock(card).await?;
                if is_empty(card) {
                    return Err(LabError::Empty(id.clone()));
                }
                self.restart(card).await
            }
            CardAction::Remove => {
                let _lock = lock(card).await?;
                files::mark(&layout::removed_mark(card))?;
                let at = fabric::clock::now();
                runtime::clear(runtime, id).await?;
                Ok(at)
            }
            CardAction::Insert => {
                let _lock = lock(card).await?;
                fill(card)?;
                let at = fabric::clock::now();
                match runtime.start(card).await {
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
        let _lock = lock(card).await?;
        if is_empty(card) {
            return Ok(false);
        }
        if let Some(release) = release {
            self.swap_image(id, release, &images::beside(&card.config.image, release)).await?;
        }
        self.restart(card).await?;
        Ok(true)
    }

    /// Resets the cards of a chassis: all are down before the first comes up again.
    pub(super) async fn reset_chassis(&self, node: &str) -> Result<(), LabError> {
        let cards: Vec<&CardPlan> = self.plan.cards.iter().filter(|card| card.config.id.node == node).collect();
        // In the plan's order, as everybody who takes several locks.
        let mut locks = Vec::new();
        for card in &cards {
            locks.push(lock(card).await?);
        }
        for card in &cards {
            runtime::clear(&*self.runtime, &card.config.id).await?;
        }
        for card in cards.into_iter().filter(|card| !is_empty(card)) {
            self.runtime.start(card).await?;
        }
        Ok(())
    }

    async fn restart(&self, card: &CardPlan) -> Result<Instant, LabError> {
        let at = fabric::clock::now();
        runtime::clear(&*self.runtime, &card.config.id).await?;
        self.runtime.start(card).await?;
        Ok(at)
    }

    fn card(&self, id: &CardId) -> Result<&CardPlan, LabError> {
        self.plan.card(id).ok_or_else(|| LabError::NoCard(id.clone()))
    }
}

pub(super) fn is_empty(card: &CardPlan) -> bool {
    layout::removed_mark(card).exists()
}

/// The slot is not empty any more.
pub(super) fn fill(card: &CardPlan) -> Result<(), LabError> {
    let mark = layout::removed_mark(card);
    match fs::remove_file(&mark) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(layout::wrong(&mark)(error)),
        _ => Ok(()),
    }
}

/// Waits for the slot's lock; dropping the file lets go of it, and so does its holder's death.
pub(super) async fn lock(card: &CardPlan) -> Result<File, LabError> {
    let path = layout::slot_lock(card);
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
