//! What an upgrade will come to, before anything starts.

use super::{IssuError, Standing};
use fabric_proto::{id::CardId, issu::Compatibility};
use lab::{Lab, hands_over, images::Images};
use notation::document::BadInput;
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
            (None, None) => {
                let message = format!("no upgrade of {node} is under way");
                return Err(BadInput::new("--to", message, "name the release that it is to run: --to RELEASE").into());
            }
        };
        let target = images.get(&to)?;
        let row = images.compatibility(&from, &to)?;
        let mut cards = Vec::new();
        for card in lab.plan().line_cards(node) {
            // One that does not answer, or is not there, has nothing to upgrade.
            let Some(stats) = lab.stats(card).await else { continue };
            let how = match hands_over(images.get(&stats.release)?, target) {
                Ok(()) => How::HandOver,
                Err(why) => How::Reset(why),
            };
            cards.push(CardPlan { card: card.clone(), how });
        }
        let loses = row.loses();
        Ok(Self { node: node.to_owned(), from, to, verdict: row.verdict, loses, cards })
    }

    /// In a few lines, for people.
    pub fn sentences(&self) -> Vec<String> {
        let Self { node, from, to, verdict, loses, cards } = self;
        let loss = loses.as_deref().unwrap_or(match verdict {
            Compatibility::Dynamic => "the route processors find out when they meet",
            Compatibility::Compatible | Compatibility::BaseLevel | Compatibility::Incompatible => {
                "all state is kept (SSO)"
            }
        });
        let mut said = vec![format!("{node}: release {from} to {to}: {verdict}: {loss}")];
        let reset = |card: &CardPlan| match &card.how {
            How::HandOver => None,
            How::Reset(why) => Some(format!("line card {} will be reset: {why}", lab::card_name(&card.card))),
        };
        said.extend(cards.iter().filter_map(reset));
        said
    }
}

fn as_name<S: serde::Serializer>(card: &CardId, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&lab::card_name(card))
}
