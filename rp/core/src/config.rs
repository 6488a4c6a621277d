//! The configuration of a chassis: parsed, held, rendered and compared.
//!
//! * [`Config::parse`] reads a whole file and refuses, by line, column and word, what it does not know.
//! * [`Reading::of_startup`] reads it as a boot does: with everything that was refused, and without it.
//! * [`Config`]'s `Display` is the running configuration; parsing it gives the same [`Config`] back.
//! * [`ConfigSession::apply_line`] takes one line of an interactive session.
//! * [`Edit`]: what a line asks for, entry by entry; [`Config::changes`] says what is different then, so that the owner
//!   restarts nothing that is as it was.
//! * [`Config::digests`] says in a few numbers what it holds, section by section.
//!
//! `sections/` has a file for each section: its commands, what they do, how it is written. `place.rs` has the modes. What
//! one line costs does not grow with the configuration.
//!
//! A line that would change forwarding and is not supported is an error: nothing is ignored in
//! silence. The few lines that are accepted without effect are listed in [`TOLERATED`].

mod check;
mod compat;
mod edit;
mod entries;
mod left_out;
mod networks;
mod place;
mod sections;
mod session;
mod sync;

pub use crate::grammar::{LineError, Problem};
pub use check::Reading;
pub(crate) use check::unsupported;
pub use compat::Understood;
pub use edit::{ConfigChange, Edit};
pub use entries::{Entries, Entry, Tally};
pub use left_out::TOLERATED;
#[cfg(test)]
pub(crate) use left_out::UNSUPPORTED;
pub use place::{ModeKey, Place};
pub(crate) use sections::MODES;
pub use sections::{
    SectionId, UnknownSection,
    boot::CONFIG_REGISTER_DEFAULT,
    interface::{Interface, InterfaceAddress, Interfaces, MTU_DEFAULT},
    neighbours::{Neighbour, NeighbourKey, NeighbourScope, ResolvedNeighbour},
    redundancy::{AutoSync, CRASHDUMP_TIMEOUT_MAX, RedundancyConfig},
    routes::{RouteTarget, STATIC_DISTANCE, StaticRoute},
    snmp::LinkTraps,
    vrf::{RouteTargets, VRF_NAME_MAX, Vrf, VrfName},
};
pub use session::{Applied, ConfigSession};
pub use sync::{Digest, SyncError, SyncRecord, WholeReader};

use fabric_proto::{fib::Mac, id::RpSlot, platform::Profile, special::Special};
use sections::{END, SECTIONS};
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

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
    /// `vrf definition`.
    pub vrfs: Entries<VrfName, Vrf>,
    /// `interface`. A port that is not here is shut down.
    pub interfaces: Interfaces,
    /// `ip route` and `ipv6 route`: the administrative distance, by what the route is.
    pub routes: Entries<StaticRoute, u8>,
    /// `arp` and `ipv6 neighbor`: static neighbours.
    pub neighbours: Entries<NeighbourKey, Neighbour>,
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

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: "router".to_owned(),
            version: None,
            redundancy: RedundancyConfig::default(),
            vrfs: Entries::default(),
            interfaces: Interfaces::default(),
            routes: Entries::default(),
            neighbours: Entries::default(),
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

    /// How many bytes [`Config::render`] makes, without doing it.
    pub fn rendered_len(&self) -> usize {
        SECTIONS.iter().map(|section| (section.tally)(self).bytes).sum::<usize>() + END.len()
    }

    /// What each section holds: equal for equal ones, and hardly ever for others. Costs no more for a large configuration.
    pub fn digests(&self) -> Vec<(SectionId, u64)> {
        SECTIONS.iter().map(|section| (section.id, (section.tally)(self).digest)).collect()
    }
}

/// The configuration as text, in the order in which routers write it.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SECTIONS.iter().try_for_each(|section| (section.write)(self, f))?;
        f.write_str(END)
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

/// Why an address cannot be one neighbour's or one interface's. Link-local ones can: packets to them go no further.
pub(crate) fn not_a_hosts(address: IpAddr) -> Option<Special> {
    Special::of(address).filter(|special| *special != Special::LinkLocal)
}

#[cfg(test)]
mod tests;
