//! Sessions with line cards.

use super::model::{Change, Held, ModelCard, Owner, assert_equal, change, content, given, key};
use crate::fib_feed::{Beyond, FibFeed, FibMaster, Input, Level, Output, WINDOW, log::Log};
use fabric_proto::{
    codec,
    id::{Epoch, LcSlot, RpSlot, TableId},
    linecard::{Adoption, FibPart, FromLc, InterfaceConfig, PortConfig, ToLc},
    time::Instant,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A card and the two directions of its connection.
#[derive(Default)]
struct Link {
    card: ModelCard,
    /// What its release has words for.
    level: Level,
    connected: bool,
    down: VecDeque<ToLc>,
    up: VecDeque<FromLc>,
}

/// An active RP and its line cards.
struct Chassis {
    now: Instant,
    fib: FibMaster,
    feed: FibFeed,
    links: BTreeMap<LcSlot, Link>,
    said: Vec<Output>,
}

impl Chassis {
    fn new(cards: u8) -> Self {
        let mut fib = FibMaster::default();
        fib.begin_term(Epoch(4));
        let links = (1..=cards).map(|slot| (LcSlot(slot), Link::default())).collect();
        Self { now: Instant(0), fib, feed: FibFeed::new(RpSlot::A), links, said: Vec::new() }
    }

    fn step(&mut self, input: Option<Input>) {
        let mut out = Vec::new();
        self.feed.step(self.now, input, &mut self.fib, &mut out);
        for output in out {
            match output {
                Output::Send { slot, message } => self.links.get_mut(&slot).unwrap().down.push_back(message),
                said => self.said.push(said),
            }
        }
    }

    fn connect(&mut self, slot: LcSlot, adoption: Adoption) {
        let link = self.links.get_mut(&slot).unwrap();
        if !link.connected {
            link.connected = true;
            let level = link.level;
            self.step(Some(Input::Connected { slot, adoption, level }));
        }
    }

    fn disconnect(&mut self, slot: LcSlot) {
        let link = self.links.get_mut(&slot).unwrap();
        if link.connected {
            *link = Link { card: link.card.clone(), level: link.level, ..Link::default() };
            self.step(Some(Input::Disconnected { slot }));
        }
    }

    /// The card hears one message.
    fn deliver_down(&mut self, slot: LcSlot) -> bool {
        let link = self.links.get_mut(&slot).unwrap();
        let Some(message) = link.down.pop_front() else { return false };
        // As bytes, in the version that the card's release reads.
        let version = if link.level == Level::Base { 1 } else { 2 };
        let frame = codec::encode_at(&message, version).unwrap_or_else(|error| panic!("{message:?}: {error}"));
        link.up.extend(link.card.hear(codec::decode(&frame).unwrap()));
        true
    }

    fn deliver_up(&mut self, slot: LcSlot) -> bool {
        let Some(message) = self.links.get_mut(&slot).unwrap().up.pop_front() else { return false };
        self.step(Some(Input::Message { slot, message }));
        true
    }

    fn slots(&self) -> Vec<LcSlot> {
        self.links.keys().copied().collect()
    }

    /// Delivers everything; deadlines do not pass.
    fn settle(&mut self) {
        self.step(Some(Input::TableChanged));
        while self.slots().into_iter().any(|slot| self.deliver_down(slot) || self.deliver_up(slot)) {}
    }

    /// All cards connected, RIB complete, audits done.
    fn finish(&mut self) {
        for slot in self.slots() {
            self.connect(slot, Adoption::Keep);
        }
        self.step(Some(Input::Converged));
        self.settle();
        while let Some(deadline) = self.feed.deadline() {
            self.now = deadline;
            self.step(None);
            self.settle();
        }
        assert!(self.feed.all_confirmed());
        for link in self.links.values() {
            assert_equal(&given(self.fib.table(), link.level), &link.card.table);
        }
    }

    /// The next active, which has what the standby was given.
    fn switch_over(&mut self, mut standby: FibMaster) {
        let before = self.fib.position().epoch;
        let rp = before.owner().and_then(RpSlot::peer).expect("a term of A or B");
        standby.begin_term(before.next_for(rp));
        standby.mark_stale();
        self.fib = standby;
        self.feed = FibFeed::new(rp);
        self.said.clear();
        for link in self.links.values_mut() {
            *link = Link { card: link.card.clone(), level: link.level, ..Link::default() };
        }
    }

    /// What it was said since it was asked last that the card in slot 2 is without.
    fn without(&mut self) -> Vec<Beyond> {
        let said = std::mem::take(&mut self.said);
        let without = |said| match said {
            Output::Without { slot: LcSlot(2), what } => Some(what),
            Output::Without { .. } | Output::Reset { .. } => panic!("{said:?}"),
            _ => None,
        };
        said.into_iter().filter_map(without).collect()
    }

    fn in_sync(&self) -> Vec<(u32, u64)> {
        let report = |said: &Output| match said {
            Output::InSync { buckets, routes, .. } => Some((*buckets, *routes)),
            _ => None,
        };
        self.said.iter().filter_map(report).collect()
    }
}

fn copy(active: &mut FibMaster) -> FibMaster {
    let mut standby = FibMaster::default();
    let mut cursor = None;
    loop {
        let (bytes, next) = active.bulk_chunk(cursor, Level::Full);
        standby.apply_checkpoint(&bytes).unwrap();
        match next {
            Some(next) => cursor = Some(next),
            None => return standby,
        }
    }
}

/// A chassis with `routes` routes over 16 path lists, all cards in sync.
fn converged(cards: u8, routes: u32) -> (Chassis, Vec<u32>) {
    let mut chassis = Chassis::new(cards);
    let lists: Vec<u32> = (0..16).map(|n| chassis.fib.acquire(content(n)).unwrap()).collect();
    for n in 0..routes {
        chassis.fib.set(key(n), lists[n as usize % 16]);
    }
    for slot in chassis.slots() {
        chassis.connect(slot, Adoption::Flush);
    }
    chassis.finish();
    (chassis, lists)
}

#[derive(Clone, Debug)]
enum Step {
    Change(Change),
    Changed,
    Down(u8, usize),
    Up(u8, usize),
    Connect(u8, Adoption),
    Disconnect(u8),
    Converged,
    Later,
    /// The standby is given a copy, or the changes since.
    Checkpoint,
    /// The active dies; the standby has what it was given last.
    SwitchOver,
}

fn step() -> impl Strategy<Value = Step> {
    let adoption = prop_oneof![Just(Adoption::Keep), Just(Adoption::Flush)];
    prop_oneof![
        12 => change().prop_map(Step::Change),
        4 => Just(Step::Changed),
        8 => (1..=2u8, 1..6usize).prop_map(|(slot, n)| Step::Down(slot, n)),
        8 => (1..=2u8, 1..6usize).prop_map(|(slot, n)| Step::Up(slot, n)),
        2 => (1..=2u8, adoption).prop_map(|(slot, how)| Step::Connect(slot, how)),
        1 => (1..=2u8).prop_map(Step::Disconnect),
        1 => Just(Step::Converged),
        1 => Just(Step::Later),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::SwitchOver),
    ]
}

