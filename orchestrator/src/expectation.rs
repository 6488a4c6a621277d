//! What each fault must lead to: data, in one place. `docs/faults.md` shows it, every trial is held against it.
//!
//! [`RULES`] says of a fault on a kind of card whether the standby takes over and whether packets may be lost. What
//! must hold after any fault whatever is checked by the run engine: traffic is back, one RP is active and every
//! line card obeys it, and the chassis is redundant again.

use crate::fault::{Fault, FaultName};
use fabric_proto::{
    id::{CardId, Slot, Unit},
    operator::CrashPoint,
};
use lab::topology::Chassis;
use notation::mode::Mode;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Whether something comes of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Must {
    /// It must.
    Always,
    /// It must not.
    Never,
    /// Either is right.
    Maybe,
}

/// What must come of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// A standby takes over.
    pub switchover: Must,
    /// Packets are lost.
    pub loss: Must,
}

/// What a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The active RP.
    Active,
    /// The standby RP.
    Standby,
    /// All RPs at once.
    AllRps,
    /// Line cards.
    LineCard,
    /// What joins two RPs.
    BetweenRps,
    /// What joins the active RP and line cards.
    ActiveAndLineCard,
    /// What joins the standby RP and line cards: nothing.
    StandbyAndLineCard,
    /// What joins line cards.
    BetweenLineCards,
    /// The whole chassis.
    Chassis,
}

/// One line of the book.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// What is done.
    pub fault: FaultName,
    /// `crash`: where.
    pub point: Option<CrashPoint>,
    /// To what.
    pub on: On,
    /// Whether a standby takes over.
    pub switchover: Must,
    /// Whether it does so only if the fault lasts clearly longer than the switchover timer, and must not if clearly
    /// shorter.
    pub if_long: bool,
    /// Whether SSO loses packets.
    pub sso: Must,
    /// Whether the other modes do.
    pub others: Must,
    /// Why, in a sentence.
    pub because: &'static str,
}

const fn rule(fault: FaultName, on: On, must: [Must; 3], because: &'static str) -> Rule {
    let [switchover, sso, others] = must;
    Rule { fault, point: None, on, switchover, if_long: false, sso, others, because }
}

const fn if_long(rule: Rule) -> Rule {
    Rule { if_long: true, ..rule }
}

const fn crash(point: CrashPoint, on: On, must: [Must; 3], because: &'static str) -> Rule {
    Rule { point: Some(point), ..rule(FaultName::Crash, on, must, because) }
}

use CrashPoint as P;
use FaultName as F;
use Must::{Always, Maybe, Never};

