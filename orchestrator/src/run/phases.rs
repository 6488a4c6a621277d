//! A switchover taken apart, from the events of the cards alone.

use fabric_proto::{id::CardId, operator::EventKind, time::Instant};
use lab::LabEvent;
use measure::trial::Phases;
use std::collections::BTreeMap;

/// The first card that took over after `fault`, and when.
pub fn new_active(events: &[LabEvent], fault: Instant) -> Option<(&CardId, Instant)> {
    events
        .iter()
        .filter(|event| event.event.at >= fault && matches!(event.event.kind, EventKind::TookOver { .. }))
        .map(|event| (&event.card, event.event.at))
        .min_by_key(|(_, at)| *at)
}

/// When `card` first said something of that kind, at or after `from`.
pub fn first(
    events: &[LabEvent],
    card: &CardId,
    from: Instant,
    wanted: impl Fn(&EventKind) -> bool,
) -> Option<Instant> {
    events
        .iter()
        .filter(|event| event.card == *card && event.event.at >= from && wanted(&event.event.kind))
        .map(|event| event.event.at)
        .min()
}

/// When the fault was noticed: a standby declared the active dead, or was told to take over.
pub fn detected(events: &[LabEvent], fault: Instant) -> Option<Instant> {
    events
        .iter()
        .filter(|event| event.event.at >= fault && matches!(event.event.kind, EventKind::Switchover { .. }))
        .map(|event| event.event.at)
        .min()
}

/// Each phase's end, milliseconds after `fault`. Cards of one host share a clock, so their instants compare.
pub fn phases(events: &[LabEvent], fault: Instant) -> Phases {
    let ms = |at: Instant| at.since(fault).as_secs_f64() * 1e3;
    let detect = detected(events, fault);
    let Some((card, took_over)) = new_active(events, fault) else {
        return Phases { detect: detect.map(ms), ..Phases::default() };
    };
    let since = |wanted: fn(&EventKind) -> bool| first(events, card, took_over, wanted);
    Phases {
        detect: detect.map(ms),
        take_over: Some(ms(took_over)),
        adopt: last_of_firsts(events, card, took_over, |kind| match kind {
            EventKind::LcAdopted { slot, .. } => Some(slot.0),
            _ => None,
        })
        .map(ms),
        reconcile: last_of_firsts(events, card, took_over, |kind| match kind {
            EventKind::LcInSync { slot, .. } => Some(slot.0),
            _ => None,
        })
        .map(ms),
        converge: since(|kind| matches!(kind, EventKind::Converged)).map(ms),
        redundant: since(|kind| matches!(kind, EventKind::Redundant { .. })).map(ms),
    }
}

/// The instant at which the last line card got there for the first time. Once it is there, what happens to a
/// card later (an ordinary update, another sync) is not part of the switchover.
fn last_of_firsts(
    events: &[LabEvent],
    card: &CardId,
    from: Instant,
    slot_of: impl Fn(&EventKind) -> Option<u8>,
) -> Option<Instant> {
    let mut firsts: BTreeMap<u8, Instant> = BTreeMap::new();
    for event in events.iter().filter(|event| event.card == *card && event.event.at >= from) {
        if let Some(slot) = slot_of(&event.event.kind) {
            let at = firsts.entry(slot).or_insert(event.event.at);
            *at = (*at).min(event.event.at);
        }
    }
    firsts.into_values().max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::{
        id::{Epoch, LcSlot, RpSlot, Slot},
        linecard::Adoption,
        operator::Event,
        redundancy::Mode,
    };

    fn event(slot: RpSlot, at_ms: u64, kind: EventKind) -> LabEvent {
        let card = CardId::card("lab", "pe1", Slot::Rp(slot));
        LabEvent { card, event: Event { number: at_ms, at: Instant::from_millis(at_ms), kind } }
    }

    fn adopted(slot: u8) -> EventKind {
        EventKind::LcAdopted { slot: LcSlot(slot), how: Adoption::Keep }
    }

    fn in_sync(slot: u8) -> EventKind {
        EventKind::LcInSync { slot: LcSlot(slot), buckets: 0, routes: 0 }
    }

    #[test]
    fn every_phase_ends_when_its_last_event_comes() {
        let b = RpSlot::B;
        let events = [
            // Before the fault: the other RP's life.
            event(RpSlot::A, 5, EventKind::TookOver { epoch: Epoch(4) }),
            event(RpSlot::A, 6, EventKind::Converged),
            event(b, 310, EventKind::Switchover { epoch: Epoch(9), reason: "active unit failed".to_owned() }),
            event(b, 312, EventKind::TookOver { epoch: Epoch(9) }),
            event(b, 313, adopted(1)),
            event(b, 315, adopted(2)),
            event(b, 320, in_sync(2)),
            event(b, 318, in_sync(1)),
            event(b, 330, EventKind::Converged),
            // An ordinary update afterwards.
            event(b, 400, in_sync(1)),
            event(b, 900, EventKind::Redundant { mode: Mode::Sso }),
        ];
        let phases = phases(&events, Instant::from_millis(10));
        assert_eq!(phases.detect, Some(300.0));
        assert_eq!(phases.take_over, Some(302.0));
        assert_eq!(phases.adopt, Some(305.0));
        assert_eq!(phases.reconcile, Some(310.0));
        assert_eq!(phases.converge, Some(320.0));
        assert_eq!(phases.redundant, Some(890.0));
    }

    #[test]
    fn what_did_not_happen_is_not_measured() {
        let events = [event(RpSlot::A, 5, EventKind::Converged)];
        assert_eq!(phases(&events, Instant::from_millis(1)), Phases::default());
    }
}
