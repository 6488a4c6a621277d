use super::*;
use crate::codec::{CodecError, decode, encode, encode_at};
use proptest::prelude::*;

#[test]
fn every_message_survives_a_frame() {
    for message in [
        CfMessage::BulkBegin { round: 1, after: 0, mode: Mode::Sso },
        CfMessage::Bulk { seq: 1, client: CfClientId::FIB, data: Bytes::from_static(b"x") },
        CfMessage::Change { seq: 1, client: CfClientId::FIB, data: Bytes::from_static(b"z") },
        CfMessage::BulkEnd { seq: 2, records: 1 },
        CfMessage::Ack { seq: 2 },
        CfMessage::Broken { why: "gap".to_owned() },
        CfMessage::Piece { seq: 3, client: CfClientId::FIB, data: Bytes::from_static(b"y") },
    ] {
        assert_eq!(decode::<CfMessage>(&encode(&message).unwrap()).unwrap(), message);
    }
}

/// The bytes on the wire are part of the interface: a change here needs a new version.
#[test]
fn golden_bytes() {
    let record = CfMessage::Change { seq: 3, client: CfClientId::FIB, data: Bytes::from_static(&[9]) };
    let mut golden = vec![2, 2, 0, 0, 0, 15, 0x81, 0xa6];
    golden.extend(b"Record\x94\x03\x04\xc2\xc4\x01\x09");
    assert_eq!(&encode_at(&record, 2).unwrap()[..], golden);
    let mut golden = vec![2, 3, 0, 0, 0, 14, 0x81, 0xa6];
    golden.extend(b"Change\x93\x03\x04\xc4\x01\x09");
    assert_eq!(&encode_at(&record, 3).unwrap()[..], golden);
}

#[test]
fn a_peer_of_version_1_is_sent_no_pieces() {
    let piece = CfMessage::Piece { seq: 1, client: CfClientId::FIB, data: Bytes::from_static(b"x") };
    let refused = encode_at(&piece, 1).unwrap_err();
    assert!(matches!(refused, CodecError::Inexpressible { class: Class::Checkpoint, .. }), "{refused}");
    assert!(encode_at(&piece, 2).is_ok());
}

#[test]
fn the_largest_record_fits_a_frame() {
    let data = Bytes::from(vec![0; RECORD_MAX]);
    let record = CfMessage::of_record(u64::MAX, CfClientId(u16::MAX), true, data);
    assert!((1..=3).all(|version| encode_at(&record, version).is_ok()));
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<CfMessage>(&bytes);
        for version in 1..=3 {
            let _ = codec::decode_body::<CfMessage>(version, &bytes);
        }
    }
}

#[test]
fn a_number_of_no_client_is_an_error_that_says_it() {
    let unknown = UnknownCfClient(CfClientId(9));
    assert_eq!(unknown.to_string(), "this release has no checkpoint client 9");
}

/// What was shipped stays.
#[test]
fn numbers_are_those_of_every_release() {
    let numbers = [
        CfClientId::STARTUP_CONFIG,
        CfClientId::RUNNING_CONFIG,
        CfClientId::CHASSIS,
        CfClientId::FIB,
        CfClientId::LINKS,
        CfClientId::PORT_COUNTS,
        CfClientId::NEIGHBOURS,
    ];
    assert_eq!(numbers.map(|client| client.0), [1, 2, 3, 4, 5, 2023, 2024]);
}
