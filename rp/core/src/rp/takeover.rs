//! What a role means: one switchover, read straight down.
//!
//! 1. the redundancy facility says [`rf::Output::BecomeActive`] and how ([`TakeOver`])
//! 2. it leads the clients through its progressions: what each keeps, drops, reads and begins then is in
//!    [`crate::clients`], in one table; what they ask for is done in `effects.rs`
//! 3. each line card is reset (RPR), emptied (RPR+), or kept (SSO) when it answers
//! 4. the route feed sends its table again; what nobody announces again is withdrawn
//! 5. [`Rp::note_convergence`]: every line card holds the complete table

use super::{ABSENT_CARDS, Output, Rp};
use crate::{
    clients,
    fib_feed::{self, FibFeed},
    redundancy::{self as rf, BootCause, TakeOver},
};
use fabric_proto::{
    id::{Epoch, LcSlot, Slot},
    linecard::{Adoption, FromLc, ToLc},
    operator::EventKind,
    time::Instant,
};
use std::{collections::BTreeSet, time::Duration};

/// How long a unit that is about to boot waits for line cards to restart: one that does not answer
/// must not keep the router down.
const RESET_TIME: Duration = Duration::from_secs(2);

/// What this RP is to its chassis.
#[derive(Debug)]
pub(super) enum Role {
    /// Not active: talks to no line card.
    Waiting,
    /// Active. While clients are still led there, it talks to nobody.
    Active(Term),
    /// About to start anew, once the line cards are reset.
    Leaving(Leaving),
    /// Nothing follows.
    Over,
}

/// A term as active.
#[derive(Debug)]
pub(super) struct Term {
    epoch: Epoch,
    /// How the role was taken.
    how: TakeOver,
    /// What line cards do with their tables when they are adopted first.
    adoption: Adoption,
    /// Cards to be reset before they are adopted.
    to_reset: BTreeSet<LcSlot>,
    /// Cards that were told to reset and have not gone yet.
    resetting: BTreeSet<LcSlot>,
    /// Whether line cards are being called.
    calls: bool,
    /// Since when the RIB is complete.
    rib_complete: Option<Instant>,
    converged: bool,
}

/// The time between the decision to boot and the boot.
#[derive(Debug)]
pub(super) struct Leaving {
    epoch: Epoch,
    /// Cards that are still to go.
    to_reset: BTreeSet<LcSlot>,
    deadline: Instant,
    life: BootCause,
    reason: String,
}

impl Term {
    /// What line cards do with their tables when they are adopted first.
    pub(super) fn set_adoption(&mut self, adoption: Adoption) {
        self.adoption = adoption;
    }

    /// Which of them are reset before.
    pub(super) fn set_resets(&mut self, cards: BTreeSet<LcSlot>) {
        self.to_reset = cards;
    }

    /// Line cards are being called from here on.
    pub(super) fn set_calls(&mut self) {
        self.calls = true;
    }

    /// Whether it began by a switchover whose consequences are not over.
    pub(super) fn is_switchover(&self) -> bool {
        self.how != TakeOver::Boot && !self.converged
    }
}

impl Role {
    pub(super) fn owns_chassis(&self) -> bool {
        matches!(self, Self::Active(_))
    }

    pub(super) fn converged(&self) -> bool {
        matches!(self, Self::Active(term) if term.converged)
    }

