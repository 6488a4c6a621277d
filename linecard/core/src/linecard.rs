//! Whom the card obeys, and what it answers: the machine behind the line-card message class.
//!
//! ```text
//!            Adopt (epoch ≥ highest)                session down
//!  Orphan ───────────────────────────▶ Ruled ───────────────────────▶ Orphan
//!    │                                 │   ▲ Adopt of a higher epoch, or of
//!    │ stale timer: table removed      └───┘ the same one by a new session
//! ```
//!
//! A session proves who it is by its certificate (the shell's part) and says which epoch it holds.
//! The card obeys the highest epoch that it has ever seen. What an older one says is answered with a
//! refusal and the end of its session, whether it comes to adopt or has ruled the card before.
//!
//! The owner is the process' control loop. Nothing here is dropped halfway: an update is applied
//! within the step that takes it.

mod bequest;

use crate::{
    fib_sync::{FibCopy, UpdateError},
    tables::Tables,
};
use fabric_proto::{
    fib::Position,
    id::{Epoch, LcSlot, RpSlot},
    linecard::{Adoption, FibUpdate, FromLc, InterfaceConfig, PortConfig, ToLc},
    machine::Machine,
    operator::{EventKind, LcStats},
    sabotage::{self, Sabotage},
    time::Instant,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Number of a session with an RP, chosen by the shell and never used again.
pub type SessionId = u64;

/// What can happen to a line card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An RP opened a session; its certificate names the slot.
    SessionUp {
        /// The session.
        session: SessionId,
        /// The RP at the other end.
        rp: RpSlot,
    },
    /// A message arrived on a session.
    Message {
        /// The session.
        session: SessionId,
        /// The message.
        message: ToLc,
    },
    /// A session ended.
    SessionDown {
        /// The session.
        session: SessionId,
    },
    /// A port's wire came up or went down.
    PortState {
        /// Port number.
        port: u8,
        /// Whether it carries traffic.
        up: bool,
    },
}

/// What a line card asks its shell to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message.
    Send {
        /// On this session.
        session: SessionId,
        /// The message.
        message: FromLc,
    },
    /// End a session, once what was sent on it is out. There is no `SessionDown` for it.
    CloseSession {
        /// The session.
        session: SessionId,
    },
    /// Packets are to be forwarded on these tables from now on.
    Publish(Arc<Tables>),
    /// All ports as configured; those not named are shut down.
    PortsChanged(Vec<PortConfig>),
    /// Restart from nothing, keeping the packet counters and [`LineCard::highest`].
    Reset {
        /// Why.
        reason: String,
    },
    /// Something for the card's event log.
    Event(EventKind),
}

/// What a line card is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineCardConfig {
    /// Its slot.
    pub slot: LcSlot,
    /// Identifies this run of the card.
    pub boot: u64,
    /// The highest epoch seen by the card's earlier runs.
    pub highest: Epoch,
    /// How long routes that no active vouches for are kept. The field's default is two minutes.
    pub stale_time: Duration,
}

/// [`LineCardConfig::stale_time`] where nothing else is configured.
pub const STALE_TIME: Duration = Duration::from_secs(120);

/// A line card's control side.
#[derive(Debug)]
pub struct LineCard {
    config: LineCardConfig,
    highest: Epoch,
    rule: Rule,
    sessions: BTreeMap<SessionId, Session>,
    fib: FibCopy,
    ports: BTreeMap<u8, bool>,
    /// When stale routes go: runs from adoption or orphaning until the active vouches for the table.
    sweep_at: Option<Instant>,
    refused: u64,
    /// Whether the active has not confirmed the table since it adopted the card.
    unconfirmed: bool,
}

/// Whom the card obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Nobody.
    Orphan,
    /// The RP at the other end of a session.
    Ruled { session: SessionId, rp: RpSlot },
}

/// A session with an RP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Session {
    rp: RpSlot,
    /// The epoch it adopted the card in; none before its first message.
    epoch: Option<Epoch>,
}

impl LineCard {
    /// A card that has just started: no table, no active.
    pub fn new(config: LineCardConfig) -> Self {
        Self {
            config,
            highest: config.highest,
            rule: Rule::Orphan,
            sessions: BTreeMap::new(),
            fib: FibCopy::new(config.slot),
            ports: BTreeMap::new(),
            sweep_at: None,
            refused: 0,
            unconfirmed: false,
        }
    }

    /// The forwarding tables that the machine writes.
    pub fn tables(&self) -> &Arc<Tables> {
        self.fib.tables()
    }

    /// The card's copy of the FIB.
    pub fn fib(&self) -> &FibCopy {
        &self.fib
    }

    /// The highest epoch seen: to be kept over a reset.
    pub fn highest(&self) -> Epoch {
        self.highest
    }

