use super::*;
use crate::fib::{LABELS_MAX, PathList};
use proptest::prelude::*;

/// A path as release 1.0 has it in messages.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Path")]
enum Release1 {
    Port { port: PortId, next_hop: IpAddr, dst_mac: Mac, src_mac: Mac },
    Unresolved { next_hop: IpAddr },
    Receive,
    Discard,
}

fn port() -> PortId {
    PortId { slot: LcSlot(2), port: 3 }
}

fn hop() -> IpAddr {
    [10, 0, 0, 7].into()
}

fn known() -> [(Path, Release1); 4] {
    [
        (
            Path::ethernet(port(), hop(), [4; 6], [5; 6]),
            Release1::Port { port: port(), next_hop: hop(), dst_mac: [4; 6], src_mac: [5; 6] },
        ),
        (Path::Unresolved { next_hop: hop() }, Release1::Unresolved { next_hop: hop() }),
        (Path::Receive, Release1::Receive),
        (Path::Discard, Release1::Discard),
    ]
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap()
}

#[test]
fn what_release_1_knows_is_said_in_its_words() {
    for (path, old) in known() {
        assert!(path.is_in_release_1());
        assert_eq!(bytes(&path), bytes(&old));
        assert_eq!(rmp_serde::from_slice::<Path>(&bytes(&old)).unwrap(), path);
    }
}

/// Tables of the two releases are compared by digests, so these are 1.0's own.
#[test]
fn what_release_1_knows_has_its_digests() {
    let digests = known().map(|(path, _)| PathList::new(vec![path]).digest());
    assert_eq!(digests, [0x7f1c_2745_3323_25cb, 0x8bfe_129e_a223_37a3, 0x0e49_abb0_b396_f44c, 0x8a27_8a25_22b3_2b28]);
    let all = PathList::new(known().map(|(path, _)| path).into());
    assert_eq!(all.digest(), 0xa29c_77ed_3233_b660);
}

#[test]
fn what_release_1_does_not_know_it_cannot_read() {
    let tagged = Rewrite::tagged([4; 6], [5; 6], 7);
    let labelled = Rewrite::ethernet([4; 6], [5; 6]).with_labels(&[16.try_into().unwrap()]).unwrap();
    let behind = |rewrite| Path::Port { port: port(), next_hop: hop(), rewrite: Arc::new(rewrite) };
    for path in [behind(tagged), behind(labelled), Path::Lookup { table: TableId(7) }] {
        assert!(!path.is_in_release_1());
        assert!(rmp_serde::from_slice::<Release1>(&bytes(&path)).is_err());
    }
}

fn rewrite() -> impl Strategy<Value = Rewrite> {
    let protocol = prop_oneof![Just(ProtocolField::None), Just(ProtocolField::EtherType), Just(ProtocolField::Ppp)];
    let labels = proptest::collection::vec(0..=Label::MAX, 0..=LABELS_MAX);
    let header = proptest::collection::vec(any::<u8>(), 0..=60);
    (header, protocol, labels, proptest::option::of(0..32u8)).prop_map(|(header, protocol, labels, at)| {
        let labels: Vec<Label> = labels.into_iter().map(|label| label.try_into().unwrap()).collect();
        let rewrite = Rewrite::new(&header, protocol).unwrap().with_labels(&labels).unwrap();
        let fix_up = at.map_or(FixUp::None, |at| FixUp::Ipv4Udp { at });
        rewrite.clone().with_fix_up(fix_up).unwrap_or(rewrite)
    })
}

proptest! {
    #[test]
    fn paths_survive_messages(rewrite in rewrite(), other in rewrite()) {
        let path = |rewrite| Path::Port { port: port(), next_hop: hop(), rewrite: Arc::new(rewrite) };
        let (path, other) = (path(rewrite), path(other));
        prop_assert_eq!(&rmp_serde::from_slice::<Path>(&bytes(&path)).unwrap(), &path);
        let digest = |path: &Path| PathList::new(vec![path.clone()]).digest();
        prop_assert_eq!(digest(&path) == digest(&other), path == other);
    }

    #[test]
    fn damaged_paths_are_an_error_or_a_path(rewrite in rewrite(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut bytes = bytes(&Path::Port { port: port(), next_hop: hop(), rewrite: Arc::new(rewrite) });
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(path) = rmp_serde::from_slice::<Path>(&bytes) {
            let again: Path = rmp_serde::from_slice(&rmp_serde::to_vec(&path).unwrap()).unwrap();
            prop_assert_eq!(again, path);
        }
    }
}
