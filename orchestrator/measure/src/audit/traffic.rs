//! One tester's evidence: generator, flows, loss periods, bins and latencies held against the schedule and each other.

use super::Audit;
use crate::{
    Schedule, TrafficEvidence,
    evidence::{BIN_NS, FlowEvidence, PERIODS_LISTED_IN_ALL_MAX, PERIODS_LISTED_MAX},
    histogram,
    loss::LossPeriod,
    signature::FLOWS_MAX,
};
use std::fmt::Display;

/// The schedule without its start: all times of evidence count from there.
fn from_zero(schedule: &Schedule) -> Schedule {
    Schedule { start: 0, ..*schedule }
}

fn sum(values: impl Iterator<Item = u64>) -> u128 {
    values.map(u128::from).sum()
}

/// Something there may be none of.
fn maybe<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

impl Audit {
    pub(super) fn traffic(&mut self, at: &str, evidence: &TrafficEvidence) {
        let schedule = from_zero(&evidence.schedule);
        let (rate, flows) = (schedule.rate_milli_pps, schedule.flows);
        let rated =
            self.holds(rate > 0, format_args!("{at}.schedule.rate_milli_pps"), rate, "packets were offered at a rate");
        let named = (1..=FLOWS_MAX).contains(&flows);
        let there = self.holds(
            named && flows as usize == evidence.flows.len(),
            format_args!("{at}.schedule.flows"),
            flows,
            format_args!("there are {} flows", evidence.flows.len()),
        );
        if !(rated && there) {
            return;
        }
        self.generator(at, evidence);
        let whole = self.flows(at, &schedule, evidence);
        // Bins and latencies are held against the sums of the flows.
        if whole {
            self.bins(at, &schedule, evidence);
            self.latencies(at, evidence);
        }
    }

    fn generator(&mut self, at: &str, evidence: &TrafficEvidence) {
        let generator = &evidence.generator;
        let went = sum([generator.sent, generator.skipped, evidence.port_down].into_iter());
        let source = "sent, skipped and without a carrier are together";
        self.equal(format_args!("{at}.offered"), u128::from(evidence.offered), source, went);
        let flows = sum(evidence.flows.iter().map(|flow| u64::from(flow.misdelivered)));
        let all = sum(evidence.misdelivered.values().copied());
        let against = format_args!("all flows and strangers together have {all}");
        self.holds(flows <= all, format_args!("{at}.flows: misdelivered"), flows, against);
    }

    /// Whether every flow fits the schedule and itself.
    fn flows(&mut self, at: &str, schedule: &Schedule, evidence: &TrafficEvidence) -> bool {
        let before = self.count;
        let listed: usize = evidence.flows.iter().map(|flow| flow.periods.len()).sum();
        let measured = evidence.flows.iter().any(|flow| flow.delay.is_some());
        for (number, flow) in (0..).zip(&evidence.flows) {
            let name = format!("{at}.flows[{number}]");
            let due = schedule.offered_to(number, evidence.offered);
            self.equal(format_args!("{name}.offered"), flow.offered, "the schedule gives it", due);
            let fits = flow.delivered <= flow.offered;
            let against = format_args!("only {} were offered", flow.offered);
            if !self.holds(fits, format_args!("{name}.delivered"), flow.delivered, against) || flow.offered != due {
                continue;
            }
            for (what, packets) in [("reordered", flow.reordered), ("late", flow.late)] {
                let against = format_args!("only {} were delivered", flow.delivered);
                self.holds(packets <= flow.delivered, format_args!("{name}.{what}"), packets, against);
            }
            self.periods(&name, schedule, number, flow, listed >= PERIODS_LISTED_IN_ALL_MAX);
            let same = flow.delay.is_some() == measured;
            if self.holds(same, format_args!("{name}.delay"), "missing", "other flows have one") {
                self.delay(&name, flow);
            }
        }
        let flows = sum(evidence.flows.iter().map(|flow| u64::from(flow.offered)));
        self.equal(format_args!("{at}.offered"), u128::from(evidence.offered), "the flows were offered", flows);
        self.count == before
    }

    fn periods(&mut self, name: &str, schedule: &Schedule, number: u32, flow: &FlowEvidence, list_full: bool) {
        let sent = |sequence: u64| schedule.offset(sequence * u64::from(schedule.flows) + u64::from(number));
        let offered = u64::from(flow.offered);
        // Where the next period may begin: a packet that arrived lies between two.
        let mut free = 0;
        for (at, period) in flow.periods.iter().enumerate() {
            let (first, length) = (u64::from(period.first), u64::from(period.length));
            let after = first + length;
            let field = format!("{name}.periods[{at}]");
            let fits = length > 0 && first >= free && after <= offered;
            let value = format_args!("{first} to {after}");
            let against = format_args!("it may begin at {free} and the flow ends at {offered}");
            if !self.holds(fits, &field, value, against) {
                return;
            }
            free = after + 1;
            self.equal(format_args!("{field}: sent first"), period.sent_first, "the schedule says", sent(first));
            self.equal(format_args!("{field}: sent last"), period.sent_last, "the schedule says", sent(after - 1));
            let next = (after < offered).then(|| sent(after));
            self.equal(format_args!("{field}: sent after"), maybe(period.sent_after), "the schedule says", maybe(next));
            let edges = (period.arrived_before.is_some(), period.arrived_after.is_some());
            let against = "an arrival is missing at one of its edges, or was none";
            self.holds(edges == (first > 0, next.is_some()), &field, value, against);
        }
        self.totals(name, flow, list_full);
    }

