//! The commands of exec mode: what is shown (`show/`), and what is done.

use super::{
    Debug,
    ask::{self, Asks},
    issu::{FORCED, Step},
    show::{self, Shows},
};
use crate::grammar::{
    Command, Grammar, Help, Shape,
    Token::{self, Argument as A, Keyword as K, OneOf, Optional},
    command,
};
use std::sync::LazyLock;

/// What a line of exec mode does.
#[derive(Clone, Copy)]
pub(super) enum Exec {
    /// Print something.
    Show(Shows),
    /// Print something of the configuration.
    ShowConfiguration(Shows),
    /// With the keyword `main-cpu`, which some platforms demand, or without.
    ForceSwitchover,
    Reload,
    ReloadPeer,
    ResetSlot,
    /// The running configuration becomes the startup configuration; with force, also where that was not understood.
    WriteMemory,
    Configure,
    /// A step of a software upgrade.
    Issu(Step),
    /// How long a new release may run before it is accepted.
    RollbackTimer,
    /// `debug redundancy`, on or off.
    Debug(Debug, bool),
    /// A kind of debugging that this chassis has no hardware for.
    NoSuchDebug,
    /// Ask who answers, or who is on the way.
    Ask(Asks),
    /// Forget neighbours that were learned.
    ClearNeighbours {
        v4: bool,
    },
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
            Self::Show(_) | Self::Ask(_) | Self::TerminalConfirm(_) | Self::Exit | Self::Enable(_) | Self::Nothing => {
                true
            }
            Self::ShowConfiguration(_)
            | Self::ForceSwitchover
            | Self::Reload
            | Self::ReloadPeer
            | Self::ResetSlot
            | Self::WriteMemory
            | Self::Issu(_)
            | Self::RollbackTimer
            | Self::Configure
            | Self::ClearNeighbours { .. }
            | Self::Debug(..)
            | Self::NoSuchDebug => false,
        }
    }
}

const RED: Token = K("redundancy");
const SLOT: Token = A(Shape::Slot);
pub(super) const MAIN_CPU: Token = K("main-cpu");
pub(super) const FORCE: Token = K("force");
const RUNNING: Token = OneOf(&[&[K("running-config")], &[K("system:running-config")]]);
const STARTUP: Token = OneOf(&[&[K("startup-config")], &[K("nvram:startup-config")]]);
const DEBUG: Token = K("debug");
/// What takes debugging back.
const UNDEBUG: Token = OneOf(&[&[K("no"), DEBUG], &[K("undebug")]]);
const COLUMNS: Token = A(Shape::Number(0, 512));
const ISSU: Token = K("issu");
const RP: Token = A(Shape::RpSlot);
const RELEASE: Token = A(Shape::Word);
/// A unit, and the release that it has or is to have.
const NAMED: Token = Optional(&[RP, Optional(&[RELEASE])]);

