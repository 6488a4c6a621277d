//! The shell over real QUIC endpoints on a simulated network: what connections, streams and queues add to the machine.
//!
//! Time and packets are turmoil's, so that a partition, a crash and a thousand heartbeats cost milliseconds; TLS and QUIC
//! are real, and so are the shells of RPs and line cards; `data.rs` stands for the packets' side of a line card. `seen.rs`
//! keeps the books: who ruled in which epoch, what line cards forward by.
#![allow(clippy::unwrap_used, reason = "tests")]

mod chassis;
mod data;
mod seen;
mod socket;

use chassis::{Chassis, SLOTS};
use fabric_proto::{
    id::{Epoch, LcSlot, RpSlot, Slot},
    operator::{Reply, Request},
};
use std::{ops::RangeInclusive, time::Duration};

/// Packets' delays differ from one to the next; `SEEDS=100` tries more of them.
fn seeds() -> RangeInclusive<u64> {
    1..=std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

fn other(rp: RpSlot) -> RpSlot {
    rp.peer().unwrap()
}

/// Waits until every line card obeys a term of `heir` that is newer than `before`.
fn follow(chassis: &mut Chassis, limit: Duration, before: Option<Epoch>, heir: RpSlot) {
    chassis.until(limit, "line cards follow the standby", |seen| seen.all_follow(before, Some(heir)));
}

#[test]
fn the_standby_takes_over_from_an_active_that_is_killed_again_and_again() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        for _ in 0..3 {
            let active = chassis.whole();
            let before = chassis.term();
            chassis.kill(Slot::Rp(active));
            // Silence, a heartbeat, a handshake with each line card that may have to be repeated.
            follow(&mut chassis, Duration::from_secs(2), before, other(active));
            chassis.pass(Duration::from_millis(500));
            chassis.start(Slot::Rp(active));
        }
        chassis.whole();
    }
}

#[test]
fn a_partition_between_the_rps_ends_with_one_active() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        let active = chassis.whole();
        let before = chassis.term();
        let peers = [RpSlot::A, RpSlot::B].map(Slot::Rp);
        chassis.partition(peers[0], peers[1]);
        follow(&mut chassis, Duration::from_secs(3), before, other(active));
        chassis.until(Duration::from_secs(3), "the old active ends itself", |seen| seen.restarts > 0);
        chassis.pass(Duration::from_secs(1));
        chassis.repair(peers[0], peers[1]);
        chassis.whole();
    }
}

#[test]
fn what_was_held_back_comes_too_late_to_matter() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        let active = Slot::Rp(chassis.whole());
        let before = chassis.term();
        for slot in SLOTS.into_iter().filter(|slot| *slot != active) {
            chassis.hold(active, slot);
        }
        chassis.until(Duration::from_secs(3), "the standby takes over", |seen| seen.all_follow(before, None));
        for slot in SLOTS.into_iter().filter(|slot| *slot != active) {
            chassis.release(active, slot);
        }
        chassis.whole();
        assert!(chassis.term() > before);
    }
}

#[test]
fn a_line_card_that_dies_comes_back_and_is_filled() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        let active = chassis.whole();
        let before = chassis.term();
        chassis.kill(Slot::Lc(LcSlot(1)));
        chassis.pass(Duration::from_millis(500));
        chassis.start(Slot::Lc(LcSlot(1)));
        assert_eq!((chassis.whole(), chassis.term()), (active, before), "no reason for a switchover");
    }
}

/// A line card that the active cannot reach goes on forwarding, follows whoever takes over meanwhile, and is adopted
/// once more.
#[test]
fn a_line_card_that_was_cut_off_is_adopted_again() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        let active = chassis.whole();
        let before = chassis.term();
        let cut_off = Slot::Lc(LcSlot(2));
        for rp in [active, other(active)] {
            chassis.partition(Slot::Rp(rp), cut_off);
        }
        chassis.pass(Duration::from_secs(1));
        chassis.kill(Slot::Rp(active));
        chassis.pass(Duration::from_secs(2));
        for rp in [active, other(active)] {
            chassis.repair(Slot::Rp(rp), cut_off);
        }
        chassis.start(Slot::Rp(active));
        follow(&mut chassis, Duration::from_secs(3), before, other(active));
        assert_eq!(chassis.whole(), other(active));
    }
}

