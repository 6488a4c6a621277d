//! The data plane's unit: packets for one egress line card, packed into large writes on a stream.
//!
//! A cell stream is a sequence of records `port u8 | length u16 BE | frame`. The stream is
//! reliable and ordered; a receiver that meets a record it cannot read closes the stream.
//!
//! Where packets pass the RP, a line card's stream to it says the egress slot before each record:
//! `slot u8 | port u8 | length u16 BE | frame`.

/// Bytes before a frame.
pub const RECORD_HEADER: usize = 3;
/// Bytes before a frame on its way to an RP.
pub const RELAY_HEADER: usize = 1 + RECORD_HEADER;
/// Longest Ethernet frame that the chassis carries (jumbo, without FCS).
pub const FRAME_MAX: usize = 9216;
/// Shortest Ethernet frame that is looked at: a bare header.
pub const FRAME_MIN: usize = 14;

/// Appends one record.
pub fn push(cell: &mut Vec<u8>, port: u8, frame: &[u8]) {
    debug_assert!((FRAME_MIN..=FRAME_MAX).contains(&frame.len()));
    cell.push(port);
    cell.extend_from_slice(&(frame.len() as u16).to_be_bytes());
    cell.extend_from_slice(frame);
}

/// Appends one record for an RP, which passes the frame on to the card in `slot`.
pub fn push_relay(cell: &mut Vec<u8>, slot: u8, port: u8, frame: &[u8]) {
    cell.push(slot);
    push(cell, port, frame);
}

/// A record whose length field is impossible: the stream is out of step and must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cell record of {0} bytes; frames have {FRAME_MIN} to {FRAME_MAX}")]
pub struct BadRecord(pub usize);

/// The first record of `bytes` as `(port, frame, rest)`; `None` when more bytes are needed.
#[allow(clippy::type_complexity, reason = "three slices of one buffer need no struct")]
pub fn split(bytes: &[u8]) -> Result<Option<(u8, &[u8], &[u8])>, BadRecord> {
    let Some((header, rest)) = bytes.split_first_chunk::<RECORD_HEADER>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([header[1], header[2]]));
    if !(FRAME_MIN..=FRAME_MAX).contains(&length) {
        return Err(BadRecord(length));
    }
    if rest.len() < length {
        return Ok(None);
    }
    Ok(Some((header[0], &rest[..length], &rest[length..])))
}

/// The first record of what is passed on, as `(slot, record without the slot, rest)`.
#[allow(clippy::type_complexity, reason = "three slices of one buffer need no struct")]
pub fn split_relay(bytes: &[u8]) -> Result<Option<(u8, &[u8], &[u8])>, BadRecord> {
    let Some((slot, record)) = bytes.split_first() else { return Ok(None) };
    Ok(split(record)?.map(|(_, frame, rest)| (*slot, &record[..RECORD_HEADER + frame.len()], rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relayed_record_is_the_record_behind_its_slot() {
        let (mut plain, mut relayed) = (Vec::new(), Vec::new());
        push(&mut plain, 3, &[7; 60]);
        push_relay(&mut relayed, 9, 3, &[7; 60]);
        push_relay(&mut relayed, 2, 1, &[8; 20]);
        let (slot, record, rest) = split_relay(&relayed).unwrap().unwrap();
        assert_eq!((slot, record), (9, &plain[..]));
        assert_eq!(rest.len(), RELAY_HEADER + 20);
        for cut in 0..rest.len() {
            assert_eq!(split_relay(&rest[..cut]), Ok(None), "a record that is not whole is waited for");
        }
        assert_eq!(split_relay(&[1, 1, 0, 2]), Err(BadRecord(2)));
    }
}
