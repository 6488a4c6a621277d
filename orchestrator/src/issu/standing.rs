//! How an upgrade stands, by the active RP and by what the cards run.

use super::IssuError;
use crate::standing::{active_rp, ready_in};
use fabric_proto::{id::CardId, operator::RpStats};
use lab::Lab;
use notation::document::BadInput;
use serde_json::Value;

/// How an upgrade stands.
pub(super) struct Standing {
    pub(super) active: CardId,
    pub(super) rp: RpStats,
    /// `Init`, `Load Version`, `Run Version`, `System Reset`.
    pub(super) state: String,
    /// The releases, old and new, while an upgrade is under way.
    pub(super) under_way: Option<[String; 2]>,
    /// `commitversion` was given, and is not over.
    pub(super) committing: bool,
    /// What active and standby run.
    pub(super) releases: [Option<String>; 2],
    /// Whether the standby itself says that it is ready in the active's mode: what the active says may be of its last life.
    pub(super) agree: bool,
}

impl Standing {
    pub(super) async fn of(lab: &Lab, node: &str) -> Result<Self, IssuError> {
        let Some((active, rp)) = active_rp(lab, node).await else {
            let message = format!("no route processor of {node} is active");
            return Err(BadInput::new("node", message, "wait until one is ('swact wait'), or look at its log").into());
        };
        let shown = shown(lab, &active).await?;
        let release = |name: &str| shown[name].as_str().map(str::to_owned);
        let standby = match active.peer_rp() {
            Some(peer) if lab.plan().card(&peer).is_some() => lab.stats(&peer).await,
            Some(_) | None => None,
        };
        let running = lab.stats(&active).await;
        let agree = standby.as_ref().and_then(ready_in) == Some(rp.operating);
        Ok(Self {
            rp,
            state: shown["issu_state"].as_str().unwrap_or_default().to_owned(),
            committing: shown["committing"] == true,
            under_way: release("primary_version").zip(release("secondary_version")).map(<[String; 2]>::from),
            releases: [running, standby].map(|stats| stats.map(|stats| stats.release)),
            active,
            agree,
        })
    }
}

/// Whether the new release is taken back unless it is accepted.
pub(super) async fn rolls_back(lab: &Lab, active: &CardId) -> Result<bool, IssuError> {
    Ok(ask(lab, active, "show issu rollback-timer | json").await?["in_progress"] == true)
}

/// What the active says of itself.
async fn shown(lab: &Lab, active: &CardId) -> Result<Value, IssuError> {
    Ok(ask(lab, active, "show issu state | json").await?["units"][0].take())
}

async fn ask(lab: &Lab, active: &CardId, line: &str) -> Result<Value, IssuError> {
    let output = lab.exec(active, line).await?;
    serde_json::from_str(&output.text).map_err(|_| IssuError::Refused {
        card: active.clone(),
        line: line.to_owned(),
        why: output.text.trim().to_owned(),
    })
}
