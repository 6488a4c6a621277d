//! What one load offers, and what came of it.

use crate::{
    frame::{BadFlow, Received, Template, receive},
    port::{Port, Room},
};
use fabric_proto::{
    load::tester_mac,
    operator::{TrafficProgress, TrafficSpec},
    time::Instant,
};
use measure::{
    Pace, Recorder, Schedule, Signature, TrafficEvidence,
    pace::LATENESS_P99_MAX_NS,
    recorder::Arrival,
    schedule::{BadSchedule, Cursor},
};
use std::time::Duration;

/// Packets made before the wires get them: a few dozen kilobytes a write, and reading is never far away.
const BATCH: u64 = 1024;
/// Batches in one turn of the traffic thread: some milliseconds of work. Who is behind by more reads in between.
const BATCHES: usize = 16;
/// From `Start` to the first packet: the answer is on its way before the load is.
const LEAD: Duration = Duration::from_millis(1);

/// A load that cannot be offered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadTraffic {
    /// A flow with impossible packets.
    #[error("flow {flow}: {source}")]
    Flow {
        /// Number of the flow, from 0.
        flow: usize,
        /// What is wrong.
        source: BadFlow,
    },
    /// A port that the tester does not have.
    #[error("flow {flow}: this tester has no port {port}; it has {have:?}")]
    NoPort {
        /// Number of the flow, from 0.
        flow: usize,
        /// The port asked for.
        port: u8,
        /// The ports there are.
        have: Vec<u8>,
    },
    /// Nowhere to arrive.
    #[error("flow {0}: no port at which it may arrive")]
    NoEnd(usize),
    /// No flows, too many, or an impossible rate.
    #[error(transparent)]
    Schedule(#[from] BadSchedule),
    /// A load without an end.
    #[error("a load must stop itself: set at_most_ms to 1 or more")]
    NoEndOfLoad,
}

/// A load, checked and ready to start.
#[derive(Debug)]
pub struct Plan {
    templates: Vec<Template>,
    /// Which of the tester's ports each flow leaves by.
    from: Vec<u16>,
    rate_pps: f64,
    frame_size: u16,
    at_most: Duration,
    trial: u16,
}

impl Plan {
    /// Checks a load against the tester's ports. `trial` tells its packets from an earlier load's.
    pub fn new(spec: &TrafficSpec, ports: &[Port], trial: u16) -> Result<Self, BadTraffic> {
        if spec.at_most_ms == 0 {
            return Err(BadTraffic::NoEndOfLoad);
        }
        Schedule::new(0, spec.rate_pps, u32::try_from(spec.flows.len()).unwrap_or(u32::MAX))?;
        let position = |flow: usize, number: u8| {
            ports.iter().position(|port| port.number == number).ok_or_else(|| BadTraffic::NoPort {
                flow,
                port: number,
                have: ports.iter().map(|port| port.number).collect(),
            })
        };
        let mut templates = Vec::with_capacity(spec.flows.len());
        let mut from = Vec::with_capacity(spec.flows.len());
        for (number, flow) in spec.flows.iter().enumerate() {
            if flow.expect.is_empty() {
                return Err(BadTraffic::NoEnd(number));
            }
            for exit in &flow.expect {
                position(number, exit.port)?;
            }
            let template = Template::new(number as u32, flow, tester_mac(flow.from), spec.frame_size);
            templates.push(template.map_err(|source| BadTraffic::Flow { flow: number, source })?);
            from.push(position(number, flow.from)? as u16);
        }
        let at_most = Duration::from_millis(spec.at_most_ms);
        Ok(Self { templates, from, rate_pps: spec.rate_pps, frame_size: spec.frame_size, at_most, trial })
    }

    /// Starts it at `now`.
    pub fn start(self, now: Instant) -> Result<Trial, BadSchedule> {
        let start = now + LEAD;
        let schedule = Schedule::new(start.0, self.rate_pps, self.templates.len() as u32)?;
        Ok(Trial {
            recorder: Recorder::new(schedule, self.trial, self.at_most),
            limit: schedule.due((start + self.at_most).0 - 1),
            cursor: schedule.cursor(0),
            schedule,
            pace: Pace::lasting(self.at_most),
            offered: 0,
            port_down: 0,
            strangers: 0,
            stopped: false,
            plan: self,
        })
    }
}

