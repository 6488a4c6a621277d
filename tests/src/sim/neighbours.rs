//! Neighbours for the seats of a simulated chassis.

use super::packets::Neighbour;
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use fabric_proto::{fib::Mac, time::Instant};
use std::{cell::RefCell, net::Ipv4Addr, rc::Rc, time::Duration};

/// UDP port of the simulated load.
const PORT: u16 = 7;

/// What a receiver has got: the numbers of the packets, in order of arrival.
pub type Heard = Rc<RefCell<Vec<u64>>>;

/// Sends a numbered packet at every interval, from its first step on, to destinations in turn.
#[derive(Debug)]
pub struct Source {
    /// Between two packets.
    pub every: Duration,
    /// Ethernet address of the chassis' port.
    pub to: Mac,
    /// Its own IPv4 address.
    pub address: Ipv4Addr,
    /// Where the packets go.
    pub destinations: Vec<Ipv4Addr>,
    /// When the next one leaves; `None`: never.
    pub next: Option<Instant>,
    /// How many it has sent.
    pub sent: Rc<RefCell<u64>>,
}

impl Neighbour for Source {
    fn step(&mut self, now: Instant, _: Option<&[u8]>, out: &mut Vec<Vec<u8>>) {
        while let Some(due) = self.next.filter(|due| *due <= now) {
            let number = self.sent.replace_with(|sent| *sent + 1);
            let to = self.destinations[number as usize % self.destinations.len()];
            let builder = PacketBuilder::ethernet2([2; 6], self.to).ipv4(self.address.octets(), to.octets(), 64);
            let mut frame = Vec::new();
            // Writing to a vector cannot fail.
            let _ = builder.udp(PORT, PORT).write(&mut frame, &number.to_be_bytes());
            out.push(frame);
            self.next = Some(due + self.every);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }
}

/// Keeps the numbers of what a [`Source`] sent and the chassis brought: rightly addressed, and whole.
#[derive(Debug)]
pub struct Sink {
    /// Ethernet address that the chassis must write.
    pub mac: Mac,
    /// What has arrived.
    pub heard: Heard,
    /// What arrived and was not right.
    pub wrong: Rc<RefCell<Vec<String>>>,
}

impl Neighbour for Sink {
    fn step(&mut self, _: Instant, frame: Option<&[u8]>, _: &mut Vec<Vec<u8>>) {
        let Some(frame) = frame else { return };
        match self.number(frame) {
            Ok(number) => self.heard.borrow_mut().push(number),
            Err(why) => self.wrong.borrow_mut().push(why),
        }
    }
}

impl Sink {
    fn number(&self, frame: &[u8]) -> Result<u64, String> {
        let packet = SlicedPacket::from_ethernet(frame).map_err(|error| error.to_string())?;
        if frame[..6] != self.mac {
            return Err(format!("it is addressed to {:02x?}", &frame[..6]));
        }
        let Some(NetSlice::Ipv4(ip)) = packet.net else { return Err("it is not IPv4".to_owned()) };
        if ip.header().ttl() != 63 || ip.header().to_header().calc_header_checksum() != ip.header().header_checksum() {
            return Err(format!("TTL {}, checksum {:#06x}", ip.header().ttl(), ip.header().header_checksum()));
        }
        let Some(TransportSlice::Udp(udp)) = packet.transport else { return Err("it is not UDP".to_owned()) };
        let payload: [u8; 8] = udp.payload().try_into().map_err(|_| "its payload is not whole".to_owned())?;
        Ok(u64::from_be_bytes(payload))
    }
}
