//! Copies of packets, for an operator to look at: what is copied where, and how a card hands copies out.
//!
//! A capture is a stream of [`Captured`], each of them whole records: `at u64 | direction u8 | fate u8 | its two numbers u8 u8 |
//! slot u8 | port u8 | length u16 | kept u16 | frame`, big-endian. A copy is never worth a packet: what does not fit into the
//! card's queue is counted and left out.

mod filter;

pub use filter::{End, Filter, FilterError, OPS_MAX, Op, Term};

use crate::{
    cell::FRAME_MAX,
    drops::DropCause,
    id::{LcSlot, PortId},
    punt::PuntReason,
    time::Instant,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes before a record's frame.
pub const HEADER: usize = 18;

/// What a line card is to hand out copies of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureOrder {
    /// Where.
    pub point: CapturePoint,
    /// Only these.
    pub filter: Filter,
    /// Bytes of a frame that are kept, at most.
    pub keep: u16,
}

/// Where on a line card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CapturePoint {
    /// On the wire of a port.
    Port(u8),
    /// Where cells come from other cards and go to them.
    Fabric,
    /// Between this card and the active route processor.
    Punt,
}

/// Copies, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// Whole records.
    pub records: Bytes,
    /// Packets after these of which no copy was made: the queue of copies was full.
    pub missed: u64,
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the card: from a wire, from the fabric; to the route processor, whose packets they are then.
    In,
    /// Out of it; from the route processor.
    Out,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has left.
    Sent,
    /// Queued for a port of this card.
    Port(u8),
    /// Queued for another card, to leave by one of its ports.
    Fabric(PortId),
    /// Given, or to be given, to the route processor.
    Punted(PuntReason),
    /// Dropped.
    Dropped(DropCause),
    /// Something that a later release does.
    Unknown,
}

/// One copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// When.
    pub at: Instant,
    /// Which way.
    pub direction: Direction,
    /// What became of it.
    pub fate: Fate,
    /// The port that it came in by or leaves by; over the fabric, the one of the card at the other end, as far as this card knows.
    pub port: PortId,
    /// Length of the frame.
    pub length: u16,
    /// The first bytes of it.
    pub frame: &'a [u8],
}

/// A record that is none: whoever wrote it does not keep to the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a captured record that cannot be read: {0}")]
pub struct BadCapture(&'static str);

impl Fate {
    fn numbers(self) -> [u8; 3] {
        match self {
            Self::Sent => [0, 0, 0],
            Self::Port(port) => [1, port, 0],
            Self::Fabric(PortId { slot, port }) => [2, slot.0, port],
            Self::Punted(reason) => [3, reason.number(), 0],
            Self::Dropped(cause) => [4, cause as u8, 0],
            Self::Unknown => [u8::MAX, 0, 0],
        }
    }

    fn of(numbers: [u8; 3]) -> Self {
        match numbers {
            [0, ..] => Self::Sent,
            [1, port, _] => Self::Port(port),
            [2, slot, port] => Self::Fabric(PortId { slot: LcSlot(slot), port }),
            [3, reason, _] => PuntReason::numbered(reason).map_or(Self::Unknown, Self::Punted),
            [4, cause, _] => {
                DropCause::ALL.get(usize::from(cause)).map_or(Self::Unknown, |cause| Self::Dropped(*cause))
            }
            _ => Self::Unknown,
        }
    }
}

/// Appends a record.
pub fn push(records: &mut Vec<u8>, seen: &Seen<'_>) {
    let Seen { at, direction, fate, port, length, frame } = seen;
    debug_assert!(frame.len() <= usize::from(*length));
    records.extend_from_slice(&at.0.to_be_bytes());
    records.push(match direction {
        Direction::In => 0,
        Direction::Out => 1,
    });
    records.extend_from_slice(&fate.numbers());
    records.extend_from_slice(&[port.slot.0, port.port]);
    records.extend_from_slice(&length.to_be_bytes());
    records.extend_from_slice(&(frame.len() as u16).to_be_bytes());
    records.extend_from_slice(frame);
}

/// The first record of `records`, and what follows it; `None` at the end.
pub fn split(records: &[u8]) -> Result<Option<(Seen<'_>, &[u8])>, BadCapture> {
    if records.is_empty() {
        return Ok(None);
    }
    let (header, rest) = records.split_first_chunk::<HEADER>().ok_or(BadCapture("it has no whole header"))?;
    let be16 = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (length, kept) = (be16(14), be16(16));
    if kept > length || usize::from(length) > FRAME_MAX {
        return Err(BadCapture("its lengths are impossible"));
    }
    let (frame, rest) = rest.split_at_checked(usize::from(kept)).ok_or(BadCapture("its frame is not whole"))?;
    let direction = match header[8] {
        0 => Direction::In,
        1 => Direction::Out,
        _ => return Err(BadCapture("it goes neither in nor out")),
    };
    let mut at = [0; 8];
    at.copy_from_slice(&header[..8]);
    let seen = Seen {
        at: Instant(u64::from_be_bytes(at)),
        direction,
        fate: Fate::of([header[9], header[10], header[11]]),
        port: PortId { slot: LcSlot(header[12]), port: header[13] },
        length,
        frame,
    };
    Ok(Some((seen, rest)))
}

#[cfg(test)]
mod tests;
