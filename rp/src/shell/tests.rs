//! The shell over real QUIC endpoints on a simulated network: what connections, streams and queues add to the machine.
//!
//! Time and packets are turmoil's, so that a partition, a crash and a thousand heartbeats cost milliseconds; TLS and QUIC
//! are real. `chassis.rs` keeps the books: who claimed which epoch, what line cards forward.
#![allow(clippy::unwrap_used, reason = "tests")]

mod chassis;
mod socket;

use chassis::Chassis;
use fabric_proto::id::{LcSlot, RpSlot, Slot};
use std::{ops::RangeInclusive, time::Duration};

/// Packets' delays differ from one to the next; `SEEDS=100` tries more of them.
fn seeds() -> RangeInclusive<u64> {
    1..=std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

fn other(rp: RpSlot) -> RpSlot {
    rp.peer().unwrap()
}

#[test]
fn the_standby_takes_over_from_an_active_that_is_killed_again_and_again() {
    for seed in seeds() {
        let mut chassis = Chassis::new(seed);
        for _ in 0..3 {
            let active = chassis.whole();
            let before = chassis.term();
            chassis.kill(active);
            // Silence, a heartbeat, a handshake with each line card that may have to be repeated.
            chassis.until(Duration::from_secs(2), "line cards follow the standby", |seen| {
                let heir = Some(other(active));
                seen.cards.values().all(|card| Some(card.epoch) > before && card.epoch.owner() == heir)
            });
            chassis.pass(Duration::from_millis(500));
            chassis.start(active);
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
        chassis.until(Duration::from_secs(3), "the line cards refuse the old active", |seen| {
            seen.cards.values().all(|card| Some(card.epoch) > before && card.epoch.owner() == Some(other(active)))
        });
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
        let others = [Slot::Rp(RpSlot::A), Slot::Rp(RpSlot::B), Slot::Lc(LcSlot(1)), Slot::Lc(LcSlot(2))];
        for slot in others.into_iter().filter(|slot| *slot != active) {
            chassis.hold(active, slot);
        }
        chassis.until(Duration::from_secs(3), "the standby takes over", |seen| {
            seen.cards.values().all(|card| Some(card.epoch) > before)
        });
        for slot in others.into_iter().filter(|slot| *slot != active) {
            chassis.release(active, slot);
        }
        chassis.whole();
        assert!(chassis.term() > before);
    }
}