/// Cut off from everything, the old active learns nothing; when it is back, nobody obeys it.
#[test]
fn an_active_that_was_cut_off_from_everything_is_fenced() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        let active = chassis.whole();
        let before = chassis.term();
        let others = SLOTS.into_iter().filter(|slot| *slot != Slot::Rp(active));
        for slot in others.clone() {
            chassis.partition(Slot::Rp(active), slot);
        }
        follow(&mut chassis, Duration::from_secs(3), before, other(active));
        let term = chassis.term();
        // Until the old active has lost its connections, and calls again.
        chassis.pass(Duration::from_secs(5));
        for slot in others {
            chassis.repair(Slot::Rp(active), slot);
        }
        assert_eq!((chassis.whole(), chassis.term()), (other(active), term));
    }
}

#[test]
fn a_change_that_was_acknowledged_survives_the_active() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        for n in 0..3 {
            let active = chassis.whole();
            let before = chassis.term();
            chassis.configure(format!("ip route 198.51.{n}.0 255.255.255.0 10.1.1.10"));
            chassis.kill(Slot::Rp(active));
            follow(&mut chassis, Duration::from_secs(2), before, other(active));
            chassis.start(Slot::Rp(active));
            chassis.whole();
            assert!(chassis.seen().all_forward([198, 51, n, 9].into()), "seed {seed}: route {n} is lost");
        }
    }
}

/// Either RP's disk takes four switchover timers to save a configuration. Nobody takes the active for dead, or the standby;
/// and the prompt waits for both disks.
#[test]
fn a_slow_disk_holds_up_a_save_and_no_heartbeat() {
    for (slow, seed) in [RpSlot::A, RpSlot::B].into_iter().zip(seeds()) {
        let mut chassis = Chassis::new(seed);
        let active = chassis.whole();
        let before = chassis.term();
        chassis.slow_disk(slow, Duration::from_millis(1200));
        chassis.configure("hostname slow".to_owned());
        chassis.configure("do write memory".to_owned());
        for rp in [RpSlot::A, RpSlot::B] {
            assert!(chassis.startup(rp).contains("hostname slow"), "RP {rp} was not waited for");
        }
        assert_eq!((chassis.whole(), chassis.term()), (active, before), "a disk is no reason for a switchover");
        assert_eq!(chassis.seen().restarts, 0);
    }
}

fn hang(client: &str, hangs: bool) -> Request {
    Request::Hang { client: client.to_owned(), hangs }
}

/// What an RP says to a line of its command line.
fn shown(chassis: &mut Chassis, slot: RpSlot, line: &str) -> String {
    match chassis.ask(slot, Request::Exec(line.to_owned())) {
        Reply::Output(output) if !output.failed => output.text,
        other => panic!("{line}: {other:?}"),
    }
}

/// The notification timer is real: so long nobody calls the line cards, which go on forwarding.
#[test]
fn a_takeover_skips_a_client_that_hangs_once_its_timer_ends() {
    let mut chassis = Chassis::new(1);
    let active = chassis.whole();
    let (before, heir) = (chassis.term(), other(active));
    assert_eq!(chassis.ask(heir, hang("CEF", true)), Reply::Done);
    chassis.kill(Slot::Rp(active));
    chassis.pass(Duration::from_secs(29));
    assert!(!chassis.seen().all_follow(before, None), "it waits for its client");
    follow(&mut chassis, Duration::from_secs(3), before, heir);
    let history = shown(&mut chassis, heir, "show redundancy history");
    assert_eq!(history.matches("client timed out: CEF RRP RF Client(24)").count(), 1, "{history}");
    assert!(shown(&mut chassis, heir, "show logging").contains("%RF-3-NOTIF_TMO: client CEF RRP RF Client (24)"));
    assert_eq!(chassis.ask(heir, hang("CEF", false)), Reply::Done);
    chassis.start(Slot::Rp(active));
    chassis.whole();
}

#[test]
fn a_standby_without_a_vital_client_is_none() {
    let mut chassis = Chassis::new(1);
    let active = chassis.whole();
    let before = chassis.term();
    assert_eq!(chassis.ask(active, hang("Config", true)), Reply::Done);
    assert!(matches!(chassis.ask(active, hang("bgp", true)), Reply::Refused(_)));
    chassis.kill(Slot::Rp(other(active)));
    chassis.pass(Duration::from_secs(1));
    chassis.start(Slot::Rp(other(active)));
    chassis.pass(Duration::from_secs(70));
    assert!(!chassis.seen().rps[&active].1.redundant);
    let logged = shown(&mut chassis, active, "show logging");
    let fails = "did not answer RF_PROG_PLATFORM_SYNC(300) within 30000 ms and the progression fails";
    assert!(logged.matches(fails).count() >= 2, "{logged}");
    assert_eq!(chassis.ask(active, hang("Config", false)), Reply::Done);
    assert_eq!((chassis.whole(), chassis.term()), (active, before), "no reason for a switchover");
}
