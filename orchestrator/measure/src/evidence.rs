//! What a tester hands over after a trial.

mod stored;

use crate::{histogram::Sketch, loss::LossPeriod, pace::Generator, schedule::Schedule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::schedule::BIN_NS;

/// Loss periods listed for each flow; more are counted in the totals, not listed. A switchover makes
/// one or two; a lossy fabric thousands, which nobody reads one by one.
pub const PERIODS_LISTED_MAX: usize = 64;
/// Loss periods listed for all flows of a trial together, lowest flows first: bounds the evidence of a trial
/// with a hundred thousand flows to some megabytes.
pub const PERIODS_LISTED_IN_ALL_MAX: usize = 16_384;
/// Forwarding Delay Threshold (RFC 6412 §3.7.6): a packet that arrives later than this after its intended time is impaired
/// although it arrives. Ten times the lateness that the generator itself is allowed.
pub const FORWARDING_DELAY_THRESHOLD_NS: u64 = 100_000_000;

/// How a packet arrived where or as it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misdelivery {
    /// At a port that the routing table does not lead to.
    WrongPort,
    /// At that port, with another tag than its interface has, or with one too many or too few (IEEE 802.1Q).
    WrongTag,
    /// With another destination MAC address than the adjacency's.
    WrongMac,
    /// TTL or hop limit is not one less than sent.
    Ttl,
    /// IP or UDP checksum is wrong.
    Checksum,
    /// Addresses or ports differ from what was sent.
    Header,
    /// Payload is not what was sent.
    Payload,
    /// A packet of another trial.
    Foreign,
    /// A flow or sequence that was never offered.
    Impossible,
}

impl Misdelivery {
    /// As evidence and reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongPort => "wrong_port",
            Self::WrongTag => "wrong_tag",
            Self::WrongMac => "wrong_mac",
            Self::Ttl => "ttl",
            Self::Checksum => "checksum",
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Foreign => "foreign",
            Self::Impossible => "impossible",
        }
    }
}

/// The evidence of one tester's traffic in one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficEvidence {
    /// When each packet was due.
    pub schedule: Schedule,
    /// Ethernet frame length with FCS.
    pub frame_size: u16,
    /// Packets offered: their intended time was reached.
    pub offered: u64,
    /// Offered packets whose port had no carrier.
    pub port_down: u64,
    /// How the generator kept its schedule.
    pub generator: Generator,
    /// Packets that arrived where or as they should not, by reason.
    pub misdelivered: BTreeMap<Misdelivery, u64>,
    /// Every flow.
    #[serde(with = "stored::flows")]
    pub flows: Vec<FlowEvidence>,
    /// Offered and lost packets by intended time, in bins of [`BIN_NS`] from the start.
    #[serde(with = "stored::bins")]
    pub loss_over_time: Vec<LossBin>,
    /// Latency from the intended send time, nanoseconds, to two digits.
    pub latency_ns: Sketch,
    /// By how much a packet arrived before it was due, at most, nanoseconds. `None`: none did, as it must be where
    /// sender and receiver share a clock; evidence of earlier releases does not say.
    #[serde(default)]
    pub early_max_ns: Option<u64>,
}

/// Packets whose intended time falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossBin {
    /// Packets offered.
    pub offered: u32,
    /// Of these, never delivered.
    pub lost: u32,
}

/// The evidence of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowEvidence {
    /// Packets offered.
    pub offered: u32,
    /// Distinct packets that arrived where and as they should.
    pub delivered: u32,
    /// Further arrivals of packets that had arrived.
    pub duplicated: u32,
    /// Packets that arrived after one with a higher number.
    pub reordered: u32,
    /// Packets that arrived more than a second after their intended time.
    pub late: u32,
    /// Packets that arrived where or as they should not.
    pub misdelivered: u32,
    /// Number of loss periods.
    pub period_count: u32,
    /// The longest loss period.
    pub longest: Option<LossPeriod>,
    /// Sum of the timestamp-derived outages of all loss periods, nanoseconds.
    pub timestamp_total_ns: u64,
    /// Whether the flow's last offered packet is part of a loss period: traffic never came back.
    pub never_recovered: bool,
    /// The first loss periods, at most [`PERIODS_LISTED_MAX`], of all flows [`PERIODS_LISTED_IN_ALL_MAX`].
    pub periods: Vec<LossPeriod>,
    /// What loss does not tell. `None`: evidence of an earlier release, which did not measure it.
    #[serde(default)]
    pub delay: Option<FlowDelay>,
}

