//! The grammar of the configuration, one table a mode.

use super::ConfigMode;
use crate::grammar::{
    Command, Grammar, Shape,
    Token::{self, Argument as A, Keyword as K},
};
use fabric_proto::redundancy::Mode;

/// What a line of configuration does. An `Option`-like pair (`Mtu`, `NoMtu`) is a command and its
/// `no` form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    End,
    Exit,
    Hostname,
    NoHostname,
    Version,
    NoVersion,
    EnterRedundancy,
    NoRedundancy,
    EnterInterface,
    NoInterface,
    Route,
    NoRoute,
    NoRoutes,
    Neighbour,
    NoNeighbour,
    NoNeighbourFull,
    Neighbour6,
    IpCef,
    NoIpCef,
    Ipv6Routing(bool),
    Ipv6Cef(bool),
    BootSystem,
    NoBootSystem,
    NoBootSystems,
    Register,
    NoRegister,
    SlotImage,
    NoSlotImage,
    NoSlotImages,
    Mode(Mode),
    NoMode,
    EnterMainCpu,
    NoMainCpu,
    SwitchoverSeconds,
    SwitchoverMsec,
    NoSwitchover,
    /// In minutes.
    CrashdumpMinutes,
    /// In seconds, and `hh:mm`, whose value is in seconds too.
    Crashdump,
    NoCrashdump,
    AutoSync(Which, bool),
    Ipv4Address,
    NoIpv4Address,
    Ipv6Address,
    NoIpv6Address,
    NoIpv6Addresses,
    Shutdown(bool),
    Description,
    NoDescription,
    Mtu,
    NoMtu,
    LinkTraps {
        down: bool,
        up: bool,
        on: bool,
    },
    LinkStatus(bool),
}

/// Which configurations `auto-sync` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Startup,
    Running,
    Standard,
}

const fn command(tokens: &'static [Token], does: Does) -> Command<Does> {
    Command { tokens, does }
}

const V4: Token = A(Shape::Ipv4);
const MASK: Token = A(Shape::Mask);
const V6: Token = A(Shape::Ipv6);
const V6_LEN: Token = A(Shape::Ipv6Length);
const DISTANCE: Token = A(Shape::Number(1, 255));
const PORT: Token = A(Shape::Port);
const GIGABIT: Token = K("GigabitEthernet");
const NULL: Token = K("Null0");
const MAC: Token = A(Shape::Mac);
const WORD: Token = A(Shape::Word);
const REST: Token = A(Shape::Rest);
const NO: Token = K("no");
/// Shortest MTU that IPv4 hosts must accept, and the jumbo limit of the field.
const MTU: Token = A(Shape::Number(576, 9216));
const SECONDS: Token = A(Shape::Number(1, 3600));
/// From what a user-space heartbeat can still tell from a late scheduler.
const MSEC: Token = A(Shape::Number(20, 60_000));
const MINUTES: Token = A(Shape::Number(0, 1080));
const HOURS: Token = A(Shape::HoursMinutes);
const DUMP_SECONDS: Token = A(Shape::Number(0, 64_800));
const SNMP: Token = K("snmp-server");
const TRAPS: Token = K("traps");
const DOWN: Token = K("linkdown");
const UP: Token = K("linkup");

const fn traps(down: bool, up: bool, on: bool) -> Does {
    Does::LinkTraps { down, up, on }
}

