//! `interface`.

use super::{
    MASK, NO, REST, Section, SectionId, V4, V6_LEN, WORD,
    vrf::{self, VrfName},
};
use crate::{
    config::{
        Config, Edit,
        entries::{Entries, Entry, Tally},
        mask_of,
        networks::Networks,
        not_a_hosts,
        place::{Asked, At, Does, Mode, ModeKey},
    },
    grammar::{
        Command, Help, Line, LineError, Shape,
        Token::{self, Argument as A, Keyword as K, OneOf, Optional},
        command,
    },
};
use fabric_proto::{
    fib::{Family, Prefix},
    id::{InterfaceId, LcSlot, PortId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
    net::IpAddr,
    ops::Deref,
};

/// The MTU of an Ethernet port that is not told otherwise.
pub const MTU_DEFAULT: u16 = 1500;

/// One interface as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `description`.
    pub description: Option<String>,
    /// `encapsulation dot1Q`: the VLAN of a subinterface (IEEE 802.1Q); its frames carry the tag.
    pub vlan: Option<u16>,
    /// `vrf forwarding`: whose table it routes by; `None` for the router's own.
    pub vrf: Option<VrfName>,
    /// `ip address`.
    pub ipv4: Option<InterfaceAddress>,
    /// `ipv6 address`, any number.
    pub ipv6: BTreeSet<InterfaceAddress>,
    /// `shutdown`.
    pub shutdown: bool,
    /// `mtu`: the longest IP packet, bytes.
    pub mtu: u16,
    /// `snmp trap link-status`: the port's `ifLinkUpDownTrapEnable` (RFC 2863).
    pub link_trap: bool,
}

/// An interface's own address and the length of its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceAddress {
    /// The interface's own address.
    pub address: IpAddr,
    /// Length of the subnet's prefix; no more than the family has bits.
    pub len: u8,
}

impl Default for Interface {
    fn default() -> Self {
        Self {
            description: None,
            vlan: None,
            vrf: None,
            ipv4: None,
            ipv6: BTreeSet::new(),
            shutdown: false,
            mtu: MTU_DEFAULT,
            link_trap: true,
        }
    }
}

impl InterfaceAddress {
    /// The connected prefix.
    pub fn prefix(self) -> Prefix {
        Prefix::covering(self.address, self.len).unwrap_or_else(|_| Prefix::from_bits(Family::of(self.address), 0, 0))
    }
}

impl Interface {
    /// Its addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = InterfaceAddress> + '_ {
        self.ipv4.into_iter().chain(self.ipv6.iter().copied())
    }
}

/// Interfaces, and which of them has which network and VLAN.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    all: Entries<InterfaceId, Interface>,
    networks: Networks<Option<VrfName>>,
    vlans: BTreeMap<(PortId, u16), InterfaceId>,
}

/// Networks and VLANs follow from the interfaces.
impl PartialEq for Interfaces {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for Interfaces {}

impl Deref for Interfaces {
    type Target = BTreeMap<InterfaceId, Interface>;
    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl Interfaces {
    /// Puts an interface in place of what was there, or takes it away. Returns what was there.
    pub fn set(&mut self, id: InterfaceId, interface: Option<Interface>) -> Option<Interface> {
        if let Some(old) = self.all.get(&id) {
            old.addresses().for_each(|own| self.networks.remove(old.vrf.clone(), own.prefix(), id));
            if let (Some(port), Some(vlan)) = (id.port(), old.vlan) {
                self.vlans.remove(&(port, vlan));
            }
        }
        if let Some(new) = &interface {
            new.addresses().for_each(|own| self.networks.insert(new.vrf.clone(), own.prefix(), id));
            if let (Some(port), Some(vlan)) = (id.port(), new.vlan) {
                self.vlans.insert((port, vlan), id);
            }
        }
        self.all.set(id, interface)
    }

    /// Whether it is to be up: neither it nor the port that it is on is shut down, and nobody takes a subinterface's packets
    /// for its port's.
    pub fn is_enabled(&self, id: InterfaceId) -> bool {
        let open = |id: &InterfaceId| self.all.get(id).filter(|interface| !interface.shutdown);
        let tagged = |own: &Interface| !matches!(id, InterfaceId::Ethernet { sub: Some(_), .. }) || own.vlan.is_some();
        open(&id).is_some_and(tagged) && id.port().is_none_or(|port| open(&port.into()).is_some())
    }

    /// The subinterfaces of a port that have a VLAN, by VLAN.
    pub fn vlans_of(&self, port: PortId) -> impl Iterator<Item = (u16, InterfaceId)> + '_ {
        self.vlans.range((port, 0)..=(port, u16::MAX)).map(|((_, vlan), id)| (*vlan, *id))
    }

