//! How a chassis stands, by what its cards say.

use fabric_proto::{
    id::{CardId, Slot, Unit},
    operator::{CardStats, RpStats},
    redundancy::Mode,
};
use futures_util::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use lab::{Lab, card_name};
use std::time::Duration;

/// Once an active has answered, how long another one may take to say that it is active too: a dead RP is not waited for.
const SECOND_OPINION: Duration = Duration::from_millis(50);

/// The RP that is active in `node`, and how it sees redundancy: the one of the highest epoch, where two claim to be.
pub async fn active_rp(lab: &Lab, node: &str) -> Option<(CardId, RpStats)> {
    let ask = |id: CardId| async move {
        let rp = lab.stats(&id).await?.rp?;
        rp.active.then_some((id, rp))
    };
    let mut answers: FuturesUnordered<_> = lab.plan().rps(node).cloned().map(ask).collect();
    let mut best: Option<(CardId, RpStats)> = None;
    loop {
        let patience = if best.is_some() { SECOND_OPINION } else { Duration::MAX };
        match tokio::time::timeout(patience, answers.next()).await {
            Ok(Some(Some(found))) => {
                if best.as_ref().is_none_or(|(_, best)| found.1.epoch > best.epoch) {
                    best = Some(found);
                }
            }
            Ok(Some(None)) => {}
            Ok(None) | Err(_) => return best,
        }
    }
}

/// The mode for which a standby is ready, as it says itself.
pub fn ready_in(standby: &CardStats) -> Option<Mode> {
    let rp = standby.rp.as_ref()?;
    (rp.state == rp.operating.promised_state()).then_some(rp.operating)
}

/// Two line cards of `node` that run and have no data connection, if there are such: packets between them would be lost as
/// `fabric down`.
pub async fn unlinked(lab: &Lab, node: &str) -> Option<(CardId, CardId)> {
    let cards = lab.plan().line_cards(node);
    let ask = |id: CardId| async move { lab.stats(&id).await.map(|stats| (id, stats.unlinked)) };
    let running: Vec<_> = join_all(cards.cloned().map(ask)).await.into_iter().flatten().collect();
    running.iter().find_map(|(id, unlinked)| {
        let lacks = |(other, _): &&(CardId, _)| unlinked.iter().any(|slot| other.unit == Unit::Card(Slot::Lc(*slot)));
        Some((id.clone(), running.iter().find(lacks)?.0.clone()))
    })
}

/// What is there, for messages: how the active RP stands, and which line cards cannot reach each other.
pub fn described(active: Option<&(CardId, RpStats)>, unlinked: Option<&(CardId, CardId)>) -> String {
    let Some((id, rp)) = active else { return "no RP is active".to_owned() };
    let is = |what: &str, is: bool| format!("{}{what}", if is { "" } else { "not " });
    let links = unlinked.map_or_else(String::new, |(from, to)| {
        format!("; {} has no data connection to {}", card_name(from), card_name(to))
    });
    format!(
        "{} is {}, its peer {}, operating {}, {}, {}{links}",
        card_name(id),
        rp.state,
        rp.peer_state,
        rp.operating,
        is("converged", rp.converged),
        is("redundant", rp.redundant)
    )
}
