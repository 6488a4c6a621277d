//! A line card's release is changed while it forwards: the new program takes the card of the one that runs.

use super::{Lab, LabError, layout, slot};
use crate::plan::CardPlan;
use fabric_proto::{
    deploy::{CONFIG_FILE, Manifest},
    id::{CardId, Slot, Unit},
};
use std::{path::Path, time::Duration};
use tokio::sync::oneshot::Receiver;

/// A program that has not taken its card after this long does not take it: it gives up by itself before.
const TAKEN: Duration = Duration::from_secs(150);
/// Between questions to the card which release it runs.
const ASK: Duration = Duration::from_millis(20);

/// Whether a line card of one release can be given to a program of another while it forwards; why not. Said before anything
/// starts: such a card is reset.
pub fn hands_over(from: &Manifest, to: &Manifest) -> Result<(), String> {
    match from.hands_over_to(to) {
        Some(_) => Ok(()),
        None => Err(format!("line cards of release {} do not hand over to release {}", from.version, to.version)),
    }
}

impl Lab {
    /// Gives a line card that forwards to a program of another release, which is named by `release` and `manifest`. A card that
    /// cannot be given keeps its program and its image, and goes on ([`LabError::Kept`]).
    pub async fn upgrade_card(&self, card: &CardId, release: &str, manifest: &Path) -> Result<(), LabError> {
        let mut plan = self.plan.card(card).ok_or_else(|| LabError::NoCard(card.clone()))?.clone();
        let kept = |why: String| LabError::Kept { card: card.clone(), why };
        if !matches!(card.unit, Unit::Card(Slot::Lc(_))) {
            return Err(kept("it is no line card".to_owned()));
        }
        let _lock = slot::lock(&plan).await?;
        if slot::is_empty(&plan) {
            return Err(LabError::Empty(card.clone()));
        }
        let running = self.stats(card).await.ok_or_else(|| LabError::Silent(card.clone()))?.release;
        if running == release {
            return Err(kept(format!("it runs release {release} already")));
        }
        let read = |path: &Path| fabric::card::manifest(path).map_err(|error| kept(error.to_string()));
        let folder = manifest.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        hands_over(&read(&folder.join(&running).join("manifest.yml"))?, &read(manifest)?).map_err(kept)?;

        release.clone_into(&mut plan.release);
        plan.config.image = manifest.to_owned();
        self.runtime.swap_image(&plan).await?;
        let path = plan.folder.join(CONFIG_FILE);
        let before = std::fs::read(&path).map_err(layout::wrong(&path))?;
        layout::write_config(&plan, &*self.runtime)?;
        let taken = match self.runtime.take_over(&plan).await {
            Ok(words) => self.taken(&plan, words).await,
            Err(error) => Err(error.into()),
        };
        if taken.is_err() {
            // The card is the old program's, which is to be what starts next, too.
            super::files::write(&path, &before)?;
        }
        taken
    }

    /// Waits until the card says that it runs its new release, or the new program has ended without.
    async fn taken(&self, plan: &CardPlan, words: Receiver<String>) -> Result<(), LabError> {
        let card = &plan.config.id;
        let asked = async {
            while self.stats(card).await.is_none_or(|stats| stats.release != plan.release) {
                tokio::time::sleep(ASK).await;
            }
        };
        let why = tokio::select! {
            () = asked => return Ok(()),
            words = words => words.unwrap_or_else(|_| "the new program has ended".to_owned()),
            () = tokio::time::sleep(TAKEN) => format!("the new program has not taken it after {} s", TAKEN.as_secs()),
        };
        Err(LabError::Kept { card: card.clone(), why })
    }
}
