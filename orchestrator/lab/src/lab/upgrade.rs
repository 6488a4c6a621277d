//! A line card's release is changed while it forwards: the new program takes the card of the one that runs.

use super::{CardAction, LOG_LINES, Lab, LabError, READY, layout, slot};
use crate::{
    images,
    plan::CardPlan,
    runtime::{Farewell, Heir, RuntimeError},
};
use fabric_proto::{
    deploy::Manifest,
    id::{CardId, Slot},
    operator::CardStats,
};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::process::Command;

/// A program that has not taken its card after this long does not take it: it gives up by itself before.
const TAKEN: Duration = Duration::from_secs(150);
/// Between questions to the card which release it runs.
const ASK: Duration = Duration::from_millis(20);

/// How a card has come to another release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgraded {
    /// It was handed over: it has forwarded all the time.
    HandedOver,
    /// It was reset, and began with nothing.
    Reset {
        /// Why it was not handed over.
        why: String,
    },
}

/// Whether a line card of one release can be given to a program of another while it forwards; why not. Said before anything
/// starts: such a card is reset.
pub fn hands_over(from: &Manifest, to: &Manifest) -> Result<(), String> {
    match from.hands_over_to(to) {
        Some(_) => Ok(()),
        None => Err(format!("line cards of release {} do not hand over to release {}", from.version, to.version)),
    }
}

impl Lab {
    /// The release that a card runs from its next start on, as it is told; `None` where nobody can say.
    pub fn next_release(&self, card: &CardId) -> Option<String> {
        images::told_release(&self.plan.card(card)?.folder)
    }

    /// Gives a line card that forwards to a program of another release, which is named by `release` and `manifest`. A card that
    /// cannot be given keeps its program and its image, and goes on ([`LabError::Kept`], [`LabError::Unfit`]).
    pub async fn upgrade_card(&self, card: &CardId, release: &str, manifest: &Path) -> Result<(), LabError> {
        let mut plan = self.plan.card(card).ok_or_else(|| LabError::NoCard(card.clone()))?.clone();
        if !matches!(card.slot(), Some(Slot::Lc(_))) {
            return Err(LabError::NoLineCard(card.clone()));
        }
        let _lock = slot::lock(&plan.folder).await?;
        let running = self.upgradable(&plan, release, manifest).await?;
        release.clone_into(&mut plan.release);
        plan.config.image = manifest.to_owned();
        self.runtime.swap_image(&plan).await?;
        let heir = self.runtime.take_over(&plan).await.map_err(|error| match error.is_usage() {
            true => LabError::Unfit { card: card.clone(), why: error.to_string() },
            false => error.into(),
        })?;
        let boot = self.taken(&plan, heir).await?;
        // Only now: what the old program is told, should it restart or be started again, is the old program's.
        layout::write_config(&plan, &*self.runtime)?;
        match boot == running.boot {
            true => Ok(()),
            false => Err(LabError::Renewed { card: card.clone(), release: release.to_owned() }),
        }
    }

    /// The same, or, where the card cannot be handed over, a reset with the new image; `say` hears why, before it happens.
    pub async fn upgrade_or_reset(
        &self,
        card: &CardId,
        release: &str,
        manifest: &Path,
        say: impl FnOnce(&str),
    ) -> Result<Upgraded, LabError> {
        let why = match self.upgrade_card(card, release, manifest).await {
            Ok(()) => return Ok(Upgraded::HandedOver),
            Err(LabError::Kept { why, .. }) => why,
            Err(error) => return Err(error),
        };
        say(&why);
        self.reset_with(card, release, manifest).await?;
        Ok(Upgraded::Reset { why })
    }

    /// Resets a card with the image of another release, and waits until it runs that.
    pub async fn reset_with(&self, card: &CardId, release: &str, manifest: &Path) -> Result<(), LabError> {
        let mut plan = self.plan.card(card).ok_or_else(|| LabError::NoCard(card.clone()))?.clone();
        // Before the card is touched: what does not even say its version does not forward either.
        if let Some(program) = images::fit_program(manifest, plan.program).map_err(RuntimeError::from)? {
            let says = Command::new(&program).arg("--version").stdin(Stdio::null()).output().await;
            if !says.as_ref().is_ok_and(|output| output.status.success()) {
                let ended = says.map_or_else(|error| error.to_string(), |output| output.status.to_string());
                let why = format!("{} does not run: {ended}", program.display());
                return Err(LabError::Unfit { card: card.clone(), why });
            }
        }
        self.swap_image(card, release, manifest).await?;
        self.act(card, CardAction::Restart).await?;
        release.clone_into(&mut plan.release);
        self.renewed(&plan).await
    }

    /// Waits until a card that was reset says that it runs its new release.
    async fn renewed(&self, plan: &CardPlan) -> Result<(), LabError> {
        let card = &plan.config.id;
        let why = tokio::select! {
            _ = self.runs(plan) => return Ok(()),
            () = self.runtime.ended(card) => "its program has ended".to_owned(),
            () = tokio::time::sleep(READY) => format!("it does not run its release after {} s", READY.as_secs()),
        };
        let log = self.runtime.logs(plan, LOG_LINES).await;
        Err(LabError::Start { card: card.clone(), why, log })
    }

    /// Waits until the card says that it runs its release; of which run it is then.
    async fn runs(&self, plan: &CardPlan) -> u64 {
        loop {
            match self.stats(&plan.config.id).await {
                Some(stats) if stats.release == plan.release => return stats.boot,
                Some(_) | None => tokio::time::sleep(ASK).await,
            }
        }
    }

    /// How the card runs, where its program can be asked to hand over to one of `release`.
    async fn upgradable(&self, plan: &CardPlan, release: &str, manifest: &Path) -> Result<CardStats, LabError> {
        let card = &plan.config.id;
        let kept = |why: String| LabError::Kept { card: card.clone(), why };
        if slot::is_empty(&plan.folder) {
            return Err(LabError::Empty(card.clone()));
        }
        let running = self.stats(card).await.ok_or_else(|| LabError::Silent(card.clone()))?;
        if running.release == release {
            return Err(LabError::Runs { card: card.clone(), release: release.to_owned() });
        }
        let read = |path: &Path| fabric::card::manifest(path).map_err(|error| kept(error.to_string()));
        let own = images::beside(manifest, &running.release);
        hands_over(&read(&own)?, &read(manifest)?).map_err(kept)?;
        Ok(running)
    }

    /// Waits until the card says that it runs its new release, and of which run it is; or the new program has ended without.
    async fn taken(&self, plan: &CardPlan, heir: Heir) -> Result<u64, LabError> {
        let card = plan.config.id.clone();
        let Heir { mut ended, end } = heir;
        let Farewell { why, refused } = tokio::select! {
            boot = self.runs(plan) => return Ok(boot),
            farewell = &mut ended => {
                farewell.unwrap_or_else(|_| Farewell { why: "the new program has ended".to_owned(), refused: false })
            }
            () = tokio::time::sleep(TAKEN) => {
                // It is not to take it later, or to be taken for the card's program.
                if end.send(()).is_ok() {
                    let _ = ended.await;
                }
                Farewell { why: format!("the new program has not taken it after {} s", TAKEN.as_secs()), refused: false }
            }
        };
        if !self.runtime.running().await.contains(&card) {
            return Err(LabError::Died { card, why });
        }
        Err(if refused { LabError::Kept { card, why } } else { LabError::Unfit { card, why } })
    }
}
