//! The events of all cards as one stream.

use fabric_proto::{id::CardId, operator::Event, time::Instant};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;

/// Events kept for readers that ask for history: many trials' worth.
const KEPT: usize = 32 << 10;
/// Events that a reader may be behind; further back, its channel ends. More than [`KEPT`], so that
/// history always fits.
const BEHIND: usize = 64 << 10;

/// One event of one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabEvent {
    /// Where.
    pub card: CardId,
    /// What and when.
    pub event: Event,
}

/// Collects events and hands them out.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    kept: VecDeque<LabEvent>,
    /// The last event of each card, by time and then by number: numbers begin anew with the program.
    last: BTreeMap<CardId, (Instant, u64)>,
    readers: Vec<Reader>,
}

#[derive(Debug)]
struct Reader {
    since: Instant,
    queue: mpsc::Sender<LabEvent>,
}

impl Hub {
    /// Takes an event, unless it was taken before: a card that is reached again tells all it remembers.
    pub(super) fn push(&self, card: &CardId, event: Event) {
        let mut state = self.lock();
        let position = (event.at, event.number);
        if state.last.get(card).is_some_and(|last| *last >= position) {
            return;
        }
        state.last.insert(card.clone(), position);
        let event = LabEvent { card: card.clone(), event };
        state.readers.retain(|reader| {
            // Dropping the sender ends a reader that is gone or hopelessly behind.
            event.event.at < reader.since || reader.queue.try_send(event.clone()).is_ok()
        });
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(event);
    }

    /// Events from now on, by the cards' clock; with history also those kept and those yet to be told.
    pub(super) fn subscribe(&self, history: bool) -> mpsc::Receiver<LabEvent> {
        let (queue, receiver) = mpsc::channel(BEHIND);
        let since = if history { Instant::default() } else { fabric::clock::now() };
        let mut state = self.lock();
        if history {
            for event in &state.kept {
                queue.try_send(event.clone()).expect("a new channel holds more than is kept");
            }
        }
        state.readers.push(Reader { since, queue });
        receiver
    }

    /// A panic while the lock was held leaves nothing half done that matters.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::operator::EventKind;

    fn event(number: u64, at: u64) -> Event {
        Event { number, at: Instant(at), kind: EventKind::Converged }
    }

    #[test]
    fn a_card_that_tells_everything_again_is_heard_once() {
        let (hub, card) = (Hub::default(), "edge/pe1/A".parse().unwrap());
        for event in [event(1, 10), event(2, 20), event(1, 10), event(2, 20), event(3, 20)] {
            hub.push(&card, event);
        }
        // The program was started again: its numbers begin anew, its clock does not.
        for event in [event(1, 30), event(2, 30)] {
            hub.push(&card, event);
        }
        let mut reader = hub.subscribe(true);
        let seen: Vec<_> =
            std::iter::from_fn(|| reader.try_recv().ok()).map(|e| (e.event.number, e.event.at.0)).collect();
        assert_eq!(seen, [(1, 10), (2, 20), (3, 20), (1, 30), (2, 30)]);
    }

    #[test]
    fn a_reader_without_history_hears_only_what_happens_from_now_on() {
        let (hub, card) = (Hub::default(), "edge/pe1/A".parse().unwrap());
        hub.push(&card, event(1, 1));
        let mut reader = hub.subscribe(false);
        // Told late, but it happened before.
        hub.push(&card, event(2, 2));
        hub.push(&card, event(3, fabric::clock::now().0 + 1));
        assert_eq!(reader.try_recv().unwrap().event.number, 3);
        assert!(reader.try_recv().is_err());
    }

    #[test]
    fn a_reader_that_falls_behind_is_cut_off_and_holds_up_nobody() {
        let (hub, card) = (Hub::default(), "edge/pe1/A".parse().unwrap());
        let mut slow = hub.subscribe(true);
        for number in 0..=BEHIND as u64 {
            hub.push(&card, event(number, number + 1));
        }
        let seen = std::iter::from_fn(|| slow.try_recv().ok()).count();
        assert_eq!(seen, BEHIND);
        assert_eq!(slow.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert_eq!(hub.lock().kept.len(), KEPT);
    }
}
