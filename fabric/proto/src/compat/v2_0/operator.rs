//! What cards answer an operator. Frozen.

use crate::{
    capture::Captured,
    id::LcSlot,
    operator::{CommandOutput, Completion, Event, LcStats, RpStats, SpanBatch, TrafficProgress},
    punt::PuntCounts,
    time::Instant,
    trace::Traced,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

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
    Captured(Captured),
    Traced(Box<Traced>),
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
    pub refusals: Refusals,
    pub connections: u64,
    pub unlinked: Vec<LcSlot>,
    pub punts: PuntCounts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    pub certificate: u64,
    pub wrong_card: u64,
    pub no_business: u64,
    pub unfinished: u64,
    pub no_place: u64,
    pub challenged: u64,
}