    fn totals(&mut self, name: &str, flow: &FlowEvidence, list_full: bool) {
        let lost = u64::from(flow.lost());
        let listed: u64 = flow.periods.iter().map(|period| u64::from(period.length)).sum();
        let timestamps = flow.periods.iter().map(LossPeriod::timestamp_derived_ns).fold(0, u64::saturating_add);
        let longest = flow.longest.as_ref().map_or(0, |period| u64::from(period.length));
        let listed_longest = flow.periods.iter().map(|period| u64::from(period.length)).max().unwrap_or(0);
        let (count, told) = (u64::from(flow.period_count), flow.periods.len() as u64);
        let field = |what: &str| format!("{name}.{what}");
        if told == count {
            self.equal(field("lost"), lost, "its loss periods hold", listed);
            self.equal(field("longest"), longest, "the longest of its loss periods is", listed_longest);
            let total = flow.timestamp_total_ns;
            self.equal(field("timestamp_total_ns"), total, "its loss periods add up to", timestamps);
            let never = flow.periods.last().is_some_and(|period| !period.recovered());
            self.equal(field("never_recovered"), flow.never_recovered, "its last loss period says", never);
            return;
        }
        let cut = told < count && (flow.periods.len() == PERIODS_LISTED_MAX || list_full);
        self.holds(cut, field("period_count"), count, format_args!("{told} are listed, and there was room for more"));
        // Each that is not listed lost a packet at least.
        let least = listed.saturating_add(count.saturating_sub(told));
        self.holds(least <= lost, field("lost"), lost, format_args!("its {count} loss periods hold {least} at least"));
        let between = (listed_longest.max(1)..=lost).contains(&longest);
        self.holds(
            between,
            field("longest"),
            longest,
            format_args!("one of {listed_longest} is listed, of {lost} lost"),
        );
        let more = flow.timestamp_total_ns >= timestamps;
        let against = format_args!("those that are listed add up to {timestamps}");
        self.holds(more, field("timestamp_total_ns"), flow.timestamp_total_ns, against);
    }

    fn delay(&mut self, name: &str, flow: &FlowEvidence) {
        let Some(delay) = flow.delay else { return };
        let arrived = flow.delivered > 0;
        let value = maybe(delay.latency_max_ns);
        let against = format_args!("{} packets arrived", flow.delivered);
        self.holds(delay.latency_max_ns.is_some() == arrived, format_args!("{name}.latency_max_ns"), value, against);
        let (least, most) = (u64::from(flow.lost()) + u64::from(flow.duplicated), u64::from(flow.duplicated));
        let range = least..=most + u64::from(flow.offered);
        let against = format_args!("{} lost and {} duplicated are part of it", flow.lost(), flow.duplicated);
        self.holds(
            range.contains(&u64::from(delay.impaired)),
            format_args!("{name}.impaired"),
            delay.impaired,
            against,
        );
        // Without overtaking nothing arrives between the edges of a loss period.
        if flow.reordered == 0 {
            let both = |period: &&LossPeriod| period.arrived_before.is_some() && period.arrived_after.is_some();
            let longest = flow.periods.iter().filter(both).map(LossPeriod::timestamp_derived_ns).max().unwrap_or(0);
            let against = format_args!("nothing arrived for {longest} around a loss period");
            self.holds(delay.gap_ns >= longest, format_args!("{name}.gap_ns"), delay.gap_ns, against);
        }
    }

    fn bins(&mut self, at: &str, schedule: &Schedule, evidence: &TrafficEvidence) {
        let bins = &evidence.loss_over_time;
        let field = format!("{at}.loss_over_time");
        let wanted = evidence.offered.checked_sub(1).map_or(0, |last| schedule.offset(last) / BIN_NS + 1);
        let against = format_args!("{} packets take {wanted}", evidence.offered);
        if !self.holds(bins.len() as u64 == wanted, &field, format_args!("{} bins", bins.len()), against) {
            return;
        }
        let mut before = 0;
        for (number, bin) in (1..).zip(bins) {
            let until = schedule.due(number * BIN_NS - 1).min(evidence.offered);
            let name = format_args!("{field}[{}]", number - 1);
            self.equal(format_args!("{name}.offered"), u64::from(bin.offered), "the schedule says", until - before);
            let against = format_args!("only {} were offered", bin.offered);
            self.holds(bin.lost <= bin.offered, format_args!("{name}.lost"), bin.lost, against);
            before = until;
        }
        let lost = sum(bins.iter().map(|bin| u64::from(bin.lost)));
        self.equal(format_args!("{field}: lost"), lost, "the flows lost", u128::from(evidence.lost()));
    }

    fn latencies(&mut self, at: &str, evidence: &TrafficEvidence) {
        let buckets = &evidence.latency_ns.0;
        let packets = sum(buckets.iter().map(|(_, packets)| *packets));
        self.equal(format_args!("{at}.latency_ns"), packets, "delivered packets are", u128::from(evidence.delivered()));
        let greatest = buckets.iter().map(|(value, _)| *value).max().unwrap_or(0);
        if let Some(max) = evidence.latency_max_ns().filter(|_| greatest < histogram::HIGH) {
            // A bucket is named by its upper edge and holds two digits; flows hold whole microseconds.
            let near = max <= greatest && max.saturating_add(1000) >= greatest - greatest / 32;
            let against = format_args!("the slowest of all packets took {greatest}");
            self.holds(near, format_args!("{at}.flows: latency_max_ns"), max, against);
        }
    }
}
