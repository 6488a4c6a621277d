//! Static neighbours: `arp`, `ipv6 neighbor`.

use super::{
    MAC, PORT, Section, SectionId, V4, V6, WORD,
    vrf::{self, VrfName},
};
use crate::{
    config::{
        Config, Edit, dotted,
        entries::Entry,
        not_a_hosts,
        place::{Asked, At, Does},
    },
    grammar::{
        Command, Help, Line, LineError,
        Token::{self, Keyword as K, Optional},
        command,
    },
};
use fabric_proto::{fib::Mac, id::InterfaceId};
use std::{
    fmt::{self, Write},
    net::IpAddr,
};

/// Which neighbour an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NeighbourKey {
    /// Its address.
    pub address: IpAddr,
    /// Where it has that address.
    pub scope: NeighbourScope,
}

/// Where an address is one neighbour's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeighbourScope {
    /// In a VRF, or in the router's own table: `arp`.
    Table(Option<VrfName>),
    /// On an interface: `ipv6 neighbor`.
    Interface(InterfaceId),
}

impl NeighbourKey {
    /// The VRF that it names.
    pub fn vrf(&self) -> Option<&VrfName> {
        match &self.scope {
            NeighbourScope::Table(vrf) => vrf.as_ref(),
            NeighbourScope::Interface(_) => None,
        }
    }
}

/// A static neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its Ethernet address.
    pub mac: Mac,
    /// The interface, where `arp` names it; otherwise the one whose subnet holds the address.
    pub interface: Option<InterfaceId>,
}

pub(super) const SECTION: Section = Section {
    id: SectionId::Neighbours,
    name: "neighbours",
    write: |config, f| config.neighbours.write(f),
    tally: |config| config.neighbours.tally(),
};

const VRF: Token = Optional(&[K("vrf"), WORD]);

pub(super) static COMMANDS: &[Command<Does>] = &[
    command(&[K("arp"), VRF, V4, MAC, K("arpa"), Optional(&[PORT])], neighbour),
    command(&[K("no"), K("arp"), VRF, V4, Optional(&[MAC, K("arpa"), Optional(&[PORT])])], no_neighbour),
    command(&[K("ipv6"), K("neighbor"), V6, PORT, MAC], neighbour),
    command(&[K("no"), K("ipv6"), K("neighbor"), V6, Optional(&[PORT, Optional(&[MAC])])], no_neighbour),
];

pub(super) const HELP: Help =
    &[("arp", "Static ARP entry"), ("arpa", "Ethernet encapsulation"), ("neighbor", "Static neighbor discovery entry")];

fn neighbour(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let (address, found) = line.address()?;
    if let Some(special) = not_a_hosts(address) {
        return Err(found.refused(format!("not a neighbour's address ({special})")));
    }
    let (mac, found) = line.mac()?;
    if mac[0] & 1 != 0 || mac == [0; 6] {
        return Err(found.refused("not the address of one station"));
    }
    let interface = line.interface().ok();
    if interface.is_some_and(|interface| interface.port().is_none()) {
        return Err(line.interface_refused("no neighbour can be on it"));
    }
    let (scope, interface) = match (address, interface) {
        (IpAddr::V6(_), Some(interface)) => (NeighbourScope::Interface(interface), None),
        (_, interface) => (NeighbourScope::Table(named_vrf(at, line)?), interface),
    };
    Ok(Edit::Neighbour(NeighbourKey { address, scope }, Some(Neighbour { mac, interface })).into())
}

/// Of an IPv6 neighbour without its interface, every one with that address.
fn no_neighbour(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let (address, _) = line.address()?;
    let gone = |scope| vec![Edit::Neighbour(NeighbourKey { address, scope }, None)];
    let edits = match (address, line.interface()) {
        (IpAddr::V4(_), _) => gone(NeighbourScope::Table(named_vrf(at, line)?)),
        (IpAddr::V6(_), Ok(interface)) => gone(NeighbourScope::Interface(interface)),
        (IpAddr::V6(_), Err(_)) => {
            let first = NeighbourKey { address, scope: NeighbourScope::Table(None) };
            let all = at.config.neighbours.range(first..).take_while(|(key, _)| key.address == address);
            all.map(|(key, _)| Edit::Neighbour(key.clone(), None)).collect()
        }
    };
    Ok(edits.into())
}

fn named_vrf(at: &At<'_>, line: &Line) -> Result<Option<VrfName>, LineError> {
    line.text().is_ok().then(|| vrf::named(at.config, line)).transpose()
}

impl Entry<NeighbourKey> for Neighbour {
    fn write(&self, key: &NeighbourKey, f: &mut dyn Write) -> fmt::Result {
        let (address, mac) = (key.address, dotted(self.mac));
        match &key.scope {
            NeighbourScope::Interface(interface) => writeln!(f, "ipv6 neighbor {address} {interface} {mac}"),
            NeighbourScope::Table(vrf) => {
                let vrf = vrf.as_ref().map_or_else(String::new, |vrf| format!("vrf {vrf} "));
                write!(f, "arp {vrf}{address} {mac} arpa")?;
                match self.interface {
                    Some(interface) => writeln!(f, " {interface}"),
                    None => writeln!(f),
                }
            }
        }
    }
}

/// A static neighbour, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvedNeighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The interface that it is on; the VRF is that one's.
    pub interface: InterfaceId,
}

impl Config {
    /// Static neighbours with the interface that they are on; those on none that is up are left out.
    pub fn resolved_neighbours(&self) -> impl Iterator<Item = ResolvedNeighbour> + '_ {
        self.neighbours.iter().filter_map(|(key, neighbour)| self.resolved(key, neighbour))
    }

    /// A static neighbour with the interface that it is on; `None` where that is not up.
    pub fn resolved(&self, key: &NeighbourKey, neighbour: &Neighbour) -> Option<ResolvedNeighbour> {
        let address = key.address;
        let interface = match (&key.scope, neighbour.interface) {
            (NeighbourScope::Interface(id), _) => *id,
            // One VRF's entry is nothing to another VRF's interface.
            (NeighbourScope::Table(vrf), Some(id)) => (self.interfaces.get(&id)?.vrf == *vrf).then_some(id)?,
            (NeighbourScope::Table(vrf), None) => self.interface_towards(vrf.as_ref(), address)?,
        };
        self.interfaces.is_enabled(interface).then_some(ResolvedNeighbour { address, mac: neighbour.mac, interface })
    }
}
