//! The authentication option (RFC 5925) with HMAC-SHA-1-96 and its key derivation (RFC 5926 §3.1.1, §3.2.1): one key for a
//! connection, as long as it lives.
//!
//! A reset for a connection that is not there cannot be signed, for its sequence numbers are not known (RFC 5925 §7.7): none is sent.

use super::segment::{self, HEADER, HEADER_MAX, Options};
use etherparse::{TcpHeaderSlice, ip_number};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// Bytes of the option: kind, length, two ids, and the code (RFC 5925 §2.2).
pub(super) const OPTION_LEN: usize = 16;
const KIND: u8 = 29;
const CODE_LEN: usize = 12;

/// A key that both sides have (RFC 5925 §3.1). It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AoKey {
    /// Its number in what we send.
    pub send_id: u8,
    /// Its number in what we are sent.
    pub receive_id: u8,
    /// The secret.
    pub secret: Vec<u8>,
    /// Whether other options are covered, too.
    pub covers_options: bool,
}

impl fmt::Debug for AoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AoKey({}, {}, ..)", self.send_id, self.receive_id)
    }
}

/// What a connection's signatures hang on.
#[derive(Clone, Debug)]
pub(super) struct Session {
    key: AoKey,
    /// Initial sequence numbers, once they are known.
    own: Option<u32>,
    other: Option<u32>,
    /// The furthest sequence numbers, with how often they have begun anew (RFC 5925 §6.2).
    sent: u64,
    come: u64,
}

impl Session {
    pub(super) fn new(key: AoKey) -> Self {
        Self { key, own: None, other: None, sent: 0, come: 0 }
    }

    /// A segment that we send, signed; `None` for one whose header has no room.
    pub(super) fn signed(&mut self, own: SocketAddr, other: SocketAddr, segment: &[u8]) -> Option<Vec<u8>> {
        let header = TcpHeaderSlice::from_slice(segment).ok()?.to_header();
        let longer = header.header_len() + OPTION_LEN;
        if longer > HEADER_MAX {
            return None;
        }
        let sequence = header.sequence_number;
        if header.syn {
            (self.own, self.sent) = (Some(sequence), sequence.into());
        }
        let isns = (self.own?, if header.syn && !header.ack { 0 } else { self.other? });
        let full = extended(self.sent, sequence);
        self.sent = self.sent.max(full);
        let mut bytes = segment[..HEADER].to_vec();
        bytes.extend([KIND, OPTION_LEN as u8, self.key.send_id, self.key.receive_id]);
        bytes.extend([0; CODE_LEN]);
        bytes.extend(&segment[HEADER..]);
        bytes[12] = (longer as u8 / 4) << 4 | bytes[12] & 0xf;
        let code = self.code((own, other), isns, full, &bytes, (longer, HEADER));
        bytes[HEADER + 4..HEADER + OPTION_LEN].copy_from_slice(&code);
        segment::summed(own.ip(), other.ip(), &mut bytes);
        Some(bytes)
    }

    /// A segment of the other side's with no signature in it, if it is signed rightly.
    pub(super) fn verified(&mut self, other: SocketAddr, own: SocketAddr, segment: &[u8]) -> Option<Vec<u8>> {
        let header = TcpHeaderSlice::from_slice(segment).ok()?.to_header();
        let header_len = header.header_len();
        let at = HEADER + Options::read(segment.get(HEADER..header_len)?)?.authentication?;
        let option = segment.get(at..at + OPTION_LEN)?;
        if option[2] != self.key.receive_id {
            return None;
        }
        let sequence = header.sequence_number;
        let isns = match (header.syn, header.ack) {
            (true, false) => (sequence, 0),
            (true, true) => (sequence, self.own?),
            (false, _) => (self.other?, self.own?),
        };
        // Another SYN than the one that opened it is of no connection here.
        if header.syn && self.other.is_some_and(|other| other != sequence) {
            return None;
        }
        let come = if header.syn { sequence.into() } else { self.come };
        let full = extended(come, sequence);
        let code = self.code((other, own), isns, full, segment, (header_len, at));
        if !segment::are_equal(&code, &option[4..]) {
            return None;
        }
        if header.syn {
            self.other = Some(sequence);
        }
        self.come = come.max(full);
        let mut bytes = segment.to_vec();
        bytes[at..at + OPTION_LEN].fill(1);
        segment::summed(other.ip(), own.ip(), &mut bytes);
        Some(bytes)
    }

