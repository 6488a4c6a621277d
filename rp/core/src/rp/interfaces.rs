//! What a port's carrier does to routing, to the log and to clients. A port that has none, or of which no card has said that
//! it has, takes its networks and what leads there out of the routing table.

use super::{Output, Rp};
use crate::{clients::Line, fib_feed::Level};
use fabric_proto::{
    id::{InterfaceId, LcSlot, PortId},
    operator::EventKind,
    time::Instant,
};
use rp_contract::News;

impl Rp {
    /// A line card says how a port is.
    pub(super) fn port_reported(&mut self, now: Instant, port: PortId, up: bool, out: &mut Vec<Output>) {
        let was = self.clients.links.is_up(port);
        let line = match self.spoken.level(port.slot) {
            Some(Level::Base) if up => Line::Plain,
            Some(_) | None => up.into(),
        };
        if self.clients.links.report(now, port, line) {
            self.log_link(port, was, up, out);
            self.clients.reroute_port(port);
            self.tell_host_of_port(now, port, out);
            self.tell_clients(now, News::Carrier { port, up }, out);
        }
    }

    /// A card obeys this term. One that has restarted says anew which of its ports have carrier.
    pub(super) fn card_answers(&mut self, now: Instant, slot: LcSlot, boot: u64, out: &mut Vec<Output>) {
        if self.clients.links.heard(slot, boot) {
            self.ports_gone(now, slot, out);
            self.clients.links.heard(slot, boot);
        }
    }

    /// A card is not there any more, or starts anew: none of its ports has carrier.
    pub(super) fn ports_gone(&mut self, now: Instant, slot: LcSlot, out: &mut Vec<Output>) {
        let known = self.clients.links.forget(slot);
        if known.is_empty() {
            return;
        }
        let up: Vec<PortId> = known.into_iter().filter(|(_, up)| *up).map(|(port, _)| port).collect();
        for port in &up {
            self.log_link(*port, true, false, out);
        }
        self.clients.reroute();
        self.tell_host(now, out);
        for port in up {
            self.tell_clients(now, News::Carrier { port, up: false }, out);
        }
    }

    /// Cards that have been alone for too long have no ports.
    pub(super) fn links_due(&mut self, now: Instant, out: &mut Vec<Output>) {
        for slot in self.clients.links.given_up(now) {
            self.ports_gone(now, slot, out);
        }
    }

    /// Whether every port that is to be up, of cards that hold the table, has been reported.
    pub(super) fn links_are_known(&self) -> bool {
        let confirmed = self.feed.confirmed();
        let mut ports = confirmed.iter().flat_map(|slot| self.config().interfaces.ports_of(*slot));
        !ports.any(|(port, interface)| !interface.shutdown && self.clients.links.get(port).is_none())
    }

    fn log_link(&self, port: PortId, was: bool, up: bool, out: &mut Vec<Output>) {
        let id = InterfaceId::from(port);
        let mut log = |line: String| out.push(Output::Event(EventKind::Log { line }));
        let state = if up { "up" } else { "down" };
        if self.config().interfaces.get(&id).is_none_or(|interface| interface.shutdown) && !up {
            log(format!("%LINK-5-CHANGED: Interface {id}, changed state to administratively down"));
        } else {
            log(format!("%LINK-3-UPDOWN: Interface {id}, changed state to {state}"));
        }
        if was != up {
            log(format!("%LINEPROTO-5-UPDOWN: Line protocol on Interface {id}, changed state to {state}"));
        }
    }
}

#[cfg(test)]
mod tests;
