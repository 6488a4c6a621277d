//! One trial: what the run engine hands to the report.

use crate::{
    accuracy::KnownOutage,
    evidence::{Misdelivery, Outage, TrafficEvidence},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, iter::repeat};

/// Cause under which packets are counted that found no carrier at the tester's own port.
pub const TESTER_PORT_DOWN: &str = "tester_port_down";
/// Longest that a card holds a packet, nanoseconds: as long as a line card lets it wait for the fabric.
const CARD_HOLDS_NS: u64 = 500_000_000;
/// Cause under which packets are counted that the generator skipped; a trial that has any is invalid.
pub const TESTER_SKIPPED: &str = "tester_skipped";

/// A packet may arrive this much before it is due, by the clocks of sender and receiver, nanoseconds: a tenth of the
/// lateness that a generator is allowed. On one host's `CLOCK_MONOTONIC` none ever does.
pub const CLOCKS_APART_MAX_NS: u64 = 1_000_000;

/// One run of one mode under one fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Place in the run order, from 1.
    pub index: u32,
    /// The trial that it was held again for, because the machine had spoilt that one: its `index`.
    #[serde(default)]
    pub in_place_of: Option<u32>,
    /// Redundancy mode or procedure: `hsa`, `rpr`, `rpr-plus`, `sso`, `fsu`.
    pub mode: String,
    /// The fault, as `kill pe1/active-rp`; empty in a trial of the noise floor.
    pub fault: String,
    /// Begin, milliseconds since the epoch.
    pub started_unix_ms: u64,
    /// From the begin of traffic to the end of observation.
    pub duration_ms: f64,
    /// When the fault was injected, on the clock of [`crate::Schedule::start`], nanoseconds.
    pub fault_at_ns: Option<u64>,
    /// Whether modelled boot or load times of a platform profile touch its figures.
    pub modelled: bool,
    /// What the testers saw.
    pub traffic: Vec<TrafficEvidence>,
    /// Packets the cards dropped during the trial, by cause.
    pub drops: BTreeMap<String, u64>,
    /// The same by card, as `pe1/1`, and by cause. Runs of earlier releases have none.
    #[serde(default)]
    pub drops_by_card: BTreeMap<String, BTreeMap<String, u64>>,
    /// Cards that the fault hit, as `pe1/A`. Runs of earlier releases have none.
    #[serde(default)]
    pub hit: Vec<String>,
    /// Where every packet went.
    pub accounting: Accounting,
    /// The switchover taken apart, milliseconds from the fault.
    pub switchover: Phases,
    /// Times of a software upgrade.
    pub fsu: Option<Fsu>,
    /// Why its figures do not count; empty: it is valid.
    pub invalid: Vec<Invalid>,
    /// What went wrong in the chassis; empty: nothing.
    pub failures: Vec<Failure>,
    /// What happened, for people.
    pub events: Vec<EventLine>,
    /// Spans of the cards and of the trial itself, in the order in which they began. Runs of earlier releases have
    /// none.
    #[serde(default)]
    pub spans: Vec<SpanLine>,
    /// Outages that were injected with a known measure. Runs of earlier releases have none.
    #[serde(default)]
    pub known_outages: Vec<KnownOutage>,
    /// Packets that cards and testers had dropped, by their own counts, when the fault came. Runs of earlier releases do
    /// not know.
    #[serde(default)]
    pub dropped_before_fault: Option<u64>,
}

/// A span: what a card did, from when to when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpanLine {
    /// Who: `pe1/A`; `swact` for the orchestrator.
    pub card: String,
    /// What: `adopt`, `reconcile`, …
    pub name: String,
    /// Begin, milliseconds after the fault, or after the begin of traffic when there was none.
    pub from_ms: f64,
    /// End, likewise.
    pub to_ms: f64,
    /// Attributes, as text.
    pub attributes: BTreeMap<String, String>,
}

/// A switchover taken apart: each phase's end, milliseconds after the fault. `None`: not measured.
///
/// The phases follow each other, so a phase lasts from the end of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// The standby declared the active dead, or was told to take over.
    pub detect: Option<f64>,
    /// The new active owns the chassis.
    pub take_over: Option<f64>,
    /// The last line card obeys the new active.
    pub adopt: Option<f64>,
    /// The last line card's table equals the new active's: reconciled, or downloaded again.
    pub reconcile: Option<f64>,
    /// Protocols and tables have converged.
    pub converge: Option<f64>,
    /// A standby is ready again.
    pub redundant: Option<f64>,
}

