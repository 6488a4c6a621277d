//! From events to the chapters of a switchover: pure, with the events' own instants.
//!
//! ```text
//! new active      switchover ──────────────────────────────────────────────────────▶ redundant and converged
//!                  ├ negotiate   told of the active's death … first active state
//!                  ├ take over   … owns the chassis
//!                  ├ adopt       took over … line card obeys                (one a line card)
//!                  ├ reconcile   line card obeys … its table is right       (`download` where it began empty)
//!                  ├ converge    took over … everything is right
//!                  ├ standby back, bulk sync, redundant
//! line card       orphaned, reconcile | download
//! ```

use fabric_proto::{id::LcSlot, linecard::Adoption, operator::EventKind, time::Instant};
use opentelemetry::KeyValue;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done about spans.
#[derive(Debug, PartialEq)]
pub(super) enum Cue {
    /// The span that others are parts of begins.
    Begin { name: &'static str, at: Instant },
    /// A span is complete.
    Part(Part),
    /// The span that others are parts of ends.
    End { at: Instant, attributes: Vec<KeyValue> },
}

/// A complete span.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) from: Instant,
    pub(super) to: Instant,
    /// Whether it is part of the open span, if there is one.
    pub(super) belongs: bool,
    pub(super) attributes: Vec<KeyValue>,
}

/// What has begun and not ended.
#[derive(Debug)]
pub(super) struct Chapters {
    started: Instant,
    term: Option<Term>,
    peer_lost: Option<Instant>,
    bulk_sync: Option<Instant>,
    learning: Option<Instant>,
    orphaned: Option<Instant>,
    /// Line card: since when it obeys, and how it was adopted.
    obeys: Option<(Instant, Adoption)>,
}

/// One RP's way into its role as active.
#[derive(Debug)]
struct Term {
    began: Instant,
    attributes: Vec<KeyValue>,
    negotiated: Option<Instant>,
    took_over: Option<Instant>,
    adopted: BTreeMap<LcSlot, (Instant, Adoption)>,
    in_sync: BTreeSet<LcSlot>,
    peer_back: bool,
    converged: bool,
    redundant: bool,
}

impl Term {
    fn new(began: Instant, attributes: Vec<KeyValue>) -> Self {
        Self {
            began,
            attributes,
            negotiated: None,
            took_over: None,
            adopted: BTreeMap::new(),
            in_sync: BTreeSet::new(),
            peer_back: false,
            converged: false,
            redundant: false,
        }
    }
}

fn part(name: &'static str, from: Instant, to: Instant, attributes: Vec<KeyValue>) -> Cue {
    Cue::Part(Part { name, from, to, belongs: true, attributes })
}

fn alone(name: &'static str, from: Instant, to: Instant, attributes: Vec<KeyValue>) -> Cue {
    Cue::Part(Part { name, from, to, belongs: false, attributes })
}

fn slot_attribute(slot: LcSlot) -> KeyValue {
    KeyValue::new("swact.line_card", i64::from(slot.0))
}

/// What a line card does after its adoption: with a table of its own it compares, without one it is given one.
fn filling(how: Adoption) -> &'static str {
    match how {
        Adoption::Keep => "reconcile",
        Adoption::Flush => "download",
    }
}

impl Chapters {
    /// Of a program that was started at `started`.
    pub(super) fn new(started: Instant) -> Self {
        Self { started, term: None, peer_lost: None, bulk_sync: None, learning: None, orphaned: None, obeys: None }
    }

