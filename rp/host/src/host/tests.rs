//! A host on links that tests hold the other ends of.

mod conformance;
mod errors;
mod neighbours;
mod probes;
mod properties;
mod streams;

use super::*;
use crate::{
    Hop, Link, NeighbourSettings,
    wire::{
        self, Frame,
        arp::Arp,
        icmp::{Message, v6},
        ip::{Outgoing, Packet},
        nd,
    },
};
use etherparse::{IpNumber, ether_type, ip_number};
use fabric_proto::{
    fib::Prefix,
    id::{LcSlot, PortId},
};
use std::{collections::BTreeMap, time::Duration};

pub(crate) const ROUTER: Mac = [2, 0, 0, 0, 0, 1];
pub(crate) const PEER: Mac = [2, 0, 0, 0, 0, 2];

/// Static routes, for tests.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) BTreeMap<(TableId, Prefix), Hop>);

impl Routes for Table {
    fn route(&self, table: TableId, to: IpAddr) -> Option<Hop> {
        let of_table = self.0.iter().filter(|((of, prefix), _)| *of == table && prefix.contains(to));
        let (_, hop) = of_table.max_by_key(|((_, prefix), _)| prefix.len())?;
        Some(match *hop {
            // Directly connected: the neighbour is the destination itself.
            Hop::Neighbour(interface, next) if next.is_unspecified() => Hop::Neighbour(interface, to),
            hop => hop,
        })
    }
}

/// A host, the clock, and what it said.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) now: Instant,
    pub(crate) routes: Table,
    pub(crate) out: Vec<Output>,
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn port(number: u8) -> InterfaceId {
    InterfaceId::from(PortId { slot: LcSlot(1), port: number })
}

/// An interface of the default table with these addresses.
pub(crate) fn interface(addresses: &[&str]) -> Interface {
    let address = |text: &&str| {
        let (address, len) = text.split_once('/').unwrap();
        (ip(address), len.parse().unwrap())
    };
    Interface {
        table: TableId::DEFAULT,
        link: Some(Link { mac: ROUTER, vlan: None }),
        mtu: 1500,
        addresses: addresses.iter().map(address).collect(),
        up: true,
        neighbours: NeighbourSettings::default(),
    }
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let now = Instant::from_millis(1_000_000);
        Self { host: Host::new(settings, 1), now, routes: Table::default(), out: Vec::new() }
    }

    /// With 10.0.0.1/24 and 2001:db8::1/64 on port 1, 10.0.1.1/24 and 2001:db8:1::1/64 on port 2, past duplicate detection.
    pub(crate) fn usual() -> Self {
        let mut world = Self::new(Settings::default());
        world.up(1, interface(&["10.0.0.1/24", "2001:db8::1/64"]));
        world.up(2, interface(&["10.0.1.1/24", "2001:db8:1::1/64"]));
        world.pass(10_000);
        world.out.clear();
        world
    }

    pub(crate) fn step(&mut self, input: Option<Input<'_>>) {
        self.host.step(self.now, input, &self.routes, &mut self.out);
    }

    /// An interface comes up, with routes to its networks.
    pub(crate) fn up(&mut self, number: u8, interface: Interface) {
        let id = port(number);
        for network in interface.networks() {
            let unspecified = if network.address().is_ipv4() { ip("0.0.0.0") } else { ip("::") };
            self.routes.0.insert((interface.table, network), Hop::Neighbour(id, unspecified));
        }
        self.step(Some(Input::Interface(id, Some(interface))));
    }

    /// Time passes, and all deadlines in it.
    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        let mut steps = 0;
        while let Some(due) = self.host.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.step(None);
            steps += 1;
            assert!(steps < 1_000_000, "a deadline does not move");
        }
        self.now = until;
    }

    pub(crate) fn frame(&mut self, number: u8, reason: Reason, frame: &[u8]) {
        self.step(Some(Input::Frame { interface: port(number), reason, frame }));
    }

    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// Frames that went out, and by which port.
    pub(crate) fn sent(&mut self) -> Vec<(InterfaceId, Vec<u8>)> {
        let sent = self.take().into_iter().filter_map(|output| match output {
            Output::Send(id, frame) => Some((id, frame)),
            _ => None,
        });
        sent.collect()
    }

    /// The one frame that went out.
    pub(crate) fn only(&mut self) -> Vec<u8> {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:02x?}");
        sent.remove(0).1
    }

    pub(crate) fn arp(&mut self, number: u8, arp: Arp) {
        let frame = station(arp.sender.0, wire::BROADCAST, ether_type::ARP, &arp.to_bytes());
        self.frame(number, Reason::Ours, &frame);
    }

    /// A neighbour at 10.0.0.2 or the like introduces itself.
    pub(crate) fn learn(&mut self, number: u8, address: &str, mac: Mac) {
        self.step(Some(Input::Resolve { interface: port(number), address: ip(address), packet: None }));
        match ip(address) {
            IpAddr::V4(address) => {
                let own = IpAddr::V4([10, 0, number - 1, 1].into());
                self.arp(number, reply((mac, address), own));
            }
            IpAddr::V6(address) => {
                let flags = nd::Flags { router: false, solicited: true, overrides: true };
                let own = format!("2001:db8:{}::1", if number == 1 { "0" } else { "1" });
                let packet = nd::advertisement(address, own.parse().unwrap(), mac, flags);
                self.packet(number, Reason::Ours, &packet);
            }
        }
        self.take();
    }

    pub(crate) fn packet(&mut self, number: u8, reason: Reason, packet: &Outgoing) {
        for bytes in packet.packets(1500, 77).unwrap() {
            let kind = if packet.source.is_ipv4() { ether_type::IPV4 } else { ether_type::IPV6 };
            self.frame(number, reason, &station(PEER, ROUTER, kind, &bytes));
        }
    }

    pub(crate) fn neighbour(&self, number: u8, address: &str) -> Option<Neighbour> {
        let mut all = self.host.neighbours();
        all.find(|(id, of, _)| *id == port(number) && *of == ip(address)).map(|(.., neighbour)| neighbour)
    }
}