impl Phases {
    /// Names and values in order, as `report.json` names them.
    pub fn named(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("detect", self.detect),
            ("take_over", self.take_over),
            ("adopt", self.adopt),
            ("reconcile", self.reconcile),
            ("converge", self.converge),
            ("redundant", self.redundant),
        ]
    }
}

/// Times of a software upgrade (RFC 7654 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fsu {
    /// T1: software staged, the standby runs it. Milliseconds.
    pub t1_ms: Option<f64>,
    /// T2: the upgrade run: switchover to the new software.
    pub t2_ms: Option<f64>,
    /// T3: both RPs on the new software and in sync.
    pub t3_ms: Option<f64>,
    /// Packets lost during the upgrade.
    pub tpl_frames: Option<u64>,
    /// The same as time: TPL divided by the offered load.
    pub tpl_ms: Option<f64>,
    /// Whether the chassis operated in SSO while its images differed: the two releases are compatible. Runs of earlier
    /// releases knew none that are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stateful: bool,
}

impl Fsu {
    /// T4, the whole maintenance window: T1 + T2 + T3.
    pub fn t4_ms(&self) -> Option<f64> {
        Some(self.t1_ms? + self.t2_ms? + self.t3_ms?)
    }
}

/// Where every offered packet went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    /// Packets offered.
    pub offered: u64,
    /// Distinct packets that arrived where and as they should.
    pub delivered: u64,
    /// Offered and not delivered.
    pub lost: u64,
    /// Packets that arrived where or as they should not.
    pub misdelivered: u64,
    /// Dropped and counted by a cause, at the tester's port too.
    pub dropped: u64,
    /// What a line card held when it was killed.
    pub lost_with_card: u64,
    /// `offered − delivered − misdelivered − dropped − lost_with_card`: other than zero is a defect of the
    /// emulator, either way.
    pub unaccounted: i64,
}

/// Accounts for every packet.
///
/// `drops` are the cards' and the tester's by cause. With `card_died`, the remainder was lost with the card:
/// what it held and had counted went with it. Without, a remainder is `unaccounted`.
pub fn accounting(traffic: &[TrafficEvidence], drops: &BTreeMap<String, u64>, card_died: bool) -> Accounting {
    let sum = |of: fn(&TrafficEvidence) -> u64| traffic.iter().map(of).sum::<u64>();
    let offered = sum(|evidence| evidence.offered);
    let delivered = sum(TrafficEvidence::delivered);
    let misdelivered = sum(TrafficEvidence::misdelivered);
    let dropped = drops.values().copied().fold(0, u64::saturating_add);
    let remainder = i128::from(offered) - i128::from(delivered) - i128::from(misdelivered) - i128::from(dropped);
    let remainder = i64::try_from(remainder).unwrap_or(if remainder < 0 { i64::MIN } else { i64::MAX });
    // More drops than losses are a counting error even when a card died.
    let lost_with_card = if card_died { u64::try_from(remainder).unwrap_or(0) } else { 0 };
    Accounting {
        offered,
        delivered,
        lost: offered.saturating_sub(delivered),
        misdelivered,
        dropped,
        lost_with_card,
        unaccounted: remainder - lost_with_card as i64,
    }
}

/// Why a trial's figures do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "invalid", rename_all = "snake_case")]
pub enum Invalid {
    /// The generator could not keep its schedule.
    GeneratorLate {
        /// Packets never sent.
        skipped: u64,
        /// Lateness that 99 % stayed under, nanoseconds.
        late_p99_ns: u64,
        /// Packets that left late because the wire had pushed back: whether the machine or the chassis had no time for
        /// them, nobody can tell.
        #[serde(default)]
        held_back: u64,
    },
    /// Packets vanished without a cause, or were counted twice: a defect of the emulator.
    Unaccounted {
        /// How many.
        packets: i64,
    },
    /// Packets were lost before the fault.
    SteadyStateLoss {
        /// How many.
        packets: u64,
    },
    /// The chassis never reached the steady state that the experiment asks for.
    NoSteadyState {
        /// What was waited for.
        waited_for: String,
    },
    /// Observation ended before what it waits for had happened.
    NotEnded {
        /// What was waited for.
        waited_for: String,
    },
    /// Sender and receiver do not share a clock: packets arrived before they were due.
    Clock {
        /// What was seen.
        detail: String,
    },
    /// A tester or a card could not be asked for its evidence.
    EvidenceMissing {
        /// Whose, and why.
        detail: String,
    },
    /// What the trial was held for did not happen.
    NotHappened {
        /// What.
        detail: String,
    },
    /// What the trial showed must not come of its fault, and no lateness of the load explains it; nor is a machine
    /// without time a fair witness against the chassis.
    Unexplained {
        /// What must not have come of it.
        detail: String,
    },
    /// The trial was stopped by a person.
    Interrupted,
}

