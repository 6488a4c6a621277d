//! Every client, as the facilities see it: who is registered, and that what a standby was given behaves as what gave it.

mod releases;

use super::*;
use crate::{
    fib_feed::{Level, tests::model},
    redundancy::ClientId,
};
use fabric_proto::{
    checkpoint::CfClientId,
    id::{Epoch, LcSlot, PortId},
    offer::{Agreed, Offer},
    platform::{PROFILES, Profile},
    redundancy::{Code, Mode, SwitchoverReason},
    release::Release,
    time::Instant,
};
use proptest::prelude::*;
use rp_contract::{Answer, Ask, Client, Effect, Member, News, Progression, TakeOver, Term};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const NOW: Instant = Instant(7_000_000_000);
const WAY: [Code; 5] =
    [Code::ActiveFast, Code::ActiveDrain, Code::ActivePreconfig, Code::ActivePostconfig, Code::Active];

fn unit(profile: &'static Profile, built: Release) -> Unit {
    Unit {
        base_mac: Default::default(),
        profile,
        startup: Some("hostname pe1\nend\n".to_owned()),
        line_cards: (1..=4).map(LcSlot).collect(),
        legacy: Default::default(),
        loads: Duration::ZERO,
        built,
    }
}

fn clients(platform: &str) -> Registry {
    clients_of(platform, Release::V2_1)
}

fn clients_of(platform: &str, built: Release) -> Registry {
    Registry::new(unit(Profile::named(platform).unwrap(), built), others()).unwrap()
}

/// A client of a name, and nothing else.
#[derive(Debug)]
struct Named(&'static str);

impl Client for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn progress(&mut self, _now: Instant, _progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        out.push(Effect::log(self.0.to_owned()));
        Answer::Done
    }
}

#[test]
fn the_clients_of_this_release_are_those_that_every_platform_lists() {
    for profile in PROFILES {
        let unit = unit(profile, Release::V2_1);
        let mut clients = Registry::new(unit, others()).unwrap_or_else(|wrong| panic!("{wrong}"));
        for row in profile.clients.iter().filter(|row| !ClientId(row.id).is_internal()) {
            clients.progress(NOW, ClientId(row.id), Code::Initialization, &mut Vec::new()).unwrap();
            assert_eq!(clients.answer(), Some((ClientId(row.id), Code::Initialization)), "{}", row.name);
        }
    }
}

#[test]
fn an_id_that_nobody_registered_is_an_error() {
    let mut clients = clients("native");
    let unknown = clients.progress(NOW, ClientId(77), Code::ActiveFast, &mut Vec::new()).unwrap_err();
    assert_eq!(unknown.to_string(), "nobody is registered as redundancy client 77");
    assert_eq!(clients.answer(), None);
    assert!(clients.chunk(CfClientId(77), true, Mode::Sso).is_err());
    let unapplied = clients.apply(CfClientId(77), Default::default(), false, &mut Vec::new()).unwrap_err();
    assert_eq!(unapplied.to_string(), "this release has no checkpoint client 77");
}

#[test]
fn who_is_not_listed_answers_for_the_checkpointing_facility() {
    // A 7500 lists no client for its configuration: it is read all the same, and before what comes after.
    let mut clients = clients("c7500");
    let term = Term { epoch: Epoch(5), reason: SwitchoverReason::None, how: TakeOver::Boot };
    clients.begin_term(term);
    let mut asked = Vec::new();
    clients.progress(NOW, ClientId::CHKPT, Code::ActivePreconfig, &mut asked).unwrap();
    assert_eq!(asked, [Effect::ReadStartup]);
    let named = |names: &[&'static str]| {
        let others: Vec<Box<dyn Client>> = names.iter().map(|name| Box::new(Named(name)) as Box<dyn Client>).collect();
        Registry::new(unit(Profile::named("c7500").unwrap(), Release::V2_1), others)
    };
    let mut clients = named(&["stranger"]).unwrap();
    let mut asked = Vec::new();
    clients.progress(NOW, ClientId::CHKPT, Code::StandbyHot, &mut asked).unwrap();
    assert_eq!(asked, [Effect::log("stranger".to_owned())]);
    assert_eq!(named(&["cef"]).unwrap_err(), Misregistered::Twice("cef"));
    assert_eq!(named(&["one", "one"]).unwrap_err(), Misregistered::Twice("one"));
}

/// Something that happens to what clients hold.
#[derive(Clone, Debug)]
enum Happens {
    Port(u8, u8, Line),
    CardGone(u8),
    Card(u8, bool),
    Saved(u8),
    Typed(u8),
    Table(model::Change),
    /// A neighbour is learned, or gone; or an own address is.
    Neighbour(u8, u8),
    /// The next piece of the bulk is given, about so long.
    Chunk(usize),
    /// Changes of those whose bulk has begun are given.
    Changes,
    /// The standby goes, and comes back.
    Again,
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![Just(Line::Down), Just(Line::Up), Just(Line::Plain)]
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (1..5u8, 1..5u8, line()).prop_map(|(slot, port, line)| Happens::Port(slot, port, line)),
        2 => (1..5u8).prop_map(Happens::CardGone),
        3 => (1..5u8, any::<bool>()).prop_map(|(slot, online)| Happens::Card(slot, online)),
        1 => (0..4u8).prop_map(Happens::Saved),
        2 => (0..9u8).prop_map(Happens::Typed),
        4 => model::change().prop_map(Happens::Table),
        4 => (0..9u8, 0..5u8).prop_map(|(last, how)| Happens::Neighbour(last, how)),
        6 => (0..12usize).prop_map(Happens::Chunk),
        4 => Just(Happens::Changes),
        1 => Just(Happens::Again),
    ]
}

