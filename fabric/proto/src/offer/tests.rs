use super::*;
use proptest::prelude::*;

#[test]
fn what_1_0_speaks_is_spoken_with_it() {
    let agreed = Agreed::between(Offer::new("2.0"), Offer::of_1_0());
    for class in Class::ALL {
        assert_eq!(agreed.messages(class), 1, "{class}");
    }
    assert_eq!(agreed.client(CfClientId(1)), None, "who has no clients agrees on none");
    let rp = Offer::new("2.0").with(Group::Client(CfClientId(1)), Versions::new(1, 3));
    let agreed = Agreed::between(rp.with(Group::Client(CfClientId(77)), Versions::FIRST), Offer::of_1_0());
    assert_eq!((agreed.client(CfClientId(1)), agreed.client(CfClientId(77))), (Some(1), None));
    assert_eq!(agreed.theirs().release(), "1.0");
}

/// The exchange is the base: these bytes are written for ever.
#[test]
fn golden_offer() {
    let mut golden = b"\x92\xa31.0\x9b".to_vec();
    for (kind, number) in [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 0), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)] {
        golden.extend([0x94, kind, number, 1, 1]);
    }
    assert_eq!(Offer::of_1_0().encode(), golden);
    assert_eq!(Offer::decode(&golden).unwrap(), Offer::of_1_0());
}

#[test]
fn groups_of_a_later_release_are_passed_over() {
    let later =
        Body { release: "9.0".to_owned(), groups: vec![(0, 3, 1, 7), (0, 99, 1, 2), (7, 1, 4, 4), (1, 0, 2, 2)] };
    let offer = Offer::decode(&rmp_serde::to_vec(&later).unwrap()).unwrap();
    let groups: Vec<_> = offer.groups().map(|(group, _)| group).collect();
    assert_eq!(groups, [Group::Messages(Class::LineCard), Group::Cells]);
    let agreed = Agreed::between(Offer::new("2.0"), offer);
    assert!(matches!(agreed.verdict(Group::Cells), Verdict::Nothing { .. }));
    assert_eq!(agreed.verdict(Group::Messages(Class::Feed)), Verdict::OneSided);
    assert!(agreed.verdicts().any(|(group, _)| group == Group::Messages(Class::Feed)));
}

#[test]
fn a_damaged_offer_names_what_is_wrong() {
    let range = Body { release: String::new(), groups: vec![(0, 1, 3, 2)] };
    let range = Offer::decode(&rmp_serde::to_vec(&range).unwrap()).unwrap_err();
    assert!(range.to_string().contains("3 to 2"), "{range}");
    assert!(matches!(Offer::decode(&vec![0; OFFER_MAX + 1]), Err(BadOffer::TooLong(_))));
    assert!(matches!(Offer::decode(b"?"), Err(BadOffer::Body(_))));
    assert!(Offer::new(&"é".repeat(100)).encode().len() < OFFER_MAX / 8, "the name of a release is cut");
}

fn offers() -> impl Strategy<Value = Offer> {
    let group = (0u8..4, 0u16..8).prop_filter_map("known", |(kind, number)| Group::of_number(kind, number));
    let versions = (1u8..6, 0u8..4).prop_map(|(oldest, more)| Versions::new(oldest, oldest + more));
    proptest::collection::btree_map(group, versions, 0..12).prop_map(|groups| Offer { release: "x".to_owned(), groups })
}

proptest! {
    #[test]
    fn both_sides_find_the_same_and_nothing_that_one_did_not_offer(a in offers(), b in offers()) {
        let (here, there) = (Agreed::between(a.clone(), b.clone()), Agreed::between(b.clone(), a.clone()));
        for (group, verdict) in here.verdicts() {
            prop_assert_eq!(verdict.version(), there.verdict(group).version());
            if let Some(version) = verdict.version() {
                let offered = |offer: &Offer| offer.versions(group).is_some_and(|versions| versions.contains(version));
                prop_assert!(offered(&a) && offered(&b));
            }
        }
        prop_assert_eq!(here.verdicts().count(), there.verdicts().count());
    }

    #[test]
    fn an_offer_survives_the_wire(offer in offers()) {
        prop_assert_eq!(Offer::decode(&offer.encode()).unwrap(), offer);
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Offer::decode(&bytes);
    }
}
