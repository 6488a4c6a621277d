//! How far an outage that was found may be off, and what is found of outages whose measure is known: the instrument, held
//! against a line card's own clock and counter.
//!
//! A packet that leaves late may fall into an outage that was over, or had not begun, when it was due. Packets leave in
//! order, so what is lost is what was due between two instants, each of which is off by the lateness there at most.
//!
//! A line card was told to drop what comes in on its wires (`fault: drop`), and has said when it began, when it ended
//! and how many packets it took. Nothing of that is used to find the outage; it is what the finding is compared with.

use crate::evidence::{BIN_NS, LossBin, TrafficEvidence};
use serde::{Deserialize, Serialize};

/// Loss this close to a known outage is taken for part of it: packets under way when it began or ended. Known outages
/// of one trial must lie at least twice as far apart.
pub const GUARD_NS: u64 = 100_000_000;
/// Lateness of this share of an outage spoils nothing that is said of it.
pub const LATENESS_SHARE: f64 = 0.01;

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
    /// How long before its begin, and before its end, the card had last read packets, nanoseconds: so long may packets have
    /// waited that it took, or spared. Runs of earlier releases do not tell.
    #[serde(default)]
    pub unread_ns: [u64; 2],
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
    /// Time between two packets of a flow, nanoseconds.
    pub resolution_ns: f64,
    /// How far the finding may be off, nanoseconds: the time between two packets of a flow, the greatest lateness of the
    /// generator where the outage begins and ends, and what the card did not read in time at either end.
    pub accuracy_ns: f64,
}

impl TrafficEvidence {
    /// How far an outage found in this traffic may be off, nanoseconds: the time between two packets of a flow, and the
    /// greatest lateness of a packet that was due while packets were being lost. Where nothing was lost, the longest
    /// outage that may have gone unseen.
    pub fn accuracy_ns(&self) -> f64 {
        let lossy = |bin: &LossBin| bin.lost > 0;
        let bins = &self.loss_over_time;
        let due = match (bins.iter().position(lossy), bins.iter().rposition(lossy)) {
            // The first packet that is spared may lie in the bin beside.
            (Some(first), Some(last)) => first.saturating_sub(1) as u64 * BIN_NS..=(last as u64 + 1) * BIN_NS,
            _ => 0..=u64::MAX,
        };
        self.schedule.flow_interval_ns() + self.generator.late_within(due) as f64
    }

    /// Whether the generator kept its schedule well enough for what was found: no packet skipped, and 99 of 100 at
    /// most [`crate::pace::LATENESS_P99_MAX_NS`] late, or [`LATENESS_SHARE`] of the outage.
    pub fn kept_pace(&self) -> bool {
        let allowed = self.outage().loss_derived_ns * LATENESS_SHARE;
        let generator = &self.generator;
        generator.kept_pace || generator.skipped == 0 && generator.late_p99_ns as f64 <= allowed
    }
}

impl KnownOutage {
    /// How long it was, nanoseconds.
    pub fn length_ns(&self) -> u64 {
        self.ended_ns.saturating_sub(self.began_ns)
    }

    /// What `traffic` says about it.
    pub fn find(&self, traffic: &TrafficEvidence) -> Found {
        let start = traffic.schedule.start;
        let [began, ended] = [self.began_ns, self.ended_ns].map(|at| at.saturating_sub(start));
        let (from, to) = (began.saturating_sub(GUARD_NS), ended.saturating_add(GUARD_NS));
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
        let late = [began, ended]
            .map(|at| traffic.generator.late_within(at.saturating_sub(GUARD_NS)..=at.saturating_add(GUARD_NS)));
        let unread = self.unread_ns[0].max(self.unread_ns[1]);
        // Of packets that fall on the wrong side of an edge, a share is lost where a share is dropped.
        let edge = late[0].max(late[1]).saturating_add(unread) as f64 / f64::from(self.every.max(1));
        let resolution_ns = traffic.schedule.flow_interval_ns();
        Found {
            lost,
            loss_derived_ns: lost as f64 * 1e9 / self.rate_pps,
            timestamp_derived_ns: timestamps,
            resolution_ns,
            accuracy_ns: resolution_ns + edge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pace, Recorder, Schedule, Signature, pace::Generator};
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
            unread_ns: [0; 2],
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
            assert_eq!((found.resolution_ns, found.accuracy_ns), (1e6, 1e6));
            assert!((found.loss_derived_ns - (length_us * 1000) as f64).abs() <= 1e5, "{found:?}");
            assert!(!found.timestamp_derived_ns.is_empty());
            for measured in &found.timestamp_derived_ns {
                let over = *measured as i64 - (length_us * 1000) as i64;
                assert!((-1_000_000..=2_000_000).contains(&over), "{over} ns over {length_us} us");
            }
        }
    }

    /// The host lets the generator stand still, or the card: what is found is off, by less than what is stated.
    #[test]
    fn an_outage_that_a_busy_host_blurs_is_found_within_the_accuracy_that_is_stated() {
        let stands_still =
            |at: u64, from: u64, length: u64| if (from..from + length).contains(&at) { from + length } else { at };
        for (generator_ms, card_ms) in [(0, 0), (30, 0), (0, 30), (20, 25)] {
            for edge in [1_000_000_000, 1_050_000_000] {
                let (from, until) = (1_000_000_000, 1_050_000_000);
                let schedule = Schedule::new(5_000_000_000, 10_000.0, 10).unwrap();
                let mut recorder = Recorder::new(schedule, 1, Duration::from_secs(3));
                let mut pace = Pace::default();
                let mut read_before = [0; 2];
                for k in 0..20_000 {
                    let due = schedule.offset(k);
                    let sent = stands_still(due, edge - 7_000_000, generator_ms * 1_000_000);
                    let read = stands_still(sent, edge - 5_000_000, card_ms * 1_000_000);
                    pace.sent(due, sent - due, false);
                    for (last, at) in read_before.iter_mut().zip([from, until]) {
                        *last = if read < at { read } else { *last };
                    }
                    if !(from..until).contains(&read) {
                        let (flow, sequence) = (schedule.flow(k), schedule.sequence(k));
                        let packet = Signature { trial: 1, flow, sequence, intended: due };
                        recorder.arrived(&packet, schedule.start + read + 20_000);
                    }
                }
                let evidence = recorder.finish(20_000, 0, 128, pace.finish(10_000_000));
                let unread_ns = [from - read_before[0], until - read_before[1]];
                let found = KnownOutage { unread_ns, ..known(1, 1000, 50_000) }.find(&evidence);
                let error = (found.loss_derived_ns - 50e6).abs();
                let what = format!("{generator_ms} and {card_ms} ms at {edge}: {error} of {found:?}");
                assert!(error <= found.accuracy_ns, "{what}");
                if generator_ms + card_ms > 0 {
                    assert!(error > found.resolution_ns, "nothing was blurred: {what}");
                    assert!(found.accuracy_ns < 70e6, "more is stated than was: {what}");
                } else {
                    assert!(found.accuracy_ns < 2e6, "{what}");
                }
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
