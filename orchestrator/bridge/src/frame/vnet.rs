//! What stands before each frame that the kernel gives or takes: `struct virtio_net_hdr`, ten bytes in the machine's order.

/// Its length.
pub const LEN: usize = 10;
/// The checksum that begins at `csum_start` is to be completed.
pub const NEEDS_CSUM: u8 = 1;
/// One frame.
pub const GSO_NONE: u8 = 0;
/// TCP over IPv4, to be segmented.
pub const GSO_TCPV4: u8 = 1;
/// TCP over IPv6, to be segmented.
pub const GSO_TCPV6: u8 = 4;
/// UDP, to be segmented into datagrams.
pub const GSO_UDP_L4: u8 = 5;
/// Beside one of TCP's: congestion was reported.
pub const GSO_ECN: u8 = 0x80;

/// What is read has become longer at its beginning: the transport header, if it is spoken of, begins later.
pub fn shift(read: &mut [u8], by: u16) {
    if let Some(header) = read.first_chunk_mut::<LEN>()
        && header[0] & NEEDS_CSUM != 0
    {
        let start = u16::from_ne_bytes([header[6], header[7]]).saturating_add(by);
        header[6..8].copy_from_slice(&start.to_ne_bytes());
    }
}

/// The header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vnet {
    /// [`NEEDS_CSUM`], or none.
    pub flags: u8,
    /// What is to be segmented.
    pub gso_type: u8,
    /// Length of all headers; readers cannot rely on it.
    pub hdr_len: u16,
    /// Payload of one segment.
    pub gso_size: u16,
    /// Where the transport header begins.
    pub csum_start: u16,
    /// Where in it the checksum is.
    pub csum_offset: u16,
}

impl Vnet {
    /// Splits a read into header and frame; `None` where there is not even a header.
    pub fn split(read: &mut [u8]) -> Option<(Self, &mut [u8])> {
        let (header, frame) = read.split_first_chunk_mut::<LEN>()?;
        let word = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let vnet = Self {
            flags: header[0],
            gso_type: header[1],
            hdr_len: word(2),
            gso_size: word(4),
            csum_start: word(6),
            csum_offset: word(8),
        };
        Some((vnet, frame))
    }

    /// As the kernel reads it.
    pub fn bytes(&self) -> [u8; LEN] {
        let mut bytes = [self.flags, self.gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        for (at, word) in [(2, self.hdr_len), (4, self.gso_size), (6, self.csum_start), (8, self.csum_offset)] {
            bytes[at..at + 2].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}