proptest! {
    /// Whatever happens in whatever order, line cards end up with the RP's table.
    #[test]
    fn line_cards_end_up_with_the_table(
        steps in proptest::collection::vec(step(), 1..200),
        log in 300..4000usize,
        older in any::<bool>(),
    ) {
        let mut chassis = Chassis::new(2);
        chassis.fib.log = Log::of(log);
        if older {
            chassis.links.get_mut(&LcSlot(2)).unwrap().level = Level::Base;
        }
        let (mut owner, mut standby, mut held) = (Owner::default(), None, [Held::default(), Held::default()]);
        for step in steps {
            match step {
                Step::Checkpoint => match &mut standby {
                    Some(standby) if chassis.fib.is_checkpointing() => {
                        while let Some(bytes) = chassis.fib.take_checkpoint(Level::Full) {
                            FibMaster::apply_checkpoint(standby, &bytes).unwrap();
                        }
                    }
                    _ => standby = Some(copy(&mut chassis.fib)),
                },
                Step::SwitchOver => if let Some(standby) = standby.take() {
                    chassis.switch_over(standby);
                    owner = Owner::default();
                },
                Step::Change(change) => owner.apply(&change, &mut chassis.fib),
                Step::Changed => chassis.step(Some(Input::TableChanged)),
                Step::Down(slot, n) => for _ in 0..n {
                    chassis.deliver_down(LcSlot(slot));
                },
                Step::Up(slot, n) => for _ in 0..n {
                    chassis.deliver_up(LcSlot(slot));
                },
                Step::Connect(slot, how) => chassis.connect(LcSlot(slot), how),
                Step::Disconnect(slot) => chassis.disconnect(LcSlot(slot)),
                Step::Converged => chassis.step(Some(Input::Converged)),
                Step::Later => if let Some(deadline) = chassis.feed.deadline() {
                    chassis.now = deadline;
                    chassis.step(None);
                    prop_assert!(chassis.feed.deadline().is_none_or(|next| next > deadline));
                },
            }
            for (held, link) in held.iter_mut().zip(chassis.links.values()) {
                held.note(&given(chassis.fib.table(), link.level));
                held.check(&link.card);
            }
        }
        chassis.finish();
    }
}