    pub(super) fn rib_complete(&mut self, now: Instant) {
        if let Self::Active(term) = self {
            term.rib_complete.get_or_insert(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Active(term) if !term.converged => term.rib_complete.map(|since| since + ABSENT_CARDS),
            Self::Leaving(leaving) => Some(leaving.deadline),
            Self::Waiting | Self::Active(_) | Self::Over => None,
        }
    }
}

impl Rp {
    /// Carries out one demand of the redundancy facility.
    pub(super) fn obey_rf(&mut self, now: Instant, output: rf::Output, out: &mut Vec<Output>) {
        match output {
            rf::Output::SendHeartbeat(heartbeat) => out.push(Output::Heartbeat(heartbeat)),
            rf::Output::Send(message) => out.push(Output::Peer(message)),
            rf::Output::NotifyClient { client, event } => self.lead(now, client, event, out),
            rf::Output::SaveTerm(term) => out.push(Output::SaveTerm(term)),
            rf::Output::BecomeActive { epoch, reason, how } => {
                self.become_active(rp_contract::Term { epoch, reason, how });
                self.upgrade_took_over(now, out);
            }
            rf::Output::BecomeStandby { .. } => self.role = Role::Waiting,
            rf::Output::StartBulkSync { mode } => self.start_bulk_sync(now, mode, out),
            rf::Output::StopSync => self.stop_sync(now, out),
            rf::Output::DrainSync => self.drain_sync(now, out),
            rf::Output::ResetPeer { reason } => {
                if let Some(peer) = self.boot.slot.peer() {
                    out.push(Output::Event(EventKind::ResetSlot { slot: Slot::Rp(peer), reason, release: None }));
                }
                out.push(Output::DropPeer);
            }
            rf::Output::RestartSelf { reason, next } => {
                out.push(Output::Event(EventKind::Log {
                    line: format!("%RF-5-RF_RELOAD: Self reload. Reason: {reason}"),
                }));
                out.push(Output::Restart(next));
                self.role = Role::Over;
            }
            rf::Output::ResetChassis { reason, next } => self.reset_chassis(now, reason, next, out),
            rf::Output::ColdBoot { epoch, reason, next } => self.leave(now, epoch, reason.to_string(), next, out),
            rf::Output::Event(event) => {
                if matches!(event, EventKind::Peer { present: false, .. }) {
                    out.push(Output::DropPeer);
                }
                out.push(Output::Event(event));
            }
            rf::Output::Refuse { what, why } => self.refused(now, what, why, out),
        }
    }

    /// A term begins: what becomes of it the clients say.
    pub(super) fn become_active(&mut self, term: rp_contract::Term) {
        self.clients.begin_term(term);
        self.feed = FibFeed::new(self.boot.slot);
        self.role = Role::Active(Term {
            epoch: term.epoch,
            how: term.how,
            adoption: Adoption::Flush,
            to_reset: BTreeSet::new(),
            resetting: BTreeSet::new(),
            calls: false,
            rib_complete: None,
            converged: false,
        });
    }

    /// Sends a card the ports that the running configuration gives it.
    pub(super) fn configure_ports(&mut self, now: Instant, slot: LcSlot, out: &mut Vec<Output>) {
        let ports = clients::ports(self.config(), &self.clients.links, slot);
        let interfaces = clients::interfaces(self.config(), slot);
        self.step_feed(now, Some(fib_feed::Input::Ports { slot, ports, interfaces }), out);
    }

    pub(super) fn lc_connected(&mut self, now: Instant, slot: LcSlot, out: &mut Vec<Output>) {
        match &mut self.role {
            Role::Active(term) if term.to_reset.contains(&slot) => {
                term.to_reset.remove(&slot);
                term.resetting.insert(slot);
                let epoch = term.epoch;
                self.reset_line_card(epoch, slot, "the new active initialises the chassis", out);
            }
            Role::Active(term) => {
                let adoption = term.adoption;
                match self.spoken.level(slot) {
                    Some(level) => {
                        self.step_feed(now, Some(fib_feed::Input::Connected { slot, adoption, level }), out);
                    }
                    // Nothing can be said to it, and it was logged what it speaks: the chassis goes on without.
                    None => self.ports_gone(now, slot, out),
                }
            }
            Role::Leaving(leaving) if leaving.to_reset.contains(&slot) => {
                let (epoch, reason) = (leaving.epoch, leaving.reason.clone());
                self.reset_line_card(epoch, slot, &reason, out);
            }
            Role::Leaving(_) | Role::Waiting | Role::Over => {}
        }
    }

    /// Tells a card that has just been connected to start from nothing.
    fn reset_line_card(&self, epoch: Epoch, slot: LcSlot, reason: &str, out: &mut Vec<Output>) {
        out.push(Output::Lc(slot, ToLc::Adopt { epoch, rp: self.boot.slot, how: Adoption::Flush }));
        out.push(Output::Lc(slot, ToLc::Reset { reason: reason.to_owned() }));
        out.push(Output::Event(EventKind::LcReset { slot, reason: reason.to_owned() }));
    }

    pub(super) fn lc_lost(&mut self, now: Instant, slot: LcSlot, out: &mut Vec<Output>) {
        match &mut self.role {
            Role::Active(term) => {
                if !term.resetting.remove(&slot) {
                    self.step_feed(now, Some(fib_feed::Input::Disconnected { slot }), out);
                }
            }
            Role::Leaving(leaving) => {
                leaving.to_reset.remove(&slot);
                self.role_due(now, out);
            }
            Role::Waiting | Role::Over => {}
        }
    }

