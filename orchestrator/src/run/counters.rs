//! The line cards' counters, before and after.

use bridge::request::LoadCounted;
use fabric_proto::{
    drops::{DropCause, DropCounts},
    id::CardId,
    operator::{LcStats, TrafficProgress},
    punt::PuntCounts,
};
use lab::{Lab, LabError};
use std::collections::BTreeMap;

/// Counters of every card of a lab that packets pass, at one instant. A card that does not answer is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    cards: BTreeMap<CardId, LcStats>,
    /// The runs of RPs that packets pass: what an RP holds ends with its run.
    runs: BTreeMap<CardId, u64>,
    /// Test packets at the wires of nodes that are none of ours, over all wires of each.
    nodes: BTreeMap<CardId, LoadCounted>,
    /// Test packets that line cards gave to their RP to be forwarded, and got back.
    punts: BTreeMap<CardId, [u64; 2]>,
}

/// What the cards dropped between two readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// By cause, over all cards.
    pub drops: DropCounts,
    /// By card and cause; a card that dropped nothing is in it as well.
    pub by_card: BTreeMap<CardId, DropCounts>,
    /// Packets that the cards hold now.
    pub queued: u64,
    /// Of the drops, those that a node, or an RP, took and has not given back: it may give them back yet.
    pub taken: u64,
    /// Packets punted to an RP meanwhile: none of them should be test traffic.
    pub punted: u64,
    /// Cards whose counters began anew, or that do not answer: what they held went with them.
    pub died: Vec<CardId>,
}

impl Counters {
    /// Reads every line card.
    pub async fn read(lab: &Lab) -> Self {
        let mut counters = Self::default();
        for chassis in &lab.plan().chassis {
            for id in lab.plan().line_cards(&chassis.node) {
                let Some(stats) = lab.stats(id).await else { continue };
                let PuntCounts { load_punted, load_injected, .. } = stats.punts;
                counters.punts.insert(id.clone(), [load_punted, load_injected]);
                counters.cards.extend(stats.lc.map(|lc| (id.clone(), lc)));
            }
            // Where packets pass the active RP, it counts them as a line card does.
            for id in lab.plan().rps(&chassis.node) {
                let Some(stats) = lab.stats(id).await else { continue };
                if let Some(relay) = stats.lc {
                    counters.cards.insert(id.clone(), relay);
                    counters.runs.insert(id.clone(), stats.boot);
                }
            }
        }
        for node in &lab.plan().nodes {
            let Some(status) = lab.node_status(&node.id).await else { continue };
            let mut sum = LoadCounted::default();
            for port in status.ports {
                sum.to_node += port.load.to_node;
                sum.from_node += port.load.from_node;
                sum.drops.merge(&port.load.drops);
            }
            counters.nodes.insert(node.id.clone(), sum);
        }
        counters
    }

    /// What came on top of `before`.
    pub fn since(&self, before: &Self) -> Dropped {
        let mut dropped = Dropped::default();
        for (id, old) in &before.cards {
            let same_run = before.runs.get(id) == self.runs.get(id);
            match self.cards.get(id) {
                // Counters only grow while a program lives, and survive a reset of the card.
                Some(new) if same_run && new.received >= old.received && new.drops.total() >= old.drops.total() => {
                    dropped.count(id, new.drops.since(&old.drops));
                    dropped.punted += new.punted.saturating_sub(old.punted);
                }
                Some(new) => {
                    dropped.count(id, new.drops.clone());
                    dropped.died.push(id.clone());
                }
                None => dropped.died.push(id.clone()),
            }
        }
        for (id, old) in &before.nodes {
            // A bridge lives as long as the lab: one that does not answer has been killed, with its counts.
            let Some(new) = self.nodes.get(id) else {
                dropped.died.push(id.clone());
                continue;
            };
            let mut drops = new.drops.since(&old.drops);
            let [took, gave] = [new.to_node - old.to_node, new.from_node - old.from_node];
            // One that multiplies packets, as a bridge that floods does, has given back all of them.
            let kept = took.saturating_sub(gave);
            drops.add(DropCause::LostInNode, kept);
            dropped.taken += kept;
            dropped.count(id, drops);
        }
        self.lost_in_rps(before, &mut dropped);
        dropped.queued = self.cards.values().map(|lc| lc.queued).sum();
        dropped
    }

    /// What RPs were given to forward and did not give back, as drops of the cards that gave it: it may come back by any card.
    fn lost_in_rps(&self, before: &Self, dropped: &mut Dropped) {
        let since = |id: &CardId, new: &[u64; 2]| {
            let old = before.punts.get(id).copied().unwrap_or_default();
            // A card whose counters began anew is among the dead.
            [new[0].saturating_sub(old[0]), new[1].saturating_sub(old[1])]
        };
        let all: Vec<(&CardId, [u64; 2])> = self.punts.iter().map(|(id, new)| (id, since(id, new))).collect();
        let gave: u64 = all.iter().map(|(_, [_, gave])| gave).sum();
        let mut kept = all.iter().map(|(_, [took, _])| took).sum::<u64>().saturating_sub(gave);
        dropped.taken += kept;
        for (id, [took, _]) in all {
            let of_card = took.min(kept);
            kept -= of_card;
            dropped.drops.add(DropCause::PuntLost, of_card);
            dropped.by_card.entry(id.clone()).or_default().add(DropCause::PuntLost, of_card);
        }
    }
}

