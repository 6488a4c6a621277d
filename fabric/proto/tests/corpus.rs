//! What shipped releases wrote: every later one reads it, and writes the same bytes to who speaks as they did.
//!
//! `corpus/<release>/` was written by that release's own programs and is never edited. A shape that changes keeps its older
//! one in `fabric_proto::compat`; docs/versions.md says how.
#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use fabric_proto::{
    checkpoint::{CfClientId, CfMessage},
    codec::{self, Class, CodecError, Message},
    compat::v1_0,
    deploy::{CardConfig, Manifest},
    feed::{FromFeed, ToFeed},
    fib::{BUCKETS, BatchBuilder, Birth, ListUpdate, Path as FibPath, PathList},
    id::Slot,
    linecard::{FibPart, FibUpdate, FromLc, ToLc},
    operator::{CardStats, CrashPoint, EventKind, FlowSpec, Refusals, Reply, Request},
    redundancy::{Heartbeat, RfMessage},
    release::Release,
};
use proptest::prelude::*;
use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
};

/// A release that left a corpus, and the version of what has changed since.
type Of = (&'static str, u8);

const V1_0: Of = ("1.0", 1);
const V2_0: Of = ("2.0", 2);

fn folder_of((release, _): Of, of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(release).join(of)
}

fn folder(of: &str) -> PathBuf {
    folder_of(V1_0, of)
}

/// Files of a class whose names begin with `prefix`, with their names.
fn files(of: Of, class: &str, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder_of(of, class))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {prefix} in {class}");
    files
}

/// Every file decodes in every release to a message, and that message is written as these bytes to a card of the release that
/// wrote it.
fn there_and_back<M: Message + Debug + PartialEq>(of: Of, class: &str, prefix: &str) -> usize {
    let files = files(of, class, prefix);
    let version = of.1.min(M::CLASS.versions().newest());
    for (name, frame) in &files {
        let failed = |error: CodecError| -> M { panic!("{class}/{name}: {error}") };
        let message: M = codec::decode(frame).unwrap_or_else(failed);
        let written = codec::encode_at(&message, version).unwrap_or_else(|error| panic!("{class}/{name}: {error}"));
        assert_eq!(&written[..], &frame[..], "{class}/{name}: {message:?}");
        for release in Release::ALL {
            assert_eq!(codec::decode_in::<M>(frame, release).unwrap_or_else(failed), message);
            // And it means the same in that release's own words.
            let newest = M::CLASS.versions_in(release).newest();
            let again = codec::encode_at(&message, newest).unwrap_or_else(|error| panic!("{class}/{name}: {error}"));
            assert_eq!(codec::decode_in::<M>(&again, release).unwrap_or_else(failed), message, "{class}/{name}");
        }
    }
    files.len()
}

fn file<M: Message>(class: &str, name: &str) -> M {
    file_of(V1_0, class, name)
}

fn file_of<M: Message>(of: Of, class: &str, name: &str) -> M {
    codec::decode(&fs::read(folder_of(of, class).join(name)).unwrap()).unwrap()
}

#[test]
fn release_1_0_is_read_and_answered_in_its_own_bytes() {
    assert_eq!(all_there_and_back(V1_0), [1, 12, 5, 10, 7, 1, 3, 16, 35]);
}

#[test]
fn release_2_0_is_read_and_answered_in_its_own_bytes() {
    assert_eq!(all_there_and_back(V2_0), [1, 12, 7, 13, 7, 1, 3, 21, 41]);
}

fn all_there_and_back(of: Of) -> [usize; 9] {
    [
        there_and_back::<Heartbeat>(of, "redundancy", "heartbeat"),
        there_and_back::<RfMessage>(of, "redundancy", "message-"),
        there_and_back::<CfMessage>(of, "checkpoint", ""),
        there_and_back::<ToLc>(of, "line-card", "to-"),
        there_and_back::<FromLc>(of, "line-card", "from-"),
        there_and_back::<ToFeed>(of, "feed", "to-"),
        there_and_back::<FromFeed>(of, "feed", "from-"),
        there_and_back::<Request>(of, "operator", "request-"),
        there_and_back::<Reply>(of, "operator", "reply-"),
    ]
}