/// Two units, and what is between them.
struct Pair {
    active: Registry,
    standby: Registry,
    mode: Mode,
    /// The member whose bulk is being given, and whether its first piece is.
    at: (usize, bool),
    owner: model::Owner,
}

/// With a peer of the same release, of the one before it, or of the first one.
fn spoken(clients: &Registry, peer: Peer) -> Arc<Agreed> {
    let own = clients.offer("2.1");
    Arc::new(match peer {
        Peer::Alike => Agreed::alike(own),
        Peer::Before => Agreed::between(own, clients_of("c12000", Release::V2_0).offer("2.0")),
        Peer::First => Agreed::between(own, Offer::of_1_0()),
    })
}

/// Who the other unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Alike,
    Before,
    First,
}

fn peer() -> impl Strategy<Value = Peer> {
    prop_oneof![Just(Peer::Alike), Just(Peer::Before), Just(Peer::First)]
}

impl Pair {
    fn new(mode: Mode, peer: Peer) -> Self {
        let mut pair = Self {
            active: clients("c12000"),
            standby: clients("c12000"),
            mode,
            at: (0, true),
            owner: model::Owner::default(),
        };
        let term = Term { epoch: Epoch(4), reason: SwitchoverReason::None, how: TakeOver::Boot };
        pair.active.begin_term(term);
        pair.active.progress(NOW, ClientId::CEF, Code::ActiveFast, &mut Vec::new()).unwrap();
        pair.active.agree(spoken(&pair.active, peer));
        pair.standby.agree(spoken(&pair.standby, peer));
        pair.standby.begin(mode);
        pair
    }

    fn apply(&mut self, number: CfClientId, data: bytes::Bytes) {
        self.standby.apply(number, data, false, &mut Vec::new()).unwrap_or_else(|why| panic!("{number}: {why}"));
    }

    /// Gives a piece; says whether there was one to be given.
    fn chunk(&mut self, room: usize) -> bool {
        let Some(member) = self.active.members().get(self.at.0).copied() else { return false };
        // A peer of the first release does not have every client.
        let version = self.active.version(&member).filter(|_| member.from <= self.mode);
        let Some(version) = version else {
            self.at = (self.at.0 + 1, true);
            return true;
        };
        let ask = Ask { first: self.at.1, mode: self.mode, version, room };
        let chunk = self.active.numbered(member.number).unwrap().chunk(&ask);
        self.apply(member.number, chunk.data);
        self.at = if chunk.more { (self.at.0, false) } else { (self.at.0 + 1, true) };
        true
    }

    fn changes(&mut self) {
        let begun = self.at.0 + usize::from(!self.at.1);
        let members = self.active.members()[..begun].to_vec();
        for member in &members {
            while member.from <= self.mode
                && let Some(data) = self.active.change(member).unwrap()
            {
                self.apply(member.number, data);
            }
        }
    }

    fn happens(&mut self, what: &Happens) {
        let active = &mut self.active;
        match what {
            Happens::Port(slot, port, line) => {
                let (port, up) = (PortId { slot: LcSlot(*slot), port: *port }, *line != Line::Down);
                if active.links.report(NOW, port, *line) {
                    active.news(NOW, &News::Carrier { port, up }, &mut Vec::new());
                }
            }
            Happens::CardGone(slot) => {
                active.links.forget(LcSlot(*slot));
            }
            Happens::Card(slot, online) => {
                active.chassis.card(LcSlot(*slot), *online);
            }
            Happens::Saved(n) => {
                active.startup.take(format!("hostname saved{n}\nend\n"));
                active.startup.give();
            }
            Happens::Typed(n) => {
                let old = active.running.config.redundancy.auto_sync;
                let lines = format!("hostname h{n}");
                active.running.config.hostname = format!("h{n}");
                active.running.changed(Change { lines: &lines, old });
            }
            Happens::Table(change) => self.owner.apply(change, &mut active.cef.fib),
            Happens::Neighbour(last, how) => {
                let key = (PortId { slot: LcSlot(1), port: 1 }.into(), [10, 0, 0, *last].into());
                let kept = match how {
                    0 => None,
                    1 => Some(host::Kept::Own { used: true }),
                    2 => Some(host::Kept::Own { used: false }),
                    n => Some(host::Kept::Neighbour { station: [2, 0, 0, 0, 0, *n], router: n % 2 == 0 }),
                };
                active.neighbours.keep(key, kept);
            }
            Happens::Chunk(room) => _ = self.chunk(*room),
            Happens::Changes => self.changes(),
            Happens::Again => {
                active.stop();
                self.standby.begin(self.mode);
                self.at = (0, true);
            }
        }
    }

