//! Segments before and behind sockets: whose they are, and signatures (RFC 2385).

use crate::wire::ip::sum;
use etherparse::{TcpHeader, TcpHeaderSlice, ip_number};
use md5::{Digest, Md5};
use std::{fmt, net::IpAddr};

/// The kind of the option with a signature, and its length (RFC 2385 §3.0).
const SIGNATURE: u8 = 19;
const SIGNATURE_LEN: usize = 18;
/// The kind of the one of RFC 5925.
const AUTHENTICATION: u8 = 29;
/// With what fills it up to whole words.
pub(super) const SIGNED_MORE: usize = 20;
/// A header without options.
pub(super) const HEADER: usize = 20;
/// The longest header.
pub(super) const HEADER_MAX: usize = 60;

/// A password that both sides sign segments with. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Key(pub Vec<u8>);

impl fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Key(..)")
    }
}

/// A segment that can be read.
#[derive(Clone, Debug)]
pub(super) struct Segment<'a> {
    pub(super) source: u16,
    pub(super) destination: u16,
    header: TcpHeader,
    header_len: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let slice = TcpHeaderSlice::from_slice(bytes).ok()?;
        let header = slice.to_header();
        let header_len = slice.slice().len();
        Some(Self { source: header.source_port, destination: header.destination_port, header, header_len, bytes })
    }

    /// Whether it opens a connection.
    pub(super) fn is_first(&self) -> bool {
        let header = &self.header;
        header.syn && !header.ack && !header.rst && !header.fin
    }

    /// Its bytes with no signature in them, if it is signed as it is to be: with this key, or not at all.
    pub(super) fn verified(&self, source: IpAddr, destination: IpAddr, key: Option<&Md5Key>) -> Option<Vec<u8>> {
        let options = self.bytes.get(HEADER..self.header_len)?;
        let found = Options::read(options)?;
        if found.authentication.is_some() {
            return None;
        }
        match (key, found.signature) {
            (None, None) => Some(self.bytes.to_vec()),
            (Some(_), None) | (None, Some(_)) => None,
            (Some(key), Some(at)) => {
                let said = options.get(at + 2..at + SIGNATURE_LEN)?;
                let right = digest(source, destination, self.bytes, self.header_len, key);
                if !are_equal(said, &right) {
                    return None;
                }
                let mut bytes = self.bytes.to_vec();
                bytes[HEADER + at..HEADER + at + SIGNATURE_LEN].fill(1);
                summed(source, destination, &mut bytes);
                Some(bytes)
            }
        }
    }

    /// What says that nobody has its connection; a reset is not answered.
    pub(super) fn reset(&self) -> Option<Vec<u8>> {
        let header = &self.header;
        if header.rst {
            return None;
        }
        let mut reset = TcpHeader::new(self.destination, self.source, 0, 0);
        reset.rst = true;
        if header.ack {
            reset.sequence_number = header.acknowledgment_number;
        } else {
            let len = self.bytes.len() - self.header_len + usize::from(header.syn) + usize::from(header.fin);
            reset.ack = true;
            reset.acknowledgment_number = header.sequence_number.wrapping_add(len as u32);
        }
        Some(reset.to_bytes().to_vec())
    }
}

/// Where signatures are among options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// One of RFC 2385.
    pub(super) signature: Option<usize>,
    /// One of RFC 5925.
    pub(super) authentication: Option<usize>,
}

impl Options {
    /// `None` where options cannot be read, or there are two signatures of any kind (RFC 5925 §2.2).
    pub(super) fn read(options: &[u8]) -> Option<Self> {
        let (mut at, mut found) = (0, Self::default());
        while let Some(kind) = options.get(at) {
            match kind {
                0 => break,
                1 => at += 1,
                kind => {
                    let len = usize::from(*options.get(at + 1)?);
                    if len < 2 || at + len > options.len() {
                        return None;
                    }
                    let (place, wanted) = match *kind {
                        SIGNATURE => (Some(&mut found.signature), SIGNATURE_LEN),
                        AUTHENTICATION => (Some(&mut found.authentication), super::ao::OPTION_LEN),
                        _ => (None, len),
                    };
                    if len != wanted || place.is_some_and(|place| place.replace(at).is_some()) {
                        return None;
                    }
                    at += len;
                }
            }
        }
        (found.signature.is_none() || found.authentication.is_none()).then_some(found)
    }
}

/// Compared whole: how much of it is right is nobody's business.
pub(super) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
}

/// The signature of a segment (RFC 2385 §2.0): over the pseudo-header, the header without options and with no checksum, the data, and
/// the key.
fn digest(source: IpAddr, destination: IpAddr, segment: &[u8], header_len: usize, key: &Md5Key) -> [u8; 16] {
    let mut md5 = Md5::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => md5.update(address.octets()),
            IpAddr::V6(address) => md5.update(address.octets()),
        }
    }
    let len = segment.len() as u32;
    match source {
        IpAddr::V4(_) => {
            md5.update([0, ip_number::TCP.0]);
            md5.update((len as u16).to_be_bytes());
        }
        IpAddr::V6(_) => {
            md5.update(len.to_be_bytes());
            md5.update([0, 0, 0, ip_number::TCP.0]);
        }
    }
    md5.update(&segment[..16]);
    md5.update([0, 0]);
    md5.update(&segment[18..HEADER]);
    md5.update(&segment[header_len..]);
    md5.update(&key.0);
    md5.finalize().into()
}

/// A segment as it goes out: signed, where there is a key. `None` for one whose header has no room left.
pub(super) fn signed(source: IpAddr, destination: IpAddr, segment: &[u8], key: Option<&Md5Key>) -> Option<Vec<u8>> {
    let header_len = TcpHeaderSlice::from_slice(segment).ok()?.slice().len();
    let Some(key) = key else {
        let mut bytes = segment.to_vec();
        summed(source, destination, &mut bytes);
        return Some(bytes);
    };
    let longer = header_len + SIGNED_MORE;
    if longer > HEADER_MAX {
        return None;
    }
    let mut bytes = segment[..HEADER].to_vec();
    bytes.extend([1, 1, SIGNATURE, SIGNATURE_LEN as u8]);
    bytes.extend([0; 16]);
    bytes.extend(&segment[HEADER..]);
    bytes[12] = (longer as u8 / 4) << 4 | bytes[12] & 0xf;
    let signature = digest(source, destination, &bytes, longer, key);
    bytes[HEADER + 4..HEADER + SIGNED_MORE].copy_from_slice(&signature);
    summed(source, destination, &mut bytes);
    Some(bytes)
}

/// Fills in the checksum.
pub(super) fn summed(source: IpAddr, destination: IpAddr, segment: &mut [u8]) {
    segment[16..18].fill(0);
    let checksum = sum(source, destination, ip_number::TCP, segment);
    segment[16..18].copy_from_slice(&checksum.to_be_bytes());
}
