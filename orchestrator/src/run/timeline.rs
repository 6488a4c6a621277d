//! What happened in the lab, in the order of its arrival: one owner, who also waits for it.

use crate::telemetry::Collector;
use fabric_proto::operator::EventKind;
use lab::LabEvent;
use serde::Serialize;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// Events of the running trial, written to `events.ndjson` as they come.
#[derive(Debug)]
pub struct Timeline {
    source: Option<mpsc::Receiver<LabEvent>>,
    events: Vec<LabEvent>,
    file: BufWriter<File>,
    /// The cards' spans: the same happenings, as the cards themselves put them together.
    pub spans: Collector,
}

/// A line of `events.ndjson`.
#[derive(Serialize)]
struct Line<'a> {
    at_ns: u64,
    card: String,
    number: u64,
    #[serde(flatten)]
    kind: &'a EventKind,
}

impl Timeline {
    /// An empty one that writes events to `path`, and gives spans to `spans`.
    pub fn create(path: &Path, spans: Collector) -> std::io::Result<Self> {
        Ok(Self { source: None, events: Vec::new(), file: BufWriter::new(File::create(path)?), spans })
    }

    /// Forgets what was written, too: the file begins anew.
    pub fn restart(&mut self, path: &Path) -> std::io::Result<()> {
        self.file = BufWriter::new(File::create(path)?);
        Ok(())
    }

    /// Listens to another lab, or the same lab deployed anew.
    pub fn follow(&mut self, source: mpsc::Receiver<LabEvent>) {
        self.source = Some(source);
    }

    /// Forgets what the trials before left, so that a long run needs no more memory than one trial.
    pub fn forget(&mut self) {
        self.events.clear();
    }

    /// Everything since [`Timeline::forget`].
    pub fn events(&self) -> &[LabEvent] {
        &self.events
    }

    /// Takes in what happens until `deadline`.
    pub async fn pass(&mut self, deadline: Instant) {
        while self.next(deadline).await.is_some() {}
    }

    /// Takes in events until the next one has come or `deadline` has passed.
    async fn next(&mut self, deadline: Instant) -> Option<()> {
        let received = match &mut self.source {
            Some(source) => timeout_at(deadline, source.recv()).await.ok()?,
            None => None,
        };
        let Some(event) = received else {
            // Nobody will say anything any more: only time passes.
            self.source = None;
            tokio::time::sleep_until(deadline).await;
            return None;
        };
        self.take(event);
        Some(())
    }

    fn take(&mut self, event: LabEvent) {
        let line =
            Line { at_ns: event.event.at.0, card: short(&event), number: event.event.number, kind: &event.event.kind };
        let written = serde_json::to_writer(&mut self.file, &line).map_err(Into::into);
        if let Err(error) = written.and_then(|()| self.file.write_all(b"\n")) {
            tracing::warn!(%error, "events.ndjson");
        }
        self.events.push(event);
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            tracing::warn!(%error, "events.ndjson");
        }
    }
}

/// A card as people say it: `pe1/A`, `t1`.
pub fn short(event: &LabEvent) -> String {
    lab::card_name(&event.card)
}

/// An event in a few words.
pub fn describe(kind: &EventKind) -> String {
    let yes = |what: &str, is: bool| if is { what.to_owned() } else { format!("no {what}") };
    match kind {
        EventKind::Booted { release } => format!("booted release {release}"),
        EventKind::RfState { from, to } => format!("{from} → {to}"),
        EventKind::Peer { present, reason } => format!("peer {}: {reason}", if *present { "present" } else { "gone" }),
        EventKind::Switchover { epoch, reason } => format!("switchover to epoch {epoch}: {reason}"),
        EventKind::TookOver { epoch } => format!("took over, epoch {epoch}"),
        EventKind::LcAdopted { slot, how } => format!("line card {slot} adopted ({how})"),
        EventKind::LcInSync { slot, buckets, routes } => {
            format!("line card {slot} in sync, {buckets} buckets and {routes} routes sent")
        }
        EventKind::LcLost { slot } => format!("line card {slot} lost"),
        EventKind::LcReset { slot, reason } => format!("line card {slot} reset: {reason}"),
        EventKind::FeedUp => "route feed up".to_owned(),
        EventKind::FeedDown => "route feed down".to_owned(),
        EventKind::FeedComplete { routes } => format!("route feed complete, {routes} routes"),
        EventKind::Converged => "converged".to_owned(),
        EventKind::Redundant { mode } => format!("redundant in {mode}"),
        EventKind::BulkSync { done } => format!("bulk sync {}", if *done { "done" } else { "begins" }),
        EventKind::OperatingMode { mode, configured } => format!("operating mode {mode}, configured {configured}"),
        EventKind::Fenced { epoch, highest } => format!("epoch {epoch} fenced by {highest}"),
        EventKind::ResetSlot { slot, reason, release: _ } => format!("resets slot {slot}: {reason}"),
        EventKind::ResetChassis { reason } => format!("resets the chassis: {reason}"),
        EventKind::Orphaned => "orphaned: forwards on what it has".to_owned(),
        EventKind::Obeys { epoch, how } => format!("obeys epoch {epoch} ({how})"),
        EventKind::TableConfirmed { routes } => format!("table confirmed, {routes} routes"),
        EventKind::Dropped { began, ended, every, packets, .. } => {
            let which = if *every == 1 { "every packet".to_owned() } else { format!("one packet in {every}") };
            let ms = ended.since(*began).as_secs_f64() * 1e3;
            format!("dropped {which} for {ms} ms by order: {packets} packets")
        }
        EventKind::Log { line } => line.clone(),
        EventKind::Port { port, up } => format!("port {port}: {}", yes("carrier", *up)),
    }
}
