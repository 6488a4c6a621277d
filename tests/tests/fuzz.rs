//! Decoders of bytes from outside: fabric messages, cells, wires, routes, configuration, command line, NVRAM, packets.
//! Topology and experiment files: `orchestrator/tests/fuzz.rs`; route tables: `route-table`; received frames: `tester`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use chassis_tests::{
    fuzz::fuzz,
    sim::{Chassis, Fault, Kind, Life, Record, World},
};
use fabric_proto::{
    cell,
    checkpoint::{CfClientId, CfMessage},
    codec::{CodecError, Message, decode, decode_in, encode, encode_at},
    feed::{FromFeed, ToFeed},
    fib::{
        BaseMac, Batch, BatchBuilder, Birth, Family, FibKey, FibTable, ListUpdate, Path, PathList, Position, Prefix,
        Rewrite,
    },
    id::{CircuitId, Epoch, Label, LcSlot, PortId, RpSlot, TableId},
    linecard::{Adoption, FibPart, FibUpdate, FromLc, InterfaceChange, InterfaceConfig, PortConfig, ToLc},
    machine::Machine as _,
    offer::{Agreed, Group, Offer},
    operator,
    platform::NATIVE,
    redundancy::{Code, Heartbeat, Hello, Mode, RfMessage, RfState},
    release::Release,
    time::Instant,
    version::Versions,
    wire,
};
use linecard_core::{
    fib_sync::FibCopy,
    linecard::{Input as LcInput, LineCard, LineCardConfig, STALE_TIME},
    pipeline::forward,
};
use rp_core::{
    config::{Config, Reading},
    fib_feed::{FibMaster, Level},
    nvram,
};
use std::time::Duration;

fn heartbeat() -> Heartbeat {
    Heartbeat {
        slot: RpSlot::A,
        boot: 77,
        epoch: Epoch(5),
        state: RfState::Active,
        release: "1.0".to_owned(),
        configured: Mode::Sso,
        operating: Mode::Rpr,
        ready: false,
        seq: 9,
    }
}

fn batch() -> Batch {
    let mut builder = BatchBuilder::default();
    let label = |value: u32| Label::try_from(value).unwrap();
    let rewrite = Rewrite::tagged([4; 6], [5; 6], 7).with_labels(&[label(16), label(17)]).unwrap();
    let next_hop = "fd00::1".parse().unwrap();
    let paths = vec![
        Path::Receive,
        Path::Unresolved { next_hop },
        Path::Port { port: PortId { slot: LcSlot(1), port: 2 }, next_hop, rewrite: rewrite.into() },
        Path::Lookup { table: TableId(9) },
    ];
    let birth = Birth { epoch: Epoch(4), index: 7 };
    builder.paths(ListUpdate { id: 300, birth, paths: PathList::new(paths) });
    for (prefix, list) in [("10.0.0.0/8", Some(300)), ("2001:db8::/32", Some(2)), ("192.0.2.0/24", None)] {
        builder.route((prefix.parse::<Prefix>().unwrap(), list));
    }
    builder.route((FibKey::Ip(TableId(9), "10.0.0.0/8".parse().unwrap()), Some(300)));
    builder.route((FibKey::Label(label(99)), Some(300)));
    builder.route((FibKey::Circuit(CircuitId(5)), None));
    builder.forget(9);
    builder.take()
}

