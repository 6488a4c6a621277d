use super::*;
use fabric_proto::{id::Epoch, redundancy::SwitchoverReason};
use rp_contract::{Ask, TakeOver, Term};

const PORT: PortId = PortId { slot: LcSlot(2), port: 3 };

fn happens(counts: &mut Transitions, carrier: &[bool]) {
    for up in carrier {
        counts.news(Instant(1), &News::Carrier { port: PORT, up: *up }, &mut Vec::new());
    }
}

fn takes_over(counts: &mut Transitions, how: TakeOver) {
    let term = Some(Term { epoch: Epoch(5), reason: SwitchoverReason::ActiveUnitFailed, how });
    counts.progress(Instant(2), &Progression { event: Code::ActiveFast, term }, &mut Vec::new());
}

#[test]
fn what_comes_and_goes_is_counted_and_what_never_was_there_is_not() {
    let mut counts = Transitions::default();
    happens(&mut counts, &[false]);
    assert_eq!(counts.of(PORT), 0);
    happens(&mut counts, &[true, false, true]);
    assert_eq!(counts.of(PORT), 3);
}

/// In SSO the standby goes on counting; at base level, as in RPR+, it begins anew.
#[test]
fn a_standby_goes_on_where_the_active_was() {
    let mut active = Transitions::default();
    happens(&mut active, &[true, false]);
    let ask = Ask { first: true, mode: Mode::Sso, version: 1, room: 100 };
    let chunk = active.0.chunk(&ask);
    assert_eq!((&chunk.data[..], chunk.more), (&[2, 3, 0, 0, 0, 2][..], false));
    for (how, expected) in [(TakeOver::Hot, 3), (TakeOver::Warm, 1)] {
        let mut standby = Transitions::default();
        standby.0.apply(&chunk.data, false, 1, &mut Vec::new()).unwrap();
        takes_over(&mut standby, how);
        happens(&mut standby, &[true]);
        assert_eq!(standby.of(PORT), expected, "{how:?}");
    }
    assert!(active.0.apply(&[2, 3, 0, 0, 0], false, 1, &mut Vec::new()).is_err());
}
