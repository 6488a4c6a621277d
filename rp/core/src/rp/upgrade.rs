//! The software upgrade: what its procedure sees of the two units, and what it orders.

use super::{Output, Rp};
use crate::{
    issu::{Busy, Command, Loadable, Order, Procedure, Unit, Units},
    redundancy as rf,
};
use fabric_proto::{
    deploy::KnownRelease, id::Slot, issu::Compatibility, operator::EventKind, redundancy::Mode, time::Instant,
};
use std::time::Duration;

impl Rp {
    /// `issu …`: carried out, or refused with the next right step.
    pub(super) fn upgrade(&mut self, now: Instant, command: Command, out: &mut Vec<Output>) -> Result<(), String> {
        self.only_active()?;
        let images = self.images();
        // A client at base level loses its state, which is logged when the two meet; the rest is SSO all the same.
        let row = self.peer_verdict().map(|verdict| verdict.row());
        let row = row.filter(|row| row.verdict == Compatibility::Incompatible);
        let loses = row.and_then(|row| row.loses()).or_else(|| self.mode_loses());
        let orders =
            self.with_units(loses.as_deref(), |procedure, units| procedure.command(now, command, units, &images));
        self.order(orders.map_err(|refused| refused.to_string())?, out);
        Ok(())
    }

    /// `issu set rollback-timer`.
    pub(super) fn set_rollback(&mut self, timer: Duration) -> Result<(), String> {
        self.only_active()?;
        self.clients.issu.procedure.set_rollback(timer).map_err(|refused| refused.to_string())
    }

    /// Both units may be other than before: the upgrade goes on, or back.
    pub(super) fn look_at_upgrade(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.clients.issu.procedure.upgrade().is_none() || !self.role.owns_chassis() {
            return;
        }
        // What would be lost matters to commands only.
        let orders = self.with_units(None, |procedure, units| procedure.look(now, units));
        self.order(orders, out);
    }

    /// This unit is active from here on.
    pub(super) fn upgrade_took_over(&mut self, now: Instant, out: &mut Vec<Output>) {
        let orders = self.clients.issu.procedure.took_over(now, &self.boot.release);
        self.order(orders, out);
    }

    /// A switchover that was asked for does not happen.
    pub(super) fn upgrade_refused(&mut self, now: Instant, why: &str, out: &mut Vec<Output>) {
        let orders = self.clients.issu.procedure.not_handed_over(now, why);
        self.order(orders, out);
    }

    /// What is lost because the chassis is not configured for more, whatever the images come to.
    fn mode_loses(&self) -> Option<String> {
        let mode = self.rf.view().configured;
        (mode < Mode::Sso).then(|| format!("all state is lost: the redundancy mode is {mode}"))
    }

    fn only_active(&self) -> Result<(), String> {
        match self.role.owns_chassis() {
            true => Ok(()),
            false => Err(rf::Refusal::NotActive(self.rf.view().state).to_string()),
        }
    }

    fn with_units<T>(&mut self, loses: Option<&str>, f: impl FnOnce(&mut Procedure, &Units<'_>) -> T) -> T {
        let rf = self.rf.view();
        let slot = self.boot.slot;
        let peer = rf.peer.zip(slot.peer());
        let units = Units {
            own: Unit { slot, release: &self.boot.release, boot: self.boot.boot },
            peer: peer.map(|(peer, slot)| Unit { slot, release: &peer.release, boot: peer.boot }),
            ready: rf.redundant,
            loses,
            failures: rf.standby_failures,
            busy: match self.rf.config_refusal() {
                Some(rf::Refusal::BulkSync) => Some(Busy::BulkSync),
                Some(_) => Some(Busy::Switchover),
                None => self.config_lock.map(|_| Busy::Configuration),
            },
        };
        f(&mut self.clients.issu.procedure, &units)
    }

    /// The releases that can be loaded, and what is lost on the way to each.
    fn images(&self) -> Vec<Loadable> {
        let own = &self.boot.release;
        let image = |release: &KnownRelease| Loadable {
            release: release.version.clone(),
            negotiates: release.negotiates,
            loses: release.loses.get(own).cloned(),
        };
        self.boot.releases.iter().map(image).collect()
    }

    /// Before what it orders is done, and before the peer is told: both may be reset the next moment.
    pub(super) fn save_upgrade(&mut self, out: &mut Vec<Output>) {
        out.extend(self.clients.issu.take_unsaved().map(Output::SaveUpgrade));
    }

    fn order(&mut self, orders: Vec<Order>, out: &mut Vec<Output>) {
        self.save_upgrade(out);
        for order in orders {
            match order {
                Order::Reset { slot, release, reason } => {
                    // Until it is reset, it can take over: its connection is left to it.
                    self.for_rf.push_back(rf::Input::PeerIsReset);
                    let slot = Slot::Rp(slot);
                    out.push(Output::Event(EventKind::ResetSlot { slot, reason, release: Some(release) }));
                }
                Order::Switchover => self.for_rf.push_back(rf::Input::ForceSwitchover),
                Order::Log(line) => out.push(Output::Event(EventKind::Log { line })),
            }
        }
    }
}