    /// The RP that it obeys.
    pub fn active(&self) -> Option<RpSlot> {
        match self.rule {
            Rule::Orphan => None,
            Rule::Ruled { rp, .. } => Some(rp),
        }
    }

    /// Fills in the control side's part of the card's state.
    pub fn report(&self, stats: &mut LcStats) {
        stats.epoch = self.highest;
        stats.active = self.active();
        stats.position = self.fib.position();
        stats.root = self.fib.table().root_digest();
        stats.stale = self.fib.is_stale();
        stats.routes = self.fib.routes();
        stats.refused = self.refused;
    }

    fn message(&mut self, now: Instant, id: SessionId, message: ToLc, out: &mut Vec<Output>) {
        // A session that was closed may still have had messages under way.
        let Some(session) = self.sessions.get(&id).copied() else { return };
        if let ToLc::Adopt { epoch, rp, how } = message {
            self.adopt(now, id, Claim { session, epoch, rp }, how, out);
            return;
        }
        match (self.rule, session.epoch) {
            (Rule::Ruled { session: ruler, .. }, _) if ruler == id => self.obey(id, message, out),
            (_, Some(epoch)) => self.refuse(id, epoch, out),
            (_, None) => self.close(id, format!("RP {} spoke before it adopted the card", session.rp), out),
        }
    }

    fn adopt(&mut self, now: Instant, id: SessionId, claim: Claim, how: Adoption, out: &mut Vec<Output>) {
        let Claim { session, epoch, rp } = claim;
        if rp != session.rp || epoch.owner() != Some(rp) {
            self.close(id, format!("RP {} claimed epoch {epoch} for RP {rp}", session.rp), out);
            return;
        }
        if epoch < self.highest && !sabotage::is(Sabotage::SkipFence) {
            self.refuse(id, epoch, out);
            return;
        }
        let same_term = epoch == self.highest;
        let before = match self.rule {
            Rule::Ruled { session, .. } if session != id => Some(session),
            Rule::Ruled { .. } | Rule::Orphan => None,
        };
        self.highest = epoch;
        self.rule = Rule::Ruled { session: id, rp };
        self.sessions.insert(id, Session { rp, epoch: Some(epoch) });
        if let Some(tables) = self.fib.adopt(how) {
            out.push(Output::Publish(tables));
        }
        let stale_time = if sabotage::is(Sabotage::SweepEarly) { Duration::ZERO } else { self.config.stale_time };
        self.sweep_at = self.fib.is_stale().then(|| now + stale_time);
        let adopted = FromLc::Adopted {
            epoch,
            boot: self.config.boot,
            position: self.fib.position(),
            root: self.fib.table().root_digest(),
            routes: self.fib.routes(),
        };
        out.push(Output::Send { session: id, message: adopted });
        let ports = self.ports.iter().map(|(port, up)| FromLc::PortState { port: *port, up: *up });
        out.extend(ports.map(|message| Output::Send { session: id, message }));
        if let Some(before) = before {
            self.supersede(before, same_term, out);
        }
        self.unconfirmed = true;
        out.push(Output::Event(EventKind::Obeys { epoch, how }));
    }

    /// Another session has adopted the card.
    fn supersede(&mut self, before: SessionId, same_term: bool, out: &mut Vec<Output>) {
        match self.sessions.get(&before).and_then(|session| session.epoch) {
            // An older active is told at once: it may be cut off from its peer and have nothing to say.
            Some(older) if !same_term => self.refuse(before, older, out),
            // The same term on a new session: the old one is a leftover, nobody is fenced.
            _ => {
                self.sessions.remove(&before);
                out.push(Output::CloseSession { session: before });
            }
        }
    }

    /// What the active says.
    fn obey(&mut self, id: SessionId, message: ToLc, out: &mut Vec<Output>) {
        match message {
            // Taken care of by the caller: adoption decides whether the sender is the active.
            ToLc::Adopt { .. } => {}
            ToLc::Ports(ports) => self.set_ports(ports, &[], out),
            ToLc::Interfaces { ports, interfaces } => self.set_ports(ports, &interfaces, out),
            ToLc::Changed { ports, gone, interfaces } => {
                self.fib.change_ports(&ports, &gone, &interfaces);
                if !(ports.is_empty() && gone.is_empty()) {
                    out.push(Output::PortsChanged(self.fib.tables().ports().configs()));
                }
            }
            ToLc::Fib(update) => self.update(id, &update, out),
            ToLc::EndOfTable(family) => self.fib.end_of_table(family),
            ToLc::WantDigests => self.send_digests(id, out),
            ToLc::Converged { position, root } => self.converged(id, position, root, out),
            ToLc::Reset { reason } => {
                out.push(Output::Event(EventKind::LcReset { slot: self.config.slot, reason: reason.clone() }));
                out.push(Output::Reset { reason });
            }
        }
    }

