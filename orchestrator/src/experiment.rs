//! Experiments: `<name>.experiment.yml`.
//!
//! [`Experiment::load`] reads one with the topology it names. What it returns is consistent: every
//! tester port, mode and target in it exists.

mod check;
mod file;

pub(crate) use check::override_table;

use crate::{
    expectation::Expected,
    fault::{FaultName, Step},
    issu::Stage,
    storm,
    zero_loss::Stored,
};
use fabric_proto::fib::{Mac, Prefix};
use lab::topology::{TesterInterface, Topology};
use measure::verdict::Limits;
use notation::{
    document::{BadInput, Document},
    mode::Mode,
    units::{PacketRate, Rate, Share, Span},
};
use serde_saphyr::Location;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// Smallest frame (RFC 2544 §9.1); it must also hold the tester's signature.
pub const FRAME_MIN: u16 = 64;
/// Largest frame: the chassis' ports carry 1500-byte packets.
pub const FRAME_MAX: u16 = 1518;
/// Most packets a second that are believed; more is a slip of the pen.
pub const RATE_MAX: f64 = 20e6;
/// Most flows of one entry.
pub const FLOWS_MAX: u32 = 100_000;
/// Most flows of all entries together: a load travels to the tester in one message.
pub const LOAD_FLOWS_MAX: u32 = 200_000;
/// Most trials of each mode, and as many without a fault: a run holds what each found until its report is written, and
/// shows each in it. A soak holds any number.
pub const TRIALS_MAX: u32 = 10_000;
/// Longest trial: instants of arrival are kept in microseconds, in 32 bits, which last for 71 minutes.
pub const TRIAL_TIME_MAX: Duration = Duration::from_secs(70 * 60);
/// Most packets that a trial may come to if it takes its longest: the tester keeps four bytes of each, 16 GiB then.
pub const TRIAL_PACKETS_MAX: f64 = (1u64 << 32) as f64;

/// A measurement: modes × trials under a load and a fault.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The file it came from.
    pub document: Document,
    /// What it shows.
    pub title: String,
    /// The lab it runs in.
    pub topology: Topology,
    /// What is measured, each once.
    pub modes: Vec<Mode>,
    /// Trials of each mode.
    pub trials: u32,
    /// Trials without a fault, of each mode, for the noise floor.
    pub baseline: u32,
    /// Seed of the order, of the destinations and of impairments.
    pub seed: u64,
    /// The load; all entries run at once.
    pub traffic: Vec<Traffic>,
    /// Where each entry says where it goes to.
    pub places: Vec<Location>,
    /// What must hold before the fault.
    pub steady_state: SteadyState,
    /// What is done, by time.
    pub method: Vec<Step>,
    /// How long the aftermath is watched.
    pub observe: Observe,
    /// What the result must not exceed.
    pub thresholds: BTreeMap<Mode, Limits>,
    /// What the method must lead to, where that is not what [`crate::expectation`] says.
    pub expect: Option<Expected>,
}

/// A load from one of a tester's interfaces to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Its name in reports.
    pub name: String,
    /// The tester that plays both ends.
    pub tester: String,
    /// What sends.
    pub from: TesterInterface,
    /// What receives.
    pub to: TesterInterface,
    /// Flows; each has a destination of its own out of the table.
    pub flows: u32,
    /// Over all its flows. A share must be settled before the experiment can be run.
    pub rate: Rate,
    /// Ethernet frame length with FCS, without a tag.
    pub frame_size: u16,
    /// What is known of the way besides, where it passes nodes that are none of ours.
    pub through: Option<Through>,
}

/// A way through nodes that are none of ours, as far as an experiment knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Through {
    /// Routers on it, each of which takes one from the TTL.
    pub hops: u8,
    /// The Ethernet address that packets leave to, where that is a node's.
    pub next_hop: Mac,
    /// Where packets go to in place of the tester's own addresses.
    pub destinations: Option<Prefix>,
}