/// A load under way, or over and its packets still arriving.
#[derive(Debug)]
pub struct Trial {
    plan: Plan,
    schedule: Schedule,
    cursor: Cursor,
    recorder: Recorder,
    pace: Pace,
    /// Packets offered so far: the first ones of the schedule.
    offered: u64,
    /// How many it may become.
    limit: u64,
    port_down: u64,
    /// Frames received that are no test packets.
    strangers: u64,
    stopped: bool,
}

impl Trial {
    /// The first packet's intended time.
    pub fn started(&self) -> Instant {
        Instant(self.schedule.start)
    }

    /// When the next packet is due; `None` when the load is over.
    pub fn next_due(&self) -> Option<Instant> {
        (!self.stopped).then(|| Instant(self.schedule.intended(self.offered)))
    }

    /// Offers packets that are due at `now`, as many as one turn takes, and hands the wires what they take. Returns
    /// whether none is left that was due.
    pub fn offer(&mut self, now: Instant, ports: &mut [Port]) -> bool {
        if self.stopped {
            self.flush(ports);
            return true;
        }
        let due = self.schedule.due(now.0).min(self.limit);
        for _ in 0..BATCHES {
            let batch = (due - self.offered).min(BATCH);
            for _ in 0..batch {
                self.offer_one(ports);
            }
            self.flush(ports);
            if self.offered == due {
                break;
            }
        }
        self.stopped = self.offered == self.limit;
        self.offered == due
    }

    fn offer_one(&mut self, ports: &mut [Port]) {
        let Some(slot) = self.cursor.next() else { return };
        self.offered += 1;
        let template = &self.plan.templates[slot.flow as usize];
        let port = &mut ports[usize::from(self.plan.from[slot.flow as usize])];
        let signature =
            Signature { trial: self.plan.trial, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
        match port.offer(template.record_length(), slot.offset, |queue| template.push(&signature, queue)) {
            Room::Yes => {}
            Room::Full => self.pace.skipped(slot.offset),
            Room::Down => self.port_down += 1,
        }
    }

    /// Hands the wires what they take.
    pub fn flush(&mut self, ports: &mut [Port]) {
        for port in ports.iter_mut().filter(|port| port.wants_to_write()) {
            // One reading before the write: what a write of a batch takes itself is not lateness.
            let elapsed = fabric::clock::now().0.saturating_sub(self.schedule.start);
            self.port_down += port.flush(|intended, waited| {
                self.pace.sent(intended, elapsed.saturating_sub(intended), waited);
            });
        }
    }

    /// Packets that waited at a port whose carrier ended.
    pub fn lost_carrier(&mut self, packets: u64) {
        self.port_down += packets;
    }

    /// Takes a frame that arrived at `port` at `now`.
    pub fn receive(&mut self, now: Instant, port: u8, frame: &[u8]) {
        match receive(&self.plan.templates, self.plan.trial, port, frame) {
            Received::Packet(signature) => match self.recorder.arrived(&signature, now.0) {
                Arrival::New | Arrival::Reordered | Arrival::Duplicate | Arrival::Refused(_) => {}
            },
            Received::Wrong(flow, how) => self.recorder.misdelivered(flow, how),
            Received::Stranger => self.strangers += 1,
        }
    }

    /// Stops offering; receiving goes on.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether it is over.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Frames received that are no test packets.
    pub fn strangers(&self) -> u64 {
        self.strangers
    }

    /// The totals.
    pub fn progress(&self, ports: &[Port]) -> TrafficProgress {
        let queued = ports.iter().map(Port::waiting).sum();
        let skipped = self.pace.skips();
        TrafficProgress {
            sending: !self.stopped,
            offered: self.offered,
            sent: self.offered - self.port_down - queued - skipped,
            delivered: self.recorder.delivered(),
            port_down: self.port_down,
            queued,
        }
    }

    /// The evidence so far. Packets that still wait for the wire count as skipped: they are not on time any more.
    /// `priority` is how the traffic thread is scheduled.
    pub fn evidence(&self, ports: &[Port], priority: &str) -> TrafficEvidence {
        let mut generator = self.pace.finish(LATENESS_P99_MAX_NS);
        priority.clone_into(&mut generator.priority);
        let queued: u64 = ports.iter().map(Port::waiting).sum();
        generator.skipped += queued;
        if queued > 0 {
            generator.skipped_last_ns = Some(self.schedule.offset(self.offered.saturating_sub(1)));
        }
        generator.kept_pace &= queued == 0;
        self.recorder.finish(self.offered, self.port_down, self.plan.frame_size, generator)
    }
}
