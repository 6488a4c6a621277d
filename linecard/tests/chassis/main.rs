//! Two line cards as processes, a route processor and an operator played by the test, and wires.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test program")]

mod bench;

use bench::{Chassis, Wire, frame, soon};
use fabric_proto::{
    drops::DropCause,
    id::Epoch,
    linecard::{Adoption, FromLc, ToLc},
    operator::{DropOrder, EventKind, Impairment, PlaneSet, Reply, Request},
};

const EPOCH_A: Epoch = Epoch(1 << 2);
const EPOCH_A_AGAIN: Epoch = Epoch(2 << 2);

#[tokio::test]
async fn packets_cross_the_fabric_and_every_one_is_accounted_for() {
    let chassis = Chassis::start(1);
    let (mut one, mut two) = chassis.adopt(EPOCH_A).await;
    one.forward_everything().await;
    two.forward_everything().await;
    let mut ingress = Wire::dial(&chassis.wire(1)).await;
    let mut egress = Wire::accept(&chassis.wire(2)).await;
    soon(one.port_up()).await;
    soon(two.port_up()).await;
    chassis.warm_up(&mut ingress, &mut egress).await;

    let mut bad = [frame([10, 2, 0, 1], 1, 0), frame([11, 0, 0, 1], 9, 0), frame([10, 3, 0, 1], 9, 0)].concat();
    bad.extend(frame([10, 9, 0, 1], 9, 0));
    ingress.send(&bad).await;
    let mut expected = Vec::new();
    for n in 0..20_000u32 {
        ingress.send(&frame([10, 2, (n >> 8) as u8, n as u8], 64, n)).await;
        expected.push(n);
    }
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        let got = soon(egress.recv()).await.expect("the wire stays up");
        assert_eq!(got.ttl, 63);
        assert_eq!((got.dst_mac, got.src_mac), (bench::NEIGHBOUR, bench::EGRESS_MAC));
        seen.push(got.number);
    }
    assert_eq!(seen, expected, "complete and in order");

    let first = chassis.settled(1).await;
    assert_eq!(first.drops.get(DropCause::TtlExpired), 1);
    assert_eq!(first.drops.get(DropCause::NoRoute), 1);
    assert_eq!(first.drops.get(DropCause::Discard), 1);
    assert_eq!(first.received, first.to_fabric + first.drops.total());
    let second = chassis.settled(2).await;
    assert_eq!(second.from_fabric, first.to_fabric);
    assert_eq!(second.drops.get(DropCause::NoSuchPort), 1);
    assert_eq!(second.sent, second.from_fabric - second.drops.total());
}

#[tokio::test]
async fn a_known_outage_is_as_long_as_ordered_and_counted_by_its_own_cause() {
    let chassis = Chassis::start(5);
    let (mut one, mut two) = chassis.adopt(EPOCH_A).await;
    one.forward_everything().await;
    two.forward_everything().await;
    let mut ingress = Wire::dial(&chassis.wire(1)).await;
    let mut egress = Wire::accept(&chassis.wire(2)).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    let before = chassis.settled(1).await;

    let Reply::Started(began) = chassis.ask(1, &Request::Drop(DropOrder { every: 4, for_ns: 0 })).await else {
        panic!("a line card takes such an order")
    };
    for n in 0..100 {
        ingress.send(&frame([10, 2, 0, 1], 64, n)).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 75 {
        seen.push(soon(egress.recv()).await.unwrap().number);
    }
    assert_eq!(seen, (0..100).filter(|n| n % 4 != 3).collect::<Vec<_>>());

    // The next order replaces it, ends by itself, and drops everything until then.
    let Reply::Started(second) = chassis.ask(1, &Request::Drop(DropOrder { every: 1, for_ns: 300_000_000 })).await
    else {
        panic!("and the next")
    };
    let mut n = 100;
    let first_through = loop {
        ingress.send(&frame([10, 2, 0, 1], 64, n)).await;
        n += 1;
        if let Ok(Some(arrival)) = tokio::time::timeout(std::time::Duration::from_millis(5), egress.recv()).await {
            break arrival.number;
        }
    };
    let after = chassis.settled(1).await;
    let dropped = after.drops.get(DropCause::Injected) - before.drops.get(DropCause::Injected);
    assert_eq!(dropped, 25 + u64::from(first_through) - 100);

    let told = chassis.events_until(1, |kind| matches!(kind, EventKind::Dropped { every: 1, .. })).await;
    let orders: Vec<_> = told
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Dropped { began, ended, every, packets } => Some((began, ended, every, packets)),
            _ => None,
        })
        .collect();
    assert_eq!(orders[0], (began, second, 4, 25));
    assert_eq!(orders[1], (second, second + std::time::Duration::from_millis(300), 1, dropped - 25));
}

