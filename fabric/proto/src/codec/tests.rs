use super::*;
use crate::linecard::{FromLc, ToLc};
use proptest::prelude::*;

#[test]
fn messages_survive_frames() {
    let message = FromLc::Ack { number: 7 };
    let frame = encode(&message).unwrap();
    assert_eq!(decode::<FromLc>(&frame).unwrap(), message);
}

/// The bytes on the wire are part of the interface: a change here needs a new version.
#[test]
fn golden_frames() {
    let frame = encode(&FromLc::Ack { number: 7 }).unwrap();
    assert_eq!(&frame[..], [3, 2, 0, 0, 0, 7, 0x81, 0xa3, b'A', b'c', b'k', 0x91, 7]);
}

#[test]
fn a_length_over_the_cap_is_refused_before_anything_is_read() {
    let header = Header { class: Class::LineCard, version: 1, length: ToLc::CAP + 1 };
    assert!(matches!(header.check::<ToLc>(), Err(CodecError::TooLong { .. })));
}

#[test]
fn another_class_or_version_is_refused() {
    let header = Header { class: Class::Feed, version: 1, length: 0 };
    assert!(matches!(header.check::<ToLc>(), Err(CodecError::WrongClass { .. })));
    let header = Header { class: Class::LineCard, version: 9, length: 0 };
    assert!(matches!(header.check::<ToLc>(), Err(CodecError::Version { got: 9, .. })));
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode::<FromLc>(&bytes);
        let _ = decode::<crate::operator::Request>(&bytes);
        let _ = decode_body::<ToLc>(1, &bytes);
    }
}
