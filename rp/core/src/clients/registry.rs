//! Who takes part: every client of this release, what a family lists it by, and the way to each.

mod records;

use super::{
    cef::Cef, chassis::Chassis, host::Neighbours, links::Links, local, mode::ModeOfConfiguration, routing::Routing,
    running::Running, startup::Startup, stateless::Stateless, transitions::Transitions, upgrade::Issu,
};
use crate::{config::Edit, fib_feed::FibMaster, redundancy::ClientId, rib::Rib};
use bytes::BytesMut;
use fabric_proto::{
    checkpoint::CfClientId,
    fib::BaseMac,
    fib::Mac,
    id::{InterfaceId, LcSlot, PortId},
    offer::Agreed,
    platform::{Profile, RfClient},
    redundancy::Code,
    release::Release,
    time::Instant,
};
use rp_contract::{Answer, Checkpointed, Client, Effect, Member, News, Progression, TakeOver, Term};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// Protocols and services beyond those that every RP has: a line each.
pub(crate) fn others() -> Vec<Box<dyn Client>> {
    Vec::new()
}

/// The clients of one RP.
///
/// Those that every RP has are fields: its other machines look at what they hold. They change it through its owner.
#[derive(Debug)]
pub struct Registry {
    pub(crate) startup: Startup,
    pub(crate) running: Running,
    pub(crate) chassis: Chassis,
    pub(crate) cef: Cef,
    pub(crate) links: Links,
    pub(crate) routing: Routing,
    pub(crate) issu: Issu,
    pub(crate) neighbours: Neighbours,
    /// From release 2.1 on.
    pub(crate) transitions: Option<Transitions>,
    mode: ModeOfConfiguration,
    stateless: [Stateless; 4],
    others: Vec<Box<dyn Client>>,
    /// By `clientSeq`.
    rows: Vec<Row>,
    /// The release that the program is built as.
    built: Release,
    /// Those that are checkpointed, in the order of the bulk, in the versions that this release speaks.
    members: Vec<Member>,
    /// Their numbers, by swact's own names.
    numbers: BTreeMap<&'static str, CfClientId>,
    /// The term in which this unit is active.
    term: Option<Term>,
    /// The event that clients are being shown.
    shown: Option<Shown>,
    /// Those whose answers are held back, and the last one of each: an experiment wants it so.
    hung: BTreeMap<ClientId, Option<Code>>,
    /// What both RPs speak, once they have met.
    agreed: Option<Arc<Agreed>>,
    /// Clients at base level beside the peer's release: it is given nothing of them.
    withheld: BTreeSet<CfClientId>,
    /// A record that comes in pieces and has not come whole.
    pieces: BytesMut,
}

/// What clients are told of their unit and its chassis.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) profile: &'static Profile,
    /// The startup configuration in NVRAM.
    pub(crate) startup: Option<String>,
    /// Line cards that there are slots for.
    pub(crate) line_cards: BTreeSet<LcSlot>,
    /// Those of an older kind.
    pub(crate) legacy: BTreeSet<LcSlot>,
    /// What the addresses of its ports begin with.
    pub(crate) base_mac: BaseMac,
    /// The hardware's own time to switch over, where it is waited for.
    pub(crate) loads: Duration,
    /// The release that the program is built as.
    pub(crate) built: Release,
}

/// A client as the family lists it, and whoever answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    id: ClientId,
    /// The family's name for it.
    name: &'static str,
    clients: Vec<&'static str>,
}

/// An event that the facility waits to be answered.
#[derive(Clone, Debug)]
struct Shown {
    id: ClientId,
    event: Code,
    /// Those that will answer later.
    owing: Vec<&'static str>,
}

/// An id that no client of this release is registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody is registered as redundancy client {0}")]
pub struct UnknownClient(pub ClientId);

/// A client that was told to hang, or to answer again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hung {
    /// The family's name for it.
    pub(crate) name: &'static str,
    /// The answer that was held back last, once it answers again.
    pub(crate) held: Option<(ClientId, Code)>,
}

