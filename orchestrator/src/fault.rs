//! Faults and their targets, as experiments and `swact fault` name them.

pub(crate) mod check;
pub mod options;

use crate::issu::Stage;
use bridge::request::Ways;
use fabric_proto::{
    id::{LcSlot, RpSlot},
    operator::{CrashPoint, DropOrder, Impairment, PlaneSet},
};
use lab::topology::InterfaceName;
use notation::units::Span;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// What is done to a target.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(try_from = "String", into = "String")]
#[strum(serialize_all = "kebab-case", parse_err_ty = FaultError, parse_err_fn = FaultError::unknown)]
pub enum FaultName {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Stop,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
    /// Started again after a kill, a stop or a removal; what runs is restarted.
    Restart,
    /// `redundancy force-switchover` on the active.
    ForceSwitchover,
    /// Taken out of its slot: it ends and nothing may start it.
    Remove,
    /// Put back into its slot and started.
    Insert,
    /// The whole chassis restarts.
    Reload,
    /// Nothing passes between the two.
    Partition,
    /// Every impairment between the two ends.
    Heal,
    /// Loss, delay and so on between the two.
    Impair,
    /// A wire is pulled out at an interface of a node that is none of ours.
    LinkDown,
    /// It is plugged in again.
    LinkUp,
    /// A known outage: a line card drops what comes in on its wires, all of it or every so many-th packet.
    Drop,
    /// Another release, from the next start.
    SwapImage,
    /// Another release, at once: the card is handed over to its program while it forwards.
    UpgradeCard,
    /// The stored startup configuration is damaged.
    Corrupt,
    /// The storage of the startup configuration is full.
    Fill,
    /// What damaged or filled the storage is taken back.
    Repair,
    /// From now on the card crashes at a named point of its course.
    Crash,
    /// It does not any more.
    Disarm,
    /// A client of the redundancy facility works and does not answer any more.
    Hang,
    /// It answers again.
    Unhang,
    /// Lines of the command line, as an operator would type them.
    Exec,
    /// Random faults, out of a seed.
    Storm,
}

impl FaultName {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// As files and the command line have it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What takes it back, where something does. A storm takes back each of its faults.
    pub const fn undone_by(self) -> Option<Self> {
        match self {
            // A card that the chassis has started meanwhile is left alone.
            Self::Kill | Self::Stop | Self::Remove => Some(Self::Insert),
            Self::Pause => Some(Self::Resume),
            Self::Partition | Self::Impair | Self::Drop => Some(Self::Heal),
            Self::LinkDown => Some(Self::LinkUp),
            Self::SwapImage => Some(Self::SwapImage),
            Self::UpgradeCard => Some(Self::UpgradeCard),
            Self::Corrupt | Self::Fill => Some(Self::Repair),
            Self::Crash => Some(Self::Disarm),
            Self::Hang => Some(Self::Unhang),
            Self::Resume
            | Self::Restart
            | Self::ForceSwitchover
            | Self::Insert
            | Self::Reload
            | Self::Heal
            | Self::LinkUp
            | Self::Repair
            | Self::Disarm
            | Self::Unhang
            | Self::Exec
            | Self::Storm => None,
        }
    }

    /// Whether all that it does is to take another one back.
    pub fn only_takes_back(self) -> bool {
        let other = |fault: &Self| *fault != self && fault.undone_by() == Some(self);
        self.undone_by().is_none() && Self::ALL.iter().any(other)
    }

    /// Whether the programs that it hits end.
    pub const fn ends_programs(self) -> bool {
        matches!(self, Self::Kill | Self::Stop | Self::Restart | Self::Remove)
    }

    /// Whether it says at which point a card is to crash, or that it is not.
    pub const fn arms(self) -> bool {
        matches!(self, Self::Crash | Self::Disarm)
    }

    /// Whether it only prepares what another fault sets off: the time of a fault is that of the other one.
    pub const fn only_prepares(self) -> bool {
        matches!(self, Self::Crash | Self::Disarm | Self::Hang | Self::Unhang)
    }
}

/// A fault with its options: what is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Which one.
    pub name: FaultName,
    /// `swap-image`, `upgrade-card`: the release.
    pub image: Option<String>,
    /// `upgrade-card`: whether a card that cannot be handed over is reset.
    pub or_reset: bool,
    /// `impair`: what the fabric does from now on.
    pub impairment: Impairment,
    /// `impair`, `partition`, `heal`: on which planes.
    pub plane: PlaneSet,
    /// `drop`: which packets, and for how long.
    pub drop: DropOrder,
    /// `crash`: where.
    pub point: Option<CrashPoint>,
    /// `hang`, `unhang`: which client.
    pub client: Option<String>,
    /// `exec`: what is typed.
    pub lines: Vec<String>,
    /// `storm`: how much of it.
    pub storm: Storm,
}

