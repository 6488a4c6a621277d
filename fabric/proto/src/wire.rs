//! What joins a port to a tester port or to another chassis: records `length u16 BE | frame` on a local stream.
//!
//! The transport pushes back, so nothing is lost in silence. Carrier is the connection itself: a
//! port that goes down half-closes it, the other end answers with its own half-close, and whatever
//! was under way in between is read and counted.

use crate::cell::{BadRecord, FRAME_MAX, FRAME_MIN};

/// Bytes before a frame.
pub const RECORD_HEADER: usize = 2;

/// Appends one record.
pub fn push(buffer: &mut Vec<u8>, frame: &[u8]) {
    debug_assert!((FRAME_MIN..=FRAME_MAX).contains(&frame.len()));
    buffer.extend_from_slice(&(frame.len() as u16).to_be_bytes());
    buffer.extend_from_slice(frame);
}

/// The first record's frame length, when its header is there.
pub fn peek(bytes: &[u8]) -> Result<Option<usize>, BadRecord> {
    let Some((header, _)) = bytes.split_first_chunk::<RECORD_HEADER>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*header));
    if (FRAME_MIN..=FRAME_MAX).contains(&length) { Ok(Some(length)) } else { Err(BadRecord(length)) }
}

/// The first record of `bytes` as `(frame, rest)`; `None` when more bytes are needed.
#[allow(clippy::type_complexity, reason = "two slices of one buffer need no struct")]
pub fn split(bytes: &[u8]) -> Result<Option<(&[u8], &[u8])>, BadRecord> {
    Ok(peek(bytes)?.and_then(|length| {
        let rest = &bytes[RECORD_HEADER..];
        (rest.len() >= length).then(|| rest.split_at(length))
    }))
}