/// One card of this release, one of release 1.0.
fn of_two_releases(routes: u32) -> (Chassis, Vec<u32>) {
    let (mut chassis, lists) = converged(1, routes);
    chassis.links.insert(LcSlot(2), Link { level: Level::Base, ..Link::default() });
    chassis.finish();
    (chassis, lists)
}

/// A card of release 1.0 is fed what it knows, whatever comes and goes; and it is said once that it is without the rest.
#[test]
fn a_card_of_release_1_0_is_fed_what_it_knows() {
    let mut chassis = Chassis::new(2);
    chassis.links.get_mut(&LcSlot(2)).unwrap().level = Level::Base;
    let [plain, tagged] = [1, 2].map(|n| chassis.fib.acquire(content(n)).unwrap());
    chassis.fib.set(key(0), plain);
    chassis.fib.release(tagged);
    chassis.finish();
    assert_eq!(chassis.without(), []);
    // An entry of a VRF comes, and another one; then a path with a tag.
    chassis.fib.set(key(1), plain);
    chassis.finish();
    assert_eq!(chassis.without(), [Beyond::Entries]);
    chassis.fib.set(key(2), plain);
    let tagged = chassis.fib.acquire(content(2)).unwrap();
    chassis.fib.set(key(5), tagged);
    chassis.finish();
    assert_eq!(chassis.without(), [Beyond::Paths]);
    let older = &chassis.links[&LcSlot(2)].card.table;
    assert_eq!(older.routes().map(|(key, _)| key).collect::<BTreeSet<_>>(), [key(0), key(5)].into());
    // They go away again, and come back.
    for n in [1, 2, 5] {
        chassis.fib.withdraw(key(n));
    }
    chassis.fib.release(tagged);
    chassis.finish();
    assert!(chassis.fib.table().is_in_release_1());
    assert_eq!(chassis.without(), []);
    chassis.fib.set(key(3), plain);
    chassis.finish();
    assert_eq!(chassis.without(), [Beyond::Entries]);
}

/// Nor is it compared with what it cannot have: an SSO switchover costs it no route, and a difference one bucket.
#[test]
fn a_card_of_release_1_0_is_adopted_by_what_it_knows() {
    let (mut chassis, lists) = of_two_releases(10_000);
    let standby = copy(&mut chassis.fib);
    chassis.switch_over(standby);
    for slot in chassis.slots() {
        chassis.connect(slot, Adoption::Keep);
    }
    chassis.settle();
    assert_eq!(chassis.in_sync(), [(0, 0); 2]);
    chassis.finish();
    // One that lost its connection while an entry of each kind changed.
    chassis.disconnect(LcSlot(2));
    chassis.said.clear();
    for n in 0..5 {
        let other = chassis.fib.acquire(content(100 + n)).unwrap();
        chassis.fib.set(key(n), other);
    }
    assert_ne!(lists[0], chassis.fib.table().get(key(0)).unwrap());
    chassis.finish();
    let repaired = chassis.said.iter().find_map(|said| match said {
        Output::InSync { slot: LcSlot(2), buckets, .. } => Some(*buckets),
        _ => None,
    });
    assert_eq!(repaired, Some(1));
}