/// What a program of 2.0 is sent in 2.1's words it refuses, with both; and the words of 2.0 in a frame that says that they are
/// 2.1's are nobody's.
#[test]
fn a_program_of_2_0_refuses_a_body_of_2_1() {
    let digests = FromLc::Digests(vec![1, u64::MAX]);
    let record = CfMessage::Bulk { seq: 1, client: CfClientId::LINKS, data: Bytes::from_static(b"x") };
    let stats = Reply::Stats(Box::default());
    fn refused<M: Message + Debug + PartialEq>(message: &M) {
        let frame = codec::encode_at(message, 3).unwrap();
        assert_eq!(codec::decode_in::<M>(&frame, Release::V2_1).unwrap(), *message);
        let error = codec::decode_in::<M>(&frame, Release::V2_0).unwrap_err();
        assert!(matches!(error, CodecError::Version { got: 3, oldest: 1, newest: 2, .. }), "{error}");
        let mut lie = codec::encode_at(message, 2).unwrap().to_vec();
        lie[1] = 3;
        assert!(matches!(codec::decode_in::<M>(&lie, Release::V2_1), Err(CodecError::Body { .. })), "{message:?}");
        let mut lie = frame.to_vec();
        lie[1] = 2;
        assert_ne!(codec::decode_in::<M>(&lie, Release::V2_0).ok().as_ref(), Some(message));
    }
    refused(&digests);
    refused(&record);
    refused(&stats);
    // A byte fewer for each; what says how many there are takes two more.
    let all = FromLc::Digests(vec![u64::MAX; BUCKETS]);
    let [before, now] = [2, 3].map(|version| codec::encode_at(&all, version).unwrap().len());
    assert_eq!(before - now, BUCKETS - 2);
}

/// What a list of 2.1 may hold and one of 2.0 may not is not said to who speaks as 2.0 does.
#[test]
fn a_list_of_more_than_16_paths_has_no_words_in_version_2() {
    let with = |paths: u8| {
        let hop = |n| FibPath::Unresolved { next_hop: [10, 0, 0, n].into() };
        let list = ListUpdate { id: 3, birth: Birth::default(), paths: PathList::new((0..paths).map(hop).collect()) };
        let mut batch = BatchBuilder::default();
        batch.paths(list);
        ToLc::Fib(FibUpdate { number: 1, kind: FibPart::Part, batch: batch.take() })
    };
    for version in [1, 2] {
        assert!(codec::encode_at(&with(16), version).is_ok());
        let error = codec::encode_at(&with(17), version).unwrap_err();
        assert!(matches!(error, CodecError::Inexpressible { .. }), "{error}");
    }
    assert_eq!(codec::decode_in::<ToLc>(&codec::encode_at(&with(32), 3).unwrap(), Release::V2_1).unwrap(), with(32));
}

proptest! {
    /// Whatever a card of 2.1 holds of these is said in 2.0's words without a loss; what 2.0 says is taken without one.
    #[test]
    fn what_has_changed_goes_down_and_up_again(
        seq in any::<u64>(),
        client in any::<u16>(),
        data in proptest::collection::vec(any::<u8>(), 0..40),
        digests in proptest::collection::vec(any::<u64>(), 0..20),
        causes in proptest::array::uniform7(0u64..1 << 60),
    ) {
        let client = CfClientId(client);
        for bulk in [true, false] {
            let record = CfMessage::of_record(seq, client, bulk, data.clone().into());
            for version in 1..=3 {
                let frame = codec::encode_at(&record, version).unwrap();
                prop_assert_eq!(codec::decode_in::<CfMessage>(&frame, Release::V2_1).unwrap(), record.clone());
            }
        }
        let digests = FromLc::Digests(digests);
        let [certificate, wrong_card, no_business, unfinished, no_place, challenged, untold] = causes;
        let refusals = Refusals { certificate, wrong_card, no_business, unfinished, no_place, challenged, untold };
        let stats = Reply::Stats(Box::new(CardStats { refusals, connections: seq, ..CardStats::default() }));
        for version in 2..=3 {
            let frame = codec::encode_at(&digests, version).unwrap();
            prop_assert_eq!(codec::decode_in::<FromLc>(&frame, Release::V2_1).unwrap(), digests.clone());
            let frame = codec::encode_at(&stats, version).unwrap();
            prop_assert_eq!(codec::decode_in::<Reply>(&frame, Release::V2_1).unwrap(), stats.clone());
        }
    }
}

