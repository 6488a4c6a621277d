use super::*;
use fabric_proto::{
    checkpoint::{CfClientId, PIECE},
    machine::Machine,
    time::Instant,
};
use proptest::prelude::*;
use rp_contract::Versions;
use std::collections::{BTreeMap, VecDeque};

const NOW: Instant = Instant(0);

/// Those that were there first; what they hold is of no interest here.
fn members() -> Vec<Member> {
    [
        (CfClientId::STARTUP_CONFIG, "startup configuration", Mode::Hsa, true),
        (CfClientId::RUNNING_CONFIG, "running configuration", Mode::RprPlus, true),
        (CfClientId::CHASSIS, "chassis state", Mode::RprPlus, false),
        (CfClientId::FIB, "forwarding table", Mode::Sso, false),
        (CfClientId::LINKS, "link states", Mode::Sso, false),
    ]
    .map(|(number, title, from, awaited)| Member {
        number,
        title,
        from,
        versions: Versions::FIRST,
        awaited,
        in_pieces: false,
    })
    .into()
}

/// A sync with a standby of the same release.
fn start(mode: Mode) -> CfInput {
    CfInput::Start { mode, members: members(), longest: STATE_MAX }
}

fn step(active: &mut CfActive, input: CfInput) -> Vec<CfOutput> {
    let mut out = Vec::new();
    active.step(NOW, Some(input), &mut out);
    out
}

fn wanted(out: &[CfOutput]) -> Option<(CfClientId, u64)> {
    out.iter().find_map(|output| match output {
        CfOutput::WantChunk { client, cursor } => Some((*client, *cursor)),
        _ => None,
    })
}

/// A client of either side: numbered cells, chunked by two, changed one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cells(BTreeMap<u8, u8>);

impl Cells {
    fn chunk(&self, cursor: u64) -> (Bytes, Option<u64>) {
        let rest: Vec<_> = self.0.iter().filter(|&(&key, _)| u64::from(key) >= cursor).collect();
        let data: Vec<u8> = rest.iter().take(2).flat_map(|&(&key, &value)| [key, value]).collect();
        (Bytes::from(data), rest.get(2).map(|&(&key, _)| u64::from(key)))
    }

    fn apply(&mut self, data: &[u8]) {
        for pair in data.chunks(2) {
            self.0.insert(pair[0], pair[1]);
        }
    }
}

/// Both sides and their clients, joined by two queues.
struct Pair {
    active: CfActive,
    standby: CfStandby,
    theirs: BTreeMap<CfClientId, Cells>,
    ours: BTreeMap<CfClientId, Cells>,
    to_standby: VecDeque<CfMessage>,
    to_active: VecDeque<CfMessage>,
    asked: VecDeque<(CfClientId, u64)>,
    completed: u32,
    failed: Vec<CfFailure>,
    drained: u32,
    /// What the standby's clients say from here on, if they cannot apply anything.
    cannot: Option<String>,
    broken: Vec<String>,
}

impl Pair {
    fn new() -> Self {
        let cells = |n: u8| Cells((0..n).map(|key| (key, 0)).collect());
        Self {
            active: CfActive::default(),
            standby: CfStandby::new(members()),
            theirs: members().iter().zip([1, 3, 0, 9, 2]).map(|(member, n)| (member.number, cells(n))).collect(),
            ours: BTreeMap::new(),
            to_standby: VecDeque::new(),
            to_active: VecDeque::new(),
            asked: VecDeque::new(),
            completed: 0,
            failed: vec![],
            drained: 0,
            cannot: None,
            broken: vec![],
        }
    }

    fn active(&mut self, input: CfInput) {
        for output in step(&mut self.active, input) {
            match output {
                CfOutput::WantChunk { client, cursor } => self.asked.push_back((client, cursor)),
                CfOutput::Send(message) => self.to_standby.push_back(message),
                CfOutput::Complete => self.completed += 1,
                CfOutput::Failed { why, .. } => self.failed.push(why),
                CfOutput::Drained => self.drained += 1,
            }
        }
    }

