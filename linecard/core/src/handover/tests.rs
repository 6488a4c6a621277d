use super::*;
use crate::linecard::{Input as CardInput, LineCard, LineCardConfig, STALE_TIME};
use fabric_proto::{
    fib::{BatchBuilder, Birth, FibKey, ListUpdate, Path, PathList, Prefix},
    id::{CardId, Epoch, Label, LcSlot, RpSlot, TableId},
    linecard::{Adoption, FibPart, FibUpdate, FromLc, InterfaceConfig, PortConfig, ToLc},
    machine::Machine,
    time::Instant,
};
use proptest::prelude::*;

const EPOCH: Epoch = Epoch(3 << 2);

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn id() -> CardId {
    "lab/pe1/3".parse().unwrap()
}

fn config(boot: u64) -> LineCardConfig {
    LineCardConfig { slot: LcSlot(3), boot, highest: Epoch::NONE, stale_time: STALE_TIME }
}

fn tell(card: &mut LineCard, message: ToLc) -> Vec<crate::linecard::Output> {
    let mut out = Vec::new();
    card.step(at(1), Some(CardInput::Message { session: 1, message }), &mut out);
    out
}

/// A card that A rules, with two ports.
fn ruled() -> LineCard {
    let mut card = LineCard::new(config(77));
    card.step(at(0), Some(CardInput::SessionUp { session: 1, rp: RpSlot::A }), &mut Vec::new());
    tell(&mut card, ToLc::Adopt { epoch: EPOCH, rp: RpSlot::A, how: Adoption::Flush });
    let port = |port| PortConfig { port, enabled: port == 1, mac: [2, 0, 0, 0, 0, port], mtu: 1500 };
    let interfaces = vec![
        InterfaceConfig { port: 1, vlan: 0, table: TableId(5) },
        InterfaceConfig { port: 1, vlan: 7, table: TableId::DEFAULT },
        InterfaceConfig { port: 1, vlan: 9, table: TableId(6) },
    ];
    tell(&mut card, ToLc::Interfaces { ports: vec![port(1), port(2)], interfaces });
    card.step(at(1), Some(CardInput::PortState { port: 1, up: true }), &mut Vec::new());
    card
}

/// One thing that an active does.
#[derive(Clone, Debug)]
enum Act {
    Set(u8, u8),
    Clear(u8),
    /// A list in place, or another one by the same number.
    List(u8, u8, bool),
    Flush,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (any::<u8>(), 0..4u8).prop_map(|(key, list)| Act::Set(key, list)),
        3 => any::<u8>().prop_map(Act::Clear),
        2 => (0..4u8, any::<u8>(), any::<bool>()).prop_map(|(number, paths, new)| Act::List(number, paths, new)),
        1 => Just(Act::Flush),
    ]
}

fn key(number: u8) -> FibKey {
    let table = if number % 5 == 4 { TableId(5) } else { TableId::DEFAULT };
    match number % 7 {
        6 => FibKey::Label(Label::try_from(100 + u32::from(number)).unwrap()),
        5 => FibKey::Ip(table, format!("2001:db8:{number:x}::/48").parse::<Prefix>().unwrap()),
        _ => FibKey::Ip(table, format!("10.{number}.0.0/16").parse::<Prefix>().unwrap()),
    }
}

/// The active's side: what numbers mean now.
struct Active {
    births: [u64; 4],
    next: u64,
    number: u64,
}

impl Active {
    fn new() -> Self {
        Self { births: [1, 2, 3, 4], next: 5, number: 0 }
    }

    fn list(&self, number: u8, paths: u8) -> ListUpdate {
        let path = Path::Unresolved { next_hop: [10, 0, number, paths].into() };
        let birth = Birth { epoch: EPOCH, index: self.births[usize::from(number)] };
        ListUpdate { id: number.into(), birth, paths: PathList::new(vec![path]) }
    }

    fn begin(&mut self, card: &mut LineCard) {
        let mut batch = BatchBuilder::default();
        (0..4).for_each(|number| batch.paths(self.list(number, 0)));
        self.send(card, &mut batch);
    }