    /// The code over a segment whose option is at `at` (RFC 5925 §5.1).
    fn code(
        &self,
        (source, destination): (SocketAddr, SocketAddr),
        isns: (u32, u32),
        full: u64,
        segment: &[u8],
        (header_len, at): (usize, usize),
    ) -> [u8; CODE_LEN] {
        let mut mac = keyed(&self.traffic_key(source, destination, isns));
        mac.update(&((full >> 32) as u32).to_be_bytes());
        let len = segment.len() as u32;
        match (source.ip(), destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                mac.update(&source.octets());
                mac.update(&destination.octets());
                mac.update(&[0, ip_number::TCP.0]);
                mac.update(&(len as u16).to_be_bytes());
            }
            (source, destination) => {
                mac.update(&octets(source));
                mac.update(&octets(destination));
                mac.update(&len.to_be_bytes());
                mac.update(&[0, 0, 0, ip_number::TCP.0]);
            }
        }
        let mut header = segment[..header_len].to_vec();
        header[16..18].fill(0);
        header[at + 4..at + OPTION_LEN].fill(0);
        if self.key.covers_options {
            mac.update(&header);
        } else {
            mac.update(&header[..HEADER]);
            mac.update(&header[at..at + OPTION_LEN]);
        }
        mac.update(&segment[header_len..]);
        let code = mac.finalize().into_bytes();
        *code.first_chunk().expect("SHA-1 has twenty bytes")
    }

    /// The key of one direction of a connection (RFC 5925 §5.2, RFC 5926 §3.1.1).
    fn traffic_key(&self, source: SocketAddr, destination: SocketAddr, isns: (u32, u32)) -> [u8; 20] {
        let mut mac = keyed(&self.key.secret);
        mac.update(&[1]);
        mac.update(b"TCP-AO");
        mac.update(&octets(source.ip()));
        mac.update(&octets(destination.ip()));
        mac.update(&source.port().to_be_bytes());
        mac.update(&destination.port().to_be_bytes());
        mac.update(&isns.0.to_be_bytes());
        mac.update(&isns.1.to_be_bytes());
        mac.update(&160u16.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha1> {
    Hmac::new_from_slice(key).expect("a key may have any length")
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A sequence number with how often it has begun anew: the nearest to the furthest one so far.
fn extended(furthest: u64, sequence: u32) -> u64 {
    let ahead = sequence.wrapping_sub(furthest as u32) as i32;
    furthest.saturating_add_signed(ahead.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let value = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
        digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
    }

    /// RFC 9235 §4.1.1: a SYN, its traffic key and its code.
    #[test]
    fn rfc9235_a_syn_is_signed_as_in_the_vector() {
        let client = "10.11.12.13:59863".parse().unwrap();
        let server = "172.27.28.29:179".parse().unwrap();
        let key = AoKey { send_id: 0x3d, receive_id: 0x54, secret: b"testvector".to_vec(), covers_options: true };
        let session = Session::new(key.clone());
        let traffic = hex("6d63ef1b02fe1509d4b1402707fd7b0416abb74f");
        assert_eq!(session.traffic_key(client, server, (0xfbfb_ab5a, 0))[..], traffic);
        let segment = hex("e9d700b3 fbfbab5a 00000000 e002ffff cac40000 020405b4 01030308 0402080a 00155ab7 00000000 \
             1d103d54 2ee437c6 f8ede6d7 c4d602e7");
        // The server's end of the same key has the ids the other way round.
        let mut theirs = Session::new(AoKey { send_id: 0x54, receive_id: 0x3d, ..key });
        let bare = theirs.verified(client, server, &segment).unwrap();
        assert_eq!(bare[..16], segment[..16]);
        assert_eq!(bare[40..], [1; 16]);
        for at in (0..segment.len()).filter(|at| ![16, 17].contains(at)) {
            let mut other = segment.clone();
            other[at] ^= 1;
            let mut theirs = Session::new(theirs.key.clone());
            // The id of the key that is wanted next is covered as well.
            assert!(theirs.verified(client, server, &other).is_none(), "byte {at}");
        }
    }

    /// RFC 5925 §6.2.
    #[test]
    fn sequence_numbers_begin_anew() {
        assert_eq!(extended(0xffff_fff0, 5), 0x1_0000_0005);
        assert_eq!(extended(0x1_0000_0005, 0xffff_fff0), 0xffff_fff0);
        assert_eq!(extended(7, 9), 9);
        assert_eq!(extended(0x5_8000_0000, 0x8000_0001), 0x5_8000_0001);
    }
}