/// Ports that a card of release 1.0 has no words for are shut down there, and down for routing.
#[test]
fn ports_beyond_a_cards_release_are_closed() {
    let mut chassis = Chassis::new(2);
    chassis.links.get_mut(&LcSlot(2)).unwrap().level = Level::Base;
    let port = |port, enabled| PortConfig { port, enabled, mac: [2; 6], mtu: 1500 };
    let interface = |port, vlan, table| InterfaceConfig { port, vlan, table: TableId(table) };
    let ports = vec![port(1, true), port(2, true), port(3, false)];
    let beyond = [interface(1, 100, 7), interface(2, 0, 7), interface(3, 0, 7)];
    let configure = |chassis: &mut Chassis, interfaces: &[InterfaceConfig]| {
        for slot in chassis.slots() {
            let (ports, interfaces) = (ports.clone(), interfaces.to_vec());
            chassis.step(Some(Input::Ports { slot, ports, interfaces }));
        }
    };
    let told = |chassis: &Chassis, slot: u8| {
        let told = chassis.links[&LcSlot(slot)].down.iter().rev().find_map(|message| match message {
            ToLc::Ports(ports) | ToLc::Interfaces { ports, .. } => Some(ports),
            _ => None,
        });
        told.unwrap().iter().map(|port| port.enabled).collect::<Vec<_>>()
    };
    let down = Output::PortState { slot: LcSlot(2), port: 2, up: false };
    configure(&mut chassis, &beyond);
    for slot in chassis.slots() {
        chassis.connect(slot, Adoption::Flush);
    }
    assert_eq!([told(&chassis, 1), told(&chassis, 2)], [[true, true, false], [true, false, false]]);
    assert!(!chassis.said.contains(&down), "it does not obey yet");
    chassis.finish();
    assert!(chassis.said.contains(&down), "{:?}", chassis.said);
    assert_eq!(chassis.without(), [Beyond::Interfaces(beyond.to_vec())]);
    assert_eq!([0, 1].map(|at| chassis.feed.status()[at].level), [Level::Full, Level::Base]);
    // Of one more, that one is named; of none, none, and the port is open.
    let more = interface(1, 200, 0);
    configure(&mut chassis, &[&beyond[..], &[more]].concat());
    assert_eq!(chassis.without(), [Beyond::Interfaces(vec![more])]);
    configure(&mut chassis, &[]);
    assert_eq!([told(&chassis, 1), told(&chassis, 2)], [[true, true, false]; 2]);
    chassis.finish();
    assert_eq!(chassis.said, []);
}

#[test]
fn adoption_with_nothing_changed_sends_no_route() {
    for routes in [10_000, 100_000] {
        let (mut chassis, _) = converged(2, routes);
        let standby = copy(&mut chassis.fib);
        chassis.switch_over(standby);
        for slot in chassis.slots() {
            chassis.connect(slot, Adoption::Keep);
        }
        chassis.settle();
        assert_eq!(chassis.in_sync(), [(0, 0); 2], "{routes} routes");
        assert!(chassis.feed.status().iter().all(|status| status.sent_seq == 0 && !status.confirmed));
        chassis.finish();
        assert_eq!(chassis.said.iter().filter(|said| matches!(said, Output::Confirmed { .. })).count(), 2);
    }
}

