//! What shipped releases wrote: this one reads it, and writes the same bytes to who speaks as they did.
//!
//! `corpus/<release>/` was written by that release's own programs and is never edited. A shape that changes keeps its older
//! one in `fabric_proto::compat`; docs/versions.md says how.
#![allow(clippy::unwrap_used, reason = "a test")]

use fabric_proto::{
    checkpoint::CfMessage,
    codec::{self, Class, CodecError, Message},
    compat::v1_0,
    deploy::{CardConfig, Manifest},
    feed::{FromFeed, ToFeed},
    linecard::{FromLc, ToLc},
    operator::{EventKind, FlowSpec, Reply, Request},
    redundancy::{Heartbeat, RfMessage},
};
use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
};

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/1.0").join(of)
}

/// Files of a class whose names begin with `prefix`, with their names.
fn files(class: &str, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder(class))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {prefix} in {class}");
    files
}

/// Every file decodes to a message, and that message is written as these bytes to a card of release 1.0.
fn there_and_back<M: Message + Debug>(class: &str, prefix: &str) -> usize {
    let files = files(class, prefix);
    for (name, frame) in &files {
        let message: M = codec::decode(frame).unwrap_or_else(|error| panic!("{class}/{name}: {error}"));
        let written = codec::encode_at(&message, 1).unwrap_or_else(|error| panic!("{class}/{name}: {error}"));
        assert_eq!(&written[..], &frame[..], "{class}/{name}: {message:?}");
    }
    files.len()
}

fn file<M: Message>(class: &str, name: &str) -> M {
    codec::decode(&fs::read(folder(class).join(name)).unwrap()).unwrap()
}

#[test]
fn release_1_0_is_read_and_answered_in_its_own_bytes() {
    let counts = [
        there_and_back::<Heartbeat>("redundancy", "heartbeat"),
        there_and_back::<RfMessage>("redundancy", "message-"),
        there_and_back::<CfMessage>("checkpoint", ""),
        there_and_back::<ToLc>("line-card", "to-"),
        there_and_back::<FromLc>("line-card", "from-"),
        there_and_back::<ToFeed>("feed", "to-"),
        there_and_back::<FromFeed>("feed", "from-"),
        there_and_back::<Request>("operator", "request-"),
        there_and_back::<Reply>("operator", "reply-"),
    ];
    assert_eq!(counts, [1, 12, 5, 10, 7, 1, 3, 16, 35]);
}

/// What is lost on the way down is what version 1 does not have, and nothing else.
#[test]
fn values_of_release_1_0_mean_what_they_meant() {
    let Reply::Stats(stats) = file("operator", "reply-stats-rp") else { panic!() };
    let rp = stats.rp.clone().unwrap();
    assert_eq!((stats.boot, stats.release.as_str(), stats.refused, stats.cpu_ns), (77, "1.0", 2, 5_000));
    assert_eq!((stats.refusals.total(), stats.connections, rp.armed), (0, 0, None));
    assert_eq!((rp.state.name(), rp.peer_state.name(), rp.operating.name()), ("ACTIVE", "STANDBY HOT", "rpr"));
    assert_eq!((rp.routes, rp.switchovers, rp.heartbeats_sent.count()), ([900_000, 200_000], 3, 2));
    let Reply::Event(event) = file("operator", "reply-event-dropped") else { panic!() };
    assert!(matches!(event.kind, EventKind::Dropped { every: 3, packets: 7, unread_ns: [0, 0], .. }), "{event:?}");
    let CfMessage::Record { seq, client, bulk, data } = file("checkpoint", "record") else { panic!() };
    assert_eq!((seq, client.0, bulk, &data[..]), (4, 4, true, &b"\x00state\xff"[..]));
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
    for version in Class::Redundancy.versions().all() {
        let golden = |name: &str| fs::read(folder("redundancy").join(name)).unwrap()[codec::HEADER..].to_vec();
        assert_eq!(body::<Heartbeat>(&file("redundancy", "heartbeat"), version), golden("heartbeat"));
        assert_eq!(body::<RfMessage>(&file("redundancy", "message-hello"), version), golden("message-hello"));
    }
    for version in Class::LineCard.versions().all() {
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

/// What manifests say of a release is what its programs do.
#[test]
fn manifests_name_the_versions_that_are_offered() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images");
    let manifest = |release: &str| -> Manifest {
        serde_saphyr::from_str(&fs::read_to_string(images.join(release).join("manifest.yml")).unwrap()).unwrap()
    };
    let (first, latest) = (manifest("1.0"), manifest("2.0"));
    for class in Class::ALL {
        assert_eq!(latest.versions(class.name()), Some(class.versions()), "{class}");
        assert_eq!(first.versions(class.name()).and_then(|first| first.common(class.versions())), Some(1), "{class}");
    }
    assert_eq!((first.configuration(), latest.configuration()), (Some(1), Some(2)));
    assert_eq!(latest.versions("issu"), Some(fabric_proto::issu::VERSIONS));
    assert!(!first.issu().negotiates && latest.issu().negotiates);
}
