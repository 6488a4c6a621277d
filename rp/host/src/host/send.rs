//! What goes out.

use super::{Act, Advertise, Ask, Host, Output, Step};
use crate::{
    Hop,
    icmp::{Error, Unreachable},
    interface::Interface,
    own::OwnState,
    probe::{Unsent, Wanted},
    udp::Datagram,
    wire::{self, arp::Arp, ip::Outgoing, ip::Packet, nd, udp::Udp},
};
use etherparse::{EtherType, ether_type, ip_number};
use fabric_proto::{
    fib::Mac,
    id::{InterfaceId, TableId},
    special::is_link_local,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

impl Host {
    /// Sends a packet of an operator's question.
    pub(super) fn send_wanted(&mut self, step: &mut Step<'_>, wanted: &Wanted) -> Result<(), Unsent> {
        let source = self.source(step, wanted.table, wanted.via, wanted.source, wanted.destination)?;
        let packet = wanted.from(source).ok_or(Unsent::TooBig { mtu: u16::MAX })?;
        self.send(step, wanted.table, wanted.via, packet)
    }

    /// Sends a datagram of whoever has opened a socket.
    pub(super) fn send_datagram(&mut self, step: &mut Step<'_>, datagram: &Datagram) {
        let Some(table) = self.sockets.table_of(datagram.socket) else { return };
        let (own, other) = (datagram.own, datagram.other);
        let named = Some(own.ip()).filter(|own| !own.is_unspecified());
        let Ok(source) = self.source(step, table, datagram.interface, named, other.ip()) else { return };
        let udp = Udp { source: own.port(), destination: other.port(), payload: &datagram.data };
        let Some(payload) = udp.to_bytes(source, other.ip()) else { return };
        let (destination, ttl, protocol) = (other.ip(), datagram.ttl, ip_number::UDP);
        let packet = Outgoing { source, destination, ttl, class: 0, dont_fragment: false, protocol, payload };
        // Datagrams are sent as well as they can be: who wants to know asks for an answer.
        let _ = self.send(step, table, datagram.interface, packet);
    }

    /// The own address that packets to a destination come from.
    pub(super) fn source(
        &self,
        step: &Step<'_>,
        table: TableId,
        via: Option<InterfaceId>,
        named: Option<IpAddr>,
        destination: IpAddr,
    ) -> Result<IpAddr, Unsent> {
        if let Some(named) = named {
            let by_link = via.filter(|via| self.own.is_valid((*via, named)));
            let owner = self.interfaces.owner(table, named).filter(|owner| self.own.is_valid((*owner, named)));
            return by_link.or(owner).map(|_| named).ok_or(Unsent::NoSource);
        }
        if self.is_own(table, via, destination) {
            return Ok(destination);
        }
        let (interface, hop) = self.hop(step, table, via, destination)?;
        let towards = self.interfaces.get(interface).and_then(|on| self.valid_source(interface, on, hop));
        // An address that is good on the link alone is no source of what goes further.
        let towards =
            towards.filter(|own| is_link_local(destination) || destination.is_multicast() || !is_link_local(*own));
        let own = towards.or_else(|| {
            let global = self.interfaces.get(interface)?.source_towards(destination)?;
            self.own.is_valid((interface, global)).then_some(global)
        });
        own.or_else(|| self.interfaces.router_id(table, destination.is_ipv4())).ok_or(Unsent::NoSource)
    }

    /// The own address of an interface towards a neighbour, where it is used already.
    fn valid_source(&self, id: InterfaceId, interface: &Interface, to: IpAddr) -> Option<IpAddr> {
        interface.source_towards(to).filter(|own| self.own.is_valid((id, *own)))
    }

    /// Whether packets to an address are for ourselves.
    pub(super) fn is_own(&self, table: TableId, on: Option<InterfaceId>, address: IpAddr) -> bool {
        if is_link_local(address) {
            return on.is_some_and(|on| self.own.is_valid((on, address)));
        }
        self.interfaces.owner(table, address).is_some_and(|owner| self.own.is_valid((owner, address)))
    }

    /// Where a packet goes.
    fn hop(
        &self,
        step: &Step<'_>,
        table: TableId,
        via: Option<InterfaceId>,
        to: IpAddr,
    ) -> Result<(InterfaceId, IpAddr), Unsent> {
        if is_link_local(to) || to.is_multicast() {
            return via.map(|via| (via, to)).ok_or(Unsent::NotADestination);
        }
        if to.is_unspecified() || to == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(Unsent::NotADestination);
        }
        match step.routes.route(table, to) {
            Some(Hop::Neighbour(interface, next)) => Ok((interface, next)),
            Some(Hop::Discard) | None => Err(Unsent::NoRoute),
        }
    }

    /// Sends a packet of our own.
    pub(super) fn send(
        &mut self,
        step: &mut Step<'_>,
        table: TableId,
        via: Option<InterfaceId>,
        packet: Outgoing,
    ) -> Result<(), Unsent> {
        self.identification = self.identification.wrapping_add(1);
        if self.is_own(table, via, packet.destination) {
            let owner = self.interfaces.owner(table, packet.destination).or(via).ok_or(Unsent::NoRoute)?;
            let whole = packet.packets(u16::MAX, self.identification);
            let whole = whole.map_err(|_| Unsent::TooBig { mtu: u16::MAX })?;
            step.looped.extend(whole.into_iter().map(|packet| (owner, packet)));
            return Ok(());
        }
        let (interface, hop) = self.hop(step, table, via, packet.destination)?;
        let on = self.interfaces.get(interface).filter(|on| on.up).ok_or(Unsent::NoRoute)?;
        let Some(link) = on.link else { return Err(Unsent::NoRoute) };
        let mtu = on.mtu;
        let packets = packet.packets(mtu, self.identification).map_err(|_| Unsent::TooBig { mtu })?;
        if let IpAddr::V6(group) = hop
            && group.is_multicast()
        {
            let frames =
                packets.iter().map(|packet| wire::frame(&link, nd::group_mac(group), ether_type::IPV6, packet));
            step.out.extend(frames.map(|frame| Output::Send(interface, frame)));
            return Ok(());
        }
        packets.into_iter().for_each(|packet| self.resolve(step, (interface, hop), Some(packet)));
        Ok(())
    }

    /// Sends a packet to a neighbour, once its station is known.
    pub(super) fn resolve(&mut self, step: &mut Step<'_>, key: (InterfaceId, IpAddr), packet: Option<Vec<u8>>) {
        let on = self.interfaces.get(key.0).filter(|on| on.up && on.link.is_some());
        let possible = on.is_some_and(|on| {
            crate::interface::is_host(key.1) && !on.is_broadcast(key.1) && !self.is_own(on.table, Some(key.0), key.1)
        });
        if !possible {
            self.counters.not_ours += 1;
            return;
        }
        let mut asks = Vec::new();
        self.neighbours.send(step.now, key, packet, &mut asks);
        self.perform(step, asks);
    }

    /// Does what the table of neighbours wants.
    pub(super) fn perform(&mut self, step: &mut Step<'_>, asks: Vec<Ask>) {
        for ask in asks {
            match ask {
                Ask::Solicit { key, station } => self.solicit(step, key, station),
                Ask::Adjacency { key, station } => step.out.push(Output::Adjacency(key.0, key.1, station)),
                Ask::Deliver { key, station, packet } => {
                    let kind = if key.1.is_ipv4() { ether_type::IPV4 } else { ether_type::IPV6 };
                    self.emit(step, key.0, station, kind, &packet);
                }
                Ask::Unreachable { key, packet } => {
                    // Of what is our own nobody else need be told.
                    let table = self.interfaces.get(key.0).map(|on| on.table).unwrap_or_default();
                    let ours =
                        Packet::parse(&packet).is_none_or(|packet| self.is_own(table, Some(key.0), packet.source));
                    if !ours {
                        let error = Error::Unreachable(Unreachable::Host);
                        self.report_kept(step, table, error, &packet);
                    }
                }
            }
        }
    }

    /// Asks for a neighbour (RFC 826; RFC 4861 §7.2.2).
    fn solicit(&mut self, step: &mut Step<'_>, (id, address): (InterfaceId, IpAddr), station: Option<Mac>) {
        let Some(on) = self.interfaces.get(id) else { return };
        let Some(link) = on.link else { return };
        let own = self.valid_source(id, on, address).or_else(|| {
            let local = on.link_local().map(IpAddr::V6);
            local.filter(|local| address.is_ipv6() && self.own.is_valid((id, *local)))
        });
        self.counters.questions += 1;
        match (own, address) {
            (Some(IpAddr::V4(own)), IpAddr::V4(target)) => {
                let arp = Arp::request((link.mac, own), target);
                self.emit(step, id, station.unwrap_or(wire::BROADCAST), ether_type::ARP, &arp.to_bytes());
            }
            (Some(IpAddr::V6(own)), IpAddr::V6(target)) => {
                let group = nd::solicited_node(target);
                let to = if station.is_some() { target } else { group };
                let packet = nd::solicitation(own, to, target, link.mac);
                self.emit_own(step, id, station.unwrap_or(nd::group_mac(group)), &packet);
            }
            // There is no own address that is used yet: the next question may have one.
            _ => {}
        }
    }

    /// Does what own addresses want.
    pub(super) fn act(&mut self, step: &mut Step<'_>, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Probe((id, address)) => self.probe_own(step, id, address),
                Act::Announce((id, address)) => self.announce(step, id, address),
                Act::Is((id, address), state) => step.out.push(Output::Own(id, address, state)),
                Act::Claimed((id, address), station) => {
                    let [a, b, c, d, e, f] = station;
                    let by = format!("{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{f:02x}");
                    let code = if address.is_ipv4() { "%IP-4-DUPADDR" } else { "%IPV6_ND-4-DUPLICATE" };
                    let state = match self.own.state((id, address)) {
                        Some(OwnState::Duplicate) => ", it is not used",
                        Some(OwnState::Valid | OwnState::Tentative) | None => "",
                    };
                    let line = format!("{code}: Duplicate address {address} on {id}, sourced by {by}{state}");
                    step.out.push(Output::Log(line));
                }
            }
        }
    }

    /// Asks whether anybody has an address that is to be ours (RFC 5227 §2.1.1; RFC 4862 §5.4.2).
    fn probe_own(&mut self, step: &mut Step<'_>, id: InterfaceId, address: IpAddr) {
        let Some(link) = self.interfaces.get(id).and_then(|on| on.link) else { return };
        match address {
            IpAddr::V4(address) => {
                let arp = Arp::request((link.mac, Ipv4Addr::UNSPECIFIED), address);
                self.emit(step, id, wire::BROADCAST, ether_type::ARP, &arp.to_bytes());
            }
            IpAddr::V6(address) => {
                let group = nd::solicited_node(address);
                let packet = nd::solicitation(Ipv6Addr::UNSPECIFIED, group, address, link.mac);
                self.emit_own(step, id, nd::group_mac(group), &packet);
            }
        }
    }

    /// Tells everybody whose an address is (RFC 5227 §2.3; RFC 4861 §7.2.6).
    fn announce(&mut self, step: &mut Step<'_>, id: InterfaceId, address: IpAddr) {
        let Some(link) = self.interfaces.get(id).and_then(|on| on.link) else { return };
        match address {
            IpAddr::V4(address) => {
                let arp = Arp::request((link.mac, address), address);
                self.emit(step, id, wire::BROADCAST, ether_type::ARP, &arp.to_bytes());
            }
            IpAddr::V6(address) => {
                let flags = nd::Flags { router: true, solicited: false, overrides: true };
                let packet = nd::advertisement(address, nd::ALL_NODES, link.mac, flags);
                self.emit_own(step, id, nd::group_mac(nd::ALL_NODES), &packet);
            }
        }
    }

    /// Tells hosts of this router (RFC 4861 §6.2.3).
    pub(super) fn advertise(&mut self, step: &mut Step<'_>, Advertise { interface: id, lifetime }: Advertise) {
        let Some(on) = self.interfaces.get(id) else { return };
        let own = on.link_local().filter(|own| self.own.is_valid((id, IpAddr::V6(*own))));
        let (Some(link), Some(own)) = (on.link, own) else { return };
        let prefixes = on.networks().filter_map(|network| match network.address() {
            IpAddr::V6(prefix) if !prefix.is_unicast_link_local() => Some((prefix, network.len())),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        });
        let packet = nd::router_advertisement(own, nd::ALL_NODES, link.mac, lifetime, on.mtu, prefixes);
        self.emit_own(step, id, nd::group_mac(nd::ALL_NODES), &packet);
    }

    /// Sends a small packet of our own to a station.
    pub(super) fn emit_own(&mut self, step: &mut Step<'_>, id: InterfaceId, station: Mac, packet: &Outgoing) {
        for packet in packet.packets(u16::MAX, 0).into_iter().flatten() {
            self.emit(step, id, station, ether_type::IPV6, &packet);
        }
    }

    pub(super) fn emit(&self, step: &mut Step<'_>, id: InterfaceId, station: Mac, kind: EtherType, payload: &[u8]) {
        if let Some(link) = self.interfaces.get(id).filter(|on| on.up).and_then(|on| on.link) {
            step.out.push(Output::Send(id, wire::frame(&link, station, kind, payload)));
        }
    }

    /// Hands a datagram to whoever listens; says whether anybody does.
    pub(super) fn deliver(
        &self,
        step: &mut Step<'_>,
        id: InterfaceId,
        table: TableId,
        packet: &Packet<'_>,
        udp: Udp<'_>,
    ) -> bool {
        let Some(socket) = self.sockets.listener(table, packet.destination, udp.destination) else { return false };
        let own = SocketAddr::new(packet.destination, udp.destination);
        let other = SocketAddr::new(packet.source, udp.source);
        let data = udp.payload.to_vec();
        let datagram = Datagram { socket, interface: Some(id), own, other, ttl: packet.ttl, data };
        step.out.push(Output::Datagram(datagram));
        true
    }
}