#[test]
fn a_reconciliation_costs_what_differs() {
    let mut cost = Vec::new();
    for differing in [1, 10, 100] {
        let (mut chassis, lists) = converged(1, 100_000);
        let standby = copy(&mut chassis.fib);
        for n in 0..differing {
            chassis.fib.set(key(n * 7), lists[(n as usize * 7 + 1) % 16]);
        }
        chassis.settle();
        chassis.switch_over(standby);
        chassis.finish();
        let [(buckets, routes)] = chassis.in_sync()[..] else { panic!("{:?}", chassis.said) };
        assert!(buckets <= differing && routes <= u64::from(differing) * 512, "{differing}: {buckets}, {routes}");
        cost.push(routes);
    }
    assert!(cost.is_sorted(), "{cost:?}");
}

/// Both orders of design §6: an update that one of line card and standby has seen at the crash.
#[test]
fn an_update_that_one_side_has_not_seen_is_found() {
    for seen_by_card in [true, false] {
        let (mut chassis, lists) = converged(1, 1000);
        let mut standby = copy(&mut chassis.fib);
        let new = chassis.fib.acquire(content(99)).unwrap();
        chassis.fib.set(key(5), new);
        chassis.fib.set(key(5000), new);
        chassis.fib.withdraw(key(6));
        chassis.fib.change(lists[3], content(88));
        if seen_by_card {
            chassis.settle();
        } else {
            while let Some(bytes) = chassis.fib.take_checkpoint(Level::Full) {
                standby.apply_checkpoint(&bytes).unwrap();
            }
        }
        chassis.switch_over(standby);
        // The new active has changes of its own before it has heard from the card.
        let other = chassis.fib.acquire(content(77)).unwrap();
        chassis.fib.set(key(7), other);
        chassis.finish();
        let [(buckets, _)] = chassis.in_sync()[..] else { panic!("{:?}", chassis.said) };
        assert!(buckets <= 4, "seen by the card: {seen_by_card}; {buckets} buckets");
    }
}

#[test]
fn a_download_waits_for_answers_and_marks_its_end() {
    let mut chassis = Chassis::new(1);
    let id = chassis.fib.acquire(content(1)).unwrap();
    for n in 0..200_000 {
        chassis.fib.set(key(n), id);
    }
    let slot = LcSlot(1);
    chassis.connect(slot, Adoption::Flush);
    chassis.step(Some(Input::Converged));
    chassis.deliver_down(slot);
    chassis.deliver_up(slot);
    let link = &chassis.links[&slot];
    assert_eq!(link.down.len() as u64, WINDOW);
    assert!(link.down.iter().all(|m| matches!(m, ToLc::Fib(update) if update.kind == FibPart::Part)));
    chassis.finish();
    assert_eq!(chassis.in_sync(), [(0, 200_000)]);
}

/// A neighbor, and a set of neighbors of which one only is left, hold the same; the new active finds them again in the
/// other order. When the set changes, the neighbor's route must not follow.
#[test]
fn lists_that_hold_the_same_do_not_change_places() {
    let (mut chassis, lists) = converged(1, 16);
    chassis.fib.change(lists[2], content(1));
    chassis.settle();
    let standby = copy(&mut chassis.fib);
    chassis.switch_over(standby);
    let set = chassis.fib.acquire(content(1)).unwrap();
    let neighbor = chassis.fib.acquire(content(1)).unwrap();
    for n in 0..16 {
        match n {
            1 => chassis.fib.set(key(n), neighbor),
            2 => chassis.fib.set(key(n), set),
            n => {
                let list = chassis.fib.acquire(content(n)).unwrap();
                chassis.fib.set(key(n), list);
            }
        }
    }
    assert_eq!([set, neighbor], [lists[1], lists[2]], "in the other order");
    chassis.finish();
    chassis.fib.change(set, content(99));
    chassis.settle();
    assert_equal(chassis.fib.table(), &chassis.links[&LcSlot(1)].card.table);
}

