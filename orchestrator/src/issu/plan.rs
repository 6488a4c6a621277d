//! What an upgrade will come to, before anything starts.

use super::{IssuError, Standing};
use fabric_proto::{id::CardId, issu::Compatibility};
use lab::{
    Lab, card_name, hands_over,
    images::{Images, own_program},
    plan::Program,
};
use notation::{document::BadInput, mode::Mode};
use serde::Serialize;

/// What an upgrade will come to.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The chassis.
    pub node: String,
    /// The release that it runs.
    pub from: String,
    /// The release that it is to run.
    pub to: String,
    /// What the two come to on the two route processors.
    pub verdict: Compatibility,
    /// What is lost, and of which clients; nothing where `None`, as far as it is known beforehand.
    pub loses: Option<String>,
    /// Line cards, in their order.
    pub cards: Vec<CardPlan>,
    /// The release has no programs of its own here: cards will run this tree's under its name.
    pub stand_in: bool,
}

/// What becomes of a line card.
#[derive(Clone, Debug, Serialize)]
pub struct CardPlan {
    /// Which.
    #[serde(serialize_with = "as_name")]
    pub card: CardId,
    /// How.
    pub how: How,
}

/// How a line card comes to its new release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// While it forwards.
    HandOver,
    /// By a reset, for this reason: what goes through it meanwhile is lost.
    Reset(String),
}

impl Plan {
    /// For the chassis `node`, as it is now. Where an upgrade is under way, it is that one's; `to` names its release, or is left out.
    pub async fn make(lab: &Lab, images: &Images, node: &str, to: Option<&str>) -> Result<Self, IssuError> {
        let standing = Standing::of(lab, node).await?;
        let (from, to) = match (standing.under_way, to) {
            (Some([_, under_way]), Some(to)) if under_way != to => {
                let message = format!("an upgrade of {node} to release {under_way} is under way");
                return Err(BadInput::new("--to", message, "go on with that one, or take it back with --abort").into());
            }
            (Some([from, to]), _) => (from, to),
            (None, Some(to)) => (standing.releases[0].clone().unwrap_or_default(), to.to_owned()),
            // Its line cards may be left.
            (None, None) if behind(lab, node, standing.releases[0].as_deref()).await => {
                let own = standing.releases[0].clone().unwrap_or_default();
                (own.clone(), own)
            }
            (None, None) => {
                let message = format!("no upgrade of {node} is under way");
                return Err(BadInput::new("--to", message, "name the release that it is to run: --to RELEASE").into());
            }
        };
        let target = images.get(&to)?;
        let row = images.compatibility(&from, &to)?;
        let mut cards = Vec::new();
        for card in lab.plan().line_cards(node) {
            if lab.is_empty(card) {
                continue;
            }
            let Some(stats) = lab.stats(card).await else {
                let message = format!("line card {} does not answer", card_name(card));
                let remedy = "start it ('swact fault restart'), or take it out ('swact fault remove'): what forwards is not to \
                              become less, card by card";
                return Err(BadInput::new("node", message, remedy).into());
            };
            let how = match hands_over(images.get(&stats.release)?, target) {
                Ok(()) => How::HandOver,
                Err(why) => How::Reset(why),
            };
            cards.push(CardPlan { card: card.clone(), how });
        }
        let mode = Mode::from(standing.rp.configured);
        let by_mode = || (mode < Mode::Sso).then(|| format!("all state is lost: the redundancy mode is {mode}"));
        let loses = row.loses().or_else(by_mode);
        let stand_in = own_program(&images.manifest_path(&to)?, Program::Rp).is_none() && from != to;
        Ok(Self { node: node.to_owned(), from, to, verdict: row.verdict, loses, cards, stand_in })
    }

    /// In a few lines, for people.
    pub fn sentences(&self) -> Vec<String> {
        let Self { node, from, to, verdict, loses, cards, stand_in } = self;
        let loss = loses.as_deref().unwrap_or(match verdict {
            Compatibility::Dynamic => "the route processors find out when they meet",
            Compatibility::Compatible | Compatibility::BaseLevel | Compatibility::Incompatible => {
                "all state is kept (SSO)"
            }
        });
        let mut said = vec![format!("{node}: release {from} to {to}: {verdict}: {loss}")];
        let reset = |card: &CardPlan| match &card.how {
            How::HandOver => None,
            How::Reset(why) => Some(format!("line card {} will be reset: {why}", card_name(&card.card))),
        };
        said.extend(cards.iter().filter_map(reset));
        if *stand_in {
            said.push(format!(
                "no programs of release {to} are in its folder: cards run those that swact came with, under its name"
            ));
        }
        said
    }
}

/// Whether a line card runs another release than the active RP.
async fn behind(lab: &Lab, node: &str, own: Option<&str>) -> bool {
    for card in lab.plan().line_cards(node) {
        if lab.stats(card).await.is_some_and(|stats| Some(stats.release.as_str()) != own) {
            return true;
        }
    }
    false
}

fn as_name<S: serde::Serializer>(card: &CardId, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&card_name(card))
}