static GLOBAL: Grammar<Does> = Grammar {
    commands: &[
        command(&[K("end")], Does::End),
        command(&[K("exit")], Does::Exit),
        command(&[K("hostname"), WORD], Does::Hostname),
        command(&[NO, K("hostname")], Does::NoHostname),
        command(&[NO, K("hostname"), WORD], Does::NoHostname),
        command(&[K("version"), WORD], Does::Version),
        command(&[NO, K("version")], Does::NoVersion),
        command(&[K("redundancy")], Does::EnterRedundancy),
        command(&[NO, K("redundancy")], Does::NoRedundancy),
        command(&[K("interface"), PORT], Does::EnterInterface),
        command(&[K("interface"), GIGABIT, PORT], Does::EnterInterface),
        command(&[NO, K("interface"), PORT], Does::NoInterface),
        command(&[NO, K("interface"), GIGABIT, PORT], Does::NoInterface),
        command(&[K("ip"), K("route"), V4, MASK, V4], Does::Route),
        command(&[K("ip"), K("route"), V4, MASK, V4, DISTANCE], Does::Route),
        command(&[K("ip"), K("route"), V4, MASK, PORT, V4], Does::Route),
        command(&[K("ip"), K("route"), V4, MASK, PORT, V4, DISTANCE], Does::Route),
        command(&[K("ip"), K("route"), V4, MASK, GIGABIT, PORT, V4], Does::Route),
        command(&[K("ip"), K("route"), V4, MASK, GIGABIT, PORT, V4, DISTANCE], Does::Route),
        command(&[K("ip"), K("route"), V4, MASK, NULL], Does::Route),
        command(&[K("ip"), K("route"), V4, MASK, NULL, DISTANCE], Does::Route),
        command(&[NO, K("ip"), K("route"), V4, MASK], Does::NoRoutes),
        command(&[NO, K("ip"), K("route"), V4, MASK, V4], Does::NoRoute),
        command(&[NO, K("ip"), K("route"), V4, MASK, V4, DISTANCE], Does::NoRoute),
        command(&[NO, K("ip"), K("route"), V4, MASK, PORT, V4], Does::NoRoute),
        command(&[NO, K("ip"), K("route"), V4, MASK, PORT, V4, DISTANCE], Does::NoRoute),
        command(&[NO, K("ip"), K("route"), V4, MASK, GIGABIT, PORT, V4], Does::NoRoute),
        command(&[NO, K("ip"), K("route"), V4, MASK, GIGABIT, PORT, V4, DISTANCE], Does::NoRoute),
        command(&[NO, K("ip"), K("route"), V4, MASK, NULL], Does::NoRoute),
        command(&[NO, K("ip"), K("route"), V4, MASK, NULL, DISTANCE], Does::NoRoute),
        command(&[K("ipv6"), K("route"), V6_LEN, V6], Does::Route),
        command(&[K("ipv6"), K("route"), V6_LEN, V6, DISTANCE], Does::Route),
        command(&[K("ipv6"), K("route"), V6_LEN, PORT, V6], Does::Route),
        command(&[K("ipv6"), K("route"), V6_LEN, PORT, V6, DISTANCE], Does::Route),
        command(&[K("ipv6"), K("route"), V6_LEN, GIGABIT, PORT, V6], Does::Route),
        command(&[K("ipv6"), K("route"), V6_LEN, GIGABIT, PORT, V6, DISTANCE], Does::Route),
        command(&[K("ipv6"), K("route"), V6_LEN, NULL], Does::Route),
        command(&[K("ipv6"), K("route"), V6_LEN, NULL, DISTANCE], Does::Route),
        command(&[NO, K("ipv6"), K("route"), V6_LEN], Does::NoRoutes),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, V6], Does::NoRoute),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, V6, DISTANCE], Does::NoRoute),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, PORT, V6], Does::NoRoute),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, PORT, V6, DISTANCE], Does::NoRoute),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, GIGABIT, PORT, V6], Does::NoRoute),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, GIGABIT, PORT, V6, DISTANCE], Does::NoRoute),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, NULL], Does::NoRoute),
        command(&[NO, K("ipv6"), K("route"), V6_LEN, NULL, DISTANCE], Does::NoRoute),
        command(&[K("arp"), V4, MAC, K("arpa")], Does::Neighbour),
        command(&[K("arp"), V4, MAC, K("arpa"), PORT], Does::Neighbour),
        command(&[K("arp"), V4, MAC, K("arpa"), GIGABIT, PORT], Does::Neighbour),
        command(&[NO, K("arp"), V4], Does::NoNeighbour),
        command(&[NO, K("arp"), V4, MAC, K("arpa")], Does::NoNeighbourFull),
        command(&[NO, K("arp"), V4, MAC, K("arpa"), PORT], Does::NoNeighbourFull),
        command(&[NO, K("arp"), V4, MAC, K("arpa"), GIGABIT, PORT], Does::NoNeighbourFull),
        command(&[K("ipv6"), K("neighbor"), V6, PORT, MAC], Does::Neighbour6),
        command(&[K("ipv6"), K("neighbor"), V6, GIGABIT, PORT, MAC], Does::Neighbour6),
        command(&[NO, K("ipv6"), K("neighbor"), V6], Does::NoNeighbour),
        command(&[NO, K("ipv6"), K("neighbor"), V6, PORT], Does::NoNeighbourFull),
        command(&[NO, K("ipv6"), K("neighbor"), V6, GIGABIT, PORT], Does::NoNeighbourFull),
        command(&[NO, K("ipv6"), K("neighbor"), V6, PORT, MAC], Does::NoNeighbourFull),
        command(&[NO, K("ipv6"), K("neighbor"), V6, GIGABIT, PORT, MAC], Does::NoNeighbourFull),
        command(&[K("ip"), K("cef")], Does::IpCef),
        command(&[K("ip"), K("cef"), K("distributed")], Does::IpCef),
        command(&[NO, K("ip"), K("cef")], Does::NoIpCef),
        command(&[NO, K("ip"), K("cef"), K("distributed")], Does::NoIpCef),
        command(&[K("ipv6"), K("unicast-routing")], Does::Ipv6Routing(true)),
        command(&[NO, K("ipv6"), K("unicast-routing")], Does::Ipv6Routing(false)),
        command(&[K("ipv6"), K("cef")], Does::Ipv6Cef(true)),
        command(&[K("ipv6"), K("cef"), K("distributed")], Does::Ipv6Cef(true)),
        command(&[NO, K("ipv6"), K("cef")], Does::Ipv6Cef(false)),
        command(&[NO, K("ipv6"), K("cef"), K("distributed")], Does::Ipv6Cef(false)),
        command(&[K("boot"), K("system"), REST], Does::BootSystem),
        command(&[NO, K("boot"), K("system")], Does::NoBootSystems),
        command(&[NO, K("boot"), K("system"), REST], Does::NoBootSystem),
        command(&[K("config-register"), A(Shape::Register)], Does::Register),
        command(&[NO, K("config-register")], Does::NoRegister),
        command(&[K("hw-module"), K("slot"), A(Shape::RpSlot), K("image"), WORD], Does::SlotImage),
        command(&[NO, K("hw-module"), K("slot"), A(Shape::RpSlot), K("image")], Does::NoSlotImages),
        command(&[NO, K("hw-module"), K("slot"), A(Shape::RpSlot), K("image"), WORD], Does::NoSlotImage),
        command(&[SNMP, K("enable"), TRAPS], traps(true, true, true)),
        command(&[SNMP, K("enable"), TRAPS, K("snmp")], traps(true, true, true)),
        command(&[SNMP, K("enable"), TRAPS, K("snmp"), DOWN], traps(true, false, true)),
        command(&[SNMP, K("enable"), TRAPS, K("snmp"), UP], traps(false, true, true)),
        command(&[SNMP, K("enable"), TRAPS, K("snmp"), DOWN, UP], traps(true, true, true)),
        command(&[SNMP, K("enable"), TRAPS, K("snmp"), UP, DOWN], traps(true, true, true)),
        command(&[NO, SNMP, K("enable"), TRAPS], traps(true, true, false)),
        command(&[NO, SNMP, K("enable"), TRAPS, K("snmp")], traps(true, true, false)),
        command(&[NO, SNMP, K("enable"), TRAPS, K("snmp"), DOWN], traps(true, false, false)),
        command(&[NO, SNMP, K("enable"), TRAPS, K("snmp"), UP], traps(false, true, false)),
        command(&[NO, SNMP, K("enable"), TRAPS, K("snmp"), DOWN, UP], traps(true, true, false)),
        command(&[NO, SNMP, K("enable"), TRAPS, K("snmp"), UP, DOWN], traps(true, true, false)),
    ],
    help: HELP,
};

