//! The figures of a run: `report.json`, schema `swact.report/1`.

use super::{Accuracy, Host, RunRecord, Status, TopologySummary, accuracy, format, logs};
use measure::{
    Stat, TrialRecord,
    evidence::FORWARDING_DELAY_THRESHOLD_NS,
    stats::Difference,
    trial::Phases,
    verdict::{Limits, Verdict, judge, judge_noise_floor},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Name and version of the layout.
pub(super) const SCHEMA: &str = "swact.report/1";

/// A run in figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `swact.report/1`.
    pub schema: String,
    /// The experiment's title.
    pub title: String,
    /// Begin, UTC.
    pub started: String,
    /// End, UTC.
    pub finished: String,
    /// Seed of run order, traffic and statistics.
    pub seed: u64,
    /// `docker` or `process`.
    pub runtime: String,
    /// Release of swact that measured.
    pub version: String,
    /// The machine.
    pub host: Host,
    /// The device under test.
    pub topology: TopologySummary,
    /// The command that repeats the run.
    pub command: String,
    /// How the run ended; `null`: a run of an earlier release, which does not say.
    pub status: Option<Status>,
    /// Trials that were run, without those of the noise floor.
    pub trials: usize,
    /// Of these, trials in which every offered packet was accounted for.
    pub accounted_trials: usize,
    /// How the testers' generators were scheduled, in words, each once; runs of earlier releases do not tell.
    #[serde(default)]
    pub tester_priority: Vec<String>,
    /// One entry a mode and fault.
    pub cells: Vec<Cell>,
    /// Every pair of modes.
    pub comparisons: Vec<Comparison>,
    /// Outages that were injected by measure, held against what was found of them; there in a run that did so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_outages: Vec<Accuracy>,
    /// The worst of all cells' verdicts; no pass where the run itself was cut short.
    pub verdict: Verdict,
    /// Why the run itself proves less than it was asked to.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// The trials of one mode under one fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Redundancy mode or procedure.
    pub mode: String,
    /// The fault.
    pub fault: String,
    /// Valid trials that were asked for; `null`: not known.
    pub wanted_trials: Option<usize>,
    /// Trials that were run.
    pub trials: usize,
    /// Of these, invalid: they count in `packets` and in no figure.
    pub invalid_trials: usize,
    /// Whether modelled boot or load times touch its figures.
    pub modelled: bool,
    /// Where every packet of all trials went.
    pub packets: Packets,
    /// Packets lost in a trial.
    pub lost_per_trial: Stat,
    /// Outage of a trial, milliseconds.
    pub outage_ms: OutageStats,
    /// What loss does not tell. Nothing in runs of earlier releases.
    #[serde(default)]
    pub delay: DelayStats,
    /// Total outage of a flow, milliseconds, over all flows of the valid trials. Flows of one trial are not
    /// independent: the interval comes from resampling whole trials.
    pub flow_outage_ms: Stat,
    /// Length of a loss period in packets (RFC 3357 §6.3), over all listed ones of the valid trials.
    pub loss_period_packets: Stat,
    /// Loss-derived outage of each valid trial in run order, milliseconds.
    pub outage_ms_by_trial: Vec<f64>,
    /// Loss periods in a trial, over all its flows (RFC 3357 §6.2).
    pub loss_periods_per_trial: Stat,
    /// End of each phase of the switchover, milliseconds after the fault.
    pub switchover_ms: SwitchoverStats,
    /// Times of a software upgrade (RFC 7654), if it is one.
    pub fsu: Option<FsuStats>,
    /// Time between two packets of one flow: no outage is known better.
    pub resolution_ms: Option<f64>,
    /// How far an outage of a valid trial may be off, milliseconds: resolution, and the greatest lateness of the generator
    /// while packets were lost (in all of a trial that lost none); of the trial where it is most.
    #[serde(default)]
    pub accuracy_ms: Option<f64>,
    /// The same measurement without a fault.
    pub noise_floor: NoiseFloor,
    /// Cards that the fault hit, and in how many trials.
    pub hit: BTreeMap<String, usize>,
    /// Cards that took over as active, and in how many trials.
    pub took_over: BTreeMap<String, usize>,
    /// Packets a second offered.
    pub offered_pps: Option<f64>,
    /// Flows that carried them.
    pub flows: Option<usize>,
    /// Frame length with FCS, bytes, one of the trials' (all have the same).
    pub frame_size: Option<u16>,
    /// Latest packet at the 99th percentile, behind its intended time, of all trials, milliseconds.
    pub generator_late_p99_ms: Option<f64>,
    /// The limits.
    pub limits: Limits,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not a pass.
    pub reasons: Vec<String>,
}

