//! From the evidence of a run to everything that is read of it.
//!
//! [`RunRecord`] is what the run engine hands over; [`render`] writes the run's files, and [`load`] reads the
//! evidence back, so that a report can be made again from a stored run. [`Report`] holds the figures
//! (`report.json`); every other form is drawn from it and shows what was not measured as `–`, never as 0.

mod accuracy;
mod audit;
mod compare;
mod csv;
mod digests;
mod format;
mod html;
mod junit;
mod kept;
mod logs;
mod markdown;
mod page;
mod platforms;
mod plots;
mod standards;
mod store;
mod summary;
mod svg;
mod tables;
mod terminal;
mod waterfall;

pub use accuracy::Accuracy;
pub use compare::{CellChange, Change, CompareReport, QuantityChange, compare};
pub use format::{bytes, compact_utc, count, figure, mode_label, rate, utc};
pub use kept::Kept;
pub use platforms::side_by_side;
pub use store::{RunDirectory, StoreError, write_atomically};
pub use summary::{
    Cell, Comparison, DelayStats, FsuStats, NoiseFloor, OutageStats, Packets, Report, StepStats, SwitchoverStats,
};
pub use tables::TableData;
pub use terminal::{ColourChoice, draw as draw_table, terminal};

use measure::{TrialRecord, verdict::Limits};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

/// Name of the file in a run's directory that holds its [`RunRecord`]: JSON, compressed with gzip.
pub const EVIDENCE: &str = "evidence.json.gz";
/// The same as earlier releases wrote it.
const EVIDENCE_PLAIN: &str = "evidence.json";

/// A run: the evidence of all its trials, and what is needed to judge and to repeat it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The experiment's title.
    pub title: String,
    /// Name of the lab.
    pub lab: String,
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
    /// Begin, milliseconds since the epoch.
    pub started_unix_ms: u64,
    /// End, milliseconds since the epoch.
    pub finished_unix_ms: u64,
    /// Limits by mode.
    pub thresholds: BTreeMap<String, Limits>,
    /// The trials in run order.
    pub trials: Vec<TrialRecord>,
    /// Trials without a fault.
    pub noise_floor: Vec<TrialRecord>,
    /// Where each flow goes, by its number. Runs of earlier releases have none.
    #[serde(default)]
    pub flows: Vec<FlowPath>,
    /// How long traffic ran before each fault, milliseconds; 0: not known.
    #[serde(default)]
    pub steady_state_ms: u64,
    /// What was asked for, an entry a mode. Runs of earlier releases have none.
    #[serde(default)]
    pub wanted: Vec<Wanted>,
    /// How it ended. Runs of earlier releases do not say.
    #[serde(default)]
    pub status: Option<Status>,
    /// What ended it before its time.
    #[serde(default)]
    pub error: Option<String>,
}

/// The trials that were asked for of one mode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Mode or procedure.
    pub mode: String,
    /// The fault, as its trials name it.
    pub fault: String,
    /// Valid trials under it.
    pub trials: usize,
    /// Valid trials without a fault.
    pub baseline: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It has not: it is under way, or was killed.
    Running,
    /// Every trial was run.
    Completed,
    /// A person stopped it.
    Interrupted,
    /// The lab could not be brought up any more.
    Failed,
}

/// Where a flow goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowPath {
    /// Its destination.
    pub destination: String,
    /// The route that covers it.
    pub prefix: String,
    /// Interface of the chassis that it enters, `<line card>/<port>` or `<line card>/<port>.<subinterface>`.
    pub ingress: String,
    /// Interface of the chassis that it leaves.
    pub egress: String,
    /// The VRF that it leaves by; `None`: the default table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
}

/// The machine that a run was measured on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Kernel release.
    pub kernel: String,
    /// Processors that the run may use.
    pub cpus: u32,
    /// Memory.
    pub memory_bytes: u64,
    /// Container engine and its release, if one was used.
    pub engine: Option<String>,
    /// What the kernel's clock runs on; all instants are `CLOCK_MONOTONIC`.
    #[serde(default)]
    pub clock_source: String,
}