    fn standby(&mut self, message: CfMessage) {
        let mut next = Some(CfStandbyInput::Message(message));
        while let Some(input) = next.take() {
            let mut out = Vec::new();
            self.standby.step(NOW, Some(input), &mut out);
            for output in out {
                match output {
                    CfStandbyOutput::Begin { .. } => self.ours.clear(),
                    CfStandbyOutput::Apply { client, data, .. } => {
                        let applied = self.cannot.clone().map_or(Ok(()), Err);
                        if applied.is_ok() {
                            self.ours.entry(client).or_default().apply(&data);
                        }
                        next = Some(CfStandbyInput::Applied(applied));
                    }
                    CfStandbyOutput::End => {}
                    CfStandbyOutput::Send(message) => self.to_active.push_back(message),
                    CfStandbyOutput::Broken { why } => self.broken.push(why),
                }
            }
        }
    }

    fn change(&mut self, client: CfClientId, key: u8, value: u8) {
        self.theirs.entry(client).or_default().apply(&[key, value]);
        self.active(CfInput::Change { client, data: Bytes::from(vec![key, value]) });
    }

    /// Lets one thing happen; false when nothing is left.
    fn turn(&mut self, which: u8) -> bool {
        match which % 3 {
            0 if !self.asked.is_empty() => {
                let (client, cursor) = self.asked.pop_front().unwrap();
                let (data, next) = self.theirs[&client].chunk(cursor);
                self.active(CfInput::Chunk { client, data, next });
            }
            1 if !self.to_standby.is_empty() => {
                let message = self.to_standby.pop_front().unwrap();
                self.standby(message);
            }
            2 if !self.to_active.is_empty() => {
                let message = self.to_active.pop_front().unwrap();
                self.active(CfInput::Message(message));
            }
            _ => return !(self.asked.is_empty() && self.to_standby.is_empty() && self.to_active.is_empty()),
        }
        true
    }

    fn settle(&mut self) {
        let mut which = 0_u8;
        while self.turn(which) {
            which = which.wrapping_add(1);
        }
    }

    fn expected(&self, mode: Mode) -> BTreeMap<CfClientId, Cells> {
        let members = members();
        let takes_part = |id: &CfClientId| members.iter().any(|member| member.number == *id && member.from <= mode);
        self.theirs.iter().filter(|(id, _)| takes_part(id)).map(|(id, cells)| (*id, cells.clone())).collect()
    }
}

#[test]
fn a_mode_decides_which_clients_take_part() {
    for (mode, ids) in [
        // An HSA standby is not booted, but its startup configuration is kept as last saved.
        (Mode::Hsa, vec![CfClientId::STARTUP_CONFIG]),
        (Mode::Rpr, vec![CfClientId::STARTUP_CONFIG]),
        (Mode::RprPlus, vec![CfClientId::STARTUP_CONFIG, CfClientId::RUNNING_CONFIG, CfClientId::CHASSIS]),
        (Mode::Sso, members().iter().map(|member| member.number).collect()),
    ] {
        let mut pair = Pair::new();
        pair.active(start(mode));
        pair.settle();
        assert_eq!((pair.completed, pair.ours.keys().copied().collect::<Vec<_>>()), (1, ids), "{mode}");
        assert!(pair.active.in_sync() && pair.standby.in_sync());
        assert_eq!(pair.ours, pair.expected(mode));
    }
}

#[test]
fn the_end_is_complete_only_when_the_standby_says_so() {
    let mut pair = Pair::new();
    pair.active(start(Mode::Sso));
    while pair.turn(0) && !pair.asked.is_empty() {}
    assert!(matches!(pair.to_standby.back(), Some(CfMessage::BulkEnd { .. })));
    assert_eq!((pair.completed, pair.active.in_bulk()), (0, true));
    pair.settle();
    assert_eq!((pair.completed, pair.active.in_bulk()), (1, false));
}

#[test]
fn chunks_wait_for_the_window() {
    let mut active = CfActive::default();
    let big = Bytes::from(vec![0; RECORD_MAX]);
    let mut out = step(&mut active, start(Mode::Rpr));
    let mut sent = 0;
    while let Some((client, cursor)) = wanted(&out) {
        out = step(&mut active, CfInput::Chunk { client, data: big.clone(), next: Some(cursor + 1) });
        sent += 1;
    }
    assert_eq!(sent * RECORD_MAX, WINDOW_MAX);
    out = step(&mut active, CfInput::Message(CfMessage::Ack { seq: 1 }));
    assert_eq!(wanted(&out), Some((CfClientId::STARTUP_CONFIG, 3)));
}

