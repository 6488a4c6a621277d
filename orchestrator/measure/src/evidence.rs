//! What a tester hands over after a trial.

mod stored;

use crate::{
    histogram::Sketch,
    loss::{self, LossPeriod},
    pace::Generator,
    recorder::{FlowRecorder, Misdelivery, Recorder},
    schedule::Schedule,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Loss periods listed for each flow; more are counted in the totals, not listed. A switchover makes
/// one or two; a lossy fabric thousands, which nobody reads one by one.
pub const PERIODS_LISTED_MAX: usize = 64;
/// Loss periods listed for all flows of a trial together, lowest flows first: bounds the evidence of a trial
/// with a hundred thousand flows to some megabytes.
pub const PERIODS_LISTED_IN_ALL_MAX: usize = 16_384;
/// Width of a bin of [`TrafficEvidence::loss_over_time`], nanoseconds of intended time.
pub const BIN_NS: u64 = 10_000_000;

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
        self.offered - self.delivered
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

    /// Packets lost whose intended time lies before `offset_ns`: loss in steady state. The last whole bin is
    /// left out: what was under way at `offset_ns` was not lost before it.
    pub fn lost_before(&self, offset_ns: u64) -> u64 {
        let bins = (offset_ns / BIN_NS).saturating_sub(1) as usize;
        self.loss_over_time.iter().take(bins).map(|bin| u64::from(bin.lost)).sum()
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

/// The evidence of each flow, when the first `offered` packets of the schedule were offered.
pub(crate) fn flows(recorder: &Recorder, offered: u64) -> Vec<FlowEvidence> {
    let schedule = recorder.schedule();
    let mut listed_left = PERIODS_LISTED_IN_ALL_MAX;
    let evidence = |(number, flow): (usize, &FlowRecorder)| {
        let number = number as u32;
        let offered = schedule.offered_to(number, offered);
        let arrival = |sequence| recorder.arrival_us(schedule.packet(number, sequence));
        // A flow of which everything arrived has no loss to look for.
        let complete = flow.delivered() == offered;
        let mut periods = if complete { Vec::new() } else { loss::periods(schedule, number, offered, arrival) };
        let lost: u32 = periods.iter().map(|period| period.length).sum();
        let longest = periods.iter().max_by_key(|period| period.length).cloned();
        let evidence = FlowEvidence {
            offered,
            delivered: offered - lost,
            duplicated: flow.duplicated(),
            reordered: flow.reordered(),
            late: flow.late(),
            misdelivered: flow.misdelivered(),
            period_count: periods.len() as u32,
            longest,
            timestamp_total_ns: periods.iter().map(LossPeriod::timestamp_derived_ns).sum(),
            never_recovered: periods.last().is_some_and(|period| !period.recovered()),
            periods: Vec::new(),
        };
        periods.truncate(PERIODS_LISTED_MAX.min(listed_left));
        listed_left -= periods.len();
        FlowEvidence { periods, ..evidence }
    };
    recorder.flows().iter().enumerate().map(evidence).collect()
}

/// Offered and lost packets by intended time.
pub(crate) fn loss_over_time(recorder: &Recorder, offered: u64) -> Vec<LossBin> {
    let schedule = recorder.schedule();
    let Some(last) = offered.checked_sub(1) else { return Vec::new() };
    let bins = schedule.offset(last) / BIN_NS + 1;
    let due = |bin: u64| schedule.due(schedule.start + bin * BIN_NS - 1).min(offered);
    let mut before = 0;
    let mut over_time: Vec<LossBin> = (1..=bins)
        .map(|bin| {
            let until = due(bin);
            let in_bin = until - before;
            before = until;
            LossBin { offered: in_bin as u32, lost: 0 }
        })
        .collect();
    for packet in (0..offered).filter(|packet| recorder.arrival_us(*packet).is_none()) {
        over_time[(schedule.offset(packet) / BIN_NS) as usize].lost += 1;
    }
    over_time
}

#[cfg(test)]
mod tests;
