//! What arrives for this router.

use super::{Host, Output, Reason, Step};
use crate::{
    icmp::{Error, Unreachable},
    interface::is_host,
    probe::Heard,
    wire::{
        Frame,
        icmp::{self, Message, v4, v6},
        ip::{Outgoing, Packet},
        nd::{self, Nd},
        udp::Udp,
    },
};
use etherparse::{ether_type, ip_number};
use fabric_proto::{
    fib::Mac,
    id::{InterfaceId, TableId},
    special::is_link_local,
};
use std::net::IpAddr;

impl Host {
    /// A frame that a line card passes on.
    pub(super) fn frame(&mut self, step: &mut Step<'_>, id: InterfaceId, reason: Reason, bytes: &[u8]) {
        let (Some(frame), Some(_)) = (Frame::parse(bytes), self.interfaces.get(id)) else {
            self.counters.malformed += 1;
            return;
        };
        let version = match frame.ether_type {
            ether_type::ARP => return self.arp(step, id, &frame),
            ether_type::IPV4 => 4,
            ether_type::IPV6 => 6,
            _ => {
                self.counters.not_ours += 1;
                return;
            }
        };
        let Some(packet) = Packet::parse(frame.payload).filter(|packet| packet.bytes[0] >> 4 == version) else {
            self.counters.malformed += 1;
            return;
        };
        let group = frame.is_group();
        match reason {
            Reason::Ours => self.ours(step, id, Some(frame.source), &packet, group),
            Reason::Expired => self.report(step, id, Error::TimeExceeded, &packet, group),
            Reason::TooBig { mtu } => self.report(step, id, Error::TooBig { mtu }, &packet, group),
            Reason::Unreachable(why) => self.report(step, id, Error::Unreachable(why), &packet, group),
            Reason::Unresolved => self.forward(step, id, &packet, group),
        }
    }

    /// A packet that did not come by a link: it is from ourselves.
    pub(super) fn packet(&mut self, step: &mut Step<'_>, id: InterfaceId, bytes: &[u8], group: bool) {
        if let Some(packet) = Packet::parse(bytes) {
            self.ours(step, id, None, &packet, group);
        }
    }

    /// A packet for this router.
    fn ours(&mut self, step: &mut Step<'_>, id: InterfaceId, from: Option<Mac>, packet: &Packet<'_>, group: bool) {
        let Some(on) = self.interfaces.get(id) else { return };
        let table = on.table;
        let broadcast = on.is_broadcast(packet.destination);
        if packet.protocol == ip_number::IPV6_ICMP
            && packet.payload.first().is_some_and(|kind| Nd::is_kind(*kind))
            && from.is_some()
        {
            let message = Message::parse(packet).and_then(|message| Nd::parse(packet, &message));
            match message.filter(|_| self.is_listened(table, id, packet.destination)) {
                Some(message) => self.neighbour_discovery(step, id, from, packet, message),
                None => self.counters.malformed += 1,
            }
            return;
        }
        let listened = self.is_listened(table, id, packet.destination) || broadcast;
        // Nobody is a group, and nobody else is ourselves.
        let spoofed = !is_host(packet.source)
            || on.is_broadcast(packet.source)
            || from.is_some() && self.is_own(table, Some(id), packet.source);
        let protocol_group = packet.destination.is_multicast() && self.listened.contains(&packet.protocol.0);
        if spoofed || !(listened || protocol_group) {
            self.counters.not_ours += 1;
            return;
        }
        let Some(fragment) = packet.fragment else {
            return self.upper(step, id, table, packet, group || broadcast);
        };
        if let Some((protocol, payload)) = self.reassembly.take(step.now, (id, table), packet, fragment) {
            let whole = Packet { fragment: None, protocol, payload: &payload, ..*packet };
            self.upper(step, id, table, &whole, group || broadcast);
        }
    }