/// Where every packet went, summed over trials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packets {
    /// Offered.
    pub offered: u64,
    /// Arrived once, where and as they should.
    pub delivered: u64,
    /// Offered and not delivered.
    pub lost: u64,
    /// Arrived again.
    pub duplicated: u64,
    /// Arrived after one with a higher number.
    pub reordered: u64,
    /// Of those delivered, more than a second late.
    pub late: u64,
    /// Arrived where or as they should not.
    pub misdelivered: u64,
    /// Held by a line card when it was killed.
    pub lost_with_card: u64,
    /// Neither delivered nor dropped by a cause, nor the other way round: zero, or the emulator is wrong.
    pub unaccounted: u64,
    /// Dropped, by cause.
    pub dropped: BTreeMap<String, u64>,
    /// Of these, dropped by cards: by card and cause. Empty for runs of earlier releases.
    pub dropped_by_card: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Outage of a trial, both ways, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutageStats {
    /// Packets lost divided by the offered rate, over all flows.
    pub loss_derived: Stat,
    /// From the last arrival before to the first after, summed, in the flow where that is most.
    pub timestamp_derived: Stat,
    /// Longest single loss period of any flow.
    pub longest: Stat,
    /// Total of the flow that lost most.
    pub total: Stat,
    /// Loss periods in the flow that had most.
    pub count: Stat,
}

/// How traffic stood still or came late in a trial, whether packets were lost or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DelayStats {
    /// Longest time without an arrival in any one flow, milliseconds.
    pub arrival_gap_ms: Stat,
    /// Greatest latency of a packet that arrived, from its intended send time, milliseconds.
    pub latency_max_ms: Stat,
    /// Impaired packets (RFC 6412 §3.8.1): lost, overtaken, arrived again, or later than `delay_threshold_ms`.
    pub impaired: Stat,
    /// Forwarding Delay Threshold (RFC 6412 §3.7.6), milliseconds.
    pub delay_threshold_ms: f64,
}

/// End of each phase of a switchover, milliseconds after the fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SwitchoverStats {
    /// The active was declared dead, or told to go.
    pub detect: Stat,
    /// The new active owns the chassis.
    pub take_over: Stat,
    /// The last line card obeys it.
    pub adopt: Stat,
    /// The last line card's table is right.
    pub reconcile: Stat,
    /// Everything has converged.
    pub converge: Stat,
    /// A standby is ready again.
    pub redundant: Stat,
}

/// Times of a software upgrade (RFC 7654 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FsuStats {
    /// Software staged and on the standby.
    pub t1_ms: Stat,
    /// The upgrade run.
    pub t2_ms: Stat,
    /// Both RPs on the new software, in sync.
    pub t3_ms: Stat,
    /// The whole window: T1 + T2 + T3.
    pub t4_ms: Stat,
    /// Packets lost.
    pub tpl_frames: Stat,
    /// The same as time.
    pub tpl_ms: Stat,
    /// Whether the chassis operated in SSO while its images differed, in every trial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stateful: bool,
}

