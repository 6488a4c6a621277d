use super::*;

#[test]
fn slots_ports_and_cards_survive_text() {
    for text in ["A", "B", "C", "1", "64"] {
        assert_eq!(text.parse::<Slot>().unwrap().to_string(), text);
    }
    for text in ["1/1", "12/255"] {
        assert_eq!(text.parse::<PortId>().unwrap().to_string(), text);
    }
    for text in ["edge/pe1/A", "edge/pe1/3", "edge/t1/tester", "edge/-/operator"] {
        assert_eq!(text.parse::<CardId>().unwrap().to_string(), text);
    }
    for text in ["", "0", "65", "D", "1/", "/1", "1/0", "x/y"] {
        assert!(text.parse::<Slot>().is_err() && text.parse::<PortId>().is_err(), "{text}");
    }
}

#[test]
fn epochs_grow_and_never_collide() {
    let mut last = Epoch::NONE;
    for slot in [RpSlot::A, RpSlot::B, RpSlot::B, RpSlot::A] {
        let next = last.next_for(slot);
        assert!(next > last);
        assert_eq!(next.owner(), Some(slot));
        assert_eq!(next.term(), last.term() + 1);
        last = next;
    }
    assert_ne!(Epoch::NONE.next_for(RpSlot::A), Epoch::NONE.next_for(RpSlot::B));
    assert_eq!(Epoch::NONE.next_for(RpSlot::B).to_string(), "1B");
}
