//! A tester's load on a wire: which frames are test packets, and whose address a tester's port has.
//!
//! Whoever carries frames that are not all of the load (ARP, hellos, a node's own sessions) must tell them apart, or what it
//! counts does not add up to what was offered.

use crate::fib::Mac;
use std::ops::Range;

/// Where test packets go to: echo (RFC 2544 appendix C.2.6.4).
pub const PORT_ECHO: u16 = 7;
/// Where they come from, by flow: 0xC020 and up, so that flows between the same two hosts take different equal-cost paths.
pub const PORTS: Range<u16> = 0xc020..0xe020;

const UDP: u8 = 17;
/// Bytes of the two Ethernet addresses.
const MACS: usize = 12;

/// The Ethernet address of a tester's port: locally administered, one for each port.
pub const fn tester_mac(port: u8) -> Mac {
    [0x02, 0x53, 0x57, 0x54, 0x00, port]
}

/// Whether a frame is a test packet, by its headers: UDP over IPv4 or IPv6 between a load's ports, tagged or not.
pub fn is_test_packet(frame: &[u8]) -> bool {
    let Some(rest) = frame.get(MACS..) else { return false };
    let packet = match rest {
        [0x81, 0x00, _, _, rest @ ..] => rest,
        _ => rest,
    };
    let udp = match packet {
        [0x08, 0x00, 0x45, ip @ ..] if ip.get(8) == Some(&UDP) => ip.get(19..),
        [0x86, 0xdd, ip @ ..] if ip.get(6) == Some(&UDP) => ip.get(40..),
        _ => None,
    };
    match udp {
        Some([a, b, c, d, ..]) => {
            PORTS.contains(&u16::from_be_bytes([*a, *b])) && u16::from_be_bytes([*c, *d]) == PORT_ECHO
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of `family`, from a port, to a port.
    fn frame(kind: [u8; 2], from: u16, to: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend(kind);
        let header = if kind == [8, 0] { 20 } else { 40 };
        let mut ip = vec![0; header];
        ip[0] = if kind == [8, 0] { 0x45 } else { 0x60 };
        ip[if kind == [8, 0] { 9 } else { 6 }] = UDP;
        frame.extend(ip);
        frame.extend(from.to_be_bytes());
        frame.extend(to.to_be_bytes());
        frame.extend([0; 32]);
        frame
    }

    #[test]
    fn test_packets_are_told_from_everything_else() {
        for kind in [[8, 0], [0x86, 0xdd]] {
            let good = frame(kind, PORTS.start + 5, PORT_ECHO);
            assert!(is_test_packet(&good));
            let mut tagged = good.clone();
            tagged.splice(12..12, [0x81, 0x00, 0, 100]);
            assert!(is_test_packet(&tagged));
            for (from, to) in [(PORTS.start - 1, PORT_ECHO), (PORTS.end, PORT_ECHO), (PORTS.start, 9)] {
                assert!(!is_test_packet(&frame(kind, from, to)), "{from} to {to}");
            }
            for length in 0..good.len() - 32 {
                assert!(!is_test_packet(&good[..length]), "{length} bytes");
            }
            let mut tcp = good;
            tcp[if kind == [8, 0] { 23 } else { 20 }] = 6;
            assert!(!is_test_packet(&tcp));
        }
        assert!(!is_test_packet(&[&[0xff; 12][..], &[8, 6], &[0; 46]].concat()), "ARP");
    }
}