/// A bulk is begun anew a few times; a standby that was in sync is given up at once.
#[test]
fn a_queue_that_overflows_ends_the_sync() {
    let big = || Bytes::from(vec![0; RECORD_MAX]);
    let change = || CfInput::Change { client: CfClientId::STARTUP_CONFIG, data: big() };
    let mut pair = Pair::new();
    pair.active(start(Mode::Rpr));
    let mut rounds = 1;
    while pair.failed.is_empty() {
        pair.active(change());
        if pair.active.counters().rounds > rounds {
            rounds = pair.active.counters().rounds;
            // The standby works off what it was sent, and the bulk begins anew.
            while pair.turn(1) && !pair.to_standby.is_empty() {}
            while pair.turn(2) && !pair.to_active.is_empty() {}
        }
    }
    assert!(matches!(pair.failed[..], [CfFailure::QueueFull { queued }] if queued > QUEUE_MAX), "{:?}", pair.failed);
    let counters = *pair.active.counters();
    assert_eq!((counters.rounds, counters.overflows), (u64::from(ROUNDS_MAX), u64::from(ROUNDS_MAX)));
    assert_eq!(pair.active.under_way(), (0, 0));

    let mut pair = Pair::new();
    pair.active(start(Mode::Rpr));
    pair.settle();
    while pair.failed.is_empty() {
        pair.active(change());
    }
    assert_eq!(pair.active.counters().overflows, 1);
    assert!(!pair.active.in_sync());
    // What is still under way does no harm, and the next sync is whole.
    pair.active(start(Mode::Sso));
    pair.settle();
    assert_eq!((pair.completed, pair.ours.clone()), (2, pair.expected(Mode::Sso)));
}

#[test]
fn what_no_standby_can_hold_fails_by_its_name() {
    let mut active = CfActive::default();
    step(&mut active, start(Mode::Rpr));
    let data = Bytes::from(vec![0; STATE_MAX + 1]);
    let out = step(&mut active, CfInput::Chunk { client: CfClientId::STARTUP_CONFIG, data, next: None });
    let CfOutput::Failed { why, config: false } = &out[0] else { panic!("{out:?}") };
    let want = "the startup configuration takes 67108865 bytes; at most 67108864 can be given to the standby";
    assert_eq!(why.to_string(), want);
}

/// A standby of another release has other clients, and release 1.0 knows no pieces: nothing else is said to it.
#[test]
fn a_standby_is_given_what_its_release_has() {
    let mut pair = Pair::new();
    let known: Vec<Member> = members().into_iter().filter(|member| member.number != CfClientId::CHASSIS).collect();
    pair.active(CfInput::Start { mode: Mode::Sso, members: known, longest: RECORD_MAX });
    pair.change(CfClientId::CHASSIS, 1, 1);
    pair.settle();
    pair.change(CfClientId::CHASSIS, 2, 2);
    pair.change(CfClientId::LINKS, 2, 2);
    pair.settle();
    assert_eq!((pair.completed, pair.ours.contains_key(&CfClientId::CHASSIS)), (1, false));
    let others = |id: &CfClientId| *id != CfClientId::CHASSIS;
    let expected: BTreeMap<_, _> = pair.expected(Mode::Sso).into_iter().filter(|(id, _)| others(id)).collect();
    assert_eq!(pair.ours, expected);
    let data = Bytes::from(vec![0; RECORD_MAX + 1]);
    pair.active(CfInput::Change { client: CfClientId::STARTUP_CONFIG, data });
    let [why] = &pair.failed[..] else { panic!("{:?}", pair.failed) };
    let want = "the startup configuration takes 4194241 bytes; at most 4194240 can be given to the standby";
    assert_eq!(why.to_string(), want);
}