/// Decodes what a peer might send, of any release; what decodes must encode, in the version that it came in and in the newest,
/// to what decodes to the same.
fn message<M: Message + PartialEq + std::fmt::Debug>(target: &str, samples: &[M]) {
    let newest = M::CLASS.versions_in(Release::V2_1).newest();
    let versions = || 1..=newest;
    let decode = |bytes: &[u8]| decode_in::<M>(bytes, Release::V2_1);
    // What an older version has no words for is no sample of it.
    let encoded = |sample| versions().filter_map(move |version| encode_at(sample, version).ok());
    let samples: Vec<Vec<u8>> = samples.iter().flat_map(encoded).map(|frame| frame.to_vec()).collect();
    fuzz(target, &samples, |bytes| {
        if let Ok(decoded) = decode(bytes) {
            for version in [bytes[1], newest] {
                match encode_at(&decoded, version) {
                    Ok(again) => assert_eq!(decode(&again).unwrap(), decoded),
                    // Packed routes are not looked into where they are only carried.
                    Err(CodecError::Inexpressible { .. }) if version < newest => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
}

/// What a caller says before anybody knows what it speaks.
#[test]
fn offers_of_versions() {
    let client = Group::Client(CfClientId(4));
    let later = Offer::new("3.0").with(client, Versions::new(2, 9));
    fuzz("offer", &[Offer::of_1_0().encode(), later.encode()], |bytes| {
        if let Ok(offer) = Offer::decode(bytes) {
            assert_eq!(Offer::decode(&offer.encode()).unwrap(), offer);
            let agreed = Agreed::between(Offer::new("2.0"), offer.clone());
            for (group, verdict) in agreed.verdicts() {
                let version = verdict.version();
                assert!(version.is_none_or(|version| offer.versions(group).unwrap().contains(version)), "{group}");
            }
        }
    });
}

#[test]
fn fabric_messages() {
    message("heartbeat", &[heartbeat()]);
    let hello = Hello { heartbeat: heartbeat(), versions: vec![], switchovers: vec![], chassis_since: Instant(3) };
    let rf = [
        RfMessage::Hello(Box::new(hello)),
        RfMessage::Progression(Code::StandbyHot),
        RfMessage::Handover { epoch: Epoch(9) },
        RfMessage::ModeChange { configured: Mode::RprPlus },
    ];
    message("redundancy", &rf);
    let cf = [
        CfMessage::BulkBegin { round: 1, after: 2, mode: Mode::Sso },
        CfMessage::Bulk { seq: 3, client: CfClientId::FIB, data: Bytes::from_static(b"abc") },
        CfMessage::Change { seq: 3, client: CfClientId::FIB, data: Bytes::from_static(b"e") },
        CfMessage::Ack { seq: 4 },
        CfMessage::Piece { seq: 5, client: CfClientId::FIB, data: Bytes::from_static(b"d") },
    ];
    message("checkpoint", &cf);
    let ports = vec![PortConfig { port: 1, enabled: true, mac: [2; 6], mtu: 1500 }];
    let to_lc = [
        ToLc::Adopt { epoch: Epoch(4), rp: RpSlot::A, how: Adoption::Keep },
        ToLc::Ports(ports.clone()),
        ToLc::Interfaces {
            ports: ports.clone(),
            interfaces: vec![InterfaceConfig { port: 1, vlan: 7, table: TableId(9) }],
        },
        ToLc::Changed { ports, gone: vec![2], interfaces: vec![InterfaceChange { port: 1, vlan: 7, table: None }] },
        ToLc::Fib(FibUpdate { number: 1, kind: FibPart::Bucket(7), batch: batch() }),
        ToLc::EndOfTable(Family::V6),
        ToLc::Converged { position: Position::default(), root: 1 },
    ];
    message("to-line-card", &to_lc);
    let adopted = FromLc::Adopted { epoch: Epoch(4), boot: 1, position: None, root: 0, routes: [1, 2] };
    message("from-line-card", &[adopted, FromLc::Digests(vec![1, 2, 3]), FromLc::Ack { number: 8 }]);
    message("to-feed", &[ToFeed::Open { forwarding_kept: true }]);
    let routes = FromFeed::Routes { count: 3, packed: batch().packed };
    let hops = FromFeed::NextHops(vec![(1, vec!["10.0.0.1".parse().unwrap()])]);
    message("from-feed", &[routes, hops, FromFeed::EndOfRib(Family::V4)]);
}

#[test]
fn operator_messages() {
    // Any frame of the class: requests and replies are two sides of one stream.
    let stats = operator::Reply::Stats(Box::default());
    let damaged = [vec![5, 1, 0, 0, 0, 1, 0xc0], vec![5, 1, 0, 0, 0, 4, 0x81, 0xa1, 0x41, 0x90]];
    let samples: Vec<Vec<u8>> =
        [1, 2].into_iter().map(|version| encode_at(&stats, version).unwrap().to_vec()).chain(damaged).collect();
    fuzz("operator", &samples, |bytes| {
        let _ = decode::<operator::Request>(bytes);
        let _ = decode::<operator::Reply>(bytes);
    });
}

#[test]
fn cells_and_wires() {
    let (mut cells, mut wires) = (Vec::new(), Vec::new());
    for frame in [&[1u8; 60][..], &[2; 1500], &[3; cell::FRAME_MIN]] {
        cell::push(&mut cells, 3, frame);
        wire::push(&mut wires, frame);
    }
    fuzz("cell", &[cells], |mut bytes| {
        while let Ok(Some((_, _, rest))) = cell::split(bytes) {
            assert!(rest.len() < bytes.len(), "a record without an end");
            bytes = rest;
        }
    });
    fuzz("wire", &[wires], |mut bytes| {
        let _ = wire::peek(bytes);
        while let Ok(Some((_, rest))) = wire::split(bytes) {
            assert!(rest.len() < bytes.len(), "a record without an end");
            bytes = rest;
        }
    });
}

/// A line card and a standby get updates that decode and make no sense: they refuse, and go on.
#[test]
fn updates_of_the_forwarding_table() {
    let sample = rmp_serde::to_vec(&FibUpdate { number: 1, kind: FibPart::Part, batch: batch() }).unwrap();
    let bucket = rmp_serde::to_vec(&FibUpdate { number: 2, kind: FibPart::Bucket(3), batch: batch() }).unwrap();
    let mut copy = FibCopy::new(LcSlot(1));
    fuzz("fib-update", &[sample, bucket], |bytes| {
        if let Ok(update) = rmp_serde::from_slice::<FibUpdate>(bytes) {
            let _ = copy.apply(&update);
            let by_hand = copy.table().routes().filter(|(key, _)| key.family().is_some()).count() as u64;
            assert_eq!(copy.routes().iter().sum::<u64>(), by_hand);
        }
    });
    let mut active = FibMaster::default();
    active.begin_term(Epoch(4));
    let list = active.acquire(PathList::new(vec![Path::Discard])).unwrap();
    active.set("10.0.0.0/8".parse::<Prefix>().unwrap(), list);
    let (first, cursor) = active.bulk_chunk(None, Level::Full);
    let (second, _) = active.bulk_chunk(cursor, Level::Full);
    let mut standby = FibMaster::default();
    fuzz("fib-checkpoint", &[first.to_vec(), second.to_vec()], |bytes| {
        let _ = standby.apply_checkpoint(bytes);
    });
    assert!(FibTable::default().is_empty());
}

/// Everything that decodes as a message to a line card, said by its own active.
#[test]
fn a_line_card_survives_its_active() {
    let config = LineCardConfig { slot: LcSlot(1), boot: 1, highest: Epoch::NONE, stale_time: STALE_TIME };
    let mut card = LineCard::new(config);
    let adopt = |epoch| ToLc::Adopt { epoch, rp: RpSlot::A, how: Adoption::Keep };
    let samples: Vec<Vec<u8>> =
        [adopt(Epoch(4)), ToLc::WantDigests, ToLc::Fib(FibUpdate { number: 1, kind: FibPart::Part, batch: batch() })]
            .iter()
            .map(|sample| encode(sample).unwrap().to_vec())
            .collect();
    let mut session = 0;
    let mut out = Vec::new();
    fuzz("line-card", &samples, |bytes| {
        if let Ok(message) = decode::<ToLc>(bytes) {
            session += 1;
            let epoch = Epoch::NONE.next_for(RpSlot::A).max(card.highest());
            for input in [
                LcInput::SessionUp { session, rp: RpSlot::A },
                LcInput::Message { session, message: adopt(epoch) },
                LcInput::Message { session, message },
                LcInput::SessionDown { session },
            ] {
                card.step(Instant(session), Some(input), &mut out);
            }
            out.clear();
        }
    });
}

const CONFIG: &str = "hostname pe1\nredundancy\n mode sso\n main-cpu\n  auto-sync running-config\n!\ninterface 1/1\n description up\n ip address 10.1.1.1 255.255.255.0\n ipv6 address fd00:1::1/64\n mtu 9000\n no shutdown\n!\narp 10.1.1.10 0200.0101.0010 arpa\nip route 203.0.113.0 255.255.255.0 10.1.1.10 5\nipv6 route 2001:db8::/32 fd00:1::2\n";

#[test]
fn configuration() {
    fuzz("configuration", &[CONFIG.as_bytes().to_vec()], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match Config::parse(&text, "startup-config") {
            // What was accepted must survive being shown and read again.
            Ok(config) => assert_eq!(Config::parse(&config.render(), "again").as_ref(), Ok(&config)),
            Err(error) => assert!(error.line >= 1 && !error.to_string().is_empty()),
        }
        // What a boot takes of it is a configuration, too.
        let taken = Reading::of_startup(&text, "startup-config", &NATIVE).config;
        assert_eq!(Reading::of_startup(&taken.render(), "again", &NATIVE), Reading { config: taken, refused: vec![] });
    });
}

#[test]
fn command_line() {
    let chassis = Chassis { line_cards: 1, ..Life::new(1, Kind::Light).chassis };
    let mut world = World::build(1, &chassis, Record::Hash);
    world.run(Duration::from_secs(2), |_| false).unwrap();
    let lines = [
        "show redundancy states",
        "show ip cef 20.0.1.9",
        "show running-config | include interface",
        "configure terminal\ninterface 1/1\nip address 10.9.9.1 255.255.255.0\nexit\nip route 0.0.0.0 0.0.0.0 10.1.1.10\nend",
        "show ?",
        "sh red sw hist",
        "write memory",
    ];
    let samples: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    fuzz("command-line", &samples, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for line in text.lines().take(8) {
            let _ = world.exec(RpSlot::A, &[line]);
        }
        world.run(Duration::from_micros(100), |_| false).unwrap();
        if world.rp(RpSlot::A).is_none_or(|stats| !stats.active) {
            // It was told to reload.
            world.strike(&Fault::Save);
            world.run(Duration::from_secs(2), |_| false).unwrap();
        }
    });
}

#[test]
fn startup_configuration_in_nvram() {
    fuzz("nvram", &[nvram::seal(CONFIG), nvram::seal("")], |bytes| {
        if let Ok(text) = nvram::open(bytes) {
            assert_eq!(nvram::seal(&text), bytes, "only a whole file is opened");
        }
        let _ = nvram::choose(Some(bytes), None);
    });
}

#[test]
fn packets() {
    let mut copy = FibCopy::new(LcSlot(1));
    let port = PortId { slot: LcSlot(2), port: 1 };
    let path = Path::ethernet(port, "10.2.1.10".parse().unwrap(), [4; 6], BaseMac::FIRST.of(port));
    let mut builder = BatchBuilder::default();
    builder.paths(ListUpdate { id: 1, birth: Birth::default(), paths: PathList::new(vec![path]) });
    builder.route(("0.0.0.0/0".parse::<Prefix>().unwrap(), Some(1)));
    builder.route(("::/0".parse::<Prefix>().unwrap(), Some(1)));
    copy.apply(&FibUpdate { number: 1, kind: FibPart::Part, batch: builder.take() }).unwrap();
    let own = BaseMac::FIRST.of(PortId { slot: LcSlot(1), port: 1 });
    copy.set_ports(&[PortConfig { port: 1, enabled: true, mac: own, mtu: 1500 }], &[]);
    let v4 = etherparse::PacketBuilder::ethernet2([9; 6], own).ipv4([10, 1, 1, 9], [20, 0, 0, 1], 64).udp(7, 8);
    let v6 = etherparse::PacketBuilder::ethernet2([9; 6], own).ipv6([1; 16], [0x20; 16], 64).udp(7, 8);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    v4.write(&mut one, &[5; 80]).unwrap();
    v6.write(&mut other, &[6; 80]).unwrap();
    fuzz("packet", &[one, other], |bytes| {
        let mut frame = bytes.to_vec();
        let (_, now) = forward(&mut frame, 0..bytes.len(), 1, copy.tables(), Default::default());
        assert!(now.end <= bytes.len());
    });
}
