use super::*;
use crate::trace::probe::Probe;
use fabric_proto::{drops::DropCause, id::LcSlot, punt::PuntReason};
use std::net::IpAddr;

fn probe(vlan: Option<u16>, destination: &str, ttl: u8) -> Vec<u8> {
    let destination: IpAddr = destination.parse().unwrap();
    let source = if destination.is_ipv4() { "10.1.1.10" } else { "fd00:1:1::10" }.parse().unwrap();
    Probe { to: [2; 6], from: [4; 6], vlan, source, destination, ports: [1, 2], ttl, length: 100 }.frame().unwrap()
}

#[test]
fn a_rewrite_is_said_with_what_is_new() {
    let says = rewrite_says(&probe(None, "192.0.2.1", 64), &probe(Some(100), "192.0.2.1", 63));
    assert_eq!(says, "to 02:02:02:02:02:02 from 04:04:04:04:04:04, VLAN 100, TTL 64 to 63, 118 bytes");
    let says = rewrite_says(&probe(Some(7), "2001:db8::1", 9), &probe(None, "2001:db8::1", 8));
    assert_eq!(says, "to 02:02:02:02:02:02 from 04:04:04:04:04:04, TTL 9 to 8, 114 bytes");
    assert_eq!(rewrite_says(&[], &[]), ", 0 bytes");
}

#[test]
fn an_end_names_its_cause_or_reason() {
    let (step, says, outcome, what) = fate_says(&TraceFate::Dropped(DropCause::NoRoute), LcSlot(1), 3);
    assert_eq!(
        (step, says.as_str(), outcome, what.as_str()),
        ("drop", "no_route (probe 3 of this card)", "dropped", "no_route")
    );
    let fate = TraceFate::Punted { reason: PuntReason::ForUs, queue: QueueState { open: true, waiting: 1 } };
    let (step, says, outcome, what) = fate_says(&fate, LcSlot(1), 1);
    assert_eq!((step, outcome, what.as_str()), ("punt", "punted", "for-us"));
    assert_eq!(says, "to the active RP: for-us; 1 packet waits there (probe 1 of this card)");
}
