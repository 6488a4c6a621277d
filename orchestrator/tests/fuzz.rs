//! Topology and experiment files, damaged: a complaint, never a panic.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use lab::topology::Topology;
use notation::document::Document;
use orchestrator::experiment::Experiment;
use std::{fs, path::Path};

#[path = "../../tests/src/fuzz.rs"]
mod harness;

fn samples(ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies");
    let folders = fs::read_dir(folder).unwrap().flatten().filter_map(|entry| fs::read_dir(entry.path()).ok());
    let files = folders.flatten().flatten().map(|entry| entry.path());
    files.filter(|file| file.to_string_lossy().ends_with(ending)).map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn topologies() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies/edge/fuzzed.chassis.yml");
    harness::fuzz("topology", &samples(".chassis.yml"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Err(error) = Topology::from_document(Document::from_text(&place, &text)) {
            assert!(!error.to_string().is_empty());
        }
    });
}

#[test]
fn experiments() {
    let folder = std::env::temp_dir().join(format!("swact-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in [("edge.chassis.yml", ".chassis.yml"), ("pe1.cfg", "pe1.cfg")]
        .map(|(name, ending)| (name, samples(ending).into_iter().next().unwrap()))
    {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let place = folder.join("fuzzed.experiment.yml");
    harness::fuzz("experiment", &samples(".experiment.yml"), |bytes| {
        fs::write(&place, bytes).unwrap();
        if let Err(error) = Experiment::load(&place) {
            assert!(!error.to_string().is_empty());
        }
    });
    fs::remove_dir_all(&folder).unwrap();
}