/// A name that no client of this family has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no redundancy client is called '{who}': they are {known}")]
pub struct NoSuchClient {
    /// What was asked for.
    pub who: String,
    /// What there is.
    pub known: String,
}

/// Clients and the family's list of them do not fit: whoever registered them is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misregistered {
    /// The list names nobody.
    #[error("platform {platform} lists '{client}' as redundancy client {id}: no client has that name, register one")]
    Nobody {
        /// The family.
        platform: &'static str,
        /// Its number for the client.
        id: u16,
        /// The name.
        client: &'static str,
    },
    /// The list names somebody twice, or two clients have one name.
    #[error("client '{0}' is registered twice")]
    Twice(&'static str),
    /// Two clients have one number in messages.
    #[error("checkpoint client {number} is the {first} and the {second}: give one of them another number")]
    Number {
        /// The number.
        number: CfClientId,
        /// One of them, by its title.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
}

impl Registry {
    /// The clients of an RP that has just been started.
    pub(crate) fn new(unit: Unit, others: Vec<Box<dyn Client>>) -> Result<Self, Misregistered> {
        let Unit { profile, startup, line_cards, legacy, base_mac, loads, built } = unit;
        let (startup, config) = Startup::new(profile, startup);
        let mut clients = Self {
            startup,
            running: Running::new(config),
            chassis: Chassis::new(profile, line_cards, legacy, loads),
            cef: Cef::default(),
            links: Links::new(base_mac),
            routing: Routing::default(),
            issu: Issu::default(),
            neighbours: Neighbours::default(),
            transitions: (built >= Release::V2_1).then(Transitions::default),
            mode: ModeOfConfiguration,
            stateless: ["checkpoint", "ifindex", "hdlc", "history"].map(Stateless),
            others,
            rows: Vec::new(),
            built,
            members: Vec::new(),
            numbers: BTreeMap::new(),
            term: None,
            shown: None,
            hung: BTreeMap::new(),
            agreed: None,
            withheld: BTreeSet::new(),
            pieces: BytesMut::new(),
        };
        let names: Vec<&'static str> = clients.every().map(Client::name).collect();
        clients.rows = rows(profile, &names)?;
        let of_release = |member: Member| Member { versions: built.records(member.number, member.versions), ..member };
        let checkpointed = |client: &mut dyn Client| Some(of_release(client.checkpointed()?.member()));
        clients.members = clients.each().filter_map(checkpointed).collect();
        let number = |client: &mut dyn Client| Some((client.name(), client.checkpointed()?.member().number));
        clients.numbers = clients.each().filter_map(number).collect();
        distinct(&clients.members)?;
        Ok(clients)
    }

    /// All of them, in the order of the bulk.
    fn each(&mut self) -> impl Iterator<Item = &mut dyn Client> {
        let Self { startup, running, chassis, cef, links, routing, issu, neighbours, .. } = self;
        let Self { transitions, mode, stateless, others, .. } = self;
        let own: [&mut dyn Client; 9] = [startup, running, chassis, cef, links, routing, issu, neighbours, mode];
        let stateless = stateless.iter_mut().map(|client| client as &mut dyn Client);
        let later = transitions.iter_mut().map(|client| client as &mut dyn Client);
        own.into_iter()
            .chain(stateless)
            .chain(later)
            .chain(others.iter_mut().map(|client| client.as_mut() as &mut dyn Client))
    }

    fn every(&self) -> impl Iterator<Item = &dyn Client> {
        let Self { startup, running, chassis, cef, links, routing, issu, neighbours, .. } = self;
        let Self { transitions, mode, stateless, others, .. } = self;
        let own: [&dyn Client; 9] = [startup, running, chassis, cef, links, routing, issu, neighbours, mode];
        let stateless = stateless.iter().map(|client| client as &dyn Client);
        let later = transitions.iter().map(|client| client as &dyn Client);
        own.into_iter().chain(stateless).chain(later).chain(others.iter().map(|client| client.as_ref() as &dyn Client))
    }

    fn checkpointed(&mut self) -> impl Iterator<Item = &mut dyn Checkpointed> {
        self.each().filter_map(|client| client.checkpointed())
    }

    pub(super) fn numbered(&mut self, number: CfClientId) -> Option<&mut dyn Checkpointed> {
        self.checkpointed().find(|client| client.member().number == number)
    }
}

/// What several of them take part in.
impl Registry {
    /// The table that routes are learned into, and the one that packets go by.
    pub(crate) fn tables(&mut self) -> (&mut Rib, &mut FibMaster) {
        (&mut self.routing.rib, &mut self.cef.fib)
    }

    /// This term begins to learn routes, out of configuration and carrier first.
    pub(crate) fn learn(&mut self) {
        self.routing.learn(&self.running.config, &self.links, &self.neighbours, &mut self.cef.fib);
    }

    /// The configuration has changed, or carrier has: all is compared.
    pub(crate) fn reroute(&mut self) {
        self.routing.configure(&self.running.config, &self.links, &self.neighbours, &mut self.cef.fib);
    }

    /// The configuration has changed; `undo` would take that back.
    pub(crate) fn reroute_changed(&mut self, undo: &[Edit]) {
        match local::changes(&self.running.config, &self.links, &self.neighbours, undo, &self.routing.rib) {
            Some(changes) => self.routing.change(changes, &mut self.cef.fib),
            None => self.reroute(),
        }
    }

    /// A port's carrier came or went.
    pub(crate) fn reroute_port(&mut self, port: PortId) {
        let changes = local::carrier(&self.running.config, &self.links, &self.neighbours, port, &self.routing.rib);
        self.routing.change(changes, &mut self.cef.fib);
    }

    /// Lets the host on the links go a step.
    pub(crate) fn host_step(&mut self, now: Instant, input: Option<rp_host::Input<'_>>) -> Vec<rp_host::Output> {
        self.neighbours.step(now, input, &self.routing.rib)
    }

    /// Neighbours were learned, or are gone.
    pub(crate) fn adjacencies(&mut self, learned: Vec<((InterfaceId, IpAddr), Option<Mac>)>) {
        let changes = local::adjacencies(&self.running.config, learned, &self.routing.rib);
        self.routing.change(changes, &mut self.cef.fib);
    }

    /// The running configuration is the one of the startup configuration.
    pub(crate) fn read_startup(&mut self) {
        self.running.config = self.startup.read();
    }
}

/// Progressions.
impl Registry {
    /// This unit is active from here on.
    pub(crate) fn begin_term(&mut self, term: Term) {
        self.term = Some(term);
        self.pieces.clear();
    }

    /// Shows an event to whoever answers for `id`.
    pub(crate) fn progress(
        &mut self,
        now: Instant,
        id: ClientId,
        event: Code,
        out: &mut Vec<Effect>,
    ) -> Result<(), UnknownClient> {
        let row = self.rows.iter().find(|row| row.id == id).ok_or(UnknownClient(id))?.clone();
        let mut owing = Vec::new();
        for name in row.clients {
            // What it holds is not the checkpointed state, whatever the others have.
            let bare = |term: Term| if term.how == TakeOver::Hot { Term { how: TakeOver::Warm, ..term } } else { term };
            let is_bare = self.numbers.get(name).is_some_and(|number| self.withheld.contains(number));
            let term = if is_bare { self.term.map(bare) } else { self.term };
            let progression = Progression { event, term };
            if let Some(client) = self.each().find(|client| client.name() == name)
                && client.progress(now, &progression, out) == Answer::Later
            {
                owing.push(name);
            }
        }
        self.shown = Some(Shown { id, event, owing });
        Ok(())
    }

    /// The answer that the facility waits for, once all have given theirs.
    pub(crate) fn answer(&mut self) -> Option<(ClientId, Code)> {
        let shown = self.shown.take_if(|shown| shown.owing.is_empty())?;
        match self.hung.get_mut(&shown.id) {
            Some(held) => {
                *held = Some(shown.event);
                None
            }
            None => Some((shown.id, shown.event)),
        }
    }

    /// From now on a client works and does not answer, or answers again. It is known by the family's number or name, by
    /// the first word of that name, or by one of swact's own names for whoever answers for it.
    pub(crate) fn hang(&mut self, who: &str, hangs: bool) -> Result<Hung, NoSuchClient> {
        let called = |name: &str| name.eq_ignore_ascii_case(who);
        let is_meant = |row: &&Row| {
            let first = row.name.split(' ').next().is_some_and(called);
            first || called(row.name) || row.clients.iter().any(|name| called(name)) || row.id.to_string() == who
        };
        let Some(row) = self.rows.iter().find(is_meant) else {
            let known = self.rows.iter().map(|row| format!("{} ({})", row.name, row.id)).collect::<Vec<_>>().join(", ");
            return Err(NoSuchClient { who: who.to_owned(), known });
        };
        if hangs {
            self.hung.entry(row.id).or_insert(None);
            return Ok(Hung { name: row.name, held: None });
        }
        let held = self.hung.remove(&row.id).flatten();
        Ok(Hung { name: row.name, held: held.map(|event| (row.id, event)) })
    }

    /// When the first client wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.every().filter_map(Client::deadline).min()
    }

    /// Calls those whose deadline has passed.
    pub(crate) fn due(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.call(out, |client, out| {
            if client.deadline().is_some_and(|deadline| deadline <= now) {
                client.due(now, out);
            }
        });
    }

    /// Tells all of them.
    pub(crate) fn news(&mut self, now: Instant, news: &News, out: &mut Vec<Effect>) {
        self.call(out, |client, out| client.news(now, news, out));
    }

    /// Calls each, and keeps the answers that they owed.
    fn call(&mut self, out: &mut Vec<Effect>, mut to: impl FnMut(&mut dyn Client, &mut Vec<Effect>)) {
        let mut done = Vec::new();
        let mut asked = Vec::new();
        for client in self.each() {
            to(client, &mut asked);
            for effect in asked.drain(..) {
                if let Effect::Done(event) = effect {
                    done.push((client.name(), event));
                } else {
                    out.push(effect);
                }
            }
        }
        for (name, event) in done {
            if let Some(shown) = self.shown.as_mut().filter(|shown| shown.event == event) {
                shown.owing.retain(|owing| *owing != name);
            }
        }
    }
}