/// What is longer than a record goes in pieces, through the window as anything else, in bulk and as a change.
#[test]
fn what_is_longer_than_a_record_goes_in_pieces() {
    let long = |seed: u8| Bytes::from((0..5 * RECORD_MAX / 2).map(|at| (at % 251) as u8 ^ seed).collect::<Vec<_>>());
    let (mut active, mut standby) = (CfActive::default(), CfStandby::new(members()));
    let (mut held, mut joined) = (Vec::new(), Vec::new());
    let mut inputs = VecDeque::from([start(Mode::Rpr)]);
    let (mut most, mut completed) = (0, 0);
    while let Some(input) = inputs.pop_front() {
        for output in step(&mut active, input) {
            match output {
                CfOutput::WantChunk { client, .. } => {
                    inputs.push_back(CfInput::Chunk { client, data: long(1), next: None });
                }
                CfOutput::Complete => {
                    completed += 1;
                    inputs.push_back(CfInput::Change { client: CfClientId::STARTUP_CONFIG, data: long(2) });
                }
                CfOutput::Send(message) => {
                    let mut out = Vec::new();
                    standby.step(NOW, Some(CfStandbyInput::Message(message)), &mut out);
                    if let [CfStandbyOutput::Apply { client: CfClientId::STARTUP_CONFIG, data, more }] = &out[..] {
                        assert!(!more || data.len() == PIECE);
                        joined.extend_from_slice(data);
                        if !more {
                            held.push(std::mem::take(&mut joined));
                        }
                        out.clear();
                        standby.step(NOW, Some(CfStandbyInput::Applied(Ok(()))), &mut out);
                    }
                    inputs.extend(out.into_iter().filter_map(|output| match output {
                        CfStandbyOutput::Send(message) => Some(CfInput::Message(message)),
                        _ => None,
                    }));
                }
                other => panic!("{other:?}"),
            }
        }
        most = most.max(active.under_way().0);
    }
    assert_eq!((completed, held.len()), (1, 2));
    assert!(held[0] == long(1) && held[1] == long(2));
    assert!(most <= WINDOW_MAX + PIECE, "{most} bytes were under way");
    assert!(active.config_confirmed());
    assert_eq!(active.counters().records, 2);
}

fn told(standby: &mut CfStandby, input: CfStandbyInput) -> Vec<CfStandbyOutput> {
    let mut out = Vec::new();
    standby.step(NOW, Some(input), &mut out);
    out
}

fn record(seq: u64, client: CfClientId) -> CfStandbyInput {
    CfStandbyInput::Message(CfMessage::Bulk { seq, client, data: Bytes::from_static(&[1, 1]) })
}

/// A record is confirmed when its client holds it, and not when it came.
#[test]
fn only_what_is_applied_is_confirmed() {
    let mut standby = CfStandby::new(members());
    told(&mut standby, CfStandbyInput::Message(CfMessage::BulkBegin { round: 1, after: 0, mode: Mode::Sso }));
    let asked = told(&mut standby, record(1, CfClientId::FIB));
    assert!(matches!(asked[..], [CfStandbyOutput::Apply { client: CfClientId::FIB, .. }]), "{asked:?}");
    let confirmed = told(&mut standby, CfStandbyInput::Applied(Ok(())));
    assert_eq!(confirmed, [CfStandbyOutput::Send(CfMessage::Ack { seq: 1 })]);

    told(&mut standby, record(2, CfClientId::FIB));
    let broken = told(&mut standby, CfStandbyInput::Applied(Err("half a batch".to_owned())));
    let why = "forwarding table: half a batch".to_owned();
    let says = [CfStandbyOutput::Send(CfMessage::Broken { why: why.clone() }), CfStandbyOutput::Broken { why }];
    assert_eq!(broken, says);
    assert_eq!(told(&mut standby, record(3, CfClientId::FIB)), [], "what is under way counts for nothing");
    assert_eq!(standby.applied(), 1);
}

#[test]
fn a_record_of_nobody_breaks_the_sync() {
    let mut standby = CfStandby::new(members());
    told(&mut standby, CfStandbyInput::Message(CfMessage::BulkBegin { round: 1, after: 0, mode: Mode::Sso }));
    let broken = told(&mut standby, record(1, CfClientId(9)));
    let [CfStandbyOutput::Send(CfMessage::Broken { .. }), CfStandbyOutput::Broken { why }] = &broken[..] else {
        panic!("{broken:?}")
    };
    assert_eq!(why, "this release has no checkpoint client 9");
    assert!(!standby.in_sync());
}

