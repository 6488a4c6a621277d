//! What nobody but a card and its orchestrator may know.

use crate::lab::Lab;
use futures_util::StreamExt;
use std::{fs, path::Path, pin::pin};

/// Every private key of the lab, line by line without its frame.
fn secrets(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
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

/// Goal: no key is in a log, a report, the engine's account of a container, or an image. Method: run an experiment with
/// a fault, and look for every line of every key in all of these.
#[test]
fn no_secret_is_in_logs_reports_containers_or_images() {
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