    fn set_ports(&mut self, ports: Vec<PortConfig>, interfaces: &[InterfaceConfig], out: &mut Vec<Output>) {
        self.fib.set_ports(&ports, interfaces);
        out.push(Output::PortsChanged(ports));
    }

    fn update(&mut self, id: SessionId, update: &FibUpdate, out: &mut Vec<Output>) {
        match self.fib.apply(update) {
            Ok(()) => {
                out.push(Output::Send { session: id, message: FromLc::Ack { number: update.number } });
            }
            Err(error @ UpdateError::Full(_)) => {
                // Without the route the copy is wrong and says so by its digest; the session goes on.
                out.push(Output::Event(EventKind::Log { line: format!("%FIB-2-NOMEM: {error}") }));
                out.push(Output::Send { session: id, message: FromLc::Ack { number: update.number } });
            }
            Err(error) => self.close(id, format!("FIB update {}: {error}", update.number), out),
        }
    }

    fn converged(&mut self, id: SessionId, position: Position, root: u64, out: &mut Vec<Output>) {
        if self.fib.table().root_digest() == root || sabotage::is(Sabotage::ForgetBucket) {
            self.fib.confirm(position);
            self.sweep_at = None;
            out.push(Output::Send { session: id, message: FromLc::InSync { position } });
            if std::mem::take(&mut self.unconfirmed) {
                let routes = self.fib.routes().iter().sum();
                out.push(Output::Event(EventKind::TableConfirmed { routes }));
            }
        } else {
            self.send_digests(id, out);
        }
    }

    fn send_digests(&mut self, id: SessionId, out: &mut Vec<Output>) {
        out.push(Output::Send { session: id, message: FromLc::Digests(self.fib.digests()) });
    }

    /// "A newer active rules me": an older epoch is fenced.
    fn refuse(&mut self, id: SessionId, epoch: Epoch, out: &mut Vec<Output>) {
        let highest = self.highest;
        self.refused += 1;
        self.sessions.remove(&id);
        out.push(Output::Send { session: id, message: FromLc::Refused { highest } });
        out.push(Output::CloseSession { session: id });
        out.push(Output::Event(EventKind::Fenced { epoch, highest }));
    }

    /// Ends a session whose RP does not keep to the protocol.
    fn close(&mut self, id: SessionId, why: String, out: &mut Vec<Output>) {
        out.push(Output::CloseSession { session: id });
        out.push(Output::Event(EventKind::Log { line: format!("%FABRIC-3-PROTOCOL: session closed: {why}") }));
        // The new deadline would be the same as after a lost session, but only the step knows the time.
        self.sessions.remove(&id);
    }

    fn orphan(&mut self, now: Instant) {
        self.rule = Rule::Orphan;
        self.fib.mark_stale();
        self.sweep_at = self.fib.is_stale().then(|| now + self.config.stale_time);
    }

    fn port(&mut self, port: u8, up: bool, out: &mut Vec<Output>) {
        if self.ports.insert(port, up) == Some(up) {
            return;
        }
        out.push(Output::Event(EventKind::Port { port, up }));
        if let Rule::Ruled { session, .. } = self.rule {
            out.push(Output::Send { session, message: FromLc::PortState { port, up } });
        }
    }

    fn sweep(&mut self, out: &mut Vec<Output>) {
        self.sweep_at = None;
        let line =
            format!("%FIB-4-STALE: nobody vouched for stale routes within {:?}: removed", self.config.stale_time);
        out.push(Output::Event(EventKind::Log { line }));
        match self.fib.sweep() {
            Ok(Some(tables)) => out.push(Output::Publish(tables)),
            Ok(None) => {}
            Err(error) => out.push(Output::Event(EventKind::Log { line: format!("%FIB-2-NOMEM: {error}") })),
        }
    }
}

/// An RP's word that it is the active.
#[derive(Clone, Copy)]
struct Claim {
    session: Session,
    epoch: Epoch,
    rp: RpSlot,
}

impl Machine for LineCard {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Instant, input: Option<Input>, out: &mut Vec<Output>) {
        match input {
            Some(Input::SessionUp { session, rp }) => {
                self.sessions.insert(session, Session { rp, epoch: None });
            }
            Some(Input::Message { session, message }) => self.message(now, session, message, out),
            Some(Input::SessionDown { session }) => {
                self.sessions.remove(&session);
            }
            Some(Input::PortState { port, up }) => self.port(port, up, out),
            None => {}
        }
        // The active's session may have ended for many reasons: one place draws the conclusion.
        if let Rule::Ruled { session, .. } = self.rule
            && !self.sessions.contains_key(&session)
        {
            self.orphan(now);
            out.push(Output::Event(EventKind::Orphaned));
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(out);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.sweep_at
    }
}

#[cfg(test)]
mod tests;
