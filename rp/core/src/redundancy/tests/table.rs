use super::super::*;
use fabric_proto::{
    issu::Compatibility,
    platform::Profile,
    redundancy::{Code, Mode},
};

/// The whole table, written out: what is not here must not happen.
const VALID: &[(u8, u8)] = &[
    (2, 1),
    (2, 3),
    (2, 9),
    (3, 1),
    (3, 4),
    (3, 9),
    (4, 5),
    (4, 9),
    (5, 6),
    (5, 9),
    (6, 7),
    (6, 9),
    (6, 16),
    (7, 8),
    (7, 9),
    (8, 9),
    (16, 9),
    (9, 10),
    (10, 11),
    (11, 12),
    (12, 13),
];

#[test]
fn every_pair_of_states_is_in_the_table_or_refused() {
    for from in RfState::ALL {
        for to in RfState::ALL {
            let expected = VALID.contains(&(from.number(), to.number()));
            assert_eq!(valid_transition(from, to), expected, "{from} to {to}");
        }
    }
}

#[test]
fn every_mode_leads_to_what_it_promises_by_valid_transitions() {
    for mode in Mode::ALL {
        let first = if mode == Mode::Hsa { RfState::Disabled } else { RfState::StandbyCold };
        let mut state = first;
        for next in bring_up(mode).iter().filter_map(|step| step.event.state()) {
            assert!(valid_transition(state, next), "{mode}: {state} to {next}");
            state = next;
        }
        assert_eq!(state, mode.promised_state());
        let syncs = bring_up(mode).iter().filter(|step| step.sync).count();
        assert_eq!(syncs, usize::from(mode != Mode::Hsa), "{mode} syncs once");
    }
}

#[test]
fn an_actives_way_is_the_fields() {
    let mut way = vec![Code::ActiveFast];
    while let Some((next, state)) = role::next_active(way[way.len() - 1]) {
        assert_eq!(next.state(), Some(state));
        way.push(next);
    }
    let numbers: Vec<_> = way.iter().map(|code| code.number()).collect();
    assert_eq!(numbers, [200, 201, 202, 203, 204]);
}

#[test]
fn the_operating_mode_is_the_configured_one_unless_something_forces_it_down() {
    let config = Config::new(fabric_proto::id::RpSlot::A, 1, "2.0");
    let operating = |configured, peer| operating_mode(&config, configured, peer, None);
    for mode in Mode::ALL {
        assert_eq!(operating(mode, None), mode);
        assert_eq!(operating(mode, Some("2.0")), mode);
        assert_eq!(operating(mode, Some("1.0")), mode.min(Mode::Rpr), "nothing is known of images that differ");
        for verdict in Compatibility::ALL {
            let met = Met { release: "2.1".to_owned(), verdict };
            let beside = |peer| operating_mode(&config, mode, Some(peer), Some(&met));
            let allowed = if verdict.allows_sso() { mode } else { mode.min(Mode::Rpr) };
            assert_eq!(beside("2.1"), allowed, "{verdict}");
            assert_eq!(beside("2.2"), mode.min(Mode::Rpr), "of another release than was met, nothing is known");
            assert_eq!(beside("2.0"), mode, "one release is one release");
        }
    }
    // Offers cut what is long.
    let long = "x".repeat(500);
    let met = Met { release: fabric_proto::offer::named(&long).to_owned(), verdict: Compatibility::Compatible };
    assert_eq!(operating_mode(&config, Mode::Sso, Some(&long), Some(&met)), Mode::Sso);
    let on = |name: &str| Config { profile: Profile::named(name).unwrap(), ..config.clone() };
    assert_eq!(operating_mode(&on("c10000"), Mode::Sso, Some("1.0"), None), Mode::RprPlus);
    assert_eq!(operating_mode(&on("asr1000"), Mode::RprPlus, None, None), Mode::Rpr);
    let carrier = Config { legacy_cards: 1, ..on("c7304") };
    assert_eq!(operating_mode(&carrier, Mode::Sso, None, None), Mode::Rpr, "a carrier card keeps the chassis in RPR");
    assert_eq!(operating_mode(&on("c7304"), Mode::Sso, None, None), Mode::Sso);
}

#[test]
fn the_clients_are_in_the_fields_order() {
    for (platform, chkpt) in [("native", 130), ("c7304", 130), ("c7500", 130), ("asr1000", 69)] {
        let clients = field_clients(Profile::named(platform).unwrap());
        assert!(clients.is_sorted_by_key(|client| client.seq));
        let found = clients.iter().find(|client| client.id == ClientId::CHKPT).unwrap();
        assert_eq!((found.seq, found.name.as_str()), (chkpt, "CHKPT RF"), "{platform}");
    }
}