static ACTS: &[Command<Exec>] = &[
    command(&[RED, K("force-switchover"), Optional(&[MAIN_CPU])], Exec::ForceSwitchover),
    command(&[RED, K("reload"), K("peer")], Exec::ReloadPeer),
    command(&[RED, K("reload"), K("shelf")], Exec::Reload),
    command(&[K("hw-module"), K("slot"), SLOT, OneOf(&[&[K("reset")], &[K("reload")]])], Exec::ResetSlot),
    command(&[K("hw-module"), K("standby-cpu"), K("reset")], Exec::ReloadPeer),
    command(&[K("reload")], Exec::Reload),
    command(&[K("reload"), K("standby-cpu")], Exec::ReloadPeer),
    command(&[K("write"), Optional(&[K("memory"), Optional(&[FORCE])])], Exec::WriteMemory),
    command(&[K("write"), K("terminal")], Exec::ShowConfiguration(show::running)),
    command(&[K("copy"), RUNNING, STARTUP], Exec::WriteMemory),
    command(&[ISSU, K("loadversion"), RP, RELEASE, RP, RELEASE, Optional(&[FORCED])], Exec::Issu(Step::Load)),
    command(&[ISSU, K("runversion"), NAMED], Exec::Issu(Step::Run)),
    command(&[ISSU, K("acceptversion"), NAMED], Exec::Issu(Step::Accept)),
    command(&[ISSU, K("commitversion"), NAMED], Exec::Issu(Step::Commit)),
    command(&[ISSU, K("abortversion"), NAMED], Exec::Issu(Step::Abort)),
    command(&[ISSU, K("set"), K("rollback-timer"), A(Shape::Number(0, 7200))], Exec::RollbackTimer),
    command(&[DEBUG, RED, K("all")], Exec::Debug(Debug::ALL, true)),
    command(&[DEBUG, RED, K("fsm")], Exec::Debug(Debug::FSM, true)),
    command(&[DEBUG, RED, K("progression")], Exec::Debug(Debug::PROGRESSION, true)),
    command(&[DEBUG, RED, K("msg")], Exec::Debug(Debug::MSG, true)),
    command(&[DEBUG, RED, K("ui")], Exec::Debug(Debug::UI, true)),
    command(&[DEBUG, RED, OneOf(&[&[K("clk")], &[K("hub")]])], Exec::NoSuchDebug),
    command(&[UNDEBUG, Optional(&[RED]), K("all")], Exec::Debug(Debug::ALL, false)),
    command(&[UNDEBUG, RED, K("fsm")], Exec::Debug(Debug::FSM, false)),
    command(&[UNDEBUG, RED, K("progression")], Exec::Debug(Debug::PROGRESSION, false)),
    command(&[UNDEBUG, RED, K("msg")], Exec::Debug(Debug::MSG, false)),
    command(&[UNDEBUG, RED, K("ui")], Exec::Debug(Debug::UI, false)),
    command(ask::PING, Exec::Ask(Asks::Ping)),
    command(ask::TRACE, Exec::Ask(Asks::Trace)),
    command(ask::CLEAR_ARP, Exec::ClearNeighbours { v4: true }),
    command(ask::CLEAR_ND, Exec::ClearNeighbours { v4: false }),
    command(&[K("configure"), Optional(&[K("terminal")])], Exec::Configure),
    command(&[OneOf(&[&[K("exit")], &[K("quit")], &[K("logout")]])], Exec::Exit),
    command(&[K("enable")], Exec::Enable(true)),
    command(&[K("disable")], Exec::Enable(false)),
    command(&[K("terminal"), K("confirm")], Exec::TerminalConfirm(true)),
    command(&[K("terminal"), K("no"), K("confirm")], Exec::TerminalConfirm(false)),
    command(&[K("terminal"), Optional(&[K("no")]), K("monitor")], Exec::Nothing),
    command(&[K("terminal"), OneOf(&[&[K("length")], &[K("width")]]), COLUMNS], Exec::Nothing),
];

const HELP: Help = &[
    ("redundancy", "Redundancy of the route processors: act"),
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
    ("issu", "In-service software upgrade"),
    ("loadversion", "Load a release on the standby"),
    ("runversion", "Make the standby, with the new release, the active unit"),
    ("acceptversion", "Keep the new release active: the rollback timer stops"),
    ("commitversion", "Load the new release on the other unit, too: the upgrade is over"),
    ("abortversion", "Back to the old release"),
    ("forced", "Even where state is lost"),
    ("set", "Set"),
    ("rollback-timer", "Seconds that a new release runs before it is taken back unless it is accepted; 0: for ever"),
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
];

/// Every command, in the order of documentation.
pub(super) fn commands() -> impl Iterator<Item = &'static Command<Exec>> {
    show::TABLES.iter().copied().flatten().chain(ACTS)
}

/// The grammar of a session that has privileges, or has not.
pub(super) fn grammar(privileged: bool) -> &'static Grammar<Exec> {
    static PRIVILEGED: LazyLock<Grammar<Exec>> = LazyLock::new(|| of(commands()));
    static FOR_ALL: LazyLock<Grammar<Exec>> = LazyLock::new(|| of(commands().filter(|row| row.does.is_for_all())));
    if privileged { &PRIVILEGED } else { &FOR_ALL }
}

fn of(commands: impl Iterator<Item = &'static Command<Exec>>) -> Grammar<Exec> {
    Grammar::new(commands, &[show::HELP, &[HELP, ask::HELP]].concat())
}
