//! What was seen of a chassis, and which promises it broke.

use super::chassis::{CARDS, RPS};
use fabric_proto::{
    fib::{Family, left_aligned},
    id::{Epoch, LcSlot, RpSlot, Slot},
    operator::{CardStats, LcStats, RpStats},
    redundancy::Mode,
};
use linecard::data::TablesCell;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// A destination that is forwarded from the first download on.
const DESTINATION: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

/// The books of one simulation. Times are those of the simulation.
#[derive(Default)]
pub(super) struct Seen {
    /// What each RP says of itself, and when it said so last.
    pub(super) rps: BTreeMap<RpSlot, (Duration, RpStats)>,
    /// What each line card says of itself, and when it said so last.
    pub(super) line_cards: BTreeMap<LcSlot, (Duration, LcStats)>,
    /// In which run it said so: what a run said last may arrive after it was ended.
    boots: BTreeMap<LcSlot, u64>,
    /// What packets meet.
    tables: BTreeMap<LcSlot, Tables>,
    /// A line card died, and with it its ports and the routes that lead over them: until the chassis is whole again.
    ports_gone: bool,
    /// Who ruled a line card in an epoch.
    claims: BTreeMap<Epoch, RpSlot>,
    /// Promises broken.
    pub(super) broken: Vec<String>,
    /// Runs of RPs that ended by themselves.
    pub(super) restarts: u32,
    /// What programs leave to their next run.
    pub(super) lives: BTreeMap<RpSlot, rp_core::rp::NextLife>,
    pub(super) line_card_lives: BTreeMap<LcSlot, linecard::life::NextLife>,
}

/// The forwarding tables of a line card that runs.
struct Tables {
    cell: TablesCell,
    forwards: bool,
}

impl Tables {
    fn forward(&self, to: IpAddr) -> bool {
        let tables = self.cell.load();
        tables.lookup(Family::V4, left_aligned(to)).is_some_and(|list| !tables.paths().hops(list).is_empty())
    }
}

impl Seen {
    /// A line card's program begins.
    pub(super) fn begins(&mut self, slot: LcSlot, cell: TablesCell) {
        if self.tables.insert(slot, Tables { cell, forwards: false }).is_some() {
            self.broken.push(format!("line card {slot} has reset"));
        }
    }

    /// A fault ends a card's program, and what it held.
    pub(super) fn ends(&mut self, slot: Slot) {
        if let Slot::Lc(slot) = slot {
            self.tables.remove(&slot);
            self.line_cards.remove(&slot);
            self.ports_gone = true;
        }
    }

    /// The chassis is whole: from here on every route stays.
    pub(super) fn is_whole_again(&mut self) {
        self.ports_gone = false;
    }

    /// A card says how it stands.
    pub(super) fn heard(&mut self, slot: Slot, stats: CardStats) {
        let now = turmoil::sim_elapsed().unwrap_or_default();
        match (slot, stats) {
            (Slot::Rp(slot), CardStats { rp: Some(stats), .. }) => drop(self.rps.insert(slot, (now, stats))),
            (Slot::Lc(slot), CardStats { boot, lc: Some(stats), .. }) => self.line_card(slot, now, boot, stats),
            (slot, stats) => self.broken.push(format!("{slot} says {stats:?}")),
        }
    }

    fn line_card(&mut self, slot: LcSlot, now: Duration, boot: u64, stats: LcStats) {
        let epoch = stats.epoch;
        if let Some(rp) = stats.active {
            let owner = *self.claims.entry(epoch).or_insert(rp);
            if owner != rp {
                self.broken.push(format!("two actives at one epoch: {owner} and {rp} both claim {epoch}"));
            }
        }
        let active = stats.active.and_then(|rp| self.rps.get(&rp)).map(|(_, active)| active.fib);
        if let (Some(position), Some((at, root))) = (stats.position, active)
            && (position, stats.stale) == (at, false)
            && root != stats.root
        {
            self.broken
                .push(format!("line card {slot} takes another table for the active's: {stats:?}, that has {root}"));
        }
        let same_run = self.boots.insert(slot, boot) == Some(boot);
        if let Some((_, before)) = self.line_cards.insert(slot, (now, stats))
            && same_run
            && epoch < before.epoch
        {
            self.broken.push(format!("an epoch shrinks: line card {slot} went from {} to {epoch}", before.epoch));
        }
    }

    /// Looks at what packets meet. The mode is SSO: what a line card forwarded once it forwards ever after, as long as the
    /// cards that it leads to live.
    pub(super) fn look(&mut self) {
        for (slot, tables) in &mut self.tables {
            let before = tables.forwards;
            tables.forwards = tables.forward(DESTINATION);
            if before && !tables.forwards && !self.ports_gone {
                self.broken.push(format!("packets are lost: line card {slot} has no route to {DESTINATION} any more"));
            }
        }
    }

    /// Whether every line card forwards to an address.
    pub(super) fn all_forward(&self, to: IpAddr) -> bool {
        CARDS.iter().all(|slot| self.tables.get(slot).is_some_and(|tables| tables.forward(to)))
    }

    /// The RP that said so last.
    pub(super) fn active(&self) -> Option<RpSlot> {
        let active = self.rps.iter().filter(|(_, (_, stats))| stats.active);
        active.max_by_key(|(_, (at, _))| *at).map(|(slot, _)| *slot)
    }

    /// Whether every line card obeys a newer term than `before`, of `rp` where that is named.
    pub(super) fn all_follow(&self, before: Option<Epoch>, rp: Option<RpSlot>) -> bool {
        let newer =
            |(_, card): &(Duration, LcStats)| Some(card.epoch) > before && (rp.is_none() || card.epoch.owner() == rp);
        CARDS.iter().all(|slot| self.line_cards.get(slot).is_some_and(newer))
    }

    /// The RP that every line card follows with the active's table, where its standby is ready. Only what was said
    /// after `since` counts.
    pub(super) fn whole(&self, since: Duration) -> Option<RpSlot> {
        let fresh = |slot: &RpSlot| self.rps.get(slot).filter(|(at, _)| *at >= since).map(|(_, stats)| stats);
        let stats = RPS.map(|slot| fresh(&slot));
        let [Some(a), Some(b)] = stats else { return None };
        let (slot, active) = match (a.active, b.active) {
            (true, false) => (RpSlot::A, a),
            (false, true) => (RpSlot::B, b),
            _ => return None,
        };
        let follows = |slot: &LcSlot| {
            self.line_cards.get(slot).is_some_and(|(at, card)| {
                *at >= since && card.epoch == active.epoch && !card.stale && card.root == active.fib.1
            })
        };
        let whole =
            active.redundant && active.converged && active.operating == Mode::Sso && self.all_forward(DESTINATION);
        (whole && CARDS.iter().all(follows)).then_some(slot)
    }
}
