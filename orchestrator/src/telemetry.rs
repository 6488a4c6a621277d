//! Spans of the cards and of trials: received as OTLP, laid under the loss curve, passed on to a user's collector.
//!
//! Each card makes its spans itself, with the OpenTelemetry SDK, and keeps them until the operator fetches them: an OTLP
//! request (protobuf) over the same mutually authenticated connection that commands take. The orchestrator is the
//! receiver: it puts a trial's spans into the trial's trace, gives them to the report, and, where the standard
//! `OTEL_EXPORTER_OTLP_*` variables name a collector, exports them ([`Export`]).

mod export;
mod http;
mod otlp;

pub use export::{Export, ExportError};

use fabric_proto::{
    id::CardId,
    operator::{Reply, Request},
    time::Instant,
};
use lab::Lab;
use measure::trial::SpanLine;
use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData};
use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

/// A card that lives answers within this time.
const ANSWER: Duration = Duration::from_secs(1);
/// Traces of earlier trials that late spans may still belong to.
const TRACES_KEPT: usize = 256;

/// Who sent a span: the attributes of its resource.
pub type Resource = Vec<KeyValue>;

/// A span, with its edges on the clock that all cards of a host share.
#[derive(Clone, Debug)]
pub struct Received {
    /// As reports name the card: `pe1/A`; `swact` for the orchestrator's own.
    pub card: String,
    /// Who sent it.
    pub resource: Resource,
    /// When it began.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// The span itself.
    pub data: SpanData,
}

/// What a trial was, for its own spans.
#[derive(Clone, Debug, Default)]
pub struct TrialSpan {
    /// Its attributes.
    pub attributes: Vec<KeyValue>,
    /// When its load began.
    pub began: Instant,
    /// When its load ended.
    pub ended: Instant,
    /// The instant of the fault.
    pub fault: Option<Instant>,
    /// When a card noticed the fault.
    pub detected: Option<Instant>,
}

/// Fetches spans, joins them to trials and passes them on.
#[derive(Debug, Default)]
pub struct Collector {
    /// Number of the last span fetched, by card.
    seen: BTreeMap<CardId, u64>,
    /// A card's own trace and the trial that it was put into, in the order in which they came.
    joined: Vec<(TraceId, SpanContext)>,
    export: Option<Export>,
    /// Spans that cards lost because nobody fetched them in time, by card.
    lost: BTreeMap<CardId, u64>,
}

impl Collector {
    /// One that passes on what it gets to `export`, where there is one.
    pub fn new(export: Option<Export>) -> Self {
        Self { export, ..Self::default() }
    }

    /// Fetches what the cards have and passes it on: spans of no trial.
    pub async fn pass_on(&mut self, lab: &Lab) -> Vec<Received> {
        let mut spans = self.fetch(lab).await;
        for span in &mut spans {
            self.rejoin(span);
        }
        self.export(&spans);
        spans
    }

    /// Fetches what the cards have, joins it to the trial's trace, and passes it on with the trial's own spans.
    /// Sorted by begin.
    pub async fn close_trial(&mut self, lab: &Lab, trial: &TrialSpan) -> Vec<Received> {
        let mut spans = self.fetch(lab).await;
        let own = trial_spans(&lab.plan().lab, trial);
        let root = own[0].data.span_context.clone();
        for span in &mut spans {
            if span.from >= trial.began && !self.rejoin(span) {
                self.join(span, &root);
            }
        }
        spans.extend(own);
        self.export(&spans);
        spans.sort_by_key(|span| (span.from, span.to));
        spans
    }

    /// How many spans cards lost because nobody fetched them in time.
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Ends the export, if there is one, and says how it went.
    pub async fn finish(&mut self) -> Option<String> {
        let lost = self.lost();
        let told = match self.export.take() {
            Some(export) => tokio::task::spawn_blocking(move || export.finish()).await.ok(),
            None => None,
        };
        match (told, lost) {
            (told, 0) => told,
            (told, lost) => Some(format!(
                "{}{lost} spans were lost at the cards",
                told.map_or_else(String::new, |told| told + "; ")
            )),
        }
    }

    async fn fetch(&mut self, lab: &Lab) -> Vec<Received> {
        let mut spans = Vec::new();
        for card in &lab.plan().cards {
            let id = &card.config.id;
            let after = self.seen.get(id).copied().unwrap_or(0);
            let asked = tokio::time::timeout(ANSWER, lab.request(id, Request::Spans { after }));
            // A card that is dead has no spans to give; one of an earlier release refuses.
            let Ok(Ok(Reply::Spans(batch))) = asked.await else { continue };
            self.seen.insert(id.clone(), batch.last);
            self.lost.insert(id.clone(), batch.dropped);
            match otlp::decode(&batch.otlp) {
                Ok(decoded) => spans.extend(decoded.into_iter().map(|(resource, data)| Received {
                    card: lab::card_name(id),
                    resource,
                    from: monotonic(data.start_time, batch.wall_offset),
                    to: monotonic(data.end_time, batch.wall_offset),
                    data,
                })),
                Err(error) => tracing::warn!(card = %id, %error, "spans that are no OTLP request"),
            }
        }
        spans
    }

    /// Puts a span into the trial's trace: under its root, unless it has a parent on its card.
    fn join(&mut self, span: &mut Received, root: &SpanContext) {
        let own = span.data.span_context.trace_id();
        if self.joined.len() == TRACES_KEPT {
            self.joined.remove(0);
        }
        self.joined.push((own, root.clone()));
        enter(span, root);
    }