    pub(super) fn lc_message(&mut self, now: Instant, slot: LcSlot, message: FromLc, out: &mut Vec<Output>) {
        match (&self.role, message) {
            (Role::Active(term), message) if !term.resetting.contains(&slot) => {
                if let FromLc::Adopted { boot, .. } = message {
                    self.card_answers(now, slot, boot, out);
                }
                self.step_feed(now, Some(fib_feed::Input::Message { slot, message }), out);
            }
            // A card that was told to reset has no session of the FIB feed that could say so.
            (Role::Active(_) | Role::Leaving(_), FromLc::Refused { highest }) => {
                self.for_rf.push_back(rf::Input::Fenced { highest });
            }
            (Role::Active(_) | Role::Leaving(_) | Role::Waiting | Role::Over, _) => {}
        }
    }

    /// Resets one line card on the operator's demand.
    pub(super) fn reset_one(&mut self, now: Instant, slot: LcSlot, out: &mut Vec<Output>) {
        out.push(Output::Lc(slot, ToLc::Reset { reason: "hw-module slot reset".to_owned() }));
        out.push(Output::Event(EventKind::LcReset { slot, reason: "user requested".to_owned() }));
        self.ports_gone(now, slot, out);
    }

    /// The whole chassis starts anew: the peer by the backplane, the line cards by command, then this unit.
    fn reset_chassis(&mut self, now: Instant, reason: String, next: BootCause, out: &mut Vec<Output>) {
        out.push(Output::Event(EventKind::ResetChassis { reason: reason.clone() }));
        if let Some(peer) = self.boot.slot.peer() {
            out.push(Output::Event(EventKind::ResetSlot {
                slot: Slot::Rp(peer),
                reason: reason.clone(),
                release: None,
            }));
        }
        let epoch = match &next {
            BootCause::Takeover { epoch, .. } => *epoch,
            BootCause::Cold | BootCause::Fenced => self.rf.view().epoch,
        };
        self.leave(now, epoch, reason, next, out);
    }

    /// Resets the line cards in the name of `epoch`, then starts anew.
    fn leave(&mut self, now: Instant, epoch: Epoch, reason: String, life: BootCause, out: &mut Vec<Output>) {
        let connected = matches!(&self.role, Role::Active(term) if term.calls);
        let to_reset: BTreeSet<LcSlot> = self.boot.line_cards.iter().copied().collect();
        if connected {
            for slot in &to_reset {
                out.push(Output::Lc(*slot, ToLc::Reset { reason: reason.clone() }));
            }
        } else {
            out.push(Output::Own);
        }
        self.role = Role::Leaving(Leaving { epoch, to_reset, deadline: now + RESET_TIME, life, reason });
        self.role_due(now, out);
    }

    /// The role's own deadline, or the last card it waited for, has passed.
    pub(super) fn role_due(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Role::Leaving(leaving) = &self.role
            && (leaving.to_reset.is_empty() || now >= leaving.deadline)
        {
            out.push(Output::Restart(leaving.life.clone()));
            self.role = Role::Over;
        }
    }

    /// Says once a term that the chassis forwards as it should.
    pub(super) fn note_convergence(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Role::Active(term) = &self.role else { return };
        let Some(since) = term.rib_complete.filter(|_| !term.converged) else { return };
        let confirmed = self.feed.confirmed();
        let all = confirmed.len() == self.boot.line_cards.len() && self.links_are_known() && self.cards_have_all();
        if !self.feed.all_confirmed() || !(all || now >= since + ABSENT_CARDS) {
            return;
        }
        if let Role::Active(term) = &mut self.role {
            term.converged = true;
            // A card that comes later is adopted with what it has: nothing, or the right table.
            term.adoption = Adoption::Keep;
            term.to_reset.clear();
        }
        out.push(Output::Event(EventKind::Converged));
        // What an earlier term knew of cards that are not there is not true any more.
        let absent = |slot: &LcSlot| !confirmed.contains(slot);
        for slot in self.boot.line_cards.clone().into_iter().filter(absent) {
            self.ports_gone(now, slot, out);
        }
    }

    /// Whether every connected card has acknowledged the last change of the table: a port that comes up late brings
    /// its routes with it.
    fn cards_have_all(&self) -> bool {
        let last = self.clients.cef.fib.position().seq;
        self.feed.status().iter().all(|card| card.sent_seq == last && card.unacknowledged == 0)
    }
}

#[cfg(test)]
mod tests;