    /// Takes in an event.
    pub(super) fn take(&mut self, at: Instant, kind: &EventKind, out: &mut Vec<Cue>) {
        match kind {
            EventKind::Booted { release } => {
                let release = KeyValue::new("service.version", release.clone());
                out.push(alone("boot", self.started, at, vec![release]));
            }
            EventKind::Peer { present: false, .. } => self.peer_lost = Some(at),
            EventKind::FeedUp => self.learning = Some(at),
            EventKind::FeedDown => self.learning = None,
            EventKind::FeedComplete { routes } => {
                if let Some(from) = self.learning.take() {
                    out.push(part("learn routes", from, at, vec![KeyValue::new("swact.routes", *routes as i64)]));
                }
            }
            EventKind::BulkSync { done: false } => self.bulk_sync = Some(at),
            EventKind::BulkSync { done: true } => {
                if let Some(from) = self.bulk_sync.take() {
                    out.push(part("bulk sync", from, at, Vec::new()));
                }
            }
            EventKind::Switchover { epoch, reason } => {
                let attributes = vec![
                    KeyValue::new("swact.epoch", epoch.0 as i64),
                    KeyValue::new("swact.switchover.reason", reason.clone()),
                ];
                self.term = Some(Term::new(at, attributes));
                out.push(Cue::Begin { name: "switchover", at });
            }
            EventKind::TookOver { epoch } => self.took_over(at, epoch.0, out),
            EventKind::RfState { to, .. } if to.is_active() => {
                if let Some(term) = self.term.as_mut().filter(|term| term.negotiated.is_none()) {
                    term.negotiated = Some(at);
                    out.push(part("negotiate", term.began, at, vec![KeyValue::new("swact.rf.state", to.name())]));
                }
            }
            EventKind::LcAdopted { .. }
            | EventKind::LcInSync { .. }
            | EventKind::Converged
            | EventKind::Peer { present: true, .. }
            | EventKind::Redundant { .. } => self.aftermath(at, kind, out),
            EventKind::Orphaned => {
                self.orphaned = Some(at);
                self.obeys = None;
            }
            EventKind::Obeys { epoch, how } => {
                let attributes = vec![
                    KeyValue::new("swact.epoch", epoch.0 as i64),
                    KeyValue::new("swact.adoption", how.to_string()),
                ];
                if let Some(from) = self.orphaned.take() {
                    out.push(alone("orphaned", from, at, attributes));
                }
                self.obeys = Some((at, *how));
            }
            EventKind::TableConfirmed { routes } => {
                if let Some((from, how)) = self.obeys.take() {
                    let routes = KeyValue::new("swact.routes", *routes as i64);
                    out.push(alone(filling(how), from, at, vec![routes]));
                }
            }
            EventKind::Dropped { began, ended, every, packets, .. } => {
                let attributes = vec![
                    KeyValue::new("swact.drop.every", i64::from(*every)),
                    KeyValue::new("swact.packets", *packets as i64),
                ];
                out.push(alone("drop", *began, *ended, attributes));
            }
            EventKind::RfState { .. }
            | EventKind::LcLost { .. }
            | EventKind::LcReset { .. }
            | EventKind::OperatingMode { .. }
            | EventKind::Fenced { .. }
            | EventKind::ResetSlot { .. }
            | EventKind::ResetChassis { .. }
            | EventKind::Log { .. }
            | EventKind::Port { .. } => {}
        }
    }

    fn took_over(&mut self, at: Instant, epoch: u64, out: &mut Vec<Cue>) {
        // Without a switchover before it: the chassis comes up, or this program was started anew for the role.
        if self.term.as_ref().is_none_or(|term| term.took_over.is_some()) {
            self.term = Some(Term::new(at, vec![KeyValue::new("swact.epoch", epoch as i64)]));
            out.push(Cue::Begin { name: "activation", at });
        }
        let Some(term) = &mut self.term else { return };
        term.took_over = Some(at);
        let epoch = KeyValue::new("swact.epoch", epoch as i64);
        out.push(part("take over", term.negotiated.unwrap_or(term.began), at, vec![epoch]));
    }

    /// What follows once the role is taken; each part once, when it happens for the first time.
    fn aftermath(&mut self, at: Instant, kind: &EventKind, out: &mut Vec<Cue>) {
        let Some(term) = &mut self.term else { return };
        let Some(took_over) = term.took_over else { return };
        match kind {
            EventKind::LcAdopted { slot, how } if !term.adopted.contains_key(slot) => {
                term.adopted.insert(*slot, (at, *how));
                let attributes = vec![slot_attribute(*slot), KeyValue::new("swact.adoption", how.to_string())];
                out.push(part("adopt", took_over, at, attributes));
            }
            EventKind::LcInSync { slot, buckets, routes } => {
                if let Some((from, how)) = term.adopted.get(slot)
                    && term.in_sync.insert(*slot)
                {
                    let attributes = vec![
                        slot_attribute(*slot),
                        KeyValue::new("swact.buckets", i64::from(*buckets)),
                        KeyValue::new("swact.routes", *routes as i64),
                    ];
                    out.push(part(filling(*how), *from, at, attributes));
                }
            }
            EventKind::Converged if !term.converged => {
                term.converged = true;
                out.push(part("converge", took_over, at, Vec::new()));
            }
            EventKind::Peer { present: true, .. } if !term.peer_back => {
                term.peer_back = true;
                let from = self.peer_lost.take().unwrap_or(took_over);
                out.push(part("standby back", from, at, Vec::new()));
            }
            EventKind::Redundant { mode } if !term.redundant => {
                term.redundant = true;
                let mode = KeyValue::new("swact.mode", mode.name());
                term.attributes.push(mode.clone());
                out.push(part("redundant", took_over, at, vec![mode]));
            }
            _ => {}
        }
        if term.converged && term.redundant {
            let attributes = std::mem::take(&mut term.attributes);
            self.term = None;
            out.push(Cue::End { at, attributes });
        }
    }
}
