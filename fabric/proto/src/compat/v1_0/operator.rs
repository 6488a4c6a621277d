//! What an operator asks, and what cards answer. Frozen.

use crate::{
    fib::{Mac, Position},
    id::{Epoch, LcSlot, Slot},
    lateness::Lateness,
    linecard::Adoption,
    operator::{
        CommandOutput, Completion, CrashPoint, DropOrder, Impairment, LcStats, PlaneSet, SpanBatch, StorageFault,
        TrafficProgress,
    },
    redundancy::{Mode, RfState},
    time::Instant,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    Exec(String),
    Complete(String),
    Events { after: u64 },
    Spans { after: u64 },
    Stats,
    Impair { to: Option<Slot>, plane: PlaneSet, impairment: Impairment },
    Drop(DropOrder),
    Oir { slot: Slot, inserted: bool },
    Prepare(TrafficSpec),
    Start,
    Stop,
    Progress,
    Evidence,
    CrashAt(Option<CrashPoint>),
    Storage(StorageFault),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficSpec {
    pub flows: Vec<FlowSpec>,
    pub rate_pps: f64,
    pub frame_size: u16,
    pub at_most_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSpec {
    pub from: u8,
    pub port_mac: Mac,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub expect: Vec<(u8, Mac)>,
    pub hops: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Output(CommandOutput),
    Completions(Vec<Completion>),
    Event(Event),
    Stats(Box<CardStats>),
    Spans(SpanBatch),
    Done,
    Started(Instant),
    Progress(TrafficProgress),
    Evidence(Bytes),
    Refused(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardStats {
    pub boot: u64,
    pub release: String,
    pub rp: Option<RpStats>,
    pub lc: Option<LcStats>,
    pub memory_bytes: u64,
    pub refused: u64,
    pub cpu_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpStats {
    #[serde(with = "crate::word")]
    pub state: RfState,
    #[serde(with = "crate::word")]
    pub peer_state: RfState,
    pub active: bool,
    pub epoch: Epoch,
    pub configured: Mode,
    pub operating: Mode,
    pub redundant: bool,
    pub converged: bool,
    pub routes: [u64; 2],
    pub line_cards: Vec<LcSlot>,
    pub fib: (Position, u64),
    pub switchovers: u32,
    pub heartbeats_sent: Lateness,
    pub heartbeats_heard: Lateness,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub number: u64,
    pub at: Instant,
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    Booted {
        release: String,
    },
    RfState {
        #[serde(with = "crate::word")]
        from: RfState,
        #[serde(with = "crate::word")]
        to: RfState,
    },
    Peer {
        present: bool,
        reason: String,
    },
    Switchover {
        epoch: Epoch,
        reason: String,
    },
    TookOver {
        epoch: Epoch,
    },
    LcAdopted {
        slot: LcSlot,
        #[serde(with = "crate::word")]
        how: Adoption,
    },
    LcInSync {
        slot: LcSlot,
        buckets: u32,
        routes: u64,
    },
    LcLost {
        slot: LcSlot,
    },
    LcReset {
        slot: LcSlot,
        reason: String,
    },
    FeedUp,
    FeedDown,
    FeedComplete {
        routes: u64,
    },
    Converged,
    Redundant {
        mode: Mode,
    },
    BulkSync {
        done: bool,
    },
    OperatingMode {
        mode: Mode,
        configured: Mode,
    },
    Fenced {
        epoch: Epoch,
        highest: Epoch,
    },
    ResetSlot {
        slot: Slot,
        reason: String,
    },
    ResetChassis {
        reason: String,
    },
    Orphaned,
    Obeys {
        epoch: Epoch,
        #[serde(with = "crate::word")]
        how: Adoption,
    },
    TableConfirmed {
        routes: u64,
    },
    Dropped {
        began: Instant,
        ended: Instant,
        every: u32,
        packets: u64,
    },
    Log {
        line: String,
    },
    Port {
        port: u8,
        up: bool,
    },
}
