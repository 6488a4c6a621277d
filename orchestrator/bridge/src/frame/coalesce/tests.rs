use super::*;
use crate::frame::expand::expand;
use etherparse::PacketBuilder;
use fabric_proto::wire;
use proptest::prelude::*;

fn datagram(v4: bool, id: u16, ttl: u8, port: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut frame = Vec::new();
    if v4 {
        let mut header =
            etherparse::Ipv4Header::new(0, ttl, etherparse::IpNumber::UDP, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
        (header.identification, header.dont_fragment) = (id, false);
        let ip = etherparse::IpHeaders::Ipv4(header, etherparse::Ipv4Extensions::default());
        builder.ip(ip).udp(7, port).write(&mut frame, payload).unwrap();
    } else {
        builder.ipv6([1; 16], [2; 16], ttl).udp(7, port).write(&mut frame, payload).unwrap();
    }
    frame
}

/// What the kernel would be given, and what a reader would make of it.
fn through(frames: &[Vec<u8>]) -> (usize, Vec<Vec<u8>>) {
    let (mut group, mut out, mut writes) = (Group::empty(), Vec::new(), 0);
    let flush = |group: &mut Group<'_>, out: &mut Vec<u8>, writes: &mut usize| {
        if group.parts().is_empty() {
            return;
        }
        let mut headers = [0; HEADERS_MAX];
        let (vnet, length) = group.head(&mut headers);
        let mut packet = headers[..length].to_vec();
        group.parts().iter().for_each(|part| packet.extend_from_slice(part));
        assert_eq!(expand(&vnet, &mut packet, out), Ok(group.parts().len() as u64));
        *writes += 1;
        group.clear();
    };
    for frame in frames {
        let Some(datagram) = Datagram::of(frame) else {
            flush(&mut group, &mut out, &mut writes);
            wire::push(&mut out, frame);
            writes += 1;
            continue;
        };
        if !group.take(&datagram) {
            flush(&mut group, &mut out, &mut writes);
            group.begin(datagram);
        }
    }
    flush(&mut group, &mut out, &mut writes);
    let (mut left, mut all) = (&out[..], Vec::new());
    while let Some((frame, rest)) = wire::split(left).unwrap() {
        all.push(frame.to_vec());
        left = rest;
    }
    (writes, all)
}

#[test]
fn a_train_of_datagrams_is_one_packet_to_the_kernel() {
    for v4 in [true, false] {
        let frames: Vec<_> = (0..300).map(|id| datagram(v4, id, 64, 9, &[id as u8; 86])).collect();
        let (writes, got) = through(&frames);
        assert_eq!(writes, 3, "128, 128, 44");
        assert!(got == frames);
    }
}

#[test]
fn what_somebody_must_answer_or_look_at_goes_alone() {
    let alone = |frames: &[Vec<u8>]| {
        let (writes, got) = through(frames);
        assert_eq!(writes, frames.len());
        assert!(got == frames);
    };
    alone(&[datagram(true, 0, 1, 9, b"x"), datagram(true, 1, 1, 9, b"x")]);
    alone(&[datagram(true, 0, 64, 9, b"x"), datagram(true, 1, 64, 10, b"x")]);
    alone(&[datagram(true, 0, 64, 9, b"x"), datagram(true, 7, 64, 9, b"x")]);
    alone(&[datagram(true, 0, 64, 9, b"x"), datagram(true, 1, 63, 9, b"x")]);
    alone(&[datagram(true, 0, 64, 9, b"x"), datagram(true, 1, 64, 9, b"xy")]);
    let mut broken = datagram(false, 0, 64, 9, b"xyz");
    *broken.last_mut().unwrap() ^= 1;
    assert!(Datagram::of(&broken).is_none());
    alone(&[broken.clone(), broken]);
}

proptest! {
    /// Whatever is put together is taken apart into the same frames, in order.
    #[test]
    fn nothing_is_changed(
        kinds in proptest::collection::vec((any::<bool>(), 0_u16..2, 1_usize..4), 1..400),
        counted in any::<bool>(),
    ) {
        let mut id = 65_500_u16;
        let frames: Vec<_> = kinds.iter().map(|(v4, port, size)| {
            id = if counted { id.wrapping_add(1) } else { 3 };
            datagram(*v4, id, 64, *port, &vec![id as u8; 20 * size])
        }).collect();
        let (_, got) = through(&frames);
        prop_assert!(got == frames);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in any::<bool>()) {
        let mut frame = bytes;
        if frame.len() > 14 {
            let kind: [u8; 2] = if kind { [8, 0] } else { [0x86, 0xdd] };
            frame[12..14].copy_from_slice(&kind);
        }
        let _ = Datagram::of(&frame);
    }
}
