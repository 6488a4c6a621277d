//! One test's bench: a folder of its own, the `swact` command in it, and what can be seen from outside.

use cargo_metadata::MetadataCommand;
use chassis_tests::ended::Ended;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The lab of every test.
pub(crate) const LAB: &str = "small";

/// Longest wait for what must become true: a loaded machine gets its time.
const EVENTUALLY: Duration = Duration::from_secs(60);
/// Between two looks at it.
const POLL: Duration = Duration::from_millis(20);

/// A folder, and a turn.
pub(crate) struct Bench {
    dir: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// What an experiment of these tests varies.
pub(crate) struct Experiment<'a> {
    pub(crate) modes: &'a str,
    pub(crate) baseline: u32,
    pub(crate) rate: &'a str,
    pub(crate) method: &'a str,
    pub(crate) at_most: &'a str,
    pub(crate) thresholds: &'a str,
}

impl Default for Experiment<'_> {
    fn default() -> Self {
        Self {
            modes: "sso",
            baseline: 0,
            rate: "10kpps",
            method: "{at: 0s, fault: kill, target: pe1/active-rp}",
            at_most: "30s",
            thresholds: "{sso: {lost: 0, duplicated: 0, unaccounted: 0}}",
        }
    }
}

impl Bench {
    /// A bench with a topology of `routes` routes.
    pub(crate) fn new(routes: u32) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        // A test that failed has cleaned up behind itself all the same.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        programs();
        // A short name: the wires' sockets lie in it.
        let dir = tempfile::Builder::new().prefix("sw").tempdir().unwrap();
        let bench = Self { dir, _turn: turn };
        bench.write(&format!("{LAB}.chassis.yml"), &topology(routes, ""));
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        // As the kernel shows it in the programs' environment.
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Changes the topology before it is deployed.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let name = format!("{LAB}.chassis.yml");
        let text = fs::read_to_string(self.path(&name)).unwrap();
        assert!(text.contains(from), "{from}");
        self.write(&name, &text.replacen(from, to, 1));
    }

    /// From here on there are these releases only, and the topology has 2.0: all of them names of 2.0's own programs, which are
    /// compatible, but for 1.0, which is as it was shipped.
    pub(crate) fn releases(&self, names: &[&str]) {
        self.change("image: \"1.0\"", "image: \"2.0\"");
        let shipped = |release: &str| fs::read_to_string(shipped_images().join(release).join("manifest.yml")).unwrap();
        let two = shipped("2.0");
        let (head, matrix) = two.split_once("matrix:\n").unwrap();
        let row = |beside: &str| {
            let like = format!("\"{}\"", if beside == "1.0" { "1.0" } else { "2.0" });
            let row = matrix.split("- release: ").find(|row| row.starts_with(&like)).unwrap();
            format!("- release: {}\n", row.trim_end().replace(&like, &format!("\"{beside}\"")))
        };
        let rows: String = names.iter().map(|beside| row(beside)).collect();
        for release in names {
            let manifest = match *release {
                "1.0" => shipped("1.0"),
                _ => format!("{}matrix:\n{rows}", head.replace("version: \"2.0\"", &format!("version: \"{release}\""))),
            };
            let folder = self.path("images").join(release);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("manifest.yml"), manifest).unwrap();
        }
    }

    /// The lab's folder.
    pub(crate) fn lab(&self) -> PathBuf {
        self.path("labs").join(LAB)
    }

    /// A `swact` command that knows nothing but this bench.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(programs().join("swact"));
        let own_images = Some(self.path("images")).filter(|folder| folder.exists());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWACT_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env("SWACT_DIR", self.path("labs"))
            .env("SWACT_STORE", self.path("store"))
            .env("SWACT_IMAGES", own_images.unwrap_or_else(shipped_images))
            .env("SWACT_RUNTIME", "process")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn swact(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    pub(crate) fn write_experiment(&self, experiment: &Experiment<'_>) {
        let Experiment { modes, baseline, rate, method, at_most, thresholds } = experiment;
        self.write(
            "test.experiment.yml",
            &format!(
                "title: Test\ntopology: {LAB}.chassis.yml\nmodes: [{modes}]\ntrials: 1\nbaseline: {baseline}\nseed: 1\n\
                 traffic:\n  - {{name: load, from: t1:p1, to: t1:p2, flows: 50, rate: {rate}, frame-size: 128}}\n\
                 steady-state: {{for: 300ms, lost: 0}}\nmethod:\n  - {method}\n\
                 observe: {{until: redundant, at-most: {at_most}}}\nthresholds: {thresholds}\n"
            ),
        );
    }

    pub(crate) fn run_once(&self, experiment: &Experiment<'_>) -> Ended {
        self.write_experiment(experiment);
        self.run_written_once()
    }

    fn run_written_once(&self) -> Ended {
        self.swact(&["run", "test.experiment.yml"])
    }

    /// Runs an experiment; again, at most twice, where the only complaint is that this machine had no time for it.
    pub(crate) fn run(&self, experiment: &Experiment<'_>) -> Ended {
        self.write_experiment(experiment);
        self.run_written()
    }

    /// The same of an experiment that has been written.
    pub(crate) fn run_written(&self) -> Ended {
        let mut ended = self.run_written_once();
        for _ in 0..2 {
            if ended.code != Some(3) || !self.machine_was_late() {
                break;
            }
            ended = self.run_written_once();
        }
        ended
    }

    /// Whether a late generator is all that is wrong with the last run.
    fn machine_was_late(&self) -> bool {
        let report = self.report();
        let mut reasons =
            report["cells"].as_array().unwrap().iter().flat_map(|cell| cell["reasons"].as_array().unwrap());
        reasons.all(|reason| reason.as_str().unwrap().contains("did not keep pace"))
    }

    /// A file of the last run.
    pub(crate) fn run_file(&self, name: &str) -> PathBuf {
        self.path("store/latest").join(name)
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.run_file("report.json")).unwrap()).unwrap()
    }

    /// The last run's cell of a mode.
    pub(crate) fn cell(&self, mode: &str) -> Value {
        let report = self.report();
        report["cells"].as_array().unwrap().iter().find(|cell| cell["mode"] == mode).unwrap().clone()
    }

    /// What happened in the last run, oldest first.
    pub(crate) fn run_events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.run_file("events.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn deploy(&self) {
        self.swact(&["deploy", &format!("{LAB}.chassis.yml")]).with(0);
    }

    pub(crate) fn destroy(&self) -> Ended {
        self.swact(&["destroy", LAB])
    }

    /// Does a fault; answers its instant on the cards' clock.
    pub(crate) fn fault(&self, fault: &str, target: &str) -> u64 {
        let done = self.swact(&["--format", "json", "fault", fault, LAB, target]).with(0);
        serde_json::from_str::<Value>(&done.out).unwrap()["at_ns"].as_u64().unwrap()
    }

    pub(crate) fn exec(&self, card: &str, lines: &[&str]) -> Ended {
        self.swact(&[&["exec", LAB, card], lines].concat())
    }

    /// `swact inspect`, by card.
    pub(crate) fn inspect(&self) -> BTreeMap<String, Value> {
        let shown = self.swact(&["--format", "json", "inspect", LAB]).with(0);
        let rows: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
        rows.into_iter().map(|row| (row["card"].as_str().unwrap().to_owned(), row["stats"].clone())).collect()
    }

    /// Waits until the chassis has both RPs, and all routes on every line card; answers the active's name.
    #[track_caller]
    pub(crate) fn settled(&self) -> String {
        eventually("the chassis is redundant", || {
            let cards = self.inspect();
            let line_cards = ["pe1/1", "pe1/2"].iter().all(|name| cards[*name]["lc"]["stale"] == false);
            let active = cards.iter().find(|(_, stats)| stats["rp"]["active"] == true);
            let (name, stats) = active.filter(|_| line_cards).ok_or_else(|| format!("{cards:#?}"))?;
            let rp = &stats["rp"];
            let up = rp["converged"] == true && rp["redundant"] == true && rp["peer_state"] == "STANDBY HOT";
            if up { Ok(name.clone()) } else { Err(format!("{cards:#?}")) }
        })
    }

    /// Everything that runs for this bench: numbers by card; the one that stands for the backplane is `-/shelf`.
    pub(crate) fn processes(&self) -> BTreeMap<String, i32> {
        let ours = format!("SWACT_LAB_DIR={}", self.path("").display());
        let mut found = BTreeMap::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
            // A process may end while it is looked at.
            let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
            let text = String::from_utf8_lossy(&environment);
            if text.split('\0').any(|variable| variable.starts_with(&ours)) {
                let value = |name: &str| text.split('\0').find_map(|variable| variable.strip_prefix(name));
                let card = format!("{}/{}", value("SWACT_NODE=").unwrap(), value("SWACT_SLOT=").unwrap());
                found.insert(card, pid);
            }
        }
        found
    }

    #[track_caller]
    pub(crate) fn assert_nothing_runs(&self) {
        assert_eq!(self.processes(), BTreeMap::new());
        assert!(!self.lab().exists(), "{} is still there", self.lab().display());
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Whatever the test left, and however it ended.
        self.destroy();
    }
}

