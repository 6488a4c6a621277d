//! An in-service software upgrade (ISSU) of a chassis, as whoever operates it goes through it: what it will come to is said
//! before anything starts, then step by step, each over when the cards themselves say so.
//!
//! `swact issu` walks through it, and so do trials of the procedure `issu`. What a command means is the chassis' own business
//! (`rp_core::issu`).

mod plan;
mod standing;

pub use plan::{CardPlan, How, Plan};
use standing::Standing;

use crate::standing::{active_rp, described, unlinked};
use fabric_proto::{id::CardId, time::Instant as Clock};
use lab::{Lab, LabError, card_name, images::Images};
use notation::document::BadInput;
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, path::Path, time::Duration};
use strum::{EnumString, IntoStaticStr, VariantArray};
use tokio::time::{Instant, sleep};

/// Between two looks at the chassis.
const POLL: Duration = Duration::from_millis(50);

/// Between two attempts to hand a line card over.
const AGAIN: Duration = Duration::from_secs(1);

/// A step of an upgrade, in order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Stage {
    /// `issu loadversion`: the standby runs the new release, and is ready.
    Load,
    /// `issu runversion`: it is active, and the unit of the old release stands by.
    Run,
    /// `issu acceptversion`: the rollback timer does not run any more.
    Accept,
    /// `issu commitversion`: both units run the new release.
    Commit,
    /// The line cards, one after the other.
    LineCards,
}

impl Stage {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// What is typed; line cards are not the route processors' business.
    pub const fn command(self) -> Option<&'static str> {
        match self {
            Self::Load => Some("issu loadversion"),
            Self::Run => Some("issu runversion"),
            Self::Accept => Some("issu acceptversion"),
            Self::Commit => Some("issu commitversion"),
            Self::LineCards => None,
        }
    }
}

/// Why an upgrade does not go on. The chassis says how it stands: `show issu state`.
#[derive(Debug, thiserror::Error)]
pub enum IssuError {
    /// A name is wrong, or a release is not there.
    #[error(transparent)]
    Input(#[from] BadInput),
    /// The chassis said no: nothing has changed.
    #[error("{card} refused '{line}': {why}")]
    Refused {
        /// Who.
        card: CardId,
        /// What was typed.
        line: String,
        /// Its answer.
        why: String,
    },
    /// It took the upgrade back by itself.
    #[error("{node} went back to its old release during '{stage}': {why}")]
    TakenBack {
        /// The chassis.
        node: String,
        /// The step.
        stage: Stage,
        /// Its last words about it.
        why: String,
    },
    /// It is on its way back, and no step is next.
    #[error("{node} is in state {state}: wait until it is in Init ('show issu state'), and begin again")]
    Back {
        /// The chassis.
        node: String,
        /// The state.
        state: String,
    },
    /// A step was not over in time.
    #[error("{node}: '{stage}' was not over after {seconds} s: {found}; 'show issu state' says how it stands")]
    NotOver {
        /// The chassis.
        node: String,
        /// The step.
        stage: Stage,
        /// How long was waited.
        seconds: u64,
        /// How it stood.
        found: String,
    },
    /// The lab could not do it.
    #[error(transparent)]
    Lab(#[from] LabError),
}

/// A step that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The instant just before it.
    pub began: Clock,
    /// When it was seen to be over.
    pub ended: Clock,
}

impl Taken {
    /// How long it took, milliseconds.
    pub fn ms(self) -> f64 {
        self.ended.since(self.began).as_secs_f64() * 1e3
    }
}

/// What it means that a chassis goes back to its old release.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Back {
    IsWrong,
    IsWanted,
}

/// One chassis on its way to another release.
#[derive(Debug)]
pub struct Walk<'a> {
    lab: &'a Lab,
    images: &'a Images,
    /// What it comes to.
    pub plan: Plan,
    /// Whether a loss of state is accepted.
    pub forced: bool,
    /// How long each step may take.
    pub at_most: Duration,
}

impl<'a> Walk<'a> {
    /// To be begun, or gone on with where an earlier one stopped.
    pub fn new(lab: &'a Lab, images: &'a Images, plan: Plan, forced: bool, at_most: Duration) -> Self {
        Self { lab, images, plan, forced, at_most }
    }

