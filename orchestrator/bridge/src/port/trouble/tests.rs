use super::*;

/// A test packet of IPv4 without a payload; or something else of the same length.
fn frame(is_test: bool) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45]);
    frame.resize(34, 0);
    frame[23] = 17;
    frame.extend([0xc0, 0x20, 0, if is_test { 7 } else { 9 }]);
    frame.resize(60, 0);
    frame
}

fn ordered(orders: &[Order]) -> Trouble {
    let mut trouble = Trouble::new();
    for order in orders {
        assert_eq!(trouble.obey(*order), None);
    }
    trouble.reads();
    trouble
}

#[test]
fn an_impairment_takes_its_share_of_its_direction_and_is_healed() {
    let impairment = Impairment { loss: 0.25, seed: 7, ..Impairment::default() };
    let mut trouble = ordered(&[Order::Impair(Ways::Into, impairment)]);
    let gone = Meets::Gone(DropCause::WireImpaired);
    let count = |trouble: &mut Trouble, way| (0..4_000).filter(|_| trouble.meets(way, &frame(true)) == gone).count();
    let lost = count(&mut trouble, Way::Into);
    assert!((900..1_100).contains(&lost), "{lost}");
    assert_eq!(count(&mut trouble, Way::OutOf), 0);
    let again = count(&mut ordered(&[Order::Impair(Ways::Into, impairment)]), Way::Into);
    assert_eq!(again, lost, "the seed decides");
    assert_eq!(trouble.obey(Order::Impair(Ways::Both, Impairment::default())), None);
    assert!(trouble.is_none());
}

#[test]
fn what_is_late_comes_in_its_time_and_a_partition_cuts_it_off() {
    let impairment = |delay_ms, partition| Impairment { delay_ms, partition, ..Impairment::default() };
    let mut trouble = ordered(&[Order::Impair(Ways::OutOf, impairment(1e6, false))]);
    assert_eq!(trouble.meets(Way::OutOf, &frame(false)), Meets::Held);
    assert!(trouble.wait().unwrap() > Duration::from_secs(900), "its time has not come");
    assert_eq!(trouble.due(Way::OutOf), None);
    let mut trouble = ordered(&[Order::Impair(Ways::OutOf, impairment(1e-6, false))]);
    assert_eq!(trouble.meets(Way::OutOf, &frame(false)), Meets::Held);
    assert_eq!(trouble.obey(Order::Impair(Ways::OutOf, Impairment::default())), None);
    assert!(!trouble.is_none(), "something is under way still");
    assert_eq!(trouble.due(Way::OutOf), Some((frame(false).into(), None)));
    let mut trouble = ordered(&[Order::Impair(Ways::OutOf, impairment(1e-6, false))]);
    assert_eq!(trouble.meets(Way::OutOf, &frame(false)), Meets::Held);
    assert_eq!(trouble.obey(Order::Impair(Ways::OutOf, impairment(0.0, true))), None);
    assert_eq!(trouble.due(Way::OutOf).unwrap().1, Some(DropCause::WireImpaired));
    assert_eq!(trouble.meets(Way::OutOf, &frame(false)), Meets::Gone(DropCause::WireImpaired));
}

#[test]
fn a_known_outage_takes_test_packets_only_and_says_how_many() {
    let mut trouble = ordered(&[Order::Drop(Ways::Both, DropOrder { every: 2, for_ns: 0 })]);
    let gone = Meets::Gone(DropCause::Injected);
    let met: Vec<bool> = (0..6).map(|_| trouble.meets(Way::Into, &frame(true)) == gone).collect();
    assert_eq!(met, [false, true, false, true, false, true]);
    assert_eq!(trouble.meets(Way::OutOf, &frame(false)), Meets::Copies(1));
    let over = trouble.obey(Order::Drop(Ways::Both, DropOrder::default())).unwrap();
    assert_eq!((over.ways, over.dropped.every, over.dropped.packets), (Ways::Both, 2, 3));
    assert!(trouble.is_none() && over.dropped.ended >= over.dropped.began);
}

#[test]
fn an_outage_ends_by_itself() {
    let mut trouble = ordered(&[Order::Drop(Ways::Into, DropOrder { every: 1, for_ns: 1 })]);
    trouble.reads();
    assert_eq!(trouble.meets(Way::Into, &frame(true)), Meets::Copies(1));
    let over = trouble.over().unwrap().dropped;
    assert_eq!((over.packets, over.ended.0 - over.began.0), (0, 1));
}