    /// Whether we listen to an address of one or of many on an interface.
    fn is_listened(&self, table: TableId, id: InterfaceId, address: IpAddr) -> bool {
        match address {
            IpAddr::V6(group) if group.is_multicast() => {
                let has_v6 = self.interfaces.get(id).and_then(|on| on.link_local()).is_some();
                let all = [nd::ALL_NODES, nd::ALL_ROUTERS].contains(&group);
                has_v6 && (all || self.is_solicited_group(id, group))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => self.is_own(table, Some(id), address),
        }
    }

    /// Whether an own address of an interface, used or not yet, listens in a solicited-node group.
    fn is_solicited_group(&self, id: InterfaceId, group: std::net::Ipv6Addr) -> bool {
        let own = self.interfaces.get(id).into_iter().flat_map(|on| on.all_addresses());
        own.filter_map(|(address, _)| match address {
            IpAddr::V6(address) => Some(nd::solicited_node(address)),
            IpAddr::V4(_) => None,
        })
        .any(|of_own| of_own == group)
    }

    /// What a whole packet carries.
    fn upper(&mut self, step: &mut Step<'_>, id: InterfaceId, table: TableId, packet: &Packet<'_>, group: bool) {
        if packet.protocol == icmp::protocol(packet.source) {
            match Message::parse(packet) {
                Some(message) => self.message(step, id, table, packet, message, group),
                None => self.counters.malformed += 1,
            }
            return;
        }
        if self.listened.contains(&packet.protocol.0) {
            step.out.push(Output::Packet(id, packet.bytes.to_vec()));
            return;
        }
        let error = match packet.protocol {
            ip_number::TCP if group => {
                self.counters.not_ours += 1;
                return;
            }
            ip_number::TCP => return self.segment(step, id, table, packet),
            ip_number::UDP => {
                let Some(udp) = Udp::parse(packet) else {
                    self.counters.malformed += 1;
                    return;
                };
                if self.deliver(step, id, table, packet, udp) {
                    return;
                }
                Error::Unreachable(Unreachable::Port)
            }
            // A routing header with segments left (RFC 8200 §4.4, RFC 5095 §3).
            ip_number::IPV6_ROUTE_HEADER => {
                let at = packet.bytes.len().saturating_sub(packet.payload.len()) + 3;
                Error::Parameter { code: 0, pointer: at as u32 }
            }
            _ if packet.source.is_ipv4() => Error::Unreachable(Unreachable::Protocol),
            _ => Error::Parameter { code: 1, pointer: packet.protocol_at as u32 },
        };
        self.report(step, id, error, packet, group);
    }

    /// A message of ICMP.
    fn message(
        &mut self,
        step: &mut Step<'_>,
        id: InterfaceId,
        table: TableId,
        packet: &Packet<'_>,
        message: Message<'_>,
        group: bool,
    ) {
        let is_v4 = packet.source.is_ipv4();
        let (echo, reply) = if is_v4 { (v4::ECHO, v4::ECHO_REPLY) } else { (v6::ECHO, v6::ECHO_REPLY) };
        if message.kind == echo && message.code == 0 {
            // To everybody's address a router need not answer over IPv4 (RFC 1122 §3.2.2.6), and does not.
            if !(is_v4 && group) {
                self.echo(step, id, table, packet, message);
            }
        } else if message.kind == reply && message.code == 0 {
            let (identifier, sequence) = message.echo();
            let heard = Heard::Echo { identifier, sequence };
            self.heard(step, table, packet, heard);
            // Whoever answers hears us (RFC 4861 §7.3.1).
            let mut asks = Vec::new();
            self.neighbours.confirmed(step.now, (id, packet.source), &mut asks);
            self.perform(step, asks);
        } else if Message::is_error(packet)
            && let Some(about) = Packet::quoted(message.body)
            && self.is_own(table, Some(id), about.source)
        {
            self.heard(step, table, packet, Heard::Error { message, about });
        }
    }

    fn heard(&mut self, step: &mut Step<'_>, table: TableId, packet: &Packet<'_>, heard: Heard<'_>) {
        self.probing(step, |probes, now, out| probes.heard(now, table, packet, heard, out));
    }

    /// An echo is answered (RFC 1122 §3.2.2.6, RFC 4443 §4.2): with all its data, in the same class, from the address that was asked.
    fn echo(
        &mut self,
        step: &mut Step<'_>,
        id: InterfaceId,
        table: TableId,
        packet: &Packet<'_>,
        message: Message<'_>,
    ) {
        if !self.limiter.allows_echo(step.now) {
            self.counters.limited += 1;
            return;
        }
        let destination = packet.source;
        let named = Some(packet.destination).filter(|asked| !asked.is_multicast());
        let via = is_link_local(destination).then_some(id);
        let Ok(source) = self.source(step, table, Some(id), named, destination) else { return };
        let kind = if destination.is_ipv4() { v4::ECHO_REPLY } else { v6::ECHO_REPLY };
        let payload = Message { kind, ..message }.to_bytes(source, destination);
        let (class, protocol) = (packet.class & !3, packet.protocol);
        let reply = Outgoing { source, destination, ttl: 255, class, dont_fragment: false, protocol, payload };
        if self.send(step, table, via, reply).is_ok() {
            self.counters.echoes += 1;
        }
    }
}
