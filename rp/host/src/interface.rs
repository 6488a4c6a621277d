//! What the host knows of its interfaces: as configured, and whether they are up.

use fabric_proto::{
    fib::{Mac, Prefix},
    id::{InterfaceId, TableId},
    special::is_link_local,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The table that its packets are looked up in.
    pub table: TableId,
    /// How its neighbours are reached; `None` for one that has none, such as a loopback.
    pub link: Option<Link>,
    /// The largest IP packet that it takes.
    pub mtu: u16,
    /// Its addresses of both families, each with the prefix length of its network. One that has any of IPv6 has a link-local
    /// one, too: made of its station address (RFC 4291 appendix A) where none is named here.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Whether it carries traffic.
    pub up: bool,
    /// What can be configured of ARP and neighbour discovery.
    pub neighbours: NeighbourSettings,
}

/// What frames to an interface's neighbours go out by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Source address of the frames.
    pub mac: Mac,
    /// Their tag (IEEE 802.1Q).
    pub vlan: Option<u16>,
}

/// What can be configured of ARP and neighbour discovery on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourSettings {
    /// How long an ARP entry is believed: `arp timeout`.
    pub arp_timeout: Duration,
    /// For how long a neighbour that was heard of is taken to be reachable (RFC 4861 §6.3.2): `ipv6 nd reachable-time`.
    pub reachable: Duration,
    /// How long an entry of neighbour discovery is kept that nobody has used: `ipv6 nd cache expire`.
    pub nd_expire: Duration,
    /// Whether own IPv4 addresses are asked for before they are used (RFC 5227 §2.1.1). A router that does not is there at once,
    /// and says so when somebody else has the address.
    pub probe: bool,
    /// Whether requests for addresses that other interfaces lead to are answered (RFC 1027): `ip proxy-arp`.
    pub proxy_arp: bool,
    /// How many solicitations precede the use of an IPv6 address (RFC 4862 §5.1, DupAddrDetectTransmits): `ipv6 nd dad attempts`.
    pub dad_attempts: u8,
    /// Whether hosts are told of this router (RFC 4861 §6.2.1, AdvSendAdvertisements).
    pub advertise: bool,
}

/// The link-local address that an interface makes of its station address (RFC 4291 appendix A).
fn link_local_of([a, b, c, d, e, f]: Mac) -> Ipv6Addr {
    let identifier = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    Ipv6Addr::from(0xfe80 << 112 | u128::from(identifier))
}

impl Default for NeighbourSettings {
    fn default() -> Self {
        Self {
            arp_timeout: Duration::from_secs(4 * 60 * 60),
            reachable: Duration::from_secs(30),
            nd_expire: Duration::from_secs(4 * 60 * 60),
            probe: false,
            proxy_arp: false,
            dad_attempts: 1,
            advertise: false,
        }
    }
}