/// How much of a storm: so many faults, at random times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Faults.
    pub faults: u32,
    /// From the first to the last.
    pub over: Span,
    /// Decides all of it.
    pub seed: u64,
}

impl Storm {
    /// Most faults of one storm: enough for hours at ten a second.
    pub const FAULTS_MAX: u32 = 100_000;
}

impl Default for Storm {
    fn default() -> Self {
        Self { faults: 5, over: Span(std::time::Duration::from_secs(5)), seed: 1 }
    }
}

impl Fault {
    /// A fault that takes no options.
    pub fn plain(name: FaultName) -> Self {
        Self {
            name,
            image: None,
            or_reset: false,
            impairment: Impairment::default(),
            plane: PlaneSet::Both,
            drop: DropOrder::default(),
            point: None,
            client: None,
            lines: Vec::new(),
            storm: Storm::default(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        match (self.name, &self.point, &self.image) {
            (FaultName::Crash, Some(point), _) => write!(f, " at {point}"),
            (FaultName::Hang | FaultName::Unhang, ..) => write!(f, " {}", self.client.as_deref().unwrap_or_default()),
            (FaultName::SwapImage | FaultName::UpgradeCard, _, Some(image)) => write!(f, " {image}"),
            (FaultName::Exec, ..) => write!(f, " '{}'", self.lines.join("; ")),
            (FaultName::Storm, ..) => {
                let Storm { faults, over, seed } = self.storm;
                write!(f, " of {faults} faults over {over}, seed {seed}")
            }
            (FaultName::Partition | FaultName::Impair | FaultName::Heal, ..) if self.plane != PlaneSet::Both => {
                write!(f, " ({})", if self.plane == PlaneSet::Control { "control" } else { "data" })
            }
            _ => Ok(()),
        }
    }
}

/// What a fault is done to: `pe1/active-rp`, `rp:A<->rp:B`, `lc:1->lc:2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    /// The chassis; may be left out where the lab has one only.
    pub node: Option<String>,
    /// Which of its cards.
    pub unit: TargetUnit,
    /// The other side of a pair.
    pub peer: Option<TargetUnit>,
    /// Of a pair: only what `unit` sends to `peer`.
    pub one_way: bool,
}

/// Cards of a chassis, as a fault names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetUnit {
    /// The RP that is active at that instant.
    ActiveRp,
    /// The RP that is standby at that instant.
    StandbyRp,
    /// The RP of a slot.
    Rp(RpSlot),
    /// The line card of a slot.
    Lc(LcSlot),
    /// Every line card.
    AllLc,
    /// Every RP.
    AllRp,
    /// The whole chassis, or a node that is none of ours.
    Chassis,
    /// An interface of such a node; of what is on its wire, both directions.
    Link(InterfaceName),
    /// What goes to it by its wire.
    Into(InterfaceName),
    /// What comes from it.
    OutOf(InterfaceName),
}

impl TargetUnit {
    /// The interface of a node that is none of ours, and the directions of its wire.
    pub const fn wire(self) -> Option<(InterfaceName, Ways)> {
        match self {
            Self::Link(name) => Some((name, Ways::Both)),
            Self::Into(name) => Some((name, Ways::Into)),
            Self::OutOf(name) => Some((name, Ways::OutOf)),
            Self::ActiveRp
            | Self::StandbyRp
            | Self::Rp(_)
            | Self::Lc(_)
            | Self::AllLc
            | Self::AllRp
            | Self::Chassis => None,
        }
    }
}

/// One step of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// After the steady state has been seen, or after the begin of its step of an upgrade.
    pub at: Span,
    /// In which step of an upgrade (`issu`); `None`: not in an upgrade.
    pub during: Option<Stage>,
    /// What is done.
    pub fault: Fault,
    /// To what.
    pub target: Target,
    /// How long until it is undone, for what can be; without it, at the trial's end.
    pub time: Option<Span>,
}

/// Text that is no fault or no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such fault.
    #[error("unknown fault '{0}': the faults are {list}", list = fault_names().join(", "))]
    Name(String),
    /// No such target.
    #[error(
        "unknown target '{0}': write <node>/active-rp, standby-rp, rp:A, lc:1, all-rp or all-lc, \
         a pair like rp:A<->rp:B (one way: rp:A->rp:B), a chassis' or node's name alone, or frr1:eth1 \
         (one way of its wire: '->frr1:eth1' into the node, 'frr1:eth1->' out of it)"
    )]
    Target(String),
}

impl FaultError {
    fn unknown(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// Names of all faults.
pub fn fault_names() -> Vec<&'static str> {
    FaultName::ALL.iter().map(|fault| fault.name()).collect()
}

impl fmt::Display for TargetUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ActiveRp => f.write_str("active-rp"),
            Self::StandbyRp => f.write_str("standby-rp"),
            Self::Rp(slot) => write!(f, "rp:{slot}"),
            Self::Lc(slot) => write!(f, "lc:{slot}"),
            Self::AllLc => f.write_str("all-lc"),
            Self::AllRp => f.write_str("all-rp"),
            Self::Chassis => f.write_str("chassis"),
            Self::Link(name) => name.fmt(f),
            Self::Into(name) => write!(f, "->{name}"),
            Self::OutOf(name) => write!(f, "{name}->"),
        }
    }
}