/// The book. `must` is: switchover, loss in SSO, loss in the other modes.
pub const RULES: &[Rule] = &[
    rule(F::Kill, On::Active, [Always, Never, Always], "silence beyond the switchover timer: the standby takes over"),
    rule(F::Kill, On::Standby, [Never, Never, Never], "the active resets the slot and synchronises again"),
    rule(F::Kill, On::AllRps, [Never, Maybe, Maybe], "line cards go on alone until an RP is started and boots"),
    rule(F::Kill, On::LineCard, [Never, Maybe, Maybe], "what goes through it is lost until it is started again"),
    rule(F::Stop, On::Active, [Always, Never, Always], "as kill: nobody is told"),
    rule(F::Stop, On::Standby, [Never, Never, Never], "as kill"),
    rule(F::Stop, On::LineCard, [Never, Maybe, Maybe], "as kill"),
    rule(
        F::Restart,
        On::Active,
        [Maybe, Never, Always],
        "a new life of the active has lost its term, however short its absence",
    ),
    rule(F::Restart, On::Standby, [Never, Never, Never], "it synchronises again"),
    rule(F::Restart, On::LineCard, [Never, Maybe, Maybe], "it starts with an empty table, which is downloaded"),
    if_long(rule(
        F::Pause,
        On::Active,
        [Always, Never, Maybe],
        "the standby takes over; the old active wakes up fenced and restarts as standby",
    )),
    rule(F::Pause, On::Standby, [Never, Never, Never], "the active goes on without it and resets it"),
    rule(F::Pause, On::LineCard, [Never, Maybe, Maybe], "wires and cells push back; what is under way waits"),
    rule(F::Remove, On::Active, [Always, Never, Always], "as kill; the slot stays empty until a card is inserted"),
    rule(F::Remove, On::Standby, [Never, Never, Never], "no standby until a card is inserted"),
    rule(F::Remove, On::LineCard, [Never, Maybe, Maybe], "what goes through it is lost until a card is inserted"),
    rule(F::ForceSwitchover, On::Active, [Always, Never, Always], "refused, harmlessly, unless the standby is ready"),
    rule(F::Reload, On::Chassis, [Never, Always, Always], "the whole chassis starts again: no switchover"),
    if_long(rule(
        F::Partition,
        On::BetweenRps,
        [Always, Never, Maybe],
        "the standby takes over; line cards obey the later term and refuse the earlier one",
    )),
    rule(F::Partition, On::ActiveAndLineCard, [Maybe, Never, Maybe], "the card forwards on the table that it holds"),
    rule(F::Partition, On::StandbyAndLineCard, [Never, Never, Never], "a standby never talks to line cards"),
    rule(
        F::Partition,
        On::BetweenLineCards,
        [Never, Maybe, Maybe],
        "packets between the two wait, or are dropped and counted",
    ),
    if_long(rule(F::Partition, On::Active, [Always, Never, Maybe], "cut off from everybody: as between the RPs")),
    if_long(rule(
        F::Partition,
        On::Standby,
        [Always, Never, Maybe],
        "it takes itself for the only one, and is fenced when it is back",
    )),
    rule(
        F::Impair,
        On::BetweenRps,
        [Maybe, Never, Maybe],
        "heartbeats may be lost; what is lost of messages is sent again",
    ),
    rule(F::Impair, On::ActiveAndLineCard, [Never, Never, Never], "control is late, packets are not"),
    rule(
        F::Impair,
        On::BetweenLineCards,
        [Never, Maybe, Maybe],
        "cells travel reliably, so that packets are late; full queues drop and count",
    ),
    rule(F::SwapImage, On::Active, [Never, Never, Never], "from the next start on"),
    rule(F::SwapImage, On::Standby, [Never, Never, Never], "from the next start on"),
    rule(
        F::UpgradeCard,
        On::LineCard,
        [Never, Never, Never],
        "packets wait while its program hands over to the next one; one that is reset in place of that is as `restart`",
    ),
    rule(F::Corrupt, On::Active, [Never, Never, Never], "noticed by checksum at the next boot"),
    rule(F::Corrupt, On::Standby, [Never, Never, Never], "synchronised again with the next save"),
    rule(F::Fill, On::Active, [Never, Never, Never], "saving is refused and says why; what was saved stays"),
    rule(
        F::Fill,
        On::Standby,
        [Never, Never, Never],
        "the active's copy is saved, the standby says that its own is not",
    ),
    rule(F::Hang, On::Active, [Never, Never, Never], "a standby's way up waits for it, and fails where it is vital"),
    rule(
        F::Hang,
        On::Standby,
        [Never, Never, Never],
        "it is waited for once it is asked: by a takeover, or on its way up",
    ),
    crash(
        P::BulkSync,
        On::Active,
        [Never, Always, Always],
        "no standby is ready: the chassis recovers by a full reset",
    ),
    crash(P::BulkSync, On::Standby, [Never, Never, Never], "the active resets it and begins again"),
    crash(
        P::UpdateBeforeCheckpoint,
        On::Active,
        [Always, Never, Always],
        "the digests find the line card that is ahead",
    ),
    crash(
        P::CheckpointBeforeUpdate,
        On::Active,
        [Always, Never, Always],
        "the digests find the line cards that are behind",
    ),
    crash(
        P::Switchover,
        On::Standby,
        [Maybe, Maybe, Maybe],
        "both RPs are gone: line cards go on alone until one is started",
    ),
    crash(
        P::Adoption,
        On::Standby,
        [Maybe, Maybe, Maybe],
        "as before; a card that has obeyed the dead term obeys the next",
    ),
    crash(P::SaveConfig, On::Active, [Always, Never, Always], "the startup configuration is the old one, whole"),
];

