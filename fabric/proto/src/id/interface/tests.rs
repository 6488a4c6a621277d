use super::*;
use proptest::prelude::*;

fn id(text: &str) -> InterfaceId {
    text.parse().unwrap()
}

#[test]
fn names_may_be_cut_and_say_what_they_are() {
    let port = PortId { slot: LcSlot(1), port: 2 };
    for name in ["GigabitEthernet1/2", "gigabitethernet1/2", "Gi1/2", "g1/2", "1/2"] {
        assert_eq!(id(name), port.into(), "{name}");
    }
    assert_eq!(id("Gi1/2.100"), InterfaceId::sub(port, 100));
    assert_eq!(id("lo0"), InterfaceId::Loopback(0));
    assert_eq!(id("Tu7"), InterfaceId::Tunnel(7));
    assert_eq!(id("Vi3"), InterfaceId::VirtualAccess(3));
    assert_eq!(id("Gi1/2.100").short(), "Gi1/2.100");
    assert_eq!((id("Gi1/2.100").number().as_str(), id("lo0").number().as_str()), ("1/2.100", "0"));
    assert_eq!((id("Lo0").short().as_str(), id("vi3").to_string().as_str()), ("Lo0", "Virtual-Access3"));
    assert_eq!((id("Gi1/2.100").port(), id("Gi1/2.100").as_port(), id("Lo0").port()), (Some(port), None, None));
    for wrong in ["", "Gi", "Gi1", "Gi1/2.", "Gi1/2.0", "Gi1/2.x", "Lo", "Lo1/1", "Lo+1", "Serial1/1", "Lo2147483648"] {
        assert!(wrong.parse::<InterfaceId>().is_err(), "{wrong}");
    }
}

#[test]
fn they_stand_in_the_order_of_a_configuration() {
    let order = ["Lo0", "Lo10", "Tu0", "Vi1", "1/1", "1/1.5", "1/1.100", "1/2", "2/1"].map(id);
    let mut sorted = order;
    sorted.reverse();
    sorted.sort();
    assert_eq!(sorted, order);
    let card = InterfaceId::of_card(LcSlot(1));
    let on: Vec<InterfaceId> = order.into_iter().filter(|id| card.contains(id)).collect();
    assert_eq!(on, order[4..8]);
}

#[test]
fn one_takes_eight_bytes() {
    assert_eq!(size_of::<InterfaceId>(), 8);
}

proptest! {
    #[test]
    fn names_read_back(kind in 0..4, slot in 1..=64u8, port in 1..=255u8, number in 0..=InterfaceId::NUMBER_MAX) {
        let id = match kind {
            0 => InterfaceId::Loopback(number),
            1 => InterfaceId::Tunnel(number),
            2 => InterfaceId::VirtualAccess(number),
            _ => InterfaceId::sub(PortId { slot: LcSlot(slot), port }, number),
        };
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.short().parse(), Ok(id));
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,12}") {
        let _ = text.parse::<InterfaceId>();
    }
}