/// Trials without a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseFloor {
    /// How many were run.
    pub trials: usize,
    /// Of these, invalid, or with a failure of the chassis: they count in no figure.
    pub invalid_trials: usize,
    /// Packets lost in a trial.
    pub lost_per_trial: Stat,
    /// Longest loss period, milliseconds.
    pub longest_ms: Stat,
    /// Longest time without an arrival in any one flow, milliseconds.
    #[serde(default)]
    pub arrival_gap_ms: Stat,
    /// Greatest latency, milliseconds.
    #[serde(default)]
    pub latency_max_ms: Stat,
}

/// Two modes side by side: the difference of their median total outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// First mode.
    pub a: String,
    /// Its fault.
    pub a_fault: String,
    /// Second mode.
    pub b: String,
    /// Its fault.
    pub b_fault: String,
    /// `b − a`, milliseconds.
    pub total_outage_ms: Difference,
}

impl Report {
    /// Figures of a run.
    pub fn of(run: &RunRecord) -> Self {
        let cells: Vec<Cell> =
            groups(run).iter().map(|((mode, fault), trials)| cell(run, mode, fault, trials)).collect();
        let known_outages = accuracy::accuracy(run);
        // An instrument that is not as good as it says proves nothing.
        let off = known_outages.iter().filter_map(Accuracy::reason);
        let reasons: Vec<String> = cut_short(run).into_iter().chain(off).collect();
        let at_best = if reasons.is_empty() { Verdict::Pass } else { Verdict::Inconclusive };
        Self {
            schema: SCHEMA.to_owned(),
            title: run.title.clone(),
            started: format::utc(run.started_unix_ms),
            finished: format::utc(run.finished_unix_ms),
            seed: run.seed,
            runtime: run.runtime.clone(),
            version: run.version.clone(),
            host: run.host.clone(),
            topology: run.topology.clone(),
            command: run.command.clone(),
            status: run.status,
            trials: run.trials.len(),
            accounted_trials: run.trials.iter().filter(|trial| trial.accounting.unaccounted == 0).count(),
            tester_priority: tester_priority(run),
            comparisons: comparisons(run, &cells),
            known_outages,
            verdict: cells.iter().map(|cell| cell.verdict).max().unwrap_or(Verdict::Inconclusive).max(at_best),
            cells,
            reasons,
        }
    }

    /// A mode as people write it, and whether its figures are modelled.
    pub(super) fn label(&self, mode: &str) -> String {
        let label = format::mode_label(mode);
        let modelled = self.cells.iter().any(|cell| cell.mode == mode && cell.modelled);
        if modelled { format!("{label} (modelled)") } else { label }
    }

    /// The same, with the fault where a mode was run under several.
    pub(super) fn cell_label(&self, cell: &Cell) -> String {
        let label = self.label(&cell.mode);
        let alone = self.cells.iter().filter(|other| other.mode == cell.mode).count() == 1;
        if alone { label } else { format!("{label}, {}", cell.fault) }
    }
}

/// Valid trials of a mode under a fault.
pub(super) fn valid<'a>(run: &'a RunRecord, mode: &'a str, fault: &'a str) -> impl Iterator<Item = &'a TrialRecord> {
    run.trials.iter().filter(move |trial| trial.mode == mode && trial.fault == fault && trial.valid())
}

/// From the mode that keeps least to the one that keeps most; unknown ones last.
pub(super) fn mode_rank(mode: &str) -> usize {
    const ORDER: [&str; 5] = ["hsa", "rpr", "rpr-plus", "sso", "fsu"];
    ORDER.iter().position(|known| *known == mode).unwrap_or(ORDER.len())
}

/// Why a run is not the run that was asked for.
fn cut_short(run: &RunRecord) -> Option<String> {
    let held = run.trials.len() + run.noise_floor.len();
    let wanted: usize = run.wanted.iter().map(|wanted| wanted.trials + wanted.baseline).sum();
    let how = match (run.status?, &run.error) {
        (Status::Completed, _) => return None,
        (Status::Running, _) => "the run has not ended, or was killed".to_owned(),
        (Status::Interrupted, _) => "the run was interrupted".to_owned(),
        (Status::Failed, Some(error)) => format!("the run ended before its time: {error}"),
        (Status::Failed, None) => "the run ended before its time".to_owned(),
    };
    Some(format!("{how} ({held} of {wanted} trials held)"))
}

