//! The grammar of exec mode.

use super::{Debug, show::Show};
use crate::grammar::{
    Command, Grammar, Shape,
    Token::{self, Argument as A, Keyword as K},
};
use fabric_proto::fib::Family::{V4, V6};

/// What a line of exec mode does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exec {
    /// Print something; an address selects the longest match.
    Show(Show),
    /// The same for a prefix and everything in it.
    ShowWithin(Show),
    /// With the keyword `main-cpu`, which some platforms demand, or without.
    ForceSwitchover(bool),
    Reload,
    ReloadPeer,
    ResetSlot,
    /// The running configuration becomes the startup configuration; with force, also where that was not understood.
    WriteMemory(bool),
    /// The running configuration on the terminal.
    WriteTerminal,
    Configure,
    /// `debug redundancy`, on or off.
    Debug(Debug, bool),
    /// A kind of debugging that this chassis has no hardware for.
    NoSuchDebug,
    /// Whether to ask before commands that interrupt service.
    TerminalConfirm(bool),
    Exit,
    /// Privileged, or not.
    Enable(bool),
    /// Accepted and without effect: what terminal programs send first.
    Nothing,
}

impl Exec {
    /// Whether a session without privileges has the command: it looks at how the chassis does, and not at its
    /// configuration.
    pub(super) const fn is_for_all(self) -> bool {
        match self {
            Self::Show(what) | Self::ShowWithin(what) => !matches!(what, Show::Running | Show::Startup),
            Self::TerminalConfirm(_) | Self::Exit | Self::Enable(_) | Self::Nothing => true,
            Self::ForceSwitchover(_)
            | Self::Reload
            | Self::ReloadPeer
            | Self::ResetSlot
            | Self::WriteMemory(_)
            | Self::WriteTerminal
            | Self::Configure
            | Self::Debug(..)
            | Self::NoSuchDebug => false,
        }
    }
}

const fn command(tokens: &'static [Token], does: Exec) -> Command<Exec> {
    Command { tokens, does }
}

const SHOW: Token = K("show");
const RED: Token = K("redundancy");
const IP: Token = K("ip");
const IPV6: Token = K("ipv6");
const ROUTE: Token = K("route");
const CEF: Token = K("cef");
const SUMMARY: Token = K("summary");
const EXACT: Token = K("exact-route");
const FROM: Token = K("src-port");
const TO: Token = K("dest-port");
const L4: Token = A(Shape::Number(0, 65_535));
const LONGER: Token = K("longer-prefixes");
const A4: Token = A(Shape::Ipv4);
const MASK: Token = A(Shape::Mask);
const P4: Token = A(Shape::Ipv4Length);
const A6: Token = A(Shape::Ipv6);
const P6: Token = A(Shape::Ipv6Length);
const SLOT: Token = A(Shape::Slot);
const PORT: Token = A(Shape::Port);
const COPY: Token = K("copy");
const RUN: Token = K("running-config");
const START: Token = K("startup-config");
const SYSTEM_RUN: Token = K("system:running-config");
const NVRAM_START: Token = K("nvram:startup-config");
const DEBUG: Token = K("debug");
const COLUMNS: Token = A(Shape::Number(0, 512));

