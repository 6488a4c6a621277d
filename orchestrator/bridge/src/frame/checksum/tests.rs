use super::*;
use proptest::prelude::*;

/// As RFC 1071 writes it.
fn slow(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

#[test]
fn the_example_of_rfc_1071() {
    assert_eq!(fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
}

proptest! {
    #[test]
    fn eight_bytes_at_a_time_are_as_good_as_two(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert_eq!(fold(sum(&bytes)), slow(&bytes));
    }

    #[test]
    fn parts_of_even_length_add_up(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..100) {
        let at = (2 * at).min(bytes.len() & !1);
        prop_assert_eq!(fold(sum(&bytes[..at]) + sum(&bytes[at..])), slow(&bytes));
    }
}
