//! `journal.json`: how a run went, trial by trial; and what the report needs to know of lab and machine.

use super::traffic::Load;
use crate::{
    chaos::{self, EXTENSION},
    experiment::Experiment,
    fault::Step,
};
use lab::topology::{Chassis, NodePort, TableSource, Topology};
use measure::{
    TrialRecord,
    trial::Invalid,
    verdict::{Verdict, judge},
};
use notation::{mode::Mode, units::Share};
use report::{
    ChassisSummary, Host, LineCardSummary, Report, RunRecord, Status, StoreError, TopologySummary, Wanted, utc,
    write_atomically,
};
use route_table::MILLION;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// Name of the format.
pub const SCHEMA: &str = "swact.journal/1";
/// The file in a run's folder.
pub const FILE: &str = "journal.json";

/// How a run went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// [`SCHEMA`].
    pub schema: String,
    /// The experiment's title.
    pub title: String,
    /// Begin, milliseconds since the epoch.
    pub started_unix_ms: u64,
    /// End.
    pub finished_unix_ms: u64,
    /// How it ended.
    pub status: Status,
    /// What ended it before its time.
    pub error: Option<String>,
    /// The command line.
    pub command: String,
    /// Decides order and destinations.
    pub seed: u64,
    /// Trials that were asked for, with those of the noise floor.
    pub trials_wanted: usize,
    /// The trials, in the order in which they ran.
    pub trials: Vec<Entry>,
}

/// A trial in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the run order, from 1.
    pub index: u32,
    /// Mode or procedure.
    pub mode: String,
    /// The fault; empty: none.
    pub fault: String,
    /// Begin, milliseconds since the epoch.
    pub started_unix_ms: u64,
    /// From the first packet to the end of observation.
    pub duration_ms: f64,
    /// Packets offered.
    pub offered: u64,
    /// Of these, not delivered.
    pub lost: u64,
    /// Why its figures do not count, and what went wrong in the chassis.
    pub reasons: Vec<String>,
}

impl Entry {
    fn of(trial: &TrialRecord) -> Self {
        let invalid = trial.invalid.iter().map(|reason| format!("invalid: {reason}"));
        let failures = trial.failures.iter().map(|failure| format!("failed: {failure}"));
        Self {
            index: trial.index,
            mode: trial.mode.clone(),
            fault: trial.fault.clone(),
            started_unix_ms: trial.started_unix_ms,
            duration_ms: trial.duration_ms,
            offered: trial.accounting.offered,
            lost: trial.accounting.lost,
            reasons: failures.chain(invalid).collect(),
        }
    }
}

impl Journal {
    /// The journal of a run that has ended.
    pub fn of(run: &RunRecord, status: Status) -> Self {
        let mut trials: Vec<_> = run.trials.iter().chain(&run.noise_floor).map(Entry::of).collect();
        trials.sort_by_key(|entry| entry.index);
        Self {
            schema: SCHEMA.to_owned(),
            title: run.title.clone(),
            started_unix_ms: run.started_unix_ms,
            finished_unix_ms: run.finished_unix_ms,
            status,
            error: run.error.clone(),
            command: run.command.clone(),
            seed: run.seed,
            trials_wanted: run.wanted.iter().map(|wanted| wanted.trials + wanted.baseline).sum(),
            trials,
        }
    }

    /// Writes it into a run's folder, in the Chaos Toolkit's shape; what that has no word for is under `swact`.
    pub fn write(&self, experiment: &Experiment, run: &RunRecord, gone: bool, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(FILE);
        let text = serde_json::to_vec_pretty(&self.shaped(experiment, run, gone))
            .map_err(|source| StoreError::Parse { path: path.clone(), source })?;
        write_atomically(&path, &text)
    }

