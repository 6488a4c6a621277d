//! The sections of the configuration. Each brings its commands and what they do, how it is written, and what it comes to.

pub(super) mod boot;
pub(super) mod forwarding;
pub(super) mod interface;
pub(super) mod neighbours;
pub(super) mod redundancy;
pub(super) mod routes;
pub(super) mod snmp;
pub(super) mod system;
pub(super) mod vrf;

use super::{
    Config, Tally,
    place::{Asked, At, Does, Mode, Next},
};
use crate::grammar::{
    Command, Help, Line, LineError, Shape,
    Token::{self, Argument as A, Keyword as K, OneOf, Optional},
    command,
};
use std::{
    fmt::{self, Write},
    str::FromStr,
};

/// Names a section, between releases too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionId {
    /// Name, version, lines without effect.
    System,
    /// Images and the register.
    Boot,
    /// `vrf definition`.
    Vrfs,
    /// Switches of forwarding.
    Forwarding,
    /// `redundancy`.
    Redundancy,
    /// `interface`.
    Interfaces,
    /// `ip route`, `ipv6 route`.
    Routes,
    /// `arp`, `ipv6 neighbor`.
    Neighbours,
    /// `snmp-server`.
    Snmp,
}

/// A section.
pub(super) struct Section {
    pub(super) id: SectionId,
    /// What it is called between releases.
    pub(super) name: &'static str,
    /// Writes it, with what separates it from the next one.
    pub(super) write: fn(&Config, &mut dyn Write) -> fmt::Result,
    /// What its text comes to.
    pub(super) tally: fn(&Config) -> Tally,
}

/// All of them, in the order in which they are written.
pub(super) const SECTIONS: &[Section] = &[
    system::SECTION,
    boot::SECTION,
    vrf::SECTION,
    forwarding::SECTION,
    redundancy::SECTION,
    interface::SECTION,
    routes::SECTION,
    neighbours::SECTION,
    snmp::SECTION,
];

/// What follows the last one.
pub(super) const END: &str = "!\nend\n";

/// The global mode: what sections have there.
pub(super) static GLOBAL: Mode = Mode::new(
    "global",
    "(config)",
    &[
        system::COMMANDS,
        redundancy::COMMANDS,
        vrf::COMMANDS,
        interface::COMMANDS,
        routes::COMMANDS,
        neighbours::COMMANDS,
        forwarding::COMMANDS,
        boot::COMMANDS,
        snmp::COMMANDS,
    ],
    &[
        system::HELP,
        redundancy::HELP,
        vrf::HELP,
        interface::HELP,
        routes::HELP,
        neighbours::HELP,
        forwarding::HELP,
        boot::HELP,
        snmp::HELP,
    ],
);

/// Every mode.
pub(crate) static MODES: &[&Mode] = &[
    &GLOBAL,
    &redundancy::MODE,
    &redundancy::MAIN_CPU,
    &vrf::MODE,
    &vrf::FAMILY,
    &interface::PORT,
    &interface::SUBINTERFACE,
    &interface::VIRTUAL,
];

/// Commands of every mode.
pub(super) static EVERYWHERE: &[Command<Does>] =
    &[command(&[K("end")], |_, _| Ok(Next::Leave.into())), command(&[K("exit")], |_, _| Ok(Next::Up.into()))];

/// Words of several sections.
pub(super) const WORDS: Help = &[
    ("no", "Negate a command or set its default"),
    ("end", "Leave configuration mode"),
    ("exit", "Leave this mode"),
    ("GigabitEthernet", "Ethernet port of a line card"),
    ("ip", "IPv4"),
    ("ipv6", "IPv6"),
    ("route", "Static route"),
    ("description", "Text about it"),
    ("vrf", "Routing tables of their own"),
];

const NO: Token = Optional(&[K("no")]);
const WORD: Token = A(Shape::Word);
const REST: Token = A(Shape::Rest);
const V4: Token = A(Shape::Ipv4);
const MASK: Token = A(Shape::Mask);
const V6: Token = A(Shape::Ipv6);
const V6_LEN: Token = A(Shape::Ipv6Length);
const MAC: Token = A(Shape::Mac);
/// A port, with a space after the name of its kind or without.
const PORT: Token = OneOf(&[&[A(Shape::Interface)], &[K("GigabitEthernet"), A(Shape::PortNumber)]]);

/// What a whole text comes to that is short enough to be written at any time.
fn short(config: &Config, write: fn(&Config, &mut dyn Write) -> fmt::Result) -> Tally {
    Tally::of(|f| write(config, f))
}

/// A command that is understood and changes nothing.
fn nothing(_: &At<'_>, _: &Line) -> Result<Asked, LineError> {
    Ok(Asked::default())
}

impl SectionId {
    fn section(self) -> Option<&'static Section> {
        SECTIONS.iter().find(|section| section.id == self)
    }
}

impl fmt::Display for SectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section().map_or("", |section| section.name))
    }
}

/// A name that no section of this release has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this release has no configuration section '{0}'")]
pub struct UnknownSection(String);

impl FromStr for SectionId {
    type Err = UnknownSection;
    fn from_str(text: &str) -> Result<Self, UnknownSection> {
        let named = SECTIONS.iter().find(|section| section.name == text);
        named.map(|section| section.id).ok_or_else(|| UnknownSection(text.to_owned()))
    }
}