    /// Puts a span into the trial that its card's trace was put into before; whether there was one.
    fn rejoin(&self, span: &mut Received) -> bool {
        let own = span.data.span_context.trace_id();
        let Some((_, root)) = self.joined.iter().rev().find(|(card, _)| *card == own) else { return false };
        enter(span, root);
        true
    }

    fn export(&self, spans: &[Received]) {
        let Some(export) = &self.export else { return };
        let mut by_card: BTreeMap<&str, (Resource, Vec<SpanData>)> = BTreeMap::new();
        for span in spans {
            by_card.entry(&span.card).or_insert_with(|| (span.resource.clone(), Vec::new())).1.push(span.data.clone());
        }
        for (resource, spans) in by_card.into_values() {
            export.send(resource, spans);
        }
    }
}

/// Into the trace of `root`; what has no parent on its card becomes its child.
fn enter(span: &mut Received, root: &SpanContext) {
    span.data.span_context = context(root.trace_id(), span.data.span_context.span_id());
    if span.data.parent_span_id == SpanId::INVALID {
        span.data.parent_span_id = root.span_id();
        span.data.parent_span_is_remote = true;
    }
}

/// Spans as a trial's record keeps them: milliseconds after `zero`.
pub fn lines(spans: &[Received], zero: Instant) -> Vec<SpanLine> {
    let ms = |at: Instant| (at.0 as f64 - zero.0 as f64) / 1e6;
    let text = |value: &Value| value.as_str().into_owned();
    let line = |span: &Received| SpanLine {
        card: span.card.clone(),
        name: span.data.name.clone().into_owned(),
        from_ms: ms(span.from),
        to_ms: ms(span.to),
        attributes: span.data.attributes.iter().map(|kv| (kv.key.as_str().to_owned(), text(&kv.value))).collect(),
    };
    spans.iter().map(line).collect()
}

/// What only the orchestrator knows: the trial, the fault, and how long it took until a card noticed. A killed card
/// cannot tell of its own death. The trial's span comes first.
fn trial_spans(lab: &str, trial: &TrialSpan) -> Vec<Received> {
    let ids = RandomIdGenerator::default();
    let trace = ids.new_trace_id();
    let offset = fabric::clock::wall_offset();
    let own = vec![
        KeyValue::new("service.name", "swact"),
        KeyValue::new("service.namespace", lab.to_owned()),
        KeyValue::new("service.instance.id", CardId::operator(lab).to_string()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("swact.lab", lab.to_owned()),
        KeyValue::new("swact.kind", "orchestrator"),
    ];
    let wall = |at: Instant| UNIX_EPOCH + Duration::from_nanos(at.0.saturating_add(offset));
    let span = |name: &'static str, from: Instant, to: Instant, parent: SpanId, attributes: Vec<KeyValue>| Received {
        card: "swact".to_owned(),
        resource: own.clone(),
        from,
        to,
        data: SpanData {
            span_context: context(trace, ids.new_span_id()),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: wall(from),
            end_time: wall(to),
            attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("swact").build(),
        },
    };
    let mut spans = vec![span("trial", trial.began, trial.ended, SpanId::INVALID, trial.attributes.clone())];
    let root = spans[0].data.span_context.span_id();
    if let Some(fault) = trial.fault {
        spans.push(span("fault", fault, fault, root, Vec::new()));
        spans.extend(trial.detected.map(|at| span("detect", fault, at, root, Vec::new())));
    }
    spans
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
}

fn monotonic(wall: std::time::SystemTime, offset: u64) -> Instant {
    let nanos = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Instant(u64::try_from(nanos).unwrap_or(u64::MAX).saturating_sub(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cards_trace_joins_the_trials_and_stays_joined() {
        let trial = TrialSpan {
            began: Instant::from_millis(10),
            ended: Instant::from_millis(99),
            fault: Some(Instant::from_millis(20)),
            detected: Some(Instant::from_millis(25)),
            ..TrialSpan::default()
        };
        let own = trial_spans("lab", &trial);
        assert_eq!(own.iter().map(|span| span.data.name.as_ref()).collect::<Vec<_>>(), ["trial", "fault", "detect"]);
        let root = own[0].data.span_context.clone();
        assert!(own[1..].iter().all(|span| span.data.parent_span_id == root.span_id()));

        // A card's own trace: a root and a part of it, which come in two fetches.
        let mut card = trial_spans("lab", &trial);
        let (mut first, mut late) = (card.remove(1), card.remove(0));
        let parent = first.data.parent_span_id;
        let mut collector = Collector::default();
        assert!(!collector.rejoin(&mut first));
        collector.join(&mut first, &root);
        assert_eq!(first.data.span_context.trace_id(), root.trace_id());
        assert_eq!(first.data.parent_span_id, parent, "what has a parent keeps it");
        assert!(collector.rejoin(&mut late));
        assert_eq!(late.data.span_context.trace_id(), root.trace_id());
        assert_eq!(late.data.parent_span_id, root.span_id(), "its card's root comes last, and is under the trial's");

        let lines = lines(&own, Instant::from_millis(20));
        assert_eq!((lines[2].from_ms, lines[2].to_ms), (0.0, 5.0));
    }
}