    /// The lab that it is in.
    pub fn lab(&self) -> &'a Lab {
        self.lab
    }

    /// The releases that there are.
    pub fn images(&self) -> &'a Images {
        self.images
    }

    /// The step that is next; `None`: all is done.
    pub async fn next(&self) -> Result<Option<Stage>, IssuError> {
        let standing = self.standing().await?;
        let new = |release: &Option<String>| release.as_deref() == Some(self.plan.to.as_str());
        let [active, standby] = &standing.releases;
        Ok(match standing.state.as_str() {
            "Init" if new(active) && (standby.is_none() || new(standby)) => {
                self.cards_left().await.then_some(Stage::LineCards)
            }
            "Init" => Some(Stage::Load),
            "Load Version" => Some(Stage::Run),
            // Nothing is left to accept where the timer does not run.
            "Run Version" if standing::rolls_back(self.lab, &standing.active).await? => Some(Stage::Accept),
            "Run Version" => Some(Stage::Commit),
            _ => return Err(IssuError::Back { node: self.plan.node.clone(), state: standing.state }),
        })
    }

    async fn cards_left(&self) -> bool {
        for CardPlan { card, .. } in &self.plan.cards {
            if self.release(card).await.as_ref() != Some(&self.plan.to) || self.falls_back(card) {
                return true;
            }
        }
        false
    }

    /// Whether a card's next start would be of another release: whoever gave it to the new program did not come to that.
    fn falls_back(&self, card: &CardId) -> bool {
        self.lab.next_release(card).is_some_and(|release| release != self.plan.to)
    }

    /// Takes a step, and waits until it is over.
    pub async fn take(&self, stage: Stage, mut say: impl FnMut(&str)) -> Result<Taken, IssuError> {
        let began = fabric::clock::now();
        match stage.command() {
            Some(command) => {
                if stage == Stage::Run {
                    // Where somebody else has loaded it, perhaps just now.
                    self.until(stage, Back::IsWrong, |now| self.is_over(Stage::Load, now, None)).await?;
                }
                let before = self.standing().await?;
                let line = self.line(stage, command, &before);
                say(&line);
                match self.type_in(&before.active, &line).await {
                    // Somebody else has asked for it, and it is under way.
                    Err(IssuError::Refused { .. }) if stage == Stage::Commit && before.committing => {}
                    typed => typed?,
                }
                let other = before.active.peer_rp();
                self.until(stage, Back::IsWrong, |now| self.is_over(stage, now, other.as_ref())).await?;
            }
            None => self.line_cards(say).await?,
        }
        Ok(Taken { began, ended: fabric::clock::now() })
    }

    /// How it stands after a step, in a few words.
    pub async fn found(&self, stage: Stage) -> Result<String, IssuError> {
        let Standing { state, releases: [active, standby], .. } = self.standing().await?;
        let none = |release: Option<String>| release.unwrap_or_else(|| "none".to_owned());
        let mut found = format!("state {state}, active {}, standby {}", none(active), none(standby));
        if stage == Stage::LineCards {
            for CardPlan { card, .. } in &self.plan.cards {
                let _ = write!(found, ", {} {}", card_name(card), none(self.release(card).await));
            }
        }
        Ok(found)
    }

    /// Takes an upgrade back, and waits until the chassis is redundant on its old release.
    pub async fn abort(&self, stage: Stage) -> Result<Taken, IssuError> {
        let began = fabric::clock::now();
        let before = self.standing().await?;
        self.type_in(&before.active, "issu abortversion").await?;
        self.until(stage, Back::IsWanted, |now| {
            let old = |release: &Option<String>| release.as_deref() == Some(self.plan.from.as_str());
            now.state == "Init" && now.releases.iter().all(old) && now.rp.redundant && now.rp.converged
        })
        .await?;
        Ok(Taken { began, ended: fabric::clock::now() })
    }

    fn line(&self, stage: Stage, command: &str, standing: &Standing) -> String {
        let to = &self.plan.to;
        let forced = if self.forced { " forced" } else { "" };
        let active = &standing.active;
        match (stage, active.slot(), active.peer_rp().and_then(|peer| peer.slot())) {
            (Stage::Load, Some(active), Some(standby)) => format!("{command} {active} {to} {standby} {to}{forced}"),
            (Stage::Load, ..) => format!("{command} {to}{forced}"),
            (Stage::Run | Stage::Accept | Stage::Commit | Stage::LineCards, ..) => command.to_owned(),
        }
    }

    /// Types one line. A card that goes down before it has answered has not refused.
    async fn type_in(&self, card: &CardId, line: &str) -> Result<(), IssuError> {
        let mut session = self.lab.session(card).await?;
        let Ok(Ok(output)) = tokio::time::timeout(self.at_most, session.exec(line)).await else { return Ok(()) };
        if output.failed {
            let why = output.text.trim().trim_start_matches("% ").to_owned();
            return Err(IssuError::Refused { card: card.clone(), line: line.to_owned(), why });
        }
        session.end().await;
        Ok(())
    }

    /// Whether a step is over; `other` was not the active before it.
    fn is_over(&self, stage: Stage, now: &Standing, other: Option<&CardId>) -> bool {
        let new = |release: &Option<String>| release.as_deref() == Some(self.plan.to.as_str());
        let ready = now.rp.redundant && now.rp.converged && now.agree;
        match stage {
            Stage::Load => ready && now.state == "Load Version" && new(&now.releases[1]),
            Stage::Run => ready && Some(&now.active) == other && now.state == "Run Version",
            Stage::Accept => true,
            Stage::Commit | Stage::LineCards => ready && now.state == "Init" && now.releases.iter().all(new),
        }
    }

    async fn until(&self, stage: Stage, back: Back, over: impl Fn(&Standing) -> bool) -> Result<(), IssuError> {
        let deadline = Instant::now() + self.at_most;
        let mut under_way = false;
        loop {
            let found = match self.standing().await {
                Ok(now) if over(&now) => return Ok(()),
                Ok(now) => {
                    let old = now.releases[0].as_deref() == Some(self.plan.from.as_str());
                    let is_back = now.state == "System Reset" || (under_way && now.state == "Init" && old);
                    if is_back && back == Back::IsWrong {
                        let why = self.last_words(&now.active).await;
                        return Err(IssuError::TakenBack { node: self.plan.node.clone(), stage, why });
                    }
                    under_way |= now.state != "Init";
                    format!("state {}; {}", now.state, described(Some(&(now.active, now.rp)), None))
                }
                Err(error) => error.to_string(),
            };
            if Instant::now() >= deadline {
                let (node, seconds) = (self.plan.node.clone(), self.at_most.as_secs());
                return Err(IssuError::NotOver { node, stage, seconds, found });
            }
            sleep(POLL).await;
        }
    }

    /// What the active's log says last of the upgrade.
    async fn last_words(&self, active: &CardId) -> String {
        let text = self.lab.exec(active, "show logging").await.map(|output| output.text).unwrap_or_default();
        let said = text.lines().rev().find(|line| line.contains("%ISSU_PROCESS"));
        said.map_or_else(|| "its log does not say why".to_owned(), |line| line.trim().to_owned())
    }

    async fn standing(&self) -> Result<Standing, IssuError> {
        Standing::of(self.lab, &self.plan.node).await
    }

    async fn release(&self, card: &CardId) -> Option<String> {
        Some(self.lab.stats(card).await?.release)
    }

    /// The line cards, one after the other: given to the new program while they forward, or reset where that cannot be.
    async fn line_cards(&self, mut say: impl FnMut(&str)) -> Result<(), IssuError> {
        let manifest = self.images.manifest_path(&self.plan.to)?;
        for CardPlan { card, how } in &self.plan.cards {
            if self.release(card).await.as_deref() == Some(self.plan.to.as_str()) {
                if self.falls_back(card) {
                    self.lab.swap_image(card, &self.plan.to, &manifest).await?;
                }
                continue;
            }
            let name = card_name(card);
            match how {
                How::HandOver => {
                    say(&format!("line card {name}: hand-over"));
                    self.hand_over(card, &manifest).await?;
                }
                How::Reset(why) => {
                    say(&format!("line card {name}: reset ({why})"));
                    self.lab.reset_with(card, &self.plan.to, &manifest).await?;
                }
            }
            self.card_back(card).await?;
        }
        Ok(())
    }

    /// A card that keeps its program may do so for another one's sake, which is just going down: it is asked again.
    async fn hand_over(&self, card: &CardId, manifest: &Path) -> Result<(), IssuError> {
        let deadline = Instant::now() + self.at_most;
        loop {
            match self.lab.upgrade_card(card, &self.plan.to, manifest).await {
                Err(LabError::Kept { .. }) if Instant::now() < deadline => sleep(AGAIN).await,
                done => return Ok(done?),
            }
        }
    }

    /// The next line card's turn is when this one forwards again: one at a time.
    async fn card_back(&self, card: &CardId) -> Result<(), IssuError> {
        let deadline = Instant::now() + self.at_most;
        loop {
            let active = active_rp(self.lab, &self.plan.node).await;
            let up = active.as_ref().is_some_and(|(_, rp)| rp.converged);
            let new = self.release(card).await.as_deref() == Some(self.plan.to.as_str());
            let apart = unlinked(self.lab, &self.plan.node).await;
            if up && new && apart.is_none() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let found = described(active.as_ref(), apart.as_ref());
                let (node, seconds) = (self.plan.node.clone(), self.at_most.as_secs());
                return Err(IssuError::NotOver { node, stage: Stage::LineCards, seconds, found });
            }
            sleep(POLL).await;
        }
    }
}