/// The device under test and its surroundings (RFC 6201 §3 asks for these factors).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologySummary {
    /// Name of the lab.
    pub name: String,
    /// Platform profile.
    pub platform: String,
    /// Release of the chassis' image.
    pub image: String,
    /// Route processors.
    pub route_processors: u32,
    /// Line cards.
    pub line_cards: u32,
    /// Ports in use.
    pub ports: u32,
    /// Routes in the table.
    pub routes_ipv4: u64,
    /// Routes in the table.
    pub routes_ipv6: u64,
    /// Where the table came from.
    pub table: String,
    /// What of whose table is withdrawn and announced again meanwhile (RFC 7654 §5.5); empty: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub churn: String,
    /// Destinations are IPv4, IPv6 or both.
    pub protocol: String,
    /// What wires are made of.
    pub media: String,
    /// Heartbeat interval, milliseconds.
    pub heartbeat_ms: u64,
    /// Heartbeat silence after which the active is dead, milliseconds.
    pub switchover_timer_ms: u64,
    /// Further facts, name and value.
    pub facts: Vec<(String, String)>,
    /// What is built how. Runs of earlier releases have none.
    #[serde(default)]
    pub chassis: Vec<ChassisSummary>,
}

impl TopologySummary {
    /// [`Self::churn`] in a table's cell.
    pub(crate) fn churn(&self) -> &str {
        if self.churn.is_empty() { "none" } else { &self.churn }
    }
}

/// A chassis with its cards and what is linked to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChassisSummary {
    /// Its name.
    pub name: String,
    /// Slots of its route processors.
    pub route_processors: Vec<String>,
    /// Its line cards.
    pub line_cards: Vec<LineCardSummary>,
}

/// A line card and what is linked to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCardSummary {
    /// Its slot.
    pub slot: String,
    /// Its ports.
    pub ports: u8,
    /// Ports in use, and what is at the other end, as `t1:p1`.
    pub links: Vec<(u8, String)>,
}

/// Reads the evidence of a stored run, of this release or an earlier one; of a run that never came to its end, what it
/// had finished. What was changed since the run ended, or contradicts itself, is no evidence.
pub fn load(run: &Path) -> Result<RunRecord, StoreError> {
    digests::check(run)?;
    let (whole, plain) = (run.join(EVIDENCE), run.join(EVIDENCE_PLAIN));
    let finished = if whole.exists() || plain.exists() { None } else { kept::join(run)? };
    let record = match finished {
        Some(record) => record,
        None if plain.exists() && !whole.exists() => store::read_json(&plain)?,
        None => store::read_json_gz(&whole)?,
    };
    let found = audit::contradictions(&record);
    if found.is_empty() { Ok(record) } else { Err(StoreError::Contradiction { path: run.to_owned(), found }) }
}

/// Writes a run's evidence and everything drawn from it into its directory; returns the figures.
///
/// Each file appears whole or not at all.
pub fn render(directory: &Path, run: &RunRecord) -> Result<Report, StoreError> {
    store::write_json_gz(&directory.join(EVIDENCE), run)?;
    draw(directory, run)
}

/// Writes everything that is drawn from a run's evidence, and the digests of all that is in its folder, unless the run
/// may still be writing there; the evidence itself stays as it is.
pub fn draw(directory: &Path, run: &RunRecord) -> Result<Report, StoreError> {
    let report = Report::of(run);
    for (name, bytes) in drawn(run, &report)? {
        // Names of modes are part of names of files.
        if !is_inside(&name) {
            return Err(StoreError::Name(name));
        }
        write_atomically(&directory.join(name), &bytes)?;
    }
    if run.status != Some(Status::Running) {
        digests::write(directory)?;
    }
    Ok(report)
}

/// Files that [`drawn`] makes, but for those that are known by their ends.
const DRAWN: [&str; 8] = [
    "report.json",
    "trials.csv",
    "flows.csv",
    "loss-periods.csv",
    "report.md",
    "standards.md",
    "junit.xml",
    "report.html",
];

/// Whether a file of a run's folder is drawn from the evidence, and can be again.
fn is_drawn(name: &str) -> bool {
    let ends = [".hlog", ".hgrm"].iter().any(|end| name.ends_with(end));
    DRAWN.contains(&name) || name.starts_with("plots/") || ends
}

/// Whether a name stays inside the folder that it is put into.
fn is_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Names and contents of everything that is drawn from a run's evidence.
fn drawn(run: &RunRecord, report: &Report) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let plots = plots::all(run, report);
    let [json, trials, flows, periods, page, standards, suite, html] = DRAWN;
    let text = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    let mut files = vec![
        (json.to_owned(), store::json(Path::new(json), report)?),
        text(trials, csv::trials(run)),
        text(flows, csv::flows(run)),
        text(periods, csv::loss_periods(run)),
        text(page, markdown::page(run, report)),
        text(standards, markdown::standards(run, report)),
        text(suite, junit::suite(report)),
        text(html, html::page(run, report, &plots)),
    ];
    files.extend(plots.iter().map(|plot| text(&format!("plots/{}.svg", plot.name), plot.standalone())));
    files.extend(logs::files(run)?);
    Ok(files)
}

#[cfg(test)]
mod tests;
