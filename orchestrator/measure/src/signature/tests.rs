use super::*;
use proptest::prelude::*;

fn any_signature() -> impl Strategy<Value = Signature> {
    (any::<u16>(), 0..FLOWS_MAX, any::<u32>(), 0..=INTENDED_MAX)
        .prop_map(|(trial, flow, sequence, intended)| Signature { trial, flow, sequence, intended })
}

#[test]
fn the_shortest_ipv4_frame_has_just_enough_room() {
    assert_eq!(min_frame(Family::V4), 64);
    assert_eq!(min_frame(Family::V6), 84);
}

#[test]
fn another_packets_payload_is_found() {
    let one = Signature { trial: 1, flow: 2, sequence: 3, intended: 4 };
    let mut payload = vec![0; 200];
    one.write(&mut payload);
    let mut other = vec![0; 200];
    Signature { sequence: 4, ..one }.write(&mut other);
    payload[100..].copy_from_slice(&other[100..]);
    assert_eq!(Signature::read(&payload), Err(Damaged::Fill(one)));
}

#[test]
fn strangers_are_refused() {
    assert_eq!(Signature::read(&[0xA7; LEN - 1]), Err(Damaged::Short(17)));
    assert_eq!(Signature::read(&[0; 40]), Err(Damaged::NotOurs(0)));
    assert_eq!(Signature::read(&[0xA7; 40]), Err(Damaged::Signature));
}

proptest! {
    #[test]
    fn what_was_written_is_read(signature in any_signature(), length in LEN..1500) {
        let mut payload = vec![0xEE; length];
        signature.write(&mut payload);
        prop_assert_eq!(Signature::read(&payload), Ok(signature));
    }

    #[test]
    fn a_flipped_bit_is_found(signature in any_signature(), length in LEN..300, at in any::<prop::sample::Index>()) {
        let mut payload = vec![0; length];
        signature.write(&mut payload);
        // Bits of the check itself and of the fill are always found; of the rest all but 1 in 65,536.
        let bit = at.index((length - 16) * 8) + 16 * 8;
        payload[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Signature::read(&payload).is_err());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Signature::read(&bytes);
    }
}
