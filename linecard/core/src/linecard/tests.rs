use super::*;
use fabric_proto::fib::{
    BUCKETS, Batch, BatchBuilder, Birth, Family, FibTable, ListUpdate, Path, PathList, Prefix, bucket_of,
};
use fabric_proto::{
    id::TableId,
    linecard::{FibPart, InterfaceChange},
};
use proptest::prelude::*;

const EPOCH_A: Epoch = Epoch(1 << 2);
const EPOCH_B: Epoch = Epoch(2 << 2 | 1);

fn machine() -> LineCard {
    LineCard::new(LineCardConfig { slot: LcSlot(3), boot: 77, highest: Epoch::NONE, stale_time: STALE_TIME })
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn step(machine: &mut LineCard, now: Instant, input: Input) -> Vec<Output> {
    let mut out = Vec::new();
    machine.step(now, Some(input), &mut out);
    out
}

fn tell(machine: &mut LineCard, session: SessionId, message: ToLc) -> Vec<Output> {
    step(machine, at(1), Input::Message { session, message })
}

/// A session that adopts the card.
fn adopt(machine: &mut LineCard, session: SessionId, epoch: Epoch, how: Adoption) -> Vec<Output> {
    let rp = epoch.owner().unwrap();
    step(machine, at(1), Input::SessionUp { session, rp });
    tell(machine, session, ToLc::Adopt { epoch, rp, how })
}

fn sent(out: &[Output]) -> Vec<FromLc> {
    let message = |output: &Output| match output {
        Output::Send { message, .. } => Some(message.clone()),
        _ => None,
    };
    out.iter().filter_map(message).collect()
}

fn closes(out: &[Output], id: SessionId) -> bool {
    out.iter().any(|output| matches!(output, Output::CloseSession { session } if *session == id))
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn list(n: u32) -> PathList {
    PathList::new(vec![Path::Unresolved { next_hop: n.to_be_bytes().into() }])
}

/// Lists that A made.
fn lists(ids: &[u32]) -> Vec<ListUpdate> {
    let birth = |id: u32| Birth { epoch: EPOCH_A, index: id.into() };
    ids.iter().map(|id| ListUpdate { id: *id, birth: birth(*id), paths: list(*id) }).collect()
}

fn batch(paths: &[u32], routes: &[(Prefix, Option<u32>)]) -> Batch {
    let mut builder = BatchBuilder::default();
    for route in routes {
        builder.route(*route);
    }
    Batch { paths: lists(paths), ..builder.take() }
}

/// What a packet to 10.1.2.3 goes by.
fn forwarded(machine: &LineCard) -> Option<PathList> {
    let index = machine.tables().lookup(Family::V4, 0x0a01_0203 << 96)?;
    machine.fib().table().paths(index).cloned()
}

fn fib(number: u64, kind: FibPart, batch: Batch) -> ToLc {
    ToLc::Fib(FibUpdate { number, kind, batch })
}

fn root(machine: &LineCard) -> u64 {
    machine.fib().table().root_digest()
}

/// A card that A rules, with two routes, in sync at (A, 9).
fn in_sync() -> LineCard {
    let mut machine = machine();
    adopt(&mut machine, 1, EPOCH_A, Adoption::Flush);
    let routes = [(prefix("10.0.0.0/8"), Some(1)), (prefix("2001:db8::/32"), Some(2))];
    assert_eq!(
        sent(&tell(&mut machine, 1, fib(1, FibPart::Part, batch(&[1, 2], &routes)))),
        [FromLc::Ack { number: 1 }]
    );
    tell(&mut machine, 1, ToLc::EndOfTable(Family::V4));
    tell(&mut machine, 1, ToLc::EndOfTable(Family::V6));
    assert!(machine.fib().is_complete());
    assert_eq!(machine.fib().position(), None, "half downloaded");
    let position = Position { epoch: EPOCH_A, seq: 9 };
    let root = root(&machine);
    assert_eq!(sent(&tell(&mut machine, 1, ToLc::Converged { position, root })), [FromLc::InSync { position }]);
    assert_eq!(machine.fib().position(), Some(position));
    machine
}

#[test]
fn a_new_active_keeps_the_table_and_fences_the_old_one() {
    let mut machine = in_sync();
    let out = adopt(&mut machine, 2, EPOCH_B, Adoption::Keep);
    let position = Some(Position { epoch: EPOCH_A, seq: 9 });
    let adopted = FromLc::Adopted { epoch: EPOCH_B, boot: 77, position, root: root(&machine), routes: [1, 1] };
    // The old active may be cut off from its peer and have nothing to say: it is told at once.
    assert_eq!(sent(&out), [adopted, FromLc::Refused { highest: EPOCH_B }]);
    assert!(closes(&out, 1));
    assert!(machine.fib().is_stale());
    assert_eq!(forwarded(&machine), Some(list(1)), "goes on forwarding");
    let fenced =
        |output: &Output| matches!(output, Output::Event(EventKind::Fenced { epoch: EPOCH_A, highest: EPOCH_B }));
    assert!(out.iter().any(fenced));
    assert!(tell(&mut machine, 1, ToLc::WantDigests).is_empty(), "what was under way is not answered twice");
    // And so does a new session of it.
    let out = adopt(&mut machine, 3, EPOCH_A, Adoption::Flush);
    assert_eq!(sent(&out), [FromLc::Refused { highest: EPOCH_B }]);
    assert!(closes(&out, 3));
    let mut stats = LcStats::default();
    machine.report(&mut stats);
    assert_eq!((stats.refused, stats.active, stats.epoch), (2, Some(RpSlot::B), EPOCH_B));

    let position = Position { epoch: EPOCH_B, seq: 0 };
    let root = root(&machine);
    assert_eq!(sent(&tell(&mut machine, 2, ToLc::Converged { position, root })), [FromLc::InSync { position }]);
    assert!(!machine.fib().is_stale());
    assert_eq!(machine.deadline(), None);
}

#[test]
fn only_the_session_that_rules_is_obeyed() {
    let mut machine = in_sync();
    assert_eq!(machine.highest(), EPOCH_A);
    let before = root(&machine);
    step(&mut machine, at(1), Input::SessionUp { session: 2, rp: RpSlot::B });
    let out = tell(&mut machine, 2, fib(1, FibPart::Part, batch(&[], &[(prefix("10.0.0.0/8"), None)])));
    assert!(closes(&out, 2), "it spoke before it adopted the card");
    assert_eq!((sent(&out), root(&machine)), (vec![], before));
}

#[test]
fn a_session_that_adopts_again_goes_on() {
    let mut machine = in_sync();
    let out = tell(&mut machine, 1, ToLc::Adopt { epoch: EPOCH_A, rp: RpSlot::A, how: Adoption::Keep });
    assert!(matches!(sent(&out)[..], [FromLc::Adopted { epoch: EPOCH_A, .. }]));
    assert!(!closes(&out, 1));
}

#[test]
fn a_reset_card_remembers_whom_it_obeyed() {
    let config = LineCardConfig { slot: LcSlot(3), boot: 78, highest: EPOCH_B, stale_time: STALE_TIME };
    let mut machine = LineCard::new(config);
    assert_eq!(sent(&adopt(&mut machine, 1, EPOCH_A, Adoption::Flush)), [FromLc::Refused { highest: EPOCH_B }]);
    assert!(matches!(sent(&adopt(&mut machine, 2, EPOCH_B, Adoption::Flush))[..], [FromLc::Adopted { .. }]));
}

#[test]
fn nobody_adopts_in_anothers_name() {
    let mut machine = machine();
    step(&mut machine, at(1), Input::SessionUp { session: 1, rp: RpSlot::A });
    let out = tell(&mut machine, 1, ToLc::Adopt { epoch: EPOCH_B, rp: RpSlot::B, how: Adoption::Keep });
    assert!(closes(&out, 1) && sent(&out).is_empty());
    step(&mut machine, at(1), Input::SessionUp { session: 2, rp: RpSlot::A });
    let out = tell(&mut machine, 2, ToLc::Adopt { epoch: EPOCH_B, rp: RpSlot::A, how: Adoption::Keep });
    assert!(closes(&out, 2) && sent(&out).is_empty());
    step(&mut machine, at(1), Input::SessionUp { session: 3, rp: RpSlot::A });
    assert!(closes(&tell(&mut machine, 3, ToLc::WantDigests), 3));
    assert_eq!(machine.highest(), Epoch::NONE);
}

#[test]
fn the_same_term_on_a_new_session_replaces_the_old_session() {
    let mut machine = in_sync();
    let out = adopt(&mut machine, 5, EPOCH_A, Adoption::Keep);
    assert!(closes(&out, 1));
    assert!(matches!(sent(&out)[..], [FromLc::Adopted { .. }]));
    assert!(step(&mut machine, at(2), Input::SessionDown { session: 1 }).is_empty());
    assert!(matches!(sent(&tell(&mut machine, 5, ToLc::WantDigests))[..], [FromLc::Digests(_)]));
}

#[test]
fn flush_publishes_empty_tables_and_leaves_the_old_ones_whole() {
    let mut machine = in_sync();
    let old = machine.tables().clone();
    let out = adopt(&mut machine, 2, EPOCH_B, Adoption::Flush);
    let Some(Output::Publish(new)) = out.first() else { panic!("{out:?}") };
    assert!(old.lookup(Family::V4, 0x0a01_0203 << 96).is_some());
    assert_eq!(new.lookup(Family::V4, 0x0a01_0203 << 96), None);
    assert_eq!(machine.fib().routes(), [0, 0]);
    assert_eq!(machine.deadline(), None, "an empty table has nothing stale");
}

#[test]
fn logs_move_the_position_only_from_a_known_one() {
    let mut machine = in_sync();
    let log = |seq| FibPart::Log(Position { epoch: EPOCH_A, seq });
    tell(&mut machine, 1, fib(2, log(10), batch(&[], &[(prefix("10.1.0.0/16"), Some(2))])));
    assert_eq!(machine.fib().position(), Some(Position { epoch: EPOCH_A, seq: 10 }));
    tell(&mut machine, 1, fib(3, log(12), batch(&[], &[])));
    assert_eq!(machine.fib().position(), None, "a batch is missing");
    tell(&mut machine, 1, fib(4, log(13), batch(&[], &[])));
    assert_eq!(machine.fib().position(), None);
}

#[test]
fn a_bucket_replaces_what_the_card_held_in_it() {
    let mut machine = in_sync();
    adopt(&mut machine, 2, EPOCH_B, Adoption::Keep);
    let held = prefix("10.0.0.0/8");
    let bucket = bucket_of(held) as u16;
    let (position, other) = (Position { epoch: EPOCH_B, seq: 4 }, FibTable::default().root_digest());
    let out = tell(&mut machine, 2, ToLc::Converged { position, root: other });
    let [FromLc::Digests(digests)] = &sent(&out)[..] else { panic!("{out:?}") };
    assert_eq!(digests.iter().filter(|digest| **digest != 0).count(), 2);

    tell(&mut machine, 2, fib(1, FibPart::Bucket(bucket), batch(&[], &[])));
    assert_eq!(machine.fib().table().get(held), None);
    assert_eq!(machine.tables().lookup(Family::V4, 0x0a01_0203 << 96), None);
    assert!(machine.fib().is_stale(), "other buckets are");
    tell(&mut machine, 2, fib(2, FibPart::Bucket(bucket), batch(&[2], &[(held, Some(2))])));
    assert_eq!(forwarded(&machine), Some(list(2)));
}

/// B has freed a number of A's and given it to another list; the card still has A's route by it.
#[test]
fn what_is_stale_does_not_follow_a_number_that_is_given_out_again() {
    let mut machine = in_sync();
    adopt(&mut machine, 2, EPOCH_B, Adoption::Keep);
    let again = ListUpdate { id: 1, birth: Birth { epoch: EPOCH_B, index: 0 }, paths: list(7) };
    let moved = Batch { paths: vec![again], ..batch(&[], &[(prefix("10.2.0.0/16"), Some(1))]) };
    tell(&mut machine, 2, fib(1, FibPart::Part, moved));
    assert_eq!(forwarded(&machine), Some(list(1)), "as A had it");
    let held = prefix("10.0.0.0/8");
    let bucket = fib(2, FibPart::Bucket(bucket_of(held) as u16), batch(&[], &[(held, Some(1))]));
    tell(&mut machine, 2, bucket);
    assert_eq!(forwarded(&machine), Some(list(7)), "as B has it");
    let held: Vec<_> = machine.fib().table().all_paths().map(|(_, paths)| paths.clone()).collect();
    assert!(!held.contains(&list(1)), "no route uses it: {held:?}");
}

/// The same list under another number, and changed in place: its routes follow.
#[test]
fn a_list_is_known_by_its_birth() {
    let mut machine = in_sync();
    adopt(&mut machine, 2, EPOCH_B, Adoption::Keep);
    let renamed = ListUpdate { id: 5, paths: list(8), ..lists(&[1])[0].clone() };
    tell(&mut machine, 2, fib(1, FibPart::Part, Batch { paths: vec![renamed], ..Batch::default() }));
    assert_eq!(forwarded(&machine), Some(list(8)));
    assert_eq!(machine.fib().table().all_paths().count(), 2);
}

/// A route by a list that B has not named yet: its number may mean anything.
#[test]
fn a_route_before_its_list_is_left_for_the_comparison() {
    let mut machine = in_sync();
    adopt(&mut machine, 2, EPOCH_B, Adoption::Keep);
    let log = |seq, batch| fib(seq, FibPart::Log(Position { epoch: EPOCH_B, seq }), batch);
    let out = tell(&mut machine, 2, log(1, batch(&[], &[(prefix("10.0.0.0/8"), Some(2))])));
    assert_eq!(sent(&out), [FromLc::Ack { number: 1 }]);
    assert_eq!((forwarded(&machine), machine.fib().position()), (Some(list(1)), None));
    // Once everything is vouched for, a batch that lacks something leaves the place unknown.
    let position = Position { epoch: EPOCH_B, seq: 1 };
    let root = root(&machine);
    tell(&mut machine, 2, ToLc::Converged { position, root });
    tell(&mut machine, 2, log(2, batch(&[], &[(prefix("10.0.0.0/8"), Some(2))])));
    assert_eq!(machine.fib().position(), None);
}

#[test]
fn damaged_updates_end_the_session_and_not_the_card() {
    let misplaced = prefix("10.0.0.0/8");
    let wrong = (bucket_of(misplaced) as u16 + 1) % BUCKETS as u16;
    let damaged = [
        fib(1, FibPart::Part, Batch { packed: vec![0, 99, 1].into(), count: 1, ..Batch::default() }),
        fib(1, FibPart::Part, Batch { paths: lists(&[u32::MAX]), ..Batch::default() }),
        fib(1, FibPart::Bucket(BUCKETS as u16), Batch::default()),
        fib(1, FibPart::Bucket(wrong), batch(&[], &[(misplaced, Some(1))])),
        fib(1, FibPart::Bucket(bucket_of(misplaced) as u16), batch(&[], &[(misplaced, Some(3))])),
    ];
    for message in damaged {
        let mut machine = in_sync();
        let out = tell(&mut machine, 1, message);
        assert!(closes(&out, 1) && sent(&out).is_empty(), "{out:?}");
        assert_eq!(machine.fib().position(), None);
        assert!(machine.fib().is_stale(), "orphaned");
        assert!(matches!(sent(&adopt(&mut machine, 2, EPOCH_A, Adoption::Keep))[..], [FromLc::Adopted { .. }]));
    }
}

#[test]
fn what_nobody_vouches_for_goes_when_the_timer_ends() {
    let mut machine = in_sync();
    step(&mut machine, at(1000), Input::SessionDown { session: 1 });
    assert_eq!(machine.deadline(), Some(at(1000) + STALE_TIME));
    // A new active refreshes one bucket and then says nothing more.
    let kept = prefix("2001:db8::/32");
    adopt(&mut machine, 2, EPOCH_B, Adoption::Keep);
    tell(&mut machine, 2, fib(1, FibPart::Bucket(bucket_of(kept) as u16), batch(&[2], &[(kept, Some(2))])));
    let deadline = machine.deadline().unwrap();
    let mut out = Vec::new();
    machine.step(deadline, None, &mut out);
    assert_eq!(machine.fib().routes(), [0, 1]);
    assert_eq!(machine.tables().lookup(Family::V4, 0x0a01_0203 << 96), None);
    assert_eq!((machine.deadline(), machine.fib().is_stale()), (None, false));
}

#[test]
fn an_orphan_forwards_until_the_timer_ends() {
    let mut machine = in_sync();
    step(&mut machine, at(1000), Input::SessionDown { session: 1 });
    let mut out = Vec::new();
    machine.step(at(999) + STALE_TIME, None, &mut out);
    assert!(out.is_empty());
    machine.step(at(1000) + STALE_TIME, None, &mut out);
    assert!(out.iter().any(|output| matches!(output, Output::Publish(_))));
    assert_eq!((machine.fib().routes(), machine.fib().position()), ([0, 0], None));
}

#[test]
fn ports_and_resets_reach_the_shell_and_the_active() {
    let mut machine = in_sync();
    let ports = vec![PortConfig { port: 1, enabled: true, mac: [2; 6], mtu: 1500 }];
    let out = tell(&mut machine, 1, ToLc::Ports(ports.clone()));
    assert!(matches!(&out[..], [Output::PortsChanged(changed)] if *changed == ports));
    assert!(machine.tables().ports().port(1).is_some_and(|port| port.enabled));
    let out = step(&mut machine, at(2), Input::PortState { port: 1, up: true });
    assert_eq!(sent(&out), [FromLc::PortState { port: 1, up: true }]);
    assert!(step(&mut machine, at(2), Input::PortState { port: 1, up: true }).is_empty());
    let told = sent(&adopt(&mut machine, 2, EPOCH_B, Adoption::Keep));
    assert!(matches!(told[..2], [FromLc::Adopted { .. }, FromLc::PortState { port: 1, up: true }]));
    let out = tell(&mut machine, 2, ToLc::Reset { reason: "mode rpr".into() });
    assert!(
        matches!(&out[..], [Output::Event(EventKind::LcReset { .. }), Output::Reset { reason }] if reason == "mode rpr")
    );
}

/// A change says what is different; the shell hears of it where it is about ports.
#[test]
fn some_ports_and_interfaces_change_and_the_others_stay() {
    let mut machine = in_sync();
    let port = |port, mtu| PortConfig { port, enabled: true, mac: [2; 6], mtu };
    let (red, blue) = (TableId(7), TableId(8));
    let interfaces = [(1, 100, red), (1, 200, blue), (2, 100, red)];
    let interfaces = interfaces.map(|(port, vlan, table)| InterfaceConfig { port, vlan, table }).to_vec();
    tell(&mut machine, 1, ToLc::Interfaces { ports: vec![port(1, 1500), port(2, 1500)], interfaces });
    let change = |port, vlan, table| InterfaceChange { port, vlan, table };
    let interfaces =
        vec![change(1, 100, None), change(1, 300, Some(blue)), change(2, 0, Some(red)), change(9, 1, None)];
    let out = tell(&mut machine, 1, ToLc::Changed { ports: vec![], gone: vec![], interfaces });
    assert!(out.is_empty(), "{out:?}");
    let tables = |machine: &LineCard, at: u8| {
        let ports = machine.tables().ports();
        ports.port(at).map(|port| [0, 100, 200, 300].map(|vlan| port.table_of(vlan)))
    };
    assert_eq!(tables(&machine, 1), Some([Some(TableId::DEFAULT), None, Some(blue), Some(blue)]));
    assert_eq!(tables(&machine, 2), Some([Some(red), Some(red), None, None]));
    let changed = ToLc::Changed { ports: vec![port(1, 9000), port(3, 1500)], gone: vec![2], interfaces: vec![] };
    let out = tell(&mut machine, 1, changed);
    let now = [port(1, 9000), port(3, 1500)];
    assert!(matches!(&out[..], [Output::PortsChanged(ports)] if *ports == now), "{out:?}");
    assert_eq!(tables(&machine, 1), Some([Some(TableId::DEFAULT), None, Some(blue), Some(blue)]), "as they were");
    assert_eq!(tables(&machine, 2), None);
}

fn op() -> impl Strategy<Value = (Prefix, Option<u32>)> {
    let prefix = prop_oneof![
        (any::<u16>(), 8..=32u8).prop_map(|(bits, len)| Prefix::from_bits(Family::V4, u128::from(bits) << 100, len)),
        (any::<u16>(), 16..=128u8).prop_map(|(bits, len)| Prefix::from_bits(Family::V6, u128::from(bits) << 70, len)),
    ];
    (prefix, proptest::option::weighted(0.7, 1..4u32))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a card missed of the active's log, digests and buckets make the two equal, in the
    /// control table and for packets.
    #[test]
    fn reconciliation_finds_what_a_card_missed(
        ops in proptest::collection::vec((op(), any::<bool>()), 1..60),
        only_lc in proptest::collection::vec(op(), 0..10),
    ) {
        let mut active = FibTable::default();
        let mut machine = machine();
        adopt(&mut machine, 1, EPOCH_A, Adoption::Flush);
        tell(&mut machine, 1, fib(1, FibPart::Part, batch(&[1, 2, 3], &[])));
        lists(&[1, 2, 3]).into_iter().for_each(|list| active.set_paths(list));
        for ((prefix, id), heard) in ops {
            active.set(prefix, id);
            if heard {
                tell(&mut machine, 1, fib(2, FibPart::Part, batch(&[], &[(prefix, id)])));
            }
        }
        tell(&mut machine, 1, fib(3, FibPart::Part, batch(&[], &only_lc)));
        adopt(&mut machine, 2, EPOCH_B, Adoption::Keep);
        tell(&mut machine, 2, fib(4, FibPart::Part, batch(&[1, 2, 3], &[])));
        let converged = ToLc::Converged { position: Position { epoch: EPOCH_B, seq: 7 }, root: active.root_digest() };
        let ours = active.digests();
        if let [FromLc::Digests(digests)] = &sent(&tell(&mut machine, 2, converged.clone()))[..] {
            for bucket in (0..BUCKETS).filter(|bucket| digests[*bucket] != ours[*bucket]) {
                let routes: Vec<_> = active.bucket(bucket).routes().filter_map(|(key, id)| Some((key.plain()?, Some(id)))).collect();
                tell(&mut machine, 2, fib(5, FibPart::Bucket(bucket as u16), batch(&[], &routes)));
            }
            let answer = sent(&tell(&mut machine, 2, converged));
            let in_sync = matches!(answer[..], [FromLc::InSync { .. }]);
            prop_assert!(in_sync);
        }
        prop_assert!(!machine.fib().is_stale());
        for prefix in active.routes().filter_map(|(key, _)| key.plain()) {
            let want = active.lookup(prefix.address()).and_then(|(_, id)| active.paths(id));
            let got = machine.tables().lookup(prefix.family(), prefix.bits());
            prop_assert_eq!(got.and_then(|index| machine.fib().table().paths(index)), want);
        }
    }
}