/// How a flow's packets came late, or did not come for a time. To the microsecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowDelay {
    /// Longest time without a first arrival, nanoseconds: between two of them in order of arrival, from the first packet's
    /// intended time to the first of them, or from the last of them to the last packet's intended time (a lower bound).
    pub gap_ns: u64,
    /// Greatest latency from the intended send time, nanoseconds; `None`: nothing arrived.
    pub latency_max_ns: Option<u64>,
    /// Impaired packets (RFC 6412 §3.8.1): lost, arrived later than [`FORWARDING_DELAY_THRESHOLD_NS`], overtaken, or
    /// arrived again.
    pub impaired: u32,
}

/// The outage of a trial in one line, both ways, never only the longest. Nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// Packets lost divided by the rate offered, over all flows: RFC 6201's frame-loss method.
    pub loss_derived_ns: f64,
    /// Timestamp method, summed over the loss periods of the flow where that sum is greatest.
    pub timestamp_derived_ns: f64,
    /// Longest single loss period of any flow, loss-derived.
    pub longest_ns: f64,
    /// Total of the loss periods of the flow that lost most, loss-derived.
    pub total_ns: f64,
    /// Greatest number of loss periods in one flow.
    pub count: u32,
    /// Flows that lost something.
    pub flows_hit: u32,
    /// Flows that never came back.
    pub never_recovered: u32,
}

impl FlowEvidence {
    /// Packets offered and not delivered.
    pub fn lost(&self) -> u32 {
        self.offered.saturating_sub(self.delivered)
    }
}

impl TrafficEvidence {
    /// Distinct packets that arrived where and as they should.
    pub fn delivered(&self) -> u64 {
        self.sum(|flow| flow.delivered)
    }

    /// Packets offered and not delivered.
    pub fn lost(&self) -> u64 {
        self.sum(FlowEvidence::lost)
    }

    /// Further arrivals of packets that had arrived.
    pub fn duplicated(&self) -> u64 {
        self.sum(|flow| flow.duplicated)
    }

    /// Packets that arrived after one with a higher number of their flow.
    pub fn reordered(&self) -> u64 {
        self.sum(|flow| flow.reordered)
    }

    /// Packets that arrived more than a second after their intended time.
    pub fn late(&self) -> u64 {
        self.sum(|flow| flow.late)
    }

    /// Packets that arrived where or as they should not.
    pub fn misdelivered(&self) -> u64 {
        self.misdelivered.values().sum()
    }

    /// Longest time without an arrival in any one flow, nanoseconds; `None`: not measured.
    pub fn arrival_gap_ns(&self) -> Option<u64> {
        self.delays()?.map(|delay| delay.gap_ns).max()
    }

    /// Greatest latency of any packet that arrived, from its intended time, nanoseconds; `None`: not measured, or nothing
    /// arrived.
    pub fn latency_max_ns(&self) -> Option<u64> {
        self.delays()?.filter_map(|delay| delay.latency_max_ns).max()
    }

    /// Packets that were impaired (RFC 6412 §3.8.1), the lost ones too; `None`: not measured.
    pub fn impaired(&self) -> Option<u64> {
        Some(self.delays()?.map(|delay| u64::from(delay.impaired)).sum())
    }