    fn act(&mut self, card: &mut LineCard, act: &Act) {
        let mut batch = BatchBuilder::default();
        match act {
            Act::Set(number, list) => batch.route((key(*number), Some((*list).into()))),
            Act::Clear(number) => batch.route((key(*number), None)),
            Act::List(number, paths, new) => {
                if *new {
                    self.births[usize::from(*number)] = self.next;
                    self.next += 1;
                }
                batch.paths(self.list(*number, *paths));
            }
            Act::Flush => {
                tell(card, ToLc::Adopt { epoch: EPOCH, rp: RpSlot::A, how: Adoption::Flush });
                return self.begin(card);
            }
        }
        self.send(card, &mut batch);
    }

    fn send(&mut self, card: &mut LineCard, batch: &mut BatchBuilder) {
        self.number += 1;
        let update = FibUpdate { number: self.number, kind: FibPart::Part, batch: batch.take() };
        let out = tell(card, ToLc::Fib(update));
        assert!(!out.iter().any(|output| matches!(output, crate::linecard::Output::CloseSession { .. })), "{out:?}");
    }
}

/// Both sides, and the shell between them: every word goes through its frame.
struct Pair {
    card: LineCard,
    holder: Holder,
    heir: Heir,
    estate: Option<Box<Estate>>,
    failed: Option<HeirError>,
    ending: Option<Ending>,
    /// Words to the heir, and from it.
    down: std::collections::VecDeque<FromHolder>,
    up: std::collections::VecDeque<FromHeir>,
    yielded: bool,
}

impl Pair {
    fn new(card: LineCard) -> Self {
        let mut pair = Self {
            card,
            holder: Holder::new(at(1), id(), "1.9".to_owned()),
            heir: Heir::new(at(1), id(), "2.0".to_owned(), config(99)),
            estate: None,
            failed: None,
            ending: None,
            down: Default::default(),
            up: Default::default(),
            yielded: false,
        };
        pair.card.tell_heir();
        pair.tell_heir(HeirInput::Connected);
        pair
    }

    fn tell_heir(&mut self, input: HeirInput) {
        let mut out = Vec::new();
        self.heir.step(at(2), Some(input), &mut out);
        for output in out {
            match output {
                HeirOutput::Say(word) => self.up.push_back(again(&word)),
                HeirOutput::Take(estate) => {
                    self.estate = Some(estate);
                    self.up.push_back(FromHeir::Taken);
                }
                HeirOutput::Fail(error) => self.failed = Some(error),
            }
        }
    }

    fn tell_holder(&mut self, input: HolderInput) {
        let (mut out, mut inputs) = (Vec::new(), vec![input]);
        while let Some(input) = inputs.pop() {
            self.holder.step(at(2), Some(input), &mut out);
            for output in std::mem::take(&mut out) {
                match output {
                    HolderOutput::Say(word) => self.down.push_back(again(&word)),
                    HolderOutput::WantPart => inputs.push(HolderInput::Part(self.card.next_part())),
                    HolderOutput::Yield => self.yielded = true,
                    HolderOutput::Over(ending) => self.ending = Some(ending),
                }
            }
        }
    }

    /// What the shell says when the data side stands still.
    fn bequeath(&mut self) {
        let mut number = 1000;
        while let Some((kind, batch)) = self.card.next_part() {
            number += 1;
            self.down.push_back(FromHolder::Part(FibUpdate { number, kind, batch }));
        }
        let mut counters = crate::counters::Counters { received: 7, sent: 4, ..Default::default() };
        counters.drop(fabric_proto::drops::DropCause::NoRoute);
        let (standing, counters) = (Box::new(self.card.standing()), Box::new(counters));
        let unsent = Unsent { records: vec![0, 1, 7, 0, 1, 8].into(), packets: 2, done: 1 };
        self.down.extend([
            FromHolder::Standing { standing, counters, resets: 2, events: Vec::new() },
            FromHolder::Port(PortLeft { port: 1, unread: vec![0].into(), unsent }),
            FromHolder::Link(LinkLeft { peer: 1, relay: false, unsent: Unsent::default() }),
            FromHolder::End { ports: 1, links: 1 },
        ]);
        self.tell_holder(HolderInput::Yielded(Ok(())));
    }

    /// One word in either direction; whether there was one.
    fn pass(&mut self) -> bool {
        if let Some(word) = self.down.pop_front() {
            self.tell_heir(HeirInput::Heard(word));
        } else if let Some(word) = self.up.pop_front() {
            self.tell_holder(HolderInput::Heard(word));
        } else {
            return false;
        }
        true
    }
}