impl Interface {
    /// All own addresses, the link-local one among them.
    pub fn all_addresses(&self) -> impl Iterator<Item = (IpAddr, u8)> + '_ {
        let own = self.made_link_local().map(|address| (IpAddr::V6(address), 64));
        self.addresses.iter().copied().chain(own)
    }

    /// Its link-local address; `None` for one without IPv6.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.named_link_local().or_else(|| self.made_link_local())
    }

    fn named_link_local(&self) -> Option<Ipv6Addr> {
        self.addresses.iter().find_map(|(address, _)| match address {
            IpAddr::V6(address) if address.is_unicast_link_local() => Some(*address),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        })
    }

    fn made_link_local(&self) -> Option<Ipv6Addr> {
        let has_v6 = self.addresses.iter().any(|(address, _)| address.is_ipv6());
        if !has_v6 || self.named_link_local().is_some() {
            return None;
        }
        Some(link_local_of(self.link?.mac))
    }

    /// Networks on it.
    pub fn networks(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.addresses.iter().filter_map(|(address, len)| Prefix::covering(*address, *len).ok())
    }

    /// Whether an address can be a neighbour's: it is of a network on this interface, or means nothing beyond it.
    pub fn is_on_link(&self, address: IpAddr) -> bool {
        is_link_local(address) || self.networks().any(|network| network.contains(address))
    }

    /// Whether an IPv4 address means everybody: everywhere, or in a network on this interface (RFC 1812 §4.2.3.1, §5.3.5).
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else { return false };
        let directed = |(own, len): &(IpAddr, u8)| match own {
            // A network of one or two addresses has none (RFC 3021).
            IpAddr::V4(own) if *len < 31 => {
                let hosts = u32::MAX >> len;
                let same = (u32::from(*own) ^ u32::from(address)) & !hosts == 0;
                same && (u32::from(address) & hosts == hosts || u32::from(address) & hosts == 0)
            }
            IpAddr::V4(_) | IpAddr::V6(_) => false,
        };
        address.is_broadcast() || self.addresses.iter().any(directed)
    }

    /// The own address that packets to a neighbour there come from: the one of its network, or any of the family.
    pub fn source_towards(&self, address: IpAddr) -> Option<IpAddr> {
        if is_link_local(address) {
            return self.link_local().map(IpAddr::V6);
        }
        let within = |(own, len): &&(IpAddr, u8)| {
            own.is_ipv4() == address.is_ipv4()
                && Prefix::covering(*own, *len).is_ok_and(|network| network.contains(address))
        };
        let global = |(own, _): &&(IpAddr, u8)| own.is_ipv4() == address.is_ipv4() && !is_link_local(*own);
        let own = self.addresses.iter();
        own.clone().find(within).or_else(|| own.clone().find(global)).map(|(own, _)| *own)
    }
}

/// Whether an address can be that of one host.
pub(crate) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let first = address.octets()[0];
            first != 0 && first != 127 && first < 224 && address != Ipv4Addr::BROADCAST
        }
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_loopback() && !address.is_multicast(),
    }
}

/// All of them, and whose an address is.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    all: BTreeMap<InterfaceId, Interface>,
    /// Own addresses that mean something beyond their link. The same one may be there several times.
    owners: BTreeSet<(TableId, IpAddr, InterfaceId)>,
}

impl Interfaces {
    pub(crate) fn get(&self, id: InterfaceId) -> Option<&Interface> {
        self.all.get(&id)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = InterfaceId> + '_ {
        self.all.keys().copied()
    }

    /// Sets one, or removes it; returns what it was.
    pub(crate) fn set(&mut self, id: InterfaceId, interface: Option<Interface>) -> Option<Interface> {
        let old = self.all.remove(&id);
        for (address, _) in old.iter().flat_map(|old| &old.addresses) {
            let table = old.as_ref().map(|old| old.table).unwrap_or_default();
            self.owners.remove(&(table, *address, id));
        }
        if let Some(interface) = interface {
            let wide = interface.addresses.iter().filter(|(address, _)| !is_link_local(*address));
            self.owners.extend(wide.map(|(address, _)| (interface.table, *address, id)));
            self.all.insert(id, interface);
        }
        old
    }

    /// The interface that has an address, in a table.
    pub(crate) fn owner(&self, table: TableId, address: IpAddr) -> Option<InterfaceId> {
        let first = (table, address, InterfaceId::Loopback(0));
        let (of, own, id) = self.owners.range(first..).next()?;
        (*of == table && *own == address).then_some(*id)
    }

    /// The address that a table's packets come from where the interface that they leave by has none (RFC 1812 §5.2.5).
    pub(crate) fn router_id(&self, table: TableId, v4: bool) -> Option<IpAddr> {
        let of_table = self.all.values().filter(|interface| interface.table == table && interface.up);
        let all = of_table.flat_map(|interface| &interface.addresses).map(|(address, _)| *address);
        all.filter(|address| address.is_ipv4() == v4 && !is_link_local(*address)).max()
    }
}