#[tokio::test]
async fn a_reset_card_restarts_with_its_counters_and_stays_fenced() {
    let chassis = Chassis::start(2);
    let (mut one, mut two) = chassis.adopt(EPOCH_A_AGAIN).await;
    one.forward_everything().await;
    two.forward_everything().await;
    let mut ingress = Wire::dial(&chassis.wire(1)).await;
    let mut egress = Wire::accept(&chassis.wire(2)).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    let before = chassis.settled(1).await;
    let boot = chassis.stats(1).await.boot;

    one.say(&ToLc::Reset { reason: "operating mode rpr".into() }).await;
    assert_eq!(soon(ingress.half_closed()).await, 0, "the card half-closes, and has sent nothing");
    ingress.send(&frame([10, 2, 0, 1], 64, 7)).await;
    ingress.half_close().await;
    chassis.restarted(1, boot).await;

    let stats = chassis.stats(1).await;
    let after = stats.lc.unwrap();
    assert_eq!(after.resets, 1);
    assert_eq!(after.received, before.received + 1);
    assert_eq!(after.drops.get(DropCause::LcResetting), before.drops.get(DropCause::LcResetting) + 1);
    assert_eq!(after.epoch, EPOCH_A_AGAIN);
    assert_eq!(after.routes, [0, 0]);

    let events = chassis.events(1, 2).await;
    assert!(
        events.iter().any(|event| matches!(&event.kind, EventKind::LcReset { reason, .. } if reason.contains("rpr")))
    );
    assert!(events.iter().zip(1..).all(|(event, number)| event.number == number), "without gaps");

    let mut session = chassis.session(1).await;
    let answer =
        session.ask(&ToLc::Adopt { epoch: EPOCH_A, rp: fabric_proto::id::RpSlot::A, how: Adoption::Keep }).await;
    assert_eq!(answer, Some(FromLc::Refused { highest: EPOCH_A_AGAIN }));
    assert_eq!(soon(session.next()).await, None, "and the session ends");

    // The other card has its link back as soon as the card is up: adopt, and packets flow again.
    let mut session = chassis.session(1).await;
    session.adopt(EPOCH_A_AGAIN, Adoption::Flush).await;
    session.forward_everything().await;
    let mut ingress = Wire::dial(&chassis.wire(1)).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
}

#[tokio::test]
async fn garbage_closes_a_wire_and_nothing_else() {
    let chassis = Chassis::start(3);
    let (mut one, _two) = chassis.adopt(EPOCH_A).await;
    one.forward_everything().await;
    let mut wire = Wire::dial(&chassis.wire(1)).await;
    soon(one.port_up()).await;
    wire.send_raw(&[0xff; 300]).await;
    soon(wire.half_closed()).await;
    let stats = chassis.settled(1).await;
    assert_eq!((stats.received, stats.drops.get(DropCause::Malformed)), (1, 1));
    let mut wire = Wire::dial(&chassis.wire(1)).await;
    wire.send(&frame([11, 0, 0, 1], 64, 1)).await;
    chassis.until(1, |stats| stats.drops.get(DropCause::NoRoute) == 1).await;

    // A port that is shut down half-closes its wire and counts what still comes.
    one.shut_down().await;
    soon(wire.half_closed()).await;
    wire.send(&frame([10, 2, 0, 1], 64, 1)).await;
    wire.half_close().await;
    chassis.until(1, |stats| stats.drops.get(DropCause::PortDown) == 1).await;
}

#[tokio::test]
async fn operators_impair_and_strangers_are_refused() {
    let chassis = Chassis::start(4);
    let impair = |slot: &str| Request::Impair {
        to: Some(slot.parse().unwrap()),
        plane: PlaneSet::Both,
        impairment: Impairment { delay_ms: 1.0, ..Impairment::default() },
    };
    assert_eq!(chassis.ask(1, &impair("2")).await, Reply::Done);
    assert!(matches!(chassis.ask(1, &impair("9")).await, Reply::Refused(_)));
    assert!(matches!(chassis.ask(1, &Request::Exec("show version".into())).await, Reply::Refused(_)));
    soon(chassis.stranger_is_refused(1)).await;
}

#[test]
fn bad_configurations_are_the_users_fault() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("card.json");
    for content in ["{", "{\"id\": \"lab/pe1/1\"}"] {
        std::fs::write(&file, content).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_linecard"))
            .args(["--config", file.to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("card.json"));
    }
}
