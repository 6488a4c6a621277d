//! What arrived, by flow and sequence: the receiver's side of the evidence.
//!
//! Each packet's first arrival is kept (four bytes a packet), so every question about loss is answered
//! after the trial from what really happened, and a late packet takes back its loss by itself. Arrivals are kept
//! in the order of the schedule: packets arrive much as they were sent, so that a hundred thousand flows are
//! written to as one.
//!
//! Of each flow the longest time without an arrival and the greatest latency are kept as packets come: traffic that
//! stood still and then came, without loss, was not there meanwhile.

mod account;

use crate::{
    evidence::{FORWARDING_DELAY_THRESHOLD_NS, Misdelivery, TrafficEvidence},
    histogram::{self, Sketch},
    pace::Generator,
    schedule::Schedule,
    signature::Signature,
};
use hdrhistogram::Histogram;
use std::{collections::BTreeMap, time::Duration};

/// Arrivals are kept in blocks of this many packets: 64 KiB, made when the first packet of one arrives.
const BLOCK: usize = 16 << 10;
/// A packet that arrives this long after its intended time counts as late as well.
const LATE_NS: u64 = 1_000_000_000;

/// What one arrival meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// First arrival, in order.
    New,
    /// First arrival, after a packet with a higher number (RFC 4737 §3.3).
    Reordered,
    /// It had arrived before.
    Duplicate,
    /// Not a packet of this trial; counted as misdelivered.
    Refused(Misdelivery),
}

/// First arrivals of a trial's packets, by their number in the schedule: microseconds after the start, plus one; 0: none.
#[derive(Clone, Debug, Default)]
struct Arrivals(Vec<Option<Box<[u32]>>>);

/// What is counted of one flow.
#[derive(Clone, Debug, Default)]
pub struct FlowRecorder {
    next_expected: u32,
    delivered: u32,
    duplicated: u32,
    reordered: u32,
    late: u32,
    misdelivered: u32,
    /// First arrivals that were reordered, or came later than the Forwarding Delay Threshold.
    impaired: u32,
    /// The latest first arrival, microseconds after the start; before the first one, when that was due.
    last_us: u32,
    /// Longest time between two first arrivals so far, or from the first packet's intended time to the first one.
    gap_us: u32,
    latency_max_us: u32,
}

/// Arrivals of all flows of a trial.
#[derive(Debug)]
pub struct Recorder {
    schedule: Schedule,
    trial: u16,
    arrivals: Arrivals,
    flows: Vec<FlowRecorder>,
    /// Sequences from here on are never offered: bounds the memory.
    sequence_end: u32,
    misdelivered: BTreeMap<Misdelivery, u64>,
    latency: Histogram<u64>,
    /// By how much a packet arrived before it was due, at most.
    early_max_ns: u64,
}

impl Arrivals {
    fn at(&self, packet: u64) -> Option<u32> {
        let (block, at) = place(packet);
        let kept = *self.0.get(block)?.as_ref()?.get(at)?;
        kept.checked_sub(1)
    }

    fn slot(&mut self, packet: u64) -> &mut u32 {
        let (block, at) = place(packet);
        if block >= self.0.len() {
            self.0.resize(block + 1, None);
        }
        &mut self.0[block].get_or_insert_with(|| vec![0; BLOCK].into_boxed_slice())[at]
    }
}

impl FlowRecorder {
    /// Takes an arrival of `sequence` `at_us` microseconds after the start; `kept` is where it is kept.
    fn arrived(&mut self, sequence: u32, at_us: u32, kept: &mut u32) -> Arrival {
        if *kept != 0 {
            self.duplicated += 1;
            return Arrival::Duplicate;
        }
        // Zero means not arrived, so times are kept plus one.
        *kept = at_us.saturating_add(1);
        self.delivered += 1;
        self.gap_us = self.gap_us.max(at_us.saturating_sub(self.last_us));
        self.last_us = self.last_us.max(at_us);
        if sequence < self.next_expected {
            self.reordered += 1;
            return Arrival::Reordered;
        }
        self.next_expected = sequence + 1;
        Arrival::New
    }

    /// Takes the latency of a first arrival.
    fn delayed(&mut self, latency_ns: u64, reordered: bool) {
        self.latency_max_us = self.latency_max_us.max(micros(latency_ns));
        self.late += u32::from(latency_ns > LATE_NS);
        self.impaired += u32::from(reordered | (latency_ns > FORWARDING_DELAY_THRESHOLD_NS));
    }

    /// Distinct packets that arrived as they should.
    pub fn delivered(&self) -> u32 {
        self.delivered
    }