/// The log is too short for a card that does not answer: what the card holds is old, and it is adopted once more.
#[test]
fn a_card_that_fell_behind_is_adopted_once_more() {
    let mut chassis = Chassis::new(1);
    chassis.fib.log = Log::of(300);
    let mut lists: Vec<u32> = (0..16).map(|n| chassis.fib.acquire(content(n)).unwrap()).collect();
    chassis.finish();
    chassis.said.clear();
    for n in 0..2 * WINDOW as u32 {
        let id = chassis.fib.acquire(content(100 + n)).unwrap();
        chassis.fib.set(key(n), id);
        chassis.fib.release(std::mem::replace(&mut lists[n as usize % 16], id));
        chassis.step(Some(Input::TableChanged));
    }
    chassis.finish();
    let adopted = Output::Adopted { slot: LcSlot(1), how: Adoption::Keep };
    assert_eq!(chassis.said.iter().filter(|said| **said == adopted).count(), 1, "{:?}", chassis.said);
}

#[test]
fn a_fenced_active_is_told_so() {
    let (mut chassis, _) = converged(1, 10);
    let mut standby = copy(&mut chassis.fib);
    standby.begin_term(Epoch(4).next_for(RpSlot::B));
    let mut out = Vec::new();
    let link = chassis.links.get_mut(&LcSlot(1)).unwrap();
    link.card.hear(ToLc::Adopt { epoch: standby.position().epoch, rp: RpSlot::B, how: Adoption::Keep });
    chassis.disconnect(LcSlot(1));
    chassis.said.clear();
    chassis.connect(LcSlot(1), Adoption::Keep);
    chassis.settle();
    assert_eq!(chassis.said, [Output::Fenced { highest: standby.position().epoch }]);
    chassis.feed.step(Instant(0), None, &mut chassis.fib, &mut out);
    assert!(out.is_empty());
}

/// A term empties a card once: a lost connection must not cost the packets of a second download.
#[test]
fn a_card_that_comes_back_keeps_its_table() {
    let (mut chassis, lists) = converged(1, 10_000);
    chassis.disconnect(LcSlot(1));
    chassis.fib.set(key(3), lists[0]);
    chassis.said.clear();
    chassis.connect(LcSlot(1), Adoption::Flush);
    chassis.finish();
    let [(buckets, _)] = chassis.in_sync()[..] else { panic!("{:?}", chassis.said) };
    assert_eq!(buckets, 1);
}

/// A card whose answers make no sense is reset, and nobody else notices.
#[test]
fn a_misbehaving_card_is_reset() {
    for message in [
        FromLc::Ack { number: 1 << 40 },
        FromLc::Digests(vec![1, 2, 3]),
        FromLc::Adopted { epoch: Epoch(4), boot: 1, position: None, root: 0, routes: [0; 2] },
    ] {
        let (mut chassis, _) = converged(2, 10);
        chassis.step(Some(Input::Message { slot: LcSlot(1), message }));
        assert!(matches!(chassis.links[&LcSlot(1)].down.back(), Some(ToLc::Reset { .. })));
        assert_eq!(chassis.feed.confirmed(), [LcSlot(2)]);
    }
}

/// A card that says for ever that its table differs is sent all of it, and then reset.
#[test]
fn an_irreconcilable_card_is_reset() {
    let (mut chassis, _) = converged(1, 1000);
    chassis.disconnect(LcSlot(1));
    chassis.said.clear();
    chassis.connect(LcSlot(1), Adoption::Keep);
    let mut resets = 0;
    while let Some(message) = chassis.links.get_mut(&LcSlot(1)).unwrap().down.pop_front() {
        let mut answers = match message {
            ToLc::Reset { .. } => {
                resets += 1;
                vec![]
            }
            message => chassis.links.get_mut(&LcSlot(1)).unwrap().card.hear(message),
        };
        for answer in &mut answers {
            if let FromLc::InSync { .. } = answer {
                *answer = FromLc::Digests(vec![0; fabric_proto::fib::BUCKETS]);
            }
        }
        for message in answers {
            chassis.step(Some(Input::Message { slot: LcSlot(1), message }));
        }
    }
    assert_eq!(resets, 1);
    assert!(!chassis.feed.all_confirmed());
}