    /// The subinterface of a port that has a VLAN.
    pub fn with_vlan(&self, port: PortId, vlan: u16) -> Option<InterfaceId> {
        self.vlans.get(&(port, vlan)).copied()
    }

    /// Every VLAN of one line card's ports that a subinterface has, by port and VLAN.
    pub fn vlans_of_card(&self, slot: LcSlot) -> impl Iterator<Item = (PortId, u16)> + '_ {
        let (first, last) = (PortId { slot, port: 0 }, PortId { slot, port: u8::MAX });
        self.vlans.range((first, 0)..=(last, u16::MAX)).map(|(vlan, _)| *vlan)
    }

    /// The ports of one line card. What is on them is passed over, however much it is.
    pub fn ports_of(&self, slot: LcSlot) -> impl Iterator<Item = (PortId, &Interface)> {
        let next = move |port: u8| {
            let from = InterfaceId::from(PortId { slot, port: port.checked_add(1)? });
            let (id, _) = self.all.range(from..=*InterfaceId::of_card(slot).end()).next()?;
            id.port().map(|port| port.port)
        };
        let ports = std::iter::successors(next(0), move |port| next(*port)).map(move |port| PortId { slot, port });
        ports.filter_map(|port| Some((port, self.all.get(&port.into())?)))
    }

    /// What the text of all of them comes to.
    pub fn tally(&self) -> Tally {
        self.all.tally()
    }

    /// The section of one of them as text, without what separates it from the next.
    pub fn section(&self, id: InterfaceId) -> Option<String> {
        let mut text = String::new();
        self.all.get(&id)?.write_lines(id, &mut text).ok().map(|()| text)
    }
}

impl FromIterator<(InterfaceId, Interface)> for Interfaces {
    fn from_iter<I: IntoIterator<Item = (InterfaceId, Interface)>>(interfaces: I) -> Self {
        let mut all = Self::default();
        for (id, interface) in interfaces {
            all.set(id, Some(interface));
        }
        all
    }
}

impl Config {
    /// The interface (not shut down) of a VRF, or of none, whose subnet holds `address`: the longest subnet wins.
    pub fn interface_towards(&self, vrf: Option<&VrfName>, address: IpAddr) -> Option<InterfaceId> {
        let holding = self.interfaces.networks.holding(vrf.cloned(), address);
        holding.map(|(_, id)| id).find(|id| self.interfaces.is_enabled(*id))
    }
}

pub(super) const SECTION: Section = Section {
    id: SectionId::Interfaces,
    name: "interfaces",
    write: |config, f| config.interfaces.all.write(f),
    tally: |config| config.interfaces.tally(),
};

const LOOPBACK: Token = K("Loopback");
/// With a space after the name of its kind, or without.
const INTERFACE: Token = OneOf(&[
    &[A(Shape::Interface)],
    &[K("GigabitEthernet"), A(Shape::PortNumber)],
    &[LOOPBACK, A(Shape::LoopbackNumber)],
]);

pub(super) static COMMANDS: &[Command<Does>] = &[
    command(&[K("interface"), INTERFACE], enter),
    command(&[K("no"), K("interface"), INTERFACE], |_, line| Ok(Edit::Interface(line.interface()?, None).into())),
];

pub(in crate::config) static PORT: Mode = Mode::new("interface", "(config-if)", &[OF_ALL, OF_ETHERNET], &[HELP]);
pub(in crate::config) static SUBINTERFACE: Mode =
    Mode::new("subinterface", "(config-subif)", &[OF_ALL, OF_SUBINTERFACES], &[HELP]);
pub(in crate::config) static VIRTUAL: Mode = Mode::new("loopback interface", "(config-if)", &[OF_ALL], &[HELP]);

/// The mode of an interface.
pub(in crate::config) fn mode(id: InterfaceId) -> &'static Mode {
    match id {
        InterfaceId::Ethernet { sub: None, .. } => &PORT,
        InterfaceId::Ethernet { sub: Some(_), .. } => &SUBINTERFACE,
        InterfaceId::Loopback(_) | InterfaceId::Tunnel(_) | InterfaceId::VirtualAccess(_) => &VIRTUAL,
    }
}