/// Waits for something to come true; `look` answers with what it saw instead.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + EVENTUALLY;
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(seen) if Instant::now() >= deadline => panic!("never: {what}; instead:\n{seen}"),
            Err(_) => thread::sleep(POLL),
        }
    }
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// A chassis of two RPs and two line cards, and a tester on both; `more` goes into the chassis.
pub(crate) fn topology(routes: u32, more: &str) -> String {
    format!(
        "name: {LAB}\ntopology:\n  nodes:\n    pe1:\n      kind: chassis\n      platform: native\n      image: \"1.0\"\n\
         \x20     redundancy: {{mode: sso, switchover-timer: 300ms, heartbeat: 50ms}}\n{more}\
         \x20     components: [{{slot: A}}, {{slot: B}}, {{slot: 1, ports: 1}}, {{slot: 2, ports: 1}}]\n\
         \x20     routes: {{table: internet, size: {{ipv4: {routes}, ipv6: 500}}, next-hops: 16}}\n\
         \x20   t1: {{kind: tester, ports: 2}}\n  links:\n\
         \x20   - endpoints: [\"t1:p1\", \"pe1:1/1\"]\n    - endpoints: [\"t1:p2\", \"pe1:2/1\"]\n"
    )
}

/// A file under `topologies`.
pub(crate) fn shipped(file: &str) -> String {
    fs::read_to_string(root().join("topologies").join(file)).unwrap()
}

/// The releases of this tree.
pub(crate) fn shipped_images() -> PathBuf {
    root().join("images")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The programs in `SWACT_BIN_DIR`; else as they are measured: built for release, once, where cargo builds this test.
#[track_caller]
pub(crate) fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAMS.get_or_init(built).as_ref().unwrap_or_else(|error| panic!("{error}"))
}

fn built() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("SWACT_BIN_DIR") {
        return Ok(folder.into());
    }
    let mut cargo = Command::new(env!("CARGO"));
    let build = cargo.args(["build", "--release", "--bins"]).current_dir(root()).output().unwrap();
    if !build.status.success() {
        return Err(String::from_utf8_lossy(&build.stderr).into_owned());
    }
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    Ok(metadata.target_directory.join("release").into())
}