type Group<'a> = ((&'a str, &'a str), Vec<&'a TrialRecord>);

fn groups(run: &RunRecord) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(usize, &str, &str), Vec<&TrialRecord>> = BTreeMap::new();
    // What was asked for and not held has its place, too.
    for wanted in &run.wanted {
        groups.entry((mode_rank(&wanted.mode), &wanted.mode, &wanted.fault)).or_default();
    }
    for trial in &run.trials {
        groups.entry((mode_rank(&trial.mode), &trial.mode, &trial.fault)).or_default().push(trial);
    }
    for floor in &run.noise_floor {
        if !groups.keys().any(|(_, mode, _)| *mode == floor.mode) {
            groups.insert((mode_rank(&floor.mode), &floor.mode, &floor.fault), Vec::new());
        }
    }
    groups.into_iter().map(|((_, mode, fault), trials)| ((mode, fault), trials)).collect()
}

fn cell(run: &RunRecord, mode: &str, fault: &str, trials: &[&TrialRecord]) -> Cell {
    let counted: Vec<&TrialRecord> = trials.iter().copied().filter(|trial| trial.valid()).collect();
    let limits = run.thresholds.get(mode).cloned().unwrap_or_default();
    let wanted = run.wanted.iter().find(|wanted| wanted.mode == mode && wanted.fault == fault);
    let floor = run.noise_floor.iter().filter(|trial| trial.mode == mode);
    let judgement = judge(trials.iter().copied(), wanted.map(|wanted| wanted.trials), &limits)
        .with(judge_noise_floor(floor, wanted.map(|wanted| wanted.baseline)));
    let stat = |of: &dyn Fn(&TrialRecord) -> f64| Stat::of(counted.iter().map(|trial| of(trial)), run.seed);
    let late = trials.iter().flat_map(|trial| &trial.traffic).map(|traffic| traffic.generator.late_p99_ns);
    let traffic = trials.iter().find(|trial| !trial.traffic.is_empty());
    Cell {
        mode: mode.to_owned(),
        fault: fault.to_owned(),
        wanted_trials: wanted.map(|wanted| wanted.trials),
        trials: trials.len(),
        invalid_trials: trials.len() - counted.len(),
        modelled: trials.iter().any(|trial| trial.modelled),
        packets: packets(trials),
        lost_per_trial: stat(&|trial| trial.accounting.lost as f64),
        outage_ms: outages(&counted, run.seed),
        delay: delays(&counted, run.seed),
        flow_outage_ms: Stat::of_groups(&flow_outages(&counted), run.seed),
        loss_period_packets: Stat::of_groups(&period_lengths(&counted), run.seed),
        outage_ms_by_trial: counted.iter().map(|trial| trial.outage().loss_derived_ns / 1e6).collect(),
        loss_periods_per_trial: stat(&|trial| period_count(trial) as f64),
        switchover_ms: switchover(&counted, run.seed),
        fsu: fsu(&counted, run.seed),
        resolution_ms: trials.iter().filter_map(|trial| trial.resolution_ms()).reduce(f64::max),
        accuracy_ms: counted.iter().filter_map(|trial| trial.accuracy_ms()).reduce(f64::max),
        noise_floor: noise_floor(run, mode),
        hit: tally(trials.iter().flat_map(|trial| trial.hit.iter().map(String::as_str))),
        took_over: tally(trials.iter().filter_map(|trial| new_active(trial))),
        offered_pps: traffic.map(|trial| trial.offered_pps()),
        flows: traffic.map(|trial| trial.traffic.iter().map(|traffic| traffic.flows.len()).sum()),
        frame_size: traffic.and_then(|trial| trial.traffic.first()).map(|traffic| traffic.frame_size),
        generator_late_p99_ms: late.max().map(|ns| ns as f64 / 1e6),
        limits,
        verdict: judgement.verdict,
        reasons: judgement.reasons,
    }
}

