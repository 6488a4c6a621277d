//! The packet that a trace asks about: made as a tester makes its own, or given whole.

use fabric_proto::{cell::FRAME_MAX, fib::Mac};
use notation::document::BadInput;
use std::net::IpAddr;

/// What the packet is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Station that it is sent to: the port's.
    pub to: Mac,
    /// Station that sends it.
    pub from: Mac,
    /// The tag of a VLAN.
    pub vlan: Option<u16>,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Ports of UDP.
    pub ports: [u16; 2],
    /// TTL or hop limit.
    pub ttl: u8,
    /// Length of the IP packet.
    pub length: u16,
}

const IPV4: u16 = 20;
const IPV6: u16 = 40;
const UDP: u16 = 8;

impl Probe {
    /// The frame.
    pub fn frame(&self) -> Result<Vec<u8>, BadInput> {
        let bad = |message: String, remedy: String| BadInput::new("trace", message, remedy);
        let least = UDP + if self.destination.is_ipv4() { IPV4 } else { IPV6 };
        let most = (FRAME_MAX - 18) as u16;
        if !(least..=most).contains(&self.length) {
            let message = format!("--size {}: no packet of UDP to {} is so long", self.length, self.destination);
            return Err(bad(message, format!("write {least} to {most}: the length of the IP packet")));
        }
        let mut frame = [self.to, self.from].concat();
        if let Some(vlan) = self.vlan {
            frame.extend([0x81, 0]);
            frame.extend(vlan.to_be_bytes());
        }
        let udp = self.length - least + UDP;
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([0x08, 0x00]);
                let start = frame.len();
                frame.extend([0x45, 0]);
                frame.extend(self.length.to_be_bytes());
                // Not to be fragmented, as a tester's.
                frame.extend([0, 0, 0x40, 0, self.ttl, 17, 0, 0]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
                let checksum = !sum(&frame[start..]);
                frame[start + 10..start + 12].copy_from_slice(&checksum.to_be_bytes());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend(udp.to_be_bytes());
                frame.extend([17, self.ttl]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            (source, destination) => {
                let message = format!("{source} to {destination} mixes address families");
                return Err(bad(message, "give a --source of the destination's family".to_owned()));
            }
        }
        let end = frame.len();
        frame.extend(self.ports.iter().flat_map(|port| port.to_be_bytes()));
        frame.extend(udp.to_be_bytes());
        // Routers do not look at it, and nobody receives it: there is none.
        frame.extend([0, 0]);
        frame.resize(end + usize::from(udp), 0);
        Ok(frame)
    }
}

/// A frame as hexadecimal digits, in groups or not, as Wireshark copies them.
pub fn from_hex(text: &str) -> Result<Vec<u8>, BadInput> {
    let bad = |message: String, remedy: &str| BadInput::new("--frame", message, remedy);
    let digits: Vec<_> = text.chars().filter(|letter| !letter.is_whitespace() && *letter != ':').collect();
    if let Some(other) = digits.iter().find(|digit| !digit.is_ascii_hexdigit()) {
        return Err(bad(
            format!("'{other}' is no hexadecimal digit"),
            "write the bytes of the frame from its destination on",
        ));
    }
    if !digits.len().is_multiple_of(2) || digits.len() > 2 * FRAME_MAX {
        let message = format!("{} digits are no frame", digits.len());
        return Err(bad(message, "write two for each byte, of at most 9216 bytes"));
    }
    let byte = |pair: &[char]| pair.iter().fold(0, |byte, digit| byte << 4 | digit.to_digit(16).unwrap_or(0) as u8);
    Ok(digits.chunks(2).map(byte).collect())
}

/// One's complement sum (RFC 1071).
fn sum(header: &[u8]) -> u16 {
    let mut sum: u32 = header.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests;
