//! To a user's collector: OTLP over HTTP, in a thread of its own, as the standard environment says.
//!
//! The exporter is OpenTelemetry's own and reads `OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`, `…_TIMEOUT` and their
//! `…_TRACES_…` forms. Nothing is exported unless an endpoint is named: a tool that is run on a laptop must not knock at
//! `localhost:4318` by itself. A collector that is slow or away costs spans, which are counted, and never a trial.

use super::{Resource, http::Http};
use opentelemetry_otlp::{OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource as SdkResource,
    trace::{SpanData, SpanExporter as _},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Batches that wait for the collector: one a card and trial, so this is many trials' worth.
const QUEUE: usize = 256;
/// How long the end of a run waits for a collector to take what is left.
const FINISH: Duration = Duration::from_secs(10);

/// The way to a collector.
#[derive(Debug)]
pub struct Export {
    queue: mpsc::SyncSender<(Resource, Vec<SpanData>)>,
    done: mpsc::Receiver<()>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

/// The environment names a collector in a way that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be exported: {0}")]
pub struct ExportError(String);

impl Export {
    /// As the environment says; `None` where it names no collector.
    pub fn from_env() -> Result<Option<Self>, ExportError> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let endpoint = set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let none = set("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter.trim() == "none");
        if endpoint.is_none() || none || fabric::card::telemetry::is_disabled() {
            return Ok(None);
        }
        let protocol = set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or_else(|| set("OTEL_EXPORTER_OTLP_PROTOCOL"));
        if let Some(protocol) = protocol.filter(|protocol| protocol.trim() != "http/protobuf") {
            return Err(ExportError(format!("protocol '{protocol}' is not supported, http/protobuf is")));
        }
        let within = set("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT").or_else(|| set("OTEL_EXPORTER_OTLP_TIMEOUT"));
        let within = within.and_then(|ms| ms.trim().parse().ok()).map(Duration::from_millis);
        Self::start(within.unwrap_or(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT)).map(Some)
    }

    /// Starts the thread, which has a runtime of its own: nothing that is measured shares it.
    fn start(within: Duration) -> Result<Self, ExportError> {
        let (queue, batches) = mpsc::sync_channel::<(Resource, Vec<SpanData>)>(QUEUE);
        let (ended, done) = mpsc::channel();
        let (ready, made) = mpsc::channel();
        let counts = Arc::new(Counts::default());
        let told = Arc::clone(&counts);
        let failed = |error: &dyn std::fmt::Display| ExportError(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let work = move || {
            let mut exporter = match SpanExporter::builder().with_http().with_http_client(Http::new(within)).build() {
                Ok(exporter) => exporter,
                Err(error) => {
                    let _ = ready.send(Err(failed(&error)));
                    return;
                }
            };
            let _ = ready.send(Ok(()));
            while let Ok((resource, spans)) = batches.recv() {
                let count = spans.len() as u64;
                // The environment's attributes below the card's own: a card in a container has not seen them.
                exporter.set_resource(&SdkResource::builder().with_attributes(resource).build());
                match runtime.block_on(exporter.export(spans)) {
                    Ok(()) => told.exported.fetch_add(count, Ordering::Relaxed),
                    Err(error) => {
                        tracing::warn!(%error, "the collector did not take {count} spans");
                        told.refused.fetch_add(count, Ordering::Relaxed)
                    }
                };
            }
            let _ = exporter.shutdown();
            let _ = ended.send(());
        };
        thread::Builder::new().name("otlp-export".to_owned()).spawn(work).map_err(|error| failed(&error))?;
        made.recv().map_err(|error| failed(&error))??;
        Ok(Self { queue, done, counts })
    }

    /// Gives spans to the thread, or counts them as dropped when it is behind.
    pub fn send(&self, resource: Resource, spans: Vec<SpanData>) {
        let count = spans.len() as u64;
        if self.queue.try_send((resource, spans)).is_err() {
            self.counts.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Waits a while until everything is out, and says how it went.
    pub fn finish(self) -> String {
        drop(self.queue);
        let waited = self.done.recv_timeout(FINISH);
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let (refused, dropped) = (count(&self.counts.refused), count(&self.counts.dropped));
        let mut told = format!("{} spans exported", count(&self.counts.exported));
        if refused > 0 {
            told += &format!(", {refused} not taken by the collector");
        }
        if dropped > 0 {
            told += &format!(", {dropped} dropped because it was too slow");
        }
        if waited.is_err() {
            told += ", some left behind: the collector does not answer";
        }
        told
    }
}
