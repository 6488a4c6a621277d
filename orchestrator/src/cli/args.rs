//! What can be written after `swact`. Every flag is also `SWACT_<FLAG>`.

mod look;

pub(super) use look::{CaptureArgs, EventsArgs, LogsArgs, TraceArgs};

use crate::{
    fault::{FaultName, Target},
    issu::Stage,
};
use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use fabric_proto::operator::{CrashPoint, PlaneSet};
use lab::RuntimeKind;
use notation::{
    mode::Mode,
    units::{PacketRate, Share, Span},
};
use report::ColourChoice;
use std::path::PathBuf;

/// A router chassis that you can break on purpose: deploy it, kill parts of it, and count what was lost.
#[derive(Debug, Parser)]
#[command(name = "swact", version, propagate_version = true, arg_required_else_help = true)]
pub(super) struct Cli {
    /// Shape of what is printed.
    #[arg(long, env = "SWACT_FORMAT", global = true, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Colour in tables; 'auto' is a terminal without NO_COLOR.
    #[arg(long, env = "SWACT_COLOR", global = true, value_enum, default_value_t = ColorArg::Auto)]
    pub(super) color: ColorArg,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorArg {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<ColorArg> for ColourChoice {
    fn from(arg: ColorArg) -> Self {
        match arg {
            ColorArg::Auto => Self::Auto,
            ColorArg::Always => Self::Always,
            ColorArg::Never => Self::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run an experiment: deploy, break, measure, report, destroy.
    Run(RunArgs),
    /// Run an experiment a thousand times, or for hours, and stop at the first violated expectation.
    Soak(SoakArgs),
    /// Measure what a topology forwards without loss (RFC 2544): throughput, latency, frame loss rate.
    Throughput(ThroughputArgs),
    /// Bring a lab up and leave it running; bring one that runs to what its topology says now.
    Deploy(DeployArgs),
    /// Take a lab down and leave nothing behind.
    Destroy(LabArgs),
    /// Show the cards of a lab and how they stand.
    Inspect(InspectArgs),
    /// Draw a topology.
    Graph(GraphArgs),
    /// Check topologies and experiments without running anything.
    Validate(ValidateArgs),
    /// Write the configurations of a running lab beside its topology.
    Save(SaveArgs),
    /// Follow what happens in a lab: a line for each event, or one JSON object (--format json).
    Events(EventsArgs),
    /// Run commands on a card, or a command in a node of kind linux.
    Exec(ExecArgs),
    /// Show what a card or a node said last.
    Logs(LogsArgs),
    /// Copy packets of a running lab, as pcapng: 'swact capture LAB pe1:1/1 | tshark -r -'.
    Capture(CaptureArgs),
    /// Walk one packet through the cards of a running lab and show each decision; nothing is sent. Exit code 1: it is dropped.
    Trace(TraceArgs),
    /// A shell on a chassis: tab completes, ? explains, and it follows the active RP. Without a terminal: commands from stdin.
    Console(ConsoleArgs),
    /// Break something in a running lab.
    Fault(FaultArgs),
    /// Upgrade a chassis in service (ISSU), step by step: its route processors, then its line cards.
    Issu(IssuArgs),
    /// Change the release of a line card while it forwards.
    UpgradeCard(UpgradeCardArgs),
    /// Wait until every card of a lab answers and every chassis is converged and redundant.
    Wait(WaitArgs),
    /// Experiments to and from the Chaos Toolkit.
    Chaos(ChaosArgs),
    /// Releases that cards can run.
    Images(ImagesArgs),
    /// Write the reports of a run again.
    Analyze(AnalyzeArgs),
    /// Compare a later run with an earlier one: 0 as good or better, 1 worse, 3 too few trials to tell.
    Compare(CompareArgs),
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Own a lab's cards (started by deploy).
    #[command(hide = true)]
    Shelf {
        /// The lab's folder.
        dir: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RuntimeArg {
    /// Docker when an engine answers and has the images or can be given them, else processes.
    Auto,
    /// Containers.
    Docker,
    /// Child processes on loopback addresses.
    Process,
}

impl From<RuntimeArg> for RuntimeKind {
    fn from(arg: RuntimeArg) -> Self {
        match arg {
            RuntimeArg::Auto => Self::Auto,
            RuntimeArg::Docker => Self::Docker,
            RuntimeArg::Process => Self::Process,
        }
    }
}

/// Where releases are found.
#[derive(Clone, Debug, Args)]
pub(super) struct ImagesDir {
    /// Folder of the releases [default: 'images' beside or above the topology, the working folder or the program]
    #[arg(long, env = "SWACT_IMAGES", value_name = "DIR")]
    pub(super) images: Option<PathBuf>,
}

/// What every command that runs an experiment takes.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Where cards run.
    #[arg(long, env = "SWACT_RUNTIME", value_enum, default_value_t = RuntimeArg::Auto)]
    pub(super) runtime: RuntimeArg,
    /// Only these modes, separated by commas.
    #[arg(long, env = "SWACT_MODE", value_delimiter = ',', value_name = "MODE,..")]
    pub(super) mode: Option<Vec<Mode>>,
    /// Another seed: for destinations, for the order of trials and modes, for storms.
    #[arg(long, env = "SWACT_SEED")]
    pub(super) seed: Option<u64>,
    /// Another routing table: a prefix list or an MRT table dump.
    #[arg(long, env = "SWACT_TABLE", value_name = "FILE")]
    pub(super) table: Option<PathBuf>,
    /// Where runs are kept.
    #[arg(long, env = "SWACT_STORE", value_name = "DIR", default_value = "store")]
    pub(super) store: PathBuf,
    /// Say nothing while running.
    #[arg(long, short, env = "SWACT_QUIET")]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The experiment (<name>.experiment.yml); of several, a table that sets them side by side comes last.
    #[arg(required = true, value_name = "EXPERIMENT")]
    pub(super) experiments: Vec<PathBuf>,
    /// So many trials of each mode.
    #[arg(long, env = "SWACT_TRIALS", value_name = "N")]
    pub(super) trials: Option<u32>,
    #[command(flatten)]
    pub(super) bench: BenchArgs,
}

#[derive(Debug, Args)]
pub(super) struct SoakArgs {
    /// The experiment (<name>.experiment.yml).
    pub(super) experiment: PathBuf,
    /// Until so many valid trials have passed [default: 1000]
    #[arg(long, env = "SWACT_TRIALS", value_name = "N", conflicts_with = "time")]
    pub(super) trials: Option<u64>,
    /// For so long: 10m, 8h.
    #[arg(long = "for", env = "SWACT_FOR", value_name = "TIME")]
    pub(super) time: Option<Span>,
    /// Number of the first trial: storms and the order of modes follow from trials' numbers.
    #[arg(long, env = "SWACT_FIRST", value_name = "N", default_value_t = 1)]
    pub(super) first: u32,
    #[command(flatten)]
    pub(super) bench: BenchArgs,
}

#[derive(Debug, Args)]
pub(super) struct ThroughputArgs {
    /// The topology (<lab>.chassis.yml).
    pub(super) topology: PathBuf,
    /// Ethernet frame lengths with FCS, separated by commas [default: RFC 2544 §9.1: 64 to 1518]
    #[arg(long, env = "SWACT_FRAME_SIZE", value_name = "BYTES,..", value_delimiter = ',')]
    pub(super) frame_size: Vec<u16>,
    /// Length of each trial; RFC 2544 §24 asks for 60s in the end.
    #[arg(long, env = "SWACT_TIME", value_name = "TIME", default_value = "2s")]
    pub(super) time: Span,
    /// Flows from each port, each to a destination of its own out of the table.
    #[arg(long, env = "SWACT_FLOWS", value_name = "N", default_value_t = 1000)]
    pub(super) flows: u32,
    /// The search ends when the rate is known to this share.
    #[arg(long, env = "SWACT_RESOLUTION", value_name = "SHARE", default_value = "2%")]
    pub(super) resolution: Share,
    /// Tester port that sends; give it once a pair [default: the first two on different line cards]
    #[arg(long, value_name = "PORT")]
    pub(super) from: Vec<String>,
    /// Tester port that receives; give it once a pair.
    #[arg(long, value_name = "PORT")]
    pub(super) to: Vec<String>,
    /// The search begins with this rate.
    #[arg(long, env = "SWACT_FIRST_RATE", value_name = "RATE", default_value = "500kpps")]
    pub(super) first_rate: PacketRate,
    /// No rate beyond this one is offered.
    #[arg(long, env = "SWACT_MAX_RATE", value_name = "RATE", default_value = "20Mpps")]
    pub(super) max_rate: PacketRate,
    /// The search alone, without latency and frame loss rate.
    #[arg(long, env = "SWACT_SEARCH_ONLY")]
    pub(super) search_only: bool,
    /// Another seed for destinations.
    #[arg(long, env = "SWACT_SEED", default_value_t = 1)]
    pub(super) seed: u64,
    /// Another routing table: a prefix list or an MRT table dump.
    #[arg(long, env = "SWACT_TABLE", value_name = "FILE")]
    pub(super) table: Option<PathBuf>,
    /// Where cards run.
    #[arg(long, env = "SWACT_RUNTIME", value_enum, default_value_t = RuntimeArg::Auto)]
    pub(super) runtime: RuntimeArg,
    /// Where runs, and zero-loss rates, are kept.
    #[arg(long, env = "SWACT_STORE", value_name = "DIR", default_value = "store")]
    pub(super) store: PathBuf,
    /// Say nothing while running.
    #[arg(long, short, env = "SWACT_QUIET")]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    /// The topology (<lab>.chassis.yml).
    pub(super) topology: PathBuf,
    /// Where cards run.
    #[arg(long, env = "SWACT_RUNTIME", value_enum, default_value_t = RuntimeArg::Auto)]
    pub(super) runtime: RuntimeArg,
    /// Another routing table: a prefix list or an MRT table dump.
    #[arg(long, env = "SWACT_TABLE", value_name = "FILE")]
    pub(super) table: Option<PathBuf>,
    /// Say what would be done to which card, and do nothing.
    #[arg(long, env = "SWACT_DRY_RUN")]
    pub(super) dry_run: bool,
    /// Also where the lab that runs was deployed from another topology file: it becomes this one's.
    #[arg(long, env = "SWACT_REPLACE")]
    pub(super) replace: bool,
    /// Return as soon as the programs run, without waiting until the chassis forwards.
    #[arg(long, env = "SWACT_NO_WAIT")]
    pub(super) no_wait: bool,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

#[derive(Debug, Args)]
pub(super) struct LabArgs {
    /// Name of the lab, or its topology file.
    pub(super) lab: String,
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Name of the lab, or its topology file [default: all labs]
    pub(super) lab: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Drawing {
    /// Mermaid, as Markdown viewers draw it.
    Mermaid,
    /// Graphviz.
    Dot,
}

#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// The topology.
    pub(super) topology: PathBuf,
    /// The drawing's language.
    #[arg(long, env = "SWACT_DRAWING", value_enum, default_value_t = Drawing::Mermaid)]
    pub(super) drawing: Drawing,
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Topologies and experiments.
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Another routing table: a prefix list or an MRT table dump.
    #[arg(long, env = "SWACT_TABLE", value_name = "FILE")]
    pub(super) table: Option<PathBuf>,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

#[derive(Debug, Args)]
pub(super) struct SaveArgs {
    /// The topology. Without a running lab, the startup configurations that it would get are written.
    pub(super) topology: PathBuf,
    /// Folder to write to [default: the topology's]
    #[arg(long, env = "SWACT_TO", value_name = "DIR")]
    pub(super) to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// Name of the lab, or its topology file.
    pub(super) lab: String,
    /// A chassis (its active RP), a card (NODE/SLOT), or a node of kind linux.
    pub(super) card: String,
    /// Commands, run one after the other in one session. In a node of kind linux: one command and its arguments, behind '--'.
    #[arg(required = true)]
    pub(super) line: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct IssuArgs {
    /// Name of the lab, or its topology file.
    pub(super) lab: String,
    /// The chassis; may be left out where the lab has one only.
    pub(super) node: Option<String>,
    /// The release. May be left out where an upgrade is under way: it goes on with that one.
    #[arg(long, env = "SWACT_TO", value_name = "RELEASE")]
    pub(super) to: Option<String>,
    /// Stop after this step. The same command again, without it, goes on from there.
    #[arg(long, env = "SWACT_STOP_AFTER", value_name = "STEP", value_parser = stage)]
    pub(super) stop_after: Option<Stage>,
    /// Take back an upgrade that is under way.
    #[arg(long, env = "SWACT_ABORT", conflicts_with_all = ["stop_after", "forced"])]
    pub(super) abort: bool,
    /// Go on although state will be lost.
    #[arg(long, env = "SWACT_FORCED")]
    pub(super) forced: bool,
    /// Say what it will come to, and do nothing.
    #[arg(long, env = "SWACT_DRY_RUN", conflicts_with = "abort")]
    pub(super) dry_run: bool,
    /// How long each step may take.
    #[arg(long, env = "SWACT_AT_MOST", value_name = "TIME", default_value = "120s")]
    pub(super) at_most: Span,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

fn stage(text: &str) -> Result<Stage, String> {
    text.parse().map_err(|_| {
        let all: Vec<_> = Stage::ALL.iter().map(<&str>::from).collect();
        format!("the steps are {}", all.join(", "))
    })
}

#[derive(Debug, Args)]
pub(super) struct UpgradeCardArgs {
    /// Name of the lab, or its topology file.
    pub(super) lab: String,
    /// The line card: NODE/SLOT.
    pub(super) card: String,
    /// The release.
    #[arg(long, env = "SWACT_TO", value_name = "RELEASE")]
    pub(super) to: String,
    /// Where the card cannot be handed over, reset it with the new release: what it holds is lost.
    #[arg(long, env = "SWACT_OR_RESET")]
    pub(super) or_reset: bool,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

#[derive(Debug, Args)]
pub(super) struct ConsoleArgs {
    /// Name of the lab, or its topology file.
    pub(super) lab: String,
    /// A chassis (its active RP) or a card: NODE or NODE/SLOT.
    pub(super) card: String,
}

#[derive(Debug, Args)]
pub(super) struct FaultArgs {
    /// What is done; see docs/faults.md for what each must lead to.
    #[arg(value_parser = fault_names())]
    pub(super) fault: FaultName,
    /// Name of the lab, or its topology file.
    pub(super) lab: String,
    /// [NODE/]active-rp, standby-rp, rp:A, lc:1, all-rp, all-lc, a pair (rp:A<->rp:B, lc:1->lc:2), a chassis or node, or an interface (frr1:eth1).
    pub(super) target: Target,
    /// swap-image, upgrade-card: the release.
    #[arg(long, env = "SWACT_IMAGE")]
    pub(super) image: Option<String>,
    /// upgrade-card: reset a card that cannot be handed over.
    #[arg(long, env = "SWACT_OR_RESET")]
    pub(super) or_reset: bool,
    /// impair, partition, heal: which plane of the fabric.
    #[arg(long, env = "SWACT_PLANE", value_enum, default_value_t = PlaneArg::Both)]
    pub(super) plane: PlaneArg,
    /// impair: probability of loss, 0 to 1.
    #[arg(long, env = "SWACT_LOSS", default_value_t = 0.0)]
    pub(super) loss: f64,
    /// impair: added delay.
    #[arg(long, env = "SWACT_DELAY", default_value = "0ms")]
    pub(super) delay: Span,
    /// impair: jitter around the delay.
    #[arg(long, env = "SWACT_JITTER", default_value = "0ms")]
    pub(super) jitter: Span,
    /// impair: probability that a packet is sent twice.
    #[arg(long, env = "SWACT_DUPLICATE", default_value_t = 0.0)]
    pub(super) duplicate: f64,
    /// impair: probability that a packet overtakes.
    #[arg(long, env = "SWACT_REORDER", default_value_t = 0.0)]
    pub(super) reorder: f64,
    /// impair: ceiling in bits a second; 0: none.
    #[arg(long, env = "SWACT_RATE_BPS", default_value_t = 0)]
    pub(super) rate_bps: u64,
    /// drop: every so many-th packet; 1: all of them.
    #[arg(long, env = "SWACT_EVERY", default_value_t = 1)]
    pub(super) every: u32,
    /// crash: where in the card's course.
    #[arg(long, env = "SWACT_POINT", value_parser = crash_points())]
    pub(super) point: Option<CrashPoint>,
    /// hang, unhang: which client of the redundancy facility, as 'show redundancy clients' lists it: CEF, 24.
    #[arg(long, env = "SWACT_CLIENT")]
    pub(super) client: Option<String>,
    /// exec: what is typed; give it once a line.
    #[arg(long = "line", value_name = "LINE")]
    pub(super) lines: Vec<String>,
    /// storm: how many faults.
    #[arg(long, env = "SWACT_FAULTS", value_name = "N", default_value_t = 5)]
    pub(super) faults: u32,
    /// storm: from the first fault to the last.
    #[arg(long, env = "SWACT_OVER", value_name = "TIME", default_value = "5s")]
    pub(super) over: Span,
    /// impair, storm: seed of the dice.
    #[arg(long, env = "SWACT_SEED", default_value_t = 1)]
    pub(super) seed: u64,
    /// Take it back after this time, and return then.
    #[arg(long = "for", env = "SWACT_FOR")]
    pub(super) time: Option<Span>,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

fn fault_names() -> impl TypedValueParser<Value = FaultName> {
    PossibleValuesParser::new(crate::fault::fault_names()).try_map(|name| name.parse::<FaultName>())
}

fn crash_points() -> impl TypedValueParser<Value = CrashPoint> {
    PossibleValuesParser::new(CrashPoint::ALL.iter().map(|point| point.name()))
        .try_map(|name| name.parse::<CrashPoint>())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlaneArg {
    /// Heartbeats and messages.
    Control,
    /// Cells.
    Data,
    /// Both.
    Both,
}

impl From<PlaneArg> for PlaneSet {
    fn from(arg: PlaneArg) -> Self {
        match arg {
            PlaneArg::Control => Self::Control,
            PlaneArg::Data => Self::Data,
            PlaneArg::Both => Self::Both,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Name of the lab, or its topology file.
    pub(super) lab: String,
    /// How long at most; afterwards the answer is no (exit code 1).
    #[arg(long, env = "SWACT_AT_MOST", value_name = "TIME", default_value = "60s")]
    pub(super) at_most: Span,
}

#[derive(Debug, Args)]
pub(super) struct ChaosArgs {
    #[command(subcommand)]
    pub(super) command: ChaosCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ChaosCommand {
    /// Print an experiment as the Chaos Toolkit has it (JSON); 'chaos run' does the same faults to a deployed lab.
    Export(ChaosExportArgs),
    /// Print a Chaos Toolkit experiment as one of ours (YAML).
    Import(ChaosImportArgs),
}

#[derive(Debug, Args)]
pub(super) struct ChaosExportArgs {
    /// The experiment (<name>.experiment.yml).
    pub(super) experiment: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ChaosImportArgs {
    /// The Chaos Toolkit experiment (JSON).
    pub(super) experiment: PathBuf,
    /// An experiment of ours to take lab, load and thresholds from.
    #[arg(long, env = "SWACT_BASE", value_name = "FILE")]
    pub(super) base: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ImagesArgs {
    #[command(subcommand)]
    pub(super) command: ImagesCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImagesCommand {
    /// List the releases.
    List(ImagesDir),
    /// Say what two releases come to on the two route processors of a chassis, client by client. Exit code 0: compatible;
    /// 1: some state is lost in a switchover between them, or there is none that keeps it, or nobody knows before they meet.
    Check(ImagesCheckArgs),
    /// Make the container images of every release out of local static programs: no registry, no network.
    Build(ImagesBuildArgs),
}

#[derive(Debug, Args)]
pub(super) struct ImagesCheckArgs {
    /// One release.
    pub(super) from: String,
    /// The other one.
    pub(super) to: String,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

#[derive(Debug, Args)]
pub(super) struct ImagesBuildArgs {
    /// Folder of the static programs [default: where 'cargo static -p rp -p linecard -p tester' leaves them]
    #[arg(long, env = "SWACT_FROM", value_name = "DIR")]
    pub(super) from: Option<PathBuf>,
    #[command(flatten)]
    pub(super) images: ImagesDir,
}

#[derive(Debug, Args)]
pub(super) struct AnalyzeArgs {
    /// The run's folder: store/<lab>/<time> or store/<lab>/latest.
    pub(super) run: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The folder of the earlier run.
    pub(super) before: PathBuf,
    /// The folder of the later run.
    pub(super) after: PathBuf,
    /// Changes of less than so many percent of the earlier median are none.
    #[arg(long, env = "SWACT_TOLERANCE", value_name = "PERCENT", default_value_t = 5.0)]
    pub(super) tolerance: f64,
}
