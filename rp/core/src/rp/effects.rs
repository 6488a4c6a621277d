//! What clients ask for: whoever is concerned is told.

use super::{Output, Rp, switchover_timer, takeover::Role};
use crate::{
    clients::{Hung, NoSuchClient},
    redundancy::{self as rf, ClientId},
};
use fabric_proto::{id::LcSlot, operator::EventKind, redundancy::Code, time::Instant};
use rp_contract::{Effect, News};

impl Rp {
    /// Shows an event to a client of the redundancy facility.
    pub(super) fn lead(&mut self, now: Instant, client: ClientId, event: Code, out: &mut Vec<Output>) {
        let mut asked = Vec::new();
        if let Err(unknown) = self.clients.progress(now, client, event, &mut asked) {
            // Nobody answers for it, least of all somebody else: the facility goes on by its timer.
            let line = format!("%RF-3-NO_CLIENT: {unknown}: {event} is not answered");
            out.push(Output::Event(EventKind::Log { line }));
        }
        self.follow(now, asked, out);
    }

    /// An experiment: a client works and does not answer, or answers again. Ends with the program.
    pub fn hang(&mut self, now: Instant, who: &str, hangs: bool, out: &mut Vec<Output>) -> Result<(), NoSuchClient> {
        let Hung { name, held } = self.clients.hang(who, hangs)?;
        let says = if hangs { "does not answer any more" } else { "answers again" };
        let begun = out.len();
        out.push(Output::Event(EventKind::Log { line: format!("%RF-5-HANG: client {name} {says}, as asked for") }));
        self.for_rf.extend(held.map(|(client, event)| rf::Input::ClientDone { client, event }));
        self.settle(now, out);
        self.log.keep(now, &out[begun..]);
        Ok(())
    }

    /// Clients whose deadline has passed.
    pub(super) fn clients_due(&mut self, now: Instant, out: &mut Vec<Output>) {
        let mut asked = Vec::new();
        self.clients.due(now, &mut asked);
        self.follow(now, asked, out);
    }

    /// Tells clients what has happened in the chassis. A standby's learn it from the active's.
    pub(super) fn tell_clients(&mut self, now: Instant, news: News, out: &mut Vec<Output>) {
        if !self.role.owns_chassis() {
            return;
        }
        let mut asked = Vec::new();
        self.clients.news(now, &news, &mut asked);
        self.follow(now, asked, out);
    }

    /// Does what clients ask for, in order, and hands on the answer that the facility waits for.
    pub(super) fn follow(&mut self, now: Instant, asked: Vec<Effect>, out: &mut Vec<Output>) {
        for effect in asked {
            self.effect(now, effect, out);
        }
        if let Some((client, event)) = self.clients.answer() {
            self.for_rf.push_back(rf::Input::ClientDone { client, event });
        }
    }

    fn effect(&mut self, now: Instant, effect: Effect, out: &mut Vec<Output>) {
        match effect {
            // Of nobody who owed one.
            Effect::Done(_) => {}
            Effect::Event(event) => out.push(Output::Event(event)),
            Effect::SaveStartup(text) => out.push(Output::SaveStartup(text)),
            Effect::ReadStartup => {
                self.clients.read_startup();
                self.set_facility_timers();
            }
            Effect::Timers => self.set_facility_timers(),
            Effect::Mode => self.for_rf.push_back(rf::Input::SetMode(self.config().redundancy.mode)),
            Effect::ResetCards(cards) => {
                if let Role::Active(term) = &mut self.role {
                    term.set_resets(cards);
                }
            }
            Effect::Adopt(adoption) => {
                if let Role::Active(term) = &mut self.role {
                    term.set_adoption(adoption);
                }
            }
            Effect::Ports => {
                let slots: Vec<LcSlot> = self.boot.line_cards.clone();
                for slot in slots {
                    self.configure_ports(now, slot, out);
                }
            }
            Effect::Learn => {
                self.clients.learn();
                let feeds = self.feeds();
                let (rib, fib) = self.clients.tables();
                if let Some(converged) = rib.start(now, &feeds, fib) {
                    self.rib_converged(now, converged, out);
                }
                self.begin_host(now, out);
            }
            Effect::Own => {
                if let Role::Active(term) = &mut self.role {
                    term.set_calls();
                }
                out.push(Output::Own);
            }
        }
    }

    /// The redundancy facility's timers, from the configuration.
    pub(super) fn set_facility_timers(&mut self) {
        let timer = switchover_timer(self.config(), &self.boot.timers);
        let crashdump = self.config().redundancy.crashdump_timeout;
        self.for_rf.push_back(rf::Input::SetSwitchoverTimer(timer));
        self.for_rf.push_back(rf::Input::SetCrashdumpTimeout(crashdump));
    }

    /// Says once what of the startup configuration was not understood, and sets the text aside.
    pub(super) fn say_unread(&mut self, out: &mut Vec<Output>) {
        let Some((lines, text)) = self.clients.startup.untold() else { return };
        out.extend(lines.into_iter().map(|line| Output::Event(EventKind::Log { line })));
        out.extend(text.map(Output::SetAside));
    }
}
