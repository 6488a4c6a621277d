//! From a wire to the kernel: adjacent datagrams of one flow are handed over as one, which the kernel forwards at the price
//! of one.
//!
//! Only what the kernel takes apart again into the same datagrams is put together: UDP with a checksum that was verified,
//! headers alike but for lengths and sums, payloads of one size (the last may be shorter), and packets that nobody has to
//! answer (TTL). Everything else goes as it came.

use super::{
    ETHERNET, checksum,
    vnet::{GSO_UDP_L4, NEEDS_CSUM, Vnet},
};

/// The kernel takes no more segments in one packet.
pub const SEGMENTS_MAX: usize = 128;
/// Length fields have 16 bits.
const BYTES_MAX: usize = 65_000;
const UDP: u8 = 17;
/// Headers of UDP over IPv6.
pub const HEADERS_MAX: usize = ETHERNET + 40 + 8;

/// A frame that may be put together with others.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    frame: &'a [u8],
    headers: &'a [u8],
    payload: &'a [u8],
    is_v4: bool,
}

impl<'a> Datagram<'a> {
    /// Looks whether a frame is one.
    pub fn of(frame: &'a [u8]) -> Option<Self> {
        let kind = frame.get(12..14)?;
        let (is_v4, ip) = match kind {
            [0x08, 0x00] => (true, 20),
            [0x86, 0xdd] => (false, 40),
            _ => return None,
        };
        let transport = ETHERNET + ip;
        let (headers, payload) = frame.split_at_checked(transport + 8)?;
        let word = |at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
        let length = frame.len() - transport;
        let addresses = if is_v4 {
            let good = headers[ETHERNET] == 0x45
                && usize::from(word(ETHERNET + 2)) == frame.len() - ETHERNET
                && word(ETHERNET + 6) & 0x3fff == 0
                && headers[ETHERNET + 8] > 1
                && headers[ETHERNET + 9] == UDP
                && checksum::fold(checksum::sum(&headers[ETHERNET..transport])) == 0xffff;
            if !good {
                return None;
            }
            &headers[ETHERNET + 12..transport]
        } else {
            let good = headers[ETHERNET] >> 4 == 6
                && usize::from(word(ETHERNET + 4)) == length
                && headers[ETHERNET + 6] == UDP
                && headers[ETHERNET + 7] > 1;
            if !good {
                return None;
            }
            &headers[ETHERNET + 8..transport]
        };
        let sum = checksum::pseudo(addresses, UDP, length) + checksum::sum(&frame[transport..]);
        let good = usize::from(word(transport + 4)) == length
            && word(transport + 6) != 0
            && !payload.is_empty()
            && checksum::fold(sum) == 0xffff;
        good.then_some(Self { frame, headers, payload, is_v4 })
    }

    fn transport(&self) -> usize {
        self.headers.len() - 8
    }

    fn id(&self) -> u16 {
        u16::from_be_bytes([self.headers[ETHERNET + 4], self.headers[ETHERNET + 5]])
    }

    /// Whether the kernel would make `next` out of this flow's headers as the `count`th segment after `self`.
    fn is_followed_by(&self, next: &Self, count: usize) -> bool {
        let (a, b, udp) = (self.headers, next.headers, self.transport());
        if a.len() != b.len() || a[..ETHERNET] != b[..ETHERNET] || a[udp..udp + 4] != b[udp..udp + 4] {
            return false;
        }
        if !self.is_v4 {
            return a[ETHERNET..ETHERNET + 4] == b[ETHERNET..ETHERNET + 4]
                && a[ETHERNET + 6..udp] == b[ETHERNET + 6..udp];
        }
        // Of packets that are never fragmented the identification means nothing (RFC 6864 §4.1).
        let never_fragmented = a[ETHERNET + 6] & 0x40 != 0;
        a[ETHERNET..ETHERNET + 2] == b[ETHERNET..ETHERNET + 2]
            && a[ETHERNET + 6..ETHERNET + 10] == b[ETHERNET + 6..ETHERNET + 10]
            && a[ETHERNET + 12..udp] == b[ETHERNET + 12..udp]
            && (never_fragmented || next.id() == self.id().wrapping_add(count as u16))
    }
}

/// Datagrams that go to the kernel as one. It is made once and begun again and again.
#[derive(Debug)]
pub struct Group<'a> {
    first: Datagram<'a>,
    parts: [&'a [u8]; SEGMENTS_MAX],
    count: usize,
    bytes: usize,
    is_full: bool,
}

impl<'a> Group<'a> {
    /// One without anything in it.
    pub fn empty() -> Self {
        let first = Datagram { frame: &[], headers: &[], payload: &[], is_v4: true };
        Self { first, parts: [&[]; SEGMENTS_MAX], count: 0, bytes: 0, is_full: true }
    }

    /// Begins anew.
    pub fn begin(&mut self, first: Datagram<'a>) {
        self.parts[0] = first.payload;
        (self.first, self.count, self.bytes, self.is_full) = (first, 1, first.payload.len(), false);
    }

    /// Forgets what is in it.
    pub fn clear(&mut self) {
        (self.count, self.is_full) = (0, true);
    }

    /// Takes one more, if it belongs to the group.
    pub fn take(&mut self, next: &Datagram<'a>) -> bool {
        let size = self.first.payload.len();
        if self.is_full
            || next.payload.len() > size
            || self.bytes + next.payload.len() > BYTES_MAX
            || !self.first.is_followed_by(next, self.count)
        {
            return false;
        }
        self.parts[self.count] = next.payload;
        self.count += 1;
        self.bytes += next.payload.len();
        // A shorter one is the last.
        self.is_full = self.count == SEGMENTS_MAX || next.payload.len() < size;
        true
    }

    /// The frame that is alone in it; there is nothing to put together then.
    pub fn alone(&self) -> Option<&'a [u8]> {
        (self.count == 1).then_some(self.first.frame)
    }

    /// The datagrams' payloads.
    pub fn parts(&self) -> &[&'a [u8]] {
        &self.parts[..self.count]
    }

    /// What the kernel is told, and the headers of the whole in `headers`; answers their length.
    pub fn head(&self, headers: &mut [u8; HEADERS_MAX]) -> (Vnet, usize) {
        let (length, udp) = (self.first.headers.len(), self.first.transport());
        headers[..length].copy_from_slice(self.first.headers);
        if self.count == 1 {
            return (Vnet::default(), length);
        }
        let mut put = |at: usize, value: u16| headers[at..at + 2].copy_from_slice(&value.to_be_bytes());
        let datagram = 8 + self.bytes;
        put(udp + 4, datagram as u16);
        let addresses = if self.first.is_v4 {
            put(ETHERNET + 2, (20 + datagram) as u16);
            put(ETHERNET + 10, 0);
            let sum = !checksum::fold(checksum::sum(&headers[ETHERNET..udp]));
            headers[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&sum.to_be_bytes());
            ETHERNET + 12..udp
        } else {
            put(ETHERNET + 4, datagram as u16);
            ETHERNET + 8..udp
        };
        let pseudo = checksum::fold(checksum::pseudo(&headers[addresses], UDP, datagram));
        headers[udp + 6..udp + 8].copy_from_slice(&pseudo.to_be_bytes());
        let vnet = Vnet {
            flags: NEEDS_CSUM,
            gso_type: GSO_UDP_L4,
            hdr_len: length as u16,
            gso_size: self.first.payload.len() as u16,
            csum_start: udp as u16,
            csum_offset: 6,
        };
        (vnet, length)
    }
}

#[cfg(test)]
mod tests;
