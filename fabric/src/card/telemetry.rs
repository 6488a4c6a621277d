//! A card's spans: what its events add up to, in OpenTelemetry's terms.
//!
//! A machine emits events; where a card records them ([`super::Events`]), `chapters` turns them into spans with the
//! events' own instants. Nothing here is on a packet's way, and nothing leaves the card by itself: ended spans wait in
//! a bounded log until the operator fetches them over its authenticated channel, as one OTLP request. So no card
//! needs a way to a collector, none listens for anything new, and a slow collector can never hold a card up.
//!
//! Of the standard environment, the SDK reads `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`
//! and the `OTEL_SPAN_*` limits; `OTEL_SDK_DISABLED=true` makes no spans at all.

mod chapters;

use bytes::Bytes;
use chapters::{Chapters, Cue};
use fabric_proto::{
    id::{CardId, Slot, Unit},
    operator::{EventKind, SpanBatch},
    time::Instant,
};
use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use prost::Message as _;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Ended spans kept for the operator: a switchover of a chassis with 64 line cards makes about 150 on its new active.
const KEPT: usize = 1024;

/// A card's spans. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tracer: SdkTracer,
    resource: ResourceAttributesWithSchema,
    log: SpanLog,
    /// What to add to an instant for the wall clock; fixed, so that spans keep their distances.
    wall_offset: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chapters: Chapters,
    /// The span that others are parts of now.
    open: Option<Context>,
}

impl Telemetry {
    /// The spans of a card that runs `release` and was started at `began`; `None` when `OTEL_SDK_DISABLED` is `true`.
    pub fn new(id: &CardId, release: &str, began: Instant) -> Option<Self> {
        (!is_disabled()).then(|| Self::enabled(id, release, began))
    }

    fn enabled(id: &CardId, release: &str, began: Instant) -> Self {
        let wall_offset = crate::clock::wall_offset();
        let resource = resource(id, release);
        let log = SpanLog::starting_after(began.0);
        let provider =
            SdkTracerProvider::builder().with_span_processor(log.clone()).with_resource(resource.clone()).build();
        let scope = InstrumentationScope::builder("swact").with_version(env!("CARGO_PKG_VERSION")).build();
        let state = State { chapters: Chapters::new(began), open: None };
        Self(Arc::new(Inner {
            tracer: provider.tracer_with_scope(scope),
            resource: (&resource).into(),
            log,
            wall_offset,
            state: Mutex::new(state),
        }))
    }

    /// Takes in an event of the card.
    pub fn observe(&self, at: Instant, kind: &EventKind) {
        let mut state = lock(&self.0.state);
        let mut cues = Vec::new();
        state.chapters.take(at, kind, &mut cues);
        for cue in cues {
            match cue {
                Cue::Begin { name, at } => {
                    self.end(&mut state, at, Vec::new());
                    let span = self.start(name, at, Vec::new(), &Context::new());
                    state.open = Some(Context::new().with_span(span));
                }
                Cue::Part(part) => {
                    let parent = state.open.clone().filter(|_| part.belongs).unwrap_or_default();
                    self.start(part.name, part.from, part.attributes, &parent).end_with_timestamp(self.wall(part.to));
                }
                Cue::End { at, attributes } => self.end(&mut state, at, attributes),
            }
        }
    }

