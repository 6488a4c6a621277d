//! What stations on a link ask and say of addresses: ARP and neighbour discovery.

use super::{Host, Step};
use crate::{
    Hop,
    interface::is_host,
    wire::{
        self, Frame,
        arp::{Arp, Operation},
        ip::Packet,
        nd::{self, Flags, Nd},
    },
};
use etherparse::ether_type;
use fabric_proto::{fib::Mac, id::InterfaceId};
use std::net::{IpAddr, Ipv6Addr};

impl Host {
    /// An ARP packet (RFC 826, "Packet Reception").
    pub(super) fn arp(&mut self, step: &mut Step<'_>, id: InterfaceId, frame: &Frame<'_>) {
        let Some(arp) = Arp::parse(frame.payload) else {
            self.counters.malformed += 1;
            return;
        };
        let Some(on) = self.interfaces.get(id).filter(|on| on.up) else { return };
        let Some(link) = on.link else { return };
        let (station, sender) = arp.sender;
        let (sender, target) = (IpAddr::V4(sender), IpAddr::V4(arp.target.1));
        // What we said ourselves says nothing; nobody is a group of stations.
        if station == link.mac || !wire::is_station(station) {
            return;
        }
        // Somebody uses an own address, or is to (RFC 5227 §2.1.1, §2.4).
        let claimed = if arp.is_probe() && self.own.state((id, target)) != Some(crate::OwnState::Valid) {
            target
        } else {
            sender
        };
        if self.own.state((id, claimed)).is_some() {
            let mut acts = Vec::new();
            self.own.claimed(step.now, (id, claimed), station, &mut acts);
            self.act(step, acts);
            return;
        }
        let ours = self.own.is_valid((id, target));
        let on_link = is_host(sender) && on.is_on_link(sender) && !on.is_broadcast(sender);
        let proxied = !ours && on.neighbours.proxy_arp && self.is_elsewhere(step, id, target);
        if on_link {
            let mut asks = Vec::new();
            let wants_us = ours && arp.operation == Operation::Request && !arp.is_announcement();
            self.neighbours.heard(step.now, (id, sender), station, wants_us, &mut asks);
            self.perform(step, asks);
        }
        let asked = arp.operation == Operation::Request && (ours || proxied && !arp.is_announcement());
        // A prober has no address yet, and is answered all the same: it is ours (RFC 5227 §2.1.1).
        if asked && (on_link || arp.is_probe() && ours) {
            self.counters.answers += 1;
            self.emit(step, id, station, ether_type::ARP, &arp.answered_by(link.mac).to_bytes());
        }
    }

    /// Whether another interface leads to an address (RFC 1027 §2).
    fn is_elsewhere(&self, step: &Step<'_>, id: InterfaceId, address: IpAddr) -> bool {
        let Some(on) = self.interfaces.get(id) else { return false };
        match step.routes.route(on.table, address) {
            Some(Hop::Neighbour(other, _)) => other != id && !on.is_on_link(address),
            Some(Hop::Discard) | None => false,
        }
    }

    /// A message of neighbour discovery.
    pub(super) fn neighbour_discovery(
        &mut self,
        step: &mut Step<'_>,
        id: InterfaceId,
        from: Option<Mac>,
        packet: &Packet<'_>,
        message: Nd,
    ) {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (packet.source, packet.destination) else { return };
        match message {
            Nd::NeighborSolicitation { target, mac } => {
                self.solicited(step, id, (source, destination), target, from, mac);
            }
            Nd::NeighborAdvertisement { target, mac, flags } => self.advertised(step, id, target, from, mac, flags),
            Nd::RouterSolicitation { mac } => {
                self.introduced(step, id, source, mac);
                self.neighbours.is_router((id, packet.source), false);
                self.advertiser.solicited(step.now, id);
            }
            Nd::RouterAdvertisement { mac } => {
                self.introduced(step, id, source, mac);
                self.neighbours.is_router((id, packet.source), true);
            }
            // A router does not heed them (RFC 4861 §8.1, §8.2 are hosts').
            Nd::Redirect => {}
        }
    }