/// Who answers for what the family lists. Whom it does not list answers for the checkpointing facility.
fn rows(profile: &'static Profile, names: &[&'static str]) -> Result<Vec<Row>, Misregistered> {
    let listed = profile.clients.iter().filter(|row| !ClientId(row.id).is_internal());
    let mut rows: Vec<Row> =
        listed.map(|row| Row { id: ClientId(row.id), name: row.name, clients: row.clients.to_vec() }).collect();
    for (at, name) in names.iter().enumerate() {
        let listed = rows.iter().flat_map(|row| &row.clients).filter(|known| *known == name).count();
        if listed > 1 || names[..at].contains(name) {
            return Err(Misregistered::Twice(name));
        }
        if listed == 0
            && let Some(row) = rows.iter_mut().find(|row| row.id.0 == RfClient::CHECKPOINTING)
        {
            row.clients.push(name);
        }
    }
    for row in &rows {
        if let Some(client) = row.clients.iter().find(|client| !names.contains(client)) {
            return Err(Misregistered::Nobody { platform: profile.name, id: row.id.0, client });
        }
    }
    Ok(rows)
}

fn distinct(members: &[Member]) -> Result<(), Misregistered> {
    for (at, member) in members.iter().enumerate() {
        if let Some(other) = members[..at].iter().find(|other| other.number == member.number) {
            let (first, second) = (other.title, member.title);
            return Err(Misregistered::Number { number: member.number, first, second });
        }
    }
    Ok(())
}
