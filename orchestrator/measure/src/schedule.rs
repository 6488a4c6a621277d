//! When each packet is due: open loop, constant rate, round robin over the flows.
//!
//! Packet `k` belongs to flow `k % flows`, is number `k / flows` there and is due at
//! `start + k / rate`. All arithmetic is exact, so a trial of any length has no drift.

use serde::{Deserialize, Serialize};

/// Nanoseconds in a thousand seconds: rates are held in packets a thousand seconds.
const KILOSECOND_NS: u128 = 1_000_000_000_000;

/// Width of the bins of intended time in which loss and lateness are told, nanoseconds.
pub const BIN_NS: u64 = 10_000_000;

/// A constant-rate schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Intended time of packet 0, nanoseconds on the tester's monotonic clock.
    pub start: u64,
    /// Rate over all flows in thousandths of a packet a second.
    pub rate_milli_pps: u64,
    /// Number of flows.
    pub flows: u32,
}

/// A schedule that offers nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadSchedule {
    /// The rate is not between 0.001 and 1e9 packets a second.
    #[error("a rate of {0} packets a second cannot be offered: choose 0.001 to 1e9")]
    Rate(f64),
    /// No flow, or more than signatures can name.
    #[error("{0} flows: choose 1 to {max}", max = crate::signature::FLOWS_MAX)]
    Flows(u32),
}

impl Schedule {
    /// A schedule from `start` on.
    pub fn new(start: u64, rate_pps: f64, flows: u32) -> Result<Self, BadSchedule> {
        if !(0.001..=1e9).contains(&rate_pps) {
            return Err(BadSchedule::Rate(rate_pps));
        }
        if !(1..=crate::signature::FLOWS_MAX).contains(&flows) {
            return Err(BadSchedule::Flows(flows));
        }
        Ok(Self { start, rate_milli_pps: (rate_pps * 1000.0).round() as u64, flows })
    }

    /// Packets a second over all flows.
    pub fn rate_pps(&self) -> f64 {
        self.rate_milli_pps as f64 / 1000.0
    }

    /// Packets a second of each flow.
    pub fn flow_rate_pps(&self) -> f64 {
        self.rate_pps() / f64::from(self.flows)
    }

    /// Time between two packets of one flow: the resolution of every outage, nanoseconds.
    pub fn flow_interval_ns(&self) -> f64 {
        1e9 / self.flow_rate_pps()
    }

    /// The flow of packet `k`.
    pub fn flow(&self, k: u64) -> u32 {
        (k % u64::from(self.flows)) as u32
    }

    /// The number of packet `k` within its flow.
    pub fn sequence(&self, k: u64) -> u32 {
        (k / u64::from(self.flows)) as u32
    }

    /// The packet that is `sequence` of `flow`.
    pub fn packet(&self, flow: u32, sequence: u32) -> u64 {
        u64::from(sequence) * u64::from(self.flows) + u64::from(flow)
    }

    /// Intended time of packet `k`, nanoseconds since the start.
    pub fn offset(&self, k: u64) -> u64 {
        (u128::from(k) * KILOSECOND_NS / u128::from(self.rate_milli_pps)) as u64
    }

    /// Intended time of packet `k` on the tester's clock.
    pub fn intended(&self, k: u64) -> u64 {
        self.start + self.offset(k)
    }

    /// How many packets are due at `now`: packet `k` is, when `intended(k) <= now`.
    pub fn due(&self, now: u64) -> u64 {
        match now.checked_sub(self.start) {
            None => 0,
            Some(elapsed) => {
                ((u128::from(elapsed) + 1) * u128::from(self.rate_milli_pps)).div_ceil(KILOSECOND_NS) as u64
            }
        }
    }

    /// How many of the first `offered` packets belong to `flow`.
    pub fn offered_to(&self, flow: u32, offered: u64) -> u32 {
        offered.saturating_sub(u64::from(flow)).div_ceil(u64::from(self.flows)) as u32
    }

    /// Walks the schedule from packet `first` on without a division a packet.
    pub fn cursor(&self, first: u64) -> Cursor {
        let scaled = u128::from(first) * KILOSECOND_NS;
        let rate = u128::from(self.rate_milli_pps);
        Cursor {
            flow: self.flow(first),
            sequence: self.sequence(first),
            offset: (scaled / rate) as u64,
            remainder: (scaled % rate) as u64,
            step: (KILOSECOND_NS / rate) as u64,
            step_remainder: (KILOSECOND_NS % rate) as u64,
            schedule: *self,
        }
    }
}

/// A packet's place in the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its flow.
    pub flow: u32,
    /// Its number within the flow.
    pub sequence: u32,
    /// Its intended time, nanoseconds since the start.
    pub offset: u64,
}

/// Yields the schedule's packets in order, for ever.
#[derive(Clone, Debug)]
pub struct Cursor {
    schedule: Schedule,
    flow: u32,
    sequence: u32,
    offset: u64,
    remainder: u64,
    step: u64,
    step_remainder: u64,
}

impl Iterator for Cursor {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let slot = Slot { flow: self.flow, sequence: self.sequence, offset: self.offset };
        self.flow += 1;
        if self.flow == self.schedule.flows {
            self.flow = 0;
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.offset += self.step;
        self.remainder += self.step_remainder;
        if self.remainder >= self.schedule.rate_milli_pps {
            self.remainder -= self.schedule.rate_milli_pps;
            self.offset += 1;
        }
        Some(slot)
    }
}

#[cfg(test)]
mod tests;