    /// Everything that the standby is still to be given.
    fn finish(&mut self) {
        while self.chunk(5) {}
        self.changes();
    }
}

/// What a unit's clients ask for when it takes over, client by client and event by event.
fn taken_over(clients: &mut Registry, how: TakeOver) -> Vec<(Code, u16, Vec<Effect>)> {
    let profile = Profile::named("c12000").unwrap();
    clients.begin_term(Term { epoch: Epoch(9), reason: SwitchoverReason::ActiveUnitFailed, how });
    let mut asked = Vec::new();
    for event in WAY {
        for row in profile.clients.iter().filter(|row| !ClientId(row.id).is_internal()) {
            let mut out = Vec::new();
            clients.progress(NOW, ClientId(row.id), event, &mut out).unwrap();
            asked.push((event, row.id, out));
        }
    }
    asked
}

proptest! {
    /// `restore(save(s))` behaves as `s`, for every client in every version that it speaks: whatever happens before,
    /// between and after pieces of any size, the standby holds the same, shows the same, and asks for the same when it
    /// takes over.
    #[test]
    fn what_a_standby_was_given_behaves_as_what_gave_it(
        story in proptest::collection::vec(happens(), 0..80),
        peer in peer(),
        mode in prop_oneof![Just(Mode::RprPlus), Just(Mode::Sso)],
    ) {
        let mut pair = Pair::new(mode, peer);
        story.iter().for_each(|what| pair.happens(what));
        pair.finish();
        // A unit of release 1.0 is given what it knows of these, and one of 2.0 nothing of what 2.1 has more.
        let later = [CfClientId::PORT_COUNTS, CfClientId::NEIGHBOURS];
        let not_all = |number: CfClientId| match peer {
            Peer::Alike => false,
            Peer::Before => later.contains(&number),
            Peer::First => later.contains(&number) || [CfClientId::FIB, CfClientId::LINKS].contains(&number),
        };
        let whole = |member: &Member| !not_all(member.number);
        let held = |clients: &mut Registry| -> BTreeMap<&str, u64> {
            let part = clients.digests().into_iter().filter(|(member, _)| member.from <= mode && whole(member));
            part.map(|(member, digest)| (member.title, digest)).collect()
        };
        prop_assert_eq!(held(&mut pair.active), held(&mut pair.standby));
        let Pair { mut active, mut standby, .. } = pair;
        let how = if mode == Mode::Sso { TakeOver::Hot } else { TakeOver::Warm };
        prop_assert_eq!(taken_over(&mut active, how), taken_over(&mut standby, how));
        prop_assert_eq!(&active.running.config, &standby.running.config);
        prop_assert_eq!(active.startup.text(), standby.startup.text());
        let ports = (1..5).flat_map(|slot| (1..5).map(move |port| PortId { slot: LcSlot(slot), port }));
        for port in ports {
            let known = |clients: &Registry| clients.links.get(port).map(|(up, since)| (up, since.filter(|_| peer == Peer::Alike)));
            prop_assert_eq!(known(&active), known(&standby));
            let counted = |clients: &Registry| clients.transitions.as_ref().map(|counts| counts.of(port));
            prop_assert!(peer != Peer::Alike || mode != Mode::Sso || counted(&active) == counted(&standby));
        }
        if mode == Mode::Sso {
            let level = if peer == Peer::First { Level::Base } else { Level::Full };
            model::assert_equal(&model::given(active.cef.fib.table(), level), standby.cef.fib.table());
        }
    }

    /// A record that was damaged on its way is refused or means something else; it never brings a unit down.
    #[test]
    fn a_damaged_record_is_an_error_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
        peer in peer(),
        more in any::<bool>(),
    ) {
        let mut clients = clients("native");
        clients.agree(spoken(&clients, peer));
        for member in clients.members().to_vec() {
            let _ = clients.apply(member.number, bytes.clone().into(), more, &mut Vec::new());
        }
    }
}

/// What changes is given, not everything: one port of many is one row.
#[test]
fn a_change_takes_its_own_bytes() {
    let mut clients = clients("native");
    for port in 1..=200 {
        clients.links.report(NOW, PortId { slot: LcSlot(1), port }, true);
        clients.chassis.card(LcSlot(port), true);
    }
    for member in clients.given() {
        clients.chunk(member.number, true, Mode::Sso).unwrap();
    }
    clients.links.report(NOW, PortId { slot: LcSlot(1), port: 7 }, false);
    clients.chassis.card(LcSlot(7), false);
    let changes = |clients: &mut Registry| -> Vec<(CfClientId, Vec<u8>)> {
        let members = clients.members().to_vec();
        let change = |member| clients.change(&member).unwrap().map(|data| (member.number, data.to_vec()));
        members.into_iter().filter_map(change).collect()
    };
    let links = [&[1, 7, 0][..], &NOW.0.to_be_bytes()].concat();
    assert_eq!(changes(&mut clients), [(CfClientId::CHASSIS, vec![7, 0]), (CfClientId::LINKS, links)]);
    assert_eq!(changes(&mut clients), []);
}