/// What is lost on the way down is what version 1 does not have, and nothing else.
#[test]
fn values_of_release_1_0_mean_what_they_meant() {
    let Reply::Stats(stats) = file("operator", "reply-stats-rp") else { panic!() };
    let rp = stats.rp.clone().unwrap();
    assert_eq!((stats.boot, stats.release.as_str(), stats.refusals.untold, stats.cpu_ns), (77, "1.0", 2, 5_000));
    assert_eq!((stats.refusals.total(), stats.connections, rp.armed), (2, 0, None));
    assert_eq!((rp.state.name(), rp.peer_state.name(), rp.operating.name()), ("ACTIVE", "STANDBY HOT", "rpr"));
    assert_eq!((rp.routes, rp.switchovers, rp.heartbeats_sent.count()), ([900_000, 200_000], 3, 2));
    let Reply::Event(event) = file("operator", "reply-event-dropped") else { panic!() };
    assert!(matches!(event.kind, EventKind::Dropped { every: 3, packets: 7, unread_ns: [0, 0], .. }), "{event:?}");
    let CfMessage::Bulk { seq, client, data } = file("checkpoint", "record") else { panic!() };
    assert_eq!((seq, client.0, &data[..]), (4, 4, &b"\x00state\xff"[..]));
}

#[test]
fn values_of_release_2_0_mean_what_they_meant() {
    let Reply::Stats(stats) = file_of(V2_0, "operator", "reply-stats-rp-refusals") else { panic!() };
    let Refusals { certificate, no_place, challenged, untold, .. } = stats.refusals;
    assert_eq!((stats.refusals.total(), certificate, no_place, challenged, untold), (15, 1, 5, 6, 0));
    assert_eq!((stats.connections, stats.rp.unwrap().armed), (4, Some(CrashPoint::BulkSync)));
    let CfMessage::Change { seq, client, data } = file_of(V2_0, "checkpoint", "record-change") else { panic!() };
    assert_eq!((seq, client, &data[..]), (9, CfClientId::LINKS, &[1, 2, 3][..]));
}

/// What release 1.0 would take for something else is not said to it.
#[test]
fn release_1_0_is_asked_for_nothing_that_it_has_no_words_for() {
    let Request::Prepare(spec) = file("operator", "request-prepare") else { panic!() };
    let with = |change: &dyn Fn(&mut FlowSpec)| {
        let mut spec = spec.clone();
        change(&mut spec.flows[0]);
        Request::Prepare(spec)
    };
    for request in [
        with(&|flow| flow.vlan = Some(100)),
        with(&|flow| flow.expect[0].vlan = Some(100)),
        Request::Hang { client: "cef".to_owned(), hangs: true },
        file_of(V2_0, "operator", "request-capture-port"),
        file_of(V2_0, "operator", "request-trace"),
    ] {
        let error = codec::encode_at(&request, 1).unwrap_err();
        assert!(matches!(error, CodecError::Inexpressible { .. }), "{error}");
        assert_eq!(codec::decode::<Request>(&codec::encode_at(&request, 2).unwrap()).unwrap(), request);
    }
}

/// The first words on a connection are the same in every version of their class: they are the base.
#[test]
fn the_base_never_changes() {
    fn body<M: Message>(message: &M, version: u8) -> Vec<u8> {
        codec::encode_at(message, version).unwrap()[codec::HEADER..].to_vec()
    }
    for version in Class::Redundancy.versions_in(Release::V2_1).all() {
        let golden = |name: &str| fs::read(folder("redundancy").join(name)).unwrap()[codec::HEADER..].to_vec();
        assert_eq!(body::<Heartbeat>(&file("redundancy", "heartbeat"), version), golden("heartbeat"));
        assert_eq!(body::<RfMessage>(&file("redundancy", "message-hello"), version), golden("message-hello"));
    }
    for version in Class::LineCard.versions_in(Release::V2_1).all() {
        let golden = |name: &str| fs::read(folder("line-card").join(name)).unwrap()[codec::HEADER..].to_vec();
        assert_eq!(body::<ToLc>(&file("line-card", "to-adopt-keep"), version), golden("to-adopt-keep"));
        assert_eq!(body::<FromLc>(&file("line-card", "from-adopted"), version), golden("from-adopted"));
        assert_eq!(body::<FromLc>(&file("line-card", "from-refused"), version), golden("from-refused"));
    }
}

