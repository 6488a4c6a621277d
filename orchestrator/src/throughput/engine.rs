//! Deploys the lab once and holds every trial on it.

use super::{
    Figures, Search, SizeFigures,
    figures::{LATENCY_AT, Purpose, TrialFigures},
};
use crate::{
    experiment::Experiment,
    run::{
        RunError,
        bench::Bench,
        interrupted,
        load::{self, Loaded},
        progress::Progress,
        site::Site,
        store,
        timeline::Timeline,
        traffic::{self, Load},
    },
    telemetry::Collector,
    zero_loss::Stored,
};
use fabric_proto::lateness::Lateness;
use lab::{
    Claim, RuntimeKind,
    images::Images,
    plan::tester_ports,
    topology::{LinkEnd, NodePort, Topology},
};
use measure::{
    histogram::hgrm,
    signature::{Family, min_frame},
};
use notation::document::{BadInput, Document};
use report::{RunDirectory, StoreError, rate, write_atomically};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long the cards are looked at while nothing is offered.
const IDLE: Duration = Duration::from_secs(2);
/// The highest rate tried, as a multiple of the zero-loss rate: an emulated wire has no rate of its own.
const OVERLOAD: f64 = 2.0;

/// How it is done.
#[derive(Clone, Debug)]
pub struct Options {
    /// Frame sizes, FCS included.
    pub frame_sizes: Vec<u16>,
    /// Length of a trial.
    pub time: Duration,
    /// Flows from each port.
    pub flows: u32,
    /// Where the search ends, as a share.
    pub resolution: f64,
    /// Sending and receiving tester ports (`t1:p1`), pair by pair; empty: the first two that fit.
    pub ports: Vec<(String, String)>,
    /// The search's first rate, packets a second.
    pub first: f64,
    /// The highest rate, packets a second.
    pub ceiling: f64,
    /// Seed of the destinations.
    pub seed: u64,
    /// Leave out latency and loss rate.
    pub search_only: bool,
    /// Where the cards run.
    pub runtime: RuntimeKind,
    /// Where runs are kept.
    pub store: PathBuf,
    /// Say nothing while running.
    pub quiet: bool,
    /// The command line, for the record.
    pub command: String,
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// With everything measured.
    Completed(Box<Figures>, PathBuf),
    /// By a person.
    Interrupted,
}

/// Measures a topology, whose lab is claimed. What was deployed is gone when this returns, whatever happened.
pub async fn run(topology: &Topology, images: &Images, options: &Options, claim: &Claim) -> Result<Ended, RunError> {
    let started = store::unix_ms();
    let experiment = experiment(topology, options, options.frame_sizes[0])?;
    let directory = RunDirectory::create(&options.store, &topology.name, started)?;
    let folder = directory.path.clone();
    let progress = Progress::new(options.quiet, 0);
    let ended = tokio::select! {
        ended = engine(&experiment, images, options, claim, &folder, &progress, started) => Some(ended),
        () = interrupted() => None,
    };
    progress.finish();
    crate::run::keep_logs(claim, &folder).await;
    let destroyed = claim.roll_back().await;
    let Some(figures) = ended.transpose()? else { return Ok(Ended::Interrupted) };
    destroyed?;
    keep(&figures, &folder)?;
    Stored::keep(&options.store, &figures.lab, figures.known())?;
    directory.mark_latest()?;
    Ok(Ended::Completed(Box::new(figures), folder))
}

/// The load as an experiment without a method: what holds for experiments holds for it.
fn experiment(topology: &Topology, options: &Options, frame_size: u16) -> Result<Experiment, BadInput> {
    let pairs = if options.ports.is_empty() { vec![first_ports(topology)?] } else { options.ports.clone() };
    let path = topology.document.path();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mode = topology.chassis.first().map_or(notation::mode::Mode::Sso, |chassis| chassis.redundancy.mode);
    let mut text = format!("title: Throughput\ntopology: {name:?}\nmodes: [{}]\ntrials: 1\n", mode.name());
    text += &format!("seed: {}\nobserve: {{until: converged, at-most: 60s}}\ntraffic:\n", options.seed);
    for (number, (from, to)) in pairs.iter().enumerate() {
        text += &format!(
            "  - {{name: load-{number}, from: {from:?}, to: {to:?}, flows: {}, rate: 1kpps, frame-size: {frame_size}}}\n",
            options.flows
        );
    }
    let file = path.with_file_name("throughput.experiment.yml");
    let mut experiment = Experiment::from_document(Document::from_text(&file, &text))?;
    // The one in hand may have another table than its file says.
    experiment.topology = topology.clone();
    Ok(experiment)
}