    /// The journal as `chaos report` and its like read it. `gone`: whether the lab was taken down, and all faults
    /// with it.
    fn shaped(&self, experiment: &Experiment, run: &RunRecord, gone: bool) -> Value {
        let trials: Vec<&TrialRecord> = run.trials.iter().chain(&run.noise_floor).collect();
        let no_before =
            |invalid: &Invalid| matches!(invalid, Invalid::NoSteadyState { .. } | Invalid::SteadyStateLoss { .. });
        let no_after = |trial: &TrialRecord| {
            trial.invalid.iter().any(|invalid| matches!(invalid, Invalid::NotEnded { .. }))
                || !trial.failures.is_empty()
        };
        let before = !trials.iter().any(|trial| trial.invalid.iter().any(no_before));
        let after = !trials.iter().any(|trial| no_after(trial));
        let during: Vec<Value> = run.trials.iter().map(|trial| during(experiment, trial)).collect();
        // Whoever reads "not deviated" reads a pass; a soak keeps no trials, and says it by its own verdict.
        let no_pass = !run.trials.is_empty() && Report::of(run).verdict != Verdict::Pass;
        let deviated = !after || no_pass || during.iter().any(|one| one["steady_state_met"] == false);
        let state = |met: bool| {
            let [start, end] = [self.started_unix_ms, self.finished_unix_ms];
            json!({"steady_state_met": met, "probes": [activity(chaos::probe(experiment), start, end, met, json!({"status": u8::from(!met)}))]})
        };
        let file = serde_saphyr::from_str(experiment.document.text()).unwrap_or_default();
        let steps = chaos::method(experiment);
        let method = run.trials.iter().flat_map(|trial| held(trial, experiment, &steps)).collect::<Vec<_>>();
        let end = self.finished_unix_ms;
        let rollback = |rollback| activity(rollback, end, end, gone, json!("taken back with the lab"));
        json!({
            "chaoslib-version": format!("swact {}", run.version),
            "platform": format!("Linux {}", run.host.kernel),
            "node": std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim(),
            "experiment": chaos::export(experiment, file),
            "start": iso(self.started_unix_ms),
            "end": iso(end),
            "duration": (end - self.started_unix_ms) as f64 / 1e3,
            "status": match self.status {
                Status::Completed => "completed",
                Status::Interrupted => "interrupted",
                Status::Running | Status::Failed => "failed",
            },
            "deviated": deviated,
            "steady_states": {"before": state(before), "after": state(after), "during": during},
            "run": method,
            "rollbacks": chaos::rollbacks(experiment).into_iter().map(rollback).collect::<Vec<_>>(),
            EXTENSION: self,
        })
    }
}

/// An activity that took place.
fn activity(activity: Value, start: u64, end: u64, well: bool, output: Value) -> Value {
    let probe = activity["type"] == "probe";
    let mut run = json!({
        "activity": activity,
        "output": output,
        "start": iso(start),
        "end": iso(end),
        "duration": end.saturating_sub(start) as f64 / 1e3,
        "status": if well { "succeeded" } else { "failed" },
    });
    if probe {
        run["tolerance_met"] = json!(well);
        // The probe itself did what it should, whatever it found.
        run["status"] = json!("succeeded");
    }
    run
}

/// Whether a trial stayed within its thresholds.
fn during(experiment: &Experiment, trial: &TrialRecord) -> Value {
    let mode = experiment.modes.iter().find(|mode| mode.name() == trial.mode);
    let limits = mode.and_then(|mode| experiment.thresholds.get(mode)).cloned().unwrap_or_default();
    let judgement = judge([trial], None, &limits);
    let met = judgement.verdict != Verdict::Fail;
    let probe = json!({"type": "probe", "name": format!("thresholds of {}", trial.mode), "tolerance": true});
    let end = trial.started_unix_ms + trial.duration_ms as u64;
    let mut run = activity(probe, trial.started_unix_ms, end, met, json!(met));
    run["trial"] = json!(trial.index);
    run["reasons"] = json!(judgement.reasons);
    json!({"steady_state_met": met, "probes": [run]})
}

/// The steps of a trial's method, at their times.
fn held(trial: &TrialRecord, experiment: &Experiment, steps: &[Value]) -> Vec<Value> {
    let first = trial.traffic.first().map_or(0, |evidence| evidence.schedule.start);
    let offset = trial.fault_at_ns.map(|at| at.saturating_sub(first) / 1_000_000);
    let done = |(step, action): (&Step, &Value)| {
        let at = trial.started_unix_ms + offset.unwrap_or_default() + step.at.0.as_millis() as u64;
        let lasts = step.time.map_or(0, |time| time.0.as_millis() as u64);
        let output = json!({"trial": trial.index, "mode": trial.mode, "lost": trial.accounting.lost});
        activity(action.clone(), at, at + lasts, offset.is_some(), output)
    };
    let mut by_time: Vec<&Step> = experiment.method.iter().collect();
    by_time.sort_by_key(|step| step.at);
    by_time.into_iter().zip(steps).map(done).collect()
}

/// As Python's `datetime.isoformat` has it.
fn iso(unix_ms: u64) -> String {
    format!("{}.{:03}000", utc(unix_ms).trim_end_matches('Z'), unix_ms % 1000)
}

/// What an experiment asks for. The noise floor of a procedure is that of the mode it starts from.
fn wanted(experiment: &Experiment) -> Vec<Wanted> {
    let of = |mode: &Mode| Wanted {
        mode: mode.name().to_owned(),
        fault: experiment.fault_name(*mode),
        trials: experiment.trials as usize,
        baseline: if mode.is_upgrade() { 0 } else { experiment.baseline as usize },
    };
    experiment.modes.iter().map(of).collect()
}

/// The record of a run that has not begun.
pub fn begin(experiment: &Experiment, command: &str, started_unix_ms: u64) -> RunRecord {
    RunRecord {
        title: experiment.title.clone(),
        lab: experiment.topology.name.clone(),
        seed: experiment.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: host(),
        topology: summary(experiment),
        command: command.to_owned(),
        started_unix_ms,
        finished_unix_ms: started_unix_ms,
        thresholds: experiment.thresholds.iter().map(|(mode, limits)| (mode.to_string(), limits.clone())).collect(),
        steady_state_ms: experiment.steady_state.time.0.as_millis() as u64,
        wanted: wanted(experiment),
        status: Some(Status::Running),
        ..RunRecord::default()
    }
}