/// Shortest MTU that IPv4 hosts must accept, and the jumbo limit of the field.
const MTU: Token = A(Shape::Number(576, 9216));
/// VLANs that frames can name: 0 is none, and 4095 is reserved (IEEE 802.1Q).
const VLAN: Token = A(Shape::Number(1, 4094));

static OF_ALL: &[Command<Does>] = &[
    command(&[K("description"), REST], description),
    command(&[K("no"), K("description"), Optional(&[REST])], |at, _| edit(at, |new| new.description = None)),
    command(&[K("vrf"), K("forwarding"), WORD], vrf_forwarding),
    command(&[K("no"), K("vrf"), K("forwarding"), Optional(&[WORD])], vrf_forwarding),
    command(&[K("ip"), K("address"), V4, MASK], address),
    command(&[K("no"), K("ip"), K("address"), Optional(&[V4, MASK])], |at, _| edit(at, |new| new.ipv4 = None)),
    command(&[K("ipv6"), K("address"), V6_LEN], address),
    command(&[K("no"), K("ipv6"), K("address"), Optional(&[V6_LEN])], no_ipv6_address),
    command(&[NO, K("shutdown")], |at, line| edit(at, |new| new.shutdown = !line.no())),
    command(&[NO, K("snmp"), K("trap"), K("link-status")], |at, line| edit(at, |new| new.link_trap = !line.no())),
];

static OF_ETHERNET: &[Command<Does>] = &[
    command(&[K("mtu"), MTU], mtu),
    command(&[K("no"), K("mtu"), Optional(&[MTU])], |at, _| edit(at, |new| new.mtu = MTU_DEFAULT)),
];

static OF_SUBINTERFACES: &[Command<Does>] = &[
    command(&[K("encapsulation"), K("dot1Q"), VLAN], encapsulation),
    command(&[K("no"), K("encapsulation"), Optional(&[K("dot1Q"), Optional(&[VLAN])])], no_encapsulation),
];

pub(super) const HELP: Help = &[
    ("interface", "A port, a VLAN of a port, or an interface of the router itself"),
    ("Loopback", "Interface of the router itself, which is always there"),
    ("address", "The interface's own address"),
    ("shutdown", "Switch the interface off"),
    ("mtu", "Longest IP packet, bytes"),
    ("forwarding", "Route by the table of a VRF"),
    ("encapsulation", "How frames say that they are this subinterface's"),
    ("dot1Q", "By the tag of a VLAN (IEEE 802.1Q)"),
    ("snmp", "SNMP notifications"),
    ("trap", "Notifications of this port"),
    ("link-status", "linkDown and linkUp"),
];

fn enter(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let id = line.interface()?;
    match id {
        InterfaceId::Tunnel(_) => return Err(line.refused("there are no tunnels yet")),
        InterfaceId::VirtualAccess(_) => return Err(line.refused("sessions make these by themselves")),
        InterfaceId::Loopback(_) | InterfaceId::Ethernet { .. } => {}
    }
    let new = (!at.config.interfaces.contains_key(&id)).then(|| Edit::Interface(id, Some(Box::default())));
    Ok(Asked { edits: new.into_iter().collect(), ..ModeKey::Interface(id).into() })
}

/// The interface that is being configured, with a change.
fn edit(at: &At<'_>, change: impl FnOnce(&mut Interface)) -> Result<Asked, LineError> {
    let id = at.interface()?;
    let mut new = at.config.interfaces.get(&id).cloned().unwrap_or_default();
    change(&mut new);
    Ok(Edit::Interface(id, Some(Box::new(new))).into())
}

/// The addresses go with the table that they were in, as in the field.
fn vrf_forwarding(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let id = at.interface()?;
    let new = if line.no() { None } else { Some(vrf::named(at.config, line)?) };
    let old = at.config.interfaces.get(&id);
    let was = old.and_then(|interface| interface.vrf.clone());
    if was == new {
        return Ok(Asked::default());
    }
    let (verb, name) = match (&new, &was) {
        (Some(name), _) => ("enabling", name.to_string()),
        (None, was) => ("disabling", was.as_ref().map(VrfName::to_string).unwrap_or_default()),
    };
    let lost: BTreeSet<Family> =
        old.into_iter().flat_map(Interface::addresses).map(|own| Family::of(own.address)).collect();
    let note = |family| format!("% Interface {id} {family} disabled and address(es) removed due to {verb} VRF {name}");
    let notes = lost.into_iter().map(note).collect();
    let asked = edit(at, |interface| {
        interface.vrf = new;
        interface.ipv4 = None;
        interface.ipv6.clear();
    })?;
    Ok(Asked { notes, ..asked })
}

