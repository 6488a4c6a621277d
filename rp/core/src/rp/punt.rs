//! What line cards punt: by which interface a packet came in, and what the host is to make of it.

use super::{Output, Rp};
use fabric_proto::{
    id::{InterfaceId, PortId},
    punt::{PuntCounts, PuntReason},
    time::Instant,
};
use rp_host::{Hop, Input, Reason, Routes as _, Unreachable};
use std::net::IpAddr;

/// Where a frame's EtherType is, and how long a tag is (IEEE 802.1Q).
const ETHERTYPE: usize = 12;
const TAG: usize = 4;

/// A packet that a line card has given up to this unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Punted<'a> {
    /// The port that it came in by. What an egress card finds too big has its own port.
    pub port: PortId,
    /// Why.
    pub reason: PuntReason,
    /// All of it, with its tag.
    pub frame: &'a [u8],
}

impl Rp {
    /// What line cards have given so far, and were given, for `show platform punt`: whoever carries packets counts them.
    pub fn set_punts(&mut self, counts: PuntCounts) {
        self.punts = counts;
    }

    /// Takes what line cards have punted, in order: [`Rp::host_input`] for those who know no interfaces.
    pub fn punted<'a>(&mut self, now: Instant, packets: impl IntoIterator<Item = Punted<'a>>, out: &mut Vec<Output>) {
        let begun = out.len();
        self.beat(now, out);
        for packet in packets {
            if let Some(input) = self.host_input_of(packet) {
                self.step_host(now, Some(input), out);
            }
        }
        self.settle(now, out);
        self.log.keep(now, &out[begun..]);
    }

    /// What the host is told; nothing where no interface has the tag, or nothing can be said of the packet.
    fn host_input_of<'a>(&self, Punted { port, reason, frame }: Punted<'a>) -> Option<Input<'a>> {
        let interface = match tag(frame) {
            None => port.into(),
            Some(vlan) => self.config().interfaces.with_vlan(port, vlan)?,
        };
        let reason = match reason {
            PuntReason::ForUs
            | PuntReason::Arp
            | PuntReason::NeighborDiscovery
            | PuntReason::ControlMulticast
            | PuntReason::LinkProtocol
            | PuntReason::RouterAlert => Reason::Ours,
            PuntReason::TtlExpired => Reason::Expired,
            PuntReason::TooBig => Reason::TooBig { mtu: self.mtu_beyond(interface, frame)? },
            PuntReason::Unreachable => Reason::Unreachable(Unreachable::Network),
            PuntReason::Glean => Reason::Unresolved,
        };
        Some(Input::Frame { interface, reason, frame })
    }

    /// What a packet that was too big would have to fit; `None` where that is not known here, as behind labels.
    fn mtu_beyond(&self, interface: InterfaceId, frame: &[u8]) -> Option<u16> {
        let host = self.clients.neighbours.host()?;
        let on = host.interface(interface)?;
        // An egress card has made it ready to leave: from its own station.
        let leaves = on.link.is_some_and(|link| frame.get(6..ETHERTYPE) == Some(&link.mac));
        let (to, length) = destination(frame)?;
        let mtu = if leaves {
            on.mtu
        } else {
            match self.clients.routing.rib.route(on.table, to)? {
                Hop::Neighbour(egress, _) => host.interface(egress)?.mtu,
                Hop::Discard => return None,
            }
        };
        (usize::from(mtu) < length).then_some(mtu)
    }
}

/// A frame's VLAN.
fn tag(frame: &[u8]) -> Option<u16> {
    match *frame.get(ETHERTYPE..ETHERTYPE + TAG)? {
        [0x81, 0x00, high, low] => Some(u16::from_be_bytes([high, low]) & 0x0fff),
        _ => None,
    }
}

/// Where an IP packet is to go, and its length.
fn destination(frame: &[u8]) -> Option<(IpAddr, usize)> {
    let at = ETHERTYPE + tag(frame).map_or(0, |_| TAG);
    let (ethertype, packet) = frame.get(at..)?.split_first_chunk::<2>()?;
    let be16 = |at: usize| packet.get(at..at + 2).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]])));
    match ethertype {
        [0x08, 0x00] => {
            let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            Some((to.into(), be16(2)?))
        }
        [0x86, 0xdd] => {
            let to: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            Some((to.into(), 40 + be16(4)?))
        }
        _ => None,
    }
}