/// Adds what is known once the load is built.
pub fn know_load(topology: &mut TopologySummary, load: &Load) {
    [topology.routes_ipv4, topology.routes_ipv6] = load.routes.map(|routes| routes as u64);
    let v4 = load.spec.flows.iter().any(|flow| flow.destination.is_ipv4());
    let v6 = load.spec.flows.iter().any(|flow| flow.destination.is_ipv6());
    topology.protocol = match (v4, v6) {
        (true, true) => "IPv4 and IPv6",
        (false, true) => "IPv6",
        (_, false) => "IPv4",
    }
    .to_owned();
}

/// What wires are made of.
const MEDIA: &str = "Unix stream sockets";

/// The device under test. A lab with several chassis is described by its first, the others as facts.
fn summary(experiment: &Experiment) -> TopologySummary {
    let topology = &experiment.topology;
    let nodes: Vec<_> = topology.linux.iter().map(|node| node.name.as_str()).collect();
    let nodes = (!nodes.is_empty()).then(|| ("nodes of kind linux".to_owned(), nodes.join(", ")));
    let Some((first, others)) = topology.chassis.split_first() else {
        return TopologySummary {
            name: topology.name.clone(),
            media: MEDIA.to_owned(),
            facts: nodes.into_iter().collect(),
            ..TopologySummary::default()
        };
    };
    let table = first.routes.as_ref().map(|routes| match &routes.source {
        TableSource::Internet => format!("internet, generated, seed {}", routes.seed),
        TableSource::File(path) => path.display().to_string(),
    });
    let ends = topology.links.iter().flat_map(|link| &link.ends);
    let other = |chassis: &Chassis| {
        let cards =
            format!("{} RPs, {} line cards, {}", chassis.rps.len(), chassis.line_cards.len(), chassis.platform.name);
        (format!("chassis {}", chassis.name), cards)
    };
    let mut facts: Vec<_> = others.iter().map(other).collect();
    facts.push(("configured mode".to_owned(), first.redundancy.mode.to_string()));
    if let Some(routes) = &first.routes {
        facts.push(("next hops".to_owned(), routes.next_hops.to_string()));
    }
    facts.extend(nodes);
    TopologySummary {
        name: topology.name.clone(),
        platform: first.platform.name.to_owned(),
        image: first.image.clone(),
        route_processors: first.rps.len() as u32,
        line_cards: first.line_cards.len() as u32,
        ports: ends.filter(|end| end.node == first.name).count() as u32,
        table: table.unwrap_or_default(),
        churn: topology.chassis.iter().filter_map(churn).collect::<Vec<_>>().join(", "),
        media: MEDIA.to_owned(),
        heartbeat_ms: first.redundancy.heartbeat.0.as_millis() as u64,
        switchover_timer_ms: first.redundancy.switchover_timer.0.as_millis() as u64,
        facts,
        chassis: topology.chassis.iter().map(|chassis| build(topology, chassis)).collect(),
        ..TopologySummary::default()
    }
}

/// What of a chassis' table comes and goes.
fn churn(chassis: &Chassis) -> Option<String> {
    let share = Share(f64::from(chassis.routes.as_ref()?.churn_ppm?.get()) / MILLION as f64);
    Some(format!("{share} of the table of {} a minute", chassis.name))
}

/// How a chassis is built, and what is linked to it.
fn build(topology: &Topology, chassis: &Chassis) -> ChassisSummary {
    let links = |slot| {
        let ends = topology.links.iter().flat_map(|link| &link.ends).filter(|end| end.node == chassis.name);
        let linked = ends.filter_map(|end| match end.port {
            NodePort::Chassis(port) if port.slot == slot => Some((port.port, topology.opposite(end)?.to_string())),
            NodePort::Chassis(_) | NodePort::Tester(_) | NodePort::Interface(_) => None,
        });
        linked.collect()
    };
    let card = |card: &lab::topology::LineCard| LineCardSummary {
        slot: card.slot.to_string(),
        ports: card.ports,
        links: links(card.slot),
    };
    ChassisSummary {
        name: chassis.name.clone(),
        route_processors: chassis.rps.iter().map(ToString::to_string).collect(),
        line_cards: chassis.line_cards.iter().map(card).collect(),
    }
}

/// This machine; what it does not tell stays empty.
pub fn host() -> Host {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let kib =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    Host {
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        cpus: std::thread::available_parallelism().map_or(0, |cpus| cpus.get() as u32),
        memory_bytes: kib.map_or(0, |kib: u64| kib * 1024),
        engine: None,
        clock_source: read("/sys/devices/system/clocksource/clocksource0/current_clocksource").trim().to_owned(),
    }
}
