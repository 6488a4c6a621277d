use super::*;

const SLOT: LcSlot = LcSlot(3);

fn record(bytes: &mut Vec<u8>, reason: u8, port: u8) {
    cell::push_relay(bytes, reason, port, &[port; 60]);
}

fn one_card() -> (Vec<Way>, Injector, Punts) {
    ways(std::iter::once((SLOT, CardId::card("lab", "pe1", Slot::Lc(SLOT)))))
}

#[tokio::test]
async fn what_a_link_is_kept_by_comes_first_and_a_turn_is_bounded() {
    let (ways, injector, mut punts) = one_card();
    let way = &ways[0];
    let mut bytes = Vec::new();
    for _ in 0..TAKEN + 5 {
        record(&mut bytes, PuntReason::ForUs.number(), 1);
    }
    record(&mut bytes, u8::MAX, 1);
    record(&mut bytes, PuntReason::Arp.number(), 2);
    let whole = bytes.len();
    bytes.extend([0, 1, 0]);
    assert_eq!(hand_over(SLOT, &bytes, &way.taken, &way.counts), Ok(whole), "what is not whole is waited for");
    let counts = injector.counts();
    let count = |reason| counts.reasons.get(&reason).map(|count| (count.passed, count.lost));
    assert_eq!(count(PuntReason::ForUs), Some((TAKEN as u64, 5)));
    assert_eq!(count(PuntReason::Arp), Some((1, 0)));
    let first = punts.next().await;
    assert_eq!(first.len(), TURN);
    assert_eq!((first[0].reason, first[0].port), (PuntReason::Arp, PortId { slot: SLOT, port: 2 }));
    assert_eq!(first[0].frame[..], [2; 60]);
    assert!(first[1..].iter().all(|punted| punted.reason == PuntReason::ForUs));
    assert!(hand_over(SLOT, &[0, 1, 0, 2, 0, 0], &way.taken, &way.counts).is_err());
}

#[test]
fn a_frame_that_no_card_can_take_is_counted() {
    let (_ways, injector, _punts) = one_card();
    injector.inject(PortId { slot: SLOT, port: 1 }, vec![0; 60]);
    injector.inject(PortId { slot: LcSlot(4), port: 1 }, vec![0; 60]);
    injector.inject(PortId { slot: SLOT, port: 1 }, vec![0; FRAME_MIN - 1]);
    assert_eq!((injector.counts().injected, injector.counts().not_injected), (3, 2));
    for _ in 0..GIVEN {
        injector.inject(PortId { slot: SLOT, port: 1 }, vec![0; 60]);
    }
    assert_eq!(injector.counts().not_injected, 3, "the card's queue is full");
}