static REDUNDANCY: Grammar<Does> = Grammar {
    commands: &[
        command(&[K("end")], Does::End),
        command(&[K("exit")], Does::Exit),
        command(&[K("mode"), K("hsa")], Does::Mode(Mode::Hsa)),
        command(&[K("mode"), K("rpr")], Does::Mode(Mode::Rpr)),
        command(&[K("mode"), K("rpr-plus")], Does::Mode(Mode::RprPlus)),
        command(&[K("mode"), K("sso")], Does::Mode(Mode::Sso)),
        command(&[NO, K("mode")], Does::NoMode),
        command(&[K("main-cpu")], Does::EnterMainCpu),
        command(&[NO, K("main-cpu")], Does::NoMainCpu),
        command(&[K("switchover"), K("timer"), SECONDS], Does::SwitchoverSeconds),
        command(&[K("switchover"), K("timer"), K("msec"), MSEC], Does::SwitchoverMsec),
        command(&[NO, K("switchover"), K("timer")], Does::NoSwitchover),
        command(&[NO, K("switchover"), K("timer"), SECONDS], Does::NoSwitchover),
        command(&[NO, K("switchover"), K("timer"), K("msec"), MSEC], Does::NoSwitchover),
        command(&[K("crashdump-timeout"), MINUTES], Does::CrashdumpMinutes),
        command(&[K("crashdump-timeout"), HOURS], Does::Crashdump),
        command(&[K("crashdump-timeout"), K("seconds"), DUMP_SECONDS], Does::Crashdump),
        command(&[NO, K("crashdump-timeout")], Does::NoCrashdump),
        command(&[NO, K("crashdump-timeout"), MINUTES], Does::NoCrashdump),
        command(&[NO, K("crashdump-timeout"), HOURS], Does::NoCrashdump),
        command(&[NO, K("crashdump-timeout"), K("seconds"), DUMP_SECONDS], Does::NoCrashdump),
    ],
    help: HELP,
};

