//! What a test packet carries in its UDP payload.
//!
//! ```text
//!  0      1         3            6              10               16      18
//!  | 0xA7 | trial   | flow       | sequence     | intended       | check | fill …
//!  | u8   | u16     | u24        | u32          | u48 ns         | u16   | to the end
//! ```
//!
//! Big endian. Eighteen bytes are all that the shortest Ethernet frame leaves over IPv4. The intended
//! send time counts from the start of the trial: 48 bits of nanoseconds are three days. The fill is
//! derived from flow and sequence, so a payload that got another packet's bytes is found as well.

/// Bytes before the fill.
pub const LEN: usize = 18;
/// Flows that a signature can name.
pub const FLOWS_MAX: u32 = 1 << 24;

const MAGIC: u8 = 0xA7;
const INTENDED_MAX: u64 = (1 << 48) - 1;
const ETHERNET: u16 = 14;
const FCS: u16 = 4;
const UDP: u16 = 8;

/// Address families of test traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 without options.
    V4,
    /// IPv6 without extension headers.
    V6,
}

/// Shortest frame (with FCS, as RFC 2544 §9.1 counts) that holds a signature: 64 for IPv4, 84 for IPv6.
pub const fn min_frame(family: Family) -> u16 {
    let ip = match family {
        Family::V4 => 20,
        Family::V6 => 40,
    };
    ETHERNET + ip + UDP + LEN as u16 + FCS
}

/// Which packet this is, and when it should have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The trial, so that a straggler of the one before is not taken for this one's.
    pub trial: u16,
    /// The flow, less than [`FLOWS_MAX`].
    pub flow: u32,
    /// Number within the flow, from 0.
    pub sequence: u32,
    /// Intended send time, nanoseconds since the start of the trial.
    pub intended: u64,
}

/// Why a payload is not an intact test packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// Shorter than a signature.
    #[error("payload of {0} bytes is too short for a signature")]
    Short(usize),
    /// Does not begin like a test packet.
    #[error("not a test packet: it begins with {0:#04x}")]
    NotOurs(u8),
    /// The check does not fit the signature.
    #[error("the signature's check is wrong")]
    Signature,
    /// The signature is intact, the bytes after it are not.
    #[error("the payload of flow {}, sequence {} is damaged", .0.flow, .0.sequence)]
    Fill(Signature),
}

impl Signature {
    /// Writes signature and fill over the whole payload, which must hold [`LEN`] bytes.
    pub fn write(&self, payload: &mut [u8]) {
        debug_assert!(self.flow < FLOWS_MAX && self.intended <= INTENDED_MAX);
        let head = self.head();
        let (signature, fill) = payload.split_at_mut(LEN);
        signature[..16].copy_from_slice(&head);
        signature[16..].copy_from_slice(&check(&head).to_be_bytes());
        let mut word = self.fill_seed();
        let (words, rest) = fill.as_chunks_mut::<8>();
        for chunk in words {
            *chunk = word.to_le_bytes();
            word = next_fill(word);
        }
        rest.copy_from_slice(&word.to_le_bytes()[..rest.len()]);
    }

    /// Reads a payload and checks every byte of it.
    pub fn read(payload: &[u8]) -> Result<Self, Damaged> {
        let Some((signature, fill)) = payload.split_first_chunk::<LEN>() else {
            return Err(Damaged::Short(payload.len()));
        };
        if signature[0] != MAGIC {
            return Err(Damaged::NotOurs(signature[0]));
        }
        let (head, sum) = signature.split_first_chunk::<16>().ok_or(Damaged::Signature)?;
        if check(head).to_be_bytes() != *sum {
            return Err(Damaged::Signature);
        }
        let read = Self::from_head(head);
        let mut word = read.fill_seed();
        let (words, rest) = fill.as_chunks::<8>();
        let mut wrong = 0;
        for chunk in words {
            wrong |= u64::from_le_bytes(*chunk) ^ word;
            word = next_fill(word);
        }
        if wrong != 0 || *rest != word.to_le_bytes()[..rest.len()] {
            return Err(Damaged::Fill(read));
        }
        Ok(read)
    }

    fn head(&self) -> [u8; 16] {
        let mut head = [0; 16];
        head[0] = MAGIC;
        head[1..3].copy_from_slice(&self.trial.to_be_bytes());
        head[3..6].copy_from_slice(&self.flow.to_be_bytes()[1..]);
        head[6..10].copy_from_slice(&self.sequence.to_be_bytes());
        head[10..].copy_from_slice(&self.intended.to_be_bytes()[2..]);
        head
    }

    fn from_head(head: &[u8; 16]) -> Self {
        let [_, t0, t1, f0, f1, f2, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5] = *head;
        Self {
            trial: u16::from_be_bytes([t0, t1]),
            flow: u32::from_be_bytes([0, f0, f1, f2]),
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            intended: u64::from_be_bytes([0, 0, i0, i1, i2, i3, i4, i5]),
        }
    }

    fn fill_seed(&self) -> u64 {
        (u64::from(self.flow) << 32 | u64::from(self.sequence)).wrapping_add(1).wrapping_mul(MIX)
    }
}

/// An odd number with well-spread bits (2^64 divided by the golden ratio).
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

fn next_fill(word: u64) -> u64 {
    word.rotate_left(17).wrapping_add(MIX)
}

/// Sixteen bits over the signature: two multiplications, because it runs for every packet twice.
/// The UDP checksum guards the packet too; this one also tells a test packet from anything else.
fn check(head: &[u8; 16]) -> u16 {
    let both = u128::from_be_bytes(*head);
    let (high, low) = ((both >> 64) as u64, both as u64);
    let mixed = (high ^ MIX).wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ low.wrapping_mul(MIX);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> 48) as u16
}

#[cfg(test)]
mod tests;
