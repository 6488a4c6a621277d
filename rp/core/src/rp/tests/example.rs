//! The client of docs/clients.md, registered as a contributor would register it, goes through a switchover.

use super::*;
use fabric_proto::platform::{NATIVE, RfClient};

#[allow(unreachable_pub, reason = "as it would stand in a crate of its own")]
#[path = "../../../../../docs/examples/flaps.rs"]
pub(super) mod flaps;

/// swact's own platform, with a row for the example.
fn profile() -> &'static Profile {
    let row = RfClient { id: 900, seq: 320, name: "Flap counts", clients: &["flaps"], vital: false };
    let mut clients = NATIVE.clients.to_vec();
    clients.insert(clients.len() - 2, row);
    Box::leak(Box::new(Profile { clients: clients.leak(), ..NATIVE }))
}

#[test]
fn the_client_of_the_documentation_goes_through_a_switchover() {
    let page = include_str!("../../../../../docs/clients.md");
    let example = include_str!("../../../../../docs/examples/flaps.rs");
    assert!(page.contains(example.trim_end()), "the page shows the very file");
    assert!(example.lines().count() < 60, "{} lines", example.lines().count());

    let unit = |slot| {
        let boot = Boot { profile: profile(), ..boot("native", slot, STARTUP) };
        Rp::with_clients(Instant(1), boot, vec![Box::new(flaps::Flaps::default())]).unwrap()
    };
    let mut pair = Pair::of([RpSlot::A, RpSlot::B].map(unit));
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    assert!(pair.line(A, 1, "show redundancy clients").text.contains("Flap counts"));
    let port: PortId = "1/1".parse().unwrap();
    let flap = |pair: &mut Pair, at: usize| {
        for up in [true, false] {
            let mut out = Vec::new();
            pair.rps[at].port_reported(pair.now, port, up, &mut out);
            pair.rps[at].settle(pair.now, &mut out);
            pair.deliver(at, out);
        }
    };
    (0..3).for_each(|_| flap(&mut pair, A));
    pair.cut = true;
    assert!(pair.run(60 * SECOND, |pair| pair.rps[B].stats().active));
    assert!(logged(&pair, B, "%FLAPS-6-KEPT: 1/1 3"), "{:?}", pair.events[B]);
    flap(&mut pair, B);
    let counts = |rp: &mut Rp| rp.clients.digests().into_iter().find(|(member, _)| member.title == "flap counts");
    assert_ne!(counts(&mut pair.rps[A]), counts(&mut pair.rps[B]), "it goes on counting");
}

/// A standby whose release does not have the client is not given its records, and is redundant all the same.
#[test]
fn a_client_that_the_standby_does_not_have_is_not_given() {
    let unit = |slot| {
        let boot = Boot { profile: profile(), ..boot("native", slot, STARTUP) };
        Rp::with_clients(Instant(1), boot, vec![Box::new(flaps::Flaps::default())]).unwrap()
    };
    let mut pair = Pair::across([RpSlot::A, RpSlot::B].map(unit), Some(Offer::of_1_0()));
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    for up in [true, false] {
        let mut out = Vec::new();
        pair.rps[A].port_reported(pair.now, "1/1".parse().unwrap(), up, &mut out);
        pair.rps[A].settle(pair.now, &mut out);
        pair.deliver(A, out);
    }
    assert!(pair.rps[A].stats().redundant && pair.rps[B].stats().redundant);
    assert!(!logged(&pair, B, "%CHKPT-3-APPLY"), "{:?}", pair.events[B]);
    let counts = |rp: &mut Rp| rp.clients.digests().into_iter().find(|(member, _)| member.title == "flap counts");
    assert_ne!(counts(&mut pair.rps[A]), counts(&mut pair.rps[B]));
    assert!(pair.line(A, 1, "show issu negotiated version | include flap counts").text.ends_with("-\n"));
}
