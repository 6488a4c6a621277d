//! What the trials found.

use crate::{run::load::CardLoad, zero_loss::Known};
use fabric_proto::lateness::Lateness;
use measure::histogram::Sketch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Shares of the zero-loss rate at which latency is looked at, percent.
pub(super) const LATENCY_AT: [u32; 4] = [10, 50, 90, 100];
/// From this share of the zero-loss rate on a chassis counts as fully loaded.
const FULL: f64 = 0.9;

/// Everything that one `swact throughput` found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Name of the lab.
    pub lab: String,
    /// Release of swact that measured.
    pub version: String,
    /// `docker` or `process`.
    pub runtime: String,
    /// The command line.
    pub command: String,
    /// Begin, milliseconds since the epoch.
    pub started_unix_ms: u64,
    /// Kernel release.
    pub kernel: String,
    /// Processors that the run may use.
    pub cpus: u32,
    /// Line cards of all chassis.
    pub line_cards: usize,
    /// Routes in the table, IPv4 and IPv6.
    pub routes: [usize; 2],
    /// From where to where packets go: `t1:p1 → t1:p2`.
    pub ports: Vec<String>,
    /// Flows over all ports, each with a destination of its own.
    pub flows: usize,
    /// Length of each trial, milliseconds.
    pub time_ms: u64,
    /// The gap at which the search ended, as a share.
    pub resolution: f64,
    /// From the beginning of the deployment until the chassis forwards and is redundant, milliseconds.
    pub deploy_ms: f64,
    /// The cards while nothing is offered.
    pub idle: BTreeMap<String, CardLoad>,
    /// By frame size, in the order measured.
    pub sizes: Vec<SizeFigures>,
}

/// What was found with one frame size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SizeFigures {
    /// Ethernet frame length with FCS.
    pub frame_size: u16,
    /// Greatest rate at which every packet arrived as it should, packets a second over all ports; 0: none.
    pub zero_loss_pps: f64,
    /// Why the least rate that failed did; `None`: none failed.
    pub limit: Option<String>,
    /// Every trial, in order.
    pub trials: Vec<TrialFigures>,
}

/// What a trial is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The search of RFC 2544 §26.1.
    #[default]
    Throughput,
    /// Latency at a share of the zero-loss rate (§26.2), percent.
    Latency(u32),
    /// Frame loss at a share of the maximum rate (§26.3), percent.
    LossRate(u32),
}

/// One trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialFigures {
    /// What it is for.
    pub purpose: Purpose,
    /// Rate offered, packets a second.
    pub rate_pps: f64,
    /// Packets due.
    pub offered: u64,
    /// Packets that arrived where and as they should.
    pub delivered: u64,
    /// Packets that the wire did not take in time: it pushes back when the chassis is slow to read.
    pub not_taken: u64,
    /// Packets that arrived where or as they should not, or more than once.
    pub wrong: u64,
    /// What the cards dropped, by cause.
    pub drops: BTreeMap<String, u64>,
    /// Lateness of the generator that 99 % of the packets stayed under, nanoseconds.
    pub late_p99_ns: u64,
    /// What disturbed the chassis meanwhile.
    pub unrest: Option<String>,
    /// Latency from the intended send time, nanoseconds.
    pub latency_ns: Sketch,
    /// How late heartbeats left and were taken, over all route processors.
    pub heartbeats: Lateness,
    /// The cards under this load.
    pub cards: BTreeMap<String, CardLoad>,
    /// Why it did not pass; empty when it did.
    pub failed: Vec<String>,
}

impl Figures {
    /// What later experiments take shares of.
    pub fn known(&self) -> impl Iterator<Item = (u16, Known)> + '_ {
        let known = |size: &SizeFigures| Known {
            zero_loss_pps: size.zero_loss_pps,
            runtime: self.runtime.clone(),
            flows: self.flows,
            routes: self.routes,
            measured_unix_ms: self.started_unix_ms,
        };
        self.sizes.iter().map(move |size| (size.frame_size, known(size)))
    }
}

impl TrialFigures {
    /// Packets that never arrived.
    pub fn lost(&self) -> u64 {
        self.offered - self.delivered
    }

    /// Whether every packet was sent in time and arrived as it should, once.
    pub fn passed(&self) -> bool {
        self.failed.is_empty()
    }

    /// Packets that the chassis lost, as a share of those offered.
    pub fn loss(&self) -> f64 {
        self.lost().saturating_sub(self.not_taken) as f64 / self.offered.max(1) as f64
    }

    /// Packets that the wire did not take, as a share of those offered.
    pub fn pushed_back(&self) -> f64 {
        self.not_taken as f64 / self.offered.max(1) as f64
    }
}

impl SizeFigures {
    /// The trial that shows latency at `percent` of the zero-loss rate.
    pub fn at(&self, percent: u32) -> Option<&TrialFigures> {
        self.trials.iter().find(|trial| trial.purpose == Purpose::Latency(percent))
    }

    /// Heartbeats of all trials that loaded the chassis fully, overload included.
    pub fn heartbeats_at_full_load(&self) -> Lateness {
        let mut all = Lateness::default();
        let full = |trial: &&TrialFigures| self.zero_loss_pps > 0.0 && trial.rate_pps >= FULL * self.zero_loss_pps;
        self.trials.iter().filter(full).for_each(|trial| all.merge(&trial.heartbeats));
        all
    }
}
