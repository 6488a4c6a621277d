//! The chassis: which cards are online, and cards that come and go.
//!
//! The active learns it from the cards and from the backplane. The standby never talks to a card: it has the
//! checkpoint, and takes over knowing which cards were not online (`seeds/002`: chassis state, incremental).

use super::{Output, Rp, takeover::Role};
use crate::redundancy as rf;
use bytes::Bytes;
use fabric_proto::{
    id::{LcSlot, Slot},
    operator::EventKind,
    time::Instant,
};
use std::collections::BTreeSet;

/// Line cards that run and obey the active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chassis {
    online: BTreeSet<LcSlot>,
}

impl Chassis {
    /// One byte a card.
    pub(super) fn encode(&self) -> Bytes {
        self.online.iter().map(|slot| slot.0).collect()
    }

    /// What the active has.
    pub(super) fn decode(data: &[u8]) -> Self {
        Self { online: data.iter().map(|slot| LcSlot(*slot)).collect() }
    }

    /// Those of `all` that are not online.
    pub(super) fn missing(&self, all: &BTreeSet<LcSlot>) -> BTreeSet<LcSlot> {
        all - &self.online
    }
}

impl Rp {
    /// A card obeys this term, or its connection ended.
    pub(super) fn card_online(&mut self, now: Instant, slot: LcSlot, online: bool, out: &mut Vec<Output>) {
        let changed = if online { self.chassis.online.insert(slot) } else { self.chassis.online.remove(&slot) };
        if changed {
            self.checkpoint_chassis(now, out);
        }
    }

    /// The backplane saw a card come or go.
    pub(super) fn oir(&mut self, now: Instant, slot: Slot, inserted: bool, out: &mut Vec<Output>) {
        let (mnemonic, done) = if inserted { ("INSCARD", "inserted in") } else { ("REMCARD", "removed from") };
        out.push(Output::Event(EventKind::Log { line: format!("%OIR-6-{mnemonic}: Card {done} slot {slot}") }));
        match slot {
            Slot::Rp(rp) if Some(rp) == self.boot.slot.peer() && !inserted => {
                self.step_rf(now, Some(rf::Input::Removed), out);
            }
            Slot::Rp(_) => {}
            Slot::Lc(card) => {
                if !inserted {
                    self.ports_gone(now, card, out);
                }
                let switching = matches!(&self.role, Role::Active(term) if term.is_switchover());
                if switching && self.boot.profile.fabric_change_resets {
                    self.for_rf.push_back(rf::Input::FabricChanged);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standby_knows_which_cards_are_missing() {
        let active = Chassis { online: [LcSlot(1), LcSlot(3)].into() };
        let standby = Chassis::decode(&active.encode());
        assert_eq!(standby, active);
        assert_eq!(standby.missing(&(1..=3).map(LcSlot).collect()), [LcSlot(2)].into());
    }
}