#[test]
fn pieces_of_one_client_do_not_end_with_another() {
    let mut standby = CfStandby::new(members());
    told(&mut standby, CfStandbyInput::Message(CfMessage::BulkBegin { round: 1, after: 0, mode: Mode::Sso }));
    let piece = CfMessage::Piece { seq: 1, client: CfClientId::FIB, data: Bytes::from_static(b"x") };
    told(&mut standby, CfStandbyInput::Message(piece));
    told(&mut standby, CfStandbyInput::Applied(Ok(())));
    let broken = told(&mut standby, record(2, CfClientId::LINKS));
    let why = "a piece of the forwarding table is followed by the link states".to_owned();
    assert!(broken.contains(&CfStandbyOutput::Broken { why }), "{broken:?}");
}

/// The active is told what the standby could not apply, and that a configuration was under way.
#[test]
fn a_client_that_cannot_apply_breaks_the_sync_on_both_sides() {
    let mut pair = Pair::new();
    pair.active(start(Mode::Sso));
    pair.settle();
    pair.cannot = Some("no such interface".to_owned());
    pair.change(CfClientId::RUNNING_CONFIG, 1, 1);
    assert!(!pair.active.config_confirmed());
    while pair.turn(1) && !pair.to_standby.is_empty() {}
    assert_eq!(pair.broken, ["running configuration: no such interface"]);
    let message = pair.to_active.pop_front().unwrap();
    let out = step(&mut pair.active, CfInput::Message(message));
    let [CfOutput::Failed { why, config: true }] = &out[..] else { panic!("{out:?}") };
    assert_eq!(why.to_string(), "the standby gave up: running configuration: no such interface");
    assert!(!pair.active.in_sync() && !pair.standby.in_sync());
}

#[test]
fn a_standby_that_misses_a_record_says_so_and_the_active_gives_up() {
    let mut pair = Pair::new();
    pair.active(start(Mode::Sso));
    pair.turn(0);
    pair.turn(0);
    pair.to_standby.remove(1);
    pair.settle();
    let whys: Vec<_> = pair.failed.iter().map(ToString::to_string).collect();
    assert_eq!(whys, ["the standby gave up: record 2 follows record 0"]);
    assert!(!pair.standby.in_sync());
}

#[test]
fn draining_ends_when_everything_is_confirmed() {
    let mut pair = Pair::new();
    pair.active(start(Mode::Sso));
    pair.settle();
    pair.change(CfClientId::FIB, 3, 7);
    pair.active(CfInput::Drain);
    assert_eq!(pair.drained, 0);
    pair.settle();
    assert_eq!(pair.drained, 1);
    pair.active(CfInput::Drain);
    assert_eq!(pair.drained, 2, "at once when nothing is under way");
}

proptest! {
    /// However chunks, changes and confirmations interleave, and however often the sync begins anew:
    /// the standby ends up with what the active has.
    #[test]
    fn the_standby_equals_the_active(
        turns in proptest::collection::vec((0_u8..6, 0_usize..4, 0_u8..12, any::<u8>()), 0..200),
        restart_at in 0_usize..200,
    ) {
        let mut pair = Pair::new();
        pair.active(start(Mode::Sso));
        for (index, (what, client, key, value)) in turns.into_iter().enumerate() {
            if index == restart_at {
                pair.active(CfInput::Stop);
                pair.asked.clear();
                pair.active(start(Mode::Sso));
            }
            if what < 3 {
                pair.turn(what);
            } else {
                pair.change(members()[client].number, key, value);
            }
        }
        pair.settle();
        prop_assert_eq!(&pair.failed, &vec![]);
        prop_assert_eq!(&pair.ours, &pair.expected(Mode::Sso));
        prop_assert!(pair.active.in_sync() && pair.standby.in_sync());
        prop_assert_eq!(pair.active.under_way(), (0, 0));
    }
}
