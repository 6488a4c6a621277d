//! `trials.csv`, one line a trial, `flows.csv`, one line a flow that lost something or stood out otherwise, and
//! `loss-periods.csv`, for spreadsheets and scripts. What was not measured is an empty field.

use super::{FlowPath, RunRecord, format};
use measure::{
    Schedule, TrialRecord,
    evidence::FlowEvidence,
    loss::{self, LossPeriod},
};

/// Lines of a file under their heads, quoted where they must be (RFC 4180).
fn file(columns: &str, lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = ::csv::Writer::from_writer(Vec::new());
    let head = columns.split(',').map(str::to_owned).collect();
    for line in std::iter::once(head).chain(lines) {
        // Into memory, and every line has as many fields as the head.
        let _ = out.write_record(line);
    }
    String::from_utf8(out.into_inner().unwrap_or_default()).unwrap_or_default()
}

const COLUMNS: &str = "index,mode,fault,started,duration_ms,valid,offered,delivered,lost,dropped,lost_with_card,\
unaccounted,duplicated,reordered,late,misdelivered,outage_loss_derived_ms,outage_timestamp_derived_ms,outage_longest_ms,\
outage_total_ms,outage_count,flows_hit,never_recovered,detect_ms,take_over_ms,adopt_ms,reconcile_ms,converge_ms,\
redundant_ms,t1_ms,t2_ms,t3_ms,t4_ms,resolution_ms,arrival_gap_ms,latency_max_ms,impaired,modelled,notes";

/// All trials and those of the noise floor, which have no fault.
pub(super) fn trials(run: &RunRecord) -> String {
    file(COLUMNS, run.trials.iter().chain(&run.noise_floor).map(fields))
}

fn fields(trial: &TrialRecord) -> Vec<String> {
    let accounting = &trial.accounting;
    let outage = trial.outage();
    let fsu = trial.fsu.unwrap_or_default();
    let ms = |ns: f64| (ns / 1e6).to_string();
    let maybe = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let notes = trial.failures.iter().map(ToString::to_string).chain(trial.invalid.iter().map(ToString::to_string));
    let mut fields = vec![
        trial.index.to_string(),
        trial.mode.clone(),
        trial.fault.clone(),
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
    fields.push(notes.collect::<Vec<_>>().join("; "));
    fields
}

const FLOW_COLUMNS: &str = "index,mode,valid,flow,destination,prefix,ingress,egress,offered,delivered,lost,duplicated,\
reordered,late,misdelivered,periods,longest_ms,total_ms,timestamp_total_ms,never_recovered,arrival_gap_ms,latency_max_ms,impaired,vrf";

/// Every flow and trial of which there is more to tell than that all arrived once and in order.
pub(super) fn flows(run: &RunRecord) -> String {
    let unknown = FlowPath::default();
    let fields = |(trial, number, schedule, flow): Told<'_>| {
        let path = run.flows.get(number).unwrap_or(&unknown);
        let interval = schedule.flow_interval_ns() / 1e6;
        let ms = |ns: Option<u64>| ns.map(|ns| (ns as f64 / 1e6).to_string()).unwrap_or_default();
        let longest = flow.longest.as_ref().map_or(0.0, |period| f64::from(period.length) * interval);
        let mut fields =
            vec![trial.index.to_string(), trial.mode.clone(), trial.valid().to_string(), number.to_string()];
        fields.extend([&path.destination, &path.prefix, &path.ingress, &path.egress].map(Clone::clone));
        let packets =
            [flow.offered, flow.delivered, flow.lost(), flow.duplicated, flow.reordered, flow.late, flow.misdelivered];
        fields.extend(packets.map(|packets| packets.to_string()));
        fields.push(flow.period_count.to_string());
        let total = f64::from(flow.lost()) * interval;
        fields.extend([longest, total, flow.timestamp_total_ns as f64 / 1e6].map(|ms| ms.to_string()));
        fields.push(flow.never_recovered.to_string());
        fields.push(ms(flow.delay.map(|delay| delay.gap_ns)));
        fields.push(ms(flow.delay.and_then(|delay| delay.latency_max_ns)));
        fields.push(flow.delay.map(|delay| delay.impaired.to_string()).unwrap_or_default());
        fields.push(path.vrf.clone().unwrap_or_default());
        fields
    };
    file(FLOW_COLUMNS, told(run).map(fields))
}

const PERIOD_COLUMNS: &str = "index,mode,flow,first,length,inter_loss_period_length,sent_first_ns,sent_last_ns,\
sent_after_ns,arrived_before_ns,arrived_after_ns,loss_derived_ms,timestamp_derived_ms";

/// Every listed loss period with its edges: intended send times, and the arrivals around it (RFC 3357 §6).
pub(super) fn loss_periods(run: &RunRecord) -> String {
    let maybe = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let fields = |(trial, number, schedule, flow): Told<'_>| {
        let apart = loss::inter_loss_period_lengths(&flow.periods);
        let fields = |(period, apart): (&LossPeriod, u32)| {
            vec![
                trial.index.to_string(),
                trial.mode.clone(),
                number.to_string(),
                period.first.to_string(),
                period.length.to_string(),
                apart.to_string(),
                period.sent_first.to_string(),
                period.sent_last.to_string(),
                maybe(period.sent_after),
                maybe(period.arrived_before),
                maybe(period.arrived_after),
                (period.loss_derived_ns(schedule) / 1e6).to_string(),
                (period.timestamp_derived_ns() as f64 / 1e6).to_string(),
            ]
        };
        flow.periods.iter().zip(apart).map(fields).collect::<Vec<_>>()
    };
    file(PERIOD_COLUMNS, told(run).flat_map(fields))
}

/// A trial, the number of one of its flows over all testers, its schedule, and what came of it.
type Told<'a> = (&'a TrialRecord, usize, &'a Schedule, &'a FlowEvidence);

/// Flows of all trials that lost, doubled, delayed or misled something.
fn told(run: &RunRecord) -> impl Iterator<Item = Told<'_>> {
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
