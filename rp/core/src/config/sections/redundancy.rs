//! `redundancy`, and `main-cpu` in it.

use super::{NO, Section, SectionId, short};
use crate::{
    config::{
        Config, Edit,
        place::{Asked, At, Does, Mode, ModeKey},
    },
    grammar::{
        Command, Help, Line, LineError, Shape,
        Token::{self, Argument as A, Keyword as K, OneOf, Optional},
        command,
    },
};
use fabric_proto::redundancy::Mode as Redundancy;
use std::{
    fmt::{self, Write},
    time::Duration,
};

/// Longest `crashdump-timeout`: eighteen hours, the field's own limit (1080 minutes).
pub const CRASHDUMP_TIMEOUT_MAX: Duration = Duration::from_secs(18 * 3600);

/// The `redundancy` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedundancyConfig {
    /// `mode`: what the operator wants; the operating mode can be lower.
    pub mode: Redundancy,
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

impl Default for RedundancyConfig {
    fn default() -> Self {
        Self {
            mode: Redundancy::Sso,
            auto_sync: AutoSync::STANDARD,
            switchover_timer: None,
            crashdump_timeout: Duration::ZERO,
        }
    }
}

impl AutoSync {
    /// `auto-sync standard`: both configurations.
    pub const STANDARD: Self = Self { startup_config: true, running_config: true };
}

pub(super) const SECTION: Section =
    Section { id: SectionId::Redundancy, name: "redundancy", write, tally: |config| short(config, write) };

pub(super) static COMMANDS: &[Command<Does>] = &[
    command(&[K("redundancy")], |_, _| Ok(ModeKey::Redundancy.into())),
    command(&[K("no"), K("redundancy")], |_, _| Ok(Edit::Redundancy(RedundancyConfig::default()).into())),
];

pub(in crate::config) static MODE: Mode = Mode::new("redundancy", "(config-red)", &[IN_REDUNDANCY], &[HELP]);
pub(in crate::config) static MAIN_CPU: Mode = Mode::new("main-cpu", "(config-r-mc)", &[IN_MAIN_CPU], &[HELP]);

const SECONDS: Token = A(Shape::Number(1, 3600));
const MSEC: Token = K("msec");
/// From what a user-space heartbeat can still tell from a late scheduler.
const MILLISECONDS: Token = A(Shape::Number(20, 60_000));
const TIMER: Token = OneOf(&[&[SECONDS], &[MSEC, MILLISECONDS]]);
const IN_SECONDS: Token = K("seconds");
const HOURS: Token = A(Shape::HoursMinutes);
const MINUTES: Token = A(Shape::Number(0, 1080));
const DUMP_SECONDS: Token = A(Shape::Number(0, 64_800));
const CRASHDUMP: Token = OneOf(&[&[MINUTES], &[HOURS], &[IN_SECONDS, DUMP_SECONDS]]);
const HSA: Token = K("hsa");
const RPR: Token = K("rpr");
const RPR_PLUS: Token = K("rpr-plus");
const STARTUP: Token = K("startup-config");
const RUNNING: Token = K("running-config");

static IN_REDUNDANCY: &[Command<Does>] = &[
    command(&[K("mode"), OneOf(&[&[HSA], &[RPR], &[RPR_PLUS], &[K("sso")]])], mode),
    command(&[K("no"), K("mode")], mode),
    command(&[K("main-cpu")], |_, _| Ok(ModeKey::MainCpu.into())),
    command(&[K("no"), K("main-cpu")], |at, _| edit(at, |new| new.auto_sync = AutoSync::STANDARD)),
    command(&[K("switchover"), K("timer"), TIMER], switchover_timer),
    command(&[K("no"), K("switchover"), K("timer"), Optional(&[TIMER])], switchover_timer),
    command(&[K("crashdump-timeout"), CRASHDUMP], crashdump_timeout),
    command(&[K("no"), K("crashdump-timeout"), Optional(&[CRASHDUMP])], crashdump_timeout),
];

static IN_MAIN_CPU: &[Command<Does>] =
    &[command(&[NO, K("auto-sync"), OneOf(&[&[STARTUP], &[RUNNING], &[K("standard")]])], auto_sync)];

pub(super) const HELP: Help = &[
    ("redundancy", "Redundancy of the route processors"),
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
];

/// The section with a change.
fn edit(at: &At<'_>, change: impl FnOnce(&mut RedundancyConfig)) -> Result<Asked, LineError> {
    let mut new = at.config.redundancy.clone();
    change(&mut new);
    Ok(Edit::Redundancy(new).into())
}

fn mode(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let mode = match () {
        () if line.has(HSA) => Redundancy::Hsa,
        () if line.has(RPR) => Redundancy::Rpr,
        () if line.has(RPR_PLUS) => Redundancy::RprPlus,
        () => Redundancy::Sso,
    };
    edit(at, |new| new.mode = mode)
}

fn switchover_timer(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let timer = match line.no() {
        true => None,
        false if line.has(MSEC) => Some(Duration::from_millis(u64::from(line.number()?))),
        false => Some(Duration::from_secs(u64::from(line.number()?))),
    };
    edit(at, |new| new.switchover_timer = timer)
}

fn crashdump_timeout(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let timeout = match line.no() {
        true => 0,
        // The value of `hh:mm` is in seconds.
        false if line.has(IN_SECONDS) || line.values()[0].word.contains(':') => line.number()?,
        false => 60 * line.number()?,
    };
    edit(at, |new| new.crashdump_timeout = Duration::from_secs(u64::from(timeout)))
}

fn auto_sync(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let on = !line.no();
    edit(at, |new| {
        let sync = &mut new.auto_sync;
        match () {
            () if line.has(STARTUP) => sync.startup_config = on,
            () if line.has(RUNNING) => sync.running_config = on,
            () => *sync = AutoSync { startup_config: on, running_config: on },
        }
    })
}

fn write(config: &Config, f: &mut dyn Write) -> fmt::Result {
    let redundancy = &config.redundancy;
    writeln!(f, "redundancy\n mode {}", redundancy.mode)?;
    match redundancy.switchover_timer.map(|timer| timer.as_millis()) {
        None => {}
        Some(msec) if msec % 1000 == 0 => writeln!(f, " switchover timer {}", msec / 1000)?,
        Some(msec) => writeln!(f, " switchover timer msec {msec}")?,
    }
    match redundancy.crashdump_timeout.as_secs() {
        0 => {}
        seconds if seconds % 60 == 0 => writeln!(f, " crashdump-timeout {}", seconds / 60)?,
        seconds => writeln!(f, " crashdump-timeout seconds {seconds}")?,
    }
    writeln!(f, " main-cpu")?;
    let sync = redundancy.auto_sync;
    if sync == AutoSync::STANDARD {
        return writeln!(f, "  auto-sync standard\n!");
    }
    let no = |on: bool| if on { "" } else { "no " };
    writeln!(f, "  {}auto-sync startup-config", no(sync.startup_config))?;
    writeln!(f, "  {}auto-sync running-config\n!", no(sync.running_config))
}