fn packets(trials: &[&TrialRecord]) -> Packets {
    let mut sum = Packets::default();
    for trial in trials {
        let accounting = &trial.accounting;
        sum.offered += accounting.offered;
        sum.delivered += accounting.delivered;
        sum.lost += accounting.lost;
        sum.duplicated += trial.duplicated();
        sum.reordered += trial.reordered();
        sum.late += trial.late();
        sum.misdelivered += accounting.misdelivered;
        sum.lost_with_card += accounting.lost_with_card;
        // A surplus in one trial must not hide a gap in another.
        sum.unaccounted += accounting.unaccounted.unsigned_abs();
        for (cause, packets) in &trial.drops {
            *sum.dropped.entry(cause.clone()).or_default() += packets;
        }
        for (card, drops) in &trial.drops_by_card {
            let of_card = sum.dropped_by_card.entry(card.clone()).or_default();
            for (cause, packets) in drops {
                *of_card.entry(cause.clone()).or_default() += packets;
            }
        }
    }
    sum
}

/// How the testers' generators were scheduled, each once.
fn tester_priority(run: &RunRecord) -> Vec<String> {
    let traffic = run.trials.iter().chain(&run.noise_floor).flat_map(|trial| &trial.traffic);
    let known = traffic.map(|traffic| traffic.generator.priority.as_str()).filter(|priority| !priority.is_empty());
    known.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

/// Total loss-derived outage of every flow, milliseconds, a list a trial.
fn flow_outages(trials: &[&TrialRecord]) -> Vec<Vec<f64>> {
    trials.iter().map(|trial| logs::outages_ns(trial).into_iter().map(|ns| ns as f64 / 1e6).collect()).collect()
}

fn period_lengths(trials: &[&TrialRecord]) -> Vec<Vec<f64>> {
    let lengths = |trial: &&TrialRecord| {
        let flows = trial.traffic.iter().flat_map(|traffic| &traffic.flows);
        flows.flat_map(|flow| &flow.periods).map(|period| f64::from(period.length)).collect()
    };
    trials.iter().map(lengths).collect()
}

fn period_count(trial: &TrialRecord) -> u64 {
    trial.traffic.iter().flat_map(|traffic| &traffic.flows).map(|flow| u64::from(flow.period_count)).sum()
}

fn tally<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for name in names {
        *tally.entry(name.to_owned()).or_default() += 1;
    }
    tally
}

/// The card that took over, as the trial's events tell it.
pub(super) fn new_active(trial: &TrialRecord) -> Option<&str> {
    let took_over = trial.events.iter().find(|event| event.at_ms >= 0.0 && event.text.starts_with("took over"))?;
    Some(&took_over.card)
}

fn outages(trials: &[&TrialRecord], seed: u64) -> OutageStats {
    let outages: Vec<_> = trials.iter().map(|trial| trial.outage()).collect();
    let stat = |of: fn(&measure::evidence::Outage) -> f64| Stat::of(outages.iter().map(of), seed);
    OutageStats {
        loss_derived: stat(|outage| outage.loss_derived_ns / 1e6),
        timestamp_derived: stat(|outage| outage.timestamp_derived_ns / 1e6),
        longest: stat(|outage| outage.longest_ns / 1e6),
        total: stat(|outage| outage.total_ns / 1e6),
        count: stat(|outage| f64::from(outage.count)),
    }
}

