//! The configuration of a chassis: parsed, held, rendered and compared.
//!
//! * [`Config::parse`] reads a whole file and refuses, by line, column and word, what it does not know.
//! * [`Reading::of_startup`] reads it as a boot does: with everything that was refused, and without it.
//! * [`Config`]'s `Display` is the running configuration; parsing it gives the same [`Config`] back.
//! * [`ConfigSession::apply_line`] takes one line of an interactive session.
//! * [`Config::diff`] says what changed, so that the owner restarts nothing that did not.
//!
//! A line that would change forwarding and is not supported is an error: nothing is ignored in
//! silence. The few lines that are accepted without effect are listed in [`TOLERATED`].

mod change;
mod check;
mod commands;
mod compat;
mod effect;
mod left_out;
mod render;
mod session;
mod sync;

pub use crate::grammar::{LineError, Problem};
pub use change::ConfigChange;
pub use check::Reading;
pub(crate) use check::unsupported;
#[cfg(test)]
pub(crate) use commands::command_tables;
pub use compat::Understood;
pub use left_out::TOLERATED;
#[cfg(test)]
pub(crate) use left_out::UNSUPPORTED;
pub use session::{Applied, ConfigMode, ConfigSession};
pub use sync::{SyncError, SyncRecord, WholeReader, digest_of};

use fabric_proto::{
    fib::{Family, Mac, Prefix},
    id::{PortId, RpSlot},
    platform::Profile,
    redundancy::Mode,
    special::Special,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// Longest `crashdump-timeout`: eighteen hours, the field's own limit (1080 minutes).
pub const CRASHDUMP_TIMEOUT_MAX: Duration = Duration::from_secs(18 * 3600);

/// The MTU of an Ethernet port that is not told otherwise.
pub const MTU_DEFAULT: u16 = 1500;

/// The register's factory value: boot the configured image, read the startup configuration.
pub const CONFIG_REGISTER_DEFAULT: u16 = 0x2102;

/// Administrative distance of a static route without one of its own.
pub const STATIC_DISTANCE: u8 = 1;

/// Longest configuration that can be entered, bytes of its text: half of what can be given to a standby at once
/// ([`crate::checkpoint::STATE_MAX`]), and some hundred times a large router's.
pub const CONFIG_MAX: usize = 32 << 20;

/// An error in a configuration file: where it is, what stands there, what could.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{}: {error}", .error.column)]
pub struct ConfigError {
    /// Name of the file, as given to [`Config::parse`].
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// The column and the rest.
    pub error: LineError,
}

/// A running or startup configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `hostname`: also the prompt.
    pub hostname: String,
    /// `version`: kept for display, selects nothing.
    pub version: Option<String>,
    /// `redundancy`.
    pub redundancy: RedundancyConfig,
    /// `interface`, by port. A port that is not here is shut down.
    pub interfaces: BTreeMap<PortId, Interface>,
    /// `ip route` and `ipv6 route`: the administrative distance, by what the route is.
    pub routes: BTreeMap<StaticRoute, u8>,
    /// `arp` and `ipv6 neighbor`: static neighbours.
    pub neighbours: BTreeMap<IpAddr, Neighbour>,
    /// `ipv6 unicast-routing`.
    pub ipv6_routing: bool,
    /// `ipv6 cef distributed`.
    pub ipv6_cef: bool,
    /// `boot system`: images in order of preference.
    pub boot_system: Vec<String>,
    /// `config-register`.
    pub config_register: u16,
    /// `hw-module slot N image NAME`: images of one route processor, in order of preference.
    pub slot_images: BTreeMap<RpSlot, Vec<String>>,
    /// `snmp-server enable traps snmp`: which link notifications an agent would send.
    pub link_traps: LinkTraps,
    /// Lines of [`TOLERATED`], as given and in that order: accepted, shown, without effect.
    pub tolerated: Vec<String>,
}

/// The `redundancy` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedundancyConfig {
    /// `mode`: what the operator wants; the operating mode can be lower.
    pub mode: Mode,
    /// `main-cpu` / `auto-sync`.
    pub auto_sync: AutoSync,
    /// `switchover timer`: silence after which the peer is dead; `None`: as the topology says.
    pub switchover_timer: Option<Duration>,
    /// `crashdump-timeout`: how long a new active waits for the failed one's core dump.
    pub crashdump_timeout: Duration,
}

/// What the active copies to its standby without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoSync {
    /// `auto-sync startup-config`.
    pub startup_config: bool,
    /// `auto-sync running-config`.
    pub running_config: bool,
}

/// Which link notifications are enabled (`linkDown` and `linkUp` of the IF-MIB, RFC 2863).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkTraps {
    /// `linkdown`.
    pub down: bool,
    /// `linkup`.
    pub up: bool,
}