    /// The delays of all flows; `None`: not measured.
    fn delays(&self) -> Option<impl Iterator<Item = FlowDelay> + '_> {
        self.flows.iter().all(|flow| flow.delay.is_some()).then(|| self.flows.iter().filter_map(|flow| flow.delay))
    }

    /// Packets lost whose intended time lies before `offset_ns`: loss in steady state. The last whole bin is
    /// left out: what was under way at `offset_ns` was not lost before it.
    pub fn lost_before(&self, offset_ns: u64) -> u64 {
        let bins = (offset_ns / BIN_NS).saturating_sub(1) as usize;
        self.loss_over_time.iter().take(bins).map(|bin| u64::from(bin.lost)).sum()
    }

    /// Packets lost whose intended time lies between two instants, on the clock of [`Schedule::start`], nanoseconds: those
    /// of the whole bins between them.
    pub fn lost_between(&self, from_ns: u64, to_ns: u64) -> u64 {
        let bin = |at_ns: u64| at_ns.saturating_sub(self.schedule.start);
        let (first, end) = (bin(from_ns).div_ceil(BIN_NS) as usize, (bin(to_ns) / BIN_NS) as usize);
        self.loss_over_time.iter().take(end).skip(first).map(|bin| u64::from(bin.lost)).sum()
    }

    /// Flows that never came back, as far as that can be said: the end of a flow that was never sent says nothing
    /// against the chassis.
    pub fn never_recovered(&self) -> u32 {
        let skipped = self.generator.skipped_last_ns;
        if skipped.is_none() && self.generator.skipped > 0 {
            // Evidence of an earlier release does not tell which packets were skipped.
            return 0;
        }
        let sent_to_the_end = |number: u32, flow: &FlowEvidence| {
            let last = flow.offered.checked_sub(1).map(|last| self.schedule.offset(self.schedule.packet(number, last)));
            last > skipped
        };
        let never = |(number, flow): &(u32, &FlowEvidence)| flow.never_recovered && sent_to_the_end(*number, flow);
        (0..).zip(&self.flows).filter(never).count() as u32
    }

    /// The outage, both ways.
    pub fn outage(&self) -> Outage {
        let interval = self.schedule.flow_interval_ns();
        let mut outage =
            Outage { loss_derived_ns: self.lost() as f64 * 1e9 / self.schedule.rate_pps(), ..Outage::default() };
        for flow in &self.flows {
            let longest = flow.longest.as_ref().map_or(0.0, |period| period.loss_derived_ns(&self.schedule));
            outage.longest_ns = outage.longest_ns.max(longest);
            outage.total_ns = outage.total_ns.max(f64::from(flow.lost()) * interval);
            outage.timestamp_derived_ns = outage.timestamp_derived_ns.max(flow.timestamp_total_ns as f64);
            outage.count = outage.count.max(flow.period_count);
            outage.flows_hit += u32::from(flow.period_count > 0);
            outage.never_recovered += u32::from(flow.never_recovered);
        }
        outage
    }

    fn sum(&self, of: impl Fn(&FlowEvidence) -> u32) -> u64 {
        self.flows.iter().map(|flow| u64::from(of(flow))).sum()
    }
}

impl Outage {
    /// The outage of two testers' traffic in one trial: what is a worst stays the worst, what is a mean is
    /// weighed by the rates.
    #[must_use]
    pub fn with(&self, rate_pps: f64, other: &Self, other_rate_pps: f64) -> Self {
        let weighed = self.loss_derived_ns * rate_pps + other.loss_derived_ns * other_rate_pps;
        Self {
            loss_derived_ns: weighed / (rate_pps + other_rate_pps),
            timestamp_derived_ns: self.timestamp_derived_ns.max(other.timestamp_derived_ns),
            longest_ns: self.longest_ns.max(other.longest_ns),
            total_ns: self.total_ns.max(other.total_ns),
            count: self.count.max(other.count),
            flows_hit: self.flows_hit + other.flows_hit,
            never_recovered: self.never_recovered + other.never_recovered,
        }
    }
}

#[cfg(test)]
mod tests;