impl Invalid {
    /// Whether it says something of the machine alone, that had no time for the load: the same trial may be held again.
    /// A wire that pushes back may be a chassis that does not read.
    pub fn is_the_machines(&self) -> bool {
        matches!(self, Self::GeneratorLate { skipped: 0, held_back: 0, .. })
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GeneratorLate { skipped, late_p99_ns, held_back } => {
                let late = *late_p99_ns as f64 / 1e6;
                write!(f, "the generator did not keep pace: {skipped} packets skipped, p99 {late:.1} ms late")?;
                if *held_back > 0 { write!(f, "; the wire held back {held_back}") } else { Ok(()) }
            }
            Self::Unaccounted { packets } => write!(f, "{packets} packets are unaccounted for"),
            Self::SteadyStateLoss { packets } => write!(f, "{packets} packets were lost before the fault"),
            Self::NoSteadyState { waited_for } => write!(f, "no steady state: {waited_for}"),
            Self::NotEnded { waited_for } => write!(f, "observation ended before: {waited_for}"),
            Self::Clock { detail } => write!(f, "clocks: {detail}"),
            Self::EvidenceMissing { detail } => write!(f, "evidence is missing: {detail}"),
            Self::NotHappened { detail } => f.write_str(detail),
            Self::Unexplained { detail } => write!(f, "a busy machine does not explain: {detail}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What went wrong in the chassis. Whatever the thresholds say, such a trial does not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum Failure {
    /// Traffic never came back.
    NeverRecovered {
        /// Flows without traffic at the end.
        flows: u32,
    },
    /// Packets arrived where or as they should not.
    Misdelivered {
        /// How many.
        packets: u64,
        /// Of these, by what was wrong first. Earlier releases do not tell.
        #[serde(default)]
        how: BTreeMap<Misdelivery, u64>,
    },
    /// An invariant of the chassis was broken.
    Invariant {
        /// Which one, and how.
        detail: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRecovered { flows } => write!(f, "traffic of {flows} flows never came back"),
            Self::Misdelivered { packets, how } => {
                write!(f, "{packets} packets were delivered wrongly")?;
                let mut how =
                    how.iter().filter(|(_, packets)| **packets > 0).zip([": "].into_iter().chain(repeat(", ")));
                how.try_for_each(|((how, packets), before)| write!(f, "{before}{} {packets}", how.name()))
            }
            Self::Invariant { detail } => f.write_str(detail),
        }
    }
}

/// One thing that happened, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// Milliseconds after the fault (before: negative).
    pub at_ms: f64,
    /// Where: a card, or `orchestrator`.
    pub card: String,
    /// What.
    pub text: String,
}

impl TrialRecord {
    /// Whether its figures count.
    pub fn valid(&self) -> bool {
        self.invalid.is_empty()
    }

    /// Whether it is invalid for nothing but the machine's doing, and nothing is wrong with the chassis: it may be held
    /// again, and no failure is passed over by that.
    pub fn is_spoilt(&self) -> bool {
        !self.valid() && self.failures.is_empty() && self.invalid.iter().all(Invalid::is_the_machines)
    }

    /// The outage over all testers' traffic.
    pub fn outage(&self) -> Outage {
        let mut rate = 0.0;
        let mut all = Outage::default();
        for evidence in &self.traffic {
            let own = evidence.schedule.rate_pps();
            all = all.with(rate, &evidence.outage(), own);
            rate += own;
        }
        all
    }

    /// Packets a second offered over all testers.
    pub fn offered_pps(&self) -> f64 {
        self.traffic.iter().map(|evidence| evidence.schedule.rate_pps()).sum()
    }

    /// Time between two packets of the slowest flow, milliseconds: the coarsest resolution.
    pub fn resolution_ms(&self) -> Option<f64> {
        self.traffic.iter().map(|evidence| evidence.schedule.flow_interval_ns() / 1e6).reduce(f64::max)
    }

    /// How far an outage of this trial may be off, milliseconds: resolution and lateness.
    pub fn accuracy_ms(&self) -> Option<f64> {
        self.traffic.iter().map(|evidence| evidence.accuracy_ns() / 1e6).reduce(f64::max)
    }

    /// Further arrivals of packets that had arrived.
    pub fn duplicated(&self) -> u64 {
        self.traffic.iter().map(TrafficEvidence::duplicated).sum()
    }