    /// Further arrivals of packets that had arrived.
    pub fn duplicated(&self) -> u32 {
        self.duplicated
    }

    /// Packets that arrived after one with a higher number.
    pub fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Packets that arrived more than a second after their intended time.
    pub fn late(&self) -> u32 {
        self.late
    }

    /// Packets that arrived where or as they should not.
    pub fn misdelivered(&self) -> u32 {
        self.misdelivered
    }
}

impl Recorder {
    /// A recorder for the packets that `schedule` makes due within `at_most`.
    pub fn new(schedule: Schedule, trial: u16, at_most: Duration) -> Self {
        let nanos = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
        let packets = schedule.due(schedule.start.saturating_add(nanos));
        // A flow stands still from when its first packet is due.
        let due = |flow: u32| micros(schedule.offset(schedule.packet(flow, 0)));
        let flows = (0..schedule.flows).map(|flow| FlowRecorder { last_us: due(flow), ..FlowRecorder::default() });
        Self {
            sequence_end: schedule.offered_to(0, packets),
            schedule,
            trial,
            arrivals: Arrivals::default(),
            flows: flows.collect(),
            misdelivered: BTreeMap::new(),
            latency: histogram::empty(),
            early_max_ns: 0,
        }
    }

    /// Takes a packet that arrived where and as it should, at `now` on the tester's clock.
    /// Allocates only when the trial comes to its next block of packets.
    pub fn arrived(&mut self, packet: &Signature, now: u64) -> Arrival {
        if packet.trial != self.trial {
            return self.refuse(Misdelivery::Foreign);
        }
        if packet.sequence >= self.sequence_end {
            return self.refuse(Misdelivery::Impossible);
        }
        let Some(flow) = self.flows.get_mut(packet.flow as usize) else {
            return self.refuse(Misdelivery::Impossible);
        };
        let at = now.saturating_sub(self.schedule.start);
        let kept = self.arrivals.slot(self.schedule.packet(packet.flow, packet.sequence));
        let arrival = flow.arrived(packet.sequence, micros(at), kept);
        if !matches!(arrival, Arrival::Duplicate) {
            let latency = at.saturating_sub(packet.intended);
            self.latency.saturating_record(latency);
            flow.delayed(latency, matches!(arrival, Arrival::Reordered));
            self.early_max_ns = self.early_max_ns.max(packet.intended.saturating_sub(at));
        }
        arrival
    }

    /// Takes a packet that arrived where or as it should not. `flow` when its signature could be read.
    pub fn misdelivered(&mut self, flow: Option<u32>, how: Misdelivery) {
        *self.misdelivered.entry(how).or_default() += 1;
        if let Some(flow) = flow.and_then(|flow| self.flows.get_mut(flow as usize)) {
            flow.misdelivered += 1;
        }
    }

    /// Distinct packets that arrived as they should, over all flows.
    pub fn delivered(&self) -> u64 {
        self.flows.iter().map(|flow| u64::from(flow.delivered)).sum()
    }

    /// The schedule that arrivals are held against.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The flows, by number.
    pub fn flows(&self) -> &[FlowRecorder] {
        &self.flows
    }

    /// Microseconds after the start at which packet number `packet` of the schedule first arrived.
    pub fn arrival_us(&self, packet: u64) -> Option<u32> {
        self.arrivals.at(packet)
    }

    /// The evidence, when the first `offered` packets of the schedule were offered. Packets that
    /// found no carrier at their port are part of `offered` and given in `port_down`.
    pub fn finish(&self, offered: u64, port_down: u64, frame_size: u16, generator: Generator) -> TrafficEvidence {
        TrafficEvidence {
            schedule: self.schedule,
            frame_size,
            offered,
            port_down,
            generator,
            misdelivered: self.misdelivered.clone(),
            flows: account::flows(self, offered),
            loss_over_time: account::loss_over_time(self, offered),
            latency_ns: Sketch::coarse(&self.latency),
            early_max_ns: Some(self.early_max_ns).filter(|early| *early > 0),
        }
    }

    fn refuse(&mut self, how: Misdelivery) -> Arrival {
        self.misdelivered(None, how);
        Arrival::Refused(how)
    }
}

/// Whole microseconds of `nanos`; 71 minutes and more are the same.
fn micros(nanos: u64) -> u32 {
    u32::try_from(nanos / 1000).unwrap_or(u32::MAX)
}

fn place(packet: u64) -> (usize, usize) {
    (packet as usize / BLOCK, packet as usize % BLOCK)
}

#[cfg(test)]
mod tests;
