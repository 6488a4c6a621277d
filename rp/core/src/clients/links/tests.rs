use super::*;
use fabric_proto::{id::Epoch, redundancy::SwitchoverReason};
use rp_contract::{Ask, TakeOver, Term};

fn port(text: &str) -> PortId {
    text.parse().unwrap()
}

#[test]
fn a_card_that_goes_takes_its_ports_along() {
    let mut links = Links::default();
    assert!(links.report(Instant(1), port("1/1"), true));
    assert!(!links.report(Instant(2), port("1/1"), true));
    assert!(links.report(Instant(3), port("2/4"), false));
    assert_eq!(links.get(port("1/1")), Some((true, Some(Instant(1)))));
    assert_eq!(links.forget(LcSlot(1)), [(port("1/1"), true)]);
    assert_eq!(links.get(port("1/1")), None);
    assert_eq!(links.get(port("2/4")), Some((false, Some(Instant(3)))));
}

#[test]
fn what_are_no_link_states_is_refused() {
    let applied = |record: &[u8], version| Links::default().ports.apply(record, false, version, &mut Vec::new());
    for (record, versions) in
        [(&[1, 1][..], &[1, 2][..]), (&[1, 1, 4], &[1, 2]), (&[1, 1, GONE], &[1]), (&[1, 1, PLAIN], &[1])]
    {
        for version in versions {
            assert!(applied(record, *version).is_err(), "{record:?} in version {version}");
        }
    }
    assert!(applied(&[1, 1, GONE], 2).is_ok() && applied(&[1, 1, PLAIN], 2).is_ok());
    assert!(applied(&[1, 1, 1], 3).is_err(), "since when is missing");
    assert!(
        applied(&[1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9], 2).is_err()
            && applied(&[1, 1, 4, 0, 0, 0, 0, 0, 0, 0, 9], 3).is_err()
    );
    assert!(applied(&[1, 1, 1, 1, 2, 0], 1).is_ok());
}

/// What the backplane told a standby counts once it is alone: until then the active speaks of the ports.
#[test]
fn a_standby_remembers_which_cards_were_removed() {
    let mut links = Links::default();
    links.ports.apply(&[1, 1, 1, 2, 1, 1], false, 2, &mut Vec::new()).unwrap();
    links.remember(LcSlot(1), false);
    links.remember(LcSlot(2), false);
    links.remember(LcSlot(2), true);
    assert!(links.is_up(port("1/1")) && links.is_up(port("2/1")));
    let term = Term { epoch: Epoch(5), reason: SwitchoverReason::ActiveUnitFailed, how: TakeOver::Hot };
    links.progress(Instant(1), &Progression { event: Code::ActiveFast, term: Some(term) }, &mut Vec::new());
    assert!(!links.is_up(port("1/1")) && links.is_up(port("2/1")));
}

/// A standby knows, too, what a card of release 1.0 has no words for: nothing of it is up for a moment after a switchover.
#[test]
fn a_card_of_release_1_0_carries_untagged_packets_of_the_default_table() {
    let (mut links, mut standby) = (Links::default(), Links::default());
    for (at, line) in [("1/1", Line::Up), ("2/1", Line::Plain), ("2/2", Line::Down)] {
        links.report(Instant(1), port(at), line);
    }
    let ask = |version| Ask { first: true, mode: Mode::Sso, version, room: 100 };
    let chunk = links.ports.chunk(&ask(2));
    standby.ports.apply(&chunk.data, false, 2, &mut Vec::new()).unwrap();
    for links in [&links, &standby] {
        let carries = ["1/1", "2/1", "2/2"].map(|at| [true, false].map(|plain| links.carries(port(at), plain)));
        assert_eq!(carries, [[true, true], [true, false], [false, false]]);
        assert!(links.is_up(port("2/1")));
    }
    assert_eq!(&links.ports.chunk(&ask(1)).data[..], [1, 1, 1, 2, 1, 1, 2, 2, 0], "release 1.0 is told of carrier");
}

/// From release 2.1 on a new active knows since when a port is as it is; from a peer before it, it does not.
#[test]
fn since_when_outlives_a_switchover() {
    let mut active = Links::default();
    active.report(Instant(77), port("1/1"), true);
    for (version, since) in [(2, None), (3, Some(Instant(77)))] {
        let ask = Ask { first: true, mode: Mode::Sso, version, room: 100 };
        let chunk = active.ports.chunk(&ask);
        let mut standby = Links::default();
        standby.ports.apply(&chunk.data, false, version, &mut Vec::new()).unwrap();
        assert_eq!(standby.get(port("1/1")), Some((true, since)));
        assert!(!standby.report(Instant(99), port("1/1"), true), "what is said again is no news");
        assert_eq!(standby.get(port("1/1")), Some((true, since)));
    }
}
