//! One test's lab: a folder of its own, the `swact` command in it, and the engine.

use bollard::{
    API_DEFAULT_VERSION, Docker,
    models::ContainerInspectResponse,
    query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder},
};
use chassis_tests::ended::Ended;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Longest wait for what must become true: a loaded machine gets its time.
const EVENTUALLY: Duration = Duration::from_secs(120);
/// One test at a time: labs share two processors.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) struct Lab {
    dir: TempDir,
    pub(crate) name: String,
    pub(crate) engine: Docker,
    pub(crate) executor: Runtime,
    _turn: MutexGuard<'static, ()>,
}

/// Two RPs, two line cards with a wire each to a tester; `more` goes into the chassis.
pub(crate) fn topology(name: &str, image: &str, more: &str) -> String {
    format!(
        "name: {name}\ntopology:\n  nodes:\n    pe1:\n      kind: chassis\n      image: \"{image}\"\n\
         \x20     redundancy: {{mode: sso, switchover-timer: 2s, heartbeat: 100ms}}\n\
         \x20     components: [{{slot: A}}, {{slot: B}}, {{slot: 1, ports: 1}}, {{slot: 2, ports: 1}}]\n{more}\
         \x20     routes: {{table: internet, size: {{ipv4: 1000, ipv6: 200}}, next-hops: 4}}\n\
         \x20   t1: {{kind: tester, ports: 2}}\n  links:\n\
         \x20   - endpoints: [\"t1:p1\", \"pe1:1/1\"]\n    - endpoints: [\"t1:p2\", \"pe1:2/1\"]\n"
    )
}

impl Lab {
    pub(crate) fn new(more: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let engine = Docker::connect_with_unix(&socket, 120, API_DEFAULT_VERSION).expect("an engine on this machine");
        let name = format!("ring-{}", std::process::id());
        let lab = Self { dir: tempfile::tempdir().unwrap(), name, engine, executor, _turn: turn };
        lab.write(&topology(&lab.name, "1.0", more));
        lab
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// The lab's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path("labs").join(&self.name)
    }

    pub(crate) fn write(&self, topology: &str) {
        fs::write(self.path("lab.chassis.yml"), topology).unwrap();
    }

    /// A `swact` command that knows nothing but this lab.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let programs = std::env::var_os("SWACT_BIN_DIR").expect("SWACT_BIN_DIR names the folder of swact");
        let mut command = Command::new(Path::new(&programs).join("swact"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWACT_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("SWACT_DIR", self.path("labs"))
            .env("SWACT_STORE", self.path("store"))
            .env("SWACT_IMAGES", Path::new(env!("CARGO_MANIFEST_DIR")).join("../images"))
            .env("SWACT_RUNTIME", "docker")
            .env("SWACT_BIN_DIR", programs)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn swact(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    pub(crate) fn deploy(&self) -> Ended {
        self.swact(&["deploy", "lab.chassis.yml"])
    }

    pub(crate) fn destroy(&self) -> Ended {
        self.swact(&["destroy", &self.name])
    }

    /// `swact inspect`, by card.
    pub(crate) fn inspect(&self) -> BTreeMap<String, Value> {
        let shown = self.swact(&["--format", "json", "inspect", &self.name]).with(0);
        let rows: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
        rows.into_iter().map(|row| (row["card"].as_str().unwrap().to_owned(), row["stats"].clone())).collect()
    }

    /// Waits until the chassis is redundant, both line cards hold its routes, and their wires are up.
    #[track_caller]
    pub(crate) fn settled(&self) {
        eventually("the chassis is redundant", || {
            let cards = self.inspect();
            let cards_up = ["pe1/1", "pe1/2"].iter().all(|name| cards[*name]["lc"]["stale"] == false);
            let rp = cards.values().map(|stats| &stats["rp"]).find(|rp| rp["active"] == true);
            let up = rp.is_some_and(|rp| rp["converged"] == true && rp["redundant"] == true);
            if up && cards_up { Ok(()) } else { Err(format!("{cards:#?}")) }
        });
    }

    /// The engine's account of the lab's containers, by card (`pe1/A`).
    pub(crate) fn containers(&self) -> BTreeMap<String, ContainerInspectResponse> {
        self.executor.block_on(async {
            let filter = HashMap::from([("label", vec![format!("swact.dir={}", self.folder().display())])]);
            let options = ListContainersOptionsBuilder::new().all(true).filters(&filter).build();
            let mut found = BTreeMap::new();
            for container in self.engine.list_containers(Some(options)).await.unwrap() {
                // It may go while it is looked at.
                let Ok(one) = self.engine.inspect_container(&container.id.unwrap(), None).await else { continue };
                let labels = one.config.as_ref().unwrap().labels.clone().unwrap();
                found.insert(format!("{}/{}", labels["swact.node"], labels["swact.slot"]), one);
            }
            found
        })
    }

    pub(crate) fn networks(&self) -> Vec<bollard::models::Network> {
        let filter = HashMap::from([("label", vec![format!("swact.dir={}", self.folder().display())])]);
        let options = ListNetworksOptionsBuilder::new().filters(&filter).build();
        self.executor.block_on(self.engine.list_networks(Some(options))).unwrap()
    }

    /// Processes of this host that carry the lab's label: the one that stands for the backplane.
    pub(crate) fn processes(&self) -> usize {
        let ours = format!("SWACT_LAB_DIR={}", self.path("").display());
        let environments =
            fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read(entry.path().join("environ")).ok());
        environments
            .filter(|text| String::from_utf8_lossy(text).split('\0').any(|entry| entry.starts_with(&ours)))
            .count()
    }

    #[track_caller]
    pub(crate) fn assert_nothing_is_left(&self) {
        let containers: Vec<_> = self.containers().into_keys().collect();
        assert_eq!((containers, self.networks().len(), self.processes()), (Vec::new(), 0, 0));
        assert!(!self.folder().exists(), "{} is still there", self.folder().display());
    }
}

impl Drop for Lab {
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
            Err(_) => thread::sleep(Duration::from_millis(200)),
        }
    }
}