/// The first port of a tester, and the first of its others whose chassis has routes: on another line card where there is one.
fn first_ports(topology: &Topology) -> Result<(String, String), BadInput> {
    let ports = topology
        .chassis
        .iter()
        .flat_map(|chassis| tester_ports(topology, &chassis.name).into_iter().map(move |port| (chassis, port)));
    let ports: Vec<_> = ports.collect();
    let name = |tester: &str, port: u8| LinkEnd { node: tester.to_owned(), port: NodePort::Tester(port) }.to_string();
    let pair = |other_card: bool| {
        ports.iter().find_map(|(chassis, from)| {
            let fits = |(other, to): &&(&lab::topology::Chassis, lab::plan::TesterPort)| {
                let card = other.name != chassis.name || to.port.slot != from.port.slot;
                let fits = other.routes.is_some() && to.tester == from.tester && to.tester_port != from.tester_port;
                fits && (card || !other_card)
            };
            let (_, to) = ports.iter().find(fits)?;
            Some((name(&from.tester, from.tester_port), name(&to.tester, to.tester_port)))
        })
    };
    pair(true).or_else(|| pair(false)).ok_or_else(|| {
        let message = "no tester has two ports of which one is linked to a chassis with routes";
        BadInput::new(topology.document.path().display(), message, "name the ports: --from t1:p1 --to t1:p2")
    })
}

async fn engine(
    experiment: &Experiment,
    images: &Images,
    options: &Options,
    claim: &Claim,
    folder: &Path,
    progress: &Progress,
    started: u64,
) -> Result<Figures, RunError> {
    let topology = &experiment.topology;
    let mut loads = Loads::default();
    progress.step("drawing destinations out of the table");
    let first = loads.get(topology, options, options.frame_sizes[0]).await?;
    let events = folder.join("events.ndjson");
    let mut timeline = Timeline::create(&events, Collector::default())
        .map_err(|source| StoreError::Write { path: events.clone(), source })?;
    let site = Site::choose(experiment, images, options.runtime, claim, first, progress).await?;
    progress.step("deploying the lab");
    let begun = Instant::now();
    let mut bench = site.deploy(&mut timeline, progress).await?;
    let deploy_ms = begun.elapsed().as_secs_f64() * 1e3;
    let host = crate::run::journal::host();
    let mut figures = Figures {
        lab: topology.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime: bench.runtime_name().to_owned(),
        command: options.command.clone(),
        started_unix_ms: started,
        kernel: host.kernel,
        cpus: host.cpus,
        line_cards: topology.chassis.iter().map(|chassis| chassis.line_cards.len()).sum(),
        routes: site.load.routes,
        ports: experiment.traffic.iter().map(|load| format!("{}:{} → {}", load.tester, load.from, load.to)).collect(),
        flows: site.load.spec.flows.len(),
        time_ms: options.time.as_millis() as u64,
        resolution: options.resolution,
        deploy_ms,
        ..Figures::default()
    };
    progress.step("looking at the idle chassis");
    figures.idle = load::idle(&mut bench, IDLE).await;
    for frame_size in &options.frame_sizes {
        bench.load = loads.get(topology, options, *frame_size).await?.spec;
        figures.sizes.push(measure_size(&mut bench, options, *frame_size).await?);
        bench.timeline.flush();
    }
    Ok(figures)
}

/// Loads by whether IPv6 test packets fit into the frames: drawing destinations takes a second.
#[derive(Default)]
struct Loads(BTreeMap<bool, Load>);

impl Loads {
    async fn get(&mut self, topology: &Topology, options: &Options, frame_size: u16) -> Result<Load, RunError> {
        let v6 = frame_size >= min_frame(Family::V6);
        if let Some(load) = self.0.get(&v6) {
            let mut load = load.clone();
            load.spec.frame_size = frame_size;
            return Ok(load);
        }
        let own = experiment(topology, options, frame_size)?;
        let load = traffic::build_aside(own).await?;
        self.0.insert(v6, load.clone());
        Ok(load)
    }
}