#[test]
fn a_card_of_release_1_0_reads_what_it_is_told() {
    let text = fs::read_to_string(folder("configuration").join("card.json")).unwrap();
    let config: CardConfig = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string_pretty(&config.told(1).unwrap()).unwrap(), text);
    assert_eq!(
        serde_json::from_str::<CardConfig>(&serde_json::to_string(&config.told(2).unwrap()).unwrap()).unwrap(),
        config
    );
    // It refuses what it does not know, so that anything else would keep it from starting.
    let more = text.replacen('{', "{\"later\": 1, ", 1);
    assert!(serde_json::from_str::<v1_0::deploy::CardConfig>(&more).is_err());
    assert_eq!(serde_json::from_str::<CardConfig>(&more).unwrap(), config);
}

/// A route processor of release 1.0 that has an address for packets passes them from card to card: it has one only where they
/// do pass it.
#[test]
fn a_card_of_release_1_0_is_told_where_packets_pass_route_processors() {
    let text = fs::read_to_string(folder("configuration").join("card.json")).unwrap();
    let mut config: CardConfig = serde_json::from_str(&text).unwrap();
    assert!(matches!(config.id.slot(), Some(Slot::Rp(_))));
    config.data = Some("127.0.0.1:9".parse().unwrap());
    config.cards.iter_mut().for_each(|card| card.data = config.data);
    for (platform, passes) in [("native", false), ("c7304", false), ("c7500", true), ("c10000", true)] {
        config.platform = platform.to_owned();
        let told = serde_json::to_string(&config.told(1).unwrap()).unwrap();
        let told: CardConfig = serde_json::from_str(&told).unwrap();
        assert_eq!(told.data.is_some(), passes, "{platform}");
        for card in &told.cards {
            assert_eq!(card.data.is_some(), passes || matches!(card.slot, Slot::Lc(_)), "{platform}");
        }
    }
}

/// A table that stands still is told as ever; of churn an older card would say nothing, and send nothing of it either.
#[test]
fn churn_is_told_only_where_there_is_some() {
    let text = fs::read_to_string(folder("configuration").join("card.json")).unwrap();
    let mut config: CardConfig = serde_json::from_str(&text).unwrap();
    let latest = |config: &CardConfig| serde_json::to_string_pretty(&config.told(2).unwrap()).unwrap();
    assert_eq!(latest(&config), text);
    config.table.as_mut().unwrap().churn_ppm = std::num::NonZeroU32::new(10_000);
    assert!(config.told(1).unwrap_err().to_string().ends_with("no words for routes that churn"));
    assert_eq!(serde_json::from_str::<CardConfig>(&latest(&config)).unwrap(), config);
}

/// What manifests say of a release is what its programs do.
#[test]
fn manifests_name_the_versions_that_are_offered() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images");
    let manifest = |release: &str| -> Manifest {
        serde_saphyr::from_str(&fs::read_to_string(images.join(release).join("manifest.yml")).unwrap()).unwrap()
    };
    let first = manifest("1.0");
    for release in Release::ALL {
        let later = manifest(release.name());
        for class in Class::ALL {
            let spoken = class.versions_in(release);
            assert_eq!(later.versions(class.name()), Some(spoken), "{class} in {}", release.name());
            assert_eq!(first.versions(class.name()).and_then(|first| first.common(spoken)), Some(1), "{class}");
        }
        assert_eq!((first.configuration(), later.configuration()), (Some(1), Some(2)));
        assert_eq!(later.versions("issu"), Some(fabric_proto::issu::VERSIONS));
        assert!(!first.issu().negotiates && later.issu().negotiates);
    }
}
