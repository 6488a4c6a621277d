//! From arrivals to evidence.

use super::{FlowRecorder, Recorder, micros};
use crate::{
    evidence::{BIN_NS, FlowDelay, FlowEvidence, LossBin, PERIODS_LISTED_IN_ALL_MAX, PERIODS_LISTED_MAX},
    loss::{self, LossPeriod},
};

/// The evidence of each flow, when the first `offered` packets of the schedule were offered.
pub(super) fn flows(recorder: &Recorder, offered: u64) -> Vec<FlowEvidence> {
    let schedule = recorder.schedule();
    let mut listed_left = PERIODS_LISTED_IN_ALL_MAX;
    let evidence = |(number, flow): (usize, &FlowRecorder)| {
        let number = number as u32;
        let offered = schedule.offered_to(number, offered);
        let arrival = |sequence| recorder.arrival_us(schedule.packet(number, sequence));
        // A flow of which everything arrived has no loss to look for.
        let complete = flow.delivered() == offered;
        let mut periods = if complete { Vec::new() } else { loss::periods(schedule, number, offered, arrival) };
        let lost: u32 = periods.iter().map(|period| period.length).sum();
        let last_due = offered.checked_sub(1).map(|last| micros(schedule.offset(schedule.packet(number, last))));
        let gap_us = last_due.map_or(0, |due| flow.gap_us.max(due.saturating_sub(flow.last_us)));
        let delay = FlowDelay {
            gap_ns: u64::from(gap_us) * 1000,
            latency_max_ns: (lost < offered).then_some(u64::from(flow.latency_max_us) * 1000),
            impaired: lost + flow.impaired + flow.duplicated,
        };
        let longest = periods.iter().max_by_key(|period| period.length).cloned();
        let evidence = FlowEvidence {
            offered,
            delivered: offered - lost,
            duplicated: flow.duplicated(),
            reordered: flow.reordered(),
            late: flow.late(),
            misdelivered: flow.misdelivered(),
            period_count: periods.len() as u32,
            longest,
            timestamp_total_ns: periods.iter().map(LossPeriod::timestamp_derived_ns).sum(),
            never_recovered: periods.last().is_some_and(|period| !period.recovered()),
            periods: Vec::new(),
            delay: Some(delay),
        };
        periods.truncate(PERIODS_LISTED_MAX.min(listed_left));
        listed_left -= periods.len();
        FlowEvidence { periods, ..evidence }
    };
    recorder.flows().iter().enumerate().map(evidence).collect()
}

/// Offered and lost packets by intended time.
pub(super) fn loss_over_time(recorder: &Recorder, offered: u64) -> Vec<LossBin> {
    let schedule = recorder.schedule();
    let Some(last) = offered.checked_sub(1) else { return Vec::new() };
    let bins = schedule.offset(last) / BIN_NS + 1;
    let due = |bin: u64| schedule.due(schedule.start + bin * BIN_NS - 1).min(offered);
    let mut before = 0;
    let mut over_time: Vec<LossBin> = (1..=bins)
        .map(|bin| {
            let until = due(bin);
            let in_bin = until - before;
            before = until;
            LossBin { offered: in_bin as u32, lost: 0 }
        })
        .collect();
    for packet in (0..offered).filter(|packet| recorder.arrival_us(*packet).is_none()) {
        over_time[(schedule.offset(packet) / BIN_NS) as usize].lost += 1;
    }
    over_time
}