fn unit(text: &str) -> Option<TargetUnit> {
    match (text, text.split_once(':')) {
        ("active-rp", _) => Some(TargetUnit::ActiveRp),
        ("standby-rp", _) => Some(TargetUnit::StandbyRp),
        ("all-lc", _) => Some(TargetUnit::AllLc),
        ("all-rp", _) => Some(TargetUnit::AllRp),
        ("chassis", _) => Some(TargetUnit::Chassis),
        (_, Some(("rp", slot))) => slot.parse().ok().map(TargetUnit::Rp),
        (_, Some(("lc", slot))) => slot.parse().ok().map(TargetUnit::Lc),
        _ => None,
    }
}

/// Node and interface of `frr1:eth1`; what begins as a card does has the number of a slot behind it.
fn interface(text: &str) -> Option<(String, InterfaceName)> {
    let (node, name) = text.split_once(':').filter(|(node, _)| !node.is_empty() && !["rp", "lc"].contains(node))?;
    Some((node.to_owned(), InterfaceName::parse(name)?))
}

impl FromStr for Target {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = || FaultError::Target(text.to_owned());
        let of_wire = |wire: &str, unit: fn(InterfaceName) -> TargetUnit| {
            let (node, name) = interface(wire).ok_or_else(wrong)?;
            Ok(Self { node: Some(node), unit: unit(name), peer: None, one_way: false })
        };
        if let Some(wire) = text.strip_prefix("->") {
            return of_wire(wire, TargetUnit::Into);
        }
        if let Some(wire) = text.strip_suffix("->") {
            return of_wire(wire, TargetUnit::OutOf);
        }
        let (node, units) = match text.split_once('/') {
            Some((node, units)) if !node.is_empty() => (Some(node.to_owned()), units),
            Some(_) => return Err(wrong()),
            None => (None, text),
        };
        let two_way = units.split_once("<->").map(|pair| (pair, false));
        if let Some(((left, right), one_way)) = two_way.or_else(|| units.split_once("->").map(|pair| (pair, true))) {
            let unit_of = |text| unit(text).filter(|unit| *unit != TargetUnit::Chassis).ok_or_else(wrong);
            return Ok(Self { node, unit: unit_of(left)?, peer: Some(unit_of(right)?), one_way });
        }
        match (unit(units), node) {
            (Some(unit), node) => Ok(Self { node, unit, peer: None, one_way: false }),
            // A bare word that is no unit and could be a node: the whole chassis.
            (None, None) if !units.is_empty() && !units.contains(':') && !units.ends_with("-rp") => {
                Ok(Self { node: Some(units.to_owned()), unit: TargetUnit::Chassis, peer: None, one_way: false })
            }
            (None, None) => {
                let (node, name) = interface(units).ok_or_else(wrong)?;
                Ok(Self { node: Some(node), unit: TargetUnit::Link(name), peer: None, one_way: false })
            }
            (None, Some(_)) => Err(wrong()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.node, self.unit) {
            (Some(node), TargetUnit::Chassis) => return f.write_str(node),
            (Some(node), TargetUnit::Link(name)) => return write!(f, "{node}:{name}"),
            (Some(node), TargetUnit::Into(name)) => return write!(f, "->{node}:{name}"),
            (Some(node), TargetUnit::OutOf(name)) => return write!(f, "{node}:{name}->"),
            (Some(node), _) => write!(f, "{node}/")?,
            (None, _) => {}
        }
        self.unit.fmt(f)?;
        let arrow = if self.one_way { "->" } else { "<->" };
        self.peer.map_or(Ok(()), |peer| write!(f, "{arrow}{peer}"))
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = FaultError;
            fn try_from(text: String) -> Result<Self, FaultError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(named: $name) -> Self {
                named.to_string()
            }
        }
    )*};
}
as_text!(FaultName, Target);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_as_they_print() {
        for text in [
            "pe1/active-rp",
            "standby-rp",
            "rp:A",
            "pe1/lc:3",
            "all-lc",
            "pe1/all-rp",
            "pe1/rp:A<->rp:B",
            "pe1/lc:1->lc:2",
            "rp:A<->all-lc",
            "pe1",
            "frr1:eth1",
            "->frr1:eth1",
            "frr1:eth1->",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "->",
            "->rp:A",
            "lc:1->",
            "->frr1:eth1->",
            "->frr1",
            "/rp:A",
            "pe1/rp:Z",
            "pe1/lc:0",
            "pe1/nothing",
            "rp:A<->",
            "lc:x",
            "active-rp<->pe1",
            "my-rp",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