/// One port as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `description`.
    pub description: Option<String>,
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

/// A static route: a prefix through a target. Several targets make equal-cost paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaticRoute {
    /// Where to.
    pub prefix: Prefix,
    /// Through what.
    pub target: RouteTarget,
}

/// Where a static route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteTarget {
    /// Through a next hop, by whatever route leads to it.
    Via(IpAddr),
    /// Through a neighbour on a port.
    OnPort(PortId, IpAddr),
    /// `Null0`: discard.
    Null0,
}

/// A static neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its Ethernet address.
    pub mac: Mac,
    /// The port, where the line names it; otherwise the one whose subnet holds the address.
    pub port: Option<PortId>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: "router".to_owned(),
            version: None,
            redundancy: RedundancyConfig::default(),
            interfaces: BTreeMap::new(),
            routes: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            ipv6_routing: false,
            ipv6_cef: false,
            boot_system: Vec::new(),
            config_register: CONFIG_REGISTER_DEFAULT,
            slot_images: BTreeMap::new(),
            link_traps: LinkTraps::default(),
            tolerated: Vec::new(),
        }
    }
}

impl Default for RedundancyConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Sso,
            auto_sync: AutoSync::STANDARD,
            switchover_timer: None,
            crashdump_timeout: Duration::ZERO,
        }
    }
}

impl Default for Interface {
    fn default() -> Self {
        Self {
            description: None,
            ipv4: None,
            ipv6: BTreeSet::new(),
            shutdown: false,
            mtu: MTU_DEFAULT,
            link_trap: true,
        }
    }
}

impl AutoSync {
    /// `auto-sync standard`: both configurations.
    pub const STANDARD: Self = Self { startup_config: true, running_config: true };
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

impl Config {
    /// Reads a configuration file; `file_name` is for the error. The first error ends it: half a
    /// configuration is none.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        Self::default().parse_over(text, file_name)
    }

    /// What a chassis of a family has when nobody has configured it.
    pub fn factory(profile: &Profile) -> Self {
        let redundancy = RedundancyConfig { mode: profile.default_mode, ..RedundancyConfig::default() };
        Self { redundancy, ..Self::default() }
    }

    /// The same as [`Config::parse`], over what is there already.
    pub fn parse_over(self, text: &str, file_name: &str) -> Result<Self, ConfigError> {
        let mut reading = check::read(self, text, file_name, None);
        if reading.refused.is_empty() { Ok(reading.config) } else { Err(reading.refused.swap_remove(0)) }
    }

    /// The running configuration as text: what `Display` writes.
    pub fn render(&self) -> String {
        self.to_string()
    }

    /// What is different in `new`, in the order in which an owner should act on it.
    pub fn diff(&self, new: &Self) -> Vec<ConfigChange> {
        change::diff(self, new)
    }

    /// The port (not shut down) whose subnet holds `address`: the longest subnet wins.
    pub fn port_towards(&self, address: IpAddr) -> Option<PortId> {
        self.interfaces
            .iter()
            .filter(|(_, interface)| !interface.shutdown)
            .flat_map(|(port, interface)| interface.addresses().map(|own| (*port, own.prefix())))
            .filter(|(_, prefix)| prefix.contains(address))
            .max_by_key(|(_, prefix)| prefix.len())
            .map(|(port, _)| port)
    }

    /// Static neighbours with the port they are on; those on no port that is up are left out.
    pub fn resolved_neighbours(&self) -> impl Iterator<Item = (IpAddr, Mac, PortId)> + '_ {
        self.neighbours.iter().filter_map(|(address, neighbour)| {
            let up = |port: &PortId| self.interfaces.get(port).is_some_and(|interface| !interface.shutdown);
            let port = neighbour.port.filter(up).or_else(|| match neighbour.port {
                Some(_) => None,
                None => self.port_towards(*address),
            })?;
            Some((*address, neighbour.mac, port))
        })
    }
}

/// The mask of an IPv4 prefix length.
pub(crate) fn mask_of(len: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0))
}

/// An Ethernet address as the command line writes it: `0200.0a01.0001`.
pub(crate) fn dotted(mac: Mac) -> String {
    let [a, b, c, d, e, f] = mac;
    format!("{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{f:02x}")
}

/// The long name of a port.
pub(crate) fn interface_name(port: PortId) -> String {
    format!("GigabitEthernet{port}")
}

/// Why an address cannot be one neighbour's or one interface's. Link-local ones can: packets to them go no further.
pub(crate) fn not_a_hosts(address: IpAddr) -> Option<Special> {
    Special::of(address).filter(|special| *special != Special::LinkLocal)
}

#[cfg(test)]
mod tests;
