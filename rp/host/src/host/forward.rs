//! Packets of others: those that are forwarded from here, and what is said of those that are not.

use super::{Host, Step};
use crate::{
    Hop,
    icmp::{Error, Unreachable},
    interface::is_host,
    wire::{
        icmp,
        ip::{Outgoing, Packet},
    },
};
use etherparse::Ipv4Header;
use fabric_proto::{
    id::{InterfaceId, TableId},
    special::is_link_local,
};
use std::net::IpAddr;

impl Host {
    /// Forwards a packet whose next hop's station no line card knows (RFC 1812 §5.2.1).
    pub(super) fn forward(&mut self, step: &mut Step<'_>, id: InterfaceId, packet: &Packet<'_>, group: bool) {
        let Some(table) = self.interfaces.get(id).map(|on| on.table) else { return };
        let beyond = is_link_local(packet.source) || is_link_local(packet.destination);
        if group || beyond || !is_host(packet.destination) || !is_host(packet.source) {
            self.counters.not_ours += 1;
            return;
        }
        if packet.ttl <= 1 {
            return self.report(step, id, Error::TimeExceeded, packet, group);
        }
        let Some(Hop::Neighbour(egress, next)) = step.routes.route(table, packet.destination) else {
            return self.report(step, id, Error::Unreachable(Unreachable::Network), packet, group);
        };
        let Some(out) = self.interfaces.get(egress).filter(|out| out.up) else {
            return self.report(step, id, Error::Unreachable(Unreachable::Network), packet, group);
        };
        if packet.bytes.len() > usize::from(out.mtu) {
            let mtu = out.mtu;
            return self.report(step, id, Error::TooBig { mtu }, packet, group);
        }
        if let Some(hopped) = hopped(packet) {
            self.resolve(step, (egress, next), Some(hopped));
        }
    }

    /// Says what has become of a packet that was kept, if anything may be said. Where it came in is not known any more.
    pub(super) fn report_kept(&mut self, step: &mut Step<'_>, table: TableId, error: Error, bytes: &[u8]) {
        if let Some(packet) = Packet::parse(bytes) {
            self.report_in(step, (None, table), error, &packet, false);
        }
    }

    /// Says what has become of a packet, if anything may be said. It came in by `id`, where that is known: then the message comes
    /// from an address there, which is what whoever traces a way wants to see. (RFC 1812 §4.3.2.4 has it come from the interface
    /// that it leaves by; where nothing else is known it does.)
    pub(super) fn report(
        &mut self,
        step: &mut Step<'_>,
        id: InterfaceId,
        error: Error,
        packet: &Packet<'_>,
        group: bool,
    ) {
        let table = self.interfaces.get(id).map(|on| on.table).unwrap_or_default();
        self.report_in(step, (Some(id), table), error, packet, group);
    }

    fn report_in(
        &mut self,
        step: &mut Step<'_>,
        (id, table): (Option<InterfaceId>, TableId),
        error: Error,
        packet: &Packet<'_>,
        group: bool,
    ) {
        let on = id.and_then(|id| self.interfaces.get(id));
        if !error.may_be_about(packet, on, group) {
            return;
        }
        let Some(message) = error.about(packet) else { return };
        let destination = packet.source;
        let local = is_link_local(destination);
        let asked = Some(packet.destination).filter(|asked| self.is_own(table, id, *asked));
        let there = id.zip(on).and_then(|(id, on)| {
            let own = on.source_towards(destination)?;
            self.own(id, own).filter(|state| *state == crate::OwnState::Valid).map(|_| own)
        });
        let via = id.filter(|_| local);
        let Ok(source) = self.source(step, table, via.or(id), asked.or(there), destination) else { return };
        if !self.limiter.allows(step.now, error) {
            self.counters.limited += 1;
            return;
        }
        let payload = message.to_bytes(source, destination);
        let protocol = icmp::protocol(destination);
        // Internetwork control (RFC 1812 §4.3.2.5), and the type of service of what it is about.
        let class = 0xc0 | packet.class & 0x1e;
        let report = Outgoing { source, destination, ttl: 255, class, dont_fragment: false, protocol, payload };
        if self.send(step, table, via, report).is_ok() {
            self.counters.errors += 1;
        }
    }
}

/// A packet with its hop taken (RFC 1812 §5.3.1, RFC 8200 §3).
fn hopped(packet: &Packet<'_>) -> Option<Vec<u8>> {
    let mut bytes = packet.bytes.to_vec();
    match packet.source {
        IpAddr::V4(_) => {
            let (mut header, rest) = Ipv4Header::from_slice(packet.bytes).ok()?;
            header.time_to_live = header.time_to_live.checked_sub(1)?;
            header.header_checksum = header.calc_header_checksum();
            bytes = header.to_bytes().to_vec();
            bytes.extend(rest);
        }
        IpAddr::V6(_) => bytes[7] = bytes[7].checked_sub(1)?,
    }
    Some(bytes)
}
