//! What must hold after any fault whatever, once the chassis says that it is itself again.

use super::bench::Bench;
use fabric_proto::id::Slot;
use lab::card_name;

/// What is wrong: two actives, none, or a line card that obeys somebody else. Cards that do not answer are dead, as
/// the method wants them to be.
pub(super) async fn look(bench: &Bench<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for node in bench.chassis() {
        let mut actives = Vec::new();
        for id in bench.lab.plan().rps(&node) {
            if let Some(rp) = bench.lab.stats(id).await.and_then(|stats| stats.rp).filter(|rp| rp.active) {
                actives.push((id.clone(), rp.epoch));
            }
        }
        let [(active, epoch)] = actives.as_slice() else {
            let names: Vec<_> = actives.iter().map(|(id, _)| card_name(id)).collect();
            wrong.push(format!("{node} has {} active RPs: {}", actives.len(), names.join(", ")));
            continue;
        };
        for id in bench.lab.plan().line_cards(&node) {
            let Some(lc) = bench.lab.stats(id).await.and_then(|stats| stats.lc) else { continue };
            if lc.epoch != *epoch || lc.active.map(Slot::Rp) != active.slot() {
                let obeys = lc.active.map_or_else(|| "nobody".to_owned(), |rp| format!("RP {rp}"));
                let (card, active) = (card_name(id), card_name(active));
                wrong.push(format!("{card} obeys {obeys} in epoch {}, {active} is active in {epoch}", lc.epoch));
            }
        }
    }
    wrong
}
