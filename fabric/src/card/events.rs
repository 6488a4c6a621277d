//! A card's events: written by any thread, followed by any number of operators.

use super::telemetry::Telemetry;
use crate::{
    FabricError,
    control::{Receiver, Sender},
};
use fabric_proto::{
    operator::{Event, EventKind, EventLog, Reply, Request, SpanBatch},
    time::Instant,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A shared event log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    log: Mutex<EventLog>,
    last: watch::Sender<u64>,
    /// What the events add up to, where telemetry is on.
    spans: Option<Telemetry>,
}

impl Default for Events {
    fn default() -> Self {
        Self::restore(Vec::new())
    }
}

impl Events {
    /// The log of a card that has had `events` before it was started again.
    pub fn restore(events: Vec<Event>) -> Self {
        Self::traced(events, None)
    }

    /// The same of a card whose events become spans.
    pub fn traced(events: Vec<Event>, spans: Option<Telemetry>) -> Self {
        Self(Arc::new(Shared { log: Mutex::new(EventLog::restore(events)), last: watch::channel(0).0, spans }))
    }

    /// Records an event and wakes the followers.
    pub fn push(&self, at: Instant, kind: EventKind) {
        if let Some(spans) = &self.0.spans {
            spans.observe(at, &kind);
        }
        let number = self.log().push(at, kind).number;
        // Two writers may get here in the other order; a reader looks into the log anyway.
        self.0.last.send_replace(number);
    }

    /// Records a span that no events add up to; its attributes are numbers.
    pub fn span(&self, name: &'static str, from: Instant, to: Instant, attributes: &[(&'static str, u64)]) {
        if let Some(spans) = &self.0.spans {
            spans.span(name, from, to, attributes);
        }
    }

    /// The ended spans after number `after`; none of a card without telemetry.
    pub fn spans(&self, after: u64) -> SpanBatch {
        self.0.spans.as_ref().map(|spans| spans.batch(after)).unwrap_or_default()
    }

    /// The newest events, at most `count`.
    pub fn newest(&self, count: usize) -> Vec<Event> {
        let log = self.log();
        log.after(log.last().saturating_sub(count as u64)).cloned().collect()
    }

    /// The events kept that come after number `after`; waits until there is one.
    pub async fn after(&self, after: u64) -> Vec<Event> {
        let mut last = self.0.last.subscribe();
        loop {
            let events: Vec<Event> = self.log().after(after).cloned().collect();
            if !events.is_empty() {
                return events;
            }
            // The sender lives in `self`.
            let _ = last.changed().await;
        }
    }

    /// Sends every event after number `after`, until the operator ends the stream or the connection.
    pub async fn follow(&self, sender: &mut Sender, mut receiver: Receiver, mut after: u64) -> Result<(), FabricError> {
        loop {
            let batch = tokio::select! {
                batch = self.after(after) => batch,
                // Nothing is expected: an end, or a request that this stream cannot answer any more.
                _ = receiver.recv::<Request>() => return Ok(()),
            };
            for event in batch {
                after = event.number;
                sender.send(&Reply::Event(event)).await?;
            }
        }
    }

    /// The log stays whole when a thread panics while it holds the lock: a push is the only change.
    fn log(&self) -> MutexGuard<'_, EventLog> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_waits_for_what_it_has_not_seen_and_a_next_life_goes_on_counting() {
        let events = Events::default();
        let waiting = tokio::spawn({
            let events = events.clone();
            async move { events.after(0).await }
        });
        tokio::task::yield_now().await;
        events.push(Instant(1), EventKind::Converged);
        assert_eq!(waiting.await.unwrap().len(), 1);
        events.push(Instant(2), EventKind::Converged);
        assert_eq!(events.newest(1).first().map(|event| event.number), Some(2));

        let restored = Events::restore(events.newest(1));
        restored.push(Instant(3), EventKind::Converged);
        assert_eq!(restored.after(1).await.iter().map(|event| event.number).collect::<Vec<_>>(), [2, 3]);
    }
}
