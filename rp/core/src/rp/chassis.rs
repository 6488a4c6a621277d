//! Cards that come and go: what the active hears of them, and what the backplane tells.

use super::{Output, Rp, takeover::Role};
use crate::redundancy as rf;
use fabric_proto::{
    id::{LcSlot, Slot},
    operator::EventKind,
    time::Instant,
};
use rp_contract::News;

impl Rp {
    /// A card obeys this term, or its connection ended.
    pub(super) fn card_online(&mut self, now: Instant, slot: LcSlot, online: bool, out: &mut Vec<Output>) {
        if self.clients.chassis.card(slot, online) {
            self.tell_clients(now, News::Card { slot, online }, out);
        }
    }

    /// The backplane saw a card come or go.
    pub(super) fn oir(&mut self, now: Instant, slot: Slot, inserted: bool, out: &mut Vec<Output>) {
        let (mnemonic, done) = if inserted { ("INSCARD", "inserted in") } else { ("REMCARD", "removed from") };
        out.push(Output::Event(EventKind::Log { line: format!("%OIR-6-{mnemonic}: Card {done} slot {slot}") }));
        if !inserted {
            self.spoken.removed(slot);
        }
        match slot {
            Slot::Rp(rp) if Some(rp) == self.boot.slot.peer() && !inserted => {
                self.step_rf(now, Some(rf::Input::Removed), out);
            }
            Slot::Rp(_) => {}
            Slot::Lc(card) => {
                if !self.role.owns_chassis() {
                    self.clients.links.remember(card, inserted);
                } else if !inserted {
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
