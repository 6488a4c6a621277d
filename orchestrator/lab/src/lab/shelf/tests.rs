use super::*;
use fabric_proto::{
    id::{LcSlot, RpSlot, Slot},
    operator::Event,
};

fn event(card: &str, kind: EventKind) -> LabEvent {
    LabEvent { card: card.parse().unwrap(), event: Event { number: 1, at: Instant(1), kind } }
}

#[test]
fn terms_only_grow() {
    let mut terms = Terms::default();
    let (first, second) = (Epoch::NONE.next_for(RpSlot::A), Epoch::NONE.next_for(RpSlot::A).next_for(RpSlot::B));
    terms.learn(&event("edge/pe1/A", EventKind::TookOver { epoch: first }));
    terms.learn(&event("edge/pe1/B", EventKind::Switchover { epoch: second, reason: String::new() }));
    terms.learn(&event("edge/pe1/B", EventKind::TookOver { epoch: first }));
    assert_eq!(terms.of(&"edge/pe1/A".parse().unwrap()), first);
    assert_eq!(terms.of(&"edge/pe1/B".parse().unwrap()), second);
    assert_eq!(terms.of(&"edge/pe2/A".parse().unwrap()), Epoch::NONE);
}

#[test]
fn only_resets_are_orders_and_they_concern_the_askers_chassis() {
    let slot = Slot::Lc(LcSlot(2));
    let order =
        Order::from_event(&event("edge/pe1/B", EventKind::ResetSlot { slot, reason: String::new(), release: None }));
    assert_eq!(order, Some(Order::Slot("edge/pe1/2".parse().unwrap(), None)));
    let order = Order::from_event(&event("edge/pe1/B", EventKind::ResetChassis { reason: String::new() }));
    assert_eq!(order, Some(Order::Chassis));
    assert_eq!(Order::from_event(&event("edge/pe1/B", EventKind::Converged)), None);
}

#[test]
fn a_shelf_is_up_while_it_holds_its_lock() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!is_up(dir.path()).unwrap());
    let file = File::create(layout::shelf_lock(dir.path())).unwrap();
    assert!(!is_up(dir.path()).unwrap());
    file.lock().unwrap();
    assert!(is_up(dir.path()).unwrap());
    drop(file);
    assert!(!is_up(dir.path()).unwrap());
}