impl Dropped {
    fn count(&mut self, card: &CardId, drops: DropCounts) {
        self.drops.merge(&drops);
        self.by_card.insert(card.clone(), drops);
    }
}

/// What is known of every packet at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The tester's totals.
    pub progress: TrafficProgress,
    /// The cards' drops.
    pub dropped: Dropped,
}

impl Account {
    /// Asks the tester and every line card.
    pub async fn read(lab: &Lab, tester: &CardId, before: &Counters) -> Result<Self, LabError> {
        let progress = super::tester::progress(lab, tester).await?;
        let dropped = Counters::read(lab).await.since(before);
        Ok(Self { progress, dropped })
    }

    /// Whether every offered packet is either there or counted.
    pub fn is_closed(&self) -> bool {
        let TrafficProgress { offered, delivered, port_down, queued, .. } = self.progress;
        queued == 0
            && self.dropped.queued == 0
            && self.dropped.taken == 0
            && delivered + port_down + self.dropped.drops.total() == offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::id::{LcSlot, Slot};

    fn card(slot: u8, received: u64, voq_full: u64) -> (CardId, LcStats) {
        let mut lc = LcStats { received, ..LcStats::default() };
        lc.drops.add(DropCause::VoqFull, voq_full);
        (CardId::card("lab", "pe1", Slot::Lc(LcSlot(slot))), lc)
    }

    #[test]
    fn a_card_whose_counters_began_anew_is_known_by_them() {
        let before =
            Counters { cards: [card(1, 1000, 10), card(2, 1000, 0), card(3, 5, 0)].into(), ..Counters::default() };
        let after = Counters { cards: [card(1, 2000, 13), card(2, 40, 2)].into(), ..Counters::default() };
        let dropped = after.since(&before);
        assert_eq!(dropped.drops.get(DropCause::VoqFull), 3 + 2);
        assert_eq!(dropped.by_card[&card(1, 0, 0).0].total(), 3, "each card has its own account");
        assert_eq!(dropped.by_card[&card(2, 0, 0).0].total(), 2);
        assert_eq!(dropped.died, [card(2, 0, 0).0, card(3, 0, 0).0]);
    }

    #[test]
    fn what_an_rp_held_ends_with_its_run() {
        let (id, relay) = card(1, 0, 0);
        let run = |run: u64| Counters {
            cards: [(id.clone(), relay.clone())].into(),
            runs: [(id.clone(), run)].into(),
            ..Counters::default()
        };
        assert!(run(1).since(&run(1)).died.is_empty());
        assert_eq!(
            run(2).since(&run(1)).died,
            std::slice::from_ref(&id),
            "its counters did not begin anew: they were zero"
        );
    }

    #[test]
    fn what_a_node_took_and_did_not_give_back_is_lost_in_it() {
        let id = CardId::linux("lab", "r1");
        let node = |to_node, from_node, impaired| {
            let mut load = LoadCounted { to_node, from_node, ..LoadCounted::default() };
            load.drops.add(DropCause::WireImpaired, impaired);
            Counters { nodes: [(id.clone(), load)].into(), ..Counters::default() }
        };
        let dropped = node(100, 95, 7).since(&node(10, 10, 2));
        assert_eq!((dropped.drops.get(DropCause::LostInNode), dropped.taken), (5, 5));
        assert_eq!(dropped.drops.get(DropCause::WireImpaired), 5);
        assert_eq!(dropped.by_card[&id].total(), 10);
        assert_eq!(node(100, 180, 0).since(&node(0, 0, 0)).drops.total(), 0, "a switch that floods loses nothing");
        assert_eq!(Counters::default().since(&node(1, 1, 0)).died, [id]);
    }

    #[test]
    fn what_an_rp_was_given_and_did_not_give_back_is_lost_there() {
        let [one, two] = [card(1, 0, 0).0, card(2, 0, 0).0];
        let punts = |[a, b, c, d]: [u64; 4]| Counters {
            punts: [(one.clone(), [a, b]), (two.clone(), [c, d])].into(),
            ..Counters::default()
        };
        // In by one card, back by the other one.
        let dropped = punts([30, 1, 8, 25]).since(&punts([10, 1, 5, 5]));
        assert_eq!((dropped.drops.get(DropCause::PuntLost), dropped.taken), (3, 3));
        assert_eq!(dropped.by_card[&one].total(), 3);
        assert_eq!(punts([30, 0, 0, 20]).since(&punts([10, 0, 0, 0])).drops.total(), 0);
        assert_eq!(punts([2, 0, 0, 0]).since(&punts([10, 0, 0, 0])).drops.total(), 0, "it began anew");
    }

    #[test]
    fn an_account_is_closed_when_nothing_is_under_way() {
        let progress = TrafficProgress { offered: 10, delivered: 7, port_down: 1, ..TrafficProgress::default() };
        let mut account = Account { progress, dropped: Dropped::default() };
        assert!(!account.is_closed());
        account.dropped.drops.add(DropCause::NoRoute, 2);
        assert!(account.is_closed());
        account.dropped.queued = 1;
        assert!(!account.is_closed());
    }
}