fn encapsulation(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let (id, vlan) = (at.interface()?, line.number()? as u16);
    let held = id.port().and_then(|port| at.config.interfaces.with_vlan(port, vlan));
    if let Some(other) = held.filter(|other| *other != id) {
        return Err(line.refused(format!("{other} has VLAN {vlan} of this port")));
    }
    edit(at, |new| new.vlan = Some(vlan))
}

/// Without a VLAN there is nothing that its addresses could be reached by.
fn no_encapsulation(at: &At<'_>, _: &Line) -> Result<Asked, LineError> {
    edit(at, |new| {
        new.vlan = None;
        new.ipv4 = None;
        new.ipv6.clear();
    })
}

fn address(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let own = own_address(at, line)?;
    edit(at, |new| match Family::of(own.address) {
        Family::V4 => new.ipv4 = Some(own),
        Family::V6 => drop(new.ipv6.insert(own)),
    })
}

fn no_ipv6_address(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let named = match line.values() {
        [] => None,
        _ => Some(line.subnet()?),
    };
    edit(at, |new| {
        new.ipv6.retain(|own| named.is_some_and(|(address, net)| (own.address, own.len) != (address, net.len())));
    })
}

fn description(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let text = line.text()?;
    edit(at, |new| new.description = Some(text.to_owned()))
}

fn mtu(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let mtu = line.number()? as u16;
    edit(at, |new| new.mtu = mtu)
}

/// An interface's own address: one that a host can have, in a subnet that no other interface has.
fn own_address(at: &At<'_>, line: &Line) -> Result<InterfaceAddress, LineError> {
    let (address, prefix) = line.subnet()?;
    if let Some(special) = not_a_hosts(address) {
        return Err(line.refused(format!("not an address that a port can have ({special})")));
    }
    let host_bits = prefix.family().width() - prefix.len();
    if prefix.family() == Family::V4 && host_bits > 1 {
        let last = prefix.nth((1 << host_bits) - 1);
        if address == prefix.address() || address == last {
            return Err(line.refused(format!("the network's or broadcast address of {prefix}")));
        }
    }
    let id = at.interface()?;
    let interface = at.config.interfaces.get(&id);
    let vrf = interface.and_then(|interface| interface.vrf.clone());
    if mode(id).name == SUBINTERFACE.name && interface.is_none_or(|interface| interface.vlan.is_none()) {
        return Err(line.refused("the subinterface has no VLAN yet: give it one first (encapsulation dot1Q)"));
    }
    if let Some(vrf) = &vrf
        && at.config.vrfs.get(vrf).is_none_or(|vrf| vrf.targets(prefix.family()).is_none())
    {
        let family = prefix.family();
        return Err(line.refused(format!("VRF {vrf} does not route {family}: it has no such address-family")));
    }
    match at.config.interfaces.networks.overlapping(vrf, prefix, id) {
        Some((network, other)) => Err(line.refused(format!("{prefix} overlaps with {network} of {other}"))),
        None => Ok(InterfaceAddress { address, len: prefix.len() }),
    }
}

impl Entry<InterfaceId> for Interface {
    fn write(&self, id: &InterfaceId, f: &mut dyn Write) -> fmt::Result {
        self.write_lines(*id, f)?;
        writeln!(f, "!")
    }
}

impl Interface {
    fn write_lines(&self, id: InterfaceId, f: &mut dyn Write) -> fmt::Result {
        writeln!(f, "interface {id}")?;
        if let Some(description) = &self.description {
            writeln!(f, " description {description}")?;
        }
        if let Some(vlan) = self.vlan {
            writeln!(f, " encapsulation dot1Q {vlan}")?;
        }
        if let Some(vrf) = &self.vrf {
            writeln!(f, " vrf forwarding {vrf}")?;
        }
        if self.mtu != MTU_DEFAULT {
            writeln!(f, " mtu {}", self.mtu)?;
        }
        match self.ipv4 {
            Some(own) => writeln!(f, " ip address {} {}", own.address, mask_of(own.len))?,
            None => writeln!(f, " no ip address")?,
        }
        for own in &self.ipv6 {
            writeln!(f, " ipv6 address {}/{}", own.address, own.len)?;
        }
        if self.shutdown {
            writeln!(f, " shutdown")?;
        }
        if !self.link_trap {
            writeln!(f, " no snmp trap link-status")?;
        }
        Ok(())
    }
}