static MAIN_CPU: Grammar<Does> = Grammar {
    commands: &[
        command(&[K("end")], Does::End),
        command(&[K("exit")], Does::Exit),
        command(&[K("auto-sync"), K("startup-config")], Does::AutoSync(Which::Startup, true)),
        command(&[K("auto-sync"), K("running-config")], Does::AutoSync(Which::Running, true)),
        command(&[K("auto-sync"), K("standard")], Does::AutoSync(Which::Standard, true)),
        command(&[NO, K("auto-sync"), K("startup-config")], Does::AutoSync(Which::Startup, false)),
        command(&[NO, K("auto-sync"), K("running-config")], Does::AutoSync(Which::Running, false)),
        command(&[NO, K("auto-sync"), K("standard")], Does::AutoSync(Which::Standard, false)),
    ],
    help: HELP,
};

static INTERFACE: Grammar<Does> = Grammar {
    commands: &[
        command(&[K("end")], Does::End),
        command(&[K("exit")], Does::Exit),
        command(&[K("ip"), K("address"), V4, MASK], Does::Ipv4Address),
        command(&[NO, K("ip"), K("address")], Does::NoIpv4Address),
        command(&[NO, K("ip"), K("address"), V4, MASK], Does::NoIpv4Address),
        command(&[K("ipv6"), K("address"), V6_LEN], Does::Ipv6Address),
        command(&[NO, K("ipv6"), K("address")], Does::NoIpv6Addresses),
        command(&[NO, K("ipv6"), K("address"), V6_LEN], Does::NoIpv6Address),
        command(&[K("shutdown")], Does::Shutdown(true)),
        command(&[NO, K("shutdown")], Does::Shutdown(false)),
        command(&[K("description"), REST], Does::Description),
        command(&[NO, K("description")], Does::NoDescription),
        command(&[NO, K("description"), REST], Does::NoDescription),
        command(&[K("mtu"), MTU], Does::Mtu),
        command(&[NO, K("mtu")], Does::NoMtu),
        command(&[NO, K("mtu"), MTU], Does::NoMtu),
        command(&[K("snmp"), K("trap"), K("link-status")], Does::LinkStatus(true)),
        command(&[NO, K("snmp"), K("trap"), K("link-status")], Does::LinkStatus(false)),
    ],
    help: HELP,
};