    /// Somebody asks for an address (RFC 4861 §7.2.3, §7.2.4; RFC 4862 §5.4.3).
    fn solicited(
        &mut self,
        step: &mut Step<'_>,
        id: InterfaceId,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        target: Ipv6Addr,
        from: Option<Mac>,
        mac: Option<Mac>,
    ) {
        let Some(link) = self.interfaces.get(id).and_then(|on| on.link) else { return };
        let key = (id, IpAddr::V6(target));
        if from == Some(link.mac) {
            return;
        }
        match self.own.state(key) {
            Some(crate::OwnState::Valid) => {}
            Some(crate::OwnState::Tentative) if source.is_unspecified() => {
                let mut acts = Vec::new();
                self.own.claimed(step.now, key, from.unwrap_or_default(), &mut acts);
                self.act(step, acts);
                return;
            }
            Some(crate::OwnState::Tentative | crate::OwnState::Duplicate) | None => return,
        }
        self.counters.answers += 1;
        if source.is_unspecified() {
            let flags = Flags { router: true, solicited: false, overrides: true };
            let packet = nd::advertisement(target, nd::ALL_NODES, link.mac, flags);
            self.emit_own(step, id, nd::group_mac(nd::ALL_NODES), &packet);
            return;
        }
        self.introduced(step, id, source, mac);
        let flags = Flags { router: true, solicited: true, overrides: true };
        let packet = nd::advertisement(target, source, link.mac, flags);
        // One who asked us alone need not name its station (RFC 4861 §4.3): it is where we know it to be, or where the frame came from.
        let known = self.neighbours.station((id, IpAddr::V6(source)));
        let station = mac.or(known).or(from.filter(|_| !destination.is_multicast()));
        match station.filter(|station| wire::is_station(*station)) {
            Some(station) => self.emit_own(step, id, station, &packet),
            None => {
                let packets = packet.packets(u16::MAX, 0);
                let packets = packets.into_iter().flatten();
                packets.for_each(|packet| self.resolve(step, (id, IpAddr::V6(source)), Some(packet)));
            }
        }
    }

    /// Somebody says whose an address is (RFC 4861 §7.2.5; RFC 4862 §5.4.4).
    fn advertised(
        &mut self,
        step: &mut Step<'_>,
        id: InterfaceId,
        target: Ipv6Addr,
        from: Option<Mac>,
        mac: Option<Mac>,
        flags: Flags,
    ) {
        let key = (id, IpAddr::V6(target));
        let link = self.interfaces.get(id).and_then(|on| on.link);
        if self.own.state(key).is_some() {
            // Our own announcement, come back, is no claim.
            let station = mac.or(from).unwrap_or_default();
            if link.is_some_and(|link| link.mac != station) {
                let mut acts = Vec::new();
                self.own.claimed(step.now, key, station, &mut acts);
                self.act(step, acts);
            }
            return;
        }
        let mut asks = Vec::new();
        let mac = mac.filter(|mac| wire::is_station(*mac));
        self.neighbours.advertised(step.now, key, mac, flags, &mut asks);
        self.perform(step, asks);
    }

    /// Somebody names its station.
    fn introduced(&mut self, step: &mut Step<'_>, id: InterfaceId, source: Ipv6Addr, mac: Option<Mac>) {
        let source = IpAddr::V6(source);
        let on_link = self.interfaces.get(id).is_some_and(|on| on.is_on_link(source)) && is_host(source);
        let ours = self.own.state((id, source)).is_some();
        let Some(mac) = mac.filter(|mac| wire::is_station(*mac) && on_link && !ours) else { return };
        let mut asks = Vec::new();
        self.neighbours.introduced(step.now, (id, source), mac, &mut asks);
        self.perform(step, asks);
    }
}