/// A word as it is after its frame.
fn again<W: serde::Serialize + serde::de::DeserializeOwned>(word: &W) -> W {
    let bytes = frame(word).unwrap();
    for cut in [0, 3, bytes.len() - 1] {
        assert!(read_frame::<W>(&bytes[..cut]).unwrap().is_none(), "half a frame is waited for");
    }
    let (word, used) = read_frame(&bytes).unwrap().unwrap();
    assert_eq!(used, bytes.len());
    word
}

proptest! {
    /// Whatever the active does meanwhile, the heir has what the holder had at the end.
    #[test]
    fn the_heir_has_the_holders_table(
        before in prop::collection::vec(act(), 0..60),
        during in prop::collection::vec((act(), 0..4usize), 0..60),
    ) {
        let (mut card, mut active) = (ruled(), Active::new());
        active.begin(&mut card);
        before.iter().for_each(|act| active.act(&mut card, act));
        let mut pair = Pair::new(card);
        for (act, passes) in &during {
            active.act(&mut pair.card, act);
            for _ in 0..*passes {
                pair.pass();
            }
        }
        while pair.pass() {}
        prop_assert!(pair.yielded && pair.ending.is_none());
        // The data side takes its time: the active goes on.
        for (act, _) in &during {
            active.act(&mut pair.card, act);
        }
        pair.bequeath();
        while pair.pass() {}
        prop_assert_eq!(pair.ending, Some(Ending::Taken));
        let estate = pair.estate.expect("taken");
        let (ours, theirs) = (estate.card.standing(), pair.card.standing());
        prop_assert_eq!(&ours, &theirs, "boot, fence, ports, carrier and digest are the holder's");
        prop_assert_eq!(estate.card.fib().table().digests(), pair.card.fib().table().digests());
        for number in 0..=u8::MAX {
            let paths = |card: &LineCard| {
                let list = card.fib().table().get(key(number))?;
                card.fib().table().paths(list).cloned()
            };
            prop_assert_eq!(paths(&estate.card), paths(&pair.card));
        }
        prop_assert_eq!((estate.resets, estate.ports.len(), estate.links.len()), (2, 1, 1));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0..200u32) {
        let _ = read_frame::<FromHolder>(&bytes);
        let framed = [&length.to_be_bytes()[..], &bytes].concat();
        let _ = read_frame::<FromHolder>(&framed);
        let _ = read_frame::<FromHeir>(&framed);
    }
}

fn yielded() -> Pair {
    let mut pair = Pair::new(ruled());
    while pair.pass() {}
    assert!(pair.yielded);
    pair
}

#[test]
fn an_heir_is_adopted_as_the_card_it_was() {
    let (mut card, mut active) = (ruled(), Active::new());
    active.begin(&mut card);
    active.act(&mut card, &Act::Set(1, 2));
    let mut pair = Pair::new(card);
    while pair.pass() {}
    pair.bequeath();
    while pair.pass() {}
    let mut heir = pair.estate.unwrap().card;
    let mut out = Vec::new();
    heir.step(at(5), Some(CardInput::SessionUp { session: 9, rp: RpSlot::A }), &mut out);
    let adopt = |epoch| ToLc::Adopt { epoch, rp: RpSlot::A, how: Adoption::Keep };
    heir.step(at(5), Some(CardInput::Message { session: 9, message: adopt(Epoch(2 << 2)) }), &mut out);
    assert!(out.iter().any(|output| matches!(
        output,
        crate::linecard::Output::Send { message: FromLc::Refused { highest: EPOCH }, .. }
    )));
    out.clear();
    heir.step(at(5), Some(CardInput::SessionUp { session: 10, rp: RpSlot::A }), &mut out);
    heir.step(at(5), Some(CardInput::Message { session: 10, message: adopt(EPOCH) }), &mut out);
    let root = pair.card.fib().table().root_digest();
    assert!(out.iter().any(|output| matches!(
        output,
        crate::linecard::Output::Send { message: FromLc::Adopted { boot: 77, root: theirs, .. }, .. } if *theirs == root
    )));
    assert!(out.iter().any(|output| matches!(
        output,
        crate::linecard::Output::Send { message: FromLc::PortState { port: 1, up: true }, .. }
    )));
}

