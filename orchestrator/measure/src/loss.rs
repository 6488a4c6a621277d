//! Loss periods (RFC 3357 §6) and the outages that they stand for (RFC 6201 §1.3).

use crate::schedule::Schedule;
use serde::{Deserialize, Serialize};

/// A run of consecutive lost packets of one flow. All times are nanoseconds since the trial's start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossPeriod {
    /// Sequence of the first lost packet.
    pub first: u32,
    /// Packets lost in a row.
    pub length: u32,
    /// Intended send time of the first lost packet.
    pub sent_first: u64,
    /// Intended send time of the last lost packet.
    pub sent_last: u64,
    /// Intended send time of the first packet received after it; `None`: traffic never came back.
    pub sent_after: Option<u64>,
    /// Arrival of the packet before it in sequence; `None`: the flow began with a loss.
    pub arrived_before: Option<u64>,
    /// Arrival of the packet after it in sequence; `None`: traffic never came back.
    pub arrived_after: Option<u64>,
}

impl LossPeriod {
    /// Whether a later packet of the flow arrived. One that did not recover is a failure, never a zero.
    pub fn recovered(&self) -> bool {
        self.sent_after.is_some()
    }

    /// Loss-derived outage: packets lost divided by the rate offered to the flow (RFC 6201 §1.3, method 1).
    /// A lower bound when the period did not recover.
    pub fn loss_derived_ns(&self, schedule: &Schedule) -> f64 {
        f64::from(self.length) * schedule.flow_interval_ns()
    }

    /// Timestamp-derived outage: B − A, where A is the arrival of the last frame before the interruption and
    /// B of the first one after it (RFC 6201 §1.3, method 2). At a constant rate it is up to one
    /// interval longer than the loss-derived one. A flow that began with a loss counts from the first lost
    /// packet's intended time; one that did not recover, to the last lost packet's: a lower bound.
    pub fn timestamp_derived_ns(&self) -> u64 {
        let before = self.arrived_before.unwrap_or(self.sent_first);
        self.arrived_after.unwrap_or(self.sent_last).saturating_sub(before)
    }
}

/// The loss periods of one flow of which `offered` packets were offered, in order.
///
/// `arrival_us` tells a sequence's first arrival in microseconds since the start.
pub fn periods(
    schedule: &Schedule,
    flow: u32,
    offered: u32,
    arrival_us: impl Fn(u32) -> Option<u32>,
) -> Vec<LossPeriod> {
    let sent = |sequence| schedule.offset(schedule.packet(flow, sequence));
    let nanos = |us: u32| u64::from(us) * 1000;
    let mut found = Vec::new();
    let mut before = None;
    let mut first: Option<u32> = None;
    for sequence in 0..offered {
        let arrived = arrival_us(sequence);
        match (arrived, first) {
            (None, None) => first = Some(sequence),
            (Some(after), Some(lost)) => {
                found.push(LossPeriod {
                    first: lost,
                    length: sequence - lost,
                    sent_first: sent(lost),
                    sent_last: sent(sequence - 1),
                    sent_after: Some(sent(sequence)),
                    arrived_before: before.map(nanos),
                    arrived_after: Some(nanos(after)),
                });
                first = None;
            }
            (None, Some(_)) | (Some(_), None) => {}
        }
        before = arrived.or(before);
    }
    found.extend(first.map(|lost| LossPeriod {
        first: lost,
        length: offered - lost,
        sent_first: sent(lost),
        sent_last: sent(offered - 1),
        sent_after: None,
        arrived_before: before.map(nanos),
        arrived_after: None,
    }));
    found
}

/// Distances between the first losses of neighbouring periods (RFC 3357 §6.4), the first one 0.
pub fn inter_loss_period_lengths(periods: &[LossPeriod]) -> Vec<u32> {
    let mut before = periods.first().map_or(0, last_lost);
    let mut lengths = Vec::with_capacity(periods.len());
    for period in periods {
        lengths.push(if lengths.is_empty() { 0 } else { period.first.saturating_sub(before) });
        before = last_lost(period);
    }
    lengths
}

fn last_lost(period: &LossPeriod) -> u32 {
    period.first.saturating_add(period.length).saturating_sub(1)
}

#[cfg(test)]
mod tests;