/// What must hold before the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SteadyState {
    /// How long it is watched.
    pub time: Span,
    /// Packets that may be lost meanwhile.
    pub lost: u64,
    /// How long it is watched again when the aftermath is over.
    pub after: Span,
}

/// How long the aftermath is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// Until when.
    pub until: Until,
    /// At most: afterwards the trial has failed.
    pub at_most: Span,
}

/// The state that ends a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// The standby is back in the mode's terms.
    Redundant,
    /// Routes and line cards are back.
    Converged,
    /// Packets arrive again, whatever the chassis say; all that there is to see where there is none.
    Traffic,
}

/// What the command line changes about an experiment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Only these modes.
    pub modes: Option<Vec<Mode>>,
    /// So many trials.
    pub trials: Option<u32>,
    /// Another routing table, for every chassis that has one.
    pub table: Option<PathBuf>,
    /// Another seed.
    pub seed: Option<u64>,
}

impl Experiment {
    /// Reads and checks an experiment and its topology.
    pub fn load(path: &Path) -> Result<Self, BadInput> {
        check::check(Document::read(path, "experiment")?)
    }

    /// Checks an experiment that was read already, or written by a program.
    pub fn from_document(document: Document) -> Result<Self, BadInput> {
        check::check(document)
    }

    /// Puts rates in place of shares of the zero-loss rate, out of what `swact throughput` left in `store`.
    pub fn settle_rates(&mut self, store: &Path) -> Result<(), BadInput> {
        for traffic in &mut self.traffic {
            let Rate::OfZeroLoss(Share(share)) = traffic.rate else { continue };
            let topology = &self.topology;
            let known =
                Stored::zero_loss(store, &topology.name, topology.document.path(), traffic.frame_size)?.zero_loss_pps;
            traffic.rate = Rate::Absolute(PacketRate(share * known));
        }
        let wrong = |message, remedy: &str| BadInput::new(self.document.path().display(), message, remedy);
        check::check_even(&self.traffic).map_err(|message| wrong(message, check::EVEN))?;
        check::check_packets(&self.traffic, self.longest_trial())
            .map_err(|message| wrong(message, check::FEWER_PACKETS))
    }

    /// What a trial takes at most, from its first packet to its last.
    pub fn longest_trial(&self) -> Duration {
        let lasts = |step: &Step| match step.fault.name {
            FaultName::Storm => step.fault.storm.over.0 + storm::LONGEST,
            _ => step.time.unwrap_or_default().0,
        };
        let method = self.method.iter().map(|step| step.at.0 + lasts(step)).max().unwrap_or_default();
        // An upgrade waits once for each of its steps, and for the traffic.
        let waits = if self.modes.contains(&Mode::Issu) { Stage::ALL.len() as u32 + 2 } else { 4 };
        2 * self.steady_state.time.0 + self.steady_state.after.0 + method + waits * self.observe.at_most.0
    }

    /// Applies what the command line says.
    pub fn apply(&mut self, overrides: &Overrides) -> Result<(), BadInput> {
        check::apply(self, overrides)
    }

    /// The fault in a few words, for reports: `kill pe1/active-rp`.
    pub fn fault_name(&self, mode: Mode) -> String {
        if mode == Mode::Fsu {
            return "software upgrade".to_owned();
        }
        // A method that does the same many times over says it once.
        let mut steps: Vec<String> = Vec::new();
        for step in self.method.iter().filter(|step| step.during.is_some() == (mode == Mode::Issu)) {
            let during = step.during.map(|stage| format!(" during {stage}")).unwrap_or_default();
            let step = format!("{} {}{during}", step.fault, step.target);
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        if mode == Mode::Issu {
            steps.insert(0, "software upgrade".to_owned());
        }
        if steps.is_empty() { "none".to_owned() } else { steps.join(", ") }
    }
}

#[cfg(test)]
mod tests;