    /// Packets that arrived after one with a higher number of their flow.
    pub fn reordered(&self) -> u64 {
        self.traffic.iter().map(TrafficEvidence::reordered).sum()
    }

    /// Packets that arrived more than a second after their intended time.
    pub fn late(&self) -> u64 {
        self.traffic.iter().map(TrafficEvidence::late).sum()
    }

    /// Longest time without an arrival in any one flow, milliseconds; `None`: not measured.
    pub fn arrival_gap_ms(&self) -> Option<f64> {
        self.worst_ms(TrafficEvidence::arrival_gap_ns)
    }

    /// Greatest latency of a packet from its intended send time, milliseconds; `None`: not measured.
    pub fn latency_max_ms(&self) -> Option<f64> {
        self.worst_ms(TrafficEvidence::latency_max_ns)
    }

    /// Packets that were impaired (RFC 6412 §3.8.1), the lost ones too; `None`: not measured.
    pub fn impaired(&self) -> Option<u64> {
        let of_all: Vec<u64> = self.traffic.iter().map(TrafficEvidence::impaired).collect::<Option<_>>()?;
        (!of_all.is_empty()).then(|| of_all.iter().sum())
    }

    fn worst_ms(&self, of: fn(&TrafficEvidence) -> Option<u64>) -> Option<f64> {
        let of_all: Vec<u64> = self.traffic.iter().map(of).collect::<Option<_>>()?;
        of_all.into_iter().max().map(|ns| ns as f64 / 1e6)
    }

    /// Judges the evidence: accounts for every packet, and adds what it shows to `invalid` and `failures`.
    ///
    /// `self.drops` holds the cards' drops; the tester's own join them here. With `card_died`, what the card held may be
    /// lost: a steady state that lost more than `steady_loss_max` besides was none. Call it once.
    pub fn judge(&mut self, card_died: bool, steady_loss_max: u64) {
        let own = |of: fn(&TrafficEvidence) -> u64| self.traffic.iter().map(of).sum::<u64>();
        let port_down = own(|evidence| evidence.port_down);
        let skipped = own(|evidence| evidence.generator.skipped);
        for (cause, packets) in [(TESTER_PORT_DOWN, port_down), (TESTER_SKIPPED, skipped)] {
            if packets > 0 {
                self.drops.insert(cause.to_owned(), packets);
            }
        }
        self.accounting = accounting(&self.traffic, &self.drops, card_died);
        if self.accounting.unaccounted != 0 {
            self.invalid.push(Invalid::Unaccounted { packets: self.accounting.unaccounted });
        }
        let late = self.traffic.iter().filter(|evidence| !evidence.kept_pace()).map(|evidence| &evidence.generator);
        self.invalid.extend(late.map(|generator| Invalid::GeneratorLate {
            skipped: generator.skipped,
            late_p99_ns: generator.late_p99_ns,
            held_back: generator.held_back,
        }));
        let early = self.traffic.iter().filter_map(|evidence| evidence.early_max_ns).max().unwrap_or(0);
        if early > CLOCKS_APART_MAX_NS {
            let detail = format!("a packet arrived {:.1} ms before it was due", early as f64 / 1e6);
            self.invalid.push(Invalid::Clock { detail });
        }
        let mut was_whole = true;
        if let Some(fault_at) = self.fault_at_ns {
            // What a card held when it died was sent before. What is older, or was counted by then, was not held by it.
            let (held_ns, counted) = match card_died {
                true => (CARD_HOLDS_NS, self.dropped_before_fault.unwrap_or(0)),
                false => (0, 0),
            };
            let before = |evidence: &TrafficEvidence| {
                evidence.lost_before(fault_at.saturating_sub(evidence.schedule.start).saturating_sub(held_ns))
            };
            let packets = self.traffic.iter().map(before).sum::<u64>().max(counted);
            was_whole = packets <= steady_loss_max;
            if !was_whole {
                self.invalid.push(Invalid::SteadyStateLoss { packets });
            }
        }
        // Traffic that was not there before cannot come back: a load beyond what the chassis forwards says nothing.
        let flows = self.traffic.iter().map(TrafficEvidence::never_recovered).sum();
        if flows > 0 && was_whole {
            self.failures.push(Failure::NeverRecovered { flows });
        }
        if self.accounting.misdelivered > 0 {
            let mut how = BTreeMap::new();
            for (reason, packets) in self.traffic.iter().flat_map(|evidence| &evidence.misdelivered) {
                *how.entry(*reason).or_default() += packets;
            }
            self.failures.push(Failure::Misdelivered { packets: self.accounting.misdelivered, how });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
