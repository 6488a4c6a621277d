//! From the kernel to a wire: checksums are completed, and what was handed over as one is sent as the frames it stands for.

use super::{
    Network, checksum,
    vnet::{GSO_ECN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, NEEDS_CSUM, Vnet},
};
use fabric_proto::{
    cell::{FRAME_MAX, FRAME_MIN},
    wire::{self, RECORD_HEADER},
};

const UDP: u8 = 17;
const TCP: u8 = 6;
/// TCP's FIN and PSH belong to the last segment, CWR to the first.
const LAST_ONLY: u8 = 0x09;
const FIRST_ONLY: u8 = 0x80;

/// What cannot be sent: it is dropped, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Appends the frames that a read stands for, as records of a wire; answers how many.
pub fn expand(vnet: &Vnet, frame: &mut [u8], out: &mut Vec<u8>) -> Result<u64, Malformed> {
    if vnet.gso_type == GSO_NONE {
        if !(FRAME_MIN..=FRAME_MAX).contains(&frame.len()) {
            return Err(Malformed);
        }
        if vnet.flags & NEEDS_CSUM != 0 {
            complete(vnet, frame)?;
        }
        wire::push(out, frame);
        return Ok(1);
    }
    let shape = Shape::of(vnet, frame)?;
    let size = usize::from(vnet.gso_size);
    if size == 0 || shape.headers + size > FRAME_MAX || frame.len() <= shape.headers {
        return Err(Malformed);
    }
    let (headers, payload) = frame.split_at(shape.headers);
    let count = payload.len().div_ceil(size);
    for (index, part) in payload.chunks(size).enumerate() {
        out.extend_from_slice(&((headers.len() + part.len()) as u16).to_be_bytes());
        let begin = out.len();
        out.extend_from_slice(headers);
        out.extend_from_slice(part);
        shape.finish(&mut out[begin..], index, size, index + 1 == count);
    }
    Ok(count as u64)
}

/// Room that the frames of one read may need at most: with the shortest segments that the kernel makes.
pub const ROOM: usize = 128 * (RECORD_HEADER + 128) + (64 << 10);

/// The kernel has left the sum of the pseudo header in the checksum's place.
fn complete(vnet: &Vnet, frame: &mut [u8]) -> Result<(), Malformed> {
    let start = usize::from(vnet.csum_start);
    let at = start + usize::from(vnet.csum_offset);
    if start >= frame.len() || at + 2 > frame.len() {
        return Err(Malformed);
    }
    let mut sum = !checksum::fold(checksum::sum(&frame[start..]));
    // In UDP a zero says that there is none (RFC 768); elsewhere both forms of zero are the same.
    if sum == 0 {
        sum = 0xffff;
    }
    frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    Ok(())
}

/// Where the headers of a super-packet are.
struct Shape {
    network: Network,
    /// Where the transport header begins.
    transport: usize,
    /// Length of all headers.
    headers: usize,
    protocol: u8,
}

impl Shape {
    fn of(vnet: &Vnet, frame: &[u8]) -> Result<Self, Malformed> {
        let transport = usize::from(vnet.csum_start);
        let network = Network::find(frame).ok_or(Malformed)?;
        let (Network::V4(at) | Network::V6(at)) = network;
        let shortest = match network {
            Network::V4(at) => at + 20,
            Network::V6(at) => at + 40,
        };
        if transport < shortest || transport - at > usize::from(u16::MAX) {
            return Err(Malformed);
        }
        let (protocol, length) = match vnet.gso_type & !GSO_ECN {
            GSO_UDP_L4 => (UDP, 8),
            GSO_TCPV4 | GSO_TCPV6 => {
                let offset = frame.get(transport + 12).ok_or(Malformed)? >> 4;
                (TCP, usize::from(offset.max(5)) * 4)
            }
            _ => return Err(Malformed),
        };
        let headers = transport + length;
        if headers > frame.len() { Err(Malformed) } else { Ok(Self { network, transport, headers, protocol }) }
    }

    /// Makes a copy of the headers with a part of the payload a packet of its own.
    fn finish(&self, frame: &mut [u8], index: usize, size: usize, is_last: bool) {
        let put = |frame: &mut [u8], at: usize, value: u16| frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
        let length = frame.len();
        let addresses = match self.network {
            Network::V4(at) => {
                put(frame, at + 2, (length - at) as u16);
                let id = u16::from_be_bytes([frame[at + 4], frame[at + 5]]);
                put(frame, at + 4, id.wrapping_add(index as u16));
                put(frame, at + 10, 0);
                let sum = !checksum::fold(checksum::sum(&frame[at..self.transport]));
                put(frame, at + 10, sum);
                at + 12..at + 20
            }
            Network::V6(at) => {
                put(frame, at + 4, (length - at - 40) as u16);
                at + 8..at + 40
            }
        };
        let checksum = match self.protocol {
            UDP => {
                put(frame, self.transport + 4, (length - self.transport) as u16);
                self.transport + 6
            }
            _ => {
                let at = self.transport + 4;
                let sequence = u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
                let sequence = sequence.wrapping_add((index * size) as u32);
                frame[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
                let flags = &mut frame[self.transport + 13];
                if !is_last {
                    *flags &= !LAST_ONLY;
                }
                if index > 0 {
                    *flags &= !FIRST_ONLY;
                }
                self.transport + 16
            }
        };
        put(frame, checksum, 0);
        let pseudo = checksum::pseudo(&frame[addresses], self.protocol, length - self.transport);
        let mut sum = !checksum::fold(pseudo + checksum::sum(&frame[self.transport..]));
        if sum == 0 {
            sum = 0xffff;
        }
        put(frame, checksum, sum);
    }
}

#[cfg(test)]
mod tests;
