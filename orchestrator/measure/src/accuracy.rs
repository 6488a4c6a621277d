//! What is found of outages whose measure is known: the instrument, held against a line card's own clock and counter.
//!
//! A line card was told to drop what comes in on its wires (`fault: drop`), and has said when it began, when it ended
//! and how many packets it took. Nothing of that is used to find the outage; it is what the finding is compared with.

use crate::evidence::{BIN_NS, TrafficEvidence};
use serde::{Deserialize, Serialize};

/// Loss this close to a known outage is taken for part of it: packets under way when it began or ended. Known outages
/// of one trial must lie at least twice as far apart.
pub const GUARD_NS: u64 = 100_000_000;

/// An outage as the card tells it that made it. Instants are on the clock of [`crate::Schedule::start`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownOutage {
    /// The card: `pe1/1`.
    pub card: String,
    /// It dropped every so many-th packet; 1: all of them.
    pub every: u32,
    /// Begin, nanoseconds.
    pub began_ns: u64,
    /// End, nanoseconds.
    pub ended_ns: u64,
    /// Packets it dropped.
    pub dropped: u64,
    /// Rate of the load that comes in on its wires, packets a second.
    pub rate_pps: f64,
}

/// What the tester's evidence says about a known outage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Packets lost in it.
    pub lost: u64,
    /// Packets lost divided by the rate offered to the card (RFC 6201 §1.3, method 1), nanoseconds.
    pub loss_derived_ns: f64,
    /// Last arrival before to first arrival after (method 2), of each flow that has a loss period in it, nanoseconds,
    /// sorted. Empty when only some packets were dropped: then there is no interruption.
    pub timestamp_derived_ns: Vec<u64>,
    /// Time between two packets of a flow: the resolution that a report states, nanoseconds.
    pub resolution_ns: f64,
}

impl KnownOutage {
    /// How long it was, nanoseconds.
    pub fn length_ns(&self) -> u64 {
        self.ended_ns.saturating_sub(self.began_ns)
    }

    /// What `traffic` says about it.
    pub fn find(&self, traffic: &TrafficEvidence) -> Found {
        let start = traffic.schedule.start;
        let from = self.began_ns.saturating_sub(start).saturating_sub(GUARD_NS);
        let to = self.ended_ns.saturating_sub(start).saturating_add(GUARD_NS);
        let bins = (from / BIN_NS) as usize..=(to / BIN_NS) as usize;
        let in_window = traffic.loss_over_time.iter().enumerate().filter(|(bin, _)| bins.contains(bin));
        let lost = in_window.map(|(_, bin)| u64::from(bin.lost)).sum();
        let mut timestamps: Vec<u64> = Vec::new();
        if self.every == 1 {
            for flow in &traffic.flows {
                let within = flow.periods.iter().filter(|period| (from..=to).contains(&period.sent_first));
                timestamps.extend(within.map(|period| period.timestamp_derived_ns()).max());
            }
            timestamps.sort_unstable();
        }
        Found {
            lost,
            loss_derived_ns: lost as f64 * 1e9 / self.rate_pps,
            timestamp_derived_ns: timestamps,
            resolution_ns: traffic.schedule.flow_interval_ns(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Recorder, Schedule, Signature, pace::Generator};
    use std::time::Duration;

    /// Two seconds of 10,000 packets a second over 10 flows, of which `dropped` says what never arrives.
    fn evidence(dropped: impl Fn(u64, u64) -> bool) -> TrafficEvidence {
        let schedule = Schedule::new(5_000_000_000, 10_000.0, 10).unwrap();
        let mut recorder = Recorder::new(schedule, 1, Duration::from_secs(3));
        for k in 0..20_000 {
            let offset = schedule.offset(k);
            if !dropped(k, offset) {
                let packet =
                    Signature { trial: 1, flow: schedule.flow(k), sequence: schedule.sequence(k), intended: offset };
                recorder.arrived(&packet, schedule.start + offset + 20_000);
            }
        }
        recorder.finish(20_000, 0, 128, Generator::default())
    }

    fn known(every: u32, from_ms: u64, length_us: u64) -> KnownOutage {
        let began_ns = 5_000_000_000 + from_ms * 1_000_000;
        KnownOutage {
            card: "pe1/1".to_owned(),
            every,
            began_ns,
            ended_ns: began_ns + length_us * 1000,
            dropped: 0,
            rate_pps: 10_000.0,
        }
    }

    #[test]
    fn an_outage_is_found_within_its_resolution_by_both_methods() {
        for length_us in [1_000, 3_300, 50_000, 700_000] {
            let outage = known(1, 1000, length_us);
            let (from, to) = (1_000_000_000, 1_000_000_000 + length_us * 1000);
            // Another one, far enough away, must not be taken for part of it.
            let other = |at: u64| (300_000_000..310_000_000).contains(&at);
            let found = outage.find(&evidence(|_, at| (from..to).contains(&at) || other(at)));
            assert_eq!(found.resolution_ns, 1e6);
            assert!((found.loss_derived_ns - (length_us * 1000) as f64).abs() <= 1e5, "{found:?}");
            assert!(!found.timestamp_derived_ns.is_empty());
            for measured in &found.timestamp_derived_ns {
                let over = *measured as i64 - (length_us * 1000) as i64;
                assert!((-1_000_000..=2_000_000).contains(&over), "{over} ns over {length_us} us");
            }
        }
    }

    #[test]
    fn one_packet_in_seven_is_found_to_the_packet() {
        let lossy = |k: u64, at: u64| (500_000_000..1_500_000_000).contains(&at) && k.is_multiple_of(7);
        let found = known(7, 500, 1_000_000).find(&evidence(lossy));
        assert!((1428..=1429).contains(&found.lost), "{found:?}");
        assert!(found.timestamp_derived_ns.is_empty());
    }
}