/// What the book says of a fault; `None` where it is silent.
pub fn of(fault: &Fault, on: On) -> Option<&'static Rule> {
    // It is asked of the active, and hits everything.
    let on = if fault.name == FaultName::Reload { On::Chassis } else { on };
    RULES
        .iter()
        .find(|rule| rule.fault == fault.name && rule.on == on && (rule.point.is_none() || rule.point == fault.point))
}

impl Rule {
    /// What it demands of `chassis` in `mode`, of a fault that lasts `time` (`None`: to the end).
    pub fn expected(&self, mode: Mode, time: Option<Duration>, chassis: &Chassis) -> Expected {
        let timer = chassis.redundancy.switchover_timer.0;
        let switchover = match time {
            Some(time) if self.if_long && time < timer / 2 => Never,
            Some(time) if self.if_long && time < timer * 2 => Maybe,
            Some(_) | None => self.switchover,
        };
        let loss = match if mode == Mode::Sso { self.sso } else { self.others } {
            Never if chassis.may_always_lose() => Maybe,
            loss => loss,
        };
        Expected { switchover, loss }
    }
}

impl Expected {
    /// What is not as it must be.
    pub fn violations(self, switchovers: usize, lost: u64) -> Vec<String> {
        let complain = |what: &str, must: Must, seen: u64| match must {
            Always if seen == 0 => Some(format!("no {what}, where there must be")),
            Never if seen > 0 => Some(format!("{seen} × {what}, where there must be none")),
            Always | Never | Maybe => None,
        };
        let switchover = complain("switchover", self.switchover, switchovers as u64);
        let loss = complain("packet lost", self.loss, lost);
        switchover.into_iter().chain(loss).collect()
    }
}

impl On {
    /// What `cards`, or what joins them and `peers`, are to a chassis whose active RP is `active`.
    pub fn of(cards: &[CardId], peers: &[CardId], active: &CardId) -> Option<Self> {
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Side {
            Active,
            Standby,
            Rps,
            Lcs,
        }
        let rp = |card: &CardId| matches!(card.unit, Unit::Card(Slot::Rp(_)));
        let side = |cards: &[CardId]| match cards {
            [only] if only == active => Some(Side::Active),
            [only] if rp(only) => Some(Side::Standby),
            [_, ..] if cards.iter().all(rp) => Some(Side::Rps),
            [_, ..] if !cards.iter().any(rp) => Some(Side::Lcs),
            _ => None,
        };
        match (side(cards)?, side(peers)) {
            (Side::Active, None) => Some(Self::Active),
            (Side::Standby, None) => Some(Self::Standby),
            (Side::Rps, None) => Some(Self::AllRps),
            (Side::Lcs, None) => Some(Self::LineCard),
            (Side::Lcs, Some(Side::Lcs)) => Some(Self::BetweenLineCards),
            (Side::Active, Some(Side::Lcs)) | (Side::Lcs, Some(Side::Active)) => Some(Self::ActiveAndLineCard),
            (Side::Standby, Some(Side::Lcs)) | (Side::Lcs, Some(Side::Standby)) => Some(Self::StandbyAndLineCard),
            (Side::Active, Some(Side::Standby)) | (Side::Standby, Some(Side::Active)) => Some(Self::BetweenRps),
            _ => None,
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active RP",
            Self::Standby => "standby RP",
            Self::AllRps => "all RPs",
            Self::LineCard => "line card",
            Self::BetweenRps => "RP ↔ RP",
            Self::ActiveAndLineCard => "active RP ↔ line card",
            Self::StandbyAndLineCard => "standby RP ↔ line card",
            Self::BetweenLineCards => "line card ↔ line card",
            Self::Chassis => "chassis",
        })
    }
}

impl fmt::Display for Must {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Always => "always",
            Never => "never",
            Maybe => "maybe",
        })
    }
}