pub(super) static EXEC: Grammar<Exec> = Grammar {
    commands: &[
        command(&[SHOW, RED], Exec::Show(Show::Redundancy)),
        command(&[SHOW, RED, K("states")], Exec::Show(Show::RedundancyStates)),
        command(&[SHOW, RED, K("clients")], Exec::Show(Show::RedundancyClients)),
        command(&[SHOW, RED, K("counters")], Exec::Show(Show::RedundancyCounters)),
        command(&[SHOW, RED, K("history")], Exec::Show(Show::RedundancyHistory)),
        command(&[SHOW, RED, K("switchover")], Exec::Show(Show::SwitchoverHistory)),
        command(&[SHOW, RED, K("switchover"), K("history")], Exec::Show(Show::SwitchoverHistory)),
        command(&[SHOW, RED, K("linecard"), K("all")], Exec::Show(Show::LineCards)),
        command(&[SHOW, RED, K("handover")], Exec::Show(Show::Handover)),
        command(&[SHOW, RED, K("debug-log")], Exec::Show(Show::DebugLog)),
        command(&[SHOW, RED, K("inter-device")], Exec::Show(Show::InterDevice)),
        command(&[SHOW, RED, K("config-sync")], Exec::Show(Show::ConfigSync)),
        command(&[SHOW, K("debugging")], Exec::Show(Show::Debugging)),
        command(&[SHOW, K("version")], Exec::Show(Show::Version)),
        command(&[SHOW, K("diag")], Exec::Show(Show::Diag)),
        command(&[SHOW, K("diag"), SLOT], Exec::Show(Show::Diag)),
        command(&[SHOW, K("diag"), K("summary")], Exec::Show(Show::DiagSummary)),
        command(&[SHOW, K("boot")], Exec::Show(Show::Boot)),
        command(&[SHOW, K("bootvar")], Exec::Show(Show::Boot)),
        command(&[SHOW, K("interfaces")], Exec::Show(Show::Interfaces)),
        command(&[SHOW, K("interfaces"), PORT], Exec::Show(Show::Interfaces)),
        command(&[SHOW, K("interfaces"), K("description")], Exec::Show(Show::InterfacesDescription)),
        command(&[SHOW, IP, K("interface"), K("brief")], Exec::Show(Show::InterfaceBrief(V4))),
        command(&[SHOW, IPV6, K("interface"), K("brief")], Exec::Show(Show::InterfaceBrief(V6))),
        command(&[SHOW, K("arp")], Exec::Show(Show::Neighbours(V4))),
        command(&[SHOW, IP, K("arp")], Exec::Show(Show::Neighbours(V4))),
        command(&[SHOW, IPV6, K("neighbors")], Exec::Show(Show::Neighbours(V6))),
        command(&[SHOW, K("snmp"), K("mib"), K("ifmib")], Exec::Show(Show::IfMib)),
        command(&[SHOW, K("running-config")], Exec::Show(Show::Running)),
        command(&[SHOW, K("running-config"), K("interface"), PORT], Exec::Show(Show::Running)),
        command(&[SHOW, K("configuration"), K("lock")], Exec::Show(Show::ConfigLock)),
        command(&[SHOW, K("startup-config")], Exec::Show(Show::Startup)),
        command(&[SHOW, K("configuration")], Exec::Show(Show::Startup)),
        command(&[SHOW, K("logging")], Exec::Show(Show::Logging)),
        command(&[SHOW, K("clock")], Exec::Show(Show::Clock)),
        command(&[SHOW, K("platform")], Exec::Show(Show::Platform)),
        command(&[SHOW, IP, ROUTE], Exec::Show(Show::Routes(V4))),
        command(&[SHOW, IP, ROUTE, SUMMARY], Exec::Show(Show::RouteSummary(V4))),
        command(&[SHOW, IP, ROUTE, A4], Exec::Show(Show::Routes(V4))),
        command(&[SHOW, IP, ROUTE, A4, MASK], Exec::Show(Show::Routes(V4))),
        command(&[SHOW, IP, ROUTE, A4, MASK, LONGER], Exec::ShowWithin(Show::Routes(V4))),
        command(&[SHOW, IP, ROUTE, P4], Exec::Show(Show::Routes(V4))),
        command(&[SHOW, IP, ROUTE, P4, LONGER], Exec::ShowWithin(Show::Routes(V4))),
        command(&[SHOW, IP, CEF], Exec::Show(Show::Fib(V4))),
        command(&[SHOW, IP, CEF, SUMMARY], Exec::Show(Show::FibSummary(V4))),
        command(&[SHOW, IP, CEF, EXACT, A4, A4], Exec::Show(Show::ExactRoute(V4))),
        command(&[SHOW, IP, CEF, EXACT, A4, FROM, L4, A4, TO, L4], Exec::Show(Show::ExactRoute(V4))),
        command(&[SHOW, IP, CEF, A4], Exec::Show(Show::Fib(V4))),
        command(&[SHOW, IP, CEF, A4, MASK], Exec::Show(Show::Fib(V4))),
        command(&[SHOW, IP, CEF, A4, MASK, LONGER], Exec::ShowWithin(Show::Fib(V4))),
        command(&[SHOW, IP, CEF, P4], Exec::Show(Show::Fib(V4))),
        command(&[SHOW, IP, CEF, P4, LONGER], Exec::ShowWithin(Show::Fib(V4))),
        command(&[SHOW, IPV6, ROUTE], Exec::Show(Show::Routes(V6))),
        command(&[SHOW, IPV6, ROUTE, SUMMARY], Exec::Show(Show::RouteSummary(V6))),
        command(&[SHOW, IPV6, ROUTE, A6], Exec::Show(Show::Routes(V6))),
        command(&[SHOW, IPV6, ROUTE, P6], Exec::Show(Show::Routes(V6))),
        command(&[SHOW, IPV6, ROUTE, P6, LONGER], Exec::ShowWithin(Show::Routes(V6))),
        command(&[SHOW, IPV6, CEF], Exec::Show(Show::Fib(V6))),
        command(&[SHOW, IPV6, CEF, SUMMARY], Exec::Show(Show::FibSummary(V6))),
        command(&[SHOW, IPV6, CEF, EXACT, A6, A6], Exec::Show(Show::ExactRoute(V6))),
        command(&[SHOW, IPV6, CEF, EXACT, A6, FROM, L4, A6, TO, L4], Exec::Show(Show::ExactRoute(V6))),
        command(&[SHOW, IPV6, CEF, A6], Exec::Show(Show::Fib(V6))),
        command(&[SHOW, IPV6, CEF, P6], Exec::Show(Show::Fib(V6))),
        command(&[SHOW, IPV6, CEF, P6, LONGER], Exec::ShowWithin(Show::Fib(V6))),
        command(&[RED, K("force-switchover")], Exec::ForceSwitchover(false)),
        command(&[RED, K("force-switchover"), K("main-cpu")], Exec::ForceSwitchover(true)),
        command(&[RED, K("reload"), K("peer")], Exec::ReloadPeer),
        command(&[RED, K("reload"), K("shelf")], Exec::Reload),
        command(&[K("hw-module"), K("slot"), SLOT, K("reset")], Exec::ResetSlot),
        command(&[K("hw-module"), K("slot"), SLOT, K("reload")], Exec::ResetSlot),
        command(&[K("hw-module"), K("standby-cpu"), K("reset")], Exec::ReloadPeer),
        command(&[K("reload")], Exec::Reload),
        command(&[K("reload"), K("standby-cpu")], Exec::ReloadPeer),
        command(&[K("write")], Exec::WriteMemory(false)),
        command(&[K("write"), K("memory")], Exec::WriteMemory(false)),
        command(&[K("write"), K("memory"), K("force")], Exec::WriteMemory(true)),
        command(&[K("write"), K("terminal")], Exec::WriteTerminal),
        command(&[COPY, RUN, START], Exec::WriteMemory(false)),
        command(&[COPY, RUN, NVRAM_START], Exec::WriteMemory(false)),
        command(&[COPY, SYSTEM_RUN, START], Exec::WriteMemory(false)),
        command(&[COPY, SYSTEM_RUN, NVRAM_START], Exec::WriteMemory(false)),
        command(&[DEBUG, RED, K("all")], Exec::Debug(Debug::ALL, true)),
        command(&[DEBUG, RED, K("fsm")], Exec::Debug(Debug::FSM, true)),
        command(&[DEBUG, RED, K("progression")], Exec::Debug(Debug::PROGRESSION, true)),
        command(&[DEBUG, RED, K("msg")], Exec::Debug(Debug::MSG, true)),
        command(&[DEBUG, RED, K("ui")], Exec::Debug(Debug::UI, true)),
        command(&[DEBUG, RED, K("clk")], Exec::NoSuchDebug),
        command(&[DEBUG, RED, K("hub")], Exec::NoSuchDebug),
        command(&[K("no"), DEBUG, K("all")], Exec::Debug(Debug::ALL, false)),
        command(&[K("no"), DEBUG, RED, K("all")], Exec::Debug(Debug::ALL, false)),
        command(&[K("no"), DEBUG, RED, K("fsm")], Exec::Debug(Debug::FSM, false)),
        command(&[K("no"), DEBUG, RED, K("progression")], Exec::Debug(Debug::PROGRESSION, false)),
        command(&[K("no"), DEBUG, RED, K("msg")], Exec::Debug(Debug::MSG, false)),
        command(&[K("no"), DEBUG, RED, K("ui")], Exec::Debug(Debug::UI, false)),
        command(&[K("undebug"), K("all")], Exec::Debug(Debug::ALL, false)),
        command(&[K("undebug"), RED, K("all")], Exec::Debug(Debug::ALL, false)),
        command(&[K("undebug"), RED, K("fsm")], Exec::Debug(Debug::FSM, false)),
        command(&[K("undebug"), RED, K("progression")], Exec::Debug(Debug::PROGRESSION, false)),
        command(&[K("undebug"), RED, K("msg")], Exec::Debug(Debug::MSG, false)),
        command(&[K("undebug"), RED, K("ui")], Exec::Debug(Debug::UI, false)),
        command(&[K("configure")], Exec::Configure),
        command(&[K("configure"), K("terminal")], Exec::Configure),
        command(&[K("exit")], Exec::Exit),
        command(&[K("quit")], Exec::Exit),
        command(&[K("logout")], Exec::Exit),
        command(&[K("enable")], Exec::Enable(true)),
        command(&[K("disable")], Exec::Enable(false)),
        command(&[K("terminal"), K("confirm")], Exec::TerminalConfirm(true)),
        command(&[K("terminal"), K("no"), K("confirm")], Exec::TerminalConfirm(false)),
        command(&[K("terminal"), K("monitor")], Exec::Nothing),
        command(&[K("terminal"), K("no"), K("monitor")], Exec::Nothing),
        command(&[K("terminal"), K("length"), COLUMNS], Exec::Nothing),
        command(&[K("terminal"), K("width"), COLUMNS], Exec::Nothing),
    ],
    help: &[
        ("show", "Show running system information"),
        ("show redundancy", "Redundancy of the route processors"),
        ("redundancy", "Redundancy of the route processors: act"),
        ("states", "States of both units, and the mode"),
        ("clients", "Clients of the redundancy facility, in order of progression"),
        ("counters", "Counters of the redundancy facility"),
        ("history", "Log of the redundancy facility's events"),
        ("switchover", "Switchovers"),
        ("switchover history", "Reason and time of each switchover"),
        ("linecard", "Line cards"),
        ("all", "All of them"),
        ("handover", "A planned switchover that is under way"),
        ("debug-log", "Debugging messages kept"),
        ("inter-device", "Redundancy between chassis"),
        ("config-sync", "How the standby follows the configuration"),
        ("debugging", "What is debugged"),
        ("diag", "Hardware of the slots"),
        ("boot", "What each unit boots"),
        ("bootvar", "What each unit boots"),
        ("interfaces", "Ports"),
        ("description", "Their descriptions"),
        ("interface", "Ports"),
        ("brief", "A line a port"),
        ("arp", "Static ARP entries"),
        ("neighbors", "Static neighbor discovery entries"),
        ("snmp", "Data that an SNMP agent would serve"),
        ("mib", "Of a MIB"),
        ("ifmib", "Interfaces (RFC 2863)"),
        ("lock", "Who is in configuration mode"),
        ("version", "Release of each unit, and uptime"),
        ("running-config", "Configuration in use"),
        ("startup-config", "Configuration of the next start"),
        ("configuration", "Configuration of the next start"),
        ("logging", "Log messages kept"),
        ("clock", "Time of day"),
        ("platform", "Slots of the chassis"),
        ("ip", "IPv4"),
        ("ipv6", "IPv6"),
        ("route", "Routing table"),
        ("cef", "Forwarding table"),
        ("summary", "Numbers only"),
        ("exact-route", "The path of one flow, as line cards choose it"),
        ("src-port", "With TCP's or UDP's source port"),
        ("dest-port", "With TCP's or UDP's ports"),
        ("longer-prefixes", "The prefix and everything in it"),
        ("force-switchover", "Make the standby the active unit"),
        ("reload", "Restart the whole chassis: not a switchover"),
        ("redundancy reload", "Restart"),
        ("peer", "The other unit"),
        ("shelf", "The whole chassis"),
        ("main-cpu", "The route processors"),
        ("hw-module", "Hardware of one slot"),
        ("slot", "A slot"),
        ("reset", "Restart the card"),
        ("standby-cpu", "The standby unit"),
        ("write", "Save the running configuration"),
        ("memory", "To the startup configuration"),
        ("force", "Over a startup configuration that was not understood as a whole, too"),
        ("write terminal", "Show it"),
        ("copy", "Copy a configuration"),
        ("system:running-config", "Configuration in use"),
        ("nvram:startup-config", "Configuration of the next start"),
        ("debug", "Debugging messages, into the event stream"),
        ("undebug", "No debugging messages"),
        ("no", "Negate a command"),
        ("fsm", "States"),
        ("progression", "Progressions, client by client"),
        ("msg", "Messages between the units"),
        ("ui", "Requests of operators"),
        ("clk", "Clock of the backplane: not in this chassis"),
        ("hub", "Hub of the backplane: not in this chassis"),
        ("confirm", "Ask before commands that interrupt service"),
        ("configure", "Enter configuration mode"),
        ("terminal", "Of this session"),
        ("exit", "End the session"),
        ("quit", "End the session"),
        ("logout", "End the session"),
        ("monitor", "Log messages on this terminal"),
        ("enable", "Turn on privileged commands"),
        ("disable", "Turn off privileged commands"),
        ("length", "Lines of the terminal; output is never paged"),
        ("width", "Columns of the terminal; lines are never wrapped"),
    ],
};
