//! Two line cards as processes, a route processor and an operator played by the test, and wires.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test program")]

mod bench;
mod handover;

use bench::{Chassis, Wire, frame, soon, tagged_frame};
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
    let ((mut one, mut two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
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

/// One address in the default table and in two VRFs, over one wire: each packet leaves by the table of the VLAN that it
/// came in with.
#[tokio::test]
async fn overlapping_addresses_are_forwarded_apart() {
    let chassis = Chassis::start(6);
    let ((mut one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    one.forward_vrfs().await;

    let destination = [10, 2, 0, 1];
    let mut expected = Vec::new();
    for n in 0..3000u32 {
        let (record, vlan) = match n % 3 {
            0 => (frame(destination, 64, n), None),
            1 => (tagged_frame(100, destination, 64, n), Some(101)),
            _ => (tagged_frame(200, destination, 64, n), Some(201)),
        };
        ingress.send(&record).await;
        expected.push((n, vlan));
    }
    ingress.send(&[tagged_frame(300, destination, 64, 0), tagged_frame(200, [10, 3, 0, 1], 64, 0)].concat()).await;
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        let got = soon(egress.recv()).await.expect("the wire stays up");
        assert_eq!((got.ttl, got.dst_mac, got.src_mac), (63, bench::NEIGHBOUR, bench::EGRESS_MAC));
        seen.push((got.number, got.vlan));
    }
    assert_eq!(seen, expected, "complete, in order, each with the tag of its table");
    let drops = chassis.settled(1).await.drops;
    assert_eq!(drops.get(DropCause::UnknownVlan), 1, "no subinterface has VLAN 300");
    assert_eq!(drops.get(DropCause::NoRoute), 1, "10.3/16 is in the default table only");
    chassis.settled(2).await;
}

#[tokio::test]
async fn a_known_outage_is_as_long_as_ordered_and_counted_by_its_own_cause() {
    let chassis = Chassis::start(5);
    let ((_one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
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
            EventKind::Dropped { began, ended, every, packets, .. } => Some((began, ended, every, packets)),
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

/// What routing has to know: a port that never had a wire, one that has lost it, and the same from a new active's view.
#[tokio::test]
async fn the_active_is_told_which_ports_have_carrier() {
    let chassis = Chassis::start(8);
    let mut one = chassis.session(1).await;
    one.adopt(EPOCH_A, Adoption::Flush).await;
    one.enable_two_ports().await;
    assert_eq!(one.port_state().await, (2, false), "it has no wire at all");
    assert_eq!(one.port_state().await, (1, false), "nobody is at the other end of its wire");
    let wire = Wire::dial(&chassis.wire(1)).await;
    assert_eq!(one.port_state().await, (1, true));
    // The other end goes away and reads nothing more: no half-close is answered, and none is waited for.
    drop(wire);
    assert_eq!(one.port_state().await, (1, false));

    let mut heir = chassis.session(1).await;
    heir.say(&ToLc::Adopt { epoch: EPOCH_A_AGAIN, rp: fabric_proto::id::RpSlot::A, how: Adoption::Keep }).await;
    assert_eq!([heir.port_state().await, heir.port_state().await], [(1, false), (2, false)]);
    let _wire = Wire::dial(&chassis.wire(1)).await;
    assert_eq!(heir.port_state().await, (1, true));
}

/// A port that is pulled while its other end does not read is reported before the drain is over.
#[tokio::test]
async fn a_lost_carrier_is_told_before_the_wire_has_drained() {
    let chassis = Chassis::start(9);
    let mut one = chassis.session(1).await;
    one.adopt(EPOCH_A, Adoption::Flush).await;
    one.enable_two_ports().await;
    let mut wire = Wire::dial(&chassis.wire(1)).await;
    soon(one.port_up()).await;
    one.shut_down().await;
    soon(wire.half_closed()).await;
    // This end has not answered with its own half-close: the card still reads.
    assert_eq!(soon(one.port_state()).await, (1, false));
    wire.send(&frame([10, 2, 0, 1], 64, 1)).await;
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

/// Sends `packets` to each of cards 2 and 3 in turns; what goes to card 3 must arrive whole and in order meanwhile.
async fn load_both(ingress: &mut Wire, third: &mut Wire, packets: u32) {
    const BATCH: u32 = 100;
    for first in (0..packets).step_by(BATCH as usize) {
        let numbers = first..first + BATCH;
        let both = numbers.clone().flat_map(|n| [frame([10, 2, 0, 1], 64, n), frame([10, 4, 0, 1], 64, n)].concat());
        ingress.send(&both.collect::<Vec<_>>()).await;
        for number in numbers {
            let got = soon(third.recv()).await.expect("the wire of the other card stays up").number;
            assert_eq!(got, number, "nothing of the other card's traffic is lost or overtaken");
        }
    }
}

/// Three cards: 2 and 3 are the egress of half of the traffic each.
async fn three_cards(test: u8) -> (Chassis, [bench::Session; 3], Wire, Wire, Wire) {
    let chassis = Chassis::with_cards(test, 3);
    let (mut one, mut two) = chassis.adopt(EPOCH_A).await;
    let mut three = chassis.session(3).await;
    three.adopt(EPOCH_A, Adoption::Flush).await;
    for session in [&mut one, &mut two, &mut three] {
        session.forward_everything().await;
    }
    let mut ingress = Wire::dial(&chassis.wire(1)).await;
    let (mut second, mut third) =
        tokio::join!(async { Wire::accept(&chassis.wire(2)).await }, async { Wire::accept(&chassis.wire(3)).await });
    chassis.warm_up(&mut ingress, &mut second).await;
    chassis.warm_up_card(&mut ingress, &mut third, 3).await;
    (chassis, [one, two, three], ingress, second, third)
}

/// More than a queue, a connection and the sockets hold of packets of a hundred bytes.
const OVERLOAD: u32 = 120_000;

#[tokio::test]
async fn a_card_that_stands_still_costs_nobody_elses_packets() {
    let (chassis, _sessions, mut ingress, mut second, mut third) = three_cards(6).await;
    let before = chassis.settled(1).await;
    chassis.pause(2, true);
    load_both(&mut ingress, &mut third, OVERLOAD).await;
    let stats = chassis.stats(1).await.lc.unwrap();
    let dropped = |cause| stats.drops.get(cause) - before.drops.get(cause);
    let lost = dropped(DropCause::VoqFull) + dropped(DropCause::VoqAged);
    assert!(lost > 0, "its virtual output queue is bounded");
    assert_eq!(stats.drops.total() - before.drops.total(), lost, "and the only one that drops: {:?}", stats.drops);
    chassis.pause(2, false);
    let reading = async { while second.recv().await.is_some() {} };
    let settled = async {
        let first = chassis.settled(1).await;
        chassis.until(2, |two| two.queued == 0 && two.sent == two.from_fabric).await;
        assert_eq!(first.received, first.to_fabric + first.drops.total(), "every packet is sent or counted");
    };
    tokio::select! {
        () = settled => {}
        () = reading => panic!("the wire stays up"),
    }
}

#[tokio::test]
async fn a_port_that_nobody_reads_drops_at_the_port() {
    let (chassis, _sessions, mut ingress, _second, mut third) = three_cards(7).await;
    let before = [chassis.settled(1).await, chassis.settled(2).await];
    let mut second = before[1].clone();
    // A part at a time, so that the fabric never has to hold more than one: the port does not empty in between.
    for part in 1..=6 {
        load_both(&mut ingress, &mut third, OVERLOAD / 6).await;
        let sent = u64::from(part * (OVERLOAD / 6));
        second = chassis.until(2, |two| two.from_fabric - before[1].from_fabric == sent).await;
    }
    let first = chassis.settled(1).await;
    assert_eq!(first.drops, before[0].drops, "the ingress card drops nothing: the fabric has room");
    let lost = second.drops.total() - before[1].drops.total();
    assert!(lost > 0 && second.drops.get(DropCause::PortQueueFull) == lost, "{:?}", second.drops);
    assert_eq!(second.from_fabric, second.sent + second.queued + second.drops.total());
}