/// The book as a Markdown table.
pub fn markdown() -> String {
    let mut text = "| fault | on | switchover | loss in SSO | loss in other modes | because |\n".to_owned();
    text += "| --- | --- | --- | --- | --- | --- |\n";
    for rule in RULES {
        let point = rule.point.map(|point| format!(" at `{point}`")).unwrap_or_default();
        let Rule { fault, on, sso, others, because, .. } = rule;
        let switchover = if rule.if_long { "if it lasts".to_owned() } else { rule.switchover.to_string() };
        text += &format!("| `{fault}`{point} | {on} | {switchover} | {sso} | {others} | {because} |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::id::{LcSlot, RpSlot};
    use lab::topology::Topology;
    use std::path::Path;

    fn chassis(platform: &str) -> Chassis {
        let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies/platforms");
        Topology::load(&labs.join(format!("{platform}.chassis.yml"))).unwrap().chassis.remove(0)
    }

    #[test]
    fn the_document_shows_the_book() {
        let shown = include_str!("../../docs/faults.md");
        assert!(shown.contains(&markdown()), "docs/faults.md must hold this table:\n{}", markdown());
    }

    #[test]
    fn every_crash_point_has_a_rule_and_no_rule_is_there_twice() {
        assert!(CrashPoint::ALL.iter().all(|point| RULES.iter().any(|rule| rule.point == Some(*point))));
        for (index, one) in RULES.iter().enumerate() {
            let same = |other: &&Rule| (other.fault, other.point, other.on) == (one.fault, one.point, one.on);
            assert!(!RULES[index + 1..].iter().any(|other| same(&other)), "{} on {}", one.fault, one.on);
        }
    }

    #[test]
    fn a_pair_is_known_by_its_sides() {
        let card = |slot| CardId::card("lab", "pe1", slot);
        let (a, b) = (card(Slot::Rp(RpSlot::A)), card(Slot::Rp(RpSlot::B)));
        let lcs = [card(Slot::Lc(LcSlot(1))), card(Slot::Lc(LcSlot(2)))];
        let on = |cards: &[&CardId], peers: &[&CardId]| {
            let own = |cards: &[&CardId]| cards.iter().map(|card| (*card).clone()).collect::<Vec<_>>();
            On::of(&own(cards), &own(peers), &a)
        };
        assert_eq!(on(&[&a], &[]), Some(On::Active));
        assert_eq!(on(&[&b], &[]), Some(On::Standby));
        assert_eq!(on(&[&a, &b], &[]), Some(On::AllRps));
        assert_eq!(on(&[&b], &[&a]), Some(On::BetweenRps));
        assert_eq!(on(&[&lcs[0]], &[&a]), Some(On::ActiveAndLineCard));
        assert_eq!(on(&[&lcs[0], &lcs[1]], &[]), Some(On::LineCard));
        assert_eq!(on(&[&lcs[0]], &[&lcs[1]]), Some(On::BetweenLineCards));
        assert_eq!(on(&[], &[]), None);
    }

    #[test]
    fn a_short_pause_must_not_switch_over_and_a_long_one_must() {
        let chassis = chassis("native");
        let timer = chassis.redundancy.switchover_timer.0;
        let rule = of(&Fault::plain(FaultName::Pause), On::Active).unwrap();
        let expected = |timers: Option<f64>| rule.expected(Mode::Sso, timers.map(|n| timer.mul_f64(n)), &chassis);
        assert_eq!(expected(Some(0.3)).violations(1, 0).len(), 1);
        assert_eq!(expected(Some(1.3)).violations(1, 0), Vec::<String>::new());
        assert_eq!(expected(Some(3.0)).violations(0, 0).len(), 1);
        assert_eq!(expected(None).violations(0, 3).len(), 2);
    }

    #[test]
    fn a_platform_without_distributed_forwarding_may_lose_packets_in_every_mode() {
        let rule = of(&Fault::plain(FaultName::Kill), On::Active).unwrap();
        let loss = |platform| rule.expected(Mode::Sso, None, &chassis(platform)).loss;
        assert_eq!((loss("native"), loss("c12000"), loss("c10000")), (Never, Never, Maybe));
    }
}
