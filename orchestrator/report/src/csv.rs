//! `trials.csv`, one line a trial, `flows.csv`, one line a flow that lost something or stood out otherwise, and
//! `loss-periods.csv`, for spreadsheets and scripts. What was not measured is an empty field.

use super::{FlowPath, RunRecord, format};
use measure::{Schedule, TrialRecord, evidence::FlowEvidence, loss};
use std::fmt::Write;

const COLUMNS: &str = "index,mode,fault,started,duration_ms,valid,offered,delivered,lost,dropped,lost_with_card,\
unaccounted,duplicated,reordered,late,misdelivered,outage_loss_derived_ms,outage_timestamp_derived_ms,outage_longest_ms,\
outage_total_ms,outage_count,flows_hit,never_recovered,detect_ms,take_over_ms,adopt_ms,reconcile_ms,converge_ms,\
redundant_ms,t1_ms,t2_ms,t3_ms,t4_ms,resolution_ms,arrival_gap_ms,latency_max_ms,impaired,modelled,notes";

/// All trials and those of the noise floor, which have no fault.
pub(super) fn trials(run: &RunRecord) -> String {
    let mut out = format!("{COLUMNS}\n");
    for trial in run.trials.iter().chain(&run.noise_floor) {
        line(&mut out, trial);
    }
    out
}

fn line(out: &mut String, trial: &TrialRecord) {
    let accounting = &trial.accounting;
    let outage = trial.outage();
    let fsu = trial.fsu.unwrap_or_default();
    let ms = |ns: f64| (ns / 1e6).to_string();
    let maybe = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let notes = trial.failures.iter().map(ToString::to_string).chain(trial.invalid.iter().map(ToString::to_string));
    let mut fields = vec![
        trial.index.to_string(),
        quoted(&trial.mode),
        quoted(&trial.fault),
        format::utc(trial.started_unix_ms),
        trial.duration_ms.to_string(),
        trial.valid().to_string(),
    ];
    fields.extend(
        [accounting.offered, accounting.delivered, accounting.lost, accounting.dropped, accounting.lost_with_card]
            .map(|packets| packets.to_string()),
    );
    fields.push(accounting.unaccounted.to_string());
    fields
        .extend([trial.duplicated(), trial.reordered(), trial.late(), accounting.misdelivered].map(|n| n.to_string()));
    fields.extend([outage.loss_derived_ns, outage.timestamp_derived_ns, outage.longest_ns, outage.total_ns].map(ms));
    fields.extend([outage.count, outage.flows_hit, outage.never_recovered].map(|n| n.to_string()));
    fields.extend(trial.switchover.named().map(|(_, value)| maybe(value)));
    fields.extend([fsu.t1_ms, fsu.t2_ms, fsu.t3_ms, fsu.t4_ms(), trial.resolution_ms()].map(maybe));
    fields.extend([trial.arrival_gap_ms(), trial.latency_max_ms()].map(maybe));
    fields.push(trial.impaired().map(|packets| packets.to_string()).unwrap_or_default());
    fields.push(trial.modelled.to_string());
    fields.push(quoted(&notes.collect::<Vec<_>>().join("; ")));
    let _ = writeln!(out, "{}", fields.join(","));
}

const FLOW_COLUMNS: &str = "index,mode,valid,flow,destination,prefix,ingress,egress,offered,delivered,lost,duplicated,\
reordered,late,misdelivered,periods,longest_ms,total_ms,timestamp_total_ms,never_recovered,arrival_gap_ms,latency_max_ms,impaired";

/// Every flow and trial of which there is more to tell than that all arrived once and in order.
pub(super) fn flows(run: &RunRecord) -> String {
    let mut out = format!("{FLOW_COLUMNS}\n");
    let unknown = FlowPath::default();
    for (trial, number, schedule, flow) in told(run) {
        let path = run.flows.get(number).unwrap_or(&unknown);
        let interval = schedule.flow_interval_ns() / 1e6;
        let ms = |ns: Option<u64>| ns.map(|ns| (ns as f64 / 1e6).to_string()).unwrap_or_default();
        let longest = flow.longest.as_ref().map_or(0.0, |period| f64::from(period.length) * interval);
        let _ = writeln!(
            out,
            "{},{},{},{number},{},{},{},{},{},{},{},{},{},{},{},{},{longest},{},{},{},{},{},{}",
            trial.index,
            quoted(&trial.mode),
            trial.valid(),
            quoted(&path.destination),
            quoted(&path.prefix),
            quoted(&path.ingress),
            quoted(&path.egress),
            flow.offered,
            flow.delivered,
            flow.lost(),
            flow.duplicated,
            flow.reordered,
            flow.late,
            flow.misdelivered,
            flow.period_count,
            f64::from(flow.lost()) * interval,
            flow.timestamp_total_ns as f64 / 1e6,
            flow.never_recovered,
            ms(flow.delay.map(|delay| delay.gap_ns)),
            ms(flow.delay.and_then(|delay| delay.latency_max_ns)),
            flow.delay.map(|delay| delay.impaired.to_string()).unwrap_or_default(),
        );
    }
    out
}

const PERIOD_COLUMNS: &str = "index,mode,flow,first,length,inter_loss_period_length,sent_first_ns,sent_last_ns,\
sent_after_ns,arrived_before_ns,arrived_after_ns,loss_derived_ms,timestamp_derived_ms";

/// Every listed loss period with its edges: intended send times, and the arrivals around it (RFC 3357 §6).
pub(super) fn loss_periods(run: &RunRecord) -> String {
    let mut out = format!("{PERIOD_COLUMNS}\n");
    let maybe = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    for (trial, number, schedule, flow) in told(run) {
        let apart = loss::inter_loss_period_lengths(&flow.periods);
        for (period, apart) in flow.periods.iter().zip(apart) {
            let _ = writeln!(
                out,
                "{},{},{number},{},{},{apart},{},{},{},{},{},{},{}",
                trial.index,
                quoted(&trial.mode),
                period.first,
                period.length,
                period.sent_first,
                period.sent_last,
                maybe(period.sent_after),
                maybe(period.arrived_before),
                maybe(period.arrived_after),
                period.loss_derived_ns(schedule) / 1e6,
                period.timestamp_derived_ns() as f64 / 1e6,
            );
        }
    }
    out
}

/// Flows of all trials that lost, doubled, delayed or misled something; their number counts over all testers.
fn told(run: &RunRecord) -> impl Iterator<Item = (&TrialRecord, usize, &Schedule, &FlowEvidence)> {
    run.trials.iter().chain(&run.noise_floor).flat_map(|trial| {
        let flows = trial.traffic.iter().flat_map(|traffic| traffic.flows.iter().map(|flow| (&traffic.schedule, flow)));
        let impaired = |flow: &FlowEvidence| flow.delay.map_or(0, |delay| delay.impaired);
        let stands_out = move |flow: &FlowEvidence| {
            [flow.lost(), flow.duplicated, flow.reordered, flow.late, flow.misdelivered, impaired(flow)] != [0; 6]
        };
        let told = flows.enumerate().filter(move |(_, (_, flow))| stands_out(flow));
        told.map(move |(number, (schedule, flow))| (trial, number, schedule, flow))
    })
}

/// RFC 4180: quoted when it must be.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