fn delays(trials: &[&TrialRecord], seed: u64) -> DelayStats {
    let stat = |of: fn(&TrialRecord) -> Option<f64>| Stat::of(trials.iter().filter_map(|trial| of(trial)), seed);
    DelayStats {
        arrival_gap_ms: stat(TrialRecord::arrival_gap_ms),
        latency_max_ms: stat(TrialRecord::latency_max_ms),
        impaired: stat(|trial| trial.impaired().map(|packets| packets as f64)),
        delay_threshold_ms: FORWARDING_DELAY_THRESHOLD_NS as f64 / 1e6,
    }
}

fn switchover(trials: &[&TrialRecord], seed: u64) -> SwitchoverStats {
    let stat = |of: fn(&Phases) -> Option<f64>| Stat::of(trials.iter().filter_map(|trial| of(&trial.switchover)), seed);
    SwitchoverStats {
        detect: stat(|phases| phases.detect),
        take_over: stat(|phases| phases.take_over),
        adopt: stat(|phases| phases.adopt),
        reconcile: stat(|phases| phases.reconcile),
        converge: stat(|phases| phases.converge),
        redundant: stat(|phases| phases.redundant),
    }
}

impl SwitchoverStats {
    /// Medians in order of the phases.
    pub fn medians(&self) -> [Option<f64>; 6] {
        [self.detect, self.take_over, self.adopt, self.reconcile, self.converge, self.redundant].map(|stat| stat.median)
    }
}

fn fsu(trials: &[&TrialRecord], seed: u64) -> Option<FsuStats> {
    let upgrades: Vec<_> = trials.iter().filter_map(|trial| trial.fsu).collect();
    let stat = |of: fn(&measure::trial::Fsu) -> Option<f64>| Stat::of(upgrades.iter().filter_map(of), seed);
    (!upgrades.is_empty()).then(|| FsuStats {
        t1_ms: stat(|fsu| fsu.t1_ms),
        t2_ms: stat(|fsu| fsu.t2_ms),
        t3_ms: stat(|fsu| fsu.t3_ms),
        t4_ms: stat(measure::trial::Fsu::t4_ms),
        tpl_frames: stat(|fsu| fsu.tpl_frames.map(|frames| frames as f64)),
        tpl_ms: stat(|fsu| fsu.tpl_ms),
        stateful: upgrades.iter().all(|fsu| fsu.stateful),
    })
}

/// The mode's own trials without a fault; those of all modes when it has none.
fn noise_floor(run: &RunRecord, mode: &str) -> NoiseFloor {
    let own: Vec<_> = run.noise_floor.iter().filter(|trial| trial.mode == mode).collect();
    let trials = if own.is_empty() { run.noise_floor.iter().collect() } else { own };
    let counted: Vec<_> = trials.iter().filter(|trial| trial.valid() && trial.failures.is_empty()).collect();
    NoiseFloor {
        trials: trials.len(),
        invalid_trials: trials.len() - counted.len(),
        lost_per_trial: Stat::of(counted.iter().map(|trial| trial.accounting.lost as f64), run.seed),
        longest_ms: Stat::of(counted.iter().map(|trial| trial.outage().longest_ns / 1e6), run.seed),
        arrival_gap_ms: Stat::of(counted.iter().filter_map(|trial| trial.arrival_gap_ms()), run.seed),
        latency_max_ms: Stat::of(counted.iter().filter_map(|trial| trial.latency_max_ms()), run.seed),
    }
}

fn comparisons(run: &RunRecord, cells: &[Cell]) -> Vec<Comparison> {
    let totals = |cell: &Cell| -> Vec<f64> {
        valid(run, &cell.mode, &cell.fault).map(|trial| trial.outage().total_ns / 1e6).collect()
    };
    let mut pairs = Vec::new();
    for (at, a) in cells.iter().enumerate() {
        for b in &cells[at + 1..] {
            pairs.extend(Difference::of(&totals(a), &totals(b), run.seed).map(|total_outage_ms| Comparison {
                a: a.mode.clone(),
                a_fault: a.fault.clone(),
                b: b.mode.clone(),
                b_fault: b.fault.clone(),
                total_outage_ms,
            }));
        }
    }
    pairs
}