/// A frame of another station.
pub(crate) fn station(source: Mac, destination: Mac, kind: etherparse::EtherType, payload: &[u8]) -> Vec<u8> {
    wire::frame(&Link { mac: source, vlan: None }, destination, kind, payload)
}

/// A reply of `sender` to one of ours.
pub(crate) fn reply(sender: (Mac, std::net::Ipv4Addr), to: IpAddr) -> Arp {
    let IpAddr::V4(to) = to else { panic!("{to}") };
    Arp::request((ROUTER, to), sender.1).answered_by(sender.0)
}

pub(crate) fn packet(source: &str, destination: &str, protocol: IpNumber, payload: Vec<u8>) -> Outgoing {
    let (source, destination) = (ip(source), ip(destination));
    Outgoing { source, destination, ttl: 64, class: 0, dont_fragment: false, protocol, payload }
}

/// An echo of somebody's.
pub(crate) fn echo(source: &str, destination: &str, data: &[u8]) -> Outgoing {
    let v4 = ip(source).is_ipv4();
    let (kind, protocol) = if v4 { (8, ip_number::ICMP) } else { (v6::ECHO, ip_number::IPV6_ICMP) };
    let message = Message { kind, code: 0, word: [1, 2, 3, 4], body: data };
    packet(source, destination, protocol, message.to_bytes(ip(source), ip(destination)))
}

/// A datagram of somebody's.
pub(crate) fn datagram(source: &str, destination: &str, to: u16, data: &[u8]) -> Outgoing {
    let udp = wire::udp::Udp { source: 4_000, destination: to, payload: data };
    packet(source, destination, ip_number::UDP, udp.to_bytes(ip(source), ip(destination)).unwrap())
}

/// The packet in a frame.
pub(crate) fn inner(frame: &[u8]) -> Packet<'_> {
    Packet::parse(Frame::parse(frame).unwrap().payload).unwrap()
}

/// The message in a frame.
pub(crate) fn message(frame: &[u8]) -> Message<'_> {
    Message::parse(&inner(frame)).unwrap()
}
