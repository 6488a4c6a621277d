use super::*;
use proptest::prelude::*;

#[test]
fn every_unit_has_a_name_of_its_own() {
    for (card, name) in [
        ("edge/pe1/A", "a.pe1.edge.swact"),
        ("edge/pe1/12", "12.pe1.edge.swact"),
        ("edge/t1/tester", "tester.t1.edge.swact"),
        ("edge/-/operator", "operator.edge.swact"),
    ] {
        let id: CardId = card.parse().unwrap();
        assert_eq!(dns_name(&id).unwrap(), name);
        assert_eq!(card_of(name), Some(id));
    }
}

#[test]
fn names_that_are_no_dns_labels_are_refused() {
    for name in ["", "PE1", "pe_1", "-pe1", "pe1-", "pe.1", &"x".repeat(64)] {
        assert!(matches!(check_name("node", name), Err(FabricError::Name { .. })), "{name}");
    }
}

proptest! {
    #[test]
    fn garbage_names_nobody_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
        prop_assert_eq!(card_of_certificate(&bytes), None);
        let _ = card_of(&text);
    }
}
