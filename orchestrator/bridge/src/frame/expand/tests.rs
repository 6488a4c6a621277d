use super::*;
use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

fn frames(out: &[u8]) -> Vec<&[u8]> {
    let (mut left, mut all) = (out, Vec::new());
    while let Some((frame, rest)) = wire::split(left).unwrap() {
        all.push(frame);
        left = rest;
    }
    all
}

/// Sums of transport and network are right.
fn assert_whole(frame: &[u8]) {
    let Some(Network::V4(at)) = Network::find(frame) else { panic!("not IPv4") };
    assert_eq!(checksum::fold(checksum::sum(&frame[at..at + 20])), 0xffff);
    let pseudo = checksum::pseudo(&frame[at + 12..at + 20], frame[at + 9], frame.len() - at - 20);
    assert_eq!(checksum::fold(pseudo + checksum::sum(&frame[at + 20..])), 0xffff);
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    builder.tcp(1, 2, 1_000, 512).psh().fin().ack(5).write(&mut frame, payload).unwrap();
    frame
}

#[test]
fn a_sum_that_the_kernel_left_open_is_completed() {
    let whole = tcp(b"hello");
    let mut open = whole.clone();
    let pseudo = checksum::fold(checksum::pseudo(&open[26..34], TCP, open.len() - 34));
    open[50..52].copy_from_slice(&pseudo.to_be_bytes());
    let vnet = Vnet { flags: NEEDS_CSUM, csum_start: 34, csum_offset: 16, ..Vnet::default() };
    let mut out = Vec::new();
    assert_eq!(expand(&vnet, &mut open, &mut out), Ok(1));
    assert_eq!(frames(&out), [&whole[..]]);
}

#[test]
fn a_long_segment_becomes_what_fits() {
    let payload: Vec<u8> = (0..3_500).map(|byte| byte as u8).collect();
    let mut frame = tcp(&payload);
    let vnet =
        Vnet { flags: NEEDS_CSUM, gso_type: GSO_TCPV4, gso_size: 1_460, csum_start: 34, csum_offset: 16, hdr_len: 54 };
    let mut out = Vec::new();
    assert_eq!(expand(&vnet, &mut frame, &mut out), Ok(3));
    let mut got = Vec::new();
    for (index, frame) in frames(&out).into_iter().enumerate() {
        assert_whole(frame);
        let packet = SlicedPacket::from_ethernet(frame).unwrap();
        let Some(TransportSlice::Tcp(segment)) = packet.transport else { panic!("no TCP") };
        assert_eq!(segment.sequence_number(), 1_000 + 1_460 * index as u32);
        assert_eq!((segment.fin(), segment.psh(), segment.ack()), (index == 2, index == 2, true));
        got.extend_from_slice(segment.payload());
    }
    assert!(got == payload);
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        (flags, gso_type) in (0_u8..2, prop_oneof![Just(0), Just(1), Just(4), Just(5), any::<u8>()]),
        (gso_size, csum_start, csum_offset) in (0_u16..400, 0_u16..400, 0_u16..40),
        kind in any::<bool>(),
    ) {
        let mut frame = bytes;
        if frame.len() > 14 {
            let kind: [u8; 2] = if kind { [8, 0] } else { [0x86, 0xdd] };
            frame[12..14].copy_from_slice(&kind);
        }
        let vnet = Vnet { flags, gso_type, gso_size, csum_start, csum_offset, hdr_len: 0 };
        let mut out = Vec::new();
        if let Ok(count) = expand(&vnet, &mut frame, &mut out) {
            prop_assert_eq!(frames(&out).len() as u64, count);
        }
    }
}
