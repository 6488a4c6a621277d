//! What nobody but a card and its orchestrator may know.

use crate::lab::Lab;
use chassis_tests::ended::Ended;
use futures_util::StreamExt;
use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// The active RP dies once.
const KILL: &str = "title: a kill\ntopology: lab.chassis.yml\nmodes: [sso]\ntrials: 1\n\
                    traffic: [{name: x, from: t1:p1, to: t1:p2, flows: 10, rate: 2kpps, frame-size: 128}]\n\
                    steady-state: {for: 300ms, lost: 0}\nmethod: [{at: 0s, fault: kill, target: pe1/active-rp}]\n\
                    observe: {until: redundant, at-most: 60s}\n";

/// Every private key of the lab, line by line without its frame.
fn secrets(folder: &Path, found: &mut Vec<String>) {
    // It may not be there yet, or no more.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            secrets(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path)
            && text.contains("PRIVATE KEY")
        {
            found.extend(text.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned));
        }
    }
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Goal: no key is in a log, the engine's account of a container, what `swact inspect` shows, or an image. Method: deploy,
/// kill a card, and look for every line of every key in all of these.
#[test]
fn no_secret_is_in_logs_containers_or_images() {
    let lab = Lab::new("");
    lab.deploy().with(0);
    let mut keys = Vec::new();
    secrets(&lab.folder(), &mut keys);
    assert!(keys.len() > 6, "five cards, the operator and the authority have keys");
    lab.swact(&["fault", "kill", &lab.name, "pe1/rp:A"]).with(0);
    lab.settled();
    let mut public: Vec<(String, Vec<u8>)> = Vec::new();
    for (card, container) in lab.containers() {
        public.push((format!("inspect {card}"), serde_json::to_vec(&container).unwrap()));
        let options = bollard::query_parameters::LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let log = lab.executor.block_on(async {
            let mut lines = pin!(lab.engine.logs(container.id.as_deref().unwrap(), Some(options)));
            let mut text = Vec::new();
            while let Some(Ok(line)) = lines.next().await {
                text.extend_from_slice(&line.into_bytes());
            }
            text
        });
        assert!(!log.is_empty(), "{card} logs");
        public.push((format!("log of {card}"), log));
    }
    let shown = lab.swact(&["--format", "json", "inspect", &lab.name]).with(0);
    public.push(("swact inspect".to_owned(), shown.out.into_bytes()));
    for key in &keys {
        for (what, text) in &public {
            assert!(!holds(text, key), "{what} holds a key");
        }
    }
    for image in ["swact/rp:1.0", "swact/linecard:1.0"] {
        let tar = lab.executor.block_on(async {
            let mut chunks = pin!(lab.engine.export_image(image));
            let mut tar = Vec::new();
            while let Some(chunk) = chunks.next().await {
                tar.extend_from_slice(&chunk.unwrap());
            }
            tar
        });
        // Programs know the words in which keys are framed; no key is ever in them.
        assert!(!holds(&tar, "-----BEGIN PRIVATE KEY-----\nM"), "{image} holds a key");
        assert!(!holds(&tar, "/bin/sh\0\0"), "{image} holds a shell");
        for key in &keys {
            assert!(!holds(&tar, key), "{image} holds a key of the lab");
        }
    }
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
}

/// Goal: no key is in anything that a run leaves behind. Method: take the keys while it runs, and look for every line of
/// them in every file of its store.
#[test]
fn no_secret_is_in_a_report() {
    let lab = Lab::new("");
    fs::write(lab.path("kill.experiment.yml"), KILL).unwrap();
    let mut run = lab.command(&["run", "--quiet", "kill.experiment.yml"]);
    let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut keys = Vec::new();
    while run.try_wait().unwrap().is_none() {
        let mut now = Vec::new();
        secrets(&lab.folder(), &mut now);
        if now.len() > keys.len() {
            keys = now;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let ended = Ended::from(run.wait_with_output().unwrap());
    // A host that stood still makes a trial invalid, not secret.
    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
    assert!(keys.len() > 6, "five cards, the operator and the authority have keys");
    let store = files(&lab.path("store"));
    for name in ["report.json", "report.html", "events.ndjson", "evidence.json.gz", "A.log"] {
        assert!(store.iter().any(|path| path.ends_with(name)), "a run leaves {name}: {store:?}");
    }
    for path in store {
        let text = match path.extension() {
            Some(gz) if gz == "gz" => Command::new("gzip").arg("-dc").arg(&path).output().unwrap().stdout,
            _ => fs::read(&path).unwrap(),
        };
        assert!(!text.is_empty() || fs::metadata(&path).unwrap().len() == 0, "{} was not read", path.display());
        assert!(!keys.iter().any(|key| holds(&text, key)), "{} holds a key", path.display());
    }
    lab.assert_nothing_is_left();
}

/// Every file below `folder`, once.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries
        .flat_map(|entry| match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path()),
            kind if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}
