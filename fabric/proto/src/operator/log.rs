//! A card's recent events, numbered without gaps.

use super::{Event, EventKind};
use crate::time::Instant;
use std::collections::VecDeque;

/// Events kept: enough for a switchover of a chassis with 64 line cards, many times over.
const KEPT: usize = 4096;

/// The most recent events of a card. Older ones are forgotten, and how many is known from their numbers.
#[derive(Debug, Default)]
pub struct EventLog {
    events: VecDeque<Event>,
    last: u64,
}

impl EventLog {
    /// Adds an event and gives it its number.
    pub fn push(&mut self, at: Instant, kind: EventKind) -> &Event {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.last += 1;
        self.events.push_back(Event { number: self.last, at, kind });
        &self.events[self.events.len() - 1]
    }

    /// The log of a card that goes on after a restart: `events` in order, as [`EventLog::after`] gave them.
    pub fn restore(events: Vec<Event>) -> Self {
        let last = events.last().map_or(0, |event| event.number);
        Self { events: events.into(), last }
    }

    /// Events kept whose number is greater than `after`.
    pub fn after(&self, after: u64) -> impl Iterator<Item = &Event> + '_ {
        let first = self.last + 1 - self.events.len() as u64;
        let skip = (after + 1).saturating_sub(first);
        self.events.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }

    /// Number of the newest event; 0 when there was none.
    pub fn last(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_it_has_not_seen() {
        let mut log = EventLog::default();
        assert_eq!(log.after(0).count(), 0);
        for n in 0..KEPT as u64 + 10 {
            log.push(Instant(n), EventKind::Converged);
        }
        assert_eq!(log.after(0).map(|event| event.number).min(), Some(11));
        assert_eq!(log.after(log.last() - 3).count(), 3);
        assert_eq!(log.after(log.last()).count(), 0);

        let last = log.last();
        let mut restored = EventLog::restore(log.after(last - 2).cloned().collect());
        assert_eq!(restored.push(Instant(0), EventKind::Converged).number, last + 1);
        assert_eq!(restored.after(0).count(), 3);
    }
}