/// Modes share their words.
const HELP: &[(&str, &str)] = &[
    ("no", "Negate a command or set its default"),
    ("end", "Leave configuration mode"),
    ("exit", "Leave this mode"),
    ("hostname", "Set the system's name"),
    ("version", "Release that wrote this configuration"),
    ("redundancy", "Redundancy of the route processors"),
    ("interface", "A port"),
    ("GigabitEthernet", "Ethernet port of a line card"),
    ("ip", "IPv4"),
    ("ipv6", "IPv6"),
    ("route", "Static route"),
    ("Null0", "Discard"),
    ("address", "The port's own address"),
    ("arp", "Static ARP entry"),
    ("arpa", "Ethernet encapsulation"),
    ("neighbor", "Static neighbor discovery entry"),
    ("cef", "Express forwarding"),
    ("distributed", "Line cards forward on their own"),
    ("unicast-routing", "Route IPv6"),
    ("boot", "What is booted"),
    ("system", "System image"),
    ("config-register", "Configuration register"),
    ("hw-module", "Hardware of one slot"),
    ("slot", "Slot of a route processor"),
    ("image", "Image that this slot boots"),
    ("mode", "Redundancy mode"),
    ("hsa", "High system availability: the standby is not booted"),
    ("rpr", "Route processor redundancy: cold standby"),
    ("rpr-plus", "Route processor redundancy plus: warm standby"),
    ("sso", "Stateful switchover: hot standby"),
    ("main-cpu", "The route processors' own redundancy"),
    ("switchover", "When the peer is declared dead"),
    ("timer", "Silence after which the peer is declared dead, seconds"),
    ("msec", "In milliseconds"),
    ("crashdump-timeout", "Longest wait for the failed processor's core dump, minutes or hh:mm"),
    ("seconds", "In seconds"),
    ("auto-sync", "What is copied to the standby unasked"),
    ("startup-config", "Startup configuration"),
    ("running-config", "Running configuration"),
    ("standard", "Both configurations"),
    ("shutdown", "Switch the port off"),
    ("description", "Text about the port"),
    ("mtu", "Longest IP packet, bytes"),
    ("snmp-server", "What an SNMP agent would send"),
    ("enable", "Enable notifications"),
    ("traps", "Link notifications"),
    ("snmp", "SNMP notifications"),
    ("linkdown", "linkDown"),
    ("linkup", "linkUp"),
    ("trap", "Notifications of this port"),
    ("link-status", "linkDown and linkUp"),
];

/// Every configuration command and its meaning, mode by mode, for the documentation.
#[cfg(test)]
pub(crate) fn command_tables() -> Vec<(&'static str, Vec<(String, &'static str)>)> {
    let rows = |grammar: &'static Grammar<Does>| {
        let row = |command: &Command<Does>| {
            let words: Vec<String> = command.tokens.iter().map(|token| token.label()).collect();
            let mut keywords = command.tokens.iter().filter_map(|token| match token {
                K(word) if *word != "no" => Some(*word),
                K(_) | A(_) => None,
            });
            (words.join(" "), keywords.next_back().map_or("", |word| grammar.text(&[], word)))
        };
        grammar.commands.iter().map(row).collect()
    };
    vec![
        ("global", rows(&GLOBAL)),
        ("redundancy", rows(&REDUNDANCY)),
        ("main-cpu", rows(&MAIN_CPU)),
        ("interface", rows(&INTERFACE)),
    ]
}

impl ConfigMode {
    pub(super) fn grammar(self) -> &'static Grammar<Does> {
        match self {
            Self::Global => &GLOBAL,
            Self::Redundancy => &REDUNDANCY,
            Self::MainCpu => &MAIN_CPU,
            Self::Interface(_) => &INTERFACE,
        }
    }

    /// The mode around this one: its commands are understood here too, and leave this mode.
    pub(super) fn outer(self) -> Option<Self> {
        match self {
            Self::Global => None,
            Self::Redundancy | Self::Interface(_) => Some(Self::Global),
            Self::MainCpu => Some(Self::Redundancy),
        }
    }
}