#[test]
fn a_stranger_or_another_version_is_refused_and_told_what_to_do() {
    let ask = |versions, card: &str| {
        let mut holder = Holder::new(at(0), id(), "1.9".to_owned());
        let mut out = Vec::new();
        let word = FromHeir::Ask { versions, release: "7.0".to_owned(), card: card.parse().unwrap() };
        holder.step(at(1), Some(HolderInput::Heard(word)), &mut out);
        match out.first() {
            Some(HolderOutput::Say(FromHolder::Refused { why })) => why.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(ask((1, 1), "lab/pe1/4").contains("not lab/pe1/4"));
    assert!(ask((5, 7), "lab/pe1/3").contains("reset the card"));
    assert!(ask((0, 0), "lab/pe1/3").contains("no range"));
}

#[test]
fn an_heir_that_goes_or_falls_silent_leaves_the_card_in_every_phase() {
    for phases in 0..4 {
        for gone in [true, false] {
            let (mut card, mut active) = (ruled(), Active::new());
            active.begin(&mut card);
            let mut pair = Pair::new(card);
            match phases {
                0 => {}
                1 => assert!(pair.pass()),
                _ => while pair.pass() {},
            }
            if phases == 3 {
                pair.bequeath();
            }
            if phases == 2 {
                // The data side goes on: a card at the other end of a link does not answer.
                pair.tell_holder(HolderInput::Yielded(Err("slot 4 does not answer".to_owned())));
                assert_eq!(pair.ending, Some(Ending::Kept { why: "slot 4 does not answer".to_owned() }));
                while pair.pass() {}
                assert_eq!(pair.failed, Some(HeirError::Refused("slot 4 does not answer".to_owned())));
                continue;
            }
            if gone {
                pair.tell_holder(HolderInput::Gone("it has ended".to_owned()));
            } else {
                let deadline = pair.holder.deadline().unwrap();
                let mut out = Vec::new();
                pair.holder.step(deadline, None, &mut out);
                assert!(matches!(out.first(), Some(HolderOutput::Say(FromHolder::Refused { .. }))));
                pair.ending = out.into_iter().find_map(|output| match output {
                    HolderOutput::Over(ending) => Some(ending),
                    _ => None,
                });
            }
            assert!(matches!(pair.ending, Some(Ending::Kept { .. })), "{phases} {:?}", pair.ending);
            assert_eq!(pair.holder.deadline(), None);
            pair.tell_holder(HolderInput::Heard(FromHeir::Taken));
            assert!(matches!(pair.ending, Some(Ending::Kept { .. })), "too late");
        }
    }
}

#[test]
fn what_is_not_whole_is_not_taken() {
    let spoil = |spoil: fn(&mut FromHolder)| {
        let mut pair = yielded();
        pair.bequeath();
        pair.down.iter_mut().for_each(spoil);
        while pair.pass() {}
        assert!(pair.estate.is_none() && pair.ending.is_none());
        pair.failed.unwrap()
    };
    let table = spoil(|word| {
        if let FromHolder::Standing { standing, .. } = word {
            standing.root ^= 1;
        }
    });
    assert!(matches!(table, HeirError::Differs(Differs::Table { .. })));
    let packets = spoil(|word| {
        if let FromHolder::Standing { counters, .. } = word {
            counters.received += 1;
        }
    });
    assert_eq!(packets, HeirError::Differs(Differs::Packets { queued: 2, held: 3 }));
    let parts = spoil(|word| {
        if let FromHolder::End { ports, .. } = word {
            *ports = 2;
        }
    });
    assert!(matches!(parts, HeirError::Differs(Differs::Parts(3))));
    let turn = spoil(|word| {
        if let FromHolder::Port(_) = word {
            *word = FromHolder::Welcome { version: 1, release: String::new() };
        }
    });
    assert!(matches!(turn, HeirError::OutOfTurn(_)));
}

/// The first words of every release to come are these bytes.
#[test]
fn first_words_are_for_ever() {
    let ask = FromHeir::Ask { versions: (1, 2), release: "2.0".to_owned(), card: id() };
    let bytes = frame(&ask).unwrap();
    assert_eq!(bytes, b"\0\0\0\x17\x81\xa3Ask\x93\x92\x01\x02\xa32.0\xa9lab/pe1/3");
    let welcome = FromHolder::Welcome { version: 1, release: "2.0".to_owned() };
    assert_eq!(frame(&welcome).unwrap(), b"\0\0\0\x0f\x81\xa7Welcome\x92\x01\xa32.0");
    let refused = FromHolder::Refused { why: "no".to_owned() };
    assert_eq!(frame(&refused).unwrap(), b"\0\0\0\x0d\x81\xa7Refused\x91\xa2no");
}