    /// A span that no events add up to; its attributes are numbers.
    pub fn span(&self, name: &'static str, from: Instant, to: Instant, attributes: &[(&'static str, u64)]) {
        let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value as i64)).collect();
        self.start(name, from, attributes, &Context::new()).end_with_timestamp(self.wall(to));
    }

    /// The ended spans after number `after`.
    pub fn batch(&self, after: u64) -> SpanBatch {
        let (spans, last, dropped) = self.0.log.after(after);
        let otlp = if spans.is_empty() {
            Bytes::new()
        } else {
            let resource_spans = group_spans_by_resource_and_scope(spans, &self.0.resource);
            Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec())
        };
        SpanBatch { last, dropped, wall_offset: self.0.wall_offset, otlp }
    }

    fn start(&self, name: &'static str, from: Instant, attributes: Vec<KeyValue>, parent: &Context) -> Span {
        let builder = self.0.tracer.span_builder(name).with_start_time(self.wall(from)).with_attributes(attributes);
        self.0.tracer.build_with_context(builder, parent)
    }

    fn end(&self, state: &mut State, at: Instant, attributes: Vec<KeyValue>) {
        if let Some(open) = state.open.take() {
            let span = open.span();
            span.set_attributes(attributes);
            span.end_with_timestamp(self.wall(at));
        }
    }

    fn wall(&self, at: Instant) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(at.0.saturating_add(self.0.wall_offset))
    }
}

/// `OTEL_SDK_DISABLED`: only the word `true`, in any case, switches telemetry off.
pub fn is_disabled() -> bool {
    std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Who a card is, in the terms of the semantic conventions. `OTEL_SERVICE_NAME` names all cards alike where it is set.
fn resource(id: &CardId, release: &str) -> Resource {
    let (kind, slot) = match id.unit {
        Unit::Card(Slot::Rp(slot)) => ("rp", slot.to_string()),
        Unit::Card(Slot::Lc(slot)) => ("linecard", slot.to_string()),
        Unit::Tester => ("tester", String::new()),
        Unit::Linux => ("linux", String::new()),
        Unit::Operator => ("orchestrator", String::new()),
    };
    let mut attributes = vec![
        KeyValue::new("service.namespace", id.lab.clone()),
        KeyValue::new("service.instance.id", id.to_string()),
        KeyValue::new("service.version", release.to_owned()),
        KeyValue::new("process.pid", i64::from(std::process::id())),
        KeyValue::new("swact.lab", id.lab.clone()),
        KeyValue::new("swact.node", id.node.clone()),
        KeyValue::new("swact.kind", kind),
    ];
    if !slot.is_empty() {
        attributes.push(KeyValue::new("swact.slot", slot));
    }
    if std::env::var_os("OTEL_SERVICE_NAME").is_none_or(|name| name.is_empty()) {
        attributes.push(KeyValue::new("service.name", format!("swact-{kind}")));
    }
    Resource::builder().with_attributes(attributes).build()
}

/// Ended spans, numbered without gaps, the newest [`KEPT`] of them.
#[derive(Clone, Debug)]
struct SpanLog(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    spans: VecDeque<SpanData>,
    last: u64,
    /// The highest number that a reader has said it has.
    fetched: u64,
    dropped: u64,
}

impl SpanLog {
    /// Numbers go on from `number`: taken from the clock, they grow over the card's restarts too.
    fn starting_after(number: u64) -> Self {
        Self(Arc::new(Mutex::new(Kept { spans: VecDeque::new(), last: number, fetched: number, dropped: 0 })))
    }

    fn push(&self, span: SpanData) {
        let mut kept = lock(&self.0);
        if kept.spans.len() == KEPT {
            let oldest = kept.last + 1 - KEPT as u64;
            kept.dropped += u64::from(oldest > kept.fetched);
            kept.spans.pop_front();
        }
        kept.last += 1;
        kept.spans.push_back(span);
    }

    /// The spans after number `after`, the last one's number, and how many were lost because nobody fetched them.
    fn after(&self, after: u64) -> (Vec<SpanData>, u64, u64) {
        let mut kept = lock(&self.0);
        kept.fetched = kept.fetched.max(after.min(kept.last));
        let first = kept.last + 1 - kept.spans.len() as u64;
        let skip = usize::try_from((after + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        (kept.spans.iter().skip(skip).cloned().collect(), kept.last, kept.dropped)
    }
}

impl SpanProcessor for SpanLog {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What these locks guard stays whole when a thread panics while it holds one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
