//! The clients of the redundancy facility, and the visit that shows one event to all of them.

use super::{
    BootCause, Output, Rf, Role, What,
    role::{bring_up, next_active},
};
use fabric_proto::{
    operator::EventKind,
    platform::{Profile, RfClient},
    redundancy::{Code, Mode, RfMessage},
    time::Instant,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Identifies a client (`clientID`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u16);

impl ClientId {
    /// The facility itself: the first client of every visit.
    pub const INTERNAL: Self = Self(0);
    /// Forwarding tables.
    pub const CEF: Self = Self(24);
    /// Checkpointing facility.
    pub const CHKPT: Self = Self(RfClient::CHECKPOINTING);
    /// Switchover history.
    pub const HISTORY: Self = Self(35);
    /// The facility itself: the last client of every visit.
    pub const LAST: Self = Self(65000);

    /// Whether the facility answers for it.
    pub(crate) fn is_internal(self) -> bool {
        self == Self::INTERNAL || self == Self::LAST
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A subsystem registered with the redundancy facility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `clientID`.
    pub id: ClientId,
    /// `clientSeq`: the order of visits.
    pub seq: u16,
    /// Its name.
    pub name: String,
    /// Whether it carries state without which a standby is none: a bring-up in which it does not answer fails.
    pub vital: bool,
}

/// The clients that a family lists and swact has.
pub fn field_clients(profile: &Profile) -> Vec<Client> {
    let of = |client: &RfClient| Client {
        id: ClientId(client.id),
        seq: client.seq,
        name: client.name.to_owned(),
        vital: client.vital,
    };
    profile.clients.iter().map(of).collect()
}

/// One event on its way through the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) event: Code,
    /// Position in the table of the client that must answer.
    at: usize,
    /// When it is given up.
    pub(super) until: Instant,
}

impl Rf {
    /// Shows `event` to every client in order; the role goes on when all have answered.
    pub(super) fn visit(&mut self, now: Instant, event: Code, out: &mut Vec<Output>) {
        self.visit_from(now, event, 0, out);
    }

    pub(super) fn client_done(&mut self, now: Instant, client: ClientId, event: Code, out: &mut Vec<Output>) {
        match self.visit {
            Some(visit) if visit.event == event && self.config.clients[visit.at].id == client => {
                self.visit_from(now, event, visit.at + 1, out);
            }
            // An answer to a visit that was given up.
            _ => self.counters.late_clients += 1,
        }
    }

    /// The client that must answer did not. It is named; then
    ///
    /// * a takeover goes on without it, and does not wait for it again: the chassis cannot wait,
    /// * a standby's bring-up fails when the client is vital ([`Client::vital`]): the standby starts anew,
    /// * any other progression goes on without it.
    pub(super) fn client_overdue(&mut self, now: Instant, visit: Visit, out: &mut Vec<Output>) {
        self.counters.client_timeouts += 1;
        let client = self.config.clients[visit.at].clone();
        let event = visit.event;
        let fails = client.vital && is_bring_up(event);
        let fate = if fails { "the progression fails" } else { "is skipped" };
        let line = format!(
            "%RF-3-NOTIF_TMO: client {} ({}) did not answer {event} within {} ms and {fate}",
            client.name,
            client.id,
            self.config.client_notification.as_millis()
        );
        out.push(Output::Event(EventKind::Log { line }));
        self.history.note(now, What::Overdue { name: client.name.clone(), id: client.id, code: event });
        if !fails {
            if let Role::Active(active) = &mut self.role
                && (event == Code::Active || next_active(event).is_some())
            {
                active.silent.insert(client.id);
            }
            self.visit_from(now, event, visit.at + 1, out);
            return;
        }
        self.counters.progressions_failed += 1;
        self.visit = None;
        let reason = format!("client {} did not answer {event}", client.name);
        if matches!(self.role, Role::Active(_)) {
            // The standby on its way up is of no use: it begins anew.
            self.standby_useless(out);
            self.send(RfMessage::Restart { reason }, out);
        } else {
            self.restart_self(&reason, BootCause::Cold, out);
        }
    }

    fn visit_from(&mut self, now: Instant, event: Code, first: usize, out: &mut Vec<Output>) {
        self.visit = None;
        for at in first..self.config.clients.len() {
            let client = self.config.clients[at].id;
            self.history.note(now, What::Code { code: event, client: Some(client), op: 0 });
            if client.is_internal() {
                continue;
            }
            out.push(Output::NotifyClient { client, event });
            if !self.is_silent(client) {
                self.visit = Some(Visit { event, at, until: now + self.config.client_notification });
                return;
            }
        }
        self.visited(now, event, out);
    }

    /// Whether a takeover has waited for it once, in vain.
    fn is_silent(&self, client: ClientId) -> bool {
        matches!(&self.role, Role::Active(active) if active.silent.contains(&client))
    }

    /// All clients have answered, or were skipped.
    fn visited(&mut self, now: Instant, event: Code, out: &mut Vec<Output>) {
        match &self.role {
            Role::Initialization => self.initialized(now, out),
            Role::Standby(_) => self.standby_visited(now, event, out),
            Role::Active(_) => self.active_visited(now, event, out),
            Role::Start | Role::Negotiation { .. } | Role::Disabled | Role::Gone => {}
        }
    }
}

/// Whether an event is a step of a standby's way up.
fn is_bring_up(event: Code) -> bool {
    Mode::ALL.iter().any(|mode| bring_up(*mode).iter().any(|step| step.event == event))
}