async fn measure_size(bench: &mut Bench<'_>, options: &Options, frame_size: u16) -> Result<SizeFigures, RunError> {
    let mut size = SizeFigures { frame_size, ..SizeFigures::default() };
    let mut search = Search::new(options.first, options.ceiling, options.resolution);
    while let Some(pps) = search.next() {
        let trial = trial(bench, options, frame_size, pps, Purpose::Throughput).await?;
        search.tell(pps, trial.passed());
        if !trial.passed() && search.failed() == Some(pps) {
            size.limit = Some(trial.failed.join(", "));
        }
        size.trials.push(trial);
    }
    size.zero_loss_pps = search.passed().unwrap_or(0.0);
    bench.progress.done(&format!("{frame_size} bytes: {} without loss", rate(size.zero_loss_pps)));
    if options.search_only || size.zero_loss_pps <= 0.0 {
        return Ok(size);
    }
    for percent in LATENCY_AT {
        let pps = size.zero_loss_pps * f64::from(percent) / 100.0;
        size.trials.push(trial(bench, options, frame_size, pps, Purpose::Latency(percent)).await?);
    }
    // From the maximum down in tenths, until two trials in a row lose nothing (§26.3).
    let mut clean = 0;
    for percent in (1..=10).rev().map(|tenth| tenth * 10) {
        let pps = (OVERLOAD * size.zero_loss_pps).min(options.ceiling) * f64::from(percent) / 100.0;
        let trial = trial(bench, options, frame_size, pps, Purpose::LossRate(percent)).await?;
        clean = if trial.lost() == 0 { clean + 1 } else { 0 };
        size.trials.push(trial);
        if clean == 2 {
            break;
        }
    }
    Ok(size)
}

async fn trial(
    bench: &mut Bench<'_>,
    options: &Options,
    frame_size: u16,
    pps: f64,
    purpose: Purpose,
) -> Result<TrialFigures, RunError> {
    bench.progress.step(&format!("{frame_size} bytes: {}", rate(pps)));
    let loaded = load::hold(bench, pps, options.time).await?;
    let trial = figures(&loaded, pps, purpose);
    bench.progress.step(&format!("{frame_size} bytes: {}: {}", rate(pps), said(&trial)));
    Ok(trial)
}

/// A trial in a few words.
fn said(trial: &TrialFigures) -> String {
    if trial.passed() { "nothing lost".to_owned() } else { trial.failed.join(", ") }
}

fn figures(loaded: &Loaded, rate_pps: f64, purpose: Purpose) -> TrialFigures {
    let evidence = &loaded.evidence;
    let mut heartbeats = Lateness::default();
    loaded.heartbeats.iter().for_each(|beats| heartbeats.merge(beats));
    let drops = &loaded.account.dropped.drops;
    let mut trial = TrialFigures {
        purpose,
        rate_pps,
        offered: evidence.offered,
        delivered: evidence.delivered(),
        not_taken: evidence.generator.skipped,
        wrong: evidence.misdelivered() + evidence.duplicated(),
        drops: drops.iter().map(|(cause, count)| (cause.name().to_owned(), count)).collect(),
        late_p99_ns: evidence.generator.late_p99_ns,
        unrest: loaded.unrest.clone(),
        latency_ns: evidence.latency_ns.clone(),
        heartbeats,
        cards: loaded.cards.clone(),
        failed: Vec::new(),
    };
    trial.failed = reasons(&trial, evidence.generator.kept_pace);
    trial
}

/// Why a trial did not pass; nothing: every packet left in time and arrived as it should, once.
fn reasons(trial: &TrialFigures, kept_pace: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    let lost = trial.lost().saturating_sub(trial.not_taken);
    if lost > 0 {
        let causes: Vec<_> = trial.drops.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
        reasons.push(format!("{lost} lost ({})", if causes.is_empty() { "?".to_owned() } else { causes.join(", ") }));
    }
    if trial.not_taken > 0 {
        reasons.push(format!("{} not taken by the wire", trial.not_taken));
    } else if !kept_pace {
        reasons.push(format!("packets left {:.0} ms late", trial.late_p99_ns as f64 / 1e6));
    }
    if trial.wrong > 0 {
        reasons.push(format!("{} arrived wrong", trial.wrong));
    }
    reasons.extend(trial.unrest.clone());
    reasons
}

/// Everything as JSON, and the latency distributions as HdrHistogram's plotters read them, in microseconds.
fn keep(figures: &Figures, folder: &Path) -> Result<(), StoreError> {
    let path = folder.join("throughput.json");
    let text = serde_json::to_vec_pretty(figures).map_err(|source| StoreError::Parse { path: path.clone(), source })?;
    write_atomically(&path, &text)?;
    for size in &figures.sizes {
        for percent in LATENCY_AT {
            let Some(trial) = size.at(percent) else { continue };
            let text = hgrm(&(&trial.latency_ns).into(), 1e3);
            let name = format!("latency/{}-bytes-{percent}-percent.hgrm", size.frame_size);
            write_atomically(&folder.join(name), text.as_bytes())?;
        }
    }
    Ok(())
}
